//! Which statistic a number is called.
//!
//! Owns: the names of minimum, quantiles, mean, standard deviation, coefficient
//! of variation and so on, and how they are found beside a number or in a header.

use crate::number::Role;
use crate::reading::{Reading, Sentence};
use crate::words;

/// A statistic by name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Statistic {
    /// The smallest, a quantile, or the largest: a fraction from zero to one.
    Quantile(f64),
    /// The mean.
    Mean,
    /// The standard deviation.
    Deviation,
    /// The standard error.
    Error,
    /// The coefficient of variation.
    Variation,
    /// The number of values.
    Size,
}

/// Returns the statistic that a word names.
pub(super) fn named(word: &str) -> Option<Statistic> {
    let word = words::bare(word);
    Some(match word {
        "min" | "minimum" => Statistic::Quantile(0.0),
        "max" | "maximum" | "peak" => Statistic::Quantile(1.0),
        "median" => Statistic::Quantile(0.5),
        "mean" | "average" | "avg" => Statistic::Mean,
        "sd" | "std" | "stdev" | "stddev" | "σ" | "std.dev" => Statistic::Deviation,
        "se" | "sem" | "stderr" => Statistic::Error,
        "cv" | "rsd" => Statistic::Variation,
        "n" => Statistic::Size,
        _ => Statistic::Quantile(quantile(word)?),
    })
}

fn quantile(word: &str) -> Option<f64> {
    let digits = word.strip_prefix('p').or_else(|| word.strip_suffix("th"))?;
    let percent: f64 = match digits {
        "999" => 99.9,
        "9999" => 99.99,
        _ if digits.starts_with(|c: char| c.is_ascii_digit()) && digits.len() <= 5 => {
            digits.parse().ok()?
        }
        _ => return None,
    };
    // "p4" is the name of something else.
    (10.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

/// Returns the statistic that a phrase names: a header, a label.
pub(super) fn in_phrase(phrase: &str) -> Option<Statistic> {
    // "build (min)" names minutes, "latency (p95)" a quantile.
    let lower = phrase.to_lowercase().replace("(min)", "").replace("[min]", "");
    for (name, statistic) in [
        ("standard deviation", Statistic::Deviation),
        ("std dev", Statistic::Deviation),
        ("std. dev", Statistic::Deviation),
        ("standard error", Statistic::Error),
        ("coefficient of variation", Statistic::Variation),
    ] {
        if lower.contains(name) {
            return Some(statistic);
        }
    }
    let mut found = words::words(&lower).into_iter().filter_map(|word| named(&word));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Returns the statistic that the words right beside a number call it.
pub(super) fn of(reading: &Reading<'_>, sentence: &Sentence, number: usize) -> Option<Statistic> {
    if reading.numbers[number].role == Role::SampleSize {
        return Some(Statistic::Size);
    }
    let before = reading.before(sentence, number);
    let start = before
        .char_indices()
        .rev()
        .find(|(at, c)| {
            matches!(c, ';' | ',' | '(' | ')' | '[' | '|')
                || (c.is_ascii_digit() && !is_in_a_quantile(before, *at))
        })
        .map_or(0, |(at, c)| at + c.len_utf8());
    let near = &before[start..];
    if let Some(statistic) = last_phrase(near) {
        return Some(statistic);
    }
    let after = reading.after(sentence, number);
    let end = after.find([',', ';', ')', '[', '|', '\n']).unwrap_or(after.len());
    let after = &after[..end];
    let words: Vec<&str> =
        after.trim_start_matches([' ', '(']).split_whitespace().take(2).collect();
    let first = words.first().and_then(|word| named(&word.to_lowercase()));
    // "12 ms mean", and not "12 ms max 15 ms".
    first.filter(|_| !after.contains(|c: char| c.is_ascii_digit()) || words[0].starts_with('p'))
}

/// Returns whether a digit belongs to the name of a quantile, such as p95.
fn is_in_a_quantile(text: &str, at: usize) -> bool {
    let start = text[..at].rfind(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(0);
    let is_letter = text[start..].starts_with(['p', 'P']);
    is_letter && !text[..start].ends_with(char::is_alphanumeric)
}

/// Returns the statistic that the last words before a number name.
fn last_phrase(text: &str) -> Option<Statistic> {
    let all = words::words(text);
    let tail = &all[all.len().saturating_sub(4)..];
    let phrase = tail.join(" ");
    for (name, statistic) in [
        ("standard deviation", Statistic::Deviation),
        ("standard error", Statistic::Error),
        ("coefficient of variation", Statistic::Variation),
    ] {
        if phrase.contains(name) {
            return Some(statistic);
        }
    }
    tail.iter().rev().take(4).find_map(|word| named(word))
}
