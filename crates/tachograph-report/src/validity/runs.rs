//! Checks of single runs.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::environment::Conditions;
use tachograph_model::event::Stage;
use tachograph_model::plan::{Metric, Plan, PromptCache};
use tachograph_model::study::StudyHead;
use tachograph_model::units::{DurationNs, InstantNs};
use tachograph_stats::Sample;

use super::{Check, Finding, Status, Validity};
use crate::claim::{Format, decimals_for};
use crate::facts::{CallFacts, ProcessFacts, RunFacts};

/// The share of a metric that a scheduling delay may have.
const DELAY_FRACTION_MAX: f64 = 0.01;
/// The share of one processor that a client may use.
const CLIENT_CPU_MAX: f64 = 0.8;
/// The share of processor time that may be stolen.
const STOLEN_FRACTION_MAX: f64 = 0.01;
/// Processors by which a run may exceed the typical run's foreign load.
const BACKGROUND_EXCESS_MAX: f64 = 0.5;
/// The share of a prompt that may be cached: it cannot move the metrics much.
const CACHED_FRACTION_MAX: f64 = 0.05;
/// Tokens that a chat template with a system text can put before the nonce.
const TEMPLATE_TOKENS_MAX: f64 = 64.0;

pub(super) fn check(validity: &mut Validity, head: &StudyHead, facts: &[&RunFacts]) {
    if head.plan.imported.is_some() {
        for run in facts {
            tokens(validity, run);
        }
        return;
    }
    for run in facts {
        delays(validity, run, head.plan.primary.metric);
        clocks(validity, run);
        client_cpu(validity, run);
        if let Some(host) = &head.environment.host {
            stolen(validity, run, host.n_cpus);
        }
        prompt_cache(validity, run, head.plan.prompt_cache);
        tokens(validity, run);
        resets(validity, run);
        output(validity, run);
    }
    background(validity, &head.plan, facts);
}

/// What workers wrote that is no event, or no event of a call under way.
fn output(validity: &mut Validity, run: &RunFacts) {
    validity.looked(Check::WorkerOutput, 1);
    if run.n_noise_lines > 0 {
        let words = "an agent wrote lines that are no events";
        let n = run.n_noise_lines as f64;
        let finding = Finding::on(run, Check::WorkerOutput, Status::Suspect, words);
        validity.found(finding.seen(n, "lines", Format::Count));
    }
    for agent in run.agents.iter().filter(|agent| agent.n_stray_events > 0) {
        let words = "an agent told of calls that it had not said were under way";
        let n = agent.n_stray_events as f64;
        let finding = Finding::on(run, Check::WorkerOutput, Status::Suspect, words);
        validity.found(finding.seen(n, "events", Format::Count).quote(&*agent.name));
    }
}

fn millis(value: f64) -> Format {
    Format::Fixed(decimals_for(value, 3))
}

/// The client scheduling delay against the shortest time that the primary
/// metric rests on.
fn delays(validity: &mut Validity, run: &RunFacts, primary: Metric) {
    let delays = run.agents.iter().filter_map(|agent| agent.scheduling_delay);
    let Some(p99_ms) = delays.map(|delay| delay.p99_ms).reduce(f64::max) else { return };
    let times: Vec<f64> = match primary {
        Metric::OutputThroughput | Metric::RunWall => {
            run.wall().map(DurationNs::as_millis).into_iter().collect()
        }
        Metric::E2e => run.calls().filter_map(CallFacts::e2e_ms).collect(),
        Metric::TtftWarm | Metric::TtftCold => run.calls().filter_map(CallFacts::ttft_ms).collect(),
        Metric::Tpot | Metric::ClientDecodeRate | Metric::ServerDecodeRate => {
            run.calls().filter_map(CallFacts::decode_ms).collect()
        }
    };
    let Ok(times) = Sample::new(&times) else { return };
    validity.looked(Check::SchedulingDelay, 1);
    if p99_ms > DELAY_FRACTION_MAX * times.mean() {
        let words = "the delay's tail is more than a hundredth of the primary metric's time";
        validity.found(
            Finding::on(run, Check::SchedulingDelay, Status::Suspect, words)
                .seen(p99_ms, "ms", millis(p99_ms))
                .against(times.mean(), "ms", millis(times.mean())),
        );
    }
}

fn clocks(validity: &mut Validity, run: &RunFacts) {
    let agents = run.agents.iter().filter_map(|agent| agent.clock_step);
    let Some(step) = agents.chain(run.clock_step).max() else { return };
    validity.looked(Check::ClockSteps, 1);
    if step.0 > 0 {
        let stamped = run.agents.iter().any(|agent| agent.scheduling_delay.is_some());
        // User stamps are monotonic; only kernel stamps go through the offset.
        let status = if stamped { Status::Invalid } else { Status::Suspect };
        let words = "the real-time clock moved against the monotonic one during the run";
        let seen = step.as_millis();
        validity.found(Finding::on(run, Check::ClockSteps, status, words).seen(
            seen,
            "ms",
            millis(seen),
        ));
    }
}

fn client_cpu(validity: &mut Validity, run: &RunFacts) {
    let shares = run.agents.iter().filter_map(|agent| agent.process.as_ref()?.cpu_fraction());
    let Some(share) = shares.reduce(f64::max) else { return };
    validity.looked(Check::ClientCpu, 1);
    if share > CLIENT_CPU_MAX {
        let words = "the agent's process was busy most of its life, so it may have measured itself";
        validity.found(
            Finding::on(run, Check::ClientCpu, Status::Suspect, words)
                .seen(share, "", Format::Percent(1))
                .against(CLIENT_CPU_MAX, "", Format::Percent(0)),
        );
    }
}

/// Two samples of the machine's counters and the seconds between them.
fn span(run: &RunFacts) -> Option<(&Conditions, &Conditions, f64)> {
    let (began, before) = run.conditions_before.as_ref()?;
    let (ended, after): &(InstantNs, Conditions) = run.conditions_after.as_ref()?;
    let seconds = ended.since(*began)?.as_seconds();
    (seconds > 0.0).then_some((before, after, seconds))
}

fn stolen(validity: &mut Validity, run: &RunFacts, n_cpus: u32) {
    let Some((before, after, seconds)) = span(run) else { return };
    let (Some(before), Some(after)) = (before.stolen_cpu_ns, after.stolen_cpu_ns) else { return };
    validity.looked(Check::Stolen, 1);
    let fraction = after.saturating_sub(before) as f64 / 1e9 / seconds / f64::from(n_cpus.max(1));
    if fraction > STOLEN_FRACTION_MAX {
        let words = "the hypervisor gave part of the processors' time to others";
        validity.found(
            Finding::on(run, Check::Stolen, Status::Suspect, words)
                .seen(fraction, "", Format::Percent(1))
                .against(STOLEN_FRACTION_MAX, "", Format::Percent(0)),
        );
    }
}

/// Busy processors apart from the agents, against the typical run and against
/// what managed servers can use. A server of the user's may be on this machine or
/// not; there only the excess over the typical run tells.
fn background(validity: &mut Validity, plan: &Plan, facts: &[&RunFacts]) {
    let foreign = |run: &RunFacts| {
        let (before, after, seconds) = span(run)?;
        let busy = after.busy_cpu_ns?.saturating_sub(before.busy_cpu_ns?) as f64 / 1e9;
        let processes = run.agents.iter().filter_map(|agent| agent.process.as_ref());
        let own: f64 = processes
            .filter_map(|process: &ProcessFacts| process.resources.as_ref())
            .map(|used| used.user_cpu_ns.as_seconds() + used.system_cpu_ns.as_seconds())
            .sum();
        Some((busy - own) / seconds)
    };
    // Runs that keep the same servers busy are compared with each other.
    let mut by_servers: BTreeMap<BTreeSet<&str>, Vec<(&RunFacts, f64)>> = BTreeMap::new();
    for run in facts {
        if let Some(load) = foreign(run) {
            let servers = run.calls().map(|call| &*call.server).collect();
            by_servers.entry(servers).or_default().push((run, load));
        }
    }
    for (servers, runs) in by_servers {
        background_of(validity, server_threads(plan, &servers), &runs);
    }
}

/// Looks for more load in runs on the same servers, which have so many threads.
fn background_of(validity: &mut Validity, threads: Option<f64>, runs: &[(&RunFacts, f64)]) {
    let loads: Vec<f64> = runs.iter().map(|(_, load)| *load).collect();
    let Ok(sample) = Sample::new(&loads) else { return };
    let typical = sample.median();
    let (expected, words) = match threads {
        Some(threads) if threads < typical => {
            (threads, "more processors were busy beside the agents than the servers have threads")
        }
        _ => (typical, "more processors were busy beside the agents than in the typical run"),
    };
    for &(run, load) in runs {
        validity.looked(Check::Background, 1);
        if load > expected + BACKGROUND_EXCESS_MAX {
            validity.found(
                Finding::on(run, Check::Background, Status::Suspect, words)
                    .seen(load, "processors", Format::Fixed(2))
                    .against(expected, "processors", Format::Fixed(2)),
            );
        }
    }
}

/// Returns how many processors the named servers can keep busy, if all are managed.
fn server_threads(plan: &Plan, names: &BTreeSet<&str>) -> Option<f64> {
    let used = plan.servers.iter().filter(|server| names.contains(&*server.name));
    let threads = used.map(|server| Some(server.managed.as_ref()?.threads));
    threads.map(|threads| threads.map(f64::from)).sum()
}

fn prompt_cache(validity: &mut Validity, run: &RunFacts, planned: PromptCache) {
    if planned == PromptCache::On {
        return;
    }
    let calls = run.calls().filter(|call| call.is_completed());
    let known: Vec<(u64, u64)> = calls
        .filter_map(|call| Some((call.cached_prompt_tokens()?, call.prompt_tokens()?)))
        .collect();
    if known.is_empty() {
        return;
    }
    validity.looked(Check::PromptCache, 1);
    let limit = |prompt: u64| TEMPLATE_TOKENS_MAX.max(CACHED_FRACTION_MAX * prompt as f64);
    let excess = |(cached, prompt): &(u64, u64)| *cached as f64 - limit(*prompt);
    let cached = known.iter().filter(|(cached, _)| *cached > 0);
    if let Some(worst) = cached.max_by(|one, other| excess(one).total_cmp(&excess(other))) {
        let (status, words) = if excess(worst) > 0.0 {
            (Status::Invalid, "prompt tokens came from the server's cache, against the plan")
        } else {
            (Status::Valid, "a few prompt tokens before the nonce (the chat template) were cached")
        };
        validity.found(
            Finding::on(run, Check::PromptCache, status, words)
                .seen(worst.0 as f64, "tokens", Format::Fixed(0))
                .against(limit(worst.1), "tokens", Format::Fixed(0)),
        );
    }
}

fn tokens(validity: &mut Validity, run: &RunFacts) {
    let completed = || run.calls().filter(|call| call.is_completed());
    if completed().any(|call| call.output_tokens_by_server) {
        validity.looked(Check::TokenMismatch, 1);
    }
    let n_wrong = completed().filter(|call| call.usage_is_contradicted).count();
    if n_wrong > 0 {
        let words = "the server counted fewer output tokens than pieces that it sent, or more than the limit";
        validity.found(Finding::on(run, Check::TokenMismatch, Status::Suspect, words).seen(
            n_wrong as f64,
            "calls",
            Format::Count,
        ));
    }
    if completed().next().is_some() {
        validity.looked(Check::Degenerate, 1);
    }
    for call in completed() {
        if let Some(kind) = call.degeneracy {
            // A token limit is part of the plan; the others void the work.
            let status = match kind {
                crate::facts::Degeneracy::TokenLimit => Status::Valid,
                _ => Status::Suspect,
            };
            let stage = Stage::name(call.stage);
            validity.found(Finding::on(run, Check::Degenerate, status, kind.title()).quote(stage));
        }
    }
}

fn resets(validity: &mut Validity, run: &RunFacts) {
    for reset in &run.resets {
        validity.looked(Check::Resets, 1);
        if let Some(error) = &reset.error {
            let words = "the server was not brought into the planned state";
            validity.found(
                Finding::on(run, Check::Resets, Status::Suspect, words).quote(error.clone()),
            );
        }
    }
}
