//! What was checked, and what was found.

use crate::analysis::ALL_RUNS;
use crate::claim::{ClaimRef, Number, Source};
use crate::document::{Align, Block, Prose, Table, code, comma_separated, text};
use crate::formula::Formula;
use crate::validity::{Check, Finding, Measured, Scope, Status};
use crate::writer::{Writer, anchor};

/// Places named in a row before the rest is only counted.
const NAMED_MAX: usize = 3;

/// Every check with its outcome, then what was found.
pub(crate) fn section(writer: &mut Writer<'_>) {
    writer.heading("Validity");
    let validity = &writer.analysis.validity;
    writer.paragraph(
        Prose::new().text("As a whole, the evidence is ").status(validity.worst()).text(
            ". Each check looks at runs or at the study; “suspect” means that something may \
                   have spoiled it, “invalid” that it did. Nothing is removed.",
        ),
    );
    let plan = &writer.analysis.plan;
    let checks = Check::ALL.into_iter().filter(|check| check.is_of(plan));
    let rows = checks.map(|check| check_row(writer, check)).collect();
    writer.table(Table {
        caption: text("What was checked."),
        columns: vec![
            (text("check"), Align::Left),
            (text("looked at"), Align::Right),
            (text("findings"), Align::Right),
            (text("outcome"), Align::Left),
        ],
        rows,
    });
    let groups = grouped(&validity.findings);
    let rows =
        groups.iter().enumerate().map(|(index, group)| finding_row(writer, index, group)).collect();
    writer.table(Table {
        caption: text("What was found, the most telling value of each kind."),
        columns: vec![
            (text("what was seen"), Align::Left),
            (text("status"), Align::Left),
            (text("where"), Align::Left),
            (text("value"), Align::Right),
            (text("against"), Align::Right),
        ],
        rows,
    });
    every_finding(writer, &groups);
}

/// Returns findings of one kind together, in the order of their first.
fn grouped(findings: &[Finding]) -> Vec<Vec<&Finding>> {
    let mut groups: Vec<Vec<&Finding>> = Vec::new();
    for finding in findings {
        let like = |group: &Vec<&Finding>| {
            let first = group[0];
            first.check == finding.check
                && first.status == finding.status
                && first.words == finding.words
                && first.quote == finding.quote
        };
        match groups.iter_mut().find(|group| like(group)) {
            Some(group) => group.push(finding),
            None => groups.push(vec![finding]),
        }
    }
    groups
}

/// Lists the places of each finding that stands for several.
fn every_finding(writer: &mut Writer<'_>, groups: &[Vec<&Finding>]) {
    let items: Vec<Prose> = groups
        .iter()
        .filter(|group| group.len() > NAMED_MAX)
        .map(|group| {
            let places = group.iter().map(|finding| place(&finding.scope));
            text(group[0].words).text(": ").then(comma_separated(places))
        })
        .collect();
    if !items.is_empty() {
        let summary = text("Every place of the findings above");
        writer.push(Block::Details(summary, vec![Block::List(items)]));
    }
}

fn place(scope: &Scope) -> Prose {
    match scope {
        Scope::Study => text("study"),
        Scope::Configuration(name) => code(name),
        Scope::Run(run) => code(run),
    }
}

fn check_row(writer: &mut Writer<'_>, check: Check) -> Vec<Prose> {
    let outcome = writer.analysis.validity.outcome(check);
    let id = format!("validity/{}", anchor(check.title()));
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let looked = writer.count(format!("{id}/looked"), outcome.n_checked, source());
    let found = writer.count(format!("{id}/found"), outcome.n_findings, source());
    let verdict = if outcome.n_checked == 0 && outcome.n_findings == 0 {
        text("not checked: no data for it")
    } else if outcome.worst == Status::Valid && outcome.n_findings > 0 {
        text("valid, with a remark")
    } else {
        Prose::new().status(outcome.worst)
    };
    vec![text(check.title()), Prose::new().value(looked), Prose::new().value(found), verdict]
}

fn finding_row(writer: &mut Writer<'_>, index: usize, group: &[&Finding]) -> Vec<Prose> {
    let departure = |finding: &Finding| match (finding.seen, finding.against) {
        (Some(seen), Some(against)) => (seen.value - against.value).abs(),
        (Some(seen), None) => seen.value,
        _ => 0.0,
    };
    // The first of equals, so that the choice does not depend on sorting.
    let finding = group.iter().copied().fold(group[0], |worst, finding| {
        if departure(finding) > departure(worst) { finding } else { worst }
    });
    let mut places =
        comma_separated(group.iter().take(NAMED_MAX).map(|finding| place(&finding.scope)));
    if group.len() > NAMED_MAX {
        let id = format!("validity/finding/{index}/places");
        let n = writer.count(id, group.len(), Source::Runs(ALL_RUNS.to_owned()));
        places = places.text(", … (").value(n).text(" in all)");
    }
    let source = match &finding.scope {
        Scope::Configuration(name) if writer.analysis.sets.contains_key(name) => {
            Source::Runs(name.clone())
        }
        Scope::Run(run) => Source::Runs(run.configuration.to_string()),
        _ => Source::Runs(ALL_RUNS.to_owned()),
    };
    let mut measured = |name: &str, measured: Option<Measured>| {
        let measured = measured?;
        let formula = match finding.check {
            Check::SchedulingDelay => Formula::DelayPercentile,
            _ => Formula::Recorded,
        };
        // A count is whole by construction; the other formats take any number.
        let value = (Number::Real(measured.value), measured.unit, measured.format);
        let id = format!("validity/finding/{index}/{name}");
        let claim: ClaimRef = writer.claim(id, value, formula, source.clone());
        let line = Prose::new().value(claim);
        Some(if measured.unit.is_empty() { line } else { line.text(" ").text(measured.unit) })
    };
    let seen = measured("seen", finding.seen).unwrap_or_else(|| text("–"));
    let against = measured("against", finding.against).unwrap_or_else(|| text("–"));
    let mut words = text(finding.words);
    if let Some(quote) = &finding.quote {
        words = words.text(" (").quote(quote).text(")");
    }
    vec![words, Prose::new().status(finding.status), places, seen, against]
}
