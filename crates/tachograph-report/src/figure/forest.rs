//! Ratios to the baseline with their intervals and the margin.

use tachograph_model::plan::Metric;
use tachograph_model::run::Arm;
use tachograph_stats::Verdict;

use super::{ROW, WIDTH, bottom_axis, label, label_width};
use crate::analysis::Analysis;
use crate::render::html::verdict_name;
use crate::svg::{Scale, Svg};

pub(crate) fn draw(analysis: &Analysis, metric: Metric) -> Option<(Svg, String)> {
    let shown: Vec<_> = analysis
        .configurations
        .iter()
        .filter_map(|each| Some((each, each.judged(metric)?)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let percent = |ratio: f64| (ratio - 1.0) * 100.0;
    let margin = analysis.rule.margin;
    let band = [percent(margin.ratio_low()), percent(margin.ratio_high())];
    let mut values = vec![band[0], band[1]];
    values.extend(shown.iter().map(|(_, judged)| percent(judged.ratio.ratio)));
    // Wide intervals of very few blocks are cut at the frame.
    let widest = values.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
    for (_, judged) in &shown {
        for end in [judged.ratio.interval.low, judged.ratio.interval.high] {
            if percent(end).abs() < 4.0 * widest {
                values.push(percent(end));
            }
        }
    }
    let left = label_width(shown.iter().map(|(each, _)| each.planned.id.0.as_str()));
    let (top, bottom) = (10.0, 10.0 + ROW * shown.len() as f64);
    let scale = Scale::linear(values.iter().copied(), left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    let (low, high) = (scale.place(band[0]), scale.place(band[1]));
    svg.rect("margin", (low, top), (high - low, bottom - top));
    svg.line("edge", (low, top), (low, bottom));
    svg.line("edge", (high, top), (high, bottom));
    let title = format!("change of {} against the baseline, %", metric.title());
    bottom_axis(&mut svg, &scale, (top, bottom), &title);
    svg.line("zero", (scale.place(0.0), top), (scale.place(0.0), bottom));
    for (index, (each, judged)) in shown.iter().enumerate() {
        let y = top + ROW * (index as f64 + 0.5);
        svg.text("mono end", (left - 12.0, y + 4.0), &label(&each.planned.id.0));
        // The A/A arm has no side to be on.
        let verdict = match (each.planned.arm, judged.verdict) {
            (Arm::BaselineAa, Verdict::Better | Verdict::Worse) => "inconclusive",
            (_, verdict) => verdict_name(verdict),
        };
        let interval = &judged.ratio.interval;
        let ends = (scale.place(percent(interval.low)), scale.place(percent(interval.high)));
        svg.line(&format!("{verdict} thick"), (ends.0, y), (ends.1, y));
        svg.circle(verdict, (scale.place(percent(judged.ratio.ratio)), y), 4.2);
    }
    let words: Vec<String> = shown
        .iter()
        .map(|(each, judged)| format!("{} {}", each.planned.id, verdict_name(judged.verdict)))
        .collect();
    let description = format!(
        "Ratio to the baseline with interval, one line per configuration, and the margin as a \
         band. Verdicts: {}.",
        words.join(", ")
    );
    Some((svg, description))
}
