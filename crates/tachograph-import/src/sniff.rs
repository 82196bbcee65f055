//! Whose results a file holds.
//!
//! Owns: the keys by which results of known tools are told apart, and what is said of a
//! file that is given as another tool's. Names of files play no part in it.

use std::collections::BTreeSet;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use tachograph_model::plan::imported::ImportKind;

use crate::read::{is_json, not_json, without_bom};
use crate::snapshot::{ImportError, SourceFile};

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// Results of this kind.
    Kind(ImportKind),
    /// The records of `AIPerf`, which come beside its summary.
    AiperfRecords,
    /// Metrics or logs of OpenTelemetry.
    NoSpans,
    /// Something that none of the tools writes.
    Unknown,
    /// No JSON.
    NoJson,
}

/// The keys of a JSON object, or of the first object of an array.
#[derive(Debug, Default)]
struct Keys {
    keys: BTreeSet<String>,
    /// The keys of its `metadata`.
    metadata: BTreeSet<String>,
}

impl Keys {
    fn holds(&self) -> Holds {
        let has = |names: &[&str]| names.iter().all(|name| self.keys.contains(*name));
        if has(&["resourceSpans"]) || has(&["resource_spans"]) {
            Holds::Kind(ImportKind::Otel)
        } else if has(&["resourceMetrics"]) || has(&["resourceLogs"]) {
            Holds::NoSpans
        } else if has(&["metadata", "metrics"]) && self.metadata.contains("request_start_ns") {
            Holds::AiperfRecords
        } else if has(&["aiperf_version", "input_config"]) {
            Holds::Kind(ImportKind::Aiperf)
        } else if has(&["benchmarks", "metadata"]) {
            Holds::Kind(ImportKind::Guidellm)
        } else if has(&["samples_ns"]) || has(&["avg_ts", "build_commit"]) {
            Holds::Kind(ImportKind::LlamaBench)
        } else if has(&["model_id", "completed", "request_throughput"]) {
            Holds::Kind(ImportKind::Vllm)
        } else {
            Holds::Unknown
        }
    }
}

/// Reads the keys of a value, and lets everything else pass.
struct KeysVisitor;

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(KeysVisitor)
    }
}

impl<'de> Visitor<'de> for KeysVisitor {
    type Value = Keys;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Keys, A::Error> {
        let mut found = Keys::default();
        while let Some(key) = map.next_key::<String>()? {
            if key == "metadata" {
                found.metadata = map.next_value::<Keys>()?.keys;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
            found.keys.insert(key);
        }
        Ok(found)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Keys, A::Error> {
        let first = elements.next_element::<Keys>()?.unwrap_or_default();
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(first)
    }

    fn visit_str<E>(self, _text: &str) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_bool<E>(self, _value: bool) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_i64<E>(self, _value: i64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_u64<E>(self, _value: u64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_f64<E>(self, _value: f64) -> Result<Keys, E> {
        Ok(Keys::default())
    }

    fn visit_unit<E>(self) -> Result<Keys, E> {
        Ok(Keys::default())
    }
}

/// Returns what a file holds, by its first JSON value.
///
/// # Errors
///
/// The file is cut off, or is no JSON although it is called so.
pub(crate) fn holds(file: &SourceFile) -> Result<Holds, ImportError> {
    if !is_json(file) {
        return Ok(Holds::NoJson);
    }
    let bytes = without_bom(&file.bytes).0;
    let mut values = serde_json::Deserializer::from_slice(bytes).into_iter::<Keys>();
    match values.next() {
        None => Err(ImportError::new(&file.path, "", "the file is empty; fetch it again")),
        Some(Ok(keys)) => Ok(keys.holds()),
        Some(Err(error)) => Err(not_json(file, &error)),
    }
}

/// Returns why a file is not imported as `kind`.
pub(crate) fn not_of(kind: ImportKind, holds: Holds) -> String {
    match holds {
        Holds::Kind(other) => {
            format!("it holds results of {other}, not of {kind}: import it as `{other}`")
        }
        Holds::AiperfRecords => {
            format!("it holds records of aiperf, not of {kind}: import it as `aiperf`")
        }
        Holds::NoSpans => "it holds metrics or logs of OpenTelemetry, and no spans".to_owned(),
        Holds::Unknown => format!("it holds nothing that {kind} writes"),
        Holds::NoJson => "no JSON".to_owned(),
    }
}
