//! One environment in a directory of its own, made by a recipe.
//!
//! Owns: when it is complete. Its stamp is written last and names the digest of the
//! recipe; without it, or with another digest, whatever lies there is made anew.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tachograph_model::digest::Digest;

use crate::venv::{Packages, Venv, lock, write_stamp};
use crate::{PythonError, find_python, on};

const STAMP_FILE: &str = "environment.json";
const STAMP_SCHEMA: &str = "python-environment/1";
const LOCK_FILE: &str = "environment.lock";
const REQUIREMENTS_FILE: &str = "requirements.txt";

/// What an environment is made of.
#[derive(Debug, Clone, Copy)]
pub struct Recipe<'a> {
    /// What pip installs: the text of a requirement file with digests.
    pub requirements: &'a str,
    /// Files of our own: their paths below the folder of packages, and their texts.
    pub files: &'a [(&'a str, &'a str)],
    /// A program in Python that succeeds if the environment works.
    pub check: &'a str,
}

/// A complete environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Environment {
    /// Its Python.
    pub python: PathBuf,
    /// The version of that Python.
    pub python_version: String,
    /// Its packages with their versions, in order of their names.
    pub packages: Vec<String>,
    /// The size of its files; the Python outside of it is not in it.
    pub bytes: u64,
    /// How many files it has.
    pub files: u64,
    /// Whether it was there already.
    pub reused: bool,
}

/// The content of the stamp file; the path is relative to the directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    schema: String,
    recipe_sha256: Digest,
    python: PathBuf,
    python_version: String,
    packages: Vec<String>,
    bytes: u64,
    files: u64,
}

impl Recipe<'_> {
    fn digest(&self) -> Digest {
        let files = self.files.iter().flat_map(|(path, text)| [*path, "\0", *text, "\0"]);
        let head = [self.requirements, "\0", self.check, "\0"];
        Digest::of_parts(head.into_iter().chain(files).map(str::as_bytes))
    }

    /// Returns the environment in `directory` if a complete one of this recipe is there.
    /// It is not tried out.
    ///
    /// # Errors
    ///
    /// [`PythonError::File`] if something cannot be read.
    pub fn find(&self, directory: &Path) -> Result<Option<Environment>, PythonError> {
        let directory = &std::path::absolute(directory).map_err(on("find", directory))?;
        let path = directory.join(STAMP_FILE);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(on("read", &path)(source)),
        };
        // A stamp of another version, or half a one, is no stamp.
        let Ok(stamp) = serde_json::from_slice::<Stamp>(&text) else {
            return Ok(None);
        };
        let python = directory.join(&stamp.python);
        let is_complete =
            stamp.schema == STAMP_SCHEMA && stamp.recipe_sha256 == self.digest() && python.exists();
        Ok(is_complete.then_some(Environment {
            python,
            python_version: stamp.python_version,
            packages: stamp.packages,
            bytes: stamp.bytes,
            files: stamp.files,
            reused: true,
        }))
    }

    /// Returns the environment in `directory`, making it first if need be. One that is
    /// there and does not work any more is made anew.
    ///
    /// `directory` is used by nothing else. `search_path` says where a Python is looked
    /// for. `progress` gets one line at a time. Two processes may call this for one
    /// directory: the second waits for the first.
    ///
    /// # Errors
    ///
    /// [`PythonError`], each with what to do about it.
    pub fn prepare(
        &self,
        search_path: &OsStr,
        directory: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Environment, PythonError> {
        let directory = &std::path::absolute(directory).map_err(on("find", directory))?;
        let _lock = lock(directory, LOCK_FILE)?;
        let venv = Venv::at(&directory.join("venv"));
        if let Some(found) = self.find(directory)? {
            if venv.run(&["-c", self.check]).is_ok_and(|ran| ran.status.success()) {
                return Ok(found);
            }
            progress("the Python environment that is there does not work; it is made anew");
        }
        self.make(search_path, directory, progress)
    }

    fn make(
        &self,
        search_path: &OsStr,
        directory: &Path,
        progress: &mut dyn FnMut(&str),
    ) -> Result<Environment, PythonError> {
        let system_python = find_python(search_path)?;
        // From here on the directory is unfinished, whatever it was.
        let stamp_path = directory.join(STAMP_FILE);
        if stamp_path.exists() {
            fs::remove_file(&stamp_path).map_err(on("remove", &stamp_path))?;
        }
        progress(&format!("making a private Python environment in {}", directory.display()));
        let venv = Venv::make(&system_python, &directory.join("venv"))?;
        progress("installing packages, each pinned by its digest");
        let requirements = directory.join(REQUIREMENTS_FILE);
        fs::write(&requirements, self.requirements).map_err(on("write", &requirements))?;
        venv.install(Packages::Pinned(&requirements), progress)?;
        venv.remove_installer()?;
        self.finish(directory, &venv)?;
        let found = self.find(directory)?.expect("the stamp was just written");
        Ok(Environment { reused: false, ..found })
    }

    /// Adds our own files, tries the environment out, and writes the stamp.
    fn finish(&self, directory: &Path, venv: &Venv) -> Result<(), PythonError> {
        let site_packages = venv.site_packages()?;
        for (path, text) in self.files {
            let path = site_packages.join(path);
            let parent = path.parent().unwrap_or(&site_packages);
            fs::create_dir_all(parent).map_err(on("create", parent))?;
            fs::write(&path, text).map_err(on("write", &path))?;
        }
        let says = |arguments: &[&str]| -> Result<String, PythonError> {
            let ran = venv.run(arguments)?;
            if ran.status.success() {
                return Ok(ran.output);
            }
            Err(PythonError::Unusable { directory: directory.to_owned(), output: ran.output })
        };
        // What is compiled here is not compiled by the first start.
        says(&["-m", "compileall", "-q", &site_packages.to_string_lossy()])?;
        says(&["-c", self.check])?;
        let python_version =
            says(&["-c", "import platform; print(platform.python_version())"])?.trim().to_owned();
        let packages = says(&["-c", LIST_PACKAGES])?;
        let (bytes, files) = size(venv.folder())?;
        let python = venv.python();
        let stamp = Stamp {
            schema: STAMP_SCHEMA.to_owned(),
            recipe_sha256: self.digest(),
            python: python.strip_prefix(directory).unwrap_or(python).to_owned(),
            python_version,
            packages: packages.split_whitespace().map(str::to_owned).collect(),
            bytes,
            files,
        };
        write_stamp(&directory.join(STAMP_FILE), &stamp)
    }
}

/// Prints all packages on one line, since only the last lines of a program are kept.
const LIST_PACKAGES: &str = "\
from importlib.metadata import distributions
print(*sorted({f\"{it.metadata['Name'].lower()}=={it.version}\" for it in distributions()}))";

/// Returns the bytes and the number of the files below a folder; links are not followed.
fn size(folder: &Path) -> Result<(u64, u64), PythonError> {
    let (mut bytes, mut files) = (0, 0);
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(on("list", &folder))? {
            let entry = entry.map_err(on("list", &folder))?;
            let path = entry.path();
            let metadata = fs::symlink_metadata(&path).map_err(on("read", &path))?;
            if metadata.is_dir() {
                folders.push(path);
            } else if metadata.is_file() {
                bytes += metadata.len();
                files += 1;
            }
        }
    }
    Ok((bytes, files))
}

#[cfg(test)]
mod tests;
