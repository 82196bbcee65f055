//! The client as a load generator: closed loop, OpenAI chat, one thread.
//!
//! ```text
//! bench_peer --url http://127.0.0.1:18100 -c 64 -r 256 -n 128 --json OUT
//! ```
//!
//! Keeps `-c` calls in flight until `-r` calls have ended, each with `max_tokens` of
//! `-n`, and writes one JSON object to OUT: `n_ok`, `n_err`, calls by status, the
//! means and quantiles of TTFT, ITL, TPOT and E2E in milliseconds, tokens by chunks
//! and by usage, and what contradicts what. Every event of every call is kept until
//! the end. Further options: `--fresh` opens a connection for each call;
//! `--stall S`, `--first S` and `--call S` set time-outs in seconds;
//! `--user-stamps` leaves the kernel's stamps out.

#[path = "../measure/sample.rs"]
mod sample;

use std::collections::BTreeMap;
use std::process::ExitCode;

use sample::{Sample, cpu_ns, peak_rss_kb};
use serde_json::{Value, json};
use tachograph_model::call::CallRecord;
use tachograph_model::event::{CallStatus, Chunk, Stage};
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::{Api, ConnectionMode, PromptCache, Timeouts};
use tachograph_model::units::DurationNs;
use tachograph_run::client::request::{Request, body};
use tachograph_run::client::{CallSpec, CallTrace, Driver, Endpoint, Stop};
use tachograph_run::clock;

struct Arguments {
    url: String,
    n_streams: u32,
    n_requests: u32,
    n_tokens: u32,
    json: Option<String>,
    connection: ConnectionMode,
    user_stamps: bool,
    timeouts: Timeouts,
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments {
        url: String::new(),
        n_streams: 1,
        n_requests: 1,
        n_tokens: 128,
        json: None,
        connection: ConnectionMode::Keepalive,
        user_stamps: false,
        timeouts: Timeouts { between_chunks_s: 10.0, ..Timeouts::default() },
    };
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        let number =
            |text: String| text.parse().map_err(|_unparsed| format!("{word} {text}: no number"));
        let seconds =
            |text: String| text.parse().map_err(|_unparsed| format!("{word} {text}: no number"));
        match word.as_str() {
            "--url" => arguments.url = value()?,
            "-c" => arguments.n_streams = number(value()?)?,
            "-r" => arguments.n_requests = number(value()?)?,
            "-n" => arguments.n_tokens = number(value()?)?,
            "--json" => arguments.json = Some(value()?),
            "--stall" => arguments.timeouts.between_chunks_s = seconds(value()?)?,
            "--first" => arguments.timeouts.first_token_s = seconds(value()?)?,
            "--call" => arguments.timeouts.call_s = seconds(value()?)?,
            "--fresh" => arguments.connection = ConnectionMode::Fresh,
            "--user-stamps" => arguments.user_stamps = true,
            _ => return Err(format!("unknown option {word}")),
        }
    }
    if arguments.url.is_empty() { Err("--url is missing".to_owned()) } else { Ok(arguments) }
}

fn spec(arguments: &Arguments, endpoint: &Endpoint, call: u32) -> CallSpec {
    let max_tokens = OptionValue::Integer(arguments.n_tokens.into());
    let options = Options::from([("max_tokens".to_owned(), max_tokens)]);
    let request = Request {
        api: Api::OpenaiChat,
        model: "truth",
        prompt: "hello there",
        options: &options,
        prompt_cache: PromptCache::On,
        stream: true,
    };
    CallSpec {
        call,
        stage: Stage::Analysis,
        server: "truth".to_owned(),
        endpoint: endpoint.clone(),
        api: Api::OpenaiChat,
        body: body(&request).text,
        nonce: None,
        connection: arguments.connection,
        timeouts: arguments.timeouts,
        secret: None,
        planned: None,
    }
}

/// Makes the calls; returns them and how long they took together, in seconds.
fn run(arguments: &Arguments, endpoint: &Endpoint) -> Result<(Vec<CallTrace>, f64), String> {
    let stop = Stop::new().map_err(|error| error.to_string())?;
    let mut driver = Driver::new(stop).map_err(|error| error.to_string())?;
    let started = clock::now();
    let mut traces = Vec::new();
    let mut n_submitted = arguments.n_streams.min(arguments.n_requests);
    for call in 0..n_submitted {
        driver.submit(spec(arguments, endpoint, call));
    }
    while driver.n_pending() > 0 {
        for trace in driver.wait(None, &mut |_| {}) {
            traces.push(trace);
            if n_submitted < arguments.n_requests {
                driver.submit(spec(arguments, endpoint, n_submitted));
                n_submitted += 1;
            }
        }
    }
    let wall = clock::now().since(started).map_or(0.0, DurationNs::as_seconds);
    Ok((traces, wall))
}

/// Returns mean and quantiles of a sample, or null of no values.
fn summary(sample: &mut Sample, kind: &str) -> Value {
    let quantiles = [0.0, 0.5, 0.99, 1.0].map(|q| sample.quantile(q));
    let [Some(min), Some(p50), Some(p99), Some(max)] = quantiles else { return Value::Null };
    let count = sample.0.len();
    let mean = sample.0.iter().sum::<f64>() / count as f64;
    json!({"mean": mean, "p50": p50, "p99": p99, "min": min, "max": max, "count": count, "kind": kind})
}

#[derive(Default)]
struct Totals {
    statuses: BTreeMap<&'static str, u32>,
    errors: BTreeMap<String, u32>,
    ttft_ms: Sample,
    gap_ms: Sample,
    tpot_ms: Sample,
    e2e_ms: Sample,
    delay_us: Sample,
    n_ok: u32,
    n_chunks: u64,
    n_events: u64,
    usage_tokens: u64,
    n_usage_contradicted: u32,
    n_multi_token: u32,
}

impl Totals {
    fn add(&mut self, arguments: &Arguments, mut record: CallRecord) {
        *self.statuses.entry(record.finished.status.name()).or_default() += 1;
        self.n_events += record.chunks.len() as u64 + 2;
        if let Some(error) = &record.finished.error {
            *self.errors.entry(error.clone()).or_default() += 1;
        }
        if record.finished.status != CallStatus::Completed {
            return;
        }
        self.n_ok += 1;
        if arguments.user_stamps {
            record.chunks.iter_mut().for_each(|chunk| chunk.kernel_ns = None);
            record.finished.end_ns =
                record.chunks.last().map_or(record.finished.end_ns, |chunk| chunk.at_ns);
        }
        let n_content = record.content_chunks().count() as u64;
        self.n_chunks += n_content;
        let usage = record.finished.usage.output_tokens;
        self.usage_tokens += usage.unwrap_or(0);
        let is_contradicted = record.usage_is_contradicted();
        self.n_usage_contradicted += u32::from(is_contradicted);
        self.n_multi_token +=
            u32::from(!is_contradicted && usage.is_some_and(|tokens| tokens > n_content));
        if is_contradicted {
            record.finished.usage.output_tokens = None;
        }
        self.ttft_ms.extend(record.ttft().map(DurationNs::as_millis));
        self.e2e_ms.extend(record.e2e().map(DurationNs::as_millis));
        self.tpot_ms.extend(record.tpot_ns().map(|tpot| tpot / 1e6));
        self.gap_ms.extend(record.inter_token_latencies().map(DurationNs::as_millis));
        let delays = record.content_chunks().filter_map(Chunk::scheduling_delay);
        self.delay_us.extend(delays.map(|delay| delay.as_millis() * 1e3));
    }

    fn document(&mut self, wall_s: f64, cpu_s: f64, n_requests: u32) -> Value {
        // Where chunks hold several tokens, a gap between chunks is no ITL; the time per
        // token of each call is.
        let itl = if self.n_multi_token == 0 {
            summary(&mut self.gap_ms, "pooled")
        } else {
            summary(&mut self.tpot_ms, "per_request")
        };
        json!({
            "n_ok": self.n_ok,
            "n_err": n_requests - self.n_ok,
            "statuses": self.statuses,
            "errors": self.errors,
            "ttft_ms": summary(&mut self.ttft_ms, "per_request"),
            "itl_ms": itl,
            "inter_chunk_ms": summary(&mut self.gap_ms, "pooled"),
            "tpot_ms": summary(&mut self.tpot_ms, "per_request"),
            "e2e_ms": summary(&mut self.e2e_ms, "per_request"),
            "scheduling_delay_us": summary(&mut self.delay_us, "pooled"),
            "tokens": self.n_chunks,
            "usage_tokens": self.usage_tokens,
            "tok_per_s": self.n_chunks as f64 / wall_s,
            "flags": {
                "usage_contradicted": self.n_usage_contradicted,
                "several_tokens_per_chunk": self.n_multi_token,
            },
            "events_kept": self.n_events,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "peak_rss_kb": peak_rss_kb(),
        })
    }
}

#[expect(clippy::print_stdout, reason = "a benchmark's result")]
fn measure(arguments: &Arguments) -> Result<(), String> {
    let endpoint = Endpoint::parse(&arguments.url).map_err(|error| error.to_string())?;
    let (traces, wall_s) = run(arguments, &endpoint)?;
    let cpu_s = cpu_ns() as f64 / 1e9;
    let mut totals = Totals::default();
    for trace in traces {
        totals.add(arguments, trace.into_record());
    }
    let document = totals.document(wall_s, cpu_s, arguments.n_requests).to_string();
    if let Some(path) = &arguments.json {
        std::fs::write(path, document).map_err(|error| format!("could not write {path}: {error}"))
    } else {
        println!("{document}");
        Ok(())
    }
}

#[expect(clippy::print_stderr, reason = "a benchmark's result")]
fn main() -> ExitCode {
    match parse(std::env::args().skip(1)).and_then(|arguments| measure(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("bench_peer: {message}");
            ExitCode::from(3)
        }
    }
}
