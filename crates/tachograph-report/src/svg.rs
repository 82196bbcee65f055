//! Drawings in SVG with fixed bytes.
//!
//! Owns: shapes, axes and their ticks. Colours are CSS variables, so that one
//! drawing is readable in light and dark.
//!
//! Does not: know what is drawn. Marks on axes are scale, not claims; they are
//! covered by the comparison of the file's bytes.

use std::fmt::Write as _;

/// Colours of a drawing that stands alone, light and dark.
const STANDALONE_STYLE: &str = "\
svg{--ink:#1f2328;--muted:#6b6f76;--grid:#e3e1da;--paper:#ffffff;--one:#0b6e69;--two:#b4561d;\
--three:#5b5ea6;--band:#0b6e6918;--better:#1a7f4b;--worse:#b3321f;--equivalent:#2f5fa8;\
--inconclusive:#7a7468;background:var(--paper)}\
@media(prefers-color-scheme:dark){svg{--ink:#e8e6e0;--muted:#a09c94;--grid:#33373d;--paper:#16181c;\
--one:#5cc4ba;--two:#e79a63;--three:#a5a8ea;--band:#5cc4ba22;--better:#5cc98b;--worse:#f08372;\
--equivalent:#86adf0;--inconclusive:#a8a297}}";

/// How the shapes of every drawing look; also part of the page's style.
pub(crate) const SHAPE_STYLE: &str = "\
.fig text{font:12px ui-sans-serif,system-ui,sans-serif;fill:var(--ink)}\
.fig .tick{font-size:11px;fill:var(--muted)}.fig .end{text-anchor:end}.fig .mid{text-anchor:middle}\
.fig .mono{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;font-size:11px}\
.fig .grid{stroke:var(--grid);stroke-width:1}.fig .axis{stroke:var(--muted);stroke-width:1}\
.fig .zero{stroke:var(--ink);stroke-width:1;stroke-dasharray:none}\
.fig .margin{fill:var(--band)}.fig .edge{stroke:var(--one);stroke-dasharray:3 3;stroke-width:1}\
.fig .dot{fill:var(--one);fill-opacity:.45}.fig .failed{fill:none;stroke:var(--worse);stroke-width:1.5}\
.fig .mean{fill:var(--ink)}.fig .bar{stroke:var(--ink);stroke-width:2}\
.fig .s1{stroke:var(--one);fill:none;stroke-width:2}.fig .s2{stroke:var(--two);fill:none;stroke-width:2}\
.fig .s3{stroke:var(--three);fill:none;stroke-width:2}\
.fig .b1{fill:var(--one);fill-opacity:.14}.fig .b2{fill:var(--two);fill-opacity:.14}\
.fig .wait{fill:var(--inconclusive);fill-opacity:.45}\
.fig .f1{fill:var(--one)}.fig .f2{fill:var(--two)}.fig .f3{fill:var(--three)}\
.fig .better{stroke:var(--better);fill:var(--better)}.fig .worse{stroke:var(--worse);fill:var(--worse)}\
.fig .equivalent{stroke:var(--equivalent);fill:var(--equivalent)}\
.fig .inconclusive{stroke:var(--inconclusive);fill:var(--inconclusive)}.fig .thick{stroke-width:2.5}";

/// A drawing: a size and shapes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Svg {
    width: f64,
    height: f64,
    shapes: String,
}

/// Escapes text for XML and HTML.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            // Not allowed in XML at all.
            c if c.is_control() && !matches!(c, '\n' | '\t') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

/// Prints a coordinate with at most two decimals.
fn at(value: f64) -> String {
    let text = format!("{:.2}", if value.is_finite() { value } else { 0.0 });
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

impl Svg {
    pub(crate) fn new(width: f64, height: f64) -> Self {
        Self { width, height, shapes: String::new() }
    }

    fn push(&mut self, shape: &str) {
        self.shapes.push_str(shape);
        self.shapes.push('\n');
    }

    pub(crate) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(&format!(
            r#"<line class="{class}" x1="{}" y1="{}" x2="{}" y2="{}"/>"#,
            at(x1),
            at(y1),
            at(x2),
            at(y2)
        ));
    }

    pub(crate) fn rect(&mut self, class: &str, (x, y): (f64, f64), (width, height): (f64, f64)) {
        self.push(&format!(
            r#"<rect class="{class}" x="{}" y="{}" width="{}" height="{}"/>"#,
            at(x),
            at(y),
            at(width.max(0.0)),
            at(height.max(0.0))
        ));
    }

    pub(crate) fn circle(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        self.push(&format!(
            r#"<circle class="{class}" cx="{}" cy="{}" r="{}"/>"#,
            at(x),
            at(y),
            at(radius)
        ));
    }

    /// Draws a diamond, the mark of a mean.
    pub(crate) fn diamond(&mut self, class: &str, (x, y): (f64, f64), radius: f64) {
        let points = [(x - radius, y), (x, y - radius), (x + radius, y), (x, y + radius)];
        self.path(class, &points, true);
    }

    pub(crate) fn path(&mut self, class: &str, points: &[(f64, f64)], closed: bool) {
        let mut path = String::new();
        for (index, (x, y)) in points.iter().enumerate() {
            let command = if index == 0 { 'M' } else { 'L' };
            write!(path, "{command}{} {}", at(*x), at(*y)).expect("a string takes all text");
        }
        if closed {
            path.push('Z');
        }
        self.push(&format!(r#"<path class="{class}" d="{path}"/>"#));
    }

    pub(crate) fn text(&mut self, class: &str, (x, y): (f64, f64), words: &str) {
        self.push(&format!(
            r#"<text class="{class}" x="{}" y="{}">{}</text>"#,
            at(x),
            at(y),
            escape(words)
        ));
    }

    /// Returns the drawing as an element of a page whose style it takes over.
    pub(crate) fn inline(&self, id: &str, title: &str, description: &str) -> String {
        format!(
            "<svg class=\"fig\" viewBox=\"0 0 {} {}\" role=\"img\" aria-labelledby=\"{id}-t {id}-d\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n<title id=\"{id}-t\">{}</title>\n\
             <desc id=\"{id}-d\">{}</desc>\n{}</svg>\n",
            at(self.width),
            at(self.height),
            escape(title),
            escape(description),
            self.shapes
        )
    }

    /// Returns the drawing as a file of its own.
    pub(crate) fn standalone(&self, id: &str, title: &str, description: &str) -> String {
        let style = format!("<style>{STANDALONE_STYLE}\n{SHAPE_STYLE}</style>\n");
        let inline = self.inline(id, title, description);
        let size = format!("<svg width=\"{}\" height=\"{}\" ", at(self.width), at(self.height));
        let sized = inline.replacen("<svg ", &size, 1);
        sized.replacen("</desc>\n", &format!("</desc>\n{style}"), 1)
    }
}

/// From values to coordinates along one axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scale {
    low: f64,
    high: f64,
    from: f64,
    to: f64,
    logarithmic: bool,
}

impl Scale {
    /// Makes a linear scale that shows all values, with some room around.
    pub(crate) fn linear(values: impl Iterator<Item = f64>, from: f64, to: f64) -> Self {
        let (low, high) = range(values);
        let room = if high > low { (high - low) * 0.06 } else { low.abs().max(1.0) * 0.1 };
        Self { low: low - room, high: high + room, from, to, logarithmic: false }
    }

    /// Makes a scale from zero for values of at least zero.
    pub(crate) fn from_zero(high: f64, from: f64, to: f64) -> Self {
        let high = if high > 0.0 { high * 1.04 } else { 1.0 };
        Self { low: 0.0, high, from, to, logarithmic: false }
    }

    /// Makes a logarithmic scale if all values are positive and the largest is
    /// more than twenty times the smallest, else a linear one.
    pub(crate) fn fitting(values: impl Iterator<Item = f64> + Clone, from: f64, to: f64) -> Self {
        let (low, high) = range(values.clone());
        if low > 0.0 && high / low > 20.0 {
            Self { low: low / 1.2, high: high * 1.2, from, to, logarithmic: true }
        } else {
            Self::linear(values, from, to)
        }
    }

    pub(crate) fn is_logarithmic(&self) -> bool {
        self.logarithmic
    }

    /// Returns the coordinate of `value`, kept within the axis.
    pub(crate) fn place(&self, value: f64) -> f64 {
        let share = if self.logarithmic {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        self.from + share.clamp(0.0, 1.0) * (self.to - self.from)
    }

    /// Returns marks of the axis with their words.
    pub(crate) fn ticks(&self, wanted: u32) -> Vec<(f64, String)> {
        if self.logarithmic {
            return self.logarithmic_ticks();
        }
        let step = nice_step((self.high - self.low) / f64::from(wanted.max(1)));
        let decimals = usize::from(decimals_of_step(step));
        let mut ticks = Vec::new();
        let mut index = (self.low / step).ceil();
        while index * step <= self.high && ticks.len() < 50 {
            let value = index * step;
            let label = format!("{value:.decimals$}");
            let is_zero = !label.contains(|c: char| ('1'..='9').contains(&c));
            ticks.push((value, if is_zero { label.replace('-', "") } else { label }));
            index += 1.0;
        }
        ticks
    }

    fn logarithmic_ticks(&self) -> Vec<(f64, String)> {
        let mut ticks = Vec::new();
        let mut power = 1e-9;
        while power <= self.high {
            for lead in [1.0, 2.0, 5.0] {
                let value = lead * power;
                if value >= self.low && value <= self.high {
                    let decimals = usize::from(decimals_of_step(power));
                    ticks.push((value, format!("{value:.decimals$}")));
                }
            }
            power *= 10.0;
        }
        ticks
    }
}

fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (low, high) = values
        .filter(|value| value.is_finite())
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
            (low.min(value), high.max(value))
        });
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// Returns the smallest of 1, 2, 5 times a power of ten that is at least `raw`.
fn nice_step(raw: f64) -> f64 {
    if !(raw.is_finite() && raw > 0.0) {
        return 1.0;
    }
    let mut power = 1e-9;
    while power * 10.0 <= raw && power < 1e15 {
        power *= 10.0;
    }
    [1.0, 2.0, 5.0].map(|lead| lead * power).into_iter().find(|&s| s >= raw).unwrap_or(power * 10.0)
}

fn decimals_of_step(step: f64) -> u8 {
    let mut decimals = 0;
    let mut scaled = step;
    while scaled < 0.999 && decimals < 9 {
        scaled *= 10.0;
        decimals += 1;
    }
    decimals
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let scale = Scale::linear([0.0, 97.0].into_iter(), 0.0, 500.0);
        let labels: Vec<String> = scale.ticks(5).into_iter().map(|(_, label)| label).collect();
        assert_eq!(labels, ["0", "50", "100"]);
        let small = Scale::linear([0.001, 0.0035].into_iter(), 0.0, 1.0);
        assert!(small.ticks(4).iter().all(|(_, label)| label.starts_with("0.00")));
    }

    #[test]
    fn a_single_or_no_value_still_has_an_axis() {
        for values in [vec![], vec![5.0], vec![f64::NAN]] {
            let scale = Scale::fitting(values.into_iter(), 10.0, 20.0);
            assert!((10.0..=20.0).contains(&scale.place(5.0)));
            assert!(!scale.ticks(4).is_empty());
        }
    }

    #[test]
    fn words_are_escaped() {
        assert_eq!(escape("<a & \"b\u{1}\">"), "&lt;a &amp; &quot;b\u{fffd}&quot;&gt;");
    }
}
