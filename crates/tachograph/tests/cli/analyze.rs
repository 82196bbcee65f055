//! A study's tables: on the terminal, as JSON, as CSV.

use std::fs;

use serde_json::Value;

use super::Place;

#[test]
fn a_study_is_listed_in_three_forms_that_agree() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let shown = place.expect(0, &["analyze", "study"]);
    assert!(shown.starts_with("Output throughput in tok/s (primary metric"), "{shown}");
    for title in ["Against the baseline of the same block", "Calls that did not complete"] {
        assert!(shown.contains(title), "{title}: {shown}");
    }
    assert!(shown.contains("needs at least 10 runs, there are 3"), "{shown}");

    let (code, stdout, _) = place.tacho(&["analyze", "study", "--json", "--metric", "all"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, json["schema"].as_str()), (0, Some("tachograph-analysis/1")));
    let tables = json["tables"].as_array().unwrap();
    let metrics: std::collections::BTreeSet<&str> =
        tables.iter().filter_map(|table| table["metric"].as_str()).collect();
    assert_eq!(metrics.len(), 8);

    let asked = ["analyze", "study", "--metric", "tpot", "--metric", "run_wall", "--csv", "tables"];
    let said = place.expect(0, &asked);
    assert!(said.contains("tables written into tables"), "{said}");
    let csv = fs::read_to_string(place.path("tables/tpot.estimates.csv")).unwrap();
    assert!(csv.starts_with("configuration,arm,n_runs,mean [ms],mean_t_low [ms],"), "{csv}");
    let mean = csv.lines().find(|line| line.starts_with("baseline_default")).unwrap();
    let mean: f64 = mean.split(',').nth(3).unwrap().parse().unwrap();
    let is_estimates = |table: &&Value| table["name"] == "estimates" && table["metric"] == "tpot";
    let table = tables.iter().find(is_estimates).unwrap();
    assert_eq!(table["rows"][0]["mean"], mean);
    assert!(place.path("tables/failures.csv").exists());
    assert!(place.path("tables/run_wall.power.csv").exists());
    assert!(!place.path("tables/output_throughput.power.csv").exists());

    let said = place.expect(2, &["analyze", "study", "--csv", "study/tables"]);
    assert!(said.contains("inside of the study"), "{said}");
    let said = place.expect(2, &["analyze", "study", "--metric", "speed"]);
    assert!(said.contains("output_throughput"), "{said}");
    place.expect(2, &["analyze", "data"]);
    // Nothing was changed.
    place.expect(0, &["report", "study"]);
    place.expect(0, &["verify", "study"]);
}
