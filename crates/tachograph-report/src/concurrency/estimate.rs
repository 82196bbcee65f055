//! Estimates of one concurrent configuration.
//!
//! Owns: true speed-up, rates, fairness, overlap, balance and waits over blocks.

use tachograph_model::run::{Configuration, Placement, RunId, Together};
use tachograph_stats::{DecisionRule, Pair, PairedRatio, Pairs, PairsError, paired_ratio};

use super::by_block;
use super::observe::{AgentObserved, Observed};
use crate::analysis::RunRow;
use crate::analysis::comparison::Compared;
use crate::analysis::configuration::Estimate;
use crate::facts::RunFacts;
use crate::validity::Status;

/// Everything estimated about one concurrent configuration.
#[derive(Debug, Clone)]
pub(crate) struct TogetherAnalysis {
    /// Its position in the plan.
    pub(crate) configuration: usize,
    pub(crate) made_from: Together,
    pub(crate) n_agents: usize,
    pub(crate) n_sealed: usize,
    /// Runs in which every call of every agent completed.
    pub(crate) n_measured: usize,
    /// Measured runs whose solo runs are measured too.
    pub(crate) n_complete: usize,
    /// Complete runs with an answer, together or alone, that did not end by itself: cut
    /// by the token limit, or in a loop.
    pub(crate) n_runaway: usize,
    /// Time alone over the makespan, within blocks.
    pub(crate) speedup: Option<PairedRatio>,
    /// The same over the runs in which every answer ended by itself.
    pub(crate) speedup_without_runaways: Option<PairedRatio>,
    /// The makespan against the time alone: less is better.
    pub(crate) pays: Option<Compared>,
    pub(crate) agents: Vec<AgentAnalysis>,
    pub(crate) makespan: Option<Estimate>,
    pub(crate) alone: Option<Estimate>,
    pub(crate) rate: Option<Estimate>,
    pub(crate) rate_alone: Option<Estimate>,
    pub(crate) rate_ratio: Option<PairedRatio>,
    pub(crate) fairness: Option<Estimate>,
    pub(crate) overlap: Option<Estimate>,
    pub(crate) balance: Option<Estimate>,
    pub(crate) start_spread: Option<Estimate>,
    /// Runs that an older report would have called contended.
    pub(crate) n_legacy_flags: usize,
    /// The run with the largest true speed-up, as the largest of `n_complete` draws.
    pub(crate) peak: Option<(RunId, f64)>,
    pub(crate) contention: Contention,
    /// The worst status of its runs and of the solo runs beside them.
    pub(crate) status: Status,
}

/// One agent of a concurrent configuration.
#[derive(Debug, Clone)]
pub(crate) struct AgentAnalysis {
    pub(crate) agent: String,
    pub(crate) server: String,
    pub(crate) together: Option<Estimate>,
    pub(crate) alone: Option<Estimate>,
    /// Wall time together over wall time alone.
    pub(crate) slowdown: Option<Compared>,
    /// The same per output token.
    pub(crate) slowdown_per_token: Option<PairedRatio>,
    /// Output tokens together over alone.
    pub(crate) token_ratio: Option<PairedRatio>,
    pub(crate) wait: Option<Estimate>,
    pub(crate) wait_alone: Option<Estimate>,
    /// Wait together less wait alone, in milliseconds, block by block.
    pub(crate) wait_added: Option<Estimate>,
}

/// What the slowdowns of a configuration's agents say together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Contention {
    /// Every agent is as fast as alone, within the margin.
    Absent,
    /// Neither shown nor ruled out for every agent.
    Open,
    /// Some agent was shown to be slower than alone.
    Shown,
    /// No agent could be judged.
    NotJudged,
}

impl Contention {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Absent => "none",
            Self::Open => "open",
            Self::Shown => "contended",
            Self::NotJudged => "not judged",
        }
    }
}

/// Returns the ratio of two quantities of the runs, within blocks.
pub(crate) fn ratio(
    runs: &[&Observed],
    rule: &DecisionRule,
    value: impl Fn(&Observed) -> (f64, f64),
) -> Option<PairedRatio> {
    paired_ratio(&pairs(runs, value).ok()?, rule.confidence).ok()
}

/// Returns pairs of two quantities of the runs, one for each block.
pub(crate) fn pairs(
    runs: &[&Observed],
    value: impl Fn(&Observed) -> (f64, f64),
) -> Result<Pairs, PairsError> {
    let pair = |run: &&Observed| {
        let (treatment, baseline) = value(run);
        Pair { treatment, baseline }
    };
    Pairs::new(&runs.iter().map(pair).collect::<Vec<_>>())
}

/// What a configuration is estimated from.
pub(crate) struct Material<'a> {
    pub(crate) planned: &'a [Configuration],
    pub(crate) observed: &'a [Observed],
    pub(crate) facts: &'a [&'a RunFacts],
    pub(crate) rows: &'a [RunRow],
}

/// Estimates the configuration at position `at`; comparisons are added later.
pub(crate) fn one(
    material: &Material<'_>,
    at: usize,
    made_from: &Together,
    rule: &DecisionRule,
) -> TogetherAnalysis {
    let Material { planned, observed, facts, rows } = *material;
    let configuration = &planned[at];
    let own = by_block(observed, at);
    let runs: Vec<&Observed> = own.values().copied().collect();
    let mean = |value: &dyn Fn(&Observed) -> f64| {
        Estimate::of(runs.iter().map(|run| value(run)).collect(), rule.confidence)
    };
    let of_configuration =
        || facts.iter().zip(rows).filter(|(_, row)| row.configuration == Some(at));
    let ended: Vec<&Observed> = runs.iter().copied().filter(|run| !run.has_runaway).collect();
    let peak = runs.iter().max_by(|a, b| a.speedup().total_cmp(&b.speedup()));
    let agents = configuration
        .placements
        .iter()
        .enumerate()
        .map(|(index, placement)| agent(placement, index, &runs, rule))
        .collect();
    TogetherAnalysis {
        configuration: at,
        made_from: made_from.clone(),
        n_agents: configuration.placements.len(),
        n_sealed: of_configuration().count(),
        n_measured: of_configuration().filter(|(run, _)| run.is_measured()).count(),
        n_complete: runs.len(),
        n_runaway: runs.len() - ended.len(),
        speedup: ratio(&runs, rule, |run| (run.alone_s(), run.makespan_s)),
        speedup_without_runaways: ratio(&ended, rule, |run| (run.alone_s(), run.makespan_s)),
        pays: None,
        agents,
        makespan: mean(&|run| run.makespan_s),
        alone: mean(&Observed::alone_s),
        rate: mean(&Observed::work_rate),
        rate_alone: mean(&Observed::work_rate_alone),
        rate_ratio: ratio(&runs, rule, |run| (run.work_rate(), run.work_rate_alone())),
        fairness: mean(&|run| run.fairness),
        overlap: mean(&|run| run.overlap),
        balance: mean(&Observed::balance),
        start_spread: mean(&|run| run.start_spread_ms),
        n_legacy_flags: runs.iter().filter(|run| run.has_legacy_flag()).count(),
        peak: peak.map(|run| (run.run.clone(), run.speedup())),
        contention: Contention::NotJudged,
        status: status(planned, at, rows),
    }
}

/// Estimates the agent at position `index` of the runs.
fn agent(
    placement: &Placement,
    index: usize,
    runs: &[&Observed],
    rule: &DecisionRule,
) -> AgentAnalysis {
    let mean = |value: &dyn Fn(&AgentObserved) -> Option<f64>| {
        let values: Option<Vec<f64>> = runs.iter().map(|run| value(&run.agents[index])).collect();
        Estimate::of(values?, rule.confidence)
    };
    let per_token = |run: &Observed| {
        let agent = &run.agents[index];
        (1.0 / agent.together.rate(), 1.0 / agent.alone.rate())
    };
    let tokens = |run: &Observed| {
        let agent = &run.agents[index];
        (agent.together.output_tokens, agent.alone.output_tokens)
    };
    AgentAnalysis {
        agent: placement.agent.clone(),
        server: placement.server.clone(),
        together: mean(&|agent| Some(agent.together.wall_s)),
        alone: mean(&|agent| Some(agent.alone.wall_s)),
        slowdown: None,
        slowdown_per_token: ratio(runs, rule, per_token),
        token_ratio: ratio(runs, rule, tokens),
        wait: mean(&|agent| agent.together.wait_ms),
        wait_alone: mean(&|agent| agent.alone.wait_ms),
        wait_added: mean(&|agent| Some(agent.together.wait_ms? - agent.alone.wait_ms?)),
    }
}

/// Returns the worst status of the runs of a configuration and of its solo ones.
fn status(planned: &[Configuration], at: usize, rows: &[RunRow]) -> Status {
    let is_meant = |row: &&RunRow| {
        row.configuration.is_some_and(|other| {
            let id = &planned[other].id;
            let is_solo = |solo: &Option<_>| solo.as_ref() == Some(id);
            other == at || planned[at].placements.iter().any(|each| is_solo(&each.solo))
        })
    };
    rows.iter().filter(is_meant).map(|row| row.status).max().unwrap_or(Status::Valid)
}
