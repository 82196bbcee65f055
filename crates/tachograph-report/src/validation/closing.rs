//! What follows for other reports, what may be wrong with this one, and how to check it.

use tachograph_stats::Verdict as Judgement;

use super::Findings;
use super::document::{Judged, Verdict};
use super::document_page::{honest, validity};
use crate::claim::Source;
use crate::document::{Block, Prose, code, comma_separated, text};
use crate::validity::Status;
use crate::writer::{Writer, plural};

/// Fewer values than this are called few.
const FEW: u64 = 5;

/// Which reports are stale.
pub(super) fn stale(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    writer.heading("Stale reports");
    let superseded = &findings.own.superseded;
    if superseded.is_empty() {
        writer.paragraph(
            text("This study supersedes none, so that no report is stale because of it. ")
                .code("tacho report STUDY --kind validation --against EARLIER --supersedes")
                .text(" says that it does."),
        );
        return;
    }
    writer.paragraph(
        text(
            "The journal of this study says that it takes the place of the following. Their reports \
             are stale, and so is whatever cites them; ",
        )
        .code("tacho status FOLDER")
        .text(" lists it."),
    );
    let items = superseded.iter().map(|earlier| {
        let reports = earlier.reports.iter().map(|(kind, files)| {
            let path = format!("reports/{kind}/report.md");
            let digest = files.get(&path).map_or_else(Prose::new, |digest| {
                Prose::new().text(" (").code(digest.short()).text(")")
            });
            code(path).then(digest)
        });
        let reports: Vec<Prose> = reports.collect();
        let line = Prose::new()
            .text("study ")
            .quote(&earlier.study)
            .text(", plan ")
            .code(earlier.plan_sha256.short())
            .text(", evidence ")
            .code(earlier.evidence_sha256.short())
            .text(": ");
        let line = if reports.is_empty() {
            line.text("it had published no report")
        } else {
            line.then(comma_separated(reports))
        };
        line.text(". Reason: ").quote(&earlier.reason)
    });
    let items = items.collect();
    writer.list(items);
}

/// What may be wrong, each tied to a condition that was computed.
pub(super) fn risks(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    writer.heading("Risks");
    let mut items = Vec::new();
    of_evidence(writer, findings, &mut items);
    of_claims(findings, &mut items);
    of_studies(findings, &mut items);
    if items.is_empty() {
        writer.paragraph(text(
            "None of the conditions that are looked for holds: evidence that is not valid, missing \
             runs, few values, matches by search, contradictions that rest on other definitions, \
             studies that are not comparable, imported values.",
        ));
    }
    writer.list(items);
}

fn of_evidence(writer: &mut Writer<'_>, findings: &Findings<'_>, items: &mut Vec<Prose>) {
    let analysis = findings.own.analysis;
    let worst = analysis.validity.worst();
    if worst != Status::Valid {
        items.push(text("The evidence of this study is ").status(worst).text(
            "; its main report says why. A verdict here is no better than what it rests on.",
        ));
    }
    let (n_planned, n_sealed) = analysis.n_runs();
    if n_sealed < n_planned && analysis.stopping.is_none() {
        let n = n_planned - n_sealed;
        let missing = writer.count("risks/runs_missing", n, Source::Journal);
        items.push(Prose::new().value(missing).text(plural(
            n,
            " planned run is not sealed.",
            " planned runs are not sealed.",
        )));
    }
}

/// Adds a sentence that names the claims for which a condition holds, if there is one.
fn about(
    findings: &Findings<'_>,
    items: &mut Vec<Prose>,
    holds: impl Fn(&Judged<'_>) -> bool,
    words: &'static str,
) {
    let names: Vec<Prose> = findings
        .documents
        .iter()
        .flat_map(|document| &document.claims)
        .filter(|judged| holds(judged))
        .map(|judged| code(&judged.listed.id))
        .collect();
    if !names.is_empty() {
        items.push(text(words).text(" ").then(comma_separated(names)).text("."));
    }
}

fn of_claims(findings: &Findings<'_>, items: &mut Vec<Prose>) {
    let is = |status: Status| move |judged: &Judged<'_>| validity(judged) == Some(status);
    about(
        findings,
        items,
        is(Status::Suspect),
        "What these are held against rests on suspect evidence:",
    );
    about(
        findings,
        items,
        is(Status::Invalid),
        "What these are held against rests on invalid evidence, so that nothing follows:",
    );
    let few = |judged: &Judged<'_>| {
        judged.honest.as_ref().is_some_and(|found| found.claim.n.is_some_and(|n| n < FEW))
    };
    about(
        findings,
        items,
        few,
        "What these are held against is an estimate from fewer than five values:",
    );
    about(
        findings,
        items,
        |judged| judged.verdict == Verdict::Searched,
        "These were matched by searching all claims, which proves nothing:",
    );
    about(
        findings,
        items,
        |judged| judged.verdict == Verdict::Contradicted && judged.definitions.is_empty(),
        "Only one definition was tried for these contradicted claims; another one may fit:",
    );
    about(
        findings,
        items,
        is_imported,
        "What these are held against was imported from another document, and not measured here:",
    );
}

/// Returns whether the honest value of a claim comes from a document that the study
/// imported: such claims have names under `source/`.
fn is_imported(judged: &Judged<'_>) -> bool {
    judged.honest.as_ref().is_some_and(|found| found.claim.id.starts_with("source/"))
}

fn of_studies(findings: &Findings<'_>, items: &mut Vec<Prose>) {
    for comparison in &findings.earlier {
        let extract = &comparison.earlier.extract;
        let name = || Prose::new().quote(&extract.study.name);
        if !comparison.is_comparable() {
            items.push(
                text("The earlier study ")
                    .then(name())
                    .text(" is not comparable with this one: a change of a value may be one of what was measured."),
            );
        }
        if let Ok(contrast) = &comparison.contrast {
            let untold = &contrast.comparability().untold;
            let aspects = comma_separated(untold.iter().map(|it| code(it.aspect.name())));
            if !untold.is_empty() {
                items.push(
                    text("Nobody can tell whether the earlier study ")
                        .then(name())
                        .text(" and this one are alike in ")
                        .then(aspects)
                        .text("."),
                );
            }
        }
        if extract.validity != Status::Valid {
            items.push(
                text("The evidence of the earlier study ")
                    .then(name())
                    .text(" is ")
                    .status(extract.validity)
                    .text("."),
            );
        }
        if extract.study.n_sealed < extract.study.n_planned {
            items
                .push(text("The earlier study ").then(name()).text(" lacks runs that it planned."));
        }
        let open = comparison.verdicts.iter().filter(|each| {
            let sides = [&each.before, &each.after];
            let mut verdicts = sides.into_iter().flatten().filter_map(|side| side.judged());
            verdicts.any(|judged| judged.verdict == Judgement::Inconclusive)
        });
        let open: Vec<Prose> = open.map(|each| code(&each.configuration)).collect();
        if !open.is_empty() {
            items.push(
                text("A verdict is inconclusive before or after, which is no verdict that nothing changed: ")
                    .then(comma_separated(open))
                    .text("."),
            );
        }
    }
}

/// How to check the report.
pub(super) fn verification(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    writer.heading("How to verify");
    writer.paragraph(text(
        "Verification computes the claims of this study again from its events, reads what they are \
         held against as it lies in this study, and compares this report byte by byte. It cannot \
         tell whether a list of claims quotes its document rightly.",
    ));
    let mut commands = vec![
        "tacho verify STUDY".to_owned(),
        "tacho audit STUDY/reports/validation/report.md".to_owned(),
        "tacho attest STUDY --key KEY    # then: tacho verify STUDY --key KEY.pub".to_owned(),
        "tacho status FOLDER             # which reports are stale".to_owned(),
    ];
    for comparison in &findings.earlier {
        let earlier = comparison.earlier;
        commands.push("tacho verify EARLIER".to_owned());
        commands.push(format!(
            "cmp EARLIER/reports/{}/claims.json STUDY/{}",
            earlier.kind, earlier.claims_path
        ));
        commands.push("tacho compare EARLIER STUDY".to_owned());
    }
    commands.dedup();
    writer.push(Block::Commands(commands));
    let n = findings.documents.iter().map(|document| honest(document).count()).sum::<usize>();
    if n > 0 {
        writer.paragraph(
            text("Values of this study are claims of its main report, ")
                .code(format!("reports/{}/claims.json", findings.own.rendered.kind()))
                .text(", in the unit of the document and with one more digit than it prints."),
        );
    }
}
