//! What the text says of the rows of a table.
//!
//! Owns: sentences that name rows by their labels: a value of one row, a
//! difference between two rows or within one row, an average of a column, and
//! which row is best.
//!
//! Does not: say that a number is wrong unless the words, or its unit, leave one
//! column that can be meant.

use std::collections::BTreeSet;

use crate::document::BlockKind;
use crate::number::{FACTOR, PERCENT, POINTS, Sign, TIME};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words::{self, Direction};

use super::{Grid, show};
use crate::rules::{change, is_earlier};

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>, grids: &[Grid]) -> Vec<Relation> {
    let mut relations = Vec::new();
    let grids: Vec<&Grid> = grids.iter().filter(|grid| has_names(grid)).collect();
    for sentence in &reading.sentences {
        let kind = reading.document.blocks[sentence.block].kind;
        if matches!(kind, BlockKind::Cell { .. } | BlockKind::Heading) {
            continue;
        }
        let numbers = reading.quantities(sentence);
        if numbers.is_empty() {
            continue;
        }
        let text = reading.text(sentence);
        let named: Vec<(&Grid, Vec<usize>)> =
            grids.iter().map(|&grid| (grid, named_rows(grid, text))).collect();
        for number in numbers {
            relations.extend(of_number(reading, &named, sentence, number));
        }
    }
    relations
}

/// What the text says of a number and a table.
enum Said {
    /// Nothing.
    Nothing,
    /// It does not say which column is meant, and one of them has the number.
    Anything,
    /// It says which cells the number follows from.
    Relation(Relation),
}

impl From<Option<Relation>> for Said {
    fn from(relation: Option<Relation>) -> Self {
        relation.map_or(Self::Nothing, Self::Relation)
    }
}

/// Returns whether the rows of a table have names, each its own.
pub(super) fn has_names(grid: &Grid) -> bool {
    let labels: Vec<&str> = grid.labels.iter().map(|label| label.trim()).collect();
    let distinct: BTreeSet<&str> = labels.iter().copied().collect();
    labels.len() >= 2
        && distinct.len() == labels.len()
        && labels.iter().all(|label| label.chars().any(char::is_alphabetic))
}

/// Returns the rows that a text names, in the order of the text.
fn named_rows(grid: &Grid, text: &str) -> Vec<usize> {
    let mut found: Vec<(usize, usize, usize)> = Vec::new();
    for row in grid.plain_rows() {
        let label = grid.labels[row].trim();
        if label.chars().count() < 2 {
            continue;
        }
        for (at, _) in text.match_indices(label) {
            let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
            let is_whole =
                !text[..at].ends_with(is_word) && !text[at + label.len()..].starts_with(is_word);
            if is_whole {
                found.push((at, at + label.len(), row));
            }
        }
    }
    // A longer name that holds a shorter one is meant.
    let all = found.clone();
    found.retain(|&(start, end, _)| {
        !all.iter().any(|&(s, e, _)| s <= start && end <= e && e - s > end - start)
    });
    found.sort_unstable();
    let mut rows: Vec<usize> = Vec::new();
    for (_, _, row) in found {
        if !rows.contains(&row) {
            rows.push(row);
        }
    }
    rows
}

/// Returns the part of a sentence around a number, between commas, brackets and
/// colons.
fn clause<'a>(reading: &'a Reading<'_>, sentence: &Sentence, number: usize) -> (&'a str, &'a str) {
    let stops = [',', ';', '(', ')', ':', '–', '—'];
    let before = reading.before(sentence, number);
    let start = before.char_indices().rev().find(|(_, c)| stops.contains(c));
    let after = reading.after(sentence, number);
    let end = after.find(stops).unwrap_or(after.len());
    (&before[start.map_or(0, |(at, c)| at + c.len_utf8())..], &after[..end])
}

/// Returns what the text says of a number, by the first table that it speaks of.
fn of_number(
    reading: &Reading<'_>,
    grids: &[(&Grid, Vec<usize>)],
    sentence: &Sentence,
    number: usize,
) -> Option<Relation> {
    let is_difference = change::is_free_difference(reading, sentence, number);
    for (grid, rows) in grids {
        let said = match (&**rows, is_difference) {
            (&[one, other], true) => between_rows(reading, grid, sentence, (number, one, other)),
            (&[row], true) => within_row(reading, grid, sentence, (number, row)),
            (&[row], false) => value(reading, grid, sentence, (number, row)),
            ([], false) => aggregate(reading, grid, sentence, number).into(),
            _ => Said::Nothing,
        };
        match said {
            Said::Nothing => {}
            Said::Anything => return None,
            Said::Relation(relation) => return Some(relation),
        }
    }
    None
}

/// Words that stand for a kind of quantity, beside those of a header.
fn speaks_of_speed(said: &BTreeSet<String>) -> bool {
    ["fast", "faster", "slow", "slower", "speed", "throughput", "rate", "quick", "quicker"]
        .iter()
        .any(|word| said.contains(&words::stem(word)))
}

fn stems(text: &str) -> BTreeSet<String> {
    words::words(text)
        .iter()
        .filter(|word| matches!(&***word, "before" | "after") || !words::is_empty(word))
        .map(|word| words::stem(word))
        .collect()
}

/// Returns the columns whose headers share the most words with what is said.
fn by_header(grid: &Grid, said: &BTreeSet<String>, columns: &[usize]) -> Vec<usize> {
    let common = |column: usize| stems(&grid.headers[column]).intersection(said).count();
    let most = columns.iter().map(|&column| common(column)).max().unwrap_or(0);
    if most == 0 {
        return Vec::new();
    }
    columns.iter().copied().filter(|&column| common(column) == most).collect()
}

/// Judges a value that is stated of one row.
fn value(
    reading: &Reading<'_>,
    grid: &Grid,
    sentence: &Sentence,
    (number, row): (usize, usize),
) -> Said {
    let it = &reading.numbers[number];
    if it.unit.is_none() || it.sign != Sign::None {
        return Said::Nothing;
    }
    let columns: Vec<usize> = (1..grid.headers.len())
        .filter(|&column| {
            grid.value(row, column).is_some() && grid.unit(reading, column).kind == it.unit.kind
        })
        .collect();
    let span = |column: usize| grid.span(reading, row, column);
    let fits = |column: usize| span(column).is_some_and(|span| span.meets(it.base()));
    let unstated =
        if columns.iter().any(|&column| fits(column)) { Said::Anything } else { Said::Nothing };
    let Some(column) = stated_column(reading, grid, sentence, (number, row), &columns) else {
        return unstated;
    };
    let (Some(cell), Some(own)) = (grid.value(row, column), span(column)) else { return unstated };
    if fits(column) {
        return Said::Relation(Relation::holds(Rule::TwoValues, vec![number, cell]));
    }
    // Values that differ widely are of different things.
    let ratio = it.base().middle() / own.middle();
    if !matches!(unstated, Said::Nothing) || !(0.5..2.0).contains(&ratio) {
        return unstated;
    }
    let message = format!(
        "{} is printed of {}; the table has {} ({})",
        reading.printed(number),
        grid.labels[row].trim(),
        reading.printed(cell),
        grid.headers[column].trim()
    );
    let numbers = vec![number, cell];
    Said::Relation(Relation::broken(Rule::TwoValues, numbers, Severity::Inconsistent, message))
}

/// Returns the column that the words around a value mean, or its unit alone.
fn stated_column(
    reading: &Reading<'_>,
    grid: &Grid,
    sentence: &Sentence,
    (number, row): (usize, usize),
    columns: &[usize],
) -> Option<usize> {
    let it = &reading.numbers[number];
    let (before, after) = clause(reading, sentence, number);
    let mut said = stems(before);
    said.extend(stems(after));
    let column = match *columns {
        [column] => column,
        _ => *by_header(grid, &said, columns)
            .first()
            .filter(|_| by_header(grid, &said, columns).len() == 1)?,
    };
    // A mean is no median, and a value that is aimed at is none of the table.
    let header = stems(&grid.headers[column]);
    let is_plain_word = grid.labels[row].trim().chars().all(|c| c.is_lowercase() || c == ' ');
    let is_meant = !header.is_disjoint(&said) || (it.unit.is_rate() && !is_plain_word);
    let is_other = !is_meant
        || QUALIFIERS.iter().any(|word| {
            let stem = words::stem(word);
            said.contains(&stem) && !header.contains(&stem)
        });
    // Behind another number of the clause, words are about that one.
    let is_range = reading.text(sentence).contains(['±', '['])
        || reading.quantities(sentence).iter().any(|&at| {
            at < number && reading.numbers[at].range.start + before.len() >= it.range.start
        });
    let is_stated = !(is_other || is_range || is_earlier(reading, number) || is_aimed(before));
    is_stated.then_some(column)
}

/// Words that say which of several values of a thing is meant.
const QUALIFIERS: [&str; 28] = [
    "mean",
    "average",
    "median",
    "p50",
    "p90",
    "p95",
    "p99",
    "max",
    "maximum",
    "min",
    "minimum",
    "peak",
    "cold",
    "warm",
    "total",
    "single",
    "first",
    "last",
    "pooled",
    "aggregate",
    "old",
    "new",
    "before",
    "after",
    "idle",
    "spread",
    "difference",
    "saving",
];

fn is_aimed(before: &str) -> bool {
    words::words(before).iter().rev().take(5).any(|word| {
        matches!(
            &**word,
            "target"
                | "budget"
                | "limit"
                | "goal"
                | "threshold"
                | "slo"
                | "saves"
                | "save"
                | "adds"
                | "costs"
                | "loses"
                | "gains"
                | "by"
                | "within"
                | "needs"
                | "another"
                | "other"
                | "more"
        )
    })
}

/// Computes a difference in the ways that its unit allows.
fn differences(low: Span, high: Span, unit: &str) -> Vec<Span> {
    let mut found = Vec::new();
    if unit == POINTS {
        found.push(high.minus(low));
    } else if unit == FACTOR {
        found.extend(high.over(low));
        found.extend(low.over(high));
    } else {
        found.extend(high.change_from(low).map(|it| it.scaled(100.0)));
        found.extend(low.change_from(high).map(|it| it.scaled(-100.0)));
        found.extend(low.over(high).map(|it| it.scaled(100.0)));
    }
    found
}

/// Judges a difference that is stated between two rows.
fn between_rows(
    reading: &Reading<'_>,
    grid: &Grid,
    sentence: &Sentence,
    (number, one, other): (usize, usize, usize),
) -> Said {
    let it = &reading.numbers[number];
    let spans = |column: usize| {
        Some((grid.span(reading, one, column)?, grid.span(reading, other, column)?))
    };
    let columns: Vec<usize> = (1..grid.headers.len())
        .filter(|&column| {
            let is_percent = grid.unit(reading, column).is(PERCENT);
            let is_value =
                if it.unit.is(POINTS) { is_percent } else { !(is_percent && it.unit.is(PERCENT)) };
            is_value && spans(column).is_some()
        })
        .collect();
    let results = |column: usize| {
        let (a, b) = spans(column)?;
        let (low, high) = if a.middle() < b.middle() { (a, b) } else { (b, a) };
        Some(differences(low, high, &it.unit.kind))
    };
    let fits = |column: usize| {
        results(column).is_some_and(|spans| spans.iter().any(|span| span.meets(it.size())))
    };
    let (before, after) = clause(reading, sentence, number);
    let mut said = stems(before);
    said.extend(stems(after));
    let is_speed = speaks_of_speed(&said);
    let speed = columns.iter().copied().filter(|&column| {
        let unit = grid.unit(reading, column);
        is_speed && (unit.is_rate() || unit.is(TIME))
    });
    let (speed, meant): (Vec<usize>, _) = (speed.collect(), by_header(grid, &said, &columns));
    let stated = match (&*speed, &*meant) {
        (&[column], _) | (_, &[column]) => Some(column),
        _ => None,
    };
    let candidates = [&speed, &meant, &columns].into_iter().find(|columns| !columns.is_empty());
    let fitting = stated
        .into_iter()
        .chain(candidates.into_iter().flatten().copied())
        .find(|&column| fits(column));
    let Some(column) = fitting.or(stated) else { return Said::Nothing };
    let (Some(first), Some(second)) = (grid.value(one, column), grid.value(other, column)) else {
        return Said::Nothing;
    };
    if stated != Some(column) {
        return Said::Anything;
    }
    let numbers = vec![number, first, second];
    let direction = change::said_of(reading, sentence, number)
        .filter(|_| words::words(after).iter().any(|word| matches!(&**word, "than" | "of")));
    if fitting.is_none() {
        let mut results = results(column).unwrap_or_default();
        if direction.is_some() && it.unit.is(PERCENT) {
            // "Larger than" states a change and no share.
            results.truncate(2);
        }
        return no_difference(reading, numbers, &results, &grid.headers[column]).into();
    }
    let more = direction.and_then(|it| it.asks_for_more(&grid.unit(reading, column)));
    let contradicts = spans(column)
        .zip(more)
        .is_some_and(|((a, b), more)| if more { a.is_below(b) } else { b.is_below(a) });
    if contradicts {
        let message = format!(
            "{} and {} have {} and {}: the other way round",
            grid.labels[one].trim(),
            grid.labels[other].trim(),
            reading.printed(first),
            reading.printed(second)
        );
        let rule = Rule::Direction;
        return Said::Relation(Relation::broken(rule, numbers, Severity::Decision, message));
    }
    Said::Relation(Relation::holds(rule_of(&it.unit.kind), numbers))
}

/// Returns the finding that a difference is none of the results that two cells give.
fn no_difference(
    reading: &Reading<'_>,
    numbers: Vec<usize>,
    results: &[Span],
    header: &str,
) -> Option<Relation> {
    let [number, first, second] = *numbers else { return None };
    let it = &reading.numbers[number];
    let distance = |span: &&Span| (span.middle() - it.value.abs()).abs();
    let nearest = results.iter().min_by(|one, other| distance(one).total_cmp(&distance(other)))?;
    let value = show(nearest.middle(), it.decimals);
    let message = format!(
        "{} is printed; {} and {} of the table ({}) give {value}",
        reading.printed(number),
        reading.printed(first),
        reading.printed(second),
        header.trim()
    );
    Some(
        Relation::broken(rule_of(&it.unit.kind), numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}

fn rule_of(unit: &str) -> Rule {
    match unit {
        FACTOR => Rule::Ratio,
        POINTS => Rule::PercentagePoints,
        _ => Rule::PercentChange,
    }
}

/// Judges a difference that is stated of one row, against a column of differences
/// or the two values of the row.
fn within_row(
    reading: &Reading<'_>,
    grid: &Grid,
    sentence: &Sentence,
    (number, row): (usize, usize),
) -> Said {
    let it = &reading.numbers[number];
    let Some(said) = change::said_of(reading, sentence, number).filter(|_| !it.unit.is(POINTS))
    else {
        return Said::Nothing;
    };
    let columns: Vec<usize> =
        (1..grid.headers.len()).filter(|&column| grid.value(row, column).is_some()).collect();
    let changes: Vec<usize> = columns
        .iter()
        .copied()
        .filter(|&column| {
            let mut cells = (0..grid.cells.len()).filter_map(|row| grid.value(row, column));
            let is_signed =
                |cell: usize| matches!(reading.numbers[cell].sign, Sign::Plus | Sign::Minus);
            cells.any(is_signed) && grid.unit(reading, column).is(PERCENT)
        })
        .collect();
    let is_judged = it.unit.is(PERCENT) && matches!(said, Direction::Faster | Direction::Slower);
    let stated = match *changes {
        [column] if is_judged => Some(column),
        _ => None,
    };
    let fits = |column: usize| {
        let size = grid.value(row, column).map(|cell| reading.numbers[cell].size());
        grid.unit(reading, column).kind == it.unit.kind
            && size.is_some_and(|span| span.meets(it.size()))
    };
    if let Some(column) = columns.iter().copied().find(|&column| fits(column)) {
        let Some(cell) = grid.value(row, column) else { return Said::Nothing };
        let numbers = vec![number, cell];
        let falls = reading.numbers[cell].sign == Sign::Minus;
        let faster = grid_says_faster(reading, grid, row, falls);
        let is_wrong = match said {
            Direction::Faster => faster == Some(false),
            Direction::Slower => faster == Some(true),
            _ => false,
        };
        if is_wrong && changes.contains(&column) {
            let message = format!(
                "{} has {} in the table: the other way round",
                grid.labels[row].trim(),
                reading.printed(cell)
            );
            let rule = Rule::Direction;
            return Said::Relation(Relation::broken(rule, numbers, Severity::Decision, message));
        }
        if stated != Some(column) {
            return Said::Anything;
        }
        return Said::Relation(Relation::holds(Rule::PercentChange, numbers));
    }
    stated.and_then(|column| other_change(reading, grid, (number, row, column), &columns)).into()
}

/// Returns the finding that a difference is neither what the column of differences
/// has for a row, nor that of two of its values.
fn other_change(
    reading: &Reading<'_>,
    grid: &Grid,
    (number, row, column): (usize, usize, usize),
    columns: &[usize],
) -> Option<Relation> {
    let it = &reading.numbers[number];
    let pairs =
        columns.iter().flat_map(|&a| columns.iter().map(move |&b| (a, b))).filter(|(a, b)| a < b);
    let fits = pairs.into_iter().any(|(a, b)| {
        let (Some(x), Some(y)) = (grid.span(reading, row, a), grid.span(reading, row, b)) else {
            return false;
        };
        let (low, high) = if x.middle() < y.middle() { (x, y) } else { (y, x) };
        grid.unit(reading, a).kind == grid.unit(reading, b).kind
            && low.low > 0.0
            && differences(low, high, PERCENT).iter().any(|span| span.meets(it.size()))
    });
    if fits {
        return None;
    }
    let cell = grid.value(row, column)?;
    let message = format!(
        "{} is printed of {}; the table has {}",
        reading.printed(number),
        grid.labels[row].trim(),
        reading.printed(cell)
    );
    Some(Relation::broken(Rule::PercentChange, vec![number, cell], Severity::Inconsistent, message))
}

/// Returns whether a row got faster, where the table tells: by a column of
/// speed-ups, or because its values are times or rates.
fn grid_says_faster(reading: &Reading<'_>, grid: &Grid, row: usize, falls: bool) -> Option<bool> {
    for column in 1..grid.headers.len() {
        let unit = grid.unit(reading, column);
        let header = grid.header(column);
        if header.contains("speed") && unit.is(FACTOR) {
            return Some(reading.numbers[grid.value(row, column)?].value > 1.0);
        }
        if unit.is(TIME) {
            return Some(falls);
        }
        if unit.is_rate() {
            return Some(!falls);
        }
    }
    None
}

/// Judges "the mean of the six speed-ups is 1.22x" against the column.
fn aggregate(
    reading: &Reading<'_>,
    grid: &Grid,
    sentence: &Sentence,
    number: usize,
) -> Option<Relation> {
    let it = &reading.numbers[number];
    let (before, _) = clause(reading, sentence, number);
    let said = words::words(before);
    let of = said.iter().position(|word| word == "of")?;
    let name = said.get(of.checked_sub(1)?)?;
    if !matches!(&**name, "mean" | "average") || said.len() > of + 7 || it.sign != Sign::None {
        return None;
    }
    let about: BTreeSet<String> = said[of + 1..].iter().map(|word| words::stem(word)).collect();
    let columns: Vec<usize> = (1..grid.headers.len())
        .filter(|&column| grid.unit(reading, column).kind == it.unit.kind)
        .collect();
    let meant = by_header(grid, &about, &columns);
    let [column] = *meant else { return None };
    let cells: Vec<usize> =
        grid.plain_rows().into_iter().filter_map(|row| grid.value(row, column)).collect();
    if cells.len() < 2 || cells.len() != grid.plain_rows().len() {
        return None;
    }
    let rows = grid.plain_rows();
    let sum = rows
        .iter()
        .filter_map(|&row| grid.span(reading, row, column))
        .fold(Span::around(0.0, 0.0), Span::plus);
    let mean = sum.scaled(1.0 / rows.len() as f64);
    let mut numbers = vec![number];
    numbers.extend(&cells);
    if mean.meets(it.base()) {
        return Some(Relation::holds(Rule::Average, numbers));
    }
    let value = show(mean.middle() / it.unit.scale, it.decimals);
    let message = format!(
        "{} is printed; the mean of the column {} is {value}",
        reading.printed(number),
        grid.headers[column].trim()
    );
    Some(
        Relation::broken(Rule::Average, numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}
