//! What each implementation takes on disk, and its discarded first start.

use tachograph_model::environment::Program;
use tachograph_model::units::DurationNs;

use crate::claim::{ClaimRef, Format, Number, Source, decimals_for};
use crate::document::{Align, Block, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Footprint");
    let programs = &writer.analysis.environment.implementations;
    if programs.is_empty() {
        writer.paragraph(text("What executes the agents was not recorded."));
        return;
    }
    writer.paragraph(text(
        "One value each, read when the study began: there is nothing to repeat. An interpreter outside \
         of a virtual environment is not in its size. The first start was made before the \
         study, when less may have been in the caches of the system, and enters no statistic.",
    ));
    let known: Vec<(&String, &Program)> =
        contest.agents.iter().filter_map(|agent| programs.get_key_value(agent)).collect();
    let rows = known
        .iter()
        .map(|(agent, program)| {
            let bytes = |bytes: Option<u64>| bytes.map(|bytes| bytes as f64 / 1e6);
            let executable =
                recorded(writer, (agent, "executable"), bytes(program.executable_bytes), "MB");
            let environment =
                recorded(writer, (agent, "environment"), bytes(program.environment_bytes), "MB");
            let files = program.environment_files.map(|files| {
                let value = (Number::Count(files), "files", Format::Count);
                let id = format!("program/{agent}/files");
                writer.claim(id, value, Formula::Recorded, Source::Environment)
            });
            let first = program.discarded_start_ns.map(DurationNs::as_millis);
            let first = recorded(writer, (agent, "first_start"), first, "ms");
            let runtime = program
                .runtime
                .as_ref()
                .map_or_else(|| text("none beside itself"), |runtime| Prose::new().quote(runtime));
            vec![
                code(agent),
                runtime,
                cell(executable),
                cell(environment),
                cell(files),
                cell(first),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Runtime, executable file and virtual environment in MB, its files, and the first start, \
             discarded, in ms.",
        ),
        columns: vec![
            (text("implementation"), Align::Left),
            (text("runtime"), Align::Left),
            (text("executable"), Align::Right),
            (text("environment"), Align::Right),
            (text("files"), Align::Right),
            (text("first start"), Align::Right),
        ],
        rows,
    });
    let packages: Vec<Prose> = known
        .iter()
        .filter(|(_, program)| !program.packages.is_empty())
        .map(|(agent, program)| {
            let names = comma_separated(program.packages.iter().map(code));
            Prose::new().code(agent).text(": ").then(names)
        })
        .collect();
    if !packages.is_empty() {
        writer.push(Block::Details(text("Packages"), vec![Block::List(packages)]));
    }
}

fn recorded(
    writer: &mut Writer<'_>,
    (agent, what): (&str, &str),
    value: Option<f64>,
    unit: &str,
) -> Option<ClaimRef> {
    let value = value?;
    let format = Format::Fixed(decimals_for(value, 4).min(2));
    let id = format!("program/{agent}/{what}");
    Some(writer.claim(
        id,
        (Number::Real(value), unit, format),
        Formula::Recorded,
        Source::Environment,
    ))
}
