//! Two studies, or two configurations of one, against each other.
//!
//! Owns: [`contrast`], which says what became better, worse, equivalent or is
//! undecided, whether the two sides can be compared at all, and what a gate
//! makes of it.
//!
//! Does not: read studies ([`Extract`] is what it gets), define a statistic
//! (`tachograph_stats` does), or print.

mod comparability;
mod document;
mod extract;
mod judge;
mod junit;
mod within;
pub(crate) mod words;

pub use comparability::{Aspect, Comparability, Remark, Unlike, Untold};
pub(crate) use document::COMPARISON_SCHEMA;
pub use document::{Form, Gating};
pub(crate) use extract::evidence_digest;
pub use extract::{
    AgentIdentity, Asked, BASELINE_SCHEMA, BaselineError, Cell, Extract, ServerFacts, ServerWord,
    Setting, StudyIdentity,
};

pub(crate) use within::{Within, within};

use std::collections::BTreeSet;

use tachograph_model::plan::Metric;
use tachograph_model::plan::stopping::Rule;
use tachograph_model::run::Arm;
use tachograph_stats::{
    Confidence, ConfidenceError, DecisionRule, Interval, Margin, MarginError, Verdict,
};

use crate::analysis::direction;
use crate::validity::Status;

/// One side of a comparison.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// What the user calls it.
    pub name: &'a str,
    /// What is known of it.
    pub extract: &'a Extract,
    /// The one configuration that is meant, if not all are.
    pub configuration: Option<&'a str>,
}

/// How to compare. What is absent is taken from the reference's plan.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terms {
    /// What is compared.
    pub metric: Option<Metric>,
    /// The smallest relative difference that matters, a fraction.
    pub margin: Option<f64>,
    /// The error rate of the verdicts together.
    pub alpha: Option<f64>,
    /// Whether to compare what is not alike.
    pub force: bool,
    /// In what the sides may be unlike, since it is what changed on purpose.
    pub accept: BTreeSet<Aspect>,
}

/// Why two sides cannot be put against each other, whatever they hold.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ContrastError {
    /// A side does not have the configuration.
    #[error("{side} has no configuration `{id}`; it has {known}")]
    UnknownConfiguration {
        /// The side.
        side: String,
        /// What was asked for.
        id: String,
        /// What there is.
        known: String,
    },
    /// Both sides are one configuration of one study.
    #[error(
        "both sides are configuration `{id}` of the same study; name two configurations, or \
         compare with another study"
    )]
    SameConfiguration {
        /// The configuration.
        id: String,
    },
    /// Both sides are the same evidence.
    #[error(
        "both sides are the same study; to compare two of its configurations write \
         {side}#{first} {side}#{second}"
    )]
    SameStudy {
        /// The reference.
        side: String,
        /// One of its configurations.
        first: String,
        /// Another one.
        second: String,
    },
    /// No configuration is on both sides.
    #[error(
        "no configuration is on both sides: the reference has {reference}, the candidate \
         {candidate}; name one of each, as in A#{reference} B#{candidate}"
    )]
    NothingMatches {
        /// Those of the reference.
        reference: String,
        /// Those of the candidate.
        candidate: String,
    },
    /// The margin is not usable.
    #[error("the margin cannot be used")]
    Margin {
        /// Why.
        source: MarginError,
    },
    /// The error rate is not usable.
    #[error("alpha {alpha} cannot be used; it lies between 0 and 0.5, by custom at 0.05")]
    Alpha {
        /// What was given.
        alpha: f64,
        /// Why.
        source: ConfidenceError,
    },
}

/// How values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Design {
    /// Two configurations of one study: ratios within blocks.
    Paired,
    /// Two studies: independent samples of runs.
    Independent,
}

/// Two sides against each other.
#[derive(Debug, Clone, PartialEq)]
pub struct Contrast {
    pub(crate) reference: Identity,
    pub(crate) candidate: Identity,
    pub(crate) design: Design,
    pub(crate) metric: Metric,
    pub(crate) rule: DecisionRule,
    /// Which of metric, margin and alpha the command line replaced, with what the
    /// plan says.
    pub(crate) replaced: Vec<(&'static str, String)>,
    pub(crate) force: bool,
    pub(crate) accept: BTreeSet<Aspect>,
    pub(crate) comparability: Comparability,
    pub(crate) rows: Vec<Row>,
    pub(crate) others: Vec<Row>,
    /// Changes of each configuration's ratio to its own study's baseline.
    pub(crate) relative: Vec<Row>,
    /// The baseline against itself: first between the studies, then the A/A arm
    /// of each.
    pub(crate) drift: Option<Row>,
    pub(crate) noise: Vec<Row>,
    pub(crate) only_reference: Vec<String>,
    pub(crate) only_candidate: Vec<String>,
}

/// A side as results name it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Identity {
    pub(crate) name: String,
    pub(crate) extract: Extract,
    pub(crate) configuration: Option<String>,
}

/// One comparison.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    /// The configuration, or both where they differ.
    pub(crate) label: String,
    pub(crate) metric: Metric,
    pub(crate) reference: Sampled,
    pub(crate) candidate: Sampled,
    pub(crate) outcome: Result<Judged, Refusal>,
}

/// The runs of one side of a comparison.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sampled {
    /// Runs with a value that enter.
    pub(crate) n: usize,
    pub(crate) n_sealed: u64,
    pub(crate) n_measured: u64,
    /// The geometric mean, in the metric's unit.
    pub(crate) mean: Option<f64>,
    pub(crate) validity: Status,
}

/// What a comparison gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Judged {
    pub(crate) ratio: f64,
    pub(crate) interval: Interval,
    pub(crate) df: f64,
    pub(crate) p_difference: f64,
    pub(crate) p_difference_adjusted: f64,
    pub(crate) p_equivalence: f64,
    pub(crate) p_equivalence_adjusted: f64,
    pub(crate) equivalence_interval: Interval,
    pub(crate) family_size: usize,
    pub(crate) verdict: Verdict,
    /// Standard deviations of what was averaged.
    pub(crate) spread: Spread,
    /// Blocks (of one study, or of each of two) that would decide it; only of
    /// undecided comparisons of the primary metric.
    pub(crate) blocks_needed: Option<usize>,
}

/// Standard deviations on logarithms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Spread {
    /// Of log ratios within blocks.
    Paired(f64),
    /// Of the runs of the candidate and of the reference.
    Independent(f64, f64),
}

/// Why there is no verdict.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Refusal {
    /// The evidence of a side is invalid.
    Invalid,
    /// Fewer than two runs on a side, or fewer than two blocks with both.
    TooFew,
    /// A value is 0 or below, so there is no ratio.
    NotPositive,
    /// The interval leaves the range of numbers.
    OutOfRange,
}

/// What a gate makes of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Everything is better or equivalent.
    Passed,
    /// Something is worse.
    Worse,
    /// Nothing is worse, and something could not be judged.
    NotJudged,
    /// Nothing is worse, everything was judged, and something is inconclusive.
    Inconclusive,
}

/// Puts two sides against each other.
///
/// Sides that are not alike give a result without comparisons, unless `terms`
/// accept what is unlike; see [`Contrast::is_refused`].
///
/// # Errors
///
/// [`ContrastError`] if there is nothing to compare, or a term is unusable.
pub fn contrast(
    reference: Side<'_>,
    candidate: Side<'_>,
    terms: &Terms,
) -> Result<Contrast, ContrastError> {
    let (metric, rule, replaced) = settle(&reference.extract.primary, terms)?;
    known(reference)?;
    known(candidate)?;
    let same = reference.extract.study.is_same(&candidate.extract.study);
    let design = if same { Design::Paired } else { Design::Independent };
    let matched = matched(reference, candidate, design)?;
    let comparability = match design {
        Design::Paired => Comparability::of_one(reference.extract, candidate.extract),
        Design::Independent => Comparability::of(reference.extract, candidate.extract, &matched),
    };
    let whole = reference.configuration.is_none() && candidate.configuration.is_none();
    let only = |own: &Extract, other: &Extract| -> Vec<String> {
        let own = own.configurations.keys().filter(|id| !other.configurations.contains_key(*id));
        if whole { own.cloned().collect() } else { Vec::new() }
    };
    let mut contrast = Contrast {
        reference: Identity::of(reference),
        candidate: Identity::of(candidate),
        design,
        metric,
        rule,
        replaced,
        force: terms.force,
        accept: terms.accept.clone(),
        comparability,
        rows: Vec::new(),
        others: Vec::new(),
        relative: Vec::new(),
        drift: None,
        noise: Vec::new(),
        only_reference: only(reference.extract, candidate.extract),
        only_candidate: only(candidate.extract, reference.extract),
    };
    if !contrast.is_refused() {
        judge::fill(&mut contrast, &matched);
    }
    Ok(contrast)
}

/// Metric and rule, and what the command line replaced.
type Settled = (Metric, DecisionRule, Vec<(&'static str, String)>);

pub(crate) fn settle(
    plan: &tachograph_model::plan::Primary,
    terms: &Terms,
) -> Result<Settled, ContrastError> {
    let metric = terms.metric.unwrap_or(plan.metric);
    let margin = terms.margin.unwrap_or(plan.margin_percent / 100.0);
    let alpha = terms.alpha.unwrap_or(plan.alpha);
    let rule = DecisionRule {
        confidence: Confidence::new(1.0 - alpha)
            .map_err(|source| ContrastError::Alpha { alpha, source })?,
        margin: Margin::new(margin).map_err(|source| ContrastError::Margin { source })?,
        direction: direction(metric),
    };
    let mut replaced = Vec::new();
    if metric != plan.metric {
        replaced.push(("metric", plan.metric.title().to_owned()));
    }
    if terms.margin.is_some_and(|margin| !near(margin * 100.0, plan.margin_percent)) {
        replaced.push(("margin", format!("{} %", plan.margin_percent)));
    }
    if terms.alpha.is_some_and(|alpha| !near(alpha, plan.alpha)) {
        replaced.push(("alpha", plan.alpha.to_string()));
    }
    Ok((metric, rule, replaced))
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-12 * a.abs().max(b.abs())
}

/// Checks that a side has the configuration that was asked for.
fn known(side: Side<'_>) -> Result<(), ContrastError> {
    let Some(id) = side.configuration else { return Ok(()) };
    if side.extract.configurations.contains_key(id) {
        return Ok(());
    }
    let known = names(side.extract);
    Err(ContrastError::UnknownConfiguration {
        side: side.name.to_owned(),
        id: id.to_owned(),
        known,
    })
}

fn names(extract: &Extract) -> String {
    extract.configurations.keys().cloned().collect::<Vec<_>>().join(", ")
}

/// Returns which configuration of the reference meets which of the candidate.
fn matched(
    reference: Side<'_>,
    candidate: Side<'_>,
    design: Design,
) -> Result<Vec<(String, String)>, ContrastError> {
    let pair = |a: &str, b: &str| vec![(a.to_owned(), b.to_owned())];
    let found = match (reference.configuration, candidate.configuration) {
        (Some(a), Some(b)) if design == Design::Paired && a == b => {
            return Err(ContrastError::SameConfiguration { id: a.to_owned() });
        }
        (Some(a), Some(b)) => pair(a, b),
        _ if design == Design::Paired => {
            let mut ids = reference.extract.configurations.keys().cloned();
            let mut next = || ids.next().unwrap_or_else(|| "CONFIGURATION".to_owned());
            let side = reference.name.to_owned();
            return Err(ContrastError::SameStudy { side, first: next(), second: next() });
        }
        (Some(id), None) | (None, Some(id)) => {
            known(Side { configuration: Some(id), ..reference })?;
            known(Side { configuration: Some(id), ..candidate })?;
            pair(id, id)
        }
        (None, None) => {
            let own = reference.extract.configurations.iter();
            let both = own.filter(|(id, _)| candidate.extract.configurations.contains_key(*id));
            // The second baseline is the first once more: it says what noise is.
            both.filter(|(_, cell)| cell.arm != Arm::BaselineAa)
                .map(|(id, _)| (id.clone(), id.clone()))
                .collect()
        }
    };
    if found.is_empty() {
        let (reference, candidate) = (names(reference.extract), names(candidate.extract));
        return Err(ContrastError::NothingMatches { reference, candidate });
    }
    Ok(found)
}

impl Identity {
    fn of(side: Side<'_>) -> Self {
        Self {
            name: side.name.to_owned(),
            extract: side.extract.clone(),
            configuration: side.configuration.map(str::to_owned),
        }
    }
}

impl Contrast {
    /// Returns whether a side is of a study that could end by what it had seen.
    pub(crate) fn has_looks(&self) -> bool {
        let sides = [&self.reference, &self.candidate];
        sides.iter().any(|side| side.extract.setting.stopping != Rule::Fixed)
    }

    /// Returns whether the sides are unlike in something that was not accepted,
    /// so that nothing was compared.
    pub fn is_refused(&self) -> bool {
        !self.force && self.in_the_way().next().is_some()
    }

    /// Returns in what the sides are unlike.
    pub fn comparability(&self) -> &Comparability {
        &self.comparability
    }

    /// Returns the differences that were not accepted by name.
    pub(crate) fn in_the_way(&self) -> impl Iterator<Item = &Unlike> {
        self.comparability.unlike.iter().filter(|unlike| !self.accept.contains(&unlike.aspect))
    }

    /// Returns the verdicts on the primary metric, by configuration; `None` where
    /// there is none.
    pub fn verdicts(&self) -> impl Iterator<Item = (&str, Option<Verdict>)> {
        self.rows.iter().map(|row| (&*row.label, row.verdict()))
    }

    /// Returns the interval of the ratio candidate / reference of a configuration
    /// on the primary metric, as its low and high end.
    pub fn interval(&self, configuration: &str) -> Option<(f64, f64)> {
        let row = self.rows.iter().find(|row| row.label == configuration)?;
        row.outcome.ok().map(|judged| (judged.interval.low, judged.interval.high))
    }

    /// Returns what a gate makes of the verdicts on the primary metric.
    pub fn gate(&self) -> Gate {
        let has = |verdict: Option<Verdict>| self.rows.iter().any(|row| row.verdict() == verdict);
        if has(Some(Verdict::Worse)) {
            Gate::Worse
        } else if has(None) || self.rows.is_empty() {
            Gate::NotJudged
        } else if has(Some(Verdict::Inconclusive)) {
            Gate::Inconclusive
        } else {
            Gate::Passed
        }
    }

    /// Returns how many blocks would decide every inconclusive comparison of the
    /// primary metric, if it can be told: of the study, or of each of the two.
    pub fn blocks_needed(&self) -> Option<usize> {
        self.undecided().filter_map(|judged| judged.blocks_needed).max()
    }

    pub(crate) fn undecided(&self) -> impl Iterator<Item = Judged> {
        self.rows
            .iter()
            .filter_map(|row| row.outcome.ok())
            .filter(|judged| judged.verdict == Verdict::Inconclusive)
    }
}

impl Refusal {
    /// Returns why there is no verdict, in a few words.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Invalid => "none: invalid evidence",
            Self::TooFew => "none: too few runs",
            Self::NotPositive => "none: a ratio needs values above zero",
            Self::OutOfRange => "none: no bound",
        }
    }
}

impl Row {
    pub(crate) fn verdict(&self) -> Option<Verdict> {
        self.outcome.ok().map(|judged| judged.verdict)
    }
}
