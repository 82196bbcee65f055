//! A study or a baseline file, as far as comparing needs it.
//!
//! Owns: telling the two apart, and reading either with its digests checked.
//!
//! Does not: compare.

use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_report::{BASELINE_SCHEMA, Extract, RunFacts};

use crate::derivation;
use crate::failure::{Exit, Failure, chain};

/// What is known of a study.
#[derive(Debug)]
pub(crate) struct Evidence {
    /// What comparing needs.
    pub(crate) extract: Extract,
    /// What each run says; none for a baseline file.
    pub(crate) facts: Vec<RunFacts>,
}

impl Evidence {
    /// Reads a study's folder or a baseline file.
    ///
    /// # Errors
    ///
    /// A usage failure if the path is neither, else one that names what changed.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        if path.is_dir() {
            return Self::of_study(path, None);
        }
        let bytes = std::fs::read(path).map_err(|error| {
            Failure::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
                .help("name the folder of a study, or a file that `tacho baseline` wrote")
        })?;
        let extract = Extract::from_baseline(&bytes).map_err(|error| {
            let exit = match error {
                tachograph_report::BaselineError::Foreign => Exit::Usage,
                _ => Exit::Failed,
            };
            Failure::new(exit, format!("{}: {}", path.display(), chain(&error)))
        })?;
        Ok(Self { extract, facts: Vec::new() })
    }

    /// Reads a study; `merkle_root` is remembered with it.
    ///
    /// # Errors
    ///
    /// A failure that names the file that is not what was sealed.
    pub(crate) fn of_study(folder: &Path, merkle_root: Option<Digest>) -> Result<Self, Failure> {
        let (head, facts) = derivation::facts_of(folder)?;
        let analysis = tachograph_report::analyse(&head, &facts);
        let extract = Extract::of(&head, &facts, &analysis, merkle_root);
        Ok(Self { extract, facts })
    }
}

/// Writes a result to a file.
///
/// # Errors
///
/// A failure that names the file.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    std::fs::write(path, bytes).map_err(|error| {
        Failure::new(Exit::Failed, format!("could not write {}: {error}", path.display()))
    })
}

/// Writes a baseline file, and replaces nothing but an older one.
///
/// # Errors
///
/// A usage failure if something else has the name.
pub(crate) fn write_baseline(path: &Path, extract: &Extract) -> Result<(), Failure> {
    let (name, _) = BASELINE_SCHEMA.split_once('/').expect("a schema has a version");
    let is_other =
        path.exists() && std::fs::read_to_string(path).map_or(true, |text| !text.contains(name));
    if is_other {
        let message = format!("{} exists and is no baseline file", path.display());
        return Err(Failure::new(Exit::Usage, message).help("choose another file with -o"));
    }
    write(path, &extract.to_baseline())
}
