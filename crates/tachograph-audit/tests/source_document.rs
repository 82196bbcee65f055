//! The audit on the report wave that this project began with.
//!
//! Owns: what is found in that document, which is not part of the repository: where
//! it is absent, the test says so and checks nothing.

use std::fs;
use std::path::Path;

use tachograph_audit::{Markup, Source, audit};

/// Line, rule, severity, printed number and correction of everything that the
/// document's own numbers contradict.
const EXPECTED: [(usize, &str, &str, &str, &str); 18] = [
    (51, "range", "decision", "115.94 tok/s", ""),
    (53, "percent-change", "inconsistent", "147.6%", "147.4%"),
    (54, "ratio", "inconsistent", "150×", "164x"),
    (78, "percent-change", "inconsistent", "+15.2%", "+15.3%"),
    (81, "percent-change", "inconsistent", "67%", "70%"),
    (201, "runs-per-configuration", "decision", "5", "3"),
    (212, "range", "decision", "115.94 tok/s", ""),
    (214, "percent-change", "inconsistent", "147.6%", "147.4%"),
    (215, "ratio", "inconsistent", "150×", "164x"),
    (218, "interval-width", "inconsistent", "±1.2 tok/s", ""),
    (251, "percent-change", "inconsistent", "+15.2%", "+15.3%"),
    (253, "percent-change", "inconsistent", "-67%", "-70%"),
    (254, "percent-change", "note", "-83%", ""),
    (273, "direction", "decision", "150", ""),
    (314, "two-values", "inconsistent", "52%", ""),
    (325, "percent-change", "inconsistent", "0.3%", "0.5%"),
    (330, "percent-change", "inconsistent", "15.2%", "15.3%"),
    (425, "percent-change", "inconsistent", "+15.2%", "+15.3%"),
];

#[test]
fn its_contradictions_are_found_and_nothing_else() {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seed");
    let Ok(entries) = fs::read_dir(&seed) else {
        println!("skipped: the source document is not here");
        return;
    };
    let path = entries.map(|entry| entry.unwrap().path()).find(|path| path.is_file()).unwrap();
    let bytes = fs::read(path).unwrap();
    let source = Source { name: "wave.md", bytes: &bytes, markup: Markup::Markdown, claims: None };
    let found = audit(&[source], None).unwrap().findings;
    let found: Vec<(usize, &str, &str, &str, &str)> = found
        .iter()
        .map(|it| {
            let corrected = it.corrected.as_deref().unwrap_or_default();
            (it.place.line, it.rule.id(), it.severity.name(), &*it.place.text, corrected)
        })
        .collect();
    assert_eq!(found, EXPECTED);
}
