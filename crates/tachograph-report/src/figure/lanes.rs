//! The agents of one run in time, together and alone.

use super::{WIDTH, bottom_axis, label, label_width};
use crate::concurrency::timeline::{Lanes, Track};
use crate::svg::{Scale, Svg};

/// The height of an agent's two bars with the room around them.
const LANE: f64 = 46.0;

pub(crate) fn draw(lanes: &Lanes) -> (Svg, String) {
    let names: Vec<String> =
        lanes.agents.iter().map(|lane| format!("{} on {}", lane.agent, lane.server)).collect();
    let left = label_width(names.iter().map(String::as_str));
    let (top, bottom) = (34.0, 34.0 + LANE * lanes.agents.len() as f64);
    let longest =
        lanes.agents.iter().map(|lane| lane.alone.end_ms).fold(lanes.makespan_ms, f64::max);
    let scale = Scale::from_zero(longest / 1e3, left, WIDTH - 16.0);
    let mut svg = Svg::new(WIDTH, bottom + 44.0);
    bottom_axis(&mut svg, &scale, (top, bottom), "seconds from the common start");
    for (index, (lane, name)) in lanes.agents.iter().zip(&names).enumerate() {
        let y = top + LANE * index as f64;
        svg.text("mono end", (left - 12.0, y + 19.0), &label(name));
        svg.text("tick end", (left - 12.0, y + 35.0), "alone");
        track(&mut svg, &scale, &lane.together, (y + 6.0, 18.0));
        track(&mut svg, &scale, &lane.alone, (y + 28.0, 8.0));
    }
    let mut x = left;
    for (style, words) in
        [("f2", "model load"), ("wait", "wait"), ("f3", "prompt"), ("f1", "output")]
    {
        svg.rect(style, (x, 10.0), (12.0, 12.0));
        svg.text("", (x + 18.0, 20.0), words);
        x += 110.0;
    }
    let words: Vec<String> = lanes
        .agents
        .iter()
        .map(|lane| {
            let waited: f64 =
                lane.together.calls.iter().map(|call| call.waited - call.loaded).sum();
            format!(
                "{} together {:.2} s, alone {:.2} s, waiting {:.2} s",
                lane.agent,
                (lane.together.end_ms - lane.together.begin_ms) / 1e3,
                (lane.alone.end_ms - lane.alone.begin_ms) / 1e3,
                waited / 1e3
            )
        })
        .collect();
    let description = format!(
        "Calls of the agents of run {} as bars in time, split into model load, wait, prompt and \
         output, with the same agent alone below: {}.",
        lanes.run,
        words.join("; ")
    );
    (svg, description)
}

fn track(svg: &mut Svg, scale: &Scale, track: &Track, (y, height): (f64, f64)) {
    let place = |millis: f64| scale.place(millis / 1e3);
    let middle = y + height / 2.0;
    svg.line("axis", (place(track.begin_ms), middle), (place(track.end_ms), middle));
    for call in &track.calls {
        let mut bar = |style: &str, from: f64, to: f64| {
            svg.rect(style, (place(from), y), ((place(to) - place(from)).max(0.0), height));
        };
        bar("f2", call.start, call.loaded);
        bar("wait", call.loaded, call.waited);
        bar("f3", call.waited, call.first);
        bar("f1", call.first, call.end);
    }
}
