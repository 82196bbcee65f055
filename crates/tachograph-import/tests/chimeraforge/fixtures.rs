//! Small files of every layout, made here.
//!
//! Owns: what the layouts look like at their smallest, and what a sound file of each
//! becomes. Numbers are chosen so that every derived one is right.

use serde_json::{Value, json};
use tachograph_import::{ImportError, ImportedSet, Snapshot, SourceFile, import};
use tachograph_model::event::{CallReported, CallStatus, Event, RunReported};
use tachograph_model::plan::imported::{Defect, ImportKind};
use tachograph_model::run::Arm;
use tachograph_model::units::DurationNs;

use crate::archive::{imported, set};

/// Returns a file.
pub(crate) fn file(path: &str, contents: &Value) -> SourceFile {
    SourceFile { path: path.to_owned(), bytes: serde_json::to_vec(contents).unwrap() }
}

/// Imports files that are what they should be.
pub(crate) fn read(files: &[SourceFile]) -> Snapshot {
    import(ImportKind::Chimeraforge, files).unwrap()
}

/// Returns why files cannot be imported.
pub(crate) fn error(files: &[SourceFile]) -> ImportError {
    import(ImportKind::Chimeraforge, files).unwrap_err()
}

/// Returns the defects of a study whose text has `words`.
pub(crate) fn defects<'a>(set: &'a ImportedSet, words: &str) -> Vec<&'a Defect> {
    imported(set).defects.iter().filter(|it| it.what.contains(words)).collect()
}

/// Returns the measures of a call of so many tokens, at 100 tokens/s.
pub(crate) fn measures(tokens: u32) -> Value {
    let eval = f64::from(tokens) * 10.0;
    json!({
        "ttft_ms": 500.0 + f64::from(tokens) / 64.0,
        "throughput_tokens_per_sec": 100.0,
        "total_duration_ms": eval + 600.0,
        "prompt_eval_duration_ms": 200.0,
        "eval_duration_ms": eval,
        "load_duration_ms": 250.0,
        "tokens_generated": tokens,
    })
}

/// Returns the measures of a call without its final record.
pub(crate) fn no_final_record() -> Value {
    json!({
        "ttft_ms": 500.0, "throughput_tokens_per_sec": 0.0, "total_duration_ms": 9000.0,
        "prompt_eval_duration_ms": 0.0, "eval_duration_ms": 0.0, "load_duration_ms": 0.0,
        "tokens_generated": 0,
    })
}

/// Returns the options that most files send, in single precision.
pub(crate) fn options(gpu: u32, ctx: u32) -> Value {
    json!({"num_gpu": gpu, "num_ctx": ctx, "temperature": 0.800_000_011_920_929})
}

/// Returns an arm of so many runs with two calls each; `first` makes its tokens its own.
pub(crate) fn arm(options: &Value, n_runs: u32, first: u32) -> Value {
    let call = |run: u32, stage: &str, tokens: u32| {
        json!({
            "run_number": run, "stage": stage, "prompt": format!("prompt of the {stage}"),
            "response": "an answer", "metrics": measures(tokens),
        })
    };
    let calls: Vec<Value> = (1..=n_runs)
        .flat_map(|run| {
            [call(run, "analysis", first + run), call(run, "report", first + 100 + run)]
        })
        .collect();
    let runs: Vec<Value> = (1..=n_runs)
        .map(|run| {
            let of_run = calls.iter().filter(|call| call["run_number"] == run);
            json!({
                "run_number": run, "benchmark_data_count": 101, "data_summary": "files",
                "report_markdown": "# A report", "llm_calls": of_run.collect::<Vec<_>>(),
                "workflow": {"ingest_seconds": 0.5, "analysis_seconds": 12.0,
                    "report_seconds": 13.0, "total_seconds": 25.5},
            })
        })
        .collect();
    let n_tokens: u32 = (1..=n_runs).map(|run| 2 * (first + run) + 100).sum();
    json!({
        "agent_type": "Chimera", "model": "gemma3:latest", "runs": n_runs,
        "timestamp": "2025-11-14T19:00:00.5Z", "configuration": options,
        "system_info": {"os": "windows", "arch": "x86_64", "rust_version": "1.90.0"},
        "llm_calls": calls, "workflow_runs": runs,
        "aggregate_metrics": {"average_tokens_per_second": 100.0, "total_tokens_generated": n_tokens},
    })
}

/// Returns a file of one agent in Rust, both arms with so many runs.
pub(crate) fn single(options: &Value, n_runs: u32, first: u32) -> Value {
    json!({
        "benchmark_type": "rust_vs_python_agent", "language": "rust",
        "timestamp": format!("2025-11-14T19:{:02}:00.5Z", first % 60),
        "baseline": arm(&json!({}), n_runs, first),
        "chimera": arm(options, n_runs, first + 7),
        "delta": {"baseline_throughput": 100.0, "throughput_delta_absolute": 0.0},
    })
}

/// Returns a file of one agent in Rust with one call per run.
pub(crate) fn single_runs(options: &Value, n_runs: u32, first: u32) -> Value {
    let arm = |options: &Value, first: u32| {
        json!({
            "model": "gemma3:latest", "runs": n_runs, "timestamp": "2025-11-10T05:00:00Z",
            "configuration": options,
            "individual_runs": (1..=n_runs).map(|run| measures(first + run)).collect::<Vec<_>>(),
            "aggregate_metrics": {"average_tokens_per_second": 100.0},
        })
    };
    json!({
        "language": "rust", "timestamp": "2025-11-10T05:00:01Z",
        "baseline": arm(&json!({}), first), "chimera": arm(options, first + 40),
    })
}

/// Returns a file of one agent in Python: so many runs of both arms.
pub(crate) fn python_single(baseline: &Value, tuned: &Value, n_runs: u32) -> Value {
    let arm = |options: &Value, run: u32, begin: &str| {
        json!({
            "report": "# A report", "benchmark_data_count": 0, "execution_time": 25.0,
            "start_time": format!("2025-10-09T16:{begin}:{run:02}.5"),
            "metrics": {
                "agent_type": "baseline", "model": "gemma3:latest", "configuration": options,
                "execution_summary": "Execution not completed",
                "aggregate_metrics": {
                    "total_requests": 2, "total_duration_ms": 24000.0 + f64::from(run),
                    "total_tokens_generated": 2000 + run, "average_ttft_ms": 1400.0,
                    "average_tokens_per_second": 98.5, "p95_ttft_ms": 2400.0,
                    "average_gpu_utilization": null,
                },
            },
        })
    };
    let runs = (1..=n_runs).map(|run| {
        json!({
            "run_number": run, "baseline_results": arm(baseline, run, "35"),
            "chimera_results": arm(tuned, run, "34"),
            "performance_delta": {"throughput_delta_absolute": 0.0},
        })
    });
    Value::Array(runs.collect())
}

/// What a file of two agents says.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(crate) scenario: &'static str,
    pub(crate) options: [Value; 2],
    pub(crate) urls: [&'static str; 2],
    pub(crate) run: u32,
    /// Makes its tokens its own.
    pub(crate) first: u32,
    /// From the first begin to the last end, in seconds; both agents take 30.
    pub(crate) wall: f64,
}

impl Pair {
    /// Returns two agents that send the same to two servers.
    pub(crate) fn new(run: u32, first: u32) -> Self {
        let options = [options(80, 512), options(80, 512)];
        let urls = ["http://localhost:11434", "http://localhost:11435"];
        Self { scenario: "chimera_homo", options, urls, run, first, wall: 32.0 }
    }

    fn summary(&self, means: [f64; 2]) -> Value {
        let speedup = 60.0 / self.wall;
        json!({
            "run_number": self.run, "scenario": self.scenario,
            "concurrent_wall_time_s": self.wall, "sequential_estimated_s": 60.0,
            "concurrency_speedup": speedup, "efficiency_percent": 50.0 * speedup,
            "collector_throughput": 100.0, "insight_throughput": 100.0, "throughput_delta": 0.0,
            "collector_ttft_ms": means[0], "insight_ttft_ms": means[1],
            "ttft_delta_ms": means[0] - means[1],
            "resource_contention_detected": speedup < 1.5,
        })
    }

    fn agent(&self, at: usize, result: &Value) -> Value {
        json!({
            "config": {"id": "a", "label": "Agent", "model": "gemma3:latest",
                "base_url": self.urls[at], "prompt": "You are an agent", "options": self.options[at]},
            "execution_time_s": 30.0, "result": result,
        })
    }

    /// Returns a file with two calls of each agent.
    pub(crate) fn with_calls(&self) -> Value {
        let result = |first: u32| {
            let call = |stage: &str, tokens: u32| {
                json!({"stage": stage, "prompt": format!("prompt of the {stage}"),
                    "response": "an answer", "metrics": measures(tokens)})
            };
            json!({
                "model": "gemma3:latest", "runs": 2, "timestamp": "2025-11-14T21:55:40.5Z",
                "benchmark_data_count": 101,
                "llm_calls": [call("analysis", first), call("report", first + 64)],
                "individual_runs": [measures(first), measures(first + 64)],
                "workflow": {"analysis_seconds": 14.0, "report_seconds": 15.0, "total_seconds": 30.0},
            })
        };
        let mean = |first: u32| 500.5 + f64::from(first) / 64.0;
        let firsts = [self.first, self.first + 10];
        json!({
            "run_number": self.run, "scenario": self.scenario,
            "collector": self.agent(0, &result(firsts[0])),
            "insight": self.agent(1, &result(firsts[1])),
            "summary": self.summary(firsts.map(mean)),
        })
    }

    /// Returns a file with one call of each agent.
    pub(crate) fn with_runs(&self) -> Value {
        let result = |first: u32| {
            json!({"model": "gemma3:latest", "runs": 1, "timestamp": "2025-11-13T01:00:00Z",
                "individual_runs": [measures(first)]})
        };
        let firsts = [self.first, self.first + 10];
        json!({
            "run_number": self.run, "scenario": self.scenario,
            "collector": self.agent(0, &result(firsts[0])),
            "insight": self.agent(1, &result(firsts[1])),
            "summary": self.summary(firsts.map(|first| 500.0 + f64::from(first) / 64.0)),
        })
    }

    /// Returns a file of two agents in Python of which means are left.
    pub(crate) fn python(&self) -> Value {
        let agent = |at: usize| {
            json!({
                "agent_type": "chimera_optimized", "model": "gemma3:latest",
                "configuration": self.options[at],
                "aggregate_metrics": {"total_requests": 2, "total_duration_ms": 29000.0,
                    "total_tokens_generated": self.first + 1000, "average_ttft_ms": 600.0,
                    "average_tokens_per_second": 40.0},
            })
        };
        let speedup = 60.0 / self.wall;
        json!({
            "collector": agent(0), "insight": agent(1),
            "collector_execution_time": 30.0, "insight_execution_time": 30.0,
            "summary": {"run_number": self.run, "collector_ollama_url": self.urls[0],
                "insight_ollama_url": self.urls[1], "concurrent_wall_time": self.wall,
                "sequential_estimated_time": 60.0, "concurrency_speedup": speedup,
                "resource_contention_detected": speedup < 1.5},
        })
    }

    /// Returns a file of two agents in Python with one call each.
    pub(crate) fn python_pair(&self) -> Value {
        let agent = |at: usize, ttft: f64| {
            json!({
                "id": "a", "base_url": self.urls[at], "options": self.options[at],
                "response": "an answer",
                "metrics": {"tokens_generated": 400 + self.first, "throughput_tokens_per_sec": 40.0,
                    "ttft_ms": ttft, "total_duration_ms": 10000.0, "wall_clock_ms": 12000.0},
            })
        };
        let speedup = 20.0 / self.wall;
        json!({
            "run_number": self.run, "scenario": self.scenario,
            "collector": agent(0, 25.0), "insight": agent(1, 60.0),
            "concurrent_wall_time_ms": self.wall * 1000.0, "sequential_estimate_ms": 20000.0,
            "concurrency_speedup": speedup, "efficiency_percent": 50.0 * speedup,
            "throughput_delta": 0.0, "ttft_delta_ms": 35.0,
        })
    }
}

fn calls(set: &ImportedSet) -> Vec<&CallReported> {
    let events = set.runs.iter().flat_map(|run| &run.events);
    let calls = events.filter_map(|it| match &it.event {
        Event::CallReported(call) => Some(call),
        _ => None,
    });
    calls.collect()
}

fn reported(set: &ImportedSet) -> Vec<&RunReported> {
    let events = set.runs.iter().flat_map(|run| &run.events);
    let runs = events.filter_map(|it| match &it.event {
        Event::RunReported(run) => Some(run),
        _ => None,
    });
    runs.collect()
}

fn ids(set: &ImportedSet) -> Vec<String> {
    set.runs.iter().map(|run| run.id.to_string()).collect()
}

#[test]
fn sessions_share_blocks_and_are_in_the_order_of_time() {
    let files = [
        file("study/gpu60_ctx512_temp0p8/data/metrics.json", &single(&options(60, 512), 2, 20)),
        file("study/gpu80_ctx512_temp0p8/data/metrics.json", &single(&options(80, 512), 1, 10)),
    ];
    let snapshot = read(&files);
    assert!(snapshot.left_out.is_empty());
    let set = set(&snapshot, "study");
    assert_eq!(
        ids(set),
        [
            "baseline_default/run_001",
            "gpu80_ctx512_temp0p8/run_001",
            "baseline_default/run_003",
            "baseline_default/run_004",
            "gpu60_ctx512_temp0p8/run_003",
            "gpu60_ctx512_temp0p8/run_004",
        ]
    );
    assert_eq!(imported(set).defects, []);
    assert_eq!(calls(set).len(), 12, "the copy in `workflow_runs` is not imported again");
    let first = calls(set)[0];
    assert_eq!(first.request.as_deref(), Some("prompt of the analysis"));
    assert_eq!(first.ttft_ns.map(|it| it.0), Some(500_171_875));
    assert_eq!(first.server_timings.eval_ns.map(|it| it.0), Some(110_000_000));
    assert_eq!(reported(set)[0].place, "/baseline/workflow_runs/0");
    assert_eq!(set.plan.blocks, 4);
}

#[test]
fn baselines_with_the_same_options_in_both_arms_are_two_baselines() {
    let files = [file("study/baseline_default/data/metrics.json", &single(&json!({}), 1, 1))];
    let snapshot = read(&files);
    assert_eq!(ids(&snapshot.sets[0]), ["baseline_default/run_001", "baseline_aa/run_001"]);
    let baseline = json!({"num_gpu": 80, "num_ctx": 1024, "temperature": 0.8});
    let snapshot = read(&[
        file(
            "py/m/gpu80_ctx1024_temp08/data/metrics.json",
            &python_single(&baseline, &baseline, 5),
        ),
        file(
            "py/m/gpu60_ctx512_temp08/data/metrics.json",
            &python_single(
                &baseline,
                &json!({"num_gpu": 60, "num_ctx": 512, "temperature": 0.8}),
                4,
            ),
        ),
    ]);
    let set = set(&snapshot, "m");
    let configurations = &imported(set).configurations;
    let arms: Vec<(Arm, &str)> = configurations.iter().map(|it| (it.arm, &*it.id.0)).collect();
    assert_eq!(
        arms,
        [
            (Arm::Baseline, "baseline_default"),
            (Arm::BaselineAa, "baseline_aa"),
            (Arm::Chimera, "gpu60_ctx512_temp0p8")
        ]
    );
    assert_eq!(configurations[0].options.len(), 3, "the baseline has the options that it sent");
    assert_eq!(defects(set, "not the server's defaults: it sends gpu80_ctx1024_temp0p8").len(), 1);
    assert_eq!(defects(set, "both arms send the same options").len(), 1);
    assert_eq!(set.runs.len(), 18);
    assert!(ids(set)[0].starts_with("gpu60"), "the tuned arm was first in this file");
    assert!(calls(set).is_empty(), "calls are not recorded");
}

#[test]
fn runs_in_two_folders_have_the_number_of_the_outer() {
    let joint = |run: u32, first: u32, wall: f64| {
        let pair = Pair { wall, ..Pair::new(1, first) };
        (format!("chimera_homo_gpu80_ctx512/run_{run}/run_1/metrics.json"), pair.with_runs())
    };
    let mut files = Vec::new();
    for (at, folder) in ["TR115/results/runtime-async-std", "tr115_results_v2/runtime-async-std"]
        .into_iter()
        .enumerate()
    {
        for run in 1..=3 {
            let first = run * 10 + 1000 * u32::try_from(at).unwrap();
            let (path, contents) = joint(run, first, if at == 0 { 60.1 } else { 33.0 });
            files.push(file(&format!("{folder}/{path}"), &contents));
        }
    }
    let snapshot = read(&files);
    let names: Vec<&str> = snapshot.sets.iter().map(|set| &*set.name).collect();
    assert_eq!(names, ["results-runtime-async-std", "tr115-results-v2-runtime-async-std"]);
    let [one, other] = [&snapshot.sets[0], &snapshot.sets[1]];
    assert_eq!(ids(one)[2], "chimera-homo_gpu80_ctx512_temp0p8/run_003");
    assert_eq!(defects(one, "they did not run at once").len(), 1);
    assert_eq!(defects(other, "they did not run at once").len(), 0);
    assert_eq!(imported(other).defects, []);
    assert_eq!(reported(one)[0].session, "chimera_homo_gpu80_ctx512");
}

#[test]
fn one_call_of_each_agent_in_python() {
    let path = |run: u32| {
        format!(
            "multi/python/gemma3_latest/chimera-homo_gpu80_ctx512_temp10/run_{run}/metrics.json"
        )
    };
    let pairs = [1, 2].map(|run| {
        let options = [options(80, 512), options(80, 2048)];
        Pair { options, scenario: "chimera_hetero", ..Pair::new(run, run) }
    });
    let files: Vec<SourceFile> =
        pairs.iter().map(|pair| file(&path(pair.run), &pair.python_pair())).collect();
    let snapshot = read(&files);
    let set = set(&snapshot, "gemma3-latest");
    assert_eq!(set.plan.servers[0].model, "gemma3_latest");
    let call = calls(set)[0];
    assert_eq!(call.ttft_ns, None, "it is the server's, not the client's");
    assert_eq!((call.stated["ttft_ms"], call.answer.as_deref()), (25.0, Some("an answer")));
    assert_eq!(defects(set, "speedup made of it is too small").len(), 1);
    assert_eq!(defects(set, "num_ctx = 512 and 2048").len(), 1);
    assert_eq!(defects(set, "is stated").len(), 0, "its derived numbers are right");
}

#[test]
fn two_agents_of_every_other_layout() {
    let files = [
        file("a/chimera-homo/test013/run_1/metrics.json", &Pair::new(1, 1).with_calls()),
        file("b/phase2/chimera-homo/gpu80_ctx512/run_1/metrics.json", &Pair::new(1, 2).with_runs()),
        file("c/phase_1_test_013/run_1/metrics.json", &Pair::new(1, 3).python()),
    ];
    let snapshot = read(&files);
    for (name, id, phase) in [
        ("a", "chimera-homo_gpu80_ctx512_temp0p8_test013", "phase1"),
        ("b", "phase2_chimera-homo_gpu80_ctx512_temp0p8", "phase2"),
        ("c", "phase1_chimera-homo_gpu80_ctx512_temp0p8_test013", "phase1"),
    ] {
        let set = set(&snapshot, name);
        assert_eq!(ids(set), [format!("{id}/run_001")]);
        let configuration = &imported(set).configurations[0];
        let together = configuration.together.as_ref().unwrap();
        assert_eq!((&*together.phase, &*together.topology), (phase, "two-servers"));
        assert_eq!(configuration.placements.len(), 2);
        assert_eq!(imported(set).defects, [], "{name}");
        assert_eq!(reported(set)[0].wall_ns, Some(DurationNs(32_000_000_000)));
    }
    assert_eq!(calls(set(&snapshot, "a")).len(), 4);
    assert_eq!(calls(set(&snapshot, "b"))[0].request.as_deref(), Some("You are an agent"));
    assert_eq!(calls(set(&snapshot, "c")).len(), 0);
    let one = ["http://localhost:11434"; 2];
    let files = [file(
        "d/bvc_gpu80/run_1/metrics.json",
        &Pair { urls: one, ..Pair::new(1, 1) }.with_runs(),
    )];
    let snapshot = read(&files);
    let configuration = &imported(&snapshot.sets[0]).configurations[0];
    assert_eq!(configuration.together.as_ref().unwrap().topology, "one-server");
    assert_eq!(configuration.placements[1].server, "main");
}

#[test]
fn runs_of_agents_alone_come_from_the_study_with_the_same_prompts() {
    let files = [
        file("pair/chimera-homo/test013/run_2/metrics.json", &Pair::new(2, 1).with_calls()),
        file("single/gpu80_ctx512_temp0p8/data/metrics.json", &single(&options(80, 512), 2, 20)),
        file("single/gpu60_ctx512_temp0p8/data/metrics.json", &single(&options(60, 512), 2, 30)),
    ];
    let snapshot = read(&files);
    let set = set(&snapshot, "pair");
    let imported = imported(set);
    let solo = imported.configurations.iter().find(|it| it.arm == Arm::Solo).unwrap();
    assert_eq!(solo.id.0, "solo_gpu80_ctx512_temp0p8");
    assert_eq!(imported.configurations.len(), 2, "nobody sends the options of the other one");
    for placement in &imported.configurations[0].placements {
        assert_eq!(placement.solo.as_ref(), Some(&solo.id));
    }
    assert_eq!(
        ids(set),
        [
            "chimera-homo_gpu80_ctx512_temp0p8_test013/run_002",
            "solo_gpu80_ctx512_temp0p8/run_003",
            "solo_gpu80_ctx512_temp0p8/run_004"
        ]
    );
    assert_eq!(imported.sources.len(), 2);
    assert_eq!(set.runs[1].events[1].source, "solo");
    assert!(imported.order.contains("another session"), "{}", imported.order);
    let said = imported.not_recorded.iter().filter(|it| it.contains("No agent was measured alone"));
    assert_eq!(said.count(), 1);
    // Other prompts: other work.
    let mut other = single(&options(80, 512), 2, 20);
    for arm in ["baseline", "chimera"] {
        other[arm]["llm_calls"][0]["prompt"] = json!("another prompt");
        other[arm]["workflow_runs"][0]["llm_calls"][0]["prompt"] = json!("another prompt");
    }
    let files = [files[0].clone(), file("single/gpu80_ctx512_temp0p8/data/metrics.json", &other)];
    let snapshot = read(&files);
    assert_eq!(ids(self::set(&snapshot, "pair")).len(), 1);
}

#[test]
fn a_failed_call_is_kept_and_is_not_a_slow_one() {
    let mut contents = single(&options(60, 512), 1, 1);
    let metrics = &mut contents["chimera"]["llm_calls"][1]["metrics"];
    *metrics = no_final_record();
    contents["chimera"]["workflow_runs"][0]["llm_calls"][1]["metrics"] = no_final_record();
    contents["chimera"]["aggregate_metrics"] = json!({"average_tokens_per_second": 50.0});
    contents["delta"] = json!({});
    let snapshot = read(&[file("study/gpu60_ctx512_temp0p8/data/metrics.json", &contents)]);
    let set = &snapshot.sets[0];
    let failed: Vec<&CallReported> =
        calls(set).into_iter().filter(|call| call.status == CallStatus::Truncated).collect();
    let [failed] = failed[..] else { panic!("one call failed") };
    assert_eq!((failed.ttft_ns, failed.e2e_ns, failed.usage.output_tokens), (None, None, None));
    assert_eq!((failed.stated["ttft_ms"], failed.answer.as_deref()), (500.0, Some("an answer")));
    assert_eq!(
        set.runs
            .iter()
            .filter(|run| run.outcome != tachograph_model::event::RunOutcome::Completed)
            .count(),
        1
    );
    assert_eq!(
        defects(set, "the final record is missing")[0].place,
        "/chimera/llm_calls/1/metrics"
    );
    assert_eq!(defects(set, "50 is a mean that counts 1 failed of 2 calls as zero; over those that completed it is 100").len(), 1);
}
