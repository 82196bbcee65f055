//! What a worker process is told, as one JSON line on its standard input.
//!
//! Owns: the task half of the worker protocol; [`crate::event`] is the other.
//!
//! Does not: carry secrets; a key is named by its environment variable.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::options::Options;
use crate::plan::concurrent::Prompts;
use crate::plan::{Api, ConnectionMode, PromptCache, Timeouts};
use crate::units::InstantNs;

/// The version of the worker protocol.
pub const PROTOCOL: u32 = 1;

/// One agent's part in one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The protocol's version, [`PROTOCOL`].
    pub protocol: u32,
    /// The run, as text: `gpu80_ctx1024_temp0p8/run_003`.
    pub run: String,
    /// The agent's name.
    pub agent: String,
    /// The folder to ingest, absolute.
    pub input: String,
    /// Bytes of the lines about files in the prompt for an analysis.
    pub summary_bytes: u32,
    /// The words around the data in both prompts; absent: those of an analyst.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompts: Option<Prompts>,
    /// Whether the worker waits after its warm-up: it says `waiting`, then reads a
    /// [`Start`] line, and goes on at the instant that it names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub barrier: bool,
    /// The server to call.
    pub server: ServerTask,
    /// Options to send with each call.
    pub options: Options,
    /// Calls to make before the workflow, marked as warm-up.
    pub warmup_calls: u32,
    /// Whether calls share a connection.
    pub connection: ConnectionMode,
    /// How the prompt cache is treated.
    pub prompt_cache: PromptCache,
    /// The text from which the nonces of this run are made; given when
    /// `prompt_cache` is `nonce`. See `docs/agents.md`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// How long to wait.
    pub timeouts: Timeouts,
}

/// The second line on a worker's standard input, if its task has a barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    /// When to go on, on the monotonic clock: the same instant for all agents.
    pub start_at_ns: InstantNs,
}

/// A server as a worker needs to know it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTask {
    /// The plan's name of the server.
    pub name: String,
    /// Scheme, host and port.
    pub url: String,
    /// The protocol.
    pub api: Api,
    /// The model's name.
    pub model: String,
    /// The environment variable that holds the key, if one is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_env: Option<String>,
}
