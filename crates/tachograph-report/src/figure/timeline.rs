//! The calls of one run in time.

use super::{WIDTH, bottom_axis, label, label_width};
use crate::analysis::timeline::Timeline;
use crate::svg::{Scale, Svg};

pub(crate) fn draw(timeline: &Timeline) -> (Svg, String) {
    const HEIGHT: f64 = 30.0;
    let names: Vec<String> =
        timeline.calls.iter().map(|call| format!("{} · {}", call.agent, call.stage)).collect();
    let left = label_width(names.iter().map(String::as_str));
    let (top, bottom) = (34.0, 34.0 + HEIGHT * timeline.calls.len() as f64);
    let scale = Scale::from_zero(timeline.total_ms / 1e3, left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    bottom_axis(&mut svg, &scale, (top, bottom), "seconds from the first stage");
    let place = |millis: f64| scale.place(millis / 1e3);
    for (index, (call, name)) in timeline.calls.iter().zip(&names).enumerate() {
        let y = top + HEIGHT * index as f64 + 6.0;
        svg.text("mono end", (left - 12.0, y + 13.0), &label(name));
        let loaded = call.start_ms + call.load_ms;
        let size = |from: f64, to: f64| ((place(to) - place(from)).max(0.0), HEIGHT - 12.0);
        svg.rect("f2", (place(call.start_ms), y), size(call.start_ms, loaded));
        svg.rect("f3", (place(loaded), y), size(loaded, call.first_ms));
        svg.rect("f1", (place(call.first_ms), y), size(call.first_ms, call.end_ms));
    }
    let mut x = left;
    for (style, words) in [("f2", "model load"), ("f3", "prompt"), ("f1", "output")] {
        svg.rect(style, (x, 10.0), (12.0, 12.0));
        svg.text("", (x + 18.0, 20.0), words);
        x += 110.0;
    }
    let cold = timeline.calls.iter().filter(|call| call.cold).map(|call| call.stage);
    let cold: Vec<&str> = cold.collect();
    let cold = if cold.is_empty() {
        "no call was cold".to_owned()
    } else {
        format!("cold: {}", cold.join(", "))
    };
    let description = format!(
        "Calls of the run {} as bars in time, split into model load, prompt and output; {cold}.",
        timeline.run
    );
    (svg, description)
}
