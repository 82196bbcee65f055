//! Starting and stopping servers: one port, one thread, one back end.
//!
//! Owns: listening sockets, the threads behind them, the ready line, and a
//! clean end.
//!
//! Does not: print or read signals; the caller does.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::backend::Backend;
use crate::cassette::{CassetteConfig, Player, Tape};
use crate::connection::{StampedSocket, Tags};
use crate::engine::Engine;
use crate::front;
use crate::instance::Instance;
use crate::llama::{self, Llama, LlamaConfig, LlamaError};
use crate::model_card::ModelCard;
use crate::pacer::Pacer;
use crate::send_log::{RequestRecord, SendLog, SendRecord};
use crate::simulated::Simulated;
use crate::simulated::config::{SimulatedConfig, SimulatedConfigError};
use crate::sys;

/// What to serve and where.
#[derive(Debug, Clone)]
pub struct ServeConfig {
    /// One independent server per address; port 0 takes a free one.
    pub listen: Vec<SocketAddr>,
    /// What answers.
    pub engine: EngineConfig,
}

/// Which engine answers, and how it is set.
#[derive(Debug, Clone)]
pub enum EngineConfig {
    /// Stated timing, no model.
    Simulated(SimulatedConfig),
    /// A real model in a llama.cpp server.
    Llama(LlamaConfig),
    /// What a server once answered, byte by byte at the recorded instants.
    Cassette(CassetteConfig),
}

impl EngineConfig {
    /// Returns the engine's name: `simulated`, `llama` or `cassette`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Simulated(_) => "simulated",
            Self::Llama(_) => "llama",
            Self::Cassette(_) => "cassette",
        }
    }
}

/// What `/api/version` says: the Ollama whose behaviour is followed, and that
/// this is not it.
pub const VERSION: &str = "0.33.3-tachograph";

/// Announces servers that accept connections; one JSON object on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyLine {
    /// Always `serving`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Version of this line's shape.
    pub protocol: u32,
    /// Base URL of each server, in the order of the addresses asked for.
    pub urls: Vec<String>,
    /// What answers.
    pub engine: ReadyEngine,
}

/// The engine part of the ready line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReadyEngine {
    /// `simulated`, `llama` or `cassette`.
    pub kind: String,
    /// Name of the model; of a cassette with several, the first recorded one.
    pub model: String,
    /// SHA-256 that `/api/tags` gives, in hex.
    pub digest: String,
    /// What `/api/version` says.
    pub version: String,
}

impl fmt::Display for ReadyLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_string(self).map_err(|_error| fmt::Error)?;
        f.write_str(&json)
    }
}

/// Why a server could not start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// No address was given.
    #[error("no address to listen on; give at least one, such as 127.0.0.1:0")]
    NoAddress,
    /// Another process has the port.
    #[error("port {} on {} is in use; stop what listens there or choose another port (0 takes a free one)", address.port(), address.ip())]
    PortInUse {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The address cannot be listened on.
    #[error("could not listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The simulated engine's configuration is wrong.
    #[error("the simulated engine's configuration cannot be used")]
    SimulatedConfig {
        /// The field.
        #[from]
        source: SimulatedConfigError,
    },
    /// The real engine cannot be used.
    #[error("the llama.cpp engine cannot be used")]
    Llama {
        /// Why.
        #[from]
        source: LlamaError,
    },
    /// A thread, timer or runtime was refused by the system.
    #[error("could not {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A server's thread ended on its own.
    #[error("the server at {url} stopped unexpectedly")]
    Stopped {
        /// Its URL.
        url: String,
    },
}

/// Serves until `shutdown` receives a message or its sender is dropped.
///
/// `on_ready` is called once, when every address accepts connections.
///
/// # Errors
///
/// [`ServeError`] if an address or the engine cannot be used, or if a server
/// stops on its own.
pub fn serve(
    config: &ServeConfig,
    on_ready: impl FnOnce(&ReadyLine),
    shutdown: &mpsc::Receiver<()>,
) -> Result<(), ServeError> {
    let servers = start(config)?;
    on_ready(&ready_line(&servers));
    loop {
        match shutdown.recv_timeout(Duration::from_secs(1)) {
            Ok(()) | Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
        }
        if let Some(ended) = servers.iter().find(|server| server.has_ended()) {
            return Err(ServeError::Stopped { url: ended.url.clone() });
        }
    }
}

/// Starts one server per address and returns when all accept connections.
///
/// # Errors
///
/// [`ServeError`] if an address or the engine cannot be used; those that had
/// started are stopped again.
pub fn start(config: &ServeConfig) -> Result<Vec<RunningServer>, ServeError> {
    if config.listen.is_empty() {
        return Err(ServeError::NoAddress);
    }
    let engine = Prepared::new(&config.engine)?;
    let listeners: Vec<_> =
        config.listen.iter().map(|address| bind(*address)).collect::<Result<_, _>>()?;
    listeners.into_iter().map(|listener| RunningServer::start(listener, engine.clone())).collect()
}

/// An engine that was looked at: what all instances share.
#[derive(Debug, Clone)]
enum Prepared {
    Simulated(SimulatedConfig),
    Llama(Arc<LlamaConfig>, Arc<ModelCard>),
    Cassette(Arc<Tape>),
}

impl Prepared {
    fn new(engine: &EngineConfig) -> Result<Self, ServeError> {
        match engine {
            EngineConfig::Simulated(config) => {
                config.check()?;
                Ok(Self::Simulated(config.clone()))
            }
            EngineConfig::Llama(config) => {
                let card = llama::inspect(config)?;
                Ok(Self::Llama(Arc::new(config.clone()), Arc::new(card)))
            }
            EngineConfig::Cassette(config) => Ok(Self::Cassette(Arc::new(Tape::new(config)))),
        }
    }
}

/// Describes running servers for whoever waits for them.
pub fn ready_line(servers: &[RunningServer]) -> ReadyLine {
    let urls = servers.iter().map(|server| server.url().to_owned()).collect();
    let engine = servers.first().map_or_else(
        || ReadyEngine {
            kind: String::new(),
            model: String::new(),
            digest: String::new(),
            version: VERSION.to_owned(),
        },
        |server| server.engine.clone(),
    );
    ReadyLine { kind: "serving", protocol: 1, urls, engine }
}

fn bind(address: SocketAddr) -> Result<std::net::TcpListener, ServeError> {
    // Without more descriptors fewer streams fit; nothing else changes.
    drop(sys::raise_descriptor_limit());
    let listener = std::net::TcpListener::bind(address).map_err(|source| {
        if source.kind() == io::ErrorKind::AddrInUse {
            ServeError::PortInUse { address, source }
        } else {
            ServeError::Listen { address, source }
        }
    })?;
    listener.set_nonblocking(true).map_err(|source| ServeError::Listen { address, source })?;
    Ok(listener)
}

/// The in-process simulated server, for tests and benchmarks.
#[derive(Debug)]
pub struct SimulatedServer;

impl SimulatedServer {
    /// Starts one on a free port of 127.0.0.1.
    ///
    /// # Errors
    ///
    /// [`ServeError`] if the configuration is wrong or no port is free.
    pub fn start(config: SimulatedConfig) -> Result<RunningServer, ServeError> {
        let engine = Prepared::new(&EngineConfig::Simulated(config))?;
        let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        RunningServer::start(bind(address)?, engine)
    }
}

/// A server on a thread of its own; dropping it stops it and waits for the end.
#[derive(Debug)]
pub struct RunningServer {
    url: String,
    address: SocketAddr,
    engine: ReadyEngine,
    log: Arc<SendLog>,
    stop: watch::Sender<bool>,
    thread: Option<JoinHandle<()>>,
}

/// What a server's thread reports when it accepts connections.
struct Started {
    log: Arc<SendLog>,
    engine: ReadyEngine,
}

impl RunningServer {
    fn start(listener: std::net::TcpListener, engine: Prepared) -> Result<Self, ServeError> {
        let address = listener
            .local_addr()
            .map_err(|source| ServeError::System { what: "read the port's number", source })?;
        let (stop, stopping) = watch::channel(false);
        let (report, reported) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name(format!("serve-{}", address.port()))
            .spawn(move || run_thread(listener, engine, stopping, &report))
            .map_err(|source| ServeError::System { what: "start a server thread", source })?;
        let url = format!("http://{address}");
        let started =
            reported.recv().map_err(|_ended| ServeError::Stopped { url: url.clone() })??;
        let Started { log, engine } = started;
        Ok(Self { url, address, engine, log, stop, thread: Some(thread) })
    }

    /// Base URL, such as `http://127.0.0.1:4711`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The address that it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    fn has_ended(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Every tagged write so far, in order.
    pub fn sends(&self) -> Vec<SendRecord> {
        self.log.sends()
    }

    /// Every finished request so far, by ordinal.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.log.requests()
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was already printed by the panic hook.
            drop(thread.join());
        }
    }
}

fn run_thread(
    listener: std::net::TcpListener,
    engine: Prepared,
    stopping: watch::Receiver<bool>,
    report: &mpsc::Sender<Result<Started, ServeError>>,
) {
    // Without the slack's change the timers are 50 µs coarser; the log shows it.
    drop(sys::set_timer_slack());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Look at sockets and the timer often, also when many streams are busy.
        .event_interval(13)
        .build();
    let result = match runtime {
        Ok(runtime) => runtime.block_on(run(listener, engine, stopping, report)),
        Err(source) => Err(ServeError::System { what: "start an event loop", source }),
    };
    if let Err(error) = result {
        // Nobody listens any more once the server had started.
        drop(report.send(Err(error)));
    }
}

async fn run(
    listener: std::net::TcpListener,
    engine: Prepared,
    mut stopping: watch::Receiver<bool>,
    report: &mpsc::Sender<Result<Started, ServeError>>,
) -> Result<(), ServeError> {
    let system = |what| move |source| ServeError::System { what, source };
    let listener =
        TcpListener::from_std(listener).map_err(system("register the listening socket"))?;
    let pacer = Pacer::start().map_err(system("make a timer"))?;
    let model = |engine| Backend::Model(Instance::new(engine, VERSION.to_owned()));
    let backend = match engine {
        Prepared::Simulated(config) => {
            model(Engine::Simulated(Box::new(Simulated::new(config, pacer))))
        }
        Prepared::Llama(config, card) => model(Engine::Llama(Llama::new(config, card))),
        Prepared::Cassette(tape) => Backend::Cassette(Player::new(tape, pacer)),
    };
    let card = backend.cards().swap_remove(0);
    let ready = ReadyEngine {
        kind: backend.kind().to_owned(),
        model: card.name,
        digest: card.digest,
        version: backend.version().to_owned(),
    };
    let started = Started { log: Arc::clone(backend.log()), engine: ready };
    if report.send(Ok(started)).is_err() {
        return Ok(());
    }
    loop {
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => return Ok(()),
            accepted = listener.accept() => match accepted {
                Ok((socket, _peer)) => accept(&backend, socket),
                // Out of descriptors: give those in use time to close.
                Err(_error) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
        }
    }
}

fn accept(backend: &Backend, socket: tokio::net::TcpStream) {
    // Without it Nagle's algorithm would hold tokens back.
    if socket.set_nodelay(true).is_err() {
        return;
    }
    let tags = Arc::new(Tags::new(Arc::clone(backend.log())));
    let service = front::service(backend.clone(), Arc::clone(&tags));
    let connection =
        http1::Builder::new().serve_connection(StampedSocket::new(socket, tags), service);
    tokio::spawn(async move {
        // A connection that ends in an error concerns its client, who sees it.
        drop(connection.await);
    });
}
