//! Totals, products and written calculations.
//!
//! Owns: "57 (3 runs × 19 configurations)", "111 = 57 + 54", "27 (7 a, 7 b, 13 c)",
//! shares that are parts of one whole, averages of listed values, and runs per
//! configuration against runs and configurations.

use std::collections::BTreeMap;

use crate::document::BlockKind;
use crate::number::{PERCENT, Role};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words;

use super::show;

/// Words in parentheses that list something other than all parts.
const NOT_PARTS: [&str; 14] = [
    "including",
    "e.g",
    "such",
    "among",
    "from",
    "vs",
    "up",
    "down",
    "or",
    "per",
    "than",
    "with",
    "which",
    "at",
];

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for sentence in &reading.sentences {
        relations.extend(calculations(reading, sentence));
        relations.extend(parts(reading, sentence));
        relations.extend(averages(reading, sentence));
    }
    relations.extend(shares(reading));
    relations.extend(runs_per_configuration(reading));
    relations
}

/// An operator between two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Equals,
    /// "57 (" or "57: ": what follows explains the number.
    Opens,
}

/// Reads the operator in the text between two numbers; words around it are the
/// nouns of what is counted.
fn operator(gap: &str) -> Option<Operator> {
    if gap.contains([';', '\n']) || words::words(gap).len() > 5 {
        return None;
    }
    let mut found = None;
    for (symbols, operator) in [
        (&["×", " x ", "*", " times ", "·"][..], Operator::Times),
        (&[" + ", " plus "][..], Operator::Plus),
        (&[" − ", " - ", " minus "][..], Operator::Minus),
        (&[" ÷ ", " / "][..], Operator::Over),
        (&["=", " equals "][..], Operator::Equals),
    ] {
        if symbols.iter().any(|symbol| gap.contains(symbol)) {
            if found.is_some() {
                return None;
            }
            found = Some(operator);
        }
    }
    if found.is_none() && gap.trim_end().ends_with(['(', ':']) && !gap.contains(',') {
        return Some(Operator::Opens);
    }
    found.filter(|_| !gap.contains([',', '(', ')']) || found == Some(Operator::Equals))
}

/// Finds calculations that are written out.
fn calculations(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let numbers = reading.quantities(sentence);
    let operators: Vec<Option<Operator>> =
        numbers.windows(2).map(|pair| operator(reading.gap(pair[0], pair[1]))).collect();
    let is_arithmetic = |operator: Option<Operator>| {
        matches!(
            operator,
            Some(Operator::Plus | Operator::Minus | Operator::Times | Operator::Over)
        )
    };
    let mut relations = Vec::new();
    let mut at = 0;
    while at < operators.len() {
        if !is_arithmetic(operators[at]) {
            at += 1;
            continue;
        }
        let first = at;
        while at < operators.len() && is_arithmetic(operators[at]) {
            at += 1;
        }
        let terms = &numbers[first..=at];
        let steps: Vec<Operator> = operators[first..at].iter().copied().flatten().collect();
        let before =
            first.checked_sub(1).and_then(|before| operators[before].map(|it| (before, it)));
        let result = match (before, operators.get(at).copied().flatten()) {
            (_, Some(Operator::Equals)) => Some(numbers[at + 1]),
            (Some((before, Operator::Equals)), _) => Some(numbers[before]),
            // A difference after a number is more often a range.
            (Some((before, Operator::Opens)), _)
                if !steps.contains(&Operator::Minus)
                    && !steps.contains(&Operator::Over)
                    && !is_assigned(reading, sentence, numbers[before]) =>
            {
                Some(numbers[before])
            }
            _ => None,
        };
        if let Some(result) = result {
            relations.extend(calculation(reading, result, terms, &steps));
        }
    }
    relations
}

/// Returns whether a number is the value of a symbol: in "M = 4096 (32 × 16)" the
/// parentheses may explain something else.
fn is_assigned(reading: &Reading<'_>, sentence: &Sentence, number: usize) -> bool {
    reading.before(sentence, number).trim_end().ends_with('=')
}

/// Returns what a number can stand for by its digits alone.
fn digits(reading: &Reading<'_>, at: usize) -> Span {
    let number = &reading.numbers[at];
    if number.is_count() { Span::around(number.value, 0.0) } else { number.span() }
}

/// Computes terms joined by steps, products before sums. `None` if a divisor may
/// be zero.
fn computed(terms: &[usize], steps: &[Operator], value: impl Fn(usize) -> Span) -> Option<Span> {
    let mut sum = Span::around(0.0, 0.0);
    let mut product = value(terms[0]);
    let mut sign = 1.0;
    for (step, &at) in steps.iter().zip(&terms[1..]) {
        let next = value(at);
        match step {
            Operator::Times => product = product.times(next),
            Operator::Over => product = product.over(next)?,
            _ => {
                sum = sum.plus(product.scaled(sign));
                product = next;
                sign = if *step == Operator::Minus { -1.0 } else { 1.0 };
            }
        }
    }
    Some(sum.plus(product.scaled(sign)))
}

fn calculation(
    reading: &Reading<'_>,
    result: usize,
    terms: &[usize],
    steps: &[Operator],
) -> Option<Relation> {
    let is_percent = |at: &usize| reading.numbers[*at].unit.is(PERCENT);
    // "20 % × 50" and a sum of percentages are different things.
    if steps.contains(&Operator::Times) && terms.iter().any(is_percent) {
        return None;
    }
    let stated = &reading.numbers[result];
    let in_base = computed(terms, steps, |at| reading.numbers[at].counted())?;
    let in_digits = computed(terms, steps, |at| digits(reading, at))?;
    let same_kind = terms.iter().all(|&at| reading.numbers[at].unit.kind == stated.unit.kind);
    let mut numbers = vec![result];
    numbers.extend(terms);
    let is_sum = steps.iter().all(|step| *step == Operator::Plus);
    let rule = if is_sum { Rule::Sum } else { Rule::Equation };
    // Units that are not understood, such as a price times hours, go by digits.
    let fits = stated.base().meets(in_base)
        || stated.span().meets(in_base)
        || (!same_kind && stated.span().meets(in_digits));
    if fits {
        return Some(Relation::holds(rule, numbers));
    }
    let symbol = |step: &Operator| match step {
        Operator::Plus => "+",
        Operator::Minus => "−",
        Operator::Over => "/",
        _ => "×",
    };
    let mut written = reading.printed(terms[0]).to_owned();
    for (step, &at) in steps.iter().zip(&terms[1..]) {
        written.extend([" ", symbol(step), " ", reading.printed(at)]);
    }
    let scale = if stated.unit.is_none() { 1.0 } else { stated.unit.scale };
    let value = if same_kind { in_base.middle() / scale } else { in_digits.middle() };
    let value = show(value, stated.decimals);
    let message = format!("{} is printed; {written} is {value}", reading.printed(result));
    Some(Relation::broken(rule, numbers, Severity::Inconsistent, message).corrected(Some(value)))
}

/// Finds "27 (7 a, 7 b, 13 c)": a count with its parts in parentheses.
fn parts(reading: &Reading<'_>, sentence: &Sentence) -> Option<Relation> {
    let numbers = reading.quantities(sentence);
    let at = numbers.windows(2).position(|pair| {
        let gap = reading.gap(pair[0], pair[1]);
        gap.trim_end().ends_with(['(', ':'])
            && words::words(gap).len() <= 3
            && reading.numbers[pair[0]].is_count()
    })?;
    let total = numbers[at];
    let open = reading.numbers[numbers[at + 1]].range.start;
    let text = &reading.block(total).text;
    let close = text[open..].find([')', ';', '.']).map_or(text.len(), |close| open + close);
    let inside = &text[open..close];
    if inside.contains(['×', '+', '=', '%', '→'])
        || words::words(inside).iter().any(|word| NOT_PARTS.contains(&&**word))
    {
        return None;
    }
    let terms: Vec<usize> = numbers[at + 1..]
        .iter()
        .copied()
        .take_while(|&number| reading.numbers[number].range.start < close)
        .collect();
    let n_commas = inside.matches(',').count() + inside.matches(" and ").count();
    let all_counts = terms.iter().all(|&number| {
        let it = &reading.numbers[number];
        it.is_count() && (it.noun.is_some() || text[it.end..].starts_with([' ', '-']))
    });
    if terms.len() < 3 || !all_counts || n_commas + 1 < terms.len() {
        return None;
    }
    let sum: f64 = terms.iter().map(|&number| reading.numbers[number].value).sum();
    let stated = reading.numbers[total].value;
    // Numbers that are far from a partition are something else.
    if (sum - stated).abs() > 0.6 * stated
        || terms.iter().any(|&it| reading.numbers[it].value > stated)
    {
        return None;
    }
    let mut related = vec![total];
    related.extend(&terms);
    if (sum - stated).abs() < 0.5 {
        return Some(Relation::holds(Rule::Sum, related));
    }
    let listed: Vec<&str> = terms.iter().map(|&number| reading.printed(number)).collect();
    let message = format!(
        "{} is printed; the parts {} add up to {}",
        reading.printed(total),
        listed.join(", "),
        show(sum, 0)
    );
    Some(
        Relation::broken(Rule::Sum, related, Severity::Inconsistent, message)
            .corrected(Some(show(sum, 0))),
    )
}

/// Finds "1.2, 1.4, 1.6 (mean 1.4)" and the like.
fn averages(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let numbers = reading.quantities(sentence);
    let mut relations = Vec::new();
    let mut first = 0;
    while first + 2 < numbers.len() {
        let mut last = first;
        while last + 1 < numbers.len() && lists(reading.gap(numbers[last], numbers[last + 1])) {
            last += 1;
        }
        let terms = &numbers[first..=last];
        if terms.len() >= 3 && is_one_kind(reading, terms) {
            for &result in numbers[last + 1..].iter().take(3) {
                let is_near = words::words(reading.gap(numbers[last], result)).len() <= 10;
                relations.extend(average(reading, sentence, result, terms).filter(|_| is_near));
            }
            if let Some(result) = first.checked_sub(1).map(|before| numbers[before]) {
                let gap = reading.gap(result, numbers[first]);
                let leads = gap.trim_end().ends_with(['(', ':'])
                    || words::words(gap).last().is_some_and(|word| word == "of");
                relations.extend(average(reading, sentence, result, terms).filter(|_| leads));
            }
        }
        first = last + 1;
    }
    relations
}

/// Returns whether a text between two numbers only separates items of a list.
fn lists(gap: &str) -> bool {
    matches!(gap.trim(), "," | "/" | "and" | ", and" | "&" | "|" | "·")
}

fn is_one_kind(reading: &Reading<'_>, terms: &[usize]) -> bool {
    let kind = |at: usize| &reading.numbers[at].unit.kind;
    let last = kind(terms[terms.len() - 1]);
    terms.iter().all(|&at| kind(at) == last || reading.numbers[at].unit.is_none())
}

fn average(
    reading: &Reading<'_>,
    sentence: &Sentence,
    result: usize,
    terms: &[usize],
) -> Option<Relation> {
    let stated = &reading.numbers[result];
    let before = reading.before(sentence, result);
    let start =
        before.rfind(|c: char| c.is_ascii_digit() || matches!(c, ';' | ')')).map_or(0, |at| at + 1);
    let said = words::words(&before[start..]);
    let says = |names: &[&str]| said.iter().rev().take(4).any(|word| names.contains(&&**word));
    let last = &reading.numbers[terms[terms.len() - 1]];
    if stated.unit.kind != last.unit.kind && !stated.unit.is_none() && !last.unit.is_none() {
        return None;
    }
    let scale = if last.unit.is_none() { 1.0 } else { last.unit.scale };
    let values: Vec<Span> =
        terms.iter().map(|&at| reading.numbers[at].span().scaled(scale)).collect();
    let sum = values.iter().copied().fold(Span::around(0.0, 0.0), Span::plus);
    let n = values.len() as f64;
    let (name, computed) = if says(&["mean", "average", "avg", "averaging", "averages", "averaged"])
    {
        ("mean", sum.scaled(1.0 / n))
    } else if says(&["sum", "total", "totalling", "totaling"]) {
        ("sum", sum)
    } else if says(&["median"]) {
        let mut sorted = values.clone();
        sorted.sort_by(|one, other| one.middle().total_cmp(&other.middle()));
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            sorted[middle - 1].plus(sorted[middle]).scaled(0.5)
        };
        ("median", median)
    } else if says(&["sd", "stdev", "stddev"]) {
        ("standard deviation", deviation(&values)?)
    } else {
        return None;
    };
    let printed =
        stated.span().scaled(if stated.unit.is_none() { scale } else { stated.unit.scale });
    let mut numbers = vec![result];
    numbers.extend(terms);
    if printed.meets(computed) {
        return Some(Relation::holds(Rule::Average, numbers));
    }
    let value = show(computed.middle() / scale, stated.decimals.max(last.decimals));
    let message = format!(
        "{} is printed; the {name} of the {} values is {value}",
        reading.printed(result),
        terms.len()
    );
    Some(
        Relation::broken(Rule::Average, numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}

/// Bounds the standard deviation of values, with the divisor n - 1 or n.
fn deviation(values: &[Span]) -> Option<Span> {
    let n = values.len() as f64;
    let mean = values.iter().map(|span| span.middle()).sum::<f64>() / n;
    let squares: f64 = values.iter().map(|span| (span.middle() - mean).powi(2)).sum();
    let half = values.iter().map(|span| (span.high - span.low) / 2.0).fold(0.0, f64::max);
    // Rounding moves each value by half a unit at most, and so the deviation.
    let room = half * (n / (n - 1.0)).sqrt();
    (n >= 2.0).then(|| Span {
        low: (squares / n).sqrt() - room,
        high: (squares / (n - 1.0)).sqrt() + room,
    })
}

/// Words that say that percentages are parts of one whole.
const SHARES: [&str; 10] = [
    "share",
    "shares",
    "breakdown",
    "split",
    "distribution",
    "composition",
    "proportion",
    "mix",
    "allocation",
    "spent",
];

/// Finds lists of shares that should add up to a hundred percent.
fn shares(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for items in reading.lists() {
        let first = items[0];
        let around =
            reading.document.sections[reading.document.blocks[first].section].title.to_lowercase();
        let introduced =
            first.checked_sub(1).map(|at| reading.document.blocks[at].text.to_lowercase());
        let says = |text: &str| words::words(text).iter().any(|word| SHARES.contains(&&**word));
        let is_introduced =
            introduced.is_some_and(|text| text.trim_end().ends_with(':') && says(&text));
        if items.len() < 3 || !(says(&around) || is_introduced) {
            continue;
        }
        let numbers: Vec<usize> = items
            .iter()
            .filter_map(|&item| {
                let mut own = reading.in_block(item).filter(|&at| is_share(reading, at));
                let first = own.next()?;
                own.next().is_none().then_some(first)
            })
            .collect();
        if numbers.len() == items.len() {
            relations.extend(whole(reading, numbers, false));
        }
    }
    for sentence in &reading.sentences {
        let text = reading.text(sentence);
        let numbers: Vec<usize> =
            reading.quantities(sentence).into_iter().filter(|&at| is_share(reading, at)).collect();
        let is_stated = words::words(text).iter().any(|word| SHARES.contains(&&**word));
        let only_shares = numbers.len() == reading.quantities(sentence).len();
        let is_prose =
            !matches!(reading.document.blocks[sentence.block].kind, BlockKind::Cell { .. });
        if is_prose && is_stated && only_shares && numbers.len() >= 3 {
            relations.extend(whole(reading, numbers, false));
        }
    }
    relations
}

fn is_share(reading: &Reading<'_>, at: usize) -> bool {
    let number = &reading.numbers[at];
    number.role == Role::Quantity
        && number.unit.is(PERCENT)
        && number.sign == crate::number::Sign::None
        && number.value < 100.0
}

/// Judges whether shares are one whole; sums far from it are something else, unless
/// their total `is_stated`.
pub(super) fn whole(
    reading: &Reading<'_>,
    numbers: Vec<usize>,
    is_stated: bool,
) -> Option<Relation> {
    let sum = numbers
        .iter()
        .map(|&at| reading.numbers[at].span())
        .fold(Span::around(0.0, 0.0), Span::plus);
    if !is_stated && !(80.0..120.0).contains(&sum.middle()) {
        return None;
    }
    if sum.meets(Span::around(100.0, 0.0)) {
        return Some(Relation::holds(Rule::Shares, numbers));
    }
    let decimals = reading.numbers[numbers[0]].decimals;
    let message =
        format!("the {} shares add up to {} %", numbers.len(), show(sum.middle(), decimals));
    Some(Relation::broken(Rule::Shares, numbers, Severity::Inconsistent, message))
}

/// Finds "5 runs per configuration" beside "57 runs" and "19 configurations".
fn runs_per_configuration(reading: &Reading<'_>) -> Vec<Relation> {
    #[derive(Default)]
    struct Facts {
        per: Vec<usize>,
        product: Vec<(usize, usize)>,
        runs: Vec<usize>,
        configurations: Vec<usize>,
    }
    let mut sections: BTreeMap<usize, Facts> = BTreeMap::new();
    for sentence in &reading.sentences {
        let section = reading.document.blocks[sentence.block].section;
        let heading = super::heading_of(reading, section);
        let label = reading.label(sentence.block).map(words::words).unwrap_or_default();
        let facts = sections.entry(heading).or_default();
        let numbers = reading.quantities(sentence);
        for (index, &at) in numbers.iter().enumerate() {
            let number = &reading.numbers[at];
            if !number.is_count() {
                continue;
            }
            let after = reading.after(sentence, at).trim_start().to_lowercase();
            let counts_runs = number.noun.as_deref().is_some_and(is_run);
            let is_earlier = super::is_earlier(reading, at);
            if counts_runs && !is_earlier && is_per_configuration(&after) {
                facts.per.push(at);
            } else if let Some(&next) = numbers.get(index + 1)
                && operator(reading.gap(at, next)) == Some(Operator::Times)
            {
                let other = &reading.numbers[next];
                let other_is = |test: fn(&str) -> bool| other.noun.as_deref().is_some_and(test);
                if counts_runs && other_is(is_configuration) {
                    facts.product.push((at, next));
                } else if number.noun.as_deref().is_some_and(is_configuration) && other_is(is_run) {
                    facts.product.push((next, at));
                }
            } else if index == 0 && label.len() == 1 && is_run_label(&label[0]) {
                facts.runs.push(at);
            } else if index == 0 && label.len() == 1 && is_configuration(&label[0]) {
                facts.configurations.push(at);
            }
        }
    }
    let mut relations = Vec::new();
    for facts in sections.values() {
        for &per in &facts.per {
            let stated = reading.numbers[per].value;
            for &(runs, configurations) in &facts.product {
                let used = reading.numbers[runs].value;
                let numbers = vec![per, runs, configurations];
                relations.push(judge_runs(reading, numbers, (stated, used), runs));
            }
            if let ([total], [configurations], []) =
                (&*facts.runs, &*facts.configurations, &*facts.product)
            {
                let used = reading.numbers[*total].value / reading.numbers[*configurations].value;
                relations.push(judge_runs(
                    reading,
                    vec![per, *total, *configurations],
                    (stated, used),
                    *total,
                ));
            }
        }
    }
    relations
}

fn judge_runs(
    reading: &Reading<'_>,
    numbers: Vec<usize>,
    (stated, used): (f64, f64),
    at: usize,
) -> Relation {
    if (stated - used).abs() < 1e-9 {
        return Relation::holds(Rule::RunsPerConfiguration, numbers);
    }
    let block = reading.block(at);
    let (line, _) =
        reading.document.line_and_column(block.source(reading.numbers[at].digits.start));
    let message = format!(
        "{} per configuration are stated, but the runs in line {line} are {} per configuration",
        reading.printed(numbers[0]),
        show(used, if used.fract() == 0.0 { 0 } else { 2 }),
    );
    Relation::broken(Rule::RunsPerConfiguration, numbers, Severity::Decision, message)
        .corrected(Some(show(used, 0)).filter(|_| used.fract() == 0.0))
}

fn is_run(noun: &str) -> bool {
    matches!(
        noun,
        "run"
            | "runs"
            | "repetition"
            | "repetitions"
            | "trial"
            | "trials"
            | "repeats"
            | "iterations"
    )
}

fn is_run_label(label: &str) -> bool {
    matches!(label, "runs" | "trials" | "repetitions")
}

fn is_configuration(noun: &str) -> bool {
    matches!(
        noun,
        "configuration"
            | "configurations"
            | "config"
            | "configs"
            | "condition"
            | "conditions"
            | "cells"
            | "settings"
            | "scenarios"
            | "variants"
    )
}

fn is_per_configuration(after: &str) -> bool {
    let words = words::words(after);
    words.first().is_some_and(|word| is_run(word))
        && words.get(1).is_some_and(|word| matches!(&**word, "per" | "for"))
        && words.iter().skip(2).take(2).any(|word| is_configuration(word))
}
