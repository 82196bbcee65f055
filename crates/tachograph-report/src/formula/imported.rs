//! What each formula about another program's results is, in words.

use super::Formula;

/// Each formula with its name in `claims.json` and its words, in the order of the
/// glossary.
pub(super) const IMPORTED: [(Formula, &str, &str); 19] = [
    (
        Formula::EveryCall,
        "every-call",
        "Mean over every call as the source recorded it; a failed call counts with the zero that \
         stands in its place. Older reports average like this.",
    ),
    (
        Formula::CompletedCalls,
        "completed-calls",
        "Mean over the completed calls that have the quantity. Calls of one run are no \
         replicates, so it has no interval.",
    ),
    (
        Formula::MixedTtft,
        "every-call-ttft",
        "Mean time to first token over every call as recorded, cold, warm and failed together. \
         Older reports average like this; it depends on how many calls were cold.",
    ),
    (
        Formula::StatedMeans,
        "stated-means",
        "Mean over runs of the mean over calls that the source states; the calls themselves are \
         not recorded, nor which were cold or failed.",
    ),
    (
        Formula::MeanOfSessions,
        "mean-of-sessions",
        "Mean over sessions of each session's mean, each session counting once.",
    ),
    (
        Formula::SampleSd,
        "sd-of-values",
        "Sample standard deviation of the values averaged, divisor n − one.",
    ),
    (
        Formula::SampleCv,
        "cv-of-values",
        "Standard deviation of the values averaged over their mean.",
    ),
    (Formula::MedianOf, "median-of-values", "Median of the values averaged."),
    (Formula::SmallestOf, "smallest-of-values", "Smallest of the values averaged."),
    (
        Formula::LargestOf,
        "largest-of-values",
        "Largest of the values averaged. The largest of several draws grows with their number.",
    ),
    (
        Formula::BalanceOfRuns,
        "balance-of-runs",
        "Mean over runs of the sum of the agents' wall times divided by makespan times number of \
         agents. Older reports call it efficiency.",
    ),
    (Formula::ReportedMean, "mean-of-runs", "Mean over runs of what the source states."),
    (
        Formula::LegacyFlagShare,
        "legacy-flag-share",
        "Share of runs whose sum of durations is less than one and a half makespans, which older \
         reports called contended; Wilson interval.",
    ),
    (
        Formula::SpeedupElsewhere,
        "speedup-against-another-session",
        "Sum over agents of the mean wall time alone, measured in another session with the same \
         options, divided by the mean makespan together.",
    ),
    (
        Formula::EfficiencyElsewhere,
        "efficiency-against-another-session",
        "Speed-up against solo runs of another session, divided by the number of agents.",
    ),
    (
        Formula::SlowdownElsewhere,
        "slowdown-against-another-session",
        "Geometric mean wall time of an agent together, divided by that alone in another session; \
         interval of Welch on logarithms.",
    ),
    (
        Formula::SlowedDown,
        "slowed-down",
        "Share of agents whose slowdown against solo runs of another session has an interval \
         above one; Wilson interval.",
    ),
    (
        Formula::SdWithinLevels,
        "sd-within-levels",
        "Mean over a factor's levels of the standard deviation of their runs.",
    ),
    (Formula::LevelsApart, "levels-apart", "Largest less smallest mean of a factor's levels."),
];
