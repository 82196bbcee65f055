//! `tacho record`: what a live server answers to a plan's agents, as a cassette.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use tachograph_model::cassette::{Cassette, Header};
use tachograph_model::environment::ServerIdentity;
use tachograph_model::event::RunOutcome;
use tachograph_model::plan::implementations::{BuiltIn, Protocol};
use tachograph_model::plan::{AgentSpec, Plan, PromptCache, Server, expand};
use tachograph_model::run::{Arm, Run};
use tachograph_run::execute::{Interrupt, InterruptLevel, Programs, RunContext, execute_run};
use tachograph_run::sensors::Sensors;

use crate::args::RecordArgs;
use crate::failure::{Exit, Failure};
use crate::loaded_plan::{self, LoadedPlan};
use crate::terminal::{note, out};
use crate::{inputs, session, signals};

/// Carries the command out.
pub(crate) fn execute(args: &RecordArgs) -> Result<Exit, Failure> {
    let loaded = loaded_plan::load(&args.plan, &args.overrides)?;
    if args.output.exists() && !args.force {
        let message = format!("{} exists already", args.output.display());
        return Err(Failure::new(Exit::Usage, message)
            .help("choose another file with -o, or replace it with --force"));
    }
    let cassette = record(&loaded, args.from.as_deref(), &args.output, args.cache.as_deref())?;
    out(format!(
        "{}: {} exchanges, SHA-256 {}",
        args.output.display(),
        cassette.interactions.len(),
        cassette.sha256
    ));
    Ok(Exit::Done)
}

/// Lets the native agent send every request of the plan once to a live server of it, and
/// records the answers.
///
/// # Errors
///
/// A failure if the plan cannot be recorded or a call fails; no cassette is left then.
pub(crate) fn record(
    loaded: &LoadedPlan,
    from: Option<&str>,
    output: &Path,
    cache: Option<&Path>,
) -> Result<Cassette, Failure> {
    let live = live_server(&loaded.plan, from)?;
    if !loaded.plan.options.contains_key("seed") {
        let message = "a recording answers the very requests that it heard, and this plan has another \
                       seed in each block";
        return Err(Failure::new(Exit::Usage, message).help("fix the option: [options] seed = 1"));
    }
    let plan = adapted(&loaded.plan, &live);
    let runs = runs(&loaded.plan, &plan, &live);
    let inputs = inputs::resolve(&plan, Some(&loaded.folder), cache)?;
    let servers = session::Servers::start(&plan, Some(&loaded.folder), cache)?;
    let identity = servers.identities.get(&live.name).cloned().unwrap_or_default();
    let partial = Partial::create(output, identity)?;
    carry_out(&plan, &runs, servers, &inputs, &partial)?;
    let bytes = fs::read(&partial.0).map_err(|error| Failure::failed(&error))?;
    let cassette = Cassette::parse(&bytes).map_err(|error| Failure::failed(&error))?;
    let n_calls = runs.len() * 2;
    if cassette.interactions.len() < n_calls {
        let message = format!(
            "{} exchanges were recorded of {n_calls} that the runs made",
            cassette.interactions.len()
        );
        return Err(Failure::new(Exit::Failed, message));
    }
    fs::rename(&partial.0, output).map_err(|error| {
        Failure::new(Exit::Failed, format!("could not write {}: {error}", output.display()))
    })?;
    Ok(cassette)
}

/// A cassette that is not complete; dropping it removes it.
struct Partial(PathBuf);

impl Partial {
    /// Begins a cassette of the server beside `output`.
    fn create(output: &Path, server: ServerIdentity) -> Result<Self, Failure> {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".partial");
        let path = std::path::absolute(output.with_file_name(name))
            .map_err(|error| Failure::failed(&error))?;
        let header = serde_json::to_string(&Header::new(server)).expect("a header is JSON");
        let written = File::create(&path).and_then(|mut file| writeln!(file, "{header}"));
        written.map_err(|error| {
            Failure::new(Exit::Usage, format!("could not write {}: {error}", path.display()))
        })?;
        Ok(Self(path))
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Renamed, it is not there any more.
        drop(fs::remove_file(&self.0));
    }
}

/// Returns the server to record: the one named, else the plan's first that is live.
fn live_server(plan: &Plan, from: Option<&str>) -> Result<Server, Failure> {
    let mut live = plan.servers.iter().filter(|server| !server.is_recording());
    let names = || -> Vec<&str> { plan.servers.iter().map(|server| &*server.name).collect() };
    let found = match from {
        None => live.next(),
        Some(name) => live.find(|server| server.name == name),
    };
    found.cloned().ok_or_else(|| {
        let message = match from {
            None => "the plan has no live server to record".to_owned(),
            Some(name) => format!("the plan has no live server `{name}`"),
        };
        Failure::new(Exit::Usage, message).help(format!("its servers: {}", names().join(", ")))
    })
}

/// Returns the plan with the live server alone, native agents, and prompts without nonces.
fn adapted(plan: &Plan, live: &Server) -> Plan {
    let mut plan = plan.clone();
    plan.servers = vec![live.clone()];
    if plan.prompt_cache == PromptCache::Nonce {
        // A nonce would make every request another one.
        plan.prompt_cache = PromptCache::On;
    }
    for agent in &mut plan.agents {
        agent.server = Some(live.name.clone());
        agent.implementation = BuiltIn::Native;
        agent.command = None;
        agent.protocol = Protocol::Worker;
    }
    plan
}

/// Returns what makes the requests of an agent, its options apart.
fn words(agent: &AgentSpec) -> String {
    format!("{:?} {:?} {} {}", agent.role, agent.prompts, agent.input, agent.summary_bytes)
}

/// Returns runs of the first block that send every request of the plan's agents once, on
/// the live server.
fn runs(original: &Plan, plan: &Plan, live: &Server) -> Vec<Run> {
    let mut seen = BTreeSet::new();
    let mut runs: Vec<Run> = expand::runs(original)
        .into_iter()
        .filter(|run| run.id.block == 1 && run.arm != Arm::Concurrent)
        .filter(|run| {
            let Some(placement) = run.placements.first() else { return false };
            let Some(agent) = plan.agent(&placement.spec) else { return false };
            seen.insert(format!("{} {:?}", words(agent), placement.options))
        })
        .collect();
    for placement in runs.iter_mut().flat_map(|run| &mut run.placements) {
        placement.server.clone_from(&live.name);
    }
    runs
}

fn carry_out(
    plan: &Plan,
    runs: &[Run],
    mut servers: session::Servers,
    inputs: &std::collections::BTreeMap<String, PathBuf>,
    partial: &Partial,
) -> Result<(), Failure> {
    let interrupt = Interrupt::new();
    signals::on_each({
        let interrupt = interrupt.clone();
        move || interrupt.abandon()
    })?;
    let programs = Programs::of_tacho(&session::executable()?);
    let file = partial.0.to_str().ok_or_else(|| {
        Failure::new(Exit::Usage, format!("{} is not UTF-8", partial.0.display()))
    })?;
    let mut context = RunContext {
        programs: &programs,
        inputs,
        servers: &mut servers.controls,
        nonce_salt: "",
        sensors: &Sensors::default(),
        record: Some(file),
    };
    for (number, run) in (1..).zip(runs) {
        note(format!("[{number}/{}] {}", runs.len(), run.id.configuration));
        let executed = execute_run(run, plan, &mut context, &mut |_| Ok(()), &interrupt)
            .map_err(|error| Failure::failed(&error))?;
        if interrupt.level() != InterruptLevel::None {
            return Err(Failure::new(Exit::Failed, "stopped; no cassette was left"));
        }
        if executed.outcome == RunOutcome::Failed {
            let ends = executed.ends_in_words();
            let message = format!("{} failed ({ends}); no cassette was left", run.id.configuration);
            return Err(Failure::new(Exit::Failed, message)
                .help("`tacho doctor --server URL` looks for the cause"));
        }
    }
    Ok(())
}
