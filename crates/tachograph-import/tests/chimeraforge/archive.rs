//! The archive itself, which is not part of the repository: where it is absent, tests that
//! ask for it say so and check nothing.
//!
//! Owns: reading the archive for tests, and what is in it.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use tachograph_import::{ImportedSet, Snapshot, SourceFile, import};
use tachograph_model::event::RunOutcome;
use tachograph_model::plan::imported::{ImportKind, Imported};

/// Returns the folder of the archive.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chimeraforge")
}

/// Returns the archive's files; `None` if it is not here.
pub(crate) fn files() -> Option<&'static [SourceFile]> {
    static FILES: OnceLock<Option<Vec<SourceFile>>> = OnceLock::new();
    FILES.get_or_init(|| File::open(folder().join("pack.tar.gz")).ok().map(unpacked)).as_deref()
}

fn unpacked(pack: File) -> Vec<SourceFile> {
    let mut archive = tar::Archive::new(GzDecoder::new(pack));
    let mut files = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        if entry.header().entry_type().is_file() {
            let path = entry.path().unwrap();
            let path = path.to_str().unwrap().trim_start_matches("./").to_owned();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            files.push(SourceFile { path, bytes });
        }
    }
    files
}

/// Returns what is in the archive; `None` if it is not here.
pub(crate) fn snapshot() -> Option<&'static Snapshot> {
    static SNAPSHOT: OnceLock<Option<Snapshot>> = OnceLock::new();
    let read = || Some(import(ImportKind::Chimeraforge, files()?).unwrap());
    SNAPSHOT.get_or_init(read).as_ref()
}

/// Returns a study.
pub(crate) fn set<'a>(snapshot: &'a Snapshot, name: &str) -> &'a ImportedSet {
    snapshot.sets.iter().find(|set| set.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// Returns where a study comes from.
pub(crate) fn imported(set: &ImportedSet) -> &Imported {
    set.plan.imported.as_ref().unwrap()
}

/// Name, configurations, runs, failed runs of every study. Those of two agents in Rust with
/// two calls have runs of agents alone from another study.
const STUDIES: [(&str, usize, usize, usize); 18] = [
    ("chimera-sweep", 19, 36, 0),
    ("comprehensive-test-results", 30, 150, 0),
    ("demo-multiagent-results", 1, 3, 0),
    ("demo-rust-agent-parity-test", 2, 2, 0),
    ("demo-rust-agent-sweep", 20, 38, 0),
    ("demo-rust-agent-tr109-rerun", 2, 10, 0),
    ("demo-rust-multiagent-parity-test", 2, 2, 0),
    ("demo-rust-multiagent-results", 19, 19, 0),
    ("demo-rust-multiagent-results-tr110", 30, 150, 0),
    ("demo-rust-multiagent-results-tr110-dual", 30, 150, 0),
    ("live-isolated-run", 1, 3, 0),
    ("results-run-a", 1, 1, 0),
    ("results-run-b", 1, 1, 0),
    ("results-run-c", 1, 1, 0),
    ("sample-run", 1, 1, 0),
    ("tr109-rust", 2, 6, 0),
    ("tr109-rust-full", 20, 114, 2),
    ("tr110-rust", 2, 58, 0),
];

#[test]
fn every_study_is_found() {
    let Some(snapshot) = snapshot() else {
        println!("skipped: the archive is not here");
        return;
    };
    let found = snapshot.sets.iter().map(|set| {
        let failed = set.runs.iter().filter(|run| run.outcome == RunOutcome::Failed).count();
        (&*set.name, imported(set).configurations.len(), set.runs.len(), failed)
    });
    let mut expected = STUDIES.to_vec();
    // The other failed run is one of an agent alone.
    expected.push(("tr110-rust-full", 36, 216, 2));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    for set in &snapshot.sets {
        let imported = imported(set);
        assert_eq!(imported.fault(), None);
        assert!(imported.runs.iter().eq(set.runs.iter().map(|run| &run.id)));
        assert!(imported.not_recorded.len() > 4 && !imported.order.is_empty(), "{}", set.name);
    }
}

#[test]
fn every_file_is_a_source_or_left_out_with_a_reason() {
    let (Some(snapshot), Some(files)) = (snapshot(), files()) else {
        println!("skipped: the archive is not here");
        return;
    };
    let sources = snapshot.sets.iter().flat_map(|set| &imported(set).sources);
    let sources: BTreeSet<&str> = sources.map(|it| &*it.path).collect();
    let left_out: BTreeSet<&str> = snapshot.left_out.iter().map(|it| &*it.path).collect();
    assert_eq!(left_out.len(), snapshot.left_out.len(), "each of them once");
    let all: BTreeSet<&str> = files.iter().map(|file| &*file.path).collect();
    assert_eq!(sources.union(&left_out).copied().collect::<BTreeSet<&str>>(), all);
    assert_eq!(sources.intersection(&left_out).next(), None, "no summary disagrees with its runs");
    let n = |words: &str| snapshot.left_out.iter().filter(|it| it.what.contains(words)).count();
    assert_eq!(n("a summary of runs; it agrees"), 144);
    assert_eq!(n("a summary of runs; it names no run that is here"), 1, "the made-up runs'");
    assert_eq!(n("an index of summaries; it agrees with the 150 runs"), 2);
    assert_eq!(n("did not read the server's final record"), 6);
    assert_eq!(n("made up, not measured"), 2);
    assert_eq!(n("means only"), 2);
    assert_eq!(n("a table"), 3);
    assert_eq!(n("no JSON"), 1);
    assert_eq!(snapshot.left_out.len(), 161);
}

#[test]
fn what_is_wrong_with_it_is_found() {
    let Some(snapshot) = snapshot() else {
        println!("skipped: the archive is not here");
        return;
    };
    for (name, place, words) in [
        ("tr109-rust-full", "/chimera/llm_calls/5/metrics", "the final record is missing"),
        ("tr109-rust-full", "/chimera/llm_calls/1/metrics", "the final record is missing"),
        ("tr109-rust-full", "", "`gpu80_ctx1024_temp0p6_v2`, ends in a version"),
        ("tr109-rust-full", "", "`gpu80_ctx512_temp0p8_v2`, ends in a version"),
        (
            "tr110-rust-full",
            "/collector/result/llm_calls/1/metrics",
            "49585 characters were answered",
        ),
        ("tr110-rust-full", "", "tests 101, 102, 105 are not there"),
        ("tr110-rust-full", "", "spelt `chimera_homo` (so in 9 further files"),
        ("tr110-rust-full", "", "insight sends temperature = 0.8 here and 0.6 there"),
        ("comprehensive-test-results", "", "the agents differ in temperature too, 0.8 and 0.6"),
        ("chimera-sweep", "", "the agent read no file of its input"),
        ("demo-rust-agent-sweep", "", "repeat_penalty = 1.1, top_k = 40, top_p = 0.9"),
        (
            "demo-rust-agent-tr109-rerun",
            "/chimera/aggregate_metrics/total_duration_ms",
            "it is the mean of the calls, not their sum",
        ),
        ("demo-rust-multiagent-results", "", "the options of another folder"),
        ("demo-rust-multiagent-results-tr110", "", "num_ctx = 512 and 1024"),
    ] {
        let defects = &imported(set(snapshot, name)).defects;
        let found = defects.iter().any(|it| it.place == place && it.what.contains(words));
        assert!(found, "{name}: no `{words}` at `{place}` in {defects:#?}");
    }
    let failed = |name: &str| {
        let defects = imported(set(snapshot, name)).defects.iter();
        defects.filter(|it| it.what.contains("the final record is missing")).count()
    };
    assert_eq!((failed("tr109-rust-full"), failed("tr110-rust-full")), (2, 1));
}

#[test]
fn any_folder_of_it_can_be_given() {
    let Some(files) = files() else {
        println!("skipped: the archive is not here");
        return;
    };
    let below = |prefix: &str| {
        let files: Vec<SourceFile> = files
            .iter()
            .filter_map(|file| {
                let path = file.path.strip_prefix(prefix)?.to_owned();
                Some(SourceFile { path, bytes: file.bytes.clone() })
            })
            .collect();
        let snapshot = import(ImportKind::Chimeraforge, &files).unwrap();
        snapshot.sets.iter().map(|set| (set.name.clone(), set.runs.len())).collect::<Vec<_>>()
    };
    let is = |prefix: &str, name: &str, n_runs: usize| {
        assert_eq!(below(prefix), [(name.to_owned(), n_runs)], "{prefix}");
    };
    is("data/research/tr109_rust_full/", "rust-single-agent", 114);
    is("data/research/tr109_rust_full/gpu60_ctx256_temp0p6/", "rust-single-agent", 6);
    is("data/research/tr110_rust_full/chimera-homo/", "rust-multi-agent", 55);
    is("data/research/tr110_rust_full/chimera-homo/test013/", "rust-multi-agent", 5);
    is("data/research/tr110_rust_full/chimera-homo/test013/run_1/", "rust-multi-agent", 1);
    is(
        "src/python/banterhearts/demo_multiagent/comprehensive_test_results/",
        "python-multi-agent",
        150,
    );
}
