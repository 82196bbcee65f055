//! Where variation comes from, and whether arms have the same spread.
//!
//! Owns: runs against calls for each configuration, server starts where a study
//! has several, what a run costs beside its calls, and the test of equal spread.

use std::collections::BTreeMap;

use tachograph_model::event::Stage;
use tachograph_model::plan::{Metric, ServerPolicy};
use tachograph_model::run::Arm;
use tachograph_stats::{
    BlockDesign, BrownForsythe, Cell, ComponentMethod, LevelCosts, NestedComponents,
    OptimalRepetitions, Sample, VarianceComponents, brown_forsythe, nested_components,
};

use super::{Found, Inputs, Refused};
use crate::facts::{CallFacts, RunFacts};

/// What varies, and where.
#[derive(Debug, Clone)]
pub(crate) struct Variation {
    /// The metric of calls that is split: the metric itself, or the end-to-end
    /// latency where the metric has one value per run.
    pub(crate) of: Metric,
    /// Runs against calls, for each configuration.
    pub(crate) components: Vec<Found<Components>>,
    /// Server starts, runs, calls over all configurations, by moments and by
    /// likelihood.
    pub(crate) nested: Found<[Nested; 2]>,
    /// The test that all configurations have the same spread of run values.
    pub(crate) spread: Found<BrownForsythe>,
    /// The same of each configuration and the baseline; `None` for the baseline.
    pub(crate) spread_against_baseline: Vec<Option<Found<SpreadRatio>>>,
}

/// Runs against calls in one configuration.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Components {
    pub(crate) split: VarianceComponents,
    pub(crate) calls_per_run: usize,
    /// The time of a run beside its calls, as a multiple of the mean call.
    pub(crate) run_cost: Option<f64>,
    /// The calls per run that give the most precise mean for the time; `None`
    /// where runs do not vary, or the cost is not known.
    pub(crate) best_calls: Option<f64>,
}

/// Server starts, runs and calls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Nested {
    pub(crate) split: NestedComponents,
    /// The best repetitions if a server start costs as much as a run.
    pub(crate) best: Option<OptimalRepetitions>,
}

/// The spread of a configuration beside the baseline's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct SpreadRatio {
    /// Its standard deviation over the baseline's; `None` if that is 0.
    pub(crate) ratio: Option<f64>,
    pub(crate) test: BrownForsythe,
}

/// Where in a run a call stands: agent, stage, how many of the stage came before.
type Place = (String, Stage, usize);

pub(super) fn of(inputs: &Inputs<'_>) -> Variation {
    let of = match inputs.metric {
        Metric::OutputThroughput | Metric::RunWall => Metric::E2e,
        metric => metric,
    };
    let all = 0..inputs.configurations.len();
    let values = |at: usize| -> Result<Sample, tachograph_stats::SampleError> {
        Sample::new(&inputs.by_block(at).into_values().collect::<Vec<f64>>())
    };
    let groups: Vec<Sample> = all.clone().filter_map(|at| values(at).ok()).collect();
    let spread_ratio = |at: usize| -> Found<SpreadRatio> {
        let baseline =
            inputs.baseline().ok_or_else(|| Refused("the plan has no baseline".to_owned()))?;
        let (own, baseline) = (values(at)?, values(baseline)?);
        let ratio = match (own.sd(), baseline.sd()) {
            (Some(own), Some(other)) if other > 0.0 => Some(own / other),
            _ => None,
        };
        Ok(SpreadRatio { ratio, test: brown_forsythe(&[own, baseline])? })
    };
    Variation {
        of,
        components: all.clone().map(|at| components(inputs, at, of)).collect(),
        nested: nested(inputs, of),
        spread: brown_forsythe(&groups).map_err(Refused::from),
        spread_against_baseline: all
            .map(|at| {
                (inputs.configurations[at].planned.arm != Arm::Baseline).then(|| spread_ratio(at))
            })
            .collect(),
    }
}

/// Returns the values of a run's calls, by their place in the run.
fn calls(run: &RunFacts, metric: Metric) -> BTreeMap<Place, f64> {
    let mut found = BTreeMap::new();
    for agent in &run.agents {
        let mut seen: BTreeMap<Stage, usize> = BTreeMap::new();
        for call in agent.calls.iter().filter(|call| !call.is_warmup()) {
            let nth = seen.entry(call.stage).or_default();
            if let Some(value) = call.metric(metric) {
                found.insert((agent.name.clone(), call.stage, *nth), value);
            }
            *nth += 1;
        }
    }
    found
}

/// Returns the runs of a configuration that have the same calls as most of them.
fn alike(inputs: &Inputs<'_>, at: usize, metric: Metric) -> Vec<(usize, Vec<f64>)> {
    let runs: Vec<(usize, BTreeMap<Place, f64>)> = inputs
        .measured(at)
        .map(|run| (inputs.sessions.get(&run.id).copied().unwrap_or(0), calls(run, metric)))
        .collect();
    let mut shapes: BTreeMap<Vec<&Place>, usize> = BTreeMap::new();
    for (_, calls) in &runs {
        *shapes.entry(calls.keys().collect()).or_default() += 1;
    }
    let most = shapes.iter().map(|(places, &count)| (count, places.len(), places)).max();
    let Some((_, _, most)) = most else { return Vec::new() };
    runs.iter()
        .filter(|(_, calls)| calls.keys().eq(most.iter().copied()))
        .map(|(session, calls)| (*session, calls.values().copied().collect()))
        .collect()
}

fn components(inputs: &Inputs<'_>, at: usize, metric: Metric) -> Found<Components> {
    let runs = alike(inputs, at, metric);
    let n_calls = runs.first().map_or(0, |(_, calls)| calls.len());
    if runs.len() < 2 || n_calls < 2 {
        return Err(Refused(format!(
            "runs against calls need at least 2 runs with 2 calls each, there are {} runs with \
             {n_calls} calls that have the metric",
            runs.len()
        )));
    }
    let cells: Vec<Cell> = runs
        .iter()
        .enumerate()
        .flat_map(|(block, (_, calls))| {
            calls.iter().enumerate().map(move |(level, &value)| Cell { block, level, value })
        })
        .collect();
    let split = BlockDesign::new(&cells)?.block_components(inputs.rule.confidence);
    let run_cost = costs(inputs.measured(at)).map(|costs| costs.run / costs.call);
    let best_calls = run_cost.and_then(|cost| split.optimal_calls_per_run(cost));
    let best_calls = best_calls.filter(|best| best.is_finite());
    Ok(Components { split, calls_per_run: n_calls, run_cost, best_calls })
}

/// Returns what a run costs beside its calls, and what a call costs, in
/// milliseconds; a server start is taken to cost as much as a whole run.
fn costs<'a>(runs: impl Iterator<Item = &'a RunFacts>) -> Option<LevelCosts> {
    let (mut overheads, mut latencies, mut lifetimes) = (Vec::new(), Vec::new(), Vec::new());
    for run in runs {
        let processes = run.agents.iter().filter_map(|agent| agent.process.as_ref());
        let lifetime = processes.filter_map(|process| process.lifetime).max()?;
        let lifetime = lifetime.as_millis();
        let of_run: Vec<f64> = run.calls().filter_map(CallFacts::e2e_ms).collect();
        let busy = of_run.iter().sum::<f64>() / run.agents.len().max(1) as f64;
        overheads.push((lifetime - busy).max(0.0));
        lifetimes.push(lifetime);
        latencies.extend(of_run);
    }
    let mean = |values: &[f64]| Sample::new(values).ok().map(|sample| sample.mean());
    let costs =
        LevelCosts { start: mean(&lifetimes)?, run: mean(&overheads)?, call: mean(&latencies)? };
    (costs.call > 0.0).then_some(costs)
}

/// Splits the calls of all configurations, each relative to the mean of its
/// place in its configuration.
fn nested(inputs: &Inputs<'_>, metric: Metric) -> Found<[Nested; 2]> {
    if inputs.plan.server_policy == ServerPolicy::Restart {
        return Err(Refused(
            "each run restarts its server, so that a server start has one run: what starts vary \
             by stands in the variation between runs"
                .to_owned(),
        ));
    }
    if !inputs.plan.servers.iter().all(|server| server.managed.is_some()) {
        return Err(Refused(
            "starts of a server that Tachograph does not manage are not recorded".to_owned(),
        ));
    }
    let mut starts: BTreeMap<usize, Vec<Sample>> = BTreeMap::new();
    for at in 0..inputs.configurations.len() {
        let runs = alike(inputs, at, metric);
        let n_calls = runs.first().map_or(0, |(_, calls)| calls.len());
        let means: Vec<f64> = (0..n_calls)
            .map(|place| {
                runs.iter().map(|(_, calls)| calls[place]).sum::<f64>() / runs.len() as f64
            })
            .collect();
        if means.iter().any(|mean| *mean <= 0.0) {
            continue;
        }
        for (session, calls) in runs {
            let relative: Vec<f64> = calls.iter().zip(&means).map(|(v, mean)| v / mean).collect();
            if let Ok(sample) = Sample::new(&relative) {
                starts.entry(session).or_default().push(sample);
            }
        }
    }
    if starts.len() < 2 {
        return Err(Refused(format!(
            "server starts need at least 2 starts with 2 runs each, there is {}: a study that is \
             interrupted and resumed has more",
            starts.len()
        )));
    }
    let starts: Vec<Vec<Sample>> = starts.into_values().collect();
    let everything = (0..inputs.configurations.len()).flat_map(|at| inputs.measured(at));
    let costs = costs(everything);
    let split = |method: ComponentMethod| -> Found<Nested> {
        let split = nested_components(&starts, method)?;
        let best = costs.and_then(|costs| split.optimal_repetitions(costs).ok());
        Ok(Nested { split, best })
    };
    Ok([split(ComponentMethod::Moments)?, split(ComponentMethod::Reml)?])
}
