//! What was executed: each sealed run, and each published report.
//!
//! Owns: the order of actions (that of the journal), and what each used and made.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::event::RunOutcome;
use tachograph_model::options::Options;
use tachograph_model::plan::{Plan, expand};
use tachograph_model::run::{Run, RunId};
use tachograph_model::study::{JournalEntry, Published, RunSealed};

use super::entity::{Entity, Kind, encode};
use super::file::{RunFolders, folder_id};
use super::{RoCrateInput, software};

/// What a run follows from.
const OF_RUNS: &[&str] = &["plan.lock.json"];
/// What a report follows from beside the runs. The manifest is not among it: it lists
/// the report's own files.
const OF_REPORTS: &[&str] = &["plan.lock.json", "environment.json", "journal.jsonl"];

/// The last publication of a kind, and what came before it.
struct Publication<'a> {
    at: &'a str,
    published: &'a Published,
    version: &'a str,
    sealed: Vec<&'a RunId>,
}

/// Returns every action: the runs in the order in which they were sealed, then the
/// reports by kind. `author` is the identifier of who executed them, if somebody is
/// named; schema.org calls that an action's agent.
pub(super) fn list(
    input: &RoCrateInput<'_>,
    folders: &RunFolders<'_>,
    author: Option<&str>,
) -> Vec<Entity> {
    let planned: BTreeMap<RunId, Run> =
        expand::runs(&input.head.plan).into_iter().map(|run| (run.id.clone(), run)).collect();
    let mut version = input.head.environment.harness.version.as_str();
    let mut sealed_so_far = Vec::new();
    let mut publications: BTreeMap<&str, Publication<'_>> = BTreeMap::new();
    let mut actions = Vec::new();
    for line in &input.head.journal {
        version = software::version(&line.entry).unwrap_or(version);
        match &line.entry {
            JournalEntry::RunSealed(sealed) => {
                sealed_so_far.push(&sealed.run);
                actions.push(run(input, sealed, planned.get(&sealed.run), version));
            }
            JournalEntry::Published(published) => {
                let sealed = sealed_so_far.clone();
                let publication = Publication { at: &line.at, published, version, sealed };
                publications.insert(&published.kind, publication);
            }
            _ => {}
        }
    }
    actions.extend(publications.values().filter_map(|it| report(input, it, folders)));
    actions.into_iter().map(|action| action.links("agent", author)).collect()
}

/// Returns the folders that agents read. They are not in the study: events have the
/// digest of each file that was read.
pub(super) fn inputs(plan: &Plan) -> impl Iterator<Item = Entity> {
    plan.agents.iter().map(|spec| {
        Entity::new(input_id(&spec.name), Kind::PropertyValue)
            .text("name", format!("input folder of agent {}", spec.name))
            .text("value", &spec.input)
    })
}

fn input_id(agent: &str) -> String {
    format!("#input/{}", encode(agent))
}

fn run(
    input: &RoCrateInput<'_>,
    sealed: &RunSealed,
    planned: Option<&Run>,
    version: &str,
) -> Entity {
    let (status, error) = match sealed.outcome {
        RunOutcome::Completed => ("http://schema.org/CompletedActionStatus", None),
        RunOutcome::Failed => (
            "http://schema.org/FailedActionStatus",
            Some("An agent did not complete its workflow, or its process failed; see the events."),
        ),
    };
    let times = input.times.get(&sealed.run);
    let placements = planned.map_or(&[][..], |run| &run.placements);
    let mut instruments = vec![software::harness_id(version)];
    let mut objects: Vec<String> = present(input, OF_RUNS).collect();
    for placement in placements {
        instruments.push(software::agent_id(&placement.spec));
        objects.push(input_id(&placement.spec));
    }
    let environment = &input.head.environment;
    let servers = placements.iter().map(|placement| &placement.server);
    instruments.extend(servers.filter_map(|name| software::server_id(name, environment)));
    Entity::new(format!("#run/{}", encode(&sealed.run.to_string())), Kind::CreateAction)
        .text("name", format!("Run {}", sealed.run))
        .text("description", description(sealed, planned))
        .text("actionStatus", status)
        .known("error", error)
        .known("startTime", times.and_then(|times| times.started_at.as_deref()).map(with_offset))
        .known("endTime", times.and_then(|times| times.ended_at.as_deref()).map(with_offset))
        .links("instrument", once_each(instruments))
        .links("object", once_each(objects))
        .links("result", as_made(input, &sealed.files))
}

/// Returns the making of a report, if the crate holds anything of it.
fn report(
    input: &RoCrateInput<'_>,
    publication: &Publication<'_>,
    folders: &RunFolders<'_>,
) -> Option<Entity> {
    let Publication { at, published, version, sealed } = publication;
    let results = as_made(input, &published.files);
    if results.is_empty() {
        return None;
    }
    let evidence = sealed.iter().filter(|run| folders.contains_key(*run));
    let objects = present(input, OF_REPORTS).chain(evidence.map(|run| folder_id(run)));
    let action = Entity::new(format!("#report/{}", encode(&published.kind)), Kind::CreateAction)
        .text("name", format!("Report {}", published.kind))
        .text(
            "description",
            "Computes the report from the sealed events. The journal does not say by which version: \
             the instrument is the last one that it names before.",
        )
        .text("actionStatus", "http://schema.org/CompletedActionStatus")
        .text("endTime", with_offset(at))
        .link("instrument", software::harness_id(version))
        .links("object", objects)
        .links("result", results);
    Some(action)
}

fn description(sealed: &RunSealed, planned: Option<&Run>) -> String {
    let RunId { configuration, block } = &sealed.run;
    let position = sealed.index + 1;
    let mut words =
        format!("Run {position} of the study: configuration {configuration} in block {block}.");
    for placement in planned.iter().flat_map(|run| &run.placements) {
        let options = options(&placement.options);
        words.extend([
            " Agent ",
            &placement.agent,
            " on server ",
            &placement.server,
            ": ",
            &options,
        ]);
        words.push('.');
    }
    words
}

fn options(options: &Options) -> String {
    let options: Vec<String> =
        options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    if options.is_empty() { "server defaults".to_owned() } else { options.join(", ") }
}

/// Returns the identifiers of those of these files that belong to the crate.
fn present(
    input: &RoCrateInput<'_>,
    paths: &'static [&'static str],
) -> impl Iterator<Item = String> {
    paths.iter().filter(|path| input.files.contains_key(**path)).map(|path| encode(path))
}

/// Returns the identifiers of those of these files whose bytes the crate holds.
fn as_made(input: &RoCrateInput<'_>, files: &BTreeMap<String, Digest>) -> Vec<String> {
    let digest = |path: &str| input.files.get(path).map(|file| file.sha256);
    let same = files.iter().filter(|(path, sha256)| digest(path) == Some(**sha256));
    same.map(|(path, _)| encode(path)).collect()
}

/// Drops what stands before already: agents of one entry, or on one server.
fn once_each(ids: Vec<String>) -> Vec<String> {
    let mut once: Vec<String> = Vec::with_capacity(ids.len());
    for id in ids {
        if !once.contains(&id) {
            once.push(id);
        }
    }
    once
}

/// Writes UTC as an offset, which is the same instant: the validators of the
/// profile know no `Z`.
fn with_offset(instant: &str) -> String {
    match instant.strip_suffix(['Z', 'z']) {
        Some(local) => format!("{local}+00:00"),
        None => instant.to_owned(),
    }
}
