//! Configurations and the runs that execute them.
//!
//! Owns: identities ([`ConfigurationId`], [`RunId`]) and the meaning of an arm.
//!
//! Does not: decide the order of runs; see [`crate::plan::expand`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::options::Options;

/// The stable slug of a configuration: `baseline_default`, `gpu80_ctx1024_temp0p8`.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(transparent)]
pub struct ConfigurationId(pub String);

impl ConfigurationId {
    /// The slug of the baseline arm.
    pub const BASELINE: &'static str = "baseline_default";
    /// The slug of the second baseline of an A/A comparison.
    pub const BASELINE_AA: &'static str = "baseline_aa";
}

impl fmt::Display for ConfigurationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a configuration is compared as.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Arm {
    /// Server defaults: what every other configuration is compared with.
    Baseline,
    /// The baseline once more: its difference from the baseline is noise.
    BaselineAa,
    /// Tuned options (the historical name of this arm is "chimera").
    Chimera,
}

/// One combination of levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The stable slug.
    pub id: ConfigurationId,
    /// What it is compared as.
    pub arm: Arm,
    /// The levels of the plan's factors (empty for baselines and for explicit
    /// configurations outside the factorial).
    pub levels: Options,
    /// Options sent to the server, without the block's seed.
    pub options: Options,
}

/// One run's identity: a configuration and the block in which it runs.
///
/// Its text form, `gpu80_ctx1024_temp0p8/run_003`, is also its folder under
/// `runs/` in a study.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(deny_unknown_fields)]
pub struct RunId {
    /// The configuration that is executed.
    pub configuration: ConfigurationId,
    /// The block, from 1.
    pub block: u32,
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/run_{:03}", self.configuration, self.block)
    }
}

/// One configuration, to be executed once in fresh worker processes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Run {
    /// Position in the whole order of execution, from 0.
    pub index: u32,
    /// Who it is.
    pub id: RunId,
    /// What it is compared as.
    pub arm: Arm,
    /// Options sent with each call, including the block's seed.
    pub options: Options,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_id_is_its_folder() {
        let id = RunId { configuration: ConfigurationId("gpu80_ctx512".to_owned()), block: 3 };
        assert_eq!(id.to_string(), "gpu80_ctx512/run_003");
    }
}
