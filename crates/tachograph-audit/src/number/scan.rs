//! Finding numbers in text.

use crate::document::{Block, BlockKind};

use super::date::date_end;
use super::digits::{Digits, Point, rounding_of_zeros};
use super::unit::{self, Unit};
use super::{Bound, Number, Role, Sign};

/// Words before a number that make it a name or a place.
const NAMING: [&str; 60] = [
    "batch",
    "size",
    "concurrency",
    "rank",
    "worker",
    "option",
    "group",
    "question",
    "day",
    "week",
    "version",
    "phase",
    "table",
    "figure",
    "fig",
    "section",
    "chapter",
    "step",
    "patch",
    "issue",
    "port",
    "ports",
    "python",
    "ubuntu",
    "debian",
    "rust",
    "node",
    "java",
    "commit",
    "line",
    "lines",
    "page",
    "test",
    "appendix",
    "part",
    "stage",
    "round",
    "tier",
    "level",
    "layer",
    "rtx",
    "gtx",
    "seed",
    "core",
    "release",
    "http",
    "tr",
    "rfc",
    "pr",
    "no",
    "experiment",
    "scenario",
    "machine",
    "cuda",
    "driver",
    "kernel",
    "gcc",
    "clang",
    "postgres",
    "linux",
];

/// Words before a number that say that it is not exact.
const ABOUT: [&str; 13] = [
    "about",
    "around",
    "approximately",
    "roughly",
    "approx",
    "approx.",
    "nearly",
    "almost",
    "circa",
    "ca.",
    "some",
    "over",
    "under",
];

/// Returns the numbers of a block, in order. `index` is the block's position.
pub(crate) fn numbers(block: &Block, index: usize, point: Point) -> Vec<Number> {
    let mut scanner = Scanner { block, text: &block.text, index, point, found: Vec::new() };
    let mut at = 0;
    while let Some(step) = scanner.text[at..].find(|c: char| c.is_ascii_digit()) {
        at = scanner.take(at + step);
    }
    let mut found = scanner.found;
    join_durations(&mut found, &block.text);
    inherit_in_ranges(&mut found, &block.text);
    found
}

struct Scanner<'a> {
    block: &'a Block,
    text: &'a str,
    index: usize,
    point: Point,
    found: Vec<Number>,
}

impl Scanner<'_> {
    /// Reads the number, or the name, whose first digit is at `at`; returns where
    /// to go on.
    fn take(&mut self, at: usize) -> usize {
        if self.block.is_code(at) && !self.is_bare_code(at) {
            return self.end_of_code(at);
        }
        let before = &self.text[..at];
        if is_inside_a_name(before) {
            return end_of_name(self.text, at);
        }
        let start = if before.ends_with('.') { at - 1 } else { at };
        let Some(digits) = Digits::read(self.text, start, self.point) else {
            return end_of_name(self.text, at);
        };
        let rest = &self.text[digits.end..];
        if let Some(end) = date_end(self.text, start, digits.end) {
            self.push_named(start..digits.end, &digits, Role::Date);
            return end;
        }
        let is_numbered = rest.strip_prefix(['-', '/']).is_some_and(|next| {
            next.starts_with('0') && next[1..].starts_with(|c: char| c.is_ascii_digit())
        });
        if digits.is_version || is_numbered || is_part_of_a_longer_name(rest) {
            self.push_named(start..digits.end, &digits, Role::Name);
            return end_of_name(self.text, at).max(digits.end);
        }
        self.push(start, &digits);
        self.found.last().map_or(digits.end, |number| number.range.end.max(digits.end))
    }

    fn is_bare_code(&self, at: usize) -> bool {
        let Some(code) = self.block.code_around(at) else { return false };
        let body =
            code.trim().trim_start_matches(['~', '+', '-', '−', '±', '<', '>', '$', '€', '≈']);
        Digits::read(body, 0, self.point).is_some_and(|digits| {
            let rest = body[digits.end..].trim();
            !digits.is_version
                && (rest.is_empty()
                    || unit::parse(rest).is_some_and(|(_, length)| length == rest.len()))
        })
    }

    fn end_of_code(&self, at: usize) -> usize {
        self.text[at..]
            .char_indices()
            .find(|(step, _)| !self.block.is_code(at + step))
            .map_or(self.text.len(), |(step, _)| at + step)
    }

    fn push_named(&mut self, range: std::ops::Range<usize>, digits: &Digits, role: Role) {
        self.found.push(Number {
            block: self.index,
            digits: range.clone(),
            end: range.end,
            range,
            value: digits.value,
            decimals: digits.decimals,
            half: 0.5,
            sign: Sign::None,
            bound: Bound::Exact,
            unit: Unit::none(),
            noun: None,
            role,
        });
    }

    fn push(&mut self, start: usize, digits: &Digits) {
        let (sign, currency, from) = prefix(&self.text[..start]);
        let (factor, mut end) = multiplier(self.text, digits.end);
        let range_end = end;
        let mut bound = self.bound(from);
        if self.text[end..].starts_with('+')
            && !self.text[end + 1..].starts_with(|c: char| c.is_ascii_digit())
        {
            bound = Bound::AtLeast;
            end += 1;
        }
        let (unit, unit_end) = self.unit(currency, end);
        let negative = if sign == Sign::Minus { -1.0 } else { 1.0 };
        let mut half = 0.5 * 10_f64.powi(-i32::try_from(digits.decimals).unwrap_or(300)) * factor;
        if digits.decimals == 0 {
            half *= rounding_of_zeros(&self.text[start..digits.end]);
        }
        let noun = if unit.is_none() { noun(&self.text[unit_end..]) } else { None };
        let mut number = Number {
            block: self.index,
            range: from..range_end,
            digits: start..digits.end,
            end: unit_end,
            value: negative * digits.value * factor,
            decimals: digits.decimals,
            half,
            sign,
            bound,
            unit,
            noun,
            role: Role::Quantity,
        };
        number.role = self.role(&number);
        self.found.push(number);
    }

    fn unit(&self, currency: Option<&str>, at: usize) -> (Unit, usize) {
        let rest = &self.text[at..];
        if let Some(symbol) = currency {
            let money = Unit::money(symbol);
            return match unit::denominator(rest) {
                Some((below, length)) => {
                    let kind = format!("{}/{}", money.kind, below.kind);
                    (Unit { kind, scale: 1.0 / below.scale }, at + length)
                }
                None => (money, at),
            };
        }
        let joins = |c: &char| matches!(c, ' ' | '\u{a0}' | '\u{202f}' | '-');
        let spaces = rest.chars().next().filter(joins).map_or(0, char::len_utf8);
        let body = &rest[spaces..];
        match unit::parse(body) {
            // "3 × workers" multiplies, "3 × faster" does not.
            Some((unit, length))
                if spaces > 0 && unit.is(unit::FACTOR) && multiplies(&body[length..]) =>
            {
                (Unit::none(), at)
            }
            Some((unit, length)) => (unit, at + spaces + length),
            None => (Unit::none(), at),
        }
    }

    fn bound(&self, at: usize) -> Bound {
        let before = crate::words::tail(&self.text[..at]).trim_end();
        if before.ends_with(['~', '≈', '∼']) {
            return Bound::About;
        }
        if before.ends_with(['<', '≤']) || ends_with_words(before, &["up to", "at most"]) {
            return Bound::AtMost;
        }
        if before.ends_with(['>', '≥']) || ends_with_words(before, &["at least"]) {
            return Bound::AtLeast;
        }
        let word = last_word(before);
        if ABOUT.contains(&&*word)
            && !(matches!(&*word, "over" | "under") && follows_a_number(before))
        {
            return Bound::About;
        }
        Bound::Exact
    }

    fn role(&self, number: &Number) -> Role {
        let before = crate::words::tail(&self.text[..number.range.start]).trim_end();
        let after = crate::words::head(&self.text[number.end..]).trim_start();
        let word = last_word(before);
        if number.unit.is(unit::PERCENT) && is_level(&word, before, after) {
            return Role::Level;
        }
        if let Some(name) = before.strip_suffix(['=', '<', '>', '≤', '≥', '≈']) {
            match last_word(name.trim_end()).trim_start_matches('(') {
                "p" | "p-value" | "padj" | "q" => return Role::PValue,
                "n" => return Role::SampleSize,
                "alpha" | "α" => return Role::Level,
                _ => {}
            }
        }
        if matches!(&*word, "p-value" | "p-values") {
            return Role::PValue;
        }
        let is_plain = number.unit.is_none() && number.sign == Sign::None;
        if is_plain && is_ordinal(self.block.kind, before, after) {
            return Role::Ordinal;
        }
        if is_plain && number.noun.is_none() && is_year(number, &word) {
            return Role::Date;
        }
        let is_grouped = self.text[number.digits.clone()].contains(',');
        let is_plain = is_plain && !is_grouped;
        let names = NAMING.contains(&word.trim_matches(['(', '[', '*', '"']));
        let is_acronym = {
            let last = before.rsplit(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            last.len() >= 2 && last.chars().all(char::is_uppercase) && number.decimals == 0
        };
        let is_proper = number.decimals == 0 && number.noun.is_none() && is_proper_name(before);
        if is_plain && is_proper {
            return Role::Name;
        }
        if is_plain && (names || (is_acronym && !before.ends_with([':', '=', '(']))) {
            return Role::Name;
        }
        Role::Quantity
    }
}

/// Returns sign and currency before a number, and where they begin.
fn prefix(before: &str) -> (Sign, Option<&'static str>, usize) {
    let mut rest = before;
    let mut currency = None;
    for (symbol, name) in [("$", "$"), ("€", "€"), ("£", "£"), ("¥", "¥")] {
        if let Some(shorter) = rest.strip_suffix(symbol) {
            (rest, currency) = (shorter, Some(name));
        }
    }
    let last = rest.chars().next_back();
    let sign = match last {
        Some('+') => Sign::Plus,
        Some('-' | '−' | '–') => Sign::Minus,
        Some('±') => Sign::PlusMinus,
        _ => Sign::None,
    };
    let shorter =
        &rest[..rest.len() - last.filter(|_| sign != Sign::None).map_or(0, char::len_utf8)];
    // A dash after a word or a number joins; it is no sign.
    let joins = sign == Sign::Minus
        && shorter
            .chars()
            .next_back()
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '%' | ')'));
    if joins || sign == Sign::None {
        let spaced = rest.trim_end();
        if sign == Sign::None && spaced.ends_with('±') {
            return (Sign::PlusMinus, currency, spaced.len() - '±'.len_utf8());
        }
        if sign == Sign::None && spaced.ends_with("+/-") {
            return (Sign::PlusMinus, currency, spaced.len() - 3);
        }
        return (Sign::None, currency, rest.len());
    }
    if shorter.ends_with("+/") {
        return (Sign::PlusMinus, currency, shorter.len() - 2);
    }
    (sign, currency, shorter.len())
}

/// Returns the factor of a multiplier after the digits, and where it ends.
fn multiplier(text: &str, at: usize) -> (f64, usize) {
    let rest = &text[at..];
    for (name, factor) in [
        ("k", 1e3),
        ("K", 1e3),
        ("M", 1e6),
        ("B", 1e9),
        ("bn", 1e9),
        (" thousand", 1e3),
        (" million", 1e6),
        (" billion", 1e9),
    ] {
        let ends = rest
            .strip_prefix(name)
            .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_'));
        if ends {
            return (factor, at + name.len());
        }
    }
    (1.0, at)
}

/// Returns whether a digit after `before` continues a name.
fn is_inside_a_name(before: &str) -> bool {
    let mut back = before.chars().rev();
    match back.next() {
        Some(c) if c.is_alphabetic() && c != 'µ' && c != '×' && c != 'x' => true,
        Some('x') => !back.next().is_some_and(|c| c.is_ascii_digit() || c == ' '),
        Some('_' | '#' | '@') => true,
        Some('-' | '/' | ':' | '–') => back.next().is_some_and(char::is_alphabetic),
        Some('.') => back.next().is_some_and(char::is_alphanumeric),
        _ => false,
    }
}

/// Returns whether what follows a number makes a name of it.
fn is_part_of_a_longer_name(rest: &str) -> bool {
    let word: &str =
        &rest[..rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len())];
    if rest.starts_with(':') && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
        return true;
    }
    if word.is_empty() {
        return false;
    }
    let (factor, end) = multiplier(rest, 0);
    let is_multiplier = end > 0 && factor > 1.0;
    let is_operator = word.starts_with(['x', '×'])
        && word.len() > 1
        && word[word.chars().next().map_or(0, char::len_utf8)..]
            .chars()
            .all(|c| c.is_ascii_digit());
    !(is_multiplier || is_operator || unit::parse(rest).is_some())
}

/// Returns where a name ends that a digit at `at` is part of.
pub(super) fn end_of_name(text: &str, at: usize) -> usize {
    let mut end = at;
    let mut chars = text[at..].chars().peekable();
    while let Some(c) = chars.next() {
        let joins = matches!(c, '.' | '-' | '/' | ':')
            && chars.peek().is_some_and(|next| next.is_alphanumeric());
        if !(c.is_alphanumeric() || c == '_' || joins) {
            break;
        }
        end += c.len_utf8();
    }
    end.max(at + 1)
}

fn is_year(number: &Number, word: &str) -> bool {
    number.decimals == 0
        && (1950.0..2100.0).contains(&number.value)
        && number.digits.len() == 4
        && matches!(
            word,
            "in" | "since" | "by" | "until" | "year" | "©" | "of" | "before" | "after"
        )
}

/// Returns whether a number begins a heading or an item as its number.
fn is_ordinal(kind: BlockKind, before: &str, after: &str) -> bool {
    let begins = before.is_empty() || (before == "(" && after.starts_with(')'));
    begins && after.starts_with(['.', ')']) && !matches!(kind, BlockKind::Cell { .. })
        || (before.ends_with('(')
            && after.starts_with(')')
            && before.trim_end_matches('(').ends_with([' ', ':', ',']))
}

fn is_level(word: &str, before: &str, after: &str) -> bool {
    let after = after.trim_start_matches(['-', '*', ' ', ')']).to_lowercase();
    let end = after.find([',', ';', '(', '[', ':']).unwrap_or(after.len());
    let names = |word: &str| {
        matches!(word, "ci" | "cis" | "ki")
            || ["confidence", "interv", "konfidenz"].iter().any(|name| word.starts_with(name))
    };
    let said = crate::words::words(&after[..end]);
    let place = said.iter().take(3).position(|word| names(word));
    // "44.4 % the interval is" names another number.
    if place.is_some_and(|at| said[..at].iter().all(|word| !crate::words::is_empty(word))) {
        return true;
    }
    [
        "ci",
        "confidence",
        "interval",
        "bootstrap",
        "bca",
        "credible",
        "level",
        "prediction",
        "quantile",
        "percentile",
    ]
    .iter()
    .any(|name| after.starts_with(name))
        || matches!(
            word,
            "confidence" | "ci" | "level" | "intervals" | "interval" | "(ci" | "intervals("
        )
        || before.to_lowercase().trim_end_matches('(').trim_end().ends_with("confidence intervals")
        || before.to_lowercase().trim_end_matches('(').trim_end().ends_with("confidence interval")
        || before.to_lowercase().trim_end_matches('(').trim_end().ends_with(" ci")
}

/// Returns the word after a number, lower case, if it follows directly.
fn noun(after: &str) -> Option<String> {
    let body = after.strip_prefix([' ', '-', '\u{a0}'])?;
    let end = body.find(|c: char| !(c.is_alphabetic() || c == '-')).unwrap_or(body.len());
    let word = body[..end].to_lowercase();
    (end > 1 && !crate::words::is_empty(&word)).then_some(word)
}

/// Returns whether a word follows that is no direction of a difference.
fn multiplies(after: &str) -> bool {
    let said: Vec<String> = after
        .split_whitespace()
        .take(2)
        .map(|word| crate::words::bare(word).to_lowercase())
        .collect();
    let word = said.first().filter(|_| after.starts_with(' '));
    word.is_some_and(|word| {
        let next = said.get(1).map(String::as_str);
        word.starts_with(char::is_alphabetic)
            && !matches!(&**word, "as" | "the" | "of")
            && crate::words::direction(word, next).is_none()
    })
}

/// Returns whether a number stands shortly before, so that "over" compares.
fn follows_a_number(before: &str) -> bool {
    before.split_whitespace().rev().take(6).any(|word| word.contains(|c: char| c.is_ascii_digit()))
}

/// Returns whether a text ends with a capitalised word that does not begin a
/// sentence: "on the Finch".
fn is_proper_name(before: &str) -> bool {
    let mut words = before.split_whitespace().rev();
    let Some(last) = words.next() else { return false };
    let is_name = last.chars().next().is_some_and(char::is_uppercase)
        && last.chars().count() > 2
        && last.chars().all(char::is_alphabetic);
    is_name && words.next().is_some_and(|word| word.chars().all(|c| c.is_lowercase() || c == '-'))
}

/// Returns the last word of a text, lower case, without closing punctuation.
pub(super) fn last_word(text: &str) -> String {
    let text = text.trim_end();
    let space = text.char_indices().rev().find(|(_, c)| c.is_whitespace());
    let start = space.map_or(0, |(at, c)| at + c.len_utf8());
    text[start..].trim_start_matches(['(', '[', '*']).to_lowercase()
}

fn ends_with_words(text: &str, words: &[&str]) -> bool {
    let lower = text.to_lowercase();
    words.iter().any(|words| lower.ends_with(words))
}

/// Joins "4 h 10 min" to one number, in the unit of its last part.
fn join_durations(numbers: &mut Vec<Number>, text: &str) {
    let mut at = 1;
    while at < numbers.len() {
        let (before, after) = (&numbers[at - 1], &numbers[at]);
        let joins = before.unit.is(unit::TIME)
            && after.unit.is(unit::TIME)
            && after.unit.scale < before.unit.scale
            && after.sign == Sign::None
            && before.unit.scale <= 86_400.0
            && text[before.end..after.range.start].trim().is_empty();
        if joins {
            let whole = numbers[at - 1].clone();
            let part = &mut numbers[at];
            part.value += whole.value * whole.unit.scale / part.unit.scale;
            part.range.start = whole.range.start;
            part.bound = whole.bound;
            numbers.remove(at - 1);
        } else {
            at += 1;
        }
    }
}

/// In "10-15%" and "97.1 – 102.3 ms" the first number has the unit of the second.
fn inherit_in_ranges(numbers: &mut [Number], text: &str) {
    for at in 1..numbers.len() {
        let gap = &text[numbers[at - 1].end.min(numbers[at].range.start)..numbers[at].range.start];
        let joins = (matches!(gap.trim(), "-" | "–" | "—" | "to" | ".." | "…" | "→" | "->")
            || gap == "/")
            && numbers[at - 1].noun.as_deref().is_none_or(|noun| noun == "to");
        if joins && numbers[at - 1].unit.is_none() {
            let (unit, noun) = (numbers[at].unit.clone(), numbers[at].noun.clone());
            numbers[at - 1].unit = unit;
            numbers[at - 1].noun = noun;
        }
    }
}
