//! What a result derives, held against its own arrays.

use tachograph_model::event::{CallReported, CallStatus};

use super::shape::{Arrays, Outcome};
use crate::findings::{Findings, Place, mean};

/// Holds counts and means against requests, by the source's definitions.
pub(super) fn detailed(
    findings: &mut Findings,
    place: &Place<'_>,
    outcome: &Outcome,
    arrays: &Arrays<'_>,
    calls: &[CallReported],
) {
    let is_completed = |at: &usize| calls[*at].status == CallStatus::Completed;
    let completed: Vec<usize> = (0..calls.len()).filter(is_completed).collect();
    let of = |get: &dyn Fn(usize) -> Option<f64>| {
        mean(&completed.iter().filter_map(|at| get(*at)).collect::<Vec<f64>>())
    };
    let latency = |at: usize| {
        let known = arrays.latencies.map(|it| it[at]);
        known.unwrap_or_else(|| arrays.ttfts[at] + arrays.itls[at].iter().sum::<f64>())
    };
    let tpot = |at: usize| {
        let n = arrays.output_lens[at];
        (n > 1).then(|| 1e3 * (latency(at) - arrays.ttfts[at]) / (n - 1) as f64)
    };
    let gaps: Vec<f64> =
        completed.iter().flat_map(|at| &arrays.itls[*at]).map(|gap| gap * 1e3).collect();
    let sum = |values: &[u64]| completed.iter().map(|at| values[*at]).sum::<u64>() as f64;
    let n_failed = (calls.len() - completed.len()) as f64;
    for (name, stated, computed) in [
        ("completed", Some(outcome.completed as f64), Some(completed.len() as f64)),
        ("failed", outcome.failed.map(|it| it as f64), Some(n_failed)),
        ("total_input_tokens", outcome.number("total_input_tokens"), Some(sum(arrays.input_lens))),
        (
            "total_output_tokens",
            outcome.number("total_output_tokens"),
            Some(sum(arrays.output_lens)),
        ),
        ("mean_ttft_ms", outcome.number("mean_ttft_ms"), of(&|at| Some(arrays.ttfts[at] * 1e3))),
        ("mean_tpot_ms", outcome.number("mean_tpot_ms"), of(&tpot)),
        ("mean_itl_ms", outcome.number("mean_itl_ms"), mean(&gaps)),
        (
            "mean_e2el_ms",
            outcome.number("mean_e2el_ms").filter(|_| arrays.latencies.is_some()),
            of(&|at| Some(latency(at) * 1e3)),
        ),
    ] {
        findings.compare(place, name, stated, computed);
    }
}

/// Holds rates against counts and the duration.
pub(super) fn rates(findings: &mut Findings, place: &Place<'_>, outcome: &Outcome) {
    if outcome.duration <= 0.0 {
        return;
    }
    let input = outcome.number("total_input_tokens");
    let output = outcome.number("total_output_tokens");
    for (name, count) in [
        ("request_throughput", Some(outcome.completed as f64)),
        ("output_throughput", output),
        ("total_token_throughput", input.zip(output).map(|(input, output)| input + output)),
    ] {
        let computed = count.map(|count| count / outcome.duration);
        findings.compare(place, name, outcome.number(name), computed);
    }
}
