//! The client against scripted servers on loopback: every status, every fault.

mod scripted;

use std::sync::mpsc;

use scripted::{Connection, LAST_CHUNK, Server, answer, chunk, chunked_head};
use tachograph_model::call::CallRecord;
use tachograph_model::event::{CallStatus, ChunkKind, Event, Stage};
use tachograph_model::plan::{Api, ConnectionMode, Timeouts};
use tachograph_run::client::{CallSpec, Client, Endpoint, Stop};

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
        record.chunks.first().map(|chunk| chunk.stamp()),
        record.chunks.last().map(|chunk| chunk.stamp()),
        Some(record.finished.end_ns),
    ];
    assert!(instants.iter().all(Option::is_some), "{record:?}");
    assert!(instants.is_sorted(), "{instants:?}");

    assert_eq!(events.len(), 5);
    assert_eq!(events[0], Event::CallSent(record.sent.clone()));
    assert_eq!(events[4], Event::CallFinished(record.finished.clone()));
}
