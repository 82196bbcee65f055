//! What the progress line says of a run: last figures, nothing more.
//!
//! Owns: a running count over the events of one run.
//!
//! Does not: enter any report; reports are computed from the sealed events.

use tachograph_model::event::{CallStatus, Event, Recorded, Stage};
use tachograph_model::units::InstantNs;

use crate::terminal::duration;

/// Counts over the events of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    began: Option<InstantNs>,
    ended: Option<InstantNs>,
    warmup: Option<u32>,
    output_tokens: u64,
    n_completed: u32,
    n_failed: u32,
}

impl Tally {
    /// Counts one event.
    pub(crate) fn add(&mut self, recorded: &Recorded) {
        match &recorded.event {
            Event::Ready(ready) => {
                self.began.get_or_insert(ready.at_ns);
            }
            Event::CallSent(sent) => {
                self.warmup = (sent.stage == Stage::Warmup).then_some(sent.call);
            }
            Event::CallFinished(finished) if self.warmup == Some(finished.call) => {}
            Event::CallFinished(finished) if finished.status == CallStatus::Completed => {
                self.n_completed += 1;
                self.output_tokens += finished.usage.output_tokens.unwrap_or(0);
            }
            Event::CallFinished(_) => self.n_failed += 1,
            Event::Done(done) => self.ended = Some(done.at_ns),
            _ => {}
        }
    }

    /// Returns the figures: `8.2 s, 2 calls, 192 tokens`.
    pub(crate) fn line(&self) -> String {
        let wall = match (self.began, self.ended) {
            (Some(began), Some(ended)) => ended.since(began),
            _ => None,
        };
        let wall = wall.map_or("no end".to_owned(), |wall| duration(wall.as_seconds()));
        let failed = match self.n_failed {
            0 => String::new(),
            n => format!(", {n} FAILED"),
        };
        format!("{wall}, {} calls, {} tokens{failed}", self.n_completed, self.output_tokens)
    }
}
