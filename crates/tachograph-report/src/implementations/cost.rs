//! What running each implementation costs, with the prices of the plan.
//!
//! Owns: the cost model. A request (one execution of the workflow) occupies, of an
//! instance, the larger of two shares for its duration: CPU time over processors, and
//! memory over memory. Instances are filled up with requests; the server's own costs
//! are the same for all implementations and are left out.

use tachograph_model::plan::Metric;
use tachograph_model::plan::implementations::Cost;
use tachograph_stats::{Interval, Pair, PairedDifference, Pairs, paired_t};

use super::quantity::Quantity;
use super::{Cell, Material, Observed, by_block, parity};
use crate::analysis::configuration::Estimate;

/// Seconds of an hour.
const HOUR_S: f64 = 3_600.0;

/// What every implementation costs on one server.
#[derive(Debug, Clone)]
pub(crate) struct CostModel {
    pub(crate) stated: Cost,
    /// The server on which the requests were measured: the plan's first.
    pub(crate) server: String,
    pub(crate) agents: Vec<AgentCost>,
}

/// What one implementation costs.
#[derive(Debug, Clone)]
pub(crate) struct AgentCost {
    pub(crate) agent: String,
    /// Instance seconds of one request by its CPU time, and by its memory.
    pub(crate) by_cpu: Option<Estimate>,
    pub(crate) by_memory: Option<Estimate>,
    /// In the plan's currency.
    pub(crate) per_month: Option<Estimate>,
    /// What the reference costs more per month; absent for the reference itself, and
    /// where the two did not do the same.
    pub(crate) saving: Option<PairedDifference>,
    pub(crate) break_even: BreakEven,
}

/// When a dearer development has paid for itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum BreakEven {
    /// Not asked: the reference itself, no prices of development, or no comparison.
    NotAsked,
    /// The data do not say which of the two is cheaper to run.
    Open,
    /// The one that is cheaper to run is not dearer to develop.
    AtOnce,
    /// After so many months, with interval.
    After(f64, Interval),
}

/// Applies the plan's prices; `None` without any.
pub(crate) fn of(
    material: &Material<'_>,
    (agents, servers): (&[String], &[String]),
    cells: &[Cell],
    observed: &[Observed],
) -> Option<CostModel> {
    let stated = material.plan.cost.clone()?;
    let (server, reference) = (servers.first()?, agents.first()?);
    let own: Vec<&Cell> = cells.iter().filter(|cell| cell.server == *server).collect();
    let shared: Vec<&Cell> = own
        .iter()
        .copied()
        .filter(|cell| agents.iter().all(|agent| cell.members.contains_key(agent)))
        .collect();
    let mut costs = Vec::new();
    let blocks = complete_blocks(material, agents, &shared, observed);
    let reference_costs = monthly(&stated, &shared, reference, &blocks, observed);
    for agent in agents {
        let confidence = material.rule.confidence;
        let mean = |share: Share| {
            let all = blocks.iter().map(|&block| {
                mean_over(&shared, |cell| {
                    share_of(&stated, cell, agent, block, observed).map(|both| both.of(share))
                })
            });
            Estimate::of(all.collect::<Option<Vec<_>>>()?, confidence)
        };
        let per_month = monthly(&stated, &shared, agent, &blocks, observed);
        let does_the_same =
            agent != reference && parity::check(material, &own, (reference, agent)).holds();
        let saving = if does_the_same {
            let pairs = reference_costs.iter().zip(&per_month);
            let pairs: Vec<Pair> =
                pairs.map(|(&treatment, &baseline)| Pair { treatment, baseline }).collect();
            Pairs::new(&pairs).ok().and_then(|pairs| paired_t(&pairs, confidence).ok())
        } else {
            None
        };
        let development = stated.development.get(agent).copied();
        let dearer =
            development.and_then(|own| Some(own - stated.development.get(reference).copied()?));
        costs.push(AgentCost {
            agent: agent.clone(),
            by_cpu: mean(Share::Cpu),
            by_memory: mean(Share::Memory),
            per_month: Estimate::of(per_month, confidence),
            saving,
            break_even: break_even(saving.as_ref(), dearer),
        });
    }
    Some(CostModel { stated, server: server.clone(), agents: costs })
}

/// Returns when the one that is cheaper to run has paid for its development.
fn break_even(saving: Option<&PairedDifference>, dearer: Option<f64>) -> BreakEven {
    let (Some(saving), Some(dearer)) = (saving, dearer) else { return BreakEven::NotAsked };
    let interval = saving.interval;
    let (sign, low, high) = if interval.low > 0.0 {
        (1.0, interval.low, interval.high)
    } else if interval.high < 0.0 {
        (-1.0, -interval.high, -interval.low)
    } else {
        return BreakEven::Open;
    };
    // The development of the one that is cheaper to run, over that of the other.
    let extra = sign * dearer;
    if extra <= 0.0 {
        return BreakEven::AtOnce;
    }
    // Months fall as savings rise, so that the ends change places.
    let months = Interval { low: extra / high, high: extra / low, ..interval };
    BreakEven::After(extra / saving.mean.abs(), months)
}

/// Which share of an instance binds.
#[derive(Debug, Clone, Copy)]
enum Share {
    Cpu,
    Memory,
}

/// Instance seconds of one request.
struct Shares {
    cpu_s: f64,
    memory_s: f64,
}

impl Shares {
    fn of(&self, share: Share) -> f64 {
        match share {
            Share::Cpu => self.cpu_s,
            Share::Memory => self.memory_s,
        }
    }
}

fn share_of(
    stated: &Cost,
    cell: &Cell,
    agent: &str,
    block: u32,
    observed: &[Observed],
) -> Option<Shares> {
    let value =
        |quantity| by_block(observed, *cell.members.get(agent)?, quantity).get(&block).copied();
    let cpu_s = (value(Quantity::UserCpu)? + value(Quantity::SystemCpu)?) / 1e3;
    let wall_s =
        value(Quantity::Metric(Metric::RunWall))? + value(Quantity::Startup).unwrap_or(0.0) / 1e3;
    let memory_gib = value(Quantity::PeakRss)? * 1e6 / f64::from(1_u32 << 30);
    Some(Shares {
        cpu_s: cpu_s / stated.instance_cpus,
        memory_s: wall_s * memory_gib / stated.instance_memory_gib,
    })
}

fn mean_over(cells: &[&Cell], value: impl Fn(&Cell) -> Option<f64>) -> Option<f64> {
    let values: Option<Vec<f64>> = cells.iter().map(|cell| value(cell)).collect();
    let values = values?;
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the blocks in which every implementation has everything that costs.
fn complete_blocks(
    material: &Material<'_>,
    agents: &[String],
    cells: &[&Cell],
    observed: &[Observed],
) -> Vec<u32> {
    let Some(stated) = &material.plan.cost else { return Vec::new() };
    let has = |block: &u32| {
        let mut all = agents.iter().flat_map(|agent| cells.iter().map(move |cell| (agent, cell)));
        all.all(|(agent, cell)| share_of(stated, cell, agent, *block, observed).is_some())
    };
    (1..=material.plan.blocks).filter(has).collect()
}

/// Returns what a month costs, by block.
fn monthly(
    stated: &Cost,
    cells: &[&Cell],
    agent: &str,
    blocks: &[u32],
    observed: &[Observed],
) -> Vec<f64> {
    let of_block = |&block: &u32| {
        let seconds = mean_over(cells, |cell| {
            let shares = share_of(stated, cell, agent, block, observed)?;
            Some(shares.cpu_s.max(shares.memory_s))
        })?;
        Some(seconds * stated.requests_per_month / HOUR_S * stated.instance_price_per_hour)
    };
    blocks.iter().filter_map(of_block).collect()
}
