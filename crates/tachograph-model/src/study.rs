//! The shape of a study: journal, manifest, and what a reader gets.
//!
//! Owns: the on-disk types of `journal.jsonl` and `manifest.json`, and
//! [`RunEvidence`], one sealed run as `store` hands it to `report`.
//!
//! Does not: read or write; `store` does.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::environment::Environment;
use crate::event::{Recorded, RunOutcome};
use crate::plan::Plan;
use crate::run::{ConfigurationId, RunId};

/// The version of the journal's format.
pub const JOURNAL_SCHEMA: &str = "tachograph-journal/1";
/// The version of the manifest's format.
pub const MANIFEST_SCHEMA: &str = "tachograph-manifest/1";

/// One line of `journal.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalLine {
    /// The line's number, from 1.
    pub line: u64,
    /// The digest of the line before, without its newline; zeros for the first.
    pub previous_sha256: Digest,
    /// When it was written, RFC 3339 in UTC.
    pub at: String,
    /// What it says.
    pub entry: JournalEntry,
}

/// What a line of the journal says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum JournalEntry {
    /// The study began: written before the first request.
    StudyCreated(StudyCreated),
    /// A run began.
    RunStarted(RunBegun),
    /// A run ended and its files are sealed.
    RunSealed(RunSealed),
    /// A run in progress was given up, and nothing of it is kept.
    RunAbandoned(RunAbandoned),
    /// The study was taken up again.
    Resumed(Resumed),
    /// The plan's stopping rule was asked whether to go on.
    Looked(Looked),
    /// Every run of the plan is sealed, or its stopping rule ended the study.
    Completed(Completed),
    /// A report was published; its files may be replaced by a later one.
    Published(Published),
    /// The study takes the place of an earlier one, whose reports are stale from then on.
    Superseded(Superseded),
}

/// The study began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyCreated {
    /// [`JOURNAL_SCHEMA`].
    pub schema: String,
    /// The digest of `plan.toml`.
    pub plan_sha256: Digest,
    /// The digest of `plan.lock.json`, which identifies the plan.
    pub plan_lock_sha256: Digest,
    /// The digest of `environment.json`.
    pub environment_sha256: Digest,
    /// What the command line changed in the plan: `blocks = 1`.
    pub overrides: Vec<String>,
    /// The version of the program.
    pub harness_version: String,
}

/// A run began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunBegun {
    /// The run.
    pub run: RunId,
    /// Its position in the order of execution, from 0.
    pub index: u32,
}

/// A run ended and its files are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunSealed {
    /// The run.
    pub run: RunId,
    /// Its position in the order of execution, from 0.
    pub index: u32,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Its files, by path relative to the study, with their digests.
    pub files: BTreeMap<String, Digest>,
    /// The digest of the uncompressed events.
    pub events_sha256: Digest,
    /// The number of events.
    pub n_events: u64,
}

/// A run in progress was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunAbandoned {
    /// The run.
    pub run: RunId,
    /// Why.
    pub reason: String,
}

/// The study was taken up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resumed {
    /// The version of the program.
    pub harness_version: String,
    /// Bytes of an unfinished last line that were cut off.
    pub torn_bytes: u64,
}

/// What the plan's stopping rule said after so many complete blocks. It follows
/// from the plan and the sealed events, so that anyone can ask it again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    /// How many complete blocks were looked at, all from the first one.
    pub n_blocks: u32,
    /// What was said of each tuned configuration.
    pub configurations: BTreeMap<ConfigurationId, ConfigurationLook>,
    /// What follows.
    pub decision: LookDecision,
}

/// What a stopping rule said of one configuration at one look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConfigurationLook {
    /// How many blocks have a value of the configuration and of the baseline.
    pub n_pairs: u32,
    /// The verdict that may be stated at this look.
    pub verdict: LookVerdict,
    /// The ends of the interval of the ratio to the baseline; absent where the
    /// rule cannot bound the ratio, or there is nothing to compare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio_low_high: Option<[f64; 2]>,
}

/// A verdict at a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookVerdict {
    /// A difference in the good direction was shown.
    Better,
    /// A difference in the bad direction was shown.
    Worse,
    /// Any difference was shown to be smaller than the margin.
    Equivalent,
    /// Neither was shown.
    Inconclusive,
}

impl LookVerdict {
    /// Returns the verdict in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Equivalent => "equivalent",
            Self::Inconclusive => "inconclusive",
        }
    }
}

/// What follows from a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LookDecision {
    /// Something is open: more blocks are run.
    GoOn,
    /// Every tuned configuration has a verdict: the study ends here.
    AllDecided,
    /// Something is open, and this was the last planned look.
    LastLook,
}

/// Every run of the plan is sealed, or its stopping rule ended the study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Completed {
    /// The number of runs.
    pub n_runs: u32,
}

/// A report was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// The kind of report: `single-agent`.
    pub kind: String,
    /// Every derived file written with it, by path relative to the study.
    pub files: BTreeMap<String, Digest>,
}

/// The study takes the place of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Superseded {
    /// The name of the earlier study's plan.
    pub study: String,
    /// The digest of its `plan.lock.json`.
    pub plan_sha256: Digest,
    /// The digest of every sealed run's name and events, in the order of names.
    pub evidence_sha256: Digest,
    /// The digest of the last line of its journal at that time: a journal that has
    /// this line is the earlier study's.
    pub journal_head: Digest,
    /// The Merkle root of its manifest; absent if it had none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merkle_root: Option<Digest>,
    /// The files of its reports with their digests, by kind: those that are stale.
    pub reports: BTreeMap<String, BTreeMap<String, Digest>>,
    /// Why, in words.
    pub reason: String,
}

/// `manifest.json`: every file of the study but itself. Everything in it can be
/// recomputed from the other files, so each of its bytes is checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// [`MANIFEST_SCHEMA`].
    pub schema: String,
    /// The digest of the last line of the journal.
    pub journal_head: Digest,
    /// The root of the Merkle tree over `files`, in the order of their paths
    /// (RFC 6962 hashing; a leaf is `path NUL digest-bytes`).
    pub merkle_root: Digest,
    /// Digest of each file, by path relative to the study, with `/`.
    pub files: BTreeMap<String, Digest>,
    /// The studies that this one supersedes; absent if there is none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub supersedes: Vec<SupersededStudy>,
}

/// A study that another one supersedes, as the manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SupersededStudy {
    /// The name of its plan.
    pub study: String,
    /// The digest of its `plan.lock.json`.
    pub plan_sha256: Digest,
    /// The digest of the last line of its journal when it was superseded.
    pub journal_head: Digest,
}

/// What is known of a study before any run is read.
#[derive(Debug, Clone, PartialEq)]
pub struct StudyHead {
    /// The plan, from `plan.lock.json`.
    pub plan: Plan,
    /// The digest of `plan.lock.json`.
    pub plan_sha256: Digest,
    /// The environment, from `environment.json`.
    pub environment: Environment,
    /// The journal's lines, in order.
    pub journal: Vec<JournalLine>,
}

impl StudyHead {
    /// Returns what was said when the study was created.
    pub fn created(&self) -> Option<&StudyCreated> {
        self.journal.iter().find_map(|line| match &line.entry {
            JournalEntry::StudyCreated(created) => Some(created),
            _ => None,
        })
    }

    /// Returns the sealed runs, in the order in which they were sealed.
    pub fn sealed(&self) -> impl Iterator<Item = &RunSealed> {
        self.journal.iter().filter_map(|line| match &line.entry {
            JournalEntry::RunSealed(sealed) => Some(sealed),
            _ => None,
        })
    }

    /// Returns the studies that this one supersedes, in the order in which it was said.
    pub fn superseded(&self) -> impl Iterator<Item = &Superseded> {
        self.journal.iter().filter_map(|line| match &line.entry {
            JournalEntry::Superseded(superseded) => Some(superseded),
            _ => None,
        })
    }

    /// Returns the latest publication of each kind of report: when, and its files.
    pub fn published(&self) -> BTreeMap<&str, (&str, &Published)> {
        let entries = self.journal.iter().filter_map(|line| match &line.entry {
            JournalEntry::Published(published) => {
                Some((published.kind.as_str(), (line.at.as_str(), published)))
            }
            _ => None,
        });
        entries.collect()
    }

    /// Returns the looks of the plan's stopping rule, each with the number of its
    /// line in the journal.
    pub fn looked(&self) -> impl Iterator<Item = (u64, &Looked)> {
        self.journal.iter().filter_map(|line| match &line.entry {
            JournalEntry::Looked(looked) => Some((line.line, looked)),
            _ => None,
        })
    }
}

/// One sealed run, checked against the journal while it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct RunEvidence {
    /// What the journal says of it.
    pub sealed: RunSealed,
    /// Its events, in the order of `events.jsonl`: the line of an event is its
    /// position here plus one.
    pub events: Vec<Recorded>,
}

/// A copy, for whoever goes on using the evidence.
impl From<&RunEvidence> for RunEvidence {
    fn from(evidence: &RunEvidence) -> Self {
        evidence.clone()
    }
}
