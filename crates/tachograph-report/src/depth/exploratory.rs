//! Comparisons that nobody planned.
//!
//! Owns: their family, all tuned configurations on all metrics but the primary
//! one, and its p-values after Benjamini and Hochberg.

use std::collections::BTreeMap;

use tachograph_model::plan::{Metric, Plan};
use tachograph_model::run::Arm;
use tachograph_stats::benjamini_hochberg;

use crate::analysis::configuration::ConfigurationAnalysis;

/// Adjusted p-values, by metric and position of the configuration.
pub(crate) type Exploratory = BTreeMap<(Metric, usize), f64>;

/// Adjusts the p-values of all exploratory comparisons as one family.
pub(crate) fn adjusted(configurations: &[ConfigurationAnalysis], plan: &Plan) -> Exploratory {
    let members: Vec<((Metric, usize), f64)> = Metric::ALL
        .into_iter()
        .filter(|metric| *metric != plan.primary.metric)
        .flat_map(|metric| {
            configurations.iter().enumerate().filter_map(move |(at, each)| {
                let is_tuned = each.planned.arm == Arm::Chimera;
                let judged = each.judged(metric).filter(|_| is_tuned)?;
                Some(((metric, at), judged.ratio.p_value))
            })
        })
        .collect();
    let p_values: Vec<f64> = members.iter().map(|(_, p)| *p).collect();
    let adjusted = benjamini_hochberg(&p_values).expect("p-values lie in 0..=1");
    members.into_iter().map(|(key, _)| key).zip(adjusted).collect()
}
