//! What the user typed for `tacho import`.
//!
//! Owns: its help texts.

use std::path::PathBuf;

use clap::Args;
use clap::builder::PossibleValuesParser;
use tachograph_model::plan::imported::ImportKind;

/// Arguments of `tacho import`.
#[derive(Debug, Args)]
#[command(
    after_help = "What a source does not record stays absent, and the report lists it. One set of results \
                  becomes the study at DIR; several become studies in the folder DIR, one each."
)]
pub(crate) struct ImportArgs {
    /// Whose results: the program that wrote them
    #[arg(value_parser = PossibleValuesParser::new(ImportKind::ALL.map(ImportKind::name)))]
    pub(crate) kind: String,
    /// A file, a folder, or an archive (.tar, .tar.gz)
    pub(crate) path: PathBuf,
    /// Where the study goes, or the folder of studies
    #[arg(short, long, value_name = "DIR")]
    pub(crate) output: PathBuf,
    /// Import this set only; may be given several times
    #[arg(long, value_name = "NAME")]
    pub(crate) set: Vec<String>,
    /// List the sets and what is wrong with the files, and write nothing
    #[arg(long)]
    pub(crate) list: bool,
}

impl ImportArgs {
    /// Returns the kind.
    pub(crate) fn kind(&self) -> ImportKind {
        ImportKind::ALL
            .into_iter()
            .find(|kind| kind.name() == self.kind)
            .expect("only these names are accepted")
    }
}
