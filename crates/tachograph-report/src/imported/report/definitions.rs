//! The same quantity under several definitions, side by side.

use super::{Described, Of, counted, describe, named};
use crate::analysis::ALL_RUNS;
use crate::claim::{Format, Part, Source, decimals_for};
use crate::document::{Align, Block, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::imported::session::{Across, Subject};
use crate::imported::{ImportedAnalysis, set_of};
use crate::single_agent::latency::imported_note;
use crate::writer::Writer;
use tachograph_stats::{Sample, Summary, mean_estimate};

/// Decode rate and time to first token, of each session and over sessions.
pub(super) fn section(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    writer.heading("One quantity, several definitions");
    writer.paragraph(text(
        "Older reports average over calls: a failed call counts with the zero that was recorded for \
         it, a cold call beside a warm one. The columns keep these definitions apart, so that a \
         published figure can be found under the one that gives it, beside what may be said: means \
         over completed calls, and over runs with the interval of runs.",
    ));
    rates(writer, imported);
    ttfts(writer, imported);
    writer.subheading("Over sessions");
    across(writer, imported);
}

fn format(summaries: impl Iterator<Item = Option<Summary>>) -> Format {
    let largest = summaries.flatten().map(|it| it.mean.abs()).reduce(f64::max);
    Format::Fixed(decimals_for(largest.unwrap_or_default(), 5))
}

fn rates(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    let own: Vec<&Subject> = imported
        .subjects
        .iter()
        .filter(|it| it.rate.every_call.is_some() || it.rate.reported.is_some())
        .collect();
    if own.is_empty() {
        return;
    }
    writer.subheading("Decode rate");
    let format = format(own.iter().map(|it| it.rate.every_call.or(it.rate.reported)));
    let rows = own.iter().map(|subject| rate_row(writer, subject, format)).collect();
    let confidence = writer.confidence();
    let table = Table {
        caption: Prose::new()
            .text("Decode rate in tok/s, as the server reports it. Every call: as recorded, failed ones \
                   with zero. Means over runs with ")
            .value(confidence)
            .text(" interval."),
        columns: vec![
            (text("session"), Align::Left),
            (text("part"), Align::Left),
            (text("calls"), Align::Right),
            (text("failed"), Align::Right),
            (text("every call"), Align::Right),
            (text("CV"), Align::Right),
            (text("completed"), Align::Right),
            (text("CV"), Align::Right),
            (text("runs"), Align::Right),
            (text("over runs"), Align::Right),
            (text("interval"), Align::Right),
            (text("stated mean"), Align::Right),
        ],
        rows,
    };
    folded(writer, table);
}

/// Shows a table at once if it is short, else behind its caption.
fn folded(writer: &mut Writer<'_>, table: Table) {
    const SHOWN_MAX: usize = 60;
    if table.rows.len() <= SHOWN_MAX {
        writer.table(table);
    } else {
        let summary = text("The table (long)");
        writer.push(Block::Details(summary, vec![Block::Table(table)]));
    }
}

fn id(subject: &Subject, rest: &str) -> String {
    format!("source/{}/{}/{rest}", subject.session, subject.part)
}

fn rate_row(writer: &mut Writer<'_>, subject: &Subject, format: Format) -> Vec<Prose> {
    let set = || set_of(&subject.session);
    let mut of = |name: &str, formula, summary: Option<Summary>| -> Option<Described> {
        let id = id(subject, &format!("decode_rate/{name}"));
        let of = Of { id, unit: "tok/s", format, formula, set: set() };
        Some(describe(writer, &of, &summary?))
    };
    let every = of("every_call", Formula::EveryCall, subject.rate.every_call);
    let completed = of("completed", Formula::CompletedCalls, subject.rate.completed);
    let reported = of("stated_mean", Formula::StatedMeans, subject.rate.reported);
    let over_runs = Sample::new(&subject.rate.runs).ok().map(|sample| {
        let estimate = mean_estimate(&sample, writer.analysis.rule.confidence).ok();
        let interval = estimate.map(|estimate| estimate.interval);
        let value = (sample.mean(), "tok/s", format);
        let n = (sample.n() as u64, interval);
        let what = (Formula::Mean, Source::Runs(set()));
        writer.estimate(id(subject, "decode_rate/runs/mean"), value, n, what)
    });
    let [session, part] = named(&subject.session, &subject.part);
    let calls = counted(writer, id(subject, "calls"), subject.n_calls, set());
    let failed = counted(writer, id(subject, "calls/failed"), subject.n_failed, set());
    vec![
        session,
        part,
        calls,
        failed,
        cell(every.as_ref().map(|it| it.mean)),
        cell(every.as_ref().and_then(|it| it.cv)),
        cell(completed.as_ref().map(|it| it.mean)),
        cell(completed.as_ref().and_then(|it| it.cv)),
        over_runs.map_or_else(|| text("–"), |claim| Prose::new().part(claim, Part::N)),
        cell(over_runs),
        writer.bracket(over_runs),
        cell(reported.as_ref().map(|it| it.mean)),
    ]
}

fn ttfts(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    let own: Vec<&Subject> = imported
        .subjects
        .iter()
        .filter(|it| it.ttft.every_call.is_some() || it.ttft.reported.is_some())
        .collect();
    if own.is_empty() {
        return;
    }
    writer.subheading("Time to first token");
    let format = format(own.iter().map(|it| it.ttft.every_call.or(it.ttft.reported)));
    let rows = own
        .iter()
        .map(|subject| {
            let mut of = |name: &str, formula, summary: Option<Summary>| {
                let id = id(subject, &format!("ttft/{name}"));
                let of = Of { id, unit: "ms", format, formula, set: set_of(&subject.session) };
                Some(describe(writer, &of, &summary?))
            };
            let every = of("every_call", Formula::MixedTtft, subject.ttft.every_call);
            let cold = of("cold", Formula::CompletedCalls, subject.ttft.cold);
            let warm = of("warm", Formula::CompletedCalls, subject.ttft.warm);
            let reported = of("stated_mean", Formula::StatedMeans, subject.ttft.reported);
            let n = |it: &Option<Described>| {
                it.as_ref().map_or_else(|| text("–"), |it| Prose::new().part(it.mean, Part::N))
            };
            let mean = |it: &Option<Described>| cell(it.as_ref().map(|it| it.mean));
            let [session, part] = named(&subject.session, &subject.part);
            vec![
                session,
                part,
                n(&every),
                mean(&every),
                n(&cold),
                mean(&cold),
                n(&warm),
                mean(&warm),
                mean(&reported),
            ]
        })
        .collect();
    let table = Table {
        caption: text(
            "Time to first token in ms, each with its number of calls. Every call: cold and warm in one \
             mean, as older reports print it; cold and warm are two metrics.",
        )
        .then(imported_note(writer.analysis)),
        columns: vec![
            (text("session"), Align::Left),
            (text("part"), Align::Left),
            (text("calls"), Align::Right),
            (text("every call"), Align::Right),
            (text("cold calls"), Align::Right),
            (text("cold"), Align::Right),
            (text("warm calls"), Align::Right),
            (text("warm"), Align::Right),
            (text("stated mean"), Align::Right),
        ],
        rows,
    };
    folded(writer, table);
}

/// One row for each part and definition.
fn across(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    let mut rows = Vec::new();
    for each in &imported.across {
        for (name, words, unit, summary) in definitions(each) {
            let Some(summary) = summary else { continue };
            let format = format([Some(summary)].into_iter());
            let of = Of {
                id: format!("source/all/{}/{name}", each.part),
                unit,
                format,
                formula: Formula::MeanOfSessions,
                set: ALL_RUNS.to_owned(),
            };
            let it = describe(writer, &of, &summary);
            rows.push(vec![
                code(&each.part),
                text(words).text(", ").text(unit),
                Prose::new().part(it.mean, Part::N),
                Prose::new().value(it.mean),
                cell(it.sd),
                cell(it.cv),
                Prose::new().value(it.min),
                Prose::new().value(it.max),
            ]);
        }
    }
    writer.table(Table {
        caption: text("Means of sessions, each session counting once."),
        columns: vec![
            (text("part"), Align::Left),
            (text("quantity"), Align::Left),
            (text("sessions"), Align::Right),
            (text("mean"), Align::Right),
            (text("sd"), Align::Right),
            (text("CV"), Align::Right),
            (text("min"), Align::Right),
            (text("max"), Align::Right),
        ],
        rows,
    });
}

type Definition = (&'static str, &'static str, &'static str, Option<Summary>);

fn definitions(each: &Across) -> [Definition; 7] {
    [
        ("decode_rate/every_call", "decode rate, every call", "tok/s", each.rate_every_call),
        ("decode_rate/completed", "decode rate, completed calls", "tok/s", each.rate_completed),
        ("decode_rate/stated_mean", "decode rate, stated means", "tok/s", each.rate_reported),
        ("ttft/every_call", "time to first token, every call", "ms", each.ttft_every_call),
        ("ttft/cold", "time to first token, cold calls", "ms", each.ttft_cold),
        ("ttft/warm", "time to first token, warm calls", "ms", each.ttft_warm),
        ("ttft/stated_mean", "time to first token, stated means", "ms", each.ttft_reported),
    ]
}

/// What levels of a factor are apart, beside what runs of one level are.
pub(super) fn levels(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    if imported.levels.is_empty() {
        return;
    }
    writer.heading("Levels");
    let metric = writer.analysis.plan.primary.metric;
    writer.paragraph(
        Prose::new()
            .text(
                "Means over the runs of each level, in the other factors as they come. A level whose \
                 distance from the others is small beside the standard deviation within levels shows \
                 no effect. In ",
            )
            .text(metric.title())
            .text(", ")
            .text(metric.unit())
            .text("."),
    );
    let format = writer.metric_format(metric);
    let mut rows = Vec::new();
    for spread in &imported.levels {
        let means = spread.levels.iter().map(|(_, summary)| summary.mean);
        let (low, high) = (means.clone().reduce(f64::min), means.reduce(f64::max));
        let source = || Source::Runs(ALL_RUNS.to_owned());
        let apart = low.zip(high).map(|(low, high)| {
            let id = format!("source/levels/{}/apart", spread.factor);
            let n = (spread.levels.len() as u64, None);
            let value = (high - low, metric.unit(), format);
            writer.estimate(id, value, n, (Formula::LevelsApart, source()))
        });
        let within = spread.sd_within.map(|sd| {
            let id = format!("source/levels/{}/sd_within", spread.factor);
            let n = (spread.levels.len() as u64, None);
            writer.estimate(id, (sd, metric.unit(), format), n, (Formula::SdWithinLevels, source()))
        });
        for (at, (level, summary)) in spread.levels.iter().enumerate() {
            let id = format!("source/levels/{}/{level}/mean", spread.factor);
            let n = (summary.n as u64, None);
            let value = (summary.mean, metric.unit(), format);
            let mean = writer.estimate(id, value, n, (Formula::LevelMean, source()));
            let first = at == 0;
            rows.push(vec![
                code(format!("{}={level}", spread.factor)),
                Prose::new().part(mean, Part::N),
                Prose::new().value(mean),
                cell(apart.filter(|_| first)),
                cell(within.filter(|_| first)),
            ]);
        }
    }
    writer.table(Table {
        caption: text("Each level, and what the levels of its factor are apart."),
        columns: vec![
            (text("level"), Align::Left),
            (text("runs"), Align::Right),
            (text("mean"), Align::Right),
            (text("largest less smallest"), Align::Right),
            (text("sd within levels"), Align::Right),
        ],
        rows,
    });
}
