//! A claim's number in the unit in which somebody else states it.
//!
//! Owns: which units are compatible, and the conversion.

use tachograph_stats::Interval;

use crate::claim::{Claim, Format, Part};

/// A number of a claim of the study, in the unit that was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) claim: &'a Claim,
    pub(super) part: Part,
    pub(super) value: f64,
    pub(super) interval: Option<Interval>,
}

impl Found<'_> {
    /// Returns the name by which a list of claims names it.
    pub(super) fn name(&self) -> String {
        match self.part {
            Part::Value => self.claim.id.clone(),
            part => format!("{}/{}", self.claim.id, part.name()),
        }
    }

    /// Returns the ends of its interval; of a number without one, itself twice.
    pub(super) fn ends(&self) -> (f64, f64) {
        self.interval.map_or((self.value, self.value), |interval| (interval.low, interval.high))
    }
}

/// Returns the number of a claim in `unit`; `None` if the claim lacks the part, or its
/// unit is not compatible.
///
/// A fraction is a percentage; a ratio that is printed as a change is one after one is
/// taken away. Times and bytes are converted.
pub(super) fn in_unit<'a>(claim: &'a Claim, part: Part, unit: &str) -> Option<Found<'a>> {
    let number = claim.number(part)?.as_f64();
    let wanted = canonical(unit);
    let own = if part == Part::N { "" } else { canonical(&claim.unit) };
    let in_percent = wanted == "%" && part != Part::N;
    let (shift, factor, divisor) = match claim.format {
        Format::Change(_) if in_percent => (1.0, 100.0, 1.0),
        Format::Percent(_) if in_percent => (0.0, 100.0, 1.0),
        _ if in_percent && claim.unit == "fraction" => (0.0, 100.0, 1.0),
        _ if own == wanted => (0.0, 1.0, 1.0),
        _ => {
            let ((of, from), (other, to)) = (scale(own)?, scale(wanted)?);
            if of != other {
                return None;
            }
            (0.0, from, to)
        }
    };
    let convert = |value: f64| (value - shift) * factor / divisor;
    let interval = claim.interval.filter(|_| part == Part::Value).map(|interval| Interval {
        low: convert(interval.low),
        high: convert(interval.high),
        ..interval
    });
    let value = convert(number);
    value.is_finite().then_some(Found { claim, part, value, interval })
}

/// Returns the claim and the part that a name means: the name of a claim, or of one of
/// its parts, `ID/low`, `ID/high` or `ID/n`.
pub(super) fn named<'a>(claims: &'a [Claim], name: &str) -> Option<(&'a Claim, Part)> {
    let find = |id: &str| claims.iter().find(|claim| claim.id == id);
    if let Some(claim) = find(name) {
        return Some((claim, Part::Value));
    }
    [Part::Low, Part::High, Part::N].into_iter().find_map(|part| {
        let id = name.strip_suffix(part.name())?.strip_suffix('/')?;
        find(id).filter(|claim| claim.number(part).is_some()).map(|claim| (claim, part))
    })
}

/// Returns the one spelling of a unit.
fn canonical(unit: &str) -> &str {
    match unit.trim() {
        "x" | "×" | "ratio" | "fraction" => "",
        "percent" => "%",
        "tokens/s" | "tokens/sec" | "tokens per second" | "tok/sec" | "t/s" => "tok/s",
        "sec" | "second" | "seconds" => "s",
        "milliseconds" => "ms",
        "µs" | "μs" | "microseconds" => "us",
        "minutes" => "min",
        "hours" => "h",
        "B" => "bytes",
        "KB" => "kB",
        unit => unit,
    }
}

/// A dimension in which units can be converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Dimension {
    Time,
    Bytes,
}

/// Returns what a unit measures, and how large it is in nanoseconds or bytes.
fn scale(unit: &str) -> Option<(Dimension, f64)> {
    let (dimension, scale) = match unit {
        "ns" => (Dimension::Time, 1.0),
        "us" => (Dimension::Time, 1e3),
        "ms" => (Dimension::Time, 1e6),
        "s" => (Dimension::Time, 1e9),
        "min" => (Dimension::Time, 60e9),
        "h" => (Dimension::Time, 3600e9),
        "bytes" => (Dimension::Bytes, 1.0),
        "kB" => (Dimension::Bytes, 1e3),
        "MB" => (Dimension::Bytes, 1e6),
        "GB" => (Dimension::Bytes, 1e9),
        "KiB" => (Dimension::Bytes, 1024.0),
        "MiB" => (Dimension::Bytes, 1_048_576.0),
        "GiB" => (Dimension::Bytes, 1_073_741_824.0),
        _ => return None,
    };
    Some((dimension, scale))
}
