//! Claims about implementations: one name, format and source for each quantity.

use tachograph_model::event::Stage;

use crate::analysis::comparison::Compared;
use crate::analysis::configuration::Estimate;
use crate::analysis::judged;
use crate::claim::{ClaimRef, Format, Source, decimals_for};
use crate::formula::Formula;
use crate::implementations::contest::{Contest, Contrast};
use crate::implementations::quantity::Quantity;
use crate::implementations::{Implementations, cell_set, pair_set};
use crate::writer::Writer;

/// Claims about one implementation and the reference on one server.
pub(super) struct Claims<'a> {
    pub(super) reference: &'a str,
    pub(super) contest: &'a Contest,
}

impl<'a> Claims<'a> {
    pub(super) fn of(contest: &'a Implementations, each: &'a Contest) -> Self {
        Self { reference: contest.reference(), contest: each }
    }

    /// Returns the start of the names of all claims about the two.
    pub(super) fn name(&self, what: &str) -> String {
        format!("contest/{}/{}/{what}", self.contest.server, self.contest.other)
    }

    pub(super) fn source(&self) -> Source {
        let Contest { other, server, .. } = self.contest;
        Source::Runs(pair_set(self.reference, other, server))
    }

    /// Returns the mean of a quantity, of the reference or of the other.
    pub(super) fn mean(
        &self,
        writer: &mut Writer<'_>,
        contrast: &Contrast,
        is_reference: bool,
    ) -> Option<ClaimRef> {
        let (estimate, who) = if is_reference {
            (contrast.reference.as_ref()?, self.reference)
        } else {
            (contrast.other.as_ref()?, &*self.contest.other)
        };
        let quantity = contrast.quantity;
        let id = self.name(&format!("{}/mean/{who}", quantity.name()));
        let n = (estimate.summary.n as u64, estimate.interval);
        let value = (estimate.summary.mean, quantity.unit(), format(contrast));
        Some(writer.estimate(id, value, n, (Formula::ImplementationMean, self.source())))
    }

    /// Returns the other less the reference.
    pub(super) fn difference(
        &self,
        writer: &mut Writer<'_>,
        contrast: &Contrast,
    ) -> Option<ClaimRef> {
        let difference = contrast.difference.as_ref()?;
        let id = self.name(&format!("{}/difference", contrast.quantity.name()));
        let n = (difference.n_blocks as u64, Some(difference.interval));
        let value = (difference.mean, contrast.quantity.unit(), format(contrast));
        Some(writer.estimate(id, value, n, (Formula::ImplementationDifference, self.source())))
    }

    /// Returns the other over the reference, as a ratio.
    pub(super) fn ratio(&self, writer: &mut Writer<'_>, contrast: &Contrast) -> Option<ClaimRef> {
        let ratio = judged(Some(&contrast.compared))?.ratio;
        let id = self.name(&format!("{}/ratio", contrast.quantity.name()));
        let format = Format::Fixed(decimals_for(ratio.ratio, 4).min(3));
        let n = (ratio.n_blocks as u64, Some(ratio.interval));
        let what = (Formula::ImplementationRatio, self.source());
        Some(writer.estimate(id, (ratio.ratio, "ratio", format), n, what))
    }

    /// Returns the other over the reference, as a change in percent.
    pub(super) fn change(&self, writer: &mut Writer<'_>, contrast: &Contrast) -> Option<ClaimRef> {
        let id = self.name(&format!("{}/change", contrast.quantity.name()));
        change(writer, id, &contrast.compared, (Formula::ImplementationRatio, self.source()))
    }

    /// Returns the source of claims about one cell, and the start of their names.
    pub(super) fn of_cell(&self, contest: &Implementations, cell: usize) -> (Source, String) {
        let cell = &contest.cells[cell];
        let set = cell_set(cell, self.reference, &self.contest.other);
        (Source::Runs(set), self.name(&format!("of/{}", cell.of)))
    }
}

/// Returns a ratio of a comparison, as a change.
pub(super) fn change(
    writer: &mut Writer<'_>,
    id: String,
    compared: &Compared,
    what: (Formula, Source),
) -> Option<ClaimRef> {
    let ratio = judged(Some(compared))?.ratio;
    let format = Format::Change(writer.change_decimals());
    let n = (ratio.n_blocks as u64, Some(ratio.interval));
    Some(writer.estimate(id, (ratio.ratio, "ratio", format), n, what))
}

/// Returns the format of a quantity: four significant digits of the larger mean.
pub(super) fn format(contrast: &Contrast) -> Format {
    let mean = |estimate: &Option<Estimate>| {
        estimate.as_ref().map_or(0.0, |estimate| estimate.summary.mean.abs())
    };
    let largest = mean(&contrast.reference).max(mean(&contrast.other));
    // Counts of a run have tenths in the mean, and no more.
    let most = if contrast.quantity.unit().is_empty() { 1 } else { 3 };
    Format::Fixed(decimals_for(largest, 4).min(most))
}

/// Returns how a quantity is defined, in words.
pub(super) fn definition(quantity: Quantity) -> Option<&'static str> {
    Some(match quantity {
        Quantity::Startup => {
            "from just before the process is started to the agent's word that it is ready"
        }
        Quantity::Stage(Stage::Ingest) => {
            "from the agent's mark that it begins to read files to the mark that it has read them"
        }
        Quantity::OutsideCalls => {
            "wall time of the workflow less the time in which a call was under way: from the first \
             byte that came from the client to the end of the answer, as the instrument saw it"
        }
        Quantity::OverheadPerCall => {
            "time of the stages that call the model in which no call was under way, divided by \
             their calls: making the request, reading the answer to its end, taking it apart"
        }
        Quantity::OverheadPerToken => "the same divided by output tokens",
        Quantity::OwnTtftExcess | Quantity::OwnE2eExcess => {
            "what the agent says of itself less what the instrument saw of the same call: \
             connecting, and the delay until the program has what has arrived"
        }
        Quantity::Cpu | Quantity::UserCpu | Quantity::SystemCpu => {
            "counted by the system for the agent's process and its children, from start to end"
        }
        Quantity::PeakRss => "largest resident set, free of the harness's own",
        Quantity::Threads => "the most that were seen at once, looked at fifty times a second",
        _ => return None,
    })
}
