//! Writing cassettes.
//!
//! Owns: what of an exchange goes into a cassette, and that several taps may add to one
//! file: each interaction is one write at its end.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use tachograph_model::canonical::canonical_digest;
use tachograph_model::cassette::{Answer, Bytes, CASSETTE_SCHEMA, End, Header, Interaction, Piece};
use tachograph_model::environment::ServerIdentity;
use tachograph_model::units::{DurationNs, InstantNs};

use super::TapError;
use crate::client::Secret;
use crate::client::http::Part;

/// Headers that frame a body, name a day, or know the client again.
const LEFT_OUT: [&str; 8] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "set-cookie",
    "set-cookie2",
    "trailer",
    "transfer-encoding",
];

/// A cassette that is open to be added to.
#[derive(Debug)]
pub(super) struct Recorder {
    path: PathBuf,
    file: File,
}

impl Recorder {
    /// Opens a cassette, or makes one.
    pub(super) fn open(path: PathBuf) -> Result<Self, TapError> {
        let failed =
            |path: &PathBuf, reason: String| TapError::Cassette { path: path.clone(), reason };
        let opened = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let mut file = opened.map_err(|error| failed(&path, error.to_string()))?;
        // Two taps may find it empty at once; one of them writes the header.
        file.lock().map_err(|error| failed(&path, error.to_string()))?;
        let result = begin(&mut file);
        let unlocked = file.unlock();
        result
            .and(unlocked.map_err(|error| error.to_string()))
            .map_err(|why| failed(&path, why))?;
        Ok(Self { path, file })
    }

    /// Adds an exchange. Times run from `from`; `is_whole` says whether the answer came to
    /// its end.
    pub(super) fn write(
        &mut self,
        (method, path, body, secret): (&str, &str, &[u8], Option<&Secret>),
        recording: Recording,
        (from, is_whole): (InstantNs, bool),
    ) -> Result<(), TapError> {
        // A server that closed without an answer left nothing to play.
        let Some((status, headers, head_at)) = recording.head else { return Ok(()) };
        let offset = |at: InstantNs| at.since(from).unwrap_or(DurationNs(0));
        let body = match secret {
            None => body.to_vec(),
            Some(secret) => {
                let mut text = String::from_utf8_lossy(body).into_owned();
                secret.strike_out(&mut text);
                text.into_bytes()
            }
        };
        let last = recording.pieces.last().map_or(head_at, |(at, _)| *at);
        let interaction = Interaction {
            method: method.to_owned(),
            path: path.to_owned(),
            canonical_sha256: canonical_digest(&body),
            body: Bytes::new(body),
            answer: Answer {
                status,
                headers,
                head_offset_ns: offset(head_at),
                pieces: recording
                    .pieces
                    .into_iter()
                    .map(|(at, bytes)| Piece { offset_ns: offset(at), body: Bytes::new(bytes) })
                    .collect(),
                end_offset_ns: offset(recording.ended.unwrap_or(last)),
                end: if is_whole { End::Complete } else { End::Cut },
            },
        };
        let mut line = serde_json::to_vec(&interaction).expect("an interaction is JSON");
        line.push(b'\n');
        self.file.write_all(&line).map_err(|error| TapError::Cassette {
            path: self.path.clone(),
            reason: error.to_string(),
        })
    }
}

/// Writes the header of an empty file; checks that of another.
fn begin(file: &mut File) -> Result<(), String> {
    let mut start = Vec::new();
    file.seek(SeekFrom::Start(0)).map_err(|error| error.to_string())?;
    file.take(4_096).read_to_end(&mut start).map_err(|error| error.to_string())?;
    if start.is_empty() {
        let header = Header::new(ServerIdentity::default());
        let mut line = serde_json::to_vec(&header).expect("a header is JSON");
        line.push(b'\n');
        return file.write_all(&line).map_err(|error| error.to_string());
    }
    let is_ours = start.starts_with(format!("{{\"schema\":\"{CASSETTE_SCHEMA}\"").as_bytes());
    if is_ours { Ok(()) } else { Err("it is there already and is not a cassette".to_owned()) }
}

/// Names and values, in order.
type Headers = Vec<(String, String)>;

/// The answer of an exchange, as it comes.
#[derive(Debug, Default)]
pub(super) struct Recording {
    head: Option<(u16, Headers, InstantNs)>,
    pieces: Vec<(InstantNs, Vec<u8>)>,
    ended: Option<InstantNs>,
}

impl Recording {
    /// Takes a part that came at `at`. Parts of one read are one piece.
    pub(super) fn take(&mut self, part: &Part<'_>, at: InstantNs) {
        match part {
            Part::Head(head) => {
                let is_kept = |(name, _): &&(String, String)| {
                    !LEFT_OUT.contains(&&*name.to_ascii_lowercase())
                };
                let headers = head.headers.iter().filter(is_kept).cloned().collect();
                self.head = Some((head.status, headers, at));
            }
            Part::Body(bytes) => match self.pieces.last_mut() {
                Some((last, piece)) if *last == at => piece.extend_from_slice(bytes),
                _ => self.pieces.push((at, bytes.to_vec())),
            },
            Part::End => self.ended = Some(at),
        }
    }
}
