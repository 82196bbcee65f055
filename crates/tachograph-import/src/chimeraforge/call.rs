//! Calls, options and durations as they are written, in our types.
//!
//! Owns: when a call counts as failed, single precision undone, and the errors about
//! numbers that cannot be what they are called.

use std::collections::BTreeMap;

use serde_json::Value;
use tachograph_model::event::{CallReported, CallStatus, ServerTimings, Stage, Usage};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::units::DurationNs;

use super::shape::{Call, Measures, Numbers, SystemInfo, number};
use crate::findings::{Place, TOKENS_MAX};
use crate::read::single_precision;
use crate::reported::bare_call;
use crate::snapshot::ImportError;

/// What is said of a call whose final record never came.
const NO_FINAL_RECORD: &str = "no final record: tokens and durations are zero in the source";

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
        request: texts.request.map(str::to_owned),
        answer: texts.answer.map(str::to_owned),
        ..bare_call(call, stage)
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

/// Returns those of the named numbers that are there and finite.
pub(super) fn stated(numbers: &Numbers, names: &[&str]) -> BTreeMap<String, f64> {
    let get = |name: &&str| Some(((*name).to_owned(), number(numbers, name)?));
    names.iter().filter_map(get).filter(|(_, value)| value.is_finite()).collect()
}
