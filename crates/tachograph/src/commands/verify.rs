//! `tacho verify`: recomputes a study's report from its raw events.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::json;
use tachograph_attest::keys::PublicKey;
use tachograph_model::plan::parse;
use tachograph_report::{Rendered, VALIDATION, Verification};
use tachograph_store::{Check, OpenStudy, Study};

use crate::args::VerifyArgs;
use crate::attestation;
use crate::collection;
use crate::derivation::{self, Beside, Derivation, open_failure};
use crate::documents::{self, DocumentFindings};
use crate::failure::{Exit, Failure};
use crate::ro_crate;
use crate::session::VERSION;
use crate::terminal::{note, out};

/// What no chain of digests can show.
const REWRITTEN: &str = "whether somebody rewrote files, journal and manifest together: compare the \
                         Merkle root with one that was kept elsewhere, or a signature with --key";

/// What verification found, in words.
#[derive(Debug)]
pub(crate) struct Verdict {
    check: Check,
    /// The comparison with the published reports, or why there is none.
    comparison: Result<Verification, String>,
    /// Everything that is wrong, a line each.
    wrong: Vec<String>,
    not_checked: Vec<String>,
    /// Who stands for the study, if a key was given and fits.
    signed: Option<String>,
    /// Numbers of other texts that were recomputed.
    n_document_numbers: usize,
    /// The study and what follows from it, if it could be read.
    derivation: Option<Derivation>,
}

/// Carries the command out.
pub(crate) fn execute(args: &VerifyArgs) -> Result<Exit, Failure> {
    let key = args.key.as_deref().map(attestation::public_key).transpose()?;
    let folders = collection::studies(&args.study)?;
    if let [folder] = &*folders {
        let mut verdict = evidence(folder)?;
        verdict.add_companions(folder, key.as_ref())?;
        verdict.add_documents(documents::check(&args.document, &[(folder, &verdict)])?);
        if args.json {
            out(format!("{:#}", verdict.as_json()));
        } else {
            verdict.print();
        }
        return Ok(verdict.exit());
    }
    let mut verdicts = Vec::new();
    for folder in &folders {
        let mut verdict = evidence(folder)?;
        verdict.add_companions(folder, key.as_ref())?;
        verdicts.push((folder, verdict));
    }
    let each: Vec<_> = verdicts.iter().map(|(folder, verdict)| (*folder, verdict)).collect();
    let documents = documents::check(&args.document, &each)?;
    Ok(several(&verdicts, &documents, args.json))
}

/// Says what became of the studies of a folder, one after the other.
fn several(verdicts: &[(&PathBuf, Verdict)], documents: &DocumentFindings, as_json: bool) -> Exit {
    let exits = verdicts.iter().map(|(_, verdict)| verdict.exit());
    let of_documents = if documents.wrong.is_empty() { Exit::Done } else { Exit::AnswerIsNo };
    // The answer "no" is graver than an unfinished study.
    let grave = |exit: &Exit| (*exit == Exit::AnswerIsNo, *exit as u8);
    let exit = exits.chain([of_documents]).max_by_key(grave).unwrap_or(Exit::Done);
    if as_json {
        let each: BTreeMap<String, serde_json::Value> = verdicts
            .iter()
            .map(|(folder, verdict)| (collection::name(folder), verdict.as_json()))
            .collect();
        let value = json!({
            "verified": exit == Exit::Done,
            "studies": each,
            "documents": {"wrong": documents.wrong, "n_printed": documents.n_printed},
        });
        out(format!("{value:#}"));
        return exit;
    }
    for (folder, verdict) in verdicts {
        let name = collection::name(folder);
        for line in &verdict.wrong {
            out(format!("{name}: {line}"));
        }
        let summary = verdict.summary();
        out(format!("{name}: {}", summary.lines().next().unwrap_or_default()));
    }
    for line in &documents.wrong {
        out(line);
    }
    if documents.n_printed > 0 {
        out(format!("{} numbers of other texts recomputed", documents.n_printed));
    }
    let not_checked: BTreeSet<&String> =
        verdicts.iter().flat_map(|(_, verdict)| &verdict.not_checked).collect();
    out("not checked:");
    for line in not_checked {
        out(format!("  - {line}"));
    }
    exit
}

/// Verifies a study with the files that speak of it.
///
/// # Errors
///
/// As [`evidence`].
pub(crate) fn verify(folder: &Path) -> Result<Verdict, Failure> {
    let mut verdict = evidence(folder)?;
    verdict.add_companions(folder, None)?;
    Ok(verdict)
}

/// Returns a study whose evidence and reports verify. Of another one it says what is
/// wrong, and returns the exit code.
///
/// # Errors
///
/// As [`evidence`].
pub(crate) fn sound(folder: &Path) -> Result<Result<OpenStudy, Exit>, Failure> {
    let verdict = evidence(folder)?;
    let exit = verdict.exit();
    match verdict.derivation {
        Some(derivation) if exit == Exit::Done => Ok(Ok(derivation.study)),
        _ => {
            for line in &verdict.wrong {
                out(line);
            }
            note(verdict.summary());
            Ok(Err(exit))
        }
    }
}

/// Checks every file against journal and manifest, then computes everything
/// again and compares it with what is published.
///
/// # Errors
///
/// A failure if the folder is not a study that this version can read.
fn evidence(folder: &Path) -> Result<Verdict, Failure> {
    let check = tachograph_store::check(folder).map_err(|error| open_failure(&error, folder))?;
    let mut wrong: Vec<String> = check.findings.iter().map(ToString::to_string).collect();
    let mut not_checked: Vec<String> =
        tachograph_report::NOT_CHECKED.iter().map(|&sentence| sentence.to_owned()).collect();
    not_checked.push(REWRITTEN.to_owned());
    let (comparison, derivation) = match derivation::derive(folder) {
        Ok(derivation) => {
            plan_follows(&derivation.study, &mut wrong, &mut not_checked);
            let looks = tachograph_report::check_looks(derivation.study.head(), &derivation.facts);
            wrong.extend(looks.iter().map(ToString::to_string));
            let found = (&mut wrong, &mut not_checked);
            (compare(&derivation, check.is_damaged(), found)?, Some(derivation))
        }
        Err(error) if check.is_damaged() => {
            (Err(format!("the report could not be recomputed: {error}")), None)
        }
        Err(error) => return Err(error),
    };
    if let Err(reason) = &comparison {
        not_checked.insert(0, reason.clone());
    }
    Ok(Verdict {
        check,
        comparison,
        wrong,
        not_checked,
        signed: None,
        n_document_numbers: 0,
        derivation,
    })
}

/// Compares every published report with what follows from the events; returns why there
/// is nothing to compare, if that is so.
fn compare(
    derivation: &Derivation,
    is_damaged: bool,
    (wrong, not_checked): (&mut Vec<String>, &mut Vec<String>),
) -> Result<Result<Verification, String>, Failure> {
    let before = wrong.len();
    let main = derivation.rendered.kind();
    let mut found: Option<Verification> = None;
    for kind in derivation.study.published_kinds() {
        let verification = if kind == main {
            let verification = compare_files(derivation, &derivation.rendered)?;
            compare_tables(derivation, wrong)?;
            verification
        } else if kind == VALIDATION {
            match validation(derivation) {
                Ok(beside) => {
                    not_checked.extend(beside.not_checked);
                    compare_files(derivation, &beside.rendered)?
                }
                // What is damaged is named already.
                Err(reason) if is_damaged => {
                    not_checked.insert(0, format!("the report {VALIDATION}: {reason}"));
                    continue;
                }
                Err(reason) => {
                    wrong.push(reason);
                    continue;
                }
            }
        } else {
            not_checked.push(format!("the report {kind}: this tacho knows no such kind"));
            continue;
        };
        wrong.extend(verification.differences.iter().map(ToString::to_string));
        match &mut found {
            Some(found) => found.add(verification),
            None => found = Some(verification),
        }
    }
    let written_by = derivation.study.head().created().map_or("", |it| &*it.harness_version);
    if wrong.len() > before && written_by != VERSION {
        wrong.push(format!(
            "the study was made by tacho {written_by} and this is {VERSION}: a difference in words \
             or layout may come from that; `tacho report` publishes anew"
        ));
    }
    Ok(found.ok_or_else(|| "no report is published; `tacho report` writes one".to_owned()))
}

/// Returns the report `validation` that follows from the events and from what it was
/// held against.
fn validation(derivation: &Derivation) -> Result<Beside, String> {
    let files = derivation.held_against().map_err(|failure| failure.to_string())?;
    derivation.validation(files).map_err(|error| error.to_string())
}

/// Compares the published files of one report with what follows from the events.
fn compare_files(derivation: &Derivation, rendered: &Rendered) -> Result<Verification, Failure> {
    let study = &derivation.study;
    let expected = rendered.files();
    let mut published = BTreeMap::new();
    for path in expected.keys().map(String::as_str).chain(study.published_paths(rendered.kind())) {
        let bytes =
            study.read_as_it_is(path).map_err(|error| open_failure(&error, study.folder()))?;
        if let Some(bytes) = bytes {
            published.insert(path.to_owned(), bytes);
        }
    }
    Ok(tachograph_report::compare(rendered, &published))
}

/// Compares the tables with what follows from the events.
fn compare_tables(derivation: &Derivation, wrong: &mut Vec<String>) -> Result<(), Failure> {
    let study = &derivation.study;
    for (path, bytes) in derivation.files()?.iter().filter(|(path, _)| path.starts_with("tables/"))
    {
        let found =
            study.read_as_it_is(path).map_err(|error| open_failure(&error, study.folder()))?;
        match found {
            None => wrong.push(format!("{path}: the file is missing; run tacho report")),
            Some(found) if found != *bytes => {
                wrong.push(format!("{path}: the table does not follow from the events"));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// Checks that `plan.lock.json` follows from `plan.toml`, where no command line
/// changed it.
fn plan_follows(study: &OpenStudy, wrong: &mut Vec<String>, not_checked: &mut Vec<String>) {
    if study.head().created().is_none_or(|created| !created.overrides.is_empty()) {
        not_checked.push(
            "that plan.lock.json follows from plan.toml and the command line's changes".to_owned(),
        );
        return;
    }
    let follows = std::str::from_utf8(study.plan_toml())
        .is_ok_and(|text| parse::parse(text).is_ok_and(|parsed| parsed.plan == study.head().plan));
    if !follows {
        wrong.push("plan.lock.json: does not follow from plan.toml".to_owned());
    }
}

impl Verdict {
    /// Returns the study's report, if it could be recomputed.
    pub(crate) fn rendered(&self) -> Option<&Rendered> {
        self.derivation.as_ref().map(|derivation| &derivation.rendered)
    }

    /// Adds what was found of texts that quote the study.
    fn add_documents(&mut self, checked: DocumentFindings) {
        self.wrong.extend(checked.wrong);
        self.not_checked.extend(checked.not_checked);
        self.n_document_numbers += checked.n_printed;
    }

    /// Prints what is wrong, the verdict, and what was not checked.
    fn print(&self) {
        for line in &self.wrong {
            out(line);
        }
        out(self.summary());
        out("not checked:");
        for line in &self.not_checked {
            out(format!("  - {line}"));
        }
    }

    /// Adds what the files say that speak of the study: its attestation and its
    /// description as an RO-Crate.
    fn add_companions(&mut self, folder: &Path, key: Option<&PublicKey>) -> Result<(), Failure> {
        // Where only events are damaged, the study can still be opened.
        let opened;
        let study = if let Some(derivation) = &self.derivation {
            &derivation.study
        } else {
            let Ok(study) = Study::open(folder) else {
                self.not_checked.push("the attestation: the study cannot be opened".to_owned());
                return Ok(());
            };
            opened = study;
            &opened
        };
        let attested = attestation::check(study, key)?;
        let described = ro_crate::check(study)?;
        if attested.signed.is_some() && attested.wrong.is_empty() {
            self.not_checked.retain(|line| line != REWRITTEN);
        }
        self.wrong.extend(attested.wrong);
        self.not_checked.extend(attested.not_checked);
        self.signed = attested.signed;
        self.wrong.extend(described);
        Ok(())
    }

    /// Returns the exit code: a study that only was not finished is partial.
    pub(crate) fn exit(&self) -> Exit {
        match (self.wrong.len(), self.check.is_damaged()) {
            (0, _) => Exit::Done,
            (n, false) if n == self.check.findings.len() => Exit::Partial,
            _ => Exit::AnswerIsNo,
        }
    }

    /// Returns the verdict in a line or two.
    pub(crate) fn summary(&self) -> String {
        let Check { n_files, n_runs, n_events, .. } = &self.check;
        let evidence = format!("{n_files} files, {n_runs} runs, {n_events} events");
        let report = match &self.comparison {
            Ok(verification) => format!(
                "{} claims and {} printed numbers recomputed",
                verification.n_claims, verification.n_printed
            ),
            Err(reason) => reason.clone(),
        };
        let root = self.check.merkle_root.map_or_else(String::new, |root| {
            format!("\nMerkle root {root}: keep it elsewhere to notice a rewritten study")
        });
        match self.wrong.len() {
            0 => {
                let documents = match self.n_document_numbers {
                    0 => String::new(),
                    n => format!(", and {n} of other texts"),
                };
                let report = format!("{report}{documents}");
                let signed = self.signed.as_ref().map_or(String::new(), |by| format!("; {by}"));
                format!("verified: {evidence}; {report}{signed}{root}")
            }
            _ if self.exit() == Exit::Partial => {
                format!("not finished, and nothing changed so far: {evidence}; {report}")
            }
            1 => format!("NOT verified: 1 deviation; {evidence}; {report}"),
            n => format!("NOT verified: {n} deviations; {evidence}; {report}"),
        }
    }

    fn as_json(&self) -> serde_json::Value {
        let findings: Vec<_> = self
            .check
            .findings
            .iter()
            .map(|it| json!({"file": it.path, "line": it.line, "message": it.message}))
            .collect();
        let differences: Vec<_> = self
            .comparison
            .iter()
            .flat_map(|comparison| &comparison.differences)
            .map(|it| {
                json!({
                    "file": it.file, "line": it.line, "claim": it.claim,
                    "expected": it.expected, "found": it.found,
                })
            })
            .collect();
        json!({
            "verified": self.wrong.is_empty(),
            "wrong": self.wrong,
            "findings": findings,
            "differences": differences,
            "n_files": self.check.n_files,
            "n_runs": self.check.n_runs,
            "n_events": self.check.n_events,
            "n_claims": self.comparison.as_ref().ok().map(|comparison| comparison.n_claims),
            "n_printed": self.comparison.as_ref().ok().map(|comparison| comparison.n_printed),
            "signed": self.signed,
            "merkle_root": self.check.merkle_root.map(|root| root.to_string()),
            "not_checked": self.not_checked,
        })
    }
}
