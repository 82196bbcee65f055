//! `tacho report`: publishes the report of a study.

use std::path::Path;

use tachograph_report::{Headline, Status};
use tachograph_run::clock;
use tachograph_store::Study;

use crate::args::ReportArgs;
use crate::commands::run::write_failure;
use crate::derivation::{self, Derivation};
use crate::failure::{Exit, Failure};
use crate::session::VERSION;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &ReportArgs) -> Result<Exit, Failure> {
    let derivation = publish(&args.study)?;
    let folder = args.study.join("reports").join(derivation.rendered.kind());
    let (n_claims, n_printed) = derivation.rendered.n_claims();
    note(format!("{n_claims} claims stand behind {n_printed} printed numbers"));
    out(headline(&derivation));
    out(format!("\n{}", folder.join("report.md").display()));
    out(folder.join("report.html").display());
    let (n_planned, n_sealed) = derivation.analysis.n_runs();
    if n_sealed < n_planned {
        note(format!("only {n_sealed} of {n_planned} runs are sealed; the report says so"));
        return Ok(Exit::Partial);
    }
    Ok(Exit::Done)
}

/// Derives and publishes everything.
///
/// # Errors
///
/// A failure if the study is not what was sealed, or cannot be written.
pub(crate) fn publish(folder: &Path) -> Result<Derivation, Failure> {
    let derivation = derivation::derive(folder)?;
    let files = derivation.files()?;
    let at = clock::rfc3339_now();
    let mut study = Study::reopen(folder, VERSION, &at).map_err(|error| write_failure(&error))?;
    study
        .publish(derivation.rendered.kind(), &files, &at)
        .map_err(|error| write_failure(&error))?;
    Ok(derivation)
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
