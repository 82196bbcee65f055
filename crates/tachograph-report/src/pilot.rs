//! From a pilot study to the blocks that a question needs.
//!
//! Owns: [`plan_from_pilot`]: blocks to show a change as large as the margin, or
//! its absence, and what smaller studies could detect; with the pilot's own
//! uncertainty.
//!
//! Does not: read studies, or choose a margin.

mod repetitions;
mod words;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tachograph_model::plan::Metric;
use tachograph_model::run::{Arm, ConfigurationId};
use tachograph_stats::{
    Confidence, IndependentDesign, Margin, PairedDesign, PowerError, Sample, paired_ratio,
    sd_upper_limit,
};

use crate::analysis::comparison::{pairs, shared};
use crate::contrast::Extract;
use crate::facts::RunFacts;
use crate::validity::Status;
use repetitions::Repetitions;

/// The blocks from which on a pilot's spread is usable.
const BLOCKS_USABLE: usize = 5;

/// What is asked of a pilot. What is absent is taken from its plan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PilotTerms {
    /// What will be compared.
    pub metric: Option<Metric>,
    /// The smallest relative difference that matters, a fraction.
    pub margin: Option<f64>,
    /// The error rate of the verdicts together.
    pub alpha: Option<f64>,
    /// The wanted power, a fraction.
    pub power: f64,
}

/// Why a pilot cannot answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PilotError {
    /// There is nothing beside the baseline.
    #[error(
        "the pilot has no configuration beside its baseline; a pilot needs one, or `aa = true` \
         under [baseline]"
    )]
    NothingToCompare,
    /// The pilot is of concurrent agents.
    #[error(
        "the pilot's plan has phases: its agents are compared with themselves alone, not with a \
         baseline; under Deployment recommendations its report says how many blocks would settle \
         what is open"
    )]
    Concurrent,
    /// No configuration shares enough blocks with the baseline.
    #[error(
        "{note}the pilot has {n_blocks} usable blocks; a spread needs at least 2 blocks in which \
         the baseline and a configuration were measured, and {usable} make it usable: with 2 its \
         upper limit is {at_two:.1} times the estimate, with {usable} it is {at_usable:.1} times"
    )]
    TooFewBlocks {
        /// The most blocks that a configuration shares with the baseline.
        n_blocks: usize,
        /// That some of it is left out because it is invalid, if so.
        note: &'static str,
        /// A better number of blocks.
        usable: usize,
        /// The upper limit of a spread of 1 from 2 blocks.
        at_two: f64,
        /// The same from the better number.
        at_usable: f64,
    },
    /// A term is unusable.
    #[error("{what} cannot be used: {reason}")]
    Term {
        /// Which.
        what: &'static str,
        /// Why.
        reason: String,
    },
}

/// What a pilot says about a study to come.
#[derive(Debug, Clone, PartialEq)]
pub struct PilotPlan {
    name: String,
    metric: Metric,
    margin: Margin,
    alpha: f64,
    power: f64,
    /// Comparisons that share alpha.
    family_size: usize,
    /// The confidence of the upper limits of spreads.
    assurance: Confidence,
    n_planned: u32,
    rows: Vec<PilotRow>,
    /// Runs of each side if two studies are compared, by the spread of the runs.
    two_studies: Option<Result<Needs, PowerError>>,
    repetitions: Repetitions,
    validity: Status,
}

/// One configuration of a pilot.
#[derive(Debug, Clone, PartialEq)]
struct PilotRow {
    configuration: String,
    arm: Arm,
    outcome: Result<Spread, Unusable>,
}

/// Why a configuration says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unusable {
    Invalid,
    TooFewBlocks(usize),
    NotPositive,
    NoSpread,
}

/// The spread of log ratios, and what follows.
#[derive(Debug, Clone, PartialEq)]
struct Spread {
    n_blocks: usize,
    log_sd: f64,
    log_sd_limit: f64,
    needs: Result<Needs, PowerError>,
    needs_at_limit: Result<Needs, PowerError>,
    /// The smallest detectable ratio above 1, by number of blocks.
    detectable: BTreeMap<usize, f64>,
}

/// Blocks that a question needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Needs {
    change: usize,
    equivalence: usize,
}

impl Needs {
    fn most(self) -> usize {
        self.change.max(self.equivalence)
    }
}

/// Says how many blocks a question needs, from a pilot's spread.
///
/// `facts` are those of the pilot's runs; with none, repetitions inside a run are
/// not looked at. The family is accounted for by dividing alpha by its size
/// (Bonferroni), which Holm's adjustment never exceeds.
///
/// # Errors
///
/// [`PilotError`] if the pilot is too small, or a term is unusable.
pub fn plan_from_pilot(
    name: &str,
    extract: &Extract,
    facts: &[RunFacts],
    terms: &PilotTerms,
) -> Result<PilotPlan, PilotError> {
    let metric = terms.metric.unwrap_or(extract.primary.metric);
    let alpha = terms.alpha.unwrap_or(extract.primary.alpha);
    let margin = terms.margin.unwrap_or(extract.primary.margin_percent / 100.0);
    let margin = Margin::new(margin).map_err(|error| term("the margin", &error))?;
    Confidence::new(1.0 - alpha).map_err(|error| term("alpha", &error))?;
    if !(0.5..=0.9999).contains(&terms.power) {
        let reason = format!("{} is outside 50 % to 99.99 %; by custom 80 %", terms.power);
        return Err(PilotError::Term { what: "the power", reason });
    }
    let assurance = Confidence::new(terms.power).map_err(|error| term("the power", &error))?;
    let cells = &extract.configurations;
    let others: Vec<_> = cells.iter().filter(|(_, cell)| cell.arm != Arm::Baseline).collect();
    if others.iter().any(|(_, cell)| cell.arm == Arm::Concurrent) {
        return Err(PilotError::Concurrent);
    }
    if others.is_empty() {
        return Err(PilotError::NothingToCompare);
    }
    let family_size = others.iter().filter(|(_, cell)| cell.arm == Arm::Chimera).count().max(1);
    let empty = BTreeMap::new();
    let values = |id: &str| {
        let cell = cells.get(id);
        cell.and_then(|cell| cell.values.get(&metric)).unwrap_or(&empty)
    };
    let questions =
        Questions { confidence: shared(alpha, family_size), assurance, margin, power: terms.power };
    let baseline = cells.get(ConfigurationId::BASELINE);
    let rows: Vec<PilotRow> = others
        .iter()
        .map(|(id, cell)| {
            let worst = baseline.map_or(cell.validity, |base| base.validity.max(cell.validity));
            let outcome = match worst {
                Status::Invalid => Err(Unusable::Invalid),
                _ => questions.of(values(id), values(ConfigurationId::BASELINE)),
            };
            PilotRow { configuration: (*id).clone(), arm: cell.arm, outcome }
        })
        .collect();
    if rows.iter().all(|row| row.outcome.is_err()) {
        check_size(&rows, assurance)?;
    }
    Ok(PilotPlan {
        name: name.to_owned(),
        metric,
        margin,
        alpha,
        power: terms.power,
        family_size,
        assurance,
        n_planned: extract.setting.blocks,
        rows,
        two_studies: two_studies(extract, metric, &questions, shared(alpha, family_size + 1)),
        repetitions: Repetitions::of(extract, facts, metric),
        validity: extract.validity,
    })
}

fn term(what: &'static str, error: &impl std::error::Error) -> PilotError {
    PilotError::Term { what, reason: error.to_string() }
}

/// Refuses a pilot whose configurations are all unusable for want of blocks.
fn check_size(rows: &[PilotRow], assurance: Confidence) -> Result<(), PilotError> {
    let blocks = |row: &PilotRow| match row.outcome {
        Err(Unusable::TooFewBlocks(n)) => Some(n),
        _ => None,
    };
    let invalid = rows.iter().any(|row| row.outcome == Err(Unusable::Invalid));
    let most = rows.iter().filter_map(blocks).max();
    if most.is_none() && !invalid {
        return Ok(());
    }
    let limit = |n: usize| sd_upper_limit(1.0, n, assurance).unwrap_or(f64::INFINITY);
    Err(PilotError::TooFewBlocks {
        n_blocks: most.unwrap_or(0),
        note: if invalid { "part of the pilot is invalid, see `tacho report`; " } else { "" },
        usable: BLOCKS_USABLE,
        at_two: limit(2),
        at_usable: limit(BLOCKS_USABLE),
    })
}

/// What is asked of each spread.
struct Questions {
    confidence: Confidence,
    assurance: Confidence,
    margin: Margin,
    power: f64,
}

impl Questions {
    fn of(
        &self,
        values: &BTreeMap<u32, f64>,
        baseline: &BTreeMap<u32, f64>,
    ) -> Result<Spread, Unusable> {
        let shared = values.keys().filter(|block| baseline.contains_key(block)).count();
        if shared < 2 {
            return Err(Unusable::TooFewBlocks(shared));
        }
        let ratio = pairs(values, baseline)
            .and_then(|pairs| paired_ratio(&pairs, self.confidence))
            .map_err(|_no_ratio| Unusable::NotPositive)?;
        let design = PairedDesign::new(ratio.log_sd, self.confidence)
            .map_err(|_constant| Unusable::NoSpread)?;
        let n_blocks = ratio.n_blocks;
        let log_sd_limit = sd_upper_limit(ratio.log_sd, n_blocks, self.assurance)
            .expect("a spread of two blocks or more has a limit");
        let needs = self.paired(&design);
        let at_limit = PairedDesign::new(log_sd_limit, self.confidence);
        let mut sizes = vec![n_blocks, 2 * n_blocks, 4 * n_blocks];
        sizes.extend(needs.ok().map(Needs::most));
        let detectable = sizes
            .into_iter()
            .filter_map(|n| Some((n, design.detectable_ratio(n, self.power).ok()?)))
            .collect();
        Ok(Spread {
            n_blocks,
            log_sd: ratio.log_sd,
            log_sd_limit,
            needs,
            needs_at_limit: at_limit.and_then(|design| self.paired(&design)),
            detectable,
        })
    }

    fn paired(&self, design: &PairedDesign) -> Result<Needs, PowerError> {
        Ok(Needs {
            change: design.blocks_for(self.margin.ratio_high(), self.power)?,
            equivalence: design.blocks_for_equivalence(self.margin, self.power)?,
        })
    }
}

/// Runs of each side of a comparison of two studies, from the largest spread of
/// runs that a valid configuration has.
fn two_studies(
    extract: &Extract,
    metric: Metric,
    questions: &Questions,
    confidence: Confidence,
) -> Option<Result<Needs, PowerError>> {
    let usable = extract.configurations.values().filter(|cell| cell.validity != Status::Invalid);
    let spreads = usable.filter_map(|cell| {
        let values = cell.values.get(&metric)?.values();
        let logs: Vec<f64> = values.map(|value| value.ln()).collect();
        Sample::new(&logs).ok()?.sd()
    });
    let widest = spreads.reduce(f64::max)?;
    Some(IndependentDesign::new(widest, widest, confidence).and_then(|design| {
        Ok(Needs {
            change: design.runs_for(questions.margin.ratio_high(), questions.power)?,
            equivalence: design.runs_for_equivalence(questions.margin, questions.power)?,
        })
    }))
}

impl PilotPlan {
    /// Returns the answer as plain text, with a newline at its end.
    pub fn to_text(&self) -> String {
        words::page(self).to_text()
    }

    /// Returns the answer as a JSON document, with every number at full precision.
    pub fn to_json(&self) -> Value {
        let needs = |needs: &Result<Needs, PowerError>| match needs {
            Ok(needs) => json!({"change": needs.change, "equivalence": needs.equivalence}),
            Err(error) => json!({"none": error.to_string()}),
        };
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| match &row.outcome {
                Ok(spread) => json!({
                    "configuration": row.configuration, "arm": row.arm,
                    "n_blocks": spread.n_blocks,
                    "log_sd": spread.log_sd, "log_sd_upper_limit": spread.log_sd_limit,
                    "blocks": needs(&spread.needs),
                    "blocks_at_upper_limit": needs(&spread.needs_at_limit),
                    "detectable_ratio": spread.detectable.iter()
                        .map(|(n, ratio)| json!({"n_blocks": n, "ratio": ratio}))
                        .collect::<Vec<_>>(),
                }),
                Err(why) => json!({
                    "configuration": row.configuration, "arm": row.arm,
                    "unusable": words::unusable(*why),
                }),
            })
            .collect();
        json!({
            "schema": "tachograph-power/1",
            "pilot": self.name,
            "metric": self.metric,
            "margin": self.margin.fraction(),
            "alpha": self.alpha,
            "power": self.power,
            "family_size": self.family_size,
            "upper_limit_confidence": self.assurance.level(),
            "validity": self.validity,
            "configurations": rows,
            "blocks": self.blocks(false),
            "blocks_at_upper_limit": self.blocks(true),
            "two_studies_blocks_each": self.two_studies.as_ref().map(needs),
            "repetitions": self.repetitions.to_json(),
        })
    }

    /// Returns the blocks that decide every comparison, if there is such a number:
    /// at the pilot's spreads, or at their upper limits.
    pub fn blocks(&self, at_limit: bool) -> Option<usize> {
        let spreads = self.rows.iter().filter_map(|row| row.outcome.as_ref().ok());
        let tuned = self.rows.iter().any(|row| row.arm == Arm::Chimera && row.outcome.is_ok());
        let needs = spreads
            .zip(self.rows.iter().filter(|row| row.outcome.is_ok()))
            .filter(|(_, row)| !tuned || row.arm == Arm::Chimera)
            .map(|(spread, _)| if at_limit { spread.needs_at_limit } else { spread.needs });
        let needs: Result<Vec<Needs>, PowerError> = needs.collect();
        needs.ok()?.into_iter().map(Needs::most).max()
    }
}
