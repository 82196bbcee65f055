//! Checks that compare runs with each other and with the plan.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::digest::Digest;
use tachograph_model::environment::ServerIdentity;
use tachograph_model::event::Stage;
use tachograph_model::options::OptionValue;
use tachograph_model::run::{Configuration, ConfigurationId};
use tachograph_model::study::StudyHead;
use tachograph_stats::Sample;

use super::{Check, Finding, Status, Validity};
use crate::claim::Format;
use crate::facts::{AgentFacts, CallFacts, RunFacts};

/// How many times faster than its configuration's typical call a prompt may be
/// evaluated before a hidden cache is suspected.
const PROMPT_SPEEDUP_MAX: f64 = 5.0;
/// The share by which a stage's prompt may be shorter than in other
/// configurations before it counts as cut.
const PROMPT_LOSS_MAX: f64 = 0.02;

pub(super) fn check(
    validity: &mut Validity,
    head: &StudyHead,
    facts: &[&RunFacts],
    planned: &[Configuration],
) {
    plan(validity, head);
    if head.plan.imported.is_some() {
        imported(validity);
        servers(validity, head, facts);
        collapse(validity, facts);
        return;
    }
    harness(validity, head);
    servers(validity, head, facts);
    let specs = Specs::of(planned);
    inputs(validity, facts, &specs);
    stamps(validity, facts);
    collapse(validity, facts);
    truncation(validity, facts, &specs);
    contexts(validity, facts, planned);
}

fn plan(validity: &mut Validity, head: &StudyHead) {
    let words = match head.created() {
        None => "the journal does not say which plan was written first",
        Some(created) if created.plan_lock_sha256 != head.plan_sha256 => {
            "the plan's digest is not the one that was written before the first request"
        }
        Some(_) => return validity.looked(Check::PlanDigest, 1),
    };
    validity.looked(Check::PlanDigest, 1);
    validity.found(Finding::on_study(Check::PlanDigest, Status::Invalid, words));
}

/// Results of another program: nobody of ours saw the requests, and their order was not
/// drawn by lot.
fn imported(validity: &mut Validity) {
    validity.looked(Check::Imported, 1);
    let words = "another program measured this: nothing about its clock, its client or the order \
                 of its runs could be checked";
    validity.found(Finding::on_study(Check::Imported, Status::Suspect, words));
}

/// A program without optimisation, or one that no commit describes.
fn harness(validity: &mut Validity, head: &StudyHead) {
    let harness = &head.environment.harness;
    validity.looked(Check::Harness, 1);
    if harness.profile != "release" {
        let words = "the program that measured was built without optimisation";
        validity.found(
            Finding::on_study(Check::Harness, Status::Suspect, words).quote(&*harness.profile),
        );
    }
    if let Some(commit) = harness.git_commit.as_deref().filter(|commit| commit.ends_with("+dirty"))
    {
        let words = "the program that measured had changes that no commit describes";
        validity.found(Finding::on_study(Check::Harness, Status::Valid, words).quote(commit));
    }
}

/// What must not change between the runs of a comparison.
fn fixed(identity: &ServerIdentity) -> [(&'static str, Option<&str>); 4] {
    [
        ("product", identity.product.as_deref()),
        ("version", identity.version.as_deref()),
        ("model digest", identity.model_digest.as_deref()),
        ("quantisation", identity.quantization.as_deref()),
    ]
}

fn servers(validity: &mut Validity, head: &StudyHead, facts: &[&RunFacts]) {
    let mut seen: BTreeMap<(&str, &'static str), BTreeSet<&str>> = BTreeMap::new();
    let all = facts.iter().flat_map(|run| &run.servers).chain(&head.environment.servers);
    for (name, identity) in all {
        for (field, value) in fixed(identity) {
            seen.entry((name, field)).or_default().extend(value);
        }
    }
    validity.looked(
        Check::ServerIdentity,
        facts.iter().filter(|run| !run.servers.is_empty()).count() as u64,
    );
    for ((server, field), values) in seen {
        if values.len() > 1 {
            let values: Vec<&str> = values.into_iter().collect();
            let words = "a server or model changed between runs that are compared";
            validity.found(
                Finding::on_study(Check::ServerIdentity, Status::Invalid, words)
                    .quote(format!("{server}, {field}: {}", values.join(" / "))),
            );
        }
    }
}

/// Which of the plan's agents an agent of a run is.
struct Specs<'a>(BTreeMap<(&'a ConfigurationId, &'a str), &'a str>);

impl<'a> Specs<'a> {
    fn of(planned: &'a [Configuration]) -> Self {
        let placed = planned.iter().flat_map(|each| {
            each.placements.iter().map(|placed| ((&each.id, &*placed.agent), &*placed.spec))
        });
        Self(placed.collect())
    }

    /// Returns the entry of the agent in a run, or its own name.
    fn get<'b>(&'b self, run: &'b RunFacts, agent: &'b AgentFacts) -> &'b str {
        self.0.get(&(&run.id.configuration, &*agent.name)).copied().unwrap_or(&agent.name)
    }
}

fn inputs(validity: &mut Validity, facts: &[&RunFacts], specs: &Specs<'_>) {
    let mut first: BTreeMap<&str, &BTreeMap<String, (u64, Digest)>> = BTreeMap::new();
    for run in facts.iter().filter(|run| run.is_measured()) {
        validity.looked(Check::Inputs, 1);
        let differs = run.agents.iter().any(|agent| {
            *first.entry(specs.get(run, agent)).or_insert(&agent.files) != &agent.files
        });
        if differs {
            let words = "the run ingested other files than the first measured run";
            validity.found(Finding::on(run, Check::Inputs, Status::Invalid, words));
        }
    }
}

fn stamps(validity: &mut Validity, facts: &[&RunFacts]) {
    let measured: Vec<&&RunFacts> = facts.iter().filter(|run| run.is_measured()).collect();
    validity.looked(Check::KernelStamps, measured.len() as u64);
    let without = measured
        .iter()
        .filter(|run| run.agents.iter().any(|agent| agent.scheduling_delay.is_none()))
        .count();
    if without > 0 {
        let words = "runs have no kernel stamps: their instants are the client's own, and the \
                     client's delay is unknown";
        validity.found(Finding::on_study(Check::KernelStamps, Status::Valid, words).seen(
            without as f64,
            "runs",
            Format::Count,
        ));
    }
}

/// Prompts of one configuration and stage that were evaluated much faster than
/// is typical there: the server may have had them in a cache it does not show.
fn collapse(validity: &mut Validity, facts: &[&RunFacts]) {
    type Rates<'a> = BTreeMap<(&'a ConfigurationId, &'a str, Stage), Vec<(&'a RunFacts, f64)>>;
    let mut rates: Rates<'_> = BTreeMap::new();
    for &run in facts {
        for agent in &run.agents {
            let calls = agent.counted_calls().filter(|call| call.is_completed());
            let timed = calls.filter_map(|call| Some((call.stage, call.server_prompt_rate()?)));
            for (stage, rate) in timed {
                let key = (&run.id.configuration, &*agent.name, stage);
                rates.entry(key).or_default().push((run, rate));
            }
        }
    }
    for ((_, _, stage), calls) in rates {
        let values: Vec<f64> = calls.iter().map(|(_, rate)| *rate).collect();
        let Ok(sample) = Sample::new(&values) else { continue };
        let typical = sample.median();
        for (run, rate) in calls {
            validity.looked(Check::PromptCollapse, 1);
            if rate > PROMPT_SPEEDUP_MAX * typical {
                let words = "the prompt was evaluated far faster than in the typical call of this \
                             configuration";
                validity.found(
                    Finding::on(run, Check::PromptCollapse, Status::Suspect, words)
                        .seen(rate, "tok/s", Format::Fixed(0))
                        .against(typical, "tok/s", Format::Fixed(0))
                        .quote(stage.name()),
                );
            }
        }
    }
}

/// An agent's analysis prompt is the same in every configuration of a block, so a
/// smaller token count means that the server cut it.
fn truncation(validity: &mut Validity, facts: &[&RunFacts], specs: &Specs<'_>) {
    let mut prompts: Vec<(&RunFacts, &str, u64)> = Vec::new();
    let mut longest: BTreeMap<(u32, &str), u64> = BTreeMap::new();
    for &run in facts {
        for agent in &run.agents {
            let calls = agent.counted_calls().filter(|call| call.is_completed());
            let analysis = calls.filter(|call| call.stage == Stage::Analysis);
            let Some(tokens) = analysis.filter_map(CallFacts::prompt_tokens).max() else {
                continue;
            };
            let spec = specs.get(run, agent);
            let most = longest.entry((run.id.block, spec)).or_default();
            *most = tokens.max(*most);
            prompts.push((run, spec, tokens));
        }
    }
    for (run, spec, tokens) in prompts {
        validity.looked(Check::ContextTruncated, 1);
        let most = longest[&(run.id.block, spec)];
        if (tokens as f64) < most as f64 * (1.0 - PROMPT_LOSS_MAX) {
            let words = "the server evaluated fewer prompt tokens than for the same prompt in \
                         another configuration: it cut the prompt to its context";
            validity.found(
                Finding::on(run, Check::ContextTruncated, Status::Suspect, words)
                    .seen(tokens as f64, "tokens", Format::Fixed(0))
                    .against(most as f64, "tokens", Format::Fixed(0)),
            );
        }
    }
}

fn contexts(validity: &mut Validity, facts: &[&RunFacts], planned: &[Configuration]) {
    /// What the agents of one server ask for.
    fn asked(configuration: &Configuration) -> BTreeMap<&str, BTreeSet<i64>> {
        let mut asked: BTreeMap<&str, BTreeSet<i64>> = BTreeMap::new();
        for placement in &configuration.placements {
            if let Some(OptionValue::Integer(length)) = placement.options.get("num_ctx") {
                asked.entry(&placement.server).or_default().insert(*length);
            }
        }
        // Agents of one server that ask for different lengths make it load again.
        asked.retain(|_, lengths| lengths.len() == 1);
        asked
    }
    let asked: BTreeMap<&ConfigurationId, BTreeMap<&str, BTreeSet<i64>>> =
        planned.iter().map(|each| (&each.id, asked(each))).collect();
    for run in facts {
        let Some(asked) = asked.get(&run.id.configuration) else { continue };
        for (server, lengths) in asked {
            let seen = run.servers.get(*server).and_then(|server| server.context_length);
            let (Some(length), Some(&asked)) = (seen, lengths.first()) else { continue };
            if !run.calls().any(CallFacts::is_completed) {
                continue;
            }
            validity.looked(Check::ContextDiffers, 1);
            if i128::from(length) != i128::from(asked) {
                let words = "the server's context length is not the one that the plan asks for";
                validity.found(
                    Finding::on(run, Check::ContextDiffers, Status::Suspect, words)
                        .seen(length as f64, "tokens", Format::Fixed(0))
                        .against(asked as f64, "tokens", Format::Fixed(0)),
                );
            }
        }
    }
}
