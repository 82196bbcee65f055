//! One call, reduced to the numbers that reports need.
//!
//! Owns: [`CallFacts`], and what makes an answer degenerate.
//!
//! Does not: define a metric; each comes from `tachograph_model::call`.

use std::collections::BTreeMap;
use std::sync::Arc;

use tachograph_model::call::{CallRecord, OutputTokens};
use tachograph_model::digest::Digest;
use tachograph_model::event::{CallReported, CallStatus, Stage};
use tachograph_model::plan::Metric;
use tachograph_model::units::{DurationNs, InstantNs};

use super::packed::Packed;

/// One call of a run.
///
/// A large study has a million: what may be absent is packed, and read by a method.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "three independent observations, not states")]
pub struct CallFacts {
    /// Its number within its agent.
    pub call: u32,
    /// The stage that made it.
    pub stage: Stage,
    /// The plan's name of the server.
    pub server: Arc<str>,
    /// How it ended.
    pub status: CallStatus,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// The status of the HTTP answer.
    pub http_status: Option<u16>,
    /// Whether it is cold: the server said that it loaded the model for longer
    /// than the plan's threshold, or it was the first after a reset.
    pub cold: bool,
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
    /// The request without its nonce, in canonical form; kept only where
    /// implementations are held against each other.
    pub request: Option<Box<str>>,
    /// The text of its answer; kept as the request is.
    pub answer: Option<Box<str>>,
    /// Further numbers that another program stated of it, in an imported study.
    pub stated: Option<Box<BTreeMap<String, f64>>>,
    /// Gaps between content chunks.
    pub gaps: Gaps,
    /// The line of its `call_finished` in the run's events, from 1.
    pub line: u64,
    planned: Packed,
    sent: Packed,
    end: Packed,
    ttft_ms: Packed,
    e2e_ms: Packed,
    tpot_ms: Packed,
    connect_ms: Packed,
    decode_ms: Packed,
    client_decode_rate: Packed,
    server_decode_rate: Packed,
    server_prompt_rate: Packed,
    load_ms: Packed,
    prompt_eval_ms: Packed,
    prompt_tokens: Packed,
    cached_prompt_tokens: Packed,
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

/// Inter-token gaps in nanoseconds, in four bytes each where all fit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gaps(Width);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Width {
    Short(Box<[u32]>),
    Long(Box<[u64]>),
}

impl Gaps {
    /// Returns how many gaps there are.
    pub fn n(&self) -> usize {
        match &self.0 {
            Width::Short(gaps) => gaps.len(),
            Width::Long(gaps) => gaps.len(),
        }
    }

    /// Returns the gaps in milliseconds, in no particular order.
    pub fn millis(&self) -> impl Iterator<Item = f64> {
        let (short, long): (&[u32], &[u64]) = match &self.0 {
            Width::Short(gaps) => (gaps, &[]),
            Width::Long(gaps) => (&[], gaps),
        };
        let short = short.iter().map(|&gap| u64::from(gap));
        short.chain(long.iter().copied()).map(|gap| DurationNs(gap).as_millis())
    }
}

impl FromIterator<DurationNs> for Gaps {
    fn from_iter<I: IntoIterator<Item = DurationNs>>(gaps: I) -> Self {
        let gaps: Vec<u64> = gaps.into_iter().map(|gap| gap.0).collect();
        let short: Result<Box<[u32]>, _> = gaps.iter().map(|&gap| u32::try_from(gap)).collect();
        Self(short.map_or_else(|_too_long| Width::Long(gaps.into()), Width::Short))
    }
}

impl CallFacts {
    /// Distils a call that ended on `line` of the run's events; `server` is the name
    /// of its server.
    pub(super) fn of(call: &CallRecord, server: Arc<str>, cold: bool, line: u64) -> Self {
        let millis =
            |duration: Option<DurationNs>| Packed::number(duration.map(DurationNs::as_millis));
        let tokens = call.output_tokens();
        let (finished, usage) = (&call.finished, &call.finished.usage);
        Self {
            call: call.sent.call,
            stage: call.sent.stage,
            server,
            status: finished.status,
            error: finished.error.clone(),
            http_status: finished.http_status,
            cold,
            output_tokens: tokens.count(),
            output_tokens_by_server: matches!(tokens, OutputTokens::Server(_)),
            n_content_chunks: call.content_chunks().count(),
            n_coalesced: call.n_coalesced(),
            usage_is_contradicted: call.usage_is_contradicted(),
            degeneracy: degeneracy(call),
            output_sha256: finished.output_sha256,
            parity_sha256: call.sent.parity_sha256,
            request: None,
            answer: None,
            stated: None,
            gaps: call.inter_token_latencies().collect(),
            line,
            planned: Packed::instant(Some(call.sent.planned_ns)),
            sent: Packed::instant(call.sent.sent_ns),
            end: Packed::instant(Some(finished.end_ns)),
            ttft_ms: millis(call.ttft()),
            e2e_ms: millis(call.e2e()),
            tpot_ms: Packed::number(call.tpot_ns().map(|nanos| nanos / 1e6)),
            connect_ms: millis(call.connect_time()),
            decode_ms: millis(call.decode_time()),
            client_decode_rate: Packed::number(call.client_decode_rate()),
            server_decode_rate: Packed::number(call.server_decode_rate()),
            server_prompt_rate: Packed::number(call.server_prompt_rate()),
            load_ms: millis(finished.server.load_ns),
            prompt_eval_ms: millis(finished.server.prompt_eval_ns),
            prompt_tokens: Packed::count(usage.prompt_tokens),
            cached_prompt_tokens: Packed::count(usage.cached_prompt_tokens),
        }
    }

    /// Distils a call that another program reported on `line` of the run's events. Its
    /// instants are unknown, and so is whatever its source does not state.
    pub(super) fn reported(call: CallReported, server: Arc<str>, cold: bool, line: u64) -> Self {
        let millis =
            |duration: Option<DurationNs>| Packed::number(duration.map(DurationNs::as_millis));
        let (usage, timings) = (&call.usage, &call.server_timings);
        let tokens = usage.output_tokens;
        let per_second = |tokens: Option<u64>, took: Option<DurationNs>| {
            let (tokens, took) = (tokens? as f64, took?.as_seconds());
            (tokens > 0.0 && took > 0.0).then(|| tokens / took)
        };
        let uncached = usage
            .prompt_tokens
            .and_then(|all| all.checked_sub(usage.cached_prompt_tokens.unwrap_or(0)));
        let tpot_ms = call.decode_ns.zip(tokens).and_then(|(decode, tokens)| {
            (tokens > 1 && decode.0 > 0).then(|| decode.as_millis() / (tokens - 1) as f64)
        });
        let is_completed = call.status == CallStatus::Completed;
        let limited = call.finish_reason.as_deref() == Some("length");
        let degeneracy = match (is_completed, tokens, call.answer.as_deref()) {
            (false, ..) => None,
            (_, _, Some("")) => Some(Degeneracy::Empty),
            (_, Some(1), _) => Some(Degeneracy::OneToken),
            (_, _, Some(text)) if ends_in_a_loop(text) => Some(Degeneracy::RepetitionLoop),
            _ => limited.then_some(Degeneracy::TokenLimit),
        };
        let digest = |text: Option<&str>| Digest::of(text.unwrap_or_default().as_bytes());
        Self {
            call: call.call,
            stage: call.stage,
            server,
            status: call.status,
            http_status: call.http_status,
            cold,
            output_tokens: tokens.unwrap_or_default(),
            output_tokens_by_server: tokens.is_some(),
            n_content_chunks: call.gaps_ns.len() + usize::from(!call.gaps_ns.is_empty()),
            n_coalesced: 0,
            usage_is_contradicted: false,
            degeneracy,
            output_sha256: digest(call.answer.as_deref()),
            parity_sha256: digest(call.request.as_deref()),
            request: None,
            answer: None,
            line,
            planned: Packed::instant(None),
            sent: Packed::instant(None),
            end: Packed::instant(None),
            ttft_ms: millis(call.ttft_ns),
            e2e_ms: millis(call.e2e_ns),
            tpot_ms: Packed::number(tpot_ms),
            connect_ms: Packed::number(None),
            decode_ms: millis(call.decode_ns),
            client_decode_rate: Packed::number(tpot_ms.map(|tpot| 1e3 / tpot)),
            server_decode_rate: Packed::number(per_second(tokens, timings.eval_ns)),
            server_prompt_rate: Packed::number(per_second(uncached, timings.prompt_eval_ns)),
            load_ms: millis(timings.load_ns),
            prompt_eval_ms: millis(timings.prompt_eval_ns),
            prompt_tokens: Packed::count(usage.prompt_tokens),
            cached_prompt_tokens: Packed::count(usage.cached_prompt_tokens),
            error: call.error,
            stated: (!call.stated.is_empty()).then(|| Box::new(call.stated)),
            gaps: call.gaps_ns.into_iter().collect(),
        }
    }

    /// Returns when it ended; unknown of a call that another program reported.
    pub fn end(&self) -> Option<InstantNs> {
        self.end.as_instant()
    }

    /// Returns when it was meant to start; of a call that the tap saw, when its first
    /// byte had come from the client.
    pub fn planned(&self) -> Option<InstantNs> {
        self.planned.as_instant()
    }

    /// Returns when its first token had come.
    pub fn first_token(&self) -> Option<InstantNs> {
        Some(self.sent()?.after(span(self.ttft_ms()?)))
    }

    /// Returns when its last token had come.
    pub fn last_token(&self) -> Option<InstantNs> {
        Some(self.first_token()?.after(span(self.decode_ms()?)))
    }

    /// Returns when its first byte was written.
    pub fn sent(&self) -> Option<InstantNs> {
        self.sent.as_instant()
    }

    /// Returns the time to first token, in milliseconds.
    pub fn ttft_ms(&self) -> Option<f64> {
        self.ttft_ms.as_number()
    }

    /// Returns the end-to-end latency, in milliseconds.
    pub fn e2e_ms(&self) -> Option<f64> {
        self.e2e_ms.as_number()
    }

    /// Returns the time per output token, in milliseconds.
    pub fn tpot_ms(&self) -> Option<f64> {
        self.tpot_ms.as_number()
    }

    /// Returns the connection set-up, in milliseconds; `None` on a reused connection.
    pub fn connect_ms(&self) -> Option<f64> {
        self.connect_ms.as_number()
    }

    /// Returns the time from the first to the last content chunk, in milliseconds.
    pub fn decode_ms(&self) -> Option<f64> {
        self.decode_ms.as_number()
    }

    /// Returns tokens per second as the client saw them.
    pub fn client_decode_rate(&self) -> Option<f64> {
        self.client_decode_rate.as_number()
    }

    /// Returns tokens per second as the server reports them.
    pub fn server_decode_rate(&self) -> Option<f64> {
        self.server_decode_rate.as_number()
    }

    /// Returns uncached prompt tokens per second as the server reports them.
    pub fn server_prompt_rate(&self) -> Option<f64> {
        self.server_prompt_rate.as_number()
    }

    /// Returns what the server reports for loading the model, in milliseconds.
    pub fn load_ms(&self) -> Option<f64> {
        self.load_ms.as_number()
    }

    /// Returns what the server reports for the prompt, in milliseconds.
    pub fn prompt_eval_ms(&self) -> Option<f64> {
        self.prompt_eval_ms.as_number()
    }

    /// Returns how long the call waited before its prompt was looked at, in
    /// milliseconds: TTFT less what the server reports for load and prompt. The first
    /// token and the way over the network are in it, so that only its difference from
    /// the same call alone is a wait. `None` where the server reports no durations.
    pub fn wait_ms(&self) -> Option<f64> {
        Some((self.ttft_ms()? - self.load_ms()? - self.prompt_eval_ms()?).max(0.0))
    }

    /// Returns the prompt tokens, cached ones included.
    pub fn prompt_tokens(&self) -> Option<u64> {
        self.prompt_tokens.as_count()
    }

    /// Returns the prompt tokens from the server's cache.
    pub fn cached_prompt_tokens(&self) -> Option<u64> {
        self.cached_prompt_tokens.as_count()
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
            Metric::E2e => self.e2e_ms(),
            Metric::TtftWarm => self.ttft_ms().filter(|_| !self.cold),
            Metric::TtftCold => self.ttft_ms().filter(|_| self.cold),
            Metric::Tpot => self.tpot_ms(),
            Metric::ClientDecodeRate => self.client_decode_rate(),
            Metric::ServerDecodeRate => self.server_decode_rate(),
        }
    }

    /// Returns whether the call may enter speed statistics.
    pub fn is_completed(&self) -> bool {
        self.status == CallStatus::Completed
    }
}

/// Returns milliseconds as the span that they were made of.
fn span(millis: f64) -> DurationNs {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "was a span")]
    DurationNs((millis * 1e6).round() as u64)
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
