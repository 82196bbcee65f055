//! Results of another program, from its files to a report that verifies.

use std::fs::{self, File};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};

use super::{Place, files};

/// One call as the archive's agents record it: so many tokens in so many milliseconds.
fn call(run: u32, stage: &str, load_ms: f64, tokens: u32, eval_ms: f64) -> Value {
    let rate = if tokens == 0 { 0.0 } else { f64::from(tokens) / (eval_ms / 1000.0) };
    json!({
        "run_number": run, "stage": stage, "prompt": format!("{stage} the data"),
        "response": format!("words about {stage} {run}"),
        "metrics": {
            "ttft_ms": load_ms + 300.0, "throughput_tokens_per_sec": rate,
            "total_duration_ms": load_ms + 300.0 + eval_ms, "prompt_eval_duration_ms": 280.0,
            "eval_duration_ms": if tokens == 0 { 0.0 } else { eval_ms },
            "load_duration_ms": if tokens == 0 { 0.0 } else { load_ms },
            "tokens_generated": tokens,
        }
    })
}

/// An arm of three runs of two calls each; the first call loads the model, and the call
/// `failed` has no final record.
fn arm(kind: &str, options: &Value, eval_ms: f64, failed: Option<usize>) -> Value {
    let mut calls = Vec::new();
    for run in 1..=3_u32 {
        for stage in ["analysis", "report"] {
            let at = calls.len();
            let load = if at == 0 { 4800.0 } else { 258.0 };
            let tokens = if failed == Some(at) { 0 } else { 100 };
            let eval = eval_ms + 10.0 * f64::from(run) + if stage == "report" { 20.0 } else { 0.0 };
            calls.push(call(run, stage, load, tokens, eval));
        }
    }
    let of = |name: &str| -> Vec<f64> {
        calls.iter().map(|call| call["metrics"][name].as_f64().unwrap()).collect()
    };
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let sd = |values: &[f64]| {
        let squares: f64 = values.iter().map(|value| (value - mean(values)).powi(2)).sum();
        (squares / (values.len() - 1) as f64).sqrt()
    };
    let (rates, ttfts) = (of("throughput_tokens_per_sec"), of("ttft_ms"));
    let runs: Vec<Value> = (1..=3)
        .map(|run| {
            json!({
                "run_number": run, "benchmark_data_count": 101, "data_summary": "files",
                "report_markdown": "# Report", "llm_calls": calls.clone(),
                "workflow": {"ingest_seconds": 0.5, "analysis_seconds": 9.0,
                             "report_seconds": 9.5, "total_seconds": 19.0},
                "analysis": {"summary": "", "raw_response": "", "key_findings": [],
                             "recommendations": [], "performance_metrics": {}},
            })
        })
        .collect();
    json!({
        "agent_type": kind, "model": "gemma3:latest", "runs": 3,
        "timestamp": "2025-11-14T19:00:30Z", "configuration": options,
        "system_info": {"os": "windows", "arch": "x86_64", "rust_version": "1", "hostname": "h"},
        "llm_calls": calls, "workflow_runs": runs,
        "aggregate_metrics": {
            "average_tokens_per_second": mean(&rates), "average_ttft_ms": mean(&ttfts),
            "stddev_throughput": sd(&rates), "stddev_ttft": sd(&ttfts),
            "total_duration_ms": of("total_duration_ms").iter().sum::<f64>(),
            "eval_duration_ms": of("eval_duration_ms").iter().sum::<f64>(),
            "load_duration_ms": of("load_duration_ms").iter().sum::<f64>(),
            "prompt_eval_duration_ms": of("prompt_eval_duration_ms").iter().sum::<f64>(),
            "total_tokens_generated": of("tokens_generated").iter().sum::<f64>(),
        }
    })
}

/// Two sessions of one agent, each with both arms; a call of the second one failed.
fn write_single(folder: &Path) {
    let tuned =
        |ctx: u32| json!({"num_gpu": 80, "num_ctx": ctx, "temperature": 0.800_000_011_920_929});
    for (name, options, failed, at) in [
        ("gpu80_ctx512_temp0p8", tuned(512), None, "2025-11-14T19:01:00Z"),
        ("gpu80_ctx1024_temp0p8", tuned(1024), Some(4), "2025-11-14T19:09:00Z"),
    ] {
        let (baseline, chimera) =
            (arm("Baseline", &json!({}), 1000.0, None), arm("Chimera", &options, 900.0, failed));
        let mean = |arm: &Value, name: &str| arm["aggregate_metrics"][name].as_f64().unwrap();
        let rate = "average_tokens_per_second";
        let ttft = "average_ttft_ms";
        let (old, new) = (mean(&baseline, rate), mean(&chimera, rate));
        let (old_ttft, new_ttft) = (mean(&baseline, ttft), mean(&chimera, ttft));
        let document = json!({
            "benchmark_type": "rust_vs_python_agent", "language": "rust", "timestamp": at,
            "delta": {
                "baseline_throughput": old, "chimera_throughput": new,
                "throughput_delta_absolute": new - old,
                "throughput_improvement_percent": (new - old) / old * 100.0,
                "baseline_ttft_ms": old_ttft, "chimera_ttft_ms": new_ttft,
                "ttft_delta_absolute_ms": old_ttft - new_ttft,
                "ttft_reduction_percent": (old_ttft - new_ttft) / old_ttft * 100.0,
            },
            "baseline": baseline, "chimera": chimera,
        });
        let place = folder.join("sweep").join(name).join("data");
        fs::create_dir_all(&place).unwrap();
        fs::write(place.join("metrics.json"), document.to_string()).unwrap();
    }
}

fn claim(study: &Path, id: &str) -> Value {
    let text = fs::read_to_string(study.join("reports/imported/claims.json")).unwrap();
    let claims: Value = serde_json::from_str(&text).unwrap();
    let all = claims["claims"].as_array().unwrap();
    all.iter().find(|claim| claim["id"] == id).unwrap_or_else(|| panic!("no claim {id}")).clone()
}

fn value(study: &Path, id: &str) -> f64 {
    claim(study, id)["value"].as_f64().unwrap()
}

#[test]
fn an_archive_becomes_a_study_that_reports_compares_and_verifies() {
    let place = Place::new(1);
    write_single(&place.path("results"));
    let said = place.expect(0, &["import", "chimeraforge", "results", "-o", "study"]);
    assert!(said.contains("12 runs from 2 files"), "{said}");
    let said = place.expect(0, &["verify", "study"]);
    assert!(said.contains("no report is published"), "{said}");
    place.expect(0, &["report", "study"]);
    let said = place.expect(0, &["verify", "study"]);
    assert!(said.contains("verified: ") && said.contains("claims"), "{said}");

    // By hand: 100 tokens in 910, 930, 920, 940, 930, 950 ms; the fifth call failed.
    let study = place.path("study");
    let rates: Vec<f64> = [0.91, 0.93, 0.92, 0.94, 0.95].iter().map(|s| 100.0 / s).collect();
    let sum: f64 = rates.iter().sum();
    let session = "source/gpu80_ctx1024_temp0p8/tuned";
    let close = |id: &str, expected: f64| {
        let found = value(&study, &format!("{session}/{id}"));
        assert!((found - expected).abs() < 1e-9 * expected.abs(), "{id}: {found}, not {expected}");
    };
    close("decode_rate/every_call/mean", sum / 6.0);
    close("decode_rate/completed/mean", sum / 5.0);
    close("decode_rate/runs/mean", (rates[..4].iter().sum::<f64>()) / 4.0);
    close("calls/failed", 1.0);
    close("ttft/cold/mean", 5100.0);
    // Three calls of two runs are warm, and one of the run whose other call failed.
    close("ttft/warm/mean", 558.0);
    let interval = &claim(&study, &format!("{session}/decode_rate/runs/mean"))["interval"];
    assert!(interval.is_object(), "run means have an interval");
    let pooled = &claim(&study, &format!("{session}/decode_rate/completed/mean"))["interval"];
    assert!(pooled.is_null(), "calls are no replicates: {pooled}");

    let report = fs::read_to_string(study.join("reports/imported/report.md")).unwrap();
    assert!(report.contains("suspect"), "imported evidence is called so");
    assert!(report.contains("sweep/gpu80_ctx512_temp0p8/data/metrics.json"));
    let audited = place.expect(0, &["audit", "study/reports/imported/report.md"]);
    assert!(audited.contains("nothing contradicts itself"), "{audited}");
    place.expect(0, &["analyze", "study"]);
    // 100 tokens in 900 ms and more against 1000 ms and more, three pairs of runs.
    let arms = ["study#baseline_default", "study#gpu80_ctx512_temp0p8"];
    let said = place.expect(0, &["compare", arms[0], arms[1], "--gate"]);
    assert!(said.contains("1 better") && said.contains("suspect"), "{said}");
}

#[test]
fn an_archive_file_is_read_as_its_folder_is() {
    let place = Place::new(1);
    write_single(&place.path("results"));
    let gz = GzEncoder::new(File::create(place.path("pack.tar.gz")).unwrap(), Compression::fast());
    let mut archive = tar::Builder::new(gz);
    archive.append_dir_all(".", place.path("results")).unwrap();
    archive.into_inner().unwrap().finish().unwrap();
    place.expect(0, &["import", "chimeraforge", "results", "-o", "from-folder"]);
    place.expect(0, &["import", "chimeraforge", "pack.tar.gz", "-o", "from-archive"]);
    let plan = |study: &str| fs::read(place.path(study).join("plan.lock.json")).unwrap();
    assert_eq!(plan("from-folder"), plan("from-archive"));
    let listed = place.expect(0, &["import", "chimeraforge", "pack.tar.gz", "-o", "x", "--list"]);
    assert!(listed.contains("sweep: 12 runs") && !place.path("x").exists(), "{listed}");
}

/// A tar archive with one entry of any name and kind.
fn tar_with(name: &str, kind: tar::EntryType) -> Vec<u8> {
    let mut header = tar::Header::new_ustar();
    // The library refuses such names; whoever means harm does not ask it.
    header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o644);
    if kind == tar::EntryType::Symlink {
        header.set_link_name("metrics.json").unwrap();
    }
    let body = b"{}";
    header.set_size(if kind == tar::EntryType::Regular { body.len() as u64 } else { 0 });
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    if kind == tar::EntryType::Regular {
        bytes.extend(body);
        bytes.resize(1024, 0);
    }
    bytes.resize(bytes.len() + 1024, 0);
    bytes
}

#[test]
fn what_is_hostile_cut_or_of_another_kind_is_refused_by_name() {
    let place = Place::new(1);
    let before = files(place.folder.path());
    let import = |kind: &str, path: &str| place.expect(2, &["import", kind, path, "-o", "study"]);
    for (name, kind, why) in [
        ("../evil.json", tar::EntryType::Regular, "leads out of the archive"),
        ("/etc/evil.json", tar::EntryType::Regular, "leads out of the archive"),
        ("a/../../evil.json", tar::EntryType::Regular, "leads out of the archive"),
        ("loop.json", tar::EntryType::Symlink, "is a link"),
    ] {
        fs::write(place.path("hostile.tar"), tar_with(name, kind)).unwrap();
        let said = import("chimeraforge", "hostile.tar");
        assert!(said.contains(name) && said.contains(why), "{name}: {said}");
    }
    fs::remove_file(place.path("hostile.tar")).unwrap();

    write_single(&place.path("results"));
    let file = place.path("results/sweep/gpu80_ctx512_temp0p8/data/metrics.json");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, &whole[..whole.len() / 2]).unwrap();
    let said = import("chimeraforge", "results");
    assert!(said.contains("gpu80_ctx512_temp0p8/data/metrics.json, line 1"), "{said}");
    assert!(said.contains("cut off"), "{said}");

    let text = String::from_utf8(whole.clone()).unwrap();
    fs::write(&file, text.replacen("\"ttft_ms\":5100.0", "\"ttft_ms\":1e400", 1)).unwrap();
    let said = import("chimeraforge", "results");
    assert!(said.contains("metrics.json") && said.contains("out of range"), "{said}");

    fs::write(&file, "{\"results\": []}").unwrap();
    fs::remove_dir_all(place.path("results/sweep/gpu80_ctx1024_temp0p8")).unwrap();
    let said = import("chimeraforge", "results");
    assert!(said.contains("no results of chimeraforge"), "{said}");

    let mut bom = b"\xef\xbb\xbf".to_vec();
    bom.extend(&whole);
    fs::write(&file, bom).unwrap();
    place.expect(0, &["import", "chimeraforge", "results", "-o", "study"]);
    fs::remove_dir_all(place.path("study")).unwrap();
    let said = import("no-such-kind", "results");
    assert!(said.contains("chimeraforge, guidellm"), "{said}");
    let said = import("chimeraforge", "nowhere");
    assert!(said.contains("could not read nowhere"), "{said}");

    // Nothing but what this test wrote is there.
    fs::remove_dir_all(place.path("results")).unwrap();
    assert_eq!(files(place.folder.path()), before);
}

#[test]
fn an_imported_plan_is_nothing_to_carry_out() {
    let place = Place::new(1);
    write_single(&place.path("results"));
    place.expect(0, &["import", "chimeraforge", "results", "-o", "study"]);
    let said = place.expect(2, &["run", "study/plan.toml", "-o", "again"]);
    assert!(said.contains("plan.toml says what chimeraforge measured"), "{said}");
    assert!(!place.path("again").exists());
}
