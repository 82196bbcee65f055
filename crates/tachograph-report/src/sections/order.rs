//! Neighbours that resemble each other, changes of level, the steady part.

use crate::analysis::MEASURED_RUNS;
use crate::claim::{Format, Number, Source};
use crate::document::{Align, Prose, Table, code, text};
use crate::formula::Formula;
use crate::writer::{Writer, plural};

fn source() -> Source {
    Source::Runs(MEASURED_RUNS.to_owned())
}

pub(crate) fn section(writer: &mut Writer<'_>) {
    neighbours(writer);
    changes(writer);
}

fn neighbours(writer: &mut Writer<'_>) {
    let Ok(found) = &writer.analysis.depth.series.autocorrelation else { return };
    let n = (found.n as u64, None);
    let value = (found.lag_one, "", Format::Fixed(2));
    let what = (Formula::Autocorrelation, source());
    let lag = writer.estimate("drift/lag_one", value, n, what);
    let value = (found.n_effective, "", Format::Fixed(1));
    let effective = writer.estimate("drift/n_effective", value, n, (Formula::EffectiveN, source()));
    writer.paragraph(
        Prose::new()
            .text("Neighbouring runs have a first-lag autocorrelation of ")
            .value(lag)
            .text(": ")
            .part(effective, crate::claim::Part::N)
            .text(" runs carry as much about a mean as ")
            .value(effective)
            .text(
                " independent ones would. Comparisons within blocks are little touched by it; \
                 intervals of means over runs are too narrow by its measure.",
            ),
    );
}

fn changes(writer: &mut Writer<'_>) {
    let series = &writer.analysis.depth.series;
    let Ok(changes) = &series.changes else {
        writer.paragraph(text(
            "Changes of level were not looked for: that takes at least ten measured runs that \
             vary.",
        ));
        return;
    };
    if changes.is_empty() {
        writer.paragraph(text(
            "No change of level was found between two runs (change points of the mean). That is \
             no proof that there was none.",
        ));
        return;
    }
    let number = (Number::Count(changes.len() as u64), "", Format::Count);
    let n_changes = writer.claim("drift/changes", number, Formula::ChangePoint, source());
    let line = text("The level of all runs changed ").value(n_changes).text(plural(
        changes.len(),
        " time while the study ran",
        " times while the study ran",
    ));
    let line = match series.steady.as_ref().ok().map(|steady| steady.steady_from) {
        Some(0) => line.text("; every stretch lies within the margin of the last one."),
        Some(at) if at < series.n => {
            line.text("; from run ").code(&series.runs[at]).text(" on it stays within the margin.")
        }
        _ => line.text(" and did not settle within the margin."),
    };
    writer.paragraph(line);
    let format = Format::Change(writer.change_decimals());
    let rows = changes
        .iter()
        .map(|change| {
            let id = |what: &str| format!("drift/change/{}/{what}", change.run);
            let p = writer.p_value(id("p"), change.p_value, Formula::ChangePoint, source());
            let mut level = |what: &str, level: f64| {
                let value = (Number::Real(level), "ratio", format);
                writer.claim(id(what), value, Formula::SegmentMean, source())
            };
            let (before, after) = (level("before", change.before), level("after", change.after));
            vec![
                code(&change.run),
                Prose::new().value(before),
                Prose::new().value(after),
                Prose::new().value(p),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Changes of level: mean departure from the configurations' means in the stretches \
             before and after.",
        ),
        columns: vec![
            (text("first run after"), Align::Left),
            (text("level before"), Align::Right),
            (text("level after"), Align::Right),
            (text("p"), Align::Right),
        ],
        rows,
    });
}
