//! Loading, unloading, reloading, queueing, the prompt cache, the admin routes.

use std::net::TcpListener;
use std::sync::mpsc;

use serde_json::{Value, json};
use tachograph_serve::{
    Effect, EngineConfig, RunningServer, ServeConfig, ServeError, SimulatedConfig, serve as run,
    start,
};

use crate::http::{ask, connect, get, post, quick, read_all, send, serve};

const MODEL: &str = "tachograph-sim:1b";
/// Above any check of a loaded model here, below any load.
const LOADED_NS: u64 = 2_000_000;

fn generate(server: &RunningServer, options: &Value) -> Value {
    let body = json!({"model": MODEL, "prompt": "hello", "stream": false, "options": options});
    let answer = post(server, "/api/generate", &body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.json()
}

/// Whether the server loaded the model for this answer. The record's own
/// `load_ns` is compared with the configured one, not with a stopwatch.
fn loaded_for(server: &RunningServer, options: &Value) -> bool {
    generate(server, options);
    server.requests().last().unwrap().load_ns >= LOADED_NS
}

#[test]
fn an_empty_prompt_loads_and_keep_alive_0_unloads() {
    let server = serve(quick());
    assert_eq!(get(&server, "/api/ps").json(), json!({"models": []}));
    let load = post(&server, "/api/generate", &json!({ "model": MODEL })).json();
    assert_eq!((&load["done"], &load["done_reason"]), (&json!(true), &json!("load")));
    assert_eq!(load["response"], "");
    let resident = get(&server, "/api/ps").json();
    assert_eq!(resident["models"][0]["context_length"], 4096);
    assert_eq!(resident["models"][0]["size_vram"], 0);
    let unload = json!({"model": MODEL, "messages": [], "keep_alive": 0});
    let unloaded = post(&server, "/api/chat", &unload).json();
    assert_eq!(unloaded["done_reason"], "unload");
    assert_eq!(get(&server, "/api/ps").json(), json!({"models": []}));
}

#[test]
fn a_change_of_a_load_option_reloads_and_others_do_not() {
    let config = SimulatedConfig { load_ns: LOADED_NS, loaded_check_ns: 0, ..quick() };
    let server = serve(config);
    assert!(loaded_for(&server, &json!({})), "the first request loads");
    let reloads = |options: Value| {
        // A busy machine may delay the check itself; loading is then still told
        // apart by the epoch of the prompt cache: a reload empties it.
        let answer = generate(&server, &options);
        answer["prompt_eval_cached_count"] == 0
    };
    assert!(!reloads(json!({})));
    assert!(!reloads(json!({"temperature": 0.1, "top_k": 3})));
    assert!(reloads(json!({"num_ctx": 512})));
    assert!(!reloads(json!({"num_ctx": 512})));
    assert!(reloads(json!({})), "back to the default context");
    assert!(reloads(json!({"num_gpu": 60})));
    assert!(!reloads(json!({"num_gpu": -1})), "-1 takes what is loaded");
    assert!(reloads(json!({"num_gpu": 80})));
}

#[test]
fn a_model_whose_time_is_up_leaves() {
    let server = serve(quick());
    let body = json!({"model": MODEL, "prompt": "x", "stream": false, "keep_alive": "1ms"});
    post(&server, "/api/generate", &body);
    // Asking until it is gone: no wait is assumed, only that it ends.
    while get(&server, "/api/ps").json() != json!({"models": []}) {}
    let forever = json!({"model": MODEL, "prompt": "x", "stream": false, "keep_alive": -1});
    post(&server, "/api/generate", &forever);
    let resident = get(&server, "/api/ps").json();
    let expires = resident["models"][0]["expires_at"].as_str().unwrap();
    assert!(expires > "2100", "{expires}");
}

#[test]
fn a_prompt_seen_before_costs_one_token() {
    let server = serve(quick());
    let first = generate(&server, &json!({}));
    let again = generate(&server, &json!({}));
    let count = first["prompt_eval_count"].as_u64().unwrap();
    assert_eq!(first["prompt_eval_cached_count"], 0);
    assert_eq!(again["prompt_eval_count"], count, "the count includes cached tokens");
    assert_eq!(again["prompt_eval_cached_count"], count - 1);
    assert_eq!(again["prompt_eval_duration"], 100_000 + 1_000);
    post(&server, "/tachograph/config", &json!({"prompt_cache": false}));
    let off = generate(&server, &json!({}));
    assert_eq!(off["prompt_eval_cached_count"], 0);
    assert_eq!(off["prompt_eval_duration"], first["prompt_eval_duration"]);
}

#[test]
fn a_second_request_waits_for_the_slot_and_a_third_is_refused() {
    // The first request never ends on its own, so the order is certain.
    let config = SimulatedConfig {
        max_queue: 1,
        faults: serde_json::from_value(
            json!([{"fault": {"kind": "stall"}, "after_chunks": 1, "times": 1}]),
        )
        .unwrap(),
        ..quick()
    };
    let server = serve(config);
    let body = json!({"model": MODEL, "prompt": "x", "options": {"num_predict": 3}}).to_string();
    let mut first = connect(&server);
    send(&mut first, "POST", "/api/generate", body.as_bytes());
    // Its first chunk is out: it holds the slot.
    while server.sends().is_empty() {
        std::thread::yield_now();
    }
    let mut second = connect(&server);
    send(&mut second, "POST", "/api/generate", body.as_bytes());
    while get(&server, "/tachograph").json()["requests_inside"] != 2 {}
    let busy = ask(&server, "POST", "/api/generate", &body);
    assert_eq!(busy.status, 503, "{}", busy.body);
    assert_eq!(
        busy.json()["error"],
        "server busy, please try again.  maximum pending requests exceeded"
    );
    drop(first);
    let answer = crate::http::parse(&read_all(&mut second));
    assert_eq!(answer.last()["done"], true);
    let record = server.requests().into_iter().find(|record| record.request == 2).unwrap();
    assert!(record.queue_ns > 0, "{record:?}");
    let last = answer.last();
    let number = |key: &str| last[key].as_u64().unwrap();
    let wait = number("total_duration")
        - number("load_duration")
        - number("prompt_eval_duration")
        - number("eval_duration");
    assert_eq!(wait, record.queue_ns, "the wait is what the durations leave");
}

#[test]
fn an_option_may_have_an_effect_on_speed() {
    let effects = vec![Effect {
        option: "num_gpu".to_owned(),
        level: 60.0,
        output_scale: 2.0,
        prompt_scale: 1.5,
    }];
    let server = serve(SimulatedConfig { effects, prompt_cache: false, ..quick() });
    let base = generate(&server, &json!({"num_gpu": 80, "seed": 1, "num_predict": 4}));
    let slow = generate(&server, &json!({"num_gpu": 60, "seed": 1, "num_predict": 4}));
    let number = |answer: &Value, key: &str| answer[key].as_u64().unwrap();
    assert_eq!(number(&base, "eval_duration"), 4 * 50_000);
    assert_eq!(number(&slow, "eval_duration"), 2 * 4 * 50_000);
    let prompt = number(&base, "prompt_eval_duration");
    assert_eq!(number(&slow, "prompt_eval_duration"), prompt * 3 / 2);
    assert_eq!(slow["response"], base["response"], "the answer does not depend on it");
}

#[test]
fn a_server_is_configured_and_reset_while_it_runs() {
    let server = serve(quick());
    generate(&server, &json!({}));
    assert!(!get(&server, "/tachograph/sends").body.is_empty());
    post(&server, "/tachograph/reset", &json!({}));
    assert_eq!(get(&server, "/tachograph/sends").body, "");
    let changed = post(&server, "/tachograph/config", &json!({"output_token_ns": 7_000})).json();
    assert_eq!(
        (&changed["output_token_ns"], &changed["load_ns"]),
        (&json!(7_000), &json!(2_000_000))
    );
    let wrong = post(&server, "/tachograph/config", &json!({"output_tokne_ns": 1}));
    assert_eq!(wrong.status, 400);
    assert!(wrong.body.contains("output_tokne_ns"), "{}", wrong.body);
    let wrong = post(&server, "/tachograph/config", &json!({"num_parallel": 0}));
    assert!(wrong.body.contains("num_parallel is 0; it must be 1 to 100000"), "{}", wrong.body);
    assert_eq!(get(&server, "/tachograph/nothing").status, 404);
}

#[test]
fn ports_are_independent_servers() {
    let config = ServeConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()],
        engine: EngineConfig::Simulated(quick()),
    };
    let servers = start(&config).unwrap();
    generate(&servers[0], &json!({}));
    assert_ne!(servers[0].port(), servers[1].port());
    assert_eq!(get(&servers[0], "/api/ps").json()["models"].as_array().unwrap().len(), 1);
    assert_eq!(get(&servers[1], "/api/ps").json()["models"].as_array().unwrap().len(), 0);
}

#[test]
fn a_port_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let config = ServeConfig { listen: vec![address], engine: EngineConfig::Simulated(quick()) };
    let error = start(&config).unwrap_err();
    assert!(matches!(error, ServeError::PortInUse { .. }));
    let expected = format!("port {} on 127.0.0.1 is in use", address.port());
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[test]
fn serve_announces_itself_once_and_ends_when_told() {
    let config = ServeConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        engine: EngineConfig::Simulated(quick()),
    };
    let (stop, stopped) = mpsc::channel();
    let mut lines = Vec::new();
    run(
        &config,
        |line| {
            lines.push(line.to_string());
            stop.send(()).unwrap();
        },
        &stopped,
    )
    .unwrap();
    let line: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!((&line["type"], &line["protocol"]), (&json!("serving"), &json!(1)));
    assert_eq!(line["engine"]["kind"], "simulated");
    assert!(line["urls"][0].as_str().unwrap().starts_with("http://127.0.0.1:"));
}
