//! The report `multi-agent`: several agents at once, and each of them alone.
//!
//! Owns: its sections and their order. Sentences are fixed; what they assert
//! follows from verdicts, and their numbers are claims.
//!
//! Does not: compute; a value comes from [`Concurrency`] or not at all.

mod answer;
mod apart;
mod claims;
mod contention;
mod efficiency;
mod methodology;
pub(crate) mod page;
mod phases;
mod planned;
mod recommend;
mod scaling;
mod topologies;
mod tradeoffs;

use crate::analysis::Analysis;
use crate::concurrency::Concurrency;
use crate::report::Report;
use crate::sections::{appendix, deviations, drift, environment, usage, validity};
use crate::writer::Writer;

/// Writes the report.
pub(crate) fn write(analysis: &Analysis, concurrency: &Concurrency) -> Report {
    let mut writer = Writer::new(analysis);
    answer::section(&mut writer, concurrency);
    planned::section(&mut writer);
    deviations::section(&mut writer);
    methodology::section(&mut writer);
    environment::section(&mut writer);
    validity::section(&mut writer);
    topologies::section(&mut writer, concurrency);
    efficiency::section(&mut writer, concurrency);
    phases::section(&mut writer, concurrency);
    contention::section(&mut writer, concurrency);
    scaling::section(&mut writer, concurrency);
    tradeoffs::section(&mut writer, concurrency);
    apart::section(&mut writer, concurrency);
    usage::section(&mut writer);
    drift::section(&mut writer);
    recommend::section(&mut writer, concurrency);
    recommend::risks(&mut writer);
    appendix::all(&mut writer);
    writer.finish()
}
