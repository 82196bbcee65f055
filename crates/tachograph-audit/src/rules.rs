//! The rules of the audit, a module for each family.
//!
//! Owns: the order in which they are applied, and how computed values are shown.
//!
//! Does not: know documents beyond their [`Reading`].

mod change;
mod conversion;
mod counts;
mod labels;
mod order;
mod spread;
mod sums;
mod tables;
pub(crate) mod twice;

use crate::reading::Reading;
use crate::relation::{Relation, Rule};
use crate::words;

/// Returns every relation that one document states.
pub(crate) fn relations(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = change::find(reading);
    relations.extend(sums::find(reading));
    relations.extend(counts::find(reading));
    relations.extend(order::find(reading));
    relations.extend(spread::find(reading));
    relations.extend(tables::find(reading));
    relations.extend(conversion::find(reading));
    for twice in twice::pairs(&twice::mentions(reading, 0)) {
        let (later, earlier) = (twice.later.1, twice.earlier.1);
        let numbers = vec![later, earlier];
        if twice.agree {
            relations.push(Relation::holds(Rule::TwoValues, numbers));
        } else {
            let (line, _) = reading.document.line_and_column(
                reading.block(earlier).source(reading.numbers[earlier].digits.start),
            );
            let message = format!(
                "{} is printed, and {} for the same in line {line}",
                reading.printed(later),
                reading.printed(earlier)
            );
            relations.push(Relation::broken(Rule::TwoValues, numbers, twice.severity, message));
        }
    }
    relations.sort_by_key(|relation| relation.numbers.first().copied());
    relations
}

/// Returns a computed value with so many decimals, without a negative zero.
pub(crate) fn show(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$}");
    if text.starts_with('-') && text.chars().all(|c| matches!(c, '-' | '0' | '.')) {
        return text[1..].to_owned();
    }
    text
}

/// Returns the nearest section around a section that has a heading of its own,
/// where lines that only introduce a list are no headings.
fn heading_of(reading: &Reading<'_>, section: usize) -> usize {
    let mut at = section;
    while let Some(parent) = reading.document.sections[at].parent {
        if !reading.document.sections[at].is_introduction() {
            break;
        }
        at = parent;
    }
    at
}

/// Words before a number that is not the current value: an earlier one, another
/// one, or one that is aimed at.
const NOT_CURRENT: [&str; 26] = [
    "from",
    "previously",
    "previous",
    "was",
    "vs",
    "versus",
    "originally",
    "formerly",
    "than",
    "target",
    "budget",
    "limit",
    "threshold",
    "goal",
    "expected",
    "against",
    "earlier",
    "old",
    "slo",
    "at",
    "below",
    "above",
    "under",
    "over",
    "within",
    "until",
];

/// Returns whether the words right before a number say that it is not the current
/// value.
fn is_earlier(reading: &Reading<'_>, number: usize) -> bool {
    let it = &reading.numbers[number];
    let before = words::words(words::tail(&reading.block(number).text[..it.range.start]));
    before.iter().rev().take(2).any(|word| NOT_CURRENT.contains(&&**word))
}
