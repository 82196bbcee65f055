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

use crate::backend::Backend;
use crate::job::ApiError;
use crate::request::decode;
use crate::simulated::Simulated;
use crate::simulated::config::SimulatedConfig;
use crate::wire::to_json;

/// Answers an admin request with a content type and a body.
pub(crate) async fn answer(
    backend: &Backend,
    method: &Method,
    path: &str,
    body: &Bytes,
) -> Result<(&'static str, Vec<u8>), ApiError> {
    let get = *method == Method::GET;
    let post = *method == Method::POST;
    match path {
        "/tachograph" if get => Ok(json_answer(&identity(backend))),
        "/tachograph/sends" if get => Ok((NDJSON, lines(&backend.log().sends()))),
        "/tachograph/requests" if get => Ok((NDJSON, lines(&backend.log().requests()))),
        "/tachograph/reset" if post => {
            backend.reset();
            Ok(json_answer(&json!({"reset": true})))
        }
        "/tachograph/unload" if post => {
            backend.unload().await;
            Ok(json_answer(&json!({"unloaded": true})))
        }
        "/tachograph/config" if get => Ok(json_answer(&simulated(backend)?.config())),
        "/tachograph/config" if post => {
            let engine = simulated(backend)?;
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

fn identity(backend: &Backend) -> Value {
    let cards = backend.cards();
    json!({
        "engine": backend.kind(),
        "requests_inside": backend.requests_inside(),
        "runner_process_id": backend.runner_process_id(),
        "model": cards[0].name,
        "digest": cards[0].digest,
        "version": backend.version(),
        "clock": "CLOCK_MONOTONIC",
        "records_lost": backend.log().lost(),
    })
}

fn simulated(backend: &Backend) -> Result<&Simulated, ApiError> {
    let kind = backend.kind();
    let message = format!("only the simulated engine has a configuration; this is {kind}");
    backend.simulated().ok_or_else(|| ApiError::new(StatusCode::NOT_FOUND, message))
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
