//! Every planted falsification is named.

#[path = "support/fake.rs"]
mod fake;

use std::collections::BTreeMap;

use fake::{Noise, Shape};
use serde_json::Value;
use tachograph_model::event::CallStatus;
use tachograph_model::run::Run;
use tachograph_report::{DifferenceKind, Rendered, analyse, compare, distil, render};

const REPORT: &str = "reports/single-agent/report.md";
const PAGE: &str = "reports/single-agent/report.html";
const CLAIMS: &str = "reports/single-agent/claims.json";

fn published() -> (Rendered, BTreeMap<String, Vec<u8>>) {
    let plan = fake::plan(
        3,
        "server_policy = \"unload\"",
        "[baseline]\naa = true\n[factors]\nnum_gpu = [40, 80]\n",
    );
    let mut shape = |run: &Run, noise: &mut Noise| {
        let failed = run.id.block == 2 && run.id.configuration.0 == "gpu40";
        Some(Shape {
            rate: 90.0 + f64::from(run.index) + noise.next(),
            report: if failed { CallStatus::Stalled } else { CallStatus::Completed },
            ..Shape::default()
        })
    };
    let (head, evidence) = fake::study(&plan, &mut shape);
    let facts: Vec<_> = evidence.iter().map(|run| distil(run, &plan)).collect();
    let rendered = render(&analyse(&head, &facts));
    let files = rendered.files();
    (rendered, files)
}

#[derive(serde::Deserialize)]
struct Printed {
    start: usize,
    end: usize,
    claim: String,
    text: String,
}

#[derive(serde::Deserialize)]
struct Sidecar {
    printed: Vec<Printed>,
}

fn printed(files: &BTreeMap<String, Vec<u8>>) -> Vec<Printed> {
    serde_json::from_slice::<Sidecar>(&files[CLAIMS]).expect("the sidecar is JSON").printed
}

#[test]
fn the_sidecar_points_at_the_bytes_that_it_names() {
    let (_, files) = published();
    let report = String::from_utf8(files[REPORT].clone()).unwrap();
    let claims: Value = serde_json::from_slice(&files[CLAIMS]).unwrap();
    let ids: Vec<&str> =
        claims["claims"].as_array().unwrap().iter().map(|c| c["id"].as_str().unwrap()).collect();
    let printed = printed(&files);
    assert!(printed.len() > 300, "{}", printed.len());
    for Printed { start, end, claim, text } in printed {
        assert_eq!(report[start..end], text);
        assert!(ids.contains(&claim.as_str()), "{claim}");
    }
}

/// Every digit of every printed number is changed in turn; each change must be
/// found at its line, and the claim named.
#[test]
fn every_changed_digit_is_caught_and_its_claim_named() {
    let (rendered, mut files) = published();
    let original = files[REPORT].clone();
    let mut n_mutants = 0;
    let mut n_caught = 0;
    for Printed { start, end, claim, text } in printed(&files) {
        for at in (start..end).filter(|&at| original[at].is_ascii_digit()) {
            let mut mutant = original.clone();
            mutant[at] = b'0' + (mutant[at] - b'0' + 1 + [0, 3, 7][at % 3]) % 10;
            n_mutants += 1;
            let line = String::from_utf8_lossy(&original[..at]).matches('\n').count() + 1;
            files.insert(REPORT.to_owned(), mutant);
            let found = compare(&rendered, &files).differences;
            n_caught += usize::from(
                found.len() == 1
                    && found[0].line == Some(line)
                    && found[0].claim.as_deref() == Some(&claim)
                    && found[0].expected == text
                    && found[0].kind == DifferenceKind::Number,
            );
        }
    }
    println!("caught and named {n_caught} of {n_mutants} changed digits");
    assert!(n_mutants > 1000, "{n_mutants}");
    assert_eq!(n_caught, n_mutants);
}

#[test]
fn signs_words_and_added_numbers_are_caught() {
    let (rendered, files) = published();
    let report = String::from_utf8(files[REPORT].clone()).unwrap();
    let check = |changed: String, kind: DifferenceKind| {
        assert!(changed != report, "the change was planted");
        let mut files = files.clone();
        files.insert(REPORT.to_owned(), changed.into_bytes());
        let found = compare(&rendered, &files).differences;
        assert!(found.iter().any(|each| each.kind == kind), "{found:?}");
        assert!(found.iter().all(|each| each.line.is_some() && each.file == REPORT));
    };
    check(report.replacen("[-", "[+", 1), DifferenceKind::Number);
    check(report.replacen("**better**", "**worse**", 1), DifferenceKind::Text);
    check(report.replacen("## Methodology", "## Method", 1), DifferenceKind::Text);
    check(
        report.replacen("Of the agent's own process", "Of 7 processes", 1),
        DifferenceKind::Uncovered,
    );
    check(format!("{report}\nAll p < 0.05.\n"), DifferenceKind::Uncovered);
    let second_line = report.find('\n').unwrap();
    check(report[second_line..].to_owned(), DifferenceKind::Text);
}

#[test]
fn other_files_are_compared_too() {
    let (rendered, files) = published();
    for path in files.keys().cloned().collect::<Vec<_>>() {
        let mut changed = files.clone();
        let bytes = changed.get_mut(&path).unwrap();
        let digits: Vec<usize> =
            (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
        for at in digits.iter().step_by(digits.len() / 5 + 1).copied() {
            let mut changed = files.clone();
            let bytes = changed.get_mut(&path).unwrap();
            bytes[at] = if bytes[at] == b'9' { b'0' } else { bytes[at] + 1 };
            let found = compare(&rendered, &changed).differences;
            assert!(!found.is_empty(), "{path}, byte {at}");
            assert!(found.iter().all(|each| each.file == path), "{path}: {found:?}");
        }
        changed.remove(&path);
        let found = compare(&rendered, &changed).differences;
        assert_eq!(found[0].kind, DifferenceKind::Missing);
        assert_eq!(found[0].file, path);
    }
}

#[test]
fn a_changed_claim_is_named_with_its_field() {
    let (rendered, mut files) = published();
    let claims = String::from_utf8(files[CLAIMS].clone()).unwrap();
    let parsed: Value = serde_json::from_str(&claims).unwrap();
    let claim = parsed["claims"]
        .as_array()
        .unwrap()
        .iter()
        .find(|claim| claim["id"] == "output_throughput/baseline_default/mean")
        .unwrap();
    let value = claim["value"].to_string();
    files.insert(CLAIMS.to_owned(), claims.replacen(&value, "1.5", 1).into_bytes());
    let found = compare(&rendered, &files).differences;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].kind, DifferenceKind::Claim);
    assert_eq!(found[0].expected, format!("value: {value}"));
    assert!(found[0].claim.is_some());
}

#[test]
fn files_that_do_not_belong_are_named_and_foreign_ones_skipped() {
    let (rendered, mut files) = published();
    files.insert("reports/single-agent/figures/extra.svg".to_owned(), Vec::new());
    files.insert("tables/calls.parquet".to_owned(), Vec::new());
    files.insert(PAGE.replace(".html", ".pdf"), Vec::new());
    let verification = compare(&rendered, &files);
    assert_eq!(verification.differences.len(), 1);
    assert_eq!(verification.differences[0].kind, DifferenceKind::Unexpected);
    assert_eq!(verification.skipped.len(), 2);
    assert!(!verification.is_clean());
}

#[test]
fn bytes_that_are_not_text_are_a_difference_and_no_panic() {
    let (rendered, mut files) = published();
    for path in [REPORT, PAGE, CLAIMS] {
        let whole = files.insert(path.to_owned(), vec![0xff, 0xfe, b'\n', b'3']).unwrap();
        assert!(!compare(&rendered, &files).is_clean(), "{path}");
        files.insert(path.to_owned(), whole);
    }
    assert!(compare(&rendered, &files).is_clean());
}
