//! Tables about one configuration at a time: means, robust estimates, calls.

use tachograph_stats::{
    BCA_RUNS_MIN, ExtremeBound, QuantileEstimate, Resampling, Sample, bca_mean, bca_over_runs,
    harrell_davis, quantile, quantile_estimate, studentised_mean, trimmed_mean_estimate,
};

use super::Topic;
use crate::analysis::Analysis;
use crate::analysis::configuration::{
    ConfigurationAnalysis, Estimate, FENCE_RUNS_MIN, Pooled, QUANTILES,
};
use crate::claim::{Format, decimals_for};
use crate::depth::{Found, Refused};
use crate::formula::Formula;
use crate::sheet::{Cell, Column, Sheet};

/// The share that a trimmed mean leaves out at each end.
const TRIM: f64 = 0.2;
/// More pooled calls than this are not resampled.
const CLUSTER_CALLS_MAX: usize = 20_000;
/// How often the runs are resampled for the median of their calls.
const CLUSTER_RESAMPLES: usize = 1_000;

/// The values of a configuration, or that there are none.
fn sample(topic: &Topic<'_>, each: &ConfigurationAnalysis) -> Found<Sample> {
    let estimate = each.metrics.get(&topic.inputs.metric);
    let estimate = estimate.ok_or_else(|| {
        Refused(format!("no measured run has it; {} runs are sealed", each.n_sealed))
    })?;
    Ok(Sample::new(&estimate.values)?)
}

pub(super) fn means(topic: &Topic<'_>) -> Sheet {
    let scale = topic.scale();
    let share = ("fraction", Format::Percent(2));
    let mut sheet = Sheet::new(
        "estimates",
        "Mean over runs and its intervals",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::words("arm", "arm"),
            Column::count("n_runs", "n", Formula::Count),
            Column::number("mean", "mean", scale, Formula::Mean),
            Column::interval("mean_t", "t interval", scale, Formula::Mean),
            Column::interval("mean_bca", "BCa", scale, Formula::Bca),
            Column::interval("mean_studentised", "bootstrap-t", scale, Formula::Studentised),
            Column::number("sd", "sd", topic.spread_scale(), Formula::StandardDeviation),
            Column::number("cv", "CV", share, Formula::CoefficientOfVariation),
            Column::interval("cv_interval", "CV interval", share, Formula::CoefficientOfVariation),
        ],
    );
    let confidence = topic.inputs.rule.confidence;
    let resampling = Resampling::seeded(topic.analysis.plan.seed);
    for each in &topic.analysis.configurations {
        let own = sample(topic, each);
        let estimate = each.metrics.get(&topic.inputs.metric);
        let n = estimate.map_or(0, |estimate| estimate.summary.n);
        let bca = own.clone().and_then(|own| {
            if n < BCA_RUNS_MIN {
                return Err(Refused(format!(
                    "the BCa interval needs at least {BCA_RUNS_MIN} runs, there are {n}; below \
                     that it is too narrow"
                )));
            }
            Ok(bca_mean(&own, resampling, confidence)?.interval)
        });
        let studentised =
            own.clone().and_then(|own| Ok(studentised_mean(&own, resampling, confidence)?));
        let t = own.clone().and_then(|own| Ok(tachograph_stats::mean_estimate(&own, confidence)?));
        let cv = own.clone().and_then(|own| Ok(tachograph_stats::cv_estimate(&own, confidence)?));
        sheet.row(vec![
            Cell::words(&each.planned.id),
            Cell::words(crate::writer::arm_name(each.planned.arm)),
            Cell::count(n),
            Cell::found(&own, |own| Cell::number(own.mean())),
            Cell::found(&t, |t| Cell::interval(t.interval)),
            Cell::found(&bca, |interval| Cell::interval(*interval)),
            Cell::found(&studentised, |found| Cell::interval(found.interval)),
            Cell::found(&t, |t| Cell::number(t.sd)),
            Cell::found(&cv, |cv| Cell::number(cv.cv)),
            Cell::found(&cv, |cv| {
                Cell::interval_or(cv.interval, "the spread is too large for a finite upper end")
            }),
        ]);
    }
    sheet
}

pub(super) fn robust(topic: &Topic<'_>) -> Sheet {
    let scale = topic.scale();
    let mut sheet = Sheet::new(
        "robust",
        "Estimates that suppose less, and outliers (Tukey's inner fences; nothing is dropped)",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::count("n_runs", "n", Formula::Count),
            Column::number("median", "median", scale, Formula::Median),
            Column::interval("median_interval", "its interval", scale, Formula::MedianInterval),
            Column::number("harrell_davis", "Harrell-Davis", scale, Formula::HarrellDavis),
            Column::number("trimmed_mean", "trimmed mean", scale, Formula::TrimmedMean),
            Column::interval("trimmed_mean_interval", "its interval", scale, Formula::TrimmedMean),
            Column::number("min", "min", scale, Formula::Minimum),
            Column::number("max", "max", scale, Formula::Maximum),
            Column::count("n_outliers", "outliers", Formula::Count),
            Column::number("mean_without", "mean without", scale, Formula::LeftOut),
            Column::words("outliers", "which"),
        ],
    );
    let confidence = topic.inputs.rule.confidence;
    for (at, each) in topic.analysis.configurations.iter().enumerate() {
        let own = sample(topic, each);
        let median =
            own.clone().and_then(|own| Ok(quantile_estimate(&own, 0.5, confidence)?.interval));
        let smooth = own.clone().and_then(|own| Ok(harrell_davis(&own, 0.5)?));
        let trimmed =
            own.clone().and_then(|own| Ok(trimmed_mean_estimate(&own, TRIM, confidence)?));
        let n = own.as_ref().map_or(0, Sample::n);
        let [count, without, which] = outliers(topic, at, n);
        sheet.row(vec![
            Cell::words(&each.planned.id),
            Cell::count(n),
            Cell::found(&own, |own| Cell::number(own.median())),
            Cell::found(&median, |interval| Cell::interval(*interval)),
            Cell::found(&smooth, |value| Cell::number(*value)),
            Cell::found(&trimmed, |found| Cell::number(found.mean)),
            Cell::found(&trimmed, |found| Cell::interval(found.interval)),
            Cell::found(&own, |own| Cell::number(own.min())),
            Cell::found(&own, |own| Cell::number(own.max())),
            count,
            without,
            which,
        ]);
    }
    sheet
}

/// How many runs lie beyond the fences, the mean without them, and their names.
fn outliers(topic: &Topic<'_>, at: usize, n: usize) -> [Cell; 3] {
    if n < FENCE_RUNS_MIN {
        let reason = format!(
            "outliers are classified from {FENCE_RUNS_MIN} runs on, there are {n}: fences of \
             fewer find them in noise"
        );
        return [
            Cell::Refused(reason.clone()),
            Cell::Refused(reason.clone()),
            Cell::Refused(reason),
        ];
    }
    let metric = topic.inputs.metric;
    let estimate = topic.analysis.configurations[at].metrics.get(&metric);
    let Some((outside, without)) = estimate.and_then(Estimate::outliers) else {
        return [Cell::count(0), Cell::Absent, Cell::Absent];
    };
    let measured: Vec<String> = topic
        .inputs
        .rows(at)
        .filter(|run| run.metrics.contains_key(&metric))
        .map(|run| run.id.to_string())
        .collect();
    let names: Vec<&str> =
        outside.iter().filter_map(|&at| measured.get(at)).map(String::as_str).collect();
    [Cell::count(outside.len()), Cell::number(without), Cell::words(&names.join(" "))]
}

/// The calls of a configuration that have the metric, one sample per run.
fn calls_by_run(topic: &Topic<'_>, at: usize) -> Vec<Sample> {
    let metric = topic.depth.variation.of;
    let runs = topic.inputs.runs.iter().zip(topic.inputs.facts);
    runs.filter(|(row, _)| row.configuration == Some(at))
        .filter_map(|(_, facts)| {
            let completed = facts.calls().filter(|call| call.is_completed());
            let values: Vec<f64> = completed.filter_map(|call| call.metric(metric)).collect();
            Sample::new(&values).ok()
        })
        .collect()
}

pub(super) fn calls(topic: &Topic<'_>) -> Sheet {
    let of = topic.depth.variation.of;
    let samples: Vec<Vec<Sample>> =
        (0..topic.analysis.configurations.len()).map(|at| calls_by_run(topic, at)).collect();
    let largest = samples.iter().flatten().map(|run| run.mean().abs()).fold(0.0, f64::max);
    let scale = (of.unit(), Format::Fixed(decimals_for(largest, 4)));
    let mut sheet = Sheet::new(
        "calls",
        format!("Percentiles of {} over pooled calls", of.title()),
        2,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("q", "quantile", ("fraction", Format::Percent(0)), Formula::Stated),
            Column::count("n_calls", "calls", Formula::Count),
            Column::number("value", "value", scale, Formula::PooledQuantile),
            Column::interval("interval", "interval", scale, Formula::PooledQuantile),
            Column::interval("by_runs", "by whole runs", scale, Formula::ClusterMedian),
        ],
    )
    .note(
        "Order-statistic intervals take calls as independent, which calls of one run are not: \
         they are too narrow rather than too wide. The last column resamples whole runs.",
    );
    if of != topic.inputs.metric {
        sheet.notes.push(format!(
            "{} has one value per run; its calls are shown by their {}.",
            super::capitalised(topic.inputs.metric.title()),
            of.title()
        ));
    }
    let confidence = topic.inputs.rule.confidence;
    for (each, runs) in topic.analysis.configurations.iter().zip(&samples) {
        let values: Vec<f64> = runs.iter().flat_map(Sample::values).copied().collect();
        let pooled = Pooled::of(&values, confidence);
        for (q, _) in QUANTILES {
            let found = quantile_of(&pooled, q);
            let is_median = q.total_cmp(&0.5).is_eq();
            sheet.row(vec![
                Cell::words(&each.planned.id),
                Cell::number(q),
                Cell::count(pooled.n),
                Cell::found(&found, |found| Cell::number(found.value)),
                Cell::found(&found, |found| Cell::interval(found.interval)),
                if is_median {
                    Cell::found(&by_runs(topic, runs, q), |interval| Cell::interval(*interval))
                } else {
                    Cell::Absent
                },
            ]);
        }
    }
    sheet
}

/// One of the quantiles of pooled values, or why there is none.
fn quantile_of(pooled: &Pooled, q: f64) -> Found<QuantileEstimate> {
    match pooled.quantiles.iter().find(|(own, _)| own.total_cmp(&q).is_eq()) {
        Some((_, found)) => Ok((*found)?),
        None => Err(Refused("no completed call has it".to_owned())),
    }
}

/// The interval of the median of pooled calls, whole runs resampled.
fn by_runs(topic: &Topic<'_>, runs: &[Sample], q: f64) -> Found<tachograph_stats::Interval> {
    let (n, n_calls) = (runs.len(), runs.iter().map(Sample::n).sum::<usize>());
    if n < BCA_RUNS_MIN {
        return Err(Refused(format!(
            "resampling whole runs needs at least {BCA_RUNS_MIN} runs, there are {n}"
        )));
    }
    if n_calls > CLUSTER_CALLS_MAX {
        return Err(Refused(format!(
            "at most {CLUSTER_CALLS_MAX} calls are resampled, there are {n_calls}"
        )));
    }
    let median = |values: &[f64]| {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        quantile(&sorted, q).unwrap_or(f64::NAN)
    };
    let resampling = Resampling { seed: topic.analysis.plan.seed, resamples: CLUSTER_RESAMPLES };
    Ok(bca_over_runs(runs, median, resampling, topic.inputs.rule.confidence)?.interval)
}

pub(super) fn failures(analysis: &Analysis) -> Sheet {
    let share = ("fraction", Format::Percent(1));
    let mut sheet = Sheet::new(
        "failures",
        "Calls that did not complete",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::count("n_calls", "calls", Formula::Count),
            Column::count("n_failed", "failed", Formula::Count),
            Column::number("failure_fraction", "rate", share, Formula::Proportion),
            Column::interval("failure_interval", "interval", share, Formula::Proportion),
            Column::words("bound_kind", "bound"),
            Column::number("bound", "at", share, Formula::OneSidedBound),
        ],
    );
    for each in &analysis.configurations {
        let found = each.failures.ok_or_else(|| Refused("no call was made".to_owned()));
        let bound = found.as_ref().ok().and_then(|failures| failures.bound);
        let (words, value) = match bound {
            Some(ExtremeBound::AtMost(value)) => (Cell::words("at most"), Some(value)),
            Some(ExtremeBound::AtLeast(value)) => (Cell::words("at least"), Some(value)),
            None => (Cell::Absent, None),
        };
        let (n_calls, n_failed) = each.n_calls();
        sheet.row(vec![
            Cell::words(&each.planned.id),
            Cell::Count(n_calls),
            Cell::Count(n_failed),
            Cell::found(&found, |failures| Cell::number(failures.fraction)),
            Cell::found(&found, |failures| Cell::interval(failures.interval)),
            words,
            Cell::some(value),
        ]);
    }
    sheet
}

pub(super) fn gaps(analysis: &Analysis) -> Sheet {
    let medians = analysis.configurations.iter().filter_map(|each| {
        let (_, found) = each.gaps.quantiles.first()?;
        found.as_ref().ok().map(|estimate| estimate.value)
    });
    let scale = ("ms", Format::Fixed(decimals_for(medians.fold(0.0, f64::max), 4)));
    let mut sheet = Sheet::new(
        "gaps",
        "Inter-token latency over pooled gaps",
        2,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("q", "quantile", ("fraction", Format::Percent(0)), Formula::Stated),
            Column::count("n_gaps", "gaps", Formula::Count),
            Column::number("value", "value", scale, Formula::PooledQuantile),
            Column::interval("interval", "interval", scale, Formula::PooledQuantile),
        ],
    );
    for each in &analysis.configurations {
        for (q, _) in QUANTILES {
            let found = quantile_of(&each.gaps, q);
            sheet.row(vec![
                Cell::words(&each.planned.id),
                Cell::number(q),
                Cell::count(each.gaps.n),
                Cell::found(&found, |found| Cell::number(found.value)),
                Cell::found(&found, |found| Cell::interval(found.interval)),
            ]);
        }
    }
    sheet
}
