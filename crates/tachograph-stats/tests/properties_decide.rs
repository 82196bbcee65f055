//! What must hold of every input: selection, stopping, two samples, levels.

use proptest::prelude::*;
use tachograph_stats::{
    ArmEstimate, ChangeOf, ChangeSearch, ComponentMethod, Confidence, ConfidenceSequence,
    Direction, GroupSequential, Resampling, Sample, Spending, adjusted_difference, best_subset,
    brunner_munzel, change_points, kolmogorov_smirnov, nested_components, shrink,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

/// Values of any size, some of them tied.
fn values(least: usize, most: usize) -> impl Strategy<Value = Vec<f64>> {
    let value = prop_oneof![-1e6..1e6_f64, (-3..=3_i8).prop_map(f64::from)];
    prop::collection::vec(value, least..=most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn two_samples_agree_with_themselves_reversed(a in values(2, 12), b in values(2, 12)) {
        let (a, b) = (Sample::new(&a).unwrap(), Sample::new(&b).unwrap());
        let (one, other) =
            (brunner_munzel(&a, &b, CONFIDENCE).unwrap(), brunner_munzel(&b, &a, CONFIDENCE).unwrap());
        prop_assert!((one.superiority + other.superiority - 1.0).abs() < 1e-12);
        prop_assert!((one.p_value - other.p_value).abs() < 1e-9);
        prop_assert!(one.interval.is_none_or(|i| i.contains(one.superiority)));
        let (one, other) = (kolmogorov_smirnov(&a, &b).unwrap(), kolmogorov_smirnov(&b, &a).unwrap());
        prop_assert!((one.distance - other.distance).abs() < 1e-12);
        prop_assert!((one.p_value - other.p_value).abs() < 1e-12);
        prop_assert!(one.p_value > 0.0 && one.p_value <= 1.0 + 1e-12);
    }

    #[test]
    fn shrinkage_draws_inwards(means in values(4, 20), error in 1e-3..1e6_f64) {
        let arms: Vec<ArmEstimate> =
            means.iter().map(|&mean| ArmEstimate { mean, standard_error: error }).collect();
        let found = shrink(&arms, CONFIDENCE).unwrap();
        for arm in &found.arms {
            prop_assert!((0.0..=1.0).contains(&arm.weight));
            let (before, after) =
                ((arm.observed - found.grand_mean).abs(), (arm.shrunk - found.grand_mean).abs());
            prop_assert!(after <= before + 1e-6);
            prop_assert!(arm.interval.contains(arm.shrunk));
        }
    }

    #[test]
    fn boundaries_spend_alpha_and_no_more(
        mut looks in prop::collection::btree_set(2..200_usize, 1..6),
        pocock in any::<bool>(),
    ) {
        looks.insert(200);
        let looks: Vec<usize> = looks.into_iter().collect();
        let spending = if pocock { Spending::Pocock } else { Spending::OBrienFleming };
        let plan = GroupSequential::new(&looks, spending, CONFIDENCE).unwrap();
        let last = plan.looks().last().unwrap();
        prop_assert!((last.spent - 0.05).abs() < 1e-12);
        // The last look is stricter than a single one, and no look spends more than
        // its increment.
        prop_assert!(last.nominal_p <= 0.05 + 1e-12);
        let mut before = 0.0;
        for look in plan.looks() {
            prop_assert!(look.nominal_p >= look.spent - before - 1e-12);
            prop_assert!(look.spent >= before);
            before = look.spent;
        }
    }

    #[test]
    fn evidence_and_interval_are_one_thing(
        sample in values(3, 30), effect_sd in 0.05..5.0_f64, mean0 in -1e6..1e6_f64,
    ) {
        let sample = Sample::new(&sample).unwrap();
        prop_assume!(sample.sd().unwrap() > 1e-6);
        let rule = ConfidenceSequence::new(effect_sd, CONFIDENCE).unwrap();
        let evidence = rule.e_value(&sample, mean0);
        let excluded = rule.interval(&sample).is_some_and(|interval| !interval.contains(mean0));
        // At the very edge rounding may decide.
        if (evidence * 0.05 - 1.0).abs() > 1e-6 {
            prop_assert_eq!(excluded, evidence > 20.0);
        }
        prop_assert!(rule.p_value(&sample, mean0) <= (1.0 / evidence).min(1.0) * (1.0 + 1e-6));
    }

    #[test]
    fn changes_ascend_and_leave_segments(sample in values(10, 40), mean in any::<bool>()) {
        let change_of = if mean { ChangeOf::Mean } else { ChangeOf::Distribution };
        let resampling = Resampling { seed: 5, resamples: 19 };
        let search = ChangeSearch { change_of, segment_min: 3, alpha: 0.5, resampling };
        let sample = Sample::new(&sample).unwrap();
        let found = change_points(&sample, &search).unwrap();
        let mut ends = vec![0];
        ends.extend(found.iter().map(|point| point.index));
        ends.push(sample.n());
        prop_assert!(ends.windows(2).all(|pair| pair[0] + 3 <= pair[1]));
        prop_assert_eq!(found, change_points(&sample, &search).unwrap());
    }

    #[test]
    fn components_do_not_depend_on_the_origin(
        starts in prop::collection::vec(prop::collection::vec(values(2, 5), 2..4), 2..5),
        shift in -100.0..100.0_f64,
    ) {
        let moved = |by: f64| -> Vec<Vec<Sample>> {
            let run = |run: &Vec<f64>| {
                let values: Vec<f64> = run.iter().map(|x| x / 1e3 + by).collect();
                Sample::new(&values).unwrap()
            };
            starts.iter().map(|runs| runs.iter().map(run).collect()).collect()
        };
        for method in [ComponentMethod::Moments, ComponentMethod::Reml] {
            let (Ok(one), Ok(other)) =
                (nested_components(&moved(0.0), method), nested_components(&moved(shift), method))
            else {
                continue;
            };
            let scale = one.sd_start + one.sd_run + one.sd_call;
            prop_assert!((one.mean + shift - other.mean).abs() < 1e-4 * (scale + shift.abs()));
            prop_assert!((one.sd_call - other.sd_call).abs() < 1e-4 * scale);
            prop_assert!((one.standard_error - other.standard_error).abs() < 1e-3 * scale);
        }
    }

    #[test]
    fn an_adjusted_difference_lies_on_its_line(
        pairs in prop::collection::vec((-1e3..1e3_f64, -10.0..10.0_f64), 4..30),
    ) {
        let (y, x): (Vec<f64>, Vec<f64>) = pairs.into_iter().unzip();
        let (y, x) = (Sample::new(&y).unwrap(), Sample::new(&x).unwrap());
        let found = adjusted_difference(&y, &x, CONFIDENCE).unwrap();
        let at_mean = found.adjusted + found.slope * x.mean();
        prop_assert!((at_mean - y.mean()).abs() < 1e-9 * (1e3 + found.slope.abs() * 10.0));
        prop_assert!(found.interval.contains(found.adjusted));
        prop_assert!((0.0..=1.0).contains(&found.p_value));
    }
}

proptest! {
    // Each case integrates over two laws.
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn a_winner_may_be_the_best(means in values(2, 20), error in 1e-3..1e6_f64) {
        let best = best_subset(&means, (error, 10.0), Direction::LowerIsBetter, CONFIDENCE).unwrap();
        prop_assert!(best.arms.contains(&best.winner));
        prop_assert!(means.iter().all(|mean| *mean >= means[best.winner]));
    }
}
