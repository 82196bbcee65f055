//! HTML to blocks.
//!
//! Tags decide where blocks begin and end; nothing of the document is executed
//! or fetched.

use html5gum::emitters::default::DefaultEmitter;
use html5gum::{Token, Tokenizer};

use super::BlockKind;
use super::builder::{Builder, Style};

/// Elements whose text is not prose.
const NOT_PROSE: [&str; 8] =
    ["script", "style", "svg", "template", "pre", "head", "textarea", "noscript"];

/// Elements that have no end.
const VOID: [&str; 6] = ["br", "hr", "img", "input", "meta", "link"];

/// Reads HTML that stands `offset` bytes into the document.
pub(super) fn read(source: &str, offset: usize, builder: &mut Builder) {
    let mut emitter = DefaultEmitter::<usize>::new_with_span();
    emitter.naively_switch_states(true);
    let mut reader = Reader { builder, skipped: None, lists: Vec::new(), n_strong: 0, n_code: 0 };
    for token in Tokenizer::new_with_emitter(source, emitter) {
        let Ok(token) = token;
        match token {
            Token::StartTag(tag) => {
                let name = String::from_utf8_lossy(&tag.name).into_owned();
                reader.start(&name, tag.self_closing, offset + tag.span.start);
            }
            Token::EndTag(tag) => reader.end(&String::from_utf8_lossy(&tag.name)),
            Token::String(text) if reader.skipped.is_none() => {
                let at = text.span.start;
                let raw = source.get(at..text.span.end).unwrap_or_default();
                reader.text(&String::from_utf8_lossy(&text), raw, offset + at);
            }
            _ => {}
        }
    }
    reader.builder.end();
}

struct Reader<'a> {
    builder: &'a mut Builder,
    /// The element that is not prose, with the number of its like inside it.
    skipped: Option<(String, usize)>,
    lists: Vec<usize>,
    n_strong: usize,
    n_code: usize,
}

impl Reader<'_> {
    fn start(&mut self, name: &str, is_closed: bool, at: usize) {
        if let Some((skipped, depth)) = &mut self.skipped {
            *depth += usize::from(skipped == name && !is_closed);
            return;
        }
        if NOT_PROSE.contains(&name) {
            self.builder.end();
            self.skipped = (!is_closed).then(|| (name.to_owned(), 0));
            return;
        }
        match name {
            "br" => self.builder.line_break(at),
            "b" | "strong" => self.n_strong += 1,
            "code" | "kbd" | "samp" => self.n_code += 1,
            "ul" | "ol" | "dl" => {
                self.builder.end();
                let list = self.builder.new_list();
                self.lists.push(list);
            }
            "li" => {
                let list = self.lists.last().copied().unwrap_or(0);
                self.builder.begin(BlockKind::Item { list });
            }
            "table" => self.builder.new_table(),
            "tr" => self.builder.new_row(),
            "td" | "th" => self.builder.new_cell(),
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => self.builder.begin(BlockKind::Heading),
            _ if is_block(name) && !is_void(name) => self.builder.begin_paragraph(),
            _ => {}
        }
    }

    fn end(&mut self, name: &str) {
        if let Some((skipped, depth)) = &mut self.skipped {
            if skipped == name {
                if *depth == 0 {
                    self.skipped = None;
                } else {
                    *depth -= 1;
                }
            }
            return;
        }
        match name {
            "b" | "strong" => self.n_strong = self.n_strong.saturating_sub(1),
            "code" | "kbd" | "samp" => self.n_code = self.n_code.saturating_sub(1),
            "ul" | "ol" | "dl" => {
                self.builder.end();
                self.lists.pop();
            }
            "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => {
                self.builder.end_heading(name.as_bytes()[1] - b'0');
            }
            "li" | "td" | "th" | "tr" | "table" => self.builder.end(),
            _ if is_block(name) => self.builder.end_paragraph(),
            _ => {}
        }
    }

    /// Adds text; where it holds entities, only its beginning is placed exactly.
    fn text(&mut self, text: &str, raw: &str, at: usize) {
        let style = Style { is_code: self.n_code > 0, is_strong: self.n_strong > 0 };
        if text == raw {
            let mut from = at;
            for piece in text.split_inclusive('\n') {
                self.piece(piece, from, style);
                from += piece.len();
            }
            return;
        }
        self.piece(text, at, style);
    }

    fn piece(&mut self, text: &str, at: usize, style: Style) {
        match text.strip_suffix('\n') {
            Some(line) => {
                self.builder.text(line, at, style);
                self.builder.text(" ", at + line.len(), style);
            }
            None => self.builder.text(text, at, style),
        }
    }
}

fn is_void(name: &str) -> bool {
    VOID.contains(&name)
}

fn is_block(name: &str) -> bool {
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "header",
        "footer",
        "nav",
        "aside",
        "blockquote",
        "dt",
        "dd",
        "figcaption",
        "figure",
        "details",
        "summary",
        "caption",
        "body",
        "html",
        "thead",
        "tbody",
        "hr",
        "form",
        "fieldset",
        "address",
    ]
    .contains(&name)
}
