//! What a study is held against, as files of the study itself.
//!
//! Owns: their names, how they are made, and how they are read back.
//!
//! Does not: judge.
//!
//! ```text
//! reports/validation/against/
//!   01-claims.toml       a list of claims, byte by byte
//!   02-baseline.json     what comparing needs of an earlier study (a baseline file)
//!   02-claims.json       what its report states, byte by byte its claims.json
//! ```

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tachograph_model::claimed::ClaimsList;
use tachograph_model::digest::Digest;
use tachograph_stats::Interval;

use super::ValidationError;
use crate::claim::{Claim, Number, Source};
use crate::contrast::{Extract, evidence_digest};
use crate::formula::Formula;
use crate::render::Rendered;
use crate::render::claims::{CLAIMS_SCHEMA, format_named};
use crate::validity::Status;

/// Where the files lie in a study.
const FOLDER: &str = "reports/validation/against/";
const LIST: &str = "claims.toml";
const BASELINE: &str = "baseline.json";
const CLAIMS: &str = "claims.json";

/// The files that a study is held against, while they are collected.
#[derive(Debug, Clone, Default)]
pub struct AgainstFiles {
    files: BTreeMap<String, Vec<u8>>,
    n: usize,
}

impl AgainstFiles {
    /// Adds a list of claims; returns its path relative to the study.
    pub fn add_claims(&mut self, bytes: &[u8]) -> String {
        self.n += 1;
        self.add(LIST, bytes.to_vec())
    }

    /// Adds an earlier study: what comparing needs of it, and its report. Returns the
    /// path of the former relative to the study.
    pub fn add_study(&mut self, extract: &Extract, rendered: &Rendered) -> String {
        self.n += 1;
        self.add(CLAIMS, rendered.claims_json.clone().into_bytes());
        self.add(BASELINE, extract.to_baseline())
    }

    /// Returns the files, by path relative to the study.
    pub fn into_files(self) -> BTreeMap<String, Vec<u8>> {
        self.files
    }

    fn add(&mut self, name: &str, bytes: Vec<u8>) -> String {
        let path = format!("{FOLDER}{:02}-{name}", self.n);
        self.files.insert(path.clone(), bytes);
        path
    }
}

/// What a study is held against.
#[derive(Debug, Clone)]
pub struct Against {
    files: BTreeMap<String, Vec<u8>>,
    held: Vec<Held>,
}

#[derive(Debug, Clone)]
pub(super) enum Held {
    Claims(Listed),
    Study(Box<Earlier>),
}

/// A list of claims.
#[derive(Debug, Clone)]
pub(super) struct Listed {
    /// `01`.
    pub(super) number: String,
    pub(super) path: String,
    pub(super) sha256: Digest,
    pub(super) list: ClaimsList,
}

/// An earlier study, as far as it was kept.
#[derive(Debug, Clone)]
pub(super) struct Earlier {
    /// `02`.
    pub(super) number: String,
    pub(super) path: String,
    pub(super) claims_path: String,
    pub(super) claims_sha256: Digest,
    pub(super) extract: Extract,
    /// The kind of its report.
    pub(super) kind: String,
    /// What the report states, by name.
    pub(super) claims: BTreeMap<String, Claim>,
}

impl Against {
    /// Reads the files of a study's `reports/validation/against/`, by path relative to
    /// the study.
    ///
    /// # Errors
    ///
    /// [`ValidationError`] for the first file that is not what its name says, or is
    /// none that a validation report has.
    pub fn read(files: BTreeMap<String, Vec<u8>>) -> Result<Self, ValidationError> {
        let mut held = Vec::new();
        for (path, bytes) in &files {
            let name = path.strip_prefix(FOLDER).and_then(|name| name.split_once('-'));
            match name {
                Some((number, LIST)) => held.push(Held::Claims(Listed::read(number, path, bytes)?)),
                Some((number, BASELINE)) => {
                    let claims_path = format!("{FOLDER}{number}-{CLAIMS}");
                    let claims = files.get(&claims_path).ok_or_else(|| {
                        ValidationError::of(&claims_path, "it is missing beside its baseline file")
                    })?;
                    let earlier = Earlier::read((number, path), bytes, (&claims_path, claims))?;
                    held.push(Held::Study(Box::new(earlier)));
                }
                Some((number, CLAIMS))
                    if files.contains_key(&format!("{FOLDER}{number}-{BASELINE}")) => {}
                _ => {
                    return Err(ValidationError::of(
                        path,
                        "a validation report is made from no such file",
                    ));
                }
            }
        }
        if held.is_empty() {
            return Err(ValidationError::of(FOLDER, "there is nothing to hold the study against"));
        }
        Ok(Self { files, held })
    }

    /// Returns what recomputing the report cannot tell, a sentence each.
    pub fn not_checked(&self) -> Vec<String> {
        let sentences = self.held.iter().map(|held| match held {
            Held::Claims(listed) => format!(
                "whether {} quotes its document rightly, and whether the claims that it names state \
                 the same quantities",
                listed.path
            ),
            Held::Study(earlier) => format!(
                "the evidence of the earlier study {} (plan {}): {} and its claims are copies; \
                 `tacho verify` checks that study itself",
                earlier.extract.study.name,
                earlier.extract.study.plan_sha256.short(),
                earlier.path
            ),
        });
        sentences.collect()
    }

    pub(super) fn files(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.files
    }

    pub(super) fn held(&self) -> &[Held] {
        &self.held
    }
}

impl Listed {
    fn read(number: &str, path: &str, bytes: &[u8]) -> Result<Self, ValidationError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|error| ValidationError::of(path, format!("it is not UTF-8: {error}")))?;
        let list = ClaimsList::parse(text).map_err(|error| ValidationError {
            span: Some(error.span.clone()),
            ..ValidationError::of(path, error.to_string())
        })?;
        Ok(Self {
            number: number.to_owned(),
            path: path.to_owned(),
            sha256: Digest::of(bytes),
            list,
        })
    }
}

/// What is needed of a report's `claims.json`.
#[derive(Debug, Deserialize)]
struct ClaimsFile {
    schema: String,
    kind: String,
    plan_sha256: Digest,
    runs: Vec<WrittenRun>,
    claims: Vec<WrittenClaim>,
}

#[derive(Debug, Deserialize)]
struct WrittenRun {
    run: String,
    events_sha256: Digest,
}

#[derive(Debug, Deserialize)]
struct WrittenClaim {
    id: String,
    value: Value,
    unit: String,
    format: String,
    validity: Status,
    n: Option<u64>,
    interval: Option<WrittenInterval>,
}

#[derive(Debug, Deserialize)]
struct WrittenInterval {
    low: f64,
    high: f64,
    confidence: f64,
}

impl Earlier {
    fn read(
        (number, path): (&str, &str),
        baseline: &[u8],
        (claims_path, claims): (&str, &[u8]),
    ) -> Result<Self, ValidationError> {
        let extract = Extract::from_baseline(baseline).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
            ValidationError::of(path, format!("{error}{cause}"))
        })?;
        let refused = |message: String| ValidationError::of(claims_path, message);
        let file: ClaimsFile = serde_json::from_slice(claims)
            .map_err(|error| refused(format!("it is not the claims of a report: {error}")))?;
        if file.schema != CLAIMS_SCHEMA {
            return Err(refused(format!("its schema is {:?}, not {CLAIMS_SCHEMA}", file.schema)));
        }
        let runs = file.runs.into_iter().map(|run| (run.run, run.events_sha256));
        let study = &extract.study;
        if file.plan_sha256 != study.plan_sha256 || evidence_digest(runs) != study.evidence_sha256 {
            let message = format!("it states claims about another study than {path} is from");
            return Err(refused(message));
        }
        let read = file.claims.into_iter().map(|claim| read_claim(claim, claims_path));
        let claims_read: Option<BTreeMap<String, Claim>> = read.collect();
        let claims_read = claims_read.ok_or_else(|| {
            refused("a claim of it has a value or a format that this program does not read".into())
        })?;
        Ok(Self {
            number: number.to_owned(),
            path: path.to_owned(),
            claims_path: claims_path.to_owned(),
            claims_sha256: Digest::of(claims),
            extract,
            kind: file.kind,
            claims: claims_read,
        })
    }
}

fn read_claim(claim: WrittenClaim, path: &str) -> Option<(String, Claim)> {
    let value = match &claim.value {
        Value::String(text) => Number::Count(text.parse().ok()?),
        Value::Number(number) => match number.as_u64() {
            Some(count) => Number::Count(count),
            None => Number::Real(number.as_f64()?),
        },
        // A value that is no number, such as one beyond all bounds, is null in JSON.
        Value::Null => Number::Real(f64::NAN),
        _ => return None,
    };
    let read = Claim {
        id: claim.id.clone(),
        value,
        unit: claim.unit,
        format: format_named(&claim.format)?,
        formula: Formula::Earlier,
        n: claim.n,
        interval: claim.interval.map(|it| Interval {
            low: it.low,
            high: it.high,
            confidence: it.confidence,
        }),
        validity: claim.validity,
        source: Source::Against(path.to_owned(), Some(claim.id.clone())),
    };
    Some((claim.id, read))
}
