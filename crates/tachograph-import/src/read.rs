//! Reading foreign numbers and texts without losing or adding anything.
//!
//! Owns: JSON with places in its errors, units to whole nanoseconds, rounding of single
//! precision, spellings.

use serde::de::DeserializeOwned;
use tachograph_model::units::DurationNs;

use crate::snapshot::{ImportError, SourceFile};

/// Nanoseconds of a year: longer than anything that is measured.
pub(crate) const YEAR_NS: u64 = 365 * 86_400 * 1_000_000_000;

/// The bytes that mark UTF-8 at the begin of a file.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Returns the bytes of a file without a byte order mark, and whether it had one.
pub(crate) fn without_bom(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.strip_prefix(BOM) {
        Some(rest) => (rest, true),
        None => (bytes, false),
    }
}

/// Returns whether a file is meant to be JSON.
pub(crate) fn is_json(file: &SourceFile) -> bool {
    let first = without_bom(&file.bytes).0.iter().find(|byte| !byte.is_ascii_whitespace());
    file.path.to_ascii_lowercase().ends_with(".json") || matches!(first, Some(b'{' | b'['))
}

/// Parses a JSON document; a byte order mark before it is passed over.
///
/// # Errors
///
/// [`ImportError`] with line and column.
pub(crate) fn json<T: DeserializeOwned>(file: &SourceFile) -> Result<T, ImportError> {
    serde_json::from_slice(without_bom(&file.bytes).0).map_err(|error| not_json(file, &error))
}

/// Parses JSON values one after the other, each with the line on which it begins: a file of
/// lines, or a single document.
///
/// # Errors
///
/// [`ImportError`] with line and column.
pub(crate) fn values<T: DeserializeOwned>(
    file: &SourceFile,
) -> Result<Vec<(usize, T)>, ImportError> {
    let bytes = without_bom(&file.bytes).0;
    let mut parsed = Vec::new();
    let mut stream = serde_json::Deserializer::from_slice(bytes).into_iter::<T>();
    let (mut line, mut counted) = (1, 0);
    loop {
        let rest = bytes.get(stream.byte_offset()..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        let begin = stream.byte_offset() + blank;
        let between = bytes.get(counted..begin).unwrap_or_default();
        line += between.split(|byte| *byte == b'\n').count() - 1;
        counted = begin;
        match stream.next() {
            None => return Ok(parsed),
            Some(Ok(value)) => parsed.push((line, value)),
            Some(Err(error)) => return Err(not_json(file, &error)),
        }
    }
}

/// Returns the error about a file that is cut or is not what it should be.
pub(crate) fn not_json(file: &SourceFile, error: &serde_json::Error) -> ImportError {
    let place = format!("line {}, column {}", error.line(), error.column());
    let text = error.to_string();
    // The place is said once.
    let what = text.rsplit_once(" at line ").map_or(&*text, |(what, _)| what);
    let message = if let Some(word) = no_number(file, error) {
        format!("{word} is no number of JSON; write null in its place")
    } else if error.is_eof() {
        format!("{what}: the file is cut off; fetch it again")
    } else {
        format!("{what}; give the file as its program wrote it")
    };
    ImportError::new(&file.path, place, message)
}

/// Returns the word at which an error stands, if it is what other languages write for
/// numbers that JSON does not have.
fn no_number(file: &SourceFile, error: &serde_json::Error) -> Option<&'static str> {
    let line = without_bom(&file.bytes)
        .0
        .split(|byte| *byte == b'\n')
        .nth(error.line().checked_sub(1)?)?;
    // The parser stops within the word, or after its sign.
    let from = error.column().saturating_sub(2);
    let near = line.get(from..).unwrap_or_default();
    let words = ["NaN", "Infinity", "-Infinity"];
    words.into_iter().find(|word| {
        (0..2).any(|skip| near.get(skip..).is_some_and(|rest| rest.starts_with(word.as_bytes())))
    })
}

/// Returns milliseconds in whole nanoseconds; `None` for what is no duration: negative,
/// infinite, longer than a year.
pub(crate) fn millis(value: f64) -> Option<DurationNs> {
    nanos(value * 1e6)
}

/// Returns seconds in whole nanoseconds, as [`millis`].
pub(crate) fn seconds(value: f64) -> Option<DurationNs> {
    nanos(value * 1e9)
}

/// Returns the time between two instants of one clock in nanoseconds, as [`millis`].
pub(crate) fn since(from_ns: u64, to_ns: u64) -> Option<DurationNs> {
    to_ns.checked_sub(from_ns).filter(|it| *it <= YEAR_NS).map(DurationNs)
}

fn nanos(value: f64) -> Option<DurationNs> {
    if !(0.0..=YEAR_NS as f64).contains(&value) {
        return None;
    }
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "in range")]
    Some(DurationNs(value.round() as u64))
}

/// Returns the shortest number that a value of single precision can have meant: six
/// significant digits, so that `0.800000011920929` is `0.8` again.
pub(crate) fn single_precision(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_whole_nanoseconds_and_nonsense_is_refused() {
        assert_eq!(millis(495.6649), Some(DurationNs(495_664_900)));
        assert_eq!(seconds(0.000_000_001), Some(DurationNs(1)));
        for nonsense in [-1.0, f64::NAN, f64::INFINITY, 1e300] {
            assert_eq!(millis(nonsense), None);
        }
    }

    #[test]
    fn single_precision_is_undone() {
        for (written, meant) in [
            (0.800_000_011_920_929, 0.8),
            (0.600_000_023_841_857_9, 0.6),
            (1.100_000_023_841_858, 1.1),
        ] {
            assert_eq!(single_precision(written).to_string(), f64::to_string(&meant));
        }
    }

    #[test]
    fn a_cut_file_is_called_so_with_its_place() {
        let file =
            SourceFile { path: "a.json".to_owned(), bytes: b"\xef\xbb\xbf{\"a\": [1,\n".to_vec() };
        let error = json::<serde_json::Value>(&file).unwrap_err();
        assert_eq!(
            error.to_string(),
            "a.json, line 2, column 0: EOF while parsing a value: the file is cut off; fetch it again"
        );
    }
}
