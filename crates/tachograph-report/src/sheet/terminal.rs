//! A sheet for a terminal.
//!
//! Owns: alignment, the fold of a table that is wider than the terminal into parts
//! that repeat its keys, and the numbered reasons under it.

use super::{Cell, Column, Kind, Sheet};
use crate::claim::{Format, Number};

/// The spaces between two columns.
const GAP: usize = 2;

/// Returns the sheet as lines of at most `width` characters, if its keys and its
/// widest column fit into that.
pub(crate) fn terminal(sheet: &Sheet, width: usize) -> String {
    let mut out = format!("{}\n", sheet.title);
    if let Some(reason) = refused_as_a_whole(sheet) {
        wrap(&mut out, &format!("none: {reason}"), width);
        return out;
    }
    let mut reasons: Vec<&str> = Vec::new();
    let cells: Vec<Vec<String>> = sheet
        .rows
        .iter()
        .map(|row| {
            let columns = sheet.columns.iter().zip(row);
            columns.map(|(column, cell)| text(column, cell, &mut reasons)).collect()
        })
        .collect();
    let widths: Vec<usize> = (0..sheet.columns.len())
        .map(|at| {
            let head = count(&head(&sheet.columns[at]));
            cells.iter().map(|row| count(&row[at])).max().unwrap_or(0).max(head)
        })
        .collect();
    if !sheet.rows.is_empty() {
        let parts = parts(sheet.n_keys, &widths, width);
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            write_part(&mut out, sheet, &cells, (part, &widths));
        }
    }
    for (index, reason) in reasons.iter().enumerate() {
        wrap(&mut out, &format!("[{}] {reason}", index + 1), width);
    }
    for note in &sheet.notes {
        wrap(&mut out, note, width);
    }
    out
}

/// Returns the reason if it is the same in every place of the table.
fn refused_as_a_whole(sheet: &Sheet) -> Option<&str> {
    let mut places = sheet.rows.iter().flat_map(|row| row.iter().skip(sheet.n_keys));
    let Some(Cell::Refused(reason)) = places.next() else { return None };
    places.all(|cell| *cell == Cell::Refused(reason.clone())).then_some(reason)
}

fn count(text: &str) -> usize {
    text.chars().count()
}

fn head(column: &Column) -> String {
    let in_percent = matches!(
        column.kind,
        Kind::Number(Format::Change(_) | Format::Percent(_))
            | Kind::Interval(Format::Change(_) | Format::Percent(_))
    );
    // An interval stands beside its value, which has the unit.
    let is_interval = matches!(column.kind, Kind::Interval(_));
    if column.unit.is_empty() || column.unit == "fraction" || in_percent || is_interval {
        column.head.to_owned()
    } else {
        format!("{}, {}", column.head, column.unit)
    }
}

/// Returns the text of a cell; a reason gets the number of its footnote.
fn text<'a>(column: &Column, cell: &'a Cell, reasons: &mut Vec<&'a str>) -> String {
    let format = match column.kind {
        Kind::Number(format) | Kind::Interval(format) => format,
        Kind::Words | Kind::Count => Format::Count,
    };
    match cell {
        Cell::Words(words) => words.clone(),
        Cell::Count(count) => Format::Count.print(Number::Count(*count)),
        Cell::Number(number) => format.print(Number::Real(*number)),
        Cell::Interval(low, high) => {
            let [low, high] = [low, high].map(|end| format.print(Number::Real(*end)));
            format!("[{low}, {high}]")
        }
        Cell::Absent => "–".to_owned(),
        Cell::Refused(reason) => {
            let at = reasons.iter().position(|own| own == reason).unwrap_or_else(|| {
                reasons.push(reason);
                reasons.len() - 1
            });
            format!("none [{}]", at + 1)
        }
    }
}

/// Returns which columns stand beside each other: the keys, then as many others as
/// fit.
fn parts(n_keys: usize, widths: &[usize], width: usize) -> Vec<Vec<usize>> {
    let keys: Vec<usize> = (0..n_keys.min(widths.len())).collect();
    let start: usize = keys.iter().map(|&at| widths[at] + GAP).sum();
    let mut parts = Vec::new();
    let mut part = keys.clone();
    let mut used = start;
    for (at, own) in widths.iter().enumerate().skip(keys.len()) {
        if part.len() > keys.len() && used + own > width {
            parts.push(std::mem::replace(&mut part, keys.clone()));
            used = start;
        }
        part.push(at);
        used += own + GAP;
    }
    parts.push(part);
    parts
}

fn write_part(
    out: &mut String,
    sheet: &Sheet,
    cells: &[Vec<String>],
    (part, widths): (&[usize], &[usize]),
) {
    let mut line = |texts: &dyn Fn(usize) -> String| {
        let mut line = String::new();
        for &at in part {
            let text = texts(at);
            let space = " ".repeat(widths[at] - count(&text));
            if sheet.columns[at].kind == Kind::Words {
                line.push_str(&text);
                line.push_str(&space);
            } else {
                line.push_str(&space);
                line.push_str(&text);
            }
            line.push_str(&" ".repeat(GAP));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    };
    line(&|at| head(&sheet.columns[at]));
    line(&|at| "─".repeat(widths[at]));
    for row in cells {
        line(&|at| row[at].clone());
    }
}

/// Adds words in lines of at most `width` characters.
fn wrap(out: &mut String, words: &str, width: usize) {
    let mut line = String::new();
    for word in words.split_whitespace() {
        if !line.is_empty() && count(&line) + 1 + count(word) > width {
            out.push_str(&line);
            out.push('\n');
            "    ".clone_into(&mut line);
        } else if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    out.push_str(&line);
    out.push('\n');
}
