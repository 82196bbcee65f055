//! The archive's numbers against `golden.json`, which was computed from the archive with
//! NumPy and SciPy.
//!
//! Owns: recomputing from events alone; the few statistics here are plain sums.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;
use tachograph_import::{ImportedRun, ImportedSet};
use tachograph_model::event::{AgentReported, CallReported, CallStatus, Event, RunReported, Stage};
use tachograph_model::run::{Arm, Configuration};
use tachograph_model::units::DurationNs;

use crate::archive::{folder, imported, set, snapshot};

/// How far apart two computations of one number may be.
const RELATIVE: f64 = 1e-9;

fn golden() -> Value {
    let text = fs::read_to_string(folder().join("golden.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn near(what: &str, expected: f64, found: f64) {
    let scale = expected.abs().max(found.abs()).max(1e-9);
    assert!((expected - found).abs() <= RELATIVE * scale, "{what}: {expected} and {found}");
}

/// Holds a sample against what NumPy says of it; `null` there means an empty sample.
fn describe(what: &str, expected: &Value, mut values: Vec<f64>) {
    if expected.is_null() {
        assert!(values.is_empty(), "{what}");
        return;
    }
    let get = |name: &str| expected[name].as_f64();
    assert_eq!(expected["n"].as_u64(), Some(values.len() as u64), "{what}");
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    near(&format!("{what} mean"), get("mean").unwrap(), mean);
    values.sort_by(f64::total_cmp);
    let middle = f64::midpoint(values[(values.len() - 1) / 2], values[values.len() / 2]);
    near(&format!("{what} median"), get("median").unwrap(), middle);
    near(&format!("{what} min"), get("min").unwrap(), values[0]);
    near(&format!("{what} max"), get("max").unwrap(), values[values.len() - 1]);
    if let Some(sd) = get("sd_ddof1") {
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        let found = (squares / (n - 1.0)).sqrt();
        // Nearly equal values lose digits in the sum.
        assert!((sd - found).abs() <= RELATIVE * (sd + mean.abs()), "{what} sd: {sd} and {found}");
    }
}

fn reported(run: &ImportedRun) -> &RunReported {
    let found = run.events.iter().find_map(|it| match &it.event {
        Event::RunReported(reported) => Some(reported),
        _ => None,
    });
    found.unwrap()
}

fn agents(run: &ImportedRun) -> BTreeMap<&str, &AgentReported> {
    let found = run.events.iter().filter_map(|it| match &it.event {
        Event::AgentReported(reported) => Some((&*it.source, reported)),
        _ => None,
    });
    found.collect()
}

fn calls(run: &ImportedRun) -> Vec<(&str, &CallReported)> {
    let found = run.events.iter().filter_map(|it| match &it.event {
        Event::CallReported(call) => Some((&*it.source, call)),
        _ => None,
    });
    found.collect()
}

fn is_valid(call: &CallReported) -> bool {
    call.status == CallStatus::Completed
}

/// Returns the rate from tokens and duration, in tokens/s; zero of a failed call, as the
/// archive counts it.
fn rate(call: &CallReported) -> f64 {
    match (call.usage.output_tokens, call.server_timings.eval_ns) {
        (Some(tokens), Some(eval)) => tokens as f64 / eval.as_seconds(),
        _ => 0.0,
    }
}

/// Returns the time to first token, in milliseconds; of a failed call as it is stated.
fn ttft_ms(call: &CallReported) -> f64 {
    call.ttft_ns.map_or_else(|| call.stated["ttft_ms"], DurationNs::as_millis)
}

fn is_cold(call: &CallReported) -> bool {
    call.server_timings.load_ns.is_some_and(|it| it.as_millis() > 1000.0)
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

fn configuration<'a>(set: &'a ImportedSet, run: &ImportedRun) -> &'a Configuration {
    let configurations = &imported(set).configurations;
    configurations.iter().find(|it| it.id == run.id.configuration).unwrap()
}

/// Returns the runs of a session and of one arm.
fn arm<'a>(set: &'a ImportedSet, session: &str, baseline: bool) -> Vec<&'a ImportedRun> {
    let of_arm = |run: &&ImportedRun| {
        reported(run).session == session
            && (configuration(set, run).arm == Arm::Baseline) == baseline
    };
    set.runs.iter().filter(of_arm).collect()
}

fn single_arm(what: &str, expected: &Value, runs: &[&ImportedRun]) {
    let per_run: Vec<Vec<&CallReported>> =
        runs.iter().map(|run| calls(run).into_iter().map(|(_, call)| call).collect()).collect();
    let all: Vec<&CallReported> = per_run.iter().flatten().copied().collect();
    let n = |is: fn(&CallReported) -> bool| Some(all.iter().filter(|it| is(it)).count() as u64);
    assert_eq!(expected["n_invalid_calls"].as_u64(), n(|it| !is_valid(it)), "{what}");
    assert_eq!(expected["n_cold_calls"].as_u64(), n(is_cold), "{what}");
    let of = |is: fn(&CallReported) -> bool, get: fn(&CallReported) -> f64| {
        all.iter().filter(|it| is(it)).map(|it| get(it)).collect::<Vec<f64>>()
    };
    let per_run = |is: fn(&CallReported) -> bool, get: fn(&CallReported) -> f64| {
        let means = per_run.iter().filter_map(|calls| {
            let values: Vec<f64> = calls.iter().filter(|it| is(it)).map(|it| get(it)).collect();
            (!values.is_empty()).then(|| mean(&values))
        });
        means.collect::<Vec<f64>>()
    };
    for (name, values) in [
        ("throughput_all_calls", of(|_| true, rate)),
        ("throughput_valid_calls", of(is_valid, rate)),
        ("ttft_all_calls", of(|_| true, ttft_ms)),
        ("ttft_warm_calls", of(|it| !is_cold(it), ttft_ms)),
        ("throughput_run_means", per_run(|_| true, rate)),
        ("throughput_run_means_valid", per_run(is_valid, rate)),
        ("ttft_run_means", per_run(|_| true, ttft_ms)),
        ("throughput_valid_analysis", of(|it| is_valid(it) && it.stage == Stage::Analysis, rate)),
        ("throughput_valid_report", of(|it| is_valid(it) && it.stage == Stage::Report, rate)),
    ] {
        describe(&format!("{what} {name}"), &expected[name], values);
    }
    for call in &all {
        near(&format!("{what} stated rate"), call.stated["throughput_tokens_per_sec"], rate(call));
    }
}

#[test]
fn one_agent_in_rust() {
    let Some(snapshot) = snapshot() else {
        println!("skipped: the archive is not here");
        return;
    };
    let set = set(snapshot, "tr109-rust-full");
    let golden = &golden()["rust_single_tr109_rust_full"];
    let configs = golden["configs"].as_object().unwrap();
    assert_eq!(configs.len(), imported(set).sources.len());
    let mut baselines = Vec::new();
    for (name, expected) in configs {
        for (is_baseline, arm_name) in [(true, "baseline"), (false, "chimera")] {
            let runs = arm(set, name, is_baseline);
            assert_eq!(runs.len(), 3, "{name}");
            single_arm(&format!("{name} {arm_name}"), &expected[arm_name], &runs);
        }
        let rates: Vec<f64> =
            arm(set, name, true).into_iter().flat_map(calls).map(|(_, call)| rate(call)).collect();
        baselines.push(mean(&rates));
    }
    let across = &golden["across_configs"]["baseline_arm_config_means_all19"];
    describe("baselines across configurations", across, baselines);
}

#[test]
fn one_agent_in_python() {
    let Some(snapshot) = snapshot() else {
        println!("skipped: the archive is not here");
        return;
    };
    let set = set(snapshot, "chimera-sweep");
    let golden = &golden()["python_single_chimera_sweep"];
    let configs = golden["configs"].as_object().unwrap();
    assert_eq!(configs.len(), imported(set).sources.len());
    for (name, expected) in configs {
        for (is_baseline, arm_name) in [(true, "baseline"), (false, "chimera")] {
            let runs = arm(set, name, is_baseline);
            let [run] = runs[..] else { panic!("{name} has {} runs", runs.len()) };
            let expected = &expected[arm_name];
            let begin = &golden["configs"][name][format!("start_time_{arm_name}")];
            assert_eq!(reported(run).at.as_deref(), begin.as_str());
            let agent = agents(run)["analyst"];
            let means = agent.means.unwrap();
            let get = |key: &str| expected[key].as_f64().unwrap();
            assert_eq!(means.n_calls, 2);
            assert_eq!(means.output_tokens.map(|it| it as f64), expected["tokens"].as_f64());
            near(name, get("throughput"), means.server_decode_rate.unwrap());
            near(name, get("ttft_ms"), means.ttft_ms.unwrap());
            near(name, get("p95_ttft_ms"), agent.stated["p95_ttft_ms"]);
            near(name, get("p95_throughput"), agent.stated["p95_tokens_per_second"]);
            near(name, get("total_duration_ms"), agent.stated["total_duration_ms"]);
            near(name, get("execution_time_s"), agent.wall_ns.unwrap().as_seconds());
            assert!(calls(run).is_empty(), "calls are not recorded");
        }
    }
}

/// What a run of two agents comes to.
struct Joint {
    efficiency: f64,
    speedup: f64,
    wall: f64,
    rates: [f64; 2],
    ttfts: [f64; 2],
    is_flagged: bool,
}

fn joint(run: &ImportedRun) -> Joint {
    let wall = reported(run).wall_ns.unwrap().as_seconds();
    let agents = agents(run);
    let alone: f64 = agents.values().map(|it| it.wall_ns.unwrap().as_seconds()).sum();
    let of = |agent: &str, get: fn(&CallReported) -> f64| {
        let calls = calls(run);
        mean(
            &calls
                .iter()
                .filter(|(of, _)| *of == agent)
                .map(|(_, it)| get(it))
                .collect::<Vec<f64>>(),
        )
    };
    let speedup = alone / wall;
    near("stated speedup", reported(run).stated["concurrency_speedup"], speedup);
    Joint {
        efficiency: 50.0 * speedup,
        speedup,
        wall,
        rates: ["collector", "insight"].map(|agent| of(agent, rate)),
        ttfts: ["collector", "insight"].map(|agent| of(agent, ttft_ms)),
        is_flagged: reported(run).legacy_flag.unwrap(),
    }
}

#[test]
fn two_agents_in_rust() {
    let Some(snapshot) = snapshot() else {
        println!("skipped: the archive is not here");
        return;
    };
    let set = set(snapshot, "tr110-rust-full");
    let golden = &golden()["rust_multi_tr110_rust_full"];
    let mut phases: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut scenarios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    let mut all = Vec::new();
    let mut n_flagged = 0;
    for (name, expected) in golden["configs"].as_object().unwrap() {
        let mut runs: Vec<&ImportedRun> =
            set.runs.iter().filter(|run| reported(run).session == *name).collect();
        runs.sort_by_key(|run| run.id.block);
        let joints: Vec<Joint> = runs.iter().map(|run| joint(run)).collect();
        let efficiencies: Vec<f64> = joints.iter().map(|it| it.efficiency).collect();
        for (expected, found) in
            expected["efficiency_runs"].as_array().unwrap().iter().zip(&efficiencies)
        {
            near(name, expected.as_f64().unwrap(), *found);
        }
        let of = |get: fn(&Joint) -> f64| joints.iter().map(get).collect::<Vec<f64>>();
        for (quantity, values) in [
            ("efficiency", of(|it| it.efficiency)),
            ("speedup", of(|it| it.speedup)),
            ("wall_s", of(|it| it.wall)),
            ("collector_throughput", of(|it| it.rates[0])),
            ("insight_throughput", of(|it| it.rates[1])),
            ("collector_ttft_ms", of(|it| it.ttfts[0])),
            ("insight_ttft_ms", of(|it| it.ttfts[1])),
        ] {
            describe(&format!("{name} {quantity}"), &expected[quantity], values);
        }
        let flagged = joints.iter().filter(|it| it.is_flagged).count();
        assert_eq!(expected["contention_runs"].as_u64(), Some(flagged as u64), "{name}");
        n_flagged += flagged;
        let together = configuration(set, runs[0]).together.clone().unwrap();
        phases.entry(together.phase).or_default().extend(&efficiencies);
        scenarios
            .entry(together.scenario.name().replace('-', "_"))
            .or_default()
            .extend(&efficiencies);
        all.extend(efficiencies);
    }
    assert_eq!(golden["overall"]["contention_runs"].as_u64(), Some(n_flagged as u64));
    describe("all", &golden["overall"]["efficiency_runs"], all);
    for (name, expected) in golden["phases"].as_object().unwrap() {
        let values = phases.remove(name.split_once('_').unwrap().0).unwrap();
        describe(name, expected, values);
    }
    for (name, expected) in golden["scenarios"].as_object().unwrap() {
        describe(name, expected, scenarios.remove(name).unwrap());
    }
    assert!(phases.is_empty() && scenarios.is_empty());
}

#[test]
fn two_agents_in_python() {
    let Some(snapshot) = snapshot() else {
        println!("skipped: the archive is not here");
        return;
    };
    let set = set(snapshot, "comprehensive-test-results");
    let golden = golden();
    let bounds = &golden["bca_montecarlo_tolerance"]["python_multi_all_runs_efficiency"];
    let efficiencies: Vec<f64> = set
        .runs
        .iter()
        .map(|run| {
            let walls = agents(run).into_values().map(|it| it.wall_ns.unwrap().as_seconds());
            50.0 * walls.sum::<f64>() / reported(run).wall_ns.unwrap().as_seconds()
        })
        .collect();
    assert_eq!(efficiencies.len(), 150);
    // Nothing but the interval of the mean is known of these runs.
    let mean = mean(&efficiencies);
    let bound = |at: usize| bounds["mean_bounds_20_seeds"][at].as_f64().unwrap();
    assert!(bound(0) < mean && mean < bound(1), "{mean}");
}
