//! Topologies and phases: whether scenarios, agents and servers fit together.

use std::collections::{BTreeMap, BTreeSet};

use super::agents::known;
use super::check::{is_slug, slug_rule};
use super::{Places, PlanError, nearest};
use crate::options::Options;
use crate::plan::concurrent::{
    AGENTS_MAX, Combination, Level, Matrix, OWN_SERVERS, Scenario, Topology,
};
use crate::plan::{AgentSpec, Metric, Order, Plan};
use crate::run::ConfigurationId;

/// Checks everything that a plan with phases has beside servers and agents.
pub(super) fn check(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    single_agent_parts(plan, places)?;
    topologies(plan, places)?;
    let mut names = BTreeSet::new();
    for (index, phase) in plan.phases.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["phases", &index, field], message);
        if !is_slug(&phase.name) {
            return Err(error("name", slug_rule("a phase's name", &phase.name)));
        }
        if !names.insert(&phase.name) {
            return Err(error("name", format!("two phases are called `{}`", phase.name)));
        }
        if phase.matrices.is_empty() {
            let message = format!("phase `{}` needs [[phases.matrices]]", phase.name);
            return Err(error("name", message));
        }
        for (at, matrix) in phase.matrices.iter().enumerate() {
            let at = at.to_string();
            let error = |field: &str, message: String| {
                places.error(&["phases", &index, "matrices", &at, field], message)
            };
            lists(plan, matrix, &error)?;
            factors(plan, matrix, &error)?;
        }
    }
    combinations(plan, places)
}

/// Refuses what only a plan without phases has.
fn single_agent_parts(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.implementations.is_some() {
        // They are one agent's parts, and the phases stand beside them.
        return Ok(());
    }
    if plan.primary.metric != Metric::RunWall {
        let message = "a plan with phases judges how much longer agents take together than alone: \
                       metric = \"run_wall\", or leave it out";
        return Err(places.error(&["primary", "metric"], message));
    }
    let instead = "in a plan with phases it belongs into [[phases.matrices]]";
    if !plan.factors.is_empty() {
        return Err(places.error(&["factors"], format!("`factors`: {instead}")));
    }
    if !plan.configurations.is_empty() {
        return Err(places.error(&["configurations"], format!("`configurations`: {instead}")));
    }
    if plan.baseline.aa {
        let message = "`baseline.aa` is for plans without phases; a second phase with the same \
                       matrix shows the noise floor of concurrent runs";
        return Err(places.error(&["baseline", "aa"], message));
    }
    if plan.order == Order::Abba {
        let message = "order \"abba\" is for two configurations; a plan with phases has solo runs \
                       beside each concurrent one: use \"randomized-blocks\"";
        return Err(places.error(&["order"], message));
    }
    Ok(())
}

fn topologies(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let mut names = BTreeSet::new();
    for (index, topology) in plan.topologies.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["topologies", &index, field], message);
        let name = &topology.name;
        if !is_slug(name) || name == OWN_SERVERS {
            return Err(error("name", slug_rule("a topology's name", name)));
        }
        if !names.insert(name) {
            return Err(error("name", format!("two topologies are called `{name}`")));
        }
        if topology.servers.is_empty() {
            return Err(error("servers", format!("topology `{name}` needs servers")));
        }
        for server in &topology.servers {
            known(plan, server).map_err(|message| error("servers", message))?;
        }
        if topology.exclusive {
            exclusive(plan, topology).map_err(|message| error("exclusive", message))?;
        }
    }
    Ok(())
}

/// Checks that no two servers of an exclusive topology are one.
fn exclusive(plan: &Plan, topology: &Topology) -> Result<(), String> {
    let mut taken: BTreeMap<String, &str> = BTreeMap::new();
    for name in &topology.servers {
        let Some(server) = plan.servers.iter().find(|server| server.name == *name) else {
            continue;
        };
        let place = server.url.as_ref().map_or_else(
            || format!("server {name}"),
            |url| url.trim_end_matches('/').to_ascii_lowercase(),
        );
        if let Some(other) = taken.insert(place.clone(), name) {
            return Err(if other == name {
                format!("topology `{}` is exclusive and lists server `{name}` twice", topology.name)
            } else {
                format!(
                    "topology `{}` is exclusive, and servers `{other}` and `{name}` are one: {place}",
                    topology.name
                )
            });
        }
    }
    Ok(())
}

/// Checks the names and numbers of a matrix.
fn lists(
    plan: &Plan,
    matrix: &Matrix,
    error: &impl Fn(&str, String) -> PlanError,
) -> Result<(), PlanError> {
    if matrix.scenarios.is_empty() {
        return Err(error("scenarios", "a matrix needs at least one scenario".to_owned()));
    }
    let twice = |field: &str, name: &dyn std::fmt::Display| {
        Err(error(field, format!("`{name}` is listed twice")))
    };
    for (at, scenario) in matrix.scenarios.iter().enumerate() {
        if matrix.scenarios[..at].contains(scenario) {
            return twice("scenarios", scenario);
        }
    }
    let names = |field: &str, names: &[String], known: Vec<&str>, what: &str| {
        for name in names {
            if !known.contains(&&**name) {
                let hint = nearest(name, known.iter().copied())
                    .map_or_else(|| known.join(", "), str::to_owned);
                let message = format!("no {what} is called `{name}`; known: {hint}");
                return Err(error(field, message));
            }
        }
        Ok(())
    };
    let topologies = plan.topologies.iter().map(|each| &*each.name).collect();
    names("topologies", &matrix.topologies, topologies, "topology")?;
    for (at, name) in matrix.topologies.iter().enumerate() {
        if matrix.topologies[..at].contains(name) {
            return twice("topologies", name);
        }
    }
    let agents = plan.agents.iter().map(|each| &*each.name).collect();
    names("agents", &matrix.agents, agents, "agent")?;
    for (at, count) in matrix.counts.iter().enumerate() {
        if !(1..=AGENTS_MAX).contains(&(*count as usize)) {
            let message = format!("{count} agents at once; give 1 to {AGENTS_MAX}");
            return Err(error("counts", message));
        }
        if matrix.counts[..at].contains(count) {
            return twice("counts", count);
        }
    }
    let most = matrix.counts(plan).into_iter().max().unwrap_or_default();
    if most < 2 {
        let message = "a matrix runs at least two agents at once: list two [[agents]], or set \
                       counts = [2]";
        return Err(error("counts", message.to_owned()));
    }
    Ok(())
}

/// Checks the factors of a matrix and that no option is set twice.
fn factors(
    plan: &Plan,
    matrix: &Matrix,
    error: &impl Fn(&str, String) -> PlanError,
) -> Result<(), PlanError> {
    let agents = matrix.agents(plan);
    for (factor, levels) in &matrix.factors {
        let refuse = |message: String| Err(error("factors", message));
        if levels.is_empty() {
            let message =
                format!("factor `{factor}` has no levels; give it some or remove the line");
            return refuse(message);
        }
        for (at, level) in levels.iter().enumerate() {
            if levels[..at].contains(level) {
                return refuse(format!("factor `{factor}` has one level twice"));
            }
            let Level::Each(values) = level else { continue };
            for count in matrix.counts(plan) {
                if values.len() != count as usize {
                    return refuse(format!(
                        "a level of factor `{factor}` has {} values for {count} agents; give one \
                         for each",
                        values.len()
                    ));
                }
            }
        }
        let others =
            [(&plan.options, "a common option"), (&matrix.options, "an option of the matrix")];
        let own = agents.iter().map(|agent| (&agent.options, "an option of an agent"));
        for (options, what) in others.into_iter().chain(own) {
            if options.contains_key(factor) {
                return refuse(format!("`{factor}` is both a factor and {what}; keep one"));
            }
        }
    }
    for option in matrix.options.keys() {
        if let Some(agent) = agents.iter().find(|agent| agent.options.contains_key(option)) {
            let message = format!(
                "`{option}` is set for the matrix and for agent `{}`; keep one",
                agent.name
            );
            return Err(error("options", message));
        }
    }
    Ok(())
}

/// Checks every combination: its servers, its scenario, its solo configurations.
fn combinations(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let mut solos: BTreeMap<ConfigurationId, Options> = BTreeMap::new();
    for (phase_at, phase) in plan.phases.iter().enumerate() {
        for (at, matrix) in phase.matrices.iter().enumerate() {
            let (phase_at, at) = (phase_at.to_string(), at.to_string());
            let error = |field: &str, message: String| {
                places.error(&["phases", &phase_at, "matrices", &at, field], message)
            };
            for combination in matrix.combinations(plan, phase) {
                let servers = servers(&combination);
                servers.map_err(|message| error("topologies", message))?;
                let fits = scenario(plan, &combination);
                fits.map_err(|message| error("scenarios", message))?;
                for (id, options) in combination.solos(plan) {
                    if solos.entry(id.clone()).or_insert_with(|| options.clone()) != &options {
                        let message = format!(
                            "two different solo configurations would be called `{id}`; rename an \
                             agent or a server"
                        );
                        return Err(error("options", message));
                    }
                }
            }
        }
    }
    Ok(())
}

/// Checks that each agent has a server, and to itself where that is asked.
fn servers(combination: &Combination<'_>) -> Result<(), String> {
    let n = combination.agents.len();
    for (at, agent) in combination.agents.iter().enumerate() {
        if combination.server(at).is_none() {
            return Err(format!(
                "agent `{}` has no server: name topologies, or give it `server`",
                agent.name
            ));
        }
    }
    let Some(topology) = combination.topology.filter(|topology| topology.exclusive) else {
        return Ok(());
    };
    if n > topology.servers.len() {
        let at = topology.servers.len();
        return Err(format!(
            "topology `{}` is exclusive and has {at} servers for {n} agents: two of them would \
             share `{}`; add servers, or remove `exclusive`",
            topology.name, topology.servers[0]
        ));
    }
    Ok(())
}

/// Checks that the scenario is what its agents do.
fn scenario(plan: &Plan, combination: &Combination<'_>) -> Result<(), String> {
    let n = combination.agents.len();
    if n < 2 {
        return Ok(());
    }
    let name = combination.scenario;
    let implementation = |agent: &&AgentSpec| (agent.command.clone(), agent.implementation);
    let commands: BTreeSet<_> = combination.agents.iter().map(implementation).collect();
    if name == Scenario::Mixed && commands.len() < 2 {
        return Err(
            "scenario `mixed` is for agents of different implementations, and all of these have \
             the same one"
                .to_owned(),
        );
    }
    if name != Scenario::Mixed && commands.len() > 1 {
        return Err(format!(
            "scenario `{name}` is for agents of one implementation, and these have different \
             ones; use `mixed`"
        ));
    }
    let per_agent = combination.levels.iter().find(|(_, level)| matches!(level, Level::Each(_)));
    if let (Some((factor, _)), true) = (per_agent, name != Scenario::ChimeraHetero) {
        return Err(format!(
            "factor `{factor}` has one value for each agent, which makes the scenario \
             `chimera-hetero`, not `{name}`"
        ));
    }
    let options: Vec<Options> = (0..n).map(|at| combination.options(plan, at)).collect();
    let all_alike = options.iter().all(|each| *each == options[0]);
    match name {
        Scenario::ChimeraHomo | Scenario::Mixed if !all_alike => Err(format!(
            "in scenario `{name}` all agents send the same options, and these have options of \
             their own; use `chimera-hetero`"
        )),
        Scenario::ChimeraHetero if all_alike => Err(
            "in scenario `chimera-hetero` agents send different options, and these send the same: \
             give a factor a list of values, one for each agent, or use `chimera-homo`"
                .to_owned(),
        ),
        Scenario::BaselineVsChimera if !combination.is_anything_tuned(plan) => Err(
            "in scenario `baseline-vs-chimera` the first agent sends the baseline's options and \
             the others tuned ones, and here nothing is tuned: give the matrix factors or options"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}
