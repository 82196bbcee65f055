//! Runs that are not recorded, to see how long a run takes.

use std::path::Path;

use tachograph_model::event::RunOutcome;
use tachograph_model::plan::{Plan, expand};
use tachograph_model::run::{Arm, Configuration, ConfigurationId, Run};
use tachograph_run::clock;
use tachograph_run::execute::{Interrupt, RunContext, execute_run};
use tachograph_run::sensors::Sensors;

use crate::agents::Agents;
use crate::failure::{Exit, Failure};
use crate::loaded_plan::LoadedPlan;
use crate::{inputs, session};

/// One configuration that was tried.
#[derive(Debug)]
pub(crate) struct Rehearsed {
    /// Which.
    pub(crate) configuration: ConfigurationId,
    /// What it is compared as.
    pub(crate) arm: Arm,
    /// The wall time of a run, state of the servers included.
    pub(crate) seconds: f64,
}

/// Executes the baseline once; of a plan with phases, its first concurrent
/// configuration and the solo configurations of that one's agents.
///
/// # Errors
///
/// A failure if servers or inputs are not there, or a run failed.
pub(crate) fn rehearse(
    loaded: &LoadedPlan,
    cache: Option<&Path>,
) -> Result<Vec<Rehearsed>, Failure> {
    let plan = &loaded.plan;
    let inputs = inputs::resolve(plan, Some(&loaded.folder), cache)?;
    let agents = Agents::prepare(plan, cache)?;
    let mut servers = session::Servers::start(plan, Some(&loaded.folder), cache)?;
    let salt = format!("rehearsal {}", clock::rfc3339_now());
    let mut context = RunContext {
        programs: &agents.programs,
        inputs: &inputs,
        servers: &mut servers.controls,
        nonce_salt: &salt,
        sensors: &Sensors::default(),
        record: None,
    };
    let mut rehearsed = Vec::new();
    for run in chosen(plan) {
        let began = clock::now();
        let executed = execute_run(&run, plan, &mut context, &mut |_| Ok(()), &Interrupt::new())
            .map_err(|error| Failure::failed(&error))?;
        let took = clock::now().since(began).expect("the clock is monotonic");
        if executed.outcome == RunOutcome::Failed {
            let ends = executed.ends_in_words();
            let message = format!("the rehearsal run failed; a real one would as well ({ends})");
            return Err(Failure::new(Exit::Failed, message)
                .help("`tacho doctor --server URL` looks for the cause"));
        }
        rehearsed.push(Rehearsed {
            configuration: run.id.configuration,
            arm: run.arm,
            seconds: took.as_seconds(),
        });
    }
    Ok(rehearsed)
}

/// Returns the runs that stand for all of the plan.
fn chosen(plan: &Plan) -> Vec<Run> {
    let configurations = expand::configurations(plan);
    let is_first = |configuration: &&Configuration| match configuration.arm {
        Arm::Concurrent | Arm::Implementation => true,
        Arm::Baseline => !plan.is_concurrent(),
        Arm::BaselineAa | Arm::Chimera | Arm::Solo => false,
    };
    let first = configurations.iter().find(is_first).or(configurations.first());
    let mut ids: Vec<&ConfigurationId> = first.iter().map(|first| &first.id).collect();
    for placement in first.iter().flat_map(|first| &first.placements) {
        ids.extend(placement.solo.iter().filter(|solo| !ids.contains(solo)).collect::<Vec<_>>());
    }
    let mut runs = expand::runs(plan);
    let mut take = |id: &ConfigurationId| {
        let at = runs.iter().position(|run| run.id.configuration == *id)?;
        Some(runs.remove(at))
    };
    ids.into_iter().filter_map(&mut take).collect()
}
