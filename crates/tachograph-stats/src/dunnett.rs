//! Several arms against one baseline, all at once.
//!
//! Owns: Dunnett's test and its simultaneous intervals, for independent samples
//! and for complete blocks. Sharper than Holm when every comparison is with the
//! same baseline, since it knows how the comparisons hang together; it supposes
//! equal spread in all arms, which Holm over paired ratios does not.

use crate::distribution::{mean_over_scale, normal_upper_tail};
use crate::{BlockDesign, Confidence, Interval, Sample};

/// One arm against the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DunnettComparison {
    /// The arm: its position for samples, its level's number for blocks.
    pub arm: usize,
    /// Its mean less the baseline's, in the values' unit.
    pub difference: f64,
    /// Its interval; all arms' intervals hold at once with the confidence.
    pub interval: Interval,
    /// The t statistic.
    pub t: f64,
    /// The two-sided p-value, adjusted for all arms.
    pub p_value: f64,
}

/// All arms against the baseline.
#[derive(Debug, Clone, PartialEq)]
pub struct Dunnett {
    /// Degrees of freedom of the common spread.
    pub df: f64,
    /// The common critical value, in standard errors.
    pub critical: f64,
    /// One entry per arm, in their order.
    pub comparisons: Vec<DunnettComparison>,
}

/// Why arms cannot be compared with the baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DunnettError {
    /// There is nothing to compare.
    #[error("Dunnett's test needs at least one arm besides the baseline")]
    NoArms,
    /// There are not more values than arms.
    #[error("{n} values for {groups} arms leave nothing to estimate spread from; run more blocks")]
    TooFewValues {
        /// How many values there are.
        n: usize,
        /// How many arms, the baseline among them.
        groups: usize,
    },
    /// The arms have no spread.
    #[error("the arms have no spread to measure differences by")]
    NoSpread,
    /// The baseline is not a level of the design.
    #[error("the design has no level {level} to serve as the baseline")]
    NoSuchLevel {
        /// The level asked for.
        level: usize,
    },
}

/// Compares independent samples with one baseline sample.
///
/// # Errors
///
/// [`DunnettError::NoArms`], [`DunnettError::TooFewValues`] unless there are more
/// values than arms, [`DunnettError::NoSpread`].
///
/// # Source
///
/// Dunnett (1955), *A Multiple Comparison Procedure for Comparing Several
/// Treatments with a Control*, JASA 50, 1096-1121; unequal sizes as in Dunnett
/// (1964), with correlations `l_i l_j` for `l = sqrt(n / (n + n_baseline))`.
pub fn dunnett(
    baseline: &Sample,
    arms: &[Sample],
    confidence: Confidence,
) -> Result<Dunnett, DunnettError> {
    let groups = arms.len() + 1;
    let n: usize = baseline.n() + arms.iter().map(Sample::n).sum::<usize>();
    if arms.is_empty() {
        return Err(DunnettError::NoArms);
    }
    if n <= groups {
        return Err(DunnettError::TooFewValues { n, groups });
    }
    let df = (n - groups) as f64;
    // The root of the pooled variance, as a norm, so that no square overflows.
    let spread = arms.iter().chain([baseline]).fold(0.0_f64, |norm, sample| {
        norm.hypot(sample.sd().unwrap_or(0.0) * ((sample.n() - 1) as f64 / df).sqrt())
    });
    let n_baseline = baseline.n() as f64;
    let contrasts = arms.iter().enumerate().map(|(arm, sample)| {
        let size = sample.n() as f64;
        Contrast {
            arm,
            difference: sample.mean() - baseline.mean(),
            standard_error: spread * (1.0 / size + 1.0 / n_baseline).sqrt(),
            loading: (size / (size + n_baseline)).sqrt(),
        }
    });
    compare(contrasts.collect(), df, confidence)
}

impl BlockDesign {
    /// Compares every level of a block design with one of them, the baseline.
    ///
    /// Differences are in the values' unit; pass logarithms of run means to compare
    /// ratios.
    ///
    /// # Errors
    ///
    /// [`DunnettError::NoSuchLevel`] if the design lacks the baseline's level;
    /// [`DunnettError::NoSpread`] if the residual is 0 up to rounding.
    ///
    /// # Source
    ///
    /// As [`dunnett()`], with the block-by-level residual as the common spread.
    pub fn dunnett(
        &self,
        baseline_level: usize,
        confidence: Confidence,
    ) -> Result<Dunnett, DunnettError> {
        let analysis = self.analyse(confidence);
        let mean_of = |wanted: usize| {
            let found = analysis.levels.iter().find(|level| level.level == wanted);
            found.map(|level| level.estimate.mean)
        };
        let baseline =
            mean_of(baseline_level).ok_or(DunnettError::NoSuchLevel { level: baseline_level })?;
        if analysis.factor.f.is_none() {
            return Err(DunnettError::NoSpread);
        }
        let contrasts = analysis.levels.iter().filter(|level| level.level != baseline_level);
        let contrasts = contrasts.map(|level| Contrast {
            arm: level.level,
            difference: level.estimate.mean - baseline,
            standard_error: analysis.residual_sd * (2.0 / analysis.n_blocks as f64).sqrt(),
            loading: 0.5_f64.sqrt(),
        });
        compare(contrasts.collect(), analysis.factor.df_residual, confidence)
    }
}

struct Contrast {
    arm: usize,
    difference: f64,
    standard_error: f64,
    /// The correlation of two contrasts is the product of their loadings.
    loading: f64,
}

fn compare(
    contrasts: Vec<Contrast>,
    df: f64,
    confidence: Confidence,
) -> Result<Dunnett, DunnettError> {
    if contrasts.iter().any(|contrast| contrast.standard_error <= 0.0) {
        return Err(DunnettError::NoSpread);
    }
    let loadings = distinct(&contrasts);
    let critical = critical_value(confidence.alpha(), df, &loadings);
    let comparisons = contrasts.into_iter().map(|contrast| {
        let t = contrast.difference / contrast.standard_error;
        let half_width = critical * contrast.standard_error;
        DunnettComparison {
            arm: contrast.arm,
            difference: contrast.difference,
            interval: Interval::around(contrast.difference, half_width, confidence.level()),
            t,
            p_value: any_beyond(t.abs(), df, &loadings),
        }
    });
    Ok(Dunnett { df, critical, comparisons: comparisons.collect() })
}

/// The different loadings, each with how many contrasts have it.
fn distinct(contrasts: &[Contrast]) -> Vec<(f64, i32)> {
    let mut loadings: Vec<(f64, i32)> = Vec::new();
    for contrast in contrasts {
        match loadings.iter_mut().find(|(loading, _)| (*loading - contrast.loading).abs() < 1e-15) {
            Some((_, count)) => *count += 1,
            None => loadings.push((contrast.loading, 1)),
        }
    }
    loadings
}

/// `P(max |T_i| > t)` for `t` of at least 0.
///
/// Given the baseline's error `z` and the common spread `s`, the contrasts are
/// independent; the trapezoid rule averages over both.
fn any_beyond(t: f64, df: f64, loadings: &[(f64, i32)]) -> f64 {
    if t > 1e3 {
        return 0.0;
    }
    let steepest = loadings.iter().fold(1.0_f64, |most, (l, _)| most.max(l / (1.0 - l * l).sqrt()));
    let step = 0.2 / steepest;
    let beyond = mean_over_scale(df, t, |s| {
        let (mut sum, mut weights) = (0.0, 0.0);
        let mut z = -8.5_f64;
        while z <= 8.5 {
            let weight = (-0.5 * z * z).exp();
            // ln of the product of "inside", so that a tiny complement keeps its digits.
            let ln_inside: f64 = loadings
                .iter()
                .map(|&(loading, count)| {
                    let unique = (1.0 - loading * loading).sqrt();
                    let outside = normal_upper_tail((t * s - loading * z) / unique)
                        + normal_upper_tail((t * s + loading * z) / unique);
                    f64::from(count) * (-outside.min(1.0)).ln_1p()
                })
                .sum();
            sum += weight * -ln_inside.exp_m1();
            weights += weight;
            z += step;
        }
        sum / weights
    });
    beyond.clamp(0.0, 1.0)
}

/// The value that the largest `|T_i|` exceeds with probability `alpha`.
fn critical_value(alpha: f64, df: f64, loadings: &[(f64, i32)]) -> f64 {
    falling_root(|t| any_beyond(t, df, loadings) - alpha)
}

/// The root of a function that falls from above 0 at 0 to below 0 far out.
///
/// # Source
///
/// Dowell and Jarratt (1971), BIT 11, 168-174: the Illinois variant of regula falsi,
/// which halves the weight of a stuck end.
pub(crate) fn falling_root(excess: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (0.0, 4.0);
    while excess(high) > 0.0 {
        low = high;
        high *= 2.0;
    }
    let (mut at_low, mut at_high) = (excess(low), excess(high));
    for _ in 0..100 {
        let t = (low * at_high - high * at_low) / (at_high - at_low);
        let value = excess(t);
        if value.abs() < 1e-14 || high - low < 1e-12 * high {
            return t;
        }
        if value > 0.0 {
            low = t;
            at_low = value;
            at_high /= 2.0;
        } else {
            high = t;
            at_high = value;
            at_low /= 2.0;
        }
    }
    f64::midpoint(low, high)
}
