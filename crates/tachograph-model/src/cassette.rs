//! Cassettes: what a server answered, byte by byte, with its instants.
//!
//! Owns: the file format that the tap writes and the cassette engine plays: JSON lines,
//! a header and one interaction per line.
//!
//! Does not: record or play; the tap does the one and the cassette engine the other.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::canonical::{Difference, canonical_digest, differences};
use crate::digest::Digest;
use crate::environment::ServerIdentity;
use crate::units::DurationNs;

/// The version of the format.
pub const CASSETTE_SCHEMA: &str = "tachograph-cassette/1";

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// [`CASSETTE_SCHEMA`].
    pub schema: String,
    /// What the server that was recorded said about itself, as far as it was asked.
    #[serde(default)]
    pub server: ServerIdentity,
}

impl Header {
    /// Returns a header for the server.
    pub fn new(server: ServerIdentity) -> Self {
        Self { schema: CASSETTE_SCHEMA.to_owned(), server }
    }
}

/// One request and its answer; a line of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interaction {
    /// The request's method: `POST`.
    pub method: String,
    /// The request's path, with its query if it has one.
    pub path: String,
    /// The request's body.
    pub body: Bytes,
    /// The digest of the body's canonical form, see [`canonical_digest`].
    pub canonical_sha256: Digest,
    /// The answer.
    pub answer: Answer,
}

/// What the server answered. Times run from the last byte of the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The headers but those that frame the body, that name a day or that set cookies.
    pub headers: Vec<(String, String)>,
    /// When the head had come.
    pub head_offset_ns: DurationNs,
    /// The pieces of the body, as they came.
    pub pieces: Vec<Piece>,
    /// When the answer had ended.
    pub end_offset_ns: DurationNs,
    /// How it ended.
    pub end: End,
}

/// Bytes of a body that came in one read, without the framing of HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Piece {
    /// When the last of them had come.
    pub offset_ns: DurationNs,
    /// The bytes.
    pub body: Bytes,
}

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// As HTTP says that it must.
    Complete,
    /// The server closed the connection before the end of the body.
    Cut,
}

/// Bytes, as text where they are UTF-8 and in base64 where not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    /// Bytes that are UTF-8.
    Text(String),
    /// Other bytes, in base64 (RFC 4648, section 4).
    Base64(String),
}

impl Bytes {
    /// Takes bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) => Self::Text(text),
            Err(error) => Self::Base64(BASE64_STANDARD.encode(error.as_bytes())),
        }
    }

    /// Returns the bytes, or why they are none.
    fn decode(&self) -> Result<Vec<u8>, base64::DecodeError> {
        match self {
            Self::Text(text) => Ok(text.clone().into_bytes()),
            Self::Base64(text) => BASE64_STANDARD.decode(text),
        }
    }

    /// Returns the bytes.
    ///
    /// Those of a [`Cassette`] were checked; of others, what is not base64 is empty.
    pub fn to_vec(&self) -> Vec<u8> {
        self.decode().unwrap_or_default()
    }
}

/// A whole cassette, checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cassette {
    /// The first line.
    pub header: Header,
    /// The others, in order.
    pub interactions: Vec<Interaction>,
    /// The digest of the file.
    pub sha256: Digest,
}

/// Why bytes are not a cassette.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct CassetteError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it, and what to do.
    pub problem: String,
}

/// The recorded request that is most like one that was not recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nearest<'a> {
    /// Its place among the interactions.
    pub index: usize,
    /// It.
    pub interaction: &'a Interaction,
    /// Where the bodies differ: first the one that came, second the recorded one.
    pub differences: Vec<Difference>,
}

impl Cassette {
    /// Reads a cassette.
    ///
    /// # Errors
    ///
    /// The first line that is not what it must be.
    pub fn parse(bytes: &[u8]) -> Result<Self, CassetteError> {
        let error = |line: usize, problem: String| CassetteError { line, problem };
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let first = lines.next().ok_or_else(|| error(1, "the file is empty".to_owned()))?;
        let header = read_header(first).map_err(|problem| error(1, problem))?;
        let mut interactions = Vec::new();
        for (line, text) in (2..).zip(lines) {
            let interaction = read_interaction(text).map_err(|problem| error(line, problem))?;
            interactions.push(interaction);
        }
        if interactions.is_empty() {
            return Err(error(2, "no interaction is recorded".to_owned()));
        }
        Ok(Self { header, interactions, sha256: Digest::of(bytes) })
    }

    /// Returns the line of the file, from 1, that has the interaction at `index`.
    pub fn line(index: usize) -> usize {
        index + 2
    }

    /// Returns the places of the interactions that answer a request, in order.
    pub fn find(&self, method: &str, path: &str, body: &[u8]) -> Vec<usize> {
        let digest = canonical_digest(body);
        let answers = |it: &Interaction| {
            it.canonical_sha256 == digest && it.method == method && it.path == path
        };
        (0..).zip(&self.interactions).filter(|(_, it)| answers(it)).map(|(at, _)| at).collect()
    }

    /// Returns the recorded request that is most like one that was not recorded: on the
    /// same method and path if there is one, and with the fewest differences.
    pub fn nearest(&self, method: &str, path: &str, body: &[u8]) -> Option<Nearest<'_>> {
        let came = value(body);
        let distance = |(index, interaction): (usize, &'_ Interaction)| {
            let found = differences(&came, &value(&interaction.body.to_vec()));
            let elsewhere = interaction.path != path || interaction.method != method;
            (elsewhere, found.len(), index, found)
        };
        let nearest = (0..).zip(&self.interactions).map(distance);
        let (_, _, index, differences) = nearest.min_by_key(|it| (it.0, it.1, it.2))?;
        Some(Nearest { index, interaction: &self.interactions[index], differences })
    }
}

/// Returns a body as JSON; one that is not JSON is a text.
fn value(body: &[u8]) -> Value {
    serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body).into_owned()))
}

fn read_header(line: &[u8]) -> Result<Header, String> {
    #[derive(Deserialize)]
    struct Named {
        schema: String,
    }
    let named: Named = serde_json::from_slice(line)
        .map_err(|error| format!("not a cassette's header ({error})"))?;
    if named.schema != CASSETTE_SCHEMA {
        let found = named.schema;
        return Err(format!(
            "its format is {found:?}; this version of tacho reads {CASSETTE_SCHEMA:?}"
        ));
    }
    serde_json::from_slice(line).map_err(|error| error.to_string())
}

fn read_interaction(line: &[u8]) -> Result<Interaction, String> {
    if !line.ends_with(b"\n") {
        return Err("the line is cut off; record again, or delete it".to_owned());
    }
    let it: Interaction =
        serde_json::from_slice(line).map_err(|error| format!("not an interaction ({error})"))?;
    let body = it.body.decode().map_err(|error| format!("`body` is not base64 ({error})"))?;
    let digest = canonical_digest(&body);
    if digest != it.canonical_sha256 {
        return Err(format!("`canonical_sha256` is not that of `body`, which is {digest}"));
    }
    if !(200..600).contains(&it.answer.status) {
        return Err(format!("{} is no status of an answer", it.answer.status));
    }
    for (name, value) in &it.answer.headers {
        check_header(name, value)?;
    }
    let mut before = it.answer.head_offset_ns;
    for (i, piece) in it.answer.pieces.iter().enumerate() {
        piece.body.decode().map_err(|error| format!("piece {i} is not base64 ({error})"))?;
        if piece.offset_ns < before {
            return Err(format!("piece {i} comes before what it follows"));
        }
        before = piece.offset_ns;
    }
    if it.answer.end_offset_ns < before {
        return Err("the answer ends before its last piece".to_owned());
    }
    Ok(it)
}

/// Checks that a header is one of HTTP (RFC 9110, section 5), and not one that whoever
/// sends the answer has to set.
fn check_header(name: &str, value: &str) -> Result<(), String> {
    let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(format!("{name:?} is no name of a header"));
    }
    if !value.bytes().all(|byte| byte == b'\t' || (byte >= b' ' && byte != 0x7f)) {
        return Err(format!("the value of header {name:?} has control characters"));
    }
    if FRAMING.iter().any(|framing| name.eq_ignore_ascii_case(framing)) {
        return Err(format!("header {name:?} frames the body; leave it out"));
    }
    Ok(())
}

/// Headers that are set anew for each answer.
const FRAMING: [&str; 2] = ["content-length", "transfer-encoding"];

#[cfg(test)]
mod tests;
