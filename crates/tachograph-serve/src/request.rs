//! Requests on the wire: bodies of Ollama's and `OpenAI`'s text routes.
//!
//! Owns: parsing a body, once, into a [`Job`] and the [`Shape`] of its answer.
//!
//! Does not: look at the state of the server.

use hyper::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::clock::{KeepAlive, keep_alive_seconds, parse_go_duration};
use crate::job::{ApiError, Job, Message, Prompt};
use crate::options::Options;
use crate::wire::{Route, Shape};

/// What the server knows when it reads a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Arrival<'a> {
    pub(crate) ordinal: u64,
    pub(crate) received_ns: u64,
    pub(crate) default_num_ctx: u64,
    pub(crate) model: &'a str,
    pub(crate) thinks: bool,
}

#[derive(Debug, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct OllamaRequest {
    model: Option<String>,
    name: Option<String>,
    prompt: Option<String>,
    suffix: Option<String>,
    system: Option<String>,
    template: Option<String>,
    context: Option<Vec<i64>>,
    messages: Option<Vec<OllamaMessage>>,
    stream: Option<bool>,
    raw: Option<bool>,
    format: Option<Value>,
    keep_alive: Option<Value>,
    images: Option<Vec<Value>>,
    tools: Option<Vec<Value>>,
    options: Option<Map<String, Value>>,
    think: Option<Value>,
    truncate: Option<bool>,
    shift: Option<bool>,
    logprobs: Option<bool>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct OllamaMessage {
    role: Option<String>,
    content: Option<String>,
    images: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct OpenAiRequest {
    model: Option<String>,
    messages: Option<Vec<OpenAiMessage>>,
    prompt: Option<Value>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    max_tokens: Option<i64>,
    max_completion_tokens: Option<i64>,
    temperature: Option<f64>,
    top_p: Option<f64>,
    seed: Option<i64>,
    stop: Option<Value>,
    frequency_penalty: Option<f64>,
    presence_penalty: Option<f64>,
    response_format: Option<Value>,
    n: Option<u64>,
    tools: Option<Vec<Value>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct OpenAiMessage {
    role: Option<String>,
    content: Option<Value>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(default)]
struct StreamOptions {
    include_usage: Option<bool>,
}

/// Reads the body of a request for text.
///
/// # Errors
///
/// 400 with a sentence, or 404 for a model that is not served here.
pub(crate) fn read_job(
    route: Route,
    body: &[u8],
    arrival: Arrival<'_>,
) -> Result<(Job, Shape), ApiError> {
    if route.is_openai() { openai(route, body, arrival) } else { ollama(route, body, arrival) }
}

/// Decodes a body as JSON, with Ollama's sentences for what is wrong.
pub(crate) fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::bad_request("missing request body"));
    }
    serde_json::from_slice(body).map_err(|error| ApiError::bad_request(error.to_string()))
}

/// Whether `asked` names the model `served`; a missing tag means `latest`.
pub(crate) fn same_model(asked: &str, served: &str) -> bool {
    let full = |name: &str| {
        let last = name.rsplit('/').next().unwrap_or(name);
        let tag = if last.contains(':') { "" } else { ":latest" };
        format!("{name}{tag}").to_ascii_lowercase()
    };
    full(asked) == full(served)
}

fn ollama(route: Route, body: &[u8], arrival: Arrival<'_>) -> Result<(Job, Shape), ApiError> {
    let request: OllamaRequest = decode(body)?;
    let model = model_name(request.model.as_deref().or(request.name.as_deref()), arrival)?;
    let raw = request.raw.unwrap_or(false);
    refuse_unsupported(&request, &model)?;
    let think = match &request.think {
        None | Some(Value::Null) => None,
        Some(Value::Bool(think)) => Some(*think),
        Some(Value::String(level)) if matches!(level.as_str(), "low" | "medium" | "high") => {
            Some(true)
        }
        Some(other) => {
            return Err(ApiError::bad_request(format!(
                "invalid think value: {other} (must be \"high\", \"medium\", \"low\", true, or false)"
            )));
        }
    };
    if think == Some(true) && !arrival.thinks {
        return Err(ApiError::bad_request(format!("{model:?} does not support thinking")));
    }
    let options = Options::read(arrival.default_num_ctx, request.options.unwrap_or_default())
        .map_err(ApiError::bad_request)?;
    let keep_alive = request.keep_alive.as_ref().map_or(Ok(None), read_keep_alive)?;
    let prompt = if route == Route::OllamaChat {
        Prompt::Chat(chat_messages(request.messages.unwrap_or_default())?)
    } else {
        let text = request.prompt.unwrap_or_default();
        if raw {
            Prompt::Raw(text)
        } else {
            Prompt::Templated {
                system: request.system,
                prompt: text,
                context: request.context.unwrap_or_default(),
            }
        }
    };
    let format = request.format.filter(|format| !format.is_null() && format != "");
    let job = Job {
        ordinal: arrival.ordinal,
        route: route.path(),
        received_ns: arrival.received_ns,
        prompt,
        options,
        keep_alive,
        truncate: request.truncate.unwrap_or(true),
        shift: request.shift.unwrap_or(true),
        format,
        think,
    };
    let shape = Shape {
        route,
        model,
        stream: request.stream.unwrap_or(true),
        full_end: route == Route::OllamaGenerate && !raw,
        ordinal: arrival.ordinal,
    };
    Ok((job, shape))
}

/// Refuses what would change the answer and is not done here.
fn refuse_unsupported(request: &OllamaRequest, model: &str) -> Result<(), ApiError> {
    let some = |values: &Option<Vec<Value>>| values.as_ref().is_some_and(|list| !list.is_empty());
    let in_messages = request.messages.iter().flatten().any(|message| some(&message.images));
    let refusal = if some(&request.images) || in_messages {
        format!("{model:?} does not support images")
    } else if some(&request.tools) {
        format!("{model:?} does not support tools")
    } else if request.suffix.as_deref().is_some_and(|suffix| !suffix.is_empty()) {
        format!("{model:?} does not support insert")
    } else if request.template.as_deref().is_some_and(|template| !template.is_empty()) {
        "a template of the request is not supported here; use raw with a full prompt".to_owned()
    } else if request.logprobs == Some(true) {
        "logprobs are not supported here".to_owned()
    } else {
        return Ok(());
    };
    Err(ApiError::bad_request(refusal))
}

fn chat_messages(messages: Vec<OllamaMessage>) -> Result<Vec<Message>, ApiError> {
    messages
        .into_iter()
        .map(|message| {
            let role = message.role.unwrap_or_default();
            check_role(&role)?;
            Ok(Message { role, content: message.content.unwrap_or_default() })
        })
        .collect()
}

fn check_role(role: &str) -> Result<(), ApiError> {
    if matches!(role, "system" | "user" | "assistant" | "tool" | "developer") {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "invalid role: {role:?}; must be \"system\", \"user\", \"assistant\" or \"tool\""
    )))
}

fn model_name(asked: Option<&str>, arrival: Arrival<'_>) -> Result<String, ApiError> {
    match asked {
        None | Some("") => Err(ApiError::bad_request("model is required")),
        Some(asked) if same_model(asked, arrival.model) => Ok(asked.to_owned()),
        Some(asked) => Err(ApiError::model_not_found(asked)),
    }
}

/// Reads `keep_alive`: seconds or a Go duration; negative is for ever.
pub(crate) fn read_keep_alive(value: &Value) -> Result<Option<KeepAlive>, ApiError> {
    match value {
        Value::Null => Ok(None),
        Value::Number(number) => {
            Ok(Some(keep_alive_seconds(number.as_f64().unwrap_or(f64::INFINITY))))
        }
        Value::String(text) => parse_go_duration(text).map(Some).map_err(ApiError::bad_request),
        other => Err(ApiError::bad_request(format!("invalid keep_alive: {other}"))),
    }
}

fn openai(route: Route, body: &[u8], arrival: Arrival<'_>) -> Result<(Job, Shape), ApiError> {
    let request: OpenAiRequest = decode(body)?;
    let model = model_name(request.model.as_deref(), arrival)?;
    if request.n.is_some_and(|n| n > 1) {
        return Err(ApiError::bad_request("n above 1 is not supported here"));
    }
    if request.tools.as_ref().is_some_and(|tools| !tools.is_empty()) {
        return Err(ApiError::bad_request(format!("{model:?} does not support tools")));
    }
    let prompt = if route == Route::OpenAiChat {
        let messages = request.messages.as_deref().unwrap_or_default();
        if messages.is_empty() {
            return Err(ApiError::bad_request("[] is too short - 'messages'"));
        }
        Prompt::Chat(messages.iter().map(openai_message).collect::<Result<_, _>>()?)
    } else {
        let text = match &request.prompt {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(items)) if items.len() == 1 && items[0].is_string() => {
                items[0].as_str().unwrap_or_default().to_owned()
            }
            _ => return Err(ApiError::bad_request("prompt must be one string")),
        };
        Prompt::Templated { system: None, prompt: text, context: Vec::new() }
    };
    if prompt.is_empty() {
        return Err(ApiError::bad_request("prompt must not be empty"));
    }
    let include_usage =
        request.stream_options.as_ref().and_then(|options| options.include_usage) == Some(true);
    let stream = request.stream.unwrap_or(false);
    let format = openai_format(request.response_format.as_ref())?;
    let options = openai_options(&request, arrival.default_num_ctx)?;
    let job = Job {
        ordinal: arrival.ordinal,
        route: route.path(),
        received_ns: arrival.received_ns,
        prompt,
        options,
        keep_alive: None,
        truncate: true,
        shift: true,
        format,
        think: None,
    };
    let shape = Shape { route, model, stream, full_end: include_usage, ordinal: arrival.ordinal };
    Ok((job, shape))
}

/// Options as Ollama's own `/v1` routes set them: temperature and `top_p` are 1
/// unless given (`openai/openai.go`, `FromChatRequest`).
fn openai_options(request: &OpenAiRequest, num_ctx: u64) -> Result<Options, ApiError> {
    let mut options = Options::defaults(num_ctx);
    options.temperature = request.temperature.unwrap_or(1.0);
    options.top_p = request.top_p.unwrap_or(1.0);
    options.seed = request.seed.unwrap_or(options.seed);
    options.frequency_penalty = request.frequency_penalty.unwrap_or(0.0);
    options.presence_penalty = request.presence_penalty.unwrap_or(0.0);
    options.num_predict =
        request.max_completion_tokens.or(request.max_tokens).unwrap_or(options.num_predict);
    options.stop = match &request.stop {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::String(stop)) => vec![stop.clone()],
        Some(Value::Array(items)) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        Some(other) => {
            return Err(ApiError::bad_request(format!("invalid type for 'stop' field: {other}")));
        }
    };
    Ok(options)
}

fn openai_message(message: &OpenAiMessage) -> Result<Message, ApiError> {
    let role = message.role.clone().unwrap_or_default();
    check_role(&role)?;
    let content = match &message.content {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(parts)) => {
            let mut text = String::new();
            for part in parts {
                match (part["type"].as_str(), part["text"].as_str()) {
                    (Some("text"), Some(words)) => text.push_str(words),
                    _ => return Err(ApiError::bad_request("only text content is supported here")),
                }
            }
            text
        }
        Some(other) => {
            return Err(ApiError::bad_request(format!("invalid message content type: {other}")));
        }
    };
    Ok(Message { role, content })
}

fn openai_format(format: Option<&Value>) -> Result<Option<Value>, ApiError> {
    let Some(format) = format.filter(|format| !format.is_null()) else {
        return Ok(None);
    };
    match format["type"].as_str() {
        Some("text") => Ok(None),
        Some("json_object") => Ok(Some("json".into())),
        Some("json_schema") => Ok(Some(format["json_schema"]["schema"].clone())),
        _ => {
            Err(ApiError::new(StatusCode::BAD_REQUEST, format!("unknown response_format {format}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_name_without_a_tag_means_latest() {
        assert!(same_model("sim", "sim:latest"));
        assert!(same_model("Sim:1B", "sim:1b"));
        assert!(!same_model("sim", "sim:1b"));
    }

    fn read(route: Route, body: &str) -> Result<(Job, Shape), ApiError> {
        let arrival = Arrival {
            ordinal: 1,
            received_ns: 0,
            default_num_ctx: 4096,
            model: "m",
            thinks: false,
        };
        read_job(route, body.as_bytes(), arrival)
    }

    #[test]
    fn errors_use_the_words_of_ollama() {
        let check = |body: &str, status: u16, message: &str| {
            let error = read(Route::OllamaChat, body).unwrap_err();
            assert_eq!((error.status.as_u16(), error.message.as_str()), (status, message));
        };
        check("", 400, "missing request body");
        check("{}", 400, "model is required");
        check(r#"{"model":"x"}"#, 404, "model 'x' not found");
        check(r#"{"model":"m","think":true}"#, 400, "\"m\" does not support thinking");
        check(
            r#"{"model":"m","options":{"seed":[]}}"#,
            400,
            "option \"seed\" must be of type integer",
        );
        check(r#"{"model":"m","keep_alive":"soon"}"#, 400, "time: invalid duration \"soon\"");
    }

    #[test]
    fn openai_defaults_are_those_of_ollamas_own_route() {
        let body = r#"{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"a"}]}],
            "max_tokens":7,"stop":"x"}"#;
        let (job, shape) = read(Route::OpenAiChat, body).unwrap();
        assert!(!shape.stream);
        assert_eq!(job.options.num_predict, 7);
        assert_eq!(job.options.temperature.to_bits(), 1.0_f64.to_bits());
        assert_eq!(job.options.stop, ["x"]);
    }
}
