//! Whatever the text, the audit ends and does not fail.

use proptest::prelude::*;
use tachograph_audit::{Markup, Source, audit, html, sarif, text};

/// Pieces that reports are made of, and pieces that are hard to cut.
const PIECES: [&str; 64] = [
    "12",
    "3.4",
    "1,234",
    "0",
    "99.9",
    "2025-11-14",
    "1e9",
    "1e-3",
    "007",
    " ",
    "\u{a0}",
    "\u{202f}",
    "\n",
    "\n\n",
    "- ",
    "# ",
    "| ",
    " |\n",
    "|---|---|\n",
    "%",
    " %",
    "ms",
    " ms",
    "tok/s",
    "x",
    "×",
    "±",
    "−",
    "–",
    "-",
    "+",
    "=",
    "/",
    "(",
    ")",
    "[",
    "]",
    ", ",
    ". ",
    ": ",
    "; ",
    "vs",
    " from ",
    " to ",
    "faster",
    " less ",
    "best ",
    "mean ",
    "p99 ",
    "n = ",
    "p < ",
    "CI ",
    "total",
    "of ",
    "ü",
    "漢",
    "🦀",
    "`",
    "**",
    "<b>",
    "</td>",
    "<table><tr><td>",
    "&amp;",
    "\r\n",
];

fn pieces() -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)
        .prop_map(|pieces| pieces.concat())
}

fn check(content: &str) {
    for markup in [Markup::Markdown, Markup::Html] {
        let source = Source { name: "t", bytes: content.as_bytes(), markup, claims: None };
        let found = audit(&[source, source], None).expect("text is text");
        assert!(!text(&found).is_empty() && !html(&found, &[source]).is_empty());
        assert!(sarif(&found, "0").is_object());
        for finding in &found.findings {
            let place = &finding.place;
            assert!(place.start <= place.end && place.end <= content.len(), "{place:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn pieces_of_reports_in_any_order(content in pieces()) {
        check(&content);
    }

    #[test]
    fn any_text(content in any::<String>()) {
        check(&content);
    }
}
