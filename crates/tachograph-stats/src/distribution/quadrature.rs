//! Numerical integration of smooth functions.
//!
//! Owns: the Gauss-Legendre rule.
//!
//! Does not: choose panels; a caller knows where its function bends.

/// Positive nodes and weights of the 16-point rule on -1..1.
///
/// # Source
///
/// Abramowitz and Stegun (1964), table 25.4.
pub(crate) const GAUSS_16: [(f64, f64); 8] = [
    (0.095_012_509_837_637_44, 0.189_450_610_455_068_5),
    (0.281_603_550_779_258_9, 0.182_603_415_044_923_58),
    (0.458_016_777_657_227_37, 0.169_156_519_395_002_54),
    (0.617_876_244_402_643_8, 0.149_595_988_816_576_74),
    (0.755_404_408_355_003, 0.124_628_971_255_533_88),
    (0.865_631_202_387_831_8, 0.095_158_511_682_492_79),
    (0.944_575_023_073_232_6, 0.062_253_523_938_647_894),
    (0.989_400_934_991_649_9, 0.027_152_459_411_754_096),
];

/// Integrates `f` over `low..high` in `panels` equal parts.
pub(crate) fn integrate(low: f64, high: f64, panels: f64, f: impl Fn(f64) -> f64) -> f64 {
    let half = (high - low) / panels / 2.0;
    let (mut sum, mut panel) = (0.0, 0.0);
    while panel < panels {
        let middle = low + half * (2.0 * panel + 1.0);
        for (x, weight) in GAUSS_16 {
            sum += weight * (f(middle - half * x) + f(middle + half * x));
        }
        panel += 1.0;
    }
    sum * half
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_is_exact_for_powers_to_31() {
        for power in (0..31).step_by(2) {
            let sum: f64 = GAUSS_16.iter().map(|(x, w)| 2.0 * w * x.powi(power)).sum();
            assert!((sum - 2.0 / f64::from(power + 1)).abs() < 1e-15, "{power}: {sum}");
        }
    }

    #[test]
    fn panels_add_up() {
        for panels in [1.0, 3.0, 10.0] {
            let found = integrate(1.0, 4.0, panels, |x| 1.0 / x);
            assert!((found - 4.0_f64.ln()).abs() < 1e-12, "{panels}: {found}");
        }
    }
}
