//! The programs of a study: the harness, its agents, the model servers.
//!
//! Owns: what is said of each, from plan, environment and journal alone.

use std::collections::BTreeSet;

use tachograph_model::environment::{Environment, ServerIdentity};
use tachograph_model::plan::implementations::BuiltIn;
use tachograph_model::plan::{AgentSpec, Plan};
use tachograph_model::study::{JournalEntry, StudyHead};

use super::entity::{Entity, Kind, encode};

/// The package that holds the agents in Python.
const PYTHON_AGENT: &str = "tachograph-agent==";

/// Returns every program.
pub(super) fn list(head: &StudyHead) -> Vec<Entity> {
    let environment = &head.environment;
    let versions = versions(head);
    // Native agents are parts of the harness: one version of it is also theirs.
    let native = if versions.len() == 1 { versions.first().copied() } else { None };
    let harnesses = versions.iter().map(|version| harness(version, environment));
    let agents = head.plan.agents.iter().map(|spec| agent(spec, environment, native));
    let servers = environment.servers.iter();
    let servers = servers.filter_map(|(name, identity)| server(name, identity, &head.plan));
    harnesses.chain(agents).chain(servers).collect()
}

/// Returns the version that a line of the journal says is at work from there on.
pub(super) fn version(entry: &JournalEntry) -> Option<&str> {
    match entry {
        JournalEntry::StudyCreated(created) => Some(&created.harness_version),
        JournalEntry::Resumed(resumed) => Some(&resumed.harness_version),
        _ => None,
    }
}

pub(super) fn harness_id(version: &str) -> String {
    format!("#tacho-{}", encode(version))
}

pub(super) fn agent_id(name: &str) -> String {
    format!("#agent/{}", encode(name))
}

/// Returns the identifier of a server, if the environment names its program.
pub(super) fn server_id(name: &str, environment: &Environment) -> Option<String> {
    environment.servers.get(name)?.product.as_ref().map(|_| id_of_server(name))
}

/// Returns every version of the harness that worked on the study.
fn versions(head: &StudyHead) -> BTreeSet<&str> {
    let journal = head.journal.iter().filter_map(|line| version(&line.entry));
    journal.chain([head.environment.harness.version.as_str()]).collect()
}

fn harness(version: &str, environment: &Environment) -> Entity {
    let harness = &environment.harness;
    let mut description = "Tachograph: executes plans, records events, writes reports.".to_owned();
    if harness.version == version {
        description.extend([" When the study began, a ", &harness.profile, " build"]);
        if let Some(commit) = &harness.git_commit {
            description.extend([" of commit ", commit]);
        }
        if let Some(digest) = harness.executable_sha256 {
            description.extend(["; the executable's SHA-256 is ", &digest.to_string()]);
        }
        description.push('.');
    }
    Entity::new(harness_id(version), Kind::SoftwareApplication)
        .text("name", "tacho")
        .text("softwareVersion", version)
        .text("description", description)
}

fn agent(spec: &AgentSpec, environment: &Environment, native: Option<&str>) -> Entity {
    let program = environment.implementations.get(&spec.name);
    let packages = program.map_or(&[][..], |program| &program.packages);
    let (what, version) = match (&spec.command, spec.implementation) {
        (Some(_), _) => ("a program of its author's own", None),
        (None, BuiltIn::Native) => ("a part of tacho", native),
        (None, BuiltIn::PythonHttpx | BuiltIn::PythonOllama) => (
            "written in Python",
            packages.iter().find_map(|package| package.strip_prefix(PYTHON_AGENT)),
        ),
    };
    let mut description = format!("An agent of the plan, {what}");
    if let Some(runtime) = program.and_then(|program| program.runtime.as_ref()) {
        description.extend([", executed by ", runtime]);
    }
    if !packages.is_empty() {
        description.extend([", with ", &packages.join(", ")]);
    }
    description.push('.');
    Entity::new(agent_id(&spec.name), Kind::SoftwareApplication)
        .text("name", format!("agent {}", spec.name))
        .known("softwareVersion", version)
        .text("description", description)
}

fn server(name: &str, identity: &ServerIdentity, plan: &Plan) -> Option<Entity> {
    let product = identity.product.as_deref()?;
    let mut description = format!("Server {name} of the plan");
    let entry = plan.servers.iter().find(|server| server.name == name);
    if let Some(managed) = entry.and_then(|server| server.managed.as_ref()) {
        description.push_str(", started by tacho with the engine ");
        description.push_str(managed.engine.name());
    }
    if let Some(model) = &identity.model {
        description.push_str(", with the model ");
        description.push_str(model);
    }
    let context = identity.context_length.map(|length| length.to_string());
    let facts = [
        ("digest", &identity.model_digest),
        ("quantization", &identity.quantization),
        ("parameters", &identity.parameter_size),
        ("context length", &context),
    ];
    for (what, value) in facts {
        if let Some(value) = value {
            description.extend([", ", what, " ", value]);
        }
    }
    description.push('.');
    let entity = Entity::new(id_of_server(name), Kind::SoftwareApplication)
        .text("name", product)
        .known("softwareVersion", identity.version.as_deref())
        .known("url", homepage(product))
        .text("description", description);
    Some(entity)
}

fn id_of_server(name: &str) -> String {
    format!("#server/{}", encode(name))
}

/// Returns where a program lives on the web, if this room knows it.
fn homepage(product: &str) -> Option<&'static str> {
    match product {
        "ollama" => Some("https://ollama.com/"),
        "llama.cpp" => Some("https://github.com/ggml-org/llama.cpp"),
        "vllm" => Some("https://github.com/vllm-project/vllm"),
        _ => None,
    }
}
