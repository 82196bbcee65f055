//! `tacho init`: a commented plan for a server that is there.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};

use tachograph_model::plan::{Api, parse};

use crate::args::InitArgs;
use crate::failure::{Exit, Failure};
use crate::session;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &InitArgs) -> Result<Exit, Failure> {
    let found =
        session::discover(&args.server, args.model.as_deref(), args.api_key_env.as_deref())?;
    let text = plan_text(&args.server, &found.model, found.api, args.api_key_env.as_deref());
    parse::parse(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("no valid plan can be made for this server: {error}"))
    })?;
    let mut file =
        OpenOptions::new().write(true).create_new(true).open(&args.output).map_err(|error| {
            let path = args.output.display();
            match error.kind() {
                ErrorKind::AlreadyExists => {
                    Failure::new(Exit::Usage, format!("{path} exists already"))
                        .help("choose another file with -o")
                }
                _ => Failure::new(Exit::Failed, format!("could not write {path}: {error}")),
            }
        })?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(|error| {
        let path = args.output.display();
        Failure::new(Exit::Failed, format!("could not write {path}: {error}"))
    })?;
    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    note(format!(
        "{} {} at {} serves {} model(s); planned for {}",
        said(&found.identity.product),
        said(&found.identity.version),
        args.server,
        found.models.len(),
        found.model
    ));
    out(format!("wrote {0}; look at it, then: tacho plan {0}", args.output.display()));
    Ok(Exit::Done)
}

/// Returns the text of the plan. Option sweeps that a server's protocol cannot
/// express (`num_ctx` and `num_gpu` on OpenAI's routes) are not offered.
fn plan_text(url: &str, model: &str, api: Api, api_key_env: Option<&str>) -> String {
    let api_name = match api {
        Api::OllamaGenerate => "ollama-generate",
        Api::OllamaChat => "ollama-chat",
        Api::OpenaiChat => "openai-chat",
        Api::OpenaiCompletions => "openai-completions",
    };
    let key = match api_key_env {
        Some(variable) => format!("api_key_env = {}\n", quoted(variable)),
        None => "# api_key_env = \"MY_API_KEY\"   # the name of the variable, never the key\n"
            .to_owned(),
    };
    let factors = if api.is_ollama() {
        "num_ctx = [2048, 4096]        # a change reloads the model: cold and warm are both seen\n\
         temperature = [0.2, 0.8]\n\
         # num_gpu = [0, 99]           # layers on the GPU\n"
    } else {
        "temperature = [0.2, 0.8]\n# top_p = [0.9, 1.0]\n"
    };
    format!(
        r#"# A plan for {url}.
# Its digest is written down before the first request; what it does not say is
# reported as exploratory. Every key: docs/plan-format.md

schema = "tachograph-plan/1"
name = "my-study"
question = "Which configuration gives the highest output throughput?"

seed = 1                      # order of runs, and the server's sampling seed per block
blocks = 5                    # replicates: each configuration runs once in each block
order = "randomized-blocks"   # or "as-written", for debugging only
warmup_calls = 0              # per run; recorded, and left out of every statistic
server_policy = "keep"        # before each run: "keep" or "unload" (evict the model)
connection = "fresh"          # or "keepalive"
prompt_cache = "nonce"        # or "on": the server may answer from its prompt cache
cold_load_threshold_ms = 1000 # a call is cold when loading took longer

[primary]
metric = "output_throughput"  # output tokens over wall time: what a user waits for
margin_percent = 5.0          # the smallest difference that matters to you
alpha = 0.05                  # family-wise error rate

[stopping]
rule = "fixed"                # all blocks; or stop early at planned looks, with alpha kept:
# rule = "group-sequential"   # with blocks = 12:
# looks = [4, 8, 12]          # or n_looks = 3
# spending = "obrien-fleming" # or "pocock": more likely to stop at the first look
# rule = "always-valid"       # a look after every block from the second on

[timeouts]
connect_s = 5.0
first_token_s = 300.0         # loading a large model counts
between_chunks_s = 60.0
call_s = 900.0

[[servers]]
name = "main"
api = "{api_name}"
url = {url_text}
model = {model}
{key}
[[agents]]
name = "analyst"
server = "main"
input = "samples"             # the files that ship with tacho; or a folder of yours

[baseline]
aa = true                     # run the baseline twice per block: shows the noise floor

[options]                     # sent by every configuration, baseline included
num_predict = 256             # without a limit the length of answers decides the time

[factors]                     # every combination is a configuration
{factors}"#,
        url_text = quoted(url),
        model = quoted(model),
    )
}

/// Returns `text` as a TOML string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_protocol_gets_a_valid_plan_without_warnings() {
        for api in [Api::OllamaGenerate, Api::OllamaChat, Api::OpenaiChat, Api::OpenaiCompletions] {
            for key in [None, Some("KEY")] {
                let text = plan_text("http://127.0.0.1:11434", "a\"b\\c:1", api, key);
                let parsed = parse::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!(parsed.warnings, []);
                assert_eq!(parsed.plan.servers[0].model, "a\"b\\c:1");
                assert_eq!(parsed.plan.servers[0].api, api);
            }
        }
    }
}
