//! Where the results come from, and when they were made.

use crate::claim::{Format, Number, Source};
use crate::document::{Align, Block, Prose, Table, code, text};
use crate::formula::Formula;
use crate::imported::ImportedAnalysis;
use crate::writer::{Writer, plural};

/// The most rows that are shown at once.
const SHOWN_MAX: usize = 12;

/// Files, what they lack, and what is wrong with them.
pub(super) fn section(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    writer.heading("Where it comes from");
    let from = &imported.from;
    writer.paragraph(
        Prose::new()
            .text("Results of ")
            .code(from.kind)
            .text(", layout: ")
            .quote(&from.layout)
            .text(". Order of runs: ")
            .quote(&from.order),
    );
    let mut rows = Vec::new();
    for source in &from.sources {
        let value = (Number::Count(source.bytes), "bytes", Format::Count);
        let id = format!("source/file/{}/bytes", source.path);
        let bytes = writer.claim(id, value, Formula::Recorded, Source::Plan);
        rows.push(vec![code(&source.path), Prose::new().value(bytes), code(source.sha256)]);
    }
    let table = Table {
        caption: text("The files that were read, with the digests of their bytes."),
        columns: vec![
            (text("path"), Align::Left),
            (text("bytes"), Align::Right),
            (code("SHA-256"), Align::Left),
        ],
        rows,
    };
    folded(writer, "files", table, (" file", " files"));
    writer.subheading("What the source does not record");
    writer.list(from.not_recorded.iter().map(|line| Prose::new().quote(line)).collect());
    writer.subheading("What is wrong with it");
    if from.defects.is_empty() {
        writer.paragraph(text("No defect was found in the files that were read."));
    }
    let rows = from
        .defects
        .iter()
        .map(|defect| {
            vec![
                Prose::new().quote(&defect.what),
                Prose::new().quote(&defect.treatment),
                code(&defect.path),
                if defect.place.is_empty() { text("whole file") } else { code(&defect.place) },
            ]
        })
        .collect();
    let table = Table {
        caption: text("Every defect, where it is, and what was done about it."),
        columns: vec![
            (text("what is wrong"), Align::Left),
            (text("what was done"), Align::Left),
            (text("file"), Align::Left),
            (text("place"), Align::Left),
        ],
        rows,
    };
    folded(writer, "defects", table, (" defect", " defects"));
}

/// Shows a table at once if it is short, else behind the number of its rows.
fn folded(
    writer: &mut Writer<'_>,
    id: &str,
    table: Table,
    (one, many): (&'static str, &'static str),
) {
    if table.rows.len() <= SHOWN_MAX {
        return writer.table(table);
    }
    let n_rows = table.rows.len();
    let n = writer.count(format!("source/{id}"), n_rows, Source::Plan);
    let summary = Prose::new().value(n).text(plural(n_rows, one, many));
    writer.push(Block::Details(summary, vec![Block::Table(table)]));
}

/// When each session was, in the order of time as written.
pub(super) fn dates(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    writer.heading("When it was measured");
    if imported.dates.is_empty() {
        writer.paragraph(text("The source gives no instant to any run."));
        return;
    }
    writer.paragraph(text(
        "Instants as the source writes them. Sessions that lie apart in time may differ in \
         whatever else had changed on that machine, and a comparison across them carries it.",
    ));
    let rows: Vec<Vec<Prose>> = imported
        .dates
        .iter()
        .map(|date| {
            vec![
                Prose::new().code(&date.at),
                Prose::new().quote(&date.is),
                code(&date.session),
                code(&date.part),
            ]
        })
        .collect();
    let table = Table {
        caption: text("In the order of their texts."),
        columns: vec![
            (text("instant"), Align::Left),
            (text("it is"), Align::Left),
            (text("session"), Align::Left),
            (text("part"), Align::Left),
        ],
        rows,
    };
    folded(writer, "instants", table, (" instant", " instants"));
}
