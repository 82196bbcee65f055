//! `tacho quickstart`: from nothing to a verified report.

use std::path::{Path, PathBuf};

use crate::args::{Overrides, QuickstartArgs};
use crate::commands::{report, run, verify};
use crate::failure::{Exit, Failure};
use crate::loaded_plan::{self, LoadedPlan};
use crate::terminal::{note, out};
use crate::{cache, engine, session};

/// The plan that the quickstart carries out.
const PLAN: &str = include_str!("../../../../plans/quick.toml");

/// Carries the command out.
pub(crate) fn execute(args: &QuickstartArgs) -> Result<Exit, Failure> {
    let began = tachograph_run::clock::now();
    let cache = args.cache.as_deref();
    let loaded = plan(&args.overrides)?;
    make_room(&args.output, args.force)?;

    step(1, "the model");
    if loaded.plan.servers.iter().any(|server| server.url.is_some()) {
        note("  a server of yours; nothing to install");
    } else if args.overrides.simulated {
        note(
            "  none: a simulated server with stated timing. Its figures say nothing about a model",
        );
    } else {
        note("  SmolLM2-135M-Instruct on llama.cpp, in a private Python environment");
        let files = engine::installed(cache, |line| note(format!("  {line}")))?;
        note(format!("  {} ({})", files.model.display(), files.model_sha256));
    }
    note(format!("  agents read {}", cache::samples(&cache::folder(cache)?)?.display()));

    step(2, "measure: a fresh agent process per run, configurations in random order in each block");
    let study = &args.output;
    let exit = run::fresh(&loaded, study, cache)?;
    let is_complete = tachograph_store::Study::open(study)
        .map_err(|error| Failure::failed(&error))?
        .is_completed();
    if !is_complete {
        note(format!("  partly done; to go on: tacho run --resume -o {}", study.display()));
        return Ok(exit);
    }

    step(3, "report: estimates, verdicts, figures, all from the sealed events");
    let derivation = report::publish(study)?;
    let (n_claims, n_printed) = derivation.rendered.n_claims();
    note(format!("  {n_claims} claims stand behind {n_printed} printed numbers"));

    step(4, "verify: recompute everything from the raw events");
    let verified = verify::verify(study)?;
    note(format!("  {}", verified.summary()));

    let took = tachograph_run::clock::now().since(began).expect("the clock is monotonic");
    let path = std::path::absolute(study.join("reports/single-agent/report.html"))
        .map_err(|error| Failure::failed(&error))?;
    out(format!("\nfile://{}", path.display()));
    out(report::headline(&derivation));
    out(format!(
        "\n{} in all. Change one byte of any file in {} and ask again: tacho verify {}",
        crate::terminal::duration(took.as_seconds()),
        study.display(),
        study.display()
    ));
    Ok(if verified.exit() == Exit::Done { exit } else { verified.exit() })
}

fn step(number: u32, what: &str) {
    note(format!("{number}/4 {what}"));
}

/// Returns the quick plan; on a server of the user's, with its model and protocol.
fn plan(overrides: &Overrides) -> Result<LoadedPlan, Failure> {
    let Some(url) = overrides.server.first() else {
        return loaded_plan::parse_text(
            "plans/quick.toml",
            PLAN.to_owned(),
            PathBuf::new(),
            overrides,
        );
    };
    let url = url
        .split_once('=')
        .filter(|(name, _)| !name.contains("://"))
        .map_or(&**url, |(_, url)| url);
    let found = session::discover(url, overrides.model.as_deref(), None)?;
    note(format!("found {} at {url}", found.model));
    let overrides = Overrides { model: Some(found.model), ..overrides.clone() };
    let text = PLAN.to_owned();
    loaded_plan::parse_adapted(
        "plans/quick.toml",
        text,
        PathBuf::new(),
        &overrides,
        Some(found.api),
    )
}

/// Removes an earlier study if that was asked for; nothing else is removed.
fn make_room(study: &Path, force: bool) -> Result<(), Failure> {
    if !study.exists() {
        return Ok(());
    }
    if !force {
        let message = format!("{} exists already", study.display());
        return Err(Failure::new(Exit::Usage, message)
            .help("choose another folder with -o, or replace the study with --force"));
    }
    if !study.join("journal.jsonl").is_file() {
        let message = format!("{} is not a study; it is left alone", study.display());
        return Err(Failure::new(Exit::Usage, message).help("choose another folder with -o"));
    }
    std::fs::remove_dir_all(study).map_err(|error| {
        Failure::new(Exit::Failed, format!("could not remove {}: {error}", study.display()))
    })
}
