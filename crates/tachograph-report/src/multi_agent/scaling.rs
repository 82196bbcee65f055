//! What more agents bring.

use super::claims::Claims;
use crate::analysis::{MEASURED_RUNS, judged};
use crate::claim::{ClaimRef, Format, Source};
use crate::concurrency::Concurrency;
use crate::concurrency::compare::Step;
use crate::concurrency::group::Series;
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::figure;
use crate::formula::Formula;
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Scaling with the number of agents");
    if concurrency.series.is_empty() {
        writer.paragraph(
            Prose::new()
                .text("The plan has one number of agents per setting (")
                .code("counts")
                .text("), so that nothing can be said about more of them."),
        );
        return;
    }
    let mut rows = Vec::new();
    for (at, series) in concurrency.series.iter().enumerate() {
        for &(n, configuration) in &series.points {
            let Some(each) = configuration.and_then(|at| concurrency.of_configuration(at)) else {
                continue;
            };
            let own = Claims::of(writer, each);
            let id = format!("together/{}/agents", own.id());
            let count = writer.count(id, n, Source::Plan);
            let (speedup, efficiency) = (own.speedup(writer), own.efficiency(writer));
            let step = concurrency.steps.iter().find(|step| step.series == at && step.to == n);
            let change = step.and_then(|step| ratio(writer, series, step));
            let verdict = standing::verdict(step.map(|step| &step.speedup));
            rows.push(vec![
                code(&series.made_from.topology),
                code(name(series)),
                Prose::new().value(count),
                cell(speedup),
                writer.bracket(speedup),
                cell(efficiency),
                cell(change),
                writer.bracket(change),
                verdict,
            ]);
        }
    }
    writer.table(Table {
        caption: text(
            "True speed-up and efficiency with growing numbers of agents, all else equal; and the \
             change of the speed-up against the next smaller number, within blocks, with the \
             verdict after Holm over all such steps. One agent alone has a speed-up of one.",
        ),
        columns: vec![
            (text("topology"), Align::Left),
            (text("setting"), Align::Left),
            (text("agents"), Align::Right),
            (text("true speed-up"), Align::Right),
            (text("interval"), Align::Right),
            (text("true efficiency"), Align::Right),
            (text("change"), Align::Right),
            (text("interval"), Align::Right),
            (text("verdict"), Align::Left),
        ],
        rows,
    });
    if let Some((drawing, description)) = figure::scaling::draw(concurrency) {
        let caption = text(
            "True speed-up against the number of agents, one line per topology and setting. The \
             dashed line is that of independent agents.",
        );
        writer.figure(("scaling", "Speed-up and agents"), drawing, description, caption);
    }
}

/// Returns what a series varies agents of, apart from its topology.
pub(super) fn name(series: &Series) -> String {
    let made_from = &series.made_from;
    let levels = if made_from.levels.is_empty() { "" } else { " " };
    format!("{} {}{levels}{}", made_from.phase, made_from.scenario, made_from.levels)
}

/// Makes the claim of a step's ratio of speed-ups.
pub(super) fn ratio(writer: &mut Writer<'_>, series: &Series, step: &Step) -> Option<ClaimRef> {
    let found = judged(Some(&step.speedup))?.ratio;
    let n = (found.n_blocks as u64, Some(found.interval));
    let made_from = &series.made_from;
    let id = format!(
        "scaling/{}/{}/{}/{}/{}/to",
        made_from.phase, made_from.scenario, made_from.topology, made_from.levels, step.to
    );
    let format = Format::Change(writer.change_decimals());
    let what = (Formula::StepRatio, Source::Runs(MEASURED_RUNS.to_owned()));
    Some(writer.estimate(id, (found.ratio, "ratio", format), n, what))
}
