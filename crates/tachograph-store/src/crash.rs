//! A writer that is ended between any two changes to the disk.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_model::study::{JournalEntry, LookDecision, Looked};
use tachograph_testkit::corrupt::files;
use tachograph_testkit::study::{AT, FakeStudy, HARNESS_VERSION, StudyBuilder};

use crate::check::{Severity, check};
use crate::disk::Disk;
use crate::layout::{JOURNAL, MANIFEST};
use crate::open::OpenError;
use crate::study::{NewStudy, Study, WriteError};

fn new(fake: &FakeStudy) -> NewStudy<'_> {
    NewStudy {
        plan_toml: fake.plan_toml.as_bytes(),
        plan: &fake.plan,
        environment: &fake.environment,
        overrides: &[],
        harness_version: HARNESS_VERSION,
    }
}

fn published(paths: &[&str], edition: &str) -> BTreeMap<String, Vec<u8>> {
    paths
        .iter()
        .map(|path| ((*path).to_owned(), format!("{path} {edition}\n").into_bytes()))
        .collect()
}

/// Executes what is missing, takes a look, completes the study and publishes twice: the
/// second time one file is new, one is changed and one is gone.
fn finish(study: &mut Study, fake: &FakeStudy) -> Result<(), WriteError> {
    for run in &fake.runs {
        if study.is_sealed(&run.run.id) {
            continue;
        }
        let mut writer = study.begin_run(&run.begun(), AT)?;
        for event in &run.events {
            writer.append(event)?;
        }
        for (name, bytes) in &run.artifacts {
            writer.artifact(name, bytes)?;
        }
        writer.seal(run.outcome, AT)?;
    }
    if study.last_look().is_none() {
        let decision = LookDecision::LastLook;
        study.look(Looked { n_blocks: 2, configurations: BTreeMap::new(), decision }, AT)?;
    }
    study.complete(AT)?;
    let report = "reports/single-agent/report.md";
    let first = published(&[report, "reports/single-agent/figures/old.svg"], "one");
    study.publish("single-agent", &first, AT)?;
    let second =
        published(&[report, "tables/calls.parquet", "runs/baseline_default/summary.md"], "two");
    study.publish("single-agent", &second, AT)
}

fn whole(disk: Disk, folder: &Path, fake: &FakeStudy) -> Result<(), WriteError> {
    finish(&mut Study::create_on(disk, folder, &new(fake), AT)?, fake)
}

/// Takes the study up again, or begins it where nothing had been recorded.
fn take_up(disk: Disk, folder: &Path, fake: &FakeStudy) -> Result<Study, WriteError> {
    let plan = Digest::of(&fake.plan.lock_bytes());
    match Study::resume_on(disk.clone(), folder, Some(plan), HARNESS_VERSION, AT) {
        Err(WriteError::Open(OpenError::NotAStudy { .. } | OpenError::NeverBegun { .. })) => {
            Study::create_on(disk, folder, &new(fake), AT)
        }
        other => other,
    }
}

/// Every file's bytes; of the journal, only what an uninterrupted writer says.
fn essence(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut all = BTreeMap::new();
    for path in files(folder).unwrap() {
        let name = path.to_str().unwrap().to_owned();
        if name != JOURNAL && name != MANIFEST {
            all.insert(name, fs::read(folder.join(&path)).unwrap());
        }
    }
    let study = Study::open(folder).unwrap();
    let mut entries: Vec<String> = Vec::new();
    for line in &study.head().journal {
        let left_out = matches!(
            line.entry,
            JournalEntry::Resumed(_) | JournalEntry::RunAbandoned(_) | JournalEntry::Published(_)
        );
        let said = serde_json::to_string(&line.entry).unwrap();
        if !left_out && !entries.contains(&said) {
            entries.push(said);
        }
    }
    all.insert(JOURNAL.to_owned(), entries.join("\n").into_bytes());
    all
}

/// An interrupted study may be unfinished; it must never look damaged.
fn assert_not_damaged(folder: &Path, what: &str) {
    match check(folder) {
        Err(OpenError::NotAStudy { .. } | OpenError::NeverBegun { .. }) => {}
        Err(error) => panic!("{what}: {error}"),
        Ok(check) => {
            let damaged = check.findings.iter().find(|finding| {
                // A first manifest that is not written yet looks like one that is gone.
                finding.severity == Severity::Damaged && finding.path != MANIFEST
            });
            assert_eq!(damaged, None, "{what}");
        }
    }
}

fn interrupt_everywhere(torn: bool) {
    let fake = StudyBuilder::new().no_factors().blocks(2).output_tokens(3).build();
    let root = tempfile::tempdir().unwrap();
    let reference = root.path().join("reference");
    let (disk, fault) = Disk::failing_at(u64::MAX, torn);
    whole(disk.clone(), &reference, &fake).unwrap();
    let n_changes = fault.n_changes.load(std::sync::atomic::Ordering::Relaxed);
    let at_least = if torn { 20 } else { 100 };
    assert!(n_changes > at_least, "{n_changes} changes are too few to be all of them");
    let expected = essence(&reference);
    assert!(check(&reference).unwrap().is_clean());
    for at in 0..n_changes {
        let folder = root.path().join(format!("{at}"));
        let (failing, _) = Disk::failing_at(at, torn);
        whole(failing, &folder, &fake).unwrap_err();
        assert_not_damaged(&folder, &format!("interrupted at change {at}"));
        // The first attempt to take it up is interrupted, too.
        let (failing, _) = Disk::failing_at(at % 9, torn);
        drop(take_up(failing, &folder, &fake));
        assert_not_damaged(&folder, &format!("interrupted at changes {at} and {}", at % 9));
        let mut study = take_up(disk.clone(), &folder, &fake).unwrap();
        finish(&mut study, &fake).unwrap();
        drop(study);
        let check = check(&folder).unwrap();
        assert_eq!(check.findings, [], "interrupted at change {at}");
        assert!(essence(&folder) == expected, "interrupted at change {at}: another study");
        fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn a_writer_ended_between_any_two_changes_loses_at_most_its_run() {
    interrupt_everywhere(false);
}

#[test]
fn a_writer_ended_inside_any_write_loses_at_most_its_run() {
    interrupt_everywhere(true);
}
