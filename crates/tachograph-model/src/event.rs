//! Events: the only thing that is recorded of a run.
//!
//! Owns: the wire format of `events.jsonl` and of a worker's standard output.
//! Each line of `events.jsonl` is one [`Recorded`]; a worker writes bare
//! [`Event`]s, and the harness adds who said it.
//!
//! ```json
//! {"source":"analyst","event":{"type":"stage_started","stage":"ingest","at_ns":81235}}
//! ```
//!
//! Does not: hold anything derived. A rate, a mean or a verdict is computed
//! again from these lines whenever it is wanted.

mod line;
mod process;
mod reported;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::environment::{Conditions, ServerIdentity};
use crate::plan::{Api, ConnectionMode};
use crate::units::{DurationNs, InstantNs};

pub use process::{ProcessEnd, ProcessExited, ProcessResources, ProcessSpawned};
pub use reported::{AgentReported, CallMeans, CallReported, RunReported};

/// The version of the event format.
pub const EVENT_SCHEMA: &str = "tachograph-events/1";

/// The source name of events that the harness itself records.
pub const HARNESS: &str = "harness";

/// What the source name of a tap begins with; the name of the agent whose calls it saw
/// follows.
pub const TAP_PREFIX: &str = "tap:";

/// One line of `events.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// [`HARNESS`], the name of the agent that said it, or [`TAP_PREFIX`] and the name
    /// of the agent whose calls a tap saw.
    pub source: String,
    /// What happened.
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Event {
    // From workers.
    /// The worker has started and read its task.
    Ready(Ready),
    /// The offset between the monotonic and the real-time clock.
    Clock(ClockSample),
    /// The worker waits at the barrier.
    Waiting(Waiting),
    /// A file was read and parsed.
    FileIngested(FileIngested),
    /// A file was not used.
    FileSkipped(FileSkipped),
    /// A stage began.
    StageStarted(StageMark),
    /// A stage ended.
    StageFinished(StageMark),
    /// A request was sent.
    CallSent(CallSent),
    /// A piece of a streamed answer arrived.
    Chunk(Chunk),
    /// A call ended, one way or another.
    CallFinished(CallFinished),
    /// The worker made a document, such as its report.
    Artifact(Artifact),
    /// The worker is done.
    Done(Done),

    // From the harness.
    /// The run began.
    RunStarted(RunStarted),
    /// The server was brought into the state that the plan asks for.
    ServerReset(ServerReset),
    /// What the server said about itself.
    ServerSeen(ServerSeen),
    /// The state of the machine.
    Conditions(ConditionsSample),
    /// A worker process was started.
    ProcessSpawned(ProcessSpawned),
    /// A worker process ended.
    ProcessExited(ProcessExited),
    /// The agents that waited at the barrier were let go.
    Released(Released),
    /// A worker wrote a line that is not an event.
    WorkerNoise(WorkerNoise),
    /// The run ended.
    RunFinished(RunFinished),

    // From importers.
    /// A call as another program reported it.
    CallReported(CallReported),
    /// What another program reported of an agent.
    AgentReported(AgentReported),
    /// What another program reported of a run.
    RunReported(RunReported),
}

/// The worker has started and read its task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ready {
    /// The protocol's version, [`crate::task::PROTOCOL`].
    pub protocol: u32,
    /// Name and version of the implementation: `tachograph-native/0.1.0`.
    pub implementation: String,
    /// The process.
    pub pid: u32,
    /// When.
    pub at_ns: InstantNs,
}

/// The worker waits at the barrier.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Waiting {
    /// When it was ready to go on.
    pub at_ns: InstantNs,
}

/// Both clocks, read together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClockSample {
    /// The monotonic clock, midway between two readings.
    pub at_ns: InstantNs,
    /// The real-time clock in nanoseconds since 1970, as a decimal text since
    /// it does not fit a double.
    pub realtime_ns: String,
    /// Half the time between the two monotonic readings.
    pub uncertainty_ns: DurationNs,
}

/// The kind of a file that an agent understands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// Comma-separated values with a header line.
    Csv,
    /// One JSON document.
    Json,
    /// Markdown text.
    Markdown,
}

/// A file was read and parsed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileIngested {
    /// Path relative to the input folder, with `/`.
    pub path: String,
    /// How it was parsed.
    pub kind: FileKind,
    /// Its size.
    pub bytes: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// When it had been parsed.
    pub at_ns: InstantNs,
}

/// A file was not used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSkipped {
    /// Path relative to the input folder, with `/`.
    pub path: String,
    /// Why, with the line where there is one.
    pub reason: String,
    /// When.
    pub at_ns: InstantNs,
}

/// A step of the workflow.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Calls that warm the server up; left out of every statistic.
    Warmup,
    /// Reading the input folder and summarising it.
    Ingest,
    /// The first call: findings in the data.
    Analysis,
    /// The second call: the report.
    Report,
    /// Not known: a call that the tap saw of an agent that names no stages.
    Other,
}

impl Stage {
    /// Returns the name as recorded.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warmup",
            Self::Ingest => "ingest",
            Self::Analysis => "analysis",
            Self::Report => "report",
            Self::Other => "other",
        }
    }
}

/// A stage began or ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StageMark {
    /// Which.
    pub stage: Stage,
    /// When.
    pub at_ns: InstantNs,
}

/// A request was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallSent {
    /// The call's number within its agent, from 0, warm-up included.
    pub call: u32,
    /// The stage that made it.
    pub stage: Stage,
    /// The plan's name of the server.
    pub server: String,
    /// The protocol.
    pub api: Api,
    /// The exact body of the request.
    pub request: String,
    /// The digest of that body.
    pub request_sha256: Digest,
    /// The digest of the body without its nonce, to compare implementations.
    pub parity_sha256: Digest,
    /// The nonce at the start of the prompt, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Whether the call opened a connection.
    pub connection: ConnectionMode,
    /// When the call was meant to start (`t_plan`).
    pub planned_ns: InstantNs,
    /// When connecting began; absent on a reused connection.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_ns: Option<InstantNs>,
    /// When the connection was ready (`t_conn`); absent if it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connected_ns: Option<InstantNs>,
    /// When the first byte of the request was written (`t_send`); absent if
    /// it never was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_ns: Option<InstantNs>,
}

/// What a chunk carries.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ChunkKind {
    /// Answer text.
    Content,
    /// Reasoning ("thinking") text.
    Reasoning,
    /// A piece of a tool call.
    ToolCall,
    /// No content: a role, an empty delta, a keep-alive.
    Empty,
    /// The record that ends an answer or carries its usage.
    Final,
    /// An error inside the stream.
    Error,
    /// Bytes that are not what the protocol promises.
    Malformed,
}

impl ChunkKind {
    /// Returns whether the chunk brings output: text, reasoning or a tool call.
    pub fn is_content(self) -> bool {
        matches!(self, Self::Content | Self::Reasoning | Self::ToolCall)
    }
}

/// A piece of a streamed answer arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// The call.
    pub call: u32,
    /// The chunk's number within its call, from 0.
    pub index: u32,
    /// When the client had read its last byte (user stamp).
    pub at_ns: InstantNs,
    /// When the kernel had received its last byte, on the monotonic clock by
    /// the offset of the run's first clock sample; absent where there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel_ns: Option<InstantNs>,
    /// The read that returned its last byte, from 0; chunks of one read share
    /// their stamps, and no gap between them is known.
    pub read: u32,
    /// Its size in the body, framing included.
    pub bytes: u32,
    /// What it carries.
    pub kind: ChunkKind,
    /// Its text; absent if it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// How a call ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CallStatus {
    /// The final record arrived.
    Completed,
    /// The stream ended before its final record.
    Truncated,
    /// The server answered with an error, before or inside the stream.
    HttpError,
    /// No connection.
    ConnectError,
    /// The first byte or the end did not come in time.
    Timeout,
    /// The stream stopped between two chunks.
    Stalled,
    /// The answer is not what the protocol promises.
    Malformed,
    /// The harness or the user stopped it.
    Cancelled,
}

impl CallStatus {
    /// Every status, in the order in which reports list them.
    pub const ALL: [Self; 8] = [
        Self::Completed,
        Self::Truncated,
        Self::HttpError,
        Self::ConnectError,
        Self::Timeout,
        Self::Stalled,
        Self::Malformed,
        Self::Cancelled,
    ];

    /// Returns the name as recorded.
    pub fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Truncated => "truncated",
            Self::HttpError => "http_error",
            Self::ConnectError => "connect_error",
            Self::Timeout => "timeout",
            Self::Stalled => "stalled",
            Self::Malformed => "malformed",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Token counts as the server reports them; absent means not reported.
///
/// Where a protocol leaves a zero out (Ollama's `omitempty` on a final record),
/// the client records the zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Usage {
    /// Prompt tokens, cached ones included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<u64>,
    /// Prompt tokens taken from the server's cache.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_prompt_tokens: Option<u64>,
    /// Output tokens, reasoning included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output_tokens: Option<u64>,
}

/// Durations as the server reports them; absent means not reported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerTimings {
    /// The whole request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total_ns: Option<DurationNs>,
    /// Loading the model, waiting for it included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_ns: Option<DurationNs>,
    /// Evaluating the uncached part of the prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt_eval_ns: Option<DurationNs>,
    /// Generating the output.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub eval_ns: Option<DurationNs>,
}

/// A call ended, one way or another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CallFinished {
    /// The call.
    pub call: u32,
    /// How it ended.
    pub status: CallStatus,
    /// What went wrong, in words, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The status of the HTTP answer, if one came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// When the answer's head had arrived (`t_hdr`), kernel stamp if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header_ns: Option<InstantNs>,
    /// When the stream had ended (`t_end`), kernel stamp if there is one.
    pub end_ns: InstantNs,
    /// Why the server stopped: `stop`, `length`, ….
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish_reason: Option<String>,
    /// The server's token counts.
    pub usage: Usage,
    /// The server's durations.
    pub server: ServerTimings,
    /// The digest of the answer's text (reasoning excluded).
    pub output_sha256: Digest,
    /// Chunks recorded.
    pub n_chunks: u32,
    /// Reads from the socket.
    pub n_reads: u32,
}

/// The worker made a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Artifact {
    /// A file name without folders: `report.md`.
    pub name: String,
    /// The document.
    pub content: String,
    /// When it was done.
    pub at_ns: InstantNs,
}

/// How a worker's workflow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WorkflowOutcome {
    /// Every stage was carried out.
    Completed,
    /// A call failed, so a later stage could not be carried out.
    CallFailed,
    /// The input folder held nothing that could be read.
    NoInput,
}

/// The worker is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Done {
    /// How it ended.
    pub outcome: WorkflowOutcome,
    /// When.
    pub at_ns: InstantNs,
}

/// The run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunStarted {
    /// The format of these events, [`EVENT_SCHEMA`].
    pub schema: String,
    /// The run, as text.
    pub run: String,
    /// Its position in the order of execution, from 0.
    pub index: u32,
    /// When.
    pub at_ns: InstantNs,
}

/// The agents that waited at the barrier were let go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// When they were told to start.
    pub start_at_ns: InstantNs,
    /// The agents that waited, by name.
    pub agents: Vec<String>,
    /// When it was said.
    pub at_ns: InstantNs,
}

/// The server was brought into the state that the plan asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerReset {
    /// The plan's name of the server.
    pub server: String,
    /// What was done: `unload`, `restart`, or `revive` for one that had died.
    pub action: String,
    /// What went wrong, if anything did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was done.
    pub at_ns: InstantNs,
}

/// What a server said about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerSeen {
    /// The plan's name of the server.
    pub server: String,
    /// What it said.
    pub identity: ServerIdentity,
    /// When.
    pub at_ns: InstantNs,
}

/// The state of the machine at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConditionsSample {
    /// What was read.
    pub conditions: Conditions,
    /// When.
    pub at_ns: InstantNs,
}

/// A worker wrote a line that is not an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkerNoise {
    /// The agent.
    pub agent: String,
    /// The line, cut to a thousand bytes.
    pub line: String,
    /// Why it is not an event.
    pub error: String,
    /// When it came.
    pub at_ns: InstantNs,
}

/// How a run ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every agent completed its workflow.
    Completed,
    /// Some agent did not complete, or its process failed.
    Failed,
}

/// The run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunFinished {
    /// How.
    pub outcome: RunOutcome,
    /// Free remarks by name, such as why it failed.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub remarks: BTreeMap<String, String>,
    /// When.
    pub at_ns: InstantNs,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes on disk are a promise to old studies: review any change here
    /// as a format change, and bump [`EVENT_SCHEMA`] in the same commit.
    #[test]
    fn chunk_and_finish_layout() {
        let chunk = Recorded {
            source: "analyst".to_owned(),
            event: Event::Chunk(Chunk {
                call: 1,
                index: 0,
                at_ns: InstantNs(9_007_199_254_740_993),
                kernel_ns: None,
                read: 0,
                bytes: 98,
                kind: ChunkKind::Content,
                text: Some("Hi".to_owned()),
            }),
        };
        insta::assert_snapshot!(
            serde_json::to_string(&chunk).unwrap(),
            @r#"{"source":"analyst","event":{"type":"chunk","call":1,"index":0,"at_ns":9007199254740993,"read":0,"bytes":98,"kind":"content","text":"Hi"}}"#
        );
        let line = r#"{"type":"process_exited","agent":"a","end":{"how":"signalled","value":9},"ended_by_harness":true,"at_ns":5}"#;
        let event: Event = serde_json::from_str(line).unwrap();
        assert_eq!(serde_json::to_string(&event).unwrap(), line);
    }

    #[test]
    fn unknown_fields_and_types_are_refused() {
        for line in [
            r#"{"type":"stage_started","stage":"ingest","at_ns":1,"extra":2}"#,
            r#"{"type":"stage_started","stage":"lunch","at_ns":1}"#,
            r#"{"type":"nap","at_ns":1}"#,
            r#"{"type":"done","outcome":"completed","at_ns":-1}"#,
        ] {
            assert!(serde_json::from_str::<Event>(line).is_err(), "{line}");
        }
    }
}
