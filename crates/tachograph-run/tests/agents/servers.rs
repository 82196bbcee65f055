//! Probes and doctor.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use tachograph_model::digest::Digest;
use tachograph_model::plan::{Api, Timeouts};
use tachograph_run::client::{Endpoint, Secret};
use tachograph_run::doctor::{self, Check, State};
use tachograph_run::probe::{self, ProbeError, Target};

use crate::ollama::{Behaviour, Ollama};

fn target(url: &str) -> Target {
    Target { endpoint: Endpoint::parse(url).unwrap(), secret: None, timeouts: Timeouts::default() }
}

/// A server that answers each route with a fixed body, and others with 404.
fn fixed(routes: &'static [(&'static str, &'static str)]) -> Target {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
            let first = lines.next().unwrap().unwrap();
            lines.find(|line| line.as_ref().unwrap().is_empty());
            let path = first.split(' ').nth(1).unwrap();
            let body = routes.iter().find(|(route, _)| *route == path).map(|(_, body)| *body);
            let (status, body) = body.map_or((404, "nothing here"), |body| (200, body));
            let length = body.len();
            write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n\r\n{body}")
                .unwrap();
        }
    });
    target(&url)
}

#[test]
fn an_ollama_says_who_it_is_and_what_is_loaded() {
    let server = Ollama::start(Behaviour { gpu: true, ..Behaviour::default() });
    let target = target(&server.url);
    let seen = probe::probe(&target, "tiny").unwrap();
    assert_eq!(seen.models, ["tiny:latest", "other:1b"]);
    assert_eq!(seen.api, Api::OllamaGenerate);
    let identity = seen.identity;
    assert_eq!(identity.product.as_deref(), Some("ollama"));
    assert_eq!(identity.version.as_deref(), Some("0.33.0"));
    assert_eq!(identity.model.as_deref(), Some("tiny:latest"));
    assert_eq!(identity.model_digest.as_deref(), Some("abc123"));
    assert_eq!(identity.quantization.as_deref(), Some("Q4_1"));
    assert_eq!(identity.template_sha256, Some(Digest::of(b"{{ .Prompt }}")));
    assert_eq!((identity.context_length, identity.vram_bytes), (None, None), "not loaded");

    let ok = probe::unload(&target, "tiny");
    assert!(ok.is_ok(), "nothing to unload is no error");
    doctor::server(&target, Some("tiny"));
    let identity = probe::probe(&target, "tiny:latest").unwrap().identity;
    assert_eq!((identity.context_length, identity.vram_bytes), (Some(1280), Some(0)));
    assert!(server.is_loaded());
    probe::unload(&target, "tiny").unwrap();
    assert!(!server.is_loaded());
}

#[test]
fn other_servers_are_told_apart() {
    let llama = fixed(&[
        ("/v1/models", r#"{"data":[{"id":"smollm2","owned_by":"llamacpp","digest":""}]}"#),
        (
            "/props",
            r#"{"default_generation_settings":{"n_ctx":4096},"build_info":"b1-7e4c0a9",
                "model_ftype":"Q4_1","chat_template":"x"}"#,
        ),
    ]);
    let identity = probe::probe(&llama, "any name at all").unwrap().identity;
    assert_eq!(identity.product.as_deref(), Some("llama.cpp"));
    assert_eq!(identity.version.as_deref(), Some("b1-7e4c0a9"));
    assert_eq!(identity.model.as_deref(), Some("smollm2"));
    assert_eq!(identity.context_length, Some(4096));

    let vllm = fixed(&[
        (
            "/v1/models",
            r#"{"data":[{"id":"a/b","owned_by":"vllm","max_model_len":8192}],"object":"list"}"#,
        ),
        ("/version", r#"{"version":"0.11.0"}"#),
    ]);
    let seen = probe::probe(&vllm, "a/b").unwrap();
    assert_eq!(seen.api, Api::OpenaiChat);
    assert_eq!(seen.identity.product.as_deref(), Some("vllm"));
    assert_eq!(seen.identity.version.as_deref(), Some("0.11.0"));
    assert_eq!(seen.identity.context_length, Some(8192));

    let tgi = fixed(&[
        ("/v1/models", r#"{"data":[{"id":"m"}]}"#),
        ("/info", r#"{"model_id":"m","version":"3.0.0"}"#),
    ]);
    assert_eq!(probe::identify(&tgi).unwrap().identity.product.as_deref(), Some("tgi"));

    let unknown = fixed(&[("/v1/models", r#"{"data":[{"id":"m"}]}"#)]);
    assert_eq!(probe::identify(&unknown).unwrap().identity.product, None);
}

#[test]
fn errors_name_the_url_and_the_way_out() {
    let said = |error: ProbeError| error.to_string();
    let server = Ollama::start(Behaviour::default());
    let error = said(probe::probe(&target(&server.url), "tniy").unwrap_err());
    assert_eq!(
        error,
        format!(
            "the server at {} has no model \"tniy\" (did you mean \"tiny:latest\"?); \
             it has tiny:latest, other:1b",
            server.url
        )
    );
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = said(probe::identify(&target(&url)).unwrap_err());
    assert_eq!(error, format!("no server answers at {url}; start it, or correct the URL"));

    let web = fixed(&[("/", "<html>")]);
    let error = said(probe::identify(&web).unwrap_err());
    assert!(error.contains("neither Ollama nor OpenAI-compatible (GET /v1/models: HTTP 404)"));
    let junk = fixed(&[("/api/version", "[]"), ("/v1/models", "{}")]);
    assert!(matches!(probe::identify(&junk), Err(ProbeError::NotAModelServer { .. })));

    let guarded = Ollama::start(Behaviour { key: Some("sk-1"), ..Behaviour::default() });
    let mut target = target(&guarded.url);
    let error = said(probe::identify(&target).unwrap_err());
    assert!(error.contains("HTTP 401") && error.contains("api_key_env"), "{error}");
    target.secret = Some(Secret::new("sk-1").unwrap());
    assert!(probe::identify(&target).is_ok());
}

/// Looks at a server and compares the states of all checks, by name.
fn check(behaviour: Behaviour, model: &str, expected: &[(&str, State)]) -> Vec<Check> {
    let server = Ollama::start(behaviour);
    let checks = doctor::server(&target(&server.url), Some(model));
    let states: Vec<(&str, State)> = checks.iter().map(|check| (check.name, check.state)).collect();
    assert_eq!(states, expected, "{checks:#?}");
    checks
}

#[test]
fn a_server_in_order_is_found_so() {
    let behaviour = Behaviour { gpu: true, strict: true, ..Behaviour::default() };
    let names = [
        "server",
        "model",
        "answer",
        "cold or warm",
        "token counts",
        "tokens in a chunk",
        "prompt cache",
        "repeatable answers",
        "sampling options",
        "output limit",
        "unknown options",
        "context length",
        "GPU layers",
    ];
    let checks = check(behaviour, "tiny", &names.map(|name| (name, State::Good)));
    assert_eq!(checks[0].found.split(" at ").next(), Some("ollama 0.33.0"));
    assert_eq!(checks[3].found, "loading took 2000.0 ms in the first call, 1.0 ms in the second");
    let json = serde_json::to_value(&checks[0]).unwrap();
    assert_eq!(json["state"], "good");
}

#[test]
fn what_a_server_ignores_is_found() {
    use State::{Bad, Good, Warn};
    let behaviour = Behaviour {
        prompt_cache: true,
        effective: &[],
        words_per_chunk: 3,
        answer: "one two three four five six seven eight nine ten eleven twelve thirteen \
                 fourteen fifteen sixteen seventeen eighteen",
        gpu: true,
        ..Behaviour::default()
    };
    let expected = [
        ("server", Good),
        ("model", Good),
        ("answer", Good),
        ("cold or warm", Good),
        ("token counts", Good),
        ("tokens in a chunk", Warn),
        ("prompt cache", Warn),
        ("repeatable answers", Good),
        ("sampling options", Bad),
        ("output limit", Bad),
        ("unknown options", Warn),
        ("context length", Bad),
        ("GPU layers", Bad),
    ];
    let checks = check(behaviour.clone(), "tiny", &expected);
    assert!(checks[6].found.starts_with("on: "), "{:?}", checks[6]);
    let silent = Behaviour { says_cached: false, ..behaviour };
    let checks = check(silent, "tiny", &expected);
    assert_eq!(
        checks[6].found,
        "on, and not reported: the same prompt took 100.0 ms and then 1.0 ms"
    );
}

#[test]
fn a_seed_without_effect_is_found() {
    let behaviour =
        Behaviour { effective: &["temperature", "num_predict", "num_ctx"], ..Behaviour::default() };
    let server = Ollama::start(behaviour);
    let checks = doctor::server(&target(&server.url), None);
    let state = |name: &str| checks.iter().find(|it| it.name == name).unwrap().state;
    assert_eq!(state("sampling options"), State::Good, "unseeded draws differ as well");
    assert_eq!(state("GPU layers"), State::Warn, "there is no GPU");
}

#[test]
fn a_server_that_cannot_be_used_is_found() {
    use State::{Bad, Good};
    let broken = Behaviour { failing_call: Some(0), ..Behaviour::default() };
    let checks = check(broken, "tiny", &[("server", Good), ("model", Good), ("answer", Bad)]);
    assert!(checks[2].found.contains("out of memory"), "{:?}", checks[2]);
    let checks = check(Behaviour::default(), "none", &[("server", Good), ("model", Bad)]);
    assert!(checks[1].found.contains("it has tiny:latest"), "{:?}", checks[1]);
    let empty = Behaviour { models: Vec::new(), ..Behaviour::default() };
    let server = Ollama::start(empty);
    assert_eq!(doctor::server(&target(&server.url), None)[1].state, Bad);
    let web = fixed(&[]);
    let checks = doctor::server(&web, None);
    assert_eq!((checks.len(), checks[0].state), (1, Bad));
}
