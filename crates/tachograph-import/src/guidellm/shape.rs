//! The keys of a report that are read; all others are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tachograph_model::options::{OptionValue, Options};

use crate::bench::level;

/// The version alone, of a report whatever its version.
#[derive(Debug, Deserialize)]
pub(super) struct Versioned {
    pub(super) metadata: Version,
}

#[derive(Debug, Deserialize)]
pub(super) struct Version {
    pub(super) version: Option<u64>,
}

/// A whole file.
#[derive(Debug, Deserialize)]
pub(super) struct Report {
    pub(super) metadata: Metadata,
    pub(super) config: Option<Scenario>,
    pub(super) benchmarks: Vec<Benchmark>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    pub(super) guidellm_version: String,
}

/// What was asked for.
#[derive(Debug, Deserialize)]
pub(super) struct Scenario {
    #[serde(default)]
    spec: BTreeMap<String, Value>,
}

impl Scenario {
    /// Returns what defines the requests, as a text that is only compared.
    pub(super) fn workload(&self) -> String {
        let parts = ["data", "constraints"].map(|name| self.spec.get(name).unwrap_or(&Value::Null));
        let backend = self.spec.get("backend").unwrap_or(&Value::Null);
        let sent = ["max_tokens", "extras", "stream", "server_history"].map(|name| &backend[name]);
        format!("{parts:?} {sent:?}")
    }

    /// Returns the lengths of synthetic prompts and answers.
    pub(super) fn lengths(&self) -> Options {
        let data = self.spec.get("data").unwrap_or(&Value::Null);
        let of = |name: &str| {
            let value = level(&data[0][name])?;
            matches!(value, OptionValue::Integer(_)).then(|| (name.to_owned(), value))
        };
        ["prompt_tokens", "output_tokens"].into_iter().filter_map(of).collect()
    }
}

/// One rate or number of streams.
#[derive(Debug, Deserialize)]
pub(super) struct Benchmark {
    pub(super) config: BenchmarkConfig,
    #[serde(default)]
    pub(super) metrics: BTreeMap<String, Value>,
    pub(super) requests: Requests,
    /// Begin of the time that is measured, in seconds since 1970.
    pub(super) start_time: Option<f64>,
    pub(super) end_time: Option<f64>,
    pub(super) duration: Option<f64>,
    #[serde(default)]
    pub(super) scheduler_metrics: BTreeMap<String, Value>,
}

#[derive(Debug, Deserialize)]
pub(super) struct BenchmarkConfig {
    #[serde(default)]
    pub(super) strategy: BTreeMap<String, Value>,
    pub(super) backend: Option<Backend>,
    pub(super) sample_size: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Backend {
    pub(super) target: Option<String>,
    pub(super) model: Option<String>,
    pub(super) request_format: Option<String>,
}

/// Requests by how they ended.
#[derive(Debug, Deserialize)]
pub(super) struct Requests {
    successful: Option<Vec<Record>>,
    errored: Option<Vec<Record>>,
    incomplete: Option<Vec<Record>>,
}

impl Requests {
    /// Returns the requests with the name of their group.
    pub(super) fn groups(&self) -> impl Iterator<Item = (&'static str, &[Record])> {
        [
            ("successful", &self.successful),
            ("errored", &self.errored),
            ("incomplete", &self.incomplete),
        ]
        .into_iter()
        .map(|(name, all)| (name, all.as_deref().unwrap_or_default()))
    }
}

/// One request.
#[derive(Debug, Deserialize)]
pub(super) struct Record {
    pub(super) request_args: Option<String>,
    pub(super) output: Option<String>,
    pub(super) info: Info,
    pub(super) input_metrics: Tokens,
    pub(super) output_metrics: Tokens,
    pub(super) request_latency: Option<f64>,
    pub(super) time_to_first_token_ms: Option<f64>,
    pub(super) time_to_first_output_token_ms: Option<f64>,
    pub(super) time_per_output_token_ms: Option<f64>,
    pub(super) inter_token_latency_ms: Option<f64>,
    pub(super) request_dispatch_delay: Option<f64>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Info {
    pub(super) timings: Timings,
    pub(super) error: Option<String>,
}

/// Instants in seconds since 1970.
#[derive(Debug, Deserialize)]
pub(super) struct Timings {
    pub(super) resolve_start: Option<f64>,
    pub(super) request_start: Option<f64>,
    pub(super) first_request_iteration: Option<f64>,
    pub(super) first_token_iteration: Option<f64>,
    pub(super) last_token_iteration: Option<f64>,
    pub(super) token_iterations: Option<u64>,
    pub(super) request_end: Option<f64>,
    pub(super) resolve_end: Option<f64>,
}

impl Timings {
    /// Returns when the request was sent or, if it never was, when its turn came.
    pub(super) fn start(&self) -> Option<f64> {
        self.request_start.or(self.resolve_start)
    }

    /// Returns when its answer had ended or, of a failed one, when the source gave up.
    pub(super) fn end(&self) -> Option<f64> {
        self.request_end.or(self.resolve_end)
    }
}

/// Numbers of tokens.
#[derive(Debug, Deserialize)]
pub(super) struct Tokens {
    pub(super) total_tokens: Option<f64>,
    pub(super) cached_tokens: Option<f64>,
}
