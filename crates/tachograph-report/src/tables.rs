//! Calls, agents and runs as tables, for Parquet.
//!
//! Owns: their columns. Units end the names.

use std::borrow::Cow;

use tachograph_model::plan::Metric;
use tachograph_model::table::{Column, Table};
use tachograph_model::units::DurationNs;

use crate::facts::{AgentFacts, CallFacts, RunFacts};
use crate::writer::metric_id;

/// Returns the tables `calls` (one row per call, warm-up included), `agents` (one row
/// per agent of a run) and `runs`, each in parts of at most `part_rows` rows, one after the other: a million calls as one table
/// would take more memory than their facts.
///
/// Rows are in the order of execution, then by agent and call. A table without rows has
/// one part without rows.
pub fn tables(facts: &[RunFacts], part_rows: usize) -> [Parts<'_>; 3] {
    let mut runs: Vec<&RunFacts> = facts.iter().collect();
    runs.sort_by(|a, b| (a.index, &a.id).cmp(&(b.index, &b.id)));
    let agents =
        runs.clone().into_iter().flat_map(|run| run.agents.iter().map(move |agent| (run, agent)));
    let calls = agents
        .clone()
        .flat_map(|(run, agent)| agent.calls.iter().map(move |call| (run, agent, call)));
    [
        Parts { name: "calls", parts: in_parts(calls, part_rows, calls_table) },
        Parts { name: "agents", parts: in_parts(agents, part_rows, agents_table) },
        Parts { name: "runs", parts: in_parts(runs.into_iter(), part_rows, runs_table) },
    ]
}

/// A table, part after part; each part has the same columns.
pub struct Parts<'a> {
    /// The table's name.
    pub name: &'static str,
    /// Its parts.
    pub parts: Box<dyn Iterator<Item = Table<'a>> + 'a>,
}

impl std::fmt::Debug for Parts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("name", &self.name).finish_non_exhaustive()
    }
}

fn in_parts<'a, T: 'a>(
    mut rows: impl Iterator<Item = T> + 'a,
    part_rows: usize,
    table: impl Fn(&[T]) -> Table<'a> + 'a,
) -> Box<dyn Iterator<Item = Table<'a>> + 'a> {
    let mut first = true;
    Box::new(std::iter::from_fn(move || {
        let part: Vec<T> = rows.by_ref().take(part_rows.max(1)).collect();
        let more = first || !part.is_empty();
        first = false;
        more.then(|| table(&part))
    }))
}

type Row<'a> = (&'a RunFacts, &'a AgentFacts, &'a CallFacts);

fn text<'a, T>(rows: &[T], of: impl Fn(&T) -> Option<Cow<'a, str>>) -> Column<'a> {
    Column::Text(rows.iter().map(of).collect())
}

fn integer<T>(rows: &[T], of: impl Fn(&T) -> Option<u64>) -> Column<'static> {
    // A count beyond 2^63 does not occur in a run; it would be left empty.
    Column::Integer(rows.iter().map(|row| i64::try_from(of(row)?).ok()).collect())
}

fn float<T>(rows: &[T], of: impl Fn(&T) -> Option<f64>) -> Column<'static> {
    Column::Float(rows.iter().map(of).collect())
}

fn bool<T>(rows: &[T], of: impl Fn(&T) -> bool) -> Column<'static> {
    Column::Bool(rows.iter().map(|row| Some(of(row))).collect())
}

fn calls_table<'a>(rows: &[Row<'a>]) -> Table<'a> {
    let columns: Vec<(&str, Column<'a>)> = vec![
        ("run", text(rows, |(run, ..)| Some(Cow::Owned(run.id.to_string())))),
        ("configuration", text(rows, |(run, ..)| Some(Cow::Borrowed(&run.id.configuration.0)))),
        ("block", integer(rows, |(run, ..)| Some(u64::from(run.id.block)))),
        ("agent", text(rows, |(_, agent, _)| Some(Cow::Borrowed(&agent.name)))),
        ("call", integer(rows, |(.., call)| Some(u64::from(call.call)))),
        ("stage", text(rows, |(.., call)| Some(Cow::Borrowed(call.stage.name())))),
        ("server", text(rows, |(.., call)| Some(Cow::Borrowed(&call.server)))),
        ("status", text(rows, |(.., call)| Some(Cow::Borrowed(call.status.name())))),
        ("error", text(rows, |(.., call)| Some(Cow::Borrowed(call.error.as_deref()?)))),
        ("cold", bool(rows, |(.., call)| call.cold)),
        ("planned_ns", integer(rows, |(.., call)| call.planned().map(|planned| planned.0))),
        ("sent_ns", integer(rows, |(.., call)| call.sent().map(|sent| sent.0))),
        ("end_ns", integer(rows, |(.., call)| call.end().map(|end| end.0))),
        ("connect_ms", float(rows, |(.., call)| call.connect_ms())),
        ("ttft_ms", float(rows, |(.., call)| call.ttft_ms())),
        ("e2e_ms", float(rows, |(.., call)| call.e2e_ms())),
        ("tpot_ms", float(rows, |(.., call)| call.tpot_ms())),
        ("decode_ms", float(rows, |(.., call)| call.decode_ms())),
        ("load_ms", float(rows, |(.., call)| call.load_ms())),
        ("prompt_eval_ms", float(rows, |(.., call)| call.prompt_eval_ms())),
        ("client_decode_tokens_per_second", float(rows, |(.., call)| call.client_decode_rate())),
        ("server_decode_tokens_per_second", float(rows, |(.., call)| call.server_decode_rate())),
        ("prompt_tokens", integer(rows, |(.., call)| call.prompt_tokens())),
        ("cached_prompt_tokens", integer(rows, |(.., call)| call.cached_prompt_tokens())),
        ("output_tokens", integer(rows, |(.., call)| Some(call.output_tokens))),
        ("output_tokens_by_server", bool(rows, |(.., call)| call.output_tokens_by_server)),
        ("content_chunks", integer(rows, |(.., call)| Some(call.n_content_chunks as u64))),
        ("coalesced_chunks", integer(rows, |(.., call)| Some(call.n_coalesced as u64))),
        ("degeneracy", text(rows, |(.., call)| Some(Cow::Borrowed(call.degeneracy?.title())))),
        (
            "output_sha256",
            text(rows, |(.., call)| Some(Cow::Owned(call.output_sha256.to_string()))),
        ),
        ("events_line", integer(rows, |(.., call)| Some(call.line))),
    ];
    named("calls", columns)
}

fn agents_table<'a>(rows: &[(&'a RunFacts, &'a AgentFacts)]) -> Table<'a> {
    let used = |agent: &AgentFacts| agent.process.as_ref()?.resources.clone();
    let columns: Vec<(&str, Column<'a>)> = vec![
        ("run", text(rows, |(run, _)| Some(Cow::Owned(run.id.to_string())))),
        ("configuration", text(rows, |(run, _)| Some(Cow::Borrowed(&run.id.configuration.0)))),
        ("block", integer(rows, |(run, _)| Some(u64::from(run.id.block)))),
        ("agent", text(rows, |(_, agent)| Some(Cow::Borrowed(&agent.name)))),
        (
            "implementation",
            text(rows, |(_, agent)| Some(Cow::Borrowed(agent.implementation.as_deref()?))),
        ),
        ("start_ns", integer(rows, |(run, _)| run.released.as_ref().map(|(start, _)| start.0))),
        ("began_ns", integer(rows, |(_, agent)| agent.began.map(|at| at.0))),
        ("done_ns", integer(rows, |(_, agent)| agent.done.map(|at| at.0))),
        ("wall_ms", float(rows, |(_, agent)| agent.wall().map(DurationNs::as_millis))),
        ("output_tokens", integer(rows, |(_, agent)| Some(agent.output_tokens()))),
        ("calls", integer(rows, |(_, agent)| Some(agent.counted_calls().count() as u64))),
        ("startup_ms", float(rows, |(_, agent)| agent.startup.map(DurationNs::as_millis))),
        ("user_cpu_ms", float(rows, |(_, agent)| Some(used(agent)?.user_cpu_ns.as_millis()))),
        ("system_cpu_ms", float(rows, |(_, agent)| Some(used(agent)?.system_cpu_ns.as_millis()))),
        ("peak_rss_bytes", integer(rows, |(_, agent)| Some(used(agent)?.peak_rss_bytes))),
        ("threads", integer(rows, |(_, agent)| Some(u64::from(used(agent)?.threads_seen?)))),
        ("own_calls", integer(rows, |(_, agent)| Some(agent.own_calls.as_ref()?.len() as u64))),
    ];
    named("agents", columns)
}

fn runs_table<'a>(rows: &[&'a RunFacts]) -> Table<'a> {
    let peak = |run: &&RunFacts| {
        let processes = run.agents.iter().filter_map(|agent| agent.process.as_ref());
        processes.filter_map(|p| p.resources.as_ref()).map(|r| r.peak_rss_bytes).max()
    };
    let mut columns: Vec<(&str, Column<'a>)> = vec![
        ("run", text(rows, |run| Some(Cow::Owned(run.id.to_string())))),
        ("configuration", text(rows, |run| Some(Cow::Borrowed(&run.id.configuration.0)))),
        ("block", integer(rows, |run| Some(u64::from(run.id.block)))),
        ("index", integer(rows, |run| Some(u64::from(run.index)))),
        (
            "outcome",
            text(rows, |run| Some(Cow::Owned(format!("{:?}", run.outcome).to_lowercase()))),
        ),
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
        ("events_sha256", text(rows, |run| Some(Cow::Owned(run.events_sha256.to_string())))),
    ];
    for metric in Metric::ALL {
        columns.push((metric_id(metric), float(rows, |run| run.metric(metric))));
    }
    named("runs", columns)
}

fn named<'a>(name: &str, columns: Vec<(&str, Column<'a>)>) -> Table<'a> {
    let columns = columns.into_iter().map(|(name, column)| (name.to_owned(), column)).collect();
    Table { name: name.to_owned(), columns }
}
