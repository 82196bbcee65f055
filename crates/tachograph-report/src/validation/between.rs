//! The runs of an earlier study against those of this one, in words.
//!
//! Owns: the table of verdicts between the studies, for every kind of study.
//!
//! Does not: compare; [`crate::contrast`] did.

use super::Findings;
use super::earlier::Comparison;
use crate::claim::{Claim, Format, Number, Source};
use crate::contrast::{Contrast, Row};
use crate::document::{Align, Prose, Table, code, text};
use crate::formula::Formula;
use crate::writer::Writer;

/// Writes a table for each earlier study whose runs can be put against these.
pub(super) fn section(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    for comparison in &findings.earlier {
        let Ok(contrast) = &comparison.contrast else { continue };
        let rows: Vec<Vec<Prose>> =
            contrast.rows.iter().map(|each| row(writer, comparison, each)).collect();
        writer.table(Table {
            caption: caption(comparison, contrast),
            columns: vec![
                (text("configuration"), Align::Left),
                (text("runs before"), Align::Right),
                (text("runs after"), Align::Right),
                (text("change"), Align::Right),
                (text("interval"), Align::Right),
                (text("verdict"), Align::Left),
            ],
            rows,
        });
    }
}

fn caption(comparison: &Comparison<'_>, contrast: &Contrast) -> Prose {
    Prose::new()
        .text("Each configuration of both studies, its runs here against those of ")
        .quote(&comparison.earlier.extract.study.name)
        .text(", on ")
        .text(contrast.metric.title())
        .text(
            ", by the rule of the earlier study. Whatever else changed between the two may be the \
             reason.",
        )
        .text(if contrast.has_looks() {
            " These intervals and verdicts take no account of the looks of a stopping rule."
        } else {
            ""
        })
}

fn row(writer: &mut Writer<'_>, comparison: &Comparison<'_>, each: &Row) -> Vec<Prose> {
    let id =
        |name: &str| format!("against/{}/between/{}/{name}", comparison.earlier.number, each.label);
    let before = Source::Against(comparison.earlier.path.clone(), None);
    let after = Source::Runs(each.label.clone());
    let n_before = writer.count(id("runs_before"), each.reference.n, before);
    let n_after = writer.count(id("runs_after"), each.candidate.n, after.clone());
    let (change, verdict) = match each.outcome {
        Ok(judged) => {
            let change = writer.adopt(Claim {
                id: id("change"),
                value: Number::Real(judged.ratio),
                unit: "ratio".to_owned(),
                format: Format::Change(writer.change_decimals()),
                formula: Formula::BetweenStudies,
                n: None,
                interval: Some(judged.interval),
                validity: each.reference.validity.max(each.candidate.validity),
                source: after,
            });
            (Some(change), Prose::new().verdict(judged.verdict))
        }
        Err(refusal) => (None, text(refusal.words())),
    };
    vec![
        code(&each.label),
        Prose::new().value(n_before),
        Prose::new().value(n_after),
        crate::document::cell(change),
        writer.bracket(change),
        verdict,
    ]
}
