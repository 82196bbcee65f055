//! Servers that Tachograph starts itself: one HTTP front with the routes of
//! Ollama and of `OpenAI`, over engines.
//!
//! Owns: the routes, the life of the model behind them, and the log of the
//! instants at which pieces of answers were written.
//!
//! Does not: know studies or statistics, print, or read signals.

mod admin;
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

pub use llama::gguf::GgufError;
pub use llama::{LlamaConfig, LlamaError, LlamaProgram};
pub use send_log::{RequestOutcome, RequestRecord, SendKind, SendRecord};
pub use server::{
    EngineConfig, ReadyEngine, ReadyLine, RunningServer, ServeConfig, ServeError, SimulatedServer,
    VERSION, ready_line, serve, start,
};
pub use simulated::config::{Effect, Fault, FaultRule, SimulatedConfig, SimulatedConfigError};
pub use sys::monotonic_ns;
