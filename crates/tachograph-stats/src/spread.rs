//! Whether groups differ in their spread.

use crate::Sample;
use crate::anova::one_way_f;
use crate::mean::EstimateError;

/// The outcome of an F test of spreads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrownForsythe {
    /// The F statistic; `None` when all absolute deviations of a group are equal,
    /// in every group.
    pub f: Option<f64>,
    /// Degrees of freedom between groups.
    pub df_between: f64,
    /// Degrees of freedom within groups.
    pub df_within: f64,
    /// The p-value of "equal spread". When `f` is `None`: 1 if the groups' mean
    /// deviations are equal, else 0.
    pub p_value: f64,
}

/// Tests whether two or more groups have the same spread.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 groups, or if no group has 2 values.
///
/// # Source
///
/// Brown and Forsythe (1974), *Robust Tests for the Equality of Variances*, JASA
/// 69, 364-367: analysis of variance of `|x - median|`.
pub fn brown_forsythe(groups: &[Sample]) -> Result<BrownForsythe, EstimateError> {
    let n: usize = groups.iter().map(Sample::n).sum();
    if groups.len() < 2 || n <= groups.len() {
        let method = "the Brown-Forsythe test of two groups or more";
        return Err(EstimateError::TooFewValues { method, needed: groups.len().max(2) + 1, n });
    }
    let deviations: Vec<Sample> = groups
        .iter()
        .map(|group| {
            let centre = group.median();
            Sample::from_finite(group.values().iter().map(|x| (x - centre).abs()).collect())
        })
        .collect();
    let test = one_way_f(&deviations);
    Ok(BrownForsythe {
        f: test.f,
        df_between: test.df_between,
        df_within: test.df_within,
        p_value: test.p_value,
    })
}
