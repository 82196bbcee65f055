//! Lists of claims that are good, and what is said of those that are not.

use super::*;

const GOOD: &str = "\
schema = 'tachograph-claims-list/1'
title = 'An earlier report'

[[claims]]
id = 'base'
statement = 'the baseline makes'
value = 99.340
unit = 'tok/s'
where = 'report.md, section two'
claim = 'output_throughput/baseline_default/mean'

[[claims]]
id = 'tuned'
statement = 'the tuned one makes'
value = '114.54'
unit = 'tok/s'
where = 'report.md, section two'
claim = 'output_throughput/gpu80/mean'
definitions = ['client_decode_rate/gpu80/mean']
decision = 'use gpu80'
holds_if = 'above'
better_than = 'base'

[[claims]]
statement = 'so much faster'
value = '15.3'
unit = '%'
where = 'report.md, summary'
from = { rule = 'percent_change', of = ['base', 'tuned'] }
decision = 'publish'
holds_if = 'above'
threshold = 10
";

#[test]
fn a_list_keeps_precision_names_and_relations() {
    let list = ClaimsList::parse(GOOD).unwrap();
    assert_eq!(list.title.as_deref(), Some("An earlier report"));
    let [base, tuned, change] = list.claims.as_slice() else { panic!("{list:?}") };
    assert_eq!((base.value.decimals(), tuned.value.decimals()), (3, 2));
    assert_eq!(change.id, "3");
    assert_eq!(change.from, Some(Relation { rule: RelationRule::PercentChange, of: vec![0, 1] }));
    let condition = |claim: &ListedClaim| claim.decision.clone().unwrap().condition.unwrap();
    assert_eq!(condition(tuned), Condition { side: BoundSide::Above, bound: Bound::Claim(0) });
    let ten = PrintedNumber::parse("10").unwrap();
    assert_eq!(condition(change).bound, Bound::Threshold(ten));
    assert_eq!(ClaimsList::line_and_column(GOOD, tuned).0, 12);
}

#[test]
fn errors_name_the_place_and_the_fix() {
    let cases = [
        (
            "statement = 'the b",
            "statment = 'the b",
            "line 6, column 1: unknown name `statment`; did you mean `statement`?",
        ),
        ("claims-list/1", "claims-list/2", "line 1, column 10: this program reads lists"),
        (
            "value = '114.54'",
            "value = '114.54 tok/s'",
            "line 15, column 9: `114.54 tok/s` is not a number",
        ),
        ("value = '114.54'", "value = true", "line 15, column 9: a value is a number, or a text"),
        ("id = 'tuned'", "id = 'base'", "line 13, column 6: two claims are called `base`"),
        ("id = 'tuned'", "id = 'a b'", "line 13, column 6: the id of a claim has letters"),
        (
            "['base', 'tuned']",
            "['base', 'tunde']",
            "no claim of this file is called `tunde`; did you mean `tuned`?",
        ),
        ("['base', 'tuned']", "['base', '3']", "a claim cannot refer to itself"),
        ("['base', 'tuned']", "['base']", "`percent_change` is made of two claims, not 1"),
        ("'percent_change'", "'percent_chnge'", "did you mean `percent_change`?"),
        ("'percent_change'", "'sum'", "a `sum` has the unit `tok/s` here, not `%`"),
        (
            "holds_if = 'above'\nthreshold = 10",
            "holds_if = 'above'",
            "`holds_if` needs a `threshold`",
        ),
        ("holds_if = 'above'\nthreshold = 10", "threshold = 10", "say with `holds_if"),
        ("decision = 'publish'\n", "", "`holds_if` says when a decision holds"),
        ("threshold = 10", "threshold = 10\nbetter_than = 'base'", "not both"),
        ("threshold = 10", "better_than = 'base'", "`base` has the unit `tok/s`, this claim `%`"),
        ("'so much faster'", "' '", "line 25, column 13: `statement` is empty"),
        (
            "unit = 'tok/s'\nwhere = 'report.md, section two'\nclaim = 'output_throughput/b",
            "unit = 'ms'\nwhere = 'x'\nclaim = 'output_throughput/b",
            "`base` has the unit `ms`, this claim `tok/s`",
        ),
    ];
    for (from, to, expected) in cases {
        assert!(GOOD.contains(from), "{from}");
        let text = GOOD.replacen(from, to, 1);
        let found = ClaimsList::parse(&text).unwrap_err().to_string();
        assert!(found.contains(expected), "{to}: {found}");
    }
    let unlike = GOOD.replacen("tok/s", "ms", 1).replace("better_than = 'base'", "threshold = 1");
    let unlike = ClaimsList::parse(&unlike).unwrap_err();
    assert!(unlike.message.contains("unlike units, `ms` and `tok/s`"), "{unlike}");
    let none = ClaimsList::parse("schema = 'tachograph-claims-list/1'").unwrap_err();
    assert!(none.message.contains("lists no claim"), "{none}");
}

proptest::proptest! {
    #[test]
    fn damaged_lists_give_an_error_or_a_list_and_never_a_panic(
        at in 0..GOOD.len(),
        length in 0..40_usize,
        insert in "[\\PC\n]{0,12}",
    ) {
        let end = (at + length).min(GOOD.len());
        let text = format!("{}{insert}{}", &GOOD[..at], &GOOD[end..]);
        if let Err(error) = ClaimsList::parse(&text) {
            proptest::prop_assert!(text.get(error.span).is_some());
        }
    }
}
