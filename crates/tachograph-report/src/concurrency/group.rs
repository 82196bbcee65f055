//! Configurations taken together: phases, scenarios, topologies, numbers of agents.
//!
//! Owns: which configurations form a group or a series, and a group's estimates. In
//! each block a group's value is the geometric mean over its configurations, and only
//! blocks that have all of them count, so that a missing run moves nothing.

use std::collections::BTreeMap;

use tachograph_model::run::{Configuration, Together};
use tachograph_stats::{DecisionRule, Pair, PairedRatio, Pairs, paired_ratio};

use super::by_block;
use super::estimate::TogetherAnalysis;
use super::observe::Observed;
use crate::analysis::configuration::Estimate;

/// By what configurations are grouped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grouping {
    Phase,
    Scenario,
    Topology,
}

impl Grouping {
    pub(crate) const ALL: [Self; 3] = [Self::Phase, Self::Scenario, Self::Topology];

    /// Returns the name used in claims.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Phase => "phase",
            Self::Scenario => "scenario",
            Self::Topology => "topology",
        }
    }

    fn of(self, together: &Together) -> String {
        match self {
            Self::Phase => together.phase.clone(),
            Self::Scenario => together.scenario.to_string(),
            Self::Topology => together.topology.clone(),
        }
    }
}

/// Several configurations taken together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) grouping: Grouping,
    pub(crate) name: String,
    /// Positions of its configurations in the plan.
    pub(crate) members: Vec<usize>,
    /// Complete runs of its configurations.
    pub(crate) n_runs: usize,
    /// True speed-up divided by the number of agents.
    pub(crate) efficiency: Option<PairedRatio>,
    /// Wall time together over alone, over all agents.
    pub(crate) slowdown: Option<PairedRatio>,
    pub(crate) rate_ratio: Option<PairedRatio>,
    /// Balance, fairness and overlap: means over blocks.
    pub(crate) balance: Option<Estimate>,
    pub(crate) fairness: Option<Estimate>,
    pub(crate) overlap: Option<Estimate>,
    pub(crate) n_legacy_flags: usize,
}

/// Configurations that differ in their number of agents only.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) made_from: Together,
    /// Numbers of agents with the configuration's position; without one for a single
    /// agent, which is alone.
    pub(crate) points: Vec<(usize, Option<usize>)>,
}

/// Returns every group of the study.
pub(crate) fn all(
    planned: &[Configuration],
    together: &[TogetherAnalysis],
    observed: &[Observed],
    rule: &DecisionRule,
) -> Vec<Group> {
    let mut groups = Vec::new();
    for grouping in Grouping::ALL {
        let mut names: Vec<String> = Vec::new();
        for each in planned.iter().filter_map(|each| each.together.as_ref()) {
            let name = grouping.of(each);
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            let is_member = |each: &&TogetherAnalysis| grouping.of(&each.made_from) == name;
            let members: Vec<&TogetherAnalysis> = together.iter().filter(is_member).collect();
            groups.push(one(grouping, name.clone(), &members, observed, rule));
        }
    }
    groups
}

fn one(
    grouping: Grouping,
    name: String,
    members: &[&TogetherAnalysis],
    observed: &[Observed],
    rule: &DecisionRule,
) -> Group {
    let by_member: Vec<BTreeMap<u32, &Observed>> =
        members.iter().map(|each| by_block(observed, each.configuration)).collect();
    let blocks: Vec<u32> = by_member
        .first()
        .map(|first| {
            let all_have = |block: &&u32| by_member.iter().all(|own| own.contains_key(block));
            first.keys().filter(all_have).copied().collect()
        })
        .unwrap_or_default();
    let of_block = |block: u32| by_member.iter().filter_map(move |own| own.get(&block).copied());
    let ratio = |values: &dyn Fn(&Observed) -> Vec<(f64, f64)>| {
        let pairs: Vec<Pair> = blocks
            .iter()
            .map(|&block| {
                let all: Vec<(f64, f64)> = of_block(block).flat_map(values).collect();
                let n = all.len() as f64;
                let mean =
                    |log: &dyn Fn(&(f64, f64)) -> f64| (all.iter().map(log).sum::<f64>() / n).exp();
                Pair { treatment: mean(&|pair| pair.0.ln()), baseline: mean(&|pair| pair.1.ln()) }
            })
            .collect();
        paired_ratio(&Pairs::new(&pairs).ok()?, rule.confidence).ok()
    };
    let mean = |value: &dyn Fn(&Observed) -> f64| {
        let of = |&block: &u32| {
            let all: Vec<f64> = of_block(block).map(value).collect();
            all.iter().sum::<f64>() / all.len() as f64
        };
        Estimate::of(blocks.iter().map(of).collect(), rule.confidence)
    };
    let slowdowns = |run: &Observed| {
        run.agents.iter().map(|agent| (agent.together.wall_s, agent.alone.wall_s)).collect()
    };
    Group {
        grouping,
        name,
        members: members.iter().map(|each| each.configuration).collect(),
        n_runs: members.iter().map(|each| each.n_complete).sum(),
        efficiency: ratio(&|run| vec![(run.alone_s() / run.n_agents() as f64, run.makespan_s)]),
        slowdown: ratio(&slowdowns),
        rate_ratio: ratio(&|run| vec![(run.work_rate(), run.work_rate_alone())]),
        balance: mean(&Observed::balance),
        fairness: mean(&|run| run.fairness),
        overlap: mean(&|run| run.overlap),
        n_legacy_flags: members.iter().map(|each| each.n_legacy_flags).sum(),
    }
}

/// Returns configurations that differ in their number of agents only, where there are
/// at least two numbers above one.
pub(crate) fn series(planned: &[Configuration]) -> Vec<Series> {
    let mut all: Vec<Series> = Vec::new();
    for (at, configuration) in planned.iter().enumerate() {
        let Some(together) = &configuration.together else { continue };
        let point = (configuration.placements.len(), Some(at));
        let same = all.iter_mut().find(|series| series.made_from == *together);
        if let Some(series) = same {
            series.points.push(point);
        } else {
            all.push(Series { made_from: together.clone(), points: vec![(1, None), point] });
        }
    }
    all.retain(|series| series.points.len() > 2);
    for series in &mut all {
        series.points.sort_unstable();
    }
    all
}
