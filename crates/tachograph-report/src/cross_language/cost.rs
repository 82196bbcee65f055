//! What running and developing each implementation costs, with the plan's prices.

use tachograph_stats::Interval;

use crate::analysis::configuration::Estimate;
use crate::claim::{ClaimRef, Format, Source, decimals_for};
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::implementations::cost::{AgentCost, BreakEven, CostModel};
use crate::implementations::pair_set;
use crate::implementations::tuning::set;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Cost");
    let Some(model) = &contest.cost else {
        writer.paragraph(text("The plan states no prices, so that no cost follows."));
        return;
    };
    assumptions(writer, model);
    let rows = model.agents.iter().map(|each| row(writer, contest, model, each)).collect();
    writer.table(Table {
        caption: Prose::new()
            .text(
                "Instance seconds of one request by CPU time and by memory, and cost per month in ",
            )
            .quote(&model.stated.currency)
            .text(", with what the reference costs more. Measured on server ")
            .code(&model.server)
            .text("."),
        columns: vec![
            (text("implementation"), Align::Left),
            (text("by CPU, s"), Align::Right),
            (text("by memory, s"), Align::Right),
            (text("per month"), Align::Right),
            (text("interval"), Align::Right),
            (text("saving"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
    let items: Vec<Prose> =
        model.agents.iter().filter_map(|each| break_even(writer, contest, model, each)).collect();
    writer.list(items);
}

/// States every input, and what the model leaves out.
fn assumptions(writer: &mut Writer<'_>, model: &CostModel) {
    let stated = &model.stated;
    let mut value = |name: &str, value: f64, unit: &str| {
        writer.stated(format!("cost/{name}"), value, unit, Format::Fixed(exact_decimals(value)))
    };
    let requests = value("requests_per_month", stated.requests_per_month, "requests");
    let price = value("instance_price_per_hour", stated.instance_price_per_hour, "per hour");
    let memory = value("instance_memory", stated.instance_memory_gib, "GiB");
    let cpus = value("instance_cpus", stated.instance_cpus, "processors");
    let mut line = Prose::new()
        .text("Stated in the plan, not measured: ")
        .value(requests)
        .text(" requests a month, an instance with ")
        .value(cpus)
        .text(" processors and ")
        .value(memory)
        .text(" GiB for agents at ")
        .value(price)
        .text(" ")
        .quote(&stated.currency)
        .text(" an hour");
    for (agent, cost) in &stated.development {
        let id = format!("cost/development/{agent}");
        let cost = writer.stated(id, *cost, &stated.currency, Format::Fixed(exact_decimals(*cost)));
        line = line
            .text(", development of ")
            .code(agent)
            .text(" ")
            .value(cost)
            .text(" ")
            .quote(&stated.currency);
    }
    writer.paragraph(line.text("."));
    writer.paragraph(text(
        "A request is one execution of the workflow. It occupies the larger of two shares of an \
         instance: its CPU time over the processors, or its memory for as long as it takes. Instances \
         are filled up; the server that makes the tokens costs the same for every implementation and is \
         left out, and so are storage, traffic and the people who keep things running.",
    ));
}

fn row(
    writer: &mut Writer<'_>,
    contest: &Implementations,
    model: &CostModel,
    each: &AgentCost,
) -> Vec<Prose> {
    let own = || Source::Runs(set(&each.agent, &model.server));
    let id = |what: &str| format!("cost/{}/{what}", each.agent);
    let mut mean = |what: &str, estimate: &Option<Estimate>, unit: &str, formula: Formula| {
        let estimate = estimate.as_ref()?;
        let format = Format::Fixed(decimals_for(estimate.summary.mean, 3));
        let n = (estimate.summary.n as u64, estimate.interval);
        let value = (estimate.summary.mean, unit, format);
        Some(writer.estimate(id(what), value, n, (formula, own())))
    };
    let cpu = mean("instance_seconds_cpu", &each.by_cpu, "s", Formula::InstanceSeconds);
    let memory = mean("instance_seconds_memory", &each.by_memory, "s", Formula::InstanceSeconds);
    let month = mean("per_month", &each.per_month, &model.stated.currency, Formula::CostPerMonth);
    let saving = saving(writer, contest, model, each);
    vec![
        code(&each.agent),
        cell(cpu),
        cell(memory),
        cell(month),
        writer.bracket(month),
        cell(saving),
        writer.bracket(saving),
    ]
}

pub(super) fn saving(
    writer: &mut Writer<'_>,
    contest: &Implementations,
    model: &CostModel,
    each: &AgentCost,
) -> Option<ClaimRef> {
    let saving = each.saving.as_ref()?;
    let pair = pair_set(contest.reference(), &each.agent, &model.server);
    let format = Format::Fixed(decimals_for(saving.mean, 3));
    let value = (saving.mean, &*model.stated.currency, format);
    let n = (saving.n_blocks as u64, Some(saving.interval));
    let what = (Formula::Saving, Source::Runs(pair));
    Some(writer.estimate(format!("cost/{}/saving", each.agent), value, n, what))
}

/// Says when the dearer development has paid for itself.
fn break_even(
    writer: &mut Writer<'_>,
    contest: &Implementations,
    model: &CostModel,
    each: &AgentCost,
) -> Option<Prose> {
    let line = Prose::new().code(&each.agent).text(" and ").code(contest.reference()).text(": ");
    Some(match each.break_even {
        BreakEven::NotAsked => return None,
        BreakEven::Open => line.text(
            "the interval of the saving includes zero; the data do not say which is cheaper to run, and \
             no break-even follows.",
        ),
        BreakEven::AtOnce => line.text(
            "the one that is cheaper to run is not dearer to develop; there is nothing to break even.",
        ),
        BreakEven::After(months, interval) => {
            let claim = months_claim(writer, contest, model, (each, months, interval));
            line.text("what the one that is cheaper to run costs more to develop is earned back after ")
                .value(claim)
                .text(" ")
                .interval(claim)
                .text(" months, at the stated prices and requests.")
        }
    })
}

fn months_claim(
    writer: &mut Writer<'_>,
    contest: &Implementations,
    model: &CostModel,
    (each, months, interval): (&AgentCost, f64, Interval),
) -> ClaimRef {
    let pair = pair_set(contest.reference(), &each.agent, &model.server);
    let format = Format::Fixed(decimals_for(months, 3).min(1));
    let n = each.saving.as_ref().map_or(0, |saving| saving.n_blocks as u64);
    let what = (Formula::BreakEven, Source::Runs(pair));
    let id = format!("cost/{}/break_even", each.agent);
    writer.estimate(id, (months, "months", format), (n, Some(interval)), what)
}

/// Returns how many decimals a stated value needs, at most four.
fn exact_decimals(value: f64) -> u8 {
    (0..4_u8)
        .find(|decimals| {
            let scaled = value * 10_f64.powi(i32::from(*decimals));
            (scaled - scaled.round()).abs() < 1e-6
        })
        .unwrap_or(4)
}
