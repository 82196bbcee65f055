//! What an implementation can influence.

use super::claims::{Claims, definition};
use crate::document::{Align, Block, Prose, Table, cell, text};
use crate::figure;
use crate::implementations::Implementations;
use crate::implementations::contest::Contest;
use crate::implementations::quantity::{Influence, Quantity};
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("What a client can influence");
    for each in &contest.contests {
        let claims = Claims::of(contest, each);
        let caption = Prose::new()
            .code(&each.other)
            .text(" against ")
            .code(claims.reference)
            .text(" on ")
            .code(&each.server)
            .text(
                ": means over blocks (their intervals open with the numbers), the difference and the \
                 ratio within blocks with intervals, and the verdict on the ratio.",
            )
            .then(writer.cache_note());
        table(writer, contest, each, (Influence::Client, caption));
        let figure = figure::contest::draw(writer.analysis, contest, each);
        if let Some((drawing, description)) = figure {
            let margin = writer.margin();
            let caption = Prose::new()
                .code(&each.other)
                .text(" over ")
                .code(claims.reference)
                .text(" on ")
                .code(&each.server)
                .text(
                    ", with intervals, on a logarithmic scale. The shaded band is the margin of ±",
                )
                .value(margin)
                .text(" %. Left of one is less; for throughput, less is worse.");
            let at = contest.contests.iter().position(|other| std::ptr::eq(other, each));
            let name = figure::contest::NAMES.get(at.unwrap_or_default());
            if let Some(name) = name {
                writer.figure(
                    (name, "Each quantity against the reference"),
                    drawing,
                    description,
                    caption,
                );
            }
        }
    }
    let items: Vec<Prose> = Quantity::all()
        .filter_map(|quantity| {
            let words = definition(quantity)?;
            Some(Prose::new().strong(text(quantity.title())).text(": ").text(words).text("."))
        })
        .collect();
    let summary = text("How each quantity is defined");
    writer.push(Block::Details(summary, vec![Block::List(items)]));
}

/// Writes the table of one pair's quantities of one kind.
pub(super) fn table(
    writer: &mut Writer<'_>,
    contest: &Implementations,
    each: &Contest,
    (influence, caption): (Influence, Prose),
) {
    let claims = Claims::of(contest, each);
    let of_kind = each.contrasts.iter().filter(|it| it.quantity.influence() == influence);
    let rows = of_kind
        .map(|contrast| {
            let quantity = contrast.quantity;
            let reference = claims.mean(writer, contrast, true);
            let other = claims.mean(writer, contrast, false);
            let difference = claims.difference(writer, contrast);
            let ratio = claims.ratio(writer, contrast);
            let head = text(quantity.title());
            let head = if quantity.unit().is_empty() {
                head
            } else {
                head.text(", ").text(quantity.unit())
            };
            let verdict = standing::verdict(Some(&contrast.compared));
            vec![
                head,
                verdict,
                cell(reference),
                cell(other),
                cell(difference),
                writer.bracket(difference),
                cell(ratio),
                writer.bracket(ratio),
            ]
        })
        .collect();
    writer.table(Table {
        caption,
        columns: vec![
            (text("quantity"), Align::Left),
            (text("verdict"), Align::Left),
            (Prose::new().code(claims.reference), Align::Right),
            (Prose::new().code(&each.other), Align::Right),
            (text("difference"), Align::Right),
            (text("interval"), Align::Right),
            (text("ratio"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}
