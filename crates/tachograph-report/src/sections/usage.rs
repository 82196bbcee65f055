//! Resource use of the agents' processes, and where the time of a run goes.

use crate::analysis::configuration::Resource;
use crate::claim::{Format, decimals_for};
use crate::document::{Align, Prose, Table, code, text};
use crate::writer::Writer;

pub(crate) fn section(writer: &mut Writer<'_>) {
    writer.heading("Resource use");
    writer.paragraph(text(
        "Of the agent's own process, not of the server. Peak memory is free of the harness's own; \
         mean over runs, with interval where it fits; every number has its own when opened.",
    ));
    let analysis = writer.analysis;
    let known: Vec<Resource> = Resource::ALL
        .into_iter()
        .filter(|r| analysis.configurations.iter().any(|each| each.resources.contains_key(r)))
        .collect();
    if known.is_empty() {
        writer.paragraph(text("The system's counters for the processes are not in the evidence."));
    } else {
        let mut columns = vec![(text("configuration"), Align::Left)];
        for resource in &known {
            let head = text(resource.title());
            let head = match resource.unit() {
                "" | "%" => head,
                unit => head.text(", ").text(unit),
            };
            columns.push((head, Align::Right));
        }
        let rows = analysis
            .configurations
            .iter()
            .map(|each| {
                let mut row = vec![code(&each.planned.id)];
                for resource in &known {
                    row.push(each.resources.get(resource).map_or_else(
                        || text("–"),
                        |estimate| {
                            let id = format!(
                                "{}/{}/mean",
                                crate::writer::anchor(resource.title()),
                                each.planned.id
                            );
                            let (unit, format) = if *resource == Resource::CpuShare {
                                ("fraction", Format::Percent(1))
                            } else {
                                let decimals = decimals_for(estimate.summary.mean, 3);
                                (resource.unit(), Format::Fixed(decimals.min(2)))
                            };
                            let claim = writer.mean(id, estimate, (unit, format), each);
                            let line = Prose::new().value(claim);
                            if resource.is_secondary() {
                                line
                            } else {
                                line.text(" ").then(writer.bracket(Some(claim)))
                            }
                        },
                    ));
                }
                row
            })
            .collect();
        writer.table(Table { caption: text("Per run."), columns, rows });
    }
    stages(writer);
}

fn stages(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let names: Vec<&'static str> = ["ingest", "analysis", "report"]
        .into_iter()
        .filter(|name| analysis.configurations.iter().any(|each| each.stages.contains_key(name)))
        .collect();
    if names.is_empty() {
        return;
    }
    writer.subheading("Stages");
    let mut columns = vec![(text("configuration"), Align::Left)];
    columns.extend(names.iter().map(|name| (Prose::new().text(name).text(", ms"), Align::Right)));
    let rows = analysis
        .configurations
        .iter()
        .map(|each| {
            let mut row = vec![code(&each.planned.id)];
            for name in &names {
                row.push(each.stages.get(name).map_or_else(
                    || text("–"),
                    |estimate| {
                        let id = format!("stage/{name}/{}/mean", each.planned.id);
                        let format = Format::Fixed(decimals_for(estimate.summary.mean, 4).min(2));
                        let claim = writer.mean(id, estimate, ("ms", format), each);
                        Prose::new().value(claim).text(" ").then(writer.bracket(Some(claim)))
                    },
                ));
            }
            row
        })
        .collect();
    writer.table(Table {
        caption: text("Where the time of a run goes; mean over runs with interval."),
        columns,
        rows,
    });
}
