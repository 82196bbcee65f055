//! What is said of a study.
//!
//! Owns: the in-toto statement (version 1) about a study, its predicate and their
//! JSON. `docs/attestation.md` describes every field.
//!
//! Does not: compute digests, read a clock, or say whether any of it is true.
//!
//! # Source
//!
//! The in-toto Attestation Framework, *Statement layer specification*, version 1.
//! As it asks, fields that it may get later are ignored in the statement and in
//! subjects. In our predicate an unknown field is an error: a predicate with other
//! fields has another type.

use std::fmt;
use std::ops::Range;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use tachograph_model::digest::Digest;

/// The type of a statement that can be read.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// The type of our predicate, with its version.
pub const PREDICATE_TYPE: &str = "https://tachograph.dev/attestation/study/v1";

/// The form of an instant up to its fraction of a second; `0` is any digit.
const FORM: &[u8] = b"0000-00-00T00:00:00";

/// A statement about a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    #[serde(rename = "_type")]
    schema: StatementType,
    /// The files that are spoken of.
    pub subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: PredicateType,
    /// What is said of them.
    pub predicate: StudyPredicate,
}

/// A file that is spoken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Subject {
    /// Its path relative to the study, with `/`.
    pub name: String,
    /// What identifies its bytes.
    pub digest: SubjectDigest,
}

/// What identifies the bytes of a subject. Other programs may add digests by other
/// algorithms; they are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectDigest {
    /// The SHA-256.
    pub sha256: Digest,
}

/// What is said of a study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyPredicate {
    /// Which study.
    pub study: StudyDigests,
    /// The number of its sealed runs.
    pub n_runs: u32,
    /// Its published reports.
    pub reports: Vec<ReportDigests>,
    /// The version of the program that attests.
    pub harness_version: String,
    /// When the signer says that it was signed.
    pub attested_at: Timestamp,
}

/// What identifies a study.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyDigests {
    /// The root of the Merkle tree over its files, as in `manifest.json`.
    pub merkle_root: Digest,
    /// The digest of the last line of its journal.
    pub journal_head: Digest,
    /// The digest of `plan.lock.json`, which identifies the plan.
    pub plan_sha256: Digest,
}

/// What identifies a published report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReportDigests {
    /// The kind of report: `single-agent`.
    pub kind: String,
    /// The digest of `report.md`.
    pub report_sha256: Digest,
    /// The digest of `claims.json`.
    pub claims_sha256: Digest,
}

/// An instant in UTC as RFC 3339 writes it: `2026-11-24T03:31:44.120Z`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct Timestamp(String);

/// Why a text is not an instant.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an instant in UTC (RFC 3339) such as 2026-11-24T03:31:44Z, found {found:?}")]
pub struct TimestampError {
    /// The text.
    pub found: String,
}

/// Why bytes are not a statement about a study.
#[derive(Debug, thiserror::Error)]
pub enum StatementError {
    /// The bytes are not JSON, or lack what a statement has.
    #[error("not a statement about a study (line {line}, column {column})")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 if only the line is known.
        column: usize,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// The statement is of another type.
    #[error("the statement's type is {found:?}, which is not {STATEMENT_TYPE}")]
    StatementType {
        /// Its type.
        found: String,
    },
    /// The predicate is of another type.
    #[error(
        "the predicate's type is {found:?}, which is not {PREDICATE_TYPE}; \
         it says something else, or comes from another version of Tachograph"
    )]
    PredicateType {
        /// Its type.
        found: String,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum StatementType {
    #[serde(rename = "https://in-toto.io/Statement/v1")]
    V1,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum PredicateType {
    #[serde(rename = "https://tachograph.dev/attestation/study/v1")]
    StudyV1,
}

/// The types of any statement, whatever it says.
#[derive(Deserialize)]
struct Types {
    #[serde(rename = "_type")]
    statement: String,
    #[serde(rename = "predicateType")]
    predicate: String,
}

impl Statement {
    /// Returns the statement that says `predicate` of the files in `subject`.
    pub fn new(subject: Vec<Subject>, predicate: StudyPredicate) -> Self {
        Self {
            schema: StatementType::V1,
            subject,
            predicate_type: PredicateType::StudyV1,
            predicate,
        }
    }

    /// Reads a statement.
    ///
    /// # Errors
    ///
    /// [`StatementError::StatementType`] and [`StatementError::PredicateType`] if it
    /// is a statement of another type; [`StatementError::Json`] if it is none.
    pub fn from_json(bytes: &[u8]) -> Result<Self, StatementError> {
        let types: Types = serde_json::from_slice(bytes)?;
        if types.statement != STATEMENT_TYPE {
            return Err(StatementError::StatementType { found: types.statement });
        }
        if types.predicate != PREDICATE_TYPE {
            return Err(StatementError::PredicateType { found: types.predicate });
        }
        Ok(serde_json::from_slice(bytes)?)
    }

    /// Returns the statement as JSON on one line, without a newline. The same
    /// statement always has the same bytes.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).expect("a statement has text keys only")
    }
}

impl From<serde_json::Error> for StatementError {
    fn from(source: serde_json::Error) -> Self {
        Self::Json { line: source.line(), column: source.column(), source }
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimestampError;

    fn try_from(text: String) -> Result<Self, TimestampError> {
        if is_instant(text.as_bytes()) {
            Ok(Self(text))
        } else {
            Err(TimestampError { found: text })
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Returns whether a text is an instant by the grammar of RFC 3339, section 5.6,
/// with the offset `Z`.
fn is_instant(text: &[u8]) -> bool {
    let Some((whole, [fraction @ .., b'Z'])) = text.split_at_checked(FORM.len()) else {
        return false;
    };
    let fits = |(found, form): (&u8, &u8)| match form {
        b'0' => found.is_ascii_digit(),
        _ => found == form,
    };
    let fraction_is_good = match fraction {
        [] => true,
        [b'.', digits @ ..] => !digits.is_empty() && digits.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !whole.iter().zip(FORM).all(fits) || !fraction_is_good {
        return false;
    }
    let number = |at: Range<usize>| whole[at].iter().fold(0, |n, c| n * 10 + u32::from(c - b'0'));
    // The second 60 is a leap second.
    (1..=n_days(number(0..4), number(5..7))).contains(&number(8..10))
        && number(11..13) < 24
        && number(14..16) < 60
        && number(17..19) <= 60
}

/// Returns the number of days of a month; 0 if there is no such month.
fn n_days(year: u32, month: u32) -> u32 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
pub(crate) mod tests;
