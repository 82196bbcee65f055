//! Calls and runs as tables, for Parquet.
//!
//! Owns: their columns. Units end the names.

use tachograph_model::plan::Metric;
use tachograph_model::table::{Column, Table};
use tachograph_model::units::DurationNs;

use crate::facts::{AgentFacts, CallFacts, RunFacts};
use crate::single_agent::metric_id;

/// Returns the tables `calls` (one row per call, warm-up included) and `runs`.
///
/// Rows are in the order of execution, then by agent and call.
pub fn tables(facts: &[RunFacts]) -> Vec<Table> {
    let mut runs: Vec<&RunFacts> = facts.iter().collect();
    runs.sort_by_key(|run| (run.index, run.id.clone()));
    vec![calls_table(&runs), runs_table(&runs)]
}

type Row<'a> = (&'a RunFacts, &'a AgentFacts, &'a CallFacts);

fn text<T>(rows: &[T], of: impl Fn(&T) -> Option<String>) -> Column {
    Column::Text(rows.iter().map(of).collect())
}

fn integer<T>(rows: &[T], of: impl Fn(&T) -> Option<u64>) -> Column {
    // A count beyond 2^63 does not occur in a run; it would be left empty.
    Column::Integer(rows.iter().map(|row| i64::try_from(of(row)?).ok()).collect())
}

fn float<T>(rows: &[T], of: impl Fn(&T) -> Option<f64>) -> Column {
    Column::Float(rows.iter().map(of).collect())
}

fn bool<T>(rows: &[T], of: impl Fn(&T) -> bool) -> Column {
    Column::Bool(rows.iter().map(|row| Some(of(row))).collect())
}

fn calls_table(runs: &[&RunFacts]) -> Table {
    let rows: Vec<Row<'_>> = runs
        .iter()
        .flat_map(|run| run.agents.iter().map(move |agent| (*run, agent)))
        .flat_map(|(run, agent)| agent.calls.iter().map(move |call| (run, agent, call)))
        .collect();
    let rows = rows.as_slice();
    let columns: Vec<(&str, Column)> = vec![
        ("run", text(rows, |(run, ..)| Some(run.id.to_string()))),
        ("configuration", text(rows, |(run, ..)| Some(run.id.configuration.to_string()))),
        ("block", integer(rows, |(run, ..)| Some(u64::from(run.id.block)))),
        ("agent", text(rows, |(_, agent, _)| Some(agent.name.clone()))),
        ("call", integer(rows, |(.., call)| Some(u64::from(call.call)))),
        ("stage", text(rows, |(.., call)| Some(call.stage.name().to_owned()))),
        ("server", text(rows, |(.., call)| Some(call.server.clone()))),
        ("status", text(rows, |(.., call)| Some(call.status.name().to_owned()))),
        ("error", text(rows, |(.., call)| call.error.clone())),
        ("cold", bool(rows, |(.., call)| call.cold)),
        ("sent_ns", integer(rows, |(.., call)| call.sent.map(|sent| sent.0))),
        ("end_ns", integer(rows, |(.., call)| Some(call.end.0))),
        ("connect_ms", float(rows, |(.., call)| call.connect_ms)),
        ("ttft_ms", float(rows, |(.., call)| call.ttft_ms)),
        ("e2e_ms", float(rows, |(.., call)| call.e2e_ms)),
        ("tpot_ms", float(rows, |(.., call)| call.tpot_ms)),
        ("decode_ms", float(rows, |(.., call)| call.decode_ms)),
        ("load_ms", float(rows, |(.., call)| call.load_ms)),
        ("prompt_eval_ms", float(rows, |(.., call)| call.prompt_eval_ms)),
        ("client_decode_tokens_per_second", float(rows, |(.., call)| call.client_decode_rate)),
        ("server_decode_tokens_per_second", float(rows, |(.., call)| call.server_decode_rate)),
        ("prompt_tokens", integer(rows, |(.., call)| call.prompt_tokens)),
        ("cached_prompt_tokens", integer(rows, |(.., call)| call.cached_prompt_tokens)),
        ("output_tokens", integer(rows, |(.., call)| Some(call.output_tokens))),
        ("output_tokens_by_server", bool(rows, |(.., call)| call.output_tokens_by_server)),
        ("content_chunks", integer(rows, |(.., call)| Some(call.n_content_chunks as u64))),
        ("coalesced_chunks", integer(rows, |(.., call)| Some(call.n_coalesced as u64))),
        ("degeneracy", text(rows, |(.., call)| call.degeneracy.map(|d| d.title().to_owned()))),
        ("output_sha256", text(rows, |(.., call)| Some(call.output_sha256.to_string()))),
        ("events_line", integer(rows, |(.., call)| Some(call.line))),
    ];
    named("calls", columns)
}

fn runs_table(rows: &[&RunFacts]) -> Table {
    let peak = |run: &&RunFacts| {
        let processes = run.agents.iter().filter_map(|agent| agent.process.as_ref());
        processes.filter_map(|p| p.resources.as_ref()).map(|r| r.peak_rss_bytes).max()
    };
    let mut columns: Vec<(&str, Column)> = vec![
        ("run", text(rows, |run| Some(run.id.to_string()))),
        ("configuration", text(rows, |run| Some(run.id.configuration.to_string()))),
        ("block", integer(rows, |run| Some(u64::from(run.id.block)))),
        ("index", integer(rows, |run| Some(u64::from(run.index)))),
        ("outcome", text(rows, |run| Some(format!("{:?}", run.outcome).to_lowercase()))),
        ("measured", bool(rows, |run| run.is_measured())),
        ("wall_ms", float(rows, |run| run.wall().map(DurationNs::as_millis))),
        ("output_tokens", integer(rows, |run| Some(run.output_tokens()))),
        ("calls", integer(rows, |run| Some(run.calls().count() as u64))),
        (
            "failed_calls",
            integer(rows, |run| Some(run.calls().filter(|c| !c.is_completed()).count() as u64)),
        ),
        ("peak_rss_bytes", integer(rows, peak)),
        ("events", integer(rows, |run| Some(run.n_events))),
        ("events_sha256", text(rows, |run| Some(run.events_sha256.to_string()))),
    ];
    for metric in Metric::ALL {
        columns.push((metric_id(metric), float(rows, |run| run.metric(metric))));
    }
    named("runs", columns)
}

fn named(name: &str, columns: Vec<(&str, Column)>) -> Table {
    let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    Table { name: name.to_owned(), columns }
}
