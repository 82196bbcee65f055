//! One worker process under its shim, and the threads that listen to it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStdin, ExitStatus};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tachograph_model::event::{Event, ProcessEnd, ProcessExited, ProcessResources, ProcessSpawned};
use tachograph_model::plan::implementations::Protocol;
use tachograph_model::task::{Start, Task};
use tachograph_model::units::InstantNs;

use super::lines::{self, Noise};
use crate::client::Secret;
use crate::clock;
use crate::process_sys::{self, SpawnOptions};
use crate::shim::{self, ShimReport};

/// What a listening thread has to say.
#[derive(Debug)]
pub(super) enum Message {
    /// A worker said something.
    Said { agent: usize, event: Box<Result<Event, Noise>>, at_ns: InstantNs },
    /// An agent without the protocol wrote this on standard output.
    Output { agent: usize, bytes: Vec<u8> },
    /// A worker has closed its standard output.
    Silent { agent: usize },
    /// A worker has closed its standard error, on which it wrote this.
    Errors { agent: usize, bytes: Vec<u8> },
    /// A worker's process has ended and nothing of its group is left.
    Gone { agent: usize, end: Ended },
}

/// What is to be started.
#[derive(Debug)]
pub(super) struct Launch {
    pub(super) name: String,
    /// Program and arguments.
    pub(super) command: Vec<String>,
    /// Variables beside those of this process.
    pub(super) environment: Vec<(&'static str, String)>,
    pub(super) protocol: Protocol,
}

/// Who listens to workers, and what may not be heard.
#[derive(Debug)]
pub(super) struct Ears<'a> {
    pub(super) messages: Sender<Message>,
    /// Keys that are struck out of whatever a worker writes.
    pub(super) keys: &'a [Secret],
}

/// How a worker's process ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) end: ProcessEnd,
    pub(super) at_ns: InstantNs,
    pub(super) resources: Option<ProcessResources>,
}

/// A worker that runs.
#[derive(Debug)]
pub(super) struct AgentProcess {
    pub(super) name: String,
    pub(super) spawned: ProcessSpawned,
    pub(super) protocol: Protocol,
    shim: Shim,
    stdin: Option<ChildStdin>,
    pub(super) ended_by_harness: bool,
}

/// The shim's process, which may be signalled until it was reaped.
#[derive(Debug, Clone)]
struct Shim {
    pid: u32,
    reaped: Arc<Mutex<bool>>,
}

impl Shim {
    /// Does something to the process, unless it was reaped: its number could be
    /// another's by then.
    fn with_pid(&self, act: impl FnOnce(u32)) {
        let reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        if !*reaped {
            act(self.pid);
        }
    }

    /// Waits for its end, ends what is left of its group, and reaps it.
    fn reap(&self, child: &mut Child) -> io::Result<ExitStatus> {
        let waited = process_sys::wait_unreaped(self.pid);
        let mut reaped = self.reaped.lock().unwrap_or_else(PoisonError::into_inner);
        waited?;
        process_sys::kill_group(self.pid);
        *reaped = true;
        child.wait()
    }
}

/// Starts an agent under `shim` and listens to it. A worker waits for its task.
///
/// # Errors
///
/// What the system said, in words; nothing is left running.
pub(super) fn start(
    agent: usize,
    launch: &Launch,
    shim: &[String],
    to: &Ears<'_>,
) -> Result<AgentProcess, String> {
    let Launch { name, command, environment, protocol } = launch;
    let mut wrapped = shim::wrap(shim, command).ok_or("the command is empty")?;
    wrapped.envs(environment.iter().map(|(name, value)| (name, value)));
    let program = wrapped.get_program().to_string_lossy().into_owned();
    let failed = |error: io::Error| format!("could not start {program}: {error}");
    let (report, report_writer) = process_sys::pipe().map_err(failed)?;
    let options =
        SpawnOptions { report: Some(report_writer), own_group: true, unblock_signals: true };
    let mut child = process_sys::spawn(wrapped, options).map_err(failed)?;
    let mut report = BufReader::new(File::from(report));
    let (pid, at_ns) = match next_report(&mut report) {
        Ok(Some(ShimReport::Started { pid, at_ns })) => (pid, at_ns),
        other => {
            process_sys::kill_group(child.id());
            drop(child.wait());
            return Err(match other {
                Ok(Some(ShimReport::NotStarted { error })) => error,
                Err(error) => failed(error),
                _ => format!("{program} ended before it started the agent"),
            });
        }
    };
    let spawned = ProcessSpawned { agent: name.clone(), command: command.clone(), pid, at_ns };
    let shim = Shim { pid: child.id(), reaped: Arc::new(Mutex::new(false)) };
    let stdin = child.stdin.take();
    let listened = listen((agent, *protocol), (shim.clone(), child), report, to);
    if let Err(error) = listened {
        shim.with_pid(process_sys::kill_group);
        return Err(failed(error));
    }
    Ok(AgentProcess {
        name: name.clone(),
        spawned,
        protocol: *protocol,
        shim,
        stdin,
        ended_by_harness: false,
    })
}

/// Starts the three threads that listen to a worker.
fn listen(
    (agent, protocol): (usize, Protocol),
    (shim, mut child): (Shim, Child),
    report: BufReader<File>,
    to: &Ears<'_>,
) -> io::Result<()> {
    let missing = || io::Error::other("it has no output streams");
    let stdout = child.stdout.take().ok_or_else(missing)?;
    let stderr = child.stderr.take().ok_or_else(missing)?;
    let thread = |name: &str| thread::Builder::new().name(name.to_owned());

    // The receiver outlives these threads or nobody wants to know any more, so
    // that a message that cannot be sent is no loss.
    let (to_stdout, stdout_keys) = (to.messages.clone(), to.keys.to_vec());
    thread("agent stdout").spawn(move || {
        if protocol == Protocol::None {
            let bytes = lines::without_keys(lines::read_output(stdout), &stdout_keys);
            drop(to_stdout.send(Message::Output { agent, bytes }));
            drop(to_stdout.send(Message::Silent { agent }));
            return;
        }
        lines::read_lines(BufReader::new(stdout), |line, too_long| {
            let at_ns = clock::now();
            let line = lines::without_keys(line, &stdout_keys);
            let event = Box::new(lines::parse(&line, too_long));
            drop(to_stdout.send(Message::Said { agent, event, at_ns }));
        });
        drop(to_stdout.send(Message::Silent { agent }));
    })?;
    let (to_stderr, stderr_keys) = (to.messages.clone(), to.keys.to_vec());
    thread("agent stderr").spawn(move || {
        let bytes = lines::without_keys(lines::read_output(stderr), &stderr_keys);
        drop(to_stderr.send(Message::Errors { agent, bytes }));
    })?;
    let to_end = to.messages.clone();
    thread("agent end").spawn(move || {
        let end = await_end(&shim, &mut child, report);
        drop(to_end.send(Message::Gone { agent, end }));
    })?;
    Ok(())
}

/// Waits for the shim's report and its end.
fn await_end(shim: &Shim, child: &mut Child, mut report: BufReader<File>) -> Ended {
    let reported = next_report(&mut report);
    let status = shim.reap(child);
    if let Ok(Some(ShimReport::Ended { end, at_ns, resources })) = reported {
        return Ended { end, at_ns, resources: Some(resources) };
    }
    // The shim itself was killed, and its worker with it.
    let end = status.ok().and_then(|status| {
        status.code().map(ProcessEnd::Exited).or(status.signal().map(ProcessEnd::Signalled))
    });
    Ended { end: end.unwrap_or(ProcessEnd::Exited(-1)), at_ns: clock::now(), resources: None }
}

fn next_report(report: &mut impl BufRead) -> io::Result<Option<ShimReport>> {
    let mut line = Vec::new();
    if report.read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    Ok(Some(serde_json::from_slice(&line)?))
}

impl AgentProcess {
    /// Gives the worker its task, and closes its standard input unless the worker
    /// shall wait at a barrier. A worker that is gone already shows by its end. An agent
    /// without the protocol gets nothing.
    pub(super) fn give(&mut self, task: &Task) {
        if self.protocol == Protocol::None {
            self.stdin = None;
            return;
        }
        self.write(&serde_json::to_vec(task).expect("a task has no maps with odd keys"));
        if !task.barrier {
            self.stdin = None;
        }
    }

    /// Lets a worker at the barrier go on, and closes its standard input.
    pub(super) fn release(&mut self, start: Start) {
        self.write(&serde_json::to_vec(&start).expect("a start is a number"));
        self.stdin = None;
    }

    fn write(&mut self, line: &[u8]) {
        if let Some(stdin) = &mut self.stdin {
            drop(stdin.write_all(&[line, b"\n"].concat()));
        }
    }

    /// Asks the shim to kill the worker.
    pub(super) fn end(&mut self) {
        if !self.ended_by_harness {
            self.ended_by_harness = true;
            self.shim.with_pid(process_sys::terminate);
        }
    }

    /// Kills shim and worker.
    pub(super) fn kill(&mut self) {
        self.ended_by_harness = true;
        self.shim.with_pid(process_sys::kill_group);
    }

    /// Returns the event of its end.
    pub(super) fn exited(&self, end: &Ended) -> ProcessExited {
        ProcessExited {
            agent: self.name.clone(),
            end: end.end,
            ended_by_harness: self.ended_by_harness,
            at_ns: end.at_ns,
            resources: end.resources.clone(),
        }
    }
}
