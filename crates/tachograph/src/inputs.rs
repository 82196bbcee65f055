//! The folders that agents ingest.
//!
//! Owns: from the plan's words for a folder to a folder that can be read.
//!
//! Does not: read the files in it; agents do.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tachograph_model::plan::Plan;

use crate::cache;
use crate::failure::{Exit, Failure};

/// The word for the files that ship with the program.
const SHIPPED: &str = "samples";

/// Returns the folder of each agent, absolute, by the agent's name.
///
/// `base` is the plan's folder; it is absent when a study is resumed without
/// its plan file.
///
/// # Errors
///
/// A usage failure that names a folder which cannot be read.
pub(crate) fn resolve(
    plan: &Plan,
    base: Option<&Path>,
    chosen_cache: Option<&Path>,
) -> Result<BTreeMap<String, PathBuf>, Failure> {
    plan.agents
        .iter()
        .map(|agent| {
            let folder = if agent.input == SHIPPED {
                cache::samples(&cache::folder(chosen_cache)?)?
            } else {
                readable(Path::new(&agent.input), base)?
            };
            Ok((agent.name.clone(), folder))
        })
        .collect()
}

/// Returns where a file or folder of the plan is, which may be relative to the plan's own.
fn located(named: &Path, base: Option<&Path>) -> Result<PathBuf, Failure> {
    match (named.is_absolute(), base) {
        (true, _) => Ok(named.to_path_buf()),
        (false, Some(base)) => Ok(base.join(named)),
        (false, None) => {
            let message =
                format!("{} is relative to the plan file, which is not given", named.display());
            Err(Failure::new(Exit::Usage, message)
                .help("name it: tacho run PLAN --resume -o STUDY"))
        }
    }
}

/// Returns where the cassette of a server is, after a look at whether it is one.
///
/// # Errors
///
/// A usage failure that names the file, and the line that is wrong.
pub(crate) fn cassette(file: &str, base: Option<&Path>) -> Result<PathBuf, Failure> {
    let path = located(Path::new(file), base)?;
    tachograph_serve::read_cassette(&path).map_err(|error| {
        Failure::usage(&error).help("`tacho record PLAN -o FILE` records one from a live server")
    })?;
    std::path::absolute(&path).map_err(|error| Failure::failed(&error))
}

fn readable(input: &Path, base: Option<&Path>) -> Result<PathBuf, Failure> {
    let joined = located(input, base)?;
    let checked = std::path::absolute(&joined)
        .and_then(|folder| std::fs::read_dir(&folder).map(|_entries| folder));
    checked.map_err(|error| {
        let message = format!("the input folder {} cannot be read: {error}", joined.display());
        Failure::new(Exit::Usage, message)
            .help("correct `input` in the plan; it is relative to the plan's folder")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_found_from_the_plan_and_missing_ones_are_named() {
        let base = Path::new(env!("CARGO_MANIFEST_DIR"));
        assert!(readable(Path::new("src"), Some(base)).unwrap().is_absolute());
        let failure = readable(Path::new("no-such"), Some(base)).unwrap_err().to_string();
        assert!(failure.contains("no-such"), "{failure}");
        let failure = readable(Path::new("src"), None).unwrap_err().to_string();
        assert!(failure.contains("relative to the plan file"), "{failure}");
    }
}
