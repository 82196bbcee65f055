//! What an interrupted writer left, and how a study gets whole again.
//!
//! Owns: the steps between a folder that a process died in and one that can be
//! continued; and the two halves of a publication, which survives between them.
//!
//! Does not: touch what is sealed, or files that this program did not write.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_model::run::RunId;
use tachograph_model::study::{JournalEntry, Manifest, Resumed, RunAbandoned};

use crate::disk::{self, DiskError};
use crate::journal::Reading;
use crate::layout;
use crate::open::OpenError;
use crate::study::{Study, WriteError};

/// Refuses a folder that a new study cannot have for itself.
///
/// A folder in which a study was about to be created holds an empty journal,
/// or one whose first line was never finished, and nothing that counts.
pub(crate) fn require_free(folder: &Path) -> Result<(), WriteError> {
    let names = disk::names_in(folder)?;
    let ours = [layout::JOURNAL, layout::PLAN_TOML, layout::PLAN_LOCK, layout::ENVIRONMENT];
    let journal = disk::read_if_there(&folder.join(layout::JOURNAL))?;
    let never_begun = journal.is_some_and(|bytes| !bytes.contains(&b'\n'));
    let taken = names.into_iter().find(|name| !(never_begun && ours.contains(&name.as_str())));
    match taken {
        Some(found) => Err(WriteError::NotEmpty { folder: folder.to_owned(), found }),
        None => Ok(()),
    }
}

/// Returns whether all that the last line of a journal lacks is its newline.
pub(crate) fn lacks_only_its_end(journal: &[u8]) -> bool {
    let before = Reading::of(journal, None);
    let mut ended = journal.to_vec();
    ended.push(b'\n');
    let after = Reading::of(&ended, None);
    before.torn_bytes > 0 && after.faults.len() == before.faults.len()
}

/// Refuses to continue a journal that lost a line which the manifest seals, or
/// in which that line changed: the next manifest would hide it.
pub(crate) fn require_sealed_lines(folder: &Path, reading: &Reading) -> Result<(), OpenError> {
    let path = folder.join(layout::MANIFEST);
    let Some(bytes) = disk::read_if_there(&path)? else { return Ok(()) };
    // What is not a manifest vouches for nothing, and is written anew.
    let Ok(manifest) = serde_json::from_slice::<Manifest>(&bytes) else { return Ok(()) };
    let head = manifest.journal_head;
    if reading.lines.iter().any(|(digest, _)| *digest == head) {
        return Ok(());
    }
    let reason = format!(
        "it seals a journal with a line {head}, which journal.jsonl does not have; \
         `tacho verify` tells which of the two is damaged; restore it"
    );
    Err(OpenError::Content { path, line: None, reason })
}

/// Removes what is left of runs in progress, completes or takes back a
/// publication, and says in the journal what happened, if there is anything to
/// say or `said` demands it.
pub(crate) fn repair(
    study: &mut Study,
    torn_bytes: u64,
    said: bool,
    harness_version: &str,
    at: &str,
) -> Result<(), WriteError> {
    remove_unsealed_runs(study)?;
    let interrupted = study.folder.join(layout::PUBLISH_STAGED).exists();
    settle(study)?;
    let open: Vec<RunId> = study.journal.ledger().open.iter().cloned().collect();
    if said || torn_bytes > 0 || !open.is_empty() {
        let resumed = Resumed { harness_version: harness_version.to_owned(), torn_bytes };
        study.journal.append(at, JournalEntry::Resumed(resumed))?;
    }
    for run in open {
        let reason = "the process that executed it was ended".to_owned();
        study.journal.append(at, JournalEntry::RunAbandoned(RunAbandoned { run, reason }))?;
    }
    let manifest = study.folder.join(layout::MANIFEST).exists();
    if study.journal.ledger().is_sealed() || manifest || interrupted {
        study.seal_manifest()?;
    }
    study.disk.remove_file(&study.folder.join(layout::MANIFEST_STAGED))?;
    Ok(())
}

/// Removes the folders of runs that the journal does not call sealed.
fn remove_unsealed_runs(study: &Study) -> Result<(), DiskError> {
    let runs = study.folder.join(layout::RUNS);
    let sealed: BTreeSet<String> =
        study.journal.ledger().sealed.keys().map(layout::run_folder).collect();
    for configuration in disk::names_in(&runs)? {
        let folder = runs.join(&configuration);
        if !folder.is_dir() {
            continue;
        }
        for name in disk::names_in(&folder)? {
            let path = format!("{}/{configuration}/{name}", layout::RUNS);
            if layout::is_run_folder_name(&name) && !sealed.contains(&path) {
                study.disk.remove_folder(&folder.join(&name))?;
            }
        }
    }
    Ok(())
}

/// Writes derived files beside the study's own, where they do not count yet.
pub(crate) fn stage(study: &Study, files: &BTreeMap<String, Vec<u8>>) -> Result<(), DiskError> {
    let staged = study.folder.join(layout::PUBLISH_STAGED);
    study.disk.remove_folder(&staged)?;
    study.disk.create_folders(&staged)?;
    let mut folders = BTreeSet::from([study.folder.clone()]);
    for (path, bytes) in files {
        let place = layout::place(&staged, path);
        if let Some(parent) = place.parent() {
            study.disk.create_folders(parent)?;
        }
        study.disk.write_new(&place, bytes)?;
        folders.extend(
            place.ancestors().skip(1).take_while(|at| at.starts_with(&staged)).map(Path::to_owned),
        );
    }
    folders.iter().try_for_each(|folder| study.disk.sync_folder(folder))
}

/// Moves staged files to where the journal says they are, and removes those
/// that it does not know any more.
pub(crate) fn settle(study: &Study) -> Result<(), DiskError> {
    let ledger = study.journal.ledger();
    let staged = study.folder.join(layout::PUBLISH_STAGED);
    let mut folders = BTreeSet::new();
    if staged.exists() {
        for (path, (_, vouched)) in &ledger.published {
            let from = layout::place(&staged, path);
            let is_it = disk::read_if_there(&from)?
                .is_some_and(|bytes| Digest::of(&bytes) == vouched.sha256);
            if !is_it {
                continue;
            }
            let place = layout::place(&study.folder, path);
            if let Some(parent) = place.parent() {
                study.disk.create_folders(parent)?;
                folders.insert(parent.to_owned());
            }
            study.disk.rename(&from, &place)?;
        }
    }
    for path in ledger.withdrawn() {
        study.disk.remove_file(&layout::place(&study.folder, path))?;
    }
    for folder in folders {
        for at in folder.ancestors().take_while(|at| at.starts_with(&study.folder)) {
            study.disk.sync_folder(at)?;
        }
    }
    study.disk.remove_folder(&staged)
}
