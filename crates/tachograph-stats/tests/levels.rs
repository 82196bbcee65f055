//! Changes, nested levels and covariates at the ends of their ranges.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use tachograph_stats::{
    BlockDesign, Cell, ChangeError, ChangeOf, ChangeSearch, ComponentError, ComponentMethod,
    Confidence, CovariateError, LevelCosts, Margin, OptimalRepetitions, Pairs, Resampling, Sample,
    Warming, adjusted_difference, adjusted_log_ratio, change_points, nested_components,
    steady_state,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn sample(values: &[f64]) -> Sample {
    Sample::new(values).unwrap()
}

/// Levels of a length each, with a small ripple that has no trend.
fn steps(levels: &[(f64, usize)]) -> Sample {
    let ripple = [0.0, 0.3, -0.2, 0.1, -0.3, 0.2, -0.1];
    let mut values = Vec::new();
    for &(level, count) in levels {
        values.extend((0..count).map(|i| level + ripple[i % 7]));
    }
    sample(&values)
}

#[test]
fn planted_changes_are_found() {
    for change_of in [ChangeOf::Mean, ChangeOf::Distribution] {
        let search = ChangeSearch { change_of, ..ChangeSearch::of_mean(7) };
        let found = change_points(&steps(&[(10.0, 14), (12.0, 14), (9.0, 14)]), &search).unwrap();
        let places: Vec<usize> = found.iter().map(|point| point.index).collect();
        assert_eq!(places, [14, 28], "{change_of:?}");
        assert!(found.iter().all(|point| point.p_value <= 0.05));
        assert_eq!(change_points(&steps(&[(10.0, 42)]), &search).unwrap(), []);
        // A constant has no change, and neither has one far from 0.
        assert_eq!(change_points(&sample(&[1e300; 30]), &search).unwrap(), []);
        // Two constants do.
        let mut values = vec![-1e300; 10];
        values.extend([1e300; 10]);
        assert_eq!(change_points(&sample(&values), &search).unwrap()[0].index, 10);
    }
    // Only one of them looks at more than the mean.
    let wide: Vec<f64> =
        (0..60).map(|i: i32| f64::from(i % 5 - 2) * if i < 30 { 0.1 } else { 5.0 }).collect();
    let search = ChangeSearch::of_mean(7);
    assert_eq!(change_points(&sample(&wide), &search).unwrap(), []);
    let search = ChangeSearch { change_of: ChangeOf::Distribution, ..search };
    let found = change_points(&sample(&wide), &search).unwrap();
    assert_eq!(found.len(), 1);
    assert!(found[0].index.abs_diff(30) <= 1);
}

#[test]
fn a_search_says_what_it_lacks() {
    let search = ChangeSearch::of_mean(1);
    let short = change_points(&sample(&[1.0; 9]), &search);
    assert_eq!(short, Err(ChangeError::TooFewValues { n: 9, segment_min: 5 }));
    let tiny = ChangeSearch { segment_min: 1, ..search };
    assert_eq!(
        change_points(&sample(&[1.0; 9]), &tiny),
        Err(ChangeError::SegmentMin { segment_min: 1 })
    );
    // 99 permutations cannot show 0.1 %.
    let resampling = Resampling { seed: 1, resamples: 99 };
    let hopeless = ChangeSearch { alpha: 0.001, resampling, ..search };
    assert!(matches!(
        change_points(&sample(&[1.0; 20]), &hopeless),
        Err(ChangeError::Significance { permutations: 99, .. })
    ));
    let all = ChangeSearch { change_of: ChangeOf::Distribution, ..search };
    assert!(matches!(
        change_points(&sample(&[1.0; 2001]), &all),
        Err(ChangeError::TooManyValues { n: 2001, most: 2000 })
    ));
}

#[test]
fn a_warm_up_ends_where_the_series_is_steady() {
    let margin = Margin::new(0.03).unwrap();
    let search = ChangeSearch::of_mean(3);
    for (levels, from, warming) in [
        (&[(10.0, 40)][..], 0, Warming::Flat),
        (&[(20.0, 14), (10.0, 28)], 14, Warming::Falling),
        (&[(10.0, 14), (14.0, 28)], 14, Warming::Rising),
        // A change within the margin is none that matters.
        (&[(20.0, 14), (10.0, 14), (10.2, 14)], 14, Warming::Falling),
        (&[(10.0, 42), (14.0, 7)], 49, Warming::NotSteady),
    ] {
        let found = steady_state(&steps(levels), margin, &search).unwrap();
        assert_eq!((found.steady_from, found.warming), (from, warming), "{levels:?}");
        assert_eq!(found.segments.last().unwrap().end, steps(levels).n());
    }
}

/// Effects of starts, runs and calls that sum to 0 in each group.
fn nested(start: f64, run: f64, call: f64) -> Vec<Vec<Sample>> {
    let effects = [-1.0, 0.0, 1.0];
    effects
        .iter()
        .map(|s| {
            let runs = effects
                .iter()
                .map(|r| sample(&effects.map(|c| 50.0 + start * s + run * r + call * c)));
            runs.collect()
        })
        .collect()
}

#[test]
fn components_follow_their_unit() {
    for scale in [1e-290, 1.0, 1e290] {
        for method in [ComponentMethod::Moments, ComponentMethod::Reml] {
            let data: Vec<Vec<Sample>> = nested(4.0, 2.0, 1.0)
                .iter()
                .map(|runs| {
                    let scaled = |run: &Sample| -> Vec<f64> {
                        run.values().iter().map(|x| x * scale).collect()
                    };
                    runs.iter().map(|run| sample(&scaled(run))).collect()
                })
                .collect();
            let found = nested_components(&data, method).unwrap();
            // By hand: mean squares 1, 12 and 144 on 18, 6 and 2 degrees of freedom.
            let expected = [(132.0_f64 / 9.0).sqrt(), (11.0_f64 / 3.0).sqrt(), 1.0];
            let sds = [found.sd_start, found.sd_run, found.sd_call];
            for (found, expected) in sds.iter().zip(expected) {
                assert!((found / scale / expected - 1.0).abs() < 1e-9, "{method:?} {found}");
            }
            assert!((found.mean / scale - 50.0).abs() < 1e-12);
            let error = (144.0_f64 / 27.0).sqrt();
            assert!((found.standard_error / scale / error - 1.0).abs() < 1e-9);
            let expected = found.expected_standard_error(3, 3, 3);
            assert!((expected / found.standard_error - 1.0).abs() < 1e-9);
            assert!(found.interval(CONFIDENCE).contains(50.0 * scale));
        }
    }
}

#[test]
fn repetitions_balance_cost_and_noise() {
    let found = nested_components(&nested(4.0, 2.0, 1.0), ComponentMethod::Moments).unwrap();
    let costs = LevelCosts { start: 3000.0, run: 100.0, call: 1.0 };
    // sqrt(100 * 1 / 3.667) = 5.2 calls, sqrt(30 * 3.667 / 14.667) = 2.7 runs.
    assert_eq!(
        found.optimal_repetitions(costs).unwrap(),
        OptimalRepetitions { calls_per_run: Some(6), runs_per_start: Some(3) }
    );
    let calls = nested_components(&nested(0.0, 0.0, 1.0), ComponentMethod::Reml).unwrap();
    assert_eq!(
        calls.optimal_repetitions(costs).unwrap(),
        OptimalRepetitions { calls_per_run: None, runs_per_start: None }
    );
    for call in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let costs = LevelCosts { call, ..costs };
        assert!(matches!(found.optimal_repetitions(costs), Err(ComponentError::Costs { .. })));
    }
}

#[test]
fn levels_that_cannot_be_told_apart_are_refused() {
    let reml = |starts: &[Vec<Sample>]| nested_components(starts, ComponentMethod::Reml);
    let run = |values: &[f64]| sample(values);
    assert!(matches!(reml(&[]), Err(ComponentError::TooFewGroups { starts: 0, .. })));
    let one_start = [vec![run(&[1.0, 2.0]), run(&[2.0, 3.0])]];
    assert!(matches!(reml(&one_start), Err(ComponentError::TooFewGroups { starts: 1, .. })));
    let single_runs = [vec![run(&[1.0, 2.0])], vec![run(&[2.0, 3.0])]];
    assert!(matches!(reml(&single_runs), Err(ComponentError::TooFewGroups { runs: 2, .. })));
    let single_calls = [vec![run(&[1.0]), run(&[3.0])], vec![run(&[2.0])]];
    assert!(matches!(reml(&single_calls), Err(ComponentError::TooFewGroups { calls: 3, .. })));
    assert_eq!(reml(&[vec![run(&[1.0])], vec![]]), Err(ComponentError::EmptyStart { start: 1 }));
    let constant = [vec![run(&[0.1; 3]), run(&[0.3; 3])], vec![run(&[0.2; 3])]];
    assert_eq!(reml(&constant), Err(ComponentError::NoSpread));
}

#[test]
fn output_length_is_taken_out() {
    // Time in proportion to tokens, at 1.1 times the baseline's time per token.
    let (tokens, base) = ([110.0, 95.0, 130.0, 100.0, 104.0], [100.0; 5]);
    let noise = [1.001, 0.999, 1.0, 1.0005, 0.9995];
    let times: Vec<f64> = tokens.iter().zip(noise).map(|(t, e)| 1.1 * t * e).collect();
    let pairs = |a: &[f64], b: &[f64]| Pairs::of_samples(&sample(a), &sample(b)).unwrap();
    let found =
        adjusted_log_ratio(&pairs(&times, &base), &pairs(&tokens, &base), CONFIDENCE).unwrap();
    assert!((found.adjusted.exp() - 1.1).abs() < 0.002 && (found.slope - 1.0).abs() < 0.02);
    assert!(found.unadjusted > found.adjusted + 0.05);
    assert!(found.p_value < 1e-4 && found.interval.contains(1.1_f64.ln()));
    let wrong = adjusted_log_ratio(&pairs(&times, &base), &pairs(&[0.0; 5], &base), CONFIDENCE);
    assert!(matches!(wrong, Err(CovariateError::Ratios { what: "output tokens", .. })));
    let adjust = |y: &[f64], x: &[f64]| adjusted_difference(&sample(y), &sample(x), CONFIDENCE);
    assert_eq!(adjust(&[1.0, 2.0], &[1.0, 2.0]), Err(CovariateError::TooFewBlocks { n_blocks: 2 }));
    assert!(matches!(adjust(&[1.0, 2.0, 3.0], &[4.0; 3]), Err(CovariateError::Constant { .. })));
    assert_eq!(
        adjust(&[1.0, 2.0, 3.0], &[4.0; 2]),
        Err(CovariateError::Unequal { differences: 3, covariates: 2 })
    );
    // A perfect line leaves no error; its intercept is what it is.
    let line = adjust(&[3.0, 5.0, 7.0, 9.0], &[1.0, 2.0, 3.0, 4.0]).unwrap();
    assert!(line.t.is_none() && line.p_value == 0.0 && (line.adjusted - 1.0).abs() < 1e-12);
    let through = adjust(&[2e299, -4e298, 6e297], &[2e-5, -4e-6, 6e-7]).unwrap();
    assert!(through.t.is_none() && through.slope.is_finite());
    let steep = adjust(&[2e299, -4e298, 6e297], &[2e-300, -4e-301, 6e-302]);
    assert_eq!(steep, Err(CovariateError::OutOfRange));
}

/// The data of Shrout and Fleiss (1979), table 2: six targets, four judges. Their
/// table 4 gives ICC(3, 1) as 0.71; section "confidence intervals" 0.34 to 0.95.
#[test]
fn runs_and_calls_in_fixed_places_are_told_apart() {
    let ratings: [[f64; 4]; 6] = [
        [9.0, 2.0, 5.0, 8.0],
        [6.0, 1.0, 3.0, 2.0],
        [8.0, 4.0, 6.0, 8.0],
        [7.0, 1.0, 2.0, 6.0],
        [10.0, 5.0, 6.0, 9.0],
        [6.0, 2.0, 4.0, 7.0],
    ];
    let design = |rows: &[[f64; 4]]| {
        let cells: Vec<Cell> = rows
            .iter()
            .enumerate()
            .flat_map(|(block, row)| {
                row.iter().enumerate().map(move |(level, &value)| Cell { block, level, value })
            })
            .collect();
        BlockDesign::new(&cells).unwrap().block_components(CONFIDENCE)
    };
    let found = design(&ratings);
    assert_eq!((found.n_runs, found.n_calls), (6, 24));
    // Their mean squares: 11.24 between targets, 1.02 residual.
    let (between, within) = (56.208_333_333_333_33 / 5.0, 15.291_666_666_666_67 / 15.0);
    let expected = (between - within) / (between + 3.0 * within);
    assert!((found.icc.unwrap() - expected).abs() < 1e-12, "{found:?}");
    assert!((found.icc.unwrap() - 0.71).abs() < 0.006);
    assert!((found.sd_within - f64::sqrt(within)).abs() < 1e-12);
    assert!((found.sd_between - f64::sqrt((between - within) / 4.0)).abs() < 1e-12);
    let interval = found.icc_interval.unwrap();
    assert!((interval.low - 0.34).abs() < 0.01 && (interval.high - 0.95).abs() < 0.01);
    // Runs that only differ as a whole have no variation within.
    let shifted = design(&[[1.0, 5.0, 2.0, 3.0], [2.0, 6.0, 3.0, 4.0]]);
    assert_eq!((shifted.sd_within, shifted.icc), (0.0, Some(1.0)));
    assert!((shifted.sd_between - f64::sqrt(0.5)).abs() < 1e-12);
    let equal = design(&[[1.0, 5.0, 2.0, 3.0]; 3]);
    assert_eq!((equal.sd_between, equal.icc), (0.0, None));
}
