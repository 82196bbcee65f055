//! `tacho compare`: two studies, or two configurations, against each other.

use std::path::Path;

use tachograph_report::{Contrast, ContrastError, Form, Gate, Gating, Side, Terms, contrast};

use crate::args::{CompareArgs, FormChoice};
use crate::evidence::{self, Evidence};
use crate::failure::{Exit, Failure};
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &CompareArgs) -> Result<Exit, Failure> {
    let reference = Named::of(&args.reference)?;
    let candidate = Named::of(&args.candidate)?;
    let terms = Terms {
        metric: args.metric,
        margin: args.margin,
        alpha: args.alpha,
        force: args.force,
        accept: args.accept.iter().copied().collect(),
    };
    let found =
        contrast(reference.side(), candidate.side(), &terms).map_err(|error| refused(&error))?;
    let gating = args.gate.then_some(Gating { allow_inconclusive: args.allow_inconclusive });
    let form = match args.format {
        FormChoice::Text => Form::Text,
        FormChoice::Markdown => Form::Markdown,
        FormChoice::Json => Form::Json,
        FormChoice::Junit => Form::Junit,
    };
    let text = found.print(form, gating);
    match &args.output {
        None => out(text.trim_end()),
        Some(path) => {
            evidence::write(path, text.as_bytes())?;
            // The file is for a machine; whoever looks on sees the words.
            note(found.print(Form::Text, gating).trim_end());
        }
    }
    Ok(exit(&found, gating))
}

/// A side as it was typed, and what is known of it.
struct Named {
    text: String,
    configuration: Option<String>,
    evidence: Evidence,
}

impl Named {
    /// Reads `STUDY`, `STUDY#CONFIGURATION` or a baseline file.
    fn of(text: &str) -> Result<Self, Failure> {
        let (path, configuration) = match text.rsplit_once('#') {
            Some((path, id)) if !Path::new(text).exists() => (path, Some(id.to_owned())),
            _ => (text, None),
        };
        let evidence = Evidence::read(Path::new(path))?;
        Ok(Self { text: path.to_owned(), configuration, evidence })
    }

    fn side(&self) -> Side<'_> {
        Side {
            name: &self.text,
            extract: &self.evidence.extract,
            configuration: self.configuration.as_deref(),
        }
    }
}

fn refused(error: &ContrastError) -> Failure {
    Failure::usage(error)
}

/// Returns the exit code of a comparison; see `docs/exit-codes.md`.
fn exit(found: &Contrast, gating: Option<Gating>) -> Exit {
    if found.is_refused() {
        return Exit::Failed;
    }
    let Some(gating) = gating else {
        // Without a gate a verdict is an answer; no verdict at all is none.
        let judged = found.verdicts().any(|(_, verdict)| verdict.is_some());
        return if judged { Exit::Done } else { Exit::Failed };
    };
    match found.gate() {
        Gate::Passed => Exit::Done,
        Gate::Worse => Exit::AnswerIsNo,
        Gate::NotJudged => Exit::Failed,
        Gate::Inconclusive if gating.allow_inconclusive => Exit::Done,
        Gate::Inconclusive => Exit::Partial,
    }
}
