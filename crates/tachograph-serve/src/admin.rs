//! Routes under `/tachograph`: what the server did, and how it should behave.
//!
//! Owns: the send log as NDJSON, the reset, and the configuration of the
//! simulated engine while it runs.
//!
//! Does not: exist in Ollama.

use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Value, json};

use crate::engine::Engine;
use crate::instance::Instance;
use crate::job::ApiError;
use crate::request::decode;
use crate::simulated::config::SimulatedConfig;
use crate::wire::to_json;

/// Answers an admin request with a content type and a body.
pub(crate) async fn answer(
    instance: &Instance,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Result<(&'static str, Vec<u8>), ApiError> {
    let get = *method == Method::GET;
    let post = *method == Method::POST;
    match path {
        "/tachograph" if get => Ok(json_answer(&identity(instance))),
        "/tachograph/sends" if get => Ok((NDJSON, lines(&instance.log.sends()))),
        "/tachograph/requests" if get => Ok((NDJSON, lines(&instance.log.requests()))),
        "/tachograph/reset" if post => {
            instance.reset();
            Ok(json_answer(&json!({"reset": true})))
        }
        "/tachograph/unload" if post => {
            instance.unload().await;
            Ok(json_answer(&json!({"unloaded": true})))
        }
        "/tachograph/config" if get => Ok(json_answer(&simulated(instance)?.config())),
        "/tachograph/config" if post => {
            let engine = simulated(instance)?;
            let config = merged(engine.config(), decode(body)?)?;
            engine.set_config(config.clone());
            Ok(json_answer(&config))
        }
        _ => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "no such admin route; there are GET /tachograph, /tachograph/sends, \
             /tachograph/requests, /tachograph/config and POST /tachograph/reset, \
             /tachograph/unload, /tachograph/config",
        )),
    }
}

const NDJSON: &str = "application/x-ndjson";

fn identity(instance: &Instance) -> Value {
    let card = instance.engine.card();
    json!({
        "engine": instance.engine.kind(),
        "requests_inside": instance.requests_inside(),
        "runner_process_id": instance.runner_process_id(),
        "model": card.name,
        "digest": card.digest,
        "version": instance.version,
        "clock": "CLOCK_MONOTONIC",
        "records_lost": instance.log.lost(),
    })
}

fn simulated(instance: &Instance) -> Result<&crate::simulated::Simulated, ApiError> {
    match &instance.engine {
        Engine::Simulated(engine) => Ok(engine),
        Engine::Llama(_) => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            "only the simulated engine has a configuration; this is llama",
        )),
    }
}

/// Lays the fields of `change` over `config`.
fn merged(config: SimulatedConfig, change: Value) -> Result<SimulatedConfig, ApiError> {
    let Value::Object(change) = change else {
        return Err(ApiError::bad_request("the configuration must be a JSON object"));
    };
    let mut value =
        serde_json::to_value(config).map_err(|error| ApiError::internal(error.to_string()))?;
    if let Value::Object(fields) = &mut value {
        fields.extend(change);
    }
    let config: SimulatedConfig =
        serde_json::from_value(value).map_err(|error| ApiError::bad_request(error.to_string()))?;
    config.check().map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(config)
}

fn json_answer(value: &impl Serialize) -> (&'static str, Vec<u8>) {
    ("application/json", to_json(value))
}

fn lines<T: Serialize>(records: &[T]) -> Vec<u8> {
    let mut text = Vec::new();
    for record in records {
        text.extend(to_json(record));
        text.push(b'\n');
    }
    text
}
