//! The best of many: what selection did to it, and how to make sure.
//!
//! Owns: shrinkage of many estimates toward their mean, the set of arms that may
//! be the best, and the size of the experiment that re-measures them with the
//! baseline in fresh blocks.
//!
//! Does not: choose a winner for anyone. The largest of many estimates is too
//! large on average, and no method undoes that without a supposition; only fresh
//! blocks do.

use crate::distribution::{
    mean_over_scale, normal_upper_quantile, normal_upper_tail, solve_decreasing,
};
use crate::dunnett::falling_root;
use crate::sample::{compensated_sum, power_of_two_scale};
use crate::{
    BlockAnalysis, Confidence, ConfidenceError, Direction, Interval, Margin, PairedDesign,
    PowerError,
};

/// The estimate of one arm. Arms have independent errors: pass arm means (of
/// logarithms, for ratios) with blocks taken out, not ratios to a shared baseline.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmEstimate {
    /// The arm's mean, in one unit for all arms.
    pub mean: f64,
    /// Its standard error, above 0.
    pub standard_error: f64,
}

/// Why nothing can be said about the best of these arms.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum SelectionError {
    /// The method needs more arms.
    #[error(
        "{method} needs at least {needed} arms, there are {n}; report the estimates as they are"
    )]
    TooFewArms {
        /// The method.
        method: &'static str,
        /// The fewest arms that it takes.
        needed: usize,
        /// How many there are.
        n: usize,
    },
    /// A mean or a standard error is unusable.
    #[error(
        "arm {arm} has mean {mean} and standard error {standard_error}; give finite numbers up to \
         1e300, the error above 0"
    )]
    Arm {
        /// The arm's position, from 0.
        arm: usize,
        /// Its mean.
        mean: f64,
        /// Its standard error.
        standard_error: f64,
    },
    /// The degrees of freedom are unusable.
    #[error("{df} degrees of freedom for the arms' common error; at least 1 are needed")]
    DegreesOfFreedom {
        /// What was given.
        df: f64,
    },
}

/// One arm after shrinkage.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShrunkArm {
    /// The mean as it was given.
    pub observed: f64,
    /// The mean drawn toward the grand mean.
    pub shrunk: f64,
    /// How far it was drawn, 0 to 1: 0 not at all, 1 all the way.
    pub weight: f64,
    /// The interval of the arm's true mean around `shrunk`.
    pub interval: Interval,
}

/// Many arms, each drawn toward the mean of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Shrinkage {
    /// The weighted mean of all arms.
    pub grand_mean: f64,
    /// The estimated standard deviation of the true means; 0 when the arms differ
    /// no more than their errors explain.
    pub sd_between: f64,
    /// One entry per arm, in order.
    pub arms: Vec<ShrunkArm>,
}

/// Draws the estimates of many arms toward their mean (empirical Bayes).
///
/// Supposes that the arms' true means scatter normally about one mean: sensible
/// for the cells of a grid of settings, not for one arm that is known to be
/// another kind of thing. With equal standard errors the weight is that of the
/// positive-part James-Stein estimator about the grand mean, except that it stops
/// at `(k - 3) / (k - 1)`.
///
/// # Errors
///
/// [`SelectionError::TooFewArms`] below 4 arms, [`SelectionError::Arm`] for an
/// unusable one.
///
/// # Source
///
/// Morris (1983), *Parametric Empirical Bayes Inference*, JASA 78, 47-55, section
/// 5: the variance between arms `A` solves `sum (x - mu)^2 / (V + A) = k - 1`, the
/// weight is `(k - 3) / (k - 1) * V / (V + A)`, the interval counts the errors of
/// both. James and Stein (1961); Efron and Morris (1975), JASA 70, 311-319.
pub fn shrink(arms: &[ArmEstimate], confidence: Confidence) -> Result<Shrinkage, SelectionError> {
    let method = "shrinkage toward the mean of all arms";
    check_arms(arms, method, 4)?;
    let k = arms.len() as f64;
    let most = arms.iter().fold(0.0_f64, |m, arm| m.max(arm.mean.abs()).max(arm.standard_error));
    let scale = power_of_two_scale(most);
    let means: Vec<f64> = arms.iter().map(|arm| arm.mean * scale).collect();
    // Errors below 1e-145 of the largest number are as good as none.
    let variances: Vec<f64> =
        arms.iter().map(|arm| (arm.standard_error * scale).powi(2).max(1e-290)).collect();
    let centre = |between: f64| {
        let weights: Vec<f64> = variances.iter().map(|v| 1.0 / (v + between)).collect();
        let total = compensated_sum(weights.iter().copied());
        let mean = compensated_sum(weights.iter().zip(&means).map(|(w, x)| w * x)) / total;
        (weights, total, mean)
    };
    let excess = |between: f64| {
        let (weights, _, mean) = centre(between);
        let gaps = weights.iter().zip(&means).map(|(w, x)| w * (x - mean).powi(2));
        let slope = weights.iter().zip(&means).map(|(w, x)| (w * (x - mean)).powi(2));
        (compensated_sum(gaps) - (k - 1.0), compensated_sum(slope))
    };
    let between = if excess(0.0).0 <= 0.0 {
        0.0
    } else {
        let plain = means.iter().sum::<f64>() / k;
        let high = means.iter().map(|x| (x - plain).powi(2)).sum::<f64>();
        solve_decreasing((0.0, high), high / (k - 1.0), excess)
    };
    let (weights, total, mean) = centre(between);
    let typical = weights.iter().zip(&variances).map(|(w, v)| w * v).sum::<f64>() / total;
    let critical = normal_upper_quantile(confidence.alpha() / 2.0);
    let shrunk = arms.iter().enumerate().map(|(index, arm)| {
        let (gap, variance) = (means[index] - mean, variances[index]);
        let weight = (k - 3.0) / (k - 1.0) * variance * weights[index];
        let estimate = mean + (1.0 - weight) * gap;
        let unsure = 2.0 / (k - 3.0) * weight * weight * (typical + between) * weights[index];
        let spread =
            variance * (1.0 - (1.0 - weights[index] / total) * weight) + unsure * gap * gap;
        let half_width = critical * spread.sqrt() / scale;
        let shrunk = estimate / scale;
        let interval = Interval::around(shrunk, half_width, confidence.level());
        ShrunkArm { observed: arm.mean, shrunk, weight, interval }
    });
    Ok(Shrinkage {
        grand_mean: mean / scale,
        sd_between: between.sqrt() / scale,
        arms: shrunk.collect(),
    })
}

/// Returns by how many standard errors the best of `n_arms` equal arms is
/// expected to look better than it is; 0 for one arm.
///
/// # Source
///
/// The mean of the largest of `n` standard normals: Harter (1961), *Expected
/// Values of Normal Order Statistics*, Biometrika 48, 151-165.
pub fn luck_of_the_best(n_arms: usize) -> f64 {
    if n_arms < 2 {
        return 0.0;
    }
    let n = n_arms as f64;
    // By parts: the area above the law on the right less that below it on the left.
    let law = |z: f64| (n * (-normal_upper_tail(z)).ln_1p()).exp();
    let step = 1.0 / 64.0;
    let area = (0..=64 * 40).map(|index| {
        let z = f64::from(index) * step;
        let ends = if index == 0 { 0.5 } else { 1.0 };
        ends * (-(n * (-normal_upper_tail(z)).ln_1p()).exp_m1() - law(-z))
    });
    // The rule's error at the joint 0 cancels: both branches meet with one slope.
    area.sum::<f64>() * step
}

/// The arms among which the truly best one is.
#[derive(Debug, Clone, PartialEq)]
pub struct BestSubset {
    /// The best-looking arm's position, from 0.
    pub winner: usize,
    /// Arms that may be the best, ascending; the winner is one of them.
    pub arms: Vec<usize>,
    /// How far behind the winner a kept arm may lie, in standard errors of a mean.
    pub critical: f64,
    /// The probability that the truly best arm is kept, at least.
    pub confidence: f64,
}

/// Returns the arms that may be the best, so that the best one is among them with
/// at least the given confidence.
///
/// All arms have the same standard error, with `df` degrees of freedom.
///
/// # Errors
///
/// [`SelectionError::TooFewArms`] below 2, [`SelectionError::Arm`] for an unusable
/// mean or error, [`SelectionError::DegreesOfFreedom`] below 1.
///
/// # Source
///
/// Gupta (1965), *On Some Multiple Decision (Selection and Ranking) Rules*,
/// Technometrics 7, 225-245: keep an arm within `h` standard errors of the best,
/// where the largest of `k - 1` studentised differences stays below `h` with the
/// given probability.
pub fn best_subset(
    means: &[f64],
    (standard_error, df): (f64, f64),
    direction: Direction,
    confidence: Confidence,
) -> Result<BestSubset, SelectionError> {
    let arms: Vec<ArmEstimate> =
        means.iter().map(|&mean| ArmEstimate { mean, standard_error }).collect();
    check_arms(&arms, "the choice of a best arm", 2)?;
    if !(df >= 1.0 && df.is_finite()) {
        return Err(SelectionError::DegreesOfFreedom { df });
    }
    let sign = match direction {
        Direction::HigherIsBetter => 1.0,
        Direction::LowerIsBetter => -1.0,
    };
    let mut winner = 0;
    for (arm, mean) in means.iter().enumerate() {
        if sign * mean > sign * means[winner] {
            winner = arm;
        }
    }
    let critical = gupta_critical(means.len(), df, confidence);
    let behind = |mean: f64| (sign * (means[winner] - mean)) / standard_error;
    let kept = means.iter().enumerate().filter(|(_, mean)| behind(**mean) <= critical);
    let arms = kept.map(|(arm, _)| arm).collect();
    Ok(BestSubset { winner, arms, critical, confidence: confidence.level() })
}

impl BlockAnalysis {
    /// Returns the levels that may be the best of a block design, by
    /// [`best_subset`] with the residual standard deviation; positions are those
    /// of [`BlockAnalysis::levels`].
    ///
    /// # Errors
    ///
    /// As [`best_subset`]: [`SelectionError::Arm`] if the residual is 0.
    pub fn best_levels(
        &self,
        direction: Direction,
        confidence: Confidence,
    ) -> Result<BestSubset, SelectionError> {
        let means: Vec<f64> = self.levels.iter().map(|level| level.estimate.mean).collect();
        let error = (self.residual_sd / (self.n_blocks as f64).sqrt(), self.factor.df_residual);
        best_subset(&means, error, direction, confidence)
    }

    /// Draws the levels' means of a block design toward each other, by [`shrink`].
    ///
    /// # Errors
    ///
    /// As [`shrink`]: [`SelectionError::Arm`] if the residual is 0.
    pub fn shrink_levels(&self, confidence: Confidence) -> Result<Shrinkage, SelectionError> {
        let standard_error = self.residual_sd / (self.n_blocks as f64).sqrt();
        let levels = self.levels.iter();
        let arms: Vec<ArmEstimate> =
            levels.map(|level| ArmEstimate { mean: level.estimate.mean, standard_error }).collect();
        shrink(&arms, confidence)
    }
}

/// `h` with `P(Z_j - Z_best <= h s for all j) = confidence`.
fn gupta_critical(n_arms: usize, df: f64, confidence: Confidence) -> f64 {
    let others = (n_arms - 1) as f64;
    let missed = |h: f64| {
        mean_over_scale(df, h, |s| {
            let (mut sum, mut weights) = (0.0, 0.0);
            for index in -34_i32..=34 {
                let z = f64::from(index) / 4.0;
                let weight = (-0.5 * z * z).exp();
                let ln_kept = others * (-normal_upper_tail(z + h * s)).ln_1p();
                sum += weight * -ln_kept.exp_m1();
                weights += weight;
            }
            sum / weights
        })
    };
    falling_root(|h| missed(h) - confidence.alpha())
}

/// An experiment that re-measures the top arms and the baseline in fresh blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ConfirmationPlan {
    /// How many arms are re-measured, the baseline not counted.
    pub n_arms: usize,
    /// How many fresh blocks.
    pub n_blocks: usize,
    /// How many runs in all: each arm and the baseline once per block.
    pub n_runs: usize,
    /// The error rate that each arm is tested with, so that all of them together
    /// have the plan's.
    pub alpha_each: f64,
    /// The power of each test at the margin: at least what was asked for.
    pub power: f64,
}

/// Returns how many fresh blocks confirm that one of the top arms differs from the
/// baseline by the margin.
///
/// `log_sd` is the spread of log ratios between blocks, from the first
/// experiment. Its data may choose the arms and size this experiment; they may
/// not be pooled with its result, which then needs no shrinkage for the choice.
///
/// # Errors
///
/// [`PowerError`] as [`PairedDesign::new`] and [`PairedDesign::blocks_for`];
/// [`PowerError::Arms`] unless 1 to 1,000 arms are re-measured.
///
/// # Source
///
/// Bonferroni over the arms re-measured, with the power of [`PairedDesign`]; Holm's
/// steps, used at the analysis, need no more blocks.
pub fn confirmation_plan(
    n_arms: usize,
    log_sd: f64,
    margin: Margin,
    power: f64,
    confidence: Confidence,
) -> Result<ConfirmationPlan, PowerError> {
    if !(1..=1000).contains(&n_arms) {
        return Err(PowerError::Arms { n_arms });
    }
    let alpha_each = confidence.alpha() / n_arms as f64;
    let each = match Confidence::new(1.0 - alpha_each) {
        Ok(each) => each,
        Err(ConfidenceError::OutOfRange { .. }) => return Err(PowerError::Arms { n_arms }),
    };
    let design = PairedDesign::new(log_sd, each)?;
    let n_blocks = design.blocks_for(margin.ratio_high(), power)?;
    let reached = design.power(n_blocks, margin.ratio_high())?;
    let n_runs = n_blocks * (n_arms + 1);
    Ok(ConfirmationPlan { n_arms, n_blocks, n_runs, alpha_each, power: reached })
}

fn check_arms(
    arms: &[ArmEstimate],
    method: &'static str,
    needed: usize,
) -> Result<(), SelectionError> {
    if arms.len() < needed {
        return Err(SelectionError::TooFewArms { method, needed, n: arms.len() });
    }
    for (arm, &ArmEstimate { mean, standard_error }) in arms.iter().enumerate() {
        let usable = mean.abs() <= crate::MAGNITUDE_MAX
            && standard_error > 0.0
            && standard_error <= crate::MAGNITUDE_MAX;
        if !usable {
            return Err(SelectionError::Arm { arm, mean, standard_error });
        }
    }
    Ok(())
}
