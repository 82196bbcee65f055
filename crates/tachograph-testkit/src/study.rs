//! Made-up studies: every event that a run has, with plausible instants.
//!
//! Owns: [`StudyBuilder`]. Its values follow from its settings alone, so a test
//! can say beforehand what a report must find.
//!
//! Does not: write to a disk; a test of `store` does that.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::environment::{
    ENVIRONMENT_SCHEMA, Environment, Harness, Host, ServerIdentity,
};
use tachograph_model::event::{Recorded, RunOutcome, Stage};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::Plan;
use tachograph_model::plan::expand;
use tachograph_model::plan::parse::parse;
use tachograph_model::run::{Run, RunId};
use tachograph_model::study::{
    Completed, JOURNAL_SCHEMA, JournalEntry, JournalLine, RunBegun, RunEvidence, RunSealed,
    StudyCreated, StudyHead,
};

mod script;

/// The version that made-up studies name as their program.
pub const HARNESS_VERSION: &str = "0.0.0-testkit";
/// The time of day of every line of a made-up journal.
pub const AT: &str = "2026-01-02T03:04:05Z";

/// Settings of a made-up study.
#[derive(Debug, Clone)]
pub struct StudyBuilder {
    blocks: u32,
    factors: BTreeMap<String, Vec<OptionValue>>,
    aa: bool,
    warmup_calls: u32,
    output_tokens: u32,
    cold_first_call: bool,
    noise_fraction: f64,
    slowdowns: BTreeMap<String, f64>,
    failures: BTreeMap<RunId, Stage>,
}

impl Default for StudyBuilder {
    fn default() -> Self {
        Self {
            blocks: 2,
            factors: BTreeMap::from([(
                "num_ctx".to_owned(),
                vec![OptionValue::Integer(256), OptionValue::Integer(512)],
            )]),
            aa: false,
            warmup_calls: 0,
            output_tokens: 12,
            cold_first_call: false,
            noise_fraction: 0.02,
            slowdowns: BTreeMap::new(),
            failures: BTreeMap::new(),
        }
    }
}

impl StudyBuilder {
    /// Begins with two blocks of the baseline and of `num_ctx` 256 and 512; two
    /// calls of 12 tokens per run; noise of 2 %.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the number of blocks.
    #[must_use]
    pub fn blocks(mut self, blocks: u32) -> Self {
        self.blocks = blocks;
        self
    }

    /// Replaces the factors by none.
    #[must_use]
    pub fn no_factors(mut self) -> Self {
        self.factors.clear();
        self
    }

    /// Sets the levels of a factor.
    #[must_use]
    pub fn factor(mut self, name: &str, levels: &[OptionValue]) -> Self {
        self.factors.insert(name.to_owned(), levels.to_vec());
        self
    }

    /// Adds the A/A arm.
    #[must_use]
    pub fn aa(mut self) -> Self {
        self.aa = true;
        self
    }

    /// Sets the number of warm-up calls per run.
    #[must_use]
    pub fn warmup_calls(mut self, calls: u32) -> Self {
        self.warmup_calls = calls;
        self
    }

    /// Sets the number of output tokens per call.
    #[must_use]
    pub fn output_tokens(mut self, tokens: u32) -> Self {
        self.output_tokens = tokens;
        self
    }

    /// Lets the first call of each run load the model, for 1.5 s.
    #[must_use]
    pub fn cold_first_call(mut self) -> Self {
        self.cold_first_call = true;
        self
    }

    /// Sets how far a duration may lie above its stated value, as a fraction.
    #[must_use]
    pub fn noise(mut self, fraction: f64) -> Self {
        self.noise_fraction = fraction;
        self
    }

    /// Lets each token of a configuration take `factor` times as long.
    #[must_use]
    pub fn slowdown(mut self, configuration: &str, factor: f64) -> Self {
        self.slowdowns.insert(configuration.to_owned(), factor);
        self
    }

    /// Lets the call of `stage` in `run` stall, which ends the run's workflow.
    #[must_use]
    pub fn failure(mut self, run: RunId, stage: Stage) -> Self {
        self.failures.insert(run, stage);
        self
    }

    /// Makes the study.
    ///
    /// # Panics
    ///
    /// If the settings are not a valid plan.
    pub fn build(&self) -> FakeStudy {
        let plan_toml = self.plan_toml();
        let plan = parse(&plan_toml).expect("the settings are a valid plan").plan;
        let runs = expand::runs(&plan);
        let runs = runs.into_iter().map(|run| script::perform(self, run)).collect();
        FakeStudy { plan_toml, plan, environment: environment(), runs }
    }

    fn plan_toml(&self) -> String {
        let mut text = format!(
            "schema = \"tachograph-plan/1\"\nname = \"testkit\"\nquestion = \"What does the testkit make up?\"\n\
             seed = 7\nblocks = {}\nwarmup_calls = {}\n\n\
             [[servers]]\nname = \"main\"\nmodel = \"fake:1b\"\nurl = \"http://127.0.0.1:1\"\n\n\
             [[agents]]\nname = \"analyst\"\nserver = \"main\"\n\n[baseline]\naa = {}\n",
            self.blocks, self.warmup_calls, self.aa
        );
        if !self.factors.is_empty() {
            text.push_str("\n[factors]\n");
        }
        for (name, levels) in &self.factors {
            // JSON values of these kinds are TOML values, too.
            let levels = serde_json::to_string(levels).expect("levels are JSON");
            text.extend([name.as_str(), " = ", &levels, "\n"]);
        }
        text
    }
}

/// A made-up study.
#[derive(Debug, Clone)]
pub struct FakeStudy {
    /// The plan as text.
    pub plan_toml: String,
    /// The plan.
    pub plan: Plan,
    /// The environment.
    pub environment: Environment,
    /// Every run, in the order of execution.
    pub runs: Vec<FakeRun>,
}

/// A made-up run.
#[derive(Debug, Clone)]
pub struct FakeRun {
    /// The run.
    pub run: Run,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Its events.
    pub events: Vec<Recorded>,
    /// Files that it left, by name.
    pub artifacts: BTreeMap<String, Vec<u8>>,
}

impl FakeRun {
    /// Returns what the journal says when the run begins.
    pub fn begun(&self) -> RunBegun {
        RunBegun { run: self.run.id.clone(), index: self.run.index }
    }

    /// Returns the bytes of `events.jsonl`.
    pub fn events_jsonl(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for event in &self.events {
            bytes.extend(serde_json::to_vec(event).expect("an event is JSON"));
            bytes.push(b'\n');
        }
        bytes
    }

    /// Returns the run as `store` would read it. The digests of compressed
    /// events are those of uncompressed ones, since nothing is compressed here.
    pub fn evidence(&self) -> RunEvidence {
        let events = self.events_jsonl();
        let folder = format!("runs/{}", self.run.id);
        let mut files: BTreeMap<String, Digest> = self
            .artifacts
            .iter()
            .map(|(name, bytes)| (format!("{folder}/{name}"), Digest::of(bytes)))
            .collect();
        files.insert(format!("{folder}/events.jsonl.zst"), Digest::of(&events));
        let sealed = RunSealed {
            run: self.run.id.clone(),
            index: self.run.index,
            outcome: self.outcome,
            files,
            events_sha256: Digest::of(&events),
            n_events: self.events.len() as u64,
        };
        RunEvidence { sealed, events: self.events.clone() }
    }
}

impl FakeStudy {
    /// Returns every run as `store` would read it.
    pub fn evidence(&self) -> Vec<RunEvidence> {
        self.runs.iter().map(FakeRun::evidence).collect()
    }

    /// Returns the head of the completed study, with a chained journal.
    pub fn head(&self) -> StudyHead {
        let plan_lock = self.plan.lock_bytes();
        let environment = serde_json::to_vec_pretty(&self.environment).expect("it is JSON");
        let mut entries = vec![JournalEntry::StudyCreated(StudyCreated {
            schema: JOURNAL_SCHEMA.to_owned(),
            plan_sha256: Digest::of(self.plan_toml.as_bytes()),
            plan_lock_sha256: Digest::of(&plan_lock),
            environment_sha256: Digest::of(&environment),
            overrides: Vec::new(),
            harness_version: HARNESS_VERSION.to_owned(),
        })];
        for run in &self.runs {
            entries.push(JournalEntry::RunStarted(run.begun()));
            entries.push(JournalEntry::RunSealed(run.evidence().sealed));
        }
        let n_runs = u32::try_from(self.runs.len()).expect("a made-up study is small");
        entries.push(JournalEntry::Completed(Completed { n_runs }));
        StudyHead {
            plan: self.plan.clone(),
            plan_sha256: Digest::of(&plan_lock),
            environment: self.environment.clone(),
            journal: chain(entries),
        }
    }
}

/// Returns journal lines with `entries`, each with the digest of the one before.
pub fn chain(entries: Vec<JournalEntry>) -> Vec<JournalLine> {
    let mut previous_sha256 = Digest::ZERO;
    let mut lines = Vec::new();
    for (entry, number) in entries.into_iter().zip(1..) {
        let line = JournalLine { line: number, previous_sha256, at: AT.to_owned(), entry };
        previous_sha256 = Digest::of(&serde_json::to_vec(&line).expect("a line is JSON"));
        lines.push(line);
    }
    lines
}

fn environment() -> Environment {
    Environment {
        schema: ENVIRONMENT_SCHEMA.to_owned(),
        started_at: AT.to_owned(),
        harness: Harness {
            version: HARNESS_VERSION.to_owned(),
            git_commit: None,
            profile: "debug".to_owned(),
            executable_sha256: None,
        },
        host: Some(Host {
            os: "Testkit 1.0".to_owned(),
            arch: "x86_64".to_owned(),
            cpu_model: Some("Made-up CPU".to_owned()),
            n_cpus: 2,
            governor: None,
            clocksource: Some("tsc".to_owned()),
            memory_bytes: Some(8 << 30),
            virtualised: Some(true),
            kernel_stamps: true,
        }),
        gpus: Vec::new(),
        servers: BTreeMap::from([("main".to_owned(), identity())]),
        implementations: std::collections::BTreeMap::new(),
    }
}

fn identity() -> ServerIdentity {
    ServerIdentity {
        product: Some("ollama".to_owned()),
        version: Some("0.30.0".to_owned()),
        model: Some("fake:1b".to_owned()),
        model_digest: Some("sha256:fake".to_owned()),
        context_length: Some(2048),
        ..ServerIdentity::default()
    }
}

#[cfg(test)]
mod tests {
    use tachograph_model::call;

    use super::*;

    #[test]
    fn equal_settings_make_equal_studies() {
        let study = StudyBuilder::new().build();
        assert_eq!(study.runs.len(), 6);
        assert_eq!(study.evidence(), StudyBuilder::new().build().evidence());
        assert_eq!(study.head(), StudyBuilder::new().build().head());
    }

    #[test]
    fn settings_can_be_found_in_the_events() {
        let slow = StudyBuilder::new().noise(0.0).slowdown("ctx512", 2.0).build();
        let tpot = |study: &FakeStudy, slug: &str| -> f64 {
            let run = study.runs.iter().find(|run| run.run.id.configuration.0 == slug).unwrap();
            let events = run.events.iter().filter(|recorded| recorded.source == "analyst");
            let (calls, n_open) = call::assemble(events.map(|recorded| &recorded.event));
            assert_eq!((calls.len(), n_open), (2, 0));
            calls[1].tpot_ns().unwrap()
        };
        let ratio = tpot(&slow, "ctx512") / tpot(&slow, "ctx256");
        assert!((ratio - 2.0).abs() < 1e-9, "{ratio}");
    }

    #[test]
    fn a_failure_fails_its_run_only() {
        let first = StudyBuilder::new().build().runs[0].run.id.clone();
        let study = StudyBuilder::new().failure(first, Stage::Analysis).build();
        assert_eq!(study.runs[0].outcome, RunOutcome::Failed);
        assert!(study.runs[1..].iter().all(|run| run.outcome == RunOutcome::Completed));
    }
}
