//! Two independent samples on logarithms, their power, and a pilot's spread.

use serde_json::{Value, json};
use tachograph_stats::{
    Confidence, IndependentDesign, Margin, independent_ratio, sd_upper_limit, tost_independent,
};

use crate::goldens::estimate::ends;
use crate::{CLOSE, check, confidence, floats, number, sample};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn real(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

fn design(input: &Value) -> IndependentDesign {
    let sds = floats(&input["sds"]);
    IndependentDesign::new(sds[0], sds[1], CONFIDENCE).unwrap()
}

#[test]
fn ratios() {
    check("independent_ratio", CLOSE, |input| {
        let (treatment, baseline) = (sample(&input["treatment"]), sample(&input["baseline"]));
        let found = independent_ratio(&treatment, &baseline, CONFIDENCE).unwrap();
        json!({
            "ratio": found.ratio, "t": found.t, "df": found.df, "p_value": found.p_value,
            "interval": ends(found.interval),
        })
    });
}

#[test]
fn equivalence() {
    check("tost_independent", CLOSE, |input| {
        let (treatment, baseline) = (sample(&input["treatment"]), sample(&input["baseline"]));
        let ratio = independent_ratio(&treatment, &baseline, CONFIDENCE).unwrap();
        let margin = Margin::new(real(&input["margin"])).unwrap();
        let found = tost_independent(&ratio, margin, CONFIDENCE);
        json!({ "p_value": found.p_value, "interval": ends(found.interval) })
    });
}

#[test]
fn power() {
    check("independent_power", CLOSE, |input| {
        let (n_runs, ratio) = (number(&input["n_runs"]), real(&input["ratio"]));
        json!({ "power": design(input).power(n_runs, ratio).unwrap() })
    });
    check("independent_runs_for", CLOSE, |input| {
        let (ratio, power) = (real(&input["ratio"]), real(&input["power"]));
        json!({ "n_runs": design(input).runs_for(ratio, power).unwrap() })
    });
    check("independent_detectable", CLOSE, |input| {
        let (n_runs, power) = (number(&input["n_runs"]), real(&input["power"]));
        json!({ "ratio": design(input).detectable_ratio(n_runs, power).unwrap() })
    });
}

#[test]
fn equivalence_power() {
    check("independent_equivalence_power", CLOSE, |input| {
        let margin = Margin::new(real(&input["margin"])).unwrap();
        let (n_runs, ratio) = (number(&input["n_runs"]), real(&input["ratio"]));
        json!({ "power": design(input).equivalence_power(n_runs, ratio, margin).unwrap() })
    });
}

#[test]
fn spread_of_a_pilot() {
    check("sd_upper_limit", CLOSE, |input| {
        let (sd, n) = (real(&input["sd"]), number(&input["n"]));
        json!({ "limit": sd_upper_limit(sd, n, confidence(&input["confidence"])).unwrap() })
    });
}
