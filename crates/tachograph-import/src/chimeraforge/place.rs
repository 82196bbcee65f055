//! Where a file lies, and what its folders say.
//!
//! Owns: the parts of a path, the names of studies. A path may begin anywhere, since the
//! user may point at any folder of the archive; what folders say is a name and never a
//! setting, which is read from the file.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::plan::concurrent::Scenario;

use crate::names::{numbered_apart, slug};

/// The folders of a file of results.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Folder {
    /// What lies above the folder of the configuration.
    pub(super) results: Vec<String>,
    /// What was executed together, by its folders below `results`; the path without any.
    pub(super) session: String,
    /// The folder of the configuration, if the path has one.
    pub(super) name: Option<String>,
    /// The folder of its scenario, as it is spelt.
    pub(super) scenario: Option<String>,
    /// The number of its phase.
    pub(super) phase: Option<u32>,
    /// The number of its test.
    pub(super) test: Option<u32>,
    /// The numbers of its `run_N` folders, outermost first.
    pub(super) runs: Vec<u32>,
}

/// Returns the folders of a file about one agent: `RESULTS/CONFIGURATION/data/metrics.json`.
pub(super) fn single(path: &str) -> Folder {
    let mut parts = parents(path);
    if parts.last().is_some_and(|last| last == "data") {
        parts.pop();
    }
    let name = parts.pop();
    let session = name.clone().unwrap_or_else(|| path.to_owned());
    Folder { results: parts, session, name, ..Folder::default() }
}

/// Returns the folders of a file about several agents:
/// `RESULTS/[PHASE/][SCENARIO/]CONFIGURATION/run_N/[run_N/]metrics.json`.
pub(super) fn joint(path: &str) -> Folder {
    let mut parts = parents(path);
    let mut folder = Folder::default();
    while let Some(run) = parts.last().and_then(|part| numbered(part, "run_")) {
        folder.runs.insert(0, run);
        parts.pop();
    }
    let all = parts.clone();
    folder.name = parts.pop();
    let name = folder.name.as_deref().unwrap_or_default().to_owned();
    folder.test = name.rfind("test").and_then(|at| numbered(&name[at..], "test"));
    folder.phase = phase(name.split("_test").next().unwrap_or_default());
    while let Some(part) = parts.last() {
        if scenario(part).is_some() {
            folder.scenario = parts.pop();
        } else if let Some(number) = phase(part) {
            folder.phase = Some(number);
            parts.pop();
        } else {
            break;
        }
    }
    folder.session = all[parts.len()..].join("/");
    if folder.session.is_empty() {
        path.clone_into(&mut folder.session);
    }
    folder.results = parts;
    folder
}

/// Returns the folders above a file.
pub(super) fn parents(path: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect();
    parts.pop();
    parts
}

/// Returns the scenario that a text names, with `_` or `-`.
pub(super) fn scenario(text: &str) -> Option<Scenario> {
    let all = [
        Scenario::BaselineVsChimera,
        Scenario::ChimeraHetero,
        Scenario::ChimeraHomo,
        Scenario::Mixed,
    ];
    let text = text.replace('_', "-");
    all.into_iter().find(|scenario| scenario.name() == text)
}

fn phase(part: &str) -> Option<u32> {
    numbered(part, "phase").filter(|_| part.len() < "phase_000".len())
}

/// Returns the number after a word, and an underscore between them.
fn numbered(part: &str, word: &str) -> Option<u32> {
    let digits = part.strip_prefix(word)?;
    digits.strip_prefix('_').unwrap_or(digits).parse().ok()
}

/// Returns whether a folder is called as a configuration is.
fn is_configuration(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let has = |word: &str| {
        name.match_indices(word).any(|(at, _)| {
            name[at + word.len()..]
                .trim_start_matches('_')
                .starts_with(|c: char| c.is_ascii_digit())
        })
    };
    name.starts_with("baseline") || ["gpu", "ctx", "test"].into_iter().any(has)
}

/// Returns, for each of the folders, the path of the study that it belongs to. Folders
/// beside each other are configurations of one study if one of them is called as
/// configurations are; otherwise each of them is a study of its own.
pub(super) fn studies<'a, K: Ord + Copy>(
    folders: impl Iterator<Item = (K, &'a Folder)> + Clone,
) -> Vec<Vec<String>> {
    let with_configurations: BTreeSet<(K, &[String])> = folders
        .clone()
        .filter(|(_, folder)| folder.name.as_deref().is_none_or(is_configuration))
        .map(|(kind, folder)| (kind, &*folder.results))
        .collect();
    let study = |(kind, folder): (K, &Folder)| {
        let mut path = folder.results.clone();
        if !with_configurations.contains(&(kind, &*path)) {
            path.extend(folder.name.clone());
        }
        path
    };
    folders.map(study).collect()
}

/// Returns a name for each path: as many of its last parts as tell it from the others.
/// `fallback` is the name of a path without parts.
pub(super) fn names(paths: &[(Vec<String>, &'static str)]) -> Vec<String> {
    let mut depths: Vec<usize> = paths
        .iter()
        .map(|(path, _)| if path.last().is_some_and(|it| is_plain(it)) { 2 } else { 1 })
        .collect();
    loop {
        let names: Vec<String> = paths
            .iter()
            .zip(&depths)
            .map(|((path, fallback), depth)| name(path, fallback, *depth))
            .collect();
        let mut seen: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, name) in names.iter().enumerate() {
            seen.entry(name).or_default().push(at);
        }
        let mut deepened = false;
        for at in seen.into_values().filter(|all| all.len() > 1).flatten() {
            if depths[at] < paths[at].0.len() {
                depths[at] += 1;
                deepened = true;
            }
        }
        if !deepened {
            return numbered_apart(names);
        }
    }
}

/// Returns whether a folder's name says nothing by itself.
fn is_plain(part: &str) -> bool {
    ["results", "runs", "data"].contains(&part) || part.starts_with("run_")
}

fn name(path: &[String], fallback: &str, depth: usize) -> String {
    let joined = path[path.len().saturating_sub(depth)..].join("-");
    let slug = slug(&joined);
    if slug.is_empty() { fallback.to_owned() } else { slug }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_told_apart() {
        let folder = single("data/research/tr109_rust_full/gpu60_ctx256_temp0p6/data/metrics.json");
        assert_eq!(folder.name.as_deref(), Some("gpu60_ctx256_temp0p6"));
        assert_eq!(folder.results.join("/"), "data/research/tr109_rust_full");
        let folder = joint("x/tr110/phase2/chimera_homo/test103/run_4/run_1/metrics.json");
        assert_eq!(folder.results.join("/"), "x/tr110");
        assert_eq!(folder.scenario.as_deref(), Some("chimera_homo"));
        assert_eq!((folder.phase, folder.test, folder.runs), (Some(2), Some(103), vec![4, 1]));
        assert_eq!(folder.session, "phase2/chimera_homo/test103");
        let folder = joint("phase_3_test_201/run_2/metrics.json");
        assert_eq!((folder.phase, folder.test, folder.runs), (Some(3), Some(201), vec![2]));
        let bare = |path: &str| Folder { session: path.to_owned(), ..Folder::default() };
        assert_eq!(joint("metrics.json"), bare("metrics.json"));
        assert_eq!(single("data/metrics.json"), bare("data/metrics.json"));
    }

    #[test]
    fn studies_are_named_by_as_little_as_tells_them_apart() {
        let path = |text: &str| (text.split('/').map(str::to_owned).collect(), "fallback");
        let names = names(&[
            path("data/tr109_rust_full"),
            path("TR115/results/runtime-smol"),
            path("tr115_results_v2/runtime-smol"),
            path("demo/results"),
            (Vec::new(), "fallback"),
            (Vec::new(), "fallback"),
        ]);
        assert_eq!(
            names,
            [
                "tr109-rust-full",
                "results-runtime-smol",
                "tr115-results-v2-runtime-smol",
                "demo-results",
                "fallback",
                "fallback_2"
            ]
        );
    }
}
