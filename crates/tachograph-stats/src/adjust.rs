//! Corrections for making many comparisons at once.
//!
//! Owns: adjusted p-values, in the order of the input.

/// Why p-values cannot be adjusted.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum AdjustError {
    /// One of them is no probability.
    #[error("p-value {index} is {value}, not a number from 0 to 1")]
    NotAProbability {
        /// Its position, from 0.
        index: usize,
        /// What was given.
        value: f64,
    },
}

/// Returns Holm's step-down adjusted p-values, for a plan's primary family.
///
/// Comparing them with `alpha` bounds the probability of any false claim in the
/// family by `alpha`, whatever the dependence. The result has the length and the
/// order of the input; an empty family gives an empty result.
///
/// # Errors
///
/// [`AdjustError::NotAProbability`] unless every value lies in `0..=1`.
///
/// # Source
///
/// Holm (1979), *A Simple Sequentially Rejective Multiple Test Procedure*,
/// Scandinavian Journal of Statistics 6, 65-70:
/// `max over j <= i of min(1, (m - j + 1) p_(j))`.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, AdjustError> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut most = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        most = most.max((p_values.len() - rank) as f64 * p_values[index]).min(1.0);
        adjusted[index] = most;
    }
    Ok(adjusted)
}

/// Returns Benjamini-Hochberg adjusted p-values, for exploratory comparisons.
///
/// Comparing them with `alpha` bounds the expected share of false claims among
/// those made by `alpha`, for independent or positively dependent tests. The
/// result has the length and the order of the input.
///
/// # Errors
///
/// [`AdjustError::NotAProbability`] unless every value lies in `0..=1`.
///
/// # Source
///
/// Benjamini and Hochberg (1995), *Controlling the False Discovery Rate*, JRSS B
/// 57, 289-300: `min over j >= i of min(1, m p_(j) / j)`.
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, AdjustError> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut least = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        least = least.min(p_values.len() as f64 * p_values[index] / (rank + 1) as f64);
        adjusted[index] = least;
    }
    Ok(adjusted)
}

fn ascending(p_values: &[f64]) -> Result<Vec<usize>, AdjustError> {
    for (index, &value) in p_values.iter().enumerate() {
        if !(0.0..=1.0).contains(&value) {
            return Err(AdjustError::NotAProbability { index, value });
        }
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    Ok(order)
}
