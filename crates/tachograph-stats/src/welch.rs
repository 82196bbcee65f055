//! Two independent samples: Welch's t test.

use crate::distribution::{t_critical, t_two_sided};
use crate::mean::EstimateError;
use crate::{Confidence, Interval, Sample};

/// The difference of two means, in the samples' unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WelchEstimate {
    /// Size of the first sample.
    pub n_a: usize,
    /// Size of the second sample.
    pub n_b: usize,
    /// Mean of the first minus mean of the second.
    pub difference: f64,
    /// Its standard error.
    pub standard_error: f64,
    /// Its interval.
    pub interval: Interval,
    /// Satterthwaite's degrees of freedom. When both samples are constant:
    /// `n_a + n_b - 2`.
    pub df: f64,
    /// The t statistic; `None` when both samples are constant.
    pub t: Option<f64>,
    /// The two-sided p-value of "equal means". When `t` is `None`: 1 if the
    /// constants are equal, else 0.
    pub p_value: f64,
}

/// Compares the means of two independent samples of any spread.
///
/// Not for arms that share blocks: use [`crate::paired_ratio`] there.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 values in either sample.
///
/// # Source
///
/// Welch (1947), *The Generalization of Student's Problem when Several Different
/// Population Variances are Involved*, Biometrika 34, 28-35; degrees of freedom
/// after Satterthwaite (1946).
pub fn welch(
    a: &Sample,
    b: &Sample,
    confidence: Confidence,
) -> Result<WelchEstimate, EstimateError> {
    let error_a = standard_error(a)?;
    let error_b = standard_error(b)?;
    let (n_a, n_b) = (a.n(), b.n());
    let (df_a, df_b) = ((n_a - 1) as f64, (n_b - 1) as f64);
    let difference = a.mean() - b.mean();
    let standard_error = error_a.hypot(error_b);
    let (df, t, p_value) = if standard_error > 0.0 {
        // Shares of the squared error, so that no square leaves the range.
        let share_a = (error_a / standard_error).powi(2);
        let share_b = (error_b / standard_error).powi(2);
        let df =
            (share_a + share_b).powi(2) / (share_a * share_a / df_a + share_b * share_b / df_b);
        let t = difference / standard_error;
        (df, Some(t), t_two_sided(t, df))
    } else {
        (df_a + df_b, None, if difference == 0.0 { 1.0 } else { 0.0 })
    };
    let half_width = t_critical(confidence.alpha(), df) * standard_error;
    let interval = Interval::around(difference, half_width, confidence.level());
    Ok(WelchEstimate { n_a, n_b, difference, standard_error, interval, df, t, p_value })
}

fn standard_error(sample: &Sample) -> Result<f64, EstimateError> {
    sample.standard_error().ok_or(EstimateError::TooFewValues {
        method: "Welch's t test",
        needed: 2,
        n: sample.n(),
    })
}
