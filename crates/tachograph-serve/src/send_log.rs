//! The instants at which pieces of answers were handed to the kernel.
//!
//! Owns: the record of every tagged write, in memory, in order of sending, and the
//! ordinals of requests.
//!
//! Does not: judge them. A client's stamps are compared with these by whoever
//! calibrates the client.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;

/// What a write carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SendKind {
    /// Text of the answer.
    Token,
    /// Text of the model's thinking.
    Thinking,
    /// A chunk without text that opens an `OpenAI` chat stream.
    Role,
    /// The final record: counts, durations, reason.
    Final,
    /// The terminator `data: [DONE]` of an SSE stream.
    Done,
    /// A line that reports an error inside the stream.
    Error,
    /// A whole answer that was not streamed.
    Whole,
    /// The head of a recorded answer that had come before the first piece.
    Head,
    /// A piece of a recorded answer.
    Recorded,
}

impl SendKind {
    pub(crate) fn is_whole(self) -> bool {
        self == Self::Whole
    }
}

/// One piece of an answer and the instant just before it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SendRecord {
    /// Ordinal of the request on this server since it started, from 1. The
    /// response header `x-tachograph-request` carries it.
    pub request: u64,
    /// Position of the piece in its stream, from 0. A head has that of the first piece.
    pub index: u32,
    /// What the piece carried.
    pub kind: SendKind,
    /// Output tokens in the piece.
    pub tokens: u32,
    /// Bytes of the piece, without the framing of HTTP.
    pub bytes: u64,
    /// When it was due, in nanoseconds of `CLOCK_MONOTONIC`; absent for an
    /// engine whose timing is not ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline_ns: Option<u64>,
    /// Just before the write that carried it, in nanoseconds of
    /// `CLOCK_MONOTONIC`. Pieces that left in one write share it.
    pub sent_ns: u64,
}

/// How a request ended, as the server saw it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// The whole answer was produced.
    Completed,
    /// The client went away.
    Cancelled,
    /// The server answered or ended the stream with an error.
    Failed,
    /// A configured fault cut the answer, or it was recorded as cut.
    Fault,
}

/// One request for text, as the server saw it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestRecord {
    /// Ordinal of the request on this server since it started, from 1.
    pub request: u64,
    /// Path of the request.
    pub route: Cow<'static, str>,
    /// When its body had been read, in nanoseconds of `CLOCK_MONOTONIC`.
    pub received_ns: u64,
    /// From then to the model being ready, in nanoseconds.
    pub load_ns: u64,
    /// Wait for a free slot, in nanoseconds. Where requests share a capacity it
    /// ends when the request counts among those in service.
    pub queue_ns: u64,
    /// Time spent on the prompt, in nanoseconds.
    pub prompt_ns: u64,
    /// Time spent on the output, in nanoseconds.
    pub eval_ns: u64,
    /// Tokens of the prompt, cached ones included.
    pub prompt_tokens: u64,
    /// Those of them that were cached.
    pub cached_tokens: u64,
    /// Tokens of the output.
    pub output_tokens: u64,
    /// Options of the request that no engine here knows; they had no effect.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignored_options: Vec<String>,
    /// The line of the cassette that answered; absent for other engines, and for a
    /// request that was not recorded. All times and counts above are 0 for a cassette:
    /// what it plays is not looked into.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cassette_line: Option<usize>,
    /// How it ended.
    pub outcome: RequestOutcome,
}

impl RequestRecord {
    /// Returns the record of a request of which nothing but its arrival is known.
    pub(crate) fn arrived(request: u64, route: Cow<'static, str>, received_ns: u64) -> Self {
        Self {
            request,
            route,
            received_ns,
            load_ns: 0,
            queue_ns: 0,
            prompt_ns: 0,
            eval_ns: 0,
            prompt_tokens: 0,
            cached_tokens: 0,
            output_tokens: 0,
            ignored_options: Vec::new(),
            cassette_line: None,
            outcome: RequestOutcome::Cancelled,
        }
    }
}

/// What is known of a piece before it is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SendTag {
    pub(crate) request: u64,
    pub(crate) index: u32,
    pub(crate) kind: SendKind,
    pub(crate) tokens: u32,
    pub(crate) bytes: u64,
    pub(crate) deadline_ns: Option<u64>,
}

/// The records of one server instance.
#[derive(Debug, Default)]
pub(crate) struct SendLog {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sends: Vec<SendRecord>,
    requests: BTreeMap<u64, RequestRecord>,
    last_ordinal: u64,
    lost: u64,
}

/// More records than this are counted, not kept: 4 million take 320 MB.
const RECORDS_MAX: usize = 4_000_000;

impl SendLog {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the ordinal of a request that has come, from 1.
    pub(crate) fn next_ordinal(&self) -> u64 {
        let mut inner = self.inner();
        inner.last_ordinal += 1;
        inner.last_ordinal
    }

    pub(crate) fn sent(&self, tags: &mut Vec<SendTag>, sent_ns: u64) {
        let mut inner = self.inner();
        for tag in tags.drain(..) {
            if inner.sends.len() >= RECORDS_MAX {
                inner.lost += 1;
                continue;
            }
            inner.sends.push(SendRecord {
                request: tag.request,
                index: tag.index,
                kind: tag.kind,
                tokens: tag.tokens,
                bytes: tag.bytes,
                deadline_ns: tag.deadline_ns,
                sent_ns,
            });
        }
    }

    pub(crate) fn finished(&self, record: RequestRecord) {
        let mut inner = self.inner();
        if inner.requests.len() < RECORDS_MAX {
            inner.requests.insert(record.request, record);
        }
    }

    pub(crate) fn sends(&self) -> Vec<SendRecord> {
        self.inner().sends.clone()
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.inner().requests.values().cloned().collect()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.inner().lost
    }

    /// Forgets all records and begins to count anew.
    pub(crate) fn clear(&self) {
        *self.inner() = Inner::default();
    }
}
