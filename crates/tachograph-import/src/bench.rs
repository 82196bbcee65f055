//! Results of benchmark tools, from executions to studies.
//!
//! Owns: what the parsers of such tools give ([`Execution`]), which executions are runs of
//! one configuration and which make a study, and the names of all of them.
//!
//! Does not: read a file, or know a tool's definitions.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::environment::ServerIdentity;
use tachograph_model::event::{CallReported, CallStatus, Stage, WorkflowOutcome};
use tachograph_model::options::{OptionValue, Options, slug};
use tachograph_model::plan::imported::{Defect, ImportKind, Imported, ImportedSource};
use tachograph_model::plan::{Api, Metric};
use tachograph_model::run::{Arm, Configuration, ConfigurationId, Placement, RunId};
use tachograph_model::units::DurationNs;

use crate::findings::{Findings, Place};
use crate::names::{fitted, numbered_apart, slug as name_slug};
use crate::reported::{Measured, Part};
use crate::snapshot::{ImportedRun, ImportedSet, Snapshot, plan, server};

/// The name that the tool gets as an agent.
pub(crate) const AGENT: &str = "client";
/// The name that its server gets.
pub(crate) const SERVER: &str = "main";

/// What no tool records that sees a server from outside.
pub(crate) const NO_LOADING: &str = "Whether the server loaded its model for a call is not recorded: \
                                     no call can be told to be cold.";

/// One point of a benchmark, executed once: a run of a configuration.
#[derive(Debug, Clone)]
pub(crate) struct Execution {
    /// The files that it was read from.
    pub(crate) sources: Vec<ImportedSource>,
    /// What was executed together with it: a file, mostly.
    pub(crate) session: String,
    /// When, as a number that orders sessions of one tool.
    pub(crate) at: u64,
    pub(crate) subject: Subject,
    /// What tells its configuration from others, by the source's names.
    pub(crate) levels: Options,
    /// What else defines its configuration, as a text that is only compared.
    pub(crate) workload: String,
    pub(crate) measured: Measured,
    pub(crate) findings: Findings,
    /// What the source does not record of it.
    pub(crate) not_recorded: Vec<&'static str>,
}

/// What was measured: executions on different ones make different studies.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Subject {
    pub(crate) api: Api,
    pub(crate) model: String,
    pub(crate) url: Option<String>,
    pub(crate) identity: ServerIdentity,
}

impl Subject {
    /// Returns a server of which only its model and address are known.
    pub(crate) fn new(api: Api, model: &str, url: Option<&str>) -> Self {
        let identity =
            ServerIdentity { model: Some(model.to_owned()), ..ServerIdentity::default() };
        Self { api, model: model.to_owned(), url: url.map(str::to_owned), identity }
    }

    fn key(&self) -> String {
        format!("{} {:?} {:?} {:?}", self.model, self.api, self.url, self.identity)
    }
}

/// What a kind of results has in common.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    pub(crate) kind: ImportKind,
    pub(crate) layout: &'static str,
    pub(crate) question: &'static str,
    pub(crate) order: &'static str,
    pub(crate) metric: Metric,
}

/// Files that were read, as far as they go.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    pub(crate) executions: Vec<Execution>,
    pub(crate) left_out: Vec<Defect>,
}

impl Reading {
    /// Says why a file is not imported.
    pub(crate) fn leave_out(&mut self, path: &str, what: impl Into<String>) {
        self.left_out.push(Defect {
            path: path.to_owned(),
            place: String::new(),
            what: what.into(),
            treatment: "not imported".to_owned(),
        });
    }

    /// Returns the studies of what was read.
    pub(crate) fn snapshot(self, tool: &Tool) -> Snapshot {
        let mut subjects: BTreeMap<String, Vec<Execution>> = BTreeMap::new();
        for execution in self.executions {
            subjects.entry(execution.subject.key()).or_default().push(execution);
        }
        let name = |all: &Vec<Execution>| {
            let model = all.first().map(|it| name_slug(&it.subject.model)).unwrap_or_default();
            name_slug(&format!("{}-{model}", tool.kind))
        };
        let names = numbered_apart(subjects.values().map(name).collect());
        let sets = subjects.into_values().zip(names);
        let sets = sets.filter_map(|(all, name)| set(tool, &name, all)).collect();
        Snapshot { sets, left_out: self.left_out }
    }
}

/// Returns the study of executions that have one subject.
fn set(tool: &Tool, name: &str, mut executions: Vec<Execution>) -> Option<ImportedSet> {
    let mut begins: BTreeMap<String, u64> = BTreeMap::new();
    for execution in &executions {
        let begin = begins.entry(execution.session.clone()).or_insert(execution.at);
        *begin = execution.at.min(*begin);
    }
    let key = |it: &Execution| (begins.get(&it.session).copied(), it.session.clone(), it.at);
    executions.sort_by_cached_key(key);
    let subject = executions.first()?.subject.clone();
    let mut sessions: BTreeMap<String, u32> = BTreeMap::new();
    for execution in &executions {
        let next = u32::try_from(sessions.len()).unwrap_or(u32::MAX).saturating_add(1);
        sessions.entry(execution.session.clone()).or_insert(next);
    }
    let mut points: BTreeMap<String, usize> = BTreeMap::new();
    for execution in &executions {
        *points.entry(execution.session.clone()).or_default() += 1;
    }
    let ids = ids(&executions);
    let mut configurations: BTreeMap<ConfigurationId, Configuration> = BTreeMap::new();
    let mut sources = BTreeSet::new();
    let mut not_recorded: Vec<String> = Vec::new();
    let mut findings = Findings::default();
    let mut runs = Vec::new();
    let mut taken = BTreeSet::new();
    for (mut execution, (id, levels)) in executions.into_iter().zip(ids) {
        let mut block = sessions.get(&execution.session).copied().unwrap_or(1);
        while !taken.insert((id.clone(), block)) {
            block += 1;
        }
        configurations.entry(id.clone()).or_insert_with(|| configuration(&id, levels));
        sources.extend(execution.sources);
        for sentence in execution.not_recorded {
            if !not_recorded.iter().any(|known| known == sentence) {
                not_recorded.push(sentence.to_owned());
            }
        }
        findings.extend(execution.findings);
        let is_alone = points.get(&execution.session) == Some(&1);
        let reported = &mut execution.measured.reported;
        reported.session = match &*reported.place {
            _ if is_alone => execution.session,
            "" => format!("{} {id}", execution.session),
            place => format!("{} {place}", execution.session),
        };
        runs.push(execution.measured.into_run(RunId { configuration: id, block }));
    }
    let imported = Imported {
        kind: tool.kind,
        layout: tool.layout.to_owned(),
        sources: sources.into_iter().collect(),
        not_recorded,
        defects: findings.merged(),
        order: tool.order.to_owned(),
        configurations: configurations.into_values().collect(),
        runs: runs.iter().map(|run: &ImportedRun| run.id.clone()).collect(),
    };
    let servers = vec![server(SERVER, subject.api, &subject.model, subject.url.as_deref())];
    let plan = plan(name, tool.question, tool.metric, servers, imported);
    let servers = BTreeMap::from([(SERVER.to_owned(), subject.identity)]);
    Some(ImportedSet { name: name.to_owned(), plan, servers, runs })
}

/// Returns the configuration of each execution and its levels. Executions with the same
/// levels and another workload are of different configurations, which a number tells apart.
fn ids(executions: &[Execution]) -> Vec<(ConfigurationId, Options)> {
    let mut workloads: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for execution in executions {
        let of_slug = workloads.entry(slug_of(&execution.levels)).or_default();
        if !of_slug.contains(&&*execution.workload) {
            of_slug.push(&execution.workload);
        }
    }
    let one = |execution: &Execution| {
        let slug = slug_of(&execution.levels);
        let all = workloads.get(&slug).map(Vec::as_slice).unwrap_or_default();
        let at = all.iter().position(|it| **it == execution.workload).unwrap_or(0);
        let mut levels = execution.levels.clone();
        if all.len() == 1 {
            return (ConfigurationId(fitted(slug)), levels);
        }
        let number = i64::try_from(at).unwrap_or(i64::MAX).saturating_add(1);
        levels.insert("workload".to_owned(), OptionValue::Integer(number));
        (ConfigurationId(fitted(slug_of(&levels))), levels)
    };
    executions.iter().map(one).collect()
}

fn slug_of(levels: &Options) -> String {
    let slug = slug(levels);
    if slug.is_empty() { "default".to_owned() } else { slug }
}

/// Returns a configuration. None is the baseline: the tools measure points, and name none
/// of them as what the others are held against.
fn configuration(id: &ConfigurationId, levels: Options) -> Configuration {
    let placement = Placement {
        agent: AGENT.to_owned(),
        spec: AGENT.to_owned(),
        server: SERVER.to_owned(),
        options: Options::new(),
        solo: None,
    };
    Configuration {
        id: id.clone(),
        arm: Arm::Chimera,
        levels,
        options: Options::new(),
        placements: vec![placement],
        together: None,
        implementation: None,
    }
}

/// Returns the tool as the one agent of a run, with its calls.
pub(crate) fn client(implementation: String, calls: Vec<CallReported>) -> Part {
    let counted = || calls.iter().filter(|call| call.stage != Stage::Warmup);
    let failed = counted().any(|call| call.status != CallStatus::Completed);
    let mut part = Part::new(AGENT, calls);
    part.on(SERVER);
    part.reported.implementation = Some(implementation);
    part.reported.outcome =
        if failed { WorkflowOutcome::CallFailed } else { WorkflowOutcome::Completed };
    part
}

/// Returns the time from one instant to another of a source's clock, in seconds since any
/// begin; what cannot be one is left out and listed.
pub(crate) fn between(
    findings: &mut Findings,
    place: &Place<'_>,
    what: &str,
    from: Option<f64>,
    to: Option<f64>,
) -> Option<DurationNs> {
    let (from, to) = (from?, to?);
    let duration = crate::read::seconds(to - from);
    if duration.is_none() {
        findings.add(
            place,
            format!(
                "{what} would be {} s: its clock was set back, or an instant is wrong",
                to - from
            ),
            "left out",
        );
    }
    duration
}

/// Returns an option's value from JSON, if it is one that a level can have.
pub(crate) fn level(value: &serde_json::Value) -> Option<OptionValue> {
    match value {
        serde_json::Value::Bool(value) => Some(OptionValue::Bool(*value)),
        serde_json::Value::String(text) => Some(OptionValue::Text(text.clone())),
        serde_json::Value::Number(number) => match number.as_i64() {
            Some(whole) => Some(OptionValue::Integer(whole)),
            None => number.as_f64().filter(|it| it.is_finite()).map(|value| {
                // A rate of 20.0 and one of 20 are the same level.
                #[expect(clippy::cast_possible_truncation, reason = "whole and in range")]
                if value.fract().abs() > 0.0 || value.abs() > 1e15 {
                    OptionValue::Float(value)
                } else {
                    OptionValue::Integer(value as i64)
                }
            }),
        },
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            None
        }
    }
}

/// Returns the calls in the order in which they were sent, numbered anew.
pub(crate) fn numbered(mut calls: Vec<CallReported>) -> Vec<CallReported> {
    calls.sort_by_key(|call| call.sent_after_ns);
    for (at, call) in calls.iter_mut().enumerate() {
        call.call = u32::try_from(at).unwrap_or(u32::MAX);
    }
    calls
}
