//! Texts written by hand whose numbers come from a study.

use std::fs;

use serde_json::Value;

use super::Place;

const TEMPLATE: &str = "# Paper\n\nThe baseline makes {{output_throughput/baseline_default/mean}} tok/s\n\
    {{output_throughput/baseline_default/mean | interval}} (n = {{output_throughput/baseline_default/mean | n}}),\n\
    to three decimals {{output_throughput/baseline_default/mean | .3}}; \\{{no placeholder}}.\n";

#[test]
fn a_paper_is_filled_bound_and_verified() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    fs::write(place.path("paper.in.md"), TEMPLATE).unwrap();
    let render = ["render", "paper.in.md", "--study", "study", "-o", "paper.md"];
    let said = place.expect(0, &[&render[..], &["--strict"]].concat());
    assert!(said.contains("5 numbers filled in"), "{said}");
    let paper = fs::read_to_string(place.path("paper.md")).unwrap();
    let claims = fs::read(place.path("study/reports/single-agent/claims.json")).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let claims = claims["claims"].as_array().unwrap();
    let claim = claims
        .iter()
        .find(|claim| claim["id"] == "output_throughput/baseline_default/mean")
        .unwrap();
    let expected = format!("The baseline makes {} tok/s", claim["text"].as_str().unwrap());
    assert!(paper.contains(&expected) && paper.contains("{{no placeholder}}"), "{paper}");
    let three = format!("{:.3}", claim["value"].as_f64().unwrap());
    assert!(paper.contains(&three), "{three} in {paper}");

    let said = place.expect(0, &["verify", "study", "--document", "paper.md"]);
    assert!(said.contains("and 5 of other texts"), "{said}");
    let said = place.expect(0, &["audit", "paper.md"]);
    assert!(said.contains("5 are bound to claims"), "{said}");
    place.expect(0, &["audit", "paper.md", "--mutate", "20"]);

    // Each digit of the text counts, in the sidecar as well, and so do its words.
    let digit = paper.find(&three).unwrap();
    for (at, words) in [(digit, "is printed; the claim"), (2, "words of it changed")] {
        let mut bytes = paper.clone().into_bytes();
        bytes[at] =
            if bytes[at].is_ascii_digit() && bytes[at] != b'9' { bytes[at] + 1 } else { b'8' };
        fs::write(place.path("paper.md"), bytes).unwrap();
        let said = place.expect(1, &["verify", "study", "--document", "paper.md"]);
        assert!(said.contains(words), "{said}");
    }
    // The number and its claim edited together.
    let other = "9".repeat(three.len());
    fs::write(place.path("paper.md"), paper.replace(&three, &other)).unwrap();
    let sidecar = fs::read_to_string(place.path("paper.claims.json")).unwrap();
    fs::write(place.path("paper.claims.json"), sidecar.replace(&three, &other)).unwrap();
    let said = place.expect(1, &["verify", "study", "--document", "paper.md"]);
    assert!(said.contains(&three), "{said}");

    // What is typed by hand is counted.
    fs::write(place.path("typed.in.md"), format!("{TEMPLATE}\nIt took 12 ms.\n")).unwrap();
    let typed = ["render", "typed.in.md", "--study", "study", "-o", "typed.md"];
    place.expect(0, &typed);
    place.expect(1, &[&typed[..], &["--strict"]].concat());
}

#[test]
fn a_placeholder_that_means_nothing_is_shown_with_the_nearest() {
    let place = Place::new(2);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    for (template, words) in [
        ("a\nb {{output_throughput/baseline/mean}}", "the study has no claim"),
        ("{{output_throughput/baseline_default/mean", "has no end"),
        ("{{output_throughput/baseline_default/mean | lower}}", "is none of value, low"),
        ("{{plan/blocks | interval}}", "has no interval"),
    ] {
        fs::write(place.path("t.md"), template).unwrap();
        let (code, _, said) = place.tacho(&["render", "t.md", "--study", "study", "-o", "out.md"]);
        let said = said.replace("│", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code == 2 && said.contains(words) && said.contains("t.md:"), "{code} {said}");
        assert!(!place.path("out.md").exists());
    }
    let (_, _, said) = place.tacho(&["render", "t.md", "--study", "study", "-o", "out.md"]);
    assert!(!said.contains("panicked"), "{said}");
}
