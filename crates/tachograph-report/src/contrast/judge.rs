//! From the values of two sides to ratios and verdicts.
//!
//! Owns: which values meet, and which comparisons form a family.

use std::collections::BTreeMap;

use tachograph_model::plan::Metric;
use tachograph_model::run::{Arm, ConfigurationId};
use tachograph_stats::{
    Comparison, DecisionRule, IndependentArms, IndependentComparison, IndependentDesign,
    IndependentError, Interval, PairsError, Sample, Verdict, compare_arms, compare_independent,
};

use super::extract::{Cell, Extract};
use super::{Contrast, Design, Judged, Refusal, Row, Sampled, Spread};
use crate::analysis::comparison::{POWER, blocks_to_settle, pairs, shared};
use crate::analysis::direction;
use crate::validity::Status;

/// Fills in every comparison of the matched configurations.
pub(super) fn fill(contrast: &mut Contrast, matched: &[(String, String)]) {
    let (reference, candidate) =
        (contrast.reference.extract.clone(), contrast.candidate.extract.clone());
    let both = |(a, b): &(String, String)| {
        let label = if a == b { a.clone() } else { format!("{b} / {a}") };
        (label, &reference.configurations[a], &candidate.configurations[b])
    };
    let met: Vec<(String, &Cell, &Cell)> = matched.iter().map(both).collect();
    let (metric, rule, design) = (contrast.metric, contrast.rule, contrast.design);
    let rows = |metric: Metric| -> Vec<Row> {
        let rule = DecisionRule { direction: direction(metric), ..rule };
        met.iter().map(|(label, a, b)| row(label, metric, (a, b), design, &rule)).collect()
    };
    let mut primary = rows(metric);
    if design == Design::Independent {
        adjust(&mut primary, &met, &rule);
    }
    for judged in primary.iter_mut().filter_map(|row| row.outcome.as_mut().ok()) {
        if judged.verdict == Verdict::Inconclusive {
            judged.blocks_needed = needed(judged, &rule);
        }
    }
    contrast.rows = primary;
    contrast.others = Metric::ALL
        .into_iter()
        .filter(|&other| other != metric)
        .flat_map(rows)
        .filter(|row| row.reference.n > 0 && row.candidate.n > 0)
        .collect();
    if design == Design::Independent {
        let sides = (&reference, &candidate);
        contrast.relative = relative(&met, sides, metric, &rule);
        contrast.drift = drift(sides, metric, &rule);
        contrast.noise = noise(contrast);
    }
}

fn row(
    label: &str,
    metric: Metric,
    (reference, candidate): (&Cell, &Cell),
    design: Design,
    rule: &DecisionRule,
) -> Row {
    let empty = BTreeMap::new();
    let values = |cell: &Cell| cell.values.get(&metric).unwrap_or(&empty).clone();
    let (mut theirs, mut ours) = (values(reference), values(candidate));
    if design == Design::Paired {
        theirs.retain(|block, _| ours.contains_key(block));
        ours.retain(|block, _| theirs.contains_key(block));
    }
    let invalid = [reference, candidate].iter().any(|cell| cell.validity == Status::Invalid);
    let outcome = if invalid {
        Err(Refusal::Invalid)
    } else {
        match design {
            Design::Paired => paired(&ours, &theirs, rule),
            Design::Independent => independent(&ours, &theirs, rule),
        }
    };
    Row {
        label: label.to_owned(),
        metric,
        reference: Sampled::of(reference, &theirs),
        candidate: Sampled::of(candidate, &ours),
        outcome,
    }
}

impl Sampled {
    fn of(cell: &Cell, values: &BTreeMap<u32, f64>) -> Self {
        let logs: Vec<f64> =
            values.values().filter(|&&value| value > 0.0).map(|value| value.ln()).collect();
        let whole = logs.len() == values.len();
        let mean = Sample::new(&logs).ok().filter(|_| whole).map(|logs| logs.mean().exp());
        Self {
            n: values.len(),
            n_sealed: cell.n_sealed,
            n_measured: cell.n_measured,
            mean,
            validity: cell.validity,
        }
    }
}

fn paired(
    ours: &BTreeMap<u32, f64>,
    theirs: &BTreeMap<u32, f64>,
    rule: &DecisionRule,
) -> Result<Judged, Refusal> {
    let compared = pairs(ours, theirs).and_then(|pairs| compare_arms(&pairs, rule));
    match compared {
        Ok(comparison) => Ok(Judged::of_blocks(&comparison)),
        Err(PairsError::NotPositive { .. }) => Err(Refusal::NotPositive),
        Err(PairsError::OutOfRange { .. }) => Err(Refusal::OutOfRange),
        Err(_) => Err(Refusal::TooFew),
    }
}

fn independent(
    ours: &BTreeMap<u32, f64>,
    theirs: &BTreeMap<u32, f64>,
    rule: &DecisionRule,
) -> Result<Judged, Refusal> {
    match compare_independent(&[arms(ours, theirs)?], rule) {
        Ok(comparisons) => Ok(Judged::of_samples(&comparisons[0])),
        Err(error) => Err(match error.source {
            IndependentError::NotPositive { .. } => Refusal::NotPositive,
            IndependentError::TooFewValues { .. } => Refusal::TooFew,
            IndependentError::OutOfRange => Refusal::OutOfRange,
        }),
    }
}

fn arms(
    ours: &BTreeMap<u32, f64>,
    theirs: &BTreeMap<u32, f64>,
) -> Result<IndependentArms, Refusal> {
    let sample = |values: &BTreeMap<u32, f64>| {
        let values: Vec<f64> = values.values().copied().collect();
        Sample::new(&values).map_err(|_unusable| Refusal::TooFew)
    };
    Ok(IndependentArms { treatment: sample(ours)?, baseline: sample(theirs)? })
}

/// Judges the rows that could be judged alone once more, as one family (Holm).
fn adjust(rows: &mut [Row], met: &[(String, &Cell, &Cell)], rule: &DecisionRule) {
    let mut members = Vec::new();
    let mut family = Vec::new();
    for (at, (_, reference, candidate)) in met.iter().enumerate() {
        let values = |cell: &Cell| cell.values.get(&rows[at].metric).cloned().unwrap_or_default();
        if rows[at].outcome.is_ok()
            && let Ok(arms) = arms(&values(candidate), &values(reference))
        {
            members.push(at);
            family.push(arms);
        }
    }
    // Each member was judged alone before, so the family cannot be refused.
    if let Ok(comparisons) = compare_independent(&family, rule) {
        for (at, comparison) in members.into_iter().zip(&comparisons) {
            rows[at].outcome = Ok(Judged::of_samples(comparison));
        }
    }
}

impl Judged {
    fn of_blocks(comparison: &Comparison) -> Self {
        let ratio = &comparison.ratio;
        let found = (ratio.ratio, ratio.interval, ratio.df, ratio.p_value);
        Self::of(comparison, found, Spread::Paired(ratio.log_sd))
    }

    fn of_samples(comparison: &IndependentComparison) -> Self {
        let ratio = &comparison.ratio;
        let found = (ratio.ratio, ratio.interval, ratio.df, ratio.p_value);
        let spread = Spread::Independent(ratio.log_sd_treatment, ratio.log_sd_baseline);
        Self::of(comparison, found, spread)
    }

    fn of<R>(
        comparison: &Comparison<R>,
        (ratio, interval, df, p_difference): (f64, Interval, f64, f64),
        spread: Spread,
    ) -> Self {
        Self {
            ratio,
            interval,
            df,
            p_difference,
            p_difference_adjusted: comparison.p_difference_adjusted,
            p_equivalence: comparison.equivalence.p_value,
            p_equivalence_adjusted: comparison.p_equivalence_adjusted,
            equivalence_interval: comparison.equivalence.interval,
            family_size: comparison.family_size,
            verdict: comparison.verdict,
            spread,
            blocks_needed: None,
        }
    }
}

/// Returns how many blocks would settle a comparison: show a change as large as
/// the margin, or its absence. The family is accounted for by Bonferroni, which
/// Holm never exceeds.
fn needed(judged: &Judged, rule: &DecisionRule) -> Option<usize> {
    let (ours, theirs) = match judged.spread {
        Spread::Paired(log_sd) => return blocks_to_settle(log_sd, judged.family_size, rule),
        Spread::Independent(ours, theirs) => (ours, theirs),
    };
    let confidence = shared(rule.confidence.alpha(), judged.family_size);
    let design = IndependentDesign::new(ours, theirs, confidence).ok()?;
    let change = design.runs_for(rule.margin.ratio_high(), POWER).ok()?;
    let absence = design.runs_for_equivalence(rule.margin, POWER).ok()?;
    Some(change.max(absence))
}

/// Compares, for each tuned configuration, its ratio to the baseline of its own
/// blocks between the studies: what moved both alike cancels.
fn relative(
    met: &[(String, &Cell, &Cell)],
    (reference, candidate): (&Extract, &Extract),
    metric: Metric,
    rule: &DecisionRule,
) -> Vec<Row> {
    let baseline = |side: &Extract| side.configurations.get(ConfigurationId::BASELINE).cloned();
    let (Some(theirs), Some(ours)) = (baseline(reference), baseline(candidate)) else {
        return Vec::new();
    };
    let ratios = |cell: &Cell, baseline: &Cell| -> Cell {
        let own = cell.values.get(&metric).into_iter().flatten();
        let to = baseline.values.get(&metric);
        let values = own.filter_map(|(block, value)| Some((*block, value / to?.get(block)?)));
        Cell {
            values: BTreeMap::from([(metric, values.collect())]),
            validity: cell.validity.max(baseline.validity),
            ..cell.clone()
        }
    };
    met.iter()
        .filter(|(_, a, b)| a.arm == Arm::Chimera && b.arm == Arm::Chimera)
        .map(|(label, a, b)| {
            let cells = (ratios(a, &theirs), ratios(b, &ours));
            row(label, metric, (&cells.0, &cells.1), Design::Independent, rule)
        })
        .filter(|row| row.reference.n > 0 && row.candidate.n > 0)
        .collect()
}

/// Compares the baseline of one study with that of the other, alone.
fn drift(
    (reference, candidate): (&Extract, &Extract),
    metric: Metric,
    rule: &DecisionRule,
) -> Option<Row> {
    let id = ConfigurationId::BASELINE;
    let cells = (reference.configurations.get(id)?, candidate.configurations.get(id)?);
    Some(row(id, metric, cells, Design::Independent, rule))
}

/// Compares the second baseline with the first, within each study that has both.
fn noise(contrast: &Contrast) -> Vec<Row> {
    let sides = [("reference", &contrast.reference), ("candidate", &contrast.candidate)];
    sides
        .into_iter()
        .filter_map(|(label, side)| {
            let cells = &side.extract.configurations;
            let pair =
                (cells.get(ConfigurationId::BASELINE)?, cells.get(ConfigurationId::BASELINE_AA)?);
            Some(row(label, contrast.metric, pair, Design::Paired, &contrast.rule))
        })
        .collect()
}
