//! The interaction of two factors: one line per level of the second.

use tachograph_stats::{FactorialRun, Sample};

use super::{WIDTH, left_axis};
use crate::analysis::Analysis;
use crate::svg::{Scale, Svg};

/// Styles of lines; more levels than this are not drawn.
const STYLES: [&str; 3] = ["s1", "s2", "s3"];

/// Draws the pair of factors whose interaction explains most.
///
/// Returns `None` without two factors, or if both have too many levels to draw.
pub(crate) fn draw(analysis: &Analysis) -> Option<(Svg, String)> {
    let sensitivity = &analysis.sensitivity;
    let primary = sensitivity.primary.as_ref()?;
    let strongest = primary.two_way.iter().fold(None, |best: Option<(f64, _)>, pair| {
        let eta = pair.effect.eta_squared.unwrap_or_default();
        if best.is_some_and(|(most, _)| most >= eta) { best } else { Some((eta, pair.factors)) }
    });
    let (first, second) = strongest?.1;
    let n_levels = |at: usize| sensitivity.factors[at].levels.len();
    let (across_at, lines_at) =
        if n_levels(second) <= n_levels(first) { (first, second) } else { (second, first) };
    let (across, lines) = (&sensitivity.factors[across_at], &sensitivity.factors[lines_at]);
    if lines.levels.len() > STYLES.len() {
        return None;
    }
    let means: Vec<Vec<Option<f64>>> = (0..lines.levels.len())
        .map(|line| {
            let at =
                |level| mean(&sensitivity.primary_runs, [(lines_at, line), (across_at, level)]);
            (0..across.levels.len()).map(at).collect()
        })
        .collect();
    // A difference smaller than the margin must not fill the frame.
    let margin = analysis.rule.margin;
    let band = [margin.ratio_low(), margin.ratio_high()].map(|ratio| primary.grand_mean * ratio);
    let values: Vec<f64> = means.iter().flatten().flatten().copied().chain(band).collect();
    let (left, right, top, bottom) = (62.0, WIDTH - 16.0, 34.0, 232.0);
    let y = Scale::linear(values.iter().copied(), bottom, top);
    let mut svg = Svg::new(WIDTH, bottom + 50.0);
    left_axis(&mut svg, &y, (left, right), analysis.plan.primary.metric.unit());
    let n = across.levels.len() as f64;
    let place = |at: usize| left + (right - left) * (at as f64 + 0.5) / n;
    for (at, level) in across.levels.iter().enumerate() {
        svg.text("tick mid", (place(at), bottom + 17.0), level);
    }
    svg.text("mono mid", (f64::midpoint(left, right), bottom + 38.0), &across.name);
    for (index, (line, style)) in means.iter().zip(STYLES).enumerate() {
        let points: Vec<(f64, f64)> = line
            .iter()
            .enumerate()
            .filter_map(|(at, mean)| Some((place(at), y.place((*mean)?))))
            .collect();
        svg.path(style, &points, false);
        let fill = style.replace('s', "f");
        for point in &points {
            svg.circle(&fill, *point, 4.0);
        }
        let x = left + 70.0 + 170.0 * index as f64;
        svg.rect(&fill, (x, 6.0), (14.0, 4.0));
        svg.text("mono", (x + 20.0, 12.0), &format!("{}={}", lines.name, lines.levels[index]));
    }
    let description = format!(
        "Mean {} at each level of {}, one line per level of {}; parallel lines mean no interaction.",
        analysis.plan.primary.metric.title(),
        across.name,
        lines.name
    );
    Some((svg, description))
}

/// The mean over the runs that have both levels, each a factor and a level.
fn mean(runs: &[FactorialRun], levels: [(usize, usize); 2]) -> Option<f64> {
    let of_both =
        runs.iter().filter(|run| levels.iter().all(|&(factor, level)| run.levels[factor] == level));
    let values: Vec<f64> = of_both.map(|run| run.value).collect();
    Some(Sample::new(&values).ok()?.mean())
}
