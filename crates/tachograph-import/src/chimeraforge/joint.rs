//! Studies of two agents at once: a file holds one run.
//!
//! Owns: configurations from scenarios and options, servers from addresses, blocks from
//! run numbers.
//!
//! Does not: read what a file holds; `joint/read.rs` gives [`Joint`]s.

mod read;

pub(super) use read::{pair, python, rust};

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::environment::ServerIdentity;
use tachograph_model::options::{OptionValue, Options, slug_of_each};
use tachograph_model::plan::concurrent::Scenario;
use tachograph_model::plan::imported::{ImportKind, Imported, ImportedSource};
use tachograph_model::plan::{Api, Metric};
use tachograph_model::run::{Arm, Configuration, ConfigurationId, Placement, RunId, Together};

use super::layout::Layout;
use super::place::Folder;
use super::shape::Numbers;
use super::words;
use crate::findings::{Findings, Place};
use crate::names;
use crate::reported::Measured;
use crate::snapshot::{ImportedRun, ImportedSet, plan, server};

/// The names of the two agents.
pub(super) const AGENTS: [&str; 2] = ["collector", "insight"];

/// One run of two agents: one file.
#[derive(Debug, Clone)]
pub(super) struct Joint {
    pub(super) source: ImportedSource,
    /// Files in which something was found wrong about it.
    pub(super) beside: Vec<ImportedSource>,
    pub(super) layout: Layout,
    pub(super) folder: Folder,
    pub(super) scenario: Scenario,
    pub(super) options: [Options; 2],
    pub(super) urls: [Option<String>; 2],
    pub(super) models: [String; 2],
    /// When, as a text that sorts.
    pub(super) at: String,
    /// The number that the file gives the run.
    pub(super) number: u32,
    pub(super) run: Measured,
    /// What the file states of the run.
    pub(super) numbers: Numbers,
    pub(super) findings: Findings,
}

/// What tells configurations of one study apart: where they lie, and what agents send where.
type Key = (Vec<String>, String, [Option<String>; 2]);

impl Joint {
    /// Returns what tells its calls from those of any other file.
    pub(super) fn fingerprint(&self) -> String {
        let parts = self.run.parts.iter().map(|part| {
            let calls = part.calls.iter().map(|call| {
                format!("{:?} {:?} {:?};", call.ttft_ns, call.e2e_ns, call.server_timings)
            });
            let calls: String = calls.collect();
            format!("{:?} {:?} {calls}", part.reported.wall_ns, part.reported.means)
        });
        parts.collect()
    }

    fn key(&self) -> Key {
        let folder = &self.folder;
        let phase = folder.phase.map(|phase| format!("phase{phase}"));
        let parts = [phase, folder.scenario.clone(), folder.name.clone()];
        (parts.into_iter().flatten().collect(), self.levels(), self.urls.clone())
    }

    /// Returns the options of the tuned agents as a slug.
    fn levels(&self) -> String {
        let [first, second] = &self.options;
        if self.scenario == Scenario::BaselineVsChimera && first.is_empty() {
            let one = second.iter().map(|(name, value)| (name.clone(), vec![value.clone()]));
            return slug_of_each(&one.collect());
        }
        let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
        let none = || OptionValue::Text("default".to_owned());
        let each = names.into_iter().map(|name| {
            let get = |options: &Options| options.get(name).cloned().unwrap_or_else(none);
            let (one, other) = (get(first), get(second));
            let values = if one == other { vec![one] } else { vec![one, other] };
            (name.clone(), values)
        });
        slug_of_each(&each.collect())
    }

    /// Returns the name of its configuration, which another may have too.
    fn id(&self) -> String {
        let mut parts = Vec::new();
        parts.extend(self.folder.phase.map(|phase| format!("phase{phase}")));
        parts.push(self.scenario.name().to_owned());
        let levels = self.levels();
        parts.push(if levels.is_empty() { "default".to_owned() } else { levels });
        parts.extend(self.folder.test.map(|test| format!("test{test:03}")));
        names::fitted(parts.join("_"))
    }

    /// Returns the phase that it belongs to: that of its folder, or of its test's number.
    fn phase(&self) -> String {
        let of_test = |test: u32| match test {
            0..100 => "phase1",
            100..200 => "phase2",
            _ => "phase3",
        };
        match (self.folder.phase, self.folder.test) {
            (Some(phase), _) => format!("phase{phase}"),
            (None, Some(test)) => of_test(test).to_owned(),
            (None, None) => "all".to_owned(),
        }
    }

    fn topology(&self) -> &'static str {
        match &self.urls {
            [Some(one), Some(other)] if one == other => "one-server",
            [Some(_), Some(_)] => "two-servers",
            _ => "not-recorded",
        }
    }

    /// Returns the number of its repetition: that of the outer of two `run_N` folders,
    /// since the program in the inner one began to count anew each time.
    fn repetition(&self) -> u32 {
        match self.folder.runs[..] {
            [outer, _, ..] if outer > 0 => outer,
            _ => self.number,
        }
    }
}

/// Returns the study of some runs, which have one layout and one pair of models.
pub(super) fn set(name: &str, mut joints: Vec<Joint>) -> Option<ImportedSet> {
    joints.sort_by(|a, b| (&a.at, &a.source.path).cmp(&(&b.at, &b.source.path)));
    let first = joints.first()?;
    let layout = first.layout;
    let question = words::joint_question(layout, first.folder.results.last());
    let servers = servers(&joints);
    let mut findings = Findings::default();
    for joint in &mut joints {
        findings.extend(std::mem::take(&mut joint.findings));
    }
    let configurations = configurations(&joints, &servers, &mut findings);
    about_set(&joints, &mut findings);
    let sources: BTreeSet<ImportedSource> =
        joints.iter().flat_map(|it| it.beside.iter().chain([&it.source]).cloned()).collect();
    let runs = runs(joints, &configurations, &servers, &mut findings);
    let imported = Imported {
        kind: ImportKind::Chimeraforge,
        layout: words::layout(layout).to_owned(),
        sources: sources.into_iter().collect(),
        not_recorded: words::not_recorded(layout),
        defects: findings.merged(),
        order: words::joint_order(layout),
        configurations: configurations.into_values().collect(),
        runs: runs.iter().map(|run| run.id.clone()).collect(),
    };
    let planned = servers
        .iter()
        .map(|((url, model), name)| server(name, Api::OllamaGenerate, model, url.as_deref()));
    let plan = plan(name, &question, Metric::ServerDecodeRate, planned.collect(), imported);
    let identities = servers.iter().map(|((_, model), name)| {
        let product = Some("ollama".to_owned());
        let model = Some(model.clone());
        (name.clone(), ServerIdentity { product, model, ..ServerIdentity::default() })
    });
    Some(ImportedSet { name: name.to_owned(), plan, servers: identities.collect(), runs })
}

/// The plan's names of servers, by address and model.
type Servers = BTreeMap<(Option<String>, String), String>;

fn servers(joints: &[Joint]) -> Servers {
    let all: BTreeSet<(Option<String>, String)> = joints
        .iter()
        .flat_map(|it| it.urls.iter().cloned().zip(it.models.iter().cloned()))
        .collect();
    let one = all.len() == 1;
    let name = |at: usize| if one { "main".to_owned() } else { format!("server-{}", at + 1) };
    all.into_iter().enumerate().map(|(at, key)| (key, name(at))).collect()
}

fn server_of<'a>(joint: &Joint, servers: &'a Servers, agent: usize) -> &'a str {
    let key = (joint.urls[agent].clone(), joint.models[agent].clone());
    servers.get(&key).map_or("main", String::as_str)
}

fn configurations(
    joints: &[Joint],
    servers: &Servers,
    findings: &mut Findings,
) -> BTreeMap<Key, Configuration> {
    let firsts: BTreeMap<Key, &Joint> =
        joints.iter().rev().map(|joint| (joint.key(), joint)).collect();
    let ids = names::numbered_apart(firsts.values().map(|joint| joint.id()).collect());
    for ((key, joint), id) in firsts.iter().zip(&ids) {
        if *id != joint.id() {
            let what =
                format!("`{}` has the scenario and the options of another folder", key.0.join("/"));
            let treatment = format!("a configuration of its own, `{id}`");
            findings.add(&Place::new(&joint.source.path, ""), what, treatment);
        }
    }
    let all = firsts.into_iter().zip(ids);
    all.map(|((key, joint), id)| (key, configuration(joint, servers, id))).collect()
}

fn configuration(joint: &Joint, servers: &Servers, id: String) -> Configuration {
    let placement = |agent: usize| Placement {
        agent: AGENTS[agent].to_owned(),
        spec: AGENTS[agent].to_owned(),
        server: server_of(joint, servers, agent).to_owned(),
        options: joint.options[agent].clone(),
        solo: None,
    };
    let [first, second] = &joint.options;
    let shared = first.iter().filter(|(name, value)| second.get(*name) == Some(value));
    Configuration {
        id: ConfigurationId(id),
        arm: Arm::Concurrent,
        levels: Options::new(),
        options: shared.map(|(name, value)| (name.clone(), value.clone())).collect(),
        placements: vec![placement(0), placement(1)],
        together: Some(Together {
            phase: joint.phase(),
            scenario: joint.scenario,
            topology: joint.topology().to_owned(),
            levels: joint.levels(),
        }),
        implementation: None,
    }
}

/// Returns the runs, in the order of the joints.
fn runs(
    joints: Vec<Joint>,
    configurations: &BTreeMap<Key, Configuration>,
    servers: &Servers,
    findings: &mut Findings,
) -> Vec<ImportedRun> {
    let mut taken = BTreeSet::new();
    let mut runs = Vec::new();
    for mut joint in joints {
        let Some(configuration) = configurations.get(&joint.key()) else { continue };
        let mut block = joint.repetition();
        let mut id = RunId { configuration: configuration.id.clone(), block };
        while !taken.insert(id.clone()) {
            block += 1;
            id.block = block;
        }
        if block != joint.repetition() {
            let what = format!("a second run {} of one configuration", joint.repetition());
            let treatment = format!("imported as run {block}");
            findings.add(&Place::new(&joint.source.path, "/run_number"), what, treatment);
        }
        for agent in 0..AGENTS.len() {
            let server = server_of(&joint, servers, agent).to_owned();
            if let Some(part) = joint.run.parts.get_mut(agent) {
                part.on(&server);
            }
        }
        runs.push(joint.run.into_run(id));
    }
    runs
}

/// Says what only all runs together show: tests that are missing, configurations with
/// fewer runs, agents that never ran at once.
fn about_set(joints: &[Joint], findings: &mut Findings) {
    let Some(first) = joints.first() else { return };
    let place = Place::new(&first.source.path, "");
    let tests: BTreeSet<u32> = joints.iter().filter_map(|joint| joint.folder.test).collect();
    let mut missing = Vec::new();
    for hundred in tests.iter().map(|test| test / 100).collect::<BTreeSet<u32>>() {
        let range = hundred * 100..(hundred + 1) * 100;
        let inside: Vec<u32> = tests.range(range).copied().collect();
        if let (Some(low), Some(high)) = (inside.first(), inside.last()) {
            missing.extend((*low..*high).filter(|test| !tests.contains(test)));
        }
    }
    if !missing.is_empty() {
        let named = missing.iter().map(|test| format!("{test:03}")).collect::<Vec<_>>().join(", ");
        findings.add(&place, format!("tests {named} are not there"), "nothing takes their place");
    }
    let mut counts: BTreeMap<Key, (usize, &Joint)> = BTreeMap::new();
    for joint in joints {
        counts.entry(joint.key()).or_insert((0, joint)).0 += 1;
    }
    let most = counts.values().map(|(n, _)| *n).max().unwrap_or(0);
    for (n, joint) in counts.into_values().filter(|(n, _)| *n < most) {
        let what = format!("its configuration has {n} runs, and others have {most}");
        findings.add(
            &Place::new(&joint.source.path, ""),
            what,
            "the runs that are there are imported",
        );
    }
    let speedups: Option<Vec<f64>> =
        joints.iter().map(|it| super::shape::number(&it.numbers, "concurrency_speedup")).collect();
    if speedups.is_some_and(|all| all.iter().all(|speedup| *speedup < 1.02)) {
        findings.add(
            &place,
            "every run took as long as both agents one after the other: they did not run at once",
            "imported as the source calls it, concurrent",
        );
    }
}

/// Says where two studies give one test other options, so that its number names two things.
pub(super) fn across_studies(joints: &mut [Joint]) {
    type Tests = BTreeMap<u32, usize>;
    let mut studies: BTreeMap<Vec<String>, Tests> = BTreeMap::new();
    for (at, joint) in joints.iter().enumerate() {
        if let Some(test) = joint.folder.test {
            studies.entry(joint.folder.results.clone()).or_default().entry(test).or_insert(at);
        }
    }
    let studies: Vec<(Vec<String>, Tests)> = studies.into_iter().collect();
    for (path, tests) in &studies {
        for (other_path, others) in studies.iter().filter(|(other, _)| other != path) {
            let both: Vec<(u32, usize, usize)> = tests
                .iter()
                .filter_map(|(test, at)| Some((*test, *at, *others.get(test)?)))
                .collect();
            let differ = both.iter().filter_map(|(test, at, other)| {
                Some((*test, *at, difference(&joints[*at], &joints[*other])?))
            });
            let differ: Vec<(u32, usize, String)> = differ.collect();
            let Some((test, at, first)) = differ.first() else { continue };
            let what = format!(
                "of {} tests that `{}` has too, {} send other options there: in test {test:03} {first}",
                both.len(),
                other_path.last().map_or("", String::as_str),
                differ.len()
            );
            let joint = &mut joints[*at];
            let treatment = "imported as the files say; tests are not compared by their numbers";
            joint.findings.add(&Place::new(&joint.source.path, ""), what, treatment);
        }
    }
}

/// Returns an option that both of two runs state, and differently.
fn difference(one: &Joint, other: &Joint) -> Option<String> {
    for (at, agent) in AGENTS.into_iter().enumerate() {
        for (name, value) in &one.options[at] {
            match other.options[at].get(name) {
                Some(there) if there != value => {
                    return Some(format!("{agent} sends {name} = {value} here and {there} there"));
                }
                _ => {}
            }
        }
    }
    None
}
