//! Efficiency, true and historical, and why the two differ.

use super::claims::Claims;
use crate::claim::{Format, Number};
use crate::concurrency::Concurrency;
use crate::concurrency::observe::Observed;
use crate::document::{Align, Block, Prose, Table, cell, code, text};
use crate::figure;
use crate::formula::Formula;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Efficiency, true and historical");
    if concurrency.observed.is_empty() {
        writer.paragraph(text(
            "No concurrent run is measured together with the solo runs of its block, so that no \
             efficiency is known. Balance alone would say nothing about it.",
        ));
        return;
    }
    table(writer, concurrency);
    if let Some((drawing, description)) = figure::efficiency::draw(writer.analysis, concurrency) {
        let caption = text(
            "True efficiency with its interval (dot and bar) and balance, the historical \
             “efficiency” (open diamond), of the same runs. The dashed line is what agents reach \
             that merely take turns.",
        );
        let name = ("efficiency", "True efficiency and balance");
        writer.figure(name, drawing, description, caption);
    }
    why(writer);
    example(writer, concurrency);
    peaks(writer, concurrency);
}

fn table(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    let rows: Vec<Vec<Prose>> = concurrency
        .together
        .iter()
        .map(|each| {
            let claims = Claims::of(writer, each);
            let (speedup, efficiency) = (claims.speedup(writer), claims.efficiency(writer));
            let balance = claims.balance(writer);
            let (flags, complete) = (claims.flags(writer), claims.n_complete(writer));
            vec![
                code(claims.id()),
                Prose::new().value(complete),
                cell(efficiency),
                writer.bracket(efficiency),
                cell(balance),
                Prose::new().value(flags).text(" / ").value(complete),
                Prose::new().status(each.status),
                cell(speedup),
                writer.bracket(speedup),
            ]
        })
        .collect();
    let confidence = writer.confidence();
    writer.table(Table {
        caption: Prose::new()
            .text(
                "Every concurrent configuration: complete runs, true efficiency against the solo \
                 runs of the same blocks, the historical figures of the same runs (balance, and \
                 runs with the historical contention flag), and the true speed-up. Intervals of ",
            )
            .value(confidence)
            .text(".")
            .then(writer.cache_note()),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("n"), Align::Right),
            (text("true efficiency"), Align::Right),
            (text("interval"), Align::Right),
            (text("balance"), Align::Right),
            (text("flagged"), Align::Right),
            (text("evidence"), Align::Left),
            (text("true speed-up"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}

fn why(writer: &mut Writer<'_>) {
    writer.subheading("Why the two figures differ");
    writer.paragraph(text(
        "Both divide a sum of durations by makespan times number of agents. The historical figure \
         sums the agents' durations together: it compares the run with itself. If all agents \
         take equally long, it is one, however long that is; two agents that slow each other down \
         twofold still score full marks. The true efficiency sums the agents' durations alone, which \
         only a run of each agent alone can tell.",
    ));
}

/// One run with its figures, where the two measures differ most.
fn example(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    let gap = |run: &&Observed| run.balance() - run.speedup() / run.n_agents() as f64;
    let Some(run) = concurrency.observed.iter().max_by(|a, b| gap(a).total_cmp(&gap(b))) else {
        return;
    };
    let Some(each) = concurrency.of_configuration(run.configuration) else { return };
    let claims = Claims::of(writer, each);
    let n = run.n_agents();
    let id = |what: &str| format!("example/{what}");
    let decimals = crate::claim::decimals_for(run.makespan_s, 3);
    let mut seconds = |what: &str, value: f64, formula| {
        let value = (Number::Real(value), "s", Format::Fixed(decimals));
        writer.claim(id(what), value, formula, claims.source())
    };
    let makespan = seconds("makespan", run.makespan_s, Formula::Makespan);
    let together = seconds("together", run.together_s(), Formula::Sum);
    let alone = seconds("alone", run.alone_s(), Formula::AloneSum);
    let mut agents = Prose::new();
    if n <= 4 {
        for agent in &run.agents {
            let own = |what: &str| format!("{}/{what}", agent.agent);
            let with = seconds(&own("together"), agent.together.wall_s, Formula::AgentWall);
            let without = seconds(&own("alone"), agent.alone.wall_s, Formula::AgentWall);
            agents = agents
                .text(" Agent ")
                .code(&agent.agent)
                .text(" took ")
                .value(with)
                .text(" s together and ")
                .value(without)
                .text(" s alone.");
        }
    }
    let mut share = |what: &str, value: f64, formula| {
        let value = (Number::Real(value), "fraction", Format::Percent(1));
        writer.claim(id(what), value, formula, claims.source())
    };
    let balance = share("balance", run.balance(), Formula::Balance);
    let efficiency = share("efficiency", run.speedup() / n as f64, Formula::Efficiency);
    let count = writer.count(id("agents"), n, claims.source());
    let mut line = Prose::new()
        .text("The run of this study in which the two differ most is ")
        .code(&run.run)
        .text(", with ")
        .value(count)
        .text(" agents and a makespan of ")
        .value(makespan)
        .text(" s.")
        .then(agents)
        .text(" Together their durations add up to ")
        .value(together)
        .text(" s, alone to ")
        .value(alone)
        .text(" s. Balance: ")
        .strong(Prose::new().value(balance))
        .text(". True efficiency: ")
        .strong(Prose::new().value(efficiency))
        .text(".");
    line = line.text(if run.makespan_s > run.alone_s() {
        " One agent after the other would have been done sooner than both at once, and the \
         historical figure does not show it."
    } else if run.balance() - run.speedup() / n as f64 > 0.05 {
        " The difference is what the agents cost each other, and the historical figure does not \
         show it."
    } else {
        " In this study the two hardly differ: the agents cost each other little."
    });
    writer.paragraph(line);
}

/// The largest single run, named as what it is.
fn peaks(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    let rows: Vec<Vec<Prose>> = concurrency
        .together
        .iter()
        .filter_map(|each| {
            let claims = Claims::of(writer, each);
            let peak = claims.peak(writer)?;
            let (run, _) = each.peak.as_ref()?;
            let mean = claims.efficiency(writer);
            Some(vec![
                code(claims.id()),
                Prose::new().part(peak, crate::claim::Part::N),
                Prose::new().value(peak),
                code(run),
                cell(mean),
            ])
        })
        .collect();
    let table = Table {
        caption: text(
            "The run with the largest true efficiency of each configuration, with the number of \
             runs of which it is the largest. It grows with that number; the mean does not.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("of n runs"), Align::Right),
            (text("largest"), Align::Right),
            (text("in run"), Align::Left),
            (text("mean"), Align::Right),
        ],
        rows,
    };
    let summary = text("Peak single runs: the largest of n draws");
    writer.push(Block::Details(summary, vec![Block::Table(table)]));
}
