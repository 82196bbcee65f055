//! A plan as a command needs it: read, checked, changed by the command line.
//!
//! Owns: how command-line overrides change a plan, and how that is recorded.
//!
//! Does not: contact servers.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use tachograph_model::options::Options;
use tachograph_model::plan::concurrent::Topology;
use tachograph_model::plan::parse::{self, Parsed};
use tachograph_model::plan::{Api, Engine, Managed, Plan, PromptCache, Server, ServerPolicy};

use crate::args::Overrides;
use crate::failure::{Exit, Failure};
use crate::terminal;

/// A plan, ready to be executed.
#[derive(Debug)]
pub(crate) struct LoadedPlan {
    /// The text, as it was written.
    pub(crate) text: String,
    /// The plan, overrides applied.
    pub(crate) plan: Plan,
    /// What the command line changed.
    pub(crate) overrides: Vec<String>,
    /// The folder against which input folders are resolved.
    pub(crate) folder: PathBuf,
}

/// Reads, checks and overrides the plan at `path`, and prints its warnings.
///
/// # Errors
///
/// A usage failure that shows the place in the plan.
pub(crate) fn load(path: &Path, overrides: &Overrides) -> Result<LoadedPlan, Failure> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("could not read the plan {}: {error}", path.display()))
            .help("`tacho init --server URL` writes a plan; plans/ holds examples")
    })?;
    let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
    parse_text(&path.display().to_string(), text, folder, overrides)
}

/// As [`load`], for a text that is already here; `name` stands for its file.
///
/// # Errors
///
/// As [`load`].
pub(crate) fn parse_text(
    name: &str,
    text: String,
    folder: PathBuf,
    overrides: &Overrides,
) -> Result<LoadedPlan, Failure> {
    parse_adapted(name, text, folder, overrides, None)
}

/// The one server at a URL that replaces all of a plan's.
#[derive(Debug)]
pub(crate) struct Adapted<'a> {
    pub(crate) url: &'a str,
    pub(crate) api: Api,
}

/// As [`parse_text`], for a plan whose servers are replaced by one of the user's:
/// what it cannot do is left out of the plan.
///
/// # Errors
///
/// As [`load`].
pub(crate) fn parse_adapted(
    name: &str,
    text: String,
    folder: PathBuf,
    overrides: &Overrides,
    adapted: Option<&Adapted<'_>>,
) -> Result<LoadedPlan, Failure> {
    let Parsed { mut plan, warnings } = parse::parse(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{name}: {error}")).at(name, &text, error.span)
    })?;
    if let Some(imported) = &plan.imported {
        let message =
            format!("{name} says what {} measured; there is nothing to carry out", imported.kind);
        return Err(Failure::new(Exit::Usage, message)
            .help("a plan of your own begins with `tacho init` or one of plans/"));
    }
    for warning in warnings {
        let line = warning.span.map_or(0, |span| text[..span.start].matches('\n').count() + 1);
        terminal::note(format!("warning: {name}, line {line}: {}", warning.message));
    }
    let mut overrides = apply(&mut plan, overrides)?;
    if let Some(adapted) = adapted {
        overrides.extend(on_one_server(&mut plan, adapted.url));
        overrides.extend(speak(&mut plan, adapted.api));
    }
    if !overrides.is_empty() {
        parse::recheck(&plan).map_err(|error| {
            Failure::new(Exit::Usage, format!("with the command line's changes: {}", error.message))
        })?;
    }
    Ok(LoadedPlan { text, plan, overrides, folder })
}

/// Leaves one server in the plan, at `url`, with every agent on it, beside those that
/// play recordings. Topologies of several servers are left out. Each change is listed
/// with the overrides.
fn on_one_server(plan: &mut Plan, url: &str) -> Vec<String> {
    let mut changes = Vec::new();
    let tapes: Vec<Server> =
        plan.servers.iter().filter(|server| server.is_recording()).cloned().collect();
    let plays = |name: &String| tapes.iter().any(|tape| tape.name == *name);
    plan.servers.retain(|server| !server.is_recording());
    let one_server = |topology: &Topology| topology.servers.len() == 1;
    for topology in plan.topologies.iter().filter(|each| !one_server(each)) {
        changes.push(format!("topology {} is left out", topology.name));
    }
    plan.topologies.retain(one_server);
    let kept: Vec<String> = plan.topologies.iter().map(|each| each.name.clone()).collect();
    for matrix in plan.phases.iter_mut().flat_map(|phase| &mut phase.matrices) {
        matrix.topologies.retain(|name| kept.contains(name));
    }
    plan.servers.truncate(1);
    for server in &mut plan.servers {
        changes.push(format!("server {} = {url}", server.name));
        server.url = Some(url.to_owned());
        server.managed = None;
        let on_tape = |servers: &[String]| servers.iter().all(plays);
        for topology in plan.topologies.iter_mut().filter(|each| !on_tape(&each.servers)) {
            topology.servers = vec![server.name.clone()];
        }
        for own in plan.agents.iter_mut().filter_map(|agent| agent.server.as_mut()) {
            if !plays(own) {
                own.clone_from(&server.name);
            }
        }
    }
    plan.servers.extend(tapes);
    changes
}

/// Makes every server of the plan speak `api`, and what a server given by URL
/// cannot do vary no more: `num_ctx`, `num_gpu` and evicting the model are
/// Ollama's, and only a managed server can switch its prompt cache off. Each
/// change is listed with the overrides.
fn speak(plan: &mut Plan, api: Api) -> Vec<String> {
    let mut changes = Vec::new();
    for server in plan.servers.iter_mut().filter(|server| server.api != api) {
        server.api = api;
        changes.push(format!("server {} speaks {}", server.name, api.path()));
    }
    if plan.prompt_cache == PromptCache::Off {
        // A recording answers recorded prompts only, and these have no nonces.
        let (cache, name) = if plan.servers.iter().any(Server::is_recording) {
            (PromptCache::On, "on")
        } else {
            (PromptCache::Nonce, "nonce")
        };
        plan.prompt_cache = cache;
        changes.push(format!("prompt_cache = {name}"));
    }
    if api.is_ollama() {
        return changes;
    }
    for factor in ["num_ctx", "num_gpu"] {
        if plan.factors.remove(factor).is_some() {
            changes.push(format!("factor {factor} is left out"));
        }
    }
    if plan.server_policy == ServerPolicy::Unload {
        plan.server_policy = ServerPolicy::Keep;
        changes.push("server_policy = keep".to_owned());
    }
    changes
}

/// Changes `plan` and returns what was changed, one line each.
fn apply(plan: &mut Plan, overrides: &Overrides) -> Result<Vec<String>, Failure> {
    let mut changes = Vec::new();
    if let Some(blocks) = overrides.blocks
        && blocks != plan.blocks
    {
        changes.push(format!("blocks = {blocks} (the plan says {})", plan.blocks));
        plan.blocks = blocks;
    }
    for (name, value) in &overrides.set {
        if plan.factors.contains_key(name) {
            let message = format!("`{name}` is a factor of the plan; --set cannot replace it");
            return Err(Failure::new(Exit::Usage, message));
        }
        changes.push(format!("options.{name} = {value}"));
        plan.options.insert(name.clone(), value.clone());
    }
    for server in &overrides.server {
        changes.push(apply_server(plan, server)?);
    }
    if let Some(model) = &overrides.model {
        for server in &mut plan.servers {
            server.model.clone_from(model);
        }
        changes.push(format!("model = {model}"));
    }
    if overrides.simulated {
        for server in &mut plan.servers {
            let set = match server.managed.take() {
                Some(managed) if managed.engine == Engine::Simulated => managed.set,
                _ => Options::new(),
            };
            server.url = None;
            server.managed = Some(simulated(set));
        }
        changes.push("every server is simulated".to_owned());
    }
    Ok(changes)
}

fn simulated(set: BTreeMap<String, tachograph_model::options::OptionValue>) -> Managed {
    Managed {
        engine: Engine::Simulated,
        threads: 1,
        parallel: 1,
        port: None,
        keep_alive_s: None,
        set,
        cassette: None,
        speed: None,
    }
}

/// Points a server of the plan to a URL: `URL`, or `NAME=URL`.
fn apply_server(plan: &mut Plan, text: &str) -> Result<String, Failure> {
    let named = text.split_once('=').filter(|(name, _)| !name.contains("://"));
    let n_servers = plan.servers.len();
    let (server, url) = match named {
        Some((name, url)) => {
            let server = plan.servers.iter_mut().find(|server| server.name == name);
            let missing =
                || Failure::new(Exit::Usage, format!("the plan has no server called `{name}`"));
            (server.ok_or_else(missing)?, url)
        }
        None if n_servers == 1 => (&mut plan.servers[0], text),
        None => {
            let message = "the plan has several servers; say which one: --server NAME=URL";
            return Err(Failure::new(Exit::Usage, message));
        }
    };
    server.url = Some(url.to_owned());
    server.managed = None;
    Ok(format!("server {} = {url}", server.name))
}

#[cfg(test)]
mod tests {
    use tachograph_model::options::OptionValue;

    use super::*;

    const PLAN: &str = "schema = 'tachograph-plan/1'\nname = 't'\nblocks = 5\n\
        [[servers]]\nname = 'main'\nmodel = 'm'\nurl = 'http://127.0.0.1:1'\n\
        [[agents]]\nname = 'analyst'\nserver = 'main'\n\
        [factors]\nnum_ctx = [256, 512]\n";

    fn load_with(overrides: &Overrides) -> Result<LoadedPlan, Failure> {
        parse_text("plan.toml", PLAN.to_owned(), PathBuf::new(), overrides)
    }

    #[test]
    fn overrides_change_the_plan_and_are_listed() {
        let loaded = load_with(&Overrides {
            blocks: Some(3),
            set: vec![("num_predict".to_owned(), OptionValue::Integer(16))],
            simulated: true,
            ..Overrides::default()
        })
        .unwrap();
        assert_eq!(loaded.plan.blocks, 3);
        assert!(loaded.plan.servers[0].managed.is_some());
        assert_eq!(
            loaded.overrides,
            [
                "blocks = 3 (the plan says 5)",
                "options.num_predict = 16",
                "every server is simulated"
            ]
        );
    }

    #[test]
    fn a_factor_cannot_be_overridden_and_results_are_checked() {
        let set = vec![("num_ctx".to_owned(), OptionValue::Integer(16))];
        let failure = load_with(&Overrides { set, ..Overrides::default() }).unwrap_err();
        assert!(failure.to_string().contains("is a factor"), "{failure}");
        let failure =
            load_with(&Overrides { blocks: Some(0), ..Overrides::default() }).unwrap_err();
        assert!(failure.to_string().contains("blocks must be at least 1"), "{failure}");
        let server = vec!["other=http://h:1".to_owned()];
        let failure = load_with(&Overrides { server, ..Overrides::default() }).unwrap_err();
        assert!(failure.to_string().contains("no server called `other`"), "{failure}");
    }
}
