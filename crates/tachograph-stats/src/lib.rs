//! Samples to estimates, each with its published source.
//!
//! Owns: every number that is computed from other numbers by statistics. Slices
//! of `f64` and a seed go in, plain structs come out; the same input gives the
//! same bits on every run.
//!
//! Does not: know units, names, file formats, files or clocks; drop outliers; or
//! call two things equal because a test did not tell them apart.
//!
//! Values are checked once, when a [`Sample`], [`Pairs`], [`BlockDesign`] or
//! [`Factorial`] is made; after that no function looks for NaN again. Standard
//! deviations have `n - 1`, quantiles are type 7, fractions lie in `0..=1`.
//!
//! | need | item |
//! |---|---|
//! | describe a sample | [`Sample`], [`Summary`], [`cv_estimate`] |
//! | mean with interval | [`mean_estimate`], [`trimmed_mean_estimate`] |
//! | percentile with interval, or its refusal | [`quantile_estimate`] |
//! | proportion with interval | [`Proportion::estimate`] |
//! | ratio to the baseline within blocks | [`paired_ratio`] |
//! | better, worse, equivalent, inconclusive | [`compare_arms`], [`compare_family`] |
//! | difference of two independent samples | [`welch()`] |
//! | ratio of two independent samples, judged | [`independent_ratio`], [`compare_independent`] |
//! | what a factor does | [`BlockDesign::analyse`], [`Factorial::analyse`] |
//! | intervals without a distribution | [`bca_mean`], [`bca_over_runs`], [`studentised_mean`] |
//! | tests without a distribution | [`mann_whitney`], [`signed_rank`], [`brunner_munzel`], [`relabelling`], [`sign_flip`] |
//! | any difference of distribution | [`kolmogorov_smirnov`] |
//! | effect sizes, spread | [`hedges_g`], [`cliffs_delta`], [`brown_forsythe`] |
//! | many comparisons | [`holm`], [`benjamini_hochberg`], [`dunnett()`] |
//! | drift over the runs | [`mann_kendall`], [`autocorrelation`] |
//! | changes and warm-up | [`change_points`], [`steady_state`] |
//! | ratio at equal output length | [`adjusted_log_ratio`] |
//! | server starts, runs, calls | [`variance_components`], [`BlockDesign::block_components`], [`nested_components`] |
//! | the best of many | [`shrink`], [`best_subset`], [`confirmation_plan`] |
//! | how many blocks, or runs on each side | [`PairedDesign`], [`IndependentDesign`], [`sd_upper_limit`] |
//! | when to stop | [`StoppingRule`]: [`GroupSequential`], [`ConfidenceSequence`] |

mod adjust;
mod anova;
mod bootstrap;
mod change;
mod components;
mod covariate;
mod describe;
mod distribution;
mod dunnett;
mod ecdf;
mod effect;
mod equivalence;
mod fairness;
mod fieller;
mod independent;
mod interval;
mod mean;
mod outlier;
mod paired;
mod permutation;
mod power;
mod proportion;
mod quantile;
mod random;
mod rank;
mod sample;
mod selection;
mod smirnov;
mod spread;
mod stopping;
mod superiority;
mod trend;
mod verdict;
mod welch;

pub use adjust::{AdjustError, benjamini_hochberg, holm};
pub use anova::{
    BlockAnalysis, BlockDesign, Cell, DesignError, Effect, Factorial, FactorialAnalysis,
    FactorialRun, Interaction, LevelMean, LevelPair, MainEffect,
};
pub use bootstrap::{
    BCA_RUNS_MIN, BcaEstimate, BcaInterval, BootstrapError, Resampling, StudentisedEstimate,
    bca_interval, bca_mean, bca_over_runs, studentised_mean,
};
pub use change::{
    ChangeError, ChangeOf, ChangePoint, ChangeSearch, Segment, SteadyState, Warming, change_points,
    steady_state,
};
pub use components::{
    ComponentError, ComponentMethod, LevelCosts, NestedComponents, OptimalRepetitions,
    VarianceComponents, nested_components, variance_components,
};
pub use covariate::{AdjustedDifference, CovariateError, adjusted_difference, adjusted_log_ratio};
pub use describe::{CvError, CvEstimate, Summary, cv_estimate};
pub use distribution::{
    f_upper_tail, normal_two_sided, normal_upper_quantile, normal_upper_tail, t_critical,
    t_two_sided, t_upper_quantile, t_upper_tail,
};
pub use dunnett::{Dunnett, DunnettComparison, DunnettError, dunnett};
pub use ecdf::{Ecdf, EcdfStep};
pub use effect::{CliffsDelta, EffectError, HedgesG, cliffs_delta, hedges_g};
pub use equivalence::{Equivalence, Margin, MarginError, tost};
pub use fairness::{FairnessError, jain_index};
pub use fieller::{FiellerError, FiellerRatio, fieller};
pub use independent::{
    IndependentArms, IndependentComparison, IndependentError, IndependentFamilyError,
    IndependentRatio, compare_independent, independent_ratio, tost_independent,
};
pub use interval::{Confidence, ConfidenceError, Interval};
pub use mean::{
    EstimateError, MeanEstimate, TrimmedMeanEstimate, mean_estimate, trimmed_mean_estimate,
};
pub use outlier::{FenceClass, TukeyFences};
pub use paired::{Pair, PairedDifference, PairedRatio, Pairs, PairsError, paired_ratio, paired_t};
pub use permutation::{Permutation, relabelling, sign_flip};
pub use power::{IndependentDesign, PairedDesign, PowerError, SpreadError, sd_upper_limit};
pub use proportion::{ExtremeBound, Proportion, ProportionError, ProportionEstimate};
pub use quantile::{
    QuantileError, QuantileEstimate, harrell_davis, quantile, quantile_estimate,
    quantile_sample_size,
};
pub use rank::{MannWhitney, PMethod, SignedRank, mann_whitney, signed_rank};
pub use sample::{MAGNITUDE_MAX, Sample, SampleError};
pub use selection::{
    ArmEstimate, BestSubset, ConfirmationPlan, SelectionError, Shrinkage, ShrunkArm, best_subset,
    confirmation_plan, luck_of_the_best, shrink,
};
pub use smirnov::{KolmogorovSmirnov, kolmogorov_smirnov};
pub use spread::{BrownForsythe, brown_forsythe};
pub use stopping::{
    ConfidenceSequence, GroupSequential, JudgeError, Judgement, Look, Operating, Spending,
    StoppingError, StoppingRule,
};
pub use superiority::{BrunnerMunzel, brunner_munzel};
pub use trend::{Autocorrelation, MannKendall, autocorrelation, mann_kendall};
pub use verdict::{
    Comparison, DecisionRule, Direction, Evidence, FamilyError, Verdict, compare_arms,
    compare_family,
};
pub use welch::{WelchEstimate, welch};
