//! The answer: how many claims and decisions of which kind.

use super::Findings;
use super::document::{Document, Verdict};
use super::earlier::{Change, Comparison};
use crate::claim::Source;
use crate::document::{Block, Prose, Tone, code, comma_separated, text};
use crate::writer::{Writer, plural};

pub(super) fn section(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    writer.heading("Executive summary");
    let mut paragraphs = Vec::new();
    for document in &findings.documents {
        paragraphs.push(of_document(writer, document));
    }
    for comparison in &findings.earlier {
        paragraphs.push(of_study(writer, comparison));
    }
    writer.callout(Tone::Answer, paragraphs.into_iter().map(Block::Paragraph).collect());
    held_against(writer, findings);
}

fn of_document(writer: &mut Writer<'_>, document: &Document<'_>) -> Prose {
    let listed = document.listed;
    let source = || Source::Against(listed.path.clone(), None);
    let prefix = format!("against/{}", listed.number);
    let n = document.claims.len();
    let all = writer.count(format!("{prefix}/claims"), n, source());
    let counts =
        Verdict::ALL.into_iter().filter(|verdict| document.count(*verdict) > 0).map(|verdict| {
            let count = document.count(verdict);
            let id = format!("{prefix}/verdicts/{}", verdict.name());
            let claim = writer.count(id, count, source());
            Prose::new()
                .value(claim)
                .text(plural(count, " is ", " are "))
                .strong(text(verdict.words()))
        });
    let counts = comma_separated(counts.collect::<Vec<_>>());
    let mut line = Prose::new().text("Of the ").value(all).text(plural(n, " claim", " claims"));
    line = match &listed.list.title {
        Some(title) => line.text(" of ").quote(title).text(" ("),
        None => line.text(" of the document ("),
    };
    line = line.code(file_name(&listed.path)).text("), ").then(counts).text(".");
    let reversed: Vec<&str> = document
        .claims
        .iter()
        .filter(|each| each.standing.is_some_and(super::decision::Standing::is_reversed))
        .map(|each| each.listed.id.as_str())
        .collect();
    if reversed.is_empty() {
        return line;
    }
    let names = comma_separated(reversed.iter().map(code));
    line.text(plural(
        reversed.len(),
        " The decision that rested on one of them is reversed: ",
        " Decisions that rested on them are reversed: ",
    ))
    .then(names)
    .text(".")
}

fn of_study(writer: &mut Writer<'_>, comparison: &Comparison<'_>) -> Prose {
    let earlier = comparison.earlier;
    let study = &earlier.extract.study;
    let line = Prose::new()
        .text("Against the earlier study ")
        .quote(&study.name)
        .text(" of ")
        .quote(&study.started_at)
        .text(" (plan ")
        .code(study.plan_sha256.short())
        .text("): ");
    let judged = comparison.verdicts.iter().filter(|each| each.change().is_some()).count();
    if judged == 0 {
        return line.text(
            "no configuration has a verdict against the baseline in both studies, so that no \
             decision between configurations can be held against its successor.",
        );
    }
    let source = || Source::Against(earlier.path.clone(), None);
    let prefix = format!("against/{}", earlier.number);
    let all = writer.count(format!("{prefix}/verdicts/both"), judged, source());
    let counts = Change::ALL.map(|change| {
        let count = comparison.count(change);
        let claim = writer.count(format!("{prefix}/verdicts/{}", change.words()), count, source());
        Prose::new().value(claim).text(" ").strong(text(change.words()))
    });
    let line = line
        .text("of ")
        .value(all)
        .text(plural(judged, " verdict", " verdicts"))
        .text(" on configurations against the baseline, ")
        .then(comma_separated(counts))
        .text(".");
    if comparison.is_comparable() {
        return line;
    }
    line.text(" The studies are ")
        .strong(text("not comparable"))
        .text(" (")
        .link("against-earlier-studies", "why")
        .text("): their values are of different things, and so may be their verdicts.")
}

/// Lists the files that everything below is held against.
fn held_against(writer: &mut Writer<'_>, findings: &Findings<'_>) {
    writer
        .paragraph(text("Held against, with the digests of the files as they lie in this study:"));
    let documents = findings.documents.iter().map(|document| {
        let listed = document.listed;
        let line = Prose::new().code(&listed.path).text(", ").code(listed.sha256.short());
        match &listed.list.title {
            Some(title) => line.text(": ").quote(title),
            None => line,
        }
    });
    let studies = findings.earlier.iter().map(|comparison| {
        let earlier = comparison.earlier;
        Prose::new()
            .code(&earlier.path)
            .text(" and ")
            .code(&earlier.claims_path)
            .text(", ")
            .code(earlier.claims_sha256.short())
            .text(": study ")
            .quote(&earlier.extract.study.name)
            .text(", evidence ")
            .code(earlier.extract.study.evidence_sha256.short())
    });
    let items = documents.chain(studies).collect();
    writer.list(items);
}

/// Returns the name of a file without its folder.
pub(super) fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
