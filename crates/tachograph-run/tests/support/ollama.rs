//! A small Ollama on loopback whose behaviour each test chooses.
//!
//! It answers at once and states its durations instead of living them, so that
//! no test waits for a clock.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How long a test waits for what must happen, so that a failure is one and not
/// a test that never ends.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the server does.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each test sets the one or two it is about")]
pub(crate) struct Behaviour {
    /// The models of `/api/tags`.
    pub(crate) models: Vec<&'static str>,
    /// The answer, word by word; options may change it.
    pub(crate) answer: &'static str,
    /// Whether a prompt that was seen before costs nothing.
    pub(crate) prompt_cache: bool,
    /// Whether `prompt_eval_cached_count` is said.
    pub(crate) says_cached: bool,
    /// Options that have an effect.
    pub(crate) effective: &'static [&'static str],
    /// Whether models go to GPU memory unless `num_gpu` says otherwise.
    pub(crate) gpu: bool,
    /// Whether an option that Ollama does not have is an error.
    pub(crate) strict: bool,
    /// Words in one chunk.
    pub(crate) words_per_chunk: usize,
    /// The call (from 0) that fails with HTTP 500, if any.
    pub(crate) failing_call: Option<usize>,
    /// Whether calls get no answer until the client goes away.
    pub(crate) hangs: bool,
    /// Whether the first call ends the process, with exit code 7.
    pub(crate) dies: bool,
    /// The key that every request must carry, if any.
    pub(crate) key: Option<&'static str>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            models: vec!["tiny:latest", "other:1b"],
            answer: "Summary: all good.\nKey findings:\n- rate is 88 tok/s\nRecommendations:\n- keep it",
            prompt_cache: false,
            says_cached: true,
            effective: &["num_predict", "temperature", "seed", "num_ctx", "num_gpu"],
            gpu: false,
            strict: false,
            words_per_chunk: 1,
            failing_call: None,
            hangs: false,
            dies: false,
            key: None,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    loaded: Option<(String, u64, i64)>,
    n_calls: usize,
    n_random: u64,
    prompts: BTreeSet<String>,
    bodies: Vec<Value>,
}

/// The server; it lives as long as the process.
#[derive(Debug)]
pub(crate) struct Ollama {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
    hanging: Receiver<bool>,
}

impl Ollama {
    pub(crate) fn start(behaviour: Behaviour) -> Self {
        Self::start_on(0, behaviour)
    }

    pub(crate) fn start_on(port: u16, behaviour: Behaviour) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        let (sender, hanging) = mpsc::channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (behaviour, state) = (behaviour.clone(), Arc::clone(&shared));
                let sender = sender.clone();
                thread::spawn(move || serve(&stream.unwrap(), &behaviour, &state, &sender));
            }
        });
        Self { url, state, hanging }
    }

    /// The bodies of the generating calls so far.
    pub(crate) fn bodies(&self) -> Vec<Value> {
        self.state.lock().unwrap().bodies.clone()
    }

    /// Waits until a call hangs.
    pub(crate) fn await_hanging(&self) {
        assert!(self.hanging.recv_timeout(PATIENCE).expect("no call came"));
    }

    /// Waits until the client of a hanging call has gone away.
    pub(crate) fn await_gone(&self) {
        assert!(!self.hanging.recv_timeout(PATIENCE).expect("the client is still there"));
    }

    pub(crate) fn is_loaded(&self) -> bool {
        self.state.lock().unwrap().loaded.is_some()
    }
}

fn serve(stream: &TcpStream, behaviour: &Behaviour, state: &Mutex<State>, hanging: &Sender<bool>) {
    let mut reader = BufReader::new(stream);
    while let Some((route, authorization, body)) = request(&mut reader) {
        if let Some(key) = behaviour.key
            && authorization.as_deref() != Some(&format!("Bearer {key}"))
        {
            respond(stream, 401, &json!({"error": "unauthorized"}));
            continue;
        }
        match &*route {
            "GET /api/version" => respond(stream, 200, &json!({"version": "0.33.0"})),
            "GET /api/tags" => {
                let model = |name: &&str| {
                    json!({"name": name, "model": name, "digest": "abc123", "size": 1,
                        "details": {"quantization_level": "Q4_1", "parameter_size": "134.5M"}})
                };
                let models: Vec<Value> = behaviour.models.iter().map(model).collect();
                respond(stream, 200, &json!({ "models": models }));
            }
            "GET /api/ps" => {
                let state = state.lock().unwrap();
                let models: Vec<Value> = state
                    .loaded
                    .iter()
                    .map(|(name, context, n_gpu)| {
                        let mut model = json!({"name": name, "size": 1000,
                            "context_length": context});
                        if *n_gpu > 0 {
                            model["size_vram"] = json!(500);
                        }
                        model
                    })
                    .collect();
                respond(stream, 200, &json!({ "models": models }));
            }
            "POST /api/show" => respond(stream, 200, &json!({"template": "{{ .Prompt }}"})),
            #[expect(clippy::exit, reason = "a process that dies inside a call is what is tested")]
            "POST /api/generate" if behaviour.dies => std::process::exit(7),
            "POST /api/generate" if behaviour.hangs => {
                hanging.send(true).unwrap();
                let mut byte = [0];
                // Ends when the client does.
                drop(reader.read(&mut byte));
                hanging.send(false).unwrap();
                return;
            }
            "POST /api/generate" => generate(stream, behaviour, state, &body),
            _ => respond(stream, 404, &json!({"error": "404 page not found"})),
        }
    }
}

fn request(reader: &mut impl BufRead) -> Option<(String, Option<String>, Value)> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n_bytes| *n_bytes > 0)?;
    let mut words = line.split(' ');
    let route = format!("{} {}", words.next()?, words.next()?);
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        let Some((name, value)) = header.trim_end().split_once(": ") else { break };
        match &*name.to_ascii_lowercase() {
            "content-length" => length = value.parse().unwrap(),
            "authorization" => authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    let body = if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() };
    Some((route, authorization, body))
}

fn respond(mut stream: &TcpStream, status: u16, body: &Value) {
    let body = body.to_string();
    let head = format!("HTTP/1.1 {status} x\r\nContent-Length: {}\r\n\r\n", body.len());
    // A client that is gone needs no answer.
    drop(stream.write_all(&[head.as_bytes(), body.as_bytes()].concat()));
}

fn generate(mut stream: &TcpStream, behaviour: &Behaviour, state: &Mutex<State>, body: &Value) {
    let mut state = state.lock().unwrap();
    let model = body["model"].as_str().unwrap();
    let name = behaviour
        .models
        .iter()
        .find(|name| **name == model || name.strip_suffix(":latest") == Some(model));
    let Some(name) = name else {
        return respond(stream, 404, &json!({"error": format!("model '{model}' not found")}));
    };
    let prompt = body["prompt"].as_str().unwrap_or_default();
    if prompt.is_empty() {
        let unload = body["keep_alive"] == json!(0);
        state.loaded = (!unload).then(|| ((*name).to_owned(), 4096, 0));
        let reason = if unload { "unload" } else { "load" };
        return respond(
            stream,
            200,
            &json!({"model": model, "response": "", "done": true,
            "done_reason": reason}),
        );
    }
    state.bodies.push(body.clone());
    state.n_calls += 1;
    if behaviour.failing_call == Some(state.n_calls - 1) {
        return respond(stream, 500, &json!({"error": "out of memory"}));
    }
    let options = |option: &str| {
        let value = &body["options"][option];
        behaviour.effective.contains(&option).then_some(value).filter(|value| !value.is_null())
    };
    let context = options("num_ctx").and_then(Value::as_u64).unwrap_or(4096);
    let n_gpu = options("num_gpu").and_then(Value::as_i64).unwrap_or(i64::from(behaviour.gpu));
    let known = |name: &String| tachograph_model::options::is_known(name);
    if behaviour.strict && !body["options"].as_object().unwrap().keys().all(known) {
        return respond(stream, 400, &json!({"error": "unknown option"}));
    }
    let was_loaded = state.loaded.is_some();
    state.loaded = Some(((*name).to_owned(), context, n_gpu));
    let mut words: Vec<String> = behaviour.answer.split_inclusive(' ').map(str::to_owned).collect();
    if options("temperature").and_then(Value::as_f64).is_some_and(|t| t > 0.0) {
        // Without a seed every answer is another one.
        state.n_random += 1;
        let draw = options("seed").map_or(json!(state.n_random), Value::clone);
        words.push(format!(" draw {draw}"));
    }
    if let Some(limit) = options("num_predict").and_then(Value::as_u64) {
        words.truncate(usize::try_from(limit).unwrap());
    }
    let is_cached = !state.prompts.insert(prompt.to_owned()) && behaviour.prompt_cache;
    drop(state);

    let n_prompt = prompt.split_whitespace().count();
    let mut last = json!({"model": model, "response": "", "done": true, "done_reason": "stop",
        "total_duration": 900_000_000_u64, "prompt_eval_count": n_prompt,
        "load_duration": if was_loaded { 1_000_000 } else { 2_000_000_000_u64 },
        "prompt_eval_duration": if is_cached { 1_000_000 } else { 100_000_000_u64 },
        "eval_count": words.len(), "eval_duration": 50_000_000_u64});
    if behaviour.says_cached {
        last["prompt_eval_cached_count"] = json!(if is_cached { n_prompt - 1 } else { 0 });
    }
    if body["stream"] == json!(false) {
        last["response"] = json!(words.concat());
        return respond(stream, 200, &last);
    }
    let mut lines: Vec<String> = words
        .chunks(behaviour.words_per_chunk)
        .map(|words| json!({"model": model, "response": words.concat(), "done": false}))
        .map(|line| line.to_string())
        .collect();
    lines.push(last.to_string());
    let chunk = |line: String| format!("{:x}\r\n{line}\n\r\n", line.len() + 1);
    let chunks: Vec<String> = lines.into_iter().map(chunk).collect();
    let text = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{}0\r\n\r\n",
        chunks.concat()
    );
    drop(stream.write_all(text.as_bytes()));
}
