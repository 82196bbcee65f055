//! The wire protocol, seen from a raw socket: routes, shapes, state, faults.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "these are tests and what they share"
)]

mod capacity;
mod cassette;
mod faults;
mod garbage;
mod http;
mod ollama;
mod openai;
mod process;
mod state;
mod timing;
