//! Claims: the only way for a number to get into a report.
//!
//! Owns: [`Claim`], the text of each of its numbers (rounding happens here and
//! nowhere else), and [`Ledger`], which holds the claims of one report.
//!
//! Does not: compute values; it receives them at full precision.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tachograph_model::run::RunId;
use tachograph_stats::Interval;

use crate::formula::Formula;
use crate::validity::Status;

/// A number in a report, with everything needed to derive it again.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Claim {
    /// A stable name: `output_throughput/baseline_default/mean`.
    pub(crate) id: String,
    /// The value at full precision.
    pub(crate) value: Number,
    /// The unit of `value`; empty for counts and ratios.
    pub(crate) unit: String,
    /// How it is printed.
    pub(crate) format: Format,
    /// How it was derived.
    pub(crate) formula: Formula,
    /// How many values it was derived from, if it is an estimate.
    pub(crate) n: Option<u64>,
    /// Its interval, at full precision and in `unit`.
    pub(crate) interval: Option<Interval>,
    /// Whether what it rests on is valid.
    pub(crate) validity: Status,
    /// What it was derived from.
    pub(crate) source: Source,
}

/// A value at full precision.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Number {
    /// A whole number.
    Count(u64),
    /// Any other.
    Real(f64),
}

/// How a value is printed. Percent exists only here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// A whole number.
    Count,
    /// With so many decimals.
    Fixed(u8),
    /// A fraction as a percentage with so many decimals, and the sign `%`.
    Percent(u8),
    /// A ratio to the baseline as a signed change in percent.
    Change(u8),
    /// A p-value: four decimals, or a bound for what lies below.
    PValue,
}

/// What a claim was derived from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// `plan.lock.json`.
    Plan,
    /// `environment.json`.
    Environment,
    /// `journal.jsonl`.
    Journal,
    /// The events of every run of a named set.
    Runs(String),
    /// One line of the events of one run.
    Line(RunId, u64),
    /// A file of `reports/validation/against/`, and the claim in it that is meant.
    Against(String, Option<String>),
}

/// Which of a claim's numbers is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// The value.
    Value,
    /// The lower end of the interval.
    Low,
    /// The upper end of the interval.
    High,
    /// The number of values.
    N,
}

impl Part {
    /// Returns the name used in `claims.json` and in HTML.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Low => "low",
            Self::High => "high",
            Self::N => "n",
        }
    }
}

impl Number {
    /// Returns the value as a float.
    pub(crate) fn as_f64(self) -> f64 {
        match self {
            Self::Count(count) => count as f64,
            Self::Real(value) => value,
        }
    }
}

impl Claim {
    /// Returns the text of one of the claim's numbers, as it is printed.
    ///
    /// A part that the claim lacks is printed as a dash.
    pub(crate) fn text(&self, part: Part) -> String {
        let interval = self.interval.as_ref();
        match part {
            Part::Value => self.format.print(self.value),
            Part::Low => {
                interval.map_or_else(dash, |interval| self.format.print(Number::Real(interval.low)))
            }
            Part::High => interval
                .map_or_else(dash, |interval| self.format.print(Number::Real(interval.high))),
            Part::N => self.n.map_or_else(dash, |n| Format::Count.print(Number::Count(n))),
        }
    }

    /// Returns the full-precision value of one of the claim's numbers.
    pub(crate) fn number(&self, part: Part) -> Option<Number> {
        match part {
            Part::Value => Some(self.value),
            Part::Low => self.interval.map(|interval| Number::Real(interval.low)),
            Part::High => self.interval.map(|interval| Number::Real(interval.high)),
            Part::N => self.n.map(Number::Count),
        }
    }
}

fn dash() -> String {
    "–".to_owned()
}

/// Returns how many decimals a fraction needs to print exactly as a percentage,
/// at most four.
pub(crate) fn percent_decimals(fraction: f64) -> u8 {
    let percent = fraction * 100.0;
    let is_whole = |scale: f64| (percent * scale - (percent * scale).round()).abs() < 1e-6;
    [(0, 1.0), (1, 10.0), (2, 100.0), (3, 1000.0)]
        .into_iter()
        .find_map(|(decimals, scale)| is_whole(scale).then_some(decimals))
        .unwrap_or(4)
}

impl Format {
    /// Prints a value.
    pub(crate) fn print(self, value: Number) -> String {
        let real = value.as_f64();
        match (self, value) {
            (Self::Count, Number::Count(count)) => grouped(&count.to_string()),
            (Self::Count, Number::Real(_)) => fixed(real, 0),
            (Self::Fixed(decimals), _) => fixed(real, decimals),
            (Self::Percent(decimals), _) => format!("{} %", fixed(real * 100.0, decimals)),
            (Self::Change(decimals), _) => {
                let change = fixed((real - 1.0) * 100.0, decimals);
                let is_zero = !change.contains(|c: char| ('1'..='9').contains(&c));
                let sign = if change.starts_with('-') || is_zero { "" } else { "+" };
                format!("{sign}{change} %")
            }
            (Self::PValue, _) if real < 0.0001 => "<0.0001".to_owned(),
            (Self::PValue, _) => fixed(real, 4),
        }
    }
}

/// Prints with so many decimals, without a minus before zero, with commas
/// between thousands from five digits on.
fn fixed(value: f64, decimals: u8) -> String {
    if !value.is_finite() {
        return if value > 0.0 { "∞" } else { "–" }.to_owned();
    }
    let text = format!("{:.*}", usize::from(decimals), value.abs());
    let is_zero = !text.contains(|c: char| ('1'..='9').contains(&c));
    let sign = if value < 0.0 && !is_zero { "-" } else { "" };
    match text.split_once('.') {
        Some((whole, fraction)) => format!("{sign}{}.{fraction}", grouped(whole)),
        None => format!("{sign}{}", grouped(&text)),
    }
}

fn grouped(digits: &str) -> String {
    if digits.len() < 5 {
        return digits.to_owned();
    }
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns the decimals with which values of about `magnitude` have `digits`
/// significant digits, at most six decimals.
pub(crate) fn decimals_for(magnitude: f64, digits: i32) -> u8 {
    if !magnitude.is_finite() || magnitude == 0.0 {
        return 1;
    }
    let mut exponent = 0;
    let mut scaled = magnitude.abs();
    while scaled >= 10.0 && exponent < 300 {
        scaled /= 10.0;
        exponent += 1;
    }
    while scaled < 1.0 && exponent > -300 {
        scaled *= 10.0;
        exponent -= 1;
    }
    u8::try_from((digits - 1 - exponent).clamp(0, 6)).unwrap_or_default()
}

/// A claim of a [`Ledger`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ClaimRef(usize);

/// The claims of one report, in the order in which they were made.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Ledger {
    claims: Vec<Claim>,
    by_id: BTreeMap<String, usize>,
}

impl Ledger {
    /// Adds a claim, or returns the equal one that is there.
    ///
    /// Two different claims of one name both stay; the later gets a suffix, so
    /// that no number can hide behind another.
    pub(crate) fn add(&mut self, mut claim: Claim) -> ClaimRef {
        let wanted = claim.id.clone();
        let mut suffix = 1;
        while let Some(&at) = self.by_id.get(&claim.id) {
            if self.claims[at] == claim {
                return ClaimRef(at);
            }
            suffix += 1;
            claim.id.clone_from(&wanted);
            write!(claim.id, "~{suffix}").expect("writing to a string cannot fail");
        }
        self.by_id.insert(claim.id.clone(), self.claims.len());
        self.claims.push(claim);
        ClaimRef(self.claims.len() - 1)
    }

    /// Returns a claim.
    pub(crate) fn get(&self, claim: ClaimRef) -> &Claim {
        &self.claims[claim.0]
    }

    /// Returns every claim, in order.
    pub(crate) fn claims(&self) -> &[Claim] {
        &self.claims
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn print(format: Format, value: f64) -> String {
        format.print(Number::Real(value))
    }

    #[test]
    fn numbers_are_rounded_once_and_keep_their_sign() {
        assert_eq!(print(Format::Fixed(2), 115.238), "115.24");
        assert_eq!(print(Format::Fixed(1), -0.04), "0.0");
        assert_eq!(print(Format::Fixed(0), 1_234_567.0), "1,234,567");
        assert_eq!(print(Format::Fixed(0), 3_688.0), "3688");
        assert_eq!(print(Format::Change(1), 1.153), "+15.3 %");
        assert_eq!(print(Format::Change(1), 0.98), "-2.0 %");
        assert_eq!(print(Format::Change(1), 0.9999), "0.0 %");
        assert_eq!(print(Format::Percent(1), 0.25), "25.0 %");
        assert_eq!(print(Format::PValue, 0.000_01), "<0.0001");
        assert_eq!(print(Format::PValue, 0.043_21), "0.0432");
    }

    #[test]
    fn decimals_follow_the_magnitude() {
        assert_eq!(decimals_for(114.3, 4), 1);
        assert_eq!(decimals_for(5_210.0, 4), 0);
        assert_eq!(decimals_for(0.012, 4), 5);
        assert_eq!(decimals_for(0.0, 4), 1);
        assert_eq!(decimals_for(f64::NAN, 4), 1);
    }

    #[test]
    fn percent_decimals_are_enough() {
        assert_eq!(percent_decimals(0.95), 0);
        assert_eq!(percent_decimals(0.025), 1);
        assert_eq!(percent_decimals(0.99_9), 1);
    }
}
