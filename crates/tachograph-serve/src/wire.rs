//! Answers on the wire: Ollama's NDJSON and `OpenAI`'s SSE.
//!
//! Owns: the shape of every chunk, final record and error body.
//!
//! Does not: read requests or keep time.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use crate::clock::rfc3339;
use crate::job::{ApiError, DoneReason, Generated, Spans};
use crate::send_log::SendKind;

/// The wire format of one answer.
#[derive(Debug, Clone)]
pub(crate) struct Shape {
    pub(crate) route: Route,
    pub(crate) model: String,
    pub(crate) stream: bool,
    /// Whether the end has what not every request gets: the usage chunk of
    /// `OpenAI` streams, the `context` of `/api/generate`.
    pub(crate) full_end: bool,
    /// Ordinal of the request, for ids.
    pub(crate) ordinal: u64,
}

/// The routes that produce text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    OllamaGenerate,
    OllamaChat,
    OpenAiChat,
    OpenAiCompletion,
}

impl Route {
    /// Returns the route at `path`, if one that produces text is there.
    pub(crate) fn at(path: &str) -> Option<Self> {
        let all =
            [Self::OllamaGenerate, Self::OllamaChat, Self::OpenAiChat, Self::OpenAiCompletion];
        all.into_iter().find(|route| route.path() == path)
    }

    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::OllamaGenerate => "/api/generate",
            Self::OllamaChat => "/api/chat",
            Self::OpenAiChat => "/v1/chat/completions",
            Self::OpenAiCompletion => "/v1/completions",
        }
    }

    pub(crate) fn is_openai(self) -> bool {
        matches!(self, Self::OpenAiChat | Self::OpenAiCompletion)
    }
}

#[derive(Serialize)]
struct OllamaLine<'a> {
    model: &'a str,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    response: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<OllamaMessage<'a>>,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
    done: bool,
    #[serde(flatten)]
    end: Option<OllamaEnd>,
}

#[derive(Serialize)]
struct OllamaMessage<'a> {
    role: &'static str,
    content: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    thinking: &'a str,
}

/// Every number here is absent when zero, as Go's `omitempty` has it.
#[derive(Serialize)]
struct OllamaEnd {
    done_reason: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    context: Vec<i64>,
    #[serde(skip_serializing_if = "is_zero")]
    total_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    load_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt_eval_cached_count: Option<u64>,
    #[serde(skip_serializing_if = "is_zero")]
    prompt_eval_duration: u64,
    #[serde(skip_serializing_if = "is_zero")]
    eval_count: u64,
    #[serde(skip_serializing_if = "is_zero")]
    eval_duration: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
fn is_zero(value: &u64) -> bool {
    *value == 0
}

/// Text and thinking of one chunk or of a whole answer.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Words<'a> {
    pub(crate) text: &'a str,
    pub(crate) thinking: &'a str,
}

impl Shape {
    pub(crate) fn content_type(&self) -> &'static str {
        match (self.route.is_openai(), self.stream) {
            (false, true) => "application/x-ndjson",
            (true, true) => "text/event-stream",
            (false, false) => "application/json; charset=utf-8",
            (true, false) => "application/json",
        }
    }

    /// The chunk that opens a stream without text, where the format has one.
    pub(crate) fn role_chunk(&self) -> Option<Bytes> {
        (self.stream && self.route == Route::OpenAiChat).then(|| {
            self.event(&json!([{"index": 0, "finish_reason": null,
                "delta": {"role": "assistant", "content": ""}}]))
        })
    }

    /// One chunk with text.
    pub(crate) fn chunk(&self, words: Words<'_>) -> Bytes {
        match self.route {
            Route::OllamaGenerate | Route::OllamaChat => line(&self.ollama(words, None)),
            Route::OpenAiChat => {
                let delta = if words.thinking.is_empty() {
                    json!({"content": words.text})
                } else {
                    json!({"reasoning": words.thinking})
                };
                self.event(&json!([{"index": 0, "delta": delta, "finish_reason": null}]))
            }
            Route::OpenAiCompletion => {
                self.event(&json!([{"index": 0, "text": words.text, "finish_reason": null}]))
            }
        }
    }

    /// What ends a stream, one write each.
    pub(crate) fn end(&self, spans: Spans, generated: &Generated) -> Vec<(SendKind, Bytes)> {
        let reason = generated.reason.name();
        let mut events = match self.route {
            Route::OllamaGenerate | Route::OllamaChat => {
                let end = self.ollama_end(spans, generated);
                return vec![(SendKind::Final, line(&self.ollama(Words::default(), Some(end))))];
            }
            Route::OpenAiChat => {
                vec![self.chunk_value(&json!([{"index": 0, "delta": {}, "finish_reason": reason}]))]
            }
            Route::OpenAiCompletion => {
                vec![self.chunk_value(&json!([{"index": 0, "text": "", "finish_reason": reason}]))]
            }
        };
        if self.full_end {
            let mut usage = self.chunk_value(&json!([]));
            usage["usage"] = usage_value(generated);
            events.push(usage);
        }
        if let Some(last) = events.last_mut() {
            last["timings"] = timings_value(generated);
        }
        let mut writes: Vec<_> = events.iter().map(|event| (SendKind::Final, sse(event))).collect();
        writes.push((SendKind::Done, Bytes::from_static(b"data: [DONE]\n\n")));
        writes
    }

    /// The whole answer at once.
    pub(crate) fn whole(&self, words: Words<'_>, spans: Spans, generated: &Generated) -> Bytes {
        let reason = generated.reason.name();
        let choice = match self.route {
            Route::OllamaGenerate | Route::OllamaChat => {
                let end = self.ollama_end(spans, generated);
                return Bytes::from(to_json(&self.ollama(words, Some(end))));
            }
            Route::OpenAiChat => {
                let mut message = json!({"role": "assistant", "content": words.text});
                if !words.thinking.is_empty() {
                    message["reasoning"] = words.thinking.into();
                }
                json!({"index": 0, "message": message, "finish_reason": reason})
            }
            Route::OpenAiCompletion => {
                json!({"index": 0, "text": words.text, "finish_reason": reason})
            }
        };
        let mut value = self.chunk_value(&json!([choice]));
        if self.route == Route::OpenAiChat {
            value["object"] = "chat.completion".into();
        }
        value["usage"] = usage_value(generated);
        value["timings"] = timings_value(generated);
        Bytes::from(to_json(&value))
    }

    /// The answer to a request without a prompt: the model was (un)loaded.
    ///
    /// One object, streamed or not; Ollama gives it no durations.
    pub(crate) fn load_answer(&self, reason: DoneReason) -> Bytes {
        let end = OllamaEnd {
            done_reason: reason.name(),
            context: Vec::new(),
            total_duration: 0,
            load_duration: 0,
            prompt_eval_count: 0,
            prompt_eval_cached_count: None,
            prompt_eval_duration: 0,
            eval_count: 0,
            eval_duration: 0,
        };
        Bytes::from(to_json(&self.ollama(Words::default(), Some(end))))
    }

    /// An error inside a stream that has begun.
    pub(crate) fn error_chunk(&self, error: &ApiError) -> Bytes {
        if self.route.is_openai() { sse(&openai_error(error)) } else { line(&ollama_error(error)) }
    }

    fn ollama<'a>(&'a self, words: Words<'a>, end: Option<OllamaEnd>) -> OllamaLine<'a> {
        let chat = self.route == Route::OllamaChat;
        OllamaLine {
            model: &self.model,
            created_at: rfc3339(SystemTime::now()),
            response: (!chat).then_some(words.text),
            thinking: if chat { "" } else { words.thinking },
            message: chat.then_some(OllamaMessage {
                role: "assistant",
                content: words.text,
                thinking: words.thinking,
            }),
            done: end.is_some(),
            end,
        }
    }

    fn ollama_end(&self, spans: Spans, generated: &Generated) -> OllamaEnd {
        let context = if self.full_end { generated.context.clone() } else { Vec::new() };
        OllamaEnd {
            done_reason: generated.reason.name(),
            context,
            total_duration: spans.total_ns,
            load_duration: spans.load_ns,
            prompt_eval_count: generated.prompt_tokens,
            prompt_eval_cached_count: Some(generated.cached_tokens),
            prompt_eval_duration: generated.prompt_ns,
            eval_count: reported_tokens(generated),
            eval_duration: generated.eval_ns,
        }
    }

    fn event(&self, choices: &Value) -> Bytes {
        sse(&self.chunk_value(choices))
    }

    fn chunk_value(&self, choices: &Value) -> Value {
        let created = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let (id, object) = match self.route {
            Route::OpenAiChat => (format!("chatcmpl-{}", self.ordinal), "chat.completion.chunk"),
            _ => (format!("cmpl-{}", self.ordinal), "text_completion"),
        };
        json!({"id": id, "object": object, "created": created, "model": self.model,
            "system_fingerprint": "fp_tachograph", "choices": choices})
    }
}

fn reported_tokens(generated: &Generated) -> u64 {
    generated.output_tokens.saturating_add_signed(generated.usage_skew)
}

fn usage_value(generated: &Generated) -> Value {
    let output = reported_tokens(generated);
    json!({
        "prompt_tokens": generated.prompt_tokens,
        "completion_tokens": output,
        "total_tokens": generated.prompt_tokens + output,
        "prompt_tokens_details": {"cached_tokens": generated.cached_tokens},
    })
}

/// The durations as llama.cpp's server gives them, in milliseconds.
fn timings_value(generated: &Generated) -> Value {
    let prompt_n = generated.prompt_tokens.saturating_sub(generated.cached_tokens);
    let output = reported_tokens(generated);
    let milliseconds = |ns: u64| ns as f64 / 1e6;
    let rate = |n: u64, ns: u64| if ns == 0 { 0.0 } else { n as f64 * 1e9 / ns as f64 };
    json!({
        "cache_n": generated.cached_tokens,
        "prompt_n": prompt_n,
        "prompt_ms": milliseconds(generated.prompt_ns),
        "prompt_per_second": rate(prompt_n, generated.prompt_ns),
        "predicted_n": output,
        "predicted_ms": milliseconds(generated.eval_ns),
        "predicted_per_second": rate(output, generated.eval_ns),
    })
}

pub(crate) fn ollama_error(error: &ApiError) -> Value {
    json!({"error": error.message})
}

pub(crate) fn openai_error(error: &ApiError) -> Value {
    let kind = match error.status.as_u16() {
        400 => "invalid_request_error",
        404 => "not_found_error",
        _ => "api_error",
    };
    json!({"error": {"message": error.message, "type": kind, "param": null, "code": null}})
}

pub(crate) fn to_json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("values made here have string keys and no NaN in maps")
}

fn line(value: &impl Serialize) -> Bytes {
    let mut bytes = to_json(value);
    bytes.push(b'\n');
    Bytes::from(bytes)
}

fn sse(value: &Value) -> Bytes {
    let mut bytes = b"data: ".to_vec();
    bytes.extend(to_json(value));
    bytes.extend_from_slice(b"\n\n");
    Bytes::from(bytes)
}
