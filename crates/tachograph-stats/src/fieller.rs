//! The raw ratio of two means.

use crate::distribution::t_critical;
use crate::{Confidence, Interval, Pairs};

/// A ratio of means with Fieller's interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FiellerRatio {
    /// How many blocks.
    pub n_blocks: usize,
    /// Mean of the treatment over mean of the baseline.
    pub ratio: f64,
    /// Its interval.
    pub interval: Interval,
}

/// Why a ratio of means has no finite interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FiellerError {
    /// Spread over blocks needs two blocks.
    #[error("a ratio of means needs at least 2 blocks, there are {n_blocks}; run more blocks")]
    TooFewBlocks {
        /// How many there are.
        n_blocks: usize,
    },
    /// The baseline mean cannot be told from 0 at this confidence.
    #[error("the baseline mean may be 0 at this confidence, so the ratio is unbounded")]
    Unbounded,
}

/// Estimates the ratio of means of paired arms, of any sign.
///
/// It weighs large blocks more than [`crate::paired_ratio`] does: for speeds and
/// durations prefer that one.
///
/// # Errors
///
/// [`FiellerError::TooFewBlocks`] below 2 blocks; [`FiellerError::Unbounded`] if
/// the baseline mean is not significantly different from 0.
///
/// # Source
///
/// Fieller (1954), *Some Problems in Interval Estimation*, JRSS B 16, 175-185:
/// the ratios `r` for which the paired t test of `treatment - r baseline` does not
/// reject.
pub fn fieller(pairs: &Pairs, confidence: Confidence) -> Result<FiellerRatio, FiellerError> {
    let n_blocks = pairs.n_blocks();
    let (treatment, baseline) = (pairs.treatment(), pairs.baseline());
    let (Some(error_t), Some(error_b)) = (treatment.standard_error(), baseline.standard_error())
    else {
        return Err(FiellerError::TooFewBlocks { n_blocks });
    };
    let df = (n_blocks - 1) as f64;
    let critical = t_critical(confidence.alpha(), df);
    let (mean_t, mean_b) = (treatment.mean(), baseline.mean());
    let g_root = critical * error_b / mean_b.abs();
    if mean_b == 0.0 || g_root >= 1.0 {
        return Err(FiellerError::Unbounded);
    }
    let ratio = mean_t / mean_b;
    // All in units of the baseline mean, so that no product leaves the range.
    let (unit_t, unit_b) = (error_t / mean_b, error_b / mean_b);
    let covariance = {
        let products = treatment
            .values()
            .iter()
            .zip(baseline.values())
            .map(|(t, b)| ((t - mean_t) / mean_b) * ((b - mean_b) / mean_b));
        products.sum::<f64>() / df / n_blocks as f64
    };
    let g = g_root * g_root;
    let square = critical * critical;
    let centre = ratio - square * covariance;
    let radicand = unit_t * unit_t - 2.0 * ratio * covariance + ratio * ratio * unit_b * unit_b
        - square * (unit_t * unit_t * unit_b * unit_b - covariance * covariance);
    let half = critical * radicand.max(0.0).sqrt();
    let interval = Interval {
        low: (centre - half) / (1.0 - g),
        high: (centre + half) / (1.0 - g),
        confidence: confidence.level(),
    };
    Ok(FiellerRatio { n_blocks, ratio, interval })
}
