//! Made-up runs of several implementations of one agent behind a tap: what each costs
//! goes in as stated values, evidence comes out. Deterministic; no clock, no files.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::environment::ServerIdentity;
use tachograph_model::event::{
    CallFinished, CallSent, CallStatus, Chunk, ChunkKind, ClockSample, Done, EVENT_SCHEMA, Event,
    FileIngested, FileKind, HARNESS, ProcessEnd, ProcessExited, ProcessResources, ProcessSpawned,
    Ready, Recorded, RunFinished, RunOutcome, RunStarted, ServerSeen, ServerTimings, Stage,
    StageMark, TAP_PREFIX, Usage, WorkflowOutcome,
};
use tachograph_model::plan::implementations::Protocol;
use tachograph_model::plan::{Api, ConnectionMode, Plan, expand, parse};
use tachograph_model::run::Run;
use tachograph_model::study::{RunEvidence, RunSealed, StudyHead};
use tachograph_model::units::{DurationNs, InstantNs};

use crate::fake;

/// Tokens of the two calls.
pub(crate) const TOKENS: [u32; 2] = [40, 60];
/// How long a request takes from an agent to the tap, and on to the server, in ms.
pub(crate) const ON_THE_WAY_MS: f64 = 0.02;
/// How long a chunk takes from the tap to the agent, in ms.
pub(crate) const BACK_MS: f64 = 0.05;

/// What a run of one implementation costs, and how the server answers it.
#[derive(Debug, Clone)]
pub(crate) struct Traits {
    pub(crate) startup_ms: f64,
    pub(crate) ingest_ms: f64,
    /// Time before each request.
    pub(crate) call_ms: f64,
    /// Time after each answer, per token of it.
    pub(crate) token_ms: f64,
    pub(crate) user_cpu_ms: f64,
    pub(crate) system_cpu_ms: f64,
    pub(crate) rss_mb: f64,
    pub(crate) threads: u32,
    /// The server's time for the prompt, and per token.
    pub(crate) prompt_ms: f64,
    pub(crate) pace_ms: f64,
    /// What the agent does differently.
    pub(crate) breach: Breach,
    /// By how much it says that tokens came earlier than they did.
    pub(crate) lie_ms: f64,
}

impl Default for Traits {
    fn default() -> Self {
        Self {
            startup_ms: 4.0,
            ingest_ms: 2.0,
            call_ms: 0.5,
            token_ms: 0.01,
            user_cpu_ms: 6.0,
            system_cpu_ms: 2.0,
            rss_mb: 8.0,
            threads: 1,
            prompt_ms: 50.0,
            pace_ms: 10.0,
            breach: Breach::None,
            lie_ms: 0.0,
        }
    }
}

/// A way of not doing the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Breach {
    None,
    PromptByte,
    Option,
    MissingFile,
    OtherFile,
    ExtraCall,
    OtherModel,
    OtherStage,
    OtherServer,
    /// The same request, written differently: no breach.
    Spelling,
}

/// Returns a plan of implementations behind the tap.
pub(crate) fn plan(blocks: u32, agents: &str, rest: &str) -> Plan {
    let text = format!(
        "schema = 'tachograph-plan/1'\nname = 'fake-contest'\n\
         question = 'Native or Python?'\nseed = 112\nblocks = {blocks}\n\
         [[servers]]\nname = 'live'\nmodel = 'm'\nurl = 'http://127.0.0.1:9001'\n\
         [[servers]]\nname = 'tape'\nmodel = 'm'\nurl = 'http://127.0.0.1:9002'\n\
         {agents}\n{rest}"
    );
    parse::parse(&text).unwrap_or_else(|error| panic!("{error:?}")).plan
}

/// Two agents, on the server `live`.
pub(crate) const TWO: &str = "[[agents]]\nname = 'native'\nserver = 'live'\n\
     [[agents]]\nname = 'python'\nserver = 'live'\nimplementation = 'python-httpx'\n\
     [implementations]\nagents = ['native', 'python']\n";

/// Returns a study in which every run went as `traits` says; `None` leaves it out.
pub(crate) fn study(
    plan: &Plan,
    traits: &dyn Fn(&Run) -> Option<Traits>,
) -> (StudyHead, Vec<RunEvidence>) {
    let mut clock_ms = 1_000.0;
    let mut evidence = Vec::new();
    for run in expand::runs(plan) {
        if let Some(traits) = traits(&run) {
            evidence.push(Tape::play(plan, &run, &traits, &mut clock_ms));
            clock_ms += 100.0;
        }
    }
    (fake::head(plan, &evidence), evidence)
}

struct Tape<'a> {
    events: Vec<Recorded>,
    run: &'a Run,
    traits: &'a Traits,
    now_ms: f64,
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up times are small and positive"
)]
fn nanos(millis: f64) -> u64 {
    (millis * 1e6).round() as u64
}

fn at(millis: f64) -> InstantNs {
    InstantNs(nanos(millis))
}

impl<'a> Tape<'a> {
    fn agent(&self) -> &'a str {
        &self.run.placements[0].agent
    }

    fn harness(&mut self, event: Event) {
        self.events.push(Recorded { source: HARNESS.to_owned(), event });
    }

    fn own(&mut self, event: Event) {
        let source = self.agent().to_owned();
        self.events.push(Recorded { source, event });
    }

    fn tap(&mut self, event: Event) {
        let source = format!("{TAP_PREFIX}{}", self.agent());
        self.events.push(Recorded { source, event });
    }

    fn play(plan: &Plan, run: &'a Run, traits: &'a Traits, clock_ms: &mut f64) -> RunEvidence {
        let mut tape = Tape { events: Vec::new(), run, traits, now_ms: *clock_ms };
        let placement = &run.placements[0];
        let spec = plan.agent(&placement.spec).expect("the plan has its agents");
        let speaks = spec.protocol == Protocol::Worker;
        tape.harness(Event::RunStarted(RunStarted {
            schema: EVENT_SCHEMA.to_owned(),
            run: run.id.to_string(),
            index: run.index,
            at_ns: at(tape.now_ms),
        }));
        tape.harness(Event::ProcessSpawned(ProcessSpawned {
            agent: placement.agent.clone(),
            command: vec!["agent".to_owned()],
            pid: 7,
            at_ns: at(tape.now_ms),
        }));
        tape.now_ms += traits.startup_ms;
        let mut own = Tape { events: Vec::new(), ..tape };
        own.workflow();
        let Tape { events, now_ms, .. } = own;
        let mut tape = Tape { events: tape.events, run, traits, now_ms };
        let prefix = TAP_PREFIX;
        tape.events
            .extend(events.into_iter().filter(|event| speaks || event.source.starts_with(prefix)));
        tape.close(clock_ms)
    }

    /// What the agent does between readiness and its end.
    fn workflow(&mut self) {
        self.own(Event::Ready(Ready {
            protocol: 1,
            implementation: format!("{}/1.0", self.agent()),
            pid: 7,
            at_ns: at(self.now_ms),
        }));
        self.own(Event::Clock(clock(self.now_ms)));
        self.tap(Event::Clock(clock(self.now_ms)));
        let mark = |stage, now_ms| StageMark { stage, at_ns: at(now_ms) };
        self.own(Event::StageStarted(mark(Stage::Ingest, self.now_ms)));
        self.now_ms += self.traits.ingest_ms;
        let mut files = vec![("runs.csv", "a"), ("notes.md", "b")];
        match self.traits.breach {
            Breach::MissingFile => drop(files.pop()),
            Breach::OtherFile => files[1].1 = "c",
            _ => {}
        }
        for (path, content) in files {
            self.own(Event::FileIngested(FileIngested {
                path: path.to_owned(),
                kind: FileKind::Csv,
                bytes: 100,
                sha256: Digest::of(content.as_bytes()),
                at_ns: at(self.now_ms),
            }));
        }
        self.own(Event::StageFinished(mark(Stage::Ingest, self.now_ms)));
        let n_calls = if self.traits.breach == Breach::ExtraCall { 3 } else { 2 };
        let last =
            if self.traits.breach == Breach::OtherStage { Stage::Analysis } else { Stage::Report };
        for (number, stage) in [Stage::Analysis, last, last].into_iter().enumerate().take(n_calls) {
            self.own(Event::StageStarted(mark(stage, self.now_ms)));
            self.call(u32::try_from(number).expect("few calls"), stage);
            self.own(Event::StageFinished(mark(stage, self.now_ms)));
        }
        self.own(Event::Clock(clock(self.now_ms)));
        self.tap(Event::Clock(clock(self.now_ms)));
        let at_ns = at(self.now_ms);
        self.own(Event::Done(Done { outcome: WorkflowOutcome::Completed, at_ns }));
    }

    fn request(&self, number: u32) -> String {
        let breach = if number == 0 { self.traits.breach } else { Breach::None };
        let (model, seed, prompt) = match breach {
            Breach::PromptByte => ("m", 7, "Tell ma of the data."),
            Breach::Option => ("m", 8, "Tell me of the data."),
            Breach::OtherModel => ("n", 7, "Tell me of the data."),
            _ => ("m", 7, "Tell me of the data."),
        };
        if self.traits.breach == Breach::Spelling {
            return format!(
                "{{\"prompt\": \"{prompt} {number}\", \"options\": {{\"seed\": {seed}.0}}, \"model\": \"{model}\"}}"
            );
        }
        format!(
            "{{\"model\":\"{model}\",\"prompt\":\"{prompt} {number}\",\"options\":{{\"seed\":{seed}}}}}"
        )
    }

    /// One call, as the tap saw it and as the agent tells of it.
    fn call(&mut self, number: u32, stage: Stage) {
        let traits = self.traits;
        self.now_ms += traits.call_ms;
        let sent = self.now_ms;
        let arrived = sent + ON_THE_WAY_MS;
        let passed_on = arrived + ON_THE_WAY_MS;
        let n_tokens = TOKENS[number as usize % 2];
        let first = passed_on + traits.prompt_ms;
        let tokens: Vec<f64> =
            (0..n_tokens).map(|i| first + traits.pace_ms * f64::from(i)).collect();
        let ended = first + traits.pace_ms * f64::from(n_tokens);
        let request = self.request(number);
        let server = self.run.placements[0].server.clone();
        let digest = Digest::of(request.as_bytes());
        let call_sent = |stage, planned: f64, sent: f64| {
            Event::CallSent(CallSent {
                call: number,
                stage,
                server: server.clone(),
                api: Api::OllamaGenerate,
                request: request.clone(),
                request_sha256: digest,
                parity_sha256: digest,
                nonce: None,
                connection: ConnectionMode::Fresh,
                planned_ns: at(planned),
                connect_ns: None,
                connected_ns: Some(at(sent)),
                sent_ns: Some(at(sent)),
            })
        };
        let text: String = (0..n_tokens).map(word).collect();
        let finished = |ended: f64| {
            Event::CallFinished(CallFinished {
                call: number,
                status: CallStatus::Completed,
                error: None,
                http_status: Some(200),
                header_ns: Some(at(first)),
                end_ns: at(ended),
                finish_reason: Some("stop".to_owned()),
                usage: Usage {
                    prompt_tokens: Some(480),
                    cached_prompt_tokens: None,
                    output_tokens: Some(u64::from(n_tokens)),
                },
                server: ServerTimings {
                    total_ns: None,
                    load_ns: Some(DurationNs(0)),
                    prompt_eval_ns: Some(DurationNs(nanos(traits.prompt_ms))),
                    eval_ns: Some(DurationNs(nanos(traits.pace_ms * f64::from(n_tokens)))),
                },
                output_sha256: Digest::of(text.as_bytes()),
                n_chunks: n_tokens + 1,
                n_reads: n_tokens + 1,
            })
        };
        let chunk = |index: u32, at_ms: f64, kernel: bool| {
            let is_final = index == n_tokens;
            Event::Chunk(Chunk {
                call: number,
                index,
                at_ns: at(at_ms),
                kernel_ns: kernel.then_some(at(at_ms)),
                read: index,
                bytes: 90,
                kind: if is_final { ChunkKind::Final } else { ChunkKind::Content },
                text: (!is_final).then(|| word(index)),
            })
        };
        self.tap(call_sent(Stage::Other, arrived, passed_on));
        for (index, token) in (0..).zip(tokens.iter().copied().chain([ended])) {
            self.tap(chunk(index, token, true));
        }
        self.tap(finished(ended));
        self.own(call_sent(stage, sent, sent));
        let late = BACK_MS - traits.lie_ms;
        for (index, token) in (0..).zip(tokens.iter().copied().chain([ended])) {
            self.own(chunk(index, token + late, false));
        }
        self.own(finished(ended + late));
        self.now_ms = ended + traits.token_ms * f64::from(n_tokens);
    }

    /// The end of the process and of the run.
    fn close(mut self, clock_ms: &mut f64) -> RunEvidence {
        self.now_ms += 1.0;
        let (run, traits) = (self.run, self.traits);
        self.harness(Event::ProcessExited(ProcessExited {
            agent: run.placements[0].agent.clone(),
            end: ProcessEnd::Exited(0),
            ended_by_harness: false,
            at_ns: at(self.now_ms),
            resources: Some(ProcessResources {
                user_cpu_ns: DurationNs(nanos(traits.user_cpu_ms)),
                system_cpu_ns: DurationNs(nanos(traits.system_cpu_ms)),
                peak_rss_bytes: nanos(traits.rss_mb),
                voluntary_switches: 100,
                involuntary_switches: 5,
                threads_seen: Some(traits.threads),
            }),
        }));
        let model = if traits.breach == Breach::OtherServer { "sha256:b" } else { "sha256:a" };
        let identity = ServerIdentity {
            product: Some("ollama".to_owned()),
            version: Some("0.33.3".to_owned()),
            model_digest: Some(model.to_owned()),
            ..ServerIdentity::default()
        };
        let server = run.placements[0].server.clone();
        let at_ns = at(self.now_ms);
        self.harness(Event::ServerSeen(ServerSeen { server, identity, at_ns }));
        let outcome = RunOutcome::Completed;
        let remarks = BTreeMap::new();
        self.harness(Event::RunFinished(RunFinished { outcome, remarks, at_ns }));
        *clock_ms = self.now_ms;
        let lines = format!("{:?}", self.events).into_bytes();
        RunEvidence {
            sealed: RunSealed {
                run: run.id.clone(),
                index: run.index,
                outcome,
                files: BTreeMap::new(),
                events_sha256: Digest::of(&lines),
                n_events: self.events.len() as u64,
            },
            events: self.events,
        }
    }
}

/// The text of a token: each another one, so that no answer repeats itself.
fn word(index: u32) -> String {
    format!("word{index} ")
}

fn clock(now_ms: f64) -> ClockSample {
    let realtime = 1_770_000_000_000_000_000_i128 + i128::from(nanos(now_ms));
    ClockSample {
        at_ns: at(now_ms),
        realtime_ns: realtime.to_string(),
        uncertainty_ns: DurationNs(200),
    }
}
