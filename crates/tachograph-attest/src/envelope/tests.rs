use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::statement::tests::example as statement;

fn key(number: u8) -> SecretKey {
    SecretKey::from_seed([number; 32])
}

fn signed() -> Envelope {
    Envelope::sign(&statement(), &key(1))
}

/// Returns the JSON of a signed envelope after a change to it.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json: Value = serde_json::from_str(&signed().to_json()).unwrap();
    change(&mut json);
    serde_json::to_vec(&json).unwrap()
}

fn verify(json: &[u8], number: u8) -> Result<Statement, VerifyError> {
    Envelope::from_json(json).unwrap().verify(&key(number).public())
}

/// Signs bytes that are no statement about a study.
fn sign_bytes(payload: &[u8]) -> Envelope {
    let bytes = key(1).sign(&pre_authentication_encoding(PAYLOAD_TYPE, payload)).to_vec();
    let key_id = Some(key(1).public().id().to_string());
    Envelope { payload: payload.to_vec(), signatures: vec![Signature { key_id, bytes }] }
}

/// The example of the DSSE protocol, and what its reference implementation says of
/// nothing and of more than one byte to a character.
#[test]
fn what_is_signed_is_encoded_as_dsse_says() {
    let cases: [(&str, &[u8], &str); 3] = [
        (
            "http://example.com/HelloWorld",
            b"hello world",
            "DSSEv1 29 http://example.com/HelloWorld 11 hello world",
        ),
        ("", b"", "DSSEv1 0  0 "),
        ("é", "ü".as_bytes(), "DSSEv1 2 é 2 ü"),
    ];
    for (payload_type, payload, expected) in cases {
        assert_eq!(pre_authentication_encoding(payload_type, payload), expected.as_bytes());
    }
}

/// The bytes are what others read: review any change here as a change of the format.
#[test]
fn an_envelope_is_pretty_json_with_a_newline() {
    let text = sign_bytes(b"{}").to_json();
    insta::assert_snapshot!(text, @r#"
    {
      "payload": "e30=",
      "payloadType": "application/vnd.in-toto+json",
      "signatures": [
        {
          "keyid": "fd110d301d2f077de1414b8f99f441b1403fab207b2052fbd2c065e4ee8e7dc2",
          "sig": "veLg0e+f4poyS3YRJakfMGqcWCOKpK/odygGjhTkwZv0V+Om/OfLlEQ57kTgEM0N02igz2ne/YdGZ1SOWajECA=="
        }
      ]
    }
    "#);
    assert!(text.ends_with("}\n"));
}

#[test]
fn what_was_signed_is_read_back() {
    let json = signed().to_json();
    assert_eq!(Envelope::from_json(json.as_bytes()).unwrap(), signed());
    assert_eq!(verify(json.as_bytes(), 1).unwrap(), statement());
    assert_eq!(signed().payload, statement().to_json().as_bytes());
}

#[test]
fn every_flipped_bit_of_payload_and_signature_is_refused() {
    let envelope = signed();
    let public = key(1).public();
    let check = |changed: &Envelope, what: &str, bit: usize| {
        let error = changed.verify(&public).unwrap_err();
        assert!(matches!(error, VerifyError::Changed { .. }), "bit {bit} of the {what}: {error}");
    };
    for bit in 0..envelope.payload.len() * 8 {
        let mut changed = envelope.clone();
        changed.payload[bit / 8] ^= 1 << (bit % 8);
        check(&changed, "payload", bit);
    }
    for bit in 0..64 * 8 {
        let mut changed = envelope.clone();
        changed.signatures[0].bytes[bit / 8] ^= 1 << (bit % 8);
        check(&changed, "signature", bit);
    }
}

/// In the file, too: no other base64 stands for the same bytes.
#[test]
fn every_flipped_bit_of_a_file_is_refused_or_was_not_signed() {
    let json = signed().to_json();
    let signed_parts = ["\"payload\": ", "\"payloadType\": ", "\"sig\": "].map(|name| {
        let start = json.find(name).unwrap();
        start..start + json[start..].find('\n').unwrap()
    });
    let public = key(1).public();
    let mut n_refused = 0;
    for at in 0..json.len() {
        let is_signed = signed_parts.iter().any(|part| part.contains(&at));
        for bit in 0..8 {
            let mut bytes = json.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            let read = Envelope::from_json(&bytes).ok();
            match read.and_then(|envelope| envelope.verify(&public).ok()) {
                None => n_refused += 1,
                Some(read) => {
                    assert_eq!(read, statement(), "byte {at}, bit {bit}");
                    // A space before a value may become another space.
                    let is_space = json.as_bytes()[at].is_ascii_whitespace();
                    assert!(!is_signed || is_space, "byte {at}, bit {bit}");
                }
            }
        }
    }
    assert!(n_refused > 8 * 1_000, "{n_refused}");
}

#[test]
fn a_payload_cut_short_or_moved_into_its_type_is_refused() {
    let mut shorter = signed();
    shorter.payload.pop();
    assert!(shorter.verify(&key(1).public()).is_err());
    let mut longer = signed();
    longer.payload.push(b' ');
    assert!(longer.verify(&key(1).public()).is_err());
}

#[test]
fn each_of_several_signatures_is_found() {
    let other = Envelope::sign(&statement(), &key(2));
    let json = changed(|json| {
        let other: Value = serde_json::from_str(&other.to_json()).unwrap();
        let signatures = json["signatures"].as_array_mut().unwrap();
        signatures.insert(0, json!({"sig": "MEUCIQ==", "keyid": "ecdsa"}));
        signatures.push(other["signatures"][0].clone());
    });
    assert_eq!(verify(&json, 1).unwrap(), statement());
    assert_eq!(verify(&json, 2).unwrap(), statement());
    let error = verify(&json, 3).unwrap_err().to_string();
    let [id_1, id_2, id_3] = [1, 2, 3].map(|number| key(number).public().id());
    let expected = format!(
        "no signature is by the key {id_3}; the envelope has one by \"ecdsa\", \
         one by \"{id_1}\", one by \"{id_2}\""
    );
    assert_eq!(error, expected);
    let written = Envelope::from_json(&json).unwrap().to_json();
    assert_eq!(verify(written.as_bytes(), 2).unwrap(), statement());
}

#[test]
fn a_key_id_decides_nothing() {
    let id_2 = key(2).public().id().to_string();
    for keyid in [json!(id_2), json!(""), json!(null), json!("anything")] {
        let json = changed(|json| json["signatures"][0]["keyid"] = keyid);
        assert_eq!(verify(&json, 1).unwrap(), statement());
    }
    // The id of a key that did not sign.
    let json = changed(|json| json["signatures"][0]["keyid"] = json!(id_2));
    let error = verify(&json, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "the signature by the key {id_2} does not fit; \
             the payload or the signature was changed after signing"
        )
    );
}

#[test]
fn an_envelope_without_a_signature_by_the_key_says_whose_there_are() {
    let check = |signatures: Value, said: &str| {
        let json = changed(|json| json["signatures"] = signatures);
        let id = key(1).public().id();
        assert_eq!(
            verify(&json, 1).unwrap_err().to_string(),
            format!("no signature is by the key {id}; the envelope has {said}")
        );
    };
    check(json!([]), "none at all");
    check(
        json!([{"sig": ""}, {"sig": "AA==", "keyid": ""}]),
        "one without a key id, one without a key id",
    );
    check(json!([{"sig": "", "keyid": "\u{1b}[2Jme\n"}]), "one by \"\\u{1b}[2Jme\\n\"");
    check(
        json!([{"sig": "", "keyid": "k".repeat(100)}]),
        &format!("one by \"{}\"", "k".repeat(80)),
    );
}

#[test]
fn base64_may_be_url_safe_and_nothing_else() {
    // Of these bytes, every letter of base64 needs the other alphabet.
    let payload = [0xfb, 0xff, 0xbf, 0xfb, 0xff];
    let check = |payload: &str| {
        let json = changed(|json| json["payload"] = json!(payload));
        Envelope::from_json(&json).map(|envelope| envelope.payload)
    };
    assert_eq!(check("+/+/+/8=").unwrap(), payload);
    assert_eq!(check("-_-_-_8=").unwrap(), payload);
    for bad in ["+_+_+_8=", "+/+/+/8", "+/+/+/9=", "+/+/ +/8=", "+/+/+/8=\n", "+/+/+/8==", "é"] {
        let error = check(bad).unwrap_err();
        assert!(matches!(error, EnvelopeError::PayloadNotBase64 { .. }), "{bad}: {error}");
    }
    let json = changed(|json| {
        let sig = json["signatures"][0]["sig"].as_str().unwrap();
        json["signatures"][0]["sig"] = json!(sig.replace('+', "-").replace('/', "_"));
    });
    assert_eq!(verify(&json, 1).unwrap(), statement());
    let json = changed(|json| json["signatures"] = json!([{"sig": ""}, {"sig": "="}]));
    let error = Envelope::from_json(&json).unwrap_err();
    assert_eq!(error.to_string(), "signature 1 of the envelope is not base64");
}

#[test]
fn another_payload_type_is_refused_by_name() {
    let json = changed(|json| json["payloadType"] = json!("text/plain"));
    let error = Envelope::from_json(&json).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the envelope's payload type is \"text/plain\", which is not application/vnd.in-toto+json"
    );
}

#[test]
fn what_is_no_envelope_is_refused_with_its_place() {
    let cases: [(&str, &str); 6] = [
        ("", "line 1, column 0"),
        ("{\n  \"payload\": \"\",\n  ]", "line 3, column 3"),
        ("[]", "line 1, column 2"),
        ("{}", "line 1, column 2"),
        ("{\"payload\":\"\",\"payload\":\"\"}", "line 1, column 23"),
        ("{\"payload\":\"\",\"payloadType\":\"\",\"signatures\":[]} x", "line 1, column 49"),
    ];
    for (text, place) in cases {
        let error = Envelope::from_json(text.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), format!("not a DSSE envelope in JSON ({place})"), "{text}");
    }
}

/// DSSE asks readers to ignore what they do not know.
#[test]
fn other_fields_of_an_envelope_are_ignored() {
    let json = changed(|json| {
        json["later"] = json!({"a": 1});
        json["signatures"][0]["cert"] = json!("later");
    });
    assert_eq!(verify(&json, 1).unwrap(), statement());
}

#[test]
fn too_much_is_not_read() {
    let bytes = vec![b' '; ENVELOPE_BYTES_MAX + 1];
    let error = Envelope::from_json(&bytes).unwrap_err();
    assert!(matches!(error, EnvelopeError::TooLarge { n_bytes } if n_bytes == bytes.len()));
    let error = Envelope::from_json(&bytes[1..]).unwrap_err();
    assert!(matches!(error, EnvelopeError::Json { .. }), "{error}");
    let with = |n_signatures: usize| {
        changed(|json| {
            let one = json["signatures"][0].clone();
            json["signatures"] = json!(vec![one; n_signatures]);
        })
    };
    assert_eq!(verify(&with(SIGNATURES_MAX), 1).unwrap(), statement());
    let error = Envelope::from_json(&with(SIGNATURES_MAX + 1)).unwrap_err();
    assert!(matches!(error, EnvelopeError::TooManySignatures { n_signatures: 65 }), "{error}");
}

#[test]
fn a_good_signature_does_not_make_a_statement_of_other_bytes() {
    for payload in [&b"hello world"[..], b"", b"{}", b"\xff"] {
        let error = sign_bytes(payload).verify(&key(1).public()).unwrap_err();
        assert!(matches!(error, VerifyError::Statement { .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_reading_panic(bytes in any::<Vec<u8>>()) {
        prop_assert!(Envelope::from_json(&bytes).is_err());
    }

    /// Whatever is read can be written, read again and asked about.
    #[test]
    fn no_envelope_makes_checking_panic(
        payload in any::<Vec<u8>>(),
        signatures in prop::collection::vec((any::<Option<String>>(), any::<Vec<u8>>()), 0..4),
    ) {
        let signatures: Vec<Value> = signatures
            .into_iter()
            .map(|(keyid, sig)| json!({"keyid": keyid, "sig": BASE64_URL_SAFE.encode(sig)}))
            .collect();
        let json = changed(|json| {
            json["payload"] = json!(BASE64_STANDARD.encode(&payload));
            json["signatures"] = json!(signatures);
        });
        let envelope = Envelope::from_json(&json).unwrap();
        prop_assert_eq!(&envelope.payload, &payload);
        prop_assert_eq!(&Envelope::from_json(envelope.to_json().as_bytes()).unwrap(), &envelope);
        prop_assert!(!envelope.verify(&key(1).public()).unwrap_err().to_string().is_empty());
    }

    /// Bytes that begin as an envelope and go wrong somewhere are refused, or say
    /// what was signed.
    #[test]
    fn no_change_to_a_file_changes_what_was_signed(
        at in any::<prop::sample::Index>(),
        n_removed in 0..40_usize,
        inserted in "[ -~\n]{0,20}",
    ) {
        let mut bytes = signed().to_json().into_bytes();
        let start = at.index(bytes.len());
        let end = bytes.len().min(start + n_removed);
        bytes.splice(start..end, inserted.into_bytes());
        if let Ok(envelope) = Envelope::from_json(&bytes)
            && let Ok(read) = envelope.verify(&key(1).public())
        {
            prop_assert_eq!(read, statement());
        }
    }
}
