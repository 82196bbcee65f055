//! Studies on a disk: written, read, damaged, interrupted.

#![expect(clippy::unwrap_used, reason = "the functions that the tests share may panic, too")]

use std::collections::BTreeMap;
use std::path::Path;

use tachograph_store::{NewStudy, Study};
use tachograph_testkit::study::{AT, FakeStudy, HARNESS_VERSION, StudyBuilder};

mod line;

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

/// Writes the runs of `fake` that are not sealed yet, then completes the study.
fn finish(study: &mut Study, fake: &FakeStudy) {
    for run in &fake.runs {
        if study.is_sealed(&run.run.id) {
            continue;
        }
        let mut writer = study.begin_run(&run.begun(), AT).unwrap();
        for event in &run.events {
            writer.append(event).unwrap();
        }
        for (name, bytes) in &run.artifacts {
            writer.artifact(name, bytes).unwrap();
        }
        writer.seal(run.outcome, AT).unwrap();
    }
    study.complete(AT).unwrap();
}

fn written(folder: &Path, fake: &FakeStudy) -> Study {
    let mut study = Study::create(folder, &new(fake), AT).unwrap();
    finish(&mut study, fake);
    study.publish("single-agent", &derived(), AT).unwrap();
    study
}
