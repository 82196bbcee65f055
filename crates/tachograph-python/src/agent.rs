//! The agents in Python, each in an environment of its own.
//!
//! Owns: which client library needs what, and the command that starts the agent.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::package::{FILES, HTTPX_REQUIREMENTS, OLLAMA_REQUIREMENTS, TEST_REQUIREMENTS};
use crate::{Environment, PythonError, Recipe};

/// The library that makes an agent's calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    /// `httpx` itself.
    Httpx,
    /// The official `ollama` client.
    Ollama,
}

/// An agent that can be started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentEnvironment {
    /// Program and arguments that speak the worker protocol.
    pub command: Vec<String>,
    /// The environment in which it runs.
    pub environment: Environment,
}

impl Client {
    /// Every client.
    pub const ALL: [Self; 2] = [Self::Httpx, Self::Ollama];

    /// Returns its name, as the agent's `--client` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Httpx => "httpx",
            Self::Ollama => "ollama",
        }
    }

    /// Returns the folder of its environment below the one that all agents share.
    fn folder(self, directory: &Path) -> PathBuf {
        directory.join(self.name())
    }

    fn recipe(self) -> Recipe<'static> {
        let (requirements, check) = match self {
            Self::Httpx => {
                (HTTPX_REQUIREMENTS, "import tachograph_agent.cli, tachograph_agent.client_httpx")
            }
            Self::Ollama => {
                (OLLAMA_REQUIREMENTS, "import tachograph_agent.cli, tachograph_agent.client_ollama")
            }
        };
        Recipe { requirements, files: &FILES, check }
    }

    fn agent(self, environment: Environment) -> AgentEnvironment {
        let python = environment.python.to_string_lossy().into_owned();
        // Isolated from the user's variables, packages and current folder.
        let rest = ["-I", "-m", "tachograph_agent", "--client", self.name()];
        let command = std::iter::once(python).chain(rest.map(str::to_owned)).collect();
        AgentEnvironment { command, environment }
    }
}

/// Returns an agent whose environment is complete below `directory`, if it is there.
///
/// # Errors
///
/// [`PythonError::File`] if something cannot be read.
pub fn find(directory: &Path, client: Client) -> Result<Option<AgentEnvironment>, PythonError> {
    let found = client.recipe().find(&client.folder(directory))?;
    Ok(found.map(|environment| client.agent(environment)))
}

/// Returns an agent, whose environment is made below `directory` if need be, with a
/// Python on the `PATH`. `progress` gets one line at a time.
///
/// # Errors
///
/// [`PythonError`], each with what to do about it.
pub fn prepare(
    directory: &Path,
    client: Client,
    progress: impl FnMut(&str),
) -> Result<AgentEnvironment, PythonError> {
    prepare_with(&std::env::var_os("PATH").unwrap_or_default(), directory, client, progress)
}

/// As [`prepare`], with a Python on `search_path`.
///
/// # Errors
///
/// [`PythonError`], each with what to do about it.
pub fn prepare_with(
    search_path: &OsStr,
    directory: &Path,
    client: Client,
    mut progress: impl FnMut(&str),
) -> Result<AgentEnvironment, PythonError> {
    let folder = client.folder(directory);
    let environment = client.recipe().prepare(search_path, &folder, &mut progress)?;
    Ok(client.agent(environment))
}

/// Returns an environment with both client libraries and pytest, and without the agent
/// itself: for tests of the agents in this repository, which run its sources.
///
/// # Errors
///
/// [`PythonError`], each with what to do about it.
pub fn prepare_for_tests(
    directory: &Path,
    mut progress: impl FnMut(&str),
) -> Result<Environment, PythonError> {
    let recipe = Recipe {
        requirements: TEST_REQUIREMENTS,
        files: &[],
        check: "import httpx, ollama, pytest",
    };
    let search_path = std::env::var_os("PATH").unwrap_or_default();
    recipe.prepare(&search_path, &directory.join("tests"), &mut progress)
}
