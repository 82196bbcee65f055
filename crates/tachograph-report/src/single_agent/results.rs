//! The results tables and their two figures.

use tachograph_model::plan::Metric;
use tachograph_model::run::Arm;

use super::stopping;
use crate::analysis::configuration::{ConfigurationAnalysis, Estimate};
use crate::claim::{ClaimRef, Format, Number, Part, Source};
use crate::document::{Align, Block, Prose, Table, cell, code, text};
use crate::figure;
use crate::formula::Formula;
use crate::sections::standing;
use crate::writer::{Writer, with_baseline};

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("Results");
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    primary(writer, metric);
    if let Some((drawing, description)) = figure::runs::draw(analysis, metric) {
        let caption = Prose::new()
            .text(
                "Each dot is one run; the diamond is the mean over runs and the bar its \
                   interval. In ",
            )
            .text(metric.unit())
            .text(".");
        writer.figure(("runs", "Runs of each configuration"), drawing, description, caption);
    }
    if let Some((drawing, description)) = figure::forest::draw(analysis, metric) {
        let margin = writer.margin();
        let interval = stopping::interval(writer).unwrap_or_else(|| text("its interval"));
        let caption = Prose::new()
            .text("Change against the baseline of the same block, with ")
            .then(interval)
            .text(". ")
            .text("The shaded band is the margin of ±")
            .value(margin)
            .text(" %: differences inside it do not matter.");
        writer.figure(("ratios", "Ratios to the baseline"), drawing, description, caption);
    }
    super::companions::section(writer, metric);
    tokens(writer);
    super::length::section(writer, metric);
    writer.subheading("Other metrics");
    let note = writer.looks_note();
    let words = "Exploratory: not planned as primary. Each verdict is reached alone and is a hint \
                 for the next plan; the p-values beside it are adjusted after Benjamini and Hochberg \
                 over all exploratory comparisons, which bounds the share of false ones among those \
                 claimed.";
    writer.paragraph(text(words).then(note));
    for other in Metric::ALL.into_iter().filter(|other| *other != metric) {
        exploratory(writer, other);
    }
}

/// Heads of the columns that each table of means and changes begins with.
fn columns() -> Vec<(Prose, Align)> {
    vec![
        (text("configuration"), Align::Left),
        (text("n"), Align::Right),
        (text("mean"), Align::Right),
        (text("interval"), Align::Right),
        (text("change"), Align::Right),
        (text("interval"), Align::Right),
    ]
}

pub(crate) fn primary(writer: &mut Writer<'_>, metric: Metric) {
    let analysis = writer.analysis;
    let rows = analysis.configurations.iter().map(|each| row(writer, metric, each)).collect();
    let confidence = writer.confidence();
    let interval = stopping::interval(writer);
    let sequential = interval.is_some();
    let whose = interval.map_or_else(Prose::new, |words| text(", with ").then(words));
    let mut columns = columns();
    if !sequential {
        columns.push((text("p (Holm)"), Align::Right));
    }
    columns.extend([
        (text("verdict"), Align::Left),
        (text("failed calls"), Align::Right),
        (text("evidence"), Align::Left),
    ]);
    writer.table(Table {
        caption: Prose::new()
            .text(if analysis.imported.is_some() { "Metric: " } else { "Primary metric: " })
            .text(metric.title())
            .text(" in ")
            .text(metric.unit())
            .text(", mean over runs with ")
            .value(confidence)
            .text(" interval; change against the baseline within blocks")
            .then(whose)
            .text("; failed calls beside it.")
            .then(writer.cache_note()),
        columns,
        rows,
    });
}

fn row(writer: &mut Writer<'_>, metric: Metric, each: &ConfigurationAnalysis) -> Vec<Prose> {
    let mean = writer.metric_mean(metric, each);
    let ratio = writer.ratio(metric, each);
    let id = &each.planned.id;
    let n = if let Some(mean) = mean {
        Prose::new().part(mean, Part::N)
    } else {
        let source = Source::Runs(id.to_string());
        let none = writer.count(format!("runs/{id}/measured"), each.n_measured, source);
        Prose::new().value(none)
    };
    // A p-value of a test made at several looks is not what it says.
    let judged = each.judged(metric).filter(|_| writer.sequential(metric).is_none());
    let p = judged.map(|judged| {
        let family = judged.family_size > 1 || each.planned.arm == Arm::Chimera;
        let (formula, name) =
            if family { (Formula::HolmDifference, "p_holm") } else { (Formula::UnadjustedP, "p") };
        let id = format!("{}/{id}/{name}", crate::writer::metric_id(metric));
        let source = Source::Runs(with_baseline(each));
        writer.p_value(id, judged.p_difference_adjusted, formula, source)
    });
    let mut row =
        vec![code(id), n, cell(mean), writer.bracket(mean), cell(ratio), writer.bracket(ratio)];
    if writer.sequential(metric).is_none() {
        row.push(cell(p));
    }
    row.extend([verdict(metric, each), failures(writer, each), Prose::new().status(each.status)]);
    row
}

/// Returns the verdict, or why there is none.
pub(super) fn verdict(metric: Metric, each: &ConfigurationAnalysis) -> Prose {
    if each.planned.arm == Arm::Baseline {
        return text("(baseline)");
    }
    standing::verdict(each.compared.get(&metric))
}

/// Returns failed calls as `failed / all`, with the interval of their rate.
pub(crate) fn failures(writer: &mut Writer<'_>, each: &ConfigurationAnalysis) -> Prose {
    let Some(failures) = each.failures else { return text("–") };
    let id = &each.planned.id;
    let source = || Source::Runs(id.to_string());
    let failed = writer.count(format!("calls/{id}/failed"), failures.successes, source());
    let rate = writer.proportion(format!("calls/{id}/failure_rate"), &failures, source());
    let line = Prose::new().value(failed).text(" / ").part(rate, Part::N);
    line.text(" ").then(writer.bracket(Some(rate)))
}

fn tokens(writer: &mut Writer<'_>) {
    writer.subheading("Output tokens beside wall time");
    writer.paragraph(text(
        "The length of an answer is the model's choice. Where tokens differ between \
         configurations, wall times do not compare like with like; rates do.",
    ));
    let rows = writer
        .analysis
        .configurations
        .iter()
        .map(|each| {
            let tokens = each.output_tokens.as_ref().map(|estimate| {
                let id = format!("output_tokens/{}/mean", each.planned.id);
                writer.mean(id, estimate, ("tokens", Format::Fixed(1)), each)
            });
            let wall = writer.metric_mean(Metric::RunWall, each);
            let rate = writer.metric_mean(Metric::OutputThroughput, each);
            vec![
                code(&each.planned.id),
                cell(tokens),
                writer.bracket(tokens),
                cell(wall),
                writer.bracket(wall),
                cell(rate),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text("Per run, mean over runs.").then(writer.cache_note()),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("output tokens"), Align::Right),
            (text("interval"), Align::Right),
            (text("wall time, s"), Align::Right),
            (text("interval"), Align::Right),
            (text("tok/s"), Align::Right),
        ],
        rows,
    });
    reconciliation(writer);
}

/// The server's token counts beside the pieces that arrived.
fn reconciliation(writer: &mut Writer<'_>) {
    let rows = writer
        .analysis
        .configurations
        .iter()
        .map(|each| {
            let id = &each.planned.id;
            let tokens = &each.tokens;
            let mut claim = |name: &str, count: u64, unit: &str, formula| {
                let value = (Number::Count(count), unit, Format::Count);
                let source = Source::Runs(id.to_string());
                let claim = writer.claim(format!("tokens/{id}/{name}"), value, formula, source);
                Prose::new().value(claim)
            };
            vec![
                code(id),
                claim("calls_with_usage", tokens.n_by_server, "calls", Formula::Count),
                claim("by_server", tokens.by_server, "tokens", Formula::Sum),
                claim("chunks", tokens.chunks, "chunks", Formula::Sum),
                claim("calls_without_usage", tokens.n_by_chunks, "calls", Formula::Count),
                claim("contradictions", tokens.n_contradictions, "calls", Formula::Count),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Who counts tokens. Where a server gives no usage, pieces of output stand in for \
             tokens, which they need not be. A call is contradictory if the server counts fewer \
             tokens than pieces, or more than the limit of the request.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("calls with usage"), Align::Right),
            (text("their tokens"), Align::Right),
            (text("their pieces"), Align::Right),
            (text("calls without"), Align::Right),
            (text("contradictory"), Align::Right),
        ],
        rows,
    });
}

fn exploratory(writer: &mut Writer<'_>, metric: Metric) {
    let analysis = writer.analysis;
    let has_any = analysis.configurations.iter().any(|each| each.metrics.contains_key(&metric));
    if !has_any {
        writer.paragraph(
            Prose::new()
                .text("No measured run has a ")
                .text(metric.title())
                .text(": nothing to report."),
        );
        return;
    }
    let rows = analysis
        .configurations
        .iter()
        .enumerate()
        .map(|(at, each)| {
            let mean = writer.metric_mean(metric, each);
            let ratio = writer.ratio(metric, each);
            let n = mean.map_or_else(|| text("–"), |mean| Prose::new().part(mean, Part::N));
            let p = analysis.exploratory.get(&(metric, at)).map(|&p| {
                let id = format!("{}/{}/p_bh", crate::writer::metric_id(metric), each.planned.id);
                let source = Source::Runs(with_baseline(each));
                writer.p_value(id, p, Formula::BenjaminiHochberg, source)
            });
            vec![
                code(&each.planned.id),
                n,
                cell(mean),
                writer.bracket(mean),
                cell(ratio),
                writer.bracket(ratio),
                cell(p),
                verdict(metric, each),
            ]
        })
        .collect();
    let mut caption = Prose::new()
        .text("Exploratory: ")
        .text(metric.title())
        .text(", in ")
        .text(metric.unit())
        .text(if metric.higher_is_better() { "; more is better." } else { "; less is better." });
    if metric == Metric::ServerDecodeRate {
        caption =
            caption.text(" A property of the server: it never supports a claim about a client.");
    }
    caption = caption.then(writer.cache_note());
    let mut columns = columns();
    columns.extend([(text("p (BH)"), Align::Right), (text("verdict (exploratory)"), Align::Left)]);
    let table = Table { caption, columns, rows };
    let summary = Prose::new().text(metric.title()).text(" (").text(metric.unit()).text(")");
    writer.push(Block::Details(summary, vec![Block::Table(table)]));
}

/// The describing figures of an estimate: sd, median, smallest and largest.
pub(super) struct Described {
    pub(super) sd: Option<ClaimRef>,
    pub(super) median: ClaimRef,
    pub(super) min: ClaimRef,
    pub(super) max: ClaimRef,
}

/// Makes the claims that describe a sample of run means.
pub(super) fn describe(
    writer: &mut Writer<'_>,
    metric: Metric,
    each: &ConfigurationAnalysis,
    estimate: &Estimate,
) -> Described {
    let format = writer.metric_format(metric);
    let mut claim = |name: &str, value: f64, formula| {
        let id = format!("{}/{}/{name}", crate::writer::metric_id(metric), each.planned.id);
        let source = Source::Runs(each.planned.id.to_string());
        let n = (estimate.summary.n as u64, None);
        writer.estimate(id, (value, metric.unit(), format), n, (formula, source))
    };
    let summary = &estimate.summary;
    Described {
        sd: summary.sd.map(|sd| claim("sd", sd, Formula::StandardDeviation)),
        median: claim("median", summary.median, Formula::Median),
        min: claim("min", summary.min, Formula::Minimum),
        max: claim("max", summary.max, Formula::Maximum),
    }
}
