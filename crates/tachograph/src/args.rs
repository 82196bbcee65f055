//! What the user typed.
//!
//! Owns: the command line's grammar and its help texts.
//!
//! Does not: check that files exist or decide anything.

#![expect(clippy::doc_markdown, reason = "doc comments are help texts, shown as they are")]

mod audit;
mod gate;
mod import;
mod keys;
mod proxy;
mod status;

pub(crate) use audit::{AuditArgs, AuditForm};
pub(crate) use gate::{BaselineArgs, CompareArgs, FormChoice, PowerArgs};
pub(crate) use import::ImportArgs;
pub(crate) use keys::{AttestArgs, ExportArgs, KeygenArgs, RenderArgs};
pub(crate) use proxy::{RecordArgs, TapArgs};
pub(crate) use status::{StatusArgs, StatusForm};

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::Metric;
use tachograph_report::metric_id;
use tachograph_serve::Speed;

/// Measures LLM agents and publishes reports in which every number can be
/// traced to a raw event and recomputed.
#[derive(Debug, Parser)]
#[command(name = "tacho", version, about, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Exit codes: 0 done; 1 done and the answer is no; 2 wrong usage or plan; \
                        3 could not be carried out; 4 partial.")]
pub(crate) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set up a real small model, run real agents on it, report and verify
    Quickstart(QuickstartArgs),
    /// Check whether this machine and a server are fit to measure
    Doctor(DoctorArgs),
    /// Write a commented plan for a server that is there
    Init(InitArgs),
    /// Show what a plan will do: matrix, order, time
    Plan(PlanArgs),
    /// Execute a plan and keep the evidence
    Run(RunArgs),
    /// Make studies of what other programs measured
    Import(ImportArgs),
    /// Publish the report of a study
    Report(ReportArgs),
    /// List everything that follows from a study, as tables
    Analyze(AnalyzeArgs),
    /// Recompute a study's report from its raw events, and name what differs
    Verify(VerifyArgs),
    /// Say what studies are there, and which reports are stale
    Status(StatusArgs),
    /// Fill a text written by hand with a study's numbers, bound to their claims
    Render(RenderArgs),
    /// Make a key to sign studies with
    Keygen(KeygenArgs),
    /// Sign a study: say with a key that one stands for it
    Attest(AttestArgs),
    /// Describe a study for archives and registries
    Export(ExportArgs),
    /// Find the numbers of a report that cannot be true, anyone's report
    Audit(AuditArgs),
    /// Say what became better or worse between two studies or configurations
    Compare(CompareArgs),
    /// Keep what comparing needs of a study in one small file
    Baseline(BaselineArgs),
    /// Say how many blocks a question needs, from a pilot study
    Power(PowerArgs),
    /// Serve a model on Ollama's and OpenAI's routes
    Serve(ServeArgs),
    /// Stand between an agent and its server, and measure its calls from outside
    Tap(TapArgs),
    /// Record what a live server answers to a plan's agents, to be played back
    Record(RecordArgs),
    /// Make the environments of the agents in Python that Tachograph brings along
    AgentSetup(AgentSetupArgs),
    /// Print the JSON schema of plans, for editors
    Schema,
    /// Print completions for a shell
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    #[command(hide = true)]
    Man,
    /// Execute one agent's task, read from standard input
    #[command(hide = true)]
    Worker,
    /// Start a command and report what it used
    #[command(hide = true)]
    Shim {
        /// The command.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true)]
        command: Vec<String>,
    },
}

/// Changes to a plan, recorded in the study.
#[derive(Debug, Clone, Default, PartialEq, Args)]
pub(crate) struct Overrides {
    /// Run this many blocks instead of the plan's
    #[arg(long, value_name = "N")]
    pub(crate) blocks: Option<u32>,
    /// Set an option of every configuration: num_predict=64
    #[arg(long = "set", value_name = "OPTION=VALUE", value_parser = parse_setting)]
    pub(crate) set: Vec<(String, OptionValue)>,
    /// Use the server at this URL (NAME=URL if the plan has several)
    #[arg(long, value_name = "[NAME=]URL")]
    pub(crate) server: Vec<String>,
    /// Use this model
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// Replace every server by a simulated one: no model, stated timing
    #[arg(long, conflicts_with_all = ["server", "model"])]
    pub(crate) simulated: bool,
}

fn parse_setting(text: &str) -> Result<(String, OptionValue), String> {
    let (name, value) = text
        .split_once('=')
        .ok_or_else(|| format!("expected OPTION=VALUE, as in num_predict=64, not `{text}`"))?;
    Ok((name.trim().to_owned(), OptionValue::parse(value.trim())))
}

/// Arguments of `tacho quickstart`.
#[derive(Debug, Args)]
pub(crate) struct QuickstartArgs {
    /// Where the study goes
    #[arg(short, long, value_name = "DIR", default_value = "quickstart.study")]
    pub(crate) output: PathBuf,
    /// Replace a study that is already there
    #[arg(long)]
    pub(crate) force: bool,
    /// Changes to the quick plan.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Keep the engine and its model here
    #[arg(long, value_name = "DIR", env = "TACHO_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

/// Arguments of `tacho doctor`.
#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// A server to look at too
    #[arg(long, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// The model to try (the first one listed if absent)
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The environment variable that holds the server's API key
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) api_key_env: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// Arguments of `tacho init`.
#[derive(Debug, Args)]
pub(crate) struct InitArgs {
    /// The server to plan for
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    /// The model (the first one listed if absent)
    #[arg(long, value_name = "NAME")]
    pub(crate) model: Option<String>,
    /// The environment variable that holds the server's API key
    #[arg(long, value_name = "VARIABLE")]
    pub(crate) api_key_env: Option<String>,
    /// Where the plan goes
    #[arg(short, long, value_name = "FILE", default_value = "plan.toml")]
    pub(crate) output: PathBuf,
}

/// Arguments of `tacho plan`.
#[derive(Debug, Args)]
pub(crate) struct PlanArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// Changes to the plan.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Make unrecorded rehearsal runs and estimate from them: one of the baseline, or of one
    /// concurrent configuration and its agents alone
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// Print the plan with every default and its runs as JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Keep the engine and its model here
    #[arg(long, value_name = "DIR", env = "TACHO_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

/// Arguments of `tacho run`.
#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// The plan (with --resume the study's own plan is used)
    #[arg(required_unless_present = "resume")]
    pub(crate) plan: Option<PathBuf>,
    /// Where the study goes
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Complete a study that was interrupted
    #[arg(long)]
    pub(crate) resume: bool,
    /// Changes to the plan.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Keep the engine and its model here
    #[arg(long, value_name = "DIR", env = "TACHO_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

/// Arguments of `tacho report`.
#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    /// The study, or a folder of studies
    pub(crate) study: PathBuf,
    /// Which report
    #[arg(long, value_enum, default_value = "main")]
    pub(crate) kind: ReportKind,
    /// Hold the study against this: an earlier study's folder, or a list of claims
    /// (claims.toml); may be given several times
    #[arg(long, value_name = "EARLIER")]
    pub(crate) against: Vec<PathBuf>,
    /// Record that the study takes the place of the earlier ones, whose reports are stale
    /// from then on
    #[arg(long, requires = "against")]
    pub(crate) supersedes: bool,
    /// Why it does, in words
    #[arg(long, value_name = "WORDS", requires = "supersedes")]
    pub(crate) reason: Option<String>,
}

/// Which report of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportKind {
    /// The one that the plan asks for: single-agent, multi-agent or cross-language
    Main,
    /// What earlier claims and studies said, and what became of it
    Validation,
}

/// Arguments of `tacho analyze`.
#[derive(Debug, Args)]
pub(crate) struct AnalyzeArgs {
    /// The study
    pub(crate) study: PathBuf,
    /// A metric to look at, or all (the plan's primary metric if absent)
    #[arg(long = "metric", value_name = "METRIC", value_parser = parse_metric)]
    pub(crate) metrics: Vec<Metrics>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Write a CSV file for each table into this folder
    #[arg(long, value_name = "DIR")]
    pub(crate) csv: Option<PathBuf>,
}

/// One metric, or all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Metrics {
    /// This one.
    One(Metric),
    /// Every one.
    All,
}

fn parse_metric(text: &str) -> Result<Metrics, String> {
    if text == "all" {
        return Ok(Metrics::All);
    }
    let name = text.replace('-', "_");
    let found = Metric::ALL.into_iter().find(|metric| metric_id(*metric) == name);
    found.map(Metrics::One).ok_or_else(|| {
        let names: Vec<&str> = Metric::ALL.into_iter().map(metric_id).collect();
        format!("not a metric; use all or one of {}", names.join(", "))
    })
}

/// Arguments of `tacho verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// The study, or a folder of studies
    pub(crate) study: PathBuf,
    /// Check that the holder of this public key signed the study
    #[arg(long, value_name = "KEY.pub")]
    pub(crate) key: Option<PathBuf>,
    /// Check a text of `tacho render` too: its numbers are what the study says
    #[arg(long, value_name = "FILE")]
    pub(crate) document: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

/// What answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EngineChoice {
    /// llama.cpp with SmolLM2-135M-Instruct
    Llama,
    /// Stated, seeded timing and generated words
    Simulated,
    /// A recording, byte by byte at the recorded instants
    Cassette,
}

/// What a request gets that was recorded more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RepeatsChoice {
    /// The first recording, every time
    First,
    /// One recording after the other
    Cycle,
}

/// Arguments of `tacho serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// What answers; llama if neither this nor --cassette is given
    #[arg(long, value_enum)]
    pub(crate) engine: Option<EngineChoice>,
    /// Ports, one independent instance each; 0 lets the system choose
    #[arg(long = "port", value_name = "PORT", default_values_t = [11434])]
    pub(crate) ports: Vec<u16>,
    /// The address to listen on
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: IpAddr,
    /// Threads of each instance
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) threads: u32,
    /// Requests that an instance serves at once
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) parallel: u32,
    /// Seconds without a request after which the model is evicted (llama engine)
    #[arg(long, value_name = "SECONDS")]
    pub(crate) keep_alive: Option<u64>,
    /// Evaluate every prompt anew
    #[arg(long)]
    pub(crate) no_prompt_cache: bool,
    /// The name under which the model is served
    #[arg(long, value_name = "NAME", default_value = "smollm2:135m")]
    pub(crate) model: String,
    /// A GGUF file to serve instead of SmolLM2
    #[arg(long, value_name = "FILE")]
    pub(crate) gguf: Option<PathBuf>,
    /// A llama-server program to use instead of the installed engine
    #[arg(long, value_name = "FILE")]
    pub(crate) llama_server: Option<PathBuf>,
    /// A recording to play, with the cassette engine
    #[arg(long, value_name = "FILE")]
    pub(crate) cassette: Option<PathBuf>,
    /// How many times as fast as recorded the cassette is played; max: at once
    #[arg(long, value_name = "N|max", default_value = "1", requires = "cassette")]
    pub(crate) speed: Speed,
    /// What a request gets that was recorded more than once
    #[arg(long, value_enum, default_value = "first", requires = "cassette")]
    pub(crate) repeats: RepeatsChoice,
    /// A setting of the simulated engine: output_token_ns=10000000
    #[arg(long = "set", value_name = "NAME=VALUE", value_parser = parse_setting)]
    pub(crate) set: Vec<(String, OptionValue)>,
    /// Stop when standard input closes (used by the program itself)
    #[arg(long, hide = true)]
    pub(crate) watch_stdin: bool,
    /// Keep the engine and its model here
    #[arg(long, value_name = "DIR", env = "TACHO_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

/// Which agents are set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AgentChoice {
    /// `implementation = "python-httpx"`
    Httpx,
    /// `implementation = "python-ollama"`
    Ollama,
    /// Every one
    All,
}

/// Arguments of `tacho agent-setup`.
#[derive(Debug, Args)]
pub(crate) struct AgentSetupArgs {
    /// Which agents
    #[arg(value_enum, default_value = "all")]
    pub(crate) agent: AgentChoice,
    /// Keep the environments here
    #[arg(long, value_name = "DIR", env = "TACHO_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_grammar_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn settings_are_typed() {
        assert_eq!(
            parse_setting("num_predict=64"),
            Ok(("num_predict".to_owned(), OptionValue::Integer(64)))
        );
        assert!(parse_setting("num_predict").is_err());
    }

    #[test]
    fn metrics_are_named_as_in_plans() {
        assert_eq!(parse_metric("ttft_warm"), Ok(Metrics::One(Metric::TtftWarm)));
        assert_eq!(parse_metric("run-wall"), Ok(Metrics::One(Metric::RunWall)));
        assert_eq!(parse_metric("all"), Ok(Metrics::All));
        assert!(parse_metric("speed").is_err_and(|error| error.contains("output_throughput")));
    }
}
