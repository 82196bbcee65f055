//! Servers that a study starts: `tacho serve` as a child process.
//!
//! Owns: starting, waiting until ready, noticing its end, restarting on the same
//! port, stopping.
//! The child ends with this process in whatever way that ends: it watches its
//! standard input, which closes then, and the kernel kills it (Linux).
//!
//! Does not: serve; that is the program's that is started.

use std::collections::VecDeque;
use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tachograph_model::event::ProcessEnd;
use tachograph_model::plan::{Engine, Managed, PromptCache};

use crate::process_sys::{self, SpawnOptions};

/// How long a server may take until it is ready, unless said otherwise.
pub const READY_TIMEOUT: Duration = Duration::from_mins(2);

/// How long a server may take to end by itself once its input is closed.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Lines of standard error that an error quotes.
const STDERR_LINES: usize = 12;

/// Bytes of one line that are kept.
const LINE_BYTES_MAX: u64 = 1 << 16;

/// The program and arguments that start a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServeCommand {
    /// Program and arguments up to the port: `["…/tacho", "serve", …]`.
    pub command: Vec<String>,
    /// The port; 0 lets the system choose.
    pub port: u16,
    /// How long it may take until it is ready.
    pub ready_timeout: Duration,
}

impl ServeCommand {
    /// Returns the command for a server of a plan.
    ///
    /// `serve` is program and subcommand, `["/usr/bin/tacho", "serve"]`; `extra`
    /// is passed on, such as `--cache DIR` or, for a cassette, `--cassette FILE`. With
    /// [`PromptCache::Off`] the server's own switch is used.
    pub fn of(
        serve: &[String],
        managed: &Managed,
        model: &str,
        prompt_cache: PromptCache,
        extra: &[String],
    ) -> Self {
        let mut command = serve.to_vec();
        let mut argument = |name: &str, value: String| command.extend([name.to_owned(), value]);
        if managed.engine == Engine::Cassette {
            if let Some(speed) = managed.speed {
                argument("--speed", speed.to_string());
            }
            command.extend_from_slice(extra);
            command.push("--watch-stdin".to_owned());
            return Self { command, port: managed.port.unwrap_or(0), ready_timeout: READY_TIMEOUT };
        }
        argument("--engine", managed.engine.name().to_owned());
        argument("--model", model.to_owned());
        argument("--threads", managed.threads.to_string());
        argument("--parallel", managed.parallel.to_string());
        if let Some(seconds) = managed.keep_alive_s {
            argument("--keep-alive", seconds.to_string());
        }
        for (name, value) in &managed.set {
            argument("--set", format!("{name}={value}"));
        }
        if prompt_cache == PromptCache::Off {
            command.push("--no-prompt-cache".to_owned());
        }
        command.extend_from_slice(extra);
        command.push("--watch-stdin".to_owned());
        Self { command, port: managed.port.unwrap_or(0), ready_timeout: READY_TIMEOUT }
    }
}

/// Why a server could not be started, restarted or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The program could not be executed.
    #[error("could not start the server `{program}`")]
    Spawn {
        /// The program.
        program: String,
        /// What the system said.
        source: io::Error,
    },
    /// The command has no program.
    #[error("the command that starts the server is empty")]
    EmptyCommand,
    /// It ended before it was ready.
    #[error("the server ended before it was ready{}", quoted(stderr))]
    Ended {
        /// The end of its standard error.
        stderr: String,
    },
    /// It ended since another process listens on its port.
    #[error("port {port} is in use: stop what listens there, or give the server another port")]
    PortTaken {
        /// The port.
        port: u16,
    },
    /// It did not become ready in time.
    #[error(
        "the server was not ready after {} s; see whether the machine is overloaded{}",
        waited.as_secs(),
        quoted(stderr)
    )]
    NotReady {
        /// How long it was given.
        waited: Duration,
        /// The end of its standard error.
        stderr: String,
    },
    /// Its first line is not the one that `tacho serve` writes.
    #[error("expected the server's ready line, found {line:?}")]
    ReadyLine {
        /// The line, cut.
        line: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// It speaks another protocol version or has no URL.
    #[error("the server is of another version of tacho (protocol {found}); use the same program")]
    Protocol {
        /// The version it speaks.
        found: u32,
    },
    /// The system refused to wait for it or to kill it.
    #[error("could not stop the server")]
    Stop {
        /// What the system said.
        source: io::Error,
    },
}

fn quoted(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said:\n{stderr}") }
}

/// The version of the ready line.
const READY_PROTOCOL: u32 = 1;

/// The ready line of `tacho serve`.
#[derive(Debug, Clone, Deserialize)]
struct ReadyLine {
    #[serde(rename = "type")]
    _kind: Serving,
    protocol: u32,
    urls: Vec<String>,
    #[serde(default)]
    engine: serde_json::Value,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Serving {
    Serving,
}

/// A server that runs as a child of this process. Dropping it kills it.
#[derive(Debug)]
pub struct ManagedServer {
    command: ServeCommand,
    process: Option<Running>,
    url: String,
    engine: serde_json::Value,
}

#[derive(Debug)]
struct Running {
    child: Child,
    /// The child ends when this closes.
    stdin: Option<ChildStdin>,
    stderr: Arc<Mutex<VecDeque<String>>>,
    /// Gets nothing and is closed when the child has ended.
    ended: Receiver<()>,
}

impl ManagedServer {
    /// Starts a server and waits until it is ready.
    ///
    /// # Errors
    ///
    /// [`ServerError`], with what the server said; nothing is left running.
    pub fn start(command: ServeCommand) -> Result<Self, ServerError> {
        let (process, ready) = launch(&command)?;
        let url = ready.urls.into_iter().next().unwrap_or_default();
        Ok(Self { command, process: Some(process), url, engine: ready.engine })
    }

    /// Returns where it is: `http://127.0.0.1:34567`. A restart keeps it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns what the server said about its engine when it became ready.
    pub fn engine(&self) -> &serde_json::Value {
        &self.engine
    }

    /// Returns its process while it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(|process| process.child.id())
    }

    /// Returns whether its process runs. One that has ended and was not reaped yet
    /// does not.
    pub fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(|process| process.end().is_none())
    }

    /// Waits at most `timeout` for its process to end by itself, and says how it
    /// did: `signal 9`, or `exit code 1; it said: …`. `None` if it lives on, or was stopped.
    pub fn death_within(&self, timeout: Duration) -> Option<String> {
        let process = self.process.as_ref()?;
        if process.end().is_none() {
            // Whether it has ended is asked below.
            let _waited = process.ended.recv_timeout(timeout);
        }
        match process.end()? {
            ProcessEnd::Exited(code) => {
                // Who ends by itself says why.
                let lines = process.stderr_tail();
                let last = lines.lines().rfind(|line| !line.trim().is_empty());
                let words = last.map_or_else(String::new, |line| format!("; it said: {line}"));
                Some(format!("exit code {code}{words}"))
            }
            ProcessEnd::Signalled(signal) => Some(format!("signal {signal}")),
        }
    }

    /// Stops the server and starts it again on the same port.
    ///
    /// # Errors
    ///
    /// As for [`Self::start`] and [`Self::stop`].
    pub fn restart(&mut self) -> Result<(), ServerError> {
        self.stop()?;
        let port = self.url.rsplit(':').next().and_then(|port| port.parse().ok());
        let command =
            ServeCommand { port: port.unwrap_or(self.command.port), ..self.command.clone() };
        let (process, ready) = launch(&command)?;
        self.process = Some(process);
        self.engine = ready.engine;
        Ok(())
    }

    /// Lets the server end by itself, or kills it after five seconds. A server
    /// that is stopped already stays so.
    ///
    /// # Errors
    ///
    /// [`ServerError::Stop`].
    pub fn stop(&mut self) -> Result<(), ServerError> {
        match self.process.take() {
            Some(process) => process.stop(STOP_TIMEOUT),
            None => Ok(()),
        }
    }
}

impl Drop for ManagedServer {
    fn drop(&mut self) {
        if let Some(process) = self.process.take() {
            // Nobody is left to be told.
            drop(process.stop(Duration::ZERO));
        }
    }
}

impl Running {
    /// Returns how the child has ended; `None` while it runs.
    fn end(&self) -> Option<ProcessEnd> {
        // It is reaped by `stop` alone, which takes the whole of it away: an error
        // would mean that it is no child of this process.
        process_sys::end_unreaped(self.child.id()).unwrap_or(Some(ProcessEnd::Exited(-1)))
    }

    fn stop(mut self, timeout: Duration) -> Result<(), ServerError> {
        drop(self.stdin.take());
        let mut ended = || -> io::Result<()> {
            let waited = self.ended.recv_timeout(timeout);
            if waited == Err(RecvTimeoutError::Timeout) {
                self.child.kill()?;
                process_sys::wait_unreaped(self.child.id())?;
            }
            // What it left behind is ended while its group is still its own.
            process_sys::kill_group(self.child.id());
            self.child.wait().map(drop)
        };
        ended().map_err(|source| ServerError::Stop { source })
    }

    fn stderr_tail(&self) -> String {
        let lines = self.stderr.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")
    }
}

fn launch(serve: &ServeCommand) -> Result<(Running, ReadyLine), ServerError> {
    let (program, arguments) = serve.command.split_first().ok_or(ServerError::EmptyCommand)?;
    let failed = |source| ServerError::Spawn { program: program.clone(), source };
    let mut command = Command::new(program);
    command.args(arguments).args(["--port", &serve.port.to_string()]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let options = SpawnOptions { own_group: true, unblock_signals: true, report: None };
    let mut child = process_sys::spawn(command, options).map_err(failed)?;
    let stdin = child.stdin.take();
    let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
        return Err(failed(io::Error::other("it has no output streams")));
    };
    let (ready_sender, ready) = mpsc::channel();
    let (ended_sender, ended) = mpsc::channel();
    let tail = Arc::new(Mutex::new(VecDeque::new()));
    let pid = child.id();
    let process = Running { child, stdin, stderr: Arc::clone(&tail), ended };
    let thread = |name: &str| thread::Builder::new().name(name.to_owned());
    let threads = thread("server end")
        .spawn(move || {
            // An error is an end as well: it was reaped.
            drop(process_sys::wait_unreaped(pid));
            drop(ended_sender);
        })
        .and_then(|_waiter| {
            thread("server stdout").spawn(move || read_stdout(stdout, &ready_sender))
        })
        .and_then(|_reader| thread("server stderr").spawn(move || read_stderr(stderr, &tail)));
    let stderr_reader = match threads {
        Ok(reader) => reader,
        Err(source) => {
            process.stop(Duration::ZERO)?;
            return Err(failed(source));
        }
    };
    let line = match ready.recv_timeout(serve.ready_timeout) {
        Ok(line) => line,
        Err(RecvTimeoutError::Timeout) => {
            let stderr = process.stderr_tail();
            process.stop(Duration::ZERO)?;
            return Err(ServerError::NotReady { waited: serve.ready_timeout, stderr });
        }
        Err(RecvTimeoutError::Disconnected) => {
            let tail = Arc::clone(&process.stderr);
            process.stop(STOP_TIMEOUT)?;
            if is_taken(serve.port) {
                return Err(ServerError::PortTaken { port: serve.port });
            }
            // It has ended, so the reader comes to the end of its output.
            drop(stderr_reader.join());
            let lines = tail.lock().unwrap_or_else(PoisonError::into_inner);
            let stderr = lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n");
            return Err(ServerError::Ended { stderr });
        }
    };
    match parse_ready(&line) {
        Ok(ready) => Ok((process, ready)),
        Err(error) => {
            process.stop(Duration::ZERO)?;
            Err(error)
        }
    }
}

/// Returns whether another process listens on a port of this machine.
fn is_taken(port: u16) -> bool {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    port != 0 && bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse)
}

fn parse_ready(line: &str) -> Result<ReadyLine, ServerError> {
    let ready: ReadyLine = serde_json::from_str(line).map_err(|source| {
        let line = line.chars().take(200).collect();
        ServerError::ReadyLine { line, source }
    })?;
    if ready.protocol != READY_PROTOCOL || ready.urls.is_empty() {
        return Err(ServerError::Protocol { found: ready.protocol });
    }
    Ok(ready)
}

/// Hands the first line over and reads the rest, so that the pipe never fills.
fn read_stdout(stdout: ChildStdout, ready: &Sender<String>) {
    let mut reader = BufReader::new(stdout);
    let mut first = Vec::new();
    let read = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut first);
    let waiting = if matches!(read, Ok(n_bytes) if n_bytes > 0) {
        ready.send(String::from_utf8_lossy(&first).into_owned()).is_ok()
    } else {
        false
    };
    if waiting {
        // An error is an end as well.
        drop(io::copy(&mut reader, &mut io::sink()));
    }
}

/// Keeps the last lines.
fn read_stderr(stderr: ChildStderr, tail: &Mutex<VecDeque<String>>) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line) {
            Ok(n_bytes) if n_bytes > 0 => {
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                let mut lines = tail.lock().unwrap_or_else(PoisonError::into_inner);
                if lines.len() == STDERR_LINES {
                    lines.pop_front();
                }
                lines.push_back(text);
            }
            _ => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use tachograph_model::options::OptionValue;

    use super::*;

    #[test]
    fn a_plan_s_server_becomes_a_command() {
        let managed = Managed {
            engine: Engine::Simulated,
            threads: 2,
            parallel: 3,
            port: Some(8000),
            keep_alive_s: Some(90),
            set: [("token_ms".to_owned(), OptionValue::Integer(5))].into(),
            cassette: None,
            speed: None,
        };
        let serve = ["tacho".to_owned(), "serve".to_owned()];
        let extra = ["--cache".to_owned(), "dir".to_owned()];
        let command = ServeCommand::of(&serve, &managed, "m:1", PromptCache::Off, &extra);
        assert_eq!(command.port, 8000);
        assert_eq!(
            command.command.join(" "),
            "tacho serve --engine simulated --model m:1 --threads 2 --parallel 3 --keep-alive 90 \
             --set token_ms=5 --no-prompt-cache --cache dir --watch-stdin"
        );
    }

    fn shell(script: &str, ready_timeout: Duration) -> Result<ManagedServer, ServerError> {
        let command = ["sh", "-c", script, "sh"].map(str::to_owned).to_vec();
        ManagedServer::start(ServeCommand { command, port: 0, ready_timeout })
    }

    const LONG: Duration = Duration::from_mins(1);

    #[test]
    fn a_server_starts_restarts_on_its_port_and_stops() {
        // `$2` is the port; the process ends when its standard input closes.
        let script = r#"port=$2; [ "$port" = 0 ] && port=4321
            echo "{\"type\":\"serving\",\"protocol\":1,\"urls\":[\"http://127.0.0.1:$port\"],\"engine\":{\"n\":1}}"
            cat > /dev/null"#;
        let mut server = shell(script, LONG).unwrap();
        assert_eq!(server.url(), "http://127.0.0.1:4321");
        assert_eq!(server.engine()["n"], 1);
        let first = server.pid().unwrap();
        server.restart().unwrap();
        assert_eq!(server.url(), "http://127.0.0.1:4321");
        assert_ne!(server.pid().unwrap(), first);
        server.stop().unwrap();
        assert_eq!(server.pid(), None);
        server.stop().unwrap();
    }

    #[test]
    fn a_server_that_fails_is_quoted() {
        let error = shell("echo one >&2; echo no such model >&2; exit 3", LONG).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the server ended before it was ready; it said:\none\nno such model"
        );
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = taken.local_addr().unwrap().port();
        let command = vec!["false".to_owned()];
        let error = ManagedServer::start(ServeCommand { command, port, ready_timeout: LONG });
        assert!(matches!(error, Err(ServerError::PortTaken { port: found }) if found == port));
        let error = shell("echo hello; cat", LONG).unwrap_err();
        assert_eq!(error.to_string(), "expected the server's ready line, found \"hello\\n\"");
        let other = r#"echo '{"type":"serving","protocol":9,"urls":[]}'; cat"#;
        assert!(matches!(shell(other, LONG), Err(ServerError::Protocol { found: 9 })));
        let error = shell("cat", Duration::from_millis(1)).unwrap_err();
        assert!(matches!(error, ServerError::NotReady { .. }), "{error}");
        let command = vec!["/nonexistent/program".to_owned()];
        let error = ManagedServer::start(ServeCommand { command, port: 0, ready_timeout: LONG });
        assert!(matches!(error, Err(ServerError::Spawn { .. })));
    }
}
