//! The archive of the reports that Tachograph sets out to correct.
//!
//! Owns: which files make a study, and what becomes of the others. A layout is told by what
//! a file holds, an option by what the file says; folders only give names.
//!
//! Does not: average. Summaries are held against the runs that they summarise, and left out.

mod call;
mod check;
mod derived;
mod joint;
mod layout;
mod place;
mod shape;
mod single;
mod solo;
mod table;
mod words;

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::options::slug;
use tachograph_model::plan::imported::Defect;

use crate::names;
use crate::read::is_json;
use crate::snapshot::{ImportError, ImportedSet, Snapshot, SourceFile};
use derived::Verdict;
use joint::Joint;
use layout::Layout;
use single::Session;

/// Why a file is no measurement.
#[derive(Debug, Clone)]
pub(crate) struct Refused {
    what: String,
}

impl Refused {
    fn impossible() -> Self {
        let what = "the server's durations are longer than the time that passed: these numbers were \
                    made up, not measured";
        Self { what: what.to_owned() }
    }

    fn means_only() -> Self {
        let what = "means only, without runs, calls or a date";
        Self { what: what.to_owned() }
    }

    fn old_parser() -> Self {
        let what = "no call has tokens or server durations: the program that wrote it did not read \
                    the server's final record";
        Self { what: what.to_owned() }
    }
}

/// What is known of the files so far.
#[derive(Debug, Default)]
struct Reading {
    sessions: Vec<Session>,
    joints: Vec<Joint>,
    /// Files that others derived, to be held against the runs.
    derived: Vec<(SourceFile, Layout)>,
    left_out: Vec<Defect>,
}

/// Imports the files of the archive or of any of its folders.
///
/// # Errors
///
/// A file of results is cut off or holds what it cannot hold.
pub(crate) fn import(files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let mut sorted: Vec<&SourceFile> = files.iter().collect();
    sorted.sort_by(|a, b| a.path.cmp(&b.path));
    let mut reading = Reading::default();
    let mut seen: BTreeMap<&[u8], &str> = BTreeMap::new();
    for file in sorted {
        if let Some(first) = seen.insert(&file.bytes, &file.path) {
            reading.leave_out(&file.path, &format!("the same bytes as {first}"), "imported once");
        } else {
            reading.read(file)?;
        }
    }
    reading.without_copies();
    joint::across_studies(&mut reading.joints);
    reading.check_derived();
    let sets = reading.sets();
    Ok(Snapshot { sets, left_out: reading.left_out })
}

impl Reading {
    fn leave_out(&mut self, path: &str, what: &str, treatment: &str) {
        self.left_out.push(Defect {
            path: path.to_owned(),
            place: String::new(),
            what: what.to_owned(),
            treatment: treatment.to_owned(),
        });
    }

    /// Reads one file.
    fn read(&mut self, file: &SourceFile) -> Result<(), ImportError> {
        if file.path.to_ascii_lowercase().ends_with(".csv") {
            self.derived.push((file.clone(), Layout::Unknown));
            return Ok(());
        }
        if !is_json(file) {
            self.leave_out(&file.path, "no JSON, and none of the layouts", "not read");
            return Ok(());
        }
        let layout = match layout::of(file) {
            Ok(layout) => layout,
            Err(error) if derived::is_called_derived(&file.path) => {
                self.leave_out(&file.path, &error.to_string(), "not read: nothing depends on it");
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        let refused = match layout {
            Layout::SingleCalls | Layout::SingleRuns => {
                single::rust_session(file, layout)?.map(|it| self.sessions.push(it)).err()
            }
            Layout::PythonSingle => {
                single::python_session(file)?.map(|it| self.sessions.push(it)).err()
            }
            Layout::JointCalls | Layout::JointRuns => {
                joint::rust(file, layout)?.map(|it| self.joints.push(it)).err()
            }
            Layout::PythonJoint => joint::python(file)?.map(|it| self.joints.push(it)).err(),
            Layout::PythonPair => joint::pair(file)?.map(|it| self.joints.push(it)).err(),
            Layout::Summary | Layout::Index | Layout::Extract => {
                self.derived.push((file.clone(), layout));
                None
            }
            Layout::SingleMeans => Some(Refused::means_only()),
            Layout::Unknown => Some(Refused { what: "none of the layouts".to_owned() }),
        };
        if let Some(refused) = refused {
            self.leave_out(&file.path, &refused.what, "not imported");
        }
        Ok(())
    }

    /// Holds files that others derived against the runs, and leaves them out.
    fn check_derived(&mut self) {
        for (file, layout) in std::mem::take(&mut self.derived) {
            let is_table = layout == Layout::Unknown;
            let verdict = if is_table {
                table::check(self, &file)
            } else {
                match derived::check(self, &file, layout) {
                    Ok(verdict) => verdict,
                    Err(error) => {
                        let treatment = "not read: nothing depends on it";
                        self.leave_out(&file.path, &error.to_string(), treatment);
                        continue;
                    }
                }
            };
            let what = if is_table { "a table that others made" } else { words::layout(layout) };
            let n = verdict.n_runs;
            let (what, treatment) = match verdict.first {
                None => (format!("{what}; it names no run that is here"), "not imported"),
                Some(_) if verdict.findings.is_empty() => {
                    let what = format!("{what}; it agrees with the {n} runs that it is about");
                    (what, "checked, not imported")
                }
                Some(_) => {
                    let what = format!("{what}; its numbers are not all those of its {n} runs");
                    (what, "checked, not imported; what disagrees is listed with the study")
                }
            };
            self.leave_out(&file.path, &what, treatment);
            self.attach(verdict, &file);
        }
    }

    /// Gives what was found wrong in a derived file to the run that it is about.
    fn attach(&mut self, verdict: Verdict, file: &SourceFile) {
        if verdict.findings.is_empty() {
            return;
        }
        let first = verdict.first.unwrap_or_default();
        let session = self.sessions.iter_mut().find(|it| it.source.path == first);
        let joint = self.joints.iter_mut().find(|it| it.source.path == first);
        let (findings, beside) = match (session, joint) {
            (Some(session), _) => (&mut session.findings, &mut session.beside),
            (None, Some(joint)) => (&mut joint.findings, &mut joint.beside),
            (None, None) => return self.left_out.extend(verdict.findings.merged()),
        };
        findings.extend(verdict.findings);
        beside.push(file.listed());
    }

    /// Leaves out files whose calls another file has too.
    fn without_copies(&mut self) {
        let mut seen = BTreeMap::new();
        let mut copies: Vec<(String, String)> = Vec::new();
        let mut is_new = |fingerprint: String, path: &str| match seen.get(&fingerprint) {
            Some(first) => {
                copies.push((path.to_owned(), String::clone(first)));
                false
            }
            None => seen.insert(fingerprint, path.to_owned()).is_none(),
        };
        self.sessions.retain(|it| is_new(it.fingerprint(), &it.source.path));
        self.joints.retain(|it| is_new(it.fingerprint(), &it.source.path));
        for (path, first) in copies {
            self.leave_out(&path, &format!("the same calls as {first}"), "imported once");
        }
    }
}

impl Reading {
    /// Returns the studies, in the order of their names.
    fn sets(&mut self) -> Vec<ImportedSet> {
        let sessions = std::mem::take(&mut self.sessions);
        let joints = std::mem::take(&mut self.joints);
        let folders = sessions.iter().map(|it| (it.layout, &it.folder));
        let folders = folders.chain(joints.iter().map(|it| (it.layout, &it.folder)));
        let mut paths = place::studies(folders).into_iter();
        let mut singles: BTreeMap<GroupKey, Vec<Session>> = BTreeMap::new();
        for session in sessions {
            let baseline = slug(&session.arms[0].options);
            let details = vec![names::slug(&session.model), names::slug(&baseline)];
            let key = (paths.next().unwrap_or_default(), session.layout, details);
            singles.entry(key).or_default().push(session);
        }
        let mut pairs: BTreeMap<GroupKey, Vec<Joint>> = BTreeMap::new();
        for joint in joints {
            let mut details: Vec<String> = joint.models.iter().map(|it| names::slug(it)).collect();
            details.dedup();
            let key = (paths.next().unwrap_or_default(), joint.layout, details);
            pairs.entry(key).or_default().push(joint);
        }
        let names = group_names(singles.keys().chain(pairs.keys()));
        let (of_singles, of_pairs) = names.split_at(singles.len());
        let singles = singles.into_iter().zip(of_singles);
        let pairs = pairs.into_iter().zip(of_pairs);
        let with_calls = |key: &GroupKey| key.1 == Layout::SingleCalls;
        let mut sets = Vec::new();
        let mut alone = Vec::new();
        for ((key, sessions), name) in singles {
            let set = single::set(name, sessions);
            if with_calls(&key) {
                alone.extend(set.clone());
            }
            sets.extend(set);
        }
        for ((key, joints), name) in pairs {
            let Some(mut set) = joint::set(name, joints) else { continue };
            if key.1 == Layout::JointCalls {
                solo::add(&mut set, &alone);
            }
            sets.push(set);
        }
        sets.sort_by(|a, b| a.name.cmp(&b.name));
        sets
    }
}

/// What the files of one study have in common: their folder, their layout, and models and
/// baseline.
type GroupKey = (Vec<String>, Layout, Vec<String>);

/// Returns the names of studies: that of their folder, and what differs where a folder
/// holds several.
fn group_names<'a>(keys: impl Iterator<Item = &'a GroupKey>) -> Vec<String> {
    let keys: Vec<&GroupKey> = keys.collect();
    let folders: BTreeSet<&Vec<String>> = keys.iter().map(|(path, ..)| path).collect();
    let fallback = |path: &Vec<String>| {
        let of_path = keys.iter().find(|(other, ..)| other == path);
        of_path.map_or("results", |(_, layout, _)| words::fallback(*layout))
    };
    let paths: Vec<(Vec<String>, &str)> =
        folders.iter().map(|path| ((*path).clone(), fallback(path))).collect();
    let of_folders: BTreeMap<&Vec<String>, String> =
        folders.iter().copied().zip(place::names(&paths)).collect();
    let name = |(path, layout, details): &GroupKey| {
        let beside: Vec<&&GroupKey> = keys.iter().filter(|(other, ..)| other == path).collect();
        let mut parts = vec![of_folders.get(path).cloned().unwrap_or_default()];
        if beside.iter().any(|(_, other, _)| other != layout) && !path.is_empty() {
            parts.push(words::fallback(*layout).to_owned());
        }
        if beside.iter().any(|(_, other, others)| other == layout && others != details) {
            parts.extend(details.iter().filter(|it| !it.is_empty()).cloned());
        }
        names::slug(&parts.join("-"))
    };
    names::numbered_apart(keys.iter().map(|key| name(key)).collect())
}
