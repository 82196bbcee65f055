//! The agents in Python beside the native one, on one server: whoever compares them must
//! be able to rely on their sending the same requests and making the same reports.
//!
//! Needs a Python, and says so where there is none. The environment is that of
//! `tachograph-python`'s tests, in the target folder.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tachograph_model::call::{CallRecord, assemble};
use tachograph_model::event::{ChunkKind, Event};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::{Api, ConnectionMode};
use tachograph_model::task::Task;
use tachograph_python::{PythonError, prepare_for_tests};
use tachograph_serve::{RunningServer, SimulatedConfig, SimulatedServer};

use crate::{artifact, shape, task, work_on};

/// Returns a Python with both client libraries; `None` where there is no Python at all.
#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn python() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-agents");
    match prepare_for_tests(&directory, |line| eprintln!("{line}")) {
        Ok(environment) => Some(environment.python),
        Err(
            error @ (PythonError::NotFound | PythonError::Old { .. } | PythonError::NoVenv { .. }),
        ) => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("this test installs pinned packages with pip, once: {error}"),
    }
}

fn server() -> RunningServer {
    let config = SimulatedConfig {
        model: "tiny".to_owned(),
        load_ns: 100_000,
        loaded_check_ns: 10_000,
        prompt_base_ns: 10_000,
        prompt_token_ns: 100,
        output_token_ns: 20_000,
        ..SimulatedConfig::default()
    };
    SimulatedServer::start(config).unwrap()
}

/// Runs the agent in Python and returns its events.
fn run(python: &Path, client: &str, task: &Task) -> Vec<Event> {
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/python/src");
    let mut child = Command::new(python)
        .args(["-B", "-m", "tachograph_agent", "--client", client])
        .env("PYTHONPATH", package)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    writeln!(input, "{}", serde_json::to_string(task).unwrap()).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{client}: {}", output.status);
    let output = String::from_utf8(output.stdout).unwrap();
    output.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What two agents must have in common of a call.
fn answer(call: &CallRecord) -> (Vec<(ChunkKind, Option<String>)>, String) {
    let chunks = call.chunks.iter().map(|chunk| (chunk.kind, chunk.text.clone())).collect();
    let finished = &call.finished;
    let end = format!(
        "{:?} {:?} {:?} {:?} {} {}",
        finished.status,
        finished.error,
        finished.finish_reason,
        (finished.usage.prompt_tokens, finished.usage.output_tokens),
        finished.output_sha256,
        call.sent.nonce.as_deref().unwrap_or("no nonce"),
    );
    (chunks, end)
}

/// The report without the columns of the table of calls that are measured.
fn report(events: &[Event]) -> String {
    let unmeasured = |line: &str| {
        let cells: Vec<&str> = line.split('|').collect();
        let is_call = cells.len() == 10 && cells[1].trim().parse::<u32>().is_ok();
        if is_call { [&cells[..4], &cells[6..8]].concat().join("|") } else { line.to_owned() }
    };
    artifact(events).lines().map(unmeasured).collect::<Vec<_>>().join("\n")
}

/// The files, as each agent says it read them or left them out. What is wrong with a JSON
/// document each says in the words of its parser, so that only the path is kept.
fn files(events: &[Event]) -> Vec<String> {
    let said = |event: &Event| match event {
        Event::FileIngested(file) => {
            Some(format!("{} {:?} {} {}", file.path, file.kind, file.bytes, file.sha256))
        }
        Event::FileSkipped(skipped) => {
            let is_json = skipped.reason.contains("malformed JSON");
            let reason = if is_json { "malformed JSON" } else { &skipped.reason };
            Some(format!("{}: {reason}", skipped.path))
        }
        _ => None,
    };
    events.iter().filter_map(said).collect()
}

/// Holds an agent in Python against the native one.
fn check(python: &Path, client: &str, task: &Task) {
    let place = format!("{client} {:?}", task.server.api);
    let (code, native, errors) = work_on(&serde_json::to_string(task).unwrap(), &|_| None);
    assert_eq!((code, &*errors), (0, ""), "{place}");
    let other = run(python, client, task);
    assert_eq!(shape(&other), shape(&native), "{place}");
    assert_eq!(files(&other), files(&native), "{place}");
    let calls = (assemble(&native).0, assemble(&other).0);
    assert_eq!((calls.0.len(), calls.1.len()), (3, 3), "{place}");
    for (native, other) in calls.0.iter().zip(&calls.1) {
        same_call(&place, client, native, other);
    }
    let without_json_errors = |text: String| {
        text.lines().filter(|line| !line.contains("malformed JSON")).collect::<Vec<_>>().join("\n")
    };
    let reports = (without_json_errors(report(&other)), without_json_errors(report(&native)));
    assert_eq!(reports.0, reports.1, "{place}");
}

/// Holds a call of an agent in Python against the native one's.
fn same_call(place: &str, client: &str, native: &CallRecord, other: &CallRecord) {
    if client == "httpx" {
        assert_eq!(other.sent.request, native.sent.request, "{place}");
        assert_eq!(other.sent.parity_sha256, native.sent.parity_sha256, "{place}");
    } else {
        let parsed = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let mut expected = parsed(&native.sent.request);
        if native.sent.api == Api::OllamaChat {
            // The official client adds it to every chat; parity sees that.
            expected["tools"] = Value::Array(Vec::new());
        }
        assert_eq!(parsed(&other.sent.request), expected, "{place}");
    }
    assert_eq!(answer(other), answer(native), "{place}");
    assert_eq!(other.sent.connection, native.sent.connection, "{place}");
}

#[test]
fn the_agents_in_python_send_the_same_requests_and_make_the_same_reports() {
    let Some(python) = python() else { return };
    let server = server();
    let folder = tempfile::tempdir().unwrap();
    write_odd_files(folder.path());
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../samples");
    for (input, summary_bytes) in [(folder.path(), 20_000), (&samples, 800)] {
        for api in [Api::OllamaGenerate, Api::OllamaChat, Api::OpenaiChat, Api::OpenaiCompletions] {
            let mut task = task(server.url(), input);
            task.summary_bytes = summary_bytes;
            task.server.api = api;
            task.warmup_calls = 1;
            let limit = if api.is_ollama() { "num_predict" } else { "max_tokens" };
            task.options = [
                (limit.to_owned(), OptionValue::Integer(24)),
                ("seed".to_owned(), OptionValue::Integer(7)),
                ("temperature".to_owned(), OptionValue::Float(0.000_012_5)),
                ("top_p".to_owned(), OptionValue::Float(1.0)),
                ("stop".to_owned(), OptionValue::Texts(vec!["</é>\u{2028}\u{1}".to_owned()])),
            ]
            .into();
            check(&python, "httpx", &task);
            if api.is_ollama() {
                task.connection = ConnectionMode::Keepalive;
                check(&python, "ollama", &task);
            }
        }
    }
}

/// Writes files that two readers could understand in two ways.
fn write_odd_files(folder: &Path) {
    let deep = "[".repeat(127) + &"]".repeat(127);
    let too_deep = "[".repeat(128) + &"]".repeat(128);
    let wide = "c,".repeat(80) + "c\n" + &"1.5,".repeat(80) + "2\n";
    let long = format!("{{\"{}\": 1.25, \"{}b\": 2}}", "é".repeat(40), "é".repeat(40));
    let files: [(&str, &str); 44] = [
        ("bare_return.csv", "a,b\r1,2\r3,4\r"),
        ("bare_return_short.csv", "a,b\r1,2\r3\r"),
        ("blank_short.csv", "\n\na,b\n\n\n1\n"),
        ("blank_lines.csv", "\n\na,b\n\n1,2\n\n\n3,4"),
        ("bom.csv", "\u{feff}a,b\n1,2\n"),
        ("crlf.csv", "a,b\r\n1.5,x\r\n2.5,y\r\n"),
        ("crlf_short.csv", "a,b\r\n1,2\r\n3\r\n"),
        ("deep.json", &deep),
        ("doubled.csv", "a,a,b\n1,2,\"x \"\"y\"\"\"\n"),
        ("duplicate.json", "{\"a\":1,\"a\":2,\"b\":{\"a\":3,\"a\":\"x\"}}"),
        ("empty.csv", ""),
        ("empty.json", ""),
        ("empty.md", ""),
        ("empty_header.csv", " ,\n1,2\n"),
        ("escaped_surrogate.json", "{\"a\":\"\\ud800\"}"),
        ("escaped_pair.json", "{\"\\ud83d\\ude00\":1}"),
        ("fences.md", "  ```\n# no\n```\n# yes\r\n## \u{3000}two \n####### no\n#no\n###### six"),
        ("float.json", "{\"a\":[1e2,-0,0.1,1E-7,123456789012345678901234567890],\"b\":-0}"),
        ("huge.json", "[1e999]"),
        ("huge_integer.json", "{\"a\":18446744073709551616,\"b\":-9223372036854775809}"),
        ("infinite_sum.csv", "a\n1e308\n1e308\n"),
        ("long.json", &long),
        ("mixed.csv", "a,b,c\n1,,x\n2, \t,\n,3,\n"),
        ("nan.json", "{\"a\":NaN}"),
        ("negative.csv", "a,b\n-1.5,-0\n-2.5,-0\n"),
        ("nested.json", "{\"a\":{\"b\":[{\"c\":1},{\"c\":2.5},{\"d\":null}]},\"e\":[[1],[2,3]]}"),
        ("newline.csv", "a,b\n\"1\n2\",3\n4,5\n"),
        ("newline_short.csv", "a,b\n\"1\n2\",3\n4\n"),
        ("numbers.csv", "a,b,c,d,e,f\n1e3,+1,.5,5.,1_0,0x1\n2.5E-2, 7\t,1,1,1,1\n"),
        ("open_quote.csv", "a,b\n1,\"2\n"),
        ("quote_inside.csv", "a,b\n1,x\"y\"\n2,\"x\"y\n"),
        ("scalar.json", " 3 "),
        ("separators.csv", "a\u{1c},\u{85}b\u{a0}\n1,\u{2003}\n2,\u{1f}\n"),
        ("separators.md", "# a\u{b}b\n# c\u{2028}# d\n# \u{1c}e\u{1c}\n"),
        ("sum.csv", "a\n0.1\n0.2\n0.3\n0.4\n0.5\n0.6\n0.7\n1e16\n1\n-1e16\n"),
        ("text.json", "\"only text\""),
        ("too_deep.json", &too_deep),
        ("trailing.json", "{} {}"),
        ("truth.json", "{\"a\":true,\"b\":false,\"c\":null,\"d\":[],\"e\":{}}"),
        ("UPPER.CSV", "a\n1\n"),
        ("white.json", "\u{b}{}"),
        ("wide.csv", &wide),
        ("é/ü.md", "# ü\n"),
        ("Z/a.txt", "not read"),
    ];
    for (name, text) in files {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(folder.join("latin.md"), b"# a\n\n# \xe4\n").unwrap();
}
