//! What a number is called: where a tool's definition is not ours, its number does not get
//! our name. Values are worked out by hand from the files.

use serde_json::json;
use tachograph_model::event::{CallStatus, Stage};
use tachograph_model::options::OptionValue;
use tachograph_model::plan::{Api, Metric};
use tachograph_model::run::Arm;
use tachograph_model::units::DurationNs;

use crate::support::{changed, changed_line, file, found, imported, one, read, said};

#[test]
fn guidellms_time_per_token_is_not_ours() {
    let set = one(&[file("guidellm/concurrent.json")]);
    assert_eq!(
        (set.name.as_str(), set.plan.primary.metric),
        ("guidellm-sim-1b", Metric::OutputThroughput)
    );
    assert_eq!(set.plan.servers[0].api, Api::OpenaiChat);
    assert_eq!(set.plan.servers[0].url.as_deref(), Some("http://127.0.0.1:18081"));
    let run = said(&set.runs[1]);
    assert_eq!(run.agent.implementation.as_deref(), Some("GuideLLM 0.8.1"));
    // The first request of the second benchmark: sent at .2186909, first token at .2340877, last
    // at .2668345, 8 tokens. Its time per output token is (last - sent) / 8 = 6.02 ms; ours is
    // decode / 7, and the decode time is 32.7468 ms, in steps of a quarter of a microsecond.
    let call = &run.calls[0];
    assert_eq!(call.decode_ns, Some(DurationNs(32_746_792)));
    assert_eq!(call.usage.output_tokens, Some(8));
    assert!((call.stated["time_per_output_token_ms"] - 6.017_953).abs() < 1e-5);
    assert!((call.stated["inter_token_latency_ms"] - 4.678_113).abs() < 1e-5);
    assert!(call.gaps_ns.is_empty());
    // The first chunk has a role and no text.
    assert!(call.ttfc_ns < call.ttft_ns);
}

#[test]
fn a_rate_or_a_number_of_streams_is_a_configuration() {
    let set = one(&[file("guidellm/concurrent.json")]);
    let ids: Vec<String> = set.runs.iter().map(|run| run.id.to_string()).collect();
    assert_eq!(
        ids,
        [
            "output_tokens8_prompt_tokens16_strategyconcurrent_streams1/run_001",
            "output_tokens8_prompt_tokens16_strategyconcurrent_streams2/run_001",
        ]
    );
    assert_eq!(set.plan.factors["streams"], [OptionValue::Integer(1), OptionValue::Integer(2)]);
    assert!(imported(&set).configurations.iter().all(|it| it.arm == Arm::Chimera));
    let sessions: Vec<String> = set.runs.iter().map(|run| said(run).run.session).collect();
    assert_eq!(
        sessions,
        ["guidellm/concurrent.json /benchmarks/0", "guidellm/concurrent.json /benchmarks/1"]
    );
}

#[test]
fn a_second_file_of_a_configuration_is_a_second_run() {
    let first = file("guidellm/concurrent.json");
    let mut second = changed("guidellm/concurrent.json", |report| {
        let begin = &mut report["benchmarks"][0]["start_time"];
        *begin = json!(begin.as_f64().unwrap() - 100.0);
    });
    second.path = "guidellm/earlier.json".to_owned();
    let set = one(&[first, second]);
    let ids: Vec<String> = set.runs.iter().map(|run| run.id.to_string()).collect();
    assert_eq!(ids.len(), 4);
    // The earlier session is block 1.
    assert!(
        ids[0].ends_with("streams1/run_001") && said(&set.runs[0]).run.path.contains("earlier")
    );
    assert!(ids[3].ends_with("streams2/run_002"), "{ids:?}");
}

#[test]
fn another_workload_is_another_configuration() {
    let mut second = changed("guidellm/concurrent.json", |report| {
        report["config"]["spec"]["data"][0]["turns"] = json!(2);
    });
    second.path = "guidellm/turns.json".to_owned();
    let set = one(&[file("guidellm/concurrent.json"), second]);
    assert_eq!(imported(&set).configurations.len(), 4);
    assert_eq!(set.plan.factors["workload"], [OptionValue::Integer(1), OptionValue::Integer(2)]);
}

#[test]
fn connecting_is_taken_off_aiperfs_times() {
    let files = ["jsonl", "_aiperf.json"].map(|it| {
        file(&format!("aiperf/plain/profile_export{}{it}", if it == "jsonl" { "." } else { "" }))
    });
    let set = one(&files);
    let call = &said(&set.runs[0]).calls[0];
    // 26.896795 ms to the first token, of which 12.25511 ms are connecting.
    assert_eq!(call.ttft_ns, Some(DurationNs(26_896_795 - 12_255_110)));
    assert_eq!(call.e2e_ns, Some(DurationNs(61_660_531 - 12_255_110)));
    assert!((call.stated["time_to_first_token"] - 26.896_795).abs() < 1e-6);
    // The source's tokenizer counts 18 tokens where the server counts 8.
    assert_eq!(call.usage.output_tokens, Some(8));
    assert!((call.stated["output_sequence_length"] - 18.0).abs() < 1e-9);
    let levels = &imported(&set).configurations[0].levels;
    assert_eq!(levels["concurrency"], OptionValue::Integer(2));
    assert_eq!(levels["isl"], OptionValue::Integer(16));
    assert_eq!(set.plan.servers[0].model, "sim:1b");
}

#[test]
fn aiperf_without_its_summary_has_no_model_and_says_so() {
    let set = one(&[file("aiperf/plain/profile_export.jsonl")]);
    assert_eq!(set.plan.servers[0].model, "not-recorded");
    found(&imported(&set).not_recorded, "The summary of the execution is not among the files");
    assert_eq!(imported(&set).configurations[0].id.0, "default");
}

#[test]
fn aiperfs_summary_alone_gives_means_only() {
    let set = one(&[file("aiperf/plain/profile_export_aiperf.json")]);
    let run = said(&set.runs[0]);
    assert!(run.calls.is_empty());
    let means = run.agent.means.unwrap();
    assert_eq!((means.n_calls, means.output_tokens), (4, Some(32)));
    assert!((means.ttft_ms.unwrap() - 16.920_803_75).abs() < 1e-9);
    assert_eq!(run.run.wall_ns, Some(DurationNs(117_064_448)));
    found(&imported(&set).not_recorded, "Requests are not recorded, only means");
}

#[test]
fn aiperfs_warm_up_is_no_run() {
    let folder = "aiperf/warmup";
    let files = [
        "profile_export.jsonl",
        "profile_export_aiperf.json",
        "phase_manifest.json",
        "phases/profiling/profile_export_aiperf.json",
    ]
    .map(|it| file(&format!("{folder}/{it}")));
    let snapshot = read(&files);
    assert_eq!(snapshot.sets.len(), 1);
    let run = said(&snapshot.sets[0].runs[0]);
    let stages: Vec<Stage> = run.calls.iter().map(|call| call.stage).collect();
    assert_eq!(stages.iter().filter(|it| **it == Stage::Warmup).count(), 2);
    assert_eq!(stages.len(), 6);
    let left: Vec<&str> = snapshot.left_out.iter().map(|it| &*it.path).collect();
    assert_eq!(left, [files[2].path.as_str(), files[3].path.as_str()]);
}

#[test]
fn vllms_latency_is_not_end_to_end() {
    let set = one(&[file("vllm/detailed.json")]);
    let run = said(&set.runs[0]);
    let call = &run.calls[0];
    assert_eq!(call.e2e_ns, None);
    assert!((call.stated["latency"] - 0.307_234_886).abs() < 1e-9);
    // 0.3072348860 - 0.2714938170 s from the first token to the last.
    assert_eq!(call.decode_ns, Some(DurationNs(35_741_069)));
    assert_eq!((call.ttft_ns, call.ttfc_ns), (Some(DurationNs(271_493_817)), None));
    found(&imported(&set).not_recorded, "what the source calls latency ends with the last token");
    assert_eq!(
        imported(&set).configurations[0].id.0,
        "max_concurrency2_num_prompts4_request_rateinf"
    );
}

#[test]
fn a_vllm_that_takes_the_role_for_a_token_gives_a_first_chunk() {
    let old = |backend: &str| {
        let backend = backend.to_owned();
        changed("vllm/detailed.json", move |outcome| {
            let outcome = outcome.as_object_mut().unwrap();
            outcome.remove("queue_times");
            outcome.insert("backend".to_owned(), json!(backend));
        })
    };
    let set = one(&[old("openai-chat")]);
    let call = &said(&set.runs[0]).calls[0];
    assert_eq!((call.ttft_ns, call.ttfc_ns), (None, Some(DurationNs(271_493_817))));
    assert!(call.decode_ns.is_none() && call.gaps_ns.is_empty());
    found(&imported(&set).not_recorded, "takes the first chunk of a chat");
    // Completions have no such chunk.
    let set = one(&[old("openai")]);
    assert_eq!(said(&set.runs[0]).calls[0].ttft_ns, Some(DurationNs(271_493_817)));
    assert_eq!(set.plan.servers[0].api, Api::OpenaiCompletions);
}

#[test]
fn vllm_without_detail_gives_means_only() {
    let set = one(&[file("vllm/plain.json")]);
    let run = said(&set.runs[0]);
    // Its latencies stay in the file, without a word which of them are of failed requests.
    assert!(run.calls.is_empty());
    assert_eq!(run.agent.means.unwrap().n_calls, 4);
    found(&imported(&set).not_recorded, "no --save-detailed");
}

#[test]
fn vllms_appended_executions_are_runs() {
    let set = one(&[file("vllm/append.json")]);
    let ids: Vec<String> = set.runs.iter().map(|run| run.id.to_string()).collect();
    let id = |rate| format!("gpunone_max_concurrency1_num_prompts2_request_rate{rate}_tp1");
    assert_eq!(ids, [format!("{}/run_001", id(10)), format!("{}/run_002", id(20))]);
    assert_eq!(said(&set.runs[1]).run.session, "vllm/append.json line 2");
}

#[test]
fn llama_bench_measures_a_model_and_no_server() {
    let set = one(&[file("llama-bench/rows.jsonl")]);
    assert_eq!(set.plan.primary.metric, Metric::ServerDecodeRate);
    let ids: Vec<&str> = set.runs.iter().map(|run| &*run.id.configuration.0).collect();
    assert_eq!(ids[0], "n_depth0_n_gen0_n_prompt16");
    assert_eq!(ids[5], "n_depth32_n_gen4_n_prompt16");
    assert_eq!(set.servers["main"].product.as_deref(), Some("llama.cpp on CPU, AMD EPYC"));
    assert_eq!(set.plan.servers[0].model, "SmolLM2-135M-Instruct.Q4_1.gguf");
    let [prompt, answer, both] = [0, 1, 2].map(|at| said(&set.runs[at]).calls.remove(0));
    assert!(
        prompt.server_timings.prompt_eval_ns.is_some() && prompt.server_timings.eval_ns.is_none()
    );
    assert!(answer.server_timings.eval_ns.is_some() && answer.usage.prompt_tokens.is_none());
    let timings = both.server_timings;
    assert_eq!(
        (timings.total_ns, timings.prompt_eval_ns, timings.eval_ns),
        (Some(DurationNs(213_152_709)), None, None)
    );
    assert!(prompt.ttft_ns.is_none() && prompt.e2e_ns.is_none());
}

#[test]
fn flash_attention_is_a_switch_or_a_number_by_version() {
    let old = changed_line("llama-bench/rows.jsonl", 0, |row| row["flash_attn"] = json!(true));
    let set = one(&[old]);
    let levels = &set.plan.factors["flash_attn"];
    assert_eq!(levels, &[OptionValue::Bool(true), OptionValue::Integer(0)]);
}

#[test]
fn a_first_chunk_of_a_span_is_no_first_token() {
    let set = one(&[file("otel/ok.jsonl")]);
    assert_eq!(set.plan.primary.metric, Metric::E2e);
    let calls: Vec<_> = set.runs.iter().flat_map(|run| said(run).calls).collect();
    assert_eq!(calls.len(), 4);
    assert!(
        calls.iter().all(|call| call.ttft_ns.is_none() && call.status == CallStatus::Completed)
    );
    let streamed: Vec<_> = calls.iter().filter(|call| call.ttfc_ns.is_some()).collect();
    assert_eq!(streamed.len(), 3);
    assert_eq!(streamed[0].ttfc_ns, Some(DurationNs(50_193_921)));
    assert_eq!(streamed[0].e2e_ns, Some(DurationNs(96_041_170)));
    assert_eq!(
        streamed[0].answer.as_deref(),
        Some("## Summary\n\nLatency matches by a few percent.")
    );
    assert_eq!(streamed[0].finish_reason.as_deref(), Some("length"));
    let levels = &imported(&set).configurations[0].levels;
    assert_eq!(levels["service"], OptionValue::Text("bench-client".to_owned()));
    assert_eq!(levels["operation"], OptionValue::Text("chat".to_owned()));
    assert_eq!(
        said(&set.runs[0]).agent.implementation.as_deref(),
        Some("opentelemetry.instrumentation.genai.openai 1.3b0")
    );
}
