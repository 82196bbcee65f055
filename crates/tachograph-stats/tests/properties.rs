//! What holds of every input.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use tachograph_stats::{
    Confidence, DecisionRule, Direction, Ecdf, Margin, Pairs, Proportion, Sample, Summary, Verdict,
    benjamini_hochberg, compare_arms, cv_estimate, harrell_davis, holm, jain_index, mean_estimate,
    paired_ratio, quantile, quantile_estimate, quantile_sample_size, t_two_sided, t_upper_quantile,
    t_upper_tail, tost, trimmed_mean_estimate, welch,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn values(range: std::ops::Range<f64>, n: std::ops::Range<usize>) -> impl Strategy<Value = Sample> {
    prop::collection::vec(range, n).prop_map(|values| Sample::new(&values).unwrap())
}

fn pairs() -> impl Strategy<Value = Pairs> {
    prop::collection::vec((0.5..2.0_f64, 0.5..2.0_f64), 2..12).prop_map(|rows| {
        let (treatment, baseline): (Vec<f64>, Vec<f64>) = rows.into_iter().unzip();
        Pairs::of_samples(&Sample::new(&treatment).unwrap(), &Sample::new(&baseline).unwrap())
            .unwrap()
    })
}

fn mirrored(pairs: &Pairs) -> Pairs {
    Pairs::of_samples(pairs.baseline(), pairs.treatment()).unwrap()
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs()).max(1e-300)
}

/// The same cases on every machine, so that a failure is everyone's.
fn configuration() -> ProptestConfig {
    ProptestConfig {
        cases: 300,
        rng_seed: RngSeed::Fixed(7),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(configuration())]

    #[test]
    fn quantile_is_monotone_in_q_and_stays_in_range(
        values in values(-1e9..1e9, 1..200),
        (q_a, q_b) in (0.0..=1.0_f64, 0.0..=1.0_f64),
    ) {
        let sorted = values.sorted();
        let low = quantile(sorted, q_a.min(q_b)).unwrap();
        let high = quantile(sorted, q_a.max(q_b)).unwrap();
        prop_assert!(sorted[0] <= low);
        prop_assert!(low <= high);
        prop_assert!(high <= sorted[sorted.len() - 1]);
    }

    #[test]
    fn summaries_are_ordered_and_ignore_order(values in values(-1e300..1e300, 2..50)) {
        let summary = Summary::of(&values);
        prop_assert!(summary.min <= summary.mean && summary.mean <= summary.max);
        prop_assert!(summary.min <= summary.median && summary.median <= summary.max);
        prop_assert!(summary.sd.unwrap() >= 0.0);
        prop_assert!(summary.sd.unwrap().is_finite());
        let mut reversed = values.values().to_vec();
        reversed.reverse();
        prop_assert_eq!(summary, Summary::of(&Sample::new(&reversed).unwrap()));
    }

    #[test]
    fn a_power_of_two_scales_moments_exactly(
        values in values(0.1..10.0, 2..30), exponent in -900..900_i32,
    ) {
        let factor = 2.0_f64.powi(exponent);
        let scaled: Vec<f64> = values.values().iter().map(|x| x * factor).collect();
        let scaled = Sample::new(&scaled).unwrap();
        prop_assert_eq!((scaled.mean() / factor).to_bits(), values.mean().to_bits());
        prop_assert_eq!(
            (scaled.sd().unwrap() / factor).to_bits(), values.sd().unwrap().to_bits()
        );
    }

    #[test]
    fn intervals_hold_their_estimates(values in values(0.0..1e6, 2..60), trim in 0.0..0.2_f64) {
        let mean = mean_estimate(&values, CONFIDENCE).unwrap();
        prop_assert!(mean.interval.contains(mean.mean));
        let wider = mean_estimate(&values, Confidence::NINETY_NINE).unwrap().interval;
        prop_assert!(wider.low <= mean.interval.low && wider.high >= mean.interval.high);
        let trimmed = trimmed_mean_estimate(&values, trim, CONFIDENCE).unwrap();
        prop_assert!(trimmed.interval.contains(trimmed.mean));
        if let Ok(cv) = cv_estimate(&values, CONFIDENCE) && let Some(interval) = cv.interval {
            prop_assert!(interval.contains(cv.cv));
        }
    }

    #[test]
    fn quantile_intervals_cover_or_are_refused(
        values in values(-1e3..1e3, 1..400), q in 0.001..0.999_f64,
    ) {
        let needed = quantile_sample_size(q, CONFIDENCE).unwrap();
        match quantile_estimate(&values, q, CONFIDENCE) {
            Ok(found) => {
                prop_assert!(values.n() >= needed);
                prop_assert!(found.coverage >= 0.95 - 1e-12);
                prop_assert!(1 <= found.ranks.0 && found.ranks.0 < found.ranks.1);
                prop_assert!(found.ranks.1 <= values.n());
                prop_assert!(found.interval.contains(found.value));
            }
            Err(_) => prop_assert!(values.n() < needed),
        }
        let smooth = harrell_davis(&values, q).unwrap();
        prop_assert!(values.min() <= smooth && smooth <= values.max());
    }

    #[test]
    fn wilson_lies_in_the_unit_range_and_mirrors(trials in 1..5000_u64, share in 0.0..=1.0_f64) {
        #[expect(
            clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss,
            reason = "counts below 5000"
        )]
        let successes = ((trials as f64) * share) as u64;
        let found = Proportion::new(successes, trials).unwrap().estimate(CONFIDENCE);
        let mirror = Proportion::new(trials - successes, trials).unwrap().estimate(CONFIDENCE);
        prop_assert!(0.0 <= found.interval.low && found.interval.high <= 1.0);
        prop_assert!(found.interval.contains(found.fraction));
        prop_assert!((found.interval.low - (1.0 - mirror.interval.high)).abs() < 1e-12);
    }

    #[test]
    fn swapping_the_arms_inverts_the_ratio(pairs in pairs(), margin in 0.001..0.5_f64) {
        let margin = Margin::new(margin).unwrap();
        let rule = DecisionRule {
            confidence: CONFIDENCE, margin, direction: Direction::HigherIsBetter,
        };
        let forth = paired_ratio(&pairs, CONFIDENCE).unwrap();
        let back = paired_ratio(&mirrored(&pairs), CONFIDENCE).unwrap();
        prop_assert!(close(forth.ratio, 1.0 / back.ratio));
        prop_assert!(close(forth.interval.low, 1.0 / back.interval.high));
        prop_assert!((forth.p_value - back.p_value).abs() < 1e-9);
        let expected = match compare_arms(&pairs, &rule).unwrap().verdict {
            Verdict::Better => Verdict::Worse,
            Verdict::Worse => Verdict::Better,
            other => other,
        };
        prop_assert_eq!(compare_arms(&mirrored(&pairs), &rule).unwrap().verdict, expected);
    }

    #[test]
    fn tests_and_their_intervals_agree(pairs in pairs(), margin in 0.001..0.9_f64) {
        let ratio = paired_ratio(&pairs, CONFIDENCE).unwrap();
        prop_assert_eq!(ratio.p_value < 0.05, !ratio.interval.contains(1.0));
        let margin = Margin::new(margin).unwrap();
        let found = tost(&ratio, margin, CONFIDENCE);
        let inside =
            found.interval.low > margin.ratio_low() && found.interval.high < margin.ratio_high();
        prop_assert_eq!(found.p_value < 0.05, inside);
    }

    #[test]
    fn welch_is_antisymmetric(a in values(-50.0..50.0, 2..20), b in values(-50.0..50.0, 2..20)) {
        let forth = welch(&a, &b, CONFIDENCE).unwrap();
        let back = welch(&b, &a, CONFIDENCE).unwrap();
        prop_assert!(close(forth.difference, -back.difference));
        prop_assert!(close(forth.interval.low, -back.interval.high));
        prop_assert_eq!(forth.p_value < 0.05, !forth.interval.contains(0.0));
        let least = a.n().min(b.n()) - 1;
        let most = a.n() + b.n() - 2;
        #[expect(clippy::cast_precision_loss, reason = "small counts")]
        let bounds = (least as f64 - 1e-9, most as f64 + 1e-9);
        prop_assert!(bounds.0 <= forth.df && forth.df <= bounds.1);
    }

    #[test]
    fn adjustment_keeps_order_and_never_lowers(
        p_values in prop::collection::vec(0.0..=1.0_f64, 0..40),
    ) {
        let (holm, bh) = (holm(&p_values).unwrap(), benjamini_hochberg(&p_values).unwrap());
        for i in 0..p_values.len() {
            prop_assert!(p_values[i] <= bh[i] + 1e-15 && bh[i] <= holm[i] + 1e-15);
            prop_assert!(holm[i] <= 1.0);
            for j in 0..p_values.len() {
                if p_values[i] < p_values[j] {
                    prop_assert!(holm[i] <= holm[j] && bh[i] <= bh[j]);
                }
            }
        }
    }

    #[test]
    fn students_quantile_inverts_its_tail(tail in 1e-9..0.999_f64, df in 0.6..1e7_f64) {
        prop_assert!(close(t_upper_tail(t_upper_quantile(tail, df), df), tail));
        prop_assert!(t_two_sided(t_upper_quantile(tail, df), df) <= 1.0);
    }

    #[test]
    fn fairness_ignores_scale(shares in values(0.1..100.0, 1..20), factor in 0.001..1000.0_f64) {
        let scaled: Vec<f64> = shares.values().iter().map(|x| x * factor).collect();
        let scaled = jain_index(&Sample::new(&scaled).unwrap()).unwrap();
        prop_assert!(close(jain_index(&shares).unwrap(), scaled));
    }

    #[test]
    fn an_ecdf_climbs_to_one(values in values(-5.0..5.0, 1..60)) {
        let ecdf = Ecdf::of(&values, CONFIDENCE);
        let climbs = ecdf.steps.windows(2).all(|pair| {
            pair[0].value < pair[1].value && pair[0].fraction < pair[1].fraction
        });
        prop_assert!(climbs);
        prop_assert_eq!(ecdf.steps.last().unwrap().fraction.to_bits(), 1.0_f64.to_bits());
    }
}
