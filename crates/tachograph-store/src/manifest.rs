//! The manifest: one digest for the whole study.
//!
//! Owns: the Merkle tree, and the one way to write `manifest.json`. All of it
//! follows from the bytes of the journal, so that each of its own bytes can be
//! checked.
//!
//! Does not: read the files that it lists; [`mod@crate::check`] does.

use std::collections::BTreeMap;

use tachograph_model::digest::Digest;
use tachograph_model::study::{MANIFEST_SCHEMA, Manifest, SupersededStudy};

use crate::layout;
use crate::ledger::Ledger;

/// Returns the manifest of a study: what its journal vouches for, and the
/// journal itself.
///
/// `journal` is the digest of the whole file, `head` that of its last line.
pub(crate) fn of(ledger: &Ledger, journal: Digest, head: Digest) -> Manifest {
    let mut files: BTreeMap<String, Digest> =
        ledger.files().iter().map(|(path, vouched)| (path.clone(), vouched.sha256)).collect();
    files.insert(layout::JOURNAL.to_owned(), journal);
    Manifest {
        schema: MANIFEST_SCHEMA.to_owned(),
        journal_head: head,
        merkle_root: merkle_root(&files),
        files,
        supersedes: ledger
            .superseded
            .iter()
            .map(|earlier| SupersededStudy {
                study: earlier.study.clone(),
                plan_sha256: earlier.plan_sha256,
                journal_head: earlier.journal_head,
            })
            .collect(),
    }
}

/// Returns the bytes of `manifest.json`: two spaces of indentation, files in
/// the order of their paths, one newline at the end.
pub(crate) fn bytes(manifest: &Manifest) -> Vec<u8> {
    let mut bytes =
        serde_json::to_vec_pretty(manifest).expect("a manifest has no maps with non-text keys");
    bytes.push(b'\n');
    bytes
}

/// Returns the root of the Merkle tree over `files`, in the order of their paths.
///
/// A leaf is `path NUL digest`, the digest as 32 bytes. The hash of a leaf is
/// `SHA-256(00 leaf)`, that of a node `SHA-256(01 left right)`; the left part
/// of `n` leaves holds the largest power of two below `n`.
///
/// # Source
///
/// RFC 6962, section 2.1.
pub fn merkle_root(files: &BTreeMap<String, Digest>) -> Digest {
    let leaves: Vec<Digest> = files
        .iter()
        .map(|(path, digest)| {
            Digest::of_parts([&[0][..], path.as_bytes(), &[0][..], digest.as_bytes()])
        })
        .collect();
    tree(&leaves)
}

fn tree(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest::of(b""),
        [leaf] => *leaf,
        _ => {
            let left = leaves.len().next_power_of_two() / 2;
            let (left, right) = leaves.split_at(left);
            Digest::of_parts([&[1][..], tree(left).as_bytes(), tree(right).as_bytes()])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Reading;

    /// The roots published for these leaves by Certificate Transparency's test
    /// suite hold for leaves that are plain bytes, so they check `tree` alone.
    #[test]
    fn tree_has_the_published_roots() {
        let leaves: Vec<Digest> = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657"]
            .iter()
            .map(|hex| {
                let bytes: Vec<u8> = (0..hex.len() / 2)
                    .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
                    .collect();
                Digest::of_parts([&[0][..], &bytes])
            })
            .collect();
        for (n, root) in [
            (0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            (1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
            (2, "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
            (3, "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
            (4, "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"),
            (5, "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4"),
            (6, "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef"),
            (7, "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c"),
        ] {
            assert_eq!(tree(&leaves[..n]).to_string(), root, "{n} leaves");
        }
    }

    /// The examples of `docs/study-format.md` are a whole study's journal and
    /// the manifest that follows from it.
    #[test]
    fn documented_journal_and_manifest_belong_together() {
        let page = include_str!("../../../docs/study-format.md");
        let example = |kind: &str| {
            let (_, rest) = page.split_once(&format!("```json {kind}\n")).unwrap();
            rest.split_once("```").unwrap().0.as_bytes()
        };
        let journal = example("journal");
        let reading = Reading::of(journal, None);
        assert_eq!(reading.faults, []);
        let expected = of(&reading.ledger, Digest::of(journal), reading.head());
        assert_eq!(
            String::from_utf8_lossy(example("manifest")),
            String::from_utf8_lossy(&bytes(&expected))
        );
    }

    #[test]
    fn paths_are_part_of_the_root() {
        let files = |path: &str| BTreeMap::from([(path.to_owned(), Digest::of(b"x"))]);
        assert_ne!(merkle_root(&files("a")), merkle_root(&files("b")));
    }
}
