//! The plan's stopping rule, asked between two blocks of a study.
//!
//! Owns: when it is asked, from which sealed runs, and how its answer is told.
//!
//! Does not: decide; `tachograph_report` does, from the facts alone.

use std::collections::BTreeSet;

use tachograph_model::plan::Plan;
use tachograph_model::run::{Run, RunId};
use tachograph_model::study::{ConfigurationLook, LookDecision, LookVerdict, Looked};
use tachograph_report::{PrimaryValues, SequentialRule};
use tachograph_run::clock;
use tachograph_store::Study;

use crate::commands::run::write_failure;
use crate::failure::Failure;

/// Configurations that one line about a look names.
const NAMED_MAX: usize = 8;

/// Asks the stopping rule; reads each sealed run once.
#[derive(Debug)]
pub(crate) struct Looks<'a> {
    rule: Option<SequentialRule>,
    plan: &'a Plan,
    runs: &'a [Run],
    values: PrimaryValues,
    taken: BTreeSet<RunId>,
}

impl<'a> Looks<'a> {
    /// Prepares the rule of `plan`, whose runs are `runs`.
    pub(crate) fn of(plan: &'a Plan, runs: &'a [Run]) -> Self {
        Self {
            rule: SequentialRule::of(plan),
            plan,
            runs,
            values: PrimaryValues::default(),
            taken: BTreeSet::new(),
        }
    }

    /// Takes the look that is due when `run` is sealed, writes it to the journal and
    /// returns it in words. `None` where none is due: within a block, between looks,
    /// or when it was taken before the study was interrupted.
    ///
    /// # Errors
    ///
    /// A failure if a sealed run cannot be read back, or the journal not written.
    pub(crate) fn after(
        &mut self,
        run: &Run,
        study: &mut Study,
    ) -> Result<Option<String>, Failure> {
        let Some(rule) = &self.rule else { return Ok(None) };
        let n_blocks = run.id.block;
        let next = self.runs.get(run.index as usize + 1);
        let ends_its_block = next.is_none_or(|next| next.id.block != n_blocks);
        let is_taken = study.last_look().is_some_and(|last| last.n_blocks >= n_blocks);
        if !ends_its_block || is_taken || !rule.has_look_after(n_blocks) {
            return Ok(None);
        }
        for run in &self.runs[..=run.index as usize] {
            if self.taken.insert(run.id.clone()) {
                let evidence = study.read_run(&run.id).map_err(|error| Failure::failed(&error))?;
                let facts = tachograph_report::distil(&evidence, self.plan);
                self.values.add(&run.id, facts.metric(rule.metric()));
            }
        }
        let looked = rule.look(&self.values, n_blocks);
        let line = words(&looked, rule.next_look(n_blocks), self.plan.blocks);
        study.look(looked, &clock::rfc3339_now()).map_err(|error| write_failure(&error))?;
        Ok(Some(line))
    }
}

/// Returns what was decided, what is open, and what follows.
fn words(looked: &Looked, next: Option<u32>, n_blocks_most: u32) -> String {
    let decided = |look: &ConfigurationLook| look.verdict != LookVerdict::Inconclusive;
    let (closed, open): (Vec<_>, Vec<_>) =
        looked.configurations.iter().partition(|(_, look)| decided(look));
    let mut parts: Vec<String> = closed
        .iter()
        .take(NAMED_MAX)
        .map(|(id, look)| format!("{id} is {}{}", look.verdict.name(), change(look)))
        .collect();
    if closed.len() > NAMED_MAX {
        parts.push(format!("{} more are decided", closed.len() - NAMED_MAX));
    }
    parts.extend(
        open.iter().take(NAMED_MAX).map(|(id, look)| format!("{id} stays open{}", change(look))),
    );
    if open.len() > NAMED_MAX {
        parts.push(format!("{} more stay open", open.len() - NAMED_MAX));
    }
    let follows = match (looked.decision, next) {
        (LookDecision::AllDecided, _) => "all decided, the study ends".to_owned(),
        (LookDecision::GoOn, Some(next)) => {
            format!("goes on; the next look is after {next} of at most {n_blocks_most} blocks")
        }
        (LookDecision::GoOn | LookDecision::LastLook, _) => {
            "that was the last block, and something stays open".to_owned()
        }
    };
    format!("look after {} blocks: {}: {follows}", looked.n_blocks, parts.join("; "))
}

/// Returns the interval as a change in percent.
fn change(look: &ConfigurationLook) -> String {
    look.ratio_low_high.map_or_else(String::new, |ends| {
        let [low, high] = ends.map(|ratio| (ratio - 1.0) * 100.0);
        format!(" ({low:+.1} % to {high:+.1} %)")
    })
}
