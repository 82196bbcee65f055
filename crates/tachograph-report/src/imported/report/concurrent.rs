//! Concurrent runs: balance under its historical name, and true speed-up where solo data
//! allows.

use super::{Of, describe};
use crate::analysis::ALL_RUNS;
use crate::claim::{Format, Part, Source};
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::imported::set_of;
use crate::imported::summary;
use crate::imported::together::{AgainstSolo, Balance, Together};
use crate::writer::Writer;
use tachograph_stats::Proportion;

const BALANCE: Format = Format::Percent(3);

/// What may be said of concurrency in a paragraph.
pub(super) fn answer(writer: &mut Writer<'_>, together: &Together) -> Option<Prose> {
    let all = together.groups.first()?;
    let mean = balance(writer, "source/balance/all/runs", &all.runs);
    let mut line = Prose::new()
        .text("What older reports call the efficiency of several agents is ")
        .value(mean)
        .text(
            ", the mean over runs. It is the balance of their durations and says nothing about \
             what running together costs: agents that slow each other down alike have all of it. ",
        );
    if together.solo.is_empty() {
        return Some(line.text(
            "The source has no solo runs with the same options, so no true speed-up is known.",
        ));
    }
    let efficiencies: Vec<f64> = together.solo.iter().map(|it| it.efficiency).collect();
    let of = Of {
        id: "source/solo/efficiency".to_owned(),
        unit: "fraction",
        format: Format::Percent(1),
        formula: Formula::MeanOfSessions,
        set: ALL_RUNS.to_owned(),
    };
    let it = describe(writer, &of, &summary(&efficiencies)?);
    line = line
        .text("Held against solo runs of another session, the true efficiency is ")
        .value(it.median)
        .text(", the median of ")
        .part(it.mean, Part::N)
        .text(" configurations, from ")
        .value(it.min)
        .text(" to ")
        .value(it.max)
        .text(". ");
    let slowdowns = || together.solo.iter().flat_map(|it| &it.slowdowns);
    let n_slowed = slowdowns().filter(|(_, ratio)| ratio.interval.low > 1.0).count();
    let n_all = slowdowns().count();
    let slowed = Proportion::new(n_slowed as u64, n_all as u64).ok()?;
    let slowed = slowed.estimate(writer.analysis.rule.confidence);
    let source = Source::Runs(ALL_RUNS.to_owned());
    let value = (slowed.fraction, "fraction", Format::Percent(1));
    let n = (slowed.trials, Some(slowed.interval));
    let what = (Formula::SlowedDown, source);
    let claim = writer.estimate("source/solo/slowed_down", value, n, what);
    Some(line.text("Of the ").part(claim, Part::N).text(" agents, ").value(claim).text(
        " are slowed down beyond what chance explains: the interval of their slowdown lies above one.",
    ))
}

fn balance(
    writer: &mut Writer<'_>,
    id: &str,
    summary: &tachograph_stats::Summary,
) -> crate::claim::ClaimRef {
    let of = Of {
        id: id.to_owned(),
        unit: "fraction",
        format: BALANCE,
        formula: Formula::BalanceOfRuns,
        set: ALL_RUNS.to_owned(),
    };
    describe(writer, &of, summary).mean
}

pub(super) fn section(writer: &mut Writer<'_>, together: &Together) {
    writer.heading("Several agents at once");
    writer.paragraph(text(
        "Balance is the sum of the agents' durations over makespan times agents; older reports \
         call it efficiency. Two agents that slow each other down twofold, and alike, have a balance \
         of one. True speed-up needs the same work alone.",
    ));
    groups(writer, together);
    sessions(writer, together);
    solo(writer, &together.solo);
}

fn groups(writer: &mut Writer<'_>, together: &Together) {
    let rows = together
        .groups
        .iter()
        .map(|group| {
            let mut of = |name: &str, summary, formula| {
                let id = format!("source/balance/{}/{name}", group.id);
                let set = ALL_RUNS.to_owned();
                let of = Of { id, unit: "fraction", format: BALANCE, formula, set };
                describe(writer, &of, summary)
            };
            let runs = of("runs", &group.runs, Formula::BalanceOfRuns);
            let sessions = of("sessions", &group.sessions, Formula::MeanOfSessions);
            let value = (group.flagged.fraction, "fraction", Format::Percent(2));
            let n = (group.flagged.trials, Some(group.flagged.interval));
            let id = format!("source/balance/{}/flagged", group.id);
            let source = Source::Runs(ALL_RUNS.to_owned());
            let flagged = writer.estimate(id, value, n, (Formula::LegacyFlagShare, source));
            vec![
                Prose::new().quote(&group.name),
                Prose::new().part(runs.mean, Part::N),
                Prose::new().value(runs.mean),
                Prose::new().value(runs.min),
                Prose::new().value(runs.max).text(" ").code(&group.peak),
                Prose::new().value(sessions.mean),
                Prose::new().value(sessions.max).text(" ").code(&group.best),
                Prose::new().value(flagged),
                writer.bracket(Some(flagged)),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Balance of runs taken together, by phase and by scenario. Flagged: the share of runs \
             that older reports call contended, with the Wilson interval.",
        ),
        columns: vec![
            (text("which"), Align::Left),
            (text("runs"), Align::Right),
            (text("mean over runs"), Align::Right),
            (text("smallest run"), Align::Right),
            (text("largest run"), Align::Right),
            (text("mean over sessions"), Align::Right),
            (text("largest session"), Align::Right),
            (text("flagged"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}

fn sessions(writer: &mut Writer<'_>, together: &Together) {
    writer.subheading("Each session");
    let rows = together.sessions.iter().filter_map(|each| session(writer, each)).collect();
    writer.table(Table {
        caption: text("Balance and makespan of each session, over its runs."),
        columns: vec![
            (text("session"), Align::Left),
            (text("scenario"), Align::Left),
            (text("runs"), Align::Right),
            (text("balance"), Align::Right),
            (text("sd"), Align::Right),
            (text("smallest"), Align::Right),
            (text("largest"), Align::Right),
            (text("makespan, s"), Align::Right),
            (text("flagged"), Align::Right),
            (text("flags that differ"), Align::Right),
        ],
        rows,
    });
}

fn session(writer: &mut Writer<'_>, each: &Balance) -> Option<Vec<Prose>> {
    let set = || set_of(&each.session);
    let mut of = |name: &str, values: &[f64], unit: &'static str, format, formula| {
        let id = format!("source/{}/{name}", each.session);
        let of = Of { id, unit, format, formula, set: set() };
        Some(describe(writer, &of, &summary(values)?))
    };
    let balance = of("balance", &each.runs, "fraction", BALANCE, Formula::BalanceOfRuns)?;
    let makespan = of("makespan", &each.makespan_s, "s", Format::Fixed(2), Formula::ReportedMean)?;
    let flagged = writer.count(
        format!("source/{}/flagged", each.session),
        each.n_flagged,
        Source::Runs(set()),
    );
    let differ = writer.count(
        format!("source/{}/flags_that_differ", each.session),
        each.n_flags_differ,
        Source::Runs(set()),
    );
    Some(vec![
        code(&each.session),
        code(&each.scenario),
        Prose::new().part(balance.mean, Part::N),
        Prose::new().value(balance.mean),
        cell(balance.sd),
        Prose::new().value(balance.min),
        Prose::new().value(balance.max),
        Prose::new().value(makespan.mean),
        Prose::new().value(flagged),
        Prose::new().value(differ),
    ])
}

fn solo(writer: &mut Writer<'_>, all: &[AgainstSolo]) {
    writer.subheading("Against solo runs of another session");
    if all.is_empty() {
        writer.paragraph(text(
            "The source has no run of one agent with the options of a concurrent one, so that true \
             speed-up, slowdown and efficiency are not known.",
        ));
        return;
    }
    writer.paragraph(text(
        "Solo runs have the same options and the same first prompt, but belong to another session: \
         a difference between the days is part of each figure. Slowdown is an agent's wall time \
         together over alone, with the interval of Welch on logarithms.",
    ));
    let rows = all
        .iter()
        .map(|each| {
            let set = || set_of(&each.session);
            let id = |name: &str| format!("source/{}/solo/{name}", each.session);
            let n = (each.n_together as u64, None);
            let mut claim = |name: &str, value, unit: &str, format, formula| {
                let source = Source::Runs(set());
                Prose::new().value(writer.estimate(
                    id(name),
                    (value, unit, format),
                    n,
                    (formula, source),
                ))
            };
            let percent = Format::Percent(1);
            let mut row = vec![
                code(&each.session),
                claim("balance", each.balance, "fraction", percent, Formula::BalanceOfRuns),
                claim(
                    "efficiency",
                    each.efficiency,
                    "fraction",
                    percent,
                    Formula::EfficiencyElsewhere,
                ),
                claim("speedup", each.speedup, "", Format::Fixed(2), Formula::SpeedupElsewhere),
            ];
            let alone = writer.count(id("solo_runs"), each.n_solo, Source::Runs(set()));
            row.push(Prose::new().value(alone));
            let slowdowns = each.slowdowns.iter().map(|(agent, ratio)| {
                let name = id(&format!("slowdown/{agent}"));
                let n = (ratio.n_treatment as u64, Some(ratio.interval));
                let value = (ratio.ratio, "", Format::Fixed(2));
                let what = (Formula::SlowdownElsewhere, Source::Runs(set()));
                let claim = writer.estimate(name, value, n, what);
                Prose::new().code(agent).text(" ").value(claim).text(" ").interval(claim)
            });
            row.push(comma_separated(slowdowns.collect::<Vec<_>>()));
            row
        })
        .collect();
    writer.table(Table {
        caption: text("True speed-up and efficiency beside balance."),
        columns: vec![
            (text("session"), Align::Left),
            (text("balance"), Align::Right),
            (text("true efficiency"), Align::Right),
            (text("true speed-up"), Align::Right),
            (text("solo runs"), Align::Right),
            (text("slowdown"), Align::Left),
        ],
        rows,
    });
}
