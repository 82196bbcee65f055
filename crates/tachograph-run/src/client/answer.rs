//! What the records of an answer add up to, whatever the protocol.
//!
//! Owns: the values that decoders fill in, JSON texts without copying, and the
//! words of a server's error.

use std::borrow::Cow;
use std::fmt;

use serde::de::{self, Deserialize, Deserializer};
use serde_json::value::RawValue;
use tachograph_model::event::{ChunkKind, ServerTimings, Usage};

use super::EXCERPT_BYTES;
use super::trace::{Chunks, Stamp};

/// What is known of an answer so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    /// The final record came.
    pub(crate) is_final: bool,
    /// Why the server stopped.
    pub(crate) finish_reason: Option<String>,
    /// Token counts.
    pub(crate) usage: Usage,
    /// Durations.
    pub(crate) timings: ServerTimings,
    /// The first thing that was wrong.
    pub(crate) problem: Option<Problem>,
}

/// Something wrong inside a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The server says so, in its words.
    Server(String),
    /// A record is not what the protocol promises.
    Malformed(String),
}

/// Where decoders put what they find in one record.
pub(crate) struct Record<'a> {
    /// The call's values.
    pub(crate) summary: &'a mut Summary,
    /// The call's chunks.
    pub(crate) chunks: &'a mut Chunks,
    /// The read that completed the record.
    pub(crate) stamp: Stamp,
    /// The record's size, until a chunk has taken it.
    pub(crate) n_bytes: usize,
}

impl Record<'_> {
    /// Adds a chunk; the record's size counts on its first.
    pub(crate) fn chunk(&mut self, kind: ChunkKind, text: &str) {
        self.chunks.push(self.stamp, std::mem::take(&mut self.n_bytes), kind, text);
    }

    /// Adds an error of the server.
    pub(crate) fn server_error(&mut self, body: &[u8]) {
        let message = error_message(body);
        self.chunk(ChunkKind::Error, &message);
        self.summary.problem.get_or_insert(Problem::Server(message));
    }

    /// Adds a record that is not what the protocol promises.
    pub(crate) fn malformed(&mut self, data: &[u8], reason: &str) {
        let excerpt = excerpt(data);
        let message = format!("chunk {} is malformed: {reason}", self.chunks.n_chunks());
        self.chunk(ChunkKind::Malformed, &excerpt);
        self.summary.problem.get_or_insert(Problem::Malformed(message));
    }
}

/// Returns the beginning of `data` as text.
pub(crate) fn excerpt(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&data[..data.len().min(EXCERPT_BYTES)])
}

/// Returns what a server's error says: the text in `error`, `error.message`,
/// `message` or `detail`, else the bytes themselves.
pub(crate) fn error_message(body: &[u8]) -> String {
    let text_in = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()),
        serde_json::Value::Object(fields) => {
            fields.get("message").and_then(|message| message.as_str()).map(str::to_owned)
        }
        _ => None,
    };
    let found = serde_json::from_slice::<serde_json::Value>(body).ok().and_then(|value| {
        ["error", "message", "detail"]
            .iter()
            .find_map(|name| text_in(value.get(name)?))
            .or_else(|| text_in(&value))
    });
    let message = found.unwrap_or_else(|| excerpt(body).trim().to_owned());
    excerpt(message.as_bytes()).into_owned()
}

/// A JSON text, borrowed from the record where it has no escapes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Text<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> de::Visitor<'de> for Visitor {
            type Value = Text<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Borrowed(text)))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text.to_owned())))
            }

            fn visit_string<E>(self, text: String) -> Result<Self::Value, E> {
                Ok(Text(Cow::Owned(text)))
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Returns a text that is there and not empty.
pub(crate) fn filled<'a>(text: Option<&'a Text<'_>>) -> Option<&'a str> {
    text.map(|text| &*text.0).filter(|text| !text.is_empty())
}

/// Returns a JSON value that is there and neither `[]` nor `{}`.
pub(crate) fn present(value: Option<&RawValue>) -> Option<&str> {
    let compact =
        |text: &str| text.chars().filter(|c| !c.is_whitespace()).take(3).collect::<String>();
    value.map(RawValue::get).filter(|text| !matches!(&*compact(text), "[]" | "{}" | "\"\""))
}
