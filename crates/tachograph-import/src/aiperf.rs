//! `AIPerf`'s `profile_export.jsonl`, and the summary beside it.
//!
//! Owns: which files belong together, phases, and which of its metrics are ours. Its times
//! begin before a connection is set up, and ours after: where it says how long that took,
//! that is taken off. Its own count of tokens is not the server's, and is kept as stated.

mod check;
mod record;
mod summary;

use std::collections::BTreeMap;

use tachograph_model::event::{CallMeans, CallReported, RunReported, Stage, WorkflowOutcome};
use tachograph_model::plan::imported::ImportKind;
use tachograph_model::plan::{Api, Metric};

use crate::bench::{Execution, NO_LOADING, Reading, Subject, Tool, client, numbered};
use crate::findings::{Findings, Place};
use crate::read::{json, since, values};
use crate::reported::{Measured, run_reported};
use crate::snapshot::{ImportError, Snapshot, SourceFile};
use crate::sniff::{self, Holds};
use record::{Record, Sent};
use summary::Summary;

const TOOL: Tool = Tool {
    kind: ImportKind::Aiperf,
    layout: "AIPerf: a folder per execution, a line for each request, and a summary",
    question: "What do the points that AIPerf measured give?",
    order: "Phases of one execution one after the other; executions one after the other, by their \
            first request. Nothing was randomised: configuration and time are confounded. Phases of \
            one execution share a block.",
    metric: Metric::OutputThroughput,
};

const NOT_RECORDED: [&str; 5] = [
    NO_LOADING,
    "Prompts and answers are not recorded in the files that are read, nor why the server stopped.",
    "The end of a stream is not recorded, only the last message of it; of a request that failed, \
     mostly not even that.",
    "Whether an answer ended with its final record is not recorded: it is taken from whether the \
     server's token count is there.",
    "The server's version, the model's digest and quantisation, and the machine are not recorded.",
];
const NO_SUMMARY: &str = "The summary of the execution is not among the files: the model, the \
                          server's address, and what was asked for are not recorded.";
const NO_USAGE: &str = "The server's own token counts are not recorded; the source's count by a \
                        tokenizer of its own is kept as stated.";
const NO_CONNECTING: &str = "How long connections took to be set up is not recorded: that time is \
                             inside the times of the requests that opened one.";
const NO_RECORDS: &str = "Requests are not recorded, only means over them: failed and slow ones \
                          cannot be told apart, and nothing is known of one request.";

/// The files of one execution.
#[derive(Default)]
struct Folder<'a> {
    records: Vec<&'a SourceFile>,
    summaries: Vec<&'a SourceFile>,
}

/// Imports executions, each of which is a folder.
///
/// # Errors
///
/// A file is cut off, or a record is not what it is called.
pub(crate) fn import(files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let mut reading = Reading::default();
    let mut folders: BTreeMap<&str, Folder<'_>> = BTreeMap::new();
    for file in files {
        let folder = folders.entry(folder_of(&file.path)).or_default();
        match sniff::holds(file)? {
            Holds::AiperfRecords => folder.records.push(file),
            Holds::Kind(ImportKind::Aiperf) => folder.summaries.push(file),
            other => reading.leave_out(&file.path, sniff::not_of(ImportKind::Aiperf, other)),
        }
    }
    let with_records: Vec<&str> = folders
        .iter()
        .filter(|(_, files)| !files.records.is_empty())
        .map(|(path, _)| *path)
        .collect();
    for (path, files) in &folders {
        let is_inside = |outer: &&str| {
            outer.is_empty() || path.strip_prefix(*outer).is_some_and(|it| it.starts_with('/'))
        };
        if files.records.is_empty() && with_records.iter().any(is_inside) {
            for file in &files.summaries {
                reading.leave_out(&file.path, "the summary of a part of what the records hold");
            }
            continue;
        }
        read(&mut reading, files)?;
    }
    Ok(reading.snapshot(&TOOL))
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Returns the name of an export without what its kind adds: `run7` of `run7_aiperf.json`.
fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let name = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    name.strip_suffix("_aiperf").unwrap_or(name)
}

/// Reads the executions of one folder.
fn read(reading: &mut Reading, files: &Folder<'_>) -> Result<(), ImportError> {
    let mut summaries = files.summaries.clone();
    for records in &files.records {
        let is_alone = files.records.len() == 1 && summaries.len() == 1;
        let own = summaries.iter().position(|it| is_alone || stem(&it.path) == stem(&records.path));
        let summary = own.map(|at| summaries.remove(at));
        with_records(reading, records, summary)?;
    }
    for file in summaries {
        let summary: Summary = json(file)?;
        reading.executions.push(without_records(file, &summary)?);
    }
    Ok(())
}

/// Reads an execution whose requests are recorded: a run for each phase that is no warm-up.
fn with_records(
    reading: &mut Reading,
    file: &SourceFile,
    summary_file: Option<&SourceFile>,
) -> Result<(), ImportError> {
    let summary: Option<Summary> = summary_file.map(json).transpose()?;
    let mut phases: BTreeMap<String, Vec<(Place<'_>, Record)>> = BTreeMap::new();
    let mut warmup = Vec::new();
    for (line, record) in values::<Record>(file)? {
        let place = Place::new(&file.path, format!("line {line}"));
        if record.metadata.is_warmup() {
            warmup.push((place, record));
        } else {
            let name = record.metadata.phase().to_owned();
            phases.entry(name).or_default().push((place, record));
        }
    }
    let is_one = phases.len() == 1;
    for (phase, records) in phases {
        let mut findings = Findings::default();
        let usage = record::has_usage(&records);
        let mut sent = Vec::new();
        for (place, record) in warmup.drain(..).chain(records) {
            let sent_one = record::sent(&mut findings, &place, &record, usage)?;
            sent.push(sent_one);
        }
        if let (Some(summary), Some(summary_file), true) = (&summary, summary_file, is_one) {
            check::summary(&mut findings, &Place::new(&summary_file.path, ""), summary, &sent);
        }
        let mut reported = run_reported(&file.path, String::new());
        let first = sent.iter().map(|it| it.began_ns).min().unwrap_or_default();
        timed(&mut reported, summary.as_ref(), &sent);
        let mut not_recorded = NOT_RECORDED.to_vec();
        let counted = || sent.iter().filter(|it| it.call.stage != Stage::Warmup);
        for (is_so, sentence) in [
            (summary.is_none(), NO_SUMMARY),
            (!usage, NO_USAGE),
            (counted().any(|it| !it.is_connecting_known), NO_CONNECTING),
        ] {
            if is_so {
                not_recorded.push(sentence);
            }
        }
        let part = client(implementation(summary.as_ref()), calls(sent, first));
        let sources = summary_file.into_iter().chain([file]).map(SourceFile::listed).collect();
        reading.executions.push(Execution {
            sources,
            session: file.path.clone(),
            at: first,
            subject: subject(summary.as_ref()),
            levels: summary.as_ref().map(|it| it.levels(&phase)).unwrap_or_default(),
            workload: summary.as_ref().map(|it| it.workload(&phase)).unwrap_or_default(),
            measured: Measured { reported, parts: vec![part] },
            findings,
            not_recorded,
        });
    }
    if !warmup.is_empty() {
        reading.leave_out(&file.path, "every record is of a warm-up");
    }
    Ok(())
}

/// Says when the run was, and how long it took from its first request to its last answer.
fn timed(reported: &mut RunReported, summary: Option<&Summary>, sent: &[Sent]) {
    reported.at = summary.and_then(|it| it.start_time.clone());
    reported.at_is = reported.at.as_ref().map(|_| "the begin, in local time".to_owned());
    let counted = || sent.iter().filter(|it| it.call.stage != Stage::Warmup);
    let first = counted().map(|it| it.began_ns).min();
    let last = counted().filter_map(|it| it.ended_ns).max();
    reported.wall_ns = first.zip(last).and_then(|(first, last)| since(first, last));
}

/// Returns the calls with their distance from the first request.
fn calls(sent: Vec<Sent>, first: u64) -> Vec<CallReported> {
    let one = |it: Sent| CallReported { sent_after_ns: since(first, it.began_ns), ..it.call };
    numbered(sent.into_iter().map(one).collect())
}

fn implementation(summary: Option<&Summary>) -> String {
    summary.map_or_else(|| "AIPerf".to_owned(), |it| format!("AIPerf {}", it.aiperf_version))
}

fn subject(summary: Option<&Summary>) -> Subject {
    let model = summary.and_then(Summary::model).unwrap_or("not-recorded");
    let api = match summary.and_then(Summary::endpoint) {
        Some("completions") => Api::OpenaiCompletions,
        _ => Api::OpenaiChat,
    };
    Subject::new(api, model, summary.and_then(Summary::url))
}

/// Returns an execution of which only the summary is there.
fn without_records(file: &SourceFile, summary: &Summary) -> Result<Execution, ImportError> {
    let place = Place::new(&file.path, "");
    let average = |name: &str| summary.average(name);
    let count = |name: &str| average(name).map(|it| place.count(name, it)).transpose();
    let n_calls = count("request_count")?.unwrap_or_default();
    let mut part = client(implementation(Some(summary)), Vec::new());
    part.reported.means = Some(CallMeans {
        n_calls,
        // Of an execution without a success there is nothing to average.
        ttft_ms: average("time_to_first_token").filter(|_| n_calls > 0),
        server_decode_rate: None,
        output_tokens: count("total_usage_completion_tokens")?,
    });
    let failed = average("error_request_count").is_some_and(|it| it > 0.0);
    if failed || n_calls == 0 {
        part.reported.outcome = WorkflowOutcome::CallFailed;
    }
    part.reported.stated = summary.averages();
    let mut reported = run_reported(&file.path, String::new());
    timed(&mut reported, Some(summary), &[]);
    reported.wall_ns = match average("benchmark_duration") {
        Some(seconds) => Some(place.seconds("benchmark_duration", seconds)?),
        None => None,
    };
    let mut findings = Findings::default();
    if failed {
        let what = "some requests failed, and which and why is not recorded";
        findings.add(&place.at("error_request_count"), what, "the run counts as failed");
    }
    let phase = summary.only_phase().unwrap_or_default();
    let mut not_recorded = NOT_RECORDED.to_vec();
    not_recorded.push(NO_RECORDS);
    Ok(Execution {
        sources: vec![file.listed()],
        session: file.path.clone(),
        at: summary.at(),
        subject: subject(Some(summary)),
        levels: summary.levels(&phase),
        workload: summary.workload(&phase),
        measured: Measured { reported, parts: vec![part] },
        findings,
        not_recorded,
    })
}
