//! Single statements, right and wrong.
//!
//! Owns: for each rule, texts that it must find and texts that it must leave alone.

use tachograph_audit::{Document, Markup, Source, audit, mutate};

/// Returns rule, printed number and correction of each finding in a text.
fn found(text: &str) -> Vec<(String, String, Option<String>)> {
    let source =
        Source { name: "t.md", bytes: text.as_bytes(), markup: Markup::Markdown, claims: None };
    let audit = audit(&[source], None).expect("text is text");
    audit
        .findings
        .iter()
        .map(|it| (it.rule.id().to_owned(), it.place.text.clone(), it.corrected.clone()))
        .collect()
}

/// Checks that a text breaks one rule, at one number.
fn breaks(text: &str, rule: &str, printed: &str, corrected: Option<&str>) {
    let expected = [(rule.to_owned(), printed.to_owned(), corrected.map(str::to_owned))];
    assert_eq!(found(text), expected, "{text}");
}

fn holds(text: &str) {
    assert_eq!(found(text), [], "{text}");
}

#[test]
fn percentages_are_held_against_their_values() {
    holds("Rust is 15.3% faster (114.54 vs 99.34 tok/s).");
    breaks(
        "Rust is 15.2% faster (114.54 vs 99.34 tok/s).",
        "percent-change",
        "15.2%",
        Some("15.3%"),
    );
    holds("Latency fell from 120 ms to 80 ms (-33%), that is, 50% faster.");
    breaks("Latency fell from 120 ms to 80 ms (-40%).", "percent-change", "-40%", Some("-33%"));
    holds("It needs 70% less memory (75 MB vs 250 MB).");
    breaks("It needs 67% less memory (75 MB vs 250 MB).", "percent-change", "67%", Some("70%"));
    holds("Roughly 67% less memory (80 MB vs 250 MB).");
    holds("114.54 tok/s, 15.3% above the 99.34 tok/s of Python.");
    breaks(
        "114.54 tok/s, 12.3% above the 99.34 tok/s of Python.",
        "percent-change",
        "12.3%",
        Some("15.3%"),
    );
    // An estimate with an interval of its own is no quotient of two others.
    holds("The change from 34.17 tok/s to 36.14 tok/s is +6.3 % [-11.1 %, +27.2 %].");
    // Not every percentage beside two values is theirs.
    holds("At 95% load, throughput was 114.54 against 99.34 tok/s.");
    holds("p50 fell from 3.9 ms to 3.1 ms (-20.5%), p99 from 21.4 ms to 14.8 ms (-30.8%).");
}

#[test]
fn factors_and_points_are_held_against_their_values() {
    holds("2.4x faster (120 ms vs 50 ms)");
    breaks("2.8x faster (120 ms vs 50 ms)", "ratio", "2.8x", Some("2.4x"));
    holds("Efficiency is +2.48pp higher (98.281% vs 95.8%).");
    breaks(
        "Efficiency is +2.28pp higher (98.281% vs 95.8%).",
        "percentage-points",
        "+2.28pp",
        Some("+2.48 pp"),
    );
    breaks("Accuracy rose from 80.0% to 82.0% (+2.0%).", "percent-change", "+2.0%", Some("2.0 pp"));
}

#[test]
fn lists_state_differences_too() {
    holds("- Before: 120 ms\n- After: 80 ms\n- Improvement: 33%\n");
    breaks(
        "- Before: 120 ms\n- After: 80 ms\n- Improvement: 23%\n",
        "percent-change",
        "23%",
        Some("33%"),
    );
    breaks(
        "- Rust: 95.7%\n- Python: 99.25%\n- Gap: -2.6pp\n",
        "percentage-points",
        "-2.6pp",
        Some("-3.5 pp"),
    );
}

#[test]
fn words_of_direction_agree_with_numbers() {
    holds("Throughput dropped from 120 req/s to 80 req/s.");
    breaks("Throughput rose from 120 req/s to 80 req/s.", "direction", "120 req/s", None);
    breaks("57 runs (3 × 19, expanded from 150)", "direction", "150", None);
    holds("57 runs (3 × 19, expanded from 54)");
    breaks("Rust (80 ms) is slower than Python (120 ms).", "direction", "80 ms", None);
}

#[test]
fn sums_products_and_equations_add_up() {
    holds("Runs: 57 (3 runs × 19 configurations). Parts: 111 (57 Rust + 54 Python).");
    breaks("Runs: 58 (3 runs × 19 configurations)", "equation", "58", Some("57"));
    breaks("In all 110 (57 Rust + 54 Python)", "sum", "110", Some("111"));
    breaks("- Configurations: 27 (7 plain, 7 hetero, 14 homo)\n", "sum", "27", Some("28"));
    holds("Each of 12 machines (4 cores, 8 threads, 64 GB) was idle.");
    holds("3.4 kW × 720 h = 2,448 kWh");
    holds("1 / 70.4 µs = 14.2k per second");
    holds("The runs took 84.9, 85.6, 85.3 ms (mean 85.3 ms, SD 0.4 ms).");
    breaks("The runs took 84.9, 85.6, 85.3 ms (mean 85.9 ms).", "average", "85.9 ms", Some("85.3"));
}

#[test]
fn percentages_of_counts_come_from_whole_numbers() {
    holds("13 of 18 (72.2%)");
    breaks("13 of 18 (71.2%)", "granularity", "71.2%", Some("72.2%"));
    holds("It solved 72.2% of the 18 tasks.");
    breaks("It solved 71.0% of the 18 tasks.", "granularity", "71.0%", None);
    breaks("The success rate was 71.0% (n = 18).", "granularity", "71.0%", None);
    holds("The rate rose by 71.0% (n = 18).");
}

#[test]
fn ranges_and_statistics_are_in_order() {
    holds("- Throughput range: 113.99 - 114.97 tok/s (0.9% variation)\n- Best: 114.90 tok/s\n");
    breaks(
        "- Throughput range: 113.99 - 114.97 tok/s\n- Best: 115.94 tok/s\n",
        "range",
        "115.94 tok/s",
        None,
    );
    breaks(
        "- Range: 547.26 - 1354.14 ms (147.6% variation)\n",
        "percent-change",
        "147.6%",
        Some("147.4%"),
    );
    breaks("p50 12 ms, p99 8 ms", "order", "12 ms", None);
    holds("p50 12 ms, p99 80 ms, max 81 ms, mean 20 ms");
    breaks("mean 90 ms (min 1 ms, max 81 ms)", "order", "90 ms", None);
    holds("The median comes down by 27.7%, the p99 by 13.7%.");
}

#[test]
fn spread_and_significance_follow_from_each_other() {
    holds("mean 4.11 s, SD 0.109 s, CV 2.7%");
    breaks("mean 4.11 s, SD 0.109 s, CV 4.8%", "variation", "4.8%", Some("2.7"));
    holds("12.3 ± 0.4 ms (95% CI, n = 5, SD 0.3 ms)");
    breaks("12.3 ± 0.1 ms (95% CI, n = 5, SD 0.3 ms)", "interval-width", "± 0.1 ms", None);
    holds("34.17 tok/s [29.21, 39.12]");
    breaks("34.17 tok/s [35.21, 39.12]", "interval", "34.17 tok/s", None);
    breaks("The difference is significant (p = 0.2).", "significance", "0.2", None);
    holds("The difference is not significant (p = 0.2).");
    breaks("A significant change of +1.2% [-0.4%, +2.8%].", "significance", "+1.2%", None);
}

#[test]
fn one_quantity_has_one_value() {
    holds("Mean wall time is 4.1 s.\n\nMean wall time is 4.12 s.");
    breaks("Mean wall time is 4.1 s.\n\nMean wall time is 4.7 s.", "two-values", "4.7 s", None);
    holds("## Before\n\nMean wall time is 4.1 s.\n\n## After\n\nMean wall time is 3.7 s.");
    // Different things by name, and the same thing at different times.
    holds(
        "- On `a`: start-up 95 ms; client overhead per call 9.5 ms\n\
           - On `b`: start-up 98 ms; client overhead per call 9.9 ms\n",
    );
    holds("Mean wall time is 4.1 s.\n\n## Before the change\n\nMean wall time is 4.7 s.");
    breaks(
        "reducing interval width by ~40%\n\n- Interval reduction: 52%\n",
        "two-values",
        "52%",
        None,
    );
    holds("1.5 s (1500 ms), 512 MB (0.5 GB), 90 req/min (1.5 req/s)");
    breaks("It took 1.5 s (150 ms).", "conversion", "150 ms", Some("1500"));
    holds("Break-even: 20 months ($5k cost against $3k annual savings)");
    breaks(
        "Break-even: 12 months ($5k cost against $3k annual savings)",
        "period",
        "12 months",
        Some("20"),
    );
}

#[test]
fn tables_are_held_against_themselves() {
    let table = |third: &str, total: &str| {
        format!(
            "| name | before (ms) | after (ms) | change |\n|---|---|---|---|\n\
             | lexer | 184.2 | 161.5 | -12.3% |\n| json | 66.8 | 58.0 | -13.2% |\n\
             | regex | 218.5 | 165.1 | {third} |\n| total | 469.5 | {total} | |\n"
        )
    };
    holds(&table("-24.4%", "384.6"));
    breaks(&table("-21.4%", "384.6"), "percent-change", "-21.4%", Some("-24.4"));
    breaks(&table("-24.4%", "394.6"), "sum", "394.6", Some("384.6"));
    let said = |text: &str| format!("{}\n{text}\n", table("-24.4%", "384.6"));
    holds(&said("The largest reduction is that of regex (-24.4%)."));
    breaks(&said("With json taking 63.0 ms after the change."), "two-values", "63.0 ms", None);
}

#[test]
fn names_dates_versions_and_ports_are_no_findings() {
    holds(
        "Version 1.2.3 of 2025-11-14 on an RTX 4080 (port 11434, gpu80_ctx1024, Q4_K_M, commit `a91f3c7`) \
         ran 2 times; see section 3 and issue #4312, TR114 (1,263 lines), Python 3.12.",
    );
}

#[test]
fn hostile_text_is_only_text() {
    for text in [
        "<script>alert(1)</script> 1.5 s (150 ms)",
        "a&#x200b;b 12%%% [[[ 3 ]]] )))",
        "1e999 vs 2e-999 (+5%)",
    ] {
        drop(found(text));
        let source =
            Source { name: "t.html", bytes: text.as_bytes(), markup: Markup::Html, claims: None };
        let audit = audit(&[source], None).expect("text is text");
        let page = tachograph_audit::html(&audit, &[source]);
        assert!(!page.contains("<script"), "{page}");
    }
}

/// The digits of right statements are changed: what breaks a relation is found.
#[test]
fn the_audit_can_fail() {
    let text = "Rust is 15.3% faster (114.54 vs 99.34 tok/s), 70% less memory (75 MB vs 250 MB).\n\n\
                - Runs: 57 (3 runs × 19 configurations)\n\nIt solved 13 of 18 (72.2%).\n\nUnrelated: 17 W.\n";
    holds(text);
    let source =
        Source { name: "t.md", bytes: text.as_bytes(), markup: Markup::Markdown, claims: None };
    let mutations = mutate(&source, 200, 1).expect("text is text");
    assert_eq!(mutations.n, 200);
    assert!(mutations.n_unrelated > 0 && mutations.n_caught > 100, "{mutations:?}");
    assert_eq!(mutations.missed, [], "{mutations:?}");
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let error = Document::parse("x.md", b"\xff", Markup::Markdown).expect_err("it is no text");
    assert!(error.to_string().starts_with("x.md: it is not UTF-8"), "{error}");
}

#[test]
fn one_unit_behind_a_range_is_that_of_both_ends() {
    holds("Warm calls lie between 570.46 and 626.12 ms.");
    breaks("Warm calls lie between 626.12 and 570.46 ms.", "range", "626.12", None);
}

#[test]
fn an_interval_behind_a_fraction_is_no_share_of_it() {
    holds("Of the calls, 1 / 6 [3.0 %, 56.4 %] failed.");
    breaks("Of the calls, 1 of 6 (3.0 %) failed.", "granularity", "3.0 %", Some("16.7%"));
}

#[test]
fn reports_of_two_studies_speak_of_two_things() {
    let text = "# Report\n\n- Baseline throughput: 99.34 tok/s\n";
    let other = text.replace("99.34", "114.54");
    let sidecar = |plan: &str| {
        format!("{{\"schema\":\"tachograph-claims/1\",\"plan_sha256\":\"{plan}\",\"printed\":[]}}")
    };
    let n_found = |plans: [&str; 2]| {
        let claims = plans.map(sidecar);
        let source = |name, bytes, at: usize| Source {
            name,
            bytes,
            markup: Markup::Markdown,
            claims: Some(claims[at].as_bytes()),
        };
        let sources = [source("a.md", text.as_bytes(), 0), source("b.md", other.as_bytes(), 1)];
        audit(&sources, None).expect("text is text").findings.len()
    };
    assert_eq!(n_found(["one", "one"]), 1);
    assert_eq!(n_found(["one", "two"]), 0);
}
