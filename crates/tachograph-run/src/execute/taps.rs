//! The taps of a run: one recording proxy in front of each agent's server.
//!
//! Owns: starting `tacho tap` for each agent before the agents, giving agents its
//! address, and taking what it saw when they are over. Each tap is a process of its
//! own, with a port of its own: whatever comes in there is its agent's call.
//!
//! Does not: stamp or parse; the tap does.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use serde::Deserialize;
use tachograph_model::event::{HARNESS, Recorded, TAP_PREFIX};
use tachograph_model::plan::Plan;
use tachograph_model::plan::implementations::Instrument;
use tachograph_model::run::Run;
use tachograph_model::task::Task;

use super::{ExecuteError, Execution, RunContext};
use crate::process_sys::{self, SpawnOptions};

/// The first line of a tap.
#[derive(Debug, Deserialize)]
struct Ready {
    listen: BTreeMap<String, String>,
}

/// How long a tap may take until it listens, and until it has written all that it saw.
const PATIENCE: Duration = Duration::from_secs(5);

/// A tap that runs. Dropping it kills it.
#[derive(Debug)]
struct Tap {
    agent: String,
    child: Child,
    /// It ends by itself when this closes.
    stdin: Option<ChildStdin>,
    /// What it writes, line by line; closed at its end.
    lines: Receiver<Vec<u8>>,
}

impl Tap {
    /// Starts a tap in front of the task's server and puts its address into the task.
    ///
    /// # Errors
    ///
    /// What went wrong, in words; nothing is left running.
    fn start(tap: &[String], record: Option<&str>, task: &mut Task) -> Result<Self, String> {
        let (program, arguments) = tap.split_first().ok_or("the command is empty")?;
        let mut command = Command::new(program);
        command.args(arguments);
        command.args(["--listen", &format!("{}=127.0.0.1:0", task.agent)]);
        command.args(["--upstream", &task.server.url, "--server", &task.server.name]);
        if let Some(nonce) = &task.nonce {
            command.args(["--nonce", nonce]);
        }
        if let Some(file) = record {
            command.args(["--record", file]);
        }
        command.arg("--until-stdin-closes");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let options = SpawnOptions { own_group: true, unblock_signals: true, report: None };
        let failed = |error: io::Error| format!("could not start {program}: {error}");
        let mut child = process_sys::spawn(command, options).map_err(failed)?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take();
        let (sender, lines) = mpsc::channel();
        let tap = Self { agent: task.agent.clone(), child, stdin, lines };
        let stdout = BufReader::new(stdout.ok_or("it has no output")?);
        let reader = thread::Builder::new().name("tap".to_owned());
        reader
            .spawn(move || {
                // What came before a broken pipe is kept.
                for line in stdout.split(b'\n').map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            })
            .map_err(failed)?;
        let first = tap.lines.recv_timeout(PATIENCE).map_err(|error| match error {
            RecvTimeoutError::Timeout => "it did not listen in time",
            RecvTimeoutError::Disconnected => "it ended before it listened",
        })?;
        let ready: Ready = serde_json::from_slice(&first).map_err(|error| {
            let first = String::from_utf8_lossy(&first);
            format!("its first line is not a tap's ({error}): {first:?}")
        })?;
        let url = ready.listen.get(&task.agent).ok_or("it does not listen for its agent")?;
        task.server.url.clone_from(url);
        Ok(tap)
    }

    /// Lets the tap end and returns the next line that it wrote, `None` after the last.
    ///
    /// # Errors
    ///
    /// What went wrong, in words, if it does not end.
    fn next_line(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        self.stdin = None;
        match self.lines.recv_timeout(PATIENCE) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Disconnected) => Ok(None),
            Err(RecvTimeoutError::Timeout) => Err("its tap did not end"),
        }
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // One that has ended already is no error; it is reaped in any case.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Starts a tap for each task and points the tasks at them.
///
/// # Errors
///
/// The agent whose tap could not be started, and why; none is left running.
fn start(
    tap: &[String],
    record: Option<&str>,
    tasks: &mut [Task],
) -> Result<Vec<Tap>, (String, String)> {
    let mut taps = Vec::new();
    for task in tasks {
        let agent = task.agent.clone();
        taps.push(Tap::start(tap, record, task).map_err(|error| (agent, error))?);
    }
    Ok(taps)
}

impl Execution<'_, '_> {
    /// Runs the workers to their end, behind taps where the plan's instrument is the
    /// tap or a cassette is recorded.
    pub(super) fn tapped(
        &mut self,
        plan: &Plan,
        run: &Run,
        context: &RunContext<'_>,
        tasks: &mut [Task],
    ) -> Result<(), ExecuteError> {
        let mut taps = Vec::new();
        if plan.instrument == Instrument::Tap || context.record.is_some() {
            match start(&context.programs.tap, context.record, tasks) {
                Ok(started) => taps = started,
                Err((agent, error)) => {
                    for task in &*tasks {
                        self.executed.ends.insert(task.agent.clone(), "not started".to_owned());
                    }
                    self.fail(&agent, format!("its tap is missing: {error}"));
                    return Ok(());
                }
            }
        }
        self.agents(plan, run, context, tasks)?;
        self.take_from(taps)
    }

    /// Ends the taps and records what they saw.
    fn take_from(&mut self, taps: Vec<Tap>) -> Result<(), ExecuteError> {
        for mut tap in taps {
            let agent = tap.agent.clone();
            let source = format!("{TAP_PREFIX}{agent}");
            loop {
                let line = match tap.next_line() {
                    Ok(Some(line)) => line,
                    Ok(None) => break,
                    Err(why) => {
                        self.fail(&agent, why.to_owned());
                        break;
                    }
                };
                match serde_json::from_slice::<Recorded>(&line) {
                    Ok(recorded) if [&*agent, HARNESS].contains(&&*recorded.source) => {
                        self.record(&source, recorded.event)?;
                    }
                    Ok(recorded) => {
                        let other = recorded.source;
                        self.fail(&agent, format!("its tap speaks of another agent, {other:?}"));
                    }
                    Err(error) => self.fail(&agent, format!("its tap wrote no event: {error}")),
                }
            }
        }
        Ok(())
    }
}
