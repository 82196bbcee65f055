//! Programs of ours that listen, and a client of them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use serde_json::Value;

use super::Place;

/// A program that says in its first line where it listens, and ends with its standard
/// input.
pub(crate) struct Listening {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    pub(crate) first: Value,
}

impl Listening {
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        let mut child = place
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        let first = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
        Self { child, stdin, stdout, first }
    }

    pub(crate) fn server(place: &Place) -> Self {
        let fast = ["load_ns=0", "output_token_ns=100000"];
        let mut arguments = vec!["serve", "--engine", "simulated", "--port", "0"];
        arguments.extend(["--model", "sim:1b", "--watch-stdin"]);
        for setting in fast {
            arguments.extend(["--set", setting]);
        }
        Self::start(place, &arguments)
    }

    pub(crate) fn tap(place: &Place, upstream: &str, rest: &[&str]) -> Self {
        let first =
            ["tap", "--listen", "mine=127.0.0.1:0", "--upstream", upstream, "--until-stdin-closes"];
        Self::start(place, &[&first[..], rest].concat())
    }

    pub(crate) fn url(&self) -> String {
        let url = self.first.pointer("/urls/0").or(self.first.pointer("/listen/mine"));
        url.and_then(Value::as_str).unwrap().to_owned()
    }

    /// Ends it; returns what else it wrote, and what it told its user.
    pub(crate) fn end(mut self) -> (String, String) {
        drop(self.stdin.take());
        let (mut out, mut told) = (String::new(), String::new());
        self.stdout.read_to_string(&mut out).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        let status = self.child.wait().unwrap();
        assert!(status.success(), "{status}: {told}");
        (out, told)
    }
}

/// Sends a request that closes its connection, and returns the answer.
pub(crate) fn ask(url: &str, path: &str, body: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).unwrap();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    socket.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    answer
}
