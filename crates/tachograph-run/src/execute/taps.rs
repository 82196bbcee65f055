//! The taps of a run: one recording proxy in front of each agent's server.
//!
//! Owns: starting `tacho tap` for each agent before the agents, giving agents its
//! address, and taking what it saw when they are over. Each tap is a process of its
//! own, with a port of its own: whatever comes in there is its agent's call.
//!
//! Does not: stamp or parse; the tap does.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

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
    listen: std::collections::BTreeMap<String, String>,
}

/// A tap that runs.
#[derive(Debug)]
pub(super) struct Tap {
    agent: String,
    child: Child,
    /// It ends when this closes.
    stdin: Option<ChildStdin>,
    lines: Option<JoinHandle<Vec<Vec<u8>>>>,
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
        let failed = |error: std::io::Error| format!("could not start {program}: {error}");
        let mut child = process_sys::spawn(command, options).map_err(failed)?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().map(BufReader::new);
        let mut tap = Self { agent: task.agent.clone(), child, stdin, lines: None };
        let mut stdout = stdout.ok_or("it has no output")?;
        let mut first = String::new();
        stdout.read_line(&mut first).map_err(failed)?;
        let ready: Ready = serde_json::from_str(&first)
            .map_err(|error| format!("its first line is not a tap's ({error}): {first:?}"))?;
        let url = ready.listen.get(&task.agent).ok_or("it does not listen for its agent")?;
        task.server.url.clone_from(url);
        let reader = thread::Builder::new().name("tap".to_owned());
        tap.lines = Some(reader.spawn(move || read(stdout)).map_err(failed)?);
        Ok(tap)
    }

    /// Ends the tap and returns the lines that it wrote.
    fn finish(mut self) -> Vec<Vec<u8>> {
        self.stdin = None;
        self.lines.take().and_then(|lines| lines.join().ok()).unwrap_or_default()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stdin = None;
        if self.lines.is_some() {
            // It was not asked for what it saw: its run does not count.
            drop(self.child.kill());
        }
        drop(self.child.wait());
    }
}

fn read(stdout: BufReader<ChildStdout>) -> Vec<Vec<u8>> {
    // What came before a broken pipe is kept.
    stdout.split(b'\n').map_while(Result::ok).collect()
}

/// Starts a tap for each task and points the tasks at them.
///
/// # Errors
///
/// The agent whose tap could not be started, and why; none is left running.
pub(super) fn start(
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
    pub(super) fn take_from(&mut self, taps: Vec<Tap>) -> Result<(), ExecuteError> {
        for tap in taps {
            let agent = tap.agent.clone();
            for line in tap.finish() {
                match serde_json::from_slice::<Recorded>(&line) {
                    Ok(recorded) => {
                        debug_assert!(recorded.source == agent || recorded.source == HARNESS);
                        self.record(&format!("{TAP_PREFIX}{agent}"), recorded.event)?;
                    }
                    Err(error) => self.fail(&agent, format!("its tap wrote no event: {error}")),
                }
            }
        }
        Ok(())
    }
}
