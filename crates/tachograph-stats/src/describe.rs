//! What a sample looks like: the figures of a results table.
//!
//! Owns: the summary of a sample and its coefficient of variation.

use crate::distribution::chi_squared_upper_quantile;
use crate::{Confidence, Interval, Sample};

/// The describing figures of a sample, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Summary {
    /// How many values.
    pub n: usize,
    /// The arithmetic mean.
    pub mean: f64,
    /// The sample standard deviation, `n - 1`; `None` for a single value.
    pub sd: Option<f64>,
    /// `sd / mean`, a fraction; `None` unless all values are at least 0, one is
    /// above 0, and there are two or more. A ratio to a mean that could as well
    /// be 0 says nothing.
    pub cv: Option<f64>,
    /// The median.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Summary {
    /// Describes a sample.
    pub fn of(sample: &Sample) -> Self {
        let cv = match sample.sd() {
            Some(sd) if sample.min() >= 0.0 && sample.mean() > 0.0 => Some(sd / sample.mean()),
            _ => None,
        };
        Self {
            n: sample.n(),
            mean: sample.mean(),
            sd: sample.sd(),
            cv,
            median: sample.median(),
            min: sample.min(),
            max: sample.max(),
        }
    }
}

/// A coefficient of variation with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CvEstimate {
    /// How many values.
    pub n: usize,
    /// `sd / mean`, a fraction.
    pub cv: f64,
    /// Its interval. `None` where the method has no finite upper end: few values
    /// with a large spread.
    pub interval: Option<Interval>,
}

/// Why a coefficient of variation cannot be estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CvError {
    /// One value has no spread.
    #[error("a coefficient of variation needs at least 2 values, the sample has {n}")]
    TooFewValues {
        /// How many there are.
        n: usize,
    },
    /// The quantity is not one that has a coefficient of variation.
    #[error(
        "a coefficient of variation needs values of at least 0 with a mean above 0; report the \
         standard deviation instead"
    )]
    NotRatioScale,
}

/// Estimates the coefficient of variation of a sample of non-negative values.
///
/// The result is a fraction, not a percentage. The interval supposes normal data
/// and is accurate while the coefficient is below about one third; beyond
/// that read it as approximate.
///
/// # Errors
///
/// [`CvError::TooFewValues`] below 2 values; [`CvError::NotRatioScale`] if a value
/// is below 0 or all are 0.
///
/// # Source
///
/// Vangel (1996), *Confidence Intervals for a Normal Coefficient of Variation*,
/// The American Statistician 50, 21-26: the modified `McKay` interval.
pub fn cv_estimate(sample: &Sample, confidence: Confidence) -> Result<CvEstimate, CvError> {
    let n = sample.n();
    if n < 2 {
        return Err(CvError::TooFewValues { n });
    }
    let cv = Summary::of(sample).cv.ok_or(CvError::NotRatioScale)?;
    Ok(CvEstimate { n, cv, interval: vangel(cv, n, confidence) })
}

fn vangel(cv: f64, n: usize, confidence: Confidence) -> Option<Interval> {
    let n = n as f64;
    let df = n - 1.0;
    let end = |u: f64| {
        let radicand = ((u + 2.0) / n - 1.0) * cv * cv + u / df;
        (radicand > 0.0).then(|| cv / radicand.sqrt())
    };
    let half = confidence.alpha() / 2.0;
    let low = end(chi_squared_upper_quantile(half, df))?;
    let high = end(chi_squared_upper_quantile(1.0 - half, df))?;
    Some(Interval { low, high, confidence: confidence.level() })
}
