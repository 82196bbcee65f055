//! The clocks of this machine.
//!
//! Owns: every reading of a clock in this room. Instants come from
//! `CLOCK_MONOTONIC`, which all processes of a host share; kernel receive stamps
//! come from the real-time clock and are moved over by [`RealtimeOffset`].
//!
//! Does not: decide what an instant means, or wait.

use tachograph_model::event::ClockSample;
use tachograph_model::units::{DurationNs, InstantNs};

use crate::sys::{self, Clock};

/// Readings of both clocks per sample; the closest pair is kept.
const READINGS: usize = 16;

/// Returns the present instant on the host's monotonic clock.
pub fn now() -> InstantNs {
    InstantNs(sys::clock_ns(Clock::Monotonic))
}

/// Reads both clocks together.
///
/// The real-time clock is read between two readings of the monotonic one, several
/// times; the narrowest such bracket is returned.
pub fn sample() -> ClockSample {
    let bracket = || {
        let before = sys::clock_ns(Clock::Monotonic);
        let realtime = sys::clock_ns(Clock::Realtime);
        let after = sys::clock_ns(Clock::Monotonic);
        (after.saturating_sub(before), before, realtime)
    };
    let (width, before, realtime) = (1..READINGS)
        .map(|_| bracket())
        .fold(bracket(), |best, next| if next.0 < best.0 { next } else { best });
    ClockSample {
        at_ns: InstantNs(before + width / 2),
        realtime_ns: realtime.to_string(),
        uncertainty_ns: DurationNs(width.div_ceil(2)),
    }
}

/// Returns the present time as RFC 3339 in UTC with milliseconds:
/// `2026-11-24T03:26:03.125Z`.
pub fn rfc3339_now() -> String {
    rfc3339(sys::clock_ns(Clock::Realtime))
}

/// Returns `realtime_ns`, nanoseconds since 1970, as RFC 3339 in UTC with
/// milliseconds.
///
/// # Source
///
/// The calendar is that of Howard Hinnant, *chrono-Compatible Low-Level Date
/// Algorithms*, `civil_from_days`.
fn rfc3339(realtime_ns: u64) -> String {
    let milliseconds = realtime_ns / 1_000_000 % 1_000;
    let seconds = realtime_ns / 1_000_000_000;
    let (days, second_of_day) = (seconds / 86_400, seconds % 86_400);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute, second) =
        (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milliseconds:03}Z")
}

/// How far a kernel stamp may lie after the user's, since the offset between their
/// clocks is known no better.
const STAMP_TOLERANCE: DurationNs = DurationNs(20_000);

/// The distance from the monotonic to the real-time clock, as one sample saw it.
///
/// Both clocks are slewed alike, so the distance changes only when the real-time
/// clock is stepped; comparing two samples shows a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RealtimeOffset {
    realtime_minus_monotonic_ns: i128,
}

/// Why a clock sample gives no offset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected nanoseconds since 1970 in `realtime_ns`, found {found:?}")]
pub struct ClockSampleError {
    /// The text.
    pub found: String,
    /// What is wrong with it.
    pub source: std::num::ParseIntError,
}

impl RealtimeOffset {
    /// Returns the offset that `sample` shows.
    ///
    /// # Errors
    ///
    /// [`ClockSampleError`] if its `realtime_ns` is not a number.
    pub fn of(sample: &ClockSample) -> Result<Self, ClockSampleError> {
        let realtime: u64 = sample
            .realtime_ns
            .parse()
            .map_err(|source| ClockSampleError { found: sample.realtime_ns.clone(), source })?;
        let realtime_minus_monotonic_ns = i128::from(realtime) - i128::from(sample.at_ns.0);
        Ok(Self { realtime_minus_monotonic_ns })
    }

    /// Returns the monotonic instant of a real-time reading, or `None` if it lies
    /// before the monotonic clock's zero.
    pub fn to_monotonic(self, realtime_ns: u64) -> Option<InstantNs> {
        let monotonic = i128::from(realtime_ns) - self.realtime_minus_monotonic_ns;
        u64::try_from(monotonic).ok().map(InstantNs)
    }

    /// Returns a kernel's receive stamp as a monotonic instant, if it can be true: not
    /// before `not_before`, and not after `user`, when the read had returned. Others come
    /// from a step of the real-time clock.
    pub(crate) fn receive_stamp(
        self,
        realtime_ns: u64,
        user: InstantNs,
        not_before: Option<InstantNs>,
    ) -> Option<InstantNs> {
        let kernel = self.to_monotonic(realtime_ns)?;
        let is_after = not_before.is_none_or(|limit| kernel.after(STAMP_TOLERANCE) >= limit);
        (is_after && kernel <= user.after(STAMP_TOLERANCE)).then(|| kernel.min(user))
    }

    /// Returns how far the real-time clock was stepped between two samples.
    pub fn step_ns(self, later: Self) -> i128 {
        later.realtime_minus_monotonic_ns - self.realtime_minus_monotonic_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_monotonic_clock_does_not_go_back_and_samples_lie_inside_it() {
        let before = now();
        let sample = sample();
        let after = now();
        assert!(before <= sample.at_ns && sample.at_ns <= after);
        assert!(sample.realtime_ns.parse::<u64>().unwrap() > 1_700_000_000_000_000_000);
    }

    #[test]
    fn an_offset_carries_stamps_over_and_shows_a_step() {
        let sample = |at: u64, realtime: u64| ClockSample {
            at_ns: InstantNs(at),
            realtime_ns: realtime.to_string(),
            uncertainty_ns: DurationNs(10),
        };
        let offset = RealtimeOffset::of(&sample(1_000, 5_000)).unwrap();
        assert_eq!(offset.to_monotonic(5_250), Some(InstantNs(1_250)));
        assert_eq!(offset.to_monotonic(3_999), None, "before the machine started");
        let later = RealtimeOffset::of(&sample(2_000, 6_700)).unwrap();
        assert_eq!(offset.step_ns(later), 700);
        let broken = ClockSample { realtime_ns: "soon".to_owned(), ..sample(0, 0) };
        assert!(RealtimeOffset::of(&broken).unwrap_err().to_string().contains("\"soon\""));
    }

    #[test]
    fn stamps_after_a_step_of_the_clock_are_left_out() {
        let offset = RealtimeOffset { realtime_minus_monotonic_ns: 0 };
        let (sent, user) = (Some(InstantNs(1_000_000)), InstantNs(2_000_000));
        let stamp = |realtime| offset.receive_stamp(realtime, user, sent);
        assert_eq!(stamp(1_500_000), Some(InstantNs(1_500_000)));
        assert_eq!(stamp(2_000_300), Some(user), "within tolerance");
        assert_eq!(stamp(2_100_000), None);
        assert_eq!(stamp(900_000), None);
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        // `date -u -d @N +%FT%TZ`
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_709_251_199, "2024-02-29T23:59:59.000Z"),
            (1_795_476_363, "2026-11-23T23:26:03.000Z"),
            (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        ] {
            assert_eq!(rfc3339(seconds * 1_000_000_000), text);
        }
        assert_eq!(rfc3339(1_999_999_999), "1970-01-01T00:00:01.999Z");
    }
}
