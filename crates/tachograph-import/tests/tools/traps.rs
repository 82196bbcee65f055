//! What is wrong with files is found, and failures stay failures.

use serde_json::json;
use tachograph_model::event::{CallStatus, RunOutcome};

use crate::support::{changed, changed_line, defects, file, found, one, read, said};

#[test]
fn a_failed_request_is_a_failed_call() {
    let set = one(&[file("guidellm/failed.json")]);
    let calls = said(&set.runs[0]).calls;
    let failed: Vec<_> = calls.iter().filter(|it| it.status != CallStatus::Completed).collect();
    assert_eq!((calls.len(), failed.len()), (8, 2));
    assert!(failed.iter().all(|it| it.http_status == Some(503) && it.ttft_ns.is_none()));
    assert!(failed[0].error.as_ref().unwrap().contains("503 Service Unavailable"));
    assert_eq!(set.runs[0].outcome, RunOutcome::Failed);

    let set = one(&[file("vllm/failed.json")]);
    let calls = said(&set.runs[0]).calls;
    let failed: Vec<_> = calls.iter().filter(|it| it.status == CallStatus::HttpError).collect();
    assert_eq!((calls.len(), failed.len()), (8, 3));
    assert!(failed.iter().all(|it| it.error.as_deref() == Some("Service Unavailable")));
    assert!(failed.iter().all(|it| it.usage.output_tokens.is_none() && it.ttft_ns.is_none()));
}

#[test]
fn an_answer_that_broke_off_is_told_where_it_can_be() {
    // AIPerf counts it among its successes: 5 of 8, of which one has no token count.
    let set = one(&[file("aiperf/failed/profile_export.jsonl")]);
    let calls = said(&set.runs[0]).calls;
    let n = |status| calls.iter().filter(|it| it.status == status).count();
    assert_eq!(
        (n(CallStatus::Completed), n(CallStatus::Truncated), n(CallStatus::HttpError)),
        (4, 1, 3)
    );
    // A span that broke off has no error at all, only a finish reason.
    let snapshot = read(&[file("otel/failed.jsonl")]);
    let runs = snapshot.sets.iter().flat_map(|set| &set.runs);
    let calls: Vec<_> = runs.flat_map(|run| said(run).calls).collect();
    let n = |status| calls.iter().filter(|it| it.status == status).count();
    assert_eq!(
        (n(CallStatus::Completed), n(CallStatus::Truncated), n(CallStatus::HttpError)),
        (2, 1, 1)
    );
    let failed = calls.iter().find(|it| it.status == CallStatus::HttpError).unwrap();
    assert_eq!(failed.http_status, Some(503));
}

#[test]
fn a_traceback_is_told_by_its_last_line() {
    let traceback = "Traceback (most recent call last):\n  File \"x.py\", line 1\n\
                     aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected\n";
    let set =
        one(&[changed("vllm/failed.json", |outcome| outcome["errors"][1] = json!(traceback))]);
    let calls = said(&set.runs[0]).calls;
    assert_eq!(calls[1].status, CallStatus::Truncated);
    assert_eq!(
        calls[1].error.as_deref(),
        Some("aiohttp.client_exceptions.ServerDisconnectedError: Server disconnected")
    );
}

#[test]
fn a_request_that_was_cancelled_by_the_source_is_cancelled() {
    let cancelled = changed_line("aiperf/plain/profile_export.jsonl", 1, |record| {
        record["error"] = json!({"code": 499, "type": "RequestCancellationError",
            "message": "Request cancelled by external signal"});
        record["metadata"]["was_cancelled"] = json!(true);
    });
    let set = one(&[cancelled]);
    let calls = said(&set.runs[0]).calls;
    assert_eq!(calls[1].status, CallStatus::Cancelled);
    assert_eq!(calls[1].e2e_ns, None);
}

#[test]
fn aggregates_that_disagree_are_listed() {
    let wrong = one(&[changed("guidellm/concurrent.json", |report| {
        let metrics = &mut report["benchmarks"][0]["metrics"];
        metrics["request_totals"]["successful"] = json!(5);
        metrics["time_to_first_token_ms"]["successful"]["mean"] = json!(12.0);
        metrics["inter_token_latency_ms"]["successful"]["mean"] = json!(1.0);
        report["benchmarks"][1]["requests"]["successful"][2]["time_to_first_token_ms"] = json!(0.5);
    })]);
    let texts = defects(&wrong);
    found(
        &texts,
        "/benchmarks/0/metrics/request_totals/successful: 5 is stated, and the records give 4",
    );
    found(&texts, "/benchmarks/0/metrics/time_to_first_token_ms/successful/mean: 12 is stated");
    found(&texts, "/benchmarks/0/metrics/inter_token_latency_ms/successful/mean: 1 is stated");
    found(&texts, "/benchmarks/1/requests/successful/2/time_to_first_token_ms: 0.5 is stated");
    assert_eq!(texts.len(), 4, "{texts:#?}");

    let summary = changed("aiperf/plain/profile_export_aiperf.json", |summary| {
        summary["request_count"]["avg"] = json!(3.0);
        summary["time_to_first_token"]["avg"] = json!(1.0);
        summary["inter_chunk_latency"]["avg"] = json!(1.0);
        summary["total_usage_completion_tokens"]["avg"] = json!(31.0);
    });
    let texts = defects(&one(&[file("aiperf/plain/profile_export.jsonl"), summary]));
    for words in [
        "/request_count/avg: 3",
        "/time_to_first_token/avg: 1",
        "/inter_chunk_latency/avg: 1",
        "/total_usage_completion_tokens/avg: 31",
    ] {
        found(&texts, words);
    }
    assert_eq!(texts.len(), 4, "{texts:#?}");

    let wrong = one(&[changed("vllm/detailed.json", |outcome| {
        outcome["mean_ttft_ms"] = json!(0.144);
        outcome["mean_tpot_ms"] = json!(2.0);
        outcome["mean_itl_ms"] = json!(1.0);
        outcome["mean_e2el_ms"] = json!(1.0);
        outcome["completed"] = json!(3);
        outcome["output_throughput"] = json!(1.0);
    })]);
    let texts = defects(&wrong);
    for words in [
        "/mean_ttft_ms: 0.144 is stated",
        "/mean_tpot_ms: 2",
        "/mean_itl_ms: 1",
        "/mean_e2el_ms: 1",
        "/completed: 3 is stated, and the records give 4",
        "/output_throughput: 1",
        "/request_throughput",
    ] {
        found(&texts, words);
    }
    assert_eq!(texts.len(), 7, "{texts:#?}");

    let wrong = one(&[changed_line("llama-bench/rows.jsonl", 0, |row| {
        row["avg_ts"] = json!(99.0);
        row["avg_ns"] = json!(1);
        row["samples_ts"][1] = json!(1.0);
    })]);
    let texts = defects(&wrong);
    for words in
        ["line 1/avg_ts: 99 is stated", "line 1/avg_ns: 1 is", "line 1/samples_ts: 1 is stated"]
    {
        found(&texts, words);
    }
    assert_eq!(texts.len(), 3, "{texts:#?}");
}

#[test]
fn a_sample_of_requests_gives_no_throughput() {
    let set = one(&[changed("guidellm/concurrent.json", |report| {
        for benchmark in report["benchmarks"].as_array_mut().unwrap() {
            benchmark["config"]["sample_size"] = json!(2);
            benchmark["requests"]["successful"].as_array_mut().unwrap().truncate(2);
        }
    })]);
    assert_eq!(said(&set.runs[0]).run.wall_ns, None);
    found(&defects(&set), "only a sample of the requests is recorded");
    found(&defects(&set), "4 successful requests were made, and 2 are recorded");
}

#[test]
fn a_clock_that_was_set_back_leaves_a_duration_out() {
    let set = one(&[changed("guidellm/concurrent.json", |report| {
        let timings = &mut report["benchmarks"][0]["requests"]["successful"][0]["info"]["timings"];
        let sent = timings["request_start"].as_f64().unwrap();
        timings["request_end"] = json!(sent - 1.0);
    })]);
    found(&defects(&set), "the end-to-end latency would be -1 s: its clock was set back");
    let calls = said(&set.runs[0]).calls;
    assert!(calls[0].e2e_ns.is_none() && calls[0].ttft_ns.is_some());

    let back = changed_line("otel/ok.jsonl", 0, |document| {
        let span = &mut document["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        span["endTimeUnixNano"] = json!("1795765164098805640");
    });
    let set = one(&[back]);
    found(&defects(&set), "it ends 7 ns before it begins");
}

#[test]
fn other_prompts_under_one_name_are_said() {
    let mut other = changed("vllm/detailed.json", |outcome| {
        outcome["total_input_tokens"] = json!(95);
        outcome["input_lens"][0] = json!(30);
        let seconds = outcome["duration"].as_f64().unwrap();
        outcome["total_token_throughput"] = json!(127.0 / seconds);
    });
    other.path = "vllm/other.json".to_owned();
    let set = one(&[file("vllm/detailed.json"), other]);
    let texts = defects(&set);
    found(&texts, "95 input tokens, and 94 in vllm/detailed.json");
    assert_eq!(texts.len(), 1, "{texts:#?}");
}

#[test]
fn one_span_in_two_spellings_is_one_call() {
    let snapshot = read(&[file("otel/ok-base64.json"), file("otel/ok.jsonl")]);
    let runs = snapshot.sets.iter().flat_map(|set| &set.runs);
    assert_eq!(runs.map(|run| said(run).calls.len()).sum::<usize>(), 4);
    assert_eq!(snapshot.left_out[0].what, "4 of its spans are in another file or twice");
}

#[test]
fn an_agent_around_calls_is_no_call() {
    let agent = changed_line("otel/ok.jsonl", 0, |document| {
        let span = &mut document["resourceSpans"][0]["scopeSpans"][0]["spans"][0];
        span["attributes"][0]["value"]["stringValue"] = json!("invoke_agent");
    });
    let snapshot = read(&[agent]);
    let runs = snapshot.sets.iter().flat_map(|set| &set.runs);
    assert_eq!(runs.map(|run| said(run).calls.len()).sum::<usize>(), 3);
    assert_eq!(
        snapshot.left_out[0].what,
        "1 of its spans are of `invoke_agent`, which is no call of a model"
    );
}
