//! Drift over the order of runs, and what neighbours have in common.

use crate::Sample;
use crate::distribution::normal_two_sided;
use crate::mean::EstimateError;
use crate::rank::{PMethod, inversion_law, tie_groups, two_sided};

/// Values up to this many take the exact distribution, if no ties.
const EXACT_MAX: usize = 50;
/// More values than this have too many pairs.
const VALUES_MAX: usize = 20_000;
/// More values than this have too many slopes to hold.
const SLOPES_VALUES_MAX: usize = 4000;

/// A test for a monotone trend.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannKendall {
    /// How many values.
    pub n: usize,
    /// Pairs that rise less pairs that fall.
    pub s: f64,
    /// Kendall's tau-b of value against order; `None` when all values are equal.
    pub tau: Option<f64>,
    /// The two-sided p-value of "no trend".
    pub p_value: f64,
    /// How the p-value was computed.
    pub method: PMethod,
    /// The Theil-Sen slope: the median change per step, in the values' unit. `None`
    /// above 4,000 values.
    pub slope: Option<f64>,
}

/// Tests whether values drift over the order in which they were given.
///
/// Exact without ties up to 50 values, else normal with continuity and tie
/// corrections. Supposes values that are independent but for the trend.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 4 values, which cannot show a trend;
/// [`EstimateError::TooManyValues`] above 20,000.
///
/// # Source
///
/// Mann (1945), *Nonparametric Tests Against Trend*, Econometrica 13, 245-259;
/// Kendall (1975), *Rank Correlation Methods*; slope: Sen (1968).
pub fn mann_kendall(sample: &Sample) -> Result<MannKendall, EstimateError> {
    let (n, values) = (sample.n(), sample.values());
    if n < 4 {
        let method = "the Mann-Kendall test";
        return Err(EstimateError::TooFewValues { method, needed: 4, n });
    }
    if n > VALUES_MAX {
        let method = "the Mann-Kendall test";
        return Err(EstimateError::TooManyValues { method, most: VALUES_MAX, n });
    }
    let (mut rising, mut falling) = (0_u64, 0_u64);
    let keep_slopes = n <= SLOPES_VALUES_MAX;
    let mut slopes = Vec::new();
    for (i, earlier) in values.iter().enumerate() {
        for (step, later) in values[i + 1..].iter().enumerate() {
            rising += u64::from(later > earlier);
            falling += u64::from(later < earlier);
            if keep_slopes {
                slopes.push((later - earlier) / (step + 1) as f64);
            }
        }
    }
    let s = rising as f64 - falling as f64;
    let groups = tie_groups(sample.sorted());
    let count = n as f64;
    let n_pairs = count * (count - 1.0) / 2.0;
    let tied_pairs: f64 = groups.iter().map(|t| t * (t - 1.0) / 2.0).sum();
    let tau = (tied_pairs < n_pairs).then(|| s / (n_pairs * (n_pairs - tied_pairs)).sqrt());
    let (p_value, method) = if tied_pairs == 0.0 && n <= EXACT_MAX {
        (two_sided(&inversion_law(n), falling as f64), PMethod::Exact)
    } else {
        let ties: f64 = groups.iter().map(|t| t * (t - 1.0) * (2.0 * t + 5.0)).sum();
        let variance = (count * (count - 1.0) * (2.0 * count + 5.0) - ties) / 18.0;
        let p_value = if variance > 0.0 {
            normal_two_sided((s.abs() - 1.0).max(0.0) / variance.sqrt())
        } else {
            1.0
        };
        (p_value, PMethod::Normal)
    };
    let slope = keep_slopes.then(|| Sample::from_finite(slopes).median());
    Ok(MannKendall { n, s, tau, p_value, method, slope })
}

/// Dependence between neighbours in the order of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Autocorrelation {
    /// How many values.
    pub n: usize,
    /// The first-lag autocorrelation, -1 to 1.
    pub lag_one: f64,
    /// How many independent values carry as much about the mean; at most `n`.
    pub n_effective: f64,
}

/// Estimates the first-lag autocorrelation and the effective sample size.
///
/// A negative correlation gives no credit: `n_effective` is then `n`.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 3 values or if all are equal.
///
/// # Source
///
/// Bayley and Hammersley (1946), JRSS Supplement 8, 184-197, for a first-order
/// autoregression: `n (1 - r) / (1 + r)`; `r` as in Box and Jenkins (1976).
pub fn autocorrelation(sample: &Sample) -> Result<Autocorrelation, EstimateError> {
    let n = sample.n();
    let sd = match sample.sd() {
        Some(sd) if n >= 3 && sd > 0.0 => sd,
        _ => {
            let method = "an autocorrelation of values that differ";
            return Err(EstimateError::TooFewValues { method, needed: 3, n });
        }
    };
    let scores: Vec<f64> = sample.values().iter().map(|x| (x - sample.mean()) / sd).collect();
    let products: f64 = scores.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let lag_one = products / (n - 1) as f64;
    let credit = lag_one.max(0.0);
    let n_effective = n as f64 * (1.0 - credit) / (1.0 + credit);
    Ok(Autocorrelation { n, lag_one, n_effective })
}
