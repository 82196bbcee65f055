//! What `vllm bench serve --save-result` writes, with or without `--save-detailed`.
//!
//! Owns: which of its arrays are ours. Arrays are in seconds, aggregates in milliseconds.
//! Its latency ends with the last token and not with the stream, so it is no end-to-end
//! latency of ours.
//!
//! Does not: read results of pooling models or of other `vllm bench` commands.

mod check;
mod shape;

use std::collections::BTreeMap;

use serde_json::Value;
use tachograph_model::event::{CallMeans, CallReported, CallStatus, Stage, Usage, WorkflowOutcome};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::imported::ImportKind;
use tachograph_model::plan::{Api, Metric};
use tachograph_model::units::DurationNs;

use crate::bench::{Execution, NO_LOADING, Reading, Subject, Tool, client, level, numbered};
use crate::failure;
use crate::findings::{Findings, Place};
use crate::read::{seconds, values};
use crate::reported::{Measured, bare_call, run_reported};
use crate::snapshot::{ImportError, Snapshot, SourceFile};
use crate::sniff::{self, Holds};
use shape::{Arrays, Outcome};

const TOOL: Tool = Tool {
    kind: ImportKind::Vllm,
    layout: "vllm bench serve: an object per execution, alone in a file or one to a line",
    question: "What do the points that vllm bench serve measured give?",
    order: "Executions are in the order of their dates, which are in local time and whole seconds. \
            Nothing was randomised: configuration and time are confounded. Each is a block of its own.",
    metric: Metric::OutputThroughput,
};

/// Backends whose name says no more than their route.
const PLAIN_BACKENDS: [&str; 3] = ["openai", "openai-chat", "vllm"];

const NOT_RECORDED: [&str; 6] = [
    NO_LOADING,
    "The end of a stream is not recorded: what the source calls latency ends with the last token, so \
     that end-to-end latency is unknown.",
    "Whether a request opened a new connection is not recorded: setting one up is inside its times.",
    "Whether a number of tokens is the server's or was counted by the source from the text is not \
     recorded, nor whether an answer ended with its final record: one that the server broke off \
     counts as completed.",
    "The dataset and the lengths that were asked for are not recorded: executions with the same \
     rate, concurrency and number of prompts are taken for one configuration.",
    "The version of vLLM, of client and server, the server's address, the model's digest and \
     quantisation, and the machine are not recorded.",
];
const NO_COALESCED: &str = "Which chunks came in one read is not recorded: gaps between those are \
                            microseconds of the source's own work, and are among its gaps.";
const ROLE_CHUNK: &str = "The time to the first token is not recorded: this version of the source \
                          takes the first chunk of a chat, which has a role and no text, for it. Gaps \
                          and decode time begin with that chunk too, and are left out.";
const NO_RECORDS: &str = "Requests are not recorded (no --save-detailed), only means over those that \
                          completed.";
const NO_FAILURES: &str = "Which requests failed, and why, is not recorded.";

/// Imports executions, each of which is a session.
///
/// # Errors
///
/// A file is cut off, or its arrays do not fit together.
pub(crate) fn import(files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let mut reading = Reading::default();
    for file in files {
        match sniff::holds(file)? {
            Holds::Kind(ImportKind::Vllm) => {
                let outcomes: Vec<(usize, Outcome)> = values(file)?;
                let is_one = outcomes.len() == 1;
                for (line, outcome) in &outcomes {
                    if !outcome.is_of_text() {
                        reading.leave_out(&file.path, "it is about a model that generates no text");
                        continue;
                    }
                    let pointer = if is_one { String::new() } else { format!("line {line}") };
                    let place = Place::new(&file.path, pointer);
                    reading.executions.push(execution(file, &place, outcome)?);
                }
            }
            other => reading.leave_out(&file.path, sniff::not_of(ImportKind::Vllm, other)),
        }
    }
    one_workload(&mut reading.executions);
    Ok(reading.snapshot(&TOOL))
}

fn execution(
    file: &SourceFile,
    place: &Place<'_>,
    outcome: &Outcome,
) -> Result<Execution, ImportError> {
    let mut findings = Findings::default();
    let mut not_recorded = NOT_RECORDED.to_vec();
    let is_chat = outcome.backend.as_deref().is_some_and(|it| it.ends_with("chat"));
    let mut part = if let Some(arrays) = outcome.arrays(place)? {
        let counts_role = is_chat && !outcome.is_content_told();
        not_recorded.push(if counts_role { ROLE_CHUNK } else { NO_COALESCED });
        let calls = calls(place, &arrays, counts_role)?;
        check::detailed(&mut findings, place, outcome, &arrays, &calls);
        client("vllm bench serve".to_owned(), numbered(calls))
    } else {
        not_recorded.push(NO_RECORDS);
        let mut part = client("vllm bench serve".to_owned(), Vec::new());
        part.reported.means = Some(means(place, outcome)?);
        part
    };
    if part.calls.is_empty() && (outcome.failed.is_some_and(|n| n > 0) || outcome.completed == 0) {
        not_recorded.push(NO_FAILURES);
        part.reported.outcome = WorkflowOutcome::CallFailed;
        let what = "some requests failed, and which and why is not recorded";
        findings.add(&place.at("failed"), what, "the run counts as failed");
    }
    check::rates(&mut findings, place, outcome);
    let mut reported = run_reported(&file.path, place.pointer.clone());
    reported.at.clone_from(&outcome.date);
    reported.at_is = reported.at.as_ref().map(|_| "the end, in local time".to_owned());
    reported.wall_ns = Some(place.seconds("duration", outcome.duration)?);
    reported.stated = outcome.stated();
    let session = match &*place.pointer {
        "" => file.path.clone(),
        line => format!("{} {line}", file.path),
    };
    Ok(Execution {
        sources: vec![file.listed()],
        session,
        at: outcome.at(),
        subject: Subject::new(api(outcome), &outcome.model_id, None),
        levels: levels(outcome),
        workload: String::new(),
        measured: Measured { reported, parts: vec![part] },
        findings,
        not_recorded,
    })
}

fn api(outcome: &Outcome) -> Api {
    match outcome.backend.as_deref() {
        Some(backend) if backend.ends_with("chat") => Api::OpenaiChat,
        _ => Api::OpenaiCompletions,
    }
}

/// Returns the load, and what the user wrote down with `--metadata`.
fn levels(outcome: &Outcome) -> Options {
    let mut levels: Options = outcome.metadata();
    let mut insert = |name: &str, value: Option<&Value>| {
        if let Some(value) = value.and_then(level) {
            levels.insert(name.to_owned(), value);
        }
    };
    insert("request_rate", outcome.request_rate.as_ref());
    insert("max_concurrency", outcome.max_concurrency.as_ref());
    insert("num_prompts", outcome.num_prompts.as_ref());
    insert("ramp_up_strategy", outcome.ramp_up_strategy.as_ref());
    // A rate without an end has no arrivals to be bursty.
    let is_plain = outcome.burstiness.as_ref().and_then(level) == Some(OptionValue::Integer(1));
    insert("burstiness", outcome.burstiness.as_ref().filter(|_| !is_plain));
    insert("label", outcome.label.as_ref());
    let other = outcome.backend.as_ref().filter(|it| !PLAIN_BACKENDS.contains(&&***it));
    insert("backend", other.cloned().map(Value::String).as_ref());
    levels
}

/// Returns every request.
fn calls(
    place: &Place<'_>,
    arrays: &Arrays<'_>,
    counts_role: bool,
) -> Result<Vec<CallReported>, ImportError> {
    let begin = arrays.start_times.iter().flat_map(|it| it.iter()).copied().reduce(f64::min);
    let of = |(name, value): (&str, f64), at: usize| -> Result<DurationNs, ImportError> {
        let place = place.at(name);
        place.seconds(&at.to_string(), value)
    };
    let count = |name: &str, values: &[u64], at: usize| {
        place.at(name).count(&at.to_string(), values[at] as f64)
    };
    let one = |at: usize| -> Result<CallReported, ImportError> {
        let text = arrays.errors[at].trim();
        let (ttft, gaps) = (arrays.ttfts[at], &arrays.itls[at]);
        let ttft_ns = of(("ttfts", ttft), at)?;
        let is_failed = !text.is_empty() || (arrays.output_lens[at] == 0 && ttft_ns.0 == 0);
        let error = failure::last_line(text);
        let (status, http_status) = match (is_failed, text.starts_with("Traceback")) {
            (false, _) => (CallStatus::Completed, None),
            (true, true) => failure::status(error),
            // The reason of an answer whose status is not 200.
            (true, false) => (CallStatus::HttpError, None),
        };
        let gaps: Vec<DurationNs> =
            gaps.iter().map(|gap| of(("itls", *gap), at)).collect::<Result<_, _>>()?;
        let decode = DurationNs(gaps.iter().fold(0, |sum, gap| sum.saturating_add(gap.0)));
        let is_streamed = ttft_ns.0 > 0 && !counts_role;
        let sent = arrays.start_times.and_then(|it| it.get(at)).copied();
        Ok(CallReported {
            status,
            error: is_failed.then(|| error.to_owned()).filter(|it| !it.is_empty()),
            http_status,
            sent_after_ns: begin.zip(sent).and_then(|(begin, sent)| seconds(sent - begin)),
            ttft_ns: Some(ttft_ns).filter(|_| is_streamed),
            ttfc_ns: Some(ttft_ns).filter(|it| it.0 > 0 && counts_role),
            decode_ns: Some(decode).filter(|it| is_streamed && it.0 > 0),
            gaps_ns: if is_streamed { gaps } else { Vec::new() },
            usage: Usage {
                prompt_tokens: Some(count("input_lens", arrays.input_lens, at)?),
                output_tokens: Some(count("output_lens", arrays.output_lens, at)?)
                    .filter(|_| !is_failed),
                ..Usage::default()
            },
            answer: arrays.generated_texts.and_then(|it| it.get(at)).cloned(),
            stated: arrays.stated(at),
            ..bare_call(at, Stage::Other)
        })
    };
    (0..arrays.errors.len()).map(one).collect()
}

/// Returns what is left of an execution whose requests are not recorded.
fn means(place: &Place<'_>, outcome: &Outcome) -> Result<CallMeans, ImportError> {
    let ttft_ms = outcome.number("mean_ttft_ms").filter(|_| outcome.completed > 0);
    let count = |value: f64| place.count("total_output_tokens", value);
    Ok(CallMeans {
        n_calls: outcome.completed,
        ttft_ms,
        server_decode_rate: None,
        output_tokens: outcome.number("total_output_tokens").map(count).transpose()?,
    })
}

/// Says where executions of one configuration had other prompts: what they asked is not
/// recorded, and this is all that tells.
fn one_workload(executions: &mut [Execution]) {
    const NAME: &str = "total_input_tokens";
    let mut first: BTreeMap<String, (String, f64)> = BTreeMap::new();
    for execution in executions {
        let reported = &execution.measured.reported;
        let Some(tokens) = reported.stated.get(NAME).copied() else { continue };
        let key = format!("{:?} {:?}", execution.subject, execution.levels);
        let known = first.entry(key).or_insert_with(|| (execution.session.clone(), tokens));
        if (known.1 - tokens).abs() > 0.0 {
            let what = format!(
                "{tokens} input tokens, and {} in {}, which has the same rate, concurrency and number \
                 of prompts: they may have been asked other things",
                known.1, known.0
            );
            let place = Place::new(&reported.path, reported.place.clone()).at(NAME);
            execution.findings.add(&place, what, "taken for one configuration");
        }
    }
}
