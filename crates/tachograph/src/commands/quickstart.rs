//! `tacho quickstart`: from nothing to verified reports.

use std::path::{Path, PathBuf};

use tachograph_model::plan::{Api, Engine};

use crate::args::{Overrides, QuickstartArgs};
use crate::commands::{record, report, run, verify};
use crate::failure::{Exit, Failure};
use crate::loaded_plan::{self, Adapted, LoadedPlan};
use crate::terminal::{note, out};
use crate::{agents, cache, engine, session};

/// The plans that the quickstart carries out: one agent, two at once, two languages.
const ONE_AGENT: Shipped =
    Shipped { name: "plans/quick.toml", text: include_str!("../../../../plans/quick.toml") };
const TWO_AGENTS: Shipped = Shipped {
    name: "plans/multi-quick.toml",
    text: include_str!("../../../../plans/multi-quick.toml"),
};

const TWO_LANGUAGES: Shipped = Shipped {
    name: "plans/cross-quick.toml",
    text: include_str!("../../../../plans/cross-quick.toml"),
};

/// A plan that is part of the program.
struct Shipped {
    name: &'static str,
    text: &'static str,
}

/// A study that the quickstart makes.
struct Part {
    what: &'static str,
    loaded: LoadedPlan,
    study: PathBuf,
    /// Where the recording of its server goes, if it plays one.
    tape: Option<PathBuf>,
}

/// Carries the command out.
pub(crate) fn execute(args: &QuickstartArgs) -> Result<Exit, Failure> {
    let began = tachograph_run::clock::now();
    let cache = args.cache.as_deref();
    let mut parts = parts(args)?;
    for part in &parts {
        make_room(&part.study, args.force)?;
    }

    note("1 the model and the agents");
    set_up(args, &mut parts)?;
    let mut exit = Exit::Done;
    for (number, part) in (2..).zip(&parts) {
        note(format!("{number} {}", part.what));
        if let Some(tape) = &part.tape {
            let cassette = record::record(&part.loaded, None, tape, cache)?;
            note(format!("  recorded {} exchanges", cassette.interactions.len()));
        }
        let own = run::fresh(&part.loaded, &part.study, cache)?;
        let opened = tachograph_store::Study::open(&part.study);
        if !opened.map_err(|error| Failure::failed(&error))?.is_completed() {
            let study = part.study.display();
            note(format!("  partly done; to go on: tacho run --resume -o {study}"));
            return Ok(own);
        }
        exit = if own == Exit::Done { exit } else { own };
    }

    let number = parts.len() + 2;
    note(format!("{number} report: estimates, verdicts, figures, all from the sealed events"));
    let mut pages = Vec::new();
    for Part { study, .. } in &parts {
        let derivation = report::publish(study)?;
        let (n_claims, n_printed) = derivation.rendered.n_claims();
        note(format!("  {n_claims} claims stand behind {n_printed} printed numbers"));
        let page = format!("reports/{}/report.html", derivation.rendered.kind());
        let page =
            std::path::absolute(study.join(page)).map_err(|error| Failure::failed(&error))?;
        pages.push((page, report::headline(&derivation)));
    }

    note(format!("{} verify: recompute everything from the raw events", number + 1));
    for Part { study, .. } in &parts {
        let verified = verify::verify(study)?;
        note(format!("  {}", verified.summary()));
        exit = if verified.exit() == Exit::Done { exit } else { verified.exit() };
    }

    let took = tachograph_run::clock::now().since(began).expect("the clock is monotonic");
    for (page, headline) in pages {
        out(format!("\nfile://{}", page.display()));
        out(headline);
    }
    let first = args.output.display();
    out(format!(
        "\n{} in all. Change one byte of any file in {first} and ask again: tacho verify {first}",
        crate::terminal::duration(took.as_seconds()),
    ));
    Ok(exit)
}

/// Returns the studies to be made, with their plans.
fn parts(args: &QuickstartArgs) -> Result<Vec<Part>, Failure> {
    let server = on_server(&args.overrides)?;
    let part = |shipped: &Shipped, study: PathBuf, what: &'static str| {
        let loaded = plan(shipped, &args.overrides, server.as_ref())?;
        Ok(Part { what, loaded, study, tape: None })
    };
    let mut parts = vec![
        part(
            &ONE_AGENT,
            args.output.clone(),
            "measure one agent: a fresh process per run, configurations in random order",
        )?,
        part(
            &TWO_AGENTS,
            beside(&args.output, "multi"),
            "measure two agents: each alone, and both at once, in random order",
        )?,
        part(
            &TWO_LANGUAGES,
            beside(&args.output, "cross"),
            "measure two languages: a native and a Python agent, on the model and on a recording of it",
        )?,
    ];
    for part in &mut parts {
        let tape = part.study.with_extension("cassette");
        part.tape = on_tape(&mut part.loaded, &tape).then_some(tape);
    }
    Ok(parts)
}

/// Sets up model and agents. A study whose agents cannot be set up is left out.
fn set_up(args: &QuickstartArgs, parts: &mut Vec<Part>) -> Result<(), Failure> {
    let cache = args.cache.as_deref();
    if !args.overrides.server.is_empty() {
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
    parts.retain(|part| {
        let ready = agents::set_up(&part.loaded.plan, cache);
        if let Err(failure) = &ready {
            note(format!("  left out: {}: {failure}", part.loaded.plan.name));
        }
        ready.is_ok()
    });
    Ok(())
}

/// Points servers that play recordings to the cassette `tape`; returns whether there are
/// any.
fn on_tape(loaded: &mut LoadedPlan, tape: &Path) -> bool {
    let mut is_recorded = false;
    for managed in loaded.plan.servers.iter_mut().filter_map(|server| server.managed.as_mut()) {
        if managed.engine == Engine::Cassette {
            managed.cassette = Some(tape.display().to_string());
            is_recorded = true;
        }
    }
    if is_recorded {
        loaded.overrides.push(format!("the recording is {}", tape.display()));
    }
    is_recorded
}

/// Returns the folder of a further study: `quickstart-multi.study` beside
/// `quickstart.study`.
fn beside(study: &Path, what: &str) -> PathBuf {
    let stem = study.file_stem().unwrap_or_default().to_string_lossy();
    let name = match study.extension() {
        Some(extension) => format!("{stem}-{what}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{what}"),
    };
    study.with_file_name(name)
}

/// A server of the user's.
struct OnServer {
    url: String,
    model: String,
    api: Api,
}

/// Asks the server of the user's, if one is named, what it is and has.
fn on_server(overrides: &Overrides) -> Result<Option<OnServer>, Failure> {
    let Some(url) = overrides.server.first() else { return Ok(None) };
    let url = url
        .split_once('=')
        .filter(|(name, _)| !name.contains("://"))
        .map_or(&**url, |(_, url)| url);
    let found = session::discover(url, overrides.model.as_deref(), None)?;
    note(format!("found {} at {url}", found.model));
    Ok(Some(OnServer { url: url.to_owned(), model: found.model, api: found.api }))
}

/// Returns a plan of the program; on a server of the user's, with its model and
/// protocol, and all agents on it.
fn plan(
    shipped: &Shipped,
    overrides: &Overrides,
    server: Option<&OnServer>,
) -> Result<LoadedPlan, Failure> {
    let (name, text) = (shipped.name, shipped.text.to_owned());
    let Some(server) = server else {
        let mut loaded = loaded_plan::parse_text(name, text, PathBuf::new(), overrides)?;
        let n_cpus = std::thread::available_parallelism().map_or(1, usize::from);
        crowd(&mut loaded, n_cpus);
        return Ok(loaded);
    };
    let overrides =
        Overrides { model: Some(server.model.clone()), server: Vec::new(), ..overrides.clone() };
    let adapted = Adapted { url: &server.url, api: server.api };
    loaded_plan::parse_adapted(name, text, PathBuf::new(), &overrides, Some(&adapted))
}

/// The servers of the quick plan that are to want every processor, and the most
/// threads that they get.
const WIDE: &str = "wide-";
const THREADS_MAX: usize = 16;

/// Gives the servers that shall fight for the processors as many threads as the
/// machine has, where that is more than the plan says.
fn crowd(loaded: &mut LoadedPlan, n_cpus: usize) {
    let threads = u32::try_from(n_cpus.min(THREADS_MAX)).unwrap_or(1);
    for server in loaded.plan.servers.iter_mut().filter(|each| each.name.starts_with(WIDE)) {
        if let Some(managed) = server.managed.as_mut()
            && managed.engine == Engine::Llama
            && managed.threads < threads
        {
            managed.threads = threads;
            loaded.overrides.push(format!("server {} has {threads} threads", server.name));
        }
    }
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

#[cfg(test)]
mod tests {
    use tachograph_model::plan::PromptCache;

    use super::*;

    #[test]
    fn further_studies_lie_beside_the_first() {
        for (first, second) in [
            ("quickstart.study", "quickstart-multi.study"),
            ("/tmp/x", "/tmp/x-multi"),
            ("a/b.c.study", "a/b.c-multi.study"),
        ] {
            assert_eq!(beside(Path::new(first), "multi"), Path::new(second));
        }
    }

    #[test]
    fn crowded_servers_get_the_machine_s_processors_and_it_is_listed() {
        let threads = |n_cpus: usize| -> (Vec<u32>, usize) {
            let text = TWO_AGENTS.text.to_owned();
            let mut loaded =
                loaded_plan::parse_text("p", text, PathBuf::new(), &Overrides::default()).unwrap();
            crowd(&mut loaded, n_cpus);
            let servers = loaded.plan.servers.iter();
            let threads = servers.map(|server| server.managed.as_ref().unwrap().threads);
            (threads.collect(), loaded.overrides.len())
        };
        assert_eq!(threads(1), (vec![1, 1, 2, 2], 0));
        assert_eq!(threads(2), (vec![1, 1, 2, 2], 0));
        assert_eq!(threads(6), (vec![1, 1, 6, 6], 2));
        assert_eq!(threads(64), (vec![1, 1, 16, 16], 2));
    }

    #[test]
    fn the_plans_fit_a_server_of_the_user_s() {
        for (api, keeps_context) in [(Api::OllamaGenerate, true), (Api::OpenaiChat, false)] {
            let server =
                OnServer { url: "http://127.0.0.1:9".to_owned(), model: "m".to_owned(), api };
            let one = plan(&ONE_AGENT, &Overrides::default(), Some(&server)).unwrap().plan;
            assert_eq!(one.factors.contains_key("num_ctx"), keeps_context);
            let two = plan(&TWO_AGENTS, &Overrides::default(), Some(&server)).unwrap();
            assert_eq!(two.plan.servers.len(), 1);
            assert_eq!(two.plan.topologies.len(), 1);
            assert!(two.overrides.iter().any(|line| line.contains("topology")), "{two:?}");
            // The recording stays beside the server, and is one of the server.
            let mut cross = plan(&TWO_LANGUAGES, &Overrides::default(), Some(&server)).unwrap();
            assert!(on_tape(&mut cross, Path::new("x.cassette")));
            let servers: Vec<&str> = cross.plan.servers.iter().map(|each| &*each.name).collect();
            assert_eq!(servers, ["live", "tape"]);
            assert!(cross.plan.servers.iter().all(|each| each.api == api));
            assert_eq!(cross.plan.topologies[0].servers, ["tape"]);
            assert_eq!(cross.plan.prompt_cache, PromptCache::On);
        }
    }
}
