//! `claims.json`: every claim, and the bytes of `report.md` that print it.
//!
//! Owns: the format `tachograph-claims/1`. Lists have one entry per line, so
//! that a difference has a line.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};
use tachograph_model::digest::Digest;

use super::Mapped;
use crate::claim::{Claim, Format, Number, Source};
use crate::formula::Formula;
use crate::report::Report;

/// The version of the format.
pub(crate) const CLAIMS_SCHEMA: &str = "tachograph-claims/1";

/// Renders the claims of a report whose Markdown is `markdown`.
pub(crate) fn render(report: &Report, markdown: &Mapped) -> String {
    let mut out = String::from("{\n");
    let head = [
        ("schema", json!(CLAIMS_SCHEMA)),
        ("kind", json!(report.kind)),
        ("report", json!("report.md")),
        ("report_sha256", json!(Digest::of(markdown.text.as_bytes()))),
        ("plan_sha256", json!(report.plan_sha256)),
        ("rounding", json!("once, to nearest, ties to even, of the exact binary value")),
    ];
    for (name, value) in head {
        writeln!(out, "{}: {value},", json!(name)).expect("a string takes all text");
    }
    let runs = report.runs.iter().map(|(run, digest)| json!({"run": run, "events_sha256": digest}));
    list(&mut out, "runs", runs, false);
    let sets = report.sets.iter().map(|(name, runs)| json!({"set": name, "runs": runs}));
    list(&mut out, "sets", sets, false);
    let formulas: BTreeMap<&str, &str> =
        report.ledger.claims().iter().map(|c| (c.formula.name(), c.formula.text())).collect();
    let formulas = formulas.into_iter().map(|(name, text)| json!({"formula": name, "text": text}));
    list(&mut out, "formulas", formulas, false);
    list(&mut out, "claims", report.ledger.claims().iter().map(claim), false);
    let printed = markdown.printed.iter().map(|printed| {
        json!({
            "start": printed.start,
            "end": printed.end,
            "claim": report.ledger.get(printed.claim).id,
            "part": printed.part.name(),
            "text": &markdown.text[printed.start..printed.end],
        })
    });
    list(&mut out, "printed", printed, false);
    let identifiers = markdown.identifiers.iter().map(|(start, end)| json!([start, end]));
    list(&mut out, "identifiers", identifiers, true);
    out.push_str("}\n");
    out
}

fn list(out: &mut String, name: &str, entries: impl Iterator<Item = Value>, last: bool) {
    let text = "a string takes all text";
    writeln!(out, "{}: [", json!(name)).expect(text);
    for (at, entry) in entries.enumerate() {
        let before = if at > 0 { ",\n" } else { "" };
        write!(out, "{before}{entry}").expect(text);
    }
    let comma = if last { "" } else { "," };
    writeln!(out, "\n]{comma}").expect(text);
}

/// Returns a claim as JSON.
pub(crate) fn claim(claim: &Claim) -> Value {
    let mut value = json!({
        "id": claim.id,
        "value": number(claim.value),
        "unit": claim.unit,
        "text": claim.text(crate::claim::Part::Value),
        "format": format(claim.format),
        "formula": claim.formula.name(),
        "validity": claim.validity.name(),
        "source": source(&claim.source),
    });
    let fields = value.as_object_mut().expect("an object was written above");
    if let Some(n) = claim.n {
        fields.insert("n".to_owned(), json!(n));
    }
    if let Some(interval) = claim.interval {
        let interval = json!({
            "low": interval.low, "high": interval.high, "confidence": interval.confidence,
        });
        fields.insert("interval".to_owned(), interval);
    }
    value
}

/// Returns a value at full precision; a count beyond what a double holds
/// exactly is a text.
pub(crate) fn number(number: Number) -> Value {
    match number {
        Number::Count(count) if count > 1 << 53 => json!(count.to_string()),
        Number::Count(count) => json!(count),
        Number::Real(value) => json!(value),
    }
}

fn format(format: Format) -> String {
    match format {
        Format::Count => "count".to_owned(),
        Format::Fixed(decimals) => format!("fixed:{decimals}"),
        Format::Percent(decimals) => format!("percent:{decimals}"),
        Format::Change(decimals) => format!("change-percent:{decimals}"),
        Format::PValue => "p-value:4".to_owned(),
    }
}

/// Returns the format of a claim of a `claims.json`; `None` for one that this program
/// does not write.
pub(crate) fn format_named(name: &str) -> Option<Format> {
    let (kind, decimals) = name.split_once(':').unwrap_or((name, "0"));
    let decimals: u8 = decimals.parse().ok()?;
    match kind {
        "count" => Some(Format::Count),
        "fixed" => Some(Format::Fixed(decimals)),
        "percent" => Some(Format::Percent(decimals)),
        "change-percent" => Some(Format::Change(decimals)),
        "p-value" => Some(Format::PValue),
        _ => None,
    }
}

fn source(source: &Source) -> Value {
    match source {
        Source::Plan => json!({"file": "plan.lock.json"}),
        Source::Environment => json!({"file": "environment.json"}),
        Source::Journal => json!({"file": "journal.jsonl"}),
        Source::Runs(set) => json!({"set": set}),
        Source::Line(run, line) => json!({"run": run.to_string(), "line": line}),
        Source::Against(file, None) => json!({"file": file}),
        Source::Against(file, Some(claim)) => json!({"file": file, "claim": claim}),
    }
}

impl Formula {
    /// Returns the formulas that a report uses, in the order of the glossary.
    pub(crate) fn used(report: &[Claim]) -> Vec<Self> {
        Self::all().filter(|formula| report.iter().any(|claim| claim.formula == *formula)).collect()
    }
}
