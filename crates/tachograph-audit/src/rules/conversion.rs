//! One amount in two units, and amounts per period.
//!
//! Owns: "1.5 s (1500 ms)", "$250/month ($3,000/year)", and break-even times.

use crate::number::{CALENDAR, FACTOR, PERCENT, POINTS, Sign, TIME};
use crate::reading::{Reading, Sentence};
use crate::relation::{Relation, Rule, Severity};
use crate::span::Span;
use crate::words;

use super::show;

/// Returns every relation of this kind.
pub(super) fn find(reading: &Reading<'_>) -> Vec<Relation> {
    let mut relations = Vec::new();
    for sentence in &reading.sentences {
        relations.extend(conversions(reading, sentence));
        relations.extend(break_even(reading, sentence));
    }
    relations
}

/// Finds a number with another number of the same kind and another unit alone in
/// the parentheses behind it, or joined to it by "or", "i.e." or "=".
fn conversions(reading: &Reading<'_>, sentence: &Sentence) -> Vec<Relation> {
    let numbers = reading.quantities(sentence);
    let mut relations = Vec::new();
    for pair in numbers.windows(2) {
        let [one, other] = [pair[0], pair[1]];
        let (a, b) = (&reading.numbers[one], &reading.numbers[other]);
        let gap = reading.gap(one, other).trim().trim_end_matches(['~', '≈']).trim_end();
        let words = words::words(gap);
        let explains = words.len() <= 6
            && (gap.ends_with(", or") || gap.ends_with(", i.e.") || gap.ends_with(", that is"));
        let joins = explains
            || matches!(
                gap,
                "(" | "="
                    | "(="
                    | "or"
                    | "i.e."
                    | "(i.e."
                    | "(i.e.,"
                    | ", i.e."
                    | "(or"
                    | ", or"
                    | "is"
                    | "(about"
            );
        let closes = reading.after(sentence, other).trim_start();
        let is_alone = if gap.starts_with('(') {
            closes.starts_with(')') || ["in ", "as "].iter().any(|word| closes.starts_with(word))
        } else {
            closes.is_empty() || closes.starts_with([',', '.', ';', ')', ':', '('])
        };
        let is_a_term = one > sentence.numbers.start && {
            let gap = reading.gap(one - 1, one);
            gap.contains(['×', '+', '*', '/', '−', '=']) || gap.trim() == "x"
        };
        let is_other_unit = (a.unit.scale - b.unit.scale).abs() > f64::EPSILON * a.unit.scale;
        let plain = [PERCENT, FACTOR, POINTS, ""];
        if !joins
            || !is_alone
            || is_a_term
            || a.unit.kind != b.unit.kind
            || !is_other_unit
            || plain.contains(&&*a.unit.kind)
            || a.sign == Sign::PlusMinus
            || b.sign == Sign::PlusMinus
        {
            continue;
        }
        relations.push(conversion(reading, one, other));
    }
    relations
}

fn conversion(reading: &Reading<'_>, one: usize, other: usize) -> Relation {
    let (a, b) = (&reading.numbers[one], &reading.numbers[other]);
    let money = a.unit.is_money();
    let rule = if money { Rule::Period } else { Rule::Conversion };
    let numbers = vec![other, one];
    let mut first = vec![a.base()];
    if a.unit.is("byte") || a.unit.kind.starts_with("byte/") {
        // MB is written for 1000² and for 1024² bytes.
        let steps = (a.unit.scale / b.unit.scale).log10() / 3.0;
        first.push(a.base().scaled(1.024_f64.powi(whole(steps))));
    }
    if first.iter().any(|span| span.meets(b.base())) {
        return Relation::holds(rule, numbers);
    }
    let value = show(a.base().middle() / b.unit.scale, b.decimals);
    let message = format!(
        "{} is printed for {}, which is {value} in that unit",
        reading.printed(other),
        reading.printed(one)
    );
    Relation::broken(rule, numbers, Severity::Inconsistent, message).corrected(Some(value))
}

#[expect(clippy::cast_possible_truncation, reason = "a few steps between prefixes of units")]
fn whole(steps: f64) -> i32 {
    steps.round() as i32
}

/// Finds "break-even: 20 months ($5k cost against $3k per year)".
fn break_even(reading: &Reading<'_>, sentence: &Sentence) -> Option<Relation> {
    let text = reading.text(sentence).to_lowercase();
    let is_stated = [
        "break-even",
        "break even",
        "breakeven",
        "payback",
        "pays back",
        "pays for itself",
        "amortis",
        "amortiz",
        "recoup",
    ]
    .iter()
    .any(|name| text.contains(name));
    if !is_stated {
        return None;
    }
    let numbers = reading.quantities(sentence);
    let mut times = numbers.iter().copied().filter(|&at| {
        let unit = &reading.numbers[at].unit;
        unit.is(CALENDAR) || (unit.is(TIME) && unit.scale >= 86_400.0)
    });
    let time = times.next()?;
    let money: Vec<usize> =
        numbers.iter().copied().filter(|&at| reading.numbers[at].unit.is_money()).collect();
    let [cost, saving] = *money else { return None };
    if times.next().is_some() {
        return None;
    }
    let months = per_month(reading, sentence, saving)?;
    let spent = reading.numbers[cost].span();
    if reading.numbers[cost].unit.kind.contains('/') || months.low <= 0.0 {
        return None;
    }
    let stated = &reading.numbers[time];
    let in_months = if stated.unit.is(CALENDAR) {
        stated.base()
    } else {
        stated.base().scaled(1.0 / 2_629_800.0)
    };
    let computed = spent.over(months)?;
    let numbers = vec![time, cost, saving];
    if computed.meets(in_months) {
        return Some(Relation::holds(Rule::Period, numbers));
    }
    let scale =
        if stated.unit.is(CALENDAR) { stated.unit.scale } else { stated.unit.scale / 2_629_800.0 };
    let value = show(spent.middle() / months.middle() / scale, stated.decimals);
    let message = format!(
        "{} is printed; {} over {} gives {value}",
        reading.printed(time),
        reading.printed(cost),
        reading.printed(saving)
    );
    Some(
        Relation::broken(Rule::Period, numbers, Severity::Inconsistent, message)
            .corrected(Some(value)),
    )
}

/// Returns what an amount is per month, by its unit or by the words around it.
fn per_month(reading: &Reading<'_>, sentence: &Sentence, at: usize) -> Option<Span> {
    let number = &reading.numbers[at];
    if number.unit.kind.contains("/calendar") {
        return Some(number.base());
    }
    if number.unit.kind.contains("/time") {
        return Some(number.base().scaled(2_629_800.0));
    }
    let after = words::words(reading.after(sentence, at));
    let before = words::words(reading.before(sentence, at));
    let near = after.iter().take(3).chain(before.iter().rev().take(2));
    for word in near {
        match &**word {
            "annual" | "annually" | "year" | "yearly" => {
                return Some(number.span().scaled(1.0 / 12.0));
            }
            "monthly" | "month" => return Some(number.span()),
            _ => {}
        }
    }
    None
}
