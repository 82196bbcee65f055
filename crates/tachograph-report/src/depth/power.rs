//! What a comparison could tell, and what would settle it.
//!
//! Owns: power at the margin, the detectable ratio and the blocks still wanted,
//! for each comparison from the spread that it showed.

use tachograph_stats::{Confidence, PairedDesign};

use super::{Found, Inputs, Refused};
use crate::analysis::comparison::{POWER, blocks_needed};

/// Larger detectable ratios than this are as good as none.
const RATIO_MAX: f64 = 1000.0;

/// The power of one comparison.
#[derive(Debug, Clone)]
pub(crate) struct Power {
    /// The position of the configuration.
    pub(crate) configuration: usize,
    pub(crate) n_blocks: usize,
    /// The spread of log ratios between blocks.
    pub(crate) log_sd: f64,
    /// The probability of showing a true change of the margin, the family counted.
    pub(crate) at_margin: Found<f64>,
    /// The smallest ratio above 1 that is shown in four of five cases, the family
    /// counted.
    pub(crate) detectable: Found<f64>,
    /// The blocks that show a change of the margin, or its absence.
    pub(crate) blocks_needed: Found<usize>,
}

pub(super) fn of(inputs: &Inputs<'_>) -> Vec<Power> {
    inputs
        .compared()
        .filter_map(|configuration| {
            let judged = inputs.configurations[configuration].judged(inputs.metric)?;
            let (n_blocks, log_sd) = (judged.ratio.n_blocks, judged.ratio.log_sd);
            let alpha = inputs.rule.confidence.alpha() / judged.family_size.max(1) as f64;
            let design = || -> Found<PairedDesign> {
                let confidence = Confidence::new((1.0 - alpha).min(0.999_999))?;
                Ok(PairedDesign::new(log_sd, confidence)?)
            };
            let margin = inputs.rule.margin.ratio_high();
            Some(Power {
                configuration,
                n_blocks,
                log_sd,
                at_margin: design().and_then(|d| Ok(d.power(n_blocks, margin)?)),
                detectable: design().and_then(|d| {
                    let ratio = d.detectable_ratio(n_blocks, POWER)?;
                    if ratio > RATIO_MAX {
                        return Err(Refused(
                            "only a change of more than a thousandfold could be shown".to_owned(),
                        ));
                    }
                    Ok(ratio)
                }),
                blocks_needed: blocks_needed(judged, inputs.rule).ok_or_else(|| {
                    Refused(
                        "no number of blocks: the spread seen is 0, or far too large for the \
                         margin"
                            .to_owned(),
                    )
                }),
            })
        })
        .collect()
}
