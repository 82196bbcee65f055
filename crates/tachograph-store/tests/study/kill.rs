//! A process that writes a study and is killed.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tachograph_model::digest::Digest;
use tachograph_store::{OpenError, Study, WriteError, check};
use tachograph_testkit::study::{AT, FakeStudy, HARNESS_VERSION, StudyBuilder};

use super::{finish, new, write_run};

/// Names the study's folder to the child process; absent in every other one.
const FOLDER: &str = "TACHOGRAPH_TEST_FOLDER";

/// Lets the child keep its lock until it is killed.
const HOLD: &str = "TACHOGRAPH_TEST_HOLD";

fn fake() -> FakeStudy {
    StudyBuilder::new().no_factors().blocks(20).output_tokens(200).build()
}

/// Not a test by itself: what the child process of the tests below executes.
#[test]
fn child() {
    let Some(folder) = env::var_os(FOLDER) else { return };
    let fake = fake();
    let mut study = Study::create(Path::new(&folder), &new(&fake), AT).unwrap();
    if env::var_os(HOLD).is_some() {
        println!("held");
        // Until the parent ends this process.
        std::io::stdin().lines().for_each(drop);
    }
    for run in &fake.runs {
        println!("run");
        if let Err(error) = write_run(&mut study, run) {
            println!("failed: {error}");
            return;
        }
    }
    println!("end");
}

fn spawn(folder: &Path) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", "kill::child", "--nocapture"]).env(FOLDER, folder);
    command.stdout(Stdio::piped());
    command
}

#[test]
fn a_killed_writer_loses_at_most_the_run_in_progress() {
    let fake = fake();
    for kill_at in [1, 2, 3, 5, 9, 14] {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("study");
        let mut child = spawn(&folder).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let n_begun =
            lines.map_while(Result::ok).filter(|line| line.ends_with("run")).take(kill_at).count();
        assert_eq!(n_begun, kill_at);
        child.kill().unwrap();
        child.wait().unwrap();

        let plan = Digest::of(&fake.plan.lock_bytes());
        let mut study = Study::resume(&folder, Some(plan), HARNESS_VERSION, AT).unwrap();
        assert!(study.n_sealed() >= kill_at - 1, "{} of {kill_at}", study.n_sealed());
        finish(&mut study, &fake).unwrap();
        drop(study);
        assert_eq!(check(&folder).unwrap().findings, []);
        let study = Study::open(&folder).unwrap();
        let mut runs: Vec<_> = study.runs().map(Result::unwrap).collect();
        runs.sort_by_key(|evidence| evidence.sealed.index);
        assert!(runs.iter().map(|run| &run.events).eq(fake.runs.iter().map(|run| &run.events)));
    }
}

#[test]
fn another_process_that_writes_is_named_and_its_death_frees_the_study() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("study");
    let mut child = spawn(&folder).env(HOLD, "1").stdin(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.ends_with("held")));
    let error = Study::resume(&folder, None, HARNESS_VERSION, AT).unwrap_err();
    let WriteError::Locked { pid, .. } = error else { panic!("{error}") };
    if cfg!(target_os = "linux") {
        assert_eq!(pid, Some(child.id()));
    }
    assert_eq!(Study::open(&folder).unwrap().runs().count(), 0, "readers are not kept out");
    child.kill().unwrap();
    child.wait().unwrap();
    drop(Study::resume(&folder, None, HARNESS_VERSION, AT).unwrap());
}

#[test]
fn a_study_is_resumed_with_its_own_plan_only() {
    let root = tempfile::tempdir().unwrap();
    let (fake, other) = (fake(), StudyBuilder::new().build());
    drop(Study::create(root.path(), &new(&fake), AT).unwrap());
    let plan = Digest::of(&other.plan.lock_bytes());
    let error = Study::resume(root.path(), Some(plan), HARNESS_VERSION, AT).unwrap_err();
    assert!(matches!(error, WriteError::OtherPlan { .. }), "{error}");
    let error = Study::resume(&root.path().join("x"), None, HARNESS_VERSION, AT).unwrap_err();
    assert!(matches!(error, WriteError::Open(OpenError::NotAStudy { .. })), "{error}");
}

/// A full disk: a small file system in a name space of its own.
#[test]
fn a_full_disk_is_named_and_the_sealed_runs_are_kept() {
    let root = tempfile::tempdir().unwrap();
    let (small, kept) = (root.path().join("small"), root.path().join("kept"));
    std::fs::create_dir(&small).unwrap();
    let script = "mount -t tmpfs -o size=400k none \"$SMALL\" || exit 77\n\
                  \"$EXE\" --exact kill::child --nocapture\n\
                  cp -r \"$SMALL/study\" \"$KEPT\"\n";
    let ran = Command::new("unshare")
        .args(["-rm", "sh", "-c", script])
        .env("SMALL", &small)
        .env("KEPT", &kept)
        .env("EXE", env::current_exe().unwrap())
        .env(FOLDER, small.join("study"))
        .output();
    let output = match ran {
        Ok(output) if output.status.success() => output,
        other => {
            println!("skipped: no file system of one's own here: {other:?}");
            return;
        }
    };
    let said = String::from_utf8_lossy(&output.stdout);
    let failed =
        said.lines().find(|line| line.contains("failed: ")).unwrap_or_else(|| panic!("{said}"));
    assert!(failed.contains("the disk is full") && failed.contains("--resume"), "{failed}");
    assert!(failed.contains("small/study/"), "{failed}");
    let fake = fake();
    let mut study = Study::resume(&kept, None, HARNESS_VERSION, AT).unwrap();
    let n_begun = said.lines().filter(|line| line.ends_with("run")).count();
    assert_eq!(study.n_sealed(), n_begun - 1);
    assert!(study.n_sealed() > 0 && study.n_sealed() < fake.runs.len());
    finish(&mut study, &fake).unwrap();
    assert_eq!(check(&kept).unwrap().findings, []);
}
