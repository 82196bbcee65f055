//! Every change that is made to a disk.
//!
//! Owns: the only calls in this crate that create, write, rename or remove, so
//! that a test can stop a writer between any two of them.
//!
//! Does not: decide what is written where.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// Why the file system did not do what was asked.
#[derive(Debug, thiserror::Error)]
#[error("could not {action} {path}{advice}", path = path.display(), advice = advice(source))]
pub struct DiskError {
    /// What was asked: `write`, `read`, `rename`, ….
    pub action: &'static str,
    /// Of which file or folder.
    pub path: PathBuf,
    /// What the system said.
    pub source: io::Error,
}

/// Returns what can be done about `error`, as the end of a sentence.
fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "; the disk is full: free space, then continue with --resume (sealed runs are kept)"
        }
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            "; check the owner and the permissions of the file and of its folder"
        }
        _ => "",
    }
}

/// The disk, counted and stopped in tests.
#[derive(Debug, Default, Clone)]
pub(crate) struct Disk {
    /// Whether nothing waits for the disk: whoever writes can write it all again.
    pub(crate) is_hasty: bool,
    #[cfg(test)]
    pub(crate) fault: Option<std::sync::Arc<tests::Fault>>,
}

impl Disk {
    /// Returns a disk for which nothing waits.
    pub(crate) fn hasty() -> Self {
        Self {
            is_hasty: true,
            #[cfg(test)]
            fault: None,
        }
    }

    /// Stands before each change; `written` is what a write is about to write.
    #[cfg(not(test))]
    #[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests stop the disk here")]
    fn before(&self, _written: Option<(&File, &[u8])>) -> io::Result<()> {
        Ok(())
    }

    #[cfg(test)]
    fn before(&self, written: Option<(&File, &[u8])>) -> io::Result<()> {
        self.fault.as_ref().map_or(Ok(()), |fault| fault.before(written))
    }

    fn change<T>(
        &self,
        action: &'static str,
        path: &Path,
        change: impl FnOnce() -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let result = self.before(None).and_then(|()| change());
        result.map_err(|source| DiskError { action, path: path.to_owned(), source })
    }

    /// Creates a folder and those above it.
    pub(crate) fn create_folders(&self, path: &Path) -> Result<(), DiskError> {
        self.change("create the folder", path, || fs::create_dir_all(path))
    }

    /// Creates a file that must not exist.
    pub(crate) fn create_new(&self, path: &Path) -> Result<File, DiskError> {
        self.change("create", path, || {
            OpenOptions::new().read(true).append(true).create_new(true).open(path)
        })
    }

    /// Writes all of `bytes` at the end of `file`, which is the one at `path`.
    pub(crate) fn write(&self, file: &File, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let result = self.before(Some((file, bytes))).and_then(|()| {
            let mut file = file;
            file.write_all(bytes)
        });
        result.map_err(|source| DiskError { action: "write", path: path.to_owned(), source })
    }

    /// Waits until the bytes of `file` are on the disk.
    pub(crate) fn sync(&self, file: &File, path: &Path) -> Result<(), DiskError> {
        if self.is_hasty {
            return Ok(());
        }
        #[cfg(test)]
        if self.fault.is_some() {
            // What a killed process leaves does not depend on it.
            return self.change("flush", path, || Ok(()));
        }
        self.change("flush", path, || file.sync_data())
    }

    /// Waits until the entries of a folder are on the disk.
    pub(crate) fn sync_folder(&self, path: &Path) -> Result<(), DiskError> {
        if self.is_hasty {
            return Ok(());
        }
        #[cfg(test)]
        if self.fault.is_some() {
            return self.change("flush the folder", path, || Ok(()));
        }
        self.change("flush the folder", path, || File::open(path)?.sync_all())
    }

    /// Writes a file that must not exist, and waits until it is on the disk.
    pub(crate) fn write_new(&self, path: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        let file = self.create_new(path)?;
        self.write(&file, path, bytes)?;
        self.sync(&file, path)
    }

    /// Cuts a file off after `length` bytes and waits until that is on the disk.
    pub(crate) fn truncate(&self, file: &File, path: &Path, length: u64) -> Result<(), DiskError> {
        self.change("cut off the end of", path, || {
            file.set_len(length).and_then(|()| file.sync_all())
        })
    }

    /// Renames a file or folder, replacing a file of the new name.
    pub(crate) fn rename(&self, from: &Path, to: &Path) -> Result<(), DiskError> {
        self.change("rename", from, || fs::rename(from, to))
    }

    /// Removes a file, if it is there.
    pub(crate) fn remove_file(&self, path: &Path) -> Result<(), DiskError> {
        self.change("remove", path, || absent_is_fine(fs::remove_file(path)))
    }

    /// Removes a folder with all that is in it, if it is there.
    pub(crate) fn remove_folder(&self, path: &Path) -> Result<(), DiskError> {
        self.change("remove the folder", path, || absent_is_fine(fs::remove_dir_all(path)))
    }
}

fn absent_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Reads a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, DiskError> {
    fs::read(path).map_err(|source| DiskError { action: "read", path: path.to_owned(), source })
}

/// Reads a file, or returns `None` if it is not there.
pub(crate) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, DiskError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DiskError { action: "read", path: path.to_owned(), source }),
    }
}

/// Returns the names in a folder, in order; none if the folder is not there.
///
/// A name that is not UTF-8 comes back with replacement characters: nothing
/// that this program writes has one, so it can only be reported.
pub(crate) fn names_in(path: &Path) -> Result<Vec<String>, DiskError> {
    let failed = |source| DiskError { action: "list", path: path.to_owned(), source };
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs::File;
    use std::io::{self, Write as _};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::Disk;

    /// A disk that stops working at one change, as if the power failed there.
    #[derive(Debug)]
    pub(crate) struct Fault {
        /// Changes asked for so far; of a torn fault, writes only.
        pub(crate) n_changes: AtomicU64,
        /// The change that fails, from 0, and all that follow.
        at: u64,
        /// Whether it is a write that fails in its middle.
        torn: bool,
    }

    impl Fault {
        pub(super) fn before(&self, written: Option<(&File, &[u8])>) -> io::Result<()> {
            if self.torn && written.is_none() && self.n_changes.load(Ordering::Relaxed) <= self.at {
                return Ok(());
            }
            let number = self.n_changes.fetch_add(1, Ordering::Relaxed);
            if number < self.at {
                return Ok(());
            }
            if let Some((mut file, bytes)) = written.filter(|_| self.torn && number == self.at) {
                file.write_all(&bytes[..bytes.len() / 2])?;
            }
            Err(io::ErrorKind::StorageFull.into())
        }
    }

    impl Disk {
        /// Returns a disk whose change number `at` fails, and the count of changes.
        pub(crate) fn failing_at(at: u64, torn: bool) -> (Self, Arc<Fault>) {
            let fault = Arc::new(Fault { n_changes: AtomicU64::new(0), at, torn });
            (Self { fault: Some(Arc::clone(&fault)), ..Self::default() }, fault)
        }
    }
}
