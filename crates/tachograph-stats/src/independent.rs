//! Two arms that share no blocks, compared by their ratio.
//!
//! Owns: the ratio of two independent samples on logarithms, its equivalence
//! test, and the verdicts of a family of such comparisons. The rule that turns
//! p-values into a verdict is that of [`crate::DecisionRule`].
//!
//! Does not: pair; whatever lies between the two samples in time is part of
//! their difference. Arms of one study belong into [`crate::compare_family`].

use crate::equivalence::two_one_sided;
use crate::verdict::judge_family;
use crate::{Comparison, Confidence, DecisionRule, Equivalence, Interval, Margin, Sample, welch};

/// The ratio of treatment to baseline, from two independent samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndependentRatio {
    /// Values of the judged arm.
    pub n_treatment: usize,
    /// Values of the arm that it is judged against.
    pub n_baseline: usize,
    /// The ratio of the geometric means; 1.05 is 5 % more than the baseline.
    pub ratio: f64,
    /// Its interval.
    pub interval: Interval,
    /// The difference of the mean logarithms.
    pub log_mean: f64,
    /// The standard deviation of the treatment's logarithms, with `n - 1`.
    pub log_sd_treatment: f64,
    /// The standard deviation of the baseline's logarithms, with `n - 1`.
    pub log_sd_baseline: f64,
    /// The standard error of `log_mean`.
    pub log_standard_error: f64,
    /// Satterthwaite's degrees of freedom.
    pub df: f64,
    /// Welch's t statistic on logs. `None` when both samples are constant.
    pub t: Option<f64>,
    /// The two-sided p-value of "the ratio is 1", not adjusted for other
    /// comparisons. When `t` is `None`: 1 if the constants are equal, else 0.
    pub p_value: f64,
}

/// Why two samples have no ratio.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum IndependentError {
    /// A ratio needs values above 0.
    #[error("a value is {value}; a ratio needs values above 0, compare differences instead")]
    NotPositive {
        /// The first such value.
        value: f64,
    },
    /// Spread needs two values.
    #[error(
        "a ratio of two independent samples needs at least 2 values on each side, there are \
         {n_treatment} and {n_baseline}; make more runs"
    )]
    TooFewValues {
        /// Values of the judged arm.
        n_treatment: usize,
        /// Values of the other.
        n_baseline: usize,
    },
    /// The interval of the ratio leaves the range of numbers.
    #[error("the values differ too wildly for an interval of their ratio; make more runs")]
    OutOfRange,
}

/// Estimates the ratio of two independent samples of positive values.
///
/// Values are in one unit; the ratio has none. The interval supposes near-normal
/// mean logarithms, and no equal spreads.
///
/// # Errors
///
/// [`IndependentError`]: a value of 0 or below, fewer than 2 values on a side, an
/// interval that is no longer representable.
///
/// # Source
///
/// Welch (1947), Biometrika 34, 28-35, on logarithms, exponentiated: the ratio of
/// geometric means, as in Fleming and Wallace (1986), Communications of the ACM
/// 29, 218-221.
pub fn independent_ratio(
    treatment: &Sample,
    baseline: &Sample,
    confidence: Confidence,
) -> Result<IndependentRatio, IndependentError> {
    let (n_treatment, n_baseline) = (treatment.n(), baseline.n());
    let (logs_treatment, logs_baseline) = (logarithms(treatment)?, logarithms(baseline)?);
    let too_few = IndependentError::TooFewValues { n_treatment, n_baseline };
    let (Some(log_sd_treatment), Some(log_sd_baseline)) = (logs_treatment.sd(), logs_baseline.sd())
    else {
        return Err(too_few);
    };
    let Ok(found) = welch(&logs_treatment, &logs_baseline, confidence) else {
        return Err(too_few);
    };
    let (low, high) = (found.interval.low.exp(), found.interval.high.exp());
    if !high.is_finite() || low == 0.0 {
        return Err(IndependentError::OutOfRange);
    }
    Ok(IndependentRatio {
        n_treatment,
        n_baseline,
        ratio: found.difference.exp(),
        interval: Interval { low, high, confidence: confidence.level() },
        log_mean: found.difference,
        log_sd_treatment,
        log_sd_baseline,
        log_standard_error: found.standard_error,
        df: found.df,
        t: found.t,
        p_value: found.p_value,
    })
}

fn logarithms(sample: &Sample) -> Result<Sample, IndependentError> {
    if sample.min() <= 0.0 {
        return Err(IndependentError::NotPositive { value: sample.min() });
    }
    Ok(Sample::from_finite(sample.values().iter().map(|value| value.ln()).collect()))
}

/// Tests whether the ratio of two independent samples lies within a margin around
/// 1; see [`crate::tost`].
///
/// # Source
///
/// Schuirmann (1987) with Welch's standard error and degrees of freedom: Gruman,
/// Cribbie and Arpin-Cribbie (2007), *The Effects of Heteroscedasticity on Tests
/// of Equivalence*, Journal of Modern Applied Statistical Methods 6, 133-140.
pub fn tost_independent(
    ratio: &IndependentRatio,
    margin: Margin,
    confidence: Confidence,
) -> Equivalence {
    two_one_sided((ratio.log_mean, ratio.log_standard_error, ratio.df), margin, confidence)
}

/// The two samples of one comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct IndependentArms {
    /// The arm that is judged.
    pub treatment: Sample,
    /// The arm that it is judged against.
    pub baseline: Sample,
}

/// One arm judged against another that shares no blocks with it.
pub type IndependentComparison = Comparison<IndependentRatio>;

/// Why a family of independent comparisons cannot be judged.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("comparison {index} of the family cannot be made")]
pub struct IndependentFamilyError {
    /// Its position in the family, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub source: IndependentError,
}

/// Judges a family of comparisons of independent samples, in order.
///
/// As [`crate::compare_family`]: Holm over the family, for differences and, as a
/// second family, for equivalence.
///
/// # Errors
///
/// [`IndependentFamilyError`] for the first comparison that [`independent_ratio`]
/// refuses.
pub fn compare_independent(
    family: &[IndependentArms],
    rule: &DecisionRule,
) -> Result<Vec<IndependentComparison>, IndependentFamilyError> {
    let mut found = Vec::with_capacity(family.len());
    for (index, arms) in family.iter().enumerate() {
        let ratio = independent_ratio(&arms.treatment, &arms.baseline, rule.confidence)
            .map_err(|source| IndependentFamilyError { index, source })?;
        let equivalence = tost_independent(&ratio, rule.margin, rule.confidence);
        found.push((ratio, (ratio.ratio, ratio.p_value, equivalence)));
    }
    Ok(judge_family(found, rule))
}
