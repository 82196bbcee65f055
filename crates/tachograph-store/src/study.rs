//! A study that is written.
//!
//! Owns: the order in which files and journal entries reach the disk, so that a
//! writer that is ended at any instant loses at most the run in progress.
//!
//! Does not: read a clock (instants come from the caller), know what events
//! mean, or change what is sealed.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};

use tachograph_model::digest::Digest;
use tachograph_model::environment::Environment;
use tachograph_model::plan::{Plan, expand};
use tachograph_model::run::RunId;
use tachograph_model::study::{
    Completed, JOURNAL_SCHEMA, JournalEntry, Looked, Published, RunBegun, RunEvidence,
    StudyCreated, Superseded,
};

use crate::disk::{self, Disk, DiskError};
use crate::journal::{AppendError, Journal, Reading};
use crate::layout::{self, NameError};
use crate::open::{self, OpenError, OpenStudy};
use crate::run_writer::RunWriter;
use crate::{lock, manifest, recover};

/// Why a study could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// A new study needs a folder of its own.
    #[error(
        "{folder} is not empty ({found} is there); name a new folder, or continue a study with --resume",
        folder = folder.display()
    )]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
        /// Something in it.
        found: String,
    },
    /// Another process writes this study.
    #[error(
        "{folder} is being written by {holder}; wait for it, or end it",
        folder = folder.display(),
        holder = pid.map_or("another process".to_owned(), |pid| format!("process {pid}"))
    )]
    Locked {
        /// The folder.
        folder: PathBuf,
        /// The process, where the system tells.
        pid: Option<u32>,
    },
    /// The study was made by another plan.
    #[error(
        "{folder} was begun with another plan ({found}) than the one given ({expected}); resume it \
         with the plan that it was begun with, or run this one in a new folder",
        folder = folder.display(), found = found.short(), expected = expected.short()
    )]
    OtherPlan {
        /// The folder.
        folder: PathBuf,
        /// The digest of the plan that was given.
        expected: Digest,
        /// The digest of the study's plan.
        found: Digest,
    },
    /// The run is not one of the plan, or stands at another place in its order.
    #[error("run {run} at position {index} is not in the plan of this study")]
    UnknownRun {
        /// The run.
        run: RunId,
        /// The position that was given.
        index: u32,
    },
    /// The run is sealed.
    #[error("run {run} is sealed and cannot be executed again")]
    AlreadySealed {
        /// The run.
        run: RunId,
    },
    /// Runs of the plan are missing.
    #[error(
        "{n_missing} runs of the plan are not sealed, the first is {first}; continue with --resume"
    )]
    Incomplete {
        /// How many.
        n_missing: usize,
        /// The first of them in the order of execution.
        first: RunId,
    },
    /// A file of the run was given twice.
    #[error("run {run} already has a file {name:?}")]
    DuplicateFile {
        /// The run.
        run: RunId,
        /// The file's name.
        name: String,
    },
    /// The events on the disk are not those that were appended.
    #[error(
        "{path} holds {found} events, but {expected} were recorded; something else wrote to it",
        path = path.display()
    )]
    EventsChanged {
        /// The file.
        path: PathBuf,
        /// How many were appended.
        expected: u64,
        /// How many there are.
        found: u64,
    },
    /// A name cannot be used.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The study could not be read.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The journal could not be continued.
    #[error(transparent)]
    Journal(#[from] AppendError),
    /// A file could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// What a study begins with.
#[derive(Debug, Clone, Copy)]
pub struct NewStudy<'a> {
    /// The bytes of the plan's file.
    pub plan_toml: &'a [u8],
    /// The plan that is carried out, overrides included.
    pub plan: &'a Plan,
    /// What was true when the study began.
    pub environment: &'a Environment,
    /// What the command line changed in the plan: `blocks = 1`.
    pub overrides: &'a [String],
    /// The version of the program.
    pub harness_version: &'a str,
}

/// A study that is written, locked against other writers.
#[derive(Debug)]
pub struct Study {
    pub(crate) folder: PathBuf,
    pub(crate) disk: Disk,
    pub(crate) journal: Journal,
    plan: Plan,
    positions: BTreeMap<RunId, u32>,
}

impl Study {
    /// Creates a study in `folder`, which must be absent or empty. `at` is the
    /// time of day, RFC 3339 in UTC, here and in all methods below.
    ///
    /// # Errors
    ///
    /// [`WriteError::NotEmpty`], [`WriteError::Locked`], [`WriteError::Disk`].
    pub fn create(folder: &Path, new: &NewStudy<'_>, at: &str) -> Result<Self, WriteError> {
        Self::create_on(Disk::default(), folder, new, at)
    }

    /// As [`Self::create`], without waiting for the disk: for results that lie elsewhere
    /// and can be imported again. Should the machine stop within moments of the end,
    /// `check` finds what is missing.
    ///
    /// # Errors
    ///
    /// As [`Self::create`].
    pub fn create_hastily(folder: &Path, new: &NewStudy<'_>, at: &str) -> Result<Self, WriteError> {
        Self::create_on(Disk::hasty(), folder, new, at)
    }

    /// Checks that a study can be made in `folder`: it is absent or empty.
    ///
    /// # Errors
    ///
    /// [`WriteError::NotEmpty`], [`WriteError::Disk`].
    pub fn require_free(folder: &Path) -> Result<(), WriteError> {
        recover::require_free(folder)
    }

    pub(crate) fn create_on(
        disk: Disk,
        folder: &Path,
        new: &NewStudy<'_>,
        at: &str,
    ) -> Result<Self, WriteError> {
        recover::require_free(folder).map_err(|error| locked(folder).unwrap_or(error))?;
        disk.create_folders(folder)?;
        // The journal comes first: while it is empty, the folder is ours and
        // holds nothing, so an interrupted creation can be repeated.
        let path = folder.join(layout::JOURNAL);
        if disk::read_if_there(&path)?.is_none() {
            drop(disk.create_new(&path)?);
        }
        let file = open_journal(&path)?;
        take_lock(folder, &path, &file)?;
        recover::require_free(folder)?;
        disk.truncate(&file, &path, 0)?;
        let plan_lock = new.plan.lock_bytes();
        let environment = environment_bytes(new.environment);
        for (name, bytes) in [
            (layout::PLAN_TOML, new.plan_toml),
            (layout::PLAN_LOCK, &plan_lock),
            (layout::ENVIRONMENT, &environment),
        ] {
            disk.remove_file(&folder.join(name))?;
            disk.write_new(&folder.join(name), bytes)?;
        }
        disk.sync_folder(folder)?;
        if let Some(parent) = folder.canonicalize().ok().as_deref().and_then(Path::parent) {
            disk.sync_folder(parent)?;
        }
        let mut journal =
            Journal::continued(disk.clone(), file, &path, b"", Reading::of(b"", None));
        let created = StudyCreated {
            schema: JOURNAL_SCHEMA.to_owned(),
            plan_sha256: Digest::of(new.plan_toml),
            plan_lock_sha256: Digest::of(&plan_lock),
            environment_sha256: Digest::of(&environment),
            overrides: new.overrides.to_vec(),
            harness_version: new.harness_version.to_owned(),
        };
        journal.append(at, JournalEntry::StudyCreated(created))?;
        Ok(Self::assemble(folder, disk, journal, new.plan.clone()))
    }

    /// Takes up an interrupted study: cuts off an unfinished line of the
    /// journal, removes what is left of a run in progress, and says so in the
    /// journal. A study that is completed and whole is left as it is.
    ///
    /// `plan` is the digest of the plan's `lock_bytes`, if one was given.
    ///
    /// # Errors
    ///
    /// [`WriteError::OtherPlan`] unless the study was begun with `plan`,
    /// [`WriteError::Locked`], [`WriteError::Open`] if the journal, the plan or
    /// the environment are not what was written, [`WriteError::Disk`].
    pub fn resume(
        folder: &Path,
        plan: Option<Digest>,
        harness_version: &str,
        at: &str,
    ) -> Result<Self, WriteError> {
        Self::resume_on(Disk::default(), folder, plan, harness_version, at)
    }

    pub(crate) fn resume_on(
        disk: Disk,
        folder: &Path,
        plan: Option<Digest>,
        harness_version: &str,
        at: &str,
    ) -> Result<Self, WriteError> {
        let (mut study, torn_bytes) = Self::take_up(disk, folder, plan)?;
        let said = study.journal.ledger().completed.is_none();
        recover::repair(&mut study, torn_bytes, said, harness_version, at)?;
        Ok(study)
    }

    /// Opens a study to publish reports in it. Differs from [`Self::resume`] in
    /// that a study without damage gets no entry in its journal.
    ///
    /// # Errors
    ///
    /// As [`Self::resume`].
    pub fn reopen(folder: &Path, harness_version: &str, at: &str) -> Result<Self, WriteError> {
        let (mut study, torn_bytes) = Self::take_up(Disk::default(), folder, None)?;
        recover::repair(&mut study, torn_bytes, false, harness_version, at)?;
        Ok(study)
    }

    /// Opens a study to read it, without a lock.
    ///
    /// # Errors
    ///
    /// [`OpenError::NotAStudy`], [`OpenError::Schema`] if a newer program wrote
    /// it, [`OpenError::Journal`] with the line if the chain is broken,
    /// [`OpenError::DigestMismatch`], [`OpenError::Disk`].
    pub fn open(folder: &Path) -> Result<OpenStudy, OpenError> {
        OpenStudy::open(folder)
    }

    fn take_up(disk: Disk, folder: &Path, plan: Option<Digest>) -> Result<(Self, u64), WriteError> {
        let path = folder.join(layout::JOURNAL);
        if disk::read_if_there(&path)?.is_none() {
            return Err(OpenError::NotAStudy { folder: folder.to_owned() }.into());
        }
        let file = open_journal(&path)?;
        take_lock(folder, &path, &file)?;
        let mut bytes = disk::read(&path)?;
        let last_line_is_whole = recover::lacks_only_its_end(&bytes);
        if last_line_is_whole {
            bytes.push(b'\n');
        }
        let reading = Reading::of(&bytes, None);
        open::require_sound(folder, &reading)?;
        recover::require_sealed_lines(folder, &reading)?;
        let (whole_bytes, torn_bytes) = (reading.whole_bytes, reading.torn_bytes);
        let opened = OpenStudy::from_reading(folder, Reading::of(&bytes, None))?;
        let found = opened.head().plan_sha256;
        if let Some(expected) = plan.filter(|expected| *expected != found) {
            return Err(WriteError::OtherPlan { folder: folder.to_owned(), expected, found });
        }
        if last_line_is_whole {
            disk.write(&file, &path, b"\n")?;
            disk.sync(&file, &path)?;
        } else if torn_bytes > 0 {
            disk.truncate(&file, &path, whole_bytes)?;
            bytes.truncate(bytes.len() - usize::try_from(torn_bytes).unwrap_or(bytes.len()));
        }
        let journal = Journal::continued(disk.clone(), file, &path, &bytes, reading);
        Ok((Self::assemble(folder, disk, journal, opened.head().plan.clone()), torn_bytes))
    }

    fn assemble(folder: &Path, disk: Disk, journal: Journal, plan: Plan) -> Self {
        let positions = expand::runs(&plan).into_iter().map(|run| (run.id, run.index)).collect();
        Self { folder: folder.to_owned(), disk, journal, plan, positions }
    }

    /// Returns the study's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the plan that the study was begun with.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Returns whether `run` is sealed, so that it need not be executed.
    pub fn is_sealed(&self, run: &RunId) -> bool {
        self.journal.ledger().sealed.contains_key(run)
    }

    /// Returns the number of sealed runs.
    pub fn n_sealed(&self) -> usize {
        self.journal.ledger().sealed.len()
    }

    /// Returns whether every run of the plan is sealed, or its stopping rule ended
    /// the study, and the journal says so.
    pub fn is_completed(&self) -> bool {
        self.journal.ledger().completed.is_some()
    }

    /// Returns the latest look of the stopping rule, if there was one.
    pub fn last_look(&self) -> Option<&Looked> {
        self.journal.ledger().looked.as_ref()
    }

    /// Returns the number of blocks after which the stopping rule ended the study,
    /// if it did: no run of a later block may begin.
    pub fn stopped_after(&self) -> Option<u32> {
        self.journal.ledger().stopped_after()
    }

    /// Reads a sealed run back, every digest checked.
    ///
    /// # Errors
    ///
    /// As [`OpenStudy::read_run`]; a run that is not sealed is
    /// [`OpenError::Content`].
    pub fn read_run(&self, run: &RunId) -> Result<RunEvidence, OpenError> {
        let sealed = self.journal.ledger().sealed.get(run).ok_or_else(|| OpenError::Content {
            path: self.folder.join(layout::JOURNAL),
            line: None,
            reason: format!("run {run} is not sealed"),
        })?;
        open::read_run(&self.folder, sealed)
    }

    /// Writes down what the stopping rule said after `looked.n_blocks` blocks.
    ///
    /// # Errors
    ///
    /// [`WriteError::Journal`] unless the looks ascend, none follows one that ended
    /// the study, and no later block has a sealed run; [`WriteError::Disk`].
    pub fn look(&mut self, looked: Looked, at: &str) -> Result<(), WriteError> {
        Ok(self.journal.append(at, JournalEntry::Looked(looked))?)
    }

    /// Begins a run. What is left of an earlier attempt at it is removed.
    ///
    /// # Errors
    ///
    /// [`WriteError::UnknownRun`], [`WriteError::AlreadySealed`],
    /// [`WriteError::Name`], [`WriteError::Journal`], [`WriteError::Disk`].
    pub fn begin_run(&mut self, begun: &RunBegun, at: &str) -> Result<RunWriter<'_>, WriteError> {
        layout::check_run(&begun.run)?;
        if self.positions.get(&begun.run) != Some(&begun.index) {
            return Err(WriteError::UnknownRun { run: begun.run.clone(), index: begun.index });
        }
        if self.is_sealed(&begun.run) {
            return Err(WriteError::AlreadySealed { run: begun.run.clone() });
        }
        RunWriter::begin(self, begun, at)
    }

    /// Says that every run of the plan is sealed, or every run up to the look that
    /// ended the study, and writes the manifest.
    ///
    /// # Errors
    ///
    /// [`WriteError::Incomplete`] if one of them is missing, [`WriteError::Journal`],
    /// [`WriteError::Disk`].
    pub fn complete(&mut self, at: &str) -> Result<(), WriteError> {
        let n_blocks = self.stopped_after().unwrap_or(u32::MAX);
        let is_missing = |run: &RunId| run.block <= n_blocks && !self.is_sealed(run);
        let mut missing: Vec<(&RunId, &u32)> =
            self.positions.iter().filter(|(run, _)| is_missing(run)).collect();
        missing.sort_by_key(|(_, index)| **index);
        if let Some((first, _)) = missing.first() {
            let first = (*first).clone();
            return Err(WriteError::Incomplete { n_missing: missing.len(), first });
        }
        if !self.is_completed() {
            let n_runs = u32::try_from(self.n_sealed()).expect("positions are 32 bits wide");
            self.journal.append(at, JournalEntry::Completed(Completed { n_runs }))?;
        }
        self.seal_manifest()
    }

    /// Publishes derived files: they replace those of the last publication of
    /// `kind`, all or none of them, and the manifest is written anew.
    ///
    /// Paths are `tables/<name>`, `reports/<kind>/<path>` and
    /// `runs/<configuration>/summary.md`. Files that are already published
    /// with these bytes add no entry to the journal.
    ///
    /// # Errors
    ///
    /// [`WriteError::Name`] for any other path, [`WriteError::Journal`],
    /// [`WriteError::Disk`].
    pub fn publish(
        &mut self,
        kind: &str,
        files: &BTreeMap<String, Vec<u8>>,
        at: &str,
    ) -> Result<(), WriteError> {
        layout::check_name(kind)?;
        for path in files.keys() {
            layout::check_derived(kind, path)?;
        }
        self.journal.check_whole()?;
        recover::stage(self, files)?;
        let digests: BTreeMap<String, Digest> =
            files.iter().map(|(path, bytes)| (path.clone(), Digest::of(bytes))).collect();
        let published = &self.journal.ledger().published;
        let last: BTreeMap<String, Digest> = published
            .iter()
            .filter(|(_, (of, _))| of == kind)
            .map(|(path, (_, vouched))| (path.clone(), vouched.sha256))
            .collect();
        if last != digests {
            let published = Published { kind: kind.to_owned(), files: digests };
            self.journal.append(at, JournalEntry::Published(published))?;
        }
        recover::settle(self)?;
        self.seal_manifest()
    }

    /// Says that the study takes the place of an earlier one, and writes the manifest
    /// anew. A stage of the earlier study that is superseded already adds no entry.
    ///
    /// # Errors
    ///
    /// [`WriteError::Journal`], [`WriteError::Disk`].
    pub fn supersede(&mut self, superseded: Superseded, at: &str) -> Result<(), WriteError> {
        let head = superseded.journal_head;
        let known = &self.journal.ledger().superseded;
        if !known.iter().any(|known| known.journal_head == head) {
            self.journal.append(at, JournalEntry::Superseded(superseded))?;
        }
        self.seal_manifest()
    }

    /// Writes `manifest.json` for the study as it stands. [`Self::complete`]
    /// and [`Self::publish`] do so themselves; a study that is left incomplete
    /// on purpose is sealed with this.
    ///
    /// # Errors
    ///
    /// [`WriteError::Journal`] if the end of the journal is not known,
    /// [`WriteError::Disk`].
    pub fn seal_manifest(&mut self) -> Result<(), WriteError> {
        self.journal.check_whole()?;
        let (digest, head) = self.journal.digests();
        let bytes = manifest::bytes(&manifest::of(self.journal.ledger(), digest, head));
        let staged = self.folder.join(layout::MANIFEST_STAGED);
        self.disk.remove_file(&staged)?;
        self.disk.write_new(&staged, &bytes)?;
        self.disk.rename(&staged, &self.folder.join(layout::MANIFEST))?;
        self.disk.sync_folder(&self.folder)?;
        Ok(())
    }
}

/// Returns the bytes of `environment.json`.
fn environment_bytes(environment: &Environment) -> Vec<u8> {
    let mut bytes = serde_json::to_vec_pretty(environment)
        .expect("an environment has no maps with non-text keys");
    bytes.push(b'\n');
    bytes
}

fn open_journal(path: &Path) -> Result<File, DiskError> {
    OpenOptions::new().read(true).append(true).open(path).map_err(|source| DiskError {
        action: "open for writing",
        path: path.to_owned(),
        source,
    })
}

/// Returns the better reason not to create a study where one is being written.
fn locked(folder: &Path) -> Option<WriteError> {
    let file = File::open(folder.join(layout::JOURNAL)).ok()?;
    let free = lock::take(&file).ok()?;
    (!free).then(|| WriteError::Locked { folder: folder.to_owned(), pid: lock::holder(&file) })
}

fn take_lock(folder: &Path, path: &Path, file: &File) -> Result<(), WriteError> {
    match lock::take(file) {
        Ok(true) => Ok(()),
        Ok(false) => Err(WriteError::Locked { folder: folder.to_owned(), pid: lock::holder(file) }),
        Err(source) => Err(DiskError { action: "lock", path: path.to_owned(), source }.into()),
    }
}
