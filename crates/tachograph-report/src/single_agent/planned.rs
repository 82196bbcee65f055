//! What was claimed before the data, and what came otherwise.

use tachograph_model::plan::{Order, PromptCache, ServerPolicy};

use super::{Writer, plural, stopping};
use crate::analysis::ALL_RUNS;
use crate::analysis::deviation::Deviation;
use crate::claim::Source;
use crate::document::{Align, Prose, Table, code, comma_separated, text};

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("What was planned");
    let analysis = writer.analysis;
    let plan = &analysis.plan;
    writer.paragraph(
        Prose::new()
            .text(
                "The plan was fixed, and its digest written to the journal, before the first \
                   request. Digest of ",
            )
            .code("plan.lock.json")
            .text(": ")
            .code(analysis.plan_sha256)
            .text("."),
    );
    let blocks = writer.stated_count("plan/blocks", u64::from(plan.blocks));
    let n_configurations = analysis.configurations.len();
    let configurations = writer.stated_count("plan/configurations", n_configurations as u64);
    let runs = writer.stated_count("plan/runs", analysis.n_planned as u64);
    let warmups = writer.stated_count("plan/warmup_calls", u64::from(plan.warmup_calls));
    let (margin, alpha) = (writer.margin(), writer.alpha());
    let family = writer.stated_count("plan/family", analysis.tuned().count() as u64);
    let at_most = if analysis.stopping.is_some() { "at most " } else { "" };
    let direction =
        if plan.primary.metric.higher_is_better() { "more is better" } else { "less is better" };
    let mut rows = vec![
        vec![
            text("primary metric"),
            Prose::new().text(plan.primary.metric.title()).text(" (").text(direction).text(")"),
        ],
        vec![
            text("smallest difference that matters"),
            Prose::new().text("±").value(margin).text(" %"),
        ],
        vec![text("error rate"), stopping::error_rate(writer, alpha, family)],
        vec![
            text("runs"),
            Prose::new()
                .value(configurations)
                .text(plural(n_configurations, " configuration × ", " configurations × "))
                .text(at_most)
                .value(blocks)
                .text(" blocks = ")
                .text(at_most)
                .value(runs)
                .text(" runs"),
        ],
        vec![text("stopping rule"), stopping::rule(writer)],
        vec![text("order"), text(order(plan.order))],
        vec![text("seed"), code(plan.seed)],
        vec![text("server between runs"), text(policy(plan.server_policy))],
        vec![text("prompt cache"), text(cache(plan.prompt_cache))],
        vec![
            text("warm-up calls per agent"),
            Prose::new().value(warmups).text(", recorded and left out"),
        ],
    ];
    for (factor, levels) in &plan.factors {
        let levels = comma_separated(levels.iter().map(code));
        rows.push(vec![Prose::new().text("factor ").code(factor), levels]);
    }
    writer.table(Table {
        caption: text("The plan, as far as it decides what is claimed."),
        columns: vec![(text("what"), Align::Left), (text("stated"), Align::Left)],
        rows,
    });
    stopping::section(writer);
    deviations(writer);
}

fn deviations(writer: &mut Writer<'_>) {
    writer.subheading("Deviations");
    let deviations = &writer.analysis.deviations;
    if deviations.is_empty() {
        writer.paragraph(text("None: every planned run is there, once, in the planned order."));
        return;
    }
    let items = deviations.iter().map(|deviation| sentence(writer, deviation)).collect();
    writer.list(items);
}

fn sentence(writer: &mut Writer<'_>, deviation: &Deviation) -> Prose {
    /// Runs named one by one before the rest is only counted.
    const NAMED_MAX: usize = 12;
    match deviation {
        Deviation::NoRecordOfPlan => {
            text("The journal does not say which plan was written before the first request.")
        }
        Deviation::OtherPlan => {
            text("The plan is not the one whose digest was written before the first request.")
        }
        Deviation::Override(what) => {
            Prose::new().text("The command line changed the plan: ").code(what).text(".")
        }
        Deviation::Resumed(times) => {
            let claim = writer.count("deviations/resumed", *times, Source::Journal);
            Prose::new()
                .text("The study was interrupted and taken up again ")
                .value(claim)
                .text(if *times == 1 { " time." } else { " times." })
        }
        Deviation::Abandoned(run, reason) => Prose::new()
            .text("Run ")
            .code(run)
            .text(" was given up once and nothing of that attempt kept: ")
            .quote(reason)
            .text("."),
        Deviation::Failed(run, remarks) => {
            let line = Prose::new().text("Run ").code(run).text(" failed");
            let line =
                if remarks.is_empty() { line } else { line.text(" (").quote(remarks).text(")") };
            line.text(". It is kept and counted, and enters no mean.")
        }
        Deviation::Missing(runs) => {
            let claim = writer.count("deviations/missing", runs.len(), Source::Journal);
            let named = comma_separated(runs.iter().take(NAMED_MAX).map(code));
            Prose::new()
                .value(claim)
                .text(plural(
                    runs.len(),
                    " planned run is missing: ",
                    " planned runs are missing: ",
                ))
                .then(named)
                .text(if runs.len() > NAMED_MAX { ", and more." } else { "." })
        }
        Deviation::Unplanned(run) => {
            Prose::new().text("Run ").code(run).text(" is not part of the plan and enters nothing.")
        }
        Deviation::Reordered(count) => {
            let source = Source::Runs(ALL_RUNS.to_owned());
            let claim = writer.count("deviations/reordered", *count, source);
            Prose::new()
                .value(claim)
                .text(if *count == 1 { " run was" } else { " runs were" })
                .text(" not executed at the planned position.")
        }
    }
}

fn order(order: Order) -> &'static str {
    match order {
        Order::RandomizedBlocks => "randomised complete blocks, shuffled from the seed",
        Order::AsWritten => "as written, in each block: order and drift are confounded",
        Order::Abba => "alternating: baseline first in one block, last in the next",
    }
}

fn policy(policy: ServerPolicy) -> &'static str {
    match policy {
        ServerPolicy::Keep => "left as it is",
        ServerPolicy::Unload => "model evicted before each run, so that first calls are cold",
        ServerPolicy::Restart => "process restarted before each run",
    }
}

fn cache(cache: PromptCache) -> &'static str {
    match cache {
        PromptCache::Nonce => "defeated by a nonce at the start of each prompt",
        PromptCache::Off => "switched off at the server",
        PromptCache::On => "left on: repeated prompts are cheaper, and cached tokens are shown",
    }
}
