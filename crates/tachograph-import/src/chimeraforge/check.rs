//! Numbers that a source derived, held against its own records.
//!
//! Owns: what counts as agreement, and how disagreement is said. A stated mean is never
//! used: it is computed again from the calls wherever they are there.

use std::collections::BTreeMap;

use tachograph_model::plan::imported::Defect;

use super::call::{Place, is_failed};
use super::shape::{Measures, Numbers, number};

/// What is done about a derived number.
pub(super) const NOT_USED: &str = "not used: such numbers are computed again from the records";

/// How many files a defect names when many have the same.
const NAMED_MAX: usize = 3;

/// What was found wrong.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings(Vec<Defect>);

impl Findings {
    pub(super) fn add(
        &mut self,
        place: &Place<'_>,
        what: impl Into<String>,
        treatment: impl Into<String>,
    ) {
        self.0.push(Defect {
            path: place.path.to_owned(),
            place: place.pointer.clone(),
            what: what.into(),
            treatment: treatment.into(),
        });
    }

    /// Adds a defect if both numbers are there and disagree.
    pub(super) fn compare(
        &mut self,
        place: &Place<'_>,
        name: &str,
        stated: Option<f64>,
        computed: Option<f64>,
    ) {
        if let (Some(stated), Some(computed)) = (stated, computed)
            && !agree(stated, computed)
        {
            let what = format!("{stated} is stated, and the records give {computed}");
            self.add(&place.at(name), what, NOT_USED);
        }
    }

    pub(super) fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the defects in the order of their paths; what many files have alike is one
    /// defect, which names a few of them.
    pub(super) fn merged(self) -> Vec<Defect> {
        let mut groups: BTreeMap<(String, String), Vec<Defect>> = BTreeMap::new();
        for defect in self.0 {
            let key = (defect.what.clone(), defect.treatment.clone());
            groups.entry(key).or_default().push(defect);
        }
        let mut merged: Vec<Defect> = groups.into_values().filter_map(one_of).collect();
        merged.sort();
        merged
    }
}

/// Returns one defect for several that say the same.
fn one_of(mut all: Vec<Defect>) -> Option<Defect> {
    all.sort();
    all.dedup();
    let mut others: Vec<String> = all.iter().skip(1).map(|it| it.path.clone()).collect();
    others.dedup();
    let mut first = all.into_iter().next()?;
    others.retain(|path| *path != first.path);
    if !others.is_empty() {
        let named = others.iter().take(NAMED_MAX).cloned().collect::<Vec<_>>().join(", ");
        let more = if others.len() > NAMED_MAX { ", …" } else { "" };
        first.what =
            format!("{} (so in {} further files: {named}{more})", first.what, others.len());
    }
    Some(first)
}

/// Returns whether two numbers are the same but for rounding in the last places.
pub(super) fn agree(stated: f64, computed: f64) -> bool {
    (stated - computed).abs() <= 1e-6 * stated.abs().max(computed.abs()).max(1e-3)
}

/// Returns the mean; `None` of nothing.
pub(super) fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the standard deviation with n - 1, and zero of one value, as the source does.
fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    if values.len() == 1 {
        return Some(0.0);
    }
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some((squares / (values.len() - 1) as f64).sqrt())
}

/// Holds the aggregate of an arm or agent against its calls.
pub(super) fn aggregate(
    findings: &mut Findings,
    place: &Place<'_>,
    aggregate: &Numbers,
    calls: &[&Measures],
) {
    let place = place.at("aggregate_metrics");
    let all = |get: fn(&Measures) -> f64| calls.iter().map(|it| get(it)).collect::<Vec<f64>>();
    let rates = all(|it| it.throughput_tokens_per_sec);
    let ttfts = all(|it| it.ttft_ms);
    for (name, computed) in [
        ("average_tokens_per_second", mean(&rates)),
        ("average_ttft_ms", mean(&ttfts)),
        ("stddev_throughput", deviation(&rates)),
        ("stddev_ttft", deviation(&ttfts)),
    ] {
        findings.compare(&place, name, number(aggregate, name), computed);
    }
    for (name, get) in [
        ("total_duration_ms", (|it| it.total_duration_ms) as fn(&Measures) -> f64),
        ("eval_duration_ms", |it| it.eval_duration_ms),
        ("load_duration_ms", |it| it.load_duration_ms),
        ("prompt_eval_duration_ms", |it| it.prompt_eval_duration_ms),
        ("total_tokens_generated", |it| it.tokens_generated),
    ] {
        sum_or_mean(findings, &place.at(name), number(aggregate, name), &all(get));
    }
    let completed: Vec<f64> =
        calls.iter().filter(|it| !is_failed(it)).map(|it| it.throughput_tokens_per_sec).collect();
    let n_failed = calls.len() - completed.len();
    if let (1.., Some(stated), Some(sound)) =
        (n_failed, number(aggregate, "average_tokens_per_second"), mean(&completed))
    {
        let what = format!(
            "{stated} is a mean that counts {n_failed} failed of {} calls as zero; over those \
             that completed it is {sound}",
            calls.len()
        );
        findings.add(&place.at("average_tokens_per_second"), what, NOT_USED);
    }
}

/// Holds a total against its parts. Some files hold means under the names of sums.
fn sum_or_mean(findings: &mut Findings, place: &Place<'_>, stated: Option<f64>, parts: &[f64]) {
    let (Some(stated), Some(mean)) = (stated, mean(parts)) else { return };
    let sum: f64 = parts.iter().sum();
    if agree(stated, sum) {
        return;
    }
    let hint =
        if agree(stated, mean) { ": it is the mean of the calls, not their sum" } else { "" };
    let what = format!("{stated} is stated, and the sum of the calls is {sum}{hint}");
    findings.add(place, what, NOT_USED);
}

/// Holds a difference of two arms against their means.
pub(super) fn delta(
    findings: &mut Findings,
    place: &Place<'_>,
    delta: &Numbers,
    baseline: [Option<f64>; 2],
    chimera: [Option<f64>; 2],
) {
    let of = |at: usize, f: fn(f64, f64) -> f64| Some(f(baseline[at]?, chimera[at]?));
    let percent = |change: fn(f64, f64) -> f64, at: usize| {
        Some(100.0 * change(baseline[at]?, chimera[at]?) / baseline[at].filter(|it| *it > 0.0)?)
    };
    for (name, computed) in [
        ("baseline_throughput", baseline[0]),
        ("chimera_throughput", chimera[0]),
        ("baseline_ttft_ms", baseline[1]),
        ("chimera_ttft_ms", chimera[1]),
        ("throughput_delta_absolute", of(0, |a, b| b - a)),
        ("ttft_delta_absolute_ms", of(1, |a, b| a - b)),
        ("throughput_improvement_percent", percent(|a, b| b - a, 0)),
        ("ttft_reduction_percent", percent(|a, b| a - b, 1)),
    ] {
        findings.compare(place, name, number(delta, name), computed);
    }
}

/// Returns the means of rate and time to first token over calls, failed ones included, as
/// the source computes them.
pub(super) fn means(calls: &[&Measures]) -> [Option<f64>; 2] {
    let rates: Vec<f64> = calls.iter().map(|it| it.throughput_tokens_per_sec).collect();
    let ttfts: Vec<f64> = calls.iter().map(|it| it.ttft_ms).collect();
    [mean(&rates), mean(&ttfts)]
}
