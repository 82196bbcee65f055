//! The distributions, in both tails and at large degrees of freedom.

use serde_json::{Value, json};
use tachograph_stats::{
    Confidence, f_upper_tail, normal_upper_quantile, normal_upper_tail, quantile_sample_size,
    t_upper_quantile, t_upper_tail,
};

use crate::{check, floats};

/// Each row is arguments and, last, the expected value.
fn grid(method: &str, tolerance: f64, law: impl Fn(&[f64]) -> f64) {
    check(method, tolerance, |_| json!({ "rows": recomputed(method, &law) }));
}

/// The rows with our value in place of the expected one.
fn recomputed(method: &str, law: &impl Fn(&[f64]) -> f64) -> Vec<Value> {
    let file = crate::file();
    let case = file["cases"].as_array().unwrap().iter().find(|case| case["method"] == method);
    let rows = case.unwrap()["expected"]["rows"].as_array().unwrap().iter().map(|row| {
        let mut row = floats(row);
        row.pop();
        let value = law(&row);
        row.push(value);
        json!(row)
    });
    rows.collect()
}

#[test]
fn t_tail() {
    grid("t_tail", 1e-12, |x| t_upper_tail(x[0], x[1]));
}

#[test]
fn t_quantile() {
    grid("t_quantile", 1e-12, |x| t_upper_quantile(x[0], x[1]));
}

#[test]
fn normal_tail() {
    grid("normal_tail", 1e-12, |x| normal_upper_tail(x[0]));
}

#[test]
fn normal_quantile() {
    grid("normal_quantile", 1e-12, |x| normal_upper_quantile(x[0]));
}

#[test]
fn f_tail() {
    grid("f_tail", 1e-11, |x| f_upper_tail(x[0], x[1], x[2]));
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "sample sizes are small")]
fn sample_size_of_a_quantile() {
    grid("quantile_sample_size", 0.0, |x| {
        quantile_sample_size(x[0], Confidence::new(x[1]).unwrap()).unwrap() as f64
    });
}
