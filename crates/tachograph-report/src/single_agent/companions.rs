//! Tests beside the verdicts that suppose less.

use tachograph_model::plan::Metric;

use crate::analysis::MEASURED_RUNS;
use crate::claim::{ClaimRef, Format, Number, Source};
use crate::depth::companions::{Companions, Reading};
use crate::depth::length::exponentiated;
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::writer::{Writer, metric_id, with_baseline};

pub(super) fn section(writer: &mut Writer<'_>, metric: Metric) {
    if writer.sequential(metric).is_some() {
        // Their p-values suppose one look at the data.
        return;
    }
    let companions = &writer.analysis.depth.companions;
    let usable: Vec<&Companions> = companions
        .iter()
        .filter(|each| each.signed_rank.is_ok() && each.sign_flip.is_ok())
        .collect();
    if usable.is_empty() {
        return;
    }
    writer.subheading("The same blocks without a normal law");
    writer.paragraph(text(
        "The verdicts rest on a t test of log ratios. Signed ranks and sign flips ask the same \
         question of the same blocks and suppose only that “no difference” is symmetric. Their \
         p-values are adjusted after Holm like those of the verdicts.",
    ));
    let rows = usable.iter().map(|each| row(writer, metric, each)).collect();
    writer.table(Table {
        caption: Prose::new()
            .text("Companions of the verdicts on ")
            .text(metric.title())
            .text(": typical change (pseudo-median) and p-values."),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("typical change"), Align::Right),
            (text("interval"), Align::Right),
            (text("p (signed ranks)"), Align::Right),
            (text("p (sign flips)"), Align::Right),
            (text("beside the t test"), Align::Left),
        ],
        rows,
    });
    readings(writer, &usable);
}

fn row(writer: &mut Writer<'_>, metric: Metric, each: &Companions) -> Vec<Prose> {
    let configuration = &writer.analysis.configurations[each.configuration];
    let id = &configuration.planned.id;
    let source = || Source::Runs(with_baseline(configuration));
    let name = |name: &str| format!("{}/{id}/{name}", metric_id(metric));
    let typical = each.signed_rank.as_ref().ok().map(|ranks| {
        let value = (ranks.shift.exp(), "ratio", Format::Change(writer.change_decimals()));
        let n = (ranks.n_blocks as u64, ranks.interval.map(exponentiated));
        writer.estimate(name("pseudo_median"), value, n, (Formula::PseudoMedian, source()))
    });
    let mut p = |what: &str, p: Option<f64>, formula| -> Option<ClaimRef> {
        Some(writer.p_value(name(what), p?, formula, source()))
    };
    let ranks = p("p_signed_rank", each.p_rank_adjusted, Formula::SignedRank);
    let flips = p("p_sign_flip", each.p_flip_adjusted, Formula::SignFlip);
    vec![
        code(id),
        cell(typical),
        writer.bracket(typical),
        cell(ranks),
        cell(flips),
        text(match each.reading {
            Reading::Agrees => "agree",
            Reading::Disagrees => "disagree",
            Reading::TooFewBlocks(_) => "cannot tell",
            Reading::None => "–",
        }),
    ]
}

/// Says where a verdict hangs on what the t test supposes, and where the blocks
/// are too few to ask.
fn readings(writer: &mut Writer<'_>, usable: &[&Companions]) {
    let names = |wanted: &dyn Fn(Reading) -> bool| {
        let found = usable.iter().filter(|each| wanted(each.reading));
        let named: Vec<Prose> = found
            .map(|each| code(&writer.analysis.configurations[each.configuration].planned.id))
            .collect();
        (!named.is_empty()).then(|| comma_separated(named))
    };
    let disagreeing = names(&|reading| reading == Reading::Disagrees);
    let agreeing = names(&|reading| reading == Reading::Agrees);
    let wanted = usable.iter().filter_map(|each| match each.reading {
        Reading::TooFewBlocks(needed) => Some(needed),
        _ => None,
    });
    if let Some(needed) = wanted.max() {
        let value = (Number::Count(needed as u64), "", Format::Count);
        let source = Source::Runs(MEASURED_RUNS.to_owned());
        let id = "companions/blocks_for_signs";
        let needed = writer.claim(id, value, Formula::SignBlocks, source);
        writer.paragraph(Prose::new().text("With fewer than ").value(needed).text(
            " blocks no arrangement of signs is rare enough in this family, however large \
                     the difference: there the companions can say nothing, and the verdict rests \
                     on the t test alone.",
        ));
    }
    if let Some(names) = disagreeing {
        writer.paragraph(Prose::new().text("They disagree with the t test for ").then(names).text(
            ": whether there is a difference hangs on what is supposed of the \
                     distribution. Look at the runs, and measure more blocks before relying on \
                     that verdict.",
        ));
    } else if agreeing.is_some() {
        writer.paragraph(text(
            "Wherever they can tell, they find a difference exactly where the t test does: the \
             verdicts do not hang on a normal law.",
        ));
    }
}
