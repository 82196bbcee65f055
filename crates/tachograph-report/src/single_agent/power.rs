//! What each comparison could tell, and what would settle it.

use tachograph_model::plan::Metric;

use crate::claim::{Format, Number, Source};
use crate::depth::power::Power;
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::writer::{Writer, with_baseline};

pub(super) fn table(writer: &mut Writer<'_>, metric: Metric) {
    let all = &writer.analysis.depth.power;
    // The theory is that of a number of blocks that was fixed beforehand.
    if all.is_empty() || writer.sequential(metric).is_some() {
        return;
    }
    let rows = all.iter().map(|each| row(writer, metric, each)).collect();
    let margin = writer.margin();
    writer.table(Table {
        caption: Prose::new()
            .text("What each comparison could tell from the spread it showed, α shared among the ")
            .text("family: the smallest change shown in four of five cases, the chance to show a ")
            .text("true change of ±")
            .value(margin)
            .text(" %, and the blocks that show such a change, or that there is none."),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("blocks"), Align::Right),
            (text("detectable change"), Align::Right),
            (text("power at the margin"), Align::Right),
            (text("blocks to settle"), Align::Right),
            (text("verdict"), Align::Left),
        ],
        rows,
    });
}

fn row(writer: &mut Writer<'_>, metric: Metric, each: &Power) -> Vec<Prose> {
    let configuration = &writer.analysis.configurations[each.configuration];
    let source = || Source::Runs(with_baseline(configuration));
    let id = |what: &str| format!("power/{}/{what}", configuration.planned.id);
    let change = Format::Change(writer.change_decimals());
    let n_blocks = writer.count(id("blocks"), each.n_blocks, source());
    let mut claim = |what: &str, value: (Number, &str, Format), formula| {
        writer.claim(id(what), value, formula, source())
    };
    let detectable = each.detectable.as_ref().ok().map(|&ratio| {
        claim("detectable", (Number::Real(ratio), "ratio", change), Formula::DetectableEach)
    });
    let power = each.at_margin.as_ref().ok().map(|&power| {
        let value = (Number::Real(power), "fraction", Format::Percent(1));
        claim("at_margin", value, Formula::Power)
    });
    let needed = each.blocks_needed.as_ref().ok().map(|&blocks| {
        let value = (Number::Count(blocks as u64), "", Format::Count);
        claim("blocks_needed", value, Formula::BlocksNeeded)
    });
    vec![
        code(&configuration.planned.id),
        Prose::new().value(n_blocks),
        cell(detectable),
        cell(power),
        cell(needed),
        super::results::verdict(metric, configuration),
    ]
}
