//! What a study says of itself that another program measured.
//!
//! Owns: where the results come from, what the source does not record, what was found
//! wrong with it, and the configurations and runs that it holds.
//!
//! Does not: read a foreign file; `tachograph-import` does. Nothing here is a wish: an
//! imported plan is written after the fact, and says so.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::run::{Configuration, RunId};

/// Whose results were imported.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum ImportKind {
    /// The archive of the reports that Tachograph sets out to correct, in all of its layouts.
    Chimeraforge,
    /// `GuideLLM`'s `benchmarks.json`.
    Guidellm,
    /// `AIPerf`'s `profile_export.jsonl` and its summary.
    Aiperf,
    /// What `vllm bench serve --save-result` writes.
    Vllm,
    /// What `llama-bench -o json` or `-o jsonl` writes.
    LlamaBench,
    /// OpenTelemetry spans with attributes of generative AI, as OTLP JSON.
    Otel,
}

impl ImportKind {
    /// Every kind, in the order in which help lists them.
    pub const ALL: [Self; 6] = [
        Self::Chimeraforge,
        Self::Guidellm,
        Self::Aiperf,
        Self::Vllm,
        Self::LlamaBench,
        Self::Otel,
    ];

    /// Returns the name as typed on a command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chimeraforge => "chimeraforge",
            Self::Guidellm => "guidellm",
            Self::Aiperf => "aiperf",
            Self::Vllm => "vllm",
            Self::LlamaBench => "llama-bench",
            Self::Otel => "otel",
        }
    }
}

impl fmt::Display for ImportKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a study's results come from, if Tachograph did not measure them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Imported {
    /// Whose results.
    pub kind: ImportKind,
    /// The layout of the files, in words: `one agent, both arms in a file`.
    pub layout: String,
    /// The files that were read, in the order of their paths.
    pub sources: Vec<ImportedSource>,
    /// What the source does not record, one sentence each.
    pub not_recorded: Vec<String>,
    /// What is wrong with the source, and what was done about it.
    pub defects: Vec<Defect>,
    /// How the order of runs came about, in words, as far as the source tells.
    pub order: String,
    /// What was measured.
    pub configurations: Vec<Configuration>,
    /// Every run, in the order of the source. Runs of one session of the source share
    /// their block.
    pub runs: Vec<RunId>,
}

/// A file that was read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ImportedSource {
    /// Its path inside the folder or archive that was given, with `/`.
    pub path: String,
    /// The digest of its bytes.
    pub sha256: Digest,
    /// Its size.
    pub bytes: u64,
}

/// Something wrong with a source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// The file.
    pub path: String,
    /// Where in it: a JSON pointer, or `line 3`; empty for the whole file.
    pub place: String,
    /// What is wrong.
    pub what: String,
    /// What was done about it: `kept as a failed call`.
    pub treatment: String,
}

impl Imported {
    /// Returns what is wrong with the section, if anything: names that are no folders,
    /// runs of nothing, one run twice.
    pub fn fault(&self) -> Option<String> {
        let mut ids = BTreeSet::new();
        for configuration in &self.configurations {
            if !is_slug(&configuration.id.0) {
                return Some(format!(
                    "a configuration's name has lower-case letters, digits, hyphens and \
                     underscores only, not `{}`",
                    configuration.id
                ));
            }
            if !ids.insert(&configuration.id) {
                return Some(format!("two configurations are called `{}`", configuration.id));
            }
        }
        let mut runs = BTreeSet::new();
        for run in &self.runs {
            if !ids.contains(&run.configuration) {
                return Some(format!("run {run} is of no configuration of the plan"));
            }
            if run.block == 0 || !runs.insert(run) {
                return Some(format!("run {run} is there twice, or has no block"));
            }
        }
        (self.runs.is_empty()).then(|| "no run was imported".to_owned())
    }
}

/// Returns whether `name` can be the folder of a configuration.
fn is_slug(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_".contains(c);
    !name.is_empty() && name.len() <= 120 && name.chars().all(allowed)
}
