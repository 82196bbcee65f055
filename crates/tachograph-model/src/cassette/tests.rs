use super::*;

fn interaction(path: &str, body: &str) -> Interaction {
    Interaction {
        method: "POST".to_owned(),
        path: path.to_owned(),
        body: Bytes::new(body.as_bytes().to_vec()),
        canonical_sha256: canonical_digest(body.as_bytes()),
        answer: Answer {
            status: 200,
            headers: vec![("Content-Type".to_owned(), "application/x-ndjson".to_owned())],
            head_offset_ns: DurationNs(1_000),
            pieces: vec![
                Piece { offset_ns: DurationNs(1_000), body: Bytes::new(b"{}\n".to_vec()) },
                Piece { offset_ns: DurationNs(2_500), body: Bytes::new(vec![0xff, 0x00]) },
            ],
            end_offset_ns: DurationNs(2_500),
            end: End::Complete,
        },
    }
}

fn file(interactions: &[Interaction]) -> Vec<u8> {
    let mut text = serde_json::to_string(&Header::new(ServerIdentity::default())).unwrap() + "\n";
    for it in interactions {
        text += &(serde_json::to_string(it).unwrap() + "\n");
    }
    text.into_bytes()
}

/// The bytes on disk are a promise to old cassettes.
#[test]
fn an_interaction_is_one_line() {
    let line = serde_json::to_string(&interaction("/api/chat", r#"{"a": 1}"#)).unwrap();
    insta::assert_snapshot!(line, @r#"{"method":"POST","path":"/api/chat","body":{"text":"{\"a\": 1}"},"canonical_sha256":"015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862","answer":{"status":200,"headers":[["Content-Type","application/x-ndjson"]],"head_offset_ns":1000,"pieces":[{"offset_ns":1000,"body":{"text":"{}\n"}},{"offset_ns":2500,"body":{"base64":"/wA="}}],"end_offset_ns":2500,"end":"complete"}}"#);
}

#[test]
fn what_was_written_is_read() {
    let interactions = [interaction("/api/chat", "{}"), interaction("/api/chat", r#"{"b":2}"#)];
    let bytes = file(&interactions);
    let cassette = Cassette::parse(&bytes).unwrap();
    assert_eq!(cassette.interactions, interactions);
    assert_eq!(cassette.sha256, Digest::of(&bytes));
    assert_eq!(cassette.interactions[0].answer.pieces[1].body.to_vec(), [0xff, 0x00]);
}

#[test]
fn requests_are_found_by_their_meaning() {
    let body = r#"{"model":"m","options":{"seed":7}}"#;
    let other = r#"{"model":"m","options":{"seed":8}}"#;
    let recorded = [
        interaction("/api/chat", body),
        interaction("/api/chat", other),
        interaction("/api/chat", body),
    ];
    let cassette = Cassette::parse(&file(&recorded)).unwrap();
    let spaced = br#"{ "options": {"seed": 7.0}, "model": "m" }"#;
    assert_eq!(cassette.find("POST", "/api/chat", spaced), [0, 2]);
    assert!(cassette.find("POST", "/api/generate", spaced).is_empty());
    assert!(cassette.find("GET", "/api/chat", spaced).is_empty());
    assert!(cassette.find("POST", "/api/chat", b"{}").is_empty());
}

#[test]
fn the_nearest_request_is_shown_with_its_differences() {
    let near = r#"{"model":"m","options":{"seed":7},"prompt":"a"}"#;
    let recorded = [
        interaction("/api/generate", r#"{"model":"m","options":{"seed":9},"prompt":"a"}"#),
        interaction("/api/chat", r#"{"model":"n","prompt":"c"}"#),
        interaction("/api/chat", near),
    ];
    let cassette = Cassette::parse(&file(&recorded)).unwrap();
    let came = br#"{"model":"m","options":{"seed":9},"prompt":"a"}"#;
    let nearest = cassette.nearest("POST", "/api/chat", came).unwrap();
    // The same path counts for more than the same body.
    assert_eq!(nearest.index, 2);
    assert_eq!(nearest.differences.len(), 1);
    assert_eq!(nearest.differences[0].pointer, "/options/seed");
    assert_eq!(nearest.differences[0].first.as_deref(), Some("9"));
    let elsewhere = cassette.nearest("POST", "/v1/models", came).unwrap();
    assert_eq!((elsewhere.index, elsewhere.differences.len()), (0, 0));
}

#[test]
fn what_is_no_cassette_is_refused_by_line() {
    let good = interaction("/api/chat", "{}");
    let with = |change: &dyn Fn(&mut Interaction)| {
        let mut changed = good.clone();
        change(&mut changed);
        file(&[good.clone(), changed])
    };
    let mut cut = file(&[good.clone(), good.clone()]);
    cut.truncate(cut.len() - 1);
    let newer = br#"{"schema":"tachograph-cassette/9","what":1}"#;
    for (bytes, line, said) in [
        (Vec::new(), 1, "empty"),
        (b"{}\n".to_vec(), 1, "header"),
        (newer.to_vec(), 1, "tachograph-cassette/9"),
        (file(&[]), 2, "no interaction"),
        (cut, 3, "cut off"),
        (with(&|it| it.body = Bytes::new(b"[]".to_vec())), 3, "canonical_sha256"),
        (with(&|it| it.body = Bytes::Base64("*".to_owned())), 3, "`body` is not base64"),
        (with(&|it| it.answer.status = 99), 3, "no status"),
        (with(&|it| it.answer.pieces[1].offset_ns = DurationNs(9)), 3, "piece 1 comes before"),
        (with(&|it| it.answer.pieces[1].body = Bytes::Base64("*".to_owned())), 3, "piece 1"),
        (with(&|it| it.answer.end_offset_ns = DurationNs(2_000)), 3, "before its last piece"),
        (with(&|it| it.answer.headers[0].0 = "a b".to_owned()), 3, "no name of a header"),
        (with(&|it| it.answer.headers[0].1 = "a\nb".to_owned()), 3, "control characters"),
        (with(&|it| it.answer.headers[0].0 = "Content-Length".to_owned()), 3, "leave it out"),
        (
            [file(std::slice::from_ref(&good)), b"{\"a\":1}\n".to_vec()].concat(),
            3,
            "not an interaction",
        ),
    ] {
        let error = Cassette::parse(&bytes).unwrap_err();
        assert_eq!(error.line, line, "{error}");
        assert!(error.problem.contains(said), "{error}");
    }
}
