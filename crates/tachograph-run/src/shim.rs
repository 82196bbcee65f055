//! The shim: a small process between the harness and a worker.
//!
//! Owns: `tacho shim -- COMMAND…`. It starts the command with its own standard
//! input, output and error, waits for it, and reports how it ended and what the
//! system counted for it. It exists because a process's `ru_maxrss` is at least
//! the resident set of whoever started it: under the shim, that is the shim's
//! few megabytes, not the harness's.
//!
//! The report is JSON, one line each, on descriptor 3 if that is open, else on
//! standard error:
//!
//! ```json
//! {"type":"started","pid":4711,"at_ns":81235}
//! {"type":"ended","end":{"how":"exited","value":0},"at_ns":99000,"resources":{…}}
//! ```
//!
//! or `{"type":"not_started","error":"…"}`. SIGTERM, SIGINT and SIGHUP kill the
//! command; the report follows all the same. The command is killed when the
//! shim ends, and the shim when its parent does.
//!
//! Does not: change the command's environment, folder or output.

use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tachograph_model::event::{ProcessEnd, ProcessResources};
use tachograph_model::units::InstantNs;

use crate::clock;
use crate::process_sys::{self, Signals, SpawnOptions, Woken};

/// The exit code when the command could not be started.
pub const NOT_STARTED: u8 = 127;

/// How often the command's threads are counted. A count takes some ten microseconds.
const LOOK: Duration = Duration::from_millis(20);

/// A line of the shim's report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum ShimReport {
    /// The command runs.
    Started {
        /// Its process.
        pid: u32,
        /// Just before it was started.
        at_ns: InstantNs,
    },
    /// The command could not be started.
    NotStarted {
        /// What the system said.
        error: String,
    },
    /// The command has ended and was reaped.
    Ended {
        /// How.
        end: ProcessEnd,
        /// When it had been reaped.
        at_ns: InstantNs,
        /// What the system counted for it.
        resources: ProcessResources,
    },
}

/// Runs `command`, program and arguments, and returns the exit code of the shim:
/// that of the command, 128 + n if signal n ended it, [`NOT_STARTED`] if it
/// could not be started.
///
/// To be called first thing in a process that does nothing else: it takes
/// descriptor 3 over and blocks signals.
pub fn main(command: &[String]) -> u8 {
    let report = process_sys::take_report_fd().map(File::from);
    match run(command, report.as_ref()) {
        Ok(code) => code,
        Err(error) => {
            let error = format!("the shim failed: {error}");
            // If nobody can be told, the exit code still says it.
            drop(tell(report.as_ref(), &ShimReport::NotStarted { error }));
            NOT_STARTED
        }
    }
}

fn run(command: &[String], report: Option<&File>) -> io::Result<u8> {
    let Some((program, arguments)) = command.split_first() else {
        return Err(io::Error::other("no command; write `tacho shim -- COMMAND ARGUMENTS`"));
    };
    process_sys::die_with_parent(process_sys::parent_id())?;
    let signals = Signals::block()?;
    let mut command = Command::new(program);
    command.args(arguments);
    let at_ns = clock::now();
    let options = SpawnOptions { unblock_signals: true, ..SpawnOptions::default() };
    // This thread is the only one and lasts until the command was reaped.
    let mut child = match process_sys::spawn_here(command, options) {
        Ok(child) => child,
        Err(error) => {
            let error = format!("could not start {program}: {error}");
            tell(report, &ShimReport::NotStarted { error })?;
            return Ok(NOT_STARTED);
        }
    };
    let pid = child.id();
    if let Err(error) = tell(report, &ShimReport::Started { pid, at_ns }) {
        child.kill()?;
        child.wait()?;
        return Err(error);
    }
    let mut threads_seen = None;
    let (end, mut resources) = loop {
        if let Some(reaped) = process_sys::try_reap(pid)? {
            break reaped;
        }
        match signals.wait(LOOK)? {
            Woken::Terminate => process_sys::kill(pid),
            Woken::Nobody => threads_seen = threads_seen.max(n_threads(pid)),
            Woken::Child => {}
        }
    };
    resources.threads_seen = threads_seen;
    tell(report, &ShimReport::Ended { end, at_ns: clock::now(), resources })?;
    Ok(match end {
        ProcessEnd::Exited(code) => u8::try_from(code).unwrap_or(u8::MAX),
        ProcessEnd::Signalled(signal) => u8::try_from(128 + signal).unwrap_or(u8::MAX),
    })
}

/// Returns how many threads `pid`, a child of this process that was not reaped, has.
fn n_threads(pid: u32) -> Option<u32> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:"))?;
    line.trim().parse().ok()
}

fn tell(report: Option<&File>, line: &ShimReport) -> io::Result<()> {
    let mut bytes = serde_json::to_vec(line)?;
    bytes.push(b'\n');
    match report {
        Some(mut file) => file.write_all(&bytes),
        None => io::stderr().write_all(&bytes),
    }
}

/// Returns the command that runs `command` under the shim `shim`, such as
/// `["/usr/bin/tacho", "shim", "--"]`, with its streams as pipes.
pub(crate) fn wrap(shim: &[String], command: &[String]) -> Option<Command> {
    let mut whole = shim.iter().chain(command);
    let mut wrapped = Command::new(whole.next()?);
    wrapped.args(whole);
    wrapped.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    Some(wrapped)
}
