//! The agents of a plan.

use std::collections::BTreeSet;

use super::check::{is_slug, slug_rule};
use super::{Places, PlanError, nearest};
use crate::plan::Plan;

/// Checks every agent.
pub(super) fn check(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.agents.is_empty() {
        return Err(places.error(&["agents"], "a plan needs at least one agent"));
    }
    let mut names = BTreeSet::new();
    for (index, agent) in plan.agents.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["agents", &index, field], message);
        if !is_slug(&agent.name) {
            return Err(error("name", slug_rule("an agent's name", &agent.name)));
        }
        if ["harness", "combined"].contains(&&*agent.name) {
            let message = format!("`{}` is taken; choose another name for the agent", agent.name);
            return Err(error("name", message));
        }
        if !names.insert(&agent.name) {
            return Err(error("name", format!("two agents are called `{}`", agent.name)));
        }
        match &agent.server {
            Some(server) => known(plan, server).map_err(|message| error("server", message))?,
            None if plan.is_concurrent() || plan.implementations.is_some() => {}
            None => {
                let names = server_names(plan);
                let message =
                    format!("agent `{}` needs a server: server = \"{names}\"", agent.name);
                return Err(error("name", message));
            }
        }
        if agent.command.as_ref().is_some_and(Vec::is_empty) {
            return Err(error("command", "an agent's command needs a program".to_owned()));
        }
        if !(100..=100_000).contains(&agent.summary_bytes) {
            let message = format!("summary_bytes is {}; give 100 to 100000", agent.summary_bytes);
            return Err(error("summary_bytes", message));
        }
    }
    if plan.agents.len() > 1 && !plan.is_concurrent() && plan.implementations.is_none() {
        let message = "several agents run at once in [[phases]], or one after the other as \
                       [implementations] of one agent; add one of these, or keep one [[agents]] \
                       entry";
        return Err(places.error(&["agents", "1", "name"], message));
    }
    for (index, agent) in plan.agents.iter().enumerate() {
        for option in agent.options.keys() {
            if plan.factors.contains_key(option) {
                let message = format!(
                    "`{option}` is both a factor and an option of agent `{}`; keep one",
                    agent.name
                );
                return Err(places.error(&["agents", &index.to_string(), "options"], message));
            }
        }
    }
    Ok(())
}

/// Checks that the plan has a server called `name`.
///
/// # Errors
///
/// What is wrong, with the nearest name or all of them.
pub(super) fn known(plan: &Plan, name: &str) -> Result<(), String> {
    if plan.servers.iter().any(|server| server.name == name) {
        return Ok(());
    }
    let first = format!("{name}-1");
    if plan.servers.iter().any(|server| server.name == first) {
        return Err(format!("`{name}` is several instances; say which one, as in `{first}`"));
    }
    let names = plan.servers.iter().map(|server| &*server.name);
    let hint = nearest(name, names).map_or_else(|| server_names(plan), str::to_owned);
    Err(format!("no server is called `{name}`; known: {hint}"))
}

fn server_names(plan: &Plan) -> String {
    plan.servers.iter().map(|server| &*server.name).collect::<Vec<_>>().join(", ")
}
