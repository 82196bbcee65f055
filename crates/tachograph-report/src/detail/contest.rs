//! Tables about implementations held against each other.

use tachograph_stats::PairedDifference;

use crate::analysis::comparison::{Compared, Refusal};
use crate::analysis::configuration::Estimate;
use crate::analysis::{Analysis, judged};
use crate::claim::Format;
use crate::formula::Formula;
use crate::implementations::Implementations;
use crate::implementations::contest::Contrast;
use crate::implementations::quantity::Influence;
use crate::render::html::verdict_name;
use crate::sheet::{Cell, Column, Sheet};

const RATIO: (&str, Format) = ("ratio", Format::Fixed(4));
/// Values of quantities with units of their own, which a column names.
const ANY: (&str, Format) = ("", Format::Fixed(4));

/// Returns the tables of parity, of every quantity, and of every configuration.
pub(super) fn sheets(analysis: &Analysis, contest: &Implementations) -> Vec<Sheet> {
    vec![parity(contest), quantities(contest), cells(analysis, contest)]
}

fn parity(contest: &Implementations) -> Sheet {
    let mut sheet = Sheet::new(
        "parity",
        "Whether implementations did the same",
        2,
        vec![
            Column::words("implementation", "implementation"),
            Column::words("server", "server"),
            Column::count("pairs", "pairs of runs", Formula::Count),
            Column::count("requests", "requests", Formula::Count),
            Column::count("apart_from_answers", "apart from answers", Formula::Count),
            Column::count("files", "files", Formula::Count),
            Column::count("breaches", "breaches", Formula::Count),
            Column::words("first", "first breach"),
        ],
    );
    for each in &contest.contests {
        let parity = &each.parity;
        let first = parity.breaches.first().map_or(Cell::Absent, |breach| {
            let words = format!("{}: {} in {}", breach.kind.title(), breach.place, breach.run);
            Cell::words(&words)
        });
        sheet.row(vec![
            Cell::words(&each.other),
            Cell::words(&each.server),
            Cell::count(parity.n_pairs),
            Cell::count(parity.n_requests),
            Cell::count(parity.n_apart_from_answers),
            Cell::count(parity.n_files),
            Cell::count(parity.breaches.len()),
            first,
        ]);
    }
    sheet.note("A breach blocks every comparison of the two on that server.")
}

fn mean(estimate: Option<&Estimate>) -> [Cell; 2] {
    match estimate {
        None => [Cell::Refused("no block has all runs of both".to_owned()), Cell::Absent],
        Some(estimate) => [
            Cell::number(estimate.summary.mean),
            estimate.interval.map_or(Cell::Absent, Cell::interval),
        ],
    }
}

fn difference(found: Option<&PairedDifference>) -> [Cell; 2] {
    found.map_or([Cell::Absent, Cell::Absent], |found| {
        [Cell::number(found.mean), Cell::interval(found.interval)]
    })
}

fn compared(contrast: &Contrast) -> [Cell; 4] {
    let refused = |why: &str| Cell::Refused(why.to_owned());
    let nothing = |why| [refused(why), Cell::Absent, Cell::Absent, Cell::Absent];
    match (judged(Some(&contrast.compared)), &contrast.compared) {
        (Some(found), _) => [
            Cell::number(found.ratio.ratio),
            Cell::interval(found.ratio.interval),
            Cell::number(found.p_difference_adjusted),
            Cell::words(verdict_name(found.verdict)),
        ],
        (None, Compared::Refused(Refusal::NotTheSame)) => nothing("the two did not do the same"),
        (None, Compared::Refused(Refusal::NotPositive)) => nothing("a ratio needs values above 0"),
        (None, _) => nothing("needs 2 blocks with all runs of both"),
    }
}

fn quantities(contest: &Implementations) -> Sheet {
    let mut sheet = Sheet::new(
        "implementations",
        "Each quantity of each implementation against the reference",
        3,
        vec![
            Column::words("implementation", "implementation"),
            Column::words("server", "server"),
            Column::words("quantity", "quantity"),
            Column::words("unit", "unit"),
            Column::words("decided_by", "decided by"),
            Column::number("reference", "reference", ANY, Formula::ImplementationMean),
            Column::interval("reference_interval", "interval", ANY, Formula::ImplementationMean),
            Column::number("mean", "implementation", ANY, Formula::ImplementationMean),
            Column::interval("mean_interval", "interval", ANY, Formula::ImplementationMean),
            Column::number("difference", "difference", ANY, Formula::ImplementationDifference),
            Column::interval(
                "difference_interval",
                "interval",
                ANY,
                Formula::ImplementationDifference,
            ),
            Column::number("ratio", "ratio", RATIO, Formula::ImplementationRatio),
            Column::interval("ratio_interval", "interval", RATIO, Formula::ImplementationRatio),
            Column::p("p", "p (Holm)", Formula::HolmDifference),
            Column::words("verdict", "verdict"),
        ],
    );
    for each in &contest.contests {
        for contrast in &each.contrasts {
            let quantity = contrast.quantity;
            let decided_by = match quantity.influence() {
                Influence::Client => "client",
                Influence::Server => "server",
            };
            let mut row = vec![
                Cell::words(&each.other),
                Cell::words(&each.server),
                Cell::words(quantity.name()),
                Cell::words(quantity.unit()),
                Cell::words(decided_by),
            ];
            row.extend(mean(contrast.reference.as_ref()));
            row.extend(mean(contrast.other.as_ref()));
            row.extend(difference(contrast.difference.as_ref()));
            row.extend(compared(contrast));
            sheet.row(row);
        }
    }
    sheet.note(
        "What the server decides is a check of the environment, judged alone; it supports no claim \
         about a client.",
    )
}

fn cells(analysis: &Analysis, contest: &Implementations) -> Sheet {
    let metric = analysis.plan.primary.metric;
    let unit = (metric.unit(), Format::Fixed(4));
    let mut sheet = Sheet::new(
        "implementation_cells",
        "The primary metric, configuration by configuration",
        3,
        vec![
            Column::words("implementation", "implementation"),
            Column::words("server", "server"),
            Column::words("configuration", "configuration"),
            Column::number("reference", "reference", unit, Formula::Mean),
            Column::interval("reference_interval", "interval", unit, Formula::Mean),
            Column::number("mean", "implementation", unit, Formula::Mean),
            Column::interval("mean_interval", "interval", unit, Formula::Mean),
            Column::number("ratio", "ratio", RATIO, Formula::CellRatio),
            Column::interval("ratio_interval", "interval", RATIO, Formula::CellRatio),
            Column::p("p", "p (Holm)", Formula::HolmDifference),
            Column::words("verdict", "verdict"),
            Column::p("p_spread", "p of equal spread (Holm)", Formula::BrownForsythe),
        ],
    );
    for each in &contest.contests {
        let own = each.by_cell.iter().zip(&each.cells).zip(&each.spreads);
        for ((contrast, at), spread) in own {
            let mut row = vec![
                Cell::words(&each.other),
                Cell::words(&each.server),
                Cell::words(&contest.cells[*at].of),
            ];
            row.extend(mean(contrast.reference.as_ref()));
            row.extend(mean(contrast.other.as_ref()));
            row.extend(compared(contrast));
            row.push(spread.map_or_else(
                || Cell::Refused("needs 3 runs of each, and the same work".to_owned()),
                |spread| Cell::number(spread.p_adjusted),
            ));
            sheet.row(row);
        }
    }
    sheet.note("Two further families, each adjusted for itself.")
}
