//! The tap: a recording proxy between any agent and a server.
//!
//! Owns: the event loop of the proxy. Bytes are passed on in the turn in which they are
//! read, before anybody looks at them; then the turn's bytes are taken apart, and calls
//! that are over become the same events as those of our own client.
//!
//! Does not: change, hold back or make up a byte, except for the answer with status 502
//! where there is no server; keep headers of requests, of which keys are a part; judge.
//!
//! # Rules
//!
//! - `planned_ns` is when the first byte of a request had come from the client, `sent_ns`
//!   is taken just before its first byte is written to the server, and chunks have the
//!   stamps of the read from the server: a call of the tap begins and ends where our own
//!   client's would.
//! - A connection of the client has one to the server, which is opened with the first
//!   byte, and closed with it.
//! - What cannot be read as HTTP/1.1 is passed on all the same, and is no call.

mod call;
mod pair;
mod recorder;
mod report;
mod request;

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use tachograph_model::event::{ClockSample, Event, HARNESS};
use tachograph_model::units::DurationNs;

pub use report::{AgentReport, Report};

use crate::client::{Endpoint, Stop};
use crate::clock::{self, RealtimeOffset};
use crate::sys::{self, Interest, Poller, Ready};
use call::Witness;
use pair::{Arena, Pair, Side};
use recorder::Recorder;

/// The token of the stop switch.
const STOP_TOKEN: u64 = u64::MAX;
/// Tokens from here on are those of listeners.
const LISTENERS: u64 = 1 << 62;
/// How old the distance between the clocks may grow before it is read again.
const CLOCK_AGE: DurationNs = DurationNs::from_millis(10_000);
/// How often a place for a pair can be taken anew before its tokens come again.
const GENERATIONS: u32 = 0x3fff_ffff;
/// The agent of a request that names none.
const UNNAMED: &str = "unnamed";

/// Where to listen, and whose calls come in there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The agent.
    pub agent: String,
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
}

/// By what a call is known to be an agent's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Attribution {
    /// The port on which it came in.
    #[default]
    Port,
    /// The header `X-Tachograph-Agent`, which is passed on like every other.
    Header,
    /// The connection: each is an agent of its own, `connection-1` and so on.
    Connection,
}

/// What a tap does.
#[derive(Debug, Clone)]
pub struct TapConfig {
    /// Where it listens; at least one.
    pub listen: Vec<Listen>,
    /// The server.
    pub upstream: Endpoint,
    /// The name of the server in events.
    pub server: String,
    /// Whose call is whose.
    pub by: Attribution,
    /// The task's nonce text, if prompts begin with nonces that are made of it.
    pub nonce: Option<String>,
    /// The cassette to which interactions are added.
    pub record: Option<PathBuf>,
    /// Whether it may listen where other machines can reach it.
    pub allow_remote: bool,
}

/// Why there is no tap.
#[derive(Debug, thiserror::Error)]
pub enum TapError {
    /// Nowhere to listen.
    #[error("no address to listen on; give at least one, such as 127.0.0.1:0")]
    NoAddress,
    /// Two agents of one name.
    #[error(
        "two addresses are for agent {agent:?}; give each agent one, or use another attribution"
    )]
    Twice {
        /// The agent.
        agent: String,
    },
    /// Others could reach it, and nobody said that they may.
    #[error(
        "{address} can be reached from other machines, and the tap passes everything on to the \
         server; listen on 127.0.0.1, or say --allow-remote"
    )]
    Remote {
        /// The address.
        address: SocketAddr,
    },
    /// The server wants HTTPS.
    #[error(
        "{upstream} wants HTTPS; the tap changes no byte, so that it cannot encrypt for its client: \
         give a server with http://"
    )]
    Tls {
        /// The server.
        upstream: String,
    },
    /// The server's name has no address.
    #[error("{upstream} has no address ({reason}); is the name right?")]
    Unknown {
        /// The server.
        upstream: String,
        /// What the system says.
        reason: String,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {address}; is something else listening there?")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The cassette cannot be used.
    #[error("could not record to {}: {reason}", path.display())]
    Cassette {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The system refused something.
    #[error("could not {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// Events could not be written.
    #[error("could not write what was seen")]
    Write {
        /// What the system says.
        source: io::Error,
    },
}

/// Takes an event of a source.
pub type Say<'a> = dyn FnMut(&str, Event) -> io::Result<()> + 'a;

/// A proxy that listens.
pub struct Tap {
    witness: Witness,
    by: Attribution,
    upstream: Endpoint,
    addresses: Vec<SocketAddr>,
    listeners: Vec<(String, SocketAddr, TcpListener)>,
    poller: Poller,
    pairs: Vec<Option<Box<Pair>>>,
    generations: Vec<u32>,
    free: Vec<usize>,
    n_connections: u64,
    sample: ClockSample,
    /// Keeps the kernel stamping: it begins some time after the first socket asks.
    _keeper: Option<std::net::UdpSocket>,
}

impl std::fmt::Debug for Tap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tap").field("upstream", &self.upstream).finish_non_exhaustive()
    }
}

impl Tap {
    /// Begins to listen.
    ///
    /// # Errors
    ///
    /// [`TapError`]; nothing listens then.
    pub fn bind(config: TapConfig) -> Result<Self, TapError> {
        let upstream = config.upstream;
        check(&config.listen, config.by, config.allow_remote)?;
        if upstream.is_tls() {
            return Err(TapError::Tls { upstream: upstream.to_string() });
        }
        let unknown = |reason: String| TapError::Unknown { upstream: upstream.to_string(), reason };
        let addresses: Vec<SocketAddr> = (upstream.host(), upstream.port())
            .to_socket_addrs()
            .map_err(|error| unknown(error.to_string()))?
            .collect();
        if addresses.is_empty() {
            return Err(unknown("none was found".to_owned()));
        }
        let recorder = config.record.map(Recorder::open).transpose()?;
        let system = |what| move |source| TapError::System { what, source };
        let mut poller = Poller::new().map_err(system("wait for sockets"))?;
        let mut listeners = Vec::new();
        for (listen, token) in config.listen.into_iter().zip(LISTENERS..) {
            let failed = |source| TapError::Listen { address: listen.address, source };
            let listener = TcpListener::bind(listen.address).map_err(failed)?;
            listener.set_nonblocking(true).map_err(failed)?;
            let address = listener.local_addr().map_err(failed)?;
            poller.add(listener.as_fd(), token, Interest::Read).map_err(failed)?;
            listeners.push((listen.agent, address, listener));
        }
        let sample = clock::sample();
        let offset = RealtimeOffset::of(&sample).expect("a fresh sample holds a number");
        let keeper = std::net::UdpSocket::bind(("127.0.0.1", 0))
            .ok()
            .filter(|socket| sys::enable_receive_stamps(socket.as_fd()).is_ok());
        Ok(Self {
            witness: Witness::new(config.server, config.nonce, recorder, offset),
            by: config.by,
            upstream,
            addresses,
            listeners,
            poller,
            pairs: Vec::new(),
            generations: Vec::new(),
            free: Vec::new(),
            n_connections: 0,
            sample,
            _keeper: keeper,
        })
    }

    /// Returns each agent with the address at which its calls come in.
    pub fn listening(&self) -> BTreeMap<String, SocketAddr> {
        self.listeners.iter().map(|(agent, address, _)| (agent.clone(), *address)).collect()
    }

    /// Passes bytes on until `stop` is thrown, and says what it saw.
    ///
    /// Each call is said when it is over, those that the stop ends as cancelled, beside
    /// samples of the clocks from the source `harness`.
    ///
    /// # Errors
    ///
    /// [`TapError::System`] if sockets cannot be awaited, [`TapError::Write`] or
    /// [`TapError::Cassette`] if something that was seen cannot be written.
    pub fn run(&mut self, stop: &Stop, say: &mut Say<'_>) -> Result<Report, TapError> {
        let system = |what| move |source| TapError::System { what, source };
        self.poller
            .add(stop.descriptor(), STOP_TOKEN, Interest::Read)
            .map_err(system("wait for the stop"))?;
        sys::tighten_timer_slack();
        let write = |source| TapError::Write { source };
        say(HARNESS, Event::Clock(self.sample.clone())).map_err(write)?;
        let mut arena = Arena::default();
        let mut ready = Vec::new();
        while !stop.is_stopped() {
            self.poller.wait(None, &mut ready).map_err(system("wait for sockets"))?;
            for event in &ready {
                if event.token >= LISTENERS {
                    self.accept(event.token);
                } else {
                    self.forward(*event, &mut arena);
                }
                if arena.is_full() {
                    self.look(&mut arena, say)?;
                }
            }
            self.look(&mut arena, say)?;
            if clock::now().since(self.sample.at_ns).is_some_and(|age| age > CLOCK_AGE) {
                self.read_clocks(say)?;
            }
        }
        for pair in self.pairs.iter_mut().flatten() {
            self.witness.stopped(pair, say)?;
        }
        self.read_clocks(say)?;
        Ok(self.witness.report())
    }

    /// Reads both clocks anew, so that kernel stamps follow their slewing.
    fn read_clocks(&mut self, say: &mut Say<'_>) -> Result<(), TapError> {
        self.sample = clock::sample();
        let offset = RealtimeOffset::of(&self.sample);
        self.witness.offset = offset.expect("a fresh sample holds a number");
        say(HARNESS, Event::Clock(self.sample.clone())).map_err(|source| TapError::Write { source })
    }

    fn accept(&mut self, token: u64) {
        let at = usize::try_from(token - LISTENERS).unwrap_or(usize::MAX);
        let Some((agent, _, listener)) = self.listeners.get(at) else { return };
        // Out of descriptors, or nobody is there any more: the next turn looks again.
        while let Ok((socket, _)) = listener.accept() {
            let ready = socket.set_nonblocking(true).and_then(|()| socket.set_nodelay(true));
            if ready.is_err() {
                continue;
            }
            // Where the kernel has no stamps, the user's remain.
            drop(sys::enable_receive_stamps(socket.as_fd()));
            self.n_connections += 1;
            let agent = match self.by {
                Attribution::Port => Some(agent.clone()),
                Attribution::Connection => Some(format!("connection-{}", self.n_connections)),
                Attribution::Header => None,
            };
            let index = self.free.pop().unwrap_or_else(|| {
                self.pairs.push(None);
                self.generations.push(0);
                self.pairs.len() - 1
            });
            let token = token_of(index, self.generations[index], Side::Client);
            let mut pair = Box::new(Pair::new(socket, agent, self.addresses.clone()));
            match pair.register(&mut self.poller, token) {
                Ok(()) => self.pairs[index] = Some(pair),
                Err(_) => self.free.push(index),
            }
        }
    }

    /// Passes on what one socket has.
    fn forward(&mut self, event: Ready, arena: &mut Arena) {
        let (index, generation, side) = parts_of(event.token);
        if self.generations.get(index) != Some(&generation) {
            return;
        }
        let Some(pair) = self.pairs[index].as_mut() else { return };
        pair.forward(event, side, index, arena);
        pair.settle(&mut self.poller, |side| token_of(index, generation, side));
    }

    /// Takes apart what the turn passed on, and lets go of connections that are over.
    fn look(&mut self, arena: &mut Arena, say: &mut Say<'_>) -> Result<(), TapError> {
        for item in arena.items() {
            if let Some(pair) = self.pairs[item.pair].as_mut() {
                self.witness.see(pair, &item, arena, say)?;
            }
        }
        for index in arena.clear() {
            if let Some(mut pair) = self.pairs[index].take_if(|pair| pair.is_over()) {
                self.witness.closed(&mut pair, say)?;
                self.generations[index] = (self.generations[index] + 1) & GENERATIONS;
                self.free.push(index);
            }
        }
        Ok(())
    }
}

/// Checks addresses before anything is opened.
fn check(listen: &[Listen], by: Attribution, allow_remote: bool) -> Result<(), TapError> {
    if listen.is_empty() {
        return Err(TapError::NoAddress);
    }
    for (at, own) in listen.iter().enumerate() {
        if by == Attribution::Port && listen[..at].iter().any(|other| other.agent == own.agent) {
            return Err(TapError::Twice { agent: own.agent.clone() });
        }
        if !allow_remote && !own.address.ip().is_loopback() {
            return Err(TapError::Remote { address: own.address });
        }
    }
    Ok(())
}

fn token_of(index: usize, generation: u32, side: Side) -> u64 {
    let side = u64::from(side == Side::Upstream);
    // Thirty bits of each are far more than there are descriptors.
    u64::from(generation & GENERATIONS) << 31 | (index as u64) << 1 | side
}

fn parts_of(token: u64) -> (usize, u32, Side) {
    let side = if token & 1 == 1 { Side::Upstream } else { Side::Client };
    let index = usize::try_from(token >> 1 & 0x3fff_ffff).unwrap_or(usize::MAX);
    let generation = u32::try_from(token >> 31 & u64::from(GENERATIONS)).unwrap_or(u32::MAX);
    (index, generation, side)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_keep_their_parts() {
        for (index, generation) in [(0, 0), (7, 1), (0x3fff_ffff, GENERATIONS)] {
            for side in [Side::Client, Side::Upstream] {
                let token = token_of(index, generation, side);
                assert_eq!(parts_of(token), (index, generation, side));
                assert!(token < LISTENERS && token != STOP_TOKEN);
            }
        }
    }
}
