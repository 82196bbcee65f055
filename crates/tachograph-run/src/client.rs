//! Streaming clients for Ollama and OpenAI-compatible servers.
//!
//! Owns: sockets, HTTP/1.1, the NDJSON and SSE splitters, the decoders of each
//! protocol, and the instants of a call. One [`Driver`] carries any number of
//! calls on one thread; [`Client`] makes one call at a time. A failed call is
//! data: it has a status and a cause, and every chunk that came is kept.
//!
//! Does not: average, retry, or follow redirects. A request is sent again only
//! if a kept-alive connection turned out to be closed before it took one byte.
//!
//! # Rules that the protocols leave open
//!
//! - The final record is `"done": true` (Ollama) or `[DONE]` (OpenAI). With it, a
//!   call is `completed`, whatever the connection does afterwards.
//! - Without `[DONE]`, a call whose `finish_reason` came and whose body ended as
//!   HTTP says it must is `completed`, and `error` says what was missing. If the
//!   connection broke instead, it is `truncated`: its usage may be lost.
//! - The first thing that goes wrong names the status; the stream is read on, so
//!   that nothing that came is missing from the record.
//! - A record with reasoning, text and a tool call makes up to three chunks of one
//!   read; its size counts on the first. A final record that carries text is a
//!   chunk of that text.
//! - A chunk that is not valid keeps its bytes, at most [`EXCERPT_BYTES`], as text.

mod answer;
mod driver;
mod endpoint;
pub(crate) mod exchange;
mod fetch;
mod frames;
pub(crate) mod http;
mod ollama;
mod openai;
pub mod request;
mod stop;
#[cfg(feature = "tls")]
mod tls;
pub(crate) mod trace;
mod transport;

pub use driver::{Driver, DriverError};
pub use endpoint::{Endpoint, EndpointError, Secret, SecretError};
pub use fetch::{FetchError, Response, fetch};
pub use stop::Stop;
pub use trace::CallTrace;

use tachograph_model::call::CallRecord;
use tachograph_model::event::{ClockSample, Event, Stage};
use tachograph_model::plan::{Api, ConnectionMode, Timeouts};
use tachograph_model::units::InstantNs;

/// The most that is kept of bytes that are not what the protocol promises.
pub const EXCERPT_BYTES: usize = 2_048;

/// One call to make.
#[derive(Debug, Clone)]
pub struct CallSpec {
    /// Its number within its agent, from 0, warm-up included.
    pub call: u32,
    /// The stage that makes it.
    pub stage: Stage,
    /// The plan's name of the server.
    pub server: String,
    /// Where the server is.
    pub endpoint: Endpoint,
    /// The protocol.
    pub api: Api,
    /// The exact body, from [`request::body`].
    pub body: String,
    /// The nonce in the body, if there is one; left out of the parity digest.
    pub nonce: Option<String>,
    /// Whether the call opens a connection or may use a kept one.
    pub connection: ConnectionMode,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// The key for the server, if it wants one.
    pub secret: Option<Secret>,
    /// When the call is meant to start; absent means as soon as it is submitted.
    pub planned: Option<InstantNs>,
}

/// Makes one call at a time, over connections that it keeps.
#[derive(Debug)]
pub struct Client {
    driver: Driver,
}

impl Client {
    /// Makes a client; `stop` ends its calls as `cancelled`.
    ///
    /// # Errors
    ///
    /// [`DriverError`] if the system gives no way to wait for sockets.
    pub fn new(stop: Stop) -> Result<Self, DriverError> {
        Ok(Self { driver: Driver::new(stop)? })
    }

    /// Returns the sample by which kernel stamps are moved to the monotonic clock;
    /// a worker records it before its first call.
    pub fn clock_sample(&self) -> &ClockSample {
        self.driver.clock_sample()
    }

    /// Returns whether the kernel stamps what this client receives.
    pub fn has_kernel_stamps(&self) -> bool {
        self.driver.has_kernel_stamps()
    }

    /// Makes a call and waits for its end.
    ///
    /// `on_event` gets `call_sent` as soon as the request is written, and the
    /// chunks and `call_finished` after the end, so that nothing is done while the
    /// answer streams. Whatever goes wrong is in the record.
    pub fn call(&mut self, spec: CallSpec, on_event: &mut dyn FnMut(Event)) -> CallRecord {
        self.driver.submit(spec);
        loop {
            let finished =
                self.driver.wait(None, &mut |sent| on_event(Event::CallSent(sent.clone())));
            if let Some(trace) = finished.into_iter().next() {
                let record = trace.into_record();
                for chunk in &record.chunks {
                    on_event(Event::Chunk(chunk.clone()));
                }
                on_event(Event::CallFinished(record.finished.clone()));
                return record;
            }
        }
    }
}
