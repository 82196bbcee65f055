//! Which layout a file has.
//!
//! Owns: the one place that looks at keys to tell files apart. Names of files and folders
//! play no part in it.

use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::read::{not_json, without_bom};
use crate::snapshot::{ImportError, SourceFile};

/// What is in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Layout {
    /// One agent, both arms, every call with its stage.
    SingleCalls,
    /// One agent, both arms, one call per run without texts.
    SingleRuns,
    /// One agent, both arms, means only, undated.
    SingleMeans,
    /// The agent in Python, an array of runs with both arms.
    PythonSingle,
    /// Two agents at once, two calls each with texts.
    JointCalls,
    /// Two agents at once, one call each without its answer.
    JointRuns,
    /// Two agents in Python at once, means only.
    PythonJoint,
    /// Two agents in Python at once, one call each.
    PythonPair,
    /// A summary of runs.
    Summary,
    /// An index of summaries.
    Index,
    /// Copies of other files.
    Extract,
    /// None of these.
    Unknown,
}

type Present = Option<IgnoredAny>;

#[derive(Deserialize)]
struct Keys {
    baseline: Option<ArmKeys>,
    chimera: Option<ArmKeys>,
    collector: Option<AgentKeys>,
    insight: Option<AgentKeys>,
    summary: Present,
    runs: Present,
    aggregate: Present,
    all_test_results: Present,
    test_results: Present,
}

#[derive(Deserialize)]
struct ArmKeys {
    aggregate_metrics: Present,
    llm_calls: Present,
    individual_runs: Present,
}

#[derive(Deserialize)]
struct AgentKeys {
    config: Present,
    result: Option<ResultKeys>,
    aggregate_metrics: Present,
    metrics: Present,
}

#[derive(Deserialize)]
struct ResultKeys {
    llm_calls: Present,
}

#[derive(Deserialize)]
struct ElementKeys {
    baseline_results: Present,
    chimera_results: Present,
    #[serde(rename = "Path")]
    path: Present,
    #[serde(rename = "Data")]
    data: Present,
}

/// Returns the layout of a file of JSON.
///
/// # Errors
///
/// The text is no JSON, or cut off.
pub(super) fn of(file: &SourceFile) -> Result<Layout, ImportError> {
    let bytes = without_bom(&file.bytes).0;
    let is_array = bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let found = if is_array {
        serde_json::from_slice::<Vec<ElementKeys>>(bytes).map(|elements| of_array(&elements))
    } else {
        serde_json::from_slice::<Keys>(bytes).map(|keys| of_object(&keys))
    };
    match found {
        Ok(layout) => Ok(layout),
        // Other types under these keys: somebody else's file, if it is JSON at all.
        Err(error) if error.is_data() => match serde_json::from_slice::<IgnoredAny>(bytes) {
            Ok(_) => Ok(Layout::Unknown),
            Err(error) => Err(not_json(file, &error)),
        },
        Err(error) => Err(not_json(file, &error)),
    }
}

fn of_array(elements: &[ElementKeys]) -> Layout {
    let all = |has: fn(&ElementKeys) -> bool| !elements.is_empty() && elements.iter().all(has);
    if all(|it| it.baseline_results.is_some() && it.chimera_results.is_some()) {
        Layout::PythonSingle
    } else if all(|it| it.path.is_some() && it.data.is_some()) {
        Layout::Extract
    } else {
        Layout::Unknown
    }
}

fn of_object(keys: &Keys) -> Layout {
    if let (Some(baseline), Some(chimera)) = (&keys.baseline, &keys.chimera) {
        return of_arms([baseline, chimera]);
    }
    if let (Some(collector), Some(insight)) = (&keys.collector, &keys.insight) {
        return of_agents([collector, insight], keys.summary.is_some());
    }
    if keys.all_test_results.is_some() || keys.test_results.is_some() {
        Layout::Index
    } else if keys.runs.is_some() && keys.aggregate.is_some() {
        Layout::Summary
    } else {
        Layout::Unknown
    }
}

fn of_arms(arms: [&ArmKeys; 2]) -> Layout {
    if arms.iter().all(|arm| arm.llm_calls.is_some()) {
        Layout::SingleCalls
    } else if arms.iter().all(|arm| arm.individual_runs.is_some()) {
        Layout::SingleRuns
    } else if arms.iter().all(|arm| arm.aggregate_metrics.is_some()) {
        Layout::SingleMeans
    } else {
        Layout::Unknown
    }
}

fn of_agents(agents: [&AgentKeys; 2], has_summary: bool) -> Layout {
    let calls =
        |it: &&AgentKeys| it.result.as_ref().is_some_and(|result| result.llm_calls.is_some());
    if agents.iter().all(|it| it.config.is_some() && it.result.is_some()) && has_summary {
        if agents.iter().all(calls) { Layout::JointCalls } else { Layout::JointRuns }
    } else if agents.iter().all(|it| it.aggregate_metrics.is_some()) && has_summary {
        Layout::PythonJoint
    } else if agents.iter().all(|it| it.metrics.is_some()) {
        Layout::PythonPair
    } else {
        Layout::Unknown
    }
}
