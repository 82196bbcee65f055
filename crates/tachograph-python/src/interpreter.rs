//! Finding a Python that can be used.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::PythonError;
use crate::process::run;

/// The names under which a Python is looked for, in this order.
const NAMES: [&str; 6] =
    ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/// Returns the first Python on the path that can be used: 3.10 or newer, with `venv`.
///
/// # Errors
///
/// What is wrong with the first that was found, or [`PythonError::NotFound`].
pub fn find_python(search_path: &OsStr) -> Result<PathBuf, PythonError> {
    let mut first_error = PythonError::NotFound;
    for name in NAMES {
        let found = std::env::split_paths(search_path)
            .map(|directory| directory.join(name))
            .find(|candidate| candidate.is_file());
        let Some(python) = found else { continue };
        match check(&python) {
            Ok(()) => return Ok(python),
            Err(error) if matches!(first_error, PythonError::NotFound) => first_error = error,
            Err(_) => {}
        }
    }
    Err(first_error)
}

fn check(python: &Path) -> Result<(), PythonError> {
    let mut version = Command::new(python);
    version.args(["-I", "-c", "import sys; print(*sys.version_info[:3], sep='.')"]);
    let answer = run(version, &mut |_line| {})?;
    let mut parts = answer.output.split('.').map(|part| part.trim().parse::<u32>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if !answer.status.success() || (major, minor) < (3, 10) {
        return Err(PythonError::Old { python: python.to_owned(), version: answer.output });
    }
    // Debian's python3 has `venv` but not the `ensurepip` that it needs.
    let mut modules = Command::new(python);
    modules.args(["-I", "-c", "import venv, ensurepip"]);
    let answer = run(modules, &mut |_line| {})?;
    if answer.status.success() {
        Ok(())
    } else {
        Err(PythonError::NoVenv { python: python.to_owned(), output: answer.output })
    }
}
