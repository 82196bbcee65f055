//! Texts whose numbers are bound to claims of studies, held against these studies.
//!
//! Owns: reading a text and its sidecar, and what is said of them.
//!
//! Does not: verify a study; the caller brings what came of that.

use std::fs;
use std::path::{Path, PathBuf};

use tachograph_report::Quoted;

use crate::collection;
use crate::commands::render;
use crate::commands::verify::Verdict;
use crate::failure::{Exit, Failure};

/// What was found of texts.
#[derive(Debug, Default)]
pub(crate) struct DocumentFindings {
    /// Everything that is wrong, a line each.
    pub(crate) wrong: Vec<String>,
    pub(crate) not_checked: Vec<String>,
    /// Numbers that were recomputed.
    pub(crate) n_printed: usize,
}

/// Checks texts against studies, each with the verdict on it.
///
/// # Errors
///
/// A usage failure for a text or a sidecar that cannot be read.
pub(crate) fn check(
    texts: &[PathBuf],
    studies: &[(&PathBuf, &Verdict)],
) -> Result<DocumentFindings, Failure> {
    let named: Vec<_> = studies
        .iter()
        .filter_map(|(folder, verdict)| Some((collection::name(folder), verdict.rendered()?)))
        .collect();
    let quoted: Vec<Quoted<'_>> =
        named.iter().map(|(name, rendered)| Quoted { name, rendered }).collect();
    let mut checked = DocumentFindings::default();
    for path in texts {
        let name = path.display();
        if quoted.is_empty() {
            checked.not_checked.push(format!("{name}: the study cannot be read"));
            continue;
        }
        let text = fs::read_to_string(path).map_err(|error| unreadable(path, &error))?;
        let place = render::sidecar_of(path);
        let sidecar = fs::read(&place).map_err(|error| {
            unreadable(&place, &error).help("`tacho render` writes it beside the text")
        })?;
        match tachograph_report::check_document(&text, &sidecar, &quoted) {
            Ok(found) => {
                let lines = found.wrong.into_iter();
                checked
                    .wrong
                    .extend(lines.map(|(line, what)| format!("{name}, line {line}: {what}")));
                checked.n_printed += found.n_printed;
            }
            Err(reason) => checked.wrong.push(format!("{}: {reason}", place.display())),
        }
    }
    Ok(checked)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
}
