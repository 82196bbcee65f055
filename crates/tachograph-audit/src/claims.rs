//! Numbers that are bound to claims.
//!
//! Owns: the check of a report against the `claims.json` beside it: each number
//! that the sidecar binds is printed as the claim prints it.
//!
//! Does not: compute a claim again; `tacho verify` does, from the events.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};
use serde::Deserialize;

use crate::audit::{Finding, Source, spot};
use crate::document::Markup;
use crate::reading::Reading;
use crate::relation::{Rule, Severity};

/// What the schema of a sidecar begins with.
const SCHEMA: &str = "tachograph-claims/";

/// Why a sidecar could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClaimsError {
    /// It is not the JSON that it should be.
    #[error("the claims of {report} cannot be read: {reason}")]
    Content {
        /// The report.
        report: String,
        /// What is wrong, with the place.
        reason: String,
    },
}

/// What of a sidecar is used; other fields are for `verify`.
#[derive(Debug, Deserialize)]
struct Sidecar {
    schema: String,
    /// Which study it speaks of.
    plan_sha256: Option<String>,
    printed: Vec<Printed>,
}

#[derive(Debug, Clone, Deserialize)]
struct Printed {
    claim: String,
    part: String,
    start: usize,
    end: usize,
    text: String,
}

/// What was found of bound numbers.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    /// Where bound numbers stand in the document, ascending.
    pub(crate) ranges: Vec<Range<usize>>,
    /// Those that are not what their claims print.
    pub(crate) findings: Vec<Finding>,
    /// The study that it speaks of, by the digest of its plan.
    pub(crate) study: Option<String>,
}

/// Checks the bound numbers of a report.
pub(crate) fn check(
    reading: &Reading<'_>,
    source: &Source<'_>,
    sidecar: &[u8],
) -> Result<Bound, ClaimsError> {
    let content = |reason: String| ClaimsError::Content { report: source.name.to_owned(), reason };
    let sidecar: Sidecar =
        serde_json::from_slice(sidecar).map_err(|error| content(error.to_string()))?;
    if !sidecar.schema.starts_with(SCHEMA) {
        return Err(content(format!("its schema is {:?}, not {SCHEMA}…", sidecar.schema)));
    }
    let bound = match source.markup {
        Markup::Markdown => in_markdown(reading, &sidecar.printed),
        Markup::Html => in_html(reading, &sidecar.printed),
    };
    Ok(Bound { study: sidecar.plan_sha256, ..bound })
}

/// How far text may have moved since the claims were bound.
const SHIFT_MAX: usize = 4096;

fn in_markdown(reading: &Reading<'_>, printed: &[Printed]) -> Bound {
    let text = &reading.document.source;
    let mut bound = Bound::default();
    let mut shift = 0_isize;
    for (index, it) in printed.iter().enumerate() {
        let at = |shift: isize, it: &Printed| {
            let start = it.start.checked_add_signed(shift)?;
            let end = it.end.checked_add_signed(shift)?;
            Some((start..end, text.get(start..end)?))
        };
        let fits =
            |shift: isize, it: &Printed| at(shift, it).is_some_and(|(_, found)| found == it.text);
        if !fits(shift, it) && !printed.get(index + 1).is_some_and(|next| fits(shift, next)) {
            // Text before may have been edited: look where the next numbers are.
            let next = &printed[index..printed.len().min(index + 4)];
            let limit = isize::try_from(SHIFT_MAX).unwrap_or(isize::MAX);
            let moved = (1..=limit).flat_map(|by| [shift + by, shift - by]).find(|&shift| {
                next.iter().filter(|it| fits(shift, it)).count() + 1 >= next.len().max(2)
            });
            shift = moved.unwrap_or(shift);
        }
        let Some((range, found)) = at(shift, it) else {
            bound.findings.push(missing(reading, it));
            continue;
        };
        if found != it.text {
            bound.findings.push(other(reading, range.clone(), found, &it.text, &it.claim));
        }
        bound.ranges.push(range);
    }
    bound
}

fn in_html(reading: &Reading<'_>, printed: &[Printed]) -> Bound {
    let mut texts: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for it in printed {
        texts.entry((&it.claim, &it.part)).or_default().insert(&it.text);
    }
    let mut bound = Bound::default();
    for (claim, part, range) in bound_elements(&reading.document.source) {
        let Some(found) = reading.document.source.get(range.clone()) else { continue };
        let plain = found.replace('−', "-").replace("&lt;", "<");
        match texts.get(&(&*claim, &*part)) {
            Some(texts) if texts.contains(&*plain) => {}
            Some(texts) => {
                let expected = texts.first().copied().unwrap_or_default();
                bound.findings.push(other(reading, range.clone(), found, expected, &claim));
            }
            None => {
                let mut finding = other(reading, range.clone(), found, "", &claim);
                finding.message =
                    format!("{found} is bound to {claim}, which the claims do not have");
                finding.corrected = None;
                bound.findings.push(finding);
            }
        }
        bound.ranges.push(range);
    }
    bound
}

/// Returns claim, part and inner bytes of each bound element.
fn bound_elements(source: &str) -> Vec<(String, String, Range<usize>)> {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut found = Vec::new();
    let mut open: Option<(String, String, usize)> = None;
    for token in Tokenizer::new_with_emitter(source, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) if &**tag.name == b"data" => {
                let attribute = |name: &str| {
                    let value = tag.attributes.get(name.as_bytes())?;
                    Some(String::from_utf8_lossy(value).into_owned())
                };
                open = attribute("data-claim")
                    .map(|claim| (claim, attribute("data-part").unwrap_or_default(), tag.span.end));
            }
            Token::EndTag(tag) if &**tag.name == b"data" => {
                if let Some((claim, part, start)) = open.take() {
                    found.push((claim, part, start..tag.span.start));
                }
            }
            _ => {}
        }
    }
    found
}

fn other(
    reading: &Reading<'_>,
    range: Range<usize>,
    found: &str,
    expected: &str,
    claim: &str,
) -> Finding {
    Finding {
        rule: Rule::Claim,
        severity: Severity::Inconsistent,
        place: spot(reading.document, range.start, range.end, found),
        message: format!("{found} is printed; the claim {claim} prints {expected}"),
        corrected: Some(expected.to_owned()),
        related: Vec::new(),
        repeated: Vec::new(),
    }
}

fn missing(reading: &Reading<'_>, it: &Printed) -> Finding {
    let end = reading.document.source.len();
    Finding {
        rule: Rule::Claim,
        severity: Severity::Inconsistent,
        place: spot(reading.document, end, end, ""),
        message: format!(
            "the claim {} prints {}, but the report ends before it",
            it.claim, it.text
        ),
        corrected: None,
        related: Vec::new(),
        repeated: Vec::new(),
    }
}
