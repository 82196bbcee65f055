//! Taking summary, findings and recommendations out of an answer.
//!
//! Owns: the rules, which work on any text. Line by line, fences left out:
//!
//! 1. A line is cleaned: spaces at its ends, a list mark (`-`, `*`, `+`, `•`,
//!    or digits and `.` or `)`, followed by a space), heading marks and the
//!    emphasis marks `*`, `_` and `` ` `` at its ends are taken away.
//! 2. A line that starts (in any case, marks taken away) with `summary`,
//!    `key findings`, `findings` or `recommendations`, and then ends or goes on
//!    with a colon, opens that part; what follows the colon is its first line.
//!    Any other heading line closes the open part.
//! 3. In an open summary each line is added, with one space between. In an
//!    open list each line is an item.
//! 4. No summary found: the first line with text that is neither list item nor
//!    heading. No finding: list items outside of every part, then sentences
//!    that have a digit. No recommendation: none.
//! 5. Each text is cut to [`ITEM_BYTES_MAX`] bytes ([`SUMMARY_BYTES_MAX`] for
//!    the summary) at a character's edge, then ended at its last full word;
//!    at most [`FINDINGS_MAX`] findings and [`RECOMMENDATIONS_MAX`]
//!    recommendations stay. Repeated items count once.
//!
//! Does not: judge whether what the model says is true.

use super::outline::cut;

/// Findings that are kept.
pub const FINDINGS_MAX: usize = 5;

/// Recommendations that are kept.
pub const RECOMMENDATIONS_MAX: usize = 3;

/// Bytes of a finding or recommendation that are kept.
pub const ITEM_BYTES_MAX: usize = 160;

/// Bytes of the summary that are kept.
pub const SUMMARY_BYTES_MAX: usize = 320;

/// What an answer was found to say. Any field may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Extraction {
    /// What the data shows, in a sentence or two.
    pub summary: String,
    /// Facts.
    pub findings: Vec<String>,
    /// Actions.
    pub recommendations: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    None,
    Summary,
    Findings,
    Recommendations,
}

const TITLES: [(&str, Part); 4] = [
    ("summary", Part::Summary),
    ("key findings", Part::Findings),
    ("findings", Part::Findings),
    ("recommendations", Part::Recommendations),
];

/// Takes the parts out of `answer`, which may be any text.
pub fn extract(answer: &str) -> Extraction {
    let lines = lines(answer);
    let mut found = Extraction::default();
    let mut loose_items = Vec::new();
    let mut part = Part::None;
    for line in &lines {
        let (opened, text) = opening(&line.text);
        if let Some(opened) = opened {
            part = opened;
        } else if line.is_heading {
            part = Part::None;
            continue;
        }
        if text.is_empty() {
            continue;
        }
        match part {
            Part::Summary => {
                if !found.summary.is_empty() {
                    found.summary.push(' ');
                }
                found.summary.push_str(text);
            }
            Part::Findings => push(&mut found.findings, text, FINDINGS_MAX),
            Part::Recommendations => {
                push(&mut found.recommendations, text, RECOMMENDATIONS_MAX);
            }
            Part::None if line.is_item => push(&mut loose_items, text, FINDINGS_MAX),
            Part::None => {}
        }
    }
    if found.findings.is_empty() {
        found.findings = loose_items;
    }
    if found.findings.is_empty() {
        let prose: Vec<&str> =
            lines.iter().filter(|line| !line.is_heading).map(|line| &*line.text).collect();
        for sentence in sentences(&prose.join(" ")) {
            if sentence.contains(|c: char| c.is_ascii_digit()) {
                push(&mut found.findings, &sentence, FINDINGS_MAX);
            }
        }
    }
    if found.summary.is_empty() {
        let prose = lines.iter().find(|line| !line.is_heading && !line.is_item);
        found.summary = prose.map(|line| line.text.clone()).unwrap_or_default();
    }
    found.summary = shorten(&found.summary, SUMMARY_BYTES_MAX);
    found
}

/// A cleaned line with some text in it.
struct Line {
    text: String,
    is_item: bool,
    is_heading: bool,
}

fn lines(answer: &str) -> Vec<Line> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for line in answer.lines() {
        let line = line.trim();
        if line.starts_with("```") {
            fenced = !fenced;
            continue;
        }
        if fenced {
            continue;
        }
        let unmarked = without_list_mark(line);
        let is_item = unmarked.is_some();
        let text = unmarked.unwrap_or(line);
        let is_heading = !is_item && text.starts_with('#');
        let text = text.trim_start_matches('#').trim().trim_matches(['*', '_', '`']).trim();
        if !text.is_empty() {
            lines.push(Line { text: text.to_owned(), is_item, is_heading });
        }
    }
    lines
}

/// Takes a list mark and the spaces after it away; `None` if there is none.
fn without_list_mark(line: &str) -> Option<&str> {
    let rest = line.strip_prefix(['-', '*', '+', '•']).or_else(|| {
        let rest = line.trim_start_matches(|c: char| c.is_ascii_digit());
        (rest.len() < line.len()).then(|| rest.strip_prefix(['.', ')'])).flatten()
    })?;
    rest.starts_with(' ').then(|| rest.trim_start())
}

/// Returns the part that a line opens, if it does, and what is left of it.
fn opening(text: &str) -> (Option<Part>, &str) {
    for (title, part) in TITLES {
        let Some(start) = text.get(..title.len()) else { continue };
        if !start.eq_ignore_ascii_case(title) {
            continue;
        }
        let rest = text[title.len()..].trim_start_matches(['*', '_', ' ']);
        if rest.is_empty() {
            return (Some(part), "");
        }
        if let Some(rest) = rest.strip_prefix(':') {
            return (Some(part), rest.trim_start_matches(['*', '_', ' ']));
        }
    }
    (None, text)
}

fn push(items: &mut Vec<String>, text: &str, max: usize) {
    let item = shorten(text, ITEM_BYTES_MAX);
    if items.len() < max && !item.is_empty() && !items.contains(&item) {
        items.push(item);
    }
}

/// Cuts a text to `max` bytes, ended at its last full word if that is known.
fn shorten(text: &str, max: usize) -> String {
    let short = cut(text, max);
    if short.len() == text.len() {
        return text.to_owned();
    }
    let end = if text[short.len()..].starts_with(' ') {
        short.len()
    } else {
        short.rfind(' ').unwrap_or(short.len())
    };
    short[..end].trim_end().to_owned()
}

/// Splits prose after `.`, `!` or `?` followed by a space.
fn sentences(text: &str) -> Vec<String> {
    let mut sentences = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(['.', '!', '?']) {
        if text[at + 1..].starts_with(' ') {
            sentences.push(text[start..=at].trim().to_owned());
            start = at + 1;
        }
    }
    sentences.push(text[start..].trim().to_owned());
    sentences
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(answer: &str, summary: &str, findings: &[&str], recommendations: &[&str]) {
        let found = extract(answer);
        assert_eq!(found.summary, summary, "{answer}");
        assert_eq!(found.findings, findings, "{answer}");
        assert_eq!(found.recommendations, recommendations, "{answer}");
    }

    #[test]
    fn the_form_that_was_asked_for() {
        check(
            "Summary: Fast.\nVery.\n\nKey findings:\n- one 1\n- two 2\n- one 1\n\nRecommendations:\n- act\n",
            "Fast. Very.",
            &["one 1", "two 2"],
            &["act"],
        );
    }

    #[test]
    fn headings_emphasis_and_numbers_instead() {
        check(
            "## Summary\n\nFast.\n\n### **Key Findings**\n1. **one** 1\n2) two 2\n\n\
             **Recommendations:** act\n### Appendix\n- not this\n",
            "Fast.",
            &["one** 1", "two 2"],
            &["act"],
        );
    }

    #[test]
    fn no_parts_at_all() {
        check("Intro line.\n* item 1\n* item 2\n", "Intro line.", &["item 1", "item 2"], &[]);
        check(
            "The rate is 12.5 tok/s. It is fine! Was it 3?",
            "The rate is 12.5 tok/s. It is fine! Was it 3?",
            &["The rate is 12.5 tok/s.", "Was it 3?"],
            &[],
        );
        check("", "", &[], &[]);
        check("```\n- 1\n```\n", "", &[], &[]);
    }

    #[test]
    fn endless_texts_are_cut_at_a_word() {
        let found = extract(&format!("Findings:\n- {}\n", "word ".repeat(1000)));
        assert_eq!(found.findings[0].len(), 159);
        let found = extract(&"é".repeat(1000));
        assert_eq!(found.summary.len(), SUMMARY_BYTES_MAX);
        let many: Vec<String> = (0..20).map(|i| format!("- f{i}\n")).collect();
        assert_eq!(extract(&many.concat()).findings.len(), FINDINGS_MAX);
    }
}
