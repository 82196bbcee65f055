//! Streams of the simulated server, which runs in a process of its own.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, Command, Stdio};

use serde::Deserialize;
use tachograph_model::event::Stage;
use tachograph_model::options::{OptionValue, Options};
use tachograph_model::plan::{Api, ConnectionMode, PromptCache, Timeouts};
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_run::client::request::{Request, body};
use tachograph_run::client::{CallSpec, CallTrace, Driver, Endpoint, Stop, fetch};
use tachograph_run::clock;
use tachograph_serve::{SimulatedConfig, SimulatedServer};

use super::sample::{cpu_ns, peak_rss_kb};

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Streams at once, and the time between two tokens of one stream in milliseconds.
pub(crate) const LEVELS: [(u32, u64); 3] = [(1, 5), (64, 20), (512, 50)];

/// A line of the server's log of writes.
#[derive(Deserialize)]
pub(crate) struct Send {
    pub(crate) request: u64,
    pub(crate) kind: String,
    pub(crate) sent_ns: u64,
}

/// A line of the server's log of requests.
#[derive(Deserialize)]
pub(crate) struct Received {
    pub(crate) request: u64,
    pub(crate) received_ns: u64,
}

/// The server, in a process of its own that ends with its standard input.
pub(crate) struct Server {
    child: Child,
    pub(crate) endpoint: Endpoint,
}

impl Server {
    pub(crate) fn start() -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let mut url = String::new();
        BufReader::new(child.stdout.take().ok_or("no standard output")?).read_line(&mut url)?;
        Ok(Self { child, endpoint: Endpoint::parse(url.trim())? })
    }

    pub(crate) fn log<T: for<'de> Deserialize<'de>>(&self, path: &str) -> Result<Vec<T>, Failure> {
        let response = fetch(&self.endpoint, ("GET", path), None, &Timeouts::default(), None)?;
        let lines = response.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        Ok(lines.map(serde_json::from_slice).collect::<Result<_, _>>()?)
    }

    pub(crate) fn set(&self, path: &str, change: &str) -> Result<(), Failure> {
        let answer = fetch(
            &self.endpoint,
            ("POST", path),
            Some(change.as_bytes()),
            &Timeouts::default(),
            None,
        )?;
        if answer.status == 200 { Ok(()) } else { Err(String::from_utf8(answer.body)?.into()) }
    }

    pub(crate) fn stop(mut self) -> Result<(), Failure> {
        drop(self.child.stdin.take());
        self.child.wait()?;
        Ok(())
    }
}

#[expect(clippy::print_stdout, reason = "the parent reads the address there")]
pub(crate) fn serve() -> Result<(), Failure> {
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
pub(crate) struct Level {
    pub(crate) traces: Vec<CallTrace>,
    pub(crate) cpu_ns: u64,
    pub(crate) peak_rss_kb: u64,
}

/// Intervals over which the streams of a level start; odd, so that a power of two of
/// streams has that many different phases.
const START_INTERVALS: u64 = 21;

/// Runs `n_streams`, whose tokens are due evenly spread over the time between tokens.
pub(crate) fn run(
    endpoint: &Endpoint,
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
        driver.submit(spec(endpoint, call, n_tokens, start.after(delay))?);
    }
    let mut traces = Vec::new();
    while driver.n_pending() > 0 {
        traces.extend(driver.wait(None, &mut |_| {}));
    }
    Ok(Level { traces, cpu_ns: cpu_ns() - cpu_before, peak_rss_kb: peak_rss_kb() })
}
