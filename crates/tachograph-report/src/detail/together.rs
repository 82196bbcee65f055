//! Tables about agents that ran at once.

use tachograph_stats::PairedRatio;

use crate::analysis::comparison::Compared;
use crate::analysis::configuration::Estimate;
use crate::analysis::{Analysis, judged};
use crate::claim::Format;
use crate::concurrency::Concurrency;
use crate::formula::Formula;
use crate::render::html::verdict_name;
use crate::sheet::{Cell, Column, Sheet};

const RATIO: (&str, Format) = ("ratio", Format::Fixed(3));
const SHARE: (&str, Format) = ("fraction", Format::Percent(1));
const SECONDS: (&str, Format) = ("s", Format::Fixed(3));
const RATE: (&str, Format) = ("tok/s", Format::Fixed(2));
const TOO_FEW: &str = "needs 2 blocks with all runs measured";

fn ratio(found: Option<&PairedRatio>, scale: f64) -> [Cell; 2] {
    match found {
        None => [Cell::Refused(TOO_FEW.to_owned()), Cell::Absent],
        Some(found) => {
            let interval = found.interval;
            let scaled = tachograph_stats::Interval {
                low: interval.low * scale,
                high: interval.high * scale,
                ..interval
            };
            [Cell::number(found.ratio * scale), Cell::interval(scaled)]
        }
    }
}

fn mean(estimate: Option<&Estimate>) -> Cell {
    estimate.map_or_else(
        || Cell::Refused("no complete run".to_owned()),
        |estimate| Cell::number(estimate.summary.mean),
    )
}

fn verdict(compared: Option<&Compared>) -> [Cell; 2] {
    match judged(compared) {
        None => [Cell::Refused(TOO_FEW.to_owned()), Cell::Absent],
        Some(found) => {
            [Cell::number(found.p_difference_adjusted), Cell::words(verdict_name(found.verdict))]
        }
    }
}

/// Returns the tables of concurrent configurations, agents and groups.
pub(super) fn sheets(analysis: &Analysis, concurrency: &Concurrency) -> Vec<Sheet> {
    vec![configurations(analysis, concurrency), agents(analysis, concurrency), groups(concurrency)]
}

fn configurations(analysis: &Analysis, concurrency: &Concurrency) -> Sheet {
    let mut sheet = Sheet::new(
        "together",
        "Concurrent configurations against their agents alone",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::count("agents", "agents", Formula::Count),
            Column::count("n", "complete runs", Formula::Count),
            Column::number("speedup", "true speed-up", RATIO, Formula::TrueSpeedup),
            Column::interval("speedup_interval", "interval", RATIO, Formula::TrueSpeedup),
            Column::number("efficiency", "true efficiency", SHARE, Formula::TrueEfficiency),
            Column::interval("efficiency_interval", "interval", SHARE, Formula::TrueEfficiency),
            Column::number("balance", "balance", SHARE, Formula::Balance),
            Column::number("fairness", "fairness", ("", Format::Fixed(3)), Formula::Fairness),
            Column::number("overlap", "overlap", SHARE, Formula::Overlap),
            Column::number("makespan", "makespan", SECONDS, Formula::Makespan),
            Column::number("alone", "one by one", SECONDS, Formula::AloneSum),
            Column::number("work_rate", "work rate", RATE, Formula::WorkRate),
            Column::number("work_rate_alone", "one by one", RATE, Formula::WorkRate),
            Column::p("p_pays", "p (makespan, Holm)", Formula::HolmDifference),
            Column::words("pays", "verdict"),
            Column::words("contention", "contention"),
        ],
    );
    for each in &concurrency.together {
        let id = &analysis.configurations[each.configuration].planned.id;
        let mut row =
            vec![Cell::words(id), Cell::count(each.n_agents), Cell::count(each.n_complete)];
        row.extend(ratio(each.speedup.as_ref(), 1.0));
        row.extend(ratio(each.speedup.as_ref(), 1.0 / each.n_agents as f64));
        row.extend([
            mean(each.balance.as_ref()),
            mean(each.fairness.as_ref()),
            mean(each.overlap.as_ref()),
            mean(each.makespan.as_ref()),
            mean(each.alone.as_ref()),
            mean(each.rate.as_ref()),
            mean(each.rate_alone.as_ref()),
        ]);
        row.extend(verdict(each.pays.as_ref()));
        row.push(Cell::words(each.contention.name()));
        sheet.row(row);
    }
    sheet.note("Balance is what older reports called efficiency; it says how equal durations are.")
}

fn agents(analysis: &Analysis, concurrency: &Concurrency) -> Sheet {
    let millis = ("ms", Format::Fixed(1));
    let mut sheet = Sheet::new(
        "slowdowns",
        "Each agent together against alone (the primary family)",
        2,
        vec![
            Column::words("configuration", "configuration"),
            Column::words("agent", "agent"),
            Column::words("server", "server"),
            Column::number("alone", "alone", SECONDS, Formula::AgentWall),
            Column::number("together", "together", SECONDS, Formula::AgentWall),
            Column::number("slowdown", "slowdown", RATIO, Formula::Slowdown),
            Column::interval("slowdown_interval", "interval", RATIO, Formula::Slowdown),
            Column::p("p", "p (Holm)", Formula::HolmDifference),
            Column::words("verdict", "verdict"),
            Column::number("per_token", "per token", RATIO, Formula::SlowdownPerToken),
            Column::interval("per_token_interval", "interval", RATIO, Formula::SlowdownPerToken),
            Column::number("wait_alone", "wait alone", millis, Formula::Wait),
            Column::number("wait", "wait together", millis, Formula::Wait),
        ],
    );
    for each in &concurrency.together {
        let id = &analysis.configurations[each.configuration].planned.id;
        for agent in &each.agents {
            let mut row =
                vec![Cell::words(id), Cell::words(&agent.agent), Cell::words(&agent.server)];
            row.extend([mean(agent.alone.as_ref()), mean(agent.together.as_ref())]);
            row.extend(ratio(judged(agent.slowdown.as_ref()).map(|found| &found.ratio), 1.0));
            row.extend(verdict(agent.slowdown.as_ref()));
            row.extend(ratio(agent.slowdown_per_token.as_ref(), 1.0));
            let wait = |estimate: Option<&Estimate>| match estimate {
                Some(estimate) => Cell::number(estimate.summary.mean),
                None => Cell::Refused("the server reports no durations".to_owned()),
            };
            row.extend([wait(agent.wait_alone.as_ref()), wait(agent.wait.as_ref())]);
            sheet.row(row);
        }
    }
    sheet.note(
        "A wait has the first token and the network in it; its difference from alone is the queue.",
    )
}

fn groups(concurrency: &Concurrency) -> Sheet {
    let mut sheet = Sheet::new(
        "groups",
        "Phases, scenarios and topologies",
        2,
        vec![
            Column::words("grouping", "by"),
            Column::words("name", "group"),
            Column::count("configurations", "configurations", Formula::Count),
            Column::count("n", "complete runs", Formula::Count),
            Column::number("efficiency", "true efficiency", SHARE, Formula::GroupEfficiency),
            Column::interval("efficiency_interval", "interval", SHARE, Formula::GroupEfficiency),
            Column::number("slowdown", "slowdown", RATIO, Formula::GroupSlowdown),
            Column::interval("slowdown_interval", "interval", RATIO, Formula::GroupSlowdown),
            Column::number("balance", "balance", SHARE, Formula::GroupMean),
            Column::count("legacy_flags", "flagged", Formula::LegacyFlags),
        ],
    );
    for group in &concurrency.groups {
        let mut row = vec![
            Cell::words(group.grouping.name()),
            Cell::words(&group.name),
            Cell::count(group.members.len()),
            Cell::count(group.n_runs),
        ];
        row.extend(ratio(group.efficiency.as_ref(), 1.0));
        row.extend(ratio(group.slowdown.as_ref(), 1.0));
        row.extend([mean(group.balance.as_ref()), Cell::count(group.n_legacy_flags)]);
        sheet.row(row);
    }
    sheet.note("Intervals here are not adjusted.")
}
