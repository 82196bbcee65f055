//! What factors do: analysis of variance on run means in complete blocks.
//!
//! Owns: main effects, two-way interactions and level means of a balanced design,
//! with blocks taken out and the block-by-treatment residual as error.
//!
//! Does not: patch unbalanced data. A missing run is an error that names it; drop
//! its block or repeat it.

mod design;
mod one_way;

pub(crate) use one_way::one_way_f;

pub use design::{BlockDesign, Cell, DesignError, Factorial, FactorialRun};

use crate::distribution::{f_upper_tail, noncentral_f_interval};
use crate::mean::mean_estimate;
use crate::sample::{compensated_sum, power_of_two_scale};
use crate::{Confidence, Interval, MeanEstimate, Pairs, Sample};

/// One line of an analysis of variance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Effect {
    /// Degrees of freedom of the effect.
    pub df: f64,
    /// Degrees of freedom of the residual that it is tested against.
    pub df_residual: f64,
    /// Eta squared: the effect's share of all variation, blocks included. `None`
    /// when all values are equal.
    pub eta_squared: Option<f64>,
    /// Partial eta squared: its share of effect plus residual. `None` when both
    /// are 0. Larger than eta squared by construction; say which one is printed.
    pub partial_eta_squared: Option<f64>,
    /// The interval of the population's partial eta squared, for fixed levels:
    /// noncentralities `l` for which the observed F is at either tail, as
    /// `l / (l + df + df_residual + 1)`. The estimate is biased upwards and may lie
    /// above it. `None` without an F or with one beyond 10,000.
    pub partial_eta_squared_interval: Option<Interval>,
    /// The F statistic; `None` when the residual is 0 up to rounding.
    pub f: Option<f64>,
    /// The p-value of "no effect", not adjusted for the other effects. When `f`
    /// is `None`: 1 if the effect is 0 as well, else 0.
    pub p_value: f64,
}

/// The mean of one level of a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelMean {
    /// The level's number, as given.
    pub level: usize,
    /// Its mean over blocks (after averaging the level's runs within each block)
    /// with the t interval of `n_blocks - 1` degrees of freedom. The interval
    /// includes what blocks have in common: judge differences by the F test or
    /// by paired ratios, not by the overlap of these intervals.
    pub estimate: MeanEstimate,
}

/// Two levels of a factor, paired by block.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelPair {
    /// The judged level's number.
    pub level: usize,
    /// The number of the level that it is judged against, smaller.
    pub reference: usize,
    /// Their means in each block: `level` as treatment, `reference` as baseline.
    pub pairs: Pairs,
}

/// A factor after blocks, in a one-factor design.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockAnalysis {
    /// How many blocks.
    pub n_blocks: usize,
    /// The mean of all values, in their unit.
    pub grand_mean: f64,
    /// One entry per level, ascending by number.
    pub levels: Vec<LevelMean>,
    /// The factor.
    pub factor: Effect,
    /// The blocks.
    pub blocks: Effect,
    /// The residual standard deviation, in the values' unit.
    pub residual_sd: f64,
}

/// One factor of a factorial.
#[derive(Debug, Clone, PartialEq)]
pub struct MainEffect {
    /// The factor's position in [`FactorialRun::levels`].
    pub factor: usize,
    /// One entry per level, ascending by number.
    pub levels: Vec<LevelMean>,
    /// Its line in the table.
    pub effect: Effect,
}

/// Two factors that may depend on each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interaction {
    /// Their positions in [`FactorialRun::levels`], ascending.
    pub factors: (usize, usize),
    /// Their line in the table.
    pub effect: Effect,
}

/// A full factorial in blocks, analysed.
#[derive(Debug, Clone, PartialEq)]
pub struct FactorialAnalysis {
    /// How many blocks.
    pub n_blocks: usize,
    /// The mean of all values, in their unit.
    pub grand_mean: f64,
    /// One entry per factor, in order.
    pub main: Vec<MainEffect>,
    /// One entry per pair of factors, in order.
    pub two_way: Vec<Interaction>,
    /// All interactions of three and more factors together; `None` with fewer
    /// than three factors.
    pub higher_order: Option<Effect>,
    /// The blocks.
    pub blocks: Effect,
    /// The residual standard deviation, in the values' unit.
    pub residual_sd: f64,
}

impl BlockDesign {
    /// Analyses the factor after blocks.
    ///
    /// Values are run means in one unit, one per block and level.
    ///
    /// # Source
    ///
    /// Montgomery, *Design and Analysis of Experiments*, randomised complete block
    /// design: the F test of the factor against the block-by-level residual. Eta
    /// squared and partial eta squared: Cohen (1973), Educational and
    /// Psychological Measurement 33, 107-112; the interval: Smithson (2001),
    /// Educational and Psychological Measurement 61, 605-632.
    pub fn analyse(&self, confidence: Confidence) -> BlockAnalysis {
        let mut analysis = self.factorial().analyse(confidence);
        let factor = analysis.main.remove(0);
        BlockAnalysis {
            n_blocks: analysis.n_blocks,
            grand_mean: analysis.grand_mean,
            levels: factor.levels,
            factor: factor.effect,
            blocks: analysis.blocks,
            residual_sd: analysis.residual_sd,
        }
    }
}

impl BlockDesign {
    /// Returns every two levels, paired by block; see [`Factorial::level_pairs`].
    pub fn level_pairs(&self) -> Vec<LevelPair> {
        self.factorial().level_pairs(0)
    }
}

impl Factorial {
    /// Analyses main effects and two-way interactions after blocks.
    ///
    /// Values are run means in one unit, one per block and combination of levels.
    /// Every effect is tested against the block-by-combination residual.
    ///
    /// # Source
    ///
    /// Montgomery, *Design and Analysis of Experiments*, blocking in a factorial
    /// design; equal to the sequential sums of squares of
    /// `value ~ block + A * B * ...`, in any order, since the data are balanced.
    pub fn analyse(&self, confidence: Confidence) -> FactorialAnalysis {
        let table = Centred::of(self, confidence);
        let n_factors = self.n_levels().len();
        let main = (0..n_factors)
            .map(|factor| MainEffect {
                factor,
                levels: self.level_means(factor, confidence),
                effect: table.effect(table.main(factor), self.n_levels()[factor] - 1),
            })
            .collect();
        let mut two_way = Vec::new();
        let mut explained = table.mains_total(n_factors);
        for first in 0..n_factors {
            for second in first + 1..n_factors {
                let squares = table.interaction(first, second);
                let df = (self.n_levels()[first] - 1) * (self.n_levels()[second] - 1);
                explained.add(squares, df);
                let effect = table.effect(squares, df);
                two_way.push(Interaction { factors: (first, second), effect });
            }
        }
        let higher_order = (n_factors > 2).then(|| {
            let squares = (table.treatment - explained.squares).max(0.0);
            table.effect(squares, self.n_combinations() - 1 - explained.df)
        });
        FactorialAnalysis {
            n_blocks: self.n_blocks(),
            grand_mean: table.grand_mean,
            main,
            two_way,
            higher_order,
            blocks: table.effect(table.blocks, self.n_blocks() - 1),
            residual_sd: table.residual_sd(),
        }
    }

    /// Returns every two levels of a factor, paired by block, for
    /// [`crate::compare_family`]: a factor has no effect that matters when all of
    /// them are equivalent. "Not significant" in [`Factorial::analyse`] does not
    /// say that.
    ///
    /// Within a block, a level's value is the mean of its runs over the levels of
    /// the other factors. `factor` is a position in [`FactorialRun::levels`]; there
    /// are no pairs for a position beyond the last.
    pub fn level_pairs(&self, factor: usize) -> Vec<LevelPair> {
        if factor >= self.n_levels().len() {
            return Vec::new();
        }
        let labels = self.labels(factor);
        let means: Vec<Sample> =
            (0..labels.len()).map(|index| self.block_means(factor, index)).collect();
        let mut found = Vec::new();
        for reference in 0..labels.len() {
            for level in reference + 1..labels.len() {
                found.push(LevelPair {
                    level: labels[level],
                    reference: labels[reference],
                    pairs: Pairs::of_samples(&means[level], &means[reference])
                        .expect("a design has the same blocks for every level"),
                });
            }
        }
        found
    }

    /// The mean of one level of a factor in each block.
    fn block_means(&self, factor: usize, index: usize) -> Sample {
        let per_block = (0..self.n_blocks()).map(|block| {
            let chosen = (0..self.n_combinations())
                .filter(|&combination| self.level_of(combination, factor) == index);
            Sample::from_finite(chosen.map(|c| self.value(block, c)).collect()).mean()
        });
        Sample::from_finite(per_block.collect())
    }

    fn level_means(&self, factor: usize, confidence: Confidence) -> Vec<LevelMean> {
        let levels = self.labels(factor).iter().enumerate().map(|(index, &level)| {
            let estimate = mean_estimate(&self.block_means(factor, index), confidence)
                .expect("a design has at least two blocks");
            LevelMean { level, estimate }
        });
        levels.collect()
    }
}

/// Squares and degrees of freedom that some effects explain together.
struct Explained {
    squares: f64,
    df: usize,
}

impl Explained {
    fn add(&mut self, squares: f64, df: usize) {
        self.squares += squares;
        self.df += df;
    }
}

/// The values less their mean, scaled to about 1, with their sums of squares.
struct Centred<'a> {
    design: &'a Factorial,
    confidence: Confidence,
    grand_mean: f64,
    scale: f64,
    /// Centred values, one row per block.
    values: Vec<Vec<f64>>,
    blocks: f64,
    treatment: f64,
    residual: f64,
    total: f64,
    df_residual: usize,
    /// Sums of squares up to this are rounding of the input.
    noise: f64,
}

impl<'a> Centred<'a> {
    fn of(design: &'a Factorial, confidence: Confidence) -> Self {
        let (n_blocks, n_combinations) = (design.n_blocks(), design.n_combinations());
        let all = design.sample();
        let largest = all.min().abs().max(all.max().abs());
        let scale = power_of_two_scale(largest);
        let centre = all.mean() * scale;
        let values: Vec<Vec<f64>> = (0..n_blocks)
            .map(|b| (0..n_combinations).map(|c| design.value(b, c) * scale - centre).collect())
            .collect();
        let block_means: Vec<f64> = values.iter().map(|row| mean(row.iter().copied())).collect();
        let combination_means: Vec<f64> =
            (0..n_combinations).map(|c| mean(values.iter().map(|row| row[c]))).collect();
        let residuals = values.iter().zip(&block_means).flat_map(|(row, block_mean)| {
            row.iter().zip(&combination_means).map(move |(x, m)| (x - m - block_mean).powi(2))
        });
        let residual = compensated_sum(residuals);
        let rounding = 4.0 * f64::EPSILON * largest * scale;
        Self {
            design,
            confidence,
            grand_mean: all.mean(),
            scale,
            blocks: n_combinations as f64 * sum_of_squares(block_means),
            treatment: n_blocks as f64 * sum_of_squares(combination_means),
            residual,
            total: compensated_sum(values.iter().flatten().map(|x| x * x)),
            df_residual: (n_blocks - 1) * (n_combinations - 1),
            noise: (n_blocks * n_combinations) as f64 * rounding * rounding,
            values,
        }
    }

    /// The means of the cells that share the levels which `cell` tells apart.
    fn marginal(&self, n_cells: usize, cell: impl Fn(usize) -> usize) -> Vec<f64> {
        let mut members = vec![Vec::new(); n_cells];
        for row in &self.values {
            for (combination, &value) in row.iter().enumerate() {
                members[cell(combination)].push(value);
            }
        }
        members.into_iter().map(|values| mean(values.into_iter())).collect()
    }

    fn main_means(&self, factor: usize) -> Vec<f64> {
        self.marginal(self.design.n_levels()[factor], |c| self.design.level_of(c, factor))
    }

    fn main(&self, factor: usize) -> f64 {
        let runs_per_level = self.n() / self.design.n_levels()[factor] as f64;
        runs_per_level * sum_of_squares(self.main_means(factor))
    }

    fn mains_total(&self, n_factors: usize) -> Explained {
        let mut explained = Explained { squares: 0.0, df: 0 };
        for factor in 0..n_factors {
            explained.add(self.main(factor), self.design.n_levels()[factor] - 1);
        }
        explained
    }

    fn interaction(&self, first: usize, second: usize) -> f64 {
        let (n_first, n_second) = (self.design.n_levels()[first], self.design.n_levels()[second]);
        let cells = self.marginal(n_first * n_second, |c| {
            self.design.level_of(c, first) * n_second + self.design.level_of(c, second)
        });
        let (rows, columns) = (self.main_means(first), self.main_means(second));
        let departures = cells
            .iter()
            .enumerate()
            .map(|(cell, mean)| mean - rows[cell / n_second] - columns[cell % n_second]);
        self.n() / (n_first * n_second) as f64 * sum_of_squares(departures)
    }

    fn n(&self) -> f64 {
        (self.design.n_blocks() * self.design.n_combinations()) as f64
    }

    fn residual_sd(&self) -> f64 {
        (self.residual / self.df_residual as f64).sqrt() / self.scale
    }

    fn effect(&self, squares: f64, df: usize) -> Effect {
        let above_noise = |squares: f64| if squares > self.noise { squares } else { 0.0 };
        let (squares, residual) = (above_noise(squares), above_noise(self.residual));
        let total = above_noise(self.total);
        let (df, df_residual) = (df as f64, self.df_residual as f64);
        let (f, p_value) = if residual > 0.0 {
            let f = (squares / df) / (residual / df_residual);
            (Some(f), f_upper_tail(f, df, df_residual))
        } else {
            (None, if squares > 0.0 { 0.0 } else { 1.0 })
        };
        let interval = f.filter(|f| *f <= 1e4).map(|f| {
            let ends = noncentral_f_interval(f, (df, df_residual), self.confidence.alpha());
            let share = |lambda: f64| lambda / (lambda + df + df_residual + 1.0);
            Interval {
                low: share(ends.0),
                high: share(ends.1),
                confidence: self.confidence.level(),
            }
        });
        Effect {
            df,
            df_residual,
            eta_squared: (total > 0.0).then(|| (squares / total).min(1.0)),
            partial_eta_squared: (squares + residual > 0.0).then(|| squares / (squares + residual)),
            partial_eta_squared_interval: interval,
            f,
            p_value,
        }
    }
}

fn sum_of_squares(values: impl IntoIterator<Item = f64>) -> f64 {
    compensated_sum(values.into_iter().map(|x| x * x))
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    compensated_sum(values) / n
}
