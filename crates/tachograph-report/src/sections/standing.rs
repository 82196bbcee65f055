//! Words that every kind of report shares: failed calls, the evidence's standing, and
//! verdicts or why there is none.

use crate::analysis::ALL_RUNS;
use crate::analysis::comparison::{Compared, Refusal};
use crate::analysis::configuration::ConfigurationAnalysis;
use crate::claim::Source;
use crate::document::{Prose, text};
use crate::validity::Status;
use crate::writer::Writer;

/// Says how many calls did not complete.
pub(crate) fn failures(writer: &mut Writer<'_>) -> Prose {
    let totals = writer.analysis.configurations.iter().map(ConfigurationAnalysis::n_calls);
    let (all, failed) = totals.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    if all == 0 {
        return text("No call was made.");
    }
    let source = || Source::Runs(ALL_RUNS.to_owned());
    let all_claim = writer.count("calls/all", all, source());
    if failed == 0 {
        return Prose::new().text("All ").value(all_claim).text(" calls completed.");
    }
    let failed = writer.count("calls/failed", failed, source());
    Prose::new()
        .value(failed)
        .text(" of ")
        .value(all_claim)
        .text(" calls did not complete; they are counted, never averaged (")
        .link("failed-calls", "list")
        .text(").")
}

/// What a study whose evidence is invalid is good for.
pub(crate) const NOTHING_FOLLOWS: &str = "Do not decide anything from this study: the evidence as a \
     whole is invalid (see Validity). Repeat it.";

/// Says that nothing follows from the study, if that is so; returns whether it is.
pub(crate) fn decides_nothing(writer: &mut Writer<'_>) -> bool {
    let is_invalid = writer.analysis.validity.of_study() == Status::Invalid;
    if is_invalid {
        writer.paragraph(text(NOTHING_FOLLOWS));
    }
    is_invalid
}

/// Says whether the evidence is valid.
pub(crate) fn validity(writer: &mut Writer<'_>) -> Prose {
    let line = Prose::new().text("The evidence is ").status(writer.analysis.validity.worst());
    if writer.analysis.validity.worst() == Status::Valid {
        line.text(": no check found anything that may have spoiled it.")
    } else {
        line.text("; what was found is listed under ").link("validity", "Validity").text(".")
    }
}

/// Returns the verdict of a comparison, or why there is none.
pub(crate) fn verdict(compared: Option<&Compared>) -> Prose {
    match compared {
        Some(Compared::Judged(judged)) => Prose::new().verdict(judged.verdict),
        Some(Compared::Refused(refusal)) => text(match refusal {
            Refusal::TooFewBlocks(_) => "none: too few blocks",
            Refusal::NotPositive => "none: a ratio needs values above zero",
            Refusal::BeforeFirstLook => "none: no look yet",
            Refusal::Unbounded => "none: no bound yet",
            Refusal::NotTheSame => "none: not the same work",
        }),
        None => text("none: no data"),
    }
}
