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
#[path = "../measure/simulated.rs"]
mod simulated;

use std::collections::BTreeMap;
use std::process::ExitCode;

use sample::Sample;
use simulated::{Failure, LEVELS, Received, Send, Server, run, serve};
use tachograph_model::call::CallRecord;
use tachograph_model::units::DurationNs;

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
        let level = run(&server.endpoint, n_streams, interval, n_tokens)?;
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
