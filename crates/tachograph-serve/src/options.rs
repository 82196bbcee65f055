//! The `options` of Ollama: names, types, defaults.
//!
//! Owns: which options exist, what they default to, which of them force a
//! reload of the model. A wrong type is an error, an unknown name is kept and
//! reported but changes nothing, as in Ollama.
//!
//! Does not: apply them; that is the engine's.
//!
//! # Source
//!
//! Ollama 0.33, `api/types.go`, `Options`, `Runner`, `DefaultOptions`.

use serde_json::{Map, Value};

/// Options that shape how the model is loaded; a change of one is a reload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LoadSettings {
    /// Context length in tokens.
    pub(crate) num_ctx: u64,
    /// Layers on the GPU; negative: the server's choice.
    pub(crate) num_gpu: i64,
    /// Threads; 0: the server's choice.
    pub(crate) num_thread: i64,
    /// Prompt tokens evaluated at once.
    pub(crate) num_batch: i64,
    /// The GPU for small tensors.
    pub(crate) main_gpu: i64,
    /// Whether the file is mapped; absent: the server's choice.
    pub(crate) use_mmap: Option<bool>,
}

impl LoadSettings {
    /// Whether a model loaded with `self` can serve a request for `wanted`.
    pub(crate) fn serves(&self, wanted: &Self) -> bool {
        let mut wanted = wanted.clone();
        if wanted.num_gpu < 0 {
            wanted.num_gpu = self.num_gpu;
        }
        *self == wanted
    }
}

/// All options of one request, defaults filled in.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) load: LoadSettings,
    pub(crate) num_predict: i64,
    pub(crate) num_keep: i64,
    pub(crate) seed: i64,
    pub(crate) temperature: f64,
    pub(crate) top_k: i64,
    pub(crate) top_p: f64,
    pub(crate) min_p: f64,
    pub(crate) typical_p: f64,
    pub(crate) repeat_last_n: i64,
    pub(crate) repeat_penalty: f64,
    pub(crate) presence_penalty: f64,
    pub(crate) frequency_penalty: f64,
    pub(crate) stop: Vec<String>,
    /// As given, for engines that look at options by name.
    pub(crate) given: Map<String, Value>,
    /// Names that no engine here knows.
    pub(crate) unknown: Vec<String>,
}

impl Options {
    /// Returns the defaults on a server whose context length is `num_ctx`.
    pub(crate) fn defaults(num_ctx: u64) -> Self {
        Self {
            load: LoadSettings {
                num_ctx,
                num_gpu: -1,
                num_thread: 0,
                num_batch: 512,
                main_gpu: 0,
                use_mmap: None,
            },
            num_predict: -1,
            num_keep: 4,
            seed: -1,
            temperature: 0.8,
            top_k: 40,
            top_p: 0.9,
            min_p: 0.0,
            typical_p: 1.0,
            repeat_last_n: 64,
            repeat_penalty: 1.0,
            presence_penalty: 0.0,
            frequency_penalty: 0.0,
            stop: Vec::new(),
            given: Map::new(),
            unknown: Vec::new(),
        }
    }

    /// Reads the options of a request over the defaults.
    ///
    /// # Errors
    ///
    /// Ollama's sentence about the option whose type is wrong.
    pub(crate) fn read(num_ctx: u64, given: Map<String, Value>) -> Result<Self, String> {
        let mut options = Self::defaults(num_ctx);
        for (name, value) in &given {
            // Go leaves a field alone when the JSON value is null.
            if !value.is_null() {
                options.set(name, value)?;
            }
        }
        if options.load.num_ctx < 4 {
            // llama.cpp needs room for the kept tokens; Ollama does the same.
            options.load.num_ctx = 4;
        }
        options.given = given;
        Ok(options)
    }

    fn set(&mut self, name: &str, value: &Value) -> Result<(), String> {
        match name {
            "num_ctx" => self.load.num_ctx = integer(name, value)?.max(0).unsigned_abs(),
            "num_gpu" => self.load.num_gpu = integer(name, value)?,
            "num_thread" => self.load.num_thread = integer(name, value)?,
            "num_batch" => self.load.num_batch = integer(name, value)?,
            "main_gpu" => self.load.main_gpu = integer(name, value)?,
            "use_mmap" => self.load.use_mmap = Some(boolean(name, value)?),
            "num_predict" => self.num_predict = integer(name, value)?,
            "num_keep" => self.num_keep = integer(name, value)?,
            "seed" => self.seed = integer(name, value)?,
            "temperature" => self.temperature = float(name, value)?,
            "top_k" => self.top_k = integer(name, value)?,
            "top_p" => self.top_p = float(name, value)?,
            "min_p" => self.min_p = float(name, value)?,
            "typical_p" => self.typical_p = float(name, value)?,
            "repeat_last_n" => self.repeat_last_n = integer(name, value)?,
            "repeat_penalty" => self.repeat_penalty = float(name, value)?,
            "presence_penalty" => self.presence_penalty = float(name, value)?,
            "frequency_penalty" => self.frequency_penalty = float(name, value)?,
            "draft_num_predict" => {
                integer(name, value)?;
            }
            "stop" => self.stop = strings(name, value)?,
            _ => self.unknown.push(name.to_owned()),
        }
        Ok(())
    }
}

fn integer(name: &str, value: &Value) -> Result<i64, String> {
    // Go decodes JSON numbers as doubles and truncates them.
    value
        .as_i64()
        .or_else(|| value.as_f64().map(truncate))
        .ok_or_else(|| format!("option {name:?} must be of type integer"))
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "`as` saturates, which is what a limit far out of range should do"
)]
fn truncate(number: f64) -> i64 {
    number as i64
}

fn float(name: &str, value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("option {name:?} must be of type float32"))
}

fn boolean(name: &str, value: &Value) -> Result<bool, String> {
    value.as_bool().ok_or_else(|| format!("option {name:?} must be of type boolean"))
}

fn strings(name: &str, value: &Value) -> Result<Vec<String>, String> {
    let wrong = || format!("option {name:?} must be of type array");
    let items = value.as_array().ok_or_else(wrong)?;
    items.iter().map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(value: Value) -> Result<Options, String> {
        let Value::Object(map) = value else { panic!("an object") };
        Options::read(4096, map)
    }

    #[test]
    fn unknown_options_are_kept_and_change_nothing() {
        let options = read(json!({"num_gpus": 3, "temperature": 0.1})).unwrap();
        assert_eq!(options.unknown, ["num_gpus"]);
        assert_eq!(options.load.num_gpu, -1);
        assert_eq!(options.temperature.to_bits(), 0.1_f64.to_bits());
    }

    #[test]
    fn a_wrong_type_is_named() {
        let error = read(json!({"num_ctx": "big"})).unwrap_err();
        assert_eq!(error, "option \"num_ctx\" must be of type integer");
        let error = read(json!({"stop": "one"})).unwrap_err();
        assert_eq!(error, "option \"stop\" must be of type array");
    }

    #[test]
    fn an_unset_num_gpu_accepts_what_is_loaded_and_a_set_one_does_not() {
        let loaded = read(json!({"num_gpu": 60})).unwrap().load;
        assert!(loaded.serves(&read(json!({})).unwrap().load));
        assert!(!loaded.serves(&read(json!({"num_gpu": 80})).unwrap().load));
        assert!(!loaded.serves(&read(json!({"num_ctx": 512})).unwrap().load));
    }
}
