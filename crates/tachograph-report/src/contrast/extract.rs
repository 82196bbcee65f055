//! What comparing needs of a study, and the file that keeps it.
//!
//! Owns: [`Extract`]: who took part, the values of each run, the digests of what
//! was asked; and its form on the disk, `tachograph-baseline/1`.
//!
//! Does not: compare, or hold anything that a comparison does not read.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use tachograph_model::call::METRIC_DEFINITIONS;
use tachograph_model::digest::Digest;
use tachograph_model::environment::{Gpu, Harness, Host, ServerIdentity};
use tachograph_model::event::Stage;
use tachograph_model::options::Options;
use tachograph_model::plan::stopping::Rule;
use tachograph_model::plan::{
    Api, ConnectionMode, Metric, Order, Plan, Primary, PromptCache, ServerPolicy,
};
use tachograph_model::run::Arm;
use tachograph_model::study::StudyHead;

use crate::analysis::Analysis;
use crate::facts::{AgentFacts, RunFacts};
use crate::validity::Status;

/// The version of a baseline file's format.
pub const BASELINE_SCHEMA: &str = "tachograph-baseline/1";

/// What comparing needs of a study.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extract {
    /// Which study it was.
    pub study: StudyIdentity,
    /// The version of the metrics' definitions by which the values were computed.
    pub metric_definitions: u32,
    /// What the plan compares, and by which rule.
    pub primary: Primary,
    /// How the plan treats servers and calls.
    pub setting: Setting,
    /// The plan's agents, by name.
    pub agents: BTreeMap<String, AgentIdentity>,
    /// The plan's servers, by name.
    pub servers: BTreeMap<String, ServerFacts>,
    /// The machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<Host>,
    /// Its GPUs.
    pub gpus: Vec<Gpu>,
    /// Whether the study as such is valid.
    pub validity: Status,
    /// What was measured, by configuration.
    pub configurations: BTreeMap<String, Cell>,
}

/// Which study it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyIdentity {
    /// The plan's name.
    pub name: String,
    /// When the study began, RFC 3339 in UTC.
    pub started_at: String,
    /// The digest of `plan.lock.json`.
    pub plan_sha256: Digest,
    /// The digest of every sealed run's name and events, in the order of names:
    /// equal for the same evidence, whatever was published from it.
    pub evidence_sha256: Digest,
    /// The Merkle root of its manifest, where it was looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merkle_root: Option<Digest>,
    /// Runs that the plan asks for.
    pub n_planned: u64,
    /// Runs that are sealed.
    pub n_sealed: u64,
    /// The program that measured.
    pub harness: Harness,
}

/// How the plan treats servers and calls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// How often each configuration was to run.
    pub blocks: u32,
    /// The seed of the order and, per block, of the server's sampling.
    pub seed: u64,
    /// The order inside a block.
    pub order: Order,
    /// The rule by which the study ended.
    pub stopping: Rule,
    /// Calls before the workflow.
    pub warmup_calls: u32,
    /// What happened to the server before each run.
    pub server_policy: ServerPolicy,
    /// Whether calls shared a connection.
    pub connection: ConnectionMode,
    /// How the prompt cache was treated.
    pub prompt_cache: PromptCache,
    /// The load above which a call is cold.
    pub cold_load_threshold_ms: u64,
}

/// Who an agent is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AgentIdentity {
    /// The plan's name of its server.
    pub server: String,
    /// Whether it is the native agent, and no command of the plan.
    pub is_native: bool,
    /// What it called itself, name and version.
    pub implementations: BTreeSet<String>,
    /// The files that it read in measured runs, by path.
    pub inputs: BTreeMap<String, Digest>,
}

/// What a server is, as planned and as it said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerFacts {
    /// The protocol spoken with it.
    pub api: Api,
    /// The settings with which Tachograph started it, as text; absent for
    /// somebody's server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed: Option<BTreeMap<String, String>>,
    /// What it said of itself: each word, with every answer that it gave.
    pub said: BTreeMap<ServerWord, BTreeSet<String>>,
}

/// What a server says of itself and its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerWord {
    /// `ollama`, `llama.cpp`, …
    Product,
    /// Its version.
    Version,
    /// The model's name.
    Model,
    /// The model's digest.
    ModelDigest,
    /// The model's quantisation.
    Quantization,
    /// The digest of its prompt template.
    PromptTemplate,
}

/// One configuration: what it is and what its runs gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cell {
    /// What it is compared as in its own study.
    pub arm: Arm,
    /// The options that it sends, without the block's seed.
    pub options: Options,
    /// Whether its runs are valid.
    pub validity: Status,
    /// Sealed runs.
    pub n_sealed: u64,
    /// Those that completed with all calls.
    pub n_measured: u64,
    /// Context lengths that servers reported after its runs.
    pub context_lengths: BTreeSet<u64>,
    /// The value of each measured run, by metric and block.
    pub values: BTreeMap<Metric, BTreeMap<u32, f64>>,
    /// What was asked in measured runs, by agent, stage and block.
    pub requests: BTreeMap<String, BTreeMap<Stage, BTreeMap<u32, Asked>>>,
}

/// The requests of one stage of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The digest of the requests' own digests, nonces left out, in order.
    pub requests: Digest,
    /// The digest of all answers that the agent had before; absent if it had none.
    /// Requests after unlike answers may differ for that reason alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Digest>,
}

/// A baseline file: an extract with its own digest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct BaselineFile {
    schema: String,
    content_sha256: Digest,
    content: Extract,
}

/// Why a file is no usable baseline.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// It is not JSON, or some other document.
    #[error(
        "it is not a baseline file: it does not say `\"schema\": \"{BASELINE_SCHEMA}\"`; \
         `tacho baseline STUDY -o FILE` writes one"
    )]
    Foreign,
    /// A newer program wrote it.
    #[error(
        "a newer tacho wrote it: schema {found}, this one reads {BASELINE_SCHEMA}; use that one"
    )]
    Newer {
        /// What it says.
        found: String,
    },
    /// Its members are not those of its schema.
    #[error("it is damaged: it is not what {BASELINE_SCHEMA} promises")]
    Content {
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Its content is not what was written.
    #[error(
        "it was changed after it was written: its content has the digest {found}, it says \
         {expected}; write it again from its study"
    )]
    Changed {
        /// What the file says.
        expected: Digest,
        /// What its content has.
        found: Digest,
    },
}

impl StudyIdentity {
    /// Returns whether both are one study, perhaps at two stages of its progress:
    /// the same plan begun at the same time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.plan_sha256 == other.plan_sha256
            && (self.started_at == other.started_at
                || self.evidence_sha256 == other.evidence_sha256)
    }
}

impl Extract {
    /// Takes from a study what comparing needs.
    ///
    /// `facts` are those from which `analysis` was made, in any order.
    pub fn of(
        head: &StudyHead,
        facts: &[RunFacts],
        analysis: &Analysis,
        merkle_root: Option<Digest>,
    ) -> Self {
        let plan = &head.plan;
        let (n_planned, n_sealed) = analysis.n_runs();
        let measured: Vec<&RunFacts> = facts.iter().filter(|run| run.is_measured()).collect();
        Self {
            study: StudyIdentity {
                name: plan.name.clone(),
                started_at: head.environment.started_at.clone(),
                plan_sha256: head.plan_sha256,
                evidence_sha256: evidence_digest(
                    facts.iter().map(|run| (run.id.to_string(), run.events_sha256)),
                ),
                merkle_root,
                n_planned: n_planned as u64,
                n_sealed: n_sealed as u64,
                harness: head.environment.harness.clone(),
            },
            metric_definitions: METRIC_DEFINITIONS,
            primary: plan.primary.clone(),
            setting: Setting {
                blocks: plan.blocks,
                seed: plan.seed,
                order: plan.order,
                stopping: plan.stopping.rule,
                warmup_calls: plan.warmup_calls,
                server_policy: plan.server_policy,
                connection: plan.connection,
                prompt_cache: plan.prompt_cache,
                cold_load_threshold_ms: plan.cold_load_threshold_ms,
            },
            agents: agents(plan, &measured, analysis),
            servers: servers(head, facts),
            host: head.environment.host.clone(),
            gpus: head.environment.gpus.clone(),
            validity: analysis.validity.of_study(),
            configurations: cells(&measured, analysis),
        }
    }

    /// Returns the bytes of a baseline file.
    pub fn to_baseline(&self) -> Vec<u8> {
        let file = BaselineFile {
            schema: BASELINE_SCHEMA.to_owned(),
            content_sha256: self.digest(),
            content: self.clone(),
        };
        let mut bytes = serde_json::to_vec(&file).expect("keys are texts, values are finite");
        bytes.push(b'\n');
        bytes
    }

    /// Reads a baseline file.
    ///
    /// # Errors
    ///
    /// [`BaselineError`] for another document, a newer one, one with unknown
    /// members, or one that is not as it was written.
    pub fn from_baseline(bytes: &[u8]) -> Result<Self, BaselineError> {
        let value: serde_json::Value =
            serde_json::from_slice(bytes).map_err(|_not_json| BaselineError::Foreign)?;
        let found = value.get("schema").and_then(serde_json::Value::as_str).unwrap_or_default();
        if found != BASELINE_SCHEMA {
            let (name, ours) = BASELINE_SCHEMA.split_once('/').expect("a schema has a version");
            let newer = found.strip_prefix(name).and_then(|rest| rest.strip_prefix('/'));
            let version = |text: &str| text.parse::<u64>().ok();
            let is_newer = newer.and_then(version) > version(ours);
            let found = found.to_owned();
            return Err(if is_newer {
                BaselineError::Newer { found }
            } else {
                BaselineError::Foreign
            });
        }
        let file: BaselineFile =
            serde_json::from_slice(bytes).map_err(|source| BaselineError::Content { source })?;
        let (expected, found) = (file.content_sha256, file.content.digest());
        if expected != found {
            return Err(BaselineError::Changed { expected, found });
        }
        Ok(file.content)
    }

    fn digest(&self) -> Digest {
        Digest::of(&serde_json::to_vec(self).expect("keys are texts, values are finite"))
    }
}

/// Returns the digest of runs: names and the digests of their events, in the order of
/// names.
pub(crate) fn evidence_digest(runs: impl Iterator<Item = (String, Digest)>) -> Digest {
    let lines: BTreeSet<String> =
        runs.map(|(run, events_sha256)| format!("{run} {events_sha256}\n")).collect();
    Digest::of_parts(lines.iter().map(String::as_bytes))
}

fn agents(
    plan: &Plan,
    measured: &[&RunFacts],
    analysis: &Analysis,
) -> BTreeMap<String, AgentIdentity> {
    let inputs = |name: &str| {
        let own = measured.iter().flat_map(|run| &run.agents).filter(|agent| agent.name == name);
        own.flat_map(|agent| &agent.files)
            .map(|(path, (_, digest))| (path.clone(), *digest))
            .collect()
    };
    plan.agents
        .iter()
        .map(|spec| {
            let identity = AgentIdentity {
                server: spec.server.clone().unwrap_or_default(),
                is_native: spec.command.is_none(),
                implementations: analysis
                    .implementations
                    .get(&spec.name)
                    .cloned()
                    .unwrap_or_default(),
                inputs: inputs(&spec.name),
            };
            (spec.name.clone(), identity)
        })
        .collect()
}

fn servers(head: &StudyHead, facts: &[RunFacts]) -> BTreeMap<String, ServerFacts> {
    let planned = head.plan.servers.iter();
    planned
        .map(|server| {
            let of_runs = facts.iter().filter_map(|run| run.servers.get(&server.name));
            let all = of_runs.chain(head.environment.servers.get(&server.name));
            let mut said: BTreeMap<ServerWord, BTreeSet<String>> = BTreeMap::new();
            for (word, answer) in all.flat_map(words) {
                said.entry(word).or_default().insert(answer);
            }
            let managed = server.managed.as_ref().map(|managed| {
                let set = managed.set.iter().map(|(name, value)| (name.clone(), value.to_string()));
                let own = [
                    ("engine", managed.engine.name().to_owned()),
                    ("threads", managed.threads.to_string()),
                    ("parallel", managed.parallel.to_string()),
                ];
                own.into_iter().map(|(name, value)| (name.to_owned(), value)).chain(set).collect()
            });
            (server.name.clone(), ServerFacts { api: server.api, managed, said })
        })
        .collect()
}

fn words(identity: &ServerIdentity) -> Vec<(ServerWord, String)> {
    let template = identity.template_sha256.map(|digest| digest.to_string());
    [
        (ServerWord::Product, identity.product.clone()),
        (ServerWord::Version, identity.version.clone()),
        (ServerWord::Model, identity.model.clone()),
        (ServerWord::ModelDigest, identity.model_digest.clone()),
        (ServerWord::Quantization, identity.quantization.clone()),
        (ServerWord::PromptTemplate, template),
    ]
    .into_iter()
    .filter_map(|(word, answer)| Some((word, answer?)))
    .collect()
}

fn cells(measured: &[&RunFacts], analysis: &Analysis) -> BTreeMap<String, Cell> {
    let mut by_id: BTreeMap<&str, Vec<&RunFacts>> = BTreeMap::new();
    for run in measured {
        by_id.entry(&run.id.configuration.0).or_default().push(run);
    }
    analysis
        .configurations
        .iter()
        .map(|configuration| {
            let id = configuration.planned.id.0.clone();
            let runs = by_id.get(id.as_str()).map_or(&[][..], Vec::as_slice);
            let values = Metric::ALL.into_iter().filter_map(|metric| {
                let of_blocks: BTreeMap<u32, f64> = runs
                    .iter()
                    .filter_map(|run| Some((run.id.block, run.metric(metric)?)))
                    .collect();
                (!of_blocks.is_empty()).then_some((metric, of_blocks))
            });
            let cell = Cell {
                arm: configuration.planned.arm,
                options: configuration.planned.options.clone(),
                validity: configuration.status,
                n_sealed: configuration.n_sealed as u64,
                n_measured: configuration.n_measured as u64,
                context_lengths: runs
                    .iter()
                    .flat_map(|run| run.servers.values())
                    .filter_map(|server| server.context_length)
                    .collect(),
                values: values.collect(),
                requests: requests(runs),
            };
            (id, cell)
        })
        .collect()
}

fn requests(runs: &[&RunFacts]) -> BTreeMap<String, BTreeMap<Stage, BTreeMap<u32, Asked>>> {
    let mut all: BTreeMap<String, BTreeMap<Stage, BTreeMap<u32, Asked>>> = BTreeMap::new();
    for run in runs {
        for agent in &run.agents {
            for (stage, asked) in asked(agent) {
                let stages = all.entry(agent.name.clone()).or_default();
                stages.entry(stage).or_default().insert(run.id.block, asked);
            }
        }
    }
    all
}

/// Returns what an agent asked in each stage, warm-up left out.
fn asked(agent: &AgentFacts) -> BTreeMap<Stage, Asked> {
    let mut stages: BTreeMap<Stage, Asked> = BTreeMap::new();
    let mut answers: Option<Digest> = None;
    let chained = |before: Option<Digest>, next: Digest| {
        let parts = before.as_ref().map(|digest| &digest.as_bytes()[..]);
        Digest::of_parts(parts.into_iter().chain([&next.as_bytes()[..]]))
    };
    for call in agent.calls.iter().filter(|call| !call.is_warmup()) {
        let after = answers;
        stages
            .entry(call.stage)
            .and_modify(|asked| asked.requests = chained(Some(asked.requests), call.parity_sha256))
            .or_insert_with(|| Asked { requests: chained(None, call.parity_sha256), after });
        answers = Some(chained(answers, call.output_sha256));
    }
    stages
}
