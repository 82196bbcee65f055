//! Equivalence: showing that a difference is too small to matter.
//!
//! Owns: the margin and the two one-sided tests. "Not significant" is never
//! taken for "equal".

use crate::PairedRatio;
use crate::distribution::{t_critical, t_upper_tail};
use crate::{Confidence, Interval};

/// The smallest relative difference that matters, a fraction such as 0.02.
///
/// A margin `m` makes ratios from `1 / (1 + m)` to `1 + m` equivalent. The region
/// is symmetric on logarithms, so the verdict does not depend on which arm is
/// called the baseline; for a margin of 2 % its lower end is a loss of 1.96 %.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Margin(f64);

/// Why a margin was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum MarginError {
    /// It is not a usable fraction.
    #[error("margin {fraction} is outside 0.000001..=1; write 2 % as 0.02")]
    OutOfRange {
        /// What was given.
        fraction: f64,
    },
}

impl Margin {
    /// Checks a margin, a fraction.
    ///
    /// # Errors
    ///
    /// [`MarginError::OutOfRange`] unless `1e-6 <= fraction <= 1`.
    pub fn new(fraction: f64) -> Result<Self, MarginError> {
        if (1e-6..=1.0).contains(&fraction) {
            Ok(Self(fraction))
        } else {
            Err(MarginError::OutOfRange { fraction })
        }
    }

    /// Returns the margin as a fraction.
    pub fn fraction(self) -> f64 {
        self.0
    }

    /// Returns the largest equivalent ratio, `1 + m`.
    pub fn ratio_high(self) -> f64 {
        1.0 + self.0
    }

    /// Returns the smallest equivalent ratio, `1 / (1 + m)`.
    pub fn ratio_low(self) -> f64 {
        1.0 / (1.0 + self.0)
    }

    /// Returns `ln(1 + m)`, the margin on logarithms.
    pub fn log(self) -> f64 {
        self.0.ln_1p()
    }
}

/// The outcome of the two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// The margin tested.
    pub margin: Margin,
    /// The p-value: the larger of the two one-sided ones. Equivalence is shown at
    /// `alpha` when it is at most `alpha`.
    pub p_value: f64,
    /// The `1 - 2 alpha` interval of the ratio (90 % for `alpha` 5 %). It lies in
    /// the margin exactly when `p_value <= alpha`, up to rounding.
    pub interval: Interval,
}

/// Tests whether a paired ratio lies within a margin around 1.
///
/// `confidence` gives `alpha = 1 - confidence`, the probability of calling two
/// arms equivalent whose true ratio lies outside the margin. When all blocks have
/// the same ratio, the p-value is 0 if it lies inside the margin, else 1.
///
/// # Source
///
/// Schuirmann (1987), *A comparison of the two one-sided tests procedure and the
/// power approach for assessing the equivalence of average bioavailability*,
/// Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680, on log ratios.
pub fn tost(ratio: &PairedRatio, margin: Margin, confidence: Confidence) -> Equivalence {
    two_one_sided((ratio.log_mean, ratio.log_standard_error, ratio.df), margin, confidence)
}

/// The two tests on a mean log ratio, given with its standard error and degrees
/// of freedom.
pub(crate) fn two_one_sided(
    (log_mean, error, df): (f64, f64, f64),
    margin: Margin,
    confidence: Confidence,
) -> Equivalence {
    let p_value = if error > 0.0 {
        let below_high = t_upper_tail((margin.log() - log_mean) / error, df);
        let above_low = t_upper_tail((log_mean + margin.log()) / error, df);
        below_high.max(above_low)
    } else if log_mean.abs() < margin.log() {
        0.0
    } else {
        1.0
    };
    let alpha = confidence.alpha();
    let half_width = if alpha < 0.5 { t_critical(2.0 * alpha, df) * error } else { 0.0 };
    let interval = Interval {
        low: (log_mean - half_width).exp(),
        high: (log_mean + half_width).exp(),
        confidence: 1.0 - 2.0 * alpha,
    };
    Equivalence { margin, p_value, interval }
}
