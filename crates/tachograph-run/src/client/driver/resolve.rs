//! Addresses of hosts.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tachograph_model::units::DurationNs;

use crate::client::endpoint::Endpoint;

/// Looks each host up once.
#[derive(Debug, Default)]
pub(crate) struct Resolver {
    /// Addresses, the first one to try last.
    pub(super) known: BTreeMap<Endpoint, Vec<SocketAddr>>,
}

impl Resolver {
    /// Returns the addresses of `endpoint`, the first one to try last.
    ///
    /// # Errors
    ///
    /// Why there is none, in words.
    pub(crate) fn addresses(
        &mut self,
        endpoint: &Endpoint,
        timeout: DurationNs,
    ) -> Result<Vec<SocketAddr>, String> {
        if let Ok(address) = endpoint.host().parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, endpoint.port())]);
        }
        if let Some(addresses) = self.known.get(endpoint) {
            return Ok(addresses.clone());
        }
        let mut addresses = look_up(endpoint, timeout)?;
        addresses.reverse();
        self.known.insert(endpoint.clone(), addresses.clone());
        Ok(addresses)
    }
}

/// Asks the system, on a thread of its own, since that can take any time.
fn look_up(endpoint: &Endpoint, timeout: DurationNs) -> Result<Vec<SocketAddr>, String> {
    let (sender, receiver) = mpsc::sync_channel(1);
    let (host, port) = (endpoint.host().to_owned(), endpoint.port());
    let asked = format!("looking up {host:?}");
    thread::Builder::new()
        .name("look-up".to_owned())
        .stack_size(256 * 1_024)
        .spawn(move || {
            let found = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
            // Nobody listens any more after a time-out.
            drop(sender.send(found));
        })
        .map_err(|error| format!("{asked}: {error}"))?;
    let found: Vec<SocketAddr> = receiver
        .recv_timeout(Duration::from_nanos(timeout.0))
        .map_err(|_nothing_came| format!("{asked} took longer than `connect_s`"))?
        .map_err(|error| format!("{asked}: {error}"))?;
    if found.is_empty() { Err(format!("{asked}: no address")) } else { Ok(found) }
}
