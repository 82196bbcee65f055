//! Each quantity of an implementation over the reference, with interval.

use tachograph_stats::Verdict;

use super::{ROW, WIDTH, bottom_axis, label_width};
use crate::analysis::{Analysis, judged};
use crate::implementations::Implementations;
use crate::implementations::contest::Contest;
use crate::implementations::quantity::Influence;
use crate::render::html::verdict_name;
use crate::svg::{Scale, Svg};

/// File names of the first pairs' drawings; further pairs have tables only.
pub(crate) const NAMES: [&str; 6] =
    ["contest", "contest-b", "contest-c", "contest-d", "contest-e", "contest-f"];

pub(crate) fn draw(
    analysis: &Analysis,
    contest: &Implementations,
    each: &Contest,
) -> Option<(Svg, String)> {
    let shown: Vec<_> = each
        .contrasts
        .iter()
        .filter(|contrast| contrast.quantity.influence() == Influence::Client)
        .filter_map(|contrast| Some((contrast.quantity, judged(Some(&contrast.compared))?)))
        .collect();
    if shown.is_empty() {
        return None;
    }
    let margin = analysis.rule.margin;
    let band = [margin.ratio_low(), margin.ratio_high()];
    let mut values = vec![band[0], band[1]];
    values.extend(shown.iter().map(|(_, judged)| judged.ratio.ratio));
    // Wide intervals of very few blocks are cut at the frame.
    let widest = values.iter().fold(0.0_f64, |most, value| most.max(value.ln().abs()));
    for (_, judged) in &shown {
        for end in [judged.ratio.interval.low, judged.ratio.interval.high] {
            if end.ln().abs() < 2.0 * widest {
                values.push(end);
            }
        }
    }
    let left = label_width(shown.iter().map(|(quantity, _)| quantity.title()));
    let (top, bottom) = (10.0, 10.0 + ROW * shown.len() as f64);
    let scale = Scale::fitting(values.iter().copied(), left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    let (low, high) = (scale.place(band[0]), scale.place(band[1]));
    svg.rect("margin", (low, top), (high - low, bottom - top));
    let kind = if scale.is_logarithmic() { " (logarithmic)" } else { "" };
    let title = format!("{} over {}{kind}", each.other, contest.reference());
    bottom_axis(&mut svg, &scale, (top, bottom), &title);
    svg.line("zero", (scale.place(1.0), top), (scale.place(1.0), bottom));
    for (index, (quantity, judged)) in shown.iter().enumerate() {
        let y = top + ROW * (index as f64 + 0.5);
        svg.text("end", (left - 12.0, y + 4.0), &super::label(quantity.title()));
        let verdict = verdict_name(judged.verdict);
        let interval = &judged.ratio.interval;
        let ends = (scale.place(interval.low), scale.place(interval.high));
        svg.line(&format!("{verdict} thick"), (ends.0, y), (ends.1, y));
        svg.circle(verdict, (scale.place(judged.ratio.ratio), y), 4.2);
    }
    let words: Vec<String> = shown
        .iter()
        .filter(|(_, judged)| judged.verdict != Verdict::Inconclusive)
        .map(|(quantity, judged)| format!("{} {}", quantity.title(), verdict_name(judged.verdict)))
        .collect();
    let description = format!(
        "Ratio of {} to {} with interval, one line per quantity, and the margin as a band. \
         Decided: {}.",
        each.other,
        contest.reference(),
        if words.is_empty() { "none".to_owned() } else { words.join(", ") }
    );
    Some((svg, description))
}
