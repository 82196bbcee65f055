//! Attestations: whoever holds a key says which study, with which reports, they
//! stand for.
//!
//! Owns: Ed25519 keys in PEM ([`keys`]), what is said of a study ([`statement`])
//! and the envelope in which it is signed and checked ([`envelope`]). The formats
//! are described in `docs/attestation.md`.
//!
//! Does not: read files, clocks, sockets or randomness; compute the digests of a
//! study; decide whose key is to be trusted.

pub mod envelope;
pub mod keys;
pub mod statement;
