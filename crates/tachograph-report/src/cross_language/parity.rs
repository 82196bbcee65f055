//! Whether the implementations did the same: the first thing to know.

use super::claims::Claims;
use crate::claim::Source;
use crate::document::{Align, Block, Prose, Table, Tone, code, text};
use crate::implementations::Implementations;
use crate::implementations::contest::Contest;
use crate::implementations::parity::Breach;
use crate::writer::Writer;

/// Breaches listed before the rest is only counted.
const SHOWN_MAX: usize = 24;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("Parity");
    writer.paragraph(text(
        "Two programs can be compared only if they did the same. For each block and configuration, \
         the requests of both were compared as the instrument saw them, in canonical form and \
         without nonces: model, prompts, options; further the number of calls, their stages and \
         order, the files that were read with their digests, and what the server said of itself and \
         its model. Any breach blocks every claim about a difference between the two on that server.",
    ));
    let rows = contest.contests.iter().map(|each| row(writer, contest, each)).collect();
    writer.table(Table {
        caption: text("What was compared, and what differed."),
        columns: vec![
            (text("implementation"), Align::Left),
            (text("server"), Align::Left),
            (text("pairs of runs"), Align::Right),
            (text("requests"), Align::Right),
            (text("apart from answers"), Align::Right),
            (text("files"), Align::Right),
            (text("breaches"), Align::Right),
            (text("outcome"), Align::Left),
        ],
        rows,
    });
    for each in contest.contests.iter().filter(|each| !each.parity.holds()) {
        breaches(writer, contest, each);
    }
    if contest.contests.iter().any(|each| each.parity.n_apart_from_answers > 0) {
        writer.paragraph(text(
            "A later prompt quotes the earlier answer. Where the server did not answer both alike (it \
             was asked with other nonces, or does not decode deterministically), such prompts were \
             compared apart from the words of the answers: every other word must be the same, in the \
             same order. A fixed seed without nonces, or a cassette, gives both the same answers, and \
             whole requests are compared.",
        ));
    }
    if contest.contests.iter().any(|each| each.parity.is_partial) {
        writer.paragraph(text(
            "An agent that does not speak the worker protocol tells neither of its stages nor of its \
             files; for it, the requests alone were compared. They hold what was read.",
        ));
    }
}

fn row(writer: &mut Writer<'_>, contest: &Implementations, each: &Contest) -> Vec<Prose> {
    let claims = Claims::of(contest, each);
    let parity = &each.parity;
    let mut count = |what: &str, n: usize| {
        let id = claims.name(&format!("parity/{what}"));
        Prose::new().value(writer.count(id, n, claims.source()))
    };
    let outcome = if parity.n_pairs == 0 {
        text("nothing to compare")
    } else if parity.holds() {
        text("the same")
    } else {
        text("not the same: claims are blocked")
    };
    vec![
        code(&each.other),
        code(&each.server),
        count("pairs", parity.n_pairs),
        count("requests", parity.n_requests),
        count("apart_from_answers", parity.n_apart_from_answers),
        count("files", parity.n_files),
        count("breaches", parity.breaches.len()),
        outcome,
    ]
}

/// Lists the breaches of one pair, each with what both have at its place.
fn breaches(writer: &mut Writer<'_>, contest: &Implementations, each: &Contest) {
    let claims = Claims::of(contest, each);
    let words = Prose::new()
        .code(&each.other)
        .text(" on ")
        .code(&each.server)
        .text(" did not do the same as ")
        .code(claims.reference)
        .text(". No difference between the two is claimed there.");
    writer.callout(Tone::Warning, vec![Block::Paragraph(words)]);
    let rows = each
        .parity
        .breaches
        .iter()
        .take(SHOWN_MAX)
        .enumerate()
        .map(|(at, breach)| breach_row(writer, &claims, at, breach))
        .collect();
    writer.table(Table {
        caption: text(
            "Each breach with the first run in which it was seen, the number of the call from zero, \
             and what both have there.",
        ),
        columns: vec![
            (text("breach"), Align::Left),
            (text("where"), Align::Left),
            (text("call"), Align::Right),
            (text("reference"), Align::Left),
            (text("implementation"), Align::Left),
            (text("first run"), Align::Left),
            (text("times"), Align::Right),
        ],
        rows,
    });
    if each.parity.breaches.len() > SHOWN_MAX {
        writer.paragraph(text("Further breaches are counted in the table above and not listed."));
    }
}

fn breach_row(
    writer: &mut Writer<'_>,
    claims: &Claims<'_>,
    at: usize,
    breach: &Breach,
) -> Vec<Prose> {
    let id = |what: &str| claims.name(&format!("parity/breach/{at}/{what}"));
    let source = || Source::Runs(breach.run.configuration.to_string());
    let call = breach.call.map_or_else(
        || text("–"),
        |call| Prose::new().value(writer.count(id("call"), call, source())),
    );
    let pairs = writer.count(id("pairs"), breach.n_pairs, claims.source());
    let has = |what: &Option<String>| what.as_ref().map_or_else(|| text("nothing"), code);
    vec![
        text(breach.kind.title()),
        code(&breach.place),
        call,
        has(&breach.reference),
        has(&breach.other),
        code(&breach.run),
        Prose::new().value(pairs),
    ]
}
