//! Whether the servers that a plan wants started fit into memory.
//!
//! Owns: how much they need, measured on the first of each kind with its model
//! loaded, and the refusal to start more than fit.
//!
//! Does not: count servers at URLs, which run already, or simulated ones, which
//! have no model.

use std::collections::BTreeMap;

use tachograph_model::options::OptionValue;
use tachograph_model::plan::{Engine, Plan, Server, expand};
use tachograph_run::probe;
use tachograph_run::sensors::{Footprint, Sensors};
use tachograph_run::server::ManagedServer;

use crate::failure::{Exit, Failure};
use crate::{session, terminal};

/// Servers that need as much memory as one another: model and requests at a time.
type Kind = (String, u32);

/// What is known of the memory that a plan's servers need.
#[derive(Debug)]
pub(crate) struct Memory {
    /// How many servers there will be of each kind that is still to be measured.
    n_servers: BTreeMap<Kind, u64>,
    /// The kinds that were measured, in the plan's order.
    measured: Vec<Measured>,
    /// The longest context that the plan asks for, if it asks for any.
    num_ctx: Option<i64>,
    sensors: Sensors,
}

impl Memory {
    /// Counts the servers of `plan` that load a real model.
    pub(crate) fn of(plan: &Plan) -> Self {
        let mut n_servers = BTreeMap::new();
        for kind in plan.servers.iter().filter_map(kind) {
            *n_servers.entry(kind).or_insert(0) += 1;
        }
        if n_servers.values().sum::<u64>() < 2 {
            // A single one that does not fit says so itself.
            n_servers.clear();
        }
        let configurations = expand::configurations(plan);
        let placements = configurations.iter().flat_map(|configuration| &configuration.placements);
        let num_ctx = placements.filter_map(|placement| match placement.options.get("num_ctx") {
            Some(OptionValue::Integer(tokens)) => Some(*tokens),
            _ => None,
        });
        Self {
            n_servers,
            measured: Vec::new(),
            num_ctx: num_ctx.max(),
            sensors: Sensors::default(),
        }
    }

    /// Measures the first server of each kind, with its model loaded for that long,
    /// and says what all of its kind and of those before will need.
    ///
    /// # Errors
    ///
    /// A failure with both figures if it is more than there is, or if the model
    /// cannot be loaded.
    pub(crate) fn check(
        &mut self,
        server: &Server,
        started: &ManagedServer,
    ) -> Result<(), Failure> {
        // Each kind is looked up once: after that it is no longer to be measured.
        let Some(n_servers) = kind(server).and_then(|kind| self.n_servers.remove(&kind)) else {
            return Ok(());
        };
        let target = session::target(started.url(), None)?;
        let failed = |error| session::probe_failure(&error);
        probe::load(&target, &server.model, self.num_ctx).map_err(failed)?;
        let footprint = started.pid().and_then(|pid| self.sensors.footprint(pid));
        // Evicted again, so that no server begins the study warmer than the others.
        probe::unload(&target, &server.model).map_err(failed)?;
        let available = self.sensors.conditions().memory_available_bytes;
        let (Some(footprint), Some(available)) = (footprint, available) else {
            terminal::note(format!(
                "memory: this system does not tell how much a server with {} holds, so nobody \
                 knows whether {n_servers} of them fit; see that they do",
                server.model
            ));
            return Ok(());
        };
        self.measured.push(Measured { model: server.model.clone(), n_servers, footprint });
        let words = words(&self.measured, available);
        if needed(&self.measured) > available {
            let message = format!("the plan's servers do not fit into memory: {words}");
            return Err(Failure::new(Exit::Failed, message).help(
                "use fewer `instances`, a smaller model or a smaller `num_ctx`, or end other \
                 programs that hold memory",
            ));
        }
        terminal::note(format!("memory: {words}"));
        Ok(())
    }
}

/// Servers of one kind, and what one of them holds.
#[derive(Debug)]
struct Measured {
    model: String,
    n_servers: u64,
    footprint: Footprint,
}

/// Returns what all servers need, in bytes. The pages of a model's file are there
/// once for all that have it.
fn needed(kinds: &[Measured]) -> u64 {
    let all = |kind: &Measured| {
        kind.footprint.private_bytes.saturating_mul(kind.n_servers) + kind.footprint.file_bytes
    };
    kinds.iter().map(all).fold(0, u64::saturating_add)
}

/// Says what is needed beside what is there.
fn words(kinds: &[Measured], available: u64) -> String {
    let kind = |kind: &Measured| {
        format!(
            "{} with {} (each {}, and {} that they share)",
            kind.n_servers,
            kind.model,
            size(kind.footprint.private_bytes),
            size(kind.footprint.file_bytes)
        )
    };
    let kinds_in_words = kinds.iter().map(kind).collect::<Vec<_>>().join(" and ");
    let (needed, available) = (size(needed(kinds)), size(available));
    format!("servers, measured on the first: {kinds_in_words} need {needed}; {available} are free")
}

fn size(bytes: u64) -> String {
    let megabytes = bytes as f64 / 1e6;
    if megabytes < 10_000.0 {
        format!("{megabytes:.0} MB")
    } else {
        format!("{:.1} GB", megabytes / 1000.0)
    }
}

/// Returns the kind of a server that loads a real model.
fn kind(server: &Server) -> Option<Kind> {
    let managed = server.managed.as_ref().filter(|managed| managed.engine == Engine::Llama)?;
    Some((server.model.clone(), managed.parallel))
}

#[cfg(test)]
mod tests {
    use tachograph_model::plan::parse;

    use super::*;

    fn plan(servers: &str) -> Plan {
        let text = format!(
            "schema = 'tachograph-plan/1'\nname = 't'\nblocks = 1\n{servers}\
             [[agents]]\nname = 'analyst'\nserver = 'one'\n[factors]\nnum_ctx = [256, 512]\n"
        );
        parse::parse(&text).unwrap().plan
    }

    #[test]
    fn only_several_real_servers_are_counted() {
        let server = |name: &str, managed: &str| {
            format!("[[servers]]\nname = '{name}'\nmodel = 'm'\nmanaged = {{ {managed} }}\n")
        };
        let count = |servers: &[String]| Memory::of(&plan(&servers.concat())).n_servers;
        let (llama, simulated) = ("engine = 'llama'", "engine = 'simulated'");
        assert!(count(&[server("one", llama), server("two", simulated)]).is_empty());
        let wide = server("two", "engine = 'llama', threads = 2");
        let parallel = server("three", "engine = 'llama', parallel = 4");
        let counted = count(&[server("one", llama), wide, parallel]);
        assert_eq!(counted, [(("m".to_owned(), 1), 2), (("m".to_owned(), 4), 1)].into());
        let two = [server("one", llama), server("two", llama)].concat();
        assert_eq!(Memory::of(&plan(&two)).num_ctx, Some(512));
    }

    #[test]
    fn what_is_needed_is_said_beside_what_is_free() {
        let footprint = Footprint { private_bytes: 200_000_000, file_bytes: 90_000_000 };
        let kind =
            |model: &str, n_servers| Measured { model: model.to_owned(), n_servers, footprint };
        let kinds = [kind("a", 3), kind("b", 1)];
        assert_eq!(needed(&kinds[..1]), 690_000_000);
        assert_eq!(needed(&kinds), 980_000_000);
        assert_eq!(
            words(&kinds, 16_000_000_000),
            "servers, measured on the first: 3 with a (each 200 MB, and 90 MB that they share) and \
             1 with b (each 200 MB, and 90 MB that they share) need 980 MB; 16.0 GB are free"
        );
    }
}
