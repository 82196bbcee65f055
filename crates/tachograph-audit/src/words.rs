//! The words that reports use around numbers.
//!
//! Owns: which words mean more, less, faster, slower; which compare; which say
//! nothing. Everything is lower case.

use crate::number::{TIME, Unit};

/// What a word says of the direction of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// More of the quantity.
    More,
    /// Less of the quantity.
    Less,
    /// Faster: less time or a higher rate.
    Faster,
    /// Slower: more time or a lower rate.
    Slower,
    /// A difference without a direction of the quantity.
    Neutral,
}

impl Direction {
    /// Returns whether more of a quantity is meant; `None` if the direction does not
    /// say so for this unit.
    pub(crate) fn asks_for_more(self, unit: &Unit) -> Option<bool> {
        match self {
            Self::More => Some(true),
            Self::Less => Some(false),
            Self::Faster if unit.is_rate() => Some(true),
            Self::Faster if unit.is(TIME) => Some(false),
            Self::Slower if unit.is_rate() => Some(false),
            Self::Slower if unit.is(TIME) => Some(true),
            _ => None,
        }
    }
}

const MORE: [&str; 39] = [
    "more",
    "higher",
    "increase",
    "increased",
    "increases",
    "increasing",
    "larger",
    "greater",
    "bigger",
    "gain",
    "gained",
    "gains",
    "growth",
    "grew",
    "grow",
    "grown",
    "rise",
    "rose",
    "risen",
    "rising",
    "above",
    "longer",
    "overhead",
    "extra",
    "additional",
    "expanded",
    "climbed",
    "jumped",
    "taller",
    "costlier",
    "up",
    "raised",
    "heavier",
    "expensive",
    "exceeds",
    "doubled",
    "added",
    "surged",
    "uplift",
];

const LESS: [&str; 45] = [
    "less",
    "lower",
    "fewer",
    "reduction",
    "reduced",
    "reduces",
    "reducing",
    "reduce",
    "decrease",
    "decreased",
    "decreases",
    "decreasing",
    "smaller",
    "saving",
    "savings",
    "saved",
    "saves",
    "save",
    "drop",
    "dropped",
    "drops",
    "dropping",
    "fell",
    "fall",
    "falls",
    "fallen",
    "cut",
    "cuts",
    "cutting",
    "shorter",
    "below",
    "decline",
    "declined",
    "cheaper",
    "shrank",
    "shrink",
    "shrunk",
    "down",
    "lighter",
    "lowered",
    "trimmed",
    "narrower",
    "tighter",
    "shrinkage",
    "shaved",
];

const FASTER: [&str; 6] = ["faster", "quicker", "speedup", "speed-up", "sped", "quickest"];

const SLOWER: [&str; 5] = ["slower", "slowdown", "slow-down", "slowed", "slows"];

const NEUTRAL: [&str; 33] = [
    "improvement",
    "improved",
    "improves",
    "improve",
    "better",
    "worse",
    "change",
    "changed",
    "difference",
    "differs",
    "variation",
    "spread",
    "delta",
    "diff",
    "gap",
    "advantage",
    "regression",
    "regressed",
    "deviation",
    "efficient",
    "consistent",
    "swing",
    "ahead",
    "behind",
    "boost",
    "stable",
    "outperforms",
    "win",
    "lead",
    "degradation",
    "penalty",
    "moved",
    "shift",
];

/// Adjectives after "more" or "less" that turn the direction into a judgement.
const JUDGED: [&str; 12] = [
    "consistent",
    "stable",
    "efficient",
    "precise",
    "reliable",
    "predictable",
    "accurate",
    "effective",
    "responsive",
    "variable",
    "compact",
    "productive",
];

/// Returns what a word says of a direction. `next` is the word after it.
pub(crate) fn direction(word: &str, next: Option<&str>) -> Option<Direction> {
    let word = bare(word);
    if matches!(word, "more" | "less") && next.is_some_and(|next| JUDGED.contains(&bare(next))) {
        return Some(Direction::Neutral);
    }
    [
        (&MORE[..], Direction::More),
        (&LESS[..], Direction::Less),
        (&FASTER[..], Direction::Faster),
        (&SLOWER[..], Direction::Slower),
        (&NEUTRAL[..], Direction::Neutral),
    ]
    .iter()
    .find(|(words, _)| words.contains(&word))
    .map(|(_, direction)| *direction)
}

/// Returns the end of a text, about as much as is looked at around a number; what
/// looks further would take longer and longer along a long line.
pub(crate) fn tail(text: &str) -> &str {
    const BYTES: usize = 240;
    let mut start = text.len().saturating_sub(BYTES);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    &text[start..]
}

/// Returns the beginning of a text, as long as [`tail`].
pub(crate) fn head(text: &str) -> &str {
    const BYTES: usize = 240;
    let mut end = text.len().min(BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Returns a word without punctuation around it.
pub(crate) fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| !c.is_alphanumeric())
}

/// Returns the words of a text, lower case, without punctuation around them.
pub(crate) fn words(text: &str) -> Vec<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '/' | '[' | ']' | '|' | '—'))
        .map(|word| bare(word).to_lowercase())
        .filter(|word| !word.is_empty())
        .collect()
}

/// Words that say nothing about which quantity is meant.
const EMPTY: [&str; 96] = [
    "the",
    "a",
    "an",
    "of",
    "in",
    "on",
    "at",
    "by",
    "to",
    "for",
    "with",
    "and",
    "or",
    "is",
    "are",
    "was",
    "were",
    "be",
    "been",
    "has",
    "have",
    "had",
    "it",
    "its",
    "this",
    "that",
    "these",
    "we",
    "our",
    "as",
    "than",
    "from",
    "vs",
    "versus",
    "per",
    "only",
    "just",
    "about",
    "around",
    "roughly",
    "approximately",
    "nearly",
    "almost",
    "now",
    "still",
    "also",
    "all",
    "both",
    "each",
    "every",
    "so",
    "which",
    "while",
    "when",
    "after",
    "before",
    "over",
    "under",
    "into",
    "out",
    "up",
    "down",
    "very",
    "not",
    "no",
    "but",
    "then",
    "there",
    "here",
    "they",
    "their",
    "s",
    "i",
    "e",
    "g",
    "shows",
    "show",
    "reached",
    "reaches",
    "measured",
    "observed",
    "reported",
    "came",
    "comes",
    "gives",
    "gave",
    "got",
    "value",
    "values",
    "result",
    "results",
    "overall",
    "stood",
    "stands",
    "typical",
    "width",
];

/// Words of headings that do not say what a section is about.
const GENERIC: [&str; 46] = [
    "executive",
    "summary",
    "overview",
    "introduction",
    "conclusion",
    "conclusions",
    "results",
    "result",
    "findings",
    "finding",
    "key",
    "main",
    "details",
    "detail",
    "detailed",
    "discussion",
    "abstract",
    "tl",
    "dr",
    "tldr",
    "highlights",
    "takeaways",
    "metrics",
    "metric",
    "numbers",
    "analysis",
    "report",
    "impact",
    "strategic",
    "business",
    "technical",
    "value",
    "benchmark",
    "performance",
    "evaluation",
    "achievements",
    "recommendation",
    "recommendations",
    "appendix",
    "headline",
    "expected",
    "what",
    "closing",
    "remarks",
    "lines",
    "glance",
];

/// Returns whether a word says nothing about which quantity is meant.
pub(crate) fn is_empty(word: &str) -> bool {
    EMPTY.contains(&word)
}

/// Returns whether a word of a heading says nothing about its section.
pub(crate) fn is_generic(word: &str) -> bool {
    !matches!(word, "before" | "after") && (GENERIC.contains(&word) || is_empty(word))
}

/// Returns the stem of an English word, roughly: enough to see that "reducing"
/// and "reduction" are one word.
pub(crate) fn stem(word: &str) -> String {
    for ending in [
        "ations", "ation", "tions", "tion", "ings", "ing", "ments", "ment", "ies", "ers", "ed",
        "es", "er", "ly", "s", "e", "y",
    ] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.len() >= 4) {
            return stem.to_owned();
        }
    }
    word.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_judgement_has_no_direction_of_the_quantity() {
        assert_eq!(direction("more", Some("memory")), Some(Direction::More));
        assert_eq!(direction("more", Some("consistent")), Some(Direction::Neutral));
        assert_eq!(direction("faster,", None), Some(Direction::Faster));
        assert_eq!(direction("table", None), None);
    }

    #[test]
    fn stems_join_forms_of_a_word() {
        assert_eq!(stem("reducing"), stem("reduction"));
        assert_eq!(stem("intervals"), stem("interval"));
        assert_ne!(stem("latency"), stem("throughput"));
    }
}
