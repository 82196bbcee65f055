//! From a plan to a verified report, and to a falsified one that is named.

use std::fs;

use super::{Place, files};

#[test]
fn a_plan_becomes_a_report_that_verifies_and_any_changed_byte_is_named() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let unpublished = place.expect(0, &["verify", "study"]);
    assert!(unpublished.contains("no report is published"), "{unpublished}");
    place.expect(0, &["report", "study"]);
    let verified = place.expect(0, &["verify", "study"]);
    assert!(verified.starts_with("verified: "), "{verified}");
    assert!(verified.contains("6 runs"), "{verified}");

    let study = place.path("study");
    let all = files(&study);
    for expected in [
        "reports/single-agent/report.html",
        "reports/single-agent/claims.json",
        "tables/calls.parquet",
        "runs/baseline_default/summary.md",
        "runs/baseline_default/run_003/analyst_report.md",
    ] {
        assert!(all.iter().any(|file| file == expected), "{expected} is missing in {all:?}");
    }
    for file in &all {
        let path = study.join(file);
        let bytes = fs::read(&path).unwrap();
        let mut changed = bytes.clone();
        changed[bytes.len() / 2] ^= 1;
        fs::write(&path, changed).unwrap();
        let said = place.expect(1, &["verify", "study"]);
        assert!(said.contains(file.as_str()), "{file} is not named:\n{said}");
        fs::write(&path, bytes).unwrap();
    }
    place.expect(0, &["verify", "study"]);
}

#[test]
fn a_falsified_number_is_named_with_its_claim_and_its_line() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    let path = place.path("study/reports/single-agent/report.md");
    let report = fs::read_to_string(&path).unwrap();
    let (line, text) = report
        .lines()
        .enumerate()
        .find(|(_, line)| line.starts_with("| `baseline_default` | 3 |"))
        .expect("the results table has the baseline");
    let number = text.split('|').nth(3).unwrap().trim();
    let other = if number.starts_with('9') { "1" } else { "9" };
    let falsified = text.replacen(number, &format!("{other}{}", &number[1..]), 1);
    fs::write(&path, report.replacen(text, &falsified, 1)).unwrap();
    let said = place.expect(1, &["verify", "study"]);
    let place_of_it = format!("report.md:{}: claim ", line + 1);
    assert!(said.contains(&place_of_it), "{said}");
    assert!(said.contains(&format!("the evidence gives `{number}`")), "{said}");
    // The evidence is untouched, so the report can be written again.
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), report);
}

#[test]
fn overrides_are_recorded_and_the_plan_command_agrees_with_the_study() {
    let place = Place::new(3);
    let shown = place.expect(0, &["plan", "plan.toml", "--blocks", "1", "--set", "num_predict=5"]);
    let digest = shown.lines().find_map(|line| line.strip_prefix("digest")).unwrap().trim();
    let run = ["run", "plan.toml", "-o", "study", "--blocks", "1", "--set", "num_predict=5"];
    place.expect(0, &run);
    let journal = fs::read_to_string(place.path("study/journal.jsonl")).unwrap();
    assert!(journal.contains(digest), "{digest} is not in the journal");
    assert!(journal.contains("blocks = 1 (the plan says 3)"), "{journal}");
    place.expect(0, &["report", "study"]);
    let report = fs::read_to_string(place.path("study/reports/single-agent/report.md")).unwrap();
    assert!(report.contains("options.num_predict = 5"), "deviations are reported");
}

#[test]
fn the_json_outputs_are_json() {
    let place = Place::new(1);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    for arguments in [
        &["verify", "study", "--json"][..],
        &["plan", "plan.toml", "--json"],
        &["schema"],
        &["doctor", "--json"],
    ] {
        let (_, stdout, stderr) = place.tacho(arguments);
        serde_json::from_str::<serde_json::Value>(&stdout)
            .unwrap_or_else(|error| panic!("tacho {arguments:?}: {error}\n{stdout}\n{stderr}"));
    }
}
