//! Studies against each other, baselines kept in files, and pilots.

use std::fs;

use serde_json::Value;

use super::{Place, plan};

/// Returns the JSON form of a comparison that must end with one of `codes`.
fn compared(place: &Place, codes: &[i32], arguments: &[&str]) -> Value {
    let all = [&["compare", "--format", "json"][..], arguments].concat();
    let (code, stdout, stderr) = place.tacho(&all);
    assert!(codes.contains(&code), "tacho {all:?}: {code}\n{stdout}\n{stderr}");
    serde_json::from_str(&stdout).unwrap()
}

/// Checks that a text is XML whose tags are closed in order and whose ampersands
/// begin entities; returns the names of its elements.
fn elements(xml: &str) -> Vec<String> {
    let body = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap();
    let (mut open, mut names) = (Vec::new(), Vec::new());
    for piece in body.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').expect("a tag ends");
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        for (at, _) in piece.match_indices('&') {
            assert!(known.iter().any(|entity| piece[at..].starts_with(entity)), "{piece}");
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop().as_deref(), Some(name), "{piece}");
        } else {
            let name = tag.split([' ', '/']).next().unwrap().to_owned();
            assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
            names.push(name.clone());
            if !tag.ends_with('/') {
                open.push(name);
            }
        }
        assert!(!open.is_empty() || text.trim().is_empty(), "text outside of the root: {text}");
    }
    assert!(open.is_empty(), "{open:?} are not closed");
    names
}

#[test]
fn a_change_is_gated_against_a_study_and_against_its_baseline_file() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "one"]);
    place.expect(0, &["run", "plan.toml", "-o", "two"]);
    let slow = plan(3).replace("output_token_ns = 200_000", "output_token_ns = 220_000");
    fs::write(place.path("slow.toml"), slow).unwrap();
    place.expect(0, &["run", "slow.toml", "-o", "slow"]);
    let said = place.expect(0, &["baseline", "one", "-o", "one.json"]);
    assert!(said.contains("6 measured runs of 2 configurations"), "{said}");

    // Studies of one plan are alike, and a file says what its study says.
    let study = compared(&place, &[0], &["one", "two"]);
    assert_eq!(study["unlike"], Value::Array(Vec::new()), "{study:#}");
    assert_eq!(study["comparisons"].as_array().unwrap().len(), 2);
    let file = compared(&place, &[0], &["one.json", "two"]);
    assert_eq!(study["comparisons"], file["comparisons"]);
    assert!(file["reference"]["study"]["merkle_root"].is_string(), "{file:#}");

    let said = place.expect(3, &["compare", "one.json", "slow", "--gate"]);
    assert!(said.contains("Not comparable") && said.contains("server-settings"), "{said}");
    assert!(said.contains("output_token_ns: reference 200000; candidate 220000"), "{said}");
    // What the simulated server reports is stated, so no load of this machine moves it.
    let stated = ["--metric", "server_decode_rate", "--accept", "server-settings"];
    let gate = |codes: &[i32], arguments: &[&str]| {
        compared(&place, codes, &[arguments, &stated[..], &["--gate"]].concat())
    };
    let same = gate(&[0], &["one.json", "two"]);
    assert_eq!(same["comparisons"][1]["verdict"], "equivalent");
    let worse = gate(&[1], &["one.json", "slow"]);
    assert_eq!(worse["gate"]["outcome"], "worse");
    assert_eq!(worse["unlike"][0]["accepted"], true);
    let better = gate(&[0], &["slow", "one"]);
    assert_eq!(better["comparisons"][0]["verdict"], "better");
    // An error rate at which three runs can show nothing at all.
    let hard = ["one", "two", "--alpha", "0.00001", "--margin", "2%"];
    let undecided = |codes: &[i32], more: &[&str]| {
        compared(&place, codes, &[&hard[..], &["--gate"], more].concat())
    };
    let open = undecided(&[4], &[]);
    assert_eq!(open["gate"]["outcome"], "inconclusive");
    assert!(open["blocks_needed"].is_u64() || open["blocks_needed"].is_null(), "{open:#}");
    undecided(&[0], &["--allow-inconclusive"]);

    let junit = ["compare", "one.json", "slow", "--gate", "--format", "junit", "-o", "junit.xml"];
    let said = place.expect(1, &[&junit[..], &stated].concat());
    assert!(said.contains("gate: FAILED"), "the words are shown beside the file: {said}");
    let names = elements(&fs::read_to_string(place.path("junit.xml")).unwrap());
    assert_eq!(names.iter().filter(|name| *name == "testcase").count(), 3, "{names:?}");
    assert_eq!(names.iter().filter(|name| *name == "failure").count(), 2, "{names:?}");
    place.expect(3, &["compare", "one.json", "slow", "--format", "junit", "-o", "refused.xml"]);
    let refused = fs::read_to_string(place.path("refused.xml")).unwrap();
    assert!(elements(&refused).contains(&"error".to_owned()), "{refused}");
    let markdown = ["compare", "one", "slow", "--force", "--format", "markdown"];
    let said = place.expect(0, &markdown);
    assert!(said.contains("## Not alike") && said.contains("| configuration |"), "{said}");
}

#[test]
fn two_configurations_of_one_study_are_compared_and_itself_is_not() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    let said = place.expect(0, &["compare", "study#baseline_default", "study#temp0p2"]);
    assert!(said.contains("ratios within blocks") && said.contains("3, 3"), "{said}");
    let said = place.expect(2, &["compare", "study", "study"]);
    assert!(said.contains("study#baseline_default study#temp0p2"), "{said}");
    let said = place.expect(2, &["compare", "study#none", "study#temp0p2"]);
    assert!(said.contains("it has baseline_default, temp0p2"), "{said}");
    let said = place.expect(2, &["compare", "study", "no-such-study"]);
    assert!(said.contains("could not read no-such-study"), "{said}");
    let said = place.expect(2, &["compare", "study", "plan.toml"]);
    assert!(said.contains("it is not a baseline file"), "{said}");
    for arguments in
        [["--margin", "2"], ["--metric", "speed"], ["--accept", "luck"], ["--alpha", "0.9"]]
    {
        let all = [&["compare", "study#baseline_default", "study#temp0p2"][..], &arguments];
        place.expect(2, &all.concat());
    }
    place.expect(2, &["compare", "study", "study", "--allow-inconclusive"]);
}

#[test]
fn a_baseline_file_is_whole_or_refused_and_replaces_only_its_like() {
    let place = Place::new(2);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["baseline", "study"]);
    place.expect(0, &["baseline", "study"]);
    let said = place.expect(2, &["baseline", "study", "-o", "plan.toml"]);
    assert!(said.contains("exists and is no baseline file"), "{said}");
    let path = place.path("baseline.json");
    let text = fs::read_to_string(&path).unwrap();
    let one = "study#temp0p2";
    for (from, to, expected) in [
        ("\"n_planned\":4", "\"n_planned\":5", "changed after it was written"),
        ("tachograph-baseline/1", "tachograph-baseline/7", "a newer tacho wrote it"),
        ("\"content\":{", "\"content\":{\"more\":1,", "it is damaged"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        fs::write(&path, changed).unwrap();
        let said = place.expect(3, &["compare", "baseline.json#baseline_default", one]);
        // The terminal's frame breaks lines.
        let said = said.replace("\n  │ ", " ");
        assert!(said.contains(expected), "{said}");
    }
    let events = place.path("study/runs/temp0p2/run_001/events.jsonl.zst");
    let mut bytes = fs::read(&events).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&events, bytes).unwrap();
    let said = place.expect(3, &["baseline", "study"]);
    assert!(said.contains("is not what was sealed") && said.contains("tacho verify"), "{said}");
}

#[test]
fn a_pilot_says_how_many_blocks_or_how_many_it_lacks() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "pilot"]);
    let said = place.expect(0, &["power", "pilot", "--margin", "5%"]);
    assert!(said.contains("Blocks that the question needs"), "{said}");
    let (code, stdout, _) = place.tacho(&["power", "pilot", "--metric", "e2e", "--json"]);
    let json: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!((code, &json["configurations"][0]["n_blocks"]), (0, &3.into()));
    place.expect(0, &["run", "plan.toml", "--blocks", "1", "-o", "small"]);
    let said = place.expect(3, &["power", "small"]).replace("\n  │ ", " ");
    assert!(said.contains("at least 2 blocks") && said.contains("--blocks 5"), "{said}");
    place.expect(2, &["power", "pilot", "--power", "20%"]);
}
