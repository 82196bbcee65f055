//! Files of the folder `data`, imported.

use std::fs;
use std::path::Path;

use serde_json::Value;
use tachograph_import::{ImportedRun, ImportedSet, Snapshot, SourceFile, import};
use tachograph_model::event::{AgentReported, CallReported, Event, RunReported};
use tachograph_model::plan::imported::{ImportKind, Imported};

/// Returns a file of the folder `data`.
pub(crate) fn file(name: &str) -> SourceFile {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    SourceFile { path: name.to_owned(), bytes: fs::read(folder.join(name)).unwrap() }
}

/// Returns a file with the contents of another, changed.
pub(crate) fn changed(name: &str, change: impl FnOnce(&mut Value)) -> SourceFile {
    let original = file(name);
    let mut value = serde_json::from_slice(&original.bytes).unwrap();
    change(&mut value);
    SourceFile { bytes: serde_json::to_vec(&value).unwrap(), ..original }
}

/// Returns a file of lines with one of them changed.
pub(crate) fn changed_line(name: &str, line: usize, change: impl FnOnce(&mut Value)) -> SourceFile {
    let original = file(name);
    let text = String::from_utf8(original.bytes).unwrap();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let mut value = serde_json::from_str(&lines[line]).unwrap();
    change(&mut value);
    lines[line] = value.to_string();
    SourceFile { bytes: lines.join("\n").into_bytes(), ..original }
}

/// Returns the kind of a file by its folder.
pub(crate) fn kind(name: &str) -> ImportKind {
    let folder = name.split('/').next().unwrap();
    ImportKind::ALL.into_iter().find(|kind| kind.name() == folder).unwrap()
}

/// Imports files, which lie in one folder of `data`.
pub(crate) fn read(files: &[SourceFile]) -> Snapshot {
    import(kind(&files[0].path), files).unwrap_or_else(|error| panic!("{error}"))
}

/// Imports files that make one study.
pub(crate) fn one(files: &[SourceFile]) -> ImportedSet {
    let mut sets = read(files).sets;
    assert_eq!(sets.len(), 1, "{:?}", sets.iter().map(|it| &it.name).collect::<Vec<_>>());
    sets.remove(0)
}

/// Returns the error about files.
pub(crate) fn error(files: &[SourceFile]) -> String {
    import(kind(&files[0].path), files).unwrap_err().to_string()
}

pub(crate) fn imported(set: &ImportedSet) -> &Imported {
    set.plan.imported.as_ref().unwrap()
}

/// Returns the defects of a study as texts.
pub(crate) fn defects(set: &ImportedSet) -> Vec<String> {
    let one = |it: &tachograph_model::plan::imported::Defect| {
        format!("{} {}: {} ({})", it.path, it.place, it.what, it.treatment)
    };
    imported(set).defects.iter().map(one).collect()
}

/// Fails if no text has the words.
pub(crate) fn found(texts: &[String], words: &str) {
    assert!(texts.iter().any(|text| text.contains(words)), "no `{words}` in {texts:#?}");
}

/// What a run says.
pub(crate) struct Said {
    pub(crate) run: RunReported,
    pub(crate) agent: AgentReported,
    pub(crate) calls: Vec<CallReported>,
}

pub(crate) fn said(run: &ImportedRun) -> Said {
    let (mut reported, mut agent, mut calls) = (None, None, Vec::new());
    for recorded in &run.events {
        match recorded.event.clone() {
            Event::RunReported(it) => reported = Some(it),
            Event::AgentReported(it) => agent = Some(it),
            Event::CallReported(it) => calls.push(it),
            other => panic!("{other:?}"),
        }
    }
    Said { run: reported.unwrap(), agent: agent.unwrap(), calls }
}
