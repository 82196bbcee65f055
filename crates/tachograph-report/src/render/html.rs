//! The report as one HTML file that opens from disk and needs no network.
//!
//! Owns: the page. Every number is a `data` element that names its claim;
//! without a script its derivation is a tool tip.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::json;
use tachograph_stats::Verdict;

use super::markdown::one_line;
use super::{Mapped, Printed, claims};
use crate::claim::{Claim, Number, Part, Source};
use crate::document::{Align, Block, Inline, Prose, Table, Tone};
use crate::report::Report;
use crate::svg::{SHAPE_STYLE, escape};

const STYLE: &str = include_str!("html/style.css");
const SCRIPT: &str = include_str!("html/script.js");
/// Nothing may be fetched, from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; \
                      img-src data:; base-uri 'none'; form-action 'none'";

/// Renders a report and notes where each of its numbers stands.
pub(crate) fn render(report: &Report) -> Mapped {
    let mut page = Page { report, out: Mapped::default(), n_tables: 0 };
    page.head();
    page.contents();
    page.raw("<main id=\"top\">\n");
    page.masthead();
    page.sections();
    page.raw("</main>\n</div>\n");
    page.tail();
    page.out
}

struct Page<'a> {
    report: &'a Report,
    out: Mapped,
    n_tables: usize,
}

impl<'a> Page<'a> {
    fn raw(&mut self, html: &str) {
        self.out.text.push_str(html);
    }

    fn head(&mut self) {
        let title = escape(&one_line(&self.report.title));
        self.raw("<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
        self.raw("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n");
        self.raw("<meta name=\"color-scheme\" content=\"light dark\">\n");
        self.raw(&format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n"));
        self.raw(&format!("<title>{title} – Tachograph</title>\n<style>\n{STYLE}"));
        self.raw(&format!("{SHAPE_STYLE}\n</style>\n</head>\n<body>\n"));
        self.raw("<a class=\"skip\" href=\"#top\">Skip to the report</a>\n<div class=\"page\">\n");
    }

    fn contents(&mut self) {
        let report = self.report;
        self.raw("<nav aria-label=\"Contents\"><details open><summary>Contents</summary><ol>\n");
        for block in &report.blocks {
            if let Block::Heading { level: 2, anchor, text } = block {
                self.raw(&format!("<li><a href=\"#{}\">", escape(anchor)));
                self.prose(text);
                self.raw("</a></li>\n");
            }
        }
        self.raw("</ol></details>\n<button type=\"button\" id=\"theme\" hidden>");
        self.raw("Light or dark</button></nav>\n");
    }

    fn masthead(&mut self) {
        let report = self.report;
        self.raw(&format!("<header>\n<p class=\"over\">{}</p>\n<h1>", report.overline));
        self.words(&report.title);
        self.raw("</h1>\n");
        if let Some(question) = &report.question {
            self.raw("<p class=\"question\">");
            self.words(question);
            self.raw("</p>\n");
        }
        self.raw("<dl class=\"facts\">\n");
        for (term, value) in &report.facts {
            self.raw(&format!("<div><dt>{term}</dt><dd>"));
            self.prose(value);
            self.raw("</dd></div>\n");
        }
        self.raw("</dl>\n</header>\n");
    }

    fn sections(&mut self) {
        let report = self.report;
        let mut open = false;
        for block in &report.blocks {
            if let Block::Heading { level: 2, anchor, .. } = block {
                if open {
                    self.raw("</section>\n");
                }
                self.raw(&format!("<section aria-labelledby=\"{}\">\n", escape(anchor)));
                open = true;
            }
            self.block(block);
        }
        if open {
            self.raw("</section>\n");
        }
    }

    fn tail(&mut self) {
        self.raw("<aside id=\"panel\" hidden role=\"dialog\" aria-labelledby=\"panel-title\">\n");
        self.raw("<button type=\"button\" id=\"panel-close\" aria-label=\"Close\">×</button>\n");
        self.raw("<p class=\"over\">Where this number comes from</p>\n");
        self.raw("<p id=\"panel-title\"></p>\n<div id=\"panel-body\"></div>\n</aside>\n");
        let report = self.report;
        let claims: BTreeMap<&str, &Claim> =
            report.ledger.claims().iter().map(|each| (&*each.id, each)).collect();
        let formulas: BTreeMap<&str, &str> =
            claims.values().map(|each| (each.formula.name(), each.formula.text())).collect();
        // One claim after the other: all of them as one tree take several times the page.
        let mut data = String::from("{\"claims\":{");
        for (at, (id, each)) in claims.into_iter().enumerate() {
            let comma = if at > 0 { "," } else { "" };
            write!(data, "{comma}{}:{}", json!(id), claims::claim(each))
                .expect("a string takes all text");
        }
        let (formulas, runs, sets) = (json!(formulas), json!(report.runs), json!(report.sets));
        write!(data, "}},\"formulas\":{formulas},\"runs\":{runs},\"sets\":{sets}}}")
            .expect("a string takes all text");
        // `<` would let evidence end the element.
        let data = data.replace('<', "\\u003c");
        self.raw("<script type=\"application/json\" id=\"claims\">");
        self.raw(&data);
        self.raw(&format!("</script>\n<script>\n{SCRIPT}</script>\n</body>\n</html>\n"));
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading { level, anchor, text } => {
                let anchor = escape(anchor);
                self.raw(&format!("<h{level} id=\"{anchor}\"><a href=\"#{anchor}\">"));
                self.prose(text);
                self.raw(&format!("</a></h{level}>\n"));
            }
            Block::Paragraph(text) => {
                self.raw("<p>");
                self.prose(text);
                self.raw("</p>\n");
            }
            Block::List(items) => {
                self.raw("<ul>\n");
                for item in items {
                    self.raw("<li>");
                    self.prose(item);
                    self.raw("</li>\n");
                }
                self.raw("</ul>\n");
            }
            Block::Table(table) => self.table(table),
            Block::Figure(index) => self.figure(*index),
            Block::Callout(tone, inner) => {
                let (class, title) = match tone {
                    Tone::Answer => ("answer", "Answer"),
                    Tone::Warning => ("warning", "Warning"),
                };
                self.raw(&format!(
                    "<div class=\"callout {class}\"><p class=\"over\">{title}</p>\n"
                ));
                self.blocks(inner);
                self.raw("</div>\n");
            }
            Block::Commands(lines) => {
                self.raw(&format!("<pre><code>{}</code></pre>\n", escape(&lines.join("\n"))));
            }
            Block::Details(summary, inner) => {
                self.raw("<details><summary>");
                self.prose(summary);
                self.raw("</summary>\n");
                self.blocks(inner);
                self.raw("</details>\n");
            }
        }
    }

    fn figure(&mut self, index: usize) {
        let figure = &self.report.figures[index];
        let id = format!("figure-{}", figure.name);
        self.raw(&format!("<figure id=\"{id}\">\n<div class=\"scroll\" tabindex=\"0\">\n"));
        self.raw(&figure.drawing.inline(&id, figure.title, &figure.description));
        self.raw(&format!("</div>\n<figcaption><strong>{}.</strong> ", figure.title));
        self.prose(&figure.caption);
        self.raw("</figcaption>\n</figure>\n");
    }

    fn table(&mut self, table: &Table) {
        let mut label = String::new();
        if !table.caption.is_empty() {
            // Outside the table, so that it wraps where a wide table scrolls.
            self.n_tables += 1;
            label = format!(" aria-labelledby=\"table-{}\"", self.n_tables);
            self.raw(&format!("<p class=\"caption\" id=\"table-{}\">", self.n_tables));
            self.prose(&table.caption);
            self.raw("</p>\n");
        }
        self.raw(&format!("<div class=\"scroll\" tabindex=\"0\"><table{label}>\n"));
        self.raw("<thead><tr>");
        for (head, align) in &table.columns {
            self.raw(&format!("<th scope=\"col\"{}>", class(*align)));
            self.prose(head);
            self.raw("</th>");
        }
        self.raw("</tr></thead>\n<tbody>\n");
        for row in &table.rows {
            self.raw("<tr>");
            for (at, (cell, (_, align))) in row.iter().zip(&table.columns).enumerate() {
                let (open, close) =
                    if at == 0 { ("<th scope=\"row\"", "</th>") } else { ("<td", "</td>") };
                self.raw(&format!("{open}{}>", class(*align)));
                self.prose(cell);
                self.raw(close);
            }
            self.raw("</tr>\n");
        }
        self.raw("</tbody>\n</table></div>\n");
    }

    fn prose(&mut self, prose: &Prose) {
        self.pieces(&prose.0);
    }

    fn pieces(&mut self, pieces: &[Inline]) {
        for piece in pieces {
            match piece {
                Inline::Text(words) => self.raw(&escape(words)),
                Inline::Code(code) => {
                    self.raw("<code>");
                    self.words(code);
                    self.raw("</code>");
                }
                Inline::Quote(words) => self.words(words),
                Inline::Number(claim, part) => self.number(*claim, *part),
                Inline::Strong(inner) => {
                    self.raw("<strong>");
                    self.pieces(inner);
                    self.raw("</strong>");
                }
                Inline::Verdict(verdict) => {
                    let name = verdict_name(*verdict);
                    self.raw(&format!("<span class=\"verdict {name}\">{name}</span>"));
                }
                Inline::Status(status) => {
                    let name = status.name();
                    self.raw(&format!("<span class=\"status {name}\">{name}</span>"));
                }
                Inline::Link(anchor, inner) => {
                    self.raw(&format!("<a href=\"#{}\">", escape(anchor)));
                    self.pieces(inner);
                    self.raw("</a>");
                }
            }
        }
    }

    fn words(&mut self, words: &str) {
        let start = self.out.text.len();
        self.raw(&escape(&one_line(words)));
        self.out.identifiers.push((start, self.out.text.len()));
    }

    fn number(&mut self, claim_ref: crate::claim::ClaimRef, part: Part) {
        let claim: &'a Claim = self.report.ledger.get(claim_ref);
        let value = claim.number(part).map(|number| match number {
            Number::Count(count) => count.to_string(),
            Number::Real(value) => value.to_string(),
        });
        self.raw(&format!(
            "<data value=\"{}\" data-claim=\"{}\" data-part=\"{}\" title=\"{}\" tabindex=\"0\">",
            value.unwrap_or_default(),
            escape(&claim.id),
            part.name(),
            escape(&tool_tip(claim)),
        ));
        let start = self.out.text.len();
        // A true minus sign is as wide as the plus sign above or below it.
        self.raw(&escape(&claim.text(part).replace('-', "−")));
        let end = self.out.text.len();
        self.out.printed.push(Printed { start, end, claim: claim_ref, part });
        self.raw("</data>");
    }
}

/// Returns the name of a verdict, which is also its style class.
pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Better => "better",
        Verdict::Worse => "worse",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

fn class(align: Align) -> &'static str {
    match align {
        Align::Left => "",
        Align::Right => " class=\"r\"",
    }
}

/// Returns the derivation in a few words, for readers without a script.
fn tool_tip(claim: &Claim) -> String {
    let mut tip = format!("{} {}", claim.value.as_f64(), claim.unit);
    if let Some(interval) = claim.interval {
        write!(tip, " [{}, {}]", interval.low, interval.high).expect("a string takes all text");
    }
    if let Some(n) = claim.n {
        write!(tip, ", n = {n}").expect("a string takes all text");
    }
    let from = match &claim.source {
        Source::Plan => "plan.lock.json".to_owned(),
        Source::Environment => "environment.json".to_owned(),
        Source::Journal => "journal.jsonl".to_owned(),
        Source::Runs(set) => set.clone(),
        Source::Line(run, line) => format!("{run}, line {line}"),
        Source::Against(file, None) => file.clone(),
        Source::Against(file, Some(claim)) => format!("{file}, {claim}"),
    };
    format!("{tip}; {}; from {from}", claim.formula.name())
}
