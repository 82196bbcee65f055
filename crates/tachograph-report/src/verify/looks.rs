//! Whether the looks in the journal follow from the events.
//!
//! Owns: asking the plan's stopping rule again, and naming each entry of the
//! journal that says something else.
//!
//! Does not: check the chain of the journal; the store does.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use tachograph_model::run::ConfigurationId;
use tachograph_model::study::{ConfigurationLook, JournalEntry, LookDecision, Looked, StudyHead};

use crate::analysis::stopping::{PrimaryValues, SequentialRule, looks, n_complete};
use crate::facts::RunFacts;
use tachograph_model::plan::expand;

/// Intervals may differ by so much, since other machines round logarithms otherwise.
const RELATIVE: f64 = 1e-9;

/// A look that does not follow from the events, or is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LookFault {
    /// The line of the journal, from 1; absent for a look that is not there.
    pub line: Option<u64>,
    /// What is wrong.
    pub message: String,
}

impl fmt::Display for LookFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "journal.jsonl, line {line}: {}", self.message),
            None => write!(f, "journal.jsonl: {}", self.message),
        }
    }
}

/// Asks the stopping rule again at each look and compares the journal's answers.
///
/// `facts` are those of all sealed runs, in any order. A study that was interrupted
/// between its last block and the look at it lacks nothing.
pub fn check_looks(head: &StudyHead, facts: &[RunFacts]) -> Vec<LookFault> {
    let Some(rule) = SequentialRule::of(&head.plan) else {
        let message = "a look, although the plan has a fixed number of blocks";
        let fault = |line| LookFault { line: Some(line), message: message.to_owned() };
        return head.looked().map(|(line, _)| fault(line)).collect();
    };
    let planned: BTreeSet<ConfigurationId> =
        expand::configurations(&head.plan).into_iter().map(|each| each.id).collect();
    let mut values = PrimaryValues::default();
    let mut sealed: BTreeMap<u32, usize> = BTreeMap::new();
    for run in facts.iter().filter(|run| planned.contains(&run.id.configuration)) {
        values.add(&run.id, run.metric(rule.metric()));
        *sealed.entry(run.id.block).or_default() += 1;
    }
    let expected = looks(&rule, &values, n_complete(&sealed, planned.len()));
    let mut faults = Vec::new();
    let mut seen = BTreeSet::new();
    for (line, looked) in head.looked() {
        seen.insert(looked.n_blocks);
        let message = match expected.iter().find(|look| look.n_blocks == looked.n_blocks) {
            Some(expected) => difference(expected, looked),
            None => Some(format!(
                "a look after {} blocks, where the plan and the sealed runs have none",
                looked.n_blocks
            )),
        };
        faults.extend(message.map(|message| LookFault { line: Some(line), message }));
    }
    let missing = expected.iter().filter(|look| !seen.contains(&look.n_blocks));
    faults.extend(missing.filter(|look| went_on(head, look.n_blocks)).map(|look| LookFault {
        line: None,
        message: format!(
            "the study went on without the planned look after {} blocks",
            look.n_blocks
        ),
    }));
    faults
}

/// Returns whether the journal goes on after the block at which a look is due.
fn went_on(head: &StudyHead, n_blocks: u32) -> bool {
    head.journal.iter().any(|line| match &line.entry {
        JournalEntry::RunStarted(begun) => begun.run.block > n_blocks,
        JournalEntry::Completed(_) => true,
        _ => false,
    })
}

fn difference(expected: &Looked, found: &Looked) -> Option<String> {
    let at = format!("the look after {} blocks", expected.n_blocks);
    let ids = || expected.configurations.keys().chain(found.configurations.keys());
    for id in ids() {
        let sides = (expected.configurations.get(id), found.configurations.get(id));
        if let (Some(expected), Some(found)) = sides {
            if !is_same(expected, found) {
                let (expected, found) = (words(expected), words(found));
                return Some(format!("{at} says of {id}: {found}; the events give: {expected}"));
            }
        } else {
            return Some(format!("{at} does not judge the plan's tuned configurations ({id})"));
        }
    }
    let (expected, found) = (expected.decision, found.decision);
    (expected != found).then(|| {
        format!("{at} decides: {}; the events give: {}", decision(found), decision(expected))
    })
}

fn is_same(expected: &ConfigurationLook, found: &ConfigurationLook) -> bool {
    let near = |a: f64, b: f64| (a - b).abs() <= RELATIVE * a.abs().max(b.abs());
    let ends = match (expected.ratio_low_high, found.ratio_low_high) {
        (Some(a), Some(b)) => near(a[0], b[0]) && near(a[1], b[1]),
        (a, b) => a.is_none() && b.is_none(),
    };
    ends && expected.n_pairs == found.n_pairs && expected.verdict == found.verdict
}

fn words(look: &ConfigurationLook) -> String {
    let interval = look
        .ratio_low_high
        .map_or("no interval".to_owned(), |[low, high]| format!("ratio {low} to {high}"));
    format!("{}, {interval}, {} pairs", look.verdict.name(), look.n_pairs)
}

fn decision(decision: LookDecision) -> &'static str {
    match decision {
        LookDecision::GoOn => "go on",
        LookDecision::AllDecided => "all decided, stop",
        LookDecision::LastLook => "the last look, something open",
    }
}
