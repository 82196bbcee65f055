//! What the user typed for `tacho status`.
//!
//! Owns: its help texts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Arguments of `tacho status`.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 nothing is stale; 1 something is; 2 wrong usage; 4 nothing is \
                        stale as far as can be told, and something could not be read. A study is \
                        known to be superseded only if the one that supersedes it is among the \
                        paths."
)]
pub(crate) struct StatusArgs {
    /// Studies, files that cite studies, and folders to search for both
    #[arg(value_name = "PATH", default_value = ".")]
    pub(crate) paths: Vec<PathBuf>,
    /// The form of the result
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: StatusForm,
}

/// The form of the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StatusForm {
    /// Plain text, a few lines per study
    Text,
    /// One JSON document
    Json,
}
