//! When to stop measuring.
//!
//! Owns: rules that a plan names before the data and that keep their error rate
//! although the data are looked at more than once: group-sequential looks and an
//! always-valid confidence sequence, beside a fixed number of blocks.
//!
//! Does not: offer "stop when it looks significant".

mod group;
mod mixture;

pub use group::{GroupSequential, Look, Operating, Spending};
pub use mixture::ConfidenceSequence;

use crate::{
    Confidence, DecisionRule, Interval, Pairs, PairsError, Verdict, compare_arms, paired_ratio,
    t_upper_quantile,
};

/// Why a stopping rule cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum StoppingError {
    /// The looks do not ascend, are too few or too many.
    #[error(
        "look {look} is after {n_blocks} blocks; looks are 1 to 100 ascending block counts, the \
         first at least 2"
    )]
    Looks {
        /// The position of the first unusable look, from 0.
        look: usize,
        /// Its number of blocks.
        n_blocks: usize,
    },
    /// The confidence leaves no error to spend.
    #[error("confidence {level} leaves too much or too little error to spend; use 0.8 to 0.9999")]
    Confidence {
        /// What was given.
        level: f64,
    },
    /// The mixture's spread is unusable.
    #[error("an effect of {effect_sd} standard deviations; give 0.001 to 1000, 1 by custom")]
    EffectSd {
        /// What was given.
        effect_sd: f64,
    },
}

/// Why data cannot be judged by a rule now.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum JudgeError {
    /// The pairs cannot be compared.
    #[error("the pairs cannot be compared")]
    Pairs {
        /// What is wrong with them.
        source: PairsError,
    },
    /// There is no look at this number of blocks.
    #[error("the plan has no look after {n_blocks} blocks; the next one is after {next}")]
    NoLook {
        /// How many blocks there are.
        n_blocks: usize,
        /// The next planned look, or the last one if all are over.
        next: usize,
    },
    /// There are more blocks than the plan allows.
    #[error("the plan ends after {most} blocks, there are {n_blocks}; judge the first {most}")]
    TooManyBlocks {
        /// How many blocks there are.
        n_blocks: usize,
        /// How many the plan allows.
        most: usize,
    },
    /// The rule and the decision rule were made for different error rates.
    #[error("the stopping rule is for confidence {rule}, the decision for {decision}; plan one")]
    Confidence {
        /// The stopping rule's.
        rule: f64,
        /// The decision rule's.
        decision: f64,
    },
}

/// How a study knows that it is over. Fixed in the plan, before the data.
#[derive(Debug, Clone, PartialEq)]
pub enum StoppingRule {
    /// One look after a fixed number of blocks, at least 2.
    Fixed {
        /// How many blocks.
        n_blocks: usize,
    },
    /// A few planned looks that share the error rate.
    GroupSequential(GroupSequential),
    /// A look after every block.
    AlwaysValid {
        /// The interval that holds at all looks at once.
        sequence: ConfidenceSequence,
        /// The study ends here even if nothing was decided.
        n_blocks_most: usize,
    },
}

/// What a rule says about the data so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Judgement {
    /// How many blocks were judged.
    pub n_blocks: usize,
    /// The verdict that may be stated now.
    pub verdict: Verdict,
    /// The interval of the ratio that is valid at this look whatever the earlier
    /// ones said. `None` while the rule cannot bound the ratio at all.
    pub interval: Option<Interval>,
    /// The number of blocks at which to look again; `None` when the study is over,
    /// by a verdict or by its plan.
    pub next_look: Option<usize>,
}

impl StoppingRule {
    /// Returns the name under which a plan asks for the rule.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fixed { .. } => "fixed",
            Self::GroupSequential(_) => "group-sequential",
            Self::AlwaysValid { .. } => "always-valid",
        }
    }

    /// Returns the largest number of blocks that the study can have.
    pub fn n_blocks_most(&self) -> usize {
        match self {
            Self::Fixed { n_blocks } => *n_blocks,
            Self::GroupSequential(plan) => plan.n_blocks_most(),
            Self::AlwaysValid { n_blocks_most, .. } => *n_blocks_most,
        }
    }

    /// Returns the number of blocks of the first look after `n_blocks`; `None` if
    /// none is left.
    pub fn next_look(&self, n_blocks: usize) -> Option<usize> {
        match self {
            Self::Fixed { n_blocks: only } => (n_blocks < *only).then_some(*only),
            Self::GroupSequential(plan) => {
                plan.looks().iter().map(|look| look.n_blocks).find(|&n| n > n_blocks)
            }
            Self::AlwaysValid { n_blocks_most, .. } => {
                (n_blocks < *n_blocks_most).then(|| (n_blocks + 1).max(2))
            }
        }
    }

    /// Judges the pairs of all blocks so far.
    ///
    /// A fixed plan decides like [`compare_arms`]. The other two decide by their
    /// interval alone, [`DecisionRule::verdict_of_interval`]: equivalent inside
    /// the margin, better or worse outside 1. All looks together then state a
    /// false difference with probability at most `alpha`, and a false equivalence
    /// with probability at most `alpha`.
    ///
    /// # Errors
    ///
    /// [`JudgeError`]: pairs that [`paired_ratio`] refuses, no look at this number
    /// of blocks, too many blocks, two different confidences.
    pub fn judge(&self, pairs: &Pairs, rule: &DecisionRule) -> Result<Judgement, JudgeError> {
        let (n_blocks, most) = (pairs.n_blocks(), self.n_blocks_most());
        let pairs_error = |source| JudgeError::Pairs { source };
        if n_blocks > most {
            return Err(JudgeError::TooManyBlocks { n_blocks, most });
        }
        let next_look = self.next_look(n_blocks);
        let (verdict, interval) = match self {
            Self::Fixed { .. } => {
                if let Some(next) = next_look {
                    return Err(JudgeError::NoLook { n_blocks, next });
                }
                let comparison = compare_arms(pairs, rule).map_err(pairs_error)?;
                (comparison.verdict, Some(comparison.ratio.interval))
            }
            Self::GroupSequential(plan) => {
                same_confidence(plan.confidence(), rule.confidence)?;
                let look = plan
                    .look_after(n_blocks)
                    .ok_or(JudgeError::NoLook { n_blocks, next: next_look.unwrap_or(most) })?;
                let interval = look.interval(pairs, plan.confidence()).map_err(pairs_error)?;
                (of_interval(interval, rule), interval)
            }
            Self::AlwaysValid { sequence, .. } => {
                same_confidence(sequence.confidence(), rule.confidence)?;
                let logs = pairs.log_ratios().map_err(pairs_error)?;
                let interval = sequence
                    .interval(&logs)
                    .and_then(|log| exponentiated((log.low, log.high), log.confidence));
                (of_interval(interval, rule), interval)
            }
        };
        let next_look = next_look.filter(|_| verdict == Verdict::Inconclusive);
        Ok(Judgement { n_blocks, verdict, interval, next_look })
    }
}

fn same_confidence(rule: Confidence, decision: Confidence) -> Result<(), JudgeError> {
    if rule.level().total_cmp(&decision.level()).is_eq() {
        Ok(())
    } else {
        Err(JudgeError::Confidence { rule: rule.level(), decision: decision.level() })
    }
}

impl Look {
    /// Returns the repeated confidence interval of the ratio at this look; `None`
    /// where it is unbounded.
    ///
    /// # Errors
    ///
    /// As [`paired_ratio`].
    ///
    /// # Source
    ///
    /// Jennison and Turnbull (1989), *Interim Analyses: The Repeated Confidence
    /// Interval Approach*, JRSS B 51, 305-361; the normal boundary is carried to
    /// Student's t by its tail area, their significance-level approach
    /// (*Group Sequential Methods*, 2000, section 4.4).
    fn interval(
        &self,
        pairs: &Pairs,
        confidence: Confidence,
    ) -> Result<Option<Interval>, PairsError> {
        let ratio = paired_ratio(pairs, confidence)?;
        let critical = t_upper_quantile(self.nominal_p / 2.0, ratio.df);
        let half_width = critical * ratio.log_standard_error;
        let ends = (ratio.log_mean - half_width, ratio.log_mean + half_width);
        Ok(exponentiated(ends, confidence.level()))
    }
}

/// `None` if an end is no number above 0.
fn exponentiated((low, high): (f64, f64), confidence: f64) -> Option<Interval> {
    let (low, high) = (low.exp(), high.exp());
    (low > 0.0 && high.is_finite()).then_some(Interval { low, high, confidence })
}

fn of_interval(interval: Option<Interval>, rule: &DecisionRule) -> Verdict {
    interval.map_or(Verdict::Inconclusive, |interval| rule.verdict_of_interval(&interval))
}
