//! True speed-up against the number of agents.

use super::{WIDTH, left_axis};
use crate::concurrency::Concurrency;
use crate::concurrency::group::Series;
use crate::svg::{Scale, Svg};

/// A number of agents, the speed-up, and the ends of its interval.
type Point = (f64, f64, f64, f64);

/// Lines that are drawn at most.
const LINES_MAX: usize = 6;

pub(crate) fn draw(concurrency: &Concurrency) -> Option<(Svg, String)> {
    let speedup = |at: usize| concurrency.of_configuration(at)?.speedup;
    let drawn: Vec<(&Series, Vec<Point>)> = concurrency
        .series
        .iter()
        .take(LINES_MAX)
        .map(|series| {
            let points = series.points.iter().filter_map(|&(n, configuration)| {
                let Some(at) = configuration else { return Some((1.0, 1.0, 1.0, 1.0)) };
                let ratio = speedup(at)?;
                Some((n as f64, ratio.ratio, ratio.interval.low, ratio.interval.high))
            });
            (series, points.collect())
        })
        .filter(|(_, points): &(_, Vec<_>)| points.len() > 1)
        .collect();
    if drawn.is_empty() {
        return None;
    }
    let (left, right, top, bottom) = (62.0, WIDTH - 190.0, 22.0, 262.0);
    let most = drawn.iter().flat_map(|(_, points)| points).fold(1.0_f64, |most, p| most.max(p.0));
    let highest =
        drawn.iter().flat_map(|(_, points)| points).fold(1.0_f64, |most, p| most.max(p.1));
    let x = Scale::from_zero(most, left, right);
    let y = Scale::from_zero(highest.max(1.5) * 1.1, bottom, top);
    let mut svg = Svg::new(WIDTH, bottom + 50.0);
    left_axis(&mut svg, &y, (left, right), "true speed-up");
    let mut numbers: Vec<f64> =
        drawn.iter().flat_map(|(_, points)| points.iter().map(|point| point.0)).collect();
    numbers.sort_by(f64::total_cmp);
    numbers.dedup();
    for n in &numbers {
        svg.text("tick mid", (x.place(*n), bottom + 17.0), &format!("{n:.0}"));
    }
    svg.text("tick end", (right, bottom + 36.0), "agents at once");
    let ideal = most.min(highest.max(1.5) * 1.1);
    svg.line("edge", (x.place(1.0), y.place(1.0)), (x.place(ideal), y.place(ideal)));
    for (index, (series, points)) in drawn.iter().enumerate() {
        let style = ["s1", "s2", "s3"][index % 3];
        let fill = ["f1", "f2", "f3"][index % 3];
        let places: Vec<(f64, f64)> =
            points.iter().map(|point| (x.place(point.0), y.place(point.1))).collect();
        svg.path(style, &places, false);
        for (point, place) in points.iter().zip(&places) {
            svg.line(style, (place.0, y.place(point.2)), (place.0, y.place(point.3)));
            if index < 3 {
                svg.circle(fill, *place, 4.0);
            } else {
                svg.diamond(fill, *place, 4.6);
            }
        }
        if let Some(last) = places.last() {
            svg.text(
                "mono",
                (right + 10.0, last.1 + 4.0),
                &super::label(&series.made_from.topology),
            );
        }
    }
    let words: Vec<String> = drawn
        .iter()
        .map(|(series, points)| {
            let points: Vec<String> = points
                .iter()
                .map(|point| format!("{:.0} agents {:.2}", point.0, point.1))
                .collect();
            format!("{}: {}", series.made_from.topology, points.join(", "))
        })
        .collect();
    Some((
        svg,
        format!("True speed-up with interval against agents at once. {}.", words.join("; ")),
    ))
}
