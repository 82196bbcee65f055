//! Claims in a text that somebody writes by hand.
//!
//! Owns: placeholders in a Markdown template, how they are filled from a study's
//! claims, the sidecar that binds what was filled in, and the check of a filled
//! text against the study.
//!
//! Does not: read or write files, or know what the text says.
//!
//! ```text
//! The baseline makes {{output_throughput/baseline_default/mean}} tok/s
//! {{output_throughput/baseline_default/mean | interval}}, n = {{… | n}}.
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Deserialize;
use serde_json::json;
use tachograph_model::digest::Digest;
use tachograph_model::plan::parse;

use crate::claim::{Claim, Format, Part};
use crate::contrast::evidence_digest;
use crate::render::Rendered;
use crate::render::claims::{CLAIMS_SCHEMA, claim as claim_json};

/// What begins a placeholder.
const OPEN: &str = "{{";
/// What a sidecar calls itself, beside the kinds of report.
pub(crate) const DOCUMENT: &str = "document";
/// What ends one.
const CLOSE: &str = "}}";

/// A template that was filled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// The text.
    pub text: String,
    /// The sidecar: which bytes of the text print which claim.
    pub claims_json: String,
    /// How many numbers were filled in.
    pub n_printed: usize,
}

/// Why a template could not be filled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct TemplateError {
    /// What is wrong.
    pub what: String,
    /// The bytes of the template that are to blame.
    pub span: std::ops::Range<usize>,
    /// What may have been meant.
    pub help: Option<String>,
}

/// A study whose claims a text may quote.
#[derive(Debug, Clone, Copy)]
pub struct Quoted<'a> {
    /// Its name in placeholders, where a text quotes several studies: `NAME:ID`.
    pub name: &'a str,
    /// Its report.
    pub rendered: &'a Rendered,
}

/// A number that was filled in.
struct Printed<'a> {
    start: usize,
    end: usize,
    /// The claim's name as the text refers to it.
    id: String,
    claim: &'a Claim,
    part: Part,
    decimals: Option<u8>,
}

/// What a placeholder asks for.
struct Wanted {
    id: String,
    parts: Vec<Part>,
    decimals: Option<u8>,
}

/// Fills a template with the claims of one study or several. `name` is what the text
/// will be called.
///
/// A placeholder is `{{ID}}`, of several studies `{{NAME:ID}}`, or `{{ID | WORDS}}` with `low`, `high`, `n` or
/// `interval` for another part of the claim and `.3` for so many decimals. `\{{` is
/// no placeholder.
///
/// # Errors
///
/// [`TemplateError`] for the first placeholder that has no end, names no claim of
/// the study, or asks for what its claim lacks.
pub fn fill(template: &str, name: &str, studies: &[Quoted<'_>]) -> Result<Filled, TemplateError> {
    let mut text = String::with_capacity(template.len());
    let mut printed = Vec::new();
    let mut at = 0;
    while let Some(step) = template[at..].find(OPEN) {
        let open = at + step;
        if template[..open].ends_with('\\') {
            text.push_str(&template[at..open - 1]);
            text.push_str(OPEN);
            at = open + OPEN.len();
            continue;
        }
        text.push_str(&template[at..open]);
        let inner = open + OPEN.len();
        let Some(length) = template[inner..].find(CLOSE) else {
            let what = "this placeholder has no end: `}}` is missing".to_owned();
            return Err(TemplateError { what, span: open..inner, help: None });
        };
        let span = open..inner + length + CLOSE.len();
        let refused =
            |what: String, help: Option<String>| TemplateError { what, span: span.clone(), help };
        let wanted =
            wanted(&template[inner..inner + length]).map_err(|what| refused(what, None))?;
        let (study, id) = study_of(studies, &wanted.id)
            .map_err(|help| refused(format!("`{}` names no study", wanted.id), Some(help)))?;
        let claim = find(study, id).ok_or_else(|| {
            let what = format!("the study has no claim `{id}`");
            refused(what, Some(nearest(study, id)))
        })?;
        if wanted.parts.iter().any(|&part| claim.number(part).is_none()) {
            let what = format!("the claim `{}` has no {}", wanted.id, words(&wanted.parts));
            return Err(refused(what, None));
        }
        write(&mut text, &mut printed, claim, &wanted);
        at = span.end;
    }
    text.push_str(&template[at..]);
    let claims_json = sidecar(&text, name, &printed, studies);
    Ok(Filled { text, claims_json, n_printed: printed.len() })
}

/// Reads the inside of a placeholder.
fn wanted(inner: &str) -> Result<Wanted, String> {
    let mut pieces = inner.split('|');
    let id = pieces.next().unwrap_or_default().trim().to_owned();
    let mut wanted = Wanted { id, parts: vec![Part::Value], decimals: None };
    for word in pieces.flat_map(str::split_whitespace) {
        match word {
            "value" => wanted.parts = vec![Part::Value],
            "low" => wanted.parts = vec![Part::Low],
            "high" => wanted.parts = vec![Part::High],
            "n" => wanted.parts = vec![Part::N],
            "interval" => wanted.parts = vec![Part::Low, Part::High],
            _ => {
                let decimals = word.strip_prefix('.').and_then(|digits| digits.parse().ok());
                wanted.decimals = Some(decimals.filter(|decimals| *decimals <= 12).ok_or_else(|| {
                    format!("`{word}` is none of value, low, high, n, interval, or a number of decimals such as .2")
                })?);
            }
        }
    }
    Ok(wanted)
}

fn words(parts: &[Part]) -> &'static str {
    match parts {
        [Part::N] => "n",
        _ => "interval",
    }
}

/// Returns the study that a claim's name refers to, and the name in it.
///
/// # Errors
///
/// Which names there are, where several studies are quoted and none of them is named.
fn study_of<'a, 'b>(
    studies: &[Quoted<'a>],
    id: &'b str,
) -> Result<(&'a Rendered, &'b str), String> {
    if let Some((name, rest)) = id.split_once(':')
        && let Some(study) = studies.iter().find(|study| study.name == name)
    {
        return Ok((study.rendered, rest));
    }
    if let [study] = studies {
        return Ok((study.rendered, id));
    }
    let names: Vec<String> = studies.iter().map(|study| format!("`{}:`", study.name)).collect();
    Err(format!("begin it with the name of a study: {}", names.join(", ")))
}

fn find<'a>(rendered: &'a Rendered, id: &str) -> Option<&'a Claim> {
    rendered.report.ledger.claims().iter().find(|claim| claim.id == id)
}

/// Names the claim that was misspelt, or those whose names share most parts with `id`.
fn nearest(rendered: &Rendered, id: &str) -> String {
    let names = rendered.report.ledger.claims().iter().map(|claim| &*claim.id);
    if let Some(meant) = parse::nearest(id, names) {
        return format!("did you mean `{meant}`?");
    }
    let parts: Vec<&str> = id.split('/').collect();
    let common = |claim: &Claim| {
        let own: Vec<&str> = claim.id.split('/').collect();
        let shared = parts.iter().filter(|part| own.contains(part)).count();
        (shared, usize::from(own.len() == parts.len()))
    };
    let mut claims: Vec<&Claim> = rendered.report.ledger.claims().iter().collect();
    claims.sort_by_key(|claim| std::cmp::Reverse(common(claim)));
    let names: Vec<String> = claims.iter().take(3).map(|claim| format!("`{}`", claim.id)).collect();
    format!("the nearest are {}; claims.json of the report lists all", names.join(", "))
}

fn write<'a>(text: &mut String, printed: &mut Vec<Printed<'a>>, claim: &'a Claim, wanted: &Wanted) {
    let is_interval = wanted.parts.len() > 1;
    if is_interval {
        text.push('[');
    }
    for (index, &part) in wanted.parts.iter().enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let start = text.len();
        text.push_str(&shown(claim, part, wanted.decimals));
        let (id, decimals) = (wanted.id.clone(), wanted.decimals);
        printed.push(Printed { start, end: text.len(), id, claim, part, decimals });
    }
    if is_interval {
        text.push(']');
    }
}

/// Returns one number of a claim as it is printed, with other decimals if asked.
fn shown(claim: &Claim, part: Part, decimals: Option<u8>) -> String {
    let (Some(decimals), Some(number)) = (decimals, claim.number(part)) else {
        return claim.text(part);
    };
    let format = match claim.format {
        Format::Percent(_) => Format::Percent(decimals),
        Format::Change(_) => Format::Change(decimals),
        format @ (Format::Count | Format::PValue) => format,
        Format::Fixed(_) => Format::Fixed(decimals),
    };
    if part == Part::N { claim.text(part) } else { format.print(number) }
}

/// Returns the sidecar of a filled text: the format of a report's `claims.json`, with
/// the claims that the text prints.
fn sidecar(text: &str, name: &str, printed: &[Printed<'_>], studies: &[Quoted<'_>]) -> String {
    let used: BTreeMap<&str, &Claim> = printed.iter().map(|it| (&*it.id, it.claim)).collect();
    let entries: Vec<serde_json::Value> = printed
        .iter()
        .map(|it| {
            let mut entry = json!({
                "start": it.start, "end": it.end, "claim": it.id,
                "part": it.part.name(), "text": &text[it.start..it.end],
            });
            if let Some(decimals) = it.decimals {
                entry["decimals"] = json!(decimals);
            }
            entry
        })
        .collect();
    let named =
        |(id, claim): (&str, &Claim)| claim_json(&Claim { id: id.to_owned(), ..claim.clone() });
    let claims: Vec<serde_json::Value> = used.into_iter().map(named).collect();
    let mut head = vec![
        ("schema", json!(CLAIMS_SCHEMA)),
        ("kind", json!(DOCUMENT)),
        ("report", json!(name)),
        ("report_sha256", json!(Digest::of(text.as_bytes()))),
    ];
    let digests = |study: &Quoted<'_>| {
        let report = &study.rendered.report;
        (report.plan_sha256, evidence_digest(report.runs.iter().cloned()))
    };
    if let [study] = studies {
        let (plan, evidence) = digests(study);
        head.extend([("plan_sha256", json!(plan)), ("evidence_sha256", json!(evidence))]);
    } else {
        let each = studies.iter().map(|study| {
            let (plan, evidence) = digests(study);
            (study.name, json!({"plan_sha256": plan, "evidence_sha256": evidence}))
        });
        head.push(("studies", json!(each.collect::<BTreeMap<_, _>>())));
    }
    let mut out = String::from("{\n");
    for (name, value) in head {
        writeln!(out, "{}: {value},", json!(name)).expect("a string takes all text");
    }
    for (name, values, end) in [("claims", claims, ","), ("printed", entries, "")] {
        let lines: Vec<String> = values.iter().map(ToString::to_string).collect();
        writeln!(out, "{}: [\n{}\n]{end}", json!(name), lines.join(",\n"))
            .expect("a string takes all text");
    }
    out.push_str("}\n");
    out
}

/// What of a sidecar is needed to check a text.
#[derive(Debug, Deserialize)]
struct Sidecar {
    schema: String,
    report_sha256: Digest,
    plan_sha256: Option<Digest>,
    #[serde(default)]
    studies: BTreeMap<String, Study>,
    printed: Vec<Entry>,
}

/// A study of a text that quotes several.
#[derive(Debug, Deserialize)]
struct Study {
    plan_sha256: Digest,
}

#[derive(Debug, Deserialize)]
struct Entry {
    start: usize,
    end: usize,
    claim: String,
    part: String,
    text: String,
    decimals: Option<u8>,
}

/// What was found of a text that claims are bound to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CheckedDocument {
    /// Everything that is wrong, with its line in the text.
    pub wrong: Vec<(usize, String)>,
    /// How many numbers were recomputed.
    pub n_printed: usize,
}

/// Checks a text and its sidecar against its studies: every number that is bound is what
/// its claim prints now, and nothing else of the text changed since.
///
/// # Errors
///
/// What is wrong with the sidecar, if it cannot be read.
pub fn check_document(
    text: &str,
    sidecar: &[u8],
    studies: &[Quoted<'_>],
) -> Result<CheckedDocument, String> {
    let sidecar: Sidecar = serde_json::from_slice(sidecar).map_err(|error| error.to_string())?;
    if sidecar.schema != CLAIMS_SCHEMA {
        return Err(format!("its schema is {:?}, not {CLAIMS_SCHEMA}", sidecar.schema));
    }
    let mut checked =
        CheckedDocument { n_printed: sidecar.printed.len(), ..CheckedDocument::default() };
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let quoted = |name: &String, plan: &Digest| {
        let own = studies.iter().filter(|study| name.is_empty() || study.name == *name);
        own.map(|study| study.rendered.report.plan_sha256).any(|found| found == *plan)
    };
    let alone = sidecar.plan_sha256.map(|plan| (String::new(), plan));
    let several = sidecar.studies.into_iter().map(|(name, study)| (name, study.plan_sha256));
    for (name, plan) in several.chain(alone) {
        if !quoted(&name, &plan) {
            let which = if name.is_empty() { name } else { format!(" called {name}") };
            checked
                .wrong
                .push((1, format!("it was rendered from a study{which} with another plan")));
        }
    }
    for entry in &sidecar.printed {
        let parts = [Part::Value, Part::Low, Part::High, Part::N];
        let part = parts.into_iter().find(|part| part.name() == entry.part);
        let expected = part.and_then(|part| {
            let (study, id) = study_of(studies, &entry.claim).ok()?;
            Some(shown(find(study, id)?, part, entry.decimals))
        });
        let found = text.get(entry.start..entry.end);
        let what = match (&expected, found) {
            (None, _) => {
                format!("the study has no claim `{}` with a part `{}`", entry.claim, entry.part)
            }
            (Some(expected), None) => {
                format!("it ends before `{expected}` of the claim `{}`", entry.claim)
            }
            (Some(expected), Some(found)) if found != expected => {
                format!("`{found}` is printed; the claim `{}` prints `{expected}`", entry.claim)
            }
            (Some(expected), _) if entry.text != *expected => {
                format!(
                    "the sidecar has `{}`; the claim `{}` prints `{expected}`",
                    entry.text, entry.claim
                )
            }
            _ => continue,
        };
        checked.wrong.push((line(entry.start.min(text.len())), what));
    }
    if checked.wrong.is_empty() && Digest::of(text.as_bytes()) != sidecar.report_sha256 {
        checked.wrong.push((
            1,
            "words of it changed since it was rendered; its bound numbers did not".to_owned(),
        ));
    }
    Ok(checked)
}
