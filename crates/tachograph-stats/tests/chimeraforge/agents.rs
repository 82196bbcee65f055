//! The concurrent agents (TR110), from their 135 runs, and how far two generators
//! may lie apart.

use std::path::Path;

use serde_json::Value;
use tachograph_stats::{Resampling, Sample, bca_mean};

use crate::raw::{self, Call};
use crate::{CONFIDENCE, check_moments, configurations, golden, number, sample};

fn runs(folder: &Path, n: u32) -> Vec<Value> {
    (1..=n).map(|run| raw::read(&folder.join(format!("run_{run}/metrics.json")))).collect()
}

#[test]
fn every_configuration_of_two_agents() {
    let Some(golden) = golden() else { return };
    let Some(folder) = raw::unpacked() else { return };
    let study = &golden["rust_multi_tr110_rust_full"];
    for (name, expected) in configurations(&study["configs"]) {
        let runs = runs(&folder.join("data/research/tr110_rust_full").join(name), 5);
        let of = |field: &str| sample(runs.iter().map(|run| number(&run["summary"][field])));
        for (figure, field) in [
            ("efficiency", "efficiency_percent"),
            ("speedup", "concurrency_speedup"),
            ("wall_s", "concurrent_wall_time_s"),
            ("collector_throughput", "collector_throughput"),
            ("insight_throughput", "insight_throughput"),
            ("collector_ttft_ms", "collector_ttft_ms"),
            ("insight_ttft_ms", "insight_ttft_ms"),
        ] {
            check_moments(&of(field), &expected[figure], &format!("{name}, {figure}"));
        }
        let contended =
            runs.iter().filter(|run| run["summary"]["resource_contention_detected"] == true);
        assert_eq!(expected["contention_runs"].as_u64(), u64::try_from(contended.count()).ok());
    }
}

#[test]
fn phases_and_scenarios() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_multi_tr110_rust_full"];
    let rows = configurations(&study["configs"]);
    let pooled = |keep: &dyn Fn(&Value) -> bool| {
        let kept = rows.iter().filter(|(_, row)| keep(row));
        sample(kept.flat_map(|(_, row)| row["efficiency_runs"].as_array().unwrap()).map(number))
    };
    for (name, expected) in configurations(&study["scenarios"]) {
        check_moments(&pooled(&|row| row["scenario"] == name), expected, name);
    }
    for (name, expected) in configurations(&study["phases"]) {
        // `phase1_test001-018`: the numbers of its tests.
        let (first, last) = name.split_once("_test").unwrap().1.split_once('-').unwrap();
        let number_of = |row: &Value| row["test_id"].as_str().unwrap()[4..].to_owned();
        let within = |row: &Value| (first..=last).contains(&number_of(row).as_str());
        check_moments(&pooled(&within), expected, name);
    }
}

/// Their ends over twenty seeds have a mean and a spread; ours must be one of them.
#[test]
fn bootstrap_ends_lie_where_other_generators_put_them() {
    let Some(golden) = golden() else { return };
    let Some(folder) = raw::unpacked() else { return };
    let sweep = folder.join("data/research/tr109_rust_full");
    let baseline = |name: &str| {
        raw::calls(&raw::read(&sweep.join(name).join("data/metrics.json"))["baseline"]["llm_calls"])
    };
    let of = |calls: Vec<Call>, figure: fn(&Call) -> f64| sample(calls.iter().map(figure));
    let multi = &golden["rust_multi_tr110_rust_full"]["configs"];
    let efficiencies = |row: &Value| -> Vec<f64> {
        row["efficiency_runs"].as_array().unwrap().iter().map(number).collect()
    };
    let all: Vec<f64> =
        configurations(multi).iter().flat_map(|(_, row)| efficiencies(row)).collect();
    let python = folder.join("src/python/banterhearts/demo_multiagent/comprehensive_test_results");
    let mut theirs: Vec<f64> = Vec::new();
    for entry in std::fs::read_dir(&python).unwrap() {
        let path = entry.unwrap().path().join("summary.json");
        if path.is_file() {
            let summary = raw::read(&path);
            let runs = summary["runs"].as_array().unwrap();
            theirs.extend(runs.iter().map(|run| 50.0 * number(&run["concurrency_speedup"])));
        }
    }
    let samples: [(&str, Sample); 5] = [
        (
            "rust_single_baseline_default_baseline_throughput",
            of(baseline("baseline_default"), |call| call.throughput),
        ),
        (
            "rust_single_gpu60_ctx256_temp0p6_baseline_ttft",
            of(baseline("gpu60_ctx256_temp0p6"), |call| call.ttft_ms),
        ),
        ("rust_multi_all_runs_efficiency", sample(all)),
        ("python_multi_all_runs_efficiency", sample(theirs)),
        ("rust_test005_eff", sample(efficiencies(&multi["baseline-vs-chimera/test005"]))),
    ];
    for (name, values) in samples {
        let expected = &golden["bca_montecarlo_tolerance"][name];
        let found = bca_mean(&values, Resampling::seeded(0), CONFIDENCE).unwrap().interval;
        for (at, end) in [found.low, found.high].into_iter().enumerate() {
            let mean = number(&expected["mean_bounds_20_seeds"][at]);
            let spread = number(&expected["sd_bounds_20_seeds"][at]);
            let away = (end - mean).abs() / spread;
            assert!(away < 5.0, "{name}: {end} lies {away} standard deviations from {mean}");
        }
    }
}
