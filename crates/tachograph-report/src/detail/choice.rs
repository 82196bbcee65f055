//! Tables about choosing: the best of several, its confirmation, and power.

use super::Topic;
use crate::claim::{Format, Number};
use crate::depth::{Found, Refused};
use crate::formula::Formula;
use crate::render::html::verdict_name;
use crate::sheet::{Cell, Column, Sheet};

pub(super) fn selection(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let weight = ("fraction", Format::Fixed(2));
    let mut sheet = Sheet::new(
        "selection",
        "The best of several: tuned configurations drawn toward their mean",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("ratio", "change", ratio, Formula::PairedRatio),
            Column::number("shrunk_ratio", "shrunk", ratio, Formula::ShrunkRatio),
            Column::number("lead", "to the mean", ratio, Formula::RawLead),
            Column::number("shrunk_lead", "shrunk", ratio, Formula::Shrunk),
            Column::interval("shrunk_lead_interval", "interval", ratio, Formula::Shrunk),
            Column::number("weight", "weight", weight, Formula::ShrinkWeight),
            Column::words("may_be_best", "may be best"),
        ],
    );
    let selection = &topic.depth.selection;
    let metric = topic.inputs.metric;
    for at in topic.inputs.tuned() {
        let arm = selection.arms.iter().position(|&own| own == at);
        let arm = arm.ok_or_else(|| Refused("there is no measured run of it".to_owned()));
        let judged = topic.analysis.configurations[at].judged(metric);
        let judged = judged.ok_or_else(|| {
            Refused("it could not be compared with the baseline: see the comparisons".to_owned())
        });
        let shrunk = arm.clone().and_then(|arm| {
            let shrinkage = selection.shrinkage.clone()?;
            let baseline = selection.logs.clone()?.baseline;
            Ok((shrinkage.arms[arm], shrinkage.grand_mean, baseline))
        });
        let best: Found<bool> =
            arm.and_then(|arm| Ok(selection.subset.clone()?.arms.contains(&arm)));
        sheet.row(vec![
            Cell::words(&topic.name(at)),
            Cell::found(&judged, |judged| Cell::number(judged.ratio.ratio)),
            Cell::found(&shrunk, |(arm, _, baseline)| Cell::number((arm.shrunk - baseline).exp())),
            Cell::found(&shrunk, |(arm, mean, _)| Cell::number((arm.observed - mean).exp())),
            Cell::found(&shrunk, |(arm, mean, _)| Cell::number((arm.shrunk - mean).exp())),
            Cell::found(&shrunk, |(arm, mean, _)| {
                Cell::interval(crate::depth::selection::relative(arm.interval, *mean))
            }),
            Cell::found(&shrunk, |(arm, _, _)| Cell::number(arm.weight)),
            Cell::found(&best, |best| Cell::words(if *best { "yes" } else { "no" })),
        ]);
    }
    let sheet = sheet.note(format!(
        "Over {} blocks that hold every tuned configuration and the baseline. Shrinkage supposes \
         that true means scatter normally about one mean; only fresh blocks suppose nothing.",
        selection.n_blocks
    ));
    match &selection.luck {
        Ok(luck) => sheet.note(format!(
            "The best of {} equal configurations would look {} too good by luck alone.",
            selection.arms.len(),
            Format::Percent(2).print(Number::Real(*luck))
        )),
        Err(_) => sheet,
    }
}

pub(super) fn confirmation(topic: &Topic<'_>) -> Sheet {
    let mut sheet = Sheet::new(
        "confirmation",
        "Fresh blocks that would confirm the best, with the baseline, at the margin",
        1,
        vec![
            Column::count("n_configurations", "best", Formula::BestSubset),
            Column::count("n_blocks", "blocks", Formula::Confirmation),
            Column::count("n_runs", "runs", Formula::Confirmation),
            Column::number("alpha_each", "α each", ("", Format::Fixed(4)), Formula::Confirmation),
            Column::number(
                "power",
                "power",
                ("fraction", Format::Percent(0)),
                Formula::Confirmation,
            ),
            Column::words("configurations", "which"),
        ],
    );
    let selection = &topic.depth.selection;
    if selection.confirmations.is_empty() {
        let reason = match (&selection.subset, &selection.logs) {
            (Err(Refused(reason)), _) | (_, Err(Refused(reason))) => reason.clone(),
            _ => "there is no candidate".to_owned(),
        };
        let mut row = vec![Cell::count(0)];
        row.extend((1..6).map(|_| Cell::Refused(reason.clone())));
        sheet.row(row);
    }
    for each in &selection.confirmations {
        let names: Vec<String> = each.arms.iter().map(|&at| topic.name(at)).collect();
        sheet.row(vec![
            Cell::count(each.arms.len()),
            Cell::found(&each.plan, |plan| Cell::count(plan.n_blocks)),
            Cell::found(&each.plan, |plan| Cell::count(plan.n_runs)),
            Cell::found(&each.plan, |plan| Cell::number(plan.alpha_each)),
            Cell::found(&each.plan, |plan| Cell::number(plan.power)),
            Cell::words(&names.join(" ")),
        ]);
    }
    sheet.note(
        "The last row is the subset that holds the truly best one with the stated confidence. \
         These blocks must not be pooled with the ones that chose them.",
    )
}

pub(super) fn power(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let mut sheet = Sheet::new(
        "power",
        "What each comparison could tell, and what would settle it (power of four in five)",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::words("verdict", "verdict"),
            Column::count("n_blocks", "blocks", Formula::Count),
            Column::number("log_sd", "sd of log ratio", ("", Format::Fixed(4)), Formula::LogSd),
            Column::number("detectable_ratio", "detectable", ratio, Formula::DetectableEach),
            Column::number(
                "power_at_margin",
                "power at margin",
                ("fraction", Format::Percent(0)),
                Formula::Power,
            ),
            Column::count("blocks_needed", "blocks to settle", Formula::BlocksNeeded),
        ],
    );
    for at in topic.inputs.compared() {
        let name = Cell::words(&topic.name(at));
        let own = topic.depth.power.iter().find(|power| power.configuration == at);
        let judged = topic.analysis.configurations[at].judged(topic.inputs.metric);
        let (Some(own), Some(judged)) = (own, judged) else {
            let reason = "it could not be compared with the baseline: see the comparisons";
            let mut row = vec![name];
            row.extend((1..7).map(|_| Cell::Refused(reason.to_owned())));
            sheet.row(row);
            continue;
        };
        sheet.row(vec![
            name,
            Cell::words(verdict_name(judged.verdict)),
            Cell::count(own.n_blocks),
            Cell::number(own.log_sd),
            Cell::found(&own.detectable, |ratio| Cell::number(*ratio)),
            Cell::found(&own.at_margin, |power| Cell::number(*power)),
            Cell::found(&own.blocks_needed, |blocks| Cell::count(*blocks)),
        ]);
    }
    sheet.note(
        "α is divided by the size of the family. Blocks to settle: enough to show a change as \
         large as the margin, and its absence; a true change in between takes more.",
    )
}
