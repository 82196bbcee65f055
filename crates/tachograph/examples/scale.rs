//! What a large study costs to analyse.
//!
//! ```text
//! cargo build --release --example scale
//! target/release/examples/scale make FOLDER 10000 100   # runs, calls of each
//! target/release/examples/scale split FOLDER            # where time and memory go
//! ```
//!
//! Owns: a made-up study that is well formed in every byte, written as a real one
//! is, and the time of each step of its analysis.
//!
//! Does not: measure anything that a server did; `tacho report` on the folder is
//! what a user waits for.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;
use std::time::Instant;

use tachograph_model::digest::Digest;
use tachograph_model::environment::{
    Conditions, ENVIRONMENT_SCHEMA, Environment, Harness, Host, ServerIdentity,
};
use tachograph_model::event::{
    CallFinished, CallSent, CallStatus, Chunk, ChunkKind, ClockSample, ConditionsSample, Done,
    EVENT_SCHEMA, Event, FileIngested, FileKind, HARNESS, ProcessEnd, ProcessExited,
    ProcessResources, ProcessSpawned, Ready, Recorded, RunFinished, RunOutcome, RunStarted,
    ServerSeen, ServerTimings, Stage, StageMark, Usage, WorkflowOutcome,
};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::{Api, ConnectionMode, Plan, expand, parse};
use tachograph_model::run::Run;
use tachograph_model::study::RunBegun;
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_store::{NewStudy, Study};

const AT: &str = "2026-03-01T12:00:00Z";
/// Nine combinations and the baseline: a block has ten runs.
const BLOCK_RUNS: u32 = 10;
/// Pieces of each answer, the last without text.
const CHUNKS: u32 = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [_, "make", folder, n_runs, n_calls] => {
            make(Path::new(folder), n_runs.parse()?, n_calls.parse()?)
        }
        [_, "split", folder] => split(Path::new(folder)),
        _ => Err("usage: scale make FOLDER RUNS CALLS, or scale split FOLDER".into()),
    }
}

fn make(folder: &Path, n_runs: u32, n_calls: u32) -> Result<(), Box<dyn Error>> {
    let text = plan_text(n_runs.div_ceil(BLOCK_RUNS));
    let plan = parse::parse(&text).map_err(|error| error.message)?.plan;
    let new = NewStudy {
        plan_toml: text.as_bytes(),
        plan: &plan,
        environment: &environment(),
        overrides: &[],
        harness_version: "0.1.0",
    };
    let mut study = Study::create(folder, &new, AT)?;
    let mut clock = 1_000_000_000;
    let mut n_events = 0;
    for run in expand::runs(&plan) {
        let begun = RunBegun { run: run.id.clone(), index: run.index };
        let mut writer = study.begin_run(&begun, AT)?;
        let mut tape = Tape { events: Vec::new(), clock, noise: u64::from(run.index) + 1 };
        tape.run(&plan, &run, n_calls);
        clock = tape.clock;
        n_events += tape.events.len();
        for event in &tape.events {
            writer.append(event)?;
        }
        writer.seal(RunOutcome::Completed, AT)?;
    }
    study.complete(AT)?;
    println!("{n_events} events of {} runs", study.n_sealed());
    Ok(())
}

fn plan_text(blocks: u32) -> String {
    format!(
        r#"schema = "tachograph-plan/1"
name = "scale"
question = "How long does the analysis of a large study take?"
seed = 7
blocks = {blocks}

[[servers]]
name = "main"
model = "smollm2:135m"
url = "http://127.0.0.1:11434"

[[agents]]
name = "analyst"
server = "main"

[options]
num_predict = 512

[factors]
num_ctx = [1024, 2048, 4096]
temperature = [0.2, 0.5, 0.8]
"#
    )
}

fn environment() -> Environment {
    Environment {
        schema: ENVIRONMENT_SCHEMA.to_owned(),
        started_at: AT.to_owned(),
        harness: Harness {
            version: "0.1.0".to_owned(),
            git_commit: None,
            profile: "release".to_owned(),
            executable_sha256: None,
        },
        host: Some(Host {
            os: "Linux".to_owned(),
            arch: "x86_64".to_owned(),
            cpu_model: None,
            n_cpus: 2,
            governor: None,
            clocksource: None,
            memory_bytes: None,
            virtualised: None,
            kernel_stamps: true,
        }),
        gpus: Vec::new(),
        servers: BTreeMap::from([("main".to_owned(), identity(4096))]),
        implementations: std::collections::BTreeMap::new(),
    }
}

fn identity(context: u64) -> ServerIdentity {
    ServerIdentity {
        product: Some("ollama".to_owned()),
        version: Some("0.33.3".to_owned()),
        model: Some("smollm2:135m".to_owned()),
        model_digest: Some("sha256:feed".to_owned()),
        context_length: Some(context),
        ..ServerIdentity::default()
    }
}

/// The events of one run, as they are made.
struct Tape {
    events: Vec<Recorded>,
    clock: u64,
    noise: u64,
}

impl Tape {
    fn harness(&mut self, event: Event) {
        self.events.push(Recorded { source: HARNESS.to_owned(), event });
    }

    fn agent(&mut self, event: Event) {
        self.events.push(Recorded { source: "analyst".to_owned(), event });
    }

    /// Lets so many microseconds pass, give or take a tenth, and returns the instant
    /// (noise after Steele et al. 2014, `splitmix64`).
    fn wait(&mut self, microseconds: u64) -> InstantNs {
        self.noise = self.noise.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.noise;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        self.clock += microseconds * (900 + (z ^ (z >> 31)) % 200);
        InstantNs(self.clock)
    }

    fn run(&mut self, plan: &Plan, run: &Run, n_calls: u32) {
        let place = expand::configurations(plan)
            .iter()
            .position(|each| each.id == run.id.configuration)
            .unwrap_or_default();
        let context = match run.options().get("num_ctx") {
            Some(OptionValue::Integer(length)) => length.unsigned_abs(),
            _ => 4096,
        };
        let at_ns = self.wait(1000);
        let start = at_ns;
        self.harness(Event::RunStarted(RunStarted {
            schema: EVENT_SCHEMA.to_owned(),
            run: run.id.to_string(),
            index: run.index,
            at_ns,
        }));
        self.conditions(start);
        let spawned = self.wait(100);
        self.harness(Event::ProcessSpawned(ProcessSpawned {
            agent: "analyst".to_owned(),
            command: vec!["tacho".to_owned(), "worker".to_owned()],
            pid: 4242,
            at_ns: spawned,
        }));
        let at_ns = self.wait(3000);
        self.agent(Event::Ready(Ready {
            protocol: 1,
            implementation: "tachograph-native/0.1.0".to_owned(),
            pid: 4242,
            at_ns,
        }));
        self.clock_sample();
        self.ingest();
        for (stage, calls) in
            [(Stage::Analysis, 0..n_calls / 2), (Stage::Report, n_calls / 2..n_calls)]
        {
            let at_ns = self.wait(10);
            self.agent(Event::StageStarted(StageMark { stage, at_ns }));
            for number in calls {
                // Configurations differ by a percent each.
                self.call(number, stage, 8000 + 80 * place as u64);
            }
            let at_ns = self.wait(10);
            self.agent(Event::StageFinished(StageMark { stage, at_ns }));
        }
        self.clock_sample();
        let at_ns = self.wait(10);
        self.agent(Event::Done(Done { outcome: WorkflowOutcome::Completed, at_ns }));
        self.finish(spawned, start, context);
    }

    fn finish(&mut self, spawned: InstantNs, start: InstantNs, context: u64) {
        let at_ns = self.wait(1000);
        let cpu = (at_ns.0 - spawned.0) / 50;
        self.harness(Event::ProcessExited(ProcessExited {
            agent: "analyst".to_owned(),
            end: ProcessEnd::Exited(0),
            ended_by_harness: false,
            at_ns,
            resources: Some(ProcessResources {
                user_cpu_ns: DurationNs(cpu),
                system_cpu_ns: DurationNs(cpu / 4),
                peak_rss_bytes: 6_400_000 + at_ns.0 % 100_000,
                voluntary_switches: 300,
                involuntary_switches: 4,
                threads_seen: None,
            }),
        }));
        self.conditions(start);
        let at_ns = self.wait(10);
        let seen = ServerSeen { server: "main".to_owned(), identity: identity(context), at_ns };
        self.harness(Event::ServerSeen(seen));
        let at_ns = self.wait(10);
        self.harness(Event::RunFinished(RunFinished {
            outcome: RunOutcome::Completed,
            remarks: BTreeMap::new(),
            at_ns,
        }));
    }

    fn conditions(&mut self, start: InstantNs) {
        let at_ns = self.wait(10);
        let conditions = Conditions {
            load_1min: Some(0.4),
            busy_cpu_ns: Some(at_ns.0 - start.0),
            stolen_cpu_ns: Some(0),
            ..Conditions::default()
        };
        self.harness(Event::Conditions(ConditionsSample { conditions, at_ns }));
    }

    fn clock_sample(&mut self) {
        let at_ns = self.wait(10);
        self.agent(Event::Clock(ClockSample {
            at_ns,
            realtime_ns: (1_770_000_000_000_000_000 + u128::from(at_ns.0)).to_string(),
            uncertainty_ns: DurationNs(200),
        }));
    }

    fn ingest(&mut self) {
        let at_ns = self.wait(10);
        self.agent(Event::StageStarted(StageMark { stage: Stage::Ingest, at_ns }));
        for (path, kind) in [("2024/runs.csv", FileKind::Csv), ("notes.md", FileKind::Markdown)] {
            let at_ns = self.wait(500);
            self.agent(Event::FileIngested(FileIngested {
                path: path.to_owned(),
                kind,
                bytes: 2048,
                sha256: Digest::of(path.as_bytes()),
                at_ns,
            }));
        }
        let at_ns = self.wait(10);
        self.agent(Event::StageFinished(StageMark { stage: Stage::Ingest, at_ns }));
    }

    fn call(&mut self, number: u32, stage: Stage, token_us: u64) {
        let request = format!(
            r#"{{"model":"smollm2:135m","prompt":"{number:06} {}","stream":true,"options":{{"num_ctx":2048,"num_predict":512,"seed":7,"temperature":0.5}}}}"#,
            "Summarise the rows of the table, then name three findings. ".repeat(6)
        );
        let digest = Digest::of(request.as_bytes());
        let connect = self.wait(200);
        let sent = self.wait(100);
        self.agent(Event::CallSent(CallSent {
            call: number,
            stage,
            server: "main".to_owned(),
            api: Api::OllamaGenerate,
            request,
            request_sha256: digest,
            parity_sha256: Digest::of(stage.name().as_bytes()),
            nonce: None,
            connection: ConnectionMode::Fresh,
            planned_ns: connect,
            connect_ns: Some(connect),
            connected_ns: Some(sent),
            sent_ns: Some(sent),
        }));
        let load = DurationNs(400_000);
        let first = self.wait(80_000);
        let mut text = String::new();
        for index in 0..CHUNKS {
            let word = (index + 1 < CHUNKS).then(|| format!("finding {number} of row {index}, "));
            text.extend(word.clone());
            let at = self.wait(token_us);
            self.agent(Event::Chunk(Chunk {
                call: number,
                index,
                at_ns: InstantNs(at.0 + 12_000),
                kernel_ns: Some(at),
                read: index,
                bytes: 120,
                kind: if word.is_some() { ChunkKind::Content } else { ChunkKind::Final },
                text: word,
            }));
        }
        let end_ns = self.wait(10);
        let (prompt, eval) = (DurationNs(first.0 - sent.0), DurationNs(end_ns.0 - first.0));
        self.agent(Event::CallFinished(CallFinished {
            call: number,
            status: CallStatus::Completed,
            error: None,
            http_status: Some(200),
            header_ns: Some(first),
            end_ns,
            finish_reason: Some("stop".to_owned()),
            usage: Usage {
                prompt_tokens: Some(120),
                cached_prompt_tokens: Some(0),
                output_tokens: Some(u64::from(CHUNKS - 1)),
            },
            server: ServerTimings {
                total_ns: Some(DurationNs(load.0 + prompt.0 + eval.0)),
                load_ns: Some(load),
                prompt_eval_ns: Some(prompt),
                eval_ns: Some(eval),
            },
            output_sha256: Digest::of(text.as_bytes()),
            n_chunks: CHUNKS,
            n_reads: CHUNKS,
        }));
    }
}

fn split(folder: &Path) -> Result<(), Box<dyn Error>> {
    let start = Instant::now();
    let study = Study::open(folder)?;
    step("open", start);
    let plan = &study.head().plan;
    let (mut reading, mut distilling) = (0.0, 0.0);
    let mut facts = Vec::new();
    let mut n_calls = 0;
    for sealed in study.head().sealed() {
        let start = Instant::now();
        let evidence = study.read_run(sealed)?;
        reading += start.elapsed().as_secs_f64();
        let start = Instant::now();
        let run = tachograph_report::distil(evidence, plan);
        distilling += start.elapsed().as_secs_f64();
        n_calls += run.calls().count();
        facts.push(run);
    }
    println!("{:<28}{reading:>8.2} s", "read, digests, parse");
    println!("{:<28}{distilling:>8.2} s{}", "distil", peak());
    let start = Instant::now();
    let analysis = tachograph_report::analyse(study.head(), &facts);
    step("analyse", start);
    let start = Instant::now();
    let rendered = tachograph_report::render(&analysis);
    let n_bytes: usize = rendered.files().values().map(Vec::len).sum();
    step("render", start);
    let start = Instant::now();
    let n_table_bytes = tables(&facts)?;
    step("tables", start);
    println!(
        "{} runs, {n_calls} calls; report {:.1} MB, tables {:.1} MB",
        facts.len(),
        n_bytes as f64 / 1e6,
        n_table_bytes as f64 / 1e6
    );
    Ok(())
}

#[cfg(feature = "parquet")]
fn tables(facts: &[tachograph_report::RunFacts]) -> Result<usize, Box<dyn Error>> {
    let mut n_bytes = 0;
    for table in tachograph_report::tables(facts, 1 << 16) {
        n_bytes += tachograph_store::parquet_bytes(table.parts)?.len();
    }
    Ok(n_bytes)
}

#[cfg(not(feature = "parquet"))]
fn tables(_facts: &[tachograph_report::RunFacts]) -> Result<usize, Box<dyn Error>> {
    Ok(0)
}

fn step(name: &str, start: Instant) {
    println!("{name:<28}{:>8.2} s{}", start.elapsed().as_secs_f64(), peak());
}

/// Returns the largest resident set so far, where the system tells.
fn peak() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<f64>().ok());
    kilobytes.map_or_else(String::new, |kb| format!("   peak {:>6.0} MB", kb * 1024.0 / 1e6))
}
