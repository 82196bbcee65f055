//! Studies that are killed, locked and resumed.

use std::fs;
use std::process::Child;

use super::{Place, files};

/// Starts a study of 40 runs and returns when its first run is sealed.
fn started(place: &Place) -> Child {
    place.run_until("[1/40]")
}

fn n_sealed(place: &Place) -> usize {
    let journal = fs::read_to_string(place.path("study/journal.jsonl")).unwrap();
    journal.matches("\"type\":\"run_sealed\"").count()
}

#[test]
fn a_killed_study_is_resumed_and_verifies() {
    let place = Place::new(20);
    let mut child = started(&place);
    let said = place.expect(3, &["run", "--resume", "-o", "study"]);
    assert!(said.contains("is being written by"), "the lock is respected: {said}");
    child.kill().unwrap();
    child.wait().unwrap();
    let before = n_sealed(&place);
    assert!((1..40).contains(&before), "{before} runs were sealed before the end");
    place.expect(4, &["verify", "study"]);
    place.expect(4, &["analyze", "study"]);
    let moved = place.path("plan.toml");
    fs::rename(&moved, place.path("moved.toml")).unwrap();
    let said = place.expect(2, &["run", "--resume", "-o", "study"]);
    assert!(said.contains("relative to the plan file"), "{said}");
    fs::rename(place.path("moved.toml"), &moved).unwrap();
    place.expect(0, &["run", "plan.toml", "--resume", "-o", "study"]);
    assert_eq!(n_sealed(&place), 40);
    assert!(!files(&place.path("study")).iter().any(|file| file.contains("tmp-")));
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
    let said = place.expect(0, &["run", "--resume", "-o", "study"]);
    assert!(said.contains("sealed already"), "{said}");
}

#[test]
fn another_plan_or_other_overrides_cannot_resume_a_study() {
    let place = Place::new(1);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    fs::write(place.path("other.toml"), super::plan(2)).unwrap();
    let said = place.expect(2, &["run", "other.toml", "--resume", "-o", "study"]);
    assert!(said.contains("is not the plan"), "{said}");
    let said = place.expect(2, &["run", "--resume", "-o", "study", "--blocks", "2"]);
    assert!(said.contains("overrides"), "{said}");
    let said = place.expect(2, &["run", "plan.toml", "-o", "study"]);
    assert!(said.contains("--resume"), "{said}");
}
