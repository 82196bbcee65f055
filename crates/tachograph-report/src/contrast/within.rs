//! The verdicts of one study, from what comparing needs of it.
//!
//! Owns: every tuned configuration against the baseline of the same blocks, by the
//! study's own rule, for a study of which nothing but an [`Extract`] is at hand.
//!
//! Does not: know stopping rules; what a rule said at its looks is the study's report
//! to say.

use std::collections::BTreeMap;

use tachograph_model::run::{Arm, ConfigurationId};
use tachograph_stats::Comparison;

use super::{Cell, Extract, Terms, settle};
use crate::analysis::comparison::{Compared, family, pairs};
use crate::validity::Status;

/// One configuration against the baseline of its study.
#[derive(Debug, Clone)]
pub(crate) struct Within {
    /// The configuration.
    pub(crate) configuration: String,
    /// What came of the comparison.
    pub(crate) compared: Compared,
    /// Whether the evidence of both sides is valid.
    pub(crate) validity: Status,
}

impl Within {
    /// Returns the comparison, where one could be made and its evidence is not invalid.
    pub(crate) fn judged(&self) -> Option<&Comparison> {
        match &self.compared {
            Compared::Judged(comparison) if self.validity != Status::Invalid => Some(comparison),
            _ => None,
        }
    }
}

/// Compares the tuned configurations with the baseline on the plan's primary metric, as
/// one family (Holm). A study without a baseline gives none.
pub(crate) fn within(extract: &Extract) -> Vec<Within> {
    let Ok((metric, rule, _)) = settle(&extract.primary, &Terms::default()) else {
        return Vec::new();
    };
    let Some(baseline) = extract.configurations.get(ConfigurationId::BASELINE) else {
        return Vec::new();
    };
    let Some(theirs) = baseline.values.get(&metric) else { return Vec::new() };
    let tuned: Vec<(&String, &Cell)> =
        extract.configurations.iter().filter(|(_, cell)| cell.arm == Arm::Chimera).collect();
    let nothing = BTreeMap::new();
    let members =
        tuned.iter().map(|(_, cell)| pairs(cell.values.get(&metric).unwrap_or(&nothing), theirs));
    family(members.collect(), &rule)
        .into_iter()
        .zip(tuned)
        .map(|(compared, (id, cell))| Within {
            configuration: id.clone(),
            compared,
            validity: cell.validity.max(baseline.validity),
        })
        .collect()
}
