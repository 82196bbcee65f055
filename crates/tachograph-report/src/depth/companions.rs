//! Tests beside a verdict that suppose less than Student's t.
//!
//! Owns: signed ranks and sign flips on the log ratios of the blocks that the
//! verdict rests on, and whether they say the same.

use tachograph_model::run::Arm;
use tachograph_stats::{
    Pair, Pairs, Permutation, Resampling, Sample, SignedRank, holm, sign_flip, signed_rank,
};

use super::{Found, Inputs, Refused};
use crate::analysis::comparison::pairs;

/// More blocks than this make too many pairs of blocks for signed ranks.
const RANK_BLOCKS_MAX: usize = 2000;

/// The companions of one comparison.
#[derive(Debug, Clone)]
pub(crate) struct Companions {
    /// The position of the configuration.
    pub(crate) configuration: usize,
    /// Signed ranks of the log ratios; `shift` is their pseudo-median.
    pub(crate) signed_rank: Found<SignedRank>,
    /// Its p-value after Holm over the tuned configurations.
    pub(crate) p_rank_adjusted: Option<f64>,
    /// Sign flips of the log ratios.
    pub(crate) sign_flip: Found<Permutation>,
    /// Its p-value after Holm over the tuned configurations.
    pub(crate) p_flip_adjusted: Option<f64>,
    /// How many comparisons the p-values were adjusted for.
    pub(crate) family_size: usize,
    /// What they say beside the t test.
    pub(crate) reading: Reading,
}

/// What a companion says of a verdict's difference test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reading {
    /// Both companions and the t test find a difference, or none of them does.
    Agrees,
    /// At least one of them says otherwise.
    Disagrees,
    /// With so few blocks no arrangement of signs is rare enough; so many blocks
    /// are needed.
    TooFewBlocks(usize),
    /// There is nothing to compare.
    None,
}

impl Reading {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Agrees => "agree",
            Self::Disagrees => "disagree",
            Self::TooFewBlocks(_) => "too few blocks",
            Self::None => "none",
        }
    }
}

/// Returns the fewest blocks whose signs can be rare enough: two of all
/// arrangements, times the size of the family, are at most alpha.
pub(crate) fn blocks_for_signs(alpha: f64, family_size: usize) -> usize {
    let mut least = family_size.max(1) as f64;
    let mut n_blocks = 1;
    while least > alpha && n_blocks < 1000 {
        least /= 2.0;
        n_blocks += 1;
    }
    n_blocks
}

pub(super) fn of(inputs: &Inputs<'_>) -> Vec<Companions> {
    let Some(baseline) = inputs.baseline() else { return Vec::new() };
    let baseline_values = inputs.by_block(baseline);
    let resampling = Resampling::seeded(inputs.plan.seed);
    let mut all: Vec<Companions> = inputs
        .compared()
        .map(|configuration| {
            let logs = pairs(&inputs.by_block(configuration), &baseline_values)
                .map_err(Refused::from)
                .and_then(|pairs| logarithms(&pairs));
            Companions {
                configuration,
                signed_rank: logs.clone().and_then(|logs| ranks(&logs, inputs)),
                p_rank_adjusted: None,
                sign_flip: logs.and_then(|logs| Ok(sign_flip(&logs, resampling)?)),
                p_flip_adjusted: None,
                family_size: 1,
                reading: Reading::None,
            }
        })
        .collect();
    adjust(&mut all, inputs);
    for each in &mut all {
        each.reading = read(each, inputs);
    }
    all
}

fn ranks(logs: &Pairs, inputs: &Inputs<'_>) -> Found<SignedRank> {
    let n_blocks = logs.n_blocks();
    if n_blocks > RANK_BLOCKS_MAX {
        return Err(Refused(format!(
            "signed ranks take at most {RANK_BLOCKS_MAX} blocks, there are {n_blocks}"
        )));
    }
    if n_blocks < 2 {
        return Err(Refused(format!("signed ranks need at least 2 blocks, there is {n_blocks}")));
    }
    Ok(signed_rank(logs, inputs.rule.confidence)?)
}

/// Returns pairs whose differences are the log ratios of `pairs`.
fn logarithms(pairs: &Pairs) -> Found<Pairs> {
    let ratios = pairs.log_ratios()?;
    let logs: Vec<Pair> =
        ratios.values().iter().map(|&log| Pair { treatment: log, baseline: 0.0 }).collect();
    Ok(Pairs::new(&logs)?)
}

/// One of a comparison's own p-values.
type PValue = fn(&Companions) -> Option<f64>;

/// Adjusts the p-values of the tuned configurations after Holm, as the verdicts'
/// are; on the primary metric only.
fn adjust(all: &mut [Companions], inputs: &Inputs<'_>) {
    let is_primary = inputs.metric == inputs.plan.primary.metric;
    let is_member = |each: &Companions| {
        is_primary && inputs.configurations[each.configuration].planned.arm == Arm::Chimera
    };
    let ranks: PValue = |each| each.signed_rank.as_ref().ok().map(|test| test.p_value);
    let flips: PValue = |each| each.sign_flip.as_ref().ok().map(|test| test.p_value);
    for (p_value, is_rank) in [(ranks, true), (flips, false)] {
        let members: Vec<usize> = (0..all.len())
            .filter(|&at| is_member(&all[at]) && p_value(&all[at]).is_some())
            .collect();
        let own: Vec<f64> = members.iter().filter_map(|&at| p_value(&all[at])).collect();
        let adjusted = holm(&own).unwrap_or(own);
        for each in all.iter_mut() {
            let alone = p_value(each);
            if is_rank {
                each.p_rank_adjusted = alone;
            } else {
                each.p_flip_adjusted = alone;
            }
        }
        for (&at, p) in members.iter().zip(adjusted) {
            all[at].family_size = members.len();
            if is_rank {
                all[at].p_rank_adjusted = Some(p);
            } else {
                all[at].p_flip_adjusted = Some(p);
            }
        }
    }
}

fn read(each: &Companions, inputs: &Inputs<'_>) -> Reading {
    let judged = inputs.configurations[each.configuration].judged(inputs.metric);
    let (Some(judged), Some(rank), Some(flip)) =
        (judged, each.p_rank_adjusted, each.p_flip_adjusted)
    else {
        return Reading::None;
    };
    let alpha = inputs.rule.confidence.alpha();
    let needed = blocks_for_signs(alpha, each.family_size);
    if judged.ratio.n_blocks < needed {
        return Reading::TooFewBlocks(needed);
    }
    let differs = judged.p_difference_adjusted <= alpha;
    if (rank <= alpha) == differs && (flip <= alpha) == differs {
        Reading::Agrees
    } else {
        Reading::Disagrees
    }
}

/// Returns the two independent samples of a configuration and the baseline.
pub(crate) fn samples(inputs: &Inputs<'_>, configuration: usize) -> Found<(Sample, Sample)> {
    let sample = |at: usize| {
        let values: Vec<f64> = inputs.by_block(at).into_values().collect();
        Sample::new(&values)
    };
    let baseline =
        inputs.baseline().ok_or_else(|| Refused("the plan has no baseline".to_owned()))?;
    Ok((sample(configuration)?, sample(baseline)?))
}
