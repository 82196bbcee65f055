//! Student's t about a mean that is not 0: power and effect-size intervals.

use super::special::{beta_areas, ln_gamma, ln_gamma_ratio_half};
use crate::dunnett::falling_root;

use super::quadrature::integrate;
use super::{normal_upper_quantile, normal_upper_tail, solve_decreasing, t_upper_tail};

/// Integrates over the law of `s = chi(df) / sqrt(df)`: the mean of `f(s)`.
///
/// The trapezoid rule in `ln s`, which converges geometrically since the law
/// vanishes with all derivatives at both ends. `sharpness` is the steepness of
/// `f` against `s` near 1.
///
/// # Source
///
/// Trefethen and Weideman (2014), *The Exponentially Convergent Trapezoidal Rule*,
/// SIAM Review 56, 385-458.
pub(crate) fn mean_over_scale(df: f64, sharpness: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (low, high) = scale_range(df);
    let steps = ((high - low) / scale_step(df, sharpness) * 4.0).ceil().clamp(100.0, 200_000.0);
    let (mut sum, mut weights) = (0.0, 0.0);
    let mut index = 0.0;
    while index <= steps {
        let u = low + (high - low) * index / steps;
        let weight = ln_scale_weight(df, u).exp();
        sum += weight * f(u.exp());
        weights += weight;
        index += 1.0;
    }
    sum / weights
}

/// As [`mean_over_scale`], for an `f` that is 0 from `end` on and bends there: the
/// trapezoid rule would lose its digits at the bend, panels that stop at it do not.
pub(crate) fn mean_over_scale_below(
    end: f64,
    df: f64,
    sharpness: f64,
    f: impl Fn(f64) -> f64,
) -> f64 {
    if end.is_nan() || end <= 0.0 {
        return 0.0;
    }
    let (low, high) = scale_range(df);
    let step = scale_step(df, sharpness);
    let mass = |high: f64, step: f64, f: &dyn Fn(f64) -> f64| {
        let panels = ((high - low) / step / 4.0).ceil().clamp(4.0, 50_000.0);
        integrate(low, high, panels, |u| ln_scale_weight(df, u).exp() * f(u.exp()))
    };
    let bend = end.ln().min(high);
    if bend <= low {
        return 0.0;
    }
    mass(bend, step, &f) / mass(high, scale_step(df, 1.0), &|_| 1.0)
}

/// The log density of `u = ln s`, less its peak at 0.
fn ln_scale_weight(df: f64, u: f64) -> f64 {
    df * (u - (2.0 * u).exp_m1() / 2.0)
}

/// Where the density of `ln s` is not worth counting any more.
fn scale_range(df: f64) -> (f64, f64) {
    let end = |direction: f64| {
        let mut u = direction / df.sqrt();
        while ln_scale_weight(df, u) > -42.0 {
            u *= 1.25;
        }
        u
    };
    (end(-1.0), end(1.0))
}

/// The distance in `ln s` over which neither the density nor `f` changes much.
fn scale_step(df: f64, sharpness: f64) -> f64 {
    (1.0 / (2.0 * df).sqrt()).min(1.0 / sharpness.max(1.0))
}

/// `P(T > t)` for the noncentral `T` with `df > 0` and noncentrality `delta`.
///
/// # Source
///
/// Its definition, `T = (Z + delta) / s`: the mean of `P(Z > t s - delta)`.
pub(crate) fn noncentral_t_upper_tail(t: f64, df: f64, delta: f64) -> f64 {
    if delta == 0.0 {
        return t_upper_tail(t, df);
    }
    mean_over_scale(df, t.abs().max(delta.abs()), |s| normal_upper_tail(t * s - delta))
}

/// The slope of [`noncentral_t_upper_tail`] against `delta`.
fn tail_slope(t: f64, df: f64, delta: f64) -> f64 {
    mean_over_scale(df, t.abs().max(delta.abs()), |s| {
        (-0.5 * (t * s - delta).powi(2)).exp() / std::f64::consts::TAU.sqrt()
    })
}

/// The noncentralities for which `t` lies at the upper and the lower `alpha / 2`
/// tail: an equal-tailed interval of the noncentrality. `t` is at most 1e4.
pub(crate) fn noncentrality_interval(t: f64, df: f64, alpha: f64) -> (f64, f64) {
    let half = alpha / 2.0;
    // Near t, a noncentrality has about this standard error.
    let reach = normal_upper_quantile(half) * (1.0 + t * t / (2.0 * df)).sqrt();
    let at_tail = |tail: f64| {
        let excess = |delta: f64| tail - noncentral_t_upper_tail(t, df, delta);
        let mut low = t - 2.0 * reach - 1.0;
        while excess(low) < 0.0 {
            low -= reach + 1.0;
        }
        let mut high = t + 2.0 * reach + 1.0;
        while excess(high) > 0.0 {
            high += reach + 1.0;
        }
        solve_decreasing((low, high), t, |delta| (excess(delta), tail_slope(t, df, delta)))
    };
    (at_tail(half), at_tail(1.0 - half))
}

/// `P(F > f)` for the noncentral `F` with noncentrality `lambda >= 0`.
///
/// # Source
///
/// Its definition as a Poisson mixture of central laws: Johnson, Kotz and
/// Balakrishnan (1995), *Continuous Univariate Distributions 2*, chapter 30; the tail
/// of each from that of the one before by Abramowitz and Stegun (1964) 26.5.16.
fn noncentral_f_upper_tail(f: f64, df_between: f64, df_within: f64, lambda: f64) -> f64 {
    let ratio = df_between / df_within * f;
    let (x, y) = (ratio / (1.0 + ratio), 1.0 / (1.0 + ratio));
    let (rate, half_within) = (lambda / 2.0, df_within / 2.0);
    // From the smallest count that matters upwards, where both tails and their
    // differences are positive and nothing cancels.
    let first = (rate - 9.0 * (rate + 8.0).sqrt()).floor().max(0.0);
    let mut shape = df_between / 2.0 + first;
    let mut area = beta_areas(shape, half_within, x, y).1;
    let ln_beta = ln_gamma(shape) + ln_gamma(half_within) - ln_gamma(shape + half_within);
    let mut growth = (shape * x.ln() + half_within * y.ln() - ln_beta).exp() / shape;
    // Relative to that of the first count.
    let mut weight = 1.0;
    let (mut weights, mut sum, mut count) = (0.0, 0.0, first);
    loop {
        weights += weight;
        sum += weight * area;
        if count > rate && weight < 1e-17 * weights {
            return sum / weights;
        }
        area += growth;
        growth *= x * (shape + half_within) / (shape + 1.0);
        shape += 1.0;
        count += 1.0;
        weight *= rate / count;
    }
}

/// The noncentralities for which `f` lies at the upper and the lower `alpha / 2`
/// tail; an end that no noncentrality reaches is 0. `f` is at most 1e4.
pub(crate) fn noncentral_f_interval(
    f: f64,
    (df_between, df_within): (f64, f64),
    alpha: f64,
) -> (f64, f64) {
    let at_tail = |tail: f64| {
        let excess = |lambda: f64| tail - noncentral_f_upper_tail(f, df_between, df_within, lambda);
        if excess(0.0) <= 0.0 {
            return 0.0;
        }
        // In units that bring the root near where the search begins.
        let unit = (df_between * f).max(1.0) / 4.0;
        unit * falling_root(|scaled| excess(unit * scaled))
    };
    (at_tail(alpha / 2.0), at_tail(1.0 - alpha / 2.0))
}

/// Hedges' exact factor `J`, which takes the bias out of a standardised mean
/// difference. For `df` 1, where it does not exist, it is 0.
pub(crate) fn hedges_correction(df: f64) -> f64 {
    if df <= 1.0 {
        return 0.0;
    }
    // Gamma(df/2) / Gamma((df-1)/2), with h = (df - 1) / 2.
    (ln_gamma_ratio_half((df - 1.0) / 2.0) - 0.5 * (df / 2.0).ln()).exp()
}
