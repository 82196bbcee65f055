//! `tacho status`: which studies are there, and which reports are stale.

use serde_json::{Value, json};
use tachograph_model::plan::expand;
use tachograph_store::Companion;

use crate::args::{StatusArgs, StatusForm};
use crate::failure::{Exit, Failure};
use crate::standing::{Found, Standing};
use crate::terminal::out;

/// The version of the JSON form.
const STATUS_SCHEMA: &str = "tachograph-status/1";

/// Carries the command out.
pub(crate) fn execute(args: &StatusArgs) -> Result<Exit, Failure> {
    let standing = Standing::of(&args.paths)?;
    match args.format {
        StatusForm::Text => print(&standing)?,
        StatusForm::Json => out(format!("{:#}", as_json(&standing)?)),
    }
    Ok(match (standing.n_stale(), standing.unreadable.len()) {
        (0, 0) => Exit::Done,
        (0, _) => Exit::Partial,
        _ => Exit::AnswerIsNo,
    })
}

/// Returns how many runs of the plan are sealed, and how many it has.
fn runs(found: &Found) -> (usize, usize) {
    let head = found.study.head();
    (head.sealed().count(), expand::runs(&head.plan).len())
}

fn is_attested(found: &Found) -> Result<bool, Failure> {
    let attestation = found.study.read_companion(Companion::Attestation);
    Ok(attestation.map_err(|error| Failure::failed(&error))?.is_some())
}

fn print(standing: &Standing) -> Result<(), Failure> {
    for found in &standing.studies {
        let head = found.study.head();
        let (n_sealed, n_planned) = runs(found);
        let completed = if found.study.is_completed() { "complete" } else { "not complete" };
        out(format!(
            "{}: study {}, plan {}, {n_sealed} of {n_planned} runs sealed, {completed}",
            found.path.display(),
            head.plan.name,
            head.plan_sha256.short()
        ));
        for (kind, (at, _)) in head.published() {
            out(format!("  report {kind} of {at}"));
        }
        if is_attested(found)? {
            out("  attested");
        }
        for superseded in head.superseded() {
            out(format!(
                "  supersedes study {}, plan {}: {}",
                superseded.study,
                superseded.plan_sha256.short(),
                superseded.reason
            ));
        }
        for (by, _) in &found.superseded_by {
            out(format!("  superseded by {}", standing.studies[*by].path.display()));
        }
        for (report, reason) in &found.stale {
            out(format!("  STALE {report}: {reason}"));
        }
    }
    for document in &standing.documents {
        let name = document.citing.kind.name();
        match &document.stale {
            Some(reason) => out(format!("{}: {name}\n  STALE: {reason}", document.path.display())),
            None => out(format!("{}: {name}", document.path.display())),
        }
    }
    for (path, reason) in &standing.unreadable {
        out(format!("{}: not known: {reason}", path.display()));
    }
    out(match (standing.studies.len(), standing.n_stale()) {
        (0, 0) if standing.documents.is_empty() && standing.unreadable.is_empty() => {
            "no study is there, and nothing that cites one".to_owned()
        }
        (_, 0) if !standing.unreadable.is_empty() => {
            "nothing is stale as far as can be told".to_owned()
        }
        (_, 0) => "nothing is stale".to_owned(),
        (_, n) => format!("{n} stale"),
    });
    Ok(())
}

fn as_json(standing: &Standing) -> Result<Value, Failure> {
    let path_of = |at: usize| standing.studies[at].path.display().to_string();
    let mut studies = Vec::new();
    for found in &standing.studies {
        let head = found.study.head();
        let (n_sealed, n_planned) = runs(found);
        let reports: Vec<Value> = head
            .published()
            .into_iter()
            .map(|(kind, (at, _))| json!({"kind": kind, "published_at": at}))
            .collect();
        let by: Vec<String> = found.superseded_by.iter().map(|(by, _)| path_of(*by)).collect();
        let stale: Vec<Value> = found
            .stale
            .iter()
            .map(|(report, reason)| json!({"report": report, "reason": reason}))
            .collect();
        studies.push(json!({
            "path": found.path.display().to_string(),
            "study": head.plan.name,
            "plan_sha256": head.plan_sha256,
            "n_sealed": n_sealed,
            "n_planned": n_planned,
            "completed": found.study.is_completed(),
            "reports": reports,
            "attested": is_attested(found)?,
            "supersedes": head.superseded().collect::<Vec<_>>(),
            "superseded_by": by,
            "stale": stale,
        }));
    }
    let documents: Vec<Value> = standing
        .documents
        .iter()
        .map(|document| {
            json!({
                "path": document.path.display().to_string(),
                "kind": document.citing.kind.name(),
                "stale": document.stale,
            })
        })
        .collect();
    let unreadable: Vec<Value> = standing
        .unreadable
        .iter()
        .map(|(path, reason)| json!({"path": path.display().to_string(), "reason": reason}))
        .collect();
    Ok(json!({
        "schema": STATUS_SCHEMA,
        "studies": studies,
        "documents": documents,
        "not_known": unreadable,
        "n_stale": standing.n_stale(),
    }))
}
