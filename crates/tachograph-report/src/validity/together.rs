//! Checks of runs with several agents, and of the solo runs beside them.

use std::collections::BTreeSet;

use tachograph_model::plan::Plan;
use tachograph_model::run::{Arm, Configuration, ConfigurationId};
use tachograph_model::units::DurationNs;
use tachograph_stats::{Confidence, Proportion};

use super::{Check, Finding, Measured, Scope, Status, Validity};
use crate::analysis::configuration::ConfigurationAnalysis;
use crate::claim::{Format, decimals_for};
use crate::concurrency::observe::start_spread;
use crate::facts::RunFacts;

/// The share of the makespan by which agents may begin apart.
const SPREAD_FRACTION_MAX: f64 = 0.01;

pub(super) fn check(
    validity: &mut Validity,
    plan: &Plan,
    facts: &[&RunFacts],
    planned: &[Configuration],
) {
    if !plan.is_concurrent() {
        return;
    }
    // Implementations beside phases run alone, each for itself, and wait for nobody.
    let waits = |run: &&&RunFacts| {
        let own = planned.iter().find(|each| each.id == run.id.configuration);
        own.is_none_or(|own| own.arm != Arm::Implementation)
    };
    for run in facts.iter().filter(waits) {
        start(validity, run);
    }
    solos(validity, facts, planned);
}

/// Whether the agents of a run began at once.
fn start(validity: &mut Validity, run: &RunFacts) {
    if run.agents.iter().all(|agent| agent.began.is_none()) {
        return;
    }
    validity.looked(Check::StartTogether, 1);
    let waited = run.released.as_ref().map(|(_, agents)| agents.as_slice()).unwrap_or_default();
    if let Some(agent) = run.agents.iter().find(|agent| !waited.contains(&agent.name)) {
        let words = "an agent did not wait for the common start";
        validity.found(
            Finding::on(run, Check::StartTogether, Status::Suspect, words).quote(&*agent.name),
        );
    }
    let (Some(spread), Some(makespan)) = (start_spread(run), run.wall().map(DurationNs::as_millis))
    else {
        return;
    };
    if spread > SPREAD_FRACTION_MAX * makespan {
        let words = "the agents began further apart than a hundredth of the makespan";
        let millis = |value: f64| Format::Fixed(decimals_for(value, 3));
        validity.found(
            Finding::on(run, Check::StartTogether, Status::Suspect, words)
                .seen(spread, "ms", millis(spread))
                .against(makespan, "ms", millis(makespan)),
        );
    }
}

/// Whether the solo runs of each measured concurrent run are measured.
fn solos(validity: &mut Validity, facts: &[&RunFacts], planned: &[Configuration]) {
    let measured: BTreeSet<(&ConfigurationId, u32)> = facts
        .iter()
        .filter(|run| run.is_measured())
        .map(|run| (&run.id.configuration, run.id.block))
        .collect();
    for run in facts.iter().filter(|run| run.is_measured()) {
        let planned = planned.iter().find(|each| each.id == run.id.configuration);
        let Some(planned) = planned.filter(|each| each.arm == Arm::Concurrent) else { continue };
        validity.looked(Check::SolosMeasured, 1);
        let solos = planned.placements.iter().filter_map(|each| each.solo.as_ref());
        let missing = solos.into_iter().find(|solo| !measured.contains(&(*solo, run.id.block)));
        if let Some(solo) = missing {
            let words = "a solo run of the same block is not measured, so that the concurrent run \
                         enters no comparison";
            validity.found(
                Finding::on(run, Check::SolosMeasured, Status::Valid, words)
                    .quote(solo.to_string()),
            );
        }
    }
}

/// Adds a finding for each concurrent configuration whose failure interval lies apart
/// from that of its solo ones.
pub(super) fn failure_rates(
    validity: &mut Validity,
    configurations: &[ConfigurationAnalysis],
    confidence: Confidence,
) {
    for configuration in configurations.iter().filter(|each| each.planned.arm == Arm::Concurrent) {
        let placements = &configuration.planned.placements;
        let is_solo = |each: &&ConfigurationAnalysis| {
            placements.iter().any(|placement| placement.solo.as_ref() == Some(&each.planned.id))
        };
        let totals = configurations.iter().filter(is_solo).map(ConfigurationAnalysis::n_calls);
        let (calls, failed) = totals.fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        let (Some(own), Ok(alone)) = (configuration.failures, Proportion::new(failed, calls))
        else {
            continue;
        };
        let alone = alone.estimate(confidence);
        validity.looked(Check::FailureRates, 1);
        let apart =
            own.interval.low > alone.interval.high || own.interval.high < alone.interval.low;
        if apart {
            let percent = |value| Some(Measured { value, unit: "", format: Format::Percent(1) });
            validity.found(Finding {
                check: Check::FailureRates,
                status: Status::Suspect,
                scope: Scope::Configuration(configuration.planned.id.to_string()),
                words: "the intervals of the failure rate together and alone do not overlap",
                seen: percent(own.fraction),
                against: percent(alone.fraction),
                quote: None,
            });
        }
    }
}
