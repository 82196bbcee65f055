//! What each session of a source gives.
//!
//! Owns: decode rate and time to first token of each arm or agent of a session, call by
//! call as recorded, without failed calls, and run by run; the same over sessions; what
//! levels of a factor are apart.

use std::collections::BTreeMap;

use tachograph_model::plan::Plan;
use tachograph_model::run::{Arm, Configuration, ConfigurationId};
use tachograph_stats::{Sample, Summary};

use super::summary;
use crate::analysis::RunRow;
use crate::facts::{AgentFacts, CallFacts, RunFacts};

/// The name under which a source states the decode rate of a call, failed ones included.
const RECORDED_RATE: &str = "throughput_tokens_per_sec";
/// The name under which a source states the time to first token of a call that failed.
const RECORDED_TTFT: &str = "ttft_ms";

/// One arm or agent of one session.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) session: String,
    /// The arm of an agent alone, the agent of several.
    pub(crate) part: String,
    pub(crate) n_calls: u64,
    pub(crate) n_failed: u64,
    pub(crate) rate: Rates,
    pub(crate) ttft: Ttfts,
}

/// Decode rates in tokens/s, as the server reports them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rates {
    /// Of every call as recorded: zero for one that failed.
    pub(crate) every_call: Option<Summary>,
    /// Of completed calls.
    pub(crate) completed: Option<Summary>,
    /// Means of runs whose calls all completed.
    pub(crate) runs: Vec<f64>,
    /// Means that the source reports in the place of calls.
    pub(crate) reported: Option<Summary>,
}

/// Times to first token in milliseconds.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ttfts {
    /// Of every call as recorded, cold, warm and failed.
    pub(crate) every_call: Option<Summary>,
    pub(crate) cold: Option<Summary>,
    pub(crate) warm: Option<Summary>,
    /// Means that the source reports in the place of calls.
    pub(crate) reported: Option<Summary>,
}

/// One arm or agent over all sessions: a value for each session.
#[derive(Debug, Clone)]
pub(crate) struct Across {
    pub(crate) part: String,
    pub(crate) rate_every_call: Option<Summary>,
    pub(crate) rate_completed: Option<Summary>,
    pub(crate) rate_reported: Option<Summary>,
    pub(crate) ttft_every_call: Option<Summary>,
    pub(crate) ttft_cold: Option<Summary>,
    pub(crate) ttft_warm: Option<Summary>,
    pub(crate) ttft_reported: Option<Summary>,
}

/// What the levels of a factor are apart.
#[derive(Debug, Clone)]
pub(crate) struct LevelSpread {
    pub(crate) factor: String,
    /// Each level with the mean of the primary metric over its runs.
    pub(crate) levels: Vec<(String, Summary)>,
    /// Mean of the standard deviations within levels, of the primary metric.
    pub(crate) sd_within: Option<f64>,
}

/// What a call, a run and an agent add to a subject.
#[derive(Default)]
struct Values {
    n_calls: u64,
    n_failed: u64,
    rates: [Vec<f64>; 4],
    ttfts: [Vec<f64>; 4],
}

/// Returns the name by which each configuration stands in its session.
pub(super) fn parts(planned: &[Configuration]) -> BTreeMap<&ConfigurationId, &'static str> {
    let part = |arm| match arm {
        Arm::Baseline => "baseline",
        Arm::BaselineAa => "baseline-again",
        Arm::Solo => "solo",
        Arm::Chimera | Arm::Concurrent | Arm::Implementation => "tuned",
    };
    planned.iter().map(|each| (&each.id, part(each.arm))).collect()
}

/// Returns every subject, in the order of sessions, arms and agents.
pub(super) fn subjects(
    planned: &[Configuration],
    facts: &[&RunFacts],
    rows: &[RunRow],
) -> Vec<Subject> {
    let parts = parts(planned);
    let mut found: BTreeMap<(String, String, ConfigurationId), Values> = BTreeMap::new();
    for (run, row) in facts.iter().zip(rows) {
        let Some(reported) = &run.reported else { continue };
        for agent in &run.agents {
            let part = match parts.get(&run.id.configuration) {
                Some(part) if run.agents.len() == 1 => (*part).to_owned(),
                _ => agent.name.clone(),
            };
            let key = (reported.session.clone(), part, run.id.configuration.clone());
            found.entry(key).or_default().add(agent, row.is_measured);
        }
    }
    let one = |((session, part, _), values): (_, Values)| {
        let (n_calls, n_failed) = (values.n_calls, values.n_failed);
        let [every_call, completed, runs, reported] = values.rates;
        let rate = Rates {
            every_call: summary(&every_call),
            completed: summary(&completed),
            runs,
            reported: summary(&reported),
        };
        let [every_call, cold, warm, reported] = values.ttfts.map(|values| summary(&values));
        let ttft = Ttfts { every_call, cold, warm, reported };
        Subject { session, part, n_calls, n_failed, rate, ttft }
    };
    found.into_iter().map(one).collect()
}

impl Values {
    fn add(&mut self, agent: &AgentFacts, is_measured: bool) {
        let stated = |call: &CallFacts, name: &str| call.stated.as_ref()?.get(name).copied();
        let mut of_run = Vec::new();
        for call in agent.counted_calls() {
            self.n_calls += 1;
            self.rates[0].extend(stated(call, RECORDED_RATE).or(call.server_decode_rate()));
            self.ttfts[0].extend(call.ttft_ms().or_else(|| stated(call, RECORDED_TTFT)));
            if !call.is_completed() {
                self.n_failed += 1;
                continue;
            }
            self.rates[1].extend(call.server_decode_rate());
            of_run.extend(call.server_decode_rate());
            self.ttfts[if call.cold { 1 } else { 2 }].extend(call.ttft_ms());
        }
        if is_measured && let Ok(sample) = Sample::new(&of_run) {
            self.rates[2].push(sample.mean());
        }
        if let Some(means) = agent.means() {
            self.n_calls += means.n_calls;
            self.rates[3].extend(means.server_decode_rate);
            self.ttfts[3].extend(means.ttft_ms);
        }
    }
}

/// Returns each part over all sessions.
pub(super) fn across(subjects: &[Subject]) -> Vec<Across> {
    let mut parts: Vec<&str> = subjects.iter().map(|subject| &*subject.part).collect();
    parts.sort_unstable();
    parts.dedup();
    let one = |part: &str| {
        let of = |mean: &dyn Fn(&Subject) -> Option<Summary>| {
            let own = subjects.iter().filter(|subject| subject.part == part);
            let means: Vec<f64> = own.filter_map(mean).map(|summary| summary.mean).collect();
            summary(&means)
        };
        Across {
            part: part.to_owned(),
            rate_every_call: of(&|it| it.rate.every_call),
            rate_completed: of(&|it| it.rate.completed),
            rate_reported: of(&|it| it.rate.reported),
            ttft_every_call: of(&|it| it.ttft.every_call),
            ttft_cold: of(&|it| it.ttft.cold),
            ttft_warm: of(&|it| it.ttft.warm),
            ttft_reported: of(&|it| it.ttft.reported),
        }
    };
    parts.into_iter().map(one).collect()
}

/// Returns what the levels of each factor are apart, in the primary metric.
pub(super) fn levels(plan: &Plan, planned: &[Configuration], rows: &[RunRow]) -> Vec<LevelSpread> {
    let metric = plan.primary.metric;
    let spread = |(factor, levels): (&String, &Vec<_>)| {
        let of_level = |level| {
            let has = |row: &&RunRow| {
                row.configuration.is_some_and(|at| planned[at].levels.get(factor) == Some(level))
            };
            let own = rows.iter().filter(has).filter_map(|row| row.metrics.get(&metric).copied());
            Some((level.to_string(), summary(&own.collect::<Vec<f64>>())?))
        };
        let levels: Vec<(String, Summary)> = levels.iter().filter_map(of_level).collect();
        let sds: Option<Vec<f64>> = levels.iter().map(|(_, summary)| summary.sd).collect();
        let sd_within = sds.and_then(|sds| summary(&sds)).map(|summary| summary.mean);
        LevelSpread { factor: factor.clone(), levels, sd_within }
    };
    plan.factors.iter().map(spread).filter(|spread| spread.levels.len() > 1).collect()
}
