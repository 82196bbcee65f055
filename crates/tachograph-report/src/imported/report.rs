//! The report `imported`: another program's results, and what follows from them.
//!
//! Owns: its sections and their order, and the tables of definitions side by side.
//!
//! Does not: compute; a value comes from [`Analysis`] or not at all.

mod concurrent;
mod definitions;
mod sources;

use tachograph_stats::{Summary, Verdict};

use super::ImportedAnalysis;
use crate::analysis::{ALL_RUNS, Analysis};
use crate::claim::{ClaimRef, Format, Number, Part, Source};
use crate::document::{Align, Block, Prose, Table, Tone, code, text};
use crate::formula::Formula;
use crate::report::Report;
use crate::sections::{appendix, standing, validity};
use crate::single_agent::{latency, results};
use crate::writer::{Writer, plural};

/// Writes the report.
pub(crate) fn write(analysis: &Analysis, imported: &ImportedAnalysis) -> Report {
    let mut writer = Writer::new(analysis);
    summary(&mut writer, imported);
    sources::section(&mut writer, imported);
    validity::section(&mut writer);
    definitions::section(&mut writer, imported);
    if let Some(together) = &imported.together {
        concurrent::section(&mut writer, together);
    }
    if analysis.baseline().is_some() {
        compared(&mut writer);
    } else {
        means(&mut writer);
    }
    latency::section(&mut writer);
    definitions::levels(&mut writer, imported);
    sources::dates(&mut writer, imported);
    limitations(&mut writer);
    appendix::imported(&mut writer);
    writer.finish()
}

/// What comes first: whose results these are, and what may be said of them.
fn summary(writer: &mut Writer<'_>, imported: &ImportedAnalysis) {
    writer.heading("Summary");
    let analysis = writer.analysis;
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let n_files = imported.from.sources.len();
    let files = writer.count("source/files", n_files, Source::Plan);
    let runs = writer.count("source/runs", analysis.runs.len(), source());
    let mut sessions: Vec<&str> = imported.subjects.iter().map(|it| &*it.session).collect();
    sessions.dedup();
    let n_sessions = sessions.len();
    let sessions = writer.count("source/sessions", n_sessions, source());
    let n_defects = imported.from.defects.len();
    let defects = writer.count("source/defects", n_defects, Source::Plan);
    let whose = Prose::new()
        .text("Another program measured this (")
        .code(imported.from.kind)
        .text("), and ")
        .value(files)
        .text(plural(n_files, " file of it was imported: ", " files of it were imported: "))
        .value(runs)
        .text(plural(analysis.runs.len(), " run in ", " runs in "))
        .value(sessions)
        .text(plural(n_sessions, " session. ", " sessions. "))
        .value(defects)
        .text(plural(
            n_defects,
            " defect of the source is listed below. ",
            " defects of the source are listed below. ",
        ))
        .then(standing::failures(writer));
    let mut blocks = vec![Block::Paragraph(whose)];
    if let Some(together) = &imported.together {
        blocks.extend(concurrent::answer(writer, together).map(Block::Paragraph));
    }
    if analysis.baseline().is_some() {
        blocks.push(Block::Paragraph(verdicts(writer)));
    }
    blocks.push(Block::Paragraph(text(
        "Nothing here was planned beforehand, so every comparison is exploratory, and no order of \
         runs was drawn by lot: time and configuration are confounded. Treat differences as hints.",
    )));
    writer.callout(Tone::Answer, blocks);
}

/// How many tuned configurations are better, worse, or neither.
fn verdicts(writer: &mut Writer<'_>) -> Prose {
    let analysis = writer.analysis;
    let mut line = Prose::new()
        .text("Against the baseline of the same session, in ")
        .text(analysis.plan.primary.metric.title())
        .text(": ");
    let all = [
        (Verdict::Better, "better", " better, "),
        (Verdict::Worse, "worse", " worse, "),
        (Verdict::Equivalent, "equivalent", " equivalent, "),
        (Verdict::Inconclusive, "inconclusive", " inconclusive"),
    ];
    for (verdict, id, words) in all {
        let n = analysis.with_verdict(verdict).len();
        let source = Source::Runs(ALL_RUNS.to_owned());
        let claim = writer.count(format!("source/verdicts/{id}"), n, source);
        line = line.value(claim).text(words);
    }
    let tuned = analysis.tuned().count();
    let tuned = writer.count("source/configurations/tuned", tuned, Source::Plan);
    line = line.text(", of ").value(tuned).text(" tuned configurations.");
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let success = &analysis.success;
    if let (Some(better), Some(runs)) = (&success.configurations, &success.runs) {
        let better = writer.proportion("source/success/configurations", better, source());
        let runs = writer.proportion("source/success/runs", runs, source());
        line = line
            .text(" A difference that matters is shown for ")
            .value(better)
            .text(" of them; of single runs, ")
            .value(runs)
            .text(" lie above the baseline run beside them, which noise alone does for half.");
    }
    line
}

/// Every configuration against the baseline.
fn compared(writer: &mut Writer<'_>) {
    writer.heading("Against the baseline");
    let margin = writer.margin();
    writer.paragraph(
        text(
            "Each run is paired with the baseline run of the same session and the same number. The \
             two did not alternate: within a session one arm follows the other, so that whatever \
             changed in between is part of the difference. A difference within ±",
        )
        .value(margin)
        .text(" % is taken not to matter; nobody said so before the runs."),
    );
    results::primary(writer, writer.analysis.plan.primary.metric);
}

/// Every configuration on its own.
fn means(writer: &mut Writer<'_>) {
    writer.heading("Means over runs");
    writer.paragraph(text(
        "The source has no baseline that these could be held against; the run is the unit.",
    ));
    let metric = writer.analysis.plan.primary.metric;
    let confidence = writer.confidence();
    let mut rows = Vec::new();
    for each in &writer.analysis.configurations {
        let Some(mean) = writer.metric_mean(metric, each) else { continue };
        rows.push(vec![
            code(&each.planned.id),
            Prose::new().part(mean, Part::N),
            Prose::new().value(mean),
            writer.bracket(Some(mean)),
            results::failures(writer, each),
        ]);
    }
    writer.table(Table {
        caption: Prose::new()
            .text(metric.title())
            .text(" in ")
            .text(metric.unit())
            .text(", mean over runs with ")
            .value(confidence)
            .text(" interval; failed calls beside it."),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("n"), Align::Right),
            (text("mean"), Align::Right),
            (text("interval"), Align::Right),
            (text("failed calls"), Align::Right),
        ],
        rows,
    });
}

fn limitations(writer: &mut Writer<'_>) {
    writer.heading("Risks and limitations");
    writer.list(vec![
        text(
            "What the source does not record is missing here and was not guessed; the list stands \
             under “Where it comes from”.",
        ),
        text(
            "Calls of one run share a server, a model load and a prompt. They are no replicates, so \
             figures over calls carry no interval here, whatever the source printed.",
        ),
        text(
            "A decode rate that the server reports is a property of the server: it supports no \
             claim about an agent or a language.",
        ),
        text("Nobody but the source knows whether its files are what really happened."),
    ]);
}

/// Claims of what a sample of calls or sessions looks like.
struct Described {
    mean: ClaimRef,
    sd: Option<ClaimRef>,
    cv: Option<ClaimRef>,
    median: ClaimRef,
    min: ClaimRef,
    max: ClaimRef,
}

/// What a claim about a sample is called, printed in, derived by and from.
struct Of<'a> {
    id: String,
    unit: &'a str,
    format: Format,
    formula: Formula,
    set: String,
}

/// Makes the claims of a sample.
fn describe(writer: &mut Writer<'_>, of: &Of<'_>, summary: &Summary) -> Described {
    let n = summary.n as u64;
    let mut claim = |name: &str, value: f64, unit: &str, format, formula| {
        let source = Source::Runs(of.set.clone());
        writer.estimate(
            format!("{}/{name}", of.id),
            (value, unit, format),
            (n, None),
            (formula, source),
        )
    };
    Described {
        mean: claim("mean", summary.mean, of.unit, of.format, of.formula),
        sd: summary.sd.map(|sd| claim("sd", sd, of.unit, of.format, Formula::SampleSd)),
        cv: summary.cv.map(|cv| claim("cv", cv, "fraction", Format::Percent(1), Formula::SampleCv)),
        median: claim("median", summary.median, of.unit, of.format, Formula::MedianOf),
        min: claim("min", summary.min, of.unit, of.format, Formula::SmallestOf),
        max: claim("max", summary.max, of.unit, of.format, Formula::LargestOf),
    }
}

/// Returns a count claim of a set of runs.
fn counted(writer: &mut Writer<'_>, id: String, n: u64, set: String) -> Prose {
    let value = (Number::Count(n), "", Format::Count);
    Prose::new().value(writer.claim(id, value, Formula::Count, Source::Runs(set)))
}

/// Returns the cells that name a subject.
fn named(session: &str, part: &str) -> [Prose; 2] {
    [code(session), code(part)]
}
