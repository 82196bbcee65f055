//! Ratios at equal output length.

use tachograph_model::plan::Metric;

use crate::claim::{Format, Number, Source};
use crate::depth::length::{EqualLength, exponentiated};
use crate::document::{Align, Prose, Table, cell, code, text};
use crate::formula::Formula;
use crate::writer::{Writer, metric_id, with_baseline};

pub(super) fn section(writer: &mut Writer<'_>, metric: Metric) {
    let all = &writer.analysis.depth.equal_length;
    let differing: Vec<&EqualLength> = all.iter().filter(|each| each.differs).collect();
    if differing.is_empty() {
        return;
    }
    if differing.iter().all(|each| each.adjusted.is_err()) {
        writer.paragraph(text(
            "Answers differ in length, and a ratio at equal length could not be computed: that \
             takes at least three blocks whose answers differ by different amounts.",
        ));
        return;
    }
    let rows = differing.iter().map(|each| row(writer, metric, each)).collect();
    writer.table(Table {
        caption: Prose::new().text("Change of ").text(metric.title()).text(
            " against the baseline where answers differ in length, as measured and at equal \
                 length. A slope of zero: length does not matter; of one: in proportion to it.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("tokens"), Align::Right),
            (text("change"), Align::Right),
            (text("at equal length"), Align::Right),
            (text("interval"), Align::Right),
            (text("slope"), Align::Right),
        ],
        rows,
    });
    writer.paragraph(text(
        "The adjusted change is that of a block in which both answers are equally long, by a \
         straight line through the blocks on logarithms. If a configuration itself changes how \
         long answers are, both figures are true and answer different questions.",
    ));
}

fn row(writer: &mut Writer<'_>, metric: Metric, each: &EqualLength) -> Vec<Prose> {
    let configuration = &writer.analysis.configurations[each.configuration];
    let id = &configuration.planned.id;
    let format = Format::Change(writer.change_decimals());
    let source = || Source::Runs(with_baseline(configuration));
    let name = |name: &str| format!("{}/{id}/{name}", metric_id(metric));
    let tokens = each.token_ratio.map(|ratio| {
        let id = format!("output_tokens/{id}/ratio");
        writer.claim(id, (Number::Real(ratio), "ratio", format), Formula::TokenRatio, source())
    });
    let measured = writer.ratio(metric, configuration);
    let adjusted = each.adjusted.as_ref().ok().map(|found| {
        let value = (found.adjusted.exp(), "ratio", format);
        let n = (found.n_blocks as u64, Some(exponentiated(found.interval)));
        writer.estimate(name("ratio_equal_length"), value, n, (Formula::EqualLength, source()))
    });
    let slope = each.adjusted.as_ref().ok().map(|found| {
        let value = (found.slope, "", Format::Fixed(2));
        let n = (found.n_blocks as u64, Some(found.slope_interval));
        writer.estimate(name("length_slope"), value, n, (Formula::LengthSlope, source()))
    });
    vec![
        code(id),
        cell(tokens),
        cell(measured),
        cell(adjusted),
        writer.bracket(adjusted),
        cell(slope),
    ]
}
