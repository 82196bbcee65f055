//! What a comparison says, in sentences and tables.
//!
//! Owns: the words. Each warning, refusal and verdict is worded once, here.

use tachograph_stats::{Direction, Verdict};

use super::{Contrast, Design, Gate, Identity, Judged, Refusal, Row, Unlike};
use crate::analysis::comparison::POWER;
use crate::claim::{Format, Number, decimals_for, percent_decimals};
use crate::page::Page;
use crate::render::html::verdict_name;
use crate::validity::Status;

/// What has to be said of any two studies.
pub(super) const CONFOUNDED: &str = "Two studies were made at different times: whatever else changed in between (the machine, its \
     load, its temperature, its software) is part of every difference below, and no statistic can \
     take it out. One study that holds both configurations in the same blocks is the stronger \
     design.";

/// What has to be said where a study could end by what it had seen.
pub(super) const LOOKED: &str = "A study here had a sequential stopping rule. Intervals and p-values below take no \
     account of its looks: a study that ended early tends to show its differences too large. The \
     verdicts of that study alone are those of its own report.";

/// Prints a ratio as a change in percent.
pub(crate) fn change(ratio: f64) -> String {
    let decimals = decimals_for((ratio - 1.0).abs() * 100.0, 3).clamp(1, 2);
    Format::Change(decimals).print(Number::Real(ratio))
}

fn changes(low: f64, high: f64) -> String {
    format!("[{}, {}]", change(low), change(high))
}

fn p_value(p: f64) -> String {
    Format::PValue.print(Number::Real(p))
}

/// Prints a fraction in percent.
pub(crate) fn percent(fraction: f64) -> String {
    Format::Percent(percent_decimals(fraction)).print(Number::Real(fraction))
}

/// Prints a value of a metric with its four leading digits.
fn value(value: Option<f64>) -> String {
    value.map_or_else(
        || "-".to_owned(),
        |value| Format::Fixed(decimals_for(value, 4)).print(Number::Real(value)),
    )
}

/// Returns the word for a verdict, or for its absence.
pub(super) fn verdict(row: &Row) -> &'static str {
    match row.verdict() {
        Some(verdict) => verdict_name(verdict),
        None => "not judged",
    }
}

/// Says why a row has no verdict.
pub(super) fn refusal(row: &Row, refusal: Refusal, design: Design) -> String {
    let counts = format!(
        "the reference has {} of {} sealed runs, the candidate {} of {}",
        row.reference.n, row.reference.n_sealed, row.candidate.n, row.candidate.n_sealed
    );
    match (refusal, design) {
        (Refusal::Invalid, _) => {
            let side = match (row.reference.validity, row.candidate.validity) {
                (Status::Invalid, Status::Invalid) => "both sides are",
                (Status::Invalid, _) => "the reference is",
                _ => "the candidate is",
            };
            format!("{side} invalid, see `tacho report`; invalid runs carry no verdict")
        }
        (Refusal::TooFew, Design::Paired) => format!(
            "at least 2 blocks must hold a measured run of both, {} do; run more blocks",
            row.reference.n
        ),
        (Refusal::TooFew, Design::Independent) => {
            format!("at least 2 measured runs are needed on each side: {counts}; run more blocks")
        }
        (Refusal::NotPositive, _) => {
            "a run has the value 0 or less, so there is no ratio".to_owned()
        }
        (Refusal::OutOfRange, _) => {
            "the values differ too wildly for an interval; run more blocks".to_owned()
        }
    }
}

/// Returns one line about a judged row: change, interval, verdict.
pub(super) fn in_short(row: &Row) -> String {
    match &row.outcome {
        Err(_) => verdict(row).to_owned(),
        Ok(judged) => format!(
            "{} {} to the reference ({} interval), {}",
            change(judged.ratio),
            changes(judged.interval.low, judged.interval.high),
            percent(judged.interval.confidence),
            verdict(row)
        ),
    }
}

pub(super) fn unlike(unlike: &Unlike) -> String {
    let of = if unlike.subject.is_empty() { "" } else { " of " };
    format!(
        "{}{of}{}: reference {}; candidate {}",
        unlike.aspect.name(),
        unlike.subject,
        unlike.reference,
        unlike.candidate
    )
}

/// Says how many blocks would decide what is open.
pub(super) fn more_blocks(contrast: &Contrast) -> Option<String> {
    let judged: Vec<Judged> = contrast.undecided().collect();
    if judged.is_empty() {
        return None;
    }
    let (margin, power) = (percent(contrast.rule.margin.fraction()), percent(POWER));
    let (where_, than) = match contrast.design {
        Design::Paired => ("in the study", "than it has"),
        Design::Independent => ("in each of the two studies", "than the smaller side has"),
    };
    let Some(needed) = contrast.blocks_needed() else {
        return Some(format!(
            "No usable number of blocks decides at a margin of {margin}: the runs scatter too \
             much. Widen the margin, or make the runs steadier."
        ));
    };
    let rows = contrast.rows.iter().filter(|row| row.verdict() == Some(Verdict::Inconclusive));
    let present = rows.map(|row| row.reference.n.min(row.candidate.n)).min().unwrap_or(0);
    let more = needed.saturating_sub(present);
    Some(if more == 0 {
        format!(
            "{needed} blocks {where_} decide a change of {margin}, or that there is none, with \
             {power} power, and there are {present}: the true change probably lies in between, \
             where more blocks help slowly."
        )
    } else {
        format!(
            "About {needed} blocks {where_} ({more} more {than}) would decide \
             with {power} power whether there is a change of {margin} or none, if the spread \
             stays what it is."
        )
    })
}

/// Makes the page of a comparison.
pub(super) fn page(contrast: &Contrast, gate: Option<&str>) -> Page {
    let mut page = Page::default();
    page.heading("Comparison");
    page.list(introduction(contrast));
    if contrast.design == Design::Independent {
        page.sentence(CONFOUNDED);
    }
    if contrast.has_looks() {
        page.sentence(LOOKED);
    }
    comparability(&mut page, contrast);
    if contrast.is_refused() {
        return page;
    }
    results(&mut page, contrast);
    steadiness(&mut page, contrast);
    if !contrast.relative.is_empty() {
        page.heading(format!(
            "{}, each against the baseline of its own study and blocks (exploratory)",
            contrast.metric.title()
        ));
        page.sentence(
            "The change of the ratio to the baseline, in which what moved both alike cancels. Not \
             adjusted for other comparisons.",
        );
        table(&mut page, contrast, &contrast.relative, false);
    }
    if !contrast.others.is_empty() {
        page.heading("Other metrics (exploratory)");
        page.sentence("Judged by the same margin, one by one; not adjusted, and not gated.");
        table(&mut page, contrast, &contrast.others, true);
    }
    page.heading("Verdict");
    page.sentence(summary(contrast));
    page.list(more_blocks(contrast));
    if let Some(gate) = gate {
        page.sentence(gate.to_owned());
    }
    page
}

/// Adds a table of comparisons; its head says the intervals' confidence.
fn table(page: &mut Page, contrast: &Contrast, of: &[Row], with_metric: bool) {
    let interval = format!("{} interval", percent(contrast.rule.confidence.level()));
    let head =
        ["configuration", "reference", "candidate", "n", "change", &interval, "p", "verdict"];
    page.table(&head, rows(of, with_metric));
}

fn introduction(contrast: &Contrast) -> Vec<String> {
    let side = |word: &str, side: &Identity| {
        let study = &side.extract.study;
        let configuration = side
            .configuration
            .as_ref()
            .map_or_else(String::new, |id| format!(", configuration {id}"));
        format!(
            "{word}: {}{configuration}; plan {} ({}), begun {}, {} of {} runs sealed{}",
            side.name,
            study.name,
            study.plan_sha256.short(),
            study.started_at,
            study.n_sealed,
            study.n_planned,
            match side.extract.validity {
                Status::Valid => "",
                Status::Suspect => "; the study is suspect, see `tacho report`",
                Status::Invalid => "; the study is INVALID, see `tacho report`",
            }
        )
    };
    let better = match contrast.rule.direction {
        Direction::HigherIsBetter => "more is better",
        Direction::LowerIsBetter => "less is better",
    };
    let planned = |what: &str| {
        let replaced = contrast.replaced.iter().find(|(name, _)| *name == what);
        replaced.map_or_else(
            || "as the reference's plan says".to_owned(),
            |(_, plan)| format!("from the command line; the reference's plan says {plan}"),
        )
    };
    let design = match contrast.design {
        Design::Paired => {
            "design: two configurations of one study, ratios within blocks, t interval on logarithms"
        }
        Design::Independent => {
            "design: two studies, independent samples of runs, Welch's interval on logarithms"
        }
    };
    vec![
        side("reference", &contrast.reference),
        side("candidate", &contrast.candidate),
        format!("metric: {} ({better}), {}", contrast.metric.title(), planned("metric")),
        format!("margin: {}, {}", percent(contrast.rule.margin.fraction()), planned("margin")),
        format!("alpha: {}, {}", percent(contrast.rule.confidence.alpha()), planned("alpha")),
        design.to_owned(),
    ]
}

fn comparability(page: &mut Page, contrast: &Contrast) {
    let found = &contrast.comparability;
    if contrast.is_refused() {
        page.heading("Not comparable");
        page.sentence(
            "The studies are not alike in what follows, so nothing was compared. If one of these \
             is what changed on purpose, accept it by name (--accept ASPECT); --force compares \
             whatever it is worth.",
        );
        page.list(contrast.in_the_way().map(unlike));
    } else if !found.unlike.is_empty() {
        page.heading("Not alike, and compared all the same");
        let by_force = contrast.in_the_way().next().is_some();
        page.sentence(if by_force {
            "--force was given. Each of these may be the cause of every difference below:"
        } else {
            "Accepted by name (--accept). Each of these may be the cause of every difference below:"
        });
        page.list(found.unlike.iter().map(unlike));
    }
    if !found.untold.is_empty() {
        page.heading("Not known to be alike");
        page.list(found.untold.iter().map(|untold| {
            let of = if untold.subject.is_empty() { "" } else { " of " };
            format!("{}{of}{}: {}", untold.aspect.name(), untold.subject, untold.reason)
        }));
    }
    if !found.remarks.is_empty() {
        page.heading("Also different");
        page.list(found.remarks.iter().map(|remark| {
            format!(
                "{}: reference {}; candidate {}",
                remark.what, remark.reference, remark.candidate
            )
        }));
    }
    for (side, only) in
        [("reference", &contrast.only_reference), ("candidate", &contrast.only_candidate)]
    {
        if !only.is_empty() {
            page.sentence(format!("Only the {side} has, so not compared: {}.", only.join(", ")));
        }
    }
}

fn results(page: &mut Page, contrast: &Contrast) {
    let unit = contrast.metric.unit();
    page.heading(format!("{} ({unit}), geometric means over runs", contrast.metric.title()));
    let judged = contrast.rows.iter().filter(|row| row.outcome.is_ok()).count();
    if judged > 1 {
        page.sentence(format!(
            "p and verdicts are adjusted after Holm over {judged} comparisons; intervals are not."
        ));
    }
    table(page, contrast, &contrast.rows, false);
    page.list(contrast.rows.iter().filter_map(|row| {
        let why = refusal(row, row.outcome.err()?, contrast.design);
        Some(format!("{}: not judged: {why}", row.label))
    }));
    page.list(contrast.rows.iter().filter_map(failures));
    page.list(contrast.rows.iter().filter_map(suspect));
}

fn failures(row: &Row) -> Option<String> {
    let failed = |side: &super::Sampled| side.n_sealed - side.n_measured.min(side.n_sealed);
    let (theirs, ours) = (failed(&row.reference), failed(&row.candidate));
    (theirs + ours > 0).then(|| {
        format!(
            "{}: {theirs} of {} runs failed in the reference and {ours} of {} in the candidate; \
             failed runs have no speed and are left out",
            row.label, row.reference.n_sealed, row.candidate.n_sealed
        )
    })
}

fn suspect(row: &Row) -> Option<String> {
    let side = match (row.reference.validity, row.candidate.validity) {
        (Status::Suspect, Status::Suspect) => "both sides are",
        (Status::Suspect, Status::Valid) => "the reference is",
        (Status::Valid, Status::Suspect) => "the candidate is",
        _ => return None,
    };
    Some(format!("{}: {side} suspect, see `tacho report`", row.label))
}

fn rows(rows: &[Row], with_metric: bool) -> Vec<Vec<String>> {
    rows.iter()
        .map(|row| {
            let label = if with_metric {
                format!("{}, {}", row.label, row.metric.title())
            } else {
                row.label.clone()
            };
            let mut cells = vec![
                label,
                value(row.reference.mean),
                value(row.candidate.mean),
                format!("{}, {}", row.reference.n, row.candidate.n),
            ];
            match &row.outcome {
                Ok(judged) => cells.extend([
                    change(judged.ratio),
                    changes(judged.interval.low, judged.interval.high),
                    p_value(judged.p_difference_adjusted),
                ]),
                Err(_) => cells.extend(["-", "-", "-"].map(str::to_owned)),
            }
            cells.push(verdict(row).to_owned());
            cells
        })
        .collect()
}

/// Says how far the baseline itself moved, and what noise alone does.
fn steadiness(page: &mut Page, contrast: &Contrast) {
    if contrast.design == Design::Paired {
        return;
    }
    page.heading("How steady the environment was");
    match &contrast.drift {
        Some(row) if row.outcome.is_ok() => page.sentence(format!(
            "The baseline itself moved: {}. This is the environment's drift, unless what changed \
             on purpose acts on the baseline too.",
            in_short(row)
        )),
        Some(_) => page.sentence("The baseline is on both sides, and could not be compared."),
        None => page.sentence(
            "The baseline is not on both sides, so nothing tells the environment's drift from the \
             change.",
        ),
    }
    page.list(contrast.noise.iter().map(|row| {
        format!(
            "A/A arm of the {}: the baseline against itself, {}",
            row.label,
            match &row.outcome {
                Ok(judged) => format!(
                    "{} {}",
                    change(judged.ratio),
                    changes(judged.interval.low, judged.interval.high)
                ),
                Err(why) => refusal(row, *why, Design::Paired),
            }
        )
    }));
}

/// Counts the verdicts on the primary metric.
pub(super) fn summary(contrast: &Contrast) -> String {
    let count = |wanted: &str| contrast.rows.iter().filter(|row| verdict(row) == wanted).count();
    let counts: Vec<String> = ["worse", "better", "equivalent", "inconclusive", "not judged"]
        .into_iter()
        .filter_map(|name| Some((count(name), name)).filter(|(n, _)| *n > 0))
        .map(|(n, name)| format!("{n} {name}"))
        .collect();
    format!("{}: {}", contrast.metric.title(), counts.join(", "))
}

/// Says what a gate makes of it.
pub(super) fn gate(contrast: &Contrast, allow_inconclusive: bool) -> String {
    match (contrast.gate(), allow_inconclusive) {
        _ if contrast.is_refused() => "gate: not judged, the sides are not comparable".to_owned(),
        (Gate::Passed, _) => "gate: passed, everything is better or equivalent".to_owned(),
        (Gate::Worse, _) => "gate: FAILED, something is worse".to_owned(),
        (Gate::NotJudged, _) => "gate: not judged, something has no verdict (see above)".to_owned(),
        (Gate::Inconclusive, true) => "gate: passed only because --allow-inconclusive was given; \
                                       nothing is worse, and something is undecided"
            .to_owned(),
        (Gate::Inconclusive, false) => {
            "gate: undecided, nothing is worse and something is inconclusive".to_owned()
        }
    }
}
