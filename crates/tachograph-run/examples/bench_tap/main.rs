//! What the tap adds to a stream, and how much it can carry.
//!
//! `bench_tap [SECONDS]` starts the simulated server and a tap in processes of their own,
//! lets 1, 64 and 512 streams run for some seconds each, directly and through the tap in
//! turn, and prints two Markdown tables. The first: how long a chunk takes from just
//! before the server's write to the kernel of the client, directly and through the tap;
//! how long bytes stay in the tap (from its kernel's receive stamp to the end of its
//! write); and its processor time per chunk. The second: a server that writes as fast as
//! it can, and chunks per second of the tap's processor time.

#[path = "../measure/sample.rs"]
mod sample;
#[path = "../measure/simulated.rs"]
#[expect(dead_code, reason = "the benchmark of the client's stamps uses the rest")]
mod simulated;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitCode, Stdio};
use std::thread;

use sample::{Sample, cpu_ns, peak_rss_kb};
use serde::{Deserialize, Serialize};
use simulated::{Failure, LEVELS, Level, Send, Server, run, serve};
use tachograph_model::units::DurationNs;
use tachograph_run::client::{Endpoint, Stop};
use tachograph_run::tap::{Attribution, Listen, Tap, TapConfig};

/// Chunks of each stream of the second table.
const BLAST_CHUNKS: usize = 200_000;

/// What a tap says when it ends.
#[derive(Serialize, Deserialize)]
struct Used {
    cpu_ns: u64,
    peak_rss_kb: u64,
    /// How long bytes stayed in it, in nanoseconds, ascending.
    passages: Vec<u64>,
}

/// A tap in a process of its own that ends with its standard input.
struct TapProcess {
    child: Child,
    stdout: BufReader<ChildStdout>,
    endpoint: Endpoint,
}

impl TapProcess {
    fn start(upstream: &Endpoint) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--tap", &upstream.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut stdout = BufReader::new(child.stdout.take().ok_or("no standard output")?);
        let mut url = String::new();
        stdout.read_line(&mut url)?;
        Ok(Self { child, stdout, endpoint: Endpoint::parse(url.trim())? })
    }

    fn finish(mut self) -> Result<Used, Failure> {
        drop(self.child.stdin.take());
        let mut text = String::new();
        self.stdout.read_to_string(&mut text)?;
        self.child.wait()?;
        Ok(serde_json::from_str(&text)?)
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads it")]
fn tap(upstream: &str) -> Result<(), Failure> {
    let listen = Listen { agent: "bench".to_owned(), address: "127.0.0.1:0".parse()? };
    let mut tap = Tap::bind(TapConfig {
        listen: vec![listen],
        upstream: Endpoint::parse(upstream)?,
        server: "simulated".to_owned(),
        by: Attribution::Port,
        nonce: None,
        record: None,
        allow_remote: false,
    })?;
    println!("http://{}", tap.listening()["bench"]);
    let stop = Stop::new()?;
    thread::spawn({
        let stop = stop.clone();
        move || {
            drop(std::io::stdin().read_to_end(&mut Vec::new()));
            stop.stop();
        }
    });
    // Events go to another thread, as `tacho tap` has it.
    let (sender, events) = std::sync::mpsc::channel();
    let writer = thread::spawn(move || events.into_iter().count());
    let report = tap.run(&stop, &mut |source, event| {
        sender.send((source.to_owned(), event)).map_err(std::io::Error::other)
    })?;
    let used = Used {
        cpu_ns: cpu_ns(),
        peak_rss_kb: peak_rss_kb(),
        passages: report.passages.iter().map(|stayed| stayed.0).collect(),
    };
    drop(sender);
    writer.join().map_err(|_panic| "the writer failed")?;
    println!("{}", serde_json::to_string(&used)?);
    Ok(())
}

/// Returns how long each chunk took from the server's write to the client's kernel, in
/// microseconds.
fn ways(server: &Server, level: Level) -> Result<Sample, Failure> {
    let mut sends: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for send in server.log::<Send>("/tachograph/sends")? {
        if send.kind == "token" {
            sends.entry(send.request).or_default().push(send.sent_ns);
        }
    }
    let mut ways = Sample::default();
    for trace in level.traces {
        let request: u64 =
            trace.header("x-tachograph-request").ok_or("no request number")?.parse()?;
        let record = trace.into_record();
        if !record.is_completed() {
            return Err(format!("{:?}", record.finished).into());
        }
        let took = record.content_chunks().zip(&sends[&request]);
        ways.extend(took.map(|(chunk, sent)| (chunk.stamp().0 as f64 - *sent as f64) / 1e3));
    }
    Ok(ways)
}

fn cell(sample: &mut Sample) -> String {
    let at = |q| sample.quantile(q).map_or("-".to_owned(), |value| format!("{value:.1}"));
    [0.5, 0.99].map(at).join(" / ")
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn added(seconds: u64) -> Result<(), Failure> {
    println!(
        "| streams | chunks | way without p50 / p99 µs | way through the tap p50 / p99 µs | in the tap p50 / p99 µs | tap's CPU µs/chunk | tap's peak RSS MB |"
    );
    println!("|--:|--:|---|---|---|--:|--:|");
    let server = Server::start()?;
    for (n_streams, interval_ms) in LEVELS {
        let interval = DurationNs::from_millis(interval_ms);
        let n_tokens = seconds * 1_000 / interval_ms;
        let reset = || -> Result<(), Failure> {
            server.set("/tachograph/reset", "{}")?;
            server.set("/tachograph/config", &format!("{{\"output_token_ns\":{}}}", interval.0))
        };
        reset()?;
        let mut direct = ways(&server, run(&server.endpoint, n_streams, interval, n_tokens)?)?;
        reset()?;
        let tap = TapProcess::start(&server.endpoint)?;
        let mut through = ways(&server, run(&tap.endpoint, n_streams, interval, n_tokens)?)?;
        let used = tap.finish()?;
        let mut inside = Sample(used.passages.iter().map(|ns| *ns as f64 / 1e3).collect());
        let n_chunks = through.0.len();
        println!(
            "| {n_streams} | {n_chunks} | {} | {} | {} | {:.1} | {:.1} |",
            cell(&mut direct),
            cell(&mut through),
            cell(&mut inside),
            used.cpu_ns as f64 / 1e3 / n_chunks as f64,
            used.peak_rss_kb as f64 / 1_024.0,
        );
    }
    server.stop()
}

/// Writes chunks to every connection as fast as it takes them.
#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
fn blast() -> Result<(), Failure> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("http://{}", listener.local_addr()?);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            thread::spawn(move || drop(write_chunks(socket)));
        }
    });
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn write_chunks(mut socket: TcpStream) -> std::io::Result<()> {
    let n_bytes = socket.read(&mut [0; 4_096])?;
    debug_assert!(n_bytes > 0, "the request is small");
    socket.set_nodelay(true)?;
    let line = "{\"model\":\"m\",\"created_at\":\"2026-01-01T00:00:00Z\",\"response\":\" word\",\"done\":false}\n";
    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
    // Sixteen tokens a write: one write a token is the server's limit, not the tap's.
    let many = chunk.repeat(16);
    socket.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
    for _ in 0..BLAST_CHUNKS / 16 {
        socket.write_all(many.as_bytes())?;
    }
    let last = "{\"response\":\"\",\"done\":true}\n";
    socket.write_all(format!("{:x}\r\n{last}\r\n0\r\n\r\n", last.len()).as_bytes())
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn ceiling() -> Result<(), Failure> {
    println!(
        "| streams | chunks | chunks per second, all in all | chunks per second of the tap's CPU |"
    );
    println!("|--:|--:|--:|--:|");
    for n_streams in [1, 8] {
        let mut server = Command::new(std::env::current_exe()?)
            .arg("--blast")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(server.stdout.take().ok_or("no standard output")?).read_line(&mut url)?;
        let tap = TapProcess::start(&Endpoint::parse(url.trim())?)?;
        let address = format!("{}:{}", tap.endpoint.host(), tap.endpoint.port());
        let began = std::time::Instant::now();
        let readers: Vec<_> = (0..n_streams)
            .map(|_| {
                let address = address.clone();
                thread::spawn(move || -> std::io::Result<()> {
                    let mut socket = TcpStream::connect(address)?;
                    let body = "{\"model\":\"m\",\"prompt\":\"p\"}";
                    let length = body.len();
                    let request = format!(
                        "POST /api/generate HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
                    );
                    socket.write_all(request.as_bytes())?;
                    let mut buffer = vec![0; 256 * 1_024];
                    while socket.read(&mut buffer)? > 0 {}
                    Ok(())
                })
            })
            .collect();
        for reader in readers {
            reader.join().map_err(|_panic| "a reader failed")??;
        }
        let took_s = began.elapsed().as_secs_f64();
        let used = tap.finish()?;
        drop(server.stdin.take());
        server.wait()?;
        let n_chunks = (n_streams * BLAST_CHUNKS) as f64;
        let per_second = n_chunks / took_s;
        let per_cpu_second = n_chunks / (used.cpu_ns as f64 / 1e9);
        println!("| {n_streams} | {n_chunks:.0} | {per_second:.0} | {per_cpu_second:.0} |");
    }
    Ok(())
}

#[expect(clippy::print_stderr, clippy::print_stdout, reason = "a benchmark's result")]
fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let both = |seconds: u64| {
        added(seconds)?;
        println!();
        ceiling()
    };
    let result = match *arguments {
        ["--serve"] => serve(),
        ["--blast"] => blast(),
        ["--tap", upstream] => tap(upstream),
        [seconds] => seconds.parse().map_err(Failure::from).and_then(both),
        _ => both(3),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_tap: {error}");
            ExitCode::from(3)
        }
    }
}
