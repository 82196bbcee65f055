//! The servers of a plan, and several instances of one.

use std::collections::{BTreeMap, BTreeSet};

use super::check::{is_slug, slug_rule};
use super::{Places, PlanError};
use crate::plan::{Engine, Managed, Plan, PromptCache, Server, ServerPolicy};

/// The most instances of one entry.
const INSTANCES_MAX: u32 = 64;

/// Checks every server.
pub(super) fn check(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    if plan.servers.is_empty() {
        return Err(places.error(&["servers"], "a plan needs at least one server"));
    }
    let mut names = BTreeSet::new();
    for (index, server) in plan.servers.iter().enumerate() {
        let index = index.to_string();
        let error =
            |field: &str, message: String| places.error(&["servers", &index, field], message);
        if !is_slug(&server.name) {
            return Err(error("name", slug_rule("a server's name", &server.name)));
        }
        if !names.insert(&server.name) {
            return Err(error("name", format!("two servers are called `{}`", server.name)));
        }
        one(plan, server, &error)?;
        instances(server, &error)?;
    }
    places_are_free(plan, places)
}

/// Checks the settings of several instances.
fn instances(server: &Server, error: &impl Fn(&str, String) -> PlanError) -> Result<(), PlanError> {
    let name = &server.name;
    if let Some(managed) = &server.managed {
        if managed.keep_alive_s.is_some() && managed.engine != Engine::Llama {
            let message = format!("server `{name}`: only the llama engine has `keep_alive_s`");
            return Err(error("managed", message));
        }
        let last = managed.port.map(|port| u32::from(port) + server.instances.unwrap_or(1) - 1);
        if managed.port == Some(0) || last.is_some_and(|last| last > u32::from(u16::MAX)) {
            let message = format!(
                "server `{name}`: ports lie between 1 and 65535; leave `port` out for free ones"
            );
            return Err(error("managed", message));
        }
    }
    match server.instances {
        None => Ok(()),
        Some(_) if server.managed.is_none() => {
            let message =
                format!("server `{name}` is given by URL; `instances` is for managed ones");
            Err(error("instances", message))
        }
        Some(n) if (1..=INSTANCES_MAX).contains(&n) => Ok(()),
        Some(n) => Err(error("instances", format!("instances is {n}; give 1 to {INSTANCES_MAX}"))),
    }
}

/// Checks that no two managed servers want one port.
fn places_are_free(plan: &Plan, places: &Places<'_>) -> Result<(), PlanError> {
    let mut taken: BTreeMap<u16, &str> = BTreeMap::new();
    for (index, server) in plan.servers.iter().enumerate() {
        let Some(port) = server.managed.as_ref().and_then(|managed| managed.port) else { continue };
        for offset in 0..server.instances.unwrap_or(1) {
            let own = u16::try_from(u32::from(port) + offset).unwrap_or(u16::MAX);
            if let Some(other) = taken.insert(own, &server.name) {
                let message = format!(
                    "servers `{other}` and `{}` both want port {own}; give them two ports, or leave \
                     `port` out",
                    server.name
                );
                return Err(places.error(&["servers", &index.to_string(), "managed"], message));
            }
        }
    }
    Ok(())
}

/// Puts each instance in the place of its entry, and the instances' names in the
/// place of the entry's name in topologies.
pub(super) fn spell_out(plan: &mut Plan) {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut servers = Vec::new();
    for mut server in std::mem::take(&mut plan.servers) {
        let Some(n) = server.instances.take() else {
            servers.push(server);
            continue;
        };
        for number in 1..=n {
            let mut instance =
                Server { name: format!("{}-{number}", server.name), ..server.clone() };
            if let Some(port) = instance.managed.as_mut().and_then(|managed| managed.port.as_mut())
            {
                *port = port.saturating_add(u16::try_from(number - 1).unwrap_or(u16::MAX));
            }
            names.entry(server.name.clone()).or_default().push(instance.name.clone());
            servers.push(instance);
        }
    }
    plan.servers = servers;
    for topology in &mut plan.topologies {
        let spelt = |name: String| names.get(&name).cloned().unwrap_or_else(|| vec![name]);
        topology.servers =
            std::mem::take(&mut topology.servers).into_iter().flat_map(spelt).collect();
    }
}

fn one(
    plan: &Plan,
    server: &Server,
    error: &impl Fn(&str, String) -> PlanError,
) -> Result<(), PlanError> {
    let name = &server.name;
    match (&server.url, &server.managed) {
        (Some(url), None) => check_url(url).map_err(|message| error("url", message))?,
        (None, Some(managed)) => {
            if managed.threads == 0 || managed.parallel == 0 {
                let message = format!("threads and parallel of server `{name}` must be at least 1");
                return Err(error("managed", message));
            }
            cassette(plan, server, managed).map_err(|message| error("managed", message))?;
        }
        (Some(_), Some(_)) => {
            let message = format!("server `{name}` has both `url` and `managed`; keep one");
            return Err(error("managed", message));
        }
        (None, None) => {
            let message = format!("server `{name}` needs `url` or `managed`");
            return Err(error("name", message));
        }
    }
    if server.model.trim().is_empty() {
        return Err(error("model", format!("server `{name}` needs a model name")));
    }
    if plan.server_policy == ServerPolicy::Restart && server.managed.is_none() {
        let message = format!(
            "server_policy \"restart\" needs managed servers, and `{name}` is given by URL; \
             use \"unload\" or \"keep\""
        );
        return Err(error("url", message));
    }
    if plan.server_policy == ServerPolicy::Unload
        && server.managed.is_none()
        && !server.api.is_ollama()
    {
        let message = format!(
            "server_policy \"unload\" needs Ollama's API, which `{name}` does not speak; use \"keep\""
        );
        return Err(error("api", message));
    }
    if plan.prompt_cache == PromptCache::Off && server.managed.is_none() && server.api.is_ollama() {
        let message = format!(
            "prompt_cache \"off\" needs the server's own switch, which Ollama (`{name}`) lacks; \
             use \"nonce\""
        );
        return Err(error("api", message));
    }
    Ok(())
}

/// Checks what only the cassette engine has, and what it cannot do.
fn cassette(plan: &Plan, server: &Server, managed: &Managed) -> Result<(), String> {
    let name = &server.name;
    if managed.engine != Engine::Cassette {
        return if managed.cassette.is_some() || managed.speed.is_some() {
            Err(format!("server `{name}`: `cassette` and `speed` are for engine = \"cassette\""))
        } else {
            Ok(())
        };
    }
    if managed.cassette.as_ref().is_none_or(|file| file.trim().is_empty()) {
        return Err(format!("server `{name}` replays a recording; name it: cassette = \"FILE\""));
    }
    if managed.speed.is_some_and(|speed| !(speed.is_finite() && speed > 0.0)) {
        return Err(format!("server `{name}`: speed must be a number above 0"));
    }
    if plan.prompt_cache == PromptCache::Nonce {
        return Err(format!(
            "server `{name}` answers recorded requests only, and a nonce makes every request new; \
             use prompt_cache = \"off\""
        ));
    }
    if !plan.options.contains_key("seed") {
        return Err(format!(
            "server `{name}` answers recorded requests only, and each block has a seed of its own; \
             fix it: [options] seed = 1"
        ));
    }
    Ok(())
}

/// Checks that `url` is `http://HOST[:PORT]` or `https://…`, without a path.
fn check_url(url: &str) -> Result<(), String> {
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"))
        .ok_or_else(|| format!("a server's URL starts with http:// or https://, not `{url}`"))?;
    let host = rest.trim_end_matches('/');
    if host.is_empty() || host.contains(['/', '?', '#', '@', ' ']) {
        return Err(format!(
            "expected only a host and a port, as in http://127.0.0.1:11434, not `{url}`"
        ));
    }
    Ok(())
}
