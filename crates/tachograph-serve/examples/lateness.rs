//! Measures how late the writes of engines with a schedule are against their deadlines.
//!
//! `cargo run --release -p tachograph-serve --example lateness -- [INTERVAL-US] [TOKENS]`
//!
//! Prints one line per engine and number of streams: lateness of token writes in
//! microseconds (actual instant minus deadline), from the server's own log, and
//! the server thread's processor time per token. The cassette has one stream on the
//! schedule of the simulated engine.
#![expect(clippy::print_stdout, reason = "an example prints its figures")]

use std::error::Error;
use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::TcpStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use serde_json::json;
use tachograph_model::canonical::canonical_digest;
use tachograph_model::cassette::Cassette;
use tachograph_serve::{
    CassetteConfig, EngineConfig, Repeats, RunningServer, SendKind, ServeConfig, SimulatedConfig,
    Speed, start,
};

/// From the request to the prompt's end; by then all streams have asked.
const PROMPT_NS: u64 = 300_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let interval_us: u64 = arguments.next().map_or(Ok(20_000), |text| text.parse())?;
    let tokens: u64 = arguments.next().map_or(Ok(100), |text| text.parse())?;
    println!("interval {interval_us} us, {tokens} tokens per stream; lateness in us");
    println!("engine     streams      p50      p90      p99      max   tokens/s  cpu us/token");
    for streams in [1, 64, 512] {
        let simulated = EngineConfig::Simulated(SimulatedConfig {
            load_ns: 0,
            prompt_cache: false,
            prompt_base_ns: PROMPT_NS,
            output_token_ns: interval_us * 1000,
            fill_num_predict: true,
            num_parallel: streams,
            ..SimulatedConfig::default()
        });
        let cassette = EngineConfig::Cassette(CassetteConfig {
            cassette: Arc::new(recording(interval_us * 1000, tokens)?),
            speed: Speed::Times(1.0),
            repeats: Repeats::First,
        });
        for engine in [simulated, cassette] {
            let name = engine.name();
            let config = ServeConfig { listen: vec!["127.0.0.1:0".parse()?], engine };
            let server = start(&config)?.remove(0);
            drain(&server, streams, tokens)?;
            report(&server, name, streams)?;
        }
    }
    Ok(())
}

/// What the clients here ask.
fn request(tokens: u64) -> String {
    format!(r#"{{"model":"tachograph-sim:1b","prompt":"x","options":{{"num_predict":{tokens}}}}}"#)
}

/// One stream of Ollama's, a piece for each token.
fn recording(interval_ns: u64, tokens: u64) -> Result<Cassette, Box<dyn Error>> {
    let piece = |number: u64| {
        let text = r#"{"model":"tachograph-sim:1b","response":"word ","done":false}"#;
        json!({
            "offset_ns": PROMPT_NS + number * interval_ns,
            "body": {"text": format!("{text}\n")},
        })
    };
    let end_ns = PROMPT_NS + tokens * interval_ns;
    let body = request(tokens);
    let mut text = json!({"schema": "tachograph-cassette/1", "server": {}}).to_string();
    let line = json!({
        "method": "POST",
        "path": "/api/generate",
        "body": {"text": body},
        "canonical_sha256": canonical_digest(body.as_bytes()).to_string(),
        "answer": {
            "status": 200,
            "headers": [["content-type", "application/x-ndjson"]],
            "head_offset_ns": PROMPT_NS,
            "pieces": (1..=tokens).map(piece).collect::<Vec<_>>(),
            "end_offset_ns": end_ns,
            "end": "complete",
        },
    });
    write!(text, "\n{line}\n")?;
    Ok(Cassette::parse(text.as_bytes())?)
}

/// Asks `streams` times at once and reads everything on this one thread.
fn drain(server: &RunningServer, streams: usize, tokens: u64) -> Result<(), Box<dyn Error>> {
    let body = request(tokens);
    let request = format!(
        "POST /api/generate HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut open = Vec::new();
    for _ in 0..streams {
        let mut socket = TcpStream::connect(server.address())?;
        socket.write_all(request.as_bytes())?;
        socket.set_nonblocking(true)?;
        open.push(socket);
    }
    let mut block = vec![0; 64 * 1024];
    while !open.is_empty() {
        let ready: Vec<bool> = {
            let mut waiting: Vec<PollFd<'_>> =
                open.iter().map(|socket| PollFd::new(socket, PollFlags::IN)).collect();
            poll(&mut waiting, None)?;
            waiting.iter().map(|entry| !entry.revents().is_empty()).collect()
        };
        let mut ready = ready.into_iter();
        open.retain_mut(|socket| {
            !ready.next().unwrap_or(false) || !matches!(socket.read(&mut block), Ok(0) | Err(_))
        });
    }
    Ok(())
}

fn report(server: &RunningServer, engine: &str, streams: usize) -> Result<(), Box<dyn Error>> {
    let is_token = |kind: SendKind| matches!(kind, SendKind::Token | SendKind::Recorded);
    let sends: Vec<_> = server.sends().into_iter().filter(|send| is_token(send.kind)).collect();
    let mut late: Vec<u64> = sends
        .iter()
        .filter_map(|send| Some(send.sent_ns.saturating_sub(send.deadline_ns?)))
        .collect();
    late.sort_unstable();
    let at = |q: f64| {
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an index into the sample"
        )]
        let index = (q * (late.len() - 1) as f64).round() as usize;
        late.get(index).map_or(0.0, |ns| *ns as f64 / 1000.0)
    };
    let first = sends.first().ok_or("no token was sent")?.sent_ns;
    let last = sends.last().ok_or("no token was sent")?.sent_ns;
    let rate = sends.len() as f64 * 1e9 / (last - first).max(1) as f64;
    println!(
        "{engine:10} {streams:7} {:8.0} {:8.0} {:8.0} {:8.0} {rate:10.0} {:13.1}",
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0),
        server_cpu_us(server.port())? / sends.len() as f64,
    );
    Ok(())
}

/// Processor time of the server's thread, in microseconds, from
/// `/proc/self/task/*/schedstat` (first field, nanoseconds).
fn server_cpu_us(port: u16) -> Result<f64, Box<dyn Error>> {
    for task in std::fs::read_dir("/proc/self/task")? {
        let task = task?.path();
        if std::fs::read_to_string(task.join("comm"))?.trim() == format!("serve-{port}") {
            let schedstat = std::fs::read_to_string(task.join("schedstat"))?;
            let ns: f64 = schedstat.split(' ').next().unwrap_or("0").parse()?;
            return Ok(ns / 1000.0);
        }
    }
    Err("the server's thread was not found".into())
}
