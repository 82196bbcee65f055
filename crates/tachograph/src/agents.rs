//! The programs that execute a plan's agents.
//!
//! Owns: the environments of Tachograph's own agents in Python, where they are kept, and
//! what a study of implementations records of each program.
//!
//! Does not: know how environments are made, or start workers for runs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tachograph_model::environment::Program;
use tachograph_model::plan::implementations::{BuiltIn, Protocol};
use tachograph_model::plan::{AgentSpec, Plan};
use tachograph_python::{AgentEnvironment, Client};
use tachograph_run::execute::Programs;
use tachograph_run::program;

use crate::failure::{Exit, Failure, chain};
use crate::{cache, session, terminal};

/// How long an agent may take until it is ready, and then until it ends, unless the plan
/// says it.
const PATIENCE: Duration = Duration::from_mins(1);

/// The programs of a plan, ready to be started.
#[derive(Debug)]
pub(crate) struct Agents {
    /// The commands that start processes.
    pub(crate) programs: Programs,
    /// What executes each implementation, by the agent's name; empty in a plan that does
    /// not compare implementations.
    pub(crate) implementations: BTreeMap<String, Program>,
}

impl Agents {
    /// Sets up what the plan needs, and starts each implementation once.
    ///
    /// # Errors
    ///
    /// A failure that says what is missing and what to do.
    pub(crate) fn prepare(plan: &Plan, chosen_cache: Option<&Path>) -> Result<Self, Failure> {
        let environments = set_up(plan, chosen_cache)?;
        let mut programs = Programs::of_tacho(&session::executable()?);
        for (built_in, agent) in &environments {
            programs.built_in.insert(*built_in, agent.command.clone());
        }
        let patience = plan.agent_limit_s.map_or(PATIENCE, Duration::from_secs_f64);
        let mut implementations = BTreeMap::new();
        for name in plan.implementations.iter().flat_map(|parts| &parts.agents) {
            let spec = plan.agent(name).expect("parse checks that these agents are there");
            let environment = environments.get(&spec.implementation);
            implementations.insert(name.clone(), describe(spec, &programs, environment, patience)?);
        }
        Ok(Self { programs, implementations })
    }
}

/// Makes the environments that the plan needs and that are not there, and starts nothing;
/// returns them.
///
/// # Errors
///
/// A failure that says what is missing and what to do.
pub(crate) fn set_up(
    plan: &Plan,
    chosen_cache: Option<&Path>,
) -> Result<BTreeMap<BuiltIn, AgentEnvironment>, Failure> {
    let mut environments = BTreeMap::new();
    for spec in plan.agents.iter().filter(|spec| spec.command.is_none()) {
        let built_in = spec.implementation;
        if let Some(client) = client_of(built_in)
            && !environments.contains_key(&built_in)
        {
            let agent = installed(chosen_cache, client, |line| terminal::note(line))?;
            environments.insert(built_in, agent);
        }
    }
    Ok(environments)
}

/// Returns the folder with the environments of the agents in Python.
///
/// # Errors
///
/// A usage failure if there is no cache folder.
fn folder(chosen_cache: Option<&Path>) -> Result<PathBuf, Failure> {
    Ok(cache::folder(chosen_cache)?.join("python-agents"))
}

/// Returns an agent in Python, whose environment is made first if need be.
///
/// # Errors
///
/// A failure that says what is missing and what to do.
pub(crate) fn installed(
    chosen_cache: Option<&Path>,
    client: Client,
    progress: impl FnMut(&str),
) -> Result<AgentEnvironment, Failure> {
    let folder = folder(chosen_cache)?;
    tachograph_python::prepare(&folder, client, progress).map_err(|error| {
        let message =
            format!("the agent python-{} cannot be set up: {}", client.name(), chain(&error));
        Failure::new(Exit::Failed, message).help(
            "the native agent and agents of your own need no such environment; see docs/agents.md",
        )
    })
}

fn client_of(built_in: BuiltIn) -> Option<Client> {
    match built_in {
        BuiltIn::Native => None,
        BuiltIn::PythonHttpx => Some(Client::Httpx),
        BuiltIn::PythonOllama => Some(Client::Ollama),
    }
}

/// Returns what is known of the program that executes an agent, and of its first start.
fn describe(
    spec: &AgentSpec,
    programs: &Programs,
    agent: Option<&AgentEnvironment>,
    patience: Duration,
) -> Result<Program, Failure> {
    let command = programs.of_agent(spec).expect("what the plan needs was set up");
    let mut described = Program::default();
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    let executable = command.first().and_then(|name| program::executable(name, &search_path));
    if let Some((bytes, sha256)) = executable.as_deref().and_then(program::identify) {
        described.executable_bytes = Some(bytes);
        described.executable_sha256 = Some(sha256);
    }
    if spec.command.is_none()
        && let Some(agent) = agent
    {
        let environment = &agent.environment;
        described.runtime = Some(format!("Python {}", environment.python_version));
        described.environment_bytes = Some(environment.bytes);
        described.environment_files = Some(environment.files);
        described.packages.clone_from(&environment.packages);
    }
    if spec.protocol == Protocol::Worker {
        match program::first_start(command, patience) {
            Ok(took) => described.discarded_start_ns = Some(took),
            // An agent of the user's own may not be made for a task without input.
            Err(error) if spec.command.is_some() => {
                terminal::note(format!(
                    "the first start of agent `{}` was not timed: {}",
                    spec.name,
                    chain(&error)
                ));
            }
            Err(error) => {
                let message = format!("agent `{}` does not start: {}", spec.name, chain(&error));
                return Err(Failure::new(Exit::Failed, message));
            }
        }
    }
    Ok(described)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(rest: &str) -> AgentSpec {
        serde_json::from_str(&format!("{{\"name\":\"a\"{rest}}}")).unwrap()
    }

    /// A worker that is ready and ends.
    const READY: &str = "echo '{\"type\":\"ready\",\"protocol\":1,\"implementation\":\"x/1\",\
                         \"pid\":1,\"at_ns\":1}'";

    #[test]
    fn a_program_is_described_by_its_file_and_its_first_start() {
        let mut own = spec("");
        own.command = Some(["/bin/sh", "-c", READY].map(str::to_owned).to_vec());
        let programs = Programs::of_tacho("/bin/sh");
        let described = describe(&own, &programs, None, PATIENCE).unwrap();
        let (bytes, sha256) = program::identify(Path::new("/bin/sh")).unwrap();
        assert_eq!(described.executable_bytes, Some(bytes));
        assert_eq!(described.executable_sha256, Some(sha256));
        assert!(described.discarded_start_ns.is_some_and(|took| took.0 > 0));
        assert_eq!((described.runtime, described.packages), (None, Vec::new()));

        own.command = Some(["/bin/sh", "-c", "exit 1"].map(str::to_owned).to_vec());
        let described = describe(&own, &programs, None, PATIENCE).unwrap();
        assert_eq!(described.discarded_start_ns, None, "it was never ready");
        own.command = Some(["/bin/sh", "-c", READY].map(str::to_owned).to_vec());
        own.protocol = Protocol::None;
        let described = describe(&own, &programs, None, PATIENCE).unwrap();
        assert_eq!(described.discarded_start_ns, None, "nobody can tell when it is ready");
    }

    #[test]
    fn one_of_our_own_that_does_not_start_is_a_failure() {
        let programs = Programs::of_tacho("/bin/sh");
        let failure = describe(&spec(""), &programs, None, PATIENCE).unwrap_err();
        let said = failure.to_string();
        assert!(said.contains("agent `a` does not start") && said.contains("`ready`"), "{said}");
    }

    #[test]
    fn an_environment_is_described_with_what_is_in_it() {
        let environment = tachograph_python::Environment {
            python: PathBuf::from("/bin/sh"),
            python_version: "3.12.1".to_owned(),
            packages: vec!["httpx==0.28.1".to_owned()],
            bytes: 5,
            files: 2,
            reused: true,
        };
        let command: Vec<String> = ["/bin/sh", "-c", READY].map(str::to_owned).to_vec();
        let mut programs = Programs::of_tacho("/nonexistent");
        programs.built_in.insert(BuiltIn::PythonHttpx, command.clone());
        let agent = AgentEnvironment { command, environment };
        let python = spec(",\"implementation\":\"python-httpx\"");
        let described = describe(&python, &programs, Some(&agent), PATIENCE).unwrap();
        assert_eq!(described.runtime.as_deref(), Some("Python 3.12.1"));
        assert_eq!((described.environment_bytes, described.environment_files), (Some(5), Some(2)));
        assert_eq!(described.packages, ["httpx==0.28.1"]);
        assert!(described.executable_sha256.is_some() && described.discarded_start_ns.is_some());
    }
}
