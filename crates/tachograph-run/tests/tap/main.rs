//! The tap between raw sockets and scripted servers: no byte changes, and every call is
//! seen as our own client would have seen it.
#![expect(clippy::unwrap_used, reason = "a test fails where something is missing")]

#[path = "../client/scripted.rs"]
#[expect(dead_code, reason = "the client's tests use the rest")]
mod scripted;

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use scripted::{Connection, LAST_CHUNK, Server, answer, chunk, chunked_head};
use tachograph_model::call::{self, CallRecord};
use tachograph_model::cassette::{Cassette, End};
use tachograph_model::digest::Digest;
use tachograph_model::event::{CallStatus, ChunkKind, Event, HARNESS, Recorded, Stage};
use tachograph_model::plan::{Api, ConnectionMode, Timeouts};
use tachograph_run::agent::nonce::nonce;
use tachograph_run::client::{CallSpec, Client, Endpoint, Stop};
use tachograph_run::tap::{Attribution, Listen, Report, Tap, TapConfig, TapError};

const NDJSON: &str = "application/x-ndjson";
const SSE: &str = "text/event-stream";
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_mins(1);

/// A tap that runs on a thread of its own.
struct Rig {
    addresses: BTreeMap<String, SocketAddr>,
    stop: Stop,
    thread: JoinHandle<(Report, Vec<Recorded>)>,
}

fn config(upstream: &Endpoint) -> TapConfig {
    TapConfig {
        listen: vec![Listen { agent: "mine".to_owned(), address: "127.0.0.1:0".parse().unwrap() }],
        upstream: upstream.clone(),
        server: "main".to_owned(),
        by: Attribution::Port,
        nonce: None,
        record: None,
        allow_remote: false,
    }
}

impl Rig {
    fn start(config: TapConfig) -> Self {
        let mut tap = Tap::bind(config).unwrap();
        let addresses = tap.listening();
        let stop = Stop::new().unwrap();
        let stopped = stop.clone();
        let thread = thread::spawn(move || {
            let mut events = Vec::new();
            let report = tap.run(&stopped, &mut |source, event| {
                events.push(Recorded { source: source.to_owned(), event });
                Ok(())
            });
            (report.unwrap(), events)
        });
        Self { addresses, stop, thread }
    }

    fn before(upstream: &Endpoint) -> Self {
        Self::start(config(upstream))
    }

    fn connect(&self) -> TcpStream {
        let socket = TcpStream::connect(self.addresses["mine"]).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::parse(&format!("http://{}", self.addresses["mine"])).unwrap()
    }

    fn finish(self) -> (Report, Vec<Recorded>) {
        self.stop.stop();
        self.thread.join().unwrap()
    }

    /// Ends the tap and returns the calls of its one agent.
    fn calls(self) -> Vec<CallRecord> {
        let (_, events) = self.finish();
        calls(&events, "mine")
    }
}

fn calls(events: &[Recorded], agent: &str) -> Vec<CallRecord> {
    let own = events.iter().filter(|recorded| recorded.source == agent);
    let (calls, n_open) = call::assemble(own.map(|recorded| &recorded.event));
    assert_eq!(n_open, 0, "each call that is said is over");
    calls
}

/// A request as some client writes it.
fn request(path: &str, body: &str) -> String {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}")
}

const BODY: &str = r#"{"model":"m","prompt":"Hello","options":{"seed":7}}"#;

fn generate() -> String {
    request("/api/generate", BODY)
}

/// An answer of Ollama, token by token.
fn stream(connection: &mut Connection) {
    connection.send(chunked_head(NDJSON));
    for piece in
        ["{\"response\":\"Hel\",\"done\":false}\n", "{\"response\":\"lo\",\"done\":false}\n"]
    {
        connection.send(chunk(piece));
    }
    connection.send(chunk(FINAL));
    connection.send(LAST_CHUNK);
}

const FINAL: &str = "{\"response\":\"\",\"done\":true,\"done_reason\":\"stop\",\"total_duration\":9,\
    \"load_duration\":1,\"prompt_eval_count\":5,\"prompt_eval_duration\":3,\"eval_count\":2,\
    \"eval_duration\":4}\n";

/// Reads everything until the other side closes.
fn read_all(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    socket.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Reads until `end` stands at the end of what came.
fn read_until(socket: &mut TcpStream, end: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !bytes.ends_with(end.as_bytes()) {
        let n_bytes = socket.read(&mut buffer).unwrap();
        assert!(n_bytes > 0, "closed early: {:?}", String::from_utf8_lossy(&bytes));
        bytes.extend_from_slice(&buffer[..n_bytes]);
    }
    bytes
}

/// Sends `sent` through a tap to a server that answers with `answered` and closes; checks
/// that both sides get every byte, and returns the calls.
fn relayed(sent: &[u8], answered: &'static [u8]) -> Vec<CallRecord> {
    let (sender, receiver) = mpsc::channel();
    let n_bytes = sent.len();
    let server = Server::start(1, move |_, connection| {
        let mut got = vec![0; n_bytes];
        connection.stream.read_exact(&mut got).unwrap();
        sender.send(got).unwrap();
        connection.send(answered);
        connection.stream.shutdown(Shutdown::Write).unwrap();
        connection.await_silence();
    });
    let rig = Rig::before(&server.endpoint);
    let mut client = rig.connect();
    client.write_all(sent).unwrap();
    let got = read_all(&mut client);
    assert_eq!(String::from_utf8_lossy(&got), String::from_utf8_lossy(answered));
    assert_eq!(receiver.recv().unwrap(), sent, "what the server got");
    drop(client);
    server.join();
    rig.calls()
}

#[test]
fn no_byte_changes_whatever_the_framing() {
    let sent = generate();
    let chunked = "POST /api/chat HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\nX-Odd:  y\r\n\r\n\
                   5;ext=1\r\n{\"a\":\r\n2\r\n1}\r\n0\r\nTrailer: z\r\n\r\n";
    for (sent, answered, status) in [
        (&*sent, &b"HTTP/1.1 200 OK\r\ncontent-length: 33\r\n\r\n{\"response\":\"a\",\"done\":true}\n\n\n\n\n"[..],
         CallStatus::Completed),
        (&sent, b"HTTP/1.1 200 OK\r\nX-A:  b \r\nTransfer-Encoding: chunked\r\n\r\n\
                  1d\r\n{\"response\":\"a\",\"done\":true}\n\r\n0\r\nT: 1\r\n\r\n", CallStatus::Completed),
        (&sent, b"HTTP/1.0 200 OK\r\n\r\n{\"response\":\"a\",\"done\":true}", CallStatus::Completed),
        (chunked, b"HTTP/1.1 200 OK\r\n\r\n{\"message\":{\"content\":\"a\"},\"done\":true}\n",
         CallStatus::Completed),
        (&sent, b"HTTP/1.1 500 Oh\r\nContent-Length: 13\r\n\r\n{\"error\":\"no\"}",
         CallStatus::HttpError),
        (&sent, b"HTTP/1.1 200 OK\r\n\r\n{\"response\":\"a\",\"done\":false}\n", CallStatus::Truncated),
        (&sent, b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{\"response\":\"a\",\"done\":false}\n",
         CallStatus::Truncated),
        (&sent, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", CallStatus::Malformed),
        (&sent, b"SSH-2.0-x\r\n", CallStatus::Malformed),
        (&sent, b"", CallStatus::Truncated),
    ] {
        let calls = relayed(sent.as_bytes(), answered);
        assert_eq!(calls.len(), 1);
        let finished = &calls[0].finished;
        assert_eq!(finished.status, status, "{finished:?}");
    }
}

#[test]
fn what_is_no_http_is_passed_on_and_is_no_call() {
    let calls = relayed(b"\x16\x03\x01 hello \x00\xff", b"\x15\x03\x01 alert");
    assert!(calls.is_empty());
    let calls = relayed(
        b"GET /chat HTTP/1.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x05hello\x00",
    );
    assert!(calls.is_empty());
    // Calls of a client that pipelines, the first of which asks for no text.
    let sent = ["GET /api/version HTTP/1.1\r\n\r\n", &generate(), &generate()].concat();
    let calls = relayed(
        sent.as_bytes(),
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}HTTP/1.1 200 OK\r\nContent-Length: 29\r\n\r\n\
          {\"response\":\"a\",\"done\":true}\n\nHTTP/1.1 200 OK\r\nContent-Length: 28\r\n\r\n\
          {\"response\":\"b\",\"done\":true}\n",
    );
    let texts: Vec<String> = calls.iter().map(CallRecord::text).collect();
    assert_eq!(texts, ["a", "b"]);
    assert_eq!(calls[1].sent.call, 1);
}

#[test]
fn a_call_is_seen_as_our_own_client_sees_it() {
    let server = Server::start(2, |_, connection| {
        connection.request().unwrap();
        stream(connection);
        connection.await_close();
    });
    let spec = |endpoint: Endpoint| CallSpec {
        call: 0,
        stage: Stage::Analysis,
        server: "main".to_owned(),
        endpoint,
        api: Api::OllamaGenerate,
        body: BODY.to_owned(),
        nonce: None,
        connection: ConnectionMode::Fresh,
        timeouts: Timeouts::default(),
        secret: None,
        planned: None,
    };
    let call =
        |endpoint| Client::new(Stop::new().unwrap()).unwrap().call(spec(endpoint), &mut |_| {});
    let direct = call(server.endpoint.clone());
    let rig = Rig::before(&server.endpoint);
    let own = call(rig.endpoint());
    server.join();
    let seen = rig.calls().remove(0);
    for record in [&own, &seen] {
        assert_eq!(record.finished.status, CallStatus::Completed);
        assert_eq!(record.text(), direct.text());
        assert_eq!(record.finished.usage, direct.finished.usage);
        assert_eq!(record.finished.server, direct.finished.server);
        assert_eq!(record.finished.output_sha256, direct.finished.output_sha256);
        assert_eq!(record.sent.request_sha256, direct.sent.request_sha256);
        assert_eq!(record.sent.parity_sha256, direct.sent.parity_sha256);
        let shape = |record: &CallRecord| -> Vec<(ChunkKind, u32)> {
            record.chunks.iter().map(|chunk| (chunk.kind, chunk.bytes)).collect()
        };
        assert_eq!(shape(record), shape(&direct));
    }
    // The tap saw everything after the agent had sent it and before it had it.
    assert_eq!(seen.sent.stage, Stage::Other);
    assert!(own.sent.sent_ns.unwrap() <= seen.sent.planned_ns);
    let order = [
        seen.sent.planned_ns,
        seen.sent.connect_ns.unwrap(),
        seen.sent.connected_ns.unwrap(),
        seen.sent.sent_ns.unwrap(),
        seen.finished.header_ns.unwrap(),
        seen.chunks[0].stamp(),
        seen.finished.end_ns,
    ];
    assert!(order.is_sorted(), "{order:?}");
    for (seen, own) in seen.chunks.iter().zip(&own.chunks) {
        assert!(seen.stamp() <= own.at_ns);
    }
}

#[test]
fn a_kept_connection_is_kept() {
    let server = Server::start(1, |_, connection| {
        for _ in 0..3 {
            connection.request().unwrap();
            stream(connection);
        }
        connection.await_close();
    });
    let rig = Rig::before(&server.endpoint);
    let mut client = rig.connect();
    for _ in 0..3 {
        client.write_all(generate().as_bytes()).unwrap();
        read_until(&mut client, LAST_CHUNK);
    }
    drop(client);
    server.join();
    let calls = rig.calls();
    let modes: Vec<ConnectionMode> = calls.iter().map(|call| call.sent.connection).collect();
    let kept = ConnectionMode::Keepalive;
    assert_eq!(modes, [ConnectionMode::Fresh, kept, kept]);
    assert!(calls[0].sent.connect_ns.is_some() && calls[1].sent.connect_ns.is_none());
    assert!(calls.iter().all(CallRecord::is_completed));
}

#[test]
fn openai_streams_and_documents_are_understood() {
    let usage = r#""usage":{"prompt_tokens":4,"completion_tokens":2}"#;
    let streamed = format!(
        "data: {{\"choices\":[{{\"delta\":{{\"content\":\"Hi\"}}}}]}}\n\n\
         data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}],{usage}}}\n\n\
         data: [DONE]\n\n"
    );
    let document = format!(
        "{{\"choices\":[{{\"message\":{{\"content\":\"Hi\"}},\"finish_reason\":\"stop\"}}],{usage}}}"
    );
    for (content_type, body, n_chunks) in [(SSE, streamed, 3), ("application/json", document, 1)] {
        let server = Server::start(1, move |_, connection| {
            connection.request().unwrap();
            connection.send(answer("200 OK", content_type, &body));
            connection.await_close();
        });
        let rig = Rig::before(&server.endpoint);
        let mut client = rig.connect();
        // Behind a prefix, as gateways have one.
        client.write_all(request("/gateway/v1/chat/completions", "{}").as_bytes()).unwrap();
        client.shutdown(Shutdown::Write).unwrap();
        read_all(&mut client);
        server.join();
        let call = rig.calls().remove(0);
        assert_eq!(call.finished.status, CallStatus::Completed, "{:?}", call.finished);
        assert_eq!((call.text().as_str(), call.chunks.len()), ("Hi", n_chunks));
        assert_eq!(call.finished.usage.output_tokens, Some(2));
        assert_eq!(call.sent.api, Api::OpenaiChat);
    }
}

#[test]
fn compressed_answers_are_passed_on_as_they_are_and_read() {
    // python3 -c "import gzip; print(gzip.compress(b'{\"response\":\"Hi\",\"done\":true}\n', mtime=0))"
    let gzip: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff\xabV*J-.\xc8\xcf+NU\xb2R\xf2\xc8T\xd2QJ\xc9\xcfKU\xb2*)*M\xad\xe5\x02\x00/\xad\xe5\xb1\x1e\x00\x00\x00";
    for (encoding, body, status) in
        [("gzip", gzip, CallStatus::Completed), ("br", b"\x0b\x0e\x80{}", CallStatus::Malformed)]
    {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let whole = [head.as_bytes(), body].concat();
        let calls = relayed(generate().as_bytes(), whole.leak());
        assert_eq!(calls[0].finished.status, status, "{:?}", calls[0].finished);
        if status == CallStatus::Completed {
            assert_eq!(calls[0].text(), "Hi");
        } else {
            assert!(calls[0].finished.error.as_ref().unwrap().contains("br"));
        }
    }
}

#[test]
fn without_a_server_the_client_is_told_and_the_call_is_recorded() {
    // A port that nobody listens on any more.
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let rig = Rig::before(&Endpoint::parse(&format!("http://{gone}")).unwrap());
    let mut client = rig.connect();
    client.write_all(generate().as_bytes()).unwrap();
    let got = String::from_utf8(read_all(&mut client)).unwrap();
    assert!(got.starts_with("HTTP/1.1 502 Bad Gateway\r\n"), "{got}");
    assert!(got.contains("{\"error\":\"tacho tap: no connection to the server"), "{got}");
    drop(client);
    let calls = rig.calls();
    assert_eq!(calls[0].finished.status, CallStatus::ConnectError);
    assert_eq!(calls[0].sent.sent_ns, None);
    assert!(calls[0].finished.error.as_ref().unwrap().contains("is it running?"));
}

#[test]
fn a_client_that_goes_away_takes_its_call_with_it() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        connection.request().unwrap();
        connection.send(chunked_head(NDJSON));
        connection.send(chunk("{\"response\":\"Hel\",\"done\":false}\n"));
        sender.send(()).unwrap();
        // As servers do: the end of the client ends the answer.
        connection.await_silence();
    });
    let rig = Rig::before(&server.endpoint);
    let mut client = rig.connect();
    client.write_all(generate().as_bytes()).unwrap();
    receiver.recv().unwrap();
    read_until(&mut client, "}\n\r\n");
    drop(client);
    server.join();
    let call = rig.calls().remove(0);
    assert_eq!(call.finished.status, CallStatus::Cancelled);
    assert_eq!(call.text(), "Hel");
}

#[test]
fn a_stop_ends_the_calls_that_are_under_way() {
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        connection.request().unwrap();
        connection.send(chunked_head(NDJSON));
        sender.send(()).unwrap();
        connection.await_silence();
    });
    let rig = Rig::before(&server.endpoint);
    let mut client = rig.connect();
    client.write_all(generate().as_bytes()).unwrap();
    receiver.recv().unwrap();
    let (report, events) = rig.finish();
    let call = calls(&events, "mine").remove(0);
    assert_eq!(call.finished.status, CallStatus::Cancelled);
    assert!(call.finished.error.unwrap().contains("stopped"));
    assert_eq!(report.agents["mine"].statuses[&CallStatus::Cancelled], 1);
    // Both clocks were read at the begin and at the end.
    let clocks = events.iter().filter(|recorded| matches!(recorded.event, Event::Clock(_)));
    assert_eq!(clocks.filter(|recorded| recorded.source == HARNESS).count(), 2);
    drop(client);
    server.join();
}

#[test]
fn calls_belong_to_agents_by_port_header_or_connection() {
    let server = |n| {
        Server::start_concurrent(n, |connection| {
            while connection.request().is_some() {
                stream(connection);
            }
        })
    };
    let ask = |address: SocketAddr, header: &str| {
        let mut client = TcpStream::connect(address).unwrap();
        let request = generate().replace("Host: a\r\n", &format!("Host: a\r\n{header}"));
        client.write_all(request.as_bytes()).unwrap();
        read_until(&mut client, LAST_CHUNK);
    };
    let agents = |events: &[Recorded]| -> Vec<String> {
        let sent = events.iter().filter(|it| matches!(it.event, Event::CallSent(_)));
        let mut names: Vec<String> = sent.map(|it| it.source.clone()).collect();
        names.sort();
        names
    };

    let by_port = server(2);
    let listen =
        |agent: &str| Listen { agent: agent.to_owned(), address: "127.0.0.1:0".parse().unwrap() };
    let two = TapConfig { listen: vec![listen("a"), listen("b")], ..config(&by_port.endpoint) };
    let rig = Rig::start(two.clone());
    ask(rig.addresses["a"], "");
    ask(rig.addresses["b"], "");
    by_port.join();
    assert_eq!(agents(&rig.finish().1), ["a", "b"]);

    for (by, expected) in [
        (Attribution::Header, ["planner", "unnamed"]),
        (Attribution::Connection, ["connection-1", "connection-2"]),
    ] {
        let server = server(2);
        let rig = Rig::start(TapConfig { by, ..config(&server.endpoint) });
        ask(rig.addresses["mine"], "X-Tachograph-Agent: planner\r\n");
        ask(rig.addresses["mine"], "");
        server.join();
        assert_eq!(agents(&rig.finish().1), expected);
    }
}

#[test]
fn nonces_are_found_and_left_out_of_parity() {
    let server = Server::start(1, |_, connection| {
        while connection.request().is_some() {
            stream(connection);
        }
    });
    let rig =
        Rig::start(TapConfig { nonce: Some("salt/1".to_owned()), ..config(&server.endpoint) });
    let mut client = rig.connect();
    // One call without a nonce in between hides none behind it.
    let prompts = [
        format!("{}Hello", nonce("salt/1", 0)),
        "Hello".to_owned(),
        format!("{}Hello", nonce("salt/1", 1)),
    ];
    for prompt in &prompts {
        let body = serde_json::json!({"model": "m", "prompt": prompt}).to_string();
        client.write_all(request("/api/generate", &body).as_bytes()).unwrap();
        read_until(&mut client, LAST_CHUNK);
    }
    drop(client);
    server.join();
    let calls = rig.calls();
    let found: Vec<Option<&str>> = calls.iter().map(|call| call.sent.nonce.as_deref()).collect();
    let (first, second) = (nonce("salt/1", 0), nonce("salt/1", 1));
    assert_eq!(found, [Some(&*first), None, Some(&*second)]);
    assert_eq!(calls[0].sent.parity_sha256, calls[1].sent.parity_sha256);
    assert_ne!(calls[0].sent.request_sha256, calls[2].sent.request_sha256);
}

#[test]
fn keys_are_passed_on_and_never_written_down() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x.cassette");
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        sender.send(connection.request().unwrap()).unwrap();
        connection.send(answer("401 No", "application/json", "{\"error\":\"bad key sk-hunter2\"}"));
        connection.await_close();
    });
    let rig = Rig::start(TapConfig { record: Some(path.clone()), ..config(&server.endpoint) });
    let mut client = rig.connect();
    let body = r#"{"model":"m","prompt":"my key is sk-hunter2"}"#;
    let request = request("/v1/chat/completions", body).replace(
        "Host: a\r\n",
        "Host: a\r\nAuthorization: Bearer sk-hunter2\r\nCookie: c00kie\r\n",
    );
    client.write_all(request.as_bytes()).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    read_all(&mut client);
    server.join();
    assert!(receiver.recv().unwrap().contains("Bearer sk-hunter2"));
    let (_, events) = rig.finish();
    let written = serde_json::to_string(&events).unwrap();
    assert!(!written.contains("hunter2") && !written.contains("c00kie"), "{written}");
    let cassette = std::fs::read_to_string(&path).unwrap();
    assert!(!cassette.contains("c00kie"), "{cassette}");
    // What the client sent is struck out; the server's own words are its own.
    assert!(cassette.contains("my key is **********"), "{cassette}");
}

/// Records one exchange and returns the cassette.
fn recorded(script: impl FnMut(usize, &mut Connection) + Send + 'static, n: usize) -> Cassette {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("x.cassette");
    let server = Server::start(1, script);
    // Opened anew, a cassette goes on.
    for _ in 0..2 {
        let unused = TapConfig { record: Some(path.clone()), ..config(&server.endpoint) };
        drop(Tap::bind(unused).unwrap());
    }
    let rig = Rig::start(TapConfig { record: Some(path.clone()), ..config(&server.endpoint) });
    let mut client = rig.connect();
    for _ in 0..n {
        client.write_all(generate().as_bytes()).unwrap();
    }
    read_all(&mut client);
    drop(client);
    server.join();
    rig.finish();
    Cassette::parse(&std::fs::read(&path).unwrap()).unwrap()
}

#[test]
fn a_cassette_holds_requests_answers_and_instants() {
    let cassette = recorded(
        |_, connection| {
            for _ in 0..2 {
                connection.request().unwrap();
                stream(connection);
            }
        },
        2,
    );
    assert_eq!(cassette.interactions.len(), 2);
    for interaction in &cassette.interactions {
        assert_eq!((&*interaction.method, &*interaction.path), ("POST", "/api/generate"));
        assert_eq!(interaction.body.to_vec(), BODY.as_bytes());
        let answer = &interaction.answer;
        let body: Vec<u8> = answer.pieces.iter().flat_map(|piece| piece.body.to_vec()).collect();
        let text = String::from_utf8(body).unwrap();
        assert!(text.starts_with("{\"response\":\"Hel\"") && text.ends_with(FINAL), "{text}");
        assert_eq!((answer.status, answer.end), (200, End::Complete));
        let kept = [("Content-Type".to_owned(), NDJSON.to_owned())];
        assert_eq!(answer.headers, kept, "framing is left out");
    }
    assert_eq!(cassette.find("POST", "/api/generate", BODY.as_bytes()), [0, 1]);
}

#[test]
fn an_answer_that_is_cut_off_is_recorded_as_such() {
    let cassette = recorded(
        |_, connection| {
            connection.request().unwrap();
            connection.send(chunked_head(NDJSON));
            connection.send(chunk("{\"response\":\"Hel\",\"done\":false}\n"));
            connection.close();
        },
        1,
    );
    assert_eq!(cassette.interactions[0].answer.end, End::Cut);
}

#[test]
fn a_client_that_does_not_read_holds_its_server_back() {
    const MEBIBYTES: usize = 32;
    let body: Vec<u8> =
        (0..MEBIBYTES << 20).map(|i| b'a' + u8::try_from(i % 23).unwrap()).collect();
    let digest = Digest::of(&body);
    let (sender, receiver) = mpsc::channel();
    let server = Server::start(1, move |_, connection| {
        connection.request().unwrap();
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
        connection.send(head);
        for piece in body.chunks(1 << 20) {
            connection.send(piece);
            sender.send(()).unwrap();
        }
        connection.await_close();
    });
    let rig = Rig::before(&server.endpoint);
    let mut client = rig.connect();
    client.write_all(b"GET /file HTTP/1.1\r\n\r\n").unwrap();
    // The first byte shows that the answer is under way; then nothing is read until the
    // server cannot go on.
    client.read_exact(&mut [0; 1]).unwrap();
    let mut n_sent = 0;
    while receiver.recv_timeout(Duration::from_millis(300)).is_ok() {
        n_sent += 1;
    }
    assert!(n_sent < MEBIBYTES, "the tap took {n_sent} MiB that nobody reads");
    client.shutdown(Shutdown::Write).unwrap();
    let got = read_all(&mut client);
    let start = got.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4;
    assert_eq!(Digest::of(&got[start..]), digest);
    server.join();
    rig.finish();
}

#[test]
fn many_streams_at_once_all_come_through() {
    const STREAMS: usize = 64;
    let server = Server::start_concurrent(STREAMS, |connection| {
        connection.request().unwrap();
        connection.send(chunked_head(NDJSON));
        for i in 0..50 {
            connection.send(chunk(&format!("{{\"response\":\"t{i} \",\"done\":false}}\n")));
        }
        connection.send(chunk(FINAL));
        connection.send(LAST_CHUNK);
        connection.await_close();
    });
    let rig = Rig::before(&server.endpoint);
    let clients: Vec<_> = (0..STREAMS)
        .map(|_| {
            let mut client = rig.connect();
            thread::spawn(move || {
                client.write_all(generate().as_bytes()).unwrap();
                read_until(&mut client, LAST_CHUNK);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    server.join();
    let (report, events) = rig.finish();
    let calls = calls(&events, "mine");
    assert_eq!(calls.len(), STREAMS);
    for call in &calls {
        assert!(call.is_completed());
        assert_eq!(call.content_chunks().count(), 50);
    }
    let own = &report.agents["mine"];
    assert_eq!(own.statuses[&CallStatus::Completed], STREAMS as u64);
    assert_eq!(own.output_tokens, 2 * STREAMS as u64);
    assert_eq!((own.ttft.len(), own.e2e.len()), (STREAMS, STREAMS));
    assert!(report.n_passages > 0 && report.passages.is_sorted());
}

#[test]
fn what_would_be_no_good_is_refused_at_once() {
    let endpoint = Endpoint::parse("http://127.0.0.1:9").unwrap();
    let refused = |config: TapConfig| Tap::bind(config).err().unwrap();
    let nowhere = TapConfig { listen: Vec::new(), ..config(&endpoint) };
    assert!(matches!(refused(nowhere), TapError::NoAddress));
    let listen = |agent: &str, address: &str| Listen {
        agent: agent.to_owned(),
        address: address.parse().unwrap(),
    };
    let open = TapConfig { listen: vec![listen("a", "0.0.0.0:0")], ..config(&endpoint) };
    let error = refused(open.clone());
    assert!(error.to_string().contains("--allow-remote"), "{error}");
    drop(Tap::bind(TapConfig { allow_remote: true, ..open }).unwrap());
    let twice = vec![listen("a", "127.0.0.1:0"), listen("a", "127.0.0.1:0")];
    let twice = TapConfig { listen: twice, ..config(&endpoint) };
    assert!(matches!(refused(twice), TapError::Twice { .. }));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let taken =
        TapConfig { listen: vec![Listen { agent: "a".to_owned(), address }], ..config(&endpoint) };
    assert!(matches!(refused(taken), TapError::Listen { .. }));
    let nobody = Endpoint::parse("http://no-such-host.invalid:1").unwrap();
    assert!(matches!(refused(config(&nobody)), TapError::Unknown { .. }));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "dear diary").unwrap();
    let foreign = TapConfig { record: Some(path.clone()), ..config(&endpoint) };
    assert!(refused(foreign).to_string().contains("is not a cassette"));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "dear diary", "it is left alone");
}
