//! `tacho agent-setup`: makes the environments of the agents in Python.

use tachograph_python::{AgentEnvironment, Client};

use crate::agents;
use crate::args::{AgentChoice, AgentSetupArgs};
use crate::failure::{Exit, Failure};
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &AgentSetupArgs) -> Result<Exit, Failure> {
    let clients: &[Client] = match args.agent {
        AgentChoice::Httpx => &[Client::Httpx],
        AgentChoice::Ollama => &[Client::Ollama],
        AgentChoice::All => &Client::ALL,
    };
    for client in clients {
        let agent = agents::installed(args.cache.as_deref(), *client, |line| note(line))?;
        out(described(*client, &agent));
    }
    Ok(Exit::Done)
}

fn described(client: Client, agent: &AgentEnvironment) -> String {
    let environment = &agent.environment;
    let state = if environment.reused { "was there already" } else { "is set up" };
    let megabytes = environment.bytes as f64 / 1e6;
    format!(
        "python-{name} {state}\n  runtime   Python {version}\n  size      {megabytes:.1} MB in {files} \
         files, the interpreter not counted\n  packages  {packages}\n  command   {command}",
        name = client.name(),
        version = environment.python_version,
        files = environment.files,
        packages = environment.packages.join(" "),
        command = agent.command.join(" "),
    )
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use tachograph_python::Environment;

    use super::*;

    #[test]
    fn an_agent_is_described_in_a_few_lines() {
        let environment = Environment {
            python: PathBuf::from("/x/python"),
            python_version: "3.12.1".to_owned(),
            packages: vec!["h11==0.16.0".to_owned(), "httpx==0.28.1".to_owned()],
            bytes: 4_331_849,
            files: 360,
            reused: false,
        };
        let command = ["/x/python", "-I"].map(str::to_owned).to_vec();
        let text = described(Client::Httpx, &AgentEnvironment { command, environment });
        assert_eq!(
            text,
            "python-httpx is set up\n  runtime   Python 3.12.1\n  size      4.3 MB in 360 files, \
             the interpreter not counted\n  packages  h11==0.16.0 httpx==0.28.1\n  \
             command   /x/python -I"
        );
    }
}
