//! `OpenAI`'s routes: SSE, usage, errors.

use serde_json::{Value, json};
use tachograph_serve::SendKind;

use crate::http::{Answer, ask, get, post, quick, serve};

const MODEL: &str = "tachograph-sim:1b";

fn events(answer: &Answer) -> Vec<Value> {
    let (events, done) = answer.body.split_at(answer.body.len() - "data: [DONE]\n\n".len());
    assert_eq!(done, "data: [DONE]\n\n");
    events
        .split_terminator("\n\n")
        .map(|event| serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap())
        .collect()
}

#[test]
fn a_chat_stream_has_role_text_reason_usage_and_done() {
    let server = serve(quick());
    let body = json!({"model": MODEL, "stream": true, "max_tokens": 3,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "hello"}]});
    let answer = post(&server, "/v1/chat/completions", &body);
    assert!(answer.has_header("content-type: text/event-stream"), "{}", answer.head);
    let events = events(&answer);
    assert_eq!(events.len(), 1 + 3 + 1 + 1);
    assert_eq!(events[0]["choices"][0]["delta"], json!({"role": "assistant", "content": ""}));
    for event in &events[1..4] {
        assert!(!event["choices"][0]["delta"]["content"].as_str().unwrap().is_empty());
        assert_eq!(event["object"], "chat.completion.chunk");
    }
    assert_eq!(events[4]["choices"][0]["finish_reason"], "length");
    assert_eq!(events[5]["choices"], json!([]));
    let usage = &events[5]["usage"];
    assert_eq!(usage["completion_tokens"], 3);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], 0);
    assert_eq!(events[5]["timings"]["predicted_n"], 3);
    let kinds: Vec<SendKind> = server.sends().iter().map(|send| send.kind).collect();
    assert_eq!(
        kinds,
        [
            SendKind::Role,
            SendKind::Token,
            SendKind::Token,
            SendKind::Token,
            SendKind::Final,
            SendKind::Final,
            SendKind::Done
        ]
    );
}

#[test]
fn without_include_usage_there_is_no_usage_chunk() {
    let server = serve(quick());
    let body = json!({"model": MODEL, "stream": true, "max_tokens": 2, "prompt": "hello"});
    let answer = post(&server, "/v1/completions", &body);
    let events = events(&answer);
    assert_eq!(events.len(), 2 + 1);
    assert!(events.iter().all(|event| event.get("usage").is_none()));
    assert!(events[0]["choices"][0]["text"].is_string());
}

#[test]
fn whole_answers_carry_usage() {
    let server = serve(quick());
    let messages = json!([{"role": "user", "content": "hello"}]);
    let body = json!({"model": MODEL, "messages": messages, "max_tokens": 4});
    let chat = post(&server, "/v1/chat/completions", &body).json();
    assert_eq!(chat["object"], "chat.completion");
    assert_eq!(chat["choices"][0]["message"]["role"], "assistant");
    assert_eq!(chat["usage"]["completion_tokens"], 4);
    let total = chat["usage"]["total_tokens"].as_u64().unwrap();
    assert_eq!(total, chat["usage"]["prompt_tokens"].as_u64().unwrap() + 4);
}

#[test]
fn errors_are_objects_with_a_type() {
    let server = serve(quick());
    let error = |path: &str, body: &str| {
        let answer = ask(&server, "POST", path, body);
        (answer.status, answer.json()["error"].clone())
    };
    let (status, body) = error("/v1/chat/completions", r#"{"model":"nope"}"#);
    assert_eq!((status, &body["type"]), (404, &json!("not_found_error")));
    assert_eq!(body["message"], "model 'nope' not found");
    let body = format!(r#"{{"model":"{MODEL}","messages":[]}}"#);
    let (status, body) = error("/v1/chat/completions", &body);
    assert_eq!((status, &body["type"]), (400, &json!("invalid_request_error")));
    let (status, _) = error("/v1/completions", &format!(r#"{{"model":"{MODEL}","prompt":5}}"#));
    assert_eq!(status, 400);
}

#[test]
fn models_are_listed_and_looked_up() {
    let server = serve(quick());
    assert_eq!(get(&server, "/v1/models").json()["data"][0]["id"], MODEL);
    assert_eq!(get(&server, &format!("/v1/models/{MODEL}")).json()["id"], MODEL);
    assert_eq!(get(&server, "/v1/models/other").status, 404);
}
