//! Results on one page, for a terminal or as a comment on a change.
//!
//! Owns: [`Page`], made of headings, sentences, lists and tables, and its two
//! forms, plain text and Markdown.
//!
//! Does not: stand for a report: its numbers are rounded when the page is made
//! and carry no claims. What computes on them reads the JSON form beside it.

use std::fmt::Write as _;

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Part {
    Heading(String),
    Sentence(String),
    List(Vec<String>),
    Table { head: Vec<String>, rows: Vec<Vec<String>> },
}

/// Results on one page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Page {
    parts: Vec<Part>,
}

impl Page {
    pub(crate) fn heading(&mut self, words: impl Into<String>) {
        self.parts.push(Part::Heading(words.into()));
    }

    pub(crate) fn sentence(&mut self, words: impl Into<String>) {
        self.parts.push(Part::Sentence(words.into()));
    }

    /// Adds a list, or nothing if it is empty.
    pub(crate) fn list(&mut self, items: impl IntoIterator<Item = String>) {
        let items: Vec<String> = items.into_iter().collect();
        if !items.is_empty() {
            self.parts.push(Part::List(items));
        }
    }

    /// Adds a table; its first column is text, the others are aligned right.
    pub(crate) fn table(&mut self, head: &[&str], rows: Vec<Vec<String>>) {
        let head = head.iter().map(|&name| name.to_owned()).collect();
        self.parts.push(Part::Table { head, rows });
    }

    /// Returns the page as plain text, with a newline at its end.
    pub(crate) fn to_text(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Heading(words) => {
                    let gap = if text.is_empty() { "" } else { "\n" };
                    put(&mut text, format_args!("{gap}{}\n", one_line(words)));
                }
                Part::Sentence(words) => put(&mut text, format_args!("{}\n", one_line(words))),
                Part::List(items) => {
                    for item in items {
                        put(&mut text, format_args!("  - {}\n", one_line(item)));
                    }
                }
                Part::Table { head, rows } => text_table(&mut text, head, rows),
            }
        }
        text
    }

    /// Returns the page as Markdown, with a newline at its end.
    pub(crate) fn to_markdown(&self) -> String {
        let mut text = String::new();
        for part in &self.parts {
            if !text.is_empty() {
                text.push('\n');
            }
            match part {
                Part::Heading(words) => put(&mut text, format_args!("## {}\n", escaped(words))),
                Part::Sentence(words) => put(&mut text, format_args!("{}\n", escaped(words))),
                Part::List(items) => {
                    for item in items {
                        put(&mut text, format_args!("- {}\n", escaped(item)));
                    }
                }
                Part::Table { head, rows } => {
                    let line = |cells: &[String]| {
                        let cells: Vec<String> = cells.iter().map(|cell| escaped(cell)).collect();
                        format!("| {} |", cells.join(" | "))
                    };
                    let rule = format!("|---|{}", "---:|".repeat(head.len().saturating_sub(1)));
                    put(&mut text, format_args!("{}\n{rule}\n", line(head)));
                    for row in rows {
                        put(&mut text, format_args!("{}\n", line(row)));
                    }
                }
            }
        }
        text
    }
}

fn put(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).expect("writing to a string cannot fail");
}

fn text_table(text: &mut String, head: &[String], rows: &[Vec<String>]) {
    let all = || std::iter::once(head).chain(rows.iter().map(Vec::as_slice));
    let width = |column: usize| {
        all().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    for row in all() {
        let mut line = String::from(" ");
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let cell = one_line(cell);
            match column {
                0 => put(&mut line, format_args!(" {cell:<width$}")),
                _ => put(&mut line, format_args!("  {cell:>width$}")),
            }
        }
        put(text, format_args!("{}\n", line.trim_end()));
    }
}

/// Words of the evidence may hold anything; a line of output is one line.
fn one_line(words: &str) -> String {
    words.split(|c: char| c.is_control()).collect::<Vec<_>>().join(" ")
}

fn escaped(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for c in one_line(words).chars() {
        if matches!(c, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '&') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> Page {
        let mut page = Page::default();
        page.heading("ratio");
        page.sentence("one\nline | <b>");
        page.list(["first".to_owned(), "second".to_owned()]);
        page.table(
            &["name", "value"],
            vec![vec!["a".to_owned(), "10".to_owned()], vec!["longer".to_owned(), "5".to_owned()]],
        );
        page
    }

    #[test]
    fn text_is_aligned_and_each_sentence_is_a_line() {
        let expected = "ratio\none line | <b>\n  - first\n  - second\n  name    value\n  a          \
                        10\n  longer      5\n";
        assert_eq!(page().to_text(), expected);
    }

    #[test]
    fn words_cannot_become_markdown() {
        let expected = "## ratio\n\none line \\| \\<b\\>\n\n- first\n- second\n\n| name | value |\n\
                        |---|---:|\n| a | 10 |\n| longer | 5 |\n";
        assert_eq!(page().to_markdown(), expected);
    }
}
