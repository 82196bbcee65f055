//! The simulated engine: stated, seeded timing and no model at all.
//!
//! Owns: when each piece of an answer is due, how many there are, and which
//! fault strikes. It behaves like an Ollama server in state too: loading costs
//! time, a prompt seen before is cached, a long prompt is cut.
//!
//! Does not: write to sockets; the send log tells how late each write was.

mod capacity;
pub(crate) mod config;
mod script;
mod seat;
mod words;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::UNIX_EPOCH;

use serde_json::{Map, json};
use sha2::{Digest, Sha256};

use self::config::{Effect, Fault, SimulatedConfig, TOKENS_MAX};
use self::script::{Progress, Script, Step};
use self::seat::{Pool, Seat};
use self::words::{Draws, Words, mix, prompt_tokens};
use crate::engine::{QueueSizes, Start};
use crate::hex::hex;
use crate::job::{ApiError, DoneReason, Failure, Generated, Job, Piece, Prompt};
use crate::model_card::ModelCard;
use crate::options::LoadSettings;
use crate::output::Output;
use crate::pacer::Pacer;
use crate::sys;

/// The engine.
#[derive(Debug)]
pub(crate) struct Simulated {
    pacer: Pacer,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    config: SimulatedConfig,
    /// What all answers share; absent where they are independent.
    pool: Option<Arc<Pool>>,
    requests: u64,
    /// Requests seen and strikes made, by position of the rule.
    rules: BTreeMap<usize, (u64, u64)>,
}

/// The simulated model, loaded.
#[derive(Debug)]
pub(crate) struct SimulatedRunner {
    pub(crate) settings: LoadSettings,
    /// Token hashes of the prompts that its slots hold, latest last.
    cached: Mutex<Vec<Vec<u64>>>,
}

impl Simulated {
    pub(crate) fn new(config: SimulatedConfig, pacer: Pacer) -> Self {
        let pool = Pool::of(&config);
        let state = State { config, pool, requests: 0, rules: BTreeMap::new() };
        Self { pacer, state: Mutex::new(state) }
    }

    pub(crate) fn config(&self) -> SimulatedConfig {
        self.state().config.clone()
    }

    /// Replaces the configuration; requests under way keep what they have, and
    /// share with later ones only if the capacity stays as it is.
    pub(crate) fn set_config(&self, config: SimulatedConfig) {
        let mut state = self.state();
        state.rules.clear();
        let capacity = |config: &SimulatedConfig| (config.capacity, config.slowdown_per_stream);
        if capacity(&state.config) != capacity(&config) {
            state.pool = Pool::of(&config);
        }
        state.config = config;
    }

    pub(crate) fn reset(&self) {
        let mut state = self.state();
        state.requests = 0;
        state.rules.clear();
    }

    pub(crate) fn queue_sizes(&self) -> QueueSizes {
        let state = self.state();
        QueueSizes { num_parallel: state.config.num_parallel, max_queue: state.config.max_queue }
    }

    pub(crate) fn default_num_ctx(&self) -> u64 {
        self.state().config.num_ctx
    }

    pub(crate) fn thinks(&self) -> bool {
        self.state().config.thinking_tokens > 0
    }

    pub(crate) fn model(&self) -> String {
        self.state().config.model.clone()
    }

    pub(crate) fn card(&self) -> ModelCard {
        let config = self.config();
        let mut capabilities = vec!["completion"];
        if config.thinking_tokens > 0 {
            capabilities.push("thinking");
        }
        let identity = format!("tachograph simulated model\n{}\n{}\n", config.model, config.seed);
        let mut model_info = Map::new();
        model_info.insert("general.architecture".to_owned(), json!("simulated"));
        model_info.insert("simulated.context_length".to_owned(), json!(CONTEXT_LENGTH));
        model_info.insert("simulated.seed".to_owned(), json!(config.seed));
        ModelCard {
            name: config.model,
            digest: hex(&Sha256::digest(identity.as_bytes())),
            size_bytes: 1_000_000_000,
            size_vram_bytes: 0,
            modified_at: UNIX_EPOCH,
            family: "simulated".to_owned(),
            parameter_size: Some("1B".to_owned()),
            quantization_level: Some("none".to_owned()),
            context_length: Some(CONTEXT_LENGTH),
            capabilities,
            license: "no model: text and timing are generated from a seed".to_owned(),
            template: "{{ .Prompt }}".to_owned(),
            model_info,
        }
    }

    /// Loads: waits as long as the configuration says.
    pub(crate) async fn load(
        &self,
        wanted: &LoadSettings,
    ) -> Result<(SimulatedRunner, u64), Failure> {
        let load_ns = self.state().config.load_ns;
        let ready_ns = sys::monotonic_ns().saturating_add(load_ns);
        self.pacer.sleep_until(ready_ns).await;
        let runner = SimulatedRunner { settings: wanted.clone(), cached: Mutex::new(Vec::new()) };
        Ok((runner, ready_ns))
    }

    /// Waits for the time that looking at a loaded model costs.
    pub(crate) async fn confirm_loaded(&self) -> u64 {
        let check_ns = self.state().config.loaded_check_ns;
        let ready_ns = sys::monotonic_ns().saturating_add(check_ns);
        self.pacer.sleep_until(ready_ns).await;
        ready_ns
    }

    pub(crate) async fn generate(
        &self,
        runner: &SimulatedRunner,
        job: &Job,
        start: Start,
        output: &mut Output,
    ) -> Result<Generated, Failure> {
        let mut script = self.script(runner, job)?;
        let mut seat = self.seat(&script, start.start_ns);
        if !script.fails_first() {
            let deadline_ns = seat.reach(script.prompt_ns).await;
            output.role(Some(deadline_ns)).await?;
        }
        let deadline_ns = loop {
            match script.next_step() {
                Step::Piece { at_ns, text, thinking, tokens } => {
                    let deadline_ns = Some(seat.reach(at_ns).await);
                    if !text.is_empty() {
                        output.piece(Piece { text, thinking, tokens, deadline_ns }).await?;
                    }
                }
                Step::Malformed { at_ns } => {
                    let deadline_ns = Some(seat.reach(at_ns).await);
                    output.malformed(deadline_ns).await?;
                }
                Step::Fail { at_ns, failure } => {
                    seat.reach(at_ns).await;
                    return Err(failure);
                }
                // The task ends when the client leaves.
                Step::Silence => std::future::pending().await,
                Step::End { at_ns } => break seat.reach(at_ns).await,
            }
        };
        let prompt_ns = script.prompt_ns;
        let output_ns = prompt_ns.saturating_add(script.output_ns());
        Ok(Generated {
            reason: script.reason,
            prompt_tokens: script.prompt_tokens,
            cached_tokens: script.cached_tokens,
            prompt_ns: seat.time_between_ns(0, prompt_ns),
            output_tokens: script.tokens(),
            eval_ns: seat.time_between_ns(prompt_ns, output_ns),
            context: Vec::new(),
            deadline_ns: Some(deadline_ns),
            queue_ns: seat.begin_ns().saturating_sub(start.ready_ns),
            usage_skew: script.usage_skew,
        })
    }

    /// Takes a place for an answer whose model and slot were there at `start_ns`.
    fn seat(&self, script: &Script, start_ns: u64) -> Seat<'_> {
        let pool = self.state().pool.clone();
        match pool {
            Some(pool) => Seat::among(&pool, &self.pacer, start_ns, script.length_ns()),
            None => Seat::alone(&self.pacer, start_ns),
        }
    }

    /// Decides everything about a request.
    fn script(&self, runner: &SimulatedRunner, job: &Job) -> Result<Script, ApiError> {
        let mut state = self.state();
        state.requests += 1;
        let number = state.requests;
        let fault = state.strike();
        let config = state.config.clone();
        drop(state);

        let tokens = fit(prompt_tokens(&prompt_text(&job.prompt)), job)?;
        let cached_tokens =
            if config.prompt_cache { runner.take_cached(&tokens, config.num_parallel) } else { 0 };
        let prompt_tokens = count(&tokens);
        let speed = Speed::of(&config, job, number);
        let fresh = prompt_tokens.saturating_sub(cached_tokens);
        let prompt_ns = scaled(
            config.prompt_base_ns.saturating_add(fresh.saturating_mul(config.prompt_token_ns)),
            speed.prompt,
        );

        // The same question with the same seed has the same answer, whatever
        // the options that only change speed; without randomness no seed is
        // needed for that.
        let own = if job.options.temperature <= 0.0 { u64::MAX } else { !number };
        let of_request = u64::try_from(job.options.seed).unwrap_or(own);
        let key = tokens.iter().fold(mix(config.seed, of_request), |key, token| mix(key, *token));
        let mut draws = Draws::new(key);
        let (output_tokens, reason) = length(&config, job, prompt_tokens, &mut draws);
        let thinking = config.thinking_tokens > 0 && job.think != Some(false);
        Ok(Script {
            prompt_tokens,
            cached_tokens,
            prompt_ns,
            token_ns: scaled(config.output_token_ns, speed.output),
            thinking_tokens: if thinking { config.thinking_tokens } else { 0 },
            output_tokens,
            reason,
            words: Words::new(draws.next(), output_tokens),
            jitter: Draws::new(mix(mix(config.seed, number), 0x6A69_7474)),
            jitter_ns: config.jitter_ns,
            tokens_per_chunk: config.tokens_per_chunk.max(1),
            final_delay_ns: config.final_delay_ns,
            fault,
            stops: job.options.stop.iter().filter(|stop| !stop.is_empty()).cloned().collect(),
            usage_skew: 0,
            progress: Progress::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What `/api/show` gives as the length that the model was made for.
const CONTEXT_LENGTH: u64 = 131_072;

impl State {
    /// Counts a request for every rule and returns the fault that strikes it.
    fn strike(&mut self) -> Option<(Fault, u32)> {
        let mut struck = None;
        for (position, rule) in self.config.faults.iter().enumerate() {
            let (seen, strikes) = self.rules.entry(position).or_default();
            *seen += 1;
            let due =
                seen.is_multiple_of(rule.every) && rule.times.is_none_or(|times| *strikes < times);
            if due && struck.is_none() {
                *strikes += 1;
                struck = Some((rule.fault.clone(), rule.after_chunks));
            }
        }
        struck
    }
}

impl SimulatedRunner {
    /// Returns how many of `tokens` a slot holds already, and keeps them.
    /// At least one token is always evaluated, as in llama.cpp.
    fn take_cached(&self, tokens: &[u64], slots: usize) -> u64 {
        let mut cached = self.cached.lock().unwrap_or_else(PoisonError::into_inner);
        let common = |held: &Vec<u64>| held.iter().zip(tokens).take_while(|(a, b)| a == b).count();
        let best = cached.iter().enumerate().max_by_key(|(_, held)| common(held));
        let best = best.map(|(position, held)| (position, common(held)));
        let length = best.map_or(0, |(_, length)| length).min(tokens.len().saturating_sub(1));
        if let Some((position, _)) = best
            && (length > 0 || cached.len() >= slots)
        {
            // The slot that fits best is used; without a fit, the oldest.
            cached.remove(if length > 0 { position } else { 0 });
        }
        cached.push(tokens.to_vec());
        u64::try_from(length).unwrap_or(0)
    }
}

/// Factors on the configured times.
struct Speed {
    prompt: f64,
    output: f64,
}

impl Speed {
    fn of(config: &SimulatedConfig, job: &Job, number: u64) -> Self {
        let mut draws = Draws::new(mix(mix(config.seed, number), 0x6E6F_6973));
        let noise = 1.0 + config.request_noise_fraction * draws.signed_unit();
        let applies = |effect: &&Effect| {
            let level = job.options.given.get(&effect.option).and_then(serde_json::Value::as_f64);
            level.is_some_and(|level| level.total_cmp(&effect.level).is_eq())
        };
        let start = Self { prompt: noise, output: noise };
        config.effects.iter().filter(applies).fold(start, |speed, effect| Self {
            prompt: speed.prompt * effect.prompt_scale,
            output: speed.output * effect.output_scale,
        })
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the factor is finite and not negative, and `as` saturates"
)]
fn scaled(duration_ns: u64, factor: f64) -> u64 {
    (duration_ns as f64 * factor).round() as u64
}

fn count(tokens: &[u64]) -> u64 {
    u64::try_from(tokens.len()).unwrap_or(u64::MAX)
}

fn prompt_text(prompt: &Prompt) -> String {
    match prompt {
        Prompt::Raw(text) => text.clone(),
        Prompt::Templated { system, prompt, .. } => match system {
            Some(system) => format!("system {system}\nuser {prompt}\nassistant"),
            None => format!("user {prompt}\nassistant"),
        },
        Prompt::Chat(messages) => {
            let mut text = String::new();
            for message in messages {
                text.push_str(&message.role);
                text.push(' ');
                text.push_str(&message.content);
                text.push('\n');
            }
            text.push_str("assistant");
            text
        }
    }
}

/// Cuts a prompt that is longer than the context: the first `num_keep` tokens
/// and the end stay.
fn fit(mut tokens: Vec<u64>, job: &Job) -> Result<Vec<u64>, ApiError> {
    let room = usize::try_from(job.options.load.num_ctx).unwrap_or(usize::MAX);
    if tokens.len() <= room {
        return Ok(tokens);
    }
    if !job.truncate {
        return Err(ApiError::bad_request("the input length exceeds the context length"));
    }
    let keep = usize::try_from(job.options.num_keep).unwrap_or(0).min(room);
    let excess = tokens.len() - room;
    tokens.drain(keep..keep + excess);
    Ok(tokens)
}

fn length(
    config: &SimulatedConfig,
    job: &Job,
    prompt_tokens: u64,
    draws: &mut Draws,
) -> (u64, DoneReason) {
    let span = config.output_tokens_max.saturating_sub(config.output_tokens_min);
    let wanted = config.output_tokens_min.saturating_add(draws.up_to(span));
    let mut limit = u64::try_from(job.options.num_predict).unwrap_or(0).min(TOKENS_MAX);
    if limit == 0 {
        limit = TOKENS_MAX;
    } else if config.fill_num_predict {
        return (limit, DoneReason::Length);
    }
    if !job.shift {
        limit = limit.min(job.options.load.num_ctx.saturating_sub(prompt_tokens).max(1));
    }
    if wanted > limit { (limit, DoneReason::Length) } else { (wanted, DoneReason::Stop) }
}
