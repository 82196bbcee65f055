//! No request makes the server fall over.

use std::io::Write;
use std::net::Shutdown;
use std::sync::OnceLock;

use proptest::prelude::*;
use serde_json::{Value, json};
use tachograph_serve::{RunningServer, SimulatedConfig};

use crate::http::{ask, connect, get, parse, quick, read_all, serve};

const PATHS: [&str; 10] = [
    "/api/generate",
    "/api/chat",
    "/v1/chat/completions",
    "/v1/completions",
    "/api/show",
    "/api/ps",
    "/tachograph/reset",
    "/v1/models/x",
    "/",
    "/tachograph/config",
];

/// One server for all cases: a case that breaks it fails the ones after it.
fn server() -> &'static RunningServer {
    static SERVER: OnceLock<RunningServer> = OnceLock::new();
    SERVER.get_or_init(|| {
        serve(SimulatedConfig {
            num_parallel: 64,
            load_ns: 0,
            output_token_ns: 0,
            prompt_base_ns: 0,
            prompt_token_ns: 0,
            ..quick()
        })
    })
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[a-z0-9 \\n\"é\u{1F600}-]{0,12}".prop_map(Value::from),
        Just(json!("tachograph-sim:1b")),
    ];
    leaf.prop_recursive(2, 8, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(field(), inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn field() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "role",
        "content",
        "text",
        "type",
        "num_ctx",
        "seed",
        "stop",
        "temperature",
        "num_keep",
        "num_gpu",
        "include_usage",
        "images",
        "min_p",
        "top_k",
        "x",
    ])
    .prop_map(str::to_owned)
}

fn request_body() -> impl Strategy<Value = Value> {
    let fields = prop::sample::select(vec![
        "prompt",
        "messages",
        "options",
        "keep_alive",
        "stream",
        "system",
        "context",
        "format",
        "think",
        "raw",
        "truncate",
        "shift",
        "images",
        "tools",
        "max_tokens",
        "stop",
        "seed",
        "temperature",
        "stream_options",
        "response_format",
        "n",
        "suffix",
        "logprobs",
    ]);
    prop::collection::btree_map(fields, any_json(), 0..6).prop_map(|map| {
        let mut body: serde_json::Map<String, Value> =
            map.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        body.insert("model".to_owned(), json!("tachograph-sim:1b"));
        // Bounded, so that a case ends soon.
        if let Some(Value::Object(options)) = body.get_mut("options") {
            options.insert("num_predict".to_owned(), json!(4));
        }
        Value::Object(body)
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn odd_json_gets_an_answer(path in prop::sample::select(&PATHS[..9]), body in request_body()) {
        let answer = ask(server(), "POST", path, &body.to_string());
        prop_assert!((200..600).contains(&answer.status), "{path} {body}: {answer:?}");
        prop_assert!(answer.status != 500, "{path} {body}: {answer:?}");
        prop_assert!(answer.complete, "{path} {body}: {answer:?}");
    }

    #[test]
    fn odd_bytes_as_a_body_get_an_error(
        path in prop::sample::select(&PATHS[..]),
        body in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let mut socket = connect(server());
        crate::http::send(&mut socket, "POST", path, &body);
        let answer = parse(&read_all(&mut socket));
        prop_assert!((200..500).contains(&answer.status), "{path}: {answer:?}");
    }

    #[test]
    fn odd_bytes_as_a_request_leave_the_server_up(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut socket = connect(server());
        // The server may have closed already.
        drop(socket.write_all(&bytes));
        drop(socket.shutdown(Shutdown::Write));
        read_all(&mut socket);
        prop_assert_eq!(get(server(), "/").body, "Ollama is running");
    }
}

#[test]
fn a_body_that_ends_early_is_no_request() {
    let mut socket = connect(server());
    socket
        .write_all(
            b"POST /api/generate HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{\"model\"",
        )
        .unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let answer = parse(&read_all(&mut socket));
    assert!(answer.status == 0 || answer.status == 400, "{answer:?}");
    assert_eq!(get(server(), "/").status, 200);
}

#[test]
fn a_huge_body_is_refused() {
    let mut socket = connect(server());
    let length = 65 * 1024 * 1024;
    socket
        .write_all(
            format!("POST /api/generate HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n")
                .as_bytes(),
        )
        .unwrap();
    let answer = parse(&read_all(&mut socket));
    assert_eq!(answer.status, 413, "{answer:?}");
}
