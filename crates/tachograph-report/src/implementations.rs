//! Several implementations of one agent, held against each other.
//!
//! Owns: [`Implementations`], every quantity of `docs/metrics.md`, section
//! "Implementations", and whether the implementations did the same at all.
//!
//! Does not: compute a statistic itself, or choose words.

pub(crate) mod capacity;
pub(crate) mod contest;
pub(crate) mod cost;
pub(crate) mod parity;
pub(crate) mod quantity;
pub(crate) mod tuning;

use std::collections::BTreeMap;

use tachograph_model::plan::Plan;
use tachograph_model::run::{Arm, Configuration, ConfigurationId, Implementation};
use tachograph_stats::DecisionRule;

use crate::analysis::RunRow;
use crate::concurrency::Concurrency;
use crate::facts::RunFacts;
use capacity::Capacity;
use contest::Contest;
use cost::CostModel;
use quantity::Quantity;
use tuning::Tuning;

/// Everything that a study says about implementations.
#[derive(Debug, Clone)]
pub(crate) struct Implementations {
    /// The agents, in the plan's order; the first is the reference.
    pub(crate) agents: Vec<String>,
    /// The servers, in the plan's order.
    pub(crate) servers: Vec<String>,
    /// Each configuration on each server, with the implementations that execute it.
    pub(crate) cells: Vec<Cell>,
    /// Each implementation but the reference against it, on each server.
    pub(crate) contests: Vec<Contest>,
    /// What tuned options do to each implementation, on each server.
    pub(crate) tuning: Vec<Tuning>,
    /// What running them costs, if the plan states prices.
    pub(crate) cost: Option<CostModel>,
    /// What several of them at once get done, if the plan has phases.
    pub(crate) capacity: Vec<Capacity>,
}

/// One configuration on one server.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// What all implementations execute: `baseline_default`.
    pub(crate) of: ConfigurationId,
    pub(crate) server: String,
    /// What it is compared as within one implementation.
    pub(crate) arm: Arm,
    /// Positions of its configurations in the plan, by agent.
    pub(crate) members: BTreeMap<String, usize>,
}

/// What was observed of one measured run.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    /// Position of its configuration in the plan.
    configuration: usize,
    block: u32,
    values: BTreeMap<Quantity, f64>,
}

/// What everything here is computed from.
pub(crate) struct Material<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) planned: &'a [Configuration],
    pub(crate) facts: &'a [&'a RunFacts],
    pub(crate) rows: &'a [RunRow],
    pub(crate) rule: &'a DecisionRule,
}

impl Implementations {
    /// Analyses the implementations; `None` for a plan without them.
    pub(crate) fn of(material: &Material<'_>, concurrency: Option<&Concurrency>) -> Option<Self> {
        let parts = material.plan.implementations.as_ref()?;
        let planned = || material.planned.iter().enumerate();
        let mut cells: Vec<Cell> = Vec::new();
        for (at, each) in planned() {
            let Some(Implementation { agent, server, of, arm, .. }) = &each.implementation else {
                continue;
            };
            let is_it = |cell: &&mut Cell| cell.of == *of && cell.server == *server;
            if let Some(cell) = cells.iter_mut().find(is_it) {
                cell.members.insert(agent.clone(), at);
            } else {
                let members = BTreeMap::from([(agent.clone(), at)]);
                cells.push(Cell { of: of.clone(), server: server.clone(), arm: *arm, members });
            }
        }
        let mut servers: Vec<String> = Vec::new();
        for cell in &cells {
            if !servers.contains(&cell.server) {
                servers.push(cell.server.clone());
            }
        }
        let observed = observe(material);
        let agents = parts.agents.clone();
        Some(Self {
            contests: contest::all(material, (&agents, &servers), &cells, &observed),
            tuning: tuning::all(material, (&agents, &servers), &cells),
            cost: cost::of(material, (&agents, &servers), &cells, &observed),
            capacity: concurrency.map(|it| capacity::all(material, it)).unwrap_or_default(),
            agents,
            servers,
            cells,
        })
    }

    /// Returns the agent that the others are held against.
    pub(crate) fn reference(&self) -> &str {
        self.agents.first().map_or("", String::as_str)
    }

    /// Returns whether any implementation did something else than the reference.
    pub(crate) fn has_breach(&self) -> bool {
        self.contests.iter().any(|contest| !contest.parity.holds())
    }
}

fn observe(material: &Material<'_>) -> Vec<Observed> {
    let one = |(run, row): (&&RunFacts, &RunRow)| {
        let configuration = row.configuration?;
        material.planned[configuration].implementation.as_ref()?;
        let agent = run.agents.first().filter(|_| run.is_measured())?;
        let values = Quantity::all()
            .filter_map(|quantity| Some((quantity, quantity.of(run, agent)?)))
            .collect();
        Some(Observed { configuration, block: run.id.block, values })
    };
    material.facts.iter().zip(material.rows).filter_map(one).collect()
}

/// Returns a quantity of a configuration's runs, by block.
fn by_block(observed: &[Observed], configuration: usize, quantity: Quantity) -> BTreeMap<u32, f64> {
    let own = observed.iter().filter(|run| run.configuration == configuration);
    own.filter_map(|run| Some((run.block, *run.values.get(&quantity)?))).collect()
}

/// Returns the name of the set of runs of two implementations on one server.
pub(crate) fn pair_set(reference: &str, other: &str, server: &str) -> String {
    format!("{reference} and {other} on {server}")
}

/// Returns the name of the set of runs of two implementations in one cell.
pub(crate) fn cell_set(cell: &Cell, reference: &str, other: &str) -> String {
    format!("{} of {}", cell.of, pair_set(reference, other, &cell.server))
}

/// Returns the sets of configurations, by position, that claims about implementations
/// rest on.
pub(crate) fn sets(plan: &Plan, planned: &[Configuration]) -> BTreeMap<String, Vec<usize>> {
    let mut sets: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let Some(parts) = &plan.implementations else { return sets };
    let Some(reference) = parts.agents.first() else { return sets };
    for (at, each) in planned.iter().enumerate() {
        let Some(own) = &each.implementation else { continue };
        let cell = Cell {
            of: own.of.clone(),
            server: own.server.clone(),
            arm: own.arm,
            members: BTreeMap::new(),
        };
        let own_set = tuning::set(&own.agent, &own.server);
        sets.entry(own_set).or_default().push(at);
        for other in &parts.agents[1..] {
            if own.agent == *reference || own.agent == *other {
                let pair = pair_set(reference, other, &own.server);
                sets.entry(pair).or_default().push(at);
                sets.entry(cell_set(&cell, reference, other)).or_default().push(at);
            }
        }
    }
    sets
}
