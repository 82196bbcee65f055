//! The bodies of requests.
//!
//! Owns: how a prompt and options become the JSON of each protocol. Keys are sorted,
//! nothing is spaced, text is UTF-8 and not escaped beyond what JSON demands, so
//! every implementation can produce the same bytes (in Python:
//! `json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)`, but
//! `0.00001` and `1e-6` where that writes `1e-05` and `1e-06`; see
//! `agents/python/src/tachograph_agent/request.py`).
//!
//! Does not: add a nonce (the prompt comes with it), or judge options. What a
//! protocol cannot carry is said in a [`Notice`], never dropped in silence.

use std::collections::BTreeMap;

use serde::Serialize;
use tachograph_model::digest::Digest;
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::{Api, PromptCache};

/// Names that Ollama takes beside `options`, not inside it.
const OLLAMA_TOP_LEVEL: [&str; 11] = [
    "format",
    "keep_alive",
    "logprobs",
    "raw",
    "shift",
    "suffix",
    "system",
    "template",
    "think",
    "top_logprobs",
    "truncate",
];

/// Options that OpenAI's protocol defines.
const OPENAI_KNOWN: [&str; 15] = [
    "frequency_penalty",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "presence_penalty",
    "reasoning_effort",
    "seed",
    "service_tier",
    "stop",
    "store",
    "suffix",
    "temperature",
    "top_logprobs",
    "top_p",
    "user",
];

/// Options of Ollama that are fixed when a server behind `/v1` starts.
const SERVER_SETTINGS: [&str; 7] =
    ["main_gpu", "num_batch", "num_ctx", "num_gpu", "num_keep", "num_thread", "use_mmap"];

/// Names that the client itself fills in.
const RESERVED: [&str; 5] = ["messages", "model", "prompt", "stream", "stream_options"];

/// What a request asks for.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The protocol.
    pub api: Api,
    /// The model's name, as the server knows it.
    pub model: &'a str,
    /// The prompt, with its nonce if there is one.
    pub prompt: &'a str,
    /// Options.
    pub options: &'a Options,
    /// How the prompt cache is treated.
    pub prompt_cache: PromptCache,
    /// Whether the answer comes piece by piece.
    pub stream: bool,
}

/// A body, and what about it differs from what was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The exact body.
    pub text: String,
    /// What could not be sent as asked, in the order of the options' names.
    pub notices: Vec<Notice>,
}

/// Something about an option that the user should know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Notice {
    /// The server fixes it when it starts.
    #[error(
        "`{option}` cannot be set over /v1 and was not sent; set it when the server starts, or use an Ollama `api`"
    )]
    NotSettable {
        /// The option.
        option: String,
    },
    /// The value means "no limit", which is said by leaving it out.
    #[error("`{option}` below zero means no limit; over /v1 it was left out, which means the same")]
    NoLimit {
        /// The option.
        option: String,
    },
    /// It is no option.
    #[error("`{option}` was not sent, since it is not an option; the plan sets it elsewhere")]
    Reserved {
        /// The option.
        option: String,
    },
    /// Two options mean the same.
    #[error("`{option}` was not sent, since `{other}` means the same and is there too")]
    Superseded {
        /// The one that was left out.
        option: String,
        /// The one that was sent.
        other: String,
    },
    /// The protocol does not define it; the server may ignore it.
    #[error(
        "`{option}` is not part of the OpenAI protocol and was passed on; the server may ignore it"
    )]
    PassedOn {
        /// The option.
        option: String,
    },
    /// Ollama has no switch for its prompt cache.
    #[error("Ollama's prompt cache cannot be turned off; use `prompt_cache = \"nonce\"`")]
    CacheStaysOn,
}

/// A value of a body.
#[derive(Serialize)]
#[serde(untagged)]
enum Field<'a> {
    Text(&'a str),
    Bool(bool),
    Option(&'a OptionValue),
    Messages([Message<'a>; 1]),
    Map(BTreeMap<&'a str, Field<'a>>),
}

/// A chat message; fields in the order of their names.
#[derive(Serialize)]
struct Message<'a> {
    content: &'a str,
    role: &'a str,
}

/// Returns the body of a request.
pub fn body(request: &Request<'_>) -> Body {
    let mut fields = BTreeMap::from([
        ("model", Field::Text(request.model)),
        ("stream", Field::Bool(request.stream)),
    ]);
    match request.api {
        Api::OllamaGenerate | Api::OpenaiCompletions => {
            fields.insert("prompt", Field::Text(request.prompt));
        }
        Api::OllamaChat | Api::OpenaiChat => {
            let message = Message { content: request.prompt, role: "user" };
            fields.insert("messages", Field::Messages([message]));
        }
    }
    let notices = if request.api.is_ollama() {
        ollama_options(request, &mut fields)
    } else {
        openai_options(request, &mut fields)
    };
    let text = serde_json::to_string(&fields).expect("texts, numbers and switches are JSON");
    Body { text, notices }
}

fn ollama_options<'a>(
    request: &Request<'a>,
    fields: &mut BTreeMap<&'a str, Field<'a>>,
) -> Vec<Notice> {
    let mut inner = BTreeMap::new();
    for (name, value) in request.options {
        let target = if OLLAMA_TOP_LEVEL.contains(&&**name) { &mut *fields } else { &mut inner };
        target.insert(name, Field::Option(value));
    }
    if !inner.is_empty() {
        fields.insert("options", Field::Map(inner));
    }
    match request.prompt_cache {
        PromptCache::Off => vec![Notice::CacheStaysOn],
        PromptCache::On | PromptCache::Nonce => Vec::new(),
    }
}

fn openai_options<'a>(
    request: &Request<'a>,
    fields: &mut BTreeMap<&'a str, Field<'a>>,
) -> Vec<Notice> {
    let mut notices = Vec::new();
    for (name, value) in request.options {
        let option = || name.clone();
        if RESERVED.contains(&&**name) {
            notices.push(Notice::Reserved { option: option() });
        } else if SERVER_SETTINGS.contains(&&**name) {
            notices.push(Notice::NotSettable { option: option() });
        } else if name == "num_predict" {
            let other = ["max_tokens", "max_completion_tokens"]
                .into_iter()
                .find(|other| request.options.contains_key(*other));
            match (other, value) {
                (Some(other), _) => {
                    let other = other.to_owned();
                    notices.push(Notice::Superseded { option: option(), other });
                }
                (None, OptionValue::Integer(..0)) => {
                    notices.push(Notice::NoLimit { option: option() });
                }
                (None, _) => {
                    fields.insert("max_tokens", Field::Option(value));
                }
            }
        } else {
            if !OPENAI_KNOWN.contains(&&**name) {
                notices.push(Notice::PassedOn { option: option() });
            }
            fields.insert(name, Field::Option(value));
        }
    }
    if request.prompt_cache == PromptCache::Off {
        fields.insert("cache_prompt", Field::Bool(false));
    }
    if request.stream {
        let usage = BTreeMap::from([("include_usage", Field::Bool(true))]);
        fields.insert("stream_options", Field::Map(usage));
    }
    notices
}

/// Returns the digest of `body` without the first occurrence of its nonce, by which
/// implementations are compared.
///
/// `nonce` is the text as it stands in the prompt; in the body it stands as JSON
/// writes it, a line feed as `\n`.
pub fn parity_digest(body: &str, nonce: Option<&str>) -> Digest {
    let escaped = nonce.map(|nonce| serde_json::Value::from(nonce).to_string());
    let written = escaped.as_deref().map(|quoted| &quoted[1..quoted.len() - 1]);
    let (before, after) = written.and_then(|nonce| body.split_once(nonce)).unwrap_or((body, ""));
    Digest::of_parts([before.as_bytes(), after.as_bytes()])
}

#[cfg(test)]
mod tests;
