//! Optimisation patterns: what tuned options do to each implementation.

use tachograph_model::plan::Server;
use tachograph_stats::Verdict;

use super::claims;
use crate::analysis::judged;
use crate::claim::Source;
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::implementations::tuning::{Tuning, set};
use crate::sections::standing;
use crate::writer::{Writer, plural};

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Optimisation patterns");
    if writer.analysis.plan.servers.iter().any(Server::is_recording) {
        writer.paragraph(text(
            "On a recording, configurations are not held against each other: each was recorded once, \
             and playing it again does not make a second sample.",
        ));
    }
    if contest.tuning.is_empty() {
        writer.paragraph(text(
            "The plan tunes nothing on a live server: it has neither factors nor further \
             configurations, or no baseline to hold them against.",
        ));
        return;
    }
    writer.paragraph(text(
        "Each tuned configuration against the baseline of the same implementation on the same server, \
         within blocks. Options act at the server; where implementations disagree about one, look at \
         their overheads first.",
    ));
    let items: Vec<Prose> = contest.tuning.iter().map(|each| counts(writer, each)).collect();
    writer.list(items);
    for each in &contest.tuning {
        let metric = writer.analysis.plan.primary.metric;
        let rows = each
            .members
            .iter()
            .map(|(at, compared)| {
                let of = &contest.cells[*at].of;
                let name = format!("tuning/{}/{}/{of}", each.agent, each.server);
                let what = (Formula::TuningRatio, source(each));
                let change = claims::change(writer, format!("{name}/ratio"), compared, what);
                let p = judged(Some(compared)).map(|found| {
                    let p = found.p_difference_adjusted;
                    let formula = Formula::HolmDifference;
                    writer.p_value(format!("{name}/p_holm"), p, formula, source(each))
                });
                let verdict = standing::verdict(Some(compared));
                vec![code(of), cell(change), writer.bracket(change), cell(p), verdict]
            })
            .collect();
        writer.table(Table {
            caption: Prose::new()
                .text(metric.title())
                .text(" of ")
                .code(&each.agent)
                .text(" on ")
                .code(&each.server)
                .text(" against its own baseline."),
            columns: vec![
                (text("configuration"), Align::Left),
                (text("change"), Align::Right),
                (text("interval"), Align::Right),
                (text("p"), Align::Right),
                (text("verdict"), Align::Left),
            ],
            rows,
        });
    }
}

fn source(each: &Tuning) -> Source {
    Source::Runs(set(&each.agent, &each.server))
}

/// Says how often tuning helped.
fn counts(writer: &mut Writer<'_>, each: &Tuning) -> Prose {
    let (_, n) = each.count(Verdict::Better);
    let id = |what: &str| format!("tuning/{}/{}/{what}", each.agent, each.server);
    let judged = writer.count(id("judged"), n, source(each));
    let mut line = Prose::new()
        .code(&each.agent)
        .text(" on ")
        .code(&each.server)
        .text(": of ")
        .value(judged)
        .text(plural(n, " tuned configuration judged", " tuned configurations judged"));
    for (verdict, name) in [
        (Verdict::Better, "better"),
        (Verdict::Worse, "worse"),
        (Verdict::Equivalent, "equivalent"),
        (Verdict::Inconclusive, "inconclusive"),
    ] {
        let (count, _) = each.count(verdict);
        let count = writer.count(id(name), count, source(each));
        line = line.text(", ").value(count).text(" ").verdict(verdict);
    }
    line.text(".")
}
