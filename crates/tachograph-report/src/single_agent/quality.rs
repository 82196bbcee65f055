//! Consistency and the noise floor.

use tachograph_model::run::Arm;

use super::results::describe;
use crate::analysis::MEASURED_RUNS;
use crate::analysis::configuration::FENCE_RUNS_MIN;
use crate::claim::{Format, Number, Source};
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::writer::Writer;

pub(super) fn consistency(writer: &mut Writer<'_>) {
    writer.heading("Consistency");
    let metric = writer.analysis.plan.primary.metric;
    let analysis = writer.analysis;
    let with_bca = analysis
        .configurations
        .iter()
        .any(|each| each.metrics.get(&metric).is_some_and(|estimate| estimate.bca.is_some()));
    let mut rows = Vec::new();
    for each in &analysis.configurations {
        let Some(estimate) = each.metrics.get(&metric) else { continue };
        let described = describe(writer, metric, each, estimate);
        let cv = estimate.cv.map(|cv| {
            let id = format!("{}/{}/cv", crate::writer::metric_id(metric), each.planned.id);
            let source = Source::Runs(each.planned.id.to_string());
            let value = (cv.cv, "fraction", Format::Percent(2));
            let n = (cv.n as u64, cv.interval);
            writer.estimate(id, value, n, (Formula::CoefficientOfVariation, source))
        });
        let mut row = vec![
            code(&each.planned.id),
            cell(described.sd),
            cell(cv),
            writer.bracket(cv),
            Prose::new().value(described.median),
            Prose::new().value(described.min),
            Prose::new().value(described.max),
        ];
        if with_bca {
            let bca = estimate.bca.map(|interval| {
                let id =
                    format!("{}/{}/mean_bca", crate::writer::metric_id(metric), each.planned.id);
                let value = (estimate.summary.mean, metric.unit(), writer.metric_format(metric));
                let n = (estimate.summary.n as u64, Some(interval));
                let source = Source::Runs(each.planned.id.to_string());
                writer.estimate(id, value, n, (Formula::Bca, source))
            });
            row.push(writer.bracket(bca));
        }
        rows.push(row);
    }
    if rows.is_empty() {
        writer.paragraph(text("No run was measured, so there is no spread to describe."));
        return;
    }
    writer.paragraph(text(
        "Over runs of one configuration, never over pooled calls. Spread includes what blocks do; \
         comparisons within blocks are sharper than these figures suggest.",
    ));
    let mut columns = vec![
        (text("configuration"), Align::Left),
        (text("sd"), Align::Right),
        (text("CV"), Align::Right),
        (text("interval of CV"), Align::Right),
        (text("median"), Align::Right),
        (text("smallest"), Align::Right),
        (text("largest"), Align::Right),
    ];
    if with_bca {
        columns.push((text("mean, bootstrap (BCa)"), Align::Right));
    }
    writer.table(Table {
        caption: Prose::new()
            .text("Spread of ")
            .text(metric.title())
            .text(" over runs, in ")
            .text(metric.unit())
            .text("; CV is standard deviation over mean."),
        columns,
        rows,
    });
    super::variation::equal_spread(writer);
    outliers(writer);
    super::variation::section(writer);
}

/// Names runs beyond Tukey's fences; nothing is dropped.
fn outliers(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let mut rows = Vec::new();
    for (at, each) in analysis.configurations.iter().enumerate() {
        let Some(estimate) = each.metrics.get(&metric) else { continue };
        let Some((outside, without)) = estimate.outliers() else { continue };
        let runs = analysis.runs.iter().filter(|run| run.configuration == Some(at));
        let measured: Vec<_> =
            runs.filter(|run| run.metrics.contains_key(&metric)).map(|run| &run.id).collect();
        let names = comma_separated(outside.iter().filter_map(|&at| measured.get(at)).map(code));
        let mean = writer.metric_mean(metric, each);
        let id = format!("{}/{}/mean_without", crate::writer::metric_id(metric), each.planned.id);
        let value = (Number::Real(without), metric.unit(), writer.metric_format(metric));
        let source = Source::Runs(each.planned.id.to_string());
        let without = writer.claim(id, value, Formula::LeftOut, source);
        rows.push(vec![names, cell(mean), Prose::new().value(without)]);
    }
    if rows.is_empty() {
        let largest = analysis.configurations.iter().filter_map(|each| each.metrics.get(&metric));
        let n = largest.map(|estimate| estimate.summary.n).max().unwrap_or_default();
        writer.paragraph(if n < FENCE_RUNS_MIN {
            text(
                "Outliers are not classified: with fewer than eight runs of a configuration, \
                 Tukey's fences find them in noise. Nothing is dropped.",
            )
        } else {
            text(
                "No run lies beyond Tukey's inner fences of its configuration. Nothing would be \
                 dropped if one did.",
            )
        });
        return;
    }
    writer.table(Table {
        caption: Prose::new()
            .text(
                "Runs beyond Tukey's inner fences of their configuration. They stay in; the \
                   last column shows what leaving them out would do. In ",
            )
            .text(metric.unit())
            .text("."),
        columns: vec![
            (text("runs"), Align::Left),
            (text("mean with"), Align::Right),
            (text("mean without"), Align::Right),
        ],
        rows,
    });
}

pub(super) fn noise_floor(writer: &mut Writer<'_>) {
    writer.heading("Noise floor");
    if let Some(ratio) = writer.analysis.detectable {
        let format = Format::Change(writer.change_decimals());
        let source = Source::Runs(MEASURED_RUNS.to_owned());
        let value = (Number::Real(ratio), "ratio", format);
        let claim = writer.claim("noise/detectable", value, Formula::DetectableRatio, source);
        writer.paragraph(
            Prose::new()
                .text(
                    "With its blocks and the spread that was seen, this study tells a true \
                       change of ",
                )
                .strong(Prose::new().value(claim))
                .text(
                    " from none in four of five cases, in the typical comparison taken alone. \
                       Smaller changes usually stay inconclusive.",
                ),
        );
    }
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    super::power::table(writer, metric);
    let again = analysis.configurations.iter().find(|each| each.planned.arm == Arm::BaselineAa);
    let Some(again) = again else {
        writer.paragraph(
            Prose::new()
                .text("The plan has no A/A arm (")
                .code("baseline.aa")
                .text("), so the size of a difference between equal things is not known."),
        );
        return;
    };
    let (Some(judged), Some(ratio)) = (again.judged(metric), writer.ratio(metric, again)) else {
        writer.paragraph(text(
            "The plan has an A/A arm, but too few blocks hold both of its halves.",
        ));
        return;
    };
    let line = Prose::new()
        .text("The baseline was run twice in each block. The second differs from the first by ")
        .strong(Prose::new().value(ratio))
        .text(" ")
        .interval(ratio)
        .text(" over ")
        .part(ratio, crate::claim::Part::N)
        .text(" blocks: ")
        .verdict(judged.verdict)
        .text(". ");
    writer.paragraph(match judged.verdict {
        tachograph_stats::Verdict::Equivalent if !judged.ratio.interval.contains(1.0) => line.text(
            "The difference is smaller than the margin, but it is there, between equal things: do \
             not rely on changes of this size.",
        ),
        tachograph_stats::Verdict::Equivalent => {
            line.text("The design can tell equal things from different ones at this margin.")
        }
        tachograph_stats::Verdict::Inconclusive => line.text(
            "Equal things could not be shown to be equal: the study is too small, or the machine \
             too noisy, for this margin.",
        ),
        _ => line.text(
            "Equal things were judged different. Treat every verdict of this study with suspicion.",
        ),
    });
}
