//! Where variation comes from: server starts, runs or calls.

mod likelihood;
mod nested;

pub use nested::{
    ComponentError, ComponentMethod, LevelCosts, NestedComponents, OptimalRepetitions,
    nested_components,
};

use crate::anova::one_way_f;
use crate::distribution::f_upper_quantile;
use crate::mean::EstimateError;
use crate::{BlockDesign, Confidence, Interval, Sample};

/// Two levels of variation: runs, and calls within runs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VarianceComponents {
    /// How many runs.
    pub n_runs: usize,
    /// How many calls in all.
    pub n_calls: usize,
    /// Standard deviation between runs, in the values' unit; 0 when runs differ
    /// less than their calls explain.
    pub sd_between: f64,
    /// Standard deviation of calls within a run, in the values' unit.
    pub sd_within: f64,
    /// The intraclass correlation ICC(1): the share of variance between runs,
    /// 0 to 1. `None` when all values are equal.
    pub icc: Option<f64>,
    /// Its interval, from the F distribution; present only for runs of one and
    /// the same size, where it is exact for normal data. Its ends lie in 0..=1.
    pub icc_interval: Option<Interval>,
    /// The p-value of "runs do not differ".
    pub p_value: f64,
}

/// Splits the variance of calls into between runs and within runs.
///
/// `runs` holds the calls of each run. A large share between runs means that more
/// calls per run do not help: only more runs do.
///
/// # Errors
///
/// [`EstimateError::TooFewValues`] below 2 runs, or if no run has 2 calls.
///
/// # Source
///
/// Method of moments for the one-way random model: Searle, Casella and `McCulloch`
/// (1992), *Variance Components*, section 3.6, with their `n_0` for unequal runs;
/// negative estimates are set to 0. ICC(1) and its interval: Shrout and Fleiss
/// (1979), Psychological Bulletin 86, 420-428.
pub fn variance_components(
    runs: &[Sample],
    confidence: Confidence,
) -> Result<VarianceComponents, EstimateError> {
    let n_runs = runs.len();
    let n_calls: usize = runs.iter().map(Sample::n).sum();
    if n_runs < 2 || n_calls <= n_runs {
        let method = "variance components of two runs or more";
        let needed = n_runs.max(2) + 1;
        return Err(EstimateError::TooFewValues { method, needed, n: n_calls });
    }
    let table = one_way_f(runs);
    let total = n_calls as f64;
    let squares: f64 = runs.iter().map(|run| (run.n() as f64).powi(2)).sum();
    let per_run = (total - squares / total) / table.df_between;
    let within = table.mean_square_within;
    let between = ((table.mean_square_between - within) / per_run).max(0.0);
    let icc = (between + within > 0.0).then(|| between / (between + within));
    let balanced = runs.iter().all(|run| run.n() == runs[0].n());
    let icc_interval = table
        .f
        .filter(|_| balanced)
        .map(|f| icc_interval((f, table.df_between, table.df_within), per_run, confidence));
    Ok(VarianceComponents {
        n_runs,
        n_calls,
        sd_between: between.sqrt() / table.scale,
        sd_within: within.sqrt() / table.scale,
        icc,
        icc_interval,
        p_value: table.p_value,
    })
}

/// The interval of an intraclass correlation from its F statistic.
fn icc_interval(
    (f, df_between, df_within): (f64, f64, f64),
    per_run: f64,
    confidence: Confidence,
) -> Interval {
    let half = confidence.alpha() / 2.0;
    let (low, high) = (
        f / f_upper_quantile(half, df_between, df_within),
        f * f_upper_quantile(half, df_within, df_between),
    );
    let icc_of = |f: f64| ((f - 1.0) / (f + per_run - 1.0)).clamp(0.0, 1.0);
    Interval { low: icc_of(low), high: icc_of(high), confidence: confidence.level() }
}

impl BlockDesign {
    /// Splits the variance of calls into between runs and within runs, where the
    /// calls of a run differ by design: an analysis and a report, say.
    ///
    /// The blocks of the design are the runs, its levels the places of calls in a
    /// run. What the places differ by on average is taken out; what is left of a
    /// call is variation within its run. [`variance_components`] would count the
    /// difference of places as variation of calls.
    ///
    /// # Source
    ///
    /// Method of moments for random blocks and fixed levels: Searle, Casella and
    /// `McCulloch` (1992), *Variance Components*, section 4.3; a negative estimate is
    /// set to 0. The correlation is ICC(3, 1) of Shrout and Fleiss (1979),
    /// Psychological Bulletin 86, 420-428, with its interval.
    pub fn block_components(&self, confidence: Confidence) -> VarianceComponents {
        let analysis = self.analyse(confidence);
        let (n_runs, per_run) = (analysis.n_blocks, analysis.levels.len());
        let calls = per_run as f64;
        let sd_within = analysis.residual_sd;
        let sd_between = match analysis.blocks.f {
            Some(f) => sd_within * ((f - 1.0).max(0.0) / calls).sqrt(),
            // Nothing is left within runs, so that all places vary alike.
            None if analysis.blocks.p_value < 1.0 => analysis.levels[0].estimate.sd,
            None => 0.0,
        };
        let total = sd_between.hypot(sd_within);
        VarianceComponents {
            n_runs,
            n_calls: n_runs * per_run,
            sd_between,
            sd_within,
            icc: (total > 0.0).then(|| (sd_between / total).powi(2)),
            icc_interval: analysis.blocks.f.map(|f| {
                let ratio = (f, analysis.blocks.df, analysis.blocks.df_residual);
                icc_interval(ratio, calls, confidence)
            }),
            p_value: analysis.blocks.p_value,
        }
    }
}

impl VarianceComponents {
    /// Returns how many calls per run give the most precise mean for the time.
    ///
    /// `run_cost_in_calls` is the time that starting a run costs, as a multiple of
    /// the time of one call, at least 0. The result is at least 1; `None` when runs
    /// do not vary: then one run with all calls is best.
    ///
    /// # Source
    ///
    /// Kalibera and Jones (2013), *Rigorous Benchmarking in Reasonable Time*,
    /// the repetition count of a level: `sqrt(cost ratio * var_within /
    /// var_between)`, rounded up.
    pub fn optimal_calls_per_run(&self, run_cost_in_calls: f64) -> Option<f64> {
        (self.sd_between > 0.0)
            .then(|| (run_cost_in_calls.sqrt() * self.sd_within / self.sd_between).ceil().max(1.0))
    }
}
