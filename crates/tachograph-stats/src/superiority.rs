//! Which of two samples tends to be larger, without a shift or equal spread.

use crate::distribution::{ln_gamma, t_critical, t_two_sided};
use crate::mean::EstimateError;
use crate::rank::midranks;
use crate::{Confidence, Interval, Sample};

/// The outcome of the Brunner-Munzel test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrunnerMunzel {
    /// Size of the first sample.
    pub n_a: usize,
    /// Size of the second sample.
    pub n_b: usize,
    /// The probability that a value of the first is larger than one of the second,
    /// ties half: 0 to 1, 0.5 when neither tends to be larger.
    pub superiority: f64,
    /// Its interval, cut to 0..=1; `None` when the samples do not overlap.
    pub interval: Option<Interval>,
    /// Satterthwaite's degrees of freedom; `None` with the interval.
    pub df: Option<f64>,
    /// The statistic, above 0 when the first tends to be larger; `None` when the
    /// samples do not overlap or consist of one value.
    pub t: Option<f64>,
    /// The two-sided p-value of "neither tends to be larger". From Student's t;
    /// for samples that do not overlap, where t is infinite, from the permutations
    /// of it: 2 of all ways to label the values.
    pub p_value: f64,
}

/// Tests whether one of two independent samples tends to be larger.
///
/// Unlike [`crate::mann_whitney`] it keeps its size when the spreads differ. It is
/// approximate: of ten values or more per sample.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 values in either sample.
///
/// # Source
///
/// Brunner and Munzel (2000), *The Nonparametric Behrens-Fisher Problem*,
/// Biometrical Journal 42, 17-25; without overlap Neubert and Brunner (2007),
/// Computational Statistics and Data Analysis 51, 5192-5204. SciPy and R's `lawstat`
/// use the same t approximation, with the sign of second against first.
pub fn brunner_munzel(
    a: &Sample,
    b: &Sample,
    confidence: Confidence,
) -> Result<BrunnerMunzel, EstimateError> {
    let (n_a, n_b) = (a.n(), b.n());
    let n = n_a.min(n_b);
    if n < 2 {
        return Err(EstimateError::TooFewValues {
            method: "the Brunner-Munzel test",
            needed: 2,
            n,
        });
    }
    let pooled: Vec<f64> = a.values().iter().chain(b.values()).copied().collect();
    let ranks = midranks(&pooled);
    let (size_a, size_b) = (n_a as f64, n_b as f64);
    let (mean_a, spread_a) = placements(&ranks[..n_a], &midranks(a.values()));
    let (_, spread_b) = placements(&ranks[n_a..], &midranks(b.values()));
    let superiority = mean_a / size_b;
    // Each side's share of the squared error of the superiority.
    let (part_a, part_b) =
        (spread_a / (size_a * size_b * size_b), spread_b / (size_b * size_a * size_a));
    let variance = part_a + part_b;
    let base =
        BrunnerMunzel { n_a, n_b, superiority, interval: None, df: None, t: None, p_value: 1.0 };
    if variance <= 0.0 {
        let separated = superiority <= 0.0 || superiority >= 1.0;
        let p_value = if separated { two_labellings(size_a, size_b) } else { 1.0 };
        return Ok(BrunnerMunzel { p_value, ..base });
    }
    let df =
        variance * variance / (part_a * part_a / (size_a - 1.0) + part_b * part_b / (size_b - 1.0));
    let error = variance.sqrt();
    let t = (superiority - 0.5) / error;
    let half_width = t_critical(confidence.alpha(), df) * error;
    let interval = Interval {
        low: (superiority - half_width).max(0.0),
        high: (superiority + half_width).min(1.0),
        confidence: confidence.level(),
    };
    Ok(BrunnerMunzel {
        interval: Some(interval),
        df: Some(df),
        t: Some(t),
        p_value: t_two_sided(t, df),
        ..base
    })
}

/// Mean and variance of the placements: how many values of the other sample lie
/// below each value, ties half.
fn placements(ranks: &[f64], own: &[f64]) -> (f64, f64) {
    let n = ranks.len() as f64;
    let placed = || ranks.iter().zip(own).map(|(rank, own)| rank - own);
    // Multiples of one half: their sum is exact.
    let mean = placed().sum::<f64>() / n;
    let squares: f64 = placed().map(|p| (p - mean).powi(2)).sum();
    (mean, squares / (n - 1.0))
}

/// 2 over the number of ways to label `a + b` values, at most 1.
fn two_labellings(a: f64, b: f64) -> f64 {
    let ln_ways = ln_gamma(a + b + 1.0) - ln_gamma(a + 1.0) - ln_gamma(b + 1.0);
    (2.0 * (-ln_ways).exp()).min(1.0)
}
