//! What the page of one concurrent configuration says beside its metrics.

use super::claims::Claims;
use crate::concurrency::Concurrency;
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::sections::standing;
use crate::writer::Writer;

/// Writes efficiency, balance and slowdowns of the configuration at position `at`.
pub(crate) fn write(writer: &mut Writer<'_>, concurrency: &Concurrency, at: usize) {
    let Some(each) = concurrency.of_configuration(at) else { return };
    let own = Claims::of(writer, each);
    let (speedup, efficiency) = (own.speedup(writer), own.efficiency(writer));
    let balance = own.balance(writer);
    if let (Some(speedup), Some(efficiency), Some(balance)) = (speedup, efficiency, balance) {
        writer.paragraph(
            Prose::new()
                .text("True speed-up ")
                .value(speedup)
                .text(" ")
                .interval(speedup)
                .text(", true efficiency ")
                .value(efficiency)
                .text(" ")
                .interval(efficiency)
                .text(" over ")
                .part(speedup, crate::claim::Part::N)
                .text(" blocks; balance (the historical “efficiency”) ")
                .value(balance)
                .text(". Contention: ")
                .text(each.contention.name())
                .text("."),
        );
    } else {
        writer.paragraph(text(
            "Too few blocks have it and the solo runs of its agents measured, so that its efficiency \
             is not known.",
        ));
    }
    let rows = each
        .agents
        .iter()
        .map(|agent| {
            let together = own.agent_wall(writer, agent, true);
            let alone = own.agent_wall(writer, agent, false);
            let slowdown = own.slowdown(writer, agent);
            let wait = own.wait_added(writer, agent);
            vec![
                code(&agent.agent),
                code(&agent.server),
                cell(alone),
                cell(together),
                cell(slowdown),
                writer.bracket(slowdown),
                standing::verdict(agent.slowdown.as_ref()),
                cell(wait),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Each agent alone and together, in s, its slowdown, and the wait added, in ms.",
        ),
        columns: vec![
            (text("agent"), Align::Left),
            (text("server"), Align::Left),
            (text("alone"), Align::Right),
            (text("together"), Align::Right),
            (text("slowdown"), Align::Right),
            (text("interval"), Align::Right),
            (text("verdict"), Align::Left),
            (text("wait added"), Align::Right),
        ],
        rows,
    });
}
