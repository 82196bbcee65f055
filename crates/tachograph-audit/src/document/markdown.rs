//! Markdown to blocks.

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

use super::builder::{Builder, Style};
use super::{BlockKind, html};

/// Reads a Markdown document into `builder`.
pub(super) fn read(source: &str, builder: &mut Builder) {
    let body = source.strip_prefix('\u{feff}').unwrap_or(source);
    let shift = source.len() - body.len();
    let options = Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_FOOTNOTES
        | Options::ENABLE_YAML_STYLE_METADATA_BLOCKS;
    let mut reader = Reader { builder, lists: Vec::new(), n_strong: 0, n_skipped: 0 };
    for (event, range) in Parser::new_ext(body, options).into_offset_iter() {
        reader.take(event, range.start + shift, &source[range.start + shift..range.end + shift]);
    }
}

struct Reader<'a> {
    builder: &'a mut Builder,
    /// The lists around the position, innermost last.
    lists: Vec<usize>,
    n_strong: usize,
    /// Depth inside something that is not prose.
    n_skipped: usize,
}

impl Reader<'_> {
    fn take(&mut self, event: Event<'_>, at: usize, raw: &str) {
        match event {
            Event::Start(tag) => self.start(&tag),
            Event::End(tag) => self.end(tag),
            _ if self.n_skipped > 0 => {}
            Event::Text(text) => self.text(&text, at, raw, false),
            Event::Code(text) => {
                let inner = at + raw.find(&*text).unwrap_or(0);
                self.text(&text, inner, &text, true);
            }
            Event::SoftBreak => self.text(" ", at, " ", false),
            Event::HardBreak => self.builder.line_break(at),
            Event::Html(_) => html::read(raw, at, self.builder),
            Event::InlineHtml(tag) if tag.starts_with("<br") => self.builder.line_break(at),
            Event::Rule => self.builder.end(),
            _ => {}
        }
    }

    fn text(&mut self, text: &str, at: usize, raw: &str, is_code: bool) {
        // An entity or an escape stands for other text than its source.
        let at = if text.len() < raw.len() { at + raw.find(text).unwrap_or(0) } else { at };
        self.builder.text(text, at, Style { is_code, is_strong: self.n_strong > 0 });
    }

    fn start(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Paragraph if self.lists.is_empty() => self.builder.begin(BlockKind::Paragraph),
            Tag::Heading { .. } => self.builder.begin(BlockKind::Heading),
            Tag::Item => {
                let list = self.lists.last().copied().unwrap_or(0);
                self.builder.begin(BlockKind::Item { list });
            }
            Tag::List(_) => {
                self.builder.end();
                let list = self.builder.new_list();
                self.lists.push(list);
            }
            Tag::Table(_) => self.builder.new_table(),
            Tag::TableHead | Tag::TableRow => self.builder.new_row(),
            Tag::TableCell => self.builder.new_cell(),
            Tag::Strong => self.n_strong += 1,
            Tag::CodeBlock(_) | Tag::MetadataBlock(_) => {
                self.builder.end();
                self.n_skipped += 1;
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(level) => self.builder.end_heading(match level {
                HeadingLevel::H1 => 1,
                HeadingLevel::H2 => 2,
                HeadingLevel::H3 => 3,
                HeadingLevel::H4 => 4,
                HeadingLevel::H5 => 5,
                HeadingLevel::H6 => 6,
            }),
            TagEnd::List(_) => {
                self.builder.end();
                self.lists.pop();
            }
            TagEnd::Paragraph if !self.lists.is_empty() => self.builder.line_break(0),
            TagEnd::Paragraph | TagEnd::Item | TagEnd::TableCell | TagEnd::HtmlBlock => {
                self.builder.end();
            }
            TagEnd::Strong => self.n_strong = self.n_strong.saturating_sub(1),
            TagEnd::CodeBlock | TagEnd::MetadataBlock(_) => {
                self.n_skipped = self.n_skipped.saturating_sub(1);
            }
            _ => {}
        }
    }
}
