//! Ctrl-C and its relatives.
//!
//! Owns: what happens when the user or the system asks the program to stop.
//!
//! Does not: decide what stopping means for a study.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::failure::Failure;

/// Calls `action` at every SIGINT, SIGTERM and SIGHUP, on a thread of its own.
///
/// # Errors
///
/// A failure if the system refuses the handlers.
pub(crate) fn on_each(mut action: impl FnMut() + Send + 'static) -> Result<(), Failure> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| Failure::failed(&error))?;
    std::thread::spawn(move || signals.forever().for_each(|_| action()));
    Ok(())
}
