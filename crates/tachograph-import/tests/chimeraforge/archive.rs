//! The archive itself, which is not part of the repository: where it is absent, tests that
//! ask for it say so and check nothing.
//!
//! Owns: reading the archive for tests, and what is in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use tachograph_import::{ImportedSet, Snapshot, SourceFile, import};
use tachograph_model::plan::imported::{ImportKind, Imported};

/// Returns the folder of the archive.
pub(crate) fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chimeraforge")
}

/// Returns the archive's files; `None` if it is not here.
pub(crate) fn files() -> Option<&'static [SourceFile]> {
    static FILES: OnceLock<Option<Vec<SourceFile>>> = OnceLock::new();
    let files = FILES.get_or_init(|| {
        let Ok(pack) = File::open(folder().join("pack.tar.gz")) else {
            println!("skipped: the archive is not here");
            return None;
        };
        let mut archive = tar::Archive::new(GzDecoder::new(pack));
        let mut files = Vec::new();
        for entry in archive.entries().unwrap() {
            let mut entry = entry.unwrap();
            if entry.header().entry_type().is_file() {
                let path =
                    entry.path().unwrap().to_str().unwrap().trim_start_matches("./").to_owned();
                let mut bytes = Vec::new();
                entry.read_to_end(&mut bytes).unwrap();
                files.push(SourceFile { path, bytes });
            }
        }
        Some(files)
    });
    files.as_deref()
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

#[test]
fn every_study_is_found_and_every_other_file_is_accounted_for() {
    let (Some(snapshot), Some(files)) = (snapshot(), files()) else { return };
    if std::env::var_os("SHOW").is_some() {
        for set in &snapshot.sets {
            let imported = imported(set);
            println!(
                "{} | {} | {} | conf {} runs {} sources {} failed {}",
                set.name,
                set.plan.question,
                imported.layout,
                imported.configurations.len(),
                set.runs.len(),
                imported.sources.len(),
                set.runs
                    .iter()
                    .filter(|r| r.outcome != tachograph_model::event::RunOutcome::Completed)
                    .count()
            );
            println!(
                "   {:?}",
                set.plan.servers.iter().map(|s| (&s.name, &s.url, &s.model)).collect::<Vec<_>>()
            );
            println!(
                "   {:?}",
                imported.configurations.iter().map(|c| c.id.0.clone()).take(4).collect::<Vec<_>>()
            );
            for d in &imported.defects {
                println!("   - {}#{}: {} => {}", d.path, d.place, d.what, d.treatment);
            }
        }
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for d in &snapshot.left_out {
            kinds.entry(&d.what).or_default().push(&d.path);
        }
        for (k, v) in kinds {
            println!("{} x {k}: {:?}", v.len(), &v[..v.len().min(3)]);
        }
    }
    let _ = files.len();
}
