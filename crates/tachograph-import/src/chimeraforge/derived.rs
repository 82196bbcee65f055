//! Files that others derived from the runs: summaries, an index of them, copies.
//!
//! Owns: holding their numbers against the runs that they name. What disagrees is a defect
//! of the study; the files themselves are left out.
//!
//! Does not: read tables; [`super::table`] does.

use serde_json::Value;

use super::Reading;
use super::joint::Joint;
use super::layout::Layout;
use super::place::{parents, scenario};
use super::shape::{ExtractEntry, IndexFile, Numbers, SummaryFile, number};
use crate::findings::{Findings, NOT_USED, Place, mean};
use crate::read::{json, without_bom};
use crate::snapshot::{ImportError, SourceFile};

/// The averages of a summary, and the number of a run that each is of.
const AVERAGES: [(&str, &str, f64); 7] = [
    ("average_concurrency_speedup", "concurrency_speedup", 1.0),
    ("average_efficiency", "concurrency_speedup", 50.0),
    ("average_throughput_delta", "throughput_delta", 1.0),
    ("average_ttft_delta_ms", "ttft_delta_ms", 1.0),
    ("average_wall_time", "concurrent_wall_time", 1.0),
    ("baseline_throughput", "baseline_throughput", 1.0),
    ("chimera_throughput", "chimera_throughput", 1.0),
];

/// What came of holding a file against the runs.
#[derive(Debug, Default)]
pub(super) struct Verdict {
    pub(super) findings: Findings,
    /// How many runs it was held against.
    pub(super) n_runs: usize,
    /// The first run that it is about.
    pub(super) first: Option<String>,
}

/// Holds a derived file against the runs.
///
/// # Errors
///
/// The file is not what its layout promises.
pub(super) fn check(
    reading: &Reading,
    file: &SourceFile,
    layout: Layout,
) -> Result<Verdict, ImportError> {
    let mut verdict = Verdict::default();
    let root = Place::new(&file.path, "");
    match layout {
        Layout::Summary => {
            let folder = parents(&file.path);
            let joints: Vec<&Joint> =
                reading.joints.iter().filter(|it| is_run_of(it, &folder)).collect();
            summary(&mut verdict, &root, &json(file)?, &joints);
        }
        Layout::Index => {
            let index: IndexFile = json(file)?;
            for (at, entry) in index.test_results.iter().enumerate() {
                let name = entry.output_dir.as_deref().and_then(|it| it.rsplit(['/', '\\']).next());
                let (Some(name), Some(of_test)) = (name, &entry.summary) else { continue };
                let joints = reading.joints.iter();
                let joints = joints.filter(|it| it.folder.name.as_deref() == Some(name));
                let joints: Vec<&Joint> = one_study(joints.collect());
                let place = root.at("test_results").at(at).at("summary");
                summary(&mut verdict, &place, of_test, &joints);
            }
        }
        Layout::Extract => {
            let entries: Vec<ExtractEntry> = json(file)?;
            for (at, entry) in entries.iter().enumerate() {
                let wanted = entry.path.replace('\\', "/");
                let of_path = |it: &&Joint| ends_with(&wanted, &it.source.path);
                let Some(joint) = reading.joints.iter().find(of_path) else { continue };
                let data = &entry.data;
                let stated = if data.summary.is_empty() { &data.rest } else { &data.summary };
                verdict.about(joint);
                run(&mut verdict.findings, &root.at(at).at("Data"), stated, joint);
            }
        }
        _ => {}
    }
    if without_bom(&file.bytes).1 {
        let what = "the file begins with a byte order mark, which JSON does not allow";
        verdict.findings.add(&root, what, "passed over");
    }
    Ok(verdict)
}

/// Returns whether a name says that a file holds what others derived, for a file that
/// cannot be read to the end.
pub(super) fn is_called_derived(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ["summary.json", "test_execution_log.json", "all_metrics_extracted.json"]
        .into_iter()
        .any(|derived| name.ends_with(derived))
}

/// Returns whether one path ends in the other, whichever begins further up.
fn ends_with(one: &str, other: &str) -> bool {
    let (longer, shorter) = if one.len() < other.len() { (other, one) } else { (one, other) };
    longer.strip_suffix(shorter).is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

/// Returns whether a run lies in a folder of its own below `folder`.
fn is_run_of(joint: &Joint, folder: &[String]) -> bool {
    parents(&joint.source.path).split_last().is_some_and(|(_, above)| above == folder)
}

/// Returns the runs of the study that has most of them: names of tests recur.
fn one_study(joints: Vec<&Joint>) -> Vec<&Joint> {
    let of = |study: &[String]| joints.iter().filter(|it| it.folder.results == study).count();
    let Some(most) = joints.iter().max_by_key(|it| of(&it.folder.results)) else { return joints };
    let study = most.folder.results.clone();
    joints.into_iter().filter(|it| it.folder.results == study).collect()
}

impl Verdict {
    fn about(&mut self, joint: &Joint) {
        self.n_runs += 1;
        self.first.get_or_insert_with(|| joint.source.path.clone());
    }
}

fn summary(verdict: &mut Verdict, place: &Place<'_>, summary: &SummaryFile, joints: &[&Joint]) {
    let Some(first) = joints.first() else { return };
    let findings = &mut verdict.findings;
    for (at, stated) in summary.runs.iter().enumerate() {
        let place = place.at("runs").at(at);
        let number = number(stated, "run_number");
        let joint = joints.iter().find(|it| Some(f64::from(it.number)) == number);
        match joint {
            Some(joint) => run(findings, &place, stated, joint),
            None => findings.add(&place, "it summarises a run that is not there", NOT_USED),
        }
    }
    if summary.runs.len() < joints.len() {
        let what =
            format!("{} runs are summarised, and {} are there", summary.runs.len(), joints.len());
        findings.add(&place.at("runs"), what, NOT_USED);
    }
    let place_of_means = place.at("aggregate");
    for (name, of, factor) in AVERAGES {
        let all: Vec<f64> =
            joints.iter().filter_map(|it| Some(factor * number(&it.numbers, of)?)).collect();
        findings.compare(&place_of_means, name, number(&summary.aggregate, name), mean(&all));
    }
    let flagged = joints.iter().filter(|it| it.run.reported.legacy_flag == Some(true)).count();
    let name = "contention_detected_runs";
    let stated = number(&summary.aggregate, name);
    findings.compare(&place_of_means, name, stated, Some(flagged as f64));
    if let Some(stated) = summary.scenario.as_deref()
        && scenario(stated) != Some(first.scenario)
    {
        let what = format!("`{stated}` is stated, and its runs are {}", first.scenario);
        findings.add(&place.at("scenario"), what, "the runs' scenario is kept");
    }
    for joint in joints {
        verdict.about(joint);
    }
}

/// Holds what a summary states of one run against what the run's file states.
fn run(findings: &mut Findings, place: &Place<'_>, stated: &Numbers, joint: &Joint) {
    for (name, stated) in stated {
        let Some(own) = joint.numbers.get(name) else { continue };
        findings.compare(place, name, stated.as_f64(), own.as_f64());
        if let (Value::Bool(stated), Value::Bool(own)) = (stated, own)
            && stated != own
        {
            findings.add(
                &place.at(name),
                format!("{stated} is stated, and the run says {own}"),
                NOT_USED,
            );
        }
    }
}
