//! The four-valued verdict on two arms.
//!
//! Owns: the decision rule, for one comparison and for a family.
//!
//! Does not: know a fifth answer. "No significant difference" is not one.

use crate::{
    Confidence, Equivalence, Interval, Margin, PairedRatio, Pairs, PairsError, holm, paired_ratio,
    tost,
};

/// Which way is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is better: throughput.
    HigherIsBetter,
    /// Less is better: latency, memory, cost.
    LowerIsBetter,
}

/// What the data allow to say about the judged arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// A difference in the good direction was shown.
    Better,
    /// A difference in the bad direction was shown.
    Worse,
    /// Any difference was shown to be smaller than the margin.
    Equivalent,
    /// Neither was shown: the data do not decide.
    Inconclusive,
}

/// How verdicts are reached. Fixed in the plan, before the data.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DecisionRule {
    /// `1 - alpha`, for the difference tests and for the equivalence test alike.
    pub confidence: Confidence,
    /// The smallest relative difference that matters.
    pub margin: Margin,
    /// Which way is good.
    pub direction: Direction,
}

/// What a verdict rests on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Evidence {
    /// The estimated ratio of treatment to baseline, above 0.
    pub ratio: f64,
    /// The two-sided p-value of "the ratio is 1", Holm-adjusted if the comparison
    /// belongs to a family.
    pub p_difference: f64,
    /// The p-value of the two one-sided tests.
    pub p_equivalence: f64,
}

impl DecisionRule {
    /// Reaches the verdict on one comparison.
    ///
    /// With `alpha = 1 - confidence`, in this order:
    ///
    /// 1. `p_equivalence <= alpha`: [`Verdict::Equivalent`], even where the
    ///    difference is significant. It was shown not to matter.
    /// 2. `p_difference <= alpha`: [`Verdict::Better`] or [`Verdict::Worse`] by
    ///    the side of 1 on which the ratio lies. The true difference may still be
    ///    smaller than the margin; the interval says by how much.
    /// 3. Otherwise [`Verdict::Inconclusive`].
    pub fn verdict(&self, evidence: &Evidence) -> Verdict {
        let alpha = self.confidence.alpha();
        if evidence.p_equivalence <= alpha {
            Verdict::Equivalent
        } else if evidence.p_difference <= alpha {
            self.side(evidence.ratio)
        } else {
            Verdict::Inconclusive
        }
    }

    /// Reaches a verdict from nothing but an interval of the ratio, for figures
    /// whose data are not at hand.
    ///
    /// [`Verdict::Equivalent`] if the whole interval lies within the margin, else
    /// [`Verdict::Better`] or [`Verdict::Worse`] if it excludes 1, else
    /// [`Verdict::Inconclusive`]. With a `1 - alpha` interval this asks more of
    /// equivalence than [`DecisionRule::verdict`], which needs the `1 - 2 alpha`
    /// interval only; it knows no adjustment for other comparisons. The rule's
    /// own confidence is not used: the interval carries one.
    pub fn verdict_of_interval(&self, ratio: &Interval) -> Verdict {
        if ratio.low >= self.margin.ratio_low() && ratio.high <= self.margin.ratio_high() {
            Verdict::Equivalent
        } else if ratio.low > 1.0 || ratio.high < 1.0 {
            self.side(ratio.low)
        } else {
            Verdict::Inconclusive
        }
    }

    fn side(&self, ratio: f64) -> Verdict {
        match (self.direction, ratio > 1.0) {
            (Direction::HigherIsBetter, true) | (Direction::LowerIsBetter, false) => {
                Verdict::Better
            }
            (Direction::HigherIsBetter, false) | (Direction::LowerIsBetter, true) => Verdict::Worse,
        }
    }
}

/// One arm judged against another: in shared blocks, or from samples that share none
/// ([`crate::IndependentComparison`]).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Comparison<R = PairedRatio> {
    /// The ratio with its interval and its own p-value. The interval is not
    /// widened for the family, the verdict is.
    pub ratio: R,
    /// How many comparisons the p-values were adjusted for; 1 means not adjusted.
    pub family_size: usize,
    /// The p-value of the difference after Holm's adjustment.
    pub p_difference_adjusted: f64,
    /// The equivalence test, with its own p-value.
    pub equivalence: Equivalence,
    /// The p-value of equivalence after Holm's adjustment.
    pub p_equivalence_adjusted: f64,
    /// The verdict, from the adjusted p-values.
    pub verdict: Verdict,
}

/// Why a family of comparisons cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("arm {arm} of the family cannot be compared with the baseline")]
pub struct FamilyError {
    /// The arm's position in the family, from 0.
    pub arm: usize,
    /// What is wrong with it.
    pub source: PairsError,
}

/// Judges one arm against the baseline from their blocks.
///
/// # Errors
///
/// As [`paired_ratio`].
pub fn compare_arms(pairs: &Pairs, rule: &DecisionRule) -> Result<Comparison, PairsError> {
    let ratio = paired_ratio(pairs, rule.confidence)?;
    let found = (ratio.ratio, ratio.p_value, tost(&ratio, rule.margin, rule.confidence));
    Ok(judge((ratio, found), 1, (ratio.p_value, found.2.p_value), rule))
}

/// Judges a family of arms against their baseline, one entry per arm, in order.
///
/// Difference p-values are adjusted by Holm over the family, and so are, as a
/// second family, those of equivalence: each kind of claim then has at most
/// `alpha` probability of one false member.
///
/// # Errors
///
/// [`FamilyError`] for the first arm that [`paired_ratio`] refuses.
pub fn compare_family(
    family: &[Pairs],
    rule: &DecisionRule,
) -> Result<Vec<Comparison>, FamilyError> {
    let mut found = Vec::with_capacity(family.len());
    for (arm, pairs) in family.iter().enumerate() {
        let ratio =
            paired_ratio(pairs, rule.confidence).map_err(|source| FamilyError { arm, source })?;
        let equivalence = tost(&ratio, rule.margin, rule.confidence);
        found.push((ratio, (ratio.ratio, ratio.p_value, equivalence)));
    }
    Ok(judge_family(found, rule))
}

/// What is judged of a ratio, whatever it was estimated from: itself, the p-value of
/// its difference from 1, and its equivalence test.
type Found = (f64, f64, Equivalence);

/// Judges the members of a family, with Holm's adjustment of both kinds of p-value.
pub(crate) fn judge_family<R>(family: Vec<(R, Found)>, rule: &DecisionRule) -> Vec<Comparison<R>> {
    let adjusted = |p_value: fn(&Found) -> f64| {
        let p_values: Vec<f64> = family.iter().map(|(_, found)| p_value(found)).collect();
        holm(&p_values).expect("p-values lie in 0..=1")
    };
    let differences = adjusted(|found| found.1);
    let equivalences = adjusted(|found| found.2.p_value);
    let n = family.len();
    let p_values = differences.into_iter().zip(equivalences);
    family.into_iter().zip(p_values).map(|(member, p)| judge(member, n, p, rule)).collect()
}

fn judge<R>(
    (ratio, (value, _, equivalence)): (R, Found),
    family_size: usize,
    (p_difference, p_equivalence): (f64, f64),
    rule: &DecisionRule,
) -> Comparison<R> {
    Comparison {
        ratio,
        family_size,
        p_difference_adjusted: p_difference,
        equivalence,
        p_equivalence_adjusted: p_equivalence,
        verdict: rule.verdict(&Evidence { ratio: value, p_difference, p_equivalence }),
    }
}
