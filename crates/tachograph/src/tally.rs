//! What the progress line says of a run: last figures, nothing more.
//!
//! Owns: a running count over the events of one run.
//!
//! Does not: enter any report; reports are computed from the sealed events.

use std::collections::BTreeMap;

use tachograph_model::event::{CallStatus, Event, Recorded, Stage, TAP_PREFIX};
use tachograph_model::units::InstantNs;

use crate::terminal::duration;

/// Counts over the events of one run.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// When the first agent was there.
    ready: Option<InstantNs>,
    /// When the first agent began its first stage, warm-up aside.
    began: Option<InstantNs>,
    /// When the last agent was done.
    ended: Option<InstantNs>,
    /// When the first process was started and the last one had ended, for agents that do
    /// not tell.
    spawned: Option<InstantNs>,
    reaped: Option<InstantNs>,
    /// The warm-up call that each agent makes, by its name.
    warmups: BTreeMap<String, u32>,
    /// The calls of each source: an agent, or the tap in front of one.
    calls: BTreeMap<String, Calls>,
}

/// The calls of a source, warm-up aside.
#[derive(Debug, Clone, Copy, Default)]
struct Calls {
    output_tokens: u64,
    n_completed: u32,
    n_failed: u32,
}

impl Tally {
    /// Counts one event.
    pub(crate) fn add(&mut self, recorded: &Recorded) {
        let agent = &recorded.source;
        match &recorded.event {
            Event::Ready(ready) => lower(&mut self.ready, ready.at_ns),
            Event::StageStarted(mark) if mark.stage != Stage::Warmup => {
                lower(&mut self.began, mark.at_ns);
            }
            Event::CallSent(sent) if sent.stage == Stage::Warmup => {
                self.warmups.insert(agent.clone(), sent.call);
            }
            Event::CallSent(_) => {
                self.warmups.remove(agent);
            }
            Event::CallFinished(finished) if self.warmups.get(agent) == Some(&finished.call) => {}
            Event::CallFinished(finished) => {
                let calls = self.calls.entry(agent.clone()).or_default();
                if finished.status == CallStatus::Completed {
                    calls.n_completed += 1;
                    calls.output_tokens += finished.usage.output_tokens.unwrap_or(0);
                } else {
                    calls.n_failed += 1;
                }
            }
            Event::ProcessSpawned(process) => lower(&mut self.spawned, process.at_ns),
            Event::ProcessExited(process) => {
                self.reaped = self.reaped.max(Some(process.at_ns));
            }
            Event::Done(done) => self.ended = self.ended.max(Some(done.at_ns)),
            _ => {}
        }
    }

    /// Returns the figures: `8.2 s, 2 calls, 192 tokens`.
    pub(crate) fn line(&self) -> String {
        // An agent of another make need not tell its stages.
        let wall = match (self.began.or(self.ready).or(self.spawned), self.ended.or(self.reaped)) {
            (Some(began), Some(ended)) => ended.since(began),
            _ => None,
        };
        let wall = wall.map_or("no end".to_owned(), |wall| duration(wall.as_seconds()));
        let Calls { output_tokens, n_completed, n_failed } = self.calls();
        let failed = match n_failed {
            0 => String::new(),
            n => format!(", {n} FAILED"),
        };
        format!("{wall}, {n_completed} calls, {output_tokens} tokens{failed}")
    }

    /// Returns the calls of all agents. Those of an agent that tells none are what its tap
    /// saw.
    fn calls(&self) -> Calls {
        let mut all = Calls::default();
        for (source, calls) in &self.calls {
            let tapped = source.strip_prefix(TAP_PREFIX);
            if tapped.is_some_and(|agent| self.calls.contains_key(agent)) {
                continue;
            }
            all.output_tokens += calls.output_tokens;
            all.n_completed += calls.n_completed;
            all.n_failed += calls.n_failed;
        }
        all
    }
}

/// Lowers `known` to `at`, if that is earlier.
fn lower(known: &mut Option<InstantNs>, at: InstantNs) {
    *known = Some(known.map_or(at, |known| known.min(at)));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Counts events given as source, type and further fields.
    fn line(events: &[(&str, serde_json::Value)]) -> String {
        let mut tally = Tally::default();
        for (source, event) in events {
            let event = serde_json::from_value(event.clone()).unwrap();
            tally.add(&Recorded { source: (*source).to_owned(), event });
        }
        tally.line()
    }

    fn at(seconds: u64) -> u64 {
        seconds * 1_000_000_000
    }

    fn stage(stage: &str, seconds: u64) -> serde_json::Value {
        json!({"type": "stage_started", "stage": stage, "at_ns": at(seconds)})
    }

    fn done(seconds: u64) -> serde_json::Value {
        json!({"type": "done", "outcome": "completed", "at_ns": at(seconds)})
    }

    fn sent(call: u32, stage: &str) -> serde_json::Value {
        let digest = "0".repeat(64);
        json!({
            "type": "call_sent", "call": call, "stage": stage, "server": "main",
            "api": "ollama-generate", "request": "{}", "request_sha256": digest,
            "parity_sha256": digest, "connection": "fresh", "planned_ns": 1, "connect_ns": 1,
            "connected_ns": 1, "sent_ns": 1
        })
    }

    fn finished(call: u32, output_tokens: u64) -> serde_json::Value {
        json!({
            "type": "call_finished", "call": call, "status": "completed", "http_status": 200,
            "end_ns": 2, "usage": {"output_tokens": output_tokens}, "server": {},
            "output_sha256": "0".repeat(64), "n_chunks": 1, "n_reads": 1
        })
    }

    #[test]
    fn each_agent_has_its_own_warm_up() {
        let found = line(&[
            ("a", sent(0, "warmup")),
            ("b", sent(0, "warmup")),
            ("a", finished(0, 1000)),
            ("a", sent(1, "analysis")),
            ("b", finished(0, 1000)),
            ("b", sent(1, "analysis")),
            ("a", finished(1, 3)),
            ("b", finished(1, 4)),
        ]);
        assert_eq!(found, "no end, 2 calls, 7 tokens");
    }

    #[test]
    fn a_call_that_its_agent_and_a_tap_saw_is_one() {
        let found = line(&[
            ("a", finished(0, 3)),
            ("tap:a", finished(0, 3)),
            ("tap:b", finished(0, 4)),
            ("tap:b", finished(1, 5)),
        ]);
        assert_eq!(found, "no end, 3 calls, 12 tokens");
    }

    #[test]
    fn the_time_of_several_agents_runs_from_the_first_begin_to_the_last_end() {
        let found = line(&[
            ("a", stage("warmup", 10)),
            ("b", stage("warmup", 11)),
            ("b", stage("ingest", 22)),
            ("a", stage("ingest", 21)),
            ("b", stage("analysis", 23)),
            ("b", done(29)),
            ("a", done(26)),
        ]);
        assert_eq!(found, "8.0 s, 0 calls, 0 tokens");
        assert_eq!(line(&[("a", stage("ingest", 3))]), "no end, 0 calls, 0 tokens");
    }
}
