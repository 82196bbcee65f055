//! `tacho audit`: the numbers of a report that cannot be true.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tachograph_audit::{Audit, Known, Markup, Source};

use crate::args::{AuditArgs, AuditForm};
use crate::collection;
use crate::derivation;
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::session::VERSION;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &AuditArgs) -> Result<Exit, Failure> {
    let reports: Vec<Report> =
        args.files.iter().map(|path| Report::read(path)).collect::<Result<_, _>>()?;
    let sources: Vec<Source<'_>> = reports.iter().map(Report::source).collect();
    if let Some(n) = args.mutate {
        return mutate(&sources, n, args.seed);
    }
    let known = args.against.as_deref().map(known).transpose()?;
    let audit = tachograph_audit::audit(&sources, known.as_deref())
        .map_err(|error| Failure::failed(&error))?;
    let text = tachograph_audit::text(&audit);
    let form = match args.format {
        AuditForm::Text => text.clone(),
        AuditForm::Json => format!("{:#}", as_json(&audit)),
        AuditForm::Sarif => format!("{:#}", tachograph_audit::sarif(&audit, VERSION)),
        AuditForm::Html => tachograph_audit::html(&audit, &sources),
    };
    match &args.output {
        None => out(form.trim_end()),
        Some(path) => {
            evidence::write(path, form.as_bytes())?;
            note(text.trim_end());
        }
    }
    let fails = audit.findings.iter().any(|finding| args.fail_on.fails(finding.severity));
    Ok(if fails { Exit::AnswerIsNo } else { Exit::Done })
}

/// A report and its claims, as they were read.
struct Report {
    name: String,
    bytes: Vec<u8>,
    markup: Markup,
    claims: Option<Vec<u8>>,
}

impl Report {
    fn read(path: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(path).map_err(|error| {
            Failure::new(Exit::Failed, format!("could not read {}: {error}", path.display()))
        })?;
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_html = matches!(&*extension.to_lowercase(), "html" | "htm" | "xhtml");
        let markup = if is_html { Markup::Html } else { Markup::Markdown };
        let claims = claims_of(path);
        Ok(Self { name: path.display().to_string(), bytes, markup, claims })
    }

    fn source(&self) -> Source<'_> {
        let claims = self.claims.as_deref();
        Source { name: &self.name, bytes: &self.bytes, markup: self.markup, claims }
    }
}

/// Returns the claims that a report's numbers are bound to: `NAME.claims.json`
/// beside it, or the `claims.json` of a published report.
fn claims_of(path: &Path) -> Option<Vec<u8>> {
    let own: PathBuf = path.with_extension("claims.json");
    if let Ok(bytes) = fs::read(&own) {
        return Some(bytes);
    }
    let bytes = fs::read(path.with_file_name("claims.json")).ok()?;
    let claims: Value = serde_json::from_slice(&bytes).ok()?;
    let of = Path::new(claims.get("report")?.as_str()?).file_stem()?.to_owned();
    (path.file_stem() == Some(&*of)).then_some(bytes)
}

/// Returns what a study says, or each study of a folder, number by number.
fn known(study: &Path) -> Result<Vec<Known>, Failure> {
    let folders = collection::studies(study)?;
    let mut all = Vec::new();
    for folder in &folders {
        let derivation = derivation::derive(folder)?;
        let name = match &*folders {
            [_] => String::new(),
            _ => format!("{}:", collection::name(folder)),
        };
        all.extend(derivation.rendered.stated().into_iter().map(|stated| Known {
            id: format!("{name}{}", stated.id),
            value: stated.value,
            unit: stated.unit,
            words: stated.formula.to_owned(),
        }));
    }
    Ok(all)
}

fn as_json(audit: &Audit) -> Value {
    json!({ "schema": "tachograph-audit/1", "audit": audit })
}

/// Changes digits and says how many changes are noticed.
fn mutate(sources: &[Source<'_>], n: usize, seed: u64) -> Result<Exit, Failure> {
    let mut exit = Exit::Done;
    for source in sources {
        let mutations =
            tachograph_audit::mutate(source, n, seed).map_err(|error| Failure::failed(&error))?;
        for missed in &mutations.missed {
            let place = &missed.place;
            out(format!(
                "{}:{}:{}: missed: {} changed to {}",
                place.document, place.line, place.column, place.text, missed.mutated
            ));
        }
        let recall = mutations.recall().map_or("nothing to find".to_owned(), |recall| {
            format!("recall {:.1} %", recall * 100.0)
        });
        out(format!(
            "{}: {} digits changed: {} break a stated relation, {} of these are found ({recall}); \
             {} agree within rounding; {} are of numbers in no relation",
            source.name,
            mutations.n,
            mutations.n_caught + mutations.missed.len(),
            mutations.n_caught,
            mutations.n_agreeing,
            mutations.n_unrelated,
        ));
        if mutations.recall().is_none_or(|recall| recall < RECALL_MIN) {
            exit = Exit::AnswerIsNo;
        }
    }
    Ok(exit)
}

/// The share of breaking changes that must be found.
const RECALL_MIN: f64 = 0.99;
