//! Whether the evidence can carry what is said with it.
//!
//! Owns: the checks of `docs/metrics.md`, section "Validity", each with its
//! verdict and its findings, per run and for the study.
//!
//! Does not: remove anything; a suspect run stays, and is called suspect.

mod implementations;
mod runs;
mod study;
mod together;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tachograph_model::plan::implementations::Instrument;
use tachograph_model::plan::{Order, Plan};
use tachograph_model::run::{Arm, Configuration, RunId};
use tachograph_model::study::StudyHead;
use tachograph_stats::{Confidence, MannKendall};

use crate::analysis::configuration::ConfigurationAnalysis;
use crate::analysis::sensitivity::Sensitivity;
use crate::claim::Format;
use crate::facts::RunFacts;

/// How far something can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing speaks against it.
    Valid,
    /// Something may have spoiled it.
    Suspect,
    /// Something did; it cannot enter a headline.
    Invalid,
}

impl Status {
    /// Returns the name used in prose and `claims.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// Something that is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Check {
    PlanDigest,
    ServerIdentity,
    Inputs,
    SchedulingDelay,
    KernelStamps,
    ClockSteps,
    ClientCpu,
    Background,
    Stolen,
    PromptCache,
    PromptCollapse,
    ContextTruncated,
    ContextDiffers,
    TokenMismatch,
    Degenerate,
    Resets,
    LevelsIgnored,
    FailureRates,
    Drift,
    Harness,
    StartTogether,
    SolosMeasured,
    Parity,
    OwnFigures,
    ProcessLife,
    WorkerOutput,
    Imported,
}

impl Check {
    pub(crate) const ALL: [Self; 27] = [
        Self::Imported,
        Self::PlanDigest,
        Self::Harness,
        Self::ServerIdentity,
        Self::Inputs,
        Self::Parity,
        Self::OwnFigures,
        Self::ProcessLife,
        Self::WorkerOutput,
        Self::KernelStamps,
        Self::SchedulingDelay,
        Self::ClockSteps,
        Self::ClientCpu,
        Self::Background,
        Self::Stolen,
        Self::PromptCache,
        Self::PromptCollapse,
        Self::ContextTruncated,
        Self::ContextDiffers,
        Self::TokenMismatch,
        Self::Degenerate,
        Self::Resets,
        Self::LevelsIgnored,
        Self::FailureRates,
        Self::StartTogether,
        Self::SolosMeasured,
        Self::Drift,
    ];

    /// Returns whether the check is one of the plan's kind of study.
    pub(crate) fn is_of(self, plan: &Plan) -> bool {
        match self {
            Self::StartTogether | Self::SolosMeasured => plan.is_concurrent(),
            Self::LevelsIgnored => !plan.is_concurrent(),
            Self::Parity => plan.implementations.is_some(),
            Self::OwnFigures => plan.instrument == Instrument::Tap,
            Self::Imported => plan.imported.is_some(),
            _ => true,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::PlanDigest => "the plan is the one written first",
            Self::ServerIdentity => "same server and model in every run",
            Self::Inputs => "same input files in every run",
            Self::KernelStamps => "receive stamps from the kernel",
            Self::SchedulingDelay => "the client read data in time",
            Self::ClockSteps => "no step of the real-time clock",
            Self::ClientCpu => "the client was not short of CPU",
            Self::Background => "no foreign load on the machine",
            Self::Stolen => "no CPU stolen by the hypervisor",
            Self::PromptCache => "the prompt cache is as planned",
            Self::PromptCollapse => "prompts were really evaluated",
            Self::ContextTruncated => "no prompt was cut",
            Self::ContextDiffers => "the context length is the one asked for",
            Self::TokenMismatch => "token counts agree with chunks",
            Self::Degenerate => "answers are not degenerate",
            Self::Resets => "server resets succeeded",
            Self::LevelsIgnored => "levels have an effect",
            Self::FailureRates => "arms fail equally often",
            Self::Drift => "no trend over the study",
            Self::Harness => "measured by a clean release build",
            Self::StartTogether => "agents began together",
            Self::SolosMeasured => "each agent is measured alone as well",
            Self::Parity => "implementations did the same",
            Self::OwnFigures => "agents' own figures agree with the instrument's",
            Self::ProcessLife => "what agents tell of lies within their processes' lives",
            Self::Imported => "measured by Tachograph, in an order that was shuffled",
            Self::WorkerOutput => "agents wrote events only, each call's in order",
        }
    }
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scope {
    Study,
    Configuration(String),
    Run(RunId),
}

/// One thing that a check found.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Finding {
    pub(crate) check: Check,
    pub(crate) status: Status,
    pub(crate) scope: Scope,
    /// What was seen, as a sentence without digits.
    pub(crate) words: &'static str,
    /// The value seen, with its unit.
    pub(crate) seen: Option<Measured>,
    /// The value it was held against.
    pub(crate) against: Option<Measured>,
    /// An identifier of the evidence.
    pub(crate) quote: Option<String>,
}

/// A value of a finding.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Measured {
    pub(crate) value: f64,
    pub(crate) unit: &'static str,
    pub(crate) format: Format,
}

/// What came of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// Runs (or pairs, or arms) that could be looked at.
    pub(crate) n_checked: u64,
    /// The worst status found; `Valid` also where a finding is only a remark.
    pub(crate) worst: Status,
    /// Findings.
    pub(crate) n_findings: u64,
}

/// All checks of a study.
#[derive(Debug, Clone, Default)]
pub(crate) struct Validity {
    pub(crate) findings: Vec<Finding>,
    /// The worst finding on the study as such.
    study: Option<Status>,
    /// The worst finding of each run that has one of its own.
    by_run: BTreeMap<RunId, Status>,
    n_checked: BTreeMap<Check, u64>,
}

impl Validity {
    /// Notes that a check could look at `n` more things.
    fn looked(&mut self, check: Check, n: u64) {
        *self.n_checked.entry(check).or_default() += n;
    }

    fn found(&mut self, finding: Finding) {
        match &finding.scope {
            Scope::Run(run) => {
                let worst = self.by_run.entry(run.clone()).or_insert(Status::Valid);
                *worst = finding.status.max(*worst);
            }
            Scope::Study => self.study = self.study.max(Some(finding.status)),
            Scope::Configuration(_) => {}
        }
        self.findings.push(finding);
    }

    /// Returns what came of a check.
    pub(crate) fn outcome(&self, check: Check) -> Outcome {
        let findings = || self.findings.iter().filter(|finding| finding.check == check);
        Outcome {
            n_checked: self.n_checked.get(&check).copied().unwrap_or_default(),
            worst: findings().map(|finding| finding.status).max().unwrap_or(Status::Valid),
            n_findings: findings().count() as u64,
        }
    }

    /// Returns the worst status of anything.
    pub(crate) fn worst(&self) -> Status {
        self.findings.iter().map(|finding| finding.status).max().unwrap_or(Status::Valid)
    }

    /// Returns the status of the study apart from single runs.
    pub(crate) fn of_study(&self) -> Status {
        self.study.unwrap_or(Status::Valid)
    }

    /// Returns the status of a run: the worst of its own and the study's findings.
    pub(crate) fn of_run(&self, run: &RunId) -> Status {
        self.by_run.get(run).copied().unwrap_or(Status::Valid).max(self.of_study())
    }

    /// Returns the worst of what was found of a set of runs as such.
    pub(crate) fn of_set(&self, name: &str) -> Status {
        let of_it = |finding: &&Finding| {
            finding.check == Check::Parity
                && matches!(&finding.scope, Scope::Configuration(own) if own == name)
        };
        let findings = self.findings.iter().filter(of_it);
        findings.map(|finding| finding.status).max().unwrap_or(Status::Valid)
    }

    /// Adds what the sensitivity analysis saw of levels without effect.
    pub(crate) fn add_levels(&mut self, sensitivity: &Sensitivity) {
        for factor in &sensitivity.factors {
            for pair in &factor.pairs {
                self.looked(Check::LevelsIgnored, 1);
                if pair.looks_ignored(factor) {
                    let words = if pair.same_context {
                        "the server's context length was the same at both levels"
                    } else {
                        "answers were byte for byte the same at both levels, in every matched pair"
                    };
                    let (first, second) = (&factor.levels[pair.first], &factor.levels[pair.second]);
                    self.found(Finding {
                        check: Check::LevelsIgnored,
                        status: Status::Suspect,
                        scope: Scope::Configuration(format!("{} {first}, {second}", factor.name)),
                        words,
                        seen: None,
                        against: None,
                        quote: None,
                    });
                }
            }
        }
    }

    /// Adds a finding if the level moved over the study. Blocks take a trend out
    /// of comparisons; without shuffling they do not.
    pub(crate) fn add_trend(&mut self, trend: Option<&MannKendall>, plan: &Plan) {
        let Some(trend) = trend else { return };
        self.looked(Check::Drift, 1);
        if trend.p_value > plan.primary.alpha {
            return;
        }
        let (status, words) = match plan.order {
            Order::RandomizedBlocks => {
                (Status::Valid, "the level moved; blocks take it out of comparisons, not of means")
            }
            Order::Abba => (
                Status::Valid,
                "the level moved; alternating orders take a steady trend out of comparisons",
            ),
            Order::AsWritten => (
                Status::Suspect,
                "the level moved, and without shuffling it is part of each effect",
            ),
        };
        let mut finding = Finding::on_study(Check::Drift, status, words);
        finding.seen =
            trend.tau.map(|value| Measured { value, unit: "", format: Format::Fixed(2) });
        self.found(finding);
    }

    /// Adds a finding for each tuned arm whose failure interval lies apart from
    /// the baseline's.
    /// Of concurrent configurations, from that of their solo ones.
    pub(crate) fn add_failure_rates(
        &mut self,
        configurations: &[ConfigurationAnalysis],
        confidence: Confidence,
    ) {
        together::failure_rates(self, configurations, confidence);
        let baseline = configurations.iter().find(|each| each.planned.arm == Arm::Baseline);
        let Some(baseline) = baseline.and_then(|baseline| baseline.failures) else { return };
        for configuration in configurations.iter().filter(|each| each.planned.arm != Arm::Baseline)
        {
            let Some(own) = configuration.failures else { continue };
            self.looked(Check::FailureRates, 1);
            let apart = own.interval.low > baseline.interval.high
                || own.interval.high < baseline.interval.low;
            if apart {
                let percent = |fraction| {
                    Some(Measured { value: fraction, unit: "", format: Format::Percent(1) })
                };
                self.found(Finding {
                    check: Check::FailureRates,
                    status: Status::Suspect,
                    scope: Scope::Configuration(configuration.planned.id.to_string()),
                    words: "the intervals of the failure rate and of the baseline's do not overlap",
                    seen: percent(own.fraction),
                    against: percent(baseline.fraction),
                    quote: None,
                });
            }
        }
    }
}

/// Makes every check that needs facts only.
pub(crate) fn assess(head: &StudyHead, facts: &[&RunFacts], planned: &[Configuration]) -> Validity {
    let mut validity = Validity::default();
    study::check(&mut validity, head, facts, planned);
    runs::check(&mut validity, head, facts);
    together::check(&mut validity, &head.plan, facts, planned);
    implementations::check(&mut validity, &head.plan, facts);
    validity
}

impl Finding {
    /// Starts a finding on a run.
    fn on(run: &RunFacts, check: Check, status: Status, words: &'static str) -> Self {
        let scope = Scope::Run(run.id.clone());
        Self { check, status, scope, words, seen: None, against: None, quote: None }
    }

    /// Starts a finding on the study.
    fn on_study(check: Check, status: Status, words: &'static str) -> Self {
        Self { check, status, scope: Scope::Study, words, seen: None, against: None, quote: None }
    }

    fn seen(mut self, value: f64, unit: &'static str, format: Format) -> Self {
        self.seen = Some(Measured { value, unit, format });
        self
    }

    fn against(mut self, value: f64, unit: &'static str, format: Format) -> Self {
        self.against = Some(Measured { value, unit, format });
        self
    }

    fn quote(mut self, words: impl Into<String>) -> Self {
        self.quote = Some(words.into());
        self
    }
}
