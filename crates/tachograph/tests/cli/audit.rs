//! Reports that are audited: ours, somebody's, several at once, hostile ones.

use std::fs;

use serde_json::Value;

use super::Place;

const WRONG: &str = "# Results\n\nRust is 15.2% faster (114.54 vs 99.34 tok/s).\n";

#[test]
fn our_own_report_has_no_contradiction_and_a_changed_digit_is_found() {
    let place = Place::new(3);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    let report = "study/reports/single-agent/report.md";
    for file in [report, "study/reports/single-agent/report.html"] {
        let said = place.expect(0, &["audit", file]);
        assert!(said.contains("are bound to claims"), "{said}");
    }
    place.expect(0, &["audit", report, "--mutate", "40"]);
    let said = place.expect(0, &["audit", report, "--against", "study", "--format", "json"]);
    let said: Value = serde_json::from_str(&said).unwrap();
    let support = said["audit"]["support"].as_array().unwrap();
    let supported = support.iter().filter(|it| it["standing"] == "supported").count();
    assert!(supported * 2 > support.len(), "{supported} of {}", support.len());

    // Somebody's text about the same configuration, right and wrong.
    let claims = fs::read(place.path("study/reports/single-agent/claims.json")).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    let id = "output_throughput/baseline_default/mean";
    let claim =
        claims["claims"].as_array().unwrap().iter().find(|claim| claim["id"] == id).unwrap();
    let text = |value: f64| {
        format!("The mean output throughput of `baseline_default` is {value:.2} tok/s.\n")
    };
    let value = claim["value"].as_f64().unwrap();
    fs::write(place.path("right.md"), text(value)).unwrap();
    fs::write(place.path("wrong.md"), text(value * 7.0)).unwrap();
    place.expect(0, &["audit", "right.md", "--against", "study"]);
    let said = place.expect(1, &["audit", "wrong.md", "--against", "study"]);
    assert!(said.contains("[study]") && said.contains(&format!("corrected: {value:.2}")), "{said}");

    // One digit of a bound number, in each form of the report.
    for (file, at) in [("report.md", "| runs | "), ("report.html", "data-claim=")] {
        let path = place.path("study/reports/single-agent").join(file);
        let text = fs::read_to_string(&path).unwrap();
        let begin = text.find(at).unwrap();
        let begin = begin
            + if at.starts_with("data") { text[begin..].find('>').unwrap() } else { at.len() };
        let digit = begin + text[begin..].find(|c: char| c.is_ascii_digit()).unwrap();
        let mut bytes = text.clone().into_bytes();
        bytes[digit] = if bytes[digit] == b'9' { b'8' } else { bytes[digit] + 1 };
        let copy = place.path("study/reports/single-agent").join(format!("copy-{file}"));
        fs::write(&path, &bytes).unwrap();
        let name = format!("study/reports/single-agent/{file}");
        let said = place.expect(1, &["audit", &name]);
        assert!(said.contains("[claim]") && said.contains("the claim"), "{said}");
        fs::write(&path, text).unwrap();
        assert!(!copy.exists());
    }
}

#[test]
fn forms_and_exit_codes_say_what_was_found() {
    let place = Place::new(1);
    fs::write(place.path("wrong.md"), WRONG).unwrap();
    fs::write(place.path("right.md"), WRONG.replace("15.2%", "15.3%")).unwrap();
    place.expect(0, &["audit", "right.md"]);
    let said = place.expect(1, &["audit", "wrong.md"]);
    assert!(said.contains("wrong.md:3:9: inconsistent [percent-change]"), "{said}");
    assert!(said.contains("corrected: 15.3%"), "{said}");
    place.expect(0, &["audit", "wrong.md", "--fail-on", "decision"]);
    place.expect(0, &["audit", "wrong.md", "--fail-on", "never"]);
    place.expect(1, &["audit", "wrong.md", "--fail-on", "note"]);

    let sarif: Value =
        serde_json::from_str(&place.expect(1, &["audit", "wrong.md", "--format", "sarif"]))
            .unwrap();
    let run = &sarif["runs"][0];
    let result = &run["results"][0];
    let at = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
    assert_eq!(run["tool"]["driver"]["rules"][at]["id"], result["ruleId"]);
    assert_eq!(result["level"], "warning");
    let region = &result["locations"][0]["physicalLocation"]["region"];
    assert_eq!(
        (&region["startLine"], &region["startColumn"], &region["endColumn"]),
        (&3.into(), &9.into(), &14.into())
    );

    place.expect(1, &["audit", "wrong.md", "--format", "html", "-o", "page.html"]);
    let page = fs::read_to_string(place.path("page.html")).unwrap();
    assert!(page.contains("<mark>15.2%</mark>") && page.contains("default-src 'none'"), "{page}");
}

#[test]
fn what_cannot_be_read_is_named() {
    let place = Place::new(1);
    fs::write(place.path("bytes.md"), b"a\n\xff\xfe").unwrap();
    fs::write(place.path("bound.md"), "n = 5\n").unwrap();
    fs::write(place.path("bound.claims.json"), "{\"schema\": 3}").unwrap();
    for (file, words) in [
        ("bytes.md", "bytes.md: it is not UTF-8 from byte 2 (line 2)"),
        ("absent.md", "could not read absent.md"),
        ("bound.md", "the claims of bound.md cannot be read"),
    ] {
        let (code, _, said) = place.tacho(&["audit", file]);
        assert_eq!(code, 3, "{said}");
        assert!(said.split_whitespace().collect::<Vec<_>>().join(" ").contains(words), "{said}");
    }
    // A byte order mark, and text that would be active elsewhere, are only text.
    fs::write(place.path("hostile.html"), "\u{feff}<p onclick=x>1.5 s (150 ms)<script>2 s (3 ms)</script><img src=x onerror=alert(1)>").unwrap();
    let page = place.expect(1, &["audit", "hostile.html", "--format", "html"]);
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert!(page.contains("150 ms") && !page.contains("3 ms is printed"), "{page}");
}
