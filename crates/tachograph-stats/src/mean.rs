//! Means with intervals.
//!
//! Owns: the t interval of a mean and Yuen's interval of a trimmed mean.
//!
//! Does not: decide what the unit of replication is. Pass one value per run:
//! calls of one run are not independent of each other.

use crate::distribution::t_critical;
use crate::quantile::whole;
use crate::sample::moments;
use crate::{Confidence, Interval, Sample};

/// Why an estimate cannot be made of this sample.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum EstimateError {
    /// The method needs more values.
    #[error("{method} needs at least {needed} values, the sample has {n}; run more blocks")]
    TooFewValues {
        /// The method.
        method: &'static str,
        /// The smallest sample that it takes.
        needed: usize,
        /// The sample's size.
        n: usize,
    },
    /// The method's work would outgrow memory.
    #[error("{method} handles up to {most} combinations of values, there are {n}; pass run means")]
    TooManyValues {
        /// The method.
        method: &'static str,
        /// The most combinations that it takes.
        most: usize,
        /// How many there are.
        n: usize,
    },
    /// The share to trim from each end leaves nothing, or is not a fraction.
    #[error("cannot trim {trim} from each end; give a fraction from 0 to below 0.5")]
    TrimOutOfRange {
        /// What was given.
        trim: f64,
    },
}

/// A mean with its t interval, in the sample's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanEstimate {
    /// How many values.
    pub n: usize,
    /// The mean.
    pub mean: f64,
    /// The sample standard deviation, with `n - 1`.
    pub sd: f64,
    /// The standard error of the mean.
    pub standard_error: f64,
    /// Degrees of freedom, `n - 1`.
    pub df: f64,
    /// The interval of the mean.
    pub interval: Interval,
}

/// Estimates a mean with Student's t interval.
///
/// One value per independent unit (a run), in any one unit. The interval
/// supposes that the mean of `n` such values is near normal.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 values.
///
/// # Source
///
/// Student (1908), *The Probable Error of a Mean*: `mean -+ t(n-1) sd / sqrt n`.
pub fn mean_estimate(
    sample: &Sample,
    confidence: Confidence,
) -> Result<MeanEstimate, EstimateError> {
    let n = sample.n();
    let (Some(sd), Some(standard_error)) = (sample.sd(), sample.standard_error()) else {
        return Err(EstimateError::TooFewValues { method: "a t interval", needed: 2, n });
    };
    let df = (n - 1) as f64;
    let half_width = t_critical(confidence.alpha(), df) * standard_error;
    let interval = Interval::around(sample.mean(), half_width, confidence.level());
    Ok(MeanEstimate { n, mean: sample.mean(), sd, standard_error, df, interval })
}

/// A trimmed mean with its interval, in the sample's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrimmedMeanEstimate {
    /// How many values before trimming.
    pub n: usize,
    /// How many were left out at each end.
    pub trimmed_each_end: usize,
    /// The mean of the rest.
    pub mean: f64,
    /// Degrees of freedom: the rest minus 1.
    pub df: f64,
    /// The interval of the population's trimmed mean.
    pub interval: Interval,
}

/// Estimates a trimmed mean: `floor(trim * n)` values left out at each end.
///
/// `trim` is a fraction, 0.2 by custom. What is estimated is the trimmed mean of
/// the population, which differs from its mean if that is skewed.
///
/// # Errors
///
/// [`EstimateError::TrimOutOfRange`] unless `0 <= trim < 0.5`;
/// [`EstimateError::TooFewValues`] if fewer than 2 values would be left.
///
/// # Source
///
/// Tukey and `McLaughlin` (1963), Sankhya A 25, 331-352; Yuen (1974),
/// Biometrika 61, 165-170. With `h` values left, the standard error is
/// `s_w sqrt((n - 1) / (h (h - 1)))`, where `s_w` is the winsorised standard
/// deviation, on `h - 1` degrees of freedom.
pub fn trimmed_mean_estimate(
    sample: &Sample,
    trim: f64,
    confidence: Confidence,
) -> Result<TrimmedMeanEstimate, EstimateError> {
    if !(0.0..0.5).contains(&trim) {
        return Err(EstimateError::TrimOutOfRange { trim });
    }
    let n = sample.n();
    let cut = whole(trim * n as f64);
    let left = n - 2 * cut;
    if left < 2 {
        return Err(EstimateError::TooFewValues {
            method: "the interval of a trimmed mean",
            needed: 2 + 2 * cut,
            n,
        });
    }
    let kept = &sample.sorted()[cut..n - cut];
    let winsorised: Vec<f64> =
        sample.sorted().iter().map(|x| x.clamp(kept[0], kept[left - 1])).collect();
    let mean = moments(kept).0;
    let sd = moments(&winsorised).1.unwrap_or(0.0);
    let df = (left - 1) as f64;
    let standard_error = sd * ((n - 1) as f64 / (left as f64 * df)).sqrt();
    let interval = Interval::around(
        mean,
        t_critical(confidence.alpha(), df) * standard_error,
        confidence.level(),
    );
    Ok(TrimmedMeanEstimate { n, trimmed_each_end: cut, mean, df, interval })
}
