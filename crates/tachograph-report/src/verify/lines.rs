//! Where two texts differ, line by line and number by number.

use std::ops::Range;

use serde_json::Value;

use super::{Difference, DifferenceKind};
use crate::render::{Mapped, Printed};
use crate::report::Report;

/// Differences named one by one in a file before the rest is only counted.
const NAMED_MAX: usize = 200;

/// A line of the expected text with its place, beside the published line.
struct Pair<'a> {
    /// The number of the published line, from 1.
    line: usize,
    /// The first byte of the expected line in its text.
    start: usize,
    expected: &'a str,
    found: &'a str,
}

/// Returns the lines that differ. Lines that were put in or left out are paired
/// with nothing.
fn differing<'a>(expected: &'a str, found: &'a str) -> Vec<Pair<'a>> {
    let split = |text: &'a str| -> Vec<&'a str> { text.split('\n').collect() };
    let (expected, found) = (split(expected), split(found));
    let shorter = expected.len().min(found.len());
    // Only what lies between the common beginning and the common end differs.
    let head = expected.iter().zip(&found).take_while(|(a, b)| a == b).count();
    let tail = expected
        .iter()
        .rev()
        .zip(found.iter().rev())
        .take(shorter - head)
        .take_while(|(a, b)| a == b)
        .count();
    let mut start: usize = expected[..head].iter().map(|line| line.len() + 1).sum();
    let (expected, found) =
        (&expected[head..expected.len() - tail], &found[head..found.len() - tail]);
    let mut pairs = Vec::new();
    for index in 0..expected.len().max(found.len()) {
        let own = expected.get(index).copied().unwrap_or_default();
        let other = found.get(index).copied().unwrap_or_default();
        if own != other || index >= expected.len() || index >= found.len() {
            pairs.push(Pair { line: head + index + 1, start, expected: own, found: other });
        }
        if index < expected.len() {
            start += own.len() + 1;
        }
    }
    pairs
}

/// Compares a text whose numbers have places.
pub(super) fn of_text(
    path: &str,
    report: &Report,
    mapped: &Mapped,
    found: &str,
) -> Vec<Difference> {
    let mut differences = Vec::new();
    for pair in differing(&mapped.text, found) {
        let printed = within(&mapped.printed, pair.start..pair.start + pair.expected.len());
        line(path, report, printed, &pair, &mut differences);
        if differences.len() >= NAMED_MAX {
            break;
        }
    }
    differences
}

/// The printed numbers of a range; they stand in order.
fn within(printed: &[Printed], range: Range<usize>) -> &[Printed] {
    let from = printed.partition_point(|each| each.start < range.start);
    let to = printed.partition_point(|each| each.start < range.end);
    &printed[from..to.max(from)]
}

fn line(
    path: &str,
    report: &Report,
    printed: &[Printed],
    pair: &Pair<'_>,
    differences: &mut Vec<Difference>,
) {
    let (own, other) = (tokens(pair.expected), tokens(pair.found));
    let spans: Vec<(Range<usize>, Range<usize>)> = if own.len() == other.len() {
        own.into_iter()
            .zip(other)
            .filter(|(a, b)| pair.expected[a.clone()] != pair.found[b.clone()])
            .collect()
    } else {
        vec![(0..pair.expected.len(), 0..pair.found.len())]
    };
    for (own, other) in spans {
        let (own, other) = trimmed(pair, own, other);
        let touched: Vec<&Printed> = printed
            .iter()
            .filter(|each| {
                let (start, end) = (each.start - pair.start, each.end - pair.start);
                start < own.end.max(own.start + 1) && own.start < end
            })
            .collect();
        let excerpt = |text: &str| text.chars().take(80).collect::<String>();
        if touched.is_empty() {
            let text = &pair.found[other.clone()];
            let has_digit = text.contains(|c: char| c.is_ascii_digit());
            differences.push(Difference {
                file: path.to_owned(),
                line: Some(pair.line),
                claim: None,
                kind: if has_digit { DifferenceKind::Uncovered } else { DifferenceKind::Text },
                expected: excerpt(&pair.expected[own]),
                found: excerpt(text),
            });
            continue;
        }
        // What stands in place of a number: the number with the changed part
        // exchanged.
        for each in touched {
            let claim = report.ledger.get(each.claim);
            let (start, end) = (each.start - pair.start, each.end - pair.start);
            let (from, to) = (start.max(own.start), end.min(own.end).max(start.max(own.start)));
            let found = format!(
                "{}{}{}",
                &pair.expected[start..from],
                &pair.found[other.clone()],
                &pair.expected[to..end]
            );
            differences.push(Difference {
                file: path.to_owned(),
                line: Some(pair.line),
                claim: Some(claim.id.clone()),
                kind: DifferenceKind::Number,
                expected: pair.expected[start..end].to_owned(),
                found: excerpt(&found),
            });
        }
    }
}

/// Returns the ranges of numbers and of what lies between them.
fn tokens(line: &str) -> Vec<Range<usize>> {
    let bytes = line.as_bytes();
    let is_number = |at: usize| {
        bytes[at].is_ascii_digit()
            || (matches!(bytes[at], b'.' | b',')
                && at > 0
                && bytes[at - 1].is_ascii_digit()
                && bytes.get(at + 1).is_some_and(u8::is_ascii_digit))
    };
    let mut tokens = Vec::new();
    let mut start = 0;
    for at in 1..=bytes.len() {
        if at == bytes.len() || is_number(at) != is_number(at - 1) {
            tokens.push(start..at);
            start = at;
        }
    }
    tokens
}

/// Narrows two ranges to what differs in them, at boundaries of characters.
fn trimmed(
    pair: &Pair<'_>,
    mut own: Range<usize>,
    mut other: Range<usize>,
) -> (Range<usize>, Range<usize>) {
    let common = |a: &mut dyn Iterator<Item = char>, b: &mut dyn Iterator<Item = char>| -> usize {
        a.zip(b).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
    };
    let (a, b) = (&pair.expected[own.clone()], &pair.found[other.clone()]);
    let head = common(&mut a.chars(), &mut b.chars());
    own.start += head;
    other.start += head;
    let (a, b) = (&pair.expected[own.clone()], &pair.found[other.clone()]);
    let tail = common(&mut a.chars().rev(), &mut b.chars().rev());
    own.end -= tail;
    other.end -= tail;
    (own, other)
}

/// Compares a text without numbers of ours, such as a figure.
pub(super) fn of_plain(path: &str, expected: &str, found: &str) -> Vec<Difference> {
    differing(expected, found)
        .into_iter()
        .take(NAMED_MAX)
        .map(|pair| {
            let all = (0..pair.expected.len(), 0..pair.found.len());
            let (own, other) = trimmed(&pair, all.0, all.1);
            Difference {
                file: path.to_owned(),
                line: Some(pair.line),
                claim: None,
                kind: DifferenceKind::Text,
                expected: pair.expected[own].chars().take(80).collect(),
                found: pair.found[other].chars().take(80).collect(),
            }
        })
        .collect()
}

/// Compares `claims.json`, which has one claim per line.
pub(super) fn of_claims(path: &str, expected: &str, found: &str) -> Vec<Difference> {
    let mut differences = Vec::new();
    for pair in differing(expected, found).into_iter().take(NAMED_MAX) {
        let parse = |line: &str| serde_json::from_str::<Value>(line.trim_end_matches(',')).ok();
        let own = parse(pair.expected);
        let name = own.as_ref().and_then(|own| {
            let name = own.get("id").or_else(|| own.get("claim"))?;
            name.as_str().map(str::to_owned)
        });
        let (expected, found) = match (own, parse(pair.found)) {
            (Some(Value::Object(own)), Some(Value::Object(other))) => {
                let field = own.iter().find(|(name, value)| other.get(*name) != Some(value));
                match field {
                    Some((name, value)) => {
                        let other = other.get(name).map_or("nothing".to_owned(), Value::to_string);
                        (format!("{name}: {value}"), format!("{name}: {other}"))
                    }
                    None => (pair.expected.to_owned(), pair.found.to_owned()),
                }
            }
            _ => (pair.expected.to_owned(), pair.found.to_owned()),
        };
        differences.push(Difference {
            file: path.to_owned(),
            line: Some(pair.line),
            claim: name,
            kind: DifferenceKind::Claim,
            expected: expected.chars().take(160).collect(),
            found: found.chars().take(160).collect(),
        });
    }
    differences
}
