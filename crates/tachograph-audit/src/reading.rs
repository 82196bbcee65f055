//! A document with its numbers and sentences.
//!
//! Owns: which numbers stand in one sentence, and the text around and between
//! them.

use std::ops::Range;

use crate::document::{Block, BlockKind, Document};
use crate::number::{self, Number, Role};
use crate::words;

/// A sentence, a line, or the text of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// The block that it stands in.
    pub(crate) block: usize,
    /// Its text in the block.
    pub(crate) range: Range<usize>,
    /// Its numbers.
    pub(crate) numbers: Range<usize>,
}

/// A document that has been read.
#[derive(Debug)]
pub(crate) struct Reading<'a> {
    /// The document.
    pub(crate) document: &'a Document,
    /// All numbers, in reading order.
    pub(crate) numbers: Vec<Number>,
    /// All sentences that hold a number, in reading order.
    pub(crate) sentences: Vec<Sentence>,
    by_block: Vec<Range<usize>>,
}

/// The most numbers of a sentence: what has more is a dump, and states nothing.
const NUMBERS_MAX: usize = 200;

impl<'a> Reading<'a> {
    /// Reads a document.
    pub(crate) fn of(document: &'a Document) -> Self {
        let mut reading =
            Self { document, numbers: Vec::new(), sentences: Vec::new(), by_block: Vec::new() };
        let point = number::Point::of(&document.source);
        for (index, block) in document.blocks.iter().enumerate() {
            let first = reading.numbers.len();
            reading.numbers.extend(number::numbers(block, index, point));
            let last = reading.numbers.len();
            reading.by_block.push(first..last);
            reading.add_sentences(index, block, first..last);
        }
        reading
    }

    fn add_sentences(&mut self, index: usize, block: &Block, numbers: Range<usize>) {
        let mut next = numbers.start;
        for range in sentences(&block.text) {
            let first = next;
            while next < numbers.end && self.numbers[next].digits.start < range.end {
                next += 1;
            }
            if first < next && next - first <= NUMBERS_MAX {
                self.sentences.push(Sentence { block: index, range, numbers: first..next });
            }
        }
    }

    /// Returns the block of a number.
    pub(crate) fn block(&self, number: usize) -> &'a Block {
        &self.document.blocks[self.numbers[number].block]
    }

    /// Returns the numbers of a block.
    pub(crate) fn in_block(&self, block: usize) -> Range<usize> {
        self.by_block[block].clone()
    }

    /// Returns the text between a number and a later one of its block.
    pub(crate) fn gap(&self, from: usize, to: usize) -> &'a str {
        let (from, to) = (&self.numbers[from], &self.numbers[to]);
        self.document.blocks[from.block].text.get(from.end..to.range.start).unwrap_or_default()
    }

    /// Returns the text of a sentence before a number.
    pub(crate) fn before(&self, sentence: &Sentence, number: usize) -> &'a str {
        let text = &self.document.blocks[sentence.block].text;
        text.get(sentence.range.start..self.numbers[number].range.start).unwrap_or_default()
    }

    /// Returns the text of a sentence after a number and its unit.
    pub(crate) fn after(&self, sentence: &Sentence, number: usize) -> &'a str {
        let text = &self.document.blocks[sentence.block].text;
        text.get(self.numbers[number].end..sentence.range.end).unwrap_or_default()
    }

    /// Returns the text of a sentence.
    pub(crate) fn text(&self, sentence: &Sentence) -> &'a str {
        let text = &self.document.blocks[sentence.block].text;
        text.get(sentence.range.clone()).unwrap_or_default()
    }

    /// Returns the text from a sentence up to the next one that holds a number.
    pub(crate) fn until_next(&self, sentence: &Sentence) -> String {
        let text = &self.document.blocks[sentence.block].text;
        let next = self
            .sentences
            .iter()
            .find(|other| other.block == sentence.block && other.range.start >= sentence.range.end);
        let end = next.map_or(text.len(), |next| next.range.start);
        text.get(sentence.range.start..end).unwrap_or_default().to_owned()
    }

    /// Returns a number with its unit, as printed.
    pub(crate) fn printed(&self, number: usize) -> &'a str {
        let number = &self.numbers[number];
        let text = &self.document.blocks[number.block].text;
        text.get(number.range.start..number.end).unwrap_or_default().trim_end()
    }

    /// Returns the sentence of a number.
    pub(crate) fn sentence_of(&self, number: usize) -> Option<&Sentence> {
        let after = self.sentences.partition_point(|sentence| sentence.numbers.start <= number);
        self.sentences.get(after.checked_sub(1)?).filter(|it| it.numbers.contains(&number))
    }

    /// Returns the quantities of a sentence, in order.
    pub(crate) fn quantities(&self, sentence: &Sentence) -> Vec<usize> {
        sentence.numbers.clone().filter(|&at| self.numbers[at].role == Role::Quantity).collect()
    }

    /// Returns the label of a block: what stands before its first colon, if that
    /// is short and holds no quantity.
    pub(crate) fn label(&self, block: usize) -> Option<&'a str> {
        let text: &'a str = &self.document.blocks[block].text;
        let end = text.find(':')?;
        let label = &text[..end];
        let is_free = self.in_block(block).all(|at| {
            self.numbers[at].range.start >= end || self.numbers[at].role != Role::Quantity
        });
        (words::words(label).len() <= 9 && is_free).then_some(label)
    }

    /// Returns the items of each list, in order, lists apart.
    pub(crate) fn lists(&self) -> Vec<Vec<usize>> {
        let mut lists: std::collections::BTreeMap<usize, Vec<usize>> =
            std::collections::BTreeMap::new();
        for (index, block) in self.document.blocks.iter().enumerate() {
            if let BlockKind::Item { list } = block.kind {
                lists.entry(list).or_default().push(index);
            }
        }
        lists.into_values().collect()
    }
}

/// Shortened words whose full stop does not end a sentence.
const SHORTENED: [&str; 13] =
    ["vs", "e.g", "i.e", "approx", "ca", "fig", "no", "resp", "cf", "incl", "excl", "avg", "max"];

/// Returns the sentences of a text: they end at a full stop, a semicolon, a
/// question or exclamation mark before white space, and at a line break; not
/// inside parentheses.
fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    let mut depth = 0_usize;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        let next = chars.peek().map(|(_, next)| *next);
        let follows = next.is_none_or(char::is_whitespace);
        let ends = match c {
            '\n' => true,
            ';' => depth == 0,
            '.' | '!' | '?' if follows && depth == 0 => {
                let word =
                    words::bare(text[start..at].rsplit(char::is_whitespace).next().unwrap_or(""));
                let begins_anew =
                    text[at + 1..].trim_start().starts_with(|next: char| !next.is_lowercase());
                !SHORTENED.contains(&&*word.to_lowercase()) && begins_anew
            }
            _ => false,
        };
        if ends {
            if !text[start..at].trim().is_empty() {
                ranges.push(start..at + c.len_utf8());
            }
            start = at + c.len_utf8();
            if c == '\n' {
                depth = 0;
            }
        }
    }
    if start < text.len() {
        ranges.push(start..text.len());
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sentences_end_where_they_end() {
        let text = "Fast (a. b) vs. slow. It took 1.5 s; then 2 s.\nNew e.g. this";
        let found: Vec<&str> =
            sentences(text).into_iter().map(|range| text[range].trim()).collect();
        assert_eq!(
            found,
            ["Fast (a. b) vs. slow.", "It took 1.5 s;", "then 2 s.", "New e.g. this"]
        );
    }
}
