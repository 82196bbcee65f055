//! Every statistic against SciPy, statsmodels or mpmath.
//!
//! `goldens/make_goldens.py` computes the expected numbers and says how; here
//! they must agree to 1e-9 relative, unless a case says why it is looser.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod goldens {
    pub(crate) mod compare;
    pub(crate) mod contrast;
    pub(crate) mod decide;
    pub(crate) mod design;
    pub(crate) mod estimate;
    pub(crate) mod law;
    pub(crate) mod levels;
    pub(crate) mod pair;
}

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tachograph_stats::{Confidence, Sample};

/// The relative agreement that deterministic methods owe.
pub(crate) const CLOSE: f64 = 1e-9;

/// Methods that have a test; the file may hold no other and must hold each.
const METHODS: &[&str] = &[
    "adjust",
    "adjusted_difference",
    "autocorrelation",
    "bca_interval",
    "bca_mean",
    "block_components",
    "block_design",
    "blocks_for",
    "brown_forsythe",
    "brunner_munzel",
    "cliffs_delta",
    "confidence_sequence",
    "cv",
    "describe",
    "detectable_ratio",
    "dunnett",
    "ecdf",
    "equivalence_power",
    "f_tail",
    "factorial",
    "fences",
    "fieller",
    "first_split",
    "group_sequential",
    "gupta",
    "harrell_davis",
    "hedges_g",
    "independent_detectable",
    "independent_equivalence_power",
    "independent_power",
    "independent_ratio",
    "independent_runs_for",
    "jain",
    "kolmogorov_smirnov",
    "luck",
    "mann_kendall",
    "mann_whitney",
    "mean",
    "nested_moments",
    "nested_reml",
    "normal_quantile",
    "normal_tail",
    "paired_ratio",
    "paired_t",
    "power",
    "proportion",
    "quantile_interval",
    "quantile_sample_size",
    "quantiles",
    "relabelling",
    "sd_upper_limit",
    "shrink",
    "sign_flip",
    "signed_rank",
    "studentised_mean",
    "t_quantile",
    "t_tail",
    "tost",
    "tost_independent",
    "trimmed_mean",
    "variance_components",
    "welch",
];

fn file() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/goldens.json");
    let text = std::fs::read_to_string(path).expect("goldens.json is committed");
    serde_json::from_str(&text).expect("goldens.json is JSON")
}

/// Runs `compute` on the input of every case of a method and compares.
///
/// Only what the golden expects is compared; an expected number that `compute`
/// does not return fails.
pub(crate) fn check(method: &str, tolerance: f64, compute: impl Fn(&Value) -> Value) {
    let file = file();
    let cases = file["cases"].as_array().unwrap();
    let mut seen = 0;
    for case in cases.iter().filter(|case| case["method"] == method) {
        let actual = compute(&case["input"]);
        compare(&case["expected"], &actual, tolerance, &format!("{method}, {}", case["name"]));
        seen += 1;
    }
    assert!(seen > 0, "no golden for {method}; run make_goldens.py");
}

fn compare(expected: &Value, actual: &Value, tolerance: f64, place: &str) {
    match (expected, actual) {
        (Value::Object(fields), Value::Object(_)) => {
            for (name, value) in fields {
                compare(value, &actual[name], tolerance, &format!("{place}, {name}"));
            }
        }
        (Value::Array(wanted), Value::Array(found)) => {
            assert_eq!(wanted.len(), found.len(), "{place}: length");
            for (index, (wanted, found)) in wanted.iter().zip(found).enumerate() {
                compare(wanted, found, tolerance, &format!("{place}[{index}]"));
            }
        }
        (Value::Number(wanted), Value::Number(found)) => {
            let (wanted, found) = (wanted.as_f64().unwrap(), found.as_f64().unwrap());
            let most = wanted.abs().max(found.abs());
            assert!(
                (wanted - found).abs() <= tolerance * most,
                "{place}: expected {wanted:e}, found {found:e}, relative {:e}",
                (wanted - found).abs() / most
            );
        }
        _ => assert_eq!(expected, actual, "{place}"),
    }
}

pub(crate) fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
}

pub(crate) fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

pub(crate) fn sample(value: &Value) -> Sample {
    Sample::new(&floats(value)).unwrap()
}

pub(crate) fn confidence(value: &Value) -> Confidence {
    value.as_f64().map_or(Confidence::NINETY_FIVE, |level| Confidence::new(level).unwrap())
}

#[test]
fn every_golden_has_a_test() {
    let file = file();
    let found: BTreeSet<&str> =
        file["cases"].as_array().unwrap().iter().map(|c| c["method"].as_str().unwrap()).collect();
    assert_eq!(found, METHODS.iter().copied().collect());
}

/// A comparison that accepted anything would make every test here empty.
#[test]
#[should_panic(expected = "relative")]
fn a_wrong_ninth_digit_is_noticed() {
    compare(
        &serde_json::json!({"x": [1.0]}),
        &serde_json::json!({"x": [1.000_000_002]}),
        CLOSE,
        "",
    );
}
