//! How it was measured.

use crate::document::{Prose, text};
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("Methodology");
    writer.list(vec![
        Prose::new().text("A ").strong(text("run")).text(
            " is one configuration executed once, each agent in a fresh process. It is the unit of \
             replication: means, intervals and tests are over runs, never over calls.",
        ),
        Prose::new().strong(text("Alone and together in one block.")).text(
            " Each block holds every concurrent configuration once and, for each of its agents, a \
             run in which that agent does the same alone: same prompts, same options, same server. \
             The order inside a block is shuffled. What is compared is compared within blocks, so \
             that a slow hour touches both sides alike.",
        ),
        Prose::new().strong(text("A common start.")).text(
            " Agents start up, make their warm-up calls, and wait; then all are told one instant \
             at which to begin. Solo runs go the same way. The wall time of an agent runs from its \
             first stage after that to its end: it reads its files, asks for an analysis, and asks \
             for a report.",
        ),
        Prose::new()
            .strong(text("True speed-up"))
            .text(" is the sum of the agents' times alone divided by the makespan together; ")
            .strong(text("true efficiency"))
            .text(
                " divides that by the number of agents. Agents that do not touch each other reach \
                 an efficiency of one; agents that merely take turns reach one divided by their \
                 number.",
            ),
        Prose::new()
            .strong(text("Slowdown"))
            .text(
                " is an agent's time together divided by its time alone. Its verdict: ",
            )
            .verdict(tachograph_stats::Verdict::Equivalent)
            .text(" if both one-sided tests against the margin succeed (no contention that matters), else ")
            .verdict(tachograph_stats::Verdict::Worse)
            .text(" or ")
            .verdict(tachograph_stats::Verdict::Better)
            .text(" if the difference test does, else ")
            .verdict(tachograph_stats::Verdict::Inconclusive)
            .text(". “Not significant” is never taken for “equal”."),
        Prose::new().strong(text("Balance")).text(
            " is what older reports called efficiency: the agents' durations together, added up, \
             divided by makespan times number of agents. It is printed beside the true efficiency \
             so that both can be seen on the same runs.",
        ),
        Prose::new().text(
            "A concurrent run enters means only if all calls of all its agents completed and the \
             solo runs of its block did too. Everything else is counted apart, never averaged.",
        ),
        Prose::new()
            .text("Standard deviations have the divisor n − one. ")
            .link("formulas", "All formulas")
            .text(" are listed at the end."),
    ]);
}
