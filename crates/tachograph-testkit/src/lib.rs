//! Builders of small studies and planted corruptions, for tests.
//!
//! Owns: made-up studies of the right shape ([`study`]), and damage to files
//! ([`corrupt`]).
//!
//! Does not: ship, or know any room but the model.

pub mod corrupt;
pub mod study;
