//! What the simulated engine is told: timing, sizes, effects and faults.
//!
//! Owns: the configuration, its defaults and its JSON form.
//!
//! Does not: act on it.

use serde::{Deserialize, Serialize};

/// Behaviour of the simulated engine. Every field has a default; in JSON an
/// unknown field is an error.
///
/// All durations are in nanoseconds and exact: pieces are due at absolute
/// instants computed from them, so lateness of one does not move the next.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SimulatedConfig {
    /// Name of the model; a request for another one is refused.
    pub model: String,
    /// Seed of everything random: words, lengths, jitter.
    pub seed: u64,
    /// Time to load the model.
    pub load_ns: u64,
    /// Time to find that the model is loaded already. Ollama never reports
    /// exactly 0 here; set 0 to see the field left out.
    pub loaded_check_ns: u64,
    /// Prompt time that does not depend on the prompt.
    pub prompt_base_ns: u64,
    /// Prompt time per token that was not cached.
    pub prompt_token_ns: u64,
    /// Time per output token. The first one is due this long after the prompt.
    pub output_token_ns: u64,
    /// Each piece is due up to this much later, drawn from the seed; the
    /// piece after it is not moved.
    pub jitter_ns: u64,
    /// Each request's prompt and output times are scaled by a factor drawn
    /// from `1 - x ..= 1 + x`: noise between runs. In `0..1`.
    pub request_noise_fraction: f64,
    /// From the last piece to the final record.
    pub final_delay_ns: u64,
    /// Fewest output tokens when the request sets no limit.
    pub output_tokens_min: u64,
    /// Most output tokens; `num_predict` cuts what is drawn.
    pub output_tokens_max: u64,
    /// Whether `num_predict` is the length itself and not only a limit.
    pub fill_num_predict: bool,
    /// Output tokens that travel in one chunk.
    pub tokens_per_chunk: u32,
    /// Thinking tokens before the answer; above 0 the model is one that thinks.
    pub thinking_tokens: u64,
    /// Requests served at once.
    pub num_parallel: usize,
    /// Requests that may wait.
    pub max_queue: usize,
    /// How requests that are served at the same time slow each other down.
    pub capacity: Capacity,
    /// With [`Capacity::Slowdown`], the time that each further request in
    /// service costs, as a fraction of the time that one alone takes. From 0 to
    /// 1000000; 1.0 makes two requests exactly twice as slow as one.
    pub slowdown_per_stream: f64,
    /// Whether the tokens that a prompt shares with one before it are free.
    pub prompt_cache: bool,
    /// Context length of a request that asks for none.
    pub num_ctx: u64,
    /// Options whose level changes the speed. An option that is not named here
    /// has no effect.
    pub effects: Vec<Effect>,
    /// Faults, the first that applies to a request wins.
    pub faults: Vec<FaultRule>,
}

impl Default for SimulatedConfig {
    fn default() -> Self {
        Self {
            model: "tachograph-sim:1b".to_owned(),
            seed: 1,
            load_ns: 250_000_000,
            loaded_check_ns: 50_000,
            prompt_base_ns: 5_000_000,
            prompt_token_ns: 100_000,
            output_token_ns: 5_000_000,
            jitter_ns: 0,
            request_noise_fraction: 0.0,
            final_delay_ns: 100_000,
            output_tokens_min: 96,
            output_tokens_max: 160,
            fill_num_predict: false,
            tokens_per_chunk: 1,
            thinking_tokens: 0,
            num_parallel: 1,
            max_queue: 512,
            capacity: Capacity::Independent,
            slowdown_per_stream: 0.25,
            prompt_cache: true,
            num_ctx: 4096,
            effects: Vec::new(),
            faults: Vec::new(),
        }
    }
}

/// How requests that are served at the same time slow each other down.
///
/// A request counts from the start of its prompt until its final record is due,
/// or until its client leaves or a fault cuts its answer; one that waits for a
/// slot does not count. All of the service is slowed: prompt, output, the final
/// delay, jitter and a stall for a time. Loading is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capacity {
    /// Not at all: each has the configured speed.
    Independent,
    /// One request's speed is divided equally: with `n` in service each
    /// progresses at `1 / n` of the configured speed.
    ///
    /// # Source
    ///
    /// Egalitarian processor sharing: Kleinrock (1976), *Queueing Systems*,
    /// volume 2, section 4.4.
    Shared,
    /// With `n` in service each progresses at
    /// `1 / (1 + slowdown_per_stream * (n - 1))` of the configured speed.
    Slowdown,
}

/// A change of speed when an option has a certain level.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effect {
    /// Name of the option, known to Ollama or not.
    pub option: String,
    /// The level, compared as a number; a request without the option has none.
    pub level: f64,
    /// Factor on the time per output token.
    #[serde(default = "one")]
    pub output_scale: f64,
    /// Factor on the time per prompt token.
    #[serde(default = "one")]
    pub prompt_scale: f64,
}

fn one() -> f64 {
    1.0
}

/// Which requests a fault strikes, and what it does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// What happens.
    pub fault: Fault,
    /// Strikes after this many chunks with text; 0 is before the header.
    #[serde(default)]
    pub after_chunks: u32,
    /// Strikes every n-th request for text, counted from the rule's start.
    #[serde(default = "every")]
    pub every: u64,
    /// Strikes this often at most; absent: without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
}

fn every() -> u64 {
    1
}

/// A way for an answer to go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The connection closes inside the body.
    Drop,
    /// The connection is reset.
    Reset,
    /// Nothing more comes; for ever, or for a time.
    Stall {
        /// How long, in nanoseconds; absent: for ever.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ns: Option<u64>,
    },
    /// The body ends cleanly without its final record.
    Truncate,
    /// A line `{"error": …}` ends the stream; before the first chunk it is a
    /// status 500.
    Error {
        /// The error's text.
        message: String,
    },
    /// The answer is this status. Has no effect once a chunk was sent, where
    /// it is an `error`.
    HttpStatus {
        /// Three digits, 400 to 599.
        status: u16,
        /// The error's text.
        message: String,
    },
    /// Half a chunk, then the rest of the stream.
    Malformed,
    /// The reported number of output tokens is off by this much.
    WrongUsage {
        /// Added to the true number.
        delta: i64,
    },
}

/// Why a configuration cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SimulatedConfigError {
    /// A field's value makes no sense.
    #[error("{field} is {value}; it must be {must}")]
    OutOfRange {
        /// Name of the field.
        field: &'static str,
        /// What it is.
        value: String,
        /// What it must be.
        must: &'static str,
    },
}

impl SimulatedConfig {
    /// Checks what the types cannot.
    ///
    /// # Errors
    ///
    /// [`SimulatedConfigError::OutOfRange`] names the first field that is wrong.
    pub fn check(&self) -> Result<(), SimulatedConfigError> {
        let fail = |field, value: String, must| {
            Err(SimulatedConfigError::OutOfRange { field, value, must })
        };
        if self.model.is_empty() {
            return fail("model", "empty".to_owned(), "a name");
        }
        if self.num_parallel == 0 || self.num_parallel > 100_000 {
            return fail("num_parallel", self.num_parallel.to_string(), "1 to 100000");
        }
        if self.max_queue > 1_000_000 {
            return fail("max_queue", self.max_queue.to_string(), "at most 1000000");
        }
        if self.tokens_per_chunk == 0 {
            return fail("tokens_per_chunk", "0".to_owned(), "at least 1");
        }
        if self.output_tokens_min == 0 || self.output_tokens_min > self.output_tokens_max {
            let value = self.output_tokens_min.to_string();
            return fail("output_tokens_min", value, "from 1 to output_tokens_max");
        }
        if self.output_tokens_max > TOKENS_MAX {
            let value = self.output_tokens_max.to_string();
            return fail("output_tokens_max", value, "at most 10000000");
        }
        if self.thinking_tokens > TOKENS_MAX {
            return fail("thinking_tokens", self.thinking_tokens.to_string(), "at most 10000000");
        }
        if !(0.0..1.0).contains(&self.request_noise_fraction) {
            let value = self.request_noise_fraction.to_string();
            return fail("request_noise_fraction", value, "at least 0 and below 1");
        }
        if !(0.0..=1e6).contains(&self.slowdown_per_stream) {
            let value = self.slowdown_per_stream.to_string();
            return fail("slowdown_per_stream", value, "from 0 to 1000000");
        }
        for effect in &self.effects {
            let scales = [effect.output_scale, effect.prompt_scale];
            if !scales.iter().all(|scale| (0.0..=1e6).contains(scale)) {
                return fail("effects", format!("{scales:?}"), "factors from 0 to 1000000");
            }
        }
        for rule in &self.faults {
            if rule.every == 0 {
                return fail("faults.every", "0".to_owned(), "at least 1");
            }
            if let Fault::HttpStatus { status, .. } = rule.fault
                && !(400..600).contains(&status)
            {
                return fail("faults.status", status.to_string(), "400 to 599");
            }
        }
        Ok(())
    }
}

/// More tokens than this are never generated in one answer.
pub(crate) const TOKENS_MAX: u64 = 10_000_000;
