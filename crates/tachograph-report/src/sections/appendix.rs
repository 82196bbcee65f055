//! How to verify, and everything that a table above left out.

use tachograph_model::event::{CallStatus, RunOutcome};

use super::environment;
use crate::analysis::ALL_RUNS;
use crate::claim::{Format, Number, Source};
use crate::document::{Align, Block, Prose, Table, cell, code, text};
use crate::facts::Degeneracy;
use crate::formula::Formula;
use crate::writer::{Writer, arm_name, plural};

/// What every report ends with.
pub(crate) fn all(writer: &mut Writer<'_>) {
    verification(writer);
    configurations(writer);
    failures(writer);
    runs(writer);
    files(writer);
    provenance(writer);
    glossary(writer);
}

/// What the report of an imported study ends with.
pub(crate) fn imported(writer: &mut Writer<'_>) {
    verification(writer);
    configurations(writer);
    failures(writer);
    runs(writer);
    provenance(writer);
    glossary(writer);
}

fn verification(writer: &mut Writer<'_>) {
    writer.heading("How to verify");
    writer.paragraph(
        Prose::new()
            .text("Every number above is a claim. ")
            .code("claims.json")
            .text(
                " gives its value at full precision, n, interval, formula, the runs it rests on \
                   with the digests of their events, and the bytes of ",
            )
            .code("report.md")
            .text(" that print it. With the study folder, anyone can compute it again:"),
    );
    writer.push(Block::Commands(vec![
        "tacho verify STUDY    # chain, digests, every statistic, every printed number".to_owned(),
        "tacho report STUDY    # writes this report again, byte for byte".to_owned(),
        "zstd -dc STUDY/runs/CONFIGURATION/run_NNN/events.jsonl.zst | sha256sum".to_owned(),
    ]));
    writer.paragraph(text(
        "Verification recomputes this report from raw events and compares it byte by byte. It \
         cannot tell whether the events themselves are what really happened, nor whether what the \
         server said of itself is true. Marks on the axes of figures are scale, not claims; the \
         figures are compared as files.",
    ));
}

fn configurations(writer: &mut Writer<'_>) {
    writer.heading("Appendix: configurations");
    let rows = writer
        .analysis
        .configurations
        .iter()
        .map(|each| {
            let id = &each.planned.id;
            let source = || Source::Runs(id.to_string());
            let sealed = writer.count(format!("runs/{id}/sealed"), each.n_sealed, source());
            let measured = writer.count(format!("runs/{id}/measured"), each.n_measured, source());
            let cached = each.cached_prompt_tokens.map(|tokens| {
                let id = format!("calls/{id}/cached_prompt_tokens");
                let value = (Number::Count(tokens), "tokens", Format::Count);
                writer.claim(id, value, Formula::Sum, source())
            });
            vec![
                code(id),
                text(arm_name(each.planned.arm)),
                environment::sent(&each.planned),
                Prose::new().value(sealed),
                Prose::new().value(measured),
                cell(cached),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text("Every configuration, with the options it sends (the block's seed apart)."),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("arm"), Align::Left),
            (text("options"), Align::Left),
            (text("runs"), Align::Right),
            (text("measured"), Align::Right),
            (text("cached prompt tokens"), Align::Right),
        ],
        rows,
    });
}

fn failures(writer: &mut Writer<'_>) {
    writer.heading("Failed calls");
    let analysis = writer.analysis;
    statuses(writer);
    degenerate(writer);
    if analysis.failed_calls.is_empty() {
        writer.paragraph(text("No call that ended failed."));
    }
    let rows = analysis
        .failed_calls
        .iter()
        .map(|call| {
            let http = call.http_status.map(|status| {
                let id = format!("failed/{}/{}/{}/http", call.run, call.agent, call.call);
                let value = (Number::Count(u64::from(status)), "", Format::Count);
                let source = Source::Line(call.run.clone(), call.line);
                writer.claim(id, value, Formula::Recorded, source)
            });
            vec![
                code(&call.run),
                code(&call.agent),
                code(call.stage),
                code(call.call),
                code(call.status.name()),
                cell(http),
                Prose::new().quote(call.error.as_deref().unwrap_or("no words given")),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text("Every failed call, warm-up included."),
        columns: vec![
            (text("run"), Align::Left),
            (text("agent"), Align::Left),
            (text("stage"), Align::Left),
            (text("call"), Align::Right),
            (text("status"), Align::Left),
            (text("HTTP"), Align::Right),
            (text("error"), Align::Left),
        ],
        rows,
    });
}

fn statuses(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let seen: Vec<CallStatus> = CallStatus::ALL
        .into_iter()
        .filter(|status| {
            *status == CallStatus::Completed
                || analysis.configurations.iter().any(|each| each.statuses.contains_key(status))
        })
        .collect();
    let unfinished = analysis.configurations.iter().any(|each| each.n_unfinished > 0);
    let mut columns = vec![(text("configuration"), Align::Left)];
    columns.extend(seen.iter().map(|status| (code(status.name()), Align::Right)));
    if unfinished {
        columns.push((text("never ended"), Align::Right));
    }
    columns.push((text("failure rate"), Align::Right));
    columns.push((text("interval"), Align::Right));
    let rows = analysis
        .configurations
        .iter()
        .map(|each| {
            let id = &each.planned.id;
            let source = || Source::Runs(id.to_string());
            let mut row = vec![code(id)];
            for status in &seen {
                let count = each.statuses.get(status).copied().unwrap_or_default();
                let name = format!("calls/{id}/{}", status.name());
                let claim = writer.count(name, count, source());
                row.push(Prose::new().value(claim));
            }
            if unfinished {
                let name = format!("calls/{id}/unfinished");
                let claim = writer.count(name, each.n_unfinished, source());
                row.push(Prose::new().value(claim));
            }
            let rate = each
                .failures
                .map(|f| writer.proportion(format!("calls/{id}/failure_rate"), &f, source()));
            row.push(cell(rate));
            row.push(writer.bracket(rate));
            row
        })
        .collect();
    writer.table(Table {
        caption: text("Calls by how they ended, warm-up left out; Wilson intervals."),
        columns,
        rows,
    });
}

fn degenerate(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    if analysis.configurations.iter().all(|each| each.degenerate.is_empty()) {
        writer.paragraph(text("No completed answer is degenerate."));
        return;
    }
    let mut columns = vec![(text("configuration"), Align::Left)];
    columns.extend(Degeneracy::ALL.iter().map(|kind| (text(kind.title()), Align::Right)));
    let rows = analysis
        .configurations
        .iter()
        .map(|each| {
            let id = &each.planned.id;
            let mut row = vec![code(id)];
            for kind in Degeneracy::ALL {
                let count = each.degenerate.get(&kind).copied().unwrap_or_default();
                let name = format!("degenerate/{id}/{}", crate::writer::anchor(kind.title()));
                let claim = writer.count(name, count, Source::Runs(id.to_string()));
                row.push(Prose::new().value(claim));
            }
            row
        })
        .collect();
    writer.table(Table {
        caption: text("Completed calls whose answers are degenerate."),
        columns,
        rows,
    });
}

fn runs(writer: &mut Writer<'_>) {
    writer.heading("Appendix: runs");
    let analysis = writer.analysis;
    let metric = analysis.plan.primary.metric;
    let format = writer.metric_format(metric);
    let rows: Vec<Vec<Prose>> = analysis
        .runs
        .iter()
        .map(|run| {
            let source = || Source::Runs(run.id.configuration.to_string());
            let value = run.metrics.get(&metric).map(|value| {
                let id = format!("run/{}/{}", run.id, crate::writer::metric_id(metric));
                let value = (Number::Real(*value), metric.unit(), format);
                writer.claim(id, value, Formula::RunMean, source())
            });
            let tokens =
                writer.count(format!("run/{}/output_tokens", run.id), run.output_tokens, source());
            let calls = writer.count(format!("run/{}/calls", run.id), run.n_calls, source());
            let failed =
                writer.count(format!("run/{}/failed", run.id), run.n_failed_calls, source());
            vec![
                code(run.index),
                code(&run.id),
                text(match run.outcome {
                    RunOutcome::Completed => "completed",
                    RunOutcome::Failed => "failed",
                }),
                cell(value),
                Prose::new().value(tokens),
                Prose::new().value(failed).text(" / ").value(calls),
                Prose::new().status(run.status),
                code(run.events_sha256.short()),
            ]
        })
        .collect();
    if rows.is_empty() {
        writer.paragraph(text("No run is sealed."));
        return;
    }
    let n = writer.count("appendix/runs", rows.len(), Source::Runs(ALL_RUNS.to_owned()));
    let table = Table {
        caption: Prose::new()
            .text(
                "Every sealed run in the order of execution. Digests are the first twelve digits \
                   of the events' ",
            )
            .code("SHA-256")
            .text("; ")
            .code("claims.json")
            .text(" has them in full."),
        columns: vec![
            (text("order"), Align::Right),
            (text("run"), Align::Left),
            (text("outcome"), Align::Left),
            (Prose::new().text(metric.title()).text(", ").text(metric.unit()), Align::Right),
            (text("output tokens"), Align::Right),
            (text("failed calls"), Align::Right),
            (text("evidence"), Align::Left),
            (text("events"), Align::Left),
        ],
        rows,
    };
    let summary = Prose::new().value(n).text(plural(analysis.runs.len(), " run", " runs"));
    writer.push(Block::Details(summary, vec![Block::Table(table)]));
}

fn files(writer: &mut Writer<'_>) {
    writer.heading("Appendix: files ingested");
    let analysis = writer.analysis;
    if analysis.input_files.is_empty() {
        writer.paragraph(text("No run ingested a file."));
    } else {
        let source = || Source::Runs(ALL_RUNS.to_owned());
        let n_files = analysis.input_files.len();
        let n = writer.count("files/ingested", n_files, source());
        let rows = analysis
            .input_files
            .iter()
            .map(|(path, (bytes, digest))| {
                let value = (Number::Count(*bytes), "bytes", Format::Count);
                let id = format!("files/{path}/bytes");
                let bytes = writer.claim(id, value, Formula::Recorded, source());
                vec![code(path), Prose::new().value(bytes), code(digest.short())]
            })
            .collect();
        let table = Table {
            caption: text("Files that agents read, over all runs."),
            columns: vec![
                (text("path"), Align::Left),
                (text("bytes"), Align::Right),
                (code("SHA-256"), Align::Left),
            ],
            rows,
        };
        let summary = Prose::new().value(n).text(plural(n_files, " file", " files"));
        writer.push(Block::Details(summary, vec![Block::Table(table)]));
    }
    let skipped = analysis.skipped_files.iter().map(|(path, reason)| {
        Prose::new().text("Skipped: ").code(path).text(", because ").quote(reason).text(".")
    });
    writer.list(skipped.collect());
}

fn provenance(writer: &mut Writer<'_>) {
    writer.heading("Appendix: provenance");
    let analysis = writer.analysis;
    let mut items = vec![
        Prose::new()
            .text("Plan with every default explicit (")
            .code("plan.lock.json")
            .text("): ")
            .code(analysis.plan_sha256)
            .text("."),
    ];
    if let Some(digest) = analysis.plan_text_sha256 {
        items.push(
            Prose::new()
                .text("Plan as written (")
                .code("plan.toml")
                .text("): ")
                .code(digest)
                .text("."),
        );
    }
    if let Some(digest) = analysis.environment.harness.executable_sha256 {
        items.push(Prose::new().text("Program that measured: ").code(digest).text("."));
    }
    if let Some(version) = &analysis.harness_version {
        items.push(
            Prose::new().text("Study created by ").code("tacho").text(" ").code(version).text("."),
        );
    }
    items.push(text(
        "Each run's events are sealed in the journal by their digest; each line of the journal \
         carries the digest of the line before.",
    ));
    writer.list(items);
}

/// Every formula that the report uses.
pub(crate) fn glossary(writer: &mut Writer<'_>) {
    writer.heading("Formulas");
    let used = Formula::used(writer.claims());
    let rows =
        used.into_iter().map(|formula| vec![code(formula.name()), text(formula.text())]).collect();
    writer.table(Table {
        caption: text("Every formula that a claim of this report names."),
        columns: vec![(text("name"), Align::Left), (text("what it is"), Align::Left)],
        rows,
    });
}
