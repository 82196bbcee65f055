//! Where a series changes, and when it has warmed up.
//!
//! Owns: change points after E-divisive, with permutation significance from a
//! seed, and the steady part of a series.
//!
//! Does not: drop anything. A warm-up is named; what becomes of it is the plan's
//! decision.

use crate::random::Chooser;
use crate::sample::power_of_two_scale;
use crate::{Margin, Resampling, Sample};

/// What a change is a change of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeOf {
    /// The mean: exponent 2 of the energy distance. The split with the largest
    /// divergence is then the one with the largest two-sample t statistic.
    Mean,
    /// Anything about the distribution: exponent 1.
    Distribution,
}

/// How change points are looked for. Recorded beside the result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeSearch {
    /// What a change is a change of.
    pub change_of: ChangeOf,
    /// The fewest values of a segment, at least 2.
    pub segment_min: usize,
    /// The largest p-value of a change point, above 0 and below 1.
    pub alpha: f64,
    /// The seed, and how many permutations each step takes, 19 to 100,000.
    pub resampling: Resampling,
}

impl ChangeSearch {
    /// Looks for changes of the mean: segments of 5 values or more, at 5 %, with 999
    /// permutations.
    pub fn of_mean(seed: u64) -> Self {
        let resampling = Resampling { seed, resamples: 999 };
        Self { change_of: ChangeOf::Mean, segment_min: 5, alpha: 0.05, resampling }
    }
}

/// One change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// The position of the first value after the change, from 0.
    pub index: usize,
    /// The p-value of "no further change" when it was found.
    pub p_value: f64,
    /// The scaled divergence of both sides, in the values' unit for
    /// [`ChangeOf::Distribution`], squared for [`ChangeOf::Mean`].
    pub divergence: f64,
}

/// A stretch of values without a change.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Segment {
    /// The position of its first value, from 0.
    pub start: usize,
    /// The position after its last value.
    pub end: usize,
    /// The mean of its values, in their unit.
    pub mean: f64,
}

/// Why change points cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ChangeError {
    /// The segments are too short to compare.
    #[error("a segment of {segment_min} values cannot be compared; use at least 2, by custom 5")]
    SegmentMin {
        /// What was given.
        segment_min: usize,
    },
    /// The series is too short for two segments.
    #[error("a series of {n} values has no two segments of {segment_min}; measure more runs")]
    TooFewValues {
        /// How many values there are.
        n: usize,
        /// The fewest values of a segment.
        segment_min: usize,
    },
    /// The work would be out of proportion.
    #[error("a series of {n} values is longer than {most}; pass run means")]
    TooManyValues {
        /// How many values there are.
        n: usize,
        /// The most that are taken.
        most: usize,
    },
    /// The significance cannot be reached, or is none.
    #[error(
        "alpha {alpha} with {permutations} permutations; alpha lies in 0..1 and 19 to 100,000 \
         permutations must be able to reach it, at least 1 / alpha - 1"
    )]
    Significance {
        /// What was given.
        alpha: f64,
        /// How many permutations were asked for.
        permutations: usize,
    },
}

/// The longest series for changes of the distribution, whose work is quadratic.
const DISTRIBUTION_VALUES_MAX: usize = 2_000;
/// The longest series for changes of the mean.
const MEAN_VALUES_MAX: usize = 100_000;

/// Finds the change points of a series, in its order, ascending.
///
/// The likeliest split of any segment is tried by permuting the values within all
/// segments; while it is significant, it becomes a change point and the search
/// goes on. Supposes values that are independent but for the changes; the first
/// p-value is exact then, the later ones given the changes found.
///
/// # Errors
///
/// [`ChangeError`]: a series too short or (above 100,000 values, 2,000 for
/// [`ChangeOf::Distribution`]) too long, a significance that the permutations
/// cannot reach.
///
/// # Source
///
/// Matteson and James (2014), *A Nonparametric Approach for Multiple Change Point
/// Analysis of Multivariate Data*, JASA 109, 334-345, with both sides of a split
/// reaching to the ends of its segment as in Daly et al. (2020), *The Use of Change
/// Point Detection to Identify Software Performance Regressions*, ICPE; the mean
/// variant as in Fleming et al. (2023), *Hunter*, ICPE, but with permutations.
pub fn change_points(
    sample: &Sample,
    search: &ChangeSearch,
) -> Result<Vec<ChangePoint>, ChangeError> {
    check(sample.n(), search)?;
    let scale = power_of_two_scale(sample.min().abs().max(sample.max().abs()));
    let centre = sample.mean() * scale;
    let values: Vec<f64> = sample.values().iter().map(|x| x * scale - centre).collect();
    let unit = match search.change_of {
        ChangeOf::Mean => scale * scale,
        ChangeOf::Distribution => scale,
    };
    let spread: f64 = values.iter().fold(0.0, |most, x| most.max(x.abs()));
    // Divergences that agree to this count as equal, whatever the order of adding.
    let slack = match search.change_of {
        ChangeOf::Mean => 1e-12 * spread * spread,
        ChangeOf::Distribution => 1e-12 * spread,
    };
    let mut chooser = Chooser::new(search.resampling.seed);
    let mut found: Vec<ChangePoint> = Vec::new();
    let mut bounds = vec![0, values.len()];
    while let Some((index, divergence)) = best_split(&values, &bounds, search) {
        if divergence <= slack {
            break;
        }
        let threshold = divergence - slack * values.len() as f64;
        let mut permuted = values.clone();
        let mut extreme = 0_u64;
        for _ in 0..search.resampling.resamples {
            for ends in bounds.windows(2) {
                shuffle(&mut permuted[ends[0]..ends[1]], &mut chooser);
            }
            let other = best_split(&permuted, &bounds, search);
            extreme += u64::from(other.is_some_and(|(_, divergence)| divergence >= threshold));
        }
        let p_value = (extreme + 1) as f64 / (search.resampling.resamples + 1) as f64;
        if p_value > search.alpha {
            break;
        }
        found.push(ChangePoint { index, p_value, divergence: divergence / unit });
        bounds.push(index);
        bounds.sort_unstable();
    }
    found.sort_by_key(|point| point.index);
    Ok(found)
}

fn check(n: usize, search: &ChangeSearch) -> Result<(), ChangeError> {
    let ChangeSearch { change_of, segment_min, alpha, resampling } = *search;
    let permutations = resampling.resamples;
    if segment_min < 2 {
        return Err(ChangeError::SegmentMin { segment_min });
    }
    if n / 2 < segment_min {
        return Err(ChangeError::TooFewValues { n, segment_min });
    }
    let most = match change_of {
        ChangeOf::Mean => MEAN_VALUES_MAX,
        ChangeOf::Distribution => DISTRIBUTION_VALUES_MAX,
    };
    if n > most {
        return Err(ChangeError::TooManyValues { n, most });
    }
    let reachable = alpha > 0.0 && alpha < 1.0 && (permutations + 1) as f64 * alpha >= 1.0;
    if !reachable || !(19..=100_000).contains(&permutations) {
        return Err(ChangeError::Significance { alpha, permutations });
    }
    Ok(())
}

/// The split with the largest divergence of all segments: where the right side
/// starts. `None` when no segment can be split.
fn best_split(values: &[f64], bounds: &[usize], search: &ChangeSearch) -> Option<(usize, f64)> {
    let mut best: Option<(usize, f64)> = None;
    for ends in bounds.windows(2) {
        let (start, segment) = (ends[0], &values[ends[0]..ends[1]]);
        if segment.len() / 2 < search.segment_min {
            continue;
        }
        let split = match search.change_of {
            ChangeOf::Mean => mean_split(segment, search.segment_min),
            ChangeOf::Distribution => distribution_split(segment, search.segment_min),
        };
        if best.is_none_or(|(_, most)| split.1 > most) {
            best = Some((start + split.0, split.1));
        }
    }
    best
}

/// With exponent 2 the energy distance is twice the squared difference in means.
fn mean_split(segment: &[f64], segment_min: usize) -> (usize, f64) {
    let (n, total) = (segment.len(), segment.iter().sum::<f64>());
    let (mut best, mut most) = (segment_min, -1.0);
    let mut left: f64 = segment[..segment_min - 1].iter().sum();
    for at in segment_min..=n - segment_min {
        left += segment[at - 1];
        let (size_left, size_right) = (at as f64, (n - at) as f64);
        let gap = left / size_left - (total - left) / size_right;
        let divergence = 2.0 * size_left * size_right / n as f64 * gap * gap;
        if divergence > most {
            (best, most) = (at, divergence);
        }
    }
    (best, most)
}

/// The energy distance with exponent 1, its within-sums over all pairs.
fn distribution_split(segment: &[f64], segment_min: usize) -> (usize, f64) {
    let n = segment.len();
    let away = |x: f64, others: &[f64]| others.iter().map(|y| (x - y).abs()).sum::<f64>();
    let mut right: f64 = (0..n).map(|i| away(segment[i], &segment[i + 1..])).sum();
    let (mut left, mut across) = (0.0, 0.0);
    let (mut best, mut most) = (segment_min, -1.0);
    for at in 1..=n - segment_min {
        // One value moves from the right side to the left.
        let moved = segment[at - 1];
        let (to_left, to_right) = (away(moved, &segment[..at - 1]), away(moved, &segment[at..]));
        left += to_left;
        right -= to_right;
        across += to_right - to_left;
        if at < segment_min {
            continue;
        }
        let (a, b) = (at as f64, (n - at) as f64);
        let distance =
            2.0 * across / (a * b) - 2.0 * left / (a * (a - 1.0)) - 2.0 * right / (b * (b - 1.0));
        let divergence = a * b / n as f64 * distance;
        if divergence > most {
            (best, most) = (at, divergence);
        }
    }
    (best, most)
}

fn shuffle(values: &mut [f64], chooser: &mut Chooser) {
    for index in (1..values.len()).rev() {
        values.swap(index, chooser.index(index + 1));
    }
}

/// What a series does before it is steady.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warming {
    /// It is steady from the start.
    Flat,
    /// It starts higher than it ends: times fall, a warm-up.
    Falling,
    /// It starts lower than it ends: times rise, a slow-down.
    Rising,
    /// Its last part is too short to be called steady.
    NotSteady,
}

/// A series with its steady part.
#[derive(Debug, Clone, PartialEq)]
pub struct SteadyState {
    /// The position of the first steady value, from 0; the length of the series if
    /// it is not steady.
    pub steady_from: usize,
    /// What it does before.
    pub warming: Warming,
    /// The stretches between changes.
    pub segments: Vec<Segment>,
}

/// Finds the steady part of a series: the first segment from which on all means
/// lie within the margin of the last one's.
///
/// A steady part shorter than a quarter of the series is none.
///
/// # Errors
///
/// As [`change_points`].
///
/// # Source
///
/// Barrett, Bolz-Tereick, Killick, Mount and Tratt (2017), *Virtual Machine Warmup
/// Blows Hot and Cold*, OOPSLA: segments equivalent to the last one, and a last part
/// that must be a quarter of the series; segments by [`change_points`], not PELT.
pub fn steady_state(
    sample: &Sample,
    margin: Margin,
    search: &ChangeSearch,
) -> Result<SteadyState, ChangeError> {
    let points = change_points(sample, search)?;
    let n = sample.n();
    let mut bounds = vec![0];
    bounds.extend(points.iter().map(|point| point.index));
    bounds.push(n);
    let segments: Vec<Segment> = bounds
        .windows(2)
        .map(|ends| {
            let part = Sample::from_finite(sample.values()[ends[0]..ends[1]].to_vec());
            Segment { start: ends[0], end: ends[1], mean: part.mean() }
        })
        .collect();
    let last = segments[segments.len() - 1].mean;
    let reach = margin.fraction() * last.abs();
    let steady = |segment: &&Segment| (segment.mean - last).abs() <= reach;
    let count = segments.iter().rev().take_while(steady).count();
    let first = segments.len() - count;
    let steady_from = segments[first].start;
    let (steady_from, warming) = if first == 0 {
        (0, Warming::Flat)
    } else if 4 * (n - steady_from) < n {
        (n, Warming::NotSteady)
    } else if segments[0].mean > last {
        (steady_from, Warming::Falling)
    } else if segments[0].mean < last {
        (steady_from, Warming::Rising)
    } else {
        (steady_from, Warming::Flat)
    };
    Ok(SteadyState { steady_from, warming, segments })
}
