//! What no implementation can influence: a check of the environment.

use super::claims::Claims;
use super::client;
use crate::document::{Prose, text};
use crate::implementations::Implementations;
use crate::implementations::quantity::Influence;
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>, contest: &Implementations) {
    writer.heading("What only the server decides");
    writer.paragraph(text(
        "The decode rate is the server's: it makes a token when it makes it, whoever asked. No client \
         and no language can change it, so that a difference here is a difference between the \
         conditions under which the two were measured, never a result about them. Equivalence is what \
         a sound environment shows. Latency and rates on the wire are those between the instrument \
         and the server; they follow the server's pace unless a client reads so slowly that the server \
         has to wait.",
    ));
    for each in &contest.contests {
        let claims = Claims::of(contest, each);
        let caption = Prose::new()
            .text("Environment check, ")
            .code(&each.other)
            .text(" against ")
            .code(claims.reference)
            .text(" on ")
            .code(&each.server)
            .text(". Each line is judged alone; none supports a claim about a client.");
        client::table(writer, contest, each, (Influence::Server, caption));
    }
}
