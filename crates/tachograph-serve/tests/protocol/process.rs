//! The llama front over a child process that speaks llama-server's protocol.
//!
//! The child is a small Python script, so that these tests need no model;
//! `tests/clients.rs` does the same with the real one.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde_json::{Value, json};
use tachograph_serve::{
    EngineConfig, LlamaConfig, LlamaProgram, RunningServer, ServeConfig, ready_line, start,
};
use tempfile::TempDir;

use crate::http::{get, post};

const MODEL: &str = "smollm2:135m";

/// A server over the fake, and the directory with its model file.
struct Fake {
    server: RunningServer,
    _directory: TempDir,
}

impl std::ops::Deref for Fake {
    type Target = RunningServer;

    fn deref(&self) -> &RunningServer {
        &self.server
    }
}

/// Returns nothing, loudly, where there is no Python to run the fake.
fn fake(change: impl FnOnce(&mut LlamaConfig)) -> Option<Fake> {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if !python.is_ok_and(|status| status.success()) {
        eprintln!("skipped: no python3 to run tests/fake_llama_server.py");
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let mut config = config(directory.path());
    change(&mut config);
    let server = start(&serve_config(config)).unwrap().remove(0);
    Some(Fake { server, _directory: directory })
}

fn config(directory: &Path) -> LlamaConfig {
    let model = directory.join("model.gguf");
    let mut header = b"GGUF\x03\0\0\0".to_vec();
    header.extend([0; 16]);
    fs::write(&model, header).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake_llama_server.py");
    LlamaConfig::new(LlamaProgram::Server { path: script }, model)
}

fn serve_config(config: LlamaConfig) -> ServeConfig {
    ServeConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        engine: EngineConfig::Llama(config),
    }
}

fn generate(server: &RunningServer, prompt: &str, options: &Value) -> Value {
    let body = json!({"model": MODEL, "prompt": prompt, "stream": false, "options": options});
    post(server, "/api/generate", &body).json()
}

fn runner(server: &RunningServer) -> Option<u64> {
    get(server, "/tachograph").json()["runner_process_id"].as_u64()
}

#[test]
fn timings_and_tokens_of_the_child_become_ollamas() {
    let Some(server) = fake(|_| {}) else { return };
    let body = json!({"model": MODEL, "prompt": "hello"});
    let answer = post(&server, "/api/generate", &body);
    let lines = answer.lines();
    assert_eq!(lines.len(), 2 + 1, "an unfinished character is held back: {lines:?}");
    assert_eq!(lines[1]["response"], "\u{20ac}");
    let last = &lines[2];
    let prompt = "<user>hello<assistant>";
    assert_eq!(last["prompt_eval_count"], prompt.len());
    assert_eq!(last["prompt_eval_cached_count"], 3);
    assert_eq!(last["prompt_eval_duration"], 12_500_000);
    assert_eq!((&last["eval_count"], &last["eval_duration"]), (&json!(4), &json!(40_250_000)));
    assert_eq!(last["done_reason"], "length");
    assert!(last["load_duration"].as_u64().unwrap() > 0);
    let context: Vec<u32> = serde_json::from_value(last["context"].clone()).unwrap();
    let expected: Vec<u32> = prompt.chars().map(u32::from).chain([97, 226, 130, 172]).collect();
    assert_eq!(context, expected);
    let tokens: Vec<u32> = server.sends().iter().map(|send| send.tokens).collect();
    assert_eq!(tokens, [1, 3, 0]);
}

#[test]
fn options_reach_the_child_under_its_names() {
    let Some(server) = fake(|config| config.prompt_cache = false) else { return };
    let options = json!({"num_ctx": 300, "num_gpu": 7, "num_thread": 3, "num_predict": 9,
        "temperature": 0.25, "top_k": 5, "seed": 11, "stop": ["x"]});
    let answer = generate(&server, "settings", &options);
    let text = answer["response"].as_str().unwrap().strip_prefix('a').unwrap().to_owned();
    let seen: Value = serde_json::from_str(&text).unwrap();
    let expected = json!({"n_predict": 9, "temperature": 0.25, "top_k": 5, "seed": 11,
        "stop": ["x"], "cache_prompt": false, "n_keep": 4, "top_p": 0.9, "repeat_penalty": 1.0});
    for (key, value) in expected.as_object().unwrap() {
        assert_eq!(&seen[key], value, "{key}");
    }
    let arguments = seen["arguments"].to_string();
    for part in [r#""-c","300""#, r#""-ngl","7""#, r#""-t","3""#, r#""-np","1""#, r#""-cram","0""#]
    {
        assert!(arguments.contains(part), "{part} is missing in {arguments}");
    }
}

#[test]
fn a_prompt_longer_than_the_context_keeps_its_start_and_its_end() {
    let Some(server) = fake(|_| {}) else { return };
    let prompt = format!("{} settings", "w".repeat(100));
    let answer = generate(&server, &prompt, &json!({"num_ctx": 40}));
    let text = answer["response"].as_str().unwrap().strip_prefix('a').unwrap().to_owned();
    let seen: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(seen["prompt"], "<usewwwwwwwwwwwwwwww settings<assistant>".replacen('w', "", 1));
}

#[test]
fn a_change_of_a_load_option_is_another_process() {
    let Some(server) = fake(|_| {}) else { return };
    assert_eq!(runner(&server), None);
    generate(&server, "x", &json!({}));
    let first = runner(&server).unwrap();
    generate(&server, "y", &json!({"temperature": 0}));
    assert_eq!(runner(&server), Some(first));
    generate(&server, "x", &json!({"num_ctx": 512}));
    let second = runner(&server).unwrap();
    assert_ne!(first, second);
    assert!(!Path::new(&format!("/proc/{first}")).exists(), "the first one is gone and reaped");
    post(&server, "/api/generate", &json!({"model": MODEL, "keep_alive": 0}));
    assert_eq!(runner(&server), None);
    assert!(!Path::new(&format!("/proc/{second}")).exists());
}

/// A terminal sends Ctrl-C to its foreground group.
#[test]
fn the_child_is_in_a_process_group_of_its_own() {
    let Some(server) = fake(|_| {}) else { return };
    generate(&server, "x", &json!({}));
    let child = runner(&server).unwrap();
    let stat = fs::read_to_string(format!("/proc/{child}/stat")).unwrap();
    // After the name in parentheses: state, parent, group.
    let group = stat.rsplit(')').next().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    assert_eq!(group, child.to_string());
}

#[test]
fn stopping_the_server_ends_the_child() {
    let Some(server) = fake(|_| {}) else { return };
    generate(&server, "x", &json!({}));
    let child = runner(&server).unwrap();
    drop(server);
    assert!(!Path::new(&format!("/proc/{child}")).exists());
}

#[test]
fn a_model_whose_time_is_up_takes_its_process_along() {
    let Some(server) = fake(|config| config.keep_alive = Duration::from_millis(1)) else {
        return;
    };
    generate(&server, "x", &json!({}));
    while runner(&server).is_some() {}
    assert_eq!(get(&server, "/api/ps").json(), json!({"models": []}));
}

#[test]
fn a_child_that_dies_inside_a_stream_is_an_error_line_and_is_replaced() {
    let Some(server) = fake(|_| {}) else { return };
    let answer = post(&server, "/api/generate", &json!({"model": MODEL, "prompt": "die"}));
    assert_eq!((answer.status, answer.complete), (200, true));
    let error = answer.last()["error"].as_str().unwrap().to_owned();
    assert!(error.starts_with("model runner has unexpectedly stopped"), "{error}");
    assert_eq!(get(&server, "/api/ps").json(), json!({"models": []}));
    assert_eq!(generate(&server, "x", &json!({}))["done"], true);
    assert_eq!(get(&server, "/api/ps").json()["models"].as_array().unwrap().len(), 1);
}

#[test]
fn an_error_event_of_the_child_is_an_error_line() {
    let Some(server) = fake(|_| {}) else { return };
    let answer = post(&server, "/api/generate", &json!({"model": MODEL, "prompt": "oops"}));
    assert_eq!(answer.last(), json!({"error": "the slot is gone"}));
}

#[test]
fn a_child_that_cannot_load_says_why() {
    let Some(server) = fake(|_| {}) else { return };
    let body = json!({"model": MODEL, "prompt": "x", "options": {"num_ctx": 666}});
    let answer = post(&server, "/api/generate", &body);
    assert_eq!(answer.status, 500);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert!(error.contains("terminated: exit status: 1"), "{error}");
    assert!(error.contains("no memory for the context"), "{error}");
    assert_eq!(get(&server, "/api/ps").json(), json!({"models": []}));
}

#[test]
fn a_missing_model_or_program_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut wrong = config(directory.path());
    wrong.model = PathBuf::from("/nonexistent/model.gguf");
    let text = |config: LlamaConfig| {
        let error = start(&serve_config(config)).unwrap_err();
        std::error::Error::source(&error).unwrap().to_string()
    };
    assert_eq!(text(wrong), "could not read the model /nonexistent/model.gguf");
    let mut wrong = config(directory.path());
    wrong.program = LlamaProgram::Server { path: PathBuf::from("/nonexistent/llama-server") };
    assert!(text(wrong).starts_with("could not find /nonexistent/llama-server; give"));
    let wrong = config(directory.path());
    fs::write(&wrong.model, "not a model").unwrap();
    assert!(text(wrong).contains("is not a model that llama.cpp can load"));
}

/// Not a test: the process that the next one kills.
#[test]
#[ignore = "started by killing_the_parent_ends_the_child"]
fn parent_process() {
    let Some(server) = fake(|_| {}) else { return };
    println!("{}", ready_line(std::slice::from_ref(&server.server)));
    // Until the end of standard input, which never comes: the test kills us.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}

#[test]
fn killing_the_parent_ends_the_child() {
    if fake(|_| {}).is_none() {
        return;
    }
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::parent_process", "--ignored", "--nocapture"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    let ready = lines
        .find_map(|line| {
            let line = line.unwrap();
            let start = line.find("{\"type\":\"serving\"")?;
            Some(serde_json::from_str::<Value>(&line[start..]).unwrap())
        })
        .expect("a ready line");
    let url = ready["urls"][0].as_str().unwrap().to_owned();
    let pid = load_and_find_runner(&url);
    let child = pidfd_open(Pid::from_raw(pid).unwrap(), PidfdFlags::empty()).unwrap();

    parent.kill().unwrap();
    parent.wait().unwrap();

    // Readable once the process has ended. The limit only turns a failure
    // into a message.
    let mut waiting = [PollFd::new(&child, PollFlags::IN)];
    let limit = rustix::event::Timespec { tv_sec: 30, tv_nsec: 0 };
    let ended = poll(&mut waiting, Some(&limit)).unwrap();
    assert_eq!(ended, 1, "process {pid} outlives its parent");
}

fn load_and_find_runner(url: &str) -> i32 {
    use std::io::Write;
    let address = url.strip_prefix("http://").unwrap();
    let ask = |request: String| {
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        socket.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        socket.read_to_string(&mut answer).unwrap();
        answer.split_once("\r\n\r\n").unwrap().1.to_owned()
    };
    let body = json!({ "model": MODEL }).to_string();
    ask(format!(
        "POST /api/generate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    ));
    let state = ask("GET /tachograph HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned());
    let state: Value = serde_json::from_str(&state).unwrap();
    i32::try_from(state["runner_process_id"].as_i64().unwrap()).unwrap()
}
