//! Quantiles of a finite sample.
//!
//! Owns: the one definition of a percentile in this workspace, its interval, and
//! the refusal of a percentile that the sample is too small for. No other code
//! may sort values to pick one.
//!
//! Does not: smooth, except where [`harrell_davis`] is asked for by name.

use crate::distribution::{beta_areas, binomial_areas};
use crate::sample::compensated_sum;
use crate::{Confidence, Interval, Sample};

/// Why a quantile was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum QuantileError {
    /// There are no values.
    #[error("a quantile needs at least one value")]
    EmptySample,
    /// The fraction is not one that the call takes.
    #[error("{q} is not a usable quantile fraction; write the 95th percentile as 0.95")]
    FractionOutOfRange {
        /// What was given.
        q: f64,
    },
    /// The sample has no value far enough out to bound this quantile.
    #[error(
        "a sample of {n} cannot support the quantile at {q} with {confidence} confidence: it \
         needs {needed} values"
    )]
    Unsupported {
        /// How many values there are.
        n: usize,
        /// How many are needed.
        needed: usize,
        /// The quantile asked for, a fraction.
        q: f64,
        /// The confidence asked for, a fraction.
        confidence: f64,
    },
}

/// Returns the `q`-quantile of `sorted`, by linear interpolation (type 7).
///
/// `sorted` has at least one value, ascending, all finite, in any one unit; the
/// result is in that unit and lies between the first and last values. `q` is a
/// fraction, so the 95th percentile is `0.95`.
///
/// # Errors
///
/// [`QuantileError::EmptySample`] if `sorted` is empty;
/// [`QuantileError::FractionOutOfRange`] unless `0 <= q <= 1`.
///
/// # Source
///
/// Hyndman and Fan (1996), *Sample Quantiles in Statistical Packages*, definition
/// 7: the default in R and NumPy, so results can be checked against either.
pub fn quantile(sorted: &[f64], q: f64) -> Result<f64, QuantileError> {
    if sorted.is_empty() {
        return Err(QuantileError::EmptySample);
    }
    if !(0.0..=1.0).contains(&q) {
        return Err(QuantileError::FractionOutOfRange { q });
    }
    Ok(interpolate(sorted, q))
}

/// [`quantile()`] where the caller knows that its conditions hold.
pub(crate) fn interpolate(sorted: &[f64], q: f64) -> f64 {
    let position = (sorted.len() - 1) as f64 * q;
    let below = whole(position);
    let above = (below + 1).min(sorted.len() - 1);
    let (low, high) = (sorted[below], sorted[above]);
    (low + (position - position.floor()) * (high - low)).clamp(low, high)
}

/// The integer part of a position in a slice.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "positions are non-negative and below the length of a slice"
)]
pub(crate) fn whole(position: f64) -> usize {
    position.floor() as usize
}

/// A quantile with its order-statistic interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileEstimate {
    /// How many values.
    pub n: usize,
    /// Which quantile, a fraction.
    pub q: f64,
    /// The type-7 quantile of the sample.
    pub value: f64,
    /// Two of the sample's own values that bracket the quantile.
    pub interval: Interval,
    /// The ranks of these two, counted from 1 in ascending order.
    pub ranks: (usize, usize),
    /// The probability, at least the nominal confidence, with which they do so
    /// for a continuous distribution. With ties it is higher still.
    pub coverage: f64,
}

/// Estimates a quantile of a sample, or refuses if the sample is too small.
///
/// `q` lies strictly between 0 and 1. The interval supposes independent values
/// and nothing about their distribution; each tail keeps at most half of
/// `1 - confidence`.
///
/// # Errors
///
/// [`QuantileError::FractionOutOfRange`] unless `0 < q < 1`;
/// [`QuantileError::Unsupported`] below [`quantile_sample_size`] values: for 95 %
/// that is 72 for the 95th percentile, 368 for the 99th, 3,688 for the 99.9th.
///
/// # Source
///
/// David and Nagaraja (2003), *Order Statistics*, section 7.1; Hahn and Meeker
/// (1991), *Statistical Intervals*, section 5.2. With `B` binomial of `n` and
/// `q`, the ranks are the largest `l` with `P(B < l) <= alpha/2` and the smallest
/// `u` with `P(B >= u) <= alpha/2`.
pub fn quantile_estimate(
    sample: &Sample,
    q: f64,
    confidence: Confidence,
) -> Result<QuantileEstimate, QuantileError> {
    let needed = quantile_sample_size(q, confidence)?;
    let n = sample.n();
    if n < needed {
        return Err(QuantileError::Unsupported { n, needed, q, confidence: confidence.level() });
    }
    let half = confidence.alpha() / 2.0;
    // Both areas are monotone in the rank, so bisection finds the last that fits.
    let lower = partition_point(1, n, |rank| binomial_areas(rank - 1, n, q).0 <= half) - 1;
    let upper = partition_point(1, n, |rank| binomial_areas(rank - 1, n, q).1 > half);
    let coverage = binomial_areas(upper - 1, n, q).0 - binomial_areas(lower - 1, n, q).0;
    let sorted = sample.sorted();
    Ok(QuantileEstimate {
        n,
        q,
        value: interpolate(sorted, q),
        interval: Interval {
            low: sorted[lower - 1],
            high: sorted[upper - 1],
            confidence: confidence.level(),
        },
        ranks: (lower, upper),
        coverage,
    })
}

/// Returns the first of `low..=high` for which `holds` no longer does, or
/// `high + 1`; `holds` must be true up to a point and false after it.
fn partition_point(low: usize, high: usize, holds: impl Fn(usize) -> bool) -> usize {
    let (mut low, mut high) = (low, high + 1);
    while low < high {
        let middle = low.midpoint(high);
        if holds(middle) { low = middle + 1 } else { high = middle }
    }
    low
}

/// Returns how many values support a two-sided interval of the `q`-quantile.
///
/// `q` lies strictly between 0 and 1. It is the smallest `n` for which the
/// extremes of the sample bound the quantile on both sides: `q^n` and `(1-q)^n`
/// are at most half of `1 - confidence`.
///
/// # Errors
///
/// [`QuantileError::FractionOutOfRange`] unless `0 < q < 1`.
///
/// # Source
///
/// The case of ranks 1 and `n` in Hahn and Meeker (1991), section 5.2.
pub fn quantile_sample_size(q: f64, confidence: Confidence) -> Result<usize, QuantileError> {
    if !(q > 0.0 && q < 1.0) {
        return Err(QuantileError::FractionOutOfRange { q });
    }
    let ln_half = (confidence.alpha() / 2.0).ln();
    // The logarithm of the larger of q and 1 - q, accurate near 1.
    let ln_share = if q >= 0.5 { (-(1.0 - q)).ln_1p() } else { (-q).ln_1p() };
    Ok(whole((ln_half / ln_share).ceil()))
}

/// Returns the Harrell-Davis quantile: a weighted mean of all order statistics.
///
/// `q` lies strictly between 0 and 1; the result is in the sample's unit. It
/// varies less than a type-7 quantile in small samples and is not the workspace's
/// percentile: name it where it is printed.
///
/// # Errors
///
/// [`QuantileError::FractionOutOfRange`] unless `0 < q < 1`.
///
/// # Source
///
/// Harrell and Davis (1982), *A new distribution-free quantile estimator*,
/// Biometrika 69, 635-640.
pub fn harrell_davis(sample: &Sample, q: f64) -> Result<f64, QuantileError> {
    if !(q > 0.0 && q < 1.0) {
        return Err(QuantileError::FractionOutOfRange { q });
    }
    let n = sample.n() as f64;
    let (alpha, beta) = ((n + 1.0) * q, (n + 1.0) * (1.0 - q));
    let sorted = sample.sorted();
    let mut below = 0.0;
    let terms = sorted.iter().enumerate().map(|(index, &value)| {
        let rank = (index + 1) as f64;
        let area = beta_areas(alpha, beta, rank / n, (n - rank) / n).0;
        let weight = area - below;
        below = area;
        weight * value
    });
    Ok(compensated_sum(terms).clamp(sample.min(), sample.max()))
}
