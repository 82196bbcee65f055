//! Time to first token, cold and warm apart, and gaps between tokens.

use tachograph_model::plan::Metric;
use tachograph_stats::{QuantileError, QuantileEstimate};

use crate::analysis::configuration::{ConfigurationAnalysis, Pooled, QUANTILES};
use crate::analysis::{ALL_RUNS, Analysis};
use crate::claim::{ClaimRef, Format, Number, Part, Source, decimals_for};
use crate::document::{Align, Prose, Table, cell, code, separated, text};
use crate::figure;
use crate::formula::Formula;
use crate::writer::Writer;

/// One of the pooled quantities.
#[derive(Clone, Copy)]
struct Quantity {
    id: &'static str,
    of: fn(&ConfigurationAnalysis) -> &Pooled,
    /// What one of its values belongs to.
    noun: &'static str,
    /// The metric of runs that is its mean, if there is one.
    metric: Option<Metric>,
}

const COLD: Quantity = Quantity {
    id: "ttft_cold_calls",
    of: |each| &each.ttft_cold,
    noun: " calls, there are at most ",
    metric: Some(Metric::TtftCold),
};
const WARM: Quantity = Quantity {
    id: "ttft_warm_calls",
    of: |each| &each.ttft_warm,
    noun: " calls, there are at most ",
    metric: Some(Metric::TtftWarm),
};
const GAPS: Quantity =
    Quantity { id: "itl", of: |each| &each.gaps, noun: " gaps, there are at most ", metric: None };

/// Returns what must be said of cold and warm calls that another program measured.
pub(crate) fn imported_note(analysis: &Analysis) -> Prose {
    if analysis.knows_loads {
        return Prose::new();
    }
    text(
        " The source records no loading of a model for any call, so that cold calls cannot be told: \
         whatever there are stand among the warm ones.",
    )
}

pub(crate) fn section(writer: &mut Writer<'_>) {
    writer.heading("Time to first token, cold and warm");
    let analysis = writer.analysis;
    let count = |of: fn(&ConfigurationAnalysis) -> &Pooled| -> usize {
        analysis.configurations.iter().map(|each| of(each).n).sum()
    };
    let (n_cold, n_warm) = (count(COLD.of), count(WARM.of));
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let cold = writer.count("ttft/cold_calls", n_cold, source());
    let warm = writer.count("ttft/warm_calls", n_warm, source());
    let mut line = Prose::new()
        .text("Completed calls with output: ")
        .value(cold)
        .text(" cold, ")
        .value(warm)
        .text(" warm. They are two metrics.");
    if analysis.imported.is_some() {
        line = line.then(imported_note(analysis));
    } else if n_cold == 0 {
        line = line.text(
            " No call was cold, so nothing is said about a first request; plan the server policy \
             “unload” or “restart” to measure it.",
        );
    }
    if n_warm == 0 {
        line = line.text(" No call was warm.");
    }
    writer.paragraph(line);
    quantiles(writer, WARM, "Warm TTFT in ms: mean over runs, quantiles over pooled calls.");
    quantiles(writer, COLD, "Cold TTFT in ms: mean over runs, quantiles over pooled calls.");
    if let Some((drawing, description)) = figure::ecdf::draw(analysis) {
        let confidence = writer.confidence();
        let caption = Prose::new()
            .text(
                "Share of calls with a TTFT at or below a value, over all configurations; warm \
                   solid in the first colour, cold in the second, each with its ",
            )
            .value(confidence)
            .text(" band (Dvoretzky, Kiefer, Wolfowitz).");
        writer.figure(("ttft", "Distribution of TTFT"), drawing, description, caption);
    }
    writer.subheading("Gaps between tokens");
    coalesced(writer, analysis);
    quantiles(writer, GAPS, "Inter-token latency in ms over pooled gaps.");
    if let Some(timeline) = &analysis.timeline {
        let (drawing, description) = figure::timeline::draw(timeline);
        let caption = Prose::new().text("The calls of run ").code(&timeline.run).text(
            ": loading as the server reports it, then the wait for the first token, then \
                   output. In seconds from the first stage.",
        );
        writer.figure(("timeline", "One run in time"), drawing, description, caption);
    }
}

fn coalesced(writer: &mut Writer<'_>, analysis: &Analysis) {
    let n_gaps: usize = analysis.configurations.iter().map(|each| each.gaps.n).sum();
    let n_coalesced: u64 = analysis.configurations.iter().map(|each| each.n_coalesced).sum();
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let gaps = writer.count("itl/gaps", n_gaps, source());
    let shared = writer.count("itl/coalesced", n_coalesced, source());
    let mut line = Prose::new()
        .value(gaps)
        .text(" gaps between pieces of output were seen. ")
        .value(shared)
        .text(
            " pieces came in one read with the piece before: the gap between them is unknown and \
               left out, not counted as zero",
        );
    let all = n_coalesced + n_gaps as u64;
    if all > 0 {
        let share = n_coalesced as f64 / all as f64;
        let value = (Number::Real(share), "fraction", Format::Percent(1));
        let share = writer.claim("itl/coalesced_share", value, Formula::Share, source());
        line = line.text(" (").value(share).text(")");
    }
    writer.paragraph(line.text(". A piece need not be one token."));
}

fn quantiles(writer: &mut Writer<'_>, quantity: Quantity, caption: &'static str) {
    let analysis = writer.analysis;
    if analysis.configurations.iter().all(|each| (quantity.of)(each).n == 0) {
        return;
    }
    let quantile = |each: &ConfigurationAnalysis, q: f64| {
        let quantiles = &(quantity.of)(each).quantiles;
        quantiles.iter().find(|(own, _)| own.total_cmp(&q).is_eq()).map(|(_, found)| *found)
    };
    let is_shown = |(q, _): &(f64, &str)| {
        analysis.configurations.iter().any(|each| matches!(quantile(each, *q), Some(Ok(_))))
    };
    let shown: Vec<(f64, &'static str)> = QUANTILES.into_iter().filter(is_shown).collect();
    let medians = analysis.configurations.iter().filter_map(|each| match quantile(each, 0.5) {
        Some(Ok(estimate)) => Some(estimate.value),
        _ => None,
    });
    let format = Format::Fixed(decimals_for(medians.fold(0.0, f64::max), 4));
    let mut refused: Vec<(&'static str, ClaimRef, usize)> = Vec::new();
    let mut rows = Vec::new();
    for each in &analysis.configurations {
        let id = format!("{}/{}", quantity.id, each.planned.id);
        let mut row = vec![code(&each.planned.id)];
        if let Some(metric) = quantity.metric {
            let mean = writer.metric_mean(metric, each);
            row.extend([cell(mean), writer.bracket(mean)]);
        }
        let source = Source::Runs(each.planned.id.to_string());
        let n = writer.count(format!("{id}/n"), (quantity.of)(each).n, source);
        row.push(Prose::new().value(n));
        for (q, name) in QUANTILES {
            let found = match quantile(each, q) {
                Some(Ok(estimate)) => {
                    supported(writer, &format!("{id}/{name}"), (&estimate, format), each)
                }
                Some(Err(QuantileError::Unsupported { needed, n, .. })) => {
                    let need = need(writer, name, needed);
                    refused.push((name, need, n));
                    text("refused")
                }
                _ => text("–"),
            };
            if shown.iter().any(|(_, own)| *own == name) {
                row.push(found);
            }
        }
        rows.push(row);
    }
    let mut columns = vec![(text("configuration"), Align::Left)];
    if quantity.metric.is_some() {
        columns.extend([(text("mean of runs"), Align::Right), (text("interval"), Align::Right)]);
    }
    columns.push((text("n"), Align::Right));
    columns.extend(shown.iter().map(|(_, name)| (code(name), Align::Right)));
    let caption = text(caption)
        .text(" Brackets of quantiles are order statistics.")
        .then(writer.cache_note());
    writer.table(Table { caption, columns, rows });
    refusals(writer, quantity, &refused);
}

fn supported(
    writer: &mut Writer<'_>,
    id: &str,
    (estimate, format): (&QuantileEstimate, Format),
    each: &ConfigurationAnalysis,
) -> Prose {
    let source = Source::Runs(each.planned.id.to_string());
    let n = (estimate.n as u64, Some(estimate.interval));
    let value = (estimate.value, "ms", format);
    let claim = writer.estimate(id, value, n, (Formula::PooledQuantile, source));
    Prose::new().value(claim).text(" ").interval(claim)
}

fn need(writer: &mut Writer<'_>, name: &str, needed: usize) -> ClaimRef {
    let value = (Number::Count(needed as u64), "", Format::Count);
    writer.claim(format!("quantile_need/{name}"), value, Formula::QuantileNeed, Source::Plan)
}

/// Says which percentiles a sample was too small for.
fn refusals(
    writer: &mut Writer<'_>,
    quantity: Quantity,
    refused: &[(&'static str, ClaimRef, usize)],
) {
    let mut lines = Vec::new();
    for (_, name) in QUANTILES {
        let of: Vec<_> = refused.iter().filter(|(own, _, _)| *own == name).collect();
        let (Some((_, need, _)), Some(most)) = (of.first(), of.iter().map(|(_, _, n)| *n).max())
        else {
            continue;
        };
        let source = Source::Runs(ALL_RUNS.to_owned());
        let id = format!("{}/largest_refused/{name}", quantity.id);
        let most = writer.count(id, most, source);
        lines.push(
            Prose::new()
                .code(name)
                .text(" needs ")
                .value(*need)
                .text(quantity.noun)
                .part(most, Part::Value),
        );
    }
    if !lines.is_empty() {
        let refused = separated("; ", lines);
        writer.paragraph(Prose::new().text("Refused: ").then(refused).text("."));
    }
}
