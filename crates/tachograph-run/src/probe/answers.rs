//! The answers of servers, as far as they are read. Fields that are not named
//! here are ignored; a missing one is absent.

use serde::Deserialize;

/// `{"version":"0.33.0"}`: Ollama, vLLM and `SGLang`.
#[derive(Debug, Deserialize)]
pub(super) struct OllamaVersion {
    pub(super) version: String,
}

/// `{"models":[…]}` of `/api/tags` and `/api/ps`.
#[derive(Debug, Deserialize)]
#[serde(bound(deserialize = "T: Deserialize<'de>"))]
pub(super) struct OllamaModels<T = OllamaModel> {
    // Go writes an empty list as `null`.
    #[serde(default = "Vec::new", deserialize_with = "null_is_empty")]
    pub(super) models: Vec<T>,
}

fn null_is_empty<'de, T, D>(parser: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: serde::Deserializer<'de>,
{
    Ok(Option::deserialize(parser)?.unwrap_or_default())
}

/// One entry of `/api/tags`.
#[derive(Debug, Deserialize)]
pub(super) struct OllamaModel {
    pub(super) name: String,
    pub(super) digest: Option<String>,
    #[serde(default)]
    pub(super) details: OllamaDetails,
}

#[derive(Debug, Default, Deserialize)]
pub(super) struct OllamaDetails {
    pub(super) quantization_level: Option<String>,
    pub(super) parameter_size: Option<String>,
}

/// One entry of `/api/ps`.
#[derive(Debug, Deserialize)]
pub(super) struct OllamaRunning {
    pub(super) name: String,
    pub(super) size: Option<u64>,
    pub(super) size_vram: Option<u64>,
    pub(super) context_length: Option<u64>,
}

/// `/api/show`.
#[derive(Debug, Deserialize)]
pub(super) struct OllamaShow {
    pub(super) template: Option<String>,
}

/// `/v1/models`.
#[derive(Debug, Deserialize)]
pub(super) struct OpenaiModels {
    pub(super) data: Vec<OpenaiModel>,
}

#[derive(Debug, Deserialize)]
pub(super) struct OpenaiModel {
    pub(super) id: String,
    pub(super) owned_by: Option<String>,
    pub(super) max_model_len: Option<u64>,
}

/// `/props` of llama.cpp's server.
#[derive(Debug, Deserialize)]
pub(super) struct LlamaProps {
    pub(super) default_generation_settings: LlamaSettings,
    pub(super) build_info: Option<String>,
    pub(super) model_ftype: Option<String>,
    pub(super) chat_template: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(super) struct LlamaSettings {
    pub(super) n_ctx: Option<u64>,
}

/// `/info` of TGI.
#[derive(Debug, Deserialize)]
pub(super) struct TgiInfo {
    #[serde(rename = "model_id")]
    _model_id: String,
    pub(super) version: String,
}
