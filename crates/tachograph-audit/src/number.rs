//! The numbers of a block of text.
//!
//! Owns: where a number begins and ends, how precisely it is printed, its unit
//! and what kind of number it is: a measurement, a count, or a name that happens
//! to be written with digits.
//!
//! Does not: relate numbers to each other.

mod date;
mod digits;
mod scan;
mod unit;

use std::ops::Range;

use crate::span::Span;

pub(crate) use digits::Point;
pub(crate) use scan::numbers;
pub(crate) use unit::{CALENDAR, FACTOR, PERCENT, POINTS, TIME, Unit};

/// Returns kind and scale of a unit by its name, such as `tok/s`.
pub(crate) fn unit_of(name: &str) -> Option<(String, f64)> {
    let (unit, length) = unit::parse(name)?;
    (length == name.len()).then_some((unit.kind, unit.scale))
}

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Something measured, counted or computed.
    Quantity,
    /// A date, a time of day or a year.
    Date,
    /// A version, an address, part of a name.
    Name,
    /// The level of an interval or a test: "95 % CI".
    Level,
    /// A sample size: "n = 5".
    SampleSize,
    /// A p-value: "p = 0.03".
    PValue,
    /// The number of a section, a step, a list item.
    Ordinal,
}

/// The sign that is printed before a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sign {
    /// None.
    None,
    /// A plus.
    Plus,
    /// A minus.
    Minus,
    /// Plus or minus: a half-width.
    PlusMinus,
}

/// What is said of a number's direction: "at least", "under".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    /// It is the value.
    Exact,
    /// The value is about that.
    About,
    /// The value is at least that.
    AtLeast,
    /// The value is at most that.
    AtMost,
}

/// A number in a text.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Number {
    /// The block that it stands in.
    pub(crate) block: usize,
    /// Sign, digits and multiplier, in the block's text.
    pub(crate) range: Range<usize>,
    /// The digits with their separators, in the block's text.
    pub(crate) digits: Range<usize>,
    /// Where its unit ends in the block's text.
    pub(crate) end: usize,
    /// The printed value, sign and multiplier applied.
    pub(crate) value: f64,
    /// The number of decimals that are printed.
    pub(crate) decimals: usize,
    /// Half a unit of the last place, in the unit of `value`.
    pub(crate) half: f64,
    /// The printed sign.
    pub(crate) sign: Sign,
    /// Whether the number is the value, about the value, or a bound.
    pub(crate) bound: Bound,
    /// Its unit.
    pub(crate) unit: Unit,
    /// The word after it, lower case: what is counted.
    pub(crate) noun: Option<String>,
    /// What it is.
    pub(crate) role: Role,
}

impl Number {
    /// Returns what the number can stand for, in its own unit.
    ///
    /// "About" allows a whole unit of the last digit that is not zero.
    pub(crate) fn span(&self) -> Span {
        match self.bound {
            Bound::Exact => Span::around(self.value, self.half),
            Bound::About => Span::around(self.value, self.coarse_unit()),
            Bound::AtLeast => Span { low: self.value - self.half, high: f64::MAX },
            Bound::AtMost => Span { low: f64::MIN, high: self.value + self.half },
        }
    }

    /// Returns the same in the base of the unit's kind.
    pub(crate) fn base(&self) -> Span {
        self.span().scaled(self.unit.scale)
    }

    /// Returns the same, where a count is exact.
    pub(crate) fn counted(&self) -> Span {
        if self.is_count() { Span::around(self.value, 0.0) } else { self.base() }
    }

    /// Returns the span without regard to the sign.
    pub(crate) fn size(&self) -> Span {
        self.span().size()
    }

    /// Returns one unit of the last digit that is not zero.
    fn coarse_unit(&self) -> f64 {
        let mut unit = 2.0 * self.half;
        if self.value == 0.0 {
            return unit;
        }
        while (self.value / (unit * 10.0)).fract().abs() < 1e-9 {
            unit *= 10.0;
        }
        unit
    }

    /// Returns whether it is a whole number without a unit: a count.
    pub(crate) fn is_count(&self) -> bool {
        self.role == Role::Quantity
            && self.unit.is_none()
            && self.decimals == 0
            && self.value.fract() == 0.0
            && self.sign == Sign::None
    }

    /// Returns whether two numbers can be of one quantity: units of one kind, or
    /// one of them left to the other.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        self.unit.kind == other.unit.kind || self.unit.is_none() || other.unit.is_none()
    }
}
