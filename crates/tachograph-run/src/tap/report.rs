//! What a tap saw, in figures.
//!
//! Owns: counts and samples for a person who stops the tap, and how long bytes stayed in
//! it. The events are the evidence; this is not.

use std::collections::BTreeMap;

use tachograph_model::event::CallStatus;
use tachograph_model::units::{DurationNs, InstantNs};

use crate::client::CallTrace;

/// Passages that are kept; further ones are only counted.
const PASSAGES_MAX: usize = 1_000_000;

/// What a tap saw.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Report {
    /// Calls by agent.
    pub agents: BTreeMap<String, AgentReport>,
    /// How long bytes of the server stayed in the tap, from the kernel's receive stamp to
    /// the end of the write to the client, in ascending order.
    pub passages: Vec<DurationNs>,
    /// Reads from the server that were passed on.
    pub n_passages: u64,
    /// Connections and requests that were passed on and could not be read.
    pub n_unreadable: u64,
}

/// Calls of one agent.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AgentReport {
    /// Calls by status.
    pub statuses: BTreeMap<CallStatus, u64>,
    /// Output tokens that the server counted.
    pub output_tokens: u64,
    /// Time to first token of completed calls, in ascending order.
    pub ttft: Vec<DurationNs>,
    /// End-to-end latency of completed calls, in ascending order.
    pub e2e: Vec<DurationNs>,
}

/// Collects a report.
#[derive(Debug, Default)]
pub(super) struct Tally(Report);

impl Tally {
    /// Bytes of the server that came at `came` were passed on.
    pub(super) fn passed(&mut self, came: InstantNs, passed: Option<InstantNs>) {
        self.0.n_passages += 1;
        if let Some(stayed) = passed.and_then(|passed| passed.since(came))
            && self.0.passages.len() < PASSAGES_MAX
        {
            self.0.passages.push(stayed);
        }
    }

    pub(super) fn unreadable(&mut self) {
        self.0.n_unreadable += 1;
    }

    pub(super) fn call(&mut self, agent: &str, trace: &CallTrace) {
        let own = self.0.agents.entry(agent.to_owned()).or_default();
        *own.statuses.entry(trace.finished.status).or_default() += 1;
        own.output_tokens += trace.finished.usage.output_tokens.unwrap_or(0);
        if trace.finished.status == CallStatus::Completed {
            let first = trace.chunks().find(|chunk| chunk.kind.is_content());
            let since = |at: InstantNs| at.since(trace.sent.sent_ns?);
            own.ttft.extend(first.and_then(|chunk| since(chunk.stamp())));
            own.e2e.extend(since(trace.finished.end_ns));
        }
    }

    pub(super) fn report(mut self) -> Report {
        self.0.passages.sort_unstable();
        for agent in self.0.agents.values_mut() {
            agent.ttft.sort_unstable();
            agent.e2e.sort_unstable();
        }
        self.0
    }
}
