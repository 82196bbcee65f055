//! Incomplete beta and gamma functions, both tails, without cancellation.
//!
//! Owns: the numerics under every distribution. The prefactors use Loader's
//! saddle-point form, so that large parameters keep their relative accuracy
//! where differences of log-gammas would lose it.

use std::f64::consts::TAU;

pub(crate) use statrs::function::gamma::ln_gamma;

const TINY: f64 = 1e-300;
/// Bounds a continued fraction; it needs about `sqrt(parameter)` terms, so this
/// is reached only beyond 1e12 degrees of freedom.
const TERMS_MAX: usize = 1_000_000;

/// Regularised incomplete beta: `(I_x(a, b), 1 - I_x(a, b))`.
///
/// `a` and `b` are positive, `y` is `1 - x` as the caller knows it best.
///
/// # Source
///
/// Continued fraction of `DiDonato` and Morris (1992), *Algorithm 708*, ACM TOMS 18,
/// 360-373, by the modified Lentz method (Thompson and Barnett 1986); prefactor
/// after Loader (2000), *Fast and Accurate Computation of Binomial Probabilities*.
pub(crate) fn beta_areas(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    if y <= 0.0 {
        return (1.0, 0.0);
    }
    let prefactor = a * b / (a + b) * binomial_mass(a, b, x, y);
    if x < (a + 1.0) / (a + b + 2.0) {
        let lower = (prefactor / beta_fraction(a, b, x, y)).min(1.0);
        (lower, 1.0 - lower)
    } else {
        let upper = (prefactor / beta_fraction(b, a, y, x)).min(1.0);
        (1.0 - upper, upper)
    }
}

/// `Gamma(a + b + 1) / (Gamma(a + 1) Gamma(b + 1)) x^a y^b` for real `a`, `b`.
fn binomial_mass(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let total = a + b;
    let ln = stirling_error(total)
        - stirling_error(a)
        - stirling_error(b)
        - deviance(a, total * x)
        - deviance(b, total * y);
    // (a + b) / (2 pi a b), in an order that neither overflows nor underflows.
    ln.exp() * (1.0 / a + 1.0 / b).sqrt() / TAU.sqrt()
}

/// `ln Gamma(n + 1)` minus its Stirling approximation.
fn stirling_error(n: f64) -> f64 {
    if n <= 15.0 {
        return ln_gamma(n + 1.0) - (n + 0.5) * n.ln() + n - 0.5 * TAU.ln();
    }
    let s = 1.0 / (n * n);
    (1.0 / 12.0 - (1.0 / 360.0 - (1.0 / 1260.0 - (1.0 / 1680.0 - s / 1188.0) * s) * s) * s) / n
}

/// `x ln(x / m) + m - x`, without cancellation where `x` is near `m`.
fn deviance(x: f64, m: f64) -> f64 {
    let difference = x - m;
    if difference.abs() >= 0.1 * (x + m) {
        return x * (x / m).ln() + m - x;
    }
    let v = difference / (x + m);
    let mut sum = difference * v;
    let mut term = 2.0 * x * v;
    let mut odd = 3.0;
    loop {
        term *= v * v;
        let next = sum + term / odd;
        if next.to_bits() == sum.to_bits() {
            return sum;
        }
        sum = next;
        odd += 2.0;
    }
}

/// The continued fraction under `x^a y^b / B(a, b)`; its terms are positive on the
/// side where [`beta_areas`] asks for it.
fn beta_fraction(a: f64, b: f64, x: f64, y: f64) -> f64 {
    let mut fraction = a * (a * y - b * x + 1.0) / (a + 1.0);
    let mut ratio = nonzero(fraction);
    let mut inverse = 0.0;
    for step in 1..TERMS_MAX {
        let index = step as f64;
        let shift = a + 2.0 * index - 1.0;
        let numerator = (a + index - 1.0) / shift
            * ((a + b + index - 1.0) / shift)
            * (index * (b - index))
            * x
            * x;
        let term = index
            + index * (b - index) * x / shift
            + (a + index) * (a * y - b * x + 1.0 + index * (1.0 + y)) / (shift + 2.0);
        inverse = 1.0 / nonzero(term + numerator * inverse);
        ratio = nonzero(term + numerator / ratio);
        let factor = inverse * ratio;
        fraction *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    fraction
}

/// Regularised incomplete gamma: `(P(a, x), Q(a, x))` for `a > 0`, `x >= 0`.
///
/// # Source
///
/// Abramowitz and Stegun (1964) 6.5.29 (series) and 6.5.31 (continued fraction).
pub(crate) fn gamma_areas(a: f64, x: f64) -> (f64, f64) {
    if x <= 0.0 {
        return (0.0, 1.0);
    }
    // x^a e^-x / Gamma(a + 1)
    let mass = (-stirling_error(a) - deviance(a, x)).exp() / (TAU * a).sqrt();
    if x < a + 1.0 {
        let mut term = 1.0;
        let mut sum = 1.0;
        let mut k = a;
        while term > sum * f64::EPSILON {
            k += 1.0;
            term *= x / k;
            sum += term;
        }
        let lower = (mass * sum).min(1.0);
        return (lower, 1.0 - lower);
    }
    let mut base = x + 1.0 - a;
    let mut ratio = 1.0 / TINY;
    let mut inverse = 1.0 / nonzero(base);
    let mut product = inverse;
    for step in 1..TERMS_MAX {
        let i = step as f64;
        let numerator = i * (a - i);
        base += 2.0;
        inverse = 1.0 / nonzero(numerator * inverse + base);
        ratio = nonzero(base + numerator / ratio);
        let factor = inverse * ratio;
        product *= factor;
        if (factor - 1.0).abs() <= f64::EPSILON {
            break;
        }
    }
    let upper = (mass * a * product).min(1.0);
    (1.0 - upper, upper)
}

/// `ln(Gamma(h + 1/2) / Gamma(h))`, without the cancellation of two log-gammas.
pub(crate) fn ln_gamma_ratio_half(h: f64) -> f64 {
    if h < 15.0 {
        return ln_gamma(h + 0.5) - ln_gamma(h);
    }
    // Gamma(z) = Gamma(z + 1) / z, each written as Stirling plus its error.
    stirling_error(h + 0.5) - stirling_error(h) + h * (0.5 / h).ln_1p() - 0.5 + 0.5 * h.ln()
}

fn nonzero(value: f64) -> f64 {
    if value.abs() < TINY { TINY } else { value }
}
