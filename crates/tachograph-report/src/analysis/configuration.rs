//! Estimates of one configuration.
//!
//! Owns: means over runs, pooled quantiles of calls, failures, resources.

use std::collections::BTreeMap;

use tachograph_model::event::{CallStatus, ProcessResources};
use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Configuration;
use tachograph_stats::{
    BCA_RUNS_MIN, Comparison, Confidence, CvEstimate, DecisionRule, FenceClass, Interval,
    Proportion, ProportionEstimate, QuantileError, QuantileEstimate, Resampling, Sample, Summary,
    TukeyFences, bca_mean, cv_estimate, mean_estimate, quantile_estimate,
};

use super::comparison::Compared;
use super::{RunRow, degenerate, judged};
use crate::facts::{CallFacts, Degeneracy, RunFacts};
use crate::validity::Status;

/// The quantiles that reports print of pooled calls.
pub(crate) const QUANTILES: [(f64, &str); 3] = [(0.5, "p50"), (0.95, "p95"), (0.99, "p99")];

/// Fences of fewer runs than this call every third sample abnormal.
pub(crate) const FENCE_RUNS_MIN: usize = 8;

/// Everything estimated about one configuration.
#[derive(Debug, Clone)]
pub(crate) struct ConfigurationAnalysis {
    pub(crate) planned: Configuration,
    pub(crate) n_sealed: usize,
    pub(crate) n_measured: usize,
    pub(crate) metrics: BTreeMap<Metric, Estimate>,
    pub(crate) compared: BTreeMap<Metric, Compared>,
    pub(crate) statuses: BTreeMap<CallStatus, u64>,
    pub(crate) n_unfinished: u64,
    pub(crate) failures: Option<ProportionEstimate>,
    pub(crate) degenerate: BTreeMap<Degeneracy, u64>,
    pub(crate) ttft_cold: Pooled,
    pub(crate) ttft_warm: Pooled,
    pub(crate) gaps: Pooled,
    pub(crate) n_coalesced: u64,
    pub(crate) output_tokens: Option<Estimate>,
    pub(crate) tokens: TokenCounts,
    pub(crate) cached_prompt_tokens: Option<u64>,
    pub(crate) resources: BTreeMap<Resource, Estimate>,
    pub(crate) stages: BTreeMap<&'static str, Estimate>,
    pub(crate) status: Status,
}

/// Who counted the output tokens of completed calls.
#[derive(Debug, Clone, Default)]
pub(crate) struct TokenCounts {
    pub(crate) n_by_server: u64,
    pub(crate) by_server: u64,
    /// Content chunks of the calls that the server counted.
    pub(crate) chunks: u64,
    pub(crate) n_by_chunks: u64,
    pub(crate) n_contradictions: u64,
}

impl TokenCounts {
    fn of<'a>(calls: impl Iterator<Item = &'a CallFacts>) -> Self {
        let mut counts = Self::default();
        for call in calls {
            if call.output_tokens_by_server {
                counts.n_by_server += 1;
                counts.by_server += call.output_tokens;
                counts.chunks += call.n_content_chunks as u64;
            } else {
                counts.n_by_chunks += 1;
            }
            counts.n_contradictions += u64::from(call.usage_is_contradicted);
        }
        counts
    }
}

/// A mean over runs with what describes the sample.
#[derive(Debug, Clone)]
pub(crate) struct Estimate {
    pub(crate) summary: Summary,
    /// The t interval of the mean; absent for a single run.
    pub(crate) interval: Option<Interval>,
    /// The coefficient of variation; absent where it has no meaning.
    pub(crate) cv: Option<CvEstimate>,
    /// The run means, in run order.
    pub(crate) values: Vec<f64>,
    /// The bootstrap interval of the mean; only of the primary metric, and with
    /// enough runs.
    pub(crate) bca: Option<Interval>,
}

/// Quantiles of pooled values.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pooled {
    pub(crate) n: usize,
    pub(crate) quantiles: Vec<(f64, Result<QuantileEstimate, QuantileError>)>,
}

/// A resource of the agents' processes, per run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Resource {
    PeakRss,
    Startup,
    Cpu,
    CpuShare,
    VoluntarySwitches,
    InvoluntarySwitches,
}

impl Resource {
    pub(crate) const ALL: [Self; 6] = [
        Self::PeakRss,
        Self::Startup,
        Self::Cpu,
        Self::CpuShare,
        Self::VoluntarySwitches,
        Self::InvoluntarySwitches,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::PeakRss => "peak memory",
            Self::Startup => "start-up",
            Self::Cpu => "CPU time",
            Self::CpuShare => "CPU share",
            Self::VoluntarySwitches => "voluntary switches",
            Self::InvoluntarySwitches => "involuntary switches",
        }
    }

    pub(crate) fn unit(self) -> &'static str {
        match self {
            Self::PeakRss => "MB",
            Self::Startup | Self::Cpu => "ms",
            Self::CpuShare => "%",
            Self::VoluntarySwitches | Self::InvoluntarySwitches => "",
        }
    }

    /// Returns whether its interval is left to the claim, for want of room.
    pub(crate) fn is_secondary(self) -> bool {
        matches!(self, Self::CpuShare | Self::VoluntarySwitches | Self::InvoluntarySwitches)
    }

    /// Returns the run's value: the largest of its agents for memory and
    /// start-up, the sum for the others.
    pub(crate) fn of(self, run: &RunFacts) -> Option<f64> {
        let processes = || run.agents.iter().filter_map(|agent| agent.process.as_ref());
        let resources: Vec<&ProcessResources> =
            processes().filter_map(|process| process.resources.as_ref()).collect();
        if resources.is_empty() && self != Self::Startup {
            return None;
        }
        let sum = |value: &dyn Fn(&ProcessResources) -> f64| -> f64 {
            resources.iter().map(|each| value(each)).sum()
        };
        match self {
            Self::PeakRss => {
                resources.iter().map(|each| each.peak_rss_bytes).max().map(|rss| rss as f64 / 1e6)
            }
            Self::Startup => {
                let startups = run.agents.iter().filter_map(|agent| agent.startup);
                startups.max().map(tachograph_model::units::DurationNs::as_millis)
            }
            Self::Cpu => {
                Some(sum(&|each| each.user_cpu_ns.as_millis() + each.system_cpu_ns.as_millis()))
            }
            Self::CpuShare => {
                let shares: Option<Vec<f64>> =
                    processes().map(crate::facts::ProcessFacts::cpu_fraction).collect();
                shares.and_then(|shares| shares.into_iter().reduce(f64::max))
            }
            Self::VoluntarySwitches => Some(sum(&|each| each.voluntary_switches as f64)),
            Self::InvoluntarySwitches => Some(sum(&|each| each.involuntary_switches as f64)),
        }
    }
}

impl Estimate {
    /// Estimates the mean of one value per run; `None` without values.
    pub(crate) fn of(values: Vec<f64>, confidence: Confidence) -> Option<Self> {
        let sample = Sample::new(&values).ok()?;
        Some(Self {
            summary: Summary::of(&sample),
            interval: mean_estimate(&sample, confidence).ok().map(|mean| mean.interval),
            cv: cv_estimate(&sample, confidence).ok(),
            values,
            bca: None,
        })
    }

    /// Returns which values lie beyond Tukey's inner fences, and the mean of the
    /// others; `None` if none does, or below [`FENCE_RUNS_MIN`] values.
    pub(crate) fn outliers(&self) -> Option<(Vec<usize>, f64)> {
        if self.values.len() < FENCE_RUNS_MIN {
            return None;
        }
        let sample = Sample::new(&self.values).ok()?;
        let classes = TukeyFences::of(&sample).classify_all(&sample);
        let (inside, outside): (Vec<usize>, Vec<usize>) =
            (0..classes.len()).partition(|&at| classes[at] == FenceClass::Inside);
        let kept: Vec<f64> = inside.into_iter().map(|at| self.values[at]).collect();
        let mean = Sample::new(&kept).ok()?.mean();
        (!outside.is_empty()).then_some((outside, mean))
    }
}

impl Pooled {
    /// Estimates the quantiles of pooled values; empty without values.
    pub(crate) fn of(values: &[f64], confidence: Confidence) -> Self {
        let Ok(sample) = Sample::new(values) else { return Self::default() };
        let quantiles = QUANTILES
            .into_iter()
            .map(|(q, _)| (q, quantile_estimate(&sample, q, confidence)))
            .collect();
        Self { n: sample.n(), quantiles }
    }
}

impl ConfigurationAnalysis {
    /// Returns the comparison with the baseline, where one could be made.
    pub(crate) fn judged(&self, metric: Metric) -> Option<&Comparison> {
        judged(self.compared.get(&metric))
    }

    /// Returns how many calls that count there were, and how many failed.
    pub(crate) fn n_calls(&self) -> (u64, u64) {
        let all = self.statuses.values().sum::<u64>() + self.n_unfinished;
        (all, all - self.statuses.get(&CallStatus::Completed).copied().unwrap_or_default())
    }
}

/// Adds bootstrap intervals to the means of the primary metric.
pub(crate) fn resample(
    configurations: &mut [ConfigurationAnalysis],
    plan: &Plan,
    rule: &DecisionRule,
) {
    for configuration in configurations {
        let Some(estimate) = configuration.metrics.get_mut(&plan.primary.metric) else { continue };
        if estimate.summary.n >= BCA_RUNS_MIN
            && let Ok(sample) = Sample::new(&estimate.values)
        {
            let bca = bca_mean(&sample, Resampling::seeded(plan.seed), rule.confidence);
            estimate.bca = bca.ok().map(|bca| bca.interval);
        }
    }
}

/// Estimates every planned configuration from its runs.
pub(crate) fn estimate(
    planned: &[Configuration],
    facts: &[&RunFacts],
    rows: &[RunRow],
    rule: &DecisionRule,
) -> Vec<ConfigurationAnalysis> {
    let mut members: Vec<Vec<usize>> = vec![Vec::new(); planned.len()];
    for (index, row) in rows.iter().enumerate() {
        if let Some(at) = row.configuration {
            members[at].push(index);
        }
    }
    planned
        .iter()
        .zip(members)
        .map(|(planned, members)| {
            let runs: Vec<&RunFacts> = members.iter().map(|&index| facts[index]).collect();
            let rows: Vec<&RunRow> = members.iter().map(|&index| &rows[index]).collect();
            one(planned, &runs, &rows, rule.confidence)
        })
        .collect()
}

fn one(
    planned: &Configuration,
    runs: &[&RunFacts],
    rows: &[&RunRow],
    confidence: Confidence,
) -> ConfigurationAnalysis {
    let metrics = Metric::ALL.into_iter().filter_map(|metric| {
        let values = rows.iter().filter_map(|row| row.metrics.get(&metric).copied()).collect();
        Some((metric, Estimate::of(values, confidence)?))
    });
    let mut statuses = BTreeMap::new();
    for call in runs.iter().flat_map(|run| run.calls()) {
        *statuses.entry(call.status).or_default() += 1;
    }
    let n_unfinished =
        runs.iter().flat_map(|run| &run.agents).map(|agent| agent.n_unfinished_calls as u64).sum();
    let completed = || runs.iter().flat_map(|run| run.calls()).filter(|call| call.is_completed());
    let ttft = |cold: bool| {
        let calls = completed().filter(|call| call.cold == cold);
        Pooled::of(&calls.filter_map(CallFacts::ttft_ms).collect::<Vec<_>>(), confidence)
    };
    let gaps: Vec<f64> = completed().flat_map(|call| call.gaps.millis()).collect();
    let per_run = |value: &dyn Fn(&RunFacts) -> Option<f64>| {
        let measured = runs.iter().filter(|run| run.is_measured());
        Estimate::of(measured.filter_map(|run| value(run)).collect(), confidence)
    };
    let stages = ["ingest", "analysis", "report"].into_iter().filter_map(|name| {
        let duration = |run: &RunFacts| {
            let stages = run.agents.iter().flat_map(|agent| &agent.stages);
            let named = stages.filter(|(stage, _)| stage.name() == name);
            named.map(|(_, duration)| duration.as_millis()).reduce(f64::max)
        };
        Some((name, per_run(&duration)?))
    });
    let mut configuration = ConfigurationAnalysis {
        planned: planned.clone(),
        n_sealed: runs.len(),
        n_measured: rows.iter().filter(|row| row.is_measured).count(),
        metrics: metrics.collect(),
        compared: BTreeMap::new(),
        statuses,
        n_unfinished,
        failures: None,
        degenerate: degenerate(runs),
        ttft_cold: ttft(true),
        ttft_warm: ttft(false),
        gaps: Pooled::of(&gaps, confidence),
        n_coalesced: completed().map(|call| call.n_coalesced as u64).sum(),
        tokens: TokenCounts::of(completed()),
        output_tokens: per_run(&|run| Some(run.output_tokens() as f64)),
        cached_prompt_tokens: completed()
            .filter_map(CallFacts::cached_prompt_tokens)
            .reduce(|a, b| a + b),
        resources: Resource::ALL
            .into_iter()
            .filter_map(|resource| Some((resource, per_run(&|run| resource.of(run))?)))
            .collect(),
        stages: stages.collect(),
        status: rows.iter().map(|row| row.status).max().unwrap_or(Status::Valid),
    };
    let (n_calls, n_failed) = configuration.n_calls();
    configuration.failures =
        Proportion::new(n_failed, n_calls).ok().map(|proportion| proportion.estimate(confidence));
    configuration
}
