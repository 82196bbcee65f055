//! One line of records: one request.

use std::collections::BTreeMap;

use serde::Deserialize;
use tachograph_model::event::{CallReported, CallStatus, Stage, Usage};
use tachograph_model::units::DurationNs;

use crate::failure;
use crate::findings::{Findings, Place};
use crate::read::{millis, since};
use crate::reported::bare_call;
use crate::snapshot::ImportError;

/// The keys of a record that are read.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) metadata: Metadata,
    #[serde(default)]
    metrics: BTreeMap<String, Measure>,
    error: Option<Failure>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    request_start_ns: u64,
    request_end_ns: Option<u64>,
    benchmark_phase: Option<String>,
    phase_name: Option<String>,
    phase_kind: Option<String>,
    was_cancelled: Option<bool>,
}

impl Metadata {
    /// Returns whether it was sent to warm the server up.
    pub(super) fn is_warmup(&self) -> bool {
        self.phase_kind.as_ref().or(self.benchmark_phase.as_ref()).is_some_and(|it| it == "warmup")
    }

    /// Returns the name of its phase.
    pub(super) fn phase(&self) -> &str {
        self.phase_name.as_deref().or(self.benchmark_phase.as_deref()).unwrap_or_default()
    }
}

/// A measure with its unit.
#[derive(Debug, Deserialize)]
struct Measure {
    value: Value,
    unit: String,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Value {
    One(f64),
    Many(Vec<f64>),
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct Failure {
    code: Option<i64>,
    #[serde(rename = "type")]
    kind: Option<String>,
    message: Option<String>,
}

/// A request as it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) call: CallReported,
    /// By the source's clock, in nanoseconds since 1970.
    pub(super) began_ns: u64,
    pub(super) ended_ns: Option<u64>,
    /// Whether it is known how long its connection took.
    pub(super) is_connecting_known: bool,
}

impl Record {
    fn measure(&self, name: &str) -> Option<&Measure> {
        self.metrics.get(name)
    }

    fn number(&self, name: &str) -> Option<f64> {
        match self.measure(name)?.value {
            Value::One(value) => Some(value),
            Value::Many(_) | Value::Other(_) => None,
        }
    }

    fn count(&self, place: &Place<'_>, name: &str) -> Result<Option<u64>, ImportError> {
        self.number(name).map(|it| metrics(place).count(name, it)).transpose()
    }

    fn duration(&self, place: &Place<'_>, name: &str) -> Result<Option<DurationNs>, ImportError> {
        let Some(measure) = self.measure(name) else { return Ok(None) };
        match &measure.value {
            Value::One(value) => in_unit(place, name, *value, &measure.unit).map(Some),
            Value::Many(_) | Value::Other(_) => Err(metrics(place)
                .at(name)
                .error("it is no number: give the file as AIPerf wrote it")),
        }
    }

    fn durations(&self, place: &Place<'_>, name: &str) -> Result<Vec<DurationNs>, ImportError> {
        let Some(measure) = self.measure(name) else { return Ok(Vec::new()) };
        let values: &[f64] = match &measure.value {
            Value::Many(values) => values,
            Value::One(value) => std::slice::from_ref(value),
            Value::Other(_) => &[],
        };
        values.iter().map(|value| in_unit(place, name, *value, &measure.unit)).collect()
    }

    fn is_failed(&self) -> bool {
        self.error.is_some() || self.metadata.was_cancelled == Some(true)
    }
}

fn metrics<'a>(place: &Place<'a>) -> Place<'a> {
    place.at("metrics")
}

fn in_unit(
    place: &Place<'_>,
    name: &str,
    value: f64,
    unit: &str,
) -> Result<DurationNs, ImportError> {
    let in_ms = match unit {
        "ns" => value / 1e6,
        "us" => value / 1e3,
        "ms" => value,
        "s" | "sec" => value * 1e3,
        other => {
            let message = format!(
                "its unit is {other:?}, which is not known: give the file as AIPerf wrote it"
            );
            return Err(metrics(place).at(name).error(message));
        }
    };
    millis(in_ms).ok_or_else(|| {
        metrics(place)
            .at(name)
            .error(format!("{value} {unit} is no duration: give the file as AIPerf wrote it"))
    })
}

/// Returns whether the server counts tokens in its answers.
pub(super) fn has_usage(records: &[(Place<'_>, Record)]) -> bool {
    records.iter().any(|(_, record)| record.measure("usage_completion_tokens").is_some())
}

/// Returns a request. `has_usage` says whether the server counts tokens in other answers;
/// then one without its count did not end with its final record.
pub(super) fn sent(
    findings: &mut Findings,
    place: &Place<'_>,
    record: &Record,
    has_usage: bool,
) -> Result<Sent, ImportError> {
    let duration = |name: &str| record.duration(place, name);
    let connecting = duration("http_req_connecting")?;
    let waiting = duration("http_req_blocked")?;
    let before = DurationNs(connecting.map_or(0, |it| it.0) + waiting.map_or(0, |it| it.0));
    let since_sent = |it: Option<DurationNs>| it?.0.checked_sub(before.0).map(DurationNs);
    let to_first = duration("time_to_first_token")?;
    let to_last = duration("request_latency")?;
    let (start, end) = (record.metadata.request_start_ns, record.metadata.request_end_ns);
    let (mut status, error, http_status) = outcome(record);
    let mut error = error;
    let output_tokens = record.count(place, "usage_completion_tokens")?;
    if status == CallStatus::Completed && has_usage && output_tokens.is_none() {
        status = CallStatus::Truncated;
        let what = "no token count of the server, which it gives in other answers: the stream \
                    ended before its final record";
        error = Some(what.to_owned());
        findings.add(
            place,
            format!("{what}; the source counts it as completed"),
            "kept as truncated",
        );
    }
    let whole = end.and_then(|end| since(start, end));
    // A request that failed before its answer has an end that is its begin.
    let e2e = whole.filter(|it| it.0 > 0 && !record.is_failed());
    let gaps: Vec<DurationNs> = record.durations(place, "inter_chunk_latency")?;
    let n_coalesced = gaps.iter().filter(|gap| gap.0 == 0).count();
    let mut stated = stated(record);
    if n_coalesced > 0 {
        stated.insert("coalesced_chunks".to_owned(), n_coalesced as f64);
    }
    let call = CallReported {
        status,
        error,
        http_status,
        ttft_ns: since_sent(to_first),
        e2e_ns: since_sent(e2e),
        decode_ns: to_last
            .zip(to_first)
            .and_then(|(last, first)| last.0.checked_sub(first.0))
            .filter(|it| *it > 0)
            .map(DurationNs),
        gaps_ns: gaps.into_iter().filter(|gap| gap.0 > 0).collect(),
        usage: Usage {
            prompt_tokens: record.count(place, "usage_prompt_tokens")?,
            cached_prompt_tokens: record.count(place, "usage_prompt_cache_read_tokens")?,
            output_tokens,
        },
        stated,
        ..bare_call(0, if record.metadata.is_warmup() { Stage::Warmup } else { Stage::Other })
    };
    Ok(Sent {
        call,
        began_ns: start,
        ended_ns: end,
        is_connecting_known: record.is_failed() || connecting.is_some(),
    })
}

/// Returns how a request ended, by what the source says.
fn outcome(record: &Record) -> (CallStatus, Option<String>, Option<u16>) {
    let text = record.error.as_ref().map(|error| {
        let parts = [error.kind.as_deref(), error.message.as_deref()];
        parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
    });
    if record.metadata.was_cancelled == Some(true) {
        return (CallStatus::Cancelled, text, None);
    }
    let Some(error) = &record.error else { return (CallStatus::Completed, None, None) };
    let told = failure::status(text.as_deref().unwrap_or_default());
    // The source's own code for a request that it cancelled.
    if told.0 == CallStatus::Cancelled {
        return (CallStatus::Cancelled, text, None);
    }
    let code = error.code.and_then(|code| u16::try_from(code).ok());
    match code.filter(|code| failure::is_http_failure(*code)) {
        Some(code) => (CallStatus::HttpError, text, Some(code)),
        None => (told.0, text, told.1),
    }
}

/// Returns what the source derives by definitions of its own.
fn stated(record: &Record) -> BTreeMap<String, f64> {
    const NAMES: [&str; 5] = [
        "time_to_first_token",
        "request_latency",
        "inter_token_latency",
        "output_sequence_length",
        "http_req_connecting",
    ];
    NAMES
        .into_iter()
        .filter_map(|name| {
            Some((name.to_owned(), record.number(name).filter(|it| it.is_finite())?))
        })
        .collect()
}
