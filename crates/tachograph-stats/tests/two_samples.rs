//! Two independent samples at the ends of their ranges.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use tachograph_stats::{
    Confidence, EstimateError, Sample, brunner_munzel, kolmogorov_smirnov, mann_whitney,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn sample(values: &[f64]) -> Sample {
    Sample::new(values).unwrap()
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-14
}

#[test]
fn samples_without_overlap_take_their_permutations() {
    let (low, high) = (sample(&[1.0, 2.0, 3.0, 4.0]), sample(&[7.0, 8.0, 9.0]));
    let found = brunner_munzel(&high, &low, CONFIDENCE).unwrap();
    assert_eq!((found.t, found.df, found.interval), (None, None, None));
    assert!(near(found.superiority, 1.0) && near(found.p_value, 2.0 / 35.0));
    let ranks = mann_whitney(&high, &low, CONFIDENCE).unwrap();
    assert!(near(found.p_value, ranks.p_value));
    let distance = kolmogorov_smirnov(&high, &low).unwrap();
    assert!(near(distance.distance, 1.0) && near(distance.p_value, 2.0 / 35.0));
    assert!(near(distance.at, 4.0));
}

#[test]
fn one_value_everywhere_shows_nothing() {
    let (a, b) = (sample(&[5.0; 4]), sample(&[5.0; 6]));
    let found = brunner_munzel(&a, &b, CONFIDENCE).unwrap();
    assert!(near(found.superiority, 0.5) && near(found.p_value, 1.0));
    let found = kolmogorov_smirnov(&a, &b).unwrap();
    assert!(near(found.distance, 0.0) && near(found.p_value, 1.0));
}

#[test]
fn too_few_values_are_refused() {
    let (one, two) = (sample(&[1.0]), sample(&[1.0, 2.0]));
    assert!(matches!(
        brunner_munzel(&one, &two, CONFIDENCE),
        Err(EstimateError::TooFewValues { needed: 2, n: 1, .. })
    ));
    assert!(matches!(
        kolmogorov_smirnov(&one, &one),
        Err(EstimateError::TooFewValues { needed: 3, n: 2, .. })
    ));
    assert!(near(kolmogorov_smirnov(&one, &two).unwrap().p_value, 1.0));
}

#[test]
fn swapping_the_samples_swaps_the_sign() {
    let (a, b) = (sample(&[1.0, 4.0, 2.5, 1e300]), sample(&[3.0, 1.0, -1e300, 1e-300, 2.0]));
    let (one, other) =
        (brunner_munzel(&a, &b, CONFIDENCE).unwrap(), brunner_munzel(&b, &a, CONFIDENCE).unwrap());
    assert!(near(one.superiority, 1.0 - other.superiority));
    assert!(near(one.t.unwrap(), -other.t.unwrap()) && near(one.p_value, other.p_value));
    let (one, other) = (kolmogorov_smirnov(&a, &b).unwrap(), kolmogorov_smirnov(&b, &a).unwrap());
    assert!(near(one.distance, other.distance) && near(one.p_value, other.p_value));
}
