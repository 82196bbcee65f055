//! The report as a tree, built once and rendered twice.
//!
//! Owns: the kinds of text that a report is made of. [`Inline::Text`] holds a
//! literal of this program and no digit; every digit comes from a claim, or
//! from an identifier that the evidence gave us (code and quotations).
//!
//! Does not: know Markdown or HTML; see `render`.

use std::fmt::Display;

use tachograph_stats::Verdict;

use crate::claim::{ClaimRef, Part};
use crate::validity::Status;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Inline {
    /// Words of this program, without digits.
    Text(&'static str),
    /// An identifier, in code type.
    Code(String),
    /// Words or identifiers of the evidence or the plan, in running type.
    Quote(String),
    /// A number.
    Number(ClaimRef, Part),
    /// Emphasised pieces.
    Strong(Vec<Inline>),
    /// A verdict.
    Verdict(Verdict),
    /// A validity status.
    Status(Status),
    /// A link to a heading of the report.
    Link(&'static str, Vec<Inline>),
}

/// Pieces of a line, built from left to right.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Prose(pub(crate) Vec<Inline>);

/// What stands between two blank lines.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Block {
    /// A heading of level 2 or 3 with its anchor.
    Heading {
        /// 2 or 3.
        level: u8,
        /// The name that links use.
        anchor: String,
        /// Its words.
        text: Prose,
    },
    /// A paragraph.
    Paragraph(Prose),
    /// A list.
    List(Vec<Prose>),
    /// A table.
    Table(Table),
    /// A figure, by its position in the report.
    Figure(usize),
    /// A remark that must not be missed.
    Callout(Tone, Vec<Block>),
    /// Commands to copy.
    Commands(Vec<String>),
    /// Blocks that HTML folds under a summary.
    Details(Prose, Vec<Block>),
}

/// How a callout looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// The answer.
    Answer,
    /// Something is wrong.
    Warning,
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) caption: Prose,
    /// Heads of the columns, with their alignment.
    pub(crate) columns: Vec<(Prose, Align)>,
    /// Rows, each with one cell per column.
    pub(crate) rows: Vec<Vec<Prose>>,
}

/// On which side the cells of a column stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    /// Words.
    Left,
    /// Numbers.
    Right,
}

impl Prose {
    /// Starts a line.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds words.
    ///
    /// A digit in them is a broken invariant: it would be a number that no
    /// evidence supports.
    #[must_use]
    pub(crate) fn text(mut self, text: &'static str) -> Self {
        debug_assert!(
            !text.contains(|c: char| c.is_ascii_digit()),
            "a digit in static text must be a claim: {text:?}"
        );
        self.0.push(Inline::Text(text));
        self
    }

    /// Adds an identifier in code type.
    #[must_use]
    pub(crate) fn code(mut self, code: impl Display) -> Self {
        self.0.push(Inline::Code(code.to_string()));
        self
    }

    /// Adds words of the evidence.
    #[must_use]
    pub(crate) fn quote(mut self, words: impl Display) -> Self {
        self.0.push(Inline::Quote(words.to_string()));
        self
    }

    /// Adds a claim's value.
    #[must_use]
    pub(crate) fn value(self, claim: ClaimRef) -> Self {
        self.part(claim, Part::Value)
    }

    /// Adds one of a claim's numbers.
    #[must_use]
    pub(crate) fn part(mut self, claim: ClaimRef, part: Part) -> Self {
        self.0.push(Inline::Number(claim, part));
        self
    }

    /// Adds a claim's interval in brackets: `[low, high]`.
    #[must_use]
    pub(crate) fn interval(self, claim: ClaimRef) -> Self {
        self.text("[").part(claim, Part::Low).text(", ").part(claim, Part::High).text("]")
    }

    /// Adds a verdict.
    #[must_use]
    pub(crate) fn verdict(mut self, verdict: Verdict) -> Self {
        self.0.push(Inline::Verdict(verdict));
        self
    }

    /// Adds a validity status.
    #[must_use]
    pub(crate) fn status(mut self, status: Status) -> Self {
        self.0.push(Inline::Status(status));
        self
    }

    /// Adds emphasised pieces.
    #[must_use]
    pub(crate) fn strong(mut self, pieces: Self) -> Self {
        self.0.push(Inline::Strong(pieces.0));
        self
    }

    /// Adds a link to the heading `anchor`.
    #[must_use]
    pub(crate) fn link(mut self, anchor: &'static str, words: &'static str) -> Self {
        self.0.push(Inline::Link(anchor, Self::new().text(words).0));
        self
    }

    /// Adds other pieces.
    #[must_use]
    pub(crate) fn then(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Returns a line of words.
pub(crate) fn text(words: &'static str) -> Prose {
    Prose::new().text(words)
}

/// Returns a line that is one identifier.
pub(crate) fn code(identifier: impl Display) -> Prose {
    Prose::new().code(identifier)
}

/// Returns a line that is one number, or a dash.
pub(crate) fn cell(claim: Option<ClaimRef>) -> Prose {
    claim.map_or_else(|| text("–"), |claim| Prose::new().value(claim))
}

/// Returns the pieces separated by commas.
pub(crate) fn comma_separated(pieces: impl IntoIterator<Item = Prose>) -> Prose {
    separated(", ", pieces)
}

/// Returns the pieces with `between` between them.
pub(crate) fn separated(between: &'static str, pieces: impl IntoIterator<Item = Prose>) -> Prose {
    let mut all = Prose::new();
    for piece in pieces {
        if !all.is_empty() {
            all = all.text(between);
        }
        all = all.then(piece);
    }
    all
}

/// Returns whether every link leads to a heading of the blocks.
pub(crate) fn links_resolve(blocks: &[Block]) -> bool {
    let mut targets = Vec::new();
    visit(blocks, &mut |piece| {
        if let Inline::Link(target, _) = piece {
            targets.push(*target);
        }
    });
    let is_heading = |target: &str| {
        blocks
            .iter()
            .any(|block| matches!(block, Block::Heading { anchor, .. } if anchor == target))
    };
    targets.into_iter().all(is_heading)
}

/// Visits every piece of the blocks, emphasised and linked ones included.
fn visit<'a>(blocks: &'a [Block], see: &mut dyn FnMut(&'a Inline)) {
    for block in blocks {
        match block {
            Block::Heading { text, .. } | Block::Paragraph(text) => visit_line(&text.0, see),
            Block::List(items) => items.iter().for_each(|item| visit_line(&item.0, see)),
            Block::Table(table) => {
                visit_line(&table.caption.0, see);
                table.columns.iter().for_each(|(head, _)| visit_line(&head.0, see));
                table.rows.iter().flatten().for_each(|cell| visit_line(&cell.0, see));
            }
            Block::Figure(_) | Block::Commands(_) => {}
            Block::Callout(_, inner) => visit(inner, see),
            Block::Details(summary, inner) => {
                visit_line(&summary.0, see);
                visit(inner, see);
            }
        }
    }
}

fn visit_line<'a>(line: &'a [Inline], see: &mut dyn FnMut(&'a Inline)) {
    for piece in line {
        see(piece);
        if let Inline::Strong(inner) | Inline::Link(_, inner) = piece {
            visit_line(inner, see);
        }
    }
}
