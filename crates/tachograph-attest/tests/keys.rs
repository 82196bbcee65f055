//! Keys in files, as OpenSSL writes them.
//!
//! Owns: what is read, and what is refused with which message.
//!
//! The files in `tests/pem` were made once for these tests and protect nothing:
//!
//! ```sh
//! openssl genpkey -algorithm ed25519 -out ed25519.pem
//! openssl pkey -in ed25519.pem -pubout -out ed25519_public.pem
//! openssl pkey -in ed25519.pem -aes256 -passout pass:test -out ed25519_encrypted.pem
//! openssl req -x509 -key ed25519.pem -subj /CN=t -days 1 -out certificate.pem
//! openssl req -new -key ed25519.pem -subj /CN=t -out certificate_request.pem
//! openssl genrsa -traditional -out rsa_traditional.pem 512
//! openssl pkey -in rsa_traditional.pem -out rsa.pem
//! openssl pkey -in rsa.pem -pubout -out rsa_public.pem
//! openssl ecparam -name prime256v1 -genkey -out ec_traditional.pem
//! openssl pkey -in ec_traditional.pem -out ec.pem
//! openssl pkey -in ec.pem -pubout -out ec_public.pem
//! openssl genpkey -algorithm x25519 -out x25519.pem
//! openssl pkey -in x25519.pem -pubout -out x25519_public.pem
//! ssh-keygen -t ed25519 -N '' -C test -f openssh.pem
//! mv openssh.pem.pub openssh_public.txt
//! ```
//!
//! `rfc8410_v2.pem` is the second example of RFC 8410, section 10.3.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::sync::LazyLock;

use proptest::prelude::*;
use tachograph_attest::keys::{FileKind, Half, KeyError, PublicKey, SecretKey};

/// A file of `tests/pem` as OpenSSL wrote it.
type Pem = LazyLock<String>;

/// In `tests/pem`, `=` stands for the dashes around a label, so that no scanner takes a
/// test's key for somebody's secret.
fn pem(stored: &str) -> String {
    stored.replace("=====", "-----")
}

static PRIVATE: Pem = LazyLock::new(|| pem(include_str!("pem/ed25519.pem")));
static PUBLIC: Pem = LazyLock::new(|| pem(include_str!("pem/ed25519_public.pem")));
static ENCRYPTED: Pem = LazyLock::new(|| pem(include_str!("pem/ed25519_encrypted.pem")));
static CERTIFICATE: Pem = LazyLock::new(|| pem(include_str!("pem/certificate.pem")));
static OPENSSH: Pem = LazyLock::new(|| pem(include_str!("pem/openssh.pem")));
static OPENSSH_PUBLIC: Pem = LazyLock::new(|| pem(include_str!("pem/openssh_public.txt")));
static RSA: Pem = LazyLock::new(|| pem(include_str!("pem/rsa.pem")));
static RSA_PUBLIC: Pem = LazyLock::new(|| pem(include_str!("pem/rsa_public.pem")));
static EC: Pem = LazyLock::new(|| pem(include_str!("pem/ec.pem")));
static EC_PUBLIC: Pem = LazyLock::new(|| pem(include_str!("pem/ec_public.pem")));

/// What `openssl pkey -pubin -in ed25519_public.pem -outform DER | sha256sum` says.
const ID: &str = "e51cad1eae159c4df3834f71c085fb18faad10f538a38f3c5630e52674169f6a";

fn private_error(file: &str) -> KeyError {
    SecretKey::from_pem(file.as_bytes()).unwrap_err()
}

fn public_error(file: &str) -> KeyError {
    PublicKey::from_pem(file.as_bytes()).unwrap_err()
}

#[test]
fn keys_by_openssl_are_read_and_written_back_byte_by_byte() {
    let secret = SecretKey::from_pem(PRIVATE.as_bytes()).unwrap();
    let public = PublicKey::from_pem(PUBLIC.as_bytes()).unwrap();
    assert_eq!(secret.to_pem().as_bytes(), PRIVATE.as_bytes());
    assert_eq!(public.to_pem(), *PUBLIC);
    assert_eq!(secret.public(), public);
    assert_eq!(public.id().to_string(), ID);
}

#[test]
fn a_private_key_with_attributes_and_its_public_half_is_read() {
    let secret = SecretKey::from_pem(pem(include_str!("pem/rfc8410_v2.pem")).as_bytes()).unwrap();
    // The public key of the same section.
    let public = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=";
    assert!(secret.public().to_pem().contains(public));
}

#[test]
fn line_ends_of_windows_and_text_around_a_block_do_no_harm() {
    let file = format!("subject=me\r\n\r\n{}\r\nbye\r\n", PUBLIC.replace('\n', "\r\n"));
    assert_eq!(PublicKey::from_pem(file.as_bytes()).unwrap().to_pem(), *PUBLIC);
}

#[test]
fn whatever_is_no_private_key_is_named_with_a_way_out() {
    let belonging = "sign with the private key that belongs to it";
    let decrypt = "decrypt it with `openssl pkey -in FILE -out KEY`";
    let make = "make a key with `openssl genpkey -algorithm ed25519 -out KEY`";
    let request = &*pem(include_str!("pem/certificate_request.pem"));
    let cases = [
        (PUBLIC.as_str(), "a public key", belonging),
        (CERTIFICATE.as_str(), "a certificate", belonging),
        (ENCRYPTED.as_str(), "an encrypted private key", decrypt),
        (OPENSSH.as_str(), "an OpenSSH private key", make),
        (OPENSSH_PUBLIC.as_str(), "an OpenSSH public key", make),
        (RSA.as_str(), "an RSA key", make),
        (RSA_PUBLIC.as_str(), "an RSA key", make),
        (&pem(include_str!("pem/rsa_traditional.pem")), "an RSA key", make),
        (EC.as_str(), "an EC key", make),
        (EC_PUBLIC.as_str(), "an EC key", make),
        (&pem(include_str!("pem/ec_traditional.pem")), "an EC key", make),
        (&pem(include_str!("pem/x25519.pem")), "a key for the algorithm 1.3.101.110", make),
        (request, "a PEM block `CERTIFICATE REQUEST`", make),
        ("a text\n", "no PEM at all", "such a file has a line `-----BEGIN PRIVATE KEY-----`"),
    ];
    for (file, found, way_out) in cases {
        let expected = format!("expected an Ed25519 private key in PEM, found {found}; {way_out}");
        assert_eq!(private_error(file).to_string(), expected);
    }
}

#[test]
fn whatever_is_no_public_key_is_named_with_a_way_out() {
    let public_half = "write its public half with `openssl pkey -in FILE -pubout -out KEY.pub`";
    let take = "take its key out with `openssl x509 -in FILE -noout -pubkey -out KEY.pub`";
    let ask = "ask whoever signed for their Ed25519 public key in PEM";
    let cases = [
        (PRIVATE.as_str(), "a private key", public_half),
        (ENCRYPTED.as_str(), "an encrypted private key", public_half),
        (CERTIFICATE.as_str(), "a certificate", take),
        (OPENSSH.as_str(), "an OpenSSH private key", ask),
        (OPENSSH_PUBLIC.as_str(), "an OpenSSH public key", ask),
        (RSA.as_str(), "an RSA key", ask),
        (RSA_PUBLIC.as_str(), "an RSA key", ask),
        (EC.as_str(), "an EC key", ask),
        (EC_PUBLIC.as_str(), "an EC key", ask),
        (&pem(include_str!("pem/x25519_public.pem")), "a key for the algorithm 1.3.101.110", ask),
        ("", "no PEM at all", "such a file has a line `-----BEGIN PUBLIC KEY-----`"),
    ];
    for (file, found, way_out) in cases {
        let expected = format!("expected an Ed25519 public key in PEM, found {found}; {way_out}");
        assert_eq!(public_error(file).to_string(), expected);
    }
}

/// Whoever reads the file would not know which of the two is meant.
#[test]
fn a_file_with_two_keys_is_refused() {
    let wanted = Half::Public;
    assert_eq!(public_error(&PUBLIC.repeat(2)), KeyError::SeveralBlocks { wanted });
    let both = format!("{}{}", *PUBLIC, *PRIVATE);
    assert_eq!(public_error(&both), KeyError::SeveralBlocks { wanted });
    let found = FileKind::PublicKey;
    assert_eq!(private_error(&both), KeyError::AnotherKind { wanted: Half::Private, found });
}

#[test]
fn a_key_that_was_cut_off_is_damaged() {
    for length in "-----BEGIN PUBLIC KEY-----".len()..PUBLIC.trim_end().len() {
        let error = public_error(&PUBLIC[..length]);
        assert!(matches!(error, KeyError::Damaged { wanted: Half::Public, .. }), "{error}");
    }
}

proptest! {
    #[test]
    fn every_seed_survives_its_file(seed in any::<[u8; 32]>()) {
        let secret = SecretKey::from_seed(seed);
        let read = SecretKey::from_pem(secret.to_pem().as_bytes()).unwrap();
        prop_assert_eq!(read.public(), secret.public());
        let public = PublicKey::from_pem(secret.public().to_pem().as_bytes()).unwrap();
        prop_assert_eq!(public, secret.public());
    }

    /// Either the bytes are refused, or there is a key in them.
    #[test]
    fn no_bytes_make_reading_panic(
        label in "(PRIVATE|PUBLIC|[ -~]{0,12}) KEY",
        before in any::<Vec<u8>>(),
        body in prop_oneof![
            any::<Vec<u8>>(),
            "[A-Za-z0-9+/=\n]{0,120}".prop_map(String::into_bytes),
        ],
    ) {
        let begin = format!("-----BEGIN {label}-----\n");
        let end = format!("\n-----END {label}-----\n");
        for file in [[&before, begin.as_bytes(), &body, end.as_bytes()].concat(), body] {
            for error in [SecretKey::from_pem(&file).err(), PublicKey::from_pem(&file).err()] {
                prop_assert!(error.is_none_or(|error| !error.to_string().is_empty()));
            }
        }
    }
}
