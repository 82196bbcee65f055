//! Formulas: how a claim was derived, in words.
//!
//! Owns: the names that `claims.json` uses and the glossary of the report.
//!
//! Does not: compute; the named function of `tachograph_stats` or
//! `tachograph_model` does.

mod glossary;
mod implementations;
mod imported;
mod together;
mod validation;

use glossary::GLOSSARY;
use implementations::IMPLEMENTATIONS;
use imported::IMPORTED;
use together::TOGETHER;
use validation::VALIDATION;

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
    Studentised,
    MedianInterval,
    HarrellDavis,
    TrimmedMean,
    ClusterMedian,
    BenjaminiHochberg,
    Dunnett,
    Tost,
    SignedRank,
    PseudoMedian,
    SignFlip,
    SignBlocks,
    Welch,
    MannWhitney,
    HodgesLehmann,
    BrunnerMunzel,
    KolmogorovSmirnov,
    Relabelling,
    BrownForsythe,
    SpreadRatio,
    HedgesG,
    CliffsDelta,
    Fieller,
    EqualLength,
    LengthSlope,
    TokenRatio,
    PartialEta,
    SdBetween,
    SdWithin,
    Icc,
    RunCost,
    BestRepetitions,
    NestedSd,
    Autocorrelation,
    EffectiveN,
    ChangePoint,
    SegmentMean,
    SteadyFrom,
    TheilSen,
    RawLead,
    Shrunk,
    ShrunkRatio,
    ShrinkWeight,
    BestSubset,
    Luck,
    Confirmation,
    Power,
    DetectableEach,
    LogSd,
    TrueSpeedup,
    TrueEfficiency,
    Slowdown,
    SlowdownPerToken,
    Pays,
    WorkRate,
    WorkRateRatio,
    Balance,
    Fairness,
    Overlap,
    Wait,
    WaitAdded,
    StartSpread,
    LegacySpeedup,
    LegacyFlags,
    LargestOfRuns,
    GroupEfficiency,
    GroupSlowdown,
    GroupRateRatio,
    GroupMean,
    TopologyRatio,
    StepRatio,
    AgentWall,
    Makespan,
    AloneSum,
    Efficiency,
    ImplementationMean,
    ImplementationRatio,
    ImplementationDifference,
    CellRatio,
    TuningRatio,
    InstanceSeconds,
    CostPerMonth,
    Saving,
    BreakEven,
    CapacityRate,
    CapacityMemory,
    CapacityPerGb,
    CapacityRatio,
    EveryCall,
    CompletedCalls,
    MixedTtft,
    StatedMeans,
    MeanOfSessions,
    SampleSd,
    SampleCv,
    MedianOf,
    SmallestOf,
    LargestOf,
    BalanceOfRuns,
    ReportedMean,
    LegacyFlagShare,
    SpeedupElsewhere,
    EfficiencyElsewhere,
    SlowdownElsewhere,
    SlowedDown,
    SdWithinLevels,
    LevelsApart,
    Claimed,
    Earlier,
    RelationBound,
    ChanceMatches,
    ChangeSince,
    PointsSince,
    WithinStudy,
    BetweenStudies,
}

impl Formula {
    /// Returns every formula, in the order of the glossary.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        entries().map(|(formula, _, _)| *formula)
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
        entries().find(|(own, _, _)| *own == self).expect("a test holds them complete")
    }
}

/// Returns every formula with its name and its words.
fn entries() -> impl Iterator<Item = &'static (Formula, &'static str, &'static str)> {
    let more = IMPORTED.iter().chain(&VALIDATION);
    GLOSSARY.iter().chain(&TOGETHER).chain(&IMPLEMENTATIONS).chain(more)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_glossary_is_complete_and_its_names_differ() {
        let last = Formula::BetweenStudies as usize;
        let formulas: BTreeSet<Formula> = Formula::all().collect();
        assert_eq!(formulas.len(), last + 1, "every variant has an entry");
        let names: BTreeSet<&str> = Formula::all().map(Formula::name).collect();
        assert_eq!(names.len(), entries().count());
        for formula in Formula::all() {
            assert!(!formula.text().contains(|c: char| c.is_ascii_digit()), "{formula:?}");
        }
    }
}
