//! One quantity that is printed with two values.
//!
//! Owns: what a number is said to be about, and when two numbers are about the
//! same thing: alike words, unit and kind of section.
//!
//! Does not: compare numbers of one sentence, or values that are called earlier,
//! expected, or another's.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::BlockKind;
use crate::number::{Bound, FACTOR, Role, Sign};
use crate::reading::Reading;
use crate::relation::Severity;
use crate::span::Span;
use crate::words;

use super::tables;

/// A number with what it is about.
#[derive(Debug, Clone)]
pub(crate) struct Mention {
    /// The document, by its position among those audited.
    pub(crate) document: usize,
    /// The number in it.
    pub(crate) number: usize,
    /// The unit's kind, or what is counted.
    kind: String,
    /// The words that say what it is.
    about: BTreeSet<String>,
    /// The words of the headings that say what the section is about.
    section: BTreeSet<String>,
    /// The names in its sentence, or in its block before it.
    names: BTreeSet<String>,
    block: usize,
    /// Whether it is a cell of a table.
    is_cell: bool,
    span: Span,
    half: f64,
}

/// Two numbers that are about one quantity.
#[derive(Debug, Clone)]
pub(crate) struct Twice {
    /// The number that comes later.
    pub(crate) later: (usize, usize),
    /// The number that comes first.
    pub(crate) earlier: (usize, usize),
    /// Whether both can be one value.
    pub(crate) agree: bool,
    /// How grave it is if they cannot.
    pub(crate) severity: Severity,
}

/// Returns the mentions of a document.
pub(crate) fn mentions(reading: &Reading<'_>, document: usize) -> Vec<Mention> {
    let mut found = Vec::new();
    for at in 0..reading.numbers.len() {
        found.extend(mention(reading, document, at));
    }
    found.extend(tables::cells(reading).into_iter().map(|cell| Mention {
        document,
        number: cell.number,
        kind: cell.unit.kind.clone(),
        about: stems(&cell.row),
        section: BTreeSet::new(),
        names: stems(&cell.column),
        block: reading.numbers[cell.number].block,
        is_cell: true,
        span: reading.numbers[cell.number].span().scaled(cell.unit.scale),
        half: reading.numbers[cell.number].half,
    }));
    found
}

/// Returns the words of a label or a header that say what is meant, without the
/// unit in parentheses.
fn stems(text: &str) -> BTreeSet<String> {
    let end = text.find(['(', '[']).unwrap_or(text.len());
    words::words(&text[..end]).iter().map(|word| words::stem(word)).collect()
}

fn mention(reading: &Reading<'_>, document: usize, at: usize) -> Option<Mention> {
    let number = &reading.numbers[at];
    let block = reading.block(at);
    let is_prose = !matches!(block.kind, BlockKind::Cell { .. });
    let kind = if number.unit.is_none() {
        let noun = number.noun.as_deref()?;
        format!("count:{}", words::stem(noun))
    } else {
        number.unit.kind.clone()
    };
    if number.role != Role::Quantity
        || !is_prose
        || matches!(number.bound, Bound::AtLeast | Bound::AtMost)
        || number.sign == Sign::PlusMinus
        || super::is_earlier(reading, at)
        || is_in_a_range(reading, at)
    {
        return None;
    }
    let about = about(reading, at)?;
    let section: BTreeSet<String> = reading
        .document
        .titles(block.section)
        .iter()
        .flat_map(|title| words::words(title))
        .filter(|word| {
            // The number of a heading says nothing; that of a version does.
            let is_number = word.starts_with(|c: char| c.is_ascii_digit());
            !words::is_generic(word) && (!is_number || word.matches('.').count() >= 2)
        })
        .map(|word| words::stem(&word))
        .collect();
    let (span, half) = (number.base(), number.half);
    let names = names(reading, at);
    let block = number.block;
    Some(Mention {
        document,
        number: at,
        kind,
        about,
        section,
        names,
        block,
        is_cell: false,
        span,
        half,
    })
}

/// Returns the names that say whose number it is: code in its sentence, or, if
/// that has none, in its block before it.
fn names(reading: &Reading<'_>, at: usize) -> BTreeSet<String> {
    let number = &reading.numbers[at];
    let block = reading.block(at);
    let Some(sentence) = reading.sentence_of(at) else { return BTreeSet::new() };
    let within = |from: usize, to: usize| -> BTreeSet<String> {
        block
            .codes()
            .filter(|(at, _)| (from..to).contains(at))
            .map(|(_, code)| code.to_owned())
            .collect()
    };
    let own = within(sentence.range.start, sentence.range.end);
    if own.is_empty() { within(0, number.range.start) } else { own }
}

/// Returns whether a number is an end of a range or of an interval.
fn is_in_a_range(reading: &Reading<'_>, at: usize) -> bool {
    let text = words::tail(&reading.block(at).text[..reading.numbers[at].range.start]);
    if text.rfind('[').is_some_and(|open| !text[open..].contains(']')) {
        return true;
    }
    let joins = |gap: &str| {
        matches!(gap.trim(), "-" | "–" | "—" | "to" | "..")
            || gap.contains(['[', '→', '±', '/', '×', '+'])
    };
    let block = reading.in_block(reading.numbers[at].block);
    let before = at.checked_sub(1).filter(|before| block.contains(before));
    let after = Some(at + 1).filter(|after| block.contains(after));
    before.is_some_and(|before| joins(reading.gap(before, at)))
        || after.is_some_and(|after| joins(reading.gap(at, after)))
}

/// Returns the words that say what a number is: its label, the words before it up
/// to the last number or stop, and the words right after it.
fn about(reading: &Reading<'_>, at: usize) -> Option<BTreeSet<String>> {
    let number = &reading.numbers[at];
    let sentence = reading.sentence_of(at)?;
    let text = &reading.block(at).text;
    let mut said: Vec<String> = Vec::new();
    let label = reading.label(number.block);
    let mut is_explained = false;
    let before = reading.before(sentence, at);
    let start = before
        .char_indices()
        .rev()
        .find(|(_, c)| matches!(c, ';' | ',' | '(' | ')' | ':' | '|' | '[' | ']'))
        .map_or(0, |(at, c)| at + c.len_utf8());
    // Beyond another number, words belong to that one.
    let previous = at.checked_sub(1).filter(|previous| sentence.numbers.contains(previous));
    let own = previous.map_or(start, |previous| {
        start.max(reading.numbers[previous].end.saturating_sub(sentence.range.start))
    });
    said.extend(words::words(before.get(own..)?));
    if let Some(label) = label.filter(|label| text[..number.range.start].len() > label.len()) {
        // Only the first number behind a label is what the label says.
        let is_first = reading.in_block(number.block).find(|&it| {
            reading.numbers[it].role == Role::Quantity
                && reading.numbers[it].range.start > label.len()
        }) == Some(at);
        if is_first {
            said.extend(words::words(label));
            is_explained = true;
        }
    }
    let after = reading.after(sentence, at);
    let end = after
        .find(|c: char| {
            matches!(c, ';' | ',' | '(' | ')' | ':' | '|' | '[' | '.' | '\n') || c.is_ascii_digit()
        })
        .unwrap_or(after.len());
    let mut following = words::words(&after[..end]);
    if let Some(stop) = following.iter().position(|word| {
        matches!(
            &**word,
            "vs" | "versus"
                | "than"
                | "and"
                | "but"
                | "while"
                | "for"
                | "from"
                | "at"
                | "with"
                | "over"
                | "in"
                | "on"
                | "of"
                | "to"
                | "by"
                | "compared"
        )
    }) {
        following.truncate(stop);
    }
    following.truncate(4);
    said.extend(following);
    let about: BTreeSet<String> = said
        .iter()
        .filter(|word| !words::is_empty(word))
        .map(|word| words::stem(word))
        .filter(|word| word.chars().any(char::is_alphabetic))
        .collect();
    let is_counted = number.unit.is_none();
    let enough = if is_explained {
        1
    } else if is_counted {
        3
    } else {
        2
    };
    (about.len() >= enough && about.len() <= 9).then_some(about)
}

/// Returns the pairs of mentions that are about one quantity.
pub(crate) fn pairs(mentions: &[Mention]) -> Vec<Twice> {
    let mut groups: BTreeMap<(&str, &BTreeSet<String>), Vec<&Mention>> = BTreeMap::new();
    for mention in mentions {
        groups.entry((&mention.kind, &mention.about)).or_default().push(mention);
    }
    let mut found = Vec::new();
    for ((kind, about), group) in groups {
        for (index, later) in group.iter().enumerate() {
            let earlier =
                group[..index].iter().find(|earlier| is_same(earlier, later, about.len()));
            if let Some(earlier) = earlier {
                let slack = if kind == FACTOR { 0.0 } else { 1e-12 };
                found.push(Twice {
                    later: (later.document, later.number),
                    earlier: (earlier.document, earlier.number),
                    agree: agree(earlier, later, slack),
                    severity: Severity::Inconsistent,
                });
            }
        }
    }
    found
}

/// Words of headings that say when something held.
const TIMES: [&str; 8] =
    ["before", "after", "previous", "prior", "old", "former", "original", "historical"];

/// Returns whether two mentions with the same words are about the same thing: one
/// section says no more than the other. A label of one word needs more.
fn is_same(one: &Mention, other: &Mention, n_words: usize) -> bool {
    if one.document == other.document && one.block == other.block {
        return false;
    }
    if one.is_cell || other.is_cell {
        // Tables of one document differ by more than their rows and columns.
        return one.is_cell == other.is_cell
            && one.document != other.document
            && one.names == other.names
            && !one.names.is_empty();
    }
    let nested = one.section.is_subset(&other.section) || other.section.is_subset(&one.section);
    let equal = one.section == other.section;
    let named = one.names == other.names || one.names.is_empty() || other.names.is_empty();
    let time = |mention: &Mention| {
        mention
            .section
            .iter()
            .filter(|word| TIMES.iter().any(|time| words::stem(time) == **word))
            .cloned()
            .collect::<Vec<_>>()
    };
    if !named || time(one) != time(other) {
        return false;
    }
    if n_words >= 2 {
        nested
    } else {
        equal && !one.section.is_empty() && one.document != other.document
    }
}

/// Returns whether two spans share a value; one rounded further is no
/// contradiction.
fn agree(one: &Mention, other: &Mention, slack: f64) -> bool {
    let room = slack * one.half.max(other.half);
    let widened = Span { low: one.span.low - room, high: one.span.high + room };
    widened.meets(other.span)
}
