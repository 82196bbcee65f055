//! Blocks, sections and tables, put together from pieces of text.
//!
//! Owns: when a block begins and ends, white space, and the nesting of sections.

use super::{Block, BlockKind, Piece, Section, Table};

/// The level of a line that introduces what follows without being a heading.
pub(super) const INTRODUCTION: u8 = 7;

/// How a piece of text is set.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Style {
    /// Code.
    pub(super) is_code: bool,
    /// Strong emphasis.
    pub(super) is_strong: bool,
}

/// A document that is put together.
#[derive(Debug)]
pub(super) struct Builder {
    blocks: Vec<Block>,
    sections: Vec<Section>,
    tables: Vec<Table>,
    /// The section that the next block belongs to.
    section: usize,
    open: Option<Block>,
    n_lists: usize,
}

impl Default for Builder {
    fn default() -> Self {
        let top = Section { parent: None, title: String::new(), level: 0 };
        Self {
            blocks: Vec::new(),
            sections: vec![top],
            tables: Vec::new(),
            section: 0,
            open: None,
            n_lists: 0,
        }
    }
}

impl Builder {
    /// Ends the block under way and begins another.
    pub(super) fn begin(&mut self, kind: BlockKind) {
        self.end();
        let section = self.section;
        self.open = Some(Block { kind, text: String::new(), section, pieces: Vec::new() });
    }

    /// Begins a paragraph; inside an item or a cell it is only a new line.
    pub(super) fn begin_paragraph(&mut self) {
        if self.is_inside() { self.line_break(0) } else { self.begin(BlockKind::Paragraph) }
    }

    /// Ends a paragraph; inside an item or a cell it is only a new line.
    pub(super) fn end_paragraph(&mut self) {
        if self.is_inside() { self.line_break(0) } else { self.end() }
    }

    fn is_inside(&self) -> bool {
        let kind = self.open.as_ref().map(|block| block.kind);
        matches!(kind, Some(BlockKind::Item { .. } | BlockKind::Cell { .. }))
    }

    /// Returns a new number for a list.
    pub(super) fn new_list(&mut self) -> usize {
        self.n_lists += 1;
        self.n_lists
    }

    /// Begins a table.
    pub(super) fn new_table(&mut self) {
        self.end();
        self.tables.push(Table::default());
    }

    /// Begins a row of the last table.
    pub(super) fn new_row(&mut self) {
        self.end();
        if let Some(table) = self.tables.last_mut() {
            table.rows.push(Vec::new());
        }
    }

    /// Begins a cell of the last table.
    pub(super) fn new_cell(&mut self) {
        self.end();
        let Some(table) = self.tables.len().checked_sub(1) else { return };
        if self.tables[table].rows.is_empty() {
            self.tables[table].rows.push(Vec::new());
        }
        let row = self.tables[table].rows.len() - 1;
        let column = self.tables[table].rows[row].len();
        self.begin(BlockKind::Cell { table, row, column });
    }

    /// Adds text to the block under way, or to a new paragraph.
    pub(super) fn text(&mut self, text: &str, source: usize, style: Style) {
        let begins = text.len() - text.trim_start().len();
        if self.open.is_none() {
            if begins == text.len() {
                return;
            }
            self.begin(BlockKind::Paragraph);
        }
        let Some(block) = &mut self.open else { return };
        // White space is kept: positions must lead back to the source.
        let (text, source) =
            if block.text.is_empty() { (&text[begins..], source + begins) } else { (text, source) };
        if !text.is_empty() {
            let (is_code, is_strong) = (style.is_code, style.is_strong);
            block.pieces.push(Piece { at: block.text.len(), source, is_code, is_strong });
            block.text.push_str(text);
        }
    }

    /// Adds a line break to the block under way.
    pub(super) fn line_break(&mut self, source: usize) {
        if self.open.as_ref().is_some_and(|block| !block.text.is_empty()) {
            self.text("\n", source, Style::default());
        }
    }

    /// Ends the block under way, as a heading of `level`.
    pub(super) fn end_heading(&mut self, level: u8) {
        if let Some(mut block) = self.take() {
            block.kind = BlockKind::Heading;
            self.enter(block, level);
        }
    }

    /// Ends the block under way; an empty cell is kept.
    pub(super) fn end(&mut self) {
        let Some(block) = self.take() else { return };
        let text = block.text.trim();
        let introduces = block.kind == BlockKind::Paragraph
            && !text.contains('\n')
            && text.len() <= 80
            && (block.is_all_strong() || (text.ends_with(':') && !text.contains(". ")));
        if introduces {
            self.enter(Block { kind: BlockKind::Heading, ..block }, INTRODUCTION);
        } else {
            self.push(block);
        }
    }

    fn take(&mut self) -> Option<Block> {
        let mut block = self.open.take()?;
        block.text.truncate(block.text.trim_end().len());
        let is_cell = matches!(block.kind, BlockKind::Cell { .. });
        (is_cell || !block.text.is_empty()).then_some(block)
    }

    fn enter(&mut self, mut block: Block, level: u8) {
        let mut around = self.section;
        while self.sections[around].level >= level {
            let Some(parent) = self.sections[around].parent else { break };
            around = parent;
        }
        self.sections.push(Section { parent: Some(around), title: block.text.clone(), level });
        self.section = self.sections.len() - 1;
        block.section = self.section;
        self.push(block);
    }

    fn push(&mut self, block: Block) {
        if let BlockKind::Cell { table, row, .. } = block.kind {
            self.tables[table].rows[row].push(self.blocks.len());
        }
        self.blocks.push(block);
    }

    /// Returns everything.
    pub(super) fn finish(mut self) -> (Vec<Block>, Vec<Section>, Vec<Table>) {
        self.end();
        (self.blocks, self.sections, self.tables)
    }
}
