//! The answer to the plan's question, sentence by sentence.

use super::{claims, contention};
use crate::claim::Source;
use crate::concurrency::Concurrency;
use crate::concurrency::group::{Group, Grouping};
use crate::document::{Block, Prose, Tone, text};
use crate::sections::standing;
use crate::validity::Status;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Executive summary");
    let mut answer = vec![Block::Paragraph(contention::counts(writer, concurrency))];
    let groups: Vec<&Group> =
        concurrency.groups.iter().filter(|group| group.grouping == Grouping::Topology).collect();
    let sentences: Vec<Prose> = groups.iter().filter_map(|group| sentence(writer, group)).collect();
    if sentences.is_empty() {
        answer.push(Block::Paragraph(text(
            "The data do not answer the question: no concurrent configuration is measured, with its \
             solo runs, in at least two blocks.",
        )));
    }
    answer.extend(sentences.into_iter().map(Block::Paragraph));
    writer.callout(Tone::Answer, answer);
    if writer.analysis.validity.of_study() == Status::Invalid {
        let words = text("The evidence as a whole is invalid; nothing above can be relied on.");
        writer.callout(Tone::Warning, vec![Block::Paragraph(words)]);
    }
    let mut points = Vec::new();
    points.extend(historical(writer, concurrency));
    points.push(standing::failures(writer));
    points.push(standing::validity(writer));
    writer.list(points);
}

/// What one topology costs.
fn sentence(writer: &mut Writer<'_>, group: &Group) -> Option<Prose> {
    let slowdown = claims::group_slowdown(writer, group)?;
    let efficiency = claims::group_efficiency(writer, group)?;
    let balance = claims::group_balance(writer, group)?;
    let rate = claims::group_rate_ratio(writer, group)?;
    Some(
        Prose::new()
            .text("On topology ")
            .code(&group.name)
            .text(", an agent takes ")
            .strong(Prose::new().value(slowdown))
            .text(" ")
            .interval(slowdown)
            .text(" times as long together as alone; the true efficiency is ")
            .strong(Prose::new().value(efficiency))
            .text(" ")
            .interval(efficiency)
            .text(", and the work per second changes by ")
            .value(rate)
            .text(" ")
            .interval(rate)
            .text(" against one agent after the other. The historical “efficiency” of the same runs is ")
            .value(balance)
            .text("."),
    )
}

/// What an older report would have said of these runs.
fn historical(writer: &mut Writer<'_>, concurrency: &Concurrency) -> Option<Prose> {
    let n_runs = concurrency.observed.len();
    if n_runs == 0 {
        return None;
    }
    let source = || Source::Runs(crate::analysis::MEASURED_RUNS.to_owned());
    let flagged = concurrency.observed.iter().filter(|run| run.has_legacy_flag()).count();
    let number = (crate::claim::Number::Count(flagged as u64), "runs", crate::claim::Format::Count);
    let flagged = writer.claim(
        "summary/legacy_flags",
        number,
        crate::formula::Formula::LegacyFlags,
        source(),
    );
    let runs = writer.count("summary/complete_runs", n_runs, source());
    Some(
        Prose::new()
            .text("An older report would have flagged ")
            .value(flagged)
            .text(" of ")
            .value(runs)
            .text(
                " concurrent runs as contended, and would have printed the balance as efficiency; ",
            )
            .link("efficiency-true-and-historical", "why the figures differ")
            .text("."),
    )
}
