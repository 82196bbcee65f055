//! The distribution of TTFT, cold and warm, each with its band.

use tachograph_stats::Ecdf;

use super::{WIDTH, bottom_axis, left_axis};
use crate::analysis::Analysis;
use crate::svg::{Scale, Svg};

/// Steps drawn of a curve; more cannot be told apart at this width.
const STEPS_MAX: usize = 400;

pub(crate) fn draw(analysis: &Analysis) -> Option<(Svg, String)> {
    let curves: Vec<(&Ecdf, usize, &str)> =
        [(analysis.ttft_warm.as_ref(), 1, "warm"), (analysis.ttft_cold.as_ref(), 2, "cold")]
            .into_iter()
            .filter_map(|(curve, style, name)| Some((curve?, style, name)))
            .collect();
    if curves.is_empty() {
        return None;
    }
    let values: Vec<f64> =
        curves.iter().flat_map(|(curve, _, _)| curve.steps.iter().map(|s| s.value)).collect();
    let (left, right, top, bottom) = (52.0, WIDTH - 16.0, 22.0, 262.0);
    let x = Scale::fitting(values.iter().copied(), left, right);
    let y = Scale::from_zero(100.0, bottom, top);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    left_axis(&mut svg, &y, (left, right), "calls, %");
    let title = if x.is_logarithmic() { "TTFT, ms (logarithmic)" } else { "TTFT, ms" };
    bottom_axis(&mut svg, &x, (top, bottom), title);
    for (curve, style, name) in &curves {
        let steps = thinned(curve);
        let mut line = vec![(left, y.place(0.0))];
        let mut upper = vec![(left, y.place(100.0 * curve.band.min(1.0)))];
        let mut lower = vec![(left, y.place(0.0))];
        let mut before = (0.0, curve.band.min(1.0), 0.0);
        for step in steps {
            let at = x.place(step.value);
            line.extend([(at, y.place(100.0 * before.0)), (at, y.place(100.0 * step.fraction))]);
            upper.extend([(at, y.place(100.0 * before.1)), (at, y.place(100.0 * step.high))]);
            lower.extend([(at, y.place(100.0 * before.2)), (at, y.place(100.0 * step.low))]);
            before = (step.fraction, step.high, step.low);
        }
        line.push((right, y.place(100.0)));
        upper.push((right, y.place(100.0)));
        lower.push((right, y.place(100.0 * before.2)));
        upper.extend(lower.into_iter().rev());
        svg.path(&format!("b{style}"), &upper, true);
        svg.path(&format!("s{style}"), &line, false);
        let place = right - 150.0 + 75.0 * (*style as f64 - 1.0);
        svg.rect(&format!("f{style}"), (place, 6.0), (14.0, 4.0));
        svg.text("", (place + 20.0, 12.0), name);
    }
    let names: Vec<&str> = curves.iter().map(|(_, _, name)| *name).collect();
    let description = format!(
        "Empirical distribution functions of time to first token with confidence bands, for {} \
         calls.",
        names.join(" and ")
    );
    Some((svg, description))
}

fn thinned(curve: &Ecdf) -> Vec<tachograph_stats::EcdfStep> {
    let n = curve.steps.len();
    let every = n.div_ceil(STEPS_MAX).max(1);
    let kept = curve.steps.iter().enumerate().filter(|(at, _)| at % every == 0 || at + 1 == n);
    kept.map(|(_, step)| *step).collect()
}
