//! Permutation tests of a difference in means.
//!
//! Owns: exact tests while the rearrangements can be counted, seeded samples of
//! them beyond. Nothing is supposed about the distribution, only that labels are
//! exchangeable under "no difference".

use crate::bootstrap::Resampling;
use crate::mean::EstimateError;
use crate::random::Chooser;
use crate::rank::PMethod;
use crate::sample::power_of_two_scale;
use crate::{Pairs, Sample};

/// Rearrangements up to this many are all counted.
const EXACT_MAX: u64 = 1 << 20;

/// The outcome of a permutation test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Permutation {
    /// The observed difference in means, in the values' unit.
    pub difference: f64,
    /// The two-sided p-value.
    pub p_value: f64,
    /// [`PMethod::Exact`] or [`PMethod::Sampled`].
    pub method: PMethod,
    /// How many rearrangements were looked at.
    pub rearrangements: u64,
}

/// Tests the mean difference of pairs by flipping their signs.
///
/// Exact up to 20 blocks (all `2^n` flips). Beyond, `resampling` draws flips and
/// the observed one is counted among them, so that p is never 0.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 blocks.
///
/// # Source
///
/// Fisher (1935), *The Design of Experiments*, section 21; Phipson and Smyth
/// (2010), *Permutation P-values Should Never Be Zero*, for sampled ones.
pub fn sign_flip(pairs: &Pairs, resampling: Resampling) -> Result<Permutation, EstimateError> {
    let differences = pairs.differences();
    let n = differences.n();
    need_two("a sign-flip test", n)?;
    let scaled = scaled(&differences);
    let observed: f64 = scaled.iter().sum();
    let total: f64 = scaled.iter().map(|d| d.abs()).sum();
    let threshold = observed.abs() - SLACK * total;
    let (p_value, method, rearrangements) = if n <= 20 {
        let all = 1_u64 << n;
        // Gray code: one sign changes at each step.
        let mut signs = vec![1.0; n];
        let mut sum = observed;
        let mut extreme = 0_u64;
        for step in 1..=all {
            extreme += u64::from(sum.abs() >= threshold);
            let index = (step.trailing_zeros() as usize).min(n - 1);
            signs[index] = -signs[index];
            if step % 256 == 0 {
                // Afresh now and then, so that rounding cannot pile up.
                sum = signs.iter().zip(&scaled).map(|(sign, d)| sign * d).sum();
            } else {
                sum += 2.0 * signs[index] * scaled[index];
            }
        }
        (extreme as f64 / all as f64, PMethod::Exact, all)
    } else {
        let mut chooser = Chooser::new(resampling.seed);
        let mut extreme = 0_u64;
        for _ in 0..resampling.resamples {
            let mut sum = 0.0;
            for chunk in scaled.chunks(64) {
                let coins = chooser.coins();
                for (bit, d) in chunk.iter().enumerate() {
                    sum += if coins >> bit & 1 == 0 { *d } else { -d };
                }
            }
            extreme += u64::from(sum.abs() >= threshold);
        }
        sampled(extreme, resampling)
    };
    Ok(Permutation { difference: differences.mean(), p_value, method, rearrangements })
}

/// Tests the difference in means of two independent samples by relabelling.
///
/// Exact up to 1,048,576 relabellings, sampled beyond, as [`sign_flip`]. Two-sided
/// means: relabellings whose difference is at least as large in size. For samples
/// of unequal sizes SciPy's `permutation_test` doubles the smaller tail instead.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] if the samples have fewer than 3 values
/// together.
///
/// # Source
///
/// Pitman (1937), JRSS Supplement 4, 119-130; Phipson and Smyth (2010).
pub fn relabelling(
    a: &Sample,
    b: &Sample,
    resampling: Resampling,
) -> Result<Permutation, EstimateError> {
    let (n_a, n) = (a.n(), a.n() + b.n());
    if n < 3 {
        let method = "a permutation test of two samples";
        return Err(EstimateError::TooFewValues { method, needed: 3, n });
    }
    let pooled: Vec<f64> = a.values().iter().chain(b.values()).copied().collect();
    let mut values = scaled(&Sample::from_finite(pooled));
    let share = n_a as f64 / n as f64;
    let centre = share * values.iter().sum::<f64>();
    let size: f64 = values.iter().map(|x| x.abs()).sum();
    // Given the total, the sum of the first sample decides the difference.
    let observed: f64 = values[..n_a].iter().sum::<f64>() - centre;
    let threshold = observed.abs() - SLACK * size;
    let (p_value, method, rearrangements) = if let Some(all) = choices(n, n_a) {
        let mut chosen: Vec<usize> = (0..n_a).collect();
        let mut extreme = 0_u64;
        loop {
            let sum: f64 = chosen.iter().map(|&index| values[index]).sum();
            extreme += u64::from((sum - centre).abs() >= threshold);
            if !next_combination(&mut chosen, n) {
                break;
            }
        }
        (extreme as f64 / all as f64, PMethod::Exact, all)
    } else {
        let mut chooser = Chooser::new(resampling.seed);
        let mut extreme = 0_u64;
        for _ in 0..resampling.resamples {
            // The first steps of a Fisher-Yates shuffle choose the sample.
            for index in 0..n_a {
                let other = index + chooser.index(n - index);
                values.swap(index, other);
            }
            let sum: f64 = values[..n_a].iter().sum();
            extreme += u64::from((sum - centre).abs() >= threshold);
        }
        sampled(extreme, resampling)
    };
    Ok(Permutation { difference: a.mean() - b.mean(), p_value, method, rearrangements })
}

/// Sums that agree to this share of the values' total size count as equal: the
/// order of addition must not decide whether a tie is extreme.
const SLACK: f64 = 1e-12;

fn sampled(extreme: u64, resampling: Resampling) -> (f64, PMethod, u64) {
    let drawn = resampling.resamples as u64;
    ((extreme + 1) as f64 / (drawn + 1) as f64, PMethod::Sampled, drawn)
}

fn scaled(sample: &Sample) -> Vec<f64> {
    let scale = power_of_two_scale(sample.min().abs().max(sample.max().abs()));
    sample.values().iter().map(|x| x * scale).collect()
}

/// `n` choose `k` if it is at most [`EXACT_MAX`].
fn choices(n: usize, k: usize) -> Option<u64> {
    let k = k.min(n - k) as u64;
    let mut count = 1_u64;
    for step in 0..k {
        count = count.checked_mul(n as u64 - step)? / (step + 1);
        if count > EXACT_MAX {
            return None;
        }
    }
    Some(count)
}

/// Moves to the next combination in lexicographic order; false after the last.
fn next_combination(chosen: &mut [usize], n: usize) -> bool {
    let k = chosen.len();
    for at in (0..k).rev() {
        if chosen[at] < n - k + at {
            chosen[at] += 1;
            for later in at + 1..k {
                chosen[later] = chosen[later - 1] + 1;
            }
            return true;
        }
    }
    false
}

fn need_two(method: &'static str, n: usize) -> Result<(), EstimateError> {
    if n < 2 { Err(EstimateError::TooFewValues { method, needed: 2, n }) } else { Ok(()) }
}
