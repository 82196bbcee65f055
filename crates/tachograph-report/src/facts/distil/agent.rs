//! What one agent of a run did: as it says itself, and as the instrument saw it.
//!
//! Owns: which calls are an agent's, and which stage a call of the tap belongs to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use tachograph_model::call::{Assembly, CallRecord};
use tachograph_model::canonical::canonical_request;
use tachograph_model::event::{CallReported, Chunk, Event, Stage};
use tachograph_model::plan::Plan;
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_stats::Sample;

use super::clock_step;
use crate::facts::{AgentFacts, CallFacts, DelayFacts};

/// By what an agent's events are read.
pub(super) struct Rules<'a> {
    pub(super) plan: &'a Plan,
    /// Agent and number of each first call after a reset.
    pub(super) cold: BTreeSet<(String, u32)>,
    /// Whether calls are what the tap saw.
    pub(super) is_tapped: bool,
}

/// Reads what an agent said, and what the tap in front of it did.
pub(super) fn read(
    name: &str,
    own: Vec<(u64, Event)>,
    tapped: Vec<(u64, Event)>,
    rules: &Rules<'_>,
) -> AgentFacts {
    let mut facts = AgentFacts {
        name: name.to_owned(),
        implementation: None,
        calls: Vec::new(),
        own_calls: None,
        n_unfinished_calls: 0,
        n_stray_events: 0,
        workflow: None,
        stages: BTreeMap::new(),
        began: None,
        done: None,
        ready: None,
        startup: None,
        process: None,
        clock_step: None,
        scheduling_delay: None,
        files: BTreeMap::new(),
        skipped: BTreeMap::new(),
        reported: None,
    };
    let mut stages = Stages::default();
    let mut clocks = Vec::new();
    let mut calls = Calls::default();
    let mut reported = Vec::new();
    for (line, event) in own {
        match event {
            Event::Ready(ready) => {
                facts.ready.get_or_insert(ready.at_ns);
                facts.implementation = Some(ready.implementation);
            }
            Event::Clock(sample) => clocks.push(sample),
            Event::FileIngested(file) => {
                facts.files.insert(file.path, (file.bytes, file.sha256));
            }
            Event::FileSkipped(file) => {
                facts.skipped.insert(file.path, file.reason);
            }
            Event::StageStarted(mark) => {
                stages.started.insert(mark.stage, mark.at_ns);
            }
            Event::StageFinished(mark) => {
                stages.finished.insert(mark.stage, mark.at_ns);
            }
            Event::Done(done) => {
                facts.workflow = Some(done.outcome);
                facts.done = Some(done.at_ns);
            }
            Event::AgentReported(agent) => {
                facts.implementation.clone_from(&agent.implementation);
                facts.workflow = Some(agent.outcome);
                facts.reported = Some(Box::new(agent));
            }
            Event::CallReported(call) => reported.push((line, call)),
            event => calls.add(line, event),
        }
    }
    facts.stages = match &facts.reported {
        Some(agent) => agent.stages.clone(),
        None => stages.durations(),
    };
    facts.began = stages.began().or(facts.ready);
    facts.clock_step = clock_step(&clocks);
    facts.n_stray_events = calls.assembly.n_stray();
    if rules.is_tapped {
        if !calls.is_empty() {
            facts.own_calls = Some(calls.read(name, rules).calls);
        }
        calls = Calls::default();
        let mut clocks = Vec::new();
        for (line, event) in tapped {
            match event {
                Event::Clock(sample) => clocks.push(sample),
                event => calls.add(line, event),
            }
        }
        facts.clock_step = facts.clock_step.max(clock_step(&clocks));
        calls.stages = Some(stages);
    }
    let read = calls.read(name, rules);
    facts.calls = read.calls;
    facts.calls.extend(as_reported(reported, rules));
    facts.n_unfinished_calls = read.n_unfinished;
    facts.scheduling_delay = read.scheduling_delay;
    facts
}

/// Returns calls that another program reported.
fn as_reported(calls: Vec<(u64, CallReported)>, rules: &Rules<'_>) -> Vec<CallFacts> {
    let threshold = DurationNs::from_millis(rules.plan.cold_load_threshold_ms);
    let mut servers = Servers::default();
    let one = |(line, call): (u64, CallReported)| {
        let server = servers.shared(&call.server);
        let cold = call.server_timings.load_ns.is_some_and(|load| load > threshold);
        CallFacts::reported(call, server, cold, line)
    };
    calls.into_iter().map(one).collect()
}

/// A name for all calls of a server, not one for each.
#[derive(Default)]
struct Servers(BTreeSet<Arc<str>>);

impl Servers {
    fn shared(&mut self, name: &str) -> Arc<str> {
        self.0.get(name).cloned().unwrap_or_else(|| {
            let server: Arc<str> = Arc::from(name);
            self.0.insert(Arc::clone(&server));
            server
        })
    }
}

/// The marks of an agent's stages.
#[derive(Default)]
struct Stages {
    started: BTreeMap<Stage, InstantNs>,
    finished: BTreeMap<Stage, InstantNs>,
}

impl Stages {
    /// Returns how long each stage took, warm-up excluded.
    fn durations(&self) -> BTreeMap<Stage, DurationNs> {
        let counted = self.started.iter().filter(|(stage, _)| **stage != Stage::Warmup);
        let took = |(stage, start): (&Stage, &InstantNs)| {
            Some((*stage, self.finished.get(stage)?.since(*start)?))
        };
        counted.filter_map(took).collect()
    }

    /// Returns when the first stage after the warm-up began.
    fn began(&self) -> Option<InstantNs> {
        let counted = self.started.iter().filter(|(stage, _)| **stage != Stage::Warmup);
        counted.map(|(_, start)| *start).min()
    }

    /// Returns the stage in which an instant lies: the one that began last before it.
    fn at(&self, instant: InstantNs) -> Stage {
        let before = self.started.iter().filter(|(_, start)| **start <= instant);
        let latest = before.max_by_key(|(stage, start)| (**start, **stage));
        latest.map_or(Stage::Other, |(stage, _)| *stage)
    }
}

/// Calls of an agent, as one witness tells them.
#[derive(Default)]
struct Calls {
    assembly: Assembly,
    /// The line of each end.
    lines: BTreeMap<u32, u64>,
    n_events: usize,
    /// By what the stage of a call is told, where the witness does not know it.
    stages: Option<Stages>,
}

/// What came of them.
struct Read {
    calls: Vec<CallFacts>,
    n_unfinished: usize,
    scheduling_delay: Option<DelayFacts>,
}

impl Calls {
    fn add(&mut self, line: u64, event: Event) {
        if let Event::CallFinished(finished) = &event {
            self.lines.insert(finished.call, line);
        }
        self.n_events += 1;
        self.assembly.add(event);
    }

    fn is_empty(&self) -> bool {
        self.n_events == 0
    }

    fn read(self, name: &str, rules: &Rules<'_>) -> Read {
        let (mut records, n_unfinished) = self.assembly.finish();
        if let Some(stages) = &self.stages {
            for record in &mut records {
                record.sent.stage = stages.at(record.sent.planned_ns);
            }
        }
        let is_first = |call: u32| rules.cold.iter().any(|(of, at)| of == name && *at == call);
        let threshold = DurationNs::from_millis(rules.plan.cold_load_threshold_ms);
        let mut servers = Servers::default();
        let calls = records.iter().map(|record| {
            let server = servers.shared(&record.sent.server);
            let loaded = record.finished.server.load_ns.is_some_and(|load| load > threshold);
            let cold = loaded || is_first(record.sent.call);
            let line = self.lines.get(&record.sent.call).copied().unwrap_or_default();
            let mut call = CallFacts::of(record, server, cold, line);
            if rules.plan.implementations.is_some() {
                let (body, nonce) = (&record.sent.request, record.sent.nonce.as_deref());
                call.request = Some(canonical_request(body, nonce).into());
                call.answer = Some(record.text().into());
            }
            call
        });
        let calls = calls.collect();
        Read { calls, n_unfinished, scheduling_delay: scheduling_delay(&records) }
    }
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
