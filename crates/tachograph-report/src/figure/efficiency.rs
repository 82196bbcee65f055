//! True efficiency and balance of each concurrent configuration.

use super::{ROW, WIDTH, bottom_axis, distinct, label_width};
use crate::analysis::Analysis;
use crate::concurrency::Concurrency;
use crate::svg::{Scale, Svg};

pub(crate) fn draw(analysis: &Analysis, concurrency: &Concurrency) -> Option<(Svg, String)> {
    let shown: Vec<_> = concurrency
        .together
        .iter()
        .filter_map(|each| Some((each, each.speedup.as_ref()?, each.balance.as_ref()?)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let ids = shown
        .iter()
        .map(|(each, ..)| analysis.configurations[each.configuration].planned.id.0.as_str());
    let names = distinct(&ids.collect::<Vec<_>>());
    let left = label_width(names.iter().map(String::as_str));
    let (top, bottom) = (34.0, 34.0 + ROW * shown.len() as f64);
    let largest = shown.iter().map(|(each, speedup, _)| speedup.ratio / each.n_agents as f64);
    let scale = Scale::from_zero(largest.fold(1.0_f64, f64::max) * 100.0, left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    bottom_axis(&mut svg, &scale, (top, bottom), "percent");
    let full = scale.place(100.0);
    svg.line("zero", (full, top), (full, bottom));
    for (index, ((each, speedup, balance), name)) in shown.iter().zip(&names).enumerate() {
        let y = top + ROW * (index as f64 + 0.5);
        let percent = |ratio: f64| scale.place(ratio / each.n_agents as f64 * 100.0);
        svg.text("mono end", (left - 12.0, y + 4.0), name);
        let turns = scale.place(100.0 / each.n_agents as f64);
        svg.line("edge", (turns, y - ROW / 2.0), (turns, y + ROW / 2.0));
        let interval = &speedup.interval;
        svg.line("s1", (percent(interval.low), y), (percent(interval.high), y));
        svg.circle("f1", (percent(speedup.ratio), y), 4.6);
        svg.diamond("s2", (scale.place(balance.summary.mean * 100.0), y), 5.0);
    }
    svg.circle("f1", (left + 6.0, 16.0), 4.6);
    svg.text("", (left + 18.0, 20.0), "true efficiency");
    svg.diamond("s2", (left + 136.0, 16.0), 5.0);
    svg.text("", (left + 148.0, 20.0), "balance (historical “efficiency”)");
    let description = "True efficiency with its interval as a dot and bar, and balance as an open \
                       diamond, one line per concurrent configuration; a dashed mark where agents \
                       would be that merely take turns."
        .to_owned();
    Some((svg, description))
}
