//! Servers that Tachograph starts itself: one HTTP front with the routes of
//! Ollama and of `OpenAI`, over engines.
//!
//! Owns: the routes, the life of the model behind them, and the log of the
//! instants at which pieces of answers were written.
//!
//! Does not: know studies or statistics, print, or read signals.
//!
//! Three engines: [`SimulatedConfig`], stated timing without a model;
//! [`LlamaConfig`], llama.cpp's own server as a child process, which
//! [`engine_setup`] can install; and [`CassetteConfig`], recorded answers at
//! their recorded instants. Each listening port is an independent server
//! with a thread, a model and a queue of its own.
//!
//! ```
//! use tachograph_serve::{SimulatedConfig, SimulatedServer};
//!
//! let server = SimulatedServer::start(SimulatedConfig::default())?;
//! assert!(server.url().starts_with("http://127.0.0.1:"));
//! assert!(server.sends().is_empty());
//! # Ok::<(), tachograph_serve::ServeError>(())
//! ```
//!
//! # Routes
//!
//! Ollama: `POST /api/generate`, `/api/chat`, `/api/show`; `GET /api/version`,
//! `/api/tags`, `/api/ps`, `/`. `OpenAI`: `POST /v1/chat/completions`,
//! `/v1/completions`; `GET /v1/models`, `/v1/models/{name}`. Streams of the
//! latter end with llama.cpp's `timings` in their last chunk. A cassette answers
//! whatever was recorded, on any route.
//!
//! Beside them, under `/tachograph`, what neither has:
//!
//! | route | answer |
//! |---|---|
//! | `GET /tachograph` | engine, model, digest, version, process of the model, requests inside |
//! | `GET /tachograph/sends` | NDJSON of [`SendRecord`]: when each piece was due and written |
//! | `GET /tachograph/requests` | NDJSON of [`RequestRecord`]: each request as the server saw it |
//! | `POST /tachograph/reset` | forgets both, and starts counting requests and faults anew |
//! | `POST /tachograph/unload` | takes the model out of memory when its requests are done |
//! | `GET /tachograph/config` | the [`SimulatedConfig`] in use |
//! | `POST /tachograph/config` | lays the fields given over it; answers with the whole |

mod admin;
mod backend;
mod cassette;
mod clock;
mod connection;
mod engine;
pub mod engine_setup;
mod front;
mod hex;
mod instance;
mod job;
mod llama;
mod model_card;
mod options;
mod output;
mod pacer;
mod request;
mod send_log;
mod server;
mod simulated;
mod sys;
mod wire;

pub use cassette::{CassetteConfig, ReadCassetteError, Repeats, Speed, SpeedError, read_cassette};
pub use llama::gguf::GgufError;
pub use llama::{LlamaConfig, LlamaError, LlamaProgram};
pub use send_log::{RequestOutcome, RequestRecord, SendKind, SendRecord};
pub use server::{
    EngineConfig, ReadyEngine, ReadyLine, RunningServer, ServeConfig, ServeError, SimulatedServer,
    VERSION, ready_line, serve, start,
};
pub use simulated::config::{
    Capacity, Effect, Fault, FaultRule, SimulatedConfig, SimulatedConfigError,
};
pub use sys::monotonic_ns;
