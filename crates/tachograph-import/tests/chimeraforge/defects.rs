//! What is wrong with files: each defect is planted and must be found; what cannot be read
//! is an error that names the file and the place, and never a panic.
//!
//! Owns: planted defects, broken files.

use proptest::prelude::*;
use serde_json::{Value, json};
use tachograph_import::{ImportError, SourceFile, import};
use tachograph_model::plan::imported::ImportKind;

use crate::archive::imported;
use crate::fixtures::{
    Pair, defects, error, file, measures, no_final_record, options, python_single, read, single,
    single_runs,
};

const SINGLE: &str = "study/gpu60_ctx512_temp0p8/data/metrics.json";

/// Imports one file of one agent, after a change, and returns its defects as texts.
fn planted(path: &str, change: impl FnOnce(&mut Value)) -> Vec<String> {
    let mut contents = single(&options(60, 512), 2, 1);
    change(&mut contents);
    let snapshot = read(&[file(path, &contents)]);
    let defects = &imported(&snapshot.sets[0]).defects;
    defects.iter().map(|it| format!("{} {}", it.place, it.what)).collect()
}

fn found(texts: &[String], words: &str) {
    assert!(texts.iter().any(|text| text.contains(words)), "no `{words}` in {texts:#?}");
}

#[test]
fn derived_numbers_are_held_against_calls() {
    assert_eq!(planted(SINGLE, |_| {}), [""; 0]);
    let wrong = planted(SINGLE, |it| {
        it["baseline"]["aggregate_metrics"]["average_tokens_per_second"] = json!(101.0);
    });
    found(&wrong, "/baseline/aggregate_metrics/average_tokens_per_second 101 is stated");
    let wrong = planted(SINGLE, |it| it["delta"]["throughput_delta_absolute"] = json!(5.0));
    found(&wrong, "/delta/throughput_delta_absolute 5 is stated, and the records give 0");
    let wrong = planted(SINGLE, |it| {
        it["baseline"]["aggregate_metrics"]["eval_duration_ms"] = json!(530.0);
    });
    found(&wrong, "530 is stated, and the sum of the calls is 2100");
    let mean = planted(SINGLE, |it| {
        it["baseline"]["aggregate_metrics"]["eval_duration_ms"] = json!(525.0);
    });
    found(&mean, "it is the mean of the calls, not their sum");
    let wrong = planted(SINGLE, |it| {
        it["chimera"]["workflow_runs"][1]["llm_calls"][0]["response"] = json!("another");
    });
    found(&wrong, "/chimera/workflow_runs its copy of the calls is not equal");
    let wrong = planted(SINGLE, |it| it["chimera"]["runs"] = json!(5));
    found(&wrong, "/chimera/runs 5 runs are stated, and there are 2");
}

#[test]
fn names_of_folders_are_held_against_options() {
    let wrong = planted("study/gpu80_ctx512_temp0p8/data/metrics.json", |_| {});
    found(&wrong, "the folder is called `gpu80_ctx512_temp0p8`, and the file says num_gpu = 60");
    let version = planted("study/gpu60_ctx512_temp0p8_v2/data/metrics.json", |_| {});
    found(&version, "ends in a version");
    let further = planted(SINGLE, |it| {
        it["chimera"]["configuration"]["top_k"] = json!(40);
    });
    found(&further, "no folder's name shows are sent: top_k = 40");
}

/// Imports runs of two agents and returns the defects of the first study.
fn joint(files: &[SourceFile]) -> Vec<String> {
    let snapshot = read(files);
    let defects = &imported(&snapshot.sets[0]).defects;
    defects.iter().map(|it| format!("{} {} => {}", it.place, it.what, it.treatment)).collect()
}

#[test]
fn runs_of_two_agents_are_held_against_their_options_and_numbers() {
    let path = "study/chimera_homo/test103/run_1/metrics.json";
    let spelt = joint(&[file(path, &Pair::new(1, 1).with_calls())]);
    found(&spelt, "spelt `chimera_homo` => read as `chimera-homo`");
    let path = "study/chimera-hetero/test007/run_1/metrics.json";
    let mut hetero = Pair { scenario: "chimera_hetero", ..Pair::new(1, 1) };
    found(
        &joint(&[file(path, &hetero.with_calls())]),
        "the options of both agents are chimera-homo",
    );
    hetero.options[1]["temperature"] = json!(0.6);
    let differ = joint(&[file(path, &hetero.with_calls())]);
    found(&differ, "the agents differ in temperature too, 0.8 and 0.6");
    let mut contents = Pair::new(1, 1).with_calls();
    contents["summary"]["concurrency_speedup"] = json!(1.9);
    contents["summary"]["resource_contention_detected"] = json!(true);
    let wrong = joint(&[file("study/test001/run_2/metrics.json", &contents)]);
    found(&wrong, "/summary/concurrency_speedup 1.9 is stated, and the records give 1.875");
    found(&wrong, "the flag is true at a speedup of 1.875");
    found(&wrong, "the folder is run 2, and the file says 1");
    let mut contents = Pair::new(1, 1).with_calls();
    contents["collector"]["result"]["individual_runs"][0] = measures(5);
    contents["collector"]["result"]["configuration"] = json!({"num_gpu": 1});
    contents["insight"]["result"]["llm_calls"][1]["metrics"] = no_final_record();
    let wrong = joint(&[file("study/test001/run_1/metrics.json", &contents)]);
    found(&wrong, "its copy of the calls' measures is not equal");
    found(&wrong, "not equal to the options that the agent was set up with");
    found(&wrong, "/insight/result/llm_calls/1/metrics tokens, server durations and rate are zero");
}

#[test]
fn what_only_a_whole_study_shows_is_found() {
    let at = |test: &str, run: u32, first: u32| {
        let path = format!("study/chimera-homo/{test}/run_{run}/metrics.json");
        file(&path, &Pair::new(run, first).with_calls())
    };
    let files =
        [at("test001", 1, 1), at("test001", 2, 2), at("test004", 1, 3), at("test202", 1, 4)];
    let found_there = joint(&files);
    found(&found_there, "tests 002, 003 are not there");
    found(&found_there, "its configuration has 1 runs, and others have 2");
    let twice = [
        file("study/test001/run_1/metrics.json", &Pair::new(1, 1).with_calls()),
        file("study/test001/run_2/metrics.json", &Pair::new(1, 2).with_calls()),
    ];
    found(&joint(&twice), "a second run 1 of one configuration => imported as run 2");
    let alike = [
        file("study/bvc_gpu80/run_1/metrics.json", &Pair::new(1, 1).with_runs()),
        file("study/homo_gpu80/run_1/metrics.json", &Pair::new(1, 2).with_runs()),
    ];
    found(&joint(&alike), "`homo_gpu80` has the scenario and the options of another folder");
    let mut other = Pair::new(1, 9);
    other.options = [options(60, 512), options(60, 512)];
    let files = [
        at("test001", 1, 1),
        file("z/chimera-homo/test001/run_1/metrics.json", &other.with_calls()),
    ];
    let snapshot = read(&files);
    let differ = defects(&snapshot.sets[1], "send other options there");
    assert!(differ[0].what.contains("in test 001 collector sends num_gpu = 60 here and 80 there"));
}

#[test]
fn agents_that_read_nothing_are_said_so() {
    let contents = python_single(&json!({}), &options(60, 512), 1);
    let snapshot = read(&[file(SINGLE, &contents)]);
    assert_eq!(defects(&snapshot.sets[0], "the agent read no file of its input").len(), 1);
}

fn left_out(files: &[SourceFile], path: &str) -> String {
    let snapshot = read(files);
    let found = snapshot.left_out.iter().find(|it| it.path == path);
    found.map(|it| it.what.clone()).unwrap_or_default()
}

#[test]
fn what_is_no_measurement_is_left_out() {
    let sound = file(SINGLE, &single(&options(60, 512), 1, 1));
    let with =
        |path: &str, contents: &Value| left_out(&[sound.clone(), file(path, contents)], path);
    let same = with("study/z/data/metrics.json", &single(&options(60, 512), 1, 1));
    assert_eq!(same, format!("the same bytes as {SINGLE}"));
    let mut again = single(&options(60, 512), 1, 1);
    again["note"] = json!("another file");
    let again = with("study/z/data/metrics.json", &again);
    assert_eq!(again, format!("the same calls as {SINGLE}"));
    let mut old = single_runs(&options(60, 512), 1, 1);
    for arm in ["baseline", "chimera"] {
        old[arm]["individual_runs"][0] = no_final_record();
    }
    assert!(
        with("old/a/data/metrics.json", &old).contains("did not read the server's final record")
    );
    let mut made_up = Pair::new(1, 1).python();
    made_up["collector"]["aggregate_metrics"]["total_duration_ms"] = json!(36000.0);
    assert!(with("py/a/run_1/metrics.json", &made_up).contains("made up, not measured"));
    let mut made_up = single(&options(80, 512), 1, 1);
    made_up["baseline"]["llm_calls"][0]["metrics"]["total_duration_ms"] = json!(1.0);
    assert!(with("b/a/data/metrics.json", &made_up).contains("made up, not measured"));
    let means = json!({
        "baseline": {"model": "m", "aggregate_metrics": {}},
        "chimera": {"model": "m", "aggregate_metrics": {}},
    });
    assert!(with("c/data/metrics.json", &means).contains("means only"));
    for (path, contents) in
        [("d.json", json!({"a": 1})), ("e.json", json!([])), ("f.json", json!({"baseline": 3}))]
    {
        assert_eq!(with(path, &contents), "none of the layouts");
    }
    let text = SourceFile { path: "LICENSE".to_owned(), bytes: b"All rights".to_vec() };
    assert_eq!(left_out(&[sound.clone(), text], "LICENSE"), "no JSON, and none of the layouts");
}

/// Returns two runs and their summary.
fn summarised() -> (Vec<SourceFile>, Value) {
    let files = [1, 2].map(|run| {
        let path = format!("study/chimera-homo/test013/run_{run}/metrics.json");
        file(&path, &Pair::new(run, run * 50).with_calls())
    });
    let runs: Vec<Value> = files
        .iter()
        .map(|it| serde_json::from_slice::<Value>(&it.bytes).unwrap()["summary"].clone())
        .collect();
    let summary = json!({
        "scenario": "chimera_homo", "runs": runs,
        "aggregate": {"average_concurrency_speedup": 1.875, "average_efficiency": 93.75,
            "average_throughput_delta": 0.0},
    });
    (files.to_vec(), summary)
}

#[test]
fn summaries_are_held_against_runs_and_left_out() {
    let path = "study/chimera-homo/test013/summary.json";
    let check = |change: &dyn Fn(&mut Value)| {
        let (mut files, mut summary) = summarised();
        change(&mut summary);
        files.push(file(path, &summary));
        let snapshot = read(&files);
        let imported = imported(&snapshot.sets[0]);
        let listed = imported.sources.iter().any(|it| it.path == path);
        assert_eq!(listed, !imported.defects.is_empty(), "a source is listed if it has a defect");
        (snapshot.left_out[0].what.clone(), joint(&files))
    };
    let (what, defects) = check(&|_| {});
    assert_eq!(what, "a summary of runs; it agrees with the 2 runs that it is about");
    assert!(defects.is_empty(), "{defects:?}");
    let (what, defects) = check(&|it| it["aggregate"]["average_efficiency"] = json!(97.0));
    assert_eq!(what, "a summary of runs; its numbers are not all those of its 2 runs");
    found(&defects, "/aggregate/average_efficiency 97 is stated, and the records give 93.75");
    let (_, defects) = check(&|it| it["runs"][1]["concurrent_wall_time_s"] = json!(1.0));
    found(&defects, "/runs/1/concurrent_wall_time_s 1 is stated");
    let (_, defects) = check(&|it| it["runs"][1]["resource_contention_detected"] = json!(true));
    found(&defects, "true is stated, and the run says false");
    let (_, defects) = check(&|it| it["runs"][1]["run_number"] = json!(7));
    found(&defects, "it summarises a run that is not there");
    let (_, defects) = check(&|it| {
        it["runs"].as_array_mut().unwrap().pop();
    });
    found(&defects, "1 runs are summarised, and 2 are there");
    let (_, defects) = check(&|it| it["scenario"] = json!("chimera_hetero"));
    found(&defects, "`chimera_hetero` is stated, and its runs are chimera-homo");
}

#[test]
fn indexes_and_copies_are_held_against_runs() {
    let (files, mut summary) = summarised();
    summary["aggregate"]["average_concurrency_speedup"] = json!(1.9);
    let index = json!({"all_test_results": [
        {"output_dir": "results\\test013", "summary": summary}, {"output_dir": "x", "summary": null}
    ]});
    let with = |path: &str, contents: &Value| {
        let files = [files.clone(), vec![file(path, contents)]].concat();
        joint(&files)
    };
    found(
        &with("study/index.json", &index),
        "/test_results/0/summary/aggregate/average_concurrency_speedup 1.9",
    );
    let mut data: Value = serde_json::from_slice(&files[1].bytes).unwrap();
    data["summary"]["efficiency_percent"] = json!(50.0);
    let copies = json!([{
        "Path": "root\\study\\chimera-homo\\test013\\run_2\\metrics.json", "Data": data
    }]);
    found(&with("all_metrics_extracted.json", &copies), "/0/Data/efficiency_percent 50 is stated");
    let mut marked = file("all_metrics_extracted.json", &copies);
    marked.bytes.splice(0..0, *b"\xef\xbb\xbf");
    let files = [files.clone(), vec![marked]].concat();
    found(&joint(&files), "byte order mark");
}

#[test]
fn tables_are_held_against_the_files_that_their_rows_name() {
    let first = single_runs(&options(60, 512), 1, 1);
    let second = single_runs(&options(80, 512), 1, 3);
    let files = vec![
        file("root/old_sweep/gpu60_ctx512_temp0p8/data/metrics.json", &first),
        file("root/old_sweep/gpu80_ctx512_temp0p8/data/metrics.json", &second),
        file(
            "root/new_sweep/gpu60_ctx512_temp0p8/data/metrics.json",
            &single(&options(60, 512), 1, 20),
        ),
        file(
            "root/new_sweep/gpu80_ctx512_temp0p8/data/metrics.json",
            &single(&options(80, 512), 1, 30),
        ),
    ];
    let table = |text: &str| {
        let mut files = files.clone();
        files.push(SourceFile { path: "a/table.csv".to_owned(), bytes: text.as_bytes().to_vec() });
        let snapshot = read(&files);
        let what = snapshot.left_out[0].what.clone();
        let defects: Vec<String> = snapshot
            .sets
            .iter()
            .flat_map(|set| &imported(set).defects)
            .map(|it| format!("{} {}", it.place, it.what))
            .collect();
        (what, defects)
    };
    let header = "config,baseline_tok_s,chimera_tok_s,baseline_ttft_ms,source\n";
    let rows = |of: &str, ttft: &str| {
        format!(
            "{header}\"a, b\",100.000000,100.0,{ttft},x\\{of}\\gpu60_ctx512_temp0p8\\data\\metrics.json\r\n"
        )
    };
    let (what, found_there) = table(&rows("new_sweep", "501.1"));
    assert_eq!(
        what, "a table that others made; it agrees with the 2 runs that it is about",
        "{found_there:?}"
    );
    assert_eq!(found_there, [""; 0]);
    let (what, found_there) = table(&rows("new_sweep", "0.000"));
    assert!(what.contains("its numbers are not all those of its 2 runs"));
    found(&found_there, "line 2 `baseline_ttft_ms` disagrees in one row, first 0");
    let (_, found_there) = table(&rows("old_sweep", "500.0"));
    found(&found_there, "its rows are of `old_sweep`; `new_sweep` was measured later");
    let (what, _) = table("timestamp,model\n1,m\n");
    assert_eq!(what, "a table that others made; it names no run that is here");
}

#[test]
fn broken_files_are_errors_that_say_where() {
    let sound = file("study/a_gpu1/data/metrics.json", &single(&options(1, 1), 1, 1));
    let broken = |change: &dyn Fn(&mut Value)| -> ImportError {
        let mut contents = single(&options(60, 512), 2, 1);
        change(&mut contents);
        error(&[sound.clone(), file(SINGLE, &contents)])
    };
    for (number, place, message) in [
        (json!(-1.0), "/baseline/llm_calls/1/metrics/ttft_ms", "-1 ms is no duration"),
        (json!(1e300), "/baseline/llm_calls/1/metrics/ttft_ms", "ms is no duration"),
    ] {
        let error =
            broken(&|it| it["baseline"]["llm_calls"][1]["metrics"]["ttft_ms"] = number.clone());
        assert_eq!((&*error.path, &*error.place), (SINGLE, place));
        assert!(error.message.contains(message), "{error}");
    }
    for tokens in [json!(1.5), json!(-3), json!(1e18)] {
        let error = broken(&|it| {
            it["chimera"]["llm_calls"][0]["metrics"]["tokens_generated"] = tokens.clone();
        });
        assert_eq!(error.place, "/chimera/llm_calls/0/metrics/tokens_generated");
    }
    let error = broken(&|it| it["chimera"]["llm_calls"][0]["run_number"] = json!(0));
    assert!(error.to_string().contains("no number of a run"), "{error}");
    let error = broken(&|it| it["chimera"]["llm_calls"] = json!([]));
    assert!(error.to_string().contains("the arm has no calls"), "{error}");
    let error = broken(&|it| it["chimera"]["model"] = json!("another"));
    assert!(error.to_string().contains("two models"), "{error}");
    let error = broken(&|it| it["chimera"]["configuration"]["stop"] = json!(["a"]));
    assert_eq!(error.place, "/chimera/configuration/stop");
    let error = broken(&|it| it["chimera"]["configuration"]["num ctx"] = json!(512));
    assert!(error.to_string().contains("`num ctx` is no name of an option"), "{error}");
    let error = broken(&|it| it["chimera"]["llm_calls"][0]["metrics"]["ttft_ms"] = json!("fast"));
    assert!(error.place.starts_with("line 1, column "), "{error}");
    let mut pair = Pair::new(1, 1).with_calls();
    pair["scenario"] = json!("chimera_trio");
    let error = self::error(&[file("s/test001/run_1/metrics.json", &pair)]);
    assert!(error.to_string().contains("`chimera_trio` is no scenario"), "{error}");
}

#[test]
fn a_cut_file_is_an_error_unless_nothing_depends_on_it() {
    let (mut files, summary) = summarised();
    let mut cut = file("study/chimera-homo/test013/summary.json", &summary);
    cut.bytes.truncate(200);
    files.push(cut);
    let snapshot = read(&files);
    assert!(snapshot.left_out[0].what.contains("the file is cut off"), "{:?}", snapshot.left_out);
    files[1].bytes.truncate(500);
    let error = error(&files);
    assert_eq!(error.path, files[1].path);
    assert_eq!(error.place, "line 1, column 500");
    let nothing = self::error(&[file("package.json", &json!({"name": "something"}))]);
    assert_eq!(
        nothing.to_string(),
        "the files given: no results of chimeraforge were found; package.json: none of the layouts"
    );
}

/// Returns a file of each layout.
fn samples() -> Vec<SourceFile> {
    let (mut files, summary) = summarised();
    files.push(file("study/chimera-homo/test013/summary.json", &summary));
    let index = json!({"test_results": [{"output_dir": "a/test013", "summary": summary}]});
    files.push(file("study/index.json", &index));
    files.push(file(SINGLE, &single(&options(60, 512), 1, 1)));
    files.push(file("b/gpu1/data/metrics.json", &single_runs(&options(60, 512), 2, 1)));
    files.push(file("c/gpu1/data/metrics.json", &python_single(&json!({}), &options(1, 2), 2)));
    files.push(file("d/phase1/gpu1/run_1/metrics.json", &Pair::new(1, 1).with_runs()));
    files.push(file("e/phase_1_test_001/run_1/metrics.json", &Pair::new(1, 1).python()));
    files.push(file("f/gpu1/run_1/metrics.json", &Pair::new(1, 1).python_pair()));
    let text = "kind,avg_ttft_ms,source\nbaseline,1.0,b/gpu1/data/metrics.json\n";
    files.push(SourceFile { path: "t.csv".to_owned(), bytes: text.as_bytes().to_vec() });
    files
}

/// Returns every place in a document.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(map) => {
            for (key, it) in map {
                places(it, &format!("{at}/{key}"), all);
            }
        }
        Value::Array(list) => {
            list.iter().enumerate().for_each(|(n, it)| places(it, &format!("{at}/{n}"), all));
        }
        _ => {}
    }
}

fn other_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        Just(json!([])),
        Just(json!({})),
        Just(json!("")),
        Just(json!(true)),
        any::<i64>().prop_map(|it| json!(it)),
        any::<f64>().prop_map(|it| json!(it)),
        "[a-zA-Z_./-]{0,12}".prop_map(|it| json!(it)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_cut_or_changed_byte_makes_it_panic(
        which in 0_usize..11, at in any::<prop::sample::Index>(), byte in any::<u8>(), cut in any::<bool>(),
    ) {
        let mut files = samples();
        let bytes = &mut files[which].bytes;
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at); } else { bytes[at] = byte; }
        let path = files[which].path.clone();
        if let Err(error) = import(ImportKind::Chimeraforge, &files) {
            prop_assert_eq!(error.path, path);
        }
    }

    #[test]
    fn no_other_value_makes_it_panic(
        which in 0_usize..10, at in any::<prop::sample::Index>(), value in other_value(),
    ) {
        let mut files = samples();
        let mut contents: Value = serde_json::from_slice(&files[which].bytes).unwrap();
        let mut all = Vec::new();
        places(&contents, "", &mut all);
        *contents.pointer_mut(&all[at.index(all.len())]).unwrap() = value;
        files[which] = file(&files[which].path, &contents);
        let path = files[which].path.clone();
        match import(ImportKind::Chimeraforge, &files) {
            Ok(snapshot) => prop_assert!(!snapshot.sets.is_empty()),
            Err(error) => prop_assert_eq!(error.path, path),
        }
    }
}
