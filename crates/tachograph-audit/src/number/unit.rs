//! Units of measurement as they are written.
//!
//! Owns: which spellings are one unit, and the factor to the base of its kind.

/// What a number is counted in.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Unit {
    /// The kind of quantity: numbers of one kind can be compared. Empty without
    /// a unit.
    pub(crate) kind: String,
    /// What one of it is in the base of its kind.
    pub(crate) scale: f64,
}

/// Percent.
pub(crate) const PERCENT: &str = "%";
/// Percentage points.
pub(crate) const POINTS: &str = "pp";
/// A factor: "three times".
pub(crate) const FACTOR: &str = "x";
/// Time, in seconds.
pub(crate) const TIME: &str = "time";
/// Long time, in months.
pub(crate) const CALENDAR: &str = "calendar";
/// What the kind of an amount of money begins with.
pub(crate) const MONEY: &str = "money:";

impl Unit {
    fn new(kind: impl Into<String>, scale: f64) -> Self {
        Self { kind: kind.into(), scale }
    }

    /// No unit.
    pub(crate) fn none() -> Self {
        Self::new("", 1.0)
    }

    /// Returns whether there is none.
    pub(crate) fn is_none(&self) -> bool {
        self.kind.is_empty()
    }

    /// Returns whether it is this kind.
    pub(crate) fn is(&self, kind: &str) -> bool {
        self.kind == kind
    }

    /// Returns whether larger numbers mean faster: something per time.
    pub(crate) fn is_rate(&self) -> bool {
        self.kind.ends_with("/time") && !self.kind.starts_with(MONEY)
    }

    /// Returns whether it is an amount of money, per anything or not.
    pub(crate) fn is_money(&self) -> bool {
        self.kind.starts_with(MONEY)
    }

    /// Makes a currency's unit.
    pub(crate) fn money(symbol: &str) -> Self {
        Self::new(format!("{MONEY}{symbol}"), 1.0)
    }

    /// Returns the unit per another one.
    fn per(&self, other: &Unit) -> Self {
        Self::new(format!("{}/{}", self.kind, other.kind), self.scale / other.scale)
    }
}

/// Words that stand for a unit as they are.
const SIMPLE: [(&str, &str, f64); 88] = [
    ("%", PERCENT, 1.0),
    ("percent", PERCENT, 1.0),
    ("per cent", PERCENT, 1.0),
    ("‰", PERCENT, 0.1),
    ("pp", POINTS, 1.0),
    ("p.p.", POINTS, 1.0),
    ("ppt", POINTS, 1.0),
    ("%-points", POINTS, 1.0),
    ("percentage points", POINTS, 1.0),
    ("percentage point", POINTS, 1.0),
    ("percentage-points", POINTS, 1.0),
    ("percentage-point", POINTS, 1.0),
    ("x", FACTOR, 1.0),
    ("X", FACTOR, 1.0),
    ("×", FACTOR, 1.0),
    ("times", FACTOR, 1.0),
    ("-fold", FACTOR, 1.0),
    ("fold", FACTOR, 1.0),
    ("ns", TIME, 1e-9),
    ("nanoseconds", TIME, 1e-9),
    ("µs", TIME, 1e-6),
    ("μs", TIME, 1e-6),
    ("us", TIME, 1e-6),
    ("microseconds", TIME, 1e-6),
    ("ms", TIME, 1e-3),
    ("msec", TIME, 1e-3),
    ("millisecond", TIME, 1e-3),
    ("milliseconds", TIME, 1e-3),
    ("s", TIME, 1.0),
    ("sec", TIME, 1.0),
    ("secs", TIME, 1.0),
    ("second", TIME, 1.0),
    ("seconds", TIME, 1.0),
    ("min", TIME, 60.0),
    ("mins", TIME, 60.0),
    ("minute", TIME, 60.0),
    ("minutes", TIME, 60.0),
    ("h", TIME, 3600.0),
    ("hr", TIME, 3600.0),
    ("hrs", TIME, 3600.0),
    ("hour", TIME, 3600.0),
    ("hours", TIME, 3600.0),
    ("d", TIME, 86_400.0),
    ("day", TIME, 86_400.0),
    ("days", TIME, 86_400.0),
    ("week", TIME, 604_800.0),
    ("weeks", TIME, 604_800.0),
    ("mo", CALENDAR, 1.0),
    ("month", CALENDAR, 1.0),
    ("months", CALENDAR, 1.0),
    ("yr", CALENDAR, 12.0),
    ("year", CALENDAR, 12.0),
    ("years", CALENDAR, 12.0),
    ("bytes", "byte", 1.0),
    ("byte", "byte", 1.0),
    ("kB", "byte", 1e3),
    ("KB", "byte", 1e3),
    ("MB", "byte", 1e6),
    ("GB", "byte", 1e9),
    ("TB", "byte", 1e12),
    ("KiB", "byte", 1024.0),
    ("MiB", "byte", 1_048_576.0),
    ("GiB", "byte", 1_073_741_824.0),
    ("TiB", "byte", 1_099_511_627_776.0),
    ("Kbps", "bit/time", 1e3),
    ("kbps", "bit/time", 1e3),
    ("Mbps", "bit/time", 1e6),
    ("Gbps", "bit/time", 1e9),
    ("rps", "request/time", 1.0),
    ("RPS", "request/time", 1.0),
    ("qps", "query/time", 1.0),
    ("QPS", "query/time", 1.0),
    ("TPS", "token/time", 1.0),
    ("tps", "token/time", 1.0),
    ("Hz", "hertz", 1.0),
    ("kHz", "hertz", 1e3),
    ("MHz", "hertz", 1e6),
    ("GHz", "hertz", 1e9),
    ("mW", "watt", 1e-3),
    ("W", "watt", 1.0),
    ("kW", "watt", 1e3),
    ("J", "joule", 1.0),
    ("kJ", "joule", 1e3),
    ("MJ", "joule", 1e6),
    ("Wh", "joule", 3600.0),
    ("kWh", "joule", 3.6e6),
    ("°C", "celsius", 1.0),
    ("USD", "money:$", 1.0),
];

/// Spellings of what rates count.
const COUNTED: [(&str, &str); 17] = [
    ("t", "token"),
    ("tok", "token"),
    ("toks", "token"),
    ("token", "token"),
    ("tokens", "token"),
    ("req", "request"),
    ("reqs", "request"),
    ("request", "request"),
    ("requests", "request"),
    ("op", "operation"),
    ("ops", "operation"),
    ("q", "query"),
    ("queries", "query"),
    ("it", "iteration"),
    ("iter", "iteration"),
    ("img", "image"),
    ("images", "image"),
];

/// Returns the unit at the beginning of `text` and its length in bytes.
///
/// `text` is what follows a number; the unit ends where a word ends. `None` if
/// there is none.
pub(super) fn parse(text: &str) -> Option<(Unit, usize)> {
    let (first, mut length) = match simple(text) {
        Some(found) => found,
        None => counted(text)?,
    };
    let mut unit = first;
    while let Some((below, more)) = denominator(&text[length..]) {
        unit = unit.per(&below);
        length += more;
    }
    // A counted word alone is a noun, not a unit.
    (simple(text).is_some() || unit.kind.contains('/')).then_some((unit, length))
}

/// Returns the unit of a denominator that follows an amount of money or a unit.
pub(super) fn denominator(text: &str) -> Option<(Unit, usize)> {
    let rest = text.strip_prefix('/').or_else(|| text.strip_prefix(" / "));
    let (rest, mut length) = match rest {
        Some(rest) => (rest, text.len() - rest.len()),
        None => (text.strip_prefix(" per ")?, " per ".len()),
    };
    if let Some((unit, more)) = simple(rest).filter(|(unit, _)| !unit.is(PERCENT)) {
        return Some((unit, length + more));
    }
    // "/1M tokens", "per million tokens", "per run"
    let digits = rest.len()
        - rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == 'M' || c == ',').len();
    let amount = &rest[..digits];
    length += digits;
    let word = rest[digits..].strip_prefix(' ').unwrap_or(&rest[digits..]);
    length += rest.len() - digits - word.len();
    let end = word.find(|c: char| !c.is_alphabetic()).unwrap_or(word.len());
    if end == 0 {
        return None;
    }
    let name = counted_name(&word[..end]).unwrap_or(&word[..end]);
    Some((Unit::new(format!("{amount}{name}"), 1.0), length + end))
}

fn simple(text: &str) -> Option<(Unit, usize)> {
    SIMPLE
        .iter()
        .filter(|(name, _, _)| text.starts_with(name) && ends_a_word(name, &text[name.len()..]))
        .max_by_key(|(name, _, _)| name.len())
        .map(|(name, kind, scale)| (Unit::new(*kind, *scale), name.len()))
}

/// Returns what is counted at the beginning of `text`, if a denominator follows.
fn counted(text: &str) -> Option<(Unit, usize)> {
    let end = text.find(|c: char| !c.is_alphabetic()).unwrap_or(text.len());
    let word = text.get(..end).filter(|word| !word.is_empty())?;
    let follows = denominator(&text[end..])?;
    let is_known = counted_name(word).is_some() || follows.0.is(TIME) || follows.0.is(CALENDAR);
    is_known.then(|| (Unit::new(counted_name(word).unwrap_or(word), 1.0), end))
}

fn counted_name(word: &str) -> Option<&'static str> {
    COUNTED.iter().find(|(name, _)| *name == word).map(|(_, kind)| *kind)
}

fn ends_a_word(name: &str, rest: &str) -> bool {
    let next = rest.chars().next();
    let is_word = name.chars().next_back().is_some_and(char::is_alphanumeric);
    let goes_on = is_word && next.is_some_and(|c| c.is_alphanumeric() || c == '_');
    // "5x3" is a product.
    let multiplies = matches!(name, "x" | "X" | "×")
        && rest.trim_start().starts_with(|c: char| c.is_ascii_digit());
    !goes_on && !multiplies
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_unit_are_one_kind() {
        let check = |text: &str, kind: &str, scale: f64, length: usize| {
            let (unit, found) = parse(text).unwrap_or_else(|| panic!("{text}"));
            assert_eq!((&*unit.kind, found), (kind, length), "{text}");
            assert!((unit.scale / scale - 1.0).abs() < 1e-12, "{text}: {}", unit.scale);
        };
        check("ms vs", TIME, 1e-3, 2);
        check("% faster", PERCENT, 1.0, 1);
        check("percentage points higher", POINTS, 1.0, 17);
        check("tok/s baseline", "token/time", 1.0, 5);
        check("tokens per second", "token/time", 1.0, 17);
        check("req/min)", "request/time", 1.0 / 60.0, 7);
        check("MB/s", "byte/time", 1e6, 4);
        check("runs per minute", "runs/time", 1.0 / 60.0, 15);
        check("ms/token", "time/token", 1e-3, 8);
        check("x faster", FACTOR, 1.0, 1);
        for text in ["runs", "x 3", "mst", "", "VRAM", "x3"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
