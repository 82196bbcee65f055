//! The plan: what will be done, said before any request.
//!
//! Owns: the format of `plan.toml` (these types are also its JSON schema), its
//! defaults, and [`expand`], the one way from a plan to its runs.
//!
//! Does not: read files; [`parse`] takes the text.

pub mod concurrent;
pub mod expand;
pub mod implementations;
pub mod imported;
pub mod parse;
pub mod stopping;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::options::{OptionValue, Options};
use crate::units::DurationNs;
use concurrent::{Phase, Prompts, Role, Topology};
use implementations::{BuiltIn, Cost, Implementations, Instrument, Protocol};
use imported::Imported;
use stopping::Stopping;

/// The version of the plan format that this program writes.
pub const PLAN_SCHEMA: &str = "tachograph-plan/1";

/// A plan: factors, arms, blocks, servers, agents and what is asked of them.
///
/// Parsed from `plan.toml` by [`parse::parse`]; with every default made
/// explicit it is written to `plan.lock.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The format's version: `tachograph-plan/1`.
    pub schema: String,
    /// A short name in lower case, such as `single-agent`.
    pub name: String,
    /// The question in one sentence; printed at the top of the report.
    #[serde(default)]
    pub question: String,
    /// Seeds the order of runs and, per block, the server's sampling.
    #[serde(default)]
    pub seed: u64,
    /// Replicates: each configuration runs once in each block. Under a sequential
    /// stopping rule, the most that will be run.
    pub blocks: u32,
    /// The order of configurations inside a block.
    #[serde(default)]
    pub order: Order,
    /// Calls made and recorded by each worker before its workflow, and left
    /// out of every statistic.
    #[serde(default)]
    pub warmup_calls: u32,
    /// What happens to the server before each run.
    #[serde(default)]
    pub server_policy: ServerPolicy,
    /// Whether calls share a connection.
    #[serde(default)]
    pub connection: ConnectionMode,
    /// How the server's prompt cache is treated.
    #[serde(default)]
    pub prompt_cache: PromptCache,
    /// A call is cold when the server says that loading the model took longer.
    #[serde(default = "default_cold_load_threshold_ms")]
    pub cold_load_threshold_ms: u64,
    /// The primary metric and the smallest difference that matters.
    #[serde(default)]
    pub primary: Primary,
    /// When the study ends.
    #[serde(default)]
    pub stopping: Stopping,
    /// How long to wait.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// How many seconds the process of an agent may take before it is ended; absent: what
    /// its calls may take by the time-outs, and two minutes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_limit_s: Option<f64>,
    /// Whose stamps of calls count; the tap's in a plan with implementations.
    #[serde(default, skip_serializing_if = "Instrument::is_agents")]
    pub instrument: Instrument,
    /// The servers that agents talk to.
    pub servers: Vec<Server>,
    /// The agents of a run.
    pub agents: Vec<AgentSpec>,
    /// The arm that everything is compared with.
    #[serde(default)]
    pub baseline: Baseline,
    /// Options that every configuration sends, baselines included.
    #[serde(default)]
    pub options: Options,
    /// Factors and their levels; every combination is a configuration.
    #[serde(default)]
    pub factors: BTreeMap<String, Vec<OptionValue>>,
    /// Further configurations outside the full factorial.
    #[serde(default)]
    pub configurations: Vec<ExtraConfiguration>,
    /// Ways to spread agents over servers, for phases to choose from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub topologies: Vec<Topology>,
    /// Parts of a study of concurrent agents, each with its own matrices. A plan
    /// without phases runs its one agent alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub phases: Vec<Phase>,
    /// Agents that are implementations of one agent: each executes every
    /// configuration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementations: Option<Implementations>,
    /// What the cost model of a study of implementations assumes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost: Option<Cost>,
    /// Where the results come from, if another program measured them: written by
    /// `tacho import`, and no plan to carry out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub imported: Option<Imported>,
}

/// The order of configurations inside a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Randomised complete blocks: shuffled in each block from the plan's seed.
    #[default]
    RandomizedBlocks,
    /// As listed, in each block: for debugging; drift and order are confounded.
    AsWritten,
    /// Two configurations, A B in odd blocks and B A in even ones: a steady drift
    /// falls on both alike.
    Abba,
}

/// What happens to the server before each run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ServerPolicy {
    /// Nothing: the model stays loaded if the server keeps it.
    #[default]
    Keep,
    /// The model is evicted, so that each run's first call is cold.
    Unload,
    /// The server process is restarted (managed servers only).
    Restart,
}

/// Whether the calls of an agent share a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConnectionMode {
    /// Every call opens its own connection.
    #[default]
    Fresh,
    /// Calls reuse the agent's connection while the server keeps it open.
    Keepalive,
}

/// How the server's prompt cache is treated; a stated factor, never an accident.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PromptCache {
    /// A nonce of fixed length stands at the start of every prompt, so that no
    /// prompt shares a prefix with an earlier one. Works with every server.
    #[default]
    Nonce,
    /// The server's own switch: managed servers, or `cache_prompt` of llama.cpp.
    Off,
    /// Left on, and said in every table.
    On,
}

/// The primary comparison of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Primary {
    /// What is compared.
    #[serde(default)]
    pub metric: Metric,
    /// The smallest relative difference that matters, in percent.
    #[serde(default = "default_margin_percent")]
    pub margin_percent: f64,
    /// The family-wise error rate of the primary comparisons.
    #[serde(default = "default_alpha")]
    pub alpha: f64,
}

impl Default for Primary {
    fn default() -> Self {
        Self {
            metric: Metric::default(),
            margin_percent: default_margin_percent(),
            alpha: default_alpha(),
        }
    }
}

/// A quantity of a run that can be compared between configurations.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Output tokens of all calls over the wall time of the run, in tokens/s.
    #[default]
    OutputThroughput,
    /// Wall time of the run, in seconds.
    RunWall,
    /// Mean end-to-end latency of the run's completed calls, in milliseconds.
    E2e,
    /// Mean time to first token of the run's warm calls, in milliseconds.
    TtftWarm,
    /// Mean time to first token of the run's cold calls, in milliseconds.
    TtftCold,
    /// Mean time per output token of the run's calls, in milliseconds.
    Tpot,
    /// Decode rate that the client saw, mean over calls, in tokens/s.
    ClientDecodeRate,
    /// Decode rate that the server reports, mean over calls, in tokens/s.
    ServerDecodeRate,
}

impl Metric {
    /// Every metric, in the order in which reports list them.
    pub const ALL: [Self; 8] = [
        Self::OutputThroughput,
        Self::RunWall,
        Self::E2e,
        Self::TtftWarm,
        Self::TtftCold,
        Self::Tpot,
        Self::ClientDecodeRate,
        Self::ServerDecodeRate,
    ];

    /// Returns whether a larger value is better.
    pub fn higher_is_better(self) -> bool {
        matches!(self, Self::OutputThroughput | Self::ClientDecodeRate | Self::ServerDecodeRate)
    }

    /// Returns the unit in which it is printed.
    pub fn unit(self) -> &'static str {
        match self {
            Self::OutputThroughput | Self::ClientDecodeRate | Self::ServerDecodeRate => "tok/s",
            Self::RunWall => "s",
            Self::E2e | Self::TtftWarm | Self::TtftCold | Self::Tpot => "ms",
        }
    }

    /// Returns the name used in prose.
    pub fn title(self) -> &'static str {
        match self {
            Self::OutputThroughput => "output throughput",
            Self::RunWall => "run wall time",
            Self::E2e => "end-to-end latency",
            Self::TtftWarm => "warm TTFT",
            Self::TtftCold => "cold TTFT",
            Self::Tpot => "TPOT",
            Self::ClientDecodeRate => "client decode rate",
            Self::ServerDecodeRate => "server decode rate",
        }
    }
}

/// How long a call waits, in seconds, for each thing that it waits for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// For a connection.
    #[serde(default = "default_connect_s")]
    pub connect_s: f64,
    /// From the send to the first byte of the body; loading a model counts.
    #[serde(default = "default_first_token_s")]
    pub first_token_s: f64,
    /// Between two arrivals.
    #[serde(default = "default_between_chunks_s")]
    pub between_chunks_s: f64,
    /// For the whole call.
    #[serde(default = "default_call_s")]
    pub call_s: f64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_s: default_connect_s(),
            first_token_s: default_first_token_s(),
            between_chunks_s: default_between_chunks_s(),
            call_s: default_call_s(),
        }
    }
}

impl Timeouts {
    /// Returns `seconds`, one of this struct's validated values, in nanoseconds.
    pub fn duration(seconds: f64) -> DurationNs {
        // Validated by `parse`: finite, positive and at most a day.
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a float-to-integer cast saturates, and the value is at most a day"
        )]
        DurationNs((seconds * 1e9) as u64)
    }
}

/// A server: somebody's, by URL, or one that Tachograph starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The name by which agents refer to it.
    pub name: String,
    /// The protocol spoken with it.
    #[serde(default)]
    pub api: Api,
    /// The model's name, as the server knows it.
    pub model: String,
    /// Where it is: `http://127.0.0.1:11434`. Exactly one of `url` and `managed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// How Tachograph starts it. Exactly one of `url` and `managed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<Managed>,
    /// The environment variable that holds the API key, if the server wants
    /// one. The key itself never appears in a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
    /// So many equal managed servers, called `NAME-1`, `NAME-2`, …; `NAME` in a
    /// topology then means all of them. Spelt out in `plan.lock.json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instances: Option<u32>,
}

impl Server {
    /// Returns whether it plays a recording: then it answers a request always alike, and
    /// what it does is one sample of what the recorded server does.
    pub fn is_recording(&self) -> bool {
        self.managed.as_ref().is_some_and(|managed| managed.engine == Engine::Cassette)
    }
}

/// The protocol spoken with a server.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// Ollama `POST /api/generate`, NDJSON.
    #[default]
    OllamaGenerate,
    /// Ollama `POST /api/chat`, NDJSON.
    OllamaChat,
    /// OpenAI `POST /v1/chat/completions`, SSE.
    OpenaiChat,
    /// OpenAI `POST /v1/completions`, SSE.
    OpenaiCompletions,
}

impl Api {
    /// Returns the route that calls are sent to.
    pub fn path(self) -> &'static str {
        match self {
            Self::OllamaGenerate => "/api/generate",
            Self::OllamaChat => "/api/chat",
            Self::OpenaiChat => "/v1/chat/completions",
            Self::OpenaiCompletions => "/v1/completions",
        }
    }

    /// Returns whether the server speaks Ollama's own protocol.
    pub fn is_ollama(self) -> bool {
        matches!(self, Self::OllamaGenerate | Self::OllamaChat)
    }
}

/// A server that Tachograph starts as a child process for the study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Managed {
    /// What answers.
    pub engine: Engine,
    /// Threads of the engine.
    #[serde(default = "default_threads")]
    pub threads: u32,
    /// Requests served at once.
    #[serde(default = "default_parallel")]
    pub parallel: u32,
    /// The port; free choice of the system if absent. Several instances take this
    /// one and those after it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Seconds without a request after which the model is evicted; the engine's own
    /// default if absent. Only the llama engine has the setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive_s: Option<u64>,
    /// Settings of the simulated engine, by name, as `tacho serve --set` takes them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: Options,
    /// The recording that the cassette engine replays, relative to the plan's folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cassette: Option<String>,
    /// How many times as fast as recorded the cassette engine answers; as recorded
    /// if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f64>,
}

/// What answers in a managed server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// llama.cpp with SmolLM2-135M-Instruct: a real model.
    Llama,
    /// Stated, seeded timing and generated words: no model at all.
    Simulated,
    /// What a server once answered, byte by byte at the recorded instants.
    Cassette,
}

impl Engine {
    /// Returns the name as written in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Llama => "llama",
            Self::Simulated => "simulated",
            Self::Cassette => "cassette",
        }
    }
}

/// One agent of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentSpec {
    /// The agent's name.
    pub name: String,
    /// The server that it talks to, where no topology says otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<String>,
    /// What it is for, which decides its prompts.
    #[serde(default, skip_serializing_if = "Role::is_analyst")]
    pub role: Role,
    /// Prompts of its own instead of the role's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Prompts>,
    /// Options that this agent sends in every configuration, beside the common ones.
    #[serde(default, skip_serializing_if = "Options::is_empty")]
    pub options: Options,
    /// The folder that it ingests, relative to the plan's folder; `samples`
    /// alone means the files that ship with Tachograph.
    #[serde(default = "default_input")]
    pub input: String,
    /// Bytes of the lines about files in the prompt for an analysis; the prompt
    /// for a report has three eighths of that. 100 to 100,000.
    #[serde(default = "default_summary_bytes")]
    pub summary_bytes: u32,
    /// Which of Tachograph's own agents executes it.
    #[serde(default, skip_serializing_if = "BuiltIn::is_native")]
    pub implementation: BuiltIn,
    /// The command that executes it, if it is none of Tachograph's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<Vec<String>>,
    /// Whether the command speaks the worker protocol.
    #[serde(default, skip_serializing_if = "Protocol::is_worker")]
    pub protocol: Protocol,
    /// Configurations that this implementation does not execute, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

/// The arm that everything is compared with.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Options of the baseline beside the common ones; none means the
    /// server's defaults.
    #[serde(default)]
    pub options: Options,
    /// Whether the baseline runs twice in each block, to show the noise floor.
    #[serde(default)]
    pub aa: bool,
}

/// A configuration outside the full factorial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExtraConfiguration {
    /// Its slug: lower-case letters, digits, hyphens and underscores.
    pub name: String,
    /// Its options beside the common ones.
    pub options: Options,
}

fn default_cold_load_threshold_ms() -> u64 {
    1000
}
fn default_margin_percent() -> f64 {
    5.0
}
fn default_alpha() -> f64 {
    0.05
}
fn default_connect_s() -> f64 {
    5.0
}
fn default_first_token_s() -> f64 {
    300.0
}
fn default_between_chunks_s() -> f64 {
    60.0
}
fn default_call_s() -> f64 {
    900.0
}
fn default_threads() -> u32 {
    1
}
fn default_parallel() -> u32 {
    1
}
fn default_input() -> String {
    "samples".to_owned()
}
fn default_summary_bytes() -> u32 {
    800
}

impl Plan {
    /// Returns the JSON schema of `plan.toml`.
    pub fn json_schema() -> serde_json::Value {
        schemars::schema_for!(Self).to_value()
    }

    /// Returns the agent's entry called `name`.
    pub fn agent(&self, name: &str) -> Option<&AgentSpec> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// Returns whether several agents run at once in some of the plan's runs.
    pub fn is_concurrent(&self) -> bool {
        !self.phases.is_empty()
    }

    /// Returns the bytes of `plan.lock.json`: every default explicit, keys in a
    /// fixed order, one trailing newline. Their digest identifies the plan.
    pub fn lock_bytes(&self) -> Vec<u8> {
        let mut bytes =
            serde_json::to_vec_pretty(self).expect("a plan has no maps with non-text keys");
        bytes.push(b'\n');
        bytes
    }
}
