//! The page of one configuration, `runs/<configuration>/summary.md`.
//!
//! Owns: what it says. Its numbers are claims of the same names as in the
//! report.

use tachograph_model::plan::Metric;
use tachograph_model::run::Arm;

use crate::analysis::Analysis;
use crate::claim::{Format, Number, Part, Source};
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::multi_agent::page;
use crate::report::Report;
use crate::sections::environment;
use crate::writer::{Writer, arm_name, metric_id, plural};

/// Writes the page of the configuration at position `at`.
pub(crate) fn write(analysis: &Analysis, at: usize) -> Report {
    let mut writer = Writer::new(analysis);
    let each = &analysis.configurations[at];
    let id = &each.planned.id;
    let source = || Source::Runs(id.to_string());
    let sealed = writer.count(format!("runs/{id}/sealed"), each.n_sealed, source());
    let measured = writer.count(format!("runs/{id}/measured"), each.n_measured, source());
    let options = environment::sent(&each.planned);
    let facts = vec![
        ("Study", Prose::new().quote(&analysis.plan.name)),
        ("Arm", text(arm_name(each.planned.arm))),
        ("Options", options),
        (
            "Runs",
            Prose::new()
                .value(sealed)
                .text(plural(each.n_sealed, " run sealed, ", " runs sealed, "))
                .value(measured)
                .text(" measured"),
        ),
        ("Evidence", Prose::new().status(each.status)),
        ("Plan digest", code(analysis.plan_sha256)),
    ];
    let primary = analysis.plan.primary.metric;
    if let Some(judged) = each.judged(primary)
        && let Some(ratio) = writer.ratio(primary, each)
    {
        writer.paragraph(
            Prose::new()
                .text("Against the baseline, ")
                .text(primary.title())
                .text(": ")
                .verdict(judged.verdict)
                .text(", ")
                .value(ratio)
                .text(" ")
                .then(writer.bracket(Some(ratio)))
                .text(" over ")
                .part(ratio, Part::N)
                .text(" blocks."),
        );
    } else if let (Arm::Concurrent, Some(concurrency)) = (each.planned.arm, &analysis.concurrency) {
        page::write(&mut writer, concurrency, at);
    } else if each.planned.arm == Arm::Solo {
        writer.paragraph(text(
            "One agent alone: what concurrent configurations are held against in the same block.",
        ));
    } else if each.planned.arm != Arm::Baseline {
        writer.paragraph(text("It could not be compared with the baseline."));
    }
    let rows = Metric::ALL
        .into_iter()
        .filter_map(|metric| {
            let mean = writer.metric_mean(metric, each)?;
            let ratio = writer.ratio(metric, each);
            Some(vec![
                Prose::new().text(metric.title()).text(", ").text(metric.unit()),
                Prose::new().part(mean, Part::N),
                Prose::new().value(mean),
                writer.bracket(Some(mean)),
                cell(ratio),
                writer.bracket(ratio),
            ])
        })
        .collect();
    let caption = if analysis.concurrency.is_some() {
        text("Mean over runs; of all agents together where there are several.")
    } else {
        text("Mean over runs, and change against the baseline within blocks.")
    };
    writer.table(Table {
        caption,
        columns: vec![
            (text("metric"), Align::Left),
            (text("n"), Align::Right),
            (text("mean"), Align::Right),
            (text("interval"), Align::Right),
            (text("change"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
    runs(&mut writer, at, primary);
    let mut written = writer.into_report("", &id.to_string(), facts);
    written.question = None;
    written
}

fn runs(writer: &mut Writer<'_>, at: usize, primary: Metric) {
    let analysis = writer.analysis;
    let format = writer.metric_format(primary);
    let rows = analysis
        .runs
        .iter()
        .filter(|run| run.configuration == Some(at))
        .map(|run| {
            let source = || Source::Runs(run.id.configuration.to_string());
            let value = run.metrics.get(&primary).map(|value| {
                let id = format!("run/{}/{}", run.id, metric_id(primary));
                let value = (Number::Real(*value), primary.unit(), format);
                writer.claim(id, value, Formula::RunMean, source())
            });
            let tokens = (Number::Count(run.output_tokens), "tokens", Format::Count);
            let id = format!("run/{}/output_tokens", run.id);
            let tokens = writer.claim(id, tokens, Formula::Sum, source());
            vec![
                code(&run.id),
                cell(value),
                Prose::new().value(tokens),
                Prose::new().status(run.status),
                code(run.events_sha256),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text("Its runs, with the digests of their events."),
        columns: vec![
            (text("run"), Align::Left),
            (Prose::new().text(primary.title()).text(", ").text(primary.unit()), Align::Right),
            (text("output tokens"), Align::Right),
            (text("evidence"), Align::Left),
            (text("events"), Align::Left),
        ],
        rows,
    });
}
