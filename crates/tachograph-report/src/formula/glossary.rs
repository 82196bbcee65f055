//! What each formula is, in words: those that every kind of report may use.

use super::Formula;

/// Each formula with its name in `claims.json` and its words, in the order of
/// the glossary.
pub(super) const GLOSSARY: [(Formula, &str, &str); 86] = [
    (Formula::Stated, "stated", "Stated in the plan before the first request."),
    (Formula::Recorded, "recorded", "Read from the evidence, not computed."),
    (Formula::Count, "count", "Counted in the evidence."),
    (Formula::Sum, "sum", "Sum over the named runs."),
    (Formula::Share, "share", "Part divided by whole; no interval, since nothing is inferred."),
    (
        Formula::RunMean,
        "run-mean",
        "Value of one run: tokens over wall time, the wall time, or the mean over the \
         run's calls that have the quantity.",
    ),
    (
        Formula::Mean,
        "mean-t",
        "Arithmetic mean over run means; interval after Student: mean ∓ t(n − one) · sd / √n.",
    ),
    (
        Formula::StandardDeviation,
        "sd",
        "Sample standard deviation over run means, divisor n − one.",
    ),
    (Formula::Median, "median", "Middle of the sorted values, one per run."),
    (Formula::Minimum, "minimum", "Smallest value, one per run."),
    (Formula::Maximum, "maximum", "Largest value, one per run."),
    (
        Formula::CoefficientOfVariation,
        "cv-vangel",
        "Standard deviation divided by mean, over run means; interval after Vangel.",
    ),
    (
        Formula::PairedRatio,
        "paired-ratio",
        "Geometric mean over blocks of treatment divided by baseline of the same block; \
         t interval on the logarithms, exponentiated (Student; Fleming and Wallace). Printed \
         as a change in percent.",
    ),
    (
        Formula::Margin,
        "margin-log",
        "The plan's margin m; ratios from one / (one + m) to one + m are equivalent (the \
         margin of Schuirmann's tests on logarithms).",
    ),
    (
        Formula::HolmDifference,
        "holm-difference",
        "Two-sided p-value of “the ratio is one” (Student's paired t on logarithms), adjusted \
         after Holm over the primary family.",
    ),
    (
        Formula::HolmEquivalence,
        "holm-equivalence",
        "Larger p-value of the two one-sided tests against the margin (Schuirmann), \
         adjusted after Holm over the primary family.",
    ),
    (
        Formula::UnadjustedP,
        "paired-t-log",
        "Two-sided p-value of “the ratio is one” (Student's paired t on logarithms), not \
         adjusted for other comparisons.",
    ),
    (
        Formula::PooledQuantile,
        "quantile-order-statistic",
        "Type-seven quantile of the pooled values; the interval's ends are two of the \
         sample's own values (order statistics; Hyndman and Fan; David and Nagaraja). Values of one run are not independent, so \
         the interval is a lower limit of the uncertainty.",
    ),
    (
        Formula::QuantileNeed,
        "quantile-sample-size",
        "Smallest n for which the extremes of a sample bound the quantile on both sides \
         (David and Nagaraja).",
    ),
    (Formula::Proportion, "proportion-wilson", "Successes divided by trials; Wilson's interval."),
    (
        Formula::OneSidedBound,
        "one-sided-bound",
        "Where all trials went the same way: exact one-sided bound, one − α^(one / n) \
         (Clopper and Pearson; the rule of three is its approximation).",
    ),
    (
        Formula::LevelMean,
        "level-mean",
        "Mean over blocks of the level's runs averaged within each block; t interval over \
         blocks (Student).",
    ),
    (
        Formula::FactorF,
        "factor-f",
        "F test of the factor in a randomised complete block design, against the \
         block-by-combination residual (Montgomery); p-value not adjusted.",
    ),
    (
        Formula::EtaSquared,
        "eta-squared",
        "Sum of squares of the effect divided by the total, blocks included \
         (Cohen).",
    ),
    (
        Formula::BlockF,
        "block-f",
        "F test of the blocks against the block-by-configuration residual: whether the \
         level of the whole study moved (Montgomery).",
    ),
    (
        Formula::DegreesOfFreedom,
        "degrees-of-freedom",
        "Degrees of freedom of an effect or of its residual.",
    ),
    (
        Formula::DelayPercentile,
        "delay-percentile",
        "Type-seven quantile of user stamp minus kernel stamp over the run's chunks; the \
         worst run is printed.",
    ),
    (
        Formula::Verdicts,
        "verdicts",
        "Number of configurations with a verdict; each verdict follows from the adjusted \
         p-values of its comparison and the plan's α and margin, or, under a sequential stopping \
         rule, from the rule's interval and the margin.",
    ),
    (
        Formula::BlocksNeeded,
        "blocks-needed",
        "Fewest blocks that show, with a power of four in five, a true change as large as the \
         margin, and the absence of any change, from the spread of log ratios seen (noncentral t, \
         Cohen; two one-sided tests, Phillips), with α divided by the size of the family.",
    ),
    (
        Formula::DetectableRatio,
        "detectable-ratio",
        "Smallest true ratio above one that this number of blocks detects with a power of \
         four in five, from the median spread of log ratios seen (noncentral t, Cohen); \
         not adjusted for the family.",
    ),
    (
        Formula::MannKendall,
        "mann-kendall",
        "Mann-Kendall test for a trend, over each run's departure from the mean of its \
         configuration in the order of execution; τ is Kendall's tau-b (Mann; Kendall).",
    ),
    (
        Formula::Bca,
        "mean-bca",
        "Mean over run means with the bias-corrected and accelerated bootstrap interval \
         (Efron), runs resampled ten thousand times from the plan's seed.",
    ),
    (
        Formula::SharedAlpha,
        "alpha-share",
        "The plan's α divided by the number of tuned configurations (Bonferroni): what one \
         configuration may spend over all looks.",
    ),
    (
        Formula::LookBoundary,
        "look-boundary",
        "Largest two-sided p-value of the paired t test on logarithms at which a look states a \
         difference. Group-sequential: from the spending function (Lan and DeMets) and the law of \
         the score between looks, carried to Student's t by its tail area. Always-valid: from the \
         t mixture.",
    ),
    (
        Formula::RepeatedInterval,
        "repeated-interval",
        "Geometric mean over blocks of treatment divided by baseline of the same block, with the \
         repeated confidence interval of the look (Jennison and Turnbull): it holds at all looks \
         at once, with α divided by the number of tuned configurations. Printed as a change in \
         percent.",
    ),
    (
        Formula::ConfidenceSequence,
        "confidence-sequence",
        "Geometric mean over blocks of treatment divided by baseline of the same block, with the \
         interval of the t-mixture confidence sequence (Robbins; Lai; Wang and Ramdas): it holds \
         after every block at once, with α divided by the number of tuned configurations. Printed \
         as a change in percent.",
    ),
    (
        Formula::LeftOut,
        "mean-without-outliers",
        "Mean over run means without those beyond Tukey's inner fences; shown for \
         comparison only.",
    ),
    (
        Formula::Studentised,
        "mean-studentised",
        "Mean over run means with the studentised (bootstrap-t) interval, runs resampled ten \
         thousand times from the plan's seed (Davison and Hinkley).",
    ),
    (
        Formula::MedianInterval,
        "median-order-statistic",
        "Middle of the run values; the interval's ends are two of the values themselves \
         (order statistics; David and Nagaraja).",
    ),
    (
        Formula::HarrellDavis,
        "harrell-davis",
        "Smoothed median: weighted mean of all sorted run values (Harrell and Davis).",
    ),
    (
        Formula::TrimmedMean,
        "trimmed-mean",
        "Mean over run means without the lowest and the highest fifth; interval on the \
         winsorised spread (Yuen).",
    ),
    (
        Formula::ClusterMedian,
        "median-bca-runs",
        "Median of the pooled calls; the bootstrap interval (bias-corrected and accelerated, \
         Efron) resamples whole runs, so that calls of one run may depend on each other.",
    ),
    (
        Formula::BenjaminiHochberg,
        "benjamini-hochberg",
        "Two-sided p-value of “the ratio is one” (paired t on logarithms), adjusted after \
         Benjamini and Hochberg over all exploratory comparisons of the study: tuned \
         configurations on every metric but the primary one.",
    ),
    (
        Formula::Dunnett,
        "dunnett",
        "Two-sided p-value of “no difference from the baseline” for all tuned configurations \
         at once, on logarithms in complete blocks with one common spread (Dunnett).",
    ),
    (
        Formula::Tost,
        "tost",
        "Larger p-value of the two one-sided tests of the log ratio against the margin \
         (Schuirmann), not adjusted.",
    ),
    (
        Formula::SignedRank,
        "signed-rank",
        "Wilcoxon's signed ranks on the log ratios of the blocks; exact without ties up to \
         fifty blocks. Adjusted after Holm over the primary family where it stands beside a \
         primary verdict.",
    ),
    (
        Formula::PseudoMedian,
        "pseudo-median",
        "Hodges-Lehmann pseudo-median of the log ratios of the blocks, exponentiated; \
         interval from the signed ranks.",
    ),
    (
        Formula::SignFlip,
        "sign-flip",
        "Permutation test of the mean log ratio by flipping the signs of blocks (Fisher; \
         Phipson and Smyth); exact up to twenty blocks. Adjusted after Holm over the primary \
         family where it stands beside a primary verdict.",
    ),
    (
        Formula::SignBlocks,
        "blocks-for-signs",
        "Fewest blocks n with two / two^n times the size of the family at most α: below it no \
         arrangement of signs is rare enough for a rank or sign test.",
    ),
    (
        Formula::Welch,
        "welch",
        "Difference of the means of independent samples with Welch's t interval and p-value, \
         blocks ignored.",
    ),
    (
        Formula::MannWhitney,
        "mann-whitney",
        "Rank-sum test of Mann and Whitney on run values, blocks ignored; exact without ties \
         while samples are small.",
    ),
    (
        Formula::HodgesLehmann,
        "hodges-lehmann",
        "Hodges-Lehmann shift: median of all differences between a run of the configuration \
         and one of the baseline; interval from the rank-sum law.",
    ),
    (
        Formula::BrunnerMunzel,
        "brunner-munzel",
        "Probability that a run of the configuration has the larger value, ties half, with \
         the test and interval of Brunner and Munzel.",
    ),
    (
        Formula::KolmogorovSmirnov,
        "kolmogorov-smirnov",
        "Largest distance of the two empirical distributions (Kolmogorov, Smirnov); exact \
         also with ties (Schröer and Trenkler).",
    ),
    (
        Formula::Relabelling,
        "relabelling",
        "Permutation test of the difference in means by relabelling runs (Pitman; Phipson and \
         Smyth); exact up to about a million relabellings.",
    ),
    (
        Formula::BrownForsythe,
        "brown-forsythe",
        "F test that groups have the same spread, on absolute deviations from their medians \
         (Brown and Forsythe).",
    ),
    (
        Formula::SpreadRatio,
        "sd-ratio",
        "Standard deviation of the configuration divided by that of the baseline; no \
         interval.",
    ),
    (
        Formula::HedgesG,
        "hedges-g",
        "Difference of means in pooled standard deviations with the exact small-sample factor \
         (Hedges); interval from the noncentral t law (Steiger and Fouladi).",
    ),
    (
        Formula::CliffsDelta,
        "cliffs-delta",
        "Share of pairs of runs in which the configuration has the larger value less the \
         share in which it has the smaller one (Cliff).",
    ),
    (
        Formula::Fieller,
        "fieller",
        "Ratio of the two means over the common blocks with Fieller's interval; weighs large \
         blocks more than the geometric mean does.",
    ),
    (
        Formula::EqualLength,
        "ratio-equal-length",
        "Ratio to the baseline where both have equally many output tokens: the line through \
         the log ratios of the blocks over the log ratios of their tokens, read at zero \
         (Fisher; Snedecor and Cochran), exponentiated.",
    ),
    (
        Formula::LengthSlope,
        "length-slope",
        "Slope of that line: one means in proportion to tokens, zero not touched by them.",
    ),
    (
        Formula::TokenRatio,
        "token-ratio",
        "Geometric mean over blocks of output tokens divided by the baseline's; no interval.",
    ),
    (
        Formula::PartialEta,
        "partial-eta-squared",
        "Sum of squares of the effect divided by effect plus residual; interval of the \
         population's value from the noncentral F law (Smithson).",
    ),
    (
        Formula::SdBetween,
        "sd-between-runs",
        "Standard deviation between runs, by moments, after what calls of one run differ by \
         on average (stage, agent) is taken out (Searle, Casella and McCulloch).",
    ),
    (
        Formula::SdWithin,
        "sd-within-runs",
        "Standard deviation of calls within a run, by moments, after what calls of one run \
         differ by on average is taken out.",
    ),
    (
        Formula::Icc,
        "icc",
        "Intraclass correlation, the share of variance that lies between runs; interval from \
         the F law (Shrout and Fleiss).",
    ),
    (
        Formula::RunCost,
        "run-cost",
        "Mean time of a run beside its calls, divided by the mean time of a call.",
    ),
    (
        Formula::BestRepetitions,
        "best-repetitions",
        "Repetitions of a level that give the most precise mean for the time: √(cost ratio × \
         lower variance / upper variance), rounded up (Kalibera and Jones).",
    ),
    (
        Formula::NestedSd,
        "nested-sd",
        "Standard deviation between server starts, runs or calls, relative to the mean of the \
         same call in its configuration: by moments, or by restricted maximum likelihood \
         (Patterson and Thompson).",
    ),
    (
        Formula::Autocorrelation,
        "autocorrelation",
        "First-lag autocorrelation of the runs' departures in the order of execution.",
    ),
    (
        Formula::EffectiveN,
        "effective-n",
        "Number of independent values that carry as much about a mean as the series does, \
         from its first-lag autocorrelation r: n (one − r) / (one + r) (Bayley and \
         Hammersley).",
    ),
    (
        Formula::ChangePoint,
        "change-point",
        "Change of the mean of the runs' departures (E-divisive means, Matteson and James): \
         p-value from permutations seeded by the plan.",
    ),
    (
        Formula::SegmentMean,
        "segment-mean",
        "Mean over the runs between two changes of each run's value divided by the mean of \
         its configuration.",
    ),
    (
        Formula::SteadyFrom,
        "steady-from",
        "First run of the first stretch from which on all means lie within the margin of the \
         last one (Barrett et al.).",
    ),
    (
        Formula::TheilSen,
        "theil-sen",
        "Median over all pairs of runs of the change per run (Theil, Sen), as a share of the \
         configuration's mean.",
    ),
    (
        Formula::RawLead,
        "lead-over-mean",
        "Geometric mean over complete blocks divided by the mean of all tuned configurations \
         on logarithms.",
    ),
    (
        Formula::Shrunk,
        "shrunk",
        "Mean of a configuration on logarithms, drawn toward the mean of all tuned ones the \
         more the noisier it is (Morris; James and Stein), exponentiated; interval after \
         Morris. Supposes true means that scatter normally.",
    ),
    (
        Formula::ShrunkRatio,
        "shrunk-ratio",
        "Shrunk mean of the configuration divided by the baseline's mean over the same \
         blocks; no interval.",
    ),
    (
        Formula::ShrinkWeight,
        "shrink-weight",
        "How far a configuration was drawn toward the mean of all: zero not at all, one all \
         the way.",
    ),
    (
        Formula::BestSubset,
        "best-subset",
        "Configurations within so many standard errors of the best-looking one that the truly \
         best is among them with the stated confidence (Gupta).",
    ),
    (
        Formula::Luck,
        "luck-of-the-best",
        "What the best of so many equal configurations is expected to gain by luck alone: \
         mean of the largest of n standard normals (Harter) times the standard error of a \
         configuration's mean.",
    ),
    (
        Formula::Confirmation,
        "confirmation-blocks",
        "Fresh blocks in which the named configurations and the baseline show a change as \
         large as the margin with a power of four in five each, with α divided by their \
         number.",
    ),
    (
        Formula::Power,
        "power-at-margin",
        "Probability of showing a true change as large as the margin with these blocks and \
         this spread (noncentral t; Cohen), with α divided by the size of the family.",
    ),
    (
        Formula::DetectableEach,
        "detectable-ratio-family",
        "Smallest true ratio above one that these blocks detect with a power of four in five \
         (noncentral t), with α divided by the size of the family.",
    ),
    (
        Formula::LogSd,
        "log-sd",
        "Standard deviation over blocks of the logarithm of the ratio to the baseline.",
    ),
];
