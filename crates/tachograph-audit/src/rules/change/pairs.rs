//! Two values that a sentence puts against each other.

use crate::number::{FACTOR, Number, PERCENT, POINTS, Sign};
use crate::reading::{Reading, Sentence};
use crate::words::{self, Direction};

/// How the two values of a pair stand to each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// One against the other; which is meant as the base is not said.
    Versus,
    /// From the first to the second.
    Change,
    /// The first is said to be more, less, faster or slower than the second.
    Comparative,
}

/// Two values of one quantity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pair {
    /// The first value; of a change, where it starts.
    pub(super) first: usize,
    /// The second value; of a change, where it ends.
    pub(super) second: usize,
    /// How they stand to each other.
    pub(super) order: Order,
    /// The direction that the words between them state.
    pub(super) said: Option<Direction>,
}

impl Pair {
    /// Makes a pair.
    pub(super) fn new(first: usize, second: usize, order: Order, said: Option<Direction>) -> Self {
        Self { first, second, order, said }
    }

    /// Returns the number that comes first in the text.
    pub(super) fn start(&self) -> usize {
        self.first.min(self.second)
    }

    /// Returns the number that comes last in the text.
    pub(super) fn end(&self) -> usize {
        self.first.max(self.second)
    }

    /// Returns whether a number is one of the two.
    pub(super) fn has(&self, number: usize) -> bool {
        self.first == number || self.second == number
    }
}

/// Words that put two values against each other.
const AGAINST: [&str; 9] =
    ["vs", "versus", "compared", "against", "instead", "rather", "relative", "than", "beats"];

/// Words after which an earlier value follows.
const EARLIER: [&str; 7] =
    ["was", "previously", "formerly", "before", "earlier", "originally", "previous"];

/// Words before "from" that say where a number comes from, and not what it was.
const DERIVED: [&str; 12] = [
    "computed",
    "derived",
    "calculated",
    "taken",
    "comes",
    "came",
    "resulting",
    "estimated",
    "measured",
    "obtained",
    "read",
    "differs",
];

/// Finds the pairs of a sentence, in order.
pub(super) fn find(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Pair> {
    let quantities = reading.quantities(sentence);
    let mut pairs: Vec<Pair> = Vec::new();
    for window in quantities.windows(2) {
        let [one, other] = window else { continue };
        if let Some(pair) = pair(reading, sentence, *one, *other)
            && pairs.last().is_none_or(|last| !last.has(pair.start()))
        {
            pairs.push(pair);
        }
    }
    pairs
}

fn pair(reading: &Reading<'_>, sentence: &Sentence, one: usize, other: usize) -> Option<Pair> {
    let gap = reading.gap(one, other);
    let words = words::words(gap);
    if gap.contains(';') || words.len() > 9 {
        return None;
    }
    let (first, second) = (&reading.numbers[one], &reading.numbers[other]);
    let is_value = |number: usize| !is_a_difference(reading, sentence, number);
    let is_alike = can_pair(first, second) && is_value(one) && is_value(other);
    let arrow = ["→", "->", "=>", "⇒", "➜"].iter().any(|arrow| gap.contains(arrow));
    if arrow {
        return is_alike.then(|| Pair::new(one, other, Order::Change, None));
    }
    let before = words::words(reading.before(sentence, one));
    let own =
        before.iter().rev().take_while(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
    let ends_from = own.take(3).any(|word| word == "from");
    if ends_from && words.iter().any(|word| matches!(&**word, "to" | "toward" | "into")) {
        return is_alike.then(|| Pair::new(one, other, Order::Change, None));
    }
    let goes_back = words.iter().rev().take(2).any(|word| word == "from")
        || words.last().is_some_and(|word| {
            EARLIER.contains(&&**word) && (word != "was" || gap.contains(['(', ',']))
        });
    let is_derived = words.iter().rev().nth(1).is_some_and(|word| DERIVED.contains(&&**word));
    if goes_back && !is_derived && !words.iter().any(|word| AGAINST.contains(&&**word)) {
        let now = subject(reading, sentence, one, gap);
        let said = words
            .iter()
            .enumerate()
            .find_map(|(at, word)| words::direction(word, words.get(at + 1).map(String::as_str)));
        let is_alike = can_pair(&reading.numbers[now], second)
            || (reading.numbers[now].is_count() && second.unit.is_none());
        return is_alike.then(|| Pair::new(other, now, Order::Change, said));
    }
    let versus = words.iter().any(|word| AGAINST.contains(&&**word));
    if !versus || !is_alike {
        return None;
    }
    let compared = words.iter().any(|word| word == "than");
    let is_near = gap
        .rfind("than")
        .is_none_or(|at| !gap[at..].trim_end().trim_end_matches('(').contains([',', ';', '(']));
    if !is_near {
        return None;
    }
    if compared {
        let said = words
            .iter()
            .enumerate()
            .find_map(|(at, word)| words::direction(word, words.get(at + 1).map(String::as_str)));
        return said.map(|said| Pair::new(one, other, Order::Comparative, Some(said)));
    }
    Some(Pair::new(one, other, Order::Versus, None))
}

/// Returns the number that "…, up from X" is about: inside parentheses, the one
/// that the parentheses explain.
fn subject(reading: &Reading<'_>, sentence: &Sentence, nearest: usize, gap: &str) -> usize {
    if gap.contains('(') {
        return nearest;
    }
    let before = reading.before(sentence, nearest);
    let Some(open) = before.rfind('(').filter(|&at| !before[at..].contains(')')) else {
        return nearest;
    };
    let offset = sentence.range.start;
    let explained = sentence.numbers.clone().rev().find(|&at| {
        let number = &reading.numbers[at];
        number.end <= offset + open
            && reading.block(at).text[number.end..offset + open].split_whitespace().count() <= 1
    });
    explained.unwrap_or(nearest)
}

/// Returns whether a percentage is itself a difference: "12 % slower".
fn is_a_difference(reading: &Reading<'_>, sentence: &Sentence, number: usize) -> bool {
    let after = words::words(reading.after(sentence, number));
    reading.numbers[number].unit.is(PERCENT)
        && after.first().is_some_and(|word| {
            let next = after.get(1).map(String::as_str);
            words::direction(word, next).is_some()
        })
}

/// Returns whether two numbers can be values of one quantity.
fn can_pair(one: &Number, other: &Number) -> bool {
    let is_value = |number: &Number| {
        !number.unit.is(FACTOR)
            && !number.unit.is(POINTS)
            && number.role == crate::number::Role::Quantity
    };
    let is_signed = |number: &Number| matches!(number.sign, Sign::Plus | Sign::Minus);
    let is_percent = one.unit.is(PERCENT) || other.unit.is(PERCENT);
    let alike = one.unit.kind == other.unit.kind
        || is_percent && one.unit.is_none() && one.decimals == other.decimals
        || (!is_percent && one.unit.is_none() && one.noun.is_none())
        || (!is_percent && other.unit.is_none() && other.noun.is_none())
        // "120 on the old server vs 80 ms": the word after the first is no noun.
        || (!is_percent && one.unit.is_none() && !one.is_count());
    alike && is_value(one) && is_value(other) && !(is_signed(one) && is_signed(other))
}
