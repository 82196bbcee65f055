//! Intervals and the confidence they are made for.
//!
//! Owns: the one interval type of the workspace. The confidence travels inside
//! it, so no table can print an interval without knowing its level.

/// A two-sided interval, in the unit of what it brackets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end, never below `low`.
    pub high: f64,
    /// The nominal confidence, a fraction such as 0.95.
    pub confidence: f64,
}

impl Interval {
    pub(crate) fn around(centre: f64, half_width: f64, confidence: f64) -> Self {
        Self { low: centre - half_width, high: centre + half_width, confidence }
    }

    /// Says whether `value` lies in the interval, ends included.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Returns half the distance between the ends.
    pub fn half_width(&self) -> f64 {
        self.high / 2.0 - self.low / 2.0
    }
}

/// A confidence level: a fraction from 0.5 to 0.999999.
///
/// The upper limit keeps every interval of representable data finite; 95 % is
/// the level that the reports use.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Confidence(f64);

/// Why a confidence level was refused.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ConfidenceError {
    /// The level is not usable.
    #[error("confidence {level} is outside 0.5..=0.999999; write 95 % as 0.95")]
    OutOfRange {
        /// What was given.
        level: f64,
    },
}

impl Confidence {
    /// 90 %, the level of an equivalence interval at 5 %.
    pub const NINETY: Self = Self(0.90);
    /// 95 %.
    pub const NINETY_FIVE: Self = Self(0.95);
    /// 99 %.
    pub const NINETY_NINE: Self = Self(0.99);

    /// Checks a confidence level, a fraction.
    ///
    /// # Errors
    ///
    /// [`ConfidenceError::OutOfRange`] unless `0.5 <= level <= 0.999999`.
    pub fn new(level: f64) -> Result<Self, ConfidenceError> {
        if (0.5..=0.999_999).contains(&level) {
            Ok(Self(level))
        } else {
            Err(ConfidenceError::OutOfRange { level })
        }
    }

    /// Returns the level as a fraction.
    pub fn level(self) -> f64 {
        self.0
    }

    /// Returns `1 - level`, the error probability that both tails share.
    pub fn alpha(self) -> f64 {
        1.0 - self.0
    }
}
