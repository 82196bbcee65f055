//! The steps of one simulated answer, decided before its first piece.
//!
//! Owns: what comes after what, how much service each step takes counted from
//! the start of the prompt, and where a fault strikes.
//!
//! Does not: know the time. How fast service is given is for the caller.

use hyper::StatusCode;

use super::config::Fault;
use super::words::{Draws, Words};
use crate::job::{ApiError, Cut, DoneReason, Failure};

/// What is decided about a request before its first piece, and how far it is.
#[derive(Debug, Clone)]
pub(super) struct Script {
    pub(super) prompt_tokens: u64,
    pub(super) cached_tokens: u64,
    pub(super) prompt_ns: u64,
    pub(super) token_ns: u64,
    pub(super) thinking_tokens: u64,
    /// Those planned; once a stop text ended the answer, those made.
    pub(super) output_tokens: u64,
    pub(super) reason: DoneReason,
    pub(super) words: Words,
    pub(super) jitter: Draws,
    pub(super) jitter_ns: u64,
    pub(super) tokens_per_chunk: u32,
    pub(super) final_delay_ns: u64,
    /// What goes wrong, and after how many chunks; absent once it has.
    pub(super) fault: Option<(Fault, u32)>,
    /// Texts that end the answer before them.
    pub(super) stops: Vec<String>,
    /// Added to the reported number of output tokens.
    pub(super) usage_skew: i64,
    pub(super) progress: Progress,
}

/// How far a script is.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    sent_tokens: u64,
    chunks: u32,
    said: String,
    stopped: bool,
    /// When the last piece was due; absent before the first one.
    last_ns: Option<u64>,
    /// Added to every later piece after a stall.
    shift_ns: u64,
    /// The piece that waits while a fault strikes before it.
    held: Option<Planned>,
    /// Whether any text will do.
    mute: bool,
}

/// A piece before stalls and the piece before it are looked at.
#[derive(Debug, Clone)]
struct Planned {
    due_ns: u64,
    text: String,
    thinking: bool,
    tokens: u32,
}

/// What an answer does next. `at_ns` is the service after which it does so.
#[derive(Debug)]
pub(super) enum Step {
    /// Text; without any, the time passes all the same.
    Piece { at_ns: u64, text: String, thinking: bool, tokens: u32 },
    /// A line that cannot be read.
    Malformed { at_ns: u64 },
    /// The answer ends here, and not well.
    Fail { at_ns: u64, failure: Failure },
    /// Nothing, for ever.
    Silence,
    /// The final record.
    End { at_ns: u64 },
}

impl Script {
    /// Whether a fault may come before anything is sent, the role included.
    pub(super) fn fails_first(&self) -> bool {
        matches!(self.fault, Some((_, 0)))
    }

    /// Tokens of the answer and of the thinking before it.
    pub(super) fn tokens(&self) -> u64 {
        self.thinking_tokens.saturating_add(self.output_tokens)
    }

    /// Service that the tokens take, without jitter and stalls.
    pub(super) fn output_ns(&self) -> u64 {
        self.tokens().saturating_mul(self.token_ns)
    }

    /// Service that the whole answer takes, until a fault cuts it or to the final
    /// record; absent if only the client can end it.
    pub(super) fn length_ns(&self) -> Option<u64> {
        let mut rehearsal = self.clone();
        rehearsal.progress.mute = rehearsal.stops.is_empty();
        loop {
            match rehearsal.next_step() {
                Step::Piece { .. } | Step::Malformed { .. } => {}
                Step::Fail { at_ns, .. } | Step::End { at_ns } => return Some(at_ns),
                Step::Silence => return None,
            }
        }
    }

    /// Returns what comes next; after a step that ends the answer, nothing may.
    pub(super) fn next_step(&mut self) -> Step {
        if let Some(planned) = self.progress.held.take().or_else(|| self.compose()) {
            if let Some(step) = self.strike(planned.due_ns) {
                self.progress.held = Some(planned);
                return step;
            }
            let Planned { due_ns, text, thinking, tokens } = planned;
            let due_ns = due_ns.saturating_add(self.progress.shift_ns);
            let at_ns = due_ns.max(self.last_ns());
            self.progress.last_ns = Some(at_ns);
            if !text.is_empty() {
                self.progress.chunks = self.progress.chunks.saturating_add(1);
            }
            return Step::Piece { at_ns, text, thinking, tokens };
        }
        // A fault planned for later than the last chunk strikes before the
        // final record.
        if let Some((_, after)) = &mut self.fault {
            *after = self.progress.chunks;
        }
        if let Some(step) = self.strike(self.last_ns()) {
            return step;
        }
        let moved = self.last_ns() > self.prompt_ns;
        let last_ns = self.last_ns().saturating_add(if moved { 0 } else { self.progress.shift_ns });
        Step::End { at_ns: last_ns.saturating_add(self.final_delay_ns) }
    }

    /// When the last piece was due, or the first one might be.
    fn last_ns(&self) -> u64 {
        self.progress.last_ns.unwrap_or(self.prompt_ns)
    }

    /// Makes the next piece, if there is one.
    fn compose(&mut self) -> Option<Planned> {
        let sent = self.progress.sent_tokens;
        if self.progress.stopped || sent >= self.tokens() {
            return None;
        }
        let thinking = sent < self.thinking_tokens;
        let phase_end = if thinking { self.thinking_tokens } else { self.tokens() };
        let tokens = u64::from(self.tokens_per_chunk).min(phase_end - sent);
        let mut text = self.text(thinking, sent, tokens);
        let sent = sent + tokens;
        self.progress.sent_tokens = sent;
        let due_ns = self
            .prompt_ns
            .saturating_add(sent.saturating_mul(self.token_ns))
            .saturating_add(self.jitter.up_to(self.jitter_ns));
        if !thinking && self.stop(&mut text) {
            self.progress.stopped = true;
            self.output_tokens = sent.saturating_sub(self.thinking_tokens);
            self.reason = DoneReason::Stop;
        }
        let tokens = u32::try_from(tokens).unwrap_or(u32::MAX);
        Some(Planned { due_ns, text, thinking, tokens })
    }

    /// Returns the next `tokens` tokens after the first `sent`.
    fn text(&mut self, thinking: bool, sent: u64, tokens: u64) -> String {
        if self.progress.mute {
            return "x".to_owned();
        }
        let mut text = String::new();
        for index in 0..tokens {
            if thinking {
                text.push_str(if sent + index == 0 { "Hmm" } else { " hmm" });
            } else {
                text.push_str(&self.words.next_token());
            }
        }
        text
    }

    /// Cuts `text` where a stop text begins, if one is complete with it.
    ///
    /// What was sent before stays sent: a stop text that began in an earlier
    /// chunk leaves its beginning with the client.
    fn stop(&mut self, text: &mut String) -> bool {
        if self.stops.is_empty() {
            return false;
        }
        let said = &mut self.progress.said;
        let before = said.len();
        said.push_str(text);
        let longest = self.stops.iter().map(String::len).max().unwrap_or(0);
        let start = said.floor_char_boundary(before.saturating_sub(longest));
        let found = |stop: &String| said[start..].find(stop.as_str()).map(|at| start + at);
        let first = self.stops.iter().filter_map(found).min();
        if let Some(position) = first {
            text.truncate(position.saturating_sub(before));
        }
        first.is_some()
    }

    /// Lets the fault happen if its place has come; returns what is seen of it.
    fn strike(&mut self, at_ns: u64) -> Option<Step> {
        let due = |(_, after): &mut (Fault, u32)| *after <= self.progress.chunks;
        let (fault, _) = self.fault.take_if(due)?;
        let failure = match fault {
            Fault::WrongUsage { delta } => {
                self.usage_skew = delta;
                return None;
            }
            Fault::Stall { for_ns: Some(for_ns) } => {
                self.progress.shift_ns = self.progress.shift_ns.saturating_add(for_ns);
                return None;
            }
            Fault::Stall { for_ns: None } => return Some(Step::Silence),
            Fault::Malformed => return Some(Step::Malformed { at_ns }),
            Fault::Drop => Failure::Cut(Cut::Drop),
            Fault::Reset => Failure::Cut(Cut::Reset),
            Fault::Truncate => Failure::Cut(Cut::CleanEnd),
            Fault::Error { message } => ApiError::internal(message).into(),
            Fault::HttpStatus { status, message } => {
                let status =
                    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
                ApiError::new(status, message).into()
            }
        };
        Some(Step::Fail { at_ns, failure })
    }
}
