//! Exact distributions of rank statistics, as probabilities of 0, 1, 2, ...

use crate::quantile::whole;

/// The law of the Mann-Whitney `U` of `m` and `n` values without ties.
///
/// # Source
///
/// The recursion of Mann and Whitney (1947): the largest value belongs to the
/// first sample with probability `m / (m + n)` and then beats all `n`.
pub(crate) fn mann_whitney_law(m: usize, n: usize) -> Vec<f64> {
    // One row per count of second-sample values; built up over the first sample.
    let mut rows: Vec<Vec<f64>> = vec![vec![1.0]; n + 1];
    for i in 1..=m {
        let mut next: Vec<Vec<f64>> = Vec::with_capacity(n + 1);
        next.push(vec![1.0]);
        for j in 1..=n {
            let first = i as f64 / (i + j) as f64;
            let mut law = vec![0.0; i * j + 1];
            for (u, p) in rows[j].iter().enumerate() {
                law[u + j] += first * p;
            }
            for (u, p) in next[j - 1].iter().enumerate() {
                law[u] += (1.0 - first) * p;
            }
            next.push(law);
        }
        rows = next;
    }
    rows.pop().unwrap_or_default()
}

/// The law of the signed-rank sum of `n` differences without ties.
///
/// # Source
///
/// Wilcoxon (1945): each rank is positive with probability one half.
pub(crate) fn signed_rank_law(n: usize) -> Vec<f64> {
    let mut law = vec![1.0];
    for rank in 1..=n {
        let mut next = vec![0.0; law.len() + rank];
        for (w, p) in law.iter().enumerate() {
            next[w] += p / 2.0;
            next[w + rank] += p / 2.0;
        }
        law = next;
    }
    law
}

/// The law of the number of inversions in a random order of `n` values.
///
/// # Source
///
/// Kendall (1938): inserting the `k`-th value adds 0 to `k - 1` inversions.
pub(crate) fn inversion_law(n: usize) -> Vec<f64> {
    let mut law = vec![1.0];
    for k in 2..=n {
        let mut next = vec![0.0; law.len() + k - 1];
        for (inversions, p) in law.iter().enumerate() {
            for added in 0..k {
                next[inversions + added] += p / k as f64;
            }
        }
        law = next;
    }
    law
}

/// Twice the smaller tail at `value`, at most 1. The law is symmetric.
pub(crate) fn two_sided(law: &[f64], value: f64) -> f64 {
    let most = (law.len() - 1) as f64;
    let end = whole(value.min(most - value).max(0.0));
    let tail: f64 = law[..=end.min(law.len() - 1)].iter().sum();
    (2.0 * tail).min(1.0)
}

/// The largest `k` with `P(X < k) <= half`; 0 if even `P(X < 1)` is more.
pub(crate) fn tail_rank(law: &[f64], half: f64) -> usize {
    let mut below = 0.0;
    let mut rank = 0;
    for p in law {
        below += p;
        if below > half {
            break;
        }
        rank += 1;
    }
    rank
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of three signed ranks, 0 has probability 1/8, and so have 1 and 2.
    #[test]
    fn a_tail_may_be_used_up_to_its_share() {
        let law = signed_rank_law(3);
        assert_eq!(tail_rank(&law, 0.12), 0);
        assert_eq!(tail_rank(&law, 0.125), 1);
        assert_eq!(tail_rank(&law, 0.249), 1);
        assert_eq!(tail_rank(&law, 0.25), 2);
    }

    #[test]
    fn laws_are_whole() {
        for law in [mann_whitney_law(7, 4), signed_rank_law(12), inversion_law(9)] {
            assert!((law.iter().sum::<f64>() - 1.0).abs() < 1e-14);
            let mirrored = law.iter().rev();
            assert!(law.iter().zip(mirrored).all(|(a, b)| (a - b).abs() < 1e-16));
        }
    }
}
