//! Every configuration against the baseline, within blocks.
//!
//! Owns: which pairs are made and which comparisons form the plan's family.

use std::collections::BTreeMap;

use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Arm;
use tachograph_stats::{
    Comparison, Confidence, DecisionRule, Pair, PairedDesign, Pairs, PairsError, Sample,
    compare_arms, compare_family,
};

use super::configuration::ConfigurationAnalysis;
use super::{RunRow, direction};

/// What came of comparing a configuration with the baseline.
#[derive(Debug, Clone)]
pub(crate) enum Compared {
    /// A verdict.
    Judged(Comparison),
    /// None, and why.
    Refused(Refusal),
}

/// Why two arms could not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// Too few blocks hold both arms; how many do.
    TooFewBlocks(usize),
    /// A value is zero or below, or not a number.
    NotPositive,
    /// The plan's stopping rule has not looked yet.
    BeforeFirstLook,
    /// The stopping rule cannot bound the ratio at this look.
    Unbounded,
    /// The two did not do the same, so that nothing follows from their difference.
    NotTheSame,
}

impl Refusal {
    /// Returns why pairs were refused.
    pub(crate) fn of(error: PairsError) -> Self {
        match error {
            PairsError::TooFewBlocks { n_blocks } => Self::TooFewBlocks(n_blocks),
            PairsError::Treatment { .. } | PairsError::Baseline { .. } => Self::TooFewBlocks(0),
            _ => Self::NotPositive,
        }
    }
}

/// Compares each configuration but the baseline with the baseline.
///
/// On the plan's primary metric the tuned configurations form one family
/// (Holm). The A/A arm and every other metric are judged alone.
pub(crate) fn compare(
    configurations: &mut [ConfigurationAnalysis],
    runs: &[RunRow],
    plan: &Plan,
    rule: &DecisionRule,
) {
    let arms: Vec<Arm> = configurations.iter().map(|each| each.planned.arm).collect();
    let Some(baseline) = arms.iter().position(|&arm| arm == Arm::Baseline) else { return };
    for metric in Metric::ALL {
        let rule = DecisionRule { direction: direction(metric), ..*rule };
        let by_block = |configuration: usize| -> BTreeMap<u32, f64> {
            let own = runs.iter().filter(|run| run.configuration == Some(configuration));
            own.filter_map(|run| Some((run.id.block, *run.metrics.get(&metric)?))).collect()
        };
        let baseline_values = by_block(baseline);
        let mut family = Vec::new();
        for (index, configuration) in configurations.iter_mut().enumerate() {
            let own = by_block(index);
            if arms[index] == Arm::Baseline || own.is_empty() || baseline_values.is_empty() {
                continue;
            }
            let judged = pairs(&own, &baseline_values)
                .and_then(|pairs| Ok((compare_arms(&pairs, &rule)?, pairs)));
            let compared = match judged {
                Ok((comparison, pairs)) => {
                    if metric == plan.primary.metric && arms[index] == Arm::Chimera {
                        family.push((index, Ok(pairs)));
                    }
                    Compared::Judged(comparison)
                }
                Err(error) => Compared::Refused(Refusal::of(error)),
            };
            configuration.compared.insert(metric, compared);
        }
        let (members, pairs): (Vec<usize>, Vec<_>) = family.into_iter().unzip();
        for (index, compared) in members.into_iter().zip(self::family(pairs, &rule)) {
            configurations[index].compared.insert(metric, compared);
        }
    }
}

/// Judges a family (Holm). Members that cannot be compared are refused and do not
/// count in its size.
pub(crate) fn family(
    members: Vec<Result<Pairs, PairsError>>,
    rule: &DecisionRule,
) -> Vec<Compared> {
    let alone = members.into_iter().map(|pairs| {
        let pairs = pairs?;
        compare_arms(&pairs, rule)?;
        Ok(pairs)
    });
    let alone: Vec<Result<Pairs, PairsError>> = alone.collect();
    let judged: Vec<Pairs> = alone.iter().filter_map(|pairs| pairs.clone().ok()).collect();
    // Each member was judged alone before, so the family cannot be refused.
    let mut judged = compare_family(&judged, rule).unwrap_or_default().into_iter();
    alone
        .into_iter()
        .map(|pairs| match pairs {
            Ok(_) => {
                judged.next().map_or(Compared::Refused(Refusal::NotPositive), Compared::Judged)
            }
            Err(error) => Compared::Refused(Refusal::of(error)),
        })
        .collect()
}

/// Pairs two arms over the blocks that both have.
pub(crate) fn pairs(
    treatment: &BTreeMap<u32, f64>,
    baseline: &BTreeMap<u32, f64>,
) -> Result<Pairs, PairsError> {
    let pairs: Vec<Pair> = treatment
        .iter()
        .filter_map(|(block, &treatment)| Some(Pair { treatment, baseline: *baseline.get(block)? }))
        .collect();
    Pairs::new(&pairs)
}

/// The power that a question of size is asked for: four in five.
pub(crate) const POWER: f64 = 0.8;

/// Returns the smallest true ratio above 1 that the typical tuned configuration
/// of this study could be told from the baseline by.
pub(crate) fn detectable(
    configurations: &[ConfigurationAnalysis],
    plan: &Plan,
    rule: &DecisionRule,
) -> Option<f64> {
    let judged = || {
        let tuned = configurations.iter().filter(|each| each.planned.arm == Arm::Chimera);
        tuned.filter_map(|each| each.judged(plan.primary.metric))
    };
    let spreads: Vec<f64> = judged().map(|judged| judged.ratio.log_sd).collect();
    let typical = Sample::new(&spreads).ok()?.median();
    let n_blocks = judged().map(|judged| judged.ratio.n_blocks).max()?;
    PairedDesign::new(typical, rule.confidence).ok()?.detectable_ratio(n_blocks, POWER).ok()
}

/// Returns how many blocks would settle a comparison of a family: show a change
/// as large as the margin, or its absence.
///
/// The family is accounted for by dividing alpha by its size (Bonferroni), which
/// Holm's adjustment never exceeds.
pub(crate) fn blocks_needed(comparison: &Comparison, rule: &DecisionRule) -> Option<usize> {
    blocks_to_settle(comparison.ratio.log_sd, comparison.family_size, rule)
}

/// As [`blocks_needed`], for log ratios of a known spread.
pub(crate) fn blocks_to_settle(
    log_sd: f64,
    family_size: usize,
    rule: &DecisionRule,
) -> Option<usize> {
    let confidence = shared(rule.confidence.alpha(), family_size);
    let design = PairedDesign::new(log_sd, confidence).ok()?;
    let change = design.blocks_for(rule.margin.ratio_high(), POWER).ok()?;
    let absence = design.blocks_for_equivalence(rule.margin, POWER).ok()?;
    Some(change.max(absence))
}

/// Returns the confidence of one of `family_size` tests that share `alpha`.
pub(crate) fn shared(alpha: f64, family_size: usize) -> Confidence {
    let own = alpha / family_size.max(1) as f64;
    Confidence::new((1.0 - own).clamp(0.5, 0.999_999)).expect("clamped to its range")
}
