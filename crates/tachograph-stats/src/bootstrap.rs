//! Bootstrap intervals.
//!
//! Owns: `BCa` and studentised intervals, resampling whole runs. The resamples
//! follow from the seed alone.
//!
//! Does not: resample calls of a run as if they were independent.

use crate::distribution::{normal_upper_quantile, normal_upper_tail};
use crate::quantile::interpolate;
use crate::random::{Chooser, TABLE_VALUES_MAX};
use crate::sample::moments;
use crate::{Confidence, Interval, Sample};

/// Below this many runs a report prefers the t interval: the `BCa` interval of a few
/// values is too narrow.
pub const BCA_RUNS_MIN: usize = 10;

/// How to resample. Recorded beside the result, since it decides its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// The seed of the `ChaCha8` stream; how draws follow from it is promised.
    pub seed: u64,
    /// How many resamples, from 100 to 10,000,000.
    pub resamples: usize,
}

impl Resampling {
    /// Resamples 10,000 times from a seed.
    pub fn seeded(seed: u64) -> Self {
        Self { seed, resamples: 10_000 }
    }
}

/// Why a bootstrap interval cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum BootstrapError {
    /// Too few runs to resample.
    #[error("a bootstrap needs at least 3 runs, there are {n}; run more blocks")]
    TooFewRuns {
        /// How many there are.
        n: usize,
    },
    /// The number of resamples is not usable.
    #[error("{resamples} resamples; use 100 to 10,000,000, by custom 10,000")]
    Resamples {
        /// What was asked for.
        resamples: usize,
    },
    /// The statistic is not a number for some resample.
    #[error("the statistic of a resample is {value}; choose one that every resample has")]
    Undefined {
        /// What came out.
        value: f64,
    },
    /// The replicates do not bracket the estimate, so the correction is undefined.
    #[error("the resamples do not spread around the estimate; use a t or rank interval")]
    Degenerate,
}

/// An estimate with its `BCa` interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BcaEstimate {
    /// How many runs were resampled.
    pub n: usize,
    /// The statistic of the data themselves.
    pub estimate: f64,
    /// The standard deviation of the resampled statistics.
    pub standard_error: f64,
    /// The interval.
    pub interval: Interval,
    /// The bias correction `z0`; 0 when the replicates are centred.
    pub bias_correction: f64,
    /// The acceleration `a`; 0 for a symmetric jackknife.
    pub acceleration: f64,
    /// How it was resampled.
    pub resampling: Resampling,
}

/// A `BCa` interval with the two corrections that shaped it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BcaInterval {
    /// The interval.
    pub interval: Interval,
    /// The bias correction `z0`.
    pub bias_correction: f64,
    /// The acceleration `a`.
    pub acceleration: f64,
}

/// Estimates a mean over runs with its `BCa` interval.
///
/// One value per run; see [`BCA_RUNS_MIN`].
///
/// # Errors
///
/// As [`bca_over_runs`].
pub fn bca_mean(
    sample: &Sample,
    resampling: Resampling,
    confidence: Confidence,
) -> Result<BcaEstimate, BootstrapError> {
    let (n, mean, values) = (sample.n(), sample.mean(), sample.values());
    check(n, resampling)?;
    let leave_one_out: Vec<f64> =
        values.iter().map(|x| mean + (mean - x) / (n - 1) as f64).collect();
    let scale = 1.0 / n as f64;
    // Sums of values near 1e300 could overflow: those are scaled first.
    let huge = sample.min().abs().max(sample.max().abs()) > f64::MAX * scale;
    if n <= TABLE_VALUES_MAX && !huge {
        let mut table = vec![0.0; 1 << 16];
        table[..n].copy_from_slice(values);
        let table: Box<[f64; 1 << 16]> = table.try_into().expect("the length is right");
        let resampled = |chooser: &mut Chooser| Ok(chooser.sum_of_drawn(n, &table) / n as f64);
        return bca(mean, &leave_one_out, resampled, resampling, confidence);
    }
    let mut indices = vec![0; n];
    let unit = if huge { scale } else { 1.0 };
    let resampled = |chooser: &mut Chooser| {
        chooser.fill(n, &mut indices);
        let sum: f64 = indices.iter().map(|&index| values[index as usize] * unit).sum();
        Ok(if huge { sum } else { sum / n as f64 })
    };
    bca(mean, &leave_one_out, resampled, resampling, confidence)
}

/// Estimates any statistic of the values of several runs, with its `BCa` interval.
///
/// Each run is drawn or left out as a whole, with all its values (calls), so that
/// what calls of one run share is counted once. `statistic` sees the pooled
/// values of the drawn runs, in no promised order, and returns a finite number.
///
/// # Errors
///
/// [`BootstrapError::TooFewRuns`] below 3 runs, [`BootstrapError::Resamples`] for
/// an unusable count, [`BootstrapError::Undefined`] if the statistic is not finite,
/// [`BootstrapError::Degenerate`] if all resamples lie on one side of the estimate.
///
/// # Source
///
/// Efron (1987), *Better Bootstrap Confidence Intervals*, JASA 82, 171-185. Ties
/// with the estimate (up to rounding) count half in `z0`; the acceleration comes
/// from the jackknife over runs. Cluster resampling: Davison and Hinkley (1997),
/// section 3.8, strategy 1.
pub fn bca_over_runs(
    runs: &[Sample],
    statistic: impl Fn(&[f64]) -> f64,
    resampling: Resampling,
    confidence: Confidence,
) -> Result<BcaEstimate, BootstrapError> {
    let n = runs.len();
    check(n, resampling)?;
    let finite = |value: f64| {
        if value.is_finite() { Ok(value) } else { Err(BootstrapError::Undefined { value }) }
    };
    let mut pooled: Vec<f64> = runs.iter().flat_map(Sample::values).copied().collect();
    let estimate = finite(statistic(&pooled))?;
    let mut jackknife = Vec::with_capacity(n);
    for left_out in 0..n {
        pooled.clear();
        for (index, run) in runs.iter().enumerate() {
            if index != left_out {
                pooled.extend_from_slice(run.values());
            }
        }
        jackknife.push(finite(statistic(&pooled))?);
    }
    let mut indices = vec![0; n];
    let resampled = |chooser: &mut Chooser| {
        pooled.clear();
        chooser.fill(n, &mut indices);
        for &index in &indices {
            pooled.extend_from_slice(runs[index as usize].values());
        }
        finite(statistic(&pooled))
    };
    bca(estimate, &jackknife, resampled, resampling, confidence)
}

fn bca(
    estimate: f64,
    jackknife: &[f64],
    mut resampled: impl FnMut(&mut Chooser) -> Result<f64, BootstrapError>,
    resampling: Resampling,
    confidence: Confidence,
) -> Result<BcaEstimate, BootstrapError> {
    let mut chooser = Chooser::new(resampling.seed);
    let mut replicates = Vec::with_capacity(resampling.resamples);
    for _ in 0..resampling.resamples {
        replicates.push(resampled(&mut chooser)?);
    }
    replicates.sort_unstable_by(f64::total_cmp);
    let found = bca_interval(estimate, &replicates, jackknife, confidence)?;
    Ok(BcaEstimate {
        n: jackknife.len(),
        estimate,
        standard_error: moments(&replicates).1.unwrap_or(0.0),
        interval: found.interval,
        bias_correction: found.bias_correction,
        acceleration: found.acceleration,
        resampling,
    })
}

/// Returns the `BCa` interval from resampled and jackknifed statistics.
///
/// All values are finite and in the estimate's unit; `replicates` has one per
/// resample, `jackknife` one per run left out. When every replicate equals the
/// estimate, the interval has no width and both corrections are 0.
///
/// # Errors
///
/// [`BootstrapError::Degenerate`] if there are no replicates, if all lie on one
/// side of the estimate, or if the acceleration turns a tail around.
///
/// # Source
///
/// As [`bca_over_runs`]; the ends are type-7 quantiles of the replicates.
pub fn bca_interval(
    estimate: f64,
    replicates: &[f64],
    jackknife: &[f64],
    confidence: Confidence,
) -> Result<BcaInterval, BootstrapError> {
    let level = confidence.level();
    let mut sorted = replicates.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else {
        return Err(BootstrapError::Degenerate);
    };
    // The order of addition must not decide whether a replicate is a tie.
    let slack = 1e-13 * estimate.abs().max(first.abs()).max(last.abs());
    let below = sorted.partition_point(|&x| x < estimate - slack);
    let through = sorted.partition_point(|&x| x <= estimate + slack);
    if below == 0 && through == sorted.len() {
        let interval = Interval { low: estimate, high: estimate, confidence: level };
        return Ok(BcaInterval { interval, bias_correction: 0.0, acceleration: 0.0 });
    }
    let share = (below + through) as f64 / (2.0 * sorted.len() as f64);
    if share <= 0.0 || share >= 1.0 {
        return Err(BootstrapError::Degenerate);
    }
    let bias_correction = -normal_upper_quantile(share);
    let acceleration = acceleration(jackknife);
    let z = normal_upper_quantile(confidence.alpha() / 2.0);
    let end = |z: f64| {
        let shifted = bias_correction + z;
        let denominator = 1.0 - acceleration * shifted;
        (denominator > 0.0)
            .then(|| normal_upper_tail(-(bias_correction + shifted / denominator)))
            .map(|share| interpolate(&sorted, share))
            .ok_or(BootstrapError::Degenerate)
    };
    let interval = Interval { low: end(-z)?, high: end(z)?, confidence: level };
    Ok(BcaInterval { interval, bias_correction, acceleration })
}

fn acceleration(jackknife: &[f64]) -> f64 {
    let mut sorted = jackknife.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    if sorted.is_empty() {
        return 0.0;
    }
    let (mean, sd) = moments(&sorted);
    let Some(sd) = sd.filter(|&sd| sd > 0.0) else { return 0.0 };
    // In units of the standard deviation, so that no power leaves the range.
    let (mut squares, mut cubes) = (0.0, 0.0);
    for value in sorted {
        let d = (mean - value) / sd;
        squares += d * d;
        cubes += d * d * d;
    }
    cubes / (6.0 * squares.powf(1.5))
}

/// A mean with its studentised bootstrap interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StudentisedEstimate {
    /// How many runs.
    pub n: usize,
    /// The mean.
    pub mean: f64,
    /// The interval.
    pub interval: Interval,
    /// How it was resampled.
    pub resampling: Resampling,
}

/// Estimates a mean over runs with its studentised (bootstrap-t) interval.
///
/// One value per run. It follows skewed data better than a t interval, at the
/// price of wide intervals for few runs.
///
/// # Errors
///
/// [`BootstrapError::TooFewRuns`] below 3 runs, [`BootstrapError::Resamples`] for
/// an unusable count, [`BootstrapError::Degenerate`] if so many resamples have
/// no spread that an end would be infinite.
///
/// # Source
///
/// Efron (1982); Davison and Hinkley (1997), *Bootstrap Methods and their
/// Application*, section 5.2.1: `mean - t*(1 - alpha/2) se` to
/// `mean - t*(alpha/2) se`. A resample without spread counts as an infinite `t*`
/// of its sign.
pub fn studentised_mean(
    sample: &Sample,
    resampling: Resampling,
    confidence: Confidence,
) -> Result<StudentisedEstimate, BootstrapError> {
    let n = sample.n();
    check(n, resampling)?;
    let (mean, values) = (sample.mean(), sample.values());
    let standard_error = sample.standard_error().unwrap_or(0.0);
    let level = confidence.level();
    if standard_error == 0.0 {
        let interval = Interval { low: mean, high: mean, confidence: level };
        return Ok(StudentisedEstimate { n, mean, interval, resampling });
    }
    let mut chooser = Chooser::new(resampling.seed);
    // In units of the spread about the mean, so that no square leaves the range.
    let spread = mean_distance(values, mean);
    let centred: Vec<f64> = values.iter().map(|x| (x - mean) / spread).collect();
    let (mut indices, mut drawn) = (vec![0; n], vec![0.0; n]);
    let mut pivots = Vec::with_capacity(resampling.resamples);
    for _ in 0..resampling.resamples {
        chooser.fill(n, &mut indices);
        for (value, &index) in drawn.iter_mut().zip(&indices) {
            *value = centred[index as usize];
        }
        let gap = drawn.iter().sum::<f64>() / n as f64;
        // Equal values have no spread, whatever rounding makes of their mean.
        let constant = drawn.iter().all(|x| x.total_cmp(&drawn[0]).is_eq());
        let squares: f64 = drawn.iter().map(|x| (x - gap) * (x - gap)).sum();
        let error = if constant { 0.0 } else { (squares / (n - 1) as f64 / n as f64).sqrt() };
        pivots.push(if gap == 0.0 { 0.0 } else { gap / error });
    }
    pivots.sort_unstable_by(f64::total_cmp);
    let half = confidence.alpha() / 2.0;
    let (first, last) = (interpolate(&pivots, half), interpolate(&pivots, 1.0 - half));
    if !first.is_finite() || !last.is_finite() {
        return Err(BootstrapError::Degenerate);
    }
    let interval = Interval {
        low: mean - last * standard_error,
        high: mean - first * standard_error,
        confidence: level,
    };
    Ok(StudentisedEstimate { n, mean, interval, resampling })
}

/// The largest distance from the mean, above 0 for values that differ.
fn mean_distance(values: &[f64], mean: f64) -> f64 {
    values.iter().fold(f64::MIN_POSITIVE, |most, x| most.max((x - mean).abs()))
}

fn check(n: usize, resampling: Resampling) -> Result<(), BootstrapError> {
    if n < 3 {
        return Err(BootstrapError::TooFewRuns { n });
    }
    if !(100..=10_000_000).contains(&resampling.resamples) {
        return Err(BootstrapError::Resamples { resamples: resampling.resamples });
    }
    Ok(())
}
