//! The journal: one JSON object per line, each with the digest of the line before.
//!
//! Owns: the chain, how it is read with every fault named, and how a line is
//! appended so that it is whole or cut off later.
//!
//! Does not: touch the files that the journal vouches for.

use std::fs::File;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use tachograph_model::digest::Digest;
use tachograph_model::study::{JOURNAL_SCHEMA, JournalEntry, JournalLine};

use crate::disk::{Disk, DiskError};
use crate::ledger::Ledger;
use crate::schema::{self, SchemaError};

/// A line of a journal that is not what was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// The line, from 1.
    pub(crate) line: u64,
    /// What is wrong.
    pub(crate) reason: String,
}

/// A journal as it was found.
#[derive(Debug)]
pub(crate) struct Reading {
    /// Each whole line: its digest, and what it says if that can be told.
    pub(crate) lines: Vec<(Digest, Option<JournalLine>)>,
    /// Everything that is wrong with whole lines, in their order.
    pub(crate) faults: Vec<Fault>,
    /// Why the format cannot be read at all.
    pub(crate) schema: Option<SchemaError>,
    /// The sum of the lines that make sense.
    pub(crate) ledger: Ledger,
    /// The bytes of the whole lines.
    pub(crate) whole_bytes: u64,
    /// Bytes after the last newline: a line that was never finished.
    pub(crate) torn_bytes: u64,
}

impl Reading {
    /// Reads `bytes`; `head` is what the manifest says of the last line, if it
    /// can be asked, and decides which of the last two lines changed.
    pub(crate) fn of(bytes: &[u8], head: Option<Digest>) -> Self {
        let whole_bytes = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let mut reading = Self {
            lines: Vec::new(),
            faults: Vec::new(),
            schema: None,
            ledger: Ledger::default(),
            whole_bytes: whole_bytes as u64,
            torn_bytes: (bytes.len() - whole_bytes) as u64,
        };
        for line in bytes[..whole_bytes].split_inclusive(|byte| *byte == b'\n') {
            reading.take(&line[..line.len() - 1]);
        }
        reading.check_links(head);
        reading.faults.sort_by_key(|fault| fault.line);
        reading
    }

    fn take(&mut self, text: &[u8]) {
        let number = self.lines.len() as u64 + 1;
        if number == 1 {
            self.schema =
                first_schema(text).and_then(|found| schema::check(&found, JOURNAL_SCHEMA).err());
        }
        let parsed = match serde_json::from_slice::<JournalLine>(text) {
            Ok(line) if line.line == number => {
                if let Err(reason) = self.ledger.apply(&line) {
                    self.faults.push(Fault { line: number, reason });
                }
                Some(line)
            }
            Ok(line) => {
                let reason = format!("it calls itself line {}", line.line);
                self.faults.push(Fault { line: number, reason });
                Some(line)
            }
            Err(error) => {
                let reason = format!("it is not an entry of a journal: {error}");
                self.faults.push(Fault { line: number, reason });
                None
            }
        };
        self.lines.push((Digest::of(text), parsed));
    }

    /// Checks that each line carries the digest of the line before.
    ///
    /// Where a link does not fit, one of its two lines changed. If the next
    /// link (for the last line, the manifest) confirms the second, the first
    /// did; otherwise the second did, since its own link is part of it.
    fn check_links(&mut self, head: Option<Digest>) {
        let link = |at: usize| {
            self.lines.get(at).and_then(|(_, line)| line.as_ref()).map(|line| line.previous_sha256)
        };
        let mut faults = Vec::new();
        if link(0).is_some_and(|previous| previous != Digest::ZERO) {
            faults.push(Fault { line: 1, reason: "the first line must follow zeros".to_owned() });
        }
        for second in 1..self.lines.len() {
            let (first, digest) = (second - 1, self.lines[second - 1].0);
            let Some(previous) = link(second).filter(|previous| *previous != digest) else {
                continue;
            };
            let confirmed = if second + 1 == self.lines.len() { head } else { link(second + 1) }
                == Some(self.lines[second].0);
            faults.push(if confirmed {
                Fault {
                    line: first as u64 + 1,
                    reason: format!(
                        "it changed after it was written: its digest is {digest}, line {} says {previous}",
                        second + 1
                    ),
                }
            } else {
                Fault {
                    line: second as u64 + 1,
                    reason: format!(
                        "the chain breaks here: it follows {previous}, but line {} has {digest}",
                        first + 1
                    ),
                }
            });
        }
        // A line that cannot be parsed is already named; its neighbour is not to blame.
        faults.retain(|fault| {
            let before =
                fault.line.checked_sub(2).and_then(|at| self.lines.get(usize::try_from(at).ok()?));
            before.is_none_or(|(_, line)| line.is_some())
        });
        for fault in faults {
            if !self.faults.iter().any(|known| known.line == fault.line) {
                self.faults.push(fault);
            }
        }
    }

    /// Returns the digest of the last whole line; zeros if there is none.
    pub(crate) fn head(&self) -> Digest {
        self.lines.last().map_or(Digest::ZERO, |(digest, _)| *digest)
    }
}

/// Returns the schema that the first line names, if it names one.
fn first_schema(line: &[u8]) -> Option<String> {
    let value: serde_json::Value = serde_json::from_slice(line).ok()?;
    Some(value.get("entry")?.get("schema")?.as_str()?.to_owned())
}

/// Why an entry could not be added to the journal.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// An earlier write failed, so the end of the journal is not known.
    #[error("an earlier write to {path} failed; continue with --resume", path = path.display())]
    Broken {
        /// The journal.
        path: PathBuf,
    },
    /// The entry makes no sense at this place.
    #[error("{reason}")]
    OutOfOrder {
        /// Why.
        reason: String,
    },
    /// The journal could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A locked journal that entries are appended to.
#[derive(Debug)]
pub(crate) struct Journal {
    disk: Disk,
    file: File,
    path: PathBuf,
    n_lines: u64,
    head: Digest,
    hasher: Sha256,
    ledger: Ledger,
    broken: bool,
}

impl Journal {
    /// Continues the journal in `file`, whose whole lines are `bytes`.
    pub(crate) fn continued(
        disk: Disk,
        file: File,
        path: &Path,
        bytes: &[u8],
        reading: Reading,
    ) -> Self {
        Self {
            disk,
            file,
            path: path.to_owned(),
            n_lines: reading.lines.len() as u64,
            head: reading.head(),
            hasher: Sha256::new_with_prefix(bytes),
            ledger: reading.ledger,
            broken: false,
        }
    }

    /// Returns what the entries add up to.
    pub(crate) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Returns the digest of the whole file, and that of its last line.
    pub(crate) fn digests(&self) -> (Digest, Digest) {
        (Digest::from(<[u8; 32]>::from(self.hasher.clone().finalize())), self.head)
    }

    /// Returns an error if the end of the journal is not known.
    pub(crate) fn check_whole(&self) -> Result<(), AppendError> {
        if self.broken {
            return Err(AppendError::Broken { path: self.path.clone() });
        }
        Ok(())
    }

    /// Appends an entry and waits until it is on the disk.
    pub(crate) fn append(&mut self, at: &str, entry: JournalEntry) -> Result<(), AppendError> {
        self.check_whole()?;
        let line = JournalLine {
            line: self.n_lines + 1,
            previous_sha256: self.head,
            at: at.to_owned(),
            entry,
        };
        self.ledger.apply(&line).map_err(|reason| AppendError::OutOfOrder { reason })?;
        let mut bytes =
            serde_json::to_vec(&line).expect("a journal's line has no maps with non-text keys");
        let head = Digest::of(&bytes);
        bytes.push(b'\n');
        // Until both have worked, part of the line may be on the disk.
        self.broken = true;
        self.disk.write(&self.file, &self.path, &bytes)?;
        self.disk.sync(&self.file, &self.path)?;
        self.broken = false;
        self.n_lines += 1;
        self.head = head;
        self.hasher.update(&bytes);
        Ok(())
    }
}
