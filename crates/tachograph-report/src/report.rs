//! A report before it is rendered.
//!
//! Owns: [`Report`], the tree with its claims and figures.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;

use crate::claim::Ledger;
use crate::document::{Block, Prose};

/// A report: blocks, claims, figures, and the runs that claims rest on.
#[derive(Debug, Clone)]
pub(crate) struct Report {
    /// The kind, which is also its folder: `single-agent`.
    pub(crate) kind: &'static str,
    /// What stands above the title.
    pub(crate) overline: &'static str,
    /// The plan's name.
    pub(crate) title: String,
    /// The plan's question, if it asks one.
    pub(crate) question: Option<String>,
    /// Terms and their values under the title.
    pub(crate) facts: Vec<(&'static str, Prose)>,
    pub(crate) blocks: Vec<Block>,
    pub(crate) figures: Vec<Figure>,
    pub(crate) ledger: Ledger,
    pub(crate) plan_sha256: Digest,
    /// Every run with the digest of its events.
    pub(crate) runs: Vec<(String, Digest)>,
    /// Sets of runs, by position in `runs`.
    pub(crate) sets: BTreeMap<String, Vec<usize>>,
}

/// A drawing.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// The file's name without its ending.
    pub(crate) name: &'static str,
    /// What it is, for those who do not see it and as a heading.
    pub(crate) title: &'static str,
    /// What can be seen in it, in words.
    pub(crate) description: String,
    /// What stands under it.
    pub(crate) caption: Prose,
    /// The drawing.
    pub(crate) drawing: crate::svg::Svg,
}
