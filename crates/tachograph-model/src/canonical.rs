//! JSON documents compared by their meaning.
//!
//! Owns: the canonical form of a request, its digest, and where two requests differ.
//! Clients of different languages write the same request with other spaces, another
//! order of keys, or `1.0` for `1`; none of these is a difference.
//!
//! # Source
//!
//! After RFC 8785 (JSON Canonicalization Scheme), with two deviations: keys are ordered
//! by their bytes in UTF-8, and integers beyond 2^53 keep their digits.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Number, Value};

use crate::digest::Digest;

/// Integers up to here are exact in a double: 2^53.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Returns the canonical form of a JSON document, or `None` if it is not one.
///
/// Of a key that is given twice, the last value counts.
pub fn canonical_json(document: &[u8]) -> Option<String> {
    serde_json::from_slice(document).ok().map(|value| canonical(&value))
}

/// Returns the digest of a document's canonical form; of its bytes, if it is not JSON.
pub fn canonical_digest(document: &[u8]) -> Digest {
    match canonical_json(document) {
        Some(text) => Digest::of(text.as_bytes()),
        None => Digest::of(document),
    }
}

/// Returns the canonical form of a request without its nonce, as one string; a body that
/// is not JSON stays as it is.
///
/// A nonce stands at the start of a prompt, wherever the protocol has its prompts.
pub fn canonical_request(body: &str, nonce: Option<&str>) -> String {
    let Ok(mut value) = serde_json::from_str::<Value>(body) else {
        return body.to_owned();
    };
    if let Some(nonce) = nonce {
        take_nonce(&mut value, nonce);
    }
    canonical(&value)
}

fn take_nonce(value: &mut Value, nonce: &str) {
    match value {
        Value::String(text) => {
            if let Some(rest) = text.strip_prefix(nonce) {
                *text = rest.to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| take_nonce(item, nonce)),
        Value::Object(fields) => fields.values_mut().for_each(|field| take_nonce(field, nonce)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Number(number) => text.push_str(&canonical_number(number)),
        Value::Array(items) => {
            text.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(fields) => {
            let mut names: Vec<&String> = fields.keys().collect();
            names.sort();
            text.push('{');
            for (i, name) in names.into_iter().enumerate() {
                if i > 0 {
                    text.push(',');
                }
                // A text's form in JSON is what `serde_json` gives it: the least escapes.
                write!(text, "{}:", Value::from(name.as_str())).expect("strings take all text");
                write_canonical(&fields[name], text);
            }
            text.push('}');
        }
        other => write!(text, "{other}").expect("strings take all text"),
    }
}

fn canonical_number(number: &Number) -> String {
    match number.as_f64() {
        Some(value) if number.is_f64() && value.fract() == 0.0 && value.abs() < EXACT => {
            // Zero has no sign.
            format!("{:.0}", value + 0.0)
        }
        _ => number.to_string(),
    }
}

/// A place at which two documents differ.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where, as a JSON pointer (RFC 6901); empty for the whole document.
    pub pointer: String,
    /// What the first has there, in canonical form; absent if nothing.
    pub first: Option<String>,
    /// What the second has there, in canonical form; absent if nothing.
    pub second: Option<String>,
}

/// Returns where two documents differ, as deep as they can be told apart, in the order
/// of their keys.
pub fn differences(first: &Value, second: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(&mut String::new(), Some(first), Some(second), &mut found);
    found
}

fn compare(
    pointer: &mut String,
    first: Option<&Value>,
    second: Option<&Value>,
    found: &mut Vec<Difference>,
) {
    let length = pointer.len();
    match (first, second) {
        (Some(Value::Object(first)), Some(Value::Object(second))) => {
            let names: BTreeSet<&String> = first.keys().chain(second.keys()).collect();
            for name in names {
                pointer.push('/');
                pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
                compare(pointer, first.get(name), second.get(name), found);
                pointer.truncate(length);
            }
        }
        (Some(Value::Array(first)), Some(Value::Array(second))) => {
            for i in 0..first.len().max(second.len()) {
                write!(pointer, "/{i}").expect("strings take all text");
                compare(pointer, first.get(i), second.get(i), found);
                pointer.truncate(length);
            }
        }
        _ => {
            let (first, second) = (first.map(canonical), second.map(canonical));
            if first != second {
                found.push(Difference { pointer: pointer.clone(), first, second });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn spaces_order_and_the_writing_of_numbers_make_no_difference() {
        let ours = br#"{"model":"m","options":{"temperature":0.2,"seed":7},"stream":true}"#;
        let theirs =
            br#"{ "stream": true, "options": {"seed": 7.0, "temperature": 2e-1}, "model": "\u006d" }"#;
        assert_eq!(canonical_json(ours), canonical_json(theirs));
        assert_eq!(canonical_digest(ours), canonical_digest(theirs));
        let text = canonical_json(ours).unwrap();
        assert_eq!(text, r#"{"model":"m","options":{"seed":7,"temperature":0.2},"stream":true}"#);
    }

    #[test]
    fn a_value_a_type_or_a_missing_key_is_a_difference() {
        let base = br#"{"a":1,"b":"x"}"#;
        for other in [
            &br#"{"a":2,"b":"x"}"#[..],
            br#"{"a":"1","b":"x"}"#,
            br#"{"b":"x"}"#,
            br#"{"a":1,"b":"x","c":null}"#,
            br#"{"a":1,"b":"x "}"#,
            br#"{"a":1,"b":"x"#,
        ] {
            assert_ne!(canonical_digest(base), canonical_digest(other));
        }
    }

    #[test]
    fn numbers_have_one_form() {
        let form = |text: &str| canonical_json(text.as_bytes());
        let expected = |text: &str| Some(text.to_owned());
        assert_eq!(form("-0.0"), expected("0"));
        assert_eq!(form("1e3"), expected("1000"));
        assert_eq!(form("0.10"), expected("0.1"));
        assert_eq!(form("9007199254740993"), expected("9007199254740993"));
        assert_eq!(form("1e400"), None);
    }

    #[test]
    fn what_is_not_json_has_the_digest_of_its_bytes() {
        assert_eq!(canonical_json(b"{"), None);
        assert_eq!(canonical_digest(b"\xff\xfe"), Digest::of(b"\xff\xfe"));
        assert_eq!(canonical_digest(b""), Digest::of(b""));
    }

    #[test]
    fn a_nonce_is_no_part_of_a_request() {
        let chat = r#"{"messages":[{"role":"user","content":"162 785\nHello"}],"model":"m"}"#;
        let plain = r#"{"model": "m", "messages": [{"content": "Hello", "role": "user"}]}"#;
        let without = canonical_request(plain, None);
        assert_eq!(canonical_request(chat, Some("162 785\n")), without);
        assert_ne!(canonical_request(chat, None), without);
        assert_eq!(canonical_request("no JSON", Some("no")), "no JSON");
    }

    #[test]
    fn differences_are_named_by_their_place() {
        let first = json!({"prompt": "a", "options": {"seed": 1, "x/y": 2}, "list": [1, 2]});
        let second = json!({"prompt": "b", "options": {"seed": 1, "x/y": 3}, "list": [1]});
        let found = differences(&first, &second);
        let places: Vec<&str> = found.iter().map(|it| &*it.pointer).collect();
        assert_eq!(places, ["/list/1", "/options/x~1y", "/prompt"]);
        assert_eq!(found[0].second, None);
        assert_eq!(found[2].first.as_deref(), Some("\"a\""));
        assert!(differences(&first, &first.clone()).is_empty());
        assert_eq!(differences(&json!(1), &json!([]))[0].pointer, "");
    }
}
