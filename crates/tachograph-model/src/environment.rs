//! The machine, the server and the program that took part in a study.
//!
//! Owns: the shape of `environment.json` and of the samples taken around runs.
//!
//! Does not: read `/proc`; `run` fills these types.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::units::DurationNs;

/// The version of `environment.json`.
pub const ENVIRONMENT_SCHEMA: &str = "tachograph-environment/1";

/// What was true when the study began. Absent means that it could not be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// [`ENVIRONMENT_SCHEMA`].
    pub schema: String,
    /// When the study began, or was imported; RFC 3339 in UTC.
    pub started_at: String,
    /// The program that measured, or imported.
    pub harness: Harness,
    /// The machine; absent in an imported study, whose machine was another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// GPUs, if any could be seen.
    pub gpus: Vec<Gpu>,
    /// Servers by the plan's name for them.
    pub servers: BTreeMap<String, ServerIdentity>,
    /// What executes each agent, by the agent's name; absent in studies that do not
    /// compare implementations.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub implementations: BTreeMap<String, Program>,
}

/// The program that executes an agent. Absent means that it could not be told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// What runs it, with its version: `Python 3.12.3`; absent for a program that needs
    /// nothing beside itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<String>,
    /// The size of the executable file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable_bytes: Option<u64>,
    /// The digest of the executable file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable_sha256: Option<Digest>,
    /// The size of the virtual environment, if the executable lies in one; the
    /// interpreter outside of it is not in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_bytes: Option<u64>,
    /// The files of the virtual environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_files: Option<u64>,
    /// Packages with their versions, in order of their names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// How long its first start took, from spawn to readiness, before the study: less
    /// may have been in the caches of the system, and it enters no statistic.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub discarded_start_ns: Option<DurationNs>,
}

/// The program that measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Harness {
    /// Its version.
    pub version: String,
    /// The commit it was built from, with `+dirty` if there were changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git_commit: Option<String>,
    /// `release` or `debug`.
    pub profile: String,
    /// The digest of the executable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub executable_sha256: Option<Digest>,
}

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Operating system and kernel release.
    pub os: String,
    /// The machine's architecture: `x86_64`.
    pub arch: String,
    /// The processor's name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_model: Option<String>,
    /// Processors that this process may use.
    pub n_cpus: u32,
    /// The scaling governor of the first processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub governor: Option<String>,
    /// The kernel's clock source: `tsc`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clocksource: Option<String>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
    /// Whether the machine is a virtual one, if that can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtualised: Option<bool>,
    /// Whether sockets get receive stamps from the kernel.
    pub kernel_stamps: bool,
}

/// A GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Gpu {
    /// Its name.
    pub name: String,
    /// Driver version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub driver: Option<String>,
    /// Memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}

/// What a server says about itself and its model. Absent means not said.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerIdentity {
    /// `ollama`, `llama.cpp`, `vllm`, …, as far as it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<String>,
    /// Its version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The model's name, as the server lists it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The digest of the model, as the server gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_digest: Option<String>,
    /// The quantisation: `Q4_1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
    /// The number of parameters as the server prints it: `134.5M`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameter_size: Option<String>,
    /// The digest of the prompt template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template_sha256: Option<Digest>,
    /// The context length that the loaded model really has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_length: Option<u64>,
    /// Size of the loaded model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loaded_bytes: Option<u64>,
    /// How much of it lies in GPU memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vram_bytes: Option<u64>,
}

/// The state of the machine. Absent means that it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Conditions {
    /// Load average over one minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub load_1min: Option<f64>,
    /// Memory that could be given to a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_available_bytes: Option<u64>,
    /// Current frequency of the first processor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu_mhz: Option<f64>,
    /// The hottest thermal zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_celsius: Option<f64>,
    /// CPU time that all processors have spent busy since boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub busy_cpu_ns: Option<u64>,
    /// CPU time stolen by the hypervisor since boot, all processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stolen_cpu_ns: Option<u64>,
    /// GPUs in the order of [`Environment::gpus`], where they can be asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gpus: Vec<GpuConditions>,
}

/// The state of a GPU. Absent means that it could not be read.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GpuConditions {
    /// Clock of its processors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_mhz: Option<f64>,
    /// Power drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_watts: Option<f64>,
    /// Its temperature.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature_celsius: Option<f64>,
    /// Memory in use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_used_bytes: Option<u64>,
}
