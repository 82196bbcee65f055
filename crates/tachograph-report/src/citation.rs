//! Which study a file beside it speaks of.
//!
//! Owns: [`cited`], which recognises what this program writes outside of studies: texts
//! whose numbers are bound to a study, baseline files and comparisons; and the digest
//! that identifies a study's evidence.
//!
//! Does not: check what such a file says; `tacho verify` and `tacho compare` do.

use serde::Deserialize;
use serde_json::Value;
use tachograph_model::digest::Digest;
use tachograph_model::study::StudyHead;

use crate::contrast::{BASELINE_SCHEMA, COMPARISON_SCHEMA, Extract, evidence_digest};
use crate::render::claims::CLAIMS_SCHEMA;
use crate::template::DOCUMENT;

/// A file that speaks of studies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citing {
    /// What it is.
    pub kind: CitingKind,
    /// The name of the text that it belongs to, if it is a sidecar.
    pub document: Option<String>,
    /// The studies that it speaks of.
    pub studies: Vec<Cited>,
}

/// A kind of file that speaks of studies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CitingKind {
    /// The sidecar of a text of `tacho render`.
    Document,
    /// A baseline file.
    Baseline,
    /// The JSON form of a comparison.
    Comparison,
}

impl CitingKind {
    /// Returns what it is, in a word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Document => "document",
            Self::Baseline => "baseline",
            Self::Comparison => "comparison",
        }
    }
}

/// A study as such a file names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Cited {
    /// The digest of its `plan.lock.json`.
    pub plan_sha256: Digest,
    /// The digest of its evidence, as [`evidence_of`] gives it; absent in sidecars of
    /// versions that did not write it.
    pub evidence_sha256: Option<Digest>,
}

impl Cited {
    /// Returns the study of a baseline file; `None` if it is none.
    pub fn of_baseline(bytes: &[u8]) -> Option<Self> {
        let study = Extract::from_baseline(bytes).ok()?.study;
        let (plan_sha256, evidence) = (study.plan_sha256, study.evidence_sha256);
        Some(Self { plan_sha256, evidence_sha256: Some(evidence) })
    }
}

/// Returns what a file is and which studies it speaks of; `None` if it is none of those
/// that this program writes outside of studies.
pub fn cited(bytes: &[u8]) -> Option<Citing> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let text = |name: &str| value.get(name).and_then(Value::as_str);
    let study = |value: &Value| Cited::deserialize(value).ok();
    match text("schema")? {
        CLAIMS_SCHEMA if text("kind") == Some(DOCUMENT) => Some(Citing {
            kind: CitingKind::Document,
            document: text("report").map(str::to_owned),
            studies: match value.get("studies").and_then(Value::as_object) {
                Some(several) => several.values().map(study).collect::<Option<_>>()?,
                None => vec![study(&value)?],
            },
        }),
        BASELINE_SCHEMA => Some(Citing {
            kind: CitingKind::Baseline,
            document: None,
            studies: vec![Cited::of_baseline(bytes)?],
        }),
        COMPARISON_SCHEMA => {
            let sides =
                ["reference", "candidate"].map(|side| study(value.get(side)?.get("study")?));
            let studies = sides.into_iter().collect::<Option<Vec<Cited>>>()?;
            Some(Citing { kind: CitingKind::Comparison, document: None, studies })
        }
        _ => None,
    }
}

/// Returns the digest of every sealed run's name and events, in the order of names: equal
/// for the same evidence, whatever was published from it.
pub fn evidence_of(head: &StudyHead) -> Digest {
    evidence_digest(head.sealed().map(|sealed| (sealed.run.to_string(), sealed.events_sha256)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_names_its_studies_cites() {
        let digest = Digest::of(b"x");
        let sidecar = format!(
            "{{\"schema\":\"{CLAIMS_SCHEMA}\",\"kind\":\"document\",\"report\":\"a.md\",\
             \"plan_sha256\":\"{digest}\"}}"
        );
        let citing = cited(sidecar.as_bytes()).unwrap();
        assert_eq!((citing.kind, citing.document.as_deref()), (CitingKind::Document, Some("a.md")));
        let expected = Cited { plan_sha256: digest, evidence_sha256: None };
        assert_eq!(citing.studies, [expected]);
        let comparison = format!(
            "{{\"schema\":\"{COMPARISON_SCHEMA}\",\"reference\":{{\"study\":{{\"plan_sha256\":\"{digest}\",\
             \"evidence_sha256\":\"{digest}\"}}}},\"candidate\":{{}}}}"
        );
        assert_eq!(cited(comparison.as_bytes()), None, "a side names no study");
        for other in [&b""[..], b"{}", b"[1]", b"{\"schema\":\"tachograph-baseline/1\"}"] {
            assert_eq!(cited(other), None);
        }
        // The claims of a study's own report belong to the study.
        let own = sidecar.replace("\"document\"", "\"single-agent\"");
        assert_eq!(cited(own.as_bytes()), None);
    }
}
