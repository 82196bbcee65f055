//! Files of other programs, from a file, a folder or an archive into memory.
//!
//! Owns: which files are read, and what is refused: paths that lead out, links, archives
//! that unpack to more than they should.
//!
//! Does not: write anything, or know what is in a file.

use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::{Component, Path};

use flate2::read::GzDecoder;
use tachograph_import::SourceFile;

use crate::failure::{Exit, Failure};

/// Endings of files that may hold results.
const ENDINGS: [&str; 5] = ["json", "jsonl", "ndjson", "csv", "log"];
/// The most bytes that are read, in all: far beyond real results, far below memory.
const BYTES_MAX: u64 = 4 << 30;
/// The most entries of a folder or an archive.
const ENTRIES_MAX: usize = 1_000_000;
/// The deepest folder.
const DEPTH_MAX: usize = 64;

/// Reads what may hold results at `path`, in the order of paths.
///
/// # Errors
///
/// A failure that names the file, folder or entry that cannot be read or is refused.
pub(crate) fn read(path: &Path) -> Result<Vec<SourceFile>, Failure> {
    let metadata = fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    let mut reading = Reading::default();
    if metadata.is_dir() {
        reading.folder(path, "", 0)?;
    } else if let Some(archive) = archive(path)? {
        reading.archive(path, archive)?;
    } else {
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let bytes = fs::read(path).map_err(|error| unreadable(path, &error))?;
        reading.files.push(SourceFile { path: name, bytes });
    }
    reading.files.sort_by(|one, other| one.path.cmp(&other.path));
    if let Some(pair) = reading.files.windows(2).find(|pair| pair[0].path == pair[1].path) {
        return Err(refused(path, &pair[0].path, "is there twice"));
    }
    if reading.files.is_empty() {
        let message = format!("{} holds no file ending in {}", path.display(), ENDINGS.join(", "));
        return Err(Failure::new(Exit::Usage, message));
    }
    Ok(reading.files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
}

fn refused(path: &Path, entry: &str, why: &str) -> Failure {
    Failure::new(Exit::Usage, format!("{}: the entry {entry:?} {why}", path.display()))
        .help("nothing was imported; unpack the archive yourself, look at it, and give the folder")
}

/// Returns the unpacked stream of an archive, if the file is one.
fn archive(path: &Path) -> Result<Option<Box<dyn Read>>, Failure> {
    let open = || File::open(path).map_err(|error| unreadable(path, &error));
    let mut head = [0; 512];
    let mut n_read = 0;
    let mut file = open()?;
    while n_read < head.len() {
        match file.read(&mut head[n_read..]).map_err(|error| unreadable(path, &error))? {
            0 => break,
            n => n_read += n,
        }
    }
    if head.starts_with(b"\x1f\x8b") {
        return Ok(Some(Box::new(GzDecoder::new(BufReader::new(open()?)))));
    }
    if head[257..].starts_with(b"ustar") {
        return Ok(Some(Box::new(BufReader::new(open()?))));
    }
    Ok(None)
}

/// What was read so far.
#[derive(Default)]
struct Reading {
    files: Vec<SourceFile>,
    n_bytes: u64,
    n_entries: usize,
}

impl Reading {
    fn count(&mut self, path: &Path, bytes: u64) -> Result<(), Failure> {
        self.n_entries += 1;
        self.n_bytes = self.n_bytes.saturating_add(bytes);
        if self.n_entries > ENTRIES_MAX || self.n_bytes > BYTES_MAX {
            let message = format!(
                "{} holds more than {ENTRIES_MAX} entries or {} GiB of results",
                path.display(),
                BYTES_MAX >> 30
            );
            return Err(Failure::new(Exit::Usage, message).help("import its parts one by one"));
        }
        Ok(())
    }

    /// Reads a folder; links are passed over, so that none leads out or in a circle.
    fn folder(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        let entries = fs::read_dir(folder).map_err(|error| unreadable(folder, &error))?;
        for entry in entries {
            let entry = entry.map_err(|error| unreadable(folder, &error))?;
            let kind = entry.file_type().map_err(|error| unreadable(&entry.path(), &error))?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if kind.is_dir() {
                self.count(folder, 0)?;
                if depth == DEPTH_MAX {
                    return Err(refused(folder, &name, "lies too deep"));
                }
                self.folder(&entry.path(), &format!("{name}/"), depth + 1)?;
            } else if kind.is_file() && may_hold_results(&name) {
                let bytes =
                    fs::read(entry.path()).map_err(|error| unreadable(&entry.path(), &error))?;
                self.count(folder, bytes.len() as u64)?;
                self.files.push(SourceFile { path: name, bytes });
            }
        }
        Ok(())
    }

    /// Reads an archive; an entry that could be written outside of a folder is refused,
    /// although nothing is written.
    fn archive(&mut self, path: &Path, stream: Box<dyn Read>) -> Result<(), Failure> {
        let broken = |error: &std::io::Error| {
            Failure::new(Exit::Usage, format!("{} is no whole archive: {error}", path.display()))
                .help("fetch it again; .tar and .tar.gz are read")
        };
        let mut archive = tar::Archive::new(stream);
        for entry in archive.entries().map_err(|error| broken(&error))? {
            let entry = entry.map_err(|error| broken(&error))?;
            let place = entry.path().map_err(|error| broken(&error))?.into_owned();
            let name = place.to_string_lossy().into_owned();
            let inside =
                |part: Component<'_>| matches!(part, Component::Normal(_) | Component::CurDir);
            if !place.components().all(inside) {
                return Err(refused(path, &name, "leads out of the archive"));
            }
            let kind = entry.header().entry_type();
            if kind.is_symlink() || kind.is_hard_link() {
                return Err(refused(path, &name, "is a link, which may lead out or in a circle"));
            }
            if !kind.is_file() || !may_hold_results(&name) {
                self.count(path, 0)?;
                continue;
            }
            let mut bytes = Vec::new();
            let room = BYTES_MAX - self.n_bytes;
            let mut limited = entry.take(room + 1);
            limited.read_to_end(&mut bytes).map_err(|error| broken(&error))?;
            self.count(path, bytes.len() as u64)?;
            let parts = place.components().filter(|part| matches!(part, Component::Normal(_)));
            let parts: Vec<String> =
                parts.map(|part| part.as_os_str().to_string_lossy().into_owned()).collect();
            self.files.push(SourceFile { path: parts.join("/"), bytes });
        }
        Ok(())
    }
}

fn may_hold_results(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known)))
}
