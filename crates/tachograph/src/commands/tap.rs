//! `tacho tap`: a recording proxy between any agent and a server.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::sync::mpsc::{self, Receiver};

use serde_json::json;
use tachograph_model::event::{CallStatus, Recorded};
use tachograph_model::units::DurationNs;
use tachograph_run::client::Stop;
use tachograph_run::tap::{Report, Tap, TapConfig, TapError};

use crate::args::TapArgs;
use crate::failure::{Exit, Failure};
use crate::signals;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &TapArgs) -> Result<Exit, Failure> {
    let upstream = args.upstream.clone();
    let server = args
        .server
        .clone()
        .unwrap_or_else(|| upstream.to_string().trim_start_matches("http://").to_owned());
    let config = TapConfig {
        listen: args.listen.clone(),
        upstream,
        server,
        by: args.by.into(),
        nonce: args.nonce.clone(),
        record: args.record.clone(),
        allow_remote: args.allow_remote,
    };
    let mut tap = Tap::bind(config).map_err(|error| failure(&error))?;
    let sink: Box<dyn Write + Send> = match &args.events {
        None => Box::new(BufWriter::new(io::stdout())),
        Some(path) => {
            let file = File::create(path).map_err(|error| {
                let message = format!("could not write {}: {error}", path.display());
                Failure::new(Exit::Usage, message)
            })?;
            Box::new(BufWriter::new(file))
        }
    };
    let stop = Stop::new().map_err(|error| Failure::failed(&error))?;
    signals::on_each({
        let stop = stop.clone();
        move || stop.stop()
    })?;
    if args.until_stdin_closes {
        let stop = stop.clone();
        std::thread::spawn(move || {
            // Nothing is expected to come; an error is an end, too.
            drop(io::copy(&mut io::stdin(), &mut io::sink()));
            stop.stop();
        });
    }
    announce(&tap, args);
    // Events become text on another thread, so that no stream waits for it.
    let (sender, events) = mpsc::channel();
    let writer = std::thread::spawn(move || write_all(&events, sink));
    let mut say = |source: &str, event| {
        let recorded = Recorded { source: source.to_owned(), event };
        sender.send(recorded).map_err(|_ended| io::Error::from(io::ErrorKind::BrokenPipe))
    };
    let result = tap.run(&stop, &mut say);
    drop(sender);
    let written = writer.join().unwrap_or_else(|_panic| Err(io::ErrorKind::Other.into()));
    // What the writer says is the cause, if it ended first.
    written.map_err(|source| failure(&TapError::Write { source }))?;
    let report = result.map_err(|error| failure(&error))?;
    if args.events.is_some() {
        summarise(&report);
    }
    Ok(Exit::Done)
}

/// Writes events, one to a line, until no more come. What waits is written together.
fn write_all(events: &Receiver<Recorded>, mut sink: Box<dyn Write + Send>) -> io::Result<()> {
    while let Ok(first) = events.recv() {
        for recorded in std::iter::once(first).chain(events.try_iter()) {
            serde_json::to_writer(&mut sink, &recorded).map_err(io::Error::from)?;
            sink.write_all(b"\n")?;
        }
        sink.flush()?;
    }
    Ok(())
}

fn failure(error: &TapError) -> Failure {
    match error {
        TapError::NoAddress
        | TapError::Twice { .. }
        | TapError::Remote { .. }
        | TapError::Tls { .. }
        | TapError::Cassette { .. } => Failure::usage(error),
        _ => Failure::failed(error),
    }
}

/// Says where the tap listens: for programs, on one line of standard output; for people,
/// on standard error.
fn announce(tap: &Tap, args: &TapArgs) {
    let listen: BTreeMap<String, String> = tap
        .listening()
        .into_iter()
        .map(|(agent, address)| (agent, format!("http://{address}")))
        .collect();
    out(json!({ "type": "tap", "listen": listen, "upstream": args.upstream.to_string() }));
    if args.events.is_some() {
        for (agent, url) in &listen {
            note(format!("{agent}: {url} in front of {}; Ctrl-C ends", args.upstream));
        }
    }
}

/// Writes what was seen for a person.
fn summarise(report: &Report) {
    let millis = |sorted: &[DurationNs]| match sorted {
        [] => "–".to_owned(),
        [first, .., last] => {
            let middle = sorted[sorted.len() / 2];
            format!(
                "{:.1} ms ({:.1} to {:.1})",
                middle.as_millis(),
                first.as_millis(),
                last.as_millis()
            )
        }
        [only] => format!("{:.1} ms", only.as_millis()),
    };
    for (agent, own) in &report.agents {
        let of = |status: &CallStatus| own.statuses.get(status).copied().unwrap_or(0);
        let n_calls: u64 = own.statuses.values().sum();
        let failed: Vec<String> = CallStatus::ALL
            .iter()
            .filter(|status| **status != CallStatus::Completed && of(status) > 0)
            .map(|status| format!("{} {}", of(status), status.name()))
            .collect();
        let failed =
            if failed.is_empty() { String::new() } else { format!(", {}", failed.join(", ")) };
        note(format!(
            "{agent}: {n_calls} calls, {} completed{failed}; {} output tokens; TTFT median {}; \
             latency median {}",
            of(&CallStatus::Completed),
            own.output_tokens,
            millis(&own.ttft),
            millis(&own.e2e),
        ));
    }
    if report.agents.is_empty() {
        note("no calls for text came through");
    }
    let at = |share: usize| report.passages.get(report.passages.len() * share / 100);
    if let (Some(median), Some(p99)) = (at(50), at(99)) {
        note(format!(
            "bytes stayed in the tap for {:.0} µs (median), {:.0} µs (99th percentile of {})",
            median.as_millis() * 1e3,
            p99.as_millis() * 1e3,
            report.passages.len()
        ));
    }
    if report.n_unreadable > 0 {
        note(format!(
            "{} requests or connections could not be read; they were passed on and not recorded",
            report.n_unreadable
        ));
    }
}
