//! The report `single-agent`: one agent, many configurations, one baseline.
//!
//! Owns: its sections and their order. Sentences are fixed; what they assert
//! follows from verdicts, and their numbers are claims.
//!
//! Does not: compute; a value comes from [`Analysis`] or not at all.

mod companions;
mod effects;
pub(crate) mod latency;
mod length;
mod methodology;
mod outcome;
mod planned;
mod power;
mod quality;
pub(crate) mod results;
mod selection;
mod stopping;
mod variation;

use crate::analysis::Analysis;
use crate::report::Report;
use crate::sections::{appendix, drift, environment, usage, validity};
use crate::writer::Writer;

/// Writes the report.
pub(crate) fn write(analysis: &Analysis) -> Report {
    let mut writer = Writer::new(analysis);
    outcome::summary(&mut writer);
    planned::section(&mut writer);
    methodology::section(&mut writer);
    environment::section(&mut writer);
    validity::section(&mut writer);
    results::section(&mut writer);
    latency::section(&mut writer);
    effects::section(&mut writer);
    outcome::success(&mut writer);
    selection::section(&mut writer);
    quality::consistency(&mut writer);
    usage::section(&mut writer);
    quality::noise_floor(&mut writer);
    drift::section(&mut writer);
    outcome::recommendations(&mut writer);
    outcome::limitations(&mut writer);
    appendix::all(&mut writer);
    writer.finish()
}
