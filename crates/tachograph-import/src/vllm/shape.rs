//! The keys of a result that are read; all others are passed over.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tachograph_model::options::{OptionValue, Options};

use crate::findings::Place;
use crate::snapshot::ImportError;

/// Texts that the source itself writes; others are the user's metadata.
const OWN_TEXTS: [&str; 3] = ["endpoint_type", "tokenizer_id", "task_type"];
/// Numbers about the whole that are kept as stated.
const STATED: [&str; 13] = [
    "request_throughput",
    "request_goodput",
    "output_throughput",
    "total_token_throughput",
    "total_input_tokens",
    "total_output_tokens",
    "mean_ttft_ms",
    "mean_tpot_ms",
    "mean_itl_ms",
    "mean_e2el_ms",
    "median_ttft_ms",
    "max_output_tokens_per_s",
    "max_concurrent_requests",
];

/// One execution.
#[derive(Debug, Deserialize)]
pub(super) struct Outcome {
    pub(super) date: Option<String>,
    pub(super) backend: Option<String>,
    pub(super) label: Option<Value>,
    pub(super) model_id: String,
    pub(super) num_prompts: Option<Value>,
    pub(super) request_rate: Option<Value>,
    pub(super) burstiness: Option<Value>,
    pub(super) max_concurrency: Option<Value>,
    pub(super) ramp_up_strategy: Option<Value>,
    /// In seconds.
    pub(super) duration: f64,
    pub(super) completed: u64,
    pub(super) failed: Option<u64>,
    input_lens: Option<Vec<u64>>,
    output_lens: Option<Vec<u64>>,
    ttfts: Option<Vec<f64>>,
    itls: Option<Vec<Vec<f64>>>,
    latencies: Option<Vec<f64>>,
    start_times: Option<Vec<f64>>,
    queue_times: Option<Vec<f64>>,
    generated_texts: Option<Vec<String>>,
    errors: Option<Vec<String>>,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

/// What is recorded of each request, by its number.
#[derive(Debug)]
pub(super) struct Arrays<'a> {
    pub(super) input_lens: &'a [u64],
    pub(super) output_lens: &'a [u64],
    pub(super) ttfts: &'a [f64],
    pub(super) itls: &'a [Vec<f64>],
    pub(super) errors: &'a [String],
    pub(super) latencies: Option<&'a Vec<f64>>,
    pub(super) start_times: Option<&'a Vec<f64>>,
    pub(super) generated_texts: Option<&'a Vec<String>>,
    queue_times: Option<&'a Vec<f64>>,
}

impl Outcome {
    /// Returns what is recorded of each request; `None` without `--save-detailed`.
    ///
    /// # Errors
    ///
    /// An array is missing, or is not as long as the others.
    pub(super) fn arrays(&self, place: &Place<'_>) -> Result<Option<Arrays<'_>>, ImportError> {
        let lengths = [
            ("input_lens", self.input_lens.as_ref().map(Vec::len)),
            ("output_lens", self.output_lens.as_ref().map(Vec::len)),
            ("ttfts", self.ttfts.as_ref().map(Vec::len)),
            ("itls", self.itls.as_ref().map(Vec::len)),
            ("errors", self.errors.as_ref().map(Vec::len)),
        ];
        if lengths.iter().all(|(_, length)| length.is_none()) {
            return Ok(None);
        }
        let optional = [
            ("latencies", self.latencies.as_ref().map(Vec::len)),
            ("start_times", self.start_times.as_ref().map(Vec::len)),
            ("queue_times", self.queue_times.as_ref().map(Vec::len)),
            ("generated_texts", self.generated_texts.as_ref().map(Vec::len)),
        ];
        let n = lengths.iter().find_map(|(_, length)| *length);
        let optional = optional.into_iter().filter(|(_, length)| length.is_some());
        for (name, length) in lengths.into_iter().chain(optional) {
            if length != n {
                let [found, n] = [length, n]
                    .map(|it| it.map_or("no values".to_owned(), |it| format!("{it} values")));
                return Err(place.at(name).error(format!(
                    "{found}, and another array of the same requests has {n}: give the file as \
                     vllm bench serve wrote it"
                )));
            }
        }
        Ok(Some(Arrays {
            input_lens: self.input_lens.as_deref().unwrap_or_default(),
            output_lens: self.output_lens.as_deref().unwrap_or_default(),
            ttfts: self.ttfts.as_deref().unwrap_or_default(),
            itls: self.itls.as_deref().unwrap_or_default(),
            errors: self.errors.as_deref().unwrap_or_default(),
            latencies: self.latencies.as_ref(),
            start_times: self.start_times.as_ref(),
            generated_texts: self.generated_texts.as_ref(),
            queue_times: self.queue_times.as_ref(),
        }))
    }

    /// Returns whether the model generates text: results of others have no output tokens.
    pub(super) fn is_of_text(&self) -> bool {
        self.rest.contains_key("total_output_tokens") || self.output_lens.is_some()
    }

    /// Returns whether this version of the source tells a chunk with text from one with
    /// the role only. Versions that do write how long each request waited in the client.
    pub(super) fn is_content_told(&self) -> bool {
        self.queue_times.is_some()
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        self.rest.get(name)?.as_f64().filter(|it| it.is_finite())
    }

    /// Returns numbers about the whole, as they are stated.
    pub(super) fn stated(&self) -> BTreeMap<String, f64> {
        STATED.into_iter().filter_map(|name| Some((name.to_owned(), self.number(name)?))).collect()
    }

    /// Returns the texts that the user wrote down.
    pub(super) fn metadata(&self) -> Options {
        let text = |(name, value): (&String, &Value)| match value {
            Value::String(text) if !OWN_TEXTS.contains(&&**name) => {
                Some((name.clone(), OptionValue::Text(text.clone())))
            }
            _ => None,
        };
        self.rest.iter().filter_map(text).collect()
    }

    /// Returns the date as a number that orders executions.
    pub(super) fn at(&self) -> u64 {
        let text = self.date.as_deref().unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_digit).take(17).collect();
        digits.parse().unwrap_or_default()
    }
}

impl Arrays<'_> {
    /// Returns what is stated of a request by definitions of the source, in seconds.
    pub(super) fn stated(&self, at: usize) -> BTreeMap<String, f64> {
        [("latency", self.latencies), ("queue_time", self.queue_times)]
            .into_iter()
            .filter_map(|(name, values)| Some((name.to_owned(), *values?.get(at)?)))
            .filter(|(_, value)| value.is_finite())
            .collect()
    }
}
