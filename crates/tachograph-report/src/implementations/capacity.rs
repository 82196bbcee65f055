//! What several agents of one implementation, or of several, get done at once.
//!
//! Owns: finished workflows per minute, the memory that all agents of a run need, and
//! the one over the other: measured at the stated number of agents, never divided from
//! what one agent needs. Deployments of equally many agents on one topology are held
//! against the first of them; all such comparisons are a family (Holm).

use std::collections::BTreeMap;

use tachograph_model::run::Configuration;
use tachograph_stats::{DecisionRule, Direction};

use super::Material;
use crate::analysis::comparison::{self, Compared};
use crate::analysis::configuration::Estimate;
use crate::concurrency::Concurrency;
use crate::concurrency::observe::Observed;
use crate::facts::RunFacts;

/// One deployment: a concurrent configuration.
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
    /// The deployment that it is held against, by its position among them, and what came
    /// of it: workflows per minute and GB, more is better. Absent for the first.
    pub(crate) against: Option<(usize, Compared)>,
}

/// What one complete run of a deployment did.
struct Done {
    rate: f64,
    memory_gb: Option<f64>,
}

/// Returns the capacity of every concurrent configuration.
pub(crate) fn all(material: &Material<'_>, concurrency: &Concurrency) -> Vec<Capacity> {
    let positions: Vec<usize> =
        concurrency.together.iter().map(|each| each.configuration).collect();
    let runs: Vec<BTreeMap<u32, Done>> =
        positions.iter().map(|&at| by_block(material, concurrency, at)).collect();
    let mut all: Vec<Capacity> =
        positions.iter().zip(&runs).map(|(&at, runs)| one(material, at, runs)).collect();
    let alike = |at: usize| {
        let planned = &material.planned[positions[at]];
        let together = planned.together.as_ref()?;
        Some((&together.topology, &together.levels, planned.placements.len()))
    };
    let pairs: Vec<(usize, usize)> = (0..all.len())
        .filter_map(|at| Some((at, (0..at).find(|&first| alike(first) == alike(at))?)))
        .collect();
    let per_gb = |at: usize| -> BTreeMap<u32, f64> {
        let own = runs[at].iter();
        own.filter_map(|(block, done)| Some((*block, done.rate / done.memory_gb?))).collect()
    };
    let rule = DecisionRule { direction: Direction::HigherIsBetter, ..*material.rule };
    let members = pairs.iter().map(|&(at, first)| comparison::pairs(&per_gb(at), &per_gb(first)));
    for ((at, first), compared) in pairs.iter().zip(comparison::family(members.collect(), &rule)) {
        all[*at].against = Some((*first, compared));
    }
    all
}

fn by_block(
    material: &Material<'_>,
    concurrency: &Concurrency,
    configuration: usize,
) -> BTreeMap<u32, Done> {
    let own = concurrency.observed.iter().filter(|run| run.configuration == configuration);
    let done = |run: &Observed| {
        let facts = material.facts.iter().find(|facts| facts.id == run.run)?;
        let rate = run.n_agents() as f64 * 60.0 / run.makespan_s;
        Some((run.run.block, Done { rate, memory_gb: memory_gb(facts) }))
    };
    own.filter_map(done).collect()
}

fn one(material: &Material<'_>, at: usize, runs: &BTreeMap<u32, Done>) -> Capacity {
    let mean = |value: &dyn Fn(&Done) -> Option<f64>| {
        let values: Option<Vec<f64>> = runs.values().map(value).collect();
        Estimate::of(values?, material.rule.confidence)
    };
    Capacity {
        configuration: at,
        composition: composition(&material.planned[at]),
        rate: mean(&|done| Some(done.rate)),
        memory_gb: mean(&|done| done.memory_gb),
        rate_per_gb: mean(&|done| Some(done.rate / done.memory_gb?)),
        against: None,
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
