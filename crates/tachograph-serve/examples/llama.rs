//! Serves a real model until standard input ends.
//!
//! `cargo run -p tachograph-serve --example llama -- PYTHON|LLAMA-SERVER MODEL [PORT…]`
#![expect(clippy::print_stdout, reason = "an example prints its ready line")]

use std::error::Error;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use tachograph_serve::{EngineConfig, LlamaConfig, LlamaProgram, ServeConfig, ready_line, start};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let program = PathBuf::from(arguments.next().ok_or("give a Python or a llama-server")?);
    let model = PathBuf::from(arguments.next().ok_or("give a model file")?);
    let mut ports: Vec<u16> = arguments.map(|port| port.parse()).collect::<Result<_, _>>()?;
    if ports.is_empty() {
        ports.push(0);
    }
    let is_python =
        program.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python"));
    let program = if is_python {
        LlamaProgram::Python { python: program }
    } else {
        LlamaProgram::Server { path: program }
    };
    let servers = start(&ServeConfig {
        listen: ports
            .into_iter()
            .map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)))
            .collect(),
        engine: EngineConfig::Llama(LlamaConfig::new(program, model)),
    })?;
    println!("{}", ready_line(&servers));
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
