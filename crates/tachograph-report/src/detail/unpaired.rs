//! Tables about two independent samples: what the runs say if blocks are ignored.

use tachograph_stats::{
    Pairs, Resampling, Sample, brunner_munzel, cliffs_delta, fieller, hedges_g, kolmogorov_smirnov,
    mann_whitney, relabelling, welch,
};

use super::Topic;
use super::comparisons::method;
use crate::analysis::comparison::pairs;
use crate::claim::Format;
use crate::depth::companions::samples;
use crate::depth::{Found, Refused};
use crate::formula::Formula;
use crate::sheet::{Cell, Column, Sheet};

/// The runs of a configuration and those of the baseline, at least 2 each.
fn two(topic: &Topic<'_>, at: usize) -> Found<(Sample, Sample)> {
    let (own, baseline) = samples(&topic.inputs, at).map_err(|Refused(_)| {
        Refused("there is no measured run of it, or none of the baseline".to_owned())
    })?;
    if own.n() < 2 || baseline.n() < 2 {
        return Err(Refused(format!(
            "two samples need at least 2 runs each, there are {} and {}; run more blocks",
            own.n(),
            baseline.n()
        )));
    }
    Ok((own, baseline))
}

pub(super) fn tests(topic: &Topic<'_>) -> Sheet {
    let scale = topic.spread_scale();
    let share = ("fraction", Format::Fixed(3));
    let mut sheet = Sheet::new(
        "unpaired",
        "Against the baseline as two independent samples, blocks ignored",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("difference", "difference", scale, Formula::Welch),
            Column::interval("difference_interval", "interval", scale, Formula::Welch),
            Column::p("p_welch", "p (Welch)", Formula::Welch),
            Column::number("shift", "shift", scale, Formula::HodgesLehmann),
            Column::interval("shift_interval", "interval", scale, Formula::HodgesLehmann),
            Column::p("p_mann_whitney", "p (M-W)", Formula::MannWhitney),
            Column::words("mann_whitney_method", "law (M-W)"),
            Column::number("superiority", "P(larger)", share, Formula::BrunnerMunzel),
            Column::interval("superiority_interval", "interval", share, Formula::BrunnerMunzel),
            Column::p("p_brunner_munzel", "p (B-M)", Formula::BrunnerMunzel),
            Column::number("distance", "distance", share, Formula::KolmogorovSmirnov),
            Column::p("p_kolmogorov_smirnov", "p (K-S)", Formula::KolmogorovSmirnov),
            Column::p("p_relabelling", "p (relabel)", Formula::Relabelling),
            Column::words("relabelling_method", "law (relabel)"),
        ],
    );
    let confidence = topic.inputs.rule.confidence;
    let resampling = Resampling::seeded(topic.analysis.plan.seed);
    for at in topic.inputs.compared() {
        let two = two(topic, at);
        let of = two.as_ref().map_err(Clone::clone);
        let welch = of.clone().and_then(|(a, b)| Ok(welch(a, b, confidence)?));
        let ranks = of.clone().and_then(|(a, b)| Ok(mann_whitney(a, b, confidence)?));
        let superiority = of.clone().and_then(|(a, b)| Ok(brunner_munzel(a, b, confidence)?));
        let smirnov = of.clone().and_then(|(a, b)| Ok(kolmogorov_smirnov(a, b)?));
        let relabelled = of.and_then(|(a, b)| Ok(relabelling(a, b, resampling)?));
        sheet.row(vec![
            Cell::words(&topic.name(at)),
            Cell::found(&welch, |test| Cell::number(test.difference)),
            Cell::found(&welch, |test| Cell::interval(test.interval)),
            Cell::found(&welch, |test| Cell::number(test.p_value)),
            Cell::found(&ranks, |test| Cell::number(test.shift)),
            Cell::found(&ranks, |test| {
                Cell::interval_or(
                    test.interval,
                    format!(
                        "{} and {} runs are too few for an interval from ranks at this confidence",
                        test.n_a, test.n_b
                    ),
                )
            }),
            Cell::found(&ranks, |test| Cell::number(test.p_value)),
            Cell::found(&ranks, |test| Cell::words(method(test.method))),
            Cell::found(&superiority, |test| Cell::number(test.superiority)),
            Cell::found(&superiority, |test| {
                Cell::interval_or(test.interval, "the samples do not overlap")
            }),
            Cell::found(&superiority, |test| Cell::number(test.p_value)),
            Cell::found(&smirnov, |test| Cell::number(test.distance)),
            Cell::found(&smirnov, |test| Cell::number(test.p_value)),
            Cell::found(&relabelled, |test| Cell::number(test.p_value)),
            Cell::found(&relabelled, |test| Cell::words(method(test.method))),
        ]);
    }
    sheet.note(
        "None of these is adjusted, and none knows blocks: judge by the table of comparisons, and \
         ask here how much hangs on what that one supposes.",
    )
}

pub(super) fn sizes(topic: &Topic<'_>) -> Sheet {
    let number = ("", Format::Fixed(2));
    let ratio = topic.ratio();
    let mut sheet = Sheet::new(
        "effect_sizes",
        "Sizes of the differences to the baseline",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("hedges_g", "Hedges g", number, Formula::HedgesG),
            Column::interval("hedges_g_interval", "interval", number, Formula::HedgesG),
            Column::number("cliffs_delta", "Cliff's delta", number, Formula::CliffsDelta),
            Column::interval("cliffs_delta_interval", "interval", number, Formula::CliffsDelta),
            Column::number("mean_ratio", "ratio of means", ratio, Formula::Fieller),
            Column::interval("mean_ratio_interval", "Fieller", ratio, Formula::Fieller),
        ],
    );
    let confidence = topic.inputs.rule.confidence;
    for at in topic.inputs.compared() {
        let two = two(topic, at);
        let of = two.as_ref().map_err(Clone::clone);
        let hedges = of.clone().and_then(|(a, b)| Ok(hedges_g(a, b, confidence)?));
        let cliff = of.and_then(|(a, b)| Ok(cliffs_delta(a, b, confidence)?));
        let raw = in_blocks(topic, at).and_then(|pairs| Ok(fieller(&pairs, confidence)?));
        sheet.row(vec![
            Cell::words(&topic.name(at)),
            Cell::found(&hedges, |found| Cell::number(found.g)),
            Cell::found(&hedges, |found| Cell::interval(found.interval)),
            Cell::found(&cliff, |found| Cell::number(found.delta)),
            Cell::found(&cliff, |found| Cell::interval(found.interval)),
            Cell::found(&raw, |found| Cell::number(found.ratio)),
            Cell::found(&raw, |found| Cell::interval(found.interval)),
        ]);
    }
    sheet
}

fn in_blocks(topic: &Topic<'_>, at: usize) -> Found<Pairs> {
    let baseline = topic.inputs.baseline();
    let baseline = baseline.map(|at| topic.inputs.by_block(at)).unwrap_or_default();
    let own = topic.inputs.by_block(at);
    if !own.keys().any(|block| baseline.contains_key(block)) {
        return Err(Refused("there is no block with both".to_owned()));
    }
    Ok(pairs(&own, &baseline)?)
}
