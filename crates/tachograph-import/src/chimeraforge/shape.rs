//! The files' own shapes.
//!
//! Owns: one type for each layout, with the keys that are read and no others: unknown keys
//! are passed over. Numbers stay as they are written; [`super::call`] turns them into
//! durations and counts.
//!
//! Does not: decide which shape a file has; [`super::layout`] does.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// An object of which any number may be wanted.
pub(super) type Numbers = BTreeMap<String, Value>;

/// Returns a number of such an object, if it is one.
pub(super) fn number(numbers: &Numbers, name: &str) -> Option<f64> {
    numbers.get(name).and_then(Value::as_f64)
}

/// One agent by itself, both arms in a file.
#[derive(Debug, Deserialize)]
pub(super) struct SingleFile {
    pub(super) timestamp: Option<String>,
    pub(super) language: Option<String>,
    pub(super) baseline: Arm,
    pub(super) chimera: Arm,
    #[serde(default)]
    pub(super) delta: Numbers,
}

/// One arm of such a file.
#[derive(Debug, Deserialize)]
pub(super) struct Arm {
    pub(super) model: String,
    pub(super) runs: Option<f64>,
    pub(super) timestamp: Option<String>,
    #[serde(default)]
    pub(super) configuration: Option<Numbers>,
    pub(super) system_info: Option<SystemInfo>,
    pub(super) llm_calls: Option<Vec<Call>>,
    pub(super) individual_runs: Option<Vec<Measures>>,
    #[serde(default)]
    pub(super) workflow_runs: Vec<WorkflowRun>,
    #[serde(default)]
    pub(super) aggregate_metrics: Numbers,
}

/// The machine of the agent.
#[derive(Debug, Deserialize)]
pub(super) struct SystemInfo {
    pub(super) os: Option<String>,
    pub(super) arch: Option<String>,
    pub(super) rust_version: Option<String>,
}

/// A call with its texts.
#[derive(Debug, PartialEq, Deserialize)]
pub(super) struct Call {
    pub(super) run_number: Option<f64>,
    pub(super) stage: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) response: Option<String>,
    pub(super) metrics: Measures,
}

/// What was measured of a call: the first and the total duration by the client's clock, the
/// rest as the server's final record states it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Measures {
    pub(super) ttft_ms: f64,
    pub(super) throughput_tokens_per_sec: f64,
    pub(super) total_duration_ms: f64,
    pub(super) prompt_eval_duration_ms: f64,
    pub(super) eval_duration_ms: f64,
    pub(super) load_duration_ms: f64,
    pub(super) tokens_generated: f64,
}

/// One workflow of an arm.
#[derive(Debug, Deserialize)]
pub(super) struct WorkflowRun {
    pub(super) run_number: f64,
    pub(super) benchmark_data_count: Option<f64>,
    #[serde(default)]
    pub(super) workflow: Numbers,
    #[serde(default)]
    pub(super) llm_calls: Vec<Call>,
}

/// One run of the agent in Python: both arms, means only.
#[derive(Debug, Deserialize)]
pub(super) struct PythonRun {
    pub(super) run_number: Option<f64>,
    pub(super) baseline_results: PythonArm,
    pub(super) chimera_results: PythonArm,
    #[serde(default)]
    pub(super) performance_delta: Numbers,
}

/// One arm of such a run.
#[derive(Debug, Deserialize)]
pub(super) struct PythonArm {
    pub(super) metrics: PythonMetrics,
    #[serde(default)]
    pub(super) analysis: PythonAnalysis,
    pub(super) benchmark_data_count: Option<f64>,
    pub(super) execution_time: Option<f64>,
    pub(super) start_time: Option<String>,
}

/// What the agent found in its input; only how much it read is of interest.
#[derive(Debug, Default, Deserialize)]
pub(super) struct PythonAnalysis {
    #[serde(default)]
    pub(super) performance_metrics: Numbers,
}

/// Means over the calls of an agent in Python.
#[derive(Debug, Deserialize)]
pub(super) struct PythonMetrics {
    pub(super) model: String,
    pub(super) configuration: Option<Numbers>,
    pub(super) aggregate_metrics: Numbers,
    /// A text in some files, and in others an object with the workflow's duration.
    #[serde(default)]
    pub(super) execution_summary: Value,
}

/// Two agents at once.
#[derive(Debug, Deserialize)]
pub(super) struct JointFile {
    pub(super) run_number: f64,
    pub(super) scenario: String,
    pub(super) collector: JointAgent,
    pub(super) insight: JointAgent,
    pub(super) summary: Numbers,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(super) struct JointAgent {
    pub(super) config: JointConfig,
    pub(super) execution_time_s: f64,
    pub(super) result: JointResult,
}

/// How it was set up.
#[derive(Debug, Deserialize)]
pub(super) struct JointConfig {
    pub(super) model: String,
    pub(super) base_url: Option<String>,
    pub(super) prompt: Option<String>,
    pub(super) options: Option<Numbers>,
}

/// What it did.
#[derive(Debug, Deserialize)]
pub(super) struct JointResult {
    pub(super) timestamp: Option<String>,
    pub(super) configuration: Option<Numbers>,
    pub(super) benchmark_data_count: Option<f64>,
    pub(super) system_info: Option<SystemInfo>,
    pub(super) llm_calls: Option<Vec<Call>>,
    #[serde(default)]
    pub(super) individual_runs: Vec<Measures>,
    #[serde(default)]
    pub(super) aggregate_metrics: Numbers,
    #[serde(default)]
    pub(super) workflow: Numbers,
}

/// Two agents in Python at once, means only.
#[derive(Debug, Deserialize)]
pub(super) struct PythonJointFile {
    pub(super) collector: PythonMetrics,
    pub(super) insight: PythonMetrics,
    pub(super) collector_execution_time: Option<f64>,
    pub(super) insight_execution_time: Option<f64>,
    pub(super) summary: Numbers,
}

/// Two agents in Python at once, one call each.
#[derive(Debug, Deserialize)]
pub(super) struct PythonPairFile {
    pub(super) run_number: f64,
    pub(super) scenario: String,
    pub(super) collector: PythonPairAgent,
    pub(super) insight: PythonPairAgent,
    #[serde(flatten)]
    pub(super) rest: Numbers,
}

/// One of them.
#[derive(Debug, Deserialize)]
pub(super) struct PythonPairAgent {
    pub(super) base_url: Option<String>,
    pub(super) options: Option<Numbers>,
    pub(super) response: Option<String>,
    pub(super) metrics: PythonPairMeasures,
}

/// What was measured of its call.
#[derive(Debug, Deserialize)]
pub(super) struct PythonPairMeasures {
    pub(super) tokens_generated: f64,
    pub(super) throughput_tokens_per_sec: f64,
    pub(super) ttft_ms: Option<f64>,
    pub(super) total_duration_ms: f64,
    pub(super) wall_clock_ms: f64,
}

/// A summary over runs.
#[derive(Debug, Deserialize)]
pub(super) struct SummaryFile {
    pub(super) scenario: Option<String>,
    pub(super) runs: Vec<Numbers>,
    #[serde(default)]
    pub(super) aggregate: Numbers,
}

/// An index of many summaries.
#[derive(Debug, Deserialize)]
pub(super) struct IndexFile {
    #[serde(alias = "all_test_results")]
    pub(super) test_results: Vec<IndexEntry>,
}

/// One test of an index.
#[derive(Debug, Deserialize)]
pub(super) struct IndexEntry {
    pub(super) output_dir: Option<String>,
    pub(super) summary: Option<SummaryFile>,
}

/// One of many files that were put together in one.
#[derive(Debug, Deserialize)]
pub(super) struct ExtractEntry {
    #[serde(rename = "Path")]
    pub(super) path: String,
    #[serde(rename = "Data")]
    pub(super) data: ExtractData,
}

/// Its contents, as far as they are compared.
#[derive(Debug, Deserialize)]
pub(super) struct ExtractData {
    #[serde(default)]
    pub(super) summary: Numbers,
    #[serde(flatten)]
    pub(super) rest: Numbers,
}
