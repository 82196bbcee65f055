//! Verdicts: each agent against itself alone, each run against its work one after
//! the other, topologies and numbers of agents against each other.
//!
//! Owns: which comparisons form a family. There are four, each with the plan's alpha
//! to itself: slowdowns (the primary one), whether running together pays,
//! topologies, and steps in the number of agents.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::run::Configuration;
use tachograph_stats::{DecisionRule, Direction, Verdict};

use super::by_block;
use super::estimate::{Contention, TogetherAnalysis, pairs};
use super::group::Series;
use super::observe::Observed;
use crate::analysis::comparison::{self, Compared};

/// Two topologies that carry the same agents with the same options.
#[derive(Debug, Clone)]
pub(crate) struct Pairing {
    /// Positions of the two configurations in the plan.
    pub(crate) first: usize,
    pub(crate) second: usize,
    /// The second's makespan against the first's: less is better.
    pub(crate) makespan: Compared,
}

/// From a number of agents to the next larger one of a series.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// Position of the series.
    pub(crate) series: usize,
    /// The larger number of agents.
    pub(crate) to: usize,
    /// True speed-up with more agents against with fewer: more is better.
    pub(crate) speedup: Compared,
}

/// Adds verdicts to every concurrent configuration.
pub(crate) fn judge(together: &mut [TogetherAnalysis], observed: &[Observed], rule: &DecisionRule) {
    let rule = DecisionRule { direction: Direction::LowerIsBetter, ..*rule };
    let runs: Vec<Vec<&Observed>> = together
        .iter()
        .map(|each| by_block(observed, each.configuration).into_values().collect())
        .collect();
    let slowdown = |run: &Observed, index: usize| {
        let agent = &run.agents[index];
        (agent.together.wall_s, agent.alone.wall_s)
    };
    let members = together.iter().zip(&runs).flat_map(|(each, runs)| {
        (0..each.n_agents).map(move |index| pairs(runs, |run| slowdown(run, index)))
    });
    let mut slowdowns = comparison::family(members.collect(), &rule).into_iter();
    let members = runs.iter().map(|runs| pairs(runs, |run| (run.makespan_s, run.alone_s())));
    let mut pays = comparison::family(members.collect(), &rule).into_iter();
    for each in together {
        for agent in &mut each.agents {
            agent.slowdown = slowdowns.next();
        }
        each.pays = pays.next();
        each.contention = contention(each);
    }
}

fn contention(each: &TogetherAnalysis) -> Contention {
    let verdicts: Vec<Verdict> = each
        .agents
        .iter()
        .filter_map(|agent| crate::analysis::judged(agent.slowdown.as_ref()))
        .map(|judged| judged.verdict)
        .collect();
    if verdicts.contains(&Verdict::Worse) {
        Contention::Shown
    } else if verdicts.is_empty() {
        Contention::NotJudged
    } else if verdicts.len() < each.n_agents || verdicts.contains(&Verdict::Inconclusive) {
        Contention::Open
    } else {
        Contention::Absent
    }
}

/// Compares configurations that differ in nothing but their topology.
pub(crate) fn pairings(
    planned: &[Configuration],
    observed: &[Observed],
    rule: &DecisionRule,
) -> Vec<Pairing> {
    let mut alike: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for (at, configuration) in planned.iter().enumerate() {
        let Some(together) = &configuration.together else { continue };
        let agents: Vec<&str> = configuration.placements.iter().map(|each| &*each.agent).collect();
        let key = (&together.phase, together.scenario, &together.levels, agents);
        alike.entry(key).or_default().push(at);
    }
    let couples: Vec<(usize, usize)> = alike
        .into_values()
        .flat_map(|all| {
            let later = all.clone();
            let couple = move |(at, first): (usize, usize)| {
                later[at + 1..].iter().map(move |&second| (first, second)).collect::<Vec<_>>()
            };
            all.into_iter().enumerate().flat_map(couple)
        })
        .collect();
    let makespans = |at: usize| -> BTreeMap<u32, f64> {
        let runs = by_block(observed, at).into_iter();
        runs.map(|(block, run)| (block, run.makespan_s)).collect()
    };
    let members = couples
        .iter()
        .map(|&(first, second)| comparison::pairs(&makespans(second), &makespans(first)));
    let rule = DecisionRule { direction: Direction::LowerIsBetter, ..*rule };
    let found = comparison::family(members.collect(), &rule);
    couples
        .iter()
        .zip(found)
        .map(|(&(first, second), makespan)| Pairing { first, second, makespan })
        .collect()
}

/// Compares each number of agents of a series with the one before it.
pub(crate) fn steps(series: &[Series], observed: &[Observed], rule: &DecisionRule) -> Vec<Step> {
    let blocks: BTreeSet<u32> = observed.iter().map(|run| run.run.block).collect();
    let speedups = |at: Option<usize>| -> BTreeMap<u32, f64> {
        match at {
            Some(at) => {
                let runs = by_block(observed, at).into_iter();
                runs.map(|(block, run)| (block, run.speedup())).collect()
            }
            // One agent alone has a speed-up of one by definition.
            None => blocks.iter().map(|&block| (block, 1.0)).collect(),
        }
    };
    let mut places = Vec::new();
    let mut members = Vec::new();
    for (at, series) in series.iter().enumerate() {
        for couple in series.points.windows(2) {
            let (fewer, more) = (couple[0], couple[1]);
            places.push((at, more.0));
            members.push(comparison::pairs(&speedups(more.1), &speedups(fewer.1)));
        }
    }
    let rule = DecisionRule { direction: Direction::HigherIsBetter, ..*rule };
    places
        .into_iter()
        .zip(comparison::family(members, &rule))
        .map(|((series, to), speedup)| Step { series, to, speedup })
        .collect()
}
