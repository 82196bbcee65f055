//! A report against what a study says.
//!
//! Owns: which claim of a study a printed number is about, by unit and words, and
//! whether the two agree.
//!
//! Does not: know how a claim is computed.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::audit::{Finding, Place, place};
use crate::document::BlockKind;
use crate::number::{self, Role};
use crate::reading::Reading;
use crate::relation::{Rule, Severity};
use crate::span::Span;
use crate::words;

/// Something that a study says: a claim with its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Known {
    /// The claim's name: `output_throughput/baseline_default/mean`.
    pub id: String,
    /// Its value, in `unit`.
    pub value: f64,
    /// Its unit: `tok/s`, `ms`, `fraction`, `ratio`.
    pub unit: String,
    /// Words that describe it, beside those of the name.
    pub words: String,
}

/// What a study says of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// A claim about the same says the same.
    Supported,
    /// Claims about the same say something else.
    Contradicted,
    /// No claim is about it.
    Unsupported,
}

/// A number with what the study says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Support {
    /// The number.
    pub place: Place,
    /// What the study says.
    pub standing: Standing,
    /// The claim.
    pub claim: Option<String>,
}

/// A claim, prepared for comparison.
struct Prepared<'a> {
    known: &'a Known,
    words: BTreeSet<String>,
    /// The part of the name that says whose value it is.
    subject: BTreeSet<String>,
}

/// Holds each quantity of a document against the claims of a study.
pub(crate) fn compare(reading: &Reading<'_>, known: &[Known]) -> (Vec<Support>, Vec<Finding>) {
    let prepared: Vec<Prepared<'_>> = known.iter().map(prepare).collect();
    let (mut support, mut findings) = (Vec::new(), Vec::new());
    for at in 0..reading.numbers.len() {
        if reading.numbers[at].role != Role::Quantity {
            continue;
        }
        let (standing, claim) = standing(reading, at, &prepared);
        if let (Standing::Contradicted, Some(claim)) = (standing, claim) {
            findings.push(contradiction(reading, at, claim));
        }
        let claim = claim.map(|claim| claim.id.clone());
        support.push(Support { place: place(reading, at), standing, claim });
    }
    (support, findings)
}

fn prepare(known: &Known) -> Prepared<'_> {
    let split = |text: &str| -> BTreeSet<String> {
        text.split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty() && !words::is_empty(word))
            .map(|word| words::stem(&word.to_lowercase()))
            .collect()
    };
    let mut all = split(&known.id);
    all.extend(split(&known.words));
    let names = |part: &&str| {
        part.contains(|c: char| c.is_ascii_digit() || c == '_')
            && part.contains(char::is_alphabetic)
    };
    let subject = known.id.split('/').filter(names);
    let subject = subject.map(str::to_owned).collect();
    Prepared { known, words: all, subject }
}

/// Returns a value in the printed number's unit, if the units fit.
fn value_in(reading: &Reading<'_>, at: usize, known: &Known) -> Option<f64> {
    let unit = &reading.numbers[at].unit;
    let value = match &*known.unit {
        "fraction" if unit.is(number::PERCENT) => known.value * 100.0,
        "ratio" if unit.is(number::PERCENT) => (known.value - 1.0) * 100.0,
        "ratio" if unit.is(number::FACTOR) => known.value,
        "fraction" | "ratio" | "" if unit.is_none() => known.value,
        name => {
            let (kind, scale) = number::unit_of(name)?;
            if kind != unit.kind {
                return None;
            }
            known.value * scale / unit.scale
        }
    };
    value.is_finite().then_some(value)
}

fn standing<'a>(
    reading: &Reading<'_>,
    at: usize,
    prepared: &[Prepared<'a>],
) -> (Standing, Option<&'a Known>) {
    let number = &reading.numbers[at];
    let block = reading.block(at);
    let context = context(reading, at);
    let mut said: BTreeSet<String> =
        words::words(&context).iter().map(|word| words::stem(word)).collect();
    for title in reading.document.titles(block.section) {
        said.extend(words::words(title).iter().map(|word| words::stem(word)));
    }
    let mut best: Option<(usize, bool, &Known)> = None;
    for claim in prepared {
        let in_unit = value_in(reading, at, claim.known);
        let has_unit = in_unit.is_some();
        // A cell may leave its unit to the header.
        let bare = claim.known.value;
        let Some(value) = in_unit.or(number.unit.is_none().then_some(bare)) else { continue };
        let is_named = !claim.subject.is_empty()
            && claim.subject.iter().all(|name| is_said(name, &context, &said));
        let common = claim.words.intersection(&said).count() + if is_named { 3 } else { 0 };
        let printed = Span::around(number.value, number.half);
        let agrees = printed.meets(Span::around(value, 0.0));
        // To contradict takes more than to support: the same subject by name.
        let enough = if agrees {
            common >= 1
        } else {
            is_named && common >= 5 && has_unit && !number.unit.is_none()
        };
        if enough && best.is_none_or(|(most, agreed, _)| (agrees, common) > (agreed, most)) {
            best = Some((common, agrees, claim.known));
        }
    }
    match best {
        Some((_, true, claim)) => (Standing::Supported, Some(claim)),
        Some((_, false, claim)) => (Standing::Contradicted, Some(claim)),
        None => (Standing::Unsupported, None),
    }
}

/// Returns whether a part of a claim's name is said: as it is, or in its words
/// ("output throughput" for `output_throughput`).
fn is_said(name: &str, context: &str, said: &BTreeSet<String>) -> bool {
    let is_words = name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    context.contains(name)
        || (is_words && name.split('_').all(|word| said.contains(&words::stem(word))))
}

/// Returns the text that says what a number is about: its block; of a cell, with
/// the label of its row and the header of its column.
fn context(reading: &Reading<'_>, at: usize) -> String {
    let block = reading.block(at);
    let mut text = block.text.clone();
    if let BlockKind::Cell { table, row, column } = block.kind {
        let rows = &reading.document.tables[table].rows;
        let cell = |row: usize, column: usize| rows.get(row).and_then(|row| row.get(column));
        for &other in [cell(row, 0), cell(0, column)].into_iter().flatten() {
            text.push(' ');
            text.push_str(&reading.document.blocks[other].text);
        }
    }
    text
}

fn contradiction(reading: &Reading<'_>, at: usize, claim: &Known) -> Finding {
    let number = &reading.numbers[at];
    let value = value_in(reading, at, claim).unwrap_or(claim.value);
    let shown = crate::rules::show(value, number.decimals);
    Finding {
        rule: Rule::Study,
        severity: Severity::Inconsistent,
        place: place(reading, at),
        message: format!(
            "{} is printed; the study's claim {} is {shown}",
            reading.printed(at),
            claim.id
        ),
        corrected: Some(shown),
        related: Vec::new(),
        repeated: Vec::new(),
    }
}
