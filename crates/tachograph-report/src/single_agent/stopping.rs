//! The plan's stopping rule: its looks, what they said, where the study stands.
//!
//! Owns: every sentence about a sequential rule. A plan with a fixed number of
//! blocks gets one word and no section.

use tachograph_model::plan::stopping::{Rule, Spending};
use tachograph_model::study::{LookDecision, LookVerdict, Looked};

use crate::analysis::ALL_RUNS;
use crate::analysis::stopping::Stopping;
use crate::claim::{ClaimRef, Format, Number, Source};
use crate::document::{Align, Block, Prose, Table, Tone, cell, comma_separated, text};
use crate::formula::Formula;
use crate::writer::{Writer, plural};

/// More looks than these are folded in HTML, and not listed in a line.
const LOOKS_SHOWN_MAX: usize = 12;

/// Returns the rule in words, for the table of what was planned.
pub(super) fn rule(writer: &mut Writer<'_>) -> Prose {
    let analysis = writer.analysis;
    let Some(stopping) = &analysis.stopping else { return text("fixed number of blocks") };
    let planned = stopping.rule.looks();
    let line = match analysis.plan.stopping.rule {
        Rule::Fixed => return text("fixed number of blocks"),
        Rule::GroupSequential => {
            let spending = match analysis.plan.stopping.spending() {
                Spending::ObrienFleming => "group-sequential, O'Brien-Fleming type spending; ",
                Spending::Pocock => "group-sequential, Pocock type spending; ",
            };
            let line = Prose::new().text(spending);
            if planned.len() <= LOOKS_SHOWN_MAX {
                let counts = planned.iter().map(|look| {
                    let claim = look_count(writer, look.n_blocks);
                    Prose::new().value(claim)
                });
                let counts: Vec<Prose> = counts.collect();
                line.text("looks after ").then(comma_separated(counts)).text(" blocks")
            } else {
                let n = writer.stated_count("stopping/looks", planned.len() as u64);
                line.value(n).text(" looks, listed below")
            }
        }
        Rule::AlwaysValid => {
            let n = u64::from(analysis.plan.stopping.tuned_for(analysis.plan.blocks));
            let tuned = writer.stated_count("stopping/tuned_for", n);
            Prose::new()
                .text("always-valid confidence sequence, narrowest at ")
                .value(tuned)
                .text(" blocks; a look after every block from the second on")
        }
    };
    line.text(
        ". The study ends when every tuned configuration has a verdict that is not inconclusive, \
         at the latest after the last block",
    )
}

/// Returns how the error rate is shared, for the table of what was planned.
pub(super) fn error_rate(writer: &mut Writer<'_>, alpha: ClaimRef, family: ClaimRef) -> Prose {
    let Some(stopping) = &writer.analysis.stopping else {
        let confidence = writer.confidence();
        return Prose::new()
            .value(alpha)
            .text(" over the family of ")
            .value(family)
            .text(" comparisons with the baseline (Holm); intervals at ")
            .value(confidence);
    };
    let share = 1.0 - stopping.rule.confidence().level();
    let format = Format::Percent(crate::claim::percent_decimals(share));
    let value = (Number::Real(share), "fraction", format);
    let share = writer.claim("stopping/alpha", value, Formula::SharedAlpha, Source::Plan);
    Prose::new()
        .value(alpha)
        .text(" over all looks and the family of ")
        .value(family)
        .text(" comparisons with the baseline, shared out evenly (Bonferroni): ")
        .value(share)
        .text(" for the interval of each, over all its looks")
}

/// The looks, one by one. Nothing for a fixed number of blocks.
pub(super) fn section(writer: &mut Writer<'_>) {
    let Some(stopping) = &writer.analysis.stopping else { return };
    writer.subheading("Looks of the stopping rule");
    let state = state(writer, stopping);
    writer.paragraph(state);
    let planned = stopping.rule.looks();
    let rows = planned
        .iter()
        .map(|look| {
            let blocks = look_count(writer, look.n_blocks);
            let boundary = look.nominal_p.map(|p| {
                let id = format!("stopping/look/{}/boundary", look.n_blocks);
                writer.p_value(id, p, Formula::LookBoundary, Source::Plan)
            });
            let taken = stopping.looks.iter().find(|taken| taken.n_blocks == look.n_blocks);
            let decided = taken.map(|taken| decided(writer, taken));
            let over = stopping.is_over();
            vec![
                Prose::new().value(blocks),
                cell(boundary),
                cell(decided),
                text(match taken.map(|taken| taken.decision) {
                    Some(LookDecision::GoOn) => "go on",
                    Some(LookDecision::AllDecided) => "stop: all decided",
                    Some(LookDecision::LastLook) => "end: the last look, something open",
                    None if over => "not needed",
                    None => "not taken yet",
                }),
            ]
        })
        .collect();
    let table = Table {
        caption: text(
            "Planned looks. The boundary is the p-value of one configuration's paired t test below \
             which a difference is stated at that look; equivalence is stated when the interval of \
             the look lies inside the margin.",
        ),
        columns: vec![
            (text("after blocks"), Align::Right),
            (text("boundary, p"), Align::Right),
            (text("decided"), Align::Right),
            (text("decision"), Align::Left),
        ],
        rows,
    };
    if planned.len() > LOOKS_SHOWN_MAX {
        let n = writer.stated_count("stopping/looks", planned.len() as u64);
        let summary = Prose::new().value(n).text(" planned looks");
        writer.push(Block::Details(summary, vec![Block::Table(table)]));
    } else {
        writer.table(table);
    }
    writer.paragraph(text(
        "The rule covers the comparisons with the baseline in the primary metric. Means, other \
         metrics and effects of factors are computed as if the number of blocks had been fixed; \
         where a study ends early, their intervals are somewhat too narrow.",
    ));
}

/// Says in the summary that a study is not over.
pub(super) fn warning(writer: &mut Writer<'_>) {
    let Some(stopping) = &writer.analysis.stopping else { return };
    if !stopping.is_over() {
        let state = state(writer, stopping);
        writer.callout(Tone::Warning, vec![Block::Paragraph(state)]);
    }
}

/// Returns whose interval stands beside a change in the primary metric, and of when.
/// `None` for a fixed number of blocks.
pub(super) fn interval(writer: &mut Writer<'_>) -> Option<Prose> {
    let analysis = writer.analysis;
    let stopping = analysis.stopping.as_ref()?;
    let Some(last) = stopping.last() else {
        return Some(text("no interval, since the stopping rule has not looked yet"));
    };
    let at = look_count(writer, last.n_blocks);
    let line = Prose::new()
        .text("the interval of the ")
        .text(analysis.plan.stopping.rule.name())
        .text(" rule at its look after ")
        .value(at)
        .text(" blocks, which holds at all its looks");
    Some(line)
}

/// Returns the state of a sequential study as advice begins; nothing otherwise.
pub(super) fn advice(writer: &mut Writer<'_>) -> Option<Prose> {
    let stopping = writer.analysis.stopping.as_ref()?;
    let state = state(writer, stopping);
    Some(match stopping.last() {
        Some(_) => {
            state.text(" Every verdict here is that of the stopping rule at its latest look.")
        }
        None => state,
    })
}

/// Says in the summary when and why the study ended, if it did.
pub(super) fn sentence(writer: &mut Writer<'_>) -> Option<Prose> {
    let stopping = writer.analysis.stopping.as_ref()?;
    stopping.is_over().then(|| state(writer, stopping))
}

fn state(writer: &mut Writer<'_>, stopping: &Stopping) -> Prose {
    let most = writer.stated_count("plan/blocks", u64::from(writer.analysis.plan.blocks));
    let Some(last) = stopping.last() else {
        let source = Source::Runs(ALL_RUNS.to_owned());
        let complete = writer.count("stopping/complete_blocks", stopping.n_complete, source);
        let first = stopping.rule.next_look(0).unwrap_or_default();
        let first = look_count(writer, first);
        return Prose::new()
            .text("This study is not over, and no look was taken: the first is after ")
            .value(first)
            .text(" blocks, and ")
            .value(complete)
            .text(plural(stopping.n_complete as usize, " is complete.", " are complete."))
            .text(" Until then no verdict is stated.");
    };
    let at = look_count(writer, last.n_blocks);
    match last.decision {
        LookDecision::AllDecided => Prose::new()
            .text("The stopping rule ended the study at the look after ")
            .value(at)
            .text(" of at most ")
            .value(most)
            .text(" blocks, since every tuned configuration had a verdict."),
        LookDecision::GoOn => {
            let decided = decided(writer, last);
            let all = writer.stated_count("plan/family", stopping.rule.n_tuned() as u64);
            Prose::new()
                .text("This study is not over: it stands at an interim look, after ")
                .value(at)
                .text(" of at most ")
                .value(most)
                .text(" blocks, with a verdict on ")
                .value(decided)
                .text(" of ")
                .value(all)
                .text(plural(
                    stopping.rule.n_tuned(),
                    " tuned configuration. ",
                    " tuned configurations. ",
                ))
                .text(
                    "What is said below is what the rule allows to say at this look, at its error \
                     rate; later looks may say more. To go on: ",
                )
                .code("tacho run --resume")
                .text(".")
        }
        LookDecision::LastLook => {
            let decided = decided(writer, last);
            let all = writer.stated_count("plan/family", stopping.rule.n_tuned() as u64);
            Prose::new()
                .text("The study ended with its last planned block: after ")
                .value(at)
                .text(" blocks there is a verdict on ")
                .value(decided)
                .text(" of ")
                .value(all)
                .text(plural(
                    stopping.rule.n_tuned(),
                    " tuned configuration.",
                    " tuned configurations.",
                ))
        }
    }
}

fn look_count(writer: &mut Writer<'_>, n_blocks: u32) -> ClaimRef {
    writer.stated_count(format!("stopping/look/{n_blocks}/blocks"), u64::from(n_blocks))
}

fn decided(writer: &mut Writer<'_>, looked: &Looked) -> ClaimRef {
    let open = LookVerdict::Inconclusive;
    let n = looked.configurations.values().filter(|look| look.verdict != open).count();
    let id = format!("stopping/look/{}/decided", looked.n_blocks);
    let number = (Number::Count(n as u64), "", Format::Count);
    writer.claim(id, number, Formula::Verdicts, Source::Runs(ALL_RUNS.to_owned()))
}
