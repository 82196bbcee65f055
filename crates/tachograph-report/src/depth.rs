//! What lies below the verdicts on one metric.
//!
//! Owns: [`Depth`], everything beyond a mean and a ratio that is computed for a
//! metric: tests that suppose less, ratios at equal output length, where
//! variation comes from, the series of runs in time, what choosing the best did,
//! and power. The report prints it for the primary metric, `tacho analyze` for any.
//!
//! Does not: compute a statistic itself (`tachograph_stats` does), round, or
//! choose words. A method that could not be used says why: [`Refused`].

pub(crate) mod companions;
pub(crate) mod exploratory;
pub(crate) mod length;
pub(crate) mod power;
pub(crate) mod selection;
pub(crate) mod series;
pub(crate) mod variation;

use std::collections::BTreeMap;
use std::error::Error;

use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::{Arm, RunId};
use tachograph_model::study::{JournalEntry, StudyHead};
use tachograph_stats::DecisionRule;

use crate::analysis::RunRow;
use crate::analysis::configuration::ConfigurationAnalysis;
use crate::analysis::direction;
use crate::facts::RunFacts;
use companions::Companions;
use length::EqualLength;
use power::Power;
use selection::Selection;
use series::Series;
use variation::Variation;

/// Why a method gives nothing: what it needs, and what there is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused(pub(crate) String);

/// What a method found, or why it found nothing.
pub(crate) type Found<T> = Result<T, Refused>;

impl<E: Error> From<E> for Refused {
    fn from(error: E) -> Self {
        let mut words = error.to_string();
        let mut cause = error.source();
        while let Some(error) = cause {
            words = format!("{words}: {error}");
            cause = error.source();
        }
        Self(words)
    }
}

/// What all parts are computed from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Inputs<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) rule: &'a DecisionRule,
    pub(crate) metric: Metric,
    pub(crate) configurations: &'a [ConfigurationAnalysis],
    pub(crate) runs: &'a [RunRow],
    /// The facts of `runs`, in their order.
    pub(crate) facts: &'a [&'a RunFacts],
    /// The stretches of execution between two interruptions, from 0, by run.
    pub(crate) sessions: &'a BTreeMap<RunId, usize>,
}

/// Everything below the verdicts on one metric.
#[derive(Debug, Clone)]
pub(crate) struct Depth {
    /// Tests that suppose less, for each configuration that was compared.
    pub(crate) companions: Vec<Companions>,
    /// The ratio at equal output length, for the same configurations.
    pub(crate) equal_length: Vec<EqualLength>,
    pub(crate) variation: Variation,
    pub(crate) series: Series,
    pub(crate) selection: Selection,
    /// What each comparison could tell and what would settle it.
    pub(crate) power: Vec<Power>,
}

impl Depth {
    pub(crate) fn of(inputs: &Inputs<'_>) -> Self {
        Self {
            companions: companions::of(inputs),
            equal_length: length::of(inputs),
            variation: variation::of(inputs),
            series: series::of(inputs),
            selection: selection::of(inputs),
            power: power::of(inputs),
        }
    }
}

impl<'a> Inputs<'a> {
    /// Returns the rule, with the direction of the metric.
    pub(crate) fn rule(&self) -> DecisionRule {
        DecisionRule { direction: direction(self.metric), ..*self.rule }
    }

    /// Returns the values of a configuration, by block.
    pub(crate) fn by_block(&self, configuration: usize) -> BTreeMap<u32, f64> {
        self.rows(configuration)
            .filter_map(|row| Some((row.id.block, *row.metrics.get(&self.metric)?)))
            .collect()
    }

    /// Returns the runs of a configuration, in the order of execution.
    pub(crate) fn rows(&self, configuration: usize) -> impl Iterator<Item = &'a RunRow> {
        self.runs.iter().filter(move |row| row.configuration == Some(configuration))
    }

    /// Returns the measured runs of a configuration, in the order of execution.
    pub(crate) fn measured(&self, configuration: usize) -> impl Iterator<Item = &'a RunFacts> {
        let runs = self.runs.iter().zip(self.facts);
        let own = runs.filter(move |(row, _)| row.configuration == Some(configuration));
        own.filter(|(row, _)| row.is_measured).map(|(_, facts)| *facts)
    }

    /// Returns the position of the baseline.
    pub(crate) fn baseline(&self) -> Option<usize> {
        self.configurations.iter().position(|each| each.planned.arm == Arm::Baseline)
    }

    /// Returns the positions of what is compared with the baseline.
    pub(crate) fn compared(&self) -> impl Iterator<Item = usize> + '_ {
        let is_compared = |at: &usize| self.configurations[*at].planned.arm != Arm::Baseline;
        (0..self.configurations.len()).filter(is_compared)
    }

    /// Returns the positions of the tuned configurations.
    pub(crate) fn tuned(&self) -> impl Iterator<Item = usize> + '_ {
        self.compared().filter(|&at| self.configurations[at].planned.arm == Arm::Chimera)
    }
}

/// Returns in which stretch between two interruptions each run was sealed.
pub(crate) fn sessions(head: &StudyHead) -> BTreeMap<RunId, usize> {
    let mut session = 0;
    let mut sessions = BTreeMap::new();
    let mut is_used = false;
    for line in &head.journal {
        match &line.entry {
            JournalEntry::RunSealed(sealed) => {
                sessions.insert(sealed.run.clone(), session);
                is_used = true;
            }
            JournalEntry::Resumed(_) if is_used => {
                session += 1;
                is_used = false;
            }
            _ => {}
        }
    }
    sessions
}
