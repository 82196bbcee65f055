//! What each formula about concurrent agents is, in words.

use super::Formula;

/// Each formula with its name in `claims.json` and its words, in the order of the
/// glossary.
pub(super) const TOGETHER: [(Formula, &str, &str); 26] = [
    (
        Formula::TrueSpeedup,
        "true-speedup",
        "Sum of the agents' wall times alone, measured in the same block, divided by the \
         makespan of the run together; geometric mean over blocks with the t interval of the \
         logarithms.",
    ),
    (
        Formula::TrueEfficiency,
        "true-efficiency",
        "True speed-up divided by the number of agents: one is what independent agents would \
         reach. Interval as for the speed-up.",
    ),
    (
        Formula::Slowdown,
        "slowdown",
        "Wall time of an agent together divided by its wall time alone in the same block; \
         geometric mean over blocks with the t interval of the logarithms (Student; Fleming and \
         Wallace). One is no contention.",
    ),
    (
        Formula::SlowdownPerToken,
        "slowdown-per-token",
        "As the slowdown, with wall time per output token in the place of wall time.",
    ),
    (
        Formula::Pays,
        "makespan-ratio",
        "Makespan together divided by the sum of the wall times alone, within blocks: below \
         one, running together is done sooner than one after the other.",
    ),
    (
        Formula::WorkRate,
        "work-rate",
        "Output tokens of all agents divided by the makespan, or, alone, by the sum of the wall \
         times; mean over runs, t interval.",
    ),
    (
        Formula::WorkRateRatio,
        "work-rate-ratio",
        "Work rate together divided by work rate one after the other, within blocks.",
    ),
    (
        Formula::Balance,
        "balance",
        "Sum of the agents' wall times together divided by makespan times number of agents: how \
         equal the durations are, nothing else. Older reports called it efficiency. Mean over runs, t \
         interval cut at one.",
    ),
    (
        Formula::Fairness,
        "jain",
        "Jain's index over the agents' wall times alone divided by together: one if all are \
         slowed down alike (Jain, Chiu and Hawe); mean over runs, t interval cut at one.",
    ),
    (
        Formula::Overlap,
        "overlap",
        "Share of the makespan during which every agent waits for or receives tokens; mean over \
         runs, t interval cut at one.",
    ),
    (
        Formula::Wait,
        "wait",
        "TTFT less what the server reports for load and prompt, mean over an agent's calls, mean \
         over runs. The first token and the network are in it.",
    ),
    (
        Formula::WaitAdded,
        "wait-added",
        "Wait together less wait alone in the same block: the time that the agent stood in a \
         queue; mean over blocks, t interval.",
    ),
    (
        Formula::StartSpread,
        "start-spread",
        "Latest less earliest begin of a run's agents; mean over runs.",
    ),
    (
        Formula::LegacySpeedup,
        "legacy-speedup",
        "Sum of the agents' wall times together divided by the makespan, which older reports \
         called speed-up.",
    ),
    (
        Formula::LegacyFlags,
        "legacy-flag",
        "Runs whose sum of durations together is less than one and a half makespans, which older \
         reports called contended.",
    ),
    (
        Formula::LargestOfRuns,
        "largest-of-runs",
        "Largest value of the stated number of runs. The largest of several draws grows with \
         their number and says little about what to expect.",
    ),
    (
        Formula::GroupEfficiency,
        "group-efficiency",
        "As the true efficiency, with the geometric mean over the group's configurations in each \
         block that has all of them.",
    ),
    (
        Formula::GroupSlowdown,
        "group-slowdown",
        "As the slowdown, with the geometric mean over all agents of the group's configurations \
         in each block that has all of them.",
    ),
    (
        Formula::GroupRateRatio,
        "group-work-rate-ratio",
        "As the work rate ratio, with the geometric mean over the group's configurations in each \
         block that has all of them.",
    ),
    (
        Formula::GroupMean,
        "group-mean",
        "Mean over blocks of the mean over the group's configurations, for blocks that have all \
         of them; t interval over blocks, cut at one.",
    ),
    (
        Formula::TopologyRatio,
        "topology-ratio",
        "Makespan on the second topology divided by that on the first, same agents and options, \
         within blocks; p-value adjusted after Holm over all such pairs.",
    ),
    (
        Formula::StepRatio,
        "step-ratio",
        "True speed-up with more agents divided by that with fewer, within blocks; p-value \
         adjusted after Holm over all steps.",
    ),
    (
        Formula::AgentWall,
        "agent-wall",
        "From the agent's first stage after the warm-up to its end; mean over runs, t interval.",
    ),
    (
        Formula::Makespan,
        "makespan",
        "From the first agent's begin to the last agent's end; mean over runs, t interval.",
    ),
    (
        Formula::AloneSum,
        "alone-sum",
        "Sum of the agents' wall times alone in one block; mean over blocks, t interval.",
    ),
    (Formula::Efficiency, "efficiency-of-run", "As the true efficiency, of one run."),
];
