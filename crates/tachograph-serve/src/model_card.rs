//! What a server tells about its model.
//!
//! Owns: the objects of `/api/tags`, `/api/ps`, `/api/show` and `/v1/models`.
//!
//! Does not: find out the facts; the engines do.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};

use crate::clock::rfc3339;
use crate::instance::Resident;

/// The facts about a model.
#[derive(Debug, Clone)]
pub(crate) struct ModelCard {
    pub(crate) name: String,
    /// SHA-256 in hex, without a prefix.
    pub(crate) digest: String,
    pub(crate) size_bytes: u64,
    /// Memory of the loaded model on a GPU.
    pub(crate) size_vram_bytes: u64,
    pub(crate) modified_at: SystemTime,
    pub(crate) family: String,
    /// Absent if it is not known, as the two that follow.
    pub(crate) parameter_size: Option<String>,
    pub(crate) quantization_level: Option<String>,
    pub(crate) context_length: Option<u64>,
    pub(crate) capabilities: Vec<&'static str>,
    pub(crate) license: String,
    pub(crate) template: String,
    /// Keys as GGUF has them.
    pub(crate) model_info: Map<String, Value>,
}

impl ModelCard {
    fn details(&self) -> Value {
        let mut details = json!({
            "parent_model": "",
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
        });
        let mut known = |name: &str, value: Option<Value>| {
            if let Some(value) = value {
                details[name] = value;
            }
        };
        known("parameter_size", self.parameter_size.clone().map(Value::from));
        known("quantization_level", self.quantization_level.clone().map(Value::from));
        known("context_length", self.context_length.map(Value::from));
        details
    }

    /// The entry of `GET /api/tags`.
    fn tag(&self) -> Value {
        json!({
            "name": self.name,
            "model": self.name,
            "modified_at": rfc3339(self.modified_at),
            "size": self.size_bytes,
            "digest": self.digest,
            "details": self.details(),
            "capabilities": self.capabilities,
        })
    }

    /// The entry of `GET /api/ps`.
    fn running(&self, resident: &Resident) -> Value {
        // A model that never expires is shown far in the future.
        let expires_at = resident
            .expires_at
            .unwrap_or_else(|| SystemTime::now() + Duration::from_hours(24 * 365 * 200));
        let mut entry = json!({
            "name": self.name,
            "model": self.name,
            "size": self.size_bytes,
            "size_vram": self.size_vram_bytes,
            "digest": self.digest,
            "details": self.details(),
            "expires_at": rfc3339(expires_at),
        });
        if let Some(num_ctx) = resident.num_ctx {
            entry["context_length"] = num_ctx.into();
        }
        entry
    }

    /// The answer of `POST /api/show`.
    pub(crate) fn show(&self, num_ctx: Option<u64>) -> Value {
        let parameter = |num_ctx| format!("num_ctx                        {num_ctx}");
        json!({
            "license": self.license,
            "modelfile": format!("FROM {}\n", self.name),
            "parameters": num_ctx.map_or_else(String::new, parameter),
            "template": self.template,
            "details": self.details(),
            "model_info": self.model_info,
            "capabilities": self.capabilities,
            "modified_at": rfc3339(self.modified_at),
        })
    }

    /// The answer of `GET /v1/models/{name}`.
    pub(crate) fn openai_model(&self) -> Value {
        let created = self.modified_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        json!({"id": self.name, "object": "model", "created": created, "owned_by": "tachograph"})
    }
}

/// The answer of `GET /api/tags`.
pub(crate) fn tags(cards: &[ModelCard]) -> Value {
    let models: Vec<Value> = cards.iter().map(ModelCard::tag).collect();
    json!({ "models": models })
}

/// The answer of `GET /api/ps`.
pub(crate) fn running(loaded: &[(ModelCard, Resident)]) -> Value {
    let models: Vec<Value> = loaded.iter().map(|(card, resident)| card.running(resident)).collect();
    json!({ "models": models })
}

/// The answer of `GET /v1/models`.
pub(crate) fn openai_list(cards: &[ModelCard]) -> Value {
    let models: Vec<Value> = cards.iter().map(ModelCard::openai_model).collect();
    json!({"object": "list", "data": models})
}
