//! The report `cross-language`: several implementations of one agent.
//!
//! Owns: its sections and their order. Parity comes first; without it no difference is
//! claimed. Sentences are fixed; what they assert follows from verdicts, and their
//! numbers are claims.
//!
//! Does not: compute; a value comes from [`Implementations`] or not at all.

mod answer;
mod capacity;
mod claims;
mod client;
mod configurations;
mod cost;
mod footprint;
mod methodology;
mod parity;
mod planned;
mod recommend;
mod server;
mod tuning;

use crate::analysis::Analysis;
use crate::implementations::Implementations;
use crate::report::Report;
use crate::sections::{appendix, deviations, drift, environment, usage, validity};
use crate::writer::Writer;

/// Writes the report.
pub(crate) fn write(analysis: &Analysis, contest: &Implementations) -> Report {
    let mut writer = Writer::new(analysis);
    answer::section(&mut writer, contest);
    parity::section(&mut writer, contest);
    planned::section(&mut writer, contest);
    deviations::section(&mut writer);
    methodology::section(&mut writer);
    environment::section(&mut writer);
    validity::section(&mut writer);
    client::section(&mut writer, contest);
    server::section(&mut writer, contest);
    configurations::section(&mut writer, contest);
    tuning::section(&mut writer, contest);
    footprint::section(&mut writer, contest);
    capacity::section(&mut writer, contest);
    cost::section(&mut writer, contest);
    usage::section(&mut writer);
    drift::section(&mut writer);
    recommend::section(&mut writer, contest);
    recommend::risks(&mut writer);
    appendix::all(&mut writer);
    writer.finish()
}
