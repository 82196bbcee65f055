//! The servers of a plan, brought up for as long as a command needs them.
//!
//! Owns: from a plan's server entries to URLs that answer, and what they say
//! about themselves.
//!
//! Does not: make calls or know the study.

use std::collections::BTreeMap;
use std::path::Path;

use tachograph_model::environment::{Environment, ServerIdentity};
use tachograph_model::plan::{Engine, Managed, Plan, Server, Timeouts};
use tachograph_run::client::{Endpoint, Secret};
use tachograph_run::execute::ServerControl;
use tachograph_run::probe::{self, ProbeError, Seen, Target};
use tachograph_run::sensors::{Program, Sensors};
use tachograph_run::server::{ManagedServer, ServeCommand, ServerError};

use crate::failure::{Exit, Failure, chain};
use crate::memory::Memory;
use crate::{cache, engine, inputs, terminal};

/// The version of this program.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a server is, and the model that was chosen on it.
#[derive(Debug)]
pub(crate) struct Discovered {
    /// What it says about itself.
    pub(crate) identity: ServerIdentity,
    /// Its models.
    pub(crate) models: Vec<String>,
    /// The model asked for, or its first one.
    pub(crate) model: String,
    /// The protocol that suits it.
    pub(crate) api: tachograph_model::plan::Api,
}

/// Asks the server at `url` what it is and has.
///
/// # Errors
///
/// A failure if it does not answer, has no model, or not the one asked for.
pub(crate) fn discover(
    url: &str,
    model: Option<&str>,
    api_key_env: Option<&str>,
) -> Result<Discovered, Failure> {
    let target = target(url, api_key_env)?;
    let chosen = if let Some(model) = model {
        model.to_owned()
    } else {
        let seen = probe::identify(&target).map_err(|error| probe_failure(&error))?;
        seen.models.first().cloned().ok_or_else(|| {
            Failure::new(Exit::Failed, format!("the server at {url} has no model"))
                .help("load or pull one there, then try again")
        })?
    };
    let Seen { identity, models, api } =
        probe::probe(&target, &chosen).map_err(|error| probe_failure(&error))?;
    Ok(Discovered { identity, models, model: chosen, api })
}

/// Returns whom to ask at `url`.
///
/// # Errors
///
/// A usage failure if the URL is none, or the variable holds no key.
pub(crate) fn target(url: &str, api_key_env: Option<&str>) -> Result<Target, Failure> {
    let endpoint = Endpoint::parse(url).map_err(|error| Failure::usage(&error))?;
    let secret = api_key_env.map(secret).transpose()?;
    Ok(Target { endpoint, secret, timeouts: Timeouts::default() })
}

fn secret(variable: &str) -> Result<Secret, Failure> {
    let value = std::env::var(variable).map_err(|_unset| {
        Failure::new(Exit::Usage, format!("the environment variable {variable} holds no key"))
            .help(format!("export {variable}=… and try again; the key is never written down"))
    })?;
    Secret::new(&value).map_err(|error| Failure::usage(&error))
}

pub(crate) fn probe_failure(error: &ProbeError) -> Failure {
    let failure = Failure::new(Exit::Failed, chain(error));
    match error {
        ProbeError::Unreachable { .. } => failure.help(
            "`tacho serve` starts a real small model on Ollama's port; --simulated needs none",
        ),
        _ => failure,
    }
}

/// The servers of a plan, answering.
#[derive(Debug)]
pub(crate) struct Servers {
    /// How each is reached, by the plan's name.
    pub(crate) controls: BTreeMap<String, ServerControl>,
    /// What each says about itself.
    pub(crate) identities: BTreeMap<String, ServerIdentity>,
}

impl Servers {
    /// Starts the managed servers of `plan`, whose folder is `base`, one after the other,
    /// and asks all of them who they are. Whether all fit into memory is found out from the first.
    ///
    /// # Errors
    ///
    /// A failure that names the server and the fix; no server is left running.
    pub(crate) fn start(
        plan: &Plan,
        base: Option<&Path>,
        chosen_cache: Option<&Path>,
    ) -> Result<Self, Failure> {
        let mut servers = Self { controls: BTreeMap::new(), identities: BTreeMap::new() };
        let mut memory = Memory::of(plan);
        let mut is_installed = false;
        for server in &plan.servers {
            let control = match (&server.url, &server.managed) {
                (Some(url), _) => ServerControl::External { url: url.clone() },
                (None, Some(managed)) => {
                    if managed.engine == Engine::Llama && !is_installed {
                        engine::installed(chosen_cache, |line| terminal::note(line))?;
                        is_installed = true;
                    }
                    let started = start((plan, base), server, managed, chosen_cache)?;
                    memory.check(server, &started)?;
                    ServerControl::Managed(started)
                }
                (None, None) => unreachable!("parse demands one of url and managed"),
            };
            let target = target(control.url(), server.api_key_env.as_deref())?;
            let seen =
                probe::probe(&target, &server.model).map_err(|error| probe_failure(&error))?;
            servers.controls.insert(server.name.clone(), control);
            servers.identities.insert(server.name.clone(), seen.identity);
        }
        Ok(servers)
    }
}

/// Starts a server of the plan, whose engine is in place, as a child process.
fn start(
    (plan, base): (&Plan, Option<&Path>),
    server: &Server,
    managed: &Managed,
    chosen_cache: Option<&Path>,
) -> Result<ManagedServer, Failure> {
    let extra = match (managed.engine, &managed.cassette) {
        (Engine::Llama, _) => {
            vec!["--cache".to_owned(), cache::folder(chosen_cache)?.display().to_string()]
        }
        (Engine::Cassette, Some(file)) => {
            vec!["--cassette".to_owned(), inputs::cassette(file, base)?.display().to_string()]
        }
        (Engine::Simulated | Engine::Cassette, _) => Vec::new(),
    };
    let serve = [executable()?, "serve".to_owned()];
    let command = ServeCommand::of(&serve, managed, &server.model, plan.prompt_cache, &extra);
    ManagedServer::start(command).map_err(|error| {
        let message = format!("server `{}` could not be started: {}", server.name, chain(&error));
        let failure = Failure::new(Exit::Failed, message);
        match error {
            ServerError::PortTaken { .. } => failure.help(format!(
                "give server `{}` another `port` in the plan, or none: a free one is taken then",
                server.name
            )),
            _ => failure,
        }
    })
}

/// Returns the path of this program.
///
/// # Errors
///
/// A failure if the system does not tell.
pub(crate) fn executable() -> Result<String, Failure> {
    let path = std::env::current_exe().map_err(|error| Failure::failed(&error))?;
    path.to_str().map(str::to_owned).ok_or_else(|| {
        Failure::new(Exit::Failed, format!("the path of tacho is not UTF-8: {}", path.display()))
    })
}

/// Returns what is true of program, machine and servers now.
pub(crate) fn environment(identities: BTreeMap<String, ServerIdentity>) -> Environment {
    let executable = std::env::current_exe().ok();
    let program = Program {
        version: VERSION,
        git_commit: option_env!("TACHO_GIT_COMMIT"),
        executable: executable.as_deref(),
    };
    Sensors::default().environment(&program, identities)
}
