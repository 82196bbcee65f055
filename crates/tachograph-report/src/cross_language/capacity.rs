//! How many agents fit, and what mixed deployments do: measured, not divided.

use crate::analysis::configuration::Estimate;
use crate::analysis::{MEASURED_RUNS, judged, with_solo};
use crate::claim::{ClaimRef, Format, Source, decimals_for};
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::implementations::capacity::Capacity;
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Concurrent capacity and mixed deployments");
    if contest.capacity.is_empty() {
        writer.paragraph(text(
            "Not measured: the plan has no phases with several agents at once. What one agent needs, \
             divided into what a machine has, would not be a measurement.",
        ));
        return;
    }
    writer.paragraph(text(
        "Several agents at once, each held against itself alone. Memory is the sum of what all agents \
         of the run needed at their peaks; the rate is of finished workflows. Rows with agents of more \
         than one implementation are mixed deployments.",
    ));
    let rows = contest.capacity.iter().map(|each| row(writer, each)).collect();
    writer.table(Table {
        caption: text(
            "Workflows per minute, memory of all agents in GB, the one over the other, the change of \
             that against the first row of as many agents on the same topology with its verdict (Holm \
             over all rows), the true efficiency against each agent alone, and contention.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("agents"), Align::Left),
            (text("per minute"), Align::Right),
            (text("GB"), Align::Right),
            (text("per minute and GB"), Align::Right),
            (text("ratio"), Align::Right),
            (text("interval"), Align::Right),
            (text("verdict"), Align::Left),
            (text("true efficiency"), Align::Right),
            (text("contention"), Align::Left),
        ],
        rows,
    });
}

fn row(writer: &mut Writer<'_>, each: &Capacity) -> Vec<Prose> {
    let analysis = writer.analysis;
    let id = analysis.configurations[each.configuration].planned.id.to_string();
    let source = || Source::Runs(with_solo(&id));
    let mut mean = |what: &str, estimate: &Option<Estimate>, unit: &str, formula: Formula| {
        let estimate = estimate.as_ref()?;
        let format = Format::Fixed(decimals_for(estimate.summary.mean, 3));
        let n = (estimate.summary.n as u64, estimate.interval);
        let value = (estimate.summary.mean, unit, format);
        let claim = writer.estimate(format!("capacity/{id}/{what}"), value, n, (formula, source()));
        Some(claim)
    };
    let rate = mean("rate", &each.rate, "1/min", Formula::CapacityRate);
    let memory = mean("memory", &each.memory_gb, "GB", Formula::CapacityMemory);
    let per_gb = mean("rate_per_gb", &each.rate_per_gb, "1/min/GB", Formula::CapacityPerGb);
    let together =
        analysis.concurrency.as_ref().and_then(|it| it.of_configuration(each.configuration));
    let efficiency: Option<ClaimRef> = together.and_then(|together| {
        let ratio = together.speedup.as_ref()?;
        let scale = 1.0 / together.n_agents as f64;
        let interval = tachograph_stats::Interval {
            low: ratio.interval.low * scale,
            high: ratio.interval.high * scale,
            ..ratio.interval
        };
        let value = (ratio.ratio * scale, "fraction", Format::Percent(1));
        let n = (ratio.n_blocks as u64, Some(interval));
        let what = (Formula::TrueEfficiency, source());
        Some(writer.estimate(format!("capacity/{id}/efficiency"), value, n, what))
    });
    let (ratio, verdict) = match &each.against {
        None => (None, text("(first)")),
        Some((_, compared)) => {
            let ratio = judged(Some(compared)).map(|found| {
                let ratio = found.ratio;
                let format = Format::Fixed(decimals_for(ratio.ratio, 4).min(3));
                let n = (ratio.n_blocks as u64, Some(ratio.interval));
                let source = Source::Runs(MEASURED_RUNS.to_owned());
                let what = (Formula::CapacityRatio, source);
                writer.estimate(
                    format!("capacity/{id}/ratio"),
                    (ratio.ratio, "ratio", format),
                    n,
                    what,
                )
            });
            (ratio, standing::verdict(Some(compared)))
        }
    };
    let agents = each.composition.iter().map(|(agent, n)| {
        let n = writer.count(format!("capacity/{id}/agents/{agent}"), *n, Source::Plan);
        Prose::new().value(n).text(" × ").code(agent)
    });
    let agents: Vec<Prose> = agents.collect();
    vec![
        code(&id),
        crate::document::separated(" + ", agents),
        cell(rate),
        cell(memory),
        cell(per_gb),
        cell(ratio),
        writer.bracket(ratio),
        verdict,
        cell(efficiency),
        together.map_or_else(|| text("–"), |together| text(together.contention.name())),
    ]
}
