//! Where things lie in a study, and which names are allowed there.
//!
//! Owns: the names of files and folders, and the rule that no path leaves the
//! study.
//!
//! Does not: touch a disk.

use std::path::{Path, PathBuf};

use tachograph_model::run::RunId;

/// The plan as written.
pub(crate) const PLAN_TOML: &str = "plan.toml";
/// The plan with every default made explicit.
pub(crate) const PLAN_LOCK: &str = "plan.lock.json";
/// The machine, the server and the program.
pub(crate) const ENVIRONMENT: &str = "environment.json";
/// The journal.
pub(crate) const JOURNAL: &str = "journal.jsonl";
/// The manifest.
pub(crate) const MANIFEST: &str = "manifest.json";
/// The manifest while it is written.
pub(crate) const MANIFEST_STAGED: &str = "tmp-manifest.json";
/// The folder of runs.
pub(crate) const RUNS: &str = "runs";
/// Derived files while they are published.
pub(crate) const PUBLISH_STAGED: &str = "tmp-publish";
/// The events of a sealed run.
pub(crate) const EVENTS_SEALED: &str = "events.jsonl.zst";
/// The events of a run in progress.
pub(crate) const EVENTS_OPEN: &str = "events.jsonl";
/// What a folder's name begins with while its run is in progress.
pub(crate) const TEMPORARY: &str = "tmp-";

/// The longest name of a file or folder, in bytes; below what any common file
/// system allows, so that a study can be copied.
const NAME_BYTES_MAX: usize = 200;

/// A name that must not be used in a study.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name:?} cannot be used in a study: {reason}")]
pub struct NameError {
    /// The name.
    pub name: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

/// Checks one component of a path.
pub(crate) fn check_name(name: &str) -> Result<(), NameError> {
    let refuse = |reason| Err(NameError { name: name.to_owned(), reason });
    if name.is_empty() {
        return refuse("it is empty");
    }
    if name.len() > NAME_BYTES_MAX {
        return refuse("it is longer than 200 bytes");
    }
    if name.starts_with('.') {
        return refuse("it begins with a dot");
    }
    if name.starts_with(TEMPORARY) {
        return refuse("`tmp-` marks what is not finished");
    }
    if name.contains(['/', '\\', ':']) {
        return refuse("it contains a separator of folders or drives");
    }
    if name.chars().any(char::is_control) {
        return refuse("it contains a control character");
    }
    Ok(())
}

/// Checks the name of a file that a run leaves beside its events.
pub(crate) fn check_artifact(name: &str) -> Result<(), NameError> {
    check_name(name)?;
    if name == EVENTS_OPEN || name == EVENTS_SEALED {
        return Err(NameError { name: name.to_owned(), reason: "it is the name of the events" });
    }
    Ok(())
}

/// Checks the path of a derived file of the reports of `kind`.
pub(crate) fn check_derived(kind: &str, path: &str) -> Result<(), NameError> {
    check_name(kind)?;
    let parts: Vec<&str> = path.split('/').collect();
    for part in &parts {
        check_name(part).map_err(|error| NameError { name: path.to_owned(), ..error })?;
    }
    match parts.as_slice() {
        ["tables", _] | [RUNS, _, "summary.md"] => Ok(()),
        ["reports", of, _, ..] if *of == kind => Ok(()),
        _ => Err(NameError {
            name: path.to_owned(),
            reason: "derived files are tables/<name>, reports/<kind>/<path> and \
                     runs/<configuration>/summary.md",
        }),
    }
}

/// Checks that the folder of a run can be made from its identity.
pub(crate) fn check_run(run: &RunId) -> Result<(), NameError> {
    check_name(&run.configuration.0)
}

/// Returns the path of a sealed run's folder, relative to the study.
pub(crate) fn run_folder(run: &RunId) -> String {
    format!("{RUNS}/{run}")
}

/// Returns the path of an open run's folder, relative to the study.
pub(crate) fn open_run_folder(run: &RunId) -> String {
    format!("{RUNS}/{}/{TEMPORARY}run_{:03}", run.configuration, run.block)
}

/// Returns whether `name` is one that a run's folder has, sealed or open.
pub(crate) fn is_run_folder_name(name: &str) -> bool {
    name.strip_prefix(TEMPORARY)
        .unwrap_or(name)
        .strip_prefix("run_")
        .is_some_and(|digits| digits.len() >= 3 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the place of `path`, which is relative and uses `/`.
pub(crate) fn place(folder: &Path, path: &str) -> PathBuf {
    folder.join(path)
}

#[cfg(test)]
mod tests {
    use tachograph_model::run::ConfigurationId;

    use super::*;

    #[test]
    fn names_that_leave_the_folder_or_hide_are_refused() {
        for name in [
            "",
            ".",
            "..",
            ".x",
            "a/b",
            "/etc",
            "a\\b",
            "c:",
            "a\0b",
            "a\nb",
            "tmp-x",
            &"x".repeat(201),
        ] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["analyst_report.md", "stderr.txt", "a..b", "résumé.md", &"x".repeat(200)] {
            assert_eq!(check_name(name), Ok(()), "{name:?}");
        }
        assert!(check_artifact("events.jsonl").is_err());
        assert!(check_artifact("events.jsonl.zst").is_err());
    }

    #[test]
    fn derived_files_have_three_places() {
        for path in [
            "tables/calls.parquet",
            "reports/single-agent/report.md",
            "reports/single-agent/figures/a/b.svg",
            "runs/baseline_default/summary.md",
        ] {
            assert_eq!(check_derived("single-agent", path), Ok(()), "{path}");
        }
        for path in [
            "journal.jsonl",
            "tables",
            "tables/a/b",
            "reports/other/report.md",
            "reports/single-agent",
            "reports/single-agent/../../plan.toml",
            "reports//report.md",
            "/tables/x",
            "runs/baseline_default/run_001/stderr.txt",
        ] {
            assert!(check_derived("single-agent", path).is_err(), "{path}");
        }
    }

    #[test]
    fn run_folders_are_recognised() {
        let run = RunId { configuration: ConfigurationId("gpu80".to_owned()), block: 3 };
        assert_eq!(run_folder(&run), "runs/gpu80/run_003");
        assert_eq!(open_run_folder(&run), "runs/gpu80/tmp-run_003");
        for (name, expected) in [
            ("run_003", true),
            ("tmp-run_003", true),
            ("run_1000", true),
            ("run_3", false),
            ("x", false),
        ] {
            assert_eq!(is_run_folder_name(name), expected, "{name}");
        }
    }
}
