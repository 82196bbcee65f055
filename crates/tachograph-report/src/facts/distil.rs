//! From the events of one run to its [`RunFacts`].
//!
//! Owns: which event means what for a run, and the rule that makes a call cold.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tachograph_model::call::{Assembly, CallRecord};
use tachograph_model::event::{Chunk, ClockSample, Event, HARNESS, Stage};
use tachograph_model::plan::Plan;
use tachograph_model::study::RunEvidence;
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_stats::Sample;

use super::{AgentFacts, CallFacts, DelayFacts, ProcessFacts, ResetFacts, RunFacts};

/// The fastest that a kernel slews its real-time clock: 500 parts per million.
const SLEW_PARTS_PER_MILLION: u64 = 500;
/// What reading two clocks one after the other may cost beyond its own estimate.
const CLOCK_TOLERANCE_NS: u64 = 1_000_000;

/// Distils the events of one sealed run.
///
/// `plan` gives the threshold above which a load makes a call cold. Events that
/// contradict each other (an end without a start) are left out, not repaired. The
/// evidence is used up, unless a reference is given.
pub fn distil(evidence: impl Into<RunEvidence>, plan: &Plan) -> RunFacts {
    let evidence: RunEvidence = evidence.into();
    let mut facts = RunFacts {
        id: evidence.sealed.run.clone(),
        index: evidence.sealed.index,
        outcome: evidence.sealed.outcome,
        events_sha256: evidence.sealed.events_sha256,
        n_events: evidence.sealed.n_events,
        agents: Vec::new(),
        resets: Vec::new(),
        servers: BTreeMap::new(),
        conditions_before: None,
        conditions_after: None,
        clock_step: None,
        released: None,
        n_noise_lines: 0,
        remarks: BTreeMap::new(),
    };
    let mut spawned = BTreeMap::new();
    let mut clocks = Vec::new();
    let mut exited = BTreeMap::new();
    let mut by_agent: BTreeMap<String, Vec<(u64, Event)>> = BTreeMap::new();
    for (recorded, line) in evidence.events.into_iter().zip(1_u64..) {
        if recorded.source != HARNESS {
            let event = (line, recorded.event);
            match by_agent.get_mut(&recorded.source) {
                Some(events) => events.push(event),
                None => drop(by_agent.insert(recorded.source, vec![event])),
            }
            continue;
        }
        match recorded.event {
            Event::ServerReset(reset) => facts.resets.push(ResetFacts {
                server: reset.server,
                action: reset.action,
                error: reset.error,
                at: reset.at_ns,
            }),
            Event::ServerSeen(seen) => {
                let mut identity = seen.identity;
                if spawned.is_empty() {
                    identity.context_length = None;
                    identity.loaded_bytes = None;
                    identity.vram_bytes = None;
                }
                facts.servers.insert(seen.server, identity);
            }
            Event::Clock(sample) => clocks.push(sample),
            Event::Conditions(sample) => {
                let sample = (sample.at_ns, sample.conditions);
                if facts.conditions_before.is_none() {
                    facts.conditions_before = Some(sample);
                } else {
                    facts.conditions_after = Some(sample);
                }
            }
            Event::ProcessSpawned(process) => {
                spawned.insert(process.agent, process.at_ns);
            }
            Event::ProcessExited(process) => {
                exited.insert(process.agent.clone(), process);
            }
            Event::Released(released) => {
                facts.released = Some((released.start_at_ns, released.agents));
            }
            Event::WorkerNoise(_) => facts.n_noise_lines += 1,
            Event::RunFinished(finished) => facts.remarks = finished.remarks,
            _ => {}
        }
    }
    facts.clock_step = clock_step(&clocks);
    let names: BTreeSet<String> =
        by_agent.keys().chain(spawned.keys()).chain(exited.keys()).cloned().collect();
    let cold = first_after_reset(&by_agent, &facts.resets);
    for name in names {
        let events = by_agent.remove(&name).unwrap_or_default();
        let ready = ready(&events);
        let mut agent = agent(&name, events, plan, &cold);
        let began = spawned.get(&name).copied();
        agent.startup = ready.and_then(|ready| ready.since(began?));
        agent.process = exited.remove(&name).map(|process| ProcessFacts {
            end: process.end,
            ended_by_harness: process.ended_by_harness,
            lifetime: began.and_then(|began| process.at_ns.since(began)),
            resources: process.resources,
        });
        facts.agents.push(agent);
    }
    facts
}

/// Returns, for each server that was reset, the agent and number of the first
/// call sent to it afterwards, warm-up included.
fn first_after_reset(
    by_agent: &BTreeMap<String, Vec<(u64, Event)>>,
    resets: &[ResetFacts],
) -> BTreeSet<(String, u32)> {
    let mut first = BTreeSet::new();
    for reset in resets.iter().filter(|reset| reset.error.is_none()) {
        let sent = by_agent.iter().flat_map(|(agent, events)| {
            events.iter().filter_map(move |(_, event)| match event {
                Event::CallSent(sent) if sent.server == reset.server => {
                    let at = sent.sent_ns.unwrap_or(sent.planned_ns);
                    (at >= reset.at).then_some((at, agent, sent.call))
                }
                _ => None,
            })
        });
        first.extend(sent.min().map(|(_, agent, call)| (agent.clone(), call)));
    }
    first
}

fn ready(events: &[(u64, Event)]) -> Option<InstantNs> {
    events.iter().find_map(|(_, event)| match event {
        Event::Ready(ready) => Some(ready.at_ns),
        _ => None,
    })
}

fn agent(
    name: &str,
    events: Vec<(u64, Event)>,
    plan: &Plan,
    first_after_reset: &BTreeSet<(String, u32)>,
) -> AgentFacts {
    let mut facts = AgentFacts {
        name: name.to_owned(),
        implementation: None,
        calls: Vec::new(),
        n_unfinished_calls: 0,
        workflow: None,
        stages: BTreeMap::new(),
        began: None,
        done: None,
        startup: None,
        process: None,
        clock_step: None,
        scheduling_delay: None,
        files: BTreeMap::new(),
        skipped: BTreeMap::new(),
    };
    let ready = ready(&events);
    let mut started = BTreeMap::new();
    let mut clocks = Vec::new();
    let mut assembly = Assembly::default();
    let mut lines: BTreeMap<u32, u64> = BTreeMap::new();
    for (line, event) in events {
        match event {
            Event::Ready(ready) => facts.implementation = Some(ready.implementation),
            Event::Clock(sample) => clocks.push(sample),
            Event::FileIngested(file) => {
                facts.files.insert(file.path, (file.bytes, file.sha256));
            }
            Event::FileSkipped(file) => {
                facts.skipped.insert(file.path, file.reason);
            }
            Event::StageStarted(mark) if mark.stage != Stage::Warmup => {
                started.insert(mark.stage, mark.at_ns);
                facts.began = Some(facts.began.map_or(mark.at_ns, |began| began.min(mark.at_ns)));
            }
            Event::StageFinished(mark) => {
                let start = started.get(&mark.stage);
                if let Some(taken) = start.and_then(|start| mark.at_ns.since(*start)) {
                    facts.stages.insert(mark.stage, taken);
                }
            }
            Event::Done(done) => {
                facts.workflow = Some(done.outcome);
                facts.done = Some(done.at_ns);
            }
            event => {
                if let Event::CallFinished(finished) = &event {
                    lines.insert(finished.call, line);
                }
                assembly.add(event);
            }
        }
    }
    facts.began = facts.began.or(ready);
    facts.clock_step = clock_step(&clocks);
    let (records, n_unfinished_calls) = assembly.finish();
    facts.n_unfinished_calls = n_unfinished_calls;
    facts.scheduling_delay = scheduling_delay(&records);
    let is_first = |call: u32| first_after_reset.iter().any(|(of, at)| of == name && *at == call);
    let threshold = DurationNs::from_millis(plan.cold_load_threshold_ms);
    // A name for all calls of a server, not one for each.
    let mut servers: BTreeSet<Arc<str>> = BTreeSet::new();
    let calls = records.iter().map(|record| {
        let server = servers.get(&*record.sent.server).cloned().unwrap_or_else(|| {
            let server: Arc<str> = Arc::from(&*record.sent.server);
            servers.insert(Arc::clone(&server));
            server
        });
        let loaded = record.finished.server.load_ns.is_some_and(|load| load > threshold);
        let cold = loaded || is_first(record.sent.call);
        let line = lines.get(&record.sent.call).copied().unwrap_or_default();
        CallFacts::of(record, server, cold, line)
    });
    facts.calls = calls.collect();
    facts
}

/// Returns the 99th percentile of the client scheduling delay over the chunks
/// of calls that count.
fn scheduling_delay(calls: &[CallRecord]) -> Option<DelayFacts> {
    let counted = calls.iter().filter(|call| call.sent.stage != Stage::Warmup);
    let delays: Vec<f64> = counted
        .flat_map(|call| call.chunks.iter().filter_map(Chunk::scheduling_delay))
        .map(DurationNs::as_millis)
        .collect();
    let sample = Sample::new(&delays).ok()?;
    Some(DelayFacts { n_chunks: sample.n(), p99_ms: sample.quantile(0.99).ok()? })
}

/// Returns by how much the clocks moved against each other beyond what reading
/// and slewing them explain; `None` with fewer than two readable samples.
fn clock_step(clocks: &[ClockSample]) -> Option<DurationNs> {
    let offset = |sample: &ClockSample| {
        let realtime: i128 = sample.realtime_ns.parse().ok()?;
        Some(realtime - i128::from(sample.at_ns.0))
    };
    let mut most: Option<u64> = None;
    for pair in clocks.windows(2) {
        let (Some(before), Some(after)) = (offset(&pair[0]), offset(&pair[1])) else { continue };
        let moved = u64::try_from((after - before).unsigned_abs()).unwrap_or(u64::MAX);
        let elapsed = pair[1].at_ns.since(pair[0].at_ns).map_or(0, |elapsed| elapsed.0);
        let explained = elapsed / 1_000_000 * SLEW_PARTS_PER_MILLION
            + pair[0].uncertainty_ns.0.saturating_add(pair[1].uncertainty_ns.0)
            + CLOCK_TOLERANCE_NS;
        most = most.max(Some(if moved > explained { moved } else { 0 }));
    }
    most.map(DurationNs)
}
