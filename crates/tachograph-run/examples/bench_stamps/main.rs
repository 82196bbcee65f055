//! How true the client's stamps are, against a server that logs what it sends.
//!
//! `bench_stamps [SECONDS]` starts the simulated server in a process of its own, lets
//! 1, 64 and 512 streams run for some seconds each (200, 3,200 and 10,240 tokens per
//! second), and prints one Markdown table: the error of TTFT and of each chunk's
//! stamp, with the kernel's stamps and with the user's, the client's processor time
//! per token and its peak memory. The error of a stamp is its distance from the
//! instant just before the server's write, so it holds the write itself. Chunks that
//! are not the last of their read have no stamp of their own: they are counted as
//! coalesced, and only the last one's error enters.

#[path = "../measure/sample.rs"]
mod sample;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, ExitCode, Stdio};

use sample::{Sample, cpu_ns, peak_rss_kb};
use serde::Deserialize;
use tachograph_model::call::CallRecord;
use tachograph_model::event::Stage;
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::{Api, ConnectionMode, PromptCache, Timeouts};
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_run::client::request::{Request, body};
use tachograph_run::client::{CallSpec, CallTrace, Driver, Endpoint, Stop, fetch};
use tachograph_run::clock;
use tachograph_serve::{SimulatedConfig, SimulatedServer};

/// Streams at once, and the time between two tokens of one stream in milliseconds.
const LEVELS: [(u32, u64); 3] = [(1, 5), (64, 20), (512, 50)];

type Failure = Box<dyn std::error::Error>;

/// A line of the server's log of writes.
#[derive(Deserialize)]
struct Send {
    request: u64,
    kind: String,
    sent_ns: u64,
}

/// A line of the server's log of requests.
#[derive(Deserialize)]
struct Received {
    request: u64,
    received_ns: u64,
}

/// The server, in a process of its own that ends with its standard input.
struct Server {
    child: Child,
    endpoint: Endpoint,
}

impl Server {
    fn start() -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut url)?;
        Ok(Self { child, endpoint: Endpoint::parse(url.trim())? })
    }

    fn log<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let response = fetch(&self.endpoint, ("GET", path), None, &Timeouts::default(), None)?;
        let lines = response.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?)
    }

    fn set(&self, path: &str, change: &str) -> Result<(), Failure> {
        let answer = fetch(
            &self.endpoint,
            ("POST", path),
            Some(change.as_bytes()),
            &Timeouts::default(),
            None,
        )?;
        if answer.status == 200 { Ok(()) } else { Err(String::from_utf8(answer.body)?.into()) }
    }

    fn stop(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
fn serve() -> Result<(), Failure> {
    let server = SimulatedServer::start(SimulatedConfig {
        num_parallel: 1_024,
        fill_num_predict: true,
        load_ns: 0,
        prompt_cache: false,
        ..SimulatedConfig::default()
    })?;
    println!("{}", server.url());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn spec(
    endpoint: &Endpoint,
    call: u32,
    n_tokens: u64,
    planned: InstantNs,
) -> Result<CallSpec, Failure> {
    let max_tokens = OptionValue::Integer(n_tokens.try_into()?);
    let options = Options::from([("max_tokens".to_owned(), max_tokens)]);
    let request = Request {
        api: Api::OpenaiChat,
        model: &SimulatedConfig::default().model,
        prompt: "hello there",
        options: &options,
        prompt_cache: PromptCache::On,
        stream: true,
    };
    Ok(CallSpec {
        call,
        stage: Stage::Analysis,
        server: "simulated".to_owned(),
        endpoint: endpoint.clone(),
        api: Api::OpenaiChat,
        body: body(&request).text,
        nonce: None,
        connection: ConnectionMode::Fresh,
        timeouts: Timeouts::default(),
        secret: None,
        planned: Some(planned),
    })
}

/// What one level came to.
struct Level {
    traces: Vec<CallTrace>,
    cpu_ns: u64,
    peak_rss_kb: u64,
}

/// Intervals over which the streams of a level start; odd, so that a power of two of
/// streams has that many different phases.
const START_INTERVALS: u64 = 21;

/// Runs `n_streams`, whose tokens are due evenly spread over the time between tokens.
fn run(
    server: &Server,
    n_streams: u32,
    interval: DurationNs,
    n_tokens: u64,
) -> Result<Level, Failure> {
    let mut driver = Driver::new(Stop::new()?)?;
    let cpu_before = cpu_ns();
    let start = clock::now().after(DurationNs::from_millis(20));
    let spread = DurationNs(interval.0 * START_INTERVALS);
    for call in 0..n_streams {
        let delay = DurationNs(spread.0 * u64::from(call) / u64::from(n_streams));
        driver.submit(spec(&server.endpoint, call, n_tokens, start.after(delay))?);
    }
    let mut traces = Vec::new();
    while driver.n_pending() > 0 {
        traces.extend(driver.wait(None, &mut |_| {}));
    }
    Ok(Level { traces, cpu_ns: cpu_ns() - cpu_before, peak_rss_kb: peak_rss_kb() })
}

/// Errors of one kind of stamp, in microseconds.
#[derive(Default)]
struct Errors {
    ttft: Sample,
    chunk: Sample,
}

impl Errors {
    fn add(&mut self, record: &CallRecord, sends: &[u64], received_ns: u64) {
        let truth = |sent_ns: u64| (sent_ns - received_ns) as f64;
        let first = sends.first().zip(record.ttft());
        self.ttft.extend(first.map(|(sent, ttft)| (ttft.0 as f64 - truth(*sent)) / 1e3));
        let chunks: Vec<_> = record.content_chunks().collect();
        let is_last =
            |index: usize| chunks.get(index + 1).is_none_or(|next| next.read != chunks[index].read);
        let errors = chunks
            .iter()
            .zip(sends)
            .enumerate()
            .filter(|(index, _)| is_last(*index))
            .map(|(_, (chunk, sent))| i128::from(chunk.stamp().0) - i128::from(*sent))
            .map(|error_ns| error_ns as f64 / 1e3);
        self.chunk.extend(errors);
    }

    fn cells(&mut self) -> String {
        let cell = |sample: &mut Sample| {
            let at = |q| sample.quantile(q).map_or("-".to_owned(), |value| format!("{value:.1}"));
            [0.5, 0.99, 1.0].map(at).join(" / ")
        };
        format!("{} | {}", cell(&mut self.ttft), cell(&mut self.chunk))
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn measure(seconds: u64) -> Result<(), Failure> {
    let server = Server::start()?;
    println!(
        "| streams | stamps | tokens | coalesced | TTFT error p50 / p99 / max µs | chunk error p50 / p99 / max µs | CPU µs/token | peak RSS MB |"
    );
    println!("|--:|---|--:|--:|---|---|--:|--:|");
    for (n_streams, interval_ms) in LEVELS {
        let interval = DurationNs::from_millis(interval_ms);
        server.set("/tachograph/reset", "{}")?;
        server.set("/tachograph/config", &format!("{{\"output_token_ns\":{}}}", interval.0))?;
        let n_tokens = seconds * 1_000 / interval_ms;
        let level = run(&server, n_streams, interval, n_tokens)?;
        let mut sends: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for send in server.log::<Send>("/tachograph/sends")? {
            if send.kind == "token" {
                sends.entry(send.request).or_default().push(send.sent_ns);
            }
        }
        let received = server.log::<Received>("/tachograph/requests")?;
        let received: BTreeMap<u64, u64> =
            received.into_iter().map(|line| (line.request, line.received_ns)).collect();
        let (mut kernel, mut user) = (Errors::default(), Errors::default());
        let (mut total, mut n_coalesced) = (0, 0);
        for trace in level.traces {
            let request: u64 =
                trace.header("x-tachograph-request").ok_or("no request number")?.parse()?;
            let mut record = trace.into_record();
            let (sends, received) = (&sends[&request], received[&request]);
            let n_content = record.content_chunks().count();
            if !record.is_completed() || n_content != sends.len() {
                return Err(format!(
                    "{n_content} of {} chunks: {:?}",
                    sends.len(),
                    record.finished
                )
                .into());
            }
            total += n_content;
            n_coalesced += record.n_coalesced();
            if record.chunks.iter().all(|chunk| chunk.kernel_ns.is_some()) {
                kernel.add(&record, sends, received);
            }
            record.chunks.iter_mut().for_each(|chunk| chunk.kernel_ns = None);
            user.add(&record, sends, received);
        }
        let cpu_us = level.cpu_ns as f64 / 1e3 / total as f64;
        let rss_mb = level.peak_rss_kb as f64 / 1_024.0;
        for (name, errors) in [("kernel", &mut kernel), ("user", &mut user)] {
            println!(
                "| {n_streams} | {name} | {total} | {n_coalesced} | {} | {cpu_us:.1} | {rss_mb:.1} |",
                errors.cells()
            );
        }
    }
    server.stop()
}

#[expect(clippy::print_stderr, reason = "a benchmark's result")]
fn main() -> ExitCode {
    let argument = std::env::args().nth(1);
    let result = match argument.as_deref() {
        Some("--serve") => serve(),
        Some(text) => text.parse().map_err(Failure::from).and_then(measure),
        None => measure(3),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench_stamps: {error}");
            ExitCode::from(3)
        }
    }
}
