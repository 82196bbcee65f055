//! The report as Markdown (`CommonMark` with tables).

use tachograph_stats::Verdict;

use super::{Mapped, Printed};
use crate::document::{Align, Block, Inline, Prose, Table, Tone};
use crate::report::Report;
use crate::validity::Status;

/// Renders a report and notes where each of its numbers stands.
pub(crate) fn render(report: &Report) -> Mapped {
    let mut page = Page { report, out: Mapped::default(), prefix: String::new() };
    page.line(|page| {
        page.out.text.push_str("# ");
        page.words(&report.title);
    });
    if let Some(question) = &report.question {
        page.blank();
        page.line(|page| {
            page.out.text.push('*');
            page.words(question);
            page.out.text.push('*');
        });
    }
    if !report.facts.is_empty() {
        page.blank();
        for (term, value) in &report.facts {
            page.line(|page| {
                page.out.text.push_str("- **");
                page.out.text.push_str(term);
                page.out.text.push_str(":** ");
                page.pieces(&value.0, false);
            });
        }
    }
    page.blocks(&report.blocks);
    page.out
}

struct Page<'a> {
    report: &'a Report,
    out: Mapped,
    /// What each line begins with: `> ` inside a callout.
    prefix: String,
}

impl Page<'_> {
    fn line(&mut self, write: impl FnOnce(&mut Self)) {
        self.out.text.push_str(&self.prefix);
        write(self);
        while self.out.text.ends_with(' ') {
            self.out.text.pop();
        }
        self.out.text.push('\n');
    }

    fn blank(&mut self) {
        self.line(|_| ());
    }

    fn blocks(&mut self, blocks: &[Block]) {
        for block in blocks {
            self.blank();
            self.block(block);
        }
    }

    fn block(&mut self, block: &Block) {
        match block {
            Block::Heading { level, text, .. } => self.line(|page| {
                page.out.text.push_str(if *level == 2 { "## " } else { "### " });
                page.prose(text);
            }),
            Block::Paragraph(text) => self.line(|page| page.prose(text)),
            Block::List(items) => {
                for item in items {
                    self.line(|page| {
                        page.out.text.push_str("- ");
                        page.prose(item);
                    });
                }
            }
            Block::Table(table) => self.table(table),
            Block::Figure(index) => self.figure(*index),
            Block::Callout(tone, inner) => {
                let before = self.prefix.clone();
                self.prefix.push_str("> ");
                self.line(|page| {
                    page.out.text.push_str(match tone {
                        Tone::Answer => "**Answer**",
                        Tone::Warning => "**Warning**",
                    });
                });
                self.blocks(inner);
                self.prefix = before;
            }
            Block::Commands(lines) => {
                self.line(|page| page.out.text.push_str("```sh"));
                for line in lines {
                    self.line(|page| {
                        let start = page.out.text.len();
                        page.out.text.push_str(line);
                        page.out.identifiers.push((start, page.out.text.len()));
                    });
                }
                self.line(|page| page.out.text.push_str("```"));
            }
            Block::Details(summary, inner) => {
                self.line(|page| {
                    page.out.text.push_str("<details><summary>");
                    page.prose(summary);
                    page.out.text.push_str("</summary>");
                });
                self.blocks(inner);
                self.blank();
                self.line(|page| page.out.text.push_str("</details>"));
            }
        }
    }

    fn figure(&mut self, index: usize) {
        let report = self.report;
        let figure = &report.figures[index];
        self.line(|page| {
            page.out.text.push_str("![");
            page.out.text.push_str(figure.title);
            page.out.text.push_str("](figures/");
            page.out.text.push_str(figure.name);
            page.out.text.push_str(".svg)");
        });
        self.blank();
        self.line(|page| page.prose(&figure.caption));
    }

    fn table(&mut self, table: &Table) {
        if !table.caption.is_empty() {
            self.line(|page| {
                page.out.text.push_str("**Table.** ");
                page.prose(&table.caption);
            });
            self.blank();
        }
        self.line(|page| {
            page.out.text.push('|');
            for (head, _) in &table.columns {
                page.out.text.push(' ');
                page.pieces(&head.0, true);
                page.out.text.push_str(" |");
            }
        });
        self.line(|page| {
            page.out.text.push('|');
            for (_, align) in &table.columns {
                page.out.text.push_str(match align {
                    Align::Left => " :--- |",
                    Align::Right => " ---: |",
                });
            }
        });
        for row in &table.rows {
            self.line(|page| {
                page.out.text.push('|');
                for cell in row {
                    page.out.text.push(' ');
                    page.pieces(&cell.0, true);
                    page.out.text.push_str(" |");
                }
            });
        }
    }

    fn prose(&mut self, prose: &Prose) {
        self.pieces(&prose.0, false);
    }

    fn pieces(&mut self, pieces: &[Inline], in_table: bool) {
        for piece in pieces {
            match piece {
                Inline::Text(words) => self.out.text.push_str(words),
                Inline::Code(code) => self.code(code, in_table),
                Inline::Quote(words) => self.words(words),
                Inline::Number(claim, part) => {
                    let start = self.out.text.len();
                    self.out.text.push_str(&self.report.ledger.get(*claim).text(*part));
                    let end = self.out.text.len();
                    self.out.printed.push(Printed { start, end, claim: *claim, part: *part });
                }
                Inline::Strong(inner) => {
                    self.out.text.push_str("**");
                    self.pieces(inner, in_table);
                    self.out.text.push_str("**");
                }
                Inline::Verdict(verdict) => self.out.text.push_str(match verdict {
                    Verdict::Better => "**better**",
                    Verdict::Worse => "**worse**",
                    Verdict::Equivalent => "**equivalent**",
                    Verdict::Inconclusive => "*inconclusive*",
                }),
                Inline::Status(status) => self.out.text.push_str(match status {
                    Status::Valid => "valid",
                    Status::Suspect => "**suspect**",
                    Status::Invalid => "**invalid**",
                }),
                Inline::Link(anchor, inner) => {
                    self.out.text.push('[');
                    self.pieces(inner, in_table);
                    self.out.text.push_str("](#");
                    self.out.text.push_str(anchor);
                    self.out.text.push(')');
                }
            }
        }
    }

    /// Writes an identifier in backticks, more of them than it holds itself.
    fn code(&mut self, code: &str, in_table: bool) {
        let code = one_line(code);
        if code.is_empty() {
            self.out.text.push_str("(empty)");
            return;
        }
        let code = if in_table { code.replace('|', "\\|") } else { code };
        let longest = code.split(|c| c != '`').map(str::len).max().unwrap_or_default();
        let fence = "`".repeat(longest + 1);
        let pad = if longest > 0 { " " } else { "" };
        let start = self.out.text.len();
        self.out.text.push_str(&fence);
        self.out.text.push_str(pad);
        self.out.text.push_str(&code);
        self.out.text.push_str(pad);
        self.out.text.push_str(&fence);
        self.out.identifiers.push((start, self.out.text.len()));
    }

    /// Writes words of the evidence so that none of them is markup.
    fn words(&mut self, words: &str) {
        let start = self.out.text.len();
        for c in one_line(words).chars() {
            if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&') {
                self.out.text.push('\\');
            }
            self.out.text.push(c);
        }
        self.out.identifiers.push((start, self.out.text.len()));
    }
}

/// Returns the words on one line, without control characters, cut to a length
/// that a reader can stand.
pub(super) fn one_line(words: &str) -> String {
    const CHARACTERS_MAX: usize = 400;
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut line: String = words.chars().filter(|c| !c.is_control()).take(CHARACTERS_MAX).collect();
    if line.len() < words.len() && words.chars().count() > CHARACTERS_MAX {
        line.push('…');
    }
    line
}
