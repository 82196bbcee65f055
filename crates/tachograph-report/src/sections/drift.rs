//! Whether the study moved while it ran.

use super::order;
use crate::analysis::MEASURED_RUNS;
use crate::claim::{Format, Number, Source};
use crate::document::{Align, Prose, Table, code, text};
use crate::figure;
use crate::formula::Formula;
use crate::writer::Writer;

/// Blocks, trend, neighbours, changes of level.
pub(crate) fn section(writer: &mut Writer<'_>) {
    writer.heading("Drift over the study");
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let source = || Source::Runs(MEASURED_RUNS.to_owned());
    match analysis.block_effect {
        None => writer.paragraph(text(
            "Fewer than two complete blocks, so it cannot be told whether the level of the study \
             moved.",
        )),
        Some(effect) => {
            let p = writer.p_value("drift/p", effect.p_value, Formula::BlockF, source());
            let moved = effect.p_value <= analysis.plan.primary.alpha;
            let line =
                Prose::new().text("Between complete blocks, the level of ").text(metric.title());
            let line = if moved {
                line.text(" moved by more than chance explains (p ").value(p).text(
                    "). Comparisons within blocks are not touched by it; means over blocks are.",
                )
            } else {
                line.text(" was not shown to move (p ")
                    .value(p)
                    .text("). That is no proof that it did not.")
            };
            writer.paragraph(line);
        }
    }
    if let Some(trend) = analysis.trend {
        let p = writer.p_value("drift/trend_p", trend.p_value, Formula::MannKendall, source());
        let mut line = text("Over the order of execution, a trend was ");
        line = line.text(if trend.p_value <= analysis.plan.primary.alpha {
            "found"
        } else {
            "not shown"
        });
        line = line.text(" (Mann-Kendall p ").value(p);
        if let Some(tau) = trend.tau {
            let value = (tau, "", Format::Fixed(2));
            let n = (trend.n as u64, None);
            let what = (Formula::MannKendall, source());
            let tau = writer.estimate("drift/trend_tau", value, n, what);
            line = line.text(", τ ").value(tau);
        }
        writer.paragraph(line.text(")."));
    }
    order::section(writer);
    let format = writer.metric_format(metric);
    let rows: Vec<Vec<Prose>> = analysis
        .block_means
        .iter()
        .map(|(block, mean)| {
            let value = (Number::Real(*mean), metric.unit(), format);
            let id = format!("drift/block/{block}");
            let claim = writer.claim(id, value, Formula::Mean, source());
            vec![code(block), Prose::new().value(claim)]
        })
        .collect();
    writer.table(Table {
        caption: Prose::new()
            .text("Mean over all configurations of each complete block, in order, in ")
            .text(metric.unit())
            .text("."),
        columns: vec![(text("block"), Align::Left), (text("mean"), Align::Right)],
        rows,
    });
    if let Some((drawing, description)) = figure::drift::draw(analysis, metric) {
        let caption = text(
            "Each run's departure from the mean of its configuration, in the order of execution; \
             vertical lines separate blocks, horizontal bars are their means.",
        );
        writer.figure(("drift", "Runs in order of execution"), drawing, description, caption);
    }
}
