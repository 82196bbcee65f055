//! The files of the package `tachograph_agent`, as they were when this program was built.
//!
//! Owns: the list, which a test holds against the folder.

/// Each file: its path below the folder of packages, and its text.
pub(crate) const FILES: [(&str, &str); 23] = [
    (
        "tachograph_agent/__init__.py",
        include_str!("../../../agents/python/src/tachograph_agent/__init__.py"),
    ),
    (
        "tachograph_agent/__main__.py",
        include_str!("../../../agents/python/src/tachograph_agent/__main__.py"),
    ),
    (
        "tachograph_agent/answer.py",
        include_str!("../../../agents/python/src/tachograph_agent/answer.py"),
    ),
    (
        "tachograph_agent/calls.py",
        include_str!("../../../agents/python/src/tachograph_agent/calls.py"),
    ),
    ("tachograph_agent/cli.py", include_str!("../../../agents/python/src/tachograph_agent/cli.py")),
    (
        "tachograph_agent/client.py",
        include_str!("../../../agents/python/src/tachograph_agent/client.py"),
    ),
    (
        "tachograph_agent/client_httpx.py",
        include_str!("../../../agents/python/src/tachograph_agent/client_httpx.py"),
    ),
    (
        "tachograph_agent/client_ollama.py",
        include_str!("../../../agents/python/src/tachograph_agent/client_ollama.py"),
    ),
    (
        "tachograph_agent/document.py",
        include_str!("../../../agents/python/src/tachograph_agent/document.py"),
    ),
    (
        "tachograph_agent/events.py",
        include_str!("../../../agents/python/src/tachograph_agent/events.py"),
    ),
    (
        "tachograph_agent/extract.py",
        include_str!("../../../agents/python/src/tachograph_agent/extract.py"),
    ),
    (
        "tachograph_agent/ingest.py",
        include_str!("../../../agents/python/src/tachograph_agent/ingest.py"),
    ),
    (
        "tachograph_agent/nonce.py",
        include_str!("../../../agents/python/src/tachograph_agent/nonce.py"),
    ),
    (
        "tachograph_agent/outline.py",
        include_str!("../../../agents/python/src/tachograph_agent/outline.py"),
    ),
    (
        "tachograph_agent/planted.py",
        include_str!("../../../agents/python/src/tachograph_agent/planted.py"),
    ),
    (
        "tachograph_agent/prompts.py",
        include_str!("../../../agents/python/src/tachograph_agent/prompts.py"),
    ),
    (
        "tachograph_agent/py.typed",
        include_str!("../../../agents/python/src/tachograph_agent/py.typed"),
    ),
    (
        "tachograph_agent/request.py",
        include_str!("../../../agents/python/src/tachograph_agent/request.py"),
    ),
    (
        "tachograph_agent/summary.py",
        include_str!("../../../agents/python/src/tachograph_agent/summary.py"),
    ),
    (
        "tachograph_agent/task.py",
        include_str!("../../../agents/python/src/tachograph_agent/task.py"),
    ),
    (
        "tachograph_agent/text.py",
        include_str!("../../../agents/python/src/tachograph_agent/text.py"),
    ),
    (
        "tachograph_agent/worker.py",
        include_str!("../../../agents/python/src/tachograph_agent/worker.py"),
    ),
    METADATA,
];

/// By which the package is found among the installed ones.
const METADATA: (&str, &str) = (
    "tachograph_agent-0.1.0.dist-info/METADATA",
    "Metadata-Version: 2.1\nName: tachograph-agent\nVersion: 0.1.0\n",
);

/// What the agent on `httpx` needs.
pub(crate) const HTTPX_REQUIREMENTS: &str =
    include_str!("../../../agents/python/requirements/httpx.txt");

/// What the agent on the official `ollama` client needs.
pub(crate) const OLLAMA_REQUIREMENTS: &str =
    include_str!("../../../agents/python/requirements/ollama.txt");

/// What tests of the agents need.
pub(crate) const TEST_REQUIREMENTS: &str =
    include_str!("../../../agents/python/requirements/test.txt");

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_list_is_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../agents/python/src");
        let there: BTreeSet<String> = fs::read_dir(folder.join("tachograph_agent"))
            .unwrap()
            .map(|entry| entry.unwrap())
            .filter(|entry| entry.file_type().unwrap().is_file())
            .map(|entry| format!("tachograph_agent/{}", entry.file_name().to_str().unwrap()))
            .collect();
        let (metadata, files) = FILES.split_last().unwrap();
        let listed: BTreeSet<String> = files.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(listed, there);
        for (path, text) in files {
            assert_eq!(*text, fs::read_to_string(folder.join(path)).unwrap(), "{path}");
        }
        let (_, version) = metadata.1.trim().rsplit_once("Version: ").unwrap();
        let (_, init) = files.iter().find(|(path, _)| path.ends_with("__init__.py")).unwrap();
        assert!(init.contains(&format!("__version__ = \"{version}\"")), "{init}");
        let project = fs::read_to_string(folder.join("../pyproject.toml")).unwrap();
        assert!(project.contains(&format!("\nversion = \"{version}\"")), "{project}");
    }
}
