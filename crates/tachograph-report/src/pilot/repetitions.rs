//! How often to repeat what lies inside a run.
//!
//! Owns: which levels of variation a pilot holds, and the repetitions after
//! Kalibera and Jones where it holds two; or the reason why it does not.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tachograph_model::event::Stage;
use tachograph_model::plan::{Metric, ServerPolicy};
use tachograph_model::run::ConfigurationId;
use tachograph_model::units::DurationNs;
use tachograph_stats::{Confidence, Sample, VarianceComponents, variance_components};

use crate::contrast::Extract;
use crate::facts::RunFacts;

/// What a pilot says about repetitions inside a run.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Repetitions {
    /// What it says about server starts.
    pub(super) starts: &'static str,
    /// Calls per run, or why they cannot be told.
    pub(super) calls: Result<Calls, &'static str>,
}

/// Variation of the calls of one stage of the baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Calls {
    pub(super) stage: Stage,
    pub(super) components: VarianceComponents,
    /// The time of a run without these calls, in calls.
    pub(super) run_cost: f64,
    /// The best number of calls per run; absent where runs do not vary.
    pub(super) optimal: Option<f64>,
}

impl Repetitions {
    pub(super) fn of(extract: &Extract, facts: &[RunFacts], metric: Metric) -> Self {
        let starts = match extract.setting.server_policy {
            ServerPolicy::Restart => {
                "The server was restarted before each run, so server starts and runs are one \
                 level: one run per start, and more blocks are more of both."
            }
            ServerPolicy::Keep | ServerPolicy::Unload => {
                "The server was not restarted between runs, so variation between server starts is \
                 not in this pilot, and nothing says how many runs to make per start. With \
                 server_policy = \"restart\" each run has a start of its own, and the spread \
                 includes it."
            }
        };
        Self { starts, calls: calls(facts, metric) }
    }

    pub(super) fn to_json(&self) -> Value {
        let calls = match &self.calls {
            Ok(calls) => json!({
                "stage": calls.stage.name(),
                "n_runs": calls.components.n_runs, "n_calls": calls.components.n_calls,
                "sd_between_runs": calls.components.sd_between,
                "sd_within_runs": calls.components.sd_within,
                "icc": calls.components.icc,
                "run_cost_in_calls": calls.run_cost,
                "optimal_calls_per_run": calls.optimal,
                "formula": "ceil(sqrt(cost ratio * var_within / var_between)), Kalibera and Jones (2013)",
            }),
            Err(why) => json!({"none": why}),
        };
        json!({"server_starts": self.starts, "calls_per_run": calls})
    }
}

fn calls(facts: &[RunFacts], metric: Metric) -> Result<Calls, &'static str> {
    if matches!(metric, Metric::OutputThroughput | Metric::RunWall) {
        return Err(
            "The metric belongs to a whole run, so nothing inside a run repeats it: only more \
             blocks help.",
        );
    }
    let runs: Vec<&RunFacts> = facts
        .iter()
        .filter(|run| run.is_measured() && run.id.configuration.0 == ConfigurationId::BASELINE)
        .collect();
    let of_stage = |run: &RunFacts, stage: Stage| -> Vec<(f64, f64)> {
        let calls = run.calls().filter(|call| call.stage == stage);
        calls.filter_map(|call| Some((call.metric(metric)?, call.e2e_ms()?))).collect()
    };
    let mut counts: BTreeMap<Stage, usize> = BTreeMap::new();
    for run in &runs {
        for stage in run.calls().map(|call| call.stage) {
            let most = counts.entry(stage).or_default();
            *most = of_stage(run, stage).len().max(*most);
        }
    }
    // The earliest stage of those with the most calls.
    let busiest = counts.into_iter().rev().max_by_key(|(_, n)| *n);
    let Some((stage, _)) = busiest.filter(|(_, n)| *n >= 2) else {
        return Err("Each run makes one call of each stage, and calls of different stages are no \
             repetitions of each other: only more blocks help.");
    };
    let stages: Vec<(Vec<(f64, f64)>, DurationNs)> =
        runs.iter().filter_map(|run| Some((of_stage(run, stage), run.wall()?))).collect();
    let samples: Vec<Sample> = stages
        .iter()
        .filter_map(|(calls, _)| {
            Sample::new(&calls.iter().map(|(value, _)| *value).collect::<Vec<_>>()).ok()
        })
        .collect();
    let few = "A single run of the baseline has several calls of one stage; two are needed.";
    let components =
        variance_components(&samples, Confidence::NINETY_FIVE).map_err(|_too_few| few)?;
    let in_calls: f64 = stages.iter().flat_map(|(calls, _)| calls).map(|(_, e2e)| e2e).sum();
    let walls: f64 = stages.iter().map(|(_, wall)| wall.as_millis()).sum();
    let per_call = in_calls / components.n_calls as f64;
    let per_run = ((walls - in_calls) / stages.len() as f64).max(0.0);
    let run_cost = if per_call > 0.0 { per_run / per_call } else { 0.0 };
    let optimal = components.optimal_calls_per_run(run_cost);
    Ok(Calls { stage, components, run_cost, optimal })
}
