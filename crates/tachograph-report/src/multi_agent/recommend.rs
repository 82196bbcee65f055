//! What to do, as far as the data say, and what can go wrong.

use tachograph_stats::Verdict;

use super::claims::Claims;
use super::{scaling, topologies};
use crate::analysis::comparison::{Compared, blocks_needed};
use crate::analysis::{MEASURED_RUNS, judged};
use crate::claim::{Format, Number, Source};
use crate::concurrency::Concurrency;
use crate::concurrency::compare::Pairing;
use crate::concurrency::estimate::Contention;
use crate::document::{Prose, code, text};
use crate::formula::Formula;
use crate::sections::standing;
use crate::validity::Status;
use crate::writer::Writer;

/// Recommendations of one kind before the rest is only counted.
const SHOWN_MAX: usize = 8;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Deployment recommendations");
    if standing::decides_nothing(writer) {
        return;
    }
    writer.paragraph(text(
        "Each line rests on the verdict that it quotes, holds for this machine, model and work, and \
         for nothing else.",
    ));
    writer.subheading("At once, or one after the other?");
    let items = at_once(writer, concurrency);
    listed(writer, items);
    writer.subheading("One server or several, and with which threads?");
    let items = which_topology(writer, concurrency);
    listed(writer, items);
    writer.subheading("How many agents?");
    let items = how_many(writer, concurrency);
    listed(writer, items);
}

fn listed(writer: &mut Writer<'_>, mut items: Vec<Prose>) {
    let n = items.len();
    items.truncate(SHOWN_MAX);
    writer.list(items);
    if n > SHOWN_MAX {
        writer.paragraph(text(
            "Further settings have verdicts of their own in the tables above; none of them is left \
             out there.",
        ));
    }
}

fn at_once(writer: &mut Writer<'_>, concurrency: &Concurrency) -> Vec<Prose> {
    let mut items = Vec::new();
    for each in &concurrency.together {
        let claims = Claims::of(writer, each);
        let Some(found) = judged(each.pays.as_ref()) else {
            items.push(
                Prose::new()
                    .code(claims.id())
                    .text(": no verdict, since fewer than two blocks are complete."),
            );
            continue;
        };
        let Some(change) = claims.pays(writer) else { continue };
        let line = Prose::new().code(claims.id()).text(": ");
        let line = match found.verdict {
            Verdict::Better => {
                let line = line.text("run them at once; all work is done sooner (makespan ");
                let line = line.value(change).text(" ").interval(change).text(", verdict ");
                let line = line.verdict(found.verdict).text(")");
                if each.contention == Contention::Absent {
                    line.text(", and no agent is slower than alone by more than the margin.")
                } else {
                    line.text(". Each agent may take longer than alone; see Contention.")
                }
            }
            Verdict::Worse => line
                .text("run them one after the other; at once all work is done later (makespan ")
                .value(change)
                .text(" ")
                .interval(change)
                .text(", verdict ")
                .verdict(found.verdict)
                .text(")."),
            Verdict::Equivalent => line
                .text("at once or one after the other makes no difference for the whole work (makespan ")
                .value(change)
                .text(" ")
                .interval(change)
                .text(", verdict ")
                .verdict(found.verdict)
                .text("); one after the other gives the first result sooner."),
            Verdict::Inconclusive => {
                let line = line
                    .text("the data do not support a recommendation (makespan ")
                    .value(change)
                    .text(" ")
                    .interval(change)
                    .text(", verdict ")
                    .verdict(found.verdict)
                    .text(").");
                match blocks_needed(found, &writer.analysis.rule) {
                    Some(blocks) => {
                        let id = format!("together/{}/blocks_needed", claims.id());
                        let value = (Number::Count(blocks as u64), "blocks", Format::Count);
                        let n = writer.claim(id, value, Formula::BlocksNeeded, claims.source());
                        line.text(" About ").value(n).text(" blocks would settle it.")
                    }
                    None => line,
                }
            }
        };
        let line = if each.status == Status::Valid {
            line
        } else {
            line.text(" Its evidence is ").status(each.status).text(".")
        };
        items.push(line);
    }
    items
}

fn which_topology(writer: &mut Writer<'_>, concurrency: &Concurrency) -> Vec<Prose> {
    if concurrency.pairings.is_empty() {
        return vec![text(
            "The data do not say: no two topologies of the plan carry the same agents with the same \
             options.",
        )];
    }
    let mut items = Vec::new();
    for pairing in &concurrency.pairings {
        let (first, second) = topologies::ids(writer, pairing);
        let Some(found) = judged(Some(&pairing.makespan)) else { continue };
        let Some(change) = topologies::ratio(writer, pairing) else { continue };
        let quoted = Prose::new()
            .text("makespan ")
            .value(change)
            .text(" ")
            .interval(change)
            .text(", verdict ")
            .verdict(found.verdict);
        let (better, worse) = match found.verdict {
            Verdict::Better => (&second, &first),
            Verdict::Worse => (&first, &second),
            Verdict::Equivalent => {
                items.push(
                    Prose::new()
                        .code(&second)
                        .text(" and ")
                        .code(&first)
                        .text(" are equally fast within the margin (")
                        .then(quoted)
                        .text("): take the one that needs less memory."),
                );
                continue;
            }
            Verdict::Inconclusive => {
                items.push(
                    Prose::new()
                        .text("Between ")
                        .code(&second)
                        .text(" and ")
                        .code(&first)
                        .text(" the data do not decide (")
                        .then(quoted)
                        .text(")."),
                );
                continue;
            }
        };
        let tail = threads(writer, pairing, found.verdict);
        items.push(
            Prose::new()
                .text("Prefer ")
                .code(better)
                .text(" to ")
                .code(worse)
                .text(" (")
                .code(&second)
                .text(" against ")
                .code(&first)
                .text(": ")
                .then(quoted)
                .text(").")
                .then(tail),
        );
    }
    if items.is_empty() {
        items.push(text("The data do not say: too few blocks have both sides of any pair."));
    }
    items
}

/// Says how many threads the servers of the better and of the worse side have, where
/// they are known and differ.
fn threads(writer: &mut Writer<'_>, pairing: &Pairing, verdict: Verdict) -> Prose {
    let plan = &writer.analysis.plan;
    let of = |at: usize| {
        let placements = &writer.analysis.configurations[at].planned.placements;
        let mut found = placements.iter().map(|placement| {
            let server = plan.servers.iter().find(|each| each.name == placement.server)?;
            Some((server.name.clone(), server.managed.as_ref()?.threads))
        });
        let first = found.next()??;
        found.all(|other| other.is_some_and(|other| other.1 == first.1)).then_some(first)
    };
    let (first, second) = (of(pairing.first), of(pairing.second));
    let (better, worse) =
        if verdict == Verdict::Better { (second, first) } else { (first, second) };
    let (Some(better), Some(worse)) = (better, worse) else { return Prose::new() };
    if better.1 == worse.1 {
        return Prose::new();
    }
    let mut stated = |(server, threads): (String, u32)| {
        writer.stated_count(format!("plan/server/{server}/threads"), u64::from(threads))
    };
    let (better, worse) = (stated(better), stated(worse));
    text(" Threads of each server: ").value(better).text(" against ").value(worse).text(".")
}

fn how_many(writer: &mut Writer<'_>, concurrency: &Concurrency) -> Vec<Prose> {
    if concurrency.series.is_empty() {
        return vec![text(
            "The data do not say: no setting of the plan has more than one number of agents.",
        )];
    }
    let mut items = Vec::new();
    for (at, series) in concurrency.series.iter().enumerate() {
        let steps: Vec<_> = concurrency.steps.iter().filter(|step| step.series == at).collect();
        let is_better = |compared: &Compared| {
            judged(Some(compared)).is_some_and(|found| found.verdict == Verdict::Better)
        };
        let grown = steps.iter().take_while(|step| is_better(&step.speedup)).last();
        let next = steps.iter().find(|step| !is_better(&step.speedup));
        let setting = Prose::new()
            .text("On topology ")
            .code(&series.made_from.topology)
            .text(" (")
            .code(scaling::name(series))
            .text(")");
        let source = || Source::Runs(MEASURED_RUNS.to_owned());
        let mut line = if let Some(step) = grown {
            let id = format!("recommend/{}/{at}/agents", series.made_from.topology);
            let n = writer.count(id, step.to, source());
            setting
                .text(", each step up to ")
                .value(n)
                .text(" agents was shown to raise the work done per second")
        } else {
            setting.text(", no step to more agents was shown to raise the work done per second")
        };
        if let Some(step) = next {
            let id = format!("recommend/{}/{at}/next", series.made_from.topology);
            let n = writer.count(id, step.to, source());
            line = line.text("; the step to ").value(n).text(" agents: ");
            line = match (scaling::ratio(writer, series, step), judged(Some(&step.speedup))) {
                (Some(change), Some(found)) => line
                    .text("speed-up ")
                    .value(change)
                    .text(" ")
                    .interval(change)
                    .text(", verdict ")
                    .verdict(found.verdict),
                _ => line.text("not judged, too few blocks"),
            };
        }
        items.push(line.text("."));
    }
    items
}

pub(super) fn risks(writer: &mut Writer<'_>) {
    writer.heading("Risks and limits");
    let mut items = vec![
        text(
            "One machine, one model, one folder of files: other hardware shares its processors, memory \
             and caches differently.",
        ),
        text(
            "Agents of one run share a machine with the servers; what is called contention includes \
             whatever the agents themselves use, which Resource use shows to be little.",
        ),
        text(
            "A solo run has the machine to itself. On a machine that is busy with other things, both \
             sides are slower, and the slowdown by each other may be another.",
        ),
        text(
            "Agents begin at once, once. In a steady stream of work they meet at random points of their \
             workflows; queues are then shorter or longer than here.",
        ),
    ];
    if writer.analysis.plan.blocks < 5 {
        items.push(text(
            "Few blocks: intervals are wide, and what is called open may be settled by more of them.",
        ));
    }
    let limited = writer.analysis.plan.options.contains_key("num_predict");
    if limited {
        items.push(Prose::new().text("Answers are cut by a token limit (").then(code("num_predict")).text(
            "): longer answers keep agents at their servers longer and meet more of the others' work.",
        ));
    }
    writer.list(items);
}
