//! Who is this server, and which models does it have?
//!
//! Owns: [`ServerIdentity`] as far as it can be told over HTTP, for Ollama,
//! llama.cpp's server, vLLM, `SGLang`, TGI and whatever else has `/v1/models`;
//! evicting a model from Ollama.
//!
//! Does not: generate a token or load a model.

mod answers;

use tachograph_model::digest::Digest;
use tachograph_model::environment::ServerIdentity;
use tachograph_model::plan::parse::nearest;
use tachograph_model::plan::{Api, Timeouts};

use self::answers::{
    LlamaProps, OllamaModels, OllamaRunning, OllamaShow, OllamaVersion, OpenaiModels, TgiInfo,
};
use crate::client::{Endpoint, FetchError, Response, Secret, fetch};

/// Models that an error lists.
const LISTED_MAX: usize = 8;

/// A server to ask, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it is.
    pub endpoint: Endpoint,
    /// The key that it wants, if it wants one.
    pub secret: Option<Secret>,
    /// How long to wait for an answer.
    pub timeouts: Timeouts,
}

/// What a server is and has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// What it says about itself; of the model only what concerns the one asked for.
    pub identity: ServerIdentity,
    /// Its models, in the order in which it lists them.
    pub models: Vec<String>,
    /// The protocol that suits it best.
    pub api: Api,
}

/// Why a server could not be identified.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// Nobody answers.
    #[error("no server answers at {url}; start it, or correct the URL")]
    Unreachable {
        /// The URL.
        url: String,
        /// What went wrong.
        source: FetchError,
    },
    /// It wants a key, or another one.
    #[error(
        "the server at {url} refuses access (HTTP {status}); put its key into an environment \
         variable and name that variable by `api_key_env`"
    )]
    Refused {
        /// The URL.
        url: String,
        /// The status.
        status: u16,
    },
    /// It answers, but knows no route that a model server has.
    #[error(
        "what answers at {url} is neither Ollama nor OpenAI-compatible (GET {path}: HTTP \
         {status}); correct the host or the port"
    )]
    NotAModelServer {
        /// The URL.
        url: String,
        /// The last route that was tried.
        path: &'static str,
        /// Its status.
        status: u16,
    },
    /// It does not have the model.
    #[error("the server at {url} has no model {model:?}{}", advice(model, models))]
    ModelMissing {
        /// The URL.
        url: String,
        /// The model asked for.
        model: String,
        /// The models that it has.
        models: Vec<String>,
    },
    /// It did not load a model.
    #[error("the server at {url} did not load {model:?}: {what}")]
    NotLoaded {
        /// The URL.
        url: String,
        /// The model.
        model: String,
        /// What it answered.
        what: String,
    },
    /// It did not evict a model.
    #[error("the server at {url} did not unload {model:?}: {what}")]
    NotUnloaded {
        /// The URL.
        url: String,
        /// The model.
        model: String,
        /// What it answered.
        what: String,
    },
}

/// Returns the model whose name, with or without its tag, is close to `model`.
fn close_to<'a>(model: &str, models: &'a [String]) -> Option<&'a str> {
    let names = || models.iter().map(String::as_str);
    let base = |name: &'a str| name.split_once(':').map_or(name, |(base, _)| base);
    nearest(model, names()).or_else(|| {
        let near = nearest(model, names().map(base))?;
        names().find(|name| base(name) == near)
    })
}

fn advice(model: &str, models: &[String]) -> String {
    let mut text = String::new();
    if let Some(near) = close_to(model, models) {
        text = format!(" (did you mean {near:?}?)");
    }
    if models.is_empty() {
        text.push_str("; it has none");
    } else {
        let listed: Vec<&str> = models.iter().take(LISTED_MAX).map(String::as_str).collect();
        let more = models.len() - listed.len();
        text = format!("{text}; it has {}", listed.join(", "));
        if more > 0 {
            text = format!("{text} and {more} more");
        }
    }
    text
}

impl Target {
    /// Sends a request without a body and returns what came.
    fn get(&self, path: &'static str) -> Result<Response, ProbeError> {
        self.fetch("GET", path, None)
    }

    fn fetch(
        &self,
        method: &'static str,
        path: &'static str,
        body: Option<&[u8]>,
    ) -> Result<Response, ProbeError> {
        let response =
            fetch(&self.endpoint, (method, path), body, &self.timeouts, self.secret.as_ref())
                .map_err(|source| ProbeError::Unreachable { url: self.url(), source })?;
        match response.status {
            status @ (401 | 403) => Err(ProbeError::Refused { url: self.url(), status }),
            _ => Ok(response),
        }
    }

    /// Returns the answer of a route as `T`, if there is such a route and it
    /// answers in that form.
    fn read<T: serde::de::DeserializeOwned>(
        &self,
        path: &'static str,
    ) -> Result<Option<T>, ProbeError> {
        Ok(parsed(&self.get(path)?))
    }

    fn url(&self) -> String {
        self.endpoint.to_string()
    }
}

fn parsed<T: serde::de::DeserializeOwned>(response: &Response) -> Option<T> {
    // Another form means another kind of server, which is what is being found out.
    (response.status == 200).then(|| serde_json::from_slice(&response.body).ok()).flatten()
}

/// Finds out what a server is, and which models it has.
///
/// # Errors
///
/// [`ProbeError`], but never that a model is missing.
pub fn identify(target: &Target) -> Result<Seen, ProbeError> {
    if let Some(version) = target.read::<OllamaVersion>("/api/version")? {
        let tags: Option<OllamaModels> = target.read("/api/tags")?;
        if let Some(tags) = tags {
            // `tacho serve` speaks the protocol of the version that stands before.
            let is_ours = version.version.ends_with("-tachograph");
            let product = if is_ours { "tachograph" } else { "ollama" };
            return Ok(Seen {
                identity: ServerIdentity {
                    product: Some(product.to_owned()),
                    version: Some(version.version),
                    ..ServerIdentity::default()
                },
                models: tags.models.into_iter().map(|model| model.name).collect(),
                api: Api::OllamaGenerate,
            });
        }
    }
    let response = target.get("/v1/models")?;
    let Some(models) = parsed::<OpenaiModels>(&response) else {
        return Err(ProbeError::NotAModelServer {
            url: target.url(),
            path: "/v1/models",
            status: response.status,
        });
    };
    let (product, version) = openai_product(target, &models)?;
    Ok(Seen {
        identity: ServerIdentity { product, version, ..ServerIdentity::default() },
        models: models.data.into_iter().map(|model| model.id).collect(),
        api: Api::OpenaiChat,
    })
}

/// Tells servers with `/v1/models` apart by a route that only one of them has.
fn openai_product(
    target: &Target,
    models: &OpenaiModels,
) -> Result<(Option<String>, Option<String>), ProbeError> {
    if let Some(props) = target.read::<LlamaProps>("/props")? {
        return Ok((Some("llama.cpp".to_owned()), props.build_info));
    }
    let owner = models.data.first().and_then(|model| model.owned_by.clone());
    match owner.as_deref() {
        Some("vllm") => {
            let version: Option<OllamaVersion> = target.read("/version")?;
            Ok((owner, version.map(|answer| answer.version)))
        }
        Some("sglang") => {
            let version: Option<OllamaVersion> = target.read("/get_server_info")?;
            Ok((owner, version.map(|answer| answer.version)))
        }
        _ => match target.read::<TgiInfo>("/info")? {
            Some(info) => Ok((Some("tgi".to_owned()), Some(info.version))),
            None => Ok((None, None)),
        },
    }
}

/// Finds out what a server is and what it says about `model`, whether it is
/// loaded or not.
///
/// # Errors
///
/// [`ProbeError`], [`ProbeError::ModelMissing`] among them.
pub fn probe(target: &Target, model: &str) -> Result<Seen, ProbeError> {
    let mut seen = identify(target)?;
    let name = seen.models.iter().find(|name| is_model(name, model)).cloned();
    let Some(name) = name else {
        // llama.cpp's server has one model and answers to any name.
        if seen.identity.product.as_deref() == Some("llama.cpp") && seen.models.len() == 1 {
            let only = seen.models[0].clone();
            llama_details(target, &only, &mut seen.identity)?;
            return Ok(seen);
        }
        return Err(ProbeError::ModelMissing {
            url: target.url(),
            model: model.to_owned(),
            models: seen.models,
        });
    };
    if seen.api.is_ollama() {
        ollama_details(target, &name, &mut seen.identity)?;
    } else if seen.identity.product.as_deref() == Some("llama.cpp") {
        llama_details(target, &name, &mut seen.identity)?;
    } else {
        let models: Option<OpenaiModels> = target.read("/v1/models")?;
        let listed = models.and_then(|models| models.data.into_iter().find(|it| it.id == name));
        seen.identity.context_length = listed.and_then(|model| model.max_model_len);
        seen.identity.model = Some(name);
    }
    Ok(seen)
}

/// Returns whether the listed `name` is the `model` that a request means; Ollama
/// takes a name without a tag for `:latest`.
fn is_model(name: &str, model: &str) -> bool {
    name == model || name.strip_suffix(":latest") == Some(model)
}

fn ollama_details(
    target: &Target,
    name: &str,
    identity: &mut ServerIdentity,
) -> Result<(), ProbeError> {
    identity.model = Some(name.to_owned());
    let tags: Option<OllamaModels> = target.read("/api/tags")?;
    let listed = tags.and_then(|tags| tags.models.into_iter().find(|model| model.name == name));
    if let Some(listed) = listed {
        identity.model_digest = listed.digest;
        identity.quantization = listed.details.quantization_level;
        identity.parameter_size = listed.details.parameter_size;
    }
    let body = serde_json::json!({ "model": name }).to_string();
    let show: Option<OllamaShow> =
        parsed(&target.fetch("POST", "/api/show", Some(body.as_bytes()))?);
    identity.template_sha256 =
        show.and_then(|show| show.template).map(|template| Digest::of(template.as_bytes()));
    if let Some(running) = running(target, name)? {
        identity.context_length = running.context_length;
        identity.loaded_bytes = running.size;
        // Ollama leaves a zero out.
        identity.vram_bytes = Some(running.size_vram.unwrap_or(0));
    }
    Ok(())
}

/// Returns what `/api/ps` says about a model, `None` if it is not loaded.
fn running(target: &Target, name: &str) -> Result<Option<OllamaRunning>, ProbeError> {
    let ps: Option<OllamaModels<OllamaRunning>> = target.read("/api/ps")?;
    Ok(ps.and_then(|ps| ps.models.into_iter().find(|model| is_model(&model.name, name))))
}

fn llama_details(
    target: &Target,
    name: &str,
    identity: &mut ServerIdentity,
) -> Result<(), ProbeError> {
    identity.model = Some(name.to_owned());
    if let Some(props) = target.read::<LlamaProps>("/props")? {
        identity.quantization = props.model_ftype;
        identity.context_length = props.default_generation_settings.n_ctx;
        identity.template_sha256 =
            props.chat_template.map(|template| Digest::of(template.as_bytes()));
    }
    Ok(())
}

/// Loads `model` on a server that speaks Ollama's protocol, with `num_ctx` tokens of
/// context if given, and waits until it is there.
///
/// # Errors
///
/// [`ProbeError::NotLoaded`] if the server refuses.
pub fn load(target: &Target, model: &str, num_ctx: Option<i64>) -> Result<(), ProbeError> {
    let mut body = serde_json::json!({ "model": model, "stream": false });
    if let Some(num_ctx) = num_ctx {
        body["options"] = serde_json::json!({ "num_ctx": num_ctx });
    }
    let response = target.fetch("POST", "/api/generate", Some(body.to_string().as_bytes()))?;
    if response.status == 200 {
        return Ok(());
    }
    let (url, model, what) = (target.url(), model.to_owned(), refusal(&response));
    Err(ProbeError::NotLoaded { url, model, what })
}

/// Returns what a server answered that did not do what it was asked to, cut.
fn refusal(response: &Response) -> String {
    let text = String::from_utf8_lossy(&response.body);
    let start: String = text.chars().take(200).collect();
    format!("HTTP {}: {start}", response.status)
}

/// Evicts `model` from an Ollama server and checks that it is gone. A model that
/// was not loaded is no error.
///
/// # Errors
///
/// [`ProbeError::NotUnloaded`] if it stays or the server refuses.
pub fn unload(target: &Target, model: &str) -> Result<(), ProbeError> {
    let not_unloaded =
        |what: String| ProbeError::NotUnloaded { url: target.url(), model: model.to_owned(), what };
    if running(target, model)?.is_none() {
        return Ok(());
    }
    let body = serde_json::json!({ "model": model, "keep_alive": 0, "stream": false }).to_string();
    let response = target.fetch("POST", "/api/generate", Some(body.as_bytes()))?;
    if response.status != 200 {
        return Err(not_unloaded(refusal(&response)));
    }
    // Ollama answers before the runner has ended; each look is a request, which
    // takes its time, and a stopped runner is gone after a few.
    for _ in 0..UNLOAD_LOOKS {
        if running(target, model)?.is_none() {
            return Ok(());
        }
        std::thread::sleep(UNLOAD_PAUSE);
    }
    Err(not_unloaded("it is still in /api/ps".to_owned()))
}

/// How often `/api/ps` is asked whether a model is gone.
const UNLOAD_LOOKS: u32 = 200;

/// The pause between two looks.
const UNLOAD_PAUSE: std::time::Duration = std::time::Duration::from_millis(25);
