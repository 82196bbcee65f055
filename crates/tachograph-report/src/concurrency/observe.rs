//! One concurrent run beside the solo runs of its block.
//!
//! Owns: makespan, overlap, fairness and balance of one run, and which runs are
//! complete enough to have them.

use std::collections::BTreeMap;

use tachograph_model::run::{Arm, Configuration, ConfigurationId, RunId};
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_stats::{Sample, jain_index};

use super::LEGACY_FLAG_BELOW;
use crate::analysis::RunRow;
use crate::facts::{AgentFacts, CallFacts, RunFacts};

/// A concurrent run of which everything is measured, solo runs included.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) run: RunId,
    /// Position of its configuration in the plan.
    pub(crate) configuration: usize,
    /// From the first agent's begin to the last agent's end, in seconds.
    pub(crate) makespan_s: f64,
    /// Largest less smallest begin of its agents, in milliseconds.
    pub(crate) start_spread_ms: f64,
    /// The share of the makespan in which every agent waits for or receives tokens.
    pub(crate) overlap: f64,
    /// Jain's index over solo time divided by concurrent time.
    pub(crate) fairness: f64,
    /// Whether an answer of it or of its solo runs did not end by itself.
    pub(crate) has_runaway: bool,
    pub(crate) agents: Vec<AgentObserved>,
}

/// One agent of an observed run, together and alone.
#[derive(Debug, Clone)]
pub(crate) struct AgentObserved {
    pub(crate) agent: String,
    pub(crate) together: Work,
    pub(crate) alone: Work,
}

/// What an agent did in one run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    /// From its first stage after the warm-up to its end, in seconds.
    pub(crate) wall_s: f64,
    pub(crate) output_tokens: f64,
    /// Mean wait of its calls before the prompt, in milliseconds; absent where the
    /// server reports no durations.
    pub(crate) wait_ms: Option<f64>,
}

impl Work {
    fn of(agent: &AgentFacts) -> Option<Self> {
        let mean = |value: &dyn Fn(&CallFacts) -> Option<f64>| {
            let values: Option<Vec<f64>> = agent.counted_calls().map(value).collect();
            Sample::new(&values?).ok().map(|sample| sample.mean())
        };
        let wall_s = agent.wall()?.as_seconds();
        (wall_s > 0.0).then_some(())?;
        Some(Self {
            wall_s,
            output_tokens: agent.output_tokens() as f64,
            wait_ms: mean(&CallFacts::wait_ms),
        })
    }

    /// Returns its output tokens per second.
    pub(crate) fn rate(&self) -> f64 {
        self.output_tokens / self.wall_s
    }
}

impl Observed {
    pub(crate) fn n_agents(&self) -> usize {
        self.agents.len()
    }

    /// Returns the sum of the agents' times alone, in seconds.
    pub(crate) fn alone_s(&self) -> f64 {
        self.agents.iter().map(|agent| agent.alone.wall_s).sum()
    }

    /// Returns the sum of the agents' times together, in seconds.
    pub(crate) fn together_s(&self) -> f64 {
        self.agents.iter().map(|agent| agent.together.wall_s).sum()
    }

    /// Returns the true speed-up: time alone, one after the other, over the makespan.
    pub(crate) fn speedup(&self) -> f64 {
        self.alone_s() / self.makespan_s
    }

    /// Returns what older reports called speed-up: it compares the agents' durations
    /// together with each other.
    pub(crate) fn legacy_speedup(&self) -> f64 {
        self.together_s() / self.makespan_s
    }

    /// Returns how equal the durations together are: 1 if all are as long as the run.
    pub(crate) fn balance(&self) -> f64 {
        self.legacy_speedup() / self.n_agents() as f64
    }

    /// Returns whether an older report would have called the run contended.
    pub(crate) fn has_legacy_flag(&self) -> bool {
        self.legacy_speedup() < LEGACY_FLAG_BELOW
    }

    /// Returns output tokens of all agents per second of the makespan.
    pub(crate) fn work_rate(&self) -> f64 {
        self.agents.iter().map(|agent| agent.together.output_tokens).sum::<f64>() / self.makespan_s
    }

    /// Returns output tokens per second of the same work, one agent after the other.
    pub(crate) fn work_rate_alone(&self) -> f64 {
        self.agents.iter().map(|agent| agent.alone.output_tokens).sum::<f64>() / self.alone_s()
    }
}

/// Returns every concurrent run that is measured and whose agents' solo runs of the
/// same block are, in the order of execution.
pub(crate) fn all(
    planned: &[Configuration],
    facts: &[&RunFacts],
    rows: &[RunRow],
) -> Vec<Observed> {
    let measured: BTreeMap<(&ConfigurationId, u32), &RunFacts> = facts
        .iter()
        .filter(|run| run.is_measured())
        .map(|run| ((&run.id.configuration, run.id.block), *run))
        .collect();
    let one = |(run, row): (&&RunFacts, &RunRow)| {
        let at = row.configuration?;
        let configuration = &planned[at];
        if configuration.arm != Arm::Concurrent || !run.is_measured() {
            return None;
        }
        let mut has_runaway = run.has_runaway();
        let agents: Option<Vec<AgentObserved>> = configuration
            .placements
            .iter()
            .map(|placement| {
                let solo = placement.solo.as_ref()?;
                let alone = measured.get(&(solo, run.id.block))?;
                has_runaway |= alone.has_runaway();
                let alone = alone.agents.first()?;
                Some(AgentObserved {
                    agent: placement.agent.clone(),
                    together: Work::of(run.agent(&placement.agent)?)?,
                    alone: Work::of(alone)?,
                })
            })
            .collect();
        Some(Observed { has_runaway, ..observed(run, at, agents?)? })
    };
    facts.iter().zip(rows).filter_map(one).collect()
}

fn observed(run: &RunFacts, configuration: usize, agents: Vec<AgentObserved>) -> Option<Observed> {
    let makespan_s = run.wall()?.as_seconds();
    let shares: Vec<f64> =
        agents.iter().map(|agent| agent.alone.wall_s / agent.together.wall_s).collect();
    let fairness = jain_index(&Sample::new(&shares).ok()?).ok()?;
    (makespan_s > 0.0).then(|| Observed {
        run: run.id.clone(),
        configuration,
        makespan_s,
        start_spread_ms: start_spread(run).unwrap_or_default(),
        overlap: overlap_s(run) / makespan_s,
        fairness,
        has_runaway: false,
        agents,
    })
}

/// Returns largest less smallest begin of a run's agents, in milliseconds.
pub(crate) fn start_spread(run: &RunFacts) -> Option<f64> {
    let begins = || run.agents.iter().filter_map(|agent| agent.began);
    Some(begins().max()?.since(begins().min()?)?.as_millis())
}

/// Returns for how long every agent of the run waits for or receives tokens, in
/// seconds.
fn overlap_s(run: &RunFacts) -> f64 {
    let mut edges: Vec<(InstantNs, i64)> = Vec::new();
    for agent in &run.agents {
        for (from, to) in merged(agent) {
            edges.extend([(from, 1), (to, -1)]);
        }
    }
    // An end stands before a begin at the same instant.
    edges.sort_unstable();
    let all = i64::try_from(run.agents.len()).unwrap_or(i64::MAX);
    let (mut active, mut since, mut total) = (0, None, 0.0);
    for (at, change) in edges {
        if let Some(since) = since.take() {
            total += at.since(since).map_or(0.0, DurationNs::as_seconds);
        }
        active += change;
        since = (active == all).then_some(at);
    }
    total
}

/// Returns the spans of an agent's calls, sent to end, joined where they touch.
fn merged(agent: &AgentFacts) -> Vec<(InstantNs, InstantNs)> {
    let mut spans: Vec<(InstantNs, InstantNs)> = agent
        .counted_calls()
        .filter_map(|call| Some((call.sent()?, call.end()?)))
        .filter(|(from, to)| to > from)
        .collect();
    spans.sort_unstable();
    let mut joined: Vec<(InstantNs, InstantNs)> = Vec::new();
    for (from, to) in spans {
        match joined.last_mut() {
            Some((_, end)) if *end >= from => *end = to.max(*end),
            _ => joined.push((from, to)),
        }
    }
    joined
}
