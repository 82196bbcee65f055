//! The HTTP front: routes to answers.
//!
//! Owns: the list of routes and what each answers.
//!
//! Does not: keep state; that is the instance's.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::admin;
use crate::connection::Tags;
use crate::instance::Instance;
use crate::job::{ApiError, Cut};
use crate::output::{AnswerBody, Item, Output, cut_error};
use crate::request::{Arrival, decode, read_job, same_model};
use crate::sys;
use crate::wire::{Route, ollama_error, openai_error, to_json};

/// Larger bodies are refused.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What every route may use.
pub(crate) struct Front {
    pub(crate) instance: Arc<Instance>,
    pub(crate) tags: Arc<Tags>,
}

type Answer = Response<AnswerBody>;

impl Front {
    /// Answers one request.
    ///
    /// # Errors
    ///
    /// Only when a configured fault wants the connection cut before a header.
    pub(crate) async fn handle(&self, request: Request<Incoming>) -> io::Result<Answer> {
        let path = request.uri().path().to_owned();
        let method = request.method().clone();
        let openai = path.starts_with("/v1");
        let body = match self.body(request).await {
            Ok(body) => body,
            Err(error) => return Ok(self.error(&error, openai)),
        };
        let received_ns = sys::monotonic_ns();
        let text_route = match path.as_str() {
            "/api/generate" => Some(Route::OllamaGenerate),
            "/api/chat" => Some(Route::OllamaChat),
            "/v1/chat/completions" => Some(Route::OpenAiChat),
            "/v1/completions" => Some(Route::OpenAiCompletion),
            _ => None,
        };
        match text_route {
            Some(route) if method == Method::POST => self.text(route, &body, received_ns).await,
            Some(_) => Ok(self.error(&method_not_allowed(), openai)),
            None => Ok(self
                .other(&method, &path, &body)
                .await
                .unwrap_or_else(|error| self.error(&error, openai))),
        }
    }

    async fn body(&self, request: Request<Incoming>) -> Result<Bytes, ApiError> {
        let too_large = || {
            ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "the request body is larger than 64 MiB")
        };
        let announced = usize::try_from(request.body().size_hint().lower());
        if announced.is_ok_and(|length| length > BODY_BYTES_MAX) {
            return Err(too_large());
        }
        match Limited::new(request.into_body(), BODY_BYTES_MAX).collect().await {
            Ok(body) => Ok(body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(error) => Err(ApiError::bad_request(error.to_string())),
        }
    }

    async fn text(&self, route: Route, body: &Bytes, received_ns: u64) -> io::Result<Answer> {
        let engine = &self.instance.engine;
        let model = engine.model();
        let arrival = Arrival {
            ordinal: self.instance.next_ordinal(),
            received_ns,
            default_num_ctx: engine.default_num_ctx(),
            model: &model,
            thinks: engine.thinks(),
        };
        let (job, shape) = match read_job(route, body, arrival) {
            Ok(parts) => parts,
            Err(error) => return Ok(self.error(&error, route.is_openai())),
        };
        let ordinal = job.ordinal;
        let content_type = shape.content_type();
        let streamed = shape.stream;
        let (sender, mut items) = mpsc::channel(16);
        let output = Output::new(shape, sender);
        tokio::spawn(Arc::clone(&self.instance).answer(job, output));
        // The header waits for the first piece: until then an error still has
        // its own status.
        let (content_type, body) = match items.recv().await {
            Some(Item::Refuse(error)) => {
                let mut answer = self.error(&error, route.is_openai());
                name_request(&mut answer, ordinal);
                return Ok(answer);
            }
            Some(Item::Cut(Cut::CleanEnd)) | None => {
                (content_type, AnswerBody::whole(Bytes::new(), Arc::clone(&self.tags)))
            }
            Some(Item::Cut(cut)) => {
                if cut == Cut::Reset {
                    self.tags.reset_connection();
                }
                return Err(cut_error());
            }
            Some(Item::Write(bytes, tag)) if !streamed || tag.kind.is_whole() => {
                let tags = Arc::clone(&self.tags);
                let kind = if route.is_openai() { content_type } else { JSON_UTF8 };
                (kind, AnswerBody::Whole { bytes, tag: Some(tag), tags })
            }
            Some(first) => (content_type, AnswerBody::stream(first, items, Arc::clone(&self.tags))),
        };
        let mut answer = respond(StatusCode::OK, content_type, body);
        name_request(&mut answer, ordinal);
        Ok(answer)
    }

    async fn other(&self, method: &Method, path: &str, body: &Bytes) -> Result<Answer, ApiError> {
        let get = *method == Method::GET || *method == Method::HEAD;
        let post = *method == Method::POST;
        let engine = &self.instance.engine;
        let value = match path {
            "/" if get => {
                return Ok(self.plain("text/plain; charset=utf-8", "Ollama is running"));
            }
            "/health" if get => json!({"status": "ok"}),
            "/api/version" if get => json!({"version": self.instance.version}),
            "/api/tags" if get => engine.card().tags(),
            "/api/ps" if get => engine.card().ps(self.instance.resident().as_ref()),
            "/api/show" if post => self.show(body)?,
            "/v1/models" if get => engine.card().openai_list(),
            _ if get && path.starts_with("/v1/models/") => {
                let name = &path["/v1/models/".len()..];
                if !same_model(name, &engine.model()) {
                    return Err(ApiError::model_not_found(name));
                }
                engine.card().openai_model()
            }
            _ if path == "/tachograph" || path.starts_with("/tachograph/") => {
                let (content_type, text) =
                    admin::answer(&self.instance, method, path, body).await?;
                return Ok(self.plain(content_type, text));
            }
            "/" | "/health" | "/api/version" | "/api/tags" | "/api/ps" | "/api/show"
            | "/v1/models" => return Err(method_not_allowed()),
            _ => {
                return Ok(respond(
                    StatusCode::NOT_FOUND,
                    "text/plain",
                    AnswerBody::whole("404 page not found", Arc::clone(&self.tags)),
                ));
            }
        };
        let content_type = if path.starts_with("/v1") { "application/json" } else { JSON_UTF8 };
        Ok(self.plain(content_type, to_json(&value)))
    }

    fn show(&self, body: &Bytes) -> Result<Value, ApiError> {
        #[derive(Deserialize)]
        struct Show {
            model: Option<String>,
            name: Option<String>,
        }
        let show: Show = decode(body)?;
        let model = show
            .model
            .filter(|model| !model.is_empty())
            .or(show.name)
            .ok_or_else(|| ApiError::bad_request("model is required"))?;
        let engine = &self.instance.engine;
        if !same_model(&model, &engine.model()) {
            return Err(ApiError::model_not_found(&model));
        }
        Ok(engine.card().show(engine.default_num_ctx()))
    }

    fn plain(&self, content_type: &'static str, body: impl Into<Bytes>) -> Answer {
        respond(StatusCode::OK, content_type, AnswerBody::whole(body, Arc::clone(&self.tags)))
    }

    fn error(&self, error: &ApiError, openai: bool) -> Answer {
        let (content_type, value) = if openai {
            ("application/json", openai_error(error))
        } else {
            (JSON_UTF8, ollama_error(error))
        };
        let body = AnswerBody::whole(to_json(&value), Arc::clone(&self.tags));
        respond(error.status, content_type, body)
    }
}

const JSON_UTF8: &str = "application/json; charset=utf-8";

fn respond(status: StatusCode, content_type: &'static str, body: AnswerBody) -> Answer {
    let mut answer = Response::new(body);
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    answer
}

fn name_request(answer: &mut Answer, ordinal: u64) {
    answer.headers_mut().insert("x-tachograph-request", HeaderValue::from(ordinal));
}

fn method_not_allowed() -> ApiError {
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "405 method not allowed")
}

/// Turns the front into what hyper calls for each request.
pub(crate) fn service(
    instance: Arc<Instance>,
    tags: Arc<Tags>,
) -> impl hyper::service::Service<Request<Incoming>, Response = Answer, Error = io::Error, Future: Send>
{
    let front = Arc::new(Front { instance, tags });
    hyper::service::service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { front.handle(request).await }
    })
}
