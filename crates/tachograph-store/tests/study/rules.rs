//! What a writer refuses, and what it leaves alone.

use std::collections::BTreeMap;
use std::fs;

use tachograph_model::digest::Digest;
use tachograph_model::event::RunOutcome;
use tachograph_model::run::{ConfigurationId, RunId};
use tachograph_model::study::{JournalEntry, LookDecision, Looked, RunBegun, Superseded};
use tachograph_store::{Study, WriteError, check};
use tachograph_testkit::study::{AT, FakeStudy, HARNESS_VERSION, StudyBuilder};

use super::{derived, finish, new, write_run, written};

fn fake() -> FakeStudy {
    StudyBuilder::new().no_factors().blocks(2).build()
}

#[test]
fn runs_are_those_of_the_plan_and_sealed_once() {
    let root = tempfile::tempdir().unwrap();
    let fake = fake();
    let mut study = Study::create(root.path(), &new(&fake), AT).unwrap();
    let mut foreign = fake.runs[0].begun();
    foreign.run = RunId { configuration: ConfigurationId("../x".to_owned()), block: 1 };
    assert!(matches!(study.begin_run(&foreign, AT), Err(WriteError::Name(_))));
    foreign.run.configuration.0 = "gpu80".to_owned();
    assert!(matches!(study.begin_run(&foreign, AT), Err(WriteError::UnknownRun { .. })));
    let misplaced = RunBegun { index: 1, ..fake.runs[0].begun() };
    assert!(matches!(study.begin_run(&misplaced, AT), Err(WriteError::UnknownRun { .. })));

    write_run(&mut study, &fake.runs[0]).unwrap();
    let again = study.begin_run(&fake.runs[0].begun(), AT);
    assert!(matches!(again, Err(WriteError::AlreadySealed { .. })));
    let Err(WriteError::Incomplete { n_missing, first }) = study.complete(AT) else {
        panic!("a run is missing")
    };
    assert_eq!((n_missing, first), (1, fake.runs[1].run.id.clone()));
}

#[test]
fn artifacts_have_plain_names_and_are_given_once() {
    let root = tempfile::tempdir().unwrap();
    let fake = fake();
    let mut study = Study::create(root.path(), &new(&fake), AT).unwrap();
    let mut writer = study.begin_run(&fake.runs[0].begun(), AT).unwrap();
    for name in ["../report.md", ".report.md", "a/b", "", "events.jsonl", "events.jsonl.zst"] {
        assert!(matches!(writer.artifact(name, b"x"), Err(WriteError::Name(_))), "{name:?}");
    }
    writer.artifact("report.md", b"x").unwrap();
    let error = writer.artifact("report.md", b"y").unwrap_err();
    assert!(matches!(error, WriteError::DuplicateFile { .. }), "{error}");
    let sealed = writer.seal(RunOutcome::Completed, AT).unwrap();
    assert_eq!(sealed.n_events, 0);
    assert_eq!(sealed.files.len(), 2);
}

#[test]
fn a_run_that_is_given_up_leaves_nothing_and_can_begin_again() {
    let root = tempfile::tempdir().unwrap();
    let fake = fake();
    let mut study = Study::create(root.path(), &new(&fake), AT).unwrap();
    let mut writer = study.begin_run(&fake.runs[0].begun(), AT).unwrap();
    writer.append(&fake.runs[0].events[0]).unwrap();
    writer.abandon("interrupted", AT).unwrap();
    // Dropped without a word, as when an error is passed on.
    let mut writer = study.begin_run(&fake.runs[0].begun(), AT).unwrap();
    writer.artifact("report.md", b"x").unwrap();
    drop(writer);
    finish(&mut study, &fake).unwrap();
    drop(study);
    assert_eq!(check(root.path()).unwrap().findings, []);
    let study = Study::open(root.path()).unwrap();
    let abandoned = |entry: &JournalEntry| matches!(entry, JournalEntry::RunAbandoned(_));
    let n_abandoned = study.head().journal.iter().filter(|line| abandoned(&line.entry)).count();
    assert_eq!(n_abandoned, 2);
}

#[test]
fn resuming_says_what_was_given_up() {
    let root = tempfile::tempdir().unwrap();
    let fake = fake();
    let mut study = Study::create(root.path(), &new(&fake), AT).unwrap();
    write_run(&mut study, &fake.runs[0]).unwrap();
    drop(study.begin_run(&fake.runs[1].begun(), AT).unwrap());
    drop(study);
    let journal = root.path().join("journal.jsonl");
    let torn = [fs::read(&journal).unwrap(), b"{\"line\":5,".to_vec()].concat();
    fs::write(&journal, torn).unwrap();
    let opened = Study::open(root.path()).unwrap();
    assert_eq!(opened.torn_bytes(), 10);

    let study = Study::resume(root.path(), None, "9.9.9", AT).unwrap();
    assert!(study.is_sealed(&fake.runs[0].run.id) && study.n_sealed() == 1);
    assert!(!root.path().join("runs/baseline_default/tmp-run_002").exists());
    drop(study);
    let opened = Study::open(root.path()).unwrap();
    let [.., resumed, abandoned] = opened.head().journal.as_slice() else { panic!("too short") };
    let JournalEntry::Resumed(resumed) = &resumed.entry else { panic!("{resumed:?}") };
    assert_eq!((resumed.torn_bytes, resumed.harness_version.as_str()), (10, "9.9.9"));
    let JournalEntry::RunAbandoned(abandoned) = &abandoned.entry else { panic!("{abandoned:?}") };
    assert_eq!(abandoned.run, fake.runs[1].run.id);
}

#[test]
fn a_publication_replaces_the_last_one_of_its_kind_only() {
    let root = tempfile::tempdir().unwrap();
    written(root.path(), &fake());
    let journal = root.path().join("journal.jsonl");
    let mut study = Study::reopen(root.path(), HARNESS_VERSION, AT).unwrap();
    let before = fs::read(&journal).unwrap();

    // The same bytes again heal a file, and say nothing.
    let report = root.path().join("reports/single-agent/report.md");
    fs::write(&report, "spoiled").unwrap();
    study.publish("single-agent", &derived(), AT).unwrap();
    assert_eq!(fs::read(&report).unwrap(), derived()["reports/single-agent/report.md"]);
    assert_eq!(fs::read(&journal).unwrap(), before);

    let other = BTreeMap::from([("reports/other/report.md".to_owned(), b"other".to_vec())]);
    study.publish("other", &other, AT).unwrap();
    let mut fewer = derived();
    fewer.remove("reports/single-agent/figures/ecdf.svg");
    study.publish("single-agent", &fewer, AT).unwrap();
    assert!(!root.path().join("reports/single-agent/figures/ecdf.svg").exists());

    for path in ["plan.toml", "journal.jsonl", "../x", "reports/other/x", "runs/a/run_001/x"] {
        let files = BTreeMap::from([(path.to_owned(), Vec::new())]);
        assert!(matches!(study.publish("single-agent", &files, AT), Err(WriteError::Name(_))));
    }
    drop(study);
    assert_eq!(check(root.path()).unwrap().findings, []);
    let study = Study::open(root.path()).unwrap();
    assert_eq!(study.read_published("single-agent").unwrap(), fewer);
    assert_eq!(study.read_published("other").unwrap(), other);
    assert_eq!(study.published_kinds(), ["other", "single-agent"]);
}

#[test]
fn a_superseded_study_is_said_once_and_its_manifest_says_it_too() {
    let (earlier, root) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    written(earlier.path(), &fake());
    written(root.path(), &fake());
    let earlier = Study::open(earlier.path()).unwrap();
    let superseded = Superseded {
        study: "before".to_owned(),
        plan_sha256: earlier.head().plan_sha256,
        evidence_sha256: Digest::of(b"evidence"),
        journal_head: earlier.journal_head(),
        merkle_root: None,
        reports: BTreeMap::new(),
        reason: "the clock was wrong".to_owned(),
    };
    let mut study = Study::reopen(root.path(), HARNESS_VERSION, AT).unwrap();
    study.supersede(superseded.clone(), AT).unwrap();
    let journal = fs::read(root.path().join("journal.jsonl")).unwrap();
    study.supersede(superseded.clone(), AT).unwrap();
    assert_eq!(fs::read(root.path().join("journal.jsonl")).unwrap(), journal);
    drop(study);
    assert_eq!(check(root.path()).unwrap().findings, []);
    let study = Study::open(root.path()).unwrap();
    assert_eq!(study.head().superseded().collect::<Vec<_>>(), [&superseded]);
    assert!(earlier.continues(superseded.journal_head));
    // Every line of a journal is one that it continues, and no other is.
    let second = earlier.head().journal[1].previous_sha256;
    assert!(earlier.continues(second) && !earlier.continues(Digest::ZERO));

    let path = root.path().join("manifest.json");
    let manifest = fs::read_to_string(&path).unwrap();
    assert!(manifest.contains("\"study\": \"before\""), "{manifest}");
    fs::write(&path, manifest.replace("\"before\"", "\"afters\"")).unwrap();
    let findings = check(root.path()).unwrap().findings;
    assert_eq!(findings[0].path, "manifest.json", "{findings:?}");
}

#[test]
fn reopening_a_whole_study_changes_nothing_and_a_lost_manifest_comes_back() {
    let root = tempfile::tempdir().unwrap();
    let fake = fake();
    written(root.path(), &fake);
    let all = || -> Vec<Vec<u8>> {
        let files = tachograph_testkit::corrupt::files(root.path()).unwrap();
        files.iter().map(|path| fs::read(root.path().join(path)).unwrap()).collect()
    };
    let before = all();
    drop(Study::reopen(root.path(), HARNESS_VERSION, AT).unwrap());
    drop(Study::resume(root.path(), None, HARNESS_VERSION, AT).unwrap());
    assert!(all() == before);
    fs::remove_file(root.path().join("manifest.json")).unwrap();
    assert!(check(root.path()).unwrap().is_damaged());
    drop(Study::reopen(root.path(), HARNESS_VERSION, AT).unwrap());
    assert!(all() == before);
}

#[test]
fn a_place_that_cannot_be_written_is_named() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "x").unwrap();
    let error = Study::create(&file.join("study"), &new(&fake()), AT).unwrap_err();
    assert!(error.to_string().contains("file/study"), "{error}");
}

fn looked(n_blocks: u32, decision: LookDecision) -> Looked {
    Looked { n_blocks, configurations: BTreeMap::new(), decision }
}

#[test]
fn a_stopping_rule_ends_a_study_before_its_last_block() {
    let root = tempfile::tempdir().unwrap();
    let fake = StudyBuilder::new().no_factors().blocks(4).build();
    let mut study = Study::create(root.path(), &new(&fake), AT).unwrap();
    write_run(&mut study, &fake.runs[0]).unwrap();
    write_run(&mut study, &fake.runs[1]).unwrap();
    let refused = |study: &mut Study, n_blocks| {
        let error = study.look(looked(n_blocks, LookDecision::GoOn), AT).unwrap_err();
        assert!(matches!(error, WriteError::Journal(_)), "{error}");
        error.to_string()
    };
    assert!(refused(&mut study, 1).contains("comes after run"));
    study.look(looked(2, LookDecision::GoOn), AT).unwrap();
    assert_eq!(study.stopped_after(), None);
    assert!(refused(&mut study, 2).contains("follows the one after 2"));
    write_run(&mut study, &fake.runs[2]).unwrap();
    assert!(matches!(study.complete(AT), Err(WriteError::Incomplete { n_missing: 1, .. })));
    study.look(looked(3, LookDecision::AllDecided), AT).unwrap();
    assert_eq!(study.stopped_after(), Some(3));
    assert!(refused(&mut study, 4).contains("which was the last"));
    let error = study.begin_run(&fake.runs[3].begun(), AT).unwrap_err();
    assert!(error.to_string().contains("ended the study after 3 blocks"), "{error}");
    study.complete(AT).unwrap();
    assert!(study.is_completed());
    let evidence = study.read_run(&fake.runs[1].run.id).unwrap();
    assert_eq!(evidence.events, fake.runs[1].events);
    assert!(study.read_run(&fake.runs[3].run.id).is_err());
    drop(study);
    assert_eq!(check(root.path()).unwrap().findings, []);
}
