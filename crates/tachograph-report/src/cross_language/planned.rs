//! What was asked, before the data.

use tachograph_model::plan::implementations::{Instrument, Protocol};

use crate::claim::Source;
use crate::document::{Align, Prose, Table, code, comma_separated, text};
use crate::implementations::Implementations;
use crate::writer::{Writer, cache, order, policy};

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("What was asked");
    writer.paragraph(text(
        "The plan was fixed, and its digest written to the journal, before the first request. \
         What it does not say is exploratory and marked so.",
    ));
    let analysis = writer.analysis;
    let plan = &analysis.plan;
    let (margin, alpha) = (writer.margin(), writer.alpha());
    let blocks = writer.stated_count("plan/blocks", u64::from(plan.blocks));
    let runs = writer.count("study/runs_planned", analysis.n_planned, Source::Plan);
    let n = analysis.configurations.len();
    let configurations = writer.count("plan/configurations", n, Source::Plan);
    let warmups = writer.stated_count("plan/warmup_calls", u64::from(plan.warmup_calls));
    let mut rows = vec![
        vec![text("reference"), code(contest.reference())],
        vec![text("held against it"), comma_separated(contest.agents[1..].iter().map(code))],
        vec![text("on servers"), comma_separated(contest.servers.iter().map(code))],
        vec![
            text("whose stamps count"),
            text(match plan.instrument {
                Instrument::Tap => {
                    "those of a recording proxy between each agent and its server, one and the same \
                     program for all"
                }
                Instrument::Agents => "each agent's own",
            }),
        ],
        vec![text("primary metric"), text(plan.primary.metric.title())],
        vec![
            text("smallest difference that matters"),
            Prose::new().text("±").value(margin).text(" %"),
        ],
        vec![
            text("error rate"),
            Prose::new().value(alpha).text(
                " for the primary metric over all pairs (Holm); the same again for each of two \
                 further families: everything else that a client can influence, and the primary \
                 metric configuration by configuration",
            ),
        ],
        vec![
            text("runs"),
            Prose::new()
                .value(configurations)
                .text(" configurations × ")
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
            text("warm-up calls per run"),
            Prose::new().value(warmups).text(", recorded and left out"),
        ],
    ];
    for agent in &plan.agents {
        let mut line = match &agent.command {
            Some(command) => Prose::new().text("executed as ").code(command.join(" ")),
            None => Prose::new().text("built in: ").code(agent.implementation.name()),
        };
        if agent.protocol == Protocol::None {
            line = line.text("; does not speak the worker protocol, measured from outside");
        }
        if !agent.without.is_empty() {
            line = line.text("; without ").then(comma_separated(agent.without.iter().map(code)));
        }
        rows.push(vec![Prose::new().text("agent ").code(&agent.name), line]);
    }
    writer.table(Table {
        caption: text("The plan, as far as it decides what is claimed."),
        columns: vec![(text("what"), Align::Left), (text("stated"), Align::Left)],
        rows,
    });
}
