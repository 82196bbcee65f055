//! Two samples: paired, independent, equivalent; and families of p-values.

use serde_json::{Value, json};
use tachograph_stats::{
    Confidence, Margin, Pairs, benjamini_hochberg, holm, paired_ratio, paired_t, tost, welch,
};

use crate::goldens::estimate::ends;
use crate::{CLOSE, check, floats, sample};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn pairs(input: &Value) -> Pairs {
    Pairs::of_samples(&sample(&input["treatment"]), &sample(&input["baseline"])).unwrap()
}

#[test]
fn paired_ratios() {
    check("paired_ratio", CLOSE, |input| {
        let pairs = pairs(input);
        // The interval of "far apart" is beyond the range; its test is not.
        let found = paired_ratio(&pairs, CONFIDENCE).unwrap();
        json!({
            "log_mean": found.log_mean, "log_sd": found.log_sd, "t": found.t, "df": found.df,
            "p_value": found.p_value, "ratio": found.ratio, "interval": ends(found.interval),
        })
    });
}

#[test]
fn paired_t_test() {
    check("paired_t", CLOSE, |input| {
        let found = paired_t(&pairs(input), CONFIDENCE).unwrap();
        json!({
            "mean": found.mean, "t": found.t, "p_value": found.p_value,
            "interval": ends(found.interval),
        })
    });
}

#[test]
fn two_one_sided_tests() {
    check("tost", CLOSE, |input| {
        let ratio = paired_ratio(&pairs(input), CONFIDENCE).unwrap();
        let margin = Margin::new(input["margin"].as_f64().unwrap()).unwrap();
        let found = tost(&ratio, margin, CONFIDENCE);
        json!({ "p_value": found.p_value, "interval": ends(found.interval) })
    });
}

#[test]
fn welch_t_test() {
    check("welch", CLOSE, |input| {
        let found = welch(&sample(&input["a"]), &sample(&input["b"]), CONFIDENCE).unwrap();
        json!({
            "difference": found.difference, "t": found.t, "df": found.df,
            "p_value": found.p_value, "interval": ends(found.interval),
        })
    });
}

#[test]
fn adjusted_p_values() {
    check("adjust", CLOSE, |input| {
        let p_values = floats(&input["p_values"]);
        json!({
            "holm": holm(&p_values).unwrap(),
            "benjamini_hochberg": benjamini_hochberg(&p_values).unwrap(),
        })
    });
}
