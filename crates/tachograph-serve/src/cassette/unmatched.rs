//! What is said to a request that was not recorded.
//!
//! Owns: the words by which its difference to the nearest recorded request is shown.
//!
//! Does not: find that one; the cassette does.

use std::fmt::Write as _;

use serde_json::Value;
use tachograph_model::canonical::Difference;
use tachograph_model::cassette::{Cassette, Nearest};

/// Differences that are shown.
const DIFFERENCES_MAX: usize = 8;

/// Characters of a value that are shown.
const SHOWN_MAX: usize = 120;

/// Those of them that stand before the first difference.
const SHOWN_BEFORE: usize = 40;

/// Says that a request was not recorded, and what the nearest recorded one has instead.
pub(super) fn message(cassette: &Cassette, method: &str, target: &str, body: &[u8]) -> String {
    let mut text = format!("the cassette has no such request: {method} {target}");
    let Some(Nearest { index, interaction, differences }) = cassette.nearest(method, target, body)
    else {
        return text;
    };
    let line = Cassette::line(index);
    let mut say = |words: std::fmt::Arguments<'_>| {
        text.write_fmt(words).expect("strings take all text");
    };
    say(format_args!("; the nearest recorded one is that of line {line}"));
    if interaction.method != method || interaction.path != target {
        say(format_args!(", {} {}", interaction.method, interaction.path));
    }
    if differences.is_empty() {
        say(format_args!(", with the same body"));
    }
    let more = differences.len().saturating_sub(DIFFERENCES_MAX);
    for difference in differences.iter().take(DIFFERENCES_MAX) {
        say(format_args!("; {}", in_words(difference)));
    }
    if more > 0 {
        say(format_args!("; and {more} more differences"));
    }
    text
}

fn in_words(difference: &Difference) -> String {
    let place = match difference.pointer.as_str() {
        "" => "the body",
        pointer => pointer,
    };
    let text = |value: &Option<String>| {
        let value = value.as_deref()?;
        serde_json::from_str::<String>(value).ok()
    };
    if let (Some(came), Some(recorded)) = (text(&difference.first), text(&difference.second)) {
        let at = common_bytes(&came, &recorded);
        let (came, recorded) = (around(&came, at), around(&recorded, at));
        return format!("{place} differs from byte {at} on: {came}, recorded is {recorded}");
    }
    let shown = |value: &Option<String>| match value {
        Some(value) => cut(value),
        None => "absent".to_owned(),
    };
    format!("{place} is {}, recorded is {}", shown(&difference.first), shown(&difference.second))
}

/// Returns the bytes up to the first character in which two texts differ.
fn common_bytes(first: &str, second: &str) -> usize {
    let pairs = first.chars().zip(second.chars());
    pairs.take_while(|(left, right)| left == right).map(|(left, _)| left.len_utf8()).sum()
}

/// Returns the part of a text around a byte, as JSON has it.
fn around(text: &str, at: usize) -> String {
    let before: Vec<char> = text[..at].chars().rev().take(SHOWN_BEFORE).collect();
    let is_cut = before.iter().map(|it| it.len_utf8()).sum::<usize>() < at;
    let rest = text[at..].chars();
    let n_rest = SHOWN_MAX - before.len();
    let more = if rest.clone().nth(n_rest).is_some() { "…" } else { "" };
    let shown: String = before.into_iter().rev().chain(rest.take(n_rest)).collect();
    format!("{}{}{more}", if is_cut { "…" } else { "" }, Value::from(shown))
}

fn cut(value: &str) -> String {
    match value.char_indices().nth(SHOWN_MAX) {
        Some((end, _)) => format!("{}…", &value[..end]),
        None => value.to_owned(),
    }
}
