//! What agents do alone, for studies of two at once that did not measure it.
//!
//! Owns: the one place where runs of one study serve another. They are of another session,
//! and the study says so.

use std::collections::{BTreeMap, BTreeSet};

use tachograph_model::event::{Event, HARNESS, Recorded, Stage};
use tachograph_model::options::{Options, slug};
use tachograph_model::plan::Api;
use tachograph_model::plan::imported::{Imported, ImportedSource};
use tachograph_model::run::{Arm, Configuration, ConfigurationId, Placement, RunId};

use super::words;
use crate::names;
use crate::snapshot::{ImportedRun, ImportedSet, of_agent, server};

/// The name of an agent that is alone, and of its server.
const SOLO: &str = "solo";

/// Gives a study of two agents at once the runs of that study of one agent which has most
/// of its options, with the same model and the same prompts.
pub(super) fn add(set: &mut ImportedSet, singles: &[ImportedSet]) {
    let prompts = prompts(set);
    let model = set.plan.servers.first().map(|server| server.model.clone());
    let same = |it: &&ImportedSet| {
        it.plan.servers.first().map(|server| &server.model) == model.as_ref()
            && self::prompts(it) == prompts
    };
    let wanted = options_of(set);
    let n_found = |it: &ImportedSet| {
        wanted.iter().filter(|options| configuration(it, options).is_some()).count()
    };
    // The first of those with most.
    let Some(single) = singles.iter().rev().filter(same).max_by_key(|it| n_found(it)) else {
        return;
    };
    let (Some(model), 1..) = (model, n_found(single)) else { return };
    let first_block = set.runs.iter().map(|run| run.id.block).max().unwrap_or(0);
    let mut solos = Vec::new();
    let mut runs = Vec::new();
    for options in &wanted {
        let Some(of) = configuration(single, options) else { continue };
        let solo = solo(options);
        let of_configuration = single.runs.iter().filter(|run| run.id.configuration == of.id);
        runs.extend(of_configuration.map(|run| copied(run, &solo.id, first_block)));
        solos.push(solo);
    }
    runs.sort_by_key(|run| run.id.block);
    let used: BTreeSet<&str> = runs.iter().filter_map(path).collect();
    let Some(imported) = &mut set.plan.imported else { return };
    for placement in imported.configurations.iter_mut().flat_map(|it| &mut it.placements) {
        let solo = solos.iter().find(|it| it.options == placement.options);
        placement.solo = solo.map(|it| it.id.clone());
    }
    let sources = single.plan.imported.iter().flat_map(|it| &it.sources);
    let sources = sources.filter(|it| used.contains(&*it.path)).cloned();
    let sources: BTreeSet<ImportedSource> = sources.chain(imported.sources.drain(..)).collect();
    imported.sources = sources.into_iter().collect();
    said(imported, &single.name, first_block);
    imported.configurations.extend(solos);
    imported.runs.extend(runs.iter().map(|run| run.id.clone()));
    set.runs.extend(runs);
    set.plan.blocks = set.runs.iter().map(|run| run.id.block).max().unwrap_or(1);
    set.plan.servers.push(server(SOLO, Api::OllamaGenerate, &model, None));
    let identity = single.servers.values().next().cloned().unwrap_or_default();
    set.servers.insert(SOLO.to_owned(), identity);
}

/// Says in a study that its runs of single agents are another's.
fn said(imported: &mut Imported, single: &str, first_block: u32) {
    imported.not_recorded.retain(|it| it != words::NO_SOLO);
    imported.not_recorded.push(format!(
        "No agent was measured alone in the same session. Runs of agents alone are those of \
         `{single}`, another session with the same model, options and prompts: a drift between \
         the sessions cannot be told from what the agents cost each other."
    ));
    imported.order = format!(
        "{} Runs of agents alone are of another session and stand last; their blocks begin after \
         {first_block}, so that they are paired with no run of two agents.",
        imported.order
    );
}

/// Returns the prompts of the first stage, which do not depend on an answer.
fn prompts(set: &ImportedSet) -> BTreeSet<&str> {
    let events = set.runs.iter().flat_map(|run| &run.events);
    let requests = events.filter_map(|it| match &it.event {
        Event::CallReported(call) if call.stage == Stage::Analysis => call.request.as_deref(),
        _ => None,
    });
    requests.collect()
}

/// Returns the distinct options of a study's agents, in the order of their slugs.
fn options_of(set: &ImportedSet) -> Vec<Options> {
    let configurations = set.plan.imported.iter().flat_map(|it| &it.configurations);
    let all = configurations.flat_map(|it| &it.placements).map(|it| &it.options);
    let distinct: BTreeMap<String, Options> = all.map(|it| (slug(it), it.clone())).collect();
    distinct.into_values().collect()
}

/// Returns the configuration of one agent that sends these options: of two, that which
/// comes first, the baseline before its repetition.
fn configuration<'a>(set: &'a ImportedSet, options: &Options) -> Option<&'a Configuration> {
    let configurations = &set.plan.imported.as_ref()?.configurations;
    configurations.iter().find(|it| it.options == *options)
}

fn solo(options: &Options) -> Configuration {
    let slug = slug(options);
    let slug = if slug.is_empty() { "default" } else { &slug };
    Configuration {
        id: ConfigurationId(names::fitted(format!("{SOLO}_{slug}"))),
        arm: Arm::Solo,
        levels: Options::new(),
        options: options.clone(),
        placements: vec![Placement {
            agent: SOLO.to_owned(),
            spec: SOLO.to_owned(),
            server: SOLO.to_owned(),
            options: options.clone(),
            solo: None,
        }],
        together: None,
        implementation: None,
    }
}

fn copied(run: &ImportedRun, configuration: &ConfigurationId, first_block: u32) -> ImportedRun {
    let block = run.id.block.saturating_add(first_block);
    let event = |it: &Recorded| {
        if it.source == HARNESS {
            return it.clone();
        }
        let mut event = it.event.clone();
        if let Event::CallReported(call) = &mut event {
            SOLO.clone_into(&mut call.server);
        }
        of_agent(SOLO, event)
    };
    ImportedRun {
        id: RunId { configuration: configuration.clone(), block },
        outcome: run.outcome,
        events: run.events.iter().map(event).collect(),
    }
}

/// Returns the file that a run comes from.
fn path(run: &ImportedRun) -> Option<&str> {
    run.events.iter().find_map(|it| match &it.event {
        Event::RunReported(reported) => Some(&*reported.path),
        _ => None,
    })
}
