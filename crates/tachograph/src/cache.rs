//! Files that `tacho` keeps between studies: the engine, its model, samples.
//!
//! Owns: where they are, and the copy of `samples/` that ships in the program.
//!
//! Does not: keep anything that a study needs to be verified.

use std::fs;
use std::path::{Path, PathBuf};

use include_dir::{Dir, DirEntry, include_dir};
use tachograph_model::digest::Digest;

use crate::failure::{Exit, Failure};

/// The files that agents ingest by default.
static SAMPLES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../samples");

/// Returns the cache folder: `chosen`, else `tachograph` in the user's cache.
///
/// # Errors
///
/// A usage failure if neither `XDG_CACHE_HOME` nor `HOME` is set.
pub(crate) fn folder(chosen: Option<&Path>) -> Result<PathBuf, Failure> {
    let absolute = |path: PathBuf| {
        std::path::absolute(&path).map_err(|error| {
            Failure::new(Exit::Failed, format!("no current folder for {}: {error}", path.display()))
        })
    };
    if let Some(chosen) = chosen {
        return absolute(chosen.to_path_buf());
    }
    let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
    let base = variable("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".cache")))
        .ok_or_else(|| {
            Failure::new(
                Exit::Usage,
                "no place for the engine: neither HOME nor XDG_CACHE_HOME is set",
            )
            .help("pass --cache DIR")
        })?;
    absolute(base.join("tachograph"))
}

/// Returns a folder that holds the shipped samples, written there if needed.
///
/// # Errors
///
/// A failure that names the path that could not be written.
pub(crate) fn samples(cache: &Path) -> Result<PathBuf, Failure> {
    let mut parts = Vec::new();
    collect(&SAMPLES, &mut parts);
    let digest = Digest::of_parts(parts.iter().flat_map(|(path, bytes)| {
        [path.as_os_str().as_encoded_bytes(), &b"\0"[..], *bytes, &b"\0"[..]]
    }));
    let folder = cache.join(format!("samples-{}", digest.short()));
    if folder.is_dir() {
        return Ok(folder);
    }
    let draft = cache.join(format!("samples-{}.{}", digest.short(), std::process::id()));
    for (path, bytes) in parts {
        let path = draft.join(path);
        let parent = path.parent().unwrap_or(&draft);
        fs::create_dir_all(parent).map_err(|error| unwritable(parent, &error))?;
        fs::write(&path, bytes).map_err(|error| unwritable(&path, &error))?;
    }
    match fs::rename(&draft, &folder) {
        Ok(()) => Ok(folder),
        // Another process was faster; its copy is the same.
        Err(_) if folder.is_dir() => {
            fs::remove_dir_all(&draft).map_err(|error| unwritable(&draft, &error))?;
            Ok(folder)
        }
        Err(error) => Err(unwritable(&folder, &error)),
    }
}

/// Lists every shipped file but the script that makes them.
fn collect<'a>(dir: &'a Dir<'a>, into: &mut Vec<(&'a Path, &'a [u8])>) {
    for entry in dir.entries() {
        match entry {
            DirEntry::Dir(dir) => collect(dir, into),
            DirEntry::File(file) if file.path().extension().is_some_and(|e| e == "py") => {}
            DirEntry::File(file) => into.push((file.path(), file.contents())),
        }
    }
}

fn unwritable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("could not write {}: {error}", path.display()))
        .help("pass --cache DIR with a folder that can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_at_least_twenty_four_files_in_nested_folders() {
        let mut parts = Vec::new();
        collect(&SAMPLES, &mut parts);
        assert!(parts.len() >= 24, "{}", parts.len());
        assert!(parts.iter().any(|(path, _)| path.components().count() > 1));
    }
}
