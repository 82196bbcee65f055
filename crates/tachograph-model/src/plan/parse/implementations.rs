//! Implementations of one agent: whether they can be held against each other.

use std::collections::BTreeSet;

use super::agents::known;
use super::{Places, PlanError, nearest};
use crate::plan::implementations::{BuiltIn, Cost, Implementations, Instrument, Protocol};
use crate::plan::stopping::Rule;
use crate::plan::{AgentSpec, Api, Order, Plan, expand};

/// Checks what agents say about their implementation, and the parts of the plan that
/// hold implementations against each other.
pub(super) fn check(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    for (index, agent) in plan.agents.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["agents", &index, field], message);
        one(plan, agent, &error)?;
    }
    if let Some(parts) = &plan.implementations {
        list(plan, parts, places)?;
        rules(plan, places)?;
    } else {
        if let Some(index) = plan.agents.iter().position(|agent| !agent.without.is_empty()) {
            let message = "`without` is for implementations; list them in [implementations]";
            return Err(places.error(&["agents", &index.to_string(), "without"], message));
        }
        if plan.cost.is_some() {
            let message = "the cost model compares implementations; list them in [implementations]";
            return Err(places.error(&["cost"], message));
        }
    }
    plan.cost.as_ref().map_or(Ok(()), |cost| costs(cost, plan, places))
}

/// Checks one agent.
fn one(
    plan: &Plan,
    agent: &AgentSpec,
    error: &impl Fn(&str, String) -> PlanError,
) -> Result<(), PlanError> {
    let name = &agent.name;
    if agent.command.is_some() && agent.implementation != BuiltIn::Native {
        let message = format!("agent `{name}` has both `implementation` and `command`; keep one");
        return Err(error("command", message));
    }
    if agent.implementation == BuiltIn::PythonOllama {
        let used = plan.servers.iter().find(|server| !server.api.is_ollama());
        if let Some(server) = used.filter(|server| agent.server.as_ref() == Some(&server.name)) {
            let message = format!(
                "agent `{name}` uses the `ollama` client, and server `{}` speaks another protocol; \
                 use implementation = \"python-httpx\"",
                server.name
            );
            return Err(error("implementation", message));
        }
    }
    if agent.protocol == Protocol::None {
        if agent.command.is_none() {
            let message = format!(
                "agent `{name}` needs a `command`: Tachograph's own agents speak the protocol"
            );
            return Err(error("protocol", message));
        }
        if plan.instrument != Instrument::Tap {
            let message = format!(
                "agent `{name}` says nothing about its calls, so that they must be seen from \
                 outside: instrument = \"tap\""
            );
            return Err(error("protocol", message));
        }
        if plan.is_concurrent() {
            let message = format!(
                "agent `{name}` cannot wait for others at the common start, which [[phases]] need"
            );
            return Err(error("protocol", message));
        }
    }
    Ok(())
}

/// Checks the lists of `[implementations]`.
fn list(plan: &Plan, parts: &Implementations, places: &Places<'_>) -> Result<(), PlanError> {
    let error = |field: &str, message: String| places.error(&["implementations", field], message);
    if parts.agents.len() < 2 {
        let message = "a comparison needs at least two agents; the first is the reference";
        return Err(error("agents", message.to_owned()));
    }
    let names = || plan.agents.iter().map(|agent| &*agent.name);
    for (at, name) in parts.agents.iter().enumerate() {
        if parts.agents[..at].contains(name) {
            return Err(error("agents", format!("`{name}` is listed twice")));
        }
        let Some(agent) = plan.agent(name) else {
            let hint = nearest(name, names())
                .map_or_else(|| names().collect::<Vec<_>>().join(", "), str::to_owned);
            return Err(error("agents", format!("no agent is called `{name}`; known: {hint}")));
        };
        if agent.server.is_none() && parts.servers.is_empty() {
            let message =
                format!("agent `{name}` needs a server: give it `server`, or list `servers` here");
            return Err(error("agents", message));
        }
    }
    for (at, server) in parts.servers.iter().enumerate() {
        if parts.servers[..at].contains(server) {
            return Err(error("servers", format!("`{server}` is listed twice")));
        }
        known(plan, server).map_err(|message| error("servers", message))?;
    }
    if parts.servers.is_empty() {
        alike(plan, parts).map_err(|message| error("agents", message))?;
    }
    without(plan, parts, places)
}

/// Implementations meet the same server.
fn alike(plan: &Plan, parts: &Implementations) -> Result<(), String> {
    let agents: Vec<&AgentSpec> = parts.agents.iter().filter_map(|name| plan.agent(name)).collect();
    let Some((first, others)) = agents.split_first() else { return Ok(()) };
    for other in others {
        if other.server != first.server {
            return Err(format!(
                "`{}` and `{}` talk to different servers, so that a difference could be the \
                 server's; give them one, or list `servers` for all of them",
                first.name, other.name
            ));
        }
    }
    Ok(())
}

/// Checks that what an implementation leaves out exists, and that something is left.
fn without(plan: &Plan, parts: &Implementations, places: &Places<'_>) -> Result<(), PlanError> {
    let all: BTreeSet<String> = expand::arms(plan).into_iter().map(|arm| arm.0.0).collect();
    for (index, agent) in plan.agents.iter().enumerate() {
        let index = index.to_string();
        let error = |message: String| places.error(&["agents", &index, "without"], message);
        if !agent.without.is_empty() && !parts.agents.contains(&agent.name) {
            let message = format!("agent `{}` is none of the implementations", agent.name);
            return Err(error(message));
        }
        for name in &agent.without {
            if !all.contains(name) {
                let hint = nearest(name, all.iter().map(String::as_str))
                    .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
                return Err(error(format!("no configuration is called `{name}`{hint}")));
            }
        }
        if all.iter().all(|name| agent.without.contains(name)) {
            return Err(error(format!("nothing is left for agent `{}`", agent.name)));
        }
    }
    Ok(())
}

/// Checks what else such a plan may say.
fn rules(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.stopping.rule != Rule::Fixed {
        let message = "a plan with implementations has the stopping rule \"fixed\"; sequential \
                       rules compare tuned configurations with one baseline";
        return Err(places.error(&["stopping", "rule"], message));
    }
    if plan.order == Order::Abba {
        let message = "order \"abba\" is for two configurations of one agent; use \
                       \"randomized-blocks\"";
        return Err(places.error(&["order"], message));
    }
    let uses_ollama_client = plan
        .implementations
        .iter()
        .flat_map(|parts| &parts.agents)
        .filter_map(|name| plan.agent(name))
        .any(|agent| agent.implementation == BuiltIn::PythonOllama);
    let speaks_openai = |api: Api| !api.is_ollama();
    let listed = plan.implementations.iter().flat_map(|parts| &parts.servers);
    let foreign = listed
        .filter_map(|name| plan.servers.iter().find(|server| server.name == *name))
        .find(|server| speaks_openai(server.api));
    if let (true, Some(server)) = (uses_ollama_client, foreign) {
        let message = format!(
            "an implementation uses the `ollama` client, and server `{}` speaks another protocol",
            server.name
        );
        return Err(places.error(&["implementations", "servers"], message));
    }
    Ok(())
}

/// Checks the numbers of the cost model.
fn costs(cost: &Cost, plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let error = |field: &str, message: String| places.error(&["cost", field], message);
    if cost.currency.trim().is_empty() || cost.currency.len() > 12 {
        return Err(error("currency", "give a currency, as in \"USD\"".to_owned()));
    }
    let positive = [
        ("requests_per_month", cost.requests_per_month),
        ("instance_price_per_hour", cost.instance_price_per_hour),
        ("instance_memory_gib", cost.instance_memory_gib),
        ("instance_cpus", cost.instance_cpus),
    ];
    for (name, value) in positive {
        if !(value.is_finite() && value > 0.0) {
            return Err(error(name, format!("{name} must be a number above 0")));
        }
    }
    let agents = plan.implementations.iter().flat_map(|parts| &parts.agents);
    let agents: Vec<&String> = agents.collect();
    for (agent, value) in &cost.development {
        if !agents.contains(&agent) {
            let message = format!("`{agent}` is none of the implementations");
            return Err(places.error(&["cost", "development", agent], message));
        }
        if !(value.is_finite() && *value >= 0.0) {
            let message = "a cost must be a number of at least 0";
            return Err(places.error(&["cost", "development", agent], message));
        }
    }
    Ok(())
}
