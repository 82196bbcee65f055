//! Columns that are computed from other columns.
//!
//! Owns: formulas between columns, found from the rows that agree with them. A
//! formula counts as stated if most rows agree, and what rows do not agree is a
//! finding. Where a header names a difference, fewer rows are enough.
//!
//! Does not: take an accident for a formula: it must be precise enough to fail.

use crate::number::{FACTOR, Number, PERCENT, POINTS, Sign};
use crate::reading::Reading;
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;

use super::{Grid, show};
use crate::rules::labels::{self, Statistic};

/// A way to compute a cell from two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Formula {
    /// `a + b`
    Sum,
    /// `a - b`
    Difference,
    /// `a × b`
    Product,
    /// `a / b`
    Quotient,
    /// `100 (a / b - 1)`, sign and all.
    Change,
    /// `100 (1 - a / b)`: the same with its sign turned.
    Saving,
    /// `100 a / b`
    Percent,
    /// `100 a / b` of a standard deviation and a mean.
    Variation,
}

const FORMULAS: [Formula; 8] = [
    Formula::Variation,
    Formula::Change,
    Formula::Saving,
    Formula::Quotient,
    Formula::Difference,
    Formula::Sum,
    Formula::Percent,
    Formula::Product,
];

impl Formula {
    /// Returns what the formula gives for two cells, in the unit of `target`.
    fn of(self, a: &Number, b: &Number, target: &Number) -> Option<Span> {
        let like = a.unit.kind == b.unit.kind;
        let of_target = a.unit.kind == target.unit.kind && like;
        let (x, y) = (a.counted(), b.counted());
        match self {
            Self::Sum => of_target.then(|| a.base().plus(b.base())),
            Self::Difference => (of_target
                || (like && a.unit.is(PERCENT) && target.unit.is(POINTS)))
            .then(|| a.base().minus(b.base())),
            Self::Product => {
                (a.unit.is_none() && b.unit.is_none() && target.unit.is_none()).then(|| x.times(y))
            }
            Self::Quotient => {
                let plain =
                    target.unit.is(FACTOR) || (like && target.unit.is_none() && !target.is_count());
                if plain && like { x.over(y) } else { None }
            }
            Self::Change if target.unit.is(PERCENT) && like && !a.unit.is(PERCENT) => {
                Some(x.change_from(y)?.scaled(100.0))
            }
            Self::Saving if target.unit.is(PERCENT) && like && !a.unit.is(PERCENT) => {
                Some(x.change_from(y)?.scaled(-100.0))
            }
            Self::Percent if target.unit.is(PERCENT) && target.sign == Sign::None => {
                if a.is_count() && b.is_count() { Some(x.over(y)?.scaled(100.0)) } else { None }
            }
            Self::Variation if target.unit.is(PERCENT) && like && !a.unit.is(PERCENT) => {
                Some(x.over(y)?.scaled(100.0))
            }
            _ => None,
        }
    }

    fn rule(self, target: &Number) -> Rule {
        match self {
            Self::Change | Self::Saving => Rule::PercentChange,
            Self::Quotient if target.unit.is(FACTOR) => Rule::Ratio,
            Self::Difference if target.unit.is(POINTS) => Rule::PercentagePoints,
            Self::Sum => Rule::Sum,
            Self::Percent => Rule::Granularity,
            Self::Variation => Rule::Variation,
            _ => Rule::Table,
        }
    }

    fn written(self, a: &str, b: &str) -> String {
        match self {
            Self::Sum => format!("{a} + {b}"),
            Self::Difference => format!("{a} − {b}"),
            Self::Product => format!("{a} × {b}"),
            Self::Quotient | Self::Percent | Self::Variation => format!("{a} / {b}"),
            Self::Change => format!("the change from {b} to {a}"),
            Self::Saving => format!("the reduction from {b} to {a}"),
        }
    }
}

/// Where the operands of a formula stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operands {
    /// Two columns of the same row.
    Columns(usize, usize),
    /// A column of the row, and the same column of one other row.
    Reference(usize, usize),
}

/// A formula with its operands, and the rows that it can be asked of.
struct Candidate {
    formula: Formula,
    operands: Operands,
    holds: Vec<(usize, [usize; 3])>,
    fails: Vec<(usize, [usize; 3])>,
    /// The widest that a prediction is against the spread of all predictions.
    is_precise: bool,
}

impl Candidate {
    /// Where all operands are whole and nearly all rows fit exactly, counts are
    /// meant, and a row that is off by one does not fit.
    fn require_exact(&mut self, reading: &Reading<'_>) {
        let sign = match self.formula {
            Formula::Sum => 1.0,
            Formula::Difference => -1.0,
            _ => return,
        };
        let is_exact = |numbers: &[usize; 3]| {
            let [stated, a, b] = numbers.map(|at| &reading.numbers[at]);
            (a.value + sign * b.value - stated.value).abs() < 0.25
        };
        let all_counts = self
            .holds
            .iter()
            .all(|(_, numbers)| numbers.iter().all(|&at| reading.numbers[at].is_count()));
        let n_exact = self.holds.iter().filter(|(_, numbers)| is_exact(numbers)).count();
        if all_counts && n_exact >= 2 && self.holds.len() - n_exact <= 1 && self.fails.is_empty() {
            let (exact, off) = self.holds.drain(..).partition(|(_, numbers)| is_exact(numbers));
            (self.holds, self.fails) = (exact, off);
        }
    }
}

/// Words of headers that say that whole things are counted.
const COUNTED: [&str; 22] = [
    "runs",
    "tests",
    "passed",
    "failed",
    "requests",
    "calls",
    "count",
    "counts",
    "files",
    "errors",
    "cases",
    "samples",
    "items",
    "configurations",
    "configs",
    "skipped",
    "jobs",
    "users",
    "ok",
    "failures",
    "events",
    "n",
];

/// Returns whether a header says that the columns count whole things.
fn counts_things(grid: &Grid, target: usize, operands: Operands) -> bool {
    let Operands::Columns(a, b) = operands else { return false };
    [target, a, b]
        .iter()
        .any(|&column| grid.header_words(column).iter().any(|word| COUNTED.contains(&&**word)))
}

/// Words of headers that name a computed column.
const COMPUTED: [&str; 25] = [
    "change",
    "diff",
    "difference",
    "delta",
    "δ",
    "improvement",
    "speedup",
    "speed-up",
    "gain",
    "reduction",
    "overhead",
    "ratio",
    "vs",
    "total",
    "sum",
    "increase",
    "decrease",
    "saving",
    "savings",
    "growth",
    "gap",
    "slowdown",
    "rate",
    "%",
    "relative",
];

/// Returns every relation between columns.
pub(super) fn find(reading: &Reading<'_>, grid: &Grid) -> Vec<Relation> {
    let mut relations = Vec::new();
    for target in 1..grid.headers.len() {
        if is_p(grid, target) || has_intervals(reading, grid, target) {
            continue;
        }
        let best = candidates(reading, grid, target)
            .into_iter()
            .filter(|candidate| is_stated(reading, grid, target, candidate))
            .max_by_key(|candidate| {
                (candidate.holds.len(), std::cmp::Reverse(candidate.fails.len()))
            });
        let Some(best) = best else { continue };
        for (_, numbers) in &best.holds {
            let rule = best.formula.rule(&reading.numbers[numbers[0]]);
            relations.push(Relation::holds(rule, numbers.to_vec()));
        }
        for (_, numbers) in &best.fails {
            relations.extend(broken(reading, best.formula, *numbers));
        }
    }
    relations
}

/// Returns whether enough rows agree with a formula for it to be meant.
fn is_stated(reading: &Reading<'_>, grid: &Grid, target: usize, candidate: &Candidate) -> bool {
    let (holds, fails) = (candidate.holds.len(), candidate.fails.len());
    let header = grid.header(target);
    let words = grid.header_words(target);
    let says = words.iter().any(|word| COMPUTED.contains(&&**word))
        || header.contains(['Δ', '×', '%'])
        || header.contains("speed")
        || candidate.formula == Formula::Variation;
    let mut printed: Vec<f64> =
        candidate.holds.iter().map(|(_, numbers)| reading.numbers[numbers[0]].value).collect();
    printed.sort_by(f64::total_cmp);
    printed.dedup();
    let adds_nothing = candidate
        .holds
        .iter()
        .chain(&candidate.fails)
        .all(|(_, numbers)| numbers[1..].iter().any(|&at| reading.numbers[at].value == 0.0));
    if adds_nothing || !candidate.is_precise || (holds >= 2 && printed.len() < 2) {
        return false;
    }
    if says {
        let most = holds >= 2 && holds >= 2 * fails.max(1);
        // So few rows could not tell a wrong cell from another formula.
        let enough = fails > 0 || holds >= 3;
        return (most && enough)
            || (holds + fails >= 2 && fails <= 1 && is_obvious(grid, target, candidate));
    }
    let is_plain =
        matches!(candidate.formula, Formula::Sum | Formula::Difference | Formula::Product);
    is_plain
        && matches!(candidate.operands, Operands::Columns(..))
        && holds >= 4 * fails.max(1)
        && holds + fails >= 5
}

/// Returns whether the operands are the only two columns of numbers beside the
/// target.
fn is_obvious(grid: &Grid, target: usize, candidate: &Candidate) -> bool {
    let Operands::Columns(a, b) = candidate.operands else { return false };
    (1..grid.headers.len()).all(|column| {
        column == target
            || column == a
            || column == b
            || (0..grid.cells.len()).all(|row| grid.value(row, column).is_none())
    })
}

/// Returns whether the cells of a column are estimates with intervals of their
/// own: such a ratio need not be the quotient of two other estimates.
fn has_intervals(reading: &Reading<'_>, grid: &Grid, column: usize) -> bool {
    let own = |column: usize| {
        grid.cells.iter().any(|row| {
            let text = |column: usize| {
                row.get(column).map_or("", |&block| reading.document.blocks[block].text.trim())
            };
            text(column).contains(['[', '±']) || text(column + 1).starts_with(['[', '±'])
        })
    };
    // A column of the same name is an estimate of the same kind.
    let header = grid.header(column);
    (1..grid.headers.len()).any(|other| grid.header(other) == header && own(other))
}

/// Returns whether a column holds p-values.
fn is_p(grid: &Grid, column: usize) -> bool {
    grid.header_words(column).iter().any(|word| matches!(&**word, "p" | "p-value" | "q"))
}

/// Returns the rows that others may be held against: of a long table, only the
/// first and the last.
fn references(grid: &Grid) -> impl Iterator<Item = usize> {
    const ROWS_MAX: usize = 40;
    let n_rows = grid.cells.len();
    (0..n_rows).filter(move |&row| n_rows <= ROWS_MAX || row == 0 || row + 1 == n_rows)
}

fn candidates(reading: &Reading<'_>, grid: &Grid, target: usize) -> Vec<Candidate> {
    let n = grid.headers.len();
    let mut operands = Vec::new();
    for a in 1..n {
        for b in 1..n {
            if a != b && a != target && b != target && !is_p(grid, a) && !is_p(grid, b) {
                operands.push(Operands::Columns(a, b));
            }
        }
        if a != target && !is_p(grid, a) {
            operands.extend(references(grid).map(|row| Operands::Reference(a, row)));
        }
    }
    let mut found = Vec::new();
    for operands in operands {
        for formula in FORMULAS {
            let commutes = matches!(formula, Formula::Sum | Formula::Product);
            let skipped = match operands {
                Operands::Columns(a, b) => commutes && a > b,
                Operands::Reference(..) => !matches!(
                    formula,
                    Formula::Change | Formula::Saving | Formula::Quotient | Formula::Difference
                ),
            };
            let names = |column: usize| labels::in_phrase(&grid.headers[column]);
            let skipped = skipped
                || (formula == Formula::Variation
                    && !matches!(operands, Operands::Columns(a, _) if names(a) == Some(Statistic::Deviation)
                        && names(target) == Some(Statistic::Variation)));
            if !skipped {
                found.extend(candidate(reading, grid, target, (formula, operands)));
            }
        }
    }
    found
}

fn candidate(
    reading: &Reading<'_>,
    grid: &Grid,
    target: usize,
    (formula, operands): (Formula, Operands),
) -> Option<Candidate> {
    let mut candidate =
        Candidate { formula, operands, holds: Vec::new(), fails: Vec::new(), is_precise: false };
    let mut predictions = Vec::new();
    for row in 0..grid.cells.len() {
        let numbers = match operands {
            Operands::Columns(a, b) => (grid.value(row, a), grid.value(row, b)),
            Operands::Reference(a, reference) if row != reference => {
                (grid.value(row, a), grid.value(reference, a))
            }
            Operands::Reference(..) => continue,
        };
        let (Some(stated), (Some(a), Some(b))) = (grid.value(row, target), numbers) else {
            continue;
        };
        let number = &reading.numbers[stated];
        let Some(span) = formula.of(&reading.numbers[a], &reading.numbers[b], number) else {
            continue;
        };
        let printed = stated_span(number, formula);
        predictions.push((span, printed.high - printed.low));
        let list = if printed.meets(span) { &mut candidate.holds } else { &mut candidate.fails };
        list.push((row, [stated, a, b]));
        // Nothing that fails this often is meant.
        if candidate.fails.len() > candidate.holds.len() + 3 {
            return None;
        }
    }
    candidate.is_precise = is_precise(&predictions);
    if counts_things(grid, target, operands) {
        candidate.require_exact(reading);
    }
    (!candidate.holds.is_empty()).then_some(candidate)
}

fn stated_span(number: &Number, formula: Formula) -> Span {
    match formula {
        Formula::Sum | Formula::Difference if !number.unit.is(POINTS) => number.base(),
        Formula::Product => number.counted(),
        _ => number.span(),
    }
}

/// Returns whether the predictions are so narrow, or so different, that an
/// accident would not fulfil them.
fn is_precise(predictions: &[(Span, f64)]) -> bool {
    let low = predictions.iter().map(|(span, _)| span.middle()).fold(f64::INFINITY, f64::min);
    let high = predictions.iter().map(|(span, _)| span.middle()).fold(f64::NEG_INFINITY, f64::max);
    let width = predictions
        .iter()
        .map(|(span, printed)| span.high - span.low + printed)
        .fold(0.0, f64::max);
    let size = high.abs().max(low.abs());
    if predictions.len() >= 2 { high - low > 2.0 * width } else { size > 5.0 * width }
}

fn broken(reading: &Reading<'_>, formula: Formula, numbers: [usize; 3]) -> Option<Relation> {
    let [stated, a, b] = numbers;
    let target = &reading.numbers[stated];
    let span = formula.of(&reading.numbers[a], &reading.numbers[b], target)?;
    let scale = match formula {
        Formula::Sum | Formula::Difference | Formula::Product if !target.unit.is(POINTS) => {
            target.unit.scale
        }
        _ => 1.0,
    };
    let value = show(span.middle() / scale, target.decimals);
    let flips = span.middle() * target.value < 0.0 && target.span().size().low > 0.0;
    let severity = if flips { Severity::Decision } else { Severity::Inconsistent };
    let message = format!(
        "{} is printed; {} is {value}, as in the other rows of this table",
        reading.printed(stated),
        formula.written(reading.printed(a), reading.printed(b))
    );
    let rule = formula.rule(target);
    Some(Relation::broken(rule, numbers.to_vec(), severity, message).corrected(Some(value)))
}
