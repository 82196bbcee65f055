//! One writer at a time.
//!
//! Owns: the lock on `journal.jsonl` (`flock`). It ends with its process,
//! whatever way that dies, and leaves no file behind.
//!
//! Does not: keep readers out.

use std::fs::{File, TryLockError};
use std::io;

/// Takes the lock; `Ok(false)` if another writer has it.
pub(crate) fn take(file: &File) -> io::Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

/// Returns the process that holds the lock of `file`, where the kernel tells.
#[cfg(not(target_os = "linux"))]
pub(crate) fn holder(_file: &File) -> Option<u32> {
    None
}

/// Returns the process that holds the lock of `file`, where the kernel tells.
#[cfg(target_os = "linux")]
pub(crate) fn holder(file: &File) -> Option<u32> {
    use std::os::unix::fs::MetadataExt as _;

    let metadata = file.metadata().ok()?;
    let inode = format!(
        "{:02x}:{:02x}:{}",
        rustix::fs::major(metadata.dev()),
        rustix::fs::minor(metadata.dev()),
        metadata.ino()
    );
    // `1: FLOCK  ADVISORY  WRITE 4711 fe:00:1835 0 EOF`
    std::fs::read_to_string("/proc/locks").ok()?.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let at = words.iter().position(|word| *word == inode)?;
        (words.contains(&"FLOCK") && at > 0).then(|| words[at - 1].parse().ok())?
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_writer_is_kept_out_and_the_first_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.jsonl");
        let first = File::create(&path).unwrap();
        let second = File::open(&path).unwrap();
        assert!(take(&first).unwrap());
        assert!(!take(&second).unwrap());
        if cfg!(target_os = "linux") {
            assert_eq!(holder(&second), Some(std::process::id()));
        }
        drop(first);
        assert!(take(&second).unwrap());
    }
}
