//! The head of a plan, its numbers, and its configurations.

use std::collections::BTreeSet;

use super::{Places, PlanError};
use crate::plan::stopping::Rule;
use crate::plan::{Order, PLAN_SCHEMA, Plan, expand};
use crate::run::Arm;

/// The largest number of runs in one plan.
const RUNS_MAX: usize = 1_000_000;

/// Checks the top level, apart from its parts.
pub(super) fn head(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.schema != PLAN_SCHEMA {
        let message = format!(
            "this program reads plans of schema `{PLAN_SCHEMA}`, not `{}`; \
             a newer schema needs a newer tacho",
            plan.schema
        );
        return Err(places.error(&["schema"], message));
    }
    if !is_slug(&plan.name) {
        return Err(places.error(&["name"], slug_rule("the plan's name", &plan.name)));
    }
    if plan.blocks == 0 {
        return Err(places.error(&["blocks"], "blocks must be at least 1"));
    }
    numbers(plan, places)
}

fn numbers(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let waits: [(&[&str], f64); 5] = [
        (&["timeouts", "connect_s"], plan.timeouts.connect_s),
        (&["timeouts", "first_token_s"], plan.timeouts.first_token_s),
        (&["timeouts", "between_chunks_s"], plan.timeouts.between_chunks_s),
        (&["timeouts", "call_s"], plan.timeouts.call_s),
        (&["agent_limit_s"], plan.agent_limit_s.unwrap_or(1.0)),
    ];
    for (place, seconds) in waits {
        if !(seconds.is_finite() && seconds > 0.0 && seconds <= 86_400.0) {
            let name = place.last().unwrap_or(&"");
            let message = format!("{name} must be more than 0 and at most 86400 seconds");
            return Err(places.error(place, message));
        }
    }
    let margin = plan.primary.margin_percent;
    if !(margin.is_finite() && margin > 0.0 && margin < 100.0) {
        let message = "margin_percent must lie between 0 and 100, both excluded";
        return Err(places.error(&["primary", "margin_percent"], message));
    }
    if !(plan.primary.alpha > 0.0 && plan.primary.alpha < 0.5) {
        let message = "alpha must lie between 0 and 0.5, both excluded";
        return Err(places.error(&["primary", "alpha"], message));
    }
    Ok(())
}

/// Checks what is varied, how often, and when the study ends.
pub(super) fn configurations(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let mut n_configurations: usize = 1;
    let n_arms = plan
        .implementations
        .as_ref()
        .map_or(1, |parts| parts.agents.len().saturating_mul(parts.servers.len().max(1)));
    for (factor, levels) in &plan.factors {
        let path = ["factors", factor];
        if levels.is_empty() {
            let message =
                format!("factor `{factor}` has no levels; give it some or remove the line");
            return Err(places.error(&path, message));
        }
        for (at, level) in levels.iter().enumerate() {
            if levels[..at].contains(level) {
                let message = format!("factor `{factor}` has the level {level} twice");
                return Err(places.error(&path, message));
            }
        }
        if plan.options.contains_key(factor) {
            let message = format!("`{factor}` is both a factor and a common option; keep one");
            return Err(places.error(&path, message));
        }
        n_configurations = n_configurations.saturating_mul(levels.len());
    }
    let together = plan.phases.iter().flat_map(|phase| &phase.matrices).map(|matrix| {
        // Each concurrent configuration brings a solo one for each of its agents.
        let most = matrix.counts(plan).into_iter().max().unwrap_or_default() as usize + 1;
        matrix.n_combinations(plan).saturating_mul(most)
    });
    let n_runs = together
        .fold(n_configurations, usize::saturating_add)
        .saturating_add(plan.configurations.len() + 2)
        .saturating_mul(n_arms)
        .saturating_mul(plan.blocks as usize);
    if n_runs > RUNS_MAX {
        let part = if plan.is_concurrent() { "phases" } else { "factors" };
        return Err(places.error(&[part], format!("the plan has more than {RUNS_MAX} runs")));
    }
    for (index, extra) in plan.configurations.iter().enumerate() {
        if !is_slug(&extra.name) {
            let message = slug_rule("a configuration's name", &extra.name);
            return Err(places.error(&["configurations", &index.to_string(), "name"], message));
        }
    }
    let mut slugs = BTreeSet::new();
    let configurations = expand::configurations(plan);
    for configuration in &configurations {
        if !slugs.insert(&configuration.id) {
            let (part, fix) = if plan.is_concurrent() {
                ("phases", "; two matrices of one phase overlap: give one of them its own phase")
            } else {
                ("configurations", "")
            };
            let message = format!("two configurations are called `{}`{fix}", configuration.id);
            return Err(places.error(&[part], message));
        }
    }
    if plan.is_concurrent() || plan.implementations.is_some() {
        return fixed_rule(plan, places);
    }
    if plan.order == Order::Abba && configurations.len() != 2 {
        let message = format!(
            "order \"abba\" is for two configurations (the baseline and one other), and this plan \
             has {}; use \"randomized-blocks\"",
            configurations.len()
        );
        return Err(places.error(&["order"], message));
    }
    let n_tuned = configurations.iter().filter(|each| each.arm == Arm::Chimera).count();
    plan.stopping
        .check(plan.blocks, plan.primary.alpha, n_tuned)
        .map_err(|misfit| places.error(&["stopping", misfit.key], misfit.message))
}

/// A plan with phases runs all of its blocks.
fn fixed_rule(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.stopping.rule != Rule::Fixed {
        let message = "a plan with phases has the stopping rule \"fixed\"; sequential rules \
                       compare tuned configurations with one baseline";
        return Err(places.error(&["stopping", "rule"], message));
    }
    let misfit = plan.stopping.check(plan.blocks, plan.primary.alpha, 1);
    misfit.map_err(|misfit| places.error(&["stopping", misfit.key], misfit.message))
}

/// Returns whether `name` can be a folder name and a slug.
pub(super) fn is_slug(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    !name.is_empty() && name.len() <= 100 && name.chars().all(allowed)
}

pub(super) fn slug_rule(what: &str, found: &str) -> String {
    format!("{what} has lower-case letters, digits, hyphens and underscores only, not `{found}`")
}
