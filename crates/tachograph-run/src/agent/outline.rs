//! The outline of one file: what the data summary says about it.
//!
//! Owns: parsing CSV, JSON and Markdown into an [`Outline`], in memory that does
//! not grow with the data, and the one way in which a number is printed in it.
//!
//! Another implementation gets the same outlines by these rules:
//!
//! - All files are UTF-8; a byte order mark at the start is left out.
//! - **CSV** (comma, double quotes, quotes doubled inside quotes): the first line
//!   that is not empty is the header, whose names are trimmed; empty lines do not
//!   count; a row of another length than the header makes the file malformed. The
//!   extent is `N rows`.
//! - **JSON**: one document. Each scalar belongs to the series named by its path,
//!   keys joined by `.` and each array written `[]`: `runs[].ttft_ms`. A scalar at
//!   the top belongs to none. The extent is `N keys`, `N items` or `one value`.
//! - **Markdown**: headings are lines of one to six `#`, a space and a title, which
//!   is trimmed; lines between two that start with three backticks do not count.
//!   The extent is `N headings`.
//! - A count of one has no plural `s`. Names are cut to [`NAME_BYTES_MAX`] bytes at
//!   a character's edge, and equal cut paths are one series; series and headings
//!   beyond the first [`SERIES_MAX`] are left out.
//! - A series has numbers if it has a value and every value is one (empty cells are
//!   no values) and their sum is finite. Sums are taken in the file's order, in
//!   double precision.
//! - In CSV a number is an optional minus, digits, an optional point and digits, an
//!   optional exponent, and finite; spaces and tabs around it do not count.
//!
//! Does not: read files, or keep their contents.

use std::fmt;

use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};
use tachograph_model::event::FileKind;

/// Series of one file that are followed; further ones are counted, not described.
pub const SERIES_MAX: usize = 64;

/// Bytes of a name or heading that are kept.
pub const NAME_BYTES_MAX: usize = 60;

/// What the data summary says about one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Outline {
    /// Its size in words: `12 rows`, `object`, `3 headings`.
    pub extent: String,
    /// Its headings; or its columns or keys, first those whose numbers vary and
    /// have fractions, then those with other numbers, then bare names, each
    /// group in the order in which they first appear.
    pub details: Vec<String>,
}

/// Why a file could not be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutlineError {
    /// The bytes are not text.
    #[error("line {line}: not UTF-8 text; save the file as UTF-8")]
    NotText {
        /// The line with the first byte that is not, from 1.
        line: usize,
    },
    /// A CSV file has no header.
    #[error("line 1: no header line; a CSV file starts with its column names")]
    NoHeader,
    /// A CSV file has a row of another length.
    #[error("line {line}: {found} fields where the header has {expected}")]
    RowLength {
        /// The line on which the row starts, from 1.
        line: u64,
        /// Fields in the row.
        found: u64,
        /// Fields in the header.
        expected: u64,
    },
    /// A CSV file could not be read on.
    #[error("malformed CSV: {0}")]
    Csv(String),
    /// The text is not one JSON document.
    #[error("line {line}, column {column}: malformed JSON: {what}")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        what: String,
    },
}

/// Parses `bytes` as `kind`. A byte order mark at the start is left out.
///
/// # Errors
///
/// [`OutlineError`], with the line.
pub fn outline(kind: FileKind, bytes: &[u8]) -> Result<Outline, OutlineError> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|error| OutlineError::NotText {
        line: 1 + memchr::memchr_iter(b'\n', &bytes[..error.valid_up_to()]).count(),
    })?;
    match kind {
        FileKind::Csv => csv(text),
        FileKind::Json => json(text),
        FileKind::Markdown => Ok(markdown(text)),
    }
}

/// Prints a number: whole ones without decimals, others with one decimal from
/// 100 on, two from 1 on, four below. Halves round to even.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if size < 1e15 && value.fract() == 0.0 {
        format!("{value:.0}")
    } else if size >= 100.0 {
        format!("{value:.1}")
    } else if size >= 1.0 {
        format!("{value:.2}")
    } else {
        format!("{value:.4}")
    }
}

/// Cuts `text` to at most `max` bytes, at a character's edge.
pub fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// The numbers under one name.
#[derive(Debug)]
struct Series {
    name: String,
    /// Whether every value so far was a number.
    numeric: bool,
    /// Whether some value had a fraction.
    fractional: bool,
    n: u64,
    sum: f64,
    min: f64,
    max: f64,
}

impl Series {
    fn new(name: &str) -> Self {
        Self {
            name: cut(name, NAME_BYTES_MAX).to_owned(),
            numeric: true,
            fractional: false,
            n: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    fn push(&mut self, value: f64) {
        self.n += 1;
        self.fractional |= value.fract() != 0.0;
        self.sum += value;
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    fn has_number(&self) -> bool {
        self.numeric && self.n > 0 && self.sum.is_finite()
    }

    /// Returns 0 for measurements (fractions that vary), which say most, 1 for
    /// other numbers, such as counters and settings, and 2 for the rest.
    fn rank(&self) -> u8 {
        match self.has_number() {
            true if self.fractional && self.min < self.max => 0,
            true => 1,
            false => 2,
        }
    }

    /// `ttft_ms mean 12.30 (10 to 15)`; `version 3` if no other value occurs;
    /// or the bare name.
    fn describe(&self) -> String {
        let name = &self.name;
        if !self.has_number() {
            name.clone()
        } else if self.min < self.max {
            let mean = number(self.sum / self.n as f64);
            format!("{name} mean {mean} ({} to {})", number(self.min), number(self.max))
        } else {
            format!("{name} {}", number(self.min))
        }
    }
}

/// Describes series by their rank; those of one rank stay in their order.
fn describe(series: &[Series]) -> Vec<String> {
    let mut ranked: Vec<&Series> = series.iter().collect();
    ranked.sort_by_key(|series| series.rank());
    ranked.into_iter().map(Series::describe).collect()
}

/// Reads a number as the agents understand it: an optional minus, digits, an
/// optional fraction, an optional exponent; spaces around it do not count.
fn parse_number(text: &str) -> Option<f64> {
    let text = text.trim_matches([' ', '\t']);
    let plausible = text.strip_prefix('-').unwrap_or(text);
    let starts = plausible.starts_with(|c: char| c.is_ascii_digit());
    let ends = plausible.ends_with(|c: char| c.is_ascii_digit());
    let point_in_place = plausible
        .find('.')
        .is_none_or(|at| plausible[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    // What starts and ends with a digit can be neither `inf` nor `nan` nor hex.
    if !(starts && ends && point_in_place) {
        return None;
    }
    text.parse().ok().filter(|value: &f64| value.is_finite())
}

fn csv(text: &str) -> Result<Outline, OutlineError> {
    let mut reader = csv::ReaderBuilder::new().from_reader(text.as_bytes());
    let headers = reader.headers().map_err(|error| csv_error(&error, text))?.clone();
    if headers.iter().all(|name| name.trim().is_empty()) {
        return Err(OutlineError::NoHeader);
    }
    let mut columns: Vec<Series> =
        headers.iter().take(SERIES_MAX).map(|name| Series::new(name.trim())).collect();
    let mut n_rows = 0_u64;
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| csv_error(&error, text))? {
        n_rows += 1;
        for (column, field) in columns.iter_mut().zip(&record) {
            match parse_number(field) {
                Some(value) => column.push(value),
                None if field.trim().is_empty() => {}
                None => column.numeric = false,
            }
        }
    }
    Ok(Outline { extent: counted(n_rows, "row"), details: describe(&columns) })
}

fn csv_error(error: &csv::Error, text: &str) -> OutlineError {
    match error.kind() {
        csv::ErrorKind::UnequalLengths { pos, expected_len, len } => OutlineError::RowLength {
            line: pos.as_ref().map_or(0, |pos| line_of_row(text, pos.byte())),
            found: *len,
            expected: *expected_len,
        },
        _ => OutlineError::Csv(error.to_string()),
    }
}

/// Returns the line, from 1, of the row that begins at `byte` or after line ends there:
/// the parser leaves the line feed of a CR LF, and empty lines, to the row that follows.
fn line_of_row(text: &str, byte: u64) -> u64 {
    let bytes = text.as_bytes();
    let mut start = usize::try_from(byte).unwrap_or(bytes.len()).min(bytes.len());
    while bytes.get(start).is_some_and(|byte| matches!(byte, b'\r' | b'\n')) {
        start += 1;
    }
    let ends_line = |at: &usize| match bytes[*at] {
        b'\n' => true,
        b'\r' => bytes.get(at + 1) != Some(&b'\n'),
        _ => false,
    };
    1 + (0..start).filter(ends_line).count() as u64
}

fn counted(n: u64, noun: &str) -> String {
    if n == 1 { format!("1 {noun}") } else { format!("{n} {noun}s") }
}

fn json(text: &str) -> Result<Outline, OutlineError> {
    let wrong = |error: &serde_json::Error| OutlineError::Json {
        line: error.line(),
        column: error.column(),
        // The parser's text ends with the place, which is already said.
        what: error.to_string().split(" at line ").next().unwrap_or_default().to_owned(),
    };
    let mut walk = Walk { series: Vec::new(), path: String::new() };
    let mut parser = serde_json::Deserializer::from_str(text);
    let extent = Node(&mut walk).deserialize(&mut parser).map_err(|error| wrong(&error))?;
    parser.end().map_err(|error| wrong(&error))?;
    Ok(Outline { extent, details: describe(&walk.series) })
}

/// The state of a walk through a JSON document.
struct Walk {
    series: Vec<Series>,
    /// Dotted path of the value being read, `results[].ttft_ms`.
    path: String,
}

impl Walk {
    fn record(&mut self, value: Option<f64>) {
        if self.path.is_empty() {
            return;
        }
        let name = cut(&self.path, NAME_BYTES_MAX);
        let position = self.series.iter().position(|series| series.name == name);
        let series = match position {
            Some(at) => &mut self.series[at],
            None if self.series.len() < SERIES_MAX => {
                self.series.push(Series::new(name));
                self.series.last_mut().expect("just pushed")
            }
            None => return,
        };
        match value {
            Some(value) => series.push(value),
            None => series.numeric = false,
        }
    }
}

/// Reads one JSON value and returns what it is, in words.
struct Node<'a>(&'a mut Walk);

impl<'de> DeserializeSeed<'de> for Node<'_> {
    type Value = String;

    fn deserialize<D: serde::Deserializer<'de>>(self, parser: D) -> Result<String, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Node<'_> {
    type Value = String;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<String, E> {
        self.0.record(None);
        Ok("one value".to_owned())
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<String, E> {
        self.visit_f64(value as f64)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<String, E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<String, E> {
        self.0.record(Some(value));
        Ok("one value".to_owned())
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<String, E> {
        self.0.record(None);
        Ok("one value".to_owned())
    }

    fn visit_unit<E: de::Error>(self) -> Result<String, E> {
        self.0.record(None);
        Ok("one value".to_owned())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<String, A::Error> {
        let walk = self.0;
        let length = walk.path.len();
        walk.path.push_str("[]");
        let mut n = 0;
        while items.next_element_seed(Node(walk))?.is_some() {
            n += 1;
        }
        walk.path.truncate(length);
        Ok(counted(n, "item"))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<String, A::Error> {
        let walk = self.0;
        let length = walk.path.len();
        let mut n = 0;
        while let Some(key) = entries.next_key::<String>()? {
            n += 1;
            if length > 0 {
                walk.path.push('.');
            }
            walk.path.push_str(&key);
            entries.next_value_seed(Node(walk))?;
            walk.path.truncate(length);
        }
        Ok(counted(n, "key"))
    }
}

/// Takes the headings: lines of one to six `#` and a space, outside of fences.
fn markdown(text: &str) -> Outline {
    let mut fenced = false;
    let mut headings = Vec::new();
    let mut n = 0;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
            continue;
        }
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        if fenced || !(1..=6).contains(&level) {
            continue;
        }
        if let Some(title) = line[level..].strip_prefix(' ') {
            n += 1;
            if headings.len() < SERIES_MAX {
                headings.push(cut(title.trim(), NAME_BYTES_MAX).to_owned());
            }
        }
    }
    Outline { extent: counted(n, "heading"), details: headings }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: FileKind, text: &str, extent: &str, details: &[&str]) {
        let outline = outline(kind, text.as_bytes()).unwrap();
        assert_eq!(outline.extent, extent, "{text}");
        assert_eq!(outline.details, details, "{text}");
    }

    #[test]
    fn columns_of_numbers_are_summed_up_and_others_named() {
        check(
            FileKind::Csv,
            "\u{feff}run,model,ttft_ms,note\n1,a,12.5,\n2,b,13.5,\n\n3,c, 14 ,\n",
            "3 rows",
            &["ttft_ms mean 13.33 (12.50 to 14)", "run mean 2 (1 to 3)", "model", "note"],
        );
    }

    #[test]
    fn numbers_are_those_of_the_grammar() {
        for (text, value) in [
            ("12", Some(12.0)),
            ("-0.5", Some(-0.5)),
            ("1e3", Some(1000.0)),
            ("2.5E-2", Some(0.025)),
            (" 7\t", Some(7.0)),
        ] {
            assert_eq!(parse_number(text), value, "{text}");
        }
        for text in [
            "", "-", "inf", "nan", "+1", ".5", "5.", "1.e5", "1_000", "1,5", "0x10", "1e999",
            "--1", "1 2",
        ] {
            assert_eq!(parse_number(text), None, "{text}");
        }
    }

    #[test]
    fn leaves_of_json_are_named_by_their_path() {
        check(
            FileKind::Json,
            r#"{"model":"m","runs":[{"t":1,"ok":true},{"t":4.5,"ok":false}],"env":{"cpus":2},"p":[1,2]}"#,
            "4 keys",
            &[
                "runs[].t mean 2.75 (1 to 4.50)",
                "env.cpus 2",
                "p[] mean 1.50 (1 to 2)",
                "model",
                "runs[].ok",
            ],
        );
        check(FileKind::Json, "[]", "0 items", &[]);
        check(FileKind::Json, "3", "one value", &[]);
    }

    #[test]
    fn headings_are_those_outside_fences() {
        check(
            FileKind::Markdown,
            "# Report\ntext\n```sh\n# not a heading\n```\n## Results \n####### seven\n#tag\n",
            "2 headings",
            &["Report", "Results"],
        );
    }

    #[test]
    fn malformed_files_are_refused_with_their_line() {
        let reason = |kind, bytes: &[u8]| outline(kind, bytes).unwrap_err().to_string();
        assert_eq!(
            reason(FileKind::Csv, b"a,b\n1,2\n1,2,3\n"),
            "line 3: 3 fields where the header has 2"
        );
        for (text, line) in [
            ("a,b\r\n1,2\r\n3\r\n", 3),
            ("a,b\n\n\n3\n", 4),
            ("a,b\n\"1\n2\",3\n4\n", 4),
            ("a,b\r1,2\r3\r", 3),
        ] {
            let expected = format!("line {line}: 1 fields where the header has 2");
            assert_eq!(reason(FileKind::Csv, text.as_bytes()), expected, "{text:?}");
        }
        assert_eq!(reason(FileKind::Csv, b""), OutlineError::NoHeader.to_string());
        assert_eq!(
            reason(FileKind::Json, b"{\n\"a\": 1,\n}"),
            "line 3, column 1: malformed JSON: trailing comma"
        );
        assert!(reason(FileKind::Json, b"{} {}").contains("trailing characters"));
        assert!(reason(FileKind::Json, &b"[".repeat(100_000)).contains("recursion limit"));
        assert_eq!(
            reason(FileKind::Markdown, b"a\nb\n\xff\n"),
            "line 3: not UTF-8 text; save the file as UTF-8"
        );
    }

    #[test]
    fn names_without_end_are_cut_and_counted_out() {
        let wide = "column,".repeat(200);
        let outline = outline(FileKind::Csv, format!("{wide}\n").as_bytes()).unwrap();
        assert_eq!(outline.details.len(), SERIES_MAX);
        assert_eq!(cut(&"é".repeat(80), 61).len(), 60);
    }

    #[test]
    fn numbers_are_printed_by_their_size() {
        for (value, text) in [
            (0.0, "0"),
            (12.0, "12"),
            (-3.0, "-3"),
            (0.12345, "0.1235"),
            (2.125, "2.12"),
            (123.45, "123.5"),
            (99.999, "100.00"),
            (1e15, "1000000000000000.0"),
        ] {
            assert_eq!(number(value), text, "{value}");
        }
    }
}
