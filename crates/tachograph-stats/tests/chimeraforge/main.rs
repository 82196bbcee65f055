//! The recomputation of the historical studies, reproduced.
//!
//! `golden.json` lies beside the repository, not in it: it was computed by SciPy
//! from the raw data of the published reports, with the recipes in its `meta`.
//! Here are the figures that follow from others in the same file; [`calls`] and
//! [`agents`] go back to the raw data. Where it is absent, these tests say that they
//! were skipped.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod agents;
mod calls;
mod raw;

use std::path::{Path, PathBuf};

use serde_json::Value;
use tachograph_stats::{
    Confidence, Pairs, Resampling, Sample, Summary, bca_mean, benjamini_hochberg, holm,
    mean_estimate, paired_t, sign_flip, signed_rank,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

/// Where the historical data lies, if it does.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/chimeraforge")
}

#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
fn golden() -> Option<Value> {
    let Ok(text) = std::fs::read_to_string(folder().join("golden.json")) else {
        eprintln!("SKIPPED: no ../shared/data/chimeraforge/golden.json beside the workspace");
        return None;
    };
    Some(serde_json::from_str(&text).unwrap())
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn close(found: f64, expected: &Value, place: &str) {
    let expected = number(expected);
    let most = found.abs().max(expected.abs());
    assert!((found - expected).abs() <= 1e-9 * most, "{place}: {found} is not {expected}");
}

fn configurations(group: &Value) -> Vec<(&str, &Value)> {
    group.as_object().unwrap().iter().map(|(name, value)| (name.as_str(), value)).collect()
}

fn sample(values: impl IntoIterator<Item = f64>) -> Sample {
    Sample::new(&values.into_iter().collect::<Vec<f64>>()).unwrap()
}

/// Compares all figures that the recomputation gives for one sample.
fn check_summary(values: &Sample, expected: &Value, place: &str) {
    check_moments(values, expected, place);
    if expected["bca95_seed0"].is_array() {
        let found =
            bca_mean(values, Resampling { seed: 0, resamples: 30_000 }, CONFIDENCE).unwrap();
        let theirs = (number(&expected["bca95_seed0"][0]), number(&expected["bca95_seed0"][1]));
        // Another generator: their end, of few resamples, has a Monte-Carlo error of
        // some percent of the width; ours, of ten times as many, adds little.
        let slack = 0.1 * (theirs.1 - theirs.0);
        assert!((found.interval.low - theirs.0).abs() < slack, "{place}: {:?}", found.interval);
        assert!((found.interval.high - theirs.1).abs() < slack, "{place}: {:?}", found.interval);
    }
}

/// Compares all of them that no generator decides.
fn check_moments(values: &Sample, expected: &Value, place: &str) {
    let found = Summary::of(values);
    assert_eq!(u64::try_from(found.n).unwrap(), expected["n"].as_u64().unwrap(), "{place}: n");
    close(found.mean, &expected["mean"], place);
    close(found.median, &expected["median"], place);
    close(found.min, &expected["min"], place);
    close(found.max, &expected["max"], place);
    close(found.sd.unwrap(), &expected["sd_ddof1"], place);
    close(100.0 * found.cv.unwrap(), &expected["cv_percent"], place);
    let interval = mean_estimate(values, CONFIDENCE).unwrap().interval;
    close(interval.low, &expected["t95"][0], place);
    close(interval.high, &expected["t95"][1], place);
    close(interval.half_width(), &expected["t95_half_width"], place);
    if let Some(acceleration) = expected.get("bca_acceleration") {
        let few = Resampling { seed: 0, resamples: 100 };
        close(bca_mean(values, few, CONFIDENCE).unwrap().acceleration, acceleration, place);
    }
}

#[test]
fn balance_of_the_concurrent_runs() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_multi_tr110_rust_full"];
    let mut all = Vec::new();
    let mut means = Vec::new();
    for (name, configuration) in configurations(&study["configs"]) {
        let runs = configuration["efficiency_runs"].as_array().unwrap().iter().map(number);
        let runs = sample(runs);
        check_summary(&runs, &configuration["efficiency"], name);
        all.extend_from_slice(runs.values());
        means.push(runs.mean());
    }
    let overall = &study["overall"];
    let all = sample(all);
    check_summary(&all, &overall["efficiency_runs"], "all runs");
    check_summary(&sample(means), &overall["efficiency_config_means"], "configuration means");
    for (percent, expected) in configurations(&overall["efficiency_percentiles_numpy_linear"]) {
        let q = percent.parse::<f64>().unwrap() / 100.0;
        close(all.quantile(q).unwrap(), expected, percent);
    }
}

#[test]
fn the_python_sweep() {
    let Some(golden) = golden() else { return };
    let study = &golden["python_single_chimera_sweep"];
    let rows = configurations(&study["configs"]);
    let arm = |arm: &str, metric: &str| {
        sample(rows.iter().map(|(_, configuration)| number(&configuration[arm][metric])))
    };
    for (name, expected) in configurations(&study["across_configs"]) {
        let (arm_name, metric) = name.split_once('_').unwrap();
        check_summary(&arm(arm_name, metric), expected, name);
    }
    for metric in ["throughput", "ttft_ms"] {
        let pairs = Pairs::of_samples(&arm("chimera", metric), &arm("baseline", metric)).unwrap();
        check_pairs(&pairs, &study["chimera_minus_baseline_paired_18"][metric], metric);
    }
}

fn check_pairs(pairs: &Pairs, expected: &Value, place: &str) {
    let found = paired_t(pairs, CONFIDENCE).unwrap();
    close(found.mean, &expected["mean_diff"], place);
    close(found.sd, &expected["sd_diff_ddof1"], place);
    close(found.t.unwrap(), &expected["t"], place);
    close(found.p_value, &expected["p_two_sided"], place);
    close(found.interval.low, &expected["t95"][0], place);
    close(found.interval.high, &expected["t95"][1], place);
    let ranks = signed_rank(pairs, CONFIDENCE).unwrap();
    close(ranks.w_plus.min(ranks.w_minus), &expected["wilcoxon_W"], place);
    close(ranks.p_value, &expected["wilcoxon_p_two_sided"], place);
    let flips = sign_flip(pairs, Resampling::seeded(0)).unwrap();
    close(flips.p_value, &expected["signflip_exact_p_two_sided"], place);
}

#[test]
fn the_eighteen_configurations_against_their_baselines() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"];
    let rows: Vec<(&str, &Value)> = configurations(&study["configs"])
        .into_iter()
        .filter(|(name, _)| *name != "baseline_default")
        .collect();
    assert_eq!(rows.len(), 18);
    for (variant, of_arm) in
        [("as_recorded", "throughput_all_calls"), ("valid", "throughput_valid_calls")]
    {
        let arm = |arm: &str| sample(rows.iter().map(|(_, row)| number(&row[arm][of_arm]["mean"])));
        let pairs = Pairs::of_samples(&arm("chimera"), &arm("baseline")).unwrap();
        let expected = &study["chimera_vs_baseline_across_18_config_means"][variant];
        check_pairs(&pairs, expected, variant);
    }
}

#[test]
fn corrections_for_eighteen_comparisons() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"]["chimera_vs_baseline_throughput"];
    for variant in ["as_recorded_zeros_kept", "valid_calls_only"] {
        let rows = configurations(&study[variant]["configs"]);
        for test in ["welch_p", "paired_p", "mwu_p"] {
            let p_values: Vec<f64> = rows.iter().map(|(_, row)| number(&row[test])).collect();
            let (holm, bh) = (holm(&p_values).unwrap(), benjamini_hochberg(&p_values).unwrap());
            for (index, (name, row)) in rows.iter().enumerate() {
                close(holm[index], &row[format!("{test}_holm")], name);
                close(bh[index], &row[format!("{test}_bh")], name);
            }
        }
    }
}
