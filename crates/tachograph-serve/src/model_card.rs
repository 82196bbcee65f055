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
    pub(crate) parameter_size: String,
    pub(crate) quantization_level: String,
    pub(crate) context_length: u64,
    pub(crate) capabilities: Vec<&'static str>,
    pub(crate) license: String,
    pub(crate) template: String,
    /// Keys as GGUF has them.
    pub(crate) model_info: Map<String, Value>,
}

impl ModelCard {
    fn details(&self) -> Value {
        json!({
            "parent_model": "",
            "format": "gguf",
            "family": self.family,
            "families": [self.family],
            "parameter_size": self.parameter_size,
            "quantization_level": self.quantization_level,
            "context_length": self.context_length,
        })
    }

    /// The answer of `GET /api/tags`.
    pub(crate) fn tags(&self) -> Value {
        json!({"models": [{
            "name": self.name,
            "model": self.name,
            "modified_at": rfc3339(self.modified_at),
            "size": self.size_bytes,
            "digest": self.digest,
            "details": self.details(),
            "capabilities": self.capabilities,
        }]})
    }

    /// The answer of `GET /api/ps`.
    pub(crate) fn ps(&self, resident: Option<&Resident>) -> Value {
        let models: Vec<Value> = resident
            .map(|resident| {
                // A model that never expires is shown far in the future.
                let expires_at = resident
                    .expires_at
                    .unwrap_or_else(|| SystemTime::now() + Duration::from_hours(24 * 365 * 200));
                json!({
                    "name": self.name,
                    "model": self.name,
                    "size": self.size_bytes,
                    "size_vram": self.size_vram_bytes,
                    "digest": self.digest,
                    "details": self.details(),
                    "expires_at": rfc3339(expires_at),
                    "context_length": resident.settings.num_ctx,
                })
            })
            .into_iter()
            .collect();
        json!({ "models": models })
    }

    /// The answer of `POST /api/show`.
    pub(crate) fn show(&self, num_ctx: u64) -> Value {
        json!({
            "license": self.license,
            "modelfile": format!("FROM {}\n", self.name),
            "parameters": format!("num_ctx                        {num_ctx}"),
            "template": self.template,
            "details": self.details(),
            "model_info": self.model_info,
            "capabilities": self.capabilities,
            "modified_at": rfc3339(self.modified_at),
        })
    }

    /// The answer of `GET /v1/models`.
    pub(crate) fn openai_list(&self) -> Value {
        json!({"object": "list", "data": [self.openai_model()]})
    }

    /// The answer of `GET /v1/models/{name}`.
    pub(crate) fn openai_model(&self) -> Value {
        let created = self.modified_at.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        json!({"id": self.name, "object": "model", "created": created, "owned_by": "tachograph"})
    }
}
