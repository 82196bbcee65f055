//! Whether the study moved while it ran.
//!
//! Owns: the effect of blocks, the departures of runs, and the state of the
//! machine around runs.

use std::collections::BTreeMap;

use tachograph_model::environment::Conditions;
use tachograph_model::plan::Metric;
use tachograph_stats::{DecisionRule, Effect, Sample};

use super::RunRow;
use super::configuration::ConfigurationAnalysis;
use crate::facts::RunFacts;

/// A reading of the machine over the samples before each run.
#[derive(Debug, Clone)]
pub(crate) struct ConditionRange {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) n: usize,
    pub(crate) min: f64,
    pub(crate) median: f64,
    pub(crate) max: f64,
}

/// Returns the effect of blocks and the mean of each complete block.
pub(crate) fn blocks(
    runs: &[RunRow],
    n_configurations: usize,
    primary: Metric,
    rule: &DecisionRule,
) -> (Option<Effect>, Vec<(u32, f64)>) {
    let mut cells = Vec::new();
    let mut means = Vec::new();
    let mut by_block: BTreeMap<u32, Vec<(usize, f64)>> = BTreeMap::new();
    for run in runs {
        let of_block = by_block.entry(run.id.block).or_default();
        of_block.extend(run.configuration.zip(run.metrics.get(&primary).copied()));
    }
    for (block, of_block) in by_block {
        if of_block.len() != n_configurations {
            continue;
        }
        let values: Vec<f64> = of_block.iter().map(|(_, value)| *value).collect();
        if let Ok(sample) = Sample::new(&values) {
            means.push((block, sample.mean()));
        }
        cells.extend(of_block.into_iter().map(|(level, value)| tachograph_stats::Cell {
            block: block as usize,
            level,
            value,
        }));
    }
    let design = tachograph_stats::BlockDesign::new(&cells).ok();
    (design.map(|design| design.analyse(rule.confidence).blocks), means)
}

/// Returns each run's departure from the mean of its configuration, as a ratio
/// less 1, in the order of execution: order, block, departure.
pub(crate) fn departures(
    configurations: &[ConfigurationAnalysis],
    runs: &[RunRow],
    metric: Metric,
) -> Vec<(u32, u32, f64)> {
    runs.iter()
        .filter_map(|run| {
            let own = *run.metrics.get(&metric)?;
            let mean = configurations[run.configuration?].metrics.get(&metric)?.summary.mean;
            (mean != 0.0).then(|| (run.index, run.id.block, own / mean - 1.0))
        })
        .collect()
}

/// Returns the ranges of what could be read of the machine before runs.
pub(crate) fn conditions(facts: &[&RunFacts]) -> Vec<ConditionRange> {
    type Reading = fn(&Conditions) -> Option<f64>;
    let readings: [(&str, &str, &str, Reading); 8] = [
        ("load", "load average", "", |c| c.load_1min),
        ("memory", "memory available", "GB", |c| {
            c.memory_available_bytes.map(|bytes| bytes as f64 / 1e9)
        }),
        ("frequency", "processor frequency", "MHz", |c| c.cpu_mhz),
        ("temperature", "hottest zone", "°C", |c| c.temperature_celsius),
        ("gpu_clock", "slowest GPU's clock", "MHz", |c| {
            c.gpus.iter().filter_map(|gpu| gpu.clock_mhz).reduce(f64::min)
        }),
        ("gpu_power", "power of all GPUs", "W", |c| {
            c.gpus.iter().filter_map(|gpu| gpu.power_watts).reduce(|sum, watts| sum + watts)
        }),
        ("gpu_temperature", "hottest GPU", "°C", |c| {
            c.gpus.iter().filter_map(|gpu| gpu.temperature_celsius).reduce(f64::max)
        }),
        ("gpu_memory", "memory in use of all GPUs", "GB", |c| {
            let used = c.gpus.iter().filter_map(|gpu| gpu.memory_used_bytes);
            used.reduce(|sum, bytes| sum + bytes).map(|bytes| bytes as f64 / 1e9)
        }),
    ];
    readings
        .into_iter()
        .filter_map(|(id, title, unit, reading)| {
            let before = facts.iter().filter_map(|run| run.conditions_before.as_ref());
            let values: Vec<f64> = before.filter_map(|(_, sample)| reading(sample)).collect();
            let sample = Sample::new(&values).ok()?;
            let (n, min, median, max) = (sample.n(), sample.min(), sample.median(), sample.max());
            Some(ConditionRange { id, title, unit, n, min, median, max })
        })
        .collect()
}
