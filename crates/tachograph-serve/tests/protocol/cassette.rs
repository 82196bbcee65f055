//! Recorded answers: their bytes, their instants, their ends, and what was never recorded.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::thread;

use serde_json::{Value, json};
use tachograph_model::canonical::canonical_digest;
use tachograph_model::cassette::Cassette;
use tachograph_serve::{
    CassetteConfig, EngineConfig, Repeats, RequestOutcome, RunningServer, SendKind, SendRecord,
    ServeConfig, Speed, start,
};

use crate::http::{Answer, ask, connect, get, parse, post, read_all, send};

/// A request and its answer, as a line of a cassette.
struct Recorded {
    path: &'static str,
    request: Value,
    status: u16,
    content_type: &'static str,
    head_ns: u64,
    /// Offset and bytes, as the format has them.
    pieces: Vec<(u64, Value)>,
    end_ns: u64,
    end: &'static str,
}

impl Recorded {
    /// A stream of Ollama's in three pieces, the head with the first of them.
    fn stream(prompt: &str, words: [&str; 3]) -> Self {
        let pieces = words.map(|word| json!({"text": format!("{{\"response\":\"{word}\"}}\n")}));
        Self {
            path: "/api/generate",
            request: json!({"model": "m", "prompt": prompt, "options": {"seed": 1}}),
            status: 200,
            content_type: "application/x-ndjson",
            head_ns: 2_000_000,
            pieces: [2_000_000, 3_000_001, 9_000_000].into_iter().zip(pieces).collect(),
            end_ns: 9_500_000,
            end: "complete",
        }
    }

    fn line(&self) -> String {
        let body = self.request.to_string();
        let pieces: Vec<Value> = (self.pieces.iter())
            .map(|(offset_ns, body)| json!({"offset_ns": offset_ns, "body": body}))
            .collect();
        let line = json!({
            "method": "POST",
            "path": self.path,
            "body": {"text": body},
            "canonical_sha256": canonical_digest(body.as_bytes()).to_string(),
            "answer": {
                "status": self.status,
                "headers": [["content-type", self.content_type], ["x-of-the-server", "kept"]],
                "head_offset_ns": self.head_ns,
                "pieces": pieces,
                "end_offset_ns": self.end_ns,
                "end": self.end,
            },
        });
        format!("{line}\n")
    }
}

fn cassette(recorded: &[Recorded]) -> Cassette {
    let server = json!({
        "product": "ollama", "version": "0.9.9", "model": "m",
        "context_length": 2048, "quantization": "Q4_1",
    });
    let mut text = json!({"schema": "tachograph-cassette/1", "server": server}).to_string() + "\n";
    for one in recorded {
        text.push_str(&one.line());
    }
    Cassette::parse(text.as_bytes()).unwrap()
}

fn play(recorded: &[Recorded], speed: Speed, repeats: Repeats) -> RunningServer {
    let engine = EngineConfig::Cassette(CassetteConfig {
        cassette: Arc::new(cassette(recorded)),
        speed,
        repeats,
    });
    let config = ServeConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], engine };
    start(&config).unwrap().remove(0)
}

/// The pieces' deadlines of the last request, from the instant at which it had come.
fn deadlines(server: &RunningServer) -> Vec<(SendKind, u64)> {
    let record = server.requests().pop().unwrap();
    let of_it = |send: &SendRecord| send.request == record.request;
    let sends: Vec<SendRecord> = server.sends().into_iter().filter(of_it).collect();
    for send in &sends {
        assert!(send.sent_ns >= send.deadline_ns.unwrap(), "{send:?} left early");
    }
    sends.iter().map(|it| (it.kind, it.deadline_ns.unwrap() - record.received_ns)).collect()
}

fn asked(server: &RunningServer, recorded: &Recorded) -> Answer {
    post(server, recorded.path, &recorded.request)
}

#[test]
fn bytes_and_pieces_are_those_that_were_recorded_at_their_instants() {
    let one = Recorded::stream("hello", ["Hel", "lo", " there"]);
    let server = play(&[one], Speed::Times(1.0), Repeats::First);
    // The order of keys and white space do not tell requests apart.
    let body = "{ \"options\":{\"seed\":1}, \"prompt\":\"hello\", \"model\":\"m\" }";
    let answer = ask(&server, "POST", "/api/generate", body);
    assert_eq!(answer.status, 200, "{}", answer.body);
    let expected: Vec<String> =
        ["Hel", "lo", " there"].iter().map(|it| format!("{{\"response\":\"{it}\"}}\n")).collect();
    assert_eq!(answer.chunks, expected);
    assert!(answer.complete);
    assert!(answer.has_header("content-type: application/x-ndjson"), "{}", answer.head);
    assert!(answer.has_header("x-of-the-server: kept"), "{}", answer.head);
    let due = [2_000_000, 3_000_001, 9_000_000].map(|it| (SendKind::Recorded, it));
    assert_eq!(deadlines(&server), due);
    let record = server.requests().pop().unwrap();
    assert_eq!((record.cassette_line, record.outcome), (Some(2), RequestOutcome::Completed));
}

#[test]
fn speed_scales_the_instants_and_nothing_else() {
    for (speed, due) in [
        (Speed::Times(2.0), [1_000_000, 1_500_001, 4_500_000]),
        (Speed::Times(0.5), [4_000_000, 6_000_002, 18_000_000]),
        (Speed::Max, [0, 0, 0]),
    ] {
        let one = Recorded::stream("hello", ["a", "b", "c"]);
        let server = play(std::slice::from_ref(&one), speed, Repeats::First);
        let answer = asked(&server, &one);
        assert_eq!(answer.lines().len(), 3);
        assert_eq!(deadlines(&server), due.map(|it| (SendKind::Recorded, it)), "{speed:?}");
    }
}

#[test]
fn a_head_that_came_first_leaves_first() {
    let one = Recorded { head_ns: 500_000, ..Recorded::stream("hello", ["a", "b", "c"]) };
    let server = play(std::slice::from_ref(&one), Speed::Times(1.0), Repeats::First);
    asked(&server, &one);
    let due = deadlines(&server);
    assert_eq!(due[..2], [(SendKind::Head, 500_000), (SendKind::Recorded, 2_000_000)]);
}

#[test]
fn one_recorded_twice_is_played_first_or_in_turn() {
    let twice = [Recorded::stream("x", ["1", "", ""]), Recorded::stream("x", ["2", "", ""])];
    let words = |repeats: Repeats| -> Vec<Value> {
        let server = play(&twice, Speed::Max, repeats);
        let play_one = |_| asked(&server, &twice[0]).lines()[0]["response"].clone();
        let mut words: Vec<Value> = (0..3).map(play_one).collect();
        post(&server, "/tachograph/reset", &json!({}));
        words.push(play_one(0));
        words
    };
    assert_eq!(words(Repeats::First), ["1", "1", "1", "1"]);
    assert_eq!(words(Repeats::Cycle), ["1", "2", "1", "1"], "and from the first after a reset");
}

#[test]
fn what_was_not_recorded_gets_the_nearest_and_where_it_differs() {
    let recorded = [
        Recorded::stream("tell me of cats", ["a", "b", "c"]),
        Recorded::stream("tell me of dogs", ["a", "b", "c"]),
        Recorded {
            path: "/v1/chat/completions",
            request: json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]}),
            ..Recorded::stream("", ["a", "b", "c"])
        },
    ];
    let server = play(&recorded, Speed::Max, Repeats::First);
    let mut request = recorded[1].request.clone();
    request["options"] = json!({"seed": 2, "num_ctx": 512});
    let answer = post(&server, "/api/generate", &request);
    assert_eq!(answer.status, 404);
    let said = answer.json()["error"].as_str().unwrap().to_owned();
    for part in [
        "the cassette has no such request: POST /api/generate",
        "the nearest recorded one is that of line 3",
        "/options/seed is 2, recorded is 1",
        "/options/num_ctx is 512, recorded is absent",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    request = json!({"model": "m", "prompt": "tell me of cuts", "options": {"seed": 1}});
    let said = post(&server, "/api/generate", &request).body;
    assert!(said.contains("line 2; /prompt differs from byte 12 on"), "{said}");
    // OpenAI's routes have errors of OpenAI's shape.
    request = json!({"model": "m", "messages": [{"role": "user", "content": "ho"}]});
    let answer = post(&server, "/v1/chat/completions", &request);
    assert_eq!(answer.status, 404);
    let error = answer.json()["error"].clone();
    let said = error["message"].as_str().unwrap();
    assert!(said.contains("line 4; /messages/0/content differs from byte 1 on"), "{said}");
    assert_eq!(error["type"], "not_found_error", "{error}");
    // A route of its own is told by its name.
    let said = post(&server, "/v1/embeddings", &json!({"model": "m"})).json()["error"].to_string();
    assert!(said.contains("POST /v1/embeddings; the nearest recorded one is"), "{said}");
    let ends: Vec<RequestOutcome> = server.requests().iter().map(|it| it.outcome).collect();
    assert_eq!(ends, [RequestOutcome::Failed; 4]);
}

#[test]
fn errors_and_whole_answers_are_played_as_they_were() {
    let busy = Recorded {
        status: 503,
        content_type: "application/json",
        pieces: vec![(2_000_000, json!({"text": "{\"error\":\"busy\"}"}))],
        ..Recorded::stream("x", [""; 3])
    };
    let empty = Recorded { status: 204, pieces: Vec::new(), ..Recorded::stream("y", [""; 3]) };
    let recorded = [busy, empty];
    let server = play(&recorded, Speed::Max, Repeats::First);
    let answer = asked(&server, &recorded[0]);
    assert_eq!((answer.status, &*answer.body), (503, "{\"error\":\"busy\"}"));
    assert!(answer.has_header("content-length: 16") && answer.complete, "{}", answer.head);
    let answer = asked(&server, &recorded[1]);
    assert_eq!((answer.status, &*answer.body), (204, ""));
}

#[test]
fn an_answer_that_was_cut_is_cut() {
    let one = Recorded { end: "cut", ..Recorded::stream("x", ["a", "b", "c"]) };
    let server = play(std::slice::from_ref(&one), Speed::Max, Repeats::First);
    let answer = asked(&server, &one);
    assert_eq!(answer.chunks.len(), 3, "{}", answer.body);
    assert!(!answer.complete, "the end never comes");
    assert_eq!(server.requests().pop().unwrap().outcome, RequestOutcome::Fault);
}

#[test]
fn bytes_that_are_no_text_are_played() {
    // 0xff is in no UTF-8.
    let one = Recorded {
        pieces: vec![(2_000_000, json!({"base64": "/wA="}))],
        ..Recorded::stream("x", [""; 3])
    };
    let server = play(std::slice::from_ref(&one), Speed::Max, Repeats::First);
    let mut socket = connect(&server);
    send(&mut socket, "POST", one.path, one.request.to_string().as_bytes());
    let bytes = read_all(&mut socket);
    assert!(bytes.ends_with(b"\r\n\r\n\xff\x00"), "{bytes:?}");
}

#[test]
fn a_connection_carries_one_answer_after_the_other() {
    let recorded = [Recorded::stream("x", ["1", "2", "3"]), Recorded::stream("y", ["4", "5", "6"])];
    let server = play(&recorded, Speed::Max, Repeats::First);
    let mut socket = connect(&server);
    let mut read = String::new();
    for one in recorded.iter().chain(&recorded) {
        let body = one.request.to_string();
        let head = format!(
            "POST {} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            one.path,
            body.len()
        );
        socket.write_all((head + &body).as_bytes()).unwrap();
        // The last chunk ends the answer.
        let mut block = [0; 4096];
        while !read.ends_with("\r\n0\r\n\r\n") {
            let length = socket.read(&mut block).unwrap();
            assert_ne!(length, 0, "the server hung up after {read}");
            read.push_str(&String::from_utf8_lossy(&block[..length]));
        }
        let words: Vec<String> =
            parse(read.as_bytes()).lines().iter().map(|it| it["response"].to_string()).collect();
        let expected =
            if one.request["prompt"] == "x" { "\"1\"\"2\"\"3\"" } else { "\"4\"\"5\"\"6\"" };
        assert_eq!(words.concat(), expected);
        read.clear();
    }
}

#[test]
fn the_server_tells_what_it_played_for() {
    let one = Recorded::stream("x", ["a", "b", "c"]);
    let server = play(std::slice::from_ref(&one), Speed::Max, Repeats::First);
    assert_eq!(get(&server, "/api/version").json()["version"], "0.9.9");
    let tags = get(&server, "/api/tags").json();
    assert_eq!(tags["models"][0]["name"], "m");
    let digest = tags["models"][0]["digest"].as_str().unwrap().to_owned();
    assert_eq!(digest, cassette(std::slice::from_ref(&one)).sha256.to_string());
    assert_eq!(get(&server, "/v1/models").json()["data"][0]["id"], "m");
    let show = post(&server, "/api/show", &json!({"model": "m"})).json();
    assert_eq!(show["details"]["quantization_level"], "Q4_1");
    let about = get(&server, "/tachograph").json();
    assert_eq!((&about["engine"], &about["requests_inside"]), (&json!("cassette"), &json!(0)));
    // A model is loaded by being used, and by a request without a prompt, as in Ollama.
    let loaded = || get(&server, "/api/ps").json()["models"].as_array().unwrap().len();
    assert_eq!(loaded(), 0);
    asked(&server, &one);
    assert_eq!(loaded(), 1);
    let unload = json!({"model": "m", "keep_alive": 0});
    assert_eq!(post(&server, "/api/generate", &unload).json()["done_reason"], "unload");
    assert_eq!(loaded(), 0);
    assert_eq!(
        post(&server, "/api/generate", &json!({"model": "m"})).json()["done_reason"],
        "load"
    );
    assert_eq!(loaded(), 1);
    assert_eq!(post(&server, "/tachograph/unload", &json!({})).status, 200);
    assert_eq!(loaded(), 0);
    let wrong = post(&server, "/tachograph/config", &json!({"output_token_ns": 1}));
    assert_eq!(wrong.status, 404, "that is a simulated server's: {}", wrong.body);
}

#[test]
fn clients_do_not_wait_for_each_other() {
    let recorded: Vec<Recorded> = (0..64)
        .map(|number| Recorded::stream(&format!("prompt {number}"), ["a", "b", "c"]))
        .collect();
    let server = play(&recorded, Speed::Times(1.0), Repeats::First);
    let answers: Vec<Answer> = thread::scope(|scope| {
        let asking: Vec<_> =
            recorded.iter().map(|one| scope.spawn(|| asked(&server, one))).collect();
        asking.into_iter().map(|it| it.join().unwrap()).collect()
    });
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.chunks.len() == 3));
    // Each is due by its own request alone.
    for record in server.requests() {
        let sends = server.sends();
        let last = sends.iter().rfind(|send| send.request == record.request).unwrap();
        assert_eq!(last.deadline_ns, Some(record.received_ns + 9_000_000));
    }
}

#[test]
fn a_client_that_leaves_is_no_fault() {
    let one = Recorded {
        pieces: vec![(1_000_000, json!({"text": "a"})), (3_600_000_000_000, json!({"text": "b"}))],
        end_ns: 3_600_000_000_000,
        ..Recorded::stream("x", [""; 3])
    };
    let one = Recorded { head_ns: 1_000_000, ..one };
    let server = play(std::slice::from_ref(&one), Speed::Times(1.0), Repeats::First);
    let mut socket = connect(&server);
    send(&mut socket, "POST", one.path, one.request.to_string().as_bytes());
    let mut head = String::new();
    let mut block = [0; 512];
    while !head.contains("\r\n\r\n1\r\na") {
        let length = socket.read(&mut block).unwrap();
        write!(head, "{}", String::from_utf8_lossy(&block[..length])).unwrap();
    }
    drop(socket);
    while server.requests().is_empty() {
        thread::yield_now();
    }
    assert_eq!(server.requests()[0].outcome, RequestOutcome::Cancelled);
}
