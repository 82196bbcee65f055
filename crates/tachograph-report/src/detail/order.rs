//! Tables about the runs in time, and the noise floor.

use tachograph_model::run::Arm;
use tachograph_stats::Warming;

use super::Topic;
use crate::claim::Format;
use crate::depth::Refused;
use crate::formula::Formula;
use crate::render::html::verdict_name;
use crate::sheet::{Cell, Column, Sheet};

pub(super) fn series(topic: &Topic<'_>) -> Sheet {
    let number = ("", Format::Fixed(2));
    let mut sheet = Sheet::new(
        "series",
        "Runs in the order of execution, relative to the mean of their configuration",
        0,
        vec![
            Column::count("n_runs", "runs", Formula::Count),
            Column::number("tau", "τ", number, Formula::MannKendall),
            Column::p("p_trend", "p (trend)", Formula::MannKendall),
            Column::number(
                "slope_per_run",
                "slope per run",
                ("fraction", Format::Percent(3)),
                Formula::TheilSen,
            ),
            Column::number("lag_one", "lag-1 r", number, Formula::Autocorrelation),
            Column::number(
                "n_effective",
                "effective n",
                ("", Format::Fixed(1)),
                Formula::EffectiveN,
            ),
            Column::count("n_changes", "changes", Formula::ChangePoint),
            Column::words("steady_from", "steady from"),
            Column::words("warming", "before that"),
        ],
    );
    let series = &topic.depth.series;
    let (trend, own) = (&series.trend, &series.autocorrelation);
    sheet.row(vec![
        Cell::count(series.n),
        Cell::found(trend, |trend| Cell::some(trend.tau)),
        Cell::found(trend, |trend| Cell::number(trend.p_value)),
        Cell::found(trend, |trend| {
            trend.slope.map_or_else(
                || Cell::Refused("a slope takes at most 4,000 runs".to_owned()),
                Cell::number,
            )
        }),
        Cell::found(own, |own| Cell::number(own.lag_one)),
        Cell::found(own, |own| Cell::number(own.n_effective)),
        Cell::found(&series.changes, |changes| Cell::count(changes.len())),
        Cell::found(&series.steady, |steady| match series.runs.get(steady.steady_from) {
            Some(run) => Cell::words(run),
            None => Cell::words("never"),
        }),
        Cell::found(&series.steady, |steady| {
            Cell::words(match steady.warming {
                Warming::Flat => "level",
                Warming::Falling => "higher",
                Warming::Rising => "lower",
                Warming::NotSteady => "not steady",
            })
        }),
    ]);
    sheet.note("Steady: from there on all means between changes lie within the margin of the last.")
}

pub(super) fn changes(topic: &Topic<'_>) -> Sheet {
    let change = ("ratio", topic.change);
    let mut sheet = Sheet::new(
        "changes",
        "Changes of the level of all runs (E-divisive means, permutations seeded by the plan)",
        1,
        vec![
            Column::words("run", "first run after"),
            Column::count("position", "position", Formula::ChangePoint),
            Column::p("p", "p", Formula::ChangePoint),
            Column::number("before", "level before", change, Formula::SegmentMean),
            Column::number("after", "level after", change, Formula::SegmentMean),
        ],
    );
    match &topic.depth.series.changes {
        Err(Refused(reason)) => {
            let mut row = vec![Cell::words("(none looked for)")];
            row.extend((1..5).map(|_| Cell::Refused(reason.clone())));
            sheet.row(row);
            sheet
        }
        Ok(changes) if changes.is_empty() => {
            sheet.note("No change was found, which is no proof that there was none.")
        }
        Ok(changes) => {
            for change in changes {
                sheet.row(vec![
                    Cell::words(&change.run),
                    Cell::count(change.index + 1),
                    Cell::number(change.p_value),
                    Cell::number(change.before),
                    Cell::number(change.after),
                ]);
            }
            sheet
        }
    }
}

pub(super) fn noise(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let mut sheet = Sheet::new(
        "noise_floor",
        "The baseline against itself (A/A)",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::count("n_blocks", "blocks", Formula::Count),
            Column::number("ratio", "difference", ratio, Formula::PairedRatio),
            Column::interval("ratio_interval", "interval", ratio, Formula::PairedRatio),
            Column::p("p_paired_t", "p (t)", Formula::UnadjustedP),
            Column::p("p_tost", "p (TOST)", Formula::Tost),
            Column::words("verdict", "verdict"),
        ],
    );
    let again = topic.analysis.configurations.iter().find(|c| c.planned.arm == Arm::BaselineAa);
    let found = match again {
        None => Err(Refused(
            "the plan has no A/A arm; set `baseline.aa = true` to see what noise alone does"
                .to_owned(),
        )),
        Some(again) => again.judged(topic.inputs.metric).copied().ok_or_else(|| {
            Refused("the A/A arm needs at least 2 blocks with both baselines".to_owned())
        }),
    };
    sheet.row(vec![
        again.map_or_else(|| Cell::words("(no A/A arm)"), |own| Cell::words(&own.planned.id)),
        Cell::found(&found, |found| Cell::count(found.ratio.n_blocks)),
        Cell::found(&found, |found| Cell::number(found.ratio.ratio)),
        Cell::found(&found, |found| Cell::interval(found.ratio.interval)),
        Cell::found(&found, |found| Cell::number(found.ratio.p_value)),
        Cell::found(&found, |found| Cell::number(found.equivalence.p_value)),
        Cell::found(&found, |found| Cell::words(verdict_name(found.verdict))),
    ]);
    sheet
}
