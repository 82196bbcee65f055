//! What the tests without a distribution, the bootstrap and the planning
//! functions do at their limits.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use tachograph_stats::{
    BlockDesign, BootstrapError, Cell, Confidence, DunnettError, EffectError, EstimateError,
    FiellerError, Margin, PMethod, PairedDesign, Pairs, PowerError, Resampling, Sample,
    autocorrelation, bca_interval, bca_mean, bca_over_runs, brown_forsythe, cliffs_delta, dunnett,
    fieller, hedges_g, mann_kendall, mann_whitney, normal_upper_quantile, relabelling, sign_flip,
    signed_rank, studentised_mean, t_critical, t_two_sided, variance_components,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;
const SEED: Resampling = Resampling { seed: 11, resamples: 1000 };

fn sample(values: &[f64]) -> Sample {
    Sample::new(values).unwrap()
}

fn pairs(treatment: &[f64], baseline: &[f64]) -> Pairs {
    Pairs::of_samples(&sample(treatment), &sample(baseline)).unwrap()
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

/// Values that look random and are not: a sine of large steps.
fn wobble(n: u32) -> Vec<f64> {
    (0..n).map(|i| 10.0 + (f64::from(i) * 12.9898).sin()).collect()
}

#[test]
fn too_few_values_are_named() {
    let one = sample(&[1.0]);
    let two = sample(&[1.0, 2.0]);
    assert_eq!(bca_mean(&two, SEED, CONFIDENCE), Err(BootstrapError::TooFewRuns { n: 2 }));
    assert!(studentised_mean(&two, SEED, CONFIDENCE).is_err());
    let none = Resampling { seed: 1, resamples: 0 };
    assert_eq!(
        bca_mean(&sample(&[1.0, 2.0, 4.0]), none, CONFIDENCE),
        Err(BootstrapError::Resamples { resamples: 0 })
    );
    assert!(sign_flip(&pairs(&[1.0], &[2.0]), SEED).is_err());
    assert!(relabelling(&one, &one, SEED).is_err());
    assert!(matches!(hedges_g(&one, &two, CONFIDENCE), Err(EffectError::Sample { .. })));
    assert!(cliffs_delta(&one, &two, CONFIDENCE).is_err());
    assert!(brown_forsythe(std::slice::from_ref(&two)).is_err());
    assert!(brown_forsythe(&[one.clone(), one.clone()]).is_err());
    assert!(mann_kendall(&sample(&[1.0, 2.0, 3.0])).is_err());
    assert!(autocorrelation(&two).is_err());
    assert!(variance_components(std::slice::from_ref(&two), CONFIDENCE).is_err());
    assert!(variance_components(&[one.clone(), one.clone()], CONFIDENCE).is_err());
    assert_eq!(
        fieller(&pairs(&[1.0], &[2.0]), CONFIDENCE),
        Err(FiellerError::TooFewBlocks { n_blocks: 1 })
    );
    // Three against three cannot reach 95 %: a p-value, and no interval.
    let found = mann_whitney(&sample(&[1.0, 2.0, 3.0]), &sample(&[4.0, 5.0, 6.0]), CONFIDENCE);
    let found = found.unwrap();
    assert!(found.interval.is_none() && (found.p_value - 0.1).abs() < 1e-12);
}

#[test]
fn constants_are_not_divided_by() {
    let constant = sample(&[5.0; 12]);
    let found = bca_mean(&constant, SEED, CONFIDENCE).unwrap();
    assert!(same(found.interval.low, 5.0) && same(found.interval.high, 5.0));
    let found = studentised_mean(&constant, SEED, CONFIDENCE).unwrap();
    assert!(same(found.interval.low, 5.0) && same(found.interval.high, 5.0));
    assert_eq!(hedges_g(&constant, &constant, CONFIDENCE), Err(EffectError::NoSpread));
    let found = brown_forsythe(&[constant.clone(), constant.clone()]).unwrap();
    assert_eq!((found.f, found.p_value), (None, 1.0));
    let found = mann_whitney(&constant, &constant, CONFIDENCE).unwrap();
    assert_eq!((found.p_value, found.method), (1.0, PMethod::Normal));
    let found = signed_rank(&pairs(&[5.0; 9], &[5.0; 9]), CONFIDENCE).unwrap();
    assert_eq!((found.p_value, found.n_zero), (1.0, 9));
    let found = sign_flip(&pairs(&[5.0; 9], &[5.0; 9]), SEED).unwrap();
    assert!(same(found.p_value, 1.0));
    let found = relabelling(&constant, &constant, SEED).unwrap();
    assert!(same(found.p_value, 1.0));
    let found = mann_kendall(&constant).unwrap();
    assert_eq!((found.tau, found.p_value, found.slope), (None, 1.0, Some(0.0)));
    assert!(matches!(
        autocorrelation(&constant),
        Err(EstimateError::TooFewValues { needed: 3, .. })
    ));
    let found = variance_components(&[constant.clone(), constant.clone()], CONFIDENCE).unwrap();
    assert_eq!((found.icc, found.sd_between), (None, 0.0));
    assert_eq!(found.optimal_calls_per_run(10.0), None);
    let found = cliffs_delta(&constant, &constant, CONFIDENCE).unwrap();
    assert!(same(found.delta, 0.0) && found.interval.contains(0.0));
    // All ties: the variance is held up, so that the interval does not vanish.
    assert!(found.interval.high > 0.1, "{:?}", found.interval);
}

#[test]
fn complete_separation_keeps_bounds() {
    let (low, high) = (sample(&[1.0, 2.0, 3.0, 4.0]), sample(&[11.0, 12.0, 13.0, 14.0, 15.0]));
    let found = cliffs_delta(&high, &low, CONFIDENCE).unwrap();
    assert!(same(found.delta, 1.0) && same(found.interval.high, 1.0));
    let back = cliffs_delta(&low, &high, CONFIDENCE).unwrap();
    assert!(same(back.interval.high, -found.interval.low));
    let near = hedges_g(&sample(&[1.0, 1.0 + 1e-15]), &sample(&[9.0, 9.0]), CONFIDENCE);
    assert!(matches!(near, Err(EffectError::OutOfRange { .. })));
}

#[test]
fn a_baseline_that_may_be_zero_has_no_ratio() {
    let found = fieller(&pairs(&[1.0, 2.0, 3.0], &[-1.0, 0.5, 1.0]), CONFIDENCE);
    assert_eq!(found, Err(FiellerError::Unbounded));
    let huge = fieller(&pairs(&[5e299, 1e300], &[5e298, 1.01e299]), CONFIDENCE);
    assert_eq!(huge, Err(FiellerError::Unbounded));
    let negative =
        fieller(&pairs(&[-5.0, -5.2, -4.9, -5.1], &[2.0, 2.1, 1.9, 2.05]), CONFIDENCE).unwrap();
    assert!(negative.interval.contains(negative.ratio) && negative.interval.high < -2.0);
}

#[test]
fn a_statistic_that_is_not_a_number_is_refused() {
    let runs: Vec<Sample> = (0..5).map(|i| sample(&[f64::from(i), 1.0])).collect();
    let found = bca_over_runs(&runs, |_| f64::NAN, SEED, CONFIDENCE);
    assert!(matches!(found, Err(BootstrapError::Undefined { .. })));
    // The largest of all never has a resample above it.
    let most = |drawn: &[f64]| drawn.iter().copied().fold(f64::MIN, f64::max);
    let found = bca_over_runs(&runs, most, SEED, CONFIDENCE).unwrap();
    assert!(found.interval.high <= 4.0);
}

/// Of eight replicates one is below, four tie, three are above: the share is 3/8.
#[test]
fn ties_with_the_estimate_count_half() {
    let replicates = [0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0];
    let found = bca_interval(1.0, &replicates, &[1.0, 2.0, 3.0], CONFIDENCE).unwrap();
    let expected = normal_upper_quantile(1.0 - 3.0 / 8.0);
    assert!((found.bias_correction - expected).abs() < 1e-12, "{}", found.bias_correction);
    assert!(same(found.acceleration, 0.0));
    let one_side = bca_interval(5.0, &replicates, &[1.0, 2.0], CONFIDENCE);
    assert_eq!(one_side, Err(BootstrapError::Degenerate));
}

/// By hand: the jackknife 1, 2, 6 lies at 2, 1 and -3 below its mean of 3, so
/// `a = (8 + 1 - 27) / (6 * (4 + 1 + 9)^1.5)`.
#[test]
fn the_acceleration_is_that_of_a_hand_count() {
    let replicates = [0.0, 1.0, 1.0, 1.0, 1.0, 2.0, 2.0, 3.0];
    let found = bca_interval(1.0, &replicates, &[1.0, 2.0, 6.0], CONFIDENCE).unwrap();
    let expected = -18.0 / (6.0 * 14.0 * 14.0_f64.sqrt());
    assert!((found.acceleration - expected).abs() < 1e-15, "{}", found.acceleration);
    // Of a mean: the values 1, 2, 6 leave out to means whose order is turned.
    let values = sample(&[1.0, 2.0, 6.0]);
    let found = bca_mean(&values, SEED, CONFIDENCE).unwrap();
    assert!((found.acceleration + expected).abs() < 1e-15, "{}", found.acceleration);
}

/// One arm is Student's t; blocks and samples without block effects agree in t.
#[test]
fn dunnett_of_one_arm_is_a_t_test() {
    let (a, b) = (wobble(8), wobble(19));
    let (baseline, arm) = (sample(&a), sample(&b[8..16]));
    let found = dunnett(&baseline, std::slice::from_ref(&arm), CONFIDENCE).unwrap();
    let only = found.comparisons[0];
    assert!((only.p_value - t_two_sided(only.t, found.df)).abs() < 1e-10);
    assert!((found.critical - t_critical(0.05, found.df)).abs() < 1e-9);
    assert_eq!(dunnett(&baseline, &[], CONFIDENCE), Err(DunnettError::NoArms));
    let flat = sample(&[2.0; 4]);
    assert_eq!(
        dunnett(&flat, std::slice::from_ref(&flat), CONFIDENCE),
        Err(DunnettError::NoSpread)
    );
    let cells: Vec<Cell> =
        (0..12).map(|i| Cell { block: i / 3, level: i % 3 * 10, value: a[i % 8] + b[i] }).collect();
    let design = BlockDesign::new(&cells).unwrap();
    assert_eq!(design.dunnett(5, CONFIDENCE), Err(DunnettError::NoSuchLevel { level: 5 }));
    let found = design.dunnett(10, CONFIDENCE).unwrap();
    let arms: Vec<usize> = found.comparisons.iter().map(|c| c.arm).collect();
    assert_eq!(arms, [0, 20]);
    for comparison in &found.comparisons {
        // More than one comparison costs, less than Bonferroni says.
        let alone = t_two_sided(comparison.t, found.df);
        assert!(alone < comparison.p_value && comparison.p_value < (2.0 * alone).min(1.0));
        assert_eq!(comparison.p_value < 0.05, !comparison.interval.contains(0.0));
    }
}

#[test]
fn a_seed_replays_bit_for_bit() {
    let values = sample(&wobble(40));
    let first = bca_mean(&values, SEED, CONFIDENCE).unwrap();
    assert_eq!(first, bca_mean(&values, SEED, CONFIDENCE).unwrap());
    let other = Resampling { seed: 12, ..SEED };
    assert_ne!(first.interval, bca_mean(&values, other, CONFIDENCE).unwrap().interval);
    assert_eq!(
        studentised_mean(&values, SEED, CONFIDENCE),
        studentised_mean(&values, SEED, CONFIDENCE)
    );
}

/// Runs whose calls agree with each other: resampling calls would be too sure.
#[test]
fn resampling_runs_is_wider_than_resampling_calls() {
    let runs: Vec<Sample> = wobble(12).iter().map(|&x| sample(&[x; 20])).collect();
    let mean = |drawn: &[f64]| sample(drawn).mean();
    let by_run = bca_over_runs(&runs, mean, SEED, CONFIDENCE).unwrap();
    let pooled: Vec<Sample> = runs
        .iter()
        .flat_map(|run| run.values().iter().map(|&x| sample(&[x])).collect::<Vec<_>>())
        .collect();
    let by_call = bca_over_runs(&pooled, mean, SEED, CONFIDENCE).unwrap();
    assert!(by_run.interval.half_width() > 3.0 * by_call.interval.half_width());
}

#[test]
fn sampled_permutations_come_near_the_exact_ones_and_are_never_zero() {
    let (a, b) = (wobble(24), wobble(27));
    let shifted: Vec<f64> = b[3..].iter().map(|x| x + 0.35).collect();
    let sampled = sign_flip(&pairs(&a, &shifted), Resampling::seeded(5)).unwrap();
    assert_eq!(sampled.method, PMethod::Sampled);
    let t = tachograph_stats::paired_t(&pairs(&a, &shifted), CONFIDENCE).unwrap();
    assert!((sampled.p_value - t.p_value).abs() < 0.03, "{} {}", sampled.p_value, t.p_value);
    let far: Vec<f64> = a.iter().map(|x| x + 100.0).collect();
    let found = relabelling(&sample(&far), &sample(&b), SEED).unwrap();
    assert!(same(found.p_value, 1.0 / 1001.0));
}

#[test]
fn large_samples_take_the_normal_approximation() {
    let (a, b) = (sample(&wobble(60)), sample(&wobble(90)));
    assert_eq!(mann_whitney(&a, &b, CONFIDENCE).unwrap().method, PMethod::Normal);
    let found = mann_kendall(&sample(&wobble(5000))).unwrap();
    assert_eq!((found.method, found.slope), (PMethod::Normal, None));
    let wide = sample(&vec![1.0; 4000]);
    assert!(matches!(
        mann_whitney(&wide, &wide, CONFIDENCE),
        Err(EstimateError::TooManyValues { n: 16_000_000, .. })
    ));
}

#[test]
fn power_grows_with_blocks_and_answers_invert_each_other() {
    let design = PairedDesign::new(0.02, CONFIDENCE).unwrap();
    let mut before = 0.0;
    for n_blocks in 2..40 {
        let power = design.power(n_blocks, 1.02).unwrap();
        assert!(power > before, "{n_blocks}: {power}");
        before = power;
    }
    assert!((design.power(8, 1.0).unwrap() - 0.05).abs() < 1e-12);
    let needed = design.blocks_for(1.02, 0.8).unwrap();
    assert!(design.power(needed, 1.02).unwrap() >= 0.8);
    assert!(design.power(needed - 1, 1.02).unwrap() < 0.8);
    let ratio = design.detectable_ratio(needed, 0.8).unwrap();
    assert!(ratio <= 1.02 && (design.power(needed, ratio).unwrap() - 0.8).abs() < 1e-9);
    let margin = Margin::new(0.02).unwrap();
    let needed = design.blocks_for_equivalence(margin, 0.9).unwrap();
    assert!(design.equivalence_power(needed, 1.0, margin).unwrap() >= 0.9);
    assert!(design.equivalence_power(needed - 1, 1.0, margin).unwrap() < 0.9);
    // At the margin itself, equivalence may be claimed with alpha at most.
    assert!(design.equivalence_power(40, 1.02, margin).unwrap() <= 0.05 + 1e-6);
}

#[test]
fn impossible_power_questions_are_refused() {
    for log_sd in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(PairedDesign::new(log_sd, CONFIDENCE).is_err(), "{log_sd}");
    }
    let design = PairedDesign::new(0.02, CONFIDENCE).unwrap();
    assert_eq!(design.power(1, 1.1), Err(PowerError::TooFewBlocks { n_blocks: 1 }));
    assert_eq!(design.blocks_for(1.0, 0.8), Err(PowerError::Ratio { ratio: 1.0 }));
    assert_eq!(design.blocks_for(1.1, 1.0), Err(PowerError::Power { power: 1.0 }));
    assert_eq!(
        PairedDesign::new(5.0, CONFIDENCE).unwrap().blocks_for(1.0001, 0.8),
        Err(PowerError::TooManyBlocks { most: 100_000 })
    );
    assert!(same(design.power(5, 1e300).unwrap(), 1.0));
    let tiny = PairedDesign::new(1e-300, CONFIDENCE).unwrap();
    assert!(same(tiny.power(2, 1.5).unwrap(), 1.0));
}
