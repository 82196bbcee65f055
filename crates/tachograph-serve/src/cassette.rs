//! The cassette engine: recorded answers, byte by byte at their recorded instants.
//!
//! Owns: which recording answers a request, when each of its pieces is due, and what
//! a recording can tell about the models behind it.
//!
//! Does not: know what answers say. Requests do not slow each other down.

mod tape;
mod unmatched;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Method, Response, StatusCode};
use tachograph_model::cassette::{Cassette, CassetteError, End};
use tachograph_model::units::DurationNs;
use tokio::sync::mpsc;

use crate::clock::KeepAlive;
use crate::connection::Tags;
use crate::instance::Resident;
use crate::job::{ApiError, Cut, DoneReason};
use crate::model_card::ModelCard;
use crate::output::{AnswerBody, Item};
use crate::pacer::Pacer;
use crate::request::{Arrival, read_job};
use crate::send_log::{RequestOutcome, RequestRecord, SendKind, SendLog, SendTag};
use crate::wire::Route;

pub(crate) use self::tape::Tape;
use self::tape::{Recording, Use};

/// What is played, and how.
#[derive(Debug, Clone)]
pub struct CassetteConfig {
    /// The recording.
    pub cassette: Arc<Cassette>,
    /// How fast.
    pub speed: Speed,
    /// What a request gets that was recorded more than once.
    pub repeats: Repeats,
}

/// How fast recorded answers are played.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Speed {
    /// So many times as fast as recorded; above 0.
    Times(f64),
    /// At once.
    Max,
}

impl Speed {
    /// Returns how long after the request what is recorded at `offset_ns` is due, in
    /// nanoseconds, to the nearest one.
    fn due_ns(self, offset_ns: DurationNs) -> u64 {
        match self {
            Self::Max => 0,
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a float-to-integer cast saturates, and neither number is negative"
            )]
            Self::Times(speed) => (offset_ns.0 as f64 / speed).round() as u64,
        }
    }
}

/// A text that is no speed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number above 0 (2 is twice as fast as recorded), or max")]
pub struct SpeedError;

impl FromStr for Speed {
    type Err = SpeedError;

    fn from_str(text: &str) -> Result<Self, SpeedError> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(speed) if speed.is_finite() && speed > 0.0 => Ok(Self::Times(speed)),
            Ok(_) | Err(_) => Err(SpeedError),
        }
    }
}

/// What a request gets that was recorded more than once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Repeats {
    /// The first recording, every time: all clients meet exactly the same server.
    #[default]
    First,
    /// The k-th time the k-th one, and after the last the first again.
    Cycle,
}

/// Why a file is not a cassette.
#[derive(Debug, thiserror::Error)]
pub enum ReadCassetteError {
    /// It could not be read.
    #[error("could not read the cassette {path}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// One of its lines is not what it must be.
    #[error("{path} is not a cassette", path = path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, and what is wrong with it.
        source: CassetteError,
    },
}

/// Reads the cassette in a file.
///
/// # Errors
///
/// [`ReadCassetteError`], with the line that is wrong.
pub fn read_cassette(path: &Path) -> Result<Cassette, ReadCassetteError> {
    let named = || path.to_path_buf();
    let bytes =
        std::fs::read(path).map_err(|source| ReadCassetteError::Read { path: named(), source })?;
    Cassette::parse(&bytes).map_err(|source| ReadCassetteError::Line { path: named(), source })
}

/// A request that has come.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: Method,
    /// Without the query.
    pub(crate) path: &'a str,
    /// With it.
    pub(crate) target: &'a str,
    pub(crate) body: Bytes,
    /// When the body had been read, on the monotonic clock.
    pub(crate) received_ns: u64,
}

/// Plays a tape to the clients of one listening port.
#[derive(Debug)]
pub(crate) struct Player {
    tape: Arc<Tape>,
    pacer: Pacer,
    pub(crate) log: Arc<SendLog>,
    /// How often each request was played, by the place of its first recording.
    n_played: Mutex<BTreeMap<usize, usize>>,
    /// The models that a server would hold now, by their place among the cards.
    loaded: Mutex<BTreeMap<usize, Option<u64>>>,
    n_inside: AtomicUsize,
}

/// One playing of a recording.
#[derive(Debug, Clone, Copy)]
struct Take {
    /// Its place on the tape.
    index: usize,
    ordinal: u64,
    received_ns: u64,
}

impl Take {
    /// When something is due, on the monotonic clock.
    fn at(&self, due_ns: u64) -> u64 {
        self.received_ns.saturating_add(due_ns)
    }
}

impl Player {
    pub(crate) fn new(tape: Arc<Tape>, pacer: Pacer) -> Arc<Self> {
        Arc::new(Self {
            tape,
            pacer,
            log: Arc::new(SendLog::default()),
            n_played: Mutex::new(BTreeMap::new()),
            loaded: Mutex::new(BTreeMap::new()),
            n_inside: AtomicUsize::new(0),
        })
    }

    pub(crate) fn version(&self) -> &str {
        &self.tape.version
    }

    /// The models of the recorded requests; at least one.
    pub(crate) fn cards(&self) -> &[ModelCard] {
        &self.tape.cards
    }

    /// The models of the requests since they were unloaded.
    pub(crate) fn loaded(&self) -> Vec<(ModelCard, Resident)> {
        let resident = |(card, num_ctx): (&usize, &Option<u64>)| {
            (self.tape.cards[*card].clone(), Resident { num_ctx: *num_ctx, expires_at: None })
        };
        lock(&self.loaded).iter().map(resident).collect()
    }

    pub(crate) fn requests_inside(&self) -> usize {
        self.n_inside.load(Ordering::Relaxed)
    }

    pub(crate) fn reset(&self) {
        self.log.clear();
        lock(&self.n_played).clear();
    }

    pub(crate) fn unload_all(&self) {
        lock(&self.loaded).clear();
    }

    /// Plays the recording of a request, if there is one: returns its head when that is
    /// due, with the request's ordinal.
    pub(crate) async fn play(
        self: &Arc<Self>,
        asked: &Asked<'_>,
        tags: &Arc<Tags>,
    ) -> Option<(Response<AnswerBody>, u64)> {
        let index = self.choose(asked)?;
        let ordinal = self.log.next_ordinal();
        let take = Take { index, ordinal, received_ns: asked.received_ns };
        let recording = &self.tape.recordings[index];
        if let Some(Use { card, num_ctx }) = recording.uses {
            lock(&self.loaded).insert(card, num_ctx);
        }
        let (sender, mut items) = mpsc::channel(16);
        tokio::spawn(Arc::clone(self).send(take, asked.path.to_owned(), sender));
        let head_ns = take.at(recording.head_due_ns);
        self.pacer.sleep_until(head_ns).await;
        let first = if recording.head_is_alone {
            tags.announce(tag(take, 0, SendKind::Head, 0, head_ns));
            None
        } else {
            items.recv().await
        };
        let tags = Arc::clone(tags);
        let body = if recording.pieces.is_empty() && recording.end == End::Complete {
            AnswerBody::whole(Bytes::new(), tags)
        } else {
            AnswerBody::stream(first, recording.length(), items, tags)
        };
        let mut answer = Response::new(body);
        *answer.status_mut() = recording.status;
        answer.headers_mut().clone_from(&recording.headers);
        Some((answer, ordinal))
    }

    /// Returns the place of the recording that answers a request.
    fn choose(&self, asked: &Asked<'_>) -> Option<usize> {
        let found = self.tape.cassette.find(asked.method.as_str(), asked.target, &asked.body);
        let first = *found.first()?;
        match self.tape.repeats {
            Repeats::First => Some(first),
            Repeats::Cycle => {
                let mut n_played = lock(&self.n_played);
                let n_before = n_played.entry(first).or_default();
                let chosen = found[*n_before % found.len()];
                *n_before += 1;
                Some(chosen)
            }
        }
    }

    /// Sends the pieces of a recording when they are due, and files the request.
    async fn send(self: Arc<Self>, take: Take, path: String, items: mpsc::Sender<Item>) {
        let _inside = Inside::enter(&self.n_inside);
        let recording = &self.tape.recordings[take.index];
        let mut record = RequestRecord::arrived(take.ordinal, Cow::Owned(path), take.received_ns);
        record.cassette_line = Some(Cassette::line(take.index));
        let all_sent = tokio::select! {
            biased;
            all_sent = self.send_pieces(take, recording, &items) => all_sent,
            () = items.closed() => false,
        };
        record.outcome = match (all_sent, recording.end) {
            (false, _) => RequestOutcome::Cancelled,
            (true, End::Complete) => RequestOutcome::Completed,
            (true, End::Cut) => RequestOutcome::Fault,
        };
        self.log.finished(record);
        if !all_sent || recording.length().is_some() {
            return;
        }
        tokio::select! {
            () = self.pacer.sleep_until(take.at(recording.end_due_ns)) => {}
            () = items.closed() => return,
        }
        if recording.end == End::Cut {
            // A client that has left sees no cut.
            drop(items.send(Item::Cut(Cut::Drop)).await);
        }
    }

    /// Returns whether the client stayed for all of them.
    async fn send_pieces(
        &self,
        take: Take,
        recording: &Recording,
        items: &mpsc::Sender<Item>,
    ) -> bool {
        for (index, piece) in (0..).zip(&recording.pieces) {
            let deadline_ns = take.at(piece.due_ns);
            self.pacer.sleep_until(deadline_ns).await;
            let tag = tag(take, index, SendKind::Recorded, piece.bytes.len(), deadline_ns);
            if items.send(Item::Write(piece.bytes.clone(), tag)).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Answers a request without a prompt that was not recorded: it loads or unloads a
    /// model. `None` for any other request.
    pub(crate) fn load(&self, asked: &Asked<'_>) -> Option<Bytes> {
        let route = Route::at(asked.path).filter(|_| asked.method == Method::POST)?;
        self.tape.cards.iter().enumerate().find_map(|(at, card)| {
            let arrival = Arrival {
                ordinal: 0,
                received_ns: asked.received_ns,
                default_num_ctx: 0,
                model: &card.name,
                thinks: true,
            };
            // What cannot be read, or means another model, is not such a request.
            let (job, shape) = read_job(route, &asked.body, arrival).ok()?;
            if !job.prompt.is_empty() {
                return None;
            }
            if job.keep_alive == Some(KeepAlive::For(Duration::ZERO)) {
                lock(&self.loaded).remove(&at);
                return Some(shape.load_answer(DoneReason::Unload));
            }
            let num_ctx = self.tape.num_ctx(job.options.given.get("num_ctx"));
            lock(&self.loaded).insert(at, num_ctx);
            Some(shape.load_answer(DoneReason::Load))
        })
    }

    /// Files a request that was not recorded, and says which recorded one is nearest.
    pub(crate) async fn unmatched(&self, asked: Asked<'_>) -> (ApiError, u64) {
        let ordinal = self.log.next_ordinal();
        let path = Cow::Owned(asked.path.to_owned());
        let mut record = RequestRecord::arrived(ordinal, path, asked.received_ns);
        record.outcome = RequestOutcome::Failed;
        self.log.finished(record);
        let (method, target) = (asked.method.to_string(), asked.target.to_owned());
        let tape = Arc::clone(&self.tape);
        // Every recorded body is looked at: pieces of other answers must not wait for that.
        let message = tokio::task::spawn_blocking(move || {
            unmatched::message(&tape.cassette, &method, &target, &asked.body)
        });
        let message = message.await.unwrap_or_else(|error| error.to_string());
        (ApiError::new(StatusCode::NOT_FOUND, message), ordinal)
    }
}

fn tag(take: Take, index: u32, kind: SendKind, n_bytes: usize, deadline_ns: u64) -> SendTag {
    SendTag {
        request: take.ordinal,
        index,
        kind,
        tokens: 0,
        bytes: u64::try_from(n_bytes).unwrap_or(u64::MAX),
        deadline_ns: Some(deadline_ns),
    }
}

/// Counts a request that is being answered for as long as it lives.
struct Inside<'a>(&'a AtomicUsize);

impl<'a> Inside<'a> {
    fn enter(counter: &'a AtomicUsize) -> Self {
        counter.fetch_add(1, Ordering::Relaxed);
        Self(counter)
    }
}

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speeds_are_read_and_divide_offsets() {
        assert_eq!("max".parse(), Ok(Speed::Max));
        assert_eq!("2.5".parse(), Ok(Speed::Times(2.5)));
        for wrong in ["0", "-1", "nan", "inf", "fast", ""] {
            assert_eq!(wrong.parse::<Speed>(), Err(SpeedError), "{wrong}");
        }
        let due = |speed: Speed| speed.due_ns(DurationNs(1_000_000_001));
        assert_eq!(due(Speed::Times(1.0)), 1_000_000_001);
        assert_eq!(due(Speed::Times(3.0)), 333_333_334);
        assert_eq!(due(Speed::Times(0.5)), 2_000_000_002);
        assert_eq!(due(Speed::Max), 0);
    }
}
