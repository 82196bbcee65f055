//! From bytes that were passed on to calls.
//!
//! Owns: which answer belongs to which request, the instants of a call as the tap sees
//! them, and when it is over.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;

use tachograph_model::digest::Digest;
use tachograph_model::event::{CallSent, CallStatus, Event, Stage};
use tachograph_model::plan::ConnectionMode;
use tachograph_model::units::InstantNs;

use super::pair::{Arena, Item, Pair, Side, What};
use super::recorder::{Recorder, Recording};
use super::report::{Report, Tally};
use super::request::{Head, Part as RequestPart, RequestReader};
use super::{Say, TapError, UNNAMED};
use crate::agent::nonce::nonce;
use crate::client::CallTrace;
use crate::client::exchange::Exchange;
use crate::client::http::{Answer, HttpError, Part};
use crate::client::request::parity_digest;
use crate::client::trace::Stamp;
use crate::clock::{self, RealtimeOffset};

/// The most that is kept of a request's body; a larger one is passed on and not recorded.
const BODY_BYTES_MAX: usize = 64 * 1_024 * 1_024;
/// How many calls ahead a nonce is looked for, so that one call too many hides no other.
const NONCES_AHEAD: u32 = 8;

/// What is known of the requests and answers of a pair.
pub(super) struct Watch {
    agent: Option<String>,
    reader: RequestReader,
    /// Bytes that came from the client.
    n_come: u64,
    /// Bytes that were written to the server, and writes that not every request has used.
    n_written: u64,
    writes: VecDeque<Written>,
    waiting: VecDeque<Pending>,
    /// The first stamp of the request whose head is not complete.
    began: Option<(InstantNs, u64)>,
    /// What is passed on is not looked at any more.
    is_opaque: bool,
    /// The client has ended.
    client_is_gone: bool,
    refused: Option<String>,
    n_requests: u64,
    pub(super) connect_began: Option<InstantNs>,
    pub(super) connected: Option<InstantNs>,
}

/// A write to the server.
#[derive(Debug, Clone, Copy)]
struct Written {
    /// Bytes written with it and before.
    until: u64,
    /// Just before it: the server may have answered before the write returns.
    before: InstantNs,
}

/// A request that has not been answered.
struct Pending {
    head: Head,
    body: Vec<u8>,
    is_too_large: bool,
    /// Its first byte and one past its last, counted on the connection.
    start: u64,
    end: Option<u64>,
    planned: InstantNs,
    sent: Option<InstantNs>,
    /// Just before its last byte was written.
    written: Option<InstantNs>,
    connection: ConnectionMode,
    answer: Answer,
    exchange: Option<Exchange>,
    decoder: Option<Decoder>,
    recording: Option<Recording>,
}

/// Undoes the compression of an answer.
enum Decoder {
    Gzip(Box<flate2::write::MultiGzDecoder<Vec<u8>>>),
    Deflate(Box<flate2::write::ZlibDecoder<Vec<u8>>>),
}

impl Decoder {
    /// Returns a decoder for the encoding, if there is one.
    fn of(encoding: &str) -> Option<Self> {
        match encoding {
            "gzip" | "x-gzip" => {
                Some(Self::Gzip(Box::new(flate2::write::MultiGzDecoder::new(Vec::new()))))
            }
            "deflate" => Some(Self::Deflate(Box::new(flate2::write::ZlibDecoder::new(Vec::new())))),
            _ => None,
        }
    }

    /// Returns what has become readable with `piece`.
    fn decode(&mut self, piece: &[u8]) -> std::io::Result<Vec<u8>> {
        match self {
            Self::Gzip(decoder) => {
                decoder.write_all(piece)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
            Self::Deflate(decoder) => {
                decoder.write_all(piece)?;
                decoder.flush()?;
                Ok(std::mem::take(decoder.get_mut()))
            }
        }
    }
}

impl Watch {
    pub(super) fn new(agent: Option<String>) -> Self {
        Self {
            agent,
            reader: RequestReader::default(),
            n_come: 0,
            n_written: 0,
            writes: VecDeque::new(),
            waiting: VecDeque::new(),
            began: None,
            is_opaque: false,
            client_is_gone: false,
            refused: None,
            n_requests: 0,
            connect_began: None,
            connected: None,
        }
    }

    /// Notes that `n_bytes` more were written to the server, just after `before`.
    pub(super) fn written(&mut self, n_bytes: u64, before: InstantNs) {
        if n_bytes > 0 && !self.is_opaque {
            self.n_written += n_bytes;
            self.writes.push_back(Written { until: self.n_written, before });
        }
    }

    /// Takes bytes of the client apart.
    fn requests(&mut self, bytes: &[u8], stamp: Stamp, is_recorded: bool) -> Result<(), HttpError> {
        let base = self.n_come;
        self.n_come += bytes.len() as u64;
        let mut input = bytes;
        loop {
            let at = |input: &[u8]| base + (bytes.len() - input.len()) as u64;
            if self.reader.is_between() && !input.is_empty() {
                self.began = Some((stamp.best(), at(input)));
            }
            let Some(part) = self.reader.next(&mut input)? else { return Ok(()) };
            match part {
                RequestPart::Head(head) => {
                    let (planned, start) = self.began.unwrap_or((stamp.best(), at(input)));
                    let connection = if self.n_requests == 0 {
                        ConnectionMode::Fresh
                    } else {
                        ConnectionMode::Keepalive
                    };
                    self.n_requests += 1;
                    let pending = Pending::new(head, (planned, start), connection, is_recorded);
                    self.waiting.push_back(pending);
                }
                RequestPart::Body(piece) => {
                    if let Some(pending) = self.waiting.back_mut() {
                        pending.take_body(piece);
                    }
                }
                RequestPart::End => {
                    if let Some(pending) = self.waiting.back_mut() {
                        pending.end = Some(at(input));
                    }
                }
            }
        }
    }

    /// Gives the writes to the requests that they belong to.
    fn settle_writes(&mut self) {
        for pending in &mut self.waiting {
            let first = self.writes.iter().find(|written| written.until > pending.start);
            if pending.sent.is_none() {
                pending.sent = first.map(|written| written.before);
            }
            if pending.written.is_none()
                && let Some(end) = pending.end
            {
                let last = self.writes.iter().find(|written| written.until >= end);
                pending.written = last.map(|written| written.before);
            }
        }
        let open = self.waiting.iter().find(|pending| pending.written.is_none());
        let needed = open.map_or(self.n_come, |pending| pending.start);
        while self.writes.front().is_some_and(|written| written.until <= needed) {
            self.writes.pop_front();
        }
    }
}

impl Pending {
    fn new(
        head: Head,
        (planned, start): (InstantNs, u64),
        connection: ConnectionMode,
        is_recorded: bool,
    ) -> Self {
        let api = head.api();
        let recording = is_recorded && !head.path.starts_with("/tachograph");
        Self {
            answer: Answer::new(head.method == "HEAD").in_any_encoding(),
            exchange: api.map(|api| Exchange::new(api).with_documents()),
            recording: recording.then(Recording::default),
            head,
            body: Vec::new(),
            is_too_large: false,
            start,
            end: None,
            planned,
            sent: None,
            written: None,
            connection,
            decoder: None,
        }
    }

    fn take_body(&mut self, piece: &[u8]) {
        if self.body.len() + piece.len() > BODY_BYTES_MAX {
            self.is_too_large = true;
            self.body = Vec::new();
        }
        if !self.is_too_large {
            self.body.extend_from_slice(piece);
        }
    }

    /// Takes a part of the answer.
    fn take(&mut self, part: Part<'_>, stamp: Stamp) {
        if let Some(recording) = &mut self.recording {
            recording.take(&part, stamp.best());
        }
        let Some(exchange) = &mut self.exchange else { return };
        match part {
            Part::Head(mut head) => {
                let encoding = head.encoding.take();
                self.decoder = encoding.as_deref().and_then(Decoder::of);
                let is_known = encoding.is_none() || self.decoder.is_some();
                exchange.take(Part::Head(head), stamp);
                if !is_known {
                    let found = encoding.unwrap_or_default();
                    exchange.broken(&HttpError::ContentEncoding { found });
                }
            }
            Part::Body(piece) => match &mut self.decoder {
                None => exchange.take(Part::Body(piece), stamp),
                Some(decoder) => match decoder.decode(piece) {
                    Ok(plain) if plain.is_empty() => {}
                    Ok(plain) => exchange.take(Part::Body(&plain), stamp),
                    Err(_) => {
                        let found = "something that is not what it says".to_owned();
                        exchange.broken(&HttpError::ContentEncoding { found });
                    }
                },
            },
            Part::End => exchange.take(Part::End, stamp),
        }
    }
}

/// How a request came to its end.
enum Over {
    /// Its answer is complete.
    Answered,
    /// It was ended from outside, at an instant.
    Interrupted(CallStatus, String, InstantNs),
}

/// Looks at what is passed on, and says what calls there were.
pub(super) struct Witness {
    server: String,
    nonce: Option<String>,
    recorder: Option<Recorder>,
    /// By what kernel stamps are moved to the monotonic clock.
    pub(super) offset: RealtimeOffset,
    /// Calls of each agent so far.
    n_calls: BTreeMap<String, u32>,
    tally: Tally,
}

impl Witness {
    pub(super) fn new(
        server: String,
        nonce: Option<String>,
        recorder: Option<Recorder>,
        offset: RealtimeOffset,
    ) -> Self {
        let tally = Tally::default();
        Self { server, nonce, recorder, offset, n_calls: BTreeMap::new(), tally }
    }

    pub(super) fn report(&mut self) -> Report {
        std::mem::take(&mut self.tally).report()
    }

    /// Looks at one thing that happened on a pair.
    pub(super) fn see(
        &mut self,
        pair: &mut Pair,
        item: &Item,
        arena: &Arena,
        say: &mut Say<'_>,
    ) -> Result<(), TapError> {
        let offset = self.offset;
        let watch = &mut pair.watch;
        match (&item.what, item.side) {
            (What::Refused { message }, _) => {
                watch.refused = Some(message.clone());
                self.refuse(watch, say)?;
            }
            (What::End { at, error }, Side::Upstream) => {
                self.upstream_ended(watch, *at, error.as_deref(), say)?;
            }
            (What::End { at, error }, Side::Client) => {
                watch.client_is_gone = true;
                // One that is gone in both directions will not read the answer.
                if error.is_some() {
                    self.cancel(watch, "the client went away", *at, say)?;
                }
            }
            (What::Bytes { range, user, realtime_ns, passed }, side) => {
                if watch.is_opaque {
                    return Ok(());
                }
                let kernel = |not_before| {
                    realtime_ns.and_then(|stamp| offset.receive_stamp(stamp, *user, not_before))
                };
                let bytes = arena.bytes(range);
                if side == Side::Client {
                    let stamp = Stamp { read: 0, user: *user, kernel: kernel(None) };
                    if watch.requests(bytes, stamp, self.recorder.is_some()).is_err() {
                        watch.is_opaque = true;
                        self.tally.unreadable();
                    }
                    watch.settle_writes();
                    if watch.refused.is_some() {
                        self.refuse(watch, say)?;
                    }
                } else {
                    watch.settle_writes();
                    let sent = watch.waiting.front().and_then(|pending| pending.sent);
                    let stamp = (*user, kernel(sent));
                    self.tally.passed(stamp.1.unwrap_or(*user), *passed);
                    self.answers(watch, bytes, stamp, say)?;
                }
            }
        }
        Ok(())
    }

    /// Takes bytes of the server apart.
    fn answers(
        &mut self,
        watch: &mut Watch,
        bytes: &[u8],
        (user, kernel): (InstantNs, Option<InstantNs>),
        say: &mut Say<'_>,
    ) -> Result<(), TapError> {
        let mut input = bytes;
        while !input.is_empty() {
            let Some(pending) = watch.waiting.front_mut() else {
                // An answer to no request: another protocol from here on.
                watch.is_opaque = true;
                return Ok(());
            };
            let stamp = match &mut pending.exchange {
                Some(exchange) => exchange.next_read(user, kernel),
                None => Stamp { read: 0, user, kernel },
            };
            let is_over = loop {
                match pending.answer.next(&mut input) {
                    Ok(None) => break false,
                    Ok(Some(part)) => {
                        let is_end = matches!(part, Part::End);
                        pending.take(part, stamp);
                        if is_end {
                            break true;
                        }
                    }
                    Err(error) => {
                        if let Some(exchange) = &mut pending.exchange {
                            exchange.broken(&error);
                        }
                        pending.recording = None;
                        watch.is_opaque = true;
                        break true;
                    }
                }
            };
            if is_over && let Some(pending) = watch.waiting.pop_front() {
                self.over(watch, pending, Over::Answered, say)?;
            }
        }
        Ok(())
    }

    /// The server has closed the connection.
    fn upstream_ended(
        &mut self,
        watch: &mut Watch,
        at: InstantNs,
        error: Option<&str>,
        say: &mut Say<'_>,
    ) -> Result<(), TapError> {
        watch.settle_writes();
        while let Some(mut pending) = watch.waiting.pop_front() {
            let ended = match error {
                None => pending.answer.connection_ended().map_err(|error| error.to_string()),
                Some(error) => Err(error.to_owned()),
            };
            let over = match ended {
                Ok(()) => {
                    let stamp = pending.exchange.as_ref().and_then(Exchange::last_read);
                    let stamp = stamp.unwrap_or(Stamp { read: 0, user: at, kernel: None });
                    pending.take(Part::End, stamp);
                    Over::Answered
                }
                Err(_) if watch.client_is_gone => {
                    let message = "the client went away".to_owned();
                    Over::Interrupted(CallStatus::Cancelled, message, at)
                }
                Err(message) => Over::Interrupted(CallStatus::Truncated, message, at),
            };
            self.over(watch, pending, over, say)?;
        }
        Ok(())
    }

    /// There is no server for the requests of a pair.
    fn refuse(&mut self, watch: &mut Watch, say: &mut Say<'_>) -> Result<(), TapError> {
        let message = watch.refused.clone().unwrap_or_default();
        // A request that has not come in full is refused when it has.
        while watch.waiting.front().is_some_and(|pending| pending.end.is_some()) {
            let Some(pending) = watch.waiting.pop_front() else { break };
            let over = Over::Interrupted(CallStatus::ConnectError, message.clone(), clock::now());
            self.over(watch, pending, over, say)?;
        }
        Ok(())
    }

    fn cancel(
        &mut self,
        watch: &mut Watch,
        why: &str,
        at: InstantNs,
        say: &mut Say<'_>,
    ) -> Result<(), TapError> {
        watch.settle_writes();
        while let Some(pending) = watch.waiting.pop_front() {
            let over = Over::Interrupted(CallStatus::Cancelled, why.to_owned(), at);
            self.over(watch, pending, over, say)?;
        }
        Ok(())
    }

    /// The connections of a pair are over.
    pub(super) fn closed(&mut self, pair: &mut Pair, say: &mut Say<'_>) -> Result<(), TapError> {
        self.cancel(&mut pair.watch, "the client went away", clock::now(), say)
    }

    /// The tap stops.
    pub(super) fn stopped(&mut self, pair: &mut Pair, say: &mut Say<'_>) -> Result<(), TapError> {
        self.cancel(&mut pair.watch, "the tap was stopped", clock::now(), say)
    }

    /// Says what a request came to.
    fn over(
        &mut self,
        watch: &Watch,
        mut pending: Pending,
        over: Over,
        say: &mut Say<'_>,
    ) -> Result<(), TapError> {
        if let (Some(recorder), Some(recording)) = (&mut self.recorder, pending.recording.take()) {
            let from = pending.written.or(pending.sent).unwrap_or(pending.planned);
            let is_whole = match &over {
                Over::Answered => Some(true),
                Over::Interrupted(CallStatus::Truncated, ..) => Some(false),
                // Nothing of the server's.
                Over::Interrupted(..) => None,
            };
            if let Some(is_whole) = is_whole.filter(|_| !pending.is_too_large) {
                let (head, body) = (&pending.head, &pending.body);
                let request = (&*head.method, &*head.path, &**body, head.secret.as_ref());
                recorder.write(request, recording, (from, is_whole))?;
            }
        }
        let Some(exchange) = pending.exchange.take() else { return Ok(()) };
        if pending.is_too_large {
            self.tally.unreadable();
            return Ok(());
        }
        let agent = watch
            .agent
            .clone()
            .or_else(|| pending.head.agent.clone())
            .unwrap_or_else(|| UNNAMED.to_owned());
        let secret = pending.head.secret.take();
        let Some(sent) = self.call_sent(watch, pending, &agent) else { return Ok(()) };
        let (interruption, now) = match over {
            Over::Answered => (None, clock::now()),
            Over::Interrupted(status, message, at) => (Some((status, message)), at),
        };
        let mut trace = exchange.finish(sent, interruption, now, secret.as_ref());
        if let Some(secret) = &secret {
            secret.strike_out(&mut trace.sent.request);
        }
        self.tally.call(&agent, &trace);
        speak(&agent, trace, say).map_err(|source| TapError::Write { source })
    }

    /// Returns what is said of a request; `None` if it asks for no text.
    fn call_sent(&mut self, watch: &Watch, pending: Pending, agent: &str) -> Option<CallSent> {
        let api = pending.head.api()?;
        let counter = self.n_calls.entry(agent.to_owned()).or_default();
        let call = *counter;
        *counter += 1;
        let request_sha256 = Digest::of(&pending.body);
        let request = String::from_utf8(pending.body)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
        let nonce = self.nonce.as_ref().and_then(|text| nonce_in(text, call, &request));
        let is_fresh = pending.connection == ConnectionMode::Fresh;
        Some(CallSent {
            call,
            stage: Stage::Other,
            server: self.server.clone(),
            api,
            parity_sha256: parity_digest(&request, nonce.as_deref()),
            request,
            request_sha256,
            nonce,
            connection: pending.connection,
            planned_ns: pending.planned,
            connect_ns: watch.connect_began.filter(|_| is_fresh),
            connected_ns: watch.connected.filter(|_| is_fresh),
            sent_ns: pending.sent,
        })
    }
}

/// Returns the nonce with which a prompt of the request begins, if one does.
fn nonce_in(text: &str, call: u32, request: &str) -> Option<String> {
    let numbers = (call..call.saturating_add(NONCES_AHEAD)).chain((0..call).rev());
    numbers.map(|number| nonce(text, number)).find(|nonce| {
        // At the start of a JSON text; its line feed stands there escaped.
        let written = format!("\"{}\\n", nonce.trim_end_matches('\n'));
        request.contains(&written)
    })
}

/// Says a call, event by event.
fn speak(agent: &str, trace: CallTrace, say: &mut Say<'_>) -> std::io::Result<()> {
    say(agent, Event::CallSent(trace.sent.clone()))?;
    for chunk in trace.chunks() {
        say(agent, Event::Chunk(chunk))?;
    }
    say(agent, Event::CallFinished(trace.finished))
}
