//! What another program reported: durations and counts, no instants of ours.
//!
//! Owns: the events of imported studies. They stand in `events.jsonl` like any other, and
//! nothing of them is derived.
//!
//! Does not: hold a value that its source does not state. Absent means not stated.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{CallStatus, ServerTimings, Stage, Usage, WorkflowOutcome};
use crate::units::DurationNs;

/// A call as another program reported it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallReported {
    /// The call's number within its agent, from 0.
    pub call: u32,
    /// The stage that made it.
    pub stage: Stage,
    /// The plan's name of the server.
    pub server: String,
    /// How it ended.
    pub status: CallStatus,
    /// What went wrong, in words, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The status of the HTTP answer, if it is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// Why the server stopped: `stop`, `length`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// When it was sent, since the begin of the run by the source's own clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_after_ns: Option<DurationNs>,
    /// From the send to the first content-bearing chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ns: Option<DurationNs>,
    /// From the send to the first chunk of any kind, where that is what is stated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttfc_ns: Option<DurationNs>,
    /// From the send to the end of the stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub e2e_ns: Option<DurationNs>,
    /// From the first to the last content-bearing chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decode_ns: Option<DurationNs>,
    /// Gaps between consecutive content chunks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gaps_ns: Vec<DurationNs>,
    /// Token counts.
    pub usage: Usage,
    /// Durations as the server reports them.
    pub server_timings: ServerTimings,
    /// What was sent, if it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// What was answered, if it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Further numbers, under the names that the source gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stated: BTreeMap<String, f64>,
}

/// What another program reported of one agent of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentReported {
    /// Name and version of what executed it, as far as it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<String>,
    /// How its workflow ended.
    pub outcome: WorkflowOutcome,
    /// Its wall time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ns: Option<DurationNs>,
    /// How long each stage took.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stages: BTreeMap<Stage, DurationNs>,
    /// Means over its calls, where the calls themselves are not recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub means: Option<CallMeans>,
    /// Further numbers, under the names that the source gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stated: BTreeMap<String, f64>,
}

/// What is left of calls that were averaged before they were written down. Cold and warm
/// calls cannot be told apart any more, nor a failed call from a slow one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallMeans {
    /// How many calls were averaged.
    pub n_calls: u64,
    /// Mean time to first token, as the source defines it, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttft_ms: Option<f64>,
    /// Mean over calls of the decode rate that the server reports, in tokens/s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_decode_rate: Option<f64>,
    /// Output tokens of all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

/// What another program reported of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunReported {
    /// The file that it comes from, as the plan lists it.
    pub path: String,
    /// Where in that file: a JSON pointer, or `line 3`; empty for the whole file.
    pub place: String,
    /// What the source keeps together with the run, by its own name: the folder of one
    /// execution, `chimera-hetero/test011`.
    pub session: String,
    /// An instant that the source gives the run, as it is written there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What that instant is: `the end of the arm`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_is: Option<String>,
    /// Its wall time; of several agents, from the first begin to the last end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ns: Option<DurationNs>,
    /// Whether the source flagged it as contended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legacy_flag: Option<bool>,
    /// Further numbers, under the names that the source gives them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stated: BTreeMap<String, f64>,
}
