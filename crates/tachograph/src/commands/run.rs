//! `tacho run`: executes a plan and keeps the evidence.

use std::io;
use std::path::Path;

use tachograph_model::digest::Digest;
use tachograph_model::event::RunOutcome;
use tachograph_model::plan::{Plan, expand};
use tachograph_model::run::Run;
use tachograph_model::study::RunBegun;
use tachograph_run::agent::combined::{self, Member};
use tachograph_run::execute::{
    ExecuteError, Executed, Interrupt, InterruptLevel, Programs, RunContext, execute_run,
};
use tachograph_run::sensors::Sensors;
use tachograph_run::{clock, worker};
use tachograph_store::{NewStudy, Study, WriteError};

use crate::agents::Agents;
use crate::args::{Overrides, RunArgs};
use crate::failure::{Exit, Failure, chain};
use crate::loaded_plan::{self, LoadedPlan};
use crate::looks::Looks;
use crate::session::{Servers, VERSION};
use crate::tally::Tally;
use crate::terminal::{Progress, duration, note, out};
use crate::{inputs, session, signals};

/// Carries the command out.
pub(crate) fn execute(args: &RunArgs) -> Result<Exit, Failure> {
    let cache = args.cache.as_deref();
    let exit = if args.resume {
        resume(args.plan.as_deref(), &args.output, &args.overrides, cache)?
    } else {
        let path = args.plan.as_deref().expect("clap requires a plan without --resume");
        let loaded = loaded_plan::load(path, &args.overrides)?;
        fresh(&loaded, &args.output, cache)?
    };
    let study = args.output.display();
    match exit {
        Exit::Done => out(format!("done; next: tacho report {study}")),
        _ => out(format!("partly done; to go on: tacho run --resume -o {study}")),
    }
    Ok(exit)
}

/// Executes the plan into a new study.
///
/// # Errors
///
/// A failure if something cannot be started or written; what is sealed stays.
pub(crate) fn fresh(
    loaded: &LoadedPlan,
    folder: &Path,
    cache: Option<&Path>,
) -> Result<Exit, Failure> {
    let inputs = inputs::resolve(&loaded.plan, Some(&loaded.folder), cache)?;
    Study::require_free(folder).map_err(|error| write_failure(&error))?;
    let agents = Agents::prepare(&loaded.plan, cache)?;
    let servers = Servers::start(&loaded.plan, Some(&loaded.folder), cache)?;
    let mut environment = session::environment(servers.identities.clone());
    environment.implementations = agents.implementations;
    let new = NewStudy {
        plan_toml: loaded.text.as_bytes(),
        plan: &loaded.plan,
        environment: &environment,
        overrides: &loaded.overrides,
        harness_version: VERSION,
    };
    let study = Study::create(folder, &new, &clock::rfc3339_now())
        .map_err(|error| write_failure(&error))?;
    carry_out(study, &loaded.plan, &agents.programs, servers, &inputs)
}

fn resume(
    plan_path: Option<&Path>,
    folder: &Path,
    overrides: &Overrides,
    cache: Option<&Path>,
) -> Result<Exit, Failure> {
    if *overrides != Overrides::default() {
        let message = "a study is resumed with the plan and the overrides that it was begun with";
        return Err(Failure::new(Exit::Usage, message).help("leave the overrides out"));
    }
    let base = plan_path.map(|path| same_plan(path, folder)).transpose()?;
    let mut study = Study::resume(folder, None, VERSION, &clock::rfc3339_now())
        .map_err(|error| write_failure(&error))?;
    let plan = study.plan().clone();
    if let Some(n_blocks) = study.stopped_after() {
        study.complete(&clock::rfc3339_now()).map_err(|error| write_failure(&error))?;
        note(format!("the stopping rule ended the study after {n_blocks} blocks"));
        return Ok(Exit::Done);
    }
    if study.is_completed() {
        study.seal_manifest().map_err(|error| write_failure(&error))?;
        note("every run of the plan is sealed already");
        return Ok(Exit::Done);
    }
    let inputs = inputs::resolve(&plan, base.as_deref(), cache)?;
    let agents = Agents::prepare(&plan, cache)?;
    let servers = Servers::start(&plan, base.as_deref(), cache)?;
    carry_out(study, &plan, &agents.programs, servers, &inputs)
}

/// Returns the folder of the plan at `path` if it is the study's plan.
fn same_plan(path: &Path, folder: &Path) -> Result<std::path::PathBuf, Failure> {
    let text = std::fs::read(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("could not read the plan {}: {error}", path.display()))
    })?;
    let study = Study::open(folder).map_err(|error| Failure::failed(&error))?;
    let begun_with = study.head().created().map(|created| created.plan_sha256);
    if begun_with != Some(Digest::of(&text)) {
        let message =
            format!("{} is not the plan that {} was begun with", path.display(), folder.display());
        return Err(Failure::new(Exit::Usage, message)
            .help("give that plan, or run this one into a new folder without --resume"));
    }
    Ok(path.parent().map_or_else(std::path::PathBuf::new, Path::to_path_buf))
}

/// Executes every run that is not sealed yet, until the stopping rule ends the study.
fn carry_out(
    mut study: Study,
    plan: &Plan,
    programs: &Programs,
    mut servers: Servers,
    inputs: &std::collections::BTreeMap<String, std::path::PathBuf>,
) -> Result<Exit, Failure> {
    let interrupt = Interrupt::new();
    signals::on_each({
        let interrupt = interrupt.clone();
        move || match interrupt.press() {
            InterruptLevel::Finish => {
                note("stopping after the current run; once more abandons that run");
            }
            _ => note("abandoning the current run"),
        }
    })?;
    let salt = format!("{} {}", Digest::of(&plan.lock_bytes()), clock::rfc3339_now());
    let sensors = Sensors::default();
    let mut context = RunContext {
        programs,
        inputs,
        servers: &mut servers.controls,
        nonce_salt: &salt,
        sensors: &sensors,
        record: None,
    };
    let runs = expand::runs(plan);
    let began = clock::now();
    let progress = Progress::start(runs.len(), study.n_sealed());
    let mut looks = Looks::of(plan, &runs);
    let mut n_failed = 0;
    for run in &runs {
        if !study.is_sealed(&run.id) {
            if interrupt.level() != InterruptLevel::None {
                break;
            }
            progress.running(&run.id.to_string());
            match one(&mut study, plan, run, &mut context, &interrupt)? {
                Some((outcome, figures)) => {
                    n_failed += u32::from(outcome == RunOutcome::Failed);
                    let mark = if outcome == RunOutcome::Failed { "FAILED " } else { "" };
                    progress.finished(study.n_sealed(), &format!("{mark}{}: {figures}", run.id));
                }
                None => break,
            }
        }
        if let Some(line) = looks.after(run, &mut study)? {
            progress.remark(&line);
        }
        if study.stopped_after().is_some() {
            break;
        }
    }
    progress.end();
    let took = clock::now().since(began).expect("the clock is monotonic");
    let n_due = study.stopped_after().map_or(runs.len(), |n_blocks| {
        runs.iter().take_while(|run| run.id.block <= n_blocks).count()
    });
    note(format!(
        "{} of {}{} runs are sealed; {}",
        study.n_sealed(),
        if n_due < runs.len() { "at most " } else { "" },
        runs.len(),
        duration(took.as_seconds())
    ));
    if study.n_sealed() < n_due {
        study.seal_manifest().map_err(|error| write_failure(&error))?;
        return Ok(Exit::Partial);
    }
    study.complete(&clock::rfc3339_now()).map_err(|error| write_failure(&error))?;
    if n_failed > 0 {
        note(format!("{n_failed} runs failed; their events are kept, and the report counts them"));
        return Ok(Exit::Partial);
    }
    Ok(Exit::Done)
}

/// Executes and seals one run; `None` if it was abandoned.
fn one(
    study: &mut Study,
    plan: &Plan,
    run: &Run,
    context: &mut RunContext<'_>,
    interrupt: &Interrupt,
) -> Result<Option<(RunOutcome, String)>, Failure> {
    let begun = RunBegun { run: run.id.clone(), index: run.index };
    let mut writer =
        study.begin_run(&begun, &clock::rfc3339_now()).map_err(|error| write_failure(&error))?;
    let mut tally = Tally::default();
    let mut sink = |recorded: &tachograph_model::event::Recorded| {
        tally.add(recorded);
        writer.append(recorded).map_err(io::Error::other)
    };
    let executed = execute_run(run, plan, context, &mut sink, interrupt);
    let at = clock::rfc3339_now();
    match executed {
        Ok(executed) => {
            keep_documents(&mut writer, run, &executed).map_err(|error| write_failure(&error))?;
            writer.seal(executed.outcome, &at).map_err(|error| write_failure(&error))?;
            Ok(Some((executed.outcome, tally.line())))
        }
        Err(ExecuteError::Abandoned) => {
            writer.abandon("stopped by the user", &at).map_err(|error| write_failure(&error))?;
            Ok(None)
        }
        Err(error) => {
            let failure = Failure::failed(&error).help(
                "the sealed runs are kept; once the cause is gone: tacho run --resume -o STUDY",
            );
            // The first error is the one to show; a full disk refuses this as well.
            drop(writer.abandon(&chain(&error), &at));
            Err(failure)
        }
    }
}

fn keep_documents(
    writer: &mut tachograph_store::RunWriter<'_>,
    run: &Run,
    executed: &Executed,
) -> Result<(), WriteError> {
    for artifact in &executed.artifacts {
        let name = format!("{}_{}", artifact.agent, artifact.name);
        writer.artifact(&name, &artifact.content)?;
    }
    if run.placements.len() > 1 {
        writer.artifact(combined::NAME, combined_report(run, executed).as_bytes())?;
    }
    if !executed.stderr.is_empty() {
        let mut text = Vec::new();
        for (agent, bytes) in &executed.stderr {
            text.extend_from_slice(format!("== {agent}\n").as_bytes());
            text.extend_from_slice(bytes);
        }
        writer.artifact("stderr.txt", &text)?;
    }
    Ok(())
}

/// Returns what all agents of a run wrote, as one document.
fn combined_report(run: &Run, executed: &Executed) -> String {
    let report = |agent: &str| {
        let mut all = executed.artifacts.iter();
        let found = all.find(|it| it.agent == agent && it.name == worker::REPORT_NAME);
        found.map(|artifact| String::from_utf8_lossy(&artifact.content))
    };
    let reports: Vec<_> = run.placements.iter().map(|it| report(&it.agent)).collect();
    let members: Vec<Member<'_>> = run
        .placements
        .iter()
        .zip(&reports)
        .map(|(placement, report)| Member {
            agent: &placement.agent,
            server: &placement.server,
            options: &placement.options,
            end: executed.ends.get(&placement.agent).map_or("it was not started", String::as_str),
            report: report.as_deref(),
        })
        .collect();
    combined::combined(&run.id.to_string(), &members)
}

/// Returns the failure for an error of the study's writer.
pub(crate) fn write_failure(error: &WriteError) -> Failure {
    match error {
        WriteError::NotEmpty { .. } | WriteError::OtherPlan { .. } => Failure::usage(error),
        _ => Failure::failed(error),
    }
}

/// Carries `tacho worker` out and returns its exit code.
pub(crate) fn worker() -> u8 {
    worker::main(io::stdin().lock(), io::stdout().lock(), &mut io::stderr(), &|name| {
        std::env::var(name).ok()
    })
}
