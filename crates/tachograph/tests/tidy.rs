//! The rules of the house, checked on the files of the repository.
//!
//! Owns: allowed arrows between crates, headers and sizes of source files, what
//! no tracked file may contain, the commands that the README promises, and that
//! every example in `docs/` and `plans/` is one that the program accepts.
//!
//! Does not: build or run anything but `git ls-files`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tachograph_model::cassette::Cassette;
use tachograph_model::claimed::ClaimsList;
use tachograph_model::environment::Environment;
use tachograph_model::event::{Event, Recorded};
use tachograph_model::plan::{Plan, expand, parse};
use tachograph_model::study::{JournalEntry, JournalLine, Manifest};
use tachograph_model::task::Task;
use tachograph_report::Aspect;
use tachograph_serve::SimulatedConfig;

/// The only lines of code that a file under `src` may have.
const SOURCE_LINES_MAX: usize = 700;

/// Who may use whom. A crate that is not listed may not exist.
const ARROWS: [(&str, &[&str]); 12] = [
    ("tachograph-model", &[]),
    ("tachograph-stats", &[]),
    ("tachograph-run", &["tachograph-model"]),
    ("tachograph-python", &["tachograph-model"]),
    ("tachograph-serve", &["tachograph-model", "tachograph-python"]),
    ("tachograph-store", &["tachograph-model"]),
    ("tachograph-import", &["tachograph-model"]),
    ("tachograph-report", &["tachograph-model", "tachograph-stats"]),
    ("tachograph-audit", &["tachograph-model", "tachograph-stats"]),
    ("tachograph-attest", &["tachograph-model"]),
    (
        "tachograph",
        &[
            "tachograph-model",
            "tachograph-stats",
            "tachograph-run",
            "tachograph-python",
            "tachograph-serve",
            "tachograph-store",
            "tachograph-import",
            "tachograph-report",
            "tachograph-audit",
            "tachograph-attest",
        ],
    ),
    (TESTKIT, &["tachograph-model"]),
];

/// Arrows for tests and benchmarks only: the clients are measured against the
/// simulated server, which knows when it sent what, and the native agent is held
/// against those in Python.
const DEVELOPMENT_ARROWS: [(&str, &str); 2] =
    [("tachograph-run", "tachograph-serve"), ("tachograph-run", "tachograph-python")];

/// The crate that is a dev-dependency only.
const TESTKIT: &str = "tachograph-testkit";

fn root() -> PathBuf {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.ancestors().nth(2).expect("the crate lies two folders below the root").to_owned()
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the repository's files, by path relative to the root: those that git
/// tracks or would track, and not what it ignores.
///
/// Without git (a source archive), every file but build outputs.
fn repository_files() -> Vec<String> {
    let git = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output();
    let listed = match git {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        _ => String::new(),
    };
    let mut files: Vec<String> =
        listed.split('\0').filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if files.is_empty() {
        walk(&root(), "", &mut files);
    }
    // A file may be deleted and not yet committed.
    files.retain(|name| root().join(name).is_file());
    assert!(files.len() > 50, "only {} files found below {}", files.len(), root().display());
    files
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            if name != ".git" && !name.starts_with("target") {
                walk(&entry.path(), &format!("{path}/"), files);
            }
        } else {
            files.push(path);
        }
    }
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found == extension)
}

fn rust_files() -> Vec<String> {
    repository_files().into_iter().filter(|name| has_extension(name, "rs")).collect()
}

fn assert_none(problems: &[String]) {
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

/// Returns what is wrong with the arrows of the crate whose manifest this is.
fn check_arrows(manifest: &toml::Table) -> Vec<String> {
    let name = manifest["package"]["name"].as_str().unwrap();
    let Some((_, allowed)) = ARROWS.iter().find(|(known, _)| *known == name) else {
        return vec![format!("{name} is not a room of the house; add it to ARROWS and DESIGN")];
    };
    let mut problems = Vec::new();
    let mut check = |section: &str, table: Option<&toml::Value>| {
        let Some(table) = table.and_then(toml::Value::as_table) else { return };
        let development = section.ends_with("dev-dependencies");
        for used in table.keys().filter(|used| used.starts_with("tachograph")) {
            let in_development = used == TESTKIT || DEVELOPMENT_ARROWS.contains(&(name, used));
            let allowed = allowed.contains(&used.as_str()) || (development && in_development);
            if !allowed {
                problems.push(format!("{name} [{section}] must not use {used}"));
            }
        }
    };
    for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
        check(section, manifest.get(section));
        for (target, table) in
            manifest.get("target").and_then(toml::Value::as_table).into_iter().flatten()
        {
            check(&format!("target.{target}.{section}"), table.get(section));
        }
    }
    problems
}

#[test]
fn crates_use_only_whom_they_may_use() {
    let mut problems = Vec::new();
    let mut n_crates = 0;
    for entry in fs::read_dir(root().join("crates")).unwrap() {
        let path = entry.unwrap().path().join("Cargo.toml");
        if path.is_file() {
            n_crates += 1;
            problems.extend(check_arrows(&read(&path).parse().unwrap()));
        }
    }
    assert!(n_crates >= 8, "{n_crates} crates");
    assert_none(&problems);
}

#[test]
fn a_forbidden_arrow_is_seen() {
    let cases = [
        ("[package]\nname='tachograph-model'\n[dependencies]\ntachograph-stats.workspace=true", 1),
        ("[package]\nname='tachograph-run'\n[dependencies]\ntachograph-testkit.workspace=true", 1),
        (
            "[package]\nname='tachograph-run'\n[dev-dependencies]\ntachograph-testkit.workspace=true",
            0,
        ),
        (
            "[package]\nname='tachograph-run'\n[target.'cfg(unix)'.dependencies]\ntachograph-store.workspace=true",
            1,
        ),
        (
            "[package]\nname='tachograph-run'\n[dev-dependencies]\ntachograph-store.workspace=true",
            1,
        ),
        (
            "[package]\nname='tachograph-run'\n[dev-dependencies]\ntachograph-serve.workspace=true",
            0,
        ),
        ("[package]\nname='tachograph-run'\n[dependencies]\ntachograph-serve.workspace=true", 1),
        ("[package]\nname='tachograph-attic'", 1),
        ("[package]\nname='tachograph-report'\n[dependencies]\ntachograph-stats.workspace=true", 0),
    ];
    for (text, n_problems) in cases {
        assert_eq!(check_arrows(&text.parse().unwrap()).len(), n_problems, "{text}");
    }
}

#[test]
fn source_files_say_what_they_own_and_stay_small() {
    let mut problems = Vec::new();
    for name in rust_files() {
        let text = read(&root().join(&name));
        // The tests of a module are described by the module's own header.
        if !text.starts_with("//! ") && !name.ends_with("/tests.rs") {
            problems.push(format!("{name}: does not begin with a `//!` header"));
        }
        if name.ends_with("/mod.rs") {
            problems.push(format!("{name}: write foo.rs beside foo/"));
        }
        let n_lines = text.lines().count();
        if name.contains("/src/") && n_lines > SOURCE_LINES_MAX {
            problems.push(format!("{name}: {n_lines} lines, more than {SOURCE_LINES_MAX}"));
        }
    }
    assert_none(&problems);
}

/// Crates that take values and give values.
const PURE: [&str; 6] = [
    "tachograph-model",
    "tachograph-stats",
    "tachograph-report",
    "tachograph-audit",
    "tachograph-attest",
    "tachograph-import",
];

#[test]
fn pure_crates_touch_nothing_and_unsafe_code_has_its_place() {
    let reach =
        ["std::fs", "std::net", "std::process", "std::time", "std::env", "std::os", "std::thread"];
    let needles =
        [["unsafe", " {"].concat(), ["unsafe", " fn"].concat(), ["unsafe", " impl"].concat()];
    let mut problems = Vec::new();
    for name in rust_files() {
        let pure = PURE.iter().any(|krate| name.starts_with(&format!("crates/{krate}/src/")));
        for (at, line) in read(&root().join(&name)).lines().enumerate() {
            let place = format!("{name}:{}: {}", at + 1, line.trim());
            if pure && reach.iter().any(|path| line.contains(path)) {
                problems.push(format!("{place}: this crate is pure"));
            }
            if !name.ends_with("sys.rs") && needles.iter().any(|needle| line.contains(needle)) {
                problems.push(format!("{place}: unsafe code belongs in a file …sys.rs"));
            }
        }
    }
    assert_none(&problems);
}

/// Returns texts that no tracked file may contain, put together here so that
/// this file does not contain them either.
fn forbidden() -> Vec<(String, &'static str)> {
    let machine = "a path of somebody's machine";
    let registry = "a registry's host";
    let joined = |parts: &[&str]| parts.concat();
    let mut all = vec![
        (joined(&["/ho", "me/"]), machine),
        (joined(&["/Us", "ers/"]), machine),
        (joined(&["/ro", "ot/"]), machine),
        (joined(&["C:", "\\Users"]), machine),
        (joined(&["py", "pi.org"]), registry),
        (joined(&["pythonhosted", ".org"]), registry),
        (joined(&["registry.", "npmjs"]), registry),
        (joined(&["static.crates", ".io"]), registry),
        (joined(&["index.crates", ".io"]), registry),
        (joined(&["anaconda", ".org"]), registry),
        (joined(&["deb.", "debian.org"]), registry),
        (joined(&["archive.", "ubuntu.com"]), registry),
    ];
    let here = root();
    if here.components().count() > 2 {
        all.push((here.display().to_string(), "the path of this working copy"));
    }
    all
}

#[test]
fn tracked_files_name_no_machine_and_no_registry() {
    let forbidden = forbidden();
    let mut problems = Vec::new();
    for name in repository_files() {
        // The lock file's source is the registry's public identifier.
        if name == "Cargo.lock" {
            continue;
        }
        let Ok(text) = String::from_utf8(fs::read(root().join(&name)).unwrap()) else { continue };
        for (at, line) in text.lines().enumerate() {
            for (needle, what) in forbidden.iter().filter(|(needle, _)| line.contains(needle)) {
                problems.push(format!("{name}:{}: `{needle}` is {what}", at + 1));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn nothing_is_left_to_do_in_the_sources() {
    let needles = [["todo", "!("].concat(), ["unimplemented", "!("].concat()];
    let mut problems = Vec::new();
    for name in rust_files() {
        for (at, line) in read(&root().join(&name)).lines().enumerate() {
            if needles.iter().any(|needle| line.contains(needle)) {
                problems.push(format!("{name}:{}: {}", at + 1, line.trim()));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_readme_shows_the_two_commands_and_ci_runs_them() {
    let readme = read(&root().join("README.md"));
    let lines: Vec<String> = fences(&readme).into_iter().flat_map(|fence| fence.lines()).collect();
    let ci = read(&root().join(".ci/run"));
    for command in ["cargo run --release -- quickstart", "cargo test --workspace"] {
        assert!(
            lines.iter().any(|line| line == command),
            "README.md has no fenced line `{command}`"
        );
        assert!(ci.contains(command), ".ci/run does not run `{command}`");
    }
}

/// A fenced block of a Markdown text.
struct Fence {
    /// What follows the opening backticks.
    info: String,
    /// The line of the text, from 1, on which the content begins.
    line: usize,
    content: String,
}

impl Fence {
    fn lines(&self) -> Vec<String> {
        self.content.lines().map(|line| line.trim().to_owned()).collect()
    }
}

fn fences(text: &str) -> Vec<Fence> {
    let mut all = Vec::new();
    let mut open: Option<Fence> = None;
    for (at, line) in text.lines().enumerate() {
        match (&mut open, line.strip_prefix("```")) {
            (None, Some(info)) => {
                let info = info.trim().to_owned();
                open = Some(Fence { info, line: at + 2, content: String::new() });
            }
            (Some(_), Some(_)) => all.extend(open.take()),
            (Some(fence), None) => {
                fence.content.push_str(line);
                fence.content.push('\n');
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a fence is not closed");
    all
}

fn documents() -> Vec<(String, String)> {
    repository_files()
        .into_iter()
        .filter(|name| has_extension(name, "md") && !name.starts_with("samples/"))
        .map(|name| (name.clone(), read(&root().join(&name))))
        .collect()
}

/// Parses `text` as a `T` and checks that nothing in it was ignored.
fn parse_whole<T: DeserializeOwned + Serialize>(place: &str, text: &str) -> T {
    let value: T = serde_json::from_str(text).unwrap_or_else(|error| panic!("{place}: {error}"));
    let given: Value = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_value(&value).unwrap(), given, "{place}: not written back alike");
    value
}

#[test]
fn examples_in_the_documents_are_accepted() {
    let mut events: Vec<Event> = Vec::new();
    let mut entries: Vec<JournalEntry> = Vec::new();
    let mut n_others: BTreeMap<&str, usize> = BTreeMap::new();
    // The lines of one document are one cassette.
    let mut cassettes: BTreeMap<String, String> = BTreeMap::new();
    for (name, text) in documents() {
        for fence in fences(&text) {
            let lines = || {
                let line = fence.line;
                let name = name.clone();
                fence
                    .content
                    .lines()
                    .enumerate()
                    .map(move |(at, text)| (format!("{name}:{}", line + at), text))
            };
            let place = format!("{name}:{}", fence.line);
            match fence.info.as_str() {
                "json event" => {
                    events.extend(lines().map(|(place, line)| parse_whole::<Event>(&place, line)));
                }
                "json recorded" => events.extend(
                    lines().map(|(place, line)| parse_whole::<Recorded>(&place, line).event),
                ),
                "json journal" => entries.extend(
                    lines().map(|(place, line)| parse_whole::<JournalLine>(&place, line).entry),
                ),
                "json task" => {
                    parse_whole::<Task>(&place, &fence.content);
                    *n_others.entry("task").or_default() += 1;
                }
                "json manifest" => {
                    parse_whole::<Manifest>(&place, &fence.content);
                    *n_others.entry("manifest").or_default() += 1;
                }
                "json environment" => {
                    parse_whole::<Environment>(&place, &fence.content);
                    *n_others.entry("environment").or_default() += 1;
                }
                "json cassette" => {
                    cassettes.entry(name.clone()).or_default().push_str(&fence.content);
                }
                "toml claims" => {
                    let list = ClaimsList::parse(&fence.content);
                    list.unwrap_or_else(|error| panic!("{place}: {error}"));
                    *n_others.entry("claims").or_default() += 1;
                }
                "toml plan" => {
                    let parsed = parse::parse(&fence.content)
                        .unwrap_or_else(|error| panic!("{place}: {error}"));
                    assert_eq!(parsed.warnings, [], "{place}");
                    *n_others.entry("plan").or_default() += 1;
                }
                _ => {}
            }
        }
    }
    let shown: BTreeSet<usize> = events.iter().map(event_number).collect();
    assert_eq!(shown, (0..24).collect(), "an event has no example in docs/");
    let shown: BTreeSet<usize> = entries.iter().map(entry_number).collect();
    assert_eq!(shown, (0..9).collect(), "an entry of the journal has no example in docs/");
    assert!(!cassettes.is_empty(), "docs/ show no cassette");
    for (name, text) in cassettes {
        Cassette::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    for kind in ["task", "manifest", "environment", "plan", "claims"] {
        assert!(n_others.contains_key(kind), "docs/ show no {kind}");
    }
}

/// Numbers the kinds of events, so that a new one needs an example.
fn event_number(event: &Event) -> usize {
    match event {
        Event::Ready(_) => 0,
        Event::Clock(_) => 1,
        Event::FileIngested(_) => 2,
        Event::FileSkipped(_) => 3,
        Event::StageStarted(_) => 4,
        Event::StageFinished(_) => 5,
        Event::CallSent(_) => 6,
        Event::Chunk(_) => 7,
        Event::CallFinished(_) => 8,
        Event::Artifact(_) => 9,
        Event::Done(_) => 10,
        Event::RunStarted(_) => 11,
        Event::ServerReset(_) => 12,
        Event::ServerSeen(_) => 13,
        Event::Conditions(_) => 14,
        Event::ProcessSpawned(_) => 15,
        Event::ProcessExited(_) => 16,
        Event::WorkerNoise(_) => 17,
        Event::RunFinished(_) => 18,
        Event::Waiting(_) => 19,
        Event::Released(_) => 20,
        Event::RunReported(_) => 21,
        Event::AgentReported(_) => 22,
        Event::CallReported(_) => 23,
    }
}

/// Numbers the kinds of journal entries, so that a new one needs an example.
fn entry_number(entry: &JournalEntry) -> usize {
    match entry {
        JournalEntry::StudyCreated(_) => 0,
        JournalEntry::RunStarted(_) => 1,
        JournalEntry::RunSealed(_) => 2,
        JournalEntry::RunAbandoned(_) => 3,
        JournalEntry::Resumed(_) => 4,
        JournalEntry::Completed(_) => 5,
        JournalEntry::Published(_) => 6,
        JournalEntry::Looked(_) => 7,
        JournalEntry::Superseded(_) => 8,
    }
}

/// Collects the names of all properties in a JSON schema.
fn property_names(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(map) => {
            if let Some(Value::Object(properties)) = map.get("properties") {
                names.extend(properties.keys().cloned());
            }
            map.values().for_each(|inner| property_names(inner, names));
        }
        Value::Array(items) => items.iter().for_each(|inner| property_names(inner, names)),
        _ => {}
    }
}

#[test]
fn every_key_of_a_plan_is_documented() {
    let text = read(&root().join("docs/plan-format.md"));
    let mut names = BTreeSet::new();
    property_names(&Plan::json_schema(), &mut names);
    assert!(names.contains("cold_load_threshold_ms") && names.contains("margin_percent"));
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(|name| format!("docs/plan-format.md does not describe `{name}`"))
        .collect();
    assert_none(&missing);
}

#[test]
fn every_rule_of_the_audit_is_documented() {
    let text = read(&root().join("docs/audit.md"));
    for rule in tachograph_audit::Rule::ALL {
        let id = rule.id();
        assert!(text.contains(&format!("`{id}`")), "docs/audit.md: no row for {id}");
    }
}

#[test]
fn every_metric_of_a_call_is_documented() {
    let text = read(&root().join("docs/metrics.md"));
    let source = read(&root().join("crates/tachograph-model/src/call.rs"));
    let (_, methods) = source.split_once("impl CallRecord {").unwrap();
    let (methods, _) = methods.split_once("\n}\n").unwrap();
    let names: Vec<&str> = methods
        .lines()
        .filter_map(|line| line.strip_prefix("    pub fn ")?.split(['(', '<']).next())
        .collect();
    assert!(names.contains(&"ttft"), "{names:?}");
    let missing: Vec<String> = names
        .iter()
        .filter(|name| !text.contains(&format!("`{name}`")))
        .map(|name| format!("docs/metrics.md does not describe `{name}`"))
        .collect();
    assert_none(&missing);
}

#[test]
fn every_aspect_of_comparability_is_documented() {
    let text = read(&root().join("docs/ci.md"));
    let missing: Vec<String> = Aspect::ALL
        .into_iter()
        .filter(|aspect| !text.contains(&format!("`{}`", aspect.name())))
        .map(|aspect| format!("docs/ci.md does not describe `{}`", aspect.name()))
        .collect();
    assert_none(&missing);
}

#[test]
fn every_setting_of_the_simulated_engine_is_documented_with_its_default() {
    let text = read(&root().join("docs/servers.md"));
    let settings = serde_json::to_value(SimulatedConfig::default()).unwrap();
    let missing: Vec<String> = settings
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("| `{name}` | `{value}` |"))
        .filter(|row| !text.contains(row))
        .map(|row| format!("docs/servers.md has no row {row}"))
        .collect();
    assert_none(&missing);
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut problems = Vec::new();
    for (name, text) in documents() {
        let folder = Path::new(&name).parent().unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let path = target.split('#').next().unwrap();
            if path.is_empty() || path.contains("://") {
                continue;
            }
            if !root().join(folder).join(path).exists() {
                problems.push(format!("{name}: {target} does not exist"));
            }
        }
    }
    assert_none(&problems);
}

#[test]
fn the_plans_that_ship_are_good_and_have_the_runs_they_promise() {
    for (name, n_configurations, n_runs) in [("quick", 6, 30), ("single-agent", 19, 95)] {
        let text = read(&root().join(format!("plans/{name}.toml")));
        let parsed = parse::parse(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(parsed.warnings, [], "{name}");
        assert_eq!(parsed.plan.name, name);
        assert_eq!(expand::configurations(&parsed.plan).len(), n_configurations, "{name}");
        assert_eq!(expand::runs(&parsed.plan).len(), n_runs, "{name}");
    }
}

#[test]
fn samples_are_many_small_and_all_but_one_well_formed() {
    let files: Vec<String> = repository_files()
        .into_iter()
        .filter_map(|name| name.strip_prefix("samples/").map(str::to_owned))
        .filter(|name| ["csv", "json", "md"].iter().any(|kind| has_extension(name, kind)))
        .collect();
    assert!(files.len() >= 24, "{} files", files.len());
    assert!(files.iter().filter(|name| name.contains('/')).count() >= 20, "{files:?}");
    let mut n_bytes = 0;
    let mut malformed = Vec::new();
    for name in &files {
        let text = read(&root().join("samples").join(name));
        assert!(text.len() < 6_000, "{name} has {} bytes", text.len());
        n_bytes += text.len();
        let good = if has_extension(name, "csv") {
            let mut widths = text.lines().map(|line| line.split(',').count());
            let width = widths.next();
            widths.all(|other| Some(other) == width)
        } else if has_extension(name, "json") {
            serde_json::from_str::<Value>(&text).is_ok()
        } else {
            text.starts_with("# ")
        };
        if !good {
            malformed.push(name.as_str());
        }
    }
    assert!(n_bytes < 80_000, "{n_bytes} bytes");
    assert_eq!(malformed, ["long-run/exports/day_3_partial.csv"]);
}
