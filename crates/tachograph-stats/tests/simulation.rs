//! Promises on known populations: coverage of intervals, size of tests, power.
//!
//! Seeded, so that each run is the same run; the allowance is four standard
//! deviations of the count, so that another seed would pass as well.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tachograph_stats::{
    Confidence, DecisionRule, Direction, Margin, Pair, PairedDesign, Pairs, Proportion, Resampling,
    Sample, Verdict, bca_mean, benjamini_hochberg, brown_forsythe, cliffs_delta, compare_arms,
    compare_family, cv_estimate, fieller, hedges_g, mann_kendall, mann_whitney, mean_estimate,
    normal_upper_quantile, paired_ratio, quantile_estimate, relabelling, sign_flip, signed_rank,
    welch,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

struct World(ChaCha8Rng);

impl World {
    fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// Uniform, strictly between 0 and 1.
    fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 4_294_967_296.0
    }

    fn normal(&mut self) -> f64 {
        normal_upper_quantile(self.uniform())
    }

    fn normals(&mut self, n: usize, mean: f64, sd: f64) -> Sample {
        self.sample(n, |world| mean + sd * world.normal())
    }

    fn sample(&mut self, n: usize, mut draw: impl FnMut(&mut Self) -> f64) -> Sample {
        let values: Vec<f64> = (0..n).map(|_| draw(self)).collect();
        Sample::new(&values).unwrap()
    }

    /// Blocks whose true ratio is `ratio`; the block itself varies by 20 %.
    fn blocks(&mut self, n: usize, ratio: f64, log_sd: f64) -> Pairs {
        let pairs: Vec<Pair> = (0..n)
            .map(|_| {
                let block = (0.2 * self.normal()).exp();
                let noise = (log_sd * self.normal()).exp();
                Pair { treatment: block * ratio * noise, baseline: block }
            })
            .collect();
        Pairs::new(&pairs).unwrap()
    }
}

/// How often something happens in `trials` seeded trials.
fn rate(trials: u32, seed: u64, mut happens: impl FnMut(&mut World) -> bool) -> f64 {
    let mut world = World::new(seed);
    let count = (0..trials).filter(|_| happens(&mut world)).count();
    f64::from(u32::try_from(count).unwrap()) / f64::from(trials)
}

/// Four standard deviations of a share near `p` in `trials` trials.
fn allowance(p: f64, trials: u32) -> f64 {
    4.0 * (p * (1.0 - p) / f64::from(trials)).sqrt()
}

fn check_rate(name: &str, expected: f64, trials: u32, happens: impl FnMut(&mut World) -> bool) {
    let found = rate(trials, 2026, happens);
    assert!((found - expected).abs() <= allowance(expected, trials), "{name}: {found}");
}

fn check_at_most(name: &str, most: f64, trials: u32, happens: impl FnMut(&mut World) -> bool) {
    let found = rate(trials, 2026, happens);
    assert!(found <= most + allowance(most, trials), "{name}: {found}");
}

#[test]
fn intervals_cover_what_they_promise() {
    for n in [3, 5, 10, 30] {
        check_rate(&format!("t interval, n = {n}"), 0.95, 3000, |world| {
            let sample = world.normals(n, 50.0, 3.0);
            mean_estimate(&sample, CONFIDENCE).unwrap().interval.contains(50.0)
        });
        check_rate(&format!("paired ratio, n = {n}"), 0.95, 3000, |world| {
            let pairs = world.blocks(n, 1.1, 0.03);
            paired_ratio(&pairs, CONFIDENCE).unwrap().interval.contains(1.1)
        });
    }
    check_rate("Welch, unequal spread", 0.95, 3000, |world| {
        let (a, b) = (world.normals(12, 3.0, 1.0), world.normals(8, 1.0, 4.0));
        welch(&a, &b, CONFIDENCE).unwrap().interval.contains(2.0)
    });
    check_rate("coefficient of variation", 0.95, 2000, |world| {
        let sample = world.normals(10, 100.0, 10.0);
        cv_estimate(&sample, CONFIDENCE).unwrap().interval.unwrap().contains(0.1)
    });
    check_rate("Hedges' g", 0.95, 250, |world| {
        let (a, b) = (world.normals(8, 1.0, 2.0), world.normals(10, 0.0, 2.0));
        hedges_g(&a, &b, CONFIDENCE).unwrap().interval.contains(0.5)
    });
    check_rate("Fieller", 0.95, 2000, |world| {
        let baseline = world.normals(9, 20.0, 1.0);
        let noise = world.normals(9, 0.0, 1.0);
        let values = baseline.values().iter().zip(noise.values());
        let treatment: Vec<f64> = values.map(|(b, e)| 10.0 + b + e).collect();
        let pairs = Pairs::of_samples(&Sample::new(&treatment).unwrap(), &baseline).unwrap();
        fieller(&pairs, CONFIDENCE).unwrap().interval.contains(1.5)
    });
}

#[test]
fn intervals_without_a_distribution_cover_at_least() {
    let misses = |covered: bool| !covered;
    // The median of a lognormal is 1, its 95th percentile exp(1.645).
    check_at_most("median of ten", 0.05, 3000, |world| {
        let sample = world.sample(10, |world| world.normal().exp());
        misses(quantile_estimate(&sample, 0.5, CONFIDENCE).unwrap().interval.contains(1.0))
    });
    check_at_most("95th percentile of 100", 0.05, 2000, |world| {
        let sample = world.sample(100, |world| world.normal().exp());
        let truth = normal_upper_quantile(0.05).exp();
        misses(quantile_estimate(&sample, 0.95, CONFIDENCE).unwrap().interval.contains(truth))
    });
    check_at_most("Hodges-Lehmann shift", 0.05, 2000, |world| {
        let a = world.sample(7, |world| -world.uniform().ln());
        let b = world.sample(9, |world| 2.0 - world.uniform().ln());
        misses(mann_whitney(&a, &b, CONFIDENCE).unwrap().interval.unwrap().contains(-2.0))
    });
    check_at_most("pseudo-median", 0.05, 2000, |world| {
        let (a, b) = (world.normals(9, 1.0, 1.0), world.normals(9, 0.0, 1.0));
        let pairs = Pairs::of_samples(&a, &b).unwrap();
        misses(signed_rank(&pairs, CONFIDENCE).unwrap().interval.unwrap().contains(1.0))
    });
    // Asymptotic: near the promise, not at it.
    let found = rate(150, 7, |world| {
        let sample = world.normals(20, 5.0, 1.0);
        let resampling = Resampling { seed: 5, resamples: 1000 };
        bca_mean(&sample, resampling, CONFIDENCE).unwrap().interval.contains(5.0)
    });
    assert!((0.88..=0.98).contains(&found), "BCa of twenty: {found}");
    let found = rate(1500, 7, |world| {
        let (a, b) = (world.normals(15, 0.0, 1.0), world.normals(15, 0.0, 2.0));
        cliffs_delta(&a, &b, CONFIDENCE).unwrap().interval.contains(0.0)
    });
    assert!((0.92..=0.98).contains(&found), "Cliff's delta: {found}");
    let found = rate(3000, 7, |world| {
        let successes = (0..30).filter(|_| world.uniform() < 0.1).count();
        let proportion = Proportion::new(u64::try_from(successes).unwrap(), 30).unwrap();
        proportion.estimate(CONFIDENCE).interval.contains(0.1)
    });
    assert!((0.93..=0.99).contains(&found), "Wilson: {found}");
}

#[test]
fn tests_keep_their_size() {
    check_rate("Welch", 0.05, 3000, |world| {
        let (a, b) = (world.normals(12, 0.0, 1.0), world.normals(9, 0.0, 3.0));
        welch(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
    });
    check_at_most("Mann-Whitney", 0.05, 2000, |world| {
        let a = world.sample(6, |world| world.normal().exp());
        let b = world.sample(8, |world| world.normal().exp());
        mann_whitney(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
    });
    check_at_most("relabelling", 0.05, 800, |world| {
        let (a, b) = (world.normals(5, 0.0, 1.0), world.normals(5, 0.0, 1.0));
        relabelling(&a, &b, Resampling::seeded(1)).unwrap().p_value <= 0.05
    });
    check_at_most("sign flips", 0.05, 800, |world| {
        let pairs = world.blocks(8, 1.0, 0.1);
        sign_flip(&pairs, Resampling::seeded(1)).unwrap().p_value <= 0.05
    });
    check_at_most("Mann-Kendall", 0.05, 2000, |world| {
        mann_kendall(&world.normals(12, 0.0, 1.0)).unwrap().p_value <= 0.05
    });
    // Known to be conservative with small groups, hence one-sided.
    check_at_most("Brown-Forsythe", 0.05, 2000, |world| {
        let (a, b) = (world.normals(15, 0.0, 1.0), world.normals(15, 4.0, 1.0));
        brown_forsythe(&[a, b]).unwrap().p_value <= 0.05
    });
}

fn rule(margin: f64) -> DecisionRule {
    DecisionRule {
        confidence: CONFIDENCE,
        margin: Margin::new(margin).unwrap(),
        direction: Direction::HigherIsBetter,
    }
}

#[test]
fn verdicts_keep_their_errors() {
    check_at_most("any false difference in a family of six", 0.05, 800, |world| {
        let family: Vec<Pairs> = (0..6).map(|_| world.blocks(6, 1.0, 0.05)).collect();
        let verdicts = compare_family(&family, &rule(0.001)).unwrap();
        verdicts.iter().any(|c| matches!(c.verdict, Verdict::Better | Verdict::Worse))
    });
    check_rate("equivalence claimed at the margin", 0.05, 3000, |world| {
        let pairs = world.blocks(10, 1.05, 0.02);
        compare_arms(&pairs, &rule(0.05)).unwrap().verdict == Verdict::Equivalent
    });
    check_at_most("worse said of a better arm", 0.025, 1500, |world| {
        let pairs = world.blocks(5, 1.01, 0.05);
        compare_arms(&pairs, &rule(0.001)).unwrap().verdict == Verdict::Worse
    });
    // A 5 % gain with 1 % noise is found in five blocks.
    let found = rate(300, 3, |world| {
        let pairs = world.blocks(5, 1.05, 0.01);
        compare_arms(&pairs, &rule(0.02)).unwrap().verdict == Verdict::Better
    });
    assert!(found > 0.97, "{found}");
}

#[test]
fn false_discoveries_stay_a_small_share() {
    let mut world = World::new(2026);
    let (mut share, trials) = (0.0, 400_u32);
    for _ in 0..trials {
        // Ten arms without an effect, five with one.
        let p_values: Vec<f64> = (0..15)
            .map(|arm| {
                let pairs = world.blocks(6, if arm < 10 { 1.0 } else { 1.2 }, 0.05);
                paired_ratio(&pairs, CONFIDENCE).unwrap().p_value
            })
            .collect();
        let adjusted = benjamini_hochberg(&p_values).unwrap();
        let made = adjusted.iter().filter(|p| **p <= 0.05).count();
        let wrong = adjusted[..10].iter().filter(|p| **p <= 0.05).count();
        if made > 0 {
            share +=
                f64::from(u32::try_from(wrong).unwrap()) / f64::from(u32::try_from(made).unwrap());
        }
    }
    let rate = share / f64::from(trials);
    // Exactly 0.05 * 10 / 15 in expectation.
    assert!((rate - 0.0333).abs() < 0.02, "{rate}");
    assert!(rate > 0.0);
}

#[test]
fn power_is_what_theory_says() {
    let design = PairedDesign::new(0.03, CONFIDENCE).unwrap();
    for (n_blocks, ratio) in [(4, 1.05), (6, 1.03), (12, 0.98)] {
        let expected = design.power(n_blocks, ratio).unwrap();
        check_rate(&format!("{n_blocks} blocks, ratio {ratio}"), expected, 2000, |world| {
            let pairs = world.blocks(n_blocks, ratio, 0.03);
            paired_ratio(&pairs, CONFIDENCE).unwrap().p_value <= 0.05
        });
    }
    let margin = Margin::new(0.04).unwrap();
    let expected = design.equivalence_power(8, 1.0, margin).unwrap();
    check_rate("equivalence, eight blocks", expected, 2000, |world| {
        let pairs = world.blocks(8, 1.0, 0.03);
        compare_arms(&pairs, &rule(0.04)).unwrap().verdict == Verdict::Equivalent
    });
}
