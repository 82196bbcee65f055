//! Whether what was published follows from the evidence.
//!
//! Owns: [`verify`]: everything is computed and rendered again, compared with
//! the published bytes, and each difference named by file, line and claim.
//!
//! Does not: read the evidence (its digests and chain are the store's to
//! check), or judge whether the evidence is true; [`NOT_CHECKED`] says so.

mod lines;
mod looks;

pub use looks::{LookFault, check_looks};

use std::collections::BTreeMap;
use std::fmt;

use tachograph_model::study::StudyHead;

use crate::analysis::analyse;
use crate::facts::RunFacts;
use crate::render::{Mapped, Rendered, render};
use crate::report::Report;

/// What no recomputation can tell.
pub const NOT_CHECKED: [&str; 4] = [
    "whether the events are what really happened: nothing outside the study vouches for them",
    "whether what the server says of itself (tokens, durations, model) is true",
    "whether the machine was as idle as its own counters say",
    "whether the answers of the model are any good",
];

/// What verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// Published files that were compared.
    pub n_files: usize,
    /// Claims that were computed again.
    pub n_claims: usize,
    /// Printed numbers of `report.md` that were compared.
    pub n_printed: usize,
    /// Every difference, in the order of files and lines.
    pub differences: Vec<Difference>,
    /// Files that were handed in and that this room cannot compute again.
    pub skipped: Vec<String>,
}

/// One place where the published bytes do not follow from the evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The file, relative to the study.
    pub file: String,
    /// The line, from 1; absent where the whole file is meant.
    pub line: Option<usize>,
    /// The claim that the place prints or defines, if it does.
    pub claim: Option<String>,
    /// What kind of difference it is.
    pub kind: DifferenceKind,
    /// What follows from the evidence.
    pub expected: String,
    /// What is published.
    pub found: String,
}

/// What kind of difference it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DifferenceKind {
    /// The file is not there.
    Missing,
    /// The file does not follow from the study at all.
    Unexpected,
    /// A number is not the one that the claim prints.
    Number,
    /// A number stands where no claim covers it.
    Uncovered,
    /// Words, or the shape of the document, are different.
    Text,
    /// A claim in `claims.json` is different.
    Claim,
}

impl Verification {
    /// Adds what was found of another report of the study.
    pub fn add(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.n_claims += other.n_claims;
        self.n_printed += other.n_printed;
        self.differences.extend(other.differences);
        self.skipped.extend(other.skipped);
    }

    /// Returns whether everything that was compared follows from the evidence.
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        f.write_str(": ")?;
        if let Some(claim) = &self.claim {
            write!(f, "claim {claim}: ")?;
        }
        let Self { expected, found, .. } = self;
        match self.kind {
            DifferenceKind::Missing => f.write_str("the file is missing; run tacho report"),
            DifferenceKind::Unexpected => {
                f.write_str("the file does not follow from this study; remove it")
            }
            DifferenceKind::Number => {
                write!(f, "prints `{found}`, the evidence gives `{expected}`")
            }
            DifferenceKind::Uncovered => write!(f, "prints `{found}`, which no claim covers"),
            DifferenceKind::Text => {
                write!(f, "reads `{found}`, the evidence gives `{expected}`")
            }
            DifferenceKind::Claim => {
                write!(f, "states `{found}`, the evidence gives `{expected}`")
            }
        }
    }
}

/// Computes the report of a study again and compares it with what is published.
///
/// `published` maps paths relative to the study to bytes: the files of
/// `reports/<kind>/` and the `summary.md` of each configuration. A file that is
/// expected and absent, and one that is there and should not be, are differences.
pub fn verify(
    head: &StudyHead,
    facts: &[RunFacts],
    published: &BTreeMap<String, Vec<u8>>,
) -> Verification {
    compare(&render(&analyse(head, facts)), published)
}

/// Compares what a study gives with what is published; see [`verify`].
pub fn compare(rendered: &Rendered, published: &BTreeMap<String, Vec<u8>>) -> Verification {
    let folder = format!("reports/{}/", rendered.kind);
    let expected = rendered.texts();
    let (n_claims, n_printed) = rendered.n_claims();
    let mut verification = Verification {
        n_files: 0,
        n_claims,
        n_printed,
        differences: Vec::new(),
        skipped: Vec::new(),
    };
    for (path, text) in &expected {
        let Some(found) = published.get(path) else {
            verification.differences.push(Difference::of_file(path, DifferenceKind::Missing));
            continue;
        };
        verification.n_files += 1;
        if found == text.as_bytes() {
            continue;
        }
        let found = String::from_utf8_lossy(found);
        let differences = if path.ends_with("claims.json") {
            lines::of_claims(path, &rendered.claims_json, &found)
        } else {
            match mapped(rendered, &folder, path) {
                Some((report, mapped)) => lines::of_text(path, report, mapped, &found),
                None => lines::of_plain(path, text, &found),
            }
        };
        verification.differences.extend(differences);
    }
    let is_known =
        |path: &String| expected.contains_key(path) || rendered.inputs.contains_key(path);
    for path in published.keys().filter(|path| !is_known(path)) {
        let derivable = path.starts_with(&folder) && !path.to_ascii_lowercase().ends_with(".pdf");
        if derivable || path.ends_with("/summary.md") {
            verification.differences.push(Difference::of_file(path, DifferenceKind::Unexpected));
        } else {
            verification.skipped.push(path.clone());
        }
    }
    let own = uncovered(&rendered.markdown);
    verification.differences.extend(own.into_iter().map(|(line, number)| Difference {
        file: format!("{folder}report.md"),
        line: Some(line),
        claim: None,
        kind: DifferenceKind::Uncovered,
        expected: String::new(),
        found: number,
    }));
    verification
}

impl Difference {
    fn of_file(path: &str, kind: DifferenceKind) -> Self {
        let (file, empty) = (path.to_owned(), String::new());
        Self { file, line: None, claim: None, kind, expected: empty.clone(), found: empty }
    }
}

/// Returns the map of a file whose numbers have places.
fn mapped<'a>(
    rendered: &'a Rendered,
    folder: &str,
    path: &str,
) -> Option<(&'a Report, &'a Mapped)> {
    if let Some(name) = path.strip_prefix(folder) {
        return match name {
            "report.md" => Some((&rendered.report, &rendered.markdown)),
            "report.html" => Some((&rendered.report, &rendered.html)),
            _ => None,
        };
    }
    let configuration = path.strip_prefix("runs/")?.strip_suffix("/summary.md")?;
    rendered.summary_maps.get(configuration).map(|(report, mapped)| (report, mapped))
}

/// Returns line and text of each number that neither a claim nor an identifier
/// covers.
pub(crate) fn uncovered(mapped: &Mapped) -> Vec<(usize, String)> {
    let claims = mapped.printed.iter().map(|printed| (printed.start, printed.end));
    let mut covered: Vec<(usize, usize)> =
        claims.chain(mapped.identifiers.iter().copied()).collect();
    covered.sort_unstable();
    let bytes = mapped.text.as_bytes();
    let mut line = 1;
    let mut next = 0;
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut last_end = usize::MAX;
    for (at, byte) in bytes.iter().enumerate() {
        while covered.get(next).is_some_and(|(_, end)| *end <= at) {
            next += 1;
        }
        let is_covered = covered.get(next).is_some_and(|(start, _)| *start <= at);
        if byte.is_ascii_digit() && !is_covered {
            match found.last_mut() {
                Some((_, number)) if last_end == at => number.push(char::from(*byte)),
                _ => found.push((line, char::from(*byte).to_string())),
            }
            last_end = at + 1;
        }
        line += usize::from(*byte == b'\n');
    }
    found
}
