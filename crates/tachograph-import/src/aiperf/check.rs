//! What a summary derives, held against the records beside it.

use tachograph_model::event::{CallReported, Stage};

use super::record::Sent;
use super::summary::Summary;
use crate::findings::{Findings, Place, mean};

/// Holds counts and averages of a summary against the records, by the source's definitions.
pub(super) fn summary(
    findings: &mut Findings,
    place: &Place<'_>,
    summary: &Summary,
    sent: &[Sent],
) {
    let counted = || sent.iter().map(|it| &it.call).filter(|call| call.stage != Stage::Warmup);
    // What the source calls completed includes answers that broke off.
    let succeeded = || counted().filter(|call| call.stated.contains_key("request_latency"));
    let n_failed = counted().count() - succeeded().count();
    let of = |name: &str| {
        let values: Vec<f64> =
            succeeded().filter_map(|call| call.stated.get(name).copied()).collect();
        mean(&values)
    };
    let usage = |call: &CallReported| call.usage.output_tokens;
    let gaps: Vec<f64> = succeeded()
        .flat_map(|call| {
            let n_zero = call.stated.get("coalesced_chunks").map_or(0.0, |it| *it);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
            let zeros = std::iter::repeat_n(0.0, n_zero as usize);
            call.gaps_ns.iter().map(|gap| gap.as_millis()).chain(zeros)
        })
        .collect();
    let tokens: Option<u64> = succeeded().filter_map(usage).reduce(|sum, it| sum + it);
    for (name, computed) in [
        ("request_count", Some(succeeded().count() as f64)),
        ("error_request_count", Some(n_failed as f64)),
        ("request_latency", of("request_latency")),
        ("time_to_first_token", of("time_to_first_token")),
        ("inter_token_latency", of("inter_token_latency")),
        ("inter_chunk_latency", mean(&gaps)),
        ("total_usage_completion_tokens", tokens.map(|it| it as f64)),
    ] {
        findings.compare(&place.at(name), "avg", summary.average(name), computed);
    }
}
