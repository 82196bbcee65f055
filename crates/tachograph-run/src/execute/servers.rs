//! The servers of a run: their state before it, and what they say.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tachograph_model::event::{Event, ServerReset, ServerSeen};
use tachograph_model::plan::{Plan, Server, ServerPolicy, Timeouts};
use tachograph_model::run::Run;

use super::{Interrupt, InterruptLevel};
use crate::client::{Endpoint, Secret};
use crate::clock;
use crate::probe::{self, Target};
use crate::server::ManagedServer;

/// How long a server may take to say what it is, in seconds: no model has to be
/// loaded for that.
const ANSWER_S_MAX: f64 = 30.0;

/// How long a server that no longer answers may take until its process is over,
/// before it counts as one that lives.
const LAST_BREATH: Duration = Duration::from_secs(1);

/// A server of a plan, as it can be reached.
#[derive(Debug)]
pub enum ServerControl {
    /// Somebody else's.
    External {
        /// Where it is.
        url: String,
    },
    /// One that this process started.
    Managed(ManagedServer),
}

impl ServerControl {
    /// Returns where it is.
    pub fn url(&self) -> &str {
        match self {
            Self::External { url } => url,
            Self::Managed(server) => server.url(),
        }
    }
}

/// Returns the plan's servers that an agent of the run talks to, in the plan's order.
fn used<'a>(plan: &'a Plan, run: &'a Run) -> impl Iterator<Item = &'a Server> {
    let used = |server: &&Server| run.placements.iter().any(|each| each.server == server.name);
    plan.servers.iter().filter(used)
}

/// Brings every server into the state that the plan asks for, and starts those
/// again that have died. What goes wrong is in the events.
pub(super) fn reset(
    plan: &Plan,
    run: &Run,
    controls: &mut BTreeMap<String, ServerControl>,
    interrupt: &Interrupt,
) -> Vec<Event> {
    let mut events = Vec::new();
    for server in used(plan, run) {
        if interrupt.level() == InterruptLevel::Abandon {
            break;
        }
        let Some((action, result)) = reset_one(plan, server, controls.get_mut(&server.name)) else {
            continue;
        };
        events.push(Event::ServerReset(ServerReset {
            server: server.name.clone(),
            action: action.to_owned(),
            error: result.err(),
            at_ns: clock::now(),
        }));
    }
    events
}

/// Returns what was done to a server and what came of it; `None` for nothing.
fn reset_one(
    plan: &Plan,
    server: &Server,
    control: Option<&mut ServerControl>,
) -> Option<(&'static str, Result<(), String>)> {
    let restarted = |managed: &mut ManagedServer| managed.restart().map_err(|it| in_words(&it));
    match (plan.server_policy, control) {
        // It starts without a model, which is what the other policies ask for as well.
        (_, Some(ServerControl::Managed(managed))) if !managed.is_alive() => {
            Some(("revive", restarted(managed)))
        }
        (ServerPolicy::Keep, _) => None,
        (ServerPolicy::Unload, Some(control)) => Some(("unload", unload(plan, server, control))),
        (ServerPolicy::Restart, Some(ServerControl::Managed(managed))) => {
            Some(("restart", restarted(managed)))
        }
        (ServerPolicy::Restart, Some(ServerControl::External { .. })) => {
            let why = "only a server that tacho started can be restarted";
            Some(("restart", Err(why.to_owned())))
        }
        (ServerPolicy::Unload, None) => Some(("unload", Err("the server is not there".to_owned()))),
        (ServerPolicy::Restart, None) => {
            Some(("restart", Err("the server is not there".to_owned())))
        }
    }
}

/// Returns the run's managed servers that are there, by name.
pub(super) fn alive(
    plan: &Plan,
    run: &Run,
    controls: &BTreeMap<String, ServerControl>,
) -> BTreeSet<String> {
    let is_alive = |server: &&Server| {
        matches!(controls.get(&server.name),
            Some(ServerControl::Managed(managed)) if managed.is_alive())
    };
    used(plan, run).filter(is_alive).map(|server| server.name.clone()).collect()
}

/// Returns how those of `servers` ended that have. A server that `is_suspect` may
/// be about to: its sockets close a little before its process is over.
pub(super) fn deaths(
    servers: &BTreeSet<String>,
    controls: &BTreeMap<String, ServerControl>,
    is_suspect: &dyn Fn(&str) -> bool,
) -> Vec<(String, String)> {
    let death = |name: &String| {
        let Some(ServerControl::Managed(managed)) = controls.get(name) else { return None };
        let patience = if is_suspect(name) { LAST_BREATH } else { Duration::ZERO };
        let how = managed.death_within(patience)?;
        Some((name.clone(), how))
    };
    servers.iter().filter_map(death).collect()
}

fn unload(plan: &Plan, server: &Server, control: &ServerControl) -> Result<(), String> {
    if !server.api.is_ollama() {
        return Err("only Ollama's protocol can unload a model".to_owned());
    }
    let target = target(plan, server, control)?;
    probe::unload(&target, &server.model).map_err(|error| in_words(&error))
}

/// Asks every server what it is.
pub(super) fn seen(
    plan: &Plan,
    run: &Run,
    controls: &BTreeMap<String, ServerControl>,
) -> Vec<(String, Result<ServerSeen, String>)> {
    let ask = |server: &Server| {
        let control = controls.get(&server.name).ok_or("the server is not there")?;
        let target = target(plan, server, control)?;
        let seen = probe::probe(&target, &server.model).map_err(|error| in_words(&error))?;
        let (server, identity) = (server.name.clone(), seen.identity);
        Ok(ServerSeen { server, identity, at_ns: clock::now() })
    };
    used(plan, run).map(|server| (server.name.clone(), ask(server))).collect()
}

/// Returns the keys of the plan's servers, as far as they are there.
pub(super) fn keys(plan: &Plan) -> Vec<Secret> {
    let names = plan.servers.iter().filter_map(|server| server.api_key_env.as_deref());
    names.filter_map(|name| Secret::from_env(name).ok()).collect()
}

fn target(plan: &Plan, server: &Server, control: &ServerControl) -> Result<Target, String> {
    let endpoint = Endpoint::parse(control.url()).map_err(|error| in_words(&error))?;
    let secret = match &server.api_key_env {
        Some(name) => Some(Secret::from_env(name).map_err(|error| in_words(&error))?),
        None => None,
    };
    let answer_s = plan.timeouts.first_token_s.min(ANSWER_S_MAX);
    let timeouts = Timeouts { first_token_s: answer_s, ..plan.timeouts };
    Ok(Target { endpoint, secret, timeouts })
}

/// Returns an error with its causes, in one line.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}
