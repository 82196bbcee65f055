//! What an audit found, for people and programs.
//!
//! Owns: the text for a terminal, SARIF for code-scanning views, and one HTML page.
//!
//! Does not: decide anything.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::audit::{Audit, Finding, Place, Source};
use crate::relation::{Rule, Severity};

/// Returns the audit as text, a finding in two or three lines.
pub fn text(audit: &Audit) -> String {
    let mut out = String::new();
    for finding in &audit.findings {
        let place = &finding.place;
        line(
            &mut out,
            format_args!(
                "{}:{}:{}: {} [{}] {}",
                place.document,
                place.line,
                place.column,
                finding.severity.name(),
                finding.rule.id(),
                finding.message
            ),
        );
        if let Some(corrected) = &finding.corrected {
            line(&mut out, format_args!("    corrected: {corrected}"));
        }
        if !finding.repeated.is_empty() {
            line(&mut out, format_args!("    repeated in {}", lines(&finding.repeated)));
        }
    }
    for coverage in &audit.coverage {
        line(
            &mut out,
            format_args!(
                "{}: {} numbers, {} of them quantities; {} stand in {} relations, {} in none{}",
                coverage.document,
                coverage.n_numbers,
                coverage.n_quantities,
                coverage.n_related,
                coverage.n_relations,
                coverage.unrelated.len(),
                if coverage.n_bound == 0 {
                    String::new()
                } else {
                    format!("; {} are bound to claims", coverage.n_bound)
                }
            ),
        );
    }
    out.push_str(&verdict(audit));
    out
}

fn line(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    writeln!(out, "{arguments}").expect("writing to a string cannot fail");
}

fn lines(places: &[Place]) -> String {
    let numbers: Vec<String> = places.iter().map(|place| place.line.to_string()).collect();
    format!("line{} {}", if places.len() == 1 { "" } else { "s" }, numbers.join(", "))
}

/// Returns the verdict in a line.
fn verdict(audit: &Audit) -> String {
    if audit.findings.is_empty() {
        return "nothing contradicts itself".to_owned();
    }
    let counts: Vec<String> = [Severity::Decision, Severity::Inconsistent, Severity::Note]
        .into_iter()
        .filter(|severity| audit.n_of(*severity) > 0)
        .map(|severity| format!("{} {}", audit.n_of(severity), severity.name()))
        .collect();
    format!("{} findings: {}", audit.findings.len(), counts.join(", "))
}

/// Returns the audit as SARIF 2.1.0. `version` is that of the program.
///
/// # Source
///
/// OASIS, *Static Analysis Results Interchange Format (SARIF) Version 2.1.0*.
pub fn sarif(audit: &Audit, version: &str) -> Value {
    let rules: Vec<Value> = Rule::ALL
        .iter()
        .map(|rule| {
            json!({
                "id": rule.id(),
                "shortDescription": { "text": rule.description() },
                "defaultConfiguration": { "level": "warning" },
            })
        })
        .collect();
    let results: Vec<Value> = audit.findings.iter().map(result).collect();
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tacho audit",
                "semanticVersion": version,
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn result(finding: &Finding) -> Value {
    let level = match finding.severity {
        Severity::Decision => "error",
        Severity::Inconsistent => "warning",
        Severity::Note => "note",
    };
    let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    let message = match &finding.corrected {
        Some(corrected) => format!("{}. Corrected: {corrected}", finding.message),
        None => finding.message.clone(),
    };
    let related: Vec<Value> = finding
        .related
        .iter()
        .enumerate()
        .map(|(index, place)| {
            let mut location = location(place);
            location["id"] = json!(index);
            location["message"] = json!({ "text": place.text });
            location
        })
        .collect();
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": index,
        "level": level,
        "message": { "text": message },
        "locations": [location(&finding.place)],
        "relatedLocations": related,
        "partialFingerprints": {
            "numberInRule/v1": format!("{}:{}:{}", finding.rule.id(), finding.place.text, finding.related.first().map_or("", |place| &place.text)),
        },
    })
}

fn location(place: &Place) -> Value {
    json!({
        "physicalLocation": {
            "artifactLocation": { "uri": uri(&place.document) },
            "region": {
                "startLine": place.line,
                "startColumn": place.column,
                "endColumn": place.end_column.max(place.column + 1),
            },
        },
    })
}

/// Returns a path as a relative reference.
fn uri(path: &str) -> String {
    let mut out = String::new();
    for byte in path.replace('\\', "/").bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string cannot fail");
        }
    }
    out
}

const STYLE: &str = "
:root{color-scheme:light dark}
body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:62rem;padding:1.5rem}
h1{font-size:1.5rem}h2{font-size:1.15rem;margin-top:2rem}
ol{padding:0;list-style:none}li.f{border-left:4px solid #888;padding:.4rem 0 .4rem 1rem;margin:1rem 0}
li.decision{border-color:#c0262d}li.inconsistent{border-color:#b7791f}li.note{border-color:#2b6cb0}
.s{font-weight:600}.r{opacity:.75}
pre{overflow-x:auto;background:color-mix(in srgb,CanvasText 6%,Canvas);padding:.6rem;margin:.4rem 0;white-space:pre-wrap}
mark{background:#ffd54a;color:#000;padding:0 .15em;border-radius:.15em}
mark.o{background:#bfe3ff}
table{border-collapse:collapse}td,th{padding:.2rem .8rem .2rem 0;text-align:left}
td.n{text-align:right}
";

/// Returns the audit as one HTML page that needs nothing else and runs nothing.
/// `sources` are the documents that were audited.
pub fn html(audit: &Audit, sources: &[Source<'_>]) -> String {
    let mut out = String::from(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n<title>Audit</title>\n<style>",
    );
    out.push_str(STYLE);
    out.push_str("</style>\n</head>\n<body>\n<h1>Audit</h1>\n");
    line(&mut out, format_args!("<p><strong>{}</strong></p>", escape(&verdict(audit))));
    out.push_str("<table>\n<tr><th>document</th><th>numbers</th><th>quantities</th><th>related</th><th>relations</th><th>bound</th><th>in none</th></tr>\n");
    for it in &audit.coverage {
        line(
            &mut out,
            format_args!(
                "<tr><td>{}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td><td class=n>{}</td></tr>",
                escape(&it.document),
                it.n_numbers,
                it.n_quantities,
                it.n_related,
                it.n_relations,
                it.n_bound,
                it.unrelated.len()
            ),
        );
    }
    out.push_str("</table>\n<h2>Findings</h2>\n<ol>\n");
    for finding in &audit.findings {
        item(&mut out, finding, sources);
    }
    out.push_str("</ol>\n<h2>Rules</h2>\n<table>\n");
    for rule in Rule::ALL {
        line(
            &mut out,
            format_args!(
                "<tr><td><code>{}</code></td><td>{}</td></tr>",
                rule.id(),
                escape(rule.description())
            ),
        );
    }
    out.push_str("</table>\n");
    for it in &audit.coverage {
        line(
            &mut out,
            format_args!(
                "<details><summary>Quantities of {} in no relation: {}</summary><p>",
                escape(&it.document),
                it.unrelated.len()
            ),
        );
        for place in &it.unrelated {
            line(&mut out, format_args!("{} (line {}),", escape(&place.text), place.line));
        }
        out.push_str("</p></details>\n");
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn item(out: &mut String, finding: &Finding, sources: &[Source<'_>]) {
    let place = &finding.place;
    line(
        out,
        format_args!(
            "<li class=\"f {}\"><span class=s>{}</span> <span class=r>{} · {}, line {}</span><br>{}",
            finding.severity.name(),
            finding.severity.name(),
            finding.rule.id(),
            escape(&place.document),
            place.line,
            escape(&finding.message)
        ),
    );
    if let Some(corrected) = &finding.corrected {
        line(out, format_args!("<br>Corrected: <strong>{}</strong>", escape(corrected)));
    }
    if !finding.repeated.is_empty() {
        line(out, format_args!("<br>Repeated in {}", lines(&finding.repeated)));
    }
    let mut shown: Vec<usize> = vec![place.line];
    shown.extend(
        finding
            .related
            .iter()
            .filter(|other| other.document == place.document)
            .map(|other| other.line),
    );
    shown.sort_unstable();
    shown.dedup();
    out.push_str("<pre>");
    for number in shown.into_iter().take(6) {
        excerpt(out, finding, number, sources);
    }
    out.push_str("</pre></li>\n");
}

/// Writes a line of the document with the numbers of a finding marked.
fn excerpt(out: &mut String, finding: &Finding, number: usize, sources: &[Source<'_>]) {
    let Some(source) = sources.iter().find(|source| source.name == finding.place.document) else {
        return;
    };
    let text = String::from_utf8_lossy(source.bytes);
    let Some(content) = text.split('\n').nth(number - 1) else { return };
    let content = content.trim_end_matches('\r');
    let mut marks: Vec<(usize, usize, bool)> = std::iter::once((&finding.place, true))
        .chain(finding.related.iter().map(|place| (place, false)))
        .filter(|(place, _)| place.line == number && place.document == finding.place.document)
        .map(|(place, own)| (place.column - 1, place.end_column.max(place.column + 1) - 1, own))
        .collect();
    marks.sort_unstable();
    write!(out, "{number:>5}  ").expect("writing to a string cannot fail");
    let chars: Vec<char> = content.chars().collect();
    // Long lines of HTML are cut around what matters.
    let first = marks.first().map_or(0, |mark| mark.0.saturating_sub(120));
    let last = marks.last().map_or(chars.len(), |mark| mark.1 + 120).min(chars.len());
    let mut at = first.min(chars.len());
    for (start, end, own) in marks {
        if start < at || end > chars.len() {
            continue;
        }
        out.push_str(&escape(&chars[at..start].iter().collect::<String>()));
        out.push_str(if own { "<mark>" } else { "<mark class=o>" });
        out.push_str(&escape(&chars[start..end].iter().collect::<String>()));
        out.push_str("</mark>");
        at = end;
    }
    if at < last {
        out.push_str(&escape(&chars[at..last].iter().collect::<String>()));
    }
    out.push('\n');
}

/// Returns text for HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
