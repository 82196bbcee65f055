//! Verdicts from hand-worked intervals.

use tachograph_model::claimed::{ClaimsList, PrintedNumber, RelationRule};
use tachograph_model::digest::Digest;
use tachograph_stats::{Interval, Verdict as Judgement};

use super::against::Listed;
use super::decision::{Holds, Standing};
use super::document::{Document, Verdict};
use super::earlier::Change;
use super::quantity::{in_unit, named};
use super::relation::Bounds;
use crate::claim::{Claim, Format, Number, Part, Source};
use crate::formula::Formula;
use crate::validity::Status;

fn printed(text: &str) -> PrintedNumber {
    PrintedNumber::parse(text).unwrap()
}

fn claim(id: &str, value: f64, unit: &str, half_width: Option<f64>) -> Claim {
    let interval = |half: f64| Interval { low: value - half, high: value + half, confidence: 0.95 };
    Claim {
        id: id.to_owned(),
        value: Number::Real(value),
        unit: unit.to_owned(),
        format: match unit {
            "fraction" => Format::Percent(1),
            "ratio" => Format::Change(1),
            _ => Format::Fixed(1),
        },
        formula: Formula::Mean,
        n: half_width.map(|_| 3),
        interval: half_width.map(interval),
        validity: Status::Valid,
        source: Source::Plan,
    }
}

/// What the study of these tests states.
fn study() -> Vec<Claim> {
    vec![
        claim("rate/a/mean", 114.543, "tok/s", Some(2.0)),
        claim("rate/b/mean", 99.34, "tok/s", Some(1.0)),
        claim("client/a/mean", 120.04, "tok/s", None),
        claim("rate/a/ratio", 1.153, "ratio", Some(0.02)),
        claim("share", 0.286, "fraction", None),
        claim("ttft/a", 9.6, "ms", None),
        claim("ttft/b", 10.4, "ms", None),
        claim("ttft/c", 7.0, "ms", None),
        claim("ttft/d", 30.0, "ms", None),
        claim("e2e", 0.0101, "s", None),
    ]
}

/// Judges one claim, given as lines of its table, after others that it may refer to.
fn judged(others: &str, lines: &str) -> (Verdict, Option<Standing>) {
    let text = format!("schema = 'tachograph-claims-list/1'\n{others}\n[[claims]]\n{lines}");
    let text = text.replace('@', "statement = 's'\nwhere = 'w'\n");
    let list = ClaimsList::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let (number, path) = ("01".to_owned(), "01-claims.toml".to_owned());
    let listed = Listed { number, path, sha256: Digest::ZERO, list };
    let claims = study();
    let document = Document::judge(&listed, &claims).unwrap();
    let judged = document.claims.last().unwrap();
    (judged.verdict, judged.standing)
}

#[test]
fn a_calculation_holds_if_any_values_that_round_to_its_parts_fulfil_it() {
    use RelationRule::{Difference, Mean, PercentChange, Ratio, Sum};
    // From 99.34 to 114.54: at least 114.535 / 99.345, at most 114.545 / 99.335.
    let change = Bounds::of(PercentChange, &[printed("99.34"), printed("114.54")]).unwrap();
    assert!((change.low - 15.290_15).abs() < 1e-5 && (change.high - 15.311_82).abs() < 1e-5);
    for (rule, parts, holds, fails) in [
        (
            PercentChange,
            &["99.34", "114.54"][..],
            &["15.3", "15.29", "15.31"][..],
            &["15.2", "15.4", "15.28", "15.32", "-15.3"][..],
        ),
        // 119.5 / 80.5 to 120.5 / 79.5 is 1.4845 to 1.5157.
        (Ratio, &["120", "80"], &["1.5", "1.48", "1.52", "1.51"], &["1.47", "1.53", "2.0"]),
        // 0.735 - 0.525 to 0.745 - 0.515 is 0.21 to 0.23.
        (Difference, &["0.74", "0.52"], &["0.22", "0.21", "0.2"], &["0.24", "0.20"]),
        // Three parts of one decimal: 6 plus or minus 0.15.
        (Sum, &["1.0", "2.0", "3.0"], &["6.0", "6.2", "5.8", "6"], &["6.3", "5.7"]),
        (Mean, &["1.0", "2.0", "3.0"], &["2.0", "2.1", "2.05"], &["2.2", "2.06"]),
        // A negative divisor turns the bounds around: -5.5 / 1.5 to -4.5 / 2.5.
        (Ratio, &["5", "-2"], &["-2.5", "-1.8", "-3.6"], &["2.5", "-1.7", "-3.8"]),
    ] {
        let parts: Vec<PrintedNumber> = parts.iter().map(|part| printed(part)).collect();
        let bounds = Bounds::of(rule, &parts).unwrap();
        for text in holds {
            assert!(bounds.meet(printed(text)), "{rule:?} {parts:?} {text} {bounds:?}");
        }
        for text in fails {
            assert!(!bounds.meet(printed(text)), "{rule:?} {parts:?} {text} {bounds:?}");
        }
    }
    // 0.0 stands for zero too: nothing bounds the quotient.
    assert_eq!(Bounds::of(Ratio, &[printed("5"), printed("0.0")]), None);
}

#[test]
fn units_are_converted_or_refused() {
    let claims = study();
    let value = |name: &str, unit: &str| {
        let (claim, part) = named(&claims, name)?;
        in_unit(claim, part, unit).map(|found| (found.value * 1e6).round() / 1e6)
    };
    for (name, unit, expected) in [
        ("rate/a/mean", "tok/s", Some(114.543)),
        ("rate/a/mean", "tokens/s", Some(114.543)),
        ("rate/a/mean/low", "tok/s", Some(112.543)),
        ("rate/a/mean/n", "", Some(3.0)),
        ("rate/a/mean/n", "tok/s", None),
        ("rate/a/mean", "ms", None),
        ("rate/a/mean", "", None),
        ("rate/a/ratio", "%", Some(15.3)),
        ("rate/a/ratio", "x", Some(1.153)),
        ("share", "%", Some(28.6)),
        ("share", "", Some(0.286)),
        ("e2e", "ms", Some(10.1)),
        ("ttft/a", "s", Some(0.0096)),
        ("ttft/a", "µs", Some(9600.0)),
        ("ttft/a/low", "ms", None),
        ("none", "", None),
    ] {
        assert_eq!(value(name, unit), expected, "{name} in {unit:?}");
    }
    let (ratio, part) = named(&claims, "rate/a/ratio").unwrap();
    let (low, high) = in_unit(ratio, part, "%").unwrap().ends();
    assert!((low - 13.3).abs() < 1e-9 && (high - 17.3).abs() < 1e-9);
}

#[test]
fn each_verdict_has_its_case() {
    let base = "[[claims]]\nid = 'base'\n@value = '99.34'\nunit = 'tok/s'\nclaim = 'rate/b/mean'\n\
                [[claims]]\nid = 'top'\n@value = '114.54'\nunit = 'tok/s'\nclaim = 'rate/a/mean'";
    let from = "from = { rule = 'percent_change', of = ['base', 'top'] }";
    for (lines, expected) in [
        // 114.543 rounds to 114.54, not to 114.55; to 115 as a whole number.
        ("@value = '114.54'\nunit = 'tok/s'\nclaim = 'rate/a/mean'", Verdict::Reproduced),
        ("@value = '115'\nunit = 'tok/s'\nclaim = 'rate/a/mean'", Verdict::Reproduced),
        ("@value = '114.55'\nunit = 'tok/s'\nclaim = 'rate/a/mean'", Verdict::Contradicted),
        (
            "@value = '120.0'\nunit = 'tok/s'\nclaim = 'rate/a/mean'\ndefinitions = ['rate/b/mean', 'client/a/mean']",
            Verdict::UnderDefinition,
        ),
        (
            "@value = '120.0'\nunit = 'tok/s'\ndefinitions = ['client/a/mean']",
            Verdict::UnderDefinition,
        ),
        (
            "@value = '120.1'\nunit = 'tok/s'\nclaim = 'rate/a/mean'\ndefinitions = ['client/a/mean']",
            Verdict::Contradicted,
        ),
        (
            &format!("@value = '15.3'\nunit = '%'\nclaim = 'rate/a/ratio'\n{from}"),
            Verdict::Reproduced,
        ),
        // Both the calculation and the study speak against it: the first is said.
        (
            &format!("@value = '28.6'\nunit = '%'\nclaim = 'rate/a/ratio'\n{from}"),
            Verdict::Inconsistent,
        ),
        (&format!("@value = '28.6'\nunit = '%'\nclaim = 'share'\n{from}"), Verdict::Inconsistent),
        ("@value = '28.6'\nunit = '%'", Verdict::Searched),
        ("@value = '28.7'\nunit = '%'", Verdict::WithoutData),
        ("@value = '71'\nunit = 'W'", Verdict::WithoutData),
    ] {
        assert_eq!(judged(base, lines).0, expected, "{lines}");
    }
}

#[test]
fn a_search_says_how_many_would_match_by_chance() {
    let text = "schema = 'tachograph-claims-list/1'\n[[claims]]\nstatement = 's'\nwhere = 'w'\nvalue = 10\n\
                unit = 'ms'\n[[claims]]\nstatement = 's'\nwhere = 'w'\nvalue = 0\nunit = 'ms'";
    let list = ClaimsList::parse(text).unwrap();
    let (number, path) = ("01".to_owned(), "01-claims.toml".to_owned());
    let listed = Listed { number, path, sha256: Digest::ZERO, list };
    let claims = study();
    let document = Document::judge(&listed, &claims).unwrap();
    // Of 9.6, 10.4, 7, 30 and 10.1 ms three round to 10. Between 5 and 20 lie four; the
    // rounding interval is 1 wide and that range 15.
    let search = document.claims[0].search.as_ref().unwrap();
    assert_eq!((search.n_compared, search.matches.len()), (5, 3));
    assert!((search.expected.unwrap() - 4.0 / 15.0).abs() < 1e-12);
    assert_eq!(document.claims[1].search.as_ref().unwrap().expected, None);
}

#[test]
fn decisions_hold_reverse_or_are_open_by_the_whole_interval() {
    // 114.543 is from 112.543 to 116.543, 99.34 from 98.34 to 100.34.
    let base = "[[claims]]\nid = 'base'\n@value = '120'\nunit = 'tok/s'\nclaim = 'rate/b/mean'";
    let case = |value: &str, claim: &str, condition: &str| {
        let lines = format!(
            "@value = '{value}'\nunit = 'tok/s'\nclaim = 'rate/{claim}/mean'\ndecision = 'd'\n\
             {condition}"
        );
        let standing = judged(base, &lines).1.unwrap();
        (standing.printed, standing.measured)
    };
    let above = |bound: &str| format!("holds_if = 'above'\nthreshold = {bound}");
    assert_eq!(case("130", "a", &above("100")), (Some(true), Some(Holds::Yes)));
    assert_eq!(case("130", "a", &above("120")), (Some(true), Some(Holds::No)));
    assert_eq!(case("130", "a", &above("115")), (Some(true), Some(Holds::Open)));
    assert_eq!(case("90", "a", &above("100")), (Some(false), Some(Holds::Yes)));
    let below = "holds_if = 'below'\nthreshold = 110";
    assert_eq!(case("100", "a", below), (Some(true), Some(Holds::No)));
    assert_eq!(case("100", "b", below), (Some(true), Some(Holds::Yes)));
    // Printed below 120, measured above the other's interval.
    let than = "holds_if = 'below'\nbetter_than = 'base'";
    assert_eq!(case("110", "a", than), (Some(true), Some(Holds::No)));
    assert_eq!(case("110", "b", "").0, None, "no condition is stated");
    let lines = format!("@value = '130'\nunit = 'tok/s'\ndecision = 'd'\n{}", above("1"));
    let standing = judged(base, &lines).1.unwrap();
    assert_eq!(standing.measured, None, "a match by search decides nothing");
    assert!(!standing.is_reversed());
}

#[test]
fn verdicts_reverse_weaken_strengthen_or_stay() {
    use Judgement::{Better, Equivalent, Inconclusive, Worse};
    for (before, after, expected) in [
        (Better, Worse, Change::Reversed),
        (Worse, Better, Change::Reversed),
        (Better, Equivalent, Change::Weaker),
        (Better, Inconclusive, Change::Weaker),
        (Equivalent, Inconclusive, Change::Weaker),
        (Inconclusive, Worse, Change::Stronger),
        (Inconclusive, Equivalent, Change::Stronger),
        (Equivalent, Better, Change::Stronger),
        (Inconclusive, Inconclusive, Change::Same),
        (Worse, Worse, Change::Same),
    ] {
        assert_eq!(Change::of(before, after), expected, "{before:?} to {after:?}");
    }
}

#[test]
fn formats_of_claims_are_read_as_they_are_written() {
    use crate::render::claims::{claim as as_json, format_named};
    for format in
        [Format::Count, Format::Fixed(3), Format::Percent(1), Format::Change(2), Format::PValue]
    {
        let written = as_json(&Claim { format, ..claim("x", 1.0, "", None) });
        assert_eq!(format_named(written["format"].as_str().unwrap()), Some(format));
    }
    assert_eq!(format_named("roman"), None);
    assert_eq!(claim("x", 1.0, "", None).text(Part::Value), "1.0");
}
