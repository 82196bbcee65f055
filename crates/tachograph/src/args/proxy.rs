//! Arguments of the recording proxy.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use tachograph_run::client::Endpoint;
use tachograph_run::tap::{Attribution, Listen};

use super::Overrides;

/// Arguments of `tacho tap`.
#[derive(Debug, Args)]
pub(crate) struct TapArgs {
    /// Where to listen, and whose calls come in there; may be given several times. Without
    /// a name the agent is called `agent`; port 0 takes a free one
    #[arg(long, value_name = "[AGENT=]ADDRESS:PORT", value_parser = parse_listen,
          default_value = "127.0.0.1:11435")]
    pub(crate) listen: Vec<Listen>,
    /// The server, as http://HOST:PORT
    #[arg(long, value_name = "URL", value_parser = parse_upstream)]
    pub(crate) upstream: Endpoint,
    /// What events call the server; its host and port if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) server: Option<String>,
    /// By what a call is known to be an agent's
    #[arg(long, value_enum, default_value_t = By::Port)]
    pub(crate) by: By,
    /// The text that nonces at the start of prompts are made of, if they have any
    #[arg(long, value_name = "TEXT")]
    pub(crate) nonce: Option<String>,
    /// Write events to this file instead of to standard output, and a summary at the end
    #[arg(long, value_name = "FILE")]
    pub(crate) events: Option<PathBuf>,
    /// Add every request with its answer, byte by byte and with its instants, to this
    /// cassette
    #[arg(long, value_name = "CASSETTE")]
    pub(crate) record: Option<PathBuf>,
    /// Listen where other machines can reach it, too
    #[arg(long)]
    pub(crate) allow_remote: bool,
    /// End when standard input closes
    #[arg(long)]
    pub(crate) until_stdin_closes: bool,
}

/// Arguments of `tacho record`.
#[derive(Debug, Args)]
pub(crate) struct RecordArgs {
    /// The plan
    pub(crate) plan: PathBuf,
    /// Where the cassette goes
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
    /// The server of the plan to record; its first that is live if not given
    #[arg(long, value_name = "NAME")]
    pub(crate) from: Option<String>,
    /// Replace a cassette that is already there
    #[arg(long)]
    pub(crate) force: bool,
    /// Changes to the plan.
    #[command(flatten)]
    pub(crate) overrides: Overrides,
    /// Keep the engine and its model here
    #[arg(long, value_name = "DIR", env = "TACHO_CACHE")]
    pub(crate) cache: Option<PathBuf>,
}

/// By what a call is known to be an agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum By {
    /// The port on which it came in
    Port,
    /// The header X-Tachograph-Agent
    Header,
    /// The connection: each is an agent of its own
    Connection,
}

impl From<By> for Attribution {
    fn from(by: By) -> Self {
        match by {
            By::Port => Self::Port,
            By::Header => Self::Header,
            By::Connection => Self::Connection,
        }
    }
}

fn parse_upstream(text: &str) -> Result<Endpoint, String> {
    Endpoint::parse(text).map_err(|error| error.to_string())
}

fn parse_listen(text: &str) -> Result<Listen, String> {
    let (agent, address) = text.split_once('=').unwrap_or(("agent", text));
    if agent.is_empty() {
        return Err("the agent's name before `=` is empty".to_owned());
    }
    // A port alone means this machine.
    let address = match address.parse::<u16>() {
        Ok(port) => SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
        Err(_) => address.parse().map_err(|_not_one| {
            format!("expected an address and a port, as in 127.0.0.1:11435, not `{address}`")
        })?,
    };
    Ok(Listen { agent: agent.to_owned(), address })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_an_agent_or_none() {
        let listen = |text: &str| parse_listen(text).map(|it| (it.agent, it.address.to_string()));
        let expected = |agent: &str, address: &str| Ok((agent.to_owned(), address.to_owned()));
        assert_eq!(listen("127.0.0.1:0"), expected("agent", "127.0.0.1:0"));
        assert_eq!(listen("mine=[::1]:80"), expected("mine", "[::1]:80"));
        assert_eq!(listen("mine=8080"), expected("mine", "127.0.0.1:8080"));
        for bad in ["=127.0.0.1:1", "mine=", "localhost:1", "127.0.0.1", "127.0.0.1:70000"] {
            assert!(parse_listen(bad).is_err(), "{bad}");
        }
    }
}
