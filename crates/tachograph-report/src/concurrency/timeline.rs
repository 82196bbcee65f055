//! Runs that are drawn: who waits for whom.
//!
//! Owns: the choice of one run for each topology, and the spans of its agents' calls.

use std::collections::BTreeSet;

use tachograph_model::run::{Configuration, RunId};
use tachograph_model::units::{DurationNs, InstantNs};

use super::observe::Observed;
use crate::facts::{AgentFacts, CallFacts, RunFacts};

/// Runs that are drawn at most.
pub(crate) const DRAWN_MAX: usize = 4;
/// Agents that are drawn at most.
pub(crate) const LANES_MAX: usize = 8;

/// One concurrent run in time.
#[derive(Debug, Clone)]
pub(crate) struct Lanes {
    pub(crate) run: RunId,
    pub(crate) topology: String,
    pub(crate) makespan_ms: f64,
    pub(crate) agents: Vec<Lane>,
    /// Agents that are not drawn, for want of room.
    pub(crate) n_left_out: usize,
}

/// One agent of a drawn run, together and alone.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) agent: String,
    pub(crate) server: String,
    pub(crate) together: Track,
    /// Its solo run of the same block, from its own beginning.
    pub(crate) alone: Track,
}

/// Calls of an agent, in milliseconds from the beginning of its run.
#[derive(Debug, Clone)]
pub(crate) struct Track {
    pub(crate) begin_ms: f64,
    pub(crate) end_ms: f64,
    pub(crate) calls: Vec<Span>,
}

/// One call: loading, waiting, prompt, output, one after the other. In milliseconds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span {
    pub(crate) start: f64,
    pub(crate) loaded: f64,
    pub(crate) waited: f64,
    pub(crate) first: f64,
    pub(crate) end: f64,
}

impl Span {
    /// Splits a call; where the server reports no durations all of the time to the
    /// first token is prompt.
    fn of(call: &CallFacts, began: InstantNs) -> Option<Self> {
        let millis = |at: InstantNs| at.since(began).map(DurationNs::as_millis);
        let start = millis(call.sent()?)?;
        let end = millis(call.end()?)?;
        let first = (start + call.ttft_ms()?).min(end);
        let load = call.load_ms().unwrap_or_default().min(first - start);
        let wait = call.wait_ms().unwrap_or_default().min(first - start - load);
        Some(Self { start, loaded: start + load, waited: start + load + wait, first, end })
    }
}

impl Track {
    fn of(agent: &AgentFacts, began: InstantNs) -> Option<Self> {
        let millis = |at: InstantNs| at.since(began).map(DurationNs::as_millis);
        Some(Self {
            begin_ms: millis(agent.began?)?,
            end_ms: millis(agent.done?)?,
            calls: agent.counted_calls().filter_map(|call| Span::of(call, began)).collect(),
        })
    }
}

/// Chooses for each topology the first configuration that has complete runs, and of
/// these the one with the middle makespan.
pub(crate) fn choose(
    planned: &[Configuration],
    observed: &[Observed],
    facts: &[&RunFacts],
) -> Vec<Lanes> {
    let mut seen = BTreeSet::new();
    let mut chosen = Vec::new();
    for (at, configuration) in planned.iter().enumerate() {
        let Some(together) = &configuration.together else { continue };
        if chosen.len() == DRAWN_MAX || seen.contains(&together.topology) {
            continue;
        }
        let mut runs: Vec<&Observed> =
            observed.iter().filter(|run| run.configuration == at).collect();
        runs.sort_by(|a, b| a.makespan_s.total_cmp(&b.makespan_s));
        let Some(run) = runs.get(runs.len().saturating_sub(1) / 2) else { continue };
        if let Some(lanes) = lanes(configuration, run, &together.topology, facts) {
            seen.insert(&together.topology);
            chosen.push(lanes);
        }
    }
    chosen
}

fn lanes(
    configuration: &Configuration,
    observed: &Observed,
    topology: &str,
    facts: &[&RunFacts],
) -> Option<Lanes> {
    let run = facts.iter().find(|run| run.id == observed.run)?;
    let began = run.agents.iter().filter_map(|agent| agent.began).min()?;
    let lane = |placement: &tachograph_model::run::Placement| {
        let solo = facts.iter().find(|other| {
            other.id.block == run.id.block
                && Some(&other.id.configuration) == placement.solo.as_ref()
        })?;
        let alone = solo.agents.first()?;
        Some(Lane {
            agent: placement.agent.clone(),
            server: placement.server.clone(),
            together: Track::of(run.agent(&placement.agent)?, began)?,
            alone: Track::of(alone, alone.began?)?,
        })
    };
    let all: Option<Vec<Lane>> =
        configuration.placements.iter().take(LANES_MAX).map(lane).collect();
    Some(Lanes {
        run: run.id.clone(),
        topology: topology.to_owned(),
        makespan_ms: observed.makespan_s * 1e3,
        agents: all?,
        n_left_out: configuration.placements.len().saturating_sub(LANES_MAX),
    })
}
