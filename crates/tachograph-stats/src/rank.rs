//! Rank tests: two samples, and pairs, without a normal distribution.
//!
//! Owns: Mann-Whitney and Wilcoxon with the Hodges-Lehmann estimates that belong
//! to them. Each result says whether its p-value is exact.

mod exact;
mod order;

use crate::distribution::{normal_two_sided, normal_upper_quantile};
use crate::mean::EstimateError;
use crate::{Confidence, Interval, Pairs, Sample};
pub(crate) use exact::{inversion_law, two_sided};
pub(crate) use order::{midranks, tie_groups};

use exact::{mann_whitney_law, signed_rank_law, tail_rank};
use order::tie_sum;

/// How a p-value was computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PMethod {
    /// From the exact distribution.
    Exact,
    /// From the normal distribution, with continuity and tie corrections.
    Normal,
    /// From a seeded random sample of rearrangements.
    Sampled,
}

/// Products of sample sizes up to this take the exact distribution, if no ties.
const EXACT_PAIRS_MAX: usize = 2500;
/// Pairs up to this take the exact signed-rank distribution, if no ties.
const EXACT_BLOCKS_MAX: usize = 50;
/// More pairwise differences than this are not made.
const DIFFERENCES_MAX: usize = 10_000_000;

/// Two independent samples compared by ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Size of the first sample.
    pub n_a: usize,
    /// Size of the second sample.
    pub n_b: usize,
    /// The statistic of the first sample: pairs in which it is larger, ties half.
    pub u: f64,
    /// The two-sided p-value of "same distribution".
    pub p_value: f64,
    /// How the p-value was computed.
    pub method: PMethod,
    /// The Hodges-Lehmann shift of the first against the second, in their unit.
    pub shift: f64,
    /// Its interval; `None` when the samples are too small for the confidence.
    pub interval: Option<Interval>,
}

/// Compares two independent samples by ranks.
///
/// Exact without ties up to a product of sizes of 2,500; else normal with
/// continuity and tie corrections. The interval supposes that the distributions
/// differ by a shift.
///
/// `u` is R's `W` and SciPy's statistic. The packages differ in when they are exact:
/// R below 50 values in each sample, SciPy's `method="auto"` up to 8 in the smaller
/// one. Beyond that both give the approximation that is meant here.
///
/// # Errors
///
/// [`EstimateError::TooManyValues`] above 10 million pairwise differences.
///
/// # Source
///
/// Mann and Whitney (1947), Annals of Mathematical Statistics 18, 50-60; Hodges
/// and Lehmann (1963); interval: Hollander, Wolfe and Chicken (2014),
/// *Nonparametric Statistical Methods*, section 4.3.
pub fn mann_whitney(
    a: &Sample,
    b: &Sample,
    confidence: Confidence,
) -> Result<MannWhitney, EstimateError> {
    let (n_a, n_b) = (a.n(), b.n());
    let n_pairs = n_a.saturating_mul(n_b);
    if n_pairs > DIFFERENCES_MAX {
        return Err(EstimateError::TooManyValues {
            method: "the Hodges-Lehmann shift",
            most: DIFFERENCES_MAX,
            n: n_pairs,
        });
    }
    let mut pooled: Vec<f64> = a.values().iter().chain(b.values()).copied().collect();
    let ranks = midranks(&pooled);
    let rank_sum: f64 = ranks[..n_a].iter().sum();
    let u = rank_sum - (n_a * (n_a + 1)) as f64 / 2.0;
    pooled.sort_by(f64::total_cmp);
    let ties = tie_sum(&pooled);
    let (product, total) = (n_pairs as f64, (n_a + n_b) as f64);
    let centre = product / 2.0;
    let spread = (product / 12.0 * (total + 1.0 - ties / (total * (total - 1.0)))).max(0.0).sqrt();
    let half = confidence.alpha() / 2.0;
    let (p_value, method, rank) = if ties == 0.0 && n_pairs <= EXACT_PAIRS_MAX {
        let law = mann_whitney_law(n_a, n_b);
        (two_sided(&law, u), PMethod::Exact, tail_rank(&law, half))
    } else {
        let p_value = normal_p(u - centre, spread);
        (p_value, PMethod::Normal, normal_rank(centre, spread, half))
    };
    let mut differences: Vec<f64> = Vec::with_capacity(n_pairs);
    for x in a.values() {
        differences.extend(b.values().iter().map(|y| x - y));
    }
    let differences = Sample::from_finite(differences);
    let interval = symmetric_ranks(differences.sorted(), rank, confidence);
    Ok(MannWhitney { n_a, n_b, u, p_value, method, shift: differences.median(), interval })
}

/// Pairs compared by signed ranks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignedRank {
    /// How many blocks.
    pub n_blocks: usize,
    /// Blocks without a difference, which the test leaves out.
    pub n_zero: usize,
    /// The sum of the ranks of positive differences.
    pub w_plus: f64,
    /// The sum of the ranks of negative differences.
    pub w_minus: f64,
    /// The two-sided p-value of "symmetric about 0".
    pub p_value: f64,
    /// How the p-value was computed.
    pub method: PMethod,
    /// The Hodges-Lehmann pseudo-median of the differences, in their unit.
    pub shift: f64,
    /// Its interval; `None` when there are too few blocks for the confidence.
    pub interval: Option<Interval>,
}

/// Compares the two arms of blocks by Wilcoxon's signed ranks.
///
/// Blocks without a difference are left out of the test (Wilcoxon's way) and kept
/// in the pseudo-median. Exact without ties and zeros up to 50 blocks, else normal
/// with continuity and tie corrections; without any difference p is 1.
///
/// R's `wilcox.test` leaves zeros out as here, of its pseudo-median too. SciPy's
/// `wilcoxon` does so by default, and corrects for continuity only when it is asked
/// to; Pratt's way of ranking zeros is not meant.
///
/// # Errors
///
/// [`EstimateError::TooManyValues`] above 4,471 blocks.
///
/// # Source
///
/// Wilcoxon (1945), Biometrics Bulletin 1, 80-83; pseudo-median and interval:
/// Hollander, Wolfe and Chicken (2014), sections 3.2 and 3.3.
pub fn signed_rank(pairs: &Pairs, confidence: Confidence) -> Result<SignedRank, EstimateError> {
    let differences = pairs.differences();
    let n_blocks = differences.n();
    let n_averages = n_blocks.saturating_mul(n_blocks + 1) / 2;
    if n_averages > DIFFERENCES_MAX {
        return Err(EstimateError::TooManyValues {
            method: "the Hodges-Lehmann pseudo-median",
            most: DIFFERENCES_MAX,
            n: n_averages,
        });
    }
    let nonzero: Vec<f64> = differences.sorted().iter().copied().filter(|d| *d != 0.0).collect();
    let mut sizes: Vec<f64> = nonzero.iter().map(|d| d.abs()).collect();
    let ranks = midranks(&sizes);
    sizes.sort_by(f64::total_cmp);
    let ties = tie_sum(&sizes);
    let positive = nonzero.iter().zip(&ranks).filter(|(d, _)| **d > 0.0);
    let w_plus: f64 = positive.map(|(_, rank)| rank).sum();
    let n = nonzero.len() as f64;
    let centre = n * (n + 1.0) / 4.0;
    let w_minus = 2.0 * centre - w_plus;
    let spread = ((n * (n + 1.0) * (2.0 * n + 1.0) - ties / 2.0) / 24.0).max(0.0).sqrt();
    let half = confidence.alpha() / 2.0;
    let n_zero = n_blocks - nonzero.len();
    let (p_value, method, rank) = if ties == 0.0 && n_zero == 0 && n_blocks <= EXACT_BLOCKS_MAX {
        let law = signed_rank_law(n_blocks);
        (two_sided(&law, w_plus), PMethod::Exact, tail_rank(&law, half))
    } else {
        let p_value = normal_p(w_plus - centre, spread);
        // The interval keeps all blocks, so it takes their full spread.
        let all = n_blocks as f64;
        let full = (all * (all + 1.0) * (2.0 * all + 1.0) / 24.0).sqrt();
        (p_value, PMethod::Normal, normal_rank(all * (all + 1.0) / 4.0, full, half))
    };
    let mut averages = Vec::with_capacity(n_averages);
    for (index, x) in differences.values().iter().enumerate() {
        averages.extend(differences.values()[index..].iter().map(|y| f64::midpoint(*x, *y)));
    }
    let averages = Sample::from_finite(averages);
    let interval = symmetric_ranks(averages.sorted(), rank, confidence);
    let shift = averages.median();
    Ok(SignedRank { n_blocks, n_zero, w_plus, w_minus, p_value, method, shift, interval })
}

/// The two-sided p-value of a departure, half a step nearer to the centre.
fn normal_p(departure: f64, spread: f64) -> f64 {
    if spread > 0.0 { normal_two_sided((departure.abs() - 0.5).max(0.0) / spread) } else { 1.0 }
}

/// The normal approximation of [`tail_rank`].
fn normal_rank(centre: f64, spread: f64, half: f64) -> usize {
    let rank = centre - normal_upper_quantile(half) * spread - 0.5;
    if rank < 0.0 { 0 } else { crate::quantile::whole(rank) + 1 }
}

/// The `rank`-th smallest and `rank`-th largest value; `None` for rank 0.
fn symmetric_ranks(sorted: &[f64], rank: usize, confidence: Confidence) -> Option<Interval> {
    let low = *sorted.get(rank.checked_sub(1)?)?;
    let high = *sorted.get(sorted.len().checked_sub(rank)?)?;
    (low <= high).then(|| Interval { low, high, confidence: confidence.level() })
}
