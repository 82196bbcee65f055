//! `tacho report`: publishes the report of a study.

use std::path::Path;

use tachograph_report::{Headline, Rendered, Status};
use tachograph_run::clock;
use tachograph_store::Study;

use crate::args::{ReportArgs, ReportKind};
use crate::collection;
use crate::commands::run::write_failure;
use crate::commands::validation;
use crate::derivation::{self, Derivation};
use crate::failure::{Exit, Failure};
use crate::session::VERSION;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &ReportArgs) -> Result<Exit, Failure> {
    if args.kind == ReportKind::Validation {
        return validation::execute(args);
    }
    if !args.against.is_empty() {
        return Err(Failure::new(
            Exit::Usage,
            "only a validation report is held against something",
        )
        .help("add --kind validation"));
    }
    let folders = collection::studies(&args.study)?;
    if let [folder] = &*folders {
        let derivation = publish(folder)?;
        announce(folder, &derivation.rendered, &headline(&derivation));
        return Ok(exit(&derivation));
    }
    let mut worst = Exit::Done;
    for folder in &folders {
        let derivation = publish(folder)?;
        let place = folder.join("reports").join(derivation.rendered.kind()).join("report.html");
        out(place.display());
        if exit(&derivation) == Exit::Partial {
            worst = Exit::Partial;
        }
    }
    Ok(worst)
}

/// Says what was published and where.
pub(crate) fn announce(study: &Path, rendered: &Rendered, headline: &str) {
    let folder = study.join("reports").join(rendered.kind());
    let (n_claims, n_printed) = rendered.n_claims();
    note(format!("{n_claims} claims stand behind {n_printed} printed numbers"));
    out(headline);
    out(format!("\n{}", folder.join("report.md").display()));
    out(folder.join("report.html").display());
}

/// Returns the exit code of a report: one of an unfinished study is partial.
pub(crate) fn exit(derivation: &Derivation) -> Exit {
    let (n_planned, n_sealed) = derivation.analysis.n_runs();
    if n_sealed < n_planned {
        note(format!("only {n_sealed} of {n_planned} runs are sealed; the report says so"));
        return Exit::Partial;
    }
    Exit::Done
}

/// Derives and publishes everything that the plan asks for.
///
/// # Errors
///
/// A failure if the study is not what was sealed, or cannot be written.
pub(crate) fn publish(folder: &Path) -> Result<Derivation, Failure> {
    let derivation = derivation::derive(folder)?;
    let at = clock::rfc3339_now();
    let mut study = Study::reopen(folder, VERSION, &at).map_err(|error| write_failure(&error))?;
    publish_main(&derivation, &mut study, &at)?;
    Ok(derivation)
}

/// Publishes the report that the plan asks for, with tables and pages.
///
/// # Errors
///
/// A failure if the study cannot be written.
pub(crate) fn publish_main(
    derivation: &Derivation,
    study: &mut Study,
    at: &str,
) -> Result<(), Failure> {
    let files = derivation.files()?;
    study.publish(derivation.rendered.kind(), &files, at).map_err(|error| write_failure(&error))
}

/// Returns one line per configuration: mean, ratio to the baseline, verdict. Of
/// concurrent agents, the report's answer.
pub(crate) fn headline(derivation: &Derivation) -> String {
    if derivation.study.head().plan.is_concurrent() {
        return derivation.rendered.answer();
    }
    let primary = derivation.study.head().plan.primary.metric;
    let lines = derivation.analysis.headlines();
    let width = lines.iter().map(|line| line.configuration.len()).max().unwrap_or(0);
    let mut text =
        format!("{} ({}), mean over runs, ratio to the baseline", primary.title(), primary.unit());
    for line in &lines {
        text.push('\n');
        text.push_str(&row(line, width));
    }
    text
}

fn row(line: &Headline, width: usize) -> String {
    let mean = line.mean.map_or("-".to_owned(), |mean| format!("{mean:.2}"));
    let ratio = line
        .ratio
        .map_or(String::new(), |(ratio, low, high)| format!("{ratio:.3} [{low:.3}, {high:.3}]"));
    let verdict =
        line.verdict.map_or(String::new(), |verdict| format!("{verdict:?}").to_lowercase());
    let validity = match line.validity {
        Status::Valid => "",
        Status::Suspect => "  (suspect: see the report)",
        Status::Invalid => "  (invalid: see the report)",
    };
    format!(
        "  {:width$}  n {:<3} {mean:>9}  {ratio:<22} {verdict}{validity}",
        line.configuration, line.n_runs
    )
}
