//! The files of a crate, and the folders of its runs.
//!
//! Owns: where a file is listed, what it is said to be, and its media type, which
//! follows from its name.

use std::collections::BTreeMap;

use tachograph_model::run::RunId;

use super::entity::{Entity, Kind, encode};
use super::{CrateFile, RO_CRATE_FILE, RoCrateInput};

/// The folders of sealed runs that hold files, with the paths of those files.
pub(super) type RunFolders<'a> = BTreeMap<&'a RunId, Vec<&'a str>>;

/// Returns the sealed runs of which the crate holds something.
pub(super) fn run_folders<'a>(input: &RoCrateInput<'a>) -> RunFolders<'a> {
    let files = input.files;
    let mut folders = RunFolders::new();
    for sealed in input.head.sealed() {
        let folder = folder(&sealed.run);
        let paths = files.range(folder.clone()..).map(|(path, _)| path.as_str());
        let paths: Vec<&str> = paths.take_while(|path| path.starts_with(&folder)).collect();
        if !paths.is_empty() {
            folders.insert(&sealed.run, paths);
        }
    }
    folders
}

/// Returns the identifier of the folder of a run.
pub(super) fn folder_id(run: &RunId) -> String {
    encode(&folder(run))
}

/// Returns the identifiers of what lies in the study and in no run: folders of
/// runs, and files.
pub(super) fn top_level(input: &RoCrateInput<'_>, folders: &RunFolders<'_>) -> Vec<String> {
    let mut in_runs: Vec<&str> = folders.values().flatten().copied().collect();
    in_runs.sort_unstable();
    let outside = described(input).filter(|(path, _)| in_runs.binary_search(path).is_err());
    let folders = folders.keys().map(|run| folder_id(run));
    folders.chain(outside.map(|(path, _)| encode(path))).collect()
}

/// Returns every folder of a run and every file.
pub(super) fn list(input: &RoCrateInput<'_>, folders: &RunFolders<'_>) -> Vec<Entity> {
    let folders = folders.iter().map(|(run, paths)| {
        Entity::new(folder_id(run), Kind::Dataset)
            .text("name", format!("Run {run}"))
            .text("description", "What one execution of a configuration left.")
            .links("hasPart", paths.iter().map(|path| encode(path)))
    });
    let files = described(input).map(|(path, file)| {
        Entity::new(encode(path), Kind::File)
            .text("name", path)
            .known("description", description(path))
            .text("encodingFormat", media_type(path))
            .text("contentSize", file.bytes.to_string())
            .text("sha256", file.sha256.to_string())
    });
    folders.chain(files).collect()
}

fn described<'a>(input: &RoCrateInput<'a>) -> impl Iterator<Item = (&'a str, &'a CrateFile)> {
    let files = input.files.iter().map(|(path, file)| (path.as_str(), file));
    files.filter(|(path, _)| *path != RO_CRATE_FILE)
}

fn folder(run: &RunId) -> String {
    format!("runs/{run}/")
}

/// Returns what a file is, if its place says so.
fn description(path: &str) -> Option<&'static str> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let words = match (folder, name) {
        ("", "plan.toml") => "The plan as written.",
        ("", "plan.lock.json") => {
            "The plan with every default made explicit; its digest identifies the plan."
        }
        ("", "environment.json") => "Machine, program and servers when the study began.",
        ("", "journal.jsonl") => "What happened to the study, in a chain of digests.",
        ("", "manifest.json") => "The digest of every file of the study.",
        ("tables", _) => "Runs, agents or calls as a table, computed from the events.",
        ("reports/validation/against", _) => {
            "What the study was held against: a copy, as it was then."
        }
        (_, "events.jsonl.zst") => "Every event of the run, one JSON object per line.",
        (_, "stderr.txt") => "What the run's processes wrote on standard error.",
        (_, "combined_report.md") => "What the agents of the run wrote, in one document.",
        (_, "claims.json") => {
            "Each printed number of the report with its value, formula and source."
        }
        (_, "report.md" | "report.html") => "The report that follows from the events.",
        (_, "summary.md") => "The page of one configuration, computed from the events.",
        _ if name.ends_with("_report.md") => "What an agent of the run wrote.",
        _ if folder.ends_with("/figures") => "A figure of the report.",
        _ => return None,
    };
    Some(words)
}

fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending {
        "csv" => "text/csv",
        "html" => "text/html",
        "json" => "application/json",
        "jsonl" => "application/jsonl",
        "md" => "text/markdown",
        "parquet" => "application/vnd.apache.parquet",
        "pdf" => "application/pdf",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "tex" => "application/x-tex",
        "toml" => "application/toml",
        "txt" => "text/plain",
        "xml" => "application/xml",
        "zst" => "application/zstd",
        _ => "application/octet-stream",
    }
}
