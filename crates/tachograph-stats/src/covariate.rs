//! A paired difference at equal output length.

use crate::distribution::{t_critical, t_two_sided};
use crate::sample::{compensated_sum, power_of_two_scale};
use crate::{Confidence, Interval, Pairs, PairsError, Sample};

/// A difference over blocks, adjusted for what else differed in each block.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AdjustedDifference {
    /// How many blocks.
    pub n_blocks: usize,
    /// The mean difference as it was measured.
    pub unadjusted: f64,
    /// The difference where the covariate's difference is 0.
    pub adjusted: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Its interval.
    pub interval: Interval,
    /// The t statistic of "no difference at equal covariates"; `None` when the
    /// line goes through all blocks.
    pub t: Option<f64>,
    /// Its two-sided p-value. When `t` is `None`: 1 if `adjusted` is 0, else 0.
    pub p_value: f64,
    /// How much the difference grows per unit of the covariate's difference.
    pub slope: f64,
    /// The interval of the slope.
    pub slope_interval: Interval,
    /// Degrees of freedom, `n_blocks - 2`.
    pub df: f64,
}

/// Why a difference cannot be adjusted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum CovariateError {
    /// A line and its error need three blocks.
    #[error(
        "an adjusted difference needs at least 3 blocks, there are {n_blocks}; run more blocks"
    )]
    TooFewBlocks {
        /// How many there are.
        n_blocks: usize,
    },
    /// There is not one covariate per block.
    #[error("{differences} differences against {covariates} covariates; pair by block")]
    Unequal {
        /// How many differences.
        differences: usize,
        /// How many covariates.
        covariates: usize,
    },
    /// The covariate's difference is the same in all blocks.
    #[error(
        "the covariate differs by {value} in every block: if that is 0 nothing needs adjusting, \
         else nothing can be"
    )]
    Constant {
        /// The constant.
        value: f64,
    },
    /// The slope leaves the range of numbers.
    #[error("the slope on the covariate is not representable; bring both to similar units")]
    OutOfRange,
    /// The values or the covariates are no ratios.
    #[error("the {what} cannot be compared as ratios")]
    Ratios {
        /// Which ones.
        what: &'static str,
        /// What is wrong with them.
        source: PairsError,
    },
}

/// Adjusts block differences for a covariate's block differences.
///
/// One entry per block in both; the covariate's are differences too (output tokens
/// of treatment minus baseline, or logarithms of their ratio), not deviations from
/// a mean: the adjusted difference is that of a block in which both arms are equal
/// in it. Supposes a straight line. If the treatment itself moves the covariate,
/// the adjusted figure answers another question than the unadjusted one: show
/// both.
///
/// # Errors
///
/// [`CovariateError`]: below 3 blocks, unequal lengths, a constant covariate, a
/// slope that is not representable.
///
/// # Source
///
/// The intercept of least squares on differences: Fisher (1932), *Statistical
/// Methods for Research Workers*, section 49.1 (analysis of covariance); for pairs
/// Snedecor and Cochran (1989), *Statistical Methods*, section 18.3.
pub fn adjusted_difference(
    differences: &Sample,
    covariate: &Sample,
    confidence: Confidence,
) -> Result<AdjustedDifference, CovariateError> {
    let n_blocks = differences.n();
    if covariate.n() != n_blocks {
        return Err(CovariateError::Unequal { differences: n_blocks, covariates: covariate.n() });
    }
    if n_blocks < 3 {
        return Err(CovariateError::TooFewBlocks { n_blocks });
    }
    let mean_x = covariate.mean();
    if covariate.sd().is_none_or(|sd| sd <= 1e-14 * mean_x.abs()) {
        return Err(CovariateError::Constant { value: mean_x });
    }
    let largest = |sample: &Sample| sample.min().abs().max(sample.max().abs());
    let (scale_x, scale_y) =
        (power_of_two_scale(largest(covariate)), power_of_two_scale(largest(differences)));
    let (mean_x, mean_y) = (mean_x * scale_x, differences.mean() * scale_y);
    let x: Vec<f64> = covariate.values().iter().map(|x| x * scale_x - mean_x).collect();
    let y: Vec<f64> = differences.values().iter().map(|y| y * scale_y - mean_y).collect();
    let squares = compensated_sum(x.iter().map(|x| x * x));
    let slope = compensated_sum(x.iter().zip(&y).map(|(x, y)| x * y)) / squares;
    let residuals = compensated_sum(x.iter().zip(&y).map(|(x, y)| (y - slope * x).powi(2)));
    let df = (n_blocks - 2) as f64;
    // Rounding alone leaves about this much of the values.
    let noise =
        1e-30 * n_blocks as f64 * compensated_sum(y.iter().map(|y| y * y)).max(mean_y * mean_y);
    let variance = if residuals <= noise { 0.0 } else { residuals / df };
    let adjusted = mean_y - slope * mean_x;
    let standard_error = (variance * (1.0 / n_blocks as f64 + mean_x * mean_x / squares)).sqrt();
    let critical = t_critical(confidence.alpha(), df);
    let (t, p_value) = if standard_error > 0.0 {
        let t = adjusted / standard_error;
        (Some(t), t_two_sided(t, df))
    } else {
        (None, if adjusted.abs() <= noise.sqrt() { 1.0 } else { 0.0 })
    };
    let level = confidence.level();
    let unit = scale_x / scale_y;
    let slope_error = (variance / squares).sqrt() * unit;
    if !(slope * unit).is_finite() || !(critical * slope_error).is_finite() {
        return Err(CovariateError::OutOfRange);
    }
    Ok(AdjustedDifference {
        n_blocks,
        unadjusted: differences.mean(),
        adjusted: adjusted / scale_y,
        standard_error: standard_error / scale_y,
        interval: Interval::around(adjusted / scale_y, critical * standard_error / scale_y, level),
        t,
        p_value,
        slope: slope * unit,
        slope_interval: Interval::around(slope * unit, critical * slope_error, level),
        df,
    })
}

/// Adjusts the log ratio of two arms for the log ratio of their output tokens.
///
/// `values` and `tokens` are above 0, one pair per block in the same order. The
/// result is on logarithms: exponentiate `adjusted` and its interval for the ratio
/// at equal output length. A slope of 1 means time in proportion to tokens.
///
/// # Errors
///
/// As [`adjusted_difference`]; [`CovariateError::Ratios`] for a value of 0 or less.
pub fn adjusted_log_ratio(
    values: &Pairs,
    tokens: &Pairs,
    confidence: Confidence,
) -> Result<AdjustedDifference, CovariateError> {
    let logs = |pairs: &Pairs, what| {
        pairs.log_ratios().map_err(|source| CovariateError::Ratios { what, source })
    };
    adjusted_difference(&logs(values, "values")?, &logs(tokens, "output tokens")?, confidence)
}
