//! Folders that hold several studies.
//!
//! Owns: which studies a path means, and the name of each in texts that quote several.
//!
//! Does not: read a study.

use std::path::{Path, PathBuf};

use crate::failure::{Exit, Failure};

/// The file that every study has.
const JOURNAL: &str = "journal.jsonl";

/// Returns the studies that `path` means: itself, or each folder in it that is a study, in
/// the order of their names. A path that is neither is returned as it is, for whoever opens
/// it to say what is wrong.
///
/// # Errors
///
/// A failure if the folder cannot be listed.
pub(crate) fn studies(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    if path.join(JOURNAL).exists() || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let unreadable = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("could not list {}: {error}", path.display()))
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let folder = entry.map_err(unreadable)?.path();
        if folder.join(JOURNAL).is_file() {
            found.push(folder);
        }
    }
    found.sort();
    Ok(if found.is_empty() { vec![path.to_owned()] } else { found })
}

/// Returns the name of a study: that of its folder, without `.study`.
pub(crate) fn name(study: &Path) -> String {
    let name =
        study.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    name.strip_suffix(".study").map_or(name.clone(), str::to_owned)
}
