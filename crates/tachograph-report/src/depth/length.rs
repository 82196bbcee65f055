//! Ratios at equal output length.
//!
//! Owns: the adjustment of a comparison for the log ratio of output tokens.

use std::collections::BTreeMap;

use tachograph_stats::{AdjustedDifference, Interval, Pairs, adjusted_log_ratio};

use super::{Found, Inputs, Refused};
use crate::analysis::comparison::pairs;

/// A comparison at equal output length.
#[derive(Debug, Clone)]
pub(crate) struct EqualLength {
    /// The position of the configuration.
    pub(crate) configuration: usize,
    /// Whether any block has answers of different length.
    pub(crate) differs: bool,
    /// The geometric mean ratio of output tokens to the baseline's.
    pub(crate) token_ratio: Option<f64>,
    /// The log ratio where the log ratio of tokens is 0.
    pub(crate) adjusted: Found<AdjustedDifference>,
}

/// Exponentiates the ends of an interval of a logarithm.
pub(crate) fn exponentiated(interval: Interval) -> Interval {
    Interval { low: interval.low.exp(), high: interval.high.exp(), ..interval }
}

pub(super) fn of(inputs: &Inputs<'_>) -> Vec<EqualLength> {
    let Some(baseline) = inputs.baseline() else { return Vec::new() };
    let tokens = |at: usize| -> BTreeMap<u32, f64> {
        let measured = inputs.rows(at).filter(|row| row.metrics.contains_key(&inputs.metric));
        measured.map(|row| (row.id.block, row.output_tokens as f64)).collect()
    };
    let (values_of_baseline, tokens_of_baseline) = (inputs.by_block(baseline), tokens(baseline));
    inputs
        .compared()
        .map(|configuration| {
            let tokens = pairs(&tokens(configuration), &tokens_of_baseline);
            let values = pairs(&inputs.by_block(configuration), &values_of_baseline);
            let differences = tokens.as_ref().ok().map(Pairs::differences);
            let logs = tokens.as_ref().ok().and_then(|tokens| tokens.log_ratios().ok());
            let differs =
                differences.is_some_and(|sample| sample.values().iter().any(|d| d.abs() > 0.5));
            let adjusted = if differs {
                both(values, tokens).and_then(|(values, tokens)| {
                    let found = adjusted_log_ratio(&values, &tokens, inputs.rule.confidence)?;
                    representable(found)
                })
            } else {
                Err(Refused(
                    "nothing to adjust: no block has answers of different length".to_owned(),
                ))
            };
            let token_ratio = logs.map(|logs| logs.mean().exp());
            EqualLength { configuration, differs, token_ratio, adjusted }
        })
        .collect()
}

/// Refuses a ratio whose interval leaves the range of numbers.
fn representable(found: AdjustedDifference) -> Found<AdjustedDifference> {
    let interval = exponentiated(found.interval);
    if interval.high.is_finite() && interval.low > 0.0 {
        Ok(found)
    } else {
        Err(Refused(format!(
            "the ratios of {} blocks differ too wildly for an interval; run more blocks",
            found.n_blocks
        )))
    }
}

fn both<T, E: std::error::Error>(one: Result<T, E>, other: Result<T, E>) -> Found<(T, T)> {
    Ok((one?, other?))
}
