//! The native agent: what it reads, asks and writes.
//!
//! Owns: the workflow that every implementation of the agent must follow, so
//! that two of them send byte-identical requests. The steps:
//!
//! 1. `ready`, then a `clock` sample.
//! 2. Warm-up calls, if the task asks for any: stage `warmup`, the analysis
//!    prompt without data ([`prompts::WARMUP`]).
//! 3. Stage `ingest`: [`ingest`] scans and parses the folder, [`summary`] makes
//!    the data summary. No readable file: a report that says so and
//!    `done` with `no_input`.
//! 4. Stage `analysis`: one call with [`prompts::analysis`]; [`extract`] takes
//!    summary, findings and recommendations out of the answer.
//! 5. Stage `report`: one call with [`prompts::report`].
//! 6. The `artifact` `report.md` ([`document`]), a last `clock` sample, `done`.
//!
//! A call that does not complete ends the calls: the report says what failed,
//! and the outcome is `call_failed`.
//!
//! Does not: open sockets (the client does) or print; [`crate::worker`] wires.

pub mod combined;
pub mod document;
pub mod extract;
pub mod ingest;
pub mod nonce;
pub mod outline;
pub mod prompts;
pub mod summary;
