//! One run of the baseline that is not recorded, to see how long a run takes.

use std::path::Path;

use tachograph_model::event::RunOutcome;
use tachograph_model::plan::expand;
use tachograph_model::run::Arm;
use tachograph_run::clock;
use tachograph_run::execute::{Interrupt, Programs, RunContext, execute_run};
use tachograph_run::sensors::Sensors;

use crate::failure::{Exit, Failure};
use crate::loaded_plan::LoadedPlan;
use crate::{inputs, session};

/// Executes the baseline once and returns its wall time in seconds, state of
/// the server included.
///
/// # Errors
///
/// A failure if servers or inputs are not there, or the run failed.
pub(crate) fn rehearse(loaded: &LoadedPlan, cache: Option<&Path>) -> Result<f64, Failure> {
    let plan = &loaded.plan;
    let inputs = inputs::resolve(plan, Some(&loaded.folder), cache)?;
    let mut servers = session::Servers::start(plan, cache)?;
    let runs = expand::runs(plan);
    let run = runs
        .iter()
        .find(|run| run.arm == Arm::Baseline)
        .expect("every plan has a baseline in each block");
    let programs = Programs::of_tacho(&session::executable()?);
    let salt = format!("rehearsal {}", clock::rfc3339_now());
    let mut context = RunContext {
        programs: &programs,
        inputs: &inputs,
        servers: &mut servers.controls,
        nonce_salt: &salt,
        sensors: &Sensors::default(),
    };
    let began = clock::now();
    let executed = execute_run(run, plan, &mut context, &mut |_| Ok(()), &Interrupt::new())
        .map_err(|error| Failure::failed(&error))?;
    let took = clock::now().since(began).expect("the clock is monotonic");
    if executed.outcome == RunOutcome::Failed {
        let message = "the rehearsal run failed; a real one would as well";
        return Err(Failure::new(Exit::Failed, message)
            .help("`tacho doctor --server URL` looks for the cause"));
    }
    Ok(took.as_seconds())
}
