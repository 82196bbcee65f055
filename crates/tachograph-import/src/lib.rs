//! Results of other programs, from bytes to studies.
//!
//! Owns: one parser for each foreign format, and [`Snapshot`], what all of them give: plans
//! that say where everything comes from, and the events of each run. What a source does not
//! record is absent; what is wrong with it is listed; a failed call stays a failed call.
//!
//! Does not: touch files (the caller reads and writes), average, or trust a number that a
//! source derived: such numbers are kept as stated, and checked against its own records.

mod aiperf;
mod bench;
mod chimeraforge;
mod failure;
mod findings;
mod guidellm;
mod llama_bench;
mod names;
mod otel;
mod read;
mod reported;
mod snapshot;
mod sniff;
mod vllm;

pub use snapshot::{ImportError, ImportedRun, ImportedSet, Snapshot, SourceFile};

use tachograph_model::plan::imported::ImportKind;

/// Imports the files of one archive or folder.
///
/// A snapshot has a set for each study that the files hold: sets differ in what was
/// measured or how, so that their runs cannot be compared as one.
///
/// # Errors
///
/// [`ImportError`] names the file, the place and the fix where a file is not what `kind`
/// promises, and says so where no file holds any result.
pub fn import(kind: ImportKind, files: &[SourceFile]) -> Result<Snapshot, ImportError> {
    let snapshot = match kind {
        ImportKind::Chimeraforge => chimeraforge::import(files)?,
        ImportKind::Guidellm => guidellm::import(files)?,
        ImportKind::Aiperf => aiperf::import(files)?,
        ImportKind::Vllm => vllm::import(files)?,
        ImportKind::LlamaBench => llama_bench::import(files)?,
        ImportKind::Otel => otel::import(files)?,
    };
    snapshot.checked(kind)
}
