//! Tables about configurations against the baseline within blocks.

use tachograph_model::run::Arm;
use tachograph_stats::{Comparison, Dunnett, PMethod};

use super::Topic;
use crate::analysis::comparison::{Compared, Refusal};
use crate::analysis::stopping::Stopping;
use crate::claim::Format;
use crate::depth::companions::{Reading, blocks_for_signs};
use crate::depth::length::exponentiated;
use crate::depth::{Found, Refused, selection};
use crate::formula::Formula;
use crate::render::html::verdict_name;
use crate::sheet::{Cell, Column, Sheet};

/// The comparison of a configuration, or why there is none.
fn judged(topic: &Topic<'_>, at: usize) -> Found<Comparison> {
    let each = &topic.analysis.configurations[at];
    match each.compared.get(&topic.inputs.metric) {
        Some(Compared::Judged(comparison)) => Ok(*comparison),
        Some(Compared::Refused(Refusal::TooFewBlocks(n))) => Err(Refused(format!(
            "a comparison needs the configuration and the baseline in at least 2 blocks, they \
             share {n}; run more blocks"
        ))),
        Some(Compared::Refused(Refusal::NotPositive)) => {
            Err(Refused("a ratio needs values above 0".to_owned()))
        }
        Some(Compared::Refused(Refusal::BeforeFirstLook)) => {
            Err(Refused("the first look of the stopping rule is yet to come".to_owned()))
        }
        Some(Compared::Refused(Refusal::Unbounded)) => {
            Err(Refused("the stopping rule cannot bound the ratio yet".to_owned()))
        }
        Some(Compared::Refused(Refusal::NotTheSame)) => {
            Err(Refused("the two did not do the same".to_owned()))
        }
        None => Err(Refused("there is no measured run of it, or none of the baseline".to_owned())),
    }
}

/// A p-value of a test that supposes one look at the data.
fn of_one_look(topic: &Topic<'_>, cell: Cell) -> Cell {
    if topic.sequential().is_some() && cell != Cell::Absent {
        return Cell::Refused(
            "the study's stopping rule looked at the data more than once, and this p-value \
             supposes one look; the interval and the verdict are the rule's"
                .to_owned(),
        );
    }
    cell
}

pub(super) fn comparisons(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let of_interval = topic.sequential().map_or(Formula::PairedRatio, Stopping::formula);
    let mut sheet = Sheet::new(
        "comparisons",
        "Against the baseline of the same block: change, tests, verdict",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::count("n_blocks", "blocks", Formula::Count),
            Column::number("ratio", "change", ratio, Formula::PairedRatio),
            Column::interval("ratio_interval", "interval", ratio, of_interval),
            Column::p("p_paired_t", "p (t)", Formula::UnadjustedP),
            Column::p("p_holm", "p (Holm)", Formula::HolmDifference),
            Column::p("p_bh", "p (BH)", Formula::BenjaminiHochberg),
            Column::p("p_dunnett", "p (Dunnett)", Formula::Dunnett),
            Column::p("p_tost", "p (TOST)", Formula::Tost),
            Column::p("p_tost_holm", "p (TOST, Holm)", Formula::HolmEquivalence),
            Column::words("verdict", "verdict"),
        ],
    );
    let all_at_once = selection::dunnett(&topic.inputs);
    for at in topic.inputs.compared() {
        let judged = judged(topic, at);
        let is_tuned = topic.analysis.configurations[at].planned.arm == Arm::Chimera;
        // Each p-value has one family; the A/A arm has none.
        let in_family = |p: fn(&Comparison) -> f64| {
            if topic.is_primary() && is_tuned {
                of_one_look(topic, Cell::found(&judged, |judged| Cell::number(p(judged))))
            } else {
                Cell::Absent
            }
        };
        let p_bh = if topic.is_primary() || !is_tuned {
            Cell::Absent
        } else {
            let adjusted = topic.analysis.exploratory.get(&(topic.inputs.metric, at)).copied();
            Cell::found(&judged, |_| Cell::some(adjusted))
        };
        sheet.row(vec![
            Cell::words(&topic.name(at)),
            Cell::found(&judged, |judged| Cell::count(judged.ratio.n_blocks)),
            Cell::found(&judged, |judged| Cell::number(judged.ratio.ratio)),
            Cell::found(&judged, |judged| Cell::interval(judged.ratio.interval)),
            of_one_look(topic, Cell::found(&judged, |judged| Cell::number(judged.ratio.p_value))),
            in_family(|judged| judged.p_difference_adjusted),
            p_bh,
            of_one_look(topic, dunnett(topic, &all_at_once, (at, is_tuned))),
            of_one_look(
                topic,
                Cell::found(&judged, |judged| Cell::number(judged.equivalence.p_value)),
            ),
            in_family(|judged| judged.p_equivalence_adjusted),
            Cell::found(&judged, |judged| Cell::words(verdict_name(judged.verdict))),
        ]);
    }
    let margin = Format::Change(topic_decimals(topic));
    let percent = margin.print(crate::claim::Number::Real(topic.inputs.rule.margin.ratio_high()));
    let follow = match topic.sequential() {
        Some(_) => {
            "Verdicts and intervals are those of the plan's stopping rule at its latest look."
        }
        None => {
            "Verdicts follow the adjusted p-values on the primary metric; elsewhere they are \
             exploratory and judged alone."
        }
    };
    sheet.note(format!("Equivalent means within {percent} and its reciprocal. {follow}"))
}

fn topic_decimals(topic: &Topic<'_>) -> u8 {
    match topic.change {
        Format::Change(decimals) => decimals,
        _ => 1,
    }
}

fn dunnett(topic: &Topic<'_>, found: &Found<Dunnett>, (at, is_tuned): (usize, bool)) -> Cell {
    if !is_tuned {
        return Cell::Absent;
    }
    let Some(arm) = topic.depth.selection.arms.iter().position(|&own| own == at) else {
        return Cell::Refused("there is no measured run of it".to_owned());
    };
    Cell::found(found, |dunnett| {
        let own = dunnett.comparisons.iter().find(|comparison| comparison.arm == arm);
        Cell::some(own.map(|comparison| comparison.p_value))
    })
}

pub(super) fn method(method: PMethod) -> &'static str {
    match method {
        PMethod::Exact => "exact",
        PMethod::Normal => "normal",
        PMethod::Sampled => "sampled",
    }
}

pub(super) fn companions(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let mut sheet = Sheet::new(
        "companions",
        "The same blocks without a normal law: signed ranks and sign flips of log ratios",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("pseudo_median", "pseudo-median", ratio, Formula::PseudoMedian),
            Column::interval("pseudo_median_interval", "interval", ratio, Formula::PseudoMedian),
            Column::p("p_signed_rank", "p (ranks)", Formula::SignedRank),
            Column::p("p_signed_rank_adjusted", "adjusted p", Formula::SignedRank),
            Column::words("signed_rank_method", "law (ranks)"),
            Column::p("p_sign_flip", "p (flips)", Formula::SignFlip),
            Column::p("p_sign_flip_adjusted", "adjusted p", Formula::SignFlip),
            Column::words("sign_flip_method", "law (flips)"),
            Column::words("beside_t", "beside t"),
            Column::count("blocks_for_signs", "blocks wanted", Formula::SignBlocks),
        ],
    );
    let alpha = topic.inputs.rule.confidence.alpha();
    for each in &topic.depth.companions {
        let (ranks, flips) = (&each.signed_rank, &each.sign_flip);
        let wanted = blocks_for_signs(alpha, each.family_size);
        let reading = match each.reading {
            Reading::None => Cell::found(&judged(topic, each.configuration), |_| {
                Cell::words(each.reading.words())
            }),
            reading => Cell::words(reading.words()),
        };
        sheet.row(vec![
            Cell::words(&topic.name(each.configuration)),
            Cell::found(ranks, |ranks| Cell::number(ranks.shift.exp())),
            Cell::found(ranks, |ranks| {
                Cell::interval_or(
                    ranks.interval.map(exponentiated),
                    format!(
                        "{} blocks are too few for an interval from ranks at this confidence",
                        ranks.n_blocks
                    ),
                )
            }),
            Cell::found(ranks, |ranks| Cell::number(ranks.p_value)),
            Cell::found(ranks, |_| Cell::some(each.p_rank_adjusted)),
            Cell::found(ranks, |ranks| Cell::words(method(ranks.method))),
            Cell::found(flips, |flips| Cell::number(flips.p_value)),
            Cell::found(flips, |_| Cell::some(each.p_flip_adjusted)),
            Cell::found(flips, |flips| Cell::words(method(flips.method))),
            reading,
            Cell::count(wanted),
        ]);
    }
    if topic.sequential().is_some() {
        sheet =
            sheet.note("These p-values suppose one look at the data; the stopping rule took more.");
    }
    sheet.note(
        "“agree”: they find a difference exactly where the t test does. With fewer than the \
         blocks wanted, no arrangement of signs is rare enough to be one.",
    )
}

pub(super) fn equal_length(topic: &Topic<'_>) -> Sheet {
    let ratio = topic.ratio();
    let number = ("", Format::Fixed(2));
    let mut sheet = Sheet::new(
        "equal_length",
        "Ratio to the baseline at equal output length",
        1,
        vec![
            Column::words("configuration", "configuration"),
            Column::number("token_ratio", "tokens", ratio, Formula::TokenRatio),
            Column::number("unadjusted_ratio", "change", ratio, Formula::PairedRatio),
            Column::number("adjusted_ratio", "at equal length", ratio, Formula::EqualLength),
            Column::interval("adjusted_interval", "interval", ratio, Formula::EqualLength),
            Column::p("p_adjusted", "p", Formula::EqualLength),
            Column::number("slope", "slope", number, Formula::LengthSlope),
            Column::interval("slope_interval", "interval", number, Formula::LengthSlope),
        ],
    );
    for each in &topic.depth.equal_length {
        let judged = judged(topic, each.configuration);
        let adjusted = &each.adjusted;
        let tokens = each
            .token_ratio
            .ok_or_else(|| Refused("a ratio needs output tokens in a block of both".to_owned()));
        sheet.row(vec![
            Cell::words(&topic.name(each.configuration)),
            Cell::found(&tokens, |ratio| Cell::number(*ratio)),
            Cell::found(&judged, |judged| Cell::number(judged.ratio.ratio)),
            Cell::found(adjusted, |found| Cell::number(found.adjusted.exp())),
            Cell::found(adjusted, |found| Cell::interval(exponentiated(found.interval))),
            Cell::found(adjusted, |found| Cell::number(found.p_value)),
            Cell::found(adjusted, |found| Cell::number(found.slope)),
            Cell::found(adjusted, |found| Cell::interval(found.slope_interval)),
        ]);
    }
    sheet.note(
        "If the configuration itself changes how long answers are, both ratios are true and \
         answer different questions.",
    )
}
