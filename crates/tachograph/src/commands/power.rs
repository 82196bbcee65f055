//! `tacho power`: how many blocks a question needs, from a pilot.

use tachograph_report::{PilotError, PilotTerms, plan_from_pilot};

use crate::args::PowerArgs;
use crate::evidence::Evidence;
use crate::failure::{Exit, Failure};
use crate::terminal::out;

/// Carries the command out.
pub(crate) fn execute(args: &PowerArgs) -> Result<Exit, Failure> {
    let pilot = Evidence::read(&args.pilot)?;
    let terms = PilotTerms {
        metric: args.metric,
        margin: args.margin,
        alpha: args.alpha,
        power: args.power,
    };
    let name = args.pilot.display().to_string();
    let plan =
        plan_from_pilot(&name, &pilot.extract, &pilot.facts, &terms).map_err(
            |error| match error {
                PilotError::Term { .. } => Failure::usage(&error),
                PilotError::NothingToCompare | PilotError::Concurrent => Failure::failed(&error),
                PilotError::TooFewBlocks { usable, .. } => Failure::failed(&error).help(format!(
                    "tacho run PLAN --blocks {usable} -o PILOT measures a usable pilot"
                )),
            },
        )?;
    if args.json {
        out(format!("{:#}", plan.to_json()));
    } else {
        out(plan.to_text().trim_end());
    }
    Ok(Exit::Done)
}
