//! What several agents of one implementation, or of several, get done at once.
//!
//! Owns: finished workflows per minute, the memory that all agents of a run need, and
//! the one over the other: measured at the stated number of agents, never divided from
//! what one agent needs.

use std::collections::BTreeMap;

use tachograph_model::run::Configuration;

use super::Material;
use crate::analysis::configuration::Estimate;
use crate::concurrency::Concurrency;
use crate::concurrency::observe::Observed;
use crate::facts::RunFacts;

/// One concurrent configuration.
#[derive(Debug, Clone)]
pub(crate) struct Capacity {
    /// Its position in the plan.
    pub(crate) configuration: usize,
    /// Agents by the plan's entry, with how many there are of each.
    pub(crate) composition: BTreeMap<String, usize>,
    /// Workflows finished per minute of the makespan.
    pub(crate) rate: Option<Estimate>,
    /// Sum of the agents' peak memory, in GB.
    pub(crate) memory_gb: Option<Estimate>,
    /// The one over the other, run by run.
    pub(crate) rate_per_gb: Option<Estimate>,
}

/// Returns the capacity of every concurrent configuration.
pub(crate) fn all(material: &Material<'_>, concurrency: &Concurrency) -> Vec<Capacity> {
    let concurrent = concurrency.together.iter().map(|each| each.configuration);
    concurrent.map(|at| one(material, concurrency, at)).collect()
}

fn one(material: &Material<'_>, concurrency: &Concurrency, at: usize) -> Capacity {
    let runs: Vec<(&Observed, &RunFacts)> = concurrency
        .observed
        .iter()
        .filter(|run| run.configuration == at)
        .filter_map(|run| {
            let facts = material.facts.iter().find(|facts| facts.id == run.run)?;
            Some((run, *facts))
        })
        .collect();
    let rate = |(run, _): &(&Observed, &RunFacts)| run.n_agents() as f64 * 60.0 / run.makespan_s;
    let mean = |value: &dyn Fn(&(&Observed, &RunFacts)) -> Option<f64>| {
        let values: Option<Vec<f64>> = runs.iter().map(value).collect();
        Estimate::of(values?, material.rule.confidence)
    };
    Capacity {
        configuration: at,
        composition: composition(&material.planned[at]),
        rate: mean(&|run| Some(rate(run))),
        memory_gb: mean(&|(_, facts)| memory_gb(facts)),
        rate_per_gb: mean(&|run| Some(rate(run) / memory_gb(run.1)?)),
    }
}

fn composition(planned: &Configuration) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for placement in &planned.placements {
        *counts.entry(placement.spec.clone()).or_default() += 1;
    }
    counts
}

/// Returns the peak memory of all agents of a run, in GB.
fn memory_gb(run: &RunFacts) -> Option<f64> {
    let peaks: Option<Vec<u64>> = run
        .agents
        .iter()
        .map(|agent| Some(agent.process.as_ref()?.resources.as_ref()?.peak_rss_bytes))
        .collect();
    let total = peaks?.iter().sum::<u64>();
    (total > 0).then_some(total as f64 / 1e9)
}
