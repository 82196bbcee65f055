//! Several implementations of one agent, held against each other.
//!
//! Owns: what a plan says about them (which agents, on which servers, what they
//! cost), and the configurations that follow: each implementation executes each
//! configuration of the plan once in each block.
//!
//! Does not: judge whether they did the same; that is the parity contract, checked
//! from the evidence.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgentSpec, Plan, expand};
use crate::options::Options;
use crate::run::{Arm, Configuration, ConfigurationId, Implementation, Placement};

/// Which of the plan's agents are implementations of one agent.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Implementations {
    /// The agents, by name, at least two. The first is the reference that the others
    /// are held against.
    pub agents: Vec<String>,
    /// The servers on which each of them executes every configuration; each agent's
    /// own server if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub servers: Vec<String>,
}

/// Whose stamps of calls count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Instrument {
    /// Each agent's own.
    #[default]
    Agents,
    /// Those of a recording proxy between agent and server, the same for all agents.
    /// What the agents themselves say is kept beside them.
    Tap,
}

impl Instrument {
    /// Returns whether agents' own stamps count, which is the default.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_agents(&self) -> bool {
        *self == Self::Agents
    }
}

/// An agent that Tachograph brings along.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum BuiltIn {
    /// `tacho worker`.
    #[default]
    Native,
    /// The Python agent on `asyncio` and `httpx`, in a private virtual environment.
    PythonHttpx,
    /// The Python agent on the official `ollama` client, in one of its own.
    PythonOllama,
}

impl BuiltIn {
    /// Returns whether it is the native agent, which is the default.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_native(&self) -> bool {
        *self == Self::Native
    }

    /// Returns the name as written in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Native => "native",
            Self::PythonHttpx => "python-httpx",
            Self::PythonOllama => "python-ollama",
        }
    }
}

/// Whether an agent speaks the worker protocol.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// It does: it says what it reads, when its stages begin, and what it makes.
    #[default]
    Worker,
    /// It does not: all that is known of it are its process and what the tap sees of
    /// its calls. It is done when it ends with exit code 0.
    None,
}

impl Protocol {
    /// Returns whether the agent speaks the protocol, which is the default.
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    pub(crate) fn is_worker(&self) -> bool {
        *self == Self::Worker
    }
}

/// What the cost model assumes. Measured are memory, CPU time and wall time of a
/// request; a request is one execution of the workflow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cost {
    /// The unit of all prices: `USD`.
    pub currency: String,
    /// Executions of the workflow in a month.
    pub requests_per_month: f64,
    /// The price of one instance that runs agents, for one hour.
    pub instance_price_per_hour: f64,
    /// Its memory that agents may use, in gibibytes.
    pub instance_memory_gib: f64,
    /// Its processors.
    pub instance_cpus: f64,
    /// What developing each implementation costs, once, by agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub development: BTreeMap<String, f64>,
}

/// Returns the configurations of the plan's implementations: for each configuration of
/// one agent and each server, one for each implementation that is not without it.
pub(super) fn configurations(plan: &Plan, parts: &Implementations) -> Vec<Configuration> {
    let agents: Vec<&AgentSpec> = parts.agents.iter().filter_map(|name| plan.agent(name)).collect();
    let servers: Vec<Option<&str>> = if parts.servers.is_empty() {
        vec![None]
    } else {
        parts.servers.iter().map(|server| Some(&**server)).collect()
    };
    let mut all = Vec::new();
    for member in &expand::arms(plan) {
        for chosen in &servers {
            for agent in agents.iter().filter(|agent| !agent.without.contains(&member.0.0)) {
                let server = chosen.or(agent.server.as_deref()).unwrap_or_default();
                let place = if servers.len() > 1 {
                    format!("{}_{server}", agent.name)
                } else {
                    agent.name.clone()
                };
                all.push(one(plan, (agent, server), &place, member));
            }
        }
    }
    all
}

/// Returns the configuration in which `agent` executes `member` on `server`.
fn one(
    plan: &Plan,
    (agent, server): (&AgentSpec, &str),
    place: &str,
    (of, arm, own, levels): &expand::Member,
) -> Configuration {
    let options = expand::sent(plan, Some(agent), own);
    let (agent, server) = (agent.name.clone(), server.to_owned());
    Configuration {
        id: ConfigurationId(format!("{place}_{of}")),
        arm: Arm::Implementation,
        levels: Options::new(),
        placements: vec![Placement::alone(agent.clone(), server.clone(), options.clone())],
        options,
        together: None,
        implementation: Some(Implementation {
            agent,
            server,
            of: of.clone(),
            arm: *arm,
            levels: levels.clone(),
        }),
    }
}

#[cfg(test)]
mod tests;
