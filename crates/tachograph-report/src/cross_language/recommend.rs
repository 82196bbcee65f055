//! What to do, as far as the data say, and what can go wrong.

use tachograph_model::plan::Server;
use tachograph_stats::Verdict;

use super::claims::Claims;
use super::cost;
use crate::analysis::comparison::blocks_needed;
use crate::analysis::judged;
use crate::claim::{Format, Number};
use crate::document::{Prose, text};
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::implementations::contest::{Contest, Contrast};
use crate::implementations::quantity::{Influence, Quantity};
use crate::sections::standing;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Recommendations");
    if standing::decides_nothing(writer) {
        return;
    }
    writer.paragraph(text(
        "Each line rests on the verdict that it quotes, holds for this workflow, machine, model and \
         these programs, and for nothing else: two programs stand for two programs, not for two \
         languages.",
    ));
    let mut items = Vec::new();
    for each in &contest.contests {
        items.push(one(writer, contest, each));
    }
    if let Some(model) = &contest.cost {
        for each in &model.agents {
            let Some(saving) = &each.saving else { continue };
            let interval = saving.interval;
            let Some(claim) = cost::saving(writer, contest, model, each) else { continue };
            let line = Prose::new()
                .text("To save money at the stated prices: ")
                .text(if interval.low > 0.0 {
                    "run "
                } else if interval.high < 0.0 {
                    "do not run "
                } else {
                    "the data do not favour or rule out "
                })
                .code(&each.agent)
                .text(" in the place of ")
                .code(contest.reference())
                .text(" (saving per month ")
                .value(claim)
                .text(" ")
                .interval(claim)
                .text(" ")
                .quote(&model.stated.currency)
                .text(").");
            items.push(line);
        }
    }
    writer.list(items);
}

fn one(writer: &mut Writer<'_>, contest: &Implementations, each: &Contest) -> Prose {
    let claims = Claims::of(contest, each);
    let line = Prose::new().text("On ").code(&each.server).text(": ");
    if !each.parity.holds() {
        return line
            .text("mend ")
            .code(&each.other)
            .text(" until it does the same work as ")
            .code(claims.reference)
            .text(", then measure again.");
    }
    let metric = writer.analysis.plan.primary.metric;
    let primary = each.contrast(Quantity::Metric(metric));
    let Some((contrast, found)) =
        primary.and_then(|contrast| Some((contrast, judged(Some(&contrast.compared))?)))
    else {
        return line.text("the data do not support a recommendation; too few blocks are complete.");
    };
    if Quantity::Metric(metric).influence() == Influence::Server {
        return line.text("the primary metric is decided by the server; choose another one.");
    }
    let Some(change) = claims.change(writer, contrast) else { return line };
    let quoted = Prose::new()
        .text(metric.title())
        .text(" ")
        .value(change)
        .text(" ")
        .interval(change)
        .text(", verdict ")
        .verdict(found.verdict);
    match found.verdict {
        Verdict::Better => line
            .text("for speed, take ")
            .code(&each.other)
            .text(" rather than ")
            .code(claims.reference)
            .text(" (")
            .then(quoted)
            .text(")."),
        Verdict::Worse => line
            .text("for speed, take ")
            .code(claims.reference)
            .text(" rather than ")
            .code(&each.other)
            .text(" (")
            .then(quoted)
            .text(")."),
        Verdict::Equivalent => {
            let line = line
                .text("speed does not decide between ")
                .code(&each.other)
                .text(" and ")
                .code(claims.reference)
                .text(" (")
                .then(quoted)
                .text(")");
            match other_grounds(each) {
                Some((contrast, verdict)) => {
                    let better =
                        if verdict == Verdict::Better { &*each.other } else { claims.reference };
                    let ratio = claims.ratio(writer, contrast);
                    let line = line
                        .text("; ")
                        .text(contrast.quantity.title())
                        .text(" does, in favour of ")
                        .code(better);
                    match ratio {
                        Some(ratio) => {
                            line.text(" (ratio ").value(ratio).text(" ").interval(ratio).text(").")
                        }
                        None => line.text("."),
                    }
                }
                None => line.text("."),
            }
        }
        Verdict::Inconclusive => {
            let line =
                line.text("the data do not support a recommendation (").then(quoted).text(").");
            match blocks_needed(found, &writer.analysis.rule) {
                Some(blocks) => {
                    let value = (Number::Count(blocks as u64), "blocks", Format::Count);
                    let id = claims.name("blocks_needed");
                    let n = writer.claim(id, value, Formula::BlocksNeeded, claims.source());
                    line.text(" About ").value(n).text(" blocks would settle it.")
                }
                None => line,
            }
        }
    }
}

/// Returns another quantity that was shown to differ: memory first, then CPU time, then
/// start-up.
fn other_grounds(each: &Contest) -> Option<(&Contrast, Verdict)> {
    [Quantity::PeakRss, Quantity::CpuPerToken, Quantity::Startup].into_iter().find_map(|quantity| {
        let contrast = each.contrast(quantity)?;
        let verdict = judged(Some(&contrast.compared))?.verdict;
        matches!(verdict, Verdict::Better | Verdict::Worse).then_some((contrast, verdict))
    })
}

pub(super) fn risks(writer: &mut Writer<'_>) {
    writer.heading("Risks and limits");
    let mut items = vec![
        text(
            "Two programs were compared, not two languages: another client library, another way to \
             read a stream, another interpreter may do better or worse.",
        ),
        text(
            "The proxy in front of each agent adds a little to every call, to all of them alike; it \
             takes CPU time on the same machine.",
        ),
        text(
            "Where the server takes much longer than the client, the client's share of the wall time is \
             small, and so is any difference in it; a faster server makes it larger.",
        ),
        text(
            "Peak memory counts pages that several processes share, such as an interpreter's code, for \
             each of them.",
        ),
    ];
    if writer.analysis.plan.servers.iter().any(Server::is_recording) {
        items.push(text(
            "A recording is one sample of a server, and has no capacity: intervals of what was \
             measured on it are those of the clients, and agents at once on it show what clients need \
             and do to each other, not what a server does under load.",
        ));
    }
    if writer.analysis.plan.blocks < 5 {
        items.push(text(
            "Few blocks: intervals are wide, and what is called inconclusive may be settled by more of \
             them.",
        ));
    }
    writer.list(items);
}
