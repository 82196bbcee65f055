//! Reading the input folder.
//!
//! Owns: which files an agent reads, and in which order: every regular file
//! under the folder whose name ends in `.csv`, `.json` or `.md` (in any case),
//! in the byte order of its path relative to the folder, written with `/`.
//! Everything else that is met is skipped with its reason: other extensions,
//! hidden entries (a leading dot), links to folders (they could loop), files
//! above [`FILE_BYTES_MAX`], what cannot be read or parsed.
//!
//! Does not: keep contents; one file at a time is in memory.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_model::event::FileKind;

use super::outline::{Outline, outline};

/// The largest file that is read, in bytes.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// The deepest folder that is entered, counted from the input folder.
pub const DEPTH_MAX: usize = 32;

/// The most entries that one scan takes in.
pub const ENTRIES_MAX: usize = 100_000;

/// A file that was read and parsed.
#[derive(Debug, Clone, PartialEq)]
pub struct Ingested {
    /// Path relative to the input folder, with `/`.
    pub path: String,
    /// How it was parsed.
    pub kind: FileKind,
    /// Its size.
    pub bytes: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// What the data summary says about it.
    pub outline: Outline,
}

/// A file that was not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Path relative to the input folder, with `/`; `.` is the folder itself.
    pub path: String,
    /// Why, with the line where there is one.
    pub reason: String,
}

/// What a scan met at one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Path relative to the input folder, with `/`.
    pub path: String,
    /// How it is to be parsed, or why it is not.
    pub kind: Result<FileKind, String>,
}

/// Lists what is under `folder`, in the byte order of the relative paths.
///
/// A folder that cannot be read is in the list with the reason, so the list is
/// never silently short.
pub fn scan(folder: &Path) -> Vec<Found> {
    let mut found = Vec::new();
    scan_into(folder, "", 0, &mut found);
    found.sort_by(|a, b| a.path.as_bytes().cmp(b.path.as_bytes()));
    found
}

fn scan_into(folder: &Path, prefix: &str, depth: usize, found: &mut Vec<Found>) {
    let skip = |path: &str, reason: String| Found { path: path.to_owned(), kind: Err(reason) };
    let here = if prefix.is_empty() { "." } else { prefix };
    if depth > DEPTH_MAX {
        found.push(skip(here, format!("deeper than {DEPTH_MAX} folders")));
        return;
    }
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => {
            found.push(skip(here, format!("could not list the folder: {error}")));
            return;
        }
    };
    for entry in entries {
        if found.len() >= ENTRIES_MAX {
            found.push(skip(here, format!("more than {ENTRIES_MAX} entries")));
            return;
        }
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                found.push(skip(here, format!("could not list the folder: {error}")));
                return;
            }
        };
        let name = entry.file_name();
        let name_text = name.to_string_lossy();
        let path =
            if prefix.is_empty() { name_text.to_string() } else { format!("{prefix}/{name_text}") };
        if name.to_str().is_none() {
            found.push(skip(&path, "the name is not UTF-8".to_owned()));
        } else if name_text.starts_with('.') {
            found.push(skip(&path, "hidden".to_owned()));
        } else {
            match sort_out(&entry.path(), &name_text) {
                Ok(Some(kind)) => found.push(Found { path, kind: Ok(kind) }),
                Ok(None) => scan_into(&entry.path(), &path, depth + 1, found),
                Err(reason) => found.push(skip(&path, reason)),
            }
        }
    }
}

/// Returns how a file is to be parsed, `None` for a folder to enter.
fn sort_out(path: &Path, name: &str) -> Result<Option<FileKind>, String> {
    let unreadable = |error: io::Error| format!("could not be read: {error}");
    let link = fs::symlink_metadata(path).map_err(unreadable)?.is_symlink();
    let metadata = fs::metadata(path).map_err(unreadable)?;
    if metadata.is_dir() {
        return if link { Err("a link to a folder is not followed".to_owned()) } else { Ok(None) };
    }
    if !metadata.is_file() {
        return Err("not a regular file".to_owned());
    }
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    match extension.as_deref() {
        Some("csv") => Ok(Some(FileKind::Csv)),
        Some("json") => Ok(Some(FileKind::Json)),
        Some("md") => Ok(Some(FileKind::Markdown)),
        _ => Err("not a .csv, .json or .md file".to_owned()),
    }
}

/// Reads and parses one file of a scan.
///
/// # Errors
///
/// [`Skipped`] with the reason.
pub fn ingest(folder: &Path, found: &Found) -> Result<Ingested, Skipped> {
    let skipped = |reason: String| Skipped { path: found.path.clone(), reason };
    let kind = found.kind.clone().map_err(skipped)?;
    let bytes = read_bounded(&folder.join(&found.path)).map_err(skipped)?;
    let outline = outline(kind, &bytes).map_err(|error| skipped(error.to_string()))?;
    Ok(Ingested {
        path: found.path.clone(),
        kind,
        bytes: bytes.len() as u64,
        sha256: Digest::of(&bytes),
        outline,
    })
}

fn read_bounded(path: &Path) -> Result<Vec<u8>, String> {
    let read = || -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().map_err(|error| format!("could not be read: {error}"))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(format!("larger than {FILE_BYTES_MAX} bytes; split it"));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_scan_is_in_byte_order_and_says_what_it_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("b/deep")).unwrap();
        fs::create_dir(at(".git")).unwrap();
        fs::write(at("b.csv"), "x\n1\n").unwrap();
        fs::write(at("b/deep/a.JSON"), "{}").unwrap();
        fs::write(at("B.md"), "# B").unwrap();
        fs::write(at("b/notes.txt"), "").unwrap();
        fs::write(at("b/bad.json"), "{\n").unwrap();
        symlink(folder.path(), at("b/loop")).unwrap();
        symlink(at("B.md"), at("b/link.md")).unwrap();
        symlink(at("nowhere"), at("dangling.csv")).unwrap();

        let found = scan(folder.path());
        let paths: Vec<&str> = found.iter().map(|found| &*found.path).collect();
        let expected = [
            ".git",
            "B.md",
            "b.csv",
            "b/bad.json",
            "b/deep/a.JSON",
            "b/link.md",
            "b/loop",
            "b/notes.txt",
            "dangling.csv",
        ];
        assert_eq!(paths, expected);
        let read: Vec<Result<Ingested, Skipped>> =
            found.iter().map(|found| ingest(folder.path(), found)).collect();
        let good: Vec<&str> =
            read.iter().filter_map(|read| Some(&*read.as_ref().ok()?.path)).collect();
        assert_eq!(good, ["B.md", "b.csv", "b/deep/a.JSON", "b/link.md"]);
        let reasons: Vec<&str> =
            read.iter().filter_map(|read| Some(&*read.as_ref().err()?.reason)).collect();
        assert_eq!(
            &reasons[..4],
            [
                "hidden",
                "line 2, column 0: malformed JSON: EOF while parsing an object",
                "a link to a folder is not followed",
                "not a .csv, .json or .md file",
            ]
        );
        assert!(reasons[4].starts_with("could not be read: No such file"), "{}", reasons[4]);
        let csv = read[2].as_ref().unwrap();
        assert_eq!((csv.bytes, csv.sha256), (4, Digest::of(b"x\n1\n")));
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let found = scan(Path::new("/nonexistent/folder"));
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].path, ".");
        assert!(found[0].kind.as_ref().unwrap_err().starts_with("could not list the folder"));
    }

    #[test]
    fn a_file_above_the_limit_is_skipped() {
        let folder = tempfile::tempdir().unwrap();
        let file = File::create(folder.path().join("big.csv")).unwrap();
        file.set_len(FILE_BYTES_MAX + 1).unwrap();
        let skipped = ingest(folder.path(), &scan(folder.path())[0]).unwrap_err();
        assert_eq!(skipped.reason, "larger than 4194304 bytes; split it");
    }
}
