//! What happened otherwise than planned.
//!
//! Owns: the list of deviations, from the journal and the runs.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::event::RunOutcome;
use tachograph_model::plan::expand;
use tachograph_model::run::RunId;
use tachograph_model::study::{JournalEntry, StudyHead};

use super::stopping::Stopping;
use crate::facts::RunFacts;

/// One way in which the study is not what the plan says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Deviation {
    /// The journal does not say what was planned.
    NoRecordOfPlan,
    /// The plan at hand is not the one whose digest was written first.
    OtherPlan,
    /// The command line changed the plan.
    Override(String),
    /// The study was taken up again so many times.
    Resumed(u64),
    /// A run was given up and nothing of it kept.
    Abandoned(RunId, String),
    /// A run failed, with what the harness remarked: it is kept and enters no mean.
    Failed(RunId, String),
    /// Planned runs that are not there.
    Missing(Vec<RunId>),
    /// A run that the plan does not have.
    Unplanned(RunId),
    /// Runs out of their planned order.
    Reordered(u64),
}

/// Lists the deviations. Runs after the look at which the stopping rule ended the
/// study were not due and are not missing.
pub(crate) fn list(
    head: &StudyHead,
    facts: &[&RunFacts],
    stopping: Option<&Stopping>,
) -> Vec<Deviation> {
    let mut deviations = Vec::new();
    match head.created() {
        None => deviations.push(Deviation::NoRecordOfPlan),
        Some(created) => {
            if created.plan_lock_sha256 != head.plan_sha256 {
                deviations.push(Deviation::OtherPlan);
            }
            deviations.extend(created.overrides.iter().cloned().map(Deviation::Override));
        }
    }
    let mut n_resumed = 0;
    for line in &head.journal {
        match &line.entry {
            JournalEntry::Resumed(_) => n_resumed += 1,
            JournalEntry::RunAbandoned(given_up) => {
                deviations
                    .push(Deviation::Abandoned(given_up.run.clone(), given_up.reason.clone()));
            }
            _ => {}
        }
    }
    if n_resumed > 0 {
        deviations.push(Deviation::Resumed(n_resumed));
    }
    let planned: BTreeMap<RunId, u32> =
        expand::runs(&head.plan).into_iter().map(|run| (run.id, run.index)).collect();
    let failed = facts.iter().filter(|run| run.outcome == RunOutcome::Failed);
    deviations.extend(failed.map(|run| {
        let remarks = run.remarks.iter().map(|(name, remark)| format!("{name}: {remark}"));
        Deviation::Failed(run.id.clone(), remarks.collect::<Vec<_>>().join("; "))
    }));
    let sealed: BTreeSet<&RunId> = facts.iter().map(|run| &run.id).collect();
    let n_blocks = stopping.and_then(Stopping::stopped_after).unwrap_or(u32::MAX);
    let is_missing = |id: &&RunId| id.block <= n_blocks && !sealed.contains(id);
    let missing: Vec<RunId> = planned.keys().filter(is_missing).cloned().collect();
    if !missing.is_empty() {
        deviations.push(Deviation::Missing(missing));
    }
    let mut n_reordered = 0;
    for run in facts {
        match planned.get(&run.id) {
            None => deviations.push(Deviation::Unplanned(run.id.clone())),
            Some(index) => n_reordered += u64::from(*index != run.index),
        }
    }
    if n_reordered > 0 {
        deviations.push(Deviation::Reordered(n_reordered));
    }
    deviations
}
