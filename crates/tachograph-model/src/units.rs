//! Quantities that cross function boundaries.
//!
//! Owns: integer nanoseconds, the only form in which time is recorded.
//!
//! Does not: read a clock; [`InstantNs`] is only a number that one wrote down.

use std::ops::Sub;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A point in time on the host's monotonic clock, in nanoseconds.
///
/// On Linux the clock is `CLOCK_MONOTONIC`, shared by all processes of a host,
/// so instants of one host can be subtracted from each other and no others.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct InstantNs(pub u64);

/// A span of time in nanoseconds.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct DurationNs(pub u64);

impl InstantNs {
    /// Returns the time since `earlier`, or `None` if `earlier` is later.
    pub fn since(self, earlier: Self) -> Option<DurationNs> {
        self.0.checked_sub(earlier.0).map(DurationNs)
    }

    /// Returns this instant moved forward by `duration`.
    #[must_use]
    pub fn after(self, duration: DurationNs) -> Self {
        Self(self.0.saturating_add(duration.0))
    }
}

impl DurationNs {
    /// Returns the duration of `milliseconds`.
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000_000))
    }

    /// Returns the duration in seconds, for rendering and statistics.
    pub fn as_seconds(self) -> f64 {
        self.0 as f64 / 1e9
    }

    /// Returns the duration in milliseconds, for rendering and statistics.
    pub fn as_millis(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl Sub for DurationNs {
    type Output = i128;

    /// Returns the signed difference in nanoseconds.
    fn sub(self, other: Self) -> i128 {
        i128::from(self.0) - i128::from(other.0)
    }
}
