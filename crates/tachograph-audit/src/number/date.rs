//! Dates and times of day.

use super::scan::{end_of_name, last_word};

/// Names of months, as they begin.
const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/// Returns where a date or a time of day ends whose first digits are given.
pub(super) fn date_end(text: &str, start: usize, end: usize) -> Option<usize> {
    let first = &text[start..end];
    let rest = &text[end..];
    let digits = |text: &str, n: usize| {
        text.len() >= n && text.as_bytes()[..n].iter().all(u8::is_ascii_digit)
    };
    let is_iso = first.len() == 4
        && rest.starts_with('-')
        && digits(&rest[1..], 2)
        && !rest[3..].starts_with(|c: char| c.is_ascii_digit())
        && (1..=12).contains(&rest[1..3].parse::<u32>().unwrap_or(0));
    let is_time = first.len() <= 2
        && rest.starts_with(':')
        && digits(&rest[1..], 2)
        && !rest[3..].starts_with(|c: char| c.is_ascii_digit());
    if is_iso || is_time {
        let length = rest
            .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | ':' | 'T' | 'Z' | '.' | '+')))
            .unwrap_or(rest.len());
        return Some(end + rest[..length].trim_end_matches(['.', ':']).len());
    }
    let slashed = rest.strip_prefix('/').is_some_and(|rest| {
        let day = rest.bytes().take_while(u8::is_ascii_digit).count();
        day > 0 && rest[day..].starts_with('/')
    });
    if slashed {
        return Some(end_of_name(text, start));
    }
    let is_month = |word: &str| {
        let word = word.to_lowercase();
        let word = word.trim_matches(|c: char| !c.is_alphabetic());
        word.len() >= 3
            && word.len() <= 9
            && MONTHS.iter().any(|month| word.starts_with(month))
            && (word.len() == 3 || FULL_MONTHS.contains(&word))
    };
    let is_plain = !first.contains(['.', ',']) && first.len() <= 4;
    let before = last_word(&text[..start]);
    let after = rest.split_whitespace().next().unwrap_or_default();
    let day_before_month = first.len() <= 2
        && rest.starts_with(' ')
        && is_month(after)
        && after.chars().next().is_some_and(char::is_uppercase);
    (is_plain && (is_month(&before) && text[..start].ends_with([' ', ',']) || day_before_month))
        .then_some(end)
}

/// Names of months in full, and longer short forms.
const FULL_MONTHS: [&str; 13] = [
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "sept",
    "october",
    "november",
    "december",
    "may",
];
