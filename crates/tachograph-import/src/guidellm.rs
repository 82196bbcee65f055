//! `GuideLLM`'s `benchmarks.json`.
//!
//! Owns: which of its instants our definitions are taken from. Its time per output token
//! counts the first token and its inter-token latency is a mean, so neither becomes ours:
//! both are kept as stated, and held against its own instants.
//!
//! Does not: read reports of other versions than 2, or its tables.

mod check;
mod shape;

use std::collections::BTreeMap;

use tachograph_model::event::{CallReported, CallStatus, Stage, Usage};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::imported::ImportKind;
use tachograph_model::plan::{Api, Metric};

use crate::bench::{
    Execution, NO_LOADING, Reading, Subject, Tool, between, client, level, numbered,
};
use crate::failure;
use crate::findings::{Findings, Place, Repeated};
use crate::read::json;
use crate::reported::{Measured, bare_call, run_reported};
use crate::snapshot::{ImportError, Snapshot, SourceFile};
use crate::sniff::{self, Holds};
use shape::{Benchmark, Record, Report, Timings};

const TOOL: Tool = Tool {
    kind: ImportKind::Guidellm,
    layout: "GuideLLM: a file per execution, a benchmark for each rate, every request with its instants",
    question: "What do the points that GuideLLM measured give?",
    order: "Within a file, one benchmark after the other, in the order of the file; files one after \
            the other, by the begin of their first benchmark. Nothing was randomised: rate and time \
            are confounded. Benchmarks of one file share a block.",
    metric: Metric::OutputThroughput,
};

const NOT_RECORDED: [&str; 6] = [
    NO_LOADING,
    "When single chunks arrived is not recorded, only the first and the last with content and their \
     number: gaps between chunks are unknown, and what the source calls inter-token latency is a \
     mean over a request.",
    "Whether a request opened a new connection, and how long that took, is not recorded.",
    "Instants are of the real-time clock in seconds, rounded to about a quarter of a microsecond; \
     whether that clock was stepped is not recorded.",
    "Whether a number of tokens is the server's or was counted by the source is not recorded, nor \
     whether an answer ended with its final record: one that the server broke off counts as completed.",
    "The server's version, the model's digest and quantisation, and the machine are not recorded.",
];

/// Imports reports, each of which is a session.
///
/// # Errors
///
/// A file is cut off, or is a report of another version.
pub(crate) fn import(files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let mut reading = Reading::default();
    for file in files {
        match sniff::holds(file)? {
            Holds::Kind(ImportKind::Guidellm) => read(&mut reading, file)?,
            other => reading.leave_out(&file.path, sniff::not_of(ImportKind::Guidellm, other)),
        }
    }
    Ok(reading.snapshot(&TOOL))
}

fn read(reading: &mut Reading, file: &SourceFile) -> Result<(), ImportError> {
    let version: shape::Versioned = json(file)?;
    if version.metadata.version != Some(2) {
        let found = version.metadata.version.map_or("none".to_owned(), |it| it.to_string());
        return Err(ImportError::new(
            &file.path,
            "/metadata/version",
            format!(
                "this program reads reports of version 2, as GuideLLM 0.8 writes them, not {found}: \
                 run the benchmark again with a current GuideLLM"
            ),
        ));
    }
    let report: Report = json(file)?;
    if report.benchmarks.is_empty() {
        reading.leave_out(&file.path, "a report without any benchmark");
    }
    let workload = report.config.as_ref().map(shape::Scenario::workload).unwrap_or_default();
    for (at, benchmark) in report.benchmarks.iter().enumerate() {
        let place = Place::new(&file.path, format!("/benchmarks/{at}"));
        reading.executions.push(execution(file, &place, &report, benchmark, &workload)?);
    }
    Ok(())
}

fn execution(
    file: &SourceFile,
    place: &Place<'_>,
    report: &Report,
    benchmark: &Benchmark,
    workload: &str,
) -> Result<Execution, ImportError> {
    let mut findings = Findings::default();
    let subject = subject(&mut findings, place, benchmark);
    let calls = calls(&mut findings, place, benchmark)?;
    check::benchmark(&mut findings, place, benchmark, &calls);
    let is_whole = check::is_whole(benchmark);
    let mut reported = run_reported(&file.path, place.pointer.clone());
    reported.at = benchmark.start_time.map(|at| at.to_string());
    reported.at_is =
        reported.at.as_ref().map(|_| "the first request, in seconds since 1970".to_owned());
    reported.wall_ns = if is_whole { wall(&mut findings, place, benchmark) } else { None };
    reported.stated =
        benchmark.duration.map(|it| ("duration".to_owned(), it)).into_iter().collect();
    let implementation = format!("GuideLLM {}", report.metadata.guidellm_version);
    let part = client(implementation, calls);
    let begin = benchmark.start_time.unwrap_or_default().clamp(0.0, 1e12) * 1e6;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    let at = begin as u64;
    Ok(Execution {
        sources: vec![file.listed()],
        session: file.path.clone(),
        at,
        subject,
        levels: levels(report, benchmark),
        workload: workload.to_owned(),
        measured: Measured { reported, parts: vec![part] },
        findings,
        not_recorded: NOT_RECORDED.to_vec(),
    })
}

fn subject(findings: &mut Findings, place: &Place<'_>, benchmark: &Benchmark) -> Subject {
    let backend = benchmark.config.backend.as_ref();
    let get = |get: fn(&shape::Backend) -> Option<&String>| backend.and_then(get).map(|it| &**it);
    let route = get(|it| it.request_format.as_ref());
    let api = match route {
        Some(route) if route.ends_with("/v1/completions") => Api::OpenaiCompletions,
        Some(route) if route.ends_with("/v1/chat/completions") => Api::OpenaiChat,
        other => {
            let what = match other {
                Some(route) => format!("the route {route} is not one that Tachograph speaks"),
                None => "the route is not stated".to_owned(),
            };
            findings.add(&place.at("config/backend"), what, "listed as OpenAI's chat");
            Api::OpenaiChat
        }
    };
    let model = get(|it| it.model.as_ref()).unwrap_or("not-recorded");
    Subject::new(api, model, get(|it| it.target.as_ref()))
}

/// Returns the strategy and its numbers, and the lengths that were asked for.
fn levels(report: &Report, benchmark: &Benchmark) -> Options {
    /// What follows from the others or from the machine.
    const DERIVED: [&str; 3] = ["type_", "worker_count", "max_concurrency"];
    let mut levels = Options::new();
    let strategy = &benchmark.config.strategy;
    if let Some(OptionValue::Text(name)) = strategy.get("type_").and_then(level) {
        levels.insert("strategy".to_owned(), OptionValue::Text(name));
    }
    for (name, value) in strategy {
        let is_off = value.as_f64().is_some_and(|it| it.abs() <= 0.0);
        if !DERIVED.contains(&&**name)
            && !is_off
            && let Some(value) = level(value)
        {
            levels.insert(name.clone(), value);
        }
    }
    levels.extend(report.config.as_ref().map(shape::Scenario::lengths).unwrap_or_default());
    levels
}

/// Returns every request that is recorded, in the order in which they were sent.
fn calls(
    findings: &mut Findings,
    place: &Place<'_>,
    benchmark: &Benchmark,
) -> Result<Vec<CallReported>, ImportError> {
    let begin = begin(benchmark);
    let mut repeated = Repeated::default();
    let mut calls = Vec::new();
    for (name, requests) in benchmark.requests.groups() {
        for (at, request) in requests.iter().enumerate() {
            let place = place.at(format_args!("requests/{name}/{at}"));
            let mut own = Findings::default();
            let mut call = call(&mut own, &place, name, request)?;
            check::request(&mut own, &place, request, &call);
            repeated.take(own);
            call.sent_after_ns = between(
                &mut Findings::default(),
                &place,
                "the time since the first request",
                begin,
                request.info.timings.start(),
            );
            if is_outside(benchmark, request) {
                call.stage = Stage::Warmup;
            }
            calls.push(call);
        }
    }
    repeated.into_findings(findings);
    Ok(numbered(calls))
}

fn call(
    findings: &mut Findings,
    place: &Place<'_>,
    group: &str,
    request: &Record,
) -> Result<CallReported, ImportError> {
    let timings: &Timings = &request.info.timings;
    let place_of = place.at("info/timings");
    let mut since = |what: &str, from: Option<f64>, to: Option<f64>| {
        between(findings, &place_of, what, from, to)
    };
    let sent = timings.request_start;
    let error = request.info.error.as_deref().map(failure::last_line);
    let (status, http_status) = match group {
        "successful" => (CallStatus::Completed, None),
        "incomplete" => (CallStatus::Cancelled, None),
        _ => failure::status(error.unwrap_or_default()),
    };
    let ttft_ns = since("the time to the first token", sent, timings.first_token_iteration);
    let to_first_chunk =
        since("the time to the first chunk", sent, timings.first_request_iteration);
    let e2e_ns = since("the end-to-end latency", sent, timings.request_end);
    let decode_ns =
        since("the decode time", timings.first_token_iteration, timings.last_token_iteration)
            .filter(|_| timings.token_iterations.is_some_and(|n| n > 1));
    let count =
        |name: &str, value: Option<f64>| value.map(|value| place.count(name, value)).transpose();
    let usage = Usage {
        prompt_tokens: count("input_metrics/total_tokens", request.input_metrics.total_tokens)?,
        cached_prompt_tokens: count(
            "input_metrics/cached_tokens",
            request.input_metrics.cached_tokens,
        )?,
        output_tokens: count("output_metrics/total_tokens", request.output_metrics.total_tokens)?,
    };
    Ok(CallReported {
        status,
        error: error.map(str::to_owned),
        http_status,
        ttft_ns,
        ttfc_ns: to_first_chunk,
        e2e_ns,
        decode_ns,
        usage,
        request: request.request_args.clone(),
        answer: request.output.clone(),
        stated: stated(request),
        ..bare_call(0, Stage::Other)
    })
}

/// Returns what the source derives for a request by definitions of its own.
fn stated(request: &Record) -> BTreeMap<String, f64> {
    [
        ("time_per_output_token_ms", request.time_per_output_token_ms),
        ("inter_token_latency_ms", request.inter_token_latency_ms),
        ("time_to_first_output_token_ms", request.time_to_first_output_token_ms),
        ("request_dispatch_delay", request.request_dispatch_delay),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|it| it.is_finite())?)))
    .collect()
}

/// Returns whether a request lies outside of the time that the source measures: in its
/// warm-up or its cool-down.
fn is_outside(benchmark: &Benchmark, request: &Record) -> bool {
    let timings = &request.info.timings;
    let (start, end) = (timings.start(), timings.end());
    let is_before = benchmark.start_time.zip(end).is_some_and(|(begin, end)| end < begin);
    let is_after = benchmark.end_time.zip(start).is_some_and(|(close, start)| start > close);
    is_before || is_after
}

/// Returns when the first request was sent that is recorded.
fn begin(benchmark: &Benchmark) -> Option<f64> {
    let requests = benchmark.requests.groups().flat_map(|(_, all)| all);
    requests.filter_map(|request| request.info.timings.start()).reduce(f64::min)
}

/// Returns the time from the first request to the last answer of those that count.
fn wall(
    findings: &mut Findings,
    place: &Place<'_>,
    benchmark: &Benchmark,
) -> Option<tachograph_model::units::DurationNs> {
    let counted = || {
        let requests = benchmark.requests.groups().flat_map(|(_, all)| all);
        requests.filter(|request| !is_outside(benchmark, request)).map(|it| &it.info.timings)
    };
    let first = counted().filter_map(Timings::start).reduce(f64::min);
    let last = counted().filter_map(Timings::end).reduce(f64::max);
    between(findings, place, "the wall time", first, last)
}
