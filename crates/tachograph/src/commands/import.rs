//! `tacho import`: makes studies of what other programs measured.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use tachograph_import::{ImportedSet, Snapshot};
use tachograph_model::environment::Environment;
use tachograph_model::plan::parse;
use tachograph_model::study::RunBegun;
use tachograph_run::clock;
use tachograph_store::{NewStudy, Study};

use crate::args::ImportArgs;
use crate::commands::run::write_failure;
use crate::failure::{Exit, Failure};
use crate::foreign;
use crate::session::{self, VERSION};
use crate::terminal::{note, out};

/// Carries the command out.
pub(crate) fn execute(args: &ImportArgs) -> Result<Exit, Failure> {
    let snapshot = snapshot(args)?;
    if args.list {
        list(&snapshot);
        return Ok(Exit::Done);
    }
    let sets = chosen(&snapshot, &args.set)?;
    let places: Vec<PathBuf> = match &*sets {
        [_] => vec![args.output.clone()],
        several => several.iter().map(|set| args.output.join(&set.name)).collect(),
    };
    for place in &places {
        Study::require_free(place).map_err(|error| write_failure(&error))?;
    }
    write_all(&sets, &places)?;
    for (set, place) in sets.iter().zip(&places) {
        out(format!("{}: {}", place.display(), described(set)));
    }
    let n_left = snapshot.left_out.len();
    if n_left > 0 {
        note(format!("{n_left} files belong to no study; `tacho import … --list` says why"));
    }
    Ok(Exit::Done)
}

fn snapshot(args: &ImportArgs) -> Result<Snapshot, Failure> {
    let files = foreign::read(&args.path)?;
    tachograph_import::import(args.kind(), &files).map_err(|error| {
        Failure::usage(&error)
            .help("nothing was written; `tacho import --help` lists the kinds of results")
    })
}

/// Returns the sets that were asked for: all, or those named.
fn chosen<'a>(snapshot: &'a Snapshot, names: &[String]) -> Result<Vec<&'a ImportedSet>, Failure> {
    let known: BTreeSet<&str> = snapshot.sets.iter().map(|set| &*set.name).collect();
    for name in names {
        if !known.contains(&**name) {
            let nearest = parse::nearest(name, known.iter().copied());
            let hint = nearest.map_or(String::new(), |it| format!("; did you mean `{it}`?"));
            let listed: Vec<&str> = known.iter().copied().collect();
            return Err(Failure::new(Exit::Usage, format!("no set is called `{name}`{hint}"))
                .help(format!("there are: {}", listed.join(", "))));
        }
    }
    let is_chosen = |set: &&ImportedSet| names.is_empty() || names.contains(&set.name);
    Ok(snapshot.sets.iter().filter(is_chosen).collect())
}

/// Lists what was found.
fn list(snapshot: &Snapshot) {
    for set in &snapshot.sets {
        out(format!("{}: {}", set.name, described(set)));
        for defect in set.plan.imported.iter().flat_map(|imported| &imported.defects) {
            out(format!(
                "  {} {}: {} ({})",
                defect.path, defect.place, defect.what, defect.treatment
            ));
        }
    }
    for defect in &snapshot.left_out {
        out(format!("left out: {} {}: {}", defect.path, defect.place, defect.what));
    }
}

fn described(set: &ImportedSet) -> String {
    let (n_files, n_defects) = set
        .plan
        .imported
        .as_ref()
        .map_or((0, 0), |imported| (imported.sources.len(), imported.defects.len()));
    format!("{} runs from {n_files} files, {n_defects} defects", set.runs.len())
}

/// Writes each set at its place, on as many processors as there are.
fn write_all(sets: &[&ImportedSet], places: &[PathBuf]) -> Result<(), Failure> {
    let n_workers = std::thread::available_parallelism().map_or(1, usize::from).min(sets.len());
    let next = AtomicUsize::new(0);
    let work = || -> Result<(), Failure> {
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some((set, place)) = sets.get(at).zip(places.get(at)) else { return Ok(()) };
            write(set, place)?;
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..n_workers).map(|_| scope.spawn(work)).collect();
        workers.into_iter().try_for_each(|worker| {
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Writes a set as a study, complete and sealed.
fn write(set: &ImportedSet, folder: &Path) -> Result<(), Failure> {
    let at = clock::rfc3339_now();
    let environment =
        Environment { host: None, gpus: Vec::new(), ..session::environment(set.servers.clone()) };
    let plan_toml = plan_toml(set)?;
    let new = NewStudy {
        plan_toml: plan_toml.as_bytes(),
        plan: &set.plan,
        environment: &environment,
        overrides: &[],
        harness_version: VERSION,
    };
    let failure = |error| write_failure(&error);
    let mut study = Study::create_hastily(folder, &new, &at).map_err(failure)?;
    for (index, run) in (0_u32..).zip(&set.runs) {
        let begun = RunBegun { run: run.id.clone(), index };
        let mut writer = study.begin_run(&begun, &at).map_err(failure)?;
        for event in &run.events {
            writer.append(event).map_err(failure)?;
        }
        writer.seal(run.outcome, &at).map_err(failure)?;
    }
    study.complete(&at).map_err(failure)
}

/// Returns the plan as TOML that parses to the same plan.
fn plan_toml(set: &ImportedSet) -> Result<String, Failure> {
    let text = parse::written(&set.plan).map_err(|error| Failure::failed(&error))?;
    match parse::parse(&text) {
        Ok(parsed) if parsed.plan == set.plan => Ok(text),
        Ok(_) => Err(Failure::new(
            Exit::Failed,
            format!("the plan of {} does not survive being written", set.name),
        )),
        Err(error) => Err(Failure::failed(&error)),
    }
}
