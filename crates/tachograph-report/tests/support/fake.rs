//! Fake studies in memory: a plan's text and the shape of each run go in,
//! evidence comes out. Deterministic; no clock, no files.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up numbers are small and positive"
)]

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::environment::{
    Conditions, ENVIRONMENT_SCHEMA, Environment, Harness, Host, ServerIdentity,
};
use tachograph_model::event::{
    CallFinished, CallSent, CallStatus, Chunk, ChunkKind, ClockSample, ConditionsSample, Done,
    EVENT_SCHEMA, Event, FileIngested, FileKind, FileSkipped, HARNESS, ProcessEnd, ProcessExited,
    ProcessResources, ProcessSpawned, Ready, Recorded, RunFinished, RunOutcome, RunStarted,
    ServerReset, ServerSeen, ServerTimings, Stage, StageMark, Usage, WorkflowOutcome,
};
use tachograph_model::plan::{Api, ConnectionMode, Plan, ServerPolicy, expand, parse};
use tachograph_model::run::Run;
use tachograph_model::study::{
    Completed, JOURNAL_SCHEMA, JournalEntry, JournalLine, RunEvidence, RunSealed, StudyCreated,
    StudyHead,
};
use tachograph_model::units::{DurationNs, InstantNs};

/// How one run goes.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    /// Decode rate of the server, in tokens/s.
    pub(crate) rate: f64,
    /// Model load of the first call, in ms.
    pub(crate) load_ms: f64,
    /// Prompt evaluation, in ms.
    pub(crate) prompt_ms: f64,
    /// Output tokens of the analysis and the report.
    pub(crate) tokens: [u32; 2],
    /// How the report call ends.
    pub(crate) report: CallStatus,
    /// Prompt tokens taken from the server's cache.
    pub(crate) cached: u64,
    /// Prompt tokens that the server says it evaluated.
    pub(crate) prompt_tokens: u64,
    /// The server's context length.
    pub(crate) context: u64,
    /// The digest of the server's model.
    pub(crate) model_digest: String,
    /// What makes the answers differ; equal words give equal answers.
    pub(crate) answer: String,
    /// Whether chunks have kernel stamps.
    pub(crate) kernel: bool,
    /// The client's delay, in microseconds.
    pub(crate) delay_us: u64,
    /// CPU of the worker, as a share of one processor.
    pub(crate) cpu: f64,
    /// Nanoseconds by which the real-time clock steps during the run.
    pub(crate) clock_step_ns: i64,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            rate: 100.0,
            load_ms: 0.0,
            prompt_ms: 80.0,
            tokens: [60, 90],
            report: CallStatus::Completed,
            cached: 0,
            prompt_tokens: 480,
            context: 4096,
            model_digest: "sha256:feed".to_owned(),
            answer: "same".to_owned(),
            kernel: true,
            delay_us: 12,
            cpu: 0.02,
            clock_step_ns: 0,
        }
    }
}

/// A small generator of repeatable noise (Steele et al. 2014, `splitmix64`).
#[derive(Debug, Clone)]
pub(crate) struct Noise(pub(crate) u64);

impl Noise {
    /// Returns a value from -1 to 1.
    pub(crate) fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (z >> 11) as f64 / (1_u64 << 52) as f64 - 1.0
    }
}

/// Returns a plan with `blocks` and further lines of TOML before the tables.
pub(crate) fn plan(blocks: u32, head: &str, tables: &str) -> Plan {
    let text = format!(
        r#"
schema = "tachograph-plan/1"
name = "fake"
question = "Do tuned options write faster than the server's defaults?"
seed = 7
blocks = {blocks}
{head}

[[servers]]
name = "main"
model = "smollm2:135m"
url = "http://127.0.0.1:11434"

[[agents]]
name = "analyst"
server = "main"

{tables}
"#
    );
    parse::parse(&text).expect("the test's plan is a plan").plan
}

/// Returns a study in which every run that `shape` gives a shape is sealed.
pub(crate) fn study(
    plan: &Plan,
    shape: &mut dyn FnMut(&Run, &mut Noise) -> Option<Shape>,
) -> (StudyHead, Vec<RunEvidence>) {
    let mut evidence = Vec::new();
    let mut clock = 1_000_000_000_u64;
    for run in expand::runs(plan) {
        let mut noise = Noise(u64::from(run.index) + 1);
        if let Some(shape) = shape(&run, &mut noise) {
            evidence.push(seal(plan, &run, &shape, &mut clock, &mut noise));
        }
    }
    (head(plan, &evidence), evidence)
}

/// Returns the head of a study with this evidence.
pub(crate) fn head(plan: &Plan, evidence: &[RunEvidence]) -> StudyHead {
    let plan_sha256 = Digest::of(&plan.lock_bytes());
    let mut entries = vec![JournalEntry::StudyCreated(StudyCreated {
        schema: JOURNAL_SCHEMA.to_owned(),
        plan_sha256: Digest::of(b"plan.toml"),
        plan_lock_sha256: plan_sha256,
        environment_sha256: Digest::of(b"environment.json"),
        overrides: Vec::new(),
        harness_version: "0.1.0".to_owned(),
    })];
    entries.extend(evidence.iter().map(|run| JournalEntry::RunSealed(run.sealed.clone())));
    let n_runs = u32::try_from(evidence.len()).expect("a test has few runs");
    entries.push(JournalEntry::Completed(Completed { n_runs }));
    let journal = entries
        .into_iter()
        .zip(1..)
        .map(|(entry, line)| JournalLine {
            line,
            previous_sha256: Digest::ZERO,
            at: "2026-03-01T12:00:00Z".to_owned(),
            entry,
        })
        .collect();
    StudyHead { plan: plan.clone(), plan_sha256, environment: environment(), journal }
}

fn environment() -> Environment {
    Environment {
        schema: ENVIRONMENT_SCHEMA.to_owned(),
        started_at: "2026-03-01T12:00:00Z".to_owned(),
        harness: Harness {
            version: "0.1.0".to_owned(),
            git_commit: Some("279968a".to_owned()),
            profile: "release".to_owned(),
            executable_sha256: Some(Digest::of(b"tacho")),
        },
        host: Some(Host {
            os: "Linux 6.12.0".to_owned(),
            arch: "x86_64".to_owned(),
            cpu_model: Some("Example CPU @ 2.80GHz".to_owned()),
            n_cpus: 2,
            governor: None,
            clocksource: Some("tsc".to_owned()),
            memory_bytes: Some(8_000_000_000),
            virtualised: Some(true),
            kernel_stamps: true,
        }),
        gpus: Vec::new(),
        servers: BTreeMap::from([("main".to_owned(), identity(&Shape::default()))]),
        implementations: BTreeMap::new(),
    }
}

fn identity(shape: &Shape) -> ServerIdentity {
    ServerIdentity {
        product: Some("ollama".to_owned()),
        version: Some("0.33.3".to_owned()),
        model: Some("smollm2:135m".to_owned()),
        model_digest: Some(shape.model_digest.clone()),
        quantization: Some("Q4_1".to_owned()),
        parameter_size: Some("134.5M".to_owned()),
        context_length: Some(shape.context),
        ..ServerIdentity::default()
    }
}

fn seen(identity: ServerIdentity, at: u64) -> Event {
    Event::ServerSeen(ServerSeen { server: "main".to_owned(), identity, at_ns: InstantNs(at) })
}

/// Collects events.
struct Tape {
    events: Vec<Recorded>,
}

impl Tape {
    fn harness(&mut self, event: Event) {
        self.events.push(Recorded { source: HARNESS.to_owned(), event });
    }

    fn agent(&mut self, event: Event) {
        self.events.push(Recorded { source: "analyst".to_owned(), event });
    }
}

fn millis(value: f64) -> u64 {
    (value * 1e6) as u64
}

fn seal(plan: &Plan, run: &Run, shape: &Shape, clock: &mut u64, noise: &mut Noise) -> RunEvidence {
    let mut tape = Tape { events: Vec::new() };
    let start = *clock;
    let at = |clock: &u64| InstantNs(*clock);
    tape.harness(Event::RunStarted(RunStarted {
        schema: EVENT_SCHEMA.to_owned(),
        run: run.id.to_string(),
        index: run.index,
        at_ns: at(clock),
    }));
    tape.harness(conditions(*clock, start));
    if plan.server_policy == ServerPolicy::Unload {
        tape.harness(Event::ServerReset(ServerReset {
            server: "main".to_owned(),
            action: "unload".to_owned(),
            error: None,
            at_ns: at(clock),
        }));
    }
    // What is loaded now belongs to the run before.
    let stale = ServerIdentity { context_length: Some(77), ..identity(shape) };
    tape.harness(seen(stale, *clock));
    let spawned = *clock;
    tape.harness(Event::ProcessSpawned(ProcessSpawned {
        agent: "analyst".to_owned(),
        command: vec!["tacho".to_owned(), "worker".to_owned()],
        pid: 4242,
        at_ns: at(clock),
    }));
    *clock += millis(3.0 + noise.next());
    tape.agent(Event::Ready(Ready {
        protocol: 1,
        implementation: "tachograph-native/0.1.0".to_owned(),
        pid: 4242,
        at_ns: at(clock),
    }));
    tape.agent(clock_sample(*clock, 0));
    ingest(&mut tape, clock);
    let mut completed = true;
    for (number, stage) in [(0, Stage::Analysis), (1, Stage::Report)] {
        tape.agent(Event::StageStarted(StageMark { stage, at_ns: at(clock) }));
        let status = if number == 1 { shape.report } else { CallStatus::Completed };
        call(&mut tape, (number, stage, status), shape, clock, noise);
        *clock += millis(0.4);
        tape.agent(Event::StageFinished(StageMark { stage, at_ns: at(clock) }));
        completed &= status == CallStatus::Completed;
    }
    tape.agent(clock_sample(*clock, shape.clock_step_ns));
    let outcome = if completed { WorkflowOutcome::Completed } else { WorkflowOutcome::CallFailed };
    tape.agent(Event::Done(Done { outcome, at_ns: at(clock) }));
    *clock += millis(1.0);
    let cpu = ((*clock - spawned) as f64 * shape.cpu) as u64;
    tape.harness(Event::ProcessExited(ProcessExited {
        agent: "analyst".to_owned(),
        end: ProcessEnd::Exited(0),
        ended_by_harness: false,
        at_ns: at(clock),
        resources: Some(ProcessResources {
            user_cpu_ns: DurationNs(cpu / 4 * 3),
            system_cpu_ns: DurationNs(cpu / 4),
            peak_rss_bytes: 6_400_000 + (noise.next() * 2e5) as u64,
            voluntary_switches: 300,
            involuntary_switches: 4,
            threads_seen: None,
        }),
    }));
    tape.harness(conditions(*clock, start));
    tape.harness(seen(identity(shape), *clock));
    let outcome = if completed { RunOutcome::Completed } else { RunOutcome::Failed };
    tape.harness(Event::RunFinished(RunFinished {
        outcome,
        remarks: (!completed)
            .then(|| ("analyst".to_owned(), "its workflow ended early".to_owned()))
            .into_iter()
            .collect(),
        at_ns: at(clock),
    }));
    *clock += millis(50.0);
    let lines: Vec<u8> = format!("{:?}", tape.events).into_bytes();
    RunEvidence {
        sealed: RunSealed {
            run: run.id.clone(),
            index: run.index,
            outcome,
            files: BTreeMap::new(),
            events_sha256: Digest::of(&lines),
            n_events: tape.events.len() as u64,
        },
        events: tape.events,
    }
}

fn ingest(tape: &mut Tape, clock: &mut u64) {
    let at_ns = InstantNs(*clock);
    tape.agent(Event::StageStarted(StageMark { stage: Stage::Ingest, at_ns }));
    *clock += millis(1.2);
    for (path, kind) in [("2024/runs.csv", FileKind::Csv), ("notes.md", FileKind::Markdown)] {
        tape.agent(Event::FileIngested(FileIngested {
            path: path.to_owned(),
            kind,
            bytes: 2048,
            sha256: Digest::of(path.as_bytes()),
            at_ns: InstantNs(*clock),
        }));
    }
    tape.agent(Event::FileSkipped(FileSkipped {
        path: "broken.json".to_owned(),
        reason: "expected `,` or `}` at line 3".to_owned(),
        at_ns: InstantNs(*clock),
    }));
    let at_ns = InstantNs(*clock);
    tape.agent(Event::StageFinished(StageMark { stage: Stage::Ingest, at_ns }));
}

fn conditions(at: u64, start: u64) -> Event {
    Event::Conditions(ConditionsSample {
        conditions: Conditions {
            load_1min: Some(0.4),
            busy_cpu_ns: Some(at - start),
            stolen_cpu_ns: Some(0),
            ..Conditions::default()
        },
        at_ns: InstantNs(at),
    })
}

fn clock_sample(at: u64, step: i64) -> Event {
    let realtime = 1_770_000_000_000_000_000_i128 + i128::from(at) + i128::from(step);
    Event::Clock(ClockSample {
        at_ns: InstantNs(at),
        realtime_ns: realtime.to_string(),
        uncertainty_ns: DurationNs(200),
    })
}

fn call(
    tape: &mut Tape,
    (number, stage, status): (u32, Stage, CallStatus),
    shape: &Shape,
    clock: &mut u64,
    noise: &mut Noise,
) {
    let request = format!("{{\"stage\":\"{}\"}}", stage.name());
    let digest = Digest::of(request.as_bytes());
    *clock += millis(0.2);
    let connect = *clock;
    *clock += millis(0.1);
    let sent = *clock;
    tape.agent(Event::CallSent(CallSent {
        call: number,
        stage,
        server: "main".to_owned(),
        api: Api::OllamaGenerate,
        request,
        request_sha256: digest,
        parity_sha256: digest,
        nonce: None,
        connection: ConnectionMode::Fresh,
        planned_ns: InstantNs(connect),
        connect_ns: Some(InstantNs(connect)),
        connected_ns: Some(InstantNs(sent)),
        sent_ns: Some(InstantNs(sent)),
    }));
    let load = if number == 0 { shape.load_ms } else { 0.4 };
    let prompt = shape.prompt_ms * (1.0 + 0.03 * noise.next());
    *clock += millis(load + prompt);
    let n_tokens = shape.tokens[number as usize];
    let n_sent = if status == CallStatus::Completed { n_tokens } else { n_tokens / 3 };
    let mut text = String::new();
    for index in 0..n_sent {
        *clock += millis(1e3 / shape.rate * (1.0 + 0.05 * noise.next()));
        let word = format!("{}{index} ", shape.answer);
        text.push_str(&word);
        tape.agent(Event::Chunk(chunk(number, index, *clock, shape, Some(word))));
    }
    *clock += millis(0.1);
    if status == CallStatus::Completed {
        tape.agent(Event::Chunk(chunk(number, n_sent, *clock, shape, None)));
    }
    let completed = status == CallStatus::Completed;
    let eval = f64::from(n_tokens) * 1e3 / shape.rate;
    let nanos = |value: f64| completed.then(|| DurationNs(millis(value)));
    tape.agent(Event::CallFinished(CallFinished {
        call: number,
        status,
        error: (!completed).then(|| "the stream ended before its final record".to_owned()),
        http_status: Some(200),
        header_ns: Some(InstantNs(sent + 1000)),
        end_ns: InstantNs(*clock),
        finish_reason: completed.then(|| "stop".to_owned()),
        usage: Usage {
            prompt_tokens: completed.then_some(shape.prompt_tokens),
            cached_prompt_tokens: completed.then_some(shape.cached),
            output_tokens: completed.then_some(u64::from(n_tokens)),
        },
        server: ServerTimings {
            total_ns: nanos(load + prompt + eval),
            load_ns: nanos(load),
            prompt_eval_ns: nanos(prompt),
            eval_ns: nanos(eval),
        },
        output_sha256: Digest::of(text.as_bytes()),
        n_chunks: n_sent + 1,
        n_reads: n_sent + 1,
    }));
}

fn chunk(call: u32, index: u32, at: u64, shape: &Shape, text: Option<String>) -> Chunk {
    let kernel_ns = shape.kernel.then_some(InstantNs(at));
    Chunk {
        call,
        index,
        at_ns: InstantNs(at + shape.delay_us * 1000),
        kernel_ns,
        read: index,
        bytes: 90,
        kind: if text.is_some() { ChunkKind::Content } else { ChunkKind::Final },
        text,
    }
}
