//! A study that is read.
//!
//! Owns: the way from files to values; each digest is checked while its file
//! is read, so that what comes back is what was sealed.
//!
//! Does not: write, take a lock, or look at files that nobody asked for;
//! [`mod@crate::check`] does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use tachograph_model::digest::Digest;
use tachograph_model::environment::ENVIRONMENT_SCHEMA;
use tachograph_model::event::{EVENT_SCHEMA, Event, Recorded};
use tachograph_model::plan::PLAN_SCHEMA;
use tachograph_model::study::{RunEvidence, RunSealed, StudyHead};

use crate::compress::Lines;
use crate::disk::{self, DiskError};
use crate::journal::Reading;
use crate::layout;
use crate::ledger::Ledger;
use crate::schema::{self, SchemaError};

/// Why a study, or a part of it, could not be read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder has no journal.
    #[error("{folder} is not a study: it has no journal.jsonl", folder = folder.display())]
    NotAStudy {
        /// The folder.
        folder: PathBuf,
    },
    /// The journal has no whole line: the study was interrupted as it began.
    #[error(
        "{folder} was interrupted before its first entry; nothing is lost, run the plan again",
        folder = folder.display()
    )]
    NeverBegun {
        /// The folder.
        folder: PathBuf,
    },
    /// A file is in a format that this program does not read.
    #[error("could not read {path}", path = path.display())]
    Schema {
        /// The file.
        path: PathBuf,
        /// Its format.
        source: SchemaError,
    },
    /// A line of the journal is not what was written.
    #[error("{path}, line {line}: {reason}", path = path.display())]
    Journal {
        /// The journal.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The bytes of a file are not those that the journal vouches for.
    #[error(
        "{path} changed since it was sealed: its digest is {found}, the journal says {expected}; \
         restore the file",
        path = path.display()
    )]
    DigestMismatch {
        /// The file.
        path: PathBuf,
        /// What the journal says.
        expected: Digest,
        /// What the file has.
        found: Digest,
    },
    /// A file has the digest that is vouched for, but does not hold what it should.
    #[error("{path}{line}: {reason}", path = path.display(), line = line_suffix(*line))]
    Content {
        /// The file.
        path: PathBuf,
        /// The line of its text, from 1, if it is one line.
        line: Option<u64>,
        /// What is wrong.
        reason: String,
    },
    /// A file could not be read.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

fn line_suffix(line: Option<u64>) -> String {
    line.map(|line| format!(", line {line}")).unwrap_or_default()
}

/// A study that is read; made by [`crate::Study::open`].
#[derive(Debug)]
pub struct OpenStudy {
    folder: PathBuf,
    head: StudyHead,
    plan_toml: Vec<u8>,
    ledger: Ledger,
    journal_head: Digest,
    torn_bytes: u64,
}

impl OpenStudy {
    pub(crate) fn open(folder: &Path) -> Result<Self, OpenError> {
        let path = folder.join(layout::JOURNAL);
        let bytes = disk::read_if_there(&path)?
            .ok_or_else(|| OpenError::NotAStudy { folder: folder.to_owned() })?;
        let reading = Reading::of(&bytes, None);
        require_sound(folder, &reading)?;
        Self::from_reading(folder, reading)
    }

    pub(crate) fn from_reading(folder: &Path, reading: Reading) -> Result<Self, OpenError> {
        let vouched = |name: &str| -> Result<Vec<u8>, OpenError> {
            let expected = reading.ledger.files()[name].sha256;
            read_vouched(&folder.join(name), expected)
        };
        let plan_toml = vouched(layout::PLAN_TOML)?;
        let plan_lock = vouched(layout::PLAN_LOCK)?;
        let environment = vouched(layout::ENVIRONMENT)?;
        let journal_head = reading.head();
        let head = StudyHead {
            plan: document(&folder.join(layout::PLAN_LOCK), &plan_lock, PLAN_SCHEMA)?,
            plan_sha256: Digest::of(&plan_lock),
            environment: document(
                &folder.join(layout::ENVIRONMENT),
                &environment,
                ENVIRONMENT_SCHEMA,
            )?,
            journal: reading.lines.into_iter().filter_map(|(_, line)| line).collect(),
        };
        Ok(Self {
            folder: folder.to_owned(),
            head,
            journal_head,
            plan_toml,
            ledger: reading.ledger,
            torn_bytes: reading.torn_bytes,
        })
    }

    /// Returns the study's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Returns the plan, the environment and the journal.
    pub fn head(&self) -> &StudyHead {
        &self.head
    }

    /// Returns the digest of the last whole line of the journal.
    pub fn journal_head(&self) -> Digest {
        self.journal_head
    }

    /// Returns whether the journal has a line with this digest: whether it is that
    /// journal, or one that goes on from it.
    pub fn continues(&self, journal_head: Digest) -> bool {
        let mut previous = self.head.journal.iter().map(|line| line.previous_sha256).skip(1);
        self.journal_head == journal_head || previous.any(|digest| digest == journal_head)
    }

    /// Returns `plan.toml` as it was written.
    pub fn plan_toml(&self) -> &[u8] {
        &self.plan_toml
    }

    /// Returns whether every run of the plan is sealed, or its stopping rule ended
    /// the study.
    pub fn is_completed(&self) -> bool {
        self.ledger.completed.is_some()
    }

    /// Returns the bytes after the last whole line of the journal: not zero
    /// where a writer is at work or was ended at this instant.
    pub fn torn_bytes(&self) -> u64 {
        self.torn_bytes
    }

    /// Returns every sealed run, read one after the other, in the order in
    /// which they were sealed.
    pub fn runs(&self) -> impl Iterator<Item = Result<RunEvidence, OpenError>> {
        self.head.sealed().map(|sealed| self.read_run(sealed))
    }

    /// Reads a sealed run.
    ///
    /// # Errors
    ///
    /// [`OpenError::DigestMismatch`] if the compressed or the uncompressed
    /// events are not those that were sealed, [`OpenError::Content`] with the
    /// line if one is not an event, [`OpenError::Disk`] if it cannot be read.
    pub fn read_run(&self, sealed: &RunSealed) -> Result<RunEvidence, OpenError> {
        read_run(&self.folder, sealed)
    }

    /// Reads a file that a sealed run left beside its events, by the path that
    /// the journal lists.
    ///
    /// # Errors
    ///
    /// As [`Self::read_run`]; a path that is not listed is [`OpenError::Content`].
    pub fn read_file(&self, path: &str) -> Result<Vec<u8>, OpenError> {
        let place = layout::place(&self.folder, path);
        let vouched = self.ledger.files().get(path).ok_or_else(|| OpenError::Content {
            path: place.clone(),
            line: None,
            reason: "the journal does not list this file".to_owned(),
        })?;
        read_vouched(&place, vouched.sha256)
    }

    /// Reads a file of the study as it is now, whatever the journal says of it;
    /// `None` if it is not there.
    ///
    /// # Errors
    ///
    /// [`OpenError::Disk`] if it cannot be read.
    pub fn read_as_it_is(&self, path: &str) -> Result<Option<Vec<u8>>, OpenError> {
        Ok(disk::read_if_there(&layout::place(&self.folder, path))?)
    }

    /// Returns the paths that the journal vouches for, in order.
    pub(crate) fn vouched_paths(&self) -> impl Iterator<Item = &str> {
        self.ledger.files().keys().map(String::as_str)
    }

    /// Returns the paths of the derived files that were published with the
    /// latest report of `kind`, relative to the study.
    pub fn published_paths(&self, kind: &str) -> impl Iterator<Item = &str> {
        let published = self.ledger.published.iter();
        published.filter(move |(_, (of, _))| of == kind).map(|(path, _)| &**path)
    }

    /// Returns the kinds of report that are published, in order.
    pub fn published_kinds(&self) -> Vec<String> {
        let mut kinds: Vec<String> =
            self.ledger.published.values().map(|(kind, _)| kind.clone()).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    }

    /// Reads the derived files of the latest publication of `kind`, by path
    /// relative to the study; none if it was never published.
    ///
    /// # Errors
    ///
    /// As [`Self::read_file`].
    pub fn read_published(&self, kind: &str) -> Result<BTreeMap<String, Vec<u8>>, OpenError> {
        self.ledger
            .published
            .iter()
            .filter(|(_, (of, _))| of == kind)
            .map(|(path, _)| Ok((path.clone(), self.read_file(path)?)))
            .collect()
    }
}

/// Reads a sealed run of the study in `folder`.
pub(crate) fn read_run(folder: &Path, sealed: &RunSealed) -> Result<RunEvidence, OpenError> {
    let path = events_path(sealed);
    let place = layout::place(folder, &path);
    let expected = *sealed.files.get(&path).ok_or_else(|| OpenError::Content {
        path: place.clone(),
        line: None,
        reason: format!("the journal does not list the events of run {}", sealed.run),
    })?;
    let bytes = read_vouched(&place, expected)?;
    let mut events = Vec::new();
    each_event(&place, &bytes, sealed, |event| events.push(event))?;
    Ok(RunEvidence { sealed: sealed.clone(), events })
}

/// Returns the path of a sealed run's events, relative to the study.
pub(crate) fn events_path(sealed: &RunSealed) -> String {
    format!("{}/{}", layout::run_folder(&sealed.run), layout::EVENTS_SEALED)
}

/// Returns an error for the first thing that is wrong with the journal.
pub(crate) fn require_sound(folder: &Path, reading: &Reading) -> Result<(), OpenError> {
    let path = folder.join(layout::JOURNAL);
    if let Some(source) = reading.schema.clone() {
        return Err(OpenError::Schema { path, source });
    }
    if let Some(fault) = reading.faults.first() {
        return Err(OpenError::Journal { path, line: fault.line, reason: fault.reason.clone() });
    }
    if reading.lines.is_empty() {
        return Err(OpenError::NeverBegun { folder: folder.to_owned() });
    }
    Ok(())
}

/// Reads a file and checks its digest.
fn read_vouched(path: &Path, expected: Digest) -> Result<Vec<u8>, OpenError> {
    let bytes = disk::read(path)?;
    let found = Digest::of(&bytes);
    if found != expected {
        return Err(OpenError::DigestMismatch { path: path.to_owned(), expected, found });
    }
    Ok(bytes)
}

/// Parses a JSON document of the schema `reads`.
pub(crate) fn document<T: DeserializeOwned>(
    path: &Path,
    bytes: &[u8],
    reads: &'static str,
) -> Result<T, OpenError> {
    schema::check_document(bytes, reads)
        .map_err(|source| OpenError::Schema { path: path.to_owned(), source })?;
    serde_json::from_slice(bytes).map_err(|error| OpenError::Content {
        path: path.to_owned(),
        line: Some(error.line() as u64),
        reason: error.to_string(),
    })
}

/// Passes each event of a sealed run to `take`, then checks number and digest.
pub(crate) fn each_event(
    path: &Path,
    compressed: &[u8],
    sealed: &RunSealed,
    mut take: impl FnMut(Recorded),
) -> Result<(), OpenError> {
    let content = |line, reason| OpenError::Content { path: path.to_owned(), line, reason };
    let broken = |line: u64, error: &std::io::Error| {
        content(Some(line), format!("the compressed events cannot be read: {error}"))
    };
    let mut lines = Lines::of(compressed).map_err(|error| broken(1, &error))?;
    let mut n_events = 0;
    while let Some(line) = lines.next().map_err(|error| broken(n_events + 1, &error))? {
        n_events += 1;
        if n_events > sealed.n_events {
            break;
        }
        let recorded = match Recorded::from_line(line) {
            Ok(recorded) => recorded,
            Err(error) => return Err(not_an_event(path, n_events, line, &error)),
        };
        if let Event::RunStarted(started) = &recorded.event {
            schema::check(&started.schema, EVENT_SCHEMA)
                .map_err(|source| OpenError::Schema { path: path.to_owned(), source })?;
        }
        take(recorded);
    }
    if n_events != sealed.n_events {
        let more = if n_events > sealed.n_events { "more" } else { "fewer" };
        let reason = format!("the journal says {} events, the file has {more}", sealed.n_events);
        return Err(content(Some(n_events), reason));
    }
    let found = lines.digest();
    if found != sealed.events_sha256 {
        let path = path.to_owned();
        return Err(OpenError::DigestMismatch { path, expected: sealed.events_sha256, found });
    }
    Ok(())
}

/// A line that cannot be parsed may come from a newer program, which its first
/// event would say.
fn not_an_event(path: &Path, number: u64, line: &[u8], error: &serde_json::Error) -> OpenError {
    let path = path.to_owned();
    let value: Option<serde_json::Value> = serde_json::from_slice(line).ok();
    let schema = value.as_ref().and_then(|value| value.get("event")?.get("schema")?.as_str());
    if let Some(Err(source)) = schema.map(|found| schema::check(found, EVENT_SCHEMA)) {
        return OpenError::Schema { path, source };
    }
    OpenError::Content { path, line: Some(number), reason: format!("it is not an event: {error}") }
}
