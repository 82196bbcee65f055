//! A study as an RO-Crate: what it consists of and how it came about, in terms
//! that archives and registries read.
//!
//! Owns: the content of `ro-crate-metadata.json`. What was executed is read from
//! the journal, with what from plan and environment, and nothing is added that
//! neither they nor the caller say.
//!
//! Does not: read or hash files, know the time, or put any measured value into
//! the metadata: values are in the files that it lists.
//!
//! # Source
//!
//! RO-Crate 1.1, <https://w3id.org/ro/crate/1.1>, and Process Run Crate 0.5, which
//! builds on it, <https://w3id.org/ro/wfrun/process/0.5>.

mod action;
mod entity;
mod file;
mod software;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::Serialize;
use tachograph_model::digest::Digest;
use tachograph_model::run::RunId;
use tachograph_model::study::{JournalEntry, StudyHead};

use entity::{Entity, Kind, is_uri};

/// The name of the metadata's file, in the folder of the study.
pub const RO_CRATE_FILE: &str = "ro-crate-metadata.json";

const RO_CRATE: &str = "https://w3id.org/ro/crate/1.1";
const PROFILE: &str = "https://w3id.org/ro/wfrun/process/0.5";
/// The second context defines `sha256`, which the first one lacks.
const CONTEXT: [&str; 2] =
    ["https://w3id.org/ro/crate/1.1/context", "https://w3id.org/ro/terms/workflow-run/context"];
const ROOT: &str = "./";
/// The name of a licence that is given in words.
const LICENSE_STATED: &str = "Terms of use";

/// What the metadata of a study is made from.
#[derive(Debug, Clone, Copy)]
pub struct RoCrateInput<'a> {
    /// What is known of the study before any run is read.
    pub head: &'a StudyHead,
    /// The files that belong to the crate, by path relative to the study, with
    /// `/`. [`RO_CRATE_FILE`] describes and is not described: it is skipped.
    pub files: &'a BTreeMap<String, CrateFile>,
    /// When each sealed run happened, as far as that is known; see
    /// [`journal_times`].
    pub times: &'a BTreeMap<RunId, RunTimes>,
    /// The day or the instant of publication, RFC 3339.
    pub date_published: &'a str,
    /// The URI of a licence, or words that say how the study may be used; absent
    /// if its maker states none, which the metadata then says.
    pub license: Option<&'a str>,
    /// Who executed the study; absent if nobody says.
    pub author: Option<Author<'a>>,
}

/// A file of the crate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrateFile {
    /// Its size.
    pub bytes: u64,
    /// The digest of its bytes.
    pub sha256: Digest,
}

/// When a run happened, RFC 3339. Absent means not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunTimes {
    /// When it began.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
}

/// A person.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Author<'a> {
    /// The person's name.
    pub name: &'a str,
    /// A URI that identifies the person, such as that of an ORCID; absent if none is
    /// given. Other text is kept as an identifier.
    pub uri: Option<&'a str>,
}

/// Returns the bytes of `ro-crate-metadata.json` for a study.
///
/// Equal inputs give equal bytes. Each file is described once; a file in the
/// folder of a sealed run is a part of that folder, any other a part of the
/// study. What an action used or made is named as far as it is among the files, and
/// what it made only with the bytes of then: a report whose files were all replaced
/// since it was published has no action.
pub fn ro_crate(input: &RoCrateInput<'_>) -> Vec<u8> {
    let folders = file::run_folders(input);
    let author = input.author.map(person);
    let actions = action::list(input, &folders, author.as_ref().map(Entity::id));
    let license = license(input.license);
    let mut graph = vec![
        Entity::new(RO_CRATE_FILE, Kind::CreativeWork)
            .link("about", ROOT)
            .link("conformsTo", RO_CRATE),
        root(input)
            .link("license", license.id())
            .links("author", author.iter().map(Entity::id))
            .links("hasPart", file::top_level(input, &folders))
            .links("mentions", actions.iter().map(Entity::id)),
        Entity::new(PROFILE, Kind::CreativeWork)
            .text("name", "Process Run Crate")
            .text("version", "0.5"),
        license,
    ];
    graph.extend(author);
    graph.extend(software::list(input.head));
    graph.extend(action::inputs(&input.head.plan));
    graph.extend(actions);
    graph.extend(file::list(input, &folders));
    let document = Document { context: CONTEXT, graph };
    let mut bytes = serde_json::to_vec_pretty(&document).expect("texts and links are JSON");
    bytes.push(b'\n');
    bytes
}

/// What the maker of a crate stated, as it stands in its metadata.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoCrateStated {
    /// The day or the instant of publication.
    pub date_published: String,
    /// The licence, if one is stated.
    pub license: Option<String>,
    /// The author's name and, if there is one, identifier.
    pub author: Option<(String, Option<String>)>,
}

/// Reads what only its maker could say from the metadata of a crate, so that the
/// metadata can be made again and compared. `None` if it is no such metadata.
pub fn ro_crate_stated(bytes: &[u8]) -> Option<RoCrateStated> {
    let document: serde_json::Value = serde_json::from_slice(bytes).ok()?;
    let graph = document.get("@graph")?.as_array()?;
    let entity = |id: &str| graph.iter().find(|entity| entity["@id"] == id);
    let text = |entity: &serde_json::Value, name: &str| {
        entity.get(name).and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    let root = entity(ROOT)?;
    let license = root["license"]["@id"].as_str()?;
    let author = match &root["author"] {
        serde_json::Value::Array(authors) => authors.first(),
        serde_json::Value::Null => None,
        author => Some(author),
    };
    let author = author.and_then(|author| {
        let id = author["@id"].as_str()?;
        let person = entity(id)?;
        let uri = if is_uri(id) { Some(id.to_owned()) } else { text(person, "identifier") };
        Some((text(person, "name")?, uri))
    });
    let license = match entity(license) {
        _ if is_uri(license) => Some(license.to_owned()),
        Some(stated) if text(stated, "name").as_deref() == Some(LICENSE_STATED) => {
            text(stated, "description")
        }
        _ => None,
    };
    Some(RoCrateStated { date_published: text(root, "datePublished")?, license, author })
}

/// Returns when each sealed run began and ended, as the journal has it.
///
/// The journal says when it was written: a run's end is late by the time that
/// compressing and synchronising its events took.
pub fn journal_times(head: &StudyHead) -> BTreeMap<RunId, RunTimes> {
    let mut times: BTreeMap<RunId, RunTimes> = BTreeMap::new();
    for line in &head.journal {
        let at = Some(line.at.clone());
        match &line.entry {
            // A run that was given up begins once more.
            JournalEntry::RunStarted(begun) => {
                times.insert(begun.run.clone(), RunTimes { started_at: at, ended_at: None });
            }
            JournalEntry::RunSealed(sealed) => {
                times.entry(sealed.run.clone()).or_default().ended_at = at;
            }
            _ => {}
        }
    }
    times.retain(|_, times| times.ended_at.is_some());
    times
}

#[derive(Serialize)]
struct Document {
    #[serde(rename = "@context")]
    context: [&'static str; 2],
    #[serde(rename = "@graph")]
    graph: Vec<Entity>,
}

/// Returns the study as a data set, without its links to other entities.
fn root(input: &RoCrateInput<'_>) -> Entity {
    let plan = &input.head.plan;
    let n_runs = input.head.sealed().count();
    let runs = if n_runs == 1 { "run" } else { "runs" };
    let made = format!(
        "A study of language model agents, made with Tachograph: the plan {}, {n_runs} sealed {runs}, \
         and what follows from them.",
        plan.name
    );
    let description =
        if plan.question.is_empty() { made } else { [&plan.question, " ", &made].concat() };
    Entity::new(ROOT, Kind::Dataset)
        .text("name", format!("Tachograph study {}", plan.name))
        .text("description", description)
        .text("datePublished", input.date_published)
        .link("conformsTo", PROFILE)
}

/// Returns the licence. RO-Crate asks for one: where none is stated, its place says
/// so.
fn license(stated: Option<&str>) -> Entity {
    match stated {
        Some(uri) if is_uri(uri) => Entity::new(uri, Kind::CreativeWork).text("name", uri),
        Some(words) => Entity::new("#license", Kind::CreativeWork)
            .text("name", LICENSE_STATED)
            .text("description", words),
        None => Entity::new("#license", Kind::CreativeWork).text("name", "No licence stated").text(
            "description",
            "Whoever made this study has not stated how it may be used; ask before using it.",
        ),
    }
}

fn person(author: Author<'_>) -> Entity {
    match author.uri {
        Some(uri) if is_uri(uri) => Entity::new(uri, Kind::Person),
        other => Entity::new("#author", Kind::Person).known("identifier", other),
    }
    .text("name", author.name)
}
