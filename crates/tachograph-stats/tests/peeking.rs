//! Promises of selection, stopping rules and newer tests, on known populations.
//!
//! A small version of `examples/simulate.rs`, whose table is in the documentation.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tachograph_stats::{
    ArmEstimate, ChangeSearch, ComponentMethod, Confidence, ConfidenceSequence, DecisionRule,
    Direction, GroupSequential, Margin, PairedDesign, Pairs, Resampling, Sample, Spending,
    StoppingRule, Verdict, brunner_munzel, change_points, kolmogorov_smirnov, nested_components,
    normal_upper_quantile, paired_ratio, shrink,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

struct World(ChaCha8Rng);

impl World {
    fn normal(&mut self) -> f64 {
        normal_upper_quantile((f64::from(self.0.next_u32()) + 0.5) / 4_294_967_296.0)
    }

    fn normals(&mut self, n: usize, mean: f64, sd: f64) -> Sample {
        let values: Vec<f64> = (0..n).map(|_| mean + sd * self.normal()).collect();
        Sample::new(&values).unwrap()
    }

    fn blocks(&mut self, n: usize, ratio: f64) -> Pairs {
        let values: Vec<f64> = (0..n).map(|_| ratio * (0.05 * self.normal()).exp()).collect();
        Pairs::of_samples(&Sample::new(&values).unwrap(), &Sample::new(&vec![1.0; n]).unwrap())
            .unwrap()
    }
}

/// How often something happens, in `trials` seeded trials.
fn rate(trials: u32, mut happens: impl FnMut(&mut World) -> bool) -> f64 {
    let mut world = World(ChaCha8Rng::seed_from_u64(11));
    let count: u32 = (0..trials).map(|_| u32::from(happens(&mut world))).sum();
    f64::from(count) / f64::from(trials)
}

/// Four standard deviations of a share near `p`.
fn check_rate(name: &str, p: f64, trials: u32, happens: impl FnMut(&mut World) -> bool) {
    let found = rate(trials, happens);
    let allowance = 4.0 * (p * (1.0 - p) / f64::from(trials)).sqrt();
    assert!((found - p).abs() <= allowance, "{name}: {found}");
}

fn check_at_most(name: &str, p: f64, trials: u32, happens: impl FnMut(&mut World) -> bool) {
    let found = rate(trials, happens);
    let allowance = 4.0 * (p * (1.0 - p) / f64::from(trials)).sqrt();
    assert!(found <= p + allowance, "{name}: {found}");
    assert!(found > 0.0, "{name}: never, which no test of this size would do");
}

fn first(pairs: &Pairs, n: usize) -> Pairs {
    let part = |sample: &Sample| Sample::new(&sample.values()[..n]).unwrap();
    Pairs::of_samples(&part(pairs.treatment()), &part(pairs.baseline())).unwrap()
}

/// Whether a rule states one of these verdicts at any of its looks.
fn states(stopping: &StoppingRule, pairs: &Pairs, margin: f64, said: &[Verdict]) -> bool {
    let rule = DecisionRule {
        confidence: CONFIDENCE,
        margin: Margin::new(margin).unwrap(),
        direction: Direction::HigherIsBetter,
    };
    let mut look = stopping.next_look(0);
    while let Some(n) = look {
        let judged = stopping.judge(&first(pairs, n), &rule).unwrap();
        if said.contains(&judged.verdict) {
            return true;
        }
        look = judged.next_look;
    }
    false
}

const DIFFERS: [Verdict; 2] = [Verdict::Better, Verdict::Worse];

#[test]
fn looks_keep_the_error_rate() {
    for (spending, trials) in [(Spending::OBrienFleming, 1500), (Spending::Pocock, 1500)] {
        let plan = GroupSequential::new(&[10, 20, 30, 40], spending, CONFIDENCE).unwrap();
        let stopping = StoppingRule::GroupSequential(plan);
        check_rate(&format!("{spending:?}"), 0.05, trials, |world| {
            states(&stopping, &world.blocks(40, 1.0), 1e-6, &DIFFERS)
        });
    }
    // Where a t test after every block does not.
    let naive = rate(150, |world| {
        let pairs = world.blocks(60, 1.0);
        (2..=60).any(|n| paired_ratio(&first(&pairs, n), CONFIDENCE).unwrap().p_value <= 0.05)
    });
    assert!(naive > 0.2, "{naive}");
}

#[test]
fn a_look_after_every_block_keeps_the_error_rate() {
    let sequence = ConfidenceSequence::tuned_for(20, CONFIDENCE).unwrap();
    let stopping = StoppingRule::AlwaysValid { sequence, n_blocks_most: 80 };
    check_at_most("a false difference", 0.05, 300, |world| {
        states(&stopping, &world.blocks(80, 1.0), 1e-6, &DIFFERS)
    });
    check_at_most("a false difference, by the p-value", 0.05, 1000, |world| {
        sequence.p_value(&world.normals(200, 3.0, 1.0), 3.0) <= 0.05
    });
    // The intervals of all sizes together cover.
    check_at_most("a miss at any size", 0.05, 1000, |world| {
        let values = world.normals(200, 3.0, 1.0);
        sequence.intervals(&values).iter().flatten().any(|interval| !interval.contains(3.0))
    });
    let found = rate(60, |world| states(&stopping, &world.blocks(80, 1.06), 1e-6, &DIFFERS));
    assert!(found > 0.95, "{found}");
}

#[test]
fn operating_figures_are_those_of_the_rule() {
    let plan = GroupSequential::new(&[20, 40, 60], Spending::OBrienFleming, CONFIDENCE).unwrap();
    let design = PairedDesign::new(0.05, CONFIDENCE).unwrap();
    let power = plan.operating(&design, 1.015).power;
    let stopping = StoppingRule::GroupSequential(plan);
    let found = rate(800, |world| states(&stopping, &world.blocks(60, 1.015), 1e-6, &DIFFERS));
    // Normal theory, so near and not at it.
    assert!((found - power).abs() < 0.07, "{found} {power}");
}

#[test]
fn shrinkage_takes_the_luck_out_of_the_best() {
    let (mut raw, mut shrunk) = (0.0, 0.0);
    check_at_most("best of 18: its shrunk interval misses", 0.05, 1500, |world| {
        let truth: Vec<f64> = (0..18).map(|_| world.normal()).collect();
        let arms: Vec<ArmEstimate> = truth
            .iter()
            .map(|t| ArmEstimate { mean: t + world.normal(), standard_error: 1.0 })
            .collect();
        let best = (0..18).max_by(|&a, &b| arms[a].mean.total_cmp(&arms[b].mean)).unwrap();
        let found = shrink(&arms, CONFIDENCE).unwrap().arms[best];
        raw += (found.observed - truth[best]) / 1500.0;
        shrunk += (found.shrunk - truth[best]) / 1500.0;
        !found.interval.contains(truth[best])
    });
    // The largest of 18 looks 1.3 standard errors too good; shrunk it is right.
    assert!(raw > 1.0 && shrunk.abs() < 0.2, "{raw} {shrunk}");
}

#[test]
fn newer_tests_keep_their_size() {
    let found = rate(2000, |world| {
        let (a, b) = (world.normals(12, 0.0, 1.0), world.normals(15, 0.0, 3.0));
        brunner_munzel(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
    });
    assert!((0.035..=0.075).contains(&found), "Brunner-Munzel: {found}");
    check_at_most("Kolmogorov-Smirnov", 0.05, 2000, |world| {
        let (a, b) = (world.normals(9, 0.0, 1.0), world.normals(11, 0.0, 1.0));
        kolmogorov_smirnov(&a, &b).unwrap().p_value <= 0.05
    });
    check_rate("a change where there is none", 0.05, 400, |world| {
        let resampling = Resampling { seed: world.0.next_u64(), resamples: 39 };
        let search = ChangeSearch { resampling, ..ChangeSearch::of_mean(1) };
        !change_points(&world.normals(24, 0.0, 1.0), &search).unwrap().is_empty()
    });
}

#[test]
fn components_are_near_the_truth() {
    let mut world = World(ChaCha8Rng::seed_from_u64(3));
    let starts: Vec<Vec<Sample>> = (0..60)
        .map(|_| {
            let start = 100.0 + 3.0 * world.normal();
            (0..5)
                .map(|_| {
                    let run = start + 2.0 * world.normal();
                    world.normals(6, run, 1.0)
                })
                .collect()
        })
        .collect();
    let found = nested_components(&starts, ComponentMethod::Reml).unwrap();
    for (found, truth) in [found.sd_start, found.sd_run, found.sd_call].iter().zip([3.0, 2.0, 1.0])
    {
        assert!((found / truth - 1.0).abs() < 0.25, "{found} {truth}");
    }
    assert!(found.interval(CONFIDENCE).contains(100.0));
}
