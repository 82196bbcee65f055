//! Percentages of counts.
//!
//! Owns: "13 of 18 (72.2 %)" and the test that a percentage of n things comes
//! from a whole number of them.
//!
//! # Source
//!
//! Brown & Heathers (2017), *The GRIM Test*.

use crate::number::{PERCENT, Role};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words;

use super::{change, show};

/// Words that make a percentage one of counted things.
const RATES: [&str; 19] = [
    "rate",
    "share",
    "success",
    "successful",
    "succeeded",
    "passed",
    "pass",
    "accuracy",
    "failed",
    "failure",
    "failures",
    "fraction",
    "proportion",
    "contention",
    "hit",
    "errors",
    "error",
    "completed",
    "solved",
];

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = of_the(reading);
    for sentence in &reading.sentences {
        let stated = fractions(reading, sentence);
        if stated.is_empty() {
            relations.extend(granularity(reading, sentence));
        }
        relations.extend(stated);
    }
    relations
}

/// Finds "Of the 5 requests, 3 were merged. That is a rate of 60 %".
fn of_the(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for window in reading.sentences.windows(2) {
        let [sentence, next] = window else { continue };
        let numbers = reading.quantities(sentence);
        let begins = reading.text(sentence).trim_start().to_lowercase();
        let that = reading.text(next).trim_start().to_lowercase();
        let [whole, parts @ ..] = &*numbers else { continue };
        let is_stated = sentence.block == next.block
            && (begins.starts_with("of the ") || begins.starts_with("of all "))
            && (that.starts_with("that is")
                || that.starts_with("this is")
                || that.starts_with("that makes"))
            && !parts.is_empty()
            && numbers.iter().all(|&at| reading.numbers[at].is_count());
        let stated =
            reading.quantities(next).into_iter().find(|&at| reading.numbers[at].unit.is(PERCENT));
        if let Some(percent) = stated.filter(|_| is_stated) {
            let printed = reading.numbers[percent].span();
            let n = reading.numbers[*whole].value;
            let fits = parts.iter().find(|&&part| {
                printed.meets(Span::around(100.0 * reading.numbers[part].value / n, 0.0))
            });
            let part = fits.copied().unwrap_or(parts[0]);
            relations.push(fraction(reading, percent, part, *whole, sentence));
        }
    }
    relations
}

/// Finds "13 of 18" or "13/18" beside a percentage.
fn fractions(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let numbers = reading.quantities(sentence);
    let mut relations = Vec::new();
    for (index, pair) in numbers.windows(2).enumerate() {
        let [part, whole] = [pair[0], pair[1]];
        let gap = reading.gap(part, whole);
        let words = words::words(gap);
        let is_fraction = gap.trim() == "/"
            || (words.iter().any(|word| word == "of")
                && words.len() <= 4
                && !gap.contains(['(', ';', ',', ')']));
        let (k, n) = (&reading.numbers[part], &reading.numbers[whole]);
        if !is_fraction || !k.is_count() || !n.is_count() {
            continue;
        }
        let beside = [
            index.checked_sub(1).map(|at| (numbers[at], reading.gap(numbers[at], part))),
            numbers
                .get(index + 2)
                .filter(|_| !opens_interval(reading, &numbers[index + 1..]))
                .map(|&at| (at, reading.gap(whole, at))),
        ];
        for (percent, gap) in beside.into_iter().flatten() {
            let it = &reading.numbers[percent];
            let is_beside = words::words(gap).len() <= 3
                && !gap.contains(';')
                && gap.contains(['(', ',', '=', ':', '[', '–', '—']);
            if it.unit.is(PERCENT)
                && it.role == Role::Quantity
                && is_beside
                && is_plain(reading, percent)
            {
                relations.push(fraction(reading, percent, part, whole, sentence));
            }
        }
    }
    relations
}

/// Returns whether a bracket after the first of `numbers` holds two ends of an interval:
/// `1 / 6 [3.0 %, 56.4 %]` says nothing about a sixth.
fn opens_interval(reading: &Reading<'_>, numbers: &[usize]) -> bool {
    let [before, low, high, ..] = numbers else { return false };
    let between = reading.gap(*low, *high).trim_start_matches([' ', '%']);
    reading.gap(*before, *low).trim_end().ends_with('[') && between.trim() == ","
}

/// Returns whether a percentage has no sign: it is a share, not a change.
fn is_plain(reading: &Reading<'_>, percent: usize) -> bool {
    reading.numbers[percent].sign == crate::number::Sign::None
}

fn fraction(
    reading: &Reading<'_>,
    percent: usize,
    part: usize,
    whole: usize,
    sentence: &Sentence,
) -> Relation {
    let (k, n) = (reading.numbers[part].value, reading.numbers[whole].value);
    let printed = reading.numbers[percent].span();
    let numbers = vec![percent, part, whole];
    if n < 1.0 {
        // None of none is whatever share its author likes.
        if k < 1.0 {
            return Relation::holds(Rule::Granularity, numbers);
        }
        let message =
            format!("{} is printed; {} of none is no share", reading.printed(percent), show(k, 0));
        return Relation::broken(Rule::Granularity, numbers, Severity::Inconsistent, message);
    }
    let exact = |share: f64| Span::around(100.0 * share, 0.0);
    let said = words::words(reading.text(sentence));
    let says = |names: &[&str]| said.iter().any(|word| names.contains(&&**word));
    // "5 of 18 failed (72.2 % success)"
    let may_complement = says(&["failed", "failures", "failure", "errors", "missed"])
        && says(&["success", "passed", "succeeded", "successful", "accuracy"]);
    if printed.meets(exact(k / n)) || (may_complement && printed.meets(exact(1.0 - k / n))) {
        return Relation::holds(Rule::Granularity, numbers);
    }
    let decimals = reading.numbers[percent].decimals;
    let value = show(100.0 * k / n, decimals);
    let message = format!(
        "{} is printed; {} of {} is {} %",
        reading.printed(percent),
        show(k, 0),
        show(n, 0),
        show(100.0 * k / n, decimals + 1)
    );
    Relation::broken(Rule::Granularity, numbers, Severity::Inconsistent, message)
        .corrected(Some(format!("{value}%")))
}

/// Finds a percentage of n things that no whole number of them gives.
fn granularity(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let numbers: Vec<usize> = sentence.numbers.clone().collect();
    let mut relations = Vec::new();
    for (index, &percent) in numbers.iter().enumerate() {
        let it = &reading.numbers[percent];
        let is_change = change::is_stated_difference(reading, sentence, percent);
        let is_quantity = it.unit.is(PERCENT) && it.role == Role::Quantity;
        if !is_quantity || is_change || !is_plain(reading, percent) {
            continue;
        }
        let Some(&size) = numbers.get(index + 1) else { continue };
        let n = &reading.numbers[size];
        let gap = reading.gap(percent, size);
        let words = words::words(gap);
        let of = words.first().is_some_and(|word| word == "of")
            && words.iter().all(|word| {
                matches!(
                    &**word,
                    "of" | "the" | "all" | "our" | "these" | "its" | "their" | "those"
                )
            })
            && n.is_count()
            && n.noun.as_deref().is_some_and(is_countable);
        let said = words::words(reading.before(sentence, percent));
        let is_rate =
            said.iter().rev().take(6).chain(words.iter()).any(|word| RATES.contains(&&**word));
        let sample =
            n.role == Role::SampleSize && is_rate && words.len() <= 5 && !gap.contains(';');
        if (of || sample) && n.value >= 1.0 && n.value <= 1e6 {
            relations.push(whole_number(reading, percent, size));
        }
    }
    relations
}

/// Returns whether a noun is counted in wholes.
fn is_countable(noun: &str) -> bool {
    noun.ends_with('s')
        && !matches!(
            noun,
            "ms" | "us" | "seconds" | "hours" | "minutes" | "days" | "bytes" | "dollars"
        )
}

fn whole_number(reading: &Reading<'_>, percent: usize, size: usize) -> Relation {
    let n = reading.numbers[size].value;
    let printed = reading.numbers[percent].span().scaled(n / 100.0);
    let numbers = vec![percent, size];
    let lowest = (printed.low - 1e-9 * n).ceil();
    if lowest <= printed.high + 1e-9 * n {
        return Relation::holds(Rule::Granularity, numbers);
    }
    let near = (reading.numbers[percent].value / 100.0 * n).round();
    let decimals = reading.numbers[percent].decimals;
    let message = format!(
        "{} of {} is no whole number of them; {} would be {} %",
        reading.printed(percent),
        show(n, 0),
        show(near, 0),
        show(100.0 * near / n, decimals)
    );
    Relation::broken(Rule::Granularity, numbers, Severity::Inconsistent, message)
}
