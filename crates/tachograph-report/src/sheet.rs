//! The table of `tacho analyze`: one model, written three ways.
//!
//! Owns: [`Sheet`] with its columns and cells. A cell that a method could not
//! fill holds the reason; it is never silently blank.
//!
//! Does not: know what the values mean, or round: a renderer does, once.

mod csv;
mod json;
mod terminal;

pub(crate) use csv::csv;
pub(crate) use json::json;
pub(crate) use terminal::terminal;

use crate::claim::Format;
use crate::depth::{Found, Refused};
use crate::formula::Formula;

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sheet {
    /// Its name in files: `estimates`.
    pub(crate) name: &'static str,
    /// What stands above it on a terminal.
    pub(crate) title: String,
    /// How many leading columns say what a row is about.
    pub(crate) n_keys: usize,
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What a reader must know.
    pub(crate) notes: Vec<String>,
}

/// A column.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Column {
    /// Its name in files: `mean`.
    pub(crate) name: &'static str,
    /// Its head on a terminal.
    pub(crate) head: &'static str,
    /// The unit of its numbers; empty for words, counts and ratios.
    pub(crate) unit: String,
    pub(crate) kind: Kind,
    /// How its numbers are derived; `None` for words.
    pub(crate) formula: Option<Formula>,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Words,
    /// Whole numbers.
    Count,
    /// Numbers, printed so on a terminal.
    Number(Format),
    /// Intervals, two columns in files: `…_low` and `…_high`.
    Interval(Format),
}

/// What stands in a place.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Words(String),
    Count(u64),
    Number(f64),
    Interval(f64, f64),
    /// There is nothing to say, and the column's documentation says when.
    Absent,
    /// A method gave nothing, and why.
    Refused(String),
}

impl Column {
    pub(crate) fn words(name: &'static str, head: &'static str) -> Self {
        Self { name, head, unit: String::new(), kind: Kind::Words, formula: None }
    }

    pub(crate) fn count(name: &'static str, head: &'static str, formula: Formula) -> Self {
        Self { name, head, unit: String::new(), kind: Kind::Count, formula: Some(formula) }
    }

    pub(crate) fn number(
        name: &'static str,
        head: &'static str,
        (unit, format): (&str, Format),
        formula: Formula,
    ) -> Self {
        let kind = Kind::Number(format);
        Self { name, head, unit: unit.to_owned(), kind, formula: Some(formula) }
    }

    pub(crate) fn interval(
        name: &'static str,
        head: &'static str,
        (unit, format): (&str, Format),
        formula: Formula,
    ) -> Self {
        let kind = Kind::Interval(format);
        Self { name, head, unit: unit.to_owned(), kind, formula: Some(formula) }
    }

    /// A p-value.
    pub(crate) fn p(name: &'static str, head: &'static str, formula: Formula) -> Self {
        Self::number(name, head, ("", Format::PValue), formula)
    }

    /// Returns the names that the column has in files.
    pub(crate) fn file_names(&self) -> Vec<String> {
        match self.kind {
            Kind::Interval(_) => vec![format!("{}_low", self.name), format!("{}_high", self.name)],
            Kind::Words | Kind::Count | Kind::Number(_) => vec![self.name.to_owned()],
        }
    }
}

impl Cell {
    pub(crate) fn words(words: &(impl ToString + ?Sized)) -> Self {
        Self::Words(words.to_string())
    }

    pub(crate) fn count(count: usize) -> Self {
        Self::Count(count as u64)
    }

    /// A number, or nothing to say.
    pub(crate) fn some(number: Option<f64>) -> Self {
        number.map_or(Self::Absent, Self::number)
    }

    /// A number; what no file can hold is refused.
    pub(crate) fn number(number: f64) -> Self {
        if number.is_finite() {
            Self::Number(number)
        } else {
            Self::Refused("beyond the range of numbers".to_owned())
        }
    }

    pub(crate) fn interval(interval: tachograph_stats::Interval) -> Self {
        if interval.low.is_finite() && interval.high.is_finite() {
            Self::Interval(interval.low, interval.high)
        } else {
            Self::Refused("the interval leaves the range of numbers".to_owned())
        }
    }

    /// An interval, or why there is none.
    pub(crate) fn interval_or(
        interval: Option<tachograph_stats::Interval>,
        reason: impl Into<String>,
    ) -> Self {
        interval.map_or_else(|| Self::Refused(reason.into()), Self::interval)
    }

    /// What a method found, or why it found nothing.
    pub(crate) fn found<T>(found: &Found<T>, cell: impl FnOnce(&T) -> Self) -> Self {
        match found {
            Ok(value) => cell(value),
            Err(Refused(reason)) => Self::Refused(reason.clone()),
        }
    }
}

impl Sheet {
    pub(crate) fn new(
        name: &'static str,
        title: impl Into<String>,
        n_keys: usize,
        columns: Vec<Column>,
    ) -> Self {
        Self { name, title: title.into(), n_keys, columns, rows: Vec::new(), notes: Vec::new() }
    }

    /// Adds a row, one cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.columns.len(), "one cell for each column of {}", self.name);
        self.rows.push(cells);
    }

    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }
}
