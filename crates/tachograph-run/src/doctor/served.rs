//! The server: who it is, and what it does with what it is told.

use tachograph_model::call::CallRecord;
use tachograph_model::event::{CallStatus, Stage};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::{ConnectionMode, PromptCache};

use super::Check;
use crate::agent::nonce::nonce;
use crate::agent::prompts;
use crate::client::{CallSpec, Client, Stop, request};
use crate::clock;
use crate::probe::{self, ProbeError, Seen, Target};

/// Output tokens asked for in most trial calls.
const TOKENS: i64 = 16;

/// Output tokens asked for to see whether the limit holds.
const FEW_TOKENS: i64 = 3;

/// The context length asked for to see whether that has an effect.
const CONTEXT: i64 = 1_280;

/// The largest loaded model, in bytes, that is reloaded for a trial.
const RELOADED_BYTES_MAX: u64 = 4 << 30;

/// An option that no server knows.
const UNKNOWN_OPTION: &str = "tachograph_unknown_option";

/// Looks at a server. Without `model`, its first one is tried.
///
/// Makes up to six calls of at most 16 tokens. A model of up to 4 GiB is loaded
/// anew with another context length and without GPU layers, to see whether that
/// is done; the next call with other options loads it once more.
pub fn server(target: &Target, model: Option<&str>) -> Vec<Check> {
    let reachable = Check::of("server", "without it nothing can be measured");
    let present = Check::of("model", "without it nothing can be measured");
    let identified = probe::identify(target);
    let seen = match &identified {
        Ok(seen) => seen,
        Err(error) => return vec![reachable.bad(error.to_string(), advice(error))],
    };
    let said = |value: &Option<String>| value.clone().unwrap_or_else(|| "unknown".to_owned());
    let found = format!(
        "{} {} at {}",
        said(&seen.identity.product),
        said(&seen.identity.version),
        target.endpoint
    );
    let mut checks = vec![if seen.identity.version.is_some() {
        reachable.good(found)
    } else {
        reachable.warn(found, "write the version down by hand; the server does not say it")
    }];
    let Some(model) = model.or(seen.models.first().map(String::as_str)) else {
        checks.push(present.bad("the server has none", "load one, such as `ollama pull NAME`"));
        return checks;
    };
    match probe::probe(target, model) {
        Ok(seen) => {
            let name = said(&seen.identity.model);
            checks.push(match &seen.identity.model_digest {
                Some(digest) => present.good(format!("{name}, digest {}", start(digest, 12))),
                None => present.warn(
                    format!("{name}, digest unknown"),
                    "note the file's SHA-256 yourself; the server does not say it",
                ),
            });
            checks.extend(trials(target, model, &seen));
        }
        Err(error) => checks.push(present.bad(error.to_string(), "name a model that is there")),
    }
    checks
}

fn advice(error: &ProbeError) -> &'static str {
    match error {
        ProbeError::Unreachable { .. } => "start the server, or correct the URL",
        ProbeError::Refused { .. } => "name the key's environment variable: --api-key-env",
        ProbeError::NotAModelServer { .. } => "correct the host or the port",
        ProbeError::ModelMissing { .. } => "name a model that is there",
        ProbeError::NotLoaded { .. } | ProbeError::NotUnloaded { .. } => "look at the server's log",
    }
}

fn start(text: &str, n_chars: usize) -> &str {
    text.char_indices().nth(n_chars).map_or(text, |(end, _)| &text[..end])
}

/// Makes calls to one model.
struct Trial<'a> {
    client: Client,
    target: &'a Target,
    seen: &'a Seen,
    model: &'a str,
    n_calls: u32,
}

impl Trial<'_> {
    /// Makes a call; options come on top of temperature 0, a seed and a limit.
    fn call(&mut self, prompt: &str, options: &[(&str, OptionValue)]) -> CallRecord {
        let mut all = Options::from([
            ("temperature".to_owned(), OptionValue::Float(0.0)),
            ("seed".to_owned(), OptionValue::Integer(7)),
            ("num_predict".to_owned(), OptionValue::Integer(TOKENS)),
        ]);
        all.extend(options.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        let api = self.seen.api;
        let body = request::body(&request::Request {
            api,
            model: self.model,
            prompt,
            options: &all,
            prompt_cache: PromptCache::On,
            stream: true,
        });
        let spec = CallSpec {
            call: self.n_calls,
            stage: Stage::Warmup,
            server: "server".to_owned(),
            endpoint: self.target.endpoint.clone(),
            api,
            body: body.text,
            nonce: None,
            connection: ConnectionMode::Fresh,
            timeouts: self.target.timeouts,
            secret: self.target.secret.clone(),
            planned: None,
        };
        self.n_calls += 1;
        self.client.call(spec, &mut |_event| {})
    }
}

fn trials(target: &Target, model: &str, seen: &Seen) -> Vec<Check> {
    let answers = Check::of("answer", "without it nothing can be measured");
    let client = match Stop::new().map(Client::new) {
        Ok(Ok(client)) => client,
        Ok(Err(error)) => return vec![answers.bad(error.to_string(), "close other programs")],
        Err(error) => return vec![answers.bad(error.to_string(), "close other programs")],
    };
    let mut trial = Trial { client, target, seen, model, n_calls: 0 };
    // No server has seen this prompt: it begins with the time of day.
    let prompt = [&*nonce(&clock::sample().realtime_ns, 0), prompts::REPORT_HEAD]
        .concat()
        .replace("\n\n", " ")
        + &prompts::ANALYSIS_TAIL.repeat(2);
    let first = trial.call(&prompt, &[]);
    if !first.is_completed() {
        let error = first.finished.error.clone().unwrap_or_default();
        let found = format!("{}: {error}", first.finished.status.name());
        return vec![answers.bad(found, "look at the server's log, and try the model by hand")];
    }
    let second = trial.call(&prompt, &[]);
    let hot = ("temperature", OptionValue::Float(1.5));
    let third = trial.call(&prompt, std::slice::from_ref(&hot));
    let fourth = trial.call(&prompt, &[hot, ("seed", OptionValue::Integer(8))]);
    let odd = trial.call(
        &prompt,
        &[
            ("num_predict", OptionValue::Integer(FEW_TOKENS)),
            (UNKNOWN_OPTION, OptionValue::Integer(1)),
        ],
    );
    let mut checks = vec![
        answers.good(format!("{} chunks, {} characters", first.chunks.len(), first.text().len())),
        coldness(&first, &second),
        usage(&first),
        chunks(&first),
        prompt_cache(&first, &second),
        repeatability(&first, &second),
        sampling(&first, &third, &fourth),
        limit(&first, &odd),
        unknown_options(&odd),
    ];
    if seen.api.is_ollama() {
        checks.extend(reload(&mut trial, &prompt));
    }
    checks
}

fn coldness(first: &CallRecord, second: &CallRecord) -> Check {
    let check = Check::of(
        "cold or warm",
        "cold and warm calls are different things; the load time tells them apart",
    );
    match (first.finished.server.load_ns, second.finished.server.load_ns) {
        (Some(first), Some(second)) => check.good(format!(
            "loading took {:.1} ms in the first call, {:.1} ms in the second",
            first.as_millis(),
            second.as_millis()
        )),
        _ => check.unknown("the server does not say how long it loads"),
    }
}

fn usage(call: &CallRecord) -> Check {
    let check = Check::of("token counts", "rates per token need the server's counts");
    let usage = call.finished.usage;
    match (usage.prompt_tokens, usage.output_tokens) {
        (Some(prompt), Some(output)) => {
            check.good(format!("{prompt} prompt and {output} output tokens reported"))
        }
        _ => check.bad(
            "the server does not report them",
            "switch usage on in the server (OpenAI: `stream_options.include_usage`)",
        ),
    }
}

fn chunks(call: &CallRecord) -> Check {
    let check = Check::of("tokens in a chunk", "gaps between chunks are not gaps between tokens");
    let n_chunks = call.content_chunks().count() as u64;
    match call.finished.usage.output_tokens {
        None => check.unknown(format!("{n_chunks} chunks, tokens not reported")),
        // The token that ends an answer has no text.
        Some(tokens) if tokens == n_chunks || tokens == n_chunks + 1 => {
            check.good(format!("{tokens} tokens in {n_chunks} chunks"))
        }
        Some(tokens) => check.warn(
            format!("{tokens} tokens in {n_chunks} chunks"),
            "compare TPOT, not inter-token latency; counts come from the server",
        ),
    }
}

fn prompt_cache(first: &CallRecord, second: &CallRecord) -> Check {
    let check = Check::of(
        "prompt cache",
        "a prompt that was seen before costs nothing, in whichever configuration comes later",
    );
    let fix = "keep `prompt_cache = \"nonce\"`, the default of a plan";
    let prompt_ns = |call: &CallRecord| call.finished.server.prompt_eval_ns.map(|it| it.0);
    match (second.finished.usage.cached_prompt_tokens, second.finished.usage.prompt_tokens) {
        (Some(cached), Some(prompt)) if cached > 0 => {
            return check.warn(format!("on: {cached} of {prompt} tokens came from it"), fix);
        }
        (Some(_), _) => return check.good("off: no token of a repeated prompt came from it"),
        _ => {}
    }
    match (prompt_ns(first), prompt_ns(second)) {
        (Some(first), Some(second)) => {
            let found = format!(
                "the same prompt took {:.1} ms and then {:.1} ms",
                first as f64 / 1e6,
                second as f64 / 1e6
            );
            if second < first / 3 {
                check.warn(format!("on, and not reported: {found}"), fix)
            } else {
                check.good(format!("off: {found}"))
            }
        }
        _ => check.unknown("the server reports neither cached tokens nor prompt times"),
    }
}

fn repeatability(first: &CallRecord, second: &CallRecord) -> Check {
    let check = Check::of(
        "repeatable answers",
        "answers of other lengths make wall times differ for no other reason",
    );
    if !second.is_completed() {
        check.unknown(failure(second))
    } else if first.text() == second.text() {
        check.good("temperature 0 and one seed gave the same text twice")
    } else {
        // Another batch size is another order of additions.
        let cached = second.finished.usage.cached_prompt_tokens.is_some_and(|n| n > 0);
        let perhaps = if cached { ", perhaps since the second prompt was cached" } else { "" };
        check.warn(
            format!("temperature 0 and one seed gave two texts{perhaps}"),
            "set `num_predict`, and compare rates per token rather than wall times",
        )
    }
}

fn sampling(first: &CallRecord, third: &CallRecord, fourth: &CallRecord) -> Check {
    let check = Check::of(
        "sampling options",
        "levels of an option that the server ignores are one configuration under many names",
    );
    if let Some(failed) = [third, fourth].into_iter().find(|call| !call.is_completed()) {
        return check.unknown(failure(failed));
    }
    let fix = "do not use it as a factor, or use another server";
    if third.text() == first.text() && fourth.text() == first.text() {
        check.bad("temperature and seed change nothing", fix)
    } else if third.text() == fourth.text() {
        check.warn("temperature has an effect, seed has none", fix)
    } else {
        check.good("temperature and seed have an effect")
    }
}

fn limit(first: &CallRecord, odd: &CallRecord) -> Check {
    let check = Check::of("output limit", "without one the model decides how long a run takes");
    let counted = |call: &CallRecord, limit: i64| {
        (call.is_completed(), call.output_tokens().count().cast_signed(), limit)
    };
    let trials = [counted(odd, FEW_TOKENS), counted(first, TOKENS)];
    match trials.into_iter().find(|(completed, ..)| *completed) {
        None => check.unknown("no call completed"),
        Some((_, tokens, limit)) if tokens <= limit => {
            check.good(format!("{tokens} tokens where at most {limit} were asked for"))
        }
        Some((_, tokens, limit)) => check.bad(
            format!("{tokens} tokens where at most {limit} were asked for"),
            "use a server that honours `num_predict` (OpenAI: `max_tokens`)",
        ),
    }
}

fn unknown_options(odd: &CallRecord) -> Check {
    let check = Check::of("unknown options", "a misspelt option is measured as if it had been set");
    match odd.finished.status {
        CallStatus::Completed => check.warn(
            "ignored without a word",
            "mind the plan's warnings about names, and the report's levels without effect",
        ),
        CallStatus::HttpError => check.good("refused with an error"),
        _ => check.unknown(failure(odd)),
    }
}

/// Asks for another context length and no GPU layers, and looks at what the
/// server then has loaded.
fn reload(trial: &mut Trial<'_>, prompt: &str) -> Vec<Check> {
    let context = Check::of("context length", "a prompt that does not fit is cut silently");
    let layers = Check::of("GPU layers", "what was asked for need not be what was loaded");
    let both = |found: &str| vec![context.unknown(found), layers.unknown(found)];
    let before = match probe::probe(trial.target, trial.model) {
        Ok(seen) => seen.identity,
        Err(error) => return both(&error.to_string()),
    };
    if before.loaded_bytes.unwrap_or(0) > RELOADED_BYTES_MAX {
        return both("not tried, since the model is large and would be loaded anew");
    }
    let call = trial.call(
        prompt,
        &[
            ("num_ctx", OptionValue::Integer(CONTEXT)),
            ("num_gpu", OptionValue::Integer(0)),
            ("num_predict", OptionValue::Integer(FEW_TOKENS)),
        ],
    );
    if !call.is_completed() {
        return both(&failure(&call));
    }
    let after = match probe::probe(trial.target, trial.model) {
        Ok(seen) => seen.identity,
        Err(error) => return both(&error.to_string()),
    };
    let context = match after.context_length {
        None => context.unknown("the server does not say what it has loaded"),
        Some(length) if length == CONTEXT.cast_unsigned() => {
            context.good(format!("num_ctx {CONTEXT} asked for and loaded"))
        }
        Some(length) => context.bad(
            format!("num_ctx {CONTEXT} asked for, {length} loaded"),
            "do not use num_ctx as a factor; set it where the server starts",
        ),
    };
    let layers = match (before.vram_bytes, after.vram_bytes) {
        (Some(0), _) => layers.warn(
            "no part of the model is in GPU memory",
            "do not use num_gpu as a factor on this machine",
        ),
        (Some(_), Some(0)) => layers.good("num_gpu 0 emptied the GPU's memory"),
        (Some(_), Some(bytes)) => layers.bad(
            format!("num_gpu 0 left {bytes} bytes in GPU memory"),
            "do not use num_gpu as a factor; this server ignores it",
        ),
        _ => layers.unknown("the server does not say what is in GPU memory"),
    };
    vec![context, layers]
}

fn failure(call: &CallRecord) -> String {
    let error = call.finished.error.as_deref().unwrap_or("no reason was given");
    format!("a call ended as {}: {error}", call.finished.status.name())
}
