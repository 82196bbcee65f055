//! What `llama-bench -o json` or `-o jsonl` writes.
//!
//! Owns: what a row is called, and what its samples are: durations of the model alone,
//! without a server, a client or a text. A test of the prompt is a prompt evaluation, one of
//! generation an evaluation; one of both cannot be told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::Value;
use tachograph_model::environment::ServerIdentity;
use tachograph_model::event::{CallReported, ServerTimings, Stage, Usage};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::imported::ImportKind;
use tachograph_model::plan::{Api, Metric};
use tachograph_model::units::DurationNs;

use crate::bench::{Execution, Reading, Subject, Tool, client, level};
use crate::findings::{Findings, Place, mean};
use crate::read::{YEAR_NS, json, values, without_bom};
use crate::reported::{Measured, bare_call, run_reported};
use crate::snapshot::{ImportError, Snapshot, SourceFile};
use crate::sniff::{self, Holds};

const TOOL: Tool = Tool {
    kind: ImportKind::LlamaBench,
    layout: "llama-bench: a row per test and setting, with the duration of every repetition",
    question: "How fast does the model evaluate prompts and generate under the settings of \
               llama-bench?",
    order: "Rows of a file one after the other, in its order; files one after the other, by their \
            first row. Nothing was randomised: setting and time are confounded. Rows of one file \
            share a block.",
    metric: Metric::ServerDecodeRate,
};

const NOT_RECORDED: [&str; 5] = [
    "There is no server and no client: no time to first token, no latency of a request, and no answer.",
    "Prompts are random tokens, and nothing is sampled: what a text would cost is not recorded.",
    "The warm-up before the first repetition, the loading of the model, and the wall time of the \
     program are not recorded.",
    "How many repetitions were asked for is not recorded.",
    "The digest of the model, and what else ran on the machine, are not recorded.",
];
const NO_SPLIT: &str = "Of tests of a prompt and an answer together only the sum is recorded.";

/// Keys of a row that say what was measured it on, or are derived; all others are settings.
const NO_SETTINGS: [&str; 13] = [
    "build_commit",
    "build_number",
    "cpu_info",
    "gpu_info",
    "backends",
    "model_filename",
    "model_type",
    "model_size",
    "model_n_params",
    "test_time",
    "avg_ns",
    "stddev_ns",
    "stddev_ts",
];
/// The size of a test, by which llama-bench names it too.
const SIZES: [&str; 3] = ["n_prompt", "n_gen", "n_depth"];

/// A row.
#[derive(Debug, Deserialize)]
struct Row {
    build_commit: Option<String>,
    build_number: Option<i64>,
    cpu_info: Option<String>,
    gpu_info: Option<String>,
    backends: Option<String>,
    model_filename: Option<String>,
    model_type: Option<String>,
    model_size: Option<u64>,
    n_prompt: u64,
    n_gen: u64,
    test_time: Option<String>,
    avg_ns: Option<f64>,
    avg_ts: Option<f64>,
    stddev_ts: Option<f64>,
    samples_ns: Vec<u64>,
    #[serde(default)]
    samples_ts: Vec<f64>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// Imports files, each of which is a session.
///
/// # Errors
///
/// A file is cut off, as llama-bench leaves it when a test fails, or a row is not what it is
/// called.
pub(crate) fn import(files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let mut reading = Reading::default();
    for file in files {
        match sniff::holds(file).map_err(|error| hinted(file, error))? {
            Holds::Kind(ImportKind::LlamaBench) => {
                read(&mut reading, file).map_err(|error| hinted(file, error))?;
            }
            other => {
                reading.leave_out(&file.path, sniff::not_of(ImportKind::LlamaBench, other));
            }
        }
    }
    with_varied_settings(&mut reading.executions);
    Ok(reading.snapshot(&TOOL))
}

/// Says what a cut file of llama-bench means.
fn hinted(file: &SourceFile, mut error: ImportError) -> ImportError {
    let last = file.bytes.iter().rev().find(|byte| !byte.is_ascii_whitespace());
    if error.message.contains("cut off") && last == Some(&b'}') {
        let message = "the array is not closed: llama-bench stopped at a test that failed. Run it \
                       again with -o jsonl, where what is done stays readable, or close the array with \
                       ] to import the rows before";
        message.clone_into(&mut error.message);
    }
    error
}

fn read(reading: &mut Reading, file: &SourceFile) -> Result<(), ImportError> {
    let first = without_bom(&file.bytes).0.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        let rows: Vec<Row> = json(file)?;
        for (at, row) in rows.iter().enumerate() {
            let place = Place::new(&file.path, format!("/{at}"));
            reading.executions.push(execution(file, &place, row)?);
        }
        return Ok(());
    }
    for (line, row) in values::<Row>(file)? {
        let place = Place::new(&file.path, format!("line {line}"));
        reading.executions.push(execution(file, &place, &row)?);
    }
    Ok(())
}

fn execution(file: &SourceFile, place: &Place<'_>, row: &Row) -> Result<Execution, ImportError> {
    let mut findings = Findings::default();
    for (name, value) in [("n_prompt", row.n_prompt), ("n_gen", row.n_gen)] {
        place.count(name, value as f64)?;
    }
    if row.n_prompt == 0 && row.n_gen == 0 {
        let message = "a test of no tokens: give the file as llama-bench wrote it";
        return Err(place.at("n_prompt").error(message));
    }
    check(&mut findings, place, row);
    let calls: Vec<CallReported> =
        (0..row.samples_ns.len()).map(|at| call(place, row, at)).collect::<Result<_, _>>()?;
    let implementation = match (row.build_number, &row.build_commit) {
        (Some(number), Some(commit)) => format!("llama-bench b{number} ({commit})"),
        _ => "llama-bench".to_owned(),
    };
    let mut part = client(implementation, calls);
    let stated = [("avg_ts", row.avg_ts), ("stddev_ts", row.stddev_ts), ("avg_ns", row.avg_ns)];
    part.reported.stated = stated
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value.filter(|it| it.is_finite())?)))
        .collect();
    let mut reported = run_reported(&file.path, place.pointer.clone());
    reported.at.clone_from(&row.test_time);
    reported.at_is = reported.at.as_ref().map(|_| "the begin of the test".to_owned());
    let digits = |text: &String| text.chars().filter(char::is_ascii_digit).take(14).collect();
    let at = row.test_time.as_ref().map(digits).and_then(|text: String| text.parse().ok());
    let mut not_recorded = NOT_RECORDED.to_vec();
    if row.n_prompt > 0 && row.n_gen > 0 {
        not_recorded.push(NO_SPLIT);
    }
    Ok(Execution {
        sources: vec![file.listed()],
        session: file.path.clone(),
        at: at.unwrap_or_default(),
        subject: subject(row),
        levels: row.settings(),
        workload: String::new(),
        measured: Measured { reported, parts: vec![part] },
        findings,
        not_recorded,
    })
}

/// Returns one repetition.
fn call(place: &Place<'_>, row: &Row, at: usize) -> Result<CallReported, ImportError> {
    let sample = row.samples_ns[at];
    if sample == 0 || sample > YEAR_NS {
        return Err(place
            .at(format_args!("samples_ns/{at}"))
            .error(format!("{sample} ns is no duration: give the file as llama-bench wrote it")));
    }
    let took = Some(DurationNs(sample));
    let (has_prompt, has_answer) = (row.n_prompt > 0, row.n_gen > 0);
    Ok(CallReported {
        usage: Usage {
            prompt_tokens: has_prompt.then_some(row.n_prompt),
            output_tokens: has_answer.then_some(row.n_gen),
            ..Usage::default()
        },
        server_timings: ServerTimings {
            total_ns: took,
            prompt_eval_ns: took.filter(|_| !has_answer),
            eval_ns: took.filter(|_| !has_prompt),
            ..ServerTimings::default()
        },
        ..bare_call(at, Stage::Other)
    })
}

impl Row {
    fn settings(&self) -> Options {
        let mut settings: Options = self
            .rest
            .iter()
            .filter(|(name, _)| !NO_SETTINGS.contains(&&***name))
            .filter_map(|(name, value)| Some((name.clone(), level(value)?)))
            .collect();
        for (name, value) in [("n_prompt", self.n_prompt), ("n_gen", self.n_gen)] {
            let value = OptionValue::Integer(i64::try_from(value).unwrap_or(i64::MAX));
            settings.insert(name.to_owned(), value);
        }
        settings
    }
}

fn subject(row: &Row) -> Subject {
    let path = row.model_filename.as_deref().unwrap_or("not-recorded");
    let model = path.rsplit(['/', '\\']).next().unwrap_or(path);
    let build = match (row.build_number, &row.build_commit) {
        (Some(number), Some(commit)) => Some(format!("b{number} ({commit})")),
        _ => None,
    };
    let parts = [&row.backends, &row.cpu_info, &row.gpu_info];
    let machine: Vec<&str> =
        parts.into_iter().flatten().map(|it| &**it).filter(|it| !it.is_empty()).collect();
    let product = format!("llama.cpp on {}", machine.join(", "));
    let identity = ServerIdentity {
        product: Some(if machine.is_empty() { "llama.cpp".to_owned() } else { product }),
        version: build,
        model: row.model_type.clone(),
        loaded_bytes: row.model_size,
        ..ServerIdentity::default()
    };
    Subject { api: Api::OllamaGenerate, model: model.to_owned(), url: None, identity }
}

/// Keeps of each row's settings the size of the test, and what differs between rows of one
/// subject: the others say nothing, and would make every name the longer.
fn with_varied_settings(executions: &mut [Execution]) {
    let mut seen: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    let key = |it: &Execution| format!("{:?}", it.subject);
    for execution in &*executions {
        for (name, value) in &execution.levels {
            let values = seen.entry((key(execution), name.clone())).or_default();
            values.insert(format!("{value:?}"));
        }
    }
    for execution in executions {
        let subject = key(execution);
        execution.levels.retain(|name, value| {
            let is_size = SIZES.contains(&&**name) && *value != OptionValue::Integer(0);
            let all = seen.get(&(subject.clone(), name.clone()));
            is_size || all.is_some_and(|values| values.len() > 1)
        });
    }
}

/// Holds what a row derives against its samples. Its rates are printed with six digits.
fn check(findings: &mut Findings, place: &Place<'_>, row: &Row) {
    let tokens = (row.n_prompt + row.n_gen) as f64;
    let rates: Vec<f64> =
        row.samples_ns.iter().map(|sample| 1e9 * tokens / *sample as f64).collect();
    let durations: Vec<f64> = row.samples_ns.iter().map(|sample| *sample as f64).collect();
    findings.compare(place, "avg_ns", row.avg_ns, mean(&durations).map(f64::floor));
    findings.compare(place, "avg_ts", row.avg_ts, mean(&rates));
    let differ = |one: f64, other: f64| (one - other).abs() > 1e-5 * one.abs().max(other.abs());
    let mut pairs = row.samples_ts.iter().zip(&rates);
    if row.samples_ts.len() != rates.len() {
        let what = format!("{} rates of {} durations", row.samples_ts.len(), rates.len());
        findings.add(&place.at("samples_ts"), what, "rates are computed from the durations");
    } else if let Some((stated, computed)) = pairs.find(|(one, other)| differ(**one, **other)) {
        let what = format!("{stated} is stated, and its duration gives {computed}");
        findings.add(&place.at("samples_ts"), what, "rates are computed from the durations");
    }
    if row.samples_ns.is_empty() {
        findings.add(&place.at("samples_ns"), "no repetition", "kept as a run without calls");
    }
}
