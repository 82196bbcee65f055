//! Formulas: how a claim was derived, in words.
//!
//! Owns: the names that `claims.json` uses and the glossary of the report.
//!
//! Does not: compute; the named function of `tachograph_stats` or
//! `tachograph_model` does.

/// How a number was derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Formula {
    Stated,
    Recorded,
    Count,
    RunMean,
    Mean,
    StandardDeviation,
    Median,
    Minimum,
    Maximum,
    PooledQuantile,
    QuantileNeed,
    PairedRatio,
    HolmDifference,
    HolmEquivalence,
    UnadjustedP,
    Proportion,
    Share,
    CoefficientOfVariation,
    LevelMean,
    FactorF,
    EtaSquared,
    BlockF,
    DegreesOfFreedom,
    Margin,
    OneSidedBound,
    DelayPercentile,
    Sum,
    Verdicts,
    BlocksNeeded,
    DetectableRatio,
    MannKendall,
    Bca,
    SharedAlpha,
    LookBoundary,
    RepeatedInterval,
    ConfidenceSequence,
    LeftOut,
}

/// Each formula with its name in `claims.json` and its words, in the order of
/// the glossary.
const GLOSSARY: [(Formula, &str, &str); 37] = [
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
        "Arithmetic mean over run means; Student's t interval: mean ∓ t(n − one) · sd / √n.",
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
         t interval on the logarithms, exponentiated. Printed as a change in percent.",
    ),
    (
        Formula::Margin,
        "margin-log",
        "The plan's margin m; ratios from one / (one + m) to one + m are equivalent.",
    ),
    (
        Formula::HolmDifference,
        "holm-difference",
        "Two-sided p-value of “the ratio is one” (paired t on logarithms), adjusted after \
         Holm over the primary family.",
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
        "Two-sided p-value of “the ratio is one” (paired t on logarithms), not adjusted: \
         exploratory.",
    ),
    (
        Formula::PooledQuantile,
        "quantile-order-statistic",
        "Type-seven quantile of the pooled values; the interval's ends are two of the \
         sample's own values (order statistics). Values of one run are not independent, so \
         the interval is a lower limit of the uncertainty.",
    ),
    (
        Formula::QuantileNeed,
        "quantile-sample-size",
        "Smallest n for which the extremes of a sample bound the quantile on both sides.",
    ),
    (Formula::Proportion, "proportion-wilson", "Successes divided by trials; Wilson's interval."),
    (
        Formula::OneSidedBound,
        "one-sided-bound",
        "Where all trials went the same way: exact one-sided bound, one − α^(one / n) (the \
         rule of three is its approximation).",
    ),
    (
        Formula::LevelMean,
        "level-mean",
        "Mean over blocks of the level's runs averaged within each block; t interval over \
         blocks.",
    ),
    (
        Formula::FactorF,
        "factor-f",
        "F test of the factor in a randomised complete block design, against the \
         block-by-combination residual; p-value not adjusted.",
    ),
    (
        Formula::EtaSquared,
        "eta-squared",
        "Sum of squares of the effect divided by the total, blocks included.",
    ),
    (
        Formula::BlockF,
        "block-f",
        "F test of the blocks against the block-by-configuration residual: whether the \
         level of the whole study moved.",
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
         margin, and the absence of any change, from the spread of log ratios seen (noncentral t; \
         two one-sided tests), with α divided by the size of the family.",
    ),
    (
        Formula::DetectableRatio,
        "detectable-ratio",
        "Smallest true ratio above one that this number of blocks detects with a power of \
         four in five, from the median spread of log ratios seen (noncentral t); not \
         adjusted for the family.",
    ),
    (
        Formula::MannKendall,
        "mann-kendall",
        "Mann-Kendall test for a trend, over each run's departure from the mean of its \
         configuration in the order of execution; τ is Kendall's tau-b.",
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
];

impl Formula {
    /// Returns every formula, in the order of the glossary.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        GLOSSARY.iter().map(|(formula, _, _)| *formula)
    }

    /// Returns the name used in `claims.json`.
    pub(crate) fn name(self) -> &'static str {
        self.entry().1
    }

    /// Returns the formula in words, for the glossary and the HTML panel.
    pub(crate) fn text(self) -> &'static str {
        self.entry().2
    }

    fn entry(self) -> &'static (Self, &'static str, &'static str) {
        GLOSSARY.iter().find(|(own, _, _)| *own == self).expect("a test holds them complete")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_glossary_is_complete_and_its_names_differ() {
        let last = Formula::LeftOut as usize;
        let formulas: BTreeSet<Formula> = Formula::all().collect();
        assert_eq!(formulas.len(), last + 1, "every variant has an entry");
        let names: BTreeSet<&str> = Formula::all().map(Formula::name).collect();
        assert_eq!(names.len(), GLOSSARY.len());
        for formula in Formula::all() {
            assert!(!formula.text().contains(|c: char| c.is_ascii_digit()), "{formula:?}");
        }
    }
}
