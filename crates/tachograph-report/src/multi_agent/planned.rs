//! What was asked, before the data.

use tachograph_model::plan::Plan;
use tachograph_model::run::Arm;

use crate::claim::Source;
use crate::document::{Align, Prose, Table, code, comma_separated, text};
use crate::writer::{Writer, cache, order, plural, policy};

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("What was asked");
    writer.paragraph(text(
        "The plan was fixed, and its digest written to the journal, before the first request. \
         What it does not say is exploratory and marked so.",
    ));
    let analysis = writer.analysis;
    let plan = &analysis.plan;
    let of_arm = |arm: Arm| analysis.configurations.iter().filter(|c| c.planned.arm == arm).count();
    let (n_together, n_alone) = (of_arm(Arm::Concurrent), of_arm(Arm::Solo));
    let margin = writer.margin();
    let alpha = writer.alpha();
    let together = writer.count("plan/together", n_together, Source::Plan);
    let alone = writer.count("plan/alone", n_alone, Source::Plan);
    let blocks = writer.stated_count("plan/blocks", u64::from(plan.blocks));
    let runs = writer.count("study/runs_planned", analysis.n_planned, Source::Plan);
    let warmups = writer.stated_count("plan/warmup_calls", u64::from(plan.warmup_calls));
    let mut rows = vec![
        vec![
            text("primary question"),
            text("the slowdown of each agent: its wall time together against its wall time alone"),
        ],
        vec![
            text("smallest slowdown that matters"),
            Prose::new().text("±").value(margin).text(" %"),
        ],
        vec![
            text("error rate"),
            Prose::new().value(alpha).text(
                " for all slowdowns together (Holm); the same again for each of three further \
                 families: whether running together pays, topologies, steps in the number of \
                 agents",
            ),
        ],
        vec![
            text("runs"),
            Prose::new()
                .text("(")
                .value(together)
                .text(plural(
                    n_together,
                    " concurrent configuration + ",
                    " concurrent configurations + ",
                ))
                .value(alone)
                .text(plural(n_alone, " solo configuration) × ", " solo configurations) × "))
                .value(blocks)
                .text(" blocks = ")
                .value(runs)
                .text(" runs"),
        ],
        vec![text("order"), text(order(plan.order))],
        vec![text("seed"), code(plan.seed)],
        vec![text("server between runs"), text(policy(plan.server_policy))],
        vec![text("prompt cache"), text(cache(plan.prompt_cache))],
        vec![
            text("warm-up calls per agent"),
            Prose::new().value(warmups).text(", before the common start, recorded and left out"),
        ],
    ];
    rows.extend(parts(plan));
    writer.table(Table {
        caption: text("The plan, as far as it decides what is claimed."),
        columns: vec![(text("what"), Align::Left), (text("stated"), Align::Left)],
        rows,
    });
}

/// Agents, common options and phases of the plan.
fn parts(plan: &Plan) -> Vec<Vec<Prose>> {
    let mut rows = Vec::new();
    for agent in &plan.agents {
        let mut line = Prose::new().text("role ").code(agent.role.name());
        if let Some(command) = &agent.command {
            line = line.text(", executed as ").code(command.join(" "));
        }
        if !agent.options.is_empty() {
            line = line.text(", own options ").then(options(&agent.options));
        }
        rows.push(vec![Prose::new().text("agent ").code(&agent.name), line]);
    }
    if !plan.options.is_empty() {
        rows.push(vec![text("options of every call"), options(&plan.options)]);
    }
    for phase in &plan.phases {
        let matrices = phase.matrices.iter().map(|matrix| {
            let scenarios = comma_separated(matrix.scenarios.iter().map(|each| code(each.name())));
            let mut line = scenarios;
            if !matrix.topologies.is_empty() {
                line = line.text(" on ").then(comma_separated(matrix.topologies.iter().map(code)));
            }
            if !matrix.counts.is_empty() {
                let counts = comma_separated(matrix.counts.iter().map(code));
                line = line.text(", agents: ").then(counts);
            }
            for factor in matrix.factors.keys() {
                line = line.text(", ").code(factor);
            }
            line
        });
        let matrices = crate::document::separated("; ", matrices);
        rows.push(vec![Prose::new().text("phase ").code(&phase.name), matrices]);
    }
    rows
}

fn options(options: &tachograph_model::options::Options) -> Prose {
    comma_separated(options.iter().map(|(name, value)| code(format!("{name}={value}"))))
}
