//! The metadata that makes a study an RO-Crate.
//!
//! Owns: which files of a study belong to it, and whether metadata that is there
//! still describes the study.
//!
//! Does not: decide what the metadata says; `tachograph_report::ro_crate` does.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_report::{Author, CrateFile, RoCrateInput, RoCrateStated};
use tachograph_store::{Companion, OpenError, OpenStudy};

use crate::derivation::open_failure;
use crate::failure::Failure;

/// Returns the metadata of a study as it is on the disk, with what its maker states.
///
/// # Errors
///
/// A failure if a file cannot be read.
pub(crate) fn metadata(study: &OpenStudy, stated: &RoCrateStated) -> Result<Vec<u8>, Failure> {
    let files = files(study).map_err(|error| open_failure(&error, study.folder()))?;
    let times = tachograph_report::journal_times(study.head());
    let author = stated.author.as_ref();
    Ok(tachograph_report::ro_crate(&RoCrateInput {
        head: study.head(),
        files: &files,
        times: &times,
        date_published: &stated.date_published,
        license: stated.license.as_deref(),
        author: author.map(|(name, uri)| Author { name, uri: uri.as_deref() }),
    }))
}

/// Returns the files that the journal vouches for, the journal, the manifest and the
/// attestation, if there is one.
fn files(study: &OpenStudy) -> Result<BTreeMap<String, CrateFile>, OpenError> {
    let mut files = BTreeMap::new();
    for path in study.paths() {
        if let Some(bytes) = study.read_as_it_is(&path)? {
            let sha256 = Digest::of(&bytes);
            files.insert(path, CrateFile { bytes: bytes.len() as u64, sha256 });
        }
    }
    Ok(files)
}

/// Returns what is wrong with the metadata of a study, if it has any: it does not
/// follow from the study and from what its maker stated.
///
/// # Errors
///
/// A failure if a file cannot be read.
pub(crate) fn check(study: &OpenStudy) -> Result<Option<String>, Failure> {
    let name = Companion::RoCrate.file_name();
    let found = study
        .read_companion(Companion::RoCrate)
        .map_err(|error| open_failure(&error, study.folder()))?;
    let Some(found) = found else { return Ok(None) };
    let Some(stated) = tachograph_report::ro_crate_stated(&found) else {
        return Ok(Some(format!("{name}: it is not the metadata of an RO-Crate of this program")));
    };
    let expected = metadata(study, &stated)?;
    if found == expected {
        return Ok(None);
    }
    let line = found
        .split(|byte| *byte == b'\n')
        .zip(expected.split(|byte| *byte == b'\n'))
        .take_while(|(one, other)| one == other)
        .count();
    Ok(Some(format!(
        "{name}, line {}: it does not follow from the study; `tacho export --ro-crate` writes it anew",
        line + 1
    )))
}
