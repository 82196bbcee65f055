//! Every file of a study against what journal and manifest say of it.
//!
//! Owns: the walk over the folder, digests, and events one by one.
//!
//! Does not: follow symbolic links.

use std::collections::BTreeMap;
use std::fs;

use tachograph_model::digest::Digest;

use super::{Checker, Severity};
use crate::companion::Companion;
use crate::disk::{self, DiskError};
use crate::layout;
use crate::ledger::Vouched;
use crate::open;

/// What lies at a path.
enum Entry {
    /// A file; its digest, unless it could not be read.
    File(Result<Digest, DiskError>),
    /// A link, a socket or the like.
    Other,
}

impl Checker<'_> {
    pub(super) fn check_files(&mut self) -> Result<(), DiskError> {
        let mut present = self.walk()?;
        for own in [layout::JOURNAL, layout::MANIFEST] {
            if let Some(Entry::Other) = present.remove(own) {
                self.damaged(own, None, "it is not a regular file".to_owned());
            }
        }
        let vouched = self.reading.ledger.files().clone();
        let listed = self.listed.clone().unwrap_or_default();
        for (path, says) in &vouched {
            let entry = present.remove(path);
            if self.is_staged(path, *says) {
                let message = "its publication was interrupted, or is going on; --resume or a new \
                               report completes it";
                self.find(Severity::Unfinished, path, None, message.to_owned());
            } else if let Some(entry) = entry {
                self.judge(path, *says, listed.get(path).copied(), entry);
            } else {
                self.damaged(path, None, format!("it is missing; {} lists it", source(*says)));
            }
        }
        self.check_unvouched(&present, &vouched, &listed);
        self.check_events();
        Ok(())
    }

    /// Returns what lies under the folder, by path relative to it.
    fn walk(&mut self) -> Result<BTreeMap<String, Entry>, DiskError> {
        let mut present = BTreeMap::new();
        let mut folders = vec![String::new()];
        while let Some(folder) = folders.pop() {
            let names = match disk::names_in(&layout::place(self.folder, &folder)) {
                Ok(names) => names,
                Err(error) if folder.is_empty() => return Err(error),
                Err(error) => {
                    let message = format!("{error}: {}", error.source);
                    self.damaged(folder.trim_end_matches('/'), None, message);
                    continue;
                }
            };
            for name in names {
                let path = format!("{folder}{name}");
                let place = layout::place(self.folder, &path);
                // A file that vanishes meanwhile is missing like any other.
                let Ok(metadata) = fs::symlink_metadata(&place) else { continue };
                if metadata.is_dir() {
                    folders.push(format!("{path}/"));
                } else if metadata.is_file() {
                    let bytes = disk::read(&place);
                    self.check.n_files += 1;
                    self.check.n_bytes += metadata.len();
                    present.insert(path, Entry::File(bytes.map(|bytes| Digest::of(&bytes))));
                } else {
                    present.insert(path, Entry::Other);
                }
            }
        }
        Ok(present)
    }

    /// Compares a file with what the journal says, and, if they contradict each
    /// other, asks the manifest which of them changed.
    fn judge(&mut self, path: &str, says: Vouched, listed: Option<Digest>, entry: Entry) {
        let found = match entry {
            Entry::File(Ok(found)) => found,
            Entry::File(Err(error)) => {
                return self.damaged(path, None, format!("{error}: {}", error.source));
            }
            Entry::Other => {
                return self.damaged(path, None, "it is a link or a device, not a file".to_owned());
            }
        };
        if found == says.sha256 {
            return;
        }
        if listed == Some(found) {
            let message = format!(
                "it says that {path} has the digest {}, but the file and manifest.json agree on {found}",
                says.sha256
            );
            return self.damaged(layout::JOURNAL, Some(says.line), message);
        }
        let message = format!(
            "it changed since it was sealed: its digest is {found}, {} says {}",
            source(says),
            says.sha256
        );
        self.damaged(path, None, message);
    }

    /// Names files that the journal does not list.
    fn check_unvouched(
        &mut self,
        present: &BTreeMap<String, Entry>,
        vouched: &BTreeMap<String, Vouched>,
        listed: &BTreeMap<String, Digest>,
    ) {
        for (path, entry) in present {
            if Companion::is_at(path) && matches!(entry, Entry::File(Ok(_))) {
                continue;
            }
            match (listed.get(path), entry) {
                // A line of the journal is gone, which is said already.
                (Some(expected), Entry::File(Ok(found))) if expected == found => {}
                (Some(expected), _) => {
                    let message =
                        format!("it is not the file that manifest.json lists with {expected}");
                    self.damaged(path, None, message);
                }
                (None, _) if self.is_left_over(path) => {
                    let message = "it was left by a writer that was interrupted, or is at work; \
                                   --resume clears it up";
                    self.find(Severity::Unfinished, path, None, message.to_owned());
                }
                (None, _) => {
                    let message = "it is not listed: tacho did not write it, or the entry of the \
                                   journal for it is gone; remove it";
                    self.damaged(path, None, message.to_owned());
                }
            }
        }
        let lost = listed.keys().filter(|path| {
            !vouched.contains_key(*path) && !present.contains_key(*path) && *path != layout::JOURNAL
        });
        for path in lost.cloned().collect::<Vec<_>>() {
            self.damaged(&path, None, "it is missing; manifest.json lists it".to_owned());
        }
    }

    /// Returns whether the published file at `path` still waits for its place.
    fn is_staged(&self, path: &str, says: Vouched) -> bool {
        let staged = layout::place(&self.folder.join(layout::PUBLISH_STAGED), path);
        self.reading.ledger.published.contains_key(path)
            && disk::read(&staged).is_ok_and(|bytes| Digest::of(&bytes) == says.sha256)
    }

    /// Returns whether a writer in progress has such a file.
    fn is_left_over(&self, path: &str) -> bool {
        if self.reading.ledger.withdrawn().contains(path) {
            return true;
        }
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            [layout::MANIFEST_STAGED] | [layout::PUBLISH_STAGED, _, ..] => true,
            [layout::RUNS, configuration, run, _] => {
                let open = self.reading.ledger.open.iter().any(|id| {
                    id.configuration.0 == *configuration
                        && run.trim_start_matches(layout::TEMPORARY)
                            == format!("run_{:03}", id.block)
                });
                layout::is_run_folder_name(run) && (open || run.starts_with(layout::TEMPORARY))
            }
            _ => false,
        }
    }

    /// Reads the events of every run whose file has the right digest.
    fn check_events(&mut self) {
        for sealed in self.reading.ledger.sealed.values().cloned().collect::<Vec<_>>() {
            let path = open::events_path(&sealed);
            let place = layout::place(self.folder, &path);
            let Ok(bytes) = disk::read(&place) else { continue };
            if sealed.files.get(&path) != Some(&Digest::of(&bytes)) {
                continue;
            }
            let mut n_events = 0;
            if let Err(error) = open::each_event(&place, &bytes, &sealed, |_| n_events += 1) {
                self.refused(&path, &error);
            }
            self.check.n_events += n_events;
        }
    }
}

fn source(says: Vouched) -> String {
    format!("line {} of the journal", says.line)
}
