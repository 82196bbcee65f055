//! The runs in the order in which they were executed.
//!
//! Owns: what their departures from the means of their configurations say of
//! drift, of neighbours that resemble each other, and of changes.

use std::collections::BTreeSet;

use tachograph_model::run::RunId;
use tachograph_stats::{
    Autocorrelation, ChangeSearch, MannKendall, Sample, SteadyState, autocorrelation,
    change_points, mann_kendall, steady_state,
};

use super::{Found, Inputs};
use crate::analysis::drift::departures;

/// The series of departures, and what was found in it.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    /// How many runs.
    pub(crate) n: usize,
    /// The trend; its slope is a share of the mean, per run.
    pub(crate) trend: Found<MannKendall>,
    pub(crate) autocorrelation: Found<Autocorrelation>,
    /// Where the level of all runs changed, in order.
    pub(crate) changes: Found<Vec<Change>>,
    /// From which run on the level stays within the margin.
    pub(crate) steady: Found<SteadyState>,
    /// The runs, in order.
    pub(crate) runs: Vec<RunId>,
}

/// A change of level between two runs.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// The first run after it.
    pub(crate) run: RunId,
    /// Its position in the series, from 0.
    pub(crate) index: usize,
    pub(crate) p_value: f64,
    /// The mean ratio to the configurations' means in the stretch before.
    pub(crate) before: f64,
    /// The same in the stretch after.
    pub(crate) after: f64,
}

pub(super) fn of(inputs: &Inputs<'_>) -> Series {
    let departures = departures(inputs.configurations, inputs.runs, inputs.metric);
    // Around 1, so that a margin is a share of it.
    let values: Vec<f64> = departures.iter().map(|(_, _, departure)| 1.0 + departure).collect();
    let indices: BTreeSet<u32> = departures.iter().map(|(index, _, _)| *index).collect();
    let rows = inputs.runs.iter().filter(|run| indices.contains(&run.index));
    let runs: Vec<RunId> = rows.map(|run| run.id.clone()).collect();
    let search = ChangeSearch {
        alpha: inputs.rule.confidence.alpha(),
        ..ChangeSearch::of_mean(inputs.plan.seed)
    };
    let sample = || -> Found<Sample> { Ok(Sample::new(&values)?) };
    let steady = sample().and_then(|s| Ok(steady_state(&s, inputs.rule.margin, &search)?));
    Series {
        n: values.len(),
        trend: sample().and_then(|s| Ok(mann_kendall(&s)?)),
        autocorrelation: sample().and_then(|s| Ok(autocorrelation(&s)?)),
        changes: sample().and_then(|s| {
            let points = change_points(&s, &search)?;
            let segments = steady.clone()?.segments;
            Ok(points
                .iter()
                .filter_map(|point| {
                    let at = segments.iter().position(|segment| segment.start == point.index)?;
                    Some(Change {
                        run: runs.get(point.index)?.clone(),
                        index: point.index,
                        p_value: point.p_value,
                        before: segments[at.checked_sub(1)?].mean,
                        after: segments[at].mean,
                    })
                })
                .collect())
        }),
        steady,
        runs,
    }
}
