//! Selection and stopping: published tables, ends of ranges, refusals.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use tachograph_stats::{
    ArmEstimate, BlockDesign, Cell, Confidence, ConfidenceSequence, DecisionRule, Direction,
    GroupSequential, JudgeError, Margin, PairedDesign, Pairs, PowerError, Sample, SelectionError,
    Spending, StoppingError, StoppingRule, Verdict, best_subset, confirmation_plan, dunnett,
    luck_of_the_best, shrink, t_upper_quantile,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

fn rule(margin: f64) -> DecisionRule {
    DecisionRule {
        confidence: CONFIDENCE,
        margin: Margin::new(margin).unwrap(),
        direction: Direction::HigherIsBetter,
    }
}

/// Blocks whose log ratios alternate around `ln(ratio)`.
fn blocks(n: usize, ratio: f64, swing: f64) -> Pairs {
    let treatment: Vec<f64> = (0..n)
        .map(|i| ratio * if i % 2 == 0 { 1.0 + swing } else { 1.0 / (1.0 + swing) })
        .collect();
    Pairs::of_samples(&Sample::new(&treatment).unwrap(), &Sample::new(&vec![1.0; n]).unwrap())
        .unwrap()
}

fn check_table(found: impl IntoIterator<Item = f64>, published: &[f64], half_unit: f64) {
    let found: Vec<f64> = found.into_iter().collect();
    assert_eq!(found.len(), published.len());
    for (found, published) in found.iter().zip(published) {
        assert!((found - published).abs() <= half_unit, "{found} is not {published}");
    }
}

/// Five equal looks at 5 %: Reboussin, `DeMets`, Kim and Lan (2000), *Computations
/// for Group Sequential Boundaries Using the Lan-DeMets Spending Function Method*.
#[test]
fn boundaries_are_the_published_ones() {
    let looks = [1, 2, 3, 4, 5].map(|k| 20 * k);
    for (spending, published) in [
        (Spending::OBrienFleming, [4.877, 3.357, 2.680, 2.290, 2.031]),
        (Spending::Pocock, [2.438, 2.427, 2.410, 2.397, 2.386]),
    ] {
        let plan = GroupSequential::new(&looks, spending, CONFIDENCE).unwrap();
        check_table(plan.looks().iter().map(|look| look.boundary), &published, 0.0005);
    }
}

/// Bechhofer (1954), Annals of Mathematical Statistics 25, table I, for a known
/// spread; Harter (1961) for the luck.
#[test]
fn selection_constants_are_the_published_ones() {
    let critical = [2, 3, 4, 5].map(|k| {
        let means = vec![0.0; k];
        best_subset(&means, (1.0, 1e8), Direction::HigherIsBetter, CONFIDENCE).unwrap().critical
    });
    check_table(critical, &[2.3262, 2.7101, 2.9162, 3.0552], 0.000_05);
    let luck = [1, 2, 5, 10, 100].map(luck_of_the_best);
    check_table(luck, &[0.0, 0.564_19, 1.162_96, 1.538_75, 2.507_59], 0.000_005);
}

/// Two-sided at 5 %: Dunnett (1964), *New Tables for Multiple Comparisons with a
/// Control*, Biometrics 20, table II, for samples of equal size.
#[test]
fn comparisons_with_a_control_have_the_published_critical_values() {
    // Arms beside the control, values of each sample, and the published value.
    let published = [
        (4, 2, 3.48),  // 5 degrees of freedom
        (4, 3, 2.89),  // 10
        (1, 11, 2.09), // 20
        (3, 6, 2.54),
        (2, 21, 2.27), // 60
    ];
    for (n_arms, n, expected) in published {
        let values: Vec<f64> = (0..n).map(|i| f64::from(i % 3)).collect();
        let group = Sample::new(&values).unwrap();
        let found = dunnett(&group, &vec![group.clone(); n_arms], CONFIDENCE).unwrap();
        check_table([found.critical], &[expected], 0.005);
    }
}

fn arms(means: &[f64], standard_error: f64) -> Vec<ArmEstimate> {
    means.iter().map(|&mean| ArmEstimate { mean, standard_error }).collect()
}

#[test]
fn shrinkage_needs_arms_and_errors() {
    assert!(matches!(
        shrink(&arms(&[1.0, 2.0, 3.0], 1.0), CONFIDENCE),
        Err(SelectionError::TooFewArms { needed: 4, n: 3, .. })
    ));
    for error in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let found = shrink(&arms(&[1.0; 5], error), CONFIDENCE);
        assert!(matches!(found, Err(SelectionError::Arm { arm: 0, .. })), "{error}");
    }
    let found = shrink(&arms(&[1.0, f64::NAN, 1.0, 1.0], 1.0), CONFIDENCE);
    assert!(matches!(found, Err(SelectionError::Arm { arm: 1, .. })));
    // All alike: everything goes to the mean, as far as it ever goes.
    let alike = shrink(&arms(&[7.0; 9], 0.5), CONFIDENCE).unwrap();
    assert!(alike.sd_between.abs() < 1e-300);
    assert!(alike.arms.iter().all(|arm| (arm.weight - 0.75).abs() < 1e-15));
    // Scale changes nothing but the unit.
    for scale in [1e-300, 1e300] {
        let means = [0.1, 0.2, 0.5, 0.9, 0.3].map(|x| x * scale);
        let found = shrink(&arms(&means, 0.1 * scale), CONFIDENCE).unwrap();
        let plain = shrink(&arms(&[0.1, 0.2, 0.5, 0.9, 0.3], 0.1), CONFIDENCE).unwrap();
        for (a, b) in found.arms.iter().zip(&plain.arms) {
            assert!((a.shrunk / scale / b.shrunk - 1.0).abs() < 1e-12);
            assert!((a.interval.low / scale - b.interval.low).abs() < 1e-12);
        }
    }
    // Errors next to nothing: nothing moves.
    let sure = shrink(&arms(&[1.0, 2.0, 3.0, 5.0], 1e-250), CONFIDENCE).unwrap();
    assert!(sure.arms.iter().all(|arm| (arm.shrunk - arm.observed).abs() < 1e-14));
}

#[test]
fn the_winner_stays_in_its_subset() {
    let means = [10.0, 30.0, 29.0, 12.0];
    for (direction, winner, kept) in
        [(Direction::HigherIsBetter, 1, vec![1, 2]), (Direction::LowerIsBetter, 0, vec![0, 3])]
    {
        let found = best_subset(&means, (1.0, 20.0), direction, CONFIDENCE).unwrap();
        assert_eq!((found.winner, found.arms), (winner, kept));
    }
    assert!(matches!(
        best_subset(&means, (1.0, 0.0), Direction::HigherIsBetter, CONFIDENCE),
        Err(SelectionError::DegreesOfFreedom { .. })
    ));
    let cell = |block, level, value| Cell { block, level, value };
    let cells: Vec<Cell> = (0..4_u8)
        .flat_map(|block| {
            (0..5_u8).map(move |level| {
                let noise = f64::from((block * 7 + level * 3) % 5) / 10.0;
                cell(block.into(), level.into(), 100.0 + 3.0 * f64::from(level) + noise)
            })
        })
        .collect();
    let analysis = BlockDesign::new(&cells).unwrap().analyse(CONFIDENCE);
    let best = analysis.best_levels(Direction::HigherIsBetter, CONFIDENCE).unwrap();
    assert_eq!(best.arms, [4]);
    let shrunk = analysis.shrink_levels(CONFIDENCE).unwrap();
    assert!(shrunk.arms[4].shrunk < shrunk.arms[4].observed);
    assert!(shrunk.arms[0].shrunk > shrunk.arms[0].observed);
}

#[test]
fn a_confirmation_costs_what_its_power_needs() {
    let margin = Margin::new(0.02).unwrap();
    let one = confirmation_plan(1, 0.02, margin, 0.9, CONFIDENCE).unwrap();
    let design = PairedDesign::new(0.02, CONFIDENCE).unwrap();
    assert_eq!(one.n_blocks, design.blocks_for(1.02, 0.9).unwrap());
    assert_eq!(one.n_runs, 2 * one.n_blocks);
    let three = confirmation_plan(3, 0.02, margin, 0.9, CONFIDENCE).unwrap();
    assert!(three.n_blocks > one.n_blocks && three.power >= 0.9);
    assert_eq!(three.n_runs, 4 * three.n_blocks);
    for n_arms in [0, 1001] {
        let found = confirmation_plan(n_arms, 0.02, margin, 0.9, CONFIDENCE);
        assert_eq!(found, Err(PowerError::Arms { n_arms }));
    }
}

#[test]
fn looks_must_ascend() {
    for (looks, look) in [(&[][..], 0), (&[1, 5], 0), (&[5, 5], 1), (&[4, 9, 8], 2), (&[0], 0)] {
        let found = GroupSequential::new(looks, Spending::OBrienFleming, CONFIDENCE);
        assert!(
            matches!(found, Err(StoppingError::Looks { look: at, .. }) if at == look),
            "{looks:?}: {found:?}"
        );
    }
    let level = Confidence::new(0.7).unwrap();
    let found = GroupSequential::new(&[5], Spending::Pocock, level);
    assert_eq!(found, Err(StoppingError::Confidence { level: 0.7 }));
    // A single look is the plain test.
    let plan = GroupSequential::new(&[12], Spending::OBrienFleming, CONFIDENCE).unwrap();
    assert!((plan.looks()[0].nominal_p - 0.05).abs() < 1e-12);
    // A look after 2 of 10,000 blocks cannot stop anything, and says so.
    let plan = GroupSequential::new(&[2, 10_000], Spending::OBrienFleming, CONFIDENCE).unwrap();
    let found =
        StoppingRule::GroupSequential(plan).judge(&blocks(2, 1.5, 0.01), &rule(0.02)).unwrap();
    assert_eq!((found.verdict, found.next_look), (Verdict::Inconclusive, Some(10_000)));
}

#[test]
fn a_rule_judges_only_where_its_plan_looks() {
    let plan = GroupSequential::new(&[4, 8, 12], Spending::OBrienFleming, CONFIDENCE).unwrap();
    let rules = StoppingRule::GroupSequential(plan);
    assert_eq!((rules.name(), rules.n_blocks_most()), ("group-sequential", 12));
    let early = rules.judge(&blocks(5, 1.1, 0.01), &rule(0.02));
    assert_eq!(early, Err(JudgeError::NoLook { n_blocks: 5, next: 8 }));
    let late = rules.judge(&blocks(13, 1.1, 0.01), &rule(0.02));
    assert_eq!(late, Err(JudgeError::TooManyBlocks { n_blocks: 13, most: 12 }));
    let shown = rules.judge(&blocks(8, 1.1, 0.01), &rule(0.02)).unwrap();
    assert_eq!((shown.verdict, shown.next_look), (Verdict::Better, None));
    let equal = rules.judge(&blocks(12, 1.0, 0.005), &rule(0.02)).unwrap();
    assert_eq!((equal.verdict, equal.next_look), (Verdict::Equivalent, None));
    let open = rules.judge(&blocks(8, 1.0, 0.2), &rule(0.02)).unwrap();
    assert_eq!((open.verdict, open.next_look), (Verdict::Inconclusive, Some(12)));
    let other = DecisionRule { confidence: Confidence::NINETY_NINE, ..rule(0.02) };
    assert!(matches!(
        rules.judge(&blocks(8, 1.1, 0.01), &other),
        Err(JudgeError::Confidence { .. })
    ));
    let fixed = StoppingRule::Fixed { n_blocks: 6 };
    assert!(matches!(
        fixed.judge(&blocks(4, 1.1, 0.01), &rule(0.02)),
        Err(JudgeError::NoLook { n_blocks: 4, next: 6 })
    ));
    let found = fixed.judge(&blocks(6, 0.9, 0.01), &rule(0.02)).unwrap();
    assert_eq!((found.verdict, found.next_look), (Verdict::Worse, None));
}

#[test]
fn an_always_valid_rule_looks_after_every_block() {
    let sequence = ConfidenceSequence::tuned_for(10, CONFIDENCE).unwrap();
    let rules = StoppingRule::AlwaysValid { sequence, n_blocks_most: 40 };
    assert_eq!(
        (rules.next_look(0), rules.next_look(7), rules.next_look(40)),
        (Some(2), Some(8), None)
    );
    let found = rules.judge(&blocks(10, 1.1, 0.01), &rule(0.02)).unwrap();
    assert_eq!((found.verdict, found.next_look), (Verdict::Better, None));
    let found = rules.judge(&blocks(2, 1.1, 0.01), &rule(0.02)).unwrap();
    assert_eq!((found.verdict, found.next_look), (Verdict::Inconclusive, Some(3)));
    let found = rules.judge(&blocks(40, 1.0, 0.001), &rule(0.02)).unwrap();
    assert_eq!(found.verdict, Verdict::Equivalent);
}

#[test]
fn a_confidence_sequence_at_its_ends() {
    let narrow = ConfidenceSequence::new(0.01, CONFIDENCE).unwrap();
    let few = Sample::new(&[1.0, 2.0]).unwrap();
    assert_eq!(narrow.interval(&few), None);
    assert_eq!(narrow.intervals(&few), [None, None]);
    let one = Sample::new(&[4.0]).unwrap();
    assert!((narrow.e_value(&one, 0.0) - 1.0).abs() < 1e-15);
    // A constant away from the null refutes it, a constant at it never does.
    let constant = Sample::new(&[0.5; 9]).unwrap();
    assert!(narrow.p_value(&constant, 0.0) == 0.0);
    assert!((narrow.p_value(&constant, 0.5) - 1.0).abs() < 1e-15);
    for effect_sd in [0.0, 1e-9, f64::NAN, 1e9] {
        assert!(ConfidenceSequence::new(effect_sd, CONFIDENCE).is_err());
    }
    // Tuning moves the narrowest point, and only a little is lost beside it.
    let tuned = ConfidenceSequence::tuned_for(20, CONFIDENCE).unwrap();
    let values: Vec<f64> = (0..20).map(|i| f64::from(i % 5)).collect();
    let values = Sample::new(&values).unwrap();
    let width = |rule: &ConfidenceSequence| rule.interval(&values).unwrap().half_width();
    for factor in [0.9, 1.1] {
        let other = ConfidenceSequence::new(tuned.effect_sd() * factor, CONFIDENCE).unwrap();
        assert!(width(&other) > width(&tuned));
    }
    // Wider than a t interval, which may be looked at once.
    let fixed = tachograph_stats::mean_estimate(&values, CONFIDENCE).unwrap().interval;
    assert!(width(&tuned) > fixed.half_width());
}

/// The boundary of a look is where the interval begins to exclude the null.
#[test]
fn the_boundary_of_a_confidence_sequence_is_that_of_its_interval() {
    let sequence = ConfidenceSequence::tuned_for(10, CONFIDENCE).unwrap();
    assert_eq!(sequence.nominal_p(1), None);
    for n in 2..30_i32 {
        let spread: Vec<f64> = (0..n).map(f64::from).collect();
        let centred = Sample::new(&spread).unwrap();
        let Some(p) = sequence.nominal_p(centred.n()) else {
            assert_eq!(sequence.interval(&centred), None, "{n}");
            continue;
        };
        assert!(p > 0.0 && p < 0.05, "{n}: {p}");
        for (beyond, excludes) in [(1.001, true), (0.999, false)] {
            // Values whose t statistic lies just beyond, or just within, the boundary.
            let t = beyond * t_upper_quantile(p / 2.0, f64::from(n - 1));
            let shift = t * centred.standard_error().unwrap() - centred.mean();
            let values: Vec<f64> = spread.iter().map(|value| value + shift).collect();
            let interval = sequence.interval(&Sample::new(&values).unwrap()).unwrap();
            assert_eq!(!interval.contains(0.0), excludes, "{n} {beyond}");
        }
    }
    assert!(sequence.nominal_p(10).is_some());
}
