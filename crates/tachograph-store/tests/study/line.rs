//! From a folder that is not there to a sealed study that is read back.

use tachograph_store::{OpenError, Study, WriteError};
use tachograph_testkit::study::{AT, HARNESS_VERSION, StudyBuilder};

use super::{derived, new, written};

#[test]
fn what_was_recorded_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let fake = StudyBuilder::new().build();
    written(&folder.path().join("study"), &fake);
    let study = Study::open(&folder.path().join("study")).unwrap();
    assert_eq!(study.head().plan, fake.plan);
    assert_eq!(study.head().environment, fake.environment);
    assert_eq!(study.plan_toml(), fake.plan_toml.as_bytes());
    assert!(study.is_completed());
    assert_eq!(study.runs().count(), fake.runs.len());
    for (evidence, run) in study.runs().zip(&fake.runs) {
        let evidence = evidence.unwrap();
        assert_eq!(evidence.events, run.events);
        assert_eq!(evidence.sealed.run, run.run.id);
        let path = format!("runs/{}/stderr.txt", run.run.id);
        assert_eq!(study.read_file(&path).unwrap(), run.artifacts["stderr.txt"]);
    }
    assert_eq!(study.published_kinds(), ["single-agent"]);
    assert_eq!(study.read_published("single-agent").unwrap(), derived());
}

#[test]
fn a_folder_in_use_and_a_second_writer_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let fake = StudyBuilder::new().blocks(1).build();
    std::fs::write(folder.path().join("thesis.docx"), "x").unwrap();
    let error = Study::create(folder.path(), &new(&fake), AT).unwrap_err();
    assert!(error.to_string().contains("thesis.docx"), "{error}");
    assert!(error.to_string().contains("--resume"), "{error}");

    let path = folder.path().join("study");
    let study = Study::create(&path, &new(&fake), AT).unwrap();
    let error = Study::resume(&path, None, HARNESS_VERSION, AT).unwrap_err();
    let WriteError::Locked { pid, .. } = error else { panic!("{error}") };
    if cfg!(target_os = "linux") {
        assert_eq!(pid, Some(std::process::id()));
    }
    let error = Study::create(&path, &new(&fake), AT).unwrap_err();
    assert!(matches!(error, WriteError::Locked { .. }), "{error}");
    drop(study);
    let error = Study::create(&path, &new(&fake), AT).unwrap_err();
    assert!(matches!(error, WriteError::NotEmpty { .. }), "{error}");
    drop(Study::resume(&path, None, HARNESS_VERSION, AT).unwrap());
    assert!(matches!(Study::open(folder.path()).unwrap_err(), OpenError::NotAStudy { .. }));
}
