//! The smallest HTTP client that shows everything.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;
use tachograph_serve::{RunningServer, SimulatedConfig, SimulatedServer};

/// A whole answer, as it was on the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    /// The body with chunked framing removed.
    pub(crate) body: String,
    /// The chunks of a chunked body.
    pub(crate) chunks: Vec<String>,
    /// Whether the body came to the end that its framing announces.
    pub(crate) complete: bool,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }

    pub(crate) fn lines(&self) -> Vec<Value> {
        assert!(self.body.ends_with('\n'), "NDJSON ends with a line end: {}", self.body);
        self.body.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub(crate) fn last(&self) -> Value {
        self.lines().pop().unwrap()
    }

    pub(crate) fn has_header(&self, line: &str) -> bool {
        self.head.to_ascii_lowercase().lines().any(|header| header == line)
    }
}

/// A configuration that answers in about a millisecond.
pub(crate) fn quick() -> SimulatedConfig {
    SimulatedConfig {
        load_ns: 2_000_000,
        loaded_check_ns: 1_000,
        prompt_base_ns: 100_000,
        prompt_token_ns: 1_000,
        output_token_ns: 50_000,
        final_delay_ns: 0,
        output_tokens_min: 8,
        output_tokens_max: 12,
        ..SimulatedConfig::default()
    }
}

pub(crate) fn serve(config: SimulatedConfig) -> RunningServer {
    SimulatedServer::start(config).unwrap()
}

pub(crate) fn connect(server: &RunningServer) -> TcpStream {
    let socket = TcpStream::connect(server.address()).unwrap();
    // Far beyond anything here: a hanging server fails the test, not the suite.
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

pub(crate) fn send(socket: &mut TcpStream, method: &str, path: &str, body: &[u8]) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    socket.write_all(head.as_bytes()).unwrap();
    socket.write_all(body).unwrap();
}

/// Asks and reads until the connection ends; an error while reading ends it too.
pub(crate) fn ask(server: &RunningServer, method: &str, path: &str, body: &str) -> Answer {
    let mut socket = connect(server);
    send(&mut socket, method, path, body.as_bytes());
    parse(&read_all(&mut socket))
}

pub(crate) fn read_all(socket: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut block = [0; 4096];
    loop {
        match socket.read(&mut block) {
            Ok(0) => return bytes,
            Ok(length) => bytes.extend_from_slice(&block[..length]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return bytes,
            Err(error) => panic!("{error}"),
        }
    }
}

pub(crate) fn get(server: &RunningServer, path: &str) -> Answer {
    ask(server, "GET", path, "")
}

pub(crate) fn post(server: &RunningServer, path: &str, body: &Value) -> Answer {
    ask(server, "POST", path, &body.to_string())
}

pub(crate) fn parse(bytes: &[u8]) -> Answer {
    let text = String::from_utf8_lossy(bytes).into_owned();
    let Some((head, rest)) = text.split_once("\r\n\r\n") else {
        return Answer {
            status: 0,
            head: text,
            body: String::new(),
            chunks: Vec::new(),
            complete: false,
        };
    };
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer {
        status,
        head: head.to_owned(),
        body: String::new(),
        chunks: Vec::new(),
        complete: false,
    };
    if !answer.has_header("transfer-encoding: chunked") {
        rest.clone_into(&mut answer.body);
        answer.complete = answer.has_header(&format!("content-length: {}", rest.len()));
        return answer;
    }
    let mut rest = rest;
    while let Some((size, after)) = rest.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            answer.complete = true;
            break;
        }
        let Some(chunk) = after.get(..size) else { break };
        answer.chunks.push(chunk.to_owned());
        answer.body.push_str(chunk);
        rest = after.get(size + 2..).unwrap_or_default();
    }
    answer
}
