//! What the user typed for the commands that quote, sign and describe a study.
//!
//! Owns: their help texts.

use std::path::PathBuf;

use clap::Args;

/// Arguments of `tacho render`.
#[derive(Debug, Args)]
#[command(
    after_help = "A placeholder is {{ID}} or {{ID | WORDS}}, with the name of a claim as in claims.json and \
                        low, high, n, interval or .2 (decimals)."
)]
pub(crate) struct RenderArgs {
    /// The text, with placeholders
    pub(crate) template: PathBuf,
    /// The study that its numbers come from, or a folder of studies; may be given several
    /// times. Of several, a placeholder begins with a study's name: {{NAME:ID}}
    #[arg(long, value_name = "STUDY", required = true)]
    pub(crate) study: Vec<PathBuf>,
    /// Where the filled text goes; NAME.claims.json goes beside it
    #[arg(short, long, value_name = "NAME.md")]
    pub(crate) output: PathBuf,
    /// Let the exit code be 1 if a number is typed by hand
    #[arg(long)]
    pub(crate) strict: bool,
}

/// Arguments of `tacho keygen`.
#[derive(Debug, Args)]
pub(crate) struct KeygenArgs {
    /// Where the private key goes; the public one goes to the same name with `.pub`
    #[arg(short, long, value_name = "KEY", default_value = "tacho.key")]
    pub(crate) output: PathBuf,
}

/// Arguments of `tacho attest`.
#[derive(Debug, Args)]
#[command(after_help = "The study is verified first, and what does not verify is not signed.")]
pub(crate) struct AttestArgs {
    /// The study
    pub(crate) study: PathBuf,
    /// The private key: Ed25519, PKCS#8 in PEM, as `tacho keygen` or openssl make it
    #[arg(long, value_name = "KEY")]
    pub(crate) key: PathBuf,
}

/// Arguments of `tacho export`.
#[derive(Debug, Args)]
pub(crate) struct ExportArgs {
    /// The study
    pub(crate) study: PathBuf,
    /// Write ro-crate-metadata.json into the study's folder, which makes it a Process
    /// Run Crate
    #[arg(long, required = true)]
    pub(crate) ro_crate: bool,
    /// The licence: a URI, or words that say how the study may be used
    #[arg(long, value_name = "LICENCE")]
    pub(crate) license: Option<String>,
    /// Who executed the study
    #[arg(long, value_name = "NAME")]
    pub(crate) author: Option<String>,
    /// A URI of that person, such as an ORCID's
    #[arg(long, value_name = "URI", requires = "author")]
    pub(crate) author_uri: Option<String>,
}
