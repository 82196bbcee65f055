//! Two independent samples by their ratio: limits, symmetry, promises.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tachograph_stats::{
    Confidence, DecisionRule, Direction, IndependentArms, IndependentDesign, IndependentError,
    Margin, PowerError, Sample, SpreadError, Verdict, compare_independent, independent_ratio,
    normal_upper_quantile, sd_upper_limit, tost_independent,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn sample(values: &[f64]) -> Sample {
    Sample::new(values).unwrap()
}

fn rule(margin: f64, direction: Direction) -> DecisionRule {
    DecisionRule { confidence: CONFIDENCE, margin: Margin::new(margin).unwrap(), direction }
}

fn judged(treatment: &[f64], baseline: &[f64], rule: &DecisionRule) -> Verdict {
    let arms = IndependentArms { treatment: sample(treatment), baseline: sample(baseline) };
    compare_independent(&[arms], rule).unwrap()[0].verdict
}

/// Lognormal values around `centre`.
fn drawn(rng: &mut ChaCha8Rng, n: usize, centre: f64, log_sd: f64) -> Sample {
    let values: Vec<f64> = (0..n)
        .map(|_| {
            let uniform = (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0;
            centre * (log_sd * normal_upper_quantile(uniform)).exp()
        })
        .collect();
    sample(&values)
}

#[test]
fn what_has_no_ratio_is_refused() {
    let two = sample(&[1.0, 2.0]);
    let refused = |a: &[f64]| independent_ratio(&sample(a), &two, CONFIDENCE).unwrap_err();
    assert_eq!(refused(&[1.0]), IndependentError::TooFewValues { n_treatment: 1, n_baseline: 2 });
    assert_eq!(refused(&[1.0, 0.0]), IndependentError::NotPositive { value: 0.0 });
    assert_eq!(refused(&[-1.0, 2.0]), IndependentError::NotPositive { value: -1.0 });
    assert_eq!(refused(&[1e-300, 1e300]), IndependentError::OutOfRange);
    let arms = |a: &[f64]| IndependentArms { treatment: sample(a), baseline: two.clone() };
    let error = compare_independent(
        &[arms(&[1.0, 1.1]), arms(&[1.0])],
        &rule(0.05, Direction::HigherIsBetter),
    );
    assert_eq!(error.unwrap_err().index, 1);
    assert_eq!(compare_independent(&[], &rule(0.05, Direction::HigherIsBetter)), Ok(Vec::new()));
}

#[test]
fn constants_need_no_spread() {
    let higher = rule(0.05, Direction::HigherIsBetter);
    assert_eq!(judged(&[3.0; 4], &[3.0; 2], &higher), Verdict::Equivalent);
    assert_eq!(judged(&[3.1; 4], &[3.0; 2], &higher), Verdict::Equivalent);
    assert_eq!(judged(&[3.3; 4], &[3.0; 2], &higher), Verdict::Better);
    assert_eq!(judged(&[3.3; 4], &[3.0; 2], &rule(0.05, Direction::LowerIsBetter)), Verdict::Worse);
    let found = independent_ratio(&sample(&[3.0; 3]), &sample(&[3.0; 3]), CONFIDENCE).unwrap();
    assert_eq!((found.t, found.ratio.to_bits()), (None, 1.0_f64.to_bits()));
}

#[test]
fn extremes_keep_their_ratio() {
    for scale in [1e-300, 1.0, 1e299] {
        let a = sample(&[1.0 * scale, 1.1 * scale, 1.2 * scale]);
        let b = sample(&[2.0 * scale, 2.2 * scale, 2.4 * scale]);
        let found = independent_ratio(&a, &b, CONFIDENCE).unwrap();
        assert!((found.ratio - 0.5).abs() < 1e-12, "{scale}: {}", found.ratio);
    }
}

#[test]
fn swapping_the_arms_inverts_the_ratio_and_keeps_the_p_values() {
    let (a, b) = (sample(&[1.0, 1.3, 1.1, 1.2]), sample(&[1.05, 1.0, 1.15]));
    let one = independent_ratio(&a, &b, CONFIDENCE).unwrap();
    let other = independent_ratio(&b, &a, CONFIDENCE).unwrap();
    assert!((one.ratio * other.ratio - 1.0).abs() < 1e-14);
    assert!((one.p_value - other.p_value).abs() < 1e-14);
    assert!((one.interval.low * other.interval.high - 1.0).abs() < 1e-14);
    let margin = Margin::new(0.2).unwrap();
    let (there, back) =
        (tost_independent(&one, margin, CONFIDENCE), tost_independent(&other, margin, CONFIDENCE));
    assert!((there.p_value - back.p_value).abs() < 1e-14);
}

#[test]
fn the_family_is_adjusted_after_holm() {
    let arms = |shift: f64| IndependentArms {
        treatment: sample(&[1.0 * shift, 1.02 * shift, 0.99 * shift, 1.01 * shift]),
        baseline: sample(&[1.0, 1.01, 0.99, 1.02]),
    };
    let family = [arms(1.03), arms(1.0), arms(1.2)];
    let found = compare_independent(&family, &rule(0.001, Direction::HigherIsBetter)).unwrap();
    let own: Vec<f64> = found.iter().map(|each| each.ratio.p_value).collect();
    let adjusted: Vec<f64> = found.iter().map(|each| each.p_difference_adjusted).collect();
    assert_eq!(adjusted, tachograph_stats::holm(&own).unwrap());
    assert!(own[0] < 0.05 && found.iter().all(|each| each.family_size == 3));
}

/// Coverage, size, false equivalence and power, against theory; four standard
/// deviations of the count are allowed.
#[test]
fn promises_hold_on_known_populations() {
    let trials = 4000_u32;
    let mut rng = ChaCha8Rng::seed_from_u64(17);
    let rule = rule(0.05, Direction::LowerIsBetter);
    let design = IndependentDesign::new(0.03, 0.02, CONFIDENCE).unwrap();
    let (mut covered, mut false_claims, mut false_equivalences, mut seen, mut shown) =
        (0, 0, 0, 0, 0);
    for _ in 0..trials {
        let baseline = drawn(&mut rng, 8, 100.0, 0.02);
        let at = |rng: &mut ChaCha8Rng, ratio: f64| {
            let treatment = drawn(rng, 8, 100.0 * ratio, 0.03);
            let arms = IndependentArms { treatment, baseline: baseline.clone() };
            compare_independent(&[arms], &rule).unwrap()[0]
        };
        let slower = at(&mut rng, 1.05);
        covered += u32::from(slower.ratio.interval.contains(1.05));
        false_equivalences += u32::from(slower.verdict == Verdict::Equivalent);
        seen += u32::from(slower.ratio.p_value <= 0.05);
        let equal = at(&mut rng, 1.0);
        false_claims += u32::from(equal.ratio.p_value <= 0.05);
        shown += u32::from(equal.equivalence.p_value <= 0.05);
    }
    let near = |count: u32, expected: f64, what: &str| {
        let rate = f64::from(count) / f64::from(trials);
        let allowance = 4.0 * (expected * (1.0 - expected) / f64::from(trials)).sqrt();
        assert!((rate - expected).abs() <= allowance, "{what}: {rate}, expected {expected}");
    };
    near(covered, 0.95, "coverage");
    near(false_claims, 0.05, "size");
    near(false_equivalences, 0.05, "equivalence at the margin");
    near(seen, design.power(8, 1.05).unwrap(), "power");
    let margin = Margin::new(0.05).unwrap();
    near(shown, design.equivalence_power(8, 1.0, margin).unwrap(), "power of equivalence");
}

#[test]
fn designs_refuse_what_has_no_answer() {
    assert!(IndependentDesign::new(0.0, 0.0, CONFIDENCE).is_err());
    assert!(IndependentDesign::new(f64::NAN, 0.1, CONFIDENCE).is_err());
    assert!(IndependentDesign::new(0.1, -0.1, CONFIDENCE).is_err());
    let design = IndependentDesign::new(0.0, 0.1, CONFIDENCE).unwrap();
    assert_eq!(design.power(1, 1.1), Err(PowerError::TooFewRuns { n_runs: 1 }));
    assert_eq!(design.detectable_ratio(1, 0.8), Err(PowerError::TooFewRuns { n_runs: 1 }));
    assert_eq!(design.power(5, 0.0), Err(PowerError::Ratio { ratio: 0.0 }));
    assert_eq!(design.runs_for(1.0, 0.8), Err(PowerError::Ratio { ratio: 1.0 }));
    assert!(matches!(design.runs_for(1.1, 1.0), Err(PowerError::Power { .. })));
    let wild = IndependentDesign::new(50.0, 50.0, CONFIDENCE).unwrap();
    assert!(matches!(wild.runs_for(1.01, 0.8), Err(PowerError::TooManyBlocks { .. })));
}

/// With equal arms, two independent samples need about twice the runs of a
/// paired design whose log ratios have the spread of one arm.
#[test]
fn more_runs_detect_less() {
    let design = IndependentDesign::new(0.02, 0.02, CONFIDENCE).unwrap();
    let ratios: Vec<f64> =
        [3, 6, 12, 50].iter().map(|&n| design.detectable_ratio(n, 0.8).unwrap()).collect();
    assert!(ratios.windows(2).all(|pair| pair[1] < pair[0]), "{ratios:?}");
    let needed = design.runs_for(ratios[2], 0.8).unwrap();
    assert!((11..=13).contains(&needed), "{needed}");
}

#[test]
fn the_limit_of_a_spread_covers_it_as_often_as_promised() {
    assert_eq!(sd_upper_limit(1.0, 1, CONFIDENCE), Err(SpreadError::TooFewValues { n: 1 }));
    assert!(sd_upper_limit(f64::NAN, 3, CONFIDENCE).is_err());
    assert!(sd_upper_limit(-1.0, 3, CONFIDENCE).is_err());
    assert_eq!(sd_upper_limit(0.0, 3, CONFIDENCE), Ok(0.0));
    let mut rng = ChaCha8Rng::seed_from_u64(5);
    let level = Confidence::new(0.8).unwrap();
    let covered = (0..2000)
        .filter(|_| {
            let logs: Vec<f64> =
                drawn(&mut rng, 4, 1.0, 1.0).values().iter().map(|value| value.ln()).collect();
            sd_upper_limit(sample(&logs).sd().unwrap(), 4, level).unwrap() >= 1.0
        })
        .count();
    assert!((1528..=1672).contains(&covered), "{covered} of 2000");
}
