//! Three levels of variation: server starts, runs, calls.

use super::likelihood::{RunFigures, maximise};
use crate::sample::{compensated_sum, power_of_two_scale};
use crate::{Confidence, Interval, Sample, t_critical};

/// How variance components are estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ComponentMethod {
    /// Mean squares set equal to their expectations; negative estimates are set
    /// to 0.
    Moments,
    /// Restricted maximum likelihood under normal effects, within 0 and above. For
    /// balanced data without a negative estimate, the same as moments.
    Reml,
}

/// Why nested components cannot be estimated.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ComponentError {
    /// There are not enough groups of a level.
    #[error(
        "{starts} server starts with {runs} runs and {calls} calls in all cannot tell the levels \
         apart; at least 2 starts, a start with 2 runs and a run with 2 calls are needed"
    )]
    TooFewGroups {
        /// How many server starts.
        starts: usize,
        /// How many runs.
        runs: usize,
        /// How many calls.
        calls: usize,
    },
    /// A server start has no runs.
    #[error("server start {start} has no runs; leave it out")]
    EmptyStart {
        /// Its position, from 0.
        start: usize,
    },
    /// All calls of each run are equal.
    #[error("the calls of each run are all equal, so there is nothing to compare runs with")]
    NoSpread,
    /// A cost is unusable.
    #[error("costs of {start}, {run} and {call}; give times above 0, in one unit")]
    Costs {
        /// Of a server start.
        start: f64,
        /// Of a run.
        run: f64,
        /// Of a call.
        call: f64,
    },
}

/// Variation between server starts, runs and calls, in the values' unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NestedComponents {
    /// How the components were estimated.
    pub method: ComponentMethod,
    /// How many server starts.
    pub n_starts: usize,
    /// How many runs.
    pub n_runs: usize,
    /// How many calls.
    pub n_calls: usize,
    /// The mean: weighted by the components for REML, of all calls for moments.
    pub mean: f64,
    /// Standard deviation between server starts.
    pub sd_start: f64,
    /// Standard deviation between runs of one server start.
    pub sd_run: f64,
    /// Standard deviation of calls of one run.
    pub sd_call: f64,
    /// The standard error of `mean` that follows from the components.
    pub standard_error: f64,
}

/// What one more unit of each level costs, in one unit of time, all above 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelCosts {
    /// Starting the server, without its runs.
    pub start: f64,
    /// Starting a run, without its calls.
    pub run: f64,
    /// A call.
    pub call: f64,
}

/// How to spend a measuring time best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptimalRepetitions {
    /// Calls in each run; `None` when runs do not vary: make all calls in one run.
    pub calls_per_run: Option<usize>,
    /// Runs after each server start; `None` when starts do not vary: start once.
    pub runs_per_start: Option<usize>,
}

/// Splits the variance of calls over server starts, runs and calls.
///
/// `starts` holds, for each server start, its runs with their calls. Starts and
/// runs may differ in size.
///
/// # Errors
///
/// [`ComponentError`]: fewer than 2 server starts, no start with 2 runs, no run
/// with 2 calls, no spread within runs.
///
/// # Source
///
/// Moments: Searle, Casella and `McCulloch` (1992), *Variance Components*, chapter 5
/// (Henderson's method I for nested data). REML: Patterson and Thompson (1971),
/// Biometrika 58, 545-554.
pub fn nested_components(
    starts: &[Vec<Sample>],
    method: ComponentMethod,
) -> Result<NestedComponents, ComponentError> {
    let n_runs: usize = starts.iter().map(Vec::len).sum();
    let n_calls: usize = starts.iter().flatten().map(Sample::n).sum();
    if let Some(start) = starts.iter().position(Vec::is_empty) {
        return Err(ComponentError::EmptyStart { start });
    }
    if starts.len() < 2 || n_runs <= starts.len() || n_calls <= n_runs {
        let starts = starts.len();
        return Err(ComponentError::TooFewGroups { starts, runs: n_runs, calls: n_calls });
    }
    let largest = starts
        .iter()
        .flatten()
        .fold(0.0_f64, |most, run| most.max(run.min().abs()).max(run.max().abs()));
    // Centred and then scaled to the spread, so that no square leaves the range.
    let scale = power_of_two_scale(largest);
    let centre =
        compensated_sum(starts.iter().flatten().map(|run| run.mean() * scale)) / n_runs as f64;
    let reach = starts.iter().flatten().fold(0.0_f64, |most, run| {
        most.max((run.min() * scale - centre).abs()).max((run.max() * scale - centre).abs())
    });
    let zoom = power_of_two_scale(reach);
    let figures = |run: &Sample| {
        let n = run.n() as f64;
        let sd = run.sd().unwrap_or(0.0) * scale * zoom;
        RunFigures { n, mean: (run.mean() * scale - centre) * zoom, squares: (n - 1.0) * sd * sd }
    };
    let groups: Vec<Vec<RunFigures>> =
        starts.iter().map(|runs| runs.iter().map(figures).collect()).collect();
    // Deviations are of order 1 here: squares below this are rounding.
    if groups.iter().flatten().map(|run| run.squares).sum::<f64>() <= 1e-28 * n_calls as f64 {
        return Err(ComponentError::NoSpread);
    }
    let (variances, mean, error) = match method {
        ComponentMethod::Moments => moments(&groups),
        ComponentMethod::Reml => maximise(&groups, moments(&groups).0),
    };
    let back = |x: f64| x / zoom / scale;
    Ok(NestedComponents {
        method,
        n_starts: starts.len(),
        n_runs,
        n_calls,
        mean: (mean / zoom + centre) / scale,
        sd_start: back(variances[0].sqrt()),
        sd_run: back(variances[1].sqrt()),
        sd_call: back(variances[2].sqrt()),
        standard_error: back(error),
    })
}

/// Components, mean and its standard error by mean squares.
fn moments(groups: &[Vec<RunFigures>]) -> ([f64; 3], f64, f64) {
    let runs = || groups.iter().flatten();
    let sizes: Vec<f64> = groups.iter().map(|g| g.iter().map(|run| run.n).sum()).collect();
    let total: f64 = sizes.iter().sum();
    let means: Vec<f64> = groups
        .iter()
        .zip(&sizes)
        .map(|(g, n)| g.iter().map(|run| run.n * run.mean).sum::<f64>() / n)
        .collect();
    let mean = means.iter().zip(&sizes).map(|(m, n)| n * m).sum::<f64>() / total;
    let (a, b) = (groups.len() as f64, runs().count() as f64);
    let within = runs().map(|run| run.squares).sum::<f64>() / (total - b);
    let between_runs: f64 = groups
        .iter()
        .zip(&means)
        .map(|(g, mean)| g.iter().map(|run| run.n * (run.mean - mean).powi(2)).sum::<f64>())
        .sum();
    let between_starts: f64 = means.iter().zip(&sizes).map(|(m, n)| n * (m - mean).powi(2)).sum();
    let per_start: f64 = groups
        .iter()
        .zip(&sizes)
        .map(|(g, n)| g.iter().map(|run| run.n * run.n).sum::<f64>() / n)
        .sum();
    let squares: f64 = runs().map(|run| run.n * run.n).sum();
    let start_squares: f64 = sizes.iter().map(|n| n * n).sum();
    // The coefficients of the components in the expected mean squares.
    let run_in_runs = (total - per_start) / (b - a);
    let run_in_starts = (per_start - squares / total) / (a - 1.0);
    let start_in_starts = (total - start_squares / total) / (a - 1.0);
    let run = (between_runs / (b - a) - within) / run_in_runs;
    let start = (between_starts / (a - 1.0) - within - run_in_starts * run) / start_in_starts;
    let found = [start.max(0.0), run.max(0.0), within];
    let variance = found[0] * start_squares / (total * total)
        + found[1] * squares / (total * total)
        + found[2] / total;
    (found, mean, variance.sqrt())
}

impl NestedComponents {
    /// Returns the interval of the mean: t with one degree of freedom less than
    /// there are server starts, the level on which everything else hangs.
    pub fn interval(&self, confidence: Confidence) -> Interval {
        let df = (self.n_starts - 1) as f64;
        let half_width = t_critical(confidence.alpha(), df) * self.standard_error;
        Interval::around(self.mean, half_width, confidence.level())
    }

    /// Returns the standard error of a mean over `n_starts` server starts with
    /// `runs_per_start` runs each and `calls_per_run` calls in each, all at least 1.
    pub fn expected_standard_error(
        &self,
        n_starts: usize,
        runs_per_start: usize,
        calls_per_run: usize,
    ) -> f64 {
        let (starts, runs) = (n_starts.max(1) as f64, runs_per_start.max(1) as f64);
        let calls = calls_per_run.max(1) as f64;
        let start = self.sd_start / starts.sqrt();
        let run = self.sd_run / (starts * runs).sqrt();
        let call = self.sd_call / (starts * runs * calls).sqrt();
        start.hypot(run).hypot(call)
    }

    /// Returns the repetitions that give the most precise mean for the time.
    ///
    /// How many server starts then follows from the precision that is wanted:
    /// [`NestedComponents::expected_standard_error`]. Counts end at 1,000,000.
    ///
    /// # Errors
    ///
    /// [`ComponentError::Costs`] unless all costs are above 0 and finite.
    ///
    /// # Source
    ///
    /// Kalibera and Jones (2013), *Rigorous Benchmarking in Reasonable Time*, ISMM,
    /// section 6: `ceil(sqrt(c(i+1) / c(i) * T(i)^2 / T(i+1)^2))` for each level `i`
    /// below the highest.
    pub fn optimal_repetitions(
        &self,
        costs: LevelCosts,
    ) -> Result<OptimalRepetitions, ComponentError> {
        let LevelCosts { start, run, call } = costs;
        if ![start, run, call].iter().all(|cost| *cost > 0.0 && cost.is_finite()) {
            return Err(ComponentError::Costs { start, run, call });
        }
        let count = |cost_ratio: f64, inner: f64, outer: f64| {
            (outer > 0.0).then(|| {
                let best = (cost_ratio.sqrt() * (inner / outer)).ceil();
                crate::quantile::whole(best.clamp(1.0, 1e6))
            })
        };
        Ok(OptimalRepetitions {
            calls_per_run: count(run / call, self.sd_call, self.sd_run),
            runs_per_start: count(start / run, self.sd_run, self.sd_start),
        })
    }
}
