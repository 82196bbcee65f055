//! One run on its way into a study.
//!
//! Owns: the temporary folder of a run in progress and the steps of sealing it.
//!
//! Does not: judge events; they are written as they come.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use tachograph_model::digest::Digest;
use tachograph_model::event::{Recorded, RunOutcome};
use tachograph_model::study::{JournalEntry, RunAbandoned, RunBegun, RunSealed};

use crate::compress;
use crate::disk::DiskError;
use crate::layout;
use crate::study::{Study, WriteError};

/// Events are collected up to this size before they are written.
const BUFFER_BYTES: usize = 1 << 16;

/// A run in progress. Dropped without [`Self::seal`], it is abandoned: its
/// folder stays until the study is resumed or the run is begun again.
#[derive(Debug)]
pub struct RunWriter<'study> {
    study: &'study mut Study,
    begun: RunBegun,
    folder: PathBuf,
    events: File,
    events_path: PathBuf,
    buffer: Vec<u8>,
    n_events: u64,
    artifacts: BTreeMap<String, Digest>,
}

impl<'study> RunWriter<'study> {
    pub(crate) fn begin(
        study: &'study mut Study,
        begun: &RunBegun,
        at: &str,
    ) -> Result<Self, WriteError> {
        let folder = layout::place(&study.folder, &layout::open_run_folder(&begun.run));
        study.disk.remove_folder(&folder)?;
        if study.journal.ledger().open.contains(&begun.run) {
            let reason = "it was begun again".to_owned();
            let abandoned = RunAbandoned { run: begun.run.clone(), reason };
            study.journal.append(at, JournalEntry::RunAbandoned(abandoned))?;
        }
        study.journal.append(at, JournalEntry::RunStarted(begun.clone()))?;
        study.disk.create_folders(&folder)?;
        let events_path = folder.join(layout::EVENTS_OPEN);
        let events = study.disk.create_new(&events_path)?;
        Ok(Self {
            study,
            begun: begun.clone(),
            folder,
            events,
            events_path,
            buffer: Vec::with_capacity(2 * BUFFER_BYTES),
            n_events: 0,
            artifacts: BTreeMap::new(),
        })
    }

    /// Appends an event. It reaches the disk at the latest when the run is
    /// sealed; nothing waits for the disk before.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disk`]; the run cannot be sealed then.
    pub fn append(&mut self, recorded: &Recorded) -> Result<(), WriteError> {
        serde_json::to_writer(&mut self.buffer, recorded)
            .expect("an event has no maps with non-text keys, and memory does not fail");
        self.buffer.push(b'\n');
        self.n_events += 1;
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        let written = self.study.disk.write(&self.events, &self.events_path, &self.buffer);
        self.buffer.clear();
        written
    }

    /// Leaves a file beside the events, such as an agent's report.
    ///
    /// # Errors
    ///
    /// [`WriteError::Name`] if `name` has folders, begins with a dot or is
    /// taken by the study itself, [`WriteError::DuplicateFile`],
    /// [`WriteError::Disk`].
    pub fn artifact(&mut self, name: &str, bytes: &[u8]) -> Result<(), WriteError> {
        layout::check_artifact(name)?;
        if self.artifacts.contains_key(name) {
            let run = self.begun.run.clone();
            return Err(WriteError::DuplicateFile { run, name: name.to_owned() });
        }
        self.study.disk.write_new(&self.folder.join(name), bytes)?;
        self.artifacts.insert(name.to_owned(), Digest::of(bytes));
        Ok(())
    }

    /// Seals the run: compresses its events, waits until all of it is on the
    /// disk, gives the folder its name and tells the journal.
    ///
    /// # Errors
    ///
    /// [`WriteError::EventsChanged`] if the file of events is not as long as
    /// what was appended, [`WriteError::Disk`], [`WriteError::Journal`]. The
    /// run counts as abandoned then.
    pub fn seal(mut self, outcome: RunOutcome, at: &str) -> Result<RunSealed, WriteError> {
        self.flush()?;
        let read = |source| DiskError { action: "read", path: self.events_path.clone(), source };
        let source = File::open(&self.events_path).map_err(read)?;
        let compressed = compress::compress(source).map_err(read)?;
        if compressed.n_lines != self.n_events {
            return Err(WriteError::EventsChanged {
                path: self.events_path.clone(),
                expected: self.n_events,
                found: compressed.n_lines,
            });
        }
        let disk = &self.study.disk;
        disk.write_new(&self.folder.join(layout::EVENTS_SEALED), &compressed.bytes)?;
        disk.remove_file(&self.events_path)?;
        disk.sync_folder(&self.folder)?;
        let path = layout::run_folder(&self.begun.run);
        let place = layout::place(&self.study.folder, &path);
        disk.rename(&self.folder, &place)?;
        // The folder of the configuration and `runs` itself may be new.
        for folder in place.ancestors().skip(1).take(3) {
            disk.sync_folder(folder)?;
        }
        self.artifacts.insert(layout::EVENTS_SEALED.to_owned(), Digest::of(&compressed.bytes));
        let files = self.artifacts.iter().map(|(name, digest)| (format!("{path}/{name}"), *digest));
        let sealed = RunSealed {
            run: self.begun.run.clone(),
            index: self.begun.index,
            outcome,
            files: files.collect(),
            events_sha256: compressed.raw_sha256,
            n_events: self.n_events,
        };
        self.study.journal.append(at, JournalEntry::RunSealed(sealed.clone()))?;
        Ok(sealed)
    }

    /// Gives the run up and removes what it left.
    ///
    /// # Errors
    ///
    /// [`WriteError::Disk`], [`WriteError::Journal`].
    pub fn abandon(self, reason: &str, at: &str) -> Result<(), WriteError> {
        self.study.disk.remove_folder(&self.folder)?;
        let abandoned = RunAbandoned { run: self.begun.run.clone(), reason: reason.to_owned() };
        self.study.journal.append(at, JournalEntry::RunAbandoned(abandoned))?;
        Ok(())
    }
}
