//! The report `validation`: a study held against what was said before it.
//!
//! Owns: what a study can be held against ([`Against`]: lists of claims from anyone's
//! document, and earlier studies), the verdict on each claim, which decisions reversed,
//! and the words of the report.
//!
//! Does not: read files, trust a verdict that a file states, or say who was right: an
//! earlier number that is not reproduced may have been right about another machine.

mod against;
mod between;
mod closing;
mod decision;
mod document;
mod document_page;
mod earlier;
mod earlier_page;
mod quantity;
mod relation;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::ops::Range;

use tachograph_model::study::Superseded;

pub use against::{Against, AgainstFiles};

use crate::analysis::Analysis;
use crate::contrast::Extract;
use crate::document::{Prose, code, text};
use crate::render::{Rendered, rendered};
use crate::report::Report;
use crate::sections::appendix;
use crate::writer::Writer;
use against::Held;
use document::Document;
use earlier::Comparison;

/// The kind of report, which is also its folder.
pub const VALIDATION: &str = "validation";

/// Why a study could not be held against something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ValidationError {
    /// The file that is to blame, by path relative to the study.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// The bytes of the file that are to blame, if it is a text.
    pub span: Option<Range<usize>>,
    /// What may have been meant.
    pub help: Option<String>,
}

impl ValidationError {
    fn of(path: &str, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), message: message.into(), span: None, help: None }
    }
}

/// The study that is held against something.
#[derive(Debug, Clone)]
pub struct OwnStudy<'a> {
    /// What all of its runs say.
    pub analysis: &'a Analysis,
    /// The same, as far as comparing needs it.
    pub extract: &'a Extract,
    /// Its report of the kind that its plan asks for.
    pub rendered: &'a Rendered,
    /// The studies that its journal calls superseded, in order.
    pub superseded: Vec<&'a Superseded>,
}

/// What was found, before it is put into words.
struct Findings<'a> {
    own: &'a OwnStudy<'a>,
    documents: Vec<Document<'a>>,
    earlier: Vec<Comparison<'a>>,
}

/// Holds a study against lists of claims and earlier studies, and renders the report.
///
/// # Errors
///
/// [`ValidationError`] where a list names a claim that the study does not have or that is
/// in another unit, or where an earlier study is this one.
pub fn validate(own: &OwnStudy<'_>, against: &Against) -> Result<Rendered, ValidationError> {
    let mut findings = Findings { own, documents: Vec::new(), earlier: Vec::new() };
    let claims = own.rendered.report.ledger.claims();
    for held in against.held() {
        match held {
            Held::Claims(listed) => findings.documents.push(Document::judge(listed, claims)?),
            Held::Study(earlier) => findings.earlier.push(Comparison::make(earlier, own)?),
        }
    }
    Ok(rendered(write(&findings), BTreeMap::new(), against.files().clone()))
}

fn write(findings: &Findings<'_>) -> Report {
    let analysis = findings.own.analysis;
    let mut writer = Writer::new(analysis);
    summary::section(&mut writer, findings);
    document_page::section(&mut writer, findings);
    earlier_page::section(&mut writer, findings);
    document_page::decisions(&mut writer, findings);
    earlier_page::decisions(&mut writer, findings);
    between::section(&mut writer, findings);
    closing::stale(&mut writer, findings);
    closing::risks(&mut writer, findings);
    closing::verification(&mut writer, findings);
    appendix::glossary(&mut writer);
    let facts = masthead(findings, writer.when());
    let title = &analysis.plan.name;
    let mut report = writer.into_report("Tachograph · validation report", title, facts);
    report.kind = VALIDATION;
    report.question = None;
    report
}

fn masthead(findings: &Findings<'_>, when: (&'static str, Prose)) -> Vec<(&'static str, Prose)> {
    let analysis = findings.own.analysis;
    vec![
        when,
        ("Main report", code(findings.own.rendered.kind())),
        ("Primary metric", text(analysis.plan.primary.metric.title())),
        ("Validity", Prose::new().status(analysis.validity.worst())),
        ("Plan digest", code(analysis.plan_sha256.short())),
    ]
}
