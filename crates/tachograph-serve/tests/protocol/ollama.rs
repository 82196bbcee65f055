//! Ollama's routes: fields, omitted zeros, errors.

use serde_json::{Value, json};
use tachograph_serve::{SimulatedConfig, VERSION};

use crate::http::{ask, get, post, quick, serve};

const MODEL: &str = "tachograph-sim:1b";

#[test]
fn a_stream_is_one_chunk_per_line_and_ends_with_the_numbers() {
    let server = serve(SimulatedConfig { loaded_check_ns: 0, ..quick() });
    let body = json!({"model": MODEL, "prompt": "a b c", "options": {"num_predict": 5}});
    let answer = post(&server, "/api/generate", &body);
    assert_eq!(answer.status, 200);
    assert!(answer.has_header("content-type: application/x-ndjson"), "{}", answer.head);
    assert!(answer.complete);
    let lines = answer.lines();
    assert_eq!(answer.chunks.len(), lines.len(), "one HTTP chunk per line");
    assert_eq!(lines.len(), 5 + 1);
    for line in &lines[..5] {
        assert_eq!(line["done"], false);
        assert_eq!(line["model"], MODEL);
        assert!(!line["response"].as_str().unwrap().is_empty());
        assert!(line.get("eval_count").is_none());
        let created = line["created_at"].as_str().unwrap();
        assert!(created.len() == 30 && created.ends_with('Z'), "{created}");
    }
    let last = &lines[5];
    assert_eq!(last["response"], "");
    assert_eq!((&last["done"], &last["done_reason"]), (&json!(true), &json!("length")));
    // "user a b c assistant": the last word is two tokens of six letters at most.
    assert_eq!(last["prompt_eval_count"], 6);
    assert_eq!(last["prompt_eval_cached_count"], 0);
    assert_eq!(last["prompt_eval_duration"], 100_000 + 6 * 1_000);
    assert_eq!((&last["eval_count"], &last["eval_duration"]), (&json!(5), &json!(5 * 50_000)));
    let number = |key: &str| last[key].as_u64().unwrap();
    assert!(number("load_duration") >= 2_000_000);
    assert_eq!(
        number("total_duration"),
        number("load_duration") + number("prompt_eval_duration") + number("eval_duration")
    );
}

#[test]
fn a_zero_is_left_out() {
    let config =
        SimulatedConfig { prompt_base_ns: 0, prompt_token_ns: 0, output_token_ns: 0, ..quick() };
    let server = serve(config);
    let body = json!({"model": MODEL, "prompt": "a", "stream": false});
    let last = post(&server, "/api/generate", &body).json();
    assert!(last.get("prompt_eval_duration").is_none(), "{last}");
    assert!(last.get("eval_duration").is_none(), "{last}");
    assert_eq!(last["prompt_eval_cached_count"], 0, "a pointer: none is 0, unknown is absent");
}

#[test]
fn streamed_or_not_the_text_is_the_same_for_a_seed() {
    let server = serve(quick());
    for (path, field) in [("/api/generate", "/response"), ("/api/chat", "/message/content")] {
        let mut body = json!({"model": MODEL, "prompt": "why", "options": {"seed": 7},
            "messages": [{"role": "user", "content": "why"}]});
        let streamed: String = post(&server, path, &body)
            .lines()
            .iter()
            .map(|line| line.pointer(field).unwrap().as_str().unwrap().to_owned())
            .collect();
        body["stream"] = json!(false);
        let answer = post(&server, path, &body);
        assert!(answer.has_header("content-type: application/json; charset=utf-8"));
        let whole = answer.json();
        assert_eq!(whole.pointer(field).unwrap(), &Value::from(streamed.clone()));
        assert_eq!(whole["done"], true);
        body["options"] = json!({"seed": 8});
        let other = post(&server, path, &body).json();
        assert_ne!(other.pointer(field).unwrap(), &Value::from(streamed));
    }
}

#[test]
fn thinking_text_has_its_own_field_and_counts() {
    let server = serve(SimulatedConfig { thinking_tokens: 3, ..quick() });
    let mut body = json!({"model": MODEL, "messages": [{"role": "user", "content": "x"}],
        "options": {"num_predict": 2}});
    let lines = post(&server, "/api/chat", &body).lines();
    let thinking = |line: &Value| line["message"]["thinking"].is_string();
    assert_eq!(lines.iter().filter(|line| thinking(line)).count(), 3);
    assert_eq!(lines[0]["message"]["content"], "");
    assert_eq!(lines.last().unwrap()["eval_count"], 5);
    body["think"] = json!(false);
    let lines = post(&server, "/api/chat", &body).lines();
    assert!(!lines.iter().any(thinking));
    assert_eq!(lines.last().unwrap()["eval_count"], 2);
}

#[test]
fn several_tokens_may_share_a_chunk() {
    let server = serve(SimulatedConfig { tokens_per_chunk: 4, ..quick() });
    let body = json!({"model": MODEL, "prompt": "x", "options": {"num_predict": 6}});
    let lines = post(&server, "/api/generate", &body).lines();
    assert_eq!(lines.len(), 2 + 1, "4 + 2 tokens, and the numbers");
    assert_eq!(lines[2]["eval_count"], 6);
    let tokens: Vec<u32> = server.sends().iter().map(|send| send.tokens).collect();
    assert_eq!(tokens, [4, 2, 0]);
}

#[test]
fn a_stop_text_ends_the_answer_before_it() {
    let server = serve(quick());
    let body = json!({"model": MODEL, "prompt": "x", "stream": false,
        "options": {"stop": ["\n\n"], "num_predict": 8}});
    let answer = post(&server, "/api/generate", &body).json();
    assert_eq!(answer["response"], "## Summary");
    assert_eq!((&answer["done_reason"], &answer["eval_count"]), (&json!("stop"), &json!(2)));
    assert_eq!(answer["eval_duration"], 2 * 50_000);
}

#[test]
fn errors_have_ollamas_statuses_and_sentences() {
    let server = serve(quick());
    let check = |path: &str, body: &str, status: u16, message: &str| {
        let answer = ask(&server, "POST", path, body);
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.body);
        assert_eq!(answer.json(), json!({ "error": message }), "{path} {body}");
        assert!(answer.has_header("content-type: application/json; charset=utf-8"));
    };
    for path in ["/api/generate", "/api/chat", "/api/show"] {
        check(path, "", 400, "missing request body");
        check(path, "{}", 400, "model is required");
        check(path, r#"{"model":"nope"}"#, 404, "model 'nope' not found");
    }
    check(
        "/api/generate",
        &format!(r#"{{"model":"{MODEL}","prompt":"x","options":{{"num_ctx":"1"}}}}"#),
        400,
        "option \"num_ctx\" must be of type integer",
    );
    let long = "word ".repeat(40);
    let body =
        json!({"model": MODEL, "prompt": long, "truncate": false, "options": {"num_ctx": 16}});
    let refusal = "the input length exceeds the context length";
    check("/api/generate", &body.to_string(), 400, refusal);
    assert_eq!(get(&server, "/api/generate").status, 405);
    assert_eq!(get(&server, "/api/nothing").status, 404);
}

#[test]
fn a_prompt_longer_than_the_context_is_cut_to_it() {
    let server = serve(quick());
    let body = json!({"model": MODEL, "prompt": "word ".repeat(40), "stream": false,
        "options": {"num_ctx": 16}});
    let answer = post(&server, "/api/generate", &body).json();
    assert_eq!(answer["prompt_eval_count"], 16);
}

#[test]
fn unknown_options_change_nothing_and_are_named_in_the_request_log() {
    let server = serve(quick());
    let body = json!({"model": MODEL, "prompt": "x", "stream": false,
        "options": {"num_predcit": 3, "top_p": 0.5}});
    assert_eq!(post(&server, "/api/generate", &body).status, 200);
    assert_eq!(server.requests()[0].ignored_options, ["num_predcit"]);
}

#[test]
fn the_routes_of_a_starting_client_answer() {
    let server = serve(quick());
    assert_eq!(get(&server, "/").body, "Ollama is running");
    let head = ask(&server, "HEAD", "/", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(get(&server, "/api/version").json(), json!({ "version": VERSION }));
    let tags = get(&server, "/api/tags").json();
    let model = &tags["models"][0];
    assert_eq!((&model["name"], &model["model"]), (&json!(MODEL), &json!(MODEL)));
    let digest = model["digest"].as_str().unwrap();
    assert!(digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()));
    assert!(model["details"]["families"].is_array());
    let show = post(&server, "/api/show", &json!({ "model": MODEL })).json();
    assert_eq!(show["capabilities"], json!(["completion"]));
    assert_eq!(show["model_info"]["general.architecture"], "simulated");
}
