//! The common start of agents that run at once.
//!
//! Owns: who is at the barrier, when those there are let go, and what becomes of
//! a run that an agent is missing from.
//!
//! Does not: wait; the run's loop asks after each message.

use tachograph_model::event::{Event, Released};
use tachograph_model::task::Start;
use tachograph_model::units::{DurationNs, InstantNs};

use super::{Agent, ExecuteError, Execution};
use crate::clock;

/// How far ahead of itself the harness sets the common start of agents at the
/// barrier, and how much more for each of them: each must have read the line and
/// gone to sleep by then.
const LEAD: DurationNs = DurationNs::from_millis(20);
const LEAD_EACH: DurationNs = DurationNs::from_millis(1);

/// The remark about an agent that began on its own.
pub(super) const DID_NOT_WAIT: &str = "it did not wait for the common start";

/// Where an agent is as seen from the barrier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AtBarrier {
    /// It may still come there.
    Before,
    /// It waits.
    Waits,
    /// It began its workflow.
    Beyond,
}

impl Execution<'_, '_> {
    /// Lets the agents at the barrier go, once none is still on its way there.
    pub(super) fn release(
        &mut self,
        agents: &mut [Agent],
        now: InstantNs,
    ) -> Result<(), ExecuteError> {
        let is_away = |agent: &Agent| agent.at_barrier == AtBarrier::Before && !agent.is_over(now);
        if !self.has_barrier || agents.iter().any(is_away) {
            return Ok(());
        }
        self.has_barrier = false;
        let lost = agents.iter().find(|agent| match agent.at_barrier {
            AtBarrier::Before => true,
            // It waited and then died, while another was on its way.
            AtBarrier::Waits => agent.end.is_some(),
            AtBarrier::Beyond => false,
        });
        if let Some(lost) = lost.map(|agent| agent.process.name.clone()) {
            // A run without all of its agents is not that run.
            for agent in agents.iter_mut().filter(|agent| agent.end.is_none()) {
                agent.process.end();
                let why = format!("ended, since {lost} did not come to the common start");
                self.fail(&agent.process.name, why);
            }
            return Ok(());
        }
        let at_ns = clock::now();
        let lead = LEAD.0 + LEAD_EACH.0 * agents.len() as u64;
        let start_at_ns = at_ns.after(DurationNs(lead));
        let mut waited = Vec::new();
        for agent in agents.iter_mut() {
            if agent.at_barrier == AtBarrier::Waits {
                agent.process.release(Start { start_at_ns });
                waited.push(agent.process.name.clone());
            } else {
                let remark = DID_NOT_WAIT.to_owned();
                self.remarks.entry(agent.process.name.clone()).or_insert(remark);
            }
        }
        self.harness(Event::Released(Released { start_at_ns, agents: waited, at_ns }))
    }
}
