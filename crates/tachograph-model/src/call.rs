//! One call, and the one definition of each metric of a call.
//!
//! Owns: how a call is put together from its events ([`assemble`]) and every
//! per-call formula. Reports, benchmarks and `verify` all use these methods.
//!
//! Does not: average anything, or hide a failed call.
//!
//! # Source
//!
//! `docs/metrics.md`, section "Per call".

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::event::{CallFinished, CallSent, CallStatus, Chunk, Event};
use crate::units::{DurationNs, InstantNs};

/// The version of the definitions of all metrics, of calls and of runs.
///
/// Raise it with any change that gives another value for the same events: stored
/// values of an older version must not be compared with newer ones.
pub const METRIC_DEFINITIONS: u32 = 1;

/// A call: what was sent, what arrived, how it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct CallRecord {
    /// The request.
    pub sent: CallSent,
    /// The pieces of the answer, in order of arrival.
    pub chunks: Vec<Chunk>,
    /// The end.
    pub finished: CallFinished,
}

/// How many output tokens a call has, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputTokens {
    /// The server's usage.
    Server(u64),
    /// No usage came; the number of content chunks, which need not be tokens.
    Chunks(u64),
}

impl OutputTokens {
    /// Returns the number, whoever says so.
    pub fn count(self) -> u64 {
        match self {
            Self::Server(count) | Self::Chunks(count) => count,
        }
    }
}

impl Chunk {
    /// Returns the best known instant of arrival: the kernel's, else the user's.
    pub fn stamp(&self) -> InstantNs {
        self.kernel_ns.unwrap_or(self.at_ns)
    }

    /// Returns how long the data waited for the client, if the kernel stamped it.
    pub fn scheduling_delay(&self) -> Option<DurationNs> {
        self.at_ns.since(self.kernel_ns?)
    }
}

impl CallRecord {
    /// Returns whether the call may enter speed statistics.
    pub fn is_completed(&self) -> bool {
        self.finished.status == CallStatus::Completed
    }

    /// Returns the chunks that bring output.
    pub fn content_chunks(&self) -> impl DoubleEndedIterator<Item = &Chunk> {
        self.chunks.iter().filter(|chunk| chunk.kind.is_content())
    }

    /// Returns TTFT: `t_t1 - t_send`, first content-bearing chunk since the send.
    pub fn ttft(&self) -> Option<DurationNs> {
        self.content_chunks().next()?.stamp().since(self.sent.sent_ns?)
    }

    /// Returns TTFC: `t_c1 - t_send`, first chunk of any kind since the send.
    pub fn ttfc(&self) -> Option<DurationNs> {
        self.chunks.first()?.stamp().since(self.sent.sent_ns?)
    }

    /// Returns end-to-end latency: `t_end - t_send`.
    pub fn e2e(&self) -> Option<DurationNs> {
        self.finished.end_ns.since(self.sent.sent_ns?)
    }

    /// Returns response time: `t_end - t_plan`, which a late start cannot hide.
    pub fn response_time(&self) -> Option<DurationNs> {
        self.finished.end_ns.since(self.sent.planned_ns)
    }

    /// Returns the time that connecting took; `None` on a reused connection.
    pub fn connect_time(&self) -> Option<DurationNs> {
        self.sent.connected_ns?.since(self.sent.connect_ns?)
    }

    /// Returns `t_last - t_t1`, the time during which output arrived.
    pub fn decode_time(&self) -> Option<DurationNs> {
        let first = self.content_chunks().next()?;
        self.content_chunks().next_back()?.stamp().since(first.stamp())
    }

    /// Returns ITL: the gaps between consecutive content chunks.
    ///
    /// Chunks that one read returned share a stamp, and the gap between them is
    /// unknown; it is left out, not counted as zero. [`Self::n_coalesced`]
    /// says how many were.
    pub fn inter_token_latencies(&self) -> impl Iterator<Item = DurationNs> {
        let content: Vec<&Chunk> = self.content_chunks().collect();
        let gaps: Vec<DurationNs> = content
            .windows(2)
            .filter(|pair| pair[0].read != pair[1].read)
            .filter_map(|pair| pair[1].stamp().since(pair[0].stamp()))
            .collect();
        gaps.into_iter()
    }

    /// Returns how many content chunks came in the same read as the one before.
    pub fn n_coalesced(&self) -> usize {
        let content: Vec<&Chunk> = self.content_chunks().collect();
        content.windows(2).filter(|pair| pair[0].read == pair[1].read).count()
    }

    /// Returns the number of output tokens: the server's count, else the chunks.
    pub fn output_tokens(&self) -> OutputTokens {
        match self.finished.usage.output_tokens {
            Some(count) => OutputTokens::Server(count),
            None => OutputTokens::Chunks(self.content_chunks().count() as u64),
        }
    }

    /// Returns TPOT in nanoseconds: `(t_last - t_t1) / (n_out - 1)`, for
    /// `n_out > 1` and a decode time that is not zero.
    pub fn tpot_ns(&self) -> Option<f64> {
        let n_out = self.output_tokens().count();
        let decode = self.decode_time()?;
        (n_out > 1 && decode.0 > 0).then(|| decode.0 as f64 / (n_out - 1) as f64)
    }

    /// Returns the client decode rate in tokens per second: `1 / TPOT`.
    pub fn client_decode_rate(&self) -> Option<f64> {
        self.tpot_ns().map(|tpot_ns| 1e9 / tpot_ns)
    }

    /// Returns the server decode rate in tokens per second:
    /// `eval_count / eval_duration`. A property of the server.
    pub fn server_decode_rate(&self) -> Option<f64> {
        let tokens = self.finished.usage.output_tokens?;
        let eval = self.finished.server.eval_ns?;
        (tokens > 0 && eval.0 > 0).then(|| tokens as f64 / eval.as_seconds())
    }

    /// Returns the server's prompt rate in tokens per second, over the prompt
    /// tokens that were really evaluated (cached ones left out).
    pub fn server_prompt_rate(&self) -> Option<f64> {
        let usage = &self.finished.usage;
        let tokens = usage.prompt_tokens?.checked_sub(usage.cached_prompt_tokens.unwrap_or(0))?;
        let eval = self.finished.server.prompt_eval_ns?;
        (tokens > 0 && eval.0 > 0).then(|| tokens as f64 / eval.as_seconds())
    }

    /// Returns client overhead in nanoseconds, which may be negative:
    /// `E2E - (load + prompt_eval + eval)`, for servers that report durations.
    pub fn client_overhead_ns(&self) -> Option<i128> {
        let server = &self.finished.server;
        let busy = server.load_ns?.0 + server.prompt_eval_ns?.0 + server.eval_ns?.0;
        Some(self.e2e()? - DurationNs(busy))
    }

    /// Returns the time that the server did not account for:
    /// `total - load - prompt_eval - eval`, its queue and its own bookkeeping.
    pub fn queue_wait(&self) -> Option<DurationNs> {
        let server = &self.finished.server;
        let busy = server.load_ns?.0 + server.prompt_eval_ns?.0 + server.eval_ns?.0;
        Some(DurationNs(server.total_ns?.0.saturating_sub(busy)))
    }

    /// Returns the answer's text, reasoning excluded.
    pub fn text(&self) -> String {
        self.chunks
            .iter()
            .filter(|chunk| chunk.kind == crate::event::ChunkKind::Content)
            .filter_map(|chunk| chunk.text.as_deref())
            .collect()
    }

    /// Returns the limit of output tokens that the request set, if it set one.
    pub fn token_limit(&self) -> Option<u64> {
        // Requests are long, and there may be a million: only the limits are kept.
        if self.sent.request.starts_with('{')
            && let Ok(limits) = serde_json::from_str::<Limits>(&self.sent.request)
        {
            let predict = limits.options.as_ref().and_then(|options| options.get("num_predict"));
            let places =
                [predict, limits.max_tokens.as_ref(), limits.max_completion_tokens.as_ref()];
            return places.into_iter().flatten().find_map(serde_json::Value::as_u64);
        }
        let request: serde_json::Value = serde_json::from_str(&self.sent.request).ok()?;
        ["/options/num_predict", "/max_tokens", "/max_completion_tokens"]
            .iter()
            .find_map(|place| request.pointer(place)?.as_u64())
    }

    /// Returns whether the server's count of output tokens cannot be right: it is
    /// smaller than the number of content chunks, or larger than the limit that
    /// the request set.
    pub fn usage_is_contradicted(&self) -> bool {
        let n_content = self.content_chunks().count() as u64;
        self.finished.usage.output_tokens.is_some_and(|tokens| {
            tokens < n_content || self.token_limit().is_some_and(|limit| tokens > limit)
        })
    }
}

/// The limits of output tokens that a request of the usual shape sets.
#[derive(Deserialize)]
struct Limits {
    options: Option<serde_json::Value>,
    max_tokens: Option<serde_json::Value>,
    max_completion_tokens: Option<serde_json::Value>,
}

/// Puts the calls of one agent together from its events, in order of sending.
///
/// A call that was sent and has no end (the worker died) is left out here; the
/// second value counts such calls, and they are failures of the run.
pub fn assemble<'a>(events: impl IntoIterator<Item = &'a Event>) -> (Vec<CallRecord>, usize) {
    let mut assembly = Assembly::default();
    for event in events {
        if matches!(event, Event::CallSent(_) | Event::Chunk(_) | Event::CallFinished(_)) {
            assembly.add(event.clone());
        }
    }
    assembly.finish()
}

/// Calls that are put together event by event, for whoever can give the events away;
/// see [`assemble`].
#[derive(Debug, Default)]
pub struct Assembly {
    open: BTreeMap<u32, (CallSent, Vec<Chunk>)>,
    calls: Vec<CallRecord>,
    n_stray: usize,
}

impl Assembly {
    /// Takes in the agent's next event.
    pub fn add(&mut self, event: Event) {
        match event {
            Event::CallSent(sent) => {
                let again = self.open.insert(sent.call, (sent, Vec::new()));
                self.n_stray += usize::from(again.is_some());
            }
            Event::Chunk(chunk) => {
                if let Some((_, chunks)) = self.open.get_mut(&chunk.call) {
                    chunks.push(chunk);
                } else {
                    self.n_stray += 1;
                }
            }
            Event::CallFinished(finished) => {
                if let Some((sent, chunks)) = self.open.remove(&finished.call) {
                    self.calls.push(CallRecord { sent, chunks, finished });
                } else {
                    self.n_stray += 1;
                }
            }
            _ => {}
        }
    }

    /// Returns how many events so far belong to no call that was under way; they are left
    /// out.
    pub fn n_stray(&self) -> usize {
        self.n_stray
    }

    /// Returns the calls in order of sending, and how many have no end.
    pub fn finish(mut self) -> (Vec<CallRecord>, usize) {
        self.calls.sort_by_key(|call| call.sent.call);
        (self.calls, self.open.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use crate::event::{ChunkKind, ServerTimings, Stage, Usage};
    use crate::plan::{Api, ConnectionMode};

    fn chunk(index: u32, read: u32, kernel_ns: u64, kind: ChunkKind) -> Chunk {
        Chunk {
            call: 0,
            index,
            at_ns: InstantNs(kernel_ns + 5),
            kernel_ns: Some(InstantNs(kernel_ns)),
            read,
            bytes: 1,
            kind,
            text: kind.is_content().then(|| "x".to_owned()),
        }
    }

    fn call() -> CallRecord {
        let request = "{}".to_owned();
        let digest = Digest::of(request.as_bytes());
        CallRecord {
            sent: CallSent {
                call: 0,
                stage: Stage::Analysis,
                server: "main".to_owned(),
                api: Api::OpenaiChat,
                request,
                request_sha256: digest,
                parity_sha256: digest,
                nonce: None,
                connection: ConnectionMode::Fresh,
                planned_ns: InstantNs(900),
                connect_ns: Some(InstantNs(900)),
                connected_ns: Some(InstantNs(950)),
                sent_ns: Some(InstantNs(1_000)),
            },
            chunks: vec![
                chunk(0, 0, 1_100, ChunkKind::Empty),
                chunk(1, 1, 1_500, ChunkKind::Reasoning),
                chunk(2, 2, 1_700, ChunkKind::Content),
                chunk(3, 2, 1_700, ChunkKind::Content),
                chunk(4, 3, 2_000, ChunkKind::Content),
                chunk(5, 3, 2_000, ChunkKind::Final),
            ],
            finished: CallFinished {
                call: 0,
                status: CallStatus::Completed,
                error: None,
                http_status: Some(200),
                header_ns: Some(InstantNs(1_050)),
                end_ns: InstantNs(2_100),
                finish_reason: Some("stop".to_owned()),
                usage: Usage {
                    prompt_tokens: Some(10),
                    cached_prompt_tokens: Some(4),
                    output_tokens: Some(6),
                },
                server: ServerTimings {
                    total_ns: Some(DurationNs(1_000)),
                    load_ns: Some(DurationNs(100)),
                    prompt_eval_ns: Some(DurationNs(300)),
                    eval_ns: Some(DurationNs(500)),
                },
                output_sha256: Digest::of(b"xxx"),
                n_chunks: 6,
                n_reads: 4,
            },
        }
    }

    #[test]
    fn instants_give_the_defined_durations() {
        let call = call();
        assert_eq!(call.ttfc(), Some(DurationNs(100)), "a role chunk is a chunk");
        assert_eq!(call.ttft(), Some(DurationNs(500)), "reasoning is content, a role is not");
        assert_eq!(call.e2e(), Some(DurationNs(1_100)));
        assert_eq!(call.response_time(), Some(DurationNs(1_200)));
        assert_eq!(call.connect_time(), Some(DurationNs(50)));
        assert_eq!(call.decode_time(), Some(DurationNs(500)));
        assert_eq!(call.tpot_ns(), Some(100.0), "five gaps between six tokens");
        assert_eq!(call.client_decode_rate(), Some(1e7));
        assert_eq!(call.server_decode_rate(), Some(6.0 / 500e-9));
        assert_eq!(call.server_prompt_rate(), Some(6.0 / 300e-9), "cached tokens left out");
        assert_eq!(call.client_overhead_ns(), Some(200));
        assert_eq!(call.queue_wait(), Some(DurationNs(100)));
        assert_eq!(call.text(), "xxx");
    }

    #[test]
    fn coalesced_chunks_make_no_gap() {
        let call = call();
        let gaps: Vec<u64> = call.inter_token_latencies().map(|gap| gap.0).collect();
        assert_eq!(gaps, [200, 300]);
        assert_eq!(call.n_coalesced(), 1);
    }

    #[test]
    fn without_usage_the_basis_is_named() {
        let mut call = call();
        call.finished.usage.output_tokens = None;
        assert_eq!(call.output_tokens(), OutputTokens::Chunks(4));
        call.finished.usage.output_tokens = Some(3);
        assert!(call.usage_is_contradicted(), "fewer tokens than content chunks");
        call.finished.usage.output_tokens = Some(6);
        assert!(!call.usage_is_contradicted());
        call.sent.request = r#"{"max_tokens":5}"#.to_owned();
        assert!(call.usage_is_contradicted(), "more tokens than the limit");
        call.sent.request = r#"{"options":{"num_predict":6}}"#.to_owned();
        assert!(!call.usage_is_contradicted());
    }

    #[test]
    fn limits_are_found_wherever_a_request_has_them() {
        let mut call = call();
        for (request, limit) in [
            (r#"{"options":{"num_predict":6,"seed":1},"prompt":"{}"}"#, Some(6)),
            (r#"{"options":{"num_predict":-1},"max_tokens":8}"#, Some(8)),
            (r#"{"options":[1],"max_completion_tokens":9}"#, Some(9)),
            (r#"{"options":null,"max_tokens":"7","max_completion_tokens":9}"#, Some(9)),
            (r#"{"max_tokens":3,"max_tokens":4}"#, Some(4)),
            ("[]", None),
            ("[{}, 1, 2]", None),
            (r#" {"max_tokens":5}"#, Some(5)),
            ("no request", None),
        ] {
            call.sent.request = request.to_owned();
            assert_eq!(call.token_limit(), limit, "{request}");
        }
    }

    #[test]
    fn assembly_restores_calls_and_counts_the_unfinished() {
        let call = call();
        let mut events = vec![Event::CallSent(call.sent.clone())];
        events.extend(call.chunks.iter().cloned().map(Event::Chunk));
        events.push(Event::CallFinished(call.finished.clone()));
        events.push(Event::CallSent(CallSent { call: 1, ..call.sent.clone() }));
        let (calls, n_unfinished) = assemble(&events);
        assert_eq!(calls, [call]);
        assert_eq!(n_unfinished, 1);
    }
}
