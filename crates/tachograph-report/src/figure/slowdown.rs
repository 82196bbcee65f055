//! Slowdown of each agent of each concurrent configuration.

use tachograph_stats::Verdict;

use super::{ROW, WIDTH, bottom_axis, distinct, label_width};
use crate::analysis::{Analysis, judged};
use crate::concurrency::Concurrency;
use crate::render::html::verdict_name;
use crate::svg::{Scale, Svg};

/// Agents that are drawn at most: more lines than that are a table.
const LINES_MAX: usize = 64;

pub(crate) fn draw(analysis: &Analysis, concurrency: &Concurrency) -> Option<(Svg, String)> {
    let mut shown = Vec::new();
    for each in &concurrency.together {
        let id = &analysis.configurations[each.configuration].planned.id;
        for agent in &each.agents {
            if let Some(found) = judged(agent.slowdown.as_ref()) {
                shown.push((format!("{id} · {}", agent.agent), found));
            }
        }
    }
    let n_left_out = shown.len().saturating_sub(LINES_MAX);
    shown.truncate(LINES_MAX);
    if shown.is_empty() {
        return None;
    }
    let names = distinct(&shown.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>());
    let left = label_width(names.iter().map(String::as_str));
    let (top, bottom) = (10.0, 10.0 + ROW * shown.len() as f64);
    let margin = analysis.rule.margin;
    // Intervals of very few blocks are cut at the frame.
    let largest = shown.iter().map(|(_, found)| found.ratio.ratio).fold(1.0_f64, f64::max);
    let ends = shown.iter().flat_map(|(_, found)| {
        let interval = found.ratio.interval;
        [interval.low, interval.high, found.ratio.ratio]
    });
    let values = ends.filter(|value| *value < 2.5 * largest).chain([
        margin.ratio_low(),
        margin.ratio_high(),
        1.0,
    ]);
    let scale = Scale::linear(values, left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    let (low, high) = (scale.place(margin.ratio_low()), scale.place(margin.ratio_high()));
    svg.rect("margin", (low, top), (high - low, bottom - top));
    bottom_axis(&mut svg, &scale, (top, bottom), "times as long together as alone");
    svg.line("zero", (scale.place(1.0), top), (scale.place(1.0), bottom));
    for (index, ((_, found), name)) in shown.iter().zip(&names).enumerate() {
        let y = top + ROW * (index as f64 + 0.5);
        svg.text("mono end", (left - 12.0, y + 4.0), name);
        let verdict = verdict_name(found.verdict);
        let interval = &found.ratio.interval;
        let ends = (scale.place(interval.low), scale.place(interval.high));
        svg.line(&format!("{verdict} thick"), (ends.0, y), (ends.1, y));
        svg.circle(verdict, (scale.place(found.ratio.ratio), y), 4.2);
    }
    let n_worse = shown.iter().filter(|(_, found)| found.verdict == Verdict::Worse).count();
    let description = format!(
        "Slowdown with interval, one line per agent and configuration, and the margin as a band; \
         {n_worse} of {} are shown to be slower together than alone{}.",
        shown.len(),
        if n_left_out > 0 {
            format!("; {n_left_out} more are in the table only")
        } else {
            String::new()
        }
    );
    Some((svg, description))
}
