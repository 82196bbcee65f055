//! The audit of one or several reports.
//!
//! Owns: [`audit`] and what it finds: relations that do not hold, in one document
//! or across documents, and which numbers stand in no relation at all.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::claims::{self, ClaimsError};
use crate::document::{Document, DocumentError, Markup};
use crate::known::{self, Known, Support};
use crate::number::Role;
use crate::reading::Reading;
use crate::relation::{Relation, Rule, Severity};
use crate::rules::{self, twice};

/// A report to audit.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// Its name, for messages: the path that the user gave.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// How it is written.
    pub markup: Markup,
    /// The bytes of its `claims.json`, if it has one.
    pub claims: Option<&'a [u8]>,
}

/// A place in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The document's name.
    pub document: String,
    /// The line, from 1.
    pub line: usize,
    /// The column of the first character, from 1.
    pub column: usize,
    /// The column after the last character.
    pub end_column: usize,
    /// The first byte in the document.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// What stands there.
    pub text: String,
}

/// Something that cannot be true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The rule that it breaks.
    pub rule: Rule,
    /// How grave it is.
    pub severity: Severity,
    /// The number that it is about.
    pub place: Place,
    /// What was computed, and what is printed.
    pub message: String,
    /// What the number would have to be, if one value follows.
    pub corrected: Option<String>,
    /// The other numbers of the relation.
    pub related: Vec<Place>,
    /// Other places that print the same number.
    pub repeated: Vec<Place>,
}

/// What was audited of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// The document's name.
    pub document: String,
    /// Numbers in its prose and tables, names and dates included.
    pub n_numbers: usize,
    /// Of these, quantities: no dates, versions, names, levels.
    pub n_quantities: usize,
    /// Quantities that stand in a relation to others, or are bound to a claim.
    pub n_related: usize,
    /// Relations that were checked.
    pub n_relations: usize,
    /// Numbers that are bound to claims of a sidecar.
    pub n_bound: usize,
    /// Quantities that are not.
    pub n_unbound: usize,
    /// Quantities that stand in no relation.
    pub unrelated: Vec<Place>,
}

/// What an audit found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// What cannot be true, in the order of the documents.
    pub findings: Vec<Finding>,
    /// What was looked at.
    pub coverage: Vec<Coverage>,
    /// What a study says of each number, if one was given.
    pub support: Vec<Support>,
}

/// Why an audit could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    /// A document cannot be read.
    #[error(transparent)]
    Document(#[from] DocumentError),
    /// A sidecar cannot be read.
    #[error(transparent)]
    Claims(#[from] ClaimsError),
}

impl Audit {
    /// Returns the gravest severity that was found.
    pub fn worst(&self) -> Option<Severity> {
        self.findings.iter().map(|finding| finding.severity).max()
    }

    /// Returns how many findings have a severity.
    pub fn n_of(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

/// Audits reports, each alone and against each other; and against what a study
/// says, if `known` is given.
///
/// # Errors
///
/// [`AuditError`] if a document or a sidecar cannot be read; nothing is audited
/// then.
pub fn audit(sources: &[Source<'_>], known: Option<&[Known]>) -> Result<Audit, AuditError> {
    let mut documents = Vec::new();
    for source in sources {
        documents.push(Document::parse(source.name, source.bytes, source.markup)?);
    }
    let readings: Vec<Reading<'_>> = documents.iter().map(Reading::of).collect();
    let mut audit = Audit { findings: Vec::new(), coverage: Vec::new(), support: Vec::new() };
    let mut studies = Vec::new();
    for (reading, source) in readings.iter().zip(sources) {
        let relations = merged(rules::relations(reading));
        let bound = match source.claims {
            Some(bytes) => claims::check(reading, source, bytes)?,
            None => claims::Bound::default(),
        };
        let mut found: Vec<Finding> = relations
            .iter()
            .filter_map(|relation| finding(reading, relation, &relations))
            .chain(bound.findings)
            .collect();
        found.sort_by_key(|it| (it.place.start, it.rule));
        audit.findings.extend(found);
        audit.coverage.push(coverage(reading, &relations, &bound.ranges));
        studies.push(bound.study);
    }
    audit.findings.extend(across(&readings, &studies));
    if let Some(known) = known {
        for reading in &readings {
            let (support, findings) = known::compare(reading, known);
            audit.support.extend(support);
            audit.findings.extend(findings);
        }
    }
    Ok(audit)
}

/// Returns the relations without those that say the same of the same numbers: of
/// two, the one about the number that stands last is kept.
pub(crate) fn merged(relations: Vec<Relation>) -> Vec<Relation> {
    let mut kept: BTreeMap<(Vec<usize>, bool), Relation> = BTreeMap::new();
    for relation in relations {
        let mut key = relation.numbers.clone();
        key.sort_unstable();
        let key = (key, relation.rule == Rule::Direction);
        let replaces = kept.get(&key).is_none_or(|other| {
            let rank = |it: &Relation| (it.broken.is_some(), it.numbers.first().copied());
            rank(&relation) > rank(other)
        });
        if replaces {
            kept.insert(key, relation);
        }
    }
    let mut relations: Vec<Relation> = kept.into_values().collect();
    relations.sort_by_key(|relation| (relation.numbers.first().copied(), relation.rule));
    relations
}

/// Returns the place of a number with its unit.
pub(crate) fn place(reading: &Reading<'_>, number: usize) -> Place {
    let it = &reading.numbers[number];
    let block = reading.block(number);
    let start = block.source(it.range.start);
    // The last byte may stand in another piece of the source than the first.
    let end = block.source(it.end.saturating_sub(1).max(it.range.start)) + 1;
    spot(reading.document, start, end.max(start), reading.printed(number))
}

/// Returns a place by its bytes.
pub(crate) fn spot(document: &Document, start: usize, end: usize, text: &str) -> Place {
    let (line, column) = document.line_and_column(start);
    let (end_line, end_column) = document.line_and_column(end);
    let end_column = if end_line == line { end_column } else { column + text.chars().count() };
    Place {
        document: document.name.clone(),
        line,
        column,
        end_column,
        start,
        end,
        text: text.to_owned(),
    }
}

fn finding(reading: &Reading<'_>, relation: &Relation, all: &[Relation]) -> Option<Finding> {
    let broken = relation.broken.as_ref()?;
    let number = *relation.numbers.first()?;
    let mut related = Vec::new();
    for &other in &relation.numbers[1..] {
        if other != number {
            related.push(place(reading, other));
        }
    }
    Some(Finding {
        rule: relation.rule,
        severity: broken.severity,
        place: place(reading, number),
        message: broken.message.clone(),
        corrected: broken.corrected.clone(),
        related,
        repeated: repeated(reading, relation, number, all),
    })
}

/// Returns where else a wrong difference is printed: the same digits and unit, in
/// no relation of their own.
fn repeated(
    reading: &Reading<'_>,
    relation: &Relation,
    number: usize,
    all: &[Relation],
) -> Vec<Place> {
    let it = &reading.numbers[number];
    let spreads =
        matches!(relation.rule, Rule::PercentChange | Rule::Ratio | Rule::PercentagePoints);
    if !spreads || it.decimals == 0 && it.value.abs() < 10.0 {
        return Vec::new();
    }
    let related: BTreeSet<usize> =
        all.iter().flat_map(|relation| relation.numbers.iter().copied()).collect();
    (0..reading.numbers.len())
        .filter(|&other| {
            let that = &reading.numbers[other];
            other != number
                && !related.contains(&other)
                && that.role == Role::Quantity
                && that.unit.kind == it.unit.kind
                && that.decimals == it.decimals
                && (that.value.abs() - it.value.abs()).abs() < 1e-12
        })
        .map(|other| place(reading, other))
        .collect()
}

fn coverage(
    reading: &Reading<'_>,
    relations: &[Relation],
    bound: &[std::ops::Range<usize>],
) -> Coverage {
    let related: BTreeSet<usize> =
        relations.iter().flat_map(|relation| relation.numbers.iter().copied()).collect();
    let is_bound = |number: usize| {
        let at = reading.block(number).source(reading.numbers[number].digits.start);
        let after = bound.partition_point(|range| range.start <= at);
        after > 0 && bound[after - 1].contains(&at)
    };
    let counted = [Role::Quantity, Role::PValue, Role::SampleSize];
    let quantities: Vec<usize> = (0..reading.numbers.len())
        .filter(|&at| counted.contains(&reading.numbers[at].role))
        .collect();
    let unrelated: Vec<usize> =
        quantities.iter().copied().filter(|&at| !related.contains(&at) && !is_bound(at)).collect();
    Coverage {
        document: reading.document.name.clone(),
        n_numbers: reading.numbers.len(),
        n_quantities: quantities.len(),
        n_related: quantities.len() - unrelated.len(),
        n_relations: relations.len(),
        n_bound: bound.len(),
        n_unbound: quantities.iter().filter(|&&at| !is_bound(at)).count(),
        unrelated: unrelated.into_iter().map(|at| place(reading, at)).collect(),
    }
}

/// Finds quantities that have one value in one document and another in another. Reports
/// of two studies, which their claims name, speak of two things.
fn across(readings: &[Reading<'_>], studies: &[Option<String>]) -> Vec<Finding> {
    if readings.len() < 2 {
        return Vec::new();
    }
    let mentions: Vec<twice::Mention> = readings
        .iter()
        .enumerate()
        .flat_map(|(index, reading)| twice::mentions(reading, index))
        .collect();
    let of_one_study = |one: usize, other: usize| match (&studies[one], &studies[other]) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    };
    twice::pairs(&mentions)
        .into_iter()
        .filter(|pair| !pair.agree && pair.later.0 != pair.earlier.0)
        .filter(|pair| of_one_study(pair.later.0, pair.earlier.0))
        .map(|pair| {
            let later = place(&readings[pair.later.0], pair.later.1);
            let earlier = place(&readings[pair.earlier.0], pair.earlier.1);
            Finding {
                rule: Rule::TwoValues,
                severity: Severity::Inconsistent,
                message: format!(
                    "{} is printed, and {} for the same in {}, line {}",
                    later.text, earlier.text, earlier.document, earlier.line
                ),
                place: later,
                corrected: None,
                related: vec![earlier],
                repeated: Vec::new(),
            }
        })
        .collect()
}
