//! The program that executes an agent: its file, and its first start.
//!
//! Owns: how an executable is found and identified, and the start that is thrown away
//! before a study: less may be in the caches of the system than at later ones.
//!
//! Does not: know environments of Python, or keep anything that a worker says.

use std::ffi::OsStr;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use tachograph_model::digest::Digest;
use tachograph_model::event::Event;
use tachograph_model::options::Options;
use tachograph_model::plan::{Api, ConnectionMode, PromptCache, Timeouts};
use tachograph_model::task::{PROTOCOL, ServerTask, Task};
use tachograph_model::units::DurationNs;

use crate::clock;

/// A folder that is not there: a worker that reads nothing makes no call.
const NO_INPUT: &str = "/nonexistent/tachograph";

/// Why a first start is not known.
#[derive(Debug, thiserror::Error)]
pub enum FirstStartError {
    /// It could not be started.
    #[error("could not start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// It ended, or time went by, and it did not say `ready`.
    #[error("{program} did not say `ready`; it said: {said}")]
    NotReady {
        /// The program.
        program: String,
        /// The last line that it wrote to standard error.
        said: String,
    },
}

/// Returns the file of an executable, as the system would find it: by its path, else on
/// `search_path`. Links are followed.
pub fn executable(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    let found = if program.contains('/') {
        Some(PathBuf::from(program))
    } else {
        std::env::split_paths(search_path).map(|dir| dir.join(program)).find(|path| path.is_file())
    };
    found?.canonicalize().ok()
}

/// Returns the size and the digest of a file, if it can be read.
pub fn identify(file: &Path) -> Option<(u64, Digest)> {
    let bytes = std::fs::read(file).ok()?;
    Some((bytes.len() as u64, Digest::of(&bytes)))
}

/// Starts a worker with a task that has nothing to read, and returns how long it took
/// from the start until it said `ready`; a worker that says nothing for `patience` is
/// ended. It has ended when this returns.
///
/// # Errors
///
/// [`FirstStartError`] if it could not be started or was not ready in time.
pub fn first_start(command: &[String], patience: Duration) -> Result<DurationNs, FirstStartError> {
    let (program, arguments) = command.split_first().expect("a command has a program");
    let failed = |source| FirstStartError::Spawn { program: program.clone(), source };
    let began = clock::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let lines = listen(&mut child);
    let mut input = child.stdin.take().expect("it is piped");
    let task = serde_json::to_string(&idle_task()).expect("a task is JSON");
    // A program that does not read its task will not be ready.
    let written = writeln!(input, "{task}");
    drop((input, written));
    let mut said = "nothing".to_owned();
    let mut ready = None;
    while let Ok((is_event, line)) = lines.recv_timeout(patience) {
        if !is_event {
            said = line;
        } else if ready.is_none()
            && matches!(serde_json::from_str::<Event>(&line), Ok(Event::Ready(_)))
        {
            ready = clock::now().since(began);
        }
    }
    // It has closed its streams, or its time is over.
    let killed = child.kill();
    let ended = child.wait();
    drop((killed, ended));
    ready.ok_or_else(|| FirstStartError::NotReady { program: program.clone(), said })
}

/// Returns the lines of both streams as they come, with whether they are to be events.
fn listen(child: &mut Child) -> Receiver<(bool, String)> {
    let (sender, lines) = mpsc::channel();
    let stdout = child.stdout.take().expect("it is piped");
    let stderr = child.stderr.take().expect("it is piped");
    let of_errors = sender.clone();
    thread::spawn(move || pass_on(stdout, true, &sender));
    thread::spawn(move || pass_on(stderr, false, &of_errors));
    lines
}

fn pass_on(stream: impl io::Read, is_event: bool, sender: &mpsc::Sender<(bool, String)>) {
    for line in BufReader::new(stream).split(b'\n') {
        let Ok(line) = line else { return };
        let line = String::from_utf8_lossy(&line).into_owned();
        if sender.send((is_event, line)).is_err() {
            return;
        }
    }
}

fn idle_task() -> Task {
    Task {
        protocol: PROTOCOL,
        run: "first_start/run_001".to_owned(),
        agent: "agent".to_owned(),
        input: NO_INPUT.to_owned(),
        summary_bytes: 800,
        prompts: None,
        barrier: false,
        server: ServerTask {
            name: "none".to_owned(),
            url: "http://127.0.0.1:1".to_owned(),
            api: Api::OllamaGenerate,
            model: "none".to_owned(),
            api_key_env: None,
        },
        options: Options::new(),
        warmup_calls: 0,
        connection: ConnectionMode::Fresh,
        prompt_cache: PromptCache::On,
        nonce: None,
        timeouts: Timeouts::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_mins(1);

    fn shell(script: &str) -> Vec<String> {
        ["/bin/sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_worker_is_ready_when_it_says_so() {
        let ready = r#"{"type":"ready","protocol":1,"implementation":"x/1","pid":1,"at_ns":1}"#;
        let script = format!(
            "read task; case $task in *'\"input\":\"/nonexistent/'*) ;; *) exit;; esac; echo hello; echo '{ready}'; echo '{ready}'"
        );
        assert!(first_start(&shell(&script), PATIENCE).unwrap().0 > 0);
    }

    #[test]
    fn a_worker_that_is_never_ready_is_named_with_what_it_said() {
        let error = first_start(&shell("echo 'no module' >&2; echo '{}'"), PATIENCE).unwrap_err();
        assert_eq!(error.to_string(), "/bin/sh did not say `ready`; it said: no module");
        let error = first_start(&["/nonexistent/agent".to_owned()], PATIENCE).unwrap_err();
        assert!(matches!(error, FirstStartError::Spawn { .. }), "{error}");
    }

    #[test]
    fn executables_are_found_as_the_system_finds_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().canonicalize().unwrap().join("agent");
        std::fs::write(&file, "x").unwrap();
        std::os::unix::fs::symlink(&file, folder.path().join("link")).unwrap();
        let search = folder.path().as_os_str();
        assert_eq!(executable("link", search), Some(file.clone()));
        assert_eq!(executable(file.to_str().unwrap(), OsStr::new("")), Some(file.clone()));
        assert_eq!(executable("absent", search), None);
        assert_eq!(identify(&file), Some((1, Digest::of(b"x"))));
        assert_eq!(identify(folder.path()), None);
    }
}
