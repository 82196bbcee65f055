//! What tuned options do to each implementation: optimisation patterns.
//!
//! Owns: each tuned configuration against the baseline of the same implementation on
//! the same server. The tuned configurations of one implementation and server are a
//! family (Holm).
//!
//! Does not: look at recordings. What one answers in two configurations is one sample of
//! each, however often it is played.

use std::collections::BTreeMap;

use tachograph_model::run::Arm;
use tachograph_stats::{DecisionRule, Verdict};

use super::{Cell, Material};
use crate::analysis::comparison::{self, Compared};
use crate::analysis::{direction, judged};

/// The tuned configurations of one implementation on one server.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    pub(crate) agent: String,
    pub(crate) server: String,
    /// Positions of cells, with the primary metric against the baseline's.
    pub(crate) members: Vec<(usize, Compared)>,
}

impl Tuning {
    /// Returns how many tuned configurations have the verdict, of those judged.
    pub(crate) fn count(&self, verdict: Verdict) -> (usize, usize) {
        let judged = || self.members.iter().filter_map(|(_, compared)| judged(Some(compared)));
        (judged().filter(|found| found.verdict == verdict).count(), judged().count())
    }
}

/// Returns the name of the set of an implementation's runs on one server.
pub(crate) fn set(agent: &str, server: &str) -> String {
    format!("{agent} on {server}")
}

/// Compares the tuned configurations of every implementation with its own baseline.
pub(crate) fn all(
    material: &Material<'_>,
    (agents, servers): (&[String], &[String]),
    cells: &[Cell],
) -> Vec<Tuning> {
    let metric = material.plan.primary.metric;
    let rule = DecisionRule { direction: direction(metric), ..*material.rule };
    let values = |configuration: usize| -> BTreeMap<u32, f64> {
        let own = material.rows.iter().filter(|run| run.configuration == Some(configuration));
        own.filter_map(|run| Some((run.id.block, *run.metrics.get(&metric)?))).collect()
    };
    let mut all = Vec::new();
    let is_recording = |name: &String| {
        material.plan.servers.iter().any(|server| server.name == *name && server.is_recording())
    };
    for server in servers.iter().filter(|name| !is_recording(name)) {
        for agent in agents {
            let of = |arm: Arm| {
                let is_it = move |cell: &&Cell| cell.server == *server && cell.arm == arm;
                let own = cells.iter().enumerate().filter(move |(_, cell)| is_it(cell));
                own.filter_map(|(at, cell)| Some((at, *cell.members.get(agent)?)))
            };
            let Some((_, baseline)) = of(Arm::Baseline).next() else { continue };
            let baseline = values(baseline);
            let tuned: Vec<(usize, usize)> = of(Arm::Chimera).collect();
            if tuned.is_empty() {
                continue;
            }
            let pairs = tuned.iter().map(|&(_, at)| comparison::pairs(&values(at), &baseline));
            let judged = comparison::family(pairs.collect(), &rule);
            let members = tuned.iter().map(|&(at, _)| at).zip(judged).collect();
            all.push(Tuning { agent: agent.clone(), server: server.clone(), members });
        }
    }
    all
}
