//! What it costs to run many agents at once, and how well they begin together.
//!
//! ```text
//! cargo build --release -p tachograph --bins --examples
//! target/release/examples/orchestration        # three studies for each length of call
//! target/release/examples/orchestration 1      # one
//! ```
//!
//! Owns: studies on the simulated engine, whose calls do not slow one another down, so
//! that what is missing to perfect concurrency is the harness's and the machine's.
//! They are made by the `tacho` beside this program, and read back from their events.
//!
//! Does not: measure a server.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tachograph_model::event::{Event, ProcessResources, Recorded, Stage};
use tachograph_model::units::InstantNs;
use tachograph_store::Study;

/// Agents at once.
const COUNTS: [usize; 3] = [2, 8, 32];

/// Calls of each agent that count.
const N_CALLS: u64 = 2;

/// How long the calls of a study take.
struct Length {
    name: &'static str,
    n_tokens: u64,
    token_ns: u64,
}

const LENGTHS: [Length; 2] = [
    Length { name: "20 ms", n_tokens: 10, token_ns: 2_000_000 },
    Length { name: "5 s", n_tokens: 50, token_ns: 100_000_000 },
];

fn main() -> Result<(), Box<dyn Error>> {
    let n_studies = std::env::args().nth(1).map_or(Ok(3), |text| text.parse())?;
    let tacho = beside()?;
    println!(
        "median (worst) of {n_studies} runs\n\n\
         | calls | agents | efficiency, % | begins apart, ms | begin late, ms | beyond the calls, ms \
         | CPU of an agent, ms | peak memory of an agent, MB |\n\
         |---|--:|---|---|---|---|---|---|"
    );
    for length in &LENGTHS {
        let mut figures: BTreeMap<usize, Vec<Figures>> = BTreeMap::new();
        for _ in 0..n_studies {
            for (n_agents, of_run) in study(&tacho, length)? {
                figures.entry(n_agents).or_default().push(of_run);
            }
        }
        for (n_agents, of_runs) in figures {
            println!("{}", row(length.name, n_agents, &of_runs));
        }
    }
    Ok(())
}

/// Returns the path of the program that was built with this one.
fn beside() -> Result<PathBuf, Box<dyn Error>> {
    let myself = std::env::current_exe()?;
    let folder = myself.parent().and_then(Path::parent).ok_or("this program has no folder")?;
    let tacho = folder.join("tacho");
    if tacho.is_file() {
        Ok(tacho)
    } else {
        Err(format!("{} is not built", tacho.display()).into())
    }
}

/// Makes a study and returns the figures of its concurrent runs, by their agents.
fn study(tacho: &Path, length: &Length) -> Result<Vec<(usize, Figures)>, Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("data"))?;
    fs::write(folder.path().join("data/runs.csv"), "run,ttft_ms\n1,20\n2,22\n")?;
    fs::write(folder.path().join("plan.toml"), plan(length))?;
    let status = Command::new(tacho)
        .args(["run", "plan.toml", "-o", "study"])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    if !status.success() {
        return Err(format!("the study failed: {status}").into());
    }
    let study = Study::open(&folder.path().join("study"))?;
    let mut all = Vec::new();
    for run in study.runs() {
        let events = run?.events;
        let spawned = |it: &&Recorded| matches!(it.event, Event::ProcessSpawned(_));
        let n_agents = events.iter().filter(spawned).count();
        if n_agents > 1 {
            all.push((n_agents, Figures::of(&events, length)?));
        }
    }
    Ok(all)
}

fn plan(length: &Length) -> String {
    let counts: Vec<String> = COUNTS.iter().map(usize::to_string).collect();
    format!(
        "schema = 'tachograph-plan/1'\nname = 'orchestration'\nblocks = 1\nwarmup_calls = 1\n\
         prompt_cache = 'off'\n\
         [[servers]]\nname = 'main'\nmodel = 'sim:1b'\n\
         [servers.managed]\nengine = 'simulated'\nparallel = {parallel}\n\
         [servers.managed.set]\nfill_num_predict = true\nload_ns = 0\nloaded_check_ns = 0\n\
         prompt_base_ns = 0\nprompt_token_ns = 0\nfinal_delay_ns = 0\noutput_token_ns = {token_ns}\n\
         [[topologies]]\nname = 'shared'\nservers = ['main']\n\
         [[agents]]\nname = 'agent'\ninput = 'data'\n\
         [options]\nnum_predict = {n_tokens}\n\
         [[phases]]\nname = 'p'\n[[phases.matrices]]\nscenarios = ['chimera-homo']\n\
         topologies = ['shared']\ncounts = [{counts}]\n",
        parallel = COUNTS.iter().max().unwrap_or(&1),
        token_ns = length.token_ns,
        n_tokens = length.n_tokens,
        counts = counts.join(", "),
    )
}

/// The figures of one run.
struct Figures {
    efficiency: f64,
    spread_ms: f64,
    late_ms: f64,
    beyond_ms: f64,
    cpu_ms: f64,
    peak_mb: f64,
}

/// What is known of an agent.
#[derive(Default)]
struct Agent {
    begin: Option<InstantNs>,
    end: Option<InstantNs>,
    resources: Option<ProcessResources>,
}

impl Figures {
    fn of(events: &[Recorded], length: &Length) -> Result<Self, Box<dyn Error>> {
        let mut agents: BTreeMap<&str, Agent> = BTreeMap::new();
        let mut start = None;
        for recorded in events {
            let source = &*recorded.source;
            match &recorded.event {
                Event::Released(released) => start = Some(released.start_at_ns),
                Event::StageStarted(mark) if mark.stage != Stage::Warmup => {
                    agents.entry(source).or_default().begin.get_or_insert(mark.at_ns);
                }
                Event::Done(done) => agents.entry(source).or_default().end = Some(done.at_ns),
                Event::ProcessExited(exited) => {
                    let agent = agents.entry(&*exited.agent).or_default();
                    agent.resources.clone_from(&exited.resources);
                }
                _ => {}
            }
        }
        let start = start.ok_or("nobody was released")?;
        let known = |agent: &Agent| {
            let resources = agent.resources.as_ref()?;
            let cpu_ns = resources.user_cpu_ns.0 + resources.system_cpu_ns.0;
            Some((agent.begin?.0, agent.end?.0, cpu_ns, resources.peak_rss_bytes))
        };
        let known: Vec<_> =
            agents.values().map(known).collect::<Option<_>>().ok_or("an agent says too little")?;
        let n = known.len() as f64;
        let first = known.iter().map(|it| it.0).min().unwrap_or_default();
        let latest = known.iter().map(|it| it.0).max().unwrap_or_default();
        let last = known.iter().map(|it| it.1).max().unwrap_or_default();
        let walls_ns: u64 = known.iter().map(|it| it.1 - it.0).sum();
        let ms = |ns: u64| ns as f64 / 1e6;
        let call_ms = ms(length.n_tokens * length.token_ns);
        Ok(Self {
            efficiency: walls_ns as f64 / (n * (last - first) as f64),
            spread_ms: ms(latest - first),
            late_ms: ms(latest.saturating_sub(start.0)),
            beyond_ms: ms(walls_ns) / n - N_CALLS as f64 * call_ms,
            cpu_ms: ms(known.iter().map(|it| it.2).sum()) / n,
            peak_mb: known.iter().map(|it| it.3).max().unwrap_or_default() as f64 / 1e6,
        })
    }
}

/// Returns a row of the table: the median of each figure, and its worst.
fn row(length: &str, n_agents: usize, of_runs: &[Figures]) -> String {
    let mut row = format!("| {length} | {n_agents} |");
    let mut cell = |figure: &dyn Fn(&Figures) -> f64, is_better_small: bool, decimals: usize| {
        let mut all: Vec<f64> = of_runs.iter().map(figure).collect();
        all.sort_by(f64::total_cmp);
        let middle = f64::midpoint(all[(all.len() - 1) / 2], all[all.len() / 2]);
        let worst = if is_better_small { all[all.len() - 1] } else { all[0] };
        let _infallible = write!(row, " {middle:.decimals$} ({worst:.decimals$}) |");
    };
    cell(&|it| it.efficiency * 100.0, false, 3);
    cell(&|it| it.spread_ms, true, 2);
    cell(&|it| it.late_ms, true, 2);
    cell(&|it| it.beyond_ms, true, 1);
    cell(&|it| it.cpu_ms, true, 1);
    cell(&|it| it.peak_mb, true, 1);
    row
}
