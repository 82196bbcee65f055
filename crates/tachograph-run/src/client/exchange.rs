//! One call, from its answer's bytes to its record.
//!
//! Owns: the status of a call. Takes what reads return, with their stamps, and what
//! happens to the connection; knows neither sockets nor clocks.

use tachograph_model::event::{CallFinished, CallSent, CallStatus};
use tachograph_model::plan::Api;
use tachograph_model::units::InstantNs;

use super::answer::{Problem, Record, Summary, error_message};
use super::endpoint::Secret;
use super::frames::{FRAME_BYTES_MAX, Frame, FrameKind, Splitter};
use super::http::{Answer, Head, HttpError, Part};
use super::trace::{CallTrace, Chunks, Stamp};
use super::{ollama, openai};

/// The most that is read of the body of an error.
const ERROR_BODY_BYTES_MAX: usize = 64 * 1_024;

/// The most that is read of an answer that is one document.
const DOCUMENT_BYTES_MAX: usize = 64 * 1_024 * 1_024;

/// What a read led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// More is to come.
    Continues,
    /// The answer is complete; whether the connection can carry another.
    Complete {
        /// It can.
        reusable: bool,
    },
    /// The bytes are not an answer; the connection is of no use any more.
    Broken,
}

/// How the answer's body is read.
#[derive(Debug)]
enum Body {
    /// The head has not come.
    Awaited,
    /// Events, or one document in their place: its first byte tells.
    Undecided,
    /// Records of a stream.
    Stream(Splitter),
    /// A whole document: an error, or a server that does not stream.
    Document(Vec<u8>),
}

/// A call in progress.
#[derive(Debug)]
pub(crate) struct Exchange {
    api: Api,
    answer: Answer,
    body: Body,
    status: Option<u16>,
    media_type: String,
    headers: Vec<(String, String)>,
    keeps_alive: bool,
    header_ns: Option<InstantNs>,
    first_body_ns: Option<InstantNs>,
    last_read: Option<Stamp>,
    n_reads: u32,
    chunks: Chunks,
    summary: Summary,
    /// Whether one document is an answer, too: the client that asked chose it.
    takes_documents: bool,
}

impl Exchange {
    /// Starts a call.
    pub(crate) fn new(api: Api) -> Self {
        Self {
            api,
            answer: Answer::new(false),
            body: Body::Awaited,
            status: None,
            media_type: String::new(),
            headers: Vec::new(),
            keeps_alive: false,
            header_ns: None,
            first_body_ns: None,
            last_read: None,
            n_reads: 0,
            chunks: Chunks::default(),
            summary: Summary::default(),
            takes_documents: false,
        }
    }

    /// Takes one document in the place of a stream as an answer.
    pub(crate) fn with_documents(self) -> Self {
        Self { takes_documents: true, ..self }
    }

    /// Returns when the first byte of the body had come.
    pub(crate) fn first_body_ns(&self) -> Option<InstantNs> {
        self.first_body_ns
    }

    /// Returns the stamps of the latest read.
    pub(crate) fn last_read(&self) -> Option<Stamp> {
        self.last_read
    }

    /// Returns whether the final record has come.
    pub(crate) fn is_final(&self) -> bool {
        self.summary.is_final
    }

    /// Takes what one read returned.
    pub(crate) fn read(
        &mut self,
        mut input: &[u8],
        user: InstantNs,
        kernel: Option<InstantNs>,
    ) -> Progress {
        let stamp = self.next_read(user, kernel);
        loop {
            match self.answer.next(&mut input) {
                Ok(None) => return Progress::Continues,
                Ok(Some(part)) => {
                    let is_end = matches!(part, Part::End);
                    self.take(part, stamp);
                    if is_end {
                        // Bytes after the answer belong to no request.
                        let reusable = self.keeps_alive && input.is_empty();
                        return Progress::Complete { reusable };
                    }
                }
                Err(error) => {
                    self.broken(&error);
                    return Progress::Broken;
                }
            }
        }
    }

    /// Returns the stamp of a read that brings parts of the answer.
    pub(crate) fn next_read(&mut self, user: InstantNs, kernel: Option<InstantNs>) -> Stamp {
        let stamp = Stamp { read: self.n_reads, user, kernel };
        self.n_reads = self.n_reads.saturating_add(1);
        self.last_read = Some(stamp);
        stamp
    }

    /// Takes a part of the answer.
    pub(crate) fn take(&mut self, part: Part<'_>, stamp: Stamp) {
        match part {
            Part::Head(head) => self.begin_body(head, stamp),
            Part::Body(piece) => self.take_body(piece, stamp),
            Part::End => self.end_body(stamp),
        }
    }

    /// Says that what came is not an answer.
    pub(crate) fn broken(&mut self, error: &HttpError) {
        self.problem(Problem::Malformed(error.to_string()));
    }

    /// Says that the peer closed the connection, at `at`.
    pub(crate) fn connection_ended(&mut self, at: InstantNs) -> Result<(), HttpError> {
        self.answer.connection_ended()?;
        let stamp = self.last_read.unwrap_or(Stamp { read: 0, user: at, kernel: None });
        self.end_body(stamp);
        Ok(())
    }

    fn problem(&mut self, problem: Problem) {
        self.summary.problem.get_or_insert(problem);
    }

    fn begin_body(&mut self, head: Head, stamp: Stamp) {
        self.status = Some(head.status);
        self.keeps_alive = head.keeps_alive;
        self.header_ns = Some(stamp.best());
        let streams = (200..300).contains(&head.status);
        self.body = match self.api {
            _ if !streams => Body::Document(Vec::new()),
            Api::OllamaGenerate | Api::OllamaChat => Body::Stream(Splitter::ndjson()),
            Api::OpenaiChat | Api::OpenaiCompletions => Body::Undecided,
        };
        self.media_type = head.media_type;
        self.headers = head.headers;
    }

    fn take_body(&mut self, piece: &[u8], stamp: Stamp) {
        self.first_body_ns.get_or_insert(stamp.best());
        if matches!(self.body, Body::Undecided) {
            // No event begins with a brace; errors do, whatever their media type says.
            self.body = match piece.first() {
                Some(b'{') => Body::Document(Vec::new()),
                _ => Body::Stream(Splitter::sse()),
            };
        }
        match &mut self.body {
            Body::Awaited | Body::Undecided => {}
            Body::Document(document) => {
                let most =
                    if self.takes_documents { DOCUMENT_BYTES_MAX } else { ERROR_BODY_BYTES_MAX };
                let room = most - document.len();
                document.extend_from_slice(&piece[..piece.len().min(room)]);
            }
            Body::Stream(splitter) => {
                let (api, summary, chunks) = (self.api, &mut self.summary, &mut self.chunks);
                splitter.push(piece, &mut |frame| decode(api, frame, summary, chunks, stamp));
            }
        }
    }

    fn end_body(&mut self, stamp: Stamp) {
        match &mut self.body {
            Body::Awaited | Body::Undecided => {}
            Body::Stream(splitter) => {
                let (api, summary, chunks) = (self.api, &mut self.summary, &mut self.chunks);
                splitter.finish(&mut |frame| decode(api, frame, summary, chunks, stamp));
                if chunks.n_chunks() == 0 && self.first_body_ns.is_some() {
                    let promised = if self.api.is_ollama() { "JSON lines" } else { "events" };
                    let message = format!(
                        "the answer ({}) has no {promised}; is the server's `api` right?",
                        self.media_type
                    );
                    self.problem(Problem::Malformed(message));
                }
            }
            Body::Document(document) => {
                let document = std::mem::take(document);
                self.end_document(&document, stamp);
            }
        }
    }

    fn end_document(&mut self, document: &[u8], stamp: Stamp) {
        let status = self.status.unwrap_or(0);
        if self.takes_documents && (200..300).contains(&status) && !has_error(document) {
            let (summary, chunks) = (&mut self.summary, &mut self.chunks);
            let mut record = Record { summary, chunks, stamp, n_bytes: document.len() };
            openai::decode(document, &mut record);
            self.summary.is_final = self.summary.problem.is_none();
            return;
        }
        let message = error_message(document);
        let problem = if (300..400).contains(&status) {
            Problem::Server(format!(
                "HTTP {status}: redirects are not followed; give the server's final URL"
            ))
        } else if !(200..300).contains(&status) {
            let message = if message.is_empty() { "no message" } else { &message };
            Problem::Server(format!("HTTP {status}: {message}"))
        } else if has_error(document) {
            Problem::Server(message)
        } else {
            Problem::Malformed(
                "the server answered with one document, not with a stream of events".to_owned(),
            )
        };
        self.problem(problem);
    }

    /// Ends the call.
    ///
    /// `interruption` is what ended it from outside: a time-out, a broken
    /// connection, a stop. What was already wrong inside the stream goes first.
    pub(crate) fn finish(
        mut self,
        sent: CallSent,
        interruption: Option<(CallStatus, String)>,
        now: InstantNs,
        secret: Option<&Secret>,
    ) -> CallTrace {
        let was_cut = interruption.is_some();
        let (status, mut error) = self.outcome(interruption);
        // A stream that ended by itself ended with its last read.
        let end_ns = match self.last_read {
            Some(stamp) if !was_cut || status == CallStatus::Completed => stamp.best(),
            _ => now,
        };
        let mut finish_reason = self.summary.finish_reason;
        if let Some(secret) = secret {
            secret.strike_out(self.chunks.text_mut());
            let headers = self.headers.iter_mut().flat_map(|(name, value)| [name, value]);
            for text in error.iter_mut().chain(&mut finish_reason).chain(headers) {
                secret.strike_out(text);
            }
        }
        self.chunks.shrink();
        let finished = CallFinished {
            call: sent.call,
            status,
            error,
            http_status: self.status,
            header_ns: self.header_ns,
            end_ns,
            finish_reason,
            usage: self.summary.usage,
            server: self.summary.timings,
            output_sha256: self.chunks.output_digest(),
            n_chunks: self.chunks.n_chunks(),
            n_reads: self.n_reads,
        };
        CallTrace { sent, finished, headers: self.headers, chunks: self.chunks }
    }

    fn outcome(
        &mut self,
        interruption: Option<(CallStatus, String)>,
    ) -> (CallStatus, Option<String>) {
        if let Some(problem) = self.summary.problem.take() {
            return match problem {
                Problem::Server(message) => (CallStatus::HttpError, Some(message)),
                Problem::Malformed(message) => (CallStatus::Malformed, Some(message)),
            };
        }
        // An error whose body did not come in full is still that error.
        if let Some(status) = self.status.filter(|status| !(200..300).contains(status)) {
            return (CallStatus::HttpError, Some(format!("HTTP {status}: its body was cut off")));
        }
        match interruption {
            _ if self.summary.is_final => (CallStatus::Completed, None),
            Some((status, message)) => (status, Some(message)),
            None if self.summary.finish_reason.is_some() => {
                let message = "the stream ended without `[DONE]` after its finish reason";
                (CallStatus::Completed, Some(message.to_owned()))
            }
            None => {
                let promised = if self.api.is_ollama() { "\"done\": true" } else { "[DONE]" };
                let n_chunks = self.chunks.n_chunks();
                let message = format!(
                    "the stream ended after {n_chunks} chunks, without its final record ({promised})"
                );
                (CallStatus::Truncated, Some(message))
            }
        }
    }
}

fn decode(api: Api, frame: Frame<'_>, summary: &mut Summary, chunks: &mut Chunks, stamp: Stamp) {
    let mut record = Record { summary, chunks, stamp, n_bytes: frame.n_bytes };
    match frame.kind {
        FrameKind::Data if api.is_ollama() => ollama::decode(frame.data, &mut record),
        FrameKind::Data => openai::decode(frame.data, &mut record),
        FrameKind::Error => record.server_error(frame.data),
        FrameKind::Comment => record.chunk(tachograph_model::event::ChunkKind::Empty, ""),
        FrameKind::TooLong => {
            record.malformed(frame.data, &format!("it is longer than {FRAME_BYTES_MAX} bytes"));
        }
    }
}

/// Returns whether a document is a JSON object with an `error`.
fn has_error(document: &[u8]) -> bool {
    serde_json::from_slice::<serde_json::Value>(document)
        .is_ok_and(|value| value.get("error").is_some_and(|error| !error.is_null()))
}

#[cfg(test)]
mod tests;
