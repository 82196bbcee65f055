//! The primary metric configuration by configuration, and its spread over runs.

use super::claims::{self, Claims};
use crate::analysis::judged;
use crate::claim::{Format, Number};
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::implementations::contest::{Contest, Spread};
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Configuration by configuration");
    let metric = writer.analysis.plan.primary.metric;
    for each in &contest.contests {
        let claims = Claims::of(contest, each);
        let rows = each.by_cell.iter().zip(&each.cells).map(|(contrast, &at)| {
            let (source, name) = claims.of_cell(contest, at);
            let format = claims::format(contrast);
            let mut mean = |who: &str, estimate: &Option<_>| {
                let estimate: &crate::analysis::configuration::Estimate = estimate.as_ref()?;
                let n = (estimate.summary.n as u64, estimate.interval);
                let value = (estimate.summary.mean, metric.unit(), format);
                let what = (Formula::Mean, source.clone());
                Some(writer.estimate(format!("{name}/mean/{who}"), value, n, what))
            };
            let reference = mean(claims.reference, &contrast.reference);
            let other = mean(&each.other, &contrast.other);
            let what = (Formula::CellRatio, source.clone());
            let change = claims::change(writer, format!("{name}/ratio"), &contrast.compared, what);
            let p = judged(Some(&contrast.compared)).map(|found| {
                let p = found.p_difference_adjusted;
                writer.p_value(format!("{name}/p_holm"), p, Formula::HolmDifference, source)
            });
            vec![
                code(&contest.cells[at].of),
                cell(reference),
                cell(other),
                cell(change),
                writer.bracket(change),
                cell(p),
                standing::verdict(Some(&contrast.compared)),
            ]
        });
        let rows: Vec<Vec<Prose>> = rows.collect();
        writer.table(Table {
            caption: Prose::new()
                .text(metric.title())
                .text(" in ")
                .text(metric.unit())
                .text(", ")
                .code(&each.other)
                .text(" against ")
                .code(claims.reference)
                .text(" on ")
                .code(&each.server)
                .text("; p-values after Holm over all configurations of all pairs."),
            columns: vec![
                (text("configuration"), Align::Left),
                (code(claims.reference), Align::Right),
                (code(&each.other), Align::Right),
                (text("change"), Align::Right),
                (text("interval"), Align::Right),
                (text("p"), Align::Right),
                (text("verdict"), Align::Left),
            ],
            rows,
        });
    }
    only_one(writer, contest);
    spreads(writer, contest);
}

/// Names the configurations that not every implementation executes.
fn only_one(writer: &mut Writer<'_>, contest: &Implementations) {
    let n = contest.agents.len();
    let items: Vec<Prose> = contest
        .cells
        .iter()
        .filter(|cell| cell.members.len() < n)
        .map(|cell| {
            let members = crate::document::comma_separated(cell.members.keys().map(code));
            Prose::new()
                .code(&cell.of)
                .text(" on ")
                .code(&cell.server)
                .text(" is executed by ")
                .then(members)
                .text(" only, and enters no comparison that another implementation takes part in.")
        })
        .collect();
    writer.list(items);
}

fn spreads(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.subheading("Consistency over runs");
    if contest.contests.iter().all(|each| each.spreads.iter().all(Option::is_none)) {
        writer.paragraph(text(
            "The spread over runs was not compared: that takes three runs of each implementation, and \
             the same work.",
        ));
        return;
    }
    writer.paragraph(text(
        "Whether one implementation repeats itself more closely than the other: standard deviations \
         over runs of the same configuration, and the test of equal spread after Brown and Forsythe. A \
         large p-value does not show that the spreads are equal.",
    ));
    for each in &contest.contests {
        let rows: Vec<Vec<Prose>> = each
            .spreads
            .iter()
            .zip(&each.cells)
            .filter_map(|(spread, &at)| {
                Some(spread_row(writer, contest, (each, at), spread.as_ref()?))
            })
            .collect();
        let claims = Claims::of(contest, each);
        let metric = writer.analysis.plan.primary.metric;
        writer.table(Table {
            caption: Prose::new()
                .text("Standard deviations of ")
                .text(metric.title())
                .text(" over runs in ")
                .text(metric.unit())
                .text(" on ")
                .code(&each.server)
                .text(", and p-values of equal spread, alone and after Holm over all configurations of all pairs."),
            columns: vec![
                (text("configuration"), Align::Left),
                (code(claims.reference), Align::Right),
                (code(&each.other), Align::Right),
                (text("p"), Align::Right),
                (text("p after Holm"), Align::Right),
            ],
            rows,
        });
    }
}

fn spread_row(
    writer: &mut Writer<'_>,
    contest: &Implementations,
    (each, at): (&Contest, usize),
    spread: &Spread,
) -> Vec<Prose> {
    let claims = Claims::of(contest, each);
    let (source, name) = claims.of_cell(contest, at);
    let unit = writer.analysis.plan.primary.metric.unit();
    let largest = spread.reference.0.max(spread.other.0);
    let format = Format::Fixed(crate::claim::decimals_for(largest, 3));
    let mut sd = |who: &str, (sd, n): (f64, usize)| {
        let id = format!("{name}/sd/{who}");
        let what = (Formula::StandardDeviation, source.clone());
        writer.estimate(id, (sd, unit, format), (n as u64, None), what)
    };
    let reference = sd(claims.reference, spread.reference);
    let other = sd(&each.other, spread.other);
    let mut p = |what: &str, p: f64| {
        let number = (Number::Real(p), "", Format::PValue);
        writer.claim(format!("{name}/{what}"), number, Formula::BrownForsythe, source.clone())
    };
    let (alone, adjusted) =
        (p("spread_p", spread.test.p_value), p("spread_p_holm", spread.p_adjusted));
    vec![
        code(&contest.cells[at].of),
        Prose::new().value(reference),
        Prose::new().value(other),
        Prose::new().value(alone),
        Prose::new().value(adjusted),
    ]
}
