//! What the harness records of a worker's process.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{DurationNs, InstantNs};

/// A worker process was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessSpawned {
    /// The agent.
    pub agent: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// The process.
    pub pid: u32,
    /// Just before it was started.
    pub at_ns: InstantNs,
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "how", content = "value")]
pub enum ProcessEnd {
    /// By itself, with this code.
    Exited(i32),
    /// By this signal.
    Signalled(i32),
}

/// A worker process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessExited {
    /// The agent.
    pub agent: String,
    /// How it ended.
    pub end: ProcessEnd,
    /// Whether the harness ended it, because of a time-out or a stop.
    pub ended_by_harness: bool,
    /// When it had been reaped.
    pub at_ns: InstantNs,
    /// What the system counted for it; absent where that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resources: Option<ProcessResources>,
}

/// What the system counted for a process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProcessResources {
    /// CPU time in user mode.
    pub user_cpu_ns: DurationNs,
    /// CPU time in the kernel.
    pub system_cpu_ns: DurationNs,
    /// Peak resident set, free of the parent's (see METHOD: `ru_maxrss` trap).
    pub peak_rss_bytes: u64,
    /// Switches because the process waited.
    pub voluntary_switches: u64,
    /// Switches because its time was up.
    pub involuntary_switches: u64,
    /// The most threads that it was seen to have, looked at fifty times a second;
    /// absent where that is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub threads_seen: Option<u32>,
}
