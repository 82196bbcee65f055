//! On what it was measured.

use tachograph_model::environment::Host;

use crate::analysis::ALL_RUNS;
use crate::claim::{ClaimRef, Format, Number, Source, decimals_for};
use crate::document::{Align, Prose, Table, code, text};
use crate::formula::Formula;
use crate::writer::Writer;

/// The machine, the servers, the program, and the agents' implementations.
pub(crate) fn section(writer: &mut Writer<'_>) {
    writer.heading("Environment");
    let environment = &writer.analysis.environment;
    let mut rows = vec![vec![text("started"), Prose::new().quote(&environment.started_at)]];
    if let Some(host) = &environment.host {
        rows.extend(machine(writer, host));
    }
    if environment.gpus.is_empty() {
        rows.push(vec![text("GPU"), text("none seen")]);
    }
    for (index, gpu) in environment.gpus.iter().enumerate() {
        let mut line = Prose::new().quote(&gpu.name);
        if let Some(bytes) = gpu.memory_bytes {
            let value = (Number::Real(bytes as f64 / 1e9), "GB", Format::Fixed(1));
            let memory = recorded(writer, &format!("environment/gpu/{index}/memory"), value);
            line = line.text(", ").value(memory).text(" GB");
        }
        if let Some(driver) = &gpu.driver {
            line = line.text(", driver ").quote(driver);
        }
        rows.push(vec![text("GPU"), line]);
    }
    for (name, server) in &environment.servers {
        let mut line = optional(server.product.as_deref());
        line = line.text(" ").then(optional(server.version.as_deref()));
        line = line.text("; model ").then(optional(server.model.as_deref()));
        if let Some(quantization) = &server.quantization {
            line = line.text(", ").quote(quantization);
        }
        if let Some(size) = &server.parameter_size {
            line = line.text(", ").quote(size).text(" parameters");
        }
        if let Some(digest) = &server.model_digest {
            line = line.text(", digest ").code(digest);
        }
        rows.push(vec![Prose::new().text("server ").code(name), line]);
    }
    let harness = &environment.harness;
    let mut line =
        Prose::new().text("tacho ").quote(&harness.version).text(", ").quote(&harness.profile);
    if let Some(commit) = &harness.git_commit {
        line = line.text(", commit ").code(commit);
    }
    rows.push(vec![text("measured with"), line]);
    writer.table(Table {
        caption: text("As it was when the study began. What could not be read is called so."),
        columns: vec![(text("what"), Align::Left), (text("value"), Align::Left)],
        rows,
    });
    conditions(writer);
    implementations(writer);
}

/// What is known of the machine.
fn machine(writer: &mut Writer<'_>, host: &Host) -> Vec<Vec<Prose>> {
    let mut rows = vec![
        vec![text("system"), Prose::new().quote(&host.os).text(", ").quote(&host.arch)],
        vec![text("processor"), optional(host.cpu_model.as_deref())],
    ];
    let count = (Number::Count(u64::from(host.n_cpus)), "", Format::Count);
    let n_cpus = recorded(writer, "environment/cpus", count);
    rows.push(vec![text("processors"), Prose::new().value(n_cpus)]);
    if let Some(bytes) = host.memory_bytes {
        let value = (Number::Real(bytes as f64 / 1e9), "GB", Format::Fixed(1));
        let memory = recorded(writer, "environment/memory", value);
        rows.push(vec![text("memory"), Prose::new().value(memory).text(" GB")]);
    }
    rows.push(vec![text("governor"), optional(host.governor.as_deref())]);
    rows.push(vec![text("clock source"), optional(host.clocksource.as_deref())]);
    rows.push(vec![
        text("virtual machine"),
        text(match host.virtualised {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known",
        }),
    ]);
    rows.push(vec![
        text("kernel receive stamps"),
        text(if host.kernel_stamps { "yes" } else { "no: instants are the client's own" }),
    ]);
    rows
}

/// Makes a claim of something that the environment says.
fn recorded(writer: &mut Writer<'_>, id: &str, value: (Number, &str, Format)) -> ClaimRef {
    writer.claim(id, value, Formula::Recorded, Source::Environment)
}

/// What was read of the machine just before each run.
fn conditions(writer: &mut Writer<'_>) {
    let analysis = writer.analysis;
    let rows = analysis
        .conditions
        .iter()
        .map(|range| {
            let format = Format::Fixed(decimals_for(range.max, 3));
            let mut claim = |name: &str, value: f64, formula| {
                let id = format!("conditions/{}/{name}", range.id);
                let n = (range.n as u64, None);
                let what = (formula, Source::Runs(ALL_RUNS.to_owned()));
                let claim = writer.estimate(id, (value, range.unit, format), n, what);
                Prose::new().value(claim)
            };
            let head = text(range.title);
            vec![
                if range.unit.is_empty() { head } else { head.text(", ").text(range.unit) },
                claim("min", range.min, Formula::Minimum),
                claim("median", range.median, Formula::Median),
                claim("max", range.max, Formula::Maximum),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text("The machine just before each run."),
        columns: vec![
            (text("reading"), Align::Left),
            (text("smallest"), Align::Right),
            (text("median"), Align::Right),
            (text("largest"), Align::Right),
        ],
        rows,
    });
}

fn implementations(writer: &mut Writer<'_>) {
    let mut items = Vec::new();
    for agent in &writer.analysis.plan.agents {
        let mut line = Prose::new()
            .text("Agent ")
            .code(&agent.name)
            .text(" reads the folder ")
            .code(&agent.input);
        if let Some(server) = &agent.server {
            line = line.text(" and talks to server ").code(server);
        }
        if let Some(command) = &agent.command {
            line = line.text("; it is executed as ").code(command.join(" "));
        }
        let names = writer.analysis.implementations.get(&agent.name).into_iter().flatten();
        for name in names {
            line = line.text("; it calls itself ").code(name);
        }
        items.push(line.text("."));
    }
    writer.list(items);
}

fn optional(value: Option<&str>) -> Prose {
    value.map_or_else(|| text("not known"), |value| Prose::new().quote(value))
}

/// Returns what a configuration sends, agent by agent where there are several.
pub(crate) fn sent(configuration: &tachograph_model::run::Configuration) -> Prose {
    if configuration.together.is_none() {
        return options(&configuration.options);
    }
    let one = |placement: &tachograph_model::run::Placement| {
        let line = Prose::new().code(&placement.agent).text(" on ").code(&placement.server);
        line.text(": ").then(options(&placement.options))
    };
    crate::document::separated("; ", configuration.placements.iter().map(one))
}

/// Returns identifiers one after the other.
pub(crate) fn options(options: &tachograph_model::options::Options) -> Prose {
    if options.is_empty() {
        return text("server defaults");
    }
    crate::document::comma_separated(
        options.iter().map(|(name, value)| code(format!("{name}={value}"))),
    )
}
