//! Sections that every kind of report has.
//!
//! Owns: environment, deviations, validity, drift, resources and the appendices.
//!
//! Does not: know which kind of report they stand in.

pub(crate) mod appendix;
pub(crate) mod deviations;
pub(crate) mod drift;
pub(crate) mod environment;
mod order;
pub(crate) mod standing;
pub(crate) mod usage;
pub(crate) mod validity;
