//! Values far from the rest.
//!
//! Owns: the classification. Does not: drop anything; a report shows a figure
//! with and without the outliers and keeps them in.

use crate::Sample;
use crate::quantile::interpolate;

/// Where a value lies against Tukey's fences.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FenceClass {
    /// Below the outer fence.
    FarLow,
    /// Between the outer and the inner fence, below.
    Low,
    /// Within the inner fences.
    Inside,
    /// Between the inner and the outer fence, above.
    High,
    /// Above the outer fence.
    FarHigh,
}

/// Tukey's fences of a sample, in its unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TukeyFences {
    /// `q1 - 3 iqr`.
    pub outer_low: f64,
    /// `q1 - 1.5 iqr`.
    pub inner_low: f64,
    /// The first quartile, type 7.
    pub q1: f64,
    /// The third quartile, type 7.
    pub q3: f64,
    /// `q3 + 1.5 iqr`.
    pub inner_high: f64,
    /// `q3 + 3 iqr`.
    pub outer_high: f64,
}

impl TukeyFences {
    /// Computes the fences.
    ///
    /// # Source
    ///
    /// Tukey (1977), *Exploratory Data Analysis*, section 2; with type-7 quartiles
    /// in place of his hinges.
    pub fn of(sample: &Sample) -> Self {
        let (q1, q3) = (interpolate(sample.sorted(), 0.25), interpolate(sample.sorted(), 0.75));
        let iqr = q3 - q1;
        Self {
            outer_low: q1 - 3.0 * iqr,
            inner_low: q1 - 1.5 * iqr,
            q1,
            q3,
            inner_high: q3 + 1.5 * iqr,
            outer_high: q3 + 3.0 * iqr,
        }
    }

    /// Classifies one value; a value on a fence is still on its inner side.
    pub fn classify(&self, value: f64) -> FenceClass {
        if value < self.outer_low {
            FenceClass::FarLow
        } else if value < self.inner_low {
            FenceClass::Low
        } else if value <= self.inner_high {
            FenceClass::Inside
        } else if value <= self.outer_high {
            FenceClass::High
        } else {
            FenceClass::FarHigh
        }
    }

    /// Classifies all values of a sample, in their order.
    pub fn classify_all(&self, sample: &Sample) -> Vec<FenceClass> {
        sample.values().iter().map(|&value| self.classify(value)).collect()
    }
}
