//! Configurations and the runs that execute them.
//!
//! Owns: identities ([`ConfigurationId`], [`RunId`]), the meaning of an arm, and
//! which agents a run has ([`Placement`]).
//!
//! Does not: decide the order of runs; see [`crate::plan::expand`].

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::options::Options;
use crate::plan::concurrent::Scenario;

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
    /// One agent of a concurrent configuration, alone: the sequential baseline of
    /// concurrency.
    Solo,
    /// Several agents at once.
    Concurrent,
    /// One of several implementations of an agent.
    Implementation,
}

/// One agent in a run: who, where, and with which options.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// Its name in the run: that of the plan's entry; from the second agent of one
    /// entry on with a number, `collector-2`.
    pub agent: String,
    /// The plan's entry.
    pub spec: String,
    /// The server that it talks to.
    pub server: String,
    /// Options that it sends; in a [`Run`] with the block's seed.
    pub options: Options,
    /// The configuration in which this agent does the same alone, in every block.
    /// Absent where it is alone already.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub solo: Option<ConfigurationId>,
}

impl Placement {
    /// Returns an agent that is in nobody's company.
    pub(crate) fn alone(agent: String, server: String, options: Options) -> Self {
        Self { spec: agent.clone(), agent, server, options, solo: None }
    }
}

/// What a concurrent configuration is made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Together {
    /// The plan's phase.
    pub phase: String,
    /// Which agents are tuned, and how they differ.
    pub scenario: Scenario,
    /// How agents are spread over servers.
    pub topology: String,
    /// The levels of the phase's factors, as a slug; empty without factors.
    pub levels: String,
}

/// Which implementation executes which configuration, and where.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Implementation {
    /// The plan's agent.
    pub agent: String,
    /// The server.
    pub server: String,
    /// The configuration that all implementations share: `baseline_default`.
    pub of: ConfigurationId,
    /// What that configuration is compared as within one implementation.
    pub arm: Arm,
    /// The levels of the plan's factors.
    pub levels: Options,
}

/// One combination of levels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// The stable slug.
    pub id: ConfigurationId,
    /// What it is compared as.
    pub arm: Arm,
    /// The levels of the plan's factors (empty for baselines, for explicit
    /// configurations outside the factorial, and in plans with phases).
    pub levels: Options,
    /// Options that all of its agents send, without the block's seed.
    pub options: Options,
    /// Its agents, at least one.
    pub placements: Vec<Placement>,
    /// What it is made from, if several agents run at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub together: Option<Together>,
    /// Which implementation it is, if the plan has several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implementation: Option<Implementation>,
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
    /// Its agents, at least one, with the block's seed among their options.
    pub placements: Vec<Placement>,
}

impl Run {
    /// Returns the options of the run's first agent.
    pub fn options(&self) -> &Options {
        static NONE: Options = Options::new();
        self.placements.first().map_or(&NONE, |placement| &placement.options)
    }
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
