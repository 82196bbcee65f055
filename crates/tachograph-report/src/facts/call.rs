//! One call, reduced to the numbers that reports need.
//!
//! Owns: [`CallFacts`], and what makes an answer degenerate.
//!
//! Does not: define a metric; each comes from `tachograph_model::call`.

use tachograph_model::call::{CallRecord, OutputTokens};
use tachograph_model::digest::Digest;
use tachograph_model::event::{CallStatus, Stage};
use tachograph_model::plan::Metric;
use tachograph_model::units::{DurationNs, InstantNs};

/// One call of a run.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "three independent observations, not states")]
pub struct CallFacts {
    /// Its number within its agent.
    pub call: u32,
    /// The stage that made it.
    pub stage: Stage,
    /// The plan's name of the server.
    pub server: String,
    /// How it ended.
    pub status: CallStatus,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// The status of the HTTP answer.
    pub http_status: Option<u16>,
    /// Whether it is cold: the server said that it loaded the model for longer
    /// than the plan's threshold, or it was the first after a reset.
    pub cold: bool,
    /// When its first byte was written.
    pub sent: Option<InstantNs>,
    /// When it ended.
    pub end: InstantNs,
    /// Time to first token, in milliseconds.
    pub ttft_ms: Option<f64>,
    /// End-to-end latency, in milliseconds.
    pub e2e_ms: Option<f64>,
    /// Time per output token, in milliseconds.
    pub tpot_ms: Option<f64>,
    /// Connection set-up, in milliseconds; absent on a reused connection.
    pub connect_ms: Option<f64>,
    /// From the first to the last content chunk, in milliseconds.
    pub decode_ms: Option<f64>,
    /// Tokens per second as the client saw them.
    pub client_decode_rate: Option<f64>,
    /// Tokens per second as the server reports them.
    pub server_decode_rate: Option<f64>,
    /// Uncached prompt tokens per second as the server reports them.
    pub server_prompt_rate: Option<f64>,
    /// What the server reports for loading the model, in milliseconds.
    pub load_ms: Option<f64>,
    /// What the server reports for the prompt, in milliseconds.
    pub prompt_eval_ms: Option<f64>,
    /// Prompt tokens, cached ones included.
    pub prompt_tokens: Option<u64>,
    /// Prompt tokens from the server's cache.
    pub cached_prompt_tokens: Option<u64>,
    /// Output tokens: the server's count, else the content chunks.
    pub output_tokens: u64,
    /// Whether `output_tokens` is the server's count.
    pub output_tokens_by_server: bool,
    /// Content chunks.
    pub n_content_chunks: usize,
    /// Content chunks that share a read with the one before.
    pub n_coalesced: usize,
    /// Whether usage and chunks cannot both be right.
    pub usage_is_contradicted: bool,
    /// What is wrong with the answer, if anything.
    pub degeneracy: Option<Degeneracy>,
    /// The digest of the answer's text.
    pub output_sha256: Digest,
    /// The digest of the request without its nonce.
    pub parity_sha256: Digest,
    /// Gaps between content chunks.
    pub gaps: Gaps,
    /// The line of its `call_finished` in the run's events, from 1.
    pub line: u64,
}

/// What is wrong with a completed answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Degeneracy {
    /// No text at all.
    Empty,
    /// One token only.
    OneToken,
    /// The end of the text repeats itself.
    RepetitionLoop,
    /// The server stopped at the token limit.
    TokenLimit,
}

impl Degeneracy {
    /// Every kind, in the order in which reports list them.
    pub const ALL: [Self; 4] =
        [Self::Empty, Self::OneToken, Self::RepetitionLoop, Self::TokenLimit];

    /// Returns the name used in prose and tables.
    pub fn title(self) -> &'static str {
        match self {
            Self::Empty => "empty answer",
            Self::OneToken => "single token",
            Self::RepetitionLoop => "repetition loop",
            Self::TokenLimit => "token limit reached",
        }
    }
}

/// Inter-token gaps in nanoseconds, in four bytes each where they fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Gaps {
    short: Vec<u32>,
    long: Vec<u64>,
}

impl Gaps {
    /// Returns how many gaps there are.
    pub fn n(&self) -> usize {
        self.short.len() + self.long.len()
    }

    /// Returns the gaps in milliseconds, in no particular order.
    pub fn millis(&self) -> impl Iterator<Item = f64> {
        let short = self.short.iter().map(|&gap| u64::from(gap));
        short.chain(self.long.iter().copied()).map(|gap| DurationNs(gap).as_millis())
    }
}

impl FromIterator<DurationNs> for Gaps {
    fn from_iter<I: IntoIterator<Item = DurationNs>>(gaps: I) -> Self {
        let mut kept = Self::default();
        for gap in gaps {
            match u32::try_from(gap.0) {
                Ok(short) => kept.short.push(short),
                Err(_) => kept.long.push(gap.0),
            }
        }
        kept.short.shrink_to_fit();
        kept
    }
}

impl CallFacts {
    /// Distils a call that ended on `line` of the run's events.
    pub(super) fn of(call: &CallRecord, cold: bool, line: u64) -> Self {
        let millis = |duration: Option<DurationNs>| duration.map(DurationNs::as_millis);
        let tokens = call.output_tokens();
        let (finished, usage) = (&call.finished, &call.finished.usage);
        Self {
            call: call.sent.call,
            stage: call.sent.stage,
            server: call.sent.server.clone(),
            status: finished.status,
            error: finished.error.clone(),
            http_status: finished.http_status,
            cold,
            sent: call.sent.sent_ns,
            end: finished.end_ns,
            ttft_ms: millis(call.ttft()),
            e2e_ms: millis(call.e2e()),
            tpot_ms: call.tpot_ns().map(|nanos| nanos / 1e6),
            connect_ms: millis(call.connect_time()),
            decode_ms: millis(call.decode_time()),
            client_decode_rate: call.client_decode_rate(),
            server_decode_rate: call.server_decode_rate(),
            server_prompt_rate: call.server_prompt_rate(),
            load_ms: millis(finished.server.load_ns),
            prompt_eval_ms: millis(finished.server.prompt_eval_ns),
            prompt_tokens: usage.prompt_tokens,
            cached_prompt_tokens: usage.cached_prompt_tokens,
            output_tokens: tokens.count(),
            output_tokens_by_server: matches!(tokens, OutputTokens::Server(_)),
            n_content_chunks: call.content_chunks().count(),
            n_coalesced: call.n_coalesced(),
            usage_is_contradicted: call.usage_is_contradicted(),
            degeneracy: degeneracy(call),
            output_sha256: finished.output_sha256,
            parity_sha256: call.sent.parity_sha256,
            gaps: call.inter_token_latencies().collect(),
            line,
        }
    }

    /// Returns whether the call is a warm-up, outside every statistic.
    pub fn is_warmup(&self) -> bool {
        self.stage == Stage::Warmup
    }

    /// Returns the call's value of `metric`, in the metric's unit.
    ///
    /// `None` if it lacks the quantity, and for the metrics of whole runs.
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        match metric {
            Metric::OutputThroughput | Metric::RunWall => None,
            Metric::E2e => self.e2e_ms,
            Metric::TtftWarm => self.ttft_ms.filter(|_| !self.cold),
            Metric::TtftCold => self.ttft_ms.filter(|_| self.cold),
            Metric::Tpot => self.tpot_ms,
            Metric::ClientDecodeRate => self.client_decode_rate,
            Metric::ServerDecodeRate => self.server_decode_rate,
        }
    }

    /// Returns whether the call may enter speed statistics.
    pub fn is_completed(&self) -> bool {
        self.status == CallStatus::Completed
    }
}

/// Returns what is wrong with a completed answer, the gravest first.
fn degeneracy(call: &CallRecord) -> Option<Degeneracy> {
    if !call.is_completed() {
        return None;
    }
    if call.content_chunks().next().is_none() {
        return Some(Degeneracy::Empty);
    }
    if call.output_tokens().count() == 1 {
        return Some(Degeneracy::OneToken);
    }
    if ends_in_a_loop(&call.text()) {
        return Some(Degeneracy::RepetitionLoop);
    }
    (call.finished.finish_reason.as_deref() == Some("length")).then_some(Degeneracy::TokenLimit)
}

/// Returns whether the last words of `text` are one phrase three times or more:
/// a phrase of at most twenty words that fills at least the last 24 words.
fn ends_in_a_loop(text: &str) -> bool {
    const WORDS_MIN: usize = 24;
    const PHRASE_MAX: usize = 20;
    let words: Vec<&str> = text.split_whitespace().collect();
    (1..=PHRASE_MAX).any(|period| {
        let span = WORDS_MIN.max(3 * period);
        words.len() >= span && {
            let tail = &words[words.len() - span..];
            tail.iter().zip(&tail[period..]).all(|(word, later)| word == later)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phrase_in_a_loop_is_seen_and_prose_is_not() {
        let phrase = "the results show that the results are good ";
        assert!(ends_in_a_loop(&format!("In short, {}", phrase.repeat(5))));
        assert!(ends_in_a_loop(&"no ".repeat(24)));
        assert!(!ends_in_a_loop(&"no ".repeat(23)));
        let prose = (0..200).map(|n| format!("word{n}")).collect::<Vec<_>>().join(" ");
        assert!(!ends_in_a_loop(&prose));
        assert!(!ends_in_a_loop(""));
    }

    #[test]
    fn gaps_beyond_four_seconds_keep_their_value() {
        let gaps: Gaps = [5, 5_000_000_000].map(DurationNs).into_iter().collect();
        assert_eq!(gaps.n(), 2);
        assert_eq!(gaps.millis().collect::<Vec<_>>(), [5e-6, 5_000.0]);
    }
}
