//! An earlier study beside this one, in words.

use tachograph_model::plan::stopping::Rule;

use super::Findings;
use super::earlier::{Change, Comparison, Twice, VerdictTwice};
use crate::analysis::comparison::Compared;
use crate::claim::{Claim, ClaimRef, Format, Number, Source};
use crate::contrast::Within;
use crate::document::{Align, Block, Prose, Table, Tone, cell, code, text};
use crate::formula::Formula;
use crate::sections::standing;
use crate::writer::{Writer, metric_id, plural};

pub(super) fn section(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    if findings.earlier.is_empty() {
        return;
    }
    writer.heading("Against earlier studies");
    for comparison in &findings.earlier {
        introduction(writer, comparison);
        comparability(writer, comparison);
        estimates(writer, comparison);
    }
}

fn source(comparison: &Comparison<'_>) -> Source {
    Source::Against(comparison.earlier.claims_path.clone(), None)
}

fn id(comparison: &Comparison<'_>, name: &str) -> String {
    format!("against/{}/{name}", comparison.earlier.number)
}

fn introduction(writer: &mut Writer<'_>, comparison: &Comparison<'_>) {
    let study = &comparison.earlier.extract.study;
    let mut count =
        |name: &str, n: usize| writer.count(id(comparison, name), n, source(comparison));
    let shared = count("claims/shared", comparison.n_shared);
    let alike = count("claims/alike", comparison.n_alike);
    let before = count("claims/only_before", comparison.n_only_before);
    let after = count("claims/only_after", comparison.n_only_after);
    let line = Prose::new()
        .text("The report ")
        .code(&comparison.earlier.kind)
        .text(" of the earlier study ")
        .quote(&study.name)
        .text(" and that of this one have ")
        .value(shared)
        .text(plural(comparison.n_shared, " claim of one name; ", " claims of one name; "))
        .value(alike)
        .text(plural(comparison.n_alike, " of them prints the same. ", " of them print the same. "))
        .value(before)
        .text(plural(comparison.n_only_before, " is", " are"))
        .text(" stated only there, ")
        .value(after)
        .text(" only here.");
    writer.paragraph(line);
}

/// Says in what the two are not alike, by the rules of `tacho compare`.
fn comparability(writer: &mut Writer<'_>, comparison: &Comparison<'_>) {
    let contrast = match &comparison.contrast {
        Ok(contrast) => contrast,
        Err(error) => {
            let line = Prose::new()
                .text("The studies cannot be put against each other: ")
                .quote(error)
                .text(".");
            writer.callout(Tone::Warning, vec![Block::Paragraph(line)]);
            return;
        }
    };
    let found = contrast.comparability();
    if found.unlike.is_empty() {
        writer.paragraph(text(
            "The studies are alike in everything that comparing asks for: model, servers, requests, \
             options, machine.",
        ));
    } else {
        let items = found.unlike.iter().map(|unlike| {
            let aspect = code(unlike.aspect.name());
            let aspect = if unlike.subject.is_empty() {
                aspect
            } else {
                aspect.text(" of ").quote(&unlike.subject)
            };
            aspect.text(": there ").code(&unlike.reference).text(", here ").code(&unlike.candidate)
        });
        let items = items.collect();
        let words = text(
            "The studies are not alike, so that values before and after are of different things:",
        );
        writer.callout(Tone::Warning, vec![Block::Paragraph(words), Block::List(items)]);
    }
}

/// The estimates that both studies state.
fn estimates(writer: &mut Writer<'_>, comparison: &Comparison<'_>) {
    let primary = format!("{}/", metric_id(writer.analysis.plan.primary.metric));
    let (first, rest): (Vec<&Twice<'_>>, Vec<&Twice<'_>>) =
        comparison.twice.iter().partition(|twice| twice.after.id.starts_with(&primary));
    if comparison.twice.is_empty() {
        writer.paragraph(text("No estimate with an interval has the same name in both."));
        return;
    }
    if !first.is_empty() {
        let caption = text(
            "Estimates of the primary metric, before and after. Intervals that lie apart show a \
             change; those that overlap show neither a change nor its absence.",
        );
        let table = table(writer, comparison, caption, &first);
        writer.table(table);
    }
    if !rest.is_empty() {
        let caption = text("All other estimates with an interval that both studies state.");
        let table = table(writer, comparison, caption, &rest);
        let n = writer.count(id(comparison, "claims/others"), rest.len(), source(comparison));
        let summary =
            Prose::new().value(n).text(plural(rest.len(), " other estimate", " other estimates"));
        writer.push(Block::Details(summary, vec![Block::Table(table)]));
    }
}

fn table(
    writer: &mut Writer<'_>,
    comparison: &Comparison<'_>,
    caption: Prose,
    twice: &[&Twice<'_>],
) -> Table {
    let rows = twice
        .iter()
        .map(|each| {
            let before = writer.adopt(Claim {
                id: id(comparison, &format!("{}/before", each.before.id)),
                ..each.before.clone()
            });
            let after = writer.adopt(each.after.clone());
            vec![
                code(&each.after.id),
                with_unit(before, each.before),
                writer.bracket(Some(before)),
                with_unit(after, each.after),
                writer.bracket(Some(after)),
                change(writer, comparison, each),
                text(if each.overlap { "overlap" } else { "apart" }),
            ]
        })
        .collect();
    Table {
        caption,
        columns: vec![
            (text("claim"), Align::Left),
            (text("before"), Align::Right),
            (text("interval"), Align::Right),
            (text("after"), Align::Right),
            (text("interval"), Align::Right),
            (text("change"), Align::Right),
            (text("intervals"), Align::Left),
        ],
        rows,
    }
}

/// Returns a value with its unit; what is printed in percent has its sign.
fn with_unit(claim: ClaimRef, stated: &Claim) -> Prose {
    let value = Prose::new().value(claim);
    match &*stated.unit {
        "" | "ratio" | "fraction" => value,
        unit => value.text(" ").quote(unit),
    }
}

/// Returns by how much a value changed: in percent, or in points where it is a
/// percentage itself.
fn change(writer: &mut Writer<'_>, comparison: &Comparison<'_>, twice: &Twice<'_>) -> Prose {
    let (before, after) = (twice.before.value.as_f64(), twice.after.value.as_f64());
    let (value, unit, format, formula) = match twice.after.format {
        Format::Percent(decimals) | Format::Change(decimals) => {
            let points = (after - before) * 100.0;
            (points, "points", Format::Fixed(decimals), Formula::PointsSince)
        }
        // A whole number without a unit looks like a count, and is a rounded mean.
        Format::Fixed(0) if twice.after.unit.is_empty() => return cell(None),
        _ if before > 0.0 && after > 0.0 => {
            let decimals = writer.change_decimals();
            (after / before, "ratio", Format::Change(decimals), Formula::ChangeSince)
        }
        _ => return cell(None),
    };
    let claim = writer.adopt(Claim {
        id: id(comparison, &format!("{}/change", twice.after.id)),
        value: Number::Real(value),
        unit: unit.to_owned(),
        format,
        formula,
        n: None,
        interval: None,
        validity: twice.before.validity.max(twice.after.validity),
        source: Source::Against(
            comparison.earlier.claims_path.clone(),
            Some(twice.before.id.clone()),
        ),
    });
    let line = Prose::new().value(claim);
    if unit == "points" { line.text(" points") } else { line }
}

/// Which verdicts on configurations reversed, or say more or less than before.
pub(super) fn decisions(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    for comparison in &findings.earlier {
        let rows: Vec<Vec<Prose>> =
            comparison.verdicts.iter().map(|each| row(writer, comparison, each)).collect();
        if rows.is_empty() {
            writer.paragraph(
                text("In neither this study nor the earlier study ")
                    .quote(&comparison.earlier.extract.study.name)
                    .text(" is a tuned configuration held against a baseline."),
            );
            continue;
        }
        let extracts = [&comparison.earlier.extract, findings.own.extract];
        let looked = extracts.iter().any(|side| side.setting.stopping != Rule::Fixed);
        writer.table(Table {
            caption: Prose::new()
                .text(
                    "Each tuned configuration against the baseline of its own study, on the \
                     primary metric of that study and by its rule, before (",
                )
                .quote(&comparison.earlier.extract.study.name)
                .text(") and after.")
                .text(if looked {
                    " These intervals and verdicts take no account of the looks of a stopping rule."
                } else {
                    ""
                }),
            columns: vec![
                (text("configuration"), Align::Left),
                (text("verdict before"), Align::Left),
                (text("change before"), Align::Right),
                (text("verdict after"), Align::Left),
                (text("change after"), Align::Right),
                (text("the decision"), Align::Left),
            ],
            rows,
        });
    }
}

fn row(writer: &mut Writer<'_>, comparison: &Comparison<'_>, each: &VerdictTwice) -> Vec<Prose> {
    let became = match each.change() {
        Some(Change::Reversed) => Prose::new().strong(text(Change::Reversed.words())),
        Some(change) => text(change.words()),
        None => text("cannot be told"),
    };
    let (before, after) = (each.before.as_ref(), each.after.as_ref());
    vec![
        code(&each.configuration),
        verdict(before),
        ratio(writer, comparison, before, "before"),
        verdict(after),
        ratio(writer, comparison, after, "after"),
        became,
    ]
}

fn verdict(within: Option<&Within>) -> Prose {
    match within {
        Some(within)
            if within.judged().is_none() && matches!(within.compared, Compared::Judged(_)) =>
        {
            text("none: invalid evidence")
        }
        Some(within) => standing::verdict(Some(&within.compared)),
        None => text("not in it"),
    }
}

fn ratio(
    writer: &mut Writer<'_>,
    comparison: &Comparison<'_>,
    within: Option<&Within>,
    name: &str,
) -> Prose {
    let Some((within, judged)) = within.and_then(|within| Some((within, within.judged()?))) else {
        return text("–");
    };
    let claim: ClaimRef = writer.adopt(Claim {
        id: id(comparison, &format!("verdict/{}/{name}", within.configuration)),
        value: Number::Real(judged.ratio.ratio),
        unit: "ratio".to_owned(),
        format: Format::Change(writer.change_decimals()),
        formula: Formula::WithinStudy,
        n: Some(judged.ratio.n_blocks as u64),
        interval: Some(judged.ratio.interval),
        validity: within.validity,
        source: match name {
            "before" => Source::Against(comparison.earlier.path.clone(), None),
            _ => Source::Runs(format!("{} with baseline", within.configuration)),
        },
    });
    Prose::new().value(claim).text(" ").interval(claim)
}
