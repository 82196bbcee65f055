//! Power of two independent samples compared on logarithms.

use super::{
    PowerError, check_power, difference_power, equivalence_power, fewest, smallest_effect,
};
use crate::{Confidence, Margin};

/// What is known of the noise of two arms that share no blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct IndependentDesign {
    log_sd_treatment: f64,
    log_sd_baseline: f64,
    confidence: Confidence,
}

impl IndependentDesign {
    /// Describes a comparison by the spread of the logarithms of each arm's runs.
    ///
    /// The spreads are [`crate::IndependentRatio::log_sd_treatment`] and
    /// [`crate::IndependentRatio::log_sd_baseline`] of a pilot.
    ///
    /// # Errors
    ///
    /// [`PowerError::Spread`] unless both are finite and at least 0, and one is
    /// above 0.
    pub fn new(
        log_sd_treatment: f64,
        log_sd_baseline: f64,
        confidence: Confidence,
    ) -> Result<Self, PowerError> {
        for log_sd in [log_sd_treatment, log_sd_baseline] {
            if !(log_sd >= 0.0 && log_sd.is_finite()) {
                return Err(PowerError::Spread { log_sd });
            }
        }
        if log_sd_treatment.max(log_sd_baseline) > 0.0 {
            Ok(Self { log_sd_treatment, log_sd_baseline, confidence })
        } else {
            Err(PowerError::Spread { log_sd: 0.0 })
        }
    }

    /// Welch's standard error and Satterthwaite's degrees of freedom, at the true
    /// spreads, with `n` runs on each side.
    fn standard_error(&self, n: usize) -> (f64, f64) {
        let pooled = self.log_sd_treatment.hypot(self.log_sd_baseline);
        let share = (self.log_sd_treatment / pooled).powi(2);
        let df = (n - 1) as f64 / (share * share + (1.0 - share) * (1.0 - share));
        (pooled / (n as f64).sqrt(), df)
    }

    fn power_at(&self, n: usize, log_effect: f64) -> f64 {
        difference_power(self.standard_error(n), self.confidence, log_effect)
    }

    /// Returns the probability of a significant difference when the true ratio is
    /// `ratio`, with `n_runs` runs on each side.
    ///
    /// # Errors
    ///
    /// [`PowerError::TooFewRuns`] below 2; [`PowerError::Ratio`] for a ratio that is
    /// not above 0.
    ///
    /// # Source
    ///
    /// The noncentral t distribution (Cohen 1988, chapter 2) with Satterthwaite's
    /// degrees of freedom at the true spreads. An approximation that promises a
    /// little too much for few runs, since Welch's test takes them from the sample;
    /// `docs/statistics.md` shows how much.
    pub fn power(&self, n_runs: usize, ratio: f64) -> Result<f64, PowerError> {
        Self::check(n_runs, ratio)?;
        Ok(self.power_at(n_runs, ratio.ln().abs()))
    }

    /// Returns the fewest runs on each side that detect a true ratio with at least
    /// the given power.
    ///
    /// # Errors
    ///
    /// As [`crate::PairedDesign::blocks_for`].
    pub fn runs_for(&self, ratio: f64, power: f64) -> Result<usize, PowerError> {
        check_power(power)?;
        if !(ratio > 0.0 && ratio.is_finite() && ratio.ln() != 0.0) {
            return Err(PowerError::Ratio { ratio });
        }
        fewest(|n_runs| self.power_at(n_runs, ratio.ln().abs()) >= power)
    }

    /// Returns the smallest true ratio above 1 that `n_runs` runs on each side
    /// detect with the given power. Its reciprocal is detected just as well.
    ///
    /// # Errors
    ///
    /// [`PowerError::TooFewRuns`] below 2; [`PowerError::Power`] for an unusable
    /// power.
    pub fn detectable_ratio(&self, n_runs: usize, power: f64) -> Result<f64, PowerError> {
        check_power(power)?;
        if n_runs < 2 {
            return Err(PowerError::TooFewRuns { n_runs });
        }
        let scale = self.log_sd_treatment.max(self.log_sd_baseline);
        Ok(smallest_effect(scale, |effect| self.power_at(n_runs, effect) >= power).exp())
    }

    /// Returns the probability of showing equivalence within `margin` when the true
    /// ratio is `ratio`, with `n_runs` runs on each side.
    ///
    /// # Errors
    ///
    /// As [`IndependentDesign::power`].
    ///
    /// # Source
    ///
    /// Phillips (1990), with the same approximation as [`IndependentDesign::power`].
    pub fn equivalence_power(
        &self,
        n_runs: usize,
        ratio: f64,
        margin: Margin,
    ) -> Result<f64, PowerError> {
        Self::check(n_runs, ratio)?;
        Ok(equivalence_power(self.standard_error(n_runs), self.confidence, ratio.ln(), margin))
    }

    /// Returns the fewest runs on each side that show equivalence within `margin`
    /// with at least the given power, if the arms are truly equal.
    ///
    /// # Errors
    ///
    /// As [`crate::PairedDesign::blocks_for`].
    pub fn runs_for_equivalence(&self, margin: Margin, power: f64) -> Result<usize, PowerError> {
        check_power(power)?;
        fewest(|n_runs| {
            equivalence_power(self.standard_error(n_runs), self.confidence, 0.0, margin) >= power
        })
    }

    fn check(n_runs: usize, ratio: f64) -> Result<(), PowerError> {
        if n_runs < 2 {
            return Err(PowerError::TooFewRuns { n_runs });
        }
        if !(ratio > 0.0 && ratio.is_finite()) {
            return Err(PowerError::Ratio { ratio });
        }
        Ok(())
    }
}
