//! Which studies are there, which supersede which, and what is stale because of it.
//!
//! Owns: the search for studies and for files that cite them, and what is stale.
//!
//! Does not: check digests of runs (`tacho verify` does), or know of a study that is not
//! among the paths.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use tachograph_model::digest::Digest;
use tachograph_model::study::Superseded;
use tachograph_report::{Cited, Citing, VALIDATION, cited, evidence_of};
use tachograph_store::{OpenError, OpenStudy, Study};

use crate::commands::render;
use crate::failure::{Exit, Failure, chain};

/// How many folders below a path are searched.
const DEPTH_MAX: usize = 4;
/// Larger files are no sidecars, baselines or comparisons.
const BYTES_MAX: u64 = 64 << 20;

/// What was found.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Studies, in the order of their paths.
    pub(crate) studies: Vec<Found>,
    /// Files that cite studies, in the order of their paths.
    pub(crate) documents: Vec<Document>,
    /// What could not be read, and why.
    pub(crate) unreadable: Vec<(PathBuf, String)>,
}

/// A study.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) path: PathBuf,
    pub(crate) study: OpenStudy,
    /// The studies that supersede it, by their position, with what they say.
    pub(crate) superseded_by: Vec<(usize, Superseded)>,
    /// Its stale reports, with the reason.
    pub(crate) stale: Vec<(String, String)>,
}

/// A file that cites studies.
#[derive(Debug)]
pub(crate) struct Document {
    /// The text, where it is a sidecar of one, else the file.
    pub(crate) path: PathBuf,
    pub(crate) citing: Citing,
    /// Why it is stale, if it is.
    pub(crate) stale: Option<String>,
}

impl Standing {
    /// Searches the paths, and says what is stale.
    ///
    /// # Errors
    ///
    /// A usage failure for a path that is not there, or a file that cites no study.
    pub(crate) fn of(paths: &[PathBuf]) -> Result<Self, Failure> {
        let mut found = Self::default();
        let mut seen = BTreeSet::new();
        for path in paths {
            let metadata = fs::metadata(path).map_err(|error| {
                Failure::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
            })?;
            if metadata.is_dir() {
                found.search(path, DEPTH_MAX, &mut seen);
            } else {
                found.file(path)?;
            }
        }
        found.studies.sort_by(|one, other| one.path.cmp(&other.path));
        found.documents.sort_by(|one, other| one.path.cmp(&other.path));
        found.documents.dedup_by(|one, other| one.path == other.path);
        found.relate();
        found.mark_studies();
        found.mark_documents();
        Ok(found)
    }

    /// Returns how many reports and files are stale.
    pub(crate) fn n_stale(&self) -> usize {
        let reports: usize = self.studies.iter().map(|found| found.stale.len()).sum();
        reports + self.documents.iter().filter(|document| document.stale.is_some()).count()
    }

    /// Takes in a folder: a study, or one that is searched. Links are not followed.
    fn search(&mut self, folder: &Path, depth: usize, seen: &mut BTreeSet<PathBuf>) {
        let place = folder.canonicalize().unwrap_or_else(|_| folder.to_path_buf());
        if !seen.insert(place) {
            return;
        }
        match Study::open(folder) {
            Ok(study) => {
                let (path, superseded_by) = (folder.to_path_buf(), Vec::new());
                self.studies.push(Found { path, study, superseded_by, stale: Vec::new() });
                return;
            }
            Err(OpenError::NotAStudy { .. }) => {}
            Err(error) => {
                self.unreadable.push((folder.to_path_buf(), chain(&error)));
                return;
            }
        }
        let mut entries: Vec<PathBuf> = match fs::read_dir(folder) {
            Ok(entries) => entries.filter_map(|entry| Some(entry.ok()?.path())).collect(),
            Err(error) => {
                self.unreadable.push((folder.to_path_buf(), error.to_string()));
                return;
            }
        };
        entries.sort();
        for path in entries {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
            let is_hidden = name.is_none_or(|name| name.starts_with('.'));
            // What is gone by now was not there.
            let Ok(metadata) = fs::symlink_metadata(&path) else { continue };
            if is_hidden || metadata.is_symlink() {
                continue;
            }
            let is_json = path.extension().is_some_and(|extension| extension == "json");
            if metadata.is_dir() && depth > 0 {
                self.search(&path, depth - 1, seen);
            } else if metadata.is_file() && is_json && metadata.len() <= BYTES_MAX {
                match fs::read(&path) {
                    Ok(bytes) => self.documents.extend(document(&path, &bytes)),
                    Err(error) => self.unreadable.push((path, error.to_string())),
                }
            }
        }
    }

    /// Takes in a file that was named: a sidecar, the text that has one, a baseline file
    /// or a comparison.
    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let sidecar = render::sidecar_of(path);
        let is_text = path.extension().is_none_or(|extension| extension != "json");
        let place = if is_text { &sidecar } else { path };
        let bytes = fs::read(place).map_err(|error| {
            Failure::new(Exit::Usage, format!("could not read {}: {error}", place.display()))
        })?;
        let found = document(place, &bytes).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{} cites no study", place.display())).help(
                "name a study, a folder, a text of `tacho render`, a baseline file, or the JSON of \
                 `tacho compare`",
            )
        })?;
        self.documents.push(found);
        Ok(())
    }

    /// Finds which study is superseded by which.
    fn relate(&mut self) {
        for at in 0..self.studies.len() {
            let mut by = Vec::new();
            for (other, found) in self.studies.iter().enumerate().filter(|(other, _)| *other != at)
            {
                let said = found.study.head().superseded();
                let own = said.filter(|said| self.studies[at].study.continues(said.journal_head));
                by.extend(own.map(|said| (other, said.clone())));
            }
            // A study that is superseded at two stages is superseded once.
            by.dedup_by_key(|(other, _)| *other);
            self.studies[at].superseded_by = by;
        }
    }

    /// Returns whether the study at a position supersedes one with this evidence.
    fn supersedes(&self, at: usize, evidence: Digest) -> bool {
        let mut said = self.studies[at].study.head().superseded();
        // An earlier study may have gone on after it was superseded.
        let mut now = self.studies.iter().filter(|it| evidence_of(it.study.head()) == evidence);
        said.any(|said| said.evidence_sha256 == evidence)
            || now.any(|found| found.superseded_by.iter().any(|(by, _)| *by == at))
    }

    /// Returns by which study one with this evidence is superseded, if it is.
    fn superseder(&self, evidence: Digest) -> Option<usize> {
        (0..self.studies.len()).find(|&at| self.supersedes(at, evidence))
    }

    fn mark_studies(&mut self) {
        for at in 0..self.studies.len() {
            let found = &self.studies[at];
            let mut stale = Vec::new();
            if let Some((by, said)) = found.superseded_by.first() {
                let by = self.studies[*by].path.display();
                for kind in found.study.published_kinds() {
                    let reason = format!("its study is superseded by {by}: {}", said.reason);
                    stale.push((format!("reports/{kind}/report.md"), reason));
                }
            } else {
                for cited in held_against(&found.study) {
                    let Some(digest) = cited.evidence_sha256 else { continue };
                    if self.supersedes(at, digest) {
                        continue;
                    }
                    if let Some(by) = self.superseder(digest) {
                        let reason = format!(
                            "it cites a study (plan {}) that is superseded by {}",
                            cited.plan_sha256.short(),
                            self.studies[by].path.display()
                        );
                        stale.push((format!("reports/{VALIDATION}/report.md"), reason));
                    }
                }
            }
            stale.dedup_by(|one, other| one.0 == other.0);
            self.studies[at].stale = stale;
        }
    }

    fn mark_documents(&mut self) {
        for at in 0..self.documents.len() {
            let document = &self.documents[at];
            let mut stale = None;
            let mut untold = None;
            for cited in &document.citing.studies {
                let plan = cited.plan_sha256.short();
                if let Some(digest) = cited.evidence_sha256 {
                    stale = stale.or_else(|| {
                        let by = self.studies[self.superseder(digest)?].path.display();
                        Some(format!("it cites a study (plan {plan}) that is superseded by {by}"))
                    });
                } else if self.supersedes_plan(cited.plan_sha256) {
                    untold = Some(format!(
                        "a study of its plan {plan} is superseded, and the sidecar does not say \
                         which study it is from; `tacho render` it again"
                    ));
                }
            }
            let path = document.path.clone();
            self.documents[at].stale = stale;
            self.unreadable.extend(untold.map(|reason| (path, reason)));
        }
    }

    fn supersedes_plan(&self, plan: Digest) -> bool {
        let mut said = self.studies.iter().flat_map(|found| found.study.head().superseded());
        said.any(|said| said.plan_sha256 == plan)
    }
}

/// Returns the studies that the published validation report of a study is held against.
fn held_against(study: &OpenStudy) -> Vec<Cited> {
    let paths = study.published_paths(VALIDATION);
    let baselines = paths.filter(|path| path.ends_with("-baseline.json"));
    // What is damaged cites nothing; `tacho verify` names it.
    let read = baselines.filter_map(|path| study.read_file(path).ok());
    read.filter_map(|bytes| Cited::of_baseline(&bytes)).collect()
}

/// Returns a file that cites studies; `None` if it cites none.
fn document(path: &Path, bytes: &[u8]) -> Option<Document> {
    let citing = cited(bytes)?;
    let text = citing.document.as_ref().map(|name| path.with_file_name(name));
    Some(Document { path: text.unwrap_or_else(|| path.to_path_buf()), citing, stale: None })
}
