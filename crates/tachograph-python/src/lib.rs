//! Private Python environments, and the agents in Python that Tachograph brings along.
//!
//! Owns: finding a Python that can be used, making a virtual environment with it,
//! installing packages with pip, and when an environment is complete. And the files
//! of the package `tachograph_agent`, which are kept in this program.
//!
//! Does not: name package indexes (pip's own configuration does), touch anything
//! outside the directory that it is given, or run agents.

mod agent;
mod environment;
mod interpreter;
mod package;
mod process;
mod venv;

pub use agent::{AgentEnvironment, Client, find, prepare, prepare_for_tests, prepare_with};
pub use environment::{Environment, Recipe};
pub use interpreter::find_python;
pub use process::Ran;
pub use venv::{Packages, Venv, lock, write_stamp};

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why there is no environment. Each says what to do, as far as that does not depend on
/// what the environment is for.
#[derive(Debug, thiserror::Error)]
pub enum PythonError {
    /// No Python was found.
    #[error("no python3 on the PATH; install Python 3.10 or newer")]
    NotFound,
    /// The Python that was found cannot be used.
    #[error("{python} is Python {version}; 3.10 or newer is needed", python = python.display())]
    Old {
        /// Its path.
        python: PathBuf,
        /// What it says.
        version: String,
    },
    /// Debian and Ubuntu package the module `venv` apart.
    #[error("{python} has no usable venv module; on Debian or Ubuntu: apt install python3-venv", python = python.display())]
    NoVenv {
        /// The Python that was tried.
        python: PathBuf,
        /// What it wrote.
        output: String,
    },
    /// A program could not be run at all.
    #[error("could not run {program}", program = program.display())]
    Run {
        /// The program.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// pip did not install something.
    #[error("pip could not install {what} ({status}); {trouble}; pip said: {output}")]
    Pip {
        /// What was to be installed.
        what: String,
        /// How pip ended.
        status: ExitStatus,
        /// What kind of trouble it was.
        trouble: PipTrouble,
        /// The last lines that it wrote.
        output: String,
    },
    /// What was installed does not work.
    #[error(
        "the Python environment in {directory} does not work; delete it and try again; Python said: {output}",
        directory = directory.display()
    )]
    Unusable {
        /// The environment's directory.
        directory: PathBuf,
        /// The last lines that Python wrote.
        output: String,
    },
    /// A file or directory could not be read or written.
    #[error("could not {what} {path}", path = path.display())]
    File {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// What kept pip from installing something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PipTrouble {
    /// The disk is full.
    #[error("free some disk space and try again")]
    Disk,
    /// No package index could be reached.
    #[error("check the network and pip's configuration, then try again")]
    Network,
    /// No release fits this Python and platform.
    #[error("this platform or Python has no such wheel")]
    NoWheel,
    /// A file is not the one that was expected.
    #[error("the index has another file than the one that is pinned by its digest")]
    Digest,
    /// Something else.
    #[error("try again")]
    Other,
}

impl PipTrouble {
    /// Tells the kind of trouble from what pip wrote.
    pub fn of(output: &str) -> Self {
        let output = output.to_lowercase();
        let says = |parts: &[&str]| parts.iter().any(|part| output.contains(part));
        if says(&["no space left"]) {
            Self::Disk
        } else if says(&["connection", "timed out", "name resolution", "retrying", "proxy"]) {
            Self::Network
        } else if says(&["no matching distribution", "not a supported wheel"]) {
            Self::NoWheel
        } else if says(&["do not match the hashes", "hashes are required"]) {
            Self::Digest
        } else {
            Self::Other
        }
    }
}

/// Returns what makes an error out of what the system said about `path`.
pub(crate) fn on(what: &'static str, path: &Path) -> impl Fn(io::Error) -> PythonError {
    let path = path.to_owned();
    move |source| PythonError::File { what, path: path.clone(), source }
}
