//! The ends of the ranges: one value, two values, constants, zeros, extremes.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use tachograph_stats::{
    BlockDesign, Cell, Comparison, Confidence, CvError, DecisionRule, DesignError, Direction,
    EstimateError, Evidence, ExtremeBound, Factorial, FactorialRun, FenceClass, Interval, Margin,
    Pair, Pairs, PairsError, Proportion, ProportionError, QuantileError, Sample, SampleError,
    Summary, TukeyFences, Verdict, benjamini_hochberg, compare_arms, compare_family, cv_estimate,
    f_upper_tail, holm, jain_index, mean_estimate, normal_two_sided, normal_upper_quantile,
    normal_upper_tail, paired_ratio, paired_t, quantile_estimate, quantile_sample_size, t_critical,
    t_two_sided, t_upper_quantile, t_upper_tail, trimmed_mean_estimate, welch,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn sample(values: &[f64]) -> Sample {
    Sample::new(values).unwrap()
}

fn pairs(treatment: &[f64], baseline: &[f64]) -> Pairs {
    Pairs::of_samples(&sample(treatment), &sample(baseline)).unwrap()
}

fn same(a: f64, b: f64) -> bool {
    a.to_bits() == b.to_bits()
}

fn rule(margin: f64, direction: Direction) -> DecisionRule {
    DecisionRule { confidence: CONFIDENCE, margin: Margin::new(margin).unwrap(), direction }
}

#[test]
fn only_numbers_make_a_sample() {
    assert_eq!(Sample::new(&[]), Err(SampleError::Empty));
    for value in [f64::INFINITY, f64::NEG_INFINITY] {
        assert_eq!(Sample::new(&[1.0, value]), Err(SampleError::NotFinite { index: 1, value }));
    }
    assert!(matches!(Sample::new(&[f64::NAN]), Err(SampleError::NotFinite { index: 0, .. })));
    assert!(matches!(
        Sample::new(&[1.0, 2.0, -1.1e300]),
        Err(SampleError::TooLarge { index: 2, .. })
    ));
}

#[test]
fn one_value_has_a_mean_and_no_spread() {
    let one = sample(&[7.0]);
    let summary = Summary::of(&one);
    assert_eq!((summary.n, summary.sd, summary.cv), (1, None, None));
    assert!(same(summary.mean, 7.0) && same(summary.median, 7.0));
    assert_eq!(
        mean_estimate(&one, CONFIDENCE),
        Err(EstimateError::TooFewValues { method: "a t interval", needed: 2, n: 1 })
    );
    assert_eq!(cv_estimate(&one, CONFIDENCE), Err(CvError::TooFewValues { n: 1 }));
    assert!(welch(&one, &sample(&[1.0, 2.0]), CONFIDENCE).is_err());
    assert_eq!(
        paired_ratio(&pairs(&[2.0], &[1.0]), CONFIDENCE),
        Err(PairsError::TooFewBlocks { n_blocks: 1 })
    );
    assert!(matches!(
        quantile_estimate(&one, 0.5, CONFIDENCE),
        Err(QuantileError::Unsupported { n: 1, needed: 6, .. })
    ));
}

#[test]
fn a_constant_has_no_width() {
    let constant = sample(&[0.1; 7]);
    assert_eq!(constant.sd(), Some(0.0));
    let mean = mean_estimate(&constant, CONFIDENCE).unwrap();
    assert!(same(mean.interval.low, 0.1) && same(mean.interval.high, 0.1));
    let cv = cv_estimate(&constant, CONFIDENCE).unwrap();
    assert!(same(cv.cv, 0.0) && same(cv.interval.unwrap().high, 0.0));
    let test = welch(&constant, &constant, CONFIDENCE).unwrap();
    assert_eq!((test.t, test.p_value), (None, 1.0));
    let apart = welch(&constant, &sample(&[0.2; 3]), CONFIDENCE).unwrap();
    assert_eq!((apart.t, apart.p_value), (None, 0.0));
    let same_pairs = paired_t(&pairs(&[3.0; 4], &[3.0; 4]), CONFIDENCE).unwrap();
    assert_eq!((same_pairs.t, same_pairs.p_value), (None, 1.0));
    assert!(same(jain_index(&constant).unwrap(), 1.0));
}

#[test]
fn zeros_have_no_ratio() {
    let zeros = sample(&[0.0, 0.0]);
    assert_eq!(cv_estimate(&zeros, CONFIDENCE), Err(CvError::NotRatioScale));
    assert_eq!(cv_estimate(&sample(&[-1.0, 4.0]), CONFIDENCE), Err(CvError::NotRatioScale));
    assert_eq!(
        paired_ratio(&pairs(&[1.0, 0.0], &[1.0, 2.0]), CONFIDENCE),
        Err(PairsError::NotPositive { block: 1, treatment: 0.0, baseline: 2.0 })
    );
    assert!(jain_index(&zeros).is_err());
    assert!(jain_index(&sample(&[1.0, -1.0])).is_err());
}

#[test]
fn extremes_stay_finite() {
    for size in [1e300, 1e-300, 5e-324] {
        let values = sample(&[size, size / 2.0, size, size]);
        let mean = mean_estimate(&values, CONFIDENCE).unwrap();
        assert!(mean.interval.low.is_finite() && mean.interval.high.is_finite(), "{size:e}");
        assert!(values.min() <= mean.mean && mean.mean <= values.max(), "{size:e}");
        let test = welch(&values, &sample(&[size, size / 4.0]), CONFIDENCE).unwrap();
        assert!(test.p_value > 0.0 && test.p_value < 1.0, "{size:e} {test:?}");
        assert!(test.interval.low.is_finite() && test.interval.high.is_finite(), "{size:e}");
    }
    let wide = sample(&[1e300, -1e300]);
    let interval = mean_estimate(&wide, Confidence::new(0.999_999).unwrap()).unwrap().interval;
    assert!(interval.low.is_finite() && interval.half_width().is_finite());
    assert_eq!(
        paired_ratio(&pairs(&[1e300, 1e-300], &[1e-300, 1e300]), CONFIDENCE),
        Err(PairsError::OutOfRange { n_blocks: 2 })
    );
}

#[test]
fn percentiles_need_the_published_sample_sizes() {
    for (q, needed) in [(0.95, 72), (0.99, 368), (0.999, 3688), (0.5, 6), (0.05, 72)] {
        assert_eq!(quantile_sample_size(q, CONFIDENCE), Ok(needed), "{q}");
        let values: Vec<f64> = (0..needed).map(|x| f64::from(u32::try_from(x).unwrap())).collect();
        assert_eq!(
            quantile_estimate(&sample(&values[1..]), q, CONFIDENCE),
            Err(QuantileError::Unsupported { n: needed - 1, needed, q, confidence: 0.95 })
        );
        let just = quantile_estimate(&sample(&values), q, CONFIDENCE).unwrap();
        assert!(just.coverage >= 0.95, "{q}: {}", just.coverage);
        assert!(q < 0.5 || just.ranks.1 == needed, "{q}: {:?}", just.ranks);
    }
    for q in [0.0, 1.0, -0.1, 95.0, f64::NAN] {
        assert!(quantile_sample_size(q, CONFIDENCE).is_err(), "{q}");
    }
}

#[test]
fn a_large_sample_has_a_narrow_quantile_interval() {
    let values: Vec<f64> = (0..1_000_000).map(f64::from).collect();
    let found = quantile_estimate(&sample(&values), 0.999, CONFIDENCE).unwrap();
    // Normal approximation: 999,000 -+ 1.96 sqrt(999).
    assert!((found.ranks.0.abs_diff(998_938)) < 3, "{:?}", found.ranks);
    assert!((found.ranks.1.abs_diff(999_062)) < 3, "{:?}", found.ranks);
    assert!(found.coverage >= 0.95 && found.coverage < 0.953, "{}", found.coverage);
}

#[test]
fn counts_of_nothing_and_everything() {
    assert_eq!(Proportion::new(0, 0), Err(ProportionError::NoTrials));
    assert_eq!(
        Proportion::new(3, 2),
        Err(ProportionError::MoreSuccessesThanTrials { successes: 3, trials: 2 })
    );
    let none = Proportion::new(0, 100).unwrap().estimate(CONFIDENCE);
    assert!(same(none.interval.low, 0.0));
    let Some(ExtremeBound::AtMost(bound)) = none.bound else { panic!("{none:?}") };
    // The rule of three says 3 / 100.
    assert!((bound - 0.0295).abs() < 1e-4, "{bound}");
    let all = Proportion::new(100, 100).unwrap().estimate(CONFIDENCE);
    assert!(same(all.interval.high, 1.0));
    assert!(matches!(all.bound, Some(ExtremeBound::AtLeast(b)) if (b + bound - 1.0).abs() < 1e-12));
    assert_eq!(Proportion::new(1, 2).unwrap().estimate(CONFIDENCE).bound, None);
}

#[test]
fn laws_outside_their_range_are_not_numbers() {
    for value in [
        normal_upper_tail(f64::NAN),
        normal_upper_quantile(0.0),
        normal_upper_quantile(1.5),
        t_upper_tail(1.0, 0.0),
        t_two_sided(f64::NAN, 3.0),
        t_upper_quantile(f64::NAN, 3.0),
        t_critical(0.05, -1.0),
        f_upper_tail(1.0, f64::NAN, 2.0),
    ] {
        assert!(value.is_nan(), "{value}");
    }
    assert!(same(t_upper_tail(f64::INFINITY, 3.0), 0.0));
    assert!(same(t_upper_tail(f64::NEG_INFINITY, 3.0), 1.0));
    assert!(same(t_upper_tail(0.0, 3.0), 0.5) && same(normal_two_sided(0.0), 1.0));
    assert!(same(f_upper_tail(0.0, 1.0, 2.0), 1.0));
}

#[test]
fn levels_and_margins_are_fractions() {
    for level in [95.0, 0.0, 1.0, 0.49, f64::NAN] {
        assert!(Confidence::new(level).is_err(), "{level}");
    }
    for margin in [2.0, 0.0, -0.02, f64::NAN] {
        assert!(Margin::new(margin).is_err(), "{margin}");
    }
    assert!(trimmed_mean_estimate(&sample(&[1.0, 2.0]), 0.5, CONFIDENCE).is_err());
    assert!(trimmed_mean_estimate(&sample(&[1.0, 2.0, 3.0]), 0.4, CONFIDENCE).is_err());
    assert!(holm(&[0.5, 1.1]).is_err() && benjamini_hochberg(&[f64::NAN]).is_err());
    assert_eq!(holm(&[]), Ok(Vec::new()));
}

#[test]
fn a_value_on_a_fence_is_inside_it() {
    let fences = TukeyFences::of(&sample(&[0.0, 1.0, 2.0, 3.0, 4.0]));
    for (value, class) in [
        (-5.1, FenceClass::FarLow),
        (-5.0, FenceClass::Low),
        (-2.0, FenceClass::Inside),
        (6.0, FenceClass::Inside),
        (9.0, FenceClass::High),
        (9.1, FenceClass::FarHigh),
    ] {
        assert_eq!(fences.classify(value), class, "{value}");
    }
}

#[test]
fn verdicts_follow_the_rule() {
    let judged = |treatment: &[f64], baseline: &[f64], margin, direction| {
        compare_arms(&pairs(treatment, baseline), &rule(margin, direction)).unwrap().verdict
    };
    let up = Direction::HigherIsBetter;
    let down = Direction::LowerIsBetter;
    let baseline = [100.0, 101.0, 99.0, 100.5];
    let more = [105.1, 106.0, 104.1, 105.4];
    assert_eq!(judged(&more, &baseline, 0.02, up), Verdict::Better);
    assert_eq!(judged(&more, &baseline, 0.02, down), Verdict::Worse);
    assert_eq!(judged(&baseline, &more, 0.02, up), Verdict::Worse);
    // Significant, and shown not to matter.
    assert_eq!(judged(&more, &baseline, 0.1, up), Verdict::Equivalent);
    assert_eq!(judged(&baseline, &baseline, 0.02, up), Verdict::Equivalent);
    // Neither shown: an interval far wider than the margin.
    assert_eq!(judged(&[90.0, 120.0, 99.0, 101.0], &baseline, 0.02, up), Verdict::Inconclusive);
    let evidence = Evidence { ratio: 1.05, p_difference: 0.06, p_equivalence: 0.6 };
    assert_eq!(rule(0.02, up).verdict(&evidence), Verdict::Inconclusive);
    let equal = Evidence { p_equivalence: 0.049, ..evidence };
    assert_eq!(rule(0.02, up).verdict(&equal), Verdict::Equivalent);
    let both = Evidence { p_difference: 0.001, ..equal };
    assert_eq!(rule(0.02, up).verdict(&both), Verdict::Equivalent);
    let different = Evidence { p_difference: 0.049, ..evidence };
    assert_eq!(rule(0.02, up).verdict(&different), Verdict::Better);
}

#[test]
fn verdicts_of_intervals() {
    let up = rule(0.02, Direction::HigherIsBetter);
    let of = |low, high| up.verdict_of_interval(&Interval { low, high, confidence: 0.95 });
    assert_eq!(of(0.985, 1.019), Verdict::Equivalent);
    assert_eq!(of(1.001, 1.019), Verdict::Equivalent);
    assert_eq!(of(1.001, 1.03), Verdict::Better);
    assert_eq!(of(0.95, 0.999), Verdict::Worse);
    assert_eq!(of(0.97, 1.03), Verdict::Inconclusive);
}

#[test]
fn a_family_needs_more_evidence_than_its_members() {
    let baseline = [100.0, 101.0, 99.0, 100.5];
    let barely = pairs(&[103.0, 106.0, 101.0, 108.0], &baseline);
    let alone = compare_arms(&barely, &rule(0.01, Direction::HigherIsBetter)).unwrap();
    assert_eq!(alone.verdict, Verdict::Better);
    let noise = pairs(&[99.0, 103.0, 98.0, 101.5], &baseline);
    let family = vec![barely, noise.clone(), noise.clone(), noise];
    let judged: Vec<Comparison> =
        compare_family(&family, &rule(0.01, Direction::HigherIsBetter)).unwrap();
    assert_eq!(judged[0].verdict, Verdict::Inconclusive);
    assert_eq!(judged[0].family_size, 4);
    assert!(same(judged[0].ratio.p_value, alone.ratio.p_value));
    assert!(same(judged[0].p_difference_adjusted, (4.0 * alone.ratio.p_value).min(1.0)));
    // Equivalence claims are a family of their own.
    let near = pairs(&[100.9, 101.2, 99.5, 101.3], &baseline);
    let loose = rule(0.02, Direction::HigherIsBetter);
    let alone = compare_arms(&near, &loose).unwrap();
    assert_eq!(alone.verdict, Verdict::Equivalent);
    let judged = compare_family(&vec![near; 40], &loose).unwrap();
    assert!(same(judged[0].p_equivalence_adjusted, (40.0 * alone.equivalence.p_value).min(1.0)));
    assert_eq!(judged[0].verdict, Verdict::Inconclusive);
    let broken = vec![pairs(&baseline, &baseline), pairs(&[1.0, -1.0], &[1.0, 1.0])];
    let error = compare_family(&broken, &rule(0.01, Direction::HigherIsBetter)).unwrap_err();
    assert_eq!(error.arm, 1);
}

#[test]
fn pairs_name_the_broken_arm() {
    let broken = [Pair { treatment: 1.0, baseline: f64::NAN }];
    assert!(matches!(Pairs::new(&broken), Err(PairsError::Baseline { .. })));
    assert_eq!(
        Pairs::of_samples(&sample(&[1.0]), &sample(&[1.0, 2.0])),
        Err(PairsError::Unequal { treatment: 1, baseline: 2 })
    );
}

fn cell(block: usize, level: usize, value: f64) -> Cell {
    Cell { block, level, value }
}

#[test]
fn unbalanced_designs_are_refused_by_name() {
    let check = |cells: &[Cell], error: DesignError| {
        assert_eq!(BlockDesign::new(cells), Err(error));
    };
    check(&[], DesignError::Values { source: SampleError::Empty });
    check(
        &[cell(1, 60, 1.0), cell(1, 80, 2.0), cell(2, 60, 1.5)],
        DesignError::Missing { block: 2, levels: vec![80] },
    );
    check(
        &[cell(1, 60, 1.0), cell(1, 60, 2.0)],
        DesignError::Repeated { block: 1, levels: vec![60] },
    );
    check(&[cell(1, 60, 1.0), cell(2, 60, 2.0)], DesignError::OneLevel { factor: 0, level: 60 });
    check(&[cell(1, 60, 1.0), cell(1, 80, 2.0)], DesignError::OneBlock);
    let run = |levels: &[usize]| FactorialRun { block: 0, levels: levels.to_vec(), value: 1.0 };
    assert_eq!(
        Factorial::new(&[run(&[1, 2]), run(&[1])]),
        Err(DesignError::Ragged { run: 1, found: 1, expected: 2 })
    );
    assert_eq!(
        Factorial::new(&[run(&[])]),
        Err(DesignError::Ragged { run: 0, found: 0, expected: 0 })
    );
    // A sparse grid is refused without building it.
    let sparse: Vec<FactorialRun> =
        (0..40).map(|i| FactorialRun { block: i % 2, levels: vec![i; 9], value: 1.0 }).collect();
    assert!(matches!(Factorial::new(&sparse), Err(DesignError::Missing { .. })));
}

#[test]
fn levels_pair_up_within_their_blocks() {
    let runs: Vec<FactorialRun> = (0..12)
        .map(|i| FactorialRun {
            block: i / 6,
            levels: vec![[512, 256, 1024][i / 2 % 3], i % 2],
            value: [10.0, 20.0, 30.0][i / 2 % 3] + if i % 2 == 0 { 0.0 } else { 2.0 },
        })
        .collect();
    let design = Factorial::new(&runs).unwrap();
    let found = design.level_pairs(0);
    let levels: Vec<(usize, usize)> = found.iter().map(|p| (p.level, p.reference)).collect();
    assert_eq!(levels, [(512, 256), (1024, 256), (1024, 512)]);
    // 512 has 10 and 12, so 11 in each block; 256 has 21.
    assert_eq!(found[0].pairs, pairs(&[11.0, 11.0], &[21.0, 21.0]));
    assert_eq!(design.level_pairs(1).len(), 1);
    assert!(design.level_pairs(2).is_empty());
    let one =
        BlockDesign::new(&[cell(0, 1, 4.0), cell(0, 2, 5.0), cell(1, 1, 6.0), cell(1, 2, 7.0)]);
    assert_eq!(one.unwrap().level_pairs()[0].pairs, pairs(&[5.0, 7.0], &[4.0, 6.0]));
}

#[test]
fn effects_of_constants_and_of_pure_differences() {
    let constant: Vec<Cell> = (0..6).map(|i| cell(i / 2, i % 2, 0.1)).collect();
    let found = BlockDesign::new(&constant).unwrap().analyse(CONFIDENCE);
    assert_eq!((found.factor.f, found.factor.p_value, found.factor.eta_squared), (None, 1.0, None));
    // 0.1 added in every block: nothing is left to the residual but rounding.
    let shifted: Vec<Cell> =
        (0..6).map(|i| cell(i / 2, i % 2, if i % 2 == 0 { 0.2 } else { 0.3 })).collect();
    let found = BlockDesign::new(&shifted).unwrap().analyse(CONFIDENCE);
    assert_eq!((found.factor.f, found.factor.p_value), (None, 0.0));
    assert!((found.factor.eta_squared.unwrap() - 1.0).abs() < 1e-12);
    assert_eq!(found.levels[1].level, 1);
    assert!((found.levels[1].estimate.mean - 0.3).abs() < 1e-15);
    // The size of the numbers does not matter.
    for size in [1e300, 1e-300] {
        let values = [0.5, 1.0, 0.25, 0.75, 0.6, 0.8];
        let scaled: Vec<Cell> =
            values.iter().enumerate().map(|(i, x)| cell(i / 2, i % 2, x * size)).collect();
        let plain: Vec<Cell> =
            values.iter().enumerate().map(|(i, x)| cell(i / 2, i % 2, *x)).collect();
        let scaled = BlockDesign::new(&scaled).unwrap().analyse(CONFIDENCE);
        let plain = BlockDesign::new(&plain).unwrap().analyse(CONFIDENCE);
        let ratio = scaled.factor.f.unwrap() / plain.factor.f.unwrap();
        assert!((ratio - 1.0).abs() < 1e-12, "{size:e} {ratio}");
        assert!(scaled.residual_sd.is_finite());
    }
}
