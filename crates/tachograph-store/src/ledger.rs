//! What the lines of a journal add up to.
//!
//! Owns: the order in which entries may come, and the list of files that a
//! journal vouches for.
//!
//! Does not: read files or check digests; see [`crate::journal`].

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::digest::Digest;
use tachograph_model::run::RunId;
use tachograph_model::study::{
    JournalEntry, JournalLine, LookDecision, Looked, Published, RunSealed, StudyCreated, Superseded,
};

use crate::layout;

/// What a journal says of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vouched {
    /// The digest of the file.
    pub(crate) sha256: Digest,
    /// The line of the journal that says so.
    pub(crate) line: u64,
}

/// The sum of a journal's lines.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ledger {
    /// What the first line says.
    pub(crate) created: Option<StudyCreated>,
    /// Sealed runs.
    pub(crate) sealed: BTreeMap<RunId, RunSealed>,
    /// Runs that were begun and neither sealed nor abandoned.
    pub(crate) open: BTreeSet<RunId>,
    /// Derived files of the latest publication of each kind, with that kind.
    pub(crate) published: BTreeMap<String, (String, Vouched)>,
    /// Derived files that were published once and are not any more.
    withdrawn: BTreeSet<String>,
    /// The latest look of the stopping rule.
    pub(crate) looked: Option<Looked>,
    /// The number of runs, once the plan is completed.
    pub(crate) completed: Option<u32>,
    /// Studies that this one takes the place of.
    pub(crate) superseded: Vec<Superseded>,
    /// Every file that is vouched for, derived files included.
    files: BTreeMap<String, Vouched>,
}

impl Ledger {
    /// Returns every file that is vouched for, by path relative to the study.
    pub(crate) fn files(&self) -> &BTreeMap<String, Vouched> {
        &self.files
    }

    /// Returns the derived files that were published once and are not any more.
    pub(crate) fn withdrawn(&self) -> &BTreeSet<String> {
        &self.withdrawn
    }

    /// Returns whether a study in this state has a manifest.
    pub(crate) fn is_sealed(&self) -> bool {
        self.completed.is_some() || !self.published.is_empty() || !self.superseded.is_empty()
    }

    /// Returns the number of blocks after which the stopping rule ended the study,
    /// if it did.
    pub(crate) fn stopped_after(&self) -> Option<u32> {
        let last = self.looked.as_ref()?;
        (last.decision == LookDecision::AllDecided).then_some(last.n_blocks)
    }

    /// Takes in the next line.
    ///
    /// # Errors
    ///
    /// What is wrong with the line where it stands; nothing is taken in then.
    pub(crate) fn apply(&mut self, line: &JournalLine) -> Result<(), String> {
        let first = matches!(line.entry, JournalEntry::StudyCreated(_));
        if first != self.created.is_none() {
            return Err("the entry `study_created` stands once, and first".to_owned());
        }
        match &line.entry {
            JournalEntry::StudyCreated(created) => self.create(line.line, created),
            JournalEntry::RunStarted(begun) => {
                layout::check_run(&begun.run).map_err(|error| error.to_string())?;
                if self.sealed.contains_key(&begun.run) {
                    return Err(format!("run {} begins although it is sealed", begun.run));
                }
                if let Some(n_blocks) = self.stopped_after() {
                    return Err(format!(
                        "run {} begins although the stopping rule ended the study after {n_blocks} \
                         blocks",
                        begun.run
                    ));
                }
                self.open.insert(begun.run.clone());
            }
            JournalEntry::RunSealed(sealed) => self.seal(line.line, sealed)?,
            JournalEntry::RunAbandoned(abandoned) => {
                if !self.open.remove(&abandoned.run) {
                    return Err(format!("run {} is abandoned but not begun", abandoned.run));
                }
            }
            JournalEntry::Resumed(_) => {}
            JournalEntry::Looked(looked) => self.look(looked)?,
            JournalEntry::Completed(completed) => {
                if completed.n_runs as usize != self.sealed.len() {
                    return Err(format!(
                        "the study is completed with {} runs, but {} are sealed",
                        completed.n_runs,
                        self.sealed.len()
                    ));
                }
                self.completed = Some(completed.n_runs);
            }
            JournalEntry::Published(published) => self.publish(line.line, published)?,
            JournalEntry::Superseded(superseded) => self.supersede(superseded)?,
        }
        Ok(())
    }

    fn create(&mut self, line: u64, created: &StudyCreated) {
        for (path, sha256) in [
            (layout::PLAN_TOML, created.plan_sha256),
            (layout::PLAN_LOCK, created.plan_lock_sha256),
            (layout::ENVIRONMENT, created.environment_sha256),
        ] {
            self.files.insert(path.to_owned(), Vouched { sha256, line });
        }
        self.created = Some(created.clone());
    }

    fn seal(&mut self, line: u64, sealed: &RunSealed) -> Result<(), String> {
        let folder = format!("{}/", layout::run_folder(&sealed.run));
        let events = format!("{folder}{}", layout::EVENTS_SEALED);
        if !sealed.files.contains_key(&events) {
            return Err(format!("run {} is sealed without {events}", sealed.run));
        }
        for path in sealed.files.keys() {
            let name = path.strip_prefix(&folder).unwrap_or("");
            layout::check_name(name)
                .map_err(|error| format!("run {} is sealed with {path:?}: {error}", sealed.run))?;
        }
        if !self.open.remove(&sealed.run) {
            return Err(format!("run {} is sealed but not begun", sealed.run));
        }
        for (path, sha256) in &sealed.files {
            self.files.insert(path.clone(), Vouched { sha256: *sha256, line });
        }
        self.sealed.insert(sealed.run.clone(), sealed.clone());
        Ok(())
    }

    fn look(&mut self, looked: &Looked) -> Result<(), String> {
        let n_blocks = looked.n_blocks;
        if let Some(last) = &self.looked
            && (last.n_blocks >= n_blocks || last.decision != LookDecision::GoOn)
        {
            return Err(format!(
                "a look after {n_blocks} blocks follows the one after {}{}",
                last.n_blocks,
                if last.decision == LookDecision::GoOn { "" } else { ", which was the last" }
            ));
        }
        if let Some(run) = self.sealed.keys().find(|run| run.block > n_blocks) {
            return Err(format!("a look after {n_blocks} blocks comes after run {run}"));
        }
        self.looked = Some(looked.clone());
        Ok(())
    }

    fn supersede(&mut self, superseded: &Superseded) -> Result<(), String> {
        let head = superseded.journal_head;
        if self.superseded.iter().any(|known| known.journal_head == head) {
            return Err(format!("the study whose journal ends with {head} is superseded twice"));
        }
        self.superseded.push(superseded.clone());
        Ok(())
    }

    fn publish(&mut self, line: u64, published: &Published) -> Result<(), String> {
        for path in published.files.keys() {
            layout::check_derived(&published.kind, path).map_err(|error| error.to_string())?;
        }
        let (files, withdrawn) = (&mut self.files, &mut self.withdrawn);
        self.published.retain(|path, (kind, _)| {
            let stays = *kind != published.kind;
            if !stays {
                files.remove(path);
                withdrawn.insert(path.clone());
            }
            stays
        });
        for (path, sha256) in &published.files {
            let vouched = Vouched { sha256: *sha256, line };
            self.withdrawn.remove(path);
            self.files.insert(path.clone(), vouched);
            self.published.insert(path.clone(), (published.kind.clone(), vouched));
        }
        Ok(())
    }
}
