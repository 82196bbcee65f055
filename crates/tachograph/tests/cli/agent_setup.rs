//! The agents in Python: set up, refused with the fix, and measured like any other.
//!
//! What installs packages needs a Python, and says so where there is none; the
//! environments are those of `tachograph-python`'s tests, in the target folder.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;

use super::{Place, plan};

/// Runs `tacho agent-setup` with nothing on the PATH but what `search_path` holds.
fn set_up(place: &Place, search_path: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let mut command = place.command(&["agent-setup"]);
    let Output { status, stdout, stderr } =
        command.args(arguments).env("PATH", search_path).output().unwrap();
    let said = [String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr)].concat();
    // Long lines are wrapped.
    (status.code(), said.replace("\n  │ ", " "))
}

/// A folder with a `python3` that answers every question with `answer`.
fn python_that_says(place: &Place, answer: &str) -> std::path::PathBuf {
    let folder = place.path("bin");
    fs::create_dir(&folder).unwrap();
    let python = folder.join("python3");
    fs::write(&python, format!("#!/bin/sh\necho {answer}\n")).unwrap();
    fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

#[test]
fn without_a_python_the_fix_is_said() {
    let place = Place::new(1);
    for agent in ["httpx", "ollama", "all"] {
        let (code, said) = set_up(&place, Path::new("/nonexistent"), &[agent]);
        assert_eq!(code, Some(3), "{said}");
        assert!(said.contains("no python3 on the PATH; install Python 3.10 or newer"), "{said}");
        assert!(said.contains("cannot be set up") && said.contains("docs/agents.md"), "{said}");
    }
}

#[test]
fn an_old_python_is_named() {
    let place = Place::new(1);
    let folder = python_that_says(&place, "3.8.10");
    let (code, said) = set_up(&place, &folder, &["httpx"]);
    assert_eq!(code, Some(3), "{said}");
    assert!(said.contains("python3 is Python 3.8.10; 3.10 or newer is needed"), "{said}");
}

#[test]
fn there_are_two_agents_in_python() {
    let place = Place::new(1);
    let (code, said) = set_up(&place, Path::new("/nonexistent"), &["requests"]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("[possible values: httpx, ollama, all]"), "{said}");
}

#[test]
fn a_plan_with_an_agent_in_python_needs_one() {
    let place = Place::new(1);
    fs::write(place.path("python.toml"), python_plan("python-httpx")).unwrap();
    let mut command = place.command(&["run", "python.toml", "-o", "study"]);
    let output = command.env("PATH", "/nonexistent").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).replace("\n  │ ", " ");
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("the agent python-httpx cannot be set up"), "{said}");
    assert!(!place.path("study").exists(), "nothing was begun");
}

fn python_plan(implementation: &str) -> String {
    let with = format!("server = 'main'\nimplementation = '{implementation}'");
    plan(1).replacen("server = 'main'", &with, 1)
}

/// The cache folder with the environments of the agents in Python, and the Python of the
/// one with `httpx`; `None` where there is no Python.
pub(crate) fn environments(place: &Place) -> Option<(String, String)> {
    // There, the tests of the crate that makes the environments have made them.
    let cache = env!("CARGO_TARGET_TMPDIR").to_owned();
    let (code, said) =
        set_up(place, Path::new(&std::env::var_os("PATH").unwrap()), &["all", "--cache", &cache]);
    if said.contains("no python3 on the PATH")
        || said.contains("is needed")
        || said.contains("no usable venv")
    {
        #[expect(clippy::print_stderr, reason = "says that nothing was tested")]
        {
            eprintln!("skipped: {said}");
        }
        return None;
    }
    assert_eq!(code, Some(0), "this test installs pinned packages with pip, once: {said}");
    for part in ["python-httpx ", "python-ollama ", "runtime   Python 3.", " MB in ", "httpx=="] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let python = format!("{cache}/python-agents/httpx/venv/bin/python");
    assert!(Path::new(&python).exists(), "{said}");
    Some((cache, python))
}

#[test]
fn studies_of_agents_in_python_are_made_like_any_other() {
    let place = Place::new(1);
    let Some((cache, _)) = environments(&place) else { return };
    for implementation in ["python-httpx", "python-ollama"] {
        fs::write(place.path("python.toml"), python_plan(implementation)).unwrap();
        place.expect(0, &["run", "python.toml", "-o", implementation, "--cache", &cache]);
        place.expect(0, &["report", implementation]);
        place.expect(0, &["verify", implementation]);
        let report = fs::read_to_string(
            place.path(implementation).join("runs/baseline_default/run_001/analyst_report.md"),
        );
        assert!(report.unwrap().contains("The workflow was completed."));
    }
}
