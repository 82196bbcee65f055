//! Contention: who is slowed down, who waits for whom.

use super::claims::Claims;
use crate::analysis::MEASURED_RUNS;
use crate::claim::Source;
use crate::concurrency::Concurrency;
use crate::concurrency::estimate::Contention;
use crate::document::{Align, Prose, Table, cell, code, comma_separated, text};
use crate::figure;
use crate::sections::standing;
use crate::writer::{Writer, plural};

pub(super) fn section(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.heading("Contention");
    let counts = counts(writer, concurrency);
    writer.paragraph(counts);
    slowdowns(writer, concurrency);
    if let Some((drawing, description)) = figure::slowdown::draw(writer.analysis, concurrency) {
        let margin = writer.margin();
        let caption = Prose::new()
            .text(
                "Wall time together over wall time alone of each agent, with its interval. The \
                 shaded band is the margin of ±",
            )
            .value(margin)
            .text(" %: inside it contention does not matter.");
        writer.figure(("slowdown", "Slowdown of each agent"), drawing, description, caption);
    }
    waits(writer, concurrency);
    timelines(writer, concurrency);
    tokens(writer, concurrency);
}

/// Says how many configurations have contention.
pub(super) fn counts(writer: &mut Writer<'_>, concurrency: &Concurrency) -> Prose {
    let of = |contention: Contention| {
        concurrency.together.iter().filter(|each| each.contention == contention).count()
    };
    let all = concurrency.together.len();
    let source = || Source::Runs(MEASURED_RUNS.to_owned());
    let total = writer.count("contention/configurations", all, source());
    let words = [
        (
            Contention::Shown,
            "shown",
            " with contention (at least one agent shown to be slower than alone)",
        ),
        (
            Contention::Absent,
            "absent",
            " without (every agent shown to be as fast as alone, within the margin)",
        ),
        (Contention::Open, "open", " open (contention neither shown nor ruled out)"),
        (Contention::NotJudged, "not_judged", " not judged (too few complete blocks)"),
    ];
    let parts: Vec<Prose> = words
        .into_iter()
        .filter(|(contention, _, _)| of(*contention) > 0)
        .map(|(contention, name, words)| {
            let n = writer.count(format!("contention/{name}"), of(contention), source());
            Prose::new().value(n).text(words)
        })
        .collect();
    Prose::new()
        .text("Of ")
        .value(total)
        .text(plural(all, " concurrent configuration: ", " concurrent configurations: "))
        .then(comma_separated(parts))
        .text(".")
}

fn slowdowns(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    let mut rows = Vec::new();
    for each in &concurrency.together {
        let own = Claims::of(writer, each);
        for agent in &each.agents {
            let together = own.agent_wall(writer, agent, true);
            let alone = own.agent_wall(writer, agent, false);
            let slowdown = own.slowdown(writer, agent);
            let p = own.slowdown_p(writer, agent);
            rows.push(vec![
                code(own.id()),
                code(&agent.agent),
                code(&agent.server),
                standing::verdict(agent.slowdown.as_ref()),
                cell(alone),
                cell(together),
                cell(slowdown),
                writer.bracket(slowdown),
                cell(p),
            ]);
        }
    }
    writer.table(Table {
        caption: text(
            "The primary family: wall time of each agent alone and together, in s, its slowdown \
             within blocks, and the verdict after Holm over all agents of all configurations. \
             “Worse” is slower than alone by more than chance; “equivalent” is no contention that \
             matters.",
        )
        .then(writer.cache_note()),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("agent"), Align::Left),
            (text("server"), Align::Left),
            (text("verdict"), Align::Left),
            (text("alone"), Align::Right),
            (text("together"), Align::Right),
            (text("slowdown"), Align::Right),
            (text("interval"), Align::Right),
            (text("p (Holm)"), Align::Right),
        ],
        rows,
    });
}

fn waits(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.subheading("Waiting at the server");
    let mut rows = Vec::new();
    for each in &concurrency.together {
        let own = Claims::of(writer, each);
        for agent in &each.agents {
            let Some(together) = own.wait(writer, agent, true) else { continue };
            let alone = own.wait(writer, agent, false);
            let added = own.wait_added(writer, agent);
            rows.push(vec![
                code(own.id()),
                code(&agent.agent),
                cell(alone),
                Prose::new().value(together),
                cell(added),
                writer.bracket(added),
            ]);
        }
    }
    if rows.is_empty() {
        writer.paragraph(text(
            "The servers report no durations of their own, so that waiting in a queue cannot be \
             told from a slow prompt.",
        ));
        return;
    }
    writer.paragraph(text(
        "A server that is busy lets a call wait before it looks at the prompt. What TTFT exceeds the \
         server's own figures for load and prompt by is that wait, the first token and the way over \
         the network; the last two are the same alone, so that the difference is the wait.",
    ));
    writer.table(Table {
        caption: text("Mean wait of a call before its prompt, in ms, alone and together."),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("agent"), Align::Left),
            (text("alone"), Align::Right),
            (text("together"), Align::Right),
            (text("added"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}

const DRAWINGS: [(&str, &str); crate::concurrency::timeline::DRAWN_MAX] = [
    ("timeline-a", "Agents in time: first topology"),
    ("timeline-b", "Agents in time: second topology"),
    ("timeline-c", "Agents in time: third topology"),
    ("timeline-d", "Agents in time: fourth topology"),
];

fn timelines(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    for (lanes, name) in concurrency.lanes.iter().zip(DRAWINGS) {
        let (drawing, description) = figure::lanes::draw(lanes);
        let mut caption = Prose::new()
            .text("Run ")
            .code(&lanes.run)
            .text(" on topology ")
            .code(&lanes.topology)
            .text(
                ": each agent together (upper bar) and, from its own beginning, alone in the same \
                 block (lower bar). An upper bar with a wait in it stood in a queue; one that is \
                 merely longer shared a processor.",
            );
        if lanes.n_left_out > 0 {
            let id = format!("timeline/{}/left_out", lanes.topology);
            let source = Source::Runs(lanes.run.configuration.to_string());
            let n = writer.count(id, lanes.n_left_out, source);
            caption = caption.text(" Agents left out for want of room: ").value(n).text(".");
        }
        writer.figure(name, drawing, description, caption);
    }
}

/// Whether together and alone did the same work.
fn tokens(writer: &mut Writer<'_>, concurrency: &Concurrency) {
    writer.subheading("The same work, together and alone?");
    writer.paragraph(text(
        "The length of an answer is the model's choice and moves wall times. All runs of a block \
         carry the same seed, yet answers can differ; where output tokens differ, the slowdown per \
         token compares like with like.",
    ));
    let mut rows = Vec::new();
    for each in &concurrency.together {
        let own = Claims::of(writer, each);
        for agent in &each.agents {
            let tokens = own.token_ratio(writer, agent);
            let per_token = own.slowdown_per_token(writer, agent);
            let slowdown = own.slowdown(writer, agent);
            rows.push(vec![
                code(own.id()),
                code(&agent.agent),
                cell(tokens),
                cell(slowdown),
                cell(per_token),
                writer.bracket(per_token),
            ]);
        }
    }
    writer.table(Table {
        caption: text(
            "Output tokens together over alone, and the slowdown as it is and per output token.",
        ),
        columns: vec![
            (text("configuration"), Align::Left),
            (text("agent"), Align::Left),
            (text("tokens"), Align::Right),
            (text("slowdown"), Align::Right),
            (text("per token"), Align::Right),
            (text("interval"), Align::Right),
        ],
        rows,
    });
}
