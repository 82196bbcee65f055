//! One module per command: each reads its inputs, calls the rooms, and says
//! what happened.
//!
//! Owns: wiring.
//!
//! Does not: compute anything that is worth a test of its own.

pub(crate) mod agent_setup;
pub(crate) mod analyze;
pub(crate) mod attest;
pub(crate) mod audit;
pub(crate) mod baseline;
pub(crate) mod compare;
pub(crate) mod doctor;
pub(crate) mod export;
pub(crate) mod import;
pub(crate) mod init;
pub(crate) mod plan;
pub(crate) mod power;
pub(crate) mod quickstart;
pub(crate) mod record;
pub(crate) mod render;
pub(crate) mod report;
pub(crate) mod run;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod tap;
pub(crate) mod validation;
pub(crate) mod verify;
