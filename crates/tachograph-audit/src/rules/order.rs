//! What must be in order: ranges, minimum to maximum, and the best of a range.
//!
//! Does not: compare values that the text calls by no name.

use crate::number::{FACTOR, PERCENT, Role};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::words;

use super::labels::{self, Statistic};
use super::{change, show};

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for sentence in &reading.sentences {
        relations.extend(statistics(reading, sentence));
        for range in ranges(reading, sentence) {
            relations.push(ascends(reading, range));
            relations.extend(spread(reading, sentence, range));
        }
    }
    relations.extend(outside(reading));
    relations.extend(outside_in_prose(reading));
    relations.extend(more_variation(reading));
    relations
}

/// Checks the named statistics of one sentence against each other.
fn statistics(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let named: Vec<(usize, Statistic)> = reading
        .quantities(sentence)
        .into_iter()
        .filter(|&at| !change::is_stated_difference(reading, sentence, at))
        .filter_map(|at| Some((at, labels::of(reading, sentence, at)?)))
        .collect();
    in_order(reading, &named)
}

/// Checks that quantiles ascend and that the mean lies between the ends. Where a
/// statistic has two values, nothing is said.
pub(super) fn in_order(reading: &Reading<'_>, named: &[(usize, Statistic)]) -> Vec<Relation> {
    let mut relations = Vec::new();
    for (index, &(one, first)) in named.iter().enumerate() {
        for &(other, second) in &named[index + 1..] {
            let (a, b) = (&reading.numbers[one], &reading.numbers[other]);
            let is_doubled = |statistic: Statistic, kind: &str| {
                let alike = named
                    .iter()
                    .filter(|(at, it)| *it == statistic && reading.numbers[*at].unit.kind == kind);
                alike.count() > 1
            };
            if a.unit.kind != b.unit.kind
                || is_doubled(first, &a.unit.kind)
                || is_doubled(second, &b.unit.kind)
                || is_signed(a)
                || is_signed(b)
            {
                continue;
            }
            let Some((low, high)) = ranked((one, first), (other, second)) else { continue };
            relations.push(pair_in_order(reading, low, high));
        }
    }
    relations
}

/// Returns whether a number is a change or a half-width, and no value.
fn is_signed(number: &crate::number::Number) -> bool {
    number.sign != crate::number::Sign::None && number.unit.is(PERCENT)
        || number.sign == crate::number::Sign::PlusMinus
}

/// Returns two named numbers in the order in which their values must be.
fn ranked(
    one: (usize, Statistic),
    other: (usize, Statistic),
) -> Option<((usize, Statistic), (usize, Statistic))> {
    use Statistic::{Mean, Quantile};
    match (one.1, other.1) {
        (Quantile(p), Quantile(q)) if p < q => Some((one, other)),
        (Quantile(p), Quantile(q)) if p > q => Some((other, one)),
        (Mean, Quantile(q)) if q >= 1.0 => Some((one, other)),
        (Mean, Quantile(q)) if q <= 0.0 => Some((other, one)),
        (Quantile(q), Mean) if q >= 1.0 => Some((other, one)),
        (Quantile(q), Mean) if q <= 0.0 => Some((one, other)),
        _ => None,
    }
}

fn pair_in_order(
    reading: &Reading<'_>,
    (low, lower): (usize, Statistic),
    (high, higher): (usize, Statistic),
) -> Relation {
    let numbers = vec![low, high];
    if !descends(reading, low, high) {
        return Relation::holds(Rule::Order, numbers);
    }
    let message = format!(
        "{} ({}) is above {} ({})",
        reading.printed(low),
        name(lower),
        reading.printed(high),
        name(higher)
    );
    Relation::broken(Rule::Order, numbers, Severity::Inconsistent, message)
}

fn name(statistic: Statistic) -> String {
    match statistic {
        Statistic::Quantile(q) if q <= 0.0 => "minimum".to_owned(),
        Statistic::Quantile(q) if q >= 1.0 => "maximum".to_owned(),
        Statistic::Quantile(q) => {
            format!("p{}", show(q * 100.0, usize::from((q * 100.0).fract() > 1e-9)))
        }
        _ => "mean".to_owned(),
    }
}

/// Finds "97.1 – 102.3 ms": two numbers joined by a dash, or "between a and b".
fn ranges(reading: &Reading<'_>, sentence: &Sentence) -> Vec<(usize, usize)> {
    let numbers = reading.quantities(sentence);
    let mut found = Vec::new();
    for pair in numbers.windows(2) {
        let [one, other] = [pair[0], pair[1]];
        let gap = reading.gap(one, other).trim();
        let before = words::words(reading.before(sentence, one));
        let last = before.last().map(String::as_str);
        let is_dash = matches!(gap, "-" | "–" | "—" | "..")
            || (gap == "to"
                && last != Some("from")
                && before.iter().any(|word| word == "range" || word == "between"));
        let is_between = gap == "and" && last == Some("between");
        let (a, b) = (&reading.numbers[one], &reading.numbers[other]);
        // A signed second number is the end of an interval, or a subtraction.
        if (is_dash || is_between) && a.is_like(b) && b.sign == crate::number::Sign::None {
            found.push((one, other));
        }
    }
    found
}

/// Returns whether the second of two numbers is below the first. A first one without a
/// unit has that of the second: "between 570 and 626 ms".
fn descends(reading: &Reading<'_>, first: usize, second: usize) -> bool {
    let (first, second) = (&reading.numbers[first], &reading.numbers[second]);
    let scale = if first.unit.is_none() { second.unit.scale } else { first.unit.scale };
    second.base().is_below(first.span().scaled(scale))
}

fn ascends(reading: &Reading<'_>, (low, high): (usize, usize)) -> Relation {
    let numbers = vec![low, high];
    if !descends(reading, low, high) {
        return Relation::holds(Rule::Range, numbers);
    }
    let message =
        format!("the range {} to {} descends", reading.printed(low), reading.printed(high));
    Relation::broken(Rule::Range, numbers, Severity::Inconsistent, message)
}

/// Words for the width of a range.
const SPREAD: [&str; 8] =
    ["variation", "spread", "range", "difference", "variance", "swing", "span", "variability"];

/// Judges "113.99 – 114.97 tok/s (0.9 % variation)".
fn spread(
    reading: &Reading<'_>,
    sentence: &Sentence,
    (low, high): (usize, usize),
) -> Option<Relation> {
    let at = high + 1;
    if !sentence.numbers.contains(&at)
        || !reading.numbers[at].unit.is(PERCENT)
        || reading.numbers[high].unit.is(PERCENT)
    {
        return None;
    }
    let after = words::words(reading.after(sentence, at));
    let is_spread = after.first().is_some_and(|word| SPREAD.contains(&&**word));
    let gap = reading.gap(high, at);
    if !is_spread || words::words(gap).len() > 3 || gap.contains(';') {
        return None;
    }
    let (a, b) = (reading.numbers[low].base(), reading.numbers[high].base());
    let printed = reading.numbers[at].size().scaled(0.01);
    let width = b.change_from(a)?;
    let of_high = crate::span::Span::around(1.0, 0.0).minus(a.over(b)?);
    let middle = a.plus(b).scaled(0.5);
    let of_middle =
        crate::span::Span::of((b.low - a.high) / middle.high, (b.high - a.low) / middle.low);
    let numbers = vec![at, low, high];
    if [width, of_high, of_middle, of_middle.scaled(0.5)].iter().any(|it| it.meets(printed)) {
        return Some(Relation::holds(Rule::PercentChange, numbers));
    }
    let decimals = reading.numbers[at].decimals;
    let value = width.middle() * 100.0;
    let message = format!(
        "{} is printed; from {} to {} is {} %",
        reading.printed(at),
        reading.printed(low),
        reading.printed(high),
        show(value, decimals + 1)
    );
    Some(
        Relation::broken(Rule::PercentChange, numbers, Severity::Inconsistent, message)
            .corrected(Some(format!("{}%", show(value, decimals)))),
    )
}

/// Words of items that must lie in a range of the same list.
const EXTREME: [&str; 12] = [
    "best", "worst", "peak", "fastest", "slowest", "highest", "lowest", "max", "min", "mean",
    "average", "median",
];

/// Finds values that are called best, or mean, and lie outside the range that the
/// same list states for their unit.
fn outside(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for items in reading.lists() {
        let mut stated = Vec::new();
        for &item in &items {
            let label = reading.label(item).map(words::words).unwrap_or_default();
            if label.iter().any(|word| word == "range") {
                let mut found = reading
                    .sentences
                    .iter()
                    .filter(|it| it.block == item)
                    .flat_map(|it| ranges(reading, it));
                stated.extend(found.next().map(|range| (range, label)));
            }
        }
        for &item in &items {
            let label = reading.label(item).map(words::words).unwrap_or_default();
            let Some(word) = label.iter().find(|word| EXTREME.contains(&&***word)) else {
                continue;
            };
            if label.iter().any(|word| word == "range") {
                continue;
            }
            let mut numbers =
                reading.in_block(item).filter(|&at| reading.numbers[at].role == Role::Quantity);
            let Some(value) = numbers.find(|&at| {
                let unit = &reading.numbers[at].unit;
                !unit.is(PERCENT) && !unit.is(FACTOR) && !unit.is_none()
            }) else {
                continue;
            };
            let kind = &reading.numbers[value].unit.kind;
            let mut of_unit =
                stated.iter().filter(|((_, high), _)| &reading.numbers[*high].unit.kind == kind);
            if let (Some(((low, high), _)), None) = (of_unit.next(), of_unit.next()) {
                relations.push(within(reading, value, (*low, *high), word));
            }
        }
    }
    relations
}

/// Finds "between 94.8 and 97.3 W; the highest was 98.9 W" in one paragraph.
fn outside_in_prose(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    let mut last: Option<(usize, (usize, usize))> = None;
    for sentence in &reading.sentences {
        let stated = last.filter(|(block, _)| *block == sentence.block).map(|(_, range)| range);
        let here = prose_range(reading, sentence);
        if let Some(range) = here.or(stated) {
            let after = |at: &usize| *at > range.1;
            for at in reading.quantities(sentence).into_iter().filter(after) {
                relations.extend(extreme_of(reading, sentence, at, range));
            }
        }
        last = here.map(|range| (sentence.block, range)).or(last.filter(|_| stated.is_some()));
    }
    relations
}

/// Returns the ends of "between a and b", or of "values from a to b".
fn prose_range(reading: &Reading<'_>, sentence: &Sentence) -> Option<(usize, usize)> {
    const RANGING: [&str; 7] =
        ["values", "ranged", "ranges", "range", "ranging", "varied", "varies"];
    let numbers = reading.quantities(sentence);
    numbers.windows(2).map(|pair| (pair[0], pair[1])).find(|&(low, high)| {
        let before = words::words(reading.before(sentence, low));
        let word = before.last().map(String::as_str);
        let ranges = before.iter().rev().take(4).any(|word| RANGING.contains(&&**word));
        let joins = match reading.gap(low, high).trim() {
            "and" => word == Some("between"),
            "to" => word == Some("from") && ranges,
            _ => false,
        };
        let (a, b) = (&reading.numbers[low], &reading.numbers[high]);
        joins && a.is_like(b) && !b.unit.is_none()
    })
}

/// Judges a number that is called highest, mean and so on against a range.
fn extreme_of(
    reading: &Reading<'_>,
    sentence: &Sentence,
    at: usize,
    (low, high): (usize, usize),
) -> Option<Relation> {
    let before = words::words(reading.before(sentence, at));
    let names =
        |word: &&String| EXTREME.contains(&&***word) || matches!(&***word, "maximum" | "minimum");
    let word = before.iter().rev().take(6).find(names)?;
    let (it, end) = (&reading.numbers[at], &reading.numbers[high]);
    let is_value = it.unit.kind == end.unit.kind && it.sign == crate::number::Sign::None;
    let mut lower = reading.numbers[low].span();
    lower = lower.scaled(if reading.numbers[low].unit.is_none() {
        end.unit.scale
    } else {
        reading.numbers[low].unit.scale
    });
    is_value.then(|| within_span(reading, at, (low, high), lower, word))
}

fn within(
    reading: &Reading<'_>,
    value: usize,
    (low, high): (usize, usize),
    word: &str,
) -> Relation {
    within_span(reading, value, (low, high), reading.numbers[low].base(), word)
}

fn within_span(
    reading: &Reading<'_>,
    value: usize,
    (low, high): (usize, usize),
    lower: crate::span::Span,
    word: &str,
) -> Relation {
    let it = reading.numbers[value].base();
    let numbers = vec![value, low, high];
    let is_outside = it.is_below(lower) || reading.numbers[high].base().is_below(it);
    if !is_outside {
        return Relation::holds(Rule::Range, numbers);
    }
    let message = format!(
        "{} is called {word}, and lies outside the stated range {} to {}",
        reading.printed(value),
        reading.printed(low),
        reading.printed(high)
    );
    Relation::broken(Rule::Range, numbers, Severity::Decision, message)
}

/// Judges "150x more variation than" against the two variations stated above it.
fn more_variation(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for sentence in &reading.sentences {
        for at in reading.quantities(sentence) {
            let number = &reading.numbers[at];
            let after = words::words(reading.after(sentence, at));
            let [more, noun, ..] = &*after else { continue };
            if !number.unit.is(FACTOR)
                || !matches!(&**more, "more" | "larger" | "greater" | "higher")
                || !SPREAD.contains(&&**noun)
            {
                continue;
            }
            let section = reading.document.blocks[sentence.block].section;
            let mut stated: Vec<usize> = Vec::new();
            for other in (0..at).rev() {
                let block = &reading.document.blocks[reading.numbers[other].block];
                if block.section != section {
                    break;
                }
                let rest = words::words(&block.text[reading.numbers[other].end..]);
                if reading.numbers[other].unit.is(PERCENT) && rest.first() == Some(noun) {
                    stated.push(other);
                }
            }
            if let [one, other] = *stated {
                relations.extend(ratio(reading, at, one, other));
            }
        }
    }
    relations
}

fn ratio(reading: &Reading<'_>, at: usize, one: usize, other: usize) -> Option<Relation> {
    let (a, b) = (reading.numbers[one].size(), reading.numbers[other].size());
    let (low, high) = if a.middle() < b.middle() { (a, b) } else { (b, a) };
    let quotient = high.over(low)?;
    let numbers = vec![at, one, other];
    if quotient.meets(reading.numbers[at].span()) {
        return Some(Relation::holds(Rule::Ratio, numbers));
    }
    let value = show(high.middle() / low.middle(), reading.numbers[at].decimals);
    let message = format!(
        "{} is printed; {} and {} give {}x (rounding allows {} to {})",
        reading.printed(at),
        reading.printed(one),
        reading.printed(other),
        show(high.middle() / low.middle(), reading.numbers[at].decimals),
        show(quotient.low, reading.numbers[at].decimals + 1),
        show(quotient.high, reading.numbers[at].decimals + 1)
    );
    Some(
        Relation::broken(Rule::Ratio, numbers, Severity::Inconsistent, message)
            .corrected(Some(value + "x")),
    )
}
