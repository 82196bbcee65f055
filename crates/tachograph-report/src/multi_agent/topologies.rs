//! Topologies side by side.

use std::collections::BTreeSet;

use tachograph_model::plan::Server;

use super::claims;
use crate::analysis::{MEASURED_RUNS, judged};
use crate::claim::{ClaimRef, Format, Source};
use crate::concurrency::Concurrency;
use crate::concurrency::compare::Pairing;
use crate::concurrency::group::Grouping;
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::formula::Formula;
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Topologies");
    servers(writer, concurrency);
    groups(writer, concurrency);
    pairs(writer, concurrency);
}

/// Which servers agents were spread over.
fn servers(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    let analysis = writer.analysis;
    let mut rows = Vec::new();
    for group in concurrency.groups.iter().filter(|group| group.grouping == Grouping::Topology) {
        let members = group.members.iter().map(|&at| &analysis.configurations[at].planned);
        let names: BTreeSet<&str> =
            members.flat_map(|each| &each.placements).map(|each| &*each.server).collect();
        let used = analysis.plan.servers.iter().filter(|server| names.contains(&*server.name));
        for server in used {
            rows.push(vec![code(&group.name), code(&server.name), how(writer, server)]);
        }
    }
    writer.table(Table {
        caption: text("Which servers each topology uses."),
        columns: vec![
            (text("topology"), Align::Left),
            (text("server"), Align::Left),
            (text("what it is"), Align::Left),
        ],
        rows,
    });
}

fn how(writer: &mut Writer<'_>, server: &Server) -> Prose {
    let Some(managed) = &server.managed else {
        return Prose::new().code(&server.model).text(", somebody's, given by its address");
    };
    let mut stated = |what: &str, n: u32| {
        writer.stated_count(format!("plan/server/{}/{what}", server.name), u64::from(n))
    };
    let (threads, parallel) =
        (stated("threads", managed.threads), stated("parallel", managed.parallel));
    Prose::new()
        .code(&server.model)
        .text(", started for the study, engine ")
        .code(managed.engine.name())
        .text(", threads: ")
        .value(threads)
        .text(", requests at once: ")
        .value(parallel)
}

fn groups(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    let rows: Vec<Vec<Prose>> = concurrency
        .groups
        .iter()
        .filter(|group| group.grouping == Grouping::Topology)
        .map(|group| {
            let slowdown = claims::group_slowdown(writer, group);
            let efficiency = claims::group_efficiency(writer, group);
            let balance = claims::group_balance(writer, group);
            let rate = claims::group_rate_ratio(writer, group);
            let overlap = claims::group_overlap(writer, group);
            let fairness = claims::group_fairness(writer, group);
            vec![
                code(&group.name),
                cell(slowdown),
                writer.bracket(slowdown),
                cell(efficiency),
                writer.bracket(efficiency),
                cell(balance),
                cell(rate),
                cell(overlap),
                cell(fairness),
            ]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "Over all configurations of each topology: slowdown of an agent (one is none), true \
             efficiency, balance (the historical “efficiency”), change of the work rate against \
             the same work one after the other, share of the makespan in which all agents are \
             served or wait, and Jain's fairness. Intervals are not adjusted.",
        ),
        columns: vec![
            (text("topology"), Align::Left),
            (text("slowdown"), Align::Right),
            (text("interval"), Align::Right),
            (text("true efficiency"), Align::Right),
            (text("interval"), Align::Right),
            (text("balance"), Align::Right),
            (text("work rate"), Align::Right),
            (text("overlap"), Align::Right),
            (text("fairness"), Align::Right),
        ],
        rows,
    });
}

/// Makes the claim of a pairing's ratio of makespans.
pub(super) fn ratio(writer: &mut Writer<'_>, pairing: &Pairing) -> Option<ClaimRef> {
    let found = judged(Some(&pairing.makespan))?.ratio;
    let (first, second) = ids(writer, pairing);
    let n = (found.n_blocks as u64, Some(found.interval));
    let format = Format::Change(writer.change_decimals());
    let what = (Formula::TopologyRatio, Source::Runs(MEASURED_RUNS.to_owned()));
    let id = format!("pairing/{second}/{first}/makespan");
    Some(writer.estimate(id, (found.ratio, "ratio", format), n, what))
}

/// Returns the slugs of a pairing's configurations.
pub(super) fn ids(writer: &Writer<'_>, pairing: &Pairing) -> (String, String) {
    let id = |at: usize| writer.analysis.configurations[at].planned.id.to_string();
    (id(pairing.first), id(pairing.second))
}

fn pairs(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    if concurrency.pairings.is_empty() {
        writer.paragraph(text(
            "No two topologies carry the same agents with the same options, so that none can be \
             compared with another.",
        ));
        return;
    }
    let rows = concurrency
        .pairings
        .iter()
        .map(|pairing| {
            let (first, second) = ids(writer, pairing);
            let change = ratio(writer, pairing);
            let p = judged(Some(&pairing.makespan)).map(|judged| {
                let id = format!("pairing/{second}/{first}/p_holm");
                let source = Source::Runs(MEASURED_RUNS.to_owned());
                writer.p_value(id, judged.p_difference_adjusted, Formula::HolmDifference, source)
            });
            let verdict = standing::verdict(Some(&pairing.makespan));
            vec![code(second), code(first), verdict, cell(change), writer.bracket(change), cell(p)]
        })
        .collect();
    writer.table(Table {
        caption: text(
            "The same agents with the same options on two topologies: makespan of the first \
             column against that of the second, within blocks; less is better.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("against"), Align::Left),
            (text("verdict"), Align::Left),
            (text("makespan"), Align::Right),
            (text("interval"), Align::Right),
            (text("p (Holm)"), Align::Right),
        ],
        rows,
    });
    let named = comma_separated(
        concurrency
            .groups
            .iter()
            .filter(|group| group.grouping == Grouping::Topology)
            .map(|group| code(&group.name)),
    );
    writer.paragraph(Prose::new().text("Topologies of this study: ").then(named).text(
        ". A topology with the larger efficiency is not always the faster one: efficiency \
             measures agents against themselves alone on the same servers, makespans are seconds.",
    ));
}
