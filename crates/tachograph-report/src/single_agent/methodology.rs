//! How it was measured.

use crate::claim::Format;
use crate::document::{Prose, text};
use crate::writer::Writer;

pub(super) fn section(writer: &mut Writer<'_>) {
    writer.heading("Methodology");
    let threshold = writer.stated(
        "plan/cold_load_threshold",
        writer.analysis.plan.cold_load_threshold_ms as f64,
        "ms",
        Format::Fixed(0),
    );
    writer.list(vec![
        Prose::new().text("A ").strong(text("run")).text(
            " is one configuration executed once in fresh processes. It is the unit of \
             replication: means, intervals and tests are over runs, never over calls.",
        ),
        Prose::new().text(
            "In each run the agent scans its input folder, parses each file, asks the model \
                   for an analysis, and asks again for a report. Each answer is streamed; every \
                   piece is recorded with its instant on the machine's monotonic clock.",
        ),
        Prose::new()
            .strong(text("TTFT"))
            .text(
                " runs from the first byte of the request to the first piece of output; \
                   connecting is outside it. A call is ",
            )
            .strong(text("cold"))
            .text(" when the server says that it loaded the model for more than ")
            .value(threshold)
            .text(
                " ms, or when the server was reset just before it. Cold and warm TTFT are two \
                   metrics and are never averaged together.",
            ),
        Prose::new().strong(text("Output throughput")).text(
            " is the output tokens of all calls of a run divided by its wall time, which \
                   runs from the first stage after the warm-up to the end of the last agent.",
        ),
        Prose::new().text(
            "A run enters means only if all its calls completed. Calls that failed are \
                   counted by status, with an interval for their rate, and never averaged.",
        ),
        Prose::new()
            .text("Each tuned configuration is compared with the baseline ")
            .strong(text("of the same block"))
            .text(
                ", as a ratio on logarithms. What a block does to both alike cancels. The \
                   verdict is ",
            )
            .text(if writer.analysis.stopping.is_some() {
                "equivalent if the interval of the stopping rule lies inside the margin, else \
                 better or worse if it excludes “no change”, else inconclusive. "
            } else {
                "equivalent if both one-sided tests against the margin succeed, \
                 else better or worse if the difference test does, else inconclusive. "
            })
            .text("“Not significant” is never taken for “equal”."),
        Prose::new()
            .text("Standard deviations have the divisor n − one, quantiles are of type seven. ")
            .link("formulas", "All formulas")
            .text(" are listed at the end."),
    ]);
}
