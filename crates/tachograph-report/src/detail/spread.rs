//! Tables about where variation comes from.

use tachograph_stats::ComponentMethod;

use super::Topic;
use crate::claim::{Format, decimals_for};
use crate::depth::Refused;
use crate::formula::Formula;
use crate::sheet::{Cell, Column, Sheet};

pub(super) fn spread(topic: &Topic<'_>) -> Sheet {
    let number = ("", Format::Fixed(2));
    let mut sheet = Sheet::new(
        "spread",
        "Spread over runs beside the baseline's (Brown-Forsythe)",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("sd", "sd", topic.spread_scale(), Formula::StandardDeviation),
            Column::number("sd_ratio", "sd / baseline", number, Formula::SpreadRatio),
            Column::number("f", "F", number, Formula::BrownForsythe),
            Column::p("p", "p", Formula::BrownForsythe),
        ],
    );
    let variation = &topic.depth.variation;
    for (at, each) in topic.analysis.configurations.iter().enumerate() {
        let sd = each.metrics.get(&topic.inputs.metric).and_then(|estimate| estimate.summary.sd);
        let sd = sd.ok_or_else(|| Refused("a spread needs at least 2 measured runs".to_owned()));
        let mut row = vec![Cell::words(&each.planned.id), Cell::found(&sd, |sd| Cell::number(*sd))];
        match &variation.spread_against_baseline[at] {
            None => row.extend([Cell::Absent, Cell::Absent, Cell::Absent]),
            Some(found) => row.extend([
                Cell::found(found, |found| {
                    found.ratio.map_or_else(
                        || Cell::Refused("the baseline's spread is 0 or not known".to_owned()),
                        Cell::number,
                    )
                }),
                Cell::found(found, |found| Cell::some(found.test.f)),
                Cell::found(found, |found| Cell::number(found.test.p_value)),
            ]),
        }
        sheet.row(row);
    }
    let mut all = vec![Cell::words("(all alike)"), Cell::Absent, Cell::Absent];
    all.push(Cell::found(&variation.spread, |test| Cell::some(test.f)));
    all.push(Cell::found(&variation.spread, |test| Cell::number(test.p_value)));
    sheet.row(all);
    sheet.note("The last row tests all configurations at once. No p-value here is adjusted.")
}

pub(super) fn components(topic: &Topic<'_>) -> Sheet {
    let variation = &topic.depth.variation;
    let of = variation.of;
    let splits = variation.components.iter().flatten();
    let largest =
        splits.map(|own| own.split.sd_between.max(own.split.sd_within)).fold(0.0, f64::max);
    let scale = (of.unit(), Format::Fixed(decimals_for(largest, 3)));
    let share = ("fraction", Format::Fixed(2));
    let number = ("", Format::Fixed(1));
    let mut sheet = Sheet::new(
        "components",
        format!("Runs against calls: where {} varies", of.title()),
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::count("n_runs", "runs", Formula::Count),
            Column::count("calls_per_run", "calls each", Formula::Count),
            Column::number("sd_between", "sd of runs", scale, Formula::SdBetween),
            Column::number("sd_within", "sd of calls", scale, Formula::SdWithin),
            Column::number("icc", "ICC", share, Formula::Icc),
            Column::interval("icc_interval", "interval", share, Formula::Icc),
            Column::p("p_runs", "p (runs)", Formula::Icc),
            Column::number("run_cost", "run / call cost", number, Formula::RunCost),
            Column::number(
                "best_calls_per_run",
                "best calls per run",
                ("", Format::Fixed(0)),
                Formula::BestRepetitions,
            ),
        ],
    );
    for (each, found) in topic.analysis.configurations.iter().zip(&variation.components) {
        let refused = |reason: &str| Cell::Refused(reason.to_owned());
        sheet.row(vec![
            Cell::words(&each.planned.id),
            Cell::found(found, |own| Cell::count(own.split.n_runs)),
            Cell::found(found, |own| Cell::count(own.calls_per_run)),
            Cell::found(found, |own| Cell::number(own.split.sd_between)),
            Cell::found(found, |own| Cell::number(own.split.sd_within)),
            Cell::found(found, |own| {
                own.split.icc.map_or_else(|| refused("all calls are equal"), Cell::number)
            }),
            Cell::found(found, |own| {
                Cell::interval_or(own.split.icc_interval, "calls within runs do not vary")
            }),
            Cell::found(found, |own| Cell::number(own.split.p_value)),
            Cell::found(found, |own| {
                own.run_cost
                    .map_or_else(|| refused("the lifetime of processes is not known"), Cell::number)
            }),
            Cell::found(found, |own| match (own.best_calls, own.run_cost) {
                (Some(best), _) => Cell::number(best),
                (None, Some(_)) => refused("runs do not vary: one run with all calls is best"),
                (None, None) => refused("the lifetime of processes is not known"),
            }),
        ]);
    }
    sheet.note(
        "What the stages of a run differ by on average is taken out first. A large ICC means that \
         more calls per run do not help: only more runs do.",
    )
}

pub(super) fn nested(topic: &Topic<'_>) -> Sheet {
    let share = ("fraction", Format::Percent(2));
    let mut sheet = Sheet::new(
        "nested",
        "Server starts, runs and calls, relative to the mean of the same call",
        1,
        vec![
            Column::words("method", "method"),
            Column::count("n_starts", "starts", Formula::Count),
            Column::count("n_runs", "runs", Formula::Count),
            Column::count("n_calls", "calls", Formula::Count),
            Column::number("sd_start", "sd of starts", share, Formula::NestedSd),
            Column::number("sd_run", "sd of runs", share, Formula::NestedSd),
            Column::number("sd_call", "sd of calls", share, Formula::NestedSd),
            Column::count("best_runs_per_start", "best runs per start", Formula::BestRepetitions),
            Column::count("best_calls_per_run", "best calls per run", Formula::BestRepetitions),
        ],
    );
    match &topic.depth.variation.nested {
        Err(Refused(reason)) => {
            let mut row = vec![Cell::words("all")];
            row.extend((1..9).map(|_| Cell::Refused(reason.clone())));
            sheet.row(row);
        }
        Ok(both) => {
            for own in both {
                let split = &own.split;
                let best = |count: Option<usize>, reason: &str| {
                    count.map_or_else(|| Cell::Refused(reason.to_owned()), Cell::count)
                };
                let (runs, calls) =
                    own.best.map_or((None, None), |best| (best.runs_per_start, best.calls_per_run));
                sheet.row(vec![
                    Cell::words(match split.method {
                        ComponentMethod::Moments => "moments",
                        ComponentMethod::Reml => "REML",
                    }),
                    Cell::count(split.n_starts),
                    Cell::count(split.n_runs),
                    Cell::count(split.n_calls),
                    Cell::number(split.sd_start),
                    Cell::number(split.sd_run),
                    Cell::number(split.sd_call),
                    best(runs, "starts do not vary: start once"),
                    best(calls, "runs do not vary, or their cost is not known"),
                ]);
            }
        }
    }
    sheet.note(
        "The best repetitions take a server start to cost as much as a run. The means are \
         estimated from the same data, so that the components are low by about one part in the \
         number of runs of a configuration.",
    )
}
