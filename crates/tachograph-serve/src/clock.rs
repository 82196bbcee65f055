//! Wall-clock text and Go durations, as Ollama writes and reads them.
//!
//! Owns: RFC 3339 in UTC with nanoseconds, and the duration grammar of
//! `keep_alive`.
//!
//! Does not: know time zones.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Writes `time` as RFC 3339 in UTC with nine digits after the second.
///
/// A time before 1970 is written as 1970-01-01.
///
/// # Source
///
/// Days to civil date: Howard Hinnant, *chrono-Compatible Low-Level Date
/// Algorithms*, `civil_from_days`.
pub(crate) fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs();
    let of_day = seconds % 86_400;
    let (year, month, day) = civil_from_days(seconds / 86_400);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
        of_day / 3600,
        of_day / 60 % 60,
        of_day % 60,
        since.subsec_nanos()
    )
}

fn civil_from_days(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 { month_index + 3 } else { month_index - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

/// How long a model stays loaded after a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeepAlive {
    /// Until it is unloaded by request.
    Forever,
    /// This long; zero unloads at once.
    For(Duration),
}

/// Reads a Go duration such as `5m`, `1h30m`, `-1s`, `300ms` or `0`.
///
/// # Errors
///
/// The message that Go's `time.ParseDuration` gives.
pub(crate) fn parse_go_duration(text: &str) -> Result<KeepAlive, String> {
    let invalid = || format!("time: invalid duration {text:?}");
    let (negative, mut rest) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Ok(KeepAlive::For(Duration::ZERO));
    }
    if rest.is_empty() {
        return Err(invalid());
    }
    let mut seconds = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().map_err(|_error| invalid())?;
        rest = &rest[digits..];
        if rest.is_empty() {
            return Err(format!("time: missing unit in duration {text:?}"));
        }
        let unit = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let scale = match &rest[..unit] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            other => return Err(format!("time: unknown unit {other:?} in duration {text:?}")),
        };
        seconds += number * scale;
        rest = &rest[unit..];
    }
    if negative && seconds > 0.0 {
        return Ok(KeepAlive::Forever);
    }
    Ok(keep_alive_seconds(seconds))
}

/// Reads a number of seconds; a negative one is for ever.
pub(crate) fn keep_alive_seconds(seconds: f64) -> KeepAlive {
    if seconds < 0.0 {
        return KeepAlive::Forever;
    }
    Duration::try_from_secs_f64(seconds).map_or(KeepAlive::Forever, KeepAlive::For)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_utc_with_nanoseconds() {
        let check = |seconds, nanos, expected: &str| {
            assert_eq!(rfc3339(UNIX_EPOCH + Duration::new(seconds, nanos)), expected);
        };
        // Seconds from `date -u -d ... +%s`.
        check(0, 0, "1970-01-01T00:00:00.000000000Z");
        check(951_782_399, 1, "2000-02-28T23:59:59.000000001Z");
        check(951_868_800, 0, "2000-03-01T00:00:00.000000000Z");
        check(1_790_000_000, 123_456_789, "2026-09-21T14:13:20.123456789Z");
    }

    #[test]
    fn go_durations_are_read_and_refused_as_go_does() {
        let seconds = |text: &str| match parse_go_duration(text) {
            Ok(KeepAlive::For(duration)) => duration.as_secs_f64(),
            other => panic!("{text}: {other:?}"),
        };
        assert_eq!(seconds("1h30m").to_bits(), 5400.0_f64.to_bits());
        assert_eq!(seconds("0").to_bits(), 0.0_f64.to_bits());
        assert_eq!(seconds("250ms").to_bits(), 0.25_f64.to_bits());
        assert_eq!(parse_go_duration("-1m"), Ok(KeepAlive::Forever));
        for wrong in ["", "-", "5", "m", "1x", "1.2.3s", "--1s", "1é", "é"] {
            parse_go_duration(wrong).unwrap_err();
        }
    }
}
