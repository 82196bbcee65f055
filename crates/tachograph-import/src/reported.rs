//! Runs as a source reports them, on their way into events.
//!
//! Owns: the parts of a run and the order of their events: the run, then each agent with
//! its calls.
//!
//! Does not: read a file, or know which configuration a run is of.

use std::collections::BTreeMap;

use tachograph_model::event::{
    AgentReported, CallReported, CallStatus, Event, RunOutcome, RunReported, ServerTimings, Stage,
    Usage, WorkflowOutcome,
};
use tachograph_model::run::RunId;

use crate::snapshot::{ImportedRun, of_agent, of_run};

/// One agent of a run.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    /// Its name in the run.
    pub(crate) agent: String,
    pub(crate) reported: AgentReported,
    pub(crate) calls: Vec<CallReported>,
}

/// A run whose configuration and block are not known yet.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) reported: RunReported,
    pub(crate) parts: Vec<Part>,
}

impl Part {
    /// Returns an agent; its workflow failed if a call did.
    pub(crate) fn new(agent: &str, calls: Vec<CallReported>) -> Self {
        let failed = calls.iter().any(|call| call.status != CallStatus::Completed);
        let reported = AgentReported {
            implementation: None,
            outcome: if failed { WorkflowOutcome::CallFailed } else { WorkflowOutcome::Completed },
            wall_ns: None,
            stages: BTreeMap::new(),
            means: None,
            stated: BTreeMap::new(),
        };
        Self { agent: agent.to_owned(), reported, calls }
    }

    /// Names the server of every call.
    pub(crate) fn on(&mut self, server: &str) {
        for call in &mut self.calls {
            server.clone_into(&mut call.server);
        }
    }
}

impl Measured {
    /// Returns the run as a study has it.
    pub(crate) fn into_run(self, id: RunId) -> ImportedRun {
        let completed =
            self.parts.iter().all(|part| part.reported.outcome == WorkflowOutcome::Completed);
        let outcome = if completed { RunOutcome::Completed } else { RunOutcome::Failed };
        let mut events = vec![of_run(Event::RunReported(self.reported))];
        for part in self.parts {
            events.push(of_agent(&part.agent, Event::AgentReported(part.reported)));
            let calls = part.calls.into_iter();
            events.extend(calls.map(|call| of_agent(&part.agent, Event::CallReported(call))));
        }
        ImportedRun { id, outcome, events }
    }
}

/// Returns what a source states of a run, with nothing but where it stands; its session is
/// named when its folders are known.
pub(crate) fn run_reported(path: &str, place: String) -> RunReported {
    RunReported {
        path: path.to_owned(),
        place,
        session: String::new(),
        at: None,
        at_is: None,
        wall_ns: None,
        legacy_flag: None,
        stated: BTreeMap::new(),
    }
}

/// Returns a call of which nothing is known but that it completed. Its server is not named
/// yet.
pub(crate) fn bare_call(call: usize, stage: Stage) -> CallReported {
    CallReported {
        call: u32::try_from(call).unwrap_or(u32::MAX),
        stage,
        server: String::new(),
        status: CallStatus::Completed,
        error: None,
        http_status: None,
        finish_reason: None,
        sent_after_ns: None,
        ttft_ns: None,
        ttfc_ns: None,
        e2e_ns: None,
        decode_ns: None,
        gaps_ns: Vec::new(),
        usage: Usage::default(),
        server_timings: ServerTimings::default(),
        request: None,
        answer: None,
        stated: BTreeMap::new(),
    }
}
