//! Shares of successes: failure rates, optimisation success rates.

use crate::distribution::normal_upper_quantile;
use crate::{Confidence, Interval};

/// Successes out of trials: at least one trial, no more successes than trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Proportion {
    successes: u64,
    trials: u64,
}

/// Why counts are no proportion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProportionError {
    /// Nothing was tried.
    #[error("a proportion needs at least one trial")]
    NoTrials,
    /// The counts contradict each other.
    #[error("{successes} successes out of {trials} trials; the counts are swapped or wrong")]
    MoreSuccessesThanTrials {
        /// The successes given.
        successes: u64,
        /// The trials given.
        trials: u64,
    },
}

/// The one-sided bound where every trial had the same outcome.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ExtremeBound {
    /// No success was seen: the probability is at most this.
    AtMost(f64),
    /// Only successes were seen: the probability is at least this.
    AtLeast(f64),
}

/// A proportion with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionEstimate {
    /// How many successes.
    pub successes: u64,
    /// How many trials.
    pub trials: u64,
    /// `successes / trials`.
    pub fraction: f64,
    /// Wilson's interval.
    pub interval: Interval,
    /// The one-sided bound at the same confidence; present only for 0 of n and
    /// n of n.
    pub bound: Option<ExtremeBound>,
}

impl Proportion {
    /// Checks a pair of counts.
    ///
    /// # Errors
    ///
    /// [`ProportionError::NoTrials`] without trials;
    /// [`ProportionError::MoreSuccessesThanTrials`] if the counts contradict.
    pub fn new(successes: u64, trials: u64) -> Result<Self, ProportionError> {
        if trials == 0 {
            return Err(ProportionError::NoTrials);
        }
        if successes > trials {
            return Err(ProportionError::MoreSuccessesThanTrials { successes, trials });
        }
        Ok(Self { successes, trials })
    }

    /// Estimates the probability of success, with Wilson's interval.
    ///
    /// For 0 of n the lower end is 0, for n of n the upper end is 1, exactly. The
    /// one-sided bound given there is exact too: `1 - alpha^(1/n)`, of which the
    /// rule of three, `3 / n` at 95 %, is the well-known approximation.
    ///
    /// # Source
    ///
    /// Wilson (1927), *Probable Inference, the Law of Succession, and Statistical
    /// Inference*, JASA 22, 209-212, without continuity correction. Hanley and
    /// Lippman-Hand (1983), *If Nothing Goes Wrong, Is Everything All Right?*,
    /// JAMA 249, 1743-1745.
    pub fn estimate(self, confidence: Confidence) -> ProportionEstimate {
        let n = self.trials as f64;
        let fraction = self.successes as f64 / n;
        let z = normal_upper_quantile(confidence.alpha() / 2.0);
        let share = z * z / n;
        let centre = (fraction + share / 2.0) / (1.0 + share);
        let failures = (self.trials - self.successes) as f64 / n;
        let half = z * (fraction * failures / n + share / (4.0 * n)).sqrt() / (1.0 + share);
        let none = self.successes == 0;
        let all = self.successes == self.trials;
        let interval = Interval {
            low: if none { 0.0 } else { (centre - half).max(0.0) },
            high: if all { 1.0 } else { (centre + half).min(1.0) },
            confidence: confidence.level(),
        };
        // alpha^(1/n), through logarithms so that its complement keeps its digits.
        let ln_root = confidence.alpha().ln() / n;
        let bound = if none {
            Some(ExtremeBound::AtMost(-ln_root.exp_m1()))
        } else if all {
            Some(ExtremeBound::AtLeast(ln_root.exp()))
        } else {
            None
        };
        ProportionEstimate {
            successes: self.successes,
            trials: self.trials,
            fraction,
            interval,
            bound,
        }
    }
}
