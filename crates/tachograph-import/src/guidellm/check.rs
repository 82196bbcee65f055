//! What a report derives, held against its own requests.

use serde_json::Value;
use tachograph_model::event::{CallReported, CallStatus, Stage};

use super::shape::{Benchmark, Record};
use crate::findings::{Findings, Place};

/// Holds what is derived for one request against its instants.
pub(super) fn request(
    findings: &mut Findings,
    place: &Place<'_>,
    request: &Record,
    call: &CallReported,
) {
    let timings = &request.info.timings;
    let between = |from: Option<f64>, to: Option<f64>| Some(to? - from?);
    let sent = timings.request_start;
    let first = timings.first_token_iteration;
    let last = timings.last_token_iteration;
    let n = call.usage.output_tokens.filter(|n| *n > 0).map(|n| n as f64);
    let per = |time: Option<f64>, n: Option<f64>| Some(1e3 * time? / n.filter(|n| *n > 0.0)?);
    for (name, stated, computed) in [
        (
            "time_to_first_token_ms",
            request.time_to_first_token_ms,
            between(sent, first).map(|it| it * 1e3),
        ),
        ("request_latency", request.request_latency, between(sent, timings.request_end)),
        (
            "inter_token_latency_ms",
            request.inter_token_latency_ms,
            per(between(first, last), n.map(|n| n - 1.0)),
        ),
        ("time_per_output_token_ms", request.time_per_output_token_ms, per(between(sent, last), n)),
    ] {
        findings.compare(place, name, stated, computed);
    }
}

/// Returns whether every request that was successful is recorded.
pub(super) fn is_whole(benchmark: &Benchmark) -> bool {
    let recorded: usize = benchmark
        .requests
        .groups()
        .filter(|(name, _)| *name == "successful")
        .map(|(_, all)| all.len())
        .sum();
    let made = benchmark.scheduler_metrics.get("requests_made");
    let made = made.and_then(|made| made["successful"].as_u64());
    benchmark.config.sample_size.is_none() && made.is_none_or(|made| made == recorded as u64)
}

/// Holds the aggregates of a benchmark against its requests.
pub(super) fn benchmark(
    findings: &mut Findings,
    place: &Place<'_>,
    benchmark: &Benchmark,
    calls: &[CallReported],
) {
    if benchmark.config.sample_size.is_some() {
        findings.add(
            &place.at("config/sample_size"),
            "only a sample of the requests is recorded",
            "imported as what is there; the wall time and what rests on it are left out",
        );
    }
    let made = benchmark.scheduler_metrics.get("requests_made");
    for (name, recorded) in benchmark.requests.groups().map(|(name, all)| (name, all.len())) {
        let made = made.and_then(|made| made[name].as_u64());
        let Some(made) = made.filter(|made| *made != recorded as u64) else { continue };
        let what = format!("{made} {name} requests were made, and {recorded} are recorded");
        let place = place.at(format_args!("scheduler_metrics/requests_made/{name}"));
        findings.add(&place, what, "imported as what is recorded");
    }
    totals(findings, place, benchmark, calls);
    means(findings, place, benchmark, calls);
}

/// Holds the number of requests by how they ended against those within the measured time.
fn totals(
    findings: &mut Findings,
    place: &Place<'_>,
    benchmark: &Benchmark,
    calls: &[CallReported],
) {
    let stated = benchmark.metrics.get("request_totals");
    let counted = |is: fn(CallStatus) -> bool| {
        let counted = calls.iter().filter(|call| call.stage != Stage::Warmup);
        counted.filter(|call| is(call.status)).count() as f64
    };
    let failed = |it| !matches!(it, CallStatus::Completed | CallStatus::Cancelled);
    for (name, computed) in [
        ("successful", counted(|it| it == CallStatus::Completed)),
        ("incomplete", counted(|it| it == CallStatus::Cancelled)),
        ("errored", counted(failed)),
    ] {
        let stated = stated.and_then(|it| it[name].as_f64());
        findings.compare(&place.at("metrics/request_totals"), name, stated, Some(computed));
    }
}

/// Holds means over successful requests against them, where they are over as many. Means
/// of a time per token weigh each request by its tokens.
fn means(
    findings: &mut Findings,
    place: &Place<'_>,
    benchmark: &Benchmark,
    calls: &[CallReported],
) {
    let counted = || {
        let counted = calls.iter().filter(|call| call.stage != Stage::Warmup);
        counted.filter(|call| call.status == CallStatus::Completed)
    };
    let of = |get: &dyn Fn(&CallReported) -> Option<(f64, u64)>| {
        counted().filter_map(get).collect::<Vec<(f64, u64)>>()
    };
    let own = |call: &CallReported, name: &str, n_less: u64| {
        let tokens = call.usage.output_tokens?.saturating_sub(n_less);
        Some((call.stated.get(name).copied()?, tokens))
    };
    for (name, values) in [
        ("time_to_first_token_ms", of(&|it| Some((it.ttft_ns?.as_millis(), 1)))),
        ("request_latency", of(&|it| Some((it.e2e_ns?.as_seconds(), 1)))),
        ("inter_token_latency_ms", of(&|it| own(it, "inter_token_latency_ms", 1))),
        ("time_per_output_token_ms", of(&|it| own(it, "time_per_output_token_ms", 0))),
        ("output_token_count", of(&|it| Some((it.usage.output_tokens? as f64, 1)))),
    ] {
        let stated = benchmark.metrics.get(name).map_or(&Value::Null, |it| &it["successful"]);
        let n: u64 = values.iter().map(|(_, weight)| weight).sum();
        if n > 0 && stated["count"].as_u64() == Some(n) {
            let sum: f64 = values.iter().map(|(value, weight)| value * *weight as f64).sum();
            let place = place.at(format_args!("metrics/{name}/successful"));
            findings.compare(&place, "mean", stated["mean"].as_f64(), Some(sum / n as f64));
        }
    }
}
