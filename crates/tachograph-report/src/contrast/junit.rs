//! A comparison as test results, for continuous integration.
//!
//! Owns: which verdict is which outcome: worse is a failure; inconclusive is an
//! error, or skipped where the gate allows it; what cannot be judged, and sides
//! that are not comparable, are errors.
//!
//! # Source
//!
//! The members that the common readers of `JUnit` XML share: `testsuites`,
//! `testsuite` with counts, `properties`, `testcase`, `failure`, `error`, `skipped`,
//! `system-out`.

use std::fmt::Write as _;

use tachograph_stats::Verdict;

use super::{Contrast, Gating, Row, words};
use crate::svg::escape;

/// How a test case ended.
enum Outcome {
    Passed,
    Failed(String),
    Error(String),
    Skipped(String),
}

pub(super) fn print(contrast: &Contrast, gating: Option<Gating>) -> String {
    let allow = gating.is_some_and(|gating| gating.allow_inconclusive);
    let mut cases = Vec::new();
    if contrast.is_refused() {
        let lines: Vec<String> = contrast.in_the_way().map(words::unlike).collect();
        let message = format!("not comparable in {} ways\n{}", lines.len(), lines.join("\n"));
        cases.push(("comparability".to_owned(), Outcome::Error(message), String::new()));
    } else {
        cases.push(("comparability".to_owned(), Outcome::Passed, String::new()));
        for row in &contrast.rows {
            let outcome = outcome(contrast, row, allow);
            cases.push((row.label.clone(), outcome, words::in_short(row)));
        }
    }
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|(_, it, _)| is(it)).count();
    let counts = format!(
        "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"0\"",
        cases.len(),
        count(|it| matches!(it, Outcome::Failed(_))),
        count(|it| matches!(it, Outcome::Error(_))),
        count(|it| matches!(it, Outcome::Skipped(_))),
    );
    let metric = words::percent(contrast.rule.margin.fraction());
    let suite = format!("tacho compare: {}", contrast.metric.title());
    let class = format!("tacho.{}", contrast.candidate.extract.study.name);
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    put(&mut text, format_args!("<testsuites name=\"tacho compare\" {counts}>\n"));
    put(&mut text, format_args!("  <testsuite name=\"{}\" {counts}>\n", escape(&suite)));
    let properties = [
        ("reference", contrast.reference.name.clone()),
        ("candidate", contrast.candidate.name.clone()),
        ("margin", metric),
        ("alpha", words::percent(contrast.rule.confidence.alpha())),
    ];
    text.push_str("    <properties>\n");
    for (name, value) in properties {
        let value = escape(&value);
        put(&mut text, format_args!("      <property name=\"{name}\" value=\"{value}\"/>\n"));
    }
    text.push_str("    </properties>\n");
    for (name, outcome, said) in &cases {
        case(&mut text, (&class, name), outcome, said);
    }
    let page = words::page(contrast, None).to_text();
    put(&mut text, format_args!("    <system-out>{}</system-out>\n", escape(&page)));
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn put(text: &mut String, words: std::fmt::Arguments<'_>) {
    text.write_fmt(words).expect("writing to a string cannot fail");
}

fn outcome(contrast: &Contrast, row: &Row, allow_inconclusive: bool) -> Outcome {
    let judged = match &row.outcome {
        Ok(judged) => judged,
        Err(why) => return Outcome::Error(words::refusal(row, *why, contrast.design)),
    };
    match judged.verdict {
        Verdict::Better | Verdict::Equivalent => Outcome::Passed,
        Verdict::Worse => Outcome::Failed(words::in_short(row)),
        Verdict::Inconclusive => {
            let more = words::more_blocks(contrast).unwrap_or_default();
            let message = format!("{}. {more}", words::in_short(row));
            if allow_inconclusive { Outcome::Skipped(message) } else { Outcome::Error(message) }
        }
    }
}

fn case(text: &mut String, (class, name): (&str, &str), outcome: &Outcome, said: &str) {
    let head = format!(
        "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"",
        escape(class),
        escape(name)
    );
    let (tag, kind, message) = match outcome {
        Outcome::Passed if said.is_empty() => {
            return put(text, format_args!("{head}/>\n"));
        }
        Outcome::Passed => {
            let said = escape(said);
            let body = format!("      <system-out>{said}</system-out>\n");
            return put(text, format_args!("{head}>\n{body}    </testcase>\n"));
        }
        Outcome::Failed(message) => ("failure", "worse", message),
        Outcome::Error(message) => ("error", "undecided", message),
        Outcome::Skipped(message) => ("skipped", "", message),
    };
    let first = escape(message.lines().next().unwrap_or_default());
    let kind = if kind.is_empty() { String::new() } else { format!(" type=\"{kind}\"") };
    let body = escape(message);
    put(
        text,
        format_args!(
            "{head}>\n      <{tag} message=\"{first}\"{kind}>{body}</{tag}>\n    </testcase>\n"
        ),
    );
}
