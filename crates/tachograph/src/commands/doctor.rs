//! `tacho doctor`: is this machine, is this server fit to measure?

use serde_json::json;
use tachograph_run::doctor::{self, Check, State};
use tachograph_run::sensors::Sensors;

use crate::args::DoctorArgs;
use crate::failure::{Exit, Failure};
use crate::session;
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &DoctorArgs) -> Result<Exit, Failure> {
    let mut checks = doctor::machine(&Sensors::default(), None);
    if let Some(url) = &args.server {
        let target = session::target(url, args.api_key_env.as_deref())?;
        if !args.json {
            note(format!("making a few short calls to {url}"));
        }
        checks.extend(doctor::server(&target, args.model.as_deref()));
    }
    let worst = checks.iter().map(|check| check.state).max().unwrap_or(State::Good);
    if args.json {
        out(format!("{:#}", json!({ "fit": worst != State::Bad, "checks": checks })));
    } else {
        checks.iter().for_each(show);
        out(match worst {
            State::Good => "fit to measure",
            State::Unknown => "fit to measure, as far as it can be told",
            State::Warn => "fit to measure, with the effects named above",
            State::Bad => "NOT fit to measure",
        });
        if args.server.is_none() {
            out("`--server URL` looks at a server as well");
        }
    }
    Ok(if worst == State::Bad { Exit::AnswerIsNo } else { Exit::Done })
}

fn show(check: &Check) {
    let mark = match check.state {
        State::Good => "ok  ",
        State::Unknown => "?   ",
        State::Warn => "warn",
        State::Bad => "BAD ",
    };
    out(format!("{mark}  {:<26} {}", check.name, check.found));
    if check.state >= State::Warn {
        out(format!("      why: {}", check.why_it_matters));
    }
    if let Some(fix) = &check.fix {
        out(format!("      fix: {fix}"));
    }
}
