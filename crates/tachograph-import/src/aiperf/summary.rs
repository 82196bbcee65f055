//! The summary of an execution: what was asked for, and averages.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use tachograph_model::options::Options;

use crate::bench::level;

/// The keys of a summary that are read.
#[derive(Debug, Deserialize)]
pub(super) struct Summary {
    pub(super) aiperf_version: String,
    pub(super) start_time: Option<String>,
    input_config: Value,
    #[serde(flatten)]
    rest: BTreeMap<String, Value>,
}

impl Summary {
    /// Returns the average of a metric, in the unit of the summary.
    pub(super) fn average(&self, name: &str) -> Option<f64> {
        self.rest.get(name)?["avg"].as_f64().filter(|it| it.is_finite())
    }

    /// Returns every average, by its name.
    pub(super) fn averages(&self) -> BTreeMap<String, f64> {
        let one = |name: &String| Some((name.clone(), self.average(name)?));
        self.rest.keys().filter_map(one).collect()
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.input_config["models"]["items"][0]["name"].as_str()
    }

    pub(super) fn url(&self) -> Option<&str> {
        self.input_config["endpoint"]["urls"][0].as_str()
    }

    /// Returns the kind of endpoint: `chat`, `completions`, ….
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.input_config["endpoint"]["type"].as_str()
    }

    fn phases(&self) -> impl Iterator<Item = &Value> {
        self.input_config["phases"].as_array().into_iter().flatten()
    }

    /// Returns the name of the phase that is no warm-up, if there is one such phase.
    pub(super) fn only_phase(&self) -> Option<String> {
        let mut names =
            self.phases().filter(|it| it["kind"] != "warmup").filter_map(|it| it["name"].as_str());
        let first = names.next()?;
        names.next().is_none().then(|| first.to_owned())
    }

    /// Returns what a phase varies, and the lengths that were asked for.
    pub(super) fn levels(&self, phase: &str) -> Options {
        /// What names a phase.
        const NAMES: [&str; 2] = ["name", "kind"];
        let mut levels = Options::new();
        let own = self.phases().find(|it| it["name"] == phase).and_then(Value::as_object);
        for (name, value) in own.into_iter().flatten() {
            if !NAMES.contains(&&**name)
                && let Some(value) = level(value)
            {
                levels.insert(name.clone(), value);
            }
        }
        let prompts = &self.input_config["datasets"][0]["prompts"];
        for name in ["isl", "osl"] {
            if let Some(value) = level(&prompts[name]["mean"]) {
                levels.insert(name.to_owned(), value);
            }
        }
        levels
    }

    /// Returns what else defines the requests of a phase, as a text that is only compared.
    pub(super) fn workload(&self, phase: &str) -> String {
        let own = self.phases().find(|it| it["name"] == phase);
        let endpoint = &self.input_config["endpoint"];
        format!("{own:?} {:?} {:?}", self.input_config["datasets"], endpoint["streaming"])
    }

    /// Returns when it began, as a number that orders executions.
    pub(super) fn at(&self) -> u64 {
        let text = self.start_time.as_deref().unwrap_or_default();
        let digits: String = text.chars().filter(char::is_ascii_digit).take(17).collect();
        digits.parse().unwrap_or_default()
    }
}
