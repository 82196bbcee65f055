//! One run, from the state of the server to the end of its workers.
//!
//! Owns: the order of a run's steps and what the harness records of it:
//!
//! 1. `run_started`; each server is brought into the plan's state, one that has
//!    died is started again (`server_reset`).
//! 2. Clocks, machine and servers as they are (`clock`, `conditions`,
//!    `server_seen`).
//! 3. Where the plan's instrument is the tap, a tap in front of each agent's server;
//!    what it saw is recorded when the agents are over, under a source of its own.
//! 4. One worker process per agent, each under a shim (`process_spawned`); when
//!    all of them are there, each is given its task. Their events follow as they
//!    come, and `worker_noise` for lines that are none. In a plan with phases they
//!    wait after their warm-up, and are let go together (`released`).
//! 5. `process_exited` for each; then step 2 once more, now with the model loaded,
//!    so that the effective context length can be seen; `run_finished`.
//!
//! Does not: know the study's folder, or judge what was measured.

mod barrier;
mod interrupt;
mod launch;
mod lines;
mod process;
mod servers;
mod taps;
mod tasks;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::Duration;

use tachograph_model::event::{
    ConditionsSample, Done, EVENT_SCHEMA, Event, HARNESS, ProcessEnd, Recorded, RunFinished,
    RunOutcome, RunStarted, Stage, WorkerNoise, WorkflowOutcome,
};
use tachograph_model::plan::implementations::{BuiltIn, Protocol};
use tachograph_model::plan::{AgentSpec, Plan, Timeouts};
use tachograph_model::run::Run;
use tachograph_model::task::Task;
use tachograph_model::units::{DurationNs, InstantNs};

use self::barrier::AtBarrier;
pub use self::interrupt::{Interrupt, InterruptLevel};
use self::process::{AgentProcess, Ears, Ended, Message};
pub use self::servers::ServerControl;
use crate::clock;
use crate::sensors::Sensors;

/// Calls that a worker other than the native one may make, warm-up left out,
/// before the watchdog ends it. The native workflow has two.
const FOREIGN_CALLS: u32 = 10;

/// What a worker may take beside its calls.
const SLACK: DurationNs = DurationNs::from_millis(120_000);

/// How an agent ended with which nothing is wrong.
const COMPLETED: &str = "completed";

/// The document with what an agent without the protocol wrote on standard output.
const OUTPUT_NAME: &str = "stdout.txt";

/// How often a run looks whether it shall stop.
const LOOK: Duration = Duration::from_millis(50);

/// How long a worker's streams may stay open after it is gone, and how long a
/// shim may take to kill its worker.
const GRACE: DurationNs = DurationNs::from_millis(5_000);

/// The commands that start the native worker and the shim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Programs {
    /// Program and arguments: `["/usr/bin/tacho", "worker"]`.
    pub worker: Vec<String>,
    /// Program and arguments: `["/usr/bin/tacho", "shim", "--"]`.
    pub shim: Vec<String>,
    /// Program and arguments: `["/usr/bin/tacho", "tap"]`.
    pub tap: Vec<String>,
    /// The commands of Tachograph's agents in other languages, as far as the plan has
    /// them.
    pub built_in: BTreeMap<BuiltIn, Vec<String>>,
}

impl Programs {
    /// Returns the commands of `tacho`, whose path is `executable`.
    pub fn of_tacho(executable: &str) -> Self {
        let command = |arguments: &[&str]| {
            std::iter::once(executable)
                .chain(arguments.iter().copied())
                .map(str::to_owned)
                .collect()
        };
        Self {
            worker: command(&["worker"]),
            shim: command(&["shim", "--"]),
            tap: command(&["tap"]),
            built_in: BTreeMap::new(),
        }
    }

    /// Returns the command that executes an agent; `None` for one of Tachograph's own
    /// that was not set up.
    pub fn of_agent<'a>(&'a self, spec: &'a AgentSpec) -> Option<&'a Vec<String>> {
        match (&spec.command, spec.implementation) {
            (Some(command), _) => Some(command),
            (None, BuiltIn::Native) => Some(&self.worker),
            (None, other) => self.built_in.get(&other),
        }
    }
}

/// What a run needs beside its plan.
#[derive(Debug)]
pub struct RunContext<'a> {
    /// The commands that start processes.
    pub programs: &'a Programs,
    /// The folder that each agent ingests, absolute, by the agent's name.
    pub inputs: &'a BTreeMap<String, PathBuf>,
    /// The plan's servers by name.
    pub servers: &'a mut BTreeMap<String, ServerControl>,
    /// A text that no other execution has, such as the study's id and the time;
    /// nonces are made from it, so that no prompt was ever sent before.
    pub nonce_salt: &'a str,
    /// Where the state of the machine is read.
    pub sensors: &'a Sensors,
    /// The cassette into which taps write what servers answer, if one is recorded.
    pub record: Option<&'a str>,
}

/// A run that came to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executed {
    /// How.
    pub outcome: RunOutcome,
    /// Documents that the agents made, in the order in which they came.
    pub artifacts: Vec<AgentArtifact>,
    /// How each agent ended, by its name: `completed`, or what went wrong.
    pub ends: BTreeMap<String, String>,
    /// What each agent wrote on standard error, by its name; empty ones left out.
    pub stderr: BTreeMap<String, Vec<u8>>,
}

impl Executed {
    /// Returns how each agent ended, in words: `analyst: completed; insight: …`.
    pub fn ends_in_words(&self) -> String {
        let ends = self.ends.iter().map(|(agent, end)| format!("{agent}: {end}"));
        ends.collect::<Vec<_>>().join("; ")
    }
}

/// A document that an agent made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentArtifact {
    /// The agent.
    pub agent: String,
    /// A plain file name: `report.md`.
    pub name: String,
    /// The document.
    pub content: Vec<u8>,
}

/// Why a run did not come to its end. Its events do not count.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    /// It was asked to.
    #[error("the run was abandoned")]
    Abandoned,
    /// An event could not be kept.
    #[error("could not record an event of the run")]
    Sink {
        /// Why.
        source: io::Error,
    },
    /// The plan names a server that the context lacks.
    #[error("agent {agent:?} talks to server {server:?}, which is not there")]
    NoServer {
        /// The agent.
        agent: String,
        /// The server.
        server: String,
    },
    /// The context has no folder for an agent.
    #[error("agent {agent:?} has no input folder")]
    NoInput {
        /// The agent.
        agent: String,
    },
}

/// Takes events as they come.
pub type Sink<'a> = dyn FnMut(&Recorded) -> io::Result<()> + 'a;

/// Executes a run and gives each of its events to `sink`, in order.
///
/// Whatever goes wrong with server or workers is in the events and makes the
/// outcome [`RunOutcome::Failed`]. With [`InterruptLevel::Finish`] the run goes
/// on to its end.
///
/// # Errors
///
/// [`ExecuteError`]; no worker is left running.
pub fn execute_run(
    run: &Run,
    plan: &Plan,
    context: &mut RunContext<'_>,
    sink: &mut Sink<'_>,
    interrupt: &Interrupt,
) -> Result<Executed, ExecuteError> {
    let mut tasks = tasks::of(run, plan, context)?;
    let executed = Executed {
        outcome: RunOutcome::Completed,
        artifacts: Vec::new(),
        ends: BTreeMap::new(),
        stderr: BTreeMap::new(),
    };
    let mut execution =
        Execution { sink, interrupt, remarks: BTreeMap::new(), executed, has_barrier: false };
    execution.harness(Event::RunStarted(RunStarted {
        schema: EVENT_SCHEMA.to_owned(),
        run: run.id.to_string(),
        index: run.index,
        at_ns: clock::now(),
    }))?;
    for event in servers::reset(plan, run, context.servers, interrupt) {
        execution.harness(event)?;
    }
    let alive = servers::alive(plan, run, context.servers);
    execution.surroundings(plan, run, context, "before")?;
    execution.tapped(plan, run, context, &mut tasks)?;
    execution.surroundings(plan, run, context, "after")?;
    execution.deaths(&alive, context);
    let finished = RunFinished {
        outcome: execution.executed.outcome,
        remarks: std::mem::take(&mut execution.remarks),
        at_ns: clock::now(),
    };
    execution.harness(Event::RunFinished(finished))?;
    Ok(execution.executed)
}

/// The state of an execution.
struct Execution<'a, 'b> {
    sink: &'a mut Sink<'b>,
    interrupt: &'a Interrupt,
    remarks: BTreeMap<String, String>,
    executed: Executed,
    /// Whether agents are still to be let go.
    has_barrier: bool,
}

/// What is known of a worker so far.
struct Agent {
    process: AgentProcess,
    done: Option<WorkflowOutcome>,
    /// What it wrote on standard output, if it does not speak the protocol.
    output: Option<Vec<u8>>,
    end: Option<Ended>,
    is_silent: bool,
    stderr: Option<Vec<u8>>,
    /// Whether its end was recorded.
    is_recorded: bool,
    at_barrier: AtBarrier,
}

impl From<AgentProcess> for Agent {
    fn from(process: AgentProcess) -> Self {
        Self {
            process,
            done: None,
            output: None,
            end: None,
            is_silent: false,
            stderr: None,
            is_recorded: false,
            at_barrier: AtBarrier::Before,
        }
    }
}

impl Agent {
    /// Returns whether nothing more will come from it.
    fn is_over(&self, now: InstantNs) -> bool {
        let Some(end) = &self.end else { return false };
        let heard = self.is_silent && self.stderr.is_some();
        // Something that it left behind may keep its streams open for ever.
        heard || now > end.at_ns.after(GRACE)
    }
}

impl Execution<'_, '_> {
    fn record(&mut self, source: &str, event: Event) -> Result<(), ExecuteError> {
        let recorded = Recorded { source: source.to_owned(), event };
        (self.sink)(&recorded).map_err(|source| ExecuteError::Sink { source })
    }

    fn harness(&mut self, event: Event) -> Result<(), ExecuteError> {
        self.record(HARNESS, event)
    }

    fn fail(&mut self, agent: &str, why: String) {
        self.executed.outcome = RunOutcome::Failed;
        let remark = self.remarks.entry(agent.to_owned()).or_default();
        match &**remark {
            "" => *remark = why,
            barrier::DID_NOT_WAIT => *remark = format!("{remark}; {why}"),
            // The first cause is the one that counts.
            _ => {}
        }
    }

    /// Records clocks, machine and servers.
    fn surroundings(
        &mut self,
        plan: &Plan,
        run: &Run,
        context: &RunContext<'_>,
        when: &str,
    ) -> Result<(), ExecuteError> {
        self.harness(Event::Clock(clock::sample()))?;
        let sample: ConditionsSample = context.sensors.conditions_sample();
        self.harness(Event::Conditions(sample))?;
        for (name, seen) in servers::seen(plan, run, context.servers) {
            match seen {
                Ok(seen) => self.harness(Event::ServerSeen(seen))?,
                Err(error) => {
                    self.remarks.insert(format!("server {name}, {when}"), error);
                }
            }
        }
        Ok(())
    }

    /// Remarks the servers, of those that were `alive`, that died during the run.
    fn deaths(&mut self, alive: &BTreeSet<String>, context: &RunContext<'_>) {
        let after = |name: &str| format!("server {name}, after");
        let is_suspect = |name: &str| self.remarks.contains_key(&after(name));
        for (name, how) in servers::deaths(alive, context.servers, &is_suspect) {
            // That it does not answer says no more than this.
            self.remarks.remove(&after(&name));
            self.remarks.insert(format!("server {name}"), format!("it died during the run: {how}"));
        }
    }

    /// Runs the workers to their end.
    fn agents(
        &mut self,
        plan: &Plan,
        run: &Run,
        context: &RunContext<'_>,
        tasks: &[Task],
    ) -> Result<(), ExecuteError> {
        let (sender, messages) = mpsc::channel();
        let keys = servers::keys(plan);
        let ears = Ears { messages: sender, keys: &keys };
        let mut agents = Vec::new();
        for (placement, number) in run.placements.iter().zip(0..) {
            let name = &placement.agent;
            let started = launch::of(plan, placement, &tasks[number], context)
                .and_then(|launch| process::start(number, &launch, &context.programs.shim, &ears));
            match started {
                Ok(process) => {
                    let spawned = process.spawned.clone();
                    agents.push(Agent::from(process));
                    self.harness(Event::ProcessSpawned(spawned))?;
                }
                Err(error) => {
                    self.executed.ends.insert(name.clone(), error.clone());
                    self.fail(name, error);
                    break;
                }
            }
        }
        drop(ears);
        if agents.len() == tasks.len() {
            for (agent, task) in agents.iter_mut().zip(tasks) {
                agent.process.give(task);
            }
        } else {
            // A run without all of its agents is not that run: those that wait
            // for their task are ended without one.
            for agent in &mut agents {
                agent.process.end();
            }
        }
        self.has_barrier = tasks.iter().any(|task| task.barrier);
        let result = self.listen(&mut agents, &messages, limit(plan));
        if let Err(error) = result {
            kill_all(&mut agents, &messages);
            return Err(error);
        }
        for agent in agents {
            self.conclude(agent);
        }
        Ok(())
    }

    /// Records what the workers say until the last of them is over.
    fn listen(
        &mut self,
        agents: &mut [Agent],
        messages: &Receiver<Message>,
        limit: DurationNs,
    ) -> Result<(), ExecuteError> {
        let deadline = clock::now().after(limit);
        let mut kill_at = None;
        loop {
            let now = clock::now();
            self.release(agents, now)?;
            self.record_ends(agents, now)?;
            if agents.iter().all(|agent| agent.is_recorded) {
                return Ok(());
            }
            if self.interrupt.level() == InterruptLevel::Abandon {
                return Err(ExecuteError::Abandoned);
            }
            if now > deadline && kill_at.is_none() {
                kill_at = Some(now.after(GRACE));
                for agent in agents.iter_mut().filter(|agent| agent.end.is_none()) {
                    agent.process.end();
                    let seconds = limit.as_seconds();
                    self.fail(&agent.process.name, format!("not done after {seconds:.0} s"));
                }
            }
            if kill_at.is_some_and(|at| now > at) {
                for agent in agents.iter_mut() {
                    agent.process.kill();
                }
            }
            match messages.recv_timeout(LOOK) {
                Ok(message) => self.hear(agents, message)?,
                Err(RecvTimeoutError::Timeout) => {}
                // Every thread has ended, so that nothing more can come.
                Err(RecvTimeoutError::Disconnected) => {
                    return self.record_ends(agents, InstantNs(u64::MAX));
                }
            }
        }
    }

    /// Records the end of each worker of which nothing more will come, so that
    /// its end stands after all that it said.
    fn record_ends(&mut self, agents: &mut [Agent], now: InstantNs) -> Result<(), ExecuteError> {
        for agent in agents.iter_mut().filter(|agent| !agent.is_recorded && agent.is_over(now)) {
            agent.is_recorded = true;
            if let Some(end) = &agent.end {
                self.harness(Event::ProcessExited(agent.process.exited(end)))?;
            }
        }
        Ok(())
    }

    fn hear(&mut self, agents: &mut [Agent], message: Message) -> Result<(), ExecuteError> {
        match message {
            Message::Said { agent, event, at_ns } => {
                let agent = &mut agents[agent];
                let name = agent.process.name.clone();
                match *event {
                    Ok(event) => {
                        match &event {
                            Event::Waiting(_) if agent.at_barrier == AtBarrier::Before => {
                                agent.at_barrier = AtBarrier::Waits;
                            }
                            Event::StageStarted(mark) if mark.stage != Stage::Warmup => {
                                agent.at_barrier = AtBarrier::Beyond;
                            }
                            Event::Done(Done { outcome, .. }) => {
                                agent.at_barrier = AtBarrier::Beyond;
                                agent.done = Some(*outcome);
                            }
                            Event::Artifact(artifact) => {
                                let content = artifact.content.clone().into_bytes();
                                self.keep(&name, &artifact.name, content);
                            }
                            _ => {}
                        }
                        self.record(&name, event)
                    }
                    Err(noise) => self.harness(Event::WorkerNoise(WorkerNoise {
                        agent: name,
                        line: noise.line,
                        error: noise.error,
                        at_ns,
                    })),
                }
            }
            Message::Output { agent, bytes } => {
                agents[agent].output = Some(bytes);
                Ok(())
            }
            Message::Silent { agent } => {
                agents[agent].is_silent = true;
                Ok(())
            }
            Message::Errors { agent, bytes } => {
                agents[agent].stderr = Some(bytes);
                Ok(())
            }
            Message::Gone { agent, end } => {
                agents[agent].end = Some(end);
                Ok(())
            }
        }
    }

    /// Keeps a document of an agent, in the place of an earlier one of that name; the
    /// events have both.
    fn keep(&mut self, agent: &str, name: &str, content: Vec<u8>) {
        let all = &mut self.executed.artifacts;
        all.retain(|other| other.agent != agent || other.name != name);
        let (agent, name) = (agent.to_owned(), name.to_owned());
        all.push(AgentArtifact { agent, name, content });
    }

    /// Says what became of a worker.
    fn conclude(&mut self, mut agent: Agent) {
        let name = std::mem::take(&mut agent.process.name);
        let end = agent.end.map(|end| end.end);
        if let Some(output) = agent.output.take().filter(|output| !output.is_empty()) {
            self.keep(&name, OUTPUT_NAME, output);
        }
        let failure = match (agent.done, end) {
            (None, Some(ProcessEnd::Exited(0))) if agent.process.protocol == Protocol::None => None,
            (Some(WorkflowOutcome::Completed), Some(ProcessEnd::Exited(0))) => None,
            (Some(WorkflowOutcome::CallFailed), _) => Some("a call failed".to_owned()),
            (Some(WorkflowOutcome::NoInput), _) => {
                Some("no file of its input folder could be read".to_owned())
            }
            (done, Some(ProcessEnd::Exited(code))) => {
                let when = if done.is_some() { "after" } else { "before" };
                Some(format!("it ended with exit code {code} {when} `done`"))
            }
            (_, Some(ProcessEnd::Signalled(signal))) => {
                Some(format!("it was ended by signal {signal}"))
            }
            (_, None) => Some("its end was not seen".to_owned()),
        };
        let mut end = COMPLETED.to_owned();
        if let Some(failure) = failure {
            self.fail(&name, failure);
            end.clone_from(&self.remarks[&name]);
        }
        self.executed.ends.insert(name.clone(), end);
        let stderr = agent
            .stderr
            .unwrap_or_else(|| b"[standard error was still open and is lost]\n".to_vec());
        if !stderr.is_empty() {
            self.executed.stderr.insert(name, stderr);
        }
    }
}

/// Kills every worker and waits until all of them are gone.
fn kill_all(agents: &mut [Agent], messages: &Receiver<Message>) {
    for agent in agents.iter_mut() {
        agent.process.kill();
    }
    while agents.iter().any(|agent| agent.end.is_none()) {
        match messages.recv() {
            Ok(Message::Gone { agent, end }) => agents[agent].end = Some(end),
            Ok(_) => {}
            Err(_) => return,
        }
    }
}

/// Returns how long the workers of a run may take.
fn limit(plan: &Plan) -> DurationNs {
    if let Some(seconds) = plan.agent_limit_s {
        return Timeouts::duration(seconds);
    }
    let is_native =
        |agent: &AgentSpec| agent.command.is_none() && agent.implementation == BuiltIn::Native;
    let is_foreign = !plan.agents.iter().all(is_native);
    let n_calls = plan.warmup_calls + if is_foreign { FOREIGN_CALLS } else { 2 };
    let call = Timeouts::duration(plan.timeouts.connect_s + plan.timeouts.call_s);
    DurationNs(call.0.saturating_mul(u64::from(n_calls)).saturating_add(SLACK.0))
}

#[cfg(test)]
mod tests;
