//! What every parser gives.
//!
//! Owns: [`Snapshot`] and its parts, how an imported plan is put together, and errors.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::environment::ServerIdentity;
use tachograph_model::event::{Event, HARNESS, Recorded, RunOutcome};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::imported::{Defect, ImportKind, Imported, ImportedSource};
use tachograph_model::plan::{
    Api, Baseline, ConnectionMode, Metric, Order, PLAN_SCHEMA, Plan, Primary, PromptCache, Server,
    ServerPolicy,
};
use tachograph_model::run::RunId;

/// A file as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFile {
    /// Its path inside the folder or archive, with `/`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl SourceFile {
    /// Returns what a plan says of the file.
    pub fn listed(&self) -> ImportedSource {
        ImportedSource {
            path: self.path.clone(),
            sha256: Digest::of(&self.bytes),
            bytes: self.bytes.len() as u64,
        }
    }
}

/// What was found in an archive or folder.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The studies, in the order of their names.
    pub sets: Vec<ImportedSet>,
    /// Files that belong to no study, with the reason: synthetic results, duplicates,
    /// summaries that others derived.
    pub left_out: Vec<Defect>,
}

/// One study.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedSet {
    /// Its name, a slug; also the plan's.
    pub name: String,
    /// The plan, whose section `imported` says where everything comes from.
    pub plan: Plan,
    /// What the source says of servers, by the plan's name.
    pub servers: BTreeMap<String, ServerIdentity>,
    /// Its runs, in the order of the plan.
    pub runs: Vec<ImportedRun>,
}

/// One run.
#[derive(Debug, Clone, PartialEq)]
pub struct ImportedRun {
    /// Who it is.
    pub id: RunId,
    /// Whether every call of it completed.
    pub outcome: RunOutcome,
    /// `run_reported` by the harness, then `agent_reported` and `call_reported` by each
    /// agent.
    pub events: Vec<Recorded>,
}

/// Why files cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{}: {message}", path, if place.is_empty() { String::new() } else { format!(", {place}") })]
pub struct ImportError {
    /// The file, or what was given if no file is at fault.
    pub path: String,
    /// Where in it: `line 3, column 7` or a JSON pointer; empty for the whole file.
    pub place: String,
    /// What is wrong, with the fix.
    pub message: String,
}

impl ImportError {
    pub(crate) fn new(path: &str, place: impl Into<String>, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), place: place.into(), message: message.into() }
    }
}

impl Snapshot {
    /// Returns the snapshot if it holds a study and each of them is sound.
    pub(crate) fn checked(self, kind: ImportKind) -> Result<Self, ImportError> {
        if self.sets.is_empty() {
            let mut message = format!("no results of {kind} were found");
            for defect in self.left_out.iter().take(3) {
                message = format!("{message}; {}: {}", defect.path, defect.what);
            }
            return Err(ImportError::new("the files given", "", message));
        }
        for set in &self.sets {
            let imported = set.plan.imported.as_ref();
            let fault = imported.and_then(Imported::fault);
            if let Some(fault) = fault {
                return Err(ImportError::new(&set.name, "", fault));
            }
            let ids = set.runs.iter().map(|run| &run.id);
            if imported.is_none_or(|imported| !imported.runs.iter().eq(ids)) {
                return Err(ImportError::new(&set.name, "", "its runs are not those of its plan"));
            }
        }
        Ok(self)
    }
}

/// Returns the plan of an imported study. `question` says what was asked, as far as the
/// source tells, and `metric` is what its configurations are compared by.
pub(crate) fn plan(
    name: &str,
    question: &str,
    metric: Metric,
    servers: Vec<Server>,
    imported: Imported,
) -> Plan {
    let blocks = imported.runs.iter().map(|run| run.block).max().unwrap_or(1);
    Plan {
        schema: PLAN_SCHEMA.to_owned(),
        name: name.to_owned(),
        question: question.to_owned(),
        seed: 0,
        blocks,
        order: Order::AsWritten,
        warmup_calls: 0,
        server_policy: ServerPolicy::Keep,
        connection: ConnectionMode::Fresh,
        prompt_cache: PromptCache::On,
        cold_load_threshold_ms: 1000,
        primary: Primary { metric, ..Primary::default() },
        stopping: tachograph_model::plan::stopping::Stopping::default(),
        timeouts: tachograph_model::plan::Timeouts::default(),
        agent_limit_s: None,
        instrument: tachograph_model::plan::implementations::Instrument::default(),
        servers,
        agents: Vec::new(),
        baseline: Baseline::default(),
        options: BTreeMap::new(),
        factors: factors(&imported),
        configurations: Vec::new(),
        topologies: Vec::new(),
        phases: Vec::new(),
        implementations: None,
        cost: None,
        imported: Some(imported),
    }
}

/// Returns every option that differs between tuned configurations, with its levels.
fn factors(imported: &Imported) -> BTreeMap<String, Vec<OptionValue>> {
    let mut factors: BTreeMap<String, Vec<OptionValue>> = BTreeMap::new();
    for (name, level) in imported.configurations.iter().flat_map(|each| &each.levels) {
        let levels = factors.entry(name.clone()).or_default();
        if !levels.contains(level) {
            levels.push(level.clone());
        }
    }
    factors.retain(|_, levels| levels.len() > 1);
    for levels in factors.values_mut() {
        levels.sort_by(|one, other| one.partial_cmp(other).unwrap_or(std::cmp::Ordering::Equal));
    }
    factors
}

/// Returns a server of somebody's, as a plan names it.
pub(crate) fn server(name: &str, api: Api, model: &str, url: Option<&str>) -> Server {
    Server {
        name: name.to_owned(),
        api,
        model: model.to_owned(),
        url: url.map(str::to_owned),
        managed: None,
        api_key_env: None,
        instances: None,
    }
}

/// Returns an event that the importer itself states.
pub(crate) fn of_run(event: Event) -> Recorded {
    Recorded { source: HARNESS.to_owned(), event }
}

/// Returns an event of an agent.
pub(crate) fn of_agent(agent: &str, event: Event) -> Recorded {
    Recorded { source: agent.to_owned(), event }
}
