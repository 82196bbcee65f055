//! The real engine: a llama.cpp server as a child process.
//!
//! Owns: how a job becomes a `/completion` request and how its answer becomes
//! pieces and Ollama's numbers.
//!
//! Does not: start processes; that is the child's.
//!
//! # Source
//!
//! Ollama 0.33, `llm/llama_server.go`: options, counts, reasons.

mod child;
mod client;
pub(crate) mod gguf;

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use self::child::LlamaChild;
use self::client::ClientError;
use self::gguf::GgufError;
use crate::engine::{QueueSizes, Start};
use crate::hex::hex;
use crate::job::{ApiError, DoneReason, Failure, Generated, Job, Message, Piece, Prompt};
use crate::model_card::ModelCard;
use crate::options::{LoadSettings, Options};
use crate::output::Output;
use crate::sys;

/// The program that runs the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LlamaProgram {
    /// A `llama-server` of llama.cpp.
    Server {
        /// Its path.
        path: PathBuf,
    },
    /// A Python that can import `xllamacpp`.
    Python {
        /// Its path, usually inside a virtual environment.
        python: PathBuf,
    },
}

impl LlamaProgram {
    /// Looks for a `llama-server` in the directories of `search_path`, the
    /// value of `PATH`.
    pub fn on_path(search_path: &OsStr) -> Option<Self> {
        std::env::split_paths(search_path)
            .map(|directory| directory.join("llama-server"))
            .find(|candidate| candidate.is_file())
            .map(|path| Self::Server { path })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Server { path } => path,
            Self::Python { python } => python,
        }
    }
}

impl fmt::Display for LlamaProgram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server { path } => write!(f, "{}", path.display()),
            Self::Python { python } => write!(f, "xllamacpp in {}", python.display()),
        }
    }
}

/// How the real engine is set.
#[derive(Debug, Clone)]
pub struct LlamaConfig {
    /// What runs the model.
    pub program: LlamaProgram,
    /// The model, a GGUF file.
    pub model: PathBuf,
    /// Its SHA-256 in hex if it was checked already; absent: it is computed at
    /// the start.
    pub model_sha256: Option<String>,
    /// Name that clients use.
    pub model_name: String,
    /// Threads of a request that asks for none. One is fastest for small
    /// models: more spin on a barrier.
    pub threads: u32,
    /// Context length in tokens of a request that asks for none.
    pub num_ctx: u64,
    /// Requests served at once.
    pub num_parallel: usize,
    /// Requests that may wait.
    pub max_queue: usize,
    /// Whether prompts seen before are reused. Off, every prompt is evaluated
    /// in full, and `prompt_eval_cached_count` is 0.
    pub prompt_cache: bool,
    /// How long the model stays after a request that does not say.
    pub keep_alive: Duration,
    /// Longest wait for the model to load.
    pub load_timeout: Duration,
}

impl LlamaConfig {
    /// Returns the settings used by default for a program and a model.
    pub fn new(program: LlamaProgram, model: PathBuf) -> Self {
        Self {
            program,
            model,
            model_sha256: None,
            model_name: "smollm2:135m".to_owned(),
            threads: 1,
            num_ctx: 4096,
            num_parallel: 1,
            max_queue: 512,
            prompt_cache: true,
            keep_alive: Duration::from_mins(5),
            load_timeout: Duration::from_mins(5),
        }
    }
}

/// Why the real engine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LlamaError {
    /// The model file cannot be read.
    #[error("could not read the model {path}", path = path.display())]
    Model {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is not a model.
    #[error("{path} is not a model that llama.cpp can load", path = path.display())]
    NotAModel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: GgufError,
    },
    /// The program is not there.
    #[error("could not find {path}; give the path of a llama-server, or of a Python with xllamacpp", path = path.display())]
    Program {
        /// Where it was looked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A number is out of range.
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

/// The engine of one instance.
#[derive(Debug)]
pub(crate) struct Llama {
    pub(crate) config: Arc<LlamaConfig>,
    card: Arc<ModelCard>,
}

/// The model, loaded in a child.
#[derive(Debug)]
pub(crate) struct LlamaRunner {
    pub(crate) settings: LoadSettings,
    child: LlamaChild,
    /// Whether a connection broke: sockets close before a dying process can be
    /// seen to be dead.
    is_broken: AtomicBool,
}

impl LlamaRunner {
    pub(crate) fn is_alive(&self) -> bool {
        !self.is_broken.load(Ordering::Relaxed) && self.child.is_alive()
    }

    /// Tells an error of the child the way the front's clients know it.
    fn told(&self, error: ClientError) -> Failure {
        if matches!(error, ClientError::Broken(_)) {
            self.is_broken.store(true, Ordering::Relaxed);
        }
        error.into_api().into()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.child.process_id()
    }
}

/// Looks at program and model, once for all instances.
pub(crate) fn inspect(config: &LlamaConfig) -> Result<ModelCard, LlamaError> {
    let fail = |field, value: String, must| Err(LlamaError::OutOfRange { field, value, must });
    if config.model_name.is_empty() {
        return fail("the model's name", "empty".to_owned(), "a name");
    }
    if !(1..=64).contains(&config.num_parallel) {
        return fail("num_parallel", config.num_parallel.to_string(), "1 to 64");
    }
    if !(1..=1024).contains(&config.threads) {
        return fail("threads", config.threads.to_string(), "1 to 1024");
    }
    if !(16..=1 << 20).contains(&config.num_ctx) {
        return fail("num_ctx", config.num_ctx.to_string(), "16 to 1048576");
    }
    let program = config.program.path();
    if let Err(source) = fs::metadata(program) {
        return Err(LlamaError::Program { path: program.to_owned(), source });
    }
    let path = &config.model;
    let unreadable = |source| LlamaError::Model { path: path.clone(), source };
    let file = File::open(path).map_err(unreadable)?;
    let metadata = file.metadata().map_err(unreadable)?;
    let header = gguf::read_header(BufReader::new(file))
        .map_err(|source| LlamaError::NotAModel { path: path.clone(), source })?;
    let digest = match &config.model_sha256 {
        Some(digest) => digest.clone(),
        None => file_sha256(path).map_err(unreadable)?,
    };
    let text = |key: &str| header.metadata.get(key).and_then(Value::as_str).unwrap_or_default();
    let number = |key: &str| header.metadata.get(key).and_then(Value::as_u64).unwrap_or_default();
    let family = text("general.architecture").to_owned();
    let context_length = number(&format!("{family}.context_length"));
    Ok(ModelCard {
        name: config.model_name.clone(),
        digest,
        size_bytes: metadata.len(),
        // The engines that are started here compute on the CPU.
        size_vram_bytes: 0,
        modified_at: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
        parameter_size: Some(gguf::parameter_size(header.parameters)),
        quantization_level: Some(gguf::quantization_name(number("general.file_type")).to_owned()),
        context_length: Some(context_length),
        capabilities: vec!["completion"],
        license: text("general.license").to_owned(),
        template: header.template.clone(),
        family,
        model_info: header.metadata,
    })
}

/// Returns the SHA-256 of a file in hex.
pub(crate) fn file_sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        match file.read(&mut block)? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&block[..length]),
        }
    }
}

impl Llama {
    pub(crate) fn new(config: Arc<LlamaConfig>, card: Arc<ModelCard>) -> Self {
        Self { config, card }
    }

    pub(crate) fn card(&self) -> ModelCard {
        ModelCard::clone(&self.card)
    }

    pub(crate) fn queue_sizes(&self) -> QueueSizes {
        QueueSizes { num_parallel: self.config.num_parallel, max_queue: self.config.max_queue }
    }

    /// Starts a child with the model.
    pub(crate) async fn load(&self, wanted: &LoadSettings) -> Result<(LlamaRunner, u64), Failure> {
        let child = LlamaChild::start(&self.config, wanted).await?;
        let runner =
            LlamaRunner { settings: wanted.clone(), child, is_broken: AtomicBool::new(false) };
        Ok((runner, sys::monotonic_ns()))
    }

    /// Answers one job.
    pub(crate) async fn generate(
        &self,
        runner: &LlamaRunner,
        job: &Job,
        start: Start,
        output: &mut Output,
    ) -> Result<Generated, Failure> {
        let prompt = prompt_tokens(runner, job).await?;
        let request = self.completion_request(job, &prompt);
        let told = |error| runner.told(error);
        let mut events = runner.child.client.events("/completion", &request).await.map_err(told)?;
        let mut context = prompt;
        let mut unsent_tokens = 0_u32;
        let mut role_is_sent = false;
        loop {
            let Some(event) = events.next().await.map_err(told)? else {
                let error = ClientError::Broken("the answer ended early".to_owned());
                return Err(told(error));
            };
            let ids = event["tokens"].as_array().map(Vec::as_slice).unwrap_or_default();
            context.extend(ids.iter().filter_map(Value::as_i64));
            unsent_tokens =
                unsent_tokens.saturating_add(u32::try_from(ids.len()).unwrap_or(u32::MAX));
            let text = event["content"].as_str().unwrap_or_default();
            if !role_is_sent {
                role_is_sent = true;
                output.role(None).await?;
            }
            // An empty text means that a character is not complete yet.
            if !text.is_empty() {
                let tokens = std::mem::take(&mut unsent_tokens);
                let text = text.to_owned();
                output.piece(Piece { text, thinking: false, tokens, deadline_ns: None }).await?;
            }
            if event["stop"] == true {
                return Ok(generated(&event, start, context));
            }
        }
    }

    /// The body for `/completion`, after `llm/llama_server.go`.
    fn completion_request(&self, job: &Job, prompt: &[i64]) -> Value {
        let options = &job.options;
        let num_ctx = i64::try_from(options.load.num_ctx).unwrap_or(i64::MAX);
        let mut most = num_ctx.saturating_mul(10);
        if !job.shift {
            let used = i64::try_from(prompt.len()).unwrap_or(i64::MAX);
            most = num_ctx.saturating_sub(used).max(1);
        }
        let num_predict =
            if options.num_predict > 0 { options.num_predict.min(most) } else { most };
        let mut request = json!({
            "prompt": prompt,
            "stream": true,
            "return_tokens": true,
            "cache_prompt": self.config.prompt_cache,
            "n_predict": num_predict,
            "n_keep": options.num_keep,
            "temperature": options.temperature,
            "top_k": options.top_k,
            "top_p": options.top_p,
            "min_p": options.min_p,
            "typical_p": options.typical_p,
            "repeat_last_n": options.repeat_last_n,
            "repeat_penalty": options.repeat_penalty,
            "presence_penalty": options.presence_penalty,
            "frequency_penalty": options.frequency_penalty,
            "seed": options.seed.clamp(-1, i64::from(u32::MAX)),
            "stop": options.stop,
        });
        match &job.format {
            Some(Value::String(json)) if json == "json" => {
                request["json_schema"] = json!({"type": "object"});
            }
            Some(schema @ Value::Object(_)) => request["json_schema"] = schema.clone(),
            _ => {}
        }
        request
    }
}

/// Reads the last event: counts and times are llama.cpp's own.
fn generated(event: &Value, start: Start, context: Vec<i64>) -> Generated {
    let timings = &event["timings"];
    let number = |key: &str| timings[key].as_u64().unwrap_or_default();
    let cached_tokens = number("cache_n");
    let reason = if event["stop_type"] == "limit" { DoneReason::Length } else { DoneReason::Stop };
    Generated {
        reason,
        prompt_tokens: cached_tokens.saturating_add(number("prompt_n")),
        cached_tokens,
        prompt_ns: milliseconds_ns(&timings["prompt_ms"]),
        output_tokens: number("predicted_n"),
        eval_ns: milliseconds_ns(&timings["predicted_ms"]),
        context,
        deadline_ns: None,
        queue_ns: start.start_ns.saturating_sub(start.ready_ns),
        usage_skew: 0,
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "`as` saturates, and a negative duration is none"
)]
fn milliseconds_ns(value: &Value) -> u64 {
    (value.as_f64().unwrap_or_default() * 1e6).round() as u64
}

/// Turns the prompt into tokens that fit the context.
///
/// A conversation that is too long loses its oldest turns first, but never a
/// system message or the last turn; then, as for a plain prompt, the middle
/// goes: `num_keep` tokens and the end stay.
async fn prompt_tokens(runner: &LlamaRunner, job: &Job) -> Result<Vec<i64>, Failure> {
    let options = &job.options;
    let room = usize::try_from(options.load.num_ctx).unwrap_or(usize::MAX).saturating_sub(1);
    let mut tokens = match &job.prompt {
        Prompt::Raw(text) => tokenize(runner, text).await?,
        Prompt::Templated { system, prompt, context } => {
            let mut messages = Vec::new();
            if let Some(system) = system.as_ref().filter(|system| !system.is_empty()) {
                messages.push(Message { role: "system".to_owned(), content: system.clone() });
            }
            messages.push(Message { role: "user".to_owned(), content: prompt.clone() });
            let mut tokens = context.clone();
            tokens.extend(tokenize(runner, &template(runner, &messages).await?).await?);
            tokens
        }
        Prompt::Chat(messages) => {
            let mut messages = messages.clone();
            loop {
                let tokens = tokenize(runner, &template(runner, &messages).await?).await?;
                if tokens.len() <= room || !job.truncate || !drop_oldest(&mut messages) {
                    break tokens;
                }
            }
        }
    };
    if tokens.len() > room {
        if !job.truncate {
            let refusal = "the input length exceeds the context length";
            return Err(ApiError::bad_request(refusal).into());
        }
        cut_middle(&mut tokens, room, options);
    }
    Ok(tokens)
}

/// Removes the oldest turn that may go; false if none may.
fn drop_oldest(messages: &mut Vec<Message>) -> bool {
    let last = messages.len().saturating_sub(1);
    let oldest = messages.iter().take(last).position(|message| message.role != "system");
    if let Some(oldest) = oldest {
        messages.remove(oldest);
    }
    oldest.is_some()
}

fn cut_middle(tokens: &mut Vec<i64>, room: usize, options: &Options) {
    let keep = usize::try_from(options.num_keep).unwrap_or(0).min(room / 2);
    let excess = tokens.len().saturating_sub(room);
    tokens.drain(keep..keep + excess);
}

async fn template(runner: &LlamaRunner, messages: &[Message]) -> Result<String, Failure> {
    let messages: Vec<Value> = messages
        .iter()
        .map(|message| json!({"role": message.role, "content": message.content}))
        .collect();
    let answer = post(runner, "/apply-template", &json!({ "messages": messages })).await?;
    answer["prompt"]
        .as_str()
        .map(str::to_owned)
        .ok_or_else(|| ApiError::internal("the llama.cpp server gave no templated prompt").into())
}

async fn tokenize(runner: &LlamaRunner, text: &str) -> Result<Vec<i64>, Failure> {
    let request = json!({"content": text, "add_special": true, "parse_special": true});
    let answer = post(runner, "/tokenize", &request).await?;
    let tokens = answer["tokens"]
        .as_array()
        .ok_or_else(|| Failure::from(ApiError::internal("the llama.cpp server gave no tokens")))?;
    Ok(tokens.iter().filter_map(Value::as_i64).collect())
}

async fn post(runner: &LlamaRunner, path: &str, value: &Value) -> Result<Value, Failure> {
    let answer = runner.child.client.post(path, value).await;
    answer.map_err(|error| runner.told(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(role: &str) -> Message {
        Message { role: role.to_owned(), content: String::new() }
    }

    #[test]
    fn the_oldest_turns_go_but_not_the_system_message_or_the_last() {
        let mut messages = ["system", "user", "assistant", "user"].map(message).to_vec();
        assert!(drop_oldest(&mut messages));
        assert!(drop_oldest(&mut messages));
        assert!(!drop_oldest(&mut messages));
        assert_eq!(messages, ["system", "user"].map(message));
    }

    #[test]
    fn the_middle_of_a_long_prompt_goes() {
        let mut tokens: Vec<i64> = (0..20).collect();
        cut_middle(&mut tokens, 10, &Options::defaults(11));
        assert_eq!(tokens, [0, 1, 2, 3, 14, 15, 16, 17, 18, 19]);
    }

    #[test]
    fn timings_become_ollamas_numbers() {
        let event = json!({"stop": true, "stop_type": "limit", "timings": {
            "cache_n": 468, "prompt_n": 1, "prompt_ms": 8.8,
            "predicted_n": 3, "predicted_ms": 31.096}});
        let start = Start { ready_ns: 5, start_ns: 9 };
        let generated = generated(&event, start, vec![1]);
        assert_eq!((generated.prompt_tokens, generated.cached_tokens), (469, 468));
        assert_eq!((generated.prompt_ns, generated.eval_ns), (8_800_000, 31_096_000));
        assert_eq!((generated.reason, generated.queue_ns), (DoneReason::Length, 4));
    }
}
