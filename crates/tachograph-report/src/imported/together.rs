//! What concurrent runs of another program give.
//!
//! Owns: balance under the name that older reports gave it, per session, phase, scenario and
//! over all; the flag that older reports raised; and true speed-up against solo runs of
//! another session, where the source has any.

use std::collections::BTreeMap;

use tachograph_model::run::{Arm, Configuration, ConfigurationId};
use tachograph_model::units::DurationNs;
use tachograph_stats::{
    DecisionRule, IndependentRatio, Proportion, ProportionEstimate, Sample, Summary,
    independent_ratio,
};

use super::summary;
use crate::concurrency::LEGACY_FLAG_BELOW;
use crate::facts::RunFacts;

/// Everything about concurrent runs.
#[derive(Debug, Clone)]
pub(crate) struct Together {
    /// Each session, in order.
    pub(crate) sessions: Vec<Balance>,
    /// Runs taken together: all, by phase, by scenario.
    pub(crate) groups: Vec<Group>,
    /// Concurrent configurations against solo runs of another session.
    pub(crate) solo: Vec<AgainstSolo>,
}

/// How equal the durations of a session's agents are.
#[derive(Debug, Clone)]
pub(crate) struct Balance {
    pub(crate) session: String,
    /// A value for each run, a fraction.
    pub(crate) runs: Vec<f64>,
    /// Wall time of each run, in seconds.
    pub(crate) makespan_s: Vec<f64>,
    pub(crate) phase: String,
    pub(crate) scenario: String,
    /// Runs that older reports flagged.
    pub(crate) n_flagged: u64,
    /// Runs whose flag in the source is another.
    pub(crate) n_flags_differ: u64,
}

/// Sessions taken together.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    /// `all`, `phase/…` or `scenario/…`.
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) runs: Summary,
    /// Of the means of sessions.
    pub(crate) sessions: Summary,
    pub(crate) flagged: ProportionEstimate,
    /// The session with the largest mean.
    pub(crate) best: String,
    /// The session with the largest single run.
    pub(crate) peak: String,
}

/// A concurrent configuration against solo runs of another session.
#[derive(Debug, Clone)]
pub(crate) struct AgainstSolo {
    pub(crate) session: String,
    /// Sum of the agents' mean wall times alone, over the mean makespan.
    pub(crate) speedup: f64,
    /// That, divided by the number of agents.
    pub(crate) efficiency: f64,
    pub(crate) balance: f64,
    pub(crate) n_together: usize,
    pub(crate) n_solo: usize,
    /// Each agent's wall time together over alone.
    pub(crate) slowdowns: Vec<(String, IndependentRatio)>,
}

impl Together {
    pub(super) fn of(
        planned: &[Configuration],
        facts: &[&RunFacts],
        rule: &DecisionRule,
    ) -> Option<Self> {
        let by_id: BTreeMap<_, _> = planned.iter().map(|each| (&each.id, each)).collect();
        let mut sessions: BTreeMap<&str, Balance> = BTreeMap::new();
        for run in facts {
            let configuration = by_id.get(&run.id.configuration);
            let Some(together) = configuration.and_then(|each| each.together.as_ref()) else {
                continue;
            };
            let Some((reported, (makespan, sum))) = run.reported.as_ref().zip(walls(run)) else {
                continue;
            };
            let session = sessions.entry(&reported.session).or_insert_with(|| Balance {
                session: reported.session.clone(),
                runs: Vec::new(),
                makespan_s: Vec::new(),
                phase: together.phase.clone(),
                scenario: together.scenario.to_string(),
                n_flagged: 0,
                n_flags_differ: 0,
            });
            let is_flagged = sum / makespan < LEGACY_FLAG_BELOW;
            session.runs.push(sum / makespan / run.agents.len() as f64);
            session.makespan_s.push(makespan);
            session.n_flagged += u64::from(is_flagged);
            let differs = reported.legacy_flag.is_some_and(|flag| flag != is_flagged);
            session.n_flags_differ += u64::from(differs);
        }
        let sessions: Vec<Balance> = sessions.into_values().collect();
        (!sessions.is_empty()).then(|| Self {
            groups: groups(&sessions, rule),
            solo: against_solo(planned, facts, rule),
            sessions,
        })
    }
}

/// Returns the makespan of a run of several agents and the sum of their wall times, in
/// seconds.
fn walls(run: &RunFacts) -> Option<(f64, f64)> {
    let makespan = run.wall()?.as_seconds();
    let walls: Option<Vec<f64>> =
        run.agents.iter().map(|agent| agent.wall().map(DurationNs::as_seconds)).collect();
    let walls = walls.filter(|walls| walls.len() > 1)?;
    (makespan > 0.0).then(|| (makespan, walls.iter().sum()))
}

fn groups(sessions: &[Balance], rule: &DecisionRule) -> Vec<Group> {
    let mut names: Vec<(String, String)> = vec![("all".to_owned(), "all runs".to_owned())];
    let mut further: Vec<(String, String)> = Vec::new();
    for session in sessions {
        further.push((format!("phase/{}", session.phase), session.phase.clone()));
        further.push((format!("scenario/{}", session.scenario), session.scenario.clone()));
    }
    further.sort();
    further.dedup();
    names.extend(further);
    let one = |(id, name): (String, String)| {
        let own: Vec<&Balance> = sessions
            .iter()
            .filter(|session| {
                id == "all"
                    || id == format!("phase/{}", session.phase)
                    || id == format!("scenario/{}", session.scenario)
            })
            .collect();
        let runs: Vec<f64> = own.iter().flat_map(|session| session.runs.clone()).collect();
        let mean = |session: &Balance| summary(&session.runs).map_or(0.0, |own| own.mean);
        let peak = |session: &Balance| summary(&session.runs).map_or(0.0, |own| own.max);
        let means: Vec<f64> = own.iter().map(|session| mean(session)).collect();
        let largest = |of: &dyn Fn(&Balance) -> f64| {
            own.iter().max_by(|a, b| of(a).total_cmp(&of(b))).map(|it| it.session.clone())
        };
        let n_flagged = own.iter().map(|session| session.n_flagged).sum();
        let flagged = Proportion::new(n_flagged, runs.len() as u64).ok()?;
        Some(Group {
            best: largest(&mean)?,
            peak: largest(&peak)?,
            runs: summary(&runs)?,
            sessions: summary(&means)?,
            flagged: flagged.estimate(rule.confidence),
            id,
            name,
        })
    };
    names.into_iter().filter_map(one).collect()
}

/// Returns every concurrent configuration all of whose agents have solo runs.
fn against_solo(
    planned: &[Configuration],
    facts: &[&RunFacts],
    rule: &DecisionRule,
) -> Vec<AgainstSolo> {
    let of = |id: &ConfigurationId| -> Vec<&RunFacts> {
        let own = |run: &&&RunFacts| run.is_measured() && run.id.configuration == *id;
        facts.iter().filter(own).copied().collect()
    };
    let alone = |id: &ConfigurationId| {
        let walls = of(id).into_iter().filter_map(RunFacts::wall).map(DurationNs::as_seconds);
        Sample::new(&walls.collect::<Vec<f64>>()).ok()
    };
    let one = |configuration: &Configuration| {
        let runs = of(&configuration.id);
        let session = runs.first()?.reported.as_ref()?.session.clone();
        let spans: Option<Vec<(f64, f64)>> = runs.iter().map(|run| walls(run)).collect();
        let spans = spans?;
        let makespans: Vec<f64> = spans.iter().map(|(makespan, _)| *makespan).collect();
        let mut sum_alone = 0.0;
        let mut n_solo = usize::MAX;
        let mut slowdowns = Vec::new();
        for placement in &configuration.placements {
            let solo = alone(placement.solo.as_ref()?)?;
            let own = runs.iter().filter_map(|run| run.agent(&placement.agent)?.wall());
            let own: Vec<f64> = own.map(DurationNs::as_seconds).collect();
            let ratio = independent_ratio(&Sample::new(&own).ok()?, &solo, rule.confidence).ok()?;
            slowdowns.push((placement.agent.clone(), ratio));
            sum_alone += solo.mean();
            n_solo = n_solo.min(solo.n());
        }
        let speedup = sum_alone / summary(&makespans)?.mean;
        let n_agents = configuration.placements.len() as f64;
        let balances: Vec<f64> =
            spans.iter().map(|(makespan, sum)| sum / makespan / n_agents).collect();
        Some(AgainstSolo {
            session,
            speedup,
            efficiency: speedup / n_agents,
            balance: summary(&balances)?.mean,
            n_together: runs.len(),
            n_solo,
            slowdowns,
        })
    };
    planned.iter().filter(|each| each.arm == Arm::Concurrent).filter_map(one).collect()
}
