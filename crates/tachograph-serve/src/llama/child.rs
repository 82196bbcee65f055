//! The llama.cpp server as a child process.
//!
//! Owns: its start, the wait until it answers, its death. A child never
//! outlives the thread that started it: the kernel kills it (parent-death
//! signal), and the launcher script also leaves when the pipe on its standard
//! input ends.
//!
//! Does not: know what is asked of it.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::json;

use super::{LlamaConfig, LlamaProgram};
use crate::job::ApiError;
use crate::llama::client::Client;
use crate::options::LoadSettings;
use crate::sys;

/// Runs the server inside the wheel `xllamacpp`.
const LAUNCHER: &str = include_str!("launcher.py");

/// Longest path of a Unix socket, without the final zero.
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// A running child and its private directory.
#[derive(Debug)]
pub(crate) struct LlamaChild {
    // Field order: the child ends before its directory goes.
    process: Mutex<Process>,
    pub(crate) client: Client,
    directory: Directory,
}

#[derive(Debug)]
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // Already gone is as good as killed; waiting takes it off the table.
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A directory that only this user may enter, gone when it is dropped.
#[derive(Debug)]
struct Directory {
    path: PathBuf,
    /// Held while the directory is in use; the kernel lets go of it even when
    /// this process is killed.
    _lock: File,
}

const DIRECTORY_PREFIX: &str = "tachograph-serve-";
const DIRECTORY_LOCK: &str = "lock";

impl Drop for Directory {
    fn drop(&mut self) {
        // A directory that somebody else removed needs no removal.
        drop(fs::remove_dir_all(&self.path));
    }
}

impl Directory {
    fn new() -> io::Result<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let parent = std::env::temp_dir();
        remove_left_behind(&parent)?;
        loop {
            let number = LAST.fetch_add(1, Ordering::Relaxed);
            let path = parent.join(format!("{DIRECTORY_PREFIX}{}-{number}", std::process::id()));
            match fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => {
                    let lock = File::create(path.join(DIRECTORY_LOCK))?;
                    lock.lock()?;
                    return Ok(Self { path, _lock: lock });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Removes directories whose process was killed before it could.
fn remove_left_behind(parent: &Path) -> io::Result<()> {
    for entry in fs::read_dir(parent)? {
        let Ok(entry) = entry else { continue };
        if !entry.file_name().to_string_lossy().starts_with(DIRECTORY_PREFIX) {
            continue;
        }
        // Another user's, or one that is being made or removed right now.
        let Ok(lock) = File::open(entry.path().join(DIRECTORY_LOCK)) else { continue };
        if lock.try_lock().is_ok() {
            // Two processes may find it at once; one of them fails here.
            drop(fs::remove_dir_all(entry.path()));
        }
    }
    Ok(())
}

impl LlamaChild {
    /// Starts a child for `settings` and waits until it answers.
    ///
    /// # Errors
    ///
    /// 500, with the last lines that the child wrote.
    pub(crate) async fn start(
        config: &LlamaConfig,
        settings: &LoadSettings,
    ) -> Result<Self, ApiError> {
        let failed = |error: io::Error| {
            ApiError::internal(format!("could not start {}: {error}", config.program))
        };
        let directory = Directory::new().map_err(failed)?;
        let socket = directory.path.join("llama.sock");
        if socket.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(ApiError::internal(format!(
                "{} is too long for a socket; set TMPDIR to a shorter directory",
                socket.display()
            )));
        }
        let log_path = directory.path.join("log.txt");
        let log = File::create(&log_path).map_err(failed)?;
        let mut command = command(config, settings, &socket)?;
        command.stdin(Stdio::piped()).stdout(log.try_clone().map_err(failed)?).stderr(log);
        // Ctrl-C in a terminal is for us: we may still want to finish.
        command.process_group(0);
        sys::die_with_parent(&mut command);
        let process = Process(command.spawn().map_err(failed)?);
        let child = Self { process: Mutex::new(process), client: Client::new(socket), directory };
        child.wait_until_it_answers(config.load_timeout).await?;
        Ok(child)
    }

    async fn wait_until_it_answers(&self, timeout: Duration) -> Result<(), ApiError> {
        let began = Instant::now();
        loop {
            if let Some(status) = self.exit_status() {
                let end = self.last_words();
                let hint = if status.signal() == Some(libc::SIGILL) {
                    " (it was built for another CPU; use the one in the wheel xllamacpp)"
                } else {
                    ""
                };
                return Err(ApiError::internal(format!(
                    "llama runner process has terminated: {status}{hint}{end}"
                )));
            }
            if self.client.is_healthy().await {
                return Ok(());
            }
            if began.elapsed() > timeout {
                let end = self.last_words();
                return Err(ApiError::internal(format!(
                    "timed out waiting for llama runner to start{end}"
                )));
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.exit_status().is_none()
    }

    fn exit_status(&self) -> Option<ExitStatus> {
        let mut process = self.process.lock().unwrap_or_else(PoisonError::into_inner);
        process.0.try_wait().ok().flatten()
    }

    /// Number of the process.
    pub(crate) fn process_id(&self) -> u32 {
        self.process.lock().unwrap_or_else(PoisonError::into_inner).0.id()
    }

    /// The end of what the child wrote, as a continuation of a sentence.
    pub(crate) fn last_words(&self) -> String {
        let tail = tail(&self.directory.path.join("log.txt"), 2048).unwrap_or_default();
        let lines: Vec<&str> = tail.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.iter().rev().take(3).rev().copied().collect::<Vec<_>>().join(" | ");
        if last.is_empty() { String::new() } else { format!("; it said: {last}") }
    }
}

fn tail(path: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
    let mut tail = Vec::new();
    file.take(bytes).read_to_end(&mut tail)?;
    Ok(String::from_utf8_lossy(&tail).into_owned())
}

/// The command line, after Ollama's own (`llm/llama_server.go`, 0.33).
fn command(
    config: &LlamaConfig,
    settings: &LoadSettings,
    socket: &Path,
) -> Result<Command, ApiError> {
    let threads = match settings.num_thread {
        0 => config.threads,
        threads => u32::try_from(threads).unwrap_or(config.threads).clamp(1, 1024),
    };
    let num_batch = settings.num_batch.clamp(1, 1 << 20);
    match &config.program {
        LlamaProgram::Python { python } => {
            let text = |path: &Path| {
                path.to_str().map(str::to_owned).ok_or_else(|| {
                    ApiError::internal(format!("{} is not valid UTF-8; rename it", path.display()))
                })
            };
            let settings = json!({
                "model": text(&config.model)?,
                "socket": text(socket)?,
                "num_ctx": settings.num_ctx,
                "num_parallel": config.num_parallel,
                "threads": threads,
                "num_gpu": settings.num_gpu,
                "num_batch": num_batch,
                "host_cache": config.prompt_cache,
            });
            let mut command = Command::new(python);
            command.args(["-I", "-c", LAUNCHER]).arg(settings.to_string());
            Ok(command)
        }
        LlamaProgram::Server { path } => {
            let parallel = u64::try_from(config.num_parallel).unwrap_or(1);
            let mut command = Command::new(path);
            command.arg("--model").arg(&config.model);
            command.arg("--host").arg(socket);
            command.args(["--no-webui", "--offline", "--context-shift"]);
            command.args(["-c", &settings.num_ctx.saturating_mul(parallel).to_string()]);
            command.args(["-np", &parallel.to_string()]);
            command.args(["-t", &threads.to_string()]);
            command.args(["-b", &num_batch.to_string()]);
            if settings.num_gpu >= 0 {
                command.args(["-ngl", &settings.num_gpu.to_string()]);
            }
            if settings.use_mmap == Some(false) {
                command.arg("--no-mmap");
            }
            if !config.prompt_cache {
                command.args(["-cram", "0"]);
            }
            // A prebuilt server has its libraries beside it.
            if let Some(directory) = path.parent() {
                let mut search = directory.as_os_str().to_owned();
                if let Some(others) = std::env::var_os("LD_LIBRARY_PATH") {
                    search.push(":");
                    search.push(others);
                }
                command.env("LD_LIBRARY_PATH", search);
            }
            Ok(command)
        }
    }
}
