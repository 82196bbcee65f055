//! When the data decide: the plan's sequential stopping rule, asked of the facts.
//!
//! Owns: what a look says, for the harness that goes on or stops, for the report
//! and for `verify`. The same facts give the same answer, whoever asks and however
//! often the study was interrupted.
//!
//! Does not: know a fixed number of blocks, which needs no rule, or read what the
//! journal says of a look.

use std::collections::BTreeMap;

use tachograph_model::plan::stopping::{Rule, Spending, StopWhen};
use tachograph_model::plan::{Metric, Plan, expand};
use tachograph_model::run::{Arm, Configuration, ConfigurationId, RunId};
use tachograph_model::study::{ConfigurationLook, LookDecision, LookVerdict, Looked};
use tachograph_stats::{
    Confidence, ConfidenceSequence, DecisionRule, GroupSequential, JudgeError, Judgement, Pair,
    Pairs, StoppingRule, Verdict, compare_arms,
};

use super::RunRow;
use super::comparison::{Compared, Refusal};
use super::configuration::ConfigurationAnalysis;
use crate::formula::Formula;

/// The primary metric of every run so far, by configuration and block.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PrimaryValues(BTreeMap<ConfigurationId, BTreeMap<u32, f64>>);

impl PrimaryValues {
    /// Takes a run's value in; a run without one leaves its block unpaired.
    pub fn add(&mut self, run: &RunId, value: Option<f64>) {
        if let Some(value) = value {
            self.0.entry(run.configuration.clone()).or_default().insert(run.block, value);
        }
    }

    /// Returns the blocks up to `n_blocks` that hold both, ascending, with their pairs.
    fn paired(
        &self,
        treatment: &ConfigurationId,
        baseline: &ConfigurationId,
        n_blocks: u32,
    ) -> Vec<(u32, Pair)> {
        let (Some(own), Some(baseline)) = (self.0.get(treatment), self.0.get(baseline)) else {
            return Vec::new();
        };
        let pair = |(block, &treatment): (&u32, &f64)| {
            Some((*block, Pair { treatment, baseline: *baseline.get(block)? }))
        };
        own.range(..=n_blocks).filter_map(pair).collect()
    }
}

/// A planned look with its boundary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannedLook {
    /// After how many complete blocks.
    pub n_blocks: u32,
    /// The two-sided p-value that the paired t test of one configuration must not
    /// exceed for a difference to be stated at this look; absent where nothing can be
    /// stated yet.
    pub nominal_p: Option<f64>,
}

/// A plan's stopping rule, if it looks more than once.
///
/// Alpha is divided by the number of tuned configurations (Bonferroni), and each
/// then has the rule to itself. All arms and all looks together state a false
/// difference with probability at most alpha, whatever the dependence between arms
/// that share a baseline. Holm's sharper adjustment orders p-values at one look and
/// has no counterpart for intervals that must hold at all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct SequentialRule {
    kind: Kind,
    decision: DecisionRule,
    metric: Metric,
    stop_when: StopWhen,
    looks: Vec<u32>,
    baseline: ConfigurationId,
    tuned: Vec<ConfigurationId>,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Group(GroupSequential),
    Always(ConfidenceSequence),
}

/// One configuration at one look.
pub(crate) struct Judged {
    pairs: Pairs,
    judgement: Judgement,
}

impl SequentialRule {
    /// Returns the plan's rule; `None` if its number of blocks is fixed.
    pub fn of(plan: &Plan) -> Option<Self> {
        let configurations = expand::configurations(plan);
        let ids = |arm: Arm| {
            let of_arm = configurations.iter().filter(move |each| each.arm == arm);
            of_arm.map(|each| each.id.clone())
        };
        let tuned: Vec<ConfigurationId> = ids(Arm::Chimera).collect();
        let share = plan.primary.alpha / tuned.len().max(1) as f64;
        // The plan was checked to leave a usable share; its ends may round beyond.
        let confidence = Confidence::new((1.0 - share).clamp(0.8, 0.9999)).ok()?;
        let looks = plan.stopping.looks(plan.blocks);
        let kind = match plan.stopping.rule {
            Rule::Fixed => return None,
            Rule::GroupSequential => {
                let counts: Vec<usize> = looks.iter().map(|&look| look as usize).collect();
                let spending = match plan.stopping.spending() {
                    Spending::ObrienFleming => tachograph_stats::Spending::OBrienFleming,
                    Spending::Pocock => tachograph_stats::Spending::Pocock,
                };
                Kind::Group(GroupSequential::new(&counts, spending, confidence).ok()?)
            }
            Rule::AlwaysValid => {
                let n_blocks = plan.stopping.tuned_for(plan.blocks) as usize;
                Kind::Always(ConfidenceSequence::tuned_for(n_blocks, confidence).ok()?)
            }
        };
        Some(Self {
            kind,
            decision: DecisionRule { confidence, ..super::rule(plan) },
            metric: plan.primary.metric,
            stop_when: plan.stopping.stop_when.unwrap_or_default(),
            looks,
            baseline: ids(Arm::Baseline).next()?,
            tuned,
        })
    }

    /// Returns the metric that decides.
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Returns the confidence of one configuration's interval, over all its looks.
    pub fn confidence(&self) -> Confidence {
        self.decision.confidence
    }

    /// Returns the number of configurations among which alpha is shared.
    pub fn n_tuned(&self) -> usize {
        self.tuned.len()
    }

    /// Returns the planned looks in order, at least one.
    pub fn looks(&self) -> Vec<PlannedLook> {
        self.looks
            .iter()
            .enumerate()
            .map(|(at, &n_blocks)| PlannedLook {
                n_blocks,
                nominal_p: match &self.kind {
                    Kind::Group(plan) => plan.looks().get(at).map(|look| look.nominal_p),
                    Kind::Always(sequence) => sequence.nominal_p(n_blocks as usize),
                },
            })
            .collect()
    }

    /// Returns whether the plan has a look after so many complete blocks.
    pub fn has_look_after(&self, n_blocks: u32) -> bool {
        self.looks.binary_search(&n_blocks).is_ok()
    }

    /// Returns the next look after `n_blocks`; `None` after the last one.
    pub fn next_look(&self, n_blocks: u32) -> Option<u32> {
        self.looks.iter().copied().find(|&look| look > n_blocks)
    }

    /// Says what the first `n_blocks` blocks decide, which must be one of the planned
    /// looks. Values of later blocks are not looked at.
    pub fn look(&self, values: &PrimaryValues, n_blocks: u32) -> Looked {
        assert!(self.has_look_after(n_blocks), "the plan has no look after {n_blocks} blocks");
        let configurations: BTreeMap<ConfigurationId, ConfigurationLook> =
            self.tuned.iter().map(|id| (id.clone(), self.look_at(values, id, n_blocks))).collect();
        let mut verdicts = configurations.values().map(|look| look.verdict);
        let over = match self.stop_when {
            StopWhen::AllDecided => verdicts.all(|it| it != LookVerdict::Inconclusive),
        };
        let decision = if over {
            LookDecision::AllDecided
        } else if self.next_look(n_blocks).is_none() {
            LookDecision::LastLook
        } else {
            LookDecision::GoOn
        };
        Looked { n_blocks, configurations, decision }
    }

    fn look_at(
        &self,
        values: &PrimaryValues,
        id: &ConfigurationId,
        n_blocks: u32,
    ) -> ConfigurationLook {
        let n_pairs = values.paired(id, &self.baseline, n_blocks).len();
        // What cannot be compared is open.
        let (verdict, interval) = match self.judge(values, id, n_blocks) {
            Ok(Judged { judgement, .. }) => (judgement.verdict, judgement.interval),
            Err(_) => (Verdict::Inconclusive, None),
        };
        ConfigurationLook {
            n_pairs: u32::try_from(n_pairs).expect("blocks are numbered in 32 bits"),
            verdict: look_verdict(verdict),
            ratio_low_high: interval.map(|interval| [interval.low, interval.high]),
        }
    }

    /// Judges one configuration against the baseline after `n_blocks` blocks.
    pub(crate) fn judge(
        &self,
        values: &PrimaryValues,
        id: &ConfigurationId,
        n_blocks: u32,
    ) -> Result<Judged, Refusal> {
        let paired = values.paired(id, &self.baseline, n_blocks);
        if paired.len() < 2 {
            return Err(Refusal::TooFewBlocks(paired.len()));
        }
        let both: Vec<Pair> = paired.iter().map(|(_, pair)| *pair).collect();
        let pairs = Pairs::new(&both).map_err(Refusal::of)?;
        let stopping = match &self.kind {
            Kind::Group(plan) => StoppingRule::GroupSequential(self.spent(plan, &paired, n_blocks)),
            Kind::Always(sequence) => StoppingRule::AlwaysValid {
                sequence: *sequence,
                n_blocks_most: self.n_blocks_most() as usize,
            },
        };
        match stopping.judge(&pairs, &self.decision) {
            Ok(judgement) => Ok(Judged { pairs, judgement }),
            Err(JudgeError::Pairs { source }) => Err(Refusal::of(source)),
            Err(error) => unreachable!("the rule was made for these pairs: {error}"),
        }
    }

    /// Returns the plan of looks as this configuration could use it: where runs
    /// failed, it has fewer pairs than blocks, and each look may spend only what
    /// these pairs are worth.
    ///
    /// # Source
    ///
    /// Lan and `DeMets` (1983): the spending function fixes each boundary from the
    /// share of the data that is there, so the shares need not be the planned ones.
    /// At the last look what is left is spent on what there is; earlier looks spent
    /// by the smaller shares of the planned number, which can only lose error.
    fn spent(
        &self,
        plan: &GroupSequential,
        paired: &[(u32, Pair)],
        n_blocks: u32,
    ) -> GroupSequential {
        let planned: Vec<u32> = self.looks.iter().copied().filter(|&at| at <= n_blocks).collect();
        let seen: Vec<usize> =
            planned.iter().map(|at| paired.partition_point(|(block, _)| block <= at)).collect();
        if seen.iter().zip(&planned).all(|(&seen, &planned)| seen == planned as usize) {
            return plan.clone();
        }
        let mut counts: Vec<usize> = seen.into_iter().filter(|&count| count >= 2).collect();
        counts.dedup();
        if self.next_look(n_blocks).is_some() {
            counts.push(self.n_blocks_most() as usize);
        }
        GroupSequential::new(&counts, plan.spending(), plan.confidence())
            .expect("counts ascend from two, and there are no more than planned looks")
    }

    fn n_blocks_most(&self) -> u32 {
        self.looks[self.looks.len() - 1]
    }
}

fn look_verdict(verdict: Verdict) -> LookVerdict {
    match verdict {
        Verdict::Better => LookVerdict::Better,
        Verdict::Worse => LookVerdict::Worse,
        Verdict::Equivalent => LookVerdict::Equivalent,
        Verdict::Inconclusive => LookVerdict::Inconclusive,
    }
}

/// Where a study with a sequential rule stands.
#[derive(Debug, Clone)]
pub(crate) struct Stopping {
    pub(crate) rule: SequentialRule,
    /// The looks that the complete blocks allow, up to the one that ended the study.
    pub(crate) looks: Vec<Looked>,
    /// How many blocks are complete, all from the first one.
    pub(crate) n_complete: u32,
    values: PrimaryValues,
}

impl Stopping {
    pub(crate) fn of(plan: &Plan, planned: &[Configuration], runs: &[RunRow]) -> Option<Self> {
        let rule = SequentialRule::of(plan)?;
        let mut values = PrimaryValues::default();
        let mut sealed: BTreeMap<u32, usize> = BTreeMap::new();
        for run in runs.iter().filter(|run| run.configuration.is_some()) {
            values.add(&run.id, run.metrics.get(&rule.metric).copied());
            *sealed.entry(run.id.block).or_default() += 1;
        }
        let n_complete = n_complete(&sealed, planned.len());
        let looks = looks(&rule, &values, n_complete);
        Some(Self { rule, looks, n_complete, values })
    }

    /// Returns the latest look.
    pub(crate) fn last(&self) -> Option<&Looked> {
        self.looks.last()
    }

    /// Returns whether the rule has said its last word.
    pub(crate) fn is_over(&self) -> bool {
        self.last().is_some_and(|last| last.decision != LookDecision::GoOn)
    }

    /// Returns the number of blocks after which the rule ended the study, if it did.
    pub(crate) fn stopped_after(&self) -> Option<u32> {
        let last = self.last()?;
        (last.decision == LookDecision::AllDecided).then_some(last.n_blocks)
    }

    /// Returns the formula of the ratio's interval.
    pub(crate) fn formula(&self) -> Formula {
        match self.rule.kind {
            Kind::Group(_) => Formula::RepeatedInterval,
            Kind::Always(_) => Formula::ConfidenceSequence,
        }
    }

    /// Replaces the comparisons in the primary metric by what the rule says at its
    /// latest look. The A/A arm is judged like a tuned configuration, and decides
    /// nothing.
    pub(crate) fn apply(&self, configurations: &mut [ConfigurationAnalysis]) {
        for each in configurations.iter_mut().filter(|each| each.planned.arm != Arm::Baseline) {
            each.compared.insert(self.rule.metric, self.compared(&each.planned.id));
        }
    }

    fn compared(&self, id: &ConfigurationId) -> Compared {
        let Some(last) = self.last() else { return Compared::Refused(Refusal::BeforeFirstLook) };
        let compared = self.rule.judge(&self.values, id, last.n_blocks).and_then(|judged| {
            let interval = judged.judgement.interval.ok_or(Refusal::Unbounded)?;
            let mut comparison =
                compare_arms(&judged.pairs, &self.rule.decision).map_err(Refusal::of)?;
            comparison.ratio.interval = interval;
            comparison.verdict = judged.judgement.verdict;
            comparison.family_size = self.rule.n_tuned();
            Ok(comparison)
        });
        match compared {
            Ok(comparison) => Compared::Judged(comparison),
            Err(refusal) => Compared::Refused(refusal),
        }
    }
}

/// Returns how many blocks are complete, all from the first one; `sealed` counts the
/// runs of each block.
pub(crate) fn n_complete(sealed: &BTreeMap<u32, usize>, n_configurations: usize) -> u32 {
    let complete = (1..).take_while(|block| sealed.get(block) == Some(&n_configurations));
    complete.last().unwrap_or(0)
}

/// Returns the looks after at most `n_complete` blocks, up to the one that ends the
/// study.
pub(crate) fn looks(rule: &SequentialRule, values: &PrimaryValues, n_complete: u32) -> Vec<Looked> {
    let mut looks = Vec::new();
    for &n_blocks in rule.looks.iter().take_while(|&&look| look <= n_complete) {
        let looked = rule.look(values, n_blocks);
        let goes_on = looked.decision == LookDecision::GoOn;
        looks.push(looked);
        if !goes_on {
            break;
        }
    }
    looks
}
