//! Changes over time, nested levels, covariates.

use serde_json::{Value, json};
use tachograph_stats::{
    ChangeOf, ChangeSearch, ComponentMethod, Confidence, Resampling, Sample, adjusted_difference,
    change_points, nested_components,
};

use crate::goldens::estimate::ends;
use crate::{CLOSE, check, number, sample};

/// The only split that segments of this length allow, significant or not.
fn split(input: &Value, change_of: ChangeOf) -> (usize, f64) {
    let resampling = Resampling { seed: 1, resamples: 19 };
    let segment_min = number(&input["segment_min"]);
    let search = ChangeSearch { change_of, segment_min, alpha: 0.999, resampling };
    let found = change_points(&sample(&input["values"]), &search).unwrap();
    assert_eq!(found.len(), 1);
    (found[0].index, found[0].divergence)
}

#[test]
fn first_split() {
    check("first_split", CLOSE, |input| {
        json!({
            "mean": split(input, ChangeOf::Mean),
            "distribution": split(input, ChangeOf::Distribution),
        })
    });
}

fn starts(input: &Value) -> Vec<Vec<Sample>> {
    let starts = input["starts"].as_array().unwrap();
    starts.iter().map(|runs| runs.as_array().unwrap().iter().map(sample).collect()).collect()
}

#[test]
fn nested_moments() {
    check("nested_moments", CLOSE, |input| {
        let found = nested_components(&starts(input), ComponentMethod::Moments).unwrap();
        json!({ "mean": found.mean, "sd": [found.sd_start, found.sd_run, found.sd_call] })
    });
}

#[test]
fn nested_reml() {
    check("nested_reml", CLOSE, |input| {
        let found = nested_components(&starts(input), ComponentMethod::Reml).unwrap();
        json!({
            "mean": found.mean, "sd": [found.sd_start, found.sd_run, found.sd_call],
            "error": found.standard_error,
        })
    });
}

#[test]
fn covariate() {
    check("adjusted_difference", CLOSE, |input| {
        let (differences, covariate) = (sample(&input["differences"]), sample(&input["covariate"]));
        let found = adjusted_difference(&differences, &covariate, Confidence::NINETY_FIVE).unwrap();
        json!({
            "unadjusted": found.unadjusted, "adjusted": found.adjusted, "slope": found.slope,
            "interval": ends(found.interval), "slope_interval": ends(found.slope_interval),
            "t": found.t, "p_value": found.p_value,
        })
    });
}
