//! Whether two samples come from one distribution, whatever differs.

use crate::Sample;
use crate::mean::EstimateError;

/// Products of sample sizes up to this take the exact distribution.
const EXACT_PAIRS_MAX: usize = 4_000_000;

/// The outcome of the two-sample Kolmogorov-Smirnov test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KolmogorovSmirnov {
    /// Size of the first sample.
    pub n_a: usize,
    /// Size of the second sample.
    pub n_b: usize,
    /// The largest distance of the two empirical distributions, 0 to 1.
    pub distance: f64,
    /// The smallest value at which they are that far apart, in the samples' unit.
    pub at: f64,
    /// The two-sided p-value of "one distribution".
    pub p_value: f64,
    /// Whether the p-value is exact: with ties, given the ties. Else it is the
    /// limit for large samples, which is too large with many ties.
    pub exact: bool,
}

/// Compares the distributions of two independent samples.
///
/// Exact up to a product of sizes of 4 million: every order of the labels is
/// counted, and where values are tied only those distances that the data can show
/// (R's `psmirnov` with its `z`; SciPy's exact method ignores ties and is then too
/// large). Beyond, the limit law (R's `exact = FALSE`; SciPy's asymptotic method
/// uses a one-sample law instead).
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 3 values together, which cannot differ.
///
/// # Source
///
/// Smirnov (1939); exact law: Hodges (1958), Arkiv for Matematik 3, 469-486, by
/// lattice paths; ties: Schröer and Trenkler (1995), Computational Statistics and
/// Data Analysis 20, 185-202.
pub fn kolmogorov_smirnov(a: &Sample, b: &Sample) -> Result<KolmogorovSmirnov, EstimateError> {
    let (n_a, n_b) = (a.n(), b.n());
    let total = n_a + n_b;
    if total < 3 {
        let method = "the Kolmogorov-Smirnov test";
        return Err(EstimateError::TooFewValues { method, needed: 3, n: total });
    }
    let mut pooled: Vec<f64> = a.sorted().iter().chain(b.sorted()).copied().collect();
    pooled.sort_by(f64::total_cmp);
    // Whether the distributions can be compared after so many pooled values.
    let is_end = |taken: usize| taken == total || pooled[taken] > pooled[taken - 1];
    let (mut from_a, mut from_b) = (0, 0);
    let (mut gap, mut at) = (0, pooled[0]);
    for taken in 1..=total {
        let value = pooled[taken - 1];
        if is_end(taken) {
            from_a += a.sorted()[from_a..].partition_point(|&x| x <= value);
            from_b += b.sorted()[from_b..].partition_point(|&x| x <= value);
            let here = distance((from_a, n_a), (from_b, n_b));
            if here > gap {
                (gap, at) = (here, value);
            }
        }
    }
    let distance = gap as f64 / (n_a as f64 * n_b as f64);
    let exact = n_a.checked_mul(n_b).is_some_and(|pairs| pairs <= EXACT_PAIRS_MAX);
    let p_value = if gap == 0 {
        1.0
    } else if exact {
        touching_paths((n_a, n_b), gap, is_end)
    } else {
        let lambda = distance * (n_a as f64 * (n_b as f64 / total as f64)).sqrt();
        limit_tail(lambda)
    };
    Ok(KolmogorovSmirnov { n_a, n_b, distance, at, p_value, exact })
}

/// `|i / n_a - j / n_b|` in units of `1 / (n_a n_b)`.
fn distance((i, n_a): (usize, usize), (j, n_b): (usize, usize)) -> u128 {
    (i as u128 * n_b as u128).abs_diff(j as u128 * n_a as u128)
}

/// The share of all label orders whose distributions are `gap` apart somewhere.
///
/// Counted as touched paths, not as one minus the others, so that a small share
/// keeps its digits.
fn touching_paths((n_a, n_b): (usize, usize), gap: u128, is_end: impl Fn(usize) -> bool) -> f64 {
    let mut touched = vec![0.0; n_b + 1];
    for i in 0..=n_a {
        for j in 0..=n_b {
            touched[j] = if i + j > 0 && is_end(i + j) && distance((i, n_a), (j, n_b)) >= gap {
                1.0
            } else {
                // The last label was of the first sample with probability i / (i + j).
                let all = (i + j).max(1) as f64;
                let from_a = i as f64 / all * touched[j];
                from_a + if j > 0 { j as f64 / all * touched[j - 1] } else { 0.0 }
            };
        }
    }
    touched[n_b]
}

/// `P(K > lambda)` of Kolmogorov's limit law.
///
/// # Source
///
/// Kolmogorov (1933) in both its series, each where it converges at once: Marsaglia,
/// Tsang and Wang (2003), Journal of Statistical Software 8(18).
fn limit_tail(lambda: f64) -> f64 {
    if lambda < 1.0 {
        let step = -(std::f64::consts::PI / lambda).powi(2) / 8.0;
        let series: f64 = [1.0, 3.0, 5.0, 7.0].iter().map(|k: &f64| (step * k * k).exp()).sum();
        return 1.0 - std::f64::consts::TAU.sqrt() / lambda * series;
    }
    let term = |k: f64| (-2.0 * (k * lambda).powi(2)).exp();
    2.0 * (term(1.0) - term(2.0) + term(3.0) - term(4.0) + term(5.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_series_meet() {
        let step = 1e-9;
        assert!((limit_tail(1.0 - step) - limit_tail(1.0 + step)).abs() < 1e-8);
        // Smirnov's table: the 5 % point is 1.3581.
        assert!((limit_tail(1.358_099) - 0.05).abs() < 1e-6);
    }
}
