//! What each formula about implementations is, in words.

use super::Formula;

/// Each formula with its name in `claims.json` and its words, in the order of the
/// glossary.
pub(super) const IMPLEMENTATIONS: [(Formula, &str, &str); 13] = [
    (
        Formula::ImplementationMean,
        "implementation-mean",
        "Mean over blocks; of each block, over the configurations that both implementations \
         execute. A block counts if both have all of them measured. t interval over blocks.",
    ),
    (
        Formula::ImplementationRatio,
        "implementation-ratio",
        "The implementation over the reference: in each block that has all runs of both, the ratio \
         of geometric means over configurations; geometric mean over blocks with the t interval of \
         the logarithms. Its verdict is adjusted after Holm over its family.",
    ),
    (
        Formula::ImplementationDifference,
        "implementation-difference",
        "The implementation less the reference: in each block that has all runs of both, the \
         difference of means over configurations; mean over blocks, t interval.",
    ),
    (
        Formula::CellRatio,
        "cell-ratio",
        "The implementation over the reference in one configuration, within blocks; p-value adjusted \
         after Holm over all configurations of all pairs.",
    ),
    (
        Formula::TuningRatio,
        "tuning-ratio",
        "A tuned configuration over the baseline of the same implementation on the same server, \
         within blocks; p-value adjusted after Holm over the tuned configurations of that \
         implementation and server.",
    ),
    (
        Formula::InstanceSeconds,
        "instance-seconds",
        "What one request takes of an instance: CPU time divided by processors, or (start-up and \
         wall time) times peak memory divided by the instance's memory; mean over blocks, t interval.",
    ),
    (
        Formula::CostPerMonth,
        "cost-per-month",
        "The larger of the two shares of an instance, run by run, times requests per month times the \
         price of an instance; mean over blocks, t interval. The prices are stated, not measured.",
    ),
    (
        Formula::Saving,
        "saving",
        "Cost per month of the reference less that of the implementation, within blocks; mean over \
         blocks, t interval.",
    ),
    (
        Formula::BreakEven,
        "break-even",
        "The stated difference of the costs of development divided by the saving per month; the \
         interval is that of the saving, inverted.",
    ),
    (
        Formula::CapacityRate,
        "capacity-rate",
        "Agents of the run divided by its makespan: workflows finished per minute; mean over \
         runs, t interval.",
    ),
    (
        Formula::CapacityMemory,
        "capacity-memory",
        "Sum of the peak memory of all agents of a run; mean over runs, t interval. Pages that \
         processes share count for each of them.",
    ),
    (
        Formula::CapacityPerGb,
        "capacity-per-gb",
        "Workflows finished per minute divided by the peak memory of all agents of the same run; \
         mean over runs, t interval.",
    ),
    (
        Formula::CapacityRatio,
        "capacity-ratio",
        "Workflows per minute and GB of the deployment over those of the first deployment with as \
         many agents on the same topology, within blocks; p-value adjusted after Holm over all \
         deployments.",
    ),
];
