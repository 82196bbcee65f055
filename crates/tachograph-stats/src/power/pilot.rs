//! How far the spread of a small pilot can be trusted.

use crate::Confidence;
use crate::distribution::chi_squared_upper_quantile;

/// Why a spread has no upper limit.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SpreadError {
    /// It is no standard deviation.
    #[error("{sd} is no standard deviation; give one of 0 or more")]
    Spread {
        /// What was given.
        sd: f64,
    },
    /// There are no degrees of freedom.
    #[error("a spread of {n} values has no limit; at least 2 values are needed")]
    TooFewValues {
        /// How many values there are.
        n: usize,
    },
}

/// Returns the one-sided upper confidence limit of a standard deviation that `n`
/// normal values gave, in the unit of `sd`.
///
/// A pilot's spread is too small more often than not. Planned with its upper limit
/// at the confidence `g`, a study has at least the wanted power with probability
/// `g`.
///
/// # Errors
///
/// [`SpreadError`] below 2 values or for a spread below 0.
///
/// # Source
///
/// `sd * sqrt((n - 1) / q)` with the lower quantile `q` of chi-squared; Browne
/// (1995), *On the use of a pilot sample for sample size determination*, Statistics
/// in Medicine 14, 1933-1940.
pub fn sd_upper_limit(sd: f64, n: usize, confidence: Confidence) -> Result<f64, SpreadError> {
    if n < 2 {
        return Err(SpreadError::TooFewValues { n });
    }
    if !(sd >= 0.0 && sd.is_finite()) {
        return Err(SpreadError::Spread { sd });
    }
    let df = (n - 1) as f64;
    Ok(sd * (df / chi_squared_upper_quantile(confidence.level(), df)).sqrt())
}
