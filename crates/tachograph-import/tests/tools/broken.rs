//! Files that are cut, of another tool, or hold impossible numbers are refused by name and
//! place; nothing makes an importer panic.

use proptest::prelude::*;
use serde_json::json;
use tachograph_import::{SourceFile, import};
use tachograph_model::event::Recorded;
use tachograph_model::plan::imported::ImportKind;
use tachograph_model::plan::parse;

use crate::support::{changed, changed_line, error, file, kind, one, read};

/// A file of each kind.
const FILES: [&str; 7] = [
    "guidellm/failed.json",
    "aiperf/failed/profile_export.jsonl",
    "aiperf/warmup/profile_export_aiperf.json",
    "vllm/failed.json",
    "llama-bench/base.json",
    "llama-bench/rows.jsonl",
    "otel/failed.jsonl",
];

#[test]
fn a_byte_order_mark_changes_nothing() {
    for name in FILES {
        let plain = file(name);
        let bytes = [b"\xef\xbb\xbf", &*plain.bytes].concat();
        let marked = SourceFile { path: name.to_owned(), bytes };
        let (plain, marked) = (read(&[plain]), read(&[marked]));
        for (one, other) in plain.sets.iter().zip(&marked.sets) {
            assert_eq!(one.runs, other.runs, "{name}");
        }
        assert_eq!(plain.sets.len(), marked.sets.len());
    }
}

#[test]
fn a_file_that_is_cut_off_is_called_so() {
    for name in FILES {
        let mut cut = file(name);
        cut.bytes.truncate(cut.bytes.len() * 2 / 3);
        let message = error(&[cut]);
        assert!(message.starts_with(&format!("{name}, line ")), "{message}");
        assert!(message.contains("the file is cut off; fetch it again"), "{message}");
    }
}

#[test]
fn an_array_that_llama_bench_did_not_close_is_explained() {
    let message = error(&[file("llama-bench/cut.json")]);
    assert!(message.contains("llama-bench stopped at a test that failed"), "{message}");
    let mut closed = file("llama-bench/cut.json");
    closed.bytes.extend(b"]");
    assert_eq!(one(&[closed]).runs.len(), 1);
}

#[test]
fn results_of_another_tool_are_named() {
    for name in FILES {
        let own = kind(name);
        for other in ImportKind::ALL.into_iter().filter(|it| *it != own) {
            if other == ImportKind::Chimeraforge {
                continue;
            }
            let message = import(other, &[file(name)]).unwrap_err().to_string();
            let words = format!("not of {other}: import it as `{own}`");
            assert!(message.contains(&words) && message.contains(name), "{message}");
        }
    }
    for (bytes, words) in [
        (&b"{\"a\": 1}"[..], "it holds nothing that vllm writes"),
        (b"{\"resourceMetrics\": []}", "metrics or logs of OpenTelemetry, and no spans"),
        (b"hello", "no JSON"),
    ] {
        let path = if bytes == b"hello" { "a.log" } else { "a.json" };
        let given = SourceFile { path: path.to_owned(), bytes: bytes.to_vec() };
        let message = import(ImportKind::Vllm, &[given]).unwrap_err().to_string();
        assert!(message.contains(words), "{message}");
    }
}

#[test]
fn an_empty_file_is_called_so() {
    let given = SourceFile { path: "a.json".to_owned(), bytes: b" \n".to_vec() };
    let message = import(ImportKind::Otel, &[given]).unwrap_err().to_string();
    assert_eq!(message, "a.json: the file is empty; fetch it again");
}

#[test]
fn numbers_that_json_does_not_have_are_named_with_their_place() {
    let with = |name: &str, from: &str, to: &str| {
        let text = String::from_utf8(file(name).bytes).unwrap();
        assert!(text.contains(from), "{name}");
        SourceFile { path: name.to_owned(), bytes: text.replacen(from, to, 1).into_bytes() }
    };
    for (name, from, to, words) in [
        ("vllm/failed.json", "0.2726474800001597", "NaN", "NaN is no number of JSON; write null"),
        ("vllm/failed.json", "0.2726474800001597", "-Infinity", "Infinity is no number of JSON"),
        ("vllm/failed.json", "0.2726474800001597", "1e400", "number out of range"),
        ("vllm/failed.json", "0.2726474800001597", "-0.5", "/ttfts/0: -0.5 s is no duration"),
        ("vllm/failed.json", "0.2726474800001597", "1e30", "s is no duration"),
        ("vllm/failed.json", "0.4371742389994324", "-1", "/duration: -1 s is no duration"),
        ("llama-bench/base.json", "174383803", "0", "/0/samples_ns/0: 0 ns is no duration"),
        ("llama-bench/base.json", "174383803", "1e400", "number out of range"),
        (
            "llama-bench/base.json",
            "\"n_prompt\": 16",
            "\"n_prompt\": 18446744073709551615",
            "is no count",
        ),
        (
            "aiperf/plain/profile_export.jsonl",
            "26.896794999999997",
            "-1",
            "line 1/metrics/time_to_first_token: -1 ms",
        ),
        ("aiperf/plain/profile_export.jsonl", "26.896794999999997", "1e400", "line 1, column"),
        (
            "otel/ok.jsonl",
            "\"1795765164098805647\"",
            "\"-5\"",
            "startTimeUnixNano: a call has no such instant",
        ),
        ("otel/ok.jsonl", "0.05019392099984543", "-2", "time_to_first_chunk: -2 s is no duration"),
        (
            "guidellm/concurrent.json",
            "\"total_tokens\": 14",
            "\"total_tokens\": -3",
            "/input_metrics/total_tokens: -3 is no count",
        ),
    ] {
        let message = error(&[with(name, from, to)]);
        assert!(message.contains(words) && message.starts_with(name), "{to}: {message}");
    }
}

#[test]
fn what_does_not_fit_together_is_named() {
    let message = error(&[changed("vllm/detailed.json", |it| {
        it["ttfts"].as_array_mut().unwrap().pop();
    })]);
    assert!(message.starts_with("vllm/detailed.json, /ttfts: 3 values"), "{message}");
    let message = error(&[changed("vllm/detailed.json", |it| {
        it.as_object_mut().unwrap().remove("errors");
    })]);
    assert!(message.contains("/errors: no values, and another array"), "{message}");
    let message =
        error(&[changed("guidellm/failed.json", |it| it["metadata"]["version"] = json!(1))]);
    assert!(
        message.contains("/metadata/version: this program reads reports of version 2"),
        "{message}"
    );
    let message = error(&[changed_line("aiperf/plain/profile_export.jsonl", 2, |record| {
        record["metrics"]["request_latency"]["unit"] = json!("fortnights");
    })]);
    assert!(
        message.contains("line 3/metrics/request_latency: its unit is \"fortnights\""),
        "{message}"
    );
    let message = error(&[changed("vllm/detailed.json", |it| {
        let it = it.as_object_mut().unwrap();
        for name in ["total_output_tokens", "output_lens", "ttfts", "itls"] {
            it.remove(name);
        }
    })]);
    assert!(message.contains("a model that generates no text"), "{message}");
}

/// Replaces one scalar of a JSON value, whichever the number falls on.
fn mutilate(value: &mut serde_json::Value, at: &mut usize, with: &serde_json::Value) {
    match value {
        serde_json::Value::Array(all) if !all.is_empty() => {
            if *at == 0 {
                all.pop();
            }
            *at = at.wrapping_sub(1);
            for it in all {
                mutilate(it, at, with);
            }
        }
        serde_json::Value::Object(all) => {
            for it in all.values_mut() {
                mutilate(it, at, with);
            }
        }
        scalar => {
            if *at == 0 {
                *scalar = with.clone();
            }
            *at = at.wrapping_sub(1);
        }
    }
}

/// Imports a file; it is refused, or what is imported can be written as a study.
fn sound(given: &SourceFile) {
    let Ok(snapshot) = import(kind(&given.path), std::slice::from_ref(given)) else { return };
    for set in snapshot.sets {
        let text = parse::written(&set.plan).unwrap();
        assert_eq!(parse::parse(&text).unwrap().plan, set.plan);
        for recorded in set.runs.iter().flat_map(|run| &run.events) {
            let line = serde_json::to_string(recorded).unwrap();
            assert_eq!(&serde_json::from_str::<Recorded>(&line).unwrap(), recorded);
        }
    }
}

fn odd() -> impl Strategy<Value = serde_json::Value> {
    prop_oneof![
        Just(json!(null)),
        Just(json!(-1)),
        Just(json!(0)),
        Just(json!(1e308)),
        Just(json!(-1e-300)),
        Just(json!(u64::MAX)),
        Just(json!(i64::MIN)),
        Just(json!("")),
        Just(json!("ä\u{0}")),
        Just(json!([])),
        Just(json!({})),
        Just(json!(true)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_bytes_make_an_importer_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..200),
        opening in prop::sample::select(vec!["", "{", "[", "[{", "{\"resourceSpans\":[", "{\"benchmarks\":"]),
    ) {
        let bytes = [opening.as_bytes(), &bytes].concat();
        let given = [SourceFile { path: "a.json".to_owned(), bytes }];
        for kind in ImportKind::ALL {
            prop_assert!(import(kind, &given).is_err());
        }
    }

    #[test]
    fn no_cut_or_flipped_byte_makes_an_importer_panic(
        name in prop::sample::select(FILES.to_vec()),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        cuts in any::<bool>(),
    ) {
        let mut given = file(name);
        let index = at.index(given.bytes.len());
        given.bytes[index] = byte;
        if cuts {
            given.bytes.truncate(cut.index(given.bytes.len()));
        }
        sound(&given);
    }

    #[test]
    fn no_odd_value_makes_an_importer_panic(
        name in prop::sample::select(FILES.to_vec()),
        at in any::<prop::sample::Index>(),
        with in odd(),
    ) {
        let given = file(name);
        let text = String::from_utf8(given.bytes).unwrap();
        let n_scalars = text.matches([',', ':', '[']).count().max(1);
        let mut at = at.index(n_scalars);
        let mut lines = Vec::new();
        let values = serde_json::Deserializer::from_str(&text).into_iter::<serde_json::Value>();
        for value in values {
            let mut value = value.unwrap();
            mutilate(&mut value, &mut at, &with);
            lines.push(value.to_string());
        }
        let bytes = lines.join("\n").into_bytes();
        let given = SourceFile { path: name.to_owned(), bytes };
        sound(&given);
    }
}
