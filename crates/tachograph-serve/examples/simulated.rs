//! Serves the simulated engine until standard input ends.
//!
//! `cargo run -p tachograph-serve --example simulated -- [PORT] [CONFIG-JSON]`
#![expect(clippy::print_stdout, reason = "an example prints its ready line")]

use std::error::Error;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};

use tachograph_serve::{EngineConfig, ServeConfig, ready_line, start};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().map_or(Ok(0), |port| port.parse())?;
    let config = arguments.next().unwrap_or_else(|| "{}".to_owned());
    let servers = start(&ServeConfig {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, port))],
        engine: EngineConfig::Simulated(serde_json::from_str(&config)?),
    })?;
    println!("{}", ready_line(&servers));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
