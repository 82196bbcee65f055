//! The HTTP front: routes to answers.
//!
//! Owns: the list of routes and what each answers.
//!
//! Does not: keep state; that is the back end's.

use std::io;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::uri::PathAndQuery;
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::admin;
use crate::backend::Backend;
use crate::cassette::{Asked, Player};
use crate::connection::Tags;
use crate::instance::Instance;
use crate::job::{ApiError, Cut};
use crate::model_card::{self, ModelCard};
use crate::output::{AnswerBody, Item, Output, cut_error};
use crate::request::{Arrival, decode, read_job, same_model};
use crate::sys;
use crate::wire::{Route, ollama_error, openai_error, to_json};

/// Larger bodies are refused.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;

/// What every route may use.
pub(crate) struct Front {
    pub(crate) backend: Backend,
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
        let uri = request.uri().clone();
        let path = uri.path();
        let method = request.method().clone();
        let openai = is_openai(path);
        let body = match self.body(request).await {
            Ok(body) => body,
            Err(error) => return Ok(self.error(&error, openai)),
        };
        let received_ns = sys::monotonic_ns();
        match (&self.backend, Route::at(path)) {
            (Backend::Cassette(player), _) if !is_admin(path) => {
                let target = uri.path_and_query().map_or(path, PathAndQuery::as_str);
                Ok(self.recorded(player, Asked { method, path, target, body, received_ns }).await)
            }
            (Backend::Model(instance), Some(route)) if method == Method::POST => {
                self.text(instance, route, &body, received_ns).await
            }
            (Backend::Model(_), Some(_)) => Ok(self.error(&method_not_allowed(), openai)),
            _ => Ok(match self.other(&method, path, &body).await {
                Ok(Some(answer)) => answer,
                Ok(None) => respond(
                    StatusCode::NOT_FOUND,
                    "text/plain",
                    AnswerBody::whole("404 page not found", Arc::clone(&self.tags)),
                ),
                Err(error) => self.error(&error, openai),
            }),
        }
    }

    /// Answers with what is recorded; with what a server tells about itself where
    /// nothing is.
    async fn recorded(&self, player: &Arc<Player>, asked: Asked<'_>) -> Answer {
        if let Some((mut answer, ordinal)) = player.play(&asked, &self.tags).await {
            name_request(&mut answer, ordinal);
            return answer;
        }
        if let Some(bytes) = player.load(&asked) {
            return self.plain(JSON_UTF8, bytes);
        }
        let openai = is_openai(asked.path);
        match self.other(&asked.method, asked.path, &asked.body).await {
            Ok(Some(answer)) => answer,
            Ok(None) => {
                let (error, ordinal) = player.unmatched(asked).await;
                let mut answer = self.error(&error, openai);
                name_request(&mut answer, ordinal);
                answer
            }
            Err(error) => self.error(&error, openai),
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

    async fn text(
        &self,
        instance: &Arc<Instance>,
        route: Route,
        body: &Bytes,
        received_ns: u64,
    ) -> io::Result<Answer> {
        let engine = &instance.engine;
        let model = engine.model();
        let arrival = Arrival {
            ordinal: instance.log.next_ordinal(),
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
        tokio::spawn(Arc::clone(instance).answer(job, output));
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
            Some(first) => {
                let tags = Arc::clone(&self.tags);
                (content_type, AnswerBody::stream(Some(first), None, items, tags))
            }
        };
        let mut answer = respond(StatusCode::OK, content_type, body);
        name_request(&mut answer, ordinal);
        Ok(answer)
    }

    /// Answers on the routes that produce no text; `None` where no route is.
    async fn other(
        &self,
        method: &Method,
        path: &str,
        body: &Bytes,
    ) -> Result<Option<Answer>, ApiError> {
        let get = *method == Method::GET || *method == Method::HEAD;
        let post = *method == Method::POST;
        let backend = &self.backend;
        let value = match path {
            "/" if get => {
                return Ok(Some(self.plain("text/plain; charset=utf-8", "Ollama is running")));
            }
            "/health" if get => json!({"status": "ok"}),
            "/api/version" if get => json!({"version": backend.version()}),
            "/api/tags" if get => model_card::tags(&backend.cards()),
            "/api/ps" if get => model_card::running(&backend.loaded()),
            "/api/show" if post => self.show(body)?,
            "/v1/models" if get => model_card::openai_list(&backend.cards()),
            _ if get && path.starts_with("/v1/models/") => {
                self.card(&path["/v1/models/".len()..])?.openai_model()
            }
            _ if is_admin(path) => {
                let (content_type, text) = admin::answer(backend, method, path, body).await?;
                return Ok(Some(self.plain(content_type, text)));
            }
            "/" | "/health" | "/api/version" | "/api/tags" | "/api/ps" | "/api/show"
            | "/v1/models" => return Err(method_not_allowed()),
            _ => return Ok(None),
        };
        let content_type = if is_openai(path) { "application/json" } else { JSON_UTF8 };
        Ok(Some(self.plain(content_type, to_json(&value))))
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
        Ok(self.card(&model)?.show(self.backend.default_num_ctx()))
    }

    /// Returns the card of the model that `name` means.
    fn card(&self, name: &str) -> Result<ModelCard, ApiError> {
        let mut cards = self.backend.cards().into_iter();
        cards
            .find(|card| same_model(name, &card.name))
            .ok_or_else(|| ApiError::model_not_found(name))
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

/// Whether errors on `path` have the shape of `OpenAI`'s.
fn is_openai(path: &str) -> bool {
    path.starts_with("/v1")
}

/// Whether `path` is one of the server's own routes.
fn is_admin(path: &str) -> bool {
    path == "/tachograph" || path.starts_with("/tachograph/")
}

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
    backend: Backend,
    tags: Arc<Tags>,
) -> impl hyper::service::Service<Request<Incoming>, Response = Answer, Error = io::Error, Future: Send>
{
    let front = Arc::new(Front { backend, tags });
    hyper::service::service_fn(move |request| {
        let front = Arc::clone(&front);
        async move { front.handle(request).await }
    })
}
