//! `docs/attestation.md` against the code.
//!
//! Owns: that its example is what is signed and read, and that it describes every
//! field.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::collections::BTreeSet;

use serde_json::Value;
use tachograph_attest::envelope::{Envelope, PAYLOAD_TYPE};
use tachograph_attest::keys::{PublicKey, SecretKey};
use tachograph_attest::statement::{PREDICATE_TYPE, STATEMENT_TYPE, Statement};
use tachograph_model::digest::Digest;

const DOCUMENT: &str = include_str!("../../../docs/attestation.md");

/// Returns the content of the fence with this information after its backticks.
fn fence(info: &str) -> &'static str {
    let opening = format!("```{info}\n");
    let (_, rest) = DOCUMENT.split_once(&opening).unwrap_or_else(|| panic!("no {opening}"));
    rest.split_once("```").unwrap().0
}

fn field_names(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            names.extend(fields.keys().cloned());
            fields.values().for_each(|value| field_names(value, names));
        }
        Value::Array(items) => items.iter().for_each(|value| field_names(value, names)),
        _ => {}
    }
}

#[test]
fn the_example_is_what_is_signed_and_read() {
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key = SecretKey::from_seed(*seed.parse::<Digest>().unwrap().as_bytes());
    let statement = Statement::from_json(fence("json statement").as_bytes()).unwrap();
    assert_eq!(Envelope::sign(&statement, &key).to_json(), fence("json envelope"));
    let public = PublicKey::from_pem(fence("text public-key").as_bytes()).unwrap();
    let envelope = Envelope::from_json(fence("json envelope").as_bytes()).unwrap();
    assert_eq!(envelope.verify(&public).unwrap(), statement);
}

#[test]
fn every_field_has_a_row_and_every_type_is_named() {
    let mut names = BTreeSet::new();
    for example in ["json statement", "json envelope"] {
        field_names(&serde_json::from_str(fence(example)).unwrap(), &mut names);
    }
    assert!(names.contains("claims_sha256") && names.contains("keyid"), "{names:?}");
    let rows: Vec<&str> = DOCUMENT.lines().filter(|line| line.starts_with("| `")).collect();
    let is_in_a_row = |name: &str| {
        let first_cells = rows.iter().filter_map(|row| row.split('`').nth(1));
        first_cells.flat_map(|cell| cell.split(['.', '[', ']'])).any(|word| word == name)
    };
    let missing: Vec<&String> = names.iter().filter(|name| !is_in_a_row(name)).collect();
    assert!(missing.is_empty(), "docs/attestation.md has no row for {missing:?}");
    for name in [STATEMENT_TYPE, PREDICATE_TYPE, PAYLOAD_TYPE] {
        assert!(DOCUMENT.contains(&format!("`{name}`")), "{name}");
    }
}
