//! The agents in Python as users get them, and their own tests.
//!
//! Needs a Python, and says so where there is none; needs a package index the first
//! time, and what pip installed then lies in the target folder.
#![expect(clippy::print_stderr, reason = "these are tests")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tachograph_python::{Client, PythonError, prepare, prepare_for_tests};

/// Where the environments are, for the tests of all crates.
fn directory() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("python-agents")
}

/// Returns what was prepared; `None` where there is no Python to prepare it with.
fn prepared<T>(result: Result<T, PythonError>) -> Option<T> {
    match result {
        Ok(prepared) => Some(prepared),
        Err(
            error @ (PythonError::NotFound | PythonError::Old { .. } | PythonError::NoVenv { .. }),
        ) => {
            eprintln!("skipped: {error}");
            None
        }
        Err(error) => panic!("these tests install pinned packages with pip, once: {error}"),
    }
}

#[test]
fn the_tests_of_the_package_pass() {
    let made = prepare_for_tests(&directory(), |line| eprintln!("{line}"));
    let Some(environment) = prepared(made) else { return };
    let package = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/python");
    let output = Command::new(&environment.python)
        .args(["-m", "pytest", "-p", "no:cacheprovider"])
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(package)
        .output()
        .expect("the environment has a Python");
    let said = String::from_utf8_lossy(&output.stdout);
    eprintln!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "pytest ended with {}", output.status);
    assert!(said.contains(" passed"), "{said}");
}

#[test]
fn both_agents_start_as_they_are_installed() {
    for client in Client::ALL {
        let made = prepare(&directory(), client, |line| eprintln!("{line}"));
        let Some(agent) = prepared(made) else { return };
        let (program, arguments) = agent.command.split_first().expect("a command has a program");
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the agent starts");
        let mut input = child.stdin.take().expect("it is piped");
        input.write_all(TASK_WITHOUT_INPUT.as_bytes()).expect("the agent reads its task");
        drop(input);
        let output = child.wait_with_output().expect("the agent ends");
        let events = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{events}");
        let implementation = format!("tachograph-python/0.1.0 ({}/", client.name());
        for part in [&*implementation, "\"type\":\"done\",\"outcome\":\"no_input\""] {
            assert!(events.contains(part), "{part} is not in {events}");
        }
        let packages = agent.environment.packages.join(" ");
        for package in ["tachograph-agent==0.1.0", "httpx==", client.name()] {
            assert!(packages.contains(package), "{package} is not in {packages}");
        }
        eprintln!("{client:?}: {:?}", agent.environment);
    }
}

/// A task that makes no call, since there is nothing to read.
const TASK_WITHOUT_INPUT: &str = r#"{"protocol":1,"run":"r/run_001","agent":"a","input":"/nonexistent","summary_bytes":800,"server":{"name":"main","url":"http://127.0.0.1:1","api":"ollama-generate","model":"m"},"options":{},"warmup_calls":0,"connection":"fresh","prompt_cache":"on","timeouts":{"connect_s":5.0,"first_token_s":5.0,"between_chunks_s":5.0,"call_s":5.0}}
"#;
