//! One-way analysis of variance of independent groups, balanced or not.

use crate::Sample;
use crate::distribution::f_upper_tail;
use crate::sample::{compensated_sum, power_of_two_scale};

/// Mean squares between and within groups, in the unit squared times `scale^2`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneWay {
    pub(crate) mean_square_between: f64,
    pub(crate) mean_square_within: f64,
    pub(crate) df_between: f64,
    pub(crate) df_within: f64,
    pub(crate) scale: f64,
    pub(crate) f: Option<f64>,
    pub(crate) p_value: f64,
}

/// Analyses two or more groups of which at least one has two values.
///
/// # Source
///
/// Fisher (1925), *Statistical Methods for Research Workers*, chapter 7.
pub(crate) fn one_way_f(groups: &[Sample]) -> OneWay {
    let pooled: Vec<f64> = groups.iter().flat_map(Sample::values).copied().collect();
    let n = pooled.len() as f64;
    let pooled = Sample::from_finite(pooled);
    let largest = pooled.min().abs().max(pooled.max().abs());
    let scale = power_of_two_scale(largest);
    let centre = pooled.mean() * scale;
    let between =
        compensated_sum(groups.iter().map(|g| g.n() as f64 * (g.mean() * scale - centre).powi(2)));
    let within = compensated_sum(groups.iter().map(|g| {
        let sd = g.sd().unwrap_or(0.0) * scale;
        (g.n() - 1) as f64 * sd * sd
    }));
    // Squares up to the rounding of the input are none.
    let rounding = 4.0 * f64::EPSILON * largest * scale;
    let noise = n * rounding * rounding;
    let above_noise = |squares: f64| if squares > noise { squares } else { 0.0 };
    let (between, within) = (above_noise(between), above_noise(within));
    let df_between = groups.len() as f64 - 1.0;
    let df_within = n - groups.len() as f64;
    let (f, p_value) = if within > 0.0 {
        let f = (between / df_between) / (within / df_within);
        (Some(f), f_upper_tail(f, df_between, df_within))
    } else {
        (None, if between > 0.0 { 0.0 } else { 1.0 })
    };
    OneWay {
        mean_square_between: between / df_between,
        mean_square_within: within / df_within,
        df_between,
        df_within,
        scale,
        f,
        p_value,
    }
}
