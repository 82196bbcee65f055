//! The events of one made-up run.
//!
//! Owns: the order of events and the durations between them.
//!
//! Does not: use a clock or anything random that has no seed.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::environment::Conditions;
use tachograph_model::event::{
    Artifact, CallFinished, CallSent, CallStatus, Chunk, ChunkKind, ClockSample, ConditionsSample,
    Done, EVENT_SCHEMA, Event, FileIngested, FileKind, FileSkipped, HARNESS, ProcessEnd,
    ProcessExited, ProcessResources, ProcessSpawned, Ready, Recorded, RunFinished, RunOutcome,
    RunStarted, ServerSeen, ServerTimings, Stage, StageMark, Usage, WorkflowOutcome,
};
use tachograph_model::plan::{Api, ConnectionMode};
use tachograph_model::run::Run;
use tachograph_model::task::PROTOCOL;
use tachograph_model::units::{DurationNs, InstantNs};

use super::{FakeRun, StudyBuilder, identity};
use crate::corrupt::Random;

/// The agent of every made-up run.
const AGENT: &str = "analyst";
const MS: u64 = 1_000_000;
/// Loading the model, if the first call is cold.
const LOAD_NS: u64 = 1_500 * MS;
/// Evaluating the prompt.
const PROMPT_EVAL_NS: u64 = 40 * MS;
/// One output token.
const TOKEN_NS: u64 = 10 * MS;
/// Tokens that arrive before a call stalls.
const STALL_TOKENS: u32 = 2;
/// What the client adds to a chunk's kernel stamp.
const DELAY_NS: u64 = 12_000;

/// A run while it is made up.
struct Script<'a> {
    settings: &'a StudyBuilder,
    run: &'a Run,
    now: u64,
    calls: u32,
    random: Random,
    events: Vec<Recorded>,
}

/// Makes a run up.
pub(super) fn perform(settings: &StudyBuilder, run: Run) -> FakeRun {
    let mut script = Script {
        settings,
        run: &run,
        now: 1_000_000 * MS + u64::from(run.index) * 60_000 * MS,
        calls: 0,
        random: Random(u64::from(run.index) + 1),
        events: Vec::new(),
    };
    let outcome = script.whole_run();
    let events = script.events;
    let mut artifacts = BTreeMap::from([("stderr.txt".to_owned(), Vec::new())]);
    if outcome == RunOutcome::Completed {
        let report = format!("# Report of {}\n\nIt is made up.\n", run.id);
        artifacts.insert(format!("{AGENT}_report.md"), report.into_bytes());
    }
    FakeRun { run, outcome, events, artifacts }
}

impl Script<'_> {
    fn at(&self) -> InstantNs {
        InstantNs(self.now)
    }

    fn harness(&mut self, event: Event) {
        self.events.push(Recorded { source: HARNESS.to_owned(), event });
    }

    fn agent(&mut self, event: Event) {
        self.events.push(Recorded { source: AGENT.to_owned(), event });
    }

    /// Lets time pass: `ns`, and up to the stated noise more.
    fn pass(&mut self, ns: u64) -> u64 {
        let fraction = self.settings.noise_fraction * self.random.fraction();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a small positive duration"
        )]
        let noisy = (ns as f64 * (1.0 + fraction)) as u64;
        self.now += noisy;
        noisy
    }

    fn whole_run(&mut self) -> RunOutcome {
        let (run, index) = (self.run.id.to_string(), self.run.index);
        let at_ns = self.at();
        let schema = EVENT_SCHEMA.to_owned();
        self.harness(Event::RunStarted(RunStarted { schema, run, index, at_ns }));
        let (server, identity) = ("main".to_owned(), identity());
        self.harness(Event::ServerSeen(ServerSeen { server, identity, at_ns }));
        self.conditions();
        let command = vec!["tacho".to_owned(), "worker".to_owned()];
        let spawned = ProcessSpawned { agent: AGENT.to_owned(), command, pid: 4711, at_ns };
        self.harness(Event::ProcessSpawned(spawned));
        self.pass(3 * MS);
        let completed = self.workflow();
        self.pass(MS);
        let exited = ProcessExited {
            agent: AGENT.to_owned(),
            end: ProcessEnd::Exited(i32::from(!completed)),
            ended_by_harness: false,
            at_ns: self.at(),
            resources: Some(ProcessResources {
                user_cpu_ns: DurationNs(9 * MS),
                system_cpu_ns: DurationNs(3 * MS),
                peak_rss_bytes: 9 << 20,
                voluntary_switches: 40,
                involuntary_switches: 2,
                threads_seen: None,
            }),
        };
        self.harness(Event::ProcessExited(exited));
        self.conditions();
        let outcome = if completed { RunOutcome::Completed } else { RunOutcome::Failed };
        let remarks = BTreeMap::new();
        let at_ns = self.at();
        self.harness(Event::RunFinished(RunFinished { outcome, remarks, at_ns }));
        outcome
    }

    fn conditions(&mut self) {
        let conditions = Conditions {
            load_1min: Some(0.1 + 0.7 * f64::from(self.run.index)),
            memory_available_bytes: Some(4 << 30),
            busy_cpu_ns: Some(self.now / 10),
            stolen_cpu_ns: Some(0),
            ..Conditions::default()
        };
        let at_ns = self.at();
        self.harness(Event::Conditions(ConditionsSample { conditions, at_ns }));
    }

    /// Returns whether every stage was carried out.
    fn workflow(&mut self) -> bool {
        let implementation = "tachograph-native/0.0.0".to_owned();
        let at_ns = self.at();
        self.agent(Event::Ready(Ready { protocol: PROTOCOL, implementation, pid: 4711, at_ns }));
        self.agent(Event::Clock(ClockSample {
            at_ns,
            realtime_ns: (1_767_322_645_000_000_000 + self.now).to_string(),
            uncertainty_ns: DurationNs(40),
        }));
        self.ingest();
        let warmups = (0..self.settings.warmup_calls).map(|_| Stage::Warmup);
        let stages: Vec<Stage> = warmups.chain([Stage::Analysis, Stage::Report]).collect();
        for stage in stages {
            let at_ns = self.at();
            self.agent(Event::StageStarted(StageMark { stage, at_ns }));
            if self.call(stage) != CallStatus::Completed {
                let (outcome, at_ns) = (WorkflowOutcome::CallFailed, self.at());
                self.agent(Event::Done(Done { outcome, at_ns }));
                return false;
            }
            let at_ns = self.at();
            self.agent(Event::StageFinished(StageMark { stage, at_ns }));
        }
        let name = "report.md".to_owned();
        let content = format!("# Report of {}\n\nIt is made up.\n", self.run.id);
        let at_ns = self.at();
        self.agent(Event::Artifact(Artifact { name, content, at_ns }));
        self.agent(Event::Done(Done { outcome: WorkflowOutcome::Completed, at_ns }));
        true
    }

    fn ingest(&mut self) {
        let at_ns = self.at();
        self.agent(Event::StageStarted(StageMark { stage: Stage::Ingest, at_ns }));
        for (path, kind) in [
            ("latency.csv", FileKind::Csv),
            ("nested/run.json", FileKind::Json),
            ("notes.md", FileKind::Markdown),
        ] {
            self.pass(MS / 5);
            let (path, sha256) = (path.to_owned(), Digest::of(path.as_bytes()));
            let at_ns = self.at();
            self.agent(Event::FileIngested(FileIngested { path, kind, bytes: 321, sha256, at_ns }));
        }
        let (path, reason) = ("broken.json".to_owned(), "line 3: expected a comma".to_owned());
        let at_ns = self.at();
        self.agent(Event::FileSkipped(FileSkipped { path, reason, at_ns }));
        self.agent(Event::StageFinished(StageMark { stage: Stage::Ingest, at_ns }));
    }

    fn call(&mut self, stage: Stage) -> CallStatus {
        let call = self.calls;
        self.calls += 1;
        let stalls = stage != Stage::Warmup
            && self.settings.failures.get(&self.run.id).is_some_and(|failing| *failing == stage);
        let planned_ns = self.at();
        self.pass(MS / 10);
        let connected_ns = self.at();
        self.pass(MS / 50);
        let options = serde_json::to_string(&self.run.options()).expect("options are JSON");
        let request = format!(
            "{{\"model\":\"fake:1b\",\"prompt\":\"{} {}\",\"options\":{options}}}",
            stage.name(),
            "x".repeat(400)
        );
        let digest = Digest::of(request.as_bytes());
        let sent_ns = self.at();
        self.agent(Event::CallSent(CallSent {
            call,
            stage,
            server: "main".to_owned(),
            api: Api::OllamaGenerate,
            request,
            request_sha256: digest,
            parity_sha256: digest,
            nonce: None,
            connection: ConnectionMode::Fresh,
            planned_ns,
            connect_ns: Some(planned_ns),
            connected_ns: Some(connected_ns),
            sent_ns: Some(sent_ns),
        }));
        let cold = self.settings.cold_first_call && call == 0;
        let load = if cold { self.pass(LOAD_NS) } else { 2 * MS };
        let prompt_eval = self.pass(PROMPT_EVAL_NS);
        let header_ns = self.at();
        let n_tokens = if stalls { STALL_TOKENS } else { self.settings.output_tokens };
        let eval = self.chunks(call, n_tokens, !stalls);
        let times = (!stalls).then_some([load, prompt_eval, eval]);
        let end = self.end(call, (sent_ns, header_ns), times);
        let status = end.status;
        self.agent(Event::CallFinished(end));
        status
    }

    /// Records `n_tokens` chunks and, if the answer is whole, its final record;
    /// returns the time since the first.
    fn chunks(&mut self, call: u32, n_tokens: u32, whole: bool) -> u64 {
        let slowdown = self.settings.slowdowns.get(&self.run.id.configuration.0).copied();
        let mut eval = 0;
        for index in 0..n_tokens {
            if index > 0 {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a small positive duration"
                )]
                let token_ns = (TOKEN_NS as f64 * slowdown.unwrap_or(1.0)) as u64;
                eval += self.pass(token_ns);
            }
            let text = Some(word(index));
            self.chunk(call, index, ChunkKind::Content, text);
        }
        if whole {
            self.chunk(call, n_tokens, ChunkKind::Final, None);
        }
        eval
    }

    fn chunk(&mut self, call: u32, index: u32, kind: ChunkKind, text: Option<String>) {
        let chunk = Chunk {
            call,
            index,
            at_ns: InstantNs(self.now + DELAY_NS),
            kernel_ns: Some(self.at()),
            read: index,
            bytes: 96,
            kind,
            text,
        };
        self.agent(Event::Chunk(chunk));
    }

    /// Returns the end of a call that was sent at `sent_ns` and whose load,
    /// prompt evaluation and decoding took these times; without them it stalls.
    fn end(
        &mut self,
        call: u32,
        (sent_ns, header_ns): (InstantNs, InstantNs),
        times: Option<[u64; 3]>,
    ) -> CallFinished {
        let n_tokens = if times.is_some() { self.settings.output_tokens } else { STALL_TOKENS };
        let n_chunks = n_tokens + u32::from(times.is_some());
        let answer: Vec<String> = (0..n_tokens).map(word).collect();
        let mut usage = Usage::default();
        let mut server = ServerTimings::default();
        if let Some([load, prompt_eval, eval]) = times {
            usage.prompt_tokens = Some(100);
            usage.cached_prompt_tokens = Some(0);
            usage.output_tokens = Some(u64::from(n_tokens));
            let total = (self.now - sent_ns.0).max(load + prompt_eval + eval);
            server.total_ns = Some(DurationNs(total));
            server.load_ns = Some(DurationNs(load));
            server.prompt_eval_ns = Some(DurationNs(prompt_eval));
            server.eval_ns = Some(DurationNs(eval));
        } else {
            self.pass(500 * MS);
        }
        CallFinished {
            call,
            status: times.map_or(CallStatus::Stalled, |_| CallStatus::Completed),
            error: times.is_none().then(|| "no chunk for 0.5 s".to_owned()),
            http_status: Some(200),
            header_ns: Some(header_ns),
            end_ns: self.at(),
            finish_reason: times.map(|_| "stop".to_owned()),
            usage,
            server,
            output_sha256: Digest::of(answer.concat().as_bytes()),
            n_chunks,
            n_reads: n_chunks,
        }
    }
}

fn word(index: u32) -> String {
    format!("word{index} ")
}
