//! Tables about the factors of the plan.

use tachograph_stats::{Effect, FactorialAnalysis};

use super::Topic;
use crate::analysis::sensitivity::{self, LevelPair};
use crate::claim::Format;
use crate::depth::{Found, Refused};
use crate::formula::Formula;
use crate::render::html::verdict_name;
use crate::sheet::{Cell, Column, Sheet};

/// The analysis of the factorial, or why there is none.
fn analysis<'a>(topic: &Topic<'a>) -> Found<&'a FactorialAnalysis> {
    let sensitivity = &topic.analysis.sensitivity;
    if sensitivity.factors.is_empty() {
        return Err(Refused("the plan varies no factor with two or more levels".to_owned()));
    }
    let found = if topic.is_primary() {
        sensitivity.primary.as_ref()
    } else {
        sensitivity.others.get(&topic.inputs.metric)
    };
    found.ok_or_else(|| Refused(incomplete(topic)))
}

/// Says which blocks lack runs of the factorial.
fn incomplete(topic: &Topic<'_>) -> String {
    let missing = missing(topic);
    let named = if missing.is_empty() {
        String::new()
    } else {
        format!("; without a value: {}", missing.join(", "))
    };
    format!("an analysis of variance needs every combination of levels in at least 2 blocks{named}")
}

/// The runs of the factorial that have no value, a few of them by name.
fn missing(topic: &Topic<'_>) -> Vec<String> {
    const NAMED_MAX: usize = 6;
    let mut missing = Vec::new();
    for (at, each) in topic.analysis.configurations.iter().enumerate() {
        if each.planned.levels.is_empty() {
            continue;
        }
        let values = topic.inputs.by_block(at);
        let blocks = (1..=topic.analysis.plan.blocks).filter(|block| !values.contains_key(block));
        missing.extend(blocks.map(|block| format!("{}/run_{block:03}", each.planned.id)));
    }
    if missing.len() > NAMED_MAX {
        let rest = missing.len() - NAMED_MAX;
        missing.truncate(NAMED_MAX);
        missing.push(format!("and {rest} more"));
    }
    missing
}

pub(super) fn effects(topic: &Topic<'_>) -> Sheet {
    let share = ("fraction", Format::Fixed(3));
    let whole = ("", Format::Fixed(0));
    let mut sheet = Sheet::new(
        "factors",
        "What the factors do (analysis of variance on run values, blocks taken out)",
        1,
        vec![
            Column::words("effect", "effect"),
            Column::number("f", "F", ("", Format::Fixed(2)), Formula::FactorF),
            Column::number("df", "df", whole, Formula::DegreesOfFreedom),
            Column::number("df_residual", "residual df", whole, Formula::DegreesOfFreedom),
            Column::p("p", "p", Formula::FactorF),
            Column::number("eta_squared", "η²", share, Formula::EtaSquared),
            Column::number("partial_eta_squared", "partial η²", share, Formula::PartialEta),
            Column::interval(
                "partial_eta_squared_interval",
                "interval",
                share,
                Formula::PartialEta,
            ),
        ],
    );
    let analysis = match analysis(topic) {
        Ok(analysis) => analysis,
        Err(Refused(reason)) => {
            let mut row = vec![Cell::words("all factors")];
            row.extend((1..8).map(|_| Cell::Refused(reason.clone())));
            sheet.row(row);
            return sheet;
        }
    };
    let name = |at: usize| topic.analysis.sensitivity.factors[at].name.as_str();
    for main in &analysis.main {
        sheet.row(line(name(main.factor), &main.effect));
    }
    for pair in &analysis.two_way {
        let title = format!("{} × {}", name(pair.factors.0), name(pair.factors.1));
        sheet.row(line(&title, &pair.effect));
    }
    if let Some(higher) = &analysis.higher_order {
        sheet.row(line("higher interactions", higher));
    }
    sheet.row(line("blocks", &analysis.blocks));
    let missing = missing(topic);
    let note = format!("{} complete blocks; the F tests are not adjusted.", analysis.n_blocks);
    let sheet = sheet.note(note);
    if missing.is_empty() {
        return sheet;
    }
    sheet.note(format!("Blocks left out as a whole for want of: {}.", missing.join(", ")))
}

fn line(title: &str, effect: &Effect) -> Vec<Cell> {
    let or = |value: Option<f64>, reason: &str| {
        value.map_or_else(|| Cell::Refused(reason.to_owned()), Cell::number)
    };
    vec![
        Cell::words(title),
        or(effect.f, "the residual is 0"),
        Cell::number(effect.df),
        Cell::number(effect.df_residual),
        Cell::number(effect.p_value),
        or(effect.eta_squared, "all values are equal"),
        or(effect.partial_eta_squared, "all values are equal"),
        Cell::interval_or(
            effect.partial_eta_squared_interval,
            "the interval needs an F of at most 10,000",
        ),
    ]
}

pub(super) fn levels(topic: &Topic<'_>) -> Sheet {
    let scale = topic.scale();
    let mut sheet = Sheet::new(
        "levels",
        "Mean of each level over blocks",
        2,
        vec![
            Column::words("factor", "factor"),
            Column::words("level", "level"),
            Column::count("n_blocks", "blocks", Formula::Count),
            Column::number("mean", "mean", scale, Formula::LevelMean),
            Column::interval("mean_interval", "interval", scale, Formula::LevelMean),
        ],
    );
    let found = analysis(topic);
    for (at, factor) in topic.analysis.sensitivity.factors.iter().enumerate() {
        for (index, level) in factor.levels.iter().enumerate() {
            let estimate = found.clone().map(|analysis| {
                let level = analysis.main[at].levels.iter().find(|own| own.level == index);
                level.expect("every level of a complete design has a mean").estimate
            });
            sheet.row(vec![
                Cell::words(&factor.name),
                Cell::words(level),
                Cell::found(&estimate, |mean| Cell::count(mean.n)),
                Cell::found(&estimate, |mean| Cell::number(mean.mean)),
                Cell::found(&estimate, |mean| Cell::interval(mean.interval)),
            ]);
        }
    }
    sheet
}

pub(super) fn pairs(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let mut sheet = Sheet::new(
        "level_pairs",
        "Levels against each other within blocks, Holm-adjusted over the factor's pairs",
        3,
        vec![
            Column::words("factor", "factor"),
            Column::words("reference", "from"),
            Column::words("level", "to"),
            Column::count("n_blocks", "blocks", Formula::Count),
            Column::number("ratio", "change", ratio, Formula::PairedRatio),
            Column::interval("ratio_interval", "interval", ratio, Formula::PairedRatio),
            Column::p("p_holm", "p (Holm)", Formula::HolmDifference),
            Column::words("verdict", "verdict"),
        ],
    );
    let factors = &topic.analysis.sensitivity.factors;
    let own: Vec<Vec<LevelPair>> = if topic.is_primary() {
        factors.iter().map(|factor| factor.pairs.clone()).collect()
    } else {
        let analysis = topic.analysis;
        let planned: Vec<_> =
            analysis.configurations.iter().map(|each| each.planned.clone()).collect();
        let metric = topic.inputs.metric;
        sensitivity::pairs_on(metric, &analysis.plan, (&planned, &analysis.runs), topic.inputs.rule)
    };
    for (factor, pairs) in factors.iter().zip(&own) {
        for pair in pairs {
            let found = pair.comparison.ok_or_else(|| Refused(incomplete(topic)));
            sheet.row(vec![
                Cell::words(&factor.name),
                Cell::words(&factor.levels[pair.first]),
                Cell::words(&factor.levels[pair.second]),
                Cell::found(&found, |found| Cell::count(found.ratio.n_blocks)),
                Cell::found(&found, |found| Cell::number(found.ratio.ratio)),
                Cell::found(&found, |found| Cell::interval(found.ratio.interval)),
                Cell::found(&found, |found| Cell::number(found.p_difference_adjusted)),
                Cell::found(&found, |found| Cell::words(verdict_name(found.verdict))),
            ]);
        }
    }
    sheet
}
