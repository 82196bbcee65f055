//! What was claimed before the data, and what came otherwise.

use super::stopping;
use crate::document::{Align, Prose, Table, code, comma_separated, text};
use crate::sections::deviations;
use crate::writer::{Writer, cache, order, plural, policy};

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("What was planned");
    let analysis = writer.analysis;
    let plan = &analysis.plan;
    writer.paragraph(
        Prose::new()
            .text(
                "The plan was fixed, and its digest written to the journal, before the first \
                   request. Digest of ",
            )
            .code("plan.lock.json")
            .text(": ")
            .code(analysis.plan_sha256)
            .text("."),
    );
    let blocks = writer.stated_count("plan/blocks", u64::from(plan.blocks));
    let n_configurations = analysis.configurations.len();
    let configurations = writer.stated_count("plan/configurations", n_configurations as u64);
    let runs = writer.stated_count("plan/runs", analysis.n_planned as u64);
    let warmups = writer.stated_count("plan/warmup_calls", u64::from(plan.warmup_calls));
    let (margin, alpha) = (writer.margin(), writer.alpha());
    let family = writer.stated_count("plan/family", analysis.tuned().count() as u64);
    let at_most = if analysis.stopping.is_some() { "at most " } else { "" };
    let direction =
        if plan.primary.metric.higher_is_better() { "more is better" } else { "less is better" };
    let mut rows = vec![
        vec![
            text("primary metric"),
            Prose::new().text(plan.primary.metric.title()).text(" (").text(direction).text(")"),
        ],
        vec![
            text("smallest difference that matters"),
            Prose::new().text("±").value(margin).text(" %"),
        ],
        vec![text("error rate"), stopping::error_rate(writer, alpha, family)],
        vec![
            text("runs"),
            Prose::new()
                .value(configurations)
                .text(plural(n_configurations, " configuration × ", " configurations × "))
                .text(at_most)
                .value(blocks)
                .text(" blocks = ")
                .text(at_most)
                .value(runs)
                .text(" runs"),
        ],
        vec![text("stopping rule"), stopping::rule(writer)],
        vec![text("order"), text(order(plan.order))],
        vec![text("seed"), code(plan.seed)],
        vec![text("server between runs"), text(policy(plan.server_policy))],
        vec![text("prompt cache"), text(cache(plan.prompt_cache))],
        vec![
            text("warm-up calls per agent"),
            Prose::new().value(warmups).text(", recorded and left out"),
        ],
    ];
    for (factor, levels) in &plan.factors {
        let levels = comma_separated(levels.iter().map(code));
        rows.push(vec![Prose::new().text("factor ").code(factor), levels]);
    }
    writer.table(Table {
        caption: text("The plan, as far as it decides what is claimed."),
        columns: vec![(text("what"), Align::Left), (text("stated"), Align::Left)],
        rows,
    });
    stopping::section(writer);
    deviations::section(writer);
}
