//! One request for text, whatever route it came by, and what may come of it.
//!
//! Owns: the words that routes and engines share.
//!
//! Does not: parse or write any wire format.

use hyper::StatusCode;
use serde_json::Value;

use crate::clock::KeepAlive;
use crate::options::Options;

/// What the model is asked.
#[derive(Debug, Clone)]
pub(crate) enum Prompt {
    /// Text that goes to the model as it is.
    Raw(String),
    /// One prompt, put into the model's template.
    Templated { system: Option<String>, prompt: String, context: Vec<i64> },
    /// A conversation, put into the model's template.
    Chat(Vec<Message>),
}

impl Prompt {
    /// Whether there is nothing to answer, which means: load the model.
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Raw(text) => text.is_empty(),
            Self::Templated { prompt, .. } => prompt.is_empty(),
            Self::Chat(messages) => messages.is_empty(),
        }
    }
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) role: String,
    pub(crate) content: String,
}

/// A request for text.
#[derive(Debug, Clone)]
pub(crate) struct Job {
    /// Ordinal on this server, from 1.
    pub(crate) ordinal: u64,
    /// Path of the request.
    pub(crate) route: &'static str,
    /// When the body had been read, on the monotonic clock.
    pub(crate) received_ns: u64,
    pub(crate) prompt: Prompt,
    pub(crate) options: Options,
    /// Absent: the server's default.
    pub(crate) keep_alive: Option<KeepAlive>,
    /// Whether a prompt longer than the context is cut instead of refused.
    pub(crate) truncate: bool,
    /// Whether generation may go on when the context is full.
    pub(crate) shift: bool,
    /// `"json"` or a schema.
    pub(crate) format: Option<Value>,
    /// Absent: the model's default.
    pub(crate) think: Option<bool>,
}

/// A piece of an answer.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) thinking: bool,
    pub(crate) tokens: u32,
    pub(crate) deadline_ns: Option<u64>,
}

/// Why the model stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DoneReason {
    Stop,
    Length,
    Load,
    Unload,
}

impl DoneReason {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::Load => "load",
            Self::Unload => "unload",
        }
    }
}

/// What an engine knows when an answer is complete.
#[derive(Debug, Clone)]
pub(crate) struct Generated {
    pub(crate) reason: DoneReason,
    /// Cached tokens included.
    pub(crate) prompt_tokens: u64,
    pub(crate) cached_tokens: u64,
    /// Time on the tokens that were not cached.
    pub(crate) prompt_ns: u64,
    pub(crate) output_tokens: u64,
    pub(crate) eval_ns: u64,
    /// Tokens of prompt and answer, for the deprecated `context`.
    pub(crate) context: Vec<i64>,
    /// When the final record is due.
    pub(crate) deadline_ns: Option<u64>,
    /// Time spent waiting for a slot.
    pub(crate) queue_ns: u64,
    /// Added to the reported number of output tokens, as a planted lie.
    pub(crate) usage_skew: i64,
}

/// The final record's durations around the engine's own.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Spans {
    pub(crate) total_ns: u64,
    pub(crate) load_ns: u64,
}

/// An answer that is an error, as every route can tell it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{status}: {message}")]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) message: String,
}

impl ApiError {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, message)
    }

    pub(crate) fn model_not_found(model: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("model '{model}' not found"))
    }

    pub(crate) fn busy() -> Self {
        // Two spaces, as in Ollama.
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "server busy, please try again.  maximum pending requests exceeded",
        )
    }
}

/// How an answer is cut short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The body ends as if complete, without the final record.
    CleanEnd,
    /// The connection closes inside the body.
    Drop,
    /// The connection is reset inside the body.
    Reset,
}

/// Why an answer did not become complete.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The client is told.
    Api(ApiError),
    /// A configured fault.
    Cut(Cut),
    /// The client left.
    Gone,
}

impl From<ApiError> for Failure {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}
