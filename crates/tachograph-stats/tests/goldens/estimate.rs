//! One sample: describing figures, means, quantiles, proportions.

use serde_json::{Value, json};
use tachograph_stats::{
    Confidence, Ecdf, ExtremeBound, Interval, Proportion, Summary, TukeyFences, cv_estimate,
    harrell_davis, jain_index, mean_estimate, quantile_estimate, trimmed_mean_estimate,
};

use crate::{CLOSE, check, confidence, floats, sample};

pub(crate) fn ends(interval: Interval) -> Value {
    json!([interval.low, interval.high])
}

#[test]
fn describe() {
    check("describe", CLOSE, |input| {
        let figures = Summary::of(&sample(&input["values"]));
        json!({
            "n": figures.n, "mean": figures.mean, "sd": figures.sd, "min": figures.min,
            "max": figures.max, "median": figures.median,
        })
    });
}

#[test]
fn quantiles() {
    check("quantiles", CLOSE, |input| {
        let values = sample(&input["values"]);
        let found: Vec<f64> =
            floats(&input["q"]).iter().map(|&q| values.quantile(q).unwrap()).collect();
        json!({ "quantiles": found })
    });
}

#[test]
fn fences() {
    check("fences", CLOSE, |input| {
        let fences = TukeyFences::of(&sample(&input["values"]));
        json!({
            "inner": [fences.inner_low, fences.inner_high],
            "outer": [fences.outer_low, fences.outer_high],
        })
    });
}

#[test]
fn cv() {
    check("cv", CLOSE, |input| {
        let found = cv_estimate(&sample(&input["values"]), Confidence::NINETY_FIVE).unwrap();
        json!({ "cv": found.cv, "interval": ends(found.interval.unwrap()) })
    });
}

#[test]
fn quantile_interval() {
    check("quantile_interval", CLOSE, |input| {
        let q = input["q"].as_f64().unwrap();
        let found =
            quantile_estimate(&sample(&input["values"]), q, confidence(&input["confidence"]))
                .unwrap();
        json!({
            "value": found.value, "interval": ends(found.interval),
            "ranks": [found.ranks.0, found.ranks.1], "coverage": found.coverage,
        })
    });
}

#[test]
fn harrell_davis_quantiles() {
    check("harrell_davis", CLOSE, |input| {
        let values = sample(&input["values"]);
        let found: Vec<f64> =
            floats(&input["q"]).iter().map(|&q| harrell_davis(&values, q).unwrap()).collect();
        json!({ "quantiles": found })
    });
}

#[test]
fn mean() {
    check("mean", CLOSE, |input| {
        let found =
            mean_estimate(&sample(&input["values"]), confidence(&input["confidence"])).unwrap();
        json!({ "mean": found.mean, "interval": ends(found.interval) })
    });
}

#[test]
fn trimmed_mean() {
    check("trimmed_mean", CLOSE, |input| {
        let trim = input["trim"].as_f64().unwrap();
        let values = sample(&input["values"]);
        let found = trimmed_mean_estimate(&values, trim, Confidence::NINETY_FIVE).unwrap();
        json!({ "mean": found.mean, "interval": ends(found.interval) })
    });
}

#[test]
fn proportion() {
    check("proportion", CLOSE, |input| {
        let count = |name: &str| input[name].as_u64().unwrap();
        let found = Proportion::new(count("successes"), count("trials"))
            .unwrap()
            .estimate(confidence(&input["confidence"]));
        let mut actual = json!({ "fraction": found.fraction, "interval": ends(found.interval) });
        match found.bound {
            Some(ExtremeBound::AtMost(bound)) => actual["at_most"] = json!(bound),
            Some(ExtremeBound::AtLeast(bound)) => actual["at_least"] = json!(bound),
            None => {}
        }
        actual
    });
}

#[test]
fn jain() {
    check(
        "jain",
        CLOSE,
        |input| json!({ "index": jain_index(&sample(&input["values"])).unwrap() }),
    );
}

#[test]
fn ecdf() {
    check("ecdf", CLOSE, |input| {
        let found = Ecdf::of(&sample(&input["values"]), Confidence::NINETY_FIVE);
        for step in &found.steps {
            assert!(step.low <= step.fraction && step.fraction <= step.high);
        }
        let values: Vec<f64> = found.steps.iter().map(|step| step.value).collect();
        let fractions: Vec<f64> = found.steps.iter().map(|step| step.fraction).collect();
        json!({ "band": found.band, "values": values, "fractions": fractions })
    });
}
