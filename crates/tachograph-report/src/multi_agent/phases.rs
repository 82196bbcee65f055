//! Phases and scenarios.

use super::claims;
use crate::claim::Source;
use crate::concurrency::Concurrency;
use crate::concurrency::estimate::Contention;
use crate::concurrency::group::{Group, Grouping};
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Phases and scenarios");
    writer.paragraph(text(
        "A phase pools configurations that were meant for different questions; its figures describe \
         the plan rather than a setting that anyone would deploy. In each block a group counts as the \
         geometric mean of its configurations, and only blocks that have all of them count.",
    ));
    table(writer, concurrency, Grouping::Phase, text("Per phase."));
    table(writer, concurrency, Grouping::Scenario, text("Per scenario."));
    writer.list(vec![
        Prose::new()
            .code("baseline-vs-chimera")
            .text(": the first agent sends the baseline's options, the others tuned ones."),
        Prose::new().code("chimera-homo").text(": all agents send the same tuned options."),
        Prose::new().code("chimera-hetero").text(": agents send tuned options that differ."),
        Prose::new().code("mixed").text(": agents of different implementations."),
    ]);
}

fn table(writer: &mut Writer<'_>, concurrency: &Concurrency, grouping: Grouping, caption: Prose) {
    let groups: Vec<&Group> =
        concurrency.groups.iter().filter(|group| group.grouping == grouping).collect();
    let rows = groups
        .into_iter()
        .map(|group| {
            let id = |what: &str| format!("group/{}/{}/{what}", grouping.name(), group.name);
            let source = || Source::Plan;
            let members = writer.count(id("configurations"), group.members.len(), source());
            let efficiency = claims::group_efficiency(writer, group);
            let slowdown = claims::group_slowdown(writer, group);
            let balance = claims::group_balance(writer, group);
            let (flags, runs) = claims::group_flags(writer, group);
            let contended = group
                .members
                .iter()
                .filter_map(|&at| concurrency.of_configuration(at))
                .filter(|each| each.contention == Contention::Shown)
                .count();
            let source = Source::Runs(crate::analysis::MEASURED_RUNS.to_owned());
            let contended = writer.count(id("contended"), contended, source);
            vec![
                code(&group.name),
                Prose::new().value(members),
                Prose::new().value(runs),
                cell(efficiency),
                writer.bracket(efficiency),
                cell(slowdown),
                Prose::new().value(contended),
                cell(balance),
                Prose::new().value(flags),
            ]
        })
        .collect();
    writer.table(Table {
        caption: caption.text(
            " Configurations, complete runs, true efficiency, slowdown of an agent, configurations \
             with contention shown, and the historical figures: balance and flagged runs. Intervals \
             are not adjusted.",
        ),
        columns: vec![
            (text(grouping.name()), Align::Left),
            (text("configurations"), Align::Right),
            (text("runs"), Align::Right),
            (text("true efficiency"), Align::Right),
            (text("interval"), Align::Right),
            (text("slowdown"), Align::Right),
            (text("contended"), Align::Right),
            (text("balance"), Align::Right),
            (text("flagged"), Align::Right),
        ],
        rows,
    });
}
