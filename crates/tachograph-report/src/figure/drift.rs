//! Runs in the order of execution.

use std::collections::BTreeMap;

use tachograph_model::plan::Metric;
use tachograph_stats::Sample;

use super::{WIDTH, left_axis};
use crate::analysis::{Analysis, drift};
use crate::svg::{Scale, Svg};

pub(crate) fn draw(analysis: &Analysis, metric: Metric) -> Option<(Svg, String)> {
    let departures: Vec<(f64, u32, f64)> =
        drift::departures(&analysis.configurations, &analysis.runs, metric)
            .into_iter()
            .map(|(at, block, departure)| (f64::from(at), block, departure * 100.0))
            .collect();
    if departures.len() < 2 {
        return None;
    }
    let (left, right, top, bottom) = (56.0, WIDTH - 16.0, 22.0, 222.0);
    let last = departures.iter().map(|(at, _, _)| *at).fold(0.0_f64, f64::max);
    let place = |at: f64| left + 12.0 + at / last.max(1.0) * (right - left - 24.0);
    let y = Scale::linear(departures.iter().map(|(_, _, d)| *d).chain([0.0]), bottom, top);
    let mut svg = Svg::new(WIDTH, bottom + 32.0);
    left_axis(&mut svg, &y, (left, right), "departure, %");
    svg.line("zero", (left, y.place(0.0)), (right, y.place(0.0)));
    let mut blocks: BTreeMap<u32, Vec<(f64, f64)>> = BTreeMap::new();
    for (at, block, departure) in &departures {
        blocks.entry(*block).or_default().push((*at, *departure));
    }
    let mut previous_end: Option<f64> = None;
    for of_block in blocks.into_values() {
        let (start, end) =
            of_block.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), (at, _)| {
                (low.min(place(*at)), high.max(place(*at)))
            });
        if let Some(previous) = previous_end {
            let between = f64::midpoint(previous, start);
            svg.line("grid", (between, top), (between, bottom));
        }
        previous_end = Some(end);
        let values: Vec<f64> = of_block.iter().map(|(_, departure)| *departure).collect();
        if let Ok(sample) = Sample::new(&values) {
            let mean = y.place(sample.mean());
            svg.line("s2", (start - 4.0, mean), (end + 4.0, mean));
        }
    }
    for (at, _, departure) in &departures {
        svg.circle("dot", (place(*at), y.place(*departure)), 3.2);
    }
    svg.text("tick end", (right, bottom + 22.0), "order of execution");
    let description = format!(
        "Each run's {} relative to the mean of its configuration, in the order of execution, with \
         the mean of each block.",
        metric.title()
    );
    Some((svg, description))
}
