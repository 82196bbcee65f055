//! Latency for one against work for all.

use super::claims::Claims;
use crate::analysis::judged;
use crate::concurrency::Concurrency;
use crate::document::{Align, Table, cell, code, text};
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Latency for one, work for all");
    writer.paragraph(text(
        "Running agents at once buys work per second with the latency of each: whoever waits for \
         one agent waits longer, whoever waits for all may be done sooner. Both sides of the bargain \
         stand in one row.",
    ));
    let rows = concurrency
        .together
        .iter()
        .map(|each| {
            let own = Claims::of(writer, each);
            let alone = own.alone(writer);
            let makespan = own.makespan(writer);
            let pays = own.pays(writer);
            let verdict = standing::verdict(each.pays.as_ref());
            let (rate_alone, rate) = (own.rate_alone(writer), own.rate(writer));
            let change = own.rate_ratio(writer);
            let worst = each
                .agents
                .iter()
                .filter_map(|agent| Some((judged(agent.slowdown.as_ref())?.ratio.ratio, agent)))
                .max_by(|a, b| a.0.total_cmp(&b.0));
            let worst = worst.and_then(|(_, agent)| own.slowdown(writer, agent));
            vec![
                code(own.id()),
                verdict,
                cell(worst),
                cell(alone),
                cell(makespan),
                cell(pays),
                writer.bracket(pays),
                cell(rate_alone),
                cell(rate),
                cell(change),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "The slowdown of the agent that is slowed down most; all work one after the other \
             (sum of times alone) and together (makespan), in s, with the change and its verdict \
             after Holm over all configurations; work rates in tok/s.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("verdict"), Align::Left),
            (text("slowdown"), Align::Right),
            (text("one by one"), Align::Right),
            (text("together"), Align::Right),
            (text("change"), Align::Right),
            (text("interval"), Align::Right),
            (text("rate one by one"), Align::Right),
            (text("together"), Align::Right),
            (text("change"), Align::Right),
        ],
        rows,
    });
    let rows = concurrency
        .together
        .iter()
        .map(|each| {
            let own = Claims::of(writer, each);
            let (fairness, overlap) = (own.fairness(writer), own.overlap(writer));
            let spread = own.start_spread(writer);
            vec![
                code(own.id()),
                cell(fairness),
                writer.bracket(fairness),
                cell(overlap),
                writer.bracket(overlap),
                cell(spread),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "How evenly agents are slowed down (Jain's index), the share of the makespan in which \
             all of them are served or wait, and how far apart they began, in ms.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("fairness"), Align::Right),
            (text("interval"), Align::Right),
            (text("overlap"), Align::Right),
            (text("interval"), Align::Right),
            (text("start spread, ms"), Align::Right),
        ],
        rows,
    });
}
