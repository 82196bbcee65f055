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
    /// Returns whether it multiplies or divides, so that of estimates with intervals
    /// of their own it need not hold.
    fn is_relative(self) -> bool {
        !matches!(self, Self::Sum | Self::Difference)
    }

    /// Returns whether a header says that a column is computed in this way.
    fn is_named(self, header: &str, words: &[String]) -> bool {
        let says = |names: &[&str]| words.iter().any(|word| names.contains(&&**word));
        match self {
            Self::Variation => true,
            Self::Sum | Self::Product => says(&TOTALS) || header.contains('×'),
            _ => says(&COMPARISONS) || header.contains(['Δ', '×', '%']) || header.contains("speed"),
        }
    }

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

    /// Returns whether the result is another than one of the operands.
    fn does_something(self, a: f64, b: f64) -> bool {
        let is = |value: f64, neutral: f64| (value - neutral).abs() < f64::EPSILON;
        let is_zero = is(a, 0.0) || is(b, 0.0);
        match self {
            Self::Product => !(is_zero || is(a, 1.0) || is(b, 1.0)),
            Self::Quotient => !(is_zero || is(b, 1.0)),
            _ => !is_zero,
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
    holds: Vec<[usize; 3]>,
    fails: Vec<[usize; 3]>,
}

impl Candidate {
    /// Returns whether the rows that agree are no accident: the formula does
    /// something, and its results are narrow against their spread.
    ///
    /// A wrong cell must not hide the formula that it breaks: where no row fails, the
    /// rows must be as good without any one of them.
    fn is_evident(&self, reading: &Reading<'_>) -> bool {
        let spare = usize::from(self.fails.is_empty());
        let rows = || self.holds.iter().map(|numbers| numbers.map(|at| &reading.numbers[at]));
        let n_telling =
            rows().filter(|[_, a, b]| self.formula.does_something(a.value, b.value)).count();
        let mut printed: Vec<f64> = rows().map(|[stated, _, _]| stated.value).collect();
        printed.sort_by(f64::total_cmp);
        let most_common =
            printed.chunk_by(|one, other| one.total_cmp(other).is_eq()).map(<[f64]>::len).max();
        let n_others = printed.len() - most_common.unwrap_or(0);
        let mut width: f64 = 0.0;
        let mut results = Vec::new();
        for [stated, a, b] in rows() {
            let Some(span) = self.formula.of(a, b, stated) else { continue };
            let room = stated_span(stated, self.formula);
            width = width.max(span.high - span.low + room.high - room.low);
            results.push(span.middle());
        }
        n_telling > spare
            && (printed.len() < 2 + spare || n_others > spare)
            && is_precise(&mut results, spare, width)
    }

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
            .all(|numbers| numbers.iter().all(|&at| reading.numbers[at].is_count()));
        let n_exact = self.holds.iter().filter(|numbers| is_exact(numbers)).count();
        if all_counts && n_exact >= 2 && self.holds.len() - n_exact <= 1 && self.fails.is_empty() {
            let (exact, off) = self.holds.drain(..).partition(|numbers| is_exact(numbers));
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

/// Words of headers that name a column of sums or products.
const TOTALS: [&str; 2] = ["total", "sum"];

/// Words of headers that name a column of differences or quotients.
const COMPARISONS: [&str; 23] = [
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
    let estimates: Vec<bool> =
        (0..grid.headers.len()).map(|column| is_relative_estimate(reading, grid, column)).collect();
    for target in 1..grid.headers.len() {
        if is_p(grid, target) || has_intervals(reading, grid, target) {
            continue;
        }
        let best = candidates(reading, grid, target, &estimates)
            .into_iter()
            .filter(|it| is_stated(grid, target, it) && it.is_evident(reading))
            .max_by_key(|candidate| {
                (candidate.holds.len(), std::cmp::Reverse(candidate.fails.len()))
            });
        let Some(best) = best else {
            relations.extend(wrong_baseline(reading, grid, target, &estimates));
            continue;
        };
        for numbers in &best.holds {
            let rule = best.formula.rule(&reading.numbers[numbers[0]]);
            relations.push(Relation::holds(rule, numbers.to_vec()));
        }
        for numbers in &best.fails {
            relations.extend(broken(reading, best.formula, *numbers));
        }
    }
    relations
}

/// Returns whether enough rows agree with a formula for it to be meant.
fn is_stated(grid: &Grid, target: usize, candidate: &Candidate) -> bool {
    let (holds, fails) = (candidate.holds.len(), candidate.fails.len());
    if candidate.formula.is_named(&grid.header(target), &grid.header_words(target)) {
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

/// Returns whether a column holds ratios that are estimates with intervals of their
/// own: what they are ratios of need not be their product either.
fn is_relative_estimate(reading: &Reading<'_>, grid: &Grid, column: usize) -> bool {
    let unit = grid.unit(reading, column);
    (unit.is_none() || unit.is(PERCENT) || unit.is(FACTOR)) && has_intervals(reading, grid, column)
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

/// Returns what can be computed from columns; `estimates` says which are ratios with
/// intervals of their own.
fn candidates(
    reading: &Reading<'_>,
    grid: &Grid,
    target: usize,
    estimates: &[bool],
) -> Vec<Candidate> {
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
            let is_estimate = match operands {
                Operands::Columns(a, b) => estimates[a] || estimates[b],
                Operands::Reference(a, _) => estimates[a],
            };
            let skipped = skipped || (formula.is_relative() && is_estimate);
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
    let mut candidate = Candidate { formula, operands, holds: Vec::new(), fails: Vec::new() };
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
        let list = if stated_span(number, formula).meets(span) {
            &mut candidate.holds
        } else {
            &mut candidate.fails
        };
        list.push([stated, a, b]);
        // Nothing that fails this often is meant.
        if candidate.fails.len() > candidate.holds.len() + 3 {
            return None;
        }
    }
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

/// Returns whether results are so far from each other, or from zero, that an
/// accident within `width` would not give them, even without `spare` of them.
fn is_precise(results: &mut [f64], spare: usize, width: f64) -> bool {
    results.sort_by(f64::total_cmp);
    let Some(last) = results.len().checked_sub(1 + spare) else { return false };
    if last == 0 {
        return results.iter().all(|result| result.abs() > 5.0 * width);
    }
    (0..=spare).all(|first| results[first + last] - results[first] > 2.0 * width)
}

/// Finds a cell that all rows are held against, where the differences of all rows
/// give one other value for it. Its row is the only one without a difference.
fn wrong_baseline(
    reading: &Reading<'_>,
    grid: &Grid,
    target: usize,
    estimates: &[bool],
) -> Option<Relation> {
    let difference = |row: usize| {
        let at = grid.value(row, target)?;
        let number = &reading.numbers[at];
        let none = if number.unit.is(FACTOR) { 1.0 } else { 0.0 };
        ((number.value - none).abs() > f64::EPSILON).then_some(at)
    };
    let mut without = (0..grid.cells.len()).filter(|&row| difference(row).is_none());
    let baseline = without.next().filter(|_| without.next().is_none())?;
    let (header, words) = (grid.header(target), grid.header_words(target));
    let formulas = [Formula::Change, Formula::Saving, Formula::Quotient, Formula::Difference];
    let columns = (1..grid.headers.len()).filter(|&a| a != target && !is_p(grid, a));
    columns
        .flat_map(|a| formulas.into_iter().map(move |formula| (a, formula)))
        .filter(|&(a, formula)| {
            formula.is_named(&header, &words) && !(formula.is_relative() && estimates[a])
        })
        .find_map(|(a, formula)| {
            let base = grid.value(baseline, a)?;
            let rows = (0..grid.cells.len()).filter(|&row| row != baseline);
            let cells: Vec<[usize; 3]> = rows
                .map(|row| Some([difference(row)?, grid.value(row, a)?, base]))
                .collect::<Option<_>>()?;
            let value = implied(reading, formula, &cells)?;
            let number = &reading.numbers[base];
            let value = show(value.middle() / number.unit.scale, number.decimals);
            let message = format!(
                "{} is printed; the differences of the other rows ({}) give {value}",
                reading.printed(base),
                grid.headers[target].trim()
            );
            let mut numbers = vec![base];
            numbers.extend(cells.iter().flat_map(|[stated, cell, _]| [*stated, *cell]));
            let severity = Severity::Inconsistent;
            Some(
                Relation::broken(
                    formula.rule(&reading.numbers[cells[0][0]]),
                    numbers,
                    severity,
                    message,
                )
                .corrected(Some(value)),
            )
        })
}

/// Returns the one value that differences of three rows and more give for what they
/// are held against, and that is not printed there.
fn implied(reading: &Reading<'_>, formula: Formula, cells: &[[usize; 3]]) -> Option<Span> {
    let mut common = Span { low: f64::NEG_INFINITY, high: f64::INFINITY };
    let (mut width, mut values) = (0.0_f64, Vec::new());
    for numbers in cells {
        let [stated, a, base] = numbers.map(|at| &reading.numbers[at]);
        formula.of(a, base, stated)?;
        let printed = stated_span(stated, formula);
        let one = Span::around(1.0, 0.0);
        let value = match formula {
            Formula::Change => a.counted().over(one.plus(printed.scaled(0.01)))?,
            Formula::Saving => a.counted().over(one.minus(printed.scaled(0.01)))?,
            Formula::Quotient => a.counted().over(printed)?,
            _ => a.base().minus(printed),
        };
        if value.meets(base.counted()) || !value.meets(common) {
            return None;
        }
        common = Span { low: common.low.max(value.low), high: common.high.min(value.high) };
        width = width.max(value.high - value.low);
        values.push(a.base().middle());
    }
    (cells.len() >= 3 && is_precise(&mut values, 1, width)).then_some(common)
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
