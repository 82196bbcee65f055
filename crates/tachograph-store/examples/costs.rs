//! What it costs to keep a study: `cargo run --release -p tachograph-store
//! --example costs [FOLDER]`. The folder must be absent; it is left for a look.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tachograph_model::table::{Column, Table};
use tachograph_store::{NewStudy, Study, check, parquet_bytes};
use tachograph_testkit::study::{AT, HARNESS_VERSION, StudyBuilder};

/// Runs of the study.
const N_RUNS: u32 = 100;
/// Tokens of each of a run's two calls; each is one event.
const N_TOKENS: u32 = 2_000;
/// Rows of the table.
const N_ROWS: i64 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map_or_else(
        || std::env::temp_dir().join(format!("tachograph-costs-{}", std::process::id())),
        PathBuf::from,
    );
    let fake = StudyBuilder::new().no_factors().blocks(N_RUNS).output_tokens(N_TOKENS).build();
    let new = NewStudy {
        plan_toml: fake.plan_toml.as_bytes(),
        plan: &fake.plan,
        environment: &fake.environment,
        overrides: &[],
        harness_version: HARNESS_VERSION,
    };
    let mut study = Study::create(&folder, &new, AT)?;
    let (mut begins, mut seals) = (Vec::new(), Vec::new());
    let (mut appending, mut n_events, mut n_bytes) = (Duration::ZERO, 0, 0);
    for run in &fake.runs {
        let start = Instant::now();
        let mut writer = study.begin_run(&run.begun(), AT)?;
        begins.push(start.elapsed());
        let start = Instant::now();
        for event in &run.events {
            writer.append(event)?;
        }
        appending += start.elapsed();
        n_events += run.events.len();
        n_bytes += run.events_jsonl().len();
        for (name, bytes) in &run.artifacts {
            writer.artifact(name, bytes)?;
        }
        let start = Instant::now();
        writer.seal(run.outcome, AT)?;
        seals.push(start.elapsed());
    }
    let start = Instant::now();
    study.complete(AT)?;
    println!("{n_events} events, {:.1} MB", n_bytes as f64 / 1e6);
    println!("append          {:>10.0} events/s", n_events as f64 / appending.as_secs_f64());
    print_quantiles("begin a run", begins);
    print_quantiles("seal a run", seals);
    println!("complete        {:>10.2} ms", start.elapsed().as_secs_f64() * 1e3);

    let table = table();
    let start = Instant::now();
    let bytes = parquet_bytes([table])?;
    let elapsed = start.elapsed().as_secs_f64();
    println!(
        "Parquet         {elapsed:>10.2} s for {N_ROWS} rows, {:.1} MB",
        bytes.len() as f64 / 1e6
    );
    let start = Instant::now();
    study.publish("costs", &BTreeMap::from([("tables/calls.parquet".to_owned(), bytes)]), AT)?;
    println!("publish         {:>10.2} ms", start.elapsed().as_secs_f64() * 1e3);
    drop(study);

    let start = Instant::now();
    let study = Study::open(&folder)?;
    println!("open            {:>10.2} ms", start.elapsed().as_secs_f64() * 1e3);
    let start = Instant::now();
    let mut n_read = 0;
    for evidence in study.runs() {
        n_read += evidence?.events.len();
    }
    println!("read back       {:>10.0} events/s", n_read as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    let check = check(&folder)?;
    let seconds = start.elapsed().as_secs_f64();
    println!(
        "check           {seconds:>10.2} s for {} files, {:.1} MB, {} events, {} findings",
        check.n_files,
        check.n_bytes as f64 / 1e6,
        check.n_events,
        check.findings.len()
    );
    println!("{}", folder.display());
    Ok(())
}

fn print_quantiles(what: &str, mut durations: Vec<Duration>) {
    durations.sort_unstable();
    let at = |percent: usize| durations[(durations.len() - 1) * percent / 100].as_secs_f64() * 1e3;
    println!("{what:<15} {:>10.2} ms p50, {:.2} ms p99", at(50), at(99));
}

/// A table as wide as `calls`, with gaps.
fn table() -> Table<'static> {
    let some = |row: &i64| row % 17 != 0;
    let float = |row: i64| some(&row).then_some(row as f64 * 1.000_1);
    let rows = 0..N_ROWS;
    let text = |row: i64| Some(format!("gpu{}_ctx{}/run_{:03}", row % 3, row % 5, row % 40).into());
    let columns = [
        ("run", Column::Text(rows.clone().map(text).collect())),
        ("call", Column::Integer(rows.clone().map(|row| Some(row % 9)).collect())),
        ("cold", Column::Bool(rows.clone().map(|row| Some(row % 9 == 0)).collect())),
        ("ttft_ms", Column::Float(rows.clone().map(float).collect())),
        ("e2e_ms", Column::Float(rows.clone().map(|row| float(row * 7)).collect())),
        ("tpot_ms", Column::Float(rows.clone().map(|row| float(row * 3)).collect())),
        (
            "output_tokens",
            Column::Integer(rows.clone().map(|row| some(&row).then_some(row)).collect()),
        ),
        ("status", Column::Text(rows.map(|_| Some("completed".into())).collect())),
    ];
    let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    Table { name: "calls".to_owned(), columns }
}
