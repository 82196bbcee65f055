//! Files that speak of a study and are no part of it.
//!
//! Owns: their names, and how they are read and replaced. The manifest does not
//! list them: an attestation holds the manifest's digest, so that it can only be
//! made afterwards.
//!
//! Does not: check what they say.

use crate::disk::{self, Disk};
use crate::layout;
use crate::open::{OpenError, OpenStudy};

/// A file that speaks of a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Companion {
    /// Who stands for the study.
    Attestation,
    /// What the study consists of, for archives and registries.
    RoCrate,
}

impl Companion {
    /// Every companion.
    pub const ALL: [Self; 2] = [Self::Attestation, Self::RoCrate];

    /// Returns the name of its file, in the folder of the study.
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Attestation => "attestation.dsse.json",
            Self::RoCrate => "ro-crate-metadata.json",
        }
    }

    /// Returns whether a path, relative to the study, is that of a companion.
    pub(crate) fn is_at(path: &str) -> bool {
        Self::ALL.iter().any(|companion| companion.file_name() == path)
    }
}

impl OpenStudy {
    /// Reads a companion; `None` if the study has none.
    ///
    /// # Errors
    ///
    /// [`OpenError::Disk`] if it cannot be read.
    pub fn read_companion(&self, companion: Companion) -> Result<Option<Vec<u8>>, OpenError> {
        self.read_as_it_is(companion.file_name())
    }

    /// Writes a companion, in place of an older one.
    ///
    /// # Errors
    ///
    /// [`OpenError::Disk`].
    pub fn write_companion(&self, companion: Companion, bytes: &[u8]) -> Result<(), OpenError> {
        let disk = Disk::default();
        let name = companion.file_name();
        let staged = self.folder().join(format!("{}{name}", layout::TEMPORARY));
        disk.remove_file(&staged)?;
        disk.write_new(&staged, bytes)?;
        disk.rename(&staged, &self.folder().join(name))?;
        Ok(disk.sync_folder(self.folder())?)
    }

    /// Returns the paths of what belongs to the study, in order: what the journal
    /// vouches for, the journal, the manifest, and the attestation.
    pub fn paths(&self) -> Vec<String> {
        let own = [layout::JOURNAL, layout::MANIFEST, Companion::Attestation.file_name()];
        let mut paths: Vec<String> = own.iter().map(|&name| name.to_owned()).collect();
        paths.extend(self.vouched_paths().map(str::to_owned));
        paths.sort_unstable();
        paths
    }

    /// Returns the bytes of `manifest.json`; `None` if the study has none yet.
    ///
    /// # Errors
    ///
    /// [`OpenError::Disk`] if it cannot be read.
    pub fn read_manifest(&self) -> Result<Option<Vec<u8>>, OpenError> {
        Ok(disk::read_if_there(&self.folder().join(layout::MANIFEST))?)
    }
}
