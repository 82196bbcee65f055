//! One implementation against the reference on one server.
//!
//! Owns: which comparisons form a family. There are three, each with the plan's alpha
//! to itself: the primary metric over all contests; what else a client can influence,
//! over all quantities and contests; the primary metric configuration by configuration.
//! What only the server decides is no contest: each such quantity is looked at alone,
//! as a check of the environment.

use std::collections::BTreeMap;

use tachograph_stats::{
    BrownForsythe, DecisionRule, Pair, PairedDifference, Pairs, PairsError, Sample, brown_forsythe,
    compare_arms, holm, paired_t,
};

use super::parity::{self, Parity};
use super::quantity::{Influence, Quantity};
use super::{Cell, Material, Observed, by_block};
use crate::analysis::comparison::{self, Compared, Refusal};
use crate::analysis::configuration::Estimate;

/// Runs of each implementation below which their spreads are not compared.
pub(crate) const SPREAD_RUNS_MIN: usize = 3;

/// One implementation against the reference on one server.
#[derive(Debug, Clone)]
pub(crate) struct Contest {
    /// The implementation that is judged.
    pub(crate) other: String,
    pub(crate) server: String,
    /// Whether both did the same; no comparison stands without it.
    pub(crate) parity: Parity,
    /// Positions of the cells that both execute.
    pub(crate) cells: Vec<usize>,
    /// Every quantity, over all of these cells, in the order of the tables.
    pub(crate) contrasts: Vec<Contrast>,
    /// The primary metric in each of these cells.
    pub(crate) by_cell: Vec<Contrast>,
    /// The spread over runs of the primary metric, in each of these cells.
    pub(crate) spreads: Vec<Option<Spread>>,
}

/// One quantity of two implementations.
#[derive(Debug, Clone)]
pub(crate) struct Contrast {
    pub(crate) quantity: Quantity,
    /// Mean over blocks; of each block, over the cells.
    pub(crate) reference: Option<Estimate>,
    pub(crate) other: Option<Estimate>,
    /// The other over the reference, within blocks.
    pub(crate) compared: Compared,
    /// The other less the reference, within blocks; absent where the two did not do the
    /// same.
    pub(crate) difference: Option<PairedDifference>,
}

/// The spread of two implementations in one cell.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    /// Standard deviations over runs, and how many runs each has.
    pub(crate) reference: (f64, usize),
    pub(crate) other: (f64, usize),
    pub(crate) test: BrownForsythe,
    /// The p-value after Holm over all cells of all contests.
    pub(crate) p_adjusted: f64,
}

impl Contest {
    /// Returns what was found of a quantity.
    pub(crate) fn contrast(&self, quantity: Quantity) -> Option<&Contrast> {
        self.contrasts.iter().find(|contrast| contrast.quantity == quantity)
    }
}

/// A contrast before it is judged.
struct Draft {
    contrast: Contrast,
    pairs: Result<Pairs, PairsError>,
}

/// Holds every implementation against the reference on every server.
pub(crate) fn all(
    material: &Material<'_>,
    (agents, servers): (&[String], &[String]),
    cells: &[Cell],
    observed: &[Observed],
) -> Vec<Contest> {
    let Some((reference, others)) = agents.split_first() else { return Vec::new() };
    let primary = Quantity::Metric(material.plan.primary.metric);
    let mut contests = Vec::new();
    let mut drafts: Vec<(Vec<Draft>, Vec<Draft>)> = Vec::new();
    for server in servers {
        for other in others {
            let both = |cell: &Cell| {
                let has = |agent: &String| cell.members.contains_key(agent);
                cell.server == *server && has(reference) && has(other)
            };
            let shared: Vec<usize> = (0..cells.len()).filter(|&at| both(&cells[at])).collect();
            if shared.is_empty() {
                continue;
            }
            let own: Vec<&Cell> = shared.iter().map(|&at| &cells[at]).collect();
            let draft = |quantity, cells: &[&Cell]| {
                draft(material, quantity, (cells, observed), (reference, other))
            };
            let over_all = Quantity::all().filter_map(|quantity| draft(quantity, &own)).collect();
            let by_cell = own.iter().filter_map(|cell| draft(primary, &[*cell])).collect();
            drafts.push((over_all, by_cell));
            contests.push(Contest {
                other: other.clone(),
                server: server.clone(),
                parity: parity::check(material, &own, (reference, other)),
                spreads: own
                    .iter()
                    .map(|cell| spread(cell, (reference, other), primary, observed))
                    .collect(),
                cells: shared,
                contrasts: Vec::new(),
                by_cell: Vec::new(),
            });
        }
    }
    judge(material, &mut contests, drafts);
    adjust(&mut contests);
    contests
}

/// Puts the values of two implementations side by side, block by block; `None` if no
/// run has the quantity. A block counts if every cell has both.
fn draft(
    material: &Material<'_>,
    quantity: Quantity,
    (cells, observed): (&[&Cell], &[Observed]),
    (reference, other): (&str, &str),
) -> Option<Draft> {
    let of = |agent: &str| -> Vec<BTreeMap<u32, f64>> {
        cells.iter().map(|cell| by_block(observed, cell.members[agent], quantity)).collect()
    };
    let (first, second) = (of(reference), of(other));
    if first.iter().chain(&second).all(BTreeMap::is_empty) {
        return None;
    }
    let in_all = |block: &u32| first.iter().chain(&second).all(|own| own.contains_key(block));
    let blocks: Vec<u32> = (1..=material.plan.blocks).filter(in_all).collect();
    let values = |own: &[BTreeMap<u32, f64>], block: u32| -> Vec<f64> {
        own.iter().filter_map(|own| own.get(&block).copied()).collect()
    };
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    // A value of zero or below has no logarithm; the pair is then refused as such.
    let centre = |values: Vec<f64>| {
        let n = values.len() as f64;
        let positive = values.iter().all(|value| *value > 0.0);
        if positive { (values.iter().map(|x| x.ln()).sum::<f64>() / n).exp() } else { mean(values) }
    };
    let pair = |centre: &dyn Fn(Vec<f64>) -> f64| {
        let one = |&block: &u32| Pair {
            treatment: centre(values(&second, block)),
            baseline: centre(values(&first, block)),
        };
        Pairs::new(&blocks.iter().map(one).collect::<Vec<_>>())
    };
    let means = |own: &[BTreeMap<u32, f64>]| {
        let all = blocks.iter().map(|&block| mean(values(own, block))).collect();
        Estimate::of(all, material.rule.confidence)
    };
    let difference = pair(&mean).ok();
    Some(Draft {
        contrast: Contrast {
            quantity,
            reference: means(&first),
            other: means(&second),
            compared: Compared::Refused(Refusal::TooFewBlocks(blocks.len())),
            difference: difference
                .and_then(|pairs| paired_t(&pairs, material.rule.confidence).ok()),
        },
        pairs: pair(&centre),
    })
}

/// Adds verdicts: none where the two did not do the same.
fn judge(material: &Material<'_>, contests: &mut [Contest], drafts: Vec<(Vec<Draft>, Vec<Draft>)>) {
    let primary = Quantity::Metric(material.plan.primary.metric);
    let mut families: [Vec<(usize, Draft)>; 3] = Default::default();
    for (at, (over_all, by_cell)) in drafts.into_iter().enumerate() {
        let mut put = |family: usize, draft: Draft| families[family].push((at, draft));
        for draft in over_all {
            let quantity = draft.contrast.quantity;
            if quantity == primary {
                put(0, draft);
            } else if quantity.influence() == Influence::Client {
                put(1, draft);
            } else {
                let compared = alone(&draft, material.rule);
                let found = if contests[at].parity.holds() { Some(compared) } else { None };
                contests[at].add(draft.contrast, found);
            }
        }
        for draft in by_cell {
            put(2, draft);
        }
    }
    for (number, family) in families.into_iter().enumerate() {
        let (stand, fall): (Vec<_>, Vec<_>) =
            family.into_iter().partition(|(at, _)| contests[*at].parity.holds());
        let judged = judge_family(&stand, material.rule);
        let all = stand.into_iter().zip(judged.into_iter().map(Some));
        let all = all.chain(fall.into_iter().map(|draft| (draft, None)));
        for ((at, draft), compared) in all {
            if number == 2 {
                contests[at].by_cell.push(draft.contrast.with(compared));
            } else {
                contests[at].add(draft.contrast, compared);
            }
        }
    }
    let order: Vec<Quantity> = Quantity::all().collect();
    let place = |quantity: Quantity| order.iter().position(|each| *each == quantity);
    for contest in contests {
        contest.contrasts.sort_by_key(|contrast| place(contrast.quantity));
    }
}

/// Judges a family whose members may have different directions.
fn judge_family(members: &[(usize, Draft)], rule: &DecisionRule) -> Vec<Compared> {
    let pairs = members.iter().map(|(_, draft)| draft.pairs.clone()).collect();
    let judged = comparison::family(pairs, rule);
    members
        .iter()
        .zip(judged)
        .map(|((_, draft), compared)| directed(draft.contrast.quantity, compared, rule))
        .collect()
}

/// Judges one quantity outside any family.
fn alone(draft: &Draft, rule: &DecisionRule) -> Compared {
    match draft.pairs.clone().and_then(|pairs| compare_arms(&pairs, rule)) {
        Ok(judged) => directed(draft.contrast.quantity, Compared::Judged(judged), rule),
        Err(error) => Compared::Refused(Refusal::of(error)),
    }
}

/// Reaches the verdict again with the quantity's own direction.
fn directed(quantity: Quantity, compared: Compared, rule: &DecisionRule) -> Compared {
    let Compared::Judged(mut judged) = compared else { return compared };
    let rule = DecisionRule { direction: quantity.direction(), ..*rule };
    judged.verdict = rule.verdict(&tachograph_stats::Evidence {
        ratio: judged.ratio.ratio,
        p_difference: judged.p_difference_adjusted,
        p_equivalence: judged.p_equivalence_adjusted,
    });
    Compared::Judged(judged)
}

impl Contest {
    fn add(&mut self, contrast: Contrast, compared: Option<Compared>) {
        self.contrasts.push(contrast.with(compared));
    }
}

impl Contrast {
    /// Returns it with its verdict; without one, with none of the comparison.
    fn with(self, compared: Option<Compared>) -> Self {
        match compared {
            Some(compared) => Self { compared, ..self },
            None => {
                Self { compared: Compared::Refused(Refusal::NotTheSame), difference: None, ..self }
            }
        }
    }
}

/// Compares the spread over runs in one cell; its p-value is not adjusted yet.
fn spread(
    cell: &Cell,
    (reference, other): (&str, &str),
    primary: Quantity,
    observed: &[Observed],
) -> Option<Spread> {
    let of = |agent: &str| {
        let values = by_block(observed, cell.members[agent], primary);
        Sample::new(&values.into_values().collect::<Vec<_>>()).ok()
    };
    let (first, second) = (of(reference)?, of(other)?);
    if first.n().min(second.n()) < SPREAD_RUNS_MIN {
        return None;
    }
    let sizes = ((first.sd()?, first.n()), (second.sd()?, second.n()));
    let test = brown_forsythe(&[first, second]).ok()?;
    let (reference, other) = sizes;
    Some(Spread { reference, other, test, p_adjusted: test.p_value })
}

/// Adjusts the p-values of all spreads as one family; without parity there is none.
fn adjust(contests: &mut [Contest]) {
    for contest in contests.iter_mut().filter(|contest| !contest.parity.holds()) {
        contest.spreads.iter_mut().for_each(|spread| *spread = None);
    }
    let spreads = || contests.iter().flat_map(|contest| contest.spreads.iter().flatten());
    let p_values: Vec<f64> = spreads().map(|spread| spread.test.p_value).collect();
    let Ok(adjusted) = holm(&p_values) else { return };
    let own = contests.iter_mut().flat_map(|contest| contest.spreads.iter_mut().flatten());
    for (spread, p_adjusted) in own.zip(adjusted) {
        spread.p_adjusted = p_adjusted;
    }
}
