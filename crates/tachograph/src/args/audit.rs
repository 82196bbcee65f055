//! What the user typed for `tacho audit`.
//!
//! Owns: its help texts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tachograph_audit::Severity;

/// Arguments of `tacho audit`.
#[derive(Debug, Args)]
#[command(after_help = "Exit codes: 0 nothing found as grave as --fail-on says; 1 something was \
                        found, or --mutate missed a change; 2 wrong usage; 3 a file could not be \
                        read.")]
pub(crate) struct AuditArgs {
    /// The reports: Markdown, or HTML by the name's end. Several are also held against
    /// each other
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    /// Hold every number against what this study says, or the studies of this folder
    #[arg(long, value_name = "STUDY")]
    pub(crate) against: Option<PathBuf>,
    /// The form of the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: AuditForm,
    /// Write the result to this file
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// The least severity that makes the exit code 1
    #[arg(long, value_enum, default_value = "inconsistent")]
    pub(crate) fail_on: FailOn,
    /// Test the audit instead: change this many digits of each file, one at a time, and
    /// say how many of those that break a stated relation are found
    #[arg(long, value_name = "N", conflicts_with_all = ["against", "format", "output"])]
    pub(crate) mutate: Option<usize>,
    /// Which digits --mutate changes
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "mutate")]
    pub(crate) seed: u64,
}

/// The form of an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AuditForm {
    /// Plain text, a finding in a line or two
    Text,
    /// JSON, with every place and what stands in no relation
    Json,
    /// SARIF 2.1.0, for code-scanning views
    Sarif,
    /// One HTML page with the lines and numbers marked
    Html,
}

/// What makes an audit fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FailOn {
    /// Anything
    Note,
    /// Digits that contradict each other
    Inconsistent,
    /// Contradictions that change a conclusion
    Decision,
    /// Nothing
    Never,
}

impl FailOn {
    /// Returns whether a finding of a severity makes the audit fail.
    pub(crate) fn fails(self, severity: Severity) -> bool {
        match self {
            Self::Note => true,
            Self::Inconsistent => severity >= Severity::Inconsistent,
            Self::Decision => severity >= Severity::Decision,
            Self::Never => false,
        }
    }
}
