//! The `tacho` command.
//!
//! Owns: the way from arguments to a command and from its end to an exit code.
//!
//! Does not: compute; the rooms do.

mod agents;
mod args;
mod attestation;
mod cache;
mod collection;
mod commands;
mod derivation;
mod documents;
mod engine;
mod evidence;
mod failure;
mod foreign;
mod inputs;
mod loaded_plan;
mod looks;
mod memory;
mod rehearsal;
mod ro_crate;
mod session;
mod signals;
mod standing;
mod tally;
mod terminal;

use std::process::ExitCode;

use clap::{CommandFactory as _, Parser as _};

use crate::args::{Cli, Command};
use crate::failure::{Exit, Failure};

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
            // Nothing can be told to someone whose terminal is closed.
            drop(error.print());
            return ExitCode::from(exit as u8);
        }
    };
    let result = match cli.command {
        // Their exit codes are those of the worker protocol.
        Command::Worker => return ExitCode::from(commands::run::worker()),
        Command::Shim { command } => return ExitCode::from(tachograph_run::shim::main(&command)),
        command => dispatch(command),
    };
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => {
            let exit = failure.exit;
            terminal::note(format!("{:?}", miette::Report::new(failure)));
            exit
        }
    };
    ExitCode::from(exit as u8)
}

fn dispatch(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Quickstart(args) => commands::quickstart::execute(&args),
        Command::Doctor(args) => commands::doctor::execute(&args),
        Command::Init(args) => commands::init::execute(&args),
        Command::Plan(args) => commands::plan::execute(&args),
        Command::Run(args) => commands::run::execute(&args),
        Command::Import(args) => commands::import::execute(&args),
        Command::Report(args) => commands::report::execute(&args),
        Command::Analyze(args) => commands::analyze::execute(&args),
        Command::Status(args) => commands::status::execute(&args),
        Command::Verify(args) => commands::verify::execute(&args),
        Command::Render(args) => commands::render::execute(&args),
        Command::Keygen(args) => commands::attest::keygen(&args),
        Command::Attest(args) => commands::attest::execute(&args),
        Command::Export(args) => commands::export::execute(&args),
        Command::Audit(args) => commands::audit::execute(&args),
        Command::Compare(args) => commands::compare::execute(&args),
        Command::Baseline(args) => commands::baseline::execute(&args),
        Command::Power(args) => commands::power::execute(&args),
        Command::Serve(args) => commands::serve::execute(&args),
        Command::Tap(args) => commands::tap::execute(&args),
        Command::Record(args) => commands::record::execute(&args),
        Command::AgentSetup(args) => commands::agent_setup::execute(&args),
        Command::Schema => {
            terminal::out(format!("{:#}", tachograph_model::plan::Plan::json_schema()));
            Ok(Exit::Done)
        }
        Command::Completions { shell } => {
            let mut bytes = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "tacho", &mut bytes);
            terminal::out(String::from_utf8_lossy(&bytes).trim_end());
            Ok(Exit::Done)
        }
        Command::Man => {
            let mut bytes = Vec::new();
            clap_mangen::Man::new(Cli::command())
                .render(&mut bytes)
                .map_err(|error| Failure::failed(&error))?;
            terminal::out(String::from_utf8_lossy(&bytes).trim_end());
            Ok(Exit::Done)
        }
        Command::Worker | Command::Shim { .. } => unreachable!("carried out before"),
    }
}
