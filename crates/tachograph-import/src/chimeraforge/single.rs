//! Studies of one agent: a file holds both arms of a configuration.
//!
//! Owns: sessions in the order of time, blocks, and the arm that equals the baseline.
//!
//! Does not: read what a file holds; `rust.rs` and `python.rs` give [`Session`]s.

mod python;
mod rust;

pub(super) use python::{further, means, sessions as python_session};
pub(super) use rust::{failed, session as rust_session};

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::environment::ServerIdentity;
use tachograph_model::options::{Options, slug};
use tachograph_model::plan::imported::{ImportKind, Imported, ImportedSource};
use tachograph_model::plan::{Api, Metric};
use tachograph_model::run::{Arm, Configuration, ConfigurationId, Placement, RunId};

use super::layout::Layout;
use super::place::Folder;
use super::words;
use crate::findings::{Findings, Place};
use crate::names;
use crate::reported::Measured;
use crate::snapshot::{ImportedRun, ImportedSet, plan, server};

/// The name that the agent gets.
pub(super) const AGENT: &str = "analyst";
/// The name that its server gets.
pub(super) const SERVER: &str = "main";

/// What was measured of both arms at one time: one file.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) source: ImportedSource,
    /// Files in which something was found wrong about it.
    pub(super) beside: Vec<ImportedSource>,
    pub(super) layout: Layout,
    pub(super) folder: Folder,
    pub(super) model: String,
    /// `rust`, as the file says; absent where it does not.
    pub(super) language: Option<String>,
    /// When, as a text that sorts.
    pub(super) at: String,
    /// The baseline and the other arm.
    pub(super) arms: [ArmRuns; 2],
    /// Whether the baseline was measured first.
    pub(super) is_baseline_first: bool,
    pub(super) findings: Findings,
}

/// The runs of one arm.
#[derive(Debug, Clone)]
pub(super) struct ArmRuns {
    pub(super) options: Options,
    pub(super) runs: Vec<Measured>,
    /// Means of rate and time to first token over its calls, as the source computes them.
    pub(super) means: [Option<f64>; 2],
}

impl Session {
    /// Returns what tells its calls from those of any other file.
    pub(super) fn fingerprint(&self) -> String {
        let runs = self.arms.iter().flat_map(|arm| &arm.runs);
        let parts = runs.flat_map(|run| &run.parts);
        let texts = parts.map(|part| {
            let calls = part.calls.iter().map(|call| {
                format!("{:?} {:?} {:?};", call.ttft_ns, call.e2e_ns, call.server_timings)
            });
            format!(
                "{:?} {:?} {}",
                part.reported.wall_ns,
                part.reported.means,
                calls.collect::<String>()
            )
        });
        texts.collect()
    }

    /// Returns whether both arms send the same.
    fn is_aa(&self) -> bool {
        self.arms[0].options == self.arms[1].options
    }

    fn n_runs(&self) -> usize {
        self.arms.iter().map(|arm| arm.runs.len()).max().unwrap_or(0)
    }
}

/// Returns the study of some sessions, which have one layout, model and baseline.
pub(super) fn set(name: &str, mut sessions: Vec<Session>) -> Option<ImportedSet> {
    sessions.sort_by(|a, b| (&a.at, &a.source.path).cmp(&(&b.at, &b.source.path)));
    let first = sessions.first()?;
    let (layout, model) = (first.layout, first.model.clone());
    let last = sessions.last()?;
    let days = [first, last].map(|it| it.at.split('T').next().unwrap_or_default());
    let order = words::single_order(layout, first.is_baseline_first, days);
    let per_session = sessions.iter().map(Session::n_runs).max().unwrap_or(0);
    let sources: BTreeSet<ImportedSource> =
        sessions.iter().flat_map(|it| it.beside.iter().chain([&it.source]).cloned()).collect();
    let mut findings = Findings::default();
    let mut configurations: BTreeMap<(Arm, ConfigurationId), Configuration> = BTreeMap::new();
    let mut runs = Vec::new();
    for (at, mut session) in sessions.into_iter().enumerate() {
        names_agree(&mut session);
        findings.extend(std::mem::take(&mut session.findings));
        let first_block = at * per_session + 1;
        let is_aa = session.is_aa();
        let baseline_first = session.is_baseline_first;
        let [baseline, other] = session.arms;
        let baseline = (Arm::Baseline, baseline);
        let other = (if is_aa { Arm::BaselineAa } else { Arm::Chimera }, other);
        for (arm, runs_of_arm) in if baseline_first { [baseline, other] } else { [other, baseline] }
        {
            let configuration = configuration(arm, runs_of_arm.options);
            let id = configuration.id.clone();
            configurations.entry((arm, id.clone())).or_insert(configuration);
            for (offset, mut run) in runs_of_arm.runs.into_iter().enumerate() {
                run.reported.session.clone_from(&session.folder.session);
                let block = u32::try_from(first_block + offset).unwrap_or(u32::MAX);
                runs.push(run.into_run(RunId { configuration: id.clone(), block }));
            }
        }
    }
    let imported = Imported {
        kind: ImportKind::Chimeraforge,
        layout: words::layout(layout).to_owned(),
        sources: sources.into_iter().collect(),
        not_recorded: words::not_recorded(layout),
        defects: findings.merged(),
        order,
        configurations: configurations.into_values().collect(),
        runs: runs.iter().map(|run: &ImportedRun| run.id.clone()).collect(),
    };
    let servers = vec![server(SERVER, Api::OllamaGenerate, &model, None)];
    let question = words::single_question(layout);
    let plan = plan(name, question, Metric::ServerDecodeRate, servers, imported);
    let identity = ServerIdentity {
        product: Some("ollama".to_owned()),
        model: Some(model),
        ..ServerIdentity::default()
    };
    let servers = BTreeMap::from([(SERVER.to_owned(), identity)]);
    Some(ImportedSet { name: name.to_owned(), plan, servers, runs })
}

fn configuration(arm: Arm, options: Options) -> Configuration {
    let id = match arm {
        Arm::Baseline => ConfigurationId::BASELINE.to_owned(),
        Arm::BaselineAa => ConfigurationId::BASELINE_AA.to_owned(),
        _ => slug(&options),
    };
    // A tuned arm without options, beside a baseline that has some.
    let id = if id.is_empty() { "defaults".to_owned() } else { names::fitted(id) };
    let placement = Placement {
        agent: AGENT.to_owned(),
        spec: AGENT.to_owned(),
        server: SERVER.to_owned(),
        options: options.clone(),
        solo: None,
    };
    Configuration {
        id: ConfigurationId(id),
        arm,
        levels: if arm == Arm::Chimera { options.clone() } else { Options::new() },
        options,
        placements: vec![placement],
        together: None,
        implementation: None,
    }
}

/// Says where the name of a session's folder is not that of its options.
fn names_agree(session: &mut Session) {
    let Some(name) = session.folder.name.clone() else { return };
    let path = session.source.path.clone();
    words::name_agrees(
        &mut session.findings,
        &Place::new(&path, ""),
        &name,
        &[&session.arms[1].options],
    );
    if !session.arms[0].options.is_empty() {
        session.findings.add(
            &Place::new(&path, ""),
            format!(
                "the baseline is not the server's defaults: it sends {}",
                slug(&session.arms[0].options)
            ),
            "imported as the baseline, with these options",
        );
    }
    if session.is_aa() && !session.arms[0].options.is_empty() {
        session.findings.add(
            &Place::new(&path, ""),
            "both arms send the same options, so that their difference is noise",
            "the second arm is imported as a second baseline",
        );
    }
}
