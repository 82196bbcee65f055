//! How many blocks a question needs.
//!
//! Owns: power, detectable effect and required blocks of the paired comparison on
//! log ratios, for differences and for equivalence; the same for two independent
//! samples; and how far a pilot's spread can be trusted.

mod independent;
mod pilot;

pub use independent::IndependentDesign;
pub use pilot::{SpreadError, sd_upper_limit};

use crate::distribution::{
    mean_over_scale_below, noncentral_t_upper_tail, normal_upper_tail, t_critical,
};
use crate::{Confidence, Margin};

/// The most blocks that a search considers.
const BLOCKS_MAX: usize = 100_000;

/// What a pilot tells about the noise of log ratios between blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDesign {
    log_sd: f64,
    confidence: Confidence,
}

/// Why a power question has no answer.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PowerError {
    /// The spread is not usable.
    #[error("the standard deviation of log ratios is {log_sd}; take one above 0 from a pilot")]
    Spread {
        /// What was given.
        log_sd: f64,
    },
    /// The ratio is not usable.
    #[error("a true ratio of {ratio} has no power; give a ratio above 0, other than 1")]
    Ratio {
        /// What was given.
        ratio: f64,
    },
    /// The wanted power is not usable.
    #[error("power {power} is outside 0.05..=0.9999; by custom 0.8 or 0.9")]
    Power {
        /// What was given.
        power: f64,
    },
    /// No design of a usable size reaches it.
    #[error("even {most} blocks do not reach this power; widen the margin or reduce the noise")]
    TooManyBlocks {
        /// The most that were considered.
        most: usize,
    },
    /// Spread over blocks needs two blocks.
    #[error("a paired comparison needs at least 2 blocks, {n_blocks} were asked about")]
    TooFewBlocks {
        /// How many were asked about.
        n_blocks: usize,
    },
    /// Spread over runs needs two runs on each side.
    #[error("two independent samples need at least 2 runs each, {n_runs} were asked about")]
    TooFewRuns {
        /// How many were asked about.
        n_runs: usize,
    },
    /// The number of arms is not usable.
    #[error("{n_arms} arms cannot be confirmed together; re-measure 1 to 1,000, few by custom")]
    Arms {
        /// How many were given.
        n_arms: usize,
    },
}

impl PairedDesign {
    /// Describes a paired comparison by the spread of its log ratios.
    ///
    /// `log_sd` is [`crate::PairedRatio::log_sd`] of a pilot; `confidence` that of
    /// the planned test.
    ///
    /// # Errors
    ///
    /// [`PowerError::Spread`] unless `log_sd` is above 0 and finite.
    pub fn new(log_sd: f64, confidence: Confidence) -> Result<Self, PowerError> {
        if log_sd > 0.0 && log_sd.is_finite() {
            Ok(Self { log_sd, confidence })
        } else {
            Err(PowerError::Spread { log_sd })
        }
    }

    /// Returns the spread of log ratios that the design supposes.
    pub fn log_sd(&self) -> f64 {
        self.log_sd
    }

    /// Returns the probability of a significant difference when the true ratio is
    /// `ratio`, with `n_blocks` blocks.
    ///
    /// # Errors
    ///
    /// [`PowerError::TooFewBlocks`] below 2; [`PowerError::Ratio`] for a ratio that
    /// is not above 0.
    ///
    /// # Source
    ///
    /// The noncentral t distribution of the paired t statistic: Cohen (1988),
    /// *Statistical Power Analysis*, chapter 2; both tails are counted.
    pub fn power(&self, n_blocks: usize, ratio: f64) -> Result<f64, PowerError> {
        if n_blocks < 2 {
            return Err(PowerError::TooFewBlocks { n_blocks });
        }
        if !(ratio > 0.0 && ratio.is_finite()) {
            return Err(PowerError::Ratio { ratio });
        }
        Ok(self.power_at(n_blocks, ratio.ln().abs()))
    }

    fn power_at(&self, n_blocks: usize, log_effect: f64) -> f64 {
        difference_power(self.standard_error(n_blocks), self.confidence, log_effect)
    }

    /// The standard error of a mean log ratio and its degrees of freedom.
    fn standard_error(&self, n_blocks: usize) -> (f64, f64) {
        (self.log_sd / (n_blocks as f64).sqrt(), (n_blocks - 1) as f64)
    }

    /// Returns the smallest number of blocks that detects a true ratio with at
    /// least the given power.
    ///
    /// # Errors
    ///
    /// [`PowerError::Ratio`] for a ratio of 1 or not above 0, [`PowerError::Power`]
    /// for an unusable power, [`PowerError::TooManyBlocks`] beyond 100,000 blocks.
    pub fn blocks_for(&self, ratio: f64, power: f64) -> Result<usize, PowerError> {
        check_power(power)?;
        if !(ratio > 0.0 && ratio.is_finite() && ratio.ln() != 0.0) {
            return Err(PowerError::Ratio { ratio });
        }
        fewest(|n_blocks| self.power_at(n_blocks, ratio.ln().abs()) >= power)
    }

    /// Returns the smallest true ratio above 1 that `n_blocks` blocks detect with
    /// the given power. Its reciprocal is detected just as well.
    ///
    /// # Errors
    ///
    /// [`PowerError::TooFewBlocks`] below 2; [`PowerError::Power`] for an unusable
    /// power.
    pub fn detectable_ratio(&self, n_blocks: usize, power: f64) -> Result<f64, PowerError> {
        check_power(power)?;
        if n_blocks < 2 {
            return Err(PowerError::TooFewBlocks { n_blocks });
        }
        Ok(smallest_effect(self.log_sd, |effect| self.power_at(n_blocks, effect) >= power).exp())
    }

    /// Returns the probability of showing equivalence within `margin` when the true
    /// ratio is `ratio`, with `n_blocks` blocks.
    ///
    /// # Errors
    ///
    /// As [`PairedDesign::power`].
    ///
    /// # Source
    ///
    /// Phillips (1990), *Power of the Two One-Sided Tests Procedure in
    /// Bioequivalence*, Journal of Pharmacokinetics and Biopharmaceutics 18,
    /// 137-144: both tests integrated over the common standard deviation.
    pub fn equivalence_power(
        &self,
        n_blocks: usize,
        ratio: f64,
        margin: Margin,
    ) -> Result<f64, PowerError> {
        if n_blocks < 2 {
            return Err(PowerError::TooFewBlocks { n_blocks });
        }
        if !(ratio > 0.0 && ratio.is_finite()) {
            return Err(PowerError::Ratio { ratio });
        }
        Ok(self.equivalence_power_at(n_blocks, ratio.ln(), margin))
    }

    fn equivalence_power_at(&self, n_blocks: usize, log_ratio: f64, margin: Margin) -> f64 {
        equivalence_power(self.standard_error(n_blocks), self.confidence, log_ratio, margin)
    }

    /// Returns the smallest number of blocks that shows equivalence within `margin`
    /// with at least the given power, if the arms are truly equal.
    ///
    /// # Errors
    ///
    /// As [`PairedDesign::blocks_for`].
    pub fn blocks_for_equivalence(&self, margin: Margin, power: f64) -> Result<usize, PowerError> {
        check_power(power)?;
        fewest(|n_blocks| self.equivalence_power_at(n_blocks, 0.0, margin) >= power)
    }
}

/// The power of a two-sided t test of a mean log ratio whose estimate has the
/// given standard error and degrees of freedom.
fn difference_power((error, df): (f64, f64), confidence: Confidence, log_effect: f64) -> f64 {
    let critical = t_critical(confidence.alpha(), df);
    let delta = log_effect / error;
    if delta > 1e4 {
        // Far beyond any critical value that a usable confidence has.
        return if critical < delta / 100.0 { 1.0 } else { 0.0 };
    }
    let upper = noncentral_t_upper_tail(critical, df, delta);
    (upper + noncentral_t_upper_tail(critical, df, -delta)).clamp(0.0, 1.0)
}

/// The power of the two one-sided tests, integrated over the law of the spread.
fn equivalence_power(
    (error, df): (f64, f64),
    confidence: Confidence,
    log_ratio: f64,
    margin: Margin,
) -> f64 {
    let critical = t_critical((2.0 * confidence.alpha()).min(1.0), df);
    let to_high = (margin.log() - log_ratio) / error;
    let to_low = (margin.log() + log_ratio) / error;
    // Beyond this spread no mean passes both tests.
    let end = f64::midpoint(to_high, to_low) / critical;
    let sharpness = critical.max(to_high.abs()).max(to_low.abs());
    mean_over_scale_below(end, df, sharpness, |s| {
        normal_upper_tail(critical * s - to_high) - normal_upper_tail(to_low - critical * s)
    })
}

/// The smallest effect for which `enough` holds; `scale` is above 0.
fn smallest_effect(scale: f64, enough: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, scale);
    while !enough(high) {
        high *= 2.0;
    }
    // Fifty halvings leave fewer than 1e-15 of the first bracket.
    for _ in 0..50 {
        let middle = f64::midpoint(low, high);
        if enough(middle) { high = middle } else { low = middle }
    }
    high
}

fn check_power(power: f64) -> Result<(), PowerError> {
    if (0.05..=0.9999).contains(&power) { Ok(()) } else { Err(PowerError::Power { power }) }
}

/// The fewest blocks (or runs on each side), at least 2, for which `enough` holds;
/// power grows with them.
fn fewest(enough: impl Fn(usize) -> bool) -> Result<usize, PowerError> {
    let mut high = 2;
    while !enough(high) {
        if high >= BLOCKS_MAX {
            return Err(PowerError::TooManyBlocks { most: BLOCKS_MAX });
        }
        high = (high * 2).min(BLOCKS_MAX);
    }
    let mut low = high / 2;
    while low + 1 < high {
        let middle = low.midpoint(high);
        if enough(middle) { high = middle } else { low = middle }
    }
    Ok(high)
}
