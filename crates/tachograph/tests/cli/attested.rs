//! Keys, signatures, and studies described for archives.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::Place;

/// A published study and two keys.
fn signed() -> Place {
    let place = Place::new(2);
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    place.expect(0, &["keygen", "-o", "key"]);
    place.expect(0, &["keygen", "-o", "other"]);
    let said = place.expect(0, &["attest", "study", "--key", "key"]);
    assert!(said.contains("signed by"), "{said}");
    place
}

#[test]
fn a_signature_stands_for_one_state_of_a_study() {
    let place = signed();
    let mode = fs::metadata(place.path("key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o077, 0, "{mode:o}");
    // Without a key, the statement is held against the study; with one, so is its signature.
    let said = place.expect(0, &["verify", "study"]);
    assert!(said.contains("who signed attestation.dsse.json"), "{said}");
    let said = place.expect(0, &["verify", "study", "--key", "key.pub"]);
    assert!(said.contains("signed by") && !said.contains("rewrote files"), "{said}");
    let said = place.expect(1, &["verify", "study", "--key", "other.pub"]);
    assert!(said.contains("no signature is by the key"), "{said}");

    // Whoever makes the study again, chain, manifest and all, cannot sign it.
    fs::rename(place.path("study"), place.path("first")).unwrap();
    place.expect(0, &["run", "plan.toml", "-o", "study"]);
    place.expect(0, &["report", "study"]);
    fs::copy(place.path("first/attestation.dsse.json"), place.path("study/attestation.dsse.json"))
        .unwrap();
    let said = place.expect(1, &["verify", "study", "--key", "key.pub"]);
    assert!(said.contains("it speaks of another Merkle root"), "{said}");
    place.expect(0, &["attest", "study", "--key", "other"]);
    place.expect(0, &["verify", "study"]);
    place.expect(1, &["verify", "study", "--key", "key.pub"]);
    fs::remove_file(place.path("study/attestation.dsse.json")).unwrap();
    let said = place.expect(1, &["verify", "study", "--key", "key.pub"]);
    assert!(said.contains("nobody signed this study"), "{said}");
    place.expect(0, &["verify", "study"]);
}

#[test]
fn every_byte_of_an_attestation_counts() {
    let place = signed();
    let path = place.path("study/attestation.dsse.json");
    let bytes = fs::read(&path).unwrap();
    let step = bytes.len() / 24;
    for at in (0..bytes.len()).step_by(step) {
        // Between tokens of JSON a blank may become another blank.
        if bytes[at].is_ascii_whitespace() {
            continue;
        }
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        let (code, said, _) = place.tacho(&["verify", "study", "--key", "key.pub"]);
        // Names of fields and key ids are not signed; what they lead to is.
        let is_unsigned = String::from_utf8_lossy(&bytes)[..at]
            .rfind("\"keyid\"")
            .is_some_and(|key| !String::from_utf8_lossy(&bytes)[key..at].contains("\"sig\""));
        assert!(code == 1 || is_unsigned, "byte {at}: {code}\n{said}");
    }
}

#[test]
fn what_does_not_verify_is_not_signed_and_keys_of_another_kind_are_named() {
    let place = signed();
    fs::remove_file(place.path("study/attestation.dsse.json")).unwrap();
    for (arguments, words) in [
        (["verify", "study", "--key", "key"], "found a private key"),
        (["attest", "study", "--key", "key.pub"], "found a public key"),
        (["attest", "study", "--key", "plan.toml"], "found no PEM at all"),
        (["attest", "study", "--key", "absent"], "could not read absent"),
    ] {
        let (code, _, said) = place.tacho(&arguments);
        let said = said.replace("│", " ").split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(code == 2 && said.contains(words), "{code} {said}");
    }
    let (code, _, said) = place.tacho(&["keygen", "-o", "key"]);
    assert!(code == 3 && said.contains("never overwritten"), "{said}");
    let report = place.path("study/reports/single-agent/report.md");
    fs::write(&report, fs::read_to_string(&report).unwrap() + " ").unwrap();
    let said = place.expect(1, &["attest", "study", "--key", "key"]);
    assert!(said.contains("report.md"), "{said}");
    assert!(!place.path("study/attestation.dsse.json").exists());
    place.expect(1, &["export", "study", "--ro-crate"]);
    assert!(!place.path("study/ro-crate-metadata.json").exists());
}

#[test]
fn a_study_is_described_as_an_ro_crate_and_the_description_is_verified() {
    let place = signed();
    let author = ["--author", "A. Person", "--author-uri", "https://orcid.org/0000-0002-1825-0097"];
    let licence = ["--license", "https://creativecommons.org/licenses/by/4.0/"];
    place.expect(0, &[&["export", "study", "--ro-crate"][..], &author, &licence].concat());
    place.expect(0, &["verify", "study", "--key", "key.pub"]);
    let path = place.path("study/ro-crate-metadata.json");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.contains("A. Person") && text.contains("attestation.dsse.json"), "{text}");
    let at = text.find("contentSize").unwrap();
    let line = text[..at].lines().count();
    let digit = at + text[at..].find(|c: char| c.is_ascii_digit()).unwrap();
    let mut bytes = text.clone().into_bytes();
    bytes[digit] = if bytes[digit] == b'9' { b'8' } else { bytes[digit] + 1 };
    fs::write(&path, bytes).unwrap();
    let said = place.expect(1, &["verify", "study"]);
    assert!(said.contains(&format!("ro-crate-metadata.json, line {line}")), "{said}");
    place.expect(0, &["export", "study", "--ro-crate", "--license", "ask me"]);
    place.expect(0, &["verify", "study"]);
    place.expect(0, &["export", "study", "--ro-crate"]);
    place.expect(0, &["verify", "study"]);
}
