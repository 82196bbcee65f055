//! Shows on known populations what the methods promise: coverage, size, power,
//! family-wise error, false discoveries, equivalence and peeking.
//!
//! `simulate [TRIALS]` prints the Markdown table of `docs/statistics.md`. Seeded, so
//! that the same number of trials prints the same table.

#![expect(clippy::print_stdout, reason = "a program prints")]
#![expect(clippy::unwrap_used, reason = "a simulation may panic")]

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng, SeedableRng};
use tachograph_stats::{
    ArmEstimate, ChangeSearch, Confidence, ConfidenceSequence, DecisionRule, Direction,
    GroupSequential, IndependentArms, IndependentDesign, Margin, Pair, PairedDesign, Pairs,
    Resampling, Sample, Spending, StoppingRule, Verdict, bca_mean, benjamini_hochberg, best_subset,
    brown_forsythe, brunner_munzel, change_points, compare_arms, compare_family,
    compare_independent, holm, independent_ratio, kolmogorov_smirnov, mann_kendall, mann_whitney,
    mean_estimate, normal_upper_quantile, paired_ratio, quantile_estimate, relabelling,
    sd_upper_limit, shrink, sign_flip, signed_rank, studentised_mean, trimmed_mean_estimate, welch,
};

const CONFIDENCE: Confidence = Confidence::NINETY_FIVE;

struct World(ChaCha8Rng);

/// A population with a known mean and a known median.
#[derive(Clone, Copy)]
enum Population {
    Normal,
    Lognormal,
    /// Student's t with 3 degrees of freedom: no fourth moment.
    HeavyTailed,
}

impl Population {
    const ALL: [(&str, Self); 3] = [
        ("normal", Self::Normal),
        ("lognormal", Self::Lognormal),
        ("heavy tails (t3)", Self::HeavyTailed),
    ];

    fn draw(self, world: &mut World) -> f64 {
        match self {
            Self::Normal => world.normal(),
            Self::Lognormal => world.normal().exp(),
            Self::HeavyTailed => {
                let squares: f64 = (0..3).map(|_| world.normal().powi(2)).sum();
                world.normal() / (squares / 3.0).sqrt()
            }
        }
    }

    fn mean(self) -> f64 {
        match self {
            Self::Lognormal => 0.5_f64.exp(),
            Self::Normal | Self::HeavyTailed => 0.0,
        }
    }

    fn median(self) -> f64 {
        match self {
            Self::Lognormal => 1.0,
            Self::Normal | Self::HeavyTailed => 0.0,
        }
    }
}

impl World {
    fn uniform(&mut self) -> f64 {
        (f64::from(self.0.next_u32()) + 0.5) / 4_294_967_296.0
    }

    /// Polar method of Marsaglia and Bray (1964), one of the pair.
    fn normal(&mut self) -> f64 {
        loop {
            let (u, v) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = u * u + v * v;
            if s < 1.0 && s > 0.0 {
                return u * (-2.0 * s.ln() / s).sqrt();
            }
        }
    }

    fn sample(&mut self, n: usize, population: Population) -> Sample {
        let values: Vec<f64> = (0..n).map(|_| population.draw(self)).collect();
        Sample::new(&values).unwrap()
    }

    fn normals(&mut self, n: usize, mean: f64, sd: f64) -> Sample {
        let values: Vec<f64> = (0..n).map(|_| mean + sd * self.normal()).collect();
        Sample::new(&values).unwrap()
    }

    /// Blocks whose log ratios have the given centre, spread and shape.
    fn blocks(&mut self, n: usize, ratio: f64, log_sd: f64, population: Population) -> Pairs {
        let centre = population.mean();
        let pairs: Vec<Pair> = (0..n)
            .map(|_| {
                let block = (0.2 * self.normal()).exp();
                let noise = (log_sd * (population.draw(self) - centre)).exp();
                Pair { treatment: block * ratio * noise, baseline: block }
            })
            .collect();
        Pairs::new(&pairs).unwrap()
    }
}

/// Whether an interval of the sample covers the truth; `None` where it is refused.
type Covers = Box<dyn Fn(&Sample, Population) -> Option<bool>>;

/// One row: what was promised, what was seen, with its Monte-Carlo standard error.
struct Table {
    trials: u32,
}

impl Table {
    fn row(
        &self,
        what: &str,
        promised: &str,
        divisor: u32,
        happens: impl FnMut(&mut World) -> bool,
    ) {
        let (rate, error) = self.rate(divisor, happens);
        println!("| {what} | {promised} | {:.2} ± {:.2} |", 100.0 * rate, 100.0 * error);
    }

    fn rate(&self, divisor: u32, mut happens: impl FnMut(&mut World) -> bool) -> (f64, f64) {
        let trials = (self.trials / divisor).max(100);
        let mut world = World(ChaCha8Rng::seed_from_u64(2026));
        let count: u32 = (0..trials).map(|_| u32::from(happens(&mut world))).sum();
        let rate = f64::from(count) / f64::from(trials);
        (rate, (rate * (1.0 - rate) / f64::from(trials)).sqrt())
    }

    fn head(title: &str, columns: &str) {
        let count = columns.matches('|').count() + 1;
        println!("\n**{title}**\n\n| {columns} |\n|{}", "---|".repeat(count));
    }
}

fn coverage(table: &Table) {
    Table::head(
        "Coverage of 95 % intervals, in percent",
        "interval | population | n = 3 | n = 5 | n = 10 | n = 30",
    );
    let seeded = Resampling { seed: 5, resamples: 1000 };
    let intervals: [(&str, u32, Covers); 5] = [
        (
            "t, of the mean",
            1,
            Box::new(|s, p| Some(mean_estimate(s, CONFIDENCE).ok()?.interval.contains(p.mean()))),
        ),
        (
            "BCa, of the mean",
            10,
            Box::new(move |s, p| {
                Some(bca_mean(s, seeded, CONFIDENCE).ok()?.interval.contains(p.mean()))
            }),
        ),
        (
            "studentised bootstrap, of the mean",
            10,
            Box::new(move |s, p| {
                Some(studentised_mean(s, seeded, CONFIDENCE).ok()?.interval.contains(p.mean()))
            }),
        ),
        (
            "order statistics, of the median",
            1,
            Box::new(|s, p| {
                Some(quantile_estimate(s, 0.5, CONFIDENCE).ok()?.interval.contains(p.median()))
            }),
        ),
        (
            "20 % trimmed mean (symmetric populations)",
            1,
            Box::new(|s, p| {
                let found = trimmed_mean_estimate(s, 0.2, CONFIDENCE).ok()?;
                Some(found.interval.contains(p.mean()))
            }),
        ),
    ];
    for (name, divisor, covers) in &intervals {
        for (title, population) in Population::ALL {
            // Elsewhere it estimates another thing than the mean.
            if name.contains("symmetric") && matches!(population, Population::Lognormal) {
                continue;
            }
            let mut line = format!("| {name} | {title} |");
            for n in [3, 5, 10, 30] {
                let mut refused = 0_u32;
                let (rate, error) = table.rate(*divisor, |world| {
                    let sample = world.sample(n, population);
                    covers(&sample, population).unwrap_or_else(|| {
                        refused += 1;
                        false
                    })
                });
                let cell = if refused > 0 {
                    "refused".to_owned()
                } else {
                    format!("{:.1} ± {:.1}", 100.0 * rate, 100.0 * error)
                };
                line = format!("{line} {cell} |");
            }
            println!("{line}");
        }
    }
}

fn sizes(table: &Table) {
    Table::head("Tests where nothing differs: claims at 5 %, in percent", "test | promised | seen");
    let two = |world: &mut World, p: Population| (world.sample(8, p), world.sample(10, p));
    for (title, p) in Population::ALL {
        table.row(&format!("Welch, {title}, 8 and 10"), "5", 1, |w| {
            let (a, b) = two(w, p);
            welch(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
        });
        table.row(&format!("paired t on log ratios, {title}, 10 blocks"), "5", 1, |w| {
            paired_ratio(&w.blocks(10, 1.0, 0.05, p), CONFIDENCE).unwrap().p_value <= 0.05
        });
    }
    let log = Population::Lognormal;
    table.row("Welch, normal, spread 1 against 3", "5", 1, |w| {
        let (a, b) = (w.normals(8, 0.0, 1.0), w.normals(10, 0.0, 3.0));
        welch(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
    });
    table.row("Mann-Whitney, lognormal", "at most 5", 1, |w| {
        let (a, b) = two(w, log);
        mann_whitney(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
    });
    table.row("Brunner-Munzel, normal, spread 1 against 3", "5 (approximate)", 1, |w| {
        let (a, b) = (w.normals(8, 0.0, 1.0), w.normals(10, 0.0, 3.0));
        brunner_munzel(&a, &b, CONFIDENCE).unwrap().p_value <= 0.05
    });
    table.row("Kolmogorov-Smirnov, lognormal", "at most 5", 1, |w| {
        let (a, b) = two(w, log);
        kolmogorov_smirnov(&a, &b).unwrap().p_value <= 0.05
    });
    table.row("Wilcoxon, heavy tails, 10 blocks", "at most 5", 1, |w| {
        let (a, b) = (w.sample(10, Population::HeavyTailed), w.sample(10, Population::HeavyTailed));
        signed_rank(&Pairs::of_samples(&a, &b).unwrap(), CONFIDENCE).unwrap().p_value <= 0.05
    });
    table.row("exact relabelling, lognormal, 5 and 6", "at most 5", 2, |w| {
        let (a, b) = (w.sample(5, log), w.sample(6, log));
        relabelling(&a, &b, Resampling::seeded(1)).unwrap().p_value <= 0.05
    });
    table.row("exact sign flips, heavy tails, 10 blocks", "at most 5", 2, |w| {
        let pairs = w.blocks(10, 1.0, 0.02, Population::HeavyTailed);
        let ones = Sample::new(&[0.0; 10]).unwrap();
        let pairs = Pairs::of_samples(&pairs.log_ratios().unwrap(), &ones).unwrap();
        sign_flip(&pairs, Resampling::seeded(1)).unwrap().p_value <= 0.05
    });
    table.row("Brown-Forsythe, normal, 15 and 15", "5 (conservative)", 1, |w| {
        let groups = [w.normals(15, 0.0, 1.0), w.normals(15, 4.0, 1.0)];
        brown_forsythe(&groups).unwrap().p_value <= 0.05
    });
    table.row("Mann-Kendall, 20 runs", "at most 5", 1, |w| {
        mann_kendall(&w.normals(20, 0.0, 1.0)).unwrap().p_value <= 0.05
    });
    table.row("change of the mean, 40 runs, 99 permutations", "5", 20, |w| {
        let resampling = Resampling { seed: w.0.next_u64(), resamples: 99 };
        let search = ChangeSearch { resampling, ..ChangeSearch::of_mean(1) };
        !change_points(&w.normals(40, 0.0, 1.0), &search).unwrap().is_empty()
    });
}

fn families(table: &Table) {
    let rule = |margin: f64| DecisionRule {
        confidence: CONFIDENCE,
        margin: Margin::new(margin).unwrap(),
        direction: Direction::HigherIsBetter,
    };
    let normal = Population::Normal;
    Table::head("Families, equivalence, power, selection, in percent", "what | promised | seen");
    table.row("Holm: any false claim among 18 arms, none differs", "at most 5", 10, |w| {
        let p: Vec<f64> = (0..18)
            .map(|_| paired_ratio(&w.blocks(5, 1.0, 0.03, normal), CONFIDENCE).unwrap().p_value)
            .collect();
        holm(&p).unwrap().iter().any(|p| *p <= 0.05)
    });
    table.row("verdicts: any better or worse among 18 equal arms", "at most 5", 10, |w| {
        let family: Vec<Pairs> = (0..18).map(|_| w.blocks(5, 1.0, 0.03, normal)).collect();
        let found = compare_family(&family, &rule(0.001)).unwrap();
        found.iter().any(|c| matches!(c.verdict, Verdict::Better | Verdict::Worse))
    });
    let mut share = Vec::new();
    table.rate(10, |w| {
        let p: Vec<f64> = (0..18)
            .map(|arm| {
                let ratio = if arm < 12 { 1.0 } else { 1.1 };
                paired_ratio(&w.blocks(6, ratio, 0.05, normal), CONFIDENCE).unwrap().p_value
            })
            .collect();
        let adjusted = benjamini_hochberg(&p).unwrap();
        let count =
            |p: &[f64]| f64::from(u32::try_from(p.iter().filter(|p| **p <= 0.05).count()).unwrap());
        share.push(count(&adjusted[..12]) / count(&adjusted).max(1.0));
        true
    });
    let share = mean_estimate(&Sample::new(&share).unwrap(), CONFIDENCE).unwrap();
    println!(
        "| Benjamini-Hochberg: share of false claims, 12 of 18 arms equal | at most 3.33 | {:.2} ± {:.2} |",
        100.0 * share.mean,
        100.0 * share.standard_error
    );
    for (blocks, sd) in [(5, 0.02), (10, 0.02), (30, 0.05)] {
        let title = format!("TOST: equivalence claimed at the margin of 5 %, {blocks} blocks");
        table.row(&title, "at most 5", 1, |w| {
            let pairs = w.blocks(blocks, 1.05, sd, normal);
            compare_arms(&pairs, &rule(0.05)).unwrap().verdict == Verdict::Equivalent
        });
    }
    let design = PairedDesign::new(0.03, CONFIDENCE).unwrap();
    for (blocks, ratio) in [(5, 1.05), (10, 1.03), (20, 1.02)] {
        let promised = format!("{:.2}", 100.0 * design.power(blocks, ratio).unwrap());
        let title = format!("power: {blocks} blocks, ratio {ratio}, spread 3 %");
        table.row(&title, &promised, 1, |w| {
            let pairs = w.blocks(blocks, ratio, 0.03, normal);
            paired_ratio(&pairs, CONFIDENCE).unwrap().p_value <= 0.05
        });
    }
    let margin = Margin::new(0.04).unwrap();
    let promised = format!("{:.2}", 100.0 * design.equivalence_power(8, 1.0, margin).unwrap());
    table.row("power of TOST: 8 blocks, margin 4 %, spread 3 %", &promised, 1, |w| {
        let pairs = w.blocks(8, 1.0, 0.03, normal);
        compare_arms(&pairs, &rule(0.04)).unwrap().verdict == Verdict::Equivalent
    });
    let arms = |w: &mut World| {
        let truth: Vec<f64> = (0..18).map(|_| w.normal()).collect();
        let seen: Vec<f64> = truth.iter().map(|t| t + w.normal()).collect();
        let best = (0..18).max_by(|&a, &b| seen[a].total_cmp(&seen[b])).unwrap();
        (truth, seen, best)
    };
    table.row("best of 18: its own interval covers it", "less than 95", 10, |w| {
        let (truth, seen, best) = arms(w);
        (seen[best] - truth[best]).abs() <= normal_upper_quantile(0.025)
    });
    table.row("best of 18: the shrunk interval covers it", "95", 10, |w| {
        let (truth, seen, best) = arms(w);
        let arms: Vec<ArmEstimate> =
            seen.iter().map(|&mean| ArmEstimate { mean, standard_error: 1.0 }).collect();
        shrink(&arms, CONFIDENCE).unwrap().arms[best].interval.contains(truth[best])
    });
    table.row("best of 6: the subset holds the truly best", "at least 95", 50, |w| {
        let truth: Vec<f64> = (0..6).map(|arm| if arm == 0 { 0.5 } else { 0.0 }).collect();
        let seen: Vec<f64> = truth.iter().map(|t| t + w.normal()).collect();
        let error = w.normals(21, 0.0, 1.0).sd().unwrap();
        let kept = best_subset(&seen, (error, 20.0), Direction::HigherIsBetter, CONFIDENCE);
        kept.unwrap().arms.contains(&0)
    });
}

fn peeking(table: &Table) {
    Table::head("Looking while measuring, in percent", "what | promised | seen");
    let rule = DecisionRule {
        confidence: CONFIDENCE,
        margin: Margin::new(0.0001).unwrap(),
        direction: Direction::HigherIsBetter,
    };
    // Whether a rule ever states a difference that is not there.
    let stops = |stopping: &StoppingRule, pairs: &Pairs, rule: &DecisionRule, said: &[Verdict]| {
        let mut look = stopping.next_look(0);
        while let Some(n) = look {
            let part = |sample: &Sample| Sample::new(&sample.values()[..n]).unwrap();
            let so_far =
                Pairs::of_samples(&part(pairs.treatment()), &part(pairs.baseline())).unwrap();
            let judged = stopping.judge(&so_far, rule).unwrap();
            if said.contains(&judged.verdict) {
                return true;
            }
            look = judged.next_look;
        }
        false
    };
    let differs = [Verdict::Better, Verdict::Worse];
    let looks = |spending| {
        StoppingRule::GroupSequential(
            GroupSequential::new(&[6, 12, 18, 24, 30], spending, CONFIDENCE).unwrap(),
        )
    };
    let sequence = ConfidenceSequence::tuned_for(20, CONFIDENCE).unwrap();
    let always = |n_blocks_most| StoppingRule::AlwaysValid { sequence, n_blocks_most };
    for (title, p) in Population::ALL {
        table.row(&format!("t test after every block, 2 to 100, {title}"), "none", 50, |w| {
            let logs = w.blocks(100, 1.0, 0.05, p);
            (2..=100).any(|n| {
                let part = |sample: &Sample| Sample::new(&sample.values()[..n]).unwrap();
                let pairs =
                    Pairs::of_samples(&part(logs.treatment()), &part(logs.baseline())).unwrap();
                paired_ratio(&pairs, CONFIDENCE).unwrap().p_value <= 0.05
            })
        });
        for (name, spending) in
            [("O'Brien-Fleming", Spending::OBrienFleming), ("Pocock", Spending::Pocock)]
        {
            let stopping = looks(spending);
            let title = format!("{name} looks at 6, 12, 18, 24, 30 blocks, {title}");
            table.row(&title, "5", 2, |w| {
                stops(&stopping, &w.blocks(30, 1.0, 0.05, p), &rule, &differs)
            });
        }
        let stopping = always(200);
        let title = format!("confidence sequence after every block, 2 to 200, {title}");
        table.row(&title, "at most 5", 20, |w| {
            stops(&stopping, &w.blocks(200, 1.0, 0.05, p), &rule, &differs)
        });
    }
    let margin = DecisionRule { margin: Margin::new(0.05).unwrap(), ..rule };
    for (title, stopping) in [
        ("O'Brien-Fleming looks", looks(Spending::OBrienFleming)),
        ("confidence sequence, 2 to 100", always(100)),
    ] {
        let title = format!("{title}: equivalence claimed at the margin of 5 %");
        table.row(&title, "at most 5", 10, |w| {
            let pairs = w.blocks(stopping.n_blocks_most(), 1.05, 0.05, Population::Normal);
            stops(&stopping, &pairs, &margin, &[Verdict::Equivalent])
        });
    }
    let design = PairedDesign::new(0.05, CONFIDENCE).unwrap();
    let stopping = looks(Spending::OBrienFleming);
    let StoppingRule::GroupSequential(plan) = &stopping else { unreachable!() };
    let theory = plan.operating(&design, 1.03);
    table.row(
        "O'Brien-Fleming looks: power at ratio 1.03, spread 5 %",
        &format!("{:.1} (normal theory)", 100.0 * theory.power),
        2,
        |w| stops(&stopping, &w.blocks(30, 1.03, 0.05, Population::Normal), &rule, &differs),
    );
    let stopping = always(100);
    table.row(
        "confidence sequence: power at ratio 1.03, spread 5 %, up to 100 blocks",
        "-",
        20,
        |w| stops(&stopping, &w.blocks(100, 1.03, 0.05, Population::Normal), &rule, &differs),
    );
}

/// Two studies that share no blocks, and the spread of a pilot.
fn two_studies(table: &Table) {
    Table::head("Two studies, and a pilot, in percent", "what | promised | seen");
    let rule = |margin: f64| DecisionRule {
        confidence: CONFIDENCE,
        margin: Margin::new(margin).unwrap(),
        direction: Direction::HigherIsBetter,
    };
    let runs = |w: &mut World, n: usize, ratio: f64, log_sd: f64, population: Population| {
        let logs = w.sample(n, population);
        let centre =
            if matches!(population, Population::Lognormal) { population.mean() } else { 0.0 };
        let values: Vec<f64> =
            logs.values().iter().map(|x| 100.0 * ratio * (log_sd * (x - centre)).exp()).collect();
        Sample::new(&values).unwrap()
    };
    let arms = |w: &mut World, n: (usize, usize), ratio: f64, sds: (f64, f64), population| {
        let treatment = runs(w, n.0, ratio, sds.0, population);
        IndependentArms { treatment, baseline: runs(w, n.1, 1.0, sds.1, population) }
    };
    for (title, population) in Population::ALL {
        let what = format!("interval covers a ratio of 1.05: {title} logarithms, 5 and 5 runs");
        table.row(&what, "95", 1, |w| {
            let arms = arms(w, (5, 5), 1.05, (0.02, 0.02), population);
            let found = independent_ratio(&arms.treatment, &arms.baseline, CONFIDENCE).unwrap();
            found.interval.contains(1.05)
        });
    }
    let normal = Population::Normal;
    table.row(
        "interval covers a ratio of 1.05: spreads 1 % and 4 %, 4 and 10 runs",
        "95",
        1,
        |w| {
            let arms = arms(w, (4, 10), 1.05, (0.01, 0.04), normal);
            let found = independent_ratio(&arms.treatment, &arms.baseline, CONFIDENCE).unwrap();
            found.interval.contains(1.05)
        },
    );
    table.row("verdicts: any better or worse among 7 equal configurations", "at most 5", 5, |w| {
        let family: Vec<IndependentArms> =
            (0..7).map(|_| arms(w, (5, 5), 1.0, (0.03, 0.03), normal)).collect();
        let found = compare_independent(&family, &rule(0.02)).unwrap();
        found.iter().any(|each| matches!(each.verdict, Verdict::Better | Verdict::Worse))
    });
    table.row("equivalence claimed at the margin of 5 %, 5 and 5 runs", "at most 5", 1, |w| {
        let family = [arms(w, (5, 5), 1.05, (0.02, 0.02), normal)];
        compare_independent(&family, &rule(0.05)).unwrap()[0].verdict == Verdict::Equivalent
    });
    let design = IndependentDesign::new(0.03, 0.02, CONFIDENCE).unwrap();
    for (n, ratio) in [(5, 1.05), (10, 1.03)] {
        let promised = format!("{:.2} (approximation)", 100.0 * design.power(n, ratio).unwrap());
        let what = format!("power: {n} and {n} runs, ratio {ratio}, spreads 3 % and 2 %");
        table.row(&what, &promised, 1, |w| {
            let family = [arms(w, (n, n), ratio, (0.03, 0.02), normal)];
            compare_independent(&family, &rule(0.001)).unwrap()[0].ratio.p_value <= 0.05
        });
    }
    let level = Confidence::new(0.8).unwrap();
    table.row("the 80 % upper limit of the spread of 5 log ratios covers it", "80", 1, |w| {
        let logs = w.sample(5, normal);
        sd_upper_limit(logs.sd().unwrap(), 5, level).unwrap() >= 1.0
    });
}

fn main() {
    let trials = std::env::args().nth(1).map_or(20_000, |text| text.parse().unwrap());
    let table = Table { trials };
    coverage(&table);
    sizes(&table);
    families(&table);
    peeking(&table);
    two_studies(&table);
}
