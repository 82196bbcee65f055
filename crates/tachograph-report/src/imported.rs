//! Results of another program, under every definition that gives them a number.
//!
//! Owns: [`ImportedAnalysis`]: what each session of the source gives when calls are
//! averaged as older reports did, and when they are not; balance; solo runs of another
//! session; dates; levels.
//!
//! Does not: choose one of the definitions; the report names them all.

mod report;
mod session;
mod together;

use std::collections::BTreeMap;

use tachograph_model::plan::Plan;
use tachograph_model::plan::imported::Imported;
use tachograph_model::run::Configuration;
use tachograph_stats::{DecisionRule, Sample, Summary};

use crate::analysis::RunRow;
use crate::facts::RunFacts;
pub(crate) use report::write;
use session::{Across, LevelSpread, Subject};
use together::Together;

/// What an imported study says, beside what every study says.
#[derive(Debug, Clone)]
pub(crate) struct ImportedAnalysis {
    pub(crate) from: Imported,
    /// Each arm or agent of each session, in the order of sessions.
    pub(crate) subjects: Vec<Subject>,
    /// Each arm or agent over all sessions.
    pub(crate) across: Vec<Across>,
    /// What concurrent runs give; absent without any.
    pub(crate) together: Option<Together>,
    /// What each factor's levels are apart.
    pub(crate) levels: Vec<LevelSpread>,
    /// When each session was, as the source writes it.
    pub(crate) dates: Vec<Dated>,
}

/// An instant of a session.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dated {
    pub(crate) at: String,
    pub(crate) is: String,
    pub(crate) session: String,
    pub(crate) part: String,
}

impl ImportedAnalysis {
    /// Analyses an imported study; `None` for one that was measured.
    pub(crate) fn of(
        plan: &Plan,
        planned: &[Configuration],
        facts: &[&RunFacts],
        rows: &[RunRow],
        rule: &DecisionRule,
    ) -> Option<Self> {
        let from = plan.imported.clone()?;
        let subjects = session::subjects(planned, facts, rows);
        let across = session::across(&subjects);
        Some(Self {
            across,
            together: Together::of(planned, facts, rule),
            levels: session::levels(plan, planned, rows),
            dates: dates(planned, facts),
            subjects,
            from,
        })
    }
}

/// Returns the sets of runs that claims about sessions rest on.
pub(crate) fn sets(facts: &[&RunFacts]) -> BTreeMap<String, Vec<usize>> {
    let mut sets: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, run) in facts.iter().enumerate() {
        if let Some(reported) = &run.reported {
            sets.entry(set_of(&reported.session)).or_default().push(at);
        }
    }
    sets
}

/// Returns the name of the set of a session's runs.
pub(crate) fn set_of(session: &str) -> String {
    format!("session {session}")
}

/// Returns what a sample looks like, if there is one.
fn summary(values: &[f64]) -> Option<Summary> {
    Sample::new(values).ok().map(|sample| Summary::of(&sample))
}

/// Returns when sessions were, each instant once.
fn dates(planned: &[Configuration], facts: &[&RunFacts]) -> Vec<Dated> {
    let parts = session::parts(planned);
    let mut dates: Vec<Dated> = facts
        .iter()
        .filter_map(|run| {
            let reported = run.reported.as_ref()?;
            let several = run.agents.len() > 1;
            let part = if several { "" } else { parts.get(&run.id.configuration).copied()? };
            Some(Dated {
                at: reported.at.clone()?,
                is: reported.at_is.clone().unwrap_or_default(),
                session: reported.session.clone(),
                part: part.to_owned(),
            })
        })
        .collect();
    dates.sort();
    dates.dedup();
    dates
}
