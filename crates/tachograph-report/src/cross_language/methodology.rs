//! How it was measured.

use tachograph_stats::Verdict;

use crate::document::{Prose, text};
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("Methodology");
    writer.list(vec![
        Prose::new().text("A ").strong(text("run")).text(
            " is one configuration executed once by one implementation in a fresh process. It is \
             the unit of replication: means, intervals and tests are over runs and blocks, never \
             over calls.",
        ),
        Prose::new().strong(text("Interleaved.")).text(
            " Each block holds every implementation with every configuration once, shuffled, on the \
             same server process. What is compared is compared within blocks, so that a slow hour \
             touches all of them alike.",
        ),
        Prose::new().strong(text("One instrument.")).text(
            " A program that grades itself proves nothing. Calls are timed by one proxy outside of \
             the agents, the start and the end of processes by the harness, memory and CPU time by \
             the system. What agents say of themselves is kept beside that, and what cannot be true \
             of it makes the run invalid.",
        ),
        Prose::new().strong(text("The verdict")).text(" on the implementation against the reference is ")
            .verdict(Verdict::Equivalent)
            .text(" if both one-sided tests against the margin succeed, else ")
            .verdict(Verdict::Better)
            .text(" or ")
            .verdict(Verdict::Worse)
            .text(" if the difference test does, else ")
            .verdict(Verdict::Inconclusive)
            .text(". “Not significant” is never taken for “equal”."),
        Prose::new().strong(text("A cassette")).text(
            ", where the plan has one, is a recording of a server: it gives every client the same \
             bytes at the same instants. Differences on it are the clients' own; differences on a live \
             server are what a user meets.",
        ),
        Prose::new()
            .text("Standard deviations have the divisor n − one. ")
            .link("formulas", "All formulas")
            .text(" are listed at the end."),
    ]);
}
