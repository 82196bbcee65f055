//! Made-up runs of several agents at once, in virtual time: a stated model of the
//! servers' capacity goes in, evidence comes out. Deterministic; no clock, no files.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tachograph_model::digest::Digest;
use tachograph_model::event::{
    CallFinished, CallSent, CallStatus, Chunk, ChunkKind, ClockSample, Done, EVENT_SCHEMA, Event,
    HARNESS, ProcessEnd, ProcessExited, ProcessSpawned, Ready, Recorded, Released, RunFinished,
    RunOutcome, RunStarted, ServerTimings, Stage, StageMark, Usage, Waiting, WorkflowOutcome,
};
use tachograph_model::plan::{Api, ConnectionMode, Plan, expand, parse};
use tachograph_model::run::{Placement, Run};
use tachograph_model::study::{RunEvidence, RunSealed, StudyHead};
use tachograph_model::units::{DurationNs, InstantNs};

use crate::fake;

/// How a group of servers shares what it can do.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Capacity {
    /// Every call has the full rate.
    Independent,
    /// Calls in service share one rate.
    Shared,
    /// Each further call in service slows every one down by this much.
    Slowdown(f64),
    /// So many calls at once at the full rate, the others wait in line.
    Slots(usize),
}

/// One call of an agent: how much service it needs, in seconds of the full rate.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Work {
    pub(crate) prompt_s: f64,
    pub(crate) output_s: f64,
    pub(crate) tokens: u32,
}

/// What the made-up machine does.
pub(crate) struct Machine<'a> {
    /// The capacity model that a server belongs to, by number, and its kind. Servers of
    /// one number compete with each other.
    pub(crate) group: &'a dyn Fn(&str) -> (usize, Capacity),
    /// The two calls of an agent in a block.
    pub(crate) work: &'a dyn Fn(&Placement, u32) -> [Work; 2],
    /// Whether the second call of an agent fails in this run.
    pub(crate) fails: &'a dyn Fn(&Run, &Placement) -> bool,
    /// How long a server loads its model when the first call of a run reaches it, in
    /// seconds; calls that come meanwhile wait for it too.
    pub(crate) load_s: f64,
    /// By how much agent number n begins after the common start, in seconds.
    pub(crate) late_s: &'a dyn Fn(&Run, usize) -> f64,
}

impl Default for Machine<'_> {
    /// One server with the full rate for every call, whose two calls have one size in a
    /// block; nothing fails, nobody is late.
    fn default() -> Self {
        Self {
            group: &|_| (0, Capacity::Independent),
            work: &|_, block| {
                [Work { prompt_s: 0.25, output_s: 0.75 * f64::from(block), tokens: 40 }; 2]
            },
            fails: &|_, _| false,
            load_s: 0.0,
            late_s: &|_, _| 0.0,
        }
    }
}

/// When a call was sent, when its model was there, its service began, its prompt was
/// done and it ended.
#[derive(Debug, Clone, Copy, Default)]
struct Times {
    sent: f64,
    loaded: f64,
    begun: Option<f64>,
    prompted: Option<f64>,
    ended: f64,
}

struct Job {
    agent: usize,
    call: usize,
    group: usize,
    ready: f64,
    /// Service still to be had: prompt, then output.
    left: [f64; 2],
    in_service: bool,
}

/// Plays one run and returns the times of each agent's two calls.
fn play(run: &Run, machine: &Machine<'_>) -> Vec<[Times; 2]> {
    let n = run.placements.len();
    let mut times = vec![[Times::default(); 2]; n];
    let mut waiting: Vec<(f64, usize)> = (0..n).map(|at| ((machine.late_s)(run, at), at)).collect();
    let mut jobs: Vec<Job> = Vec::new();
    let mut now = 0.0;
    let mut loaded: BTreeMap<String, f64> = BTreeMap::new();
    let group = |agent: usize| (machine.group)(&run.placements[agent].server);
    let mut join = |jobs: &mut Vec<Job>,
                    times: &mut Vec<[Times; 2]>,
                    now: f64,
                    (agent, call): (usize, usize)| {
        let placement = &run.placements[agent];
        let work = (machine.work)(placement, run.id.block)[call];
        let loaded = *loaded.entry(placement.server.clone()).or_insert(now + machine.load_s);
        let ready = loaded.max(now);
        times[agent][call].sent = now;
        times[agent][call].loaded = ready;
        let (group, _) = group(agent);
        let left = [work.prompt_s, work.output_s];
        jobs.push(Job { agent, call, group, ready, left, in_service: false });
    };
    loop {
        // Whoever may be served is: in the order of arrival.
        let mut in_service: BTreeMap<usize, usize> = BTreeMap::new();
        for job in &mut jobs {
            let (_, capacity) = group(job.agent);
            let served = in_service.entry(job.group).or_default();
            let room = match capacity {
                Capacity::Slots(slots) => *served < slots,
                _ => true,
            };
            if job.in_service || (room && job.ready <= now + 1e-12) {
                job.in_service = true;
                *served += 1;
                times[job.agent][job.call].begun.get_or_insert(now);
            }
        }
        let rate = |job: &Job| {
            let n = in_service[&job.group] as f64;
            match group(job.agent).1 {
                Capacity::Independent | Capacity::Slots(_) => 1.0,
                Capacity::Shared => 1.0 / n,
                Capacity::Slowdown(by) => 1.0 / (1.0 + by * (n - 1.0)),
            }
        };
        let left = |job: &Job| if job.left[0] > 0.0 { job.left[0] } else { job.left[1] };
        let served = jobs.iter().filter(|job| job.in_service);
        let next_part = served.map(|job| left(job) / rate(job)).fold(f64::INFINITY, f64::min);
        let next_begin = waiting.iter().map(|(at, _)| at - now).fold(f64::INFINITY, f64::min);
        let loading = jobs.iter().map(|job| job.ready - now).filter(|left| *left > 1e-12);
        let next_loaded = loading.fold(f64::INFINITY, f64::min);
        let step = next_part.min(next_begin).min(next_loaded);
        if !step.is_finite() {
            return times;
        }
        let rates: Vec<f64> = jobs.iter().map(rate).collect();
        now += step;
        for (job, rate) in jobs.iter_mut().zip(rates).filter(|(job, _)| job.in_service) {
            let part = usize::from(job.left[0] <= 0.0);
            job.left[part] -= step * rate;
            if job.left[part] < 1e-12 {
                job.left[part] = 0.0;
                if part == 0 {
                    times[job.agent][job.call].prompted = Some(now);
                }
            }
        }
        let (done, rest): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| job.left == [0.0, 0.0]);
        jobs = rest;
        for job in done {
            times[job.agent][job.call].ended = now;
            let failed = (machine.fails)(run, &run.placements[job.agent]);
            if job.call == 0 && !failed {
                join(&mut jobs, &mut times, now, (job.agent, 1));
            }
        }
        let due: Vec<usize> =
            waiting.iter().filter(|(at, _)| *at <= now + 1e-12).map(|(_, agent)| *agent).collect();
        waiting.retain(|(_, agent)| !due.contains(agent));
        for agent in due {
            join(&mut jobs, &mut times, now, (agent, 0));
        }
    }
}

/// Returns a plan of concurrent agents on servers by URL.
pub(crate) fn plan(blocks: u32, servers: &[&str], agents: &[&str], rest: &str) -> Plan {
    let mut text = format!(
        "schema = 'tachograph-plan/1'\nname = 'fake-together'\n\
         question = 'What do agents cost each other?'\nseed = 114\nblocks = {blocks}\n"
    );
    for (server, port) in servers.iter().zip(9000..) {
        write!(
            text,
            "[[servers]]\nname = '{server}'\nmodel = 'm'\nurl = 'http://127.0.0.1:{port}'\n"
        )
        .expect("a string takes all text");
    }
    for agent in agents {
        writeln!(text, "[[agents]]\nname = '{agent}'").expect("a string takes all text");
    }
    parse::parse(&(text + rest)).expect("the test's plan is a plan").plan
}

/// Returns a study in which the machine carried out every run of the plan.
pub(crate) fn study(plan: &Plan, machine: &Machine<'_>) -> (StudyHead, Vec<RunEvidence>) {
    let mut clock_s = 1.0;
    let mut evidence = Vec::new();
    for run in expand::runs(plan) {
        let times = play(&run, machine);
        let ended = times.iter().flatten().map(|times| times.ended).fold(0.0, f64::max);
        evidence.push(seal(&run, machine, &times, clock_s));
        clock_s += ended + 0.5;
    }
    (fake::head(plan, &evidence), evidence)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "made-up times are small and positive"
)]
fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

fn seal(run: &Run, machine: &Machine<'_>, times: &[[Times; 2]], start_s: f64) -> RunEvidence {
    let at = |seconds: f64| InstantNs(nanos(start_s + seconds));
    let mut events = Vec::new();
    let mut say = |source: &str, event: Event| {
        events.push(Recorded { source: source.to_owned(), event });
    };
    say(
        HARNESS,
        Event::RunStarted(RunStarted {
            schema: EVENT_SCHEMA.to_owned(),
            run: run.id.to_string(),
            index: run.index,
            at_ns: at(-0.2),
        }),
    );
    for (placement, pid) in run.placements.iter().zip(100..) {
        let agent = &placement.agent;
        let command = vec!["tacho".to_owned(), "worker".to_owned()];
        let at_ns = at(-0.1);
        say(
            HARNESS,
            Event::ProcessSpawned(ProcessSpawned { agent: agent.clone(), command, pid, at_ns }),
        );
        let implementation = "tachograph-native/0.1.0".to_owned();
        say(agent, Event::Ready(Ready { protocol: 1, implementation, pid, at_ns: at(-0.05) }));
        say(agent, Event::Clock(clock(at(-0.05))));
        say(agent, Event::Waiting(Waiting { at_ns: at(-0.04) }));
    }
    let agents = run.placements.iter().map(|placement| placement.agent.clone()).collect();
    say(HARNESS, Event::Released(Released { start_at_ns: at(0.0), agents, at_ns: at(-0.03) }));
    let mut outcome = RunOutcome::Completed;
    for (index, (placement, times)) in run.placements.iter().zip(times).enumerate() {
        let agent = &placement.agent;
        let late = (machine.late_s)(run, index);
        let mark = |stage, at_s: f64| StageMark { stage, at_ns: at(at_s) };
        say(agent, Event::StageStarted(mark(Stage::Ingest, late)));
        say(agent, Event::StageFinished(mark(Stage::Ingest, late)));
        let failed = (machine.fails)(run, placement);
        let work = (machine.work)(placement, run.id.block);
        let calls = if failed { 1 } else { 2 };
        for (number, stage) in [Stage::Analysis, Stage::Report].into_iter().enumerate().take(calls)
        {
            say(agent, Event::StageStarted(mark(stage, times[number].sent)));
            for event in
                call(placement, (number, stage), &times[number], (work[number], failed), &at)
            {
                say(agent, event);
            }
            say(agent, Event::StageFinished(mark(stage, times[number].ended)));
        }
        let ended = times[calls - 1].ended;
        say(agent, Event::Clock(clock(at(ended))));
        let workflow =
            if failed { WorkflowOutcome::CallFailed } else { WorkflowOutcome::Completed };
        say(agent, Event::Done(Done { outcome: workflow, at_ns: at(ended) }));
        say(
            HARNESS,
            Event::ProcessExited(ProcessExited {
                agent: agent.clone(),
                end: ProcessEnd::Exited(0),
                ended_by_harness: false,
                at_ns: at(ended + 0.01),
                resources: None,
            }),
        );
        if failed {
            outcome = RunOutcome::Failed;
        }
    }
    let at_ns = at(times.iter().flatten().map(|times| times.ended).fold(0.0, f64::max) + 0.1);
    let remarks = BTreeMap::new();
    say(HARNESS, Event::RunFinished(RunFinished { outcome, remarks, at_ns }));
    let lines = format!("{events:?}").into_bytes();
    RunEvidence {
        sealed: RunSealed {
            run: run.id.clone(),
            index: run.index,
            outcome,
            files: BTreeMap::new(),
            events_sha256: Digest::of(&lines),
            n_events: events.len() as u64,
        },
        events,
    }
}

fn clock(at: InstantNs) -> ClockSample {
    let realtime = 1_770_000_000_000_000_000_i128 + i128::from(at.0);
    ClockSample { at_ns: at, realtime_ns: realtime.to_string(), uncertainty_ns: DurationNs(200) }
}

fn call(
    placement: &Placement,
    (number, stage): (usize, Stage),
    times: &Times,
    (work, failed): (Work, bool),
    at: &dyn Fn(f64) -> InstantNs,
) -> Vec<Event> {
    let number = u32::try_from(number).expect("an agent makes two calls");
    let request = format!("{{\"agent\":\"{}\",\"stage\":\"{}\"}}", placement.spec, stage.name());
    let digest = Digest::of(request.as_bytes());
    let mut events = vec![Event::CallSent(CallSent {
        call: number,
        stage,
        server: placement.server.clone(),
        api: Api::OllamaGenerate,
        request,
        request_sha256: digest,
        parity_sha256: digest,
        nonce: None,
        connection: ConnectionMode::Fresh,
        planned_ns: at(times.sent),
        connect_ns: Some(at(times.sent)),
        connected_ns: Some(at(times.sent)),
        sent_ns: Some(at(times.sent)),
    })];
    let prompted = times.prompted.expect("a served call has a prompt");
    let begun = times.begun.expect("a served call has begun");
    let chunk = |index: u32, at_s: f64, kind| {
        Event::Chunk(Chunk {
            call: number,
            index,
            at_ns: at(at_s),
            kernel_ns: Some(at(at_s)),
            read: index,
            bytes: 40,
            kind,
            text: (kind == ChunkKind::Content).then(|| format!("word{index} ")),
        })
    };
    events.push(chunk(0, prompted, ChunkKind::Content));
    events.push(chunk(1, times.ended, ChunkKind::Content));
    let status = if failed { CallStatus::Truncated } else { CallStatus::Completed };
    if !failed {
        events.push(chunk(2, times.ended, ChunkKind::Final));
    }
    let duration = |seconds: f64| (!failed).then(|| DurationNs(nanos(seconds)));
    events.push(Event::CallFinished(CallFinished {
        call: number,
        status,
        error: failed.then(|| "the stream ended before its final record".to_owned()),
        http_status: Some(200),
        header_ns: Some(at(prompted)),
        end_ns: at(times.ended),
        finish_reason: (!failed).then(|| "stop".to_owned()),
        usage: Usage {
            prompt_tokens: (!failed).then_some(200),
            cached_prompt_tokens: (!failed).then_some(0),
            output_tokens: (!failed).then_some(u64::from(work.tokens)),
        },
        server: ServerTimings {
            total_ns: duration(times.ended - times.sent),
            load_ns: duration(times.loaded - times.sent),
            prompt_eval_ns: duration(prompted - begun),
            eval_ns: duration(times.ended - prompted),
        },
        output_sha256: Digest::of(b"words"),
        n_chunks: if failed { 2 } else { 3 },
        n_reads: 3,
    }));
    events
}
