//! What enters no mean, or only with a warning.

use super::claims::Claims;
use crate::claim::Source;
use crate::concurrency::Concurrency;
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Failed and runaway runs");
    writer.paragraph(text(
        "A run in which an agent crashed, a call failed or a server died is kept and enters no mean; \
         nor does a concurrent run whose solo runs failed. An answer that the token limit cut, or \
         that ended in a loop, is a runaway: its run is measured, but its length is that of the \
         limit and not of the answer. The last columns leave such runs out; a dash means that fewer \
         than two blocks are left.",
    ));
    let rows = concurrency
        .together
        .iter()
        .map(|each| {
            let id = writer.analysis.configurations[each.configuration].planned.id.to_string();
            let mut count = |what: &str, n: usize| {
                let source = Source::Runs(id.clone());
                let claim = writer.count(format!("apart/{id}/{what}"), n, source);
                Prose::new().value(claim)
            };
            let mut row = vec![
                code(&id),
                count("sealed", each.n_sealed),
                count("failed", each.n_sealed - each.n_measured),
                count("without_solo", each.n_measured - each.n_complete),
                count("complete", each.n_complete),
                count("runaway", each.n_runaway),
            ];
            let own = Claims::of(writer, each);
            let efficiency = own.efficiency_without_runaways(writer);
            row.extend([cell(efficiency), writer.bracket(efficiency)]);
            row
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Concurrent runs by what became of them, and the true efficiency without complete runs \
             that have, or whose solo runs have, a runaway answer.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("sealed"), Align::Right),
            (text("failed"), Align::Right),
            (text("solo run missing"), Align::Right),
            (text("complete"), Align::Right),
            (text("runaway"), Align::Right),
            (text("efficiency without"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}
