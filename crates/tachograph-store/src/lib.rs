//! The study directory: append, seal, open, check, lock.
//!
//! Owns: every file of a study. What is on the disk is described in
//! `docs/study-format.md`.
//!
//! Does not: use the network, know what events mean, read a clock, or rewrite
//! what is sealed.

mod check;
mod companion;
mod compress;
#[cfg(test)]
mod crash;
mod disk;
mod journal;
mod layout;
mod ledger;
mod lock;
mod manifest;
mod open;
mod recover;
mod run_writer;
mod schema;
mod study;
#[cfg(feature = "parquet")]
mod tables;

pub use check::{Check, Finding, NOT_CHECKED, Severity, check};
pub use companion::Companion;
pub use disk::DiskError;
pub use journal::AppendError;
pub use layout::NameError;
pub use manifest::merkle_root;
pub use open::{OpenError, OpenStudy};
pub use run_writer::RunWriter;
pub use schema::SchemaError;
pub use study::{NewStudy, Study, WriteError};
#[cfg(feature = "parquet")]
pub use tables::{TableError, parquet_bytes};
