//! Ed25519 keys and their files.
//!
//! Owns: [`SecretKey`] and [`PublicKey`], their form in PEM (RFC 7468, RFC 8410),
//! in which OpenSSL reads and writes them too, and the id of a key.
//!
//! Does not: make randomness, or show secret bytes in errors and debug output.

use std::fmt;

use ed25519_dalek::pkcs8::spki::SubjectPublicKeyInfoRef;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::pkcs8::spki::der::zeroize::Zeroizing;
use ed25519_dalek::pkcs8::{
    ALGORITHM_OID, Document, EncodePrivateKey as _, EncodePublicKey as _, KeypairBytes,
    ObjectIdentifier, PrivateKeyInfoRef, SecretDocument,
};
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use tachograph_model::digest::Digest;

const RSA_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const EC_OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

const PRIVATE_LABEL: &str = "PRIVATE KEY";
const PUBLIC_LABEL: &str = "PUBLIC KEY";

/// Longer labels of PEM blocks are none that anybody uses.
const LABEL_BYTES_MAX: usize = 64;

/// A private Ed25519 key. Its bytes are erased from memory when it is dropped.
pub struct SecretKey(SigningKey);

/// A public Ed25519 key: a point of the curve whose order is not small.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

/// The text of a private key's file, erased from memory when it is dropped.
pub struct PrivatePem(Zeroizing<String>);

/// Which half of a key pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// The one that signs.
    Private,
    /// The one that checks.
    Public,
}

/// What a file holds, if not the half of an Ed25519 key that was needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// The private half of an Ed25519 key.
    PrivateKey,
    /// The public half of an Ed25519 key.
    PublicKey,
    /// A private key behind a passphrase.
    EncryptedPrivateKey,
    /// An X.509 certificate.
    Certificate,
    /// A private key in the format of OpenSSH.
    OpenSshPrivateKey,
    /// A public key in the format of OpenSSH.
    OpenSshPublicKey,
    /// Either half of an RSA key.
    RsaKey,
    /// Either half of a key on another kind of elliptic curve, such as P-256.
    EcKey,
    /// Either half of a key for another algorithm.
    OtherKey {
        /// The algorithm's object identifier: `1.3.101.110`.
        algorithm: String,
    },
    /// A PEM block of another kind.
    OtherBlock {
        /// Its label: `CERTIFICATE REQUEST`.
        label: String,
    },
}

/// Why the bytes of a file are not the key that was needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// There is no PEM block.
    #[error(
        "expected {wanted} in PEM, found no PEM at all; \
         such a file has a line `-----BEGIN {label}-----`",
        label = wanted.label()
    )]
    NotPem {
        /// What was needed.
        wanted: Half,
    },
    /// The file holds something else.
    #[error("expected {wanted} in PEM, found {found}; {hint}", hint = hint(*wanted, found))]
    AnotherKind {
        /// What was needed.
        wanted: Half,
        /// What is there.
        found: FileKind,
    },
    /// After the key another PEM block follows.
    #[error(
        "expected {wanted} in PEM and nothing else, found more PEM blocks; \
         give a file of its own to each key"
    )]
    SeveralBlocks {
        /// What was needed.
        wanted: Half,
    },
    /// The label is right and what follows is not. The cause is left out, since
    /// it may quote bytes of a secret.
    #[error(
        "expected {wanted} in PEM, found the label `{label}` over bytes that are no key; \
         restore the file"
    )]
    Damaged {
        /// What was needed.
        wanted: Half,
        /// The label of the block.
        label: &'static str,
    },
    /// Almost any signature fits the key, whatever was signed.
    #[error(
        "the public key is a point of small order, so anybody can sign for it; \
         ask whoever signed for another one"
    )]
    WeakPublicKey,
}

impl SecretKey {
    /// Returns the private key of a seed, which is the private key of RFC 8032.
    ///
    /// The seed is 32 bytes from a cryptographic random generator.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        Self(SigningKey::from_bytes(&Zeroizing::new(seed)))
    }

    /// Reads a private key from the bytes of a file: PKCS#8 in PEM, as
    /// `openssl genpkey -algorithm ed25519` writes it.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says what the file holds instead.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        let wanted = Half::Private;
        let (block, rest) = first_block(file, wanted)?;
        match block.key()? {
            Key::Private(key) => only(rest, wanted).map(|()| key),
            Key::Public(_) => Err(KeyError::AnotherKind { wanted, found: FileKind::PublicKey }),
        }
    }

    /// Returns the text of the key's file: PKCS#8 in PEM, without the public key,
    /// which OpenSSL would refuse there.
    pub fn to_pem(&self) -> PrivatePem {
        let private = KeypairBytes { secret_key: self.0.to_bytes(), public_key: None };
        PrivatePem(private.to_pkcs8_pem(LineEnding::LF).expect("48 bytes can be encoded"))
    }

    /// Returns the public half.
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// Returns the signature of `message`.
    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).to_bytes()
    }
}

impl PublicKey {
    /// Reads a public key from the bytes of a file: `SubjectPublicKeyInfo` in PEM,
    /// as `openssl pkey -pubout` writes it.
    ///
    /// # Errors
    ///
    /// [`KeyError`] says what the file holds instead.
    pub fn from_pem(file: &[u8]) -> Result<Self, KeyError> {
        let wanted = Half::Public;
        let (block, rest) = first_block(file, wanted)?;
        match block.key()? {
            Key::Public(key) if key.0.is_weak() => Err(KeyError::WeakPublicKey),
            Key::Public(key) => only(rest, wanted).map(|()| key),
            Key::Private(_) => Err(KeyError::AnotherKind { wanted, found: FileKind::PrivateKey }),
        }
    }

    /// Returns the text of the key's file: `SubjectPublicKeyInfo` in PEM.
    pub fn to_pem(&self) -> String {
        self.0.to_public_key_pem(LineEnding::LF).expect("44 bytes can be encoded")
    }

    /// Returns the key's id: the SHA-256 of its `SubjectPublicKeyInfo` in DER.
    pub fn id(&self) -> Digest {
        Digest::of(self.0.to_public_key_der().expect("44 bytes can be encoded").as_bytes())
    }

    /// Returns whether `signature` is one of `message` by this key.
    ///
    /// # Source
    ///
    /// RFC 8032, section 5.1.7, and stricter: points of small order are refused,
    /// so that a signature fits one message and one key only.
    pub(crate) fn fits(&self, message: &[u8], signature: &[u8]) -> bool {
        Signature::from_slice(signature)
            .and_then(|signature| self.0.verify_strict(message, &signature))
            .is_ok()
    }
}

impl PrivatePem {
    /// Returns the bytes to be written to the key's file, which nobody else should
    /// be able to read.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Names the key by its id and shows nothing of the secret.
impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey(of {})", self.public().id())
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// Shows nothing of the secret.
impl fmt::Debug for PrivatePem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivatePem(..)")
    }
}

impl Half {
    fn label(self) -> &'static str {
        match self {
            Self::Private => PRIVATE_LABEL,
            Self::Public => PUBLIC_LABEL,
        }
    }
}

impl fmt::Display for Half {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Private => "an Ed25519 private key",
            Self::Public => "an Ed25519 public key",
        })
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PrivateKey => f.write_str("a private key"),
            Self::PublicKey => f.write_str("a public key"),
            Self::EncryptedPrivateKey => f.write_str("an encrypted private key"),
            Self::Certificate => f.write_str("a certificate"),
            Self::OpenSshPrivateKey => f.write_str("an OpenSSH private key"),
            Self::OpenSshPublicKey => f.write_str("an OpenSSH public key"),
            Self::RsaKey => f.write_str("an RSA key"),
            Self::EcKey => f.write_str("an EC key"),
            Self::OtherKey { algorithm } => write!(f, "a key for the algorithm {algorithm}"),
            Self::OtherBlock { label } => write!(f, "a PEM block `{label}`"),
        }
    }
}

/// Returns what to do if the one is needed and the other is there.
fn hint(wanted: Half, found: &FileKind) -> &'static str {
    match (wanted, found) {
        (Half::Private, FileKind::PublicKey | FileKind::Certificate) => {
            "sign with the private key that belongs to it"
        }
        (Half::Private, FileKind::EncryptedPrivateKey) => {
            "decrypt it with `openssl pkey -in FILE -out KEY`"
        }
        (Half::Private, _) => "make a key with `openssl genpkey -algorithm ed25519 -out KEY`",
        (Half::Public, FileKind::PrivateKey | FileKind::EncryptedPrivateKey) => {
            "write its public half with `openssl pkey -in FILE -pubout -out KEY.pub`"
        }
        (Half::Public, FileKind::Certificate) => {
            "take its key out with `openssl x509 -in FILE -noout -pubkey -out KEY.pub`"
        }
        (Half::Public, _) => "ask whoever signed for their Ed25519 public key in PEM",
    }
}

/// A block of a PEM file.
struct Block<'a> {
    /// What was needed.
    wanted: Half,
    /// What its first line says it holds.
    label: &'a str,
    /// All of it; without the last line if that is missing.
    text: &'a str,
}

/// An Ed25519 key, as its file says which half it is.
enum Key {
    Private(SecretKey),
    Public(PublicKey),
}

/// Returns the first PEM block of a file, and the text after it.
fn first_block(file: &[u8], wanted: Half) -> Result<(Block<'_>, &str), KeyError> {
    const BEGIN: &str = "-----BEGIN ";
    let not_pem = KeyError::NotPem { wanted };
    let Ok(file) = std::str::from_utf8(file) else { return Err(not_pem) };
    if ["ssh-", "ecdsa-sha2-", "sk-"].iter().any(|start| file.starts_with(start)) {
        return Err(KeyError::AnotherKind { wanted, found: FileKind::OpenSshPublicKey });
    }
    let Some(start) = file.find(BEGIN) else { return Err(not_pem) };
    let text = &file[start..];
    let Some((label, _)) = text[BEGIN.len()..].split_once("-----") else { return Err(not_pem) };
    // The label is quoted in errors, so it must be one.
    let is_label = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == ' ';
    if label.len() > LABEL_BYTES_MAX || !label.chars().all(is_label) {
        return Err(not_pem);
    }
    let end = format!("-----END {label}-----");
    let length = text.find(&end).map_or(text.len(), |at| at + end.len());
    let (text, rest) = text.split_at(length);
    Ok((Block { wanted, label, text }, rest))
}

/// Checks that no PEM block follows the one that was read.
fn only(rest: &str, wanted: Half) -> Result<(), KeyError> {
    if rest.contains("-----BEGIN ") { Err(KeyError::SeveralBlocks { wanted }) } else { Ok(()) }
}

impl Block<'_> {
    fn key(&self) -> Result<Key, KeyError> {
        let found = match self.label {
            PRIVATE_LABEL => return self.private().map(Key::Private),
            PUBLIC_LABEL => return self.public().map(Key::Public),
            "ENCRYPTED PRIVATE KEY" => FileKind::EncryptedPrivateKey,
            "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE" => FileKind::Certificate,
            "OPENSSH PRIVATE KEY" => FileKind::OpenSshPrivateKey,
            "RSA PRIVATE KEY" | "RSA PUBLIC KEY" => FileKind::RsaKey,
            "EC PRIVATE KEY" | "EC PARAMETERS" => FileKind::EcKey,
            label => FileKind::OtherBlock { label: label.to_owned() },
        };
        Err(self.another(found))
    }

    fn private(&self) -> Result<SecretKey, KeyError> {
        let damaged = KeyError::Damaged { wanted: self.wanted, label: PRIVATE_LABEL };
        let Ok((_, document)) = SecretDocument::from_pem(self.text) else { return Err(damaged) };
        let Ok(info) = PrivateKeyInfoRef::try_from(document.as_bytes()) else {
            return Err(damaged);
        };
        self.check_algorithm(info.algorithm.oid)?;
        match SigningKey::try_from(info) {
            Ok(key) => Ok(SecretKey(key)),
            Err(_) => Err(damaged),
        }
    }

    fn public(&self) -> Result<PublicKey, KeyError> {
        let damaged = KeyError::Damaged { wanted: self.wanted, label: PUBLIC_LABEL };
        let Ok((_, document)) = Document::from_pem(self.text) else { return Err(damaged) };
        let Ok(info) = SubjectPublicKeyInfoRef::try_from(document.as_bytes()) else {
            return Err(damaged);
        };
        self.check_algorithm(info.algorithm.oid)?;
        match VerifyingKey::try_from(info) {
            Ok(key) => Ok(PublicKey(key)),
            Err(_) => Err(damaged),
        }
    }

    fn check_algorithm(&self, algorithm: ObjectIdentifier) -> Result<(), KeyError> {
        match algorithm {
            ALGORITHM_OID => Ok(()),
            RSA_OID => Err(self.another(FileKind::RsaKey)),
            EC_OID => Err(self.another(FileKind::EcKey)),
            other => Err(self.another(FileKind::OtherKey { algorithm: other.to_string() })),
        }
    }

    fn another(&self, found: FileKind) -> KeyError {
        KeyError::AnotherKind { wanted: self.wanted, found }
    }
}

#[cfg(test)]
mod tests;
