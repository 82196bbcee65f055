//! The client against scripted servers on loopback: every status, every fault.

#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

mod scripted;

use std::sync::mpsc;
use std::thread;

use scripted::{Connection, LAST_CHUNK, Server, answer, chunk, chunked_head};
use tachograph_model::call::CallRecord;
use tachograph_model::event::{CallStatus, Chunk, ChunkKind, Event, Stage};
use tachograph_model::plan::{Api, ConnectionMode, Timeouts};
use tachograph_model::units::DurationNs;
use tachograph_run::client::{CallSpec, CallTrace, Client, Driver, Endpoint, Secret, Stop};
use tachograph_run::clock;

const NDJSON: &str = "application/x-ndjson";
const SSE: &str = "text/event-stream";

fn spec(endpoint: &Endpoint, api: Api) -> CallSpec {
    CallSpec {
        call: 7,
        stage: Stage::Analysis,
        server: "main".to_owned(),
        endpoint: endpoint.clone(),
        api,
        body: r#"{"model":"m","prompt":"n0nce hello","stream":true}"#.to_owned(),
        nonce: Some("n0nce ".to_owned()),
        connection: ConnectionMode::Fresh,
        timeouts: Timeouts::default(),
        secret: None,
        planned: None,
    }
}

fn call(spec: CallSpec) -> CallRecord {
    Client::new(Stop::new().unwrap()).unwrap().call(spec, &mut |_| {})
}

/// Makes one call to a server that reads the request and then does as scripted.
fn call_scripted(
    api: Api,
    change: impl FnOnce(&mut CallSpec),
    mut script: impl FnMut(&mut Connection) + Send + 'static,
) -> CallRecord {
    let server = Server::start(1, move |_, connection| {
        connection.request().unwrap();
        script(connection);
    });
    let mut spec = spec(&server.endpoint, api);
    change(&mut spec);
    let record = call(spec);
    server.join();
    record
}

fn kinds(record: &CallRecord) -> Vec<ChunkKind> {
    record.chunks.iter().map(|chunk| chunk.kind).collect()
}

#[test]
fn an_ollama_stream_becomes_a_record() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        sender.send(connection.request().unwrap()).unwrap();
        connection.send(chunked_head(NDJSON));
        connection.send(chunk("{\"response\":\"Hel\",\"done\":false}\n"));
        connection.send(chunk("{\"response\":\"lo\",\"done\":false}\n"));
        connection.send(chunk(
            "{\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"total_duration\":9,\"eval_count\":2}\n",
        ));
        connection.send(LAST_CHUNK);
    });
    let mut events = Vec::new();
    let mut client = Client::new(Stop::new().unwrap()).unwrap();
    let record = client.call(spec(&server.endpoint, Api::OllamaGenerate), &mut |event| {
        events.push(event);
    });
    server.join();

    let request = receiver.recv().unwrap();
    assert!(request.starts_with("POST /api/generate HTTP/1.1\r\nHost: 127.0.0.1:"), "{request}");
    assert!(request.ends_with(&record.sent.request));
    assert_eq!(record.finished.status, CallStatus::Completed, "{record:?}");
    assert_eq!(record.text(), "Hello");
    assert_eq!(kinds(&record), [ChunkKind::Content, ChunkKind::Content, ChunkKind::Final]);
    assert_eq!(record.finished.usage.output_tokens, Some(2));
    assert_eq!(record.finished.usage.prompt_tokens, Some(0), "a zero is left out");
    assert_ne!(record.sent.request_sha256, record.sent.parity_sha256);

    let sent = &record.sent;
    let instants = [
        Some(sent.planned_ns),
        sent.connect_ns,
        sent.connected_ns,
        sent.sent_ns,
        record.finished.header_ns,
        record.chunks.first().map(Chunk::stamp),
        record.chunks.last().map(Chunk::stamp),
        Some(record.finished.end_ns),
    ];
    assert!(instants.iter().all(Option::is_some), "{record:?}");
    assert!(instants.is_sorted(), "{instants:?}");

    assert_eq!(events.len(), 5);
    assert_eq!(events[0], Event::CallSent(record.sent.clone()));
    assert_eq!(events[4], Event::CallFinished(record.finished.clone()));
}

#[test]
fn each_server_fault_is_called_what_it_is() {
    let piece = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
    let begin = format!("{}{}", chunked_head(SSE), chunk(piece));
    let cases: [(&str, String, CallStatus, &str); 8] = [
        ("clean end", format!("{begin}{LAST_CHUNK}"), CallStatus::Truncated, "final record"),
        ("cut", begin.clone(), CallStatus::Truncated, "inside the answer's body"),
        ("cut head", "HTTP/1.1 200 OK\r\nA".to_owned(), CallStatus::Truncated, "head"),
        ("silence", String::new(), CallStatus::Truncated, "without an answer"),
        (
            "malformed",
            format!(
                "{begin}{}{}{LAST_CHUNK}",
                chunk("data: {\"cho\n\n"),
                chunk("data: [DONE]\n\n")
            ),
            CallStatus::Malformed,
            "chunk 1",
        ),
        (
            "error event",
            format!("{begin}{}{LAST_CHUNK}", chunk("data: {\"error\":{\"message\":\"oom\"}}\n\n")),
            CallStatus::HttpError,
            "oom",
        ),
        (
            "status",
            answer("500 Oh", "application/json", "{\"error\":{\"message\":\"boom\"}}"),
            CallStatus::HttpError,
            "HTTP 500: boom",
        ),
        ("not HTTP", "220 smtp ready\r\n".to_owned(), CallStatus::Malformed, "HTTP server"),
    ];
    for (name, bytes, status, part) in cases {
        let record =
            call_scripted(Api::OpenaiChat, |_| {}, move |connection| connection.send(&bytes));
        let finished = &record.finished;
        assert_eq!(finished.status, status, "{name}: {finished:?}");
        assert!(finished.error.as_deref().unwrap().contains(part), "{name}: {finished:?}");
        assert_eq!(finished.n_chunks as usize, record.chunks.len());
        assert_eq!(record.sent.call, finished.call);
    }
}

#[test]
fn a_reset_inside_the_stream_is_a_truncation() {
    let server = Server::start(1, |_, connection| {
        // Closing with an unread request behind it resets the connection.
        connection.some();
        connection.send(chunked_head(NDJSON) + &chunk("{\"response\":\"a\",\"done\":false}\n"));
    });
    let record = call(spec(&server.endpoint, Api::OllamaGenerate));
    server.join();
    assert_eq!(record.finished.status, CallStatus::Truncated, "{:?}", record.finished);
}

type Change = fn(&mut Timeouts, f64);

#[test]
fn time_outs_name_what_was_awaited() {
    let begin = chunked_head(NDJSON) + &chunk("{\"response\":\"a\",\"done\":false}\n");
    let soon = 0.03;
    let cases: [(&str, String, Change, CallStatus, &str, usize); 4] = [
        (
            "no head",
            String::new(),
            |t, s| t.first_token_s = s,
            CallStatus::Timeout,
            "first_token_s",
            0,
        ),
        (
            "no body",
            chunked_head(NDJSON),
            |t, s| t.first_token_s = s,
            CallStatus::Timeout,
            "first_token_s",
            0,
        ),
        (
            "stall",
            begin.clone(),
            |t, s| t.between_chunks_s = s,
            CallStatus::Stalled,
            "between_chunks_s",
            1,
        ),
        ("endless", begin, |t, s| t.call_s = s, CallStatus::Timeout, "call_s", 1),
    ];
    for (name, bytes, change, status, part, n_chunks) in cases {
        let record = call_scripted(
            Api::OllamaGenerate,
            |spec| {
                // Whatever is not under test would be awaited for a day.
                let day = 86_400.0;
                spec.timeouts = Timeouts {
                    connect_s: day,
                    first_token_s: day,
                    between_chunks_s: day,
                    call_s: day,
                };
                change(&mut spec.timeouts, soon);
            },
            move |connection| {
                connection.send(&bytes);
                connection.await_close();
            },
        );
        let finished = &record.finished;
        assert_eq!(finished.status, status, "{name}: {finished:?}");
        assert!(finished.error.as_deref().unwrap().contains(part), "{name}: {finished:?}");
        assert_eq!(record.chunks.len(), n_chunks, "{name}");
        assert!(Some(finished.end_ns) > record.sent.sent_ns);
    }
}

#[test]
fn an_answer_that_is_whole_needs_no_end_of_its_body() {
    let record = call_scripted(
        Api::OllamaGenerate,
        |_| {},
        |connection| {
            connection.send(chunked_head(NDJSON) + &chunk("{\"response\":\"\",\"done\":true}\n"));
            connection.await_close();
        },
    );
    assert_eq!(record.finished.status, CallStatus::Completed);
    assert_eq!(record.finished.end_ns, record.chunks[0].stamp(), "the wait does not count");
}

#[test]
fn a_server_that_is_not_there_is_a_connect_error() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for url in [url.as_str(), "http://no-such-host.invalid"] {
        let mut n_events = 0;
        let mut client = Client::new(Stop::new().unwrap()).unwrap();
        let endpoint = Endpoint::parse(url).unwrap();
        let record = client.call(spec(&endpoint, Api::OpenaiChat), &mut |_| n_events += 1);
        assert_eq!(record.finished.status, CallStatus::ConnectError, "{:?}", record.finished);
        assert!(record.finished.error.as_deref().unwrap().contains(url));
        assert!(record.sent.connect_ns.is_some());
        assert_eq!((record.sent.connected_ns, record.sent.sent_ns), (None, None));
        assert_eq!(n_events, 2, "sent and finished all the same");
    }
}

#[test]
fn a_name_with_several_addresses_is_tried_until_one_answers() {
    let server = Server::start(1, |_, connection| {
        connection.request().unwrap();
        connection.send(answer("200 OK", NDJSON, "{\"response\":\"a\",\"done\":true}\n"));
    });
    // Where localhost is also ::1, nobody listens there.
    let endpoint = Endpoint::parse(&format!("http://localhost:{}", server.endpoint.port()));
    let record = call(spec(&endpoint.unwrap(), Api::OllamaGenerate));
    server.join();
    assert_eq!(record.finished.status, CallStatus::Completed, "{:?}", record.finished);
}

#[test]
fn stopping_cancels_what_runs_and_what_is_planned() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        connection.request().unwrap();
        connection.send(chunked_head(NDJSON) + &chunk("{\"response\":\"a\",\"done\":false}\n"));
        sender.send(()).unwrap();
        connection.await_close();
    });
    let stop = Stop::new().unwrap();
    let mut driver = Driver::new(stop.clone()).unwrap();
    driver.submit(spec(&server.endpoint, Api::OllamaGenerate));
    let later = clock::now().after(DurationNs(3_600_000_000_000));
    let planned =
        CallSpec { call: 8, planned: Some(later), ..spec(&server.endpoint, Api::OllamaGenerate) };
    driver.submit(planned);
    let stopper = thread::spawn(move || {
        receiver.recv().unwrap();
        stop.stop();
    });
    let mut traces = Vec::new();
    let mut n_sent = 0;
    while driver.n_pending() > 0 {
        traces.extend(driver.wait(None, &mut |_| n_sent += 1));
    }
    stopper.join().unwrap();
    server.join();
    let statuses: Vec<_> = traces.iter().map(|t| (t.finished.call, t.finished.status)).collect();
    assert_eq!(statuses, [(7, CallStatus::Cancelled), (8, CallStatus::Cancelled)]);
    assert_eq!(traces[1].sent.planned_ns, later);
    assert_eq!(traces[1].sent.sent_ns, None);
    assert_eq!(n_sent, 2);

    let mut client = Client::new(stopped()).unwrap();
    let record = client.call(spec(&server_nowhere(), Api::OllamaGenerate), &mut |_| {});
    assert_eq!(record.finished.status, CallStatus::Cancelled, "a stop is for good");
}

fn stopped() -> Stop {
    let stop = Stop::new().unwrap();
    stop.stop();
    stop
}

fn server_nowhere() -> Endpoint {
    Endpoint::parse("http://127.0.0.1:9").unwrap()
}

const WHOLE: &str = "{\"response\":\"a\",\"done\":true}\n";

fn keepalive_spec(endpoint: &Endpoint, call: u32) -> CallSpec {
    let spec = spec(endpoint, Api::OllamaGenerate);
    CallSpec { call, connection: ConnectionMode::Keepalive, ..spec }
}

#[test]
fn a_kept_connection_is_used_again_and_a_fresh_one_is_not() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(2, move |index, connection| {
        while let Some(request) = connection.request() {
            sender.send((index, request)).unwrap();
            connection.send(answer("200 OK", NDJSON, WHOLE));
        }
    });
    let mut client = Client::new(Stop::new().unwrap()).unwrap();
    for call in 0..3 {
        let record = client.call(keepalive_spec(&server.endpoint, call), &mut |_| {});
        assert_eq!(record.finished.status, CallStatus::Completed);
        let is_first = call == 0;
        let expected = if is_first { ConnectionMode::Fresh } else { ConnectionMode::Keepalive };
        assert_eq!(record.sent.connection, expected, "what happened, not what was asked");
        assert_eq!(record.sent.connect_ns.is_some(), is_first);
        assert_eq!(record.sent.connected_ns.is_some(), is_first);
    }
    drop(client);
    let record = call(spec(&server.endpoint, Api::OllamaGenerate));
    assert_eq!(record.sent.connection, ConnectionMode::Fresh);
    server.join();
    let seen: Vec<_> = receiver.iter().collect();
    let connections: Vec<usize> = seen.iter().map(|(index, _)| *index).collect();
    assert_eq!(connections, [0, 0, 0, 1]);
    assert!(seen[2].1.contains("Connection: keep-alive\r\n"));
    assert!(seen[3].1.contains("Connection: close\r\n"));
}

#[test]
fn a_kept_connection_that_the_server_closed_is_replaced() {
    for farewell in ["", "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"] {
        let (sender, receiver) = mpsc::channel();
        let server = Server::start(2, move |_, connection| {
            connection.request().unwrap();
            connection.send(answer("200 OK", NDJSON, WHOLE));
            connection.send(farewell);
            connection.close();
            sender.send(()).unwrap();
        });
        let mut client = Client::new(Stop::new().unwrap()).unwrap();
        let first = client.call(keepalive_spec(&server.endpoint, 0), &mut |_| {});
        assert_eq!(first.finished.status, CallStatus::Completed);
        receiver.recv().unwrap();
        let second = client.call(keepalive_spec(&server.endpoint, 1), &mut |_| {});
        assert_eq!(second.finished.status, CallStatus::Completed, "{:?}", second.finished);
        assert_eq!(second.sent.connection, ConnectionMode::Fresh);
        server.join();
    }
}

#[test]
fn connections_that_may_not_be_kept_are_not() {
    for bytes in [
        format!(
            "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{WHOLE}",
            WHOLE.len()
        ),
        format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{WHOLE}surplus", WHOLE.len()),
    ] {
        let server = Server::start(2, move |_, connection| {
            connection.request().unwrap();
            connection.send(&bytes);
            connection.await_close();
        });
        let mut client = Client::new(Stop::new().unwrap()).unwrap();
        for call in 0..2 {
            let record = client.call(keepalive_spec(&server.endpoint, call), &mut |_| {});
            assert_eq!(record.finished.status, CallStatus::Completed);
            assert_eq!(record.sent.connection, ConnectionMode::Fresh);
        }
        drop(client);
        server.join();
    }
}

#[test]
fn a_long_request_is_written_in_full_while_the_server_takes_its_time() {
    let prompt = "x".repeat(8 * 1_024 * 1_024);
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        let request = connection.request().unwrap();
        sender.send(request.len()).unwrap();
        connection.send(answer("200 OK", NDJSON, WHOLE));
    });
    let spec = CallSpec { body: prompt.clone(), ..spec(&server.endpoint, Api::OllamaGenerate) };
    let record = call(spec);
    server.join();
    assert_eq!(record.finished.status, CallStatus::Completed, "{:?}", record.finished);
    assert!(receiver.recv().unwrap() > prompt.len());
    assert_eq!(record.sent.request, prompt);
}

#[test]
fn an_early_refusal_of_a_long_request_is_heard() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        let head = connection.some();
        assert!(head.starts_with(b"POST"));
        connection.send(answer("413 Too Large", "application/json", "{\"error\":\"too long\"}"));
        // Read no further, so that the request cannot be written in full.
        receiver.recv().unwrap();
        connection.await_silence();
    });
    let body = "x".repeat(32 * 1_024 * 1_024);
    let mut client = Client::new(Stop::new().unwrap()).unwrap();
    let spec = CallSpec { body, ..keepalive_spec(&server.endpoint, 0) };
    let record = client.call(spec, &mut |_| {});
    sender.send(()).unwrap();
    // The rest of the request was never sent, so the connection is not kept.
    server.join();
    drop(client);
    assert_eq!(record.finished.status, CallStatus::HttpError, "{:?}", record.finished);
    assert_eq!(record.finished.http_status, Some(413));
}

#[test]
fn many_calls_share_one_thread_and_keep_apart() {
    let n_calls = 40;
    let server = Server::start_concurrent(n_calls, |connection| {
        let request = connection.request().unwrap();
        let body = request.split_once("\r\n\r\n").unwrap().1.to_owned();
        connection.send(chunked_head(NDJSON));
        for part in body.split(' ') {
            connection.send(chunk(&format!("{{\"response\":\"{part} \",\"done\":false}}\n")));
        }
        connection.send(chunk("{\"done\":true}\n") + LAST_CHUNK);
    });
    let mut driver = Driver::new(Stop::new().unwrap()).unwrap();
    for call in 0..u32::try_from(n_calls).unwrap() {
        let body = format!("call {call} says {}", call * call);
        driver.submit(CallSpec { call, body, ..spec(&server.endpoint, Api::OllamaGenerate) });
    }
    let mut records = Vec::new();
    while driver.n_pending() > 0 {
        let finished = driver.wait(None, &mut |_| {});
        records.extend(finished.into_iter().map(CallTrace::into_record));
    }
    server.join();
    records.sort_by_key(|record| record.sent.call);
    assert_eq!(records.len(), n_calls);
    for record in records {
        let call = record.sent.call;
        assert_eq!(record.finished.status, CallStatus::Completed);
        assert_eq!(record.text(), format!("call {call} says {} ", call * call));
    }
}

#[test]
fn kernel_stamps_lie_between_the_servers_write_and_the_users_stamp() {
    let client = Client::new(Stop::new().unwrap()).unwrap();
    if !client.has_kernel_stamps() {
        println!("skipped: this system gives no kernel stamps");
        return;
    }
    drop(client);
    let (sender, receiver) = mpsc::channel();
    let record = call_scripted(
        Api::OllamaGenerate,
        |_| {},
        move |connection| {
            connection.send(chunked_head(NDJSON));
            for _ in 0..20 {
                sender.send(clock::now()).unwrap();
                connection.send(chunk("{\"response\":\"a\",\"done\":false}\n"));
            }
            connection.send(chunk("{\"done\":true}\n") + LAST_CHUNK);
        },
    );
    let writes: Vec<_> = receiver.iter().collect();
    assert_eq!(record.finished.status, CallStatus::Completed);
    // The offset between the clocks is known to some hundred nanoseconds.
    let slack = DurationNs(5_000);
    let mut n_stamped = 0;
    for (chunk, write) in record.chunks.iter().zip(writes) {
        let Some(kernel) = chunk.kernel_ns else { continue };
        n_stamped += 1;
        assert!(kernel.after(slack) >= write, "{kernel:?} is before the write at {write:?}");
        assert!(kernel <= chunk.at_ns, "{chunk:?}");
    }
    assert!(n_stamped > 0, "the kernel stamps, but no chunk has one");
}

#[test]
fn a_key_goes_to_its_server_and_nowhere_else() {
    let key = "sk-hunter2-0123456789";
    let (sender, receiver) = mpsc::channel();
    let endings = [
        answer("401 No", "application/json", &format!("{{\"error\":\"bad key {key}\"}}")),
        answer(
            "200 OK",
            NDJSON,
            &format!("{{\"response\":\"{key}\",\"done_reason\":\"{key}\",\"done\":true}}\n"),
        ),
        answer("200 OK", NDJSON, &format!("{{\"resp{key}\n")),
        format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: {key}\r\n\r\n"),
        key.to_owned(),
    ];
    for bytes in endings {
        let sender = sender.clone();
        let server = Server::start(1, move |_, connection| {
            sender.send(connection.request().unwrap()).unwrap();
            connection.send(&bytes);
        });
        let secret = Some(Secret::new(key).unwrap());
        let spec = CallSpec { secret, ..spec(&server.endpoint, Api::OllamaGenerate) };
        let mut lines = vec![format!("{spec:?}")];
        let mut driver = Driver::new(Stop::new().unwrap()).unwrap();
        driver.submit(spec);
        lines.push(format!("{driver:?}"));
        let traces = driver.wait(None, &mut |sent| lines.push(format!("{sent:?}")));
        for trace in traces {
            lines.push(format!("{trace:?}"));
            let record = trace.into_record();
            lines.push(serde_json::to_string(&record.sent).unwrap());
            lines.push(serde_json::to_string(&record.finished).unwrap());
            lines.extend(record.chunks.iter().map(|chunk| serde_json::to_string(chunk).unwrap()));
        }
        server.join();
        let shown = lines.concat();
        assert!(!shown.contains(key), "{shown}");
        assert!(!shown.contains("hunter2"), "{shown}");
        let request = receiver.recv().unwrap();
        let header = format!("\r\nAuthorization: Bearer {key}\r\n");
        assert_eq!(request.matches(key).count(), 1);
        assert!(request.contains(&header));
    }
}
