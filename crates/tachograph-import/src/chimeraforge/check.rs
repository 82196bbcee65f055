//! Numbers that a source derived, held against its own records.
//!
//! Owns: what counts as agreement, and how disagreement is said. A stated mean is never
//! used: it is computed again from the calls wherever they are there.

use super::call::is_failed;
use super::shape::{Measures, Numbers, number};
use crate::findings::{Findings, NOT_USED, Place, agree, mean};

/// Returns the standard deviation with n - 1, and zero of one value, as the source does.
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    if values.len() == 1 {
        return Some(0.0);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Holds the aggregate of an arm or agent against its calls.
pub(super) fn aggregate(
    findings: &mut Findings,
    place: &Place<'_>,
    aggregate: &Numbers,
    calls: &[&Measures],
) {
    let place = place.at("aggregate_metrics");
    let all = |get: fn(&Measures) -> f64| calls.iter().map(|it| get(it)).collect::<Vec<f64>>();
    let rates = all(|it| it.throughput_tokens_per_sec);
    let ttfts = all(|it| it.ttft_ms);
    for (name, computed) in [
        ("average_tokens_per_second", mean(&rates)),
        ("average_ttft_ms", mean(&ttfts)),
        ("stddev_throughput", deviation(&rates)),
        ("stddev_ttft", deviation(&ttfts)),
    ] {
        findings.compare(&place, name, number(aggregate, name), computed);
    }
    for (name, get) in [
        ("total_duration_ms", (|it| it.total_duration_ms) as fn(&Measures) -> f64),
        ("eval_duration_ms", |it| it.eval_duration_ms),
        ("load_duration_ms", |it| it.load_duration_ms),
        ("prompt_eval_duration_ms", |it| it.prompt_eval_duration_ms),
        ("total_tokens_generated", |it| it.tokens_generated),
    ] {
        sum_or_mean(findings, &place.at(name), number(aggregate, name), &all(get));
    }
    let completed: Vec<f64> =
        calls.iter().filter(|it| !is_failed(it)).map(|it| it.throughput_tokens_per_sec).collect();
    let n_failed = calls.len() - completed.len();
    if let (1.., Some(stated), Some(sound)) =
        (n_failed, number(aggregate, "average_tokens_per_second"), mean(&completed))
    {
        let what = format!(
            "{stated} is a mean that counts {n_failed} failed of {} calls as zero; over those \
             that completed it is {sound}",
            calls.len()
        );
        findings.add(&place.at("average_tokens_per_second"), what, NOT_USED);
    }
}

/// Holds a total against its parts. Some files hold means under the names of sums.
fn sum_or_mean(findings: &mut Findings, place: &Place<'_>, stated: Option<f64>, parts: &[f64]) {
    let (Some(stated), Some(mean)) = (stated, mean(parts)) else { return };
    let sum: f64 = parts.iter().sum();
    if agree(stated, sum) {
        return;
    }
    let hint =
        if agree(stated, mean) { ": it is the mean of the calls, not their sum" } else { "" };
    let what = format!("{stated} is stated, and the sum of the calls is {sum}{hint}");
    findings.add(place, what, NOT_USED);
}

/// Holds a difference of two arms against their means.
pub(super) fn delta(
    findings: &mut Findings,
    place: &Place<'_>,
    delta: &Numbers,
    baseline: [Option<f64>; 2],
    chimera: [Option<f64>; 2],
) {
    let of = |at: usize, f: fn(f64, f64) -> f64| Some(f(baseline[at]?, chimera[at]?));
    let percent = |change: fn(f64, f64) -> f64, at: usize| {
        Some(100.0 * change(baseline[at]?, chimera[at]?) / baseline[at].filter(|it| *it > 0.0)?)
    };
    for (name, computed) in [
        ("baseline_throughput", baseline[0]),
        ("chimera_throughput", chimera[0]),
        ("baseline_ttft_ms", baseline[1]),
        ("chimera_ttft_ms", chimera[1]),
        ("throughput_delta_absolute", of(0, |a, b| b - a)),
        ("ttft_delta_absolute_ms", of(1, |a, b| a - b)),
        ("throughput_improvement_percent", percent(|a, b| b - a, 0)),
        ("ttft_reduction_percent", percent(|a, b| a - b, 1)),
    ] {
        findings.compare(place, name, number(delta, name), computed);
    }
}

/// Returns the means of rate and time to first token over calls, failed ones included, as
/// the source computes them.
pub(super) fn means(calls: &[&Measures]) -> [Option<f64>; 2] {
    let rates: Vec<f64> = calls.iter().map(|it| it.throughput_tokens_per_sec).collect();
    let ttfts: Vec<f64> = calls.iter().map(|it| it.ttft_ms).collect();
    [mean(&rates), mean(&ttfts)]
}
