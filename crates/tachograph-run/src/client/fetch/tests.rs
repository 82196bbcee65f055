use std::net::TcpListener;
use std::thread;

use super::*;

/// Answers one request with `bytes` and closes; returns what was sent.
fn serve(bytes: &'static [u8]) -> (Endpoint, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let thread = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        let mut buffer = [0; 1024];
        while !request.windows(4).any(|window| window == b"\r\n\r\n") {
            let n_bytes = stream.read(&mut buffer).unwrap();
            request.extend_from_slice(&buffer[..n_bytes]);
        }
        stream.write_all(bytes).unwrap();
        String::from_utf8(request).unwrap()
    });
    (Endpoint::parse(&url).unwrap(), thread)
}

#[test]
fn an_answer_comes_in_full_with_its_status() {
    let (endpoint, server) =
        serve(b"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n");
    let secret = Secret::new("sk-hunter2").unwrap();
    let timeouts = Timeouts::default();
    let response =
        fetch(&endpoint, ("GET", "/api/version"), None, &timeouts, Some(&secret)).unwrap();
    assert_eq!(response, Response { status: 404, body: b"{}".to_vec() });
    let request = server.join().unwrap();
    assert!(request.starts_with("GET /api/version HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("\r\nAuthorization: Bearer sk-hunter2\r\n"));
    assert!(!request.contains("Content-Length"));
}

#[test]
fn a_body_is_posted_and_head_has_none() {
    let (endpoint, server) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\n\r\n");
    let timeouts = Timeouts::default();
    let response = fetch(&endpoint, ("HEAD", "/"), None, &timeouts, None).unwrap();
    assert_eq!(response, Response { status: 200, body: Vec::new() });
    server.join().unwrap();

    let (endpoint, server) = serve(b"HTTP/1.0 200 OK\r\n\r\nuntil the end");
    let posted = fetch(&endpoint, ("POST", "/x"), Some(b"{\"a\":1}"), &timeouts, None).unwrap();
    assert_eq!(posted.body, b"until the end");
    let request = server.join().unwrap();
    assert!(request.contains("Content-Length: 7\r\n"), "{request}");
}

#[test]
fn failures_say_what_was_attempted() {
    let timeouts = Timeouts { first_token_s: 0.05, ..Timeouts::default() };
    let message = |endpoint: &Endpoint| {
        let secret = Secret::new("sk-hunter2").unwrap();
        let error =
            fetch(endpoint, ("GET", "/api/tags"), None, &timeouts, Some(&secret)).unwrap_err();
        let message = format!("{error} {error:?}");
        assert!(!message.contains("hunter2"), "{message}");
        message
    };

    let (endpoint, server) = serve(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
    assert!(message(&endpoint).contains("GET /api/tags with something else: the connection ended"));
    server.join().unwrap();

    let (endpoint, server) = serve(b"SSH-2.0\r\n");
    assert!(message(&endpoint).contains("is this an HTTP server?"));
    server.join().unwrap();

    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let endpoint = Endpoint::parse(&url).unwrap();
    assert!(message(&endpoint).contains("did not answer GET /api/tags within 0.05 s"));
    drop(silent);
    assert!(message(&endpoint).contains("is the server running?"));

    let nowhere = Endpoint::parse("http://no-such-host.invalid").unwrap();
    assert!(message(&nowhere).contains("looking up \"no-such-host.invalid\""));
}
