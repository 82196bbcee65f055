//! Facts: what one run's events say, distilled once and kept small.
//!
//! Owns: [`RunFacts`] and [`distil`], the only reader of raw events in this
//! room. Everything that a report prints is computed from these values, the
//! plan, the environment and the journal.
//!
//! Does not: average over runs, judge, or keep the text of an answer.

mod call;
mod distil;
mod packed;

pub use call::{CallFacts, Degeneracy, Gaps};
pub use distil::distil;

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::environment::{Conditions, ServerIdentity};
use tachograph_model::event::{
    AgentReported, CallMeans, ProcessEnd, ProcessResources, RunOutcome, RunReported, Stage,
    WorkflowOutcome,
};
use tachograph_model::plan::Metric;
use tachograph_model::run::RunId;
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_stats::Sample;

/// What the events of one run say.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFacts {
    /// The run.
    pub id: RunId,
    /// Its position in the order of execution, from 0.
    pub index: u32,
    /// How it ended, as sealed.
    pub outcome: RunOutcome,
    /// The digest of its uncompressed events.
    pub events_sha256: Digest,
    /// The number of its events.
    pub n_events: u64,
    /// Its agents, in the order of their names.
    pub agents: Vec<AgentFacts>,
    /// What was done to servers before it.
    pub resets: Vec<ResetFacts>,
    /// What servers said about themselves, by the plan's name; the last word counts.
    /// What they said of a loaded model before any agent started is left out: it
    /// belongs to the run before.
    pub servers: BTreeMap<String, ServerIdentity>,
    /// The state of the machine at the first sample of the run.
    pub conditions_before: Option<(InstantNs, Conditions)>,
    /// The state of the machine at the last sample, if there were two.
    pub conditions_after: Option<(InstantNs, Conditions)>,
    /// As [`AgentFacts::clock_step`], between the harness's own samples.
    pub clock_step: Option<DurationNs>,
    /// When agents were told to start together, and which of them had waited;
    /// absent without a barrier.
    pub released: Option<(InstantNs, Vec<String>)>,
    /// Lines of workers that were not events.
    pub n_noise_lines: u64,
    /// Remarks of the harness on the run's end, by name.
    pub remarks: BTreeMap<String, String>,
    /// What another program reported of it, in an imported study.
    pub reported: Option<Box<RunReported>>,
}

/// What one agent of a run did.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentFacts {
    /// The agent.
    pub name: String,
    /// Name and version of its implementation, if it got as far as saying so.
    pub implementation: Option<String>,
    /// Its calls, warm-up included, in order of sending: as the plan's instrument saw
    /// them.
    pub calls: Vec<CallFacts>,
    /// Its calls as it tells them itself, where the instrument is another; absent where
    /// it tells of none.
    pub own_calls: Option<Vec<CallFacts>>,
    /// Calls that were sent and have no end, because the worker died.
    pub n_unfinished_calls: usize,
    /// Events of calls that it had not said were under way; they are left out.
    pub n_stray_events: usize,
    /// How its workflow ended; absent if it never said.
    pub workflow: Option<WorkflowOutcome>,
    /// How long each stage took, warm-up excluded.
    pub stages: BTreeMap<Stage, DurationNs>,
    /// When its first stage after the warm-up began (or, without stages, when
    /// it was ready).
    pub began: Option<InstantNs>,
    /// When it was done.
    pub done: Option<InstantNs>,
    /// When it said that it was ready.
    pub ready: Option<InstantNs>,
    /// From the spawn of its process to its readiness.
    pub startup: Option<DurationNs>,
    /// Its process.
    pub process: Option<ProcessFacts>,
    /// The largest change of the offset between its real-time and monotonic
    /// clocks, beyond what reading them and slewing explain; zero if none.
    pub clock_step: Option<DurationNs>,
    /// Client scheduling delay of its chunks; absent without kernel stamps.
    pub scheduling_delay: Option<DelayFacts>,
    /// Files that it read: path to size and digest.
    pub files: BTreeMap<String, (u64, Digest)>,
    /// Files that it did not use: path to reason.
    pub skipped: BTreeMap<String, String>,
    /// What another program reported of it, in an imported study.
    pub reported: Option<Box<AgentReported>>,
}

/// What was done to a server before the run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResetFacts {
    /// The plan's name of the server.
    pub server: String,
    /// `unload` or `restart`.
    pub action: String,
    /// What went wrong, if anything did.
    pub error: Option<String>,
    /// When it was done.
    pub at: InstantNs,
}

/// How an agent's process ended and what it used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessFacts {
    /// How it ended.
    pub end: ProcessEnd,
    /// Whether the harness ended it.
    pub ended_by_harness: bool,
    /// Just before it was started.
    pub spawned: Option<InstantNs>,
    /// When it had been reaped.
    pub reaped: InstantNs,
    /// From spawn to end.
    pub lifetime: Option<DurationNs>,
    /// What the system counted for it.
    pub resources: Option<ProcessResources>,
}

/// How long received data waited for the client to read it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DelayFacts {
    /// Chunks with both stamps.
    pub n_chunks: usize,
    /// The 99th percentile (type 7), in milliseconds.
    pub p99_ms: f64,
}

impl ProcessFacts {
    /// Returns CPU time over lifetime: 1 is one processor all the time.
    pub fn cpu_fraction(&self) -> Option<f64> {
        let resources = self.resources.as_ref()?;
        let lifetime = self.lifetime?.as_seconds();
        let cpu = resources.user_cpu_ns.as_seconds() + resources.system_cpu_ns.as_seconds();
        (lifetime > 0.0).then(|| cpu / lifetime)
    }
}

impl AgentFacts {
    /// Returns the wall time of the agent: from its first stage after the warm-up to
    /// its end.
    pub fn wall(&self) -> Option<DurationNs> {
        if let Some(reported) = &self.reported {
            return reported.wall_ns;
        }
        self.done?.since(self.began?)
    }

    /// Returns its calls without those of the warm-up.
    pub fn counted_calls(&self) -> impl Iterator<Item = &CallFacts> {
        self.calls.iter().filter(|call| !call.is_warmup())
    }

    /// Returns the means over calls that another program reported in their place.
    pub fn means(&self) -> Option<CallMeans> {
        self.reported.as_ref()?.means
    }

    /// Returns the output tokens of its calls that count.
    pub fn output_tokens(&self) -> u64 {
        if let Some(tokens) = self.means().and_then(|means| means.output_tokens) {
            return tokens;
        }
        self.counted_calls().map(|call| call.output_tokens).sum()
    }
}

impl RunFacts {
    /// Returns the calls that count: those of every agent, warm-up left out.
    pub fn calls(&self) -> impl Iterator<Item = &CallFacts> {
        self.agents.iter().flat_map(|agent| &agent.calls).filter(|call| !call.is_warmup())
    }

    /// Returns whether the run may enter run means: sealed as completed, every
    /// call completed, none left open.
    pub fn is_measured(&self) -> bool {
        self.outcome == RunOutcome::Completed
            && self.agents.iter().all(|agent| agent.n_unfinished_calls == 0)
            && (self.calls().next().is_some() || self.means().next().is_some())
            && self.calls().all(CallFacts::is_completed)
    }

    /// Returns the wall time of the run: from the first stage after the warm-up
    /// (the earliest, over agents) to the last agent's end.
    pub fn wall(&self) -> Option<DurationNs> {
        if let Some(reported) = &self.reported {
            let alone = self.agents.first().filter(|_| self.agents.len() == 1);
            return reported.wall_ns.or_else(|| alone?.wall());
        }
        let began = self.agents.iter().filter_map(|agent| agent.began).min()?;
        let done: Option<Vec<InstantNs>> = self.agents.iter().map(|agent| agent.done).collect();
        done?.into_iter().max()?.since(began)
    }

    /// Returns whether one of its answers did not end by itself: the token limit cut it,
    /// or it ended in a loop.
    pub fn has_runaway(&self) -> bool {
        self.calls().any(|call| {
            matches!(call.degeneracy, Some(Degeneracy::TokenLimit | Degeneracy::RepetitionLoop))
        })
    }

    /// Returns the agent called `name`.
    pub fn agent(&self, name: &str) -> Option<&AgentFacts> {
        self.agents.iter().find(|agent| agent.name == name)
    }

    /// Returns the means over calls that another program reported in their place.
    pub fn means(&self) -> impl Iterator<Item = CallMeans> {
        self.agents.iter().filter_map(AgentFacts::means)
    }

    /// Returns the output tokens of all calls that count.
    pub fn output_tokens(&self) -> u64 {
        self.agents.iter().map(AgentFacts::output_tokens).sum()
    }

    /// Returns the mean decode rate over calls of which only means were reported, in
    /// tokens/s; each agent's mean counts as often as it has calls.
    fn mean_of_means(&self) -> Option<f64> {
        let rates =
            || self.means().map(|means| Some((means.n_calls as f64, means.server_decode_rate?)));
        let known: Option<Vec<(f64, f64)>> = rates().collect();
        let known = known?;
        let n_calls: f64 = known.iter().map(|(n, _)| n).sum();
        let sum: f64 = known.iter().map(|(n, rate)| n * rate).sum();
        (n_calls > 0.0).then(|| sum / n_calls)
    }

    /// Returns the run's value of `metric`, in the metric's unit.
    ///
    /// `None` unless the run [is measured](Self::is_measured) and has the
    /// quantity (a run without a cold call has no cold TTFT). Metrics of calls
    /// are the mean over the run's calls that have the quantity.
    pub fn metric(&self, metric: Metric) -> Option<f64> {
        if !self.is_measured() {
            return None;
        }
        let mean_of = |value: &dyn Fn(&CallFacts) -> Option<f64>| {
            let values: Vec<f64> = self.calls().filter_map(value).collect();
            Sample::new(&values).ok().map(|sample| sample.mean())
        };
        match metric {
            Metric::OutputThroughput => {
                let wall = self.wall()?.as_seconds();
                (wall > 0.0 && self.output_tokens() > 0).then(|| self.output_tokens() as f64 / wall)
            }
            Metric::RunWall => self.wall().map(DurationNs::as_seconds),
            Metric::ServerDecodeRate if self.calls().next().is_none() => self.mean_of_means(),
            Metric::E2e
            | Metric::TtftWarm
            | Metric::TtftCold
            | Metric::Tpot
            | Metric::ClientDecodeRate
            | Metric::ServerDecodeRate => mean_of(&|call| call.metric(metric)),
        }
    }
}
