//! The agent in Rust by itself: files with calls.
//!
//! Owns: runs from calls, and the copies and sums that such a file also holds.

use std::collections::BTreeMap;

use tachograph_model::event::Stage;

use super::{AGENT, ArmRuns, Session};
use crate::chimeraforge::call::{
    Texts, implementation, is_failed, is_impossible, options, reported, stage, workflow,
};
use crate::chimeraforge::check;
use crate::chimeraforge::layout::Layout;
use crate::chimeraforge::shape::{Arm, Call, Measures, SingleFile, WorkflowRun};
use crate::chimeraforge::{Refused, place};
use crate::findings::{Findings, Place, agree};
use crate::read::json;
use crate::reported::{Measured, Part, run_reported};
use crate::snapshot::{ImportError, SourceFile};

/// Reads a file with both arms.
///
/// # Errors
///
/// The file is not what its layout promises. A file that is what it promises and no
/// measurement is refused with the reason.
pub(in crate::chimeraforge) fn session(
    file: &SourceFile,
    layout: Layout,
) -> Result<Result<Session, Refused>, ImportError> {
    let parsed: SingleFile = json(file)?;
    let path = &*file.path;
    if let Some(refused) = refusal(&parsed) {
        return Ok(Err(refused));
    }
    let mut findings = Findings::default();
    let language = parsed.language.as_deref().unwrap_or("unknown");
    let baseline = arm(&mut findings, &Place::new(path, "/baseline"), &parsed.baseline, language)?;
    let chimera = arm(&mut findings, &Place::new(path, "/chimera"), &parsed.chimera, language)?;
    let delta = Place::new(path, "/delta");
    check::delta(&mut findings, &delta, &parsed.delta, baseline.means, chimera.means);
    if parsed.baseline.model != parsed.chimera.model {
        return Err(Place::new(path, "/chimera/model").error(format!(
            "the arms are of two models, {} and {}, which is no comparison of options",
            parsed.baseline.model, parsed.chimera.model
        )));
    }
    let at = parsed.timestamp.or(parsed.chimera.timestamp).unwrap_or_default();
    Ok(Ok(Session {
        source: file.listed(),
        beside: Vec::new(),
        layout,
        folder: place::single(path),
        model: parsed.baseline.model,
        language: parsed.language,
        at: at.trim_end_matches('Z').to_owned(),
        arms: [baseline, chimera],
        is_baseline_first: true,
        findings,
    }))
}

/// Returns why a file is no measurement, if it is none.
fn refusal(file: &SingleFile) -> Option<Refused> {
    let arms = [&file.baseline, &file.chimera];
    let all = || arms.into_iter().flat_map(measures);
    if all().any(is_impossible) {
        return Some(Refused::impossible());
    }
    let has_texts = arms.iter().any(|arm| arm.llm_calls.is_some());
    (!has_texts && all().all(is_failed)).then(Refused::old_parser)
}

fn measures(arm: &Arm) -> Vec<&Measures> {
    match (&arm.llm_calls, &arm.individual_runs) {
        (Some(calls), _) => calls.iter().map(|call| &call.metrics).collect(),
        (None, Some(runs)) => runs.iter().collect(),
        (None, None) => Vec::new(),
    }
}

fn arm(
    findings: &mut Findings,
    place: &Place<'_>,
    arm: &Arm,
    language: &str,
) -> Result<ArmRuns, ImportError> {
    let measures = measures(arm);
    if measures.is_empty() {
        return Err(place.error("the arm has no calls: give the file as its program wrote it"));
    }
    check::aggregate(findings, place, &arm.aggregate_metrics, &measures);
    let mut runs = match &arm.llm_calls {
        Some(calls) => runs_of_calls(findings, place, calls, &arm.workflow_runs)?,
        None => single_calls(place, arm.individual_runs.as_deref().unwrap_or_default())?,
    };
    if let Some(stated) = arm.runs
        && !agree(stated, runs.len() as f64)
    {
        let what = format!("{stated} runs are stated, and there are {}", runs.len());
        findings.add(&place.at("runs"), what, "the runs that are there are imported");
    }
    for run in &mut runs {
        run.reported.at.clone_from(&arm.timestamp);
        run.reported.at_is = arm.timestamp.as_ref().map(|_| "the end of the arm, UTC".to_owned());
        for part in &mut run.parts {
            part.reported.implementation = implementation(language, arm.system_info.as_ref());
            part.on(super::SERVER);
        }
    }
    let options = options(&place.at("configuration"), arm.configuration.as_ref())?;
    Ok(ArmRuns { options, runs, means: check::means(&measures) })
}

/// Returns the runs of an arm that lists its calls with the number of their run.
fn runs_of_calls(
    findings: &mut Findings,
    place: &Place<'_>,
    calls: &[Call],
    workflows: &[WorkflowRun],
) -> Result<Vec<Measured>, ImportError> {
    let list = place.at("llm_calls");
    let mut by_run: BTreeMap<u32, Vec<_>> = BTreeMap::new();
    for (at, call) in calls.iter().enumerate() {
        let place = list.at(at);
        let number = call.run_number.ok_or_else(|| place.error("the call has no `run_number`"))?;
        let of_run = by_run.entry(place.run_number("run_number", number)?).or_default();
        let stage = stage(call.stage.as_deref());
        let metrics = place.at("metrics");
        let reported = reported(&metrics, of_run.len(), stage, &call.metrics, Texts::of(call))?;
        if is_failed(&call.metrics) {
            failed(findings, &metrics, call.response.as_deref());
        }
        of_run.push(reported);
    }
    let copies: Vec<&Call> = workflows.iter().flat_map(|it| &it.llm_calls).collect();
    if !copies.is_empty() && !copies.iter().copied().eq(calls) {
        findings.add(
            &place.at("workflow_runs"),
            "its copy of the calls is not equal to `llm_calls`",
            "`llm_calls` is imported",
        );
    }
    let mut runs = Vec::new();
    for (number, calls) in by_run {
        let mut part = Part::new(AGENT, calls);
        let mut pointer = list.pointer.clone();
        let mut reported = None;
        for (at, it) in workflows.iter().enumerate() {
            let place = place.at("workflow_runs").at(at);
            if place.run_number("run_number", it.run_number)? != number {
                continue;
            }
            pointer.clone_from(&place.pointer);
            let (wall_ns, stages) = workflow(&place.at("workflow"), &it.workflow)?;
            part.reported.wall_ns = wall_ns;
            part.reported.stages = stages;
            reported = it.benchmark_data_count;
        }
        let mut run = Measured { reported: run_reported(place.path, pointer), parts: vec![part] };
        if let Some(count) = reported {
            run.reported.stated.insert("benchmark_data_count".to_owned(), count);
        }
        runs.push(run);
    }
    Ok(runs)
}

/// Returns the runs of an arm with one call each, whose stage is not recorded.
fn single_calls(place: &Place<'_>, all: &[Measures]) -> Result<Vec<Measured>, ImportError> {
    let list = place.at("individual_runs");
    let run = |(at, measures): (usize, &Measures)| {
        let place = list.at(at);
        let call = reported(&place, 0, Stage::Other, measures, Texts::default())?;
        let part = Part::new(AGENT, vec![call]);
        let reported = run_reported(place.path, place.pointer.clone());
        Ok(Measured { reported, parts: vec![part] })
    };
    all.iter().enumerate().map(run).collect()
}

/// Lists a call without its final record.
pub(in crate::chimeraforge) fn failed(
    findings: &mut Findings,
    place: &Place<'_>,
    response: Option<&str>,
) {
    let answer = response.map_or_else(String::new, |text| {
        format!(", although {} characters were answered", text.chars().count())
    });
    findings.add(
        place,
        format!("tokens, server durations and rate are zero{answer}: the final record is missing"),
        "kept as a failed call; zero is not its speed",
    );
}
