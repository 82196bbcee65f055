//! What happened otherwise than planned.

use crate::analysis::ALL_RUNS;
use crate::analysis::deviation::Deviation;
use crate::claim::Source;
use crate::document::{Prose, code, comma_separated, text};
use crate::writer::{Writer, plural};

/// Every deviation, or that there is none.
pub(crate) fn section(writer: &mut Writer<'_>) {
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
