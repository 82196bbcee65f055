//! Effect sizes of two independent samples, each with an interval.

use crate::distribution::{hedges_correction, noncentrality_interval, normal_upper_quantile};
use crate::mean::EstimateError;
use crate::{Confidence, Interval, Sample};

/// A standardised mean difference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgesG {
    /// Cohen's d: the difference over the pooled standard deviation.
    pub d: f64,
    /// Hedges' g: d less its small-sample bias, by the exact factor.
    pub g: f64,
    /// The same by the usual approximation of the factor, `1 - 3 / (4 df - 1)`: the g
    /// of most packages and papers, to compare with.
    pub g_approximate: f64,
    /// The interval of the population's standardised difference.
    pub interval: Interval,
    /// Degrees of freedom, `n_a + n_b - 2`.
    pub df: f64,
}

/// Why an effect size does not exist.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum EffectError {
    /// The samples are too small.
    #[error("the samples are too small for an effect size")]
    Sample {
        /// What is missing.
        source: EstimateError,
    },
    /// There is no spread to divide by.
    #[error("both samples are constant, so there is no standard deviation to measure by")]
    NoSpread,
    /// The spread is next to nothing beside the difference.
    #[error("the means are {d:e} standard deviations apart; report the difference in its unit")]
    OutOfRange {
        /// The standardised difference.
        d: f64,
    },
}

/// Estimates the standardised difference of two means.
///
/// Positive when the first mean is larger; it has no unit. Supposes normal data
/// of equal spread.
///
/// # Errors
///
/// [`EffectError::Sample`] below 2 values in either sample;
/// [`EffectError::NoSpread`] when both are constant; [`EffectError::OutOfRange`]
/// when the t statistic is beyond 10,000.
///
/// # Source
///
/// Hedges (1981), *Distribution Theory for Glass's Estimator of Effect Size*,
/// Journal of Educational Statistics 6, 107-128:
/// `J = Gamma(df/2) / (sqrt(df/2) Gamma((df-1)/2))`, equation 6e, and its
/// approximation, equation 6f. Interval: Steiger and Fouladi
/// (1997), the noncentralities for which the observed t is at either tail.
pub fn hedges_g(a: &Sample, b: &Sample, confidence: Confidence) -> Result<HedgesG, EffectError> {
    let (Some(sd_a), Some(sd_b)) = (a.sd(), b.sd()) else {
        let n = a.n().min(b.n());
        let source = EstimateError::TooFewValues { method: "Hedges' g", needed: 2, n };
        return Err(EffectError::Sample { source });
    };
    let (n_a, n_b) = (a.n() as f64, b.n() as f64);
    let df = n_a + n_b - 2.0;
    let pooled = (sd_a * ((n_a - 1.0) / df).sqrt()).hypot(sd_b * ((n_b - 1.0) / df).sqrt());
    if pooled == 0.0 {
        return Err(EffectError::NoSpread);
    }
    let d = (a.mean() - b.mean()) / pooled;
    let root = (n_a * n_b / (n_a + n_b)).sqrt();
    if !(d * root).is_finite() || (d * root).abs() > 1e4 {
        return Err(EffectError::OutOfRange { d });
    }
    let (low, high) = noncentrality_interval(d * root, df, confidence.alpha());
    let interval = Interval { low: low / root, high: high / root, confidence: confidence.level() };
    let g_approximate = d * (1.0 - 3.0 / (4.0 * df - 1.0));
    Ok(HedgesG { d, g: d * hedges_correction(df), g_approximate, interval, df })
}

/// The dominance of one sample over another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CliffsDelta {
    /// The share of pairs in which the first is larger, less the share in which it
    /// is smaller: -1 to 1.
    pub delta: f64,
    /// Its interval.
    pub interval: Interval,
}

/// Estimates Cliff's delta of two independent samples.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 values in either sample.
///
/// # Source
///
/// Cliff (1993), *Dominance Statistics*, Psychological Bulletin 114, 494-509: the
/// unbiased variance and the asymmetric interval, held to -1..1; at a delta of
/// -1 or 1 the bound of Feng and Cliff (2004), `(n - z^2) / (n + z^2)` with the
/// smaller size.
pub fn cliffs_delta(
    a: &Sample,
    b: &Sample,
    confidence: Confidence,
) -> Result<CliffsDelta, EstimateError> {
    let least = a.n().min(b.n());
    if least < 2 {
        let method = "the interval of Cliff's delta";
        return Err(EstimateError::TooFewValues { method, needed: 2, n: least });
    }
    let (n_a, n_b) = (a.n() as f64, b.n() as f64);
    let (rows, row_hits) = dominance(a, b);
    let (columns, _) = dominance(b, a);
    let delta = rows.iter().sum::<f64>() / n_a;
    let z = normal_upper_quantile(confidence.alpha() / 2.0);
    let level = confidence.level();
    let departures = |shares: &[f64], centre: f64| -> f64 {
        shares.iter().map(|share| (share - centre).powi(2)).sum()
    };
    let between_rows = departures(&rows, delta);
    let between_columns = departures(&columns, -delta);
    let within = row_hits - n_a * n_b * delta * delta;
    let floor = (1.0 - delta * delta) / (n_a * n_b - 1.0);
    let variance = ((n_b * n_b * between_rows + n_a * n_a * between_columns - within)
        / (n_a * n_b * (n_a - 1.0) * (n_b - 1.0)))
        .max(floor);
    let interval = if delta.abs() >= 1.0 {
        let size = n_a.min(n_b);
        let bound = (size - z * z) / (size + z * z);
        if delta > 0.0 {
            Interval { low: bound, high: 1.0, confidence: level }
        } else {
            Interval { low: -1.0, high: -bound, confidence: level }
        }
    } else {
        let centre = delta - delta.powi(3);
        let half = z * (variance * ((1.0 - delta * delta).powi(2) + z * z * variance)).sqrt();
        let scale = 1.0 - delta * delta + z * z * variance;
        Interval {
            low: ((centre - half) / scale).max(-1.0),
            high: ((centre + half) / scale).min(1.0),
            confidence: level,
        }
    };
    Ok(CliffsDelta { delta, interval })
}

/// For each value of `a`, its mean dominance over `b`; and the count of pairs
/// that are not tied.
fn dominance(a: &Sample, b: &Sample) -> (Vec<f64>, f64) {
    let (sorted, n) = (b.sorted(), b.n() as f64);
    let mut untied = 0.0;
    let shares = a.values().iter().map(|&x| {
        let below = sorted.partition_point(|&y| y < x) as f64;
        let above = n - sorted.partition_point(|&y| y <= x) as f64;
        untied += below + above;
        (below - above) / n
    });
    let shares = shares.collect();
    (shares, untied)
}
