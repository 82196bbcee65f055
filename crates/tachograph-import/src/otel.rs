//! Spans of OpenTelemetry about generative AI, as OTLP JSON.
//!
//! Owns: which spans are calls, how they ended, and which attributes are ours. The
//! conventions know a time to the first *chunk*, which may be one without text, and no
//! time to the first token: it stays one. A stream that broke off has a reason of its own
//! and mostly no error.
//!
//! Does not: read metrics or logs, protobuf, or spans of servers.

mod span;

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::event::{CallReported, CallStatus, Stage, Usage};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::imported::ImportKind;
use tachograph_model::plan::{Api, Metric};

use crate::bench::{Execution, NO_LOADING, Reading, Subject, Tool, client, level, numbered};
use crate::failure;
use crate::findings::{Findings, Place, Repeated};
use crate::read::{since, values};
use crate::reported::{Measured, bare_call, run_reported};
use crate::snapshot::{ImportError, Snapshot, SourceFile};
use crate::sniff::{self, Holds};
use span::{Attributes, Document, Found};

const TOOL: Tool = Tool {
    kind: ImportKind::Otel,
    layout: "OpenTelemetry: spans about generative AI as OTLP JSON, one call each",
    question: "What do the traced calls give?",
    order: "Processes one after the other, by their first span; calls of one process by the begin of \
            their spans. Nothing was randomised, and nobody planned a benchmark: what was called when \
            is what the application did.",
    metric: Metric::E2e,
};

const NOT_RECORDED: [&str; 6] = [
    NO_LOADING,
    "The time to the first token is not recorded: the conventions know the time to the first chunk, \
     which may be one without text, and servers send such a chunk first.",
    "When other chunks arrived is not recorded: gaps, decode time and time per output token are \
     unknown.",
    "Where a span begins and ends is the instrumentation's choice: retries, setting up a connection \
     and the library's own work are inside its duration.",
    "Instants are of the real-time clock; whether it was stepped is not recorded.",
    "The server's version, the model's digest and quantisation, and the machine are not recorded.",
];

/// Operations that are one call of a model each. Others contain such calls, or call tools.
const CALLS: [&str; 3] = ["chat", "generate_content", "text_completion"];

/// What tells the runs of one configuration from others.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    /// The process: `service.instance.id`, else the file.
    process: String,
    service: String,
    provider: String,
    model: String,
    operation: String,
    url: Option<String>,
    /// Options that every request of it sends.
    request: String,
}

/// The calls of one key.
#[derive(Default)]
struct Group<'a> {
    files: BTreeSet<usize>,
    levels: Options,
    implementation: String,
    calls: Vec<(u64, CallReported)>,
    findings: Findings,
    repeated: Repeated,
    path: &'a str,
}

/// Imports every span that is a call; a process is a session.
///
/// # Errors
///
/// A file is cut off, or a span has no instants.
pub(crate) fn import(files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let mut reading = Reading::default();
    let mut groups: BTreeMap<Key, Group<'_>> = BTreeMap::new();
    let mut seen = BTreeSet::new();
    for (at, file) in files.iter().enumerate() {
        match sniff::holds(file)? {
            Holds::Kind(ImportKind::Otel) => {}
            other => {
                reading.leave_out(&file.path, sniff::not_of(ImportKind::Otel, other));
                continue;
            }
        }
        let mut left = Left::default();
        for (line, document) in values::<Document>(file)? {
            let place = Place::new(&file.path, format!("line {line}"));
            for found in document.spans(&place) {
                take(&mut groups, &mut left, &mut seen, (at, file), &found)?;
            }
        }
        left.say(&mut reading, &file.path);
    }
    for (key, group) in groups {
        reading.executions.push(group.execution(key, files));
    }
    Ok(reading.snapshot(&TOOL))
}

/// What of a file is no call.
#[derive(Default)]
struct Left {
    n_copies: usize,
    /// Spans of other operations, by their name.
    others: BTreeMap<String, usize>,
}

impl Left {
    fn say(self, reading: &mut Reading, path: &str) {
        if self.n_copies > 0 {
            let what = format!("{} of its spans are in another file or twice", self.n_copies);
            reading.leave_out(path, what);
        }
        for (operation, n) in self.others {
            let what = if operation.is_empty() {
                format!("{n} of its spans are not about generative AI")
            } else {
                format!("{n} of its spans are of `{operation}`, which is no call of a model")
            };
            reading.leave_out(path, what);
        }
    }
}

fn take<'a>(
    groups: &mut BTreeMap<Key, Group<'a>>,
    left: &mut Left,
    seen: &mut BTreeSet<(Vec<u8>, Vec<u8>)>,
    (at, file): (usize, &'a SourceFile),
    found: &Found<'_>,
) -> Result<(), ImportError> {
    let operation = found.attributes.text("gen_ai.operation.name").unwrap_or_default();
    if !CALLS.contains(&operation) {
        *left.others.entry(operation.to_owned()).or_default() += 1;
        return Ok(());
    }
    let (mut own, mut of_ids) = (Findings::default(), Findings::default());
    let ids = found.ids(&mut of_ids);
    if ids.as_ref().is_some_and(|ids| !seen.insert(ids.clone())) {
        left.n_copies += 1;
        return Ok(());
    }
    let (start, call) = call(&mut own, found)?;
    let (levels, key) = key(file, operation, found);
    let group = groups.entry(key).or_insert_with(|| Group {
        levels,
        implementation: found.scope(),
        path: &file.path,
        ..Group::default()
    });
    group.files.insert(at);
    group.calls.push((start, call));
    group.findings.extend(of_ids);
    group.repeated.take(own);
    Ok(())
}

fn key(file: &SourceFile, operation: &str, found: &Found<'_>) -> (Options, Key) {
    /// Options that a request may send, by the names of the conventions.
    const OPTIONS: [&str; 7] = [
        "temperature",
        "top_p",
        "top_k",
        "max_tokens",
        "frequency_penalty",
        "presence_penalty",
        "stream",
    ];
    let own = &found.attributes;
    let text = |name: &str| own.text(name).unwrap_or_default().to_owned();
    let mut levels = Options::new();
    for name in OPTIONS {
        if let Some(value) = own.json(&format!("gen_ai.request.{name}")).as_ref().and_then(level) {
            levels.insert(name.to_owned(), value);
        }
    }
    let request = format!("{levels:?}");
    let service = found.resource.text("service.name").unwrap_or_default().to_owned();
    let provider =
        own.text("gen_ai.provider.name").or_else(|| own.text("gen_ai.system")).unwrap_or_default();
    for (name, value) in [("service", &*service), ("operation", operation), ("provider", provider)]
    {
        if !value.is_empty() {
            levels.insert(name.to_owned(), OptionValue::Text(value.to_owned()));
        }
    }
    let process = found.resource.text("service.instance.id").unwrap_or(&file.path).to_owned();
    let url = own.text("server.address").map(|address| match own.integer("server.port") {
        Some(port) => format!("{address}:{port}"),
        None => address.to_owned(),
    });
    let model = text("gen_ai.request.model");
    let model = if model.is_empty() { text("gen_ai.response.model") } else { model };
    let key = Key {
        process,
        service,
        provider: provider.to_owned(),
        model: if model.is_empty() { "not-recorded".to_owned() } else { model },
        operation: operation.to_owned(),
        url,
        request,
    };
    (levels, key)
}

/// Returns a call and when it began, in nanoseconds since 1970.
fn call(findings: &mut Findings, found: &Found<'_>) -> Result<(u64, CallReported), ImportError> {
    let own = &found.attributes;
    let (start, end) = found.instants()?;
    let whole = since(start, end);
    if whole.is_none() {
        let what = match start.checked_sub(end) {
            Some(back) => format!("it ends {back} ns before it begins: its clock was set back"),
            None => "it is longer than a year: an instant is wrong".to_owned(),
        };
        findings.add(&found.place.at("endTimeUnixNano"), what, "its duration is left out");
    }
    let (status, http_status, error) = outcome(found);
    let count = |names: [&str; 2]| names.into_iter().find_map(|name| own.count(name));
    let chunk = own.number("gen_ai.response.time_to_first_chunk");
    let to_chunk = match chunk {
        Some(value) => {
            Some(found.place.seconds("attributes/gen_ai.response.time_to_first_chunk", value)?)
        }
        None => None,
    };
    if to_chunk.zip(whole).is_some_and(|(chunk, whole)| chunk > whole) {
        let what = "the first chunk came after the span had ended";
        findings.add(
            &found.place.at("gen_ai.response.time_to_first_chunk"),
            what,
            "kept as stated",
        );
    }
    let reasoning = own.number("gen_ai.usage.reasoning.output_tokens");
    let call = CallReported {
        status,
        error,
        http_status,
        finish_reason: own.texts("gen_ai.response.finish_reasons").first().cloned(),
        ttfc_ns: to_chunk,
        e2e_ns: whole,
        usage: Usage {
            prompt_tokens: count(["gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"]),
            cached_prompt_tokens: own.count("gen_ai.usage.cache_read.input_tokens"),
            output_tokens: count(["gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"]),
        },
        request: own.text("gen_ai.input.messages").map(str::to_owned),
        answer: own.text("gen_ai.output.messages").and_then(span::answer),
        stated: reasoning.map(|it| ("reasoning_tokens".to_owned(), it)).into_iter().collect(),
        ..bare_call(0, Stage::Other)
    };
    Ok((start, call))
}

/// Returns how a call ended. A finish reason of `error` is what instrumentations write for
/// a stream that ended before its final event, with no other sign of it.
fn outcome(found: &Found<'_>) -> (CallStatus, Option<u16>, Option<String>) {
    let kind = found.attributes.text("error.type");
    let message = found.status_message();
    let broke =
        found.attributes.texts("gen_ai.response.finish_reasons").iter().any(|it| it == "error");
    if kind.is_none() && !found.is_error() {
        let error = broke.then(|| "the finish reason is `error`: the stream broke off".to_owned());
        let status = if broke { CallStatus::Truncated } else { CallStatus::Completed };
        return (status, None, error);
    }
    let text = [kind, message].into_iter().flatten().collect::<Vec<_>>().join(": ");
    let code = kind.and_then(|kind| kind.parse().ok());
    if let Some(code) = code.filter(|code| failure::is_http_failure(*code)) {
        return (CallStatus::HttpError, Some(code), Some(text));
    }
    let (status, http_status) = failure::status(&text);
    (status, http_status, Some(text).filter(|it| !it.is_empty()))
}

impl Group<'_> {
    fn execution(self, key: Key, files: &[SourceFile]) -> Execution {
        let first = self.calls.iter().map(|(start, _)| *start).min().unwrap_or_default();
        let calls = self
            .calls
            .into_iter()
            .map(|(start, call)| CallReported { sent_after_ns: since(first, start), ..call });
        let mut findings = self.findings;
        self.repeated.into_findings(&mut findings);
        let part = client(self.implementation, numbered(calls.collect()));
        let mut reported = run_reported(self.path, String::new());
        reported.at = Some(first.to_string());
        reported.at_is = Some("the begin of the first call, in ns since 1970".to_owned());
        let api = match &*key.operation {
            "text_completion" => Api::OpenaiCompletions,
            _ => Api::OpenaiChat,
        };
        Execution {
            sources: self
                .files
                .iter()
                .filter_map(|at| files.get(*at))
                .map(SourceFile::listed)
                .collect(),
            session: key.process,
            at: first,
            subject: Subject::new(api, &key.model, key.url.as_deref()),
            levels: self.levels,
            workload: String::new(),
            measured: Measured { reported, parts: vec![part] },
            findings,
            not_recorded: NOT_RECORDED.to_vec(),
        }
    }
}

impl Found<'_> {
    /// Returns the name of what instrumented the application.
    fn scope(&self) -> String {
        let name = self.scope.and_then(|it| it.name.as_deref()).unwrap_or("OpenTelemetry");
        match self.scope.and_then(|it| it.version.as_deref()) {
            Some(version) => format!("{name} {version}"),
            None => name.to_owned(),
        }
    }
}

/// Spans have few attributes, and each is looked for by name.
impl Attributes {
    fn count(&self, name: &str) -> Option<u64> {
        u64::try_from(self.integer(name)?).ok()
    }
}
