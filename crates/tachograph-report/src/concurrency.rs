//! What several agents at once cost each other: measured against each of them alone.
//!
//! Owns: [`Concurrency`], every quantity of `docs/metrics.md`, section "Several
//! agents at once", per run, configuration and group of configurations.
//!
//! Does not: compute a statistic itself, or choose words.

pub(crate) mod compare;
pub(crate) mod estimate;
pub(crate) mod group;
pub(crate) mod observe;
pub(crate) mod timeline;

use std::collections::BTreeMap;

use tachograph_model::plan::Plan;
use tachograph_model::run::Configuration;
use tachograph_stats::DecisionRule;

use crate::analysis::RunRow;
use crate::facts::RunFacts;
use compare::{Pairing, Step};
use estimate::{Material, TogetherAnalysis};
use group::{Group, Series};
use observe::Observed;
use timeline::Lanes;

/// Below this ratio of summed durations to the makespan, older reports flagged a run
/// of two agents as contended.
pub(crate) const LEGACY_FLAG_BELOW: f64 = 1.5;

/// Everything that a study says about concurrent agents.
#[derive(Debug, Clone)]
pub(crate) struct Concurrency {
    /// Every concurrent run that has a makespan and all of its solo runs.
    pub(crate) observed: Vec<Observed>,
    /// Every concurrent configuration, in the plan's order.
    pub(crate) together: Vec<TogetherAnalysis>,
    /// Configurations taken together: by phase, by scenario, by topology.
    pub(crate) groups: Vec<Group>,
    /// Equal work on different topologies.
    pub(crate) pairings: Vec<Pairing>,
    /// Growing numbers of agents, all else equal.
    pub(crate) series: Vec<Series>,
    /// From one number of agents to the next.
    pub(crate) steps: Vec<Step>,
    /// Runs that are drawn, one per topology.
    pub(crate) lanes: Vec<Lanes>,
}

impl Concurrency {
    /// Analyses the concurrent runs; `None` for a plan without phases.
    pub(crate) fn of(
        plan: &Plan,
        planned: &[Configuration],
        facts: &[&RunFacts],
        rows: &[RunRow],
        rule: &DecisionRule,
    ) -> Option<Self> {
        if !plan.is_concurrent() {
            return None;
        }
        let observed = observe::all(planned, facts, rows);
        let material = Material { planned, observed: &observed, facts, rows };
        let concurrent = |(at, each): (usize, &Configuration)| {
            Some(estimate::one(&material, at, each.together.as_ref()?, rule))
        };
        let mut together: Vec<TogetherAnalysis> =
            planned.iter().enumerate().filter_map(concurrent).collect();
        compare::judge(&mut together, &observed, rule);
        let groups = group::all(planned, &together, &observed, rule);
        let series = group::series(planned);
        let pairings = compare::pairings(planned, &observed, rule);
        let steps = compare::steps(&series, &observed, rule);
        let lanes = timeline::choose(planned, &observed, facts);
        Some(Self { observed, together, groups, pairings, series, steps, lanes })
    }

    /// Returns what is known of the configuration at position `at` of the plan.
    pub(crate) fn of_configuration(&self, at: usize) -> Option<&TogetherAnalysis> {
        self.together.iter().find(|each| each.configuration == at)
    }
}

/// Returns the complete concurrent runs of a configuration, by block.
pub(crate) fn by_block(observed: &[Observed], configuration: usize) -> BTreeMap<u32, &Observed> {
    let own = observed.iter().filter(|each| each.configuration == configuration);
    own.map(|each| (each.run.block, each)).collect()
}
