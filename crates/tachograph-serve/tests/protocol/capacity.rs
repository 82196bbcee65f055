//! Requests served at once slow each other down as the configuration says.
//!
//! Requests that stall for ever stay in service for as long as the test wants,
//! so that how many there are does not depend on who is scheduled when.

use std::io::Read;
use std::net::TcpStream;

use serde_json::{Value, json};
use tachograph_serve::{
    Capacity, FaultRule, RequestOutcome, RequestRecord, RunningServer, SendKind, SimulatedConfig,
};

use crate::http::{connect, get, parse, post, quick, read_all, send, serve};

const MODEL: &str = "tachograph-sim:1b";
const PROMPT_NS: u64 = 300_000;
const TOKEN_NS: u64 = 100_000;
const FINAL_NS: u64 = 40_000;

/// Each capacity, with what the second, third, … stream adds to the time that
/// one alone takes, in quarters.
const MODELS: [(Capacity, f64, u64); 4] = [
    (Capacity::Independent, 0.25, 0),
    (Capacity::Shared, 0.25, 4),
    (Capacity::Slowdown, 0.25, 1),
    (Capacity::Slowdown, 1.0, 4),
];

fn config(capacity: Capacity, slowdown_per_stream: f64) -> SimulatedConfig {
    SimulatedConfig {
        capacity,
        slowdown_per_stream,
        num_parallel: 8,
        prompt_base_ns: PROMPT_NS,
        prompt_token_ns: 0,
        output_token_ns: TOKEN_NS,
        final_delay_ns: FINAL_NS,
        fill_num_predict: true,
        ..quick()
    }
}

/// A fault that strikes the first `times` requests.
fn first(times: u64, fault: &Value, after_chunks: u32) -> Vec<FaultRule> {
    let rule = json!({"fault": fault, "after_chunks": after_chunks, "times": times});
    vec![serde_json::from_value(rule).unwrap()]
}

fn body(n_tokens: u64) -> Value {
    json!({"model": MODEL, "prompt": "x", "options": {"num_predict": n_tokens}})
}

fn begin(server: &RunningServer, n_tokens: u64) -> TcpStream {
    let mut socket = connect(server);
    send(&mut socket, "POST", "/api/generate", body(n_tokens).to_string().as_bytes());
    socket
}

/// Begins a request and returns once its first chunk is there.
fn begin_and_see(server: &RunningServer, n_tokens: u64) -> TcpStream {
    let mut socket = begin(server, n_tokens);
    assert!(socket.read(&mut [0; 16]).unwrap() > 0);
    socket
}

fn inside(server: &RunningServer) -> u64 {
    get(server, "/tachograph").json()["requests_inside"].as_u64().unwrap()
}

fn record(server: &RunningServer, request: u64) -> RequestRecord {
    server.requests().into_iter().find(|record| record.request == request).unwrap()
}

/// When the pieces of a request were due, the final record included.
fn due(server: &RunningServer, request: u64) -> Vec<u64> {
    let sends = server.sends();
    let sends = sends.iter().filter(|send| send.request == request);
    sends.map(|send| send.deadline_ns.unwrap()).collect()
}

/// When a completed request was in service from.
fn service_began(record: &RequestRecord) -> u64 {
    record.received_ns + record.load_ns + record.queue_ns
}

/// Asserts that a request was served `quarters / 4` times as slowly as one alone.
fn check_pace(server: &RunningServer, request: u64, n_tokens: u64, quarters: u64, answer: &Value) {
    let record = record(server, request);
    let slow = |service_ns: u64| service_ns * quarters / 4;
    let number = |key: &str| answer[key].as_u64().unwrap();
    assert_eq!(number("prompt_eval_duration"), slow(PROMPT_NS), "{quarters}, {record:?}");
    assert_eq!(number("eval_duration"), slow(n_tokens * TOKEN_NS), "{quarters}, {record:?}");
    let rest = number("total_duration")
        - number("load_duration")
        - number("prompt_eval_duration")
        - number("eval_duration");
    assert_eq!(rest, record.queue_ns + slow(FINAL_NS), "{quarters}, {record:?}");
    let begin_ns = service_began(&record);
    let pieces = (1..=n_tokens).map(|n| slow(PROMPT_NS + n * TOKEN_NS));
    let expected: Vec<u64> = pieces
        .chain([slow(PROMPT_NS + n_tokens * TOKEN_NS + FINAL_NS)])
        .map(|offset_ns| begin_ns + offset_ns)
        .collect();
    assert_eq!(due(server, request), expected, "{quarters}, {record:?}");
}

#[test]
fn with_n_streams_in_service_each_has_the_stated_speed() {
    for (capacity, slowdown_per_stream, quarters) in MODELS {
        for n_others in 0..=5 {
            let faults = first(n_others, &json!({"kind": "stall"}), 1);
            let server = serve(SimulatedConfig { faults, ..config(capacity, slowdown_per_stream) });
            let others: Vec<TcpStream> =
                (0..n_others).map(|_| begin_and_see(&server, 10)).collect();
            let answer = post(&server, "/api/generate", &body(7)).last();
            check_pace(&server, n_others + 1, 7, 4 + quarters * n_others, &answer);
            drop(others);
        }
    }
}

#[test]
fn who_waits_for_a_slot_does_not_count() {
    let faults = first(2, &json!({"kind": "stall"}), 1);
    let config = config(Capacity::Shared, 0.25);
    let server = serve(SimulatedConfig { faults, num_parallel: 2, ..config });
    let held = [begin_and_see(&server, 10), begin_and_see(&server, 10)];
    let waiting: Vec<TcpStream> = (0..3)
        .map(|n_before| {
            let socket = begin(&server, 7);
            while inside(&server) != 3 + n_before {}
            socket
        })
        .collect();
    let [leaves, stays] = held;
    drop(leaves);
    for (request, mut socket) in (3..).zip(waiting) {
        let answer = parse(&read_all(&mut socket)).last();
        check_pace(&server, request, 7, 8, &answer);
        assert!(record(&server, request).queue_ns > 0);
    }
    drop(stays);
}

#[test]
fn a_client_that_leaves_gives_its_share_back_at_once() {
    let faults = first(1, &json!({"kind": "stall"}), 1);
    let server = serve(SimulatedConfig { faults, ..config(Capacity::Shared, 0.25) });
    let leaves = begin_and_see(&server, 10);
    let stays = begin_and_see(&server, 100_000);
    drop(leaves);
    let gaps = loop {
        let due = due(&server, 2);
        let gaps: Vec<u64> = due.windows(2).map(|pair| pair[1] - pair[0]).collect();
        if gaps.len() > 3 && gaps[gaps.len() - 3..].iter().all(|gap| *gap == TOKEN_NS) {
            break gaps;
        }
        assert!(server.requests().iter().all(|record| record.request == 1), "never faster");
    };
    drop(stays);
    let slow = gaps.iter().take_while(|gap| **gap == 2 * TOKEN_NS).count();
    let between = &gaps[slow];
    assert!((TOKEN_NS..=2 * TOKEN_NS).contains(between), "{gaps:?}");
    assert!(gaps[slow + 1..].iter().all(|gap| *gap == TOKEN_NS), "{gaps:?}");
    while inside(&server) != 0 {}
    let answer = post(&server, "/api/generate", &body(7)).last();
    check_pace(&server, 3, 7, 4, &answer);
}

#[test]
fn who_waits_for_a_piece_is_woken_when_another_leaves() {
    let faults = first(1, &json!({"kind": "stall"}), 1);
    // Beside another stream the first token would take a minute and more.
    let config = config(Capacity::Slowdown, 1e6);
    let server = serve(SimulatedConfig { faults, prompt_base_ns: 0, ..config });
    let leaves = begin_and_see(&server, 10);
    let body = json!({"model": MODEL, "stream": true, "max_tokens": 5,
        "messages": [{"role": "user", "content": "x"}]});
    let mut stays = connect(&server);
    send(&mut stays, "POST", "/v1/chat/completions", body.to_string().as_bytes());
    // The chunk with the role comes after the prompt, which takes no time.
    assert!(stays.read(&mut [0; 16]).unwrap() > 0);
    drop(leaves);
    let rest = read_all(&mut stays);
    assert!(String::from_utf8_lossy(&rest).contains("[DONE]"));
}

/// One stream of those that [`expected_instants`] serves.
struct Stream {
    begin_ns: u64,
    /// Amounts of service at which something is due, ascending; at the last one
    /// the stream leaves.
    marks: Vec<u64>,
}

/// Serves streams from event to event, by what each has received, and returns
/// when it reaches its marks.
fn expected_instants(streams: &[Stream], quarters: u64) -> Vec<Vec<f64>> {
    let zero_ns = streams.iter().map(|stream| stream.begin_ns).min().unwrap();
    let began = |stream: &Stream| (stream.begin_ns - zero_ns) as f64;
    let mut received = vec![0.0; streams.len()];
    let mut reached: Vec<Vec<f64>> = vec![Vec::new(); streams.len()];
    let mut now = 0.0;
    while (0..streams.len()).any(|index| reached[index].len() < streams[index].marks.len()) {
        let served: Vec<usize> = (0..streams.len())
            .filter(|index| began(&streams[*index]) <= now)
            .filter(|index| reached[*index].len() < streams[*index].marks.len())
            .collect();
        let cost = 1.0 + quarters as f64 / 4.0 * (served.len() as f64 - 1.0);
        let later = streams.iter().map(began).filter(|time| *time > now);
        let mark =
            |index: usize, reached: &[Vec<f64>]| streams[index].marks[reached[index].len()] as f64;
        let due = served.iter().map(|i| now + (mark(*i, &reached) - received[*i]) * cost);
        let next = later.chain(due).fold(f64::INFINITY, f64::min);
        for index in served {
            let missing = mark(index, &reached) - received[index];
            received[index] += (next - now) / cost;
            if now + missing * cost <= next + 1e-3 {
                reached[index].push(next);
            }
        }
        now = next;
    }
    let since = |times: &Vec<f64>| times.iter().map(|time| time + zero_ns as f64).collect();
    reached.iter().map(since).collect()
}

fn marks(n_tokens: u64) -> Vec<u64> {
    let pieces = (1..=n_tokens).map(|n| PROMPT_NS + n * TOKEN_NS);
    pieces.chain([PROMPT_NS + n_tokens * TOKEN_NS + FINAL_NS]).collect()
}

/// Asserts that instants agree to a rounding.
fn check_instants(got: &[u64], expected: &[f64], what: &str) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let difference = |(got, expected): (&u64, &f64)| (*got as f64 - expected).abs();
    let worst = got.iter().zip(expected).map(difference).fold(0.0, f64::max);
    // Half from rounding to whole nanoseconds; instants near 1e15 ns have steps
    // of an eighth in this arithmetic.
    assert!(worst <= 1.0, "{what}: {worst} ns off, {got:?}, {expected:?}");
}

#[test]
fn requests_at_once_end_when_their_beginnings_say() {
    for (capacity, slowdown_per_stream, quarters) in MODELS {
        let server = serve(config(capacity, slowdown_per_stream));
        let lengths = [40, 40, 100, 7, 60, 1, 40, 25];
        // All wait for the same load, so that they begin close together.
        let sockets: Vec<TcpStream> =
            lengths.iter().map(|n_tokens| begin(&server, *n_tokens)).collect();
        let answers: Vec<Value> =
            sockets.into_iter().map(|mut socket| parse(&read_all(&mut socket)).last()).collect();
        let records = server.requests();
        let streams: Vec<Stream> = records
            .iter()
            .map(|record| Stream {
                begin_ns: service_began(record),
                marks: marks(record.output_tokens),
            })
            .collect();
        let expected = expected_instants(&streams, quarters);
        for ((record, stream), expected) in records.iter().zip(&streams).zip(&expected) {
            let got = due(&server, record.request);
            check_instants(&got, expected, &format!("{capacity:?}, {record:?}"));
            let last_token_ns = got[got.len() - 2];
            let spent_ns = last_token_ns - stream.begin_ns;
            assert_eq!(record.prompt_ns + record.eval_ns, spent_ns, "{record:?}");
            let is_it = |answer: &&Value| answer["eval_duration"] == record.eval_ns;
            assert!(answers.iter().any(|answer| is_it(&answer)), "{record:?}");
        }
    }
}

#[test]
fn a_cut_answer_gives_its_share_back_at_the_cut() {
    let faults = ["truncate", "drop", "reset", "error"];
    for kind in faults {
        let fault = match kind {
            "error" => json!({"kind": kind, "message": "x"}),
            _ => json!({"kind": kind}),
        };
        let faults = first(1, &fault, 200);
        let server = serve(SimulatedConfig { faults, ..config(Capacity::Shared, 0.25) });
        // It finds the server empty, so its service begins when it is loaded.
        let mut cut = begin_and_see(&server, 1_000);
        let answer = post(&server, "/api/generate", &body(400)).last();
        read_all(&mut cut);
        let cut_record = record(&server, 1);
        assert_ne!(cut_record.outcome, RequestOutcome::Completed);
        let whole = record(&server, 2);
        let streams = [
            // The piece that never came was to be the 201st.
            Stream {
                begin_ns: service_began(&cut_record),
                marks: (1..=201).map(|n| PROMPT_NS + n * TOKEN_NS).collect(),
            },
            Stream { begin_ns: service_began(&whole), marks: marks(400) },
        ];
        let expected = expected_instants(&streams, 4);
        check_instants(&due(&server, 2), &expected[1], kind);
        assert_eq!(answer["eval_duration"], whole.eval_ns);
        let alone = post(&server, "/api/generate", &body(7)).last();
        check_pace(&server, 3, 7, 4, &alone);
    }
}

#[test]
fn a_request_alone_is_served_the_same_whatever_the_capacity() {
    let cases = [
        json!({"num_predict": 40}),
        json!({"num_predict": 200, "stop": ["findings"], "seed": 3}),
        json!({"num_predict": 200, "stop": ["never said"]}),
    ];
    let faults: [&[Value]; 4] = [
        &[],
        &[json!({"fault": {"kind": "stall", "for_ns": 3_000_000}, "after_chunks": 3})],
        &[json!({"fault": {"kind": "malformed"}, "after_chunks": 2})],
        &[json!({"fault": {"kind": "wrong_usage", "delta": 5}})],
    ];
    for options in &cases {
        for faults in faults {
            let seen = MODELS.map(|(capacity, slowdown_per_stream, _)| {
                let faults =
                    faults.iter().map(|rule| serde_json::from_value(rule.clone()).unwrap());
                let server = serve(SimulatedConfig {
                    faults: faults.collect(),
                    jitter_ns: 250_000,
                    tokens_per_chunk: 3,
                    thinking_tokens: 4,
                    prompt_token_ns: 1_001,
                    request_noise_fraction: 0.3,
                    ..config(capacity, slowdown_per_stream)
                });
                let body = json!({"model": MODEL, "prompt": "x", "options": options});
                let answer = post(&server, "/api/generate", &body);
                let record = record(&server, 1);
                let begin_ns = service_began(&record);
                let due: Vec<(SendKind, u64)> = server
                    .sends()
                    .iter()
                    .map(|send| (send.kind, send.deadline_ns.unwrap() - begin_ns))
                    .collect();
                let text: Vec<String> = answer
                    .body
                    .lines()
                    .filter_map(|line| serde_json::from_str::<Value>(line).ok())
                    .map(|line| line["response"].to_string())
                    .collect();
                (due, text, record.queue_ns, record.prompt_ns, record.eval_ns)
            });
            for other in &seen[1..] {
                assert_eq!(other, &seen[0], "{options}, {faults:?}");
            }
        }
    }
}

#[test]
fn capacity_is_changed_while_the_server_runs_and_checked() {
    let server = serve(config(Capacity::Independent, 0.25));
    let change = |change: Value| post(&server, "/tachograph/config", &change);
    assert_eq!(change(json!({"capacity": "shared"})).json()["capacity"], "shared");
    change(json!({"faults": first(1, &json!({"kind": "stall"}), 1)}));
    let other = begin_and_see(&server, 10);
    let answer = post(&server, "/api/generate", &body(7)).last();
    check_pace(&server, 2, 7, 8, &answer);
    // Those under way keep what they have and do not count among the new ones.
    change(json!({"capacity": "slowdown", "slowdown_per_stream": 3, "faults": []}));
    let answer = post(&server, "/api/generate", &body(7)).last();
    check_pace(&server, 3, 7, 4, &answer);
    drop(other);
    for (wrong, message) in [
        (json!({"capacity": "sharde"}), "unknown variant `sharde`, expected one of"),
        (json!({"slowdown_per_stream": -0.5}), "slowdown_per_stream is -0.5; it must be from 0"),
        (json!({"slowdown_per_stream": 1e300}), "slowdown_per_stream is 1"),
        (json!({"slowdown_per_stream": "x"}), "invalid type: string"),
    ] {
        let answer = change(wrong);
        assert_eq!(answer.status, 400);
        assert!(answer.body.contains(message), "{}", answer.body);
    }
    let nan = config(Capacity::Slowdown, f64::NAN).check().unwrap_err();
    assert_eq!(nan.to_string(), "slowdown_per_stream is NaN; it must be from 0 to 1000000");
}
