//! Studies held against claims and earlier studies, what supersedes what, and what is
//! stale because of it.

use std::fs;

use serde_json::Value;

use super::corrupted::{copy, rehash};
use super::{Place, files, plan};

/// One claim of each verdict. What the simulated server reports is stated in the plan, so
/// that no load of this machine moves it: 5000 tok/s.
const CLAIMS: &str = r#"
schema = "tachograph-claims-list/1"
title = "Notes on a fast server"

[[claims]]
id = "decode"
statement = "the server decodes"
value = "5000"
unit = "tok/s"
where = "notes.md, section Decoding"
claim = "server_decode_rate/baseline_default/mean"
decision = "keep this server"
holds_if = "above"
threshold = 3000

[[claims]]
id = "wall"
statement = "every second of a run brings"
value = "5000.0"
unit = "tok/s"
where = "notes.md, section Throughput"
claim = "output_throughput/baseline_default/mean"
definitions = ["server_decode_rate/baseline_default/mean"]

[[claims]]
id = "faster"
statement = "a newer server decodes"
value = "6250"
unit = "tok/s"
where = "notes.md, section Plans"
claim = "server_decode_rate/baseline_default/mean"
decision = "buy no hardware"
holds_if = "above"
threshold = 6000

[[claims]]
id = "gain"
statement = "it gains"
value = "40.0"
unit = "%"
where = "notes.md, summary"
from = { rule = "percent_change", of = ["decode", "faster"] }

[[claims]]
id = "somewhere"
statement = "a rate"
value = "5000"
unit = "tok/s"
where = "notes.md, appendix"

[[claims]]
id = "power"
statement = "it draws"
value = "71.3"
unit = "W"
where = "notes.md, section Power"
"#;

/// Two studies of one plan, and the list of claims.
fn studies() -> Place {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "one"]);
    place.expect(0, &["run", "plan.toml", "-o", "two"]);
    place.expect(0, &["report", "one"]);
    fs::write(place.path("claims.toml"), CLAIMS).unwrap();
    place
}

fn json(place: &Place, path: &str) -> Value {
    serde_json::from_slice(&fs::read(place.path(path)).unwrap()).unwrap()
}

fn claim(claims: &Value, id: &str) -> Value {
    let all = claims["claims"].as_array().unwrap();
    all.iter().find(|claim| claim["id"] == id).unwrap_or_else(|| panic!("no claim {id}")).clone()
}

const VALIDATE: [&str; 6] = ["report", "two", "--kind", "validation", "--against", "claims.toml"];

#[test]
fn each_claim_gets_its_verdict_and_each_byte_is_verified() {
    let place = studies();
    let said = place.expect(0, &[&VALIDATE[..], &["--against", "one"]].concat());
    assert!(said.contains("Of the 6 claims of Notes on a fast server"), "{said}");
    let report = fs::read_to_string(place.path("two/reports/validation/report.md")).unwrap();
    for (id, verdict) in [
        ("decode", "reproduced"),
        ("wall", "reproduced only under another definition"),
        ("faster", "contradicted"),
        ("gain", "internally inconsistent"),
        ("somewhere", "matched by a search only"),
        ("power", "without data"),
    ] {
        let row = report.lines().find(|line| line.starts_with(&format!("| `{id}` |"))).unwrap();
        assert!(row.ends_with(&format!("| **{verdict}** |")), "{id}: {row}");
    }
    for expected in [
        "| `decode` | keep this server | above 3000 tok/s | still holds | reproduced |",
        "| `faster` | buy no hardware | above 6000 tok/s | **reversed** | contradicted |",
        "`server_decode_rate/baseline_default/mean` (formula `mean-t`) is 5000.00 tok/s and rounds",
        // At least 6249.5 / 5000.5 and at most 6250.5 / 4999.5.
        "gives at least 24.978 % and at most 25.023 %",
        "The decision that rested on one of them is reversed: `faster`.",
        "The studies are alike in everything that comparing asks for",
        "These were matched by searching all claims, which proves nothing: `somewhere`.",
        "This study supersedes none",
    ] {
        assert!(report.contains(expected), "{expected}\n{report}");
    }

    // The verdicts within the study are those of its main report.
    let validation = json(&place, "two/reports/validation/claims.json");
    let main = json(&place, "two/reports/single-agent/claims.json");
    let after = claim(&validation, "against/02/verdict/temp0p2/after");
    let own = claim(&main, "output_throughput/temp0p2/ratio");
    assert_eq!((&after["value"], &after["interval"]), (&own["value"], &own["interval"]));
    let earlier = json(&place, "one/reports/single-agent/claims.json");
    let before = claim(&validation, "against/02/output_throughput/temp0p2/mean/before");
    let there = claim(&earlier, "output_throughput/temp0p2/mean");
    for member in ["value", "text", "interval", "n", "unit", "validity"] {
        assert_eq!(before[member], there[member], "{member}");
    }
    let copied = fs::read(place.path("two/reports/validation/against/02-claims.json")).unwrap();
    assert_eq!(copied, fs::read(place.path("one/reports/single-agent/claims.json")).unwrap());
    let list = fs::read(place.path("two/reports/validation/against/01-claims.toml")).unwrap();
    assert_eq!(list, CLAIMS.as_bytes());

    // It verifies without the earlier study, which is not checked.
    fs::rename(place.path("one"), place.path("elsewhere")).unwrap();
    let said = place.expect(0, &["verify", "two"]);
    assert!(said.contains("the evidence of the earlier study fast"), "{said}");
    assert!(said.contains("01-claims.toml quotes its document rightly"), "{said}");
    let study = place.path("two");
    let all = files(&study.join("reports/validation"));
    assert_eq!(all.len(), 6, "{all:?}");
    for file in all {
        let path = study.join("reports/validation").join(&file);
        let bytes = fs::read(&path).unwrap();
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            fs::write(&path, changed).unwrap();
            let said = place.expect(1, &["verify", "two"]);
            assert!(said.contains(&format!("reports/validation/{file}")), "{file}:\n{said}");
        }
        fs::remove_file(&path).unwrap();
        let said = place.expect(1, &["verify", "two"]);
        assert!(said.contains(&format!("reports/validation/{file}")), "{file}:\n{said}");
        fs::write(&path, bytes).unwrap();
    }
    place.expect(0, &["verify", "two"]);

    // Without --against it is written again from what lies in the study.
    fs::write(study.join("reports/validation/report.md"), "spoiled").unwrap();
    place.expect(0, &["report", "two", "--kind", "validation"]);
    assert_eq!(
        fs::read_to_string(study.join("reports/validation/report.md")).unwrap(),
        report,
        "the same bytes"
    );
    place.expect(0, &["audit", "two/reports/validation/report.md"]);
    place.expect(0, &["audit", "two/reports/validation/report.html"]);
    let said = place.expect(0, &["audit", "two/reports/validation/report.md", "--mutate", "100"]);
    assert!(said.contains("recall 100.0 %") || said.contains("recall 99."), "{said}");
}

/// Somebody who changes what a study was held against, with journal and manifest made
/// anew, changes what follows from it.
#[test]
fn a_list_of_claims_exchanged_with_its_digests_is_noticed() {
    let place = studies();
    place.expect(0, &VALIDATE);
    for (from, to, named) in [
        ("value = \"6250\"", "value = \"5000\"", "reports/validation/report.md"),
        ("\"power\"", "\"powre\"", "reports/validation/claims.json"),
        ("baseline_default/mean\"\ndecision", "none/mean\"\ndecision", "the study has no claim"),
        ("unit = \"W\"", "unti = \"W\"", "did you mean `unit`?"),
    ] {
        copy(&place.path("two"), &place.path("copy"));
        let list = "reports/validation/against/01-claims.toml";
        assert!(CLAIMS.contains(from), "{from}");
        fs::write(place.path("copy").join(list), CLAIMS.replacen(from, to, 1)).unwrap();
        rehash(&place.path("copy"), &[list]);
        let said = place.expect(1, &["verify", "copy"]);
        assert!(said.contains(named), "{to}:\n{said}");
        fs::remove_dir_all(place.path("copy")).unwrap();
    }
}

#[test]
fn a_superseded_study_makes_what_cites_it_stale() {
    let place = studies();
    fs::write(
        place.path("paper.in.md"),
        "It makes {{output_throughput/baseline_default/mean}} tok/s.\n",
    )
    .unwrap();
    for (study, name) in [("one", "old.md"), ("two", "new.md")] {
        place.expect(0, &["render", "paper.in.md", "--study", study, "-o", name]);
    }
    place.expect(0, &["baseline", "one", "-o", "base.json"]);
    place.expect(0, &["compare", "base.json", "two", "--format", "json", "-o", "compared.json"]);
    place.expect(0, &["run", "plan.toml", "-o", "third"]);
    place.expect(0, &["report", "third", "--kind", "validation", "--against", "one"]);
    let said = place.expect(0, &["status"]);
    assert!(said.contains("nothing is stale"), "{said}");

    let supersede = ["--against", "one", "--supersedes", "--reason", "the clock was wrong"];
    let said = place.expect(0, &[&VALIDATE[..], &supersede].concat());
    assert!(said.contains("two supersedes study fast"), "{said}");
    place.expect(0, &["verify", "two"]);
    let report = fs::read_to_string(place.path("two/reports/validation/report.md")).unwrap();
    assert!(report.contains("`reports/single-agent/report.md`"), "{report}");
    assert!(report.contains("Reason: the clock was wrong"), "{report}");
    let manifest = json(&place, "two/manifest.json");
    assert_eq!(manifest["supersedes"][0]["study"], "fast", "{manifest:#}");
    // Said once, however often.
    place.expect(0, &[&VALIDATE[..], &supersede].concat());
    let journal = fs::read_to_string(place.path("two/journal.jsonl")).unwrap();
    assert_eq!(journal.matches("\"superseded\"").count(), 1, "{journal}");
    place.expect(0, &["verify", "one"]);

    let (code, stdout, stderr) = place.tacho(&["status", ".", "--format", "json"]);
    assert_eq!(code, 1, "{stdout}\n{stderr}");
    let status: Value = serde_json::from_str(&stdout).unwrap();
    let stale = |path: &str| {
        let of = |list: &str| {
            let all = status[list].as_array().unwrap();
            all.iter().find(|it| it["path"].as_str().unwrap().ends_with(path)).cloned()
        };
        of("studies").or_else(|| of("documents")).unwrap_or_else(|| panic!("{path}: {status:#}"))
    };
    let one = stale("one");
    assert_eq!(one["stale"][0]["report"], "reports/single-agent/report.md", "{one:#}");
    assert!(one["stale"][0]["reason"].as_str().unwrap().contains("the clock was wrong"));
    assert_eq!((&one["n_sealed"], &one["completed"]), (&6.into(), &true.into()));
    assert_eq!(stale("two")["stale"], Value::Array(Vec::new()));
    assert_eq!(stale("third")["stale"][0]["report"], "reports/validation/report.md");
    for (path, is_stale) in
        [("old.md", true), ("new.md", false), ("base.json", true), ("compared.json", true)]
    {
        assert_eq!(stale(path)["stale"].is_string(), is_stale, "{path}: {status:#}");
    }
    assert_eq!(status["n_stale"], 5);
    let said = place.expect(1, &["status", "two", "old.md"]);
    assert!(said.contains("old.md: document") && said.contains("1 stale"), "{said}");
    let said = place.expect(0, &["status", "one"]);
    assert!(said.contains("nothing is stale"), "a study alone does not know: {said}");
    unreadable(&place);
}

/// What is damaged or old is said, and hides nothing of the rest.
fn unreadable(place: &Place) {
    fs::write(place.path("third/plan.toml"), "spoiled").unwrap();
    let said = place.expect(1, &["status"]);
    assert!(said.contains("third: not known: ") && said.contains("STALE"), "{said}");
    let said = place.expect(4, &["status", "third", "new.md"]);
    assert!(said.contains("nothing is stale as far as can be told"), "{said}");
    // A sidecar of a version that did not name the evidence.
    let sidecar = place.path("old.claims.json");
    let text = fs::read_to_string(&sidecar).unwrap();
    let without: Vec<&str> =
        text.lines().filter(|line| !line.starts_with("\"evidence_sha256\"")).collect();
    assert_eq!(without.len() + 1, text.lines().count());
    fs::write(&sidecar, without.join("\n")).unwrap();
    let said = place.expect(4, &["status", "two", "old.md"]);
    assert!(said.contains("does not say which study"), "{said}");
    place.expect(2, &["status", "no-such-path"]);
    let said = place.expect(2, &["status", "plan.toml"]);
    assert!(said.contains("could not read plan.claims.json"), "{said}");
}

#[test]
fn what_cannot_be_held_against_a_study_is_refused_before_anything_is_written() {
    let place = studies();
    let before = fs::read(place.path("two/journal.jsonl")).unwrap();
    let refused = |code: i32, arguments: &[&str], expected: &str| {
        let all = [&["report", "two"][..], arguments].concat();
        let said = place.expect(code, &all).replace("\n  │ ", " ");
        assert!(said.contains(expected), "{arguments:?}: {said}");
        assert_eq!(fs::read(place.path("two/journal.jsonl")).unwrap(), before);
    };
    let validation = |against: &'static str| ["--kind", "validation", "--against", against];
    refused(2, &["--kind", "validation"], "held against something");
    refused(2, &["--against", "one"], "add --kind validation");
    refused(2, &validation("two"), "this is the study itself");
    refused(2, &validation("no-such-file"), "could not read no-such-file");
    refused(2, &validation("data"), "not a study");
    refused(2, &[&validation("claims.toml")[..], &["--supersedes"]].concat(), "is no study");
    refused(2, &["--kind", "validation", "--supersedes"], "--against");
    for (from, to, expected) in [
        (
            "statement = \"a rate\"",
            "statment = \"a rate\"",
            "bad.toml: line 46, column 1: unknown name",
        ),
        (
            "claim = \"server_decode",
            "claim = \"server_dcode",
            "did you mean `server_decode_rate/baseline_default/mean`?",
        ),
        ("5000.0\"\nunit = \"tok/s\"", "5000.0\"\nunit = \"ms\"", "not compatible with `ms`"),
    ] {
        fs::write(place.path("bad.toml"), CLAIMS.replacen(from, to, 1)).unwrap();
        refused(2, &validation("bad.toml"), expected);
    }
    // An earlier study that is not what was sealed proves nothing.
    fs::write(place.path("one/plan.toml"), plan(4)).unwrap();
    refused(3, &validation("one"), "");
}
