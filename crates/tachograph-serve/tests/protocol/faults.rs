//! Planted faults look on the wire like what they are called.

use std::io::Read;

use serde_json::{Value, json};
use tachograph_serve::{RequestOutcome, RunningServer, SimulatedConfig};

use crate::http::{Answer, connect, parse, post, quick, read_all, send, serve};

const MODEL: &str = "tachograph-sim:1b";

fn broken(rule: Value) -> RunningServer {
    let faults = vec![serde_json::from_value(rule).unwrap()];
    serve(SimulatedConfig { faults, fill_num_predict: true, ..quick() })
}

fn body() -> Value {
    json!({"model": MODEL, "prompt": "x", "options": {"num_predict": 6}})
}

fn answer(rule: Value) -> Answer {
    post(&broken(rule), "/api/generate", &body())
}

#[test]
fn drop_closes_inside_the_body() {
    let answer = answer(json!({"fault": {"kind": "drop"}, "after_chunks": 2}));
    assert_eq!((answer.status, answer.chunks.len(), answer.complete), (200, 2, false));
}

#[test]
fn drop_before_the_header_answers_nothing() {
    let answer = answer(json!({"fault": {"kind": "drop"}}));
    assert_eq!((answer.status, answer.head.as_str()), (0, ""));
}

#[test]
fn reset_is_a_reset() {
    let server = broken(json!({"fault": {"kind": "reset"}, "after_chunks": 2}));
    let mut socket = connect(&server);
    send(&mut socket, "POST", "/api/generate", body().to_string().as_bytes());
    let mut block = [0; 1024];
    let error = loop {
        match socket.read(&mut block) {
            Ok(0) => panic!("an orderly end"),
            Ok(_) => {}
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[test]
fn truncate_ends_cleanly_without_the_numbers() {
    let server = broken(json!({"fault": {"kind": "truncate"}, "after_chunks": 3}));
    let answer = post(&server, "/api/generate", &body());
    assert_eq!((answer.chunks.len(), answer.complete), (3, true));
    assert!(answer.lines().iter().all(|line| line["done"] == false));
    assert_eq!(server.requests()[0].outcome, RequestOutcome::Fault);
}

#[test]
fn truncate_after_everything_lacks_only_the_final_record() {
    let answer = answer(json!({"fault": {"kind": "truncate"}, "after_chunks": 1000}));
    assert_eq!((answer.chunks.len(), answer.complete), (6, true));
}

#[test]
fn an_error_inside_the_stream_is_a_line_under_status_200() {
    let rule = json!({"fault": {"kind": "error", "message": "out of memory"}, "after_chunks": 2});
    let answer = answer(rule);
    assert_eq!((answer.status, answer.complete), (200, true));
    assert_eq!(answer.last(), json!({"error": "out of memory"}));
    assert_eq!(answer.chunks.len(), 3);
}

#[test]
fn an_error_inside_an_sse_stream_is_an_event() {
    let rule = json!({"fault": {"kind": "error", "message": "out of memory"}, "after_chunks": 1});
    let server = broken(rule);
    let body = json!({"model": MODEL, "stream": true,
        "messages": [{"role": "user", "content": "x"}]});
    let answer = post(&server, "/v1/chat/completions", &body);
    let last = answer.chunks.last().unwrap();
    assert!(last.starts_with("data: {\"error\":{"), "{last}");
    assert!(!answer.body.contains("[DONE]"));
}

#[test]
fn a_status_comes_instead_of_a_stream() {
    let rule = json!({"fault": {"kind": "http_status", "status": 503, "message": "later"}});
    let answer = answer(rule);
    assert_eq!((answer.status, answer.json()), (503, json!({"error": "later"})));
}

#[test]
fn malformed_is_half_a_line() {
    let answer = answer(json!({"fault": {"kind": "malformed"}, "after_chunks": 1}));
    let lines: Vec<&str> = answer.body.lines().collect();
    serde_json::from_str::<Value>(lines[0]).unwrap();
    serde_json::from_str::<Value>(lines[1]).unwrap_err();
    assert_eq!(lines.len(), 6 + 1 + 1);
}

#[test]
fn wrong_usage_contradicts_the_chunks() {
    let rule = json!({"fault": {"kind": "wrong_usage", "delta": 10}});
    let answer = answer(rule);
    assert_eq!(answer.chunks.len(), 6 + 1);
    assert_eq!(answer.last()["eval_count"], 16);
}

#[test]
fn a_stall_for_a_time_moves_what_follows() {
    let rule =
        json!({"fault": {"kind": "stall", "for_ns": 3_000_000}, "after_chunks": 2, "times": 1});
    let server = broken(rule);
    post(&server, "/api/generate", &body());
    let due: Vec<u64> = server.sends().iter().map(|send| send.deadline_ns.unwrap()).collect();
    let gaps: Vec<u64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(gaps, [50_000, 3_050_000, 50_000, 50_000, 50_000, 0]);
}

#[test]
fn a_stall_for_ever_lasts_until_the_client_leaves() {
    let server = broken(json!({"fault": {"kind": "stall"}, "after_chunks": 1, "times": 1}));
    let mut socket = connect(&server);
    send(&mut socket, "POST", "/api/generate", body().to_string().as_bytes());
    let mut block = [0; 1024];
    assert!(socket.read(&mut block).unwrap() > 0);
    drop(socket);
    // The slot is free again: the next request is answered in full.
    let answer = post(&server, "/api/generate", &body());
    assert_eq!(answer.last()["done"], true);
    assert_eq!(server.requests()[0].outcome, RequestOutcome::Cancelled);
}

#[test]
fn every_and_times_choose_the_requests() {
    let rule = json!({"fault": {"kind": "http_status", "status": 500, "message": "x"},
        "every": 2, "times": 2});
    let server = broken(rule);
    let statuses: Vec<u16> =
        (0..7).map(|_| post(&server, "/api/generate", &body()).status).collect();
    assert_eq!(statuses, [200, 500, 200, 500, 200, 200, 200]);
}

#[test]
fn a_fault_strikes_answers_that_are_not_streamed() {
    let server = broken(json!({"fault": {"kind": "drop"}, "after_chunks": 2}));
    let mut body = body();
    body["stream"] = json!(false);
    let mut socket = connect(&server);
    send(&mut socket, "POST", "/api/generate", body.to_string().as_bytes());
    assert_eq!(parse(&read_all(&mut socket)).status, 0);
}
