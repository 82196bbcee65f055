//! Every number of every file, against `data/expected.json`.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use tachograph_import::{ImportedRun, SourceFile};
use tachograph_model::event::CallReported;
use tachograph_model::units::DurationNs;

use crate::support::{file, read, said};

fn expected() -> BTreeMap<String, Vec<Value>> {
    serde_json::from_slice(&file("expected.json").bytes).unwrap()
}

/// Returns a call in the form of the expected numbers, absent values left out.
fn numbers(call: &CallReported) -> Value {
    let ns = |it: Option<DurationNs>| json!(it.map(|it| it.0));
    let timings = &call.server_timings;
    let gaps: Vec<u64> = call.gaps_ns.iter().map(|gap| gap.0).collect();
    let gaps = if gaps.is_empty() { Value::Null } else { json!(gaps) };
    let all = [
        ("status", json!(call.status.name())),
        ("stage", json!(call.stage.name())),
        ("sent_after_ns", ns(call.sent_after_ns)),
        ("ttft_ns", ns(call.ttft_ns)),
        ("ttfc_ns", ns(call.ttfc_ns)),
        ("e2e_ns", ns(call.e2e_ns)),
        ("decode_ns", ns(call.decode_ns)),
        ("gaps_ns", gaps),
        ("finish_reason", json!(call.finish_reason)),
        ("total_ns", ns(timings.total_ns)),
        ("load_ns", ns(timings.load_ns)),
        ("prompt_eval_ns", ns(timings.prompt_eval_ns)),
        ("eval_ns", ns(timings.eval_ns)),
        ("prompt_tokens", json!(call.usage.prompt_tokens)),
        ("cached_prompt_tokens", json!(call.usage.cached_prompt_tokens)),
        ("output_tokens", json!(call.usage.output_tokens)),
    ];
    let known = all.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(known.map(|(name, value)| (name.to_owned(), value)).collect())
}

fn run(run: &ImportedRun) -> Value {
    let said = said(run);
    let mut all = Map::from_iter([
        ("place".to_owned(), json!(said.run.place)),
        ("wall_ns".to_owned(), json!(said.run.wall_ns.map(|it| it.0))),
        ("calls".to_owned(), said.calls.iter().map(numbers).collect()),
    ]);
    if let Some(means) = said.agent.means {
        assert_eq!(means.server_decode_rate, None);
        let means = json!({"n_calls": means.n_calls, "ttft_ms": means.ttft_ms,
            "output_tokens": means.output_tokens});
        all.insert("means".to_owned(), means);
    }
    Value::Object(all)
}

/// Returns the files that are imported together with one: those of its folder, for `AIPerf`.
fn with_companions(name: &str) -> Vec<SourceFile> {
    let mut files = vec![file(name)];
    if let Some(folder) = name.strip_suffix("/profile_export.jsonl") {
        files.push(file(&format!("{folder}/profile_export_aiperf.json")));
    }
    files
}

#[test]
fn every_number_is_that_of_the_file() {
    let expected = expected();
    assert!(expected.len() > 15, "{}", expected.len());
    for (name, mut runs) in expected {
        let snapshot = read(&with_companions(&name));
        let sets = snapshot.sets.iter();
        let mut found: Vec<Value> = sets.flat_map(|set| &set.runs).map(run).collect();
        for all in [&mut found, &mut runs] {
            all.sort_by_key(ToString::to_string);
        }
        for (found, expected) in found.iter().zip(&runs) {
            assert_eq!(found, expected, "{name}");
        }
        assert_eq!(found.len(), runs.len(), "{name}");
    }
}

#[test]
fn files_that_the_tools_wrote_agree_with_themselves_but_where_they_do_not() {
    let mut wrong: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for name in expected().into_keys() {
        for set in read(&with_companions(&name)).sets {
            wrong.entry(name.clone()).or_default().extend(crate::support::defects(&set));
        }
    }
    wrong.retain(|_, defects| !defects.is_empty());
    let texts: Vec<String> = wrong.into_values().flatten().collect();
    // AIPerf calls a broken-off answer completed; GuideLLM drops requests that it cancelled
    // from its records; a converter of protobuf writes identifiers in base64.
    assert_eq!(
        texts,
        [
            "aiperf/failed/profile_export.jsonl line 8: no token count of the server, which it gives in \
             other answers: the stream ended before its final record; the source counts it as completed \
             (kept as truncated)",
            "guidellm/cancelled.json /benchmarks/0/scheduler_metrics/requests_made/incomplete: 62 \
             incomplete requests were made, and 2 are recorded (imported as what is recorded)",
            "otel/ok-base64.json line 1/resourceSpans/0/scopeSpans/0/spans/0/traceId: its identifiers are \
             in base64, and OTLP asks for hexadecimal (read as such)",
        ]
    );
}
