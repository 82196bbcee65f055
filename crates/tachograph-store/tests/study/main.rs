//! Studies on a disk: written, read, damaged, interrupted.

#![expect(clippy::unwrap_used, reason = "the functions that the tests share may panic, too")]

mod corruption;
mod kill;
mod line;
mod rules;

use std::collections::BTreeMap;
use std::path::Path;

use tachograph_store::{NewStudy, Study, WriteError};
use tachograph_testkit::study::{AT, FakeRun, FakeStudy, HARNESS_VERSION};

fn new(fake: &FakeStudy) -> NewStudy<'_> {
    NewStudy {
        plan_toml: fake.plan_toml.as_bytes(),
        plan: &fake.plan,
        environment: &fake.environment,
        overrides: &[],
        harness_version: HARNESS_VERSION,
    }
}

fn derived() -> BTreeMap<String, Vec<u8>> {
    BTreeMap::from([
        ("reports/single-agent/report.md".to_owned(), b"# Report\n".to_vec()),
        ("reports/single-agent/figures/ecdf.svg".to_owned(), b"<svg/>\n".to_vec()),
        ("runs/baseline_default/summary.md".to_owned(), b"# Summary\n".to_vec()),
        ("tables/calls.parquet".to_owned(), b"PAR1PAR1".to_vec()),
    ])
}

fn write_run(study: &mut Study, run: &FakeRun) -> Result<(), WriteError> {
    let mut writer = study.begin_run(&run.begun(), AT)?;
    for event in &run.events {
        writer.append(event)?;
    }
    for (name, bytes) in &run.artifacts {
        writer.artifact(name, bytes)?;
    }
    writer.seal(run.outcome, AT)?;
    Ok(())
}

/// Writes the runs of `fake` that are not sealed yet, completes the study and
/// publishes in it.
fn finish(study: &mut Study, fake: &FakeStudy) -> Result<(), WriteError> {
    for run in &fake.runs {
        if !study.is_sealed(&run.run.id) {
            write_run(study, run)?;
        }
    }
    study.complete(AT)?;
    study.publish("single-agent", &derived(), AT)
}

fn written(folder: &Path, fake: &FakeStudy) {
    let mut study = Study::create(folder, &new(fake), AT).unwrap();
    finish(&mut study, fake).unwrap();
}
