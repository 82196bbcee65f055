//! A report as blocks of plain text, each with the way back to its source.
//!
//! Owns: what of a Markdown or HTML file is prose, heading, list item or table
//! cell, in which section it stands, and where in the file each piece of text
//! came from. Code blocks, scripts, styles and drawings are not prose.
//!
//! Does not: know what a number is.

mod builder;
mod html;
mod markdown;

/// How a document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Markup {
    /// Markdown, with tables.
    Markdown,
    /// HTML.
    Html,
}

/// What role a block has in its document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BlockKind {
    /// A heading, or a line of its own that introduces what follows.
    Heading,
    /// A paragraph.
    Paragraph,
    /// An item of a list.
    Item {
        /// The list, numbered through the document.
        list: usize,
    },
    /// A cell of a table.
    Cell {
        /// The table, numbered through the document.
        table: usize,
        /// The row, from 0; the header is row 0.
        row: usize,
        /// The column, from 0.
        column: usize,
    },
}

/// A piece of a block's text that stands in one go in the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    /// Where it begins in the block's text.
    at: usize,
    /// Where it begins in the source.
    source: usize,
    /// Whether it is code.
    is_code: bool,
    /// Whether it is emphasised strongly.
    is_strong: bool,
}

/// A stretch of text: a paragraph, an item, a heading, a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// Its role.
    pub(crate) kind: BlockKind,
    /// Its text, without markup; a hard line break is a newline.
    pub(crate) text: String,
    /// The section that it stands in.
    pub(crate) section: usize,
    pieces: Vec<Piece>,
}

impl Block {
    fn piece(&self, at: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.at <= at);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// Returns where a position of the text stands in the source.
    pub(crate) fn source(&self, at: usize) -> usize {
        self.piece(at).map_or(0, |piece| piece.source + (at - piece.at))
    }

    /// Returns whether the text at a position is code.
    pub(crate) fn is_code(&self, at: usize) -> bool {
        self.piece(at).is_some_and(|piece| piece.is_code)
    }

    /// Returns the whole piece of code around a position.
    pub(crate) fn code_around(&self, at: usize) -> Option<&str> {
        let after = self.pieces.partition_point(|piece| piece.at <= at);
        let piece = self.pieces.get(after.checked_sub(1)?).filter(|piece| piece.is_code)?;
        let end = self.pieces.get(after).map_or(self.text.len(), |next| next.at);
        self.text.get(piece.at..end)
    }

    /// Returns the codes of the block with their positions, in order.
    pub(crate) fn codes(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_code = |(_, piece): &(usize, &Piece)| piece.is_code;
        self.pieces.iter().enumerate().filter(is_code).filter_map(|(at, piece)| {
            let end = self.pieces.get(at + 1).map_or(self.text.len(), |next| next.at);
            Some((piece.at, self.text.get(piece.at..end)?))
        })
    }

    /// Returns whether everything but a closing colon is emphasised strongly.
    fn is_all_strong(&self) -> bool {
        let end = self.text.trim_end().trim_end_matches(':').len();
        self.pieces.iter().all(|piece| piece.is_strong || piece.at >= end)
    }
}

/// A part of a document under one heading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    /// The section around it.
    pub(crate) parent: Option<usize>,
    /// Its heading; empty for the document itself.
    pub(crate) title: String,
    level: u8,
}

impl Section {
    /// Returns whether a line of its own, and no heading, begins the section.
    pub(crate) fn is_introduction(&self) -> bool {
        self.level == builder::INTRODUCTION
    }
}

/// A table: the blocks of its cells, row by row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// The rows, header first; a missing cell is absent.
    pub(crate) rows: Vec<Vec<usize>>,
}

/// A report, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// Its name, for messages.
    pub(crate) name: String,
    /// Its source.
    pub(crate) source: String,
    /// Its text, in reading order.
    pub(crate) blocks: Vec<Block>,
    /// Its sections; the first is the document.
    pub(crate) sections: Vec<Section>,
    /// Its tables.
    pub(crate) tables: Vec<Table>,
    line_starts: Vec<usize>,
}

/// Why a file is not a report that can be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The bytes are no text.
    #[error("{name}: it is not UTF-8 from byte {at} (line {line}); save it as UTF-8")]
    NotText {
        /// The document's name.
        name: String,
        /// The first byte that is not.
        at: usize,
        /// Its line.
        line: usize,
    },
    /// It is too large for a report.
    #[error("{name}: it has {bytes} bytes, and a report of more than {max} is not read")]
    TooLarge {
        /// The document's name.
        name: String,
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
}

/// The largest document that is read.
const BYTES_MAX: usize = 64 << 20;

impl Document {
    /// Takes a report apart.
    ///
    /// A byte order mark at the beginning is skipped.
    ///
    /// # Errors
    ///
    /// [`DocumentError::NotText`] unless the bytes are UTF-8;
    /// [`DocumentError::TooLarge`] beyond 64 MiB.
    pub fn parse(name: &str, bytes: &[u8], markup: Markup) -> Result<Self, DocumentError> {
        if bytes.len() > BYTES_MAX {
            let name = name.to_owned();
            return Err(DocumentError::TooLarge { name, bytes: bytes.len(), max: BYTES_MAX });
        }
        let source = std::str::from_utf8(bytes).map_err(|error| {
            let at = error.valid_up_to();
            let line = bytes[..at].split(|byte| *byte == b'\n').count();
            DocumentError::NotText { name: name.to_owned(), at, line }
        })?;
        let mut builder = builder::Builder::default();
        match markup {
            Markup::Markdown => markdown::read(source, &mut builder),
            Markup::Html => html::read(source, 0, &mut builder),
        }
        let (blocks, sections, tables) = builder.finish();
        let newlines = source.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect();
        let (name, source) = (name.to_owned(), source.to_owned());
        Ok(Self { name, source, blocks, sections, tables, line_starts })
    }

    /// Returns line and column of a byte of the source, both from 1; the column
    /// counts characters.
    pub(crate) fn line_and_column(&self, at: usize) -> (usize, usize) {
        let line = self.line_starts.partition_point(|start| *start <= at);
        let start = self.line_starts[line - 1];
        let column = self.source.get(start..at).map_or(at - start, |text| text.chars().count());
        (line, column + 1)
    }

    /// Returns the titles of the sections around a section, outermost first,
    /// without that of the whole document.
    pub(crate) fn titles(&self, section: usize) -> Vec<&str> {
        let is_title = |section: &Section| section.level == 1;
        let has_one = self.sections.iter().filter(|section| is_title(section)).count() == 1;
        let mut titles = Vec::new();
        let mut at = Some(section);
        while let Some(index) = at.filter(|index| *index > 0) {
            let section = &self.sections[index];
            if !(has_one && is_title(section)) {
                titles.push(&*section.title);
            }
            at = section.parent;
        }
        titles.reverse();
        titles
    }

    /// Returns whether `inner` is `outer` or stands inside it.
    pub(crate) fn is_inside(&self, inner: usize, outer: usize) -> bool {
        let mut at = Some(inner);
        while let Some(index) = at {
            if index == outer {
                return true;
            }
            at = self.sections[index].parent;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str, markup: Markup) -> Vec<(String, usize)> {
        let document = Document::parse("t", source.as_bytes(), markup).unwrap();
        let blocks = document.blocks.iter();
        blocks
            .map(|block| (block.text.clone(), document.line_and_column(block.source(0)).0))
            .collect()
    }

    fn owned(rows: &[(&str, usize)]) -> Vec<(String, usize)> {
        rows.iter().map(|(text, line)| ((*text).to_owned(), *line)).collect()
    }

    #[test]
    fn markdown_gives_blocks_with_their_lines() {
        let source = "# Top\n\nOne *two*\nthree.\n\n- a: **1**\n- b\n  - c\n\n| h | k |\n|---|---|\n| x | 2 |\n\n```\n99\n```\n";
        let expected = [
            ("Top", 1),
            ("One two three.", 3),
            ("a: 1", 6),
            ("b", 7),
            ("c", 8),
            ("h", 10),
            ("k", 10),
            ("x", 12),
            ("2", 12),
        ];
        assert_eq!(texts(source, Markup::Markdown), owned(&expected));
    }

    #[test]
    fn html_gives_the_same_and_skips_scripts() {
        let source = "<h1>Top</h1>\n<script>var a = 1;</script><p>One <b>two</b> &amp; three</p>\n<ul><li>a: 1</li>\n<li>b</ul>\n<table><tr><th>h</th></tr>\n<tr><td>2</td></tr></table>";
        let expected =
            [("Top", 1), ("One two & three", 2), ("a: 1", 3), ("b", 4), ("h", 5), ("2", 6)];
        assert_eq!(texts(source, Markup::Html), owned(&expected));
    }

    #[test]
    fn a_line_of_strong_text_introduces_what_follows() {
        let source = "# A\n\n**Before:**\n- x 1\n\n**After:**\n- x 2\n\n## B\n\ntext\n";
        let document = Document::parse("t", source.as_bytes(), Markup::Markdown).unwrap();
        let titles: Vec<Vec<&str>> = document
            .blocks
            .iter()
            .filter(|block| block.kind != BlockKind::Heading)
            .map(|block| document.titles(block.section))
            .collect();
        assert_eq!(titles, [vec!["Before:"], vec!["After:"], vec!["B"]]);
    }

    #[test]
    fn bytes_that_are_no_text_are_named() {
        let error = Document::parse("x.md", b"a\n\xff", Markup::Markdown).unwrap_err();
        assert_eq!(
            error.to_string(),
            "x.md: it is not UTF-8 from byte 2 (line 2); save it as UTF-8"
        );
    }
}
