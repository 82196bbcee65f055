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
}

impl Formula {
    /// Every formula, in the order of the glossary.
    pub(crate) const ALL: [Self; 27] = [
        Self::Stated,
        Self::Recorded,
        Self::Count,
        Self::Sum,
        Self::Share,
        Self::RunMean,
        Self::Mean,
        Self::StandardDeviation,
        Self::Median,
        Self::Minimum,
        Self::Maximum,
        Self::CoefficientOfVariation,
        Self::PairedRatio,
        Self::Margin,
        Self::HolmDifference,
        Self::HolmEquivalence,
        Self::UnadjustedP,
        Self::PooledQuantile,
        Self::QuantileNeed,
        Self::Proportion,
        Self::OneSidedBound,
        Self::LevelMean,
        Self::FactorF,
        Self::EtaSquared,
        Self::BlockF,
        Self::DegreesOfFreedom,
        Self::DelayPercentile,
    ];

    /// Returns the name used in `claims.json`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Stated => "stated",
            Self::Recorded => "recorded",
            Self::Count => "count",
            Self::RunMean => "run-mean",
            Self::Mean => "mean-t",
            Self::StandardDeviation => "sd",
            Self::Median => "median",
            Self::Minimum => "minimum",
            Self::Maximum => "maximum",
            Self::PooledQuantile => "quantile-order-statistic",
            Self::QuantileNeed => "quantile-sample-size",
            Self::PairedRatio => "paired-ratio",
            Self::HolmDifference => "holm-difference",
            Self::HolmEquivalence => "holm-equivalence",
            Self::UnadjustedP => "paired-t-log",
            Self::Proportion => "proportion-wilson",
            Self::Share => "share",
            Self::CoefficientOfVariation => "cv-vangel",
            Self::LevelMean => "level-mean",
            Self::FactorF => "factor-f",
            Self::EtaSquared => "eta-squared",
            Self::BlockF => "block-f",
            Self::DegreesOfFreedom => "degrees-of-freedom",
            Self::Margin => "margin-log",
            Self::OneSidedBound => "one-sided-bound",
            Self::DelayPercentile => "delay-percentile",
            Self::Sum => "sum",
        }
    }

    /// Returns the formula in words, for the glossary and the HTML panel.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Stated => "Stated in the plan before the first request.",
            Self::Recorded => "Read from the evidence, not computed.",
            Self::Count => "Counted in the evidence.",
            Self::Sum => "Sum over the named runs.",
            Self::Share => "Part divided by whole; no interval, since nothing is inferred.",
            Self::RunMean => {
                "Value of one run: tokens over wall time, the wall time, or the mean over the \
                 run's calls that have the quantity."
            }
            Self::Mean => {
                "Arithmetic mean over run means; Student's t interval: mean ∓ t(n − one) · sd / √n."
            }
            Self::StandardDeviation => "Sample standard deviation over run means, divisor n − one.",
            Self::Median => "Middle of the sorted run means.",
            Self::Minimum => "Smallest run mean.",
            Self::Maximum => "Largest run mean.",
            Self::CoefficientOfVariation => {
                "Standard deviation divided by mean, over run means; interval after Vangel."
            }
            Self::PairedRatio => {
                "Geometric mean over blocks of treatment divided by baseline of the same block; \
                 t interval on the logarithms, exponentiated. Printed as a change in percent."
            }
            Self::Margin => {
                "The plan's margin m; ratios from one / (one + m) to one + m are equivalent."
            }
            Self::HolmDifference => {
                "Two-sided p-value of “the ratio is one” (paired t on logarithms), adjusted after \
                 Holm over the primary family."
            }
            Self::HolmEquivalence => {
                "Larger p-value of the two one-sided tests against the margin (Schuirmann), \
                 adjusted after Holm over the primary family."
            }
            Self::UnadjustedP => {
                "Two-sided p-value of “the ratio is one” (paired t on logarithms), not adjusted: \
                 exploratory."
            }
            Self::PooledQuantile => {
                "Type-seven quantile of the pooled values; the interval's ends are two of the \
                 sample's own values (order statistics). Values of one run are not independent, so \
                 the interval is a lower limit of the uncertainty."
            }
            Self::QuantileNeed => {
                "Smallest n for which the extremes of a sample bound the quantile on both sides."
            }
            Self::Proportion => "Successes divided by trials; Wilson's interval.",
            Self::OneSidedBound => {
                "Where all trials went the same way: exact one-sided bound, one − α^(one / n) (the \
                 rule of three is its approximation)."
            }
            Self::LevelMean => {
                "Mean over blocks of the level's runs averaged within each block; t interval over \
                 blocks."
            }
            Self::FactorF => {
                "F test of the factor in a randomised complete block design, against the \
                 block-by-combination residual; p-value not adjusted."
            }
            Self::EtaSquared => {
                "Sum of squares of the effect divided by the total, blocks included."
            }
            Self::BlockF => {
                "F test of the blocks against the block-by-configuration residual: whether the \
                 level of the whole study moved."
            }
            Self::DegreesOfFreedom => "Degrees of freedom of an effect or of its residual.",
            Self::DelayPercentile => {
                "Type-seven quantile of user stamp minus kernel stamp over the run's chunks; the \
                 worst run is printed."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_glossary_is_complete_and_its_names_differ() {
        let names: BTreeSet<&str> = Formula::ALL.iter().map(|formula| formula.name()).collect();
        assert_eq!(names.len(), Formula::ALL.len());
        for formula in Formula::ALL {
            assert!(!formula.text().contains(|c: char| c.is_ascii_digit()), "{formula:?}");
        }
    }
}
