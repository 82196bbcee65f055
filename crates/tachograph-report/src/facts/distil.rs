//! From the events of one run to its [`RunFacts`].
//!
//! Owns: which event means what for a run, and the rule that makes a call cold.

mod agent;

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::event::{ClockSample, Event, HARNESS, ProcessEnd, ProcessExited, TAP_PREFIX};
use tachograph_model::plan::Plan;
use tachograph_model::plan::implementations::{Instrument, Protocol};
use tachograph_model::study::RunEvidence;
use tachograph_model::units::{DurationNs, InstantNs};

use super::{AgentFacts, ProcessFacts, ResetFacts, RunFacts};
use agent::Rules;

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
        reported: None,
    };
    let mut spawned = BTreeMap::new();
    let mut clocks = Vec::new();
    let mut exited = BTreeMap::new();
    let mut told = Told::default();
    for (recorded, line) in evidence.events.into_iter().zip(1_u64..) {
        if recorded.source != HARNESS {
            told.add(recorded.source, (line, recorded.event));
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
            Event::RunReported(reported) => facts.reported = Some(Box::new(reported)),
            _ => {}
        }
    }
    facts.clock_step = clock_step(&clocks);
    let names: BTreeSet<String> =
        told.by_agent.keys().chain(spawned.keys()).chain(exited.keys()).cloned().collect();
    let is_tapped = plan.instrument == Instrument::Tap;
    let instrument = if is_tapped { &told.by_tap } else { &told.by_agent };
    let rules = Rules { plan, cold: first_after_reset(instrument, &facts.resets), is_tapped };
    for name in names {
        let own = told.by_agent.remove(&name).unwrap_or_default();
        let tapped = told.by_tap.remove(&name).unwrap_or_default();
        let mut agent = agent::read(&name, own, tapped, &rules);
        let spawned = spawned.get(&name).copied();
        add_process(&mut agent, spawned, exited.remove(&name), protocol(plan, &name));
        facts.agents.push(agent);
    }
    facts
}

/// Events with their lines, by the agent that they are about.
type Lines = BTreeMap<String, Vec<(u64, Event)>>;

/// What was said of agents, and by whom.
#[derive(Default)]
struct Told {
    /// By themselves.
    by_agent: Lines,
    /// By the taps in front of them.
    by_tap: Lines,
}

impl Told {
    fn add(&mut self, source: String, event: (u64, Event)) {
        let (events, agent) = match source.strip_prefix(TAP_PREFIX) {
            Some(agent) => (&mut self.by_tap, agent.to_owned()),
            None => (&mut self.by_agent, source),
        };
        match events.get_mut(&agent) {
            Some(events) => events.push(event),
            None => drop(events.insert(agent, vec![event])),
        }
    }
}

/// Returns whether an agent of a run speaks the worker protocol.
fn protocol(plan: &Plan, agent: &str) -> Protocol {
    let spec = plan.agent(agent).or_else(|| {
        let (name, number) = agent.rsplit_once('-')?;
        number.parse::<u32>().ok()?;
        plan.agent(name)
    });
    spec.map(|spec| spec.protocol).unwrap_or_default()
}

/// Adds what the harness knows of an agent's process.
///
/// An agent that does not speak the protocol works from its spawn to its end.
fn add_process(
    agent: &mut AgentFacts,
    spawned: Option<InstantNs>,
    exited: Option<ProcessExited>,
    protocol: Protocol,
) {
    agent.startup = agent.ready.and_then(|ready| ready.since(spawned?));
    let Some(process) = exited else { return };
    if protocol == Protocol::None && process.end == ProcessEnd::Exited(0) {
        agent.began = spawned;
        agent.done = Some(process.at_ns);
    }
    agent.process = Some(ProcessFacts {
        end: process.end,
        ended_by_harness: process.ended_by_harness,
        spawned,
        reaped: process.at_ns,
        lifetime: spawned.and_then(|spawned| process.at_ns.since(spawned)),
        resources: process.resources,
    });
}

/// Returns, for each server that was reset, the agent and number of the first
/// call sent to it afterwards, warm-up included.
fn first_after_reset(by_agent: &Lines, resets: &[ResetFacts]) -> BTreeSet<(String, u32)> {
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
