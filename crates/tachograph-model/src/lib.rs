//! The vocabulary of Tachograph.
//!
//! Owns: the words that every other room speaks: units, digests, plans, runs,
//! events, calls and the shape of a study. Each metric of a call has its one
//! definition here, in [`call`].
//!
//! Does not: read files, clocks, sockets or unseeded randomness.

pub mod call;
pub mod canonical;
pub mod cassette;
pub mod claimed;
pub mod digest;
pub mod environment;
pub mod event;
pub mod options;
pub mod plan;
pub mod run;
pub mod study;
pub mod table;
pub mod task;
pub mod units;
