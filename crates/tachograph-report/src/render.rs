//! From a report's tree to the bytes that are published.
//!
//! Owns: [`Rendered`] and the paths of its files.
//!
//! Does not: compute or choose; the tree says everything.

pub(crate) mod claims;
pub(crate) mod html;
pub(crate) mod markdown;

use std::collections::BTreeMap;

use crate::analysis::Analysis;
use crate::claim::{ClaimRef, Part};
use crate::document::{Block, Inline, Tone};
use crate::report::Report;
use crate::{cross_language, imported, multi_agent, single_agent, summary};

/// A number that stands in a rendered text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Printed {
    /// First byte.
    pub(crate) start: usize,
    /// One past the last byte.
    pub(crate) end: usize,
    pub(crate) claim: ClaimRef,
    pub(crate) part: Part,
}

/// A text with the places of its numbers and identifiers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mapped {
    pub(crate) text: String,
    pub(crate) printed: Vec<Printed>,
    /// Words of the evidence, as byte ranges.
    pub(crate) identifiers: Vec<(usize, usize)>,
}

/// Everything that is published for one report.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The report in Markdown.
    pub report_md: String,
    /// The report as one HTML file without anything from elsewhere.
    pub report_html: String,
    /// The claims, and which bytes of `report_md` print them.
    pub claims_json: String,
    /// Figures by file name: `runs.svg`.
    pub figures: BTreeMap<String, String>,
    /// A page per configuration, by its slug.
    pub summaries: BTreeMap<String, String>,
    /// What the report was made from beside the study's evidence, by path relative to
    /// the study: published with it and read again by whoever checks it.
    pub(crate) inputs: BTreeMap<String, Vec<u8>>,
    pub(crate) kind: &'static str,
    pub(crate) report: Report,
    pub(crate) markdown: Mapped,
    pub(crate) html: Mapped,
    pub(crate) summary_maps: BTreeMap<String, (Report, Mapped)>,
}

/// A number that a report states, for whoever holds another text against it.
#[derive(Debug, Clone, PartialEq)]
pub struct Stated {
    /// The claim's name: `output_throughput/baseline_default/mean`.
    pub id: String,
    /// The value at full precision.
    pub value: f64,
    /// Its unit; `fraction` and `ratio` are printed in percent.
    pub unit: String,
    /// The name of its formula: `mean-t`.
    pub formula: &'static str,
}

/// Renders the report of a study, of the kind that its plan asks for.
pub fn render(analysis: &Analysis) -> Rendered {
    let report = match (&analysis.imported, &analysis.contest, &analysis.concurrency) {
        (Some(imported), ..) => imported::write(analysis, imported),
        (None, Some(contest), _) => cross_language::write(analysis, contest),
        (None, None, Some(concurrency)) => multi_agent::write(analysis, concurrency),
        (None, None, None) => single_agent::write(analysis),
    };
    let mut summary_maps = BTreeMap::new();
    for (at, configuration) in analysis.configurations.iter().enumerate() {
        let page = summary::write(analysis, at);
        let mapped = markdown::render(&page);
        summary_maps.insert(configuration.planned.id.to_string(), (page, mapped));
    }
    rendered(report, summary_maps, BTreeMap::new())
}

/// Renders a report with its pages.
pub(crate) fn rendered(
    report: Report,
    summary_maps: BTreeMap<String, (Report, Mapped)>,
    inputs: BTreeMap<String, Vec<u8>>,
) -> Rendered {
    let markdown = markdown::render(&report);
    let html = html::render(&report);
    Rendered {
        report_md: markdown.text.clone(),
        report_html: html.text.clone(),
        claims_json: claims::render(&report, &markdown),
        figures: report
            .figures
            .iter()
            .map(|figure| {
                let (name, title) = (figure.name, figure.title);
                let svg = figure.drawing.standalone(name, title, &figure.description);
                (format!("{name}.svg"), svg)
            })
            .collect(),
        summaries: summary_maps
            .iter()
            .map(|(name, (_, mapped))| (name.clone(), mapped.text.clone()))
            .collect(),
        inputs,
        kind: report.kind,
        report,
        markdown,
        html,
        summary_maps,
    }
}

impl Rendered {
    /// Returns the kind of report, which is also its folder: `single-agent`.
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// Returns how many claims the report makes and how many numbers it prints.
    pub fn n_claims(&self) -> (usize, usize) {
        (self.report.ledger.claims().len(), self.markdown.printed.len())
    }

    /// Returns every number that the report states: values, ends of intervals, and
    /// how many values they rest on.
    pub fn stated(&self) -> Vec<Stated> {
        let mut stated = Vec::new();
        for claim in self.report.ledger.claims() {
            let mut add = |part: Part, value: f64, unit: &str| {
                let id = match part {
                    Part::Value => claim.id.clone(),
                    part => format!("{}/{}", claim.id, part.name()),
                };
                let (unit, formula) = (unit.to_owned(), claim.formula.name());
                stated.push(Stated { id, value, unit, formula });
            };
            add(Part::Value, claim.value.as_f64(), &claim.unit);
            if let Some(interval) = claim.interval {
                add(Part::Low, interval.low, &claim.unit);
                add(Part::High, interval.high, &claim.unit);
            }
            if let Some(n) = claim.n {
                add(Part::N, n as f64, "");
            }
        }
        stated
    }

    /// Returns the answer to the plan's question in plain words, one paragraph per
    /// line, for a terminal.
    pub fn answer(&self) -> String {
        let answers = self.report.blocks.iter().filter_map(|block| match block {
            Block::Callout(Tone::Answer, inner) => Some(inner),
            _ => None,
        });
        let paragraphs = answers.flatten().filter_map(|block| match block {
            Block::Paragraph(prose) => Some(plain(&self.report, &prose.0)),
            _ => None,
        });
        paragraphs.collect::<Vec<_>>().join("\n")
    }

    /// Returns every file to publish, by path relative to the study.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let texts = self.texts().into_iter();
        let texts = texts.map(|(path, text)| (path, text.as_bytes().to_vec()));
        texts.chain(self.inputs.clone()).collect()
    }

    pub(crate) fn texts(&self) -> BTreeMap<String, &str> {
        let folder = format!("reports/{}", self.kind);
        let mut texts = BTreeMap::from([
            (format!("{folder}/report.md"), self.report_md.as_str()),
            (format!("{folder}/report.html"), self.report_html.as_str()),
            (format!("{folder}/claims.json"), self.claims_json.as_str()),
        ]);
        for (name, svg) in &self.figures {
            texts.insert(format!("{folder}/figures/{name}"), svg);
        }
        for (configuration, page) in &self.summaries {
            texts.insert(format!("runs/{configuration}/summary.md"), page);
        }
        texts
    }
}

/// Returns pieces without any markup.
fn plain(report: &Report, pieces: &[Inline]) -> String {
    let piece = |piece: &Inline| match piece {
        Inline::Text(words) => (*words).to_owned(),
        Inline::Code(words) | Inline::Quote(words) => markdown::one_line(words),
        Inline::Number(claim, part) => report.ledger.get(*claim).text(*part),
        Inline::Strong(inner) | Inline::Link(_, inner) => plain(report, inner),
        Inline::Verdict(verdict) => html::verdict_name(*verdict).to_owned(),
        Inline::Status(status) => status.name().to_owned(),
    };
    pieces.iter().map(piece).collect()
}
