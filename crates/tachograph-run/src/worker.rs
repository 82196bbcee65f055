//! The native worker: one task on standard input, events on standard output.
//!
//! Owns: the order of the workflow's steps and what is written when. Nothing is
//! written between the send of a request and the end of its answer.
//!
//! Does not: know the study, the plan or the other agents.

use std::io::{self, BufRead, BufWriter, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tachograph_model::call::CallRecord;
use tachograph_model::event::{
    Artifact, Done, Event, FileIngested, FileSkipped, Ready, Stage, StageMark, Waiting,
    WorkflowOutcome,
};
use tachograph_model::plan::PromptCache;
use tachograph_model::plan::concurrent::Role;
use tachograph_model::task::{PROTOCOL, Start, Task};
use tachograph_model::units::InstantNs;

use crate::agent::extract::{Extraction, extract};
use crate::agent::ingest::{Ingested, Skipped, ingest, scan};
use crate::agent::nonce::nonce;
use crate::agent::summary::{head_bytes, summary};
use crate::agent::{document, prompts};
use crate::client::{
    CallSpec, Client, DriverError, Endpoint, EndpointError, Secret, SecretError, Stop, request,
};
use crate::clock;

/// Name and version of this implementation.
pub const IMPLEMENTATION: &str = concat!("tachograph-native/", env!("CARGO_PKG_VERSION"));

/// The name of the artifact that a worker makes.
pub const REPORT_NAME: &str = "report.md";

/// The longest task that is read, in bytes.
const TASK_BYTES_MAX: u64 = 1 << 20;

/// Why a worker could not carry its task out. A call that fails is not among
/// these: it is an event.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// Standard input could not be read.
    #[error("could not read the task from standard input")]
    Input {
        /// What the system said.
        source: io::Error,
    },
    /// The line is not a task.
    #[error("expected one task as a line of JSON on standard input, see docs/agents.md")]
    Task {
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The line at the barrier is not what ends the wait.
    #[error("expected a start line as JSON on standard input, see docs/agents.md")]
    Start {
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// Standard input ended before the line at the barrier came.
    #[error(
        "standard input ended before the start line: whoever started this worker went away \
         while it waited at the barrier, see docs/agents.md"
    )]
    StartMissing,
    /// The task is of another version.
    #[error("the task is of protocol {found}, and this worker speaks {PROTOCOL}; use one version")]
    Protocol {
        /// Its version.
        found: u32,
    },
    /// Nonces are asked for without the text from which they are made.
    #[error("the task asks for nonces and has no `nonce`")]
    NonceMissing,
    /// The server's URL is none.
    #[error("the task's server cannot be called")]
    Endpoint {
        /// Why.
        #[from]
        source: EndpointError,
    },
    /// The key is not there or not one.
    #[error("the task's server cannot be called")]
    Key {
        /// Why.
        #[from]
        source: SecretError,
    },
    /// The system gives no sockets.
    #[error("no call can be made")]
    Client {
        /// Why.
        #[from]
        source: DriverError,
    },
    /// Standard output is closed: the harness is gone.
    #[error("could not write an event to standard output")]
    Output {
        /// What the system said.
        #[from]
        source: io::Error,
    },
}

/// Runs a worker and returns its exit code: 0 if the workflow came to an end,
/// whatever that was, 2 if the task cannot be carried out, 3 if the system
/// refused something. `env` looks a variable of the environment up; an error
/// goes to `errors`, one line with its causes.
pub fn main(
    input: impl BufRead,
    output: impl Write,
    errors: &mut dyn Write,
    env: &dyn Fn(&str) -> Option<String>,
) -> u8 {
    let error = match run(input, output, env) {
        Ok(notices) => {
            for notice in notices {
                // They are in the request as well, for whoever reads it.
                drop(writeln!(errors, "tacho worker: {notice}"));
            }
            return 0;
        }
        Err(error) => error,
    };
    let mut line = format!("tacho worker: {error}");
    let mut cause: &dyn std::error::Error = &error;
    while let Some(next) = cause.source() {
        line = format!("{line}: {next}");
        cause = next;
    }
    line.push('\n');
    // The exit code says it if nobody reads the words.
    drop(errors.write_all(line.as_bytes()));
    match error {
        WorkerError::Task { .. }
        | WorkerError::Protocol { .. }
        | WorkerError::Start { .. }
        | WorkerError::StartMissing
        | WorkerError::NonceMissing
        | WorkerError::Endpoint { .. }
        | WorkerError::Key { .. } => 2,
        WorkerError::Input { .. } | WorkerError::Client { .. } | WorkerError::Output { .. } => 3,
    }
}

/// Reads a task from `input`, carries it out and writes events to `output`.
/// Returns what about the requests differs from what the task asks for.
///
/// # Errors
///
/// [`WorkerError`]; a failed call is no error.
pub fn run(
    mut input: impl BufRead,
    output: impl Write,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<request::Notice>, WorkerError> {
    let task = read_task(&mut input)?;
    let server = &task.server;
    let endpoint = Endpoint::parse(&server.url)?;
    let secret = match &server.api_key_env {
        Some(name) => match env(name).filter(|key| !key.trim().is_empty()) {
            Some(key) => Some(Secret::new(&key)?),
            None => return Err(SecretError::Missing { name: name.clone() }.into()),
        },
        None => None,
    };
    let stop = Stop::new().map_err(|source| DriverError::Poller { source })?;
    let mut worker = Worker {
        client: Client::new(stop)?,
        output: BufWriter::new(output),
        task: &task,
        endpoint,
        secret,
        calls: Vec::new(),
        notices: Vec::new(),
    };
    worker.say(&Event::Ready(Ready {
        protocol: PROTOCOL,
        implementation: IMPLEMENTATION.to_owned(),
        pid: std::process::id(),
        at_ns: clock::now(),
    }))?;
    let sample = worker.client.clock_sample().clone();
    worker.say(&Event::Clock(sample))?;
    worker.warm_up()?;
    if task.barrier {
        worker.say(&Event::Waiting(Waiting { at_ns: clock::now() }))?;
        wait_until(read_start(&mut input)?);
    }
    let outcome = worker.workflow()?;
    worker.say(&Event::Clock(clock::sample()))?;
    worker.say(&Event::Done(Done { outcome, at_ns: clock::now() }))?;
    Ok(worker.notices)
}

/// Waits for the line that ends the wait at the barrier.
fn read_start(input: &mut impl BufRead) -> Result<InstantNs, WorkerError> {
    let line = read_line(input)?;
    if line.is_empty() {
        return Err(WorkerError::StartMissing);
    }
    let start: Start =
        serde_json::from_slice(&line).map_err(|source| WorkerError::Start { source })?;
    Ok(start.start_at_ns)
}

/// Sleeps until `start`, or not at all if that is past.
fn wait_until(start: InstantNs) {
    while let Some(left) = start.since(clock::now()).filter(|left| left.0 > 0) {
        thread::sleep(Duration::from_nanos(left.0));
    }
}

fn read_line(input: &mut impl BufRead) -> Result<Vec<u8>, WorkerError> {
    let mut line = Vec::new();
    let read = io::Read::take(input, TASK_BYTES_MAX).read_until(b'\n', &mut line);
    read.map_err(|source| WorkerError::Input { source })?;
    Ok(line)
}

fn read_task(input: &mut impl BufRead) -> Result<Task, WorkerError> {
    let line = read_line(input)?;
    let task: Task = serde_json::from_slice(&line).map_err(|source| {
        // A task of another version need not have this version's form.
        let version = serde_json::from_slice::<Versioned>(&line).map(|task| task.protocol);
        match version {
            Ok(found) if found != PROTOCOL => WorkerError::Protocol { found },
            _ => WorkerError::Task { source },
        }
    })?;
    if task.protocol != PROTOCOL {
        return Err(WorkerError::Protocol { found: task.protocol });
    }
    if task.prompt_cache == PromptCache::Nonce && task.nonce.is_none() {
        return Err(WorkerError::NonceMissing);
    }
    Ok(task)
}

#[derive(serde::Deserialize)]
struct Versioned {
    protocol: u32,
}

struct Worker<'a, W: Write> {
    client: Client,
    output: BufWriter<W>,
    task: &'a Task,
    endpoint: Endpoint,
    secret: Option<Secret>,
    calls: Vec<CallRecord>,
    /// What about the requests differs from what the task asks for.
    notices: Vec<request::Notice>,
}

/// What was read from the input folder.
struct Input {
    files: Vec<Ingested>,
    skipped: Vec<Skipped>,
}

impl<W: Write> Worker<'_, W> {
    fn warm_up(&mut self) -> io::Result<()> {
        if self.task.warmup_calls > 0 {
            self.mark(Stage::Warmup, Event::StageStarted)?;
            for _ in 0..self.task.warmup_calls {
                self.call(Stage::Warmup, prompts::WARMUP)?;
            }
            self.mark(Stage::Warmup, Event::StageFinished)?;
        }
        Ok(())
    }

    fn workflow(&mut self) -> io::Result<WorkflowOutcome> {
        let words = self.task.prompts.clone();
        let words = words.unwrap_or_else(|| prompts::of_role(Role::Analyst));
        self.mark(Stage::Ingest, Event::StageStarted)?;
        let input = self.ingest()?;
        let summary_bytes = self.task.summary_bytes as usize;
        let data = summary(&input.files, input.skipped.len(), summary_bytes);
        self.mark(Stage::Ingest, Event::StageFinished)?;

        let mut extraction = Extraction::default();
        let mut report_text = String::new();
        let outcome = if input.files.is_empty() {
            WorkflowOutcome::NoInput
        } else if let Some(answer) =
            self.stage(Stage::Analysis, &prompts::analysis(&words, &data))?
        {
            extraction = extract(&answer);
            let head = summary(&input.files, input.skipped.len(), head_bytes(summary_bytes));
            match self.stage(Stage::Report, &prompts::report(&words, &extraction, &head))? {
                Some(text) => {
                    report_text = text;
                    WorkflowOutcome::Completed
                }
                None => WorkflowOutcome::CallFailed,
            }
        } else {
            WorkflowOutcome::CallFailed
        };
        let content = document::document(&document::Contents {
            agent: &self.task.agent,
            run: &self.task.run,
            model: &self.task.server.model,
            outcome,
            files: &input.files,
            skipped: &input.skipped,
            extraction: &extraction,
            report_text: &report_text,
            calls: &self.calls,
        });
        let at_ns = clock::now();
        self.say(&Event::Artifact(Artifact { name: REPORT_NAME.to_owned(), content, at_ns }))?;
        Ok(outcome)
    }

    fn ingest(&mut self) -> io::Result<Input> {
        let folder = Path::new(&self.task.input);
        let mut input = Input { files: Vec::new(), skipped: Vec::new() };
        for found in scan(folder) {
            match ingest(folder, &found) {
                Ok(file) => {
                    self.say(&Event::FileIngested(FileIngested {
                        path: file.path.clone(),
                        kind: file.kind,
                        bytes: file.bytes,
                        sha256: file.sha256,
                        at_ns: clock::now(),
                    }))?;
                    input.files.push(file);
                }
                Err(skipped) => {
                    self.say(&Event::FileSkipped(FileSkipped {
                        path: skipped.path.clone(),
                        reason: skipped.reason.clone(),
                        at_ns: clock::now(),
                    }))?;
                    input.skipped.push(skipped);
                }
            }
        }
        Ok(input)
    }

    /// Makes the one call of a stage; `None` if it did not complete.
    fn stage(&mut self, stage: Stage, prompt: &str) -> io::Result<Option<String>> {
        self.mark(stage, Event::StageStarted)?;
        let answer = self.call(stage, prompt)?;
        self.mark(stage, Event::StageFinished)?;
        Ok(answer)
    }

    fn call(&mut self, stage: Stage, prompt: &str) -> io::Result<Option<String>> {
        let task = self.task;
        let call = u32::try_from(self.calls.len()).unwrap_or(u32::MAX);
        let nonce = match (task.prompt_cache, &task.nonce) {
            (PromptCache::Nonce, Some(text)) => Some(nonce(text, call)),
            _ => None,
        };
        let body = request::body(&request::Request {
            api: task.server.api,
            model: &task.server.model,
            prompt: &[nonce.as_deref().unwrap_or(""), prompt].concat(),
            options: &task.options,
            prompt_cache: task.prompt_cache,
            stream: true,
        });
        if call == 0 {
            // Whether the cache is off is for the harness to know: it may have
            // started the server so.
            let mut notices = body.notices;
            notices.retain(|notice| *notice != request::Notice::CacheStaysOn);
            self.notices = notices;
        }
        let spec = CallSpec {
            call,
            stage,
            server: task.server.name.clone(),
            endpoint: self.endpoint.clone(),
            api: task.server.api,
            body: body.text,
            nonce,
            connection: task.connection,
            timeouts: task.timeouts,
            secret: self.secret.clone(),
            planned: None,
        };
        let output = &mut self.output;
        let mut written = Ok(());
        let record = self.client.call(spec, &mut |event| {
            if written.is_ok() {
                written = say(output, &event);
            }
        });
        written?;
        let answer = record.is_completed().then(|| record.text());
        self.calls.push(record);
        Ok(answer)
    }

    fn mark(&mut self, stage: Stage, event: fn(StageMark) -> Event) -> io::Result<()> {
        self.say(&event(StageMark { stage, at_ns: clock::now() }))
    }

    fn say(&mut self, event: &Event) -> io::Result<()> {
        say(&mut self.output, event)
    }
}

/// Writes an event as a line. Chunks wait for the line after them, so that a call
/// of a thousand chunks does not cost a thousand writes.
fn say(output: &mut impl Write, event: &Event) -> io::Result<()> {
    serde_json::to_writer(&mut *output, event)?;
    output.write_all(b"\n")?;
    if matches!(event, Event::Chunk(_)) { Ok(()) } else { output.flush() }
}
