//! Tables that others derived, as comma-separated values.
//!
//! Owns: finding the files that the rows of a table name, and holding its numbers against
//! their calls.

use std::collections::{BTreeMap, BTreeSet};

use super::Reading;
use super::derived::Verdict;
use super::joint::Joint;
use super::place::parents;
use super::shape::number;
use super::single::Session;
use crate::findings::{NOT_USED, Place, mean};
use crate::read::without_bom;
use crate::snapshot::SourceFile;

/// How many parts of a path must be the same for a row to name a file.
const SHARED_MIN: usize = 2;

/// What a row is about.
enum Subject<'a> {
    Session(&'a Session),
    /// All runs of one configuration, or one run; at least one.
    Runs(Vec<&'a Joint>),
}

impl Subject<'_> {
    fn path(&self) -> &str {
        match self {
            Self::Session(session) => &session.source.path,
            Self::Runs(joints) => joints.first().map_or("", |it| &it.source.path),
        }
    }

    fn n_runs(&self) -> usize {
        match self {
            Self::Session(session) => session.arms.iter().map(|arm| arm.runs.len()).sum(),
            Self::Runs(joints) => joints.len(),
        }
    }
}

/// A row that names a file.
struct Row<'a> {
    line: usize,
    fields: Vec<String>,
    /// How many parts of the paths are the same.
    n_shared: usize,
    subject: Subject<'a>,
    is_baseline: bool,
}

/// Holds a table against the files that its rows name.
pub(super) fn check(reading: &Reading, file: &SourceFile) -> Verdict {
    let mut verdict = Verdict::default();
    let text = String::from_utf8_lossy(without_bom(&file.bytes).0);
    let mut lines = text.lines().map(fields);
    let Some(header) = lines.next() else { return verdict };
    let column = |name: &str| header.iter().position(|it| it == name);
    let Some(source) = column("source").or_else(|| column("path")) else { return verdict };
    let place = Place::new(&file.path, "");
    let kind = column("kind");
    let mut rows = Vec::new();
    for (at, row) in lines.enumerate() {
        let Some((n_shared, subject)) = row.get(source).and_then(|it| subject(reading, &steps(it)))
        else {
            continue;
        };
        let is_baseline =
            kind.and_then(|kind| row.get(kind)).is_some_and(|it| it.contains("baseline"));
        rows.push(Row { line: at + 2, fields: row, n_shared, subject, is_baseline });
    }
    // Two rows may share the end of one file's path: the one that shares more names it.
    let mut most: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        let entry = most.entry(row.subject.path()).or_default();
        *entry = row.n_shared.max(*entry);
    }
    // By column: how many rows disagree, and the first of them.
    let mut wrong: BTreeMap<&str, (usize, usize, f64, f64)> = BTreeMap::new();
    let mut folders = BTreeSet::new();
    for row in &rows {
        let path = row.subject.path();
        if most.get(path) != Some(&row.n_shared) {
            continue;
        }
        verdict.first.get_or_insert_with(|| path.to_owned());
        verdict.n_runs += row.subject.n_runs();
        if let Subject::Session(session) = row.subject {
            folders.insert(session.folder.results.clone());
        }
        for (name, printed) in header.iter().zip(&row.fields) {
            let (Ok(stated), Some(computed)) = (printed.parse(), value(row, name)) else {
                continue;
            };
            if !is_printed(printed, stated, computed) {
                wrong.entry(name).or_insert((0, row.line, stated, computed)).0 += 1;
            }
        }
    }
    for (name, (n, line, stated, computed)) in wrong {
        let rows = if n == 1 { "one row".to_owned() } else { format!("{n} rows") };
        let what = format!(
            "`{name}` disagrees in {rows}, first {stated}, where the records give {computed}"
        );
        let place = Place::new(place.path, format!("line {line}"));
        verdict.findings.add(&place, what, NOT_USED);
    }
    superseded(reading, &mut verdict, &place, &folders);
    verdict
}

/// Says whether a table was made from a study that was measured again later.
fn superseded(
    reading: &Reading,
    verdict: &mut Verdict,
    place: &Place<'_>,
    folders: &BTreeSet<Vec<String>>,
) {
    for folder in folders {
        let of = |results: &[String]| {
            let sessions = reading.sessions.iter().filter(|it| it.folder.results == results);
            sessions.cloned().collect::<Vec<Session>>()
        };
        let own = of(folder);
        let Some(last) = own.iter().max_by(|a, b| a.at.cmp(&b.at)) else { continue };
        let later = reading.sessions.iter().find(|it| {
            it.folder.results != *folder
                && it.language.is_some()
                && it.language == last.language
                && it.at > last.at
                && of(&it.folder.results).len() >= own.len() - 1
                && own.len() > 1
        });
        if let Some(later) = later {
            let what = format!(
                "its rows are of `{}`; `{}` was measured later, and is not in it",
                folder.last().map_or("", String::as_str),
                later.folder.results.last().map_or("", String::as_str)
            );
            verdict.findings.add(place, what, "left out; both studies are imported");
        }
    }
}

/// Returns the value of a column that is known.
fn value(row: &Row<'_>, column: &str) -> Option<f64> {
    match &row.subject {
        Subject::Session(session) => {
            let [baseline, tuned] = [&session.arms[0].means, &session.arms[1].means];
            let own = if row.is_baseline { baseline } else { tuned };
            match column {
                "baseline_tok_s" => baseline[0],
                "chimera_tok_s" => tuned[0],
                "avg_tokens_per_sec" => own[0],
                "baseline_ttft_ms" => baseline[1],
                "chimera_ttft_ms" => tuned[1],
                "avg_ttft_ms" => own[1],
                "throughput_delta_pct" | "throughput_pct" => {
                    Some(100.0 * (tuned[0]? - baseline[0]?) / baseline[0]?)
                }
                _ => None,
            }
        }
        Subject::Runs(joints) => {
            let all = |name: &str, factor: f64| {
                let values = joints.iter().map(|it| Some(factor * number(&it.numbers, name)?));
                mean(&values.collect::<Option<Vec<f64>>>()?)
            };
            match column {
                "average_efficiency" | "efficiency" => all("concurrency_speedup", 50.0),
                "average_concurrency_speedup" | "speedup" => all("concurrency_speedup", 1.0),
                "average_throughput_delta" | "throughput_delta" => all("throughput_delta", 1.0),
                "average_ttft_delta_ms" | "ttft_delta_ms" => all("ttft_delta_ms", 1.0),
                _ => None,
            }
        }
    }
}

/// Returns whether `printed` is `computed` with as many decimals as it has.
fn is_printed(printed: &str, stated: f64, computed: f64) -> bool {
    let decimals = printed.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    let half = 0.5 * 10_f64.powi(-i32::try_from(decimals.min(300)).unwrap_or(300));
    (stated - computed).abs() <= half * 1.000_001 + 1e-9 * computed.abs()
}

/// Returns the fields of a line; a field in quotes may hold commas.
fn fields(line: &str) -> Vec<String> {
    let mut fields = vec![String::new()];
    let mut quoted = false;
    for c in line.trim_end_matches('\r').chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            c => {
                if let Some(last) = fields.last_mut() {
                    last.push(c);
                }
            }
        }
    }
    fields
}

/// Returns the folders of a path that a table names, and the run's if it names one.
fn steps(path: &str) -> Vec<String> {
    let path = path.replace('\\', "/");
    let mut parts: Vec<String> =
        path.split('/').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    if parts.last().is_some_and(|last| last.contains('.')) {
        parts.pop();
    }
    if parts.last().is_some_and(|last| last == "data") {
        parts.pop();
    }
    parts
}

/// Returns how many parts two paths share at their ends.
fn shared(one: &[String], other: &[String]) -> usize {
    one.iter().rev().zip(other.iter().rev()).take_while(|(a, b)| a == b).count()
}

/// Returns what a row is about that names a path, and how many of its parts say so.
fn subject<'a>(reading: &'a Reading, named: &[String]) -> Option<(usize, Subject<'a>)> {
    let of_session = |it: &Session| shared(&steps(&it.source.path), named);
    let of_run = |it: &Joint| shared(&steps(&it.source.path), named);
    let of_runs = |it: &Joint| {
        let mut parts = parents(&it.source.path);
        parts.pop();
        shared(&parts, named)
    };
    let n_session = reading.sessions.iter().map(of_session).max().unwrap_or(0);
    let n_run = reading.joints.iter().map(of_run).max().unwrap_or(0);
    let n_runs = reading.joints.iter().map(of_runs).max().unwrap_or(0);
    let most = n_session.max(n_run).max(n_runs);
    if most < SHARED_MIN {
        return None;
    }
    if n_session == most {
        let session = reading.sessions.iter().find(|it| of_session(it) == most)?;
        return Some((most, Subject::Session(session)));
    }
    let joints = reading.joints.iter();
    let joints: Vec<&Joint> = if n_run == most {
        joints.filter(|it| of_run(it) == most).take(1).collect()
    } else {
        joints.filter(|it| of_runs(it) == most).collect()
    };
    Some((most, Subject::Runs(joints)))
}
