//! What a pilot says, in sentences and tables.

use tachograph_stats::PowerError;

use super::{Needs, PilotPlan, PilotRow, Spread, Unusable};
use crate::claim::{Format, Number};
use crate::contrast::words::{change, percent};
use crate::page::Page;
use crate::validity::Status;

/// Says why a configuration tells nothing.
pub(super) fn unusable(why: Unusable) -> String {
    match why {
        Unusable::Invalid => "it or the baseline is invalid, see `tacho report`".to_owned(),
        Unusable::TooFewBlocks(n) => {
            format!("{n} blocks hold it and the baseline; at least 2 are needed")
        }
        Unusable::NotPositive => "a value is 0 or less, so there is no ratio".to_owned(),
        Unusable::NoSpread => {
            "all blocks have the same ratio, so there is no spread to plan with".to_owned()
        }
    }
}

fn blocks(needs: &Result<Needs, PowerError>, of: impl Fn(Needs) -> usize) -> String {
    match needs {
        Ok(needs) => of(*needs).to_string(),
        Err(_) => "none".to_owned(),
    }
}

fn sd(value: f64) -> String {
    Format::Percent(2).print(Number::Real(value))
}

fn row(configuration: &str, spread: &Spread) -> Vec<String> {
    let both = |of: fn(Needs) -> usize| {
        format!("{} ({})", blocks(&spread.needs, of), blocks(&spread.needs_at_limit, of))
    };
    vec![
        configuration.to_owned(),
        spread.n_blocks.to_string(),
        format!("{} ({})", sd(spread.log_sd), sd(spread.log_sd_limit)),
        both(|needs| needs.change),
        both(|needs| needs.equivalence),
    ]
}

/// Makes the page of a pilot.
pub(super) fn page(plan: &PilotPlan) -> Page {
    let mut page = Page::default();
    let (margin, power) = (percent(plan.margin.fraction()), percent(plan.power));
    page.heading("Blocks that the question needs");
    page.list([
        format!("pilot: {}", plan.name),
        format!("metric: {}; margin {margin}; power {power}", plan.metric.title()),
        format!(
            "alpha: {}, shared by {} (Bonferroni, which Holm never exceeds)",
            percent(plan.alpha),
            match plan.family_size {
                1 => "one comparison".to_owned(),
                n => format!("{n} comparisons"),
            }
        ),
    ]);
    if plan.validity != Status::Valid {
        page.sentence("The pilot is not valid in every respect; see `tacho report`.");
    }
    let usable: Vec<(&PilotRow, &Spread)> =
        plan.rows.iter().filter_map(|row| Some((row, row.outcome.as_ref().ok()?))).collect();
    if !usable.is_empty() {
        let limit = percent(plan.assurance.level());
        page.sentence(format!(
            "In brackets: at the {limit} upper limit of the spread. A pilot's spread is too small \
             more often than not; planned with the limit, the power is reached with a \
             probability of at least {limit}."
        ));
        page.table(
            &[
                "configuration",
                "pilot's blocks",
                "sd of log ratio",
                "to show a change",
                "to show equivalence",
            ],
            usable.iter().map(|(of, spread)| row(&of.configuration, spread)).collect(),
        );
    }
    page.list(plan.rows.iter().filter_map(|row| {
        let why = unusable(*row.outcome.as_ref().err()?);
        Some(format!("{}: {why}", row.configuration))
    }));
    answer(&mut page, plan);
    if !usable.is_empty() {
        page.heading(format!("What can be detected, with {power} power"));
        page.list(usable.iter().map(|(of, spread)| {
            let sizes: Vec<String> = spread
                .detectable
                .iter()
                .map(|(n, ratio)| format!("{n} blocks {}", change(*ratio)))
                .collect();
            format!("{}: {}", of.configuration, sizes.join(", "))
        }));
    }
    two_studies(&mut page, plan);
    repetitions(&mut page, plan);
    page
}

fn answer(page: &mut Page, plan: &PilotPlan) {
    let margin = percent(plan.margin.fraction());
    match (plan.blocks(false), plan.blocks(true)) {
        (Some(blocks), limit) => {
            let cautious = limit.map_or_else(
                || "; at the upper limit no usable number does".to_owned(),
                |limit| format!(", {limit} to be on the safe side"),
            );
            page.sentence(format!(
                "blocks = {blocks} decides each comparison at a margin of {margin} with {} \
                 power{cautious}. The pilot's plan has {}.",
                percent(plan.power),
                plan.n_planned
            ));
        }
        (None, _) => page.sentence(format!(
            "No usable number of blocks decides every comparison at a margin of {margin}. Widen \
             the margin, or make the runs steadier (`tacho doctor`)."
        )),
    }
    page.sentence(
        "These blocks are for a new study: the pilot's own must not be pooled into it, unless its \
         plan named a stopping rule.",
    );
}

fn two_studies(page: &mut Page, plan: &PilotPlan) {
    let Some(needs) = &plan.two_studies else { return };
    page.heading("If two studies are compared instead (tacho compare, as in CI)");
    page.sentence(match needs {
        Ok(needs) => format!(
            "Each of them needs {} blocks to show a change of {}, {} to show its absence: blocks \
             no longer cancel what they do to both arms. From the widest spread between runs.",
            needs.change,
            percent(plan.margin.fraction()),
            needs.equivalence
        ),
        Err(error) => format!("There is no usable number of blocks: {error}."),
    });
}

fn repetitions(page: &mut Page, plan: &PilotPlan) {
    page.heading("Repetitions inside a block (Kalibera and Jones)");
    page.sentence(plan.repetitions.starts);
    match &plan.repetitions.calls {
        Err(why) => page.sentence(*why),
        Ok(calls) => {
            let unit = plan.metric.unit();
            let print = |value: f64| {
                Format::Fixed(crate::claim::decimals_for(value, 3)).print(Number::Real(value))
            };
            page.sentence(format!(
                "Calls of stage {} ({} calls in {} runs of the baseline): sd {} {unit} between \
                 runs, {} {unit} between calls of a run. A run costs as much as {} calls.",
                calls.stage.name(),
                calls.components.n_calls,
                calls.components.n_runs,
                print(calls.components.sd_between),
                print(calls.components.sd_within),
                print(calls.run_cost),
            ));
            page.sentence(match calls.optimal {
                Some(n) => format!(
                    "{} calls of it per run give the most precise mean for the time.",
                    Format::Fixed(0).print(Number::Real(n))
                ),
                None => "Runs do not vary beyond their calls: more calls per run are the cheaper \
                         way."
                    .to_owned(),
            });
        }
    }
}
