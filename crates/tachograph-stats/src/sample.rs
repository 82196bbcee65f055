//! A finite sample.
//!
//! Owns: the check that values are numbers, and the one place where they are
//! sorted, summed and squared. Everything downstream relies on it and checks
//! nothing again.
//!
//! Does not: know what the values measure.

use crate::quantile::{QuantileError, interpolate, quantile};

/// The largest magnitude that a [`Sample`] takes: 1e300.
///
/// It leaves room below `f64::MAX` for differences and interval ends, so that
/// estimates of finite data are finite.
pub const MAGNITUDE_MAX: f64 = 1e300;

/// One or more finite values in any one unit, in their order and sorted.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    values: Vec<f64>,
    sorted: Vec<f64>,
    mean: f64,
    /// `None` for a single value.
    sd: Option<f64>,
}

/// Why values do not make a sample.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// There are no values.
    #[error("a sample needs at least one value")]
    Empty,
    /// A value is NaN or infinite.
    #[error(
        "value {index} of the sample is {value}; count failed calls apart instead of passing \
         them on as numbers"
    )]
    NotFinite {
        /// Its position, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
    /// A value is beyond [`MAGNITUDE_MAX`].
    #[error("value {index} of the sample is {value:e}, beyond 1e300; use a larger unit")]
    TooLarge {
        /// Its position, from 0.
        index: usize,
        /// The value.
        value: f64,
    },
}

impl Sample {
    /// Makes a sample of `values`, in their order.
    ///
    /// # Errors
    ///
    /// [`SampleError::Empty`] without values, [`SampleError::NotFinite`] for NaN
    /// or an infinity, [`SampleError::TooLarge`] beyond [`MAGNITUDE_MAX`].
    pub fn new(values: &[f64]) -> Result<Self, SampleError> {
        if values.is_empty() {
            return Err(SampleError::Empty);
        }
        for (index, &value) in values.iter().enumerate() {
            if !value.is_finite() {
                return Err(SampleError::NotFinite { index, value });
            }
            if value.abs() > MAGNITUDE_MAX {
                return Err(SampleError::TooLarge { index, value });
            }
        }
        Ok(Self::from_finite(values.to_vec()))
    }

    /// Makes a sample of values that are known to be finite and not empty.
    pub(crate) fn from_finite(values: Vec<f64>) -> Self {
        let mut sorted = values.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let (mean, sd) = moments(&sorted);
        Self { values, sorted, mean, sd }
    }

    /// Returns the values in the order in which they were given.
    pub fn values(&self) -> &[f64] {
        &self.values
    }

    /// Returns the values in ascending order.
    pub fn sorted(&self) -> &[f64] {
        &self.sorted
    }

    /// Returns how many values there are, at least 1.
    pub fn n(&self) -> usize {
        self.values.len()
    }

    /// Returns the arithmetic mean, in the sample's unit, within its range.
    ///
    /// Scaled by a power of two and summed with Neumaier's (1974) compensation,
    /// so that neither cancellation nor overflow touches it. It does not depend
    /// on the order of the values.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Returns the sample standard deviation, with `n - 1`, in the sample's unit.
    ///
    /// `None` for a single value, which has none. Exactly 0 when all values are
    /// equal. Two passes over scaled values, compensated.
    pub fn sd(&self) -> Option<f64> {
        self.sd
    }

    /// Returns the smallest value.
    pub fn min(&self) -> f64 {
        self.sorted[0]
    }

    /// Returns the largest value.
    pub fn max(&self) -> f64 {
        self.sorted[self.sorted.len() - 1]
    }

    /// Returns the median: the middle value, or the mean of the middle two.
    pub fn median(&self) -> f64 {
        interpolate(&self.sorted, 0.5)
    }

    /// Returns the type-7 quantile at the fraction `q`; see [`quantile()`].
    ///
    /// # Errors
    ///
    /// [`QuantileError::FractionOutOfRange`] unless `0 <= q <= 1`.
    pub fn quantile(&self, q: f64) -> Result<f64, QuantileError> {
        quantile(&self.sorted, q)
    }

    /// Returns the standard error of the mean; `None` for a single value.
    pub fn standard_error(&self) -> Option<f64> {
        self.sd.map(|sd| sd / (self.n() as f64).sqrt())
    }
}

/// Adds values with Neumaier's (1974) improvement of Kahan's summation.
pub(crate) fn compensated_sum(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut sum = 0.0_f64;
    let mut lost = 0.0;
    for value in values {
        let next = sum + value;
        lost += if sum.abs() >= value.abs() { (sum - next) + value } else { (value - next) + sum };
        sum = next;
    }
    sum + lost
}

/// Returns the power of two, never zero or infinite, that brings `magnitude` near
/// 1; multiplying by it and dividing by it are exact.
pub(crate) fn power_of_two_scale(magnitude: f64) -> f64 {
    if magnitude == 0.0 {
        return 1.0;
    }
    let exponent = (magnitude.to_bits() >> 52) & 0x7ff;
    f64::from_bits((2046 - exponent.clamp(1, 2045)) << 52)
}

/// Mean and standard deviation of ascending values; there is at least one.
pub(crate) fn moments(sorted: &[f64]) -> (f64, Option<f64>) {
    let (min, max) = (sorted[0], sorted[sorted.len() - 1]);
    if min.total_cmp(&max).is_eq() {
        return (min, (sorted.len() > 1).then_some(0.0));
    }
    let n = sorted.len() as f64;
    let scale = power_of_two_scale(min.abs().max(max.abs()));
    let mean = compensated_sum(sorted.iter().map(|&x| x * scale)) / n;
    // Deviations are scaled again: they may be far smaller than the values.
    let spread = sorted.iter().fold(0.0_f64, |most, &x| most.max((x * scale - mean).abs()));
    let zoom = power_of_two_scale(spread);
    let deviations = || sorted.iter().map(|&x| (x * scale - mean) * zoom);
    let squares = compensated_sum(deviations().map(|d| d * d));
    let residue = compensated_sum(deviations());
    let variance = (squares - residue * residue / n) / (n - 1.0);
    let sd = variance.max(0.0).sqrt() / zoom / scale;
    ((mean / scale).clamp(min, max), Some(sd))
}
