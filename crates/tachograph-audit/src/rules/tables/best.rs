//! What is called the best of a table.
//!
//! Owns: sentences with a superlative that name a row and print its value.
//!
//! Does not: take an equal value for more than the way to the column. A sentence that
//! prints no value of its row says nothing here.

use std::cmp::Ordering;

use crate::document::BlockKind;
use crate::number::{CALENDAR, Sign, TIME, Unit};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::words;

use super::Grid;

/// Which end of a column a superlative names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Largest,
    Smallest,
    /// Either: which is better is not known.
    Either,
}

/// Returns the end that a superlative means for values of a unit.
fn end(word: &str, unit: &Unit) -> Option<End> {
    let is_time = unit.is(TIME) || unit.is(CALENDAR) || unit.kind.starts_with("time/");
    Some(match word {
        "highest" | "largest" | "biggest" | "longest" => End::Largest,
        "lowest" | "smallest" | "cheapest" | "shortest" => End::Smallest,
        "fastest" | "quickest" | "best" | "winner" if unit.is_rate() => End::Largest,
        "slowest" | "worst" if unit.is_rate() => End::Smallest,
        "fastest" | "quickest" | "best" | "winner" if is_time => End::Smallest,
        "slowest" | "worst" if is_time => End::Largest,
        "best" | "winner" if unit.is_money() => End::Smallest,
        "worst" if unit.is_money() => End::Largest,
        "best" | "worst" | "winner" => End::Either,
        _ => return None,
    })
}

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>, grids: &[Grid]) -> Vec<Relation> {
    let mut relations = Vec::new();
    for sentence in &reading.sentences {
        let block = &reading.document.blocks[sentence.block];
        if matches!(block.kind, BlockKind::Cell { .. } | BlockKind::Heading) {
            continue;
        }
        let text = reading.text(sentence);
        let mut said = words::words(text);
        said.extend(reading.label(sentence.block).map(words::words).unwrap_or_default());
        let superlatives: Vec<&String> = said
            .iter()
            .filter(|word| end(word, &Unit::none()).is_some() || is_speed(word))
            .collect();
        if let Some(word) = superlatives.first() {
            relations
                .extend(grids.iter().filter_map(|grid| in_grid(reading, sentence, grid, word)));
        }
    }
    relations
}

fn is_speed(word: &str) -> bool {
    matches!(word, "fastest" | "quickest" | "slowest")
}

fn in_grid(
    reading: &Reading<'_>,
    sentence: &Sentence,
    grid: &Grid,
    word: &str,
) -> Option<Relation> {
    let text = reading.text(sentence);
    let named = |label: &str| {
        let label = label.trim();
        label.len() >= 2
            && text.match_indices(label).any(|(at, _)| {
                !text[..at].ends_with(is_word) && !text[at + label.len()..].starts_with(is_word)
            })
    };
    let mut rows = grid
        .plain_rows()
        .into_iter()
        .filter(|&row| named(&grid.labels[row]))
        .collect::<Vec<usize>>();
    rows.sort_by_key(|&row| std::cmp::Reverse(grid.labels[row].len()));
    let row = *rows.first()?;
    // Other named rows must be part of the longest name.
    if rows.iter().any(|&other| !grid.labels[row].contains(grid.labels[other].trim())) {
        return None;
    }
    reading.quantities(sentence).into_iter().find_map(|at| {
        let number = &reading.numbers[at];
        let column = (1..grid.headers.len()).find(|&column| {
            grid.value(row, column).is_some_and(|cell| {
                let cell = &reading.numbers[cell];
                let alike = cell.unit.kind == number.unit.kind
                    || (cell.unit.is_none() && !number.unit.is_none());
                alike && (cell.value - number.value).abs() < 1e-9 * number.value.abs().max(1e-300)
            })
        })?;
        judge(reading, grid, (row, column, at), word)
    })
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '-'
}

fn judge(
    reading: &Reading<'_>,
    grid: &Grid,
    (row, column, at): (usize, usize, usize),
    word: &str,
) -> Option<Relation> {
    let end = end(word, &reading.numbers[at].unit)?;
    let own = grid.value(row, column)?;
    // The largest reduction is the one furthest from none.
    let value = |cell: usize| {
        let number = &reading.numbers[cell];
        if number.sign == Sign::None { number.value } else { number.value.abs() }
    };
    let mut others: Vec<usize> = grid
        .plain_rows()
        .into_iter()
        .filter(|&other| other != row)
        .filter_map(|other| grid.value(other, column))
        .filter(|&cell| reading.numbers[cell].unit.kind == reading.numbers[own].unit.kind)
        .collect();
    others.sort_by(|one, other| value(*one).partial_cmp(&value(*other)).unwrap_or(Ordering::Equal));
    let (smallest, largest) = (*others.first()?, *others.last()?);
    let is_largest = value(own) >= value(largest);
    let is_smallest = value(own) <= value(smallest);
    let (fine, rival) = match end {
        End::Largest => (is_largest, largest),
        End::Smallest => (is_smallest, smallest),
        End::Either => (is_largest || is_smallest, largest),
    };
    if fine {
        return None;
    }
    let message = format!(
        "{} is called {word}, but the table has {} in the same column",
        reading.printed(at),
        reading.printed(rival)
    );
    let numbers = vec![at, own, rival];
    Some(Relation::broken(Rule::Best, numbers, Severity::Decision, message))
}
