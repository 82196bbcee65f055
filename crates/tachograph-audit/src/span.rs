//! What a printed number can stand for.
//!
//! Owns: intervals of possible values, and arithmetic on them that is as tight
//! as each formula allows.
//!
//! Does not: guess a distribution inside an interval.
//!
//! # Source
//!
//! METHOD: a printed number is an interval of half a unit of its last place to
//! either side.

/// An interval, both ends included.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Span {
    /// The lower end.
    pub(crate) low: f64,
    /// The upper end, not below the lower.
    pub(crate) high: f64,
}

/// Room for the rounding of binary arithmetic, relative to the values.
const SLACK: f64 = 1e-9;

impl Span {
    /// Makes an interval around a value.
    pub(crate) fn around(value: f64, half: f64) -> Self {
        Self { low: value - half, high: value + half }
    }

    /// Makes an interval from two ends in any order.
    pub(crate) fn of(one: f64, other: f64) -> Self {
        Self { low: one.min(other), high: one.max(other) }
    }

    /// Returns whether two intervals share a value.
    pub(crate) fn meets(self, other: Self) -> bool {
        let slack = SLACK * self.low.abs().max(self.high.abs()).max(other.high.abs()).max(1e-300);
        self.low <= other.high + slack && other.low <= self.high + slack
    }

    /// Returns whether every value lies below every value of `other`.
    pub(crate) fn is_below(self, other: Self) -> bool {
        self.high < other.low && !self.meets(other)
    }

    /// Returns the middle.
    pub(crate) fn middle(self) -> f64 {
        f64::midpoint(self.low, self.high)
    }

    /// Returns the interval with its sign turned.
    pub(crate) fn negated(self) -> Self {
        Self { low: -self.high, high: -self.low }
    }

    /// Returns the interval of sizes.
    pub(crate) fn size(self) -> Self {
        if self.low >= 0.0 {
            self
        } else if self.high <= 0.0 {
            self.negated()
        } else {
            Self { low: 0.0, high: self.high.max(-self.low) }
        }
    }

    /// Returns the interval of sums.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self { low: self.low + other.low, high: self.high + other.high }
    }

    /// Returns the interval of differences.
    pub(crate) fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    /// Returns the interval of products.
    pub(crate) fn times(self, other: Self) -> Self {
        let products = [
            self.low * other.low,
            self.low * other.high,
            self.high * other.low,
            self.high * other.high,
        ];
        Self {
            low: products.iter().copied().fold(f64::INFINITY, f64::min),
            high: products.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Returns the interval of quotients; `None` if the divisor may be zero.
    pub(crate) fn over(self, other: Self) -> Option<Self> {
        (other.low > 0.0 || other.high < 0.0)
            .then(|| self.times(Self::of(1.0 / other.low, 1.0 / other.high)))
    }

    /// Returns the interval of relative changes to `self`: `self / from - 1`.
    /// `None` unless `from` is above zero.
    pub(crate) fn change_from(self, from: Self) -> Option<Self> {
        if from.low <= 0.0 {
            return None;
        }
        let ratio = self.over(from)?;
        Some(Self { low: ratio.low - 1.0, high: ratio.high - 1.0 })
    }

    /// Returns the interval multiplied by a number.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self::of(self.low * factor, self.high * factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(span: Span, low: f64, high: f64) {
        assert!((span.low - low).abs() < 5e-4 && (span.high - high).abs() < 5e-4, "{span:?}");
    }

    #[test]
    fn a_change_is_bounded_tightly() {
        let change = Span::around(114.54, 0.005).change_from(Span::around(99.34, 0.005)).unwrap();
        near(change, 0.1529, 0.1531);
        assert!(Span::around(3.0, 0.5).change_from(Span::around(0.0, 0.5)).is_none());
    }

    #[test]
    fn signs_are_kept() {
        near(Span::of(-2.0, 1.0).times(Span::of(3.0, 4.0)), -8.0, 4.0);
        near(Span::of(-2.0, 1.0).size(), 0.0, 2.0);
        near(Span::of(1.0, 2.0).over(Span::of(-4.0, -2.0)).unwrap(), -1.0, -0.25);
        assert!(Span::of(1.0, 2.0).over(Span::of(-1.0, 1.0)).is_none());
        assert!(Span::of(1.0, 2.0).is_below(Span::of(2.5, 3.0)));
        assert!(Span::of(0.1 + 0.2, 1.0).meets(Span::of(0.0, 0.3)));
    }
}
