//! What one run's calls looked like in time.
//!
//! Owns: the choice of the run that the report draws, and its spans.

use crate::facts::RunFacts;
use tachograph_model::run::{ConfigurationId, RunId};
use tachograph_model::units::{DurationNs, InstantNs};

/// The calls of one run, in milliseconds from its beginning.
#[derive(Debug, Clone)]
pub(crate) struct Timeline {
    pub(crate) run: RunId,
    pub(crate) total_ms: f64,
    pub(crate) calls: Vec<CallSpan>,
}

/// One call.
#[derive(Debug, Clone)]
pub(crate) struct CallSpan {
    pub(crate) agent: String,
    pub(crate) stage: &'static str,
    pub(crate) start_ms: f64,
    pub(crate) load_ms: f64,
    /// From the send to the first content, loading included.
    pub(crate) first_ms: f64,
    pub(crate) end_ms: f64,
    pub(crate) cold: bool,
}

impl Timeline {
    /// Chooses the first measured run of the baseline, else the first measured.
    pub(crate) fn of(facts: &[&RunFacts]) -> Option<Self> {
        let mut measured = facts.iter().filter(|run| run.is_measured());
        let is_baseline = |run: &&&RunFacts| run.id.configuration.0 == ConfigurationId::BASELINE;
        let run = measured.clone().find(is_baseline).or_else(|| measured.next())?;
        let began = run.agents.iter().filter_map(|agent| agent.began).min()?;
        let millis = |at: InstantNs| at.since(began).map(DurationNs::as_millis);
        let mut calls = Vec::new();
        for agent in &run.agents {
            for call in agent.calls.iter().filter(|call| !call.is_warmup()) {
                let (Some(start_ms), Some(end_ms)) =
                    (call.sent().and_then(millis), call.end().and_then(millis))
                else {
                    continue;
                };
                let first_ms = start_ms + call.ttft_ms().unwrap_or(end_ms - start_ms);
                calls.push(CallSpan {
                    agent: agent.name.clone(),
                    stage: call.stage.name(),
                    start_ms,
                    load_ms: call.load_ms().unwrap_or_default().min(first_ms - start_ms),
                    first_ms,
                    end_ms,
                    cold: call.cold,
                });
            }
        }
        let total_ms = run.wall()?.as_millis();
        (!calls.is_empty() && total_ms > 0.0).then(|| Self { run: run.id.clone(), total_ms, calls })
    }
}
