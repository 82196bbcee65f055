//! `tacho render`: a text written by hand, with numbers from a study.

use std::fs;
use std::path::Path;

use tachograph_audit::{Markup, Source};
use tachograph_report::Quoted;

use crate::args::RenderArgs;
use crate::collection;
use crate::derivation::{self, Derivation};
use crate::evidence;
use crate::failure::{Exit, Failure};
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &RenderArgs) -> Result<Exit, Failure> {
    let template = fs::read_to_string(&args.template).map_err(|error| {
        Failure::new(Exit::Usage, format!("could not read {}: {error}", args.template.display()))
    })?;
    let mut derived = Vec::new();
    for path in &args.study {
        for study in collection::studies(path)? {
            derived.push((collection::name(&study), derivation::derive(&study)?));
        }
    }
    let quoted = quoted(&derived)?;
    let name = args
        .output
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    let filled = tachograph_report::fill(&template, &name, &quoted).map_err(|error| {
        let failure = Failure::new(Exit::Usage, error.what.clone()).at(
            &args.template.display().to_string(),
            &template,
            error.span.clone(),
        );
        match error.help {
            Some(help) => failure.help(help),
            None => failure,
        }
    })?;
    evidence::write(&args.output, filled.text.as_bytes())?;
    let sidecar = sidecar_of(&args.output);
    evidence::write(&sidecar, filled.claims_json.as_bytes())?;
    let typed = typed(&name, &filled)?;
    out(format!("{}: {} numbers filled in", args.output.display(), filled.n_printed));
    out(sidecar.display());
    if typed > 0 {
        note(format!("{typed} numbers are typed by hand: nothing binds them to the study"));
    }
    Ok(if args.strict && typed > 0 { Exit::AnswerIsNo } else { Exit::Done })
}

/// Returns studies as a text quotes them.
///
/// # Errors
///
/// A failure if two of them have one name.
pub(crate) fn quoted(derived: &[(String, Derivation)]) -> Result<Vec<Quoted<'_>>, Failure> {
    let quoted: Vec<Quoted<'_>> =
        derived.iter().map(|(name, it)| Quoted { name, rendered: &it.rendered }).collect();
    for (at, study) in quoted.iter().enumerate() {
        if quoted[..at].iter().any(|earlier| earlier.name == study.name) {
            let message = format!("two of the studies are called {}", study.name);
            return Err(Failure::new(Exit::Usage, message)
                .help("a text refers to a study by the name of its folder: rename one"));
        }
    }
    Ok(quoted)
}

/// Returns where the sidecar of a text lies.
pub(crate) fn sidecar_of(document: &Path) -> std::path::PathBuf {
    document.with_extension("claims.json")
}

/// Returns how many quantities of a filled text were not filled in.
fn typed(name: &str, filled: &tachograph_report::Filled) -> Result<usize, Failure> {
    let source = Source {
        name,
        bytes: filled.text.as_bytes(),
        markup: Markup::Markdown,
        claims: Some(filled.claims_json.as_bytes()),
    };
    let audit =
        tachograph_audit::audit(&[source], None).map_err(|error| Failure::failed(&error))?;
    Ok(audit.coverage.iter().map(|it| it.n_unbound).sum())
}
