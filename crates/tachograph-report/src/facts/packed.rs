//! Optional numbers in eight bytes.
//!
//! Owns: how the facts of a million calls stay small. An `Option<f64>` takes
//! sixteen bytes, and most of a call's facts are such.
//!
//! Does not: let anybody see how absence is written down.

use tachograph_model::units::InstantNs;

/// A number that may be absent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Packed(u64);

/// The bits of a number that no metric is: a NaN of its own.
const ABSENT: u64 = 0x7ff8_dead_0000_0000;

impl Packed {
    pub(super) fn number(value: Option<f64>) -> Self {
        Self(value.map_or(ABSENT, f64::to_bits))
    }

    pub(super) fn as_number(self) -> Option<f64> {
        (self.0 != ABSENT).then(|| f64::from_bits(self.0))
    }

    /// A count. The one count that could not be told from absence, of nine quintillion,
    /// is kept as one more.
    pub(super) fn count(value: Option<u64>) -> Self {
        Self(value.map_or(ABSENT, |count| count + u64::from(count == ABSENT)))
    }

    pub(super) fn as_count(self) -> Option<u64> {
        (self.0 != ABSENT).then_some(self.0)
    }

    pub(super) fn instant(value: Option<InstantNs>) -> Self {
        Self::count(value.map(|instant| instant.0))
    }

    pub(super) fn as_instant(self) -> Option<InstantNs> {
        self.as_count().map(InstantNs)
    }
}

impl std::fmt::Debug for Packed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == ABSENT { f.write_str("absent") } else { write!(f, "bits {:#x}", self.0) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        for value in [None, Some(0.0), Some(-1.5), Some(1e300), Some(f64::INFINITY)] {
            assert_eq!(Packed::number(value).as_number(), value);
        }
        for value in [None, Some(0), Some(1), Some(1 << 53), Some(u64::MAX)] {
            assert_eq!(Packed::count(value).as_count(), value);
            let instant = value.map(InstantNs);
            assert_eq!(Packed::instant(instant).as_instant(), instant);
        }
        assert_eq!(Packed::count(Some(ABSENT)).as_count(), Some(ABSENT + 1));
    }
}
