//! Differences that are printed beside the two values they are differences of.
//!
//! Owns: percentages, factors, percentage points and words of direction against
//! pairs of values: in one sentence, in neighbouring items of a list, and against
//! a baseline that is named.
//!
//! Does not: guess which two values are meant where the text does not say.

mod judge;
mod pairs;

use crate::number::{FACTOR, PERCENT, POINTS, Sign};
use crate::reading::{Reading, Sentence};
use crate::relation::Relation;
use crate::words::{self, Direction};

use judge::Judge;
use pairs::{Order, Pair};

/// How many words may stand between a difference and its pair.
const DISTANCE_MAX: usize = 14;

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for sentence in &reading.sentences {
        let pairs = pairs::find(reading, sentence);
        for pair in &pairs {
            let judge = Judge { reading, pair };
            let stated = differences(reading, sentence, &pairs, pair);
            for &number in &stated {
                relations.extend(judge.difference(number, said_of(reading, sentence, number)));
            }
            relations.extend(judge.order(direction_of(reading, sentence, pair)));
        }
        relations.extend(between(reading, sentence));
    }
    relations.extend(in_lists(reading));
    relations
}

/// Returns whether a number is one of two between square brackets.
fn is_end_of_interval(reading: &Reading<'_>, number: usize) -> bool {
    let it = &reading.numbers[number];
    let text = &reading.block(number).text;
    let before = words::tail(&text[..it.range.start]);
    let after = words::head(&text[it.end..]);
    let (Some(open), Some(close)) = (before.rfind(['[', ']']), after.find(['[', ']'])) else {
        return false;
    };
    let (open, close) = (it.range.start - before.len() + open, it.end + close);
    let inside = |at: &usize| {
        let range = &reading.numbers[*at].range;
        open < range.start && range.end <= close
    };
    let block = reading.in_block(it.block);
    let near = block.start.max(number.saturating_sub(2))..block.end.min(number + 3);
    text[open..].starts_with('[')
        && text[close..].starts_with(']')
        && near.filter(inside).count() == 2
}

/// Returns whether a number can be a difference. An estimate with an interval of
/// its own, or an end of it, need not be the quotient of two other estimates.
fn is_difference(reading: &Reading<'_>, number: usize) -> bool {
    let it = &reading.numbers[number];
    let has_interval =
        reading.block(number).text[it.end..].trim_start_matches([' ', '*']).starts_with('[');
    (it.unit.is(PERCENT) || it.unit.is(FACTOR) || it.unit.is(POINTS))
        && !has_interval
        && !is_end_of_interval(reading, number)
}

/// Returns whether a number is a difference that no pair beside it explains.
pub(super) fn is_free_difference(
    reading: &Reading<'_>,
    sentence: &Sentence,
    number: usize,
) -> bool {
    let pairs = pairs::find(reading, sentence);
    is_difference(reading, number)
        && is_marked(reading, sentence, number)
        && pairs.iter().all(|pair| {
            !pair.has(number) && !differences(reading, sentence, &pairs, pair).contains(&number)
        })
}

/// Returns whether the text says that a number is a difference.
pub(super) fn is_stated_difference(
    reading: &Reading<'_>,
    sentence: &Sentence,
    number: usize,
) -> bool {
    is_difference(reading, number) && is_marked(reading, sentence, number)
}

/// Returns what the words right beside a number say of a direction.
pub(super) fn said_of(
    reading: &Reading<'_>,
    sentence: &Sentence,
    number: usize,
) -> Option<Direction> {
    let after = reading.after(sentence, number);
    let end = after.find([',', ';', '(', ')', ':']).unwrap_or(after.len());
    let next = next_number(&after[..end]);
    let following = words::words(&after[..next]);
    let found = directions(&following).next();
    found.or_else(|| {
        let before = reading.before(sentence, number);
        let start = before.rfind([';', ')']).map_or(0, |at| at + 1);
        let start = start.max(last_number(before));
        let preceding = words::words(&before[start..]);
        let from = preceding.len().saturating_sub(7);
        directions(&preceding[from..]).last()
    })
}

/// Returns the directions among the first words of `words`.
fn directions(words: &[String]) -> impl Iterator<Item = Direction> {
    words
        .iter()
        .enumerate()
        .take(6)
        .filter_map(|(at, word)| words::direction(word, words.get(at + 1).map(String::as_str)))
}

fn next_number(text: &str) -> usize {
    text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len())
}

fn last_number(text: &str) -> usize {
    text.rfind(|c: char| c.is_ascii_digit()).map_or(0, |at| at + 1)
}

/// Returns whether the text says that a number is a difference.
fn is_marked(reading: &Reading<'_>, sentence: &Sentence, number: usize) -> bool {
    let it = &reading.numbers[number];
    let after = reading.after(sentence, number).trim_start();
    let as_many = it.unit.is(FACTOR) && (after.starts_with("as ") || after.starts_with("the "));
    let before = words::words(reading.before(sentence, number));
    as_many
        || before.last().is_some_and(|word| word == "by")
        || it.unit.is(POINTS)
        || matches!(it.sign, Sign::Plus | Sign::Minus)
        || said_of(reading, sentence, number).is_some()
}

/// Returns the numbers that are stated as the difference of a pair.
fn differences(
    reading: &Reading<'_>,
    sentence: &Sentence,
    pairs: &[Pair],
    pair: &Pair,
) -> Vec<usize> {
    let quantities = reading.quantities(sentence);
    let is_free = |number: usize| pairs.iter().all(|pair| !pair.has(number));
    let mut found = Vec::new();
    // What stands in parentheses right behind a pair is that pair's.
    let owner = |number: usize| {
        pairs
            .iter()
            .find(|pair| pair.end() < number && reading.gap(pair.end(), number).trim() == "(")
    };
    let left = quantities.iter().rev().filter(|&&at| at < pair.start()).take(3);
    for &number in left {
        let gap = reading.gap(number, pair.start());
        let distance = words::words(gap).len();
        if !is_free(number) || gap.contains(';') || distance > DISTANCE_MAX {
            break;
        }
        let is_near = gap.contains('(') || distance <= 6;
        if owner(number).is_some_and(|owner| owner != pair) {
            break;
        }
        if is_near && is_difference(reading, number) && is_marked(reading, sentence, number) {
            found.push(number);
            break;
        }
    }
    if let Some(&number) = quantities.iter().find(|&&at| at > pair.end()) {
        let gap = reading.gap(pair.end(), number);
        let leads_on = pairs.iter().any(|other| {
            other.start() > number && {
                let gap = reading.gap(number, other.start());
                gap.contains('(') && words::words(gap).len() <= 5
            }
        });
        // "(12 instead of 30), which shows at the p90 (+47 %)"
        let reopens = gap.find(')').is_some_and(|close| {
            gap[close..].contains('(') && words::words(&gap[close..]).len() > 2
        });
        let is_beside = gap.trim().chars().all(|c| "(,)=:/–—".contains(c));
        let is_near = words::words(gap).len() <= 7 && !gap.contains(';');
        if is_near
            && is_free(number)
            && !leads_on
            && !reopens
            && is_difference(reading, number)
            && (is_beside || is_marked(reading, sentence, number))
        {
            found.push(number);
        }
    }
    found
}

/// Returns the direction that the words around a pair state.
fn direction_of(reading: &Reading<'_>, sentence: &Sentence, pair: &Pair) -> Option<Direction> {
    if pair.order != Order::Change {
        return pair.said;
    }
    let before = reading.before(sentence, pair.start());
    let start = before.rfind([';', ',', '(', ')', ':']).map_or(0, |at| at + 1);
    let start = start.max(last_number(before));
    let preceding = words::words(&before[start..]);
    let from = preceding.len().saturating_sub(6);
    let has_direction = |direction: &Direction| *direction != Direction::Neutral;
    pair.said.or_else(|| directions(&preceding[from..]).filter(has_direction).last())
}

/// Finds "114.54 tok/s, 15.3 % above the 99.34 tok/s of Python".
fn between(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let quantities = reading.quantities(sentence);
    let mut relations = Vec::new();
    for window in quantities.windows(3) {
        let [first, difference, second] = window else { continue };
        let (one, other) = (&reading.numbers[*first], &reading.numbers[*second]);
        let gap = reading.gap(*difference, *second);
        let compares = words::words(gap)
            .iter()
            .any(|word| matches!(&**word, "than" | "above" | "below" | "over" | "under" | "of"));
        let leads = reading.gap(*first, *difference);
        let is_stated = is_difference(reading, *difference)
            && !is_difference(reading, *first)
            && !one.unit.is_none()
            && one.unit.kind == other.unit.kind
            && compares
            && !gap.contains(['(', ';', ','])
            && words::words(gap).len() <= 8
            && words::words(leads).len() <= 4
            && !leads.contains(';');
        if is_stated {
            let pair = Pair::new(*second, *first, Order::Change, None);
            let said = said_of(reading, sentence, *difference);
            relations.extend(Judge { reading, pair: &pair }.difference(*difference, said));
        }
    }
    relations
}

/// Labels of items that state the difference of the two items before.
const DIFFERENCES: [&str; 18] = [
    "gap",
    "difference",
    "delta",
    "diff",
    "comparison",
    "change",
    "improvement",
    "speedup",
    "speed-up",
    "reduction",
    "savings",
    "saving",
    "ratio",
    "overhead",
    "increase",
    "decrease",
    "net",
    "slowdown",
];

/// Finds lists of two values and their difference.
fn in_lists(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for items in reading.lists() {
        for window in items.windows(3) {
            let [one, other, third] = window else { continue };
            relations.extend(difference_of_items(reading, [*one, *other, *third]));
        }
        relations.extend(against_baseline(reading, &items));
    }
    relations
}

fn difference_of_items(reading: &Reading<'_>, items: [usize; 3]) -> Option<Relation> {
    let [one, other, third] = items;
    let label = words::words(reading.label(third)?);
    if label.len() > 3 || !label.iter().any(|word| DIFFERENCES.contains(&&**word)) {
        return None;
    }
    let stated = only_difference(reading, third)?;
    let value = |item: usize| {
        let label = words::words(reading.label(item)?);
        let is_difference = label.iter().any(|word| DIFFERENCES.contains(&&**word));
        let mut numbers = reading.in_block(item);
        let first =
            numbers.find(|&at| reading.numbers[at].role == crate::number::Role::Quantity)?;
        (!is_difference).then_some(first)
    };
    let (from, to) = (value(one)?, value(other)?);
    let (first, second) = (&reading.numbers[from], &reading.numbers[to]);
    if first.unit.kind != second.unit.kind || first.unit.is(FACTOR) {
        return None;
    }
    let sentence = reading.sentence_of(stated)?;
    let said = said_of(reading, sentence, stated);
    let pair = Pair::new(from, to, Order::Versus, None);
    Judge { reading, pair: &pair }.difference(stated, said)
}

/// Returns the only number of a block that can be a difference, if no pair of
/// values stands beside it.
fn only_difference(reading: &Reading<'_>, block: usize) -> Option<usize> {
    let mut found = reading.in_block(block).filter(|&at| is_difference(reading, at));
    let first = found.next()?;
    let sentence = reading.sentence_of(first)?;
    let is_alone = found.next().is_none() && pairs::find(reading, sentence).is_empty();
    is_alone.then_some(first)
}

/// Finds "best: 115.94 tok/s, +1.2 % improvement" in a list with "baseline: 114.54".
fn against_baseline(reading: &Reading<'_>, items: &[usize]) -> Vec<Relation> {
    let baselines: Vec<usize> = items
        .iter()
        .filter(|&&item| {
            let label = reading.label(item).map(words::words).unwrap_or_default();
            label.iter().any(|word| word == "baseline")
        })
        .filter_map(|&item| {
            let mut numbers = reading.in_block(item);
            numbers.find(|&at| reading.numbers[at].role == crate::number::Role::Quantity)
        })
        .collect();
    let mut relations = Vec::new();
    for &item in items {
        for number in reading.in_block(item) {
            relations.extend(item_against_baseline(reading, number, &baselines));
        }
    }
    relations
}

fn item_against_baseline(
    reading: &Reading<'_>,
    number: usize,
    baselines: &[usize],
) -> Option<Relation> {
    let it = &reading.numbers[number];
    let sentence = reading.sentence_of(number)?;
    let said = said_of(reading, sentence, number)?;
    let value = number.checked_sub(1).filter(|at| sentence.numbers.contains(at))?;
    let gap = reading.gap(value, number).trim();
    if !it.unit.is(PERCENT)
        || !matches!(it.sign, Sign::Plus | Sign::Minus)
        || !matches!(gap, "," | "(" | ", ")
        || is_difference(reading, value)
        || !pairs::find(reading, sentence).is_empty()
    {
        return None;
    }
    let unit = &reading.numbers[value].unit;
    let mut of_unit = baselines.iter().filter(|&&at| reading.numbers[at].unit.kind == unit.kind);
    let baseline = *of_unit.next()?;
    if of_unit.next().is_some() || unit.is_none() || baseline == value {
        return None;
    }
    let pair = Pair::new(baseline, value, Order::Change, None);
    Judge { reading, pair: &pair }.difference(number, Some(said))
}
