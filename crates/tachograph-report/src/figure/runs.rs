//! Runs of each configuration with mean and interval.

use tachograph_model::plan::Metric;

use super::{ROW, WIDTH, bottom_axis, label, label_width};
use crate::analysis::Analysis;
use crate::svg::{Scale, Svg};

pub(crate) fn draw(analysis: &Analysis, metric: Metric) -> Option<(Svg, String)> {
    let shown: Vec<_> = analysis
        .configurations
        .iter()
        .filter_map(|each| Some((each, each.metrics.get(&metric)?)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let left = label_width(shown.iter().map(|(each, _)| each.planned.id.0.as_str()));
    let (top, bottom) = (10.0, 10.0 + ROW * shown.len() as f64);
    let mut values: Vec<f64> = shown.iter().flat_map(|(_, e)| e.values.iter().copied()).collect();
    // An interval of two or three runs can be so wide that it hides the runs;
    // it is cut at the frame.
    let spread = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (_, estimate) in &shown {
        if let Some(interval) = estimate.interval
            && interval.half_width() < spread
        {
            values.extend([interval.low, interval.high]);
        }
    }
    let scale = Scale::linear(values.iter().copied(), left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    bottom_axis(&mut svg, &scale, (top, bottom), &format!("{}, {}", metric.title(), metric.unit()));
    for (index, (each, estimate)) in shown.iter().enumerate() {
        let y = top + ROW * (index as f64 + 0.5);
        svg.text("mono end", (left - 12.0, y + 4.0), &label(&each.planned.id.0));
        let n = estimate.values.len() as f64;
        for (at, value) in estimate.values.iter().enumerate() {
            // Runs stand in the order of their blocks, a little below each other.
            let shift = if n > 1.0 { (at as f64 / (n - 1.0) - 0.5) * ROW * 0.42 } else { 0.0 };
            svg.circle("dot", (scale.place(*value), y + shift), 3.2);
        }
        if let Some(interval) = estimate.interval {
            svg.line("bar", (scale.place(interval.low), y), (scale.place(interval.high), y));
        }
        svg.diamond("mean", (scale.place(estimate.summary.mean), y), 5.0);
    }
    let description = format!(
        "A dot for each run, a diamond for the mean and a bar for its interval, one line per \
         configuration: {}.",
        metric.title()
    );
    Some((svg, description))
}
