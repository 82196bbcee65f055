//! How evenly something is shared.

use crate::Sample;
use crate::sample::{compensated_sum, power_of_two_scale};

/// Why a fairness index does not exist.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum FairnessError {
    /// A share is below 0.
    #[error("share {index} is {value}; fairness needs shares of at least 0")]
    Negative {
        /// Its position, from 0.
        index: usize,
        /// The share.
        value: f64,
    },
    /// Nobody received anything.
    #[error("all shares are 0, so nothing was shared")]
    NothingShared,
}

/// Returns Jain's fairness index of non-negative shares, one per agent.
///
/// 1 when all are equal, `1/n` when one takes everything. It has no unit; for
/// concurrent agents the shares are solo time over concurrent time.
///
/// # Errors
///
/// [`FairnessError::Negative`] for a share below 0;
/// [`FairnessError::NothingShared`] if all are 0.
///
/// # Source
///
/// Jain, Chiu and Hawe (1984), DEC-TR-301: `(sum x)^2 / (n sum x^2)`.
pub fn jain_index(shares: &Sample) -> Result<f64, FairnessError> {
    for (index, &value) in shares.values().iter().enumerate() {
        if value < 0.0 {
            return Err(FairnessError::Negative { index, value });
        }
    }
    if shares.max() == 0.0 {
        return Err(FairnessError::NothingShared);
    }
    let scale = power_of_two_scale(shares.max());
    let n = shares.n() as f64;
    let sum = compensated_sum(shares.sorted().iter().map(|x| x * scale));
    let squares = compensated_sum(shares.sorted().iter().map(|x| (x * scale).powi(2)));
    Ok((sum * sum / (n * squares)).clamp(1.0 / n, 1.0))
}
