//! What a document claims, beside what the study says, in words.
//!
//! Owns: the table of claims, the reason of each verdict, and the decisions that rest
//! on claims.

use tachograph_model::claimed::{Bound, BoundSide, PrintedNumber};

use super::Findings;
use super::document::{Document, Judged, Search, Verdict};
use super::quantity::Found;
use super::summary::file_name;
use crate::claim::{Claim, ClaimRef, Format, Number, Source};
use crate::document::{Align, Prose, Table, code, comma_separated, separated, text};
use crate::formula::Formula;
use crate::validity::Status;
use crate::writer::{Writer, plural};

/// Matches of a search named one by one before the rest is only counted.
const NAMED_MAX: usize = 5;

pub(super) fn section(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    if findings.documents.is_empty() {
        return;
    }
    writer.heading("Claims of documents");
    writer.paragraph(text(
        "A printed number stands for every value within half a unit of its last place. A claim is \
         reproduced if the value of this study under the honest definition rounds to it; it is \
         contradicted if the study has the quantity and nothing that it states rounds to it. The \
         first definition that fits is named, in the order of the list.",
    ));
    for document in &findings.documents {
        claims(writer, document);
    }
}

fn claims(writer: &mut Writer<'_>, document: &Document<'_>) {
    let rows = document
        .claims
        .iter()
        .map(|judged| {
            let claimed = claimed(writer, document, judged);
            let honest = judged.honest.as_ref().map(|found| {
                let claim = now(writer, document, (judged, "now"), found);
                let cell = with_unit(claim, &judged.listed.unit);
                match found.interval {
                    Some(_) => cell.text(" ").interval(claim),
                    None => cell,
                }
            });
            vec![
                code(&judged.listed.id),
                Prose::new().quote(&judged.listed.statement),
                with_unit(claimed, &judged.listed.unit),
                honest.unwrap_or_else(|| text("–")),
                Prose::new().strong(text(judged.verdict.words())),
            ]
        })
        .collect();
    writer.table(Table {
        caption: Prose::new()
            .text("The claims of ")
            .code(file_name(&document.listed.path))
            .text(", and what this study states under the honest definition."),
        columns: vec![
            (text("claim"), Align::Left),
            (text("what is claimed"), Align::Left),
            (text("as printed"), Align::Right),
            (text("this study"), Align::Right),
            (text("verdict"), Align::Left),
        ],
        rows,
    });
    let reasons = document.claims.iter().map(|judged| {
        Prose::new()
            .code(&judged.listed.id)
            .text(" (")
            .quote(&judged.listed.place)
            .text("): ")
            .then(reason(writer, document, judged))
    });
    let reasons = reasons.collect();
    writer.list(reasons);
}

/// Makes the claim of what a document prints.
fn claimed(writer: &mut Writer<'_>, document: &Document<'_>, judged: &Judged<'_>) -> ClaimRef {
    let number = judged.listed.value;
    printed(writer, document, (judged, "claimed"), number)
}

fn printed(
    writer: &mut Writer<'_>,
    document: &Document<'_>,
    (judged, name): (&Judged<'_>, &str),
    number: PrintedNumber,
) -> ClaimRef {
    let id = id(document, judged, name);
    let value =
        (Number::Real(number.value()), &*judged.listed.unit, Format::Fixed(number.decimals()));
    writer.claim(id, value, Formula::Claimed, source(document, judged))
}

fn id(document: &Document<'_>, judged: &Judged<'_>, name: &str) -> String {
    format!("against/{}/{}/{name}", document.listed.number, judged.listed.id)
}

fn source(document: &Document<'_>, judged: &Judged<'_>) -> Source {
    Source::Against(document.listed.path.clone(), Some(judged.listed.id.clone()))
}

/// Makes the claim of a number of this study in the unit of the listed claim, with one
/// more digit than that prints, so that it can be seen what it rounds to.
fn now(
    writer: &mut Writer<'_>,
    document: &Document<'_>,
    (judged, name): (&Judged<'_>, &str),
    found: &Found<'_>,
) -> ClaimRef {
    writer.adopt(Claim {
        id: id(document, judged, name),
        value: Number::Real(found.value),
        unit: judged.listed.unit.clone(),
        format: Format::Fixed(judged.listed.value.decimals() + 1),
        interval: found.interval,
        ..found.claim.clone()
    })
}

/// Returns a number with its unit.
fn with_unit(claim: ClaimRef, unit: &str) -> Prose {
    match unit {
        "" => Prose::new().value(claim),
        unit => Prose::new().value(claim).text(" ").quote(unit),
    }
}

/// Names a claim of the study and its formula.
fn named(found: &Found<'_>) -> Prose {
    code(found.name()).text(" (formula ").code(found.claim.formula.name()).text(")")
}

fn reason(writer: &mut Writer<'_>, document: &Document<'_>, judged: &Judged<'_>) -> Prose {
    match judged.verdict {
        Verdict::Reproduced => {
            let honest = judged.honest.as_ref().map(named).unwrap_or_default();
            honest.text(" rounds to it.")
        }
        Verdict::UnderDefinition => under_definition(writer, document, judged),
        Verdict::Contradicted => contradicted(writer, document, judged),
        Verdict::Inconsistent => inconsistent(writer, document, judged),
        Verdict::Searched | Verdict::WithoutData => match &judged.search {
            Some(search) => searched(writer, document, judged, search),
            None => Prose::new(),
        },
    }
}

/// States one value of the study under its name and formula.
fn stated(
    writer: &mut Writer<'_>,
    document: &Document<'_>,
    (judged, name): (&Judged<'_>, &str),
    found: &Found<'_>,
) -> Prose {
    let claim = now(writer, document, (judged, name), found);
    named(found).text(" is ").then(with_unit(claim, &judged.listed.unit))
}

fn under_definition(
    writer: &mut Writer<'_>,
    document: &Document<'_>,
    judged: &Judged<'_>,
) -> Prose {
    let Some(fitting) = judged.fitting() else { return Prose::new() };
    let name = format!("under/{}", fitting.name());
    let line = stated(writer, document, (judged, &name), fitting).text(" and rounds to it: ");
    let line = line.text(fitting.claim.formula.text());
    match &judged.honest {
        Some(honest) => {
            let honest = stated(writer, document, (judged, "now"), honest);
            line.text(" Under the honest definition, ").then(honest).text(".")
        }
        None => line.text(" The list names no claim under the honest definition."),
    }
}

fn contradicted(writer: &mut Writer<'_>, document: &Document<'_>, judged: &Judged<'_>) -> Prose {
    let honest = judged.honest.iter().map(|found| ("now".to_owned(), found));
    let others = judged.definitions.iter().map(|found| (format!("under/{}", found.name()), found));
    let all: Vec<(String, &Found<'_>)> = honest.chain(others).collect();
    let lines = all.iter().map(|(name, found)| stated(writer, document, (judged, name), found));
    let lines = separated("; ", lines.collect::<Vec<_>>());
    lines.text(plural(all.len(), ", which does not round to it.", "; none rounds to it."))
}

fn inconsistent(writer: &mut Writer<'_>, document: &Document<'_>, judged: &Judged<'_>) -> Prose {
    let (Some(from), Some(bounds)) = (&judged.listed.from, judged.bounds) else {
        return Prose::new();
    };
    let mut bound = |name: &str, value: f64| {
        let decimals = judged.listed.value.decimals() + 2;
        let value = (Number::Real(value), &*judged.listed.unit, Format::Fixed(decimals));
        let id = id(document, judged, name);
        writer.claim(id, value, Formula::RelationBound, source(document, judged))
    };
    let (low, high) = (bound("from/low", bounds.low), bound("from/high", bounds.high));
    let parts = from.of.iter().map(|&at| code(&document.claims[at].listed.id));
    let line = Prose::new()
        .text("by its own list it is the ")
        .code(from.rule.name())
        .text(" of ")
        .then(comma_separated(parts))
        .text(", and whatever rounds to these gives at least ")
        .then(with_unit(low, &judged.listed.unit))
        .text(" and at most ")
        .then(with_unit(high, &judged.listed.unit))
        .text(".");
    match &judged.honest {
        Some(honest) => {
            let honest = stated(writer, document, (judged, "now"), honest);
            line.text(" In this study, ").then(honest).text(".")
        }
        None => line,
    }
}

fn searched(
    writer: &mut Writer<'_>,
    document: &Document<'_>,
    judged: &Judged<'_>,
    search: &Search<'_>,
) -> Prose {
    let source = || source(document, judged);
    let n = writer.count(id(document, judged, "search/compared"), search.n_compared, source());
    let line = Prose::new().text("the list names no claim of the study. ");
    if search.n_compared == 0 {
        return line.text("No claim of it has a compatible unit.");
    }
    let line = line.text("Of ").value(n).text(plural(search.n_compared, " claim", " claims"));
    let line = line.text(" with a compatible unit, ");
    let chance = |writer: &mut Writer<'_>| match search.expected {
        Some(expected) => {
            let value = (Number::Real(expected), "", Format::Fixed(2));
            let id = id(document, judged, "search/expected");
            let claim = writer.claim(id, value, Formula::ChanceMatches, source());
            Prose::new().text("; about ").value(claim).text(" would by chance")
        }
        None => text("; how many would by chance cannot be said of zero"),
    };
    if search.matches.is_empty() {
        let chance = chance(writer);
        return line.text("none rounds to it").then(chance).text(".");
    }
    let found = search.matches.len();
    let count = writer.count(id(document, judged, "search/matches"), found, source());
    let names = comma_separated(search.matches.iter().take(NAMED_MAX).map(named));
    let line = line.value(count).text(plural(found, " rounds to it", " round to it"));
    let chance = chance(writer);
    line.then(chance)
        .text(": ")
        .then(names)
        .text(if found > NAMED_MAX { " and more." } else { "." })
        .text(" Nothing says that it is the same quantity, and the match may be chance.")
}

/// The decisions that rest on claims of documents.
pub(super) fn decisions(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    writer.heading("Decisions");
    let mut n = 0;
    for document in &findings.documents {
        let mut rows = Vec::new();
        for judged in &document.claims {
            let (Some(decision), Some(standing)) = (&judged.listed.decision, judged.standing)
            else {
                continue;
            };
            n += 1;
            let condition = match &decision.condition {
                Some(condition) => {
                    let side = match condition.side {
                        BoundSide::Above => "above ",
                        BoundSide::Below => "below ",
                    };
                    let bound = match condition.bound {
                        Bound::Threshold(number) => {
                            let claim = printed(writer, document, (judged, "threshold"), number);
                            with_unit(claim, &judged.listed.unit)
                        }
                        Bound::Claim(at) => code(&document.claims[at].listed.id),
                    };
                    text(side).then(bound)
                }
                None => text("–"),
            };
            let words = text(standing.words());
            rows.push(vec![
                code(&judged.listed.id),
                Prose::new().quote(&decision.words),
                condition,
                if standing.is_reversed() { Prose::new().strong(words) } else { words },
                text(judged.verdict.words()),
            ]);
        }
        writer.table(Table {
            caption: Prose::new()
                .text("What was decided because of claims of ")
                .code(file_name(&document.listed.path))
                .text(
                    ". A decision is reversed if its condition held as printed and the whole \
                       interval of this study is on the other side.",
                ),
            columns: vec![
                (text("claim"), Align::Left),
                (text("decision"), Align::Left),
                (text("holds if it is"), Align::Left),
                (text("now"), Align::Left),
                (text("verdict on the claim"), Align::Left),
            ],
            rows,
        });
    }
    if n == 0 && findings.earlier.is_empty() {
        writer.paragraph(text("The documents name no decision that rests on a claim."));
    }
}

/// Returns the listed claims of which the study states a value under the honest definition.
pub(super) fn honest<'a>(document: &'a Document<'a>) -> impl Iterator<Item = &'a Judged<'a>> {
    document.claims.iter().filter(|judged| judged.honest.is_some())
}

/// Returns the validity of a judged claim's honest value.
pub(super) fn validity(judged: &Judged<'_>) -> Option<Status> {
    judged.honest.as_ref().map(|found| found.claim.validity)
}
