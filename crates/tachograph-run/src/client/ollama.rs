//! Ollama's `/api/generate` and `/api/chat`.
//!
//! Owns: the meaning of one NDJSON record.
//!
//! # Source
//!
//! Ollama 0.33, `api/types.go` (`GenerateResponse`, `ChatResponse`, `Metrics`):
//! every number of the final record is left out when it is zero, except
//! `prompt_eval_cached_count`, which is left out when it is unknown.

use serde::Deserialize;
use serde_json::value::RawValue;
use tachograph_model::event::{ChunkKind, ServerTimings, Usage};
use tachograph_model::units::DurationNs;

use super::answer::{Record, Text, filled, present};

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    response: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    message: Option<Message<'a>>,
    #[serde(default)]
    done: Option<bool>,
    #[serde(borrow, default)]
    done_reason: Option<Text<'a>>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(default)]
    total_duration: Option<u64>,
    #[serde(default)]
    load_duration: Option<u64>,
    #[serde(default)]
    prompt_eval_count: Option<u64>,
    #[serde(default)]
    prompt_eval_cached_count: Option<u64>,
    #[serde(default)]
    prompt_eval_duration: Option<u64>,
    #[serde(default)]
    eval_count: Option<u64>,
    #[serde(default)]
    eval_duration: Option<u64>,
}

#[derive(Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Option<Text<'a>>,
    #[serde(borrow, default)]
    thinking: Option<Text<'a>>,
    #[serde(borrow, default)]
    tool_calls: Option<&'a RawValue>,
}

/// Decodes one record of a stream.
pub(crate) fn decode(data: &[u8], record: &mut Record<'_>) {
    let line: Line<'_> = match serde_json::from_slice(data) {
        Ok(line) => line,
        Err(error) => return record.malformed(data, &error.to_string()),
    };
    if line.error.is_some() {
        return record.server_error(data);
    }
    if line.done.is_none() && line.response.is_none() && line.message.is_none() {
        return record.malformed(data, "it has neither `response`, `message`, `done` nor `error`");
    }
    let message = line.message.as_ref();
    let mut n_chunks = 0;
    let pieces = [
        (ChunkKind::Reasoning, filled(line.thinking.as_ref())),
        (ChunkKind::Reasoning, message.and_then(|message| filled(message.thinking.as_ref()))),
        (ChunkKind::Content, filled(line.response.as_ref())),
        (ChunkKind::Content, message.and_then(|message| filled(message.content.as_ref()))),
        (ChunkKind::ToolCall, message.and_then(|message| present(message.tool_calls))),
    ];
    for (kind, text) in pieces {
        if let Some(text) = text {
            record.chunk(kind, text);
            n_chunks += 1;
        }
    }
    let is_final = line.done == Some(true);
    if n_chunks == 0 {
        record.chunk(if is_final { ChunkKind::Final } else { ChunkKind::Empty }, "");
    }
    if is_final {
        finish(&line, record);
    }
}

fn finish(line: &Line<'_>, record: &mut Record<'_>) {
    let reason = line.done_reason.as_ref().map(|reason| reason.0.clone().into_owned());
    // Loading and unloading evaluate nothing; there, absent is not zero.
    let evaluates = !matches!(reason.as_deref(), Some("load" | "unload"));
    let value = |field: Option<u64>| field.or(evaluates.then_some(0));
    let duration = |field: Option<u64>| value(field).map(DurationNs);
    record.summary.is_final = true;
    record.summary.finish_reason = reason;
    record.summary.usage = Usage {
        prompt_tokens: value(line.prompt_eval_count),
        cached_prompt_tokens: line.prompt_eval_cached_count,
        output_tokens: value(line.eval_count),
    };
    record.summary.timings = ServerTimings {
        total_ns: duration(line.total_duration),
        load_ns: duration(line.load_duration),
        prompt_eval_ns: duration(line.prompt_eval_duration),
        eval_ns: duration(line.eval_duration),
    };
}
