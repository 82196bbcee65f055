//! From facts to estimates, comparisons and validity.
//!
//! Owns: [`Analysis`], everything that a report can say, and [`analyse`].
//!
//! Does not: compute a statistic itself (`tachograph_stats` does), round, or
//! choose words.

pub(crate) mod comparison;
pub(crate) mod configuration;
pub(crate) mod deviation;
pub(crate) mod drift;
pub(crate) mod sensitivity;
pub(crate) mod stopping;
pub(crate) mod timeline;

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::digest::Digest;
use tachograph_model::environment::Environment;
use tachograph_model::event::{CallStatus, RunOutcome};
use tachograph_model::plan::{Metric, Plan, expand};
use tachograph_model::run::{Arm, Configuration, RunId};
use tachograph_model::study::StudyHead;
use tachograph_stats::{
    Confidence, DecisionRule, Direction, Ecdf, Effect, MannKendall, Margin, Proportion,
    ProportionEstimate, Sample, Verdict,
};

use crate::concurrency::Concurrency;
use crate::depth::exploratory::{self, Exploratory};
use crate::depth::{self, Depth, Inputs};
use crate::facts::{CallFacts, Degeneracy, RunFacts};
use crate::implementations::{self, Implementations, Material};
use crate::imported::{self, ImportedAnalysis};
use crate::validity::{self, Status, Validity};
use comparison::Compared;
use configuration::ConfigurationAnalysis;
use deviation::Deviation;
use drift::ConditionRange;
use sensitivity::Sensitivity;
use stopping::Stopping;
use timeline::Timeline;

/// The sets of runs that claims rest on, by name.
pub(crate) const ALL_RUNS: &str = "all runs";
/// The runs that enter run means.
pub(crate) const MEASURED_RUNS: &str = "measured runs";
/// The runs of the full factorial.
pub(crate) const FACTORIAL_RUNS: &str = "factorial runs";

/// Everything that can be said about a study.
#[derive(Debug, Clone)]
pub struct Analysis {
    pub(crate) plan: Plan,
    pub(crate) plan_sha256: Digest,
    pub(crate) environment: Environment,
    pub(crate) harness_version: Option<String>,
    pub(crate) plan_text_sha256: Option<Digest>,
    pub(crate) rule: DecisionRule,
    /// Runs of the plan; under a sequential rule, the most.
    pub(crate) n_planned: usize,
    /// Where the study stands with a sequential stopping rule, if the plan has one.
    pub(crate) stopping: Option<Stopping>,
    /// What each agent called itself, by the agent's name; more than one where
    /// runs differ.
    pub(crate) implementations: BTreeMap<String, BTreeSet<String>>,
    pub(crate) runs: Vec<RunRow>,
    pub(crate) sets: BTreeMap<String, Vec<usize>>,
    /// The worst status of the runs of each set.
    pub(crate) set_status: BTreeMap<String, Status>,
    pub(crate) configurations: Vec<ConfigurationAnalysis>,
    pub(crate) success: Success,
    pub(crate) sensitivity: Sensitivity,
    pub(crate) block_effect: Option<Effect>,
    pub(crate) block_means: Vec<(u32, f64)>,
    /// The trend of the runs' departures, in the order of execution.
    pub(crate) trend: Option<MannKendall>,
    /// The smallest ratio above 1 that the typical comparison could detect.
    pub(crate) detectable: Option<f64>,
    /// What lies below the verdicts on the primary metric.
    pub(crate) depth: Depth,
    /// The adjusted p-values of what nobody planned.
    pub(crate) exploratory: Exploratory,
    pub(crate) conditions: Vec<ConditionRange>,
    pub(crate) ttft_warm: Option<Ecdf>,
    pub(crate) ttft_cold: Option<Ecdf>,
    pub(crate) failed_calls: Vec<FailedCall>,
    pub(crate) input_files: BTreeMap<String, (u64, Digest)>,
    pub(crate) skipped_files: BTreeMap<String, String>,
    pub(crate) timeline: Option<Timeline>,
    /// What several agents at once cost each other, if the plan has phases.
    pub(crate) concurrency: Option<Concurrency>,
    /// What implementations of one agent are against each other, if the plan has any.
    pub(crate) contest: Option<Implementations>,
    /// What another program's results are, if the study was imported.
    pub(crate) imported: Option<ImportedAnalysis>,
    /// Whether any call says how long its model took to load.
    pub(crate) knows_loads: bool,
    pub(crate) validity: Validity,
    pub(crate) deviations: Vec<Deviation>,
}

/// One run, reduced to a line of the appendix.
#[derive(Debug, Clone)]
pub(crate) struct RunRow {
    pub(crate) id: RunId,
    pub(crate) index: u32,
    /// Position of its configuration; absent for a run that the plan lacks.
    pub(crate) configuration: Option<usize>,
    pub(crate) outcome: RunOutcome,
    pub(crate) is_measured: bool,
    pub(crate) metrics: BTreeMap<Metric, f64>,
    pub(crate) output_tokens: u64,
    pub(crate) n_calls: u64,
    pub(crate) n_failed_calls: u64,
    pub(crate) events_sha256: Digest,
    pub(crate) status: Status,
}

/// A call that did not complete.
#[derive(Debug, Clone)]
pub(crate) struct FailedCall {
    pub(crate) run: RunId,
    pub(crate) agent: String,
    pub(crate) call: u32,
    pub(crate) stage: &'static str,
    pub(crate) status: CallStatus,
    pub(crate) error: Option<String>,
    pub(crate) http_status: Option<u16>,
    pub(crate) line: u64,
}

/// How often tuning helped.
#[derive(Debug, Clone)]
pub(crate) struct Success {
    /// Tuned configurations whose verdict is better, of those judged.
    pub(crate) configurations: Option<ProportionEstimate>,
    /// Tuned runs that beat the baseline of their own block, of those that
    /// have one.
    pub(crate) runs: Option<ProportionEstimate>,
}

/// What one configuration is against the baseline, for a terminal.
#[derive(Debug, Clone, PartialEq)]
pub struct Headline {
    /// The configuration's slug.
    pub configuration: String,
    /// What it is compared as.
    pub arm: Arm,
    /// How many runs enter its mean.
    pub n_runs: usize,
    /// The mean of the primary metric, in the metric's unit.
    pub mean: Option<f64>,
    /// The ratio to the baseline with the ends of its interval.
    pub ratio: Option<(f64, f64, f64)>,
    /// The verdict on it.
    pub verdict: Option<Verdict>,
    /// Whether what it rests on is valid.
    pub validity: Status,
}

/// The kinds of reports that a study can have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One agent, many configurations, one baseline.
    SingleAgent,
    /// Several agents at once, and each of them alone.
    MultiAgent,
    /// Several implementations of one agent.
    CrossLanguage,
    /// Results of another program.
    Imported,
}

impl Kind {
    /// Returns the name, which is also the report's folder.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::SingleAgent => "single-agent",
            Self::MultiAgent => "multi-agent",
            Self::CrossLanguage => "cross-language",
            Self::Imported => "imported",
        }
    }

    /// Returns what stands above the title.
    pub(crate) fn overline(self) -> &'static str {
        match self {
            Self::SingleAgent => "Tachograph · single-agent report",
            Self::MultiAgent => "Tachograph · multi-agent report",
            Self::CrossLanguage => "Tachograph · cross-language report",
            Self::Imported => "Tachograph · imported results",
        }
    }
}

/// Analyses the runs of a study.
///
/// `facts` are those of all sealed runs, in any order; the result does not
/// depend on it. A study without runs, without a baseline or with one block
/// gives an analysis that says what is missing.
pub fn analyse(head: &StudyHead, facts: &[RunFacts]) -> Analysis {
    let mut facts: Vec<&RunFacts> = facts.iter().collect();
    facts.sort_by_key(|run| (run.index, run.id.clone()));
    let plan = &head.plan;
    let planned = expand::configurations(plan);
    let position: BTreeMap<_, _> =
        planned.iter().enumerate().map(|(index, planned)| (&planned.id, index)).collect();
    let configuration_of = |run: &RunFacts| position.get(&run.id.configuration).copied();
    let rule = rule(plan);

    let mut validity = validity::assess(head, &facts, &planned);
    let runs: Vec<RunRow> =
        facts.iter().map(|run| row(run, configuration_of(run), &validity)).collect();
    let mut configurations = configuration::estimate(&planned, &facts, &runs, &rule);
    configuration::resample(&mut configurations, plan, &rule);
    comparison::compare(&mut configurations, &runs, plan, &rule);
    let stopping = Stopping::of(plan, &planned, &runs);
    if let Some(stopping) = &stopping {
        stopping.apply(&mut configurations);
    }
    let sensitivity = sensitivity::analyse(plan, &planned, &facts, &runs, &rule);
    validity.add_levels(&sensitivity);
    validity.add_failure_rates(&configurations, rule.confidence);
    let (block_effect, block_means) =
        drift::blocks(&runs, planned.len(), plan.primary.metric, &rule);
    let depth = Depth::of(&Inputs {
        plan,
        rule: &rule,
        metric: plan.primary.metric,
        configurations: &configurations,
        runs: &runs,
        facts: &facts,
        sessions: &depth::sessions(head),
    });
    let trend = depth.series.trend.as_ref().ok().copied();
    validity.add_trend(trend.as_ref(), plan);
    let created = head.created();
    let mut sets = sets(plan, &runs, &planned);
    sets.extend(imported::sets(&facts));
    let concurrency = Concurrency::of(plan, &planned, &facts, &runs, &rule);
    let material = Material { plan, planned: &planned, facts: &facts, rows: &runs, rule: &rule };
    let contest = Implementations::of(&material, concurrency.as_ref());
    validity.add_parity(contest.as_ref());
    Analysis {
        plan: plan.clone(),
        plan_sha256: head.plan_sha256,
        environment: head.environment.clone(),
        harness_version: created.map(|created| created.harness_version.clone()),
        plan_text_sha256: created.map(|created| created.plan_sha256),
        rule,
        n_planned: expand::n_runs(plan),
        set_status: set_status(&sets, &runs, &validity),
        sets,
        success: success(&configurations, &runs, plan.primary.metric, &rule),
        sensitivity,
        block_effect,
        block_means,
        ttft_warm: ttft(&facts, false, rule.confidence),
        ttft_cold: ttft(&facts, true, rule.confidence),
        failed_calls: failed_calls(&facts),
        input_files: facts
            .iter()
            .flat_map(|run| &run.agents)
            .flat_map(|agent| agent.files.clone())
            .collect(),
        skipped_files: facts
            .iter()
            .flat_map(|run| &run.agents)
            .flat_map(|agent| agent.skipped.clone())
            .collect(),
        implementations: implementations(&facts),
        timeline: Timeline::of(&facts),
        concurrency,
        contest,
        imported: ImportedAnalysis::of(plan, &planned, &facts, &runs, &rule),
        knows_loads: facts.iter().any(|run| run.calls().any(|call| call.load_ms().is_some())),
        deviations: deviation::list(head, &facts, stopping.as_ref()),
        trend,
        // Theory for a number of blocks that was fixed beforehand.
        detectable: if stopping.is_none() {
            comparison::detectable(&configurations, plan, &rule)
        } else {
            None
        },
        stopping,
        depth,
        exploratory: exploratory::adjusted(&configurations, plan),
        conditions: drift::conditions(&facts),
        validity,
        configurations,
        runs,
    }
}

fn implementations(facts: &[&RunFacts]) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for agent in facts.iter().flat_map(|run| &run.agents) {
        let names = found.entry(agent.name.clone()).or_default();
        names.extend(agent.implementation.clone());
    }
    found
}

impl Analysis {
    /// Returns which kind of report the study has.
    pub(crate) fn kind(&self) -> Kind {
        if self.plan.imported.is_some() {
            Kind::Imported
        } else if self.plan.implementations.is_some() {
            Kind::CrossLanguage
        } else if self.plan.is_concurrent() {
            Kind::MultiAgent
        } else {
            Kind::SingleAgent
        }
    }

    /// Returns one line per configuration, for a terminal or a gate.
    pub fn headlines(&self) -> Vec<Headline> {
        let primary = self.plan.primary.metric;
        self.configurations
            .iter()
            .map(|configuration| {
                let estimate = configuration.metrics.get(&primary);
                let judged = configuration.judged(primary);
                Headline {
                    configuration: configuration.planned.id.to_string(),
                    arm: configuration.planned.arm,
                    n_runs: estimate.map_or(0, |estimate| estimate.summary.n),
                    mean: estimate.map(|estimate| estimate.summary.mean),
                    ratio: judged.map(|judged| {
                        let ratio = &judged.ratio;
                        (ratio.ratio, ratio.interval.low, ratio.interval.high)
                    }),
                    verdict: judged.map(|judged| judged.verdict),
                    validity: configuration.status,
                }
            })
            .collect()
    }

    /// Returns whether the study as a whole is valid, suspect or invalid.
    pub fn validity(&self) -> Status {
        self.validity.worst()
    }

    /// Returns how many runs the plan asks for and how many are sealed. Where its
    /// stopping rule ended the study, it asks for those up to that look.
    pub fn n_runs(&self) -> (usize, usize) {
        let stopped = self.stopping.as_ref().and_then(Stopping::stopped_after);
        let due = stopped
            .map_or(self.n_planned, |n_blocks| self.configurations.len() * n_blocks as usize);
        (due, self.runs.len())
    }

    /// Returns the baseline.
    pub(crate) fn baseline(&self) -> Option<&ConfigurationAnalysis> {
        self.configurations.iter().find(|each| each.planned.arm == Arm::Baseline)
    }

    /// Returns the tuned configurations.
    pub(crate) fn tuned(&self) -> impl Iterator<Item = &ConfigurationAnalysis> {
        self.configurations.iter().filter(|each| each.planned.arm == Arm::Chimera)
    }

    /// Returns the tuned configurations with `verdict` on the primary metric.
    pub(crate) fn with_verdict(&self, verdict: Verdict) -> Vec<&ConfigurationAnalysis> {
        let primary = self.plan.primary.metric;
        self.tuned()
            .filter(|each| each.judged(primary).is_some_and(|judged| judged.verdict == verdict))
            .collect()
    }
}

/// Returns the rule by which the plan decides.
fn rule(plan: &Plan) -> DecisionRule {
    let level = (1.0 - plan.primary.alpha).clamp(0.5, 0.999_999);
    let margin = (plan.primary.margin_percent / 100.0).clamp(1e-6, 1.0);
    DecisionRule {
        confidence: Confidence::new(level).unwrap_or(Confidence::NINETY_FIVE),
        margin: Margin::new(margin).expect("clamped to the margin's range"),
        direction: direction(plan.primary.metric),
    }
}

pub(crate) fn direction(metric: Metric) -> Direction {
    if metric.higher_is_better() { Direction::HigherIsBetter } else { Direction::LowerIsBetter }
}

fn row(run: &RunFacts, configuration: Option<usize>, validity: &Validity) -> RunRow {
    let metrics =
        Metric::ALL.into_iter().filter_map(|metric| Some((metric, run.metric(metric)?))).collect();
    let n_calls = run.calls().count() as u64;
    let n_unfinished: usize = run.agents.iter().map(|agent| agent.n_unfinished_calls).sum();
    let n_failed = run.calls().filter(|call| !call.is_completed()).count();
    RunRow {
        id: run.id.clone(),
        index: run.index,
        configuration,
        outcome: run.outcome,
        is_measured: run.is_measured(),
        metrics,
        output_tokens: run.output_tokens(),
        n_calls: n_calls + n_unfinished as u64,
        n_failed_calls: (n_failed + n_unfinished) as u64,
        events_sha256: run.events_sha256,
        status: validity.of_run(&run.id),
    }
}

/// Returns the name of the set of a concurrent configuration's runs and the solo runs
/// of its agents.
pub(crate) fn with_solo(configuration: &str) -> String {
    format!("{configuration} with solo runs")
}

fn sets(plan: &Plan, runs: &[RunRow], planned: &[Configuration]) -> BTreeMap<String, Vec<usize>> {
    let chosen = |keep: &dyn Fn(&RunRow) -> bool| -> Vec<usize> {
        runs.iter().enumerate().filter(|(_, run)| keep(run)).map(|(index, _)| index).collect()
    };
    let is_factorial =
        |run: &RunRow| run.configuration.is_some_and(|at| !planned[at].levels.is_empty());
    let mut sets = BTreeMap::from([
        (ALL_RUNS.to_owned(), chosen(&|_| true)),
        (MEASURED_RUNS.to_owned(), chosen(&|run| run.is_measured)),
        (FACTORIAL_RUNS.to_owned(), chosen(&is_factorial)),
    ]);
    for (name, members) in implementations::sets(plan, planned) {
        let is_member = |run: &RunRow| run.configuration.is_some_and(|at| members.contains(&at));
        sets.insert(name, chosen(&is_member));
    }
    for (index, configuration) in planned.iter().enumerate() {
        sets.insert(configuration.id.to_string(), chosen(&|run| run.configuration == Some(index)));
        if configuration.arm == Arm::Concurrent {
            let is_solo = |at: usize| {
                let solos = configuration.placements.iter();
                solos.filter_map(|each| each.solo.as_ref()).any(|solo| *solo == planned[at].id)
            };
            let meant =
                |run: &RunRow| run.configuration.is_some_and(|at| at == index || is_solo(at));
            sets.insert(with_solo(&configuration.id.0), chosen(&meant));
        } else if !matches!(configuration.arm, Arm::Baseline | Arm::Solo | Arm::Implementation) {
            let both = |run: &RunRow| {
                run.configuration.is_some_and(|at| at == index || planned[at].arm == Arm::Baseline)
            };
            sets.insert(format!("{} with baseline", configuration.id), chosen(&both));
        }
    }
    sets
}

/// Returns the worst status of each set: of its runs, and of itself.
fn set_status(
    sets: &BTreeMap<String, Vec<usize>>,
    runs: &[RunRow],
    validity: &Validity,
) -> BTreeMap<String, Status> {
    let worst = |(name, members): (&String, &Vec<usize>)| {
        let statuses = members.iter().map(|&at| runs[at].status);
        let worst = statuses.max().unwrap_or(Status::Valid);
        (name.clone(), worst.max(validity.of_set(name)))
    };
    sets.iter().map(worst).collect()
}

fn success(
    configurations: &[ConfigurationAnalysis],
    runs: &[RunRow],
    primary: Metric,
    rule: &DecisionRule,
) -> Success {
    let tuned: Vec<&ConfigurationAnalysis> =
        configurations.iter().filter(|each| each.planned.arm == Arm::Chimera).collect();
    let judged: Vec<Verdict> =
        tuned.iter().filter_map(|each| Some(each.judged(primary)?.verdict)).collect();
    let n_better = judged.iter().filter(|&&verdict| verdict == Verdict::Better).count();
    let share = |successes: usize, trials: usize| {
        let proportion = Proportion::new(successes as u64, trials as u64).ok()?;
        Some(proportion.estimate(rule.confidence))
    };
    let value = |run: &RunRow| run.metrics.get(&primary).copied();
    let arm = |run: &RunRow| run.configuration.map(|at| configurations[at].planned.arm);
    let baseline: BTreeMap<u32, f64> = runs
        .iter()
        .filter(|run| arm(run) == Some(Arm::Baseline))
        .filter_map(|run| Some((run.id.block, value(run)?)))
        .collect();
    let pairs: Vec<bool> = runs
        .iter()
        .filter(|run| arm(run) == Some(Arm::Chimera))
        .filter_map(|run| {
            let (own, other) = (value(run)?, *baseline.get(&run.id.block)?);
            Some(if primary.higher_is_better() { own > other } else { own < other })
        })
        .collect();
    Success {
        configurations: share(n_better, judged.len()),
        runs: share(pairs.iter().filter(|&&won| won).count(), pairs.len()),
    }
}

fn ttft(facts: &[&RunFacts], cold: bool, confidence: Confidence) -> Option<Ecdf> {
    let calls = facts.iter().flat_map(|run| run.calls());
    let values: Vec<f64> = calls
        .filter(|call| call.is_completed() && call.cold == cold)
        .filter_map(CallFacts::ttft_ms)
        .collect();
    Some(Ecdf::of(&Sample::new(&values).ok()?, confidence))
}

fn failed_calls(facts: &[&RunFacts]) -> Vec<FailedCall> {
    let mut failed = Vec::new();
    for run in facts {
        for agent in &run.agents {
            let calls = agent.calls.iter().filter(|call| !call.is_completed());
            failed.extend(calls.map(|call| FailedCall {
                run: run.id.clone(),
                agent: agent.name.clone(),
                call: call.call,
                stage: call.stage.name(),
                status: call.status,
                error: call.error.clone(),
                http_status: call.http_status,
                line: call.line,
            }));
        }
    }
    failed
}

/// Returns how many completed calls of the runs have each kind of degeneracy.
pub(crate) fn degenerate<'a>(
    runs: impl IntoIterator<Item = &'a &'a RunFacts>,
) -> BTreeMap<Degeneracy, u64> {
    let mut counts = BTreeMap::new();
    for kind in runs.into_iter().flat_map(|run| run.calls()).filter_map(|call| call.degeneracy) {
        *counts.entry(kind).or_default() += 1;
    }
    counts
}

/// Returns what was concluded, where something could be.
pub(crate) fn judged(compared: Option<&Compared>) -> Option<&tachograph_stats::Comparison> {
    match compared? {
        Compared::Judged(comparison) => Some(comparison),
        Compared::Refused(_) => None,
    }
}
