//! The audit on reports that it was not written for.
//!
//! Owns: how much is found in the documents of `corpus/`, which `make_corpus.py`
//! writes together with the list of errors that it planted in them, and that
//! nothing is found where nothing was planted.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tachograph_audit::{Audit, Finding, Markup, Place, Source, audit};

/// Findings that follow from a planted error in another line: the printed shares
/// do not add up to the printed total.
const CONSEQUENCES: [(&str, usize); 1] = [("r16.md", 48)];

/// Planted errors that must be found, of those in single documents. Many of the
/// others need more than one sentence, or words that only a reader understands.
const FOUND_MIN: usize = 54;

#[derive(Deserialize)]
struct Planted {
    line: usize,
    lines: Vec<usize>,
    printed: String,
    why: String,
    other_doc: Option<String>,
}

impl Planted {
    /// Returns whether a line is one of the error's; text may be wrapped.
    fn is_at(&self, line: usize) -> bool {
        self.lines.iter().chain([&self.line]).any(|own| own.abs_diff(line) <= 1)
    }

    /// Returns whether a finding is about the error.
    fn is(&self, finding: &Finding) -> bool {
        let names = |place: &Place| {
            let text = place.text.trim_start_matches(['±', ' ']);
            self.is_at(place.line) && (self.printed.contains(text) || text.contains(&self.printed))
        };
        self.is_at(finding.place.line)
            && (names(&finding.place) || finding.related.iter().any(names) || self.is_words())
    }

    /// Returns whether what is wrong is a word, and no number.
    fn is_words(&self) -> bool {
        !self.printed.starts_with(|c: char| c.is_ascii_digit() || "+-$[".contains(c))
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

fn planted() -> BTreeMap<String, Vec<Planted>> {
    serde_json::from_slice(&fs::read(folder().join("labels.json")).unwrap()).unwrap()
}

fn markup(name: &str) -> Markup {
    let is_html = Path::new(name).extension().is_some_and(|extension| extension == "html");
    if is_html { Markup::Html } else { Markup::Markdown }
}

fn audited(names: &[&str]) -> Audit {
    let read = |name: &&str| fs::read(folder().join(name)).unwrap();
    let files: Vec<Vec<u8>> = names.iter().map(read).collect();
    let sources: Vec<Source<'_>> = names
        .iter()
        .zip(&files)
        .map(|(&name, bytes)| Source { name, bytes, markup: markup(name), claims: None })
        .collect();
    audit(&sources, None).unwrap()
}

#[test]
fn planted_errors_are_found_and_nothing_else() {
    let (mut n, mut missed, mut false_findings) = (0, Vec::new(), Vec::new());
    for (name, planted) in &planted() {
        let audit = audited(&[name]);
        let own: Vec<&Planted> = planted.iter().filter(|it| it.other_doc.is_none()).collect();
        for error in &own {
            n += 1;
            if !audit.findings.iter().any(|finding| error.is(finding)) {
                missed.push(format!("{name}:{} {} ({})", error.line, error.printed, error.why));
            }
        }
        for finding in &audit.findings {
            let line = finding.place.line;
            let is_planted =
                own.iter().any(|error| error.is_at(line)) || CONSEQUENCES.contains(&(name, line));
            if !is_planted {
                false_findings.push(format!("{name}:{line} {}", finding.message));
            }
        }
    }
    assert!(false_findings.is_empty(), "{false_findings:#?}");
    assert!(
        n - missed.len() >= FOUND_MIN,
        "{} of {n} are found; missed: {missed:#?}",
        n - missed.len()
    );
}

/// Documents that contradict each other, each without an error of its own.
#[test]
fn documents_are_held_against_each_other() {
    for (names, expected) in [(["r19.md", "r20.md"], "27.2 ms"), (["r09.md", "r22.html"], "23 MB")]
    {
        let audit = audited(&names);
        let texts: Vec<&str> = audit.findings.iter().map(|it| &*it.place.text).collect();
        assert_eq!(texts, [expected]);
        assert_eq!(audit.findings[0].place.document, names[1]);
        assert_eq!(audit.findings[0].related[0].document, names[0]);
    }
}
