//! OpenAI's `/v1/chat/completions` and `/v1/completions`, and what llama.cpp adds.
//!
//! Owns: the meaning of one event's data, and of an answer that is one document.
//!
//! # Source
//!
//! OpenAI API reference, *Chat Completions: streaming* and *Completions*;
//! llama.cpp `tools/server/README.md`, `timings`; `reasoning_content` is
//! the name of `DeepSeek` and vLLM, `reasoning` that of `OpenRouter` and Ollama.

use serde::Deserialize;
use serde_json::value::RawValue;
use tachograph_model::event::{ChunkKind, ServerTimings, Usage};
use tachograph_model::units::DurationNs;

use super::answer::{Record, Text, filled, present};

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    usage: Option<UsageFields>,
    #[serde(default)]
    timings: Option<Timings>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    /// In the place of `delta` where the answer is one document.
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    text: Option<Text<'a>>,
    #[serde(borrow, default)]
    finish_reason: Option<Text<'a>>,
}

#[derive(Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Text<'a>>,
    #[serde(borrow, default)]
    reasoning: Option<Text<'a>>,
    #[serde(borrow, default)]
    refusal: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
    #[serde(borrow, default)]
    function_call: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct UsageFields {
    #[serde(default)]
    prompt_tokens: Option<u64>,
    #[serde(default)]
    completion_tokens: Option<u64>,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct Timings {
    #[serde(default)]
    cache_n: Option<u64>,
    #[serde(default)]
    prompt_n: Option<u64>,
    #[serde(default)]
    prompt_ms: Option<f64>,
    #[serde(default)]
    predicted_n: Option<u64>,
    #[serde(default)]
    predicted_ms: Option<f64>,
}

/// Decodes the data of one event.
pub(crate) fn decode(data: &[u8], record: &mut Record<'_>) {
    if data.trim_ascii() == b"[DONE]" {
        record.summary.is_final = true;
        return record.chunk(ChunkKind::Final, "");
    }
    let event: Data<'_> = match serde_json::from_slice(data) {
        Ok(event) => event,
        Err(error) => return record.malformed(data, &error.to_string()),
    };
    if event.error.is_some() {
        return record.server_error(data);
    }
    let mut n_chunks = 0;
    let mut finishes = false;
    for choice in event.choices.iter().flatten() {
        let delta = choice.delta.as_ref().or(choice.message.as_ref());
        let of = |field: for<'d> fn(&'d Delta<'_>) -> Option<&'d str>| delta.and_then(field);
        let reasoning = of(|delta| {
            filled(delta.reasoning_content.as_ref()).or_else(|| filled(delta.reasoning.as_ref()))
        });
        let pieces = [
            (ChunkKind::Reasoning, reasoning),
            (ChunkKind::Content, of(|delta| filled(delta.content.as_ref()))),
            (ChunkKind::Content, of(|delta| filled(delta.refusal.as_ref()))),
            (ChunkKind::Content, filled(choice.text.as_ref())),
            (ChunkKind::ToolCall, of(|delta| present(delta.tool_calls))),
            (ChunkKind::ToolCall, of(|delta| present(delta.function_call))),
        ];
        for (kind, text) in pieces {
            if let Some(text) = text {
                record.chunk(kind, text);
                n_chunks += 1;
            }
        }
        if let Some(reason) = filled(choice.finish_reason.as_ref()) {
            record.summary.finish_reason = Some(reason.to_owned());
            finishes = true;
        }
    }
    if n_chunks == 0 {
        let brings_usage = event.usage.is_some() || event.timings.is_some();
        let kind = if finishes || brings_usage { ChunkKind::Final } else { ChunkKind::Empty };
        record.chunk(kind, "");
    }
    if let Some(timings) = &event.timings {
        take_timings(timings, record);
    }
    if let Some(usage) = &event.usage {
        take_usage(usage, &mut record.summary.usage);
    }
}

fn take_usage(fields: &UsageFields, usage: &mut Usage) {
    let cached = fields.prompt_tokens_details.as_ref().and_then(|details| details.cached_tokens);
    usage.prompt_tokens = fields.prompt_tokens.or(usage.prompt_tokens);
    usage.output_tokens = fields.completion_tokens.or(usage.output_tokens);
    usage.cached_prompt_tokens = cached.or(usage.cached_prompt_tokens);
}

/// Takes llama.cpp's figures: `prompt_n` leaves cached tokens out, a usage does not.
fn take_timings(timings: &Timings, record: &mut Record<'_>) {
    let duration = |milliseconds: Option<f64>| {
        let value = milliseconds.filter(|value| value.is_finite() && *value >= 0.0)?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the cast saturates, and the value is finite and not negative"
        )]
        Some(DurationNs((value * 1e6).round() as u64))
    };
    let previous = record.summary.timings;
    record.summary.timings = ServerTimings {
        prompt_eval_ns: duration(timings.prompt_ms).or(previous.prompt_eval_ns),
        eval_ns: duration(timings.predicted_ms).or(previous.eval_ns),
        ..previous
    };
    let usage = &mut record.summary.usage;
    if let Some(evaluated) = timings.prompt_n {
        usage.prompt_tokens = evaluated.checked_add(timings.cache_n.unwrap_or(0));
    }
    usage.output_tokens = timings.predicted_n.or(usage.output_tokens);
    usage.cached_prompt_tokens = timings.cache_n.or(usage.cached_prompt_tokens);
}
