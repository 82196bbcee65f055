//! Virtual environments, and what pip installs into them.
//!
//! Owns: the calls of `venv` and pip, the lock against two set-ups at once, and that a
//! stamp is either whole or not there.
//!
//! Does not: say when an environment is complete.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Ran, run};
use crate::{PipTrouble, PythonError, on};

/// A virtual environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Venv {
    folder: PathBuf,
    python: PathBuf,
}

/// What pip is to install; nothing that these need is installed beside them.
#[derive(Debug, Clone, Copy)]
pub enum Packages<'a> {
    /// One package, by name and version.
    One(&'a str),
    /// Everything in a file, each package by its version and the digests of its files.
    Pinned(&'a Path),
}

impl Venv {
    /// Makes an environment in `folder`, in place of whatever is there.
    ///
    /// # Errors
    ///
    /// [`PythonError::NoVenv`] if `python` cannot make one; [`PythonError::File`] if
    /// what is there cannot be removed.
    pub fn make(python: &Path, folder: &Path) -> Result<Self, PythonError> {
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(on("remove", folder))?;
        }
        let mut venv = Command::new(python);
        venv.args(["-m", "venv"]).arg(folder);
        let made = run(venv, &mut |_line| {})?;
        if !made.status.success() {
            return Err(PythonError::NoVenv { python: python.to_owned(), output: made.output });
        }
        Ok(Self::at(folder))
    }

    /// Returns the environment in `folder`, which need not be there.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), python: folder.join("bin").join("python") }
    }

    /// Returns the environment's Python.
    pub fn python(&self) -> &Path {
        &self.python
    }

    /// Returns the environment's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Installs packages from wheels; `progress` gets the names of files.
    ///
    /// # Errors
    ///
    /// [`PythonError::Pip`] with the last lines that pip wrote.
    pub fn install(
        &self,
        packages: Packages<'_>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), PythonError> {
        let mut pip = Command::new(&self.python);
        pip.args(["-m", "pip", "install", "--no-deps", "--no-input", "--only-binary", ":all:"]);
        pip.args(["--disable-pip-version-check", "--progress-bar", "off"]);
        let what = match packages {
            Packages::One(package) => {
                pip.arg(package);
                package.to_owned()
            }
            Packages::Pinned(file) => {
                pip.args(["--require-hashes", "-r"]).arg(file);
                "the pinned packages".to_owned()
            }
        };
        let installed = run(pip, &mut |line| {
            if line.starts_with("Collecting") || line.contains("Downloading") {
                // Only the file's name: the rest may hold an address with a password.
                let file = line.split_whitespace().nth(1).unwrap_or_default();
                let name = file.rsplit('/').next().unwrap_or(file);
                progress(&format!("pip: {name}"));
            }
        })?;
        if installed.status.success() {
            return Ok(());
        }
        let trouble = PipTrouble::of(&installed.output);
        Err(PythonError::Pip { what, status: installed.status, trouble, output: installed.output })
    }

    /// Removes pip and what `venv` brings along with it, when nothing more is to be
    /// installed: the environment then holds what it is for, and its size says so.
    ///
    /// # Errors
    ///
    /// [`PythonError::Pip`] with the last lines that pip wrote.
    pub fn remove_installer(&self) -> Result<(), PythonError> {
        let Ran { status, output } =
            self.run(&["-m", "pip", "uninstall", "--yes", "--quiet", "setuptools", "pip"])?;
        if status.success() {
            return Ok(());
        }
        let what = "a last change, which removes pip itself".to_owned();
        Err(PythonError::Pip { what, status, trouble: PipTrouble::of(&output), output })
    }

    /// Runs the environment's Python with nothing of the user's around it.
    ///
    /// # Errors
    ///
    /// [`PythonError::Run`] if it could not be started; how it ended is no error.
    pub fn run(&self, arguments: &[&str]) -> Result<Ran, PythonError> {
        let mut command = Command::new(&self.python);
        command.arg("-I").args(arguments);
        run(command, &mut |_line| {})
    }

    /// Returns the folder into which packages are installed.
    ///
    /// # Errors
    ///
    /// [`PythonError::Run`] if the environment's Python could not be started.
    pub fn site_packages(&self) -> Result<PathBuf, PythonError> {
        let ask = "import sysconfig; print(sysconfig.get_path('purelib'))";
        Ok(PathBuf::from(self.run(&["-c", ask])?.output.trim()))
    }
}

/// Locks a directory, which is made if need be, against other set-ups: the second waits
/// until what the first got back is dropped.
///
/// # Errors
///
/// [`PythonError::File`] if the directory or the lock cannot be made.
pub fn lock(directory: &Path, name: &str) -> Result<File, PythonError> {
    fs::create_dir_all(directory).map_err(on("create", directory))?;
    let path = directory.join(name);
    let lock = File::create(&path).map_err(on("create", &path))?;
    lock.lock().map_err(on("lock", &path))?;
    Ok(lock)
}

/// Writes a stamp, so that it is never there in part.
///
/// # Errors
///
/// [`PythonError::File`] if it cannot be written.
pub fn write_stamp(path: &Path, stamp: &impl serde::Serialize) -> Result<(), PythonError> {
    let partial = path.with_added_extension("partial");
    let text = serde_json::to_vec_pretty(stamp)
        .map_err(|source| on("write", path)(io::Error::other(source)))?;
    fs::write(&partial, text).map_err(on("write", &partial))?;
    fs::rename(&partial, path).map_err(on("write", path))
}
