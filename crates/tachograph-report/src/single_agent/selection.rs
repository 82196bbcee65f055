//! The best of several: what choosing did to it, and how to make sure.

use tachograph_model::plan::Metric;

use crate::analysis::MEASURED_RUNS;
use crate::claim::{ClaimRef, Format, Number, Source};
use crate::depth::selection::{Confirmation, relative};
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::writer::{Writer, metric_id, plural};

fn source() -> Source {
    Source::Runs(MEASURED_RUNS.to_owned())
}

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("The best of several");
    let analysis = writer.analysis;
    let selection = &analysis.depth.selection;
    let metric = analysis.plan.primary.metric;
    if analysis.tuned().count() < 2 {
        writer.paragraph(text(
            "The plan has fewer than two tuned configurations, so that nothing was chosen.",
        ));
        return;
    }
    let Ok(subset) = &selection.subset else {
        writer.paragraph(text(
            "What choosing the best does to it cannot be estimated: that takes at least two \
             measured configurations with some spread, and two blocks that hold all of them and \
             the baseline.",
        ));
        return;
    };
    luck(writer);
    if writer.sequential(metric).is_some() {
        let note = writer.looks_note();
        writer.paragraph(note);
    }
    shrunken(writer, metric);
    let named = subset.arms.iter().map(|&arm| code(name(writer, selection.arms[arm])));
    let named = comma_separated(named);
    let confidence = writer.confidence();
    let number = (Number::Count(subset.arms.len() as u64), "", Format::Count);
    let n_best = writer.claim("selection/subset", number, Formula::BestSubset, source());
    let of = writer.count("selection/arms", selection.arms.len(), source());
    writer.paragraph(
        Prose::new()
            .text("With ")
            .value(confidence)
            .text(" confidence the truly best of the ")
            .value(of)
            .text(plural(
                subset.arms.len(),
                " tuned configurations is this one (",
                " tuned configurations is one of these (",
            ))
            .value(n_best)
            .text("): ")
            .then(named)
            .text("."),
    );
    confirmation(writer);
}

fn name<'a>(writer: &Writer<'a>, at: usize) -> &'a tachograph_model::run::ConfigurationId {
    &writer.analysis.configurations[at].planned.id
}

/// Says how much of the best one's lead luck alone would give.
fn luck(writer: &mut Writer<'_>) {
    let Ok(luck) = writer.analysis.depth.selection.luck else { return };
    let value = (Number::Real(luck), "fraction", Format::Percent(2));
    let luck = writer.claim("selection/luck", value, Formula::Luck, source());
    writer.paragraph(
        Prose::new()
            .text(
                "The best of several looks better than it is, since it was chosen for its luck as \
                 well. If all tuned configurations were equal, the best would still look ",
            )
            .strong(Prose::new().value(luck))
            .text(" too good."),
    );
}

/// Every tuned configuration, as measured and drawn toward the mean of all.
fn shrunken(writer: &mut Writer<'_>, metric: Metric) {
    let analysis = writer.analysis;
    let selection = &analysis.depth.selection;
    let (Ok(shrinkage), Ok(logs)) = (&selection.shrinkage, &selection.logs) else {
        writer.paragraph(text(
            "Estimates were not drawn toward each other: that takes at least four configurations.",
        ));
        return;
    };
    let format = Format::Change(writer.change_decimals());
    let mut rows = Vec::new();
    for (arm, &at) in shrinkage.arms.iter().zip(&selection.arms) {
        let each = &analysis.configurations[at];
        let id = |what: &str| format!("{}/{}/{what}", metric_id(metric), each.planned.id);
        let raw = writer.ratio(metric, each);
        let mean = shrinkage.grand_mean;
        let ratio = (Number::Real((arm.shrunk - logs.baseline).exp()), "ratio", format);
        let shrunk = writer.claim(id("shrunk_ratio"), ratio, Formula::ShrunkRatio, source());
        let lead = (Number::Real((arm.observed - mean).exp()), "ratio", format);
        let lead = writer.claim(id("lead"), lead, Formula::RawLead, source());
        let drawn = ((arm.shrunk - mean).exp(), "ratio", format);
        let n = (selection.n_blocks as u64, Some(relative(arm.interval, mean)));
        let drawn: ClaimRef =
            writer.estimate(id("shrunk_lead"), drawn, n, (Formula::Shrunk, source()));
        rows.push(vec![
            code(&each.planned.id),
            cell(raw),
            Prose::new().value(shrunk),
            Prose::new().value(lead),
            Prose::new().value(drawn),
            writer.bracket(Some(drawn)),
        ]);
    }
    let n_blocks = writer.count("selection/blocks", selection.n_blocks, source());
    writer.table(Table {
        caption: text(
            "Every tuned configuration as measured, and drawn toward the mean of all the more the \
             noisier it is: against the baseline, and against the mean of the tuned ones. All but \
             the first column of numbers over the ",
        )
        .value(n_blocks)
        .text(plural(
            selection.n_blocks,
            " block that holds all of them and the baseline.",
            " blocks that hold all of them and the baseline.",
        )),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("change"), Align::Right),
            (text("shrunk"), Align::Right),
            (text("against the mean"), Align::Right),
            (text("shrunk"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
    writer.paragraph(text(
        "The shrunk figures are the better forecast of what would be seen again if the true means \
         scatter normally about one mean, as cells of a grid of settings may. They do not replace \
         fresh blocks.",
    ));
}

/// Says how many fresh blocks would confirm the best.
fn confirmation(writer: &mut Writer<'_>) {
    let confirmations = &writer.analysis.depth.selection.confirmations;
    let items: Vec<Prose> = confirmations.iter().filter_map(|each| item(writer, each)).collect();
    if items.is_empty() {
        return;
    }
    writer.paragraph(text(
        "To confirm them, measure these and the baseline again, and judge the fresh blocks alone; \
         pooling them with the blocks that chose would bring the luck back in:",
    ));
    writer.list(items);
    let least = confirmations.iter().filter_map(|each| Some(each.plan.as_ref().ok()?.n_blocks));
    let had = writer.analysis.plan.blocks as usize;
    if least.min().is_some_and(|least| least > FAR_MORE * had) {
        writer.paragraph(text(
            "That is far more than this study had: look for a quieter machine, or for a larger \
             difference, before measuring on.",
        ));
    }
}

/// So many times the blocks of a study are not worth advising without a word.
const FAR_MORE: usize = 10;

fn item(writer: &mut Writer<'_>, each: &Confirmation) -> Option<Prose> {
    let n_blocks = each.plan.as_ref().ok()?.n_blocks;
    let (blocks, runs) = blocks(writer, each)?;
    let named = comma_separated(each.arms.iter().map(|&at| code(name(writer, at))));
    Some(
        Prose::new()
            .then(named)
            .text(": ")
            .value(blocks)
            .text(plural(n_blocks, " fresh block (", " fresh blocks ("))
            .value(runs)
            .text(
                " runs) show a change as large as the margin of each with a power of at least four \
                 in five.",
            ),
    )
}

/// Makes the claims of the blocks and runs that a confirmation takes.
pub(super) fn blocks(writer: &mut Writer<'_>, each: &Confirmation) -> Option<(ClaimRef, ClaimRef)> {
    let plan = each.plan.as_ref().ok()?;
    let mut count = |what: &str, count: usize| {
        let value = (Number::Count(count as u64), "", Format::Count);
        let id = format!("confirmation/{}/{what}", each.arms.len());
        writer.claim(id, value, Formula::Confirmation, source())
    };
    Some((count("blocks", plan.n_blocks), count("runs", plan.n_runs)))
}
