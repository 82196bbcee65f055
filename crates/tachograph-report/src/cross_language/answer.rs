//! The answer to the plan's question, sentence by sentence.

use tachograph_model::plan::Metric;
use tachograph_stats::Verdict;

use super::claims::Claims;
use crate::analysis::judged;
use crate::document::{Block, Prose, Tone, text};
use crate::implementations::Implementations;
use crate::implementations::contest::Contest;
use crate::implementations::quantity::{Influence, Quantity};
use crate::sections::standing;
use crate::validity::Status;
use crate::writer::Writer;

/// What the summary says beside the primary metric.
const ALSO: [Quantity; 4] =
    [Quantity::Startup, Quantity::PeakRss, Quantity::CpuPerToken, Quantity::OverheadPerCall];

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Executive summary");
    let mut answer = Vec::new();
    for each in &contest.contests {
        answer.push(Block::Paragraph(sentence(writer, contest, each)));
    }
    if answer.is_empty() {
        let words = "The data do not answer the question: no two implementations execute the same \
                     configuration on the same server.";
        answer.push(Block::Paragraph(text(words)));
    }
    writer.callout(Tone::Answer, answer);
    if contest.has_breach() {
        let words = Prose::new()
            .text("Implementations did not do the same work, so that no difference between them is claimed: ")
            .link("parity", "Parity")
            .text(" lists what they did differently.");
        writer.callout(Tone::Warning, vec![Block::Paragraph(words)]);
    }
    if writer.analysis.validity.of_study() == Status::Invalid {
        let words = text("The evidence as a whole is invalid; nothing above can be relied on.");
        writer.callout(Tone::Warning, vec![Block::Paragraph(words)]);
    }
    let mut points: Vec<Prose> = contest
        .contests
        .iter()
        .filter(|each| each.parity.holds())
        .filter_map(|each| beside(writer, contest, each))
        .collect();
    points.push(
        Prose::new()
            .text("How fast the server makes tokens is decided by the server alone; it is no result about a language. ")
            .link("what-only-the-server-decides", "As a check of the environment")
            .text(" it is shown all the same."),
    );
    points.push(standing::failures(writer));
    points.push(standing::validity(writer));
    writer.list(points);
}

/// What the primary metric says of one implementation on one server.
fn sentence(writer: &mut Writer<'_>, contest: &Implementations, each: &Contest) -> Prose {
    let metric = writer.analysis.plan.primary.metric;
    let line = Prose::new().text("On server ").code(&each.server).text(", ");
    let claims = Claims::of(contest, each);
    if !each.parity.holds() {
        return line
            .code(&each.other)
            .text(" did not do the same work as ")
            .code(claims.reference)
            .text("; nothing is claimed.");
    }
    let contrast = each.contrast(Quantity::Metric(metric));
    let found = contrast.and_then(|contrast| Some((contrast, judged(Some(&contrast.compared))?)));
    let Some((contrast, found)) = found else {
        return line
            .code(&each.other)
            .text(" could not be compared with ")
            .code(claims.reference)
            .text(": fewer than two blocks have all runs of both.");
    };
    if Quantity::Metric(metric).influence() == Influence::Server {
        return line
            .text("the plan's primary metric, ")
            .text(metric.title())
            .text(", is decided by the server: it can say nothing about ")
            .code(&each.other)
            .text(" and ")
            .code(claims.reference)
            .text(".");
    }
    let change = claims.change(writer, contrast);
    let difference = claims.difference(writer, contrast);
    let (Some(change), Some(difference)) = (change, difference) else { return line };
    let what = match metric {
        Metric::RunWall => "the wall time of the workflow",
        other => other.title(),
    };
    let line = line
        .text(what)
        .text(" of ")
        .code(&each.other)
        .text(" against ")
        .code(claims.reference)
        .text(" is ")
        .verdict(found.verdict)
        .text(": ")
        .strong(Prose::new().value(change))
        .text(" ")
        .interval(change)
        .text(", that is ")
        .value(difference)
        .text(" ")
        .interval(difference)
        .text(" ")
        .text(metric.unit());
    match found.verdict {
        Verdict::Equivalent => {
            line.text(". Any difference is shown to be smaller than the margin.")
        }
        Verdict::Inconclusive => line.text(". The data do not decide which is better."),
        Verdict::Better | Verdict::Worse => line.text("."),
    }
}

/// What else a client can influence, in one line.
fn beside(writer: &mut Writer<'_>, contest: &Implementations, each: &Contest) -> Option<Prose> {
    let claims = Claims::of(contest, each);
    let mut parts = Vec::new();
    for quantity in ALSO {
        let Some(contrast) = each.contrast(quantity) else { continue };
        let (reference, other) =
            (claims.mean(writer, contrast, true), claims.mean(writer, contrast, false));
        let (Some(reference), Some(other)) = (reference, other) else { continue };
        let line = Prose::new()
            .text(quantity.title())
            .text(" ")
            .value(other)
            .text(" against ")
            .value(reference)
            .text(" ")
            .text(quantity.unit());
        let line = match judged(Some(&contrast.compared)) {
            Some(found) => line.text(" (").verdict(found.verdict).text(")"),
            None => line,
        };
        parts.push(line);
    }
    if parts.is_empty() {
        return None;
    }
    let parts = crate::document::separated("; ", parts);
    Some(
        Prose::new()
            .code(&each.other)
            .text(" against ")
            .code(claims.reference)
            .text(" on ")
            .code(&each.server)
            .text(": ")
            .then(parts)
            .text("."),
    )
}
