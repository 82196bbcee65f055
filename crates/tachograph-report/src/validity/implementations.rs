//! Checks of what agents say against what the instrument and the system saw.

use tachograph_model::plan::Plan;
use tachograph_model::plan::implementations::Instrument;
use tachograph_model::units::{DurationNs, InstantNs};

use super::{Check, Finding, Scope, Status, Validity};
use crate::claim::{Format, decimals_for};
use crate::facts::{AgentFacts, CallFacts, RunFacts};
use crate::implementations::{Implementations, pair_set};

/// What reading two clocks may cost: instants closer than this are not told apart.
const TOLERANCE: DurationNs = DurationNs::from_millis(1);

pub(super) fn check(validity: &mut Validity, plan: &Plan, facts: &[&RunFacts]) {
    for run in facts {
        for agent in &run.agents {
            life(validity, run, agent);
            if plan.instrument == Instrument::Tap {
                own_figures(validity, run, agent);
            }
        }
    }
}

/// By how much `instant` lies before `limit`, beyond the tolerance.
fn too_early(instant: Option<InstantNs>, limit: Option<InstantNs>) -> Option<f64> {
    let early = limit?.since(instant?)?;
    (early > TOLERANCE).then(|| early.as_millis())
}

/// An agent cannot be ready before it is started, nor be done after it has ended.
fn life(validity: &mut Validity, run: &RunFacts, agent: &AgentFacts) {
    let Some(process) = &agent.process else { return };
    validity.looked(Check::ProcessLife, 1);
    let reaped = Some(process.reaped);
    let calls = || agent.own_calls.as_ref().unwrap_or(&agent.calls).iter();
    let told = [agent.ready, agent.began, agent.done].into_iter().flatten();
    let told: Vec<InstantNs> =
        told.chain(calls().flat_map(|call| call.sent().into_iter().chain(call.end()))).collect();
    let first = told.iter().min().copied();
    let last = told.iter().max().copied();
    for (by, words) in [
        (too_early(first, process.spawned), "an agent tells of something before it was started"),
        (too_early(reaped, last), "an agent tells of something after it had ended"),
    ] {
        if let Some(by) = by {
            validity.found(impossible(run, Check::ProcessLife, words, by).quote(&*agent.name));
        }
    }
}

/// What an agent says of its calls cannot contradict what went over the wire.
fn own_figures(validity: &mut Validity, run: &RunFacts, agent: &AgentFacts) {
    let Some(own) = &agent.own_calls else { return };
    validity.looked(Check::OwnFigures, 1);
    if own.len() != agent.calls.len() {
        let words = "an agent tells of another number of calls than the instrument saw";
        let count = |n: usize| (n as f64, "calls", Format::Count);
        let (told, seen) = (count(own.len()), count(agent.calls.len()));
        validity.found(
            Finding::on(run, Check::OwnFigures, Status::Invalid, words)
                .seen(told.0, told.1, told.2)
                .against(seen.0, seen.1, seen.2)
                .quote(&*agent.name),
        );
        return;
    }
    for (own, seen) in own.iter().zip(&agent.calls) {
        for (by, words) in contradictions(own, seen) {
            if let Some(by) = by {
                validity.found(impossible(run, Check::OwnFigures, words, by).quote(&*agent.name));
            }
        }
        if own.status != seen.status {
            let words = "an agent tells of another end of a call than the instrument saw";
            let quote = format!("{} {}, {}", agent.name, own.status.name(), seen.status.name());
            validity
                .found(Finding::on(run, Check::OwnFigures, Status::Suspect, words).quote(quote));
        }
    }
}

/// What an agent cannot have seen when it says so, each with by how much, in ms.
fn contradictions(own: &CallFacts, seen: &CallFacts) -> [(Option<f64>, &'static str); 4] {
    [
        (
            too_early(seen.planned(), own.sent()),
            "an agent says that it sent a request after it had arrived",
        ),
        (
            too_early(own.first_token(), seen.first_token()),
            "an agent says that it had the first token before it came from the server",
        ),
        (
            too_early(own.last_token(), seen.last_token()),
            "an agent says that it had the last token before it came from the server",
        ),
        (
            too_early(own.end(), seen.last_token()),
            "an agent says that a call ended before its last token came from the server",
        ),
    ]
}

fn impossible(run: &RunFacts, check: Check, words: &'static str, by_ms: f64) -> Finding {
    let format = Format::Fixed(decimals_for(by_ms, 3));
    Finding::on(run, check, Status::Invalid, words).seen(by_ms, "ms", format)
}

impl Validity {
    /// Adds a finding for each way in which an implementation did not do the same as
    /// the reference.
    pub(crate) fn add_parity(&mut self, implementations: Option<&Implementations>) {
        let Some(implementations) = implementations else { return };
        let reference = implementations.reference();
        for contest in &implementations.contests {
            self.looked(Check::Parity, contest.parity.n_pairs as u64);
            for breach in &contest.parity.breaches {
                let set = pair_set(reference, &contest.other, &contest.server);
                self.found(Finding {
                    check: Check::Parity,
                    status: Status::Invalid,
                    scope: Scope::Configuration(set),
                    words: breach.kind.title(),
                    seen: None,
                    against: None,
                    quote: Some(breach.place.clone()),
                });
            }
        }
    }
}
