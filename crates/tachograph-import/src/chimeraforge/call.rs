//! Calls, options and durations as they are written, in our types.
//!
//! Owns: when a call counts as failed, single precision undone, and the errors about
//! numbers that cannot be what they are called.

use std::collections::BTreeMap;

use serde_json::Value;
use tachograph_model::event::{
    AgentReported, CallReported, CallStatus, Event, RunOutcome, RunReported, ServerTimings, Stage,
    Usage, WorkflowOutcome,
};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::run::RunId;
use tachograph_model::units::DurationNs;

use super::shape::{Call, Measures, Numbers, SystemInfo, number};
use crate::read::{millis, seconds, single_precision};
use crate::snapshot::{ImportError, ImportedRun, of_agent, of_run};

/// What is said of a call whose final record never came.
const NO_FINAL_RECORD: &str = "no final record: tokens and durations are zero in the source";

/// More tokens than any call has.
const TOKENS_MAX: f64 = 1e9;

/// Options that are numbers with a fraction, whatever value they have.
const FRACTIONS: [&str; 7] = [
    "temperature",
    "top_p",
    "min_p",
    "typical_p",
    "repeat_penalty",
    "presence_penalty",
    "frequency_penalty",
];

/// A place in a file, for errors and defects.
#[derive(Debug, Clone)]
pub(super) struct Place<'a> {
    pub(super) path: &'a str,
    pub(super) pointer: String,
}

impl<'a> Place<'a> {
    pub(super) fn new(path: &'a str, pointer: impl Into<String>) -> Self {
        Self { path, pointer: pointer.into() }
    }

    pub(super) fn at(&self, step: impl std::fmt::Display) -> Self {
        Self { path: self.path, pointer: format!("{}/{step}", self.pointer) }
    }

    pub(super) fn error(&self, message: impl Into<String>) -> ImportError {
        ImportError::new(self.path, &*self.pointer, message)
    }

    /// Returns milliseconds as a duration.
    pub(super) fn millis(&self, name: &str, value: f64) -> Result<DurationNs, ImportError> {
        millis(value).ok_or_else(|| self.no_duration(name, value, "ms"))
    }

    /// Returns seconds as a duration.
    pub(super) fn seconds(&self, name: &str, value: f64) -> Result<DurationNs, ImportError> {
        seconds(value).ok_or_else(|| self.no_duration(name, value, "s"))
    }

    fn no_duration(&self, name: &str, value: f64, unit: &str) -> ImportError {
        self.at(name)
            .error(format!("{value} {unit} is no duration: give the file as its program wrote it"))
    }

    /// Returns a whole number that is not negative.
    pub(super) fn count(&self, name: &str, value: f64) -> Result<u64, ImportError> {
        if !(0.0..=TOKENS_MAX).contains(&value) || value.fract().abs() > 0.0 {
            return Err(self
                .at(name)
                .error(format!("{value} is no count: give the file as its program wrote it")));
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
        Ok(value as u64)
    }

    /// Returns the number of a run, from 1.
    pub(super) fn run_number(&self, name: &str, value: f64) -> Result<u32, ImportError> {
        let number = self.count(name, value)?;
        match u32::try_from(number) {
            Ok(number @ 1..=100_000) => Ok(number),
            _ => Err(self
                .at(name)
                .error(format!("{number} is no number of a run, which begin at 1"))),
        }
    }

    /// Returns a rate, which is finite and not negative.
    pub(super) fn rate(&self, name: &str, value: f64) -> Result<f64, ImportError> {
        if (0.0..=TOKENS_MAX).contains(&value) {
            return Ok(value);
        }
        Err(self
            .at(name)
            .error(format!("{value} is no rate: give the file as its program wrote it")))
    }
}

/// Returns whether the final record of a call is missing: its rate is zero, which no
/// server reports.
pub(super) fn is_failed(measures: &Measures) -> bool {
    measures.throughput_tokens_per_sec < 1.0
}

/// Returns whether a server says that it worked longer than its client waited, which no
/// measurement gives. Both clocks may be off by a little.
pub(super) fn is_impossible(measures: &Measures) -> bool {
    let server =
        measures.load_duration_ms + measures.prompt_eval_duration_ms + measures.eval_duration_ms;
    server > measures.total_duration_ms * 1.05 + 5.0
}

/// The texts of a call.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Texts<'a> {
    pub(super) request: Option<&'a str>,
    pub(super) answer: Option<&'a str>,
}

impl<'a> Texts<'a> {
    pub(super) fn of(call: &'a Call) -> Self {
        Self { request: call.prompt.as_deref(), answer: call.response.as_deref() }
    }
}

/// Returns the stage that a source names.
pub(super) fn stage(name: Option<&str>) -> Stage {
    match name {
        Some("analysis") => Stage::Analysis,
        Some("report") => Stage::Report,
        _ => Stage::Other,
    }
}

/// Returns a call whose server is not named yet.
pub(super) fn reported(
    place: &Place<'_>,
    call: usize,
    stage: Stage,
    measures: &Measures,
    texts: Texts<'_>,
) -> Result<CallReported, ImportError> {
    let ttft_ns = place.millis("ttft_ms", measures.ttft_ms)?;
    let e2e_ns = place.millis("total_duration_ms", measures.total_duration_ms)?;
    let rate = place.rate("throughput_tokens_per_sec", measures.throughput_tokens_per_sec)?;
    let timings = ServerTimings {
        total_ns: None,
        load_ns: Some(place.millis("load_duration_ms", measures.load_duration_ms)?),
        prompt_eval_ns: Some(
            place.millis("prompt_eval_duration_ms", measures.prompt_eval_duration_ms)?,
        ),
        eval_ns: Some(place.millis("eval_duration_ms", measures.eval_duration_ms)?),
    };
    let output_tokens = place.count("tokens_generated", measures.tokens_generated)?;
    let failed = is_failed(measures);
    let mut stated = BTreeMap::from([("throughput_tokens_per_sec".to_owned(), rate)]);
    if failed {
        stated.insert("ttft_ms".to_owned(), measures.ttft_ms);
        stated.insert("total_duration_ms".to_owned(), measures.total_duration_ms);
    }
    Ok(CallReported {
        status: if failed { CallStatus::Truncated } else { CallStatus::Completed },
        error: failed.then(|| NO_FINAL_RECORD.to_owned()),
        ttft_ns: (!failed).then_some(ttft_ns),
        e2e_ns: (!failed).then_some(e2e_ns),
        usage: Usage { output_tokens: (!failed).then_some(output_tokens), ..Usage::default() },
        server_timings: if failed { ServerTimings::default() } else { timings },
        stated,
        ..bare(call, stage, texts)
    })
}

/// Returns a call of which nothing but its texts is known.
pub(super) fn bare(call: usize, stage: Stage, texts: Texts<'_>) -> CallReported {
    CallReported {
        call: u32::try_from(call).unwrap_or(u32::MAX),
        stage,
        server: String::new(),
        status: CallStatus::Completed,
        error: None,
        http_status: None,
        finish_reason: None,
        sent_after_ns: None,
        ttft_ns: None,
        ttfc_ns: None,
        e2e_ns: None,
        decode_ns: None,
        gaps_ns: Vec::new(),
        usage: Usage::default(),
        server_timings: ServerTimings::default(),
        request: texts.request.map(str::to_owned),
        answer: texts.answer.map(str::to_owned),
        stated: BTreeMap::new(),
    }
}

/// Returns options, with single precision undone.
pub(super) fn options(place: &Place<'_>, raw: Option<&Numbers>) -> Result<Options, ImportError> {
    let mut options = Options::new();
    for (name, value) in raw.into_iter().flatten() {
        let is_named = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || !name.chars().all(is_named) {
            return Err(place.error(format!("`{name}` is no name of an option")));
        }
        let value = match value {
            Value::Null => continue,
            Value::Bool(value) => OptionValue::Bool(*value),
            Value::String(text) => OptionValue::Text(text.clone()),
            Value::Number(value) => {
                let value = value.as_f64().unwrap_or(f64::NAN);
                if !value.is_finite() || value.abs() > TOKENS_MAX {
                    return Err(place.at(name).error(format!("{value} is no value of an option")));
                }
                option_number(name, value)
            }
            Value::Array(_) | Value::Object(_) => {
                return Err(place.at(name).error("an option is a number, a switch or a text"));
            }
        };
        options.insert(name.clone(), value);
    }
    Ok(options)
}

fn option_number(name: &str, value: f64) -> OptionValue {
    if FRACTIONS.contains(&name) || value.fract().abs() > 0.0 {
        return OptionValue::Float(single_precision(value));
    }
    #[expect(clippy::cast_possible_truncation, reason = "whole and small")]
    OptionValue::Integer(value as i64)
}

/// Returns the stages of a workflow by their durations, and the whole.
pub(super) fn workflow(
    place: &Place<'_>,
    numbers: &Numbers,
) -> Result<(Option<DurationNs>, BTreeMap<Stage, DurationNs>), ImportError> {
    let get = |name: &str| number(numbers, name).map(|it| place.seconds(name, it)).transpose();
    let mut stages = BTreeMap::new();
    for (stage, name) in [
        (Stage::Ingest, "ingest_seconds"),
        (Stage::Analysis, "analysis_seconds"),
        (Stage::Report, "report_seconds"),
    ] {
        if let Some(duration) = get(name)? {
            stages.insert(stage, duration);
        }
    }
    Ok((get("total_seconds")?, stages))
}

/// Returns what executed an agent in Rust.
pub(super) fn implementation(language: &str, system: Option<&SystemInfo>) -> Option<String> {
    let system = system?;
    let mut text = language.to_owned();
    let parts = [&system.rust_version, &system.os, &system.arch];
    for part in parts.into_iter().flatten() {
        text.push(' ');
        text.push_str(part);
    }
    Some(text)
}

/// One agent of a run.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// Its name in the run.
    pub(super) agent: String,
    pub(super) reported: AgentReported,
    pub(super) calls: Vec<CallReported>,
}

/// A run whose configuration and block are not known yet.
#[derive(Debug, Clone)]
pub(super) struct Measured {
    pub(super) reported: RunReported,
    pub(super) parts: Vec<Part>,
}

impl Part {
    /// Returns an agent; its workflow failed if a call did.
    pub(super) fn new(agent: &str, calls: Vec<CallReported>) -> Self {
        let failed = calls.iter().any(|call| call.status != CallStatus::Completed);
        let reported = AgentReported {
            implementation: None,
            outcome: if failed { WorkflowOutcome::CallFailed } else { WorkflowOutcome::Completed },
            wall_ns: None,
            stages: BTreeMap::new(),
            means: None,
            stated: BTreeMap::new(),
        };
        Self { agent: agent.to_owned(), reported, calls }
    }

    /// Names the server of every call.
    pub(super) fn on(&mut self, server: &str) {
        for call in &mut self.calls {
            server.clone_into(&mut call.server);
        }
    }
}

impl Measured {
    /// Returns the run as a study has it.
    pub(super) fn into_run(self, id: RunId) -> ImportedRun {
        let completed =
            self.parts.iter().all(|part| part.reported.outcome == WorkflowOutcome::Completed);
        let outcome = if completed { RunOutcome::Completed } else { RunOutcome::Failed };
        let mut events = vec![of_run(Event::RunReported(self.reported))];
        for part in self.parts {
            events.push(of_agent(&part.agent, Event::AgentReported(part.reported)));
            let calls = part.calls.into_iter();
            events.extend(calls.map(|call| of_agent(&part.agent, Event::CallReported(call))));
        }
        ImportedRun { id, outcome, events }
    }
}

/// Returns what a source states of a run, with nothing but where it stands; its session is
/// named when its folders are known.
pub(super) fn run_reported(path: &str, place: String) -> RunReported {
    RunReported {
        path: path.to_owned(),
        place,
        session: String::new(),
        at: None,
        at_is: None,
        wall_ns: None,
        legacy_flag: None,
        stated: BTreeMap::new(),
    }
}

/// Returns those of the named numbers that are there and finite.
pub(super) fn stated(numbers: &Numbers, names: &[&str]) -> BTreeMap<String, f64> {
    let get = |name: &&str| Some(((*name).to_owned(), number(numbers, name)?));
    names.iter().filter_map(get).filter(|(_, value)| value.is_finite()).collect()
}
