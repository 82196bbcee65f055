//! What an attestation says of a study, and whether it is still so.
//!
//! Owns: the statement about a study as it is now.
//!
//! Does not: sign, or know whose key to trust.

use std::fs;
use std::path::Path;

use tachograph_attest::envelope::Envelope;
use tachograph_attest::keys::{KeyError, PublicKey};
use tachograph_attest::statement::{
    ReportDigests, Statement, StudyDigests, StudyPredicate, Subject, SubjectDigest,
};
use tachograph_model::digest::Digest;
use tachograph_model::study::Manifest;
use tachograph_run::clock;
use tachograph_store::{Companion, OpenStudy};

use crate::derivation::open_failure;
use crate::failure::{Exit, Failure, chain};
use crate::session::VERSION;

/// What an attestation speaks of.
const SUBJECT: &str = "manifest.json";

/// Returns the statement about a study as it is on the disk.
///
/// # Errors
///
/// A failure if the study has no manifest yet.
pub(crate) fn statement(study: &OpenStudy) -> Result<Statement, Failure> {
    let failed = |error| open_failure(&error, study.folder());
    let bytes = study.read_manifest().map_err(failed)?;
    let manifest: Option<Manifest> =
        bytes.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok());
    let (Some(bytes), Some(manifest)) = (bytes, manifest) else {
        let message = format!("{} has no manifest to sign", study.folder().display());
        return Err(Failure::new(Exit::Failed, message)
            .help("it is written when the study is completed or a report is published"));
    };
    let mut reports = Vec::new();
    for kind in study.published_kinds() {
        let digest = |name: &str| manifest.files.get(&format!("reports/{kind}/{name}")).copied();
        if let (Some(report_sha256), Some(claims_sha256)) =
            (digest("report.md"), digest("claims.json"))
        {
            reports.push(ReportDigests { kind, report_sha256, claims_sha256 });
        }
    }
    let head = study.head();
    let predicate = StudyPredicate {
        study: StudyDigests {
            merkle_root: manifest.merkle_root,
            journal_head: manifest.journal_head,
            plan_sha256: head.plan_sha256,
        },
        n_runs: u32::try_from(head.sealed().count()).unwrap_or(u32::MAX),
        reports,
        harness_version: VERSION.to_owned(),
        attested_at: clock::rfc3339_now().parse().expect("the clock writes RFC 3339 in UTC"),
    };
    let digest = SubjectDigest { sha256: Digest::of(&bytes) };
    Ok(Statement::new(vec![Subject { name: SUBJECT.to_owned(), digest }], predicate))
}

/// Reads a public key.
///
/// # Errors
///
/// A usage failure that names the file and what it is instead.
pub(crate) fn public_key(path: &Path) -> Result<PublicKey, Failure> {
    PublicKey::from_pem(&read(path)?).map_err(|error| wrong_key(path, &error))
}

/// Reads a file with a key.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    fs::read(path).map_err(|error| {
        Failure::new(Exit::Usage, format!("could not read {}: {error}", path.display()))
    })
}

/// Returns the failure for a file that holds no key that can be used.
pub(crate) fn wrong_key(path: &Path, error: &KeyError) -> Failure {
    Failure::new(Exit::Usage, format!("{}: {}", path.display(), chain(error)))
}

/// What was found of a study's attestation.
#[derive(Debug, Default)]
pub(crate) struct Attested {
    /// Everything that is wrong, a line each.
    pub(crate) wrong: Vec<String>,
    /// What could not be checked.
    pub(crate) not_checked: Vec<String>,
    /// Who stands for the study, in words, if the signature was checked.
    pub(crate) signed: Option<String>,
}

/// Checks the attestation of a study: that it speaks of the study as it is, and, with a
/// key, that its holder signed it.
///
/// # Errors
///
/// A failure if a file cannot be read.
pub(crate) fn check(study: &OpenStudy, key: Option<&PublicKey>) -> Result<Attested, Failure> {
    let name = Companion::Attestation.file_name();
    let mut attested = Attested::default();
    let bytes = study
        .read_companion(Companion::Attestation)
        .map_err(|error| open_failure(&error, study.folder()))?;
    let Some(bytes) = bytes else {
        if key.is_some() {
            attested.wrong.push(format!("{name}: it is missing: nobody signed this study"));
        }
        return Ok(attested);
    };
    let envelope = match Envelope::from_json(&bytes) {
        Ok(envelope) => envelope,
        Err(error) => {
            attested.wrong.push(format!("{name}: {}", chain(&error)));
            return Ok(attested);
        }
    };
    let said = match key {
        Some(key) => envelope.verify(key).map_err(|error| chain(&error)),
        None => envelope.unverified().map_err(|error| chain(&error)),
    };
    match said {
        Err(error) => attested.wrong.push(format!("{name}: {error}")),
        Ok(said) => {
            let now = statement(study)?;
            attested.wrong.extend(differences(&said, &now).map(|what| {
                format!("{name}: {what}; sign the study anew, or restore what was signed")
            }));
            if let Some(key) = key {
                let at = &said.predicate.attested_at;
                attested.signed = Some(format!("signed by {} at {at}", key.id()));
            } else {
                attested
                    .not_checked
                    .push(format!("who signed {name}: name their public key with --key"));
            }
        }
    }
    Ok(attested)
}

/// Returns what a statement says that is not so.
fn differences(said: &Statement, now: &Statement) -> impl Iterator<Item = String> {
    let (old, new) = (&said.predicate, &now.predicate);
    let same = [
        ("another manifest.json", said.subject == now.subject),
        ("another Merkle root", old.study.merkle_root == new.study.merkle_root),
        ("another end of the journal", old.study.journal_head == new.study.journal_head),
        ("another plan", old.study.plan_sha256 == new.study.plan_sha256),
        ("another number of runs", old.n_runs == new.n_runs),
        ("other reports", old.reports == new.reports),
    ];
    same.into_iter().filter(|(_, same)| !same).map(|(what, _)| format!("it speaks of {what}"))
}
