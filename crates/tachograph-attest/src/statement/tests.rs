use proptest::prelude::*;

use super::*;

/// A statement about a study with one report.
pub(crate) fn example() -> Statement {
    Statement::new(
        vec![Subject {
            name: "manifest.json".to_owned(),
            digest: SubjectDigest { sha256: Digest::of(b"manifest") },
        }],
        StudyPredicate {
            study: StudyDigests {
                merkle_root: Digest::of(b"root"),
                journal_head: Digest::of(b"head"),
                plan_sha256: Digest::of(b"plan"),
            },
            n_runs: 30,
            reports: vec![ReportDigests {
                kind: "single-agent".to_owned(),
                report_sha256: Digest::of(b"report"),
                claims_sha256: Digest::of(b"claims"),
            }],
            harness_version: "0.1.0".to_owned(),
            attested_at: "2026-11-24T03:31:44Z".parse().unwrap(),
        },
    )
}

/// The bytes are what old attestations hold: review any change here as a change of
/// the format, and give the predicate another type in the same commit.
#[test]
fn a_statement_is_one_line() {
    insta::assert_snapshot!(example().to_json(), @r#"{"_type":"https://in-toto.io/Statement/v1","subject":[{"name":"manifest.json","digest":{"sha256":"05b3abf2579a5eb66403cd78be557fd860633a1fe2103c7642030defe32c657f"}}],"predicateType":"https://tachograph.dev/attestation/study/v1","predicate":{"study":{"merkle_root":"4813494d137e1631bba301d5acab6e7bb7aa74ce1185d456565ef51d737677b2","journal_head":"9f2e6d33a3717ee826353a404ba4618d1aeeb6879ad7936bce8ed5f46814924d","plan_sha256":"64879f7d6b960a01909762d911a32d4582c20010c5641ee90278b644a9e3b525"},"n_runs":30,"reports":[{"kind":"single-agent","report_sha256":"845e91831319e89c4d656bdb80c278ac09a7230d61e5dfd2e1b1fbb436ac8917","claims_sha256":"a61808fe40feb8b3433778bbc2ececcaa47c8c47fc1657f054c239efd3f0e984"}],"harness_version":"0.1.0","attested_at":"2026-11-24T03:31:44Z"}}"#);
}

#[test]
fn another_type_is_refused_by_name() {
    let text = example().to_json();
    let check = |from: &str, to: &str, expected: &str| {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        let error = Statement::from_json(other.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), expected);
    };
    check(
        "Statement/v1",
        "Statement/v0.1",
        "the statement's type is \"https://in-toto.io/Statement/v0.1\", \
         which is not https://in-toto.io/Statement/v1",
    );
    check(
        "attestation/study/v1",
        "attestation/study/v2",
        "the predicate's type is \"https://tachograph.dev/attestation/study/v2\", \
         which is not https://tachograph.dev/attestation/study/v1; \
         it says something else, or comes from another version of Tachograph",
    );
    // A predicate of another type may hold anything at all.
    let provenance = r#"{
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [],
        "predicateType": "https://slsa.dev/provenance/v1"
    }"#;
    let error = Statement::from_json(provenance.as_bytes()).unwrap_err();
    assert!(matches!(error, StatementError::PredicateType { .. }), "{error}");
}

#[test]
fn what_is_unknown_is_ignored_where_in_toto_asks_and_refused_in_our_predicate() {
    let text = example().to_json();
    let check = |from: &str, to: &str| {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        Statement::from_json(other.as_bytes())
    };
    for (from, to) in [
        (r#"{"_type""#, r#"{"later":1,"_type""#),
        (r#"{"name""#, r#"{"mediaType":"text/plain","name""#),
        (r#"{"sha256""#, r#"{"sha512":"00","sha256""#),
    ] {
        assert_eq!(check(from, to).unwrap(), example(), "{to}");
    }
    for (from, to) in [
        (r#""n_runs""#, r#""later":1,"n_runs""#),
        (r#""merkle_root""#, r#""later":1,"merkle_root""#),
        (r#""kind""#, r#""later":1,"kind""#),
        (r#""n_runs":30"#, r#""n_runs":30,"n_runs":31"#),
        (r#""n_runs":30"#, r#""n_runs":-1"#),
        (r#","predicate":{"#, r#","other":{"#),
        ("44Z", "44"),
    ] {
        let error = check(from, to).unwrap_err();
        assert!(matches!(error, StatementError::Json { line: 1, .. }), "{to}: {error}");
    }
}

#[test]
fn instants_are_those_of_the_calendar() {
    let good = [
        "2026-11-24T03:31:44Z",
        "2026-11-24T03:31:44.120Z",
        "2024-02-29T23:59:60Z",
        "2000-02-29T00:00:00.000000000Z",
    ];
    for text in good {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
    }
    let bad = [
        "",
        "Z",
        "2026-11-24",
        "2026-11-24T03:31:44",
        "2026-11-24T03:31:44+00:00",
        "2026-11-24t03:31:44z",
        "2026-11-24 03:31:44Z",
        "2026-11-24T03:31:44.Z",
        "2026-11-24T03:31:44.1 Z",
        "2026-11-24T03:31:4\u{661}Z",
        "2026-00-24T03:31:44Z",
        "2026-13-24T03:31:44Z",
        "2026-11-00T03:31:44Z",
        "2026-11-31T03:31:44Z",
        "2026-02-29T03:31:44Z",
        "1900-02-29T03:31:44Z",
        "2026-11-24T24:31:44Z",
        "2026-11-24T03:60:44Z",
        "2026-11-24T03:31:61Z",
        "-026-11-24T03:31:44Z",
    ];
    for text in bad {
        assert_eq!(text.parse::<Timestamp>(), Err(TimestampError { found: text.to_owned() }));
    }
}

proptest! {
    #[test]
    fn every_statement_survives_its_json(
        names in prop::collection::vec((any::<String>(), any::<[u8; 32]>()), 0..4),
        kinds in prop::collection::vec((any::<String>(), any::<[u8; 32]>()), 0..4),
        n_runs in any::<u32>(),
        harness_version in any::<String>(),
    ) {
        let mut statement = example();
        statement.subject = names
            .into_iter()
            .map(|(name, sha256)| Subject { name, digest: SubjectDigest { sha256: sha256.into() } })
            .collect();
        statement.predicate.reports = kinds
            .into_iter()
            .map(|(kind, bytes)| ReportDigests {
                kind,
                report_sha256: bytes.into(),
                claims_sha256: Digest::of(&bytes),
            })
            .collect();
        statement.predicate.n_runs = n_runs;
        statement.predicate.harness_version = harness_version;
        let text = statement.to_json();
        prop_assert!(!text.contains('\n'));
        prop_assert_eq!(Statement::from_json(text.as_bytes()).unwrap(), statement);
    }

    #[test]
    fn no_text_makes_reading_an_instant_panic(text in any::<String>()) {
        prop_assert!(text.parse::<Timestamp>().is_err());
    }
}
