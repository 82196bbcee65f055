//! The native agent, probes and doctor, in this process, against small servers.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod barrier;
#[path = "../support/ollama.rs"]
mod ollama;
mod python;
mod servers;

use std::fs;
use std::path::Path;

use tachograph_model::call::assemble;
use tachograph_model::digest::Digest;
use tachograph_model::event::{CallStatus, Event, Stage, WorkflowOutcome};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::{Api, ConnectionMode, PromptCache, Timeouts};
use tachograph_model::task::{PROTOCOL, ServerTask, Task};
use tachograph_run::agent::ingest::{Ingested, ingest, scan};
use tachograph_run::agent::summary::summary;
use tachograph_run::worker;

use self::ollama::{Behaviour, Ollama};

fn input() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    fs::write(folder.path().join("a.csv"), "run,ttft_ms\n1,12.5\n2,13.5\n").unwrap();
    fs::write(folder.path().join("b/bad.json"), "{\n  \"x\":\n").unwrap();
    fs::write(folder.path().join("b/notes.md"), "# Notes\n").unwrap();
    folder
}

fn task(url: &str, input: &Path) -> Task {
    Task {
        protocol: PROTOCOL,
        run: "baseline_default/run_001".to_owned(),
        agent: "analyst".to_owned(),
        input: input.to_str().unwrap().to_owned(),
        summary_bytes: 800,
        prompts: None,
        barrier: false,
        server: ServerTask {
            name: "main".to_owned(),
            url: url.to_owned(),
            api: Api::OllamaGenerate,
            model: "tiny".to_owned(),
            api_key_env: None,
        },
        options: [("num_predict".to_owned(), OptionValue::Integer(64))].into(),
        warmup_calls: 0,
        connection: ConnectionMode::Fresh,
        prompt_cache: PromptCache::Nonce,
        nonce: Some("quick/0".to_owned()),
        timeouts: Timeouts::default(),
    }
}

/// Runs a worker and returns its exit code, its events and its complaints.
fn work(task: &Task) -> (u8, Vec<Event>, String) {
    work_on(&serde_json::to_string(task).unwrap(), &|_| None)
}

fn work_on(line: &str, env: &dyn Fn(&str) -> Option<String>) -> (u8, Vec<Event>, String) {
    let (mut output, mut errors) = (Vec::new(), Vec::new());
    let code = worker::main(line.as_bytes(), &mut output, &mut errors, env);
    let output = String::from_utf8(output).unwrap();
    let events = output.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    (code, events, String::from_utf8(errors).unwrap())
}

/// The events by name, chunks left out.
fn shape(events: &[Event]) -> String {
    let name = |event: &Event| match event {
        Event::Ready(_) => Some("ready".to_owned()),
        Event::Clock(_) => Some("clock".to_owned()),
        Event::FileIngested(file) => Some(format!("+{}", file.path)),
        Event::FileSkipped(file) => Some(format!("-{}", file.path)),
        Event::StageStarted(mark) => Some(format!("<{}", mark.stage.name())),
        Event::StageFinished(mark) => Some(format!("{}>", mark.stage.name())),
        Event::CallSent(sent) => Some(format!("call{}", sent.call)),
        Event::Chunk(_) => None,
        Event::CallFinished(finished) => Some(finished.status.name().to_owned()),
        Event::Artifact(artifact) => Some(artifact.name.clone()),
        Event::Waiting(_) => Some("waiting".to_owned()),
        Event::Done(done) => Some(format!("{:?}", done.outcome)),
        other => Some(format!("{other:?}")),
    };
    events.iter().filter_map(name).collect::<Vec<_>>().join(" ")
}

fn artifact(events: &[Event]) -> &str {
    events
        .iter()
        .find_map(|event| match event {
            Event::Artifact(artifact) => Some(&*artifact.content),
            _ => None,
        })
        .unwrap()
}

#[test]
fn the_workflow_makes_two_calls_and_a_report() {
    let server = Ollama::start(Behaviour::default());
    let folder = input();
    let (code, events, errors) = work(&task(&server.url, folder.path()));
    assert_eq!((code, &*errors), (0, ""));
    assert_eq!(
        shape(&events),
        "ready clock <ingest +a.csv -b/bad.json +b/notes.md ingest> \
         <analysis call0 completed analysis> <report call1 completed report> \
         report.md clock Completed"
    );
    let (calls, n_unfinished) = assemble(&events);
    assert_eq!((calls.len(), n_unfinished), (2, 0));
    assert_eq!((calls[0].sent.stage, calls[1].sent.stage), (Stage::Analysis, Stage::Report));

    let body: serde_json::Value = serde_json::from_str(&calls[0].sent.request).unwrap();
    assert_eq!(body, server.bodies()[0]);
    assert_eq!(body["options"]["num_predict"], 64);
    let prompt = body["prompt"].as_str().unwrap();
    let expected = "162 785 951 534\n\
        You are a performance analyst. Below is a summary of benchmark result files.\n\n\
        Files: 2 (1 csv, 0 json, 1 markdown), 34 bytes; 1 skipped.\n\
        - a.csv (2 rows): ttft_ms mean 13 (12.50 to 13.50); run mean 1.50 (1 to 2)\n\
        - b/notes.md (1 heading): Notes\n";
    assert!(prompt.starts_with(expected), "{prompt}");
    let report = server.bodies()[1]["prompt"].as_str().unwrap().to_owned();
    assert!(
        report.contains("Summary: all good.\n\nKey findings:\n- rate is 88 tok/s\n"),
        "{report}"
    );
    assert!(report.contains("Recommendations:\n- keep it\n"), "{report}");

    let skipped = events.iter().find_map(|event| match event {
        Event::FileSkipped(skipped) => Some(&*skipped.reason),
        _ => None,
    });
    assert_eq!(skipped, Some("line 3, column 0: malformed JSON: EOF while parsing a value"));
    let report = artifact(&events);
    assert!(report.contains("The workflow was completed."), "{report}");
    assert!(report.contains("| 1 | report | completed |"), "{report}");
    assert!(report.contains("| b/bad.json | line 3, column 0: malformed JSON"), "{report}");
}

/// The expected texts come from another implementation, written from the rules: with
/// `PYTHONPATH=agents/python/src`, `python3 -m tachograph_agent.summary samples BYTES`.
#[test]
fn the_summary_of_the_samples_can_be_made_elsewhere() {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = crate_folder.join("../../samples");
    let read = scan(&folder);
    let files: Vec<Ingested> = read.iter().filter_map(|it| ingest(&folder, it).ok()).collect();
    for bytes in [300, 800, 20_000] {
        let name = format!("tests/agents/reference/samples_{bytes}.txt");
        let expected = fs::read_to_string(crate_folder.join(name)).unwrap();
        assert_eq!(summary(&files, read.len() - files.len(), bytes), expected);
    }
}

#[test]
fn nonces_differ_and_parity_does_not() {
    let server = Ollama::start(Behaviour::default());
    let folder = input();
    let mut task = task(&server.url, folder.path());
    let calls = |task: &Task| assemble(&work(task).1).0;
    let first = calls(&task);
    task.nonce = Some("quick/1".to_owned());
    let second = calls(&task);
    task.prompt_cache = PromptCache::On;
    task.nonce = None;
    let plain = calls(&task);
    for i in 0..2 {
        assert_ne!(first[i].sent.request_sha256, second[i].sent.request_sha256);
        assert_eq!(first[i].sent.parity_sha256, second[i].sent.parity_sha256);
        assert_eq!(plain[i].sent.request_sha256, plain[i].sent.parity_sha256);
        assert_eq!(plain[i].sent.parity_sha256, first[i].sent.parity_sha256);
        assert_eq!(first[i].sent.request_sha256, Digest::of(first[i].sent.request.as_bytes()));
    }
    assert_eq!(first[0].sent.nonce.as_deref(), Some("162 785 951 534\n"));
    assert_ne!(first[0].sent.nonce, first[1].sent.nonce);
    assert_eq!(plain[0].sent.nonce, None);
}

#[test]
fn what_cannot_be_sent_is_said() {
    let server = Ollama::start(Behaviour::default());
    let folder = input();
    let mut task = task(&server.url, folder.path());
    task.server.api = Api::OpenaiChat;
    task.options.insert("num_ctx".to_owned(), OptionValue::Integer(512));
    let (code, events, errors) = work(&task);
    assert_eq!(code, 0);
    assert!(errors.contains("`num_ctx` cannot be set over /v1"), "{errors}");
    let (calls, _) = assemble(&events);
    assert!(!calls[0].sent.request.contains("num_ctx"));
    assert_eq!(calls[0].finished.http_status, Some(404), "this server has no such route");
    task.server.api = Api::OllamaGenerate;
    task.prompt_cache = PromptCache::Off;
    assert_eq!(work(&task).2, "", "the harness knows how the server was started");
}

#[test]
fn warm_up_comes_first_and_is_marked() {
    let server = Ollama::start(Behaviour::default());
    let folder = input();
    let mut task = task(&server.url, folder.path());
    task.warmup_calls = 2;
    let (_, events, _) = work(&task);
    assert!(
        shape(&events).starts_with(
            "ready clock <warmup call0 completed call1 completed warmup> <ingest +a.csv"
        ),
        "{}",
        shape(&events)
    );
    let (calls, _) = assemble(&events);
    let stages: Vec<Stage> = calls.iter().map(|call| call.sent.stage).collect();
    assert_eq!(stages, [Stage::Warmup, Stage::Warmup, Stage::Analysis, Stage::Report]);
}

#[test]
fn a_call_that_fails_ends_the_calls_and_is_reported() {
    let behaviour = Behaviour { failing_call: Some(0), ..Behaviour::default() };
    let server = Ollama::start(behaviour);
    let folder = input();
    let (code, events, _) = work(&task(&server.url, folder.path()));
    assert_eq!(code, 0, "a failed call is a result");
    assert!(
        shape(&events).ends_with("<analysis call0 http_error analysis> report.md clock CallFailed"),
        "{}",
        shape(&events)
    );
    let report = artifact(&events);
    assert!(report.contains("**The analysis call ended as http_error:"), "{report}");
    assert!(report.contains("out of memory"), "{report}");
    assert!(report.contains("| a.csv | CSV |"), "what was read is still shown: {report}");
}

#[test]
fn a_server_that_is_not_there_is_a_failed_call() {
    let folder = input();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let (code, events, _) = work(&task(&url, folder.path()));
    assert_eq!(code, 0);
    let (calls, _) = assemble(&events);
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].finished.status, CallStatus::ConnectError);
    assert!(
        matches!(events.last(), Some(Event::Done(done)) if done.outcome == WorkflowOutcome::CallFailed)
    );
}

#[test]
fn a_server_that_says_nothing_is_left() {
    let server = Ollama::start(Behaviour { hangs: true, ..Behaviour::default() });
    let folder = input();
    let mut task = task(&server.url, folder.path());
    task.timeouts.first_token_s = 0.05;
    let (_, events, _) = work(&task);
    server.await_hanging();
    server.await_gone();
    let (calls, _) = assemble(&events);
    assert_eq!(calls[0].finished.status, CallStatus::Timeout);
    assert!(artifact(&events).contains("ended as timeout"));
}

#[test]
fn a_folder_without_files_makes_no_call() {
    let server = Ollama::start(Behaviour::default());
    let (code, events, _) = work(&task(&server.url, Path::new("/nonexistent")));
    assert_eq!(code, 0);
    assert_eq!(shape(&events), "ready clock <ingest -. ingest> report.md clock NoInput");
    assert_eq!(server.bodies(), [] as [serde_json::Value; 0]);
    assert!(artifact(&events).contains("could not list the folder"));
}

#[test]
fn tasks_that_cannot_be_carried_out_are_refused() {
    let folder = input();
    let good = task("http://127.0.0.1:1", folder.path());
    let refused = |change: &dyn Fn(&mut Task)| {
        let mut task = good.clone();
        change(&mut task);
        let (code, events, errors) = work(&task);
        assert_eq!((code, events.len()), (2, 0), "{errors}");
        errors
    };
    assert!(refused(&|task| task.protocol = 9).contains("protocol 9"));
    assert!(refused(&|task| task.nonce = None).contains("no `nonce`"));
    assert!(refused(&|task| task.server.url = "localhost:1".to_owned()).contains("http://"));
    let missing = refused(&|task| task.server.api_key_env = Some("SOME_KEY".to_owned()));
    assert!(missing.contains("SOME_KEY is not set"), "{missing}");
    let (code, events, errors) = work_on("hello\n", &|_| None);
    assert_eq!((code, events.len()), (2, 0));
    assert!(errors.contains("expected one task") && errors.contains("line 1"), "{errors}");
    let (_, _, errors) = work_on(r#"{"protocol":2,"whatever":1}"#, &|_| None);
    assert!(errors.contains("protocol 2"), "{errors}");
}

#[test]
fn a_key_is_sent_and_never_written() {
    let behaviour = Behaviour { key: Some("sk-hunter2"), ..Behaviour::default() };
    let server = Ollama::start(behaviour);
    let folder = input();
    let mut task = task(&server.url, folder.path());
    task.server.api_key_env = Some("SOME_KEY".to_owned());
    let env = |name: &str| (name == "SOME_KEY").then(|| "sk-hunter2\n".to_owned());
    let (code, events, errors) = work_on(&serde_json::to_string(&task).unwrap(), &env);
    assert_eq!((code, &*errors), (0, ""));
    assert!(shape(&events).ends_with("Completed"), "the server wants the key");
    assert!(!serde_json::to_string(&events).unwrap().contains("hunter2"));
}
