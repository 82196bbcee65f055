//! The envelope in which a statement is signed.
//!
//! Owns: DSSE envelopes (version 1) around statements: their JSON, signing and
//! checking. What is signed is the payload as bytes, so that nobody has to write
//! JSON in one exact way to check it.
//!
//! Does not: decide whose key is to be trusted, or how many signatures are enough;
//! each key is asked about on its own.
//!
//! # Source
//!
//! *DSSE Protocol* and *DSSE Envelope*, version 1.0.0 (secure-systems-lab/dsse).

use std::fmt;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE};
use serde::{Deserialize, Serialize};
use tachograph_model::digest::Digest;

use crate::keys::{PublicKey, SecretKey};
use crate::statement::{Statement, StatementError};

/// The type of the payload: an in-toto statement in JSON.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";
/// The largest envelope that is read; a real one has a few kilobytes.
pub const ENVELOPE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The most signatures that are read, since each takes time to check.
pub const SIGNATURES_MAX: usize = 64;

/// How many characters of a key id by somebody else an error quotes.
const QUOTED_CHARS_MAX: usize = 80;

/// Bytes that are said to be a statement, with signatures. Nothing of it is to be
/// believed before [`Envelope::verify`] was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Signature {
    /// Whose it is said to be; absent if the envelope does not say.
    key_id: Option<String>,
    bytes: Vec<u8>,
}

/// Why bytes are not an envelope with a statement.
#[derive(Debug, thiserror::Error)]
pub enum EnvelopeError {
    /// There are too many bytes.
    #[error("{n_bytes} bytes are too many for an envelope; at most {ENVELOPE_BYTES_MAX} are read")]
    TooLarge {
        /// How many there are.
        n_bytes: usize,
    },
    /// The bytes are not JSON, or lack what an envelope has.
    #[error("not a DSSE envelope in JSON (line {line}, column {column})")]
    Json {
        /// The line, from 1.
        line: usize,
        /// The column, from 1; 0 if only the line is known.
        column: usize,
        /// What is wrong there.
        source: serde_json::Error,
    },
    /// The payload is not a statement.
    #[error("the envelope's payload type is {found:?}, which is not {PAYLOAD_TYPE}")]
    PayloadType {
        /// Its type.
        found: String,
    },
    /// The payload cannot be decoded.
    #[error("the envelope's payload is not base64")]
    PayloadNotBase64 {
        /// What is wrong.
        source: base64::DecodeError,
    },
    /// A signature cannot be decoded.
    #[error("signature {index} of the envelope is not base64")]
    SignatureNotBase64 {
        /// Its position, from 0.
        index: usize,
        /// What is wrong.
        source: base64::DecodeError,
    },
    /// There are too many signatures.
    #[error(
        "{n_signatures} signatures are too many for an envelope; at most {SIGNATURES_MAX} are read"
    )]
    TooManySignatures {
        /// How many there are.
        n_signatures: usize,
    },
}

/// Why an envelope does not show that the holder of a key made a statement.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// No signature fits, and none is said to be by this key.
    #[error(
        "no signature is by the key {key}; the envelope has {found}",
        found = Found(found)
    )]
    NoSignatureByKey {
        /// The id of the key.
        key: Digest,
        /// Whose the signatures are said to be; absent where the envelope does not
        /// say.
        found: Vec<Option<String>>,
    },
    /// A signature is said to be by this key, and does not fit.
    #[error(
        "the signature by the key {key} does not fit; \
         the payload or the signature was changed after signing"
    )]
    Changed {
        /// The id of the key.
        key: Digest,
    },
    /// A signature fits, and what was signed is not a statement about a study.
    #[error("the signature by the key {key} fits, and what it signs says nothing of a study")]
    Statement {
        /// The id of the key.
        key: Digest,
        /// What it is.
        source: StatementError,
    },
}

/// The envelope as it is written. Fields that are not named here are ignored, as
/// DSSE asks.
#[derive(Serialize, Deserialize)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
struct SignatureJson {
    /// An empty key id is an absent one, says DSSE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    keyid: Option<String>,
    sig: String,
}

impl Envelope {
    /// Signs a statement.
    pub fn sign(statement: &Statement, key: &SecretKey) -> Self {
        let payload = statement.to_json().into_bytes();
        let bytes = key.sign(&pre_authentication_encoding(PAYLOAD_TYPE, &payload)).to_vec();
        let key_id = Some(key.public().id().to_string());
        Self { payload, signatures: vec![Signature { key_id, bytes }] }
    }

    /// Reads an envelope and checks none of its signatures.
    ///
    /// # Errors
    ///
    /// [`EnvelopeError`] if the bytes are not an envelope with a payload of the type
    /// [`PAYLOAD_TYPE`], or are too many.
    pub fn from_json(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        if bytes.len() > ENVELOPE_BYTES_MAX {
            return Err(EnvelopeError::TooLarge { n_bytes: bytes.len() });
        }
        let json: EnvelopeJson = serde_json::from_slice(bytes)?;
        if json.payload_type != PAYLOAD_TYPE {
            return Err(EnvelopeError::PayloadType { found: json.payload_type });
        }
        if json.signatures.len() > SIGNATURES_MAX {
            return Err(EnvelopeError::TooManySignatures { n_signatures: json.signatures.len() });
        }
        let payload =
            decode(&json.payload).map_err(|source| EnvelopeError::PayloadNotBase64 { source })?;
        let signatures = json
            .signatures
            .into_iter()
            .enumerate()
            .map(|(index, signature)| {
                let bytes = decode(&signature.sig)
                    .map_err(|source| EnvelopeError::SignatureNotBase64 { index, source })?;
                Ok(Signature { key_id: signature.keyid.filter(|id| !id.is_empty()), bytes })
            })
            .collect::<Result<_, EnvelopeError>>()?;
        Ok(Self { payload, signatures })
    }

    /// Returns the envelope as JSON with a newline at its end. The same envelope
    /// always has the same bytes.
    pub fn to_json(&self) -> String {
        let signatures = self.signatures.iter().map(|signature| SignatureJson {
            keyid: signature.key_id.clone(),
            sig: BASE64_STANDARD.encode(&signature.bytes),
        });
        let json = EnvelopeJson {
            payload: BASE64_STANDARD.encode(&self.payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: signatures.collect(),
        };
        serde_json::to_string_pretty(&json).expect("an envelope has text keys only") + "\n"
    }

    /// Returns what the envelope says, whoever signed it: nobody may have.
    ///
    /// # Errors
    ///
    /// [`StatementError`] if the payload is not a statement about a study.
    pub fn unverified(&self) -> Result<Statement, StatementError> {
        Statement::from_json(&self.payload)
    }

    /// Returns the ids that the signatures name as their keys.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.signatures.iter().filter_map(|signature| signature.key_id.as_deref())
    }

    /// Returns the statement that the holder of `key` signed.
    ///
    /// Key ids are not signed, so they decide nothing: every signature is tried,
    /// and an id only tells which error to give.
    ///
    /// # Errors
    ///
    /// [`VerifyError::NoSignatureByKey`] or [`VerifyError::Changed`] if no signature
    /// fits; [`VerifyError::Statement`] if one does, and the payload is not a
    /// statement about a study.
    pub fn verify(&self, key: &PublicKey) -> Result<Statement, VerifyError> {
        let id = key.id();
        let signed = pre_authentication_encoding(PAYLOAD_TYPE, &self.payload);
        if self.signatures.iter().any(|signature| key.fits(&signed, &signature.bytes)) {
            return Statement::from_json(&self.payload)
                .map_err(|source| VerifyError::Statement { key: id, source });
        }
        let found: Vec<_> = self.signatures.iter().map(|it| it.key_id.clone()).collect();
        if found.contains(&Some(id.to_string())) {
            return Err(VerifyError::Changed { key: id });
        }
        Err(VerifyError::NoSignatureByKey { key: id, found })
    }
}

impl From<serde_json::Error> for EnvelopeError {
    fn from(source: serde_json::Error) -> Self {
        Self::Json { line: source.line(), column: source.column(), source }
    }
}

/// Names whose signatures an envelope has.
struct Found<'a>(&'a [Option<String>]);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("none at all");
        }
        for (i, id) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str(", ")?;
            }
            match id {
                // Anybody may have written it, so it is quoted and cut.
                Some(id) => {
                    let quoted: String = id.chars().take(QUOTED_CHARS_MAX).collect();
                    write!(f, "one by {quoted:?}")?;
                }
                None => f.write_str("one without a key id")?,
            }
        }
        Ok(())
    }
}

/// Decodes base64 in the standard or the URL-safe alphabet (RFC 4648, sections 4
/// and 5), with padding.
fn decode(text: &str) -> Result<Vec<u8>, base64::DecodeError> {
    if text.contains(['-', '_']) {
        BASE64_URL_SAFE.decode(text)
    } else {
        BASE64_STANDARD.decode(text)
    }
}

/// Returns the bytes that are signed: `PAE` of the DSSE protocol.
fn pre_authentication_encoding(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!("DSSEv1 {} {payload_type} {} ", payload_type.len(), payload.len());
    [head.as_bytes(), payload].concat()
}

#[cfg(test)]
mod tests;
