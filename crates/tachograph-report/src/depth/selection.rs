//! What choosing the best of several does to it.
//!
//! Owns: the tuned configurations drawn toward each other, those that may be the
//! best, the experiment that would confirm the best in fresh blocks, and Dunnett's
//! comparison of all with the baseline.

use std::collections::BTreeMap;

use tachograph_stats::{
    BestSubset, BlockAnalysis, BlockDesign, Cell, ConfirmationPlan, Direction, Dunnett, Interval,
    Shrinkage, confirmation_plan, luck_of_the_best,
};

use super::length::exponentiated;
use super::{Found, Inputs, Refused};
use crate::analysis::comparison::POWER;

/// The tuned configurations as candidates for the best.
#[derive(Debug, Clone)]
pub(crate) struct Selection {
    /// The positions of the tuned configurations that were measured, in order.
    pub(crate) arms: Vec<usize>,
    /// How many blocks hold all of them and the baseline.
    pub(crate) n_blocks: usize,
    /// Their means on logarithms, and the baseline's.
    pub(crate) logs: Found<Logs>,
    /// The means drawn toward each other; entries as `arms`.
    pub(crate) shrinkage: Found<Shrinkage>,
    /// Those that may be the best; entries are positions in `arms`.
    pub(crate) subset: Found<BestSubset>,
    /// By what share the best of so many equal configurations is expected to look
    /// better than it is.
    pub(crate) luck: Found<f64>,
    /// What it takes to confirm the best one, the best three, all that may be best.
    pub(crate) confirmations: Vec<Confirmation>,
}

/// Mean logarithms over the complete blocks.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Logs {
    /// One entry per arm.
    pub(crate) arms: Vec<f64>,
    pub(crate) baseline: f64,
}

/// An experiment in fresh blocks.
#[derive(Debug, Clone)]
pub(crate) struct Confirmation {
    /// The positions of the configurations, the best-looking first.
    pub(crate) arms: Vec<usize>,
    pub(crate) plan: Found<ConfirmationPlan>,
}

pub(super) fn of(inputs: &Inputs<'_>) -> Selection {
    let Candidates { arms, n_blocks, designs } = candidates(inputs);
    let mut selection = Selection {
        n_blocks,
        logs: Err(Refused(String::new())),
        shrinkage: Err(Refused(String::new())),
        subset: Err(Refused(String::new())),
        luck: Err(Refused(String::new())),
        confirmations: Vec::new(),
        arms,
    };
    fill(&mut selection, designs, inputs);
    selection.confirmations = confirmations(&selection, inputs);
    selection
}

/// Compares all tuned configurations that were measured with the baseline at once;
/// entries as [`Selection::arms`].
pub(crate) fn dunnett(inputs: &Inputs<'_>) -> Found<Dunnett> {
    let Candidates { arms, designs, .. } = candidates(inputs);
    Ok(designs?.with_baseline.dunnett(arms.len(), inputs.rule.confidence)?)
}

/// The tuned configurations that were measured, with their designs over the blocks
/// that hold all of them and the baseline.
struct Candidates {
    arms: Vec<usize>,
    n_blocks: usize,
    designs: Found<Designs>,
}

fn candidates(inputs: &Inputs<'_>) -> Candidates {
    let values: BTreeMap<usize, BTreeMap<u32, f64>> =
        inputs.tuned().map(|at| (at, inputs.by_block(at))).collect();
    let arms: Vec<usize> =
        values.iter().filter(|(_, blocks)| !blocks.is_empty()).map(|(&at, _)| at).collect();
    let baseline = inputs.baseline().map(|at| inputs.by_block(at)).unwrap_or_default();
    let complete: Vec<u32> = baseline
        .keys()
        .copied()
        .filter(|block| arms.iter().all(|at| values[at].contains_key(block)))
        .collect();
    let designs = designs(&arms, &values, &baseline, &complete);
    Candidates { arms, n_blocks: complete.len(), designs }
}

/// The tuned configurations alone, and with the baseline as the last level.
struct Designs {
    tuned: Found<BlockDesign>,
    with_baseline: BlockDesign,
}

fn designs(
    arms: &[usize],
    values: &BTreeMap<usize, BTreeMap<u32, f64>>,
    baseline: &BTreeMap<u32, f64>,
    complete: &[u32],
) -> Found<Designs> {
    if arms.is_empty() {
        return Err(Refused("no tuned configuration has a measured run".to_owned()));
    }
    if complete.len() < 2 {
        return Err(Refused(format!(
            "this needs at least 2 blocks that hold every tuned configuration and the baseline, \
             there are {}; run more blocks",
            complete.len()
        )));
    }
    let mut cells = Vec::new();
    for &block in complete {
        let own = arms.iter().map(|at| values[at][&block]);
        for (level, value) in own.chain([baseline[&block]]).enumerate() {
            if value <= 0.0 {
                return Err(Refused(format!("a ratio needs values above 0, there is {value}")));
            }
            cells.push(Cell { block: block as usize, level, value: value.ln() });
        }
    }
    let with_baseline = BlockDesign::new(&cells)?;
    cells.retain(|cell| cell.level < arms.len());
    let tuned = if arms.len() < 2 {
        Err(Refused("a choice needs at least 2 tuned configurations, there is 1".to_owned()))
    } else {
        BlockDesign::new(&cells).map_err(Refused::from)
    };
    Ok(Designs { tuned, with_baseline })
}

fn fill(selection: &mut Selection, designs: Found<Designs>, inputs: &Inputs<'_>) {
    let designs = match designs {
        Ok(designs) => designs,
        Err(refused) => {
            selection.logs = Err(refused.clone());
            selection.shrinkage = Err(refused.clone());
            selection.subset = Err(refused.clone());
            selection.luck = Err(refused);
            return;
        }
    };
    let confidence = inputs.rule.confidence;
    let n_arms = selection.arms.len();
    let all = designs.with_baseline.analyse(confidence);
    let means: Vec<f64> = all.levels.iter().map(|level| level.estimate.mean).collect();
    selection.logs = Ok(Logs { arms: means[..n_arms].to_vec(), baseline: means[n_arms] });
    let tuned: Found<BlockAnalysis> = designs.tuned.map(|design| design.analyse(confidence));
    selection.shrinkage = tuned.clone().and_then(|t| representable(t.shrink_levels(confidence)?));
    let direction = inputs.rule().direction;
    selection.subset = tuned.clone().and_then(|t| Ok(t.best_levels(direction, confidence)?));
    selection.luck = tuned.map(|t| {
        let error = t.residual_sd / (t.n_blocks as f64).sqrt();
        (luck_of_the_best(n_arms) * error).exp_m1()
    });
}

/// Refuses arms whose intervals leave the range of numbers as ratios.
fn representable(shrinkage: Shrinkage) -> Found<Shrinkage> {
    let is_ratio = |interval: Interval| interval.high.is_finite() && interval.low > 0.0;
    let intervals = shrinkage.arms.iter().map(|arm| relative(arm.interval, shrinkage.grand_mean));
    if intervals.into_iter().all(is_ratio) {
        Ok(shrinkage)
    } else {
        Err(Refused("the configurations differ too wildly for intervals of ratios".to_owned()))
    }
}

/// The most configurations that are confirmed together beside the whole subset.
const TOP: usize = 3;

fn confirmations(selection: &Selection, inputs: &Inputs<'_>) -> Vec<Confirmation> {
    let (Ok(logs), n_arms) = (&selection.logs, selection.arms.len()) else { return Vec::new() };
    let sign = match inputs.rule().direction {
        Direction::HigherIsBetter => 1.0,
        Direction::LowerIsBetter => -1.0,
    };
    let mut order: Vec<usize> = match &selection.subset {
        Ok(subset) => subset.arms.clone(),
        Err(_) if n_arms == 1 => vec![0],
        Err(_) => return Vec::new(),
    };
    order.sort_by(|&a, &b| (sign * logs.arms[b]).total_cmp(&(sign * logs.arms[a])));
    let mut sizes = vec![1, TOP.min(order.len()), order.len()];
    sizes.dedup();
    sizes
        .into_iter()
        .map(|size| {
            let arms: Vec<usize> = order[..size].iter().map(|&at| selection.arms[at]).collect();
            // The noisiest of them decides how many blocks all need.
            let spreads = arms.iter().filter_map(|&at| {
                let judged = inputs.configurations[at].judged(inputs.metric)?;
                Some(judged.ratio.log_sd)
            });
            let log_sd = spreads.fold(0.0, f64::max);
            let (margin, confidence) = (inputs.rule.margin, inputs.rule.confidence);
            let plan = confirmation_plan(size, log_sd, margin, POWER, confidence);
            Confirmation { arms, plan: plan.map_err(Refused::from) }
        })
        .collect()
}

/// Exponentiates an interval of a logarithm, relative to a mean logarithm.
pub(crate) fn relative(interval: Interval, mean: f64) -> Interval {
    let shifted = Interval { low: interval.low - mean, high: interval.high - mean, ..interval };
    exponentiated(shifted)
}
