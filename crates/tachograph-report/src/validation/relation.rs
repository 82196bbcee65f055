//! What a stated calculation can give, whatever its rounded parts were.
//!
//! Owns: the bounds of each calculation over the rounding intervals of its parts.

use tachograph_model::claimed::{PrintedNumber, RelationRule};

/// The smallest and the largest result.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) low: f64,
    pub(super) high: f64,
}

impl Bounds {
    /// Returns the bounds of a calculation whose parts stand for every value that
    /// rounds to what is printed; `None` where there is none, since the divisor may be
    /// zero.
    ///
    /// A quotient is monotone in each of its parts while the divisor keeps its sign, so
    /// that its bounds lie at the corners.
    pub(super) fn of(rule: RelationRule, parts: &[PrintedNumber]) -> Option<Self> {
        let ends = |part: &PrintedNumber| (part.low(), part.high());
        let sum = || {
            let low = parts.iter().map(|part| part.low()).sum::<f64>();
            let high = parts.iter().map(|part| part.high()).sum::<f64>();
            Self { low, high }
        };
        let (first, second) = (ends(parts.first()?), ends(parts.get(1)?));
        match rule {
            RelationRule::Sum => Some(sum()),
            RelationRule::Mean => Some(sum().scaled(1.0 / parts.len() as f64, 0.0)),
            RelationRule::Difference => {
                Some(Self { low: first.0 - second.1, high: first.1 - second.0 })
            }
            RelationRule::Ratio => quotient(first, second),
            RelationRule::PercentChange => Some(quotient(second, first)?.scaled(100.0, -100.0)),
        }
    }

    fn scaled(self, factor: f64, shift: f64) -> Self {
        Self { low: self.low * factor + shift, high: self.high * factor + shift }
    }

    /// Returns whether some value within the bounds rounds to what is printed.
    pub(super) fn meet(self, printed: PrintedNumber) -> bool {
        let slack = 1e-12 * self.low.abs().max(self.high.abs()).max(100.0);
        self.low <= printed.high() + slack && printed.low() - slack <= self.high
    }
}

fn quotient(dividend: (f64, f64), divisor: (f64, f64)) -> Option<Bounds> {
    if divisor.0 <= 0.0 && divisor.1 >= 0.0 {
        return None;
    }
    let corners = [
        dividend.0 / divisor.0,
        dividend.0 / divisor.1,
        dividend.1 / divisor.0,
        dividend.1 / divisor.1,
    ];
    let low = corners.into_iter().fold(f64::INFINITY, f64::min);
    let high = corners.into_iter().fold(f64::NEG_INFINITY, f64::max);
    Some(Bounds { low, high })
}
