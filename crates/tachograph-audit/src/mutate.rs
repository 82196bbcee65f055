//! The audit's test of itself.
//!
//! Owns: single digits of a report changed at random, and whether the audit
//! notices where a stated relation breaks.
//!
//! A number can stand in no relation, or keep agreeing within rounding after its
//! change; both are said, and neither counts as caught or missed.

use std::collections::BTreeMap;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use serde::Serialize;

use crate::audit::{Audit, AuditError, Place, Source, audit, merged, place};
use crate::document::Document;
use crate::reading::Reading;
use crate::relation::Relation;
use crate::rules;

/// What became of mutations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Mutations {
    /// Mutations that were made.
    pub n: usize,
    /// Those of numbers that stand in no relation and are bound to no claim.
    pub n_unrelated: usize,
    /// Those after which every relation of the number still holds within rounding.
    pub n_agreeing: usize,
    /// Those that break a relation, and are found.
    pub n_caught: usize,
    /// Those that break a relation, and are not found.
    pub missed: Vec<Missed>,
}

/// A mutation that broke a relation and was not found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Missed {
    /// Where.
    pub place: Place,
    /// What was printed instead.
    pub mutated: String,
}

impl Mutations {
    /// Returns the share of mutations that break a relation and are found; `None`
    /// if none breaks one.
    pub fn recall(&self) -> Option<f64> {
        let n_broken = self.n_caught + self.missed.len();
        (n_broken > 0).then(|| self.n_caught as f64 / n_broken as f64)
    }
}

/// A digit that can be changed.
struct Target {
    /// The number, by its position among the numbers of the document.
    number: usize,
    /// Its byte in the source.
    byte: usize,
    is_first: bool,
    n_digits: usize,
}

/// Changes `n` digits of a report, one at a time, and audits each result.
///
/// Which digits is decided by `seed`. Dates, versions and names are left alone.
///
/// # Errors
///
/// As [`audit`].
pub fn mutate(source: &Source<'_>, n: usize, seed: u64) -> Result<Mutations, AuditError> {
    let document = Document::parse(source.name, source.bytes, source.markup)?;
    let reading = Reading::of(&document);
    let before = Before {
        source,
        audit: audit(&[*source], None)?,
        relations: merged(rules::relations(&reading)),
        reading: &reading,
    };
    let related = related(&reading, &before.audit);
    let targets = targets(&reading, source.bytes);
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    let mut outcome = Mutations::default();
    if targets.is_empty() {
        return Ok(outcome);
    }
    // A change that is drawn again has become of it what did before.
    let mut judged = BTreeMap::new();
    for _ in 0..n {
        let target = &targets[below(&mut random, targets.len())];
        let old = source.bytes[target.byte];
        let new = loop {
            let digit = b'0' + u8::try_from(below(&mut random, 10)).unwrap_or(0);
            // A leading zero would be another number of digits.
            if digit != old && !(digit == b'0' && target.is_first && target.n_digits > 1) {
                break digit;
            }
        };
        outcome.n += 1;
        if !related[target.number] {
            outcome.n_unrelated += 1;
            continue;
        }
        let change = (target.byte, new);
        let fate = match judged.get(&change) {
            Some(fate) => *fate,
            None => before.judge(target.number, change)?,
        };
        judged.insert(change, fate);
        match fate {
            Fate::Caught => outcome.n_caught += 1,
            Fate::Agreeing => outcome.n_agreeing += 1,
            Fate::Missed => outcome.missed.push(before.missed(target.number, change)),
        }
    }
    Ok(outcome)
}

/// What became of a changed digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Caught,
    Agreeing,
    Missed,
}

/// A report before its digits are changed.
struct Before<'a> {
    source: &'a Source<'a>,
    reading: &'a Reading<'a>,
    relations: Vec<Relation>,
    audit: Audit,
}

impl Before<'_> {
    /// Returns the report with another digit at a byte.
    fn changed(&self, (byte, digit): (usize, u8)) -> Vec<u8> {
        let mut bytes = self.source.bytes.to_vec();
        bytes[byte] = digit;
        bytes
    }

    /// Audits the report with another digit in a number that stands in a relation.
    fn judge(&self, number: usize, change: (usize, u8)) -> Result<Fate, AuditError> {
        let bytes = self.changed(change);
        let mutated = Source { bytes: &bytes, ..*self.source };
        let after = audit(&[mutated], None)?;
        let at = place(self.reading, number);
        let touches = |it: &Place| it.start < at.end && at.start < it.end;
        let is_found = after.findings.iter().any(|finding| {
            (touches(&finding.place) || finding.related.iter().any(touches))
                && !self.audit.findings.contains(finding)
        });
        if is_found {
            return Ok(Fate::Caught);
        }
        let agrees = self.still_agrees(number, &mutated)?;
        Ok(if agrees { Fate::Agreeing } else { Fate::Missed })
    }

    /// Returns whether every relation of a number is still there and holds.
    fn still_agrees(&self, number: usize, mutated: &Source<'_>) -> Result<bool, AuditError> {
        let document = Document::parse(mutated.name, mutated.bytes, mutated.markup)?;
        let changed = Reading::of(&document);
        if changed.numbers.len() != self.reading.numbers.len() {
            return Ok(false);
        }
        let after = merged(rules::relations(&changed));
        let of_number = self.relations.iter().filter(|it| it.numbers.contains(&number));
        Ok(of_number.into_iter().all(|relation| {
            relation.broken.is_some()
                || after
                    .iter()
                    .any(|other| other.rule == relation.rule && other.numbers == relation.numbers)
        }))
    }

    /// Returns a change that was not found.
    fn missed(&self, number: usize, change: (usize, u8)) -> Missed {
        let place = place(self.reading, number);
        let bytes = self.changed(change);
        let mutated = String::from_utf8_lossy(&bytes[place.start..place.end]).into_owned();
        Missed { place, mutated }
    }
}

/// Returns for each number whether a finding about it is possible: it stands in a
/// relation or is bound to a claim.
fn related(reading: &Reading<'_>, original: &Audit) -> Vec<bool> {
    let unrelated: Vec<usize> = original
        .coverage
        .first()
        .map(|coverage| coverage.unrelated.iter().map(|place| place.start).collect())
        .unwrap_or_default();
    (0..reading.numbers.len())
        .map(|number| {
            let start = place(reading, number).start;
            unrelated.binary_search(&start).is_err()
        })
        .collect()
}

fn targets(reading: &Reading<'_>, bytes: &[u8]) -> Vec<Target> {
    use crate::number::Role;
    let mut targets = Vec::new();
    for (number, it) in reading.numbers.iter().enumerate() {
        if !matches!(it.role, Role::Quantity | Role::PValue | Role::SampleSize) {
            continue;
        }
        let block = reading.block(number);
        let digits =
            block.text[it.digits.clone()].char_indices().filter(|(_, c)| c.is_ascii_digit());
        let digits: Vec<usize> = digits.map(|(step, _)| it.digits.start + step).collect();
        for (index, &at) in digits.iter().enumerate() {
            let byte = block.source(at);
            // Text behind an entity does not stand where it seems to.
            if bytes.get(byte) == block.text.as_bytes().get(at) {
                targets.push(Target { number, byte, is_first: index == 0, n_digits: digits.len() });
            }
        }
    }
    targets
}

/// Draws a number below `n`, which is not zero.
fn below(random: &mut ChaCha8Rng, n: usize) -> usize {
    let n = n as u64;
    let zone = u64::MAX - u64::MAX % n;
    loop {
        let drawn = random.next_u64();
        if drawn < zone {
            return usize::try_from(drawn % n).unwrap_or(0);
        }
    }
}
