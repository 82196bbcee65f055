//! The Rust agent's sweep (TR109), from its 228 calls.

use std::collections::BTreeMap;

use serde_json::Value;
use tachograph_stats::{Pairs, Sample, cliffs_delta, hedges_g, mann_whitney, paired_t, welch};

use crate::raw::{self, Call, of_calls, run_means};
use crate::{CONFIDENCE, check_moments, check_pairs, close, configurations, golden, sample};

const BASELINE: &str = "baseline_default";

/// Both arms of each configuration.
type Sweep = BTreeMap<String, BTreeMap<&'static str, Vec<Call>>>;

type Keep = fn(&Call) -> bool;
type Figure = fn(&Call) -> f64;

fn sweep(study: &Value) -> Option<Sweep> {
    let folder = raw::unpacked()?.join("data/research/tr109_rust_full");
    let read = |name: &str| {
        let file = raw::read(&folder.join(name).join("data/metrics.json"));
        let arms = ["baseline", "chimera"];
        arms.map(|arm| (arm, raw::calls(&file[arm]["llm_calls"]))).into_iter().collect()
    };
    let names = configurations(&study["configs"]).into_iter();
    Some(names.map(|(name, _)| (name.to_owned(), read(name))).collect())
}

fn throughput(call: &Call) -> f64 {
    call.throughput
}

fn ttft(call: &Call) -> f64 {
    call.ttft_ms
}

#[test]
fn every_arm_of_every_configuration() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"];
    let Some(sweep) = sweep(study) else { return };
    for (name, arms) in &sweep {
        for (arm, calls) in arms {
            let expected = &study["configs"][name][*arm];
            let n_invalid = calls.iter().filter(|call| !call.is_valid()).count();
            assert_eq!(expected["n_invalid_calls"].as_u64(), u64::try_from(n_invalid).ok());
            let n_cold = calls.iter().filter(|call| !call.is_warm()).count();
            assert_eq!(expected["n_cold_calls"].as_u64(), u64::try_from(n_cold).ok());
            for (figure, values) in [
                ("throughput_all_calls", of_calls(calls, |_| true, throughput)),
                ("ttft_all_calls", of_calls(calls, |_| true, ttft)),
                ("throughput_valid_calls", of_calls(calls, Call::is_valid, throughput)),
                ("ttft_warm_calls", of_calls(calls, Call::is_warm, ttft)),
                ("throughput_run_means", run_means(calls, |_| true, throughput)),
                ("throughput_run_means_valid", run_means(calls, Call::is_valid, throughput)),
                ("ttft_run_means", run_means(calls, |_| true, ttft)),
                (
                    "throughput_valid_analysis",
                    of_calls(calls, |call| call.is_valid() && !call.is_report, throughput),
                ),
                (
                    "throughput_valid_report",
                    of_calls(calls, |call| call.is_valid() && call.is_report, throughput),
                ),
            ] {
                check_moments(&values, &expected[figure], &format!("{name}, {arm}, {figure}"));
            }
        }
    }
}

#[test]
fn samples_over_configurations() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"];
    let Some(sweep) = sweep(study) else { return };
    let eighteen = || sweep.iter().filter(|(name, _)| *name != BASELINE).map(|(_, arms)| arms);
    let all = || sweep.values();
    let mean = |calls: &[Call], figure: fn(&Call) -> f64| of_calls(calls, |_| true, figure).mean();
    let valid = |calls: &[Call]| of_calls(calls, Call::is_valid, throughput);
    let pooled = |parts: Vec<Sample>| sample(parts.iter().flat_map(Sample::values).copied());
    let warm = |calls: &[Call]| of_calls(calls, Call::is_warm, ttft);
    let samples = [
        (
            "baseline_arm_config_means_all19",
            sample(all().map(|arms| mean(&arms["baseline"], throughput))),
        ),
        (
            "baseline_arm_config_means_18",
            sample(eighteen().map(|arms| mean(&arms["baseline"], throughput))),
        ),
        (
            "chimera_arm_config_means_18_asrecorded",
            sample(eighteen().map(|arms| mean(&arms["chimera"], throughput))),
        ),
        (
            "chimera_arm_config_means_18_valid",
            sample(eighteen().map(|arms| valid(&arms["chimera"]).mean())),
        ),
        (
            "ttft_baseline_arm_config_means_all19",
            sample(all().map(|arms| mean(&arms["baseline"], ttft))),
        ),
        (
            "ttft_chimera_arm_config_means_all19",
            sample(all().map(|arms| mean(&arms["chimera"], ttft))),
        ),
        (
            "pooled_valid_calls_baseline_all19",
            pooled(all().map(|arms| valid(&arms["baseline"])).collect()),
        ),
        (
            "pooled_valid_calls_chimera_18",
            pooled(eighteen().map(|arms| valid(&arms["chimera"])).collect()),
        ),
        (
            "pooled_warm_ttft_baseline_all19",
            pooled(all().map(|arms| warm(&arms["baseline"])).collect()),
        ),
        (
            "pooled_warm_ttft_chimera_18",
            pooled(eighteen().map(|arms| warm(&arms["chimera"])).collect()),
        ),
    ];
    let expected = &study["across_configs"];
    assert_eq!(configurations(expected).len(), samples.len());
    for (name, values) in samples {
        check_moments(&values, &expected[name], name);
    }
}

#[test]
fn configurations_paired_by_stage_and_by_warm_calls() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"];
    let Some(sweep) = sweep(study) else { return };
    let check = |name: &str, figure: &dyn Fn(&[Call]) -> f64| {
        let eighteen = || sweep.iter().filter(|(name, _)| *name != BASELINE);
        let arm = |arm: &str| sample(eighteen().map(|(_, arms)| figure(&arms[arm])));
        let pairs = Pairs::of_samples(&arm("chimera"), &arm("baseline")).unwrap();
        check_pairs(&pairs, &study["chimera_vs_baseline_across_18_config_means"][name], name);
    };
    check("valid_analysis_stage", &|calls| {
        of_calls(calls, |call| call.is_valid() && !call.is_report, throughput).mean()
    });
    check("valid_report_stage", &|calls| {
        of_calls(calls, |call| call.is_valid() && call.is_report, throughput).mean()
    });
    check("warm_ttft_ms", &|calls| of_calls(calls, Call::is_warm, ttft).mean());
}

/// `theirs` are the names of their figures: Welch's, the ranks', the effect sizes.
fn check_two(a: &Sample, b: &Sample, expected: &Value, theirs: [&str; 8], place: &str) {
    let [welch_t, df, welch_p, interval, mwu_u, mwu_p, hedges, delta] = theirs;
    let found = welch(a, b, CONFIDENCE).unwrap();
    close(found.t.unwrap(), &expected[welch_t], place);
    close(found.df, &expected[df], place);
    close(found.p_value, &expected[welch_p], place);
    close(found.interval.low, &expected[interval][0], place);
    close(found.interval.high, &expected[interval][1], place);
    let ranks = mann_whitney(a, b, CONFIDENCE).unwrap();
    close(ranks.u, &expected[mwu_u], place);
    close(ranks.p_value, &expected[mwu_p], place);
    close(hedges_g(a, b, CONFIDENCE).unwrap().g_approximate, &expected[hedges], place);
    close(cliffs_delta(a, b, CONFIDENCE).unwrap().delta, &expected[delta], place);
}

#[test]
fn every_configuration_against_its_baseline() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"];
    let Some(sweep) = sweep(study) else { return };
    let names = [
        "welch_t",
        "welch_df",
        "welch_p",
        "welch_ci95",
        "mwu_U",
        "mwu_p",
        "hedges_g",
        "cliffs_delta",
    ];
    let keeps: [(&str, Keep); 2] =
        [("as_recorded_zeros_kept", |_| true), ("valid_calls_only", Call::is_valid)];
    for (variant, keep) in keeps {
        let rows = configurations(&study["chimera_vs_baseline_throughput"][variant]["configs"]);
        assert_eq!(rows.len(), 18);
        for (name, expected) in rows {
            let arms = &sweep[name];
            let arm = |arm: &str| of_calls(&arms[arm], keep, throughput);
            let place = format!("{name}, {variant}");
            check_two(&arm("chimera"), &arm("baseline"), expected, names, &place);
            let means = |arm: &str| run_means(&arms[arm], keep, throughput);
            let pairs = Pairs::of_samples(&means("chimera"), &means("baseline")).unwrap();
            let paired = paired_t(&pairs, CONFIDENCE).unwrap();
            close(paired.t.unwrap(), &expected["paired_t"], &place);
            close(paired.p_value, &expected["paired_p"], &place);
        }
    }
}

#[test]
fn the_arms_that_do_not_differ() {
    let Some(golden) = golden() else { return };
    let study = &golden["rust_single_tr109_rust_full"];
    let Some(sweep) = sweep(study) else { return };
    let names = [
        "welch_t",
        "welch_df",
        "welch_p_two_sided",
        "welch_diff_ci95",
        "mannwhitney_U_a",
        "mannwhitney_p_two_sided",
        "hedges_g_approx_J=1-3/(4df-1)",
        "cliffs_delta",
    ];
    let figures: [(&str, Figure); 2] =
        [("throughput_welch_calls", throughput), ("ttft_welch_calls", ttft)];
    for (name, figure) in figures {
        let expected = &study["A_A_control_baseline_default"][name];
        let arm = |arm: &str| of_calls(&sweep[BASELINE][arm], |_| true, figure);
        let (a, b) = (arm("chimera"), arm("baseline"));
        check_two(&a, &b, expected, names, name);
        let effect = hedges_g(&a, &b, CONFIDENCE).unwrap();
        close(effect.d, &expected["cohens_d_pooled"], name);
        close(effect.g, &expected["hedges_g_exact_gamma"], name);
    }
}
