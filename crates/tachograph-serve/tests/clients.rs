//! The real clients, and the real engine.
//!
//! Needs what a bare machine has not, and says so when it is missing:
//! `TACHO_TEST_PYTHON`, a Python with the packages `ollama` and `openai`;
//! `TACHO_ENGINE_DIR`, a directory that `engine_setup::prepare` made.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests and what they share"
)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tachograph_serve::engine_setup::{self, EngineFiles};
use tachograph_serve::{
    EngineConfig, LlamaConfig, RunningServer, ServeConfig, SimulatedConfig, SimulatedServer, start,
};

fn python() -> Option<PathBuf> {
    let python = std::env::var_os("TACHO_TEST_PYTHON").map(PathBuf::from);
    if python.is_none() {
        eprintln!("skipped: TACHO_TEST_PYTHON is not set to a Python with ollama and openai");
    }
    python
}

fn engine() -> Option<EngineFiles> {
    let Some(directory) = std::env::var_os("TACHO_ENGINE_DIR") else {
        eprintln!("skipped: TACHO_ENGINE_DIR is not set to a directory with an engine");
        return None;
    };
    let files = engine_setup::find(Path::new(&directory)).unwrap();
    Some(files.expect("TACHO_ENGINE_DIR holds a complete engine"))
}

fn llama(config: LlamaConfig) -> RunningServer {
    let config = ServeConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        engine: EngineConfig::Llama(config),
    };
    start(&config).unwrap().remove(0)
}

fn run_clients(python: &Path, server: &RunningServer, model: &str) -> Value {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients.py");
    let output = Command::new(python).arg(script).arg(server.url()).arg(model).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    serde_json::from_slice(&output.stdout).unwrap()
}

fn post(server: &RunningServer, path: &str, body: &Value) -> Value {
    let body = body.to_string();
    let mut socket = TcpStream::connect(server.address()).unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}

#[test]
fn the_clients_work_with_the_simulated_engine() {
    let Some(python) = python() else { return };
    let config = SimulatedConfig { output_token_ns: 200_000, ..SimulatedConfig::default() };
    let server = SimulatedServer::start(config.clone()).unwrap();
    let seen = run_clients(&python, &server, &config.model);
    assert_eq!(seen["family"], "simulated");
}

#[test]
fn the_clients_work_with_the_real_engine() {
    let (Some(python), Some(files)) = (python(), engine()) else { return };
    let server = llama(files.config());
    let seen = run_clients(&python, &server, "smollm2:135m");
    assert_eq!(seen["family"], "llama");
    eprintln!("the model says: {}", seen["text"]);
}

#[test]
fn the_real_engine_repeats_itself_and_shows_its_prompt_cache() {
    let Some(files) = engine() else { return };
    let body = json!({"model": "smollm2:135m", "prompt": "Name three colours.", "stream": false,
        "options": {"temperature": 0, "seed": 3, "num_predict": 8}});
    let server = llama(files.config());
    let first = post(&server, "/api/generate", &body);
    let again = post(&server, "/api/generate", &body);
    assert_eq!(first["response"], again["response"]);
    assert_eq!(first["prompt_eval_count"], again["prompt_eval_count"]);
    assert_eq!(first["prompt_eval_cached_count"], 0);
    assert!(again["prompt_eval_cached_count"].as_u64().unwrap() > 10, "{again}");

    let mut uncached = files.config();
    uncached.prompt_cache = false;
    let server = llama(uncached);
    post(&server, "/api/generate", &body);
    let again = post(&server, "/api/generate", &body);
    assert_eq!(again["prompt_eval_cached_count"], 0);
}

#[test]
fn the_real_engine_goes_on_past_a_full_context_unless_told_not_to() {
    let Some(files) = engine() else { return };
    let server = llama(files.config());
    let mut body = json!({"model": "smollm2:135m", "raw": true, "stream": false,
        "prompt": "Once upon a time there was a king who",
        "options": {"temperature": 0, "num_ctx": 64, "num_predict": 90}});
    let shifted = post(&server, "/api/generate", &body);
    assert_eq!(shifted["eval_count"], 90, "{shifted}");
    body["shift"] = json!(false);
    let ended = post(&server, "/api/generate", &body);
    let used = ended["prompt_eval_count"].as_u64().unwrap() + ended["eval_count"].as_u64().unwrap();
    assert_eq!((used, &ended["done_reason"]), (64, &json!("length")));
}

/// The second guard of the child, without the first: nothing here asks for a
/// parent-death signal, only the pipe ends.
#[test]
fn the_launcher_leaves_when_its_standard_input_ends() {
    let Some(files) = engine() else { return };
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("s.sock");
    let settings = json!({"model": files.model, "socket": socket, "num_ctx": 128,
        "num_parallel": 1, "threads": 1, "num_gpu": -1, "num_batch": 64, "host_cache": false});
    let mut launcher = Command::new(&files.python)
        .args(["-I", "-c", include_str!("../src/llama/launcher.py")])
        .arg(settings.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It serves.
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        assert!(launcher.try_wait().unwrap().is_none(), "the launcher ended by itself");
        std::thread::yield_now();
    }
    drop(launcher.stdin.take());
    assert!(launcher.wait().unwrap().success());
}
