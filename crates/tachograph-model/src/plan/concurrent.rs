//! Several agents at once: roles, topologies, scenarios, phases.
//!
//! Owns: these parts of `plan.toml`, and how they become configurations: each
//! concurrent one, and the solo configuration of each of its agents.
//!
//! Does not: check; [`super::parse`] does, before anything is expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{AgentSpec, Plan};
use crate::options::{OptionValue, Options, slug, slug_of_each};
use crate::run::{Arm, Configuration, ConfigurationId, Placement, Together};

/// The most agents of one run.
pub const AGENTS_MAX: usize = 32;

/// The topology of a matrix that names none: each agent on its own `server`.
pub const OWN_SERVERS: &str = "own-servers";

/// What an agent is for; each role has its prompts, see `docs/agents.md`.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Analyses the files and writes a report on them.
    #[default]
    Analyst,
    /// Collects what the files hold, and lists it.
    Collector,
    /// Draws conclusions from the files, and explains them.
    Insight,
}

impl Role {
    /// Returns the name as written in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::Analyst => "analyst",
            Self::Collector => "collector",
            Self::Insight => "insight",
        }
    }

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(crate) fn is_analyst(&self) -> bool {
        *self == Self::Analyst
    }
}

/// The words around the data in an agent's two prompts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Prompts {
    /// Before the data summary in the prompt for an analysis.
    pub analysis_before: String,
    /// After it.
    pub analysis_after: String,
    /// Before the notes in the prompt for a report.
    pub report_before: String,
    /// After them.
    pub report_after: String,
}

/// A way to spread agents over servers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// Its name: lower-case letters, digits, hyphens.
    pub name: String,
    /// Servers, which agents take in turn: one for a shared server, as many as
    /// agents for one each, or any other list.
    pub servers: Vec<String>,
    /// Whether two agents on one server are an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub exclusive: bool,
}

/// Which agents of a run are tuned, and how they differ.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Scenario {
    /// The first agent sends the baseline's options, the others tuned ones.
    BaselineVsChimera,
    /// All agents send tuned options, which are not the same for all.
    ChimeraHetero,
    /// All agents send the same tuned options.
    ChimeraHomo,
    /// Agents of different implementations, all with the same tuned options.
    Mixed,
}

impl Scenario {
    /// Returns the name as written in a plan.
    pub fn name(self) -> &'static str {
        match self {
            Self::BaselineVsChimera => "baseline-vs-chimera",
            Self::ChimeraHetero => "chimera-hetero",
            Self::ChimeraHomo => "chimera-homo",
            Self::Mixed => "mixed",
        }
    }
}

impl fmt::Display for Scenario {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A part of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name: lower-case letters, digits, hyphens.
    pub name: String,
    /// What is combined in it; at least one.
    pub matrices: Vec<Matrix>,
}

/// Scenarios, topologies, numbers of agents and levels, each combined with each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matrix {
    /// The scenarios, at least one.
    pub scenarios: Vec<Scenario>,
    /// Topologies by name; none means that each agent talks to its own `server`.
    #[serde(default)]
    pub topologies: Vec<String>,
    /// Agents by name, in this order, each as often as it is named; none means all of the
    /// plan.
    #[serde(default)]
    pub agents: Vec<String>,
    /// How many agents run at once, taken in turn from `agents`; none means each
    /// once. With 1 an agent runs alone, which gives a series its beginning.
    #[serde(default)]
    pub counts: Vec<u32>,
    /// Options of the tuned agents in every combination.
    #[serde(default)]
    pub options: Options,
    /// Factors of the tuned agents and their levels.
    #[serde(default)]
    pub factors: BTreeMap<String, Vec<Level>>,
}

/// A level of a matrix's factor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Level {
    /// One value for all agents.
    All(OptionValue),
    /// A value for each agent.
    Each(Vec<OptionValue>),
}

impl Level {
    /// Returns the value of the agent at position `at`, if there is one.
    pub fn of(&self, at: usize) -> Option<&OptionValue> {
        match self {
            Self::All(value) => Some(value),
            Self::Each(values) => values.get(at),
        }
    }

    fn values(&self) -> Vec<OptionValue> {
        match self {
            Self::All(value) => vec![value.clone()],
            Self::Each(values) => values.clone(),
        }
    }
}

/// One combination of a matrix.
#[derive(Debug, Clone)]
pub(crate) struct Combination<'a> {
    pub(crate) phase: &'a Phase,
    pub(crate) scenario: Scenario,
    pub(crate) topology: Option<&'a Topology>,
    pub(crate) agents: Vec<&'a AgentSpec>,
    pub(crate) options: &'a Options,
    pub(crate) levels: BTreeMap<String, &'a Level>,
}

impl Matrix {
    /// Returns the matrix's agents, as far as the plan has them.
    pub(crate) fn agents<'a>(&self, plan: &'a Plan) -> Vec<&'a AgentSpec> {
        if self.agents.is_empty() {
            return plan.agents.iter().collect();
        }
        self.agents.iter().filter_map(|name| plan.agent(name)).collect()
    }

    /// Returns how many agents run at once.
    pub(crate) fn counts(&self, plan: &Plan) -> Vec<u32> {
        if self.counts.is_empty() {
            return vec![u32::try_from(self.agents(plan).len()).unwrap_or(u32::MAX)];
        }
        self.counts.clone()
    }

    /// Returns every combination of the factors' levels; one empty one without.
    fn levels(&self) -> Vec<BTreeMap<String, &Level>> {
        let mut all = vec![BTreeMap::new()];
        for (factor, levels) in &self.factors {
            all = all
                .into_iter()
                .flat_map(|partial| {
                    levels.iter().map(move |level| {
                        let mut full = partial.clone();
                        full.insert(factor.clone(), level);
                        full
                    })
                })
                .collect();
        }
        all
    }

    /// Returns how many combinations there are.
    pub(crate) fn n_combinations(&self, plan: &Plan) -> usize {
        let levels = self.factors.values().map(Vec::len).fold(1_usize, usize::saturating_mul);
        levels
            .saturating_mul(self.scenarios.len())
            .saturating_mul(self.topologies.len().max(1))
            .saturating_mul(self.counts(plan).len())
    }

    /// Returns every combination, levels varying fastest.
    pub(crate) fn combinations<'a>(
        &'a self,
        plan: &'a Plan,
        phase: &'a Phase,
    ) -> Vec<Combination<'a>> {
        let entries = self.agents(plan);
        let named = |name: &String| plan.topologies.iter().find(|each| each.name == *name);
        let topologies: Vec<Option<&Topology>> = if self.topologies.is_empty() {
            vec![None]
        } else {
            self.topologies.iter().map(named).collect()
        };
        let mut all = Vec::new();
        for scenario in &self.scenarios {
            for topology in &topologies {
                for count in self.counts(plan) {
                    let agents: Vec<&AgentSpec> =
                        entries.iter().copied().cycle().take(count as usize).collect();
                    all.extend(self.levels().into_iter().map(|levels| Combination {
                        phase,
                        scenario: *scenario,
                        topology: *topology,
                        agents: agents.clone(),
                        options: &self.options,
                        levels,
                    }));
                }
            }
        }
        all
    }
}

impl Combination<'_> {
    fn topology_name(&self) -> &str {
        self.topology.map_or(OWN_SERVERS, |topology| &topology.name)
    }

    fn slug(&self) -> String {
        slug_of_each(
            &self.levels.iter().map(|(name, level)| (name.clone(), level.values())).collect(),
        )
    }

    /// Returns whether the agent at position `at` sends tuned options.
    fn is_tuned(&self, at: usize) -> bool {
        self.scenario != Scenario::BaselineVsChimera || at > 0
    }

    /// Returns the options of the agent at position `at`: the plan's common ones, its
    /// own, then those of the baseline or of the combination.
    pub(crate) fn options(&self, plan: &Plan, at: usize) -> Options {
        let mut options = plan.options.clone();
        options.extend(self.agents[at].options.clone());
        if self.is_tuned(at) {
            options.extend(self.tuned(at));
        } else {
            options.extend(plan.baseline.options.clone());
        }
        options
    }

    /// Returns the options that only tuned agents send, for that at position `at`.
    fn tuned(&self, at: usize) -> Options {
        let mut options = self.options.clone();
        let level = |(name, level): (&String, &&Level)| Some((name.clone(), level.of(at)?.clone()));
        options.extend(self.levels.iter().filter_map(level));
        options
    }

    /// Returns whether tuned options differ from the baseline's.
    pub(crate) fn is_anything_tuned(&self, plan: &Plan) -> bool {
        (1..self.agents.len()).any(|at| {
            let untuned = plan.options.iter().chain(&plan.baseline.options);
            let untuned: Options =
                untuned.map(|(name, value)| (name.clone(), value.clone())).collect();
            self.tuned(at).iter().any(|(name, value)| untuned.get(name) != Some(value))
        })
    }

    /// Returns the configuration in which the agent at position `at` is alone.
    fn solo(&self, at: usize) -> ConfigurationId {
        let options = if self.is_tuned(at) {
            let slug = slug(&self.tuned(at));
            if slug.is_empty() { "default".to_owned() } else { slug }
        } else {
            "baseline".to_owned()
        };
        let server = self.server(at).unwrap_or_default();
        ConfigurationId(format!("solo_{}_{server}_{options}", self.agents[at].name))
    }

    /// Returns the solo configurations of its agents, with their options.
    pub(crate) fn solos(&self, plan: &Plan) -> Vec<(ConfigurationId, Options)> {
        (0..self.agents.len()).map(|at| (self.solo(at), self.options(plan, at))).collect()
    }

    /// Returns the server of the agent at position `at`, if it has one.
    pub(crate) fn server(&self, at: usize) -> Option<&str> {
        match self.topology {
            Some(topology) => {
                topology.servers.get(at % topology.servers.len().max(1)).map(String::as_str)
            }
            None => self.agents[at].server.as_deref(),
        }
    }

    /// Returns the agents' names in the run.
    fn names(&self) -> Vec<String> {
        let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
        self.agents
            .iter()
            .map(|agent| {
                let copy = seen.entry(&agent.name).or_default();
                *copy += 1;
                if *copy == 1 { agent.name.clone() } else { format!("{}-{copy}", agent.name) }
            })
            .collect()
    }
}

/// Returns the plan's configurations: for each combination the solo ones that are
/// not there yet, then the concurrent one.
///
/// Two agents of one entry that send the same options to the same server do the
/// same when they are alone, so that they share a solo configuration.
pub(super) fn configurations(plan: &Plan) -> Vec<Configuration> {
    let mut all = Vec::new();
    let mut solos = BTreeSet::new();
    for phase in &plan.phases {
        for matrix in &phase.matrices {
            for combination in matrix.combinations(plan, phase) {
                add(plan, &combination, &mut solos, &mut all);
            }
        }
    }
    all
}

fn add(
    plan: &Plan,
    combination: &Combination<'_>,
    solos: &mut BTreeSet<ConfigurationId>,
    all: &mut Vec<Configuration>,
) {
    let mut placements = Vec::new();
    for (at, name) in combination.names().into_iter().enumerate() {
        let spec = combination.agents[at];
        let server = combination.server(at).unwrap_or_default().to_owned();
        let options = combination.options(plan, at);
        let id = combination.solo(at);
        if solos.insert(id.clone()) {
            all.push(Configuration {
                id: id.clone(),
                arm: Arm::Solo,
                levels: Options::new(),
                options: options.clone(),
                placements: vec![Placement::alone(
                    spec.name.clone(),
                    server.clone(),
                    options.clone(),
                )],
                together: None,
                implementation: None,
            });
        }
        let spec = spec.name.clone();
        placements.push(Placement { agent: name, spec, server, options, solo: Some(id) });
    }
    if placements.len() < 2 {
        return;
    }
    let together = Together {
        phase: combination.phase.name.clone(),
        scenario: combination.scenario,
        topology: combination.topology_name().to_owned(),
        levels: combination.slug(),
    };
    let mut id = format!("{}_{}_{}", together.phase, together.scenario, together.topology);
    let mut distinct: Vec<&str> = placements.iter().map(|each| &*each.spec).collect();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() != placements.len() || distinct.len() != plan.agents.len() {
        id = format!("{id}_x{}", placements.len());
    }
    if !together.levels.is_empty() {
        id = format!("{id}_{}", together.levels);
    }
    all.push(Configuration {
        id: ConfigurationId(id),
        arm: Arm::Concurrent,
        levels: Options::new(),
        options: shared_options(&placements),
        placements,
        together: Some(together),
        implementation: None,
    });
}

/// Returns the options that all of the agents send.
fn shared_options(placements: &[Placement]) -> Options {
    let Some((first, others)) = placements.split_first() else { return Options::new() };
    let is_shared = |name: &String, value: &OptionValue| {
        others.iter().all(|other| other.options.get(name) == Some(value))
    };
    let all = first.options.iter().filter(|(name, value)| is_shared(name, value));
    all.map(|(name, value)| (name.clone(), value.clone())).collect()
}

#[cfg(test)]
mod tests;
