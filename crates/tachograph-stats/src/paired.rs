//! Two arms compared inside the same blocks.
//!
//! Owns: pairs, the ratio to the baseline on logarithms, and the paired t test.
//! What a block does to both arms alike (a warm machine, a busy hour) cancels.

use crate::distribution::{t_critical, t_two_sided};
use crate::{Confidence, Interval, Sample, SampleError};

/// The two values of one block, in the same unit: usually run means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair {
    /// The arm that is judged.
    pub treatment: f64,
    /// The arm that it is judged against.
    pub baseline: f64,
}

/// Finite pairs, one per block, at least one.
#[derive(Debug, Clone, PartialEq)]
pub struct Pairs {
    treatment: Sample,
    baseline: Sample,
}

/// Why pairs cannot be made or compared.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum PairsError {
    /// A value of the judged arm is unusable.
    #[error("the treatment arm is not a sample")]
    Treatment {
        /// What is wrong with it.
        source: SampleError,
    },
    /// A value of the baseline arm is unusable.
    #[error("the baseline arm is not a sample")]
    Baseline {
        /// What is wrong with it.
        source: SampleError,
    },
    /// The arms do not have one value each per block.
    #[error("{treatment} treatment values against {baseline} baseline values; pair by block")]
    Unequal {
        /// Values of the judged arm.
        treatment: usize,
        /// Values of the baseline arm.
        baseline: usize,
    },
    /// A ratio needs values above 0.
    #[error(
        "block {block} has {treatment} against {baseline}; a ratio needs values above 0, compare \
         differences instead"
    )]
    NotPositive {
        /// Its position, from 0.
        block: usize,
        /// The judged arm's value.
        treatment: f64,
        /// The baseline's value.
        baseline: f64,
    },
    /// Spread over blocks needs two blocks.
    #[error("a paired comparison needs at least 2 blocks, there are {n_blocks}; run more blocks")]
    TooFewBlocks {
        /// How many there are.
        n_blocks: usize,
    },
    /// The interval of the ratio leaves the range of numbers.
    #[error("the ratios of {n_blocks} blocks differ too wildly for an interval; run more blocks")]
    OutOfRange {
        /// How many blocks there are.
        n_blocks: usize,
    },
}

impl Pairs {
    /// Makes pairs, one per block, in block order.
    ///
    /// # Errors
    ///
    /// [`PairsError::Treatment`] or [`PairsError::Baseline`] if an arm has no
    /// values or one that no [`Sample`] takes.
    pub fn new(pairs: &[Pair]) -> Result<Self, PairsError> {
        let treatment: Vec<f64> = pairs.iter().map(|pair| pair.treatment).collect();
        let baseline: Vec<f64> = pairs.iter().map(|pair| pair.baseline).collect();
        Ok(Self {
            treatment: Sample::new(&treatment)
                .map_err(|source| PairsError::Treatment { source })?,
            baseline: Sample::new(&baseline).map_err(|source| PairsError::Baseline { source })?,
        })
    }

    /// Pairs two samples by position.
    ///
    /// # Errors
    ///
    /// [`PairsError::Unequal`] if their sizes differ.
    pub fn of_samples(treatment: &Sample, baseline: &Sample) -> Result<Self, PairsError> {
        if treatment.n() != baseline.n() {
            return Err(PairsError::Unequal { treatment: treatment.n(), baseline: baseline.n() });
        }
        Ok(Self { treatment: treatment.clone(), baseline: baseline.clone() })
    }

    /// Returns how many blocks there are, at least 1.
    pub fn n_blocks(&self) -> usize {
        self.treatment.n()
    }

    /// Returns the judged arm, in block order.
    pub fn treatment(&self) -> &Sample {
        &self.treatment
    }

    /// Returns the baseline arm, in block order.
    pub fn baseline(&self) -> &Sample {
        &self.baseline
    }

    /// Returns treatment minus baseline of each block, in the values' unit.
    pub fn differences(&self) -> Sample {
        let differences: Vec<f64> = self.iter().map(|(t, b)| t - b).collect();
        Sample::from_finite(differences)
    }

    /// Returns the natural logarithm of treatment over baseline of each block.
    ///
    /// # Errors
    ///
    /// [`PairsError::NotPositive`] for the first block with a value of 0 or less.
    pub fn log_ratios(&self) -> Result<Sample, PairsError> {
        let mut logs = Vec::with_capacity(self.n_blocks());
        for (block, (treatment, baseline)) in self.iter().enumerate() {
            if treatment <= 0.0 || baseline <= 0.0 {
                return Err(PairsError::NotPositive { block, treatment, baseline });
            }
            logs.push(log_ratio(treatment, baseline));
        }
        Ok(Sample::from_finite(logs))
    }

    fn iter(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.treatment.values().iter().copied().zip(self.baseline.values().iter().copied())
    }
}

/// `ln(a / b)` of positive values, accurate near 1 and free of overflow.
fn log_ratio(a: f64, b: f64) -> f64 {
    let quotient = a / b;
    if (0.5..=2.0).contains(&quotient) {
        // a - b is exact here (Sterbenz), so equal values give exactly 0.
        ((a - b) / b).ln_1p()
    } else if quotient.is_normal() {
        quotient.ln()
    } else {
        a.ln() - b.ln()
    }
}

/// The outcome of a one-sample t test against 0.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ZeroTest {
    pub(crate) mean: f64,
    pub(crate) sd: f64,
    pub(crate) standard_error: f64,
    pub(crate) df: f64,
    pub(crate) t: Option<f64>,
    pub(crate) p_value: f64,
}

/// Tests the mean of a sample against 0; `None` below 2 values.
pub(crate) fn test_against_zero(sample: &Sample) -> Option<ZeroTest> {
    let (sd, standard_error) = (sample.sd()?, sample.standard_error()?);
    let (mean, df) = (sample.mean(), (sample.n() - 1) as f64);
    let (t, p_value) = if standard_error > 0.0 {
        let t = mean / standard_error;
        (Some(t), t_two_sided(t, df))
    } else if mean == 0.0 {
        (None, 1.0)
    } else {
        (None, 0.0)
    };
    Some(ZeroTest { mean, sd, standard_error, df, t, p_value })
}

/// The ratio of treatment to baseline, over blocks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedRatio {
    /// How many blocks.
    pub n_blocks: usize,
    /// The geometric mean of the blocks' ratios; 1.05 is 5 % more than the baseline.
    pub ratio: f64,
    /// Its interval.
    pub interval: Interval,
    /// The mean of the log ratios.
    pub log_mean: f64,
    /// Their standard deviation, with `n_blocks - 1`.
    pub log_sd: f64,
    /// The standard error of `log_mean`.
    pub log_standard_error: f64,
    /// Degrees of freedom, `n_blocks - 1`.
    pub df: f64,
    /// The paired t statistic on logs. `None` when all blocks have one and the
    /// same ratio, which leaves it undefined.
    pub t: Option<f64>,
    /// The two-sided p-value of "the ratio is 1", not adjusted for other
    /// comparisons. When `t` is `None`: 1 if that ratio is 1, else 0.
    pub p_value: f64,
}

/// Estimates the ratio of treatment to baseline from their blocks.
///
/// All values are above 0, in one unit; the ratio has none. Each block counts
/// once. The interval supposes near-normal mean log ratios.
///
/// # Errors
///
/// [`PairsError::NotPositive`], [`PairsError::TooFewBlocks`] below 2 blocks,
/// [`PairsError::OutOfRange`] if the interval is no longer representable.
///
/// # Source
///
/// Paired t (Student 1908) on `ln(treatment / baseline)`, exponentiated; Fleming
/// and Wallace (1986), Communications of the ACM 29, 218-221, on why normalised
/// figures take the geometric mean.
pub fn paired_ratio(pairs: &Pairs, confidence: Confidence) -> Result<PairedRatio, PairsError> {
    let n_blocks = pairs.n_blocks();
    let logs = pairs.log_ratios()?;
    let test = test_against_zero(&logs).ok_or(PairsError::TooFewBlocks { n_blocks })?;
    let half_width = t_critical(confidence.alpha(), test.df) * test.standard_error;
    let interval = Interval {
        low: (test.mean - half_width).exp(),
        high: (test.mean + half_width).exp(),
        confidence: confidence.level(),
    };
    let ratio = test.mean.exp();
    if !interval.high.is_finite() || interval.low == 0.0 {
        return Err(PairsError::OutOfRange { n_blocks });
    }
    Ok(PairedRatio {
        n_blocks,
        ratio,
        interval,
        log_mean: test.mean,
        log_sd: test.sd,
        log_standard_error: test.standard_error,
        df: test.df,
        t: test.t,
        p_value: test.p_value,
    })
}

/// The difference of treatment and baseline, over blocks, in the values' unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedDifference {
    /// How many blocks.
    pub n_blocks: usize,
    /// The mean of treatment minus baseline.
    pub mean: f64,
    /// The standard deviation of the differences, with `n_blocks - 1`.
    pub sd: f64,
    /// The standard error of `mean`.
    pub standard_error: f64,
    /// Its interval.
    pub interval: Interval,
    /// Degrees of freedom, `n_blocks - 1`.
    pub df: f64,
    /// The t statistic; `None` when all differences are equal.
    pub t: Option<f64>,
    /// The two-sided p-value of "no difference". When `t` is `None`: 1 if the
    /// difference is 0, else 0.
    pub p_value: f64,
}

/// Estimates the mean difference of treatment and baseline from their blocks.
///
/// # Errors
///
/// [`PairsError::TooFewBlocks`] below 2 blocks.
///
/// # Source
///
/// Student (1908), *The Probable Error of a Mean*, on the differences.
pub fn paired_t(pairs: &Pairs, confidence: Confidence) -> Result<PairedDifference, PairsError> {
    let n_blocks = pairs.n_blocks();
    let test =
        test_against_zero(&pairs.differences()).ok_or(PairsError::TooFewBlocks { n_blocks })?;
    let half_width = t_critical(confidence.alpha(), test.df) * test.standard_error;
    Ok(PairedDifference {
        n_blocks,
        mean: test.mean,
        sd: test.sd,
        standard_error: test.standard_error,
        interval: Interval::around(test.mean, half_width, confidence.level()),
        df: test.df,
        t: test.t,
        p_value: test.p_value,
    })
}
