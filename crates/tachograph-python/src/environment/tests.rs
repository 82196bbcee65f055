use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Mutex, PoisonError};

use super::*;
use crate::{Client, PipTrouble, prepare_with};

/// A file that is being written cannot be run, and a process forked by another
/// test at that moment holds it open.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A `python3` that plays venv, pip and the environment's own; `flaw` is what is wrong
/// with it. Whoever removes `packages/works` from an environment breaks it.
fn fake_python(flaw: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("python3");
    let script = format!(
        r#"#!/bin/sh
flaw={flaw}
here=$(cd "$(dirname "$0")/.." && pwd)
case "$*" in
*sys.version_info*) if [ $flaw = old ]; then echo 3.8.10; else echo 3.12.1; fi ;;
*ensurepip*) if [ $flaw = venv ]; then echo No module named ensurepip >&2; exit 1; fi ;;
"-m venv "*) mkdir -p "$3/bin" "$3/packages"; cp "$0" "$3/bin/python" ;;
*"pip install"*)
case "$*" in *--require-hashes*) ;; *) echo no hashes >&2; exit 9 ;; esac
if [ $flaw = pip ]; then echo 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES' >&2; exit 1; fi
echo 'Collecting httpx==0.28.1 (from -r https://user:hunter2@host/file)'
echo yes > "$here/packages/works" ;;
*"pip uninstall --yes"*) echo gone > "$here/without-pip" ;;
*purelib*) echo "$here/packages" ;;
*python_version*) echo 3.12.1 ;;
*distributions*) echo 'h11==0.16.0 httpx==0.28.1' ;;
*compileall*) ;;
*) if [ $flaw = import ]; then echo no module named httpx >&2; exit 1; fi
[ -f "$here/packages/works" ] ;;
esac
"#
    );
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    directory
}

const RECIPE: Recipe<'_> =
    Recipe { requirements: "a==1\n", files: &[("ours/a.py", "1\n")], check: "import ours" };

/// Makes the environment of a recipe with a fake Python, and returns what was said.
fn prepare(
    recipe: &Recipe<'_>,
    flaw: &str,
    directory: &Path,
) -> (Result<Environment, PythonError>, String) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let python = fake_python(flaw);
    let mut lines = String::new();
    let made = recipe.prepare(python.path().as_os_str(), directory, &mut |line| {
        lines += line;
        lines += "\n";
    });
    (made, lines)
}

#[test]
fn an_environment_is_made_once() {
    let directory = tempfile::tempdir().unwrap();
    let (made, lines) = prepare(&RECIPE, "none", directory.path());
    let made = made.unwrap();
    assert!(!made.reused);
    assert!(lines.contains("making a private Python environment") && lines.contains("pip: httpx"));
    assert!(!lines.contains("hunter2"), "{lines}");
    assert_eq!(made.packages, ["h11==0.16.0", "httpx==0.28.1"]);
    assert_eq!(made.python_version, "3.12.1");
    let ours = directory.path().join("venv/packages/ours/a.py");
    assert_eq!(fs::read_to_string(ours).unwrap(), "1\n");
    let script = fs::metadata(&made.python).unwrap().len();
    let others = "yes\ngone\n1\n".len() as u64;
    assert_eq!((made.bytes, made.files), (script + others, 4), "pip is gone, our file is there");

    let (again, lines) = prepare(&RECIPE, "none", directory.path());
    let expected = Environment { reused: true, ..made };
    assert_eq!((again.unwrap(), &*lines), (expected.clone(), ""));
    assert_eq!(RECIPE.find(directory.path()).unwrap(), Some(expected));
}

#[test]
fn what_changed_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let others = [
        Recipe { requirements: "a==2\n", ..RECIPE },
        Recipe { files: &[("ours/a.py", "2\n")], ..RECIPE },
        Recipe { files: &[("ours/b.py", "1\n")], ..RECIPE },
        Recipe { check: "import theirs", ..RECIPE },
    ];
    for other in others {
        prepare(&RECIPE, "none", directory.path()).0.unwrap();
        assert_eq!(other.find(directory.path()).unwrap(), None, "{other:?}");
        let made = prepare(&other, "none", directory.path()).0.unwrap();
        assert!(!made.reused, "{other:?}");
    }
    assert!(!directory.path().join("venv/packages/ours/b.py").exists(), "made from nothing");
}

#[test]
fn a_broken_environment_is_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    prepare(&RECIPE, "none", directory.path()).0.unwrap();
    fs::remove_file(directory.path().join("venv/packages/works")).unwrap();
    let (made, lines) = prepare(&RECIPE, "none", directory.path());
    assert!(!made.unwrap().reused);
    assert!(lines.contains("does not work; it is made anew"), "{lines}");

    fs::remove_file(directory.path().join("venv/bin/python")).unwrap();
    assert_eq!(RECIPE.find(directory.path()).unwrap(), None);
    assert!(!prepare(&RECIPE, "none", directory.path()).0.unwrap().reused);
    fs::write(directory.path().join(STAMP_FILE), "{\"schema\":").unwrap();
    assert_eq!(RECIPE.find(directory.path()).unwrap(), None, "half a stamp is none");
}

#[test]
fn each_obstacle_has_its_own_error_with_the_fix() {
    let check = |flaw: &str, parts: &[&str]| {
        let directory = tempfile::tempdir().unwrap();
        let error = prepare(&RECIPE, flaw, directory.path()).0.unwrap_err().to_string();
        for part in parts {
            assert!(error.contains(part), "{flaw}: {part:?} is missing in: {error}");
        }
        assert_eq!(RECIPE.find(directory.path()).unwrap(), None, "what failed is not complete");
    };
    check("old", &["python3 is Python 3.8.10", "3.10 or newer is needed"]);
    check("venv", &["has no usable venv module", "apt install python3-venv"]);
    check(
        "pip",
        &["could not install the pinned packages", "pinned by its digest", "DO NOT MATCH"],
    );
    check("import", &["does not work; delete it", "no module named httpx"]);
}

#[test]
fn a_failed_set_up_leaves_no_stamp_of_an_earlier_one() {
    let directory = tempfile::tempdir().unwrap();
    prepare(&RECIPE, "none", directory.path()).0.unwrap();
    let other = Recipe { requirements: "a==2\n", ..RECIPE };
    prepare(&other, "pip", directory.path()).0.unwrap_err();
    assert_eq!(RECIPE.find(directory.path()).unwrap(), None);
}

#[test]
fn without_a_python_nothing_is_made() {
    let directory = tempfile::tempdir().unwrap();
    let nowhere = OsStr::new("/nonexistent");
    let error = RECIPE.prepare(nowhere, directory.path(), &mut |_line| {}).unwrap_err();
    assert!(matches!(error, PythonError::NotFound), "{error}");
    assert!(!directory.path().join("venv").exists());
}

#[test]
fn a_newer_python_beside_an_old_one_is_used() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let old = fake_python("old");
    let newer = fake_python("none");
    fs::rename(newer.path().join("python3"), old.path().join("python3.11")).unwrap();
    let python = find_python(old.path().as_os_str()).unwrap();
    assert_eq!(python, old.path().join("python3.11"));
}

#[test]
fn the_trouble_is_told_from_what_pip_wrote() {
    for (output, trouble) in [
        ("ERROR: [Errno 28] No space left on device", PipTrouble::Disk),
        (
            "WARNING: Retrying (Retry(total=0 ... NewConnectionError\nERROR: No matching distribution",
            PipTrouble::Network,
        ),
        ("ERROR: No matching distribution found for httpx", PipTrouble::NoWheel),
        ("ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE", PipTrouble::Digest),
        ("ERROR: something", PipTrouble::Other),
    ] {
        assert_eq!(PipTrouble::of(output), trouble, "{output}");
    }
}

#[test]
fn each_client_has_an_environment_and_a_command() {
    let directory = tempfile::tempdir().unwrap();
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let python = fake_python("none");
    for client in Client::ALL {
        assert_eq!(crate::find(directory.path(), client).unwrap(), None);
        let path = python.path().as_os_str();
        let agent = prepare_with(path, directory.path(), client, |_line| {}).unwrap();
        let executable = directory.path().join(client.name()).join("venv/bin/python");
        let expected = [
            &*executable.to_string_lossy(),
            "-I",
            "-m",
            "tachograph_agent",
            "--client",
            client.name(),
        ];
        assert_eq!(agent.command, expected);
        let worker = executable.parent().unwrap().join("../packages/tachograph_agent/worker.py");
        assert!(fs::read_to_string(worker).unwrap().contains("class Worker"));
        assert!(crate::find(directory.path(), client).unwrap().is_some());
    }
}
