//! Whether a study is what was sealed, down to the byte.
//!
//! Owns: [`check`], which names every deviation it finds and goes on; and the
//! decision which of two files that contradict each other is to blame.
//!
//! Does not: repair, or recompute what reports derive from events.

mod files;
mod witness;

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_model::environment::{ENVIRONMENT_SCHEMA, Environment};
use tachograph_model::plan::expand;
use tachograph_model::plan::{PLAN_SCHEMA, Plan};
use tachograph_model::run::RunId;

use crate::disk;
use crate::journal::Reading;
use crate::layout;
use crate::open::{self, OpenError};

/// How bad a deviation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// A writer is at work or was interrupted; what is sealed is as it was.
    Unfinished,
    /// Something is not what was sealed.
    Damaged,
}

/// A deviation of a study from what was sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The file, by path relative to the study.
    pub path: String,
    /// The line of a text file, from 1, where one is to blame.
    pub line: Option<u64>,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, with what was expected and what was found.
    pub message: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What [`check`] cannot see, in sentences.
pub const NOT_CHECKED: [&str; 5] = [
    "Somebody who rewrites files together with the journal and the manifest leaves no trace: \
     compare the Merkle root with one that was kept elsewhere.",
    "That the events are what servers and agents really did: only that they are what was recorded.",
    "That tables and reports follow from the events: only that they are the published bytes.",
    "That plan.lock.json follows from plan.toml and the overrides.",
    "Permissions, times and empty folders.",
];

/// What was checked, and what was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Every deviation, in the order of paths and lines.
    pub findings: Vec<Finding>,
    /// The number of files that were read.
    pub n_files: usize,
    /// Their size together.
    pub n_bytes: u64,
    /// The number of sealed runs.
    pub n_runs: usize,
    /// The number of events that were read.
    pub n_events: u64,
    /// The root of the Merkle tree, if manifest and journal agree on it.
    pub merkle_root: Option<Digest>,
}

impl Check {
    /// Returns whether nothing was found.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    /// Returns whether something is not what was sealed.
    pub fn is_damaged(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Damaged)
    }
}

/// A check while it is made.
struct Checker<'a> {
    folder: &'a Path,
    reading: Reading,
    /// Digests that a manifest lists which can be relied on.
    listed: Option<BTreeMap<String, Digest>>,
    check: Check,
}

/// Checks every file under `folder`: the journal's chain, the manifest, all
/// digests, events one by one, files that are missing and files too many.
///
/// # Errors
///
/// [`OpenError::NotAStudy`], [`OpenError::NeverBegun`], [`OpenError::Schema`]
/// if a newer program wrote the study, [`OpenError::Disk`] if the journal
/// cannot be read. Everything else is a finding.
pub fn check(folder: &Path) -> Result<Check, OpenError> {
    let journal = disk::read_if_there(&folder.join(layout::JOURNAL))?
        .ok_or_else(|| OpenError::NotAStudy { folder: folder.to_owned() })?;
    let manifest = disk::read_if_there(&folder.join(layout::MANIFEST))?;
    let witness = manifest.as_deref().map(witness::Witness::of);
    let head = witness.as_ref().and_then(witness::Witness::head);
    let reading = Reading::of(&journal, head);
    let contradicted = reading.faults.iter().any(|fault| fault.line == 1)
        || witness.as_ref().is_some_and(|witness| witness.contradicts(Digest::of(&journal)));
    if !contradicted {
        // The first line is whole, so a schema that is not ours was written so.
        if let Some(source) = reading.schema.clone() {
            return Err(OpenError::Schema { path: folder.join(layout::JOURNAL), source });
        }
        if reading.lines.is_empty() {
            return Err(OpenError::NeverBegun { folder: folder.to_owned() });
        }
    }
    let check = Check {
        findings: Vec::new(),
        n_files: 0,
        n_bytes: 0,
        n_runs: reading.ledger.sealed.len(),
        n_events: 0,
        merkle_root: None,
    };
    let mut checker = Checker { folder, reading, listed: None, check };
    checker.check_journal();
    checker.check_manifest(&journal, witness);
    checker.check_files()?;
    checker.check_documents();
    let mut check = checker.check;
    check.findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    check.findings.dedup();
    Ok(check)
}

impl Checker<'_> {
    fn find(&mut self, severity: Severity, path: &str, line: Option<u64>, message: String) {
        self.check.findings.push(Finding { path: path.to_owned(), line, severity, message });
    }

    fn damaged(&mut self, path: &str, line: Option<u64>, message: String) {
        self.find(Severity::Damaged, path, line, message);
    }

    /// Returns whether every whole line of the journal is as it was written, as
    /// far as the journal itself can tell.
    fn journal_is_sound(&self) -> bool {
        self.reading.faults.is_empty() && self.reading.schema.is_none()
    }

    fn check_journal(&mut self) {
        for fault in self.reading.faults.clone() {
            self.damaged(layout::JOURNAL, Some(fault.line), fault.reason);
        }
        if let Some(error) = self.reading.schema.clone() {
            self.damaged(layout::JOURNAL, Some(1), error.to_string());
        }
        let line = self.reading.lines.len() as u64 + 1;
        if self.reading.torn_bytes > 0 {
            let message = format!(
                "the line has no end ({} bytes): a writer is at work, or was interrupted here; \
                 --resume cuts it off",
                self.reading.torn_bytes
            );
            self.find(Severity::Unfinished, layout::JOURNAL, Some(line), message);
        }
        for run in self.reading.ledger.open.clone() {
            let message = format!(
                "run {run} was begun and not sealed: it is in progress, or was interrupted; \
                 --resume executes it again"
            );
            self.find(Severity::Unfinished, layout::JOURNAL, None, message);
        }
    }

    /// Checks that the plan and the environment are such, and that the sealed
    /// runs are those of the plan.
    fn check_documents(&mut self) {
        // Bytes with another digest are named already, and may say anything.
        let whole = |checker: &Self, name: &str| -> Option<Vec<u8>> {
            let expected = checker.reading.ledger.files().get(name)?.sha256;
            let bytes = disk::read(&checker.folder.join(name)).ok()?;
            (Digest::of(&bytes) == expected).then_some(bytes)
        };
        if let Some(bytes) = whole(self, layout::ENVIRONMENT) {
            let path = self.folder.join(layout::ENVIRONMENT);
            let environment = open::document::<Environment>(&path, &bytes, ENVIRONMENT_SCHEMA);
            if let Err(error) = environment {
                self.refused(layout::ENVIRONMENT, &error);
            }
        }
        if let Some(bytes) = whole(self, layout::PLAN_LOCK) {
            let path = self.folder.join(layout::PLAN_LOCK);
            match open::document::<Plan>(&path, &bytes, PLAN_SCHEMA) {
                Ok(plan) => self.check_runs(&plan),
                Err(error) => self.refused(layout::PLAN_LOCK, &error),
            }
        }
    }

    fn check_runs(&mut self, plan: &Plan) {
        let planned: BTreeMap<RunId, u32> =
            expand::runs(plan).into_iter().map(|run| (run.id, run.index)).collect();
        let ledger = &self.reading.ledger;
        let foreign: Vec<String> = ledger
            .sealed
            .values()
            .filter(|sealed| planned.get(&sealed.run) != Some(&sealed.index))
            .map(|sealed| {
                format!("run {} at position {} is not in the plan", sealed.run, sealed.index)
            })
            .collect();
        // A stopping rule may have ended the study before its last block.
        let n_blocks = ledger.stopped_after().unwrap_or(u32::MAX);
        let due = || planned.keys().filter(|run| run.block <= n_blocks);
        let n_due = due().count();
        let n_missing = due().filter(|run| !ledger.sealed.contains_key(run)).count();
        let completed = ledger.completed.is_some();
        for message in foreign {
            self.damaged(layout::JOURNAL, None, message);
        }
        // A journal with faults may have lost runs; those are named already.
        if n_missing > 0 && self.journal_is_sound() {
            let severity = if completed { Severity::Damaged } else { Severity::Unfinished };
            let message = format!(
                "{n_missing} of {n_due} runs of the plan are not sealed{}",
                if completed {
                    ", although it says that it is completed"
                } else {
                    "; --resume executes them"
                }
            );
            self.find(severity, layout::JOURNAL, None, message);
        }
    }

    /// Takes in that a file with the right digest does not hold what it should.
    fn refused(&mut self, path: &str, error: &OpenError) {
        let (line, message) = match error {
            OpenError::Content { line, reason, .. } => (*line, reason.clone()),
            OpenError::Schema { source, .. } => (None, source.to_string()),
            OpenError::DigestMismatch { expected, found, .. } => {
                (None, format!("its uncompressed digest is {found}, the journal says {expected}"))
            }
            other => (None, other.to_string()),
        };
        self.damaged(path, line, message);
    }
}
