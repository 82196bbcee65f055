//! The manifest as a second witness beside the journal.
//!
//! Owns: whether a manifest is whole, whether it is about this journal, and
//! which of the two is to blame if not.
//!
//! Does not: read the files that it lists.

use tachograph_model::digest::Digest;
use tachograph_model::study::{MANIFEST_SCHEMA, Manifest};

use super::{Checker, Severity};
use crate::journal::Reading;
use crate::{layout, manifest, schema};

/// A manifest as it was found.
pub(super) struct Witness<'a> {
    bytes: &'a [u8],
    parsed: Option<Manifest>,
    /// Why it cannot be relied on, with the line.
    fault: Option<(Option<u64>, String)>,
}

impl<'a> Witness<'a> {
    /// Reads a manifest and holds it against itself: its root must be that of
    /// its files, and its bytes must be the ones that are written for it.
    pub(super) fn of(bytes: &'a [u8]) -> Self {
        let faulty = |parsed, line, reason| Self { bytes, parsed, fault: Some((line, reason)) };
        if let Err(error) = schema::check_document(bytes, MANIFEST_SCHEMA) {
            return faulty(None, None, error.to_string());
        }
        let manifest: Manifest = match serde_json::from_slice(bytes) {
            Ok(manifest) => manifest,
            Err(error) => return faulty(None, Some(error.line() as u64), error.to_string()),
        };
        let root = manifest::merkle_root(&manifest.files);
        if root != manifest.merkle_root {
            let reason = format!(
                "its Merkle root is {}, but the files that it lists have {root}",
                manifest.merkle_root
            );
            return faulty(Some(manifest), None, reason);
        }
        let line = first_difference(bytes, &manifest::bytes(&manifest));
        match line {
            Some(line) => faulty(
                Some(manifest),
                Some(line),
                "it is not written as tacho writes it".to_owned(),
            ),
            None => Self { bytes, parsed: Some(manifest), fault: None },
        }
    }

    /// Returns what it says of the last line of the journal.
    pub(super) fn head(&self) -> Option<Digest> {
        self.parsed.as_ref().map(|manifest| manifest.journal_head)
    }

    /// Returns whether it can be relied on and is not about a journal with
    /// this digest.
    pub(super) fn contradicts(&self, journal: Digest) -> bool {
        let listed = self.parsed.as_ref().and_then(|manifest| manifest.files.get(layout::JOURNAL));
        self.fault.is_none() && listed != Some(&journal)
    }
}

/// Returns the first line, from 1, in which two texts differ.
fn first_difference(a: &[u8], b: &[u8]) -> Option<u64> {
    if a == b {
        return None;
    }
    let lines = |text: &[u8]| -> Vec<Vec<u8>> {
        text.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    };
    let (a, b) = (lines(a), lines(b));
    let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    Some(same as u64 + 1)
}

impl Checker<'_> {
    pub(super) fn check_manifest(&mut self, journal: &[u8], witness: Option<Witness<'_>>) {
        let Some(witness) = witness else { return self.no_manifest() };
        let digest = Digest::of(journal);
        let expected = manifest::of(&self.reading.ledger, digest, self.reading.head());
        if self.journal_is_sound() && manifest::bytes(&expected) == witness.bytes {
            self.check.merkle_root = Some(expected.merkle_root);
            self.listed = Some(expected.files);
            return;
        }
        if let Some((line, reason)) = witness.fault {
            let line =
                line.or_else(|| first_difference(witness.bytes, &manifest::bytes(&expected)));
            return self.damaged(layout::MANIFEST, line, reason);
        }
        let Some(found) = witness.parsed else { return };
        if let Some(n_sealed) = self.sealed_before(journal, witness.bytes) {
            let n_lines = self.reading.lines.len() as u64;
            let message = format!(
                "it seals the journal up to line {n_sealed} of {n_lines}: a writer is at work, or \
                 was interrupted; --resume or a new report seals the rest"
            );
            self.find(Severity::Unfinished, layout::MANIFEST, None, message);
            return;
        }
        let line = first_difference(witness.bytes, &manifest::bytes(&expected));
        if found.files.get(layout::JOURNAL) == Some(&digest) {
            // The journal is the one that was sealed, so the manifest must follow from it.
            self.damaged(layout::MANIFEST, line, "it does not follow from the journal".to_owned());
            return;
        }
        if self.journal_is_sound() {
            let (head, last) = (self.reading.head(), self.reading.lines.len() as u64);
            let message = format!(
                "it is not the journal that was sealed: the digest of its last line is {head}, \
                 manifest.json says {}",
                found.journal_head
            );
            self.damaged(layout::JOURNAL, Some(last.max(1)), message);
        }
        self.listed = Some(found.files);
    }

    fn no_manifest(&mut self) {
        if self.reading.ledger.is_sealed() {
            let message = "the study was sealed, but its manifest is missing; without it the last \
                           line of the journal cannot be checked; a new report writes it again";
            self.damaged(layout::MANIFEST, None, message.to_owned());
        } else {
            let message = "the study is not sealed yet, so the last line of its journal cannot be \
                           checked; --resume completes it";
            self.find(Severity::Unfinished, layout::MANIFEST, None, message.to_owned());
        }
    }

    /// Returns the number of lines that `found` seals, if it is the manifest of
    /// this journal without some of its last lines.
    fn sealed_before(&self, journal: &[u8], found: &[u8]) -> Option<u64> {
        let manifest: Manifest = serde_json::from_slice(found).ok()?;
        let at =
            self.reading.lines.iter().position(|(digest, _)| *digest == manifest.journal_head)?;
        let end = journal
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'\n')
            .nth(at)
            .map(|(offset, _)| offset + 1)?;
        let before = Reading::of(&journal[..end], None);
        let expected = manifest::of(&before.ledger, Digest::of(&journal[..end]), before.head());
        (manifest::bytes(&expected) == found).then_some(at as u64 + 1)
    }
}
