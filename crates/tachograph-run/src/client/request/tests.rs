use super::*;

fn options(values: &[(&str, OptionValue)]) -> Options {
    values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn made(api: Api, options: &Options, prompt_cache: PromptCache, stream: bool) -> Body {
    body(&Request { api, model: "m:1b", prompt: "Hé \"x\"\n", options, prompt_cache, stream })
}

fn text(api: Api, options: &Options) -> String {
    made(api, options, PromptCache::Nonce, true).text
}

/// The bytes are a promise to other implementations and to recorded digests: review
/// any change here as a change of every study's parity.
#[test]
fn bodies_have_these_bytes() {
    let options = options(&[
        ("temperature", OptionValue::Float(0.8)),
        ("seed", OptionValue::Integer(42)),
        ("stop", OptionValue::Texts(vec!["</s>".to_owned(), "é".to_owned()])),
    ]);
    let plain = Options::new();
    for (api, options, expected) in [
        (Api::OllamaGenerate, &plain, r#"{"model":"m:1b","prompt":"Hé \"x\"\n","stream":true}"#),
        (
            Api::OllamaGenerate,
            &options,
            r#"{"model":"m:1b","options":{"seed":42,"stop":["</s>","é"],"temperature":0.8},"prompt":"Hé \"x\"\n","stream":true}"#,
        ),
        (
            Api::OllamaChat,
            &options,
            r#"{"messages":[{"content":"Hé \"x\"\n","role":"user"}],"model":"m:1b","options":{"seed":42,"stop":["</s>","é"],"temperature":0.8},"stream":true}"#,
        ),
        (
            Api::OpenaiChat,
            &options,
            r#"{"messages":[{"content":"Hé \"x\"\n","role":"user"}],"model":"m:1b","seed":42,"stop":["</s>","é"],"stream":true,"stream_options":{"include_usage":true},"temperature":0.8}"#,
        ),
        (
            Api::OpenaiCompletions,
            &plain,
            r#"{"model":"m:1b","prompt":"Hé \"x\"\n","stream":true,"stream_options":{"include_usage":true}}"#,
        ),
    ] {
        assert_eq!(text(api, options), expected);
    }
    let whole = made(Api::OpenaiCompletions, &plain, PromptCache::On, false);
    assert_eq!(whole.text, r#"{"model":"m:1b","prompt":"Hé \"x\"\n","stream":false}"#);
}

#[test]
fn ollama_takes_some_names_beside_its_options() {
    let options = options(&[
        ("think", OptionValue::Bool(false)),
        ("keep_alive", OptionValue::Text("10m".to_owned())),
        ("num_gpu", OptionValue::Integer(0)),
        ("mystery", OptionValue::Integer(1)),
    ]);
    let made = made(Api::OllamaGenerate, &options, PromptCache::Off, true);
    assert_eq!(
        made.text,
        r#"{"keep_alive":"10m","model":"m:1b","options":{"mystery":1,"num_gpu":0},"prompt":"Hé \"x\"\n","stream":true,"think":false}"#
    );
    assert_eq!(made.notices, [Notice::CacheStaysOn]);
}

#[test]
fn options_are_mapped_to_openai_and_every_difference_is_said() {
    let options = options(&[
        ("num_predict", OptionValue::Integer(64)),
        ("num_ctx", OptionValue::Integer(2048)),
        ("num_gpu", OptionValue::Integer(99)),
        ("top_k", OptionValue::Integer(40)),
        ("top_p", OptionValue::Float(0.9)),
        ("model", OptionValue::Text("other".to_owned())),
    ]);
    let made = made(Api::OpenaiChat, &options, PromptCache::Off, true);
    let sent: serde_json::Value = serde_json::from_str(&made.text).unwrap();
    assert_eq!(sent["max_tokens"], 64);
    assert_eq!(sent["top_k"], 40);
    assert_eq!(sent["top_p"], 0.9);
    assert_eq!(sent["cache_prompt"], false);
    assert_eq!(sent["model"], "m:1b");
    for absent in ["num_predict", "num_ctx", "num_gpu"] {
        assert_eq!(sent.get(absent), None);
    }
    let name = str::to_owned;
    assert_eq!(
        made.notices,
        [
            Notice::Reserved { option: name("model") },
            Notice::NotSettable { option: name("num_ctx") },
            Notice::NotSettable { option: name("num_gpu") },
            Notice::PassedOn { option: name("top_k") },
        ]
    );
    assert!(made.notices[1].to_string().contains("when the server starts"));
}

#[test]
fn limits_that_openai_says_otherwise() {
    let unlimited = options(&[("num_predict", OptionValue::Integer(-1))]);
    let first = made(Api::OpenaiChat, &unlimited, PromptCache::On, true);
    assert!(!first.text.contains("max_tokens"));
    assert_eq!(first.notices, [Notice::NoLimit { option: "num_predict".to_owned() }]);

    let both = options(&[
        ("num_predict", OptionValue::Integer(5)),
        ("max_tokens", OptionValue::Integer(6)),
    ]);
    let second = made(Api::OpenaiChat, &both, PromptCache::On, true);
    assert!(second.text.contains(r#""max_tokens":6"#));
    assert_eq!(
        second.notices,
        [Notice::Superseded { option: "num_predict".to_owned(), other: "max_tokens".to_owned() }]
    );
}

#[test]
fn parity_leaves_the_nonce_out_and_nothing_else() {
    let one = r#"{"prompt":"a1b2 hello a1b2"}"#;
    let two = r#"{"prompt":"c3d4 hello a1b2"}"#;
    assert_eq!(parity_digest(one, Some("a1b2 ")), parity_digest(two, Some("c3d4 ")));
    assert_eq!(parity_digest(one, Some("a1b2 ")), Digest::of(br#"{"prompt":"hello a1b2"}"#));
    let twice = r#"{"prompt":"a1b2 a1b2 hello"}"#;
    let kept = r#"{"prompt":"x a1b2 hello a1b2 "}"#;
    assert_eq!(parity_digest(twice, Some("a1b2 ")), Digest::of(br#"{"prompt":"a1b2 hello"}"#));
    let first_gone = br#"{"prompt":"x hello a1b2 "}"#;
    assert_eq!(parity_digest(kept, Some("a1b2 ")), Digest::of(first_gone));
    let escaped = r#"{"prompt":"a1 \"b2\"\nhello"}"#;
    let without = Digest::of(br#"{"prompt":"hello"}"#);
    assert_eq!(parity_digest(escaped, Some("a1 \"b2\"\n")), without);
    assert_eq!(parity_digest(one, None), Digest::of(one.as_bytes()));
    assert_eq!(parity_digest(one, Some("absent")), Digest::of(one.as_bytes()));
}
