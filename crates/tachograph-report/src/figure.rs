//! Figures: which shapes show what.
//!
//! Owns: the layout of each drawing. Values come from the analysis; an
//! alternative text says in words what can be seen.

pub(crate) mod contest;
pub(crate) mod drift;
pub(crate) mod ecdf;
pub(crate) mod effects;
pub(crate) mod efficiency;
pub(crate) mod forest;
pub(crate) mod interaction;
pub(crate) mod lanes;
pub(crate) mod runs;
pub(crate) mod scaling;
pub(crate) mod slowdown;
pub(crate) mod timeline;

use crate::svg::{Scale, Svg};

/// The width of every drawing.
pub(crate) const WIDTH: f64 = 760.0;
/// The height of one line of a list of configurations.
pub(crate) const ROW: f64 = 24.0;

/// Returns the room that the names need at the left, in the drawing's units.
pub(crate) fn label_width<'a>(names: impl Iterator<Item = &'a str>) -> f64 {
    let longest = names.map(|name| name.chars().count()).max().unwrap_or_default();
    (longest.min(36) as f64 * 6.8 + 18.0).max(80.0)
}

/// Returns a name cut to what the labels have room for.
pub(crate) fn label(name: &str) -> String {
    if name.chars().count() <= 36 {
        return name.to_owned();
    }
    name.chars().take(35).chain(['…']).collect()
}

/// Returns names without what all of them begin with, each cut to what the labels
/// have room for: what comes last tells them apart.
pub(crate) fn distinct(names: &[&str]) -> Vec<String> {
    let Some((first, others)) = names.split_first() else { return Vec::new() };
    let shared = others.iter().fold(first.len(), |shared, other| {
        let same = first.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
        shared.min(same)
    });
    // A common beginning ends behind a separator, so that words stay whole.
    let cut = if others.is_empty() {
        0
    } else {
        first[..first.floor_char_boundary(shared)].rfind('_').map_or(0, |at| at + 1)
    };
    names
        .iter()
        .map(|name| {
            let name = name.get(cut..).unwrap_or(name);
            let length = name.chars().count();
            if length <= 36 {
                return name.to_owned();
            }
            std::iter::once('…').chain(name.chars().skip(length - 35)).collect()
        })
        .collect()
}

/// Draws a horizontal axis with grid lines from `top` to `bottom`.
pub(crate) fn bottom_axis(svg: &mut Svg, scale: &Scale, (top, bottom): (f64, f64), title: &str) {
    let mut last = f64::NEG_INFINITY;
    for (value, words) in scale.ticks(6) {
        let x = scale.place(value);
        svg.line("grid", (x, top), (x, bottom));
        if x - last > 8.0 * words.len() as f64 {
            svg.text("tick mid", (x, bottom + 16.0), &words);
            last = x;
        }
    }
    svg.text("tick end", (WIDTH - 12.0, bottom + 34.0), title);
}

/// Draws a vertical axis with grid lines from `left` to `right`.
pub(crate) fn left_axis(svg: &mut Svg, scale: &Scale, (left, right): (f64, f64), title: &str) {
    for (value, words) in scale.ticks(5) {
        let y = scale.place(value);
        svg.line("grid", (left, y), (right, y));
        svg.text("tick end", (left - 8.0, y + 4.0), &words);
    }
    svg.text("tick", (left - 40.0, 12.0), title);
}
