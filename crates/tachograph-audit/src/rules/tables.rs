//! Tables: what their columns and rows say of each other.
//!
//! Owns: the number of each cell, headers and row labels, and the checks that a
//! header or a label asks for: totals, averages, shares, statistics in order,
//! intervals. Relations between columns that no header states are found from the
//! rows that agree: see [`columns`].

mod best;
mod columns;
mod lookup;

use crate::number::{self, PERCENT, Role, Unit};
use crate::reading::Reading;
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words;

use super::labels::{self, Statistic};
use super::{order, show, spread, sums};

/// A table as it is read.
pub(super) struct Grid {
    /// The header of each column.
    headers: Vec<String>,
    /// The text of the first cell of each row below the header.
    labels: Vec<String>,
    /// The block of each cell below the header.
    cells: Vec<Vec<usize>>,
    /// The number of each cell: the only one, or the one before an interval.
    values: Vec<Vec<Option<usize>>>,
}

impl Grid {
    fn of(reading: &Reading<'_>, table: usize) -> Option<Self> {
        let rows = &reading.document.tables[table].rows;
        let text = |block: usize| reading.document.blocks[block].text.clone();
        let headers: Vec<String> = rows.first()?.iter().map(|&block| text(block)).collect();
        let cells: Vec<Vec<usize>> = rows[1..].to_vec();
        let labels = cells
            .iter()
            .map(|row| row.first().map(|&block| text(block)).unwrap_or_default())
            .collect();
        let values = cells
            .iter()
            .map(|row| row.iter().map(|&block| value(reading, block)).collect())
            .collect();
        Some(Self { headers, labels, cells, values })
    }

    /// Returns the number of a cell.
    fn value(&self, row: usize, column: usize) -> Option<usize> {
        self.values.get(row)?.get(column).copied().flatten()
    }

    /// Returns the header of a column, lower case.
    fn header(&self, column: usize) -> String {
        self.headers.get(column).map(|text| text.to_lowercase()).unwrap_or_default()
    }

    /// Returns the unit of a column: that of its cells, or the one that its header
    /// names.
    fn unit(&self, reading: &Reading<'_>, column: usize) -> Unit {
        let own = (0..self.cells.len()).find_map(|row| {
            let unit = &reading.numbers[self.value(row, column)?].unit;
            (!unit.is_none()).then(|| unit.clone())
        });
        own.or_else(|| header_unit(self.headers.get(column)?)).unwrap_or_else(Unit::none)
    }

    /// Returns what the number of a cell can stand for, in the base of its unit.
    fn span(&self, reading: &Reading<'_>, row: usize, column: usize) -> Option<Span> {
        let number = &reading.numbers[self.value(row, column)?];
        let scale = if number.unit.is_none() {
            self.unit(reading, column).scale
        } else {
            number.unit.scale
        };
        Some(number.span().scaled(scale))
    }

    /// Returns the words of a header.
    fn header_words(&self, column: usize) -> Vec<String> {
        words::words(&self.header(column))
    }

    /// Returns the rows that are no totals, averages or the like.
    fn plain_rows(&self) -> Vec<usize> {
        (0..self.cells.len()).filter(|&row| summary(&self.labels[row]).is_none()).collect()
    }
}

/// Returns the unit that a header names: in parentheses, or as its last word.
fn header_unit(header: &str) -> Option<Unit> {
    let inside = header.find(['(', '[']).and_then(|open| {
        let rest = &header[open + 1..];
        rest.get(..rest.find([')', ']'])?)
    });
    let last = header.rsplit([',', ' ']).next();
    [inside, Some(header.trim()), last]
        .into_iter()
        .flatten()
        .find_map(|name| number::unit_of(name.trim()))
        .map(|(kind, scale)| Unit { kind, scale })
}

/// Returns the number that a cell is about.
fn value(reading: &Reading<'_>, block: usize) -> Option<usize> {
    let numbers = reading.in_block(block);
    let mut quantities = numbers.clone().filter(|&at| {
        matches!(reading.numbers[at].role, Role::Quantity | Role::PValue | Role::SampleSize)
    });
    let first = quantities.next()?;
    let text = reading.document.blocks[block].text.trim_start();
    let lead = &reading.document.blocks[block].text[..reading.numbers[first].range.start];
    let is_first = words::words(lead).is_empty() && !text.starts_with(['[', '(']);
    match quantities.next() {
        None => is_first.then_some(first),
        Some(next) => {
            let gap = reading.gap(first, next);
            (is_first && gap.contains(['[', '(', '±'])).then_some(first)
        }
    }
}

/// What a row summarises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Summary {
    Total,
    Mean,
}

fn summary(label: &str) -> Option<Summary> {
    let words = words::words(label);
    if words.is_empty() || words.len() > 2 {
        return None;
    }
    match &*words[0] {
        "total" | "totals" | "sum" => Some(Summary::Total),
        "mean" | "average" | "avg" => Some(Summary::Mean),
        _ => None,
    }
}

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    let grids: Vec<Grid> =
        (0..reading.document.tables.len()).filter_map(|table| Grid::of(reading, table)).collect();
    for grid in &grids {
        relations.extend(statistics(reading, grid));
        relations.extend(interval_cells(reading, grid));
        relations.extend(summaries(reading, grid));
        relations.extend(share_columns(reading, grid));
        relations.extend(columns::find(reading, grid));
        relations.extend(periods(reading, grid));
        relations.extend(significance(reading, grid));
    }
    relations.extend(best::find(reading, &grids));
    relations.extend(lookup::find(reading, &grids));
    relations
}

/// A cell with what row and column say of it.
pub(super) struct Cell {
    /// Its number.
    pub(super) number: usize,
    /// The label of its row.
    pub(super) row: String,
    /// The header of its column.
    pub(super) column: String,
    /// Its unit, from the cell, the header or the label.
    pub(super) unit: Unit,
}

/// Returns the cells of all tables whose rows have names.
pub(super) fn cells(reading: &Reading<'_>) -> Vec<Cell> {
    let mut found = Vec::new();
    for table in 0..reading.document.tables.len() {
        let Some(grid) = Grid::of(reading, table).filter(lookup::has_names) else { continue };
        for (row, label) in grid.labels.iter().enumerate() {
            for column in 1..grid.headers.len() {
                let Some(number) = grid.value(row, column) else { continue };
                let own = &reading.numbers[number].unit;
                let unit = if own.is_none() {
                    header_unit(label).or_else(|| header_unit(&grid.headers[column]))
                } else {
                    Some(own.clone())
                };
                let unit = unit.unwrap_or_else(Unit::none);
                let (row, column) = (label.clone(), grid.headers[column].clone());
                found.push(Cell { number, row, column, unit });
            }
        }
    }
    found
}

/// Checks statistics that headers, or row labels, name.
fn statistics(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let named = |phrases: &[String]| -> Vec<(usize, Statistic)> {
        let names = phrases.iter().enumerate();
        names.filter_map(|(at, phrase)| Some((at, labels::in_phrase(phrase)?))).collect()
    };
    let (columns, rows) = (named(&grid.headers), named(&grid.labels));
    let across = (0..grid.cells.len()).map(|row| {
        let cell = |&(column, it): &(usize, Statistic)| Some((grid.value(row, column)?, it));
        columns.iter().filter_map(cell).collect()
    });
    let down = (1..grid.headers.len()).map(|column| {
        let cell = |&(row, it): &(usize, Statistic)| Some((grid.value(row, column)?, it));
        rows.iter().filter_map(cell).collect()
    });
    let lines: Vec<Vec<(usize, Statistic)>> = across.chain(down).collect();
    let judged = lines.iter().flat_map(|numbers| {
        order::in_order(reading, numbers).into_iter().chain(spread::variation(reading, numbers))
    });
    judged.collect()
}

/// Checks cells such as "[29.21, 39.12]" against the value to their left.
fn interval_cells(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let mut relations = Vec::new();
    for row in &grid.cells {
        for (column, &block) in row.iter().enumerate() {
            let text = reading.document.blocks[block].text.trim();
            let header = grid.header_words(column);
            let says = header.iter().any(|word| {
                matches!(&**word, "ci" | "interval" | "confidence" | "ci95" | "credible")
            });
            let numbers: Vec<usize> = reading
                .in_block(block)
                .filter(|&at| reading.numbers[at].role == Role::Quantity)
                .collect();
            let [low, high] = *numbers else { continue };
            let is_interval = text.starts_with('[') && text.ends_with(']') || says;
            let joins =
                matches!(reading.gap(low, high).trim(), "," | "–" | "-" | "to" | ".." | "—" | ";");
            let estimate = column.checked_sub(1).and_then(|left| value(reading, row[left]));
            if let Some(estimate) = estimate.filter(|_| is_interval && joins) {
                let (e, h) = (&reading.numbers[estimate], &reading.numbers[high]);
                let is_unit = e.unit.kind == h.unit.kind || h.unit.is_none();
                let is_estimate = e.role == Role::Quantity
                    && !grid.header_words(column - 1).iter().any(|word| word == "n");
                if is_unit && is_estimate {
                    relations.push(spread::interval(reading, estimate, low, high));
                }
            }
        }
    }
    relations
}

/// Checks rows that are called total or mean.
fn summaries(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let plain = grid.plain_rows();
    let mut relations = Vec::new();
    for row in 0..grid.cells.len() {
        let Some(summary) = summary(&grid.labels[row]) else { continue };
        let above: Vec<usize> = plain.iter().copied().filter(|&other| other < row).collect();
        let columns: Vec<(usize, usize, Vec<usize>)> = (1..grid.headers.len())
            .filter_map(|column| {
                let stated = grid.value(row, column)?;
                let kind = &reading.numbers[stated].unit.kind;
                let parts: Vec<usize> =
                    above.iter().filter_map(|&other| grid.value(other, column)).collect();
                let is_column = parts.len() == above.len()
                    && parts.len() >= 2
                    && parts.iter().all(|&at| &reading.numbers[at].unit.kind == kind);
                is_column.then_some((column, stated, parts))
            })
            .collect();
        let adds_up = |(_, stated, parts): &&(usize, usize, Vec<usize>)| {
            !reading.numbers[*stated].unit.is_rate()
                && reading.numbers[*stated].counted().meets(sum(reading, parts))
        };
        let n_sums = columns.iter().filter(adds_up).count();
        for (column, stated, parts) in &columns {
            relations.extend(match summary {
                Summary::Total => total(reading, *stated, parts, n_sums > 0),
                Summary::Mean => mean(reading, grid, (row, *column), parts),
            });
        }
    }
    relations
}

/// Returns what the sum of cells can be.
fn sum(reading: &Reading<'_>, parts: &[usize]) -> Span {
    let parts = parts.iter().map(|&at| reading.numbers[at].counted());
    parts.fold(Span::around(0.0, 0.0), Span::plus)
}

/// Judges a cell of a row that is called total. `adds_up` says whether another cell
/// of the row is the sum of its column.
fn total(reading: &Reading<'_>, stated: usize, parts: &[usize], adds_up: bool) -> Option<Relation> {
    let number = &reading.numbers[stated];
    if number.unit.is_rate() {
        return None;
    }
    let sum = sum(reading, parts);
    let mut numbers = vec![stated];
    numbers.extend(parts);
    let printed = number.counted();
    if printed.meets(sum) {
        return Some(Relation::holds(Rule::Sum, numbers));
    }
    // Far from the sum, the row may be none of this column: a total mean, a maximum.
    let is_far = (sum.middle() - printed.middle()).abs() > 0.25 * printed.middle().abs();
    let is_among = parts.iter().any(|&at| reading.numbers[at].counted().low <= printed.high)
        && parts.iter().any(|&at| printed.low <= reading.numbers[at].counted().high);
    let is_whole = number.unit.is(PERCENT) && printed.meets(Span::around(100.0, 0.0));
    if is_far && (is_among || !(adds_up || is_whole)) {
        return None;
    }
    let value = show(sum.middle() / number.unit.scale, number.decimals);
    let message = format!(
        "a total of {} is printed; the rows above add up to {value}",
        reading.printed(stated)
    );
    Some(
        Relation::broken(Rule::Sum, numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}

fn mean(
    reading: &Reading<'_>,
    grid: &Grid,
    (row, column): (usize, usize),
    parts: &[usize],
) -> Option<Relation> {
    let stated = grid.value(row, column)?;
    let number = &reading.numbers[stated];
    let spans: Vec<Span> = parts.iter().map(|&at| reading.numbers[at].base()).collect();
    let sum = spans.iter().copied().fold(Span::around(0.0, 0.0), Span::plus);
    let computed = sum.scaled(1.0 / spans.len() as f64);
    let mut numbers = vec![stated];
    numbers.extend(parts);
    if number.base().meets(computed) {
        return Some(Relation::holds(Rule::Average, numbers));
    }
    let low = spans.iter().map(|span| span.low).fold(f64::INFINITY, f64::min);
    let high = spans.iter().map(|span| span.high).fold(f64::NEG_INFINITY, f64::max);
    let inside = number.base().meets(Span { low, high });
    // A weighted mean is possible where a column counts something.
    let has_weights = (1..grid.headers.len()).any(|other| {
        other != column
            && (0..row).all(|above| {
                grid.value(above, other).is_none_or(|at| reading.numbers[at].is_count())
            })
            && (0..row).any(|above| grid.value(above, other).is_some())
    });
    if inside && has_weights {
        return None;
    }
    let value = show(computed.middle() / number.unit.scale, number.decimals);
    let message = format!(
        "a mean of {} is printed; the mean of the rows above is {value}",
        reading.printed(stated)
    );
    Some(
        Relation::broken(Rule::Average, numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}

/// Words of headers whose shares are of time: how busy something was.
const BUSY: [&str; 7] = ["cpu", "gpu", "core", "cores", "processor", "processors", "busy"];

/// Checks columns of shares.
fn share_columns(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let mut relations = Vec::new();
    for column in 1..grid.headers.len() {
        let header = grid.header(column);
        let says = ["share", "% of total", "% of all", "fraction of", "proportion", "percent of"]
            .iter()
            .any(|name| header.contains(name))
            && !grid.header_words(column).iter().any(|word| BUSY.contains(&&**word));
        let numbers: Vec<usize> =
            grid.plain_rows().iter().filter_map(|&row| grid.value(row, column)).collect();
        let is_percent = numbers.iter().all(|&at| {
            reading.numbers[at].unit.is(PERCENT)
                || (header.contains('%') && reading.numbers[at].unit.is_none())
        });
        let is_totalled = (0..grid.cells.len()).any(|row| {
            let total = grid.value(row, column).map(|at| reading.numbers[at].span());
            summary(&grid.labels[row]) == Some(Summary::Total)
                && total.is_some_and(|span| span.meets(Span::around(100.0, 0.0)))
        });
        if says && is_percent && numbers.len() >= 3 && numbers.len() == grid.plain_rows().len() {
            relations.extend(sums::whole(reading, numbers, is_totalled));
        }
    }
    relations
}

/// Checks a row of amounts per year against the row per month.
fn periods(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let row_of = |names: &[&str]| {
        let mut rows = (0..grid.labels.len()).filter(|&row| {
            let label = words::words(&grid.labels[row].to_lowercase());
            label.iter().any(|word| names.contains(&&**word)) && label.len() <= 4
        });
        rows.next().filter(|_| rows.next().is_none())
    };
    let (Some(month), Some(year)) =
        (row_of(&["month", "monthly"]), row_of(&["year", "yearly", "annual", "annually"]))
    else {
        return Vec::new();
    };
    (1..grid.headers.len())
        .filter_map(|column| {
            let (per_month, per_year) = (grid.value(month, column)?, grid.value(year, column)?);
            let (a, b) = (&reading.numbers[per_month], &reading.numbers[per_year]);
            if !a.unit.is_money() || a.unit.kind != b.unit.kind {
                return None;
            }
            let numbers = vec![per_year, per_month];
            let computed = a.base().scaled(12.0);
            if computed.meets(b.base()) {
                return Some(Relation::holds(Rule::Period, numbers));
            }
            let value = show(computed.middle(), b.decimals);
            let message = format!(
                "{} a year is printed; {} a month is {value} a year",
                reading.printed(per_year),
                reading.printed(per_month)
            );
            Some(
                Relation::broken(Rule::Period, numbers, Severity::Inconsistent, message)
                    .corrected(Some(value)),
            )
        })
        .collect()
}

/// Checks a column of p-values against a column that says yes or no.
fn significance(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let column_of = |names: &[&str]| {
        (0..grid.headers.len())
            .find(|&column| grid.header_words(column).iter().any(|word| names.contains(&&**word)))
    };
    let mut relations = Vec::new();
    let (Some(p), Some(said)) = (
        column_of(&["p", "p-value"]),
        column_of(&["significant", "significant?", "sig", "verdict", "significance"]),
    ) else {
        return relations;
    };
    for row in 0..grid.cells.len() {
        let Some(&block) = grid.cells[row].get(said) else { continue };
        let text = reading.document.blocks[block].text.to_lowercase();
        let says = match text.trim().trim_matches(['*', '.']) {
            "yes" | "significant" | "✓" | "✅" | "true" => true,
            "no" | "not significant" | "n.s" | "ns" | "✗" | "❌" | "false" | "insignificant" => {
                false
            }
            _ => continue,
        };
        let number = grid.value(row, p);
        relations.extend(number.map(|at| spread::p_value(reading, at, says)));
    }
    relations
}
