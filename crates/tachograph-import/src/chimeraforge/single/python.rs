//! The agent in Python by itself: files with means only.
//!
//! Owns: what is left of calls that were averaged before they were written.

use serde_json::Value;
use tachograph_model::event::{CallMeans, WorkflowOutcome};

use super::rust::failed;
use super::{AGENT, ArmRuns, Session};
use crate::chimeraforge::call::{options, stated};
use crate::chimeraforge::check;
use crate::chimeraforge::layout::Layout;
use crate::chimeraforge::shape::{PythonArm, PythonMetrics, PythonRun, number};
use crate::chimeraforge::{Refused, place};
use crate::findings::{Findings, Place, mean};
use crate::read::json;
use crate::reported::{Measured, Part, run_reported};
use crate::snapshot::{ImportError, SourceFile};

/// Reads a file: an array of runs, each with both arms.
///
/// # Errors
///
/// As [`super::rust::session`].
pub(in crate::chimeraforge) fn sessions(
    file: &SourceFile,
) -> Result<Result<Session, Refused>, ImportError> {
    let parsed: Vec<PythonRun> = json(file)?;
    let path = &*file.path;
    let root = Place::new(path, "");
    let Some(first) = parsed.first() else {
        return Err(root.error("the list of runs is empty"));
    };
    let mut findings = Findings::default();
    let mut arms = Vec::new();
    for (name, other, get) in [
        ("baseline", "chimera", (|run| &run.baseline_results) as fn(&PythonRun) -> &PythonArm),
        ("chimera", "baseline", |run| &run.chimera_results),
    ] {
        let mut runs = Vec::new();
        for (at, run) in parsed.iter().enumerate() {
            let place = root.at(at).at(format!("{name}_results"));
            let arm = get(run);
            if is_impossible(arm) {
                return Ok(Err(Refused::impossible()));
            }
            runs.push(self::run(&mut findings, &place, arm)?);
            if arm.metrics.model != first.baseline_results.metrics.model {
                return Err(place.at("metrics/model").error(format!(
                    "{} is another model than the {other} arm's or another run's",
                    arm.metrics.model
                )));
            }
        }
        let place = root.at(0).at(format!("{name}_results/metrics/configuration"));
        let raw = get(first).metrics.configuration.as_ref();
        for (at, run) in parsed.iter().enumerate() {
            if get(run).metrics.configuration.as_ref() != raw {
                return Err(root.at(at).error("the runs of one file send different options"));
            }
        }
        let options = options(&place, raw)?;
        let means = [mean_of(&parsed, get, RATE), mean_of(&parsed, get, TTFT)];
        arms.push(ArmRuns { options, runs, means });
    }
    for (at, run) in parsed.iter().enumerate() {
        if let Some(number) = run.run_number {
            root.at(at).run_number("run_number", number)?;
        }
        let of =
            |arm: &PythonArm| [RATE, TTFT].map(|name| number(&arm.metrics.aggregate_metrics, name));
        let place = root.at(at).at("performance_delta");
        let arms = [of(&run.baseline_results), of(&run.chimera_results)];
        check::delta(&mut findings, &place, &run.performance_delta, arms[0], arms[1]);
    }
    let [baseline, chimera] = [&first.baseline_results, &first.chimera_results].map(begin);
    let is_baseline_first = baseline <= chimera;
    let at = baseline.min(chimera).unwrap_or_default();
    let model = first.baseline_results.metrics.model.clone();
    let Ok(arms) = <[ArmRuns; 2]>::try_from(arms) else {
        return Err(root.error("the file does not have two arms"));
    };
    Ok(Ok(Session {
        source: file.listed(),
        beside: Vec::new(),
        layout: Layout::PythonSingle,
        folder: place::single(path),
        model,
        language: None,
        at,
        arms,
        is_baseline_first,
        findings,
    }))
}

const RATE: &str = "average_tokens_per_second";
const TTFT: &str = "average_ttft_ms";
const TOKENS: &str = "total_tokens_generated";

fn mean_of(runs: &[PythonRun], get: fn(&PythonRun) -> &PythonArm, name: &str) -> Option<f64> {
    let values: Option<Vec<f64>> =
        runs.iter().map(|run| number(&get(run).metrics.aggregate_metrics, name)).collect();
    mean(&values?)
}

/// Returns when an arm began, as it is written.
fn begin(arm: &PythonArm) -> Option<String> {
    let of = |value: &Value| Some(value.get("start_time")?.as_str()?.to_owned());
    arm.start_time.clone().or_else(|| of(&arm.metrics.execution_summary))
}

/// Returns how long the agent took, in seconds.
fn wall_s(arm: &PythonArm) -> Option<f64> {
    let of = |value: &Value| value.get("duration_seconds")?.as_f64();
    arm.execution_time.or_else(|| of(&arm.metrics.execution_summary))
}

/// Returns whether the server says that it worked longer than the agent existed.
fn is_impossible(arm: &PythonArm) -> bool {
    let server_ms = number(&arm.metrics.aggregate_metrics, "total_duration_ms");
    matches!((server_ms, wall_s(arm)), (Some(server), Some(wall)) if server > wall * 1050.0)
}

fn run(
    findings: &mut Findings,
    place: &Place<'_>,
    arm: &PythonArm,
) -> Result<Measured, ImportError> {
    let mut part = Part::new(AGENT, Vec::new());
    means(findings, &place.at("metrics"), &mut part, &arm.metrics)?;
    part.reported.wall_ns =
        wall_s(arm).map(|it| place.seconds("execution_time", it)).transpose()?;
    part.reported.stated = further(&arm.metrics);
    let mut reported = run_reported(place.path, place.pointer.clone());
    reported.at = begin(arm);
    reported.at_is =
        reported.at.as_ref().map(|_| "the begin of the arm, local time without a zone".to_owned());
    let n_files = arm
        .benchmark_data_count
        .or_else(|| number(&arm.analysis.performance_metrics, "total_files_analyzed"));
    if let Some(count) = n_files {
        reported.stated.insert("benchmark_data_count".to_owned(), count);
        if count < 1.0 {
            findings.add(
                &Place::new(place.path, ""),
                "the agent read no file of its input, as the source counts: its prompts are not \
                 those of an agent that did",
                "imported; not to be compared with the agent in Rust",
            );
        }
    }
    Ok(Measured { reported, parts: vec![part] })
}

/// Gives an agent the means that it states. A mean rate of zero is that of calls of which
/// none has its final record.
pub(in crate::chimeraforge) fn means(
    findings: &mut Findings,
    place: &Place<'_>,
    part: &mut Part,
    metrics: &PythonMetrics,
) -> Result<(), ImportError> {
    let numbers = &metrics.aggregate_metrics;
    let place = place.at("aggregate_metrics");
    let (name, n_calls) = ["total_requests", "request_count"]
        .into_iter()
        .find_map(|name| Some((name, number(numbers, name)?)))
        .ok_or_else(|| place.error("it does not say how many calls were averaged"))?;
    let n_calls = place.count(name, n_calls)?;
    let get = |name: &str| number(numbers, name).map(|it| place.rate(name, it)).transpose();
    let rate = get(RATE)?;
    let ttft_ms = get(TTFT)?;
    let tokens = number(numbers, TOKENS).map(|it| place.count(TOKENS, it)).transpose()?;
    if rate.is_some_and(|rate| rate < 1.0) {
        failed(findings, &place, None);
        part.reported.outcome = WorkflowOutcome::CallFailed;
    } else {
        part.reported.means =
            Some(CallMeans { n_calls, ttft_ms, server_decode_rate: rate, output_tokens: tokens });
    }
    Ok(())
}

/// Returns further numbers of an agent in Python.
pub(in crate::chimeraforge) fn further(
    metrics: &PythonMetrics,
) -> std::collections::BTreeMap<String, f64> {
    let names = ["total_duration_ms", "p95_ttft_ms", "p95_tokens_per_second"];
    stated(&metrics.aggregate_metrics, &names)
}
