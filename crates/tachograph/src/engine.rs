//! The real engine that `tacho` installs for itself.
//!
//! Owns: where it is kept, and errors that say how to go on without it.
//!
//! Does not: start it; `tacho serve` does.

use std::path::Path;

use tachograph_serve::engine_setup::{self, EngineFiles};

use crate::cache;
use crate::failure::{Exit, Failure, chain};

/// Returns the installed engine, installing it first if need be.
///
/// # Errors
///
/// A failure that says what is missing and how to go on without it.
pub(crate) fn installed(
    chosen: Option<&Path>,
    progress: impl FnMut(&str),
) -> Result<EngineFiles, Failure> {
    let folder = cache::folder(chosen)?.join("engine");
    engine_setup::prepare(&folder, progress).map_err(|error| {
        Failure::new(Exit::Failed, chain(&error)).help(
            "or go on without it: `--server http://127.0.0.1:11434` uses a server of yours, \
             `--simulated` needs no model at all",
        )
    })
}
