//! Main effects: the mean of each level, factor by factor.

use super::{WIDTH, left_axis};
use crate::analysis::Analysis;
use crate::svg::{Scale, Svg};

pub(crate) fn draw(analysis: &Analysis) -> Option<(Svg, String)> {
    let sensitivity = &analysis.sensitivity;
    let primary = sensitivity.primary.as_ref()?;
    let metric = analysis.plan.primary.metric;
    let n_factors = primary.main.len();
    let (left, right, top, bottom) = (62.0, WIDTH - 16.0, 22.0, 232.0);
    let levels = || primary.main.iter().flat_map(|main| &main.levels);
    let means: Vec<f64> = levels().map(|level| level.estimate.mean).collect();
    let spread = means.iter().fold(0.0_f64, |most, mean| most.max(mean.abs()));
    let ends = levels()
        .map(|level| level.estimate.interval)
        .filter(|interval| interval.half_width() < spread)
        .flat_map(|interval| [interval.low, interval.high]);
    let values: Vec<f64> = means.iter().copied().chain(ends).collect();
    let y = Scale::linear(values.into_iter(), bottom, top);
    let mut svg = Svg::new(WIDTH, bottom + 50.0);
    left_axis(&mut svg, &y, (left, right), metric.unit());
    let mean = y.place(primary.grand_mean);
    svg.line("edge", (left, mean), (right, mean));
    let width = (right - left) / n_factors as f64;
    for (index, main) in primary.main.iter().enumerate() {
        let factor = &sensitivity.factors[main.factor];
        let start = left + width * index as f64;
        if index > 0 {
            svg.line("axis", (start, top), (start, bottom));
        }
        let n = main.levels.len() as f64;
        let places: Vec<(f64, f64)> = main
            .levels
            .iter()
            .enumerate()
            .map(|(at, level)| {
                (start + width * (at as f64 + 0.5) / n, y.place(level.estimate.mean))
            })
            .collect();
        svg.path("s1", &places, false);
        for (place, level) in places.iter().zip(&main.levels) {
            let interval = &level.estimate.interval;
            let (low, high) = (y.place(interval.low), y.place(interval.high));
            svg.line("bar", (place.0, low), (place.0, high));
            svg.diamond("mean", *place, 5.0);
            svg.text("tick mid", (place.0, bottom + 17.0), &factor.levels[level.level]);
        }
        svg.text("mono mid", (start + width / 2.0, bottom + 38.0), &factor.name);
    }
    let names: Vec<&str> = sensitivity.factors.iter().map(|factor| factor.name.as_str()).collect();
    let description = format!(
        "Mean {} of each level with interval, in one panel per factor: {}.",
        metric.title(),
        names.join(", ")
    );
    Some((svg, description))
}
